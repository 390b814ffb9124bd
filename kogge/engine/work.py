"""What a handler is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kogge.engine import due
from kogge.engine.due import Lease

Clock = Callable[[], datetime]

LONGEST_PAUSE = 1.0  # seconds; for a longer wait an operation comes back


class LeaseLost(Exception):
    """Somebody else works on this now: stop, change nothing more."""


@dataclass(frozen=True, slots=True)
class Work:
    """One operation for one subject, leased to us."""

    operation: str
    subject: int
    clock: Clock
    lease: Lease
    sleep: Callable[[float], None] | None = None  # None: nobody may wait here

    @property
    def now(self) -> datetime:
        return self.clock()

    def keep(self) -> None:
        """Hold the lease for another minute. Raises `LeaseLost`.

        Called inside the transaction that stores results, it fences: a worker that was overtaken
        rolls back instead of storing.
        """
        if not due.renew(self.lease, now=self.now):
            raise LeaseLost(f"{self.operation} {self.subject}")

    def pause(self, seconds: float) -> bool:
        """Wait for the partner's limits, if that is short. False: it is not, come back later."""
        if self.sleep is None or seconds > LONGEST_PAUSE:
            return False
        self.sleep(seconds)
        return True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did and when to run next.

    `done` and `failed` count what the operation works on (orders, messages, mails). `error` is a
    sentence for people: the run as a whole did not succeed and is a failed attempt. `waiting` says
    that work is left which has to wait for the partner's limits or answer.
    """

    next_due: datetime
    done: int = 0
    failed: int = 0
    error: str = ""
    waiting: bool = False


Handler = Callable[[Work], Outcome]
