"""A shelf: products of Teehaus Muster that are offered at Amazon, the same there as here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.sending import send_feeds
from kogge.amazon.journal.models import Trouble
from kogge.amazon.offers import agreeing, changes, planning
from kogge.amazon.offers.models import Listing, Values, stored
from kogge.amazon.offers.reading import read_offers
from kogge.amazon.offers.sending import send_offers
from kogge.backoffice import stock
from kogge.backoffice.models import Product
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant
from kogge.simulator import Clock, Simulator, World
from kogge.simulator.listings import Listing as AmazonListing
from kogge.simulator.world import Account
from tests.amazon.account import DE, FR, START, connect, run, work_on

HANDLERS = {"send_offers": send_offers, "read_offers": read_offers, "send_feeds": send_feeds}


@dataclass
class Shelf:
    """Products, their offers, and how they stand at the demo seller's account."""

    amazon: Simulator
    merchant: Merchant
    connection: Connection
    products: dict[str, Product] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.amazon.world.now()

    @property
    def account(self) -> Account:
        return self.amazon.world.demo

    def put(
        self,
        code: str = "TEE-1",
        *,
        price: str = "10.00",
        units: int = 10,
        days: int = 2,
        offer: dict[str, Any] | None = None,
        listed: dict[str, Any] | None = None,
        is_listed: bool = True,
    ) -> Product:
        """A product and its offer; at Amazon the same, but for what `listed` says otherwise."""
        with transaction.atomic():
            product = Product.objects.everyone().create(
                merchant=self.merchant,
                code=code,
                title=f"Tee {code}",
                price=Decimal(price),
                lead_time_days=days,
                changed_at=self.now,
            )
            stock.correct_stock(product, units, actor="anna@example.org", now=self.now)
        if is_listed:
            there: dict[str, Any] = {"price": Decimal(price), "stock": units, "lead_time_days": days}
            asin = f"B0TEE{len(self.products):05d}"
            self.account.listings[code] = AmazonListing(code, asin, f"Tee {code}", **(there | (listed or {})))
        Offer.objects.everyone().create(
            merchant=self.merchant, product_id=str(product.pk), **({"sku": code} | (offer or {}))
        )
        changes.offers_changed(self.merchant.pk, [str(product.pk)], now=self.now)
        self.products[code] = product
        return product

    def agree(self, quantity: str = "kogge", lead_time: str = "kogge", price: str = "kogge") -> None:
        """Anna says who leads what, after Kogge has looked at everything."""
        self.run("read_offers")
        self.run("send_offers")
        agreeing.agree(
            self.connection,
            quantity=quantity,
            lead_time=lead_time,
            price=price,
            by="anna@example.org",
            now=self.now,
        )
        self.run("send_offers")

    def count(self, code: str, units: int) -> None:
        """Anna counts the stock again."""
        with transaction.atomic():
            stock.correct_stock(self.products[code], units, actor="anna@example.org", now=self.now)

    def change(self, code: str, **values: Any) -> None:
        """Anna changes the product."""
        product = self.products[code]
        with transaction.atomic():
            Product.objects.of(self.merchant).filter(pk=product.pk).update(**values)
            changes.products_changed(self.merchant.pk, [str(product.pk)], now=self.now)

    def change_offer(self, code: str, **values: Any) -> None:
        """Anna changes the box "Kanäle"."""
        product = self.products[code]
        with transaction.atomic():
            Offer.objects.of(self.merchant).filter(product_id=str(product.pk)).update(**values)
            changes.offers_changed(self.merchant.pk, [str(product.pk)], now=self.now)

    def run(self, operation: str) -> Outcome:
        return run(HANDLERS[operation], operation, self.connection.pk, self.amazon.world.now)

    def work(self, operation: str = "send_offers") -> Work:
        return work_on(operation, self.connection.pk, self.amazon.world.now)

    def plan(self) -> int:
        """Only plan, tell nothing."""
        work = self.work()
        planned = planning.plan(self.connection, work)
        due.finish(work.lease, now=self.now, next_due=self.now)
        return planned

    def listing(self, code: str = "TEE-1") -> Listing:
        """How the offer stands, by Kogge's books."""
        return Listing.objects.of(self.merchant).select_related("offer").get(offer__sku=code)

    def there(self, code: str = "TEE-1") -> AmazonListing:
        """The offer as Amazon has it."""
        return self.account.listings[code]

    def said(self) -> Counter[str]:
        """How often Amazon was told something, by operation."""
        writes = ("patchListingsItem", "putListingsItem", "createFeed")
        return Counter({name: count for name, count in self.amazon.calls.items() if name in writes})

    def troubles(self) -> dict[str, int]:
        """The open tasks with the number of offers each is about."""
        rows = Trouble.objects.of(self.merchant).filter(closed_at=None)
        return {row.kind: row.details.get("count") for row in rows}


@pytest.fixture
def amazon(settings: Any) -> Iterator[Simulator]:
    """Amazon without limits; a test about limits sets them."""
    world = World(quotas="off", clock=Clock(START), listings=[])
    with Simulator(world=world) as simulator:
        settings.KOGGE_AMAZON_API_URL = simulator.api_url
        settings.KOGGE_AMAZON_LWA_URL = simulator.lwa_url
        settings.KOGGE_AMAZON_CONSENT_URL = simulator.url
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def shelf(amazon: Simulator, merchant: Merchant) -> Shelf:
    """An empty shelf, connected in Germany and France; nothing is agreed yet."""
    return Shelf(amazon, merchant, connect(merchant, amazon.world.now(), marketplace_ids=[DE, FR]))


@pytest.fixture
def write(shelf: Shelf) -> Callable[..., Listing]:
    """Set what Kogge knows of a listing: `write("TEE-1", shown=Values(…), channel="DEFAULT")`."""

    def write(code: str, **known: Any) -> Listing:
        values = {
            f"{name}_json" if isinstance(value, Values) else name: stored(value)
            if isinstance(value, Values)
            else value
            for name, value in known.items()
        }
        Listing.objects.of(shelf.merchant).filter(offer__sku=code).update(**values)
        return shelf.listing(code)

    return write


def codes(listings: Collection[Listing]) -> set[str]:
    """Which offers these are."""
    return {listing.offer.sku for listing in listings}
