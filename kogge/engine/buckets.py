"""Token buckets: a partner's limits, kept before the partner enforces them (promise 10).

A bucket holds up to `burst` tokens and refills at `rate` tokens a second. Each call to the partner
takes one. The buckets live in the database, so all workers share them and a restart forgets nothing.
Take tokens outside of transactions: a token taken in one that is rolled back was not taken.

A call costs one statement: taking also answers what the bucket goes by, so that learning the same again
costs none. Less pressing calls leave a `reserve` of tokens to the pressing ones.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Least

from kogge.engine.models import Bucket
from kogge.values import aware

# Floating point loses a little with every refill; a token that is this close to whole counts.
ROUNDING = 1e-6

# Clocks of machines differ by seconds. A bucket counted further ahead than this was counted by a clock
# that was wrong; it refills from now on.
CLOCK_SKEW = 60.0

SHORTEST_WAIT = 0.01  # seconds; whoever got no token is never told to come back at once
FIRST_PAUSE = 5.0  # seconds after the first refusal, or the time one token takes if that is less
LONGEST_PAUSE = 30.0  # seconds, or the time one token takes if that is more
MAX_REFUSALS = 10  # counted; with this many the pause of every limit of Amazon's is as long as it gets

# Django updates, or returns, but not both in one statement. The two databases call the larger and the
# smaller of two values differently; all else they read alike.
_TAKE = """
UPDATE engine_bucket
   SET tokens = {available} - 1, counted_at = {greatest}(counted_at, %(now)s), calls = calls + 1
 WHERE subject = %(subject)s AND operation = %(operation)s AND paused_until <= %(now)s
   AND {available} >= %(whole)s + {least}(%(reserve)s, burst - 1)
RETURNING rate, burst, refusals
"""
_AVAILABLE = "{least}(burst, tokens + rate * {greatest}(%(now)s - counted_at, 0))"
_WORDS = {
    "sqlite": {"greatest": "MAX", "least": "MIN"},
    "postgresql": {"greatest": "GREATEST", "least": "LEAST"},
}
_TAKE_SQL = {
    vendor: _TAKE.format(available=_AVAILABLE.format(**words), **words) for vendor, words in _WORDS.items()
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A token, and what its bucket goes by; or none, and the seconds until there is one (`wait` > 0)."""

    wait: float = 0.0
    rate: float = 0.0
    burst: int = 0
    refusals: int = 0

    def confirms(self, rate: float, burst: int) -> bool:
        """Whether there is nothing to learn from a good answer that names this rate."""
        return not self.wait and not self.refusals and (self.rate, self.burst) == (rate, burst)


@dataclass(frozen=True, slots=True)
class Level:
    """What is left of a limit, and how it was used since the subject exists."""

    operation: str
    tokens: float
    burst: int
    rate: float  # tokens a second
    calls: int = 0
    throttled: int = 0  # calls the partner refused for their number
    paused: float = 0.0  # seconds for which the partner's last refusal still keeps everybody waiting

    @property
    def left(self) -> int:
        """Whole tokens."""
        return min(self.burst, int(self.tokens + ROUNDING))

    @property
    def next_token(self) -> float | None:
        """Seconds until there is one token more; None when the bucket is full."""
        return None if self.left >= self.burst else max(self.left + 1 - self.tokens, 0.0) / self.rate


def take(subject: int, operation: str, *, rate: float, burst: int, now: datetime, reserve: int = 0) -> Taken:
    """Take a token, if `reserve` others are left then.

    `rate` and `burst` are what a fresh bucket starts with; a known one goes by what was learned. A bucket
    smaller than the reserve gives when it is full: nobody waits for ever.
    """
    taken = _take_token(subject, operation, reserve, now)
    if taken is not None:
        return taken
    bucket = _bucket(subject, operation).first()
    if bucket is None:
        _fill_fresh(subject, operation, rate, burst, now)
    elif not _correct_a_wrong_clock(bucket, now):
        return Taken(wait=_seconds_to_next(bucket, now, reserve))
    taken = _take_token(subject, operation, reserve, now)
    if taken is not None:
        return taken
    bucket = Bucket.objects.get(subject=subject, operation=operation)
    return Taken(wait=_seconds_to_next(bucket, now, reserve))


def learn(
    subject: int, operation: str, rate: float, *, burst: int, now: datetime, taken: Taken | None = None
) -> None:
    """Go by the rate the partner named in an answer; what refilled until now did so at the old rate.

    Amazon names it in `x-amzn-RateLimit-Limit` and may differ from its documentation for a seller.
    `taken` is what `take` answered before the call: where it says the same, nothing is written.
    """
    if rate <= 0:  # would never refill again: not a limit but a mistake
        raise ValueError(f"{operation}: a rate must be positive, not {rate}")
    if taken is not None and taken.confirms(rate, burst):
        return
    if taken is None:
        _fill_fresh(subject, operation, rate, burst, now)
    _bucket(subject, operation).exclude(rate=rate, burst=burst, refusals=0).update(
        tokens=_available(now),
        counted_at=_counted(now),
        rate=rate,
        burst=burst,
        refusals=Greatest(F("refusals") - 1, Value(0)),
    )


