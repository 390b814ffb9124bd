"""How a fulfilment order ends: all shipped, or the rest returns, or the merchant's wish comes true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from kogge.amazon.fba import wishes
from kogge.amazon.fba.cancelling import tell_refused
from kogge.amazon.fba.ending import BY, ask_human, give_back, note
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.parcels import Books, record_rest
from kogge.shops.port import Shop, ShopRefuses
from kogge.spapi import fulfillment_orders as amazon

# Amazon may call an order complete before it tells all parcels. Then it is sent all the same.
WAITS_FOR_PARCELS = timedelta(hours=2)

State, Wish = FulfillmentOrder.State, FulfillmentOrder.Wish

_NOTHING_MORE = {"CANCELLED", "UNFULFILLABLE", "INVALID"}
_REASONS = {"CANCELLED": "cancelled_by_amazon", "UNFULFILLABLE": "unfulfillable", "INVALID": "invalid"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended. `returned` are the lines of which something was not sent."""

    state: str
    reason: str = ""
    returned: tuple[str, ...] = ()
    is_unclear: bool = False  # units left and no parcel is known
    wish: str = ""  # that comes true now
    missed: str = ""  # the wish that did not


def ending(shop: Shop, books: Books, told: amazon.FulfillmentOrder, *, now: datetime) -> Ending | None:
    """What the end is; None while there is none. The shop hears of it here, before our rows are locked.

    Given back is only what Amazon says it does not send: anything else could be shipped twice.
    """
    if not told.is_final or books.is_waiting or _is_under_way(told):
        return None
    lost = _not_coming(books, told)
    unclear = {
        line.line_id: rest
        for line in books.lines
        if (rest := line.quantity - line.shipped - line.returned - lost[line.line_id]) > 0
    }
    if unclear:
        if now < (books.order.status_changed_at or now) + WAITS_FOR_PARCELS:
            return None
        record_rest(shop, books, unclear, now=now)
    returned = tuple(line.line_id for line in books.lines if line.quantity > line.shipped + line.returned)
    if returned:  # the shop is locked before our rows, as everywhere; giving back finds it done
        shop.take_back(books.order.shop_order_id, returned, BY, now=now)
    return _judged(books, told, returned, is_unclear=bool(unclear))


def settle(shop: Shop, books: Books, end: Ending, *, now: datetime) -> None:
    """Let the shop and the order follow the end; the rows are locked, and saved by the caller."""
    order = books.order
    if end.returned:
        give_back(shop, order, end.returned, reason=end.reason, now=now)
    if end.wish == Wish.CANCEL_ORDER:
        _cancel_in_shop(shop, order, now)
    if end.missed:
        tell_refused(order, end.missed, "too_late", "", now=now)
    if end.is_unclear:
        ask_human(order, "fulfillment_unclear", now, {"case": "complete"})
    order.state, order.reason, order.finished_at = end.state, end.reason, now
    order.wish = end.wish
    if end.wish:
        note(order, "fulfillment_cancelled", now, wish=end.wish)
    elif end.returned:
        note(order, "fulfillment_returned", now, reason=end.reason)


def go_on(order: FulfillmentOrder, end: Ending, *, now: datetime) -> None:
    """The merchant wished to hand it over once more: a new attempt, once this one is stored as over."""
    if end.wish != Wish.RESEND:
        return
    try:
        with transaction.atomic():
            wishes.plan_again(
                order.merchant_id, order.shop_order_id, by=order.wished_by, now=now, instead_of=order
            )
    except (wishes.TooLate, ShopRefuses) as error:
        ask_human(order, "fulfillment_returned", now, {"reason": "other", "message": str(error)})


def _is_under_way(told: amazon.FulfillmentOrder) -> bool:
    """Whether a shipment may still leave, although Amazon calls the order complete."""
    over = ("SHIPPED", "CANCELLED")
    return told.status not in _NOTHING_MORE and any(each.status not in over for each in told.shipments)


def _not_coming(books: Books, told: amazon.FulfillmentOrder) -> Mapping[str, int]:
    """How many units of each line Amazon does not send."""
    if told.status in _NOTHING_MORE:
        return Counter({
            line.line_id: line.quantity - line.shipped - line.returned for line in books.lines
        })  # fmt: skip
    lost = Counter({line.line_id: line.cancelled + line.unfulfillable for line in told.lines})
    if told.status == "COMPLETE_PARTIAL" and not any(lost.values()):
        lost = Counter({line.line_id: line.quantity - line.shipped for line in books.lines})
    return lost


def _judged(
    books: Books, told: amazon.FulfillmentOrder, returned: tuple[str, ...], *, is_unclear: bool
) -> Ending:
    wish = books.order.wish
    if not returned:
        return Ending(State.DONE, is_unclear=is_unclear, missed=wish)
    if any(line.shipped for line in books.lines):
        state, reason = State.PARTIAL, "partial"
    else:
        state = State.CANCELLED if told.status == "CANCELLED" else State.RETURNED
        reason = _REASONS.get(told.status, "partial")
    if wish == Wish.CANCEL_ORDER and state == State.PARTIAL:
        return Ending(state, reason, returned, is_unclear, missed=wish)
    if wish:
        return Ending(state, "by_merchant", returned, is_unclear, wish=wish)
    return Ending(state, reason, returned, is_unclear)


def _cancel_in_shop(shop: Shop, order: FulfillmentOrder, now: datetime) -> None:
    """Where the shop will not, the lines are the merchant's, who sees why."""
    try:
        with transaction.atomic():
            shop.cancel_own_order(order.shop_order_id, order.wish_reason, BY, now=now)
    except ShopRefuses as error:
        ask_human(order, "fulfillment_returned", now, {"reason": "other", "message": str(error)})
