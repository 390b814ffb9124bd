import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kogge.spapi import Amazon, AskHuman, OutcomeUnknown, Shipment
from kogge.spapi.orders_v0 import confirm_shipment
from kogge.values import InvalidValue

from .conftest import Wire, refusal, reply, web_page

ORDER_ID = "305-1182244-9021001"


def shipment(**changes: Any) -> Shipment:
    fields: dict[str, Any] = {
        "marketplace_id": "A1PA6795UKMFR9",
        "package_reference_id": "1",
        "carrier_code": "DHL",
        "shipping_method": "DHL Paket",
        "tracking_number": "00340434161094021501",
        "ship_date": datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
        "items": (("40511122233301", 2), ("40511122233302", 1)),
    }
    return Shipment(**(fields | changes))


def test_a_parcel_is_confirmed(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(None, 204))

    confirm_shipment(amazon, ORDER_ID, shipment())

    assert wire.sent[0].method == "POST"
    assert wire.sent[0].url.path == f"/orders/v0/orders/{ORDER_ID}/shipmentConfirmation"
    assert wire.sent[0].headers["content-type"] == "application/json"
    assert json.loads(wire.sent[0].content) == {
        "marketplaceId": "A1PA6795UKMFR9",
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "shippingMethod": "DHL Paket",
            "trackingNumber": "00340434161094021501",
            "shipDate": "2026-11-24T14:30:00.000Z",
            "orderItems": [
                {"orderItemId": "40511122233301", "quantity": 2},
                {"orderItemId": "40511122233302", "quantity": 1},
            ],
        },
    }


def test_a_carrier_that_amazon_does_not_list_is_named(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(None, 204))

    confirm_shipment(
        amazon, ORDER_ID, shipment(carrier_code="Other", carrier_name="Stadtbote", shipping_method=None)
    )

    detail = json.loads(wire.sent[0].content)["packageDetail"]
    assert (detail["carrierCode"], detail["carrierName"]) == ("Other", "Stadtbote")
    assert "shippingMethod" not in detail


def test_the_name_of_a_listed_carrier_is_not_sent(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(None, 204))

    confirm_shipment(amazon, ORDER_ID, shipment(carrier_name="DHL"))

    assert "carrierName" not in json.loads(wire.sent[0].content)["packageDetail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"package_reference_id": "0"},
        {"package_reference_id": "A1"},
        {"package_reference_id": "²"},
        {"package_reference_id": 1},
        {"carrier_code": ""},
        {"carrier_code": "Other"},
        {"tracking_number": ""},
        {"items": ()},
        {"items": (("1", 0),)},
        {"ship_date": datetime(2026, 11, 24)},
    ],
    ids=str,
)
def test_a_parcel_that_amazon_would_refuse_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        shipment(**changes)


def test_a_refused_parcel_is_for_a_human(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(400, "InvalidInput", "quantity is too large"))

    with pytest.raises(AskHuman, match="quantity is too large"):
        confirm_shipment(amazon, ORDER_ID, shipment())


def test_a_web_page_confirms_nothing(amazon: Amazon, wire: Wire) -> None:
    wire.lay(web_page(200))

    with pytest.raises(OutcomeUnknown):
        confirm_shipment(amazon, ORDER_ID, shipment())
