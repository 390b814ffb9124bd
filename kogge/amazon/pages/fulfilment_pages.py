"""The tab "Versand durch Amazon": orders Amazon ships, what lies in its warehouse, and what it sold itself.

Lists are read a page at a time and never counted; each page costs the same however long the list is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder, FulfillmentSettings
from kogge.amazon.journal.words import STATUS, word
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.pages import own
from kogge.amazon.pages.fulfilment_panel import badge, sentence
from kogge.amazon.pages.links import order_at_amazon
from kogge.amazon.pages.order_panel import STATUS_BADGES
from kogge.backoffice.channels import Badge
from kogge.backoffice.models import Product
from kogge.backoffice.pages.paging import slice_of
from kogge.engine import due
from kogge.merchants.access import MerchantRequest, may, reader, staff
from kogge.merchants.models import Merchant, Role
from kogge.spapi.marketplaces import MARKETPLACES

PAGE = 50

State = FulfillmentOrder.State


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order Amazon ships."""

    order: FulfillmentOrder
    badge: Badge
    sentence: str
    units: int


@dataclass(frozen=True, slots=True)
class StockRow:
    """A SKU in Amazon's warehouse, and the product it is; `is_fba`: Amazon ships the shop's orders of it."""

    stock: FbaStock
    product: Product | None
    is_fba: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """How a connection's stock is read: `settings` is None before the first time."""

    connection: Connection
    settings: FulfillmentSettings | None

    @property
    def name(self) -> str:
        return self.connection.store_name or self.connection.seller_id

    @property
    def is_paused(self) -> bool:
        return self.connection.state == Connection.State.PAUSED


@dataclass(frozen=True, slots=True)
class SoldItem:
    """A position of an order bought and shipped at Amazon."""

    item: AmazonOrderItem
    product: Product | None


@dataclass(frozen=True, slots=True)
class SoldRow:
    """An order bought and shipped at Amazon: for information only."""

    order: AmazonOrder
    badge: Badge
    address: str
    marketplace: str
    items: Sequence[SoldItem]


@require_GET
@reader
def orders(request: MerchantRequest) -> HttpResponse:
    """The orders Amazon ships, the newest first."""
    state = request.GET.get("stand", "")
    found = FulfillmentOrder.objects.of(request.merchant).order_by("-created_at", "-id")
    if state in State.values:
        found = found.filter(state=state)
    page = slice_of(
        found.select_related("connection").prefetch_related("lines"), request.GET.get("page"), PAGE
    )
    now = timezone.now()
    context = _common(request) | {
        "state": state if state in State.values else "",
        "states": [("", _("Alle")), *State.choices],
        "page": page,
        "rows": [
            OrderRow(one, badge(one), sentence(one, now), sum(line.quantity for line in one.lines.all()))
            for one in page.object_list
        ],
        "has_fba": Offer.objects.of(request.merchant).filter(fba=True).exists(),
    }
    return render(request, "amazon/fulfilment_orders.html", context)


@require_GET
@reader
def stock(request: MerchantRequest) -> HttpResponse:
    """What lies in Amazon's warehouses."""
    standing = own.standing_connections(request.merchant.pk)
    found = FbaStock.objects.of(request.merchant).filter(connection__in=standing)
    searched = request.GET.get("q", "").replace("\0", "").strip()
    if searched:
        found = found.filter(Q(sku__icontains=searched) | Q(asin__iexact=searched))
    page = slice_of(
        found.select_related("connection").order_by("sku", "connection"), request.GET.get("page"), PAGE
    )
    context = _common(request) | {
        "words": searched,
        "page": page,
        "rows": _stock_rows(request.merchant, page.object_list),
        "readings": _readings(standing),
    }
    return render(request, "amazon/fulfilment_stock.html", context)


