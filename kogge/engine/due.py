"""What is due, and who does it now. The table is the truth; nothing else needs to be remembered.

A row is leased to one worker at a time, or to the queue until a worker takes it from there. Its fence
grows with every lease, so a worker that slept too long cannot finish what another one has taken over. A
wish to run at once counts up `wakes`; one that comes while the operation runs makes it run again.

What ends its worker again and again, or meets an error of ours again and again, is parked: nobody starts
it until a human wants it tried again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction
from django.db.models import Case, F, PositiveSmallIntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Least
from django.utils.translation import gettext as _

from kogge.engine.clock import in_shared_time
from kogge.engine.models import Due
from kogge.engine.owner import is_dead
from kogge.engine.ranks import Rank
from kogge.values import aware

if TYPE_CHECKING:
    from kogge.engine.work import Operation

logger = logging.getLogger(__name__)

# A worker renews its leases four times as often: one that dies on another machine is missed within a minute.
LEASE = timedelta(seconds=40)

# Who holds a row that waits in the queue for a worker.
QUEUE = "queue"

# How much of one seller's is done at once. The last place is kept for what is most pressing, so that a
# slow seller holds up neither the others nor his own dispatches.
AT_ONCE = 3

LOOKED_AT = 50  # rows at a time, at least

PARK_AFTER_DEATHS = 3  # leases in a row that ran out unfinished
PARK_AFTER_BUGS = 8  # runs in a row that met an error nobody expected
# What is parked gets one more chance by itself: a machine that was started over and over again ends healthy
# work, too, and no order may wait for somebody to look at a page.
PARKED_FOR = timedelta(hours=1)


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
    bugs: int = 0  # runs in a row that ended with an error nobody expected, before this one
    deaths: int = 0  # leases in a row that ran out unfinished, before this one


class Subject(NamedTuple):
    """Whom an operation serves: ids of different kinds can be equal."""

    serves: str
    id: int


def schedule(operation: str, subject: int, *, at: datetime) -> None:
    """Have an operation run at `at`; one that is to run earlier anyway keeps its time.

    While the operation is being worked on it is repeated at once instead: the run that goes on may
    have looked before the caller's change, and the next one finds its time itself.
    """
    moment = in_shared_time(at)
    Due.objects.bulk_create([Due(operation=operation, subject=subject, due_at=moment)], ignore_conflicts=True)
    known = Due.objects.filter(operation=operation, subject=subject)
    known.filter(due_at__gt=moment).update(due_at=moment)
    known.filter(leased_until__isnull=False).update(wakes=F("wakes") + 1)


def make_due(operation: str, subjects: int | Collection[int], *, now: datetime) -> None:
    """Have an operation run at once, also when it runs already: then once more, right after.

    Belongs inside the transaction of the change that makes it due, and takes effect with its commit.
    """
    wanted = [subjects] if isinstance(subjects, int) else sorted(set(subjects))
    moment = in_shared_time(now)
    if _wake(operation, wanted, moment) < len(wanted):
        fresh = [Due(operation=operation, subject=subject, due_at=moment) for subject in wanted]
        Due.objects.bulk_create(fresh, ignore_conflicts=True)
        _wake(operation, wanted, moment)


def _wake(operation: str, subjects: Collection[int], moment: Combinable) -> int:
    return Due.objects.filter(operation=operation, subject__in=subjects).update(
        wakes=F("wakes") + 1, due_at=Least(F("due_at"), moment)
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


# --- leases -------------------------------------------------------------------------------------


def claim(
    owner: str,
    *,
    now: datetime,
    limit: int,
    among: Mapping[str, Operation] | None = None,
    up_to: Rank = Rank.BACK_FILL,
) -> list[Lease]:
    """Lease up to `limit` due operations that nobody works on: the most pressing, the longest waiting first.

    `among` names the operations, how pressing each is and whom it serves; no seller gets more than their
    share (`AT_ONCE`) then. Two that claim in the same moment may exceed it by what each takes. What is less
    pressing than `up_to` is left alone.
    """
    running = _Running.look(now, among or {})
    allowed = among and {name: each for name, each in among.items() if each.rank <= up_to}
    waiting = running.startable(now, allowed)
    # Looking costs no write lock; most polls find nothing. A few more than wanted: some may not start.
    most = max(limit * 2, LOOKED_AT)
    candidates = waiting[:most] if allowed is None else _most_pressing(waiting, allowed, most)
    wanted: list[int] = []
    for row in candidates:
        if len(wanted) < limit and running.admits(row):
            wanted.append(row.pk)
    if not wanted:
        return []
    leases = {lease.due_id: lease for lease in _lease(waiting.filter(pk__in=wanted), owner, now)}
    return [leases[pk] for pk in wanted if pk in leases]


def claim_one(operation: str, subject: int, owner: str, *, now: datetime) -> Lease | None:
    """Lease one operation now, due or not, parked or not; None while another worker has it."""
    Due.objects.bulk_create(
        [Due(operation=operation, subject=subject, due_at=aware(now))], ignore_conflicts=True
    )
    wanted = Due.objects.filter(operation=operation, subject=subject)
    free = _free(now, _dead_owners(now)) | Q(leased_by=QUEUE)
    return next(iter(_lease(wanted.filter(free), owner, now, even_poison=True)), None)


def take(due_id: int, fence: int, owner: str, *, now: datetime) -> Lease | None:
    """Take a row from the queue. None: it is not there with this fence, so the message is an old one or
    comes a second time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_due SET leased_by = %s, leased_until = %s, started_at = %s, fence = fence + 1"
            " WHERE id = %s AND fence = %s AND leased_by = %s"
            " RETURNING operation, subject, fence, wakes, attempts, bugs, deaths",
            [owner, now + LEASE, now, due_id, fence, QUEUE],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    operation, subject, *numbers = row
    return Lease(due_id, operation, subject, owner, *numbers)


