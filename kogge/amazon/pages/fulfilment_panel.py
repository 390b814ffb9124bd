"""How Amazon ships an own order, for the shop's order page: state, preview, parcels, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import planning, stock, wishes, words
from kogge.amazon.fba.addresses import STOPS
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder, FulfillmentPackage
from kogge.amazon.journal.models import Trouble
from kogge.amazon.journal.words import error_in_words
from kogge.amazon.pages import own, pools
from kogge.amazon.pages.buttons import ShownTrouble, shown
from kogge.amazon.pages.foresight import Foreseen, foreseen
from kogge.backoffice.channels import Badge, Panel
from kogge.backoffice.models import Order, OrderLine
from kogge.backoffice.pages.states import duration
from kogge.backoffice.progress import open_units
from kogge.backoffice.templatetags.shop_tags import day
from kogge.merchants.access import may
from kogge.merchants.models import Role

AMAZON = "amazon"
ONE_MINUTE = timedelta(minutes=1)
LOOKS_AGAIN = timedelta(minutes=3)  # before the end of the window, and after something changed

State = FulfillmentOrder.State


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel Amazon sent, and where it is."""

    carrier: str
    tracking_number: str
    url: str
    badge: Badge
    arrives_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One fulfilment order as the page shows it."""

    order: FulfillmentOrder
    badge: Badge
    sentence: str
    trying: str  # what went wrong last and when Kogge tries again; empty: nothing did
    findings: Sequence[tuple[bool, str]]  # of the address: whether it stops the order, and a sentence
    preview: Foreseen | None
    lines: Sequence[FulfillmentLine]
    parcels: Sequence[Parcel]
    cancel_url: str  # empty: cannot be asked to cancel
    not_cancellable: str  # why not; empty: it can, or there is nothing to cancel

    @property
    def leaves(self) -> str:
        """When it is estimated to leave; empty once everything left."""
        if self.order.state == State.DONE:
            return ""
        return (
            day(self.order.leaves_at) if self.order.leaves_at else self.preview.leaves if self.preview else ""
        )

    @property
    def arrives(self) -> str:
        """When it is estimated to arrive."""
        if self.order.arrives_at:
            return day(self.order.arrives_at)
        return self.preview.arrives if self.preview else ""

    @property
    def may_stop(self) -> bool:
        """Whether it can be stopped, or sent at once, without asking Amazon."""
        return self.order.state == State.PLANNED


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line Amazon could ship. `why_not` is empty when nothing stands in the way."""

    title: str
    units: int
    free: int | None
    why_not: str


@dataclass(frozen=True, slots=True)
class Shipping:
    """Whether what is open of an order can be handed to Amazon now."""

    candidates: Sequence[Candidate]
    why_not: str  # of the whole order

    @property
    def is_possible(self) -> bool:
        return not self.why_not and any(not one.why_not for one in self.candidates)


def fulfilment_panel(order: Order, request: HttpRequest) -> Panel | None:
    """The panel; None for an order Amazon has nothing to do with."""
    if order.channel == AMAZON:
        return None
    found = _orders(order)
    lines = [line for line in order.lines.all() if line.product_id]
    fba = planning.fba_products(order.merchant_id, {str(line.product_id) for line in lines})
    waiting = [line for line in lines if str(line.product_id) in fba and open_units(line)]
    if not found and not waiting:
        return None
    may_act = may(getattr(request, "role", Role.READER), Role.STAFF)
    return Panel("amazon/_fulfilment_panel.html", _context(order, found, waiting, may_act=may_act))


def _context(
    order: Order, found: Sequence[FulfillmentOrder], waiting: Sequence[OrderLine], *, may_act: bool
) -> dict[str, Any]:
    now = timezone.now()
    attempts = [_attempt(one, now) for one in found]
    current = [one for one in attempts if one.order.is_open] or attempts[:1]
    taken = {line.line_id for one in current if one.order.is_open for line in one.lines}
    free = [line for line in waiting if line_id(line) not in taken]
    waits_for = _waits_for(order, free, found)
    return {
        "order": order,
        "current": current,
        "older": [one for one in attempts if one not in current],
        "several": len(current) > 1,
        "paused": [
            one.order.connection
            for one in current
            if one.order.is_open and one.order.connection.state == Connection.State.PAUSED
        ],
        "waits_for": waits_for,
        "shipping": _shipping(order, free) if free and not waits_for else None,
        "troubles": _troubles(order, found, may_act=may_act),
        "back": reverse("order", args=[order.number]),
        "may_act": may_act,
        "busy": any(is_changing(one, now) for one in found),
    }


