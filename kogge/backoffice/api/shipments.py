"""`/api/shipments`: what is being packed and what was sent.

A shipment begins with packing ("packing") or with sending ("delivered": handed to the carrier). What a client
writes about one that is still being packed is kept with the order until it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice import dispatch
from kogge.backoffice.api import order_writing
from kogge.backoffice.api.items import parent_order
from kogge.backoffice.api.models import OrderExtras
from kogge.backoffice.api.order_documents import (
    Page,
    ShipmentOut,
    noted_shipment,
    page_of,
    shipment_document,
    shipment_documents,
)
from kogge.backoffice.api.order_fields import Flag, Number, Word, flag, record, said, text, whole
from kogge.backoffice.api.orders import one_order
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query, number_from
from kogge.backoffice.api.sendings import Sending, order_of_sending
from kogge.backoffice.channels import channel_of
from kogge.backoffice.models import WAITING, Order, Parcel
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal

PACKING = {"", "packing", "undelivered"}
SENT = "delivered"


class ShippedItemIn(Struct, kw_only=True):
    """How many units of an item are inside."""

    id: Number = UNSET
    item_id: Number = UNSET
    quantity: Number = UNSET


ShippedItems = list[ShippedItemIn] | dict[str, ShippedItemIn] | None | UnsetType


class ShipmentIn(Struct, kw_only=True):
    """A shipment as a client writes it. Without items, all that is still to be sent is inside.

    Of a partial delivery without items it is said item by item afterwards, by `shipment_id` and `status`;
    it is sent with the first of them. With an empty list of items, of an order of which everything has left,
    it is one more parcel of the same. Only an order of a sales channel needs a carrier.
    """

    order_id: Number = UNSET
    carrier_name: Word = UNSET
    tracking_code: Word = UNSET
    status: Word = UNSET
    partial_delivery: Flag = UNSET
    items: ShippedItems = UNSET
    items_attributes: ShippedItems = UNSET


class Shipments:
    """Parcels that a channel sent out of its own warehouse are among them."""

    name: ClassVar[str] = "shipments"
    singular: ClassVar[str] = "shipment"
    output: ClassVar[type[Struct]] = ShipmentOut
    input: ClassVar[type[Struct] | None] = ShipmentIn
    is_order_side: ClassVar[bool] = True
    parents: ClassVar[tuple[str, ...]] = ("orders",)
    filters: ClassVar[tuple[str, ...]] = ("order_id",)

    def list(self, caller: Caller, query: Query) -> Sequence[ShipmentOut]:
        if order := _order_asked_for(caller, query):
            found = shipment_documents(page_of([order]), order)
            return found[query.offset : query.offset + query.limit]
        return [] if "order_id" in query.filters else _newest(caller, query)

    def count(self, caller: Caller, query: Query) -> int:
        if order := _order_asked_for(caller, query):
            return len(page_of([order]).sendings[order.pk])
        if "order_id" in query.filters:
            return 0
        packing = Order.objects.of(caller.merchant).filter(WAITING, delivery_status=Order.Delivery.PACKING)
        return packing.count() + Parcel.objects.of(caller.merchant).count()

    def show(self, caller: Caller, pk: int, query: Query) -> ShipmentOut:
        page, sending = _one(caller, pk, query)
        return shipment_document(page, sending)

    def create(self, caller: Caller, document: Struct, query: Query) -> ShipmentOut:
        assert isinstance(document, ShipmentIn)
        order = parent_order(caller, query, record("order_id", document.order_id))
        is_silent = _quantities(order, document) is None and not _is_empty(document)
        follows = flag(document.partial_delivery) and is_silent
        match text(document.status):
            case status if status in PACKING or (status == SENT and follows):
                dispatch.start_packing(order, actor=order_writing.actor(caller), now=caller.now)
                _note(caller, order, document, follows=bool(follows))
                return _last(caller, order)
            case status if status == SENT:
                return _sent(caller, order, document, {})
            case status:
                raise _unknown(status)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> ShipmentOut:
        assert isinstance(document, ShipmentIn)
        page, sending = _one(caller, pk, query)
        status = text(document.status)
        if status not in {SENT, *PACKING}:
            raise _unknown(status)
        if sending.parcel:
            if status not in {"", SENT}:
                raise Invalid({"status": [_("Diese Sendung ist schon versendet.")]})
            _correct(caller, sending.parcel, document)
        elif status == SENT:
            return _sent(
                caller, sending.order, document, noted_shipment(page.extras.get(sending.order.pk, {}), pk)
            )
        else:
            _note(caller, sending.order, document)
        return self.show(caller, pk, query)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        _page, sending = _one(caller, pk, query)
        if sending.parcel:
            raise Refusal(_("Diese Sendung ist schon versendet."))
        dispatch.reset_packing(sending.order, actor=order_writing.actor(caller), now=caller.now)


def _order_asked_for(caller: Caller, query: Query) -> Order | None:
    if query.parent:
        return one_order(caller, query.parent[1])
    if wanted := query.filters.get("order_id"):
        number = number_from(wanted)
        return Order.objects.of(caller.merchant).filter(pk=number).first() if number else None
    return None


def _newest(caller: Caller, query: Query) -> list[ShipmentOut]:
    """What is being packed, then what was sent, each the newest first."""
    packing = (
        Order.objects.of(caller.merchant)
        .filter(WAITING, delivery_status=Order.Delivery.PACKING)
        .order_by("-id")
    )
    waiting = list(packing[query.offset : query.offset + query.limit])
    parcels: list[tuple[int, int]] = []
    if left := query.limit - len(waiting):
        skipped = max(0, query.offset - packing.count())
        sent = Parcel.objects.of(caller.merchant).order_by("-id").values_list("order_id", "pk")
        parcels = list(sent[skipped : skipped + left])
    keys = {order for order, _parcel in parcels} | {order.pk for order in waiting}
    page = page_of(list(Order.objects.of(caller.merchant).filter(pk__in=keys)))
    by_parcel = {
        each.parcel.pk if each.parcel else -each.order.pk: each
        for some in page.sendings.values()
        for each in some
    }
    wanted = [*(-order.pk for order in waiting), *(parcel for _order, parcel in parcels)]
    return [shipment_document(page, by_parcel[key]) for key in wanted if key in by_parcel]


def _one(caller: Caller, pk: int, query: Query) -> tuple[Page, Sending]:
    """Raises `Missing`."""
    order = order_of_sending(caller.merchant.pk, pk)
    if order is None or (query.parent and query.parent[1] != order.pk):
        raise Missing
    page = page_of([order])
    for sending in page.sendings[order.pk]:
        if sending.id == pk:
            return page, sending
    raise Missing


def _last(caller: Caller, order: Order) -> ShipmentOut:
    """The shipment that is being packed or was sent last."""
    fresh = one_order(caller, order.pk)
    return shipment_documents(page_of([fresh]), fresh)[-1]


def _sent(caller: Caller, order: Order, sent: ShipmentIn, noted: Mapping[str, Any]) -> ShipmentOut:
    """Send a parcel; what was not said now may have been noted while packing."""
    quantities = _quantities(order, sent)
    if quantities is None and noted.get("quantities"):
        quantities = {int(position): units for position, units in noted["quantities"].items()}
    carrier = text(sent.carrier_name, noted.get("carrier_name", ""))
    number = text(sent.tracking_code, noted.get("tracking_code", ""))
    by, now = order_writing.actor(caller), caller.now
    if quantities is None and _is_empty(sent) and not any(map(open_units, order.lines.all())):
        dispatch.add_further_parcel(order, carrier=carrier, tracking_number=number, actor=by, now=now)
    else:
        dispatch.ship(
            order,
            carrier=carrier,
            tracking_number=number,
            quantities=quantities,
            actor=by,
            now=now,
            needs_carrier=channel_of(order) is not None,
        )
    return _last(caller, order)


def _is_empty(sent: ShipmentIn) -> bool:
    """Whether a client says that nothing is inside, in so many words: one more parcel of what has left."""
    listed = sent.items if said(sent.items) else sent.items_attributes
    return said(listed) and not listed


def _quantities(order: Order, sent: ShipmentIn) -> dict[int, int] | None:
    """Units by position; None: nothing was said about what is inside. Raises `Invalid`."""
    items = order_writing.listed("items", sent.items if said(sent.items) else sent.items_attributes)
    if not items:
        return None
    lines = {line.pk: line for line in order.lines.all()}
    quantities: dict[int, int] = {}
    for item in items:
        line = lines.get(record("items", item.item_id) or record("items", item.id) or 0)
        if line is None:
            raise Invalid({"items": [_("Diese Position hat die Bestellung nicht.")]})
        units = whole("items", item.quantity)
        if units is None:
            units = open_units(line)
        if not 0 <= units <= line.quantity:
            raise Invalid({"items": [_("{units} ist keine Stückzahl.").format(units=units)]})
        quantities[line.position] = quantities.get(line.position, 0) + units
    return quantities


def _note(caller: Caller, order: Order, sent: ShipmentIn, *, follows: bool = False) -> None:
    """Keep what a client says of a shipment that is still being packed."""
    quantities = _quantities(order, sent)
    said_now: dict[str, Any] = {
        "follows": follows,  # what is inside, item by item
        "carrier_name": text(sent.carrier_name, longest=dispatch.LONGEST_CARRIER),
        "tracking_code": text(sent.tracking_code, longest=dispatch.LONGEST_NUMBER),
        "quantities": {str(position): units for position, units in (quantities or {}).items()},
    }
    sending = _last(caller, order)
    extras, _created = OrderExtras.objects.everyone().get_or_create(order=order)
    noted = noted_shipment(extras.fields, sending.id)
    extras.fields["shipment"] = {
        **noted,
        **{name: value for name, value in said_now.items() if value},
        "id": sending.id,
    }
    extras.save(update_fields=["fields"])


def _correct(caller: Caller, parcel: Parcel, sent: ShipmentIn) -> None:
    carrier = text(sent.carrier_name, parcel.carrier) or parcel.carrier
    number = text(sent.tracking_code, parcel.tracking_number) or parcel.tracking_number
    if (carrier, number) != (parcel.carrier, parcel.tracking_number):
        dispatch.correct_tracking(
            parcel,
            carrier=carrier,
            tracking_number=number,
            actor=order_writing.actor(caller),
            now=caller.now,
        )


def _unknown(status: str) -> Invalid:
    return Invalid({"status": [_("Diesen Status kennt eine Sendung nicht: {status}.").format(status=status)]})