@require_POST
@staff
def read_stock(request: MerchantRequest) -> HttpResponse:
    """ "Jetzt lesen": the worker asks Amazon in a moment."""
    wanted = list(own.active_connections(request.merchant.pk).values_list("pk", flat=True))
    if wanted:
        due.make_due("read_fba_stock", wanted, now=timezone.now())
        messages.success(request, _("Kogge fragt Amazon gerade nach dem Bestand. Lade die Seite gleich neu."))
    else:
        messages.error(request, _("Die Verbindung ist angehalten, Amazon wird gerade nicht gefragt."))
    return redirect("amazon_fulfillment_stock")


@require_GET
@reader
def sold(request: MerchantRequest) -> HttpResponse:
    """Orders bought at Amazon that Amazon ships itself: shown, never touched."""
    found = AmazonOrder.objects.of(request.merchant).filter(fulfilled_by="AMAZON").defer("sealed_raw")
    page = slice_of(
        found.select_related("connection").prefetch_related("items").order_by("-created_at", "-id"),
        request.GET.get("page"),
        PAGE,
    )
    context = _common(request) | {"page": page, "rows": _sold_rows(request.merchant, page.object_list)}
    return render(request, "amazon/fulfilment_sold.html", context)


def reading_of(connection: Connection) -> Reading:
    """How the connection's stock is read."""
    return _readings([connection])[0]


def _common(request: MerchantRequest) -> dict[str, object]:
    return {
        "connected": own.standing_connections(request.merchant.pk).exists(),
        "is_owner": may(request.role, Role.OWNER),
        "may_act": may(request.role, Role.STAFF),
    }


def _readings(standing: Collection[Connection]) -> list[Reading]:
    settings = {
        one.connection_id: one
        for one in FulfillmentSettings.objects.everyone().filter(connection__in=standing)
    }
    return [Reading(one, settings.get(one.pk)) for one in standing]


def _stock_rows(merchant: Merchant, rows: Sequence[FbaStock]) -> list[StockRow]:
    """With their products: named by the FBA SKU, else by the SKU of the offer."""
    skus = {row.sku for row in rows}
    offers = Offer.objects.of(merchant).filter(Q(fba_sku__in=skus) | Q(sku__in=skus, fba_sku=""))
    by_sku = {offer.sku_in_warehouse: offer for offer in offers}
    products = _products(merchant, [offer.product_id for offer in by_sku.values()])
    return [_stock_row(row, by_sku.get(row.sku), products) for row in rows]


def _stock_row(row: FbaStock, offer: Offer | None, products: Mapping[str, Product]) -> StockRow:
    if offer is None:
        return StockRow(row, None, is_fba=False)
    return StockRow(row, products.get(offer.product_id), is_fba=offer.fba and offer.enabled)


def _sold_rows(merchant: Merchant, orders: Sequence[AmazonOrder]) -> list[SoldRow]:
    asins = {item.asin for order in orders for item in order.items.all() if item.asin}
    skus = {item.sku for order in orders for item in order.items.all() if item.sku}
    offers = list(
        Offer.objects.of(merchant).filter(Q(sku__in=skus) | Q(fba_sku__in=skus) | Q(asin__in=asins))
    )
    products = _products(merchant, [offer.product_id for offer in offers])
    by_word: dict[str, Product] = {}
    for offer in offers:
        product = products.get(offer.product_id)
        for name in (offer.asin, offer.sku, offer.fba_sku):
            if name and product:
                by_word[name] = product
    return [_sold_row(order, by_word) for order in orders]


def _sold_row(order: AmazonOrder, by_word: Mapping[str, Product]) -> SoldRow:
    tone, icon = STATUS_BADGES.get(order.status, ("amber", "help-circle"))
    known = MARKETPLACES.get(order.marketplace_id)
    return SoldRow(
        order,
        Badge(tone, icon, word(STATUS, order.status)),
        order_at_amazon(order.marketplace_id, order.order_id),
        known.name if known else order.marketplace_id,
        [SoldItem(item, by_word.get(item.sku) or by_word.get(item.asin)) for item in order.items.all()],
    )


def _products(merchant: Merchant, ids: Sequence[str]) -> dict[str, Product]:
    found = Product.objects.of(merchant).in_bulk([int(one) for one in ids if one.isdecimal()])
    return {str(pk): product for pk, product in found.items()}
