"""The operation `fetch_hinted`: orders that a notification named, each asked for by itself.

One order costs a token of which there are 1,800 an hour; the regular search has twenty. So the few are
fetched one by one, and when there are many the next search is called earlier. It is never called off: its
watermark stands where it stood, and what was fetched here it finds again and knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F, Max, QuerySet

from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.notifications.models import OrderHint
from kogge.amazon.orders.intake import Asked
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.placing import ALL_DATA_SETS, place_waiting
from kogge.amazon.orders.searching import marketplaces, moment
from kogge.amazon.orders.taking_in import take_in
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import Outcome, Work
from kogge.shops.port import ShopUnavailable
from kogge.spapi.errors import AskHuman, NotFound, TryLater
from kogge.spapi.orders_2026_01_01 import OrderUnreadable, get_order, read_order

CHECK = "check_orders"
NOTHING_TO_DO = timedelta(days=1)  # a notification makes this due at once

FETCHED_ONE_BY_ONE = 15  # half of what Amazon allows at once
# A search finds nothing that is younger than this; and called for by notifications it runs no oftener than
# three quarters of what Amazon allows, so that pages and earlier orders have their share.
SEARCHES_SHOW_AFTER = timedelta(minutes=2, seconds=10)
SEARCHES_EVERY = timedelta(minutes=4)
AFTER_THE_SEARCH = timedelta(seconds=30)

NOT_THERE_YET = timedelta(seconds=20)
MOST_TRIES = 3
SHOP_AGAIN = timedelta(minutes=1)


@amazon_operation
def fetch_hinted(connection: Connection, work: Work) -> Outcome:
    """Take in the orders that notifications named.

    Raises `AmazonError`; what was fetched until then is stored, the rest is fetched the next time.
    """
    hints = OrderHint.objects.everyone().filter(connection=connection)
    if (checked_to := _checked_to(connection)) is not None:
        hints.filter(changed_at__lte=checked_to).delete()
    waiting = list(hints.order_by("changed_at", "pk")[: FETCHED_ONE_BY_ONE + 1])
    if not waiting:
        return Outcome(work.now + NOTHING_TO_DO)
    if len(waiting) > FETCHED_ONE_BY_ONE:
        return _leave_to_search(connection, work)
    try:
        return _fetch(connection, waiting, work)
    except ShopUnavailable as error:
        return Outcome(work.now + SHOP_AGAIN, error=str(error))


def _checked_to(connection: Connection) -> datetime | None:
    """Up to when, by Amazon's clock, the regular check has taken in every change."""
    cursor = OrderCursor.objects.everyone().filter(connection=connection, kind=Run.Kind.CHECK).first()
    return moment(cursor.watermark) if cursor is not None and cursor.watermark else None


def _leave_to_search(connection: Connection, work: Work) -> Outcome:
    """Too many for one by one: once a search shows them all, one call brings a hundred.

    One that runs before that, as it would have anyway, does not show them yet: so this is looked at again.
    """
    hints = OrderHint.objects.everyone().filter(connection=connection)
    newest = hints.aggregate(at=Max("changed_at"))["at"] or work.now
    at = max(work.now, min(newest, work.now) + SEARCHES_SHOW_AFTER)
    last = Due.objects.filter(operation=CHECK, subject=connection.pk).values_list("started_at", flat=True)
    if (started_at := last.first()) is not None:
        at = max(at, started_at + SEARCHES_EVERY)
    due.schedule(CHECK, connection.pk, at=at)
    return Outcome(at + AFTER_THE_SEARCH, waiting=True)


def _fetch(connection: Connection, waiting: Sequence[OrderHint], work: Work) -> Outcome:
    shop = shop_of(connection)
    done: list[OrderHint] = []
    raws: list[bytes] = []
    held_up: TryLater | None = None
    with amazon_client(connection, work.clock, work.rank) as client:
        asked = marketplaces(connection)
        for hint in waiting:
            work.keep()
            try:
                raw = _ask(client, hint)
            except TryLater as error:
                held_up = error  # what was fetched until now is stored all the same
                break
            if raw is not None and _belongs(raw, asked):
                raws.append(raw)
            if raw is not None or hint.tries + 1 >= MOST_TRIES:
                done.append(hint)
            else:
                _same(hint).update(tries=F("tries") + 1)

    def settle() -> None:
        work.keep()
        for hint in done:
            _same(hint).delete()

    figures = take_in(connection, shop, raws, Asked(ALL_DATA_SETS), now=work.now, finish=settle)
    if raws and not shop.shares_transaction:
        figures.add(place_waiting(connection, shop, now=work.now))
    if held_up is not None:
        raise held_up
    left = OrderHint.objects.everyone().filter(connection=connection).exists()
    return Outcome(
        work.now + (NOT_THERE_YET if left else NOTHING_TO_DO),
        done=figures.new + figures.updated,
        failed=figures.failed,
        waiting=left,
    )


def _ask(client: ConnectedAmazon, hint: OrderHint) -> bytes | None:
    """The order with all the check would ask for; None: Amazon does not show it, or not like this.

    Then nothing is lost: the search degrades its question and tells people, here nobody needs to.
    """
    try:
        return get_order(client, hint.order_id, ALL_DATA_SETS)
    except NotFound:
        return None
    except AskHuman:
        hint.tries = MOST_TRIES
        return None


def _belongs(raw: bytes, marketplace_ids: Sequence[str]) -> bool:
    """Whether the search would bring it, too: it asks for some marketplaces only. In doubt: yes."""
    try:
        return read_order(raw).sales_channel.marketplace_id in {"", *marketplace_ids}
    except OrderUnreadable:
        return True


def _same(hint: OrderHint) -> QuerySet[OrderHint]:
    """The hint, unless a younger notification has renewed it while the order was asked for."""
    return OrderHint.objects.everyone().filter(pk=hint.pk, notification_id=hint.notification_id)
