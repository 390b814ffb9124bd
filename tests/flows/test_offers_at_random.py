"""Whatever the shop, the buyers, Seller Central and the network do in whatever order: when all has come
to rest, Amazon shows what the shop wants, or the offer says why it does not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from kogge.simulator import Simulator, World
from tests.flows.conftest import GERMANY, Stage
from tests.flows.offer_stage import Assortment, StandingClock

pytestmark = pytest.mark.django_db

STEPS = 60
ARTICLES = 8
CENT = Decimal("0.01")
OVERRIDES: Mapping[str, Sequence[object]] = {
    "stock": [None, 0, 4],
    "price": [None, Decimal("21.50")],
    "buffer": [None, 0, 2],
    "lead_time_days": [None, 4],
    "fba": [True, False, False],
}


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(world=World(quotas="off", clock=StandingClock())) as simulator:
        yield simulator
        assert simulator.violations == []


class Walk:
    """One walk: the dice, and what everybody can do. Products start with five to nine units."""

    def __init__(self, shop: Assortment, seed: int) -> None:
        self.shop = shop
        self.stage = shop.stage
        self.dice = random.Random(seed)
        self.log: list[str] = []
        self.skus = shop.sell(ARTICLES, stock=9)
        self.by_amazon = shop.sell(1, prefix="FBA", channel="AMAZON_EU")
        self.gone: dict[str, Any] = {}
        self.days_there = dict.fromkeys(self.skus, 2)  # as Seller Central says: Kogge does not lead them
        for sku in self.skus:
            self.shop.change([sku], stock=self.dice.randint(5, 9))
        self.led_days = bool(self.dice.randrange(2))

    def begin(self) -> None:
        """First contact, and the merchant's word on all values but, in half of the walks, the days."""
        self.shop.first_contact()
        self.shop.agree(lead_time=self.led_days)
        self.shop.pass_time(20)

    def step(self) -> None:
        name, act = self.dice.choices(*zip(*self._deeds(), strict=True))[0]
        sku = self.dice.choice(self.skus)
        self.log.append(f"{self.stage.now:%H:%M:%S} {name} {sku}")
        act(sku)

    def _deeds(self) -> list[tuple[tuple[str, Callable[[str], None]], int]]:
        return [
            ((act.__name__, act), weight)
            for act, weight in [
                (self.sell_here, 6),
                (self.cancel_here, 2),
                (self.sell_there, 5),
                (self.cancel_there, 2),
                (self.take_in, 5),
                (self.count, 4),
                (self.reprice, 5),
                (self.change_days, 2),
                (self.override, 3),
                (self.tick, 2),
                (self.switch_off, 1),
                (self.meddle, 4),
                (self.take_away, 1),
                (self.lose_patches, 2),
                (self.delay, 2),
                (self.break_something, 3),
                (self.import_file, 2),
                (self.wait, 14),
            ]
        ]

    # --- the shop ---

    def sell_here(self, sku: str) -> None:
        from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
        from kogge.backoffice.refusal import Refusal

        line = ManualLine(self.dice.randint(1, 4), code=sku)
        with suppress(Refusal):
            create_by_hand(self.stage.merchant, ManualOrder((line,)), actor="anna", now=self.stage.now)

    def cancel_here(self, _sku: str) -> None:
        from kogge.backoffice import orders
        from kogge.backoffice.models import Order

        mine = Order.objects.of(self.stage.merchant).filter(channel="manual").exclude(status="cancelled")
        if order := mine.order_by("?").first():
            orders.cancel(order, "no_inventory", actor="anna", now=self.stage.now)

    def count(self, sku: str) -> None:
        self.stage.count(sku, self.dice.choice([0, 0, 1, 3, 8, 20]))

    def reprice(self, sku: str) -> None:
        factor = Decimal(self.dice.choice([80, 95, 100, 105, 120, 300]))
        self.shop.change([sku], price=(20 * factor / 100).quantize(CENT))

    def change_days(self, sku: str) -> None:
        self.shop.change([sku], lead_time_days=self.dice.choice([1, 2, 3, 5, 31]))

    def override(self, sku: str) -> None:
        name = self.dice.choice(sorted(OVERRIDES))
        self.keep(sku, {name: self.dice.choice(OVERRIDES[name])})

    def tick(self, sku: str) -> None:
        self.keep(sku, {"enabled": self.dice.random() < 0.7})

    def switch_off(self, sku: str) -> None:
        self.shop.change([sku], active=self.dice.random() < 0.6)

    def import_file(self, _sku: str) -> None:
        """Many at once: enough for a feed."""
        self.shop.change(self.skus, stock=self.dice.randint(0, 12), price=Decimal("20.00"))

    def keep(self, sku: str, values: Mapping[str, object]) -> None:
        from kogge.amazon.offers.keeping import keep_offer
        from kogge.backoffice.models import Product

        product = Product.objects.of(self.stage.merchant).get(code=sku)
        keep_offer(self.stage.merchant, str(product.pk), values, now=self.stage.now)

    # --- Amazon ---

    def sell_there(self, sku: str) -> None:
        if self.shop.amazon.world.demo.listings.get(sku) and self.shop.at_amazon(sku)[0]:
            self.shop.amazon.place_orders(1, kind="standard", marketplace_id=GERMANY, sku=sku, quantity=1)

    def cancel_there(self, _sku: str) -> None:
        if unshipped := [order for order in self.shop.amazon.orders if order.status == "UNSHIPPED"]:
            self.shop.amazon.change_order(self.dice.choice(unshipped).order_id, status="CANCELLED")

    def take_in(self, _sku: str) -> None:
        """The orders of Amazon come into the shop."""
        self.stage.settle()
        self.stage.run("check_orders")

    def meddle(self, sku: str) -> None:
        """Somebody changes the offer in Seller Central."""
        if sku not in self.shop.amazon.world.demo.listings:
            return
        change: dict[str, Any] = {
            "stock": self.dice.randint(0, 30),
            "price": Decimal(self.dice.choice(["19.00", "24.00"])),
            "lead_time_days": self.dice.randint(1, 9),
        }
        what = self.dice.choice(sorted(change))
        if what == "lead_time_days":
            self.days_there[sku] = change[what]
        self.shop.amazon.change_listing(sku, **{what: change[what]})

    def take_away(self, sku: str) -> None:
        """Amazon loses the offer, or has it again as it was."""
        listings = self.shop.amazon.world.demo.listings
        if sku in listings:
            self.gone[sku] = listings.pop(sku)
        else:
            listings[sku] = self.gone.pop(sku)

    def lose_patches(self, _sku: str) -> None:
        self.shop.amazon.set(new_patches_lost=not self.shop.amazon.world.settings.new_patches_lost)

    def delay(self, _sku: str) -> None:
        self.shop.amazon.set(listing_delay_s=self.dice.choice([0, 60, 600, 2_000]))

    def break_something(self, _sku: str) -> None:
        operation = self.dice.choice(
            ["patchListingsItem", "searchListingsItems", "createFeed", "getFeed", "getFeedDocument", "upload"]
        )
        kind = self.dice.choice(["429", "503-html", "drop-connection", "drop-after", "bad-json"])
        self.shop.amazon.fault(operation, kind, times=self.dice.randint(1, 3))

    # --- time ---

    def wait(self, _sku: str) -> None:
        self.shop.pass_time(self.dice.choice([0.05, 0.1, 1, 3, 16, 45]))

    def come_to_rest(self) -> None:
        """Nothing happens any more, and three days pass."""
        self.shop.amazon.set(new_patches_lost=False, listing_delay_s=0)
        self.shop.amazon.clear_faults()
        self.shop.pass_time(60)
        self.take_in("")
        self.shop.pass_time(3 * 24 * 60)

    def check(self) -> None:
        for sku in [*self.skus, *self.by_amazon]:
            with transaction.atomic():
                self._check_one(sku)

    def _check_one(self, sku: str) -> None:
        from kogge.backoffice.models import Product

        listing = self.shop.listing(sku)
        product = Product.objects.of(self.stage.merchant).get(code=sku)
        offer = listing.offer
        story = "\n".join([*self.log, *(str(vars(one)) for one in (listing, offer, product))])
        assert (listing.priority, listing.plan_at, listing.sending_json) == (None, None, None), story
        there = self.shop.amazon.world.demo.listings.get(sku)
        if there is None:
            assert not offer.enabled or listing.reason == "not_found", story
            return
        if not offer.enabled:
            assert listing.state == "off", story
            is_told = listing.is_merchant_fulfilled and listing.accepted.quantity is not None
            assert there.stock == 0 or not is_told or listing.reason == "drift", story
            return
        if listing.state == "drift":
            assert listing.reason == "drift", story
            return
        available = max(0, product.stock - product.reserved - product.oversold)
        if not (offer.fba or there.is_fba):
            assert there.stock == units(product, offer, available), story
            assert offer.stock is not None or there.stock <= available, story
            self._check_days(there, product, offer, story)
        assert self._reasons(there, product, offer) == {listing.reason} - {""}, story
        if listing.reason != "price_held":
            assert there.price == (product.price if offer.price is None else offer.price), story
        assert listing.state == ("problem" if listing.reason else "live"), story

    def _check_days(self, there: Any, product: Any, offer: Any, story: object) -> None:
        days = product.lead_time_days if offer.lead_time_days is None else offer.lead_time_days
        if not self.led_days:
            assert there.lead_time_days == self.days_there[there.sku], story
        elif days <= 30:
            assert there.lead_time_days == days, story

    def _reasons(self, there: Any, product: Any, offer: Any) -> set[str]:
        """What is wrong by Amazon's and the shop's books."""
        days = product.lead_time_days if offer.lead_time_days is None else offer.lead_time_days
        if self.led_days and days > 30 and not (offer.fba or there.is_fba):
            return {"lead_time_too_long"}
        wanted = product.price if offer.price is None else offer.price
        return {"price_held"} if abs(wanted - there.price) > there.price / 2 else set()


