"""What is due, and who does it now. The table is the truth; nothing else needs to be remembered.

A row is leased to one worker at a time. Its fence grows with every lease, so a worker that slept too
long cannot finish what another one has taken over. A wish to run at once counts up `wakes`; one that
comes while the operation runs makes it run again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Least

from kogge.engine.models import Due
from kogge.engine.owner import is_dead
from kogge.values import aware

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one operation of one subject until the lease runs out."""

    due_id: int
    operation: str
    subject: int
    owner: str
    fence: int
    wakes: int
    attempts: int  # runs in a row that ended with an error, before this one


def schedule(operation: str, subject: int, *, at: datetime) -> None:
    """Have an operation run at `at`; one that is to run earlier anyway keeps its time.

    While the operation is being worked on it is repeated at once instead: the run that goes on may
    have looked before the caller's change, and the next one finds its time itself.
    """
    Due.objects.bulk_create(
        [Due(operation=operation, subject=subject, due_at=aware(at))], ignore_conflicts=True
    )
    known = Due.objects.filter(operation=operation, subject=subject)
    known.filter(due_at__gt=at).update(due_at=at)
    known.filter(leased_until__isnull=False).update(wakes=F("wakes") + 1)


def make_due(operation: str, subjects: int | Collection[int], *, now: datetime) -> None:
    """Have an operation run at once, also when it runs already: then once more, right after.

    Belongs inside the transaction of the change that makes it due, and takes effect with its commit.
    """
    wanted = [subjects] if isinstance(subjects, int) else sorted(set(subjects))
    if _wake(operation, wanted, now) < len(wanted):
        fresh = [Due(operation=operation, subject=subject, due_at=aware(now)) for subject in wanted]
        Due.objects.bulk_create(fresh, ignore_conflicts=True)
        _wake(operation, wanted, now)


def _wake(operation: str, subjects: Collection[int], now: datetime) -> int:
    return Due.objects.filter(operation=operation, subject__in=subjects).update(
        wakes=F("wakes") + 1, due_at=Least(F("due_at"), Value(aware(now)))
    )


def unschedule(operation: str | None, subject: int, *, among: Collection[str] | None = None) -> None:
    """Forget an operation of a subject; None: all its operations, or those `among` the named ones.

    Work that goes on loses its lease. Mind that ids of different kinds (connection, merchant) can be
    equal: with None, name the operations that belong to the subject's kind.
    """
    rows = Due.objects.filter(subject=subject)
    if operation is not None:
        rows = rows.filter(operation=operation)
    if among is not None:
        rows = rows.filter(operation__in=among)
    rows.delete()


def claim(owner: str, *, now: datetime, limit: int, only: Collection[str] | None = None) -> list[Lease]:
    """Lease up to `limit` due operations that nobody works on, the longest waiting first."""
    due = Due.objects.filter(_free(now), due_at__lte=aware(now))
    if only is not None:
        due = due.filter(operation__in=only)
    # Looking costs no write lock; most polls find nothing.
    return _lease(due.order_by("due_at", "id"), owner, now, limit) if due.exists() else []


def claim_one(operation: str, subject: int, owner: str, *, now: datetime) -> Lease | None:
    """Lease one operation now, due or not; None while another worker has it."""
    Due.objects.bulk_create(
        [Due(operation=operation, subject=subject, due_at=aware(now))], ignore_conflicts=True
    )
    wanted = Due.objects.filter(_free(now), operation=operation, subject=subject)
    return next(iter(_lease(wanted, owner, now, 1)), None)


def renew(lease: Lease, *, now: datetime) -> bool:
    """Hold the lease for another minute. False: it was lost, somebody else works on this now."""
    return bool(_held(lease).update(leased_until=now + LEASE))


def finish(
    lease: Lease, *, now: datetime, next_due: datetime, error: str = "", waiting: bool = False
) -> bool:
    """Give the lease back and say when to run next. False: it was lost, and nothing was changed.

    `error` is a sentence for people; it counts as a failed attempt. `waiting` says that work is left.
    """
    done = _held(lease).update(
        due_at=Case(When(wakes=lease.wakes, then=Value(aware(next_due))), default=Value(now)),
        leased_until=None,
        leased_by="",
        finished_at=now,
        waiting=waiting or bool(error),
        attempts=lease.attempts + 1 if error else 0,
        last_error=error,
    )
    return bool(done)


def _held(lease: Lease) -> QuerySet[Due]:
    return Due.objects.filter(pk=lease.due_id, fence=lease.fence, leased_by=lease.owner)


def _free(now: datetime) -> Q:
    """Not leased, lease run out, or leased to a process of this machine that is dead."""
    leased = Due.objects.filter(leased_until__gt=now).values_list("leased_by", flat=True).distinct()
    dead = [owner for owner in leased if is_dead(owner)]
    return Q(leased_until__isnull=True) | Q(leased_until__lte=now) | Q(leased_by__in=dead)


def _lease(free: QuerySet[Due], owner: str, now: datetime, limit: int) -> list[Lease]:
    with transaction.atomic():
        # PostgreSQL locks the rows and skips those another worker is just taking; SQLite lets one
        # writer in at a time, and its transactions begin as writers.
        rows = list(free.select_for_update(skip_locked=True)[:limit])
        Due.objects.filter(pk__in=[row.pk for row in rows]).update(
            leased_until=now + LEASE, leased_by=owner, fence=F("fence") + 1, started_at=now
        )
    return [
        Lease(row.pk, row.operation, row.subject, owner, row.fence + 1, row.wakes, row.attempts)
        for row in rows
    ]
