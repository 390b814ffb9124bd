"""Doing what is due: handlers that succeed, fail, break, wait, are overtaken or interrupted."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import LeaseLost, Outcome, Work
from kogge.engine.worker import Tally, Worker, run_due, work_until_idle

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_what_is_due_is_done_and_counted(clock: Any) -> None:
    due.make_due("check", [1, 2], now=clock.now)
    due.schedule("check", 3, at=clock.now + HOUR)
    seen = []

    def check(work: Work) -> Outcome:
        seen.append(work.subject)
        return Outcome(work.now + HOUR, done=5, failed=1)

    tally = run_due({"check": check}, clock=clock)

    assert sorted(seen) == [1, 2]
    assert tally == Tally(done=10, failed=2, waiting=0)


def test_no_more_is_done_than_the_limit(clock: Any) -> None:
    due.make_due("check", [1, 2, 3], now=clock.now)

    tally = run_due({"check": lambda work: Outcome(work.now + HOUR, done=1)}, clock=clock, limit=2)

    assert tally.done == 2


def test_operations_without_a_handler_are_left_alone(clock: Any) -> None:
    due.make_due("unknown", 1, now=clock.now)

    assert run_due({}, clock=clock) == Tally()
    assert Due.objects.get().fence == 0


def test_an_outcome_with_an_error_is_kept_for_people_and_waits(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)

    def check(work: Work) -> Outcome:
        return Outcome(work.now + timedelta(minutes=5), error="Amazon antwortet nicht.")

    assert run_due({"check": check}, clock=clock) == Tally(waiting=1)
    assert Due.objects.get().last_error == "Amazon antwortet nicht."


def test_a_handler_that_breaks_is_logged_and_tried_again_later_and_later(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    due.make_due("check", 1, now=clock.now)
    waits = []

    for _attempt in range(8):
        tally = run_due({"check": breaking}, clock=clock)
        assert (tally.done, tally.failed) == (0, 1)
        waits.append((Due.objects.get().due_at - clock.now).total_seconds() / 60)
        clock.now = Due.objects.get().due_at

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [row.bugs for row in due.parked()] == [due.PARK_AFTER_BUGS]
    assert run_due({"check": breaking}, clock=clock) == Tally()
    assert all(record.exc_info for record in caplog.records)


def test_the_text_of_an_exception_does_not_reach_the_page(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)

    run_due({"check": breaking}, clock=clock)

    assert "Erika" not in Due.objects.get().last_error
    assert "ZeroDivisionError" in Due.objects.get().last_error


def test_one_broken_operation_does_not_hinder_the_others(clock: Any) -> None:
    due.make_due("break", 1, now=clock.now)
    due.make_due("check", 1, now=clock.now)

    tally = run_due(
        {"break": breaking, "check": lambda work: Outcome(work.now, done=1)}, clock=clock, limit=2
    )

    assert tally == Tally(done=1, failed=1, waiting=1)


def test_a_busy_database_is_no_bug_and_tried_again_in_seconds(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    due.make_due("check", 1, now=clock.now)

    def check(work: Work) -> Outcome:
        raise OperationalError("database is locked")

    assert run_due({"check": check}, clock=clock) == Tally(waiting=1)
    assert Due.objects.get().due_at - clock.now <= timedelta(seconds=10)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_worker_that_was_overtaken_notices_and_changes_nothing(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    reached = []

    def check(work: Work) -> Outcome:
        clock.advance(seconds=due.LEASE.total_seconds())
        assert due.claim("another", now=clock.now, limit=1)
        reached.append("before")
        work.keep()
        reached.append("after")
        return Outcome(work.now + HOUR, done=1)

    assert run_due({"check": check}, clock=clock, owner="elsewhere:1:1") == Tally()
    assert reached == ["before"]
    assert Due.objects.get().leased_by == "another"


def test_keeping_a_lost_lease_raises(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    (lease,) = due.claim("me", now=clock.now, limit=1)
    due.unschedule("check", 1)

    with pytest.raises(LeaseLost):
        Work("check", 1, clock, lease).keep()


def test_working_until_idle_waits_for_what_is_due_within_its_patience(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    started = clock.now
    runs: list[datetime] = []

    def check(work: Work) -> Outcome:
        runs.append(work.now)
        return Outcome(work.now + (timedelta(seconds=8) if len(runs) < 3 else HOUR), done=1)

    tally = work_until_idle(
        {"check": check}, clock=clock, sleep=lambda seconds: clock.advance(seconds=seconds)
    )

    assert [(run - started).total_seconds() for run in runs] == [0, 8, 16]
    assert tally == Tally(done=3)


def test_working_until_idle_does_not_wait_for_the_routine_but_says_what_waits(clock: Any) -> None:
    due.make_due("throttled", 1, now=clock.now)
    due.make_due("routine", 1, now=clock.now)
    handlers = {
        "throttled": lambda work: Outcome(work.now + timedelta(minutes=3), waiting=True),
        "routine": lambda work: Outcome(work.now + timedelta(minutes=10), done=1),
    }

    assert work_until_idle(handlers, clock=clock, sleep=unexpected) == Tally(done=1, waiting=1)


def test_working_until_idle_ends_when_its_time_is_over(clock: Any) -> None:
    due.make_due("restless", 1, now=clock.now)
    started = clock.now

    work_until_idle(
        {"restless": lambda work: Outcome(work.now + timedelta(seconds=1), waiting=True)},
        clock=clock,
        timeout=timedelta(seconds=30),
        sleep=lambda seconds: clock.advance(seconds=seconds),
    )

    assert (clock.now - started).total_seconds() == pytest.approx(30, abs=2)


def test_working_until_idle_waits_for_what_another_worker_has_in_hand(clock: Any) -> None:
    due.make_due("check", 1, now=clock.now)
    (theirs,) = due.claim("elsewhere:1:1", now=clock.now, limit=1)

    def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)
        due.finish(theirs, now=clock.now, next_due=clock.now + HOUR)

    assert work_until_idle({"check": breaking}, clock=clock, sleep=sleep) == Tally()


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_the_worker_does_due_work_until_it_is_stopped_and_survives_broken_handlers() -> None:
    both_done = threading.Event()

    def check(work: Work) -> Outcome:
        both_done.set()
        return Outcome(work.now + HOUR, done=1)

    due.make_due("break", 1, now=timezone.now())
    worker = Worker({"break": breaking, "check": check}, threads=2)
    thread = running(worker)
    due.make_due("check", 1, now=timezone.now())

    assert both_done.wait(20)
    worker.stop()
    thread.join(20)

    assert not thread.is_alive()
    assert Due.objects.get(operation="check").finished_at is not None


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_a_stopped_worker_finishes_what_it_has_in_hand_and_begins_nothing_new() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def check(work: Work) -> Outcome:
        begun.set()
        may_end.wait(20)
        return Outcome(work.now + HOUR, done=1)

    due.make_due("check", 1, now=timezone.now())
    worker = Worker({"check": check, "late": breaking})
    thread = running(worker)
    assert begun.wait(20)

    worker.stop()
    due.make_due("late", 1, now=timezone.now() + timedelta(seconds=5))
    may_end.set()
    thread.join(20)

    assert Due.objects.get(operation="check").leased_until is None
    assert Due.objects.get(operation="late").fence == 0


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_the_lease_of_long_work_is_renewed_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kogge.engine.worker.RENEW_SECONDS", 0.05)
    due.make_due("check", 1, now=timezone.now())

    tally = run_due({"check": lasting_until_renewed})

    assert tally == Tally(done=1)


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_the_worker_renews_the_leases_of_all_it_has_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kogge.engine.worker.RENEW_SECONDS", 0.05)
    due.make_due("check", [1, 2], now=timezone.now())
    worker = Worker({"check": lasting_until_renewed})
    thread = running(worker)

    for _look in range(200):
        if Due.objects.filter(finished_at__isnull=False).count() == 2:
            break
        worker.stopping.wait(0.1)
    worker.stop()
    thread.join(20)

    assert list(Due.objects.values_list("last_error", flat=True)) == ["", ""]


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_what_a_killed_worker_had_in_hand_is_taken_over_at_once(tmp_path: Path) -> None:
    due.make_due("check", 7, now=timezone.now())
    victim = worker_process(tmp_path, "time.sleep(60)")
    assert victim.stdout is not None
    assert victim.stdout.readline() == "7\n"
    connection.close()
    assert due.claim("another", now=timezone.now(), limit=1) == []

    victim.kill()
    victim.communicate()

    assert [lease.subject for lease in due.claim("another", now=timezone.now(), limit=1)] == [7]


@pytest.mark.django_db(transaction=True, available_apps=["kogge.engine"])
def test_sigterm_lets_a_worker_process_finish_its_work(tmp_path: Path) -> None:
    due.make_due("check", 7, now=timezone.now())
    worker = worker_process(tmp_path, "signal.sigtimedwait([], 1)")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "7\n"

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(30) == 0
    worker.communicate()
    row = Due.objects.get()
    assert (row.leased_until, row.attempts) == (None, 0)
    assert row.finished_at is not None


def breaking(work: Work) -> Outcome:
    raise ZeroDivisionError("Erika Mustermann")


def lasting_until_renewed(work: Work) -> Outcome:
    row = Due.objects.filter(pk=work.lease.due_id)
    first = row.get().leased_until
    look = threading.Event()
    for _look in range(200):
        if row.get().leased_until != first:
            return Outcome(work.now + HOUR, done=1)
        look.wait(0.1)
    raise AssertionError("the lease was not renewed")


def unexpected(seconds: float) -> None:
    raise AssertionError("nothing was due soon")


def running(worker: Worker) -> threading.Thread:
    def run() -> None:
        worker.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def worker_process(directory: Path, work: str) -> subprocess.Popen[str]:
    """A worker in a process of its own, on the test's database; prints the subject it works on."""
    database = {
        key: str(value) for key, value in connection.settings_dict.items() if isinstance(value, (str, Path))
    }
    script = directory / "worker.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import signal, time
            from datetime import timedelta
            import django
            from django.conf import settings
            django.setup()
            settings.DATABASES["default"].update({ {"NAME": database["NAME"]} })
            from kogge.engine.work import Outcome
            from kogge.engine.worker import Worker

            def check(work):
                print(work.subject, flush=True)
                {work}
                return Outcome(work.now + timedelta(hours=1), done=1)

            worker = Worker({{"check": check}})
            worker.stop_on_signals()
            worker.run()
            """
        )
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
