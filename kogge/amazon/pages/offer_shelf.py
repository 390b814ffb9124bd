"""FBA in the box "Kanäle": what lies in Amazon's warehouse, and what to do while nothing does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.catalog.finding import fba_offers, owners
from kogge.amazon.catalog.models import Offer
from kogge.amazon.fba import planning
from kogge.amazon.fba.activation import Candidate, Standing, may_tick
from kogge.amazon.fba.models import FbaStock
from kogge.amazon.fba.stock import look_up
from kogge.amazon.pages import own, pools
from kogge.amazon.pages.asking import NoAnswer, why
from kogge.engine.due import make_due
from kogge.spapi.errors import AmazonError

MOST_CHOICES = 100

# Why FBA cannot be ticked is no fault of the article's in these cases: there is nothing to send there.
_UNKNOWN = {"not_connected", "not_read", "denied"}


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the box shows of a product in Amazon's warehouse."""

    standing: Standing
    tone: str
    icon: str
    figure: str  # "31 Stück bei Amazon versandfähig"
    free: int | None  # those of them that no order of the shop waits for; None: nobody asked yet
    sentence: str
    steps: Sequence[str]  # what to do in Seller Central
    choices: Sequence[Candidate]  # SKUs to choose from, the ones of the same article first
    may_look: bool

    @property
    def read_at(self) -> datetime | None:
        return self.standing.read_at


def shelf(offer: Offer, *, typed_sku: str = "") -> Shelf:
    """How the offer, as it is stored or typed, stands in Amazon's warehouse."""
    standing = may_tick(offer.merchant_id, offer, typed_sku)
    tone, icon = _look(standing)
    kept = pools.shelves(offer.merchant_id, [int(offer.product_id)]).get(int(offer.product_id))
    return Shelf(
        standing=standing,
        tone=tone,
        icon=icon,
        figure=_figure(standing),
        free=kept.free if kept and kept.sku == standing.sku else None,
        sentence=sentence(standing),
        steps=_steps(standing),
        choices=_choices(offer, standing),
        may_look=standing.why_not != "not_connected",
    )


def sentence(standing: Standing) -> str:
    """Why FBA cannot be ticked; empty when it can."""
    return {
        "": "",
        "not_connected": _(
            "Erst wenn ein Amazon-Konto verbunden ist, weiß Kogge, was im Amazon-Lager liegt."
        ),
        "not_read": _("Kogge hat den Bestand im Amazon-Lager noch nicht gelesen."),
        "denied": _(
            "Amazon verweigert den Bestand: Deiner Amazon-App fehlt die Rolle „Amazon Fulfillment“, oder das "
            "Konto nimmt nicht an FBA teil."
        ),
        "nothing": _(
            "Davon liegt nichts im Amazon-Lager. FBA geht erst, wenn dort versandfähige Ware liegt."
        ),
        "no_stock": _(
            "Von der FBA-SKU %(sku)s ist im Amazon-Lager gerade nichts versandfähig. FBA geht erst, wenn "
            "dort wieder Ware liegt."
        ),
        "ambiguous": _("Im Amazon-Lager liegen mehrere SKUs dieses Artikels. Wähle, welche gemeint ist."),
        "sku_of_other": _("Die FBA-SKU %(sku)s gehört schon zu einem anderen Produkt."),
        "other_asin": _("Die FBA-SKU %(sku)s ist bei Amazon ein anderer Artikel, mit einer anderen ASIN."),
    }[standing.why_not] % {"sku": standing.sku}


def look_now(offer: Offer, typed_sku: str) -> None:
    """Ask Amazon for the SKUs the product may have in the warehouse. Raises `NoAnswer`."""
    connections = list(own.active_connections(offer.merchant_id).order_by("pk"))
    if not connections:
        raise NoAnswer(_("Gerade ist kein Amazon-Konto verbunden, das Kogge fragen könnte."))
    known = may_tick(offer.merchant_id, offer, typed_sku)
    skus = [typed_sku, offer.fba_sku, offer.sku, *(one.sku for one in known.candidates)]
    if not any(skus):
        raise NoAnswer(_("Trage zuerst die FBA-SKU ein, unter der die Ware bei Amazon liegt."))
    if known.why_not in _UNKNOWN:  # the rest of the stock is wanted, too
        make_due("read_fba_stock", [connection.pk for connection in connections], now=timezone.now())
    try:
        for connection in connections:
            look_up(connection, skus, clock=timezone.now)
    except AmazonError as error:
        raise NoAnswer(why(error, role="Amazon Fulfillment")) from error


def ticks_kept(merchant_id: int, product_ids: Collection[str], *, now: datetime) -> None:
    """The offers of these products were kept, inside this transaction: with the first FBA tick Amazon begins
    to ship the shop's orders, with the last it ends.

    Of what is ticked the stock is read at once: until then nobody knows what can be shipped.
    """
    planning.wake(merchant_id, now=now)
    if fba_offers(merchant_id).filter(product_id__in=product_ids).exists():
        active = own.active_connections(merchant_id)
        make_due("read_fba_stock", list(active.values_list("pk", flat=True)), now=now)


def _look(standing: Standing) -> tuple[str, str]:
    if standing.may_tick:
        return ("green", "packages")
    return ("gray", "help-circle") if standing.why_not in _UNKNOWN else ("amber", "alert-circle")


def _figure(standing: Standing) -> str:
    units = standing.fulfillable
    if standing.why_not == "nothing":
        return _("nichts im Amazon-Lager")
    if units is None:
        return _("kein Bestand bekannt")
    told = ngettext(
        "%(count)s Stück bei Amazon versandfähig", "%(count)s Stück bei Amazon versandfähig", units
    )
    return told % {"count": formats.number_format(units)}


def _steps(standing: Standing) -> list[str]:
    """What to do in Seller Central, one step after the other."""
    if standing.why_not == "denied":
        return [
            _("Öffne in Seller Central „Apps und Dienstleistungen“ › „Apps entwickeln“ und deine App."),
            _("Hake bei den Rollen „Amazon Fulfillment“ an und autorisiere die App neu."),
            _("Trage den neuen Refresh-Token unter Apps › Amazon ein."),
        ]
    if standing.why_not not in ("nothing", "no_stock"):
        return []
    return [
        _(
            "Öffne in Seller Central „Lagerbestand“ › „Gesamten Lagerbestand verwalten“ "
            "und suche das Angebot."
        ),
        _(
            "Wähle „In Versand durch Amazon umwandeln“, oder lege dafür ein zweites Angebot "
            "mit eigener SKU an."
        ),
        _("Wähle „An Amazon senden“ und schicke die Ware ins Amazon-Lager."),
        _("Sobald sie eingelagert ist, klicke hier auf „Jetzt nachsehen“ und setze den Haken."),
    ]


def _choices(offer: Offer, standing: Standing) -> list[Candidate]:
    """The SKUs of the same article, then all that no other product has."""
    fitting = {one.sku: one for one in standing.candidates}
    rows = FbaStock.objects.of_id(offer.merchant_id).filter(
        connection__in=own.standing_connections(offer.merchant_id)
    )
    others = [row for row in rows.order_by("sku")[:MOST_CHOICES] if row.sku not in fitting]
    taken = owners(offer.merchant_id, {row.sku for row in others})
    free = [row for row in others if not taken.get(row.sku, set()) - {offer.product_id}]
    return [
        *fitting.values(),
        *(Candidate(row.connection_id, row.sku, row.asin, row.fulfillable, row.read_at) for row in free),
    ]
