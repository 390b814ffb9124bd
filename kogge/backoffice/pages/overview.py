"""Übersicht: what waits today, what is wrong, what came in; first steps while nothing is set up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from kogge.backoffice.channels import CHANNELS, Channel
from kogge.backoffice.counting import Count, counted
from kogge.backoffice.models import Order, Product
from kogge.backoffice.pages.channels import app_card, is_running
from kogge.backoffice.pages.order_list import with_lines
from kogge.backoffice.search import TO_SHIP, late, oversold_lines
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

LATEST = 8
MOST_COUNTED = 10_000


@reader
def overview(request: MerchantRequest) -> HttpResponse:
    """The first page after signing in."""
    now = timezone.now()
    latest = Order.objects.of(request.merchant).order_by("-placed_at", "-id")[:LATEST]
    return render(
        request,
        "backoffice/overview.html",
        {
            "figures": _figures(request.merchant, now),
            "oversold": oversold_lines(request.merchant).values("order_id").distinct().count(),
            "latest": with_lines(request.merchant, latest),
            "steps": _first_steps(request.merchant),
            "now": now,
        },
    )


def _figures(merchant: Merchant, now: datetime) -> Mapping[str, Count]:
    """The counts on the cards, in one query; what a channel ships is not the merchant's to ship."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    orders, today = Order.objects.of(merchant), Q(ship_by__gte=now, ship_by__lt=midnight + timedelta(days=1))
    cards = {
        "waiting": orders.filter(TO_SHIP),
        "due_today": orders.filter(TO_SHIP & today),
        "late": orders.filter(late(now)),
        "fresh": orders.filter(placed_at__gte=midnight - timedelta(days=1)),
    }
    counts = counted(merchant, [(found, MOST_COUNTED) for found in cards.values()])
    return dict(zip(cards, counts, strict=True))


def _first_steps(merchant: Merchant) -> Mapping[str, object] | None:
    """What to do first; None once goods are there, every channel runs and the first order came.

    Who works in a shop elsewhere has goods and orders there: only the channels are left.
    """
    channels = [_step(merchant, channel) for channel in CHANNELS.values()]
    has_products = Product.objects.of(merchant).exists()
    has_orders = Order.objects.of(merchant).exists()
    has_begun = merchant.works_in or (has_products and has_orders)
    if has_begun and all(step["done"] for step in channels):
        return None
    return {"channels": channels, "has_products": has_products, "has_orders": has_orders}


def _step(merchant: Merchant, channel: Channel) -> Mapping[str, object]:
    card = app_card(merchant, channel)
    return {"title": channel.title, "url": card.url, "done": is_running(card)}
