"""Order numbers out of forms and addresses."""

from __future__ import annotations

from collections.abc import Sequence

MOST_AT_ONCE = 200
LONGEST_NUMBER = 18  # digits that surely fit into the database's integers


def read_numbers(texts: Sequence[str]) -> list[int]:
    """The order numbers among these texts, each once; anything else is left out."""
    digits = (text for text in texts if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER)
    return list(dict.fromkeys(map(int, digits)))[:MOST_AT_ONCE]
