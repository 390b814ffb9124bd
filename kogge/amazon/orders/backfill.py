"""Earlier orders: from the start date the merchant chose up to where the first check began.

In slices by creation date, the newest first, beside the regular checks and never at their expense.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kogge.amazon.connections.accounts import amazon_client, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import runs
from kogge.amazon.orders.check import FIRST_REACH
from kogge.amazon.orders.intake import MERCHANT
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.searching import Search, covers, marketplaces, open_cursor
from kogge.amazon.orders.taking_in import START_TOLERANCE, Figures
from kogge.engine.work import Outcome, Work
from kogge.spapi.orders_2026_01_01 import OrderQuery

SLICE = timedelta(days=30)
OVERLAP = timedelta(hours=1)
NOTHING_LEFT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far earlier orders have been fetched: `reached` moves back in time towards `start_from`."""

    start_from: datetime
    reached: datetime
    until: datetime

    @property
    def share(self) -> float:
        """From 0.0 to 1.0."""
        whole = (self.until - self.start_from).total_seconds()
        return min(1.0, (self.until - self.reached).total_seconds() / whole) if whole > 0 else 1.0


@amazon_operation
def backfill_orders(connection: Connection, work: Work) -> Outcome:
    """Fetch the next slices of earlier orders, as long as Amazon's quota allows. Raises `AmazonError`."""
    cursor = open_cursor(connection, Run.Kind.BACKFILL)
    if not _open_slice(connection, cursor):
        return Outcome(work.now + NOTHING_LEFT)
    if connection.data_sets_until is not None and work.now < connection.data_sets_until:
        return Outcome(
            connection.data_sets_until, waiting=True
        )  # incomplete orders would have to be fetched again
    figures = Figures()
    try:
        with (
            runs.recorded(connection, Run.Kind.BACKFILL, work) as run,
            amazon_client(connection, work.clock, work.rank) as client,
        ):
            search = Search(
                connection=connection,
                shop=shop_of(connection),
                client=client,
                work=work,
                run=run,
                cursor=cursor,
                begin=lambda data_sets: _query(connection, cursor, data_sets),
                finished=lambda _bound: {"slice_until": cursor.slice_from},
                may_degrade=False,
            )
            _walk_slices(connection, search, figures)
    except runs.QueryRefused as refusal:
        return runs.refused(work, refusal, figures)
    return Outcome(work.now + NOTHING_LEFT, done=figures.new + figures.updated, failed=figures.failed)


def progress_of(connection: Connection) -> Progress | None:
    """How far earlier orders have been fetched; None when there are none to fetch."""
    if not _is_wanted(connection):
        return None
    cursor = OrderCursor.objects.everyone().filter(connection=connection, kind=Run.Kind.BACKFILL).first()
    until = cursor.until if cursor and cursor.until else _until(connection)
    reached = cursor.slice_until if cursor and cursor.slice_until else until
    return Progress(_start(connection), max(reached, _start(connection)), until)


def is_finished(connection: Connection) -> bool:
    """Whether nothing of the time before the first check is missing any more."""
    progress = progress_of(connection)
    return progress is None or progress.reached <= progress.start_from


def _walk_slices(connection: Connection, search: Search, figures: Figures) -> None:
    more = True
    while more:
        for page in search.walk():
            figures.add(page)
        more = _open_slice(connection, search.cursor)


def _open_slice(connection: Connection, cursor: OrderCursor) -> bool:
    """Make sure that the cursor stands on a slice that is not fetched yet. False: nothing is left."""
    if not _is_wanted(connection):
        return False
    if cursor.query:
        return True
    if cursor.covers and not covers(cursor, marketplaces(connection)):
        cursor.until = cursor.slice_until = None  # a marketplace was added: its history is missing
        cursor.covers = ""
    if cursor.until is None or cursor.slice_until is None:
        cursor.until = cursor.slice_until = _until(connection)
    if cursor.slice_until <= _start(connection):
        return False
    cursor.slice_from = max(cursor.slice_until - SLICE, _start(connection))
    cursor.save(update_fields=["until", "slice_from", "slice_until", "covers"])
    return True


def _query(connection: Connection, cursor: OrderCursor, data_sets: tuple[str, ...]) -> OrderQuery:
    assert cursor.slice_from is not None
    assert cursor.slice_until is not None
    return OrderQuery(
        created_after=cursor.slice_from,
        created_before=cursor.slice_until,
        marketplace_ids=marketplaces(connection),
        fulfilled_by=(MERCHANT,),
        included_data=data_sets,
    )


def _is_wanted(connection: Connection) -> bool:
    return _start(connection) < connection.connected_at - FIRST_REACH


def _start(connection: Connection) -> datetime:
    return connection.start_from - START_TOLERANCE


def _until(connection: Connection) -> datetime:
    return connection.connected_at - FIRST_REACH + OVERLAP
