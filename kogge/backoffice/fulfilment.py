"""Open units of own orders that a channel ships out of its own warehouse: given, taken back, shipped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import mail, stock
from kogge.backoffice.channels import CHANNELS, channel_title
from kogge.backoffice.dispatch import (
    LONGEST_CARRIER,
    LONGEST_NUMBER,
    add_parcel,
    save_progress,
    write_down_parcel,
)
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Parcel
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal
from kogge.shops.port import FulfilledParcel
from kogge.values import plain_text

LONGEST_KEY = 120
LONGEST_URL = 500

Kind = OrderEvent.Kind


@transaction.atomic
def hand_over(order: Order, positions: Collection[int], *, by: str, now: datetime) -> None:
    """Give the open units of these lines to the channel `by`. Raises `Refusal`.

    They hold none of the shop's own stock any more. Lines it has already stay as they are.
    """
    lines = hold(order)
    given = _to_hand_over(order, lines, positions, by)
    if not given:
        return
    for line in given:
        line.handovers += 1
    # First the stock: a line that is shipped elsewhere may owe none.
    _move(order, [stock.hand_over(line, open_units(line)) for line in given if line.product_id], by, now)
    _save_shipper(given, by)
    save_progress(order, lines, packing=_is_packing(order), now=now)
    write_down(order, Kind.HANDED_OVER, actor=by, now=now, positions=_positions(given))


@transaction.atomic
def take_back(order: Order, positions: Collection[int], *, by: str, now: datetime) -> None:
    """What is still open of these lines is the merchant's again. Lines that are not with `by` are left."""
    lines = hold(order)
    return_to_merchant(
        order, lines, [line for line in lines if line.position in positions], by=by, actor=by, now=now
    )


@transaction.atomic
def ship_self(order: Order, *, actor: str, now: datetime) -> None:
    """The merchant sends what a channel was to ship: all of it is the merchant's again. Raises `Refusal`."""
    lines = hold(order)
    if not any(line.fulfilled_by and open_units(line) for line in lines):
        raise Refusal(_("Bei Bestellung {number} gibt es nichts zurückzuholen.").format(number=order.number))
    ask_to_let_go(order, lines, why="shipped", now=now)
    for by in sorted({line.fulfilled_by for line in lines if line.fulfilled_by}):
        return_to_merchant(order, lines, lines, by=by, actor=actor, now=now)
    tell_channel(order, now=now)


@transaction.atomic
def record_parcel(order: Order, parcel: FulfilledParcel, *, by: str, now: datetime) -> bool:
    """Write a fulfiller's parcel into the order and mail the customer, once. Raises `Refusal`.

    A parcel that is there already gets the tracking data it is told with now; then the answer is False.
    """
    lines = hold(order)
    if not order.is_own:
        raise Refusal(_("Bestellung {number} ist keine eigene Bestellung.").format(number=order.number))
    if not 0 < len(parcel.key) <= LONGEST_KEY:
        raise Refusal(_("Die Sendung hat keinen brauchbaren Namen."))
    if known := order.parcels.filter(key=parcel.key).first():
        _correct(order, known, parcel, by, now)
        return False
    told = _told_units(order, lines, parcel)
    counted = _countable(lines, told, by)
    new = Parcel(
        carrier=plain_text(parcel.tracking.carrier, LONGEST_CARRIER).strip(),
        tracking_number=plain_text(parcel.tracking.number, LONGEST_NUMBER).strip(),
        tracking_url=_web_link(parcel.tracking_url),
        sent_at=parcel.sent_at,
        fulfilled_by=by,
        key=parcel.key,
    )
    add_parcel(order, new, lines, counted, actor=by)
    save_progress(order, lines, packing=_is_packing(order), now=now)
    # Units beyond what the fulfiller had are on their way to the customer all the same: that stays visible.
    beyond = {str(position): units - counted.get(position, 0) for position, units in told.items()}
    uncounted = {position: units for position, units in beyond.items() if units}
    write_down_parcel(
        order, new, Kind.PARCEL_SENT, actor=by, now=now, **({"uncounted": uncounted} if uncounted else {})
    )
    _mail_customer(new, now, has_goods=bool(counted))
    return True


def ask_to_let_go(
    order: Order, lines: Sequence[OrderLine], *, why: str, now: datetime, let_go: str = ""
) -> Collection[str]:
    """Ask every channel that is to ship something open of the order, except `let_go`, to let go of it.

    Those that were about to ship and no longer are. The shop is locked. Raises `Refusal`.
    """
    held = []
    for name in sorted({line.fulfilled_by for line in lines if line.fulfilled_by and open_units(line)}):
        channel = CHANNELS.get(name)
        if channel is None or name == let_go:
            continue
        answer = channel.release(order, why=why, now=now)
        if answer.refusal:
            raise Refusal(answer.refusal)
        if answer.was_held:
            held.append(name)
    return held


