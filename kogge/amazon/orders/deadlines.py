"""What is overdue: parcels that Amazon should have heard of by now and has not."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Matter, open_troubles
from kogge.amazon.orders.models import ShipmentConfirmation

MOST = 500  # at once; the next check goes on

State = ShipmentConfirmation.State


def watch_deadlines(connection: Connection, *, now: datetime) -> None:
    """Ask a human to look at parcels whose ship-by date is over and that Amazon does not know of."""
    late = late_parcels(connection, now)
    matters = [
        Matter("shipment_late", f"shipment_late:{order_id}", order_id, {"ship_by": ship_by.isoformat()})
        for order_id, ship_by in late.values_list("order__order_id", "ship_by")[:MOST]
        if ship_by is not None
    ]
    if matters:
        open_troubles(connection.pk, matters, now=now)


def late_parcels(connection: Connection, now: datetime) -> QuerySet[ShipmentConfirmation]:
    """Parcels whose ship-by date is over and that Amazon does not know of."""
    return ShipmentConfirmation.objects.everyone().filter(
        connection=connection,
        state__in=[State.WAITING, State.SENDING, State.REJECTED],
        ship_by__lt=now,
    )
