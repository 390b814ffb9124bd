"""When a product may be ticked for FBA, and which of Amazon's SKUs in the warehouse it is.

A tick is only taken once Amazon has the article to ship. A tick that is there stays when the stock runs out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from kogge.amazon.catalog.finding import owners
from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FbaStock, FulfillmentSettings
from kogge.backoffice.channels import tell_products_changed


@dataclass(frozen=True, slots=True)
class Candidate:
    """A SKU in Amazon's warehouse that may be the product. `fulfillable` None: Amazon did not say."""

    connection_id: int
    sku: str
    asin: str
    fulfillable: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a product may be ticked for FBA. `why_not` is empty or one of

    "not_connected", "not_read" (its stock was never read), "denied" (Amazon does not let us read it),
    "nothing" (Amazon keeps no such SKU), "no_stock" (none that can be shipped), "ambiguous" (several SKUs
    fit: one has to be picked), "sku_of_other" (another product has it), "other_asin" (another article).
    `sku` is the one that fits, "" when none or several do; `fulfillable` and `read_at` are of that one, or
    else when Amazon was last asked.
    """

    why_not: str
    sku: str = ""
    fulfillable: int | None = None
    read_at: datetime | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def may_tick(self) -> bool:
        return not self.why_not


def may_tick(merchant_id: int, offer: Offer, sku: str = "") -> Standing:
    """How the product stands, by the FBA SKU `sku`, or else the offer's, or else what fits on the shelf."""
    return _standings(merchant_id, [offer], {offer.product_id: sku or offer.fba_sku})[offer.product_id]


def refusals(merchant_id: int, offers: Sequence[Offer]) -> dict[str, str]:
    """Why these offers of a product file may not become FBA, by product, in a sentence.

    Only where Amazon's stock is known: a file may come before the first look. A constant number of
    statements.
    """
    standings = _standings(merchant_id, offers, {offer.product_id: offer.fba_sku for offer in offers})
    found = ((key, _sentence(standing)) for key, standing in standings.items())
    return {key: sentence for key, sentence in found if sentence}


def name_in_warehouse(connection: Connection, *, now: datetime, skus: Collection[str] | None = None) -> int:
    """Fill the FBA SKU of offers for which exactly one on the shelf fits; how many. Inside a transaction.

    The offer's own SKU, else the only one of its ASIN. `skus`: only where one of these is concerned.
    """
    rows = _rows([connection.pk])
    if skus is not None:
        asins = {row.asin for row in rows if row.sku in skus and row.asin}
        rows = [row for row in rows if row.sku in skus or row.asin in asins]
    blank = Offer.objects.of_id(connection.merchant_id).filter(
        Q(sku__in={row.sku for row in rows}) | Q(asin__in={row.asin for row in rows if row.asin}),
        fba_sku="",
        enabled=True,
    )
    offers = list(blank.order_by("pk").select_for_update()) if rows else []
    named = _named(connection.merchant_id, offers, rows)
    for offer in offers:
        offer.fba_sku = named.get(offer.product_id, "")
        offer.changed_at = now
    changed = [offer for offer in offers if offer.fba_sku]
    Offer.objects.everyone().bulk_update(changed, ["fba_sku", "changed_at"], batch_size=200)
    # One that is ticked may have an offer of the merchant's beside it from now on, which is told units.
    ticked = [int(offer.product_id) for offer in changed if offer.fba and offer.fba_sku != offer.sku]
    if ticked:
        tell_products_changed(connection.merchant_id, ticked, now=now)
    return len(changed)


def _standings(merchant_id: int, offers: Sequence[Offer], wanted: Mapping[str, str]) -> dict[str, Standing]:
    active = Connection.objects.of_id(merchant_id).filter(state=Connection.State.ACTIVE)
    connection_ids = list(active.values_list("pk", flat=True))
    if not connection_ids:
        return {offer.product_id: Standing("not_connected") for offer in offers}
    settings = list(FulfillmentSettings.objects.everyone().filter(connection__in=connection_ids))
    known_to = max((each.stock_known_to for each in settings if each.stock_known_to), default=None)
    shelf = _rows(connection_ids, offers, wanted.values())
    taken = owners(merchant_id, {row.sku for row in shelf} | set(wanted.values()))
    found = {
        offer.product_id: _standing(offer, wanted[offer.product_id], shelf, taken, known_to)
        for offer in offers
    }
    if known_to is not None:
        return found
    # Not all of it was read yet: what was looked up counts, but nothing can be said to be missing.
    is_denied = any(each.stock_problem == "denied" for each in settings)
    unknown = Standing("denied" if is_denied else "not_read")
    return {key: unknown if each.why_not == "nothing" else each for key, each in found.items()}


