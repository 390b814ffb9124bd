"""A fulfilment order as we ask for it and as Amazon tells it, for the tests of both versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2

from kogge.spapi.fulfillment_orders import Consignment, FulfillmentRequest, Line
from kogge.values import Address, Money
from tests.amazon_models import MODELS, check_response

from .conftest import reply

ORDER_ID = "SHOP-10240-1"
DE = "A1PA6795UKMFR9"
LEIPZIG = Address(
    name="Max Beispiel",
    line1="Musterallee 12",
    line2="2. OG",
    postal_code="04109",
    city="Leipzig",
    country="DE",
    phone="+49 341 0000000",
)
ADDRESS = {
    "name": "Max Beispiel",
    "addressLine1": "Musterallee 12",
    "addressLine2": "2. OG",
    "city": "Leipzig",
    "postalCode": "04109",
    "countryCode": "DE",
    "phone": "+49 341 0000000",
}
TEA = Line("1", "TS-01-FBA", 2)
POT = Line("2", "TK-12-FBA", 1, unit_value=Money(Decimal("18.99"), "EUR"))


def consignment(**changes: Any) -> Consignment:
    return replace(Consignment(DE, LEIPZIG, (TEA,)), **changes)


def request_for(**changes: Any) -> FulfillmentRequest:
    wanted = FulfillmentRequest(
        order_id=ORDER_ID,
        display_id="10240",
        ordered_at=datetime(2026, 11, 23, 8, 25, tzinfo=UTC),
        comment="Vielen Dank!",
        consignment=consignment(),
    )
    return replace(wanted, **changes)


def fitting(method: str, path: str, body: Any, status: int = 200) -> httpx2.Response:
    """An answer of Amazon, after it was found to fit its model."""
    answer = reply(body, status)
    if MODELS.is_dir():
        check_response(method, path, status, answer.content)
    return answer
