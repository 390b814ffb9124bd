"""Writing the book: what happened, and what a human must look at.

Nothing here raises for a matter that is known already, and nothing asks the database once per order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from kogge import bulk
from kogge.amazon.journal.models import JournalEntry, Trouble


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened. `kind` names its sentence; `details` fills it and holds no personal data."""

    connection_id: int
    kind: str
    at: datetime
    amazon_order_id: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matter:
    """Something a human must look at. The same `key` is the same matter, however often it is met."""

    kind: str
    key: str
    amazon_order_id: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def record(entries: Collection[Entry]) -> None:
    """Write down what happened, all in one statement."""
    bulk.insert(
        JournalEntry(
            connection_id=entry.connection_id,
            amazon_order_id=entry.amazon_order_id,
            at=entry.at,
            kind=entry.kind,
            details=dict(entry.details),
        )
        for entry in entries
    )


def open_trouble(
    connection_id: int, kind: str, key: str, *, now: datetime, amazon_order_id: str = "", **details: object
) -> None:
    """Ask a human to look at a matter. An open one is met again: its time and details are refreshed.

    `details` must be JSON (dates as ISO text) and hold no personal data.
    """
    open_troubles(connection_id, [Matter(kind, key, amazon_order_id, details)], now=now)


def open_troubles(connection_id: int, matters: Collection[Matter], *, now: datetime) -> None:
    """`open_trouble` for many matters of a connection, in a constant number of statements."""
    latest = {matter.key: matter for matter in matters}
    met = _meet_again(connection_id, latest, now=now)
    unmet = [matter for key, matter in latest.items() if key not in met]
    # Another worker may open the same matter meanwhile. "ON CONFLICT DO NOTHING" names no index,
    # and so honours the partial one, too; the row that won is as fresh as ours.
    Trouble.objects.everyone().bulk_create(
        [
            Trouble(
                connection_id=connection_id,
                kind=matter.kind,
                key=matter.key,
                amazon_order_id=matter.amazon_order_id,
                details=dict(matter.details),
                opened_at=now,
                last_met_at=now,
            )
            for matter in unmet
        ],
        ignore_conflicts=True,
    )


def close_troubles(connection_id: int, keys: Collection[str], *, now: datetime, by: str = "") -> int:
    """Close the open troubles with these keys; unknown and closed ones are left. How many were closed.

    `by` is the e-mail address of the person; empty when the matter settled itself.
    """
    if not keys:
        return 0
    return _open(connection_id).filter(key__in=set(keys)).update(closed_at=now, closed_by=by)


def _meet_again(connection_id: int, matters: Mapping[str, Matter], *, now: datetime) -> set[str]:
    """Refresh the open troubles of these keys; the keys that had one."""
    if not matters:
        return set()
    known = list(_open(connection_id).filter(key__in=set(matters)))
    for trouble in known:
        matter = matters[trouble.key]
        trouble.kind, trouble.details, trouble.last_met_at = matter.kind, dict(matter.details), now
    Trouble.objects.everyone().bulk_update(known, ["kind", "details", "last_met_at"], batch_size=200)
    return {trouble.key for trouble in known}


def _open(connection_id: int) -> QuerySet[Trouble]:
    return Trouble.objects.everyone().filter(connection_id=connection_id, closed_at__isnull=True)
