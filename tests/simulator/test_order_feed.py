"""What the acknowledgement feed does to orders, message by message."""

from __future__ import annotations

import pytest

from kogge.simulator import Order
from tests.simulator.conftest import Seller, envelope, failure, success


def outcome(seller: Seller, content: bytes) -> tuple[str, str]:
    """The feed's final status and its report."""
    feed_id = seller.feed(content)
    report = seller.report(feed_id)
    return seller.get_feed(feed_id)["processingStatus"], report


def test_success_acknowledges_and_the_merchants_number_becomes_an_alias(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    status, report = outcome(seller, envelope(success(order, "SHOP-1")))

    shown = seller.get_order(order)
    assert status == "DONE"
    assert "<MessagesWithError>0</MessagesWithError>" in report
    assert shown["orderAliases"] == [{"aliasId": "SHOP-1", "aliasType": "SELLER_ORDER_ID"}]
    assert order.acknowledgement is not None


def test_failure_with_all_items_cancels_an_unshipped_order(seller: Seller) -> None:
    order = seller.place_order(kind="multi")

    outcome(seller, envelope(failure(order, "BuyerCanceled")))

    shown = seller.get_order(order, "CANCELLATION", "FULFILLMENT")
    assert shown["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert {item["cancellation"]["cancellationExecution"]["cancelledBy"] for item in shown["orderItems"]} == {
        "MERCHANT"
    }
    assert seller.violations == []


@pytest.mark.parametrize(("reason", "is_back"), [("NoInventory", False), ("BuyerCanceled", True)])
def test_amazon_offers_cancelled_units_again_unless_there_are_none(
    seller: Seller, reason: str, is_back: bool
) -> None:
    stock = seller.world.demo.listings["TS-01"].stock
    order = seller.place_order(kind="standard", lines=[{"sku": "TS-01", "quantity": 2}])

    outcome(seller, envelope(failure(order, reason)))

    assert seller.world.demo.listings["TS-01"].stock == (stock if is_back else stock - 2)


@pytest.mark.parametrize("items", [0, 1])
def test_failure_without_all_items_does_nothing(seller: Seller, items: int) -> None:
    order = seller.place_order(kind="multi")

    _, report = outcome(seller, envelope(failure(order, items=items)))

    assert order.status == "UNSHIPPED"
    assert "<ResultMessageCode>18028</ResultMessageCode>" in report


def test_failure_after_a_shipment_is_an_error_and_held_against_the_client(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=2)
    seller.confirm(order, orderItems=[{"orderItemId": order.items[0].item_id, "quantity": 1}])

    _, report = outcome(seller, envelope(failure(order)))

    assert order.status == "PARTIALLY_SHIPPED"
    assert "18028" in report
    assert "after shipment" in seller.violations[0]


def test_one_bad_message_does_not_harm_the_others(seller: Seller) -> None:
    good, bad = seller.place_order(kind="standard"), seller.place_order(kind="pending")

    status, report = outcome(seller, envelope(success(bad), success(good)))

    assert status == "DONE"
    assert "<MessageID>1</MessageID><ResultCode>Error</ResultCode>" in report
    assert "<MessagesSuccessful>1</MessagesSuccessful>" in report
    assert good.acknowledgement is not None


def test_contradicting_messages_for_an_order_do_nothing_and_are_held_against_the_client(
    seller: Seller,
) -> None:
    order = seller.place_order(kind="standard")

    _, report = outcome(seller, envelope(success(order), failure(order)))

    assert (order.status, order.acknowledgement) == ("UNSHIPPED", None)
    assert "<MessagesWithError>2</MessagesWithError>" in report
    assert "contradicting" in seller.violations[0]


def test_cancelling_twice_is_harmless(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    outcome(seller, envelope(failure(order)))
    seller.advance(130)

    _, report = outcome(seller, envelope(failure(order)))

    assert "<MessagesWithError>0</MessagesWithError>" in report


@pytest.mark.parametrize("kind", ["pending", "fba", "cancelled"])
def test_orders_that_are_not_open_at_the_merchant_are_refused(seller: Seller, kind: str) -> None:
    order = seller.place_order(kind=kind)

    _, report = outcome(seller, envelope(success(order)))

    assert "<MessagesWithError>1</MessagesWithError>" in report


@pytest.mark.parametrize(
    "content",
    [
        b"not xml",
        b"",
        b"<AmazonEnvelope/>",
        b'<?xml version="1.0" encoding="UTF-8"?><AmazonEnvelope>\xff</AmazonEnvelope>',
        b'<!DOCTYPE x [<!ENTITY e "e">]><AmazonEnvelope>&e;</AmazonEnvelope>',
        envelope(),
        envelope("<AmazonOrderID/>", seller_id="A2SOMEBODYELSE"),
        envelope("<AmazonOrderID/>").replace(b"<MessageID>1<", b"<MessageID>x<"),
    ],
)
def test_unusable_feeds_end_fatal_and_are_held_against_the_client(seller: Seller, content: bytes) -> None:
    status, report = outcome(seller, content)

    assert status == "FATAL"
    assert "<ResultMessageCode>5000</ResultMessageCode>" in report
    assert len(seller.violations) == 1


def swapped(order: Order) -> str:
    return f"<StatusCode>Success</StatusCode><AmazonOrderID>{order.order_id}</AmazonOrderID>"


def with_reason(order: Order) -> str:
    return failure(order).replace("Failure", "Success")


def with_invented_reason(order: Order) -> str:
    return failure(order, "PricingError")


def with_invented_element(order: Order) -> str:
    return success(order) + "<Comment>hello</Comment>"


@pytest.mark.parametrize("message", [swapped, with_reason, with_invented_reason, with_invented_element])
def test_messages_against_the_schema_are_refused_one_by_one(seller: Seller, message: object) -> None:
    assert callable(message)
    order, other = seller.place_orders(2, kind="standard")

    status, report = outcome(seller, envelope(message(order), success(other)))

    assert status == "DONE"
    assert "<ResultMessageCode>5002</ResultMessageCode>" in report
    assert (order.acknowledgement, order.status) == (None, "UNSHIPPED")
    assert other.acknowledgement is not None


def test_text_is_escaped_on_its_way_in_and_out(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    outcome(seller, envelope(success(order, "A<&>\"'ß")))

    assert seller.get_order(order)["orderAliases"][0]["aliasId"] == "A<&>\"'ß"
