"""The page of one order: what was bought, what to do next, who receives it, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from kogge.backoffice.changing import why_not_change
from kogge.backoffice.channels import CHANNELS, Panel, channel_of, channel_title
from kogge.backoffice.models import Mail, Order, OrderLine, Parcel, ParcelItem
from kogge.backoffice.orders import CANCEL_REASONS
from kogge.backoffice.pages import carriers
from kogge.backoffice.pages.order_forms import ParcelForm
from kogge.backoffice.pages.panels import draw
from kogge.backoffice.pages.states import is_waiting
from kogge.backoffice.pages.timeline import Happening, timeline_of
from kogge.backoffice.people import People, people_of
from kogge.backoffice.progress import anything_shipped, open_units, own_units
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

# The page looks again by itself while the worker may still be telling channel and buyer about an act.
STILL_WARM = timedelta(minutes=3)
PARTS = ("goods", "shipping", "gift_wrap", "other", "discount")


@dataclass(frozen=True)
class Line:
    """A position as the page shows it."""

    line: OrderLine
    open: int
    gift_text: str


@dataclass(frozen=True)
class Sums:
    """What the buyer pays, in the parts that are not zero."""

    goods: Decimal
    shipping: Decimal
    gift_wrap: Decimal
    other: Decimal
    discount: Decimal
    tax: Decimal
    added_tax: Decimal  # the tax when it comes on top of the parts; zero where prices include it


@reader
def order(request: MerchantRequest, number: int) -> HttpResponse:
    """The order page."""
    return show(request, order_of(request.merchant, number))


@reader
def order_live(request: MerchantRequest, number: int) -> HttpResponse:
    """The parts of the page that change by themselves: states, acts, lines, channel, timeline.

    Nothing that is being typed may be lost. So lines that ask for a product stay as they are; and a page on
    which nothing else can be typed, since a channel ships everything, says so in its address and gets the
    parcels too.
    """
    found = order_of(request.merchant, number)
    context = _living(request, found, timezone.now()) | {"live": True}
    if all(line.product_id for line in found.lines.all()):
        context |= _goods(found, people_of(found))
    if request.GET.get("parcels"):
        context |= _processing(request, found)
    return render(request, "backoffice/_order_live.html", context)


def order_of(merchant: Merchant, number: int) -> Order:
    """The merchant's order with this number and all that belongs to it, or 404."""
    lines = OrderLine.objects.of(merchant).select_related("product").order_by("position")
    items = ParcelItem.objects.of(merchant).select_related("line")
    parcels = Parcel.objects.of(merchant).order_by("number").prefetch_related(Prefetch("items", items))
    orders = Order.objects.of(merchant).prefetch_related(
        Prefetch("lines", lines), Prefetch("parcels", parcels)
    )
    return get_object_or_404(orders, number=number)


def fulfiller_of(order: Order) -> str:
    """The channel that ships something that is open, for people; empty: the merchant ships it all."""
    names = [line.fulfilled_by for line in order.lines.all() if line.fulfilled_by and open_units(line)]
    return channel_title(names[0]) if names else ""


