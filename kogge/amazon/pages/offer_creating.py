""" "Angebot anlegen": whether Amazon lets the merchant sell the article, and what would be created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.amazon.connections.accounts import ConnectedAmazon
from kogge.amazon.offers import creating, planning, words
from kogge.amazon.offers.creating import CannotBeCreated, Preview
from kogge.amazon.offers.keeping import keep_offer
from kogge.amazon.offers.models import Listing
from kogge.amazon.pages import asking, pictures
from kogge.amazon.pages.asking import NoAnswer, Place
from kogge.amazon.pages.offer_forms import is_taken
from kogge.amazon.pages.offer_panel import offer_of, own_product
from kogge.amazon.pages.offer_standing import price_in
from kogge.backoffice.models import Product
from kogge.merchants.access import MerchantRequest, staff
from kogge.spapi.catalog_items_2022_04_01 import CatalogItem, get_catalog_item
from kogge.spapi.errors import NotFound
from kogge.spapi.listings_items_2021_08_01 import Issue

LONGEST_SKU = 40

# Why an offer cannot be created as it is, and what to do about it (`Preview.obstacle`).
OBSTACLES: Mapping[str, str | Promise] = {
    "not_agreed": gettext_lazy(
        "Ein neues Angebot braucht Bestand und Preis aus deinem Shop. "
        "Sag zuerst im Abgleich, dass Kogge beides führt."
    ),
    "off": gettext_lazy("Setze zuerst beim Produkt den Haken „Amazon“."),
    "fba": gettext_lazy(
        "FBA-Angebote legst du in Seller Central an, zusammen mit der Lieferung an Amazons Lager. "
        "Kogge findet sie dort von selbst."
    ),
    "no_asin": gettext_lazy("Wähle zuerst eine ASIN."),
    "no_sku": gettext_lazy("Gib eine SKU mit höchstens 40 Zeichen an, ohne Leerzeichen am Rand."),
    "sku_of_other": gettext_lazy("Diese SKU gehört schon zu einem anderen Produkt. Gib eine andere an."),
    "no_price": gettext_lazy(
        "Für diesen Marktplatz gibt es keinen Preis in seiner Währung. Trage ihn beim Produkt ein."
    ),
    "exists": gettext_lazy(
        "Diese SKU gibt es bei dir auf Amazon schon. Übernimm sie, wenn sie dieses Produkt ist, "
        "oder gib eine andere an."
    ),
}

# What another SKU can help against.
ABOUT_SKU = ("no_sku", "sku_of_other", "exists")


@dataclass(frozen=True, slots=True)
class ShownIssue:
    """What Amazon says about the offer: an error stands in its way, a warning does not."""

    tone: str
    icon: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What Amazon answered to the preview."""

    preview: Preview
    article: CatalogItem | None


@staff
@pictures.with_pictures
def create(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """The preview (GET) and the merchant's word (POST)."""
    product = own_product(request, pk)
    offer = offer_of(product)
    if offer is None or not offer.asin:
        return redirect("amazon_offer_search", pk)
    places = _accounts(asking.places(request, product.currency))
    wish = (request.POST.get("sku") or request.GET.get("sku") or "").strip()[:LONGEST_SKU]
    context: dict[str, Any] = {"product": product, "offer": offer, "places": places, "wish": wish}
    try:
        place = asking.chosen(request, places)
        listing = _listing(product, place)
        if request.method == "POST":
            return _carry_out(request, product, listing, wish)
        context |= {"place": place} | _preview(_look(place, listing, wish))
    except NoAnswer as none:
        if request.method == "POST":
            messages.error(request, none.sentence)
            return redirect("amazon_offer_create", pk)
        context |= {"trouble": none.sentence, "again_in": none.again_in}
    return render(request, "amazon/offer_create.html", context)


def _accounts(places: Sequence[Place]) -> list[Place]:
    """One for each account: where its new offers are created is the account's own."""
    found: dict[int, Place] = {}
    for place in places:
        found.setdefault(place.connection.pk, place)
    return list(found.values())


def _listing(product: Product, place: Place) -> Listing:
    """The offer at this account. Raises `NoAnswer` while it is none."""
    listings = Listing.objects.of_id(product.merchant_id).select_related("offer", "connection")
    found = listings.filter(product_id=str(product.pk), connection=place.connection).first()
    if found is None:
        raise NoAnswer(str(OBSTACLES["off"]))
    return found


def _look(place: Place, listing: Listing, wish: str) -> Looked:
    """The article, and Amazon's opinion on the offer; nothing changes by it."""

    def question(client: ConnectedAmazon) -> Looked:
        preview = creating.check(place.connection, client, listing, own_sku=wish, locale=asking.locale())
        return Looked(preview, _article(client, listing.offer.asin, preview))

    return asking.ask(place, question)


def _article(client: ConnectedAmazon, asin: str, preview: Preview) -> CatalogItem | None:
    try:
        return get_catalog_item(client, asin, preview.marketplace.marketplace_id)
    except NotFound:
        return None


def _preview(looked: Looked) -> dict[str, Any]:
    preview, article = looked.preview, looked.article
    marketplace = preview.marketplace
    return {
        "preview": preview,
        "article": article,
        "picture": pictures.shown(article.image_url) if article else "",
        "price": price_in(preview.values.prices.get(marketplace.marketplace_id), marketplace.marketplace_id),
        "obstacle": OBSTACLES.get(preview.obstacle, preview.obstacle),
        "issues": list(_issues(preview.issues)),
        "may_rename": preview.may_be_created or preview.obstacle in ABOUT_SKU,
    }


def _issues(issues: Sequence[Issue]) -> Iterator[ShownIssue]:
    """What stands in the way comes first."""
    for issue in sorted(issues, key=lambda one: one.severity != "ERROR"):
        is_error = issue.severity == "ERROR"
        sentence = words.issue_sentence(
            issue.code,
            issue.message,
            categories=issue.categories,
            attribute_names=issue.attribute_names,
        )
        tone, icon = ("red", "circle-x") if is_error else ("amber", "alert-triangle")
        yield ShownIssue(tone, icon, sentence)


def _carry_out(request: MerchantRequest, product: Product, listing: Listing, sku: str) -> HttpResponse:
    """Keep the wish, or link the SKU that Amazon has already."""
    now = timezone.now()
    if "link" in request.POST:
        return _link(request, product, sku)
    if not creating.may_create(planning.agreement_of(listing.connection)):
        messages.error(request, str(OBSTACLES["not_agreed"]))
        return redirect("amazon_offer_create", product.pk)
    try:
        creating.want(listing, sku, now=now)
    except CannotBeCreated as wrong:
        messages.error(request, str(OBSTACLES.get(wrong.obstacle, wrong.obstacle)))
        return redirect("amazon_offer_create", product.pk)
    messages.success(request, _("Kogge legt das Angebot jetzt bei Amazon an."))
    return redirect("product", product.pk)


def _link(request: MerchantRequest, product: Product, sku: str) -> HttpResponse:
    if not sku or is_taken(product, sku):
        messages.error(request, str(OBSTACLES["sku_of_other" if sku else "no_sku"]))
        return redirect("amazon_offer_create", product.pk)
    keep_offer(request.merchant, str(product.pk), {"sku": sku}, now=timezone.now())
    messages.success(request, _("Das Produkt ist bei Amazon jetzt die SKU %(sku)s.") % {"sku": sku})
    return redirect("product", product.pk)
