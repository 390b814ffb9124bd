"""What happened to an order: written down once, told to the channels it concerns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kogge.backoffice.channels import channel_of, tell_own_orders_changed
from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Parcel
from kogge.backoffice.stock import lock_shop


def hold(order: Order) -> list[OrderLine]:
    """Lock the shop and read the order afresh; its lines. First statement of everything that changes it."""
    lock_shop(order.merchant_id)
    order.refresh_from_db()
    return list(order.lines.all())


def write_down(
    order: Order,
    kind: OrderEvent.Kind,
    *,
    actor: str,
    now: datetime,
    parcel: Parcel | None = None,
    **details: Any,
) -> None:
    """Append to the log of the order. `details` hold no personal data. The shop is locked."""
    OrderEvent.objects.everyone().create(
        merchant_id=order.merchant_id,
        order=order,
        channel=order.channel,
        kind=kind,
        at=now,
        actor=actor,
        parcel=parcel,
        details=details,
    )
    tell_listeners(order.merchant_id, now=now)


def tell_channel(order: Order, *, now: datetime) -> None:
    """Wake whom it concerns, so that they hear of the change within seconds of the commit.

    That is the channel the order came over; an own order concerns every channel that could ship it.
    """
    if channel := channel_of(order):
        channel.shop_changed(order.merchant_id, now=now)
    elif order.is_own:
        tell_own_orders_changed(order.merchant_id, now=now)
