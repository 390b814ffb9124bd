"""Finding orders: by number, the channel's order id, article number or name, and by state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from kogge.backoffice.models import BY_CHANNEL, OVERSOLD, Order, OrderLine, OrderWord
from kogge.backoffice.people import fingerprints, search_words
from kogge.merchants.models import Merchant

MOST_WORDS = 8
WAITING_DELIVERIES = (Order.Delivery.OPEN, Order.Delivery.PACKING, Order.Delivery.PARTIALLY_SHIPPED)
TO_SHIP = Q(delivery_status__in=WAITING_DELIVERIES, fulfiller="")
LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What the list is to show; empty parts do not filter.

    `state` is a value of `Order.Status`, or "to_ship" (the merchant has something to ship), "fulfiller"
    (a channel ships all that is open), or "unpaid"; `since` and `until` bound the time the order was placed
    (until is exclusive); every one of `words` must match.
    """

    state: str = ""
    channel: str = ""
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    late: bool = False
    oversold: bool = False


def find_orders(merchant: Merchant, wanted: OrderFilter, *, now: datetime) -> QuerySet[Order]:
    """The merchant's orders that match, newest first."""
    orders = Order.objects.of(merchant).filter(_state(wanted.state))
    if wanted.channel:
        orders = orders.filter(channel=wanted.channel)
    if wanted.since:
        orders = orders.filter(placed_at__gte=wanted.since)
    if wanted.until:
        orders = orders.filter(placed_at__lt=wanted.until)
    if wanted.late:
        orders = orders.filter(late(now))
    if wanted.oversold:
        orders = orders.filter(pk__in=oversold_lines(merchant).values("order_id"))
    for word in wanted.words.split()[:MOST_WORDS]:
        orders = orders.filter(pk__in=_ids_by_word(merchant, word))
    return orders.order_by("-placed_at", "-id")


def late(now: datetime) -> Q:
    """Orders that the merchant should have sent by now and has not."""
    return TO_SHIP & Q(ship_by__lt=now)


def oversold_lines(merchant: Merchant) -> QuerySet[OrderLine]:
    """The lines that wait for stock, out of an index that holds no others."""
    return OrderLine.objects.of(merchant).filter(OVERSOLD).order_by()


def _state(state: str) -> Q:
    match state:
        case "":
            return Q()
        case "to_ship":
            return TO_SHIP
        case "fulfiller":
            return BY_CHANNEL
        case "unpaid":
            return Q(payment_status=Order.Payment.OPEN) & ~Q(status=Order.Status.CANCELLED)
    return Q(status=state)


def _ids_by_word(merchant: Merchant, word: str) -> QuerySet[Any, tuple[int]]:
    """One indexed look-up for each thing a word can be, put together: an OR would read every order."""
    orders, lines = Order.objects.of(merchant), OrderLine.objects.of(merchant)
    found: list[QuerySet[Any, tuple[int]]] = [
        _order_ids(orders.filter(external_id__startswith=word.upper())),
        lines.filter(code=word).order_by().values_list("order_id"),
    ]
    if word.isascii() and word.isdecimal() and int(word) <= LARGEST_NUMBER:
        found.append(_order_ids(orders.filter(number=int(word))))
    if names := search_words(word):
        # "Müller-Lüdenscheid" is two words in the index; an order must have both.
        named = orders
        for fingerprint in fingerprints(merchant.pk, names):
            having = OrderWord.objects.of(merchant).filter(fingerprint=fingerprint)
            named = named.filter(pk__in=having.values("order_id"))
        found.append(_order_ids(named))
    return found[0].union(*found[1:])


def _order_ids(orders: QuerySet[Order]) -> QuerySet[Any, tuple[int]]:
    return orders.order_by().values_list("pk")
