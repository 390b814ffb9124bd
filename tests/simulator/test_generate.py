"""Generated orders: every kind is what it says, and the money adds up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from stdnum import ean

from kogge.simulator import World, demo_world, tea_shop
from kogge.simulator.generate import KINDS
from tests.simulator.conftest import Seller

EVERYTHING = ("BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT", "PROMOTION")


def amounts(proceeds: dict[str, Any]) -> dict[str, Decimal]:
    return {each["type"]: Decimal(each["subtotal"]["amount"]) for each in proceeds["breakdowns"]}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("pending", "preorder", "minimal")])
def test_the_parts_of_every_order_add_up_to_its_total(seller: Seller, kind: str) -> None:
    for order in seller.place_orders(20, kind=kind, status="UNSHIPPED"):
        shown = seller.get_order(order, "PROCEEDS")

        parts = amounts(shown["proceeds"])
        expected = sum(amount for name, amount in parts.items() if name not in ("TAX", "DISCOUNT"))
        expected -= abs(parts.get("DISCOUNT", Decimal(0)))
        expected += parts.get("TAX", Decimal(0)) if order.is_net else 0
        items = sum(Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in shown["orderItems"])
        assert Decimal(shown["proceeds"]["grandTotal"]["amount"]) == expected == items


def test_discounts_come_with_either_sign(seller: Seller) -> None:
    orders = seller.place_orders(30, kind="discount")

    signs = {amounts(seller.get_order(order, "PROCEEDS")["proceeds"])["DISCOUNT"] > 0 for order in orders}

    assert signs == {True, False}


def test_amounts_are_strings_with_two_decimals(seller: Seller) -> None:
    order = seller.place_order(kind="standard", price="1234.5")

    total = seller.get_order(order, "PROCEEDS")["orderItems"][0]["product"]["price"]["unitPrice"]

    assert total == {"amount": "1234.50", "currencyCode": "EUR"}


def test_a_replacement_is_free_and_names_the_original(seller: Seller) -> None:
    shown = seller.get_order(seller.place_order(kind="replacement"), "PROCEEDS")

    assert shown["proceeds"]["grandTotal"]["amount"] == "0.00"
    assert shown["associatedOrders"][0]["associationType"] == "REPLACEMENT_ORIGINAL_ID"


def test_a_pickup_point_is_marked_as_such(seller: Seller) -> None:
    shown = seller.get_order(seller.place_order(kind="pickup"), "RECIPIENT")

    assert shown["recipient"]["deliveryAddress"]["addressType"] == "PICKUP_POINT"


def test_a_minimal_order_has_hardly_more_than_the_model_demands(seller: Seller) -> None:
    shown = seller.get_order(seller.place_order(kind="minimal"), *EVERYTHING)

    assert "buyer" not in shown
    assert shown["proceeds"].keys() == {"grandTotal"}
    assert shown["fulfillment"].keys() == {"fulfillmentStatus", "fulfilledBy"}
    assert shown["orderItems"][0]["product"].keys() == {"sellerSku"}


def test_nasty_texts_survive_the_way_through_json(seller: Seller) -> None:
    order = seller.place_order(kind="nasty")

    address = seller.get_order(order, "RECIPIENT")["recipient"]["deliveryAddress"]

    assert address == order.address
    assert "\x00" in address["addressLine2"]


def test_an_unknown_sku_is_not_among_the_listings(seller: Seller) -> None:
    order = seller.place_order(kind="unknown_sku")

    assert order.items[0].sku not in seller.world.demo.listings


def test_an_order_takes_its_units_off_the_offer(seller: Seller) -> None:
    seller.place_order(kind="standard", sku="TS-01", quantity=3)

    assert seller.world.demo.listings["TS-01"].stock == 137


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_wished_status_contradicts_nothing_of_the_kind(seller: Seller, kind: str) -> None:
    order = seller.place_order(kind=kind, status="UNSHIPPED", age_s=60)

    shown = seller.get_order(order, "FULFILLMENT", "CANCELLATION")

    item = shown["orderItems"][0]
    assert shown["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
    assert item["fulfillment"]["quantityUnfulfilled"] == item["quantityOrdered"]
    assert "cancellationExecution" not in item.get("cancellation", {})


def test_the_same_seed_gives_the_same_orders() -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)

    first, second = demo_world(now, seed=7), demo_world(now, seed=7)

    assert list(first.demo.orders) == list(second.demo.orders)
    assert list(first.demo.orders) != list(demo_world(now, seed=8).demo.orders)


def test_the_demo_has_thirty_mixed_orders_of_the_last_two_days() -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)

    world = demo_world(now)

    orders = list(world.demo.orders.values())
    states = Counter(order.status for order in orders)
    assert len(orders) == 30
    assert states.keys() == {"PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED"}
    assert all(now - timedelta(days=2, seconds=5) < order.created < now for order in orders)


def test_the_tea_shop_has_forty_articles_with_valid_numbers() -> None:
    articles = tea_shop()

    assert len(articles) == 40
    assert all(ean.is_valid(article.gtin) for article in articles)
    assert len({article.sku for article in articles}) == len({article.asin for article in articles}) == 40


def test_worlds_do_not_share_their_listings() -> None:
    first, second = World(), World()

    first.demo.listings["TS-01"].stock = 0

    assert second.demo.listings["TS-01"].stock == 140
