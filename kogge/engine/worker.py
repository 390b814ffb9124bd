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
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, connections
from django.db.models import Min
from django.utils.translation import gettext as _

from kogge.engine import due
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.owner import this_process
from kogge.engine.work import Clock, Handler, LeaseLost, Outcome, Work

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RENEW_SECONDS = due.LEASE.total_seconds() / 4
BUSY_DATABASE = timedelta(seconds=5)
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


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


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
    for _turn in range(limit):
        leases = due.claim(owner or this_process(), now=clock(), limit=1, only=handlers)
        if not leases:
            break
        with _kept(leases[0], clock):
            tally += perform(handlers[leases[0].operation], leases[0], clock, sleep)
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
    """Does what is due until it is told to stop; then it finishes what it has in hand."""

    def __init__(self, handlers: Mapping[str, Handler], *, clock: Clock = utc_now, threads: int = 4) -> None:
        self.handlers = handlers
        self.clock = clock
        self.threads = threads
        self.owner = this_process()
        self.stopping = threading.Event()
        self._running: dict[Future[Tally], Lease] = {}
        self._renewed_at = 0.0

    def run(self) -> None:
        """Work until `stop()`."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="work") as pool:
            while not self.stopping.is_set():
                self._turn_safely(lambda: self._start_due(pool))
                self.stopping.wait(POLL_SECONDS)
            while self._running:
                self._turn_safely(self._look_after_running)
                time.sleep(POLL_SECONDS / 5)

    def stop(self) -> None:
        self.stopping.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop the worker; for the main thread of a process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stop())

    def _start_due(self, pool: ThreadPoolExecutor) -> None:
        self._look_after_running()
        free = self.threads - len(self._running)
        if not free:
            return
        for lease in due.claim(self.owner, now=self.clock(), limit=free, only=self.handlers):
            self._running[pool.submit(self._perform, lease)] = lease

    def _look_after_running(self) -> None:
        """Forget what is finished and hold the leases of the rest."""
        for future in [future for future in self._running if future.done()]:
            del self._running[future]
        if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = time.monotonic()
            for lease in self._running.values():
                due.renew(lease, now=self.clock())

    def _turn_safely(self, turn: Callable[[], None]) -> None:
        """Nothing that goes wrong in one turn ends the worker."""
        try:
            _refresh_connections()
            turn()
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database does not answer, trying again: %s", type(error).__name__)
            self.stopping.wait(BUSY_DATABASE.total_seconds())
        except Exception:
            logger.exception("the worker stumbled and goes on")
            self.stopping.wait(BUSY_DATABASE.total_seconds())

    def _perform(self, lease: Lease) -> Tally:
        try:
            return perform(self.handlers[lease.operation], lease, self.clock, time.sleep)
        finally:
            connections.close_all()  # opening one costs milliseconds; idle threads hold none


def perform(
    handler: Handler, lease: Lease, clock: Clock, sleep: Callable[[float], None] | None = None
) -> Tally:
    """Run a handler for a lease and write down what came of it; raises nothing of the handler's.

    `sleep` lets it wait shortly for a partner's limits; without, it has to come back.
    """
    _refresh_connections()
    try:
        outcome = _outcome(handler, Work(lease.operation, lease.subject, clock, lease, sleep))
        if outcome is None or not _finish(lease, outcome, clock):
            logger.warning("%s %d: the lease was lost to another worker", lease.operation, lease.subject)
            return Tally()
        return Tally(outcome.done, outcome.failed)
    finally:
        _refresh_connections()


def _outcome(handler: Handler, work: Work) -> Outcome | None:
    """The handler's outcome, or what becomes of it when it raised; None when the lease was lost."""
    try:
        return handler(work)
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
        return Outcome(work.now + _back_off(work.lease.attempts), failed=1, error=reason)


def _finish(lease: Lease, outcome: Outcome, clock: Clock) -> bool:
    """Write the outcome down. If that fails too, the lease runs out and the work is done again."""
    for attempt in range(3):
        try:
            return due.finish(
                lease, now=clock(), next_due=outcome.next_due, error=outcome.error, waiting=outcome.waiting
            )
        except (OperationalError, InterfaceError):
            if attempt == 2:
                raise
            _refresh_connections()
            time.sleep(POLL_SECONDS)
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


def _refresh_connections() -> None:
    """Drop connections that broke or are too old, as Django does between requests; never in a transaction."""
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close_if_unusable_or_obsolete()


def _waiting(handlers: Mapping[str, Handler], now: datetime) -> int:
    """Operations whose last run left work behind and that are to run again soon."""
    return Due.objects.filter(operation__in=handlers, waiting=True, due_at__lte=now + SOON).count()


def _next_due(handlers: Mapping[str, Handler]) -> datetime | None:
    moment: datetime | None = Due.objects.filter(operation__in=handlers).aggregate(Min("due_at"))[
        "due_at__min"
    ]
    return moment
