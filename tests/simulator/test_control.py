"""The control plane over its JSON door."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kogge.simulator.credentials import crowd_refresh_token, crowd_seller_id
from tests.simulator.conftest import Seller, envelope, success
from tests.simulator.outbound import NEW, create_new, create_old


def control(seller: Seller, method: str, command: str, body: Any = None) -> tuple[int, Any]:
    content = b"" if body is None else msgspec.json.encode(body)
    response = seller.send(method, f"/_control/{command}", body=content)
    return response.status, response.json()


def test_orders_are_placed_as_wished(seller: Seller) -> None:
    wish = {
        "count": 2, "kind": "gift", "sku": "TS-01", "asin": "B000000001", "quantity": 3, "price": "1.50",
        "marketplaceId": "A13V1IB3VIYZZH", "giftMessage": "Bon appétit", "shipping": "2.00", "giftWrap": "0",
    }  # fmt: skip

    status, answer = control(seller, "POST", "orders", wish)

    first = answer["orders"][0]
    assert status == 200
    assert len(answer["orders"]) == 2
    assert (first["total"], first["marketplaceId"]) == ("6.50", "A13V1IB3VIYZZH")
    assert first["items"][0]["sku"] == "TS-01"
    packing = first["order"]["orderItems"][0]["fulfillment"]["packing"]
    assert packing["giftOption"]["giftMessage"] == "Bon appétit"


def test_several_lines_can_be_wished(seller: Seller) -> None:
    lines = [{"sku": "TS-01", "quantity": 2}, {"sku": "X", "price": 2.5, "shipping": "1.00"}]

    _, answer = control(seller, "POST", "orders", {"kind": "standard", "lines": lines})

    items = answer["orders"][0]["items"]
    assert [(item["sku"], item["quantity"]) for item in items] == [("TS-01", 2), ("X", 1)]
    assert (items[0]["title"], items[1]["total"]) == ("Teesieb aus Edelstahl, fein", "3.50")


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("orders", {"kind": "unheard-of"}),
        ("orders", {"colour": "red"}),
        ("orders", {"sellerId": "A2NOBODY"}),
        ("orders", {"marketplaceId": "ATVPDKIKX0DER"}),
        ("time", {"advance_s": -1}),
        ("time", {}),
        ("faults", [{"operation": "searchOrders", "kind": "explosion"}]),
        ("settings", {"feed_queue_s": "long"}),
        ("listings", [{"title": "no sku"}]),
        ("settings", {"new_fulfilments_fate": "LOST"}),
        ("settings", {"new_fulfilments_stuck_in": "COMPLETE"}),
        ("outbound-versions", ["2019-01-01"]),
        ("fba-inventory", {"TS-01": {"fulfillable": 3}}),
    ],
)
def test_nonsense_is_refused_with_a_sentence(seller: Seller, command: str, body: Any) -> None:
    status, answer = control(seller, "POST", command, body)

    assert status == 400
    assert answer["error"]


def test_unknown_commands_and_orders_are_not_found(seller: Seller) -> None:
    assert control(seller, "POST", "orders/305-0000000-0000000", {"status": "UNSHIPPED"})[0] == 404
    assert control(seller, "GET", "weather")[0] == 404


def test_an_order_is_changed(seller: Seller) -> None:
    order = seller.place_order(kind="no_address")
    change = {"address": {"name": "Erika Muster", "city": "Emden"}, "cancellationRequest": "please"}

    status, _ = control(seller, "POST", f"orders/{order.order_id}", change)

    shown = seller.get_order(order, "RECIPIENT", "CANCELLATION")
    assert status == 200
    assert shown["recipient"]["deliveryAddress"]["city"] == "Emden"
    assert shown["orderItems"][0]["cancellation"]["cancellationRequest"]["cancelReason"] == "please"


def test_the_buyer_cancels(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    control(seller, "POST", f"orders/{order.order_id}", {"status": "CANCELLED", "cancelledBy": "BUYER"})

    shown = seller.get_order(order, "CANCELLATION", "FULFILLMENT")
    assert shown["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert shown["orderItems"][0]["cancellation"]["cancellationExecution"]["cancelledBy"] == "BUYER"


def test_part_of_an_order_leaves_elsewhere(seller: Seller) -> None:
    order = seller.place_order(kind="standard", quantity=3)

    control(seller, "POST", f"orders/{order.order_id}", {"quantityFulfilled": {order.items[0].item_id: 1}})

    assert order.status == "PARTIALLY_SHIPPED"


def test_a_raw_answer_can_be_anything(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    control(seller, "POST", f"orders/{order.order_id}", {"raw": [1, None, "x"]})

    assert seller.call("GET", f"/orders/2026-01-01/orders/{order.order_id}").json() == {
        "order": [1, None, "x"]
    }


def test_time_passes_on_demand(seller: Seller) -> None:
    before = seller.world.now()

    control(seller, "POST", "time", {"advance_s": 3600})

    assert 3600 <= (seller.world.now() - before).total_seconds() < 3610


def test_faults_are_ordered_and_called_off(seller: Seller) -> None:
    control(seller, "POST", "faults", [{"operation": "searchOrders", "kind": "500", "times": 5}])
    struck = seller.search().status
    control(seller, "DELETE", "faults")

    assert (struck, seller.search().status) == (500, 200)


def test_listings_and_stock_are_kept_and_used_for_orders(seller: Seller) -> None:
    control(seller, "POST", "listings", [{"sku": "NEU-1", "title": "Neu", "price": "5.00", "stock": 9}])
    control(seller, "POST", "fba-stock", {"NEU-1": 4})
    control(seller, "POST", "orders", {"kind": "fba", "sku": "NEU-1", "quantity": 3})
    control(seller, "POST", "orders", {"kind": "standard", "sku": "NEU-1", "quantity": 2})

    _, state = control(seller, "GET", "state")

    assert state["fbaStock"] == {"NEU-1": 1}
    assert next(listing["stock"] for listing in state["listings"] if listing["sku"] == "NEU-1") == 7


def test_the_state_shows_orders_packages_acknowledgements_feeds_and_counts(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    seller.feed(envelope(success(order, "S-1")))
    seller.advance(60)
    seller.confirm(order)

    _, state = control(seller, "GET", "state")

    shown = state["orders"][0]
    assert shown["acknowledged"]["merchantOrderId"] == "S-1"
    assert shown["packages"][0]["carrierCode"] == "DHL"
    assert shown["order"]["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert [event["what"] for event in shown["timeline"]] == ["placed", "acknowledged", "package_confirmed"]
    assert state["feeds"][0]["status"] == "DONE"
    assert state["calls"]["confirmShipment"] == 1
    assert state["violations"] == []


def test_access_is_revoked_and_secrets_are_rotated(seller: Seller) -> None:
    control(seller, "POST", "secrets", {"newSecret": "fresh", "keepOld": False})
    old_secret = seller.token().status
    control(seller, "POST", "revoke", {})

    assert old_secret == 401
    assert seller.token(client_secret="fresh").json()["error"] == "invalid_grant"


def test_another_seller_sees_only_its_own_orders(seller: Seller) -> None:
    account = {"sellerId": "A2OTHER", "storeName": "Other", "refreshToken": "Atzr|other"}
    control(seller, "POST", "accounts", account)
    seller.place_order(seller_id="A2OTHER")
    seller.advance(121)

    own = seller.search().json()["orders"]
    seller.refresh_token, seller.access_token = "Atzr|other", ""
    theirs = seller.search().json()["orders"]

    assert (len(own), len(theirs)) == (0, 1)


def test_a_crowd_of_sellers_signs_in_and_each_has_its_own_quota(seller: Seller) -> None:
    control(seller, "POST", "crowd", {"count": 3})
    control(seller, "POST", "quotas", {"operation": "searchOrders", "rate": 0.001, "burst": 1})

    answers = []
    for number in (1, 3, 3):
        seller.refresh_token, seller.access_token = crowd_refresh_token(number), ""
        answers.append(seller.search().status)

    assert answers == [200, 200, 429]
    assert seller.world.accounts[crowd_seller_id(3)].orders == {}


def test_latency_keeps_the_answers_of_the_api_back_and_no_pages_for_people(seller: Seller) -> None:
    control(seller, "POST", "settings", {"latency_s": 0.4})

    assert seller.search().delay_s == 0.4
    assert seller.send("GET", "/_control/state").delay_s == 0.0


def test_quotas_settings_and_feeds_are_turned(seller: Seller) -> None:
    control(seller, "POST", "quotas", {"operation": "searchOrders", "rate": 0.001, "burst": 1})
    control(seller, "POST", "settings", {"new_feeds_stuck_in": "IN_QUEUE"})
    feed_id = seller.feed(envelope(success(seller.place_order(kind="standard"))))
    seller.advance(60)
    stuck = seller.get_feed(feed_id)["processingStatus"]
    control(seller, "POST", f"feeds/{feed_id}", {"stuckIn": "", "fate": "FATAL"})

    assert [seller.search().status, seller.search().status] == [200, 429]
    assert (stuck, seller.get_feed(feed_id)["processingStatus"]) == ("IN_QUEUE", "FATAL")


def test_reset_forgets_everything_but_the_demo_seller(seller: Seller) -> None:
    seller.place_orders(3)

    control(seller, "POST", "reset")

    assert seller.orders == []
    assert seller.token().status == 200


def test_a_web_page_of_another_site_cannot_turn_the_controls(seller: Seller) -> None:
    response = seller.send("POST", "/_control/reset", origin="https://evil.example")

    assert response.status == 403


def test_offers_are_posted_with_everything_they_can_have(seller: Seller) -> None:
    full = {
        "sku": "NEU-1",
        "asin": "B0FRESH001",
        "title": "Neu",
        "price": "5.00",
        "channel": "AMAZON_EU",
        "salePrice": "4.50",
        "businessPrice": "4.80",
        "minPrice": "4.00",
        "maxPrice": "6.00",
        "prices": {"A13V1IB3VIYZZH": "5.60"},
        "productType": "TEA",
        "image": "http://127.0.0.1/tea.png",
    }

    status, answer = control(seller, "POST", "listings", [full])

    listing = seller.listing("NEU-1")
    assert (status, answer["listings"][0]["channel"]) == (200, "AMAZON_EU")
    assert str(listing.price_in("A13V1IB3VIYZZH")) == "5.60"
    assert str(listing.price_in("A1PA6795UKMFR9", audience="B2B")) == "4.80"
    assert control(seller, "POST", "listings", [full | {"prices": {"MOON": "1"}}])[0] == 400


def test_an_offer_changes_without_the_api(seller: Seller) -> None:
    change = {"stock": 3, "price": "11.50", "salePrice": "10.00", "issues": [{"code": "1", "message": "No."}]}

    control(seller, "POST", "listings/TS-01", change)
    control(seller, "POST", "listings/TS-01", {"salePrice": None, "isFrozen": True})

    _, state = control(seller, "GET", "state")
    shown = next(listing for listing in state["listings"] if listing["sku"] == "TS-01")
    assert (shown["stock"], shown["price"], shown["channel"], shown["patches"]) == (3, "11.50", "DEFAULT", 0)
    assert [issue["code"] for issue in shown["issues"]] == ["1"]
    assert "discounted_price" not in shown["attributes"]["purchasable_offer"][0]
    assert seller.listing("TS-01").is_frozen


def test_an_offer_of_another_seller_is_changed_and_taken_away(seller: Seller) -> None:
    account = {"sellerId": "A2OTHER", "storeName": "Other", "refreshToken": "Atzr|other"}
    control(seller, "POST", "accounts", account)

    control(seller, "POST", "listings/TS-01", {"sellerId": "A2OTHER", "isGone": True})

    assert "TS-01" not in seller.world.accounts["A2OTHER"].listings
    assert "TS-01" in seller.world.demo.listings


@pytest.mark.parametrize(
    ("sku", "change", "status"),
    [
        ("NEU", {"stock": 3}, 404),
        ("TS-01", {"colour": "red"}, 400),
        ("TS-01", {"price": "1", "marketplaceId": "MOON"}, 400),
    ],
)
def test_a_change_of_an_offer_that_makes_no_sense_is_refused(
    seller: Seller, sku: str, change: dict[str, Any], status: int
) -> None:
    assert control(seller, "POST", f"listings/{sku}", change)[0] == status


def test_what_amazon_ships_is_in_the_state(seller: Seller) -> None:
    control(seller, "POST", "fba-stock", {"TS-01": 10})
    control(seller, "POST", "fba-inventory", {"TS-01": {"inTransfer": 2, "inboundShipped": 5}})
    create_old(seller, quantity=4)
    seller.advance(200)

    _, state = control(seller, "GET", "state")

    order = state["fulfillmentOrders"][0]
    assert state["fbaStock"] == {"TS-01": 6}
    assert state["fbaInventory"]["TS-01"] == {
        "fulfillable": 6,
        "reserved": 4,
        "inTransfer": 2,
        "fcProcessing": 0,
        "inboundWorking": 0,
        "inboundShipped": 5,
        "inboundReceiving": 0,
        "unfulfillable": 0,
        "researching": 0,
    }
    assert (order["orderId"], order["version"], order["status"]) == ("SHOP-1", "2020-07-01", "PROCESSING")
    assert order["items"][0]["reserved"] == 4
    assert order["shipments"][0]["packages"][0]["items"] == {"1": 4}
    assert [each["status"] for each in order["history"]] == ["NEW", "RECEIVED", "PLANNING", "PROCESSING"]
    assert order["echoOrderId"] == state["orders"][0]["orderId"]
    assert state["orders"][0]["channel"] == "NON_AMAZON"
    assert state["calls"]["createFulfillmentOrder"] == 1


def test_a_fulfilment_order_is_steered(seller: Seller) -> None:
    control(seller, "POST", "fba-stock", {"TS-01": 10})
    create_new(seller, "SHOP-1")
    create_new(seller, "SHOP-2")

    _, hanging = control(seller, "POST", "fulfillment-orders/SHOP-1", {"stuckIn": "PLANNING"})
    _, moved = control(seller, "POST", "fulfillment-orders/SHOP-2", {"goOn": True, "lost": {"1": 1}})
    control(seller, "POST", "time", {"advance_s": 600})

    _, first = control(seller, "GET", "fulfillment-orders/SHOP-1")
    _, every = control(seller, "GET", "fulfillment-orders")
    assert hanging["fulfillmentOrder"]["stuckIn"] == "PLANNING"
    assert moved["fulfillmentOrder"]["status"] == "PLANNING"
    assert first["status"] == "PLANNING"
    assert [each["status"] for each in every["fulfillmentOrders"]] == ["PLANNING", "COMPLETE_PARTIALLED"]


@pytest.mark.parametrize(
    ("order_id", "change", "status"),
    [
        ("NONE", {"goOn": True}, 404),
        ("SHOP-1", {"lost": {"9": 1}}, 404),
        ("SHOP-1", {"lost": {"1": -1}}, 400),
        ("SHOP-1", {"fate": "LUCK"}, 400),
        ("SHOP-1", {"colour": "red"}, 400),
    ],
)
def test_a_change_of_a_fulfilment_order_that_makes_no_sense_is_refused(
    seller: Seller, order_id: str, change: dict[str, Any], status: int
) -> None:
    seller.set_fba_stock({"TS-01": 10})
    create_new(seller)

    assert control(seller, "POST", f"fulfillment-orders/{order_id}", change)[0] == status


def test_a_version_is_closed_to_one_seller_only(seller: Seller) -> None:
    account = {"sellerId": "A2OTHER", "storeName": "Other", "refreshToken": "Atzr|other"}
    control(seller, "POST", "accounts", account)

    control(seller, "POST", "outbound-versions/A2OTHER", ["2020-07-01"])

    own = seller.call("GET", f"{NEW}/orders").status
    seller.refresh_token, seller.access_token = "Atzr|other", ""
    assert (own, seller.call("GET", f"{NEW}/orders").status) == (200, 403)


def test_units_at_amazon_of_another_seller(seller: Seller) -> None:
    account = {"sellerId": "A2OTHER", "storeName": "Other", "refreshToken": "Atzr|other"}
    control(seller, "POST", "accounts", account)

    _, stock = control(seller, "POST", "fba-stock/A2OTHER", {"TS-01": 3})
    _, answer = control(seller, "POST", "fba-inventory/A2OTHER", {"TS-01": {"unfulfillable": 1}})

    assert stock == {"fbaStock": {"TS-01": 3}}
    assert answer["fbaInventory"]["TS-01"]["fulfillable"] == 3
    assert seller.world.demo.fba_stock == {}


def test_reset_forgets_what_amazon_ships(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 10})
    create_new(seller)

    control(seller, "POST", "reset")

    assert (seller.fulfilment_orders, seller.world.open_fulfilment) == ([], [])
