"""How pressing operations are."""

from __future__ import annotations

from enum import IntEnum


class Rank(IntEnum):
    """Of what is due the lowest goes first."""

    CANCEL_AND_DISPATCH = 0
    ORDERS = 1
    STOCK_TO_ZERO = 2
    OFFERS = 3
    BACK_FILL = 4
