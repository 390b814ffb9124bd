"""Offers: the box "Kanäle" of a product, filled from the CSV import or by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from kogge.amazon.catalog.models import Offer
from kogge.merchants.models import Merchant
from kogge.values import CENT, MAX_AMOUNT, InvalidValue, asin, sku

# The columns of the contract that belong to Amazon (design 8).
COLUMNS = ("amazon", "asin", "amazon_sku", "amazon_stock", "amazon_lead_time_days", "amazon_price", "fba")

_YES = {"yes", "ja", "1", "true", "x"}
_NO = {"no", "nein", "0", "false"}
_LARGEST_STOCK = 2_147_483_647
_LONGEST_LEAD_TIME = 30  # Amazon accepts handling times up to 30 days


class WrongOffer(ValueError):
    """A value of the offer that cannot be right, as a sentence for the merchant."""


def import_offer(merchant: Merchant, product_id: str, row: Mapping[str, str], now: datetime) -> Offer | None:
    """Take over Amazon's columns of a CSV row for a product.

    Columns that are not in the file leave the offer as it is; an empty one empties its value. A row
    without anything for Amazon makes no offer. Raises `WrongOffer`.
    """
    given = {name: (row.get(name) or "").strip() for name in COLUMNS if name in row}
    stored = Offer.objects.of(merchant).filter(product_id=product_id).first()
    if stored is None and not any(given.values()):
        return None
    offer = stored or Offer(merchant=merchant, product_id=product_id, enabled=False)
    _fill(offer, given, is_new=stored is None)
    _check(merchant, offer)
    offer.changed_at = now
    offer.save()
    return offer


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
    }


def offers_of(merchant_id: int, product_ids: Collection[str]) -> dict[str, Offer]:
    """The offers of these products, by product."""
    rows = Offer.objects.of_id(merchant_id).filter(product_id__in=product_ids)
    return {offer.product_id: offer for offer in rows}


def _fill(offer: Offer, given: Mapping[str, str], *, is_new: bool) -> None:
    if "asin" in given:
        offer.asin = _asin(given["asin"])
    if "amazon_sku" in given:
        offer.sku = _sku(given["amazon_sku"])
    if "amazon_stock" in given:
        offer.stock = _number("amazon_stock", given["amazon_stock"], _LARGEST_STOCK)
    if "amazon_lead_time_days" in given:
        name = "amazon_lead_time_days"
        offer.lead_time_days = _number(name, given[name], _LONGEST_LEAD_TIME)
    if "amazon_price" in given:
        offer.price = _price(given["amazon_price"])
    if "fba" in given:
        offer.fba = _yes("fba", given["fba"], otherwise=False)
    if "amazon" in given or is_new:
        # An ASIN without a word on "amazon" means that it is sold there.
        offer.enabled = _yes("amazon", given.get("amazon", ""), otherwise=bool(offer.asin or offer.sku))


def _check(merchant: Merchant, offer: Offer) -> None:
    if not offer.sku:
        return
    others = Offer.objects.of(merchant).filter(sku=offer.sku).exclude(product_id=offer.product_id)
    if others.exists():
        raise WrongOffer(_("Die Amazon-SKU %s gehört schon zu einem anderen Produkt.") % offer.sku)


def _asin(text: str) -> str:
    try:
        return asin(text) if text else ""
    except InvalidValue:
        raise WrongOffer(
            _("„%s“ ist keine ASIN: Sie besteht aus zehn Großbuchstaben und Ziffern.") % text[:40]
        ) from None


def _sku(text: str) -> str:
    try:
        return sku(text) if text else ""
    except InvalidValue:
        raise WrongOffer(_("„%s“ ist keine Amazon-SKU: höchstens 40 Zeichen.") % text[:40]) from None


def _number(column: str, text: str, largest: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) > largest:
        raise WrongOffer(
            _("%(column)s: „%(text)s“ ist keine ganze Zahl von 0 bis %(largest)s.")
            % {"column": column, "text": text[:40], "largest": largest}
        )
    return int(text)


def _price(text: str) -> Decimal | None:
    """A price with point or German comma; at most two decimals, nothing is rounded."""
    if not text:
        return None
    plain = text.replace(".", "").replace(",", ".") if "," in text else text
    try:
        price = Decimal(plain)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 < price <= MAX_AMOUNT or price != price.quantize(CENT):
        raise WrongOffer(
            _("amazon_price: „%s“ ist kein Preis mit höchstens zwei Nachkommastellen.") % text[:40]
        )
    return price


def _yes(column: str, text: str, *, otherwise: bool) -> bool:
    word = text.casefold()
    if not word:
        return otherwise
    if word not in _YES | _NO:
        raise WrongOffer(
            _("%(column)s: „%(text)s“ ist weder ja noch nein.") % {"column": column, "text": text[:40]}
        )
    return word in _YES
