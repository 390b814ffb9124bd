"""Dispatch: pack, send in one or several parcels, correct the tracking data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from kogge.backoffice import mail, stock
from kogge.backoffice.channels import channel_of, channel_title
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Parcel, ParcelItem
from kogge.backoffice.progress import PROGRESS, open_units, own_units, settle
from kogge.backoffice.refusal import Refusal
from kogge.values import plain_text

LONGEST_CARRIER = 80
LONGEST_NUMBER = 100


@transaction.atomic
def start_packing(order: Order, *, actor: str, now: datetime) -> None:
    """Begin to pack what is open. Raises `Refusal`."""
    lines = hold(order)
    if order.delivery_status == Order.Delivery.PACKING:
        return
    if order.delivery_status not in {Order.Delivery.OPEN, Order.Delivery.PARTIALLY_SHIPPED}:
        raise Refusal(_("Bei Bestellung {number} ist nichts zu packen.").format(number=order.number))
    if elsewhere := _shipped_elsewhere(order, lines):
        raise Refusal(elsewhere)
    save_progress(order, lines, packing=True, now=now)
    write_down(order, OrderEvent.Kind.PACKING, actor=actor, now=now)


@transaction.atomic
def reset_packing(order: Order, *, actor: str, now: datetime) -> None:
    """Take back that the order is being packed. Raises `Refusal`."""
    lines = hold(order)
    if order.delivery_status != Order.Delivery.PACKING:
        raise Refusal(_("Bestellung {number} wird gerade nicht gepackt.").format(number=order.number))
    save_progress(order, lines, packing=False, now=now)
    write_down(order, OrderEvent.Kind.PACKING_RESET, actor=actor, now=now)


@transaction.atomic
def ship(
    order: Order,
    *,
    carrier: str,
    tracking_number: str,
    quantities: Mapping[int, int] | None,
    actor: str,
    now: datetime,
    needs_carrier: bool = True,
) -> Parcel:
    """Send a parcel and tell buyer and channel. Raises `Refusal`.

    `quantities` are units by line position; None sends everything that is open. What a channel ships out of
    its own warehouse is never in it. Not `needs_carrier`: nobody knows with whom it was sent.
    """
    lines = hold(order)
    if refused := why_not_ship(order, lines, now=now):
        raise Refusal(refused)
    carrier, tracking_number = _tracking(carrier, tracking_number, needs_carrier=needs_carrier)
    units = _units(lines, quantities)
    parcel = Parcel(carrier=carrier, tracking_number=tracking_number, sent_at=now)
    add_parcel(order, parcel, lines, units, actor=actor)
    save_progress(order, lines, packing=False, now=now)
    write_down_parcel(order, parcel, OrderEvent.Kind.PARCEL_SENT, actor=actor, now=now)
    mail.queue_dispatch_mail(parcel, now)
    tell_channel(order, now=now)
    return parcel


@transaction.atomic
def add_further_parcel(
    order: Order, *, carrier: str, tracking_number: str, actor: str, now: datetime
) -> Parcel:
    """One more parcel of what has left: nobody says what of it is inside. Raises `Refusal`.

    The buyer hears of it as soon as it can be followed. A channel's order has none: the channel would not
    know what to do with it.
    """
    lines = hold(order)
    if channel_of(order) or not any(line.shipped for line in lines):
        raise Refusal(_("In dieser Sendung ist nichts enthalten."))
    carrier, tracking_number = _tracking(carrier, tracking_number, needs_carrier=False)
    parcel = Parcel(carrier=carrier, tracking_number=tracking_number, sent_at=now)
    add_parcel(order, parcel, lines, {}, actor=actor)
    write_down_parcel(order, parcel, OrderEvent.Kind.PARCEL_SENT, actor=actor, now=now)
    if tracking_number:
        mail.queue_dispatch_mail(parcel, now)
    return parcel


@transaction.atomic
def correct_tracking(
    parcel: Parcel, *, carrier: str, tracking_number: str, actor: str, now: datetime
) -> None:
    """Correct carrier and number of a parcel that left; the channel is told. Raises `Refusal`.

    What a fulfiller sent is corrected by what it says itself.
    """
    order = parcel.order
    hold(order)
    parcel.refresh_from_db()
    if parcel.fulfilled_by:
        raise Refusal(
            _("Diese Sendung kommt von {channel}; Kogge übernimmt die Trackingdaten von dort.").format(
                channel=channel_title(parcel.fulfilled_by)
            )
        )
    carrier, tracking_number = _tracking(carrier, tracking_number, needs_carrier=bool(parcel.carrier))
    if (parcel.carrier, parcel.tracking_number) == (carrier, tracking_number):
        return
    parcel.carrier, parcel.tracking_number = carrier, tracking_number
    parcel.save(update_fields=["carrier", "tracking_number"])
    write_down_parcel(order, parcel, OrderEvent.Kind.TRACKING_CORRECTED, actor=actor, now=now)
    mail.rewrite_waiting_mail(parcel)
    if tracking_number and not parcel.items.exists():
        mail.queue_dispatch_mail(parcel, now)  # of a further parcel, which can be followed only now
    tell_channel(order, now=now)


@transaction.atomic
def add_to_parcel(parcel: Parcel, quantities: Mapping[int, int], *, actor: str, now: datetime) -> None:
    """More of the order is in a parcel that left: it was told bit by bit. Raises `Refusal`.

    `quantities` are units by line position, of lines of which nothing is in it yet.
    """
    order = parcel.order
    lines = hold(order)
    if parcel.fulfilled_by:
        raise Refusal(
            _("Diese Sendung kommt von {channel}; Kogge übernimmt die Trackingdaten von dort.").format(
                channel=channel_title(parcel.fulfilled_by)
            )
        )
    if refused := why_not_ship(order, lines, now=now):
        raise Refusal(refused)
    units = _units(lines, quantities)
    if parcel.items.filter(line__position__in=units).exists():
        raise Refusal(_("Diese Position ist schon in der Sendung."))
    _put_into(parcel, lines, units, actor=actor, now=now)
    save_progress(order, lines, packing=order.delivery_status == Order.Delivery.PACKING, now=now)
    # The event says all that is inside now, as after a correction.
    write_down_parcel(order, parcel, OrderEvent.Kind.TRACKING_CORRECTED, actor=actor, now=now)
    mail.rewrite_waiting_mail(parcel)
    tell_channel(order, now=now)


def why_not_ship(order: Order, lines: Sequence[OrderLine], *, now: datetime) -> str | None:
    """Why the merchant can send nothing of the order, in a sentence; None if something can be sent."""
    if order.status == Order.Status.CANCELLED:
        return _("Bestellung {number} ist storniert und wird nicht versendet.").format(number=order.number)
    if not any(open_units(line) for line in lines):
        return _("Bestellung {number} ist schon vollständig versendet.").format(number=order.number)
    if elsewhere := _shipped_elsewhere(order, lines):
        return elsewhere
    channel = channel_of(order)
    return channel.refuse_ship(order, now=now) if channel else None


def _shipped_elsewhere(order: Order, lines: Sequence[OrderLine]) -> str | None:
    """A sentence, if a channel ships all that is open."""
    if any(own_units(line) for line in lines):
        return None
    [*names] = {channel_title(line.fulfilled_by): None for line in lines if open_units(line)}
    return _("Was von Bestellung {number} noch offen ist, versendet {channel}.").format(
        number=order.number, channel=", ".join(names)
    )


def _tracking(carrier: str, number: str, *, needs_carrier: bool) -> tuple[str, str]:
    carrier, number = plain_text(carrier, 1000).strip(), plain_text(number, 1000).strip()
    if needs_carrier and not carrier:
        raise Refusal(_("Bitte gib an, mit wem du versendest."))
    if len(carrier) > LONGEST_CARRIER or len(number) > LONGEST_NUMBER:
        raise Refusal(_("Versender oder Trackingnummer sind zu lang."))
    return carrier, number


def _units(lines: Sequence[OrderLine], quantities: Mapping[int, int] | None) -> dict[int, int]:
    """Units by position, none of them more than the merchant has to ship."""
    left = {line.position: own_units(line) for line in lines}
    elsewhere = {line.position: line.fulfilled_by for line in lines if line.fulfilled_by and open_units(line)}
    if quantities is None:
        return {position: units for position, units in left.items() if units}
    for position, units in quantities.items():
        if position not in left:
            raise Refusal(_("Eine Position {position} hat diese Bestellung nicht.").format(position=position))
        if units < 0:
            raise Refusal(_("{units} ist keine Stückzahl.").format(units=units))
        if units and position in elsewhere:
            raise Refusal(
                _("Position {position} versendet {channel}, sie kann nicht in deine Sendung.").format(
                    position=position, channel=channel_title(elsewhere[position])
                )
            )
        if units > left[position]:
            raise Refusal(
                _("Von Position {position} sind nur noch {left} Stück zu versenden, nicht {units}.").format(
                    position=position, left=left[position], units=units
                )
            )
    chosen = {position: units for position, units in quantities.items() if units}
    if not chosen:
        raise Refusal(_("In dieser Sendung ist nichts enthalten."))
    return chosen


def add_parcel(
    order: Order, parcel: Parcel, lines: Sequence[OrderLine], units: Mapping[int, int], *, actor: str
) -> None:
    """Write a new parcel as the order's next one, with so many units by position. The shop is locked."""
    parcel.merchant_id, parcel.order = order.merchant_id, order
    parcel.number = (order.parcels.aggregate(last=Max("number"))["last"] or 0) + 1
    parcel.save(force_insert=True)
    _put_into(parcel, lines, units, actor=actor, now=parcel.sent_at)


