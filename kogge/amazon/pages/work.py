"""Einstellungen › Hintergrundarbeit: what Kogge does by itself, when it does it next, and what of Amazon's
limits is left for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.connections import limits
from kogge.amazon.connections.accounts import GOES_ON
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.words import OPERATION, error_in_words, word
from kogge.amazon.pages import own
from kogge.amazon.pages.work_words import OF_CONNECTION, OF_MERCHANT, USES, Job
from kogge.backoffice.pages import states
from kogge.backoffice.pages.states import State
from kogge.engine import due
from kogge.engine.buckets import Level
from kogge.engine.models import Due
from kogge.engine.work import Rank
from kogge.merchants.access import MerchantRequest, may, reader, staff
from kogge.merchants.models import Merchant, Role


@dataclass(frozen=True, slots=True)
class Row:
    """One operation as the page shows it. `act` is what the button says; empty without a button."""

    pk: int
    job: Job
    account: str
    state: State
    error: str
    last: datetime | None
    act: str
    is_parked: bool
    is_busy: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """One of Amazon's limits: what is left, in words and as a bar, and how it was used so far."""

    title: str
    words: str
    share: int  # per cent
    tone: str
    calls: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Account:
    """The limits of one connection."""

    name: str
    limits: Sequence[Limit]


@require_GET
@reader
def work(request: MerchantRequest) -> HttpResponse:
    """All that runs by itself for the merchant."""
    return render(request, "amazon/work.html", _context(request, timezone.now()))


@require_GET
@reader
def state(request: MerchantRequest) -> HttpResponse:
    """The part of the page that changes by itself."""
    return render(request, "amazon/_work.html", _context(request, timezone.now()))


@require_POST
@staff
def run(request: MerchantRequest, pk: int) -> HttpResponse:
    """Have one operation run now; a dead letter is taken up again."""
    now = timezone.now()
    row = get_object_or_404(_rows(request.merchant), pk=pk)
    if _rests(row, _connections(request.merchant)):
        messages.error(request, _("Die Verbindung ist angehalten, Amazon wird gerade nicht gefragt."))
        return redirect("amazon_work")
    if row.parked_at is not None:
        due.retry([row.pk], now=now)
    else:
        due.make_due(row.operation, row.subject, now=now)
    if request.htmx:
        return render(request, "amazon/_work.html", _context(request, now))
    messages.success(request, _("„%s“ ist gleich an der Reihe.") % _job(row).title)
    return redirect("amazon_work")


def budget_in_words(level: Level) -> str:
    """ "Noch 17 von 20, eine weitere in 3 Minuten"."""
    left = _("Noch %(left)s von %(burst)s") % {"left": level.left, "burst": level.burst}
    wait = level.next_token
    if wait is None:
        return left
    if level.paused > wait:
        return _("%(left)s; Amazon bittet um eine Pause von %(time)s") % {
            "left": left,
            "time": _span(level.paused),
        }
    return _("%(left)s, eine weitere in %(time)s") % {"left": left, "time": _span(wait)}


def _context(request: MerchantRequest, now: datetime) -> dict[str, object]:
    connections = _connections(request.merchant)
    budgets = limits.budgets(connections, now)
    order = [*OF_CONNECTION, *OF_MERCHANT]
    found = sorted(_rows(request.merchant), key=lambda row: (order.index(row.operation), row.subject))
    rows = [_row(row, connections, budgets, now) for row in found]
    return {
        "parked": [row for row in rows if row.is_parked],
        "rows": [row for row in rows if not row.is_parked],
        "accounts": [
            Account(_name(connection), [_limit(level) for level in budgets[pk]])
            for pk, connection in connections.items()
        ],
        "is_busy": any(row.is_busy for row in rows),
        "may_act": may(request.role, Role.STAFF),
        "now": now,
    }


def _connections(merchant: Merchant) -> Mapping[int, Connection]:
    return {connection.pk: connection for connection in own.connections(merchant)}


def _rows(merchant: Merchant) -> QuerySet[Due]:
    """The merchant's own rows: ids of merchants and of connections can be equal, so each by its kind."""
    connections = Connection.objects.of(merchant).values("pk")
    return Due.objects.filter(
        Q(operation__in=OF_CONNECTION, subject__in=connections)
        | Q(operation__in=OF_MERCHANT, subject=merchant.pk)
    )


