"""Taking a page of orders in: each becomes a row here and, when its time has come, an order in the shop.

A page is one transaction with a fixed number of statements, whatever it holds. It ends with the caller's
cursor, so that what is stored and how far we have got can never tell different stories (promise 1).
"""

from __future__ import annotations

import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction

from kogge import bulk
from kogge.amazon.catalog.finding import find_products
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.messages import (
    SETTLED,
    drop_acknowledgements,
    queue_acknowledgements,
    trouble_key,
)
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.book import Entry, Matter, close_troubles, open_troubles, record
from kogge.amazon.orders import intake
from kogge.amazon.orders.amounts import OrderAmounts, price
from kogge.amazon.orders.changes import Change, gives_back, is_news, keep_known, keep_products, newest
from kogge.amazon.orders.intake import Asked, Incoming, Sick, Terms
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem, ShipmentConfirmation
from kogge.amazon.orders.shop_changes import rejected_key
from kogge.engine.work import LeaseLost
from kogge.merchants.vault import seal
from kogge.shops.port import NewOrder, OrderUpdate, Placed, Refused, Reservation, Shop, ShopUnavailable
from kogge.values import InvalidValue

logger = logging.getLogger(__name__)

Intake = AmazonOrder.Intake
Told = ShipmentConfirmation.State
RAW_COLUMN = "amazon_order.raw"

# Orders count from the start date on; a clock of ours that is off by minutes must not lose one.
START_TOLERANCE = timedelta(minutes=15)

_ORDER_KEY = ("connection", "order_id")
_ORDER_FIELDS = [
    field.name
    for field in AmazonOrder._meta.concrete_fields
    if field.name not in {"id", "connection", "order_id", "first_seen_at"}
]
_ITEM_FIELDS = ["position", "asin", "sku", "title", "quantity", "fulfilled", "product_id"]


@dataclass(slots=True)
class Figures:
    """What a page or a run did: `new` orders came into the shop, a human must look at the `failed` ones."""

    seen: int = 0
    new: int = 0
    updated: int = 0
    failed: int = 0
    # Merchant orders that were not known before, with Amazon's time of their last change.
    unseen: list[tuple[str, datetime]] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Count another page's orders, too; their names are not kept, a run can see very many."""
        self.seen += other.seen
        self.new += other.new
        self.updated += other.updated
        self.failed += other.failed


def take_in(
    connection: Connection,
    shop: Shop,
    raws: Sequence[bytes],
    asked: Asked,
    *,
    now: datetime,
    finish: Callable[[], None] = lambda: None,
) -> Figures:
    """Take a page of orders in, in one transaction that ends with `finish` (the cursor).

    One order that cannot be stored never blocks the others: then the page is repeated order by order,
    and the sick one becomes Trouble (promise 4). Raises what is wrong with the database or the shop itself.
    """
    understood = [intake.understand(raw, asked) for raw in raws]
    try:
        with _collector_resting(), transaction.atomic():
            figures = Page(connection, shop, now).store(understood)
            finish()
    except (OperationalError, InterfaceError, LeaseLost, ShopUnavailable):
        raise
    except Exception:
        logger.exception("a page of orders cannot be stored at once; now one by one")
        figures = _one_by_one(connection, shop, understood, now)
        with transaction.atomic():
            finish()
    return figures


