"""The Amazon side of an order, for the shop's order page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.models import JournalEntry, OutboundAct
from kogge.amazon.journal.sentences import tell
from kogge.amazon.journal.words import CANCELLED_BY, PROGRAMMES, SERVICE_LEVEL, STATUS, error_in_words, word
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.amazon.orders.panel import AmazonSide
from kogge.amazon.pages.buttons import shown
from kogge.amazon.pages.links import order_at_amazon
from kogge.backoffice.channels import TimelineEntry
from kogge.backoffice.models import Order
from kogge.spapi.marketplaces import MARKETPLACES

State = OutboundAct.State

# An act on its way to Amazon, as a badge: colour, icon, word.
ACT_BADGES: Mapping[str, tuple[str, str, str | Promise]] = {
    State.WAITING: ("gray", "clock", _("vorgemerkt")),
    State.SENDING: ("blue", "send", _("unterwegs")),
    State.ACCEPTED: ("green", "check", _("von Amazon angenommen")),
    State.CONFIRMED: ("green", "circle-check", _("bei Amazon sichtbar")),
    State.REJECTED: ("red", "alert-triangle", _("von Amazon abgelehnt")),
    State.DROPPED: ("gray", "ban", _("entfallen")),
}

UNDER_WAY = {State.WAITING, State.SENDING}

STATUS_BADGES: Mapping[str, tuple[str, str]] = {
    "PENDING": ("gray", "hourglass"),
    "PENDING_AVAILABILITY": ("gray", "hourglass"),
    "UNSHIPPED": ("amber", "package"),
    "PARTIALLY_SHIPPED": ("blue", "truck"),
    "SHIPPED": ("green", "truck-delivery"),
    "CANCELLED": ("red", "circle-x"),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """Colour, icon and text."""

    tone: str
    icon: str
    text: str | Promise


@dataclass(frozen=True, slots=True)
class Told:
    """Something Amazon is told: how far it is, and what went wrong last."""

    badge: Badge
    attempts: int
    last_error: str
    parcel: int = 0
    carrier: str = ""
    tracking_number: str = ""


def context(order: Order, side: AmazonSide, *, may_act: bool) -> dict[str, Any]:
    """Everything the panel shows. `busy`: something is on its way to Amazon and will change soon."""
    found = side.order
    messages = {message.kind: message for message in side.messages}
    return {
        "amazon": found,
        "address": order_at_amazon(found.marketplace_id, found.order_id),
        "marketplace": _marketplace(found.marketplace_id),
        "status": _status(found.status),
        "service_level": word(SERVICE_LEVEL, found.service_level),
        "programmes": [word(PROGRAMMES, code) for code in found.programs.split(",") if code],
        "cancelled_by": word(CANCELLED_BY, found.cancelled_by),
        "acknowledgement": _told(messages.get(OrderMessage.Kind.ACKNOWLEDGE)),
        "cancellation": _told(messages.get(OrderMessage.Kind.CANCEL)),
        "parcels": [_parcel(confirmation) for confirmation in side.confirmations],
        "asks_to_cancel": found.cancel_requested and order.status != Order.Status.CANCELLED,
        "troubles": shown(order.merchant, side.troubles, may_act=may_act),
        "cancel_url": reverse("order_act", args=[order.number, "cancel"]),
        # The panel is also drawn by the part of the page that refreshes itself: its address is no page.
        "back": reverse("order", args=[order.number]),
        "may_act": may_act,
        "busy": any(act.state in UNDER_WAY for act in (*side.messages, *side.confirmations)),
    }


def timeline(order: Order) -> list[TimelineEntry]:
    """What happened to the order at Amazon, in plain sentences; of an own order: to what Amazon ships.

    Its parcels are missing: the shop has recorded them and tells of them itself.
    """
    entries = JournalEntry.objects.of_id(order.merchant_id).filter(amazon_order_id__in=_ids_at_amazon(order))
    found = []
    for entry in entries.exclude(kind="fulfillment_parcel").order_by("at", "pk"):
        told = tell(entry.kind, entry.details)
        found.append(TimelineEntry(entry.at, told.sentence, told.icon, told.tone))
    return found


def _ids_at_amazon(order: Order) -> list[str]:
    if order.channel == "amazon":
        return [order.external_id]
    shipped = FulfillmentOrder.objects.of_id(order.merchant_id).filter(shop_order_id=str(order.pk))
    return list(shipped.values_list("order_id", flat=True))


def _status(code: str) -> Badge:
    tone, icon = STATUS_BADGES.get(code, ("amber", "help-circle"))
    return Badge(tone, icon, word(STATUS, code))


def _marketplace(marketplace_id: str) -> str:
    known = MARKETPLACES.get(marketplace_id)
    return known.name if known else marketplace_id


def _told(act: OrderMessage | None) -> Told | None:
    return Told(_act_badge(act.state), act.attempts, error_in_words(act.last_error)) if act else None


def _parcel(act: ShipmentConfirmation) -> Told:
    return Told(
        _act_badge(act.state),
        act.attempts,
        error_in_words(act.last_error),
        act.parcel,
        act.carrier,
        act.tracking_number,
    )


def _act_badge(state: str) -> Badge:
    tone, icon, text = ACT_BADGES[state]
    return Badge(tone, icon, text)
