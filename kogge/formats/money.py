"""Money as people write it: `1.234,56 €` in German, `€1,234.56` in English."""

from __future__ import annotations

from decimal import Decimal

from django.utils import formats
from django.utils.translation import get_language

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "PLN": "zł", "JPY": "¥"}
IN_FRONT = frozenset({"€", "£", "$", "¥"})  # where English readers expect them
WITHOUT_CENTS = {"JPY"}
NO_BREAK_SPACE = "\u00a0"


def money(amount: Decimal | None, currency: str = "EUR") -> str:
    """An amount with the sign of its currency, in the reader's language."""
    if amount is None:
        return "–"
    places = 0 if currency in WITHOUT_CENTS and amount == amount.to_integral_value() else 2
    figure = formats.number_format(abs(amount), places, use_l10n=True, force_grouping=True)
    sign = "−" if amount < 0 else ""
    symbol = symbol_of(currency)
    if (get_language() or "de").startswith("de"):
        return f"{sign}{figure}{NO_BREAK_SPACE}{symbol}".rstrip(NO_BREAK_SPACE)
    gap = "" if not symbol or symbol in IN_FRONT else NO_BREAK_SPACE
    return f"{sign}{symbol}{gap}{figure}"


def symbol_of(currency: str) -> str:
    """The sign of a currency; one that has none is its own word."""
    return SYMBOLS.get(currency, currency)
