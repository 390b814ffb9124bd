"""Addresses between Amazon's free lines and the shop's fields. Nothing is lost on the way, there or back.

The shop keeps first and last name, street and house number apart, and one line for the rest. A house number
is split off only where it stands at the end of the line, so that joining them gives the line again.
"""

from __future__ import annotations

import re
from dataclasses import fields

from kogge.shops.versacommerce.reading import Document
from kogge.values import Address

Fields = dict[str, object]

BETWEEN_LINES = " · "  # line 2 and line 3 in the one field there is
NO_STATE = "unbekannt"  # what the shop writes where nobody chose a state
GONE = "gelöscht"

# Where the number stands in front of the street, or a number at the end may be part of its name.
_NUMBER_FIRST = {"FR", "LU", "GB", "IE", "US", "CA", "AU", "NZ"}
_HOUSE_NUMBER = re.compile(r"\d{1,4} ?[a-zA-Z]?(?: ?[-–/+] ?\d{1,4} ?[a-zA-Z]?){0,2}")
_PICKUP_POINT = re.compile(r"(packstation|postfiliale|paketbox|paketshop)\b", re.IGNORECASE)
_POSTAL_DIGITS = {"DE": 5, "FR": 5, "ES": 5, "IT": 5}


def address_from(document: Document) -> Address:
    """A shop's address in our words; empty if there is none."""
    street, number = document.text("street", 200), document.text("streetnumber", 40)
    line1 = " ".join(filter(None, (street, number)))
    line2, _between, line3 = document.text("extension", 420).partition(BETWEEN_LINES)
    if not line1:
        line1, line2, line3 = line2, line3, ""
    country = document.text("country", 2).upper()
    state = document.text("state", 100)
    return Address(
        name=" ".join(filter(None, (document.text("firstname", 200), document.text("lastname", 200)))),
        company=document.text("company", 200),
        line1=line1,
        line2=line2,
        line3=line3,
        postal_code=_postal_code(document, country),
        city=document.text("city", 200),
        state="" if state.lower() == NO_STATE else state,
        country=country,
        phone=document.text("phone", 60),
        is_pickup_point=bool(_PICKUP_POINT.match(line1)),
    )


def address_fields(address: Address) -> Fields:
    """An address as the shop's fields."""
    found = normal_form(address)
    firstname, lastname = _split_name(found.name)
    street, number = split_street(found.line1, found.country)
    return {
        "firstname": firstname,
        "lastname": lastname,
        "company": found.company,
        "street": street,
        "streetnumber": number,
        "extension": BETWEEN_LINES.join(filter(None, (found.line2, found.line3))),
        "zipcode": found.postal_code,
        "city": found.city,
        "state": found.state,
        "country": found.country,
        "phone": found.phone,
    }


def known_fields(address: Address) -> Fields:
    """The same without what is empty: it overwrites nothing. Names and streets are written whole."""
    every = address_fields(address)
    together = (("firstname", "lastname"), ("street", "streetnumber", "extension"))
    known = {name: text for name, text in every.items() if text}
    for group in together:
        if any(every[name] for name in group):
            known |= {name: every[name] for name in group}
    return known


def forgotten_fields() -> Fields:
    """Nobody's address. The country stays, taxes hang on it; a shop may insist on a name."""
    blank: Fields = dict.fromkeys(address_fields(Address()), "")
    blank.pop("country")
    return blank | {"lastname": GONE, "email": ""}


def normal_form(address: Address) -> Address:
    """An address as it comes back out of the shop: blanks tidied, the lines moved up, "unbekannt" no state.

    Whether it is a pickup point is read off the first line; the shop has no field for it.
    """
    parts = {part.name: getattr(address, part.name) for part in fields(address)}
    tidy = {name: " ".join(text.split()) for name, text in parts.items() if isinstance(text, str)}
    line1, *rest = [line for line in (tidy["line1"], tidy["line2"], tidy["line3"]) if line] or [""]
    line2, _between, line3 = BETWEEN_LINES.join(rest).partition(BETWEEN_LINES)
    return Address(
        name=tidy["name"],
        company=tidy["company"],
        line1=line1,
        line2=line2,
        line3=line3,
        postal_code=tidy["postal_code"],
        city=tidy["city"],
        state="" if tidy["state"].lower() == NO_STATE else tidy["state"],
        country=tidy["country"].upper(),
        phone=tidy["phone"],
        is_pickup_point=bool(_PICKUP_POINT.match(line1)),
    )


def split_street(line: str, country: str = "DE") -> tuple[str, str]:
    """Street and house number; all of it is the street where no number stands at its end."""
    if country in _NUMBER_FIRST:
        return line, ""
    # From the first place on where what follows is a house number and nothing else.
    for blank in re.finditer(" ", line):
        street, rest = line[: blank.start()], line[blank.end() :]
        if _HOUSE_NUMBER.fullmatch(rest) and any(sign.isalpha() for sign in street):
            return street, rest
    return line, ""


def _split_name(name: str) -> tuple[str, str]:
    first, _blank, last = name.partition(" ")
    return (first, last) if last else ("", first)


def _postal_code(document: Document, country: str) -> str:
    """Some answers hold it as a number, and a number has lost its zeros in front."""
    text = document.text("zipcode", 40)
    return text.zfill(_POSTAL_DIGITS.get(country, 0)) if document.is_number("zipcode") else text
