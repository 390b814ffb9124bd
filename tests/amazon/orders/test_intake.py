"""Translation: Amazon's own examples and strange orders become rows and shop orders without an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from kogge.amazon.orders import intake
from kogge.amazon.orders.amounts import price
from kogge.amazon.orders.intake import Asked, Incoming, Sick, Terms
from kogge.shops.port import NewOrder
from kogge.values import Money
from tests.amazon_models import MODELS, needs_models

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALL = Asked(("BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT"))
TERMS = Terms(notify_buyer=False, connected_at=NOW)


def amazons_examples() -> Iterator[dict[str, Any]]:
    """Every order in the sandbox blocks of Amazon's model."""
    path = MODELS / "orders-api-model" / "orders_2026-01-01.json"
    if path.exists():
        yield from _orders_in(json.loads(path.read_text()))


def _orders_in(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "orderId" in node and "orderItems" in node and isinstance(node["orderItems"], list):
            yield node
        for part in node.values():
            yield from _orders_in(part)
    elif isinstance(node, list):
        for part in node:
            yield from _orders_in(part)


def an_order(**more: Any) -> dict[str, Any]:
    return {
        "orderId": "305-1182244-9021001",
        "createdTime": "2026-11-23T07:41:12.000Z",
        "lastUpdatedTime": "2026-11-23T08:02:45.120Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "proceeds": {"grandTotal": {"amount": "20.00", "currencyCode": "EUR"}},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": [{"orderItemId": "1", "quantityOrdered": 2, "product": {"sellerSku": "TK-12"}}],
    } | more


def understood(order: Any) -> Incoming:
    found = intake.understand(msgspec.json.encode(order), ALL)
    assert isinstance(found, Incoming)
    return found


def for_shop(order: Any) -> NewOrder:
    incoming = understood(order)
    return intake.new_order(incoming, price(incoming.order), {}, TERMS)


@needs_models
def test_there_are_examples() -> None:
    assert len(list(amazons_examples())) >= 5


@pytest.mark.parametrize("example", list(amazons_examples()), ids=lambda example: example["orderId"])
def test_amazons_own_examples_are_taken_in_to_the_cent(example: dict[str, Any]) -> None:
    incoming = understood(example)

    order = intake.new_order(incoming, price(incoming.order), {}, TERMS)
    row = intake.order_row(incoming, 1, price(incoming.order), now=NOW)

    assert (
        Money.sum((line.total for line in order.lines), order.total.currency) + order.rounding == order.total
    )
    assert order.total.amount == Decimal(example["proceeds"]["grandTotal"]["amount"])
    assert row.order_id == example["orderId"]
    assert len(intake.item_rows(incoming)) == len(example["orderItems"])
    assert intake.order_update(incoming, with_people=True).external_id == example["orderId"]


def test_everything_a_merchant_needs_reaches_the_shop() -> None:
    order = for_shop(
        an_order(
            programs=["PRIME", "AMAZON_BUSINESS"],
            buyer={
                "buyerName": "Erika Muster",
                "buyerEmail": "x1@marketplace.amazon.de",
                "buyerCompanyName": "Muster GmbH",
                "buyerPurchaseOrderNumber": "PO-7",
            },
            recipient={
                "deliveryAddress": {
                    "name": "Packstation 105",
                    "addressLine1": "Packstation 105",
                    "addressLine2": "1234567",
                    "city": "Hamburg",
                    "postalCode": "20095",
                    "countryCode": "DE",
                    "addressType": "PICKUP_POINT",
                }
            },
            fulfillment={
                "fulfillmentStatus": "UNSHIPPED",
                "fulfilledBy": "MERCHANT",
                "fulfillmentServiceLevel": "EXPEDITED",
                "shipByWindow": {"latestDateTime": "2026-11-25T22:59:59Z"},
                "deliverByWindow": {"latestDateTime": "2026-11-28T22:59:59Z"},
            },
            orderItems=[
                {
                    "orderItemId": "1",
                    "quantityOrdered": 2,
                    "product": {"sellerSku": "TK-12", "asin": "B00EXAMPL1", "title": "Teekanne"},
                    "fulfillment": {
                        "quantityFulfilled": 1,
                        "packing": {"giftOption": {"giftMessage": "Alles Gute!"}},
                    },
                }
            ],
        )
    )

    assert (order.channel, order.payment_method, order.origin) == ("amazon", "Amazon", "Amazon.de")
    assert (order.buyer_name, order.email) == ("Erika Muster", "x1@marketplace.amazon.de")
    assert (order.company, order.purchase_order_number) == ("Muster GmbH", "PO-7")
    assert order.shipping_address.is_pickup_point
    assert order.ship_by == datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC)
    assert order.deliver_by == datetime(2026, 11, 28, 22, 59, 59, tzinfo=UTC)
    assert (order.service_level, order.programmes) == ("EXPEDITED", ("PRIME", "AMAZON_BUSINESS"))
    [line] = order.lines
    assert (line.code, line.channel_product_id, line.title) == ("TK-12", "B00EXAMPL1", "Teekanne")
    assert (line.quantity, line.shipped, line.gift_text) == (2, 1, "Alles Gute!")


