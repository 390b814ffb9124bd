"""The journal writes down what connections tell: they know nothing of the journal (imports go one way)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from kogge.amazon.connections import news
from kogge.amazon.journal.book import Entry, Matter, close_troubles, open_troubles, record


def start_listening() -> None:
    """Called once, when Django is ready."""
    news.happened.connect(_write_down, dispatch_uid="journal.happened")
    news.trouble_met.connect(_open, dispatch_uid="journal.trouble_met")
    news.trouble_settled.connect(_close, dispatch_uid="journal.trouble_settled")


def _write_down(
    *, connection_id: int, kind: str, at: datetime, details: Mapping[str, object], **_: object
) -> None:
    record([Entry(connection_id, kind, at, details=details)])


def _open(
    *,
    connection_id: int,
    kind: str,
    key: str,
    now: datetime,
    details: Mapping[str, object],
    **_: object,
) -> None:
    open_troubles(connection_id, [Matter(kind, key, details=details)], now=now)


def _close(*, connection_id: int, keys: Collection[str], now: datetime, **_: object) -> None:
    close_troubles(connection_id, keys, now=now)
