"""The box "Kanäle" of a product: what is offered at Amazon, how it stands there, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import agreeing, wishes
from kogge.amazon.offers.keeping import keep_offer
from kogge.amazon.offers.latency import suggested_buffer
from kogge.amazon.offers.models import Agreement, Listing
from kogge.amazon.pages import offer_shelf, own
from kogge.amazon.pages.asking import NoAnswer
from kogge.amazon.pages.offer_forms import OfferForm, Place
from kogge.amazon.pages.offer_standing import active, at_amazon
from kogge.backoffice import stock
from kogge.backoffice.models import Product
from kogge.backoffice.pages import product_page
from kogge.backoffice.pages.states import duration
from kogge.merchants.access import MerchantRequest, may, reader, staff
from kogge.merchants.models import Role

# The addresses the box is sent to: to be kept, and to look into Amazon's warehouse with what is typed.
SAVE, LOOK = "amazon_offer", "amazon_offer_shelf"


def context(product: Product, request: HttpRequest) -> dict[str, Any]:
    """Everything the box shows. After a refused attempt to save: what was typed, and what is wrong."""
    offer = offer_of(product)
    connections = _connections(product.merchant_id)
    form = _form(product, offer, connections, _typed(request))
    may_act = may(getattr(request, "role", Role.READER), Role.STAFF)
    return {
        "product": product,
        "offer": offer,
        "form": form,
        "is_open": form.is_bound,
        "shelf": _shelf(form),
        "suggestion": _suggestion(product, connections, timezone.now()),
        "is_connected": bool(connections),
        **_standing(product, offer, connections, may_act=may_act),
    }


@require_POST
@staff
def save_offer(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Keep the whole box, and have Amazon hear of it."""
    product = own_product(request, pk)
    with transaction.atomic():
        stock.lock_shop(product.merchant_id)  # first, so that an import cannot write in between
        form = _form(product, offer_of(product), _connections(product.merchant_id), _typed(request))
        if not form.is_valid():
            return product_page.show_product(request, product)
        now = timezone.now()
        keep_offer(request.merchant, str(pk), form.values(), form.typed_prices(), now=now)
        offer_shelf.ticks_kept(request.merchant.pk, [str(pk)], now=now)
    if "search" in request.POST:
        return redirect("amazon_offer_search", pk)
    messages.success(request, _("Die Angaben für Amazon sind gespeichert."))
    return redirect("product", pk)


@require_POST
@staff
def look_up(request: MerchantRequest, pk: int) -> HttpResponse:
    """ "Jetzt nachsehen": ask Amazon what lies in its warehouse. What was typed stays, and is not kept."""
    product = own_product(request, pk)
    form = _form(product, offer_of(product), _connections(product.merchant_id), _typed(request))
    form.is_valid()
    offer = form.typed_offer()
    try:
        offer_shelf.look_now(offer, offer.fba_sku)
    except NoAnswer as none:
        messages.error(request, none.sentence)
    else:
        messages.info(request, _("Kogge hat im Amazon-Lager nachgesehen. Noch ist nichts gespeichert."))
    return product_page.show_product(request, product)


@require_GET
@reader
def offer_state(request: MerchantRequest, pk: int) -> HttpResponse:
    """The part of the box that changes by itself."""
    product = own_product(request, pk)
    may_act = may(request.role, Role.STAFF)
    shown = _standing(product, offer_of(product), _connections(product.merchant_id), may_act=may_act)
    return render(request, "amazon/_offer_state.html", shown)


@require_POST
@staff
def act(request: MerchantRequest, pk: int, connection: int, act: str) -> HttpResponse:
    """One thing done to the product's listing at one account, see `ACTS`."""
    listings = Listing.objects.of(request.merchant).select_related("connection", "offer")
    listing = get_object_or_404(listings, product_id=str(pk), connection_id=connection)
    if act not in ACTS:
        raise Http404
    if listing.connection.state == Connection.State.ACTIVE:
        ACTS[act](request, listing, timezone.now())
    else:
        messages.error(request, _("Die Verbindung ist angehalten: Kogge sendet nichts und fragt nichts."))
    return redirect("product", pk)


def own_product(request: MerchantRequest, pk: int) -> Product:
    """One product of the merchant, or 404."""
    return get_object_or_404(Product.objects.of(request.merchant), pk=pk)


def offer_of(product: Product) -> Offer | None:
    """The product's offer, if it ever had one."""
    offers = Offer.objects.of_id(product.merchant_id).prefetch_related("prices")
    return offers.filter(product_id=str(product.pk)).first()


def _send_again(request: MerchantRequest, listing: Listing, now: datetime) -> None:
    wishes.say_again(Listing.objects.of(request.merchant).filter(pk=listing.pk), now=now)
    messages.success(request, _("Kogge sendet alle Werte noch einmal, die es bei Amazon führt."))


