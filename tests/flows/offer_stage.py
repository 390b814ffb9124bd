"""Offers on the stage: articles at Amazon that the shop sells as well, and the clock that works them off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from django.db.models import F

from kogge.simulator import Clock
from kogge.simulator.listings import Listing as AmazonListing
from tests.flows.conftest import GERMANY, Stage


class StandingClock(Clock):
    """Time that only passes when a story says so: then Amazon counts its limits as we do, to the token."""

    def __init__(self) -> None:
        super().__init__()
        self._moment = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment the story is at."""
        return self._moment

    def advance(self, seconds: float) -> None:
        """Go on to a whole millisecond, as Amazon's times are."""
        self._moment += timedelta(milliseconds=ceil(seconds * 1000))


MOST_AT_A_MOMENT = 100  # operations that are due at the same time; more is an endless loop
OPERATIONS = ("send_offers", "send_feeds", "read_offers")


@dataclass
class Assortment:
    """The merchant's offers, with verbs for what the merchant, Amazon and the worker do."""

    stage: Stage

    @property
    def amazon(self) -> Any:
        return self.stage.amazon

    def sell(self, count: int, *, prefix: str = "ART", by_asin: bool = False, **listed: Any) -> list[str]:
        """Articles that are listed at Amazon, in the shop with the same values, and ticked; their SKUs."""
        from kogge.amazon.catalog.models import Offer
        from kogge.backoffice.models import Product

        merchant, now = self.stage.merchant, self.stage.now
        skus = [f"{prefix}-{number:05d}" for number in range(count)]
        asins = {sku: f"B{abs(hash(prefix)) % 1000:03d}{number:06d}" for number, sku in enumerate(skus)}
        for sku in skus:
            values = {"price": Decimal("20.00"), "stock": 100, "lead_time_days": 2, **listed}
            self.amazon.world.demo.listings[sku] = AmazonListing(sku, asins[sku], f"Artikel {sku}", **values)
        products = Product.objects.everyone().bulk_create(
            Product(merchant=merchant, code=sku, title=sku, price=Decimal("20.00"), stock=100, changed_at=now)
            for sku in skus
        )
        Offer.objects.everyone().bulk_create(
            Offer(
                merchant=merchant,
                product_id=str(product.pk),
                enabled=True,
                asin=asins[product.code],
                sku="" if by_asin else product.code,
            )
            for product in products
        )
        self._tell(skus, offers=True)
        return skus

    def sell_known(self, count: int, **listed: Any) -> list[str]:
        """The same, and Kogge has looked at them before: for stories that begin later."""
        from kogge.amazon.catalog.models import Offer
        from kogge.amazon.offers.models import Listing

        skus = self.sell(count, **listed)
        shown = {"quantity": 100, "lead_time_days": 2, "prices": {GERMANY: "20.00"}}
        Listing.objects.everyone().filter(connection=self.stage.connection).delete()
        Listing.objects.everyone().bulk_create(
            Listing(
                merchant=self.stage.merchant,
                connection=self.stage.connection,
                offer=offer,
                product_id=offer.product_id,
                sku=offer.sku,
                channel="DEFAULT",
                shown_at=self.stage.now,
                shown_json=shown,
                state="live",
            )
            for offer in Offer.objects.of(self.stage.merchant)
        )
        return skus

    def agree(self, *, quantity: bool = True, lead_time: bool = True, price: bool = True) -> None:
        """The merchant has Kogge lead these values."""
        from kogge.amazon.offers.models import Agreement

        words = {"quantity": quantity, "lead_time": lead_time, "price": price}
        leaders = {name: "kogge" if leads else "amazon" for name, leads in words.items()}
        Agreement.objects.everyone().update_or_create(
            connection=self.stage.connection,
            defaults={**leaders, "agreed_at": self.stage.now, "replanned_to": 0},
        )
        self.wake("send_offers")

    def change(self, skus: Collection[str], **values: Any) -> None:
        """The shop's products change, all at once."""
        from kogge.backoffice.models import Product

        Product.objects.of(self.stage.merchant).filter(code__in=skus).update(**values)
        self._tell(skus)

    def sell_some(self, skus: Collection[str], units: int) -> None:
        """Somebody buys elsewhere."""
        self.change(skus, stock=F("stock") - units)

    def pass_time(self, minutes: float) -> None:
        """Let the time pass and do all that falls due in it, in its order."""
        from kogge.engine.models import Due

        end = self.stage.now + timedelta(minutes=minutes)
        standing = 0
        while True:
            mine = Due.objects.filter(operation__in=OPERATIONS, subject=self.stage.connection.pk)
            due = mine.order_by("due_at", "operation").first()
            if due is None or due.due_at > end:
                break
            standing = 0 if due.due_at > self.stage.now else standing + 1
            assert standing < MOST_AT_A_MOMENT, f"{due.operation} is due again and again"
            self._advance_to(due.due_at)
            if standing:
                self.amazon.advance(0.001)  # a limit can be over within less than a clock's tick
            self.stage.run(due.operation)
        self._advance_to(end)

    def first_contact(self) -> None:
        """Kogge looks at everything that is offered."""
        self.pass_time(5)

    def wake(self, operation: str) -> None:
        from kogge.engine import due

        due.make_due(operation, self.stage.connection.pk, now=self.stage.now)

    def listings(self, **wanted: Any) -> Any:
        from kogge.amazon.offers.models import Listing

        return Listing.objects.of(self.stage.merchant).filter(**wanted).order_by("pk")

    def listing(self, sku: str) -> Any:
        return self.listings().get(offer__sku=sku)

    def states(self, **wanted: Any) -> set[str]:
        return set(self.listings(**wanted).values_list("state", flat=True))

    def at_amazon(self, sku: str) -> tuple[int, int, Decimal]:
        """Units, days and price that Amazon shows."""
        listing = self.amazon.listing(sku)
        return listing.stock, listing.lead_time_days, listing.price

    def listings_feeds(self) -> list[Any]:
        return [feed for feed in self.amazon.feeds if feed.feed_type == "JSON_LISTINGS_FEED"]

    def calls(self, operation: str) -> int:
        return int(self.amazon.calls.get(operation, 0))

    def _advance_to(self, moment: Any) -> None:
        seconds = (moment - self.stage.now).total_seconds()
        if seconds > 0:
            self.amazon.advance(seconds)

    def _tell(self, skus: Collection[str], *, offers: bool = False) -> None:
        from kogge.amazon.offers.changes import offers_changed, products_changed
        from kogge.backoffice.models import Product

        products = Product.objects.of(self.stage.merchant).filter(code__in=skus)
        keys = [str(key) for key in products.values_list("pk", flat=True)]
        tell = offers_changed if offers else products_changed
        tell(self.stage.merchant.pk, keys, now=self.stage.now)
