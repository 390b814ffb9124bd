"""What runs out: the seller's consent after 365 days, the client secret after 180. Announced in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from django.db import transaction
from django.utils import timezone

from kogge.amazon.connections import news
from kogge.amazon.connections.accounts import share_of
from kogge.amazon.connections.models import Connection
from kogge.engine.work import Outcome, Work

STEPS = (60, 30, 7)  # days ahead

_SECRET = "secret_expires"  # noqa: S105 (the name of a trouble)
_CONSENT = "consent_expires"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that runs out within 60 days. `days` is negative once it is over; `step` is 60, 30 or 7."""

    kind: Literal["secret_expires", "consent_expires"]
    expires_on: date
    days: int
    step: int


def notices(connection: Connection, today: date) -> list[Notice]:
    """What has to be announced today, the most urgent first."""
    dates: list[tuple[Literal["secret_expires", "consent_expires"], date | None]] = [
        ("secret_expires", connection.secret_expires_on),
        ("consent_expires", connection.consent_expires_on),
    ]
    found = [_notice(kind, expires_on, today) for kind, expires_on in dates if expires_on is not None]
    return sorted((notice for notice in found if notice), key=lambda notice: notice.expires_on)


def watch_expiry(work: Work) -> Outcome:
    """Once a day: open a trouble for what runs out soon, close it for what was renewed.

    Needs no traffic, so it also watches connections that are paused.
    """
    connection = Connection.objects.everyone().filter(pk=work.subject).first()
    if connection is None or not connection.sealed_credentials:
        return Outcome(work.now + timedelta(days=1))
    due = notices(connection, timezone.localdate(work.now))
    with transaction.atomic():
        settled = [kind for kind in (_SECRET, _CONSENT) if kind not in {notice.kind for notice in due}]
        news.trouble_settled.send(None, connection_id=connection.pk, keys=settled, now=work.now)
        for notice in due:
            news.trouble_met.send(
                None,
                connection_id=connection.pk,
                kind=notice.kind,
                key=notice.kind,
                now=work.now,
                details={
                    "expires_on": notice.expires_on.isoformat(),
                    "days": notice.days,
                    "step": notice.step,
                },
            )
    return Outcome(_tomorrow(connection.pk, work.now))


def _notice(
    kind: Literal["secret_expires", "consent_expires"], expires_on: date, today: date
) -> Notice | None:
    days = (expires_on - today).days
    reached = [step for step in STEPS if days <= step]
    return Notice(kind, expires_on, days, min(reached)) if reached else None


def _tomorrow(connection_id: int, now: datetime) -> datetime:
    """The connection's own hour of the next night."""
    day = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return day + share_of(connection_id, "watch_expiry", timedelta(hours=5))
