"""A connection that begins, goes on or stops changes what Amazon is to send (see `connections.news`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kogge.amazon.connections import news
from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.models import OrderHint, Subscription
from kogge.engine import due

BEGINS = {"connected", "resumed"}


def start_listening() -> None:
    """Called once, when Django is ready."""
    news.happened.connect(_happened, dispatch_uid="notifications.happened")
    news.ending.connect(_ending, dispatch_uid="notifications.ending")


def _happened(
    *, connection_id: int, kind: str, at: datetime, details: Mapping[str, object], **_: object
) -> None:
    """In the transaction of what happened: the worker does the rest."""
    if kind in BEGINS:
        subscribing.begin(connection_id, at)
    elif kind == "paused" and details.get("reason") == DISCONNECTED:
        for rows in (Subscription.objects.everyone(), OrderHint.objects.everyone()):
            rows.filter(connection_id=connection_id).delete()
        due.unschedule(None, connection_id, among={subscribing.OPERATION, subscribing.FETCH})
    elif kind == "paused":
        due.unschedule(subscribing.FETCH, connection_id)
        if Subscription.objects.everyone().filter(connection_id=connection_id).exists():
            due.make_due(subscribing.OPERATION, connection_id, now=at)


def _ending(*, connection: Connection, now: datetime, **_: object) -> None:
    """The last moment at which there are credentials to end the subscriptions with."""
    if Subscription.objects.everyone().filter(connection=connection).exists():
        subscribing.end(connection, lambda: now)
