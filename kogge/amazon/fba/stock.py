"""What lies in Amazon's warehouses: read on schedule, apart from the shop's own stock.

All of it once a day, at the connection's own moment, and every half hour what changed: who wants the
figure of a few SKUs now asks for them (`look_up`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from kogge.amazon.catalog.finding import fba_offers
from kogge.amazon.connections.accounts import amazon_client, share_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.activation import name_in_warehouse
from kogge.amazon.fba.models import FbaStock, FulfillmentLine, FulfillmentOrder, FulfillmentSettings
from kogge.amazon.fba.preferences import origin_of, settings_of
from kogge.amazon.journal.book import close_troubles, open_trouble
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.spapi import fba_inventory_v1
from kogge.spapi.errors import AskHuman, FixSettings, Throttled
from kogge.spapi.fba_inventory_v1 import MOST_SKUS, StockAnswer
from kogge.values import plain_text

ALL_EVERY = timedelta(days=1)
CHANGES_EVERY = timedelta(minutes=30)
OVERLAP = timedelta(minutes=10)  # of what is asked again: Amazon's clock is not ours
BATCH = 500
MOST_UNITS = 2**31 - 1  # of a column; nobody has more

REFUSED = "fba_stock_refused"  # the trouble, and its key

State = FulfillmentOrder.State

# Amazon denies the question, not the account: no FBA, or the role is missing.
_DENIALS = {"access_denied", "unauthorized"}

_FIGURES = ("fulfillable", "reserved", "in_transfer", "inbound", "unfulfillable", "total")
_READ = ("asin", "fn_sku", "condition", *_FIGURES, "changed_at", "read_at")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product in Amazon's warehouse. `free` can be promised now; None: never read.

    `read_at` is when Amazon was last asked whether the figure changed.
    """

    connection_id: int
    sku: str
    free: int | None
    read_at: datetime | None


def shelves(merchant_id: int, product_ids: Collection[str]) -> Mapping[str, Shelf]:
    """Where the FBA products among these lie, by product; the connection that has most of it.

    `free` is what was fulfillable when Amazon was last asked, less the units of our own fulfilment orders
    that Amazon's figure does not know yet. Four statements, however many products.
    """
    skus = _skus_in_warehouse(merchant_id, product_ids)
    standing = _standing(merchant_id) if skus else {}
    if not standing:
        return {}
    rows = {
        (row.connection_id, row.sku): row
        for row in FbaStock.objects.everyone().filter(connection__in=standing, sku__in=set(skus.values()))
    }
    promised = _promised(standing, rows)
    found: dict[str, Shelf] = {}
    for product_id, sku in skus.items():
        places = [
            _shelf(pk, sku, rows.get((pk, sku)), promised[pk, sku], settings)
            for pk, settings in standing.items()
        ]
        found[product_id] = max(places, key=lambda place: -1 if place.free is None else place.free)
    return found


@amazon_operation
def read_fba_stock(connection: Connection, work: Work) -> Outcome:
    """One full snapshot a day, changes in between as long as anybody wants to know."""
    settings = settings_of(connection)
    since = _changes_since(connection, settings, work.now)
    started = work.now
    try:
        answer = _ask(connection, origin_of(settings), since, work)
    except FixSettings as error:
        return _denied(connection, work, error)
    with transaction.atomic():
        _take_in(connection, answer, since, started)
        work.keep()
    return Outcome(_next(connection, work.now), done=len(answer.stocks))


def look_up(
    connection: Connection,
    skus: Collection[str],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], None] | None = None,
) -> Collection[str]:
    """Ask Amazon now for these SKUs (at most fifty) and store what it says; those that it keeps stock of.

    Without `wait` a limit that is used up is no reason to stay. Raises `AmazonError`; not for use inside
    a transaction.
    """
    started, origin = clock(), origin_of(settings_of(connection))
    asked = [sku for sku in dict.fromkeys(skus) if sku][:MOST_SKUS]
    if not asked or not origin:
        return []
    with amazon_client(connection, clock) as client:
        stocks = fba_inventory_v1.stock_of(client, origin, asked, wait=wait or _come_back)
    with transaction.atomic():
        store_stock(connection, stocks.values(), asked, now=started)
        name_in_warehouse(connection, now=started, skus=asked)
    return list(stocks)


def read_anew(connection: Connection, *, now: datetime) -> None:
    """Other warehouses serve the connection from now on: forget what lies in those it had.

    Inside the transaction of the change.
    """
    FbaStock.objects.everyone().filter(connection=connection).delete()
    _settings(connection).update(stock_read_at=None, stock_known_to=None, stock_problem="")
    make_due("read_fba_stock", connection.pk, now=now)


