import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from kogge.spapi import Amazon, AskHuman, NotFound, OutcomeUnknown, TryLater
from kogge.spapi.fulfillment_orders import (
    Fee,
    News,
    Obstacle,
    OrderedLine,
    OutboundPackage,
    OutboundShipment,
    PackedLine,
    PlannedShipment,
    Window,
)
from kogge.spapi.fulfillment_outbound_2026_07_04 import (
    cancel_order,
    create_order,
    get_order,
    list_changed,
    preview,
)
from kogge.values import Money
from tests.amazon_models import needs_models

from .conftest import Buckets, Wire, examples, refusal, reply, web_page
from .outbound import ADDRESS, ORDER_ID, POT, TEA, consignment, fitting, request_for

BASE = "/fulfillment/outbound/2026-07-04"
ORDERS = f"{BASE}/orders"
ORDER = f"{ORDERS}/{ORDER_ID}"
SHIP_AT = datetime(2026, 11, 24, 16, 40, tzinfo=UTC)
ARRIVES_AT = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)


def each(units: str | int) -> dict[str, str]:
    return {"unit": "EACHES", "value": str(units)}


def sku(name: str) -> dict[str, Any]:
    return {"productIdentifier": {"amazonSku": name}}


NEW_ORDER: dict[str, Any] = {
    "orderId": ORDER_ID,
    "receiveTime": "2026-11-23T08:31:00Z",
    "status": "PROCESSING",
    "statusUpdateTime": "2026-11-23T08:31:00Z",
    "origin": {"countryCode": "DE"},
    "lineItems": [{"lineItemId": "1", "product": sku("TS-01-FBA"), "amount": each(2)}],
}
SHIPMENT: dict[str, Any] = {
    "amazonShipmentId": "UexAmple1",
    "amazonFacility": {"facilityId": "LEJ1"},
    "status": "SHIPPED",
    "shipTime": "2026-11-24T16:40:00Z",
    "deliveryTime": "2026-11-26T19:00:00Z",
    "items": [sku("TS-01-FBA") | {"lineItemId": "1", "amount": each("2.0"), "packageId": "1"}],
    "packages": [
        {
            "packageId": "1",
            "status": "IN_TRANSIT",
            "deliveryTime": "2026-11-26T19:00:00Z",
            "tracking": {
                "carrier": {
                    "carrierCode": "DHL",
                    "trackingNumber": "00340434161094021999",
                    "trackingUrl": "https://carrier.example/t/00340434161094021999",
                },
                "amazon": {"trackingNumber": "DE1234567890"},
            },
        }
    ],
}
SHIPPED = NEW_ORDER | {
    "status": "COMPLETE",
    "statusUpdateTime": "2026-11-24T17:05:00Z",
    "shipments": [SHIPMENT],
}


def shipped(*packages: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    return SHIPPED | {"shipments": [SHIPMENT | {"packages": list(packages), "items": items}]}


def sent(wire: Wire) -> Any:
    return json.loads(wire.sent[-1].content)


def test_an_order_is_created(amazon: Amazon, wire: Wire, buckets: Buckets) -> None:
    wire.lay(fitting("POST", ORDERS, {"order": NEW_ORDER}))

    create_order(amazon, request_for())

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("POST", ORDERS)
    assert sent(wire) == {
        "orderId": ORDER_ID,
        "channel": "SHOP",
        "origin": {"countryCode": "DE"},
        "fulfillmentConfiguration": {
            "serviceLevel": {"serviceTiers": ["STANDARD"]},
            "action": "SHIP",
            "policy": "FILL_OR_KILL",
            "services": {"packaging": {"packagingOption": "ANY"}},
        },
        "destination": {"deliveryAddress": ADDRESS},
        "lineItems": [{"lineItemId": "1", "product": sku("TS-01-FBA"), "amount": each(2)}],
    }
    assert buckets.taken == ["outboundCreateOrder"]


def test_wishes_are_sent(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"orderId": ORDER_ID, "status": "PROCESSING"}, 202))
    wanted = request_for(
        consignment=consignment(lines=(TEA, POT), unbranded=True),
        speed="EXPEDITED",
        policy="FILL_ALL_AVAILABLE",
    )

    create_order(amazon, wanted)

    configuration = sent(wire)["fulfillmentConfiguration"]
    assert configuration["serviceLevel"] == {"serviceTiers": ["EXPEDITED"]}
    assert configuration["policy"] == "FILL_ALL_AVAILABLE"
    assert configuration["services"]["packaging"] == {"packagingOption": "UNBRANDED"}
    assert sent(wire)["lineItems"][1]["product"] == sku("TK-12-FBA") | {
        "perUnitDeclaredValue": {"currencyCode": "EUR", "amount": "18.99"}
    }


