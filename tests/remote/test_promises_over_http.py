"""A shop in another process keeps the promises of the Shop port: Kogge's own, spoken to over real HTTP.

Nothing of the adapter is replaced but its pace. The merchant's acts are done, and all is looked at, over
there. (In memory the shop loses answers and is down: see the other tests of this directory.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant
from kogge.remote import access, connecting, orders
from kogge.remote.access import Access
from kogge.remote.errands import runnable
from kogge.remote.models import RemoteOrderLink
from kogge.shops.port import Shop
from kogge.shops.versacommerce import Pace, open_http
from kogge.values import Address
from tests.backoffice.shop import ERIKA, NOW, ListeningChannel
from tests.backoffice.shop_promises import ShopPromises
from tests.conftest import Clock
from tests.remote.stage import Stage
from tests.shop_process import Keys, Owner, Sale, ShopProcess, furnished_shop

MOST_TURNS = 8  # of telling and reading until both sides must be at rest


@dataclass
class HttpStage(Stage):
    """Told and read over HTTP, but only as long as there is something to tell or to read."""

    there: Any  # an `Owner`

    def settle(self) -> None:
        for _turn in range(MOST_TURNS):
            waiting = runnable(self.merchant.pk, now=self.clock()).exists()
            if not (self.there.has_acted or waiting):
                return
            self.there.has_acted = False
            self.tell()
            self.read()
            self.read_products()
        raise AssertionError(f"it does not come to rest: {self.errands()}")


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


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ShopProcess, Iterator[Keys]]]:
    """The shop in its process, and a merchant of it for each test."""
    furnished, keys = furnished_shop(tmp_path_factory)
    shop = furnished.copied_to(tmp_path_factory.mktemp("shop") / "data")
    try:
        shop.come_up()
        yield shop, iter(keys)
        assert shop.audit() == []
    finally:
        shop.kill()


class TestShopOverHttp(ShopPromises):
    """What the promises are told with, done and seen over there."""

    tells_reasons = False  # the shop knows no reasons for a cancellation

    @pytest.fixture
    def shop(
        self,
        merchant: Merchant,
        amazon: ListeningChannel,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        people: tuple[ShopProcess, Iterator[Keys]],
    ) -> Iterator[Shop]:
        self.amazon = amazon
        self.process, others = people
        keys = next(others)
        self.owner = Owner(self.process, keys)
        monkeypatch.setattr(access, "_http", [open_http()])
        monkeypatch.setattr(access, "_pace_of", lambda _url: Pace(1e9))
        self.stage = HttpStage(merchant, self.owner, clock)
        app = Access(self.process.url, keys.api_key, keys.secret, keys.token)
        connecting.connect(merchant, app, now=clock())
        merchant.refresh_from_db()
        shop: Any = Settled(self.stage)
        try:
            yield shop
            self.stage.settle()
            self._compare()
        finally:
            access._http[0].close()
            self.owner.close()

    def _compare(self) -> None:
        """At rest nothing waits, and both sides say the same."""
        assert self.stage.errands() == [], self.stage.row.last_error
        there = {sale.order_id: sale.states[::2] for sale in self.owner.sales()}
        links = RemoteOrderLink.objects.of(self.stage.merchant).select_related("order")
        here = {link.remote_id: (link.order.status, link.order.delivery_status) for link in links}
        assert here == there
        self.stage.audit()

    def product_id(self, code: str, counted: int) -> str:
        return str(self.stage.put(code, counted).pk)

    def stock(self, product_id: str) -> tuple[int, int]:
        self.stage.settle()
        product = self._product(product_id)
        return self.owner.stock(self.stage.remote_id(product)), product.reserved

    def states(self, external_id: str) -> tuple[str, str, str]:
        return self._sold_at_amazon(external_id).states

    def address(self, external_id: str) -> Address:
        return self._sold_at_amazon(external_id).address

    def start_packing(self, external_id: str) -> None:
        self.owner.pack(self._sold_at_amazon(external_id))

    def ship(self, external_id: str, number: str, quantities: dict[int, int] | None = None) -> None:
        self.owner.ship(self._sold_at_amazon(external_id), number, quantities)
        self.stage.settle()

    def correct_tracking(self, external_id: str, number: str) -> None:
        sale = self._sold_at_amazon(external_id)
        self.owner.correct_tracking(sale, number)
        orders.look_at(self.stage.merchant.pk, sale.order_id, now=NOW)
        self.stage.settle()

    def cancel(self, external_id: str, reason: str) -> None:
        self.owner.cancel(self._sold_at_amazon(external_id))
        self.stage.settle()

    def sell(self, *lines: tuple[str, int], paid: bool = True) -> str:
        wanted = [(self._product(key), quantity) for key, quantity in lines]
        sale = self.owner.sell(
            *((self.stage.remote_id(product), quantity) for product, quantity in wanted),
            address=ERIKA,
            paid=paid,
            oversell=any(product.stock < quantity for product, quantity in wanted),
        )
        self.stage.settle()
        return str(RemoteOrderLink.objects.of(self.stage.merchant).get(remote_id=sale.order_id).order_id)

    def stand_ready(self, product_id: str, units: int) -> None:
        self.amazon.warehouse[int(product_id)] = units

    def pay(self, order_id: str) -> None:
        self.owner.pay(self._sale(order_id))
        self.stage.settle()

    def pack_own(self, order_id: str) -> None:
        self.owner.pack(self._sale(order_id))
        self.stage.settle()

    def ship_own(self, order_id: str, quantities: dict[int, int] | None = None) -> None:
        self.owner.ship(self._sale(order_id), "T", quantities)
        self.stage.settle()

    def change_own(self, order_id: str, address: Address, quantities: dict[int, int]) -> None:
        sale = self._sale(order_id)
        self.owner.move(sale, address)
        for position, quantity in quantities.items():
            self.owner.cut(sale, position, quantity)
        self.stage.settle()

    def cancel_own(self, order_id: str) -> None:
        self.owner.cancel(self._sale(order_id))
        self.stage.settle()

    def own_states(self, order_id: str) -> tuple[str, str, str]:
        return self._sale(order_id).states

    def parcels(self, order_id: str) -> list[tuple[str, str, dict[int, int]]]:
        return self.owner.parcels(self._sale(order_id))

    def mails(self, order_id: str) -> int:
        return self.process.mails(self._sale(order_id).order_id)

    def _product(self, product_id: str) -> Product:
        return Product.objects.of(self.stage.merchant).get(pk=product_id)

    def _sold_at_amazon(self, external_id: str) -> Sale:
        """An order of Amazon's, over there, where it must be once."""
        self.stage.settle()
        return self.owner.order_of(external_id)

    def _sale(self, order_id: str) -> Sale:
        """An order of the shop's own, by its key in the copy."""
        self.stage.settle()
        order = Order.objects.of(self.stage.merchant).select_related("remote").get(pk=order_id)
        return self.owner.sale(order.remote.remote_id)
