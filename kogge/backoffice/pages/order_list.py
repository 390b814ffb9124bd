"""Bestellungen: the list with its tabs, filters and search, and the hint that new ones came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.core.paginator import Paginator
from django.db.models import Count, F, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRefresh

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import BY_CHANNEL, Order, OrderLine
from kogge.backoffice.pages import states
from kogge.backoffice.pages.people import buyer_of
from kogge.backoffice.search import TO_SHIP, OrderFilter, find_orders, late
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

PAGE_SIZE = 50
FILTERS = ("q", "channel", "since", "until", "late", "oversold")  # parameters of the address


@dataclass(frozen=True)
class Tab:
    """A view of the list: what it shows, and in which order that is worked off.

    `if_any`: shown only while it holds something.
    """

    name: str
    title: str | Promise
    where: Q
    by_due_date: bool = False
    if_any: bool = False


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
        Tab("", _("Alle"), Q()),
        Tab("open", _("Neu"), Q(status=Order.Status.OPEN)),
        Tab("in_progress", _("In Bearbeitung"), Q(status=Order.Status.IN_PROGRESS)),
        Tab("to_ship", _("Zu versenden"), TO_SHIP, by_due_date=True),
        Tab("late", _("Überfällig"), late(now), by_due_date=True),
        Tab("fulfiller", by_channel, BY_CHANNEL, if_any=True),
        Tab("shipped", _("Versendet"), Q(delivery_status=Order.Delivery.SHIPPED)),
        Tab("cancelled", _("Storniert"), Q(status=Order.Status.CANCELLED)),
    )


@reader
def order_list(request: MerchantRequest) -> HttpResponse:
    """The orders, newest first; what must be dispatched, most urgent first."""
    now = timezone.now()
    wanted = read_filter(request.GET)
    tab = next((tab for tab in tabs(now) if tab.name == request.GET.get("state", "")), tabs(now)[0])
    found = find_orders(request.merchant, wanted, now=now)
    page = Paginator(_sorted(found.filter(tab.where), tab), PAGE_SIZE).get_page(request.GET.get("page"))
    newest = Order.objects.of(request.merchant).order_by("-id").values_list("id", flat=True).first()
    context = {
        "tabs": _worth_showing(_counted(found, now), tab),
        "tab": tab,
        "page": page,
        "rows": with_lines(request.merchant, page.object_list),
        "filter": request.GET,
        "is_filtered": any(request.GET.get(name) for name in FILTERS),
        "channels": _channel_choices(),
        "newest": newest or 0,
        "shows_nothing": newest is None,
    }
    return render(request, "backoffice/orders.html", context)


@reader
def fresh_orders(request: MerchantRequest) -> HttpResponse:
    """How many orders came in since the list was drawn; an empty list draws itself anew."""
    after = request.GET.get("after", "")
    newest = int(after) if after.isdecimal() else 0
    count = Order.objects.of(request.merchant).filter(id__gt=newest).count()
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


def _counted(orders: QuerySet[Order], now: datetime) -> list[tuple[Tab, int]]:
    """Each tab with how many orders it holds under the present filter; one query."""
    every = tabs(now)
    counts = orders.order_by().aggregate(
        **{f"tab_{tab.name}": Count("pk", filter=tab.where or None) for tab in every}
    )
    return [(tab, counts[f"tab_{tab.name}"]) for tab in every]


def _worth_showing(counted: Sequence[tuple[Tab, int]], chosen: Tab) -> list[tuple[Tab, int]]:
    """Without those that hold nothing and are shown only for what they hold."""
    return [(tab, count) for tab, count in counted if count or not tab.if_any or tab.name == chosen.name]


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
