"""How long the pages of a shop take that has a million orders, and whether their number of queries stays.

A thousand orders are taken in from the simulated Amazon and worked off as a merchant does; then their rows
are multiplied (multiplying.py), and the pages are asked through Django's own handler, one after the other.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import django
import msgspec
from django.utils.http import urlencode

from kogge.benchmarks.machine import peak_memory_mb
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import fresh_installation, running_simulator

if TYPE_CHECKING:
    from django.test import Client

    from kogge.amazon.connections.models import Connection
    from kogge.backoffice.models import Order

HISTORY, OWN = 900, 100  # Amazon orders, and own ones of two shops, that are multiplied
WAITING, OWN_WAITING = 1_800, 200  # what is to be done on one day; not multiplied
NOT_SENT = 30  # every so many-th order of the history was cancelled
FEW_ROUNDS, ROUNDS = 8, 40
GERMANY = "A1PA6795UKMFR9"
ACTOR = "bench@example.com"


def milliseconds_a_page(orders: int, database: str) -> Figures:
    """p50, p95 and the longest of each page when a merchant has `orders` orders, and its queries.

    `more_queries` names the pages that need more of them with all orders than with the first few.
    """
    with running_simulator() as simulator, fresh_installation(simulator, database) as environment:
        command = [
            sys.executable,
            "-c",
            f"from kogge.benchmarks.pages import measure; measure({orders}, {simulator.port})",
        ]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = msgspec.json.decode(answer.stdout.splitlines()[-1], type=dict[str, Any])
    return figures


def measure(orders: int, port: int) -> None:
    """The measured process: prints its figures as JSON."""
    django.setup()
    from django.core.management import call_command

    from kogge.backoffice.models import Order
    from kogge.benchmarks.multiplying import multiply
    from kogge.benchmarks.world import RunningSimulator

    call_command("migrate", verbosity=0)
    shop = _shop_of_a_thousand(RunningSimulator(port))
    mine = Order.objects.of_id(shop.connection.merchant_id)
    few = mine.count()
    queries_few = _queries(shop)
    started = time.perf_counter()
    copied = mine.filter(pk__lte=next(each.last for each in shop.originals if each.model is Order)).count()
    multiply(shop.originals, max(1, round((orders - few) / copied)), shop.first_article)
    _settle()
    filled = time.perf_counter() - started
    print(f"filled in {filled:.0f} s", file=sys.stderr)
    pages = _measured(shop, queries_few)
    _show(pages)
    figures = {
        "orders_few": few,
        "orders_many": mine.count(),
        "seconds_to_fill": round(filled, 1),
        "pages": pages,
        "slowest_p95_ms": max(page["p95_ms"] for page in pages.values()),
        "more_queries": [name for name, page in pages.items() if page["queries_many"] > page["queries_few"]],
        "peak_memory_mb": peak_memory_mb(),
    }
    print(msgspec.json.encode(figures).decode())


# --- the pages ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shop:
    """The shop that is asked, by somebody who is signed in and by a client of its API."""

    connection: Connection
    browser: Client
    api: Client
    originals: Any
    first_article: int


@dataclass(frozen=True)
class Draw:
    """What is drawn anew for each request."""

    shop: Shop
    random: Random

    def order(self, **wanted: Any) -> Order:
        """An order drawn by its number."""
        from kogge.backoffice.models import Order

        mine = Order.objects.of_id(self.shop.connection.merchant_id).filter(**wanted).order_by("number")
        first, last = mine.first(), mine.last()
        assert first is not None
        assert last is not None
        return mine.filter(number__gte=self.random.randint(first.number, last.number))[:1].get()

    def names(self) -> list[str]:
        """The first and last name of somebody who ordered: frequent ones are drawn more often."""
        from kogge.benchmarks.multiplying import names_of

        return names_of(self.order().pk)

    def article(self) -> str:
        """The number of an article that was ordered."""
        return self.order(channel="amazon").lines.all()[0].code

    def best_seller(self) -> str:
        """The number of an article that is in every fortieth line."""
        from kogge.benchmarks.multiplying import BEST_SELLERS

        return f"ART-{self.random.randrange(BEST_SELLERS)}"

    def best_seller_and_name(self) -> str:
        """A best-seller and the last name of somebody who ordered it."""
        from kogge.backoffice.models import OrderLine
        from kogge.benchmarks.multiplying import names_of

        lines = OrderLine.objects.of_id(self.shop.connection.merchant_id).filter(code=self.best_seller())
        line = lines.filter(order_id__lte=self.order().pk).order_by("-order_id")[:1].get()
        return f"{line.code} {names_of(line.order_id)[1]}"

    def days(self, count: int, order: Order | None = None) -> dict[str, str | int]:
        """So many days in a row, and an order is of one of them."""
        placed_at = (order or self.order()).placed_at
        first = placed_at.date() - timedelta(days=self.random.randrange(count))
        return {"since": str(first), "until": str(first + timedelta(days=count - 1))}

    def name_and_days(self, count: int) -> dict[str, str | int]:
        """The last name of somebody who ordered, and days of which one is the order's."""
        from kogge.benchmarks.multiplying import names_of

        order = self.order()
        return {"q": names_of(order.pk)[1], **self.days(count, order)}

    def offsets(self) -> int:
        """How far a client of the API leafs: not beyond the first thousand pages."""
        from kogge.backoffice.models import Order

        return Order.objects.of_id(self.shop.connection.merchant_id)[:50_000].count()

    def below(self, number: int) -> int:
        """A number."""
        return self.random.randrange(number)


