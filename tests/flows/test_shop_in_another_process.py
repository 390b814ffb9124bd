"""Amazon, Kogge, and the shop in another process: whatever dies on the way, all three agree in the end.

The shop is a second Kogge, reached over HTTP as any VersaCommerce shop is. Amazon is the simulator. The
work between them is done here, by the clock of the stage.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import pytest
from django.db.models import Q

from kogge.engine.due import Lease
from kogge.simulator import Simulator
from kogge.values import Address
from tests.flows.conftest import SharedClock, Stage, set_up
from tests.flows.fulfillment_stage import FulfillmentStage
from tests.shop_process import Keys, Owner, Sale, ShopProcess, furnished_shop

# Sold at Amazon and in the shop; what lies in Amazon's warehouse; sold at Amazon only.
TEA, POT, AT_AMAZON, STRANGE = "TS-01", "TK-12-WEISS", "KR-PFEFF-100", "TK-GUSS-09"
IN_STOCK = 60
STEP = 5  # minutes between two looks of the worker
MOST_STEPS = 60
MOST_AT_ONCE = 400  # operations done at the same moment; more is an endless loop
KILLS = 10
DEATHS = 10
LONGEST_LIFE = 6_000  # calls and returns of our own code until the worker dies
OURS = tuple(str(Path("kogge") / part) for part in ("remote", "shops", "backoffice", "engine"))
MARIA = Address(
    name="Maria Kunde", line1="Deichweg 3", postal_code="26721", city="Emden", country="DE", phone=""
)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShopProcess, list[Keys]]:
    """A shop for each story, in one database that each of them takes a copy of."""
    return furnished_shop(tmp_path_factory)


@pytest.fixture
def over_there(furnished: tuple[ShopProcess, list[Keys]], tmp_path: Path) -> Iterator[ShopProcess]:
    shop = furnished[0].copied_to(tmp_path / "shop")
    try:
        shop.come_up()
        yield shop
    finally:
        shop.kill()


@dataclass
class Houses:
    """Amazon, we, and the shop over there, with verbs for what people do and for time that passes."""

    stage: Stage
    shop: ShopProcess
    keys: Keys
    owner: Owner
    http: httpx2.Client
    products: dict[str, str] = field(default_factory=dict)  # over there, by number
    reaper: Reaper = field(default_factory=lambda: Reaper(random.Random()))

    @property
    def amazon(self) -> Simulator:
        return self.stage.amazon

    # --- the worker ---

    def pass_time(self, minutes: int = STEP) -> None:
        """Time passes, and whatever falls due is done; what dies or is down is tried again."""
        for _step in range(0, minutes, STEP):
            self.amazon.advance(STEP * 60)
            for _turn in range(MOST_AT_ONCE):
                if not self._work():
                    break
            else:
                raise AssertionError("something is due again and again")

    def come_to_rest(self, minutes: int) -> None:
        """So much time passes, and then as much as it takes until nothing is left to be tried again."""
        from kogge.engine.models import Due

        self.pass_time(minutes)
        unfinished = Due.objects.filter(Q(attempts__gt=0) | Q(parked_at__isnull=False))
        for _step in range(MOST_STEPS):
            if not self.errands() and not unfinished.exists():
                return
            self.pass_time()
        raise AssertionError(f"it does not come to rest: {self.errands()}")

    def _work(self) -> bool:
        """Do what has been due the longest, as the worker does it."""
        from kogge.engine import due

        if self.shop.process is None:
            self.shop.come_up()
        due.give_another_chance(now=self.stage.now)
        leases = due.claim("tests", now=self.stage.now, limit=1)
        for lease in leases:
            try:
                self.reaper.watch(partial(self._do, lease))
            except Death:
                self._come_back()
        return bool(leases)

    def _do(self, lease: Lease) -> None:
        from kogge.engine import due
        from kogge.engine.work import Work
        from kogge.schedule import OPERATIONS

        work = Work(lease.operation, lease.subject, self.stage.clock, lease, sleep=self.amazon.advance)
        outcome = OPERATIONS[lease.operation](work)
        due.finish(
            lease,
            now=self.stage.now,
            next_due=outcome.next_due,
            error=outcome.error,
            waiting=outcome.waiting,
        )

    def _come_back(self) -> None:
        """After a sudden death: no connection is left, and the lease runs out."""
        from kogge.remote import access

        self.http.close()
        self.http = access._http[0] = open_http(self.http.event_hooks["request"])
        self.amazon.advance(61)

    # --- what people do ---

    def buy(self, **wish: Any) -> Any:
        [order] = self.amazon.place_orders(1, **wish)
        return order

    def sell(self, *lines: tuple[str, int], paid: bool = True) -> Sale:
        """Maria buys in the shop."""
        self.shop.come_up()
        return self.owner.sell(
            *((self.products[code], quantity) for code, quantity in lines), address=MARIA, paid=paid
        )

    def there(self, order: Any) -> Sale:
        """The one order over there that Amazon knows."""
        self.shop.come_up()
        return self.owner.order_of(order.order_id)

    def own_order(self, sale: Sale) -> Any:
        from kogge.backoffice.models import Order

        return Order.objects.of(self.stage.merchant).get(remote__remote_id=sale.order_id)

    # --- what came of it ---

    def errands(self) -> list[tuple[str, str, str]]:
        """What the shop has not been told."""
        from kogge.remote.models import Errand

        rows = Errand.objects.of(self.stage.merchant).exclude(state=Errand.State.DONE).order_by("id")
        return list(rows.values_list("kind", "state", "last_error"))

    def compare(self) -> None:
        """Both sides have the same orders, each once, with the same parcels and the same stock."""
        from kogge.backoffice import stock
        from kogge.backoffice.models import Order, Product

        assert self.errands() == []
        sales = {sale.order_id: sale for sale in self.owner.sales()}
        orders = Order.objects.of(self.stage.merchant).select_related("remote")
        assert Counter(order.remote.remote_id for order in orders) == Counter(sales.keys())
        for order in orders:
            sale = sales[order.remote.remote_id]
            assert (order.status, order.delivery_status) == sale.states[::2], order.number
            assert sale.channel_order_id == (order.external_id if order.channel == "amazon" else "")
            here = [
                (
                    parcel.carrier,
                    parcel.tracking_number,
                    {item.line.position: item.quantity for item in parcel.items.all()},
                )
                for parcel in order.parcels.all()
            ]
            assert sorted(here, key=str) == sorted(self.owner.parcels(sale), key=str), order.number
            assert not order.remote.trouble, order.number
        stocks = {
            product.code: product.stock - product.oversold
            for product in Product.objects.of(self.stage.merchant)
        }
        assert stocks == {code: self.owner.stock(key) for code, key in self.products.items()}
        assert stock.audit(self.stage.merchant.pk) == []
        assert self.shop.audit() == []


@pytest.fixture
def houses(  # noqa: PLR0917
    db: None,
    amazon: Simulator,
    clock: SharedClock,
    point_at: Callable[[Simulator], None],
    over_there: ShopProcess,
    furnished: tuple[ShopProcess, list[Keys]],
    monkeypatch: pytest.MonkeyPatch,
    request: Any,
) -> Iterator[Houses]:
    """Teehaus Muster works over there and sells at Amazon; one article lies in Amazon's warehouse."""
    from kogge.remote import access, connecting
    from kogge.shops.versacommerce import Pace

    keys = furnished[1][getattr(request, "param", 0)]
    owner = Owner(over_there, keys)
    products = {code: owner.put(code, IN_STOCK) for code in (TEA, POT, AT_AMAZON)}
    http = open_http([])
    monkeypatch.setattr(access, "_http", [http])
    monkeypatch.setattr(access, "_pace_of", lambda _url: Pace(1e9, sleep=lambda _seconds: None))

    def furnish(merchant: Any, _amazon: Simulator, now: Any) -> None:
        way = access.Access(over_there.url, keys.api_key, keys.secret, keys.token)
        connecting.connect(merchant, way, now=now)

    stage = set_up(amazon, clock, point_at, furnish=furnish)
    houses = Houses(stage, over_there, keys, owner, http, products)
    try:
        houses.pass_time()
        yield houses
    finally:
        houses.http.close()
        owner.close()