def _row(
    row: Due, connections: Mapping[int, Connection], budgets: Mapping[int, Sequence[Level]], now: datetime
) -> Row:
    is_connections = row.operation in OF_CONNECTION
    rests = _rests(row, connections)
    running = row.leased_until is not None and row.leased_until > now
    state = _parked(row) if row.parked_at else _paused() if rests else None
    state = state or _state(row, budgets.get(row.subject, ()) if is_connections else (), now, running=running)
    return Row(
        pk=row.pk,
        job=_job(row),
        account=_name(connections[row.subject]) if is_connections and len(connections) > 1 else "",
        state=state,
        error="" if running else error_in_words(row.last_error),
        last=row.finished_at,
        act="" if running or rests or (row.due_at <= now and not row.parked_at) else _act(row),
        is_parked=row.parked_at is not None,
        is_busy=not row.parked_at and not rests and (running or row.due_at <= now),
    )


def _job(row: Due) -> Job:
    return OF_CONNECTION[row.operation] if row.operation in OF_CONNECTION else OF_MERCHANT[row.operation]


def _act(row: Due) -> str:
    return _("Noch einmal versuchen") if row.parked_at or row.attempts else _("Jetzt ausführen")


def _rests(row: Due, connections: Mapping[int, Connection]) -> bool:
    """Whether the operation causes no traffic, because its connection is paused."""
    if row.operation not in OF_CONNECTION or row.operation in GOES_ON:
        return False
    return connections[row.subject].state != Connection.State.ACTIVE


def _paused() -> State:
    return State("gray", "player-pause", _("ruht, die Verbindung ist angehalten"))


def _parked(row: Due) -> State:
    """Its runs ended the worker, or met an error that nobody expected, once too often in a row."""
    if row.bugs >= due.PARK_AFTER_BUGS:
        text = ngettext("angehalten nach %(n)s Fehlschlag", "angehalten nach %(n)s Fehlschlägen", row.bugs)
        return State("red", "alert-triangle", text % {"n": row.bugs})
    text = ngettext("angehalten nach %(n)s Abbruch", "angehalten nach %(n)s Abbrüchen", row.deaths)
    return State("red", "alert-triangle", text % {"n": row.deaths})


def _state(row: Due, budget: Sequence[Level], now: datetime, *, running: bool) -> State:
    if running and row.leased_by != due.QUEUE:
        since = now - (row.started_at or now)
        time = _span(since.total_seconds()) if since < timedelta(minutes=1) else states.duration(since)
        return State("blue", "progress", _("läuft seit %(time)s") % {"time": time})
    if running or row.due_at <= now:
        return State("blue", "hourglass", _("beginnt gleich"))
    at = {"at": _moment(row.due_at, now)}
    if row.attempts:
        return State("red", "alert-triangle", _("fehlgeschlagen, nächster Versuch %(at)s") % at)
    if row.waiting and _is_used_up(row.operation, budget):
        return State("amber", "clock", _("wartet auf Amazons Limit, weiter %(at)s") % at)
    if row.waiting:
        return State("amber", "clock", _("wartet, weiter %(at)s") % at)
    return State("gray", "clock", _("nächster Lauf %(at)s") % at)


def _is_used_up(operation: str, budget: Sequence[Level]) -> bool:
    """Whether one of Amazon's limits that the operation needs has nothing left for it."""
    calls, rank = USES.get(operation, ((), Rank.CANCEL_AND_DISPATCH))
    return any(
        level.paused or level.left <= limits.reserve_of(level.operation, rank)
        for level in budget
        if level.operation in calls
    )


def _limit(level: Level) -> Limit:
    share = round(100 * level.tokens / level.burst) if level.burst else 0
    tone = "green" if share >= 50 else "amber" if level.left >= 1 else "red"
    title = word(OPERATION, level.operation)
    return Limit(title, budget_in_words(level), share, tone, level.calls, level.throttled)


def _name(connection: Connection) -> str:
    return connection.store_name or connection.seller_id


def _moment(at: datetime, now: datetime) -> str:
    """ "um 12:30 Uhr" today, "am 24.11.2026, 12:30 Uhr" on another day."""
    local = timezone.localtime(at)
    if local.date() == timezone.localdate(now):
        return _("um %(time)s Uhr") % {"time": formats.date_format(local, "TIME_FORMAT")}
    return _("am %(moment)s") % {"moment": formats.date_format(local, "DATETIME_FORMAT")}


def _span(seconds: float) -> str:
    """A wait as it stands after "in", rounded up: 8 Sekunden, 3 Minuten."""
    whole = max(math.ceil(seconds), 1)
    if whole < 60:
        return ngettext("%(n)s Sekunde", "%(n)s Sekunden", whole) % {"n": whole}
    return states.duration(timedelta(minutes=math.ceil(seconds / 60)))
