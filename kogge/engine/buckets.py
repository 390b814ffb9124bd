"""Token buckets: a partner's limits, kept before the partner enforces them (promise 10).

A bucket holds up to `burst` tokens and refills at `rate` tokens a second. Each call to the partner
takes one. The buckets live in the database, so all workers share them and a restart forgets nothing.
Take tokens outside of transactions: a token taken in one that is rolled back was not taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Least

from kogge.engine.models import Bucket
from kogge.values import aware

# Floating point loses a little with every refill; a token that is this close to whole counts.
WHOLE = 1 - 1e-6

# Clocks of machines differ by seconds. A bucket counted further ahead than this was counted by a clock
# that was wrong; it refills from now on.
CLOCK_SKEW = 60.0

FIRST_PAUSE = 5.0  # seconds after the first refusal, or the time one token takes if that is less
LONGEST_PAUSE = 30.0  # seconds, or the time one token takes if that is more
MAX_REFUSALS = 10  # counted; with this many the pause of every limit of Amazon's is as long as it gets


@dataclass(frozen=True, slots=True)
class Level:
    """What is left of a limit."""

    operation: str
    tokens: float
    burst: int
    rate: float  # tokens a second


def take(subject: int, operation: str, *, rate: float, burst: int, now: datetime) -> float:
    """Take a token. Answers 0.0 when there was one, else the seconds until there will be.

    `rate` and `burst` are what a fresh bucket starts with; a known one goes by what was learned.
    """
    if _take_token(subject, operation, now):
        return 0.0
    _fill_fresh(subject, operation, rate, burst, now)
    _correct_a_wrong_clock(subject, operation, now)
    if _take_token(subject, operation, now):
        return 0.0
    return _seconds_to_next(Bucket.objects.get(subject=subject, operation=operation), now)


def learn(subject: int, operation: str, rate: float, *, burst: int, now: datetime) -> None:
    """Go by the rate the partner named in an answer; what refilled until now did so at the old rate.

    Amazon names it in `x-amzn-RateLimit-Limit` and may differ from its documentation for a seller.
    """
    if rate <= 0:  # would never refill again: not a limit but a mistake
        raise ValueError(f"{operation}: a rate must be positive, not {rate}")
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
        paused_until=_seconds(now) + pause, refusals=Least(F("refusals") + 1, Value(MAX_REFUSALS))
    )
    return _seconds_to_next(Bucket.objects.get(pk=bucket.pk), now)


def levels(subject: int, now: datetime) -> list[Level]:
    """All limits of a subject, by operation."""
    return [
        Level(bucket.operation, _tokens(bucket, now), bucket.burst, bucket.rate)
        for bucket in Bucket.objects.filter(subject=subject).order_by("operation")
    ]


def _take_token(subject: int, operation: str, now: datetime) -> bool:
    """One statement: PostgreSQL looks at the condition again after waiting for another taker."""
    taken = (
        _bucket(subject, operation)
        .annotate(available=_available(now))
        .filter(available__gte=WHOLE, paused_until__lte=_seconds(now))
        .update(tokens=_available(now) - 1.0, counted_at=_counted(now))
    )
    return bool(taken)


def _fill_fresh(subject: int, operation: str, rate: float, burst: int, now: datetime) -> None:
    fresh = Bucket(
        subject=subject, operation=operation, tokens=burst, rate=rate, burst=burst, counted_at=_seconds(now)
    )
    Bucket.objects.bulk_create([fresh], ignore_conflicts=True)


def _correct_a_wrong_clock(subject: int, operation: str, now: datetime) -> None:
    bucket, seconds = _bucket(subject, operation), _seconds(now)
    bucket.filter(counted_at__gt=seconds + CLOCK_SKEW).update(counted_at=seconds)
    longest = seconds + CLOCK_SKEW + 1 / F("rate")
    bucket.filter(paused_until__gt=longest).update(paused_until=seconds)


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


def _seconds_to_next(bucket: Bucket, now: datetime) -> float:
    ahead = max(bucket.counted_at - _seconds(now), 0.0)  # another machine's clock is ahead of ours
    refilled = max(1 - _tokens(bucket, now), 0.0) / bucket.rate + ahead
    return max(refilled, bucket.paused_until - _seconds(now))


def _seconds(moment: datetime) -> float:
    return aware(moment).timestamp()