def return_to_merchant(
    order: Order,
    lines: Sequence[OrderLine],
    chosen: Collection[OrderLine],
    *,
    by: str,
    actor: str,
    now: datetime,
) -> None:
    """What is open of the chosen lines and with `by` is the merchant's. The shop is locked."""
    back = [line for line in chosen if line.fulfilled_by == by and open_units(line)]
    if not back:
        return
    for line in back:
        line.handovers += 1
    _save_shipper(back, "")  # before the stock: only the merchant's lines may owe some
    _move(order, [stock.take_back(line, open_units(line)) for line in back if line.product_id], actor, now)
    save_progress(order, lines, packing=_is_packing(order), now=now)
    write_down(order, Kind.TAKEN_BACK, actor=actor, now=now, by=by, positions=_positions(back))


def _to_hand_over(
    order: Order, lines: Sequence[OrderLine], positions: Collection[int], by: str
) -> list[OrderLine]:
    """The lines that are to change hands."""
    number = order.number
    if not order.is_own:
        raise Refusal(_("Bestellung {number} ist keine eigene Bestellung.").format(number=number))
    if order.status == Order.Status.CANCELLED:
        raise Refusal(_("Bestellung {number} ist storniert.").format(number=number))
    if order.payment_status != Order.Payment.PAID:
        raise Refusal(_("Bestellung {number} ist nicht bezahlt.").format(number=number))
    by_position = {line.position: line for line in lines}
    chosen = [_line_at(by_position, position) for position in sorted(positions)]
    for line in chosen:
        if not open_units(line):
            raise Refusal(_("Von Position {position} ist nichts mehr offen.").format(position=line.position))
        if line.fulfilled_by not in {"", by}:
            raise Refusal(
                _("Position {position} versendet {channel}.").format(
                    position=line.position, channel=channel_title(line.fulfilled_by)
                )
            )
    given = [line for line in chosen if not line.fulfilled_by]
    if given and _is_packing(order):  # it may lie in the merchant's parcel already
        raise Refusal(_("Bestellung {number} wird gerade gepackt.").format(number=number))
    return given


def _line_at(by_position: Mapping[int, OrderLine], position: int) -> OrderLine:
    if position not in by_position:
        raise Refusal(_("Eine Position {position} hat diese Bestellung nicht.").format(position=position))
    return by_position[position]


def _told_units(order: Order, lines: Sequence[OrderLine], parcel: FulfilledParcel) -> dict[int, int]:
    """The units in the parcel by position, as the fulfiller says."""
    by_id = {str(line.position): line.position for line in lines}
    for line_id, units in parcel.quantities.items():
        if line_id not in by_id:
            raise Refusal(
                _("Bestellung {number} hat keine Position {position}.").format(
                    number=order.number, position=line_id[:20]
                )
            )
        if units < 0:
            raise Refusal(_("{units} ist keine Stückzahl.").format(units=units))
    return {by_id[line_id]: units for line_id, units in parcel.quantities.items() if units}


def _countable(lines: Sequence[OrderLine], told: Mapping[int, int], by: str) -> dict[int, int]:
    """No more of it than is open with the fulfiller."""
    with_it = {line.position: open_units(line) for line in lines if line.fulfilled_by == by}
    counted = {position: min(units, with_it.get(position, 0)) for position, units in told.items()}
    return {position: units for position, units in counted.items() if units}


def _correct(order: Order, known: Parcel, told: FulfilledParcel, by: str, now: datetime) -> None:
    """Take over new tracking data; what is known never becomes empty."""
    carrier = plain_text(told.tracking.carrier, LONGEST_CARRIER).strip() or known.carrier
    number = plain_text(told.tracking.number, LONGEST_NUMBER).strip() or known.tracking_number
    url = _web_link(told.tracking_url) or known.tracking_url
    if (carrier, number, url) == (known.carrier, known.tracking_number, known.tracking_url):
        return
    known.carrier, known.tracking_number, known.tracking_url = carrier, number, url
    known.save(update_fields=["carrier", "tracking_number", "tracking_url"])
    write_down_parcel(order, known, Kind.TRACKING_CORRECTED, actor=by, now=now)
    mail.rewrite_waiting_mail(known)
    _mail_customer(known, now, has_goods=known.items.exists())


def _mail_customer(parcel: Parcel, now: datetime, *, has_goods: bool) -> None:
    """Once a parcel. One more parcel of the same goods is worth a mail only if it can be followed."""
    if has_goods or parcel.tracking_number:
        mail.queue_dispatch_mail(parcel, now)


def _web_link(url: str) -> str:
    """The address, if a customer may be sent there."""
    url = url.strip()
    if len(url) > LONGEST_URL or plain_text(url, LONGEST_URL) != url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""


def _move(order: Order, movements: Sequence[stock.Movement], actor: str, now: datetime) -> None:
    if order.moves_stock:
        stock.move(order.merchant_id, movements, actor=actor, now=now)


def _save_shipper(lines: Sequence[OrderLine], by: str) -> None:
    for line in lines:
        line.fulfilled_by = by
    OrderLine.objects.everyone().bulk_update(lines, ["fulfilled_by", "handovers"])


def _is_packing(order: Order) -> bool:
    return order.delivery_status == Order.Delivery.PACKING


def _positions(lines: Sequence[OrderLine]) -> list[int]:
    return [line.position for line in lines]
