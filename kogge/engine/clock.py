"""What time it is, for several machines that must agree on it.

On PostgreSQL the database's clock counts: workers ask it now and then and count on themselves in between.
Whoever hands in moments of its own machine's clock (a page, a command) has them put into the database's
time by the statement that stores them. On SQLite there is one machine, and its clock is right by definition.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection
from django.db.models import Case, DateTimeField, DurationField, ExpressionWrapper, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan, LessThan

from kogge.values import aware

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

ASK_AGAIN_SECONDS = 60.0
# A clock this much ahead or behind counts as right. A statement may be under way for a while, so being
# behind is believed later.
AHEAD = timedelta(seconds=1)
BEHIND = timedelta(seconds=5)

_is_shared: ContextVar[bool] = ContextVar("is_shared", default=False)


def utc_now() -> datetime:
    """What this machine's clock says."""
    return datetime.now(UTC)


def production_clock() -> Clock:
    """The clock of workers and commands: the database's where several machines may share it."""
    return DatabaseClock() if connection.vendor == "postgresql" else utc_now


class DatabaseClock:
    """The database's time without asking for it each time. The first call raises `OperationalError`
    while the database does not answer; later ones count on."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._answer: tuple[datetime, float] | None = None  # and what `time.monotonic` said then

    def __call__(self) -> datetime:
        answer = self._answer
        if answer is None or time.monotonic() - answer[1] > ASK_AGAIN_SECONDS:
            answer = self._ask_again(answer)
        return answer[0] + timedelta(seconds=time.monotonic() - answer[1])

    def _ask_again(self, known: tuple[datetime, float] | None) -> tuple[datetime, float]:
        if known is None:
            self._answer = known = _ask()
        # Never within a transaction: a question that fails would spoil it.
        elif not connection.in_atomic_block and self._asking.acquire(blocking=False):
            try:
                self._answer = known = _ask()
            except DatabaseError:
                logger.warning("the database does not say what time it is; counting on")
            finally:
                self._asking.release()
        return known


def _ask() -> tuple[datetime, float]:
    with connection.cursor() as cursor:
        before = time.monotonic()
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
        return moment, (before + time.monotonic()) / 2


@contextmanager
def shared_time() -> Iterator[None]:
    """Within, all moments handed in are in the time all machines share already: a worker's handlers."""
    token = _is_shared.set(True)
    try:
        yield
    finally:
        _is_shared.reset(token)


def in_shared_time(moment: datetime) -> Combinable:
    """A moment of this machine's clock, as a value to store; right also where that clock is wrong.

    Moments of a clock handed in by a test are stored as they are: what counts is how far this machine's
    own clock is from the database's.
    """
    stored = Value(aware(moment), output_field=DateTimeField())
    if connection.vendor != "postgresql" or _is_shared.get():
        return stored
    own = Value(utc_now(), output_field=DateTimeField())
    difference = ExpressionWrapper(Now() - own, output_field=DurationField())
    corrected = ExpressionWrapper(stored + difference, output_field=DateTimeField())
    return Case(
        When(LessThan(difference, Value(-AHEAD)), then=corrected),
        When(GreaterThan(difference, Value(BEHIND)), then=corrected),
        default=stored,
    )
