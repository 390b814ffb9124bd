"""Doing what is due: once (`run_due`), until nothing is left (`work_until_idle`), or forever (`Worker`)."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, connections
from django.db.models import Min
from django.utils.translation import gettext as _

from kogge.engine import due, observing
from kogge.engine.clock import shared_time, utc_now
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.observing import PULSE
from kogge.engine.owner import this_process
from kogge.engine.work import Clock, Handler, LeaseLost, Operation, Outcome, Rank, Stopping, Work, described

__all__ = ["Tally", "Worker", "perform", "run_due", "utc_now", "work_until_idle"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
RENEW_SECONDS = due.LEASE.total_seconds() / 4
CHANCE_SECONDS = 60.0  # how often it is looked whether something parked has another chance
BUSY_DATABASE = timedelta(seconds=5)
# How long a worker that is to end waits for what it has in hand; what stands still then, others take over.
STOP_SECONDS = 25.0
FINISH_ATTEMPTS = 7  # with pauses that double: 16 seconds, as long as a database needs to start again
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
# Within this time something "waits"; what is due later is the routine of days to come.
SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done, what failed, and how many operations wait for limits, answers or a new attempt.

    `done` and `failed` add up what the handlers counted; a run that broke off counts as one failure.
    """

    done: int = 0
    failed: int = 0
    waiting: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.done + other.done, self.failed + other.failed, other.waiting)


def run_due(
    handlers: Mapping[str, Handler],
    *,
    clock: Clock = utc_now,
    owner: str | None = None,
    limit: int = 100,
    sleep: Callable[[float], None] | None = None,
) -> Tally:
    """Do up to `limit` operations that are due, one after the other, and say what came of them."""
    tally = Tally()
    operations = described(handlers)
    for _turn in range(limit):
        leases = due.claim(owner or this_process(), now=clock(), limit=1, among=operations)
        if not leases:
            break
        with _kept(leases[0], clock):
            tally += perform(operations[leases[0].operation], leases[0], clock, sleep)
    return tally + Tally(waiting=_waiting(handlers, clock()))


def work_until_idle(
    handlers: Mapping[str, Handler],
    *,
    clock: Clock = utc_now,
    timeout: timedelta = timedelta(minutes=10),
    patience: timedelta = timedelta(seconds=10),
    sleep: Callable[[float], None] = time.sleep,
) -> Tally:
    """Do all that is due, and what becomes due within `patience`, also what others have in hand.

    Ends when nothing is left or `timeout` is over; an operation that is being done is finished first.
    """
    deadline = clock() + timeout
    tally = Tally()
    while True:
        tally += run_due(handlers, clock=clock, sleep=sleep)
        now, next_due = clock(), _next_due(handlers)
        if next_due is None or next_due > now + patience or now >= deadline:
            return tally
        sleep(min(max((next_due - now).total_seconds(), POLL_SECONDS), (deadline - now).total_seconds()))


class Worker:
    """Does what is due until it is told to stop; then it finishes what it has in hand.

    The last free thread is kept for what is most pressing: a dispatch never waits for a long import.
    """

    def __init__(self, handlers: Mapping[str, Handler], *, clock: Clock = utc_now, threads: int = 4) -> None:
        self.operations = described(handlers)
        self.clock = clock
        self.threads = threads
        self.owner = this_process()
        self.stopping = threading.Event()
        self._running: dict[Future[Tally], Lease] = {}
        self._renewed_at = self._looked_again_at = 0.0
        self._is_free = threading.Event()  # a thread became free: what comes next need not wait for the poll

    def run(self) -> bool:
        """Work until `stop()`. False: something stood still until the end, in threads that still run."""
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="work")
        while not self.stopping.is_set():
            self._is_free.clear()
            self._turn_safely(lambda: self._start_due(pool))
            self._is_free.wait(POLL_SECONDS)
        pool.shutdown(wait=False)
        until = time.monotonic() + STOP_SECONDS
        while self._running and time.monotonic() < until:
            self._turn_safely(self._look_after_running)
            time.sleep(POLL_SECONDS / 5)
        return not self._running

    def stop(self) -> None:
        self.stopping.set()
        self._is_free.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop the worker; for the main thread of a process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stop())

    def _start_due(self, pool: ThreadPoolExecutor) -> None:
        self._look_after_running()
        free = self.threads - len(self._running)
        if not free:
            return
        kept = 1 if self.threads > 1 else 0
        limit, up_to = (free - kept, Rank.BACK_FILL) if free > kept else (free, Rank.CANCEL_AND_DISPATCH)
        for lease in due.claim(self.owner, now=self.clock(), limit=limit, among=self.operations, up_to=up_to):
            future = pool.submit(self._perform, lease)
            self._running[future] = lease
            future.add_done_callback(lambda _done: self._is_free.set())

    def _look_after_running(self) -> None:
        """Forget what is finished and hold the leases of the rest."""
        for future in [future for future in self._running if future.done()]:
            del self._running[future]
        if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = time.monotonic()
            due.renew_all(self._running.values(), now=self.clock())
        if time.monotonic() - self._looked_again_at >= CHANCE_SECONDS:
            self._looked_again_at = time.monotonic()
            due.give_another_chance(now=self.clock())

    def _turn_safely(self, turn: Callable[[], None]) -> None:
        """Nothing that goes wrong in one turn ends the worker."""
        PULSE.turned()
        try:
            refresh_connections()
            turn()
            PULSE.answered()
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database does not answer, trying again: %s", type(error).__name__)
            self.stopping.wait(BUSY_DATABASE.total_seconds())
        except Exception:
            logger.exception("the worker stumbled and goes on")
            self.stopping.wait(BUSY_DATABASE.total_seconds())

    def _perform(self, lease: Lease) -> Tally:
        try:
            return perform(self.operations[lease.operation], lease, self.clock, time.sleep, self.stopping)
        finally:
            connections.close_all()  # opening one costs milliseconds; idle threads hold none


