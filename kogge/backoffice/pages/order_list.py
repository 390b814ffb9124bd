"""Bestellungen: the list with its tabs, filters and search, and the hint that new ones came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import models
from django.db.models import F, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRefresh

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.counting import Count, counted, up_to
from kogge.backoffice.models import BY_CHANNEL, Order, OrderLine
from kogge.backoffice.pages import states
from kogge.backoffice.pages.paging import slice_of
from kogge.backoffice.pages.people import buyer_of
from kogge.backoffice.search import MOST_FOUND, TO_SHIP, OrderFilter, find_orders, late
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

PAGE_SIZE = 50
MOST_TO_DO, MOST_DONE = 10_000, 1_000  # how far a tab is counted: what is worked off, and what has been
MOST_OF_BOTH = 100  # how far is counted what words and another filter find together
FILTERS = ("q", "channel", "since", "until", "late", "oversold")  # parameters of the address


@dataclass(frozen=True)
class Tab:
    """A view of the list: what it shows, and in which order that is worked off.

    `if_any`: shown only while it holds something. `most`: how far its orders are counted.
    """

    name: str
    title: str | Promise
    where: Q
    by_due_date: bool = False
    if_any: bool = False
    most: int = MOST_TO_DO


@dataclass(frozen=True)
class Row:
    """An order as the list shows it."""

    order: Order
    buyer: str
    lines: Sequence[OrderLine]
    units: int
    oversold: int

    @property
    def first_title(self) -> str:
        return self.lines[0].title if self.lines else ""


def tabs(now: datetime) -> Sequence[Tab]:
    """The tabs above the list, in their order. What a channel ships is not the merchant's to ship."""
    by_channel = _("Durch %(channel)s") % {"channel": states.fulfillers()}
    return (
        Tab("", _("Alle"), Q(), most=MOST_DONE),
        Tab("open", _("Neu"), Q(status=Order.Status.OPEN)),
        Tab("in_progress", _("In Bearbeitung"), Q(status=Order.Status.IN_PROGRESS)),
        Tab("to_ship", _("Zu versenden"), TO_SHIP, by_due_date=True),
        Tab("late", _("Überfällig"), late(now), by_due_date=True),
        Tab("fulfiller", by_channel, BY_CHANNEL, if_any=True),
        Tab("shipped", _("Versendet"), Q(delivery_status=Order.Delivery.SHIPPED), most=MOST_DONE),
        Tab("cancelled", _("Storniert"), Q(status=Order.Status.CANCELLED), most=MOST_DONE),
    )


@reader
def order_list(request: MerchantRequest) -> HttpResponse:
    """The orders, newest first; what must be dispatched, most urgent first."""
    now = timezone.now()
    wanted = read_filter(request.GET)
    tab = next((tab for tab in tabs(now) if tab.name == request.GET.get("state", "")), tabs(now)[0])
    found = find_orders(request.merchant, wanted, now=now)
    page = slice_of(_sorted(found.filter(tab.where), tab), request.GET.get("page"), PAGE_SIZE)
    newest = Order.objects.of(request.merchant).order_by("-number").values_list("number", flat=True).first()
    is_filtered = any(request.GET.get(name) for name in FILTERS)
    # Newest first like the page where words are only a part: PostgreSQL would else begin with the oldest.
    is_both = bool(wanted.words) and wanted.narrows
    most, among = (MOST_OF_BOTH, found) if is_both else (MOST_FOUND, found.order_by())
    counts = _counted_by_filter(among, most, now) if is_filtered else _counted(request.merchant, now)
    context = {
        "tabs": _worth_showing(counts, tab),
        "tab": tab,
        "page": page,
        "rows": with_lines(request.merchant, page.object_list),
        "filter": request.GET,
        "is_filtered": is_filtered,
        "finds_too_many": bool(wanted.words and not wanted.narrows and counts[0][1] and counts[0][1].or_more),
        "channels": _channel_choices(),
        "newest": newest or 0,
        "shows_nothing": newest is None,
    }
    return render(request, "backoffice/orders.html", context)


@reader
def fresh_orders(request: MerchantRequest) -> HttpResponse:
    """How many orders came in since the list was drawn; an empty list draws itself anew.

    `after` is the number of the newest order at that time: numbers grow, and are in an index.
    """
    after = request.GET.get("after", "")
    newest = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    count = Order.objects.of(request.merchant).filter(number__gt=newest)[:MOST_DONE].count()
    if count and request.GET.get("empty"):
        return HttpResponseClientRefresh()
    return render(request, "backoffice/_fresh.html", {"count": count, "newest": newest})


def read_filter(query: QueryDict) -> OrderFilter:
    """The filter of a list address. What cannot be read filters nothing."""
    return OrderFilter(
        channel=query.get("channel", ""),
        since=_midnight(query.get("since", ""), plus_days=0),
        until=_midnight(query.get("until", ""), plus_days=1),
        words=query.get("q", "").strip(),
        late=bool(query.get("late")),
        oversold=bool(query.get("oversold")),
    )


def with_lines(merchant: Merchant, orders: Iterable[Order]) -> list[Row]:
    """Rows for these orders; one query for all their lines."""
    found = list(orders)
    prefetch_related_objects(found, Prefetch("lines", OrderLine.objects.of(merchant).order_by("position")))
    return [_row(order) for order in found]


def _row(order: Order) -> Row:
    lines = list(order.lines.all())
    units, oversold = sum(line.quantity for line in lines), sum(line.oversold for line in lines)
    return Row(order, buyer_of(order), lines, units, oversold)


def _sorted(orders: QuerySet[Order], tab: Tab) -> QuerySet[Order]:
    if tab.by_due_date:
        return orders.order_by(F("ship_by").asc(nulls_last=True), "placed_at", "id")
    return orders.order_by("-placed_at", "-id")


def _counted(merchant: Merchant, now: datetime) -> list[tuple[Tab, Count | None]]:
    """Each tab with how many orders it holds; one query."""
    every, orders = tabs(now), Order.objects.of(merchant)
    counts = counted(merchant, [(orders.filter(tab.where), tab.most) for tab in every])
    return list(zip(every, counts, strict=True))


def _counted_by_filter(orders: QuerySet[Order], most: int, now: datetime) -> list[tuple[Tab, Count | None]]:
    """The same of what a filter leaves over; one query.

    When those are more than `most`, only that is known, and nothing of the tabs but the first.
    """
    every = tabs(now)
    counts = orders[: most + 1].aggregate(
        **{f"tab_{tab.name}": models.Count("pk", filter=tab.where or None) for tab in every}
    )
    whole = up_to(most, counts["tab_"])
    if whole.or_more:
        return [(tab, whole if tab is every[0] else None) for tab in every]
    return [(tab, Count(counts[f"tab_{tab.name}"])) for tab in every]


def _worth_showing(counts: Sequence[tuple[Tab, Count | None]], chosen: Tab) -> list[tuple[Tab, Count | None]]:
    """Without those that hold nothing and are shown only for what they hold."""
    return [(tab, count) for tab, count in counts if count or not tab.if_any or tab.name == chosen.name]


def _channel_choices() -> list[tuple[str, str]]:
    own = [("manual", str(_("Von Hand")))]
    return [(name, channel.title) for name, channel in CHANNELS.items()] + own


def _midnight(text: str, *, plus_days: int) -> datetime | None:
    """The beginning of a day in the merchant's time zone, or of a day after it."""
    try:
        day = parse_date(text)
        return (
            timezone.make_aware(datetime.combine(day, time.min) + timedelta(days=plus_days)) if day else None
        )
    except (ValueError, OverflowError):
        return None
