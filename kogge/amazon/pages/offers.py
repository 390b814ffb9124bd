"""The tab "Angebote": every product with its state at Amazon, why, and acts on many at once.

A page costs the same with a thousand products and with a million: the figures above come out of the
index in one query, the rows are read from where the last page ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import offers_of, products_called
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import stock
from kogge.amazon.offers import wishes
from kogge.amazon.offers.models import MERCHANT_FULFILLED, Listing, Values
from kogge.amazon.offers.words import amount, place, sentence
from kogge.amazon.pages import own, pools, states
from kogge.backoffice.channels import Badge
from kogge.backoffice.models import Product
from kogge.formats.money import money
from kogge.merchants.access import MerchantRequest, may, reader, staff
from kogge.merchants.models import Merchant, Role

PAGE = 50
MOST_WORDS = 8

State = Listing.State


@dataclass(frozen=True, slots=True)
class View:
    """Which products are looked at: a seller account, a state ("" is all) and words."""

    merchant: Merchant
    connection: Connection
    state: str = ""
    words: str = ""

    @property
    def query(self) -> str:
        """The filter in an address, without the place in the list."""
        given = {"konto": self.connection.pk, "stand": self.state, "q": self.words}
        return urlencode({name: value for name, value in given.items() if value})

    def products(self) -> QuerySet[Product]:
        """All products it names."""
        found = _called(self.merchant, self.words) if self.words else Product.objects.of(self.merchant)
        return states.narrow(self.merchant.pk, found, self.state, connection=self.connection)

    def listings(self) -> QuerySet[Listing]:
        """All listings in its state, whatever the words."""
        rows = Listing.objects.of(self.merchant).filter(connection=self.connection)
        return rows.filter(state=self.state)


@dataclass(frozen=True, slots=True)
class Picked:
    """What an act is about: the ticked products, or all of the view."""

    view: View
    product_ids: Sequence[str]
    all: bool

    def __bool__(self) -> bool:
        return self.all or bool(self.product_ids)

    def listings(self) -> QuerySet[Listing]:
        """Their listings at the seller account."""
        view = self.view
        rows = Listing.objects.of(view.merchant).filter(connection=view.connection)
        if not self.all:
            return rows.filter(product_id__in=self.product_ids)
        if view.words:
            return rows.filter(product_id__in=_ids(view.products()))
        return rows.filter(state=view.state) if view.state else rows

    def to_sell(self) -> list[str]:
        """Those that are not on Amazon."""
        off = states.narrow(
            self.view.merchant.pk, self._products(), State.OFF, connection=self.view.connection
        )
        return _ids(off)

    def to_stop(self) -> list[str]:
        """Those that are on Amazon."""
        rows = self.listings().exclude(state=State.OFF).order_by("pk")
        return list(rows.values_list("product_id", flat=True)[: wishes.MOST_AT_ONCE])

    def _products(self) -> QuerySet[Product]:
        if self.all:
            return self.view.products()
        return Product.objects.of(self.view.merchant).filter(pk__in=[int(one) for one in self.product_ids])


@dataclass(frozen=True, slots=True)
class Compared:
    """A value in the shop and at Amazon, as people read them."""

    shop: str
    amazon: str
    label: str = ""

    @property
    def is_same(self) -> bool:
        """Whether there is one value only: both agree, or Amazon shows none."""
        return self.amazon in (self.shop, "–")


@dataclass(frozen=True, slots=True)
class Row:
    """A product as the list shows it."""

    product: Product
    offer: Offer | None
    listing: Listing | None
    badge: Badge
    reason: str
    quantity: Compared | None
    prices: Sequence[Compared]
    in_warehouse: str  # what lies at Amazon; empty for a product that Amazon does not ship


@require_GET
@reader
def offers(request: MerchantRequest) -> HttpResponse:
    """All products with their state at Amazon."""
    connections = list(own.standing_connections(request.merchant.pk).order_by("state", "pk"))
    may_act = may(request.role, Role.STAFF)
    if not connections:
        context: dict[str, object] = {"is_owner": may(request.role, Role.OWNER)}
        return render(request, "amazon/offers.html", context)
    view = _view(request.merchant, connections, request.GET)
    counts = states.counts(request.merchant.pk, connection=view.connection)
    rows, following = _page(view, request.GET.get("ab", ""), counts)
    context = {
        "view": view,
        "connections": connections,
        "tabs": [("", _("Alle"), sum(counts.values()))]
        + [(state, text, counts[state]) for state, text in states.choices()],
        "rows": rows,
        "following": following,
        "is_first": not request.GET.get("ab"),
        "may_act": may_act,
        "filtered": counts.get(view.state, sum(counts.values())) if not view.words else None,
    }
    return render(request, "amazon/offers.html", context)


@require_POST
@staff
def act(request: MerchantRequest) -> HttpResponseBase:
    """The buttons above the list: `do` says which, `products` are the ticked ones, `all` means the filter."""
    connections = list(own.standing_connections(request.merchant.pk).order_by("state", "pk"))
    if not connections:
        return redirect("amazon_offers")
    view = _view(request.merchant, connections, QueryDict(request.POST.get("query", "")))
    picked = Picked(view, _numbers(request.POST.getlist("products")), bool(request.POST.get("all")))
    if not picked:
        messages.warning(request, _("Wähle zuerst Produkte aus."))
    elif request.POST.get("do") == "stop" and not request.POST.get("sure") and picked.to_stop():
        return _ask_before_stopping(request, picked)
    else:
        _carry_out(request, picked)
    return redirect(f"{reverse('amazon_offers')}?{view.query}")


def _numbers(typed: Sequence[str]) -> list[str]:
    """Keys of products out of a form; what is none is left out."""
    return [one for one in typed if one.isascii() and one.isdecimal() and len(one) < 19]


def _ids(products: QuerySet[Product]) -> list[str]:
    """As many as can be dealt with in one go."""
    ids = products.order_by("pk").values_list("pk", flat=True)[: wishes.MOST_AT_ONCE]
    return [str(product_id) for product_id in ids]


def _view(merchant: Merchant, connections: Sequence[Connection], query: QueryDict) -> View:
    number = query.get("konto", "")
    chosen = next((one for one in connections if str(one.pk) == number), connections[0])
    state = query.get("stand", "")
    words = query.get("q", "").replace("\0", "").strip()
    return View(merchant, chosen, state if state in states.SHOWN else "", words)


def _called(merchant: Merchant, words: str) -> QuerySet[Product]:
    """Products by article number, title or GTIN, and the ones with exactly this ASIN or SKU."""
    found = Q()
    for word in words.split()[:MOST_WORDS]:
        found &= Q(code__icontains=word) | Q(title__icontains=word) | Q(gtin=word)
    return Product.objects.of(merchant).filter(found | Q(pk__in=products_called(merchant.pk, words)))


def _page(view: View, after: str, counts: dict[str, int]) -> tuple[list[Row], str]:
    """The rows after a place in the list, and the place where the next page begins; empty: none."""
    if view.state and not counts[view.state]:
        return [], ""
    if view.state in ("", State.OFF) or view.words:
        return _page_of_products(view, after)
    return _page_of_listings(view, after)


def _page_of_products(view: View, after: str) -> tuple[list[Row], str]:
    """By article number, which is unique: as cheap at the end of the list as at its beginning."""
    found = list(view.products().filter(code__gt=after).order_by("code")[: PAGE + 1])
    shown = found[:PAGE]
    listings = Listing.objects.of(view.merchant).filter(
        connection=view.connection, product_id__in=[str(product.pk) for product in shown]
    )
    by_product = {listing.product_id: listing for listing in listings.select_related("offer")}
    return _rows(view, shown, by_product), shown[-1].code if len(found) > PAGE else ""


def _page_of_listings(view: View, after: str) -> tuple[list[Row], str]:
    """Out of the index of states, in the order the offers came."""
    start = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    found = list(view.listings().filter(pk__gt=start).select_related("offer").order_by("pk")[: PAGE + 1])
    shown = found[:PAGE]
    products = Product.objects.of(view.merchant).in_bulk([int(listing.product_id) for listing in shown])
    rows = _rows(view, list(products.values()), {listing.product_id: listing for listing in shown})
    places = {listing.product_id: number for number, listing in enumerate(shown)}
    rows.sort(key=lambda row: places[str(row.product.pk)])
    return rows, str(shown[-1].pk) if len(found) > PAGE else ""


def _rows(view: View, products: Sequence[Product], listings: dict[str, Listing]) -> list[Row]:
    offers = offers_of(view.merchant.pk, [str(product.pk) for product in products])
    fba = [int(product_id) for product_id, offer in offers.items() if offer.fba and offer.enabled]
    shelves = pools.shelves(view.merchant.pk, fba) if fba else {}
    return [
        _row(product, offers.get(key), listings.get(key), shelves.get(product.pk))
        for product in products
        if (key := str(product.pk))
    ]


def _row(product: Product, offer: Offer | None, listing: Listing | None, shelf: stock.Shelf | None) -> Row:
    state = listing.state if listing else State.OFF
    return Row(
        product=product,
        offer=offer,
        listing=listing,
        badge=states.badge(state),
        reason=_reason(offer, listing),
        quantity=_quantity(product, listing),
        prices=_prices(product, listing),
        in_warehouse=_in_warehouse(offer, listing, shelf),
    )


def _reason(offer: Offer | None, listing: Listing | None) -> str:
    if listing is None and offer is not None and offer.enabled:
        return _("Kogge richtet das Angebot gerade ein.")
    return sentence(listing) if listing else ""


def _keeps_itself(listing: Listing | None) -> bool:
    """Whether Amazon counts the units of the offer; one that was not read yet is the merchant's."""
    if listing is None:
        return False
    return listing.offer.is_kept_by_amazon or listing.channel not in ("", MERCHANT_FULFILLED)