def store_stock(
    connection: Connection,
    stocks: Iterable[fba_inventory_v1.FbaStock],
    asked: Collection[str],
    *,
    now: datetime,
) -> None:
    """Keep what Amazon told when it was asked at `now`; of SKUs `asked` for that are missing it has none.

    Inside a transaction. What was read later already stays.
    """
    told = {stock.sku: stock for stock in stocks if _is_storable(stock.sku)}
    lost = [sku for sku in asked if sku not in told and _is_storable(sku)]
    newer = _read_after(connection, [*told, *lost], now)
    known = _known(connection, lost)
    rows = [_row(connection, stock, now) for sku, stock in told.items() if sku not in newer]
    rows += [_emptied(connection, sku, known.get(sku), now) for sku in lost if sku not in newer]
    FbaStock.objects.everyone().bulk_create(
        sorted(rows, key=lambda row: row.sku),
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["connection", "sku"],
        update_fields=_READ,
    )


def _skus_in_warehouse(merchant_id: int, product_ids: Collection[str]) -> dict[str, str]:
    offers = fba_offers(merchant_id).filter(product_id__in=product_ids)
    return {offer.product_id: offer.sku_in_warehouse for offer in offers if offer.sku_in_warehouse}


def _standing(merchant_id: int) -> dict[int, FulfillmentSettings | None]:
    """The merchant's connections that are not paused, with what is known of reading their stock."""
    rows = Connection.objects.of_id(merchant_id).filter(state=Connection.State.ACTIVE).order_by("pk")
    return {row.pk: _settings_if_any(row) for row in rows.select_related("fulfillment_settings")}


def _settings_if_any(connection: Connection) -> FulfillmentSettings | None:
    found: FulfillmentSettings | None = getattr(connection, "fulfillment_settings", None)
    return found


def _shelf(
    connection_id: int,
    sku: str,
    row: FbaStock | None,
    promised: int,
    settings: FulfillmentSettings | None,
) -> Shelf:
    """Where everything was read, a SKU that is missing is none of Amazon's."""
    read_at = settings.stock_known_to if settings else None
    if row is None:
        return Shelf(connection_id, sku, 0 if read_at else None, read_at)
    free = None if row.fulfillable is None else max(0, row.fulfillable - promised)
    return Shelf(connection_id, sku, free, max(row.read_at, read_at or row.read_at))


def _promised(
    connection_ids: Collection[int], rows: Mapping[tuple[int, str], FbaStock]
) -> Counter[tuple[int, str]]:
    """The units of our own fulfilment orders that Amazon's figures do not know yet.

    Amazon takes them off when it accepts the order; an order that was shipped meanwhile was accepted, too.
    """
    promised: Counter[tuple[int, str]] = Counter()
    if not rows:
        return promised
    oldest = min(row.read_at for row in rows.values())
    untold = Q(fulfillment_order__state__in=[State.PLANNED, State.SENDING])
    accepted = Q(
        fulfillment_order__state__in=[State.HANDED, State.DONE, State.PARTIAL],
        fulfillment_order__accepted_at__gt=oldest,
    )
    lines = FulfillmentLine.objects.everyone().filter(
        untold | accepted,
        fulfillment_order__connection__in=connection_ids,
        sku__in={sku for _connection, sku in rows},
    )
    for line in lines.select_related("fulfillment_order"):
        order = line.fulfillment_order
        row = rows.get((order.connection_id, line.sku))
        if row is not None and (order.accepted_at is None or order.accepted_at > row.read_at):
            promised[order.connection_id, line.sku] += line.quantity - line.returned
    return promised


def waiting(work: Work) -> Callable[[float], None]:
    """How a run waits for Amazon's limits: shortly, and holding its lease. Raises `Throttled`: come back."""

    def wait(seconds: float) -> None:
        work.keep()
        if not work.pause(seconds):
            _come_back(seconds)

    return wait


def _ask(connection: Connection, origin: str, since: datetime | None, work: Work) -> StockAnswer:
    """A page's token lives for half a minute: only short waits."""
    if not origin:
        return StockAnswer()
    with amazon_client(connection, work.clock, work.rank) as client:
        try:
            return fba_inventory_v1.all_stock(client, origin, changed_since=since, wait=waiting(work))
        except AskHuman:
            return StockAnswer(is_refused=True)


def _come_back(seconds: float) -> None:
    raise Throttled(operation="getInventorySummaries", retry_after=seconds)