def _look_again(request: MerchantRequest, listing: Listing, now: datetime) -> None:
    wishes.look_again(Listing.objects.of(request.merchant).filter(pk=listing.pk), now=now)
    messages.success(request, _("Kogge fragt Amazon jetzt, was es zeigt."))


def _confirm_price(request: MerchantRequest, listing: Listing, now: datetime) -> None:
    """The price as it stood beside the button: another one that came in between is not meant."""
    place = request.POST.get("marketplace", "")
    try:
        price = Decimal(request.POST.get("price", ""))
    except InvalidOperation:
        price = Decimal("NaN")
    by = request.user.email
    if price.is_finite() and agreeing.confirm_price(listing, place, price, by=by, now=now):
        messages.success(request, _("Der Preis ist bestätigt und geht an Amazon."))
    else:
        messages.error(request, _("Der Preis hat sich inzwischen geändert. Sieh ihn dir noch einmal an."))


ACTS: Mapping[str, Callable[[MerchantRequest, Listing, datetime], None]] = {
    "senden": _send_again,
    "pruefen": _look_again,
    "preis": _confirm_price,
}


def _connections(merchant_id: int) -> list[Connection]:
    return list(own.standing_connections(merchant_id).prefetch_related("marketplaces").order_by("pk"))


def _form(
    product: Product, offer: Offer | None, connections: Sequence[Connection], typed: Mapping[str, Any] | None
) -> OfferForm:
    return OfferForm(
        typed, product=product, offer=offer, places=_places(connections), buffer=_buffer(connections)
    )


def _shelf(form: OfferForm) -> offer_shelf.Shelf:
    """The product in Amazon's warehouse, by what is typed or kept."""
    if form.is_bound:
        form.is_valid()
    offer = form.typed_offer()
    return offer_shelf.shelf(offer, typed_sku=offer.fba_sku)


def _places(connections: Sequence[Connection]) -> list[Place]:
    """The marketplaces of all accounts, each once: a price counts for a marketplace, whoever sells there."""
    found = {
        place.marketplace_id: Place(place.marketplace_id, place.name, place.currency)
        for connection in connections
        for place in active(connection)
    }
    return sorted(found.values(), key=lambda place: place.name)


def _buffer(connections: Sequence[Connection]) -> int:
    """What an empty "Sicherheitsbestand" means: of several accounts the largest."""
    agreements = Agreement.objects.everyone().filter(connection__in=connections)
    return max(agreements.values_list("buffer", flat=True), default=0)


def _standing(
    product: Product, offer: Offer | None, connections: Sequence[Connection], *, may_act: bool
) -> dict[str, Any]:
    """How it stands at each account: for the part of the box that looks again by itself."""
    accounts = at_amazon(str(product.pk), offer, connections, now=timezone.now())
    return {
        "product": product,
        "accounts": accounts,
        "several": len(connections) > 1,
        "busy": any(account.busy for account in accounts),
        "may_act": may_act,
    }


def _typed(request: HttpRequest) -> Mapping[str, Any] | None:
    """What was typed into the box, on the page that answers its buttons."""
    match = request.resolver_match
    if request.method != "POST" or match is None or match.url_name not in (SAVE, LOOK):
        return None
    typed = request.POST.dict()
    if "suggested" in typed:  # "Übernehmen" beside the suggested buffer
        typed["buffer"] = typed["suggested"]
    return typed


@dataclass(frozen=True, slots=True)
class Suggested:
    """A buffer, and what it is computed from."""

    units: int
    sentence: str


def _suggestion(product: Product, connections: Sequence[Connection], now: datetime) -> Suggested | None:
    """What is sold until both sides know of it; of no use for a product nobody buys."""
    if not connections:
        return None
    known = suggested_buffer(connections[0].pk, product.merchant_id, str(product.pk), now)
    if not known.sales_per_hour:
        return None
    told = {"units": known.units, "sales": _sales(known.sales_per_hour), "time": _span(known.latency)}
    if not known.latency:
        return Suggested(known.units, _("Vorschlag: %(units)s (%(sales)s)") % told)
    return Suggested(known.units, _("Vorschlag: %(units)s (%(sales)s, Amazon weiß es nach %(time)s)") % told)


def _sales(per_hour: Decimal) -> str:
    if per_hour < Decimal("0.1"):
        return _("weniger als 0,1 Verkäufe je Stunde")
    return _("%(number)s Verkäufe je Stunde") % {"number": formats.number_format(per_hour, 1)}


def _span(latency: timedelta) -> str:
    """As it stands after "nach"."""
    seconds = max(1, round(latency.total_seconds()))
    if seconds < 60:
        return ngettext("%(count)s Sekunde", "%(count)s Sekunden", seconds) % {"count": seconds}
    return duration(latency)