def perform(
    handler: Handler,
    lease: Lease,
    clock: Clock,
    sleep: Callable[[float], None] | None = None,
    stopping: threading.Event | None = None,
) -> Tally:
    """Run a handler for a lease and write down what came of it; raises nothing of the handler's.

    `sleep` lets it wait shortly for a partner's limits; without, it has to come back. Once `stopping` is
    set it leaves the rest to another worker after the page it has in hand.
    """
    operation = handler if isinstance(handler, Operation) else Operation(handler)
    work = Work(lease.operation, lease.subject, clock, lease, sleep, stopping=stopping)
    with (
        shared_time(),
        observing.run(
            lease.operation,
            lease.subject,
            serves=operation.serves,
            lease=f"{lease.due_id}.{lease.fence}",
        ) as told,
    ):
        return _performed(handler, work, told)


def _performed(handler: Handler, work: Work, told: observing.Run) -> Tally:
    try:
        outcome = _outcome(handler, work)
        if outcome is None or not _finish(work.lease, outcome, work.clock):
            logger.warning("%s %d: the lease was lost to another worker", work.operation, work.subject)
            return Tally()
        told.outcome = "failed" if outcome.error else "done"
        return Tally(outcome.done, outcome.failed)
    except Stopping:
        due.give_back(work.lease, now=work.now)
        logger.info("%s %d: left to another worker", work.operation, work.subject)
        return Tally()
    finally:
        refresh_connections()


def _outcome(handler: Handler, work: Work) -> Outcome | None:
    """The handler's outcome, or what becomes of it when it raised; None when the lease was lost.

    Raises `Stopping`.
    """
    try:
        return handler(work)
    except Stopping:
        raise
    except LeaseLost:
        return None
    except (OperationalError, InterfaceError) as error:
        # "database is locked", a deadlock, a connection that broke: nothing is wrong with the work.
        logger.warning("%s %d: database busy (%s)", work.operation, work.subject, type(error).__name__)
        return Outcome(work.now + BUSY_DATABASE, error=_("Die Datenbank war gerade nicht bereit."))
    except Exception as error:
        logger.exception("%s %d failed", work.operation, work.subject)
        # The text of an exception can hold anything, personal data too: only its kind is kept.
        reason = _("Unerwarteter Fehler ({kind}), siehe Protokoll.").format(kind=type(error).__name__)
        return Outcome(work.now + _back_off(work.lease.attempts), failed=1, error=reason, bug=True)


def _finish(lease: Lease, outcome: Outcome, clock: Clock) -> bool:
    """Write the outcome down, also when the database was away for a while: it is work that is done.

    If that fails too, the lease runs out and the work is done again.
    """
    for attempt in range(FINISH_ATTEMPTS):
        try:
            return due.finish(
                lease,
                now=clock(),
                next_due=outcome.next_due,
                error=outcome.error,
                waiting=outcome.waiting,
                bug=outcome.bug,
            )
        except (OperationalError, InterfaceError):
            if attempt == FINISH_ATTEMPTS - 1:
                raise
            refresh_connections()
            time.sleep(POLL_SECONDS * 2**attempt)
    return False


def _back_off(attempts: int) -> timedelta:
    """One minute, doubled with every attempt, at most an hour."""
    doublings: int = 2 ** min(attempts, 10)
    return min(FIRST_RETRY * doublings, LONGEST_RETRY)


@contextmanager
def _kept(lease: Lease, clock: Clock) -> Iterator[None]:
    """Renews the lease from a thread of its own while the caller works on it."""
    finished = threading.Event()

    def renew_now_and_then() -> None:
        while not finished.wait(RENEW_SECONDS):
            try:
                due.renew(lease, now=clock())
            except (OperationalError, InterfaceError) as error:
                logger.warning(
                    "%s %d: lease not renewed (%s)", lease.operation, lease.subject, type(error).__name__
                )
            finally:
                connection.close()

    keeper = threading.Thread(target=renew_now_and_then, name="keep-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        finished.set()
        keeper.join()


def refresh_connections() -> None:
    """Drop connections that broke or are too old, as Django does between requests; never in a transaction."""
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close_if_unusable_or_obsolete()


def _waiting(handlers: Mapping[str, Handler], now: datetime) -> int:
    """Operations whose last run left work behind and that are to run again soon."""
    soon = Due.objects.filter(operation__in=handlers, parked_at__isnull=True, due_at__lte=now + SOON)
    return soon.filter(waiting=True).count()


def _next_due(handlers: Mapping[str, Handler]) -> datetime | None:
    rows = Due.objects.filter(operation__in=handlers, parked_at__isnull=True)
    moment: datetime | None = rows.aggregate(at=Min("due_at"))["at"]
    return moment