def renew(lease: Lease, *, now: datetime) -> bool:
    """Hold the lease longer. False: it was lost, somebody else works on this now."""
    return bool(_held(lease).update(leased_until=now + LEASE))


def renew_all(leases: Iterable[Lease], *, now: datetime) -> None:
    """Hold all leases of one owner longer. One that was lost stays lost.

    A row that a transaction holds just now is left for the next time: to wait for one slow handler would
    hold up the others, and could block both for ever.
    """
    held = list(leases)
    with transaction.atomic():
        rows = Due.objects.filter(
            pk__in=[lease.due_id for lease in held], leased_by__in={lease.owner for lease in held}
        )
        free = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Due.objects.filter(pk__in=free).update(leased_until=now + LEASE)


def finish(
    lease: Lease,
    *,
    now: datetime,
    next_due: datetime,
    error: str = "",
    waiting: bool = False,
    bug: bool = False,
) -> bool:
    """Give the lease back and say when to run next. False: it was lost, and nothing was changed.

    `error` is a sentence for people; it counts as a failed attempt, as a `bug` if nobody expected it.
    `waiting` says that work is left.
    """
    bugs = lease.bugs + 1 if bug else 0
    done = _held(lease).update(
        due_at=Case(When(wakes=lease.wakes, then=Value(aware(next_due))), default=Value(now)),
        leased_until=None,
        leased_by="",
        finished_at=now,
        waiting=waiting or bool(error),
        attempts=lease.attempts + 1 if error else 0,
        last_error=error,
        deaths=0,
        bugs=bugs,
        parked_at=now if bugs >= PARK_AFTER_BUGS else None,
    )
    return bool(done)


def give_back(lease: Lease, *, now: datetime) -> bool:
    """Leave the rest to another worker, at once. False: the lease was lost."""
    returned = _held(lease).update(
        due_at=Least(F("due_at"), Value(now)), leased_until=None, leased_by="", deaths=0
    )
    return bool(returned)


def put_off(lease: Lease, *, until: datetime) -> bool:
    """Leave it to others, who know how it is done, as if it had not been begun. False: the lease was lost."""
    returned = _held(lease).update(due_at=until, leased_until=None, leased_by="")
    return bool(returned)


