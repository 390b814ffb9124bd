"""Amazon's limits for one connection: what is pressing gets through, the rest waits its turn."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.amazon.connections import limits
from kogge.amazon.connections.limits import RESERVES, BucketLimiter, plan_of
from kogge.engine.work import Rank
from kogge.schedule import OPERATIONS
from kogge.spapi.errors import Throttled

pytestmark = pytest.mark.django_db


def used_up(limiter: BucketLimiter, operation: str) -> int:
    """How many calls get through before the limiter says no."""
    for calls in range(100):
        try:
            limiter.take(operation)
        except Throttled:
            return calls
    raise AssertionError("a limiter without a limit")


def test_a_check_gets_through_in_the_second_in_which_the_back_fill_has_used_up_its_share(clock: Any) -> None:
    back_fill = BucketLimiter(1, lambda: clock.now, OPERATIONS["backfill_orders"].rank)
    check = BucketLimiter(1, lambda: clock.now, OPERATIONS["check_orders"].rank)

    assert used_up(back_fill, "searchOrders") == 16

    assert used_up(check, "searchOrders") == 4


def test_the_back_fill_goes_on_beside_the_checks(clock: Any) -> None:
    back_fill = BucketLimiter(1, lambda: clock.now, Rank.BACK_FILL)
    check = BucketLimiter(1, lambda: clock.now, Rank.ORDERS)
    used_up(back_fill, "searchOrders")
    fetched = 0

    for _check in range(36):  # six hours
        clock.advance(minutes=10)
        check.take("searchOrders")
        fetched += used_up(back_fill, "searchOrders")

    assert fetched >= 80  # 3.4 new tokens each time, one of them for the check


def test_one_run_may_ask_for_more_and_for_less_pressing_things(clock: Any) -> None:
    limiter = BucketLimiter(1, lambda: clock.now, Rank.STOCK_TO_ZERO)

    with limiter.ranked(Rank.OFFERS):
        used_up(limiter, "patchListingsItem")
    limiter.take("patchListingsItem")  # sold out

    with pytest.raises(Throttled):
        limiter.take("patchListingsItem")


def test_cancellations_find_a_feed_when_offers_have_used_up_theirs(clock: Any) -> None:
    offers = BucketLimiter(1, lambda: clock.now, Rank.OFFERS)
    cancellations = BucketLimiter(1, lambda: clock.now)
    for operation in ("createFeedDocument", "createFeed", "getFeeds", "getFeedDocument"):
        used_up(offers, operation)

        cancellations.take(operation)


def test_an_answer_with_nothing_new_costs_no_statement(clock: Any, django_assert_num_queries: Any) -> None:
    limiter = BucketLimiter(1, lambda: clock.now)
    limiter.take("getOrder")
    limiter.learn("getOrder", 0.5)

    with django_assert_num_queries(1):
        limiter.take("getOrder")
        limiter.learn("getOrder", 0.5)

    limiter.learn("getOrder", 0.25)
    assert limits.budget(1, clock.now)[0].rate == 0.25


def test_every_reserve_leaves_the_larger_part_of_its_limit() -> None:
    for operation, (_rank, tokens) in RESERVES.items():
        assert 2 * tokens < plan_of(operation)[1], operation
