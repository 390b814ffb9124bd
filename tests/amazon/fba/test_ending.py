"""What returns to the merchant: exactly what was not shipped, with a reason a human can act on."""

from __future__ import annotations

from typing import Any, cast

import pytest
from django.db import transaction

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.ending import BY, give_back
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder
from kogge.amazon.journal.models import Trouble
from kogge.merchants.models import Merchant
from kogge.shops.port import Shop
from tests.amazon.account import DE, START, amazon, connection

__all__ = ["amazon", "connection"]


class ShopOnPaper:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.taken_back: list[tuple[str, list[str], str]] = []

    def take_back(self, order_id: str, line_ids: Any, by: str, *, now: Any) -> None:
        self.taken_back.append((order_id, sorted(line_ids), by))


@pytest.fixture
def order(merchant: Merchant, connection: Connection) -> FulfillmentOrder:
    order = FulfillmentOrder.objects.everyone().create(
        merchant=merchant,
        connection=connection,
        shop_order_id="77",
        shop_number="10240",
        attempt=1,
        order_id="KAAAAAAA-10240-1",
        origin=DE,
        speed="STANDARD",
        state="handed",
        created_at=START,
        hand_over_at=START,
    )
    for line_id, shipped in (("1", 0), ("2", 1), ("3", 0)):
        FulfillmentLine.objects.everyone().create(
            fulfillment_order=order, line_id=line_id, product_id="1", sku="X", quantity=3, shipped=shipped
        )
    return order


def back(order: FulfillmentOrder, reason: str, **details: object) -> ShopOnPaper:
    shop = ShopOnPaper()
    with transaction.atomic():
        give_back(cast(Shop, shop), order, ["1", "2"], reason=reason, now=START, **details)
    return shop


def test_exactly_what_was_not_shipped_returns(order: FulfillmentOrder) -> None:
    shop = back(order, "unfulfillable")

    assert shop.taken_back == [("77", ["1", "2"], BY)]
    assert list(order.lines.values_list("line_id", "shipped", "returned")) == [
        ("1", 0, 3),
        ("2", 1, 2),
        ("3", 0, 0),
    ]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("no_stock", "fulfillment_no_stock"),
        ("address", "fulfillment_address"),
        ("speed", "fulfillment_refused"),
        ("other", "fulfillment_refused"),
        ("invalid", "fulfillment_returned"),
        ("cancelled_by_amazon", "fulfillment_returned"),
        ("disconnected", "fulfillment_returned"),
    ],
)
def test_a_human_hears_why(order: FulfillmentOrder, reason: str, kind: str) -> None:
    back(order, reason, message="Amazon says so.")

    trouble = Trouble.objects.everyone().get()
    assert (trouble.kind, trouble.key) == (kind, f"{kind}:KAAAAAAA-10240-1")
    assert trouble.amazon_order_id == "KAAAAAAA-10240-1"
    assert trouble.details == {
        "number": "10240",
        "order": "77",
        "reason": reason,
        "message": "Amazon says so.",
    }


@pytest.mark.parametrize("reason", ["by_merchant", "edited", "cancelled", "shipped", "not_paid", "fba_off"])
def test_what_the_merchant_did_is_no_trouble(order: FulfillmentOrder, reason: str) -> None:
    back(order, reason)

    assert not Trouble.objects.everyone().exists()
