"""kill -9 of the worker at random moments while offers change: Amazon ends up showing what the shop has."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from kogge.amazon.feeds.models import Feed
from kogge.engine.models import Due
from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.offer_stage import OPERATIONS, Assortment

KILLS = 3
FEED_CALLS = {
    "searchListingsItems",
    "createFeedDocument",
    "createFeed",
    "getFeed",
    "getFeeds",
    "getFeedDocument",
}
PATIENCE = 30  # seconds until the worker must have got somewhere


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off") as simulator:
        yield simulator
        cut_off = "Input data was truncated"  # what a client says that dies while it speaks
        assert [wrong for wrong in simulator.violations if cut_off not in wrong] == []


@pytest.fixture
def shop(open_stage: Stage) -> Assortment:
    """Only the offers' own operations are due: nothing else is the story."""
    Due.objects.all().delete()
    return Assortment(open_stage)


def test_patches_that_are_killed_again_and_again_all_arrive(shop: Assortment, kogge: Any) -> None:
    skus = shop.sell_known(60)
    shop.agree()
    dice = random.Random(2026)
    for _kill in range(KILLS):
        change_all(shop, skus, dice)
        kill(shop, kogge, {"patchListingsItem"}, dice)

    shop.pass_time(40)

    assert_equal(shop, skus)
    assert shop.states() == {"live"}
    assert shop.stage.troubles() == set()


def test_a_feed_that_is_killed_at_every_step_is_one_feed_and_all_of_it_arrives(
    shop: Assortment, kogge: Any
) -> None:
    shop.amazon.set(feed_queue_s=0, feed_process_s=0)
    skus = shop.sell_known(1_100)
    shop.agree()
    Due.objects.all().delete()  # the merchant's word was worked off long ago
    dice = random.Random(2026)
    with transaction.atomic():
        shop.change(skus, stock=7)
        shop.change(skus[::100], price=Decimal("21.00"), stock=0)
        # A feed waits until no more changes come; these are a while ago.
        shop.listings().update(changed_at=shop.stage.now - timedelta(minutes=1))
    for _kill in range(2 * KILLS):
        kill(shop, kogge, FEED_CALLS, dice)
        let_a_minute_pass(shop)
        if not shop.listings(priority__isnull=False).exists() and shop.states() == {"sent"}:
            break

    shop.pass_time(40)

    assert len(shop.listings_feeds()) == 1
    assert_equal(shop, skus)
    assert shop.states() == {"live"}


def change_all(shop: Assortment, skus: list[str], dice: random.Random) -> None:
    """Everything changes, and a quarter is sold out."""
    with transaction.atomic():
        for sku in skus:
            units = dice.choice([0, dice.randint(1, 9), dice.randint(10, 50), 100])
            price = Decimal(dice.choice(["19.00", "20.00", "22.00"]))
            shop.change([sku], stock=units, price=price, lead_time_days=dice.randint(1, 5))


def kill(shop: Assortment, kogge: Any, operations: set[str], dice: random.Random) -> None:
    """Start the worker, and end it a random moment after it has begun to call one of these operations."""

    def calls() -> int:
        return sum(shop.calls(operation) for operation in operations)

    before = calls()
    # What ended its worker three times is given up for an hour, or until a human wants it tried again.
    Due.objects.filter(operation__in=OPERATIONS).update(due_at=shop.stage.now, deaths=0, parked_at=None)
    process = kogge("worker", "--json")
    try:
        deadline = time.monotonic() + PATIENCE
        while calls() == before:
            assert time.monotonic() < deadline, f"the worker called none of {operations}"
            time.sleep(0.002)
        time.sleep(dice.uniform(0.0, 0.2))
    finally:
        process.kill()
        process.communicate()


def let_a_minute_pass(shop: Assortment) -> None:
    """What waits for the clock is due; the clock of the worker is the real one and does not wait for us."""
    now = shop.stage.now
    Feed.objects.everyone().filter(next_poll_at__isnull=False).update(next_poll_at=now)
    creating = Feed.objects.everyone().filter(state=Feed.State.CREATING)
    creating.update(submitted_at=now.replace(year=now.year - 1))


def assert_equal(shop: Assortment, skus: list[str]) -> None:
    from kogge.backoffice.models import Product

    products = Product.objects.of(shop.stage.merchant).filter(code__in=skus)
    here = {one.code: (one.stock, one.lead_time_days, one.price) for one in products}
    assert {sku: shop.at_amazon(sku) for sku in skus} == here
