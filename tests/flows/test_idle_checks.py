"""Sellers who sell nothing, the most there are: what looking at them costs, and what is left of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from kogge.amazon.orders import runs
from kogge.amazon.orders.check import check_orders, check_orders_now
from kogge.engine import due
from kogge.engine.owner import this_process
from kogge.engine.work import Stopping, Work
from tests.flows.conftest import Stage


def check_now(stage: Stage) -> Any:
    """As somebody who waits for it; answers the run."""
    lease = due.claim_one("check_orders", stage.connection.pk, this_process(), now=stage.now)
    assert lease is not None
    outcome = check_orders_now(Work("check_orders", stage.connection.pk, stage.clock, lease))
    due.finish(lease, now=stage.now, next_due=outcome.next_due)
    return stage.runs("check")[-1]


def statements(stage: Stage, operation: str) -> int:
    lease = due.claim_one(operation, stage.connection.pk, this_process(), now=stage.now)
    assert lease is not None
    work = Work(operation, stage.connection.pk, stage.clock, lease)
    from kogge.schedule import OPERATIONS

    with CaptureQueriesContext(database) as asked:
        outcome = OPERATIONS[operation](work)
    due.finish(lease, now=stage.now, next_due=outcome.next_due)
    return len(asked)


def test_looks_that_find_nothing_are_one_run(stage: Stage) -> None:
    first = stage.check()
    began = first.started_at
    for _time in range(3):
        stage.amazon.advance(600)
        last = stage.check()

    assert [run.pk for run in stage.runs("check")] == [first.pk]
    assert (last.looks, last.calls, last.pages, last.seen) == (4, 4, 4, 0)
    assert last.since == began
    assert last.started_at > began + timedelta(minutes=29)  # the last look is when it was checked last
    assert last.state == "done"
    assert last.seconds == round((last.finished_at - last.started_at).total_seconds())


def test_what_is_found_has_a_run_of_its_own(stage: Stage) -> None:
    quiet = stage.check()
    stage.buy(2, kind="standard")
    found = stage.check()
    stage.amazon.advance(3600)
    overlap = stage.check()
    stage.amazon.advance(3600)
    again = stage.check()

    assert len({quiet.pk, found.pk, overlap.pk, again.pk}) == 4
    assert (found.looks, found.new) == (1, 2)
    assert (overlap.looks, overlap.seen, overlap.new) == (1, 2, 0)
    assert (again.looks, again.seen) == (1, 0)


def test_a_failure_has_a_run_of_its_own_and_ends_the_quiet_time(stage: Stage) -> None:
    quiet = stage.check()
    stage.amazon.fault("searchOrders", "500", times=2)
    failed = stage.check()
    stage.amazon.advance(600)
    again = stage.check()

    assert failed.state == "failed"
    assert len({quiet.pk, failed.pk, again.pk}) == 3


def test_a_run_speaks_of_a_day_at_most(stage: Stage) -> None:
    stage.check()
    for _half_day in range(3):
        stage.amazon.advance(12 * 3600 - 60)
        stage.check()

    looks = [run.looks for run in stage.runs("check")]
    assert len(looks) == 2
    assert sum(looks) == 4


def test_who_waits_for_a_check_gets_a_run_for_it(stage: Stage) -> None:
    quiet = stage.check()
    stage.amazon.advance(600)
    asked_for = check_now(stage)

    assert asked_for.pk != quiet.pk
    assert (asked_for.looks, asked_for.calls, asked_for.state) == (1, 1, "done")


def test_old_runs_are_forgotten(stage: Stage) -> None:
    stage.check()
    stage.run("purge_people")
    assert len(stage.runs("check")) == 1

    stage.amazon.advance((runs.KEPT_FOR + timedelta(days=1)).total_seconds())
    stage.run("purge_people")
    assert stage.runs("check") == []


@pytest.mark.parametrize(
    ("operation", "most"), [("check_orders", 9), ("check_fba_orders", 9), ("read_shop", 3)]
)
def test_an_idle_seller_costs_few_statements(stage: Stage, operation: str, most: int) -> None:
    for _time in range(2):  # the first look opens what the next one finds
        stage.run(operation)
        stage.amazon.advance(600)

    assert statements(stage, operation) <= most


def test_a_worker_that_is_to_end_finishes_its_page_and_leaves_the_rest(open_stage: Stage) -> None:
    stage = open_stage
    bought = stage.buy(150, kind="standard")
    lease = due.claim_one("check_orders", stage.connection.pk, this_process(), now=stage.now)
    assert lease is not None
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopping):
        check_orders(Work("check_orders", stage.connection.pk, stage.clock, lease, stopping=stopping))
    due.finish(lease, now=stage.now, next_due=stage.now)

    [left] = stage.runs("check")
    assert (left.state, left.pages, left.seen) == ("waiting", 1, 100)
    done = stage.check()
    assert done.state == "done"
    assert left.new + done.new == len(stage.shop_orders()) == len(bought)
