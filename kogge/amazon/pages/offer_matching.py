""" "ASIN suchen": find the article in Amazon's catalogue, pick it, and learn the SKU it is sold under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.amazon.connections.accounts import ConnectedAmazon
from kogge.amazon.offers.keeping import keep_offer
from kogge.amazon.pages import asking, pictures
from kogge.amazon.pages.asking import NoAnswer, Place
from kogge.amazon.pages.links import article_at_amazon
from kogge.amazon.pages.offer_forms import is_taken
from kogge.amazon.pages.offer_panel import offer_of, own_product
from kogge.amazon.pages.offer_standing import price_in
from kogge.backoffice.models import Product
from kogge.backoffice.product_csv import canonical_gtin
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff
from kogge.spapi.catalog_items_2022_04_01 import CatalogItem, find_by_gtin, find_by_words, get_catalog_item
from kogge.spapi.errors import AskHuman
from kogge.spapi.listings_items_2021_08_01 import ListingsItem, find_by_asin
from kogge.values import InvalidValue, asin

LONGEST_SEARCH = 200
TITLE_WORDS = 6  # of the product's title; more find less

CONDITIONS: dict[str, str | Promise] = {
    "new_new": gettext_lazy("Neu"),
    "new_open_box": gettext_lazy("Neu, geöffnet"),
    "new_oem": gettext_lazy("Neu, OEM"),
    "refurbished_refurbished": gettext_lazy("Generalüberholt"),
    "used_like_new": gettext_lazy("Gebraucht, wie neu"),
    "used_very_good": gettext_lazy("Gebraucht, sehr gut"),
    "used_good": gettext_lazy("Gebraucht, gut"),
    "used_acceptable": gettext_lazy("Gebraucht, akzeptabel"),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """An article of Amazon's catalogue as the list shows it."""

    asin: str
    title: str
    brand: str
    picture: str
    address: str
    has_gtin: bool  # Amazon knows it by the product's own GTIN
    is_picked: bool


@dataclass(frozen=True, slots=True)
class SkuShown:
    """One of the merchant's SKUs on an ASIN."""

    sku: str
    title: str
    condition: str
    ships: str
    price: str
    units: int | None
    is_picked: bool
    is_taken: bool


