"""Following the channel: what it says later about an order the shop has already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from kogge.backoffice import people, stock
from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import Order, OrderEvent, OrderLine
from kogge.backoffice.orders import cancel_open_units
from kogge.backoffice.people import People, read_people, seal_people
from kogge.backoffice.progress import PROGRESS, anything_shipped, settle
from kogge.shops.port import LineState, OrderUpdate, Updated

PACKED = "already_packed"
SHIPPED = "already_shipped"

ORDER_COLUMNS = ["ship_by", "deliver_by", "sealed_people", *PROGRESS, "changed_at"]
LINE_COLUMNS = ["shipped", "cancelled"]


def update_orders(merchant_id: int, updates: Sequence[OrderUpdate], *, now: datetime) -> list[Updated]:
    """Follow what happened at the channel, in the order of the updates; unknown orders are left out.

    The shop's own knowledge stands: personal data is never blanked, units shipped here never become
    fewer, and what is packed or shipped is not cancelled but answered with a conflict.
    """
    with transaction.atomic():
        stock.lock_shop(merchant_id)
        orders = _orders(merchant_id, updates)
        lines = _lines(merchant_id, orders.values())
        answers = []
        changes: dict[int, _Change] = {}
        for update in updates:
            order = orders.get((update.channel, update.external_id))
            if order is not None:
                change = changes.setdefault(order.pk, _Change(order, lines[order.pk]))
                answers.append(_follow(change, update, now))
        _store([change for change in changes.values() if change.seen], now)
    return answers


@dataclass(slots=True)
class _Change:
    """What becomes of one order."""

    order: Order
    lines: Sequence[OrderLine]
    seen: dict[str, Any] = field(default_factory=dict)  # the event's details: what changed
    moved: list[OrderLine] = field(default_factory=list)
    moves: list[stock.Movement] = field(default_factory=list)
    people: People | None = None

    def note_units(self, word: str, position: int, units: int) -> None:
        """For the event: so many units of this line are shipped or cancelled now."""
        self.seen[word] = {**self.seen.get(word, {}), str(position): units}


def _orders(merchant_id: int, updates: Sequence[OrderUpdate]) -> dict[tuple[str, str], Order]:
    found = Order.objects.of_id(merchant_id).filter(
        channel__in={update.channel for update in updates},
        external_id__in=[update.external_id for update in updates],
    )
    return {(order.channel, order.external_id): order for order in found}


def _lines(merchant_id: int, orders: Any) -> Mapping[int, list[OrderLine]]:
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.of_id(merchant_id).filter(order__in=orders).order_by("position"):
        lines[line.order_id].append(line)
    return lines


def _follow(change: _Change, update: OrderUpdate, now: datetime) -> Updated:
    before = dict(change.seen)
    _follow_windows(change, update)
    _follow_people(change, update)
    if update.cancelled_by:
        conflict = _follow_cancellation(change, update, now)
    else:
        conflict = _follow_units(change, update.lines)
    return Updated(update.external_id, changed=change.seen != before, conflict=conflict)


def _follow_windows(change: _Change, update: OrderUpdate) -> None:
    order = change.order
    if update.ship_by and update.ship_by != order.ship_by:
        order.ship_by = update.ship_by
        change.seen["ship_by"] = update.ship_by.isoformat()
    if update.deliver_by and update.deliver_by != order.deliver_by:
        order.deliver_by = update.deliver_by
        change.seen["deliver_by"] = update.deliver_by.isoformat()


def _follow_people(change: _Change, update: OrderUpdate) -> None:
    """New data completed by what was known (promise 8); what was forgotten stays forgotten."""
    order = change.order
    if order.people_forgotten_at or not (update.shipping_address or update.buyer_name or update.email):
        return
    known = change.people or read_people(order)
    now_known = replace(
        known,
        buyer_name=update.buyer_name or known.buyer_name,
        email=update.email or known.email,
        shipping=update.shipping_address.completed_by(known.shipping),
    )
    if now_known == known:
        return
    if now_known.shipping != known.shipping:
        change.seen["address"] = "changed" if known.shipping else "arrived"
    if (now_known.buyer_name, now_known.email) != (known.buyer_name, known.email):
        change.seen["buyer"] = "changed"
    change.people = now_known
    order.sealed_people = seal_people(order.merchant_id, now_known)


def _follow_cancellation(change: _Change, update: OrderUpdate, now: datetime) -> str:
    order = change.order
    if order.status == Order.Status.CANCELLED:
        return ""
    if anything_shipped(change.lines):
        return SHIPPED
    if order.delivery_status == Order.Delivery.PACKING:
        return PACKED
    order.cancel_reason = "buyer_cancelled" if update.cancelled_by == "buyer" else "other"
    cancel_open_units(order, change.lines, actor=order.channel, now=now)
    change.seen["cancelled_by"] = update.cancelled_by
    return ""


def _follow_units(change: _Change, states: Mapping[str, LineState]) -> str:
    conflict = ""
    for line in change.lines:
        if state := states.get(line.external_id):
            conflict = _follow_line(change, line, state) or conflict
    return conflict


def _follow_line(change: _Change, line: OrderLine, state: LineState) -> str:
    conflict = ""
    shipped, cancelled = line.shipped, line.cancelled
    # Channels tell a cancelled unit in one of two ways: as cancelled, or by a smaller quantity.
    gone = max(state.cancelled, line.quantity - state.quantity)
    if gone > cancelled:
        if change.order.delivery_status == Order.Delivery.PACKING:
            conflict = PACKED
        else:
            conflict = SHIPPED if gone > line.quantity - shipped else ""
            _cancel_units(change, line, min(gone, line.quantity - shipped) - cancelled)
    line.shipped = max(shipped, min(state.shipped, line.quantity - line.cancelled))
    if line.shipped > shipped:
        change.note_units("shipped", line.position, line.shipped)
        if line.oversold and line.product_id:
            change.moves.append(stock.settle_shipped(line))
    if (line.shipped, line.cancelled) != (shipped, cancelled) and line not in change.moved:
        change.moved.append(line)
    return conflict


def _cancel_units(change: _Change, line: OrderLine, units: int) -> None:
    if units <= 0:
        return
    line.cancelled += units
    change.note_units("cancelled", line.position, line.cancelled)
    if change.order.moves_stock and line.product_id:
        change.moves.append(stock.give_back(line, units))


def _store(changes: Sequence[_Change], now: datetime) -> None:
    """A fixed number of statements for all orders that changed."""
    if not changes:
        return
    merchant_id, actor = changes[0].order.merchant_id, changes[0].order.channel
    for change in changes:
        if change.moved:
            packing = change.order.delivery_status == Order.Delivery.PACKING
            settle(change.order, change.lines, packing=packing)
        change.order.changed_at = now
    # Upserts by key: several times as fast as `bulk_update` and its CASE for every cell.
    Order.objects.everyone().bulk_create(
        [change.order for change in changes],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=ORDER_COLUMNS,
    )
    OrderLine.objects.everyone().bulk_create(
        [line for change in changes for line in change.moved],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=LINE_COLUMNS,
    )
    moves = [movement for change in changes for movement in change.moves]
    stock.move(merchant_id, moves, actor=actor, now=now)
    people.index_words_afresh(
        merchant_id, {change.order.pk: change.people for change in changes if change.people}
    )
    OrderEvent.objects.everyone().bulk_create(_event(change, now) for change in changes)
    tell_listeners(merchant_id, now=now)


def _event(change: _Change, now: datetime) -> OrderEvent:
    order = change.order
    cancelled_by = change.seen.get("cancelled_by", "")
    kind = OrderEvent.Kind.CANCELLED if cancelled_by else OrderEvent.Kind.CHANGED_BY_CHANNEL
    details = {**change.seen, "by": cancelled_by} if cancelled_by else change.seen
    return OrderEvent(
        merchant_id=order.merchant_id,
        order_id=order.pk,
        channel=order.channel,
        kind=kind,
        at=now,
        actor=order.channel,
        details=details,
    )