def test_an_item_that_says_nothing_of_itself_still_has_a_name() -> None:
    items = [{"orderItemId": "4711", "quantityOrdered": 1}]

    order = for_shop(an_order(orderItems=items))

    assert order.lines[0].title == "4711"


def test_strange_texts_are_made_harmless() -> None:
    product = {"sellerSku": "A\x00B" + "x" * 90, "title": "\u0007Teekanne" + "!" * 600, "asin": "B00EXAMPL1"}
    items = [{"orderItemId": "1", "quantityOrdered": 1, "product": product}]

    order = for_shop(an_order(orderItems=items))

    [line] = order.lines
    assert line.code == ("AB" + "x" * 90)[:80]
    assert line.title.startswith("Teekanne")
    assert len(line.title) == 500


def test_an_order_that_left_before_we_counted_moves_no_stock() -> None:
    order = an_order(fulfillment={"fulfillmentStatus": "SHIPPED", "fulfilledBy": "MERCHANT"})
    before = understood(order)
    after = understood(order | {"lastUpdatedTime": "2026-11-23T09:00:01Z"})

    assert not intake.moves_stock(before, TERMS)
    assert intake.moves_stock(after, TERMS)


@pytest.mark.parametrize(
    "order",
    [
        an_order(orderId="305"),
        an_order(orderItems=[]),
        an_order(orderItems=[{"orderItemId": "1", "quantityOrdered": -1}]),
        an_order(orderItems=[{"orderItemId": "1", "quantityOrdered": 10**12}]),
        an_order(orderItems=[{"orderItemId": "1", "quantityOrdered": 1}] * 2),
        an_order(orderItems=[{"orderItemId": "", "quantityOrdered": 1}]),
        an_order(createdTime="gestern"),
        [],
        None,
    ],
)
def test_what_makes_no_sense_is_sick_and_not_an_exception(order: Any) -> None:
    assert isinstance(intake.understand(msgspec.json.encode(order), ALL), Sick)


def test_a_sick_order_keeps_its_name_and_tells_no_secrets() -> None:
    order = an_order(buyer={"buyerName": "Erika Muster"}, createdTime="gestern")

    found = intake.understand(msgspec.json.encode(order), ALL)

    assert isinstance(found, Sick)
    assert found.order_id == "305-1182244-9021001"
    assert "Erika" not in found.reason + repr(found)


def test_personal_data_are_kept_thirty_days_after_the_latest_delivery() -> None:
    fulfillment = {
        "fulfillmentStatus": "UNSHIPPED",
        "fulfilledBy": "MERCHANT",
        "deliverByWindow": {"latestDateTime": "2026-11-28T22:59:59Z"},
    }

    row = intake.order_row(understood(an_order(fulfillment=fulfillment)), 1, None, now=NOW)

    assert row.purge_at == datetime(2026, 12, 28, 22, 59, 59, tzinfo=UTC)
    assert intake.purge_moment(datetime.max.replace(tzinfo=UTC)) > NOW + timedelta(days=1)
