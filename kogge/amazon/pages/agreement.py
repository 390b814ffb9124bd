"""The page "Abgleich": what would change at Amazon, and the merchant's word on who leads which value."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import agreeing, planning
from kogge.amazon.offers.agreeing import Difference, Standing
from kogge.amazon.offers.models import Agreement, Listing
from kogge.amazon.offers.words import amount, held_sentence, place
from kogge.amazon.pages import own
from kogge.backoffice.models import Product
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.product_csv import guarded
from kogge.merchants.access import MerchantRequest, may, owner, reader, staff
from kogge.merchants.models import Merchant, Role

PAGE = 50
CSV_BATCH = 500
MOST_HELD = 50
MOST_BUFFER = 1_000_000

Leader = Agreement.Leader


@dataclass(frozen=True, slots=True)
class Words:
    """A field as the page calls it, and what each choice means."""

    title: str | Promise
    icon: str
    by_kogge: str | Promise
    by_amazon: str | Promise


FIELDS: Mapping[str, Words] = {
    "quantity": Words(
        gettext_lazy("Warenbestand"),
        "packages",
        gettext_lazy("Amazon zeigt, was in deinem Shop verfügbar ist. Jeder Verkauf gilt sofort auch dort."),
        gettext_lazy("Kogge sendet keinen Bestand. Du pflegst ihn in Seller Central."),
    ),
    "lead_time": Words(
        gettext_lazy("Lieferzeit"),
        "clock",
        gettext_lazy("Amazon zeigt die Lieferzeit aus deinem Shop."),
        gettext_lazy("Kogge sendet keine Lieferzeit. Es gilt, was in Seller Central steht."),
    ),
    "price": Words(
        gettext_lazy("Preis"),
        "cash",
        gettext_lazy(
            "Amazon zeigt den Preis aus deinem Shop. Angebots- und Geschäftskundenpreise bleiben bestehen."
        ),
        gettext_lazy(
            "Kogge sendet keinen Preis. Du pflegst ihn in Seller Central oder mit einem Preiswerkzeug."
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Who leads a field: how many offers differ there, and what was said so far."""

    name: str
    words: Words
    count: int
    leader: str

    @property
    def leader_text(self) -> str:
        return str(Leader(self.leader).label)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that differs. `place` only where a product has prices in several marketplaces."""

    amazon: str
    shop: str
    place: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An offer with what would change."""

    product: Product | None
    sku: str
    asin: str
    cells: Mapping[str, Sequence[Cell]]

    @property
    def columns(self) -> list[tuple[str, Sequence[Cell]]]:
        """What differs in each field, under the field's name."""
        return [(str(words.title), self.cells[name]) for name, words in FIELDS.items()]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A listing whose prices wait for a word of their own."""

    listing: Listing
    product: Product | None
    sentence: str
    prices: Sequence[str]  # as the form brings them back: listing, marketplace, price


@owner
def agree(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """The dry run, later who leads what (GET); the owner's word (POST). Before it nothing is sent."""
    connection = own.connection(request, pk)
    if request.method != "POST":
        return _show(request, connection)
    chosen = {name: request.POST.get(name, "") for name in FIELDS}
    found = agreeing.standing(connection)
    agreed = planning.agreement_of(connection)
    if not is_decided(agreed) and not found.is_complete:
        messages.error(
            request, _("Kogge sieht sich deine Angebote noch an. Warte bitte, bis das fertig ist.")
        )
        return redirect("amazon_agree", pk)
    if any(leader not in (Leader.KOGGE, Leader.AMAZON) for leader in chosen.values()):
        messages.error(request, _("Wähle für jeden Wert, wer ihn führt. Bis dahin sendet Kogge nichts."))
        return _show(request, connection, chosen=chosen)
    agreeing.agree(connection, **chosen, by=request.user.email, now=timezone.now())
    messages.success(request, _consequence(found, chosen))
    return redirect("amazon_agree", pk)