def _changes_since(connection: Connection, settings: FulfillmentSettings, now: datetime) -> datetime | None:
    """From when on changes are asked for; None when all of it is to be read."""
    if settings.stock_read_at is None or settings.stock_known_to is None:
        return None
    if settings.stock_problem or settings.stock_read_at < _last_moment(connection, now):
        return None
    return settings.stock_known_to - OVERLAP


def _last_moment(connection: Connection, now: datetime) -> datetime:
    """When all of it was to be read last: the connection's own moment of the day."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + share_of(connection.pk, "read_fba_stock", ALL_EVERY)
    return moment if moment <= now else moment - ALL_EVERY


def _take_in(connection: Connection, answer: StockAnswer, since: datetime | None, started: datetime) -> None:
    if answer.is_refused:
        _refused(connection, started)
        return
    # What could not even be named may be any of those that are missing.
    is_all = since is None and not answer.unreadable
    store_stock(connection, answer.stocks, _all_known(connection) if is_all else (), now=started)
    name_in_warehouse(connection, now=started)
    news = {"stock_known_to": started, "stock_problem": ""}
    _settings(connection).update(**news if since else news | {"stock_read_at": started})
    close_troubles(connection.pk, [REFUSED], now=started)


def _refused(connection: Connection, now: datetime) -> None:
    """Amazon answers so where there is no FBA stock at all; where there was some, it proves nothing."""
    if _has_stock(connection):
        _settings(connection).update(stock_problem="refused")
        known_to = settings_of(connection).stock_known_to
        told = {"known_to": known_to.isoformat()} if known_to else {}
        open_trouble(connection.pk, REFUSED, REFUSED, now=now, **told)
    else:
        _settings(connection).update(stock_problem="refused", stock_known_to=now, stock_read_at=now)


def _denied(connection: Connection, work: Work, error: FixSettings) -> Outcome:
    """A merchant who does not ship with Amazon need not grant what that takes."""
    if error.reason not in _DENIALS:
        raise error
    _settings(connection).update(stock_problem="denied")
    if _ships(connection):
        raise error
    return Outcome(work.now + ALL_EVERY)


def _next(connection: Connection, now: datetime) -> datetime:
    tomorrow = _last_moment(connection, now) + ALL_EVERY
    if _ships(connection) or _has_stock(connection):
        return min(now + CHANGES_EVERY, tomorrow)
    return tomorrow


def _ships(connection: Connection) -> bool:
    return fba_offers(connection.merchant_id).exists()


def _has_stock(connection: Connection) -> bool:
    rows = FbaStock.objects.everyone().filter(connection=connection)
    return rows.filter(Q(total__gt=0) | Q(fulfillable__gt=0)).exists()


def _settings(connection: Connection) -> QuerySet[FulfillmentSettings]:
    return FulfillmentSettings.objects.everyone().filter(connection=connection)


def _all_known(connection: Connection) -> list[str]:
    rows = FbaStock.objects.everyone().filter(connection=connection)
    return list(rows.values_list("sku", flat=True))


def _read_after(connection: Connection, skus: Collection[str], moment: datetime) -> set[str]:
    """Those of the SKUs that somebody else asked for later, and will not be overwritten; locks the others."""
    rows = FbaStock.objects.everyone().filter(connection=connection, sku__in=skus).order_by("pk")
    read_at = rows.select_for_update().values_list("sku", "read_at")
    return {sku for sku, at in read_at if at > moment}


def _known(connection: Connection, skus: Collection[str]) -> dict[str, FbaStock]:
    rows = FbaStock.objects.everyone().filter(connection=connection, sku__in=skus) if skus else []
    return {row.sku: row for row in rows}


def _row(connection: Connection, told: fba_inventory_v1.FbaStock, now: datetime) -> FbaStock:
    return FbaStock(
        connection=connection,
        sku=told.sku,
        asin=plain_text(told.asin, 20),
        fn_sku=plain_text(told.fn_sku, 40),
        condition=plain_text(told.condition, 40),
        changed_at=told.changed_at,
        read_at=now,
        **{name: _figure(getattr(told, name)) for name in _FIGURES},
    )


def _emptied(connection: Connection, sku: str, known: FbaStock | None, now: datetime) -> FbaStock:
    """Amazon keeps none of it: what the article is stays known."""
    row = known or FbaStock(connection=connection, sku=sku)
    row.fulfillable = row.reserved = row.in_transfer = row.inbound = row.unfulfillable = row.total = 0
    row.pk, row.read_at = None, now
    return row


def _figure(figure: int | None) -> int | None:
    """A number of units; None for one that cannot be."""
    return figure if figure is not None and 0 <= figure <= MOST_UNITS else None


def _is_storable(sku: str) -> bool:
    return bool(sku) and plain_text(sku, 50) == sku