# --- dead letters -------------------------------------------------------------------------------


def parked() -> QuerySet[Due]:
    """What nobody starts any more until a human wants it tried again; the latest first."""
    return Due.objects.filter(parked_at__isnull=False).order_by("-parked_at", "-pk")


def retry(due_ids: Collection[int], *, now: datetime) -> int:
    """Have what is parked run again now, counted as if nothing had happened. How many were parked."""
    wanted = Due.objects.filter(pk__in=due_ids, parked_at__isnull=False)
    return wanted.update(parked_at=None, deaths=0, bugs=0, attempts=0, due_at=in_shared_time(now))


def give_another_chance(*, now: datetime) -> int:
    """Have what has been parked for an hour run once more; it is parked again if it fails the same way."""
    waiting = Due.objects.filter(parked_at__lte=now - PARKED_FOR)
    return waiting.update(
        parked_at=None,
        deaths=Least(F("deaths"), Value(PARK_AFTER_DEATHS - 1)),
        bugs=Least(F("bugs"), Value(PARK_AFTER_BUGS - 1)),
        due_at=now,
    )


# --- who may start ------------------------------------------------------------------------------


class _Running:
    """What is leased just now, and what may start beside it."""

    def __init__(self, among: Mapping[str, Operation], dead: Collection[str]) -> None:
        self.among = among
        self.dead = dead
        self.load: Counter[Subject] = Counter()
        self.last_chance = False  # something that ended its workers twice is tried once more

    @classmethod
    def look(cls, now: datetime, among: Mapping[str, Operation]) -> _Running:
        leased = list(Due.objects.filter(leased_until__gt=now).only(*_OF_A_LEASE))
        dead = {owner for owner in {row.leased_by for row in leased} if is_dead(owner)}
        running = cls(among, dead)
        for row in leased:
            if row.leased_by not in dead:
                running.count(row.operation, row.subject, row.deaths)
        return running

    def count(self, operation: str, subject: int, deaths: int) -> None:
        if operation in self.among:
            self.load[Subject(self.among[operation].serves, subject)] += 1
        self.last_chance |= deaths == PARK_AFTER_DEATHS - 1

    def startable(self, now: datetime, among: Mapping[str, Operation] | None) -> QuerySet[Due]:
        """What is due and nobody works on, except of sellers who have their share; in order."""
        rows = Due.objects.filter(_free(now, self.dead), due_at__lte=aware(now), parked_at__isnull=True)
        rows = rows.only(*_OF_A_LEASE)
        if self.last_chance:
            rows = rows.exclude(_LAST_CHANCE)
        if among is None:
            return rows.order_by("due_at", "pk")
        rows = rows.filter(operation__in=among)
        for subjects, operations in self._full():
            rows = rows.exclude(operation__in=operations, subject__in=subjects)
        return rows.order_by("due_at", "pk")

    def admits(self, row: Due) -> bool:
        """Whether one more may start, and then counts it in."""
        if row.operation in self.among:
            described = self.among[row.operation]
            if self.load[Subject(described.serves, row.subject)] >= _share(described.rank):
                return False
        if self.last_chance and _deaths(row) == PARK_AFTER_DEATHS - 1:
            return False
        self.count(row.operation, row.subject, _deaths(row))
        return True

    def _full(self) -> list[tuple[list[int], list[str]]]:
        """Subjects that have their share, each time with the operations of theirs that have to wait."""
        full = []
        for serves in {subject.serves for subject in self.load}:
            for share in (AT_ONCE - 1, AT_ONCE):
                subjects = [
                    one.id for one, load in self.load.items() if one.serves == serves and load >= share
                ]
                operations = [
                    name
                    for name, described in self.among.items()
                    if described.serves == serves and _share(described.rank) == share
                ]
                if subjects and operations:
                    full.append((subjects, operations))
        return full


