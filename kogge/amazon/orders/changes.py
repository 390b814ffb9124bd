"""What an order of a page means compared with what is known of it: is it news, and what must stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kogge.amazon.connections.models import Connection
from kogge.amazon.orders import intake
from kogge.amazon.orders.amounts import OrderAmounts, price
from kogge.amazon.orders.intake import Incoming
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem

Intake = AmazonOrder.Intake


@dataclass(slots=True)
class Change:
    """One order of the page, what was known of it, and what becomes of it."""

    incoming: Incoming
    known: AmazonOrder | None
    row: AmazonOrder
    items: list[AmazonOrderItem]
    amounts: OrderAmounts | None
    placed_now: bool = False

    @property
    def was_placed(self) -> bool:
        return self.known is not None and self.known.intake == Intake.PLACED

    @property
    def product_ids(self) -> dict[str, str]:
        return {item.item_id: item.product_id for item in self.items if item.product_id}


def newest(page: Iterable[Incoming]) -> list[Incoming]:
    """An order that is on a page twice counts once, as it was last."""
    newest: dict[str, Incoming] = {}
    for one in page:
        before = newest.get(one.order_id)
        if before is None or one.order.last_updated_time >= before.order.last_updated_time:
            newest[one.order_id] = one
    return list(newest.values())


def is_news(incoming: Incoming, known: AmazonOrder | None) -> bool:
    """Whether an order tells more than what is stored: later, more completely, or readable at last."""
    if known is None or known.updated_at is None:
        return True
    told_at = incoming.order.last_updated_time
    if told_at != known.updated_at:
        return told_at > known.updated_at
    if known.intake in (Intake.UNREADABLE, Intake.REFUSED):
        return True
    return set(incoming.asked.data_sets) > set(known.data_sets.split(","))


def waiting_change(
    connection: Connection, incoming: Incoming, known: AmazonOrder, *, now: datetime
) -> Change:
    """The change that places an order which waited, from what was kept of it. Raises `InvalidValue`."""
    amounts = price(incoming.order)
    row = intake.order_row(incoming, connection.pk, amounts, now=now)
    keep_known(row, known, incoming)
    row.intake, row.sealed_raw = Intake.TO_PLACE, known.sealed_raw
    change = Change(incoming, known, row, intake.item_rows(incoming), amounts)
    keep_products(change)
    return change


def gives_back(change: Change) -> bool:
    """Placing gives a reservation back by itself; every other end of waiting does it here."""
    return (
        change.known is not None
        and change.known.intake not in (Intake.PLACED, Intake.IGNORED)
        and change.row.intake == Intake.IGNORED
    )


def keep_known(row: AmazonOrder, known: AmazonOrder, incoming: Incoming) -> None:
    """What Amazon leaves out now stays as it was known (promise 8)."""
    row.shop_order_id, row.shop_order_number = known.shop_order_id, known.shop_order_number
    row.purged_at = known.purged_at
    row.has_address = row.has_address or known.has_address
    row.status = row.status or known.status
    row.service_level = row.service_level or known.service_level
    row.ship_by = row.ship_by or known.ship_by
    row.deliver_by = row.deliver_by or known.deliver_by
    row.purge_at = intake.purge_moment(row.deliver_by or row.ship_by or incoming.order.last_updated_time)
    if row.total is None:
        row.total, row.currency, row.sum_matches = known.total, known.currency, known.sum_matches
    if not incoming.asked.knows("CANCELLATION"):
        row.cancel_requested = known.cancel_requested


def keep_products(change: Change) -> None:
    """Products that were found or assigned before stay, and so do units known to have left."""
    if change.known is None:
        return
    before = {item.item_id: item for item in change.known.items.all()}
    for item in change.items:
        if item.item_id in before:
            item.product_id = before[item.item_id].product_id
            if not change.incoming.asked.knows("FULFILLMENT"):
                item.fulfilled = max(item.fulfilled, before[item.item_id].fulfilled)
