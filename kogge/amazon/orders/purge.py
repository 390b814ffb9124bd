"""Forgetting people in time: at most 30 days after delivery, by Amazon's data protection policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Entry, record
from kogge.amazon.orders import intake
from kogge.amazon.orders.models import AmazonOrder
from kogge.engine.work import Outcome, Work

INTERVAL = timedelta(days=1)
BATCH = 500

Intake = AmazonOrder.Intake


@dataclass(frozen=True, slots=True)
class Report:
    """How many orders hold no personal data any more, and how many should not but still do."""

    purged: int
    overdue: int


def purge_people(work: Work) -> Outcome:
    """Forget the people of all orders whose time is over, also of a connection that is paused or cut."""
    connection = Connection.objects.everyone().filter(pk=work.subject).first()
    if connection is None:
        return Outcome(work.now + INTERVAL)
    done = 0
    while rows := list(_due(connection, work.now).order_by("purge_at")[:BATCH]):
        work.keep()
        _forget(connection, rows, work.now)
        done += len(rows)
    return Outcome(work.now + INTERVAL, done=done)


def purge_report(connection: Connection, *, now: datetime) -> Report:
    """The figures for the settings page."""
    orders = AmazonOrder.objects.everyone().filter(connection=connection)
    return Report(orders.filter(purged_at__isnull=False).count(), _due(connection, now).count())


def _due(connection: Connection, now: datetime) -> QuerySet[AmazonOrder]:
    return AmazonOrder.objects.everyone().filter(
        connection=connection, purge_at__lte=now, purged_at__isnull=True
    )


def _forget(connection: Connection, rows: list[AmazonOrder], now: datetime) -> None:
    placed = [row.order_id for row in rows if row.intake == Intake.PLACED]
    with transaction.atomic():
        if placed:
            shop_of(connection).forget_people(intake.CHANNEL, placed, now=now)
        AmazonOrder.objects.everyone().filter(pk__in=[row.pk for row in rows]).update(
            purged_at=now, sealed_raw=None
        )
        record([Entry(connection.pk, "purged", now, order_id) for order_id in placed])
