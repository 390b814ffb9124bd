"""Token buckets: how many calls a partner allows, shared by all workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypedDict

import pytest

from kogge.engine import buckets
from kogge.engine.models import Bucket
from tests.engine.test_due import at_once

pytestmark = pytest.mark.django_db


class Rate(TypedDict):
    rate: float
    burst: int


SEARCH = Rate(rate=0.5, burst=3)


def test_a_fresh_bucket_gives_its_burst_and_then_names_the_wait(clock: Any) -> None:
    taken = [buckets.take(1, "search", **SEARCH, now=clock.now) for _call in range(4)]

    assert [each.wait for each in taken[:3]] == [0.0, 0.0, 0.0]
    assert taken[3].wait == pytest.approx(2.0)


def test_after_the_named_wait_there_is_exactly_one_token(clock: Any) -> None:
    use_up(clock)

    clock.advance(seconds=2)

    assert buckets.take(1, "search", **SEARCH, now=clock.now).wait == 0.0
    assert buckets.take(1, "search", **SEARCH, now=clock.now).wait == pytest.approx(2.0)


def test_a_refused_take_costs_nothing(clock: Any) -> None:
    use_up(clock)
    for _second in range(4):
        clock.advance(seconds=0.5)
        last = buckets.take(1, "search", **SEARCH, now=clock.now).wait

    assert last == 0.0


def test_a_bucket_never_holds_more_than_its_burst(clock: Any) -> None:
    use_up(clock)

    clock.advance(days=30)

    assert buckets.levels([1], clock.now, among=["search"]) == {
        1: [buckets.Level("search", 3.0, 3, 0.5, calls=3)]
    }


def test_subjects_and_operations_have_buckets_of_their_own(clock: Any) -> None:
    use_up(clock)

    assert buckets.take(2, "search", **SEARCH, now=clock.now).wait == 0.0
    assert buckets.take(1, "confirm", **SEARCH, now=clock.now).wait == 0.0


def test_a_learned_rate_counts_from_now_on_and_not_before(clock: Any) -> None:
    use_up(clock)
    buckets.learn(1, "search", 0.1, burst=3, now=clock.advance(seconds=1))

    wait = buckets.take(1, "search", **SEARCH, now=clock.now).wait

    assert wait == pytest.approx(5.0)  # half a token at the old rate, the other half at the new one


def test_a_known_bucket_goes_by_what_was_learned_not_by_the_default(clock: Any) -> None:
    buckets.learn(1, "search", 10.0, burst=3, now=clock.now)
    use_up(clock)

    assert buckets.take(1, "search", **SEARCH, now=clock.advance(seconds=0.1)).wait == 0.0


def test_a_rate_that_never_refills_is_not_believed(clock: Any) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        buckets.learn(1, "search", 0.0, burst=3, now=clock.now)


def test_after_a_refusal_nothing_is_given_until_the_pause_is_over(clock: Any) -> None:
    assert buckets.refused(1, "search", **SEARCH, now=clock.now) == pytest.approx(2.0)

    assert buckets.take(1, "search", **SEARCH, now=clock.advance(seconds=1)).wait == pytest.approx(1.0)
    assert buckets.take(1, "search", **SEARCH, now=clock.advance(seconds=1)).wait == 0.0


def test_pauses_after_refusals_double_up_to_what_one_token_takes(clock: Any) -> None:
    slow: Any = {"rate": 0.0056, "burst": 20}
    pauses = []
    for _refusal in range(8):
        pauses.append(buckets.refused(1, "search", **slow, now=clock.now))
        clock.advance(seconds=pauses[-1])

    assert pauses == pytest.approx([5, 10, 20, 40, 80, 160, 1 / 0.0056, 1 / 0.0056])


def test_pauses_of_a_fast_limit_begin_with_one_token_and_double_up_to_half_a_minute(clock: Any) -> None:
    fast: Any = {"rate": 2.0, "burst": 30}
    pauses = []
    for _refusal in range(9):
        pauses.append(buckets.refused(1, "search", **fast, now=clock.now))
        clock.advance(seconds=pauses[-1])

    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert buckets.take(1, "search", **fast, now=clock.now).wait == 0.0


def test_each_good_answer_makes_the_next_pause_half_as_long(clock: Any) -> None:
    slow: Any = {"rate": 0.0056, "burst": 20}
    for _refusal in range(3):
        buckets.refused(1, "search", **slow, now=clock.now)

    buckets.learn(1, "search", 0.0056, burst=20, now=clock.now)

    assert buckets.refused(1, "search", **slow, now=clock.now) == pytest.approx(20)


def test_what_was_counted_outlives_a_refusal(clock: Any) -> None:
    slow: Any = {"rate": 0.0056, "burst": 20}
    pause = buckets.refused(1, "search", **slow, now=clock.now)

    assert buckets.take(1, "search", **slow, now=clock.now).wait == pytest.approx(pause)
    clock.advance(seconds=pause)
    assert [buckets.take(1, "search", **slow, now=clock.now).wait for _call in range(20)] == [0.0] * 20


def test_a_pause_set_by_a_wrong_clock_does_not_last(clock: Any) -> None:
    buckets.refused(1, "search", **SEARCH, now=clock.now + timedelta(minutes=10))

    assert buckets.take(1, "search", **SEARCH, now=clock.now).wait == 0.0


def test_a_clock_that_is_seconds_behind_refills_nothing_twice(clock: Any) -> None:
    use_up(clock)
    clock.advance(seconds=2)
    assert buckets.take(1, "search", **SEARCH, now=clock.now).wait == 0.0

    behind = clock.now - timedelta(seconds=2)

    assert buckets.take(1, "search", **SEARCH, now=behind).wait > 0
    assert buckets.take(1, "search", **SEARCH, now=clock.now).wait > 0


def test_a_bucket_counted_by_a_clock_that_was_hours_ahead_refills_again(clock: Any) -> None:
    right = clock.now
    clock.advance(hours=5)
    use_up(clock)

    assert buckets.take(1, "search", **SEARCH, now=right).wait == pytest.approx(2.0)
    assert buckets.take(1, "search", **SEARCH, now=right + timedelta(seconds=2)).wait == 0.0


def test_long_use_loses_no_tokens_to_rounding(clock: Any) -> None:
    use_up(clock)
    refused = 0

    for _call in range(500):
        clock.advance(seconds=2)
        refused += buckets.take(1, "search", **SEARCH, now=clock.now).wait > 0

    assert refused == 0


def test_a_known_bucket_costs_one_statement_a_call_and_none_to_learn_nothing(
    clock: Any, django_assert_num_queries: Any
) -> None:
    buckets.take(1, "search", **SEARCH, now=clock.now)

    with django_assert_num_queries(1):
        taken = buckets.take(1, "search", **SEARCH, now=clock.now)
        buckets.learn(1, "search", 0.5, burst=3, now=clock.now, taken=taken)


def test_a_learned_rate_is_written_whatever_the_call_knew(clock: Any) -> None:
    taken = buckets.take(1, "search", **SEARCH, now=clock.now)

    buckets.learn(1, "search", 0.25, burst=3, now=clock.now, taken=taken)

    assert buckets.take(1, "search", **SEARCH, now=clock.now).rate == 0.25


def test_calls_and_refusals_are_counted(clock: Any) -> None:
    use_up(clock)
    buckets.refused(1, "search", **SEARCH, now=clock.now)

    [level] = buckets.levels([1], clock.now, among=["search"])[1]

    assert (level.calls, level.throttled, level.left) == (3, 1, 0)
    assert level.next_token == pytest.approx(2.0)
    assert level.paused == pytest.approx(2.0)


def test_what_is_less_pressing_leaves_a_reserve_to_the_rest(clock: Any) -> None:
    assert [take_leaving(2, clock) for _call in range(2)] == [0.0, pytest.approx(2.0)]

    pressing = [buckets.take(1, "search", **SEARCH, now=clock.now).wait for _call in range(3)]

    assert pressing == [0.0, 0.0, pytest.approx(2.0)]
    assert take_leaving(2, clock) == pytest.approx(6.0)


def test_what_is_less_pressing_gets_its_turn_while_there_is_room(clock: Any) -> None:
    """A pressing call every ten seconds takes one of five new tokens: the others are for the rest."""
    taken = 0
    for _round in range(10):
        taken += buckets.take(1, "search", **SEARCH, now=clock.now).wait == 0.0
        for _second in range(10):
            taken += take_leaving(2, clock) == 0.0
            clock.advance(seconds=1)

    assert taken >= 50


def test_a_reserve_larger_than_the_bucket_starves_nobody(clock: Any) -> None:
    assert take_leaving(7, clock) == 0.0
    assert take_leaving(7, clock) == pytest.approx(2.0)


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_workers_that_share_a_bucket_take_no_more_than_it_holds(clock: Any) -> None:
    def take_three(_number: int) -> list[float]:
        return [buckets.take(1, "search", rate=0.001, burst=10, now=clock.now).wait for _call in range(3)]

    waits = at_once(6, take_three)

    assert waits.count(0.0) == 10
    assert Bucket.objects.count() == 1

    # A second bucket, of which all leave four to others: nobody gets at these.
    def take_three_leaving_four(_number: int) -> list[float]:
        return [
            buckets.take(2, "search", rate=0.001, burst=10, reserve=4, now=clock.now).wait
            for _call in range(3)
        ]

    assert at_once(4, take_three_leaving_four).count(0.0) == 6


def take_leaving(reserve: int, clock: Any) -> float:
    return buckets.take(1, "search", **SEARCH, reserve=reserve, now=clock.now).wait


def use_up(clock: Any) -> None:
    while buckets.take(1, "search", **SEARCH, now=clock.now).wait == 0.0:
        pass
