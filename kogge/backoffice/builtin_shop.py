"""The built-in shop behind the Shop port: what a channel app sees of the back office."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import following, orders, people, placing, stock
from kogge.backoffice.models import Order, OrderEvent, OrderLine
from kogge.backoffice.models import Product as StoredProduct
from kogge.backoffice.refusal import Refusal
from kogge.shops.port import (
    ChangePage,
    NewOrder,
    OrderCancelled,
    OrderChange,
    OrderReturned,
    OrderUpdate,
    ParcelSent,
    Placed,
    Product,
    ProductValues,
    Refused,
    Reservation,
    ShopRefuses,
    Updated,
)
from kogge.values import Money, Tracking

Kind = OrderEvent.Kind

# What the merchant does and a channel must hear of. Everything else in the log stays in the house.
CHANGES = (Kind.PARCEL_SENT, Kind.TRACKING_CORRECTED, Kind.CANCELLED, Kind.RETURNED)


@dataclass(frozen=True, slots=True)
class BuiltinShop:
    """The Shop port for a merchant who works in Kogge itself. See `kogge.shops.port.Shop`."""

    shares_transaction: ClassVar[bool] = True

    merchant_id: int

    def find_products(self, codes: Collection[str]) -> Mapping[str, Product]:
        """The products with these article numbers."""
        found = StoredProduct.objects.of_id(self.merchant_id).filter(code__in=codes)
        return {
            code: Product(str(pk), code, title)
            for pk, code, title in found.values_list("pk", "code", "title")
        }

    def products(self, product_ids: Collection[str]) -> Mapping[str, Product]:
        """The products with these keys."""
        keys = [key for product_id in product_ids if (key := placing.product_key(product_id))]
        found = StoredProduct.objects.of_id(self.merchant_id).filter(pk__in=keys)
        return {
            str(pk): Product(str(pk), code, title)
            for pk, code, title in found.values_list("pk", "code", "title")
        }

    def product_values(self, product_ids: Collection[str]) -> Mapping[str, ProductValues]:
        """What may be offered of these products now."""
        keys = [key for product_id in product_ids if (key := placing.product_key(product_id))]
        found = StoredProduct.objects.of_id(self.merchant_id).filter(pk__in=keys)
        return {
            str(product.pk): ProductValues(
                str(product.pk),
                product.code,
                product.title,
                product.gtin,
                Money(product.price, product.currency),
                product.available,
                product.reserved,
                product.lead_time_days,
                product.active,
            )
            for product in found.defer("description")
        }

    def place_orders(self, orders: Sequence[NewOrder], *, now: datetime) -> Sequence[Placed | Refused]:
        """Place orders, each once."""
        return placing.place(self.merchant_id, orders, now=now)

    def update_orders(self, updates: Sequence[OrderUpdate], *, now: datetime) -> Sequence[Updated]:
        """Follow what happened at the channel."""
        return following.update_orders(self.merchant_id, updates, now=now)

    @transaction.atomic
    def reserve(self, reservations: Sequence[Reservation], *, now: datetime) -> None:
        """Hold stock back. For an order that is placed later, name it by `placing.reservation_key`."""
        stock.lock_shop(self.merchant_id)
        known = self.products([reservation.product_id for reservation in reservations])
        held = [
            stock.reserve(reservation.key, int(reservation.product_id), reservation.quantity)
            for reservation in reservations
            if reservation.product_id in known and reservation.quantity > 0
        ]
        stock.move(self.merchant_id, held, actor=_CHANNEL, now=now)

    @transaction.atomic
    def release(self, keys: Collection[str], *, now: datetime) -> None:
        """Give back reservations."""
        stock.lock_shop(self.merchant_id)
        stock.record(self.merchant_id, stock.releases(self.merchant_id, keys), actor=_CHANNEL, now=now)

    def assign_product(
        self, channel: str, external_id: str, line: str, product_id: str, *, now: datetime
    ) -> None:
        """Tell which product a free line is. Raises `ShopRefuses`."""
        product = (
            StoredProduct.objects.of_id(self.merchant_id)
            .filter(pk=placing.product_key(product_id) or 0)
            .first()
        )
        found = (
            OrderLine.objects.of_id(self.merchant_id)
            .select_related("order")
            .filter(order__channel=channel, order__external_id=external_id, external_id=line)
            .first()
        )
        if product is None or found is None:
            raise ShopRefuses(_("Dieses Produkt oder diese Position gibt es im Shop nicht mehr."))
        try:
            orders.assign_product(found, product, actor=channel, now=now)
        except Refusal as refused:
            raise ShopRefuses(refused.sentence) from refused

    def reinstate(self, channel: str, external_id: str, *, now: datetime) -> None:
        """Let an order stand again whose cancellation the channel refused. Raises `ShopRefuses`."""
        order = Order.objects.of_id(self.merchant_id).filter(channel=channel, external_id=external_id).first()
        if order is None:
            raise ShopRefuses(_("Diese Bestellung gibt es im Shop nicht mehr."))
        orders.reinstate(order, actor=channel, now=now)

    def order_changes(self, channel: str, after: str, limit: int) -> ChangePage:
        """What the merchant did with the channel's orders, in the order it happened.

        Nothing is left out: events are written under the shop's lock, so a smaller id is never
        committed after a larger one.
        """
        events = list(
            OrderEvent.objects.of_id(self.merchant_id)
            .filter(channel=channel, kind__in=CHANGES, id__gt=int(after or 0))
            .order_by("id")
            .values_list("id", "kind", "at", "details", "order__external_id")[: limit + 1]
        )
        page = events[:limit]
        changes = [
            change
            for _id, kind, at, details, external_id in page
            if (change := _change(kind, at, details, external_id))
        ]
        cursor = str(page[-1][0]) if page else after
        return ChangePage(changes, cursor, more=len(events) > limit)

    def forget_people(self, channel: str, external_ids: Collection[str], *, now: datetime) -> int:
        """Blank the personal data of these orders."""
        known = Order.objects.of_id(self.merchant_id).filter(channel=channel, external_id__in=external_ids)
        ids = list(known.values_list("pk", flat=True))
        return people.forget_people(self.merchant_id, ids, actor=channel, now=now)


_CHANNEL = "channel"  # who reserves: the port does not say which of the channels asks


def _change(kind: str, at: datetime, details: Mapping[str, Any], external_id: str) -> OrderChange | None:
    match kind:
        case Kind.PARCEL_SENT | Kind.TRACKING_CORRECTED:
            return _parcel_sent(details, external_id)
        case Kind.RETURNED:
            return OrderReturned(external_id, at)
    if details.get("by") != "merchant":
        return None  # the channel cancelled it: it knows
    return OrderCancelled(external_id, str(details["reason"]), at)


def _parcel_sent(details: Mapping[str, Any], external_id: str) -> ParcelSent:
    return ParcelSent(
        external_id,
        parcel=details["number"],
        tracking=Tracking(details["carrier"], details["tracking_number"]),
        sent_at=datetime.fromisoformat(details["sent_at"]),
        quantities=details["quantities"],
    )
