"""Amazon's limits for one connection, kept in the engine's buckets (promise 10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kogge.engine import buckets
from kogge.spapi.client import PUBLISHED_LIMITS
from kogge.spapi.errors import Throttled


class BucketLimiter:
    """spapi's limiter over the persisted buckets, shared by all processes of a connection."""

    def __init__(self, connection_id: int, clock: Callable[[], datetime]) -> None:
        self._connection_id = connection_id
        self._clock = clock

    def take(self, operation: str) -> None:
        """Take a token, or raise `Throttled` with the seconds until there is one."""
        rate, burst = PUBLISHED_LIMITS[operation]
        wait = buckets.take(self._connection_id, operation, rate=rate, burst=burst, now=self._clock())
        if wait > 0:
            raise Throttled(operation=operation, retry_after=wait)

    def learn(self, operation: str, rate: float) -> None:
        """Adopt the rate Amazon named."""
        _rate, burst = PUBLISHED_LIMITS[operation]
        buckets.learn(self._connection_id, operation, rate, burst=burst, now=self._clock())

    def emptied(self, operation: str, retry_after: float | None) -> float:
        """Amazon refused a call: seconds to the next try, never before Amazon's own wish."""
        rate, burst = PUBLISHED_LIMITS[operation]
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