def _list(**query: str | int) -> str:
    return f"/bestellungen/?{urlencode(query)}"


PAGES: Mapping[str, str | Callable[[Draw], str]] = {
    "list": _list(),
    "list: new": _list(state="open"),
    "list: in progress": _list(state="in_progress"),
    "list: to ship": _list(state="to_ship"),
    "list: late": _list(state="late"),
    "list: shipped": _list(state="shipped"),
    "list: cancelled": _list(state="cancelled"),
    "list: page 2": _list(page=2),
    "list: page 2 of shipped": _list(state="shipped", page=2),
    "list: page 200 to 1,000": lambda draw: _list(page=200 + draw.below(800)),
    "list: page 10,000": _list(page=10_000),
    "list: from Amazon": _list(channel="amazon"),
    "list: by hand": _list(channel="manual"),
    "list: own shop, shipped": _list(channel="shop", state="shipped"),
    "list: by hand, shipped": _list(channel="manual", state="shipped"),
    "list: by hand, cancelled": _list(channel="manual", state="cancelled"),
    "list: a day": lambda draw: _list(**draw.days(1)),
    "list: a month": lambda draw: _list(**draw.days(30)),
    "list: a month, cancelled": lambda draw: _list(state="cancelled", **draw.days(30)),
    "list: late by filter": _list(late=1),
    "search: number": lambda draw: _list(q=draw.order().number),
    "search: Amazon id": lambda draw: _list(q=draw.order(channel="amazon").external_id),
    "search: beginning of an Amazon id": lambda draw: _list(q=draw.order(channel="amazon").external_id[:9]),
    "search: six characters of an Amazon id": lambda draw: _list(
        q=draw.order(channel="amazon").external_id[:6]
    ),
    "search: end of an Amazon id": lambda draw: _list(q=draw.order(channel="amazon").external_id[-8:]),
    "search: first name": lambda draw: _list(q=draw.names()[0]),
    "search: most frequent first name": _list(q="vorname0"),
    "search: last name": lambda draw: _list(q=draw.names()[1]),
    "search: full name": lambda draw: _list(q=" ".join(draw.names())),
    "search: last name in a month": lambda draw: _list(**draw.name_and_days(30)),
    "search: article": lambda draw: _list(q=draw.article()),
    "search: last name in two years": lambda draw: _list(**draw.name_and_days(700)),
    "search: best-seller": lambda draw: _list(q=draw.best_seller()),
    "search: best-seller and name": lambda draw: _list(q=draw.best_seller_and_name()),
    "search: best-seller in a month": lambda draw: _list(q=draw.best_seller(), **draw.days(30)),
    "search: best-seller in two years": lambda draw: _list(q=draw.best_seller(), **draw.days(700)),
    "search: first name in two years": lambda draw: _list(q=draw.names()[0], **draw.days(700)),
    "search: e-mail": lambda draw: _list(q=f"{draw.below(36**8):x}@marketplace.example"),
    "search: no hit": lambda draw: _list(q=f"niemand{draw.below(10**9)}"),
    "order from Amazon": lambda draw: f"/bestellungen/{draw.order(channel='amazon').number}/",
    "own order": lambda draw: f"/bestellungen/{draw.order(channel='shop').number}/",
    "overview": "/",
    "fresh orders": lambda draw: f"/bestellungen/neue/?after={draw.order().number}",
    "products": "/produkte/",
    "tasks": "/apps/amazon/aufgaben/",
    "runs": "/apps/amazon/pruefungen/",
    "API: orders": "/api/orders.json?limit=50&include=items",
    "API: deep page": lambda draw: f"/api/orders.json?limit=50&offset={draw.below(draw.offsets())}",
    "API: count": "/api/orders/count.json",
}


