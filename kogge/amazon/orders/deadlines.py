"""What is overdue: parcels Amazon does not know of yet, cancellations it does not show."""

from __future__ import annotations

from datetime import datetime, timedelta

from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.book import Matter, open_troubles
from kogge.amazon.orders.models import ShipmentConfirmation

# A cancellation that Amazon accepted should show in the order by then (reference 7).
CANCEL_VISIBLE_WITHIN = timedelta(hours=2)

MOST = 500  # at once; the next check goes on

Told = ShipmentConfirmation.State


def watch_deadlines(connection: Connection, *, now: datetime) -> None:
    """Ask a human to look at what is overdue."""
    matters = [*_late_parcels(connection, now), *_invisible_cancellations(connection, now)]
    if matters:
        open_troubles(connection.pk, matters, now=now)


def _late_parcels(connection: Connection, now: datetime) -> list[Matter]:
    late = ShipmentConfirmation.objects.everyone().filter(
        connection=connection, state__in=[Told.WAITING, Told.SENDING, Told.REJECTED], ship_by__lt=now
    )
    return [
        Matter("shipment_late", f"shipment_late:{order_id}", order_id, {"ship_by": ship_by.isoformat()})
        for order_id, ship_by in late.values_list("order__order_id", "ship_by")[:MOST]
        if ship_by is not None
    ]


def _invisible_cancellations(connection: Connection, now: datetime) -> list[Matter]:
    accepted = OrderMessage.objects.everyone().filter(
        connection=connection,
        kind=OrderMessage.Kind.CANCEL,
        state=OrderMessage.State.ACCEPTED,
        sent_at__lt=now - CANCEL_VISIBLE_WITHIN,
    )
    return [
        Matter("cancel_not_visible", f"cancel_not_visible:{order_id}", order_id)
        for order_id in accepted.values_list("amazon_order_id", flat=True)[:MOST]
    ]
