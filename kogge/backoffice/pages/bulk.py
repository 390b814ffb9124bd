"""Acts on several orders at once: pack, print packing slips, dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice import dispatch
from kogge.backoffice.channels import channel_title
from kogge.backoffice.models import Order
from kogge.backoffice.pages import carriers
from kogge.backoffice.pages.numbers import read_numbers
from kogge.backoffice.pages.order_acts import REFUSED, warn_about_carrier
from kogge.backoffice.pages.order_forms import TrackingForm
from kogge.backoffice.pages.order_list import Row, with_lines
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff


@dataclass
class Parcel:
    """An order on the page "Als versendet kennzeichnen": its form, and why it was not sent."""

    row: Row
    form: TrackingForm
    refusal: str = ""


@staff
def act_on_many(request: MerchantRequest) -> HttpResponseBase:
    """The buttons above the list: `do` says which was pressed, `orders` are the ticked numbers."""
    numbers = read_numbers(request.POST.getlist("orders"))
    if request.method != "POST" or not numbers:
        if request.method == "POST":
            messages.warning(request, _("Wähle zuerst Bestellungen aus."))
        return redirect(_back(request))
    numbers = _leaving_out_fulfilled(request, numbers)
    if not numbers:
        return redirect(_back(request))
    match request.POST.get("do"):
        case "print":
            return redirect(_address("packing_slips", numbers))
        case "ship":
            return redirect(_address("orders_ship", numbers))
        case "pack":
            _pack(request, numbers)
    return redirect(_back(request))


@staff
def ship_many(request: MerchantRequest) -> HttpResponseBase:
    """One row an order for carrier and tracking number. What is refused stays on the page as typed."""
    posted = request.method == "POST"
    asked = read_numbers((request.POST if posted else request.GET).getlist("orders"))
    numbers = _leaving_out_fulfilled(request, asked)
    parcels = _parcels(request, numbers)
    if not parcels:
        if numbers == asked:
            messages.warning(request, _("Wähle zuerst Bestellungen aus."))
        return redirect("orders")
    if posted:
        left = [parcel for parcel in parcels if not _ship(request, parcel)]
        _say_sent(request, len(parcels) - len(left))
        if not left:
            return redirect("orders")
        parcels = left
    context = {"parcels": parcels, "carriers": carriers.suggestions(request.merchant)}
    return render(request, "backoffice/orders_ship.html", context, status=REFUSED if posted else 200)


def _leaving_out_fulfilled(request: MerchantRequest, numbers: Sequence[int]) -> list[int]:
    """The numbers without those of orders that a channel ships; says which were left out."""
    fulfilled = Order.objects.of(request.merchant).filter(number__in=numbers).exclude(fulfiller="")
    by_channel: dict[str, list[int]] = {}
    for number, channel in fulfilled.order_by("number").values_list("number", "fulfiller"):
        by_channel.setdefault(channel, []).append(number)
    for channel, left_out in by_channel.items():
        told = ngettext(
            "Bestellung %(numbers)s versendet %(channel)s. Für dich ist daran nichts zu tun.",
            "Die Bestellungen %(numbers)s versendet %(channel)s. Für dich ist daran nichts zu tun.",
            len(left_out),
        )
        listed = ", ".join(map(str, left_out))
        messages.warning(request, told % {"numbers": listed, "channel": channel_title(channel)})
    without = {number for left_out in by_channel.values() for number in left_out}
    return [number for number in numbers if number not in without]


def _pack(request: MerchantRequest, numbers: Sequence[int]) -> None:
    packed = 0
    for order in Order.objects.of(request.merchant).filter(number__in=numbers).order_by("number"):
        try:
            dispatch.start_packing(order, actor=request.user.email, now=timezone.now())
            packed += 1
        except Refusal as refusal:
            messages.error(request, refusal.sentence)
    if packed:
        told = ngettext(
            "%(count)s Bestellung wird gepackt.", "%(count)s Bestellungen werden gepackt.", packed
        )
        messages.success(request, told % {"count": packed})


def _parcels(request: MerchantRequest, numbers: Sequence[int]) -> list[Parcel]:
    found = Order.objects.of(request.merchant).filter(number__in=numbers).order_by("number")
    usual = {"carrier": carriers.last_used(request.merchant)}
    return [
        Parcel(
            row,
            TrackingForm(
                request.POST if request.method == "POST" else None,
                prefix=str(row.order.number),
                initial=usual,
            ),
        )
        for row in with_lines(request.merchant, found)
    ]


def _ship(request: MerchantRequest, parcel: Parcel) -> bool:
    """Whether the order was sent; otherwise `refusal` or the form says why not."""
    if not parcel.form.is_valid():
        return False
    order = parcel.row.order
    try:
        dispatch.ship(
            order, **parcel.form.cleaned_data, quantities=None, actor=request.user.email, now=timezone.now()
        )
    except Refusal as refusal:
        parcel.refusal = refusal.sentence
        return False
    warn_about_carrier(request, order, parcel.form.cleaned_data["carrier"])
    return True


def _say_sent(request: MerchantRequest, sent: int) -> None:
    if sent:
        told = ngettext(
            "%(count)s Bestellung ist als versendet gekennzeichnet.",
            "%(count)s Bestellungen sind als versendet gekennzeichnet.",
            sent,
        )
        messages.success(request, told % {"count": sent})


def _address(name: str, numbers: Sequence[int]) -> str:
    return f"{reverse(name)}?{urlencode({'orders': numbers}, doseq=True)}"


def _back(request: MerchantRequest) -> str:
    """The list as it was filtered."""
    query = request.POST.get("query", "")
    return f"{reverse('orders')}?{query}" if query else reverse("orders")