def _in_warehouse(offer: Offer | None, listing: Listing | None, shelf: stock.Shelf | None) -> str:
    if offer is None or not offer.fba:
        return "FBA" if _keeps_itself(listing) else ""
    units = shelf.free if shelf else None
    return _("Amazon-Lager: %(units)s frei") % {"units": "–" if units is None else _number(units)}


def _quantity(product: Product, listing: Listing | None) -> Compared | None:
    """What may be sold, and what Amazon shows; None for a quantity that Amazon keeps itself."""
    if _keeps_itself(listing):
        return None
    wanted = listing.wanted.quantity if listing else None
    shop = max(0, product.stock - product.reserved - product.oversold) if wanted is None else wanted
    shown = listing.shown.quantity if listing else None
    return Compared(_number(shop), "–" if shown is None else _number(shown))


def _prices(product: Product, listing: Listing | None) -> list[Compared]:
    """The price in each marketplace with an offer; before anything is known, the product's own."""
    wanted = listing.wanted if listing else Values()
    shown = listing.shown if listing else Values()
    places = sorted(shown.prices or wanted.prices, key=place)
    if not places:
        return [Compared(money(product.price, product.currency), "–")]
    return [
        Compared(
            amount(wanted.prices.get(one), one),
            amount(shown.prices.get(one), one),
            place(one) if len(places) > 1 else "",
        )
        for one in places
    ]


