"""Offers: the box "Kanäle" of a product, filled from a product file, and written into one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from kogge.amazon.catalog.cells import (
    PLAIN_COLUMNS,
    PRICE_COLUMNS,
    Filled,
    WrongOffer,
    fill,
    given,
)
from kogge.amazon.catalog.models import Offer, OfferPrice
from kogge.amazon.connections.models import ConnectionMarketplace
from kogge.merchants.models import Merchant

Rows = Mapping[str, Mapping[str, str]]  # the cells of a file by product
Changes = Mapping[str, tuple[str, str]]  # by column: the cell before, the cell after

BATCH = 500  # products in one statement

_FIELDS = (
    "enabled",
    "asin",
    "sku",
    "stock",
    "lead_time_days",
    "price",
    "buffer",
    "fba",
    "fba_sku",
    "changed_at",
)
# The columns that name a SKU; one SKU belongs to one product, in whichever of them.
_SKU_COLUMNS = ("amazon_sku", "amazon_fba_sku")

# Why offers that a file newly ticks for FBA may not be, by product: asked of whoever knows Amazon's shelves.
AskShelf = Callable[[int, Sequence[Offer]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CheckedOffers:
    """What would change in the offers, by product; and the products whose row cannot be right, with why."""

    changes: dict[str, Changes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Changed:
    """An offer that has its new values already."""

    filled: Filled
    before: dict[str, str]
    after: dict[str, str]

    @property
    def product_id(self) -> str:
        return self.filled.offer.product_id

    def changes(self) -> Changes:
        columns = self.before | self.after  # in the order of `COLUMNS`: plain ones first, then prices
        cells = ((column, self.before.get(column, ""), self.after.get(column, "")) for column in columns)
        return {column: (old, new) for column, old, new in cells if old != new}


def check_offers(merchant: Merchant, rows: Rows, *, ask_shelf: AskShelf | None = None) -> CheckedOffers:
    """What Amazon's columns of a whole file would change, by product; writes nothing.

    Columns that are not in the file leave the offer as it is; an empty one empties its value. A row
    without anything for Amazon makes no offer. `ask_shelf` is asked about offers that become FBA.
    """
    checked, claims = CheckedOffers(), _claims(rows)
    for product_ids in _batches(list(rows)):
        changed = list(_fillable(merchant, rows, product_ids, checked.refused))
        checked.refused.update(_sku_taken(merchant, changed, claims, rows))
        if ask_shelf is not None and (ticked := _newly_fba(changed, checked.refused)):
            checked.refused.update(ask_shelf(merchant.pk, ticked))
        for found in changed:
            if found.product_id not in checked.refused:
                checked.changes[found.product_id] = found.changes()
    return checked


def import_offers(merchant: Merchant, rows: Rows, now: datetime) -> list[str]:
    """Take over rows of a file that `check_offers` found right; the products whose offer changed.

    Two products may exchange their SKUs, so whose a SKU is can be seen in the whole file only: it is not
    looked at again.
    """
    imported: list[str] = []
    for product_ids in _batches(list(rows)):
        stored = _stored(merchant.pk, product_ids)
        filled = (_fill_one(merchant, key, rows[key], stored.get(key)) for key in product_ids)
        changed = [found for found in filled if found is not None]
        _store(changed, now)
        imported += [found.product_id for found in changed]
    return imported


def export_offers(merchant_id: int, product_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """The cells of `COLUMNS` as `import_offers` reads them, by product."""
    words = list(product_ids)
    return {
        product_id: filled.cells()
        for some in _batches(words)
        for product_id, filled in _stored(merchant_id, some).items()
    }


def columns_in_use(merchant_id: int) -> list[str]:
    """The columns an export needs: prices only of marketplaces that are connected or have prices."""
    connected = ConnectionMarketplace.objects.of_id(merchant_id).filter(active=True)
    priced = OfferPrice.objects.of_id(merchant_id)
    used = {
        marketplace_id
        for rows in (connected, priced)
        for marketplace_id in rows.order_by().values_list("marketplace_id", flat=True).distinct()
    }
    return [*PLAIN_COLUMNS, *(column for column, found in PRICE_COLUMNS.items() if found in used)]


def products_called(merchant_id: int, word: str) -> list[int]:
    """The products of offers with exactly this ASIN or SKU; a handful at most."""
    found = Q(asin=word.strip().upper()) | Q(sku=word.strip()) | Q(fba_sku=word.strip())
    rows = Offer.objects.of_id(merchant_id).filter(found)
    return [int(product_id) for product_id in rows.values_list("product_id", flat=True)[:20]]


def values_of(offer: Offer) -> dict[str, object]:
    """The offer as JSON shows it."""
    return {
        "enabled": offer.enabled,
        "asin": offer.asin,
        "sku": offer.sku,
        "stock": offer.stock,
        "lead_time_days": offer.lead_time_days,
        "price": None if offer.price is None else f"{offer.price:.2f}",
        "fba": offer.fba,
        "fba_sku": offer.fba_sku,
        "buffer": offer.buffer,
        "prices": {row.marketplace_id: f"{row.price:.2f}" for row in offer.prices.all()},
    }


def offers_of(merchant_id: int, product_ids: Collection[str]) -> dict[str, Offer]:
    """The offers of these products with their prices, by product."""
    return {
        offer.product_id: offer
        for some in _batches(list(product_ids))
        for offer in Offer.objects.of_id(merchant_id).filter(product_id__in=some).prefetch_related("prices")
    }


def _fillable(
    merchant: Merchant, rows: Rows, product_ids: Sequence[str], refused: dict[str, str]
) -> Iterator[_Changed]:
    """The offers that change, filled; those whose row is wrong are noted as refused."""
    stored = _stored(merchant.pk, product_ids)
    for product_id in product_ids:
        try:
            found = _fill_one(merchant, product_id, rows[product_id], stored.get(product_id))
        except WrongOffer as wrong:
            refused[product_id] = str(wrong)
        else:
            if found is not None:
                yield found


def _fill_one(
    merchant: Merchant, product_id: str, row: Mapping[str, str], stored: Filled | None
) -> _Changed | None:
    """The offer with the values of its row; None if that changes nothing. Raises `WrongOffer`."""
    cells = given(row)
    if stored is None and not any(cells.values()):
        return None
    filled = stored or Filled(Offer(merchant=merchant, product_id=product_id, enabled=False))
    before = {} if stored is None else filled.cells()
    fill(filled, cells, is_new=stored is None)
    after = filled.cells()
    return None if before == after else _Changed(filled, before, after)


def _stored(merchant_id: int, product_ids: Sequence[str]) -> dict[str, Filled]:
    """The offers of these products as they are, with their prices."""
    found = {
        offer.pk: Filled(offer)
        for offer in Offer.objects.of_id(merchant_id).filter(product_id__in=product_ids)
    }
    prices = OfferPrice.objects.everyone().filter(offer__in=list(found))
    for offer_id, marketplace_id, price in prices.values_list("offer_id", "marketplace_id", "price"):
        found[offer_id].prices[marketplace_id] = price
    return {filled.offer.product_id: filled for filled in found.values()}


def _newly_fba(changed: Sequence[_Changed], refused: Collection[str]) -> list[Offer]:
    """A tick that is there already stays, also when nothing is left of the product."""
    return [
        found.filled.offer
        for found in changed
        if found.before.get("fba") != "yes" and found.filled.offer.fba and found.product_id not in refused
    ]


def _claims(rows: Rows) -> dict[str, str]:
    """The first product in the file that wants a SKU."""
    claims: dict[str, str] = {}
    for product_id, row in rows.items():
        for column in _SKU_COLUMNS:
            if wanted := row.get(column, "").strip():
                claims.setdefault(wanted, product_id)
    return claims


def _sku_taken(
    merchant: Merchant, changed: Sequence[_Changed], claims: Mapping[str, str], rows: Rows
) -> dict[str, str]:
    """The products whose SKU another product has, in the file or in the shop.

    A product whose own SKU is in the file counts with that one: two may exchange theirs. What Amazon keeps
    of a product may have the SKU of its offer, but never that of another product.
    """
    wanted = {sku for found in changed for sku in _skus(found.filled.offer)}
    owners = _owners_beside(merchant, wanted, rows)
    refused = {}
    for found in changed:
        offer = found.filled.offer
        for sku in _skus(offer):
            others = owners.get(sku, set()) | {claims.get(sku, offer.product_id)}
            if others - {offer.product_id}:
                sentence = _("Die Amazon-SKU %s gehört schon zu einem anderen Produkt.")
                refused[offer.product_id] = sentence % sku
    return refused


def _owners_beside(merchant: Merchant, wanted: Collection[str], rows: Rows) -> dict[str, set[str]]:
    """The products that have these SKUs in the shop and keep them: a blank cell keeps a SKU."""
    offers = Offer.objects.of(merchant).filter(Q(sku__in=wanted) | Q(fba_sku__in=wanted))
    owners: dict[str, set[str]] = {}
    for product_id, *skus in offers.values_list("product_id", "sku", "fba_sku"):
        row = rows.get(product_id, {})
        for column, sku in zip(_SKU_COLUMNS, skus, strict=True):
            if sku and not row.get(column, "").strip():
                owners.setdefault(sku, set()).add(product_id)
    return owners


def _skus(offer: Offer) -> list[str]:
    return [sku for sku in (offer.sku, offer.fba_sku) if sku]


def _store(changed: Sequence[_Changed], now: datetime) -> None:
    offers = [found.filled.offer for found in changed]
    for offer in offers:
        offer.changed_at = now
    everyone = Offer.objects.everyone()
    everyone.bulk_create([offer for offer in offers if not offer.pk])
    everyone.bulk_create(
        [found.filled.offer for found in changed if found.before],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=_FIELDS,
    )
    _store_prices([found for found in changed if _prices(found.before) != _prices(found.after)])


def _store_prices(changed: Sequence[_Changed]) -> None:
    prices = OfferPrice.objects.everyone()
    prices.filter(offer__in=[found.filled.offer.pk for found in changed if _prices(found.before)]).delete()
    prices.bulk_create(
        OfferPrice(offer=found.filled.offer, marketplace_id=marketplace_id, price=price)
        for found in changed
        for marketplace_id, price in found.filled.prices.items()
    )


def _prices(cells: Mapping[str, str]) -> dict[str, str]:
    return {column: text for column, text in cells.items() if column in PRICE_COLUMNS}


def _batches(words: Sequence[str]) -> Iterable[Sequence[str]]:
    return (words[start : start + BATCH] for start in range(0, len(words), BATCH))
