"""How the states of orders look: one tone, one icon and one word each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice.channels import CHANNELS, channel_title
from kogge.backoffice.models import WAITING_DELIVERIES, Mail, Order, Parcel

Look = tuple[str, str]  # tone, icon

STATUS: Mapping[str, Look] = {
    Order.Status.OPEN: ("blue", "circle-dot"),
    Order.Status.IN_PROGRESS: ("amber", "progress"),
    Order.Status.CLOSED: ("green", "circle-check"),
    Order.Status.CANCELLED: ("gray", "ban"),
    Order.Status.RETURNED: ("violet", "truck-return"),
}
PAYMENT: Mapping[str, Look] = {
    Order.Payment.OPEN: ("amber", "hourglass"),
    Order.Payment.PAID: ("green", "check"),
    Order.Payment.REFUNDED: ("violet", "receipt-refund"),
}
DELIVERY: Mapping[str, Look] = {
    Order.Delivery.OPEN: ("gray", "circle-dashed"),
    Order.Delivery.PACKING: ("amber", "package"),
    Order.Delivery.PARTIALLY_SHIPPED: ("blue", "truck"),
    Order.Delivery.SHIPPED: ("green", "truck-delivery"),
    Order.Delivery.CANCELLED: ("gray", "ban"),
}
MAIL: Mapping[str, Look] = {
    Mail.State.WAITING: ("amber", "hourglass"),
    Mail.State.SENT: ("green", "check"),
    Mail.State.FAILED: ("red", "mail-x"),
}
UNKNOWN: Look = ("red", "question-mark")
CHANNEL_ICONS: Mapping[str, str] = {"amazon": "brand-amazon", "manual": "pencil"}
OTHER_CHANNEL = "shopping-bag"


@dataclass(frozen=True)
class State:
    """What a badge shows."""

    tone: str
    icon: str
    text: str


def order_status(order: Order) -> State:
    """Bestellstatus."""
    return State(*STATUS.get(order.status, UNKNOWN), order.get_status_display())


def payment_status(order: Order) -> State:
    """Bezahlstatus."""
    return State(*PAYMENT.get(order.payment_status, UNKNOWN), order.get_payment_status_display())


def delivery_status(order: Order) -> State:
    """Lieferstatus."""
    return State(*DELIVERY.get(order.delivery_status, UNKNOWN), order.get_delivery_status_display())


def goods_status(order: Order) -> State:
    """Warenstatus: what became of the goods, told apart from the parcel they travel in."""
    if order.status == Order.Status.RETURNED:
        return State("violet", "truck-return", _("Zurückgegeben"))
    if order.delivery_status == Order.Delivery.PACKING:
        return State("amber", "package", _("Wird gepackt"))
    look = DELIVERY.get(order.delivery_status, UNKNOWN)
    return State(*look, order.get_delivery_status_display())


def oversold(units: int) -> State:
    """Überverkauft: so many units were sold that are not there."""
    text = ngettext("%(count)s Stück überverkauft", "%(count)s Stück überverkauft", units)
    return State("amber", "alert-triangle", text % {"count": units})


def mail_state(mail: Mail) -> State:
    """Whether a mail left the house."""
    return State(*MAIL.get(mail.state, UNKNOWN), mail.get_state_display())


def fulfilled_by(channel: str) -> State:
    """Versand durch Amazon: a channel ships it out of its own warehouse."""
    text = _("Versand durch %(channel)s") % {"channel": channel_title(channel)}
    return State("violet", CHANNEL_ICONS.get(channel, OTHER_CHANNEL), text)


def sender(parcel: Parcel) -> State:
    """Who sent a parcel: the merchant, or a channel out of its own warehouse."""
    if parcel.fulfilled_by:
        return fulfilled_by(parcel.fulfilled_by)
    return State("gray", "user", _("Versand durch dich"))


def fulfillers() -> str:
    """The channels that can ship the shop's own orders, for people: "Amazon"."""
    return ", ".join(channel.title for channel in CHANNELS.values())


def is_waiting(order: Order) -> bool:
    """Whether something of the order still has to be dispatched."""
    return order.delivery_status in WAITING_DELIVERIES


def ship_by(order: Order, now: datetime) -> State | None:
    """Versenden bis: red with the time passed when late, amber on the last day, else the plain date."""
    if order.ship_by is None:
        return None
    date = formats.date_format(timezone.localtime(order.ship_by), "SHORT_DATE_FORMAT")
    if not is_waiting(order):
        return State("", "", date)
    if order.ship_by < now:
        since = duration(now - order.ship_by)
        return State("red", "alert-triangle", _("überfällig seit %(time)s") % {"time": since})
    if timezone.localdate(order.ship_by) == timezone.localdate(now):
        clock = formats.date_format(timezone.localtime(order.ship_by), "TIME_FORMAT")
        return State("amber", "clock", _("heute bis %(time)s Uhr") % {"time": clock})
    return State("", "", date)


def duration(passed: timedelta) -> str:
    """A span in one unit, as it stands after "seit" and "vor": 40 Minuten, 3 Stunden, 2 Tagen."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 60:
        return ngettext("%(count)s Minute", "%(count)s Minuten", minutes) % {"count": minutes}
    hours = minutes // 60
    if hours < 48:
        return ngettext("%(count)s Stunde", "%(count)s Stunden", hours) % {"count": hours}
    days = hours // 24
    return ngettext("%(count)s Tag", "%(count)s Tagen", days) % {"count": days}
