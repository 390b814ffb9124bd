"""Asking Amazon to cancel what the merchant wants back. Accepted is not cancelled: the next look tells."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from kogge.amazon.connections.consequences import BACK_OFF
from kogge.amazon.fba.asking import Desk
from kogge.amazon.fba.ending import ask_human, locked, note
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.engine.due import make_due
from kogge.spapi import fulfillment_outbound
from kogge.spapi.errors import AskHuman, Throttled, TryLater
from kogge.spapi.fulfillment_orders import NotCancellable

State = FulfillmentOrder.State


def cancel(desk: Desk, order: FulfillmentOrder) -> bool:
    """Ask once; asked again later as long as the order stands. False: Amazon refuses. Raises `TryLater`."""
    try:
        desk.ask_about(
            order, lambda version: fulfillment_outbound.cancel(desk.client, version, order.order_id)
        )
    except Throttled:
        raise
    except TryLater as error:
        _look_soon(desk, order, str(error))
        raise
    except NotCancellable as refusal:
        reason = "too_late" if not refusal.order.may_be_cancelled else "other"
        _refused(desk, order, reason, refusal.message)
        return False
    except AskHuman as error:
        _look_soon(desk, order, str(error))  # Amazon does not find it: the next look asks a human if it must
        return False
    _look_soon(desk, order, "")
    return True


def _look_soon(desk: Desk, order: FulfillmentOrder, error: str) -> None:
    """Whatever the answer was, only what Amazon shows afterwards counts."""
    now = desk.work.now
    pause = BACK_OFF[min(order.attempts, len(BACK_OFF) - 1)]
    with transaction.atomic():
        standing = locked(order, [State.HANDED])
        standing.attempts, standing.not_before = order.attempts + 1, now + pause
        standing.last_error, standing.look_at = error, now
        standing.save(update_fields=["attempts", "not_before", "last_error", "look_at"])
        desk.work.keep()
        make_due("follow_fulfillment", order.connection_id, now=now)


def _refused(desk: Desk, order: FulfillmentOrder, reason: str, message: str) -> None:
    """Amazon ships it: the wish cannot come true, and the merchant hears of it."""
    now = desk.work.now
    with transaction.atomic():
        standing = locked(order, [State.HANDED])
        wish, standing.wish = standing.wish, ""
        standing.attempts, standing.not_before, standing.look_at = 0, None, now
        standing.save(update_fields=["wish", "attempts", "not_before", "look_at"])
        tell_refused(standing, wish, reason, message, now=now)
        desk.work.keep()
        make_due("follow_fulfillment", order.connection_id, now=now)


def tell_refused(order: FulfillmentOrder, wish: str, reason: str, message: str, *, now: datetime) -> None:
    """Write down that Amazon does not cancel any more, and say so. Inside a transaction."""
    details = {"reason": reason, "message": message, "wish": wish}
    note(order, "fulfillment_cancel_refused", now, **details)
    ask_human(order, "fulfillment_cancel_refused", now, details)