def _put_into(
    parcel: Parcel, lines: Sequence[OrderLine], units: Mapping[int, int], *, actor: str, now: datetime
) -> None:
    """So many units by position are in the parcel. The shop is locked."""
    inside = [line for line in lines if line.position in units]
    ParcelItem.objects.everyone().bulk_create(
        ParcelItem(merchant_id=parcel.merchant_id, parcel=parcel, line=line, quantity=units[line.position])
        for line in inside
    )
    for line in inside:
        line.shipped += units[line.position]
    OrderLine.objects.everyone().bulk_update(inside, ["shipped"])
    settled = [stock.settle_shipped(line) for line in inside if line.oversold and line.product_id]
    stock.move(parcel.merchant_id, settled, actor=actor, now=now)


def save_progress(order: Order, lines: Sequence[OrderLine], *, packing: bool, now: datetime) -> None:
    """Store how far the order is. The shop is locked."""
    settle(order, lines, packing=packing)
    order.changed_at = now
    order.save(update_fields=[*PROGRESS, "changed_at"])


def write_down_parcel(
    order: Order, parcel: Parcel, kind: OrderEvent.Kind, *, actor: str, now: datetime, **details: object
) -> None:
    """The event carries all the channel must know, so that reading changes needs no other table."""
    items = parcel.items.select_related("line")
    write_down(
        order,
        kind,
        actor=actor,
        now=now,
        parcel=parcel,
        number=parcel.number,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        sent_at=parcel.sent_at.isoformat(),
        quantities={item.line.external_id: item.quantity for item in items if item.line.external_id},
        **details,
    )
