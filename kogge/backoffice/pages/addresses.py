"""How addresses are written on a page and on paper."""

from __future__ import annotations

from kogge.values import Address

def address_lines(address: Address) -> list[str]:
    """An address line by line, as it stands on a parcel; empty for an empty address."""
    city = " ".join(part for part in (address.postal_code, address.city) if part)
    lines = (
        address.name,
        address.company,
        address.line1,
        address.line2,
        address.line3,
        city,
        address.state,
        address.country,
    )
    return [line for line in lines if line]
