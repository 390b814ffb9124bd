"""The nightly comparison: every order that Amazon says was created in the last days must be here.

It proves that the checks lose nothing (promise 1). What is missing all the same is taken in at once,
and a human is told how many there were.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from kogge.amazon.connections.accounts import amazon_client, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import runs
from kogge.amazon.orders.check import OVERLAP
from kogge.amazon.orders.intake import MERCHANT
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.searching import Search, marketplaces, moment, open_cursor
from kogge.amazon.orders.taking_in import START_TOLERANCE, Figures
from kogge.engine.work import Outcome, Work
from kogge.spapi.orders_2026_01_01 import OrderQuery

INTERVAL = timedelta(days=1)
REACH = timedelta(days=3)
SOON = timedelta(hours=1)


@amazon_operation
def compare_orders(connection: Connection, work: Work) -> Outcome:
    """Compare the orders created in the last days with those stored; its run's `seen` is Amazon's count.

    Only what no later check will see counts as missing: what comes into Amazon's index late is in the
    overlap of the next one. Raises `AmazonError`.
    """
    checked = OrderCursor.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK).first()
    is_whole = connection.data_sets_until is None or connection.data_sets_until <= work.now
    if checked is None or not checked.watermark or not is_whole:
        return Outcome(work.now + SOON)
    until = moment(checked.watermark)
    figures, missing = Figures(), 0
    try:
        with (
            runs.recorded(connection, Run.Kind.COMPARE, work) as run,
            amazon_client(connection, work.clock, work.rank) as client,
        ):
            search = Search(
                connection=connection,
                shop=shop_of(connection),
                client=client,
                work=work,
                run=run,
                cursor=open_cursor(connection, Run.Kind.COMPARE),
                begin=lambda data_sets: _query(connection, until, data_sets),
                finished=lambda bound: {"watermark": bound},
                may_degrade=False,
            )
            for page in search.walk():
                figures.add(page)
                missing += sum(updated_at <= until - OVERLAP for _order_id, updated_at in page.unseen)
    except runs.QueryRefused as refusal:
        return runs.refused(work, refusal, figures)
    finally:
        if missing:
            open_trouble(connection.pk, "missing_orders", "missing_orders", now=work.now, count=missing)
    return Outcome(work.now + INTERVAL, done=figures.seen, failed=missing)


def _query(connection: Connection, until: datetime, data_sets: tuple[str, ...]) -> OrderQuery:
    return OrderQuery(
        created_after=max(until - REACH, min(connection.start_from - START_TOLERANCE, until - SOON)),
        created_before=until,
        marketplace_ids=marketplaces(connection),
        fulfilled_by=(MERCHANT,),
        included_data=data_sets,
    )