def units(product: Any, offer: Any, available: int) -> int:
    """How many Amazon should show."""
    if not product.active:
        return 0
    if offer.stock is not None:
        return max(0, int(offer.stock) - int(product.reserved))
    return max(0, available - int(offer.buffer or 0))


@pytest.mark.parametrize("seed", range(2))
def test_a_random_walk_comes_to_rest_with_amazon_showing_what_the_shop_wants(
    stage: Stage, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kogge.amazon.offers.sending.MOST_BY_PATCH", 5)
    sold_out_goes_first(monkeypatch)
    walk = Walk(Assortment(stage), seed)
    walk.begin()

    for _step in range(STEPS):
        walk.step()
    walk.come_to_rest()

    walk.check()


def sold_out_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch that nothing else is said while something sold out waits."""
    from kogge.amazon.offers import sending
    from kogge.amazon.offers.models import Listing

    say_some = sending._say_some

    def watched(run: Any, listings: Any) -> None:
        others = [listing for listing in listings if listing.priority != Listing.Priority.SOLD_OUT]
        waiting = sending._waiting(run.connection, run.work.now).filter(priority=Listing.Priority.SOLD_OUT)
        left = waiting.exclude(pk__in=[listing.pk for listing in listings])
        assert not (others and [one for one in left if run._said[one.pk] < sending.MOST_TIMES])
        say_some(run, listings)

    monkeypatch.setattr(sending, "_say_some", watched)
