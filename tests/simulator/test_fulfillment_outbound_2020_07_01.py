"""What only concerns the older version: its rules, previews, lists and packages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.simulator import Response
from tests.simulator.conftest import Seller
from tests.simulator.outbound import ADDRESS, GERMANY, OLD, create_old, old_body, old_item, read_old

ORDERS = f"{OLD}/fulfillmentOrders"


@pytest.fixture(autouse=True)
def stocked(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 10, "TE-ZANGE": 5, "S" * 50: 300})


def preview(seller: Seller, **changes: Any) -> Response:
    body = {
        "marketplaceId": GERMANY,
        "address": ADDRESS,
        "items": [old_item("TS-01", 2)],
        "shippingSpeedCategories": ["Standard"],
    } | changes
    return seller.call("POST", f"{ORDERS}/preview", body=body)


def previews(seller: Seller, **changes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = preview(seller, **changes).json()["payload"]["fulfillmentPreviews"]
    return found


def test_an_order_is_shown_as_it_was_given(seller: Seller) -> None:
    create_old(seller, notificationEmails=["max@example.com"], shippingSpeedCategory="Expedited")

    shown = read_old(seller)

    order = shown["fulfillmentOrder"]
    asked = old_body()
    for name in ("displayableOrderId", "displayableOrderDate", "displayableOrderComment", "marketplaceId"):
        assert order[name] == asked[name]
    assert (order["fulfillmentAction"], order["fulfillmentPolicy"]) == ("Ship", "FillOrKill")
    assert order["shippingSpeedCategory"] == "Expedited"
    assert order["destinationAddress"] == ADDRESS
    assert order["notificationEmails"] == ["max@example.com"]
    assert shown["fulfillmentOrderItems"][0]["quantity"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"sellerFulfillmentOrderId": "A" * 41},
        {"sellerFulfillmentOrderId": ""},
        {"sellerFulfillmentOrderId": "SHOP 1"},
        {"sellerFulfillmentOrderId": "shop-1"},
        {"sellerFulfillmentOrderId": "ÄRGER-1"},
        {"marketplaceId": "ATVPDKIKX0DER"},
        {"marketplaceId": "A1F83G8C2ARO7P"},
        {"displayableOrderId": "1" * 41},
        {"displayableOrderId": " "},
        {"displayableOrderId": "10  240"},
        {"displayableOrderId": "№ 10240"},
        {"displayableOrderId": None},
        {"displayableOrderDate": "23.11.2026"},
        {"displayableOrderDate": None},
        {"displayableOrderComment": "c" * 751},
        {"displayableOrderComment": None},
        {"shippingSpeedCategory": None},
        {"shippingSpeedCategory": "Slow"},
        {"shippingSpeedCategory": "Priority"},
        {"shippingSpeedCategory": "ScheduledDelivery"},
        {"fulfillmentAction": "Wait"},
        {"fulfillmentPolicy": "FILL_OR_KILL"},
        {"shipFromCountryCode": "GB"},
        {"notificationEmails": ["m" * 65]},
        {"codSettings": {"isCodRequired": True}},
        {"colour": "red"},
        {"items": []},
        {"items": [old_item("NEU-1", 1)]},
        {"items": [old_item("S" * 51, 1)]},
        {"items": [old_item("TS-01", 0)]},
        {"items": [old_item("TS-01", -1)]},
        {"items": [old_item("TS-01", 1), old_item("TE-ZANGE", 1)]},
        {"items": [old_item("TS-01", 1, "i" * 51)]},
        {"items": [old_item("TS-01", 1, str(number)) for number in range(101)]},
        {"items": [old_item("TS-01", 251)]},
        {"items": [old_item("TS-01", 126), old_item("TE-ZANGE", 125, "2")]},
        {"featureConstraints": [{"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Required"}]},
        {"featureConstraints": [{"featureName": "GIFT", "featureFulfillmentPolicy": "NotRequired"}]},
        {"featureConstraints": [{"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Maybe"}]},
    ],
)
def test_what_is_not_allowed_is_refused(seller: Seller, wrong: dict[str, Any]) -> None:
    answer = create_old(seller, **wrong)

    assert (answer.status, answer.json()["errors"][0]["code"]) == (400, "InvalidInput")
    assert seller.fulfilment_orders == []
    assert len(seller.violations) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "n" * 51},
        {"name": " "},
        {"addressLine1": "l" * 181},
        {"addressLine2": "l" * 61},
        {"addressLine3": "l" * 61},
        {"city": "c" * 51},
        {"city": None},
        {"postalCode": "1" * 21},
        {"postalCode": ""},
        {"countryCode": "DEU"},
        {"countryCode": "de"},
        {"phone": "1" * 21},
        {"company": "GmbH"},
    ],
)
def test_addresses_have_limits(seller: Seller, wrong: dict[str, Any]) -> None:
    address = {name: text for name, text in (ADDRESS | wrong).items() if text is not None}

    assert create_old(seller, destinationAddress=address).status == 400
    assert preview(seller, address=address).status == 400


@pytest.mark.parametrize(
    "fits",
    [
        {"sellerFulfillmentOrderId": "A" * 40},
        {"displayableOrderId": " Größe 10240 "},
        {"items": [old_item("S" * 50, 250, "i" * 50)]},
        {"marketplaceId": None},
        {"shipFromCountryCode": "DE"},
        {"fulfillmentAction": None, "fulfillmentPolicy": None},
        {"featureConstraints": [{"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "NotRequired"}]},
        {"featureConstraints": [{"featureName": "BLOCK_AMZL", "featureFulfillmentPolicy": "Required"}]},
    ],
)
def test_what_is_at_its_limit_is_taken(seller: Seller, fits: dict[str, Any]) -> None:
    assert create_old(seller, **fits).status == 200
    assert seller.violations == []


def test_an_unknown_sku_is_named_by_its_item(seller: Seller) -> None:
    answer = create_old(seller, sku="NEU-1")

    assert answer.json()["errors"][0]["message"] == "the SellerSKU for Item Id: 1 is invalid."


def test_blank_boxes_where_the_account_may_have_them(seller: Seller) -> None:
    seller.set(outbound_features=["BLANK_BOX"])
    wish = [{"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Required"}]

    assert create_old(seller, featureConstraints=wish).status == 200
    assert read_old(seller)["fulfillmentOrder"]["featureConstraints"] == wish


def test_parcels_avoid_amazons_own_vans_when_asked_to(seller: Seller) -> None:
    wish = [{"featureName": "BLOCK_AMZL", "featureFulfillmentPolicy": "Required"}]
    create_old(seller, items=[old_item("S" * 50, 40)], featureConstraints=wish)
    seller.advance(400)

    packages = read_old(seller)["fulfillmentShipments"][0]["fulfillmentShipmentPackage"]

    assert {each["carrierCode"] for each in packages} == {"DHL"}


def test_a_preview_names_dates_and_fees(seller: Seller) -> None:
    standard, expedited = previews(seller, shippingSpeedCategories=["Standard", "Expedited"])

    fees = {each["name"]: Decimal(each["amount"]["value"]) for each in standard["estimatedFees"]}
    shipment = standard["fulfillmentPreviewShipments"][0]
    assert standard["isFulfillable"]
    assert fees == {
        "FBAPerUnitFulfillmentFee": Decimal("2.30"),
        "FBAPerOrderFulfillmentFee": Decimal("2.90"),
        "FBATransportationFee": Decimal("1.90"),
    }
    assert shipment["earliestShipDate"] < shipment["earliestArrivalDate"] < shipment["latestArrivalDate"]
    sooner = expedited["fulfillmentPreviewShipments"][0]
    assert sooner["earliestArrivalDate"] < shipment["earliestArrivalDate"]
    assert seller.world.demo.fba_stock["TS-01"] == 10


def test_a_preview_says_what_is_short(seller: Seller) -> None:
    items = [old_item("TS-01", 8), old_item("TS-01", 4, "2"), old_item("TE-ZANGE", 1, "3")]

    found = previews(seller, items=items)[0]

    short = found["unfulfillablePreviewItems"]
    assert not found["isFulfillable"]
    assert [(each["sellerFulfillmentOrderItemId"], each["quantity"]) for each in short] == [("2", 2)]
    assert short[0]["itemUnfulfillableReasons"] == ["ItemQuantityNotAvailable"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"address": ADDRESS | {"postalCode": "00000"}}, "InvalidDestinationAddress"),
        ({"shippingSpeedCategories": ["Priority"]}, "DeliverySLAUnavailable"),
    ],
)
def test_a_preview_says_why_not(seller: Seller, change: dict[str, Any], reason: str) -> None:
    found = previews(seller, **change)[0]

    assert not found["isFulfillable"]
    assert found["orderUnfulfillableReasons"] == [reason]
    assert "fulfillmentPreviewShipments" not in found


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": []},
        {"items": [old_item("NEU-1", 1)]},
        {"marketplaceId": "ATVPDKIKX0DER"},
        {"shippingSpeedCategories": ["Slow"]},
        {"featureConstraints": [{"featureName": "OVERBOX", "featureFulfillmentPolicy": "Required"}]},
    ],
)
def test_a_wrong_preview_is_refused(seller: Seller, wrong: dict[str, Any]) -> None:
    assert preview(seller, **wrong).status == 400
    assert len(seller.violations) == 1


def test_orders_are_listed_since_a_moment_in_pages(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 100})
    create_old(seller, "EARLY", quantity=1)
    seller.advance(500)
    moment = seller.world.now().isoformat().replace("+00:00", "Z")
    for number in range(60):
        create_old(seller, f"SHOP-{number}", quantity=1)

    first = seller.call("GET", ORDERS, {"queryStartDate": moment}).json()["payload"]
    token = first["nextToken"]
    second = seller.call("GET", ORDERS, {"nextToken": token}).json()["payload"]

    listed = first["fulfillmentOrders"] + second["fulfillmentOrders"]
    assert (len(first["fulfillmentOrders"]), len(second["fulfillmentOrders"])) == (50, 10)
    assert {order["sellerFulfillmentOrderId"] for order in listed} == {f"SHOP-{n}" for n in range(60)}
    assert "nextToken" not in second
    assert len(seller.call("GET", ORDERS).json()["payload"]["fulfillmentOrders"]) == 50


@pytest.mark.parametrize(
    "wrong",
    [{"queryStartDate": "yesterday"}, {"queryStartDate": "2026-11-23"}, {"nextToken": "x"}, {"page": "2"}],
)
def test_a_wrong_list_is_refused(seller: Seller, wrong: dict[str, str]) -> None:
    assert seller.call("GET", ORDERS, wrong).status == 400


def test_a_parcel_that_has_not_left_cannot_be_tracked(seller: Seller) -> None:
    create_old(seller)
    seller.advance(200)
    number = seller.fulfilment_order("SHOP-1").shipments[0].parcels[0].number
    shown = read_old(seller)["fulfillmentShipments"][0]

    answer = seller.call("GET", f"{OLD}/tracking", {"packageNumber": number})

    assert answer.status == 404
    assert (shown["fulfillmentShipmentStatus"], shown["fulfillmentShipmentPackage"]) == ("PENDING", [])
    assert seller.call("GET", f"{OLD}/tracking", {"packageNumber": "X"}).status == 400


def test_too_long_an_id_cannot_be_read(seller: Seller) -> None:
    assert seller.call("GET", f"{ORDERS}/{'A' * 41}").status == 400
    assert seller.call("PUT", f"{ORDERS}/NONE/cancel").status == 404