def test_an_order_may_be_accepted_for_later(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("POST", ORDERS, {"orderId": ORDER_ID, "status": "PROCESSING"}, 202))

    create_order(amazon, request_for())

    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    "lost",
    [
        httpx2.ReadTimeout("x"),
        httpx2.RemoteProtocolError("x"),
        web_page(502),
        web_page(200),
        reply(None),
        reply({}),
        reply({"orderId": "ANOTHER-1", "status": "PROCESSING"}, 202),
        reply({"order": NEW_ORDER | {"orderId": "ANOTHER-1"}}),
        reply({"order": {}}),
        refusal(500, "InternalFailure"),
    ],
    ids=repr,
)
def test_a_creation_without_an_understandable_answer_may_have_taken_effect(
    amazon: Amazon, wire: Wire, lost: Any
) -> None:
    wire.lay(lost)

    with pytest.raises(OutcomeUnknown):
        create_order(amazon, request_for())


def test_a_creation_that_never_left_did_nothing(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.ConnectError("x"))

    with pytest.raises(TryLater) as caught:
        create_order(amazon, request_for())
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_shipped_order_is_read_with_its_parcel(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("GET", ORDER, {"order": SHIPPED}))

    order = get_order(amazon, ORDER_ID)

    tea = PackedLine("1", "TS-01-FBA", 2)
    parcel = OutboundPackage(
        package_id="1",
        carrier_code="DHL",
        tracking_number="00340434161094021999",
        amazon_tracking_number="DE1234567890",
        tracking_url="https://carrier.example/t/00340434161094021999",
        status="IN_TRANSIT",
        arrives_at=ARRIVES_AT,
        items=(tea,),
    )
    assert order.shipments == (
        OutboundShipment("UexAmple1", "SHIPPED", "LEJ1", SHIP_AT, ARRIVES_AT, (tea,), (parcel,)),
    )
    assert order.lines == (OrderedLine("1", "TS-01-FBA", 2),)
    assert (order.status, order.country, order.is_final) == ("COMPLETE", "DE", True)
    assert order.received_at == datetime(2026, 11, 23, 8, 31, tzinfo=UTC)
    assert order.status_changed_at == datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
    assert order.packages == (parcel,)
    assert order.shipped_units("1") == 2
    assert dict(wire.sent[0].url.params) == {"shipments": "INCLUDE"}


def test_picking_shows_in_a_shipment(amazon: Amazon, wire: Wire) -> None:
    picked = NEW_ORDER | {"shipments": [SHIPMENT | {"status": "PROCESSING"}]}
    given_up = NEW_ORDER | {"shipments": [SHIPMENT | {"status": "CANCELLED"}]}
    wire.lay(*(fitting("GET", ORDER, {"order": order}) for order in (NEW_ORDER, picked, given_up)))

    orders = [get_order(amazon, ORDER_ID) for _ in range(3)]

    assert [order.may_be_cancelled for order in orders] == [True, False, True]
    assert [order.packages for order in orders] == [(), (), ()]
    assert orders[1].shipped_units("1") == 0


def test_what_will_not_come_is_counted(amazon: Amazon, wire: Wire) -> None:
    line = NEW_ORDER["lineItems"][0] | {"cancelledAmount": each(0), "unfulfillableAmount": each("1.0")}
    wire.lay(fitting("GET", ORDER, {"order": SHIPPED | {"status": "COMPLETE_PARTIAL", "lineItems": [line]}}))

    order = get_order(amazon, ORDER_ID)

    assert order.lines == (OrderedLine("1", "TS-01-FBA", 2, cancelled=0, unfulfillable=1),)
    assert order.is_final


