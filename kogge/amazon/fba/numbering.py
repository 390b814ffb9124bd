"""The id of a fulfilment order: prefix, shop number, attempt; the same again is the same order."""

from __future__ import annotations

import hashlib
import re

# Amazon takes 40 of A-Z, 0-9 and hyphens; prefix and attempt need 14 of them with their hyphens.
LONGEST_NUMBER = 26

_PLAIN = re.compile(rf"(?!-)(?!.*--)[A-Z0-9-]{{1,{LONGEST_NUMBER}}}(?<!-)")
_FOREIGN = re.compile(r"[^A-Z0-9]+")


def order_id(prefix: str, number: str, attempt: int) -> str:
    """The id by which Amazon knows this attempt for the shop order of this number."""
    return f"{prefix}-{_spelled(number)}-{attempt}"


def _spelled(number: str) -> str:
    """The number in letters Amazon takes. Where any had to go, a double hyphen and a digest tell it apart."""
    if _PLAIN.fullmatch(number):
        return number
    digest = hashlib.blake2b(number.encode(), digest_size=5).hexdigest().upper()
    rest = _FOREIGN.sub("-", number.upper()).strip("-")[: LONGEST_NUMBER - 12].strip("-")
    return f"{rest}--{digest}" if rest else f"X--{digest}"