def open_http(hooks: list[Callable[[httpx2.Request], None]]) -> httpx2.Client:
    from kogge.shops.versacommerce import open_http

    client = open_http()
    client.event_hooks = {"request": hooks}
    return client


# --- sudden death ---------------------------------------------------------------------------------


class Death(BaseException):
    """The process ends here: nothing may catch it."""


@dataclass
class Reaper:
    """Ends the worker after so many calls and returns of our own code, so often; when says the dice."""

    dice: random.Random
    left: int = 0
    steps: int = 0

    def watch(self, act: Callable[[], None]) -> None:
        """Do something, and perhaps die of it."""
        if not self.left:
            act()
            return
        sys.setprofile(self._count)
        try:
            act()
        finally:
            sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        # What is raised where a generator is cleared away, Python swallows.
        is_ours = any(part in code.co_filename for part in OURS) and not code.co_flags & CO_GENERATOR
        if event not in {"call", "return"} or not is_ours:
            return
        self.steps -= 1
        if self.steps < 0:
            sys.setprofile(None)
            self.left -= 1
            self.steps = self.dice.randint(1, LONGEST_LIFE)
            raise Death


@dataclass
class Killer:
    """Kills the shop while it is being asked something, again and again; when says the dice."""

    shop: ShopProcess
    dice: random.Random
    left: int
    wait: int = 5  # requests until the next

    def __call__(self, _request: httpx2.Request) -> None:
        self.wait -= 1
        if not self.left or self.wait > 0:
            return
        self.left -= 1
        self.wait = self.dice.randint(4, 25)
        self.aim()

    def aim(self) -> None:
        """At the moment of asking, or while it answers."""
        delay = self.dice.uniform(-0.01, 0.03)
        if delay > 0:
            threading.Timer(delay, self.shop.kill).start()
        else:
            self.shop.kill()