def _standing(
    offer: Offer,
    wanted: str,
    shelf: Sequence[FbaStock],
    taken: Mapping[str, set[str]],
    known_to: datetime | None,
) -> Standing:
    if taken.get(wanted, set()) - {offer.product_id}:
        return Standing("sku_of_other", wanted, read_at=known_to)
    candidates = [row for row in shelf if not taken.get(row.sku, set()) - {offer.product_id}]
    fitting = _fitting(offer, candidates)
    shown = tuple(
        Candidate(row.connection_id, row.sku, row.asin, row.fulfillable, row.read_at) for row in fitting
    )
    picked = [row for row in candidates if row.sku == wanted] if wanted else _certain(offer, fitting)
    if not picked:
        return Standing("ambiguous" if fitting and not wanted else "nothing", wanted, None, known_to, shown)
    best = max(picked, key=lambda row: row.fulfillable or 0)
    if offer.asin and best.asin and best.asin != offer.asin and best.sku != offer.sku:
        return Standing("other_asin", best.sku, best.fulfillable, best.read_at, shown)
    why_not = "" if best.fulfillable else "no_stock"
    return Standing(why_not, best.sku, best.fulfillable, max(best.read_at, known_to or best.read_at), shown)


def _rows(
    connection_ids: Collection[int], offers: Sequence[Offer] | None = None, words: Collection[str] = ()
) -> list[FbaStock]:
    """What lies there, all of it or what may be these offers."""
    rows = FbaStock.objects.everyone().filter(connection__in=connection_ids)
    if offers is not None:
        skus = {offer.sku for offer in offers} | {*words}
        rows = rows.filter(Q(sku__in=skus - {""}) | Q(asin__in={offer.asin for offer in offers} - {""}))
    return list(rows.order_by("connection", "sku"))


def _fitting(offer: Offer, rows: Sequence[FbaStock]) -> list[FbaStock]:
    """Those that may be the product: called like its offer, or the same article."""
    return [
        row for row in rows if (offer.sku and row.sku == offer.sku) or (offer.asin and row.asin == offer.asin)
    ]


def _certain(offer: Offer, fitting: Sequence[FbaStock]) -> list[FbaStock]:
    """The same SKU, else the only one (each account has its own stock of it); nothing in doubt."""
    called = [row for row in fitting if row.sku == offer.sku]
    return called or (list(fitting) if len({row.sku for row in fitting}) == 1 else [])


def _named(merchant_id: int, offers: Sequence[Offer], rows: Sequence[FbaStock]) -> dict[str, str]:
    """The SKU in the warehouse of each product that has certainly one, and no other product has it."""
    taken = owners(merchant_id, {row.sku for row in rows})
    found: dict[str, str] = {}
    for offer in offers:
        free = [row for row in rows if not taken.get(row.sku, set()) - {offer.product_id}]
        if certain := _certain(offer, _fitting(offer, free)):
            found[offer.product_id] = certain[0].sku
    wishes = Counter(found.values())
    return {product_id: sku for product_id, sku in found.items() if wishes[sku] == 1}


def _sentence(standing: Standing) -> str:
    """What is told of a row of a file; empty when there is nothing against it, or nothing is known."""
    sentences = {
        "nothing": _(
            "fba: Dieser Artikel liegt nicht im Amazon-Lager. Sende zuerst Ware dorthin "
            "(Seller Central → Lagerbestand → An Amazon senden)."
        ),
        "no_stock": _(
            "fba: Von der FBA-SKU %(sku)s liegt nichts Versandfähiges im Amazon-Lager. "
            "Sende zuerst Ware dorthin."
        ),
        "ambiguous": _(
            "fba: Im Amazon-Lager liegen mehrere SKUs dieses Artikels. "
            "Nenne die richtige in der Spalte amazon_fba_sku."
        ),
        "sku_of_other": _("Die Amazon-SKU %(sku)s gehört schon zu einem anderen Produkt."),
        "other_asin": _("Die FBA-SKU %(sku)s ist bei Amazon ein anderer Artikel, mit einer anderen ASIN."),
    }
    found = sentences.get(standing.why_not, "")
    return found % {"sku": standing.sku} if found else ""
