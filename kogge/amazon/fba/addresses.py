"""What Amazon will not take of an address, and what a person should look at: before Amazon is asked.

Findings are words, never what stands in the address (no personal data leaves it).
"""

from __future__ import annotations

import re

from kogge.spapi.fulfillment_orders import EncodableAddress, encodable_address, street_lines
from kogge.values import Address

# With one of these the order is not handed over.
STOPS = (
    "no_name",
    "no_street",
    "no_postal_code",
    "no_city",
    "no_country",
    "postal_code",
    "name_long",
    "line1_long",
    "line2_long",
    "line3_long",
    "city_long",
    "postal_code_long",
    "phone_long",
)
# These are only shown.
WARNS = ("pickup_point", "po_box", "no_house_number", "no_phone")

# Characters, as the predecessor of these APIs documented them; the newer models are silent.
_LIMITS = {
    "name": 50,
    "address_line1": 180,
    "address_line2": 60,
    "address_line3": 60,
    "city": 50,
    "postal_code": 20,
    "phone": 20,
}

_POSTAL_CODES = {
    country: re.compile(pattern, re.IGNORECASE | re.ASCII)
    for country, pattern in {
        "AT": r"[1-9]\d{3}",
        "BE": r"[1-9]\d{3}",
        "CH": r"[1-9]\d{3}",
        "CZ": r"\d{3} ?\d{2}",
        "DE": r"\d{5}",
        "DK": r"\d{4}",
        "ES": r"\d{5}",
        "FI": r"\d{5}",
        "FR": r"\d{5}",
        "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
        "IT": r"\d{5}",
        "LI": r"94\d{2}",
        "LU": r"[1-9]\d{3}",
        "NL": r"[1-9]\d{3} ?[A-Z]{2}",
        "PL": r"\d{2}-\d{3}",
        "PT": r"\d{4}-\d{3}",
        "SE": r"\d{3} ?\d{2}",
        "US": r"\d{5}(-\d{4})?",
    }.items()
}

_COUNTRY = re.compile(r"[A-Z]{2}")
_PICKUP_POINT = re.compile(r"\b(packstation|postfiliale|paketshop|paketbox|parcel ?locker)\b", re.IGNORECASE)
_PO_BOX = re.compile(r"\b(postfach|p\.? ?o\.? ?box|postbus|bo[iî]te postale)\b", re.IGNORECASE)


def findings(address: Address) -> list[str]:
    """What stands out, those that stop first; empty for an address nothing is known against."""
    sent = encodable_address(address)
    street = " ".join(street_lines(address))
    found = {*_incomplete(sent, street), *_too_long(sent), *_doubtful(address, street)}
    return [word for word in (*STOPS, *WARNS) if word in found]


def stops(found: list[str]) -> bool:
    """Whether Amazon would not take an address of which this was found."""
    return any(word in STOPS for word in found)


def _incomplete(sent: EncodableAddress, street: str) -> list[str]:
    """As it goes over the wire: what Amazon would refuse."""
    wanted = {
        "no_name": sent.name,
        "no_street": street,
        "no_postal_code": sent.postal_code,
        "no_city": sent.city or sent.country_code == "JP",
        "no_country": _COUNTRY.fullmatch(sent.country_code),
    }
    found = [word for word, part in wanted.items() if not part]
    pattern = _POSTAL_CODES.get(sent.country_code)
    if sent.postal_code and pattern and not pattern.fullmatch(sent.postal_code):
        found.append("postal_code")
    return found


def _too_long(sent: EncodableAddress) -> list[str]:
    """As it goes over the wire, where a company and further lines share a field."""
    return [
        f"{field.removeprefix('address_')}_long"
        for field, most in _LIMITS.items()
        if len(getattr(sent, field)) > most
    ]


def _doubtful(address: Address, street: str) -> list[str]:
    is_pickup_point = address.is_pickup_point or bool(_PICKUP_POINT.search(street))
    is_po_box = bool(_PO_BOX.search(street))
    has_number = any(letter.isdigit() for letter in street)
    found = {
        "pickup_point": is_pickup_point,
        "po_box": is_po_box,
        "no_house_number": bool(street) and not has_number,
        "no_phone": not address.phone.strip(),
    }
    return [word for word, is_so in found.items() if is_so]
