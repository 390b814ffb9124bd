"""Amazon's limits for one connection, kept in the engine's buckets (promise 10)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from kogge.engine import buckets
from kogge.engine.buckets import Level, Taken
from kogge.engine.work import Rank
from kogge.spapi.client import PUBLISHED_LIMITS
from kogge.spapi.errors import Throttled

# Calls that may follow each other within a second arrive closer together, or farther apart, than they
# were sent. One token is kept back, so that Amazon's bucket is never emptier than ours.
JITTERS_FROM = 1.0  # tokens a second


def plan_of(operation: str) -> tuple[float, int]:
    """The rate and the burst we count by: Amazon's published ones, less what jitter may cost."""
    rate, burst = PUBLISHED_LIMITS[operation]
    return rate, burst - 1 if rate >= JITTERS_FROM and burst > 1 else burst


# How many tokens a call leaves to more pressing ones: from this rank on, so many. Only where several ranks
# ask for the same, and no more than the pressing ones may need until the next token comes.
RESERVES: dict[str, tuple[Rank, int]] = {
    # One token every three minutes: the regular check takes one every ten, its pages and those of the hourly
    # one for Amazon's own orders some more. Earlier orders and the nightly comparison have time.
    "searchOrders": (Rank.BACK_FILL, 4),
    # Five a second: an article that sells out while prices are told waits for none of them.
    "patchListingsItem": (Rank.OFFERS, 1),
    "searchListingsItems": (Rank.OFFERS, 1),
    # A feed every two minutes, a report or a list of feeds every 45 s: cancellations come before offers.
    "createFeed": (Rank.OFFERS, 4),
    "createFeedDocument": (Rank.OFFERS, 4),
    "getFeeds": (Rank.OFFERS, 3),
    "getFeedDocument": (Rank.OFFERS, 3),
}


def reserve_of(operation: str, rank: Rank) -> int:
    """The tokens that a call of this rank leaves to more pressing ones."""
    from_rank, tokens = RESERVES.get(operation, (Rank.BACK_FILL, 0))
    return tokens if rank >= from_rank else 0


def budget(connection_id: int, now: datetime) -> list[Level]:
    """What is left of Amazon's limits for a connection, by operation."""
    return budgets([connection_id], now)[connection_id]


def budgets(connection_ids: Collection[int], now: datetime) -> dict[int, list[Level]]:
    """The same for several connections at once."""
    return buckets.levels(connection_ids, now, among=PUBLISHED_LIMITS)


class BucketLimiter:
    """spapi's limiter over the persisted buckets, shared by all processes of a connection.

    One for each client: it remembers what the bucket answered last, so that an answer of Amazon's with
    nothing new in it costs no statement.
    """

    def __init__(
        self, connection_id: int, clock: Callable[[], datetime], rank: Rank = Rank.CANCEL_AND_DISPATCH
    ) -> None:
        self._connection_id = connection_id
        self._clock = clock
        self._rank = rank
        self._taken: dict[str, Taken] = {}

    @contextmanager
    def ranked(self, rank: Rank) -> Iterator[None]:
        """Ask at another rank for a while: not all that one run does is equally pressing."""
        usual, self._rank = self._rank, rank
        try:
            yield
        finally:
            self._rank = usual

    def take(self, operation: str) -> None:
        """Take a token, or raise `Throttled` with the seconds until there is one."""
        rate, burst = plan_of(operation)
        reserve = reserve_of(operation, self._rank)
        taken = buckets.take(
            self._connection_id, operation, rate=rate, burst=burst, reserve=reserve, now=self._clock()
        )
        if taken.wait:
            raise Throttled(operation=operation, retry_after=taken.wait)
        self._taken[operation] = taken

    def learn(self, operation: str, rate: float) -> None:
        """Adopt the rate Amazon named."""
        _rate, burst = plan_of(operation)
        taken = self._taken.get(operation)
        buckets.learn(self._connection_id, operation, rate, burst=burst, now=self._clock(), taken=taken)

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