def refused(subject: int, operation: str, *, rate: float, burst: int, now: datetime) -> float:
    """The partner says there is no token (HTTP 429), whatever we counted: seconds until the next try.

    Why the two counts differ is unknown. So the first pause is short, each further one doubles up to
    half a minute or what one token takes to refill. What was counted stays: the partner may have meant a
    minute.
    """
    _fill_fresh(subject, operation, rate, burst, now)
    bucket = Bucket.objects.get(subject=subject, operation=operation)
    refill = 1 / bucket.rate
    pause = min(max(refill, LONGEST_PAUSE), min(refill, FIRST_PAUSE) * 2**bucket.refusals)
    _bucket(subject, operation).update(
        paused_until=_seconds(now) + pause,
        refusals=Least(F("refusals") + 1, Value(MAX_REFUSALS)),
        throttled=F("throttled") + 1,
    )
    return _seconds_to_next(Bucket.objects.get(pk=bucket.pk), now)


def levels(subjects: Collection[int], now: datetime, *, among: Collection[str]) -> dict[int, list[Level]]:
    """The limits of each of the subjects, by operation.

    Ids of different kinds (connection, remote shop) can be equal: `among` names the operations that
    belong to the subjects' kind.
    """
    found: dict[int, list[Level]] = {subject: [] for subject in subjects}
    for bucket in Bucket.objects.filter(subject__in=found, operation__in=among).order_by("operation"):
        found[bucket.subject].append(_level(bucket, now))
    return found


def _level(bucket: Bucket, now: datetime) -> Level:
    return Level(
        bucket.operation,
        _tokens(bucket, now),
        bucket.burst,
        bucket.rate,
        bucket.calls,
        bucket.throttled,
        max(bucket.paused_until - _seconds(now), 0.0),
    )


def _take_token(subject: int, operation: str, reserve: int, now: datetime) -> Taken | None:
    """One statement: PostgreSQL looks at the condition again after waiting for another taker."""
    wanted: dict[str, int | float | str] = {
        "subject": subject,
        "operation": operation,
        "reserve": reserve,
        "now": _seconds(now),
        "whole": 1 - ROUNDING,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_SQL[connection.vendor], wanted)
        rows = cursor.fetchall()
    return Taken(0.0, *rows[0]) if rows else None


def _fill_fresh(subject: int, operation: str, rate: float, burst: int, now: datetime) -> None:
    fresh = Bucket(
        subject=subject, operation=operation, tokens=burst, rate=rate, burst=burst, counted_at=_seconds(now)
    )
    Bucket.objects.bulk_create([fresh], ignore_conflicts=True)


def _correct_a_wrong_clock(bucket: Bucket, now: datetime) -> bool:
    """Whether the bucket was counted, or paused, by a clock far ahead of ours; it is set right then."""
    rows, seconds = _bucket(bucket.subject, bucket.operation), _seconds(now)
    counted = rows.filter(counted_at__gt=seconds + CLOCK_SKEW)
    paused = rows.filter(paused_until__gt=seconds + CLOCK_SKEW + 1 / F("rate"))
    corrected = 0
    if bucket.counted_at > seconds + CLOCK_SKEW:
        corrected += counted.update(counted_at=seconds)
    if bucket.paused_until > seconds + CLOCK_SKEW + 1 / bucket.rate:
        corrected += paused.update(paused_until=seconds)
    return bool(corrected)


def _bucket(subject: int, operation: str) -> QuerySet[Bucket]:
    return Bucket.objects.filter(subject=subject, operation=operation)


def _available(now: datetime) -> Combinable:
    """The tokens at `now`, in SQL; a clock that was set back refills nothing."""
    elapsed = Greatest(Value(_seconds(now)) - F("counted_at"), Value(0.0))
    return Least(F("tokens") + F("rate") * elapsed, F("burst") * Value(1.0))


def _counted(now: datetime) -> Combinable:
    return Greatest(F("counted_at"), Value(_seconds(now)))


def _tokens(bucket: Bucket, now: datetime) -> float:
    elapsed = max(_seconds(now) - bucket.counted_at, 0.0)
    return min(bucket.tokens + bucket.rate * elapsed, float(bucket.burst))


def _seconds_to_next(bucket: Bucket, now: datetime, reserve: int = 0) -> float:
    ahead = max(bucket.counted_at - _seconds(now), 0.0)  # another machine's clock is ahead of ours
    wanted = 1 + min(reserve, bucket.burst - 1)
    refilled = max(wanted - _tokens(bucket, now), 0.0) / bucket.rate + ahead
    return max(refilled, bucket.paused_until - _seconds(now), SHORTEST_WAIT)


def _seconds(moment: datetime) -> float:
    return aware(moment).timestamp()
