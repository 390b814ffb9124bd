"""What the merchant did in the shop becomes acts Amazon must hear of: rows, in the cursor's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists

from kogge.amazon.connections.accounts import next_turn, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.messages import queue_cancellation
from kogge.amazon.journal.book import Entry, close_troubles, open_trouble, record
from kogge.amazon.orders import intake
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation, ShopCursor
from kogge.amazon.orders.reinstating import reinstate_orders, untold
from kogge.engine.due import make_due
from kogge.engine.work import LeaseLost, Outcome, Work
from kogge.shops.port import ChangePage, OrderCancelled, ParcelSent
from kogge.values import plain_text

SAFETY_NET = timedelta(hours=1)  # every change in the shop makes this due, in its own transaction
PAGE = 200

State = ShipmentConfirmation.State


@amazon_operation
def read_shop(connection: Connection, work: Work) -> Outcome:
    """Read the shop's changes since the last time: parcels to confirm, orders to cancel.

    Then tell the shop which orders stand again, because Amazon did not cancel them.
    """
    shop = shop_of(connection)
    cursor, some_are_rejected = _standing(connection)
    done, more = 0, True
    while more:
        page = shop.order_changes(intake.CHANNEL, cursor.cursor, PAGE)
        if page.cursor != cursor.cursor:
            done += _store(connection, cursor, page, work)
        more = page.more
    if some_are_rejected:
        done += reinstate_orders(connection, shop, work)
    return Outcome(next_turn(connection.pk, work.operation, SAFETY_NET, work.now), done=done)


def rejected_key(order_id: str, parcel: int) -> str:
    """The key of the trouble a parcel can have whose confirmation was rejected."""
    return f"shipment_rejected:{order_id}:{parcel}"


def _standing(connection: Connection) -> tuple[ShopCursor, bool]:
    """How far the shop was read, and whether it must be told of cancellations that came to nothing."""
    known = ShopCursor.objects.everyone().filter(connection=connection)
    cursor = known.annotate(some_are_rejected=Exists(untold(connection))).first()
    if cursor is None:
        return ShopCursor.objects.everyone().get_or_create(connection=connection)[0], True
    return cursor, cursor.some_are_rejected


def _store(connection: Connection, cursor: ShopCursor, page: ChangePage, work: Work) -> int:
    with transaction.atomic():
        work.keep()
        changes = [change for change in page.changes if isinstance(change, ParcelSent | OrderCancelled)]
        orders = _orders(connection, (change.external_id for change in changes))
        queued = 0
        for change in changes:
            order = orders.get(change.external_id)
            if order is None:
                continue  # another connection's order: the channel is the merchant's, not ours alone
            if isinstance(change, ParcelSent):
                queued += _queue_parcel(order, change, work.now)
            else:
                queued += _queue_cancellation(order, change, work.now)
        if any(isinstance(change, ParcelSent) for change in changes):
            make_due("confirm_shipments", connection.pk, now=work.now)
        standing = ShopCursor.objects.everyone().filter(pk=cursor.pk, cursor=cursor.cursor)
        if not standing.update(cursor=page.cursor):
            raise LeaseLost(f"the shop's changes of connection {connection.pk} were read by somebody else")
    cursor.cursor = page.cursor
    return queued


def _orders(connection: Connection, order_ids: Iterable[str]) -> dict[str, AmazonOrder]:
    rows = AmazonOrder.objects.everyone().filter(connection=connection, order_id__in=set(order_ids))
    return {row.order_id: row for row in rows.prefetch_related("items", "confirmations")}


def _queue_parcel(order: AmazonOrder, change: ParcelSent, now: datetime) -> int:
    """The same parcel again is a correction: the same number at Amazon, so an edit and no second parcel."""
    told = ShipmentConfirmation.objects.everyone().filter(order=order, parcel=change.parcel).first()
    if told is not None:
        return _correct(order, told, change, now)
    is_cancelled = order.status == intake.CANCELLED
    is_known = _amazon_knows(order, change)
    ShipmentConfirmation.objects.everyone().create(
        connection_id=order.connection_id,
        order=order,
        parcel=change.parcel,
        carrier=plain_text(change.tracking.carrier, 80),
        tracking_number=plain_text(change.tracking.number.strip(), 100),
        shipped_at=change.sent_at,
        quantities=dict(change.quantities),
        ship_by=order.ship_by,
        state=State.DROPPED if is_cancelled or is_known else State.WAITING,
        not_before=now,
        created_at=now,
    )
    if is_cancelled:
        _ask_to_hold_back(order, now)
        return 0
    _note(order, "shipped_at_amazon" if is_known else "shipment_queued", change, now)
    return 0 if is_known else 1


def _correct(order: AmazonOrder, told: ShipmentConfirmation, change: ParcelSent, now: datetime) -> int:
    carrier = plain_text(change.tracking.carrier, 80)
    number = plain_text(change.tracking.number.strip(), 100)
    if (told.carrier, told.tracking_number) == (carrier, number) or told.state == State.DROPPED:
        return 0
    if order.status == intake.CANCELLED:
        return 0  # nothing to tell any more; a human was asked already
    told.carrier, told.tracking_number = carrier, number
    told.edition += 1
    told.state, told.attempts, told.not_before, told.last_error = State.WAITING, 0, now, ""
    told.save()
    close_troubles(order.connection_id, [rejected_key(order.order_id, told.parcel)], now=now)
    _note(order, "shipment_queued", change, now)
    return 1


def _amazon_knows(order: AmazonOrder, change: ParcelSent) -> bool:
    """Whether Amazon has no open units for the parcel, because it was shipped in Seller Central.

    Parcels Amazon has still to hear of do not count: some of them may be among its fulfilled units
    already. In doubt Amazon is told; if it refuses, a human sees it.
    """
    if order.status == intake.SHIPPED:
        return True
    open_units = {item.item_id: item.quantity - item.fulfilled for item in order.items.all()}
    return all(
        item_id in open_units and open_units[item_id] < units for item_id, units in change.quantities.items()
    )


def _ask_to_hold_back(order: AmazonOrder, now: datetime) -> None:
    """A parcel of an order Amazon cancelled: the same matter as when the check finds it packed."""
    open_trouble(
        order.connection_id,
        "cancelled_after_packing",
        f"cancelled_after_packing:{order.order_id}",
        now=now,
        amazon_order_id=order.order_id,
        by=order.cancelled_by,
    )


def _queue_cancellation(order: AmazonOrder, change: OrderCancelled, now: datetime) -> int:
    if order.status == intake.CANCELLED:
        return 0  # Amazon said so first
    queued = queue_cancellation(
        order.connection_id,
        order.order_id,
        marketplace_id=order.marketplace_id,
        item_ids=[item.item_id for item in order.items.all()],
        reason=change.reason,
        now=now,
    )
    close_troubles(order.connection_id, [f"cancel_requested:{order.order_id}"], now=now)
    return int(queued)


def _note(order: AmazonOrder, kind: str, change: ParcelSent, now: datetime) -> None:
    details = {
        "parcel": change.parcel,
        "carrier": change.tracking.carrier,
        "tracking_number": change.tracking.number,
    }
    record([Entry(order.connection_id, kind, now, order.order_id, details)])
