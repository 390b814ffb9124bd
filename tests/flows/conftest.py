"""The stage of the stories: a shop with tea, Amazon as a simulator over real HTTP, and a clock for both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection as database
from django.db import transaction

from kogge.simulator import Simulator, credentials
from tests.amazon_models import check_exchange

GERMANY = "A1PA6795UKMFR9"
FRANCE = "A13V1IB3VIYZZH"
ITALY = "APJ6JRA9NG5V4"
ROOT = Path(__file__).parents[2]


@dataclass
class SharedClock:
    """Amazon's time as our own clock shows it: exactly, or off by `skew`."""

    amazon: Simulator
    skew: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return self.amazon.world.now() + self.skew

    @property
    def now(self) -> datetime:
        return self()


@dataclass
class Stage:
    """Everything a story needs, with verbs for what people and Amazon do."""

    amazon: Simulator
    clock: SharedClock
    merchant: Any
    connection: Any

    @property
    def now(self) -> datetime:
        return self.clock()

    def buy(self, count: int = 1, **wish: Any) -> list[Any]:
        """Buyers order, and Amazon shows it to searches."""
        orders = self.amazon.place_orders(count, **wish)
        self.settle()
        return orders

    def settle(self) -> None:
        """The two minutes pass after which Amazon shows a change."""
        self.amazon.advance(125)

    def run(self, operation: str) -> Any:
        """Do one operation of the connection now; answers its outcome. What it raises is a bug."""
        from kogge.engine import due
        from kogge.engine.owner import this_process
        from kogge.engine.work import Work
        from kogge.schedule import OPERATIONS

        lease = due.claim_one(operation, self.connection.pk, this_process(), now=self.now)
        assert lease is not None, f"{operation} is being worked on"
        work = Work(operation, self.connection.pk, self.clock, lease, sleep=self.amazon.advance)
        outcome = OPERATIONS[operation](work)
        due.finish(
            lease, now=self.now, next_due=outcome.next_due, error=outcome.error, waiting=outcome.waiting
        )
        return outcome

    def check(self) -> Any:
        """Check for orders; answers the run."""
        self.run("check_orders")
        return self.runs("check")[-1]

    def runs(self, kind: str) -> list[Any]:
        from kogge.amazon.journal.models import Run

        return list(Run.objects.everyone().filter(connection=self.connection, kind=kind).order_by("pk"))

    def shop_orders(self) -> dict[str, Any]:
        """The shop's orders from Amazon, by Amazon's id."""
        from kogge.backoffice.models import Order

        return {
            order.external_id: order
            for order in Order.objects.of(self.merchant).filter(channel="amazon").prefetch_related("lines")
        }

    def amazon_orders(self) -> dict[str, Any]:
        from kogge.amazon.orders.models import AmazonOrder

        return {order.order_id: order for order in AmazonOrder.objects.of(self.merchant)}

    def troubles(self) -> set[str]:
        """The kinds of the open troubles."""
        from kogge.amazon.journal.models import Trouble

        return set(
            Trouble.objects.of(self.merchant).filter(closed_at__isnull=True).values_list("kind", flat=True)
        )

    def stock(self, code: str) -> tuple[int, int]:
        """A product's stock and what is reserved of it."""
        from kogge.backoffice.models import Product

        product = Product.objects.of(self.merchant).get(code=code)
        return product.stock, product.reserved

    def offer(self, *codes: str) -> None:
        """The merchant ticks Amazon for these products, and names the SKU."""
        from kogge.amazon.catalog.models import Offer
        from kogge.amazon.offers import changes
        from kogge.backoffice.models import Product

        found = dict(Product.objects.of(self.merchant).filter(code__in=codes).values_list("code", "pk"))
        with transaction.atomic():
            for code, pk in found.items():
                Offer.objects.everyone().create(merchant=self.merchant, product_id=str(pk), sku=code)
            changes.offers_changed(self.merchant.pk, [str(pk) for pk in found.values()], now=self.now)

    def agree(self) -> None:
        """The first look, and then the merchant's word: Kogge leads everything."""
        from kogge.amazon.offers import agreeing

        self.run("read_offers")
        self.run("send_offers")
        agreeing.agree(
            self.connection, quantity="kogge", lead_time="kogge", price="kogge", by="anna", now=self.now
        )
        self.run("send_offers")

    def count(self, code: str, units: int) -> None:
        """The merchant counts the stock of a product."""
        from kogge.backoffice import stock
        from kogge.backoffice.models import Product

        with transaction.atomic():
            product = Product.objects.of(self.merchant).get(code=code)
            stock.correct_stock(product, units, actor="anna@example.org", now=self.now)

    def change_price(self, code: str, price: Decimal) -> None:
        """The merchant changes a product's price."""
        from kogge.backoffice.channels import tell_products_changed
        from kogge.backoffice.models import Product

        with transaction.atomic():
            product = Product.objects.of(self.merchant).get(code=code)
            product.price = price
            product.save(update_fields=["price"])
            tell_products_changed(self.merchant.pk, [product.pk], now=self.now)

    def amazon_listing(self, sku: str) -> Any:
        """The offer as Amazon has it."""
        return self.amazon.world.demo.listings[sku]

    def listing(self, sku: str) -> Any:
        """The offer as Kogge's books have it."""
        from kogge.amazon.offers.models import Listing

        return Listing.objects.of(self.merchant).select_related("offer").get(offer__sku=sku)

    def ship(self, order: Any, *, tracking: str, carrier: str = "DHL", quantities: Any = None) -> Any:
        """The merchant ships, and Kogge reads it."""
        from kogge.backoffice import dispatch

        parcel = dispatch.ship(
            order,
            carrier=carrier,
            tracking_number=tracking,
            quantities=quantities,
            actor="anna@example.org",
            now=self.now,
        )
        self.run("read_shop")
        return parcel


