"""Reading the API's documents leniently: no field has one type, one name or one form for certain.

Objects are wrapped in their name or not; ids are numbers or text; decimals are text, numbers or written in
the German way; booleans real or words; everything may be null. What is there and cannot be read is not
guessed: it is noted as a doubt, and whoever reads the whole decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

from kogge.values import CENT, InvalidValue, Money, plain_text

SHOP_ZONE = ZoneInfo("Europe/Berlin")  # of moments without an offset, and of days
SYMBOLS = {"€": "EUR", "EURO": "EUR", "£": "GBP", "$": "USD", "CHF.": "CHF", "SFR": "CHF", "SFR.": "CHF"}

_YES = {"true", "1", "t", "yes", "ja"}
_NO = {"false", "0", "f", "no", "nein"}
_MOST_DIGITS = 30

T = TypeVar("T")


class Document:
    """One record of the API. `doubts` are the names of fields that say something nobody can read."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self._raw = raw
        self.doubts: list[str] = []

    def __repr__(self) -> str:
        return f"<Document with {len(self._raw)} fields>"

    def __bool__(self) -> bool:
        return bool(self._raw)

    def has(self, name: str) -> bool:
        """Whether the field says anything."""
        return self._raw.get(name) not in (None, "")

    def is_number(self, name: str) -> bool:
        """Whether the field came as a number and not as text."""
        return isinstance(self._raw.get(name), (int, Decimal))

    def id(self, name: str = "id") -> str:
        """A key as text, whether it came as a number or as text; empty if there is none."""
        value = self._raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str):
            return plain_text(value.strip(), 40)
        return self._doubtful(name, value, "")

    def text(self, name: str, limit: int = 500) -> str:
        value = self._raw.get(name)
        if isinstance(value, str):
            return plain_text(value.strip(), limit)
        if isinstance(value, (int, Decimal)):
            return str(value).lower()
        return self._doubtful(name, value, "")

    def word(self, name: str) -> str:
        """A word of a fixed list, in one spelling."""
        return self.text(name, 80).lower().replace("-", "_").replace(" ", "_")

    def decimal(self, name: str) -> Decimal | None:
        value = self._raw.get(name)
        found = decimal_of(value)
        return found if found is not None else self._doubtful(name, value, None)

    def whole(self, name: str) -> int | None:
        number = self.decimal(name)
        if number is None:
            return None
        if number != number.to_integral_value() or abs(number) > 2**31:
            return self._doubtful(name, number, None)
        return int(number)

    def money(self, name: str, currency: str) -> Money | None:
        """An amount, rounded to the cent: net prices have up to four places."""
        number = self.decimal(name)
        if number is None:
            return None
        try:
            return Money(number.quantize(CENT, ROUND_HALF_UP), currency)
        except (InvalidValue, InvalidOperation):
            return self._doubtful(name, number, None)

    def flag(self, name: str) -> bool | None:
        value = self._raw.get(name)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
        if word in _YES or word in _NO:
            return word in _YES
        return self._doubtful(name, value, None)

    def moment(self, name: str) -> datetime | None:
        value = self._raw.get(name)
        found = moment_of(value)
        return found if found is not None else self._doubtful(name, value, None)

    def currency(self, name: str, shops: str) -> str:
        """The currency as three letters; what is none of the usual signs is the shop's own."""
        said = self.text(name, 10).upper()
        found = SYMBOLS.get(said, said)
        return found if len(found) == 3 and found.isascii() and found.isalpha() else shops

    def one(self, name: str) -> Document:
        """An embedded record; without fields if there is none."""
        value = self._raw.get(name)
        return unwrapped(value, name) if isinstance(value, Mapping) else Document({})

    def many(self, name: str, singular: str) -> list[Document]:
        return records(self._raw.get(name), singular)

    def _doubtful(self, name: str, value: object, instead: T) -> T:
        if value not in (None, "") and name not in self.doubts:
            self.doubts.append(name)
        return instead


def unwrapped(value: object, name: str, *others: str) -> Document:
    """A record that may be wrapped in its name; without fields if it is no record at all."""
    if not isinstance(value, Mapping):
        return Document({})
    for wrapper in (name, *others):
        inner = value.get(wrapper)
        if isinstance(inner, Mapping) and len(value) == 1:
            return Document(inner)
    return Document(value)


def records(value: object, singular: str, *others: str) -> list[Document]:
    """A list of records, wrapped or not, itself wrapped or not. What is no record comes without fields."""
    if isinstance(value, Mapping):
        value = next((inner for inner in value.values() if isinstance(inner, list)), None)
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return []
    return [unwrapped(each, singular, *others) for each in value]


def is_list(value: object) -> bool:
    """Whether this is a list of records, itself wrapped or not. An error message is none, and not empty."""
    if isinstance(value, Mapping):
        return len(value) == 1 and all(isinstance(inner, list) for inner in value.values())
    return isinstance(value, list)


def decimal_of(value: object) -> Decimal | None:
    """A number in any notation that was seen, or None."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    text = str(value).strip().replace("\u00a0", "").removesuffix("€").removesuffix("EUR").strip()
    if "," in text:
        # The last sign separates the cents: "1.234,56" and "1,234.56".
        thousands, point = (".", ",") if text.rfind(",") > text.rfind(".") else (",", ".")
        text = text.replace(thousands, "").replace(point, ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS else None


def moment_of(value: object) -> datetime | None:
    """A moment or a day, in the forms that were seen; None for what is mangled."""
    if not isinstance(value, str):
        return None
    text = value.strip().removesuffix(" UTC")
    if text != value.strip():
        text += "+00:00"
    head, _blank, offset = text.rpartition(" ")
    if offset[:1] in {"+", "-"} and head:
        text = head + offset  # "2013-10-15 11:22:02 +0200"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1990 <= moment.year <= 2200:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=SHOP_ZONE)