@contextmanager
def _collector_resting() -> Iterator[None]:
    """A page makes tens of thousands of objects and no cycles: looking for some cost a sixth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _one_by_one(
    connection: Connection, shop: Shop, understood: Sequence[Incoming | Sick], now: datetime
) -> Figures:
    figures = Figures()
    for one in understood:
        try:
            with transaction.atomic():
                found = Page(connection, shop, now).store([one])
            figures.add(found)
            figures.unseen += found.unseen
        except (OperationalError, InterfaceError, LeaseLost, ShopUnavailable):
            raise
        except Exception as error:
            logger.exception("order %s cannot be stored", one.order_id)
            unfit = one if isinstance(one, Sick) else intake.sick(one.raw, _harmless(error), one.order_id)
            with transaction.atomic():
                figures.add(Page(connection, shop, now).store([unfit]))
    return figures


def _harmless(error: Exception) -> str:
    """The text of a database error may quote personal data; its type says enough."""
    return str(error) if isinstance(error, InvalidValue) else type(error).__name__


class Page:
    """The orders of one page on their way into the database. One transaction, used once."""

    def __init__(self, connection: Connection, shop: Shop, now: datetime) -> None:
        self.connection = connection
        self.shop = shop
        self.now = now
        self.figures = Figures()
        self.entries: list[Entry] = []
        self.matters: list[Matter] = []
        self.settled: list[str] = []

    def store(self, understood: Sequence[Incoming | Sick]) -> Figures:
        self.figures.seen = len(understood)
        readable = newest([one for one in understood if isinstance(one, Incoming)])
        known = self._known([one.order_id for one in understood])
        sick = [one for one in understood if isinstance(one, Sick)]
        changes: list[Change] = []
        for incoming in readable:
            change = self._change(incoming, known.get(incoming.order_id))
            if isinstance(change, Sick):
                sick.append(change)
            elif change is not None:
                changes.append(change)
        self._find_products(changes)
        self._tell_shop(changes)
        self._write(changes, [self._sick_row(one, known.get(one.order_id)) for one in sick])
        self._follow_up(changes)
        self._close_books()
        return self.figures

    def place_again(self, changes: Sequence[Change]) -> Figures:
        """Place orders that waited for the shop, for their prices or for a second try."""
        self._find_products(changes)
        orders = [_for_shop(change, terms_of(self.connection), self.now) for change in changes]
        self._accept(changes, self.shop.place_orders(orders, now=self.now))
        self._write(changes, [])
        self._close_books()
        return self.figures

    def _close_books(self) -> None:
        record(self.entries)
        open_troubles(self.connection.pk, self.matters, now=self.now)
        close_troubles(self.connection.pk, self.settled, now=self.now)

    # --- what has changed -----------------------------------------------------------------------

    def _known(self, order_ids: Sequence[str]) -> dict[str, AmazonOrder]:
        rows = AmazonOrder.objects.everyone().filter(connection=self.connection, order_id__in=order_ids)
        return {row.order_id: row for row in rows.prefetch_related("items")}

    def _change(self, incoming: Incoming, known: AmazonOrder | None) -> Change | Sick | None:
        if incoming.order.sales_channel.channel_name == intake.NON_AMAZON or not is_news(incoming, known):
            return None
        try:
            amounts = self._amounts(incoming)
        except InvalidValue as error:
            return intake.sick(incoming.raw, str(error), incoming.order_id)
        row = intake.order_row(incoming, self.connection.pk, amounts, now=self.now)
        row.intake = self._fate(incoming, known)
        if known is not None:
            keep_known(row, known, incoming)
        return Change(incoming, known, row, intake.item_rows(incoming), amounts)

    def _amounts(self, incoming: Incoming) -> OrderAmounts | None:
        """Pending orders have no prices yet, and without PROCEEDS no price can be trusted."""
        if incoming.status not in intake.IMPORTABLE or not incoming.asked.knows("PROCEEDS"):
            return None
        return price(incoming.order)

    def _fate(self, incoming: Incoming, known: AmazonOrder | None) -> str:
        if known is not None and known.intake == Intake.PLACED:
            return Intake.PLACED
        if incoming.fulfilled_by != intake.MERCHANT or self._is_before_start(incoming):
            return Intake.IGNORED
        if incoming.status in intake.IMPORTABLE:
            return Intake.TO_PLACE
        return Intake.RESERVED if incoming.status in intake.NOT_YET else Intake.IGNORED

    def _is_before_start(self, incoming: Incoming) -> bool:
        return incoming.order.created_time < self.connection.start_from - START_TOLERANCE

    def _find_products(self, changes: Sequence[Change]) -> None:
        """Name the shop's product of every item, in a constant number of statements."""
        for change in changes:
            keep_products(change)
        open_items = [
            item
            for change in changes
            if change.row.intake in (Intake.TO_PLACE, Intake.RESERVED)
            for item in change.items
            if not item.product_id
        ]
        if not open_items:
            return
        found = find_products(self.connection, self.shop, {(item.sku, item.asin) for item in open_items})
        for item in open_items:
            item.product_id = found.get((item.sku, item.asin)) or ""

    # --- what the shop hears --------------------------------------------------------------------

    def _tell_shop(self, changes: Sequence[Change]) -> None:
        self._release([change for change in changes if gives_back(change)])
        self._place([change for change in changes if change.row.intake == Intake.TO_PLACE])
        self._update([change for change in changes if change.was_placed])
        self._reserve([change for change in changes if change.row.intake == Intake.RESERVED])

    def _release(self, changes: Sequence[Change]) -> None:
        keys = [
            reservation_key(change.incoming.order_id, item.item_id)
            for change in changes
            for item in change.items
        ]
        if not keys:
            return
        self.shop.release(keys, now=self.now)
        for change in changes:
            if change.known is not None and change.known.intake == Intake.RESERVED:
                self._note(change, "released")

    def _place(self, changes: Sequence[Change]) -> None:
        """Orders whose sum is known, in a shop that shares our transaction; the others wait, sealed."""
        ready = [change for change in changes if change.amounts and self.shop.shares_transaction]
        if ready:
            orders = [_for_shop(change, terms_of(self.connection), self.now) for change in ready]
            self._accept(ready, self.shop.place_orders(orders, now=self.now))
        for change in changes:
            if change.row.intake != Intake.PLACED:
                change.row.sealed_raw = seal(self.connection.merchant_id, RAW_COLUMN, change.incoming.raw)

    def _accept(self, changes: Sequence[Change], answers: Sequence[Placed | Refused]) -> None:
        """Write the shop's answers into the rows."""
        for change, answer in zip(changes, answers, strict=True):
            if isinstance(answer, Refused):
                self._refused(change, answer)
            else:
                self._placed(change, answer)
        self._acknowledge([change for change in changes if change.placed_now])

    def _placed(self, change: Change, answer: Placed) -> None:
        row = change.row
        row.intake, row.sealed_raw = Intake.PLACED, None
        row.shop_order_id, row.shop_order_number = answer.order_id, answer.number
        change.placed_now = True
        self.figures.new += answer.created
        self.settled += [f"refused_by_shop:{row.order_id}", f"unreadable_order:{row.order_id}"]
        self._note(change, "imported", number=answer.number, status=row.status)
        if not row.sum_matches:
            self._sum_differs(change)
        for item in change.items:
            if not item.product_id:
                self.matters.append(_unassigned(row, item))

    def _refused(self, change: Change, answer: Refused) -> None:
        change.row.intake = Intake.REFUSED
        self.figures.failed += 1
        self._ask(change, "refused_by_shop", reason=answer.reason)

    def _sum_differs(self, change: Change) -> None:
        amounts, currency = change.amounts, change.row.currency
        assert amounts is not None
        lines = f"{amounts.total - amounts.rounding} {currency}"
        if amounts.is_stated:
            self._ask(change, "sum_differs", sum=lines, total=f"{amounts.total} {currency}")
        else:
            self._ask(change, "sum_differs", case="no_total", sum=lines)

    def _acknowledge(self, changes: Sequence[Change]) -> None:
        """Amazon asks to hear that an order was taken in; not of orders that were history already."""
        terms = terms_of(self.connection)
        messages = [
            (
                change.row.order_id,
                change.row.marketplace_id,
                change.row.shop_order_number,
                [item.item_id for item in change.items],
            )
            for change in changes
            if intake.moves_stock(change.incoming, terms)
        ]
        if messages:
            queue_acknowledgements(self.connection.pk, messages, now=self.now)

    def _update(self, changes: Sequence[Change]) -> None:
        updates = [_news_for_shop(change) for change in changes]
        if not updates:
            return
        answers = {answer.external_id: answer for answer in self.shop.update_orders(updates, now=self.now)}
        for change in changes:
            answer = answers.get(change.incoming.order_id)
            if answer and answer.conflict and change.incoming.status == intake.CANCELLED:
                self._ask(change, "cancelled_after_packing", by=change.row.cancelled_by)
            elif answer and answer.conflict:
                logger.warning("the shop does not follow order %s: %s", answer.external_id, answer.conflict)

    def _reserve(self, changes: Sequence[Change]) -> None:
        """Stock is held back while Amazon checks the payment; a pre-order may be months away."""
        pending = [change for change in changes if change.incoming.status == intake.PENDING]
        reservations = [
            Reservation(
                reservation_key(change.incoming.order_id, item.item_id), item.product_id, item.quantity
            )
            for change in pending
            for item in change.items
            if item.product_id and item.quantity
        ]
        if reservations:
            self.shop.reserve(reservations, now=self.now)
        held = {reservation.key.split(":")[1] for reservation in reservations}
        for change in pending:
            if change.known is None and change.incoming.order_id in held:
                self._note(change, "reserved")

    # --- what is written ------------------------------------------------------------------------

    def _sick_row(self, sick: Sick, known: AmazonOrder | None) -> AmazonOrder:
        self.figures.failed += 1
        self.matters.append(
            Matter(
                "unreadable_order",
                f"unreadable_order:{sick.order_id}",
                sick.order_id,
                {"reason": sick.reason},
            )
        )
        row = known or AmazonOrder(
            connection=self.connection,
            order_id=sick.order_id,
            first_seen_at=self.now,
            purge_at=intake.purge_moment(self.now),
        )
        if row.intake != Intake.PLACED:
            row.intake = Intake.UNREADABLE
            row.sealed_raw = seal(self.connection.merchant_id, RAW_COLUMN, sick.raw)
        return row

    def _write(self, changes: Sequence[Change], sick_rows: Sequence[AmazonOrder]) -> None:
        rows = {row.order_id: row for row in [*sick_rows, *(change.row for change in changes)]}
        if not rows:
            return
        for row in rows.values():
            row.pk = None  # the unique key decides whether it is inserted or updated
        bulk.insert(
            (rows[order_id] for order_id in sorted(rows)),
            unique_fields=_ORDER_KEY,
            update_fields=_ORDER_FIELDS,
        )
        items = []
        for change in changes:
            for item in change.items:
                item.order = change.row
                items.append(item)
        bulk.insert(items, unique_fields=("order", "item_id"), update_fields=_ITEM_FIELDS)

    # --- what follows ---------------------------------------------------------------------------

    def _follow_up(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._count(change)
            self._tell_news(change)
        left = [change for change in changes if change.was_placed and change.row.status != intake.UNSHIPPED]
        if left:
            self._confirm_shipments(
                [change.row for change in left], [item for one in left for item in one.items]
            )
            self._settle_cancellations([change for change in left if change.row.status == intake.CANCELLED])

    def _count(self, change: Change) -> None:
        if change.known is not None and change.known.intake != Intake.UNREADABLE and not change.placed_now:
            self.figures.updated += 1
        if change.known is None and change.row.intake != Intake.IGNORED:
            self.figures.unseen.append((change.row.order_id, change.incoming.order.last_updated_time))

    def _tell_news(self, change: Change) -> None:
        row, known = change.row, change.known
        if row.status not in intake.KNOWN_STATUSES:
            self._ask(change, "unknown_status", status=row.status or "–")
        elif known is not None:
            self.settled += [f"unknown_status:{row.order_id}", f"unreadable_order:{row.order_id}"]
        if change.was_placed:
            self._tell_changes(change)
        elif known is not None and row.status == intake.CANCELLED != known.status:
            self._note(change, "cancelled_at_amazon", by=row.cancelled_by)
            self.settled.append(f"refused_by_shop:{row.order_id}")
        if row.intake == Intake.PLACED:
            self._tell_cancel_request(change)

    def _tell_changes(self, change: Change) -> None:
        row, known = change.row, change.known
        assert known is not None
        if not known.sum_matches and "PROCEEDS" not in known.data_sets.split(","):
            self._tell_total(change, known)
        if row.has_address and not known.has_address:
            self._note(change, "address_arrived")
        if row.status == known.status:
            return
        match row.status:
            case intake.SHIPPED:
                self._note(change, "shipped_at_amazon")
            case intake.CANCELLED:
                pass  # told by `_settle_cancellations`, which knows whose wish it was
            case _:
                self._note(change, "updated", status=row.status)

    def _tell_total(self, change: Change, known: AmazonOrder) -> None:
        """Of an order placed by its unit prices alone Amazon names the total at last."""
        amounts, currency = change.amounts, change.row.currency
        if amounts is None or not amounts.is_stated:
            return
        if amounts.total.amount == known.total:
            self.settled.append(f"sum_differs:{known.order_id}")
        else:
            self._ask(
                change, "sum_differs", sum=f"{known.total} {currency}", total=f"{amounts.total} {currency}"
            )

    def _tell_cancel_request(self, change: Change) -> None:
        row = change.row
        is_open = row.status in (intake.UNSHIPPED, intake.PARTIALLY_SHIPPED)
        if not row.cancel_requested or not is_open:
            if change.known is not None:
                self.settled.append(f"cancel_requested:{row.order_id}")
            return
        if change.known is None or not change.known.cancel_requested or not change.was_placed:
            self._note(change, "cancel_requested")
            self._ask(change, "cancel_requested")

    def _confirm_shipments(self, rows: Sequence[AmazonOrder], items: Sequence[AmazonOrderItem]) -> None:
        """What we told Amazon is now seen there; of a cancelled order nothing needs to be told."""
        told = ShipmentConfirmation.objects.everyone().filter(order_id__in=[row.pk for row in rows])
        cancelled = [row.pk for row in rows if row.status == intake.CANCELLED]
        untold = told.filter(order_id__in=cancelled, state__in=[Told.WAITING, Told.REJECTED])
        parcels = list(untold.values_list("order__order_id", "parcel"))
        self.settled += [rejected_key(order_id, parcel) for order_id, parcel in parcels]
        untold.update(state=Told.DROPPED)
        fulfilled: dict[int, dict[str, int]] = defaultdict(dict)
        for item in items:
            fulfilled[item.order_id][item.item_id] = item.fulfilled
        visible: list[int] = []
        for parcel in told.filter(state__in=[Told.ACCEPTED, Told.CONFIRMED]).order_by("order_id", "parcel"):
            open_units = fulfilled.get(parcel.order_id, {})
            if all(open_units.get(item_id, 0) >= units for item_id, units in parcel.quantities.items()):
                visible.append(parcel.pk)
                for item_id, units in parcel.quantities.items():
                    open_units[item_id] -= units
        told.filter(pk__in=visible, state=Told.ACCEPTED).update(state=Told.CONFIRMED)

    def _settle_cancellations(self, changes: Sequence[Change]) -> None:
        """Amazon shows orders as cancelled: what we asked for is confirmed, everything else is news."""
        if not changes:
            return
        ids = [change.row.order_id for change in changes]
        ours = OrderMessage.objects.everyone().filter(
            connection=self.connection, amazon_order_id__in=ids, kind=OrderMessage.Kind.CANCEL
        )
        asked_for = dict(ours.exclude(state__in=SETTLED).values_list("amazon_order_id", "state"))
        ours.filter(state=OrderMessage.State.ACCEPTED).update(state=OrderMessage.State.CONFIRMED)
        drop_acknowledgements(self.connection.pk, ids)
        for change in changes:
            order_id = change.row.order_id
            if asked_for.get(order_id) == OrderMessage.State.ACCEPTED:
                self._note(change, "cancel_confirmed")
            elif order_id not in asked_for and change.known and change.known.status != intake.CANCELLED:
                self._note(change, "cancelled_at_amazon", by=change.row.cancelled_by)
            self.settled += [
                f"cancel_not_visible:{order_id}",
                trouble_key(OrderMessage.Kind.CANCEL, order_id),
            ]

    def _note(self, change: Change, kind: str, **details: object) -> None:
        self.entries.append(Entry(self.connection.pk, kind, self.now, change.incoming.order_id, details))

    def _ask(self, change: Change, kind: str, **details: object) -> None:
        order_id = change.incoming.order_id
        self.matters.append(Matter(kind, f"{kind}:{order_id}", order_id, details))


def reservation_key(order_id: str, item_id: str) -> str:
    """The shop gives a reservation back by itself when the order with this key is placed."""
    return f"{intake.CHANNEL}:{order_id}:{item_id}"


def terms_of(connection: Connection) -> Terms:
    """What the connection decides about its orders in the shop."""
    return Terms(notify_buyer=connection.dispatch_mail, connected_at=connection.connected_at)


def unassigned_key(sku: str, asin: str, order_id: str, item_id: str) -> str:
    """One matter for all lines of a SKU: assigning the product once settles it."""
    return f"assign_product:{sku or asin or f'{order_id}:{item_id}'}"


def _unassigned(row: AmazonOrder, item: AmazonOrderItem) -> Matter:
    key = unassigned_key(item.sku, item.asin, row.order_id, item.item_id)
    details = {"sku": item.sku, "asin": item.asin, "title": item.title, "item_id": item.item_id}
    return Matter("assign_product", key, row.order_id, details)


def _for_shop(change: Change, terms: Terms, now: datetime) -> NewOrder:
    """Of an order that is long delivered no personal data are taken in at all (reference 18.1)."""
    assert change.amounts is not None
    purge_at = change.row.purge_at
    is_history = change.incoming.status == intake.SHIPPED and purge_at is not None and purge_at <= now
    if is_history:
        change.row.purged_at = now
    return intake.new_order(
        change.incoming, change.amounts, change.product_ids, terms, with_people=not is_history
    )


def _news_for_shop(change: Change) -> OrderUpdate:
    update = intake.order_update(change.incoming, with_people=change.row.purged_at is None)
    if change.incoming.asked.knows("FULFILLMENT"):
        return update
    return replace(update, lines={})  # quantities were not asked for; a status alone proves none
