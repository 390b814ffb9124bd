"""The words all sides share: money, addresses, tracking, ids. Validated once, canonical afterwards.

Each id type is a function that returns the canonical form or raises `InvalidValue`; inside the
program the plain string is then known to be good.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self
from urllib.parse import SplitResult, urlsplit

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal("999999999999.99")

_CURRENCY = re.compile(r"[A-Z]{3}")
_AMAZON_ORDER_ID = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class InvalidValue(ValueError):
    """A word from outside that is not what it claims to be. The message says which and why."""


def aware(moment: datetime) -> datetime:
    """Return the moment unchanged, or raise `InvalidValue` if it lacks a time zone."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidValue(f"time without a time zone: {moment.isoformat()}")
    return moment


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency, always to the cent."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise InvalidValue(f"not an amount of money: {self.amount!r}")
        if not _CURRENCY.fullmatch(self.currency):
            raise InvalidValue(f"not a currency: {self.currency!r}")
        if abs(self.amount) > MAX_AMOUNT:  # first: quantizing a huge number is an error of its own
            raise InvalidValue(f"amount out of range: {self.amount}")
        if self.amount != self.amount.quantize(CENT):
            raise InvalidValue(f"more than two decimals: {self.amount}")
        object.__setattr__(self, "amount", self.amount.quantize(CENT) + 0)

    @classmethod
    def parse(cls, amount: str, currency: str) -> Self:
        """Read the decimal notation of APIs ("1234.5"). Raises `InvalidValue`, never rounds."""
        try:
            return cls(Decimal(amount), currency)
        except InvalidOperation:
            raise InvalidValue(f"not an amount of money: {amount!r}") from None

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(Decimal("0.00"), currency)

    @classmethod
    def sum(cls, parts: Iterable[Self], currency: str) -> Self:
        """Add up parts that must all be in `currency`."""
        total = cls.zero(currency)
        for part in parts:
            total = total + part
        return total

    def __add__(self, other: Self) -> Self:
        return type(self)(self.amount + self._same_currency(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.amount - self._same_currency(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.amount, self.currency)

    def times(self, quantity: int) -> Self:
        return type(self)(self.amount * quantity, self.currency)

    def share(self, part: int, whole: int) -> Self:
        """`part`/`whole` of the amount, rounded half up to the cent: the only place that rounds."""
        exact = self.amount * part / whole
        return type(self)(exact.quantize(CENT, ROUND_HALF_UP), self.currency)

    def __str__(self) -> str:
        return f"{self.amount:.2f}"

    def _same_currency(self, other: Self) -> Decimal:
        if other.currency != self.currency:
            raise InvalidValue(f"{self.currency} and {other.currency} do not add up")
        return other.amount


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody lives or receives parcels. Every part may be empty, none is ever None."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    line3: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    phone: str = ""
    is_pickup_point: bool = False

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self) if part.name != "is_pickup_point")

    def completed_by(self, known: Self) -> Self:
        """This address with its empty parts filled from what was known before (promise 8)."""
        return type(self)(
            **{part.name: getattr(self, part.name) or getattr(known, part.name) for part in fields(self)}
        )


@dataclass(frozen=True, slots=True)
class Tracking:
    """How a parcel can be followed: the shop's carrier name and the carrier's number."""

    carrier: str
    number: str


def amazon_order_id(text: str) -> str:
    """Amazon's order id in its form 3-7-7, e.g. 305-1182244-9021001."""
    found = text.strip().upper()
    if not _AMAZON_ORDER_ID.fullmatch(found):
        raise InvalidValue(f"not an Amazon order id: {text[:40]!r}")
    return found


def asin(text: str) -> str:
    """Amazon's ten-character product number; books carry their ISBN-10 as ASIN."""
    found = text.strip().upper()
    if not _ASIN.fullmatch(found):
        raise InvalidValue(f"not an ASIN: {text[:40]!r}")
    return found


def sku(text: str) -> str:
    """A seller SKU: case-sensitive, up to 40 characters, no blanks around it (Amazon trims them)."""
    found = text.strip()
    if not found or len(found) > 40 or _CONTROL.search(found):
        raise InvalidValue(f"not a SKU: {text[:60]!r}")
    return found


def web_address(url: str) -> SplitResult:
    """The parts of an absolute https address, or of http on this machine. Raises `InvalidValue`."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise InvalidValue("not a web address") from None
    if not host or parts.username is not None or parts.scheme not in ("http", "https"):
        raise InvalidValue("not a web address with https://")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidValue(f"plain http is only allowed to this machine, not to {host[:80]}")
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain_text(text: str, limit: int) -> str:
    """Text from outside made safe to store and print: no control characters, at most `limit` long.

    PostgreSQL refuses NUL and XML refuses most control characters; neither carries meaning here.
    """
    return _CONTROL.sub("", text)[:limit]