# --- the story ------------------------------------------------------------------------------------


def tell_story(houses: Houses) -> None:
    """Everything that happens between Amazon, the shop and the merchant, in two days."""
    stage, owner = houses.stage, houses.owner
    fulfillment = FulfillmentStage(stage)
    fulfillment.keep(AT_AMAZON, units=20, sku=f"{AT_AMAZON}-FBA")
    stage.offer(TEA)
    stage.agree()

    shipped = houses.buy(kind="standard", sku=TEA, quantity=2)
    strange = houses.buy(kind="standard", sku=STRANGE, quantity=1)
    lines = [{"sku": TEA, "quantity": 3}, {"sku": POT, "quantity": 1}, {"sku": STRANGE, "quantity": 2}]
    parts = houses.buy(kind="standard", lines=lines)
    dropped = houses.buy(kind="standard", sku=POT, quantity=4)
    regretted = houses.buy(kind="standard", sku=POT, quantity=5)
    pending = houses.buy(kind="pending", sku=TEA, quantity=6)
    nowhere = houses.buy(kind="no_address", sku=POT, quantity=1)
    own, mixed = houses.sell((TEA, 1), (POT, 1)), houses.sell((AT_AMAZON, 2), (TEA, 1))
    houses.come_to_rest(30)

    assert_arrived(houses, [shipped, strange, parts, dropped, regretted, nowhere])
    assert pending.order_id not in stage.shop_orders()
    houses.amazon.release_pending()
    houses.shop.come_up()
    owner.ship(houses.there(shipped), "0034-1")
    owner.ship(houses.there(parts), "0034-2", {1: 3, 3: 1})
    owner.cancel(houses.there(dropped))
    owner.ship(owner.sale(own.order_id), "0034-3")
    owner.ship(owner.sale(mixed.order_id), "0034-4")
    houses.amazon.change_order(regretted.order_id, status="CANCELLED", cancelled_by="BUYER")
    where = {
        "name": "Erika Muster",
        "addressLine1": "Beispielweg 7",
        "city": "Hamburg",
        "postalCode": "20095",
    }
    houses.amazon.change_order(nowhere.order_id, address=where)
    houses.come_to_rest(60)

    houses.shop.come_up()
    owner.count(houses.products[TEA], owner.stock(houses.products[TEA]) + 11)
    owner.ship(houses.there(parts), "0034-5")
    houses.come_to_rest(180)
    houses.come_to_rest(60)

    assert_arrived(houses, [shipped, strange, parts, dropped, regretted, nowhere, pending])
    assert_done(houses, shipped=shipped, parts=parts, dropped=dropped, regretted=regretted, nowhere=nowhere)
    assert_stock(houses)
    assert_fulfilled(houses, fulfillment, mixed)
    houses.compare()
    # The article nobody knows, and that Maria's "Express" is none of Amazon's words.
    assert stage.troubles() == {"assign_product", "unknown_shipping_method"}


def assert_arrived(houses: Houses, bought: list[Any]) -> None:
    """Over there is what Amazon sold: once, paid, with its number, and from where it came."""
    from tests.flows.conftest import total

    houses.shop.come_up()
    there = [sale for sale in houses.owner.sales() if sale.channel_order_id]
    wanted = Counter(order.order_id for order in bought)
    assert Counter(sale.channel_order_id for sale in there) == wanted
    by_id = {sale.channel_order_id: sale for sale in there}
    for order in bought:
        sale = by_id[order.order_id]
        assert sale.states[1] == "paid"
        assert Decimal(str(sale.document["total"])) == total(order)
        assert sale.document["origin_name"] == "Amazon"
        assert order.order_id in sale.document["note"]
        assert [(item["code"], item["quantity"]) for item in sale.items] == [
            (item.sku, item.quantity) for item in order.items
        ]