def _number(units: int) -> str:
    return str(formats.number_format(units, use_l10n=True, force_grouping=True))


def _carry_out(request: MerchantRequest, picked: Picked) -> None:
    now = timezone.now()
    merchant_id, by = request.merchant.pk, request.user.email
    match request.POST.get("do", ""):
        case "sell":
            done = wishes.sell(merchant_id, picked.to_sell(), now=now)
            told = ngettext(
                "Amazon ist angehakt: %(count)s Produkt.", "Amazon ist angehakt: %(count)s Produkte.", done
            )
        case "stop":
            done = wishes.stop_selling(merchant_id, picked.to_stop(), now=now)
            told = ngettext(
                "Der Haken ist entfernt: %(count)s Produkt. Amazon bekommt Bestand 0.",
                "Der Haken ist entfernt: %(count)s Produkte. Amazon bekommt Bestand 0.",
                done,
            )
        case "resend":
            done = wishes.say_again(picked.listings(), now=now)
            told = ngettext(
                "%(count)s Angebot wird erneut gesendet.", "%(count)s Angebote werden erneut gesendet.", done
            )
        case "look":
            done = wishes.look_again(picked.listings(), now=now)
            told = ngettext(
                "Kogge sieht %(count)s Angebot bei Amazon nach.",
                "Kogge sieht %(count)s Angebote bei Amazon nach.",
                done,
            )
        case "confirm":
            done = wishes.confirm_prices(picked.listings(), by=by, now=now)
            told = ngettext("%(count)s Preis ist bestätigt.", "%(count)s Preise sind bestätigt.", done)
        case _:
            return
    _say(request, done, told)


def _say(request: MerchantRequest, done: int, told: str) -> None:
    if not done:
        messages.warning(request, _("Da ist nichts zu tun: Bei diesen Produkten ist das schon so."))
        return
    messages.success(request, told % {"count": formats.number_format(done, force_grouping=True)})
    if done >= wishes.MOST_AT_ONCE:
        messages.warning(
            request, _("Das waren so viele, wie in einem Zug gehen. Wiederhole es für die übrigen.")
        )


def _ask_before_stopping(request: MerchantRequest, picked: Picked) -> HttpResponse:
    """Name the consequence first."""
    context = {"picked": picked, "query": picked.view.query, "count": len(picked.to_stop())}
    return render(request, "amazon/offers_stop.html", context)
