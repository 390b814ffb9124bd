"""Amazon's limits for one connection, kept in the engine's buckets (promise 10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kogge.engine import buckets
from kogge.spapi.client import PUBLISHED_LIMITS
from kogge.spapi.errors import Throttled

# Calls that may follow each other within a second arrive closer together, or farther apart, than they
# were sent. One token is kept back, so that Amazon's bucket is never emptier than ours.
JITTERS_FROM = 1.0  # tokens a second


def plan_of(operation: str) -> tuple[float, int]:
    """The rate and the burst we count by: Amazon's published ones, less what jitter may cost."""
    rate, burst = PUBLISHED_LIMITS[operation]
    return rate, burst - 1 if rate >= JITTERS_FROM and burst > 1 else burst


class BucketLimiter:
    """spapi's limiter over the persisted buckets, shared by all processes of a connection."""

    def __init__(self, connection_id: int, clock: Callable[[], datetime]) -> None:
        self._connection_id = connection_id
        self._clock = clock

    def take(self, operation: str) -> None:
        """Take a token, or raise `Throttled` with the seconds until there is one."""
        rate, burst = plan_of(operation)
        wait = buckets.take(self._connection_id, operation, rate=rate, burst=burst, now=self._clock())
        if wait > 0:
            raise Throttled(operation=operation, retry_after=wait)

    def learn(self, operation: str, rate: float) -> None:
        """Adopt the rate Amazon named."""
        _rate, burst = plan_of(operation)
        buckets.learn(self._connection_id, operation, rate, burst=burst, now=self._clock())

    def emptied(self, operation: str, retry_after: float | None) -> float:
        """Amazon refused a call: seconds to the next try, never before Amazon's own wish."""
        rate, burst = plan_of(operation)
        wait = buckets.refused(self._connection_id, operation, rate=rate, burst=burst, now=self._clock())
        return max(wait, retry_after or 0.0)


class Unmetered:
    """For the one call that tests new credentials: there is no connection yet whose bucket could count it."""

    def take(self, operation: str) -> None:
        """Always allowed."""

    def learn(self, operation: str, rate: float) -> None:
        """Nothing to remember it by."""

    def emptied(self, operation: str, retry_after: float | None) -> float:
        """Amazon's own wish, else the time one published token takes."""
        rate, _burst = PUBLISHED_LIMITS[operation]
        return retry_after or 1 / rate
