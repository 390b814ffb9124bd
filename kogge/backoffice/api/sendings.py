"""What the API calls shipments, read from the shop's log: what is being packed, and what was sent.

A shipment has the id of the event it began with: that of packing, or else that of sending. So it keeps its id
from the first handle to the parcel, and nothing has to be written to show one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kogge.backoffice.models import Order, OrderEvent, OrderLine, Parcel, ParcelItem
from kogge.backoffice.progress import own_units

Kind = OrderEvent.Kind
_TOLD_BY = (Kind.PACKING, Kind.PACKING_RESET, Kind.CANCELLED, Kind.PARCEL_SENT)


@dataclass(slots=True)
class Sending:
    """A shipment. `units` by line id; without a parcel it is being packed."""

    id: int
    order: Order
    began_at: datetime
    parcel: Parcel | None = None
    units: dict[int, int] = field(default_factory=dict)


def sendings_of(
    orders: Sequence[Order], lines: Mapping[int, Sequence[OrderLine]]
) -> dict[int, list[Sending]]:
    """The shipments of orders of one merchant, by order, the oldest first; three statements for all.

    `lines` are the lines by order: what is being packed is what the merchant has to send of them.
    """
    if not orders:
        return {}
    merchant_id, keys = orders[0].merchant_id, [order.pk for order in orders]
    events: dict[int, list[OrderEvent]] = defaultdict(list)
    told = OrderEvent.objects.of_id(merchant_id).filter(order__in=keys, kind__in=_TOLD_BY)
    for event in told.order_by("id").only("order_id", "kind", "parcel_id", "at", "details"):
        events[event.order_id].append(event)
    parcels, units = _parcels(merchant_id, keys) if events else ({}, {})
    return {order.pk: _fold(order, events[order.pk], parcels, units, lines) for order in orders}


def order_of_sending(merchant_id: int, pk: int) -> Order | None:
    """The order to which a shipment may belong."""
    began = OrderEvent.objects.of_id(merchant_id).filter(pk=pk, kind__in=(Kind.PACKING, Kind.PARCEL_SENT))
    event = began.select_related("order__merchant").first()
    return event.order if event else None


def _parcels(
    merchant_id: int, orders: Collection[int]
) -> tuple[dict[int, Parcel], Mapping[int, dict[int, int]]]:
    parcels = {
        parcel.pk: parcel for parcel in Parcel.objects.of_id(merchant_id).filter(order__in=orders).order_by()
    }
    units: dict[int, dict[int, int]] = defaultdict(dict)
    items = ParcelItem.objects.of_id(merchant_id).filter(parcel__order__in=orders)
    for parcel, line, quantity in items.values_list("parcel_id", "line_id", "quantity"):
        units[parcel][line] = quantity
    return parcels, units


def _fold(
    order: Order,
    events: Sequence[OrderEvent],
    parcels: Mapping[int, Parcel],
    units: Mapping[int, dict[int, int]],
    lines: Mapping[int, Sequence[OrderLine]],
) -> list[Sending]:
    found: list[Sending] = []
    packing: OrderEvent | None = None
    for event in events:
        match event.kind:
            case Kind.PACKING:
                packing = event
            case Kind.PACKING_RESET | Kind.CANCELLED:
                packing = None
            case Kind.PARCEL_SENT if parcel := parcels.get(event.parcel_id or 0):
                began = event
                if packing and not parcel.fulfilled_by:  # what a fulfiller sends nobody packs here
                    began, packing = packing, None
                found.append(Sending(began.pk, order, event.at, parcel, units.get(parcel.pk, {})))
    if packing and order.delivery_status == Order.Delivery.PACKING:
        waiting = {line.pk: left for line in lines.get(order.pk, ()) if (left := own_units(line))}
        found.append(Sending(packing.pk, order, packing.at, None, waiting))
    return found
