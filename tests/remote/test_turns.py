"""The pace at which a remote shop is asked: one for all processes, one a merchant."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.remote.turns import SharedTurns
from kogge.shops.versacommerce.transport import EvenTurns, Pace

pytestmark = pytest.mark.django_db


def test_all_who_speak_to_one_shop_share_its_turns(clock: Any) -> None:
    worker, page = SharedTurns(1, lambda: clock.now), SharedTurns(1, lambda: clock.now)

    assert worker.take() == 0.0
    assert page.take() == pytest.approx(0.5)

    clock.advance(seconds=0.5)
    assert page.take() == 0.0
    assert worker.take() == pytest.approx(0.5)


def test_shops_of_different_merchants_never_wait_for_each_other(clock: Any) -> None:
    assert [SharedTurns(merchant, lambda: clock.now).take() for merchant in (1, 2)] == [0.0, 0.0]


def test_a_pace_waits_for_its_shared_turn(clock: Any) -> None:
    turns = SharedTurns(1, lambda: clock.now)
    began = clock.now
    pace = Pace(turns=turns, sleep=lambda seconds: clock.advance(seconds=seconds))

    for _request in range(5):
        pace.wait()

    assert (clock.now - began).total_seconds() == pytest.approx(2.0, abs=0.01)


def test_one_process_alone_keeps_the_same_pace() -> None:
    passed = [0.0]
    turns = EvenTurns(2.0, lambda: passed[0])
    assert [turns.take(), turns.take()] == [0.0, pytest.approx(0.5)]

    passed[0] = 10.0  # what was not used is not saved up
    assert [turns.take(), turns.take()] == [0.0, pytest.approx(0.5)]
