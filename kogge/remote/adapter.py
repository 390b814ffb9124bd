"""The Shop port for a merchant who works in a remote shop: done to the copy, told there by errands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.remote import products
from kogge.remote.models import RemoteShop
from kogge.remote.telling import telling
from kogge.remote.words import PAUSED_BECAUSE, word
from kogge.shops.port import FulfilledParcel, NewOrder, OrderUpdate, OwnOrder, Placed, Refused, Updated
from kogge.shops.remote import Reason


@dataclass(frozen=True, slots=True)
class RemoteBackedShop(BuiltinShop):
    """See `kogge.shops.port.Shop`. Asks nobody, so it never raises `ShopUnavailable`.

    Whatever only looks is the built-in shop's: the copy is what the merchant did over there, too.
    """

    def health(self) -> str:
        """Why nothing, or no order, gets through to the shop; the copy goes on working."""
        shop = RemoteShop.objects.of_id(self.merchant_id).first()
        if shop is None:
            return ""
        if shop.state == RemoteShop.State.PAUSED:
            return word(PAUSED_BECAUSE, shop.pause_reason)
        return word(PAUSED_BECAUSE, Reason.NOT_UNLOCKED) if shop.may_write_orders is False else ""

    def place_orders(self, orders: Sequence[NewOrder], *, now: datetime) -> Sequence[Placed | Refused]:
        """Place orders, each once; the shop is told to write them."""
        with telling(self.merchant_id, now=now):
            return BuiltinShop.place_orders(self, orders, now=now)

    def update_orders(self, updates: Sequence[OrderUpdate], *, now: datetime) -> Sequence[Updated]:
        """Follow what happened at the channel, here and over there."""
        with telling(self.merchant_id, now=now):
            return BuiltinShop.update_orders(self, updates, now=now)

    def assign_product(
        self, channel: str, external_id: str, line: str, product_id: str, *, now: datetime
    ) -> None:
        """Tell which product a free line is. Over there it stays free, and the product's stock is moved."""
        with telling(self.merchant_id, now=now):
            BuiltinShop.assign_product(self, channel, external_id, line, product_id, now=now)

    def reinstate(self, channel: str, external_id: str, *, now: datetime) -> None:
        """Let an order stand again whose cancellation the channel refused, here and over there."""
        with telling(self.merchant_id, now=now):
            BuiltinShop.reinstate(self, channel, external_id, now=now)

    def forget_people(self, channel: str, external_ids: Collection[str], *, now: datetime) -> int:
        """Blank the personal data of these orders, here and what we wrote of it over there."""
        with telling(self.merchant_id, now=now):
            return BuiltinShop.forget_people(self, channel, external_ids, now=now)

    def hand_over(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> OwnOrder:
        """Give open units to a fulfiller; over there it is noted and the stock given back."""
        with telling(self.merchant_id, now=now):
            return BuiltinShop.hand_over(self, order_id, line_ids, by, now=now)

    def take_back(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> None:
        """What is still open is the merchant's again, here and over there."""
        with telling(self.merchant_id, now=now):
            BuiltinShop.take_back(self, order_id, line_ids, by, now=now)

    def record_parcel(self, order_id: str, parcel: FulfilledParcel, by: str, *, now: datetime) -> bool:
        """Write a fulfiller's parcel into the order; the remote shop hears of it and mails its customer."""
        with telling(self.merchant_id, now=now):
            return BuiltinShop.record_parcel(self, order_id, parcel, by, now=now)

    def cancel_own_order(self, order_id: str, reason: str, by: str, *, now: datetime) -> None:
        """Cancel an own order whose fulfiller let go, here and over there."""
        with telling(self.merchant_id, now=now):
            BuiltinShop.cancel_own_order(self, order_id, reason, by, now=now)

    def channel_fields_changed(self, channel: str, product_ids: Collection[str], *, now: datetime) -> None:
        """What the offers page says stands at the shop's products, too."""
        products.channel_fields_changed(self.merchant_id, [int(key) for key in product_ids], now=now)
