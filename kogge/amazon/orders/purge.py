"""Forgetting people in time: at most 30 days after delivery, by Amazon's data protection policy.

And at once, all of them, when the merchant lets go of the app.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Entry, record
from kogge.amazon.orders import intake, runs
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.orders.taking_in import reservation_key
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant

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
    runs.forget_old(connection, work.now)
    return Outcome(work.now + INTERVAL, done=done)


def forget_everybody(merchant: Merchant, *, now: datetime) -> None:
    """Have the people of all orders forgotten at once, and give back what pending orders hold of the stock.

    Inside the transaction that lets go of the app; the worker does it, for there may be many.
    """
    connections = list(Connection.objects.of(merchant).order_by("pk"))
    for connection in connections:
        _drop_pending(connection, now)
    known = [connection.pk for connection in connections]
    orders = AmazonOrder.objects.of(merchant).filter(purged_at__isnull=True)
    orders.exclude(purge_at__lte=now).update(purge_at=now)
    make_due("purge_people", known, now=now)


def purge_report(connection: Connection, *, now: datetime) -> Report:
    """The figures for the settings page."""
    orders = AmazonOrder.objects.everyone().filter(connection=connection)
    return Report(orders.filter(purged_at__isnull=False).count(), _due(connection, now).count())


def _due(connection: Connection, now: datetime) -> QuerySet[AmazonOrder]:
    return AmazonOrder.objects.everyone().filter(
        connection=connection, purge_at__lte=now, purged_at__isnull=True
    )


def _drop_pending(connection: Connection, now: datetime) -> None:
    """Orders whose payment Amazon still checks are not the shop's yet: told again, they are new."""
    pending = AmazonOrder.objects.everyone().filter(connection=connection, intake=Intake.RESERVED)
    items = AmazonOrderItem.objects.everyone().filter(order__in=pending)
    keys = [reservation_key(*ids) for ids in items.values_list("order__order_id", "item_id")]
    if keys:
        shop_of(connection).release(keys, now=now)
    pending.delete()


def _forget(connection: Connection, rows: list[AmazonOrder], now: datetime) -> None:
    placed = [row.order_id for row in rows if row.intake == Intake.PLACED]
    with transaction.atomic():
        if placed:
            shop_of(connection).forget_people(intake.CHANNEL, placed, now=now)
        AmazonOrder.objects.everyone().filter(pk__in=[row.pk for row in rows]).update(
            purged_at=now, sealed_raw=None
        )
        record([Entry(connection.pk, "purged", now, order_id) for order_id in placed])