@staff
@pictures.with_pictures
def search(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Search by GTIN, ASIN or words (GET) and pick (POST)."""
    product = own_product(request, pk)
    places = asking.places(request, product.currency)
    if request.method == "POST":
        return _pick_article(request, product, places)
    typed = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    looked_for = typed or product.gtin or _of_title(product)
    found: list[Hit] = []
    trouble = ""
    again_in: int | None = None
    place = None
    try:
        place = asking.chosen(request, places)
        found = _search(product, place, looked_for)
    except NoAnswer as none:
        trouble, again_in = none.sentence, none.again_in
    context = {
        "product": product,
        "places": places,
        "place": place,
        "typed": typed or looked_for,
        "by_gtin": bool(product.gtin) and looked_for == product.gtin,
        "title_words": _of_title(product),
        "hits": found,
        "trouble": trouble,
        "again_in": again_in,
    }
    return render(request, "amazon/offer_search.html", context)


@staff
@pictures.with_pictures
def skus(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Which of several SKUs the product is."""
    product = own_product(request, pk)
    offer = offer_of(product)
    if offer is None or not offer.asin:
        return redirect("amazon_offer_search", pk)
    places = asking.places(request, product.currency)
    found: list[SkuShown] = []
    trouble = ""
    again_in: int | None = None
    try:
        place = asking.chosen(request, places)
        found = _skus(product, place, offer.asin, picked=offer.sku)
    except NoAnswer as none:
        trouble, again_in = none.sentence, none.again_in
    if request.method == "POST" and not trouble:
        return _pick_sku(request, product, found)
    context = {
        "product": product,
        "offer": offer,
        "places": places,
        "skus": found,
        "is_only_one": len(found) == 1 and found[0].is_picked,
        "trouble": trouble,
        "again_in": again_in,
    }
    return render(request, "amazon/offer_skus.html", context)


def _search(product: Product, place: Place, looked_for: str) -> list[Hit]:
    """By the kind of word that was typed: a GTIN, an ASIN, or words of the title."""
    marketplace_id = place.marketplace.marketplace_id

    def question(client: ConnectedAmazon) -> list[CatalogItem]:
        if gtin := _gtin(looked_for):
            return find_by_gtin(client, gtin, marketplace_id)
        if article := _asin(looked_for):
            try:
                return [get_catalog_item(client, article, marketplace_id)]
            except AskHuman:
                pass  # ten letters can also be a word
        return find_by_words(client, looked_for, marketplace_id)

    offer = offer_of(product)
    picked = offer.asin if offer else ""
    hits = [_hit(product, item, marketplace_id, picked) for item in asking.ask(place, question)]
    return sorted(hits, key=lambda hit: not hit.has_gtin)  # the surest first


def _hit(product: Product, item: CatalogItem, marketplace_id: str, picked: str) -> Hit:
    return Hit(
        asin=item.asin,
        title=item.title,
        brand=item.brand,
        picture=pictures.shown(item.image_url),
        address=article_at_amazon(marketplace_id, item.asin),
        has_gtin=bool(product.gtin) and _same_gtin(product.gtin, item.gtins),
        is_picked=item.asin == picked,
    )


def _pick_article(request: MerchantRequest, product: Product, places: list[Place]) -> HttpResponse:
    """Keep the ASIN; then its SKU, if Amazon names exactly one."""
    try:
        article = asin(request.POST.get("asin", ""))
    except InvalidValue:
        messages.error(request, _("Wähle einen Artikel aus der Liste."))
        return redirect("amazon_offer_search", product.pk)
    _keep(request, product, asin=article, sku="")
    try:
        found = _skus(product, asking.chosen(request, places), article, picked="")
    except NoAnswer as none:
        messages.success(request, _("Die ASIN %(asin)s ist gespeichert.") % {"asin": article})
        messages.warning(request, none.sentence + " " + _("Die SKU ermittelt Kogge dann von selbst."))
        return redirect("product", product.pk)
    if not found:
        return redirect("amazon_offer_create", product.pk)
    if len(found) > 1:
        return redirect("amazon_offer_skus", product.pk)
    return _pick(request, product, found[0])


def _pick_sku(request: MerchantRequest, product: Product, found: Sequence[SkuShown]) -> HttpResponse:
    wanted = request.POST.get("sku", "")
    picked = next((one for one in found if one.sku == wanted), None)
    if picked is None:
        messages.error(request, _("Diese SKU gibt es bei Amazon auf dieser ASIN nicht mehr."))
        return redirect("amazon_offer_skus", product.pk)
    return _pick(request, product, picked)


def _pick(request: MerchantRequest, product: Product, picked: SkuShown) -> HttpResponse:
    if picked.is_taken:
        messages.error(
            request,
            _("Die Amazon-SKU %(sku)s gehört schon zu einem anderen Produkt.") % {"sku": picked.sku},
        )
        return redirect("amazon_offer_search", product.pk)
    _keep(request, product, sku=picked.sku)
    messages.success(request, _("Das Produkt ist bei Amazon jetzt die SKU %(sku)s.") % {"sku": picked.sku})
    return redirect("product", product.pk)


def _keep(request: MerchantRequest, product: Product, **values: object) -> None:
    keep_offer(request.merchant, str(product.pk), {"enabled": True, **values}, now=timezone.now())


def _skus(product: Product, place: Place, article: str, *, picked: str) -> list[SkuShown]:
    """The account's SKUs on this ASIN, new ones the seller ships first."""
    seller_id = place.connection.seller_id
    ids = place.marketplace_ids
    items = asking.ask(place, lambda client: find_by_asin(client, seller_id, [article], ids))
    found = [_sku_shown(product, place, item, picked) for item in items]
    return sorted(found, key=lambda one: (one.condition != CONDITIONS["new_new"], one.sku))


def _sku_shown(product: Product, place: Place, item: ListingsItem, picked: str) -> SkuShown:
    marketplace_id = place.marketplace.marketplace_id
    summary = next(iter(item.summaries), None)
    condition = summary.condition if summary else ""
    return SkuShown(
        sku=item.sku,
        title=summary.title if summary else "",
        condition=str(CONDITIONS.get(condition, condition)),
        ships=_("du selbst") if set(item.availability) <= {"DEFAULT"} else _("Amazon (FBA)"),
        price=price_in(item.prices.get(marketplace_id), marketplace_id),
        units=item.availability.get("DEFAULT"),
        is_picked=item.sku == picked,
        is_taken=is_taken(product, item.sku),
    )


def _of_title(product: Product) -> str:
    return " ".join(product.title.split()[:TITLE_WORDS])


def _gtin(text: str) -> str:
    """The GTIN that was typed; empty if it is none."""
    try:
        return canonical_gtin(text)
    except Refusal:
        return ""


def _asin(text: str) -> str:
    try:
        return asin(text)
    except InvalidValue:
        return ""


def _same_gtin(own: str, known: Sequence[str]) -> bool:
    """GTINs are numbers: UPC, EAN and GTIN-14 of the same article differ in leading zeros."""
    return own.lstrip("0") in {gtin.lstrip("0") for gtin in known}
