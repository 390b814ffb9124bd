"""A connection that begins, goes on or stops changes what of the merchant's own orders Amazon can ship."""

from __future__ import annotations

from datetime import datetime

from kogge.amazon.connections import news
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import planning

# What happened to a connection, of which the planning must know.
CHANGES = {"connected", "resumed", "paused"}


def start_listening() -> None:
    """Called once, when Django is ready."""
    news.happened.connect(_wake, dispatch_uid="fba.happened")


def _wake(*, connection_id: int, kind: str, at: datetime, **_: object) -> None:
    if kind not in CHANGES:
        return
    merchants = Connection.objects.everyone().filter(pk=connection_id).values_list("merchant_id", flat=True)
    for merchant_id in merchants:
        planning.wake(merchant_id, now=at)
