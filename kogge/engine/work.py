"""What a handler is given and what it answers, and how an operation is described."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from django.db import connection

from kogge.engine import due
from kogge.engine.clock import Clock
from kogge.engine.due import Lease
from kogge.engine.ranks import Rank

__all__ = [
    "CONNECTION", "MERCHANT", "Clock", "Handler", "LeaseLost", "Operation", "Outcome", "Rank", "Serves",
    "Stopping", "Work", "described",
]  # fmt: skip

LONGEST_PAUSE = 1.0  # seconds; for a longer wait an operation comes back


class LeaseLost(Exception):
    """Somebody else works on this now: stop, change nothing more."""


class Stopping(LeaseLost):
    """The worker ends: stop here, another one goes on with the rest."""


@dataclass(frozen=True, slots=True)
class Work:
    """One operation for one subject, leased to us."""

    operation: str
    subject: int
    clock: Clock
    lease: Lease
    sleep: Callable[[float], None] | None = None  # None: nobody may wait here
    rank: Rank = Rank.CANCEL_AND_DISPATCH  # nothing is kept back for more pressing work
    stopping: threading.Event | None = None  # set when the worker is to end

    @property
    def now(self) -> datetime:
        return self.clock()

    def keep(self) -> None:
        """Hold the lease longer. Raises `LeaseLost`.

        Called inside the transaction that stores results, it fences: a worker that was overtaken
        rolls back instead of storing. Called outside of one, between two pages, it is also where a
        worker that is to end leaves the rest to another.
        """
        if self.stopping and self.stopping.is_set() and not connection.in_atomic_block:
            raise Stopping(f"{self.operation} {self.subject}")
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
    that work is left which has to wait for the partner's limits or answer. `bug` is the worker's word for
    an error nobody expected.
    """

    next_due: datetime
    done: int = 0
    failed: int = 0
    error: str = ""
    waiting: bool = False
    bug: bool = False


Handler = Callable[[Work], Outcome]

# Whose id the subject of an operation is.
Serves = Literal["connection", "merchant"]
CONNECTION: Serves = "connection"
MERCHANT: Serves = "merchant"


@dataclass(frozen=True, slots=True)
class Operation:
    """What does an operation, whom it serves, how pressing it is. Called, it is its handler, at its rank."""

    handler: Handler
    serves: Serves = CONNECTION
    rank: Rank = Rank.ORDERS

    def __call__(self, work: Work) -> Outcome:
        return self.handler(replace(work, rank=self.rank))


def described(handlers: Mapping[str, Handler]) -> dict[str, Operation]:
    """Handlers as operations; what is only a function is an operation of orders, of a connection."""
    return {
        name: handler if isinstance(handler, Operation) else Operation(handler)
        for name, handler in handlers.items()
    }