def importable(orders: list[Any]) -> list[Any]:
    """The orders that belong into the shop, told by what Amazon knows."""
    return [
        order
        for order in orders
        if order.fulfilled_by == "MERCHANT"
        and order.channel == "AMAZON"
        and order.status in ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")
    ]


def total(order: Any) -> Decimal:
    """What the buyer pays for an order, by Amazon's own books."""
    from kogge.simulator.order_document import grand_total

    return grand_total(order, order.items)


@pytest.fixture
def quotas() -> str:
    """Without limits; a story about limits says so."""
    return "off"


@pytest.fixture
def amazon(quotas: Any) -> Iterator[Simulator]:
    """A small Amazon; every exchange is checked against Amazon's models, and no rule may be broken."""
    with Simulator(quotas=quotas, on_exchange=check_exchange) as simulator:
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def clock(amazon: Simulator) -> SharedClock:
    return SharedClock(amazon)


@pytest.fixture
def point_at(settings: Any) -> Callable[[Simulator], None]:
    """Have Kogge talk to this Amazon."""

    def point_at(amazon: Simulator) -> None:
        settings.KOGGE_AMAZON_API_URL = amazon.api_url
        settings.KOGGE_AMAZON_LWA_URL = amazon.lwa_url
        settings.KOGGE_AMAZON_CONSENT_URL = amazon.consent_url

    return point_at


@pytest.fixture
def stage(db: None, amazon: Simulator, clock: SharedClock, point_at: Callable[[Simulator], None]) -> Stage:
    return set_up(amazon, clock, point_at)


@pytest.fixture
def open_stage(
    transactional_db: None, amazon: Simulator, clock: SharedClock, point_at: Callable[[Simulator], None]
) -> Stage:
    """A stage that threads and other processes see: its transactions are real."""
    return set_up(amazon, clock, point_at)


def set_up(
    amazon: Simulator,
    clock: SharedClock,
    point_at: Callable[[Simulator], None],
    *,
    furnish: Callable[[Any, Simulator, datetime], None] | None = None,
) -> Stage:
    """Teehaus Muster sells all that is listed at Amazon, a hundred of each; or what `furnish` brings."""
    from kogge.amazon.connections.accounts import connect
    from kogge.merchants.models import Merchant

    point_at(amazon)
    merchant = Merchant.objects.create(slug="teehaus-muster", name="Teehaus Muster", created_at=clock())
    with transaction.atomic():
        (furnish or stock_up)(merchant, amazon, clock())
    connection = connect(
        merchant,
        region="eu",
        seller_id=credentials.SELLER_ID,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.REFRESH_TOKEN,
        marketplace_ids=[GERMANY, FRANCE, ITALY],
        dispatch_mail=False,
        start_from=None,
        now=clock(),
    )
    return Stage(amazon, clock, merchant, connection)


def stock_up(merchant: Any, amazon: Simulator, now: datetime) -> None:
    from kogge.backoffice import stock
    from kogge.backoffice.models import Product, StockEntry

    products = Product.objects.everyone().bulk_create(
        Product(merchant=merchant, code=listing.sku, title=listing.title, price=listing.price, changed_at=now)
        for listing in amazon.world.demo.listings.values()
    )
    stock.lock_shop(merchant.pk)
    counted = [
        stock.Movement(f"correction:{product.code}", StockEntry.Kind.CORRECTION, product.pk, stock=100)
        for product in products
    ]
    stock.record(merchant.pk, counted, actor="anna@example.org", now=now)


@pytest.fixture
def kogge(open_stage: Stage, tmp_path: Path) -> Any:
    """`kogge(…)` starts the real program on this test's database and Amazon."""
    module = tmp_path / "the_tests_settings.py"
    module.write_text(
        f"from {os.environ.get('DJANGO_SETTINGS_MODULE', 'kogge.settings')} import *\n"
        f"DATABASES['default']['NAME'] = {str(database.settings_dict['NAME'])!r}\n"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "the_tests_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "KOGGE_DATA_DIR": str(django_settings.DATA_DIR),
        "KOGGE_AMAZON_API_URL": open_stage.amazon.api_url,
        "KOGGE_AMAZON_LWA_URL": open_stage.amazon.lwa_url,
    }

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kogge.cli", *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start
