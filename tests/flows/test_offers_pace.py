"""Amazon's limits on the virtual clock: few changes by patch at full pace, many in one feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from kogge.amazon.offers.latency import UNTIL_WE_KNOW, measured_latency, suggested_buffer
from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.models import Product
from kogge.simulator import Simulator, World
from tests.flows.conftest import GERMANY, Stage
from tests.flows.offer_stage import Assortment, StandingClock

pytestmark = pytest.mark.django_db


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(world=World(quotas="amazon", clock=StandingClock())) as simulator:
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def shop(stage: Stage) -> Assortment:
    return Assortment(stage)


def begin(shop: Assortment) -> None:
    shop.agree()
    shop.pass_time(1)
    shop.amazon.world.calls.clear()


def test_three_hundred_changes_are_three_hundred_patches_in_a_minute(shop: Assortment) -> None:
    skus = shop.sell_known(300)
    begin(shop)

    shop.change(skus, stock=42)
    shop.pass_time(75 / 60)

    assert shop.calls("patchListingsItem") == 300
    assert shop.calls("searchListingsItems") == 15  # who ships it, twenty at a time
    assert shop.amazon.world.refused["patchListingsItem"] == 0
    assert {shop.at_amazon(sku)[0] for sku in skus} == {42}
    assert not shop.listings_feeds()
    first, last = (shop.listings().order_by(by).first().accepted_at for by in ("accepted_at", "-accepted_at"))
    assert timedelta(seconds=55) < last - first < timedelta(seconds=70)


def test_what_is_sold_out_does_not_wait_for_the_others(
    shop: Assortment, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = shop.sell_known(100)
    begin(shop)
    pass_moment, pauses = shop.amazon.advance, []

    def advance(seconds: float) -> None:
        pass_moment(seconds)
        pauses.append(shop.stage.now)
        if len(pauses) == 15:
            shop.change(skus[-1:], stock=0)

    monkeypatch.setattr(shop.amazon, "advance", advance)
    shop.change(skus, stock=42)
    shop.pass_time(1)

    told = shop.listing(skus[-1])
    assert told.accepted.quantity == 0
    assert told.accepted_at - pauses[14] < timedelta(seconds=5)
    assert shop.listings(accepted_at__gt=told.accepted_at).count() > 50


def test_many_prices_are_one_feed_and_everything_else_survives(shop: Assortment) -> None:
    skus = shop.sell_known(
        1_200,
        sale_price=Decimal("15.00"),
        business_price=Decimal("18.00"),
        min_price=Decimal("10.00"),
        max_price=Decimal("40.00"),
    )
    for sku in skus:
        listing = shop.amazon.listing(sku)
        [own] = listing.attributes["fulfillment_availability"]
        restocked = {**own, "restock_date": "2026-12-24"}
        listing.attributes = {**listing.attributes, "fulfillment_availability": [restocked]}
    before = {sku: shop.amazon.listing(sku).copy() for sku in skus}
    begin(shop)

    shop.change(skus, price=Decimal("22.00"))
    shop.pass_time(12)

    assert len(shop.listings_feeds()) == shop.calls("createFeed") == 1
    assert shop.calls("patchListingsItem") == 0
    assert shop.states() == {"sent"}
    for sku, listing in before.items():
        listing.set_price("our_price", Decimal("22.00"))
        assert by_entry(shop.amazon.listing(sku)) == by_entry(listing)


def test_the_buffer_is_what_sells_until_both_sides_know(shop: Assortment) -> None:
    [sku] = shop.sell_known(1)
    begin(shop)
    product = Product.objects.of(shop.stage.merchant).get(code=sku)
    for _order in range(20):
        create_by_hand(
            shop.stage.merchant,
            ManualOrder((ManualLine(3, code=sku),)),
            actor="anna@example.org",
            now=shop.stage.now,
        )
    shop.pass_time(1)

    latency = measured_latency(shop.stage.connection.pk)
    suggestion = suggested_buffer(
        shop.stage.connection.pk, shop.stage.merchant.pk, str(product.pk), shop.stage.now
    )

    assert latency is not None
    assert timedelta(seconds=2) <= latency < timedelta(seconds=5)
    assert suggestion.latency == latency
    per_hour = Decimal(60) / (30 * 24)
    assert suggestion.sales_per_hour == per_hour
    assert suggestion.units == 1 > per_hour * Decimal((latency + UNTIL_WE_KNOW) / timedelta(hours=1))
    assert shop.at_amazon(sku)[0] == 40
    assert shop.amazon.listing(sku).price_in(GERMANY) == Decimal("20.00")


def by_entry(listing: object) -> dict[str, list[str]]:
    """The order of entries means nothing."""
    attributes = getattr(listing, "attributes")  # noqa: B009
    return {
        name: sorted(repr(sorted(one.items())) for one in entries) for name, entries in attributes.items()
    }
