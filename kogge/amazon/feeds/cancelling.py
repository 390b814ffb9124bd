"""Cancellations are looked at twice: right before they go into a feed, and until they show at Amazon.

A cancellation after a shipment makes Amazon refund an order whose goods are on their way, and there is
no way back (reference 7). So only an order that Amazon shows as unshipped at this moment is cancelled.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _

from kogge.amazon.feeds.messages import Kind, State, trouble_key
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.feeds.outcomes import reject, take_out
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, close_troubles, open_trouble, record
from kogge.spapi.errors import AskHuman, NotFound
from kogge.spapi.orders_2026_01_01 import Order, OrderUnreadable, get_order, read_order

DATA_SETS = ("FULFILLMENT",)

# How long the last look before the feed counts: as long as looking at a feed's cancellations can take
# when Amazon's limit for it is used up (30 looks at one in two seconds).
CHECK_HOLDS = timedelta(minutes=2)
# When to look again at an order that can be neither cancelled nor given up now.
LOOK_AGAIN = timedelta(minutes=10)
# After Amazon accepted: at once, then after these, then hourly.
LOOKS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
ALARM_AFTER = timedelta(hours=2)

_UNSHIPPED = "UNSHIPPED"
_CANCELLED = "CANCELLED"
_SHIPPED = {"SHIPPED", "PARTIALLY_SHIPPED"}
_NOT_YET = {"PENDING", "PENDING_AVAILABILITY"}


def check_cancellations(turn: Round, feed: Feed) -> None:
    """Leave only those cancellations in a feed whose order Amazon shows as unshipped now."""
    for message in feed.messages.filter(kind=Kind.CANCEL, state=State.SENDING).order_by("message_no"):
        if message.checked_at is None or message.checked_at + CHECK_HOLDS <= turn.now:
            turn.work.keep()
            _check(turn, message)


def forget_checks(feed: Feed) -> None:
    """The feed did not get through: what was true of its orders may have changed until the next try."""
    feed.messages.filter(kind=Kind.CANCEL, state=State.SENDING).update(checked_at=None)


def verify_cancellations(turn: Round) -> None:
    """Look whether what Amazon accepted shows there; only then a cancellation is confirmed."""
    waiting = _accepted(turn.connection.pk).filter(not_before__lte=turn.now).order_by("not_before", "id")
    for message in waiting:
        turn.work.keep()
        _verify(turn, message)


def next_verification(connection_id: int) -> datetime | None:
    """When the next accepted cancellation is to be looked for."""
    at: datetime | None = _accepted(connection_id).aggregate(at=Min("not_before"))["at"]
    return at


def _check(turn: Round, message: OrderMessage) -> None:
    try:
        order = _read(turn, message)
    except NotFound:
        take_out(message)
        reject(turn, message, _("Amazon kennt diese Bestellung nicht."))
        return
    except (AskHuman, OrderUnreadable) as error:
        _wait(turn, message, str(error))
        return
    status = order.fulfillment.fulfillment_status if order.fulfillment else ""
    if status == _CANCELLED:
        take_out(message)
        _confirm(turn, message)
    elif status in _SHIPPED or _has_left(order):
        take_out(message)
        reject(turn, message, _("Bei Amazon ist die Bestellung schon ganz oder teilweise versendet."))
    elif status == _UNSHIPPED:
        _clear(turn, message, order)
    elif status in _NOT_YET or not status:
        _wait(turn, message, _("Amazon gibt die Bestellung noch nicht frei (%s).") % (status or "?"))
    else:
        take_out(message)
        reject(turn, message, _("Bei Amazon ist die Bestellung im Zustand %s.") % status)


def _verify(turn: Round, message: OrderMessage) -> None:
    try:
        order = _read(turn, message)
    except (AskHuman, OrderUnreadable) as error:
        _look_later(turn, message, str(error))
        return
    status = order.fulfillment.fulfillment_status if order.fulfillment else ""
    if status == _CANCELLED:
        _confirm(turn, message)
    elif status in _SHIPPED or _has_left(order):
        close_troubles(turn.connection.pk, [_not_visible_key(message)], now=turn.now)
        reject(turn, message, _("Bei Amazon ist die Bestellung schon ganz oder teilweise versendet."))
    else:
        _look_later(turn, message, "")


def _read(turn: Round, message: OrderMessage) -> Order:
    return read_order(get_order(turn.client, message.amazon_order_id, DATA_SETS))


def _has_left(order: Order) -> bool:
    return any(item.fulfillment and item.fulfillment.quantity_fulfilled for item in order.order_items)


def _clear(turn: Round, message: OrderMessage, order: Order) -> None:
    """It may be cancelled, and with it every item that Amazon names now."""
    message.checked_at = turn.now
    message.item_ids = [item.order_item_id for item in order.order_items] or message.item_ids
    message.save(update_fields=["checked_at", "item_ids"])


def _wait(turn: Round, message: OrderMessage, reason: str) -> None:
    message.state, message.not_before, message.last_error = State.WAITING, turn.now + LOOK_AGAIN, reason
    message.feed, message.message_no = None, None
    message.save(update_fields=["state", "not_before", "last_error", "feed", "message_no"])


def _confirm(turn: Round, message: OrderMessage) -> None:
    with transaction.atomic():
        message.state, message.checked_at, message.last_error = State.CONFIRMED, turn.now, ""
        message.save(update_fields=["state", "checked_at", "last_error"])
        record([Entry(turn.connection.pk, "cancel_confirmed", turn.now, message.amazon_order_id)])
        keys = [_not_visible_key(message), trouble_key(message.kind, message.amazon_order_id)]
        close_troubles(turn.connection.pk, keys, now=turn.now)
    turn.accepted += 1


def _look_later(turn: Round, message: OrderMessage, reason: str) -> None:
    pause = LOOKS[min(message.checks, len(LOOKS) - 1)]
    message.checks += 1
    message.checked_at, message.not_before, message.last_error = turn.now, turn.now + pause, reason
    with transaction.atomic():
        message.save(update_fields=["checks", "checked_at", "not_before", "last_error"])
        if message.accepted_at is not None and turn.now - message.accepted_at >= ALARM_AFTER:
            open_trouble(
                turn.connection.pk,
                "cancel_not_visible",
                _not_visible_key(message),
                now=turn.now,
                amazon_order_id=message.amazon_order_id,
            )


def _not_visible_key(message: OrderMessage) -> str:
    return f"cancel_not_visible:{message.amazon_order_id}"


def _accepted(connection_id: int) -> QuerySet[OrderMessage]:
    return OrderMessage.objects.everyone().filter(
        connection_id=connection_id, kind=Kind.CANCEL, state=State.ACCEPTED
    )