def show(
    request: MerchantRequest,
    order: Order,
    *,
    form: ParcelForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    """Draw the page; after a refusal with its sentence and what was typed."""
    people = people_of(order)
    context = {
        "people": people,
        "carriers": carriers.suggestions(request.merchant),
        "refusal": refusal,
        "cancel_reason": CANCEL_REASONS.get(order.cancel_reason, order.cancel_reason),
        **_living(request, order, timezone.now()),
        **_goods(order, people),
        **_processing(request, order, form),
    }
    return render(request, "backoffice/order.html", context, status=status)


def _goods(order: Order, people: People) -> dict[str, Any]:
    lines = list(order.lines.all())
    texts = people.gift_texts
    return {
        "lines": [Line(line, open_units(line), texts.get(line.position, "")) for line in lines],
        "sums": _sums(lines),
    }


def _processing(request: MerchantRequest, order: Order, form: ParcelForm | None = None) -> dict[str, Any]:
    lines = list(order.lines.all())
    usual = {"carrier": carriers.last_used(request.merchant)}
    return {
        "form": form or ParcelForm(lines=lines, initial=usual),
        "steps": _steps(order, lines),
    }


def _living(request: MerchantRequest, order: Order, now: datetime) -> dict[str, Any]:
    channel = channel_of(order)
    panels = _panels(request, order)
    timeline = timeline_of(order)
    mails = list(Mail.objects.of(request.merchant).filter(order=order).order_by("id"))
    return {
        "order": order,
        "of_channel": channel is not None and bool(panels),
        "panels": [draw(panel, request) for panel in panels],
        "timeline": timeline,
        "mails": mails,
        "is_warm": _is_warm(timeline, mails, panels, now),
        "nothing_to_type": _nothing_to_type(order),
        **_acts(order, list(order.lines.all())),
    }


def _panels(request: MerchantRequest, order: Order) -> Sequence[Panel]:
    """The side of the channel the order came over; of an own order, of every channel that ships it."""
    channel = channel_of(order)
    if channel:
        found = [channel.order_panel(order, request)]
    else:
        found = [each.fulfilment_panel(order, request) for each in CHANNELS.values()]
    return [panel for panel in found if panel is not None]


def _is_warm(
    timeline: Sequence[Happening], mails: Sequence[Mail], panels: Sequence[Panel], now: datetime
) -> bool:
    """Whether something is on its way that the page should show when it arrives."""
    is_recent = bool(timeline) and timeline[0].at > now - STILL_WARM
    is_busy = any(panel.context.get("busy") for panel in panels)
    return is_recent or is_busy or any(mail.state == Mail.State.WAITING for mail in mails)


def _nothing_to_type(order: Order) -> bool:
    """A channel ships everything: no form is open for payment, a parcel or a correction."""
    is_paid = order.payment_status != Order.Payment.OPEN
    return bool(order.fulfiller) and is_paid and all(parcel.fulfilled_by for parcel in order.parcels.all())


def _acts(order: Order, lines: Sequence[OrderLine]) -> Mapping[str, object]:
    """What can be done with the order now. The domain checks again when it is done."""
    waiting = is_waiting(order)
    mine = any(own_units(line) for line in lines)
    sent = anything_shipped(lines)
    return {
        "can_pay": order.payment_status == Order.Payment.OPEN and order.status != Order.Status.CANCELLED,
        "can_pack": mine and order.delivery_status != Order.Delivery.PACKING,
        "is_packing": order.delivery_status == Order.Delivery.PACKING,
        "can_ship": mine,
        "has_slip": _merchant_packs(order, lines),
        "can_edit": why_not_change(order, lines) is None,
        "fulfiller": fulfiller_of(order),
        "is_shared": any(parcel.fulfilled_by for parcel in order.parcels.all()),
        "can_cancel": waiting and not sent,
        "can_return": any(line.shipped > line.returned for line in lines),
    }


def _steps(order: Order, lines: Sequence[OrderLine]) -> Sequence[tuple[str, str]]:
    """The way of an order and how far it is: `done`, `now` or nothing for each step."""
    if order.status == Order.Status.CANCELLED:
        return ()
    paid = order.payment_status != Order.Payment.OPEN
    packed = order.delivery_status in {
        Order.Delivery.PACKING,
        Order.Delivery.PARTIALLY_SHIPPED,
        Order.Delivery.SHIPPED,
    }
    parcels = order.parcels.all()
    if order.delivery_status == Order.Delivery.PARTIALLY_SHIPPED and parcels:
        packed = not all(parcel.fulfilled_by for parcel in parcels)
    way = [("paid", paid), ("packed", packed), ("shipped", order.delivery_status == Order.Delivery.SHIPPED)]
    if not _merchant_packs(order, lines):
        way.remove(("packed", packed))
    first_open = next((name for name, is_done in way if not is_done), "")
    return [(name, "done" if is_done else "now" if name == first_open else "") for name, is_done in way]


def _merchant_packs(order: Order, lines: Sequence[OrderLine]) -> bool:
    """Whether anything of the order is or was the merchant's to send."""
    if not any(line.fulfilled_by for line in lines):
        return True
    mine = any(not line.fulfilled_by and line.quantity > line.cancelled for line in lines)
    return mine or any(not parcel.fulfilled_by for parcel in order.parcels.all())


def _sums(lines: Sequence[OrderLine]) -> Sums:
    def add(part: str) -> Decimal:
        return sum((getattr(line, part) for line in lines), Decimal(0))

    return Sums(
        goods=add("goods"),
        shipping=add("shipping"),
        gift_wrap=add("gift_wrap"),
        other=add("other"),
        discount=add("discount"),
        tax=add("tax"),
        added_tax=add("total") - sum(map(add, PARTS)),
    )
