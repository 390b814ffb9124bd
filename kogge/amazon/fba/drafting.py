"""Fulfilment orders written down: rows for lines of shop orders, a page of them in a few statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import addresses, numbering, speeds
from kogge.amazon.fba.ending import BY, put_down
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder
from kogge.amazon.fba.preferences import origin_of, settings_of
from kogge.amazon.fba.stock import Shelf
from kogge.amazon.journal.book import Entry, Matter, open_troubles, record
from kogge.engine.due import make_due
from kogge.shops.port import OwnLine, OwnOrder, Shop
from kogge.spapi.fulfillment_orders import MOST_LINES, MOST_UNITS
from kogge.values import plain_text

State = FulfillmentOrder.State


@dataclass(frozen=True, slots=True)
class Draft:
    """Lines of a shop order that a connection's Amazon is to ship.

    With `why_not`, a reason of words.py, it is an attempt that failed before Amazon heard of it.
    """

    connection_id: int
    order: OwnOrder
    lines: Sequence[OwnLine]
    findings: Sequence[str] = ()  # of the address
    why_not: str = ""


def take_from_shelves(
    lines: Iterable[OwnLine], shelves: Mapping[str, Shelf], taken: Counter[tuple[int, str]]
) -> dict[int, list[OwnLine]]:
    """By connection, the lines of one order of which a shelf has all units and that Amazon takes together.

    `shelves` by product; `taken` counts the units by connection and SKU that are promised already, and grows.
    """
    there: dict[int, list[OwnLine]] = {}
    for line in lines:
        if has_enough(shelves, taken, line):
            shelf = shelves[line.product_id or ""]
            beside = there.setdefault(shelf.connection_id, [])
            if _fits(beside, line):
                taken[shelf.connection_id, shelf.sku] += line.open
                beside.append(line)
    return {connection_id: some for connection_id, some in there.items() if some}


def has_enough(shelves: Mapping[str, Shelf], taken: Mapping[tuple[int, str], int], line: OwnLine) -> bool:
    """Whether all units of the line are on a shelf, beside those that are `taken`."""
    shelf = shelves.get(line.product_id or "")
    if shelf is None or shelf.free is None:
        return False
    return shelf.free - taken.get((shelf.connection_id, shelf.sku), 0) >= line.open


def hand_to_amazon(
    shop: Shop, order: OwnOrder, lines: Sequence[OwnLine], connection_id: int, *, now: datetime
) -> Draft:
    """Give these lines to Amazon, in the shop; the rows are still to be written. Raises `ShopRefuses`."""
    wanted = {line.line_id for line in lines}
    standing = shop.hand_over(order.order_id, wanted, BY, now=now)
    found = addresses.findings(standing.address)
    taken = [line for line in standing.lines if line.line_id in wanted]
    return Draft(connection_id, standing, taken, found, "address" if addresses.stops(found) else "")


def write(
    shop: Shop, merchant_id: int, drafts: Sequence[Draft], *, now: datetime, by: str = ""
) -> list[FulfillmentOrder]:
    """Write them down as planned. Attempts that failed at once come back, and say why.

    Inside a transaction that called the shop first, which holds the orders.
    """
    table = speeds.table(merchant_id)
    rows = insert(merchant_id, drafts, table, now=now)
    _tell_unknown_methods(drafts, table, now=now)
    planned = []
    for draft, row in zip(drafts, rows, strict=True):
        if draft.why_not:
            details = {"findings": row.findings} if draft.why_not == "address" else {}
            put_down(shop, row, State.RETURNED, draft.why_not, details, now=now)
        else:
            planned.append(row)
    record([_entry(row, now, by) for row in planned])
    make_due("hand_over", {row.connection_id for row in planned}, now=now)  # for the preview
    return rows


def insert(
    merchant_id: int, drafts: Sequence[Draft], table: Sequence[speeds.Mapping], *, now: datetime
) -> list[FulfillmentOrder]:
    """The rows alone, each the next attempt for its shop order; `table` is the one of speeds."""
    rows = list(_rows(merchant_id, drafts, table, now))
    FulfillmentOrder.objects.everyone().bulk_create(rows)
    skus = _skus(merchant_id, {line.product_id for draft in drafts for line in draft.lines})
    FulfillmentLine.objects.everyone().bulk_create(
        FulfillmentLine(
            fulfillment_order=row,
            line_id=line.line_id,
            product_id=line.product_id or "",
            sku=skus.get(line.product_id or "", ""),
            title=plain_text(line.title, 500),
            quantity=line.open,
        )
        for draft, row in zip(drafts, rows, strict=True)
        for line in draft.lines
    )
    return rows


def had_attempts(merchant_id: int, shop_order_ids: Collection[str]) -> Mapping[str, int]:
    """How many fulfilment orders these shop orders had, however they ended; without those that had none."""
    rows = FulfillmentOrder.objects.of_id(merchant_id).filter(shop_order_id__in=shop_order_ids)
    return dict(rows.values_list("shop_order_id").annotate(Max("attempt")))


def _fits(lines: Sequence[OwnLine], line: OwnLine) -> bool:
    """Whether Amazon takes one more line in the same order."""
    return len(lines) < MOST_LINES and sum(one.open for one in lines) + line.open <= MOST_UNITS


def _rows(
    merchant_id: int, drafts: Sequence[Draft], table: Sequence[speeds.Mapping], now: datetime
) -> Iterator[FulfillmentOrder]:
    wanted = {draft.connection_id for draft in drafts}
    connections = Connection.objects.everyone().in_bulk(wanted)
    settings = {pk: settings_of(connection) for pk, connection in connections.items()}
    origins = {pk: origin_of(preferences) for pk, preferences in settings.items()}
    attempts = Counter(had_attempts(merchant_id, {draft.order.order_id for draft in drafts}))
    for draft in drafts:
        order, preferences = draft.order, settings[draft.connection_id]
        attempts[order.order_id] += 1
        attempt = attempts[order.order_id]
        yield FulfillmentOrder(
            merchant_id=merchant_id,
            connection_id=draft.connection_id,
            shop_order_id=order.order_id,
            shop_number=order.number[:40],
            attempt=attempt,
            order_id=numbering.order_id(preferences.prefix, order.number, attempt),
            version=preferences.version,
            origin=origins[draft.connection_id],
            speed=speeds.speed_in(table, order.shipping_method) or speeds.Speed.STANDARD.value,
            shipping_method=plain_text(order.shipping_method, 40),
            created_at=now,
            hand_over_at=now + timedelta(minutes=preferences.cut_off_minutes),
            findings=list(draft.findings),
        )


def _skus(merchant_id: int, product_ids: Collection[str | None]) -> dict[str, str]:
    offers = Offer.objects.of_id(merchant_id).filter(product_id__in=product_ids)
    return {offer.product_id: offer.sku_in_warehouse for offer in offers}


def _tell_unknown_methods(drafts: Sequence[Draft], table: Sequence[speeds.Mapping], *, now: datetime) -> None:
    """A method that is not in the table goes at the standard speed, and visibly so (promise 7)."""
    unknown: dict[int, list[Matter]] = {}
    for draft in drafts:
        if speeds.speed_in(table, draft.order.shipping_method) is None:
            method = plain_text(draft.order.shipping_method, 40)
            details = {"method": method, "number": draft.order.number}
            matter = Matter("unknown_shipping_method", speeds.unknown_key(method), details=details)
            unknown.setdefault(draft.connection_id, []).append(matter)
    for connection_id, matters in unknown.items():
        open_troubles(connection_id, matters, now=now)


def _entry(row: FulfillmentOrder, now: datetime, by: str) -> Entry:
    details = {"number": row.shop_number, "hand_over_at": row.hand_over_at.isoformat(), "speed": row.speed}
    person = {"by": by} if by else {}
    return Entry(row.connection_id, "fulfillment_planned", now, row.order_id, details | person)
