"""Produkte: the list, searched by number and title, narrowed by how products stand at the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from kogge.backoffice.channels import CHANNELS, Badge, Pool, pools_of
from kogge.backoffice.models import Product
from kogge.backoffice.pages.paging import Slice, slice_of
from kogge.merchants.access import MerchantRequest, reader
from kogge.merchants.models import Merchant

PAGE_SIZE = 50
MOST_WORDS = 8
DIGITS_OF_GTIN = range(8, 15)


@dataclass(frozen=True)
class Row:
    """A product as the list shows it: with how it stands at each channel that sells it.

    `pool` is what lies in a channel's warehouse.
    """

    product: Product
    badges: Sequence[tuple[str, Badge]]
    pool: Pool | None


@dataclass(frozen=True)
class StateFilter:
    """The states a channel knows, and which of them is asked for."""

    channel: str
    title: str
    choices: Sequence[tuple[str, str]]
    chosen: str


@reader
def products(request: MerchantRequest) -> HttpResponse:
    """The products by article number."""
    words = request.GET.get("q", "").strip()
    filters = _filters(request.GET)
    found = _narrowed(request.merchant, filters)
    exact = _called(request.merchant, found, words) if words and "titles" not in request.GET else None
    if words:
        found = exact if exact is not None else _containing(found, words)
    is_filtered = bool(words) or any(each.chosen for each in filters)
    page = _page(found, request.GET.get("page"), is_filtered=is_filtered)
    context = {
        "page": page,
        "words": words,
        "filters": filters,
        "is_filtered": is_filtered,
        "is_exact": exact is not None,
        "rows": _with_badges(request.merchant, list(page.object_list)),
    }
    return render(request, "backoffice/products.html", context)


def _filters(query: Mapping[str, str]) -> list[StateFilter]:
    """One for each channel, read from the parameter that is called like the channel."""
    filters = []
    for name, channel in CHANNELS.items():
        choices = channel.product_states()
        chosen = query.get(name, "")
        known = chosen if chosen in dict(choices) else ""
        filters.append(StateFilter(name, channel.title, choices, known))
    return filters


def _narrowed(merchant: Merchant, filters: Sequence[StateFilter]) -> QuerySet[Product]:
    found = Product.objects.of(merchant)
    for each in filters:
        if each.chosen:
            found = CHANNELS[each.channel].narrow_products(merchant, found, each.chosen)
    return found


def _called(merchant: Merchant, found: QuerySet[Product], words: str) -> QuerySet[Product] | None:
    """The products with exactly this number, each look-up out of an index; None if there are none."""
    every = Product.objects.of(merchant)
    ids = set(every.filter(code__in={words, words.upper()}).values_list("pk", flat=True))
    digits = words.replace(" ", "").replace("-", "")
    if digits.isascii() and digits.isdecimal() and len(digits) in DIGITS_OF_GTIN:
        ids |= set(every.filter(gtin=digits).values_list("pk", flat=True)[:PAGE_SIZE])
    for channel in CHANNELS.values():
        ids |= set(channel.products_called(merchant, words))
    exact = found.filter(pk__in=ids)
    return exact if ids and exact.exists() else None


def _containing(found: QuerySet[Product], words: str) -> QuerySet[Product]:
    for word in words.split()[:MOST_WORDS]:
        found = found.filter(Q(code__icontains=word) | Q(title__icontains=word))
    return found


def _page(
    found: QuerySet[Product], number: str | None, *, is_filtered: bool
) -> Page[Product] | Slice[Product]:
    """All products are counted out of an index; what a search leaves over is not counted at all."""
    found = found.order_by("code").select_related("parent").defer("description", "parent__description")
    if is_filtered:
        return slice_of(found, number, PAGE_SIZE)
    return Paginator(found, PAGE_SIZE).get_page(number)


def _with_badges(merchant: Merchant, found: Sequence[Product]) -> list[Row]:
    ids = [product.pk for product in found]
    stand = {name: channel.product_badges(merchant, ids) for name, channel in CHANNELS.items()} if ids else {}
    pools = pools_of(merchant.pk, ids) if ids else {}
    return [
        Row(
            product,
            [(name, badges[product.pk]) for name, badges in stand.items() if product.pk in badges],
            pools.get(product.pk),
        )
        for product in found
    ]
