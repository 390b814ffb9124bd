"""confirmShipment: what is taken, what is refused, what changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.conftest import Seller


def test_confirming_everything_ships_the_order(seller: Seller) -> None:
    order = seller.place_order(kind="multi")
    placed = order.updated

    response = seller.confirm(order)

    shown = seller.get_order(order, "FULFILLMENT", "PACKAGES")
    assert (response.status, response.body) == (204, b"")
    assert shown["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert {item["fulfillment"]["quantityUnfulfilled"] for item in shown["orderItems"]} == {0}
    assert shown["packages"][0]["trackingNumber"] == "00340434161094021501"
    assert order.updated >= placed


def test_a_part_of_the_order_makes_it_partially_shipped(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=3)
    item_id = order.items[0].item_id

    seller.confirm(order, orderItems=[{"orderItemId": item_id, "quantity": 2}])

    shown = seller.get_order(order, "FULFILLMENT")
    assert shown["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
    assert shown["orderItems"][0]["fulfillment"] == {"quantityFulfilled": 2, "quantityUnfulfilled": 1}


def test_the_same_package_number_again_changes_that_package(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=2)
    seller.confirm(order)

    response = seller.confirm(order, trackingNumber="NEW-1")

    package = order.packages["1"]
    assert response.status == 204
    assert (len(order.packages), package.tracking_number, package.edits) == (1, "NEW-1", 1)


def test_an_edit_may_take_units_back(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=2)
    seller.confirm(order)

    seller.confirm(order, orderItems=[{"orderItemId": order.items[0].item_id, "quantity": 1}])

    assert order.status == "PARTIALLY_SHIPPED"


def test_two_packages_with_their_own_numbers_add_up(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=2)
    line = [{"orderItemId": order.items[0].item_id, "quantity": 1}]

    seller.confirm(order, orderItems=line)
    seller.confirm(
        order, orderItems=line, packageReferenceId="2", carrierCode="Other", carrierName="Stadtbote"
    )
    third = seller.confirm(order, orderItems=line, packageReferenceId="3")

    assert order.status == "SHIPPED"
    assert third.status == 400


def test_units_shipped_elsewhere_cannot_be_confirmed_again(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=3)
    seller.change_order(order.order_id, quantity_fulfilled=2)

    response = seller.confirm(order)

    assert order.status == "PARTIALLY_SHIPPED"
    assert response.status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"packageReferenceId": 1},
        {"packageReferenceId": "0"},
        {"packageReferenceId": "A-1"},
        {"carrierCode": ""},
        {"carrierCode": "Other"},
        {"trackingNumber": " "},
        {"shipDate": "24.11.2026"},
        {"orderItems": []},
        {"orderItems": [{"orderItemId": "1", "quantity": 1}]},
    ],
)
def test_invalid_packages_are_refused_and_held_against_the_client(
    seller: Seller, change: dict[str, Any]
) -> None:
    order = seller.place_order(kind="standard")

    response = seller.confirm(order, **change)

    assert response.status == 400
    assert order.packages == {}
    assert len(seller.violations) == 1


@pytest.mark.parametrize("quantity", [0, -1, 99])
def test_impossible_quantities_are_refused(seller: Seller, quantity: int) -> None:
    order = seller.place_order(kind="standard")

    response = seller.confirm(
        order, orderItems=[{"orderItemId": order.items[0].item_id, "quantity": quantity}]
    )

    assert response.status == 400


def test_a_ship_date_in_the_future_is_refused(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    response = seller.confirm(order, shipDate=(seller.world.now() + timedelta(minutes=10)).isoformat())

    assert response.status == 400


@pytest.mark.parametrize("kind", ["fba", "ship_plus", "cancelled", "pending", "preorder"])
def test_orders_that_are_not_the_merchants_to_ship_are_refused(seller: Seller, kind: str) -> None:
    order = seller.place_order(kind=kind)

    response = seller.confirm(order)

    assert response.status == 400
    assert order.packages == {}


def test_the_marketplace_must_be_that_of_the_order(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    body = {"marketplaceId": "A13V1IB3VIYZZH", "packageDetail": {
        "packageReferenceId": "1", "carrierCode": "DHL", "trackingNumber": "1",
        "shipDate": seller.world.now().isoformat(),
        "orderItems": [{"orderItemId": order.items[0].item_id, "quantity": 1}],
    }}  # fmt: skip

    response = seller.call("POST", f"/orders/v0/orders/{order.order_id}/shipmentConfirmation", body=body)

    assert response.status == 400


def test_an_order_nobody_placed_is_not_found(seller: Seller) -> None:
    order = seller.place_order()
    del seller.world.demo.orders[order.order_id]

    assert seller.confirm(order).status == 404
