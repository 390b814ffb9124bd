"""The contract of the due table, on whichever database the tests run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from kogge.engine import due
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.owner import is_dead, this_process
from kogge.engine.work import Operation, Outcome, Work

pytestmark = pytest.mark.django_db


def test_nothing_is_claimed_before_it_is_due(clock: Any) -> None:
    due.schedule("check", 1, at=clock.now + timedelta(minutes=10))

    assert due.claim("me", now=clock.now, limit=5) == []
    assert len(due.claim("me", now=clock.advance(minutes=10), limit=5)) == 1


def test_the_longest_waiting_is_claimed_first_and_no_more_than_asked_for(clock: Any) -> None:
    for minutes, subject in ((1, 11), (3, 13), (2, 12)):
        due.schedule("check", subject, at=clock.now - timedelta(minutes=minutes))

    claimed = due.claim("me", now=clock.now, limit=2)

    assert [lease.subject for lease in claimed] == [13, 12]


def test_only_the_operations_asked_for_are_claimed(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    due.make_due("send", 1, now=clock.now)

    claimed = due.claim("me", now=clock.now, limit=5, among={"send": Operation(nothing)})

    assert [lease.operation for lease in claimed] == ["send"]


def test_what_is_claimed_is_not_claimed_again(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)

    first = due.claim("me", now=clock.now, limit=5)
    second = due.claim("you", now=clock.now, limit=5)

    assert len(first) == 1
    assert second == []


def test_scheduling_again_keeps_the_earlier_time(clock: Any) -> None:
    due.schedule("check", 1, at=clock.now + timedelta(minutes=5))
    due.schedule("check", 1, at=clock.now + timedelta(hours=1))
    assert Due.objects.get().due_at == clock.now + timedelta(minutes=5)

    due.schedule("check", 1, at=clock.now + timedelta(minutes=2))
    assert Due.objects.get().due_at == clock.now + timedelta(minutes=2)


def test_scheduling_during_work_makes_it_run_again(clock: Any) -> None:
    lease = claimed("check", 1, clock)

    due.schedule("check", 1, at=clock.now + timedelta(minutes=2))
    due.finish(lease, now=clock.now, next_due=clock.now + timedelta(hours=1))

    assert Due.objects.get().due_at == clock.now


def test_making_due_creates_what_was_never_scheduled_for_every_subject(clock: Any) -> None:
    due.schedule("check", 2, at=clock.now + timedelta(days=1))

    due.make_due("check", [3, 2, 1, 2], now=clock.now)

    assert {lease.subject for lease in due.claim("me", now=clock.now, limit=5)} == {1, 2, 3}


def test_a_wake_takes_effect_with_the_commit_of_its_transaction_only(clock: Any) -> None:
    due.schedule("check", 1, at=clock.now + timedelta(days=1))

    with transaction.atomic():
        due.make_due("check", 1, now=clock.now)
        transaction.set_rollback(True)

    assert due.claim("me", now=clock.now, limit=5) == []


def test_a_finished_operation_runs_next_when_its_handler_said(clock: Any) -> None:
    lease = claimed("check", 1, clock)

    assert due.finish(lease, now=clock.now, next_due=clock.now + timedelta(minutes=10))

    row = Due.objects.get()
    assert row.due_at == clock.now + timedelta(minutes=10)
    assert (row.leased_until, row.leased_by, row.finished_at) == (None, "", clock.now)


def test_a_wake_during_work_makes_it_run_again_at_once(clock: Any) -> None:
    lease = claimed("check", 1, clock)
    due.make_due("check", 1, now=clock.advance(seconds=5))

    due.finish(lease, now=clock.advance(seconds=5), next_due=clock.now + timedelta(hours=1))

    again = due.claim("me", now=clock.now, limit=5)
    assert [lease.operation for lease in again] == ["check"]
    due.finish(again[0], now=clock.now, next_due=clock.now + timedelta(hours=1))
    assert due.claim("me", now=clock.now, limit=5) == []


def test_errors_in_a_row_are_counted_and_success_forgets_them(clock: Any) -> None:
    for attempts in (0, 1, 2):
        lease = claimed("check", 1, clock)
        assert lease.attempts == attempts
        due.finish(lease, now=clock.now, next_due=clock.now, error="Amazon antwortet nicht.")
    assert Due.objects.get().last_error == "Amazon antwortet nicht."
    assert Due.objects.get().waiting

    due.finish(claimed("check", 1, clock), now=clock.now, next_due=clock.now)

    row = Due.objects.get()
    assert (row.attempts, row.last_error, row.waiting) == (0, "", False)


def test_a_lease_that_ran_out_is_taken_over_and_the_first_worker_can_finish_nothing(clock: Any) -> None:
    slow = claimed("check", 1, clock, owner="elsewhere:1:1")
    assert due.claim("you", now=clock.now + due.LEASE - timedelta(seconds=1), limit=5) == []

    (quick,) = due.claim("you", now=clock.advance(seconds=due.LEASE.total_seconds()), limit=5)

    assert quick.fence > slow.fence
    assert not due.renew(slow, now=clock.now)
    assert not due.finish(slow, now=clock.now, next_due=clock.now + timedelta(days=9))
    assert Due.objects.get().leased_by == "you"
    assert due.finish(quick, now=clock.now, next_due=clock.now)


def test_the_same_owner_cannot_finish_with_an_old_fence(clock: Any) -> None:
    old = claimed("check", 1, clock)
    clock.advance(seconds=due.LEASE.total_seconds())
    new = claimed("check", 1, clock)

    assert not due.finish(old, now=clock.now, next_due=clock.now)
    assert due.finish(new, now=clock.now, next_due=clock.now)


def test_a_renewed_lease_holds_longer(clock: Any) -> None:
    lease = claimed("check", 1, clock, owner="elsewhere:1:1")
    assert due.renew(lease, now=clock.advance(seconds=30))

    assert due.claim("you", now=clock.advance(seconds=30), limit=5) == []


def test_one_operation_can_be_claimed_before_it_is_due_but_not_twice(clock: Any) -> None:
    due.schedule("check", 1, at=clock.now + timedelta(hours=1))

    assert due.claim_one("check", 1, "me", now=clock.now) is not None
    assert due.claim_one("check", 1, "you", now=clock.now) is None


def test_what_is_unscheduled_during_work_is_gone_and_stays_gone(clock: Any) -> None:
    lease = claimed("check", 1, clock)
    due.schedule("send", 1, at=clock.now)
    due.schedule("check", 2, at=clock.now)

    due.unschedule("check", 1)

    assert not due.finish(lease, now=clock.now, next_due=clock.now)
    assert set(Due.objects.values_list("operation", "subject")) == {("send", 1), ("check", 2)}


def test_everything_of_a_subject_can_be_unscheduled_or_the_named_operations(clock: Any) -> None:
    for operation in ("check", "send", "mails"):
        due.schedule(operation, 1, at=clock.now)

    due.unschedule(None, 1, among={"check", "send"})
    assert set(Due.objects.values_list("operation", flat=True)) == {"mails"}

    due.unschedule(None, 1)
    assert not Due.objects.exists()


def test_the_lease_of_a_killed_process_is_taken_at_once(clock: Any) -> None:
    worker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from kogge.engine.owner import this_process; print(this_process(), flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    owner = worker.stdout.readline().strip()
    claimed("check", 1, clock, owner=owner)
    assert due.claim("you", now=clock.now, limit=5) == []

    worker.kill()
    worker.communicate()

    assert [lease.owner for lease in due.claim("you", now=clock.now, limit=5)] == ["you"]


def test_a_process_is_told_from_a_later_one_with_its_pid_and_from_those_of_other_machines() -> None:
    machine, pid, started = this_process().rsplit(":", 2)

    assert not is_dead(this_process())
    assert is_dead(f"{machine}:{pid}:{int(started) - 1}")
    assert not is_dead(f"another-{machine}:{pid}:{int(started) - 1}")
    assert not is_dead("")


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_many_workers_at_once_share_the_work_without_doing_any_twice(clock: Any) -> None:
    for subject in range(40):
        due.make_due("check", subject, now=clock.now)

    leases = at_once(8, lambda number: due.claim(f"worker {number}", now=clock.now, limit=8))

    subjects = [lease.subject for lease in leases]
    assert sorted(subjects) == sorted(set(subjects))
    left = due.claim("last", now=clock.now, limit=100)
    assert sorted([*subjects, *(lease.subject for lease in left)]) == list(range(40))


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_two_that_want_one_operation_at_once_do_not_both_get_it(clock: Any) -> None:
    leases = at_once(6, lambda number: [due.claim_one("check", 1, f"worker {number}", now=clock.now)])

    assert len([lease for lease in leases if lease]) == 1


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_wakes_from_many_sides_at_once_make_one_row_and_are_all_counted(clock: Any) -> None:
    def wake(_number: int) -> list[Any]:
        due.make_due("check", 1, now=clock.now)
        return []

    at_once(6, wake)

    assert Due.objects.get().wakes >= 6


def nothing(work: Work) -> Outcome:
    raise AssertionError("only claimed here")


def claimed(operation: str, subject: int, clock: Any, owner: str = "me") -> Lease:
    due.make_due(operation, subject, now=clock.now)
    lease = due.claim_one(operation, subject, owner, now=clock.now)
    assert lease is not None
    return lease


def at_once(threads: int, act: Callable[[int], list[Any]]) -> list[Any]:
    """Call `act` in several threads at the same moment and put their answers together."""
    start = threading.Barrier(threads)
    answers: list[Any] = []
    errors: list[Exception] = []

    def run(number: int) -> None:
        try:
            start.wait()
            answers.extend(act(number))
        except Exception as error:  # noqa: BLE001  (told in the main thread)
            errors.append(error)
        finally:
            connection.close()

    crew = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert not errors
    return answers
