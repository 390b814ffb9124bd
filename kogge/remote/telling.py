"""What happens in the copy becomes errands: rows, in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from kogge.backoffice.models import Order, OrderEvent, OrderLine
from kogge.backoffice.progress import open_units
from kogge.backoffice.stock import lock_shop
from kogge.engine.due import make_due
from kogge.remote import stock
from kogge.remote.models import Errand, RemoteOrderLink

RUN_ERRANDS = stock.RUN_ERRANDS

Event = OrderEvent.Kind
Kind = Errand.Kind

# What a fulfiller does, whoever had it done: the shop is told of it in any case.
BY_FULFILLER = (Event.HANDED_OVER, Event.TAKEN_BACK)
EVERYTHING = (
    Event.PLACED,
    Event.CHANGED_BY_CHANNEL,
    Event.CANCELLED,
    Event.REINSTATED,
    Event.PRODUCT_ASSIGNED,
    Event.PEOPLE_FORGOTTEN,
    Event.PARCEL_SENT,
    Event.TRACKING_CORRECTED,
    *BY_FULFILLER,
)

# An event that says no more than this one word to the shop.
_WORDS = {
    Event.CANCELLED: Kind.CANCEL_ORDER,
    Event.REINSTATED: Kind.REOPEN_ORDER,
    Event.PEOPLE_FORGOTTEN: Kind.FORGET_PEOPLE,
    Event.PARCEL_SENT: Kind.ADD_PARCEL,
    Event.TRACKING_CORRECTED: Kind.CORRECT_PARCEL,
    Event.HANDED_OVER: Kind.MARK_FULFILLED,
    Event.TAKEN_BACK: Kind.MARK_FULFILLED,
}


@contextmanager
def telling(merchant_id: int, *, now: datetime, of: Collection[Event] = EVERYTHING) -> Iterator[None]:
    """Have the shop told what happens inside. Locks the copy, and holds one transaction."""
    with transaction.atomic():
        lock_shop(merchant_id)
        # Ids only grow, so whatever is written from now on comes after the last of all merchants'.
        last = OrderEvent.objects.everyone().aggregate(last=Max("id"))["last"] or 0
        yield
        _tell(merchant_id, last, of, now)


def _tell(merchant_id: int, after: int, kinds: Collection[Event], now: datetime) -> None:
    mine = OrderEvent.objects.of_id(merchant_id).filter(id__gt=after)
    events = list(mine.filter(kind__in=kinds).order_by("id").select_related("order"))
    errands = _begin(merchant_id, [event.order for event in events if event.kind == Event.PLACED], now)
    links = {
        link.order_id: link
        for link in RemoteOrderLink.objects.of_id(merchant_id).filter(
            order__in={each.order_id for each in events}
        )
    }
    known = [event for event in events if event.order_id in links]
    for event in known:
        errands += _errands(event, now)
        if event.kind == Event.CHANGED_BY_CHANNEL and event.details.get("cancelled"):
            _say_units(links[event.order_id], event.order)
    if errands:
        Errand.objects.everyone().bulk_create(errands, ignore_conflicts=True)
        make_due(RUN_ERRANDS, merchant_id, now=now)
    moved = {event.order_id for event in known if event.kind != Event.PLACED}
    if moved:
        stock.square(merchant_id, moved, now=now)


def _begin(merchant_id: int, orders: Sequence[Order], now: datetime) -> list[Errand]:
    """Orders that are to be written over there. What was over before the connection, is."""
    begun = [order for order in orders if not order.is_own]
    history = {order.pk for order in begun if not order.moves_stock}
    if history:
        lines = OrderLine.objects.of_id(merchant_id).filter(order__in=history)
        history -= {line.order_id for line in lines if open_units(line)}
    begun = [order for order in begun if order.pk not in history]
    RemoteOrderLink.objects.everyone().bulk_create(
        [RemoteOrderLink(merchant_id=merchant_id, order=order) for order in begun], ignore_conflicts=True
    )
    return [_errand(order, Kind.CREATE_ORDER, f"create:{order.pk}", now) for order in begun]


def _errands(event: OrderEvent, now: datetime) -> list[Errand]:
    order, details = event.order, event.details
    if kind := _WORDS.get(Event(event.kind)):
        return [_errand(order, kind, f"{kind}:{event.pk}", now, parcel_id=event.parcel_id)]
    if event.kind == Event.PLACED and not order.is_own:
        # Of an order that was shipped elsewhere before we heard of it.
        return [_errand(order, Kind.ADD_PARCEL, f"elsewhere:{event.pk}", now)] if _has_left(order) else []
    if event.kind != Event.CHANGED_BY_CHANNEL:
        return []
    found = []
    if "address" in details or "buyer" in details:
        found.append(_errand(order, Kind.CHANGE_PEOPLE, f"people:{event.pk}", now))
    if "shipped" in details:
        found.append(_errand(order, Kind.ADD_PARCEL, f"elsewhere:{event.pk}", now))
    if "cancelled" in details and order.status == Order.Status.CANCELLED:
        found.append(_errand(order, Kind.CANCEL_ORDER, f"cancel:{event.pk}", now))
    return found


def tell_shipper(order: Order, *, now: datetime) -> None:
    """A channel ships lines of an own order from the moment it was placed."""
    errand = _errand(order, Kind.MARK_FULFILLED, f"mark_fulfilled:{order.pk}:placed", now)
    Errand.objects.everyone().bulk_create([errand], ignore_conflicts=True)
    make_due(RUN_ERRANDS, order.merchant_id, now=now)


def _has_left(order: Order) -> bool:
    return order.delivery_status in {Order.Delivery.SHIPPED, Order.Delivery.PARTIALLY_SHIPPED}


def _errand(
    order: Order, kind: Errand.Kind, key: str, now: datetime, *, parcel_id: int | None = None
) -> Errand:
    return Errand(
        merchant_id=order.merchant_id,
        kind=kind,
        key=key,
        order=order,
        parcel_id=parcel_id,
        not_before=now,
        created_at=now,
    )


def _say_units(link: RemoteOrderLink, order: Order) -> None:
    if said := units_cancelled(order):
        link.trouble = said
        link.save(update_fields=["trouble"])


def units_cancelled(order: Order) -> str:
    """Units of a line cannot be cancelled over there by us: what the merchant hears of it, or nothing."""
    fewer = [
        _("Position {position}: {units} Stück").format(position=line.position, units=line.cancelled)
        for line in order.lines.all()
        if line.cancelled
    ]
    if not fewer or order.status == Order.Status.CANCELLED:
        return ""
    return _(
        "Beim Verkaufskanal wurde ein Teil der Bestellung storniert ({units}). Ändere sie im Shop."
    ).format(units=", ".join(fewer))
