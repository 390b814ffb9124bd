"""What every engine promises, whichever way work comes to a worker: straight from the table, or by the queue.

Time is handed in: a lease runs out because the clock says so, not because the test waits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.db import connection, transaction
from django.utils import timezone

from kogge.engine import due, queue
from kogge.engine.clock import DatabaseClock
from kogge.engine.distributed import Crew
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.work import Handler, LeaseLost, Operation, Outcome, Rank, Work, described
from kogge.engine.worker import Worker, perform
from tests.engine.test_due import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
PATIENCE = 20.0  # seconds of real time after which something that should have happened did not
HERE, ELSEWHERE = "here:1:1", "elsewhere:1:1"  # workers of two machines


class Engine(Protocol):
    """One way in which work comes to workers."""

    name: str

    def begin(self, owner: str, operations: Mapping[str, Operation], now: Any, limit: int = 8) -> list[Lease]:
        """What a worker begins now, at most `limit`."""

    def workers(self, handlers: Mapping[str, Handler], *, clock: Any, threads: int) -> Worker | Crew:
        """A process full of workers."""


class Embedded:
    """Workers claim rows of the due table."""

    name = "embedded"

    def begin(self, owner: str, operations: Mapping[str, Operation], now: Any, limit: int = 8) -> list[Lease]:
        return due.claim(owner, now=now, limit=limit, among=operations)

    def workers(self, handlers: Mapping[str, Handler], *, clock: Any, threads: int) -> Worker:
        return Worker(handlers, clock=clock, threads=threads)


class Queued:
    """A tick puts rows into the queue; workers take them from there."""

    name = "queue"

    def begin(self, owner: str, operations: Mapping[str, Operation], now: Any, limit: int = 8) -> list[Lease]:
        queue.top_up(operations, now)
        messages = fetched(limit)
        taken = [due.take(each["due_id"], each["fence"], owner, now=now) for each in messages]
        return [lease for lease in taken if lease]

    def workers(self, handlers: Mapping[str, Handler], *, clock: Any, threads: int) -> Crew:
        return Crew(handlers, clock=clock, threads=threads)


@pytest.fixture(params=[Embedded(), Queued()], ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Any:
    if isinstance(request.param, Queued):
        request.getfixturevalue("messages")
    return request.param


@pytest.fixture
def messages(db: None) -> Iterator[None]:
    """The queue's own tables are not emptied after a test like those of our models."""
    if connection.vendor != "postgresql":
        pytest.skip("the queue between machines needs PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    yield
    if connection.connection is not None and not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
            cursor.execute("DELETE FROM procrastinate_workers")


# --- leases and fences ----------------------------------------------------------------------------


def test_what_is_due_is_begun_by_one_worker_only(engine: Engine, clock: Any) -> None:
    due.make_due("check", range(1, 6), now=clock.now)

    here = engine.begin(HERE, OPERATIONS, clock.now, limit=3)
    there = engine.begin(ELSEWHERE, OPERATIONS, clock.now)

    assert len(here) == 3
    assert sorted(lease.subject for lease in here + there) == [1, 2, 3, 4, 5]


def test_what_a_worker_of_another_machine_left_undone_is_begun_anew_within_a_minute(
    engine: Engine, clock: Any
) -> None:
    due.make_due("check", 1, now=clock.now)
    (lost,) = engine.begin(ELSEWHERE, OPERATIONS, clock.now)

    (again,) = engine.begin(HERE, OPERATIONS, clock.advance(seconds=59))

    assert (again.due_id, again.owner, again.deaths) == (lost.due_id, HERE, 1)
    assert again.fence > lost.fence


def test_a_worker_that_lost_its_lease_changes_nothing_more(engine: Engine, clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    (slow,) = engine.begin(ELSEWHERE, OPERATIONS, clock.now)
    (quick,) = engine.begin(HERE, OPERATIONS, clock.advance(minutes=1))

    def store() -> None:
        with transaction.atomic():
            due.make_due("send", 1, now=clock.now)
            Work("check", 1, clock, slow).keep()

    with pytest.raises(LeaseLost):
        store()
    assert not Due.objects.filter(operation="send").exists()
    due.renew_all([slow], now=clock.advance(minutes=1))
    assert not due.finish(slow, now=clock.now, next_due=clock.now)
    assert not due.give_back(slow, now=clock.now)
    assert not due.put_off(slow, until=clock.now)
    assert due.finish(quick, now=clock.now, next_due=clock.now + HOUR)


def test_leases_that_are_held_do_not_run_out(engine: Engine, clock: Any) -> None:
    due.make_due("check", [1, 2], now=clock.now)
    held = engine.begin(ELSEWHERE, OPERATIONS, clock.now)

    for _renewal in range(5):
        due.renew_all(held, now=clock.advance(seconds=30))

    assert engine.begin(HERE, OPERATIONS, clock.advance(seconds=30)) == []


def test_a_wish_while_the_work_waits_or_runs_is_not_lost(engine: Engine, clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    (lease,) = engine.begin(HERE, OPERATIONS, clock.now)
    due.make_due("check", 1, now=clock.advance(seconds=1))
    due.finish(lease, now=clock.advance(seconds=1), next_due=clock.now + HOUR)

    assert [again.subject for again in engine.begin(HERE, OPERATIONS, clock.now)] == [1]


# --- who goes first -------------------------------------------------------------------------------


def test_what_presses_overtakes_and_what_is_equal_goes_by_its_time(engine: Engine, clock: Any) -> None:
    for age, (operation, subject) in enumerate(
        [("dispatch", 1), ("check", 2), ("dispatch", 3), ("backfill", 4), ("check", 5)]
    ):
        due.make_due(operation, subject, now=clock.now - timedelta(minutes=age))

    begun = engine.begin(HERE, OPERATIONS, clock.now)

    assert [lease.subject for lease in begun] == [3, 1, 5, 2, 4]


def test_one_seller_does_not_take_the_place_of_the_others(engine: Engine, clock: Any) -> None:
    """Two at once of the routine; the third place is for what presses. Merchant 1 is not connection 1."""
    for name in BUSY:
        due.make_due(name, 1, now=clock.now - HOUR)
    due.make_due("busy 0", [2, 3], now=clock.now)
    due.make_due("of a merchant", 1, now=clock.now)
    operations = OPERATIONS | BUSY

    routine = engine.begin(ELSEWHERE, operations, clock.now, limit=20)
    due.make_due("dispatch", 1, now=clock.now)
    pressing = engine.begin(ELSEWHERE, operations, clock.now, limit=20)

    assert sorted((lease.operation != "of a merchant", lease.subject) for lease in routine) == [
        (False, 1), (True, 1), (True, 1), (True, 2), (True, 3),
    ]  # fmt: skip
    assert [lease.operation for lease in pressing] == ["dispatch"]


# --- what ends its workers ------------------------------------------------------------------------


def test_what_ends_three_workers_is_parked_and_its_neighbours_go_on(
    engine: Engine, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    due.make_due("check", 1, now=clock.now)
    due.make_due("check", 2, now=clock.now + 3 * due.LEASE)

    for death in range(due.PARK_AFTER_DEATHS):
        (lease,) = engine.begin(ELSEWHERE, OPERATIONS, clock.now)
        assert lease.deaths == death
        clock.advance(seconds=due.LEASE.total_seconds())
    neighbours = engine.begin(HERE, OPERATIONS, clock.now)

    assert [lease.subject for lease in neighbours] == [2]
    assert [(row.subject, row.deaths) for row in due.parked()] == [(1, due.PARK_AFTER_DEATHS)]
    assert "check 1 ended its worker 3 times and is parked" in caplog.text


def test_a_lease_that_ran_out_in_the_queue_or_was_given_back_ended_nobody(engine: Engine, clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    for _round in range(due.PARK_AFTER_DEATHS + 1):
        (lease,) = engine.begin(HERE, OPERATIONS, clock.now)
        assert lease.deaths == 0
        due.give_back(lease, now=clock.now)
    if isinstance(engine, Queued):
        for _round in range(due.PARK_AFTER_DEATHS + 1):
            assert queue.top_up(OPERATIONS, clock.advance(minutes=1)) == 1

    assert not due.parked().exists()


def test_an_error_of_ours_eight_times_in_a_row_is_parked(engine: Engine, clock: Any) -> None:
    due.make_due("break", 1, now=clock.now)
    operations = described({"break": breaking})

    for _attempt in range(due.PARK_AFTER_BUGS):
        (lease,) = engine.begin(HERE, operations, clock.now)
        perform(operations["break"], lease, clock)
        clock.now = Due.objects.get().due_at

    assert [row.bugs for row in due.parked()] == [due.PARK_AFTER_BUGS]
    assert engine.begin(HERE, operations, clock.advance(days=1)) == []


def test_a_dead_letter_waits_for_a_human_or_an_hour_and_has_one_chance_then(
    engine: Engine, clock: Any
) -> None:
    row = dead_letter(clock)
    due.make_due("check", 1, now=clock.now)  # a wish alone does not start it
    assert engine.begin(HERE, OPERATIONS, clock.advance(minutes=59)) == []
    assert due.give_another_chance(now=clock.now) == 0

    assert due.give_another_chance(now=clock.advance(minutes=1)) == 1
    (lease,) = engine.begin(ELSEWHERE, OPERATIONS, clock.now)
    assert lease.deaths == due.PARK_AFTER_DEATHS - 1
    assert engine.begin(HERE, OPERATIONS, clock.advance(minutes=1)) == []
    assert due.parked().get().pk == row.pk

    assert due.retry([row.pk], now=clock.now) == 1
    (lease,) = engine.begin(HERE, OPERATIONS, clock.now)
    assert (lease.deaths, lease.bugs, lease.attempts) == (0, 0, 0)
    due.finish(lease, now=clock.now, next_due=clock.now)
    assert [lease.subject for lease in engine.begin(HERE, OPERATIONS, clock.now)] == [1]


def test_of_what_ended_two_workers_one_at_a_time_has_its_last_chance(engine: Engine, clock: Any) -> None:
    """A poisoned one takes its neighbours with it twice; the third time it goes alone: they are spared."""
    due.make_due("check", [1, 2, 3], now=clock.now)
    for _death in range(due.PARK_AFTER_DEATHS - 1):
        assert len(engine.begin(ELSEWHERE, OPERATIONS, clock.now)) == 3
        clock.advance(minutes=1)

    first = engine.begin(ELSEWHERE, OPERATIONS, clock.now)
    assert len(first) == 1
    second = engine.begin(HERE, OPERATIONS, clock.advance(minutes=1))  # the first one died again

    assert len(second) == 1
    assert second[0].subject != first[0].subject
    assert [row.subject for row in due.parked()] == [first[0].subject]


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_wish_of_a_machine_whose_clock_is_wrong_is_due_at_once_all_the_same(
    messages: None, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    right, wrong = DatabaseClock(), timezone.now() + timedelta(minutes=minutes)
    monkeypatch.setattr("kogge.engine.clock.utc_now", lambda: wrong)

    due.make_due("check", 1, now=wrong)

    assert abs(Due.objects.get().due_at - right()) < timedelta(seconds=5)
    clock = Due.objects.get().due_at + timedelta(seconds=1)
    assert [lease.subject for lease in Queued().begin(HERE, OPERATIONS, clock)] == [1]


def test_workers_of_machines_with_different_clocks_agree_on_the_time(
    messages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes ahead, a machine of its own time would take over every lease of the other."""
    first = DatabaseClock()
    due.make_due("check", 1, now=timezone.now())
    assert Queued().begin(ELSEWHERE, OPERATIONS, first() + timedelta(seconds=5))
    monkeypatch.setattr("kogge.engine.clock.utc_now", lambda: timezone.now() + timedelta(minutes=10))
    monotonic = time.monotonic
    monkeypatch.setattr("kogge.engine.clock.time.monotonic", lambda: monotonic() + 600)

    ahead = DatabaseClock()

    assert abs(ahead() - timezone.now()) < timedelta(seconds=5)
    assert Queued().begin(HERE, OPERATIONS, ahead()) == []
    assert Embedded().begin(HERE, OPERATIONS, ahead()) == []


# --- messages -------------------------------------------------------------------------------------


def test_a_message_that_comes_twice_is_done_once(messages: None, clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    done: list[int] = []
    crew = Crew({"check": counting(done)}, clock=clock, threads=2)
    queue.top_up(crew.operations, clock.now)
    (message,) = fetched(8)

    crew._perform_message(**message)
    crew._perform_message(**message)

    assert done == [1]
    assert due.take(message["due_id"], message["fence"], ELSEWHERE, now=clock.now) is None


def test_a_message_that_comes_twice_while_the_first_is_being_done_is_dropped(
    messages: None, clock: Any
) -> None:
    due.make_due("check", 1, now=clock.now)
    done: list[int] = []

    def check(work: Work) -> Outcome:
        done.append(work.subject)
        crew._perform_message(**message)
        work.keep()  # it is still ours
        return Outcome(work.now + HOUR)

    crew = Crew({"check": check}, clock=clock, threads=2)
    queue.top_up(crew.operations, clock.now)
    (message,) = fetched(8)
    crew._perform_message(**message)

    assert done == [1]
    assert Due.objects.get().leased_until is None


def test_a_crew_that_lost_a_lease_to_itself_holds_only_the_new_one(
    messages: None, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    due.make_due("check", 1, now=clock.now)
    runs: list[str] = []

    def check(work: Work) -> Outcome:
        runs.append("begun")
        if len(runs) == 1:
            queue.top_up(crew.operations, clock.advance(minutes=1))
            crew._perform_message(**fetched(1)[0])
            runs.append("overtaken")
        return Outcome(work.now + HOUR)

    crew = Crew({"check": check}, clock=clock, threads=2)
    queue.top_up(crew.operations, clock.now)
    crew._perform_message(**fetched(1)[0])

    assert runs == ["begun", "begun", "overtaken"]
    assert Due.objects.get().fence == 4
    assert "the lease was lost" in caplog.text


def test_messages_that_are_lost_all_together_come_anew_when_the_queue_was_full(
    messages: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "DEPTH", 4)
    due.make_due("dispatch", range(1, 5), now=clock.now)
    assert queue.top_up(OPERATIONS, clock.now) == 4
    lost = fetched(8)

    assert queue.top_up(OPERATIONS, clock.advance(seconds=due.LEASE.total_seconds() - 1)) == 0
    assert queue.top_up(OPERATIONS, clock.advance(seconds=1)) == 4

    assert len(fetched(8)) == 4
    for message in lost:  # found again after all
        assert due.take(message["due_id"], message["fence"], HERE, now=clock.now) is None


def test_a_message_that_waits_long_keeps_its_row_and_is_not_doubled(messages: None, clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    queue.top_up(OPERATIONS, clock.now)

    for _sweep in range(6):
        queue.sweep(clock.advance(seconds=20))
        assert queue.top_up(OPERATIONS, clock.now) == 0

    assert len(fetched(8)) == 1


def test_a_sweep_forgets_the_messages_of_dead_workers_but_not_of_those_that_live(
    messages: None, clock: Any
) -> None:
    due.make_due("check", [1, 2, 3], now=clock.now)
    queue.top_up(OPERATIONS, clock.now)
    with connection.cursor() as cursor:
        for age in ("2 minutes", "1 second"):
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s::interval)"
                " RETURNING id",
                [age],
            )
            cursor.execute(
                "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['routine'], %s)", cursor.fetchone()
            )

    queue.sweep(clock.now)

    assert sorted(statuses()) == ["doing", "todo"]
    assert queue.workers_alive() == 1


def test_a_full_queue_has_room_for_what_presses_more(
    messages: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "DEPTH", 4)
    due.make_due("backfill", range(1, 20), now=clock.now - HOUR)
    assert queue.top_up(OPERATIONS, clock.now) == 4

    due.make_due("check", range(20, 40), now=clock.now)
    assert queue.top_up(OPERATIONS, clock.now) == 4
    due.make_due("dispatch", range(40, 60), now=clock.now)
    assert queue.top_up(OPERATIONS, clock.now) == 4

    assert queue.top_up(OPERATIONS, clock.now) == 0
    begun = Queued().begin(HERE, OPERATIONS, clock.now, limit=12)
    assert [lease.operation for lease in begun] == ["dispatch"] * 4 + ["check"] * 4 + ["backfill"] * 4


def test_a_place_that_becomes_free_beside_many_back_fills_does_not_limit_dispatches(
    messages: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "DEPTH", 8)
    due.make_due("backfill", range(1, 20), now=clock.now - HOUR)
    queue.top_up(OPERATIONS, clock.now)
    fetched_and_taken = Queued().begin(HERE, {}, clock.now, limit=1)
    assert len(fetched_and_taken) == 1
    due.make_due("dispatch", range(40, 60), now=clock.now)

    assert queue.top_up(OPERATIONS, clock.now) == 8
    assert Due.objects.filter(operation="dispatch", leased_by=due.QUEUE).count() == 8


def test_an_operation_of_a_newer_version_is_left_to_those_who_know_it(messages: None, clock: Any) -> None:
    due.make_due("new", 1, now=clock.now)
    Due.objects.update(attempts=2, bugs=2, last_error="Amazon antwortet nicht.")
    queue.top_up(described({"new": counting([])}), clock.now)
    older = Crew({"check": counting([])}, clock=clock, threads=2)

    for message in fetched(8):
        older._perform_message(**message)

    row = Due.objects.get()
    assert (row.leased_until, row.attempts, row.bugs, row.finished_at) == (None, 2, 2, None)
    assert queue.top_up(older.operations, clock.advance(minutes=1)) == 0
    done: list[int] = []
    newer = Crew({"new": counting(done)}, clock=clock, threads=2)
    queue.top_up(newer.operations, clock.now)
    for message in fetched(8):
        newer._perform_message(**message)
    assert done == [1]


# --- several at once ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_two_that_top_up_at_once_put_every_row_into_the_queue_once(messages: None, clock: Any) -> None:
    due.make_due("check", range(1, 31), now=clock.now)

    put = at_once(2, lambda _number: [queue.top_up(OPERATIONS, clock.now) for _turn in range(3)])

    assert sum(put) == 30
    rows = [(message["due_id"], message["fence"]) for message in fetched(100)]
    assert sorted(rows) == sorted(Due.objects.values_list("pk", "fence"))


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_who_has_not_the_turn_does_nothing_and_a_dispatcher_that_hangs_in_it_loses_it(
    messages: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_LONGEST_TURN", "300ms")
    due.make_due("check", [1, 2], now=clock.now)
    hangs, may_end = threading.Event(), threading.Event()
    troubles: list[str] = []

    def hang(*_arguments: Any, **_named: Any) -> list[Lease]:
        claimed = claim(*_arguments, **_named)
        hangs.set()
        may_end.wait(PATIENCE)
        return claimed

    def dispatch() -> None:
        try:
            queue.top_up(OPERATIONS, clock.now)
        except Exception as error:  # noqa: BLE001  (looked at below)
            troubles.append(type(error).__name__)
        finally:
            connection.close()

    claim = due.claim
    monkeypatch.setattr(due, "claim", hang)
    thread = threading.Thread(target=dispatch)
    thread.start()
    assert hangs.wait(PATIENCE)
    monkeypatch.setattr(due, "claim", claim)

    due.make_due("dispatch", 3, now=clock.now)
    assert queue.top_up(OPERATIONS, clock.now) == 0
    assert happens(lambda: queue.top_up(OPERATIONS, clock.now) == 3)

    may_end.set()
    thread.join(PATIENCE)
    assert troubles
    assert len(fetched(8)) == 3


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_holding_leases_and_sweeping_wait_for_no_transaction_of_somebody_else(
    messages: None, clock: Any
) -> None:
    """One slow handler holds its row; the leases of the others must be held all the same."""
    due.make_due("check", [1, 2, 3], now=clock.now)
    slow, quick = Queued().begin(HERE, OPERATIONS, clock.now, limit=2)
    clock.advance(seconds=30)

    def hold(_number: int) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        due.renew_all([slow, quick], now=clock.now)
        queue.sweep(clock.now)
        return []

    with transaction.atomic():
        Work("check", slow.subject, clock, slow).keep()
        Due.objects.select_for_update().get(leased_by=due.QUEUE)
        at_once(1, hold)

    assert Due.objects.get(pk=quick.due_id).leased_until == clock.now + due.LEASE


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_a_slow_seller_does_not_hold_up_the_others(engine: Engine) -> None:
    may_end, others = threading.Event(), Counted()

    def check(work: Work) -> Outcome:
        if work.subject == 1:
            may_end.wait(PATIENCE)
        else:
            others.count()
        return Outcome(work.now + HOUR)

    handlers = {name: Operation(check) for name in BUSY}
    for name in BUSY:
        due.make_due(name, 1, now=timezone.now() - HOUR)
    due.make_due("busy 0", range(2, 12), now=timezone.now())

    with working(engine, handlers, threads=4):
        assert others.reaches(10)
        may_end.set()


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_a_worker_that_is_to_end_finishes_its_page_and_gives_the_rest_back(engine: Engine) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    pages: list[int] = []

    def check(work: Work) -> Outcome:
        for page in range(3):
            begun.set()
            may_go_on.wait(PATIENCE)
            with transaction.atomic():
                pages.append(page)
                work.keep()
            work.keep()
        return Outcome(work.now + HOUR)

    due.make_due("check", 1, now=timezone.now())
    with working(engine, {"check": check, "late": breaking}, threads=2) as crew:
        assert begun.wait(PATIENCE)
        crew.stop()
        due.make_due("late", 1, now=timezone.now())
        may_go_on.set()

    row = Due.objects.get(operation="check")
    assert pages == [0]
    assert (row.leased_until, row.deaths, row.attempts, row.finished_at) == (None, 0, 0, None)
    assert row.due_at <= timezone.now()
    assert Due.objects.get(operation="late").started_at is None


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_what_a_worker_that_was_killed_and_stays_dead_had_in_hand_goes_on_elsewhere(
    engine: Engine, tmp_path: Path
) -> None:
    """Seen from another machine, which cannot tell that the process is gone: only its lease runs out."""
    due.make_due("check", 7, now=timezone.now())
    victim = process_of(engine, tmp_path)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "7\n"
    connection.close()
    victim.kill()
    victim.communicate()
    row = Due.objects.get()
    assert row.leased_until is not None
    Due.objects.update(leased_by=ELSEWHERE)
    done: list[int] = []
    operations = described({"check": counting(done)})
    killed_at = timezone.now()

    assert engine.begin(HERE, operations, killed_at + timedelta(seconds=1)) == []
    (lease,) = engine.begin(HERE, operations, killed_at + timedelta(seconds=59))
    perform(operations["check"], lease, lambda: killed_at + timedelta(seconds=59))

    assert done == [7]
    assert lease.fence > row.fence


# --- helpers --------------------------------------------------------------------------------------


def nothing(work: Work) -> Outcome:
    return Outcome(work.now + HOUR)


def breaking(work: Work) -> Outcome:
    raise ZeroDivisionError


OPERATIONS: dict[str, Operation] = {
    "dispatch": Operation(nothing, rank=Rank.CANCEL_AND_DISPATCH),
    "check": Operation(nothing, rank=Rank.ORDERS),
    "backfill": Operation(nothing, rank=Rank.BACK_FILL),
    "of a merchant": Operation(nothing, serves="merchant"),
}
BUSY: dict[str, Operation] = {f"busy {number}": Operation(nothing) for number in range(6)}


def counting(done: list[int]) -> Handler:
    def count(work: Work) -> Outcome:
        done.append(work.subject)
        return Outcome(work.now + HOUR, done=1)

    return count


class Counted:
    """Counts in several threads, and lets one wait for a number."""

    def __init__(self) -> None:
        self._number = threading.Semaphore(0)

    def count(self) -> None:
        self._number.release()

    def reaches(self, number: int) -> bool:
        return all(self._number.acquire(timeout=PATIENCE) for _one in range(number))


def dead_letter(clock: Any) -> Due:
    due.make_due("check", 1, now=clock.now)
    Due.objects.update(parked_at=clock.now, deaths=due.PARK_AFTER_DEATHS, attempts=3)
    return Due.objects.get()


def fetched(limit: int) -> list[dict[str, Any]]:
    """What Procrastinate hands to its workers next; then its messages are gone."""
    messages: list[dict[str, Any]] = []
    with connection.cursor() as cursor:
        for _one in range(limit):
            cursor.execute("SELECT id, args::text FROM procrastinate_fetch_job_v2(NULL, NULL)")
            key, arguments = cursor.fetchone()
            if key is None:
                break
            cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', true)", [key])
            messages.append(json.loads(arguments))
    return messages


def statuses() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs")
        return [status for (status,) in cursor.fetchall()]


def happens(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    pause = threading.Event()
    for _look in range(int(PATIENCE / 0.05)):
        if condition():
            return True
        pause.wait(0.05)
    return False


@contextmanager
def working(engine: Engine, handlers: Mapping[str, Handler], *, threads: int) -> Iterator[Worker | Crew]:
    """Workers in threads of this process, by the machine's own clock; at the end they stop."""
    crew = engine.workers(handlers, clock=timezone.now, threads=threads)
    ended: list[bool] = []

    def run() -> None:
        ended.append(crew.run())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield crew
    finally:
        crew.stop()
        thread.join(2 * PATIENCE)
    assert ended == [True]


def process_of(engine: Engine, directory: Path) -> subprocess.Popen[str]:
    """A process of workers on the test's database; prints the subject it works on, and works for ever."""
    kind = "distributed import Crew" if isinstance(engine, Queued) else "worker import Worker as Crew"
    script = directory / "workers.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import time
            import django
            from django.conf import settings
            django.setup()
            settings.DATABASES["default"].update({ {"NAME": str(connection.settings_dict["NAME"])} })
            from kogge.engine.{kind}

            def check(work):
                print(work.subject, flush=True)
                time.sleep(600)

            Crew({{"check": check}}, threads=2).run()
            """
        )
    )
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
