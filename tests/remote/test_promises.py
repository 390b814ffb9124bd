"""A shop in another house keeps the promises of the Shop port: looked at over there, once all is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant
from kogge.remote import orders
from kogge.shops.port import Shop
from kogge.values import Address
from tests.backoffice.shop import ERIKA, NOW, ListeningChannel
from tests.backoffice.shop_promises import ShopPromises
from tests.conftest import Clock
from tests.remote.shop_over_there import Sale, ShopOverThere
from tests.remote.stage import Stage, connect


class Settled:
    """The Shop port with everything told and read before and after each call."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stage.shop, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._stage.settle()
            answer = method(*arguments, **named)
            self._stage.settle()
            return answer

        return call


class TestRemoteShop(ShopPromises):
    """The merchant's acts and looks are those over there: what a subclass has elsewhere, it overrides."""

    tells_reasons = False  # the shop knows no reasons for a cancellation

    @pytest.fixture
    def shop(
        self, merchant: Merchant, amazon: ListeningChannel, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> Iterator[Shop]:
        self.amazon = amazon
        self.there = ShopOverThere(clock)
        connect(merchant, self.there, monkeypatch, clock)
        self.stage = Stage(merchant, self.there, clock)
        shop: Any = Settled(self.stage)
        yield shop
        self.stage.settle()
        self.stage.audit()
        assert self.stage.errands() == []
        for order in Order.objects.of(merchant).filter(remote__isnull=False).select_related("remote"):
            sale = self.there.sales[order.remote.remote_id]
            assert (order.status, order.delivery_status) == sale.states()[::2]

    def product_id(self, code: str, counted: int) -> str:
        return str(self.stage.put(code, counted).pk)

    def stock(self, product_id: str) -> tuple[int, int]:
        self.stage.settle()
        product = Product.objects.of(self.stage.merchant).get(pk=product_id)
        return max(0, self.stage.there_in_stock(product)), product.reserved

    def states(self, external_id: str) -> tuple[str, str, str]:
        self.stage.settle()
        return self.there.order_of(external_id).states()

    def address(self, external_id: str) -> Address:
        self.stage.settle()
        return self.there.order_of(external_id).address

    def start_packing(self, external_id: str) -> None:
        self._pack(self.there.order_of(external_id))

    def ship(self, external_id: str, number: str, quantities: dict[int, int] | None = None) -> None:
        self.there.ship(self.there.order_of(external_id), "DHL", number, quantities)
        self.stage.settle()

    def correct_tracking(self, external_id: str, number: str) -> None:
        sale = self.there.order_of(external_id)
        first = sale.parcels[0]
        self.there.correct_parcel(first.parcel_id, type(first.tracking)("DHL", number))
        orders.look_at(self.stage.merchant.pk, sale.order_id, now=NOW)
        self.stage.settle()

    def cancel(self, external_id: str, reason: str) -> None:
        self.there.cancel(self.there.order_of(external_id))
        self.stage.settle()

    def sell(self, *lines: tuple[str, int], paid: bool = True) -> str:
        known = {str(product.pk): product for product in Product.objects.of(self.stage.merchant)}
        sale = self.there.sell(
            *((self.stage.remote_id(known[key]), quantity) for key, quantity in lines),
            address=ERIKA,
            paid=paid,
        )
        self.stage.settle()
        return str(self.stage.copy_of(sale).pk)

    def stand_ready(self, product_id: str, units: int) -> None:
        self.amazon.warehouse[int(product_id)] = units

    def pay(self, order_id: str) -> None:
        self._sale(order_id).is_paid = True
        self.stage.settle()

    def pack_own(self, order_id: str) -> None:
        self._pack(self._sale(order_id))

    def ship_own(self, order_id: str, quantities: dict[int, int] | None = None) -> None:
        self.there.ship(self._sale(order_id), "DHL", "T", quantities)
        self.stage.settle()

    def change_own(self, order_id: str, address: Address, quantities: dict[int, int]) -> None:
        sale = self._sale(order_id)
        sale.address = address
        for position, quantity in quantities.items():
            self.there.cut(sale, position, quantity)
        self.stage.settle()

    def cancel_own(self, order_id: str) -> None:
        self.there.cancel(self._sale(order_id))
        self.stage.settle()

    def own_states(self, order_id: str) -> tuple[str, str, str]:
        self.stage.settle()
        return self._sale(order_id).states()

    def parcels(self, order_id: str) -> list[tuple[str, str, dict[int, int]]]:
        self.stage.settle()
        sale = self._sale(order_id)
        positions = {item.line_id: at for at, item in enumerate(sale.items, start=1)}
        return [
            (
                each.tracking.carrier,
                each.tracking.number,
                {positions[line_id]: units for line_id, units in each.quantities.items()},
            )
            for each in sale.parcels
        ]

    def mails(self, order_id: str) -> int:
        self.stage.settle()
        return self._sale(order_id).mails()

    def _pack(self, sale: Sale) -> None:
        sale.is_packing = True
        self.stage.settle()

    def _sale(self, order_id: str) -> Sale:
        order = Order.objects.of(self.stage.merchant).select_related("remote").get(pk=order_id)
        return self.there.sales[order.remote.remote_id]
