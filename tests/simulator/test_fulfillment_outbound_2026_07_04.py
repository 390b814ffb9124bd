"""What only concerns the newer version: its rules, previews, lists, and orders accepted for later."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.simulator import Response
from tests.simulator.conftest import Seller
from tests.simulator.outbound import (
    ADDRESS,
    NEW,
    create_new,
    create_old,
    new_body,
    new_line,
    read_new,
    status,
)

ORDERS = f"{NEW}/orders"


@pytest.fixture(autouse=True)
def stocked(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 10, "TE-ZANGE": 5})


def amount(value: Any, **more: Any) -> list[Any]:
    return [new_line("TS-01", 1) | {"amount": {"value": value, **more}}]


def preview(seller: Seller, *tiers: str, **changes: Any) -> Response:
    body = {
        "origin": {"countryCode": "DE"},
        "destination": {"deliveryAddress": ADDRESS},
        "fulfillmentConfiguration": {"serviceLevel": {"serviceTiers": list(tiers or ["STANDARD"])}},
        "lineItems": [preview_line("TS-01", 2)],
    } | changes
    return seller.call("POST", f"{NEW}/previews", body=body)


def preview_line(sku: str, quantity: int) -> Any:
    line = new_line(sku, quantity)
    del line["lineItemId"]
    return line


def test_the_whole_order_is_answered(seller: Seller) -> None:
    order = create_new(seller).json()["order"]

    asked = new_body()
    for name in ("orderId", "channel", "origin", "destination"):
        assert order[name] == asked[name]
    assert order["fulfillmentConfiguration"]["serviceLevel"] == {"serviceTiers": ["STANDARD"]}
    assert order["status"] == "PROCESSING"
    assert order["lineItems"][0]["amount"] == {"unit": "EACHES", "value": "2"}
    assert order["shipments"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"orderId": "A" * 41},
        {"orderId": "shop-1"},
        {"orderId": None},
        {"channel": "c" * 41},
        {"origin": {"countryCode": "GB"}},
        {"origin": {"countryCode": "US"}},
        {"configuration": {"serviceLevel": {"serviceTiers": ["PRIORITY"]}}},
        {"configuration": {"serviceLevel": {"serviceTiers": ["SCHEDULED"]}}},
        {"configuration": {"serviceLevel": {"serviceTiers": ["Standard"]}}},
        {"configuration": {"action": "WAIT"}},
        {"configuration": {"policy": "FillOrKill"}},
        {"configuration": {"services": {"packaging": {"packagingOption": "UNBRANDED"}}}},
        {"configuration": {"services": {"packaging": {"overbox": "REQUIRED"}}}},
        {"configuration": {"services": {"additional": {"blockAMZL": "perhaps"}}}},
        {"configuration": {"services": {"additional": {"gift": "true"}}}},
        {"configuration": {"services": {"delivery": {"paymentOnDelivery": "ENABLED"}}}},
        {"paymentInformation": {"payments": []}},
        {"lineItems": []},
        {"lineItems": [new_line("NEU-1", 1)]},
        {"lineItems": [new_line("TS-01", 1), new_line("TE-ZANGE", 1)]},
        {"lineItems": [new_line("TS-01", 1, str(number)) for number in range(101)]},
        {"lineItems": [new_line("TS-01", 251)]},
        {"lineItems": amount("0")},
        {"lineItems": amount("1.5")},
        {"lineItems": amount("NaN")},
        {"lineItems": amount("many")},
        {"lineItems": amount(2)},
        {"lineItems": amount("2", unit="KG")},
        {"destination": {"deliveryAddress": ADDRESS | {"name": "n" * 51}}},
        {"destination": {"deliveryAddress": ADDRESS | {"city": ""}}},
        {"destination": {}},
        {"sellerFulfillmentOrderId": "SHOP-1"},
    ],
)
def test_what_is_not_allowed_is_refused(seller: Seller, wrong: dict[str, Any]) -> None:
    answer = create_new(seller, **wrong)

    assert (answer.status, answer.json()["errors"][0]["code"]) == (400, "InvalidInput")
    assert seller.fulfilment_orders == []
    assert len(seller.violations) == 1


@pytest.mark.parametrize(
    "fits",
    [
        {"orderId": "A" * 40},
        {"origin": None},
        {"channel": None},
        {"lineItems": amount("2.0")},
        {"configuration": {"serviceLevel": {"serviceTiers": ["EXPEDITED", "STANDARD"]}}},
        {"configuration": {"services": {"additional": {"blockAMZL": "true"}}}},
        {"destination": {"deliveryAddress": ADDRESS | {"email": "max@example.com"}}},
    ],
)
def test_what_is_within_the_limits_is_taken(seller: Seller, fits: dict[str, Any]) -> None:
    assert create_new(seller, **fits).status == 200
    assert seller.violations == []


def test_only_json_is_read(seller: Seller) -> None:
    seller.call("GET", ORDERS)
    answer = seller.send(
        "POST", ORDERS, body=b"<xml/>", content_type="text/xml", user_agent="t/1",
        x_amz_access_token=seller.access_token,
    )  # fmt: skip

    assert answer.status == 415


def test_the_packing_slip_is_what_the_older_version_displays(seller: Seller) -> None:
    printed = {"orderId": "10240", "orderTime": "2026-11-23T08:25:00Z", "orderText": "Vielen Dank!"}
    slip = {"packingSlip": {"templateName": "plain", "templateAttributes": printed}}
    create_new(seller, configuration={"services": {"packaging": slip}})

    order = seller.fulfilment_order("SHOP-1")

    assert (order.display_id, order.display_comment) == ("10240", "Vielen Dank!")
    packaging = read_new(seller)["fulfillmentConfiguration"]["services"]["packaging"]
    assert packaging["packingSlip"]["templateAttributes"] == printed


def test_an_order_may_be_accepted_and_looked_at_later(seller: Seller) -> None:
    seller.set(new_fulfilments_accepted=True)

    good, bad = create_new(seller, "SHOP-1"), create_new(seller, "SHOP-2", sku="NEU-1")
    seller.advance(400)

    assert (good.status, bad.status) == (202, 202)
    assert good.json() == {"orderId": "SHOP-1", "status": "PROCESSING"}
    assert status(seller, "SHOP-1") == ("Complete", "COMPLETE")
    assert status(seller, "SHOP-2") == ("Invalid", "INVALID")


def test_a_preview_offers_times_and_prices(seller: Seller) -> None:
    answer = preview(seller, "STANDARD", "EXPEDITED").json()

    planned = answer["plannedShipments"][0]
    standard, expedited = planned["offers"]
    level = standard["fulfillmentConfiguration"]["serviceLevel"]
    prices = [Decimal(each["estimatedPrice"]["totalPrice"]["amount"]) for each in (standard, expedited)]
    assert planned["items"][0]["amount"]["value"] == "2"
    assert level["serviceTier"] == "STANDARD"
    assert level["shipInterval"]["startTime"] < level["deliveryInterval"]["startTime"]
    assert prices[0] == Decimal("7.10") < prices[1]
    assert answer["constraints"] == []


def test_a_preview_can_do_without_fees(seller: Seller) -> None:
    offer = preview(seller, excludeEstimatedFees=True).json()["plannedShipments"][0]["offers"][0]

    assert "estimatedPrice" not in offer


def test_a_preview_says_what_is_short(seller: Seller) -> None:
    answer = preview(seller, lineItems=[preview_line("TS-01", 12)]).json()

    constraint = answer["constraints"][0]
    assert answer["plannedShipments"][0]["items"][0]["amount"]["value"] == "10"
    assert constraint["code"] == "ItemQuantityNotAvailable"
    assert constraint["details"][0] == {"type": "amazonSku", "value": "TS-01"}


@pytest.mark.parametrize(
    ("tiers", "postal_code", "codes"),
    [
        (["STANDARD"], "00000", ["InvalidDestinationAddress"]),
        (["PRIORITY"], "04109", ["DeliverySLAUnavailable"]),
        (["STANDARD", "SCHEDULED"], "04109", ["DeliverySLAUnavailable"]),
    ],
)
def test_a_preview_says_why_not(seller: Seller, tiers: list[str], postal_code: str, codes: list[str]) -> None:
    destination = {"deliveryAddress": ADDRESS | {"postalCode": postal_code}}

    answer = preview(seller, *tiers, destination=destination).json()

    assert [each["code"] for each in answer["constraints"]] == codes
    offers = [each for shipment in answer["plannedShipments"] for each in shipment["offers"]]
    assert len(offers) == len(tiers) - len(codes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": {"countryCode": "GB"}},
        {"lineItems": []},
        {"lineItems": [preview_line("NEU-1", 1)]},
        {"fulfillmentConfiguration": {"serviceLevel": {"serviceTiers": ["FAST"]}}},
        {"fulfillmentConfiguration": {"action": "HOLD"}},
        {"fulfillmentConfiguration": {"services": {"packaging": {"packagingOption": "UNBRANDED"}}}},
    ],
)
def test_a_wrong_preview_is_refused(seller: Seller, wrong: dict[str, Any]) -> None:
    assert preview(seller, **wrong).status == 400
    assert len(seller.violations) == 1


def test_shipments_can_be_left_out(seller: Seller) -> None:
    create_new(seller)
    seller.advance(400)

    one = seller.call("GET", f"{ORDERS}/SHOP-1", {"shipments": "EXCLUDE"}).json()["order"]
    listed = seller.call("GET", ORDERS, {"shipments": "EXCLUDE"}).json()["orders"][0]
    with_all = seller.call("GET", ORDERS, {"shipments": "INCLUDE"}).json()["orders"][0]

    assert "shipments" not in one
    assert "shipments" not in listed
    assert len(with_all["shipments"]) == 1
    assert seller.call("GET", f"{ORDERS}/SHOP-1", {"shipments": "SOME"}).status == 400


def test_a_list_notices_every_change_of_status(seller: Seller) -> None:
    create_old(seller, "SHOP-1")
    seller.advance(30)
    moment = seller.world.now().isoformat().replace("+00:00", "Z")

    def listed() -> list[str]:
        answer = seller.call("GET", ORDERS, {"updatedAfter": moment}).json()
        return [order["orderId"] for order in answer["orders"]]

    before = listed()
    seller.advance(40)

    assert (before, listed()) == ([], ["SHOP-1"])


def test_a_token_belongs_to_its_query(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 100})
    for number in range(51):
        create_new(seller, f"SHOP-{number}", quantity=1)
    query = {"updatedAfter": "2026-01-01T00:00:00Z", "shipments": "EXCLUDE"}
    first = seller.call("GET", ORDERS, query).json()
    token = first["pagination"]["nextToken"]

    second = seller.call("GET", ORDERS, {**query, "pageToken": token}).json()
    other = seller.call("GET", ORDERS, {"pageToken": token})

    assert (len(first["orders"]), len(second["orders"])) == (50, 1)
    assert "pagination" not in second
    assert other.status == 400


@pytest.mark.parametrize("wrong", [{"updatedAfter": "now"}, {"pageToken": "x"}, {"nextToken": "x"}])
def test_a_wrong_list_is_refused(seller: Seller, wrong: dict[str, str]) -> None:
    assert seller.call("GET", ORDERS, wrong).status == 400
