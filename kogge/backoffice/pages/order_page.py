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
from django.template.loader import render_to_string
from django.utils import timezone

from kogge.backoffice.channels import Panel, channel_of
from kogge.backoffice.models import Mail, Order, OrderLine, Parcel, ParcelItem
from kogge.backoffice.orders import CANCEL_REASONS
from kogge.backoffice.pages import carriers
from kogge.backoffice.pages.order_forms import ParcelForm
from kogge.backoffice.pages.people import people_of
from kogge.backoffice.pages.states import is_waiting
from kogge.backoffice.pages.timeline import Happening, timeline_of
from kogge.backoffice.progress import anything_shipped, open_units
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
    """The parts of the page that change by themselves: states, channel, timeline."""
    found = order_of(request.merchant, number)
    return render(
        request, "backoffice/_order_live.html", _living(request, found, timezone.now()) | {"live": True}
    )


def order_of(merchant: Merchant, number: int) -> Order:
    """The merchant's order with this number and all that belongs to it, or 404."""
    lines = OrderLine.objects.of(merchant).select_related("product").order_by("position")
    items = ParcelItem.objects.of(merchant).select_related("line")
    parcels = Parcel.objects.of(merchant).order_by("number").prefetch_related(Prefetch("items", items))
    orders = Order.objects.of(merchant).prefetch_related(
        Prefetch("lines", lines), Prefetch("parcels", parcels)
    )
    return get_object_or_404(orders, number=number)


def show(
    request: MerchantRequest,
    order: Order,
    *,
    form: ParcelForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    """Draw the page; after a refusal with its sentence and what was typed."""
    now = timezone.now()
    lines = list(order.lines.all())
    people = people_of(order)
    context = {
        "lines": [Line(line, open_units(line), people.gift_texts.get(line.position, "")) for line in lines],
        "sums": _sums(lines),
        "people": people,
        "form": form or ParcelForm(lines=lines, initial={"carrier": carriers.last_used(request.merchant)}),
        "carriers": carriers.suggestions(request.merchant),
        "refusal": refusal,
        "steps": _steps(order),
        "cancel_reason": CANCEL_REASONS.get(order.cancel_reason, order.cancel_reason),
        **_acts(order, lines),
        **_living(request, order, now),
    }
    return render(request, "backoffice/order.html", context, status=status)


def _living(request: MerchantRequest, order: Order, now: datetime) -> dict[str, Any]:
    channel = channel_of(order)
    panel = channel.order_panel(order, request) if channel else None
    timeline = timeline_of(order)
    mails = list(Mail.objects.of(request.merchant).filter(order=order).order_by("id"))
    return {
        "order": order,
        "panel": render_to_string(panel.template, dict(panel.context), request) if panel else "",
        "timeline": timeline,
        "mails": mails,
        "is_warm": _is_warm(timeline, mails, panel, now),
    }


def _is_warm(
    timeline: Sequence[Happening], mails: Sequence[Mail], panel: Panel | None, now: datetime
) -> bool:
    """Whether something is on its way that the page should show when it arrives."""
    is_recent = bool(timeline) and timeline[0].at > now - STILL_WARM
    is_busy = bool(panel and panel.context.get("busy"))
    return is_recent or is_busy or any(mail.state == Mail.State.WAITING for mail in mails)


def _acts(order: Order, lines: Sequence[OrderLine]) -> Mapping[str, bool]:
    """What can be done with the order now. The domain checks again when it is done."""
    waiting = is_waiting(order)
    sent = anything_shipped(lines)
    return {
        "can_pay": order.payment_status == Order.Payment.OPEN and order.status != Order.Status.CANCELLED,
        "can_pack": waiting and order.delivery_status != Order.Delivery.PACKING,
        "is_packing": order.delivery_status == Order.Delivery.PACKING,
        "can_ship": waiting,
        "can_cancel": waiting and not sent,
        "can_return": any(line.shipped > line.returned for line in lines),
    }


def _steps(order: Order) -> Sequence[tuple[str, str]]:
    """The way of an order and how far it is: `done`, `now` or nothing for each step."""
    if order.status == Order.Status.CANCELLED:
        return ()
    paid = order.payment_status != Order.Payment.OPEN
    packed = order.delivery_status in {
        Order.Delivery.PACKING,
        Order.Delivery.PARTIALLY_SHIPPED,
        Order.Delivery.SHIPPED,
    }
    done = [paid, packed, order.delivery_status == Order.Delivery.SHIPPED]
    first_open = done.index(False) if False in done else len(done)
    names = ("paid", "packed", "shipped")
    return [
        (name, "done" if is_done else "now" if index == first_open else "")
        for index, (name, is_done) in enumerate(zip(names, done, strict=True))
    ]


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