def test_units_are_found_in_the_package_that_names_them_or_that_they_name(amazon: Amazon, wire: Wire) -> None:
    items = [
        sku("A") | {"lineItemId": "1", "amount": each(1), "packageId": "P1"},
        sku("B") | {"lineItemId": "2", "amount": each(1), "shipmentItemId": "S2"},
        sku("C") | {"lineItemId": "3", "amount": each(1)},
    ]
    two = shipped({"packageId": "P1"}, {"packageId": "P2", "shipmentItemIds": ["S2"]}, items=items)
    one = shipped({"packageId": "P1"}, items=[items[0], items[2]])
    wire.lay(*(fitting("GET", ORDER, {"order": order}) for order in (two, one)))

    inside = [
        [[item.sku for item in package.items] for package in get_order(amazon, ORDER_ID).packages]
        for _ in range(2)
    ]

    assert inside == [[["A"], ["B"]], [["A", "C"]]]


def test_a_parcel_without_tracking_is_a_parcel(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("GET", ORDER, {"order": shipped({"packageId": "1"}, items=SHIPMENT["items"])}))

    [package] = get_order(amazon, ORDER_ID).packages

    assert (package.carrier_code, package.tracking_number, package.status) == ("", "", "")


def test_a_script_is_no_link(amazon: Amazon, wire: Wire) -> None:
    tracking = {"carrier": {"carrierCode": "DHL", "trackingUrl": "javascript:alert(1)"}}
    wire.lay(reply({"order": shipped({"packageId": "1", "tracking": tracking}, items=SHIPMENT["items"])}))

    assert get_order(amazon, ORDER_ID).packages[0].tracking_url == ""


def test_a_status_we_do_not_know_stays_visible(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("GET", ORDER, {"order": NEW_ORDER | {"status": "ON_THE_MOON"}}))

    order = get_order(amazon, ORDER_ID)

    assert (order.status, order.is_final) == ("ON_THE_MOON", False)


@pytest.mark.parametrize(
    "order",
    [
        NEW_ORDER | {"orderId": "ANOTHER-1"},
        NEW_ORDER | {"lineItems": [NEW_ORDER["lineItems"][0] | {"amount": each("0.5")}]},
        NEW_ORDER | {"lineItems": [NEW_ORDER["lineItems"][0] | {"amount": each("NaN")}]},
        NEW_ORDER | {"lineItems": [NEW_ORDER["lineItems"][0] | {"amount": each("two")}]},
        NEW_ORDER | {"lineItems": [NEW_ORDER["lineItems"][0] | {"amount": {"unit": "KG", "value": "2"}}]},
        {"orderId": ORDER_ID},
    ],
)
def test_an_answer_that_cannot_be_right_counts_as_none(
    amazon: Amazon, wire: Wire, order: dict[str, Any]
) -> None:
    wire.lay(reply({"order": order}))

    with pytest.raises(TryLater):
        get_order(amazon, ORDER_ID)


def test_an_unknown_order_is_not_found(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NotFound"))

    with pytest.raises(NotFound):
        get_order(amazon, ORDER_ID)


def test_an_order_id_is_quoted_in_the_path(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NotFound"))

    with pytest.raises(NotFound):
        get_order(amazon, "S 1/2?")

    assert wire.sent[0].url.raw_path.decode().split("?")[0] == f"{ORDERS}/S%201%2F2%3F"


def test_changed_orders_are_listed_page_by_page(amazon: Amazon, wire: Wire) -> None:
    first = {"orders": [NEW_ORDER], "pagination": {"nextToken": "t1"}}
    second = {"orders": [SHIPPED | {"orderId": "SHOP-2-1"}]}
    wire.lay(*(fitting("GET", ORDERS, page) for page in (first, second)))

    changes = list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))

    assert changes.news == (
        News(ORDER_ID, "PROCESSING", datetime(2026, 11, 23, 8, 31, tzinfo=UTC)),
        News("SHOP-2-1", "COMPLETE", datetime(2026, 11, 24, 17, 5, tzinfo=UTC)),
    )
    asked = {"updatedAfter": "2026-11-23T00:00:00.000Z", "shipments": "EXCLUDE"}
    assert [dict(request.url.params) for request in wire.sent] == [asked, asked | {"pageToken": "t1"}]