def is_changing(order: FulfillmentOrder, now: datetime) -> bool:
    """Whether the page is worth looking at again in a few seconds. Amazon itself takes hours."""
    if order.state == State.SENDING or (order.state == State.HANDED and order.wish):
        return True
    if order.state == State.PLANNED and order.hand_over_at - now < LOOKS_AGAIN:
        return True
    moments = (order.created_at, order.previewed_at, order.accepted_at, order.status_changed_at)
    return any(now - at < LOOKS_AGAIN for at in (*moments, order.finished_at) if at is not None)


def line_id(line: OrderLine) -> str:
    """The line as the Shop port names it."""
    return str(line.position)


def why_not_cancellable(order: FulfillmentOrder) -> str:
    """Why the page does not offer to ask Amazon, in a sentence; empty when it does."""
    if order.state == State.HANDED and order.wish:
        return _("Amazon ist schon um Stornierung gebeten.")
    return wishes.why_not_cancel(order)


def badge(order: FulfillmentOrder) -> Badge:
    """The state with its tone and icon; what Amazon was never asked for is no alarm."""
    tone, icon = words.LOOKS.get(State(order.state), ("amber", "help-circle"))
    if order.reason in ("no_stock", "address"):
        tone = "amber"
    return Badge(tone, icon, str(State(order.state).label))


def parcels(order: FulfillmentOrder) -> list[Parcel]:
    """The parcels Amazon sent so far."""
    return [_parcel(one) for one in order.packages.all()]


def sentence(order: FulfillmentOrder, now: datetime) -> str:
    """How the order stands, in one or two plain sentences."""
    if order.state == State.PLANNED:
        return _planned(order, now)
    if order.state == State.SENDING:
        return _("Kogge übergibt die Bestellung gerade an Amazon.")
    if order.state == State.HANDED:
        return _handed(order)
    text = {
        State.DONE: _("Amazon hat alles versendet."),
        State.PARTIAL: _("Amazon hat nur einen Teil versendet, der Rest ist bei dir: %(reason)s."),
        State.CANCELLED: _("Amazon hat den Auftrag storniert und versendet nichts."),
        State.RETURNED: _("Amazon versendet sie nicht, sie ist wieder bei dir: %(reason)s."),
        State.STOPPED: _("Die Bestellung ging nicht an Amazon: %(reason)s."),
    }[State(order.state)]
    return text % {"reason": words.reason(order).rstrip(".") or "–"}


def why_back(merchant_id: int, shop_order_id: str, now: datetime) -> str:
    """Why the latest attempt to hand an order over is over already, in a sentence; empty when it is not."""
    orders = FulfillmentOrder.objects.of_id(merchant_id).filter(shop_order_id=shop_order_id)
    latest = orders.order_by("-attempt").first()
    return sentence(latest, now) if latest is not None and not latest.is_open else ""


def _orders(order: Order) -> list[FulfillmentOrder]:
    """The order's fulfilment orders, the latest first."""
    rows = FulfillmentOrder.objects.of_id(order.merchant_id).filter(shop_order_id=str(order.pk))
    return list(rows.select_related("connection").prefetch_related("lines", "packages").order_by("-attempt"))


def _attempt(order: FulfillmentOrder, now: datetime) -> Attempt:
    refused = why_not_cancellable(order)
    return Attempt(
        order=order,
        badge=badge(order),
        sentence=sentence(order, now),
        trying=_trying(order, now),
        findings=[(one in STOPS, words.finding(one)) for one in order.findings],
        preview=foreseen(order),
        lines=list(order.lines.all()),
        parcels=parcels(order),
        cancel_url="" if refused else reverse("amazon_fulfillment_cancel", args=[order.pk]),
        not_cancellable=refused if order.state in (State.SENDING, State.HANDED) else "",
    )


def _planned(order: FulfillmentOrder, now: datetime) -> str:
    if order.hand_over_at <= now:
        return _("Kogge übergibt die Bestellung jetzt an Amazon.")
    left = duration(order.hand_over_at - now)
    return _("Kogge übergibt die Bestellung um %(time)s Uhr an Amazon, in %(left)s.") % {
        "time": time_of_day(order.hand_over_at),
        "left": left if order.hand_over_at - now >= ONE_MINUTE else _("weniger als einer Minute"),
    }


