"""Merchants who work in a shop of another house: here their orders and products can only be looked at.

What they would do here is done over there; done here it would be overwritten or never told. So every act on
orders and products is named once, in `ACTS`; the middleware refuses it and the pages draw no buttons for it.
What a channel adds (the box "Kanäle", its own pages) goes through the Shop port and works as ever.

The back office knows no other shop: whoever connects one puts it into `SHOPS` when Django starts
(`kogge/remote/apps.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import ResolverMatch
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kogge.backoffice.channels import Notice
from kogge.backoffice.models import Order, Product
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant

# What changes orders or products, by the name of its address; `POST` where the page may still be looked at.
_ALL = frozenset({"GET", "HEAD", "POST"})
_POST = frozenset({"POST"})
ACTS = {
    "order_new": _ALL,
    "orders_bulk": _POST,
    "orders_ship": _ALL,
    "order_edit": _ALL,
    "order_act": _ALL,
    "product_new": _ALL,
    "product_import": _ALL,
    "product_file": _ALL,
    "product": _POST,
    "product_stock": _POST,
    "product_picture": _POST,
}

# The pages that have buttons for them.
PAGES = frozenset({*ACTS, "overview", "orders", "orders_fresh", "order", "order_live", "products"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in the shop over there: its number, if it has one yet, and the page of it."""

    shop: str  # "VersaCommerce"
    number: str
    url: str
    note: str = ""  # what of it a human must look at, in a sentence
    counts_stock: bool = True  # of a product: else its stock here is none, whatever there is


class ShopElsewhere(Protocol):
    """What whoever connects another shop tells the back office."""

    title: str

    def home(self, merchant: Merchant) -> str:
        """The address where the merchant works over there."""
        ...

    def order_place(self, order: Order) -> Place | None:
        """Where an order is over there; None for one that was never theirs and is finished here."""
        ...

    def product_place(self, product: Product) -> Place | None:
        """Where a product is over there; None for one they do not have."""
        ...

    def notices(self, merchant: Merchant) -> Sequence[Notice]:
        """What the merchant should know now about the other shop."""
        ...


SHOPS: dict[str, ShopElsewhere] = {}


def shop_of(merchant: Merchant) -> ShopElsewhere | None:
    """The shop elsewhere where this merchant works; None for those who work here."""
    return SHOPS.get(merchant.works_in)


def notices(merchant: Merchant) -> Sequence[Notice]:
    """What the merchant should know about the shop they work in, if that is not this one."""
    shop = shop_of(merchant)
    return shop.notices(merchant) if shop else []


def order_place(order: Order) -> Place | None:
    """Where an order is worked off, if not here."""
    shop = shop_of(order.merchant)
    return shop.order_place(order) if shop else None


def product_place(product: Product) -> Place | None:
    """Where a product is kept, if not here."""
    shop = shop_of(product.merchant)
    return shop.product_place(product) if shop else None


def refuse(merchant: Merchant, order: Order | None = None) -> None:
    """For doors without pages: commands, the API, the storefront. Raises `Refusal` if they work elsewhere."""
    shop = shop_of(merchant)
    if shop is not None and (order is None or shop.order_place(order)):
        raise Refusal(sentence(shop))


def sentence(shop: ShopElsewhere) -> str:
    """Why it is not done here."""
    return _("Dieser Händler arbeitet in %(shop)s. Bestellungen und Produkte bearbeitest du dort.") % {
        "shop": shop.title
    }


def is_done_here(request: HttpRequest) -> bool:
    """Whether the page of this request may show its acts on orders and products."""
    merchant: Merchant | None = getattr(request, "merchant", None)
    match = request.resolver_match
    if merchant is None or match is None or match.url_name not in PAGES:
        return True
    shop = shop_of(merchant)
    return shop is None or _is_finished_here(shop, merchant, match)


class ElsewhereMiddleware:
    """Refuses what is done over there with one sentence and the way to it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        """Called when it is known which address was asked for."""
        match = request.resolver_match
        if match is None or request.method not in ACTS.get(match.url_name or "", ()):
            return None
        merchant: Merchant | None = getattr(request, "merchant", None)
        shop = shop_of(merchant) if merchant else None
        if merchant is None or shop is None or _is_finished_here(shop, merchant, match):
            return None
        messages.error(request, _refusal(shop, merchant, match))
        return redirect(*_looking(match))


def _is_finished_here(shop: ShopElsewhere, merchant: Merchant, match: ResolverMatch) -> bool:
    """An order from before the other shop was connected is not known there: it is finished here."""
    order = _order(merchant, match)
    return order is not None and shop.order_place(order) is None


def _refusal(shop: ShopElsewhere, merchant: Merchant, match: ResolverMatch) -> SafeString:
    place = _place(shop, merchant, match)
    return format_html(
        '{} <a href="{}" rel="noreferrer">{}</a>',
        sentence(shop),
        place.url if place and place.url else shop.home(merchant),
        _("Dort öffnen"),
    )


def _place(shop: ShopElsewhere, merchant: Merchant, match: ResolverMatch) -> Place | None:
    if order := _order(merchant, match):
        return shop.order_place(order)
    product = Product.objects.of(merchant).filter(pk=match.kwargs.get("pk", 0)).first()
    is_product = (match.url_name or "").startswith("product") and match.url_name != "product_file"
    return shop.product_place(product) if product and is_product else None


def _order(merchant: Merchant, match: ResolverMatch) -> Order | None:
    number = match.kwargs.get("number")
    if number is None:
        return None
    return Order.objects.of(merchant).select_related("merchant").filter(number=number).first()


def _looking(match: ResolverMatch) -> tuple[str, ...]:
    """The page to look at instead."""
    if "number" in match.kwargs:
        return "order", str(match.kwargs["number"])
    if match.url_name in {"product", "product_stock", "product_picture"}:
        return "product", str(match.kwargs["pk"])
    return ("products",) if (match.url_name or "").startswith("product") else ("orders",)