# Moments cost much to read, and a tick reads hundreds of rows.
_OF_A_LEASE = (
    "operation", "subject", "leased_by", "leased_until", "fence", "wakes", "attempts", "bugs", "deaths",
)  # fmt: skip
_COUNT = PositiveSmallIntegerField()
# A lease that was not given back ended its worker, or was taken for dead; in the queue it ended nobody.
_UNFINISHED = Q(leased_until__isnull=False) & ~Q(leased_by=QUEUE)
_LAST_CHANCE = (Q(deaths=PARK_AFTER_DEATHS - 2) & _UNFINISHED) | (
    Q(deaths=PARK_AFTER_DEATHS - 1) & ~_UNFINISHED
)


def _deaths(row: Due) -> int:
    """Leases in a row that ran out unfinished, with the one that has to be taken over now."""
    return row.deaths + (row.leased_until is not None and row.leased_by != QUEUE)


def _share(rank: Rank) -> int:
    return AT_ONCE if rank == Rank.CANCEL_AND_DISPATCH else AT_ONCE - 1


def _most_pressing(waiting: QuerySet[Due], among: Mapping[str, Operation], most: int) -> list[Due]:
    """The first by rank and time. Sorting all by rank would cost the more the more is due; reading in order
    of time ends early, so each rank is read by itself when there is much."""
    some = list(waiting[: most + 1])
    if len(some) <= most:
        return sorted(some, key=lambda row: among[row.operation].rank)
    found: list[Due] = []
    for rank in Rank:
        names = [name for name, described in among.items() if described.rank == rank]
        if names and len(found) < most:
            found += waiting.filter(operation__in=names)[: most - len(found)]
    return found


def _held(lease: Lease) -> QuerySet[Due]:
    return Due.objects.filter(pk=lease.due_id, fence=lease.fence, leased_by=lease.owner)


def _free(now: datetime, dead: Collection[str]) -> Q:
    """Not leased, lease run out, or leased to a process of this machine that is dead."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    return free | Q(leased_by__in=dead) if dead else free


def _dead_owners(now: datetime) -> list[str]:
    owners = Due.objects.filter(leased_until__gt=now).values_list("leased_by", flat=True).distinct()
    return [owner for owner in owners if is_dead(owner)]


def _lease(free: QuerySet[Due], owner: str, now: datetime, *, even_poison: bool = False) -> list[Lease]:
    """Lease rows, except those that ended too many workers: they are parked, unless somebody insists."""
    with transaction.atomic():
        # PostgreSQL locks the rows and skips those another worker is just taking; SQLite lets one
        # writer in at a time, and its transactions begin as writers.
        rows = list(free.select_for_update(skip_locked=True))
        poison = [] if even_poison else [row for row in rows if _deaths(row) >= PARK_AFTER_DEATHS]
        if poison:
            _park(poison, now)
        sound = [row for row in rows if row not in poison]
        Due.objects.filter(pk__in=[row.pk for row in sound]).update(
            deaths=F("deaths") + Case(When(_UNFINISHED, then=1), default=0, output_field=_COUNT),
            leased_until=now + LEASE,
            leased_by=owner,
            fence=F("fence") + 1,
            started_at=now,
            was_due_at=Least(F("due_at"), Value(now)),
            parked_at=None,
        )
    return [_leased(row, owner) for row in sound]


def _leased(row: Due, owner: str) -> Lease:
    return Lease(
        row.pk,
        row.operation,
        row.subject,
        owner,
        row.fence + 1,
        row.wakes,
        row.attempts,
        row.bugs,
        _deaths(row),
    )


def _park(rows: list[Due], now: datetime) -> None:
    for row in rows:
        logger.error(
            "%s %d ended its worker %d times and is parked", row.operation, row.subject, PARK_AFTER_DEATHS
        )
    Due.objects.filter(pk__in=[row.pk for row in rows]).update(
        deaths=PARK_AFTER_DEATHS,
        parked_at=now,
        leased_until=None,
        leased_by="",
        fence=F("fence") + 1,
        waiting=True,
        last_error=_("Dreimal begonnen, und jedes Mal endete der Prozess, der daran war."),
    )