def _handed(order: FulfillmentOrder) -> str:
    if order.wish:
        return " ".join(
            [_("Amazon ist gebeten, den Auftrag zu stornieren."), str(words.consequence(order.wish))]
        )
    if not order.amazon_status:
        return _("Amazon hat die Bestellung angenommen.")
    return _("Amazon hat die Bestellung: %(status)s.") % {"status": words.status(order)}


def _trying(order: FulfillmentOrder, now: datetime) -> str:
    """What went wrong with an order on its way, and when Kogge tries again."""
    if not order.last_error or order.state not in (State.PLANNED, State.SENDING):
        return ""
    if order.state == State.SENDING:
        what = _(
            "Ob Amazon die Bestellung schon hat, ist ungewiss: Kogge sieht erst nach, nichts geht doppelt."
        )
    else:
        what = error_in_words(order.last_error)
    if order.not_before is None or order.not_before <= now:
        return what
    return what + " " + _("Nächster Versuch um %(time)s Uhr.") % {"time": time_of_day(order.not_before)}


def time_of_day(at: datetime) -> str:
    """A moment of today in the merchant's time zone, as it stands before "Uhr"."""
    return str(formats.date_format(timezone.localtime(at), "TIME_FORMAT"))


def _parcel(package: FulfillmentPackage) -> Parcel:
    return Parcel(
        package.carrier,
        package.tracking_number,
        package.tracking_url,
        Badge(*words.package_badge(package.status)),
        package.arrives_at,
    )


def _waits_for(order: Order, free: Sequence[OrderLine], found: Sequence[FulfillmentOrder]) -> str:
    """What the first fulfilment order of the shop order waits for; empty: nothing."""
    if found or order.status == Order.Status.CANCELLED or not free:
        return ""
    marked = any(line.fulfilled_by == AMAZON for line in free)
    if order.payment_status == Order.Payment.OPEN and marked:
        return _(
            "Wartet auf Zahlung. Sobald die Bestellung bezahlt ist, merkt Kogge sie für den Versand durch "
            "Amazon vor."
        )
    return _("Kogge merkt die Bestellung gleich für den Versand durch Amazon vor.") if marked else ""


def _shipping(order: Order, lines: Sequence[OrderLine]) -> Shipping:
    """Whether the lines can be handed to Amazon by a click."""
    shelves = pools.shelves(order.merchant_id, [line.product_id for line in lines if line.product_id])
    return Shipping(
        [_candidate(line, shelves.get(line.product_id or 0)) for line in lines], _why_not(order, shelves)
    )


def _candidate(line: OrderLine, shelf: stock.Shelf | None) -> Candidate:
    units = open_units(line)
    free = shelf.free if shelf else None
    if free is None:
        why_not = _("Kogge weiß noch nicht, was davon im Amazon-Lager liegt.")
    elif free < units:
        why_not = ngettext(
            "Im Amazon-Lager ist nur %(free)s frei.", "Im Amazon-Lager sind nur %(free)s frei.", free
        ) % {"free": free}
    else:
        why_not = ""
    return Candidate(line.title, units, free, why_not)


def _why_not(order: Order, shelves: Mapping[int, stock.Shelf]) -> str:
    if order.status == Order.Status.CANCELLED:
        return _("Die Bestellung ist storniert.")
    if order.payment_status != Order.Payment.PAID:
        return _("Die Bestellung ist noch nicht bezahlt.")
    running = own.active_connections(order.merchant_id).values_list("pk", flat=True)
    used = {shelf.connection_id for shelf in shelves.values()}
    if used and not used & set(running):
        return _("Die Amazon-Verbindung ist angehalten.")
    return ""


def _troubles(order: Order, found: Sequence[FulfillmentOrder], *, may_act: bool) -> list[ShownTrouble]:
    about = Q(amazon_order_id__in=[one.order_id for one in found]) | Q(
        kind__startswith="fulfillment_", details__number=str(order.number)
    )
    rows = Trouble.objects.of_id(order.merchant_id).filter(about, closed_at=None)
    return shown(order.merchant, list(rows.select_related("connection").order_by("pk")), may_act=may_act)
