"""What the documents around orders are made of, and how their fields are read.

In a document that comes in, a field that is missing says nothing, and neither does null: clients send back
all they hold, and whatever of it cannot be written is left alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api.resource import Invalid
from kogge.values import Address, plain_text

Word = str | int | float | bool | None | UnsetType  # text; house numbers and codes come as numbers, too
Number = str | int | float | None | UnsetType
Flag = bool | str | int | None | UnsetType

EURO = "€"
CENT = Decimal("0.01")
MOST = Decimal(10) ** 9
MOST_DIGITS = 30  # before or behind the point
LONGEST_WORD = 300
BETWEEN_LINES = " · "
FIRST_YEAR, LAST_YEAR = 2000, 2100
_HOUSE_NUMBER = re.compile(r"(.*\S) (\d\S*(?: ?[a-zA-Z])?)", re.DOTALL)


class AddressOut(Struct, kw_only=True):
    """Where somebody lives or receives parcels. An order's addresses have the ids of its customer."""

    id: int
    customer_id: int | None
    order_id: int | None
    category: str
    title: str | None = None
    firstname: str
    lastname: str
    company: str
    street: str
    streetnumber: str
    extension: str
    zipcode: str
    city: str
    state: str
    country: str
    phone: str
    email: str
    option_01: str | None = None
    option_02: str | None = None
    option_03: str | None = None


class AddressIn(Struct, kw_only=True):
    """An address as a client writes it."""

    firstname: Word = UNSET
    lastname: Word = UNSET
    company: Word = UNSET
    street: Word = UNSET
    streetnumber: Word = UNSET
    extension: Word = UNSET
    zipcode: Word = UNSET
    city: Word = UNSET
    state: Word = UNSET
    country: Word = UNSET
    phone: Word = UNSET


def address_out(
    address: Address,
    *,
    pk: int,
    customer_id: int | None,
    order_id: int | None,
    category: str,
    email: str = "",
) -> AddressOut:
    """An address with its name, street and the rest taken apart; put together again it is the same."""
    firstname, lastname = split_name(address.name)
    street, number = split_street(address.line1)
    return AddressOut(
        id=pk,
        customer_id=customer_id,
        order_id=order_id,
        category=category,
        firstname=firstname,
        lastname=lastname,
        company=address.company,
        street=street,
        streetnumber=number,
        extension=_extension(address),
        zipcode=address.postal_code,
        city=address.city,
        state=address.state,
        country=address.country,
        phone=address.phone,
        email=email,
    )


def address_in(sent: AddressIn | UnsetType | None, known: Address) -> Address:
    """The address after what was sent; what was not sent stays as it is known."""
    if not isinstance(sent, AddressIn):
        return known
    firstname, lastname = split_name(known.name)
    street, number = split_street(known.line1)
    line2, line3 = known.line2, known.line3
    extension = _word(sent.extension, _extension(known))
    if extension != _extension(known):
        line2, _between, line3 = extension.partition(BETWEEN_LINES)
    return replace(
        known,
        name=_joined(_word(sent.firstname, firstname), _word(sent.lastname, lastname)),
        company=_word(sent.company, known.company),
        line1=_joined(_word(sent.street, street), _word(sent.streetnumber, number)),
        line2=line2,
        line3=line3,
        postal_code=_word(sent.zipcode, known.postal_code),
        city=_word(sent.city, known.city),
        state=_word(sent.state, known.state),
        country=_word(sent.country, known.country),
        phone=_word(sent.phone, known.phone),
    )


def _extension(address: Address) -> str:
    """The second and third line in the one field there is."""
    return BETWEEN_LINES.join((address.line2, address.line3)) if address.line3 else address.line2


def _word(sent: Word, known: str) -> str:
    """Blanks around it make no difference: most formats lose them on the way."""
    new = text(sent, known, LONGEST_WORD)
    return known if new == known.strip() else new


def split_name(name: str) -> tuple[str, str]:
    """First and last name: the last word is the last name."""
    first, _blank, last = name.rpartition(" ")
    return (first, last) if _joined(first, last) == name else ("", name)


def split_street(line: str) -> tuple[str, str]:
    """Street and house number, if the line ends with one."""
    found = _HOUSE_NUMBER.fullmatch(line)
    return (found[1], found[2]) if found and _joined(found[1], found[2]) == line else (line, "")


def _joined(first: str, second: str) -> str:
    return f"{first} {second}" if first and second else first or second


def said(value: object) -> bool:
    """Whether a field says anything."""
    return value is not UNSET and value is not None


def text(value: Word, otherwise: str = "", longest: int = 500) -> str:
    """A field as text."""
    if value is UNSET or value is None:
        return otherwise
    try:
        return plain_text(str(value), longest).strip()
    except ValueError:
        return otherwise  # a number of thousands of digits


def flag(value: Flag) -> bool | None:
    """A field as yes or no; None if it says nothing."""
    if value is UNSET or value is None or value == "":
        return None
    return str(value).lower() in {"true", "1", "yes"}


def amount(name: str, value: Number) -> Decimal | None:
    """A field as an amount of money; None if it says nothing. Raises `Invalid`."""
    found = number(name, value)
    if found is not None and found != found.quantize(CENT):
        raise Invalid({name: [_("Ein Betrag hat höchstens zwei Nachkommastellen.")]})
    return None if found is None else found.quantize(CENT)


def number(name: str, value: Number) -> Decimal | None:
    """A field as a number; None if it says nothing. Raises `Invalid`."""
    if value is UNSET or value is None or value == "":
        return None
    with suppress(InvalidOperation, ValueError):
        found = Decimal(str(value).strip())
        # The size first: to compare a number with a thousand million digits is an error of its own.
        if found.is_finite() and abs(found.adjusted()) <= MOST_DIGITS and abs(found) < MOST:
            return found
    raise Invalid({name: [_("Das ist keine Zahl, oder sie ist zu groß.")]})


def whole(name: str, value: Number) -> int | None:
    """A field as a whole number; None if it says nothing. Raises `Invalid`."""
    found = number(name, value)
    if found is None:
        return None
    if found != int(found):
        raise Invalid({name: [_("Das ist keine ganze Zahl.")]})
    return int(found)


def record(name: str, value: Number) -> int | None:
    """A field as the id of a record; None if it says nothing. Raises `Invalid`."""
    sent = text(value)
    if not sent:
        return None
    if not (sent.isascii() and sent.isdecimal()) or len(sent) > 19 or int(sent) >= 2**63:
        raise Invalid({name: [_("Das ist keine Nummer eines Datensatzes.")]})
    return int(sent)


def moment(name: str, value: Word) -> datetime | None:
    """A field as a moment; None if it says nothing. Raises `Invalid`."""
    sent = text(value)
    if not sent:
        return None
    with suppress(ValueError, OverflowError):
        found = parse_datetime(sent) or _midnight(parse_date(sent))
        if found is not None and FIRST_YEAR <= found.year < LAST_YEAR:
            return (timezone.make_aware(found) if timezone.is_naive(found) else found).astimezone(UTC)
    raise Invalid({name: [_("Das ist kein Zeitpunkt.")]})


def currency_word(currency: str) -> str:
    """How the API says a currency."""
    return EURO if currency == "EUR" else currency


def currency_code(name: str, value: Word) -> str:
    """The currency a client says, as its code; euro if it says nothing. Raises `Invalid`."""
    sent = text(value)
    if sent in {"", EURO}:
        return "EUR"
    if re.fullmatch(r"[A-Z]{3}", sent):
        return sent
    raise Invalid({name: [_("Das ist keine Währung.")]})


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())