def _queries(shop: Shop) -> dict[str, int]:
    """The most queries of each page in a few rounds."""
    rounds = [{name: _ask(shop, name, Random(number))[1] for name in PAGES} for number in range(FEW_ROUNDS)]
    return {name: max(each[name] for each in rounds) for name in PAGES}


def _measured(shop: Shop, queries_few: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Every page in turn, round by round, each time with other values; the first round warms up."""
    spent: dict[str, list[float]] = {name: [] for name in PAGES}
    queries: dict[str, set[int]] = {name: set() for name in PAGES}
    for number in range(ROUNDS + 1):
        for name in PAGES:
            milliseconds, count = _ask(shop, name, Random(number))
            queries[name].add(count)
            if number:
                spent[name].append(milliseconds)
        if number % 10 == 0:
            print(f"{number} / {ROUNDS}", file=sys.stderr)
    return {
        name: {
            "p50_ms": round(median(found), 1),
            "p95_ms": round(quantiles(found, n=100, method="inclusive")[94], 1),
            "max_ms": round(max(found), 1),
            "queries_few": queries_few[name],
            "queries_many": max(queries[name]),
        }
        for name, found in spent.items()
    }


def _show(pages: Mapping[str, Mapping[str, Any]]) -> None:
    """The pages as a table, for people; the slowest last."""
    print(f"{'ms':40} {'p50':>8} {'p95':>8} {'max':>8}   queries with few, many", file=sys.stderr)
    for name, page in sorted(pages.items(), key=lambda each: float(each[1]["p95_ms"])):
        p50, p95, longest, few, many = page.values()
        print(f"{name:40} {p50:8} {p95:8} {longest:8} {few:8} {many:8}", file=sys.stderr)


def _ask(shop: Shop, name: str, random: Random) -> tuple[float, int]:
    """Milliseconds and queries of one request. Raises if there is no page."""
    from django.db import connection

    page = PAGES[name]
    address = page if isinstance(page, str) else page(Draw(shop, random))
    count = 0

    def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        return execute(sql, params, many, context)

    client = shop.api if name.startswith("API") else shop.browser
    with connection.execute_wrapper(counted):
        started = time.perf_counter()
        answer = client.get(address)
        spent = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{name}: {address} was answered with {answer.status_code}")
    return spent * 1000, count


# --- the shop -------------------------------------------------------------------------------------


def _shop_of_a_thousand(simulator: Any) -> Shop:
    """Orders of the past, sent or cancelled and told to Amazon; and those of a day, which wait."""
    from kogge.backoffice.models import Order, Product
    from kogge.benchmarks import multiplying
    from kogge.benchmarks.importing import connected_check
    from kogge.merchants.models import Merchant

    check, connection = connected_check()
    merchant = connection.merchant
    other = Merchant.objects.create(slug="other", name="Other", created_at=datetime.now(UTC))
    simulator.place_orders(HISTORY, status="UNSHIPPED")
    simulator.control("POST", "time", {"advance_s": 600})
    check()
    _own_orders(merchant.pk, OWN, "shop")
    _own_orders(other.pk, OWN, "shop")
    _work_off()
    found = multiplying.originals()
    simulator.place_orders(WAITING, status="UNSHIPPED")
    simulator.control("POST", "time", {"advance_s": 600})
    check()
    _own_orders(merchant.pk, OWN_WAITING, "manual")
    _begin(merchant)
    like = Product.objects.of(merchant).order_by("pk")[0]
    first_article = multiplying.new_articles(merchant.pk, like)
    multiplying.name_articles(first_article)
    multiplying.keep_names([merchant.pk, other.pk])
    multiplying.name_buyers(0, Order.objects.everyone().latest("pk").pk + 1)
    return Shop(connection, _browser(), _api_client(merchant), found, first_article)


def _own_orders(merchant_id: int, count: int, channel: str) -> None:
    from kogge.backoffice.placing import place
    from kogge.shops.port import NewLine, NewOrder
    from kogge.values import Address, Money

    now = datetime.now(UTC)
    price, zero = Money(Decimal("19.90"), "EUR"), Money.zero("EUR")
    line = NewLine(
        external_id="1",
        code="TEE",
        title="Tee",
        quantity=1,
        unit_price=price,
        goods=price,
        shipping=zero,
        gift_wrap=zero,
        other=zero,
        discount=zero,
        tax=zero,
        total=price,
        product_id=None,
        channel_product_id="",
    )
    like = NewOrder(
        channel=channel,
        external_id="",
        placed_at=now,
        origin="",
        payment_method="Rechnung",
        total=price,
        lines=(line,),
        rounding=zero,
        buyer_name="Erika Muster",
        email="erika@example.com",
        shipping_address=Address(
            name="Erika Muster", line1="Weg 1", postal_code="20095", city="Hamburg", country="DE"
        ),
        notify_buyer=False,
    )
    place(merchant_id, [replace(like, external_id=f"{channel}-{n}") for n in range(count)], now=now)


def _work_off() -> None:
    """Send all, cancel one in thirty, and tell Amazon."""
    from kogge.backoffice import dispatch, orders
    from kogge.backoffice.models import Order
    from kogge.engine.worker import work_until_idle
    from kogge.schedule import OPERATIONS

    for order in Order.objects.everyone().filter(delivery_status=Order.Delivery.OPEN):
        now = datetime.now(UTC)
        if order.pk % NOT_SENT == 0:
            orders.cancel(order, "no_inventory", actor=ACTOR, now=now)
            continue
        dispatch.start_packing(order, actor=ACTOR, now=now)
        dispatch.ship(
            order, carrier="DHL", tracking_number=str(order.pk), quantities=None, actor=ACTOR, now=now
        )
    work_until_idle(OPERATIONS, patience=timedelta(seconds=5), timeout=timedelta(minutes=3))


def _begin(merchant: Any) -> None:
    """Of the day's orders one in eight is being packed, and one in twenty is late."""
    from django.db.models import F

    from kogge.backoffice import dispatch
    from kogge.backoffice.models import Order

    waiting = Order.objects.of(merchant).filter(delivery_status=Order.Delivery.OPEN)
    now = datetime.now(UTC)
    for order in waiting.annotate(rest=F("number") % 8).filter(rest=0):
        dispatch.start_packing(order, actor=ACTOR, now=now)
    late = waiting.annotate(rest=F("number") % 20).filter(rest=1)
    late.update(ship_by=now - timedelta(hours=3))


def _browser() -> Client:
    from django.test import Client

    from kogge.merchants.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(email=ACTOR), backend="kogge.merchants.login.ThrottledBackend")
    return client


def _api_client(merchant: Any) -> Client:
    from base64 import b64encode

    from django.test import Client

    from kogge.backoffice.api.keys import make_shop_key

    shown = make_shop_key(
        merchant, name="bench", may_write=False, may_write_orders=False, now=datetime.now(UTC)
    )
    packed = b64encode(f"{shown.user}:{shown.password}".encode()).decode()
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Basic {packed}"})


def _settle() -> None:
    """What PostgreSQL does by itself after a while; SQLite does nothing of the kind in an installation."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