def test_one_odd_order_does_not_hide_the_others(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"orders": [{"status": "COMPLETE"}, NEW_ORDER, 7]}))

    changes = list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))

    assert ([news.order_id for news in changes.news], changes.unreadable) == ([ORDER_ID], 2)


def test_pages_that_go_round_in_a_circle_end(amazon: Amazon, wire: Wire) -> None:
    wire.lay(*(reply({"orders": [], "pagination": {"nextToken": token}}) for token in ("t1", "t2", "t1")))

    with pytest.raises(TryLater):
        list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))


def test_a_cancellation_is_asked_for(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("PUT", f"{ORDER}/cancel", {}, 202))

    cancel_order(amazon, ORDER_ID)

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("PUT", f"{ORDER}/cancel")
    assert wire.sent[0].content == b""


def test_a_cancellation_may_be_refused_or_lost(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(400, "InvalidInput"), httpx2.ReadTimeout("x"))

    with pytest.raises(AskHuman):
        cancel_order(amazon, ORDER_ID)
    with pytest.raises(OutcomeUnknown):
        cancel_order(amazon, ORDER_ID)


def offer(tier: str, amount: str | None = "4.25") -> dict[str, Any]:
    configuration = {
        "serviceLevel": {
            "serviceTier": tier,
            "shipInterval": {"startTime": "2026-11-24T10:00:00Z", "endTime": "2026-11-24T16:00:00Z"},
            "deliveryInterval": {"startTime": "2026-11-26T08:00:00Z", "endTime": "2026-11-26T19:00:00Z"},
        }
    }
    if amount is None:
        return {"fulfillmentConfiguration": configuration}
    money = {"currencyCode": "EUR", "amount": amount}
    price = {"rollupPrices": [{"type": "MCFTransportationFee", "value": money}], "totalPrice": money}
    return {"fulfillmentConfiguration": configuration, "estimatedPrice": price}


def planned(name: str, units: int, *offers: dict[str, Any]) -> dict[str, Any]:
    return {"items": [sku(name) | {"amount": each(units)}], "offers": list(offers)}


def constraint(code: str, **details: str) -> dict[str, Any]:
    return {
        "code": code,
        "type": "ValidationError",
        "message": "Amazon says no",
        "details": [{"type": name, "value": value} for name, value in details.items()],
    }


def test_a_preview_tells_when_and_for_how_much(amazon: Amazon, wire: Wire) -> None:
    wire.lay(
        fitting(
            "POST", f"{BASE}/previews", {"plannedShipments": [planned("TS-01-FBA", 2, offer("STANDARD"))]}
        )
    )

    [found] = preview(amazon, consignment(), ["STANDARD"])

    euros = Money(Decimal("4.25"), "EUR")
    assert found.is_fulfillable
    assert (found.fees, found.total) == ((Fee("MCFTransportationFee", euros),), euros)
    assert found.shipments == (
        PlannedShipment(
            units=(("TS-01-FBA", 2),),
            leaves=Window(datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 16, tzinfo=UTC)),
            arrives=Window(datetime(2026, 11, 26, 8, tzinfo=UTC), ARRIVES_AT),
        ),
    )
    assert sent(wire) == {
        "origin": {"countryCode": "DE"},
        "channel": "SHOP",
        "destination": {"deliveryAddress": ADDRESS},
        "fulfillmentConfiguration": {
            "serviceLevel": {"serviceTiers": ["STANDARD"]},
            "services": {"packaging": {"packagingOption": "ANY"}},
        },
        "lineItems": [{"product": sku("TS-01-FBA"), "amount": each(2)}],
    }


def test_each_speed_is_previewed_and_fees_of_several_shipments_add_up(amazon: Amazon, wire: Wire) -> None:
    shipments = [
        planned("TS-01-FBA", 1, offer("STANDARD"), offer("EXPEDITED", "9.00")),
        planned("TS-01-FBA", 1, offer("STANDARD", "1.00")),
    ]
    wire.lay(fitting("POST", f"{BASE}/previews", {"plannedShipments": shipments}))

    standard, expedited = preview(amazon, consignment(), ["STANDARD", "EXPEDITED"])

    assert (standard.is_fulfillable, standard.total) == (True, Money(Decimal("5.25"), "EUR"))
    assert (expedited.is_fulfillable, expedited.total) == (False, None)