@require_POST
@staff
def confirm(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Prices the merchant means, as they were on the page: one offer's, the ticked ones', or all."""
    connection = own.connection(request, pk)
    meant = _meant(request)
    if not meant:
        messages.warning(request, _("Wähle zuerst aus, welche Preise stimmen."))
        return redirect("amazon_agree", pk)
    confirmed = _confirm(request, connection, meant)
    if confirmed:
        messages.success(request, _confirmed(connection, confirmed))
    if confirmed < len(meant):
        messages.warning(request, _("Ein Preis hat sich inzwischen geändert. Sieh ihn dir noch einmal an."))
    return redirect("amazon_agree", pk)


@require_POST
@owner
def buffer(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """The units Amazon is not told of."""
    connection = own.connection(request, pk)
    typed = request.POST.get("buffer", "").strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 10 and int(typed) <= MOST_BUFFER):
        messages.error(request, _("Der Sicherheitsbestand ist eine ganze Zahl von 0 bis 1.000.000."))
        return _show(request, connection)
    agreeing.set_buffer(connection, int(typed), now=timezone.now())
    messages.success(
        request, _("Der Sicherheitsbestand ist gespeichert. Amazon bekommt gleich die neuen Bestände.")
    )
    return redirect("amazon_agree", pk)


@require_GET
@reader
def export(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """All differences as a table for a spreadsheet, however many there are."""
    connection = own.connection(request, pk)
    lines = _csv(request.merchant, connection, get_language() or "de")
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="abgleich-{connection.pk}.csv"'
    return response


def is_decided(agreed: Agreement) -> bool:
    """Whether the merchant said who leads, for every value."""
    return "" not in (agreed.quantity, agreed.lead_time, agreed.price)


def _show(
    request: MerchantRequest, connection: Connection, *, chosen: Mapping[str, str] | None = None
) -> HttpResponse:
    found = agreeing.standing(connection)
    agreed = planning.agreement_of(connection)
    after = _place(request.GET.get("ab", ""))
    rows, following = _page(request.merchant, connection, after)
    context = {
        "connection": connection,
        "found": found,
        "read": found.listings - found.unread,
        "agreed": agreed,
        "decided": is_decided(agreed),
        "looking": not found.is_complete,
        "percent": 100 * (found.listings - found.unread) // found.listings if found.listings else 0,
        "sends": _sends(found),
        "choices": _choices(found, chosen or _leaders(agreed)),
        "rows": rows,
        "following": following,
        "is_first": not after,
        "held": _held(request.merchant, connection),
        "is_owner": may(request.role, Role.OWNER),
        "may_act": may(request.role, Role.STAFF),
        "paused": connection.state == Connection.State.PAUSED,
    }
    status = REFUSED if request.method == "POST" else 200
    return render(request, "amazon/agreement.html", context, status=status)


def _leaders(agreed: Agreement) -> dict[str, str]:
    return {name: getattr(agreed, name) for name in FIELDS}


def _choices(found: Standing, leaders: Mapping[str, str]) -> list[Choice]:
    return [
        Choice(name, words, getattr(found, name), leaders[name] if leaders[name] in Leader.values else "")
        for name, words in FIELDS.items()
    ]


def _sends(found: Standing) -> dict[str, int]:
    """How many offers get a new value of each field where Kogge leads it."""
    return {name: getattr(found, name) for name in FIELDS} | {"price": max(0, found.price - found.held)}


def _consequence(found: Standing, chosen: Mapping[str, str]) -> str:
    """What is sent now, in numbers."""
    told = [
        _counted(name, count)
        for name, count in _sends(found).items()
        if chosen[name] == Leader.KOGGE and count
    ]
    if not told:
        return _("So ist es festgehalten. Im Augenblick gibt es nichts zu senden.")
    return _("So ist es festgehalten. Kogge sendet jetzt an Amazon: %(what)s.") % {"what": ", ".join(told)}


def _counted(name: str, count: int) -> str:
    text = {
        "quantity": ngettext("%(n)s Bestand", "%(n)s Bestände", count),
        "lead_time": ngettext("%(n)s Lieferzeit", "%(n)s Lieferzeiten", count),
        "price": ngettext("%(n)s Preis", "%(n)s Preise", count),
    }[name]
    return text % {"n": formats.number_format(count, force_grouping=True)}


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _page(merchant: Merchant, connection: Connection, after: int) -> tuple[list[Row], int | None]:
    """The offers that differ, after one of them, and where the next page begins."""
    found = agreeing.differences(connection, after=after, limit=PAGE)
    by_listing: dict[int, list[Difference]] = {}
    for one in found:
        by_listing.setdefault(one.listing_id, []).append(one)
    products = _products(merchant, found)
    rows = [_row(products.get(group[0].product_id), group) for group in by_listing.values()]
    return rows, max(by_listing) if len(by_listing) == PAGE else None


def _products(merchant: Merchant, found: Sequence[Difference]) -> dict[str, Product]:
    ids = {int(one.product_id) for one in found if one.product_id.isdecimal()}
    return {str(pk): product for pk, product in Product.objects.of(merchant).in_bulk(ids).items()}


def _row(product: Product | None, group: Sequence[Difference]) -> Row:
    cells: dict[str, list[Cell]] = {name: [] for name in FIELDS}
    for one in sorted(group, key=lambda one: place(one.marketplace_id)):
        cells[one.field].append(
            Cell(_value(one.amazon, one), _value(one.shop, one), place(one.marketplace_id), one.is_held)
        )
    return Row(product, group[0].sku, group[0].asin, cells)


def _value(value: int | Decimal | None, one: Difference) -> str:
    if value is None:
        return "–"
    if one.field == "price":
        return amount(Decimal(value), one.marketplace_id)
    return str(formats.number_format(value, 0, force_grouping=True))


def _held(merchant: Merchant, connection: Connection) -> list[HeldRow]:
    """Listings with prices that wait for a word, as many as fit on the page."""
    rows = Listing.objects.of(merchant).filter(connection=connection, differs__contains="h")
    found = list(rows.select_related("offer").order_by("pk")[:MOST_HELD])
    ids = [int(listing.product_id) for listing in found if listing.product_id.isdecimal()]
    products = {str(pk): one for pk, one in Product.objects.of(merchant).in_bulk(ids).items()}
    return [
        HeldRow(
            listing,
            products.get(listing.product_id),
            held_sentence(listing.held),
            [
                f"{listing.pk}:{marketplace_id}:{one.price}"
                for marketplace_id, one in sorted(listing.held.items())
            ],
        )
        for listing in found
    ]


def _meant(request: MerchantRequest) -> list[tuple[int, str, Decimal]]:
    """Listing, marketplace and amount of the prices the pressed button is about."""
    known = [found for one in request.POST.getlist("price")[: MOST_HELD * 20] if (found := _price(one))]
    if request.POST.get("scope") == "page":
        return known
    rows = {request.POST["one"]} if request.POST.get("one") else set(request.POST.getlist("row"))
    return [one for one in known if str(one[0]) in rows]


def _price(text: str) -> tuple[int, str, Decimal] | None:
    listing, marketplace_id, price = [*text.split(":"), "", ""][:3]
    try:
        found = Decimal(price)
    except InvalidOperation:
        return None
    return (_place(listing), marketplace_id, found) if _place(listing) and found.is_finite() else None


def _confirmed(connection: Connection, count: int) -> str:
    """What was confirmed, and whether it goes out now."""
    if planning.agreement_of(connection).price == Leader.KOGGE:
        text = ngettext(
            "%(count)s Preis ist bestätigt und geht jetzt an Amazon.",
            "%(count)s Preise sind bestätigt und gehen jetzt an Amazon.",
            count,
        )
    else:
        text = ngettext(
            "%(count)s Preis ist bestätigt. Er geht an Amazon, sobald Kogge den Preis führt.",
            "%(count)s Preise sind bestätigt. Sie gehen an Amazon, sobald Kogge den Preis führt.",
            count,
        )
    return text % {"count": count}


def _confirm(
    request: MerchantRequest, connection: Connection, meant: Sequence[tuple[int, str, Decimal]]
) -> int:
    """How many of the prices still were the ones that waited."""
    mine = Listing.objects.of(request.merchant).filter(connection=connection)
    listings = mine.select_related("offer", "connection").in_bulk([pk for pk, _place, _price in meant])
    by, now = request.user.email, timezone.now()
    return sum(
        agreeing.confirm_price(listings[pk], marketplace_id, price, by=by, now=now)
        for pk, marketplace_id, price in meant
        if pk in listings
    )


class _Echo:
    """A file that hands back what is written into it."""

    def write(self, line: str) -> str:
        return line


def _csv(merchant: Merchant, connection: Connection, language: str) -> Iterator[str]:
    """Line by line, in the reader's language, with the German separators spreadsheets here expect."""
    writer = csv.writer(_Echo(), delimiter=";", lineterminator="\r\n")
    with override(language):
        names = [_("Artikelnummer"), _("Produkt"), "SKU", "ASIN", _("Marktplatz"), _("Wert")]
        head = writer.writerow([*names, _("bei Amazon"), _("im Shop"), _("wartet auf Bestätigung")])
        yes, no = _("ja"), _("nein")
        titles = {name: str(words.title) for name, words in FIELDS.items()}
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + str(head)
    after: int | None = 0
    while after is not None:
        found = agreeing.differences(connection, after=after, limit=CSV_BATCH)
        products = _products(merchant, found)
        for one in found:
            product = products.get(one.product_id)
            cells = [product.code if product else "", product.title if product else "", one.sku, one.asin]
            cells += [place(one.marketplace_id), titles[one.field], _plain(one.amazon), _plain(one.shop)]
            yield str(writer.writerow([guarded(cell) for cell in cells] + [yes if one.is_held else no]))
        after = max(one.listing_id for one in found) if found else None


def _plain(value: int | Decimal | None) -> str:
    """A figure with a decimal comma."""
    return "" if value is None else str(value).replace(".", ",")
