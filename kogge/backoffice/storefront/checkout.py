"""What a buyer says at the checkout. It is kept sealed until it is an order."""

from __future__ import annotations

import msgspec

from kogge.values import Address

PREPAYMENT, INVOICE = "prepayment", "invoice"


class Checkout(msgspec.Struct, frozen=True):
    """Who buys, where it goes, how it is sent and paid. Unsent, it lives in the session, sealed."""

    name: str
    email: str
    line1: str
    postal_code: str
    city: str
    country: str
    shipping_option: int
    payment: str
    company: str = ""
    line2: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        return "Checkout()"  # a person must not reach a traceback

    @property
    def address(self) -> Address:
        """Where it goes."""
        return Address(
            name=self.name,
            company=self.company,
            line1=self.line1,
            line2=self.line2,
            postal_code=self.postal_code,
            city=self.city,
            country=self.country,
            phone=self.phone,
        )
