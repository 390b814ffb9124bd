"""Orders that Amazon ships itself: kept for information, never a shop order, never acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kogge.amazon.connections.accounts import amazon_client, next_turn, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import runs
from kogge.amazon.orders.check import OVERLAP
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.searching import Search, marketplaces, moment, open_cursor
from kogge.amazon.orders.taking_in import Figures
from kogge.engine.work import Outcome, Work
from kogge.spapi.orders_2026_01_01 import OrderQuery

INTERVAL = timedelta(hours=1)
FIRST_REACH = timedelta(days=7)
AMAZON = "AMAZON"
DATA_SETS = ("FULFILLMENT",)  # no personal data of orders that are not ours to ship


@amazon_operation
def check_fba_orders(connection: Connection, work: Work) -> Outcome:
    """Look for orders that Amazon ships. Raises `AmazonError`."""
    figures = Figures()
    try:
        with (
            runs.recorded(connection, Run.Kind.FBA, work) as run,
            amazon_client(connection, work.clock, work.rank) as client,
        ):
            cursor = open_cursor(connection, Run.Kind.FBA)
            search = Search(
                connection=connection,
                shop=shop_of(connection),
                client=client,
                work=work,
                run=run,
                cursor=cursor,
                begin=lambda data_sets: _query(connection, cursor, data_sets),
                finished=_watermark,
                data_sets=DATA_SETS,
                may_degrade=False,
            )
            for page in search.walk():
                figures.add(page)
    except runs.QueryRefused as refusal:
        return runs.refused(work, refusal, figures)
    following = next_turn(connection.pk, work.operation, INTERVAL, work.now)
    return Outcome(following, done=figures.updated, failed=figures.failed)


def _query(connection: Connection, cursor: OrderCursor, data_sets: tuple[str, ...]) -> OrderQuery:
    first = connection.connected_at - FIRST_REACH
    return OrderQuery(
        last_updated_after=moment(cursor.watermark) - OVERLAP if cursor.watermark else first,
        marketplace_ids=marketplaces(connection),
        fulfilled_by=(AMAZON,),
        included_data=data_sets,
    )


def _watermark(bound: str) -> dict[str, Any]:
    return {"watermark": bound}