def test_what_is_missing_is_named_with_amazons_reason(amazon: Amazon, wire: Wire) -> None:
    body = {
        "plannedShipments": [planned("TS-01-FBA", 1, offer("STANDARD"))],
        "constraints": [constraint("ItemQuantityNotAvailable", amazonSku="TS-01-FBA")],
    }
    wire.lay(fitting("POST", f"{BASE}/previews", body))

    [found] = preview(amazon, consignment(lines=(TEA, POT)), ["STANDARD"])

    assert not found.is_fulfillable
    assert found.missing == (("TS-01-FBA", 1), ("TK-12-FBA", 1))
    assert found.obstacles == (
        Obstacle("no_stock", "ItemQuantityNotAvailable", "Amazon says no", sku="TS-01-FBA"),
    )


def test_nothing_planned_is_not_fulfillable(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("POST", f"{BASE}/previews", {"plannedShipments": []}))

    [found] = preview(amazon, consignment(), ["STANDARD"])

    assert (found.is_fulfillable, found.missing, found.total) == (False, (("TS-01-FBA", 2),), None)


@pytest.mark.parametrize(
    ("told", "standard", "expedited"),
    [
        (constraint("InvalidDestinationAddress"), False, False),
        (constraint("DeliverySLAUnavailable", serviceTier="EXPEDITED"), True, False),
        (constraint("SomethingNew"), True, True),
    ],
)
def test_an_obstacle_known_to_block_blocks_what_it_names(
    amazon: Amazon, wire: Wire, told: dict[str, Any], *, standard: bool, expedited: bool
) -> None:
    shipments = [planned("TS-01-FBA", 2, offer("STANDARD"), offer("EXPEDITED"))]
    wire.lay(fitting("POST", f"{BASE}/previews", {"plannedShipments": shipments, "constraints": [told]}))

    found = preview(amazon, consignment(), ["STANDARD", "EXPEDITED"])

    assert [each.is_fulfillable for each in found] == [standard, expedited]


@pytest.mark.parametrize("amount", ["4.255", "viel", None])
def test_a_fee_that_is_no_money_leaves_the_total_open(amazon: Amazon, wire: Wire, amount: str | None) -> None:
    shipments = [
        planned("TS-01-FBA", 1, offer("STANDARD", amount)),
        planned("TS-01-FBA", 1, offer("STANDARD")),
    ]
    wire.lay(reply({"plannedShipments": shipments}))

    [found] = preview(amazon, consignment(), ["STANDARD"])

    assert found.is_fulfillable
    assert found.total is None


def test_a_preview_leaves_nothing_unknown(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.ReadTimeout("x"), refusal(400, "InvalidInput", "the SellerSKU is invalid"))

    with pytest.raises(TryLater) as caught:
        preview(amazon, consignment(), ["STANDARD"])
    assert not isinstance(caught.value, OutcomeUnknown)
    with pytest.raises(AskHuman):
        preview(amazon, consignment(), ["STANDARD"])


@needs_models
def test_amazons_own_examples_are_understood(amazon: Amazon, wire: Wire) -> None:
    [(_, listed)] = examples(BASE, "listOrders")
    [(_, previewed)] = examples(BASE, "getOrderPreview")
    [(_, one)] = examples(BASE, "getOrder")
    wire.lay(reply(listed | {"pagination": {}}), reply(previewed), reply(one))

    assert not list_changed(amazon, datetime(2025, 4, 1, tzinfo=UTC)).unreadable
    [found] = preview(amazon, consignment(), ["STANDARD"])
    order = get_order(amazon, one["order"]["orderId"])

    assert [obstacle.code for obstacle in found.obstacles] == ["ItemQuantityNotAvailable"]
    [package] = order.packages
    assert (package.carrier_code, package.tracking_number) == ("FEDEX", "123456789")
    assert [item.quantity for item in package.items] == [1]
