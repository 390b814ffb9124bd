"""Finding orders: by number, the channel's order id, article number or name, and by state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from kogge.backoffice.models import BY_CHANNEL, OVERSOLD, WAITING, Order, OrderLine, OrderWord
from kogge.backoffice.people import fingerprints, search_words
from kogge.merchants.models import Merchant

MOST_WORDS = 8
# From how many characters on an order is found by the beginning of the channel's id: fewer are shared by
# too many orders. An Amazon id has 19.
LEAST_OF_ID = 6
# So many are found by words without a period, the newest ones, and one more, which says that there are more:
# of a best-seller there are tens of thousands, and each one is read, from all over the disk.
MOST_FOUND = 500
TO_SHIP = WAITING & Q(fulfiller="")
LAST_CHARACTER = "\U0010ffff"
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

    @property
    def narrows(self) -> bool:
        """Whether anything but words leaves orders out."""
        return bool(self.state or self.channel or self.since or self.until or self.late or self.oversold)


def find_orders(merchant: Merchant, wanted: OrderFilter, *, now: datetime) -> QuerySet[Order]:
    """The merchant's orders that match, newest first; by words alone no more than `MOST_FOUND` and one.

    Words together with something else are looked up at once, to see how many orders they match.
    """
    orders = Order.objects.of(merchant).filter(_state(wanted.state))
    if wanted.channel:
        orders = orders.filter(channel=wanted.channel)
    if wanted.late:
        # Out of their own index: SQLite would else go through all orders, newest first, until a page is full.
        orders = orders.filter(pk__in=_order_ids(Order.objects.of(merchant).filter(late(now))))
    if wanted.oversold:
        orders = orders.filter(pk__in=oversold_lines(merchant).values("order_id"))
    if words := wanted.words.split()[:MOST_WORDS]:
        orders = _of_words(merchant, orders, words, wanted)
    else:
        orders = orders.filter(_placed_in(wanted, "placed_at"))
    return orders.order_by("-placed_at", "-id")


def _of_words(
    merchant: Merchant, orders: QuerySet[Order], words: Sequence[str], wanted: OrderFilter
) -> QuerySet[Order]:
    """Those of the period that all words match, along the shorter way: the words' orders, or the others."""
    ids = _ids_by_words(merchant, words)
    newest = ids.order_by("-pk")[: MOST_FOUND + 1]
    if wanted.narrows and newest.count() > MOST_FOUND:
        # "Or": else PostgreSQL reads every order the words match before it looks at the rest.
        return orders.filter(Q(pk__in=ids) | Q(pk=0), _placed_in(wanted, "placed_at"))
    # The time in an expression: else SQLite reads every order of the period.
    timed = orders.alias(time_placed=Coalesce("placed_at", "placed_at"))
    return timed.filter(_placed_in(wanted, "time_placed"), pk__in=newest)


def _placed_in(wanted: OrderFilter, time: str) -> Q:
    bounds = {f"{time}__gte": wanted.since, f"{time}__lt": wanted.until}
    return Q(**{name: bound for name, bound in bounds.items() if bound})


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


def _ids_by_words(merchant: Merchant, words: Sequence[str]) -> QuerySet[Any, tuple[int]]:
    """The orders that all words match, found in the indexes before any order is read."""
    first, *others = (_ids_by_word(merchant, word) for word in dict.fromkeys(words))
    return first.intersection(*others) if others else first


def _ids_by_word(merchant: Merchant, word: str) -> QuerySet[Any, tuple[int]]:
    """One indexed look-up for each thing a word can be, put together: an OR would read every order."""
    orders, lines = Order.objects.of(merchant), OrderLine.objects.of(merchant)
    found: list[QuerySet[Any, tuple[int]]] = [
        *(_order_ids(orders.filter(_has_id(each))) for each in dict.fromkeys((word.upper(), word))),
        lines.filter(code=word).order_by().values_list("order_id"),
    ]
    if word.isascii() and word.isdecimal() and int(word) <= LARGEST_NUMBER:
        found.append(_order_ids(orders.filter(number=int(word))))
    if names := search_words(word):
        # "Müller-Lüdenscheid" is two words in the index; an order must have both.
        every = OrderWord.objects.of(merchant)
        first, *others = fingerprints(merchant.pk, names)
        named = every.filter(fingerprint=first)
        for other in others:
            named = named.filter(order_id__in=every.filter(fingerprint=other).values("order_id"))
        found.append(named.order_by().values_list("order_id"))
    return found[0].union(*found[1:])


def _has_id(word: str) -> Q:
    """Orders whose id at the channel begins with a word; a short one must be the whole id."""
    if len(word) < LEAST_OF_ID:
        return Q(external_id=word)
    if connection.vendor == "sqlite":
        # Its LIKE does not tell cases apart, and so cannot use the index.
        return Q(external_id__gte=word, external_id__lt=word + LAST_CHARACTER)
    return Q(external_id__startswith=word)


def _order_ids(orders: QuerySet[Order]) -> QuerySet[Any, tuple[int]]:
    return orders.order_by().values_list("pk")
