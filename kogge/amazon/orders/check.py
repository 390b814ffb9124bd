"""The check for orders: every ten minutes, at "Jetzt prüfen", and by the command line.

It asks for everything that changed since the watermark. The watermark is the upper bound that Amazon
echoed on the first page; it moves in the transaction that stores the last one (promise 1).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.connections.accounts import amazon_client, next_turn, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import runs
from kogge.amazon.orders.deadlines import late_parcels, watch_deadlines
from kogge.amazon.orders.intake import MERCHANT
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.placing import (
    ALL_DATA_SETS,
    place_waiting,
    place_without_total,
    waiting_for_prices,
    waiting_orders,
)
from kogge.amazon.orders.searching import Search, covers, marketplaces, moment, open_cursor
from kogge.amazon.orders.taking_in import START_TOLERANCE, Figures
from kogge.engine.work import Outcome, Work
from kogge.shops.port import Shop, ShopUnavailable
from kogge.spapi.orders_2026_01_01 import OrderQuery

INTERVAL = timedelta(minutes=10)
SHOP_AGAIN = timedelta(minutes=1)
OVERLAP = timedelta(minutes=5)

# The first check looks this far back; what lies before is fetched slice by slice beside it (backfill).
FIRST_REACH = timedelta(days=31)
# Our clock may be wrong by minutes; a time in Amazon's future must never be asked for.
SURELY_PAST = timedelta(hours=1)


@amazon_operation
def check_orders(connection: Connection, work: Work) -> Outcome:
    """Take in all orders that are new or changed at Amazon since the last check.

    Raises `AmazonError`; what was stored until then stays, and the next check goes on from there.
    """
    return _check(connection, work, apart=False)


@amazon_operation
def check_orders_now(connection: Connection, work: Work) -> Outcome:
    """The same for somebody who waits for its outcome: it has a run of its own, whatever it finds."""
    return _check(connection, work, apart=True)


def first_since(connection: Connection, now: datetime) -> datetime:
    """Where the first check begins: at the start date, but within reach and surely in Amazon's past."""
    since = max(connection.start_from - START_TOLERANCE, connection.connected_at - FIRST_REACH)
    return min(since, now - SURELY_PAST)


def _check(connection: Connection, work: Work, *, apart: bool) -> Outcome:
    shop = shop_of(connection)
    figures = Figures()
    cursor, some_wait, some_are_late = _standing(connection, work.now)
    try:
        with runs.recorded(connection, Run.Kind.CHECK, work, apart=apart) as run:
            if some_wait:
                with suppress(ShopUnavailable):  # asked again at the end; Amazon can be asked meanwhile
                    _place_waiting(connection, shop, run, figures, work)
            with amazon_client(connection, work.clock, work.rank) as client:
                search = Search(
                    connection=connection,
                    shop=shop,
                    client=client,
                    work=work,
                    run=run,
                    cursor=cursor,
                    begin=lambda data_sets: _query(connection, search, data_sets),
                    finished=_watermark,
                )
                _walk(search, figures)
            if some_wait or run.seen:
                _place_waiting(connection, shop, run, figures, work)
                _place_without_total(search, figures)
    except ShopUnavailable:
        return Outcome(
            work.now + SHOP_AGAIN, done=figures.updated, error=_("Der Shop antwortet gerade nicht.")
        )
    except runs.QueryRefused as refusal:
        return runs.refused(work, refusal, figures)
    if some_are_late:
        watch_deadlines(connection, now=work.now)
    following = next_turn(connection.pk, work.operation, INTERVAL, work.now)
    return Outcome(following, done=figures.new + figures.updated, failed=figures.failed)


def _standing(connection: Connection, now: datetime) -> tuple[OrderCursor, bool, bool]:
    """The check's cursor; whether orders wait to be placed; whether parcels are late. Mostly neither: a check
    that finds nothing at Amazon either has nothing more to ask."""
    known = OrderCursor.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK)
    cursor = known.annotate(
        some_wait=Exists(waiting_orders(connection)), some_are_late=Exists(late_parcels(connection, now))
    ).first()
    if cursor is None:
        return open_cursor(connection, Run.Kind.CHECK), True, True
    return cursor, cursor.some_wait, cursor.some_are_late


def _walk(search: Search, figures: Figures) -> None:
    """An interrupted query first, then everything up to now."""
    was_under_way = search.is_under_way()
    for page in search.walk():
        figures.add(page)
    if was_under_way:
        for page in search.walk():
            figures.add(page)


def _place_waiting(connection: Connection, shop: Shop, run: Run, figures: Figures, work: Work) -> None:
    """Orders of an earlier run that broke off, and of a shop that does not share our transaction."""
    runs.show(run)
    placed = place_waiting(connection, shop, now=work.now)
    runs.count(run, placed)
    figures.add(placed)


def _place_without_total(search: Search, figures: Figures) -> None:
    """Orders that Amazon named no prices for: the pressing ones now; the run tells how many wait on."""
    connection, run = search.connection, search.run
    placed = place_without_total(connection, search.shop, now=search.work.now)
    runs.count(run, placed)
    figures.add(placed)
    waiting = waiting_for_prices(connection).count()
    if not waiting:
        return
    run.reason = ngettext(
        "%(count)s Bestellung wartet auf ihre Preise.",
        "%(count)s Bestellungen warten auf ihre Preise.",
        waiting,
    ) % {"count": waiting}
    search.tell_missing()


def _query(connection: Connection, search: Search, data_sets: tuple[str, ...]) -> OrderQuery:
    asked = marketplaces(connection)
    return OrderQuery(
        last_updated_after=_since(connection, search, data_sets, asked),
        marketplace_ids=asked,
        fulfilled_by=(MERCHANT,),
        included_data=data_sets,
    )


def _since(
    connection: Connection, search: Search, data_sets: tuple[str, ...], asked: tuple[str, ...]
) -> datetime | str:
    cursor = search.cursor
    if cursor.incomplete_since and data_sets == ALL_DATA_SETS:
        return cursor.incomplete_since
    if not cursor.watermark or not covers(cursor, asked):
        return first_since(connection, search.work.now)
    return moment(cursor.watermark) - OVERLAP


def _watermark(bound: str) -> dict[str, Any]:
    return {"watermark": bound}
