"""Amazon's columns of a product file: what their cells mean, and how an offer is written into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.translation import gettext as _

from kogge.amazon.catalog.models import LONGEST_LEAD_TIME, Offer
from kogge.backoffice.product_csv import decimal_from, whole_number, yes_or_no
from kogge.backoffice.stock import MOST_STOCK
from kogge.spapi.marketplaces import MARKETPLACES
from kogge.values import InvalidValue, asin, sku

# The columns of the contract that belong to Amazon (design 8), and the buffer.
PLAIN_COLUMNS = (
    "amazon",
    "asin",
    "amazon_sku",
    "amazon_stock",
    "amazon_lead_time_days",
    "amazon_price",
    "fba",
    "amazon_buffer",
    "amazon_fba_sku",
)
# The price in one marketplace, in its own currency, named by the country: "amazon_price_fr".
PRICE_COLUMNS = {
    f"amazon_price_{marketplace.country.lower()}": marketplace_id
    for marketplace_id, marketplace in MARKETPLACES.items()
}
COLUMNS = (*PLAIN_COLUMNS, *PRICE_COLUMNS)
COLUMN_OF = {marketplace_id: column for column, marketplace_id in PRICE_COLUMNS.items()}


class WrongOffer(ValueError):
    """A value of the offer that cannot be right, as a sentence for the merchant."""


@dataclass(slots=True)
class Filled:
    """An offer and its prices by marketplace, as they will be stored."""

    offer: Offer
    prices: dict[str, Decimal] = field(default_factory=dict)

    def cells(self) -> dict[str, str]:
        """Every value as a cell, as `fill` reads it; prices of marketplaces that have none are missing."""
        offer = self.offer
        plain = (
            "yes" if offer.enabled else "no",
            offer.asin,
            offer.sku,
            _cell(offer.stock),
            _cell(offer.lead_time_days),
            _cell(offer.price),
            "yes" if offer.fba else "no",
            _cell(offer.buffer),
            offer.fba_sku,
        )
        found = dict(zip(PLAIN_COLUMNS, plain, strict=True))
        for marketplace_id, price in self.prices.items():
            if column := COLUMN_OF.get(marketplace_id):
                found[column] = _cell(price)
        return found


def given(row: Mapping[str, str]) -> dict[str, str]:
    """The cells of a row that are Amazon's. A column that is not in the file is missing."""
    return {column: text.strip() for column, text in row.items() if column in _ALL}


def fill(filled: Filled, cells: Mapping[str, str], *, is_new: bool) -> None:
    """Take over the cells. Raises `WrongOffer`.

    An empty one empties an override, so that the product's own value counts again. What the offer is (ASIN,
    SKUs, FBA, whether it is sold there) stays: nobody wants to lose that to a column left blank.
    """
    offer = filled.offer
    asin_before = offer.asin
    if cells.get("asin"):
        offer.asin = _asin(cells["asin"])
    if cells.get("amazon_sku"):
        offer.sku = _sku(cells["amazon_sku"])
    elif asin_before and offer.asin != asin_before:
        offer.sku = ""  # it belongs to the other article; the new one's is found by its ASIN
    if cells.get("amazon_fba_sku"):
        offer.fba_sku = _sku(cells["amazon_fba_sku"])
    elif asin_before and offer.asin != asin_before:
        offer.fba_sku = ""
    if "amazon_stock" in cells:
        offer.stock = _number("amazon_stock", cells["amazon_stock"], MOST_STOCK)
    if "amazon_lead_time_days" in cells:
        name = "amazon_lead_time_days"
        offer.lead_time_days = _number(name, cells[name], LONGEST_LEAD_TIME)
    if "amazon_buffer" in cells:
        offer.buffer = _number("amazon_buffer", cells["amazon_buffer"], MOST_STOCK)
    if "amazon_price" in cells:
        offer.price = _price("amazon_price", cells["amazon_price"])
    if cells.get("fba"):
        offer.fba = _yes("fba", cells["fba"])
    if cells.get("amazon"):
        offer.enabled = _yes("amazon", cells["amazon"])
    elif is_new:
        # An ASIN without a word on "amazon" means that it is sold there.
        offer.enabled = bool(offer.asin or offer.sku)
    _fill_prices(filled.prices, cells)


def _fill_prices(prices: dict[str, Decimal], cells: Mapping[str, str]) -> None:
    for column in cells.keys() & PRICE_COLUMNS.keys():
        price = _price(column, cells[column])
        if price is None:
            prices.pop(PRICE_COLUMNS[column], None)
        else:
            prices[PRICE_COLUMNS[column]] = price


_ALL = frozenset(COLUMNS)


def _cell(value: int | Decimal | None) -> str:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def _asin(text: str) -> str:
    try:
        return asin(text)
    except InvalidValue:
        raise WrongOffer(
            _("„%s“ ist keine ASIN: Sie besteht aus zehn Großbuchstaben und Ziffern.") % text[:40]
        ) from None


def _sku(text: str) -> str:
    try:
        return sku(text)
    except InvalidValue:
        raise WrongOffer(_("„%s“ ist keine Amazon-SKU: höchstens 40 Zeichen.") % text[:40]) from None


def _number(column: str, text: str, largest: int) -> int | None:
    if not text:
        return None
    try:
        return whole_number(text, largest)
    except InvalidValue:
        raise WrongOffer(
            _("%(column)s: „%(text)s“ ist keine ganze Zahl von 0 bis %(largest)s.")
            % {"column": column, "text": text[:40], "largest": largest}
        ) from None


def _price(column: str, text: str) -> Decimal | None:
    """A price with point or German comma; at most two decimals, nothing is rounded."""
    if not text:
        return None
    try:
        price = decimal_from(text)
    except InvalidValue:
        price = Decimal(0)
    if price <= 0:
        raise WrongOffer(
            _("%(column)s: „%(text)s“ ist kein Preis mit höchstens zwei Nachkommastellen.")
            % {"column": column, "text": text[:40]}
        )
    return price


def _yes(column: str, text: str) -> bool:
    try:
        return yes_or_no(text)
    except InvalidValue:
        raise WrongOffer(
            _("%(column)s: „%(text)s“ ist weder ja noch nein.") % {"column": column, "text": text[:40]}
        ) from None