def assert_done(
    houses: Houses, *, shipped: Any, parts: Any, dropped: Any, regretted: Any, nowhere: Any
) -> None:
    """What was done on one side was done on the other, and told once."""
    from kogge.amazon.feeds.models import OrderMessage

    def packages(order: Any) -> list[tuple[str, list[int]]]:
        return [(each.tracking_number, list(each.quantities.values())) for each in order.packages.values()]

    assert packages(shipped) == [("0034-1", [2])]
    assert packages(parts) == [("0034-2", [3, 1]), ("0034-5", [1, 1])]
    assert (dropped.status, dropped.cancelled_by) == ("CANCELLED", "MERCHANT")
    assert OrderMessage.objects.of(houses.stage.merchant).filter(kind="cancel").count() == 1
    assert houses.there(regretted).states[::2] == ("cancelled", "cancelled")
    found = houses.there(nowhere).address
    assert (found.name, found.line1, found.city) == ("Erika Muster", "Beispielweg 7", "Hamburg")


def assert_stock(houses: Houses) -> None:
    """What was sold is gone, what was counted is there, and Amazon offers what is left."""
    left = {TEA: IN_STOCK - 2 - 3 - 6 - 1 - 1 + 11, POT: IN_STOCK - 1 - 1 - 1, AT_AMAZON: IN_STOCK}
    assert {code: houses.owner.stock(key) for code, key in houses.products.items()} == left
    assert {code: houses.stage.stock(code) for code in left} == {code: (n, 0) for code, n in left.items()}
    assert houses.stage.amazon_listing(TEA).stock == left[TEA]


def assert_fulfilled(houses: Houses, fulfillment: FulfillmentStage, sale: Sale) -> None:
    """Amazon shipped what lies there, the merchant the rest; both are parcels over there."""
    [order] = houses.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in order.lines] == [(f"{AT_AMAZON}-FBA", 2)]
    parcels = houses.owner.parcels(houses.owner.sale(sale.order_id))
    assert [units for _carrier, number, units in parcels if number == "0034-4"] == [{2: 1}]
    [tracked] = [number for _carrier, number, units in parcels if units == {1: 2}]
    assert tracked
    assert houses.owner.sale(sale.order_id).states == ("closed", "paid", "shipped")


def test_the_whole_story_with_a_shop_in_another_process(houses: Houses) -> None:
    tell_story(houses)


def test_the_same_while_the_shop_and_the_worker_are_killed_again_and_again(houses: Houses) -> None:
    dice = random.Random(2026)
    killer = Killer(houses.shop, dice, KILLS)
    houses.reaper = Reaper(dice, DEATHS, dice.randint(1, LONGEST_LIFE))
    houses.http.event_hooks = {"request": [killer]}

    tell_story(houses)

    assert (killer.left, houses.reaper.left) == (0, 0), "the story is over before all have died"


@pytest.mark.parametrize("houses", [-1], indirect=True)  # the locked one
def test_orders_wait_for_a_shop_that_is_not_unlocked_and_are_then_written_once(houses: Houses) -> None:
    from kogge.remote import connecting

    bought = [houses.buy(kind="standard", sku=TEA, quantity=units) for units in (1, 2, 3)]
    sale = houses.sell((POT, 4))
    houses.pass_time(180)
    shop = connecting.shop_of(houses.stage.merchant.pk)
    assert shop is not None

    assert [(kind, state) for kind, state, _error in houses.errands()] == [("create_order", "waiting")] * 3
    assert (shop.may_write_orders, shop.state) == (False, "active")
    assert [one.order_id for one in houses.owner.sales()] == [sale.order_id]
    assert houses.owner.stock(houses.products[TEA]) == IN_STOCK
    assert houses.stage.stock(TEA) == (IN_STOCK - 6, 0)
    assert houses.stage.stock(POT) == (IN_STOCK - 4, 0)

    houses.shop.unlock(houses.keys)
    houses.pass_time(60)

    assert_arrived(houses, bought)
    assert houses.owner.stock(houses.products[TEA]) == IN_STOCK - 6
    houses.compare()
