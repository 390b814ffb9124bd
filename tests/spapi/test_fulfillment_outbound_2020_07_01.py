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
from kogge.spapi.fulfillment_outbound_2020_07_01 import (
    cancel_order,
    create_order,
    get_order,
    list_changed,
    preview,
    tracked,
)
from kogge.values import Money
from tests.amazon_models import needs_models

from .conftest import Buckets, Wire, examples, refusal, reply, web_page
from .outbound import ADDRESS, DE, ORDER_ID, POT, TEA, consignment, fitting, request_for

BASE = "/fba/outbound/2020-07-01"
ORDERS = f"{BASE}/fulfillmentOrders"
ORDER = f"{ORDERS}/{ORDER_ID}"
SHIP_AT = datetime(2026, 11, 24, 16, 40, tzinfo=UTC)
ARRIVES_AT = datetime(2026, 11, 26, 19, 0, tzinfo=UTC)

HEAD: dict[str, Any] = {
    "sellerFulfillmentOrderId": ORDER_ID,
    "marketplaceId": DE,
    "displayableOrderId": "10240",
    "displayableOrderDate": "2026-11-23T08:25:00Z",
    "displayableOrderComment": "Vielen Dank!",
    "shippingSpeedCategory": "Standard",
    "receivedDate": "2026-11-23T08:31:00Z",
    "fulfillmentOrderStatus": "Received",
    "statusUpdatedDate": "2026-11-24T17:05:00Z",
    "destinationAddress": ADDRESS,
    "featureConstraints": [],
}
LINE: dict[str, Any] = {
    "sellerSku": "TS-01-FBA",
    "sellerFulfillmentOrderItemId": "1",
    "quantity": 2,
    "cancelledQuantity": 0,
    "unfulfillableQuantity": 0,
}
PACKED = {"sellerSku": "TS-01-FBA", "sellerFulfillmentOrderItemId": "1", "quantity": 2, "packageNumber": 7}
PARCEL: dict[str, Any] = {
    "packageNumber": 7,
    "carrierCode": "DHL",
    "trackingNumber": "00340434161094021999",
    "amazonFulfillmentTrackingNumber": "DE1234567890",
    "estimatedArrivalDate": "2026-11-26T19:00:00Z",
}
SHIPMENT: dict[str, Any] = {
    "amazonShipmentId": "UexAmple1",
    "fulfillmentCenterId": "LEJ1",
    "fulfillmentShipmentStatus": "SHIPPED",
    "shippingDate": "2026-11-24T16:40:00Z",
    "estimatedArrivalDate": "2026-11-26T19:00:00Z",
    "fulfillmentShipmentItem": [PACKED],
    "fulfillmentShipmentPackage": [PARCEL],
}


def told(status: str = "Received", *shipments: dict[str, Any], **head: Any) -> dict[str, Any]:
    return {
        "payload": {
            "fulfillmentOrder": HEAD | {"fulfillmentOrderStatus": status} | head,
            "fulfillmentOrderItems": [LINE],
            "fulfillmentShipments": list(shipments),
            "returnItems": [],
            "returnAuthorizations": [],
        }
    }


def sent(wire: Wire) -> Any:
    return json.loads(wire.sent[-1].content)


def test_an_order_is_created(amazon: Amazon, wire: Wire, buckets: Buckets) -> None:
    wire.lay(fitting("POST", ORDERS, {}))

    create_order(amazon, request_for())

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("POST", ORDERS)
    assert sent(wire) == {
        "marketplaceId": DE,
        "sellerFulfillmentOrderId": ORDER_ID,
        "displayableOrderId": "10240",
        "displayableOrderDate": "2026-11-23T08:25:00.000Z",
        "displayableOrderComment": "Vielen Dank!",
        "shippingSpeedCategory": "Standard",
        "fulfillmentAction": "Ship",
        "fulfillmentPolicy": "FillOrKill",
        "destinationAddress": ADDRESS,
        "items": [{"sellerSku": "TS-01-FBA", "sellerFulfillmentOrderItemId": "1", "quantity": 2}],
    }
    assert buckets.taken == ["createFulfillmentOrder"]


def test_wishes_are_sent(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({}))
    wanted = request_for(
        consignment=consignment(lines=(TEA, POT), unbranded=True),
        speed="EXPEDITED",
        policy="FILL_ALL_AVAILABLE",
    )

    create_order(amazon, wanted)

    assert sent(wire)["shippingSpeedCategory"] == "Expedited"
    assert sent(wire)["fulfillmentPolicy"] == "FillAllAvailable"
    assert sent(wire)["featureConstraints"] == [
        {"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Required"}
    ]
    assert sent(wire)["items"][1]["perUnitDeclaredValue"] == {"currencyCode": "EUR", "value": "18.99"}


@pytest.mark.parametrize(
    "lost",
    [
        httpx2.ReadTimeout("x"),
        httpx2.RemoteProtocolError("x"),
        web_page(502),
        web_page(200),
        reply(None),
        reply([]),
        refusal(500, "InternalFailure"),
        refusal(200, "InternalFailure"),
    ],
    ids=repr,
)
def test_a_creation_without_an_understandable_answer_may_have_taken_effect(
    amazon: Amazon, wire: Wire, lost: Any
) -> None:
    wire.lay(lost)

    with pytest.raises(OutcomeUnknown):
        create_order(amazon, request_for())


@pytest.mark.parametrize("status", [400, 200])
def test_a_refusal_is_one_even_inside_a_success(amazon: Amazon, wire: Wire, status: int) -> None:
    words = {"code": "InvalidInput", "message": "the SellerSKU for Item Id: 1 is invalid.", "details": ""}
    wire.lay(fitting("POST", ORDERS, {"errors": [words]}, status))

    with pytest.raises(AskHuman, match="the SellerSKU for Item Id: 1 is invalid"):
        create_order(amazon, request_for())


def test_a_shipped_order_is_read_with_its_parcel(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("GET", ORDER, told("Complete", SHIPMENT)))

    order = get_order(amazon, ORDER_ID)

    tea = PackedLine("1", "TS-01-FBA", 2)
    parcel = OutboundPackage(
        package_id="7",
        carrier_code="DHL",
        tracking_number="00340434161094021999",
        amazon_tracking_number="DE1234567890",
        arrives_at=ARRIVES_AT,
        items=(tea,),
    )
    assert order.shipments == (
        OutboundShipment("UexAmple1", "SHIPPED", "LEJ1", SHIP_AT, ARRIVES_AT, (tea,), (parcel,)),
    )
    assert order.lines == (OrderedLine("1", "TS-01-FBA", 2),)
    assert (order.status, order.country, order.is_final) == ("COMPLETE", "DE", True)
    assert order.received_at == datetime(2026, 11, 23, 8, 31, tzinfo=UTC)
    assert order.packages == (parcel,)
    assert order.shipped_units("1") == 2
    assert order.holds(request_for())


@pytest.mark.parametrize(
    ("word", "status", "may_be_cancelled", "is_final"),
    [
        ("New", "NEW", True, False),
        ("Received", "RECEIVED", True, False),
        ("RECEIVED", "RECEIVED", True, False),
        ("Planning", "PLANNING", True, False),
        ("Processing", "PROCESSING", False, False),
        ("Complete", "COMPLETE", False, True),
        ("CompletePartialled", "COMPLETE_PARTIAL", False, True),
        ("COMPLETE_PARTIALLED", "COMPLETE_PARTIAL", False, True),
        ("Cancelled", "CANCELLED", False, True),
        ("Unfulfillable", "UNFULFILLABLE", False, True),
        ("Invalid", "INVALID", False, True),
        ("OnTheMoon", "OnTheMoon", False, False),
    ],
)
def test_every_status_is_put_into_the_common_words(
    amazon: Amazon, wire: Wire, word: str, status: str, *, may_be_cancelled: bool, is_final: bool
) -> None:
    wire.lay(reply(told(word)))

    order = get_order(amazon, ORDER_ID)

    assert (order.status, order.may_be_cancelled, order.is_final) == (status, may_be_cancelled, is_final)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", "PROCESSING"),
        ("CANCELLED_BY_FULFILLER", "CANCELLED"),
        ("CANCELLED_BY_SELLER", "CANCELLED"),
        ("LOST_AT_SEA", "LOST_AT_SEA"),
    ],
)
def test_a_shipment_that_did_not_leave_has_no_parcels_under_way(
    amazon: Amazon, wire: Wire, word: str, status: str
) -> None:
    wire.lay(reply(told("Processing", SHIPMENT | {"fulfillmentShipmentStatus": word})))

    order = get_order(amazon, ORDER_ID)

    assert order.shipments[0].status == status
    assert (order.packages, order.shipped_units("1")) == ((), 0)


def test_estimates_of_a_line_are_read(amazon: Amazon, wire: Wire) -> None:
    estimates = {"estimatedShipDate": "2026-11-24T16:40:00Z", "estimatedArrivalDate": "2026-11-26T19:00:00Z"}
    answer = told("Planning")
    answer["payload"]["fulfillmentOrderItems"] = [LINE | estimates]
    wire.lay(fitting("GET", ORDER, answer))

    [line] = get_order(amazon, ORDER_ID).lines

    assert (line.leaves_at, line.arrives_at) == (SHIP_AT, ARRIVES_AT)


def test_units_are_found_in_the_package_they_name(amazon: Amazon, wire: Wire) -> None:
    other = PACKED | {"sellerSku": "B", "packageNumber": 8}
    nowhere = PACKED | {"sellerSku": "C", "packageNumber": 0}
    two = SHIPMENT | {
        "fulfillmentShipmentItem": [PACKED, other, nowhere],
        "fulfillmentShipmentPackage": [PARCEL, PARCEL | {"packageNumber": 8}],
    }
    one = SHIPMENT | {"fulfillmentShipmentItem": [PACKED, other, nowhere]}
    wire.lay(*(fitting("GET", ORDER, told("Complete", shipment)) for shipment in (two, one)))

    inside = [
        [[item.sku for item in package.items] for package in get_order(amazon, ORDER_ID).packages]
        for _ in range(2)
    ]

    assert inside == [[["TS-01-FBA"], ["B"]], [["TS-01-FBA", "C"]]]


@pytest.mark.parametrize("marketplace_id", ["31060", None, ""])
def test_a_marketplace_that_cannot_be_read_is_no_country(
    amazon: Amazon, wire: Wire, marketplace_id: str | None
) -> None:
    wire.lay(reply(told(marketplaceId=marketplace_id)))

    assert get_order(amazon, ORDER_ID).country == ""


def test_an_order_placed_elsewhere_shows_it(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(told(marketplaceId="A1F83G8C2ARO7P")))

    order = get_order(amazon, ORDER_ID)

    assert order.country == "GB" != consignment().country


@pytest.mark.parametrize(
    "unknown",
    [
        refusal(404, "NotFound"),
        refusal(400, "InvalidInput", "The order SHOP-10240-1 does not exist"),
        refusal(400, "InvalidInput", "Order could not be found"),
        refusal(200, "InvalidInput", "Order not found"),
    ],
    ids=repr,
)
def test_an_unknown_order_is_not_found(amazon: Amazon, wire: Wire, unknown: httpx2.Response) -> None:
    wire.lay(unknown)

    with pytest.raises(NotFound):
        get_order(amazon, ORDER_ID)


def test_any_other_refusal_does_not_say_that_there_is_no_order(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(400, "InvalidInput"))

    with pytest.raises(AskHuman) as caught:
        get_order(amazon, ORDER_ID)
    assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize(
    "answer", [{}, {"payload": {}}, told(sellerFulfillmentOrderId="ANOTHER-1"), {"payload": None}]
)
def test_an_answer_that_cannot_be_right_counts_as_none(
    amazon: Amazon, wire: Wire, answer: dict[str, Any]
) -> None:
    wire.lay(reply(answer))

    with pytest.raises(TryLater):
        get_order(amazon, ORDER_ID)


def test_changed_orders_are_listed_page_by_page(amazon: Amazon, wire: Wire) -> None:
    first = {"payload": {"fulfillmentOrders": [HEAD], "nextToken": "t1"}}
    other = HEAD | {"sellerFulfillmentOrderId": "S-2", "fulfillmentOrderStatus": "Complete"}
    wire.lay(*(fitting("GET", ORDERS, page) for page in (first, {"payload": {"fulfillmentOrders": [other]}})))

    changes = list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))

    changed_at = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
    assert changes.news == (News(ORDER_ID, "RECEIVED", changed_at), News("S-2", "COMPLETE", changed_at))
    assert [dict(request.url.params) for request in wire.sent] == [
        {"queryStartDate": "2026-11-23T00:00:00.000Z"},
        {"nextToken": "t1"},
    ]


def test_one_odd_order_does_not_hide_the_others(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": {"fulfillmentOrders": [{}, HEAD, None], "nextToken": ""}}))

    changes = list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))

    assert ([news.order_id for news in changes.news], changes.unreadable) == ([ORDER_ID], 2)


def test_pages_that_go_round_in_a_circle_end(amazon: Amazon, wire: Wire) -> None:
    wire.lay(*(reply({"payload": {"nextToken": token}}) for token in ("t1", "t2", "t1")))

    with pytest.raises(TryLater):
        list_changed(amazon, datetime(2026, 11, 23, tzinfo=UTC))


def test_a_cancellation_is_asked_for(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting("PUT", f"{ORDER}/cancel", {}))

    cancel_order(amazon, ORDER_ID)

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("PUT", f"{ORDER}/cancel")


@pytest.mark.parametrize("status", [400, 200])
def test_a_cancellation_may_be_refused_or_lost(amazon: Amazon, wire: Wire, status: int) -> None:
    wire.lay(refusal(status, "InvalidInput"), httpx2.ReadTimeout("x"))

    with pytest.raises(AskHuman):
        cancel_order(amazon, ORDER_ID)
    with pytest.raises(OutcomeUnknown):
        cancel_order(amazon, ORDER_ID)


def test_a_parcel_is_followed(amazon: Amazon, wire: Wire) -> None:
    details = {
        "packageNumber": 7,
        "carrierCode": "DHL",
        "trackingNumber": "00340434161094021999",
        "customerTrackingLink": "https%3A%2F%2Fwww.swiship.de%2Ftrack%3Fid%3DDE1234567890%0A",
        "currentStatus": "OUT_FOR_DELIVERY",
        "estimatedArrivalDate": "2026-11-26T19:00:00Z",
    }
    wire.lay(fitting("GET", f"{BASE}/tracking", {"payload": details}))
    items = (PackedLine("1", "TS-01-FBA", 2),)

    parcel = tracked(amazon, OutboundPackage("7", amazon_tracking_number="DE1234567890", items=items))

    assert parcel == OutboundPackage(
        package_id="7",
        carrier_code="DHL",
        tracking_number="00340434161094021999",
        amazon_tracking_number="DE1234567890",
        tracking_url="https://www.swiship.de/track?id=DE1234567890",
        status="OUT_FOR_DELIVERY",
        arrives_at=ARRIVES_AT,
        items=items,
    )
    assert dict(wire.sent[0].url.params) == {"packageNumber": "7"}


@pytest.mark.parametrize("answer", [refusal(404, "NotFound"), reply({})])
def test_a_parcel_of_which_nothing_is_known_yet_is_as_it_was(
    amazon: Amazon, wire: Wire, answer: httpx2.Response
) -> None:
    wire.lay(answer)
    parcel = OutboundPackage("7", "DHL", "0034")

    assert tracked(amazon, parcel) == parcel


@pytest.mark.parametrize("package_id", ["0", "", "PKG-1", "²"])
def test_what_is_no_package_number_is_not_asked_for(amazon: Amazon, wire: Wire, package_id: str) -> None:
    parcel = OutboundPackage(package_id)

    assert tracked(amazon, parcel) == parcel
    assert wire.sent == []


def previewed(**changes: Any) -> dict[str, Any]:
    return {
        "shippingSpeedCategory": "Standard",
        "isFulfillable": True,
        "isCODCapable": False,
        "marketplaceId": DE,
        "estimatedFees": [
            {"name": "FBAPerUnitFulfillmentFee", "amount": {"currencyCode": "EUR", "value": "3.15"}},
            {"name": "FBATransportationFee", "amount": {"currencyCode": "EUR", "value": "1.10"}},
        ],
        "fulfillmentPreviewShipments": [
            {
                "earliestShipDate": "2026-11-24T10:00:00Z",
                "latestShipDate": "2026-11-24T16:40:00Z",
                "earliestArrivalDate": "2026-11-26T08:00:00Z",
                "latestArrivalDate": "2026-11-26T19:00:00Z",
                "fulfillmentPreviewItems": [
                    {"sellerSku": "TS-01-FBA", "quantity": 2, "sellerFulfillmentOrderItemId": "1"}
                ],
            }
        ],
    } | changes


def previews(*found: dict[str, Any]) -> httpx2.Response:
    return fitting("POST", f"{ORDERS}/preview", {"payload": {"fulfillmentPreviews": list(found)}})


def test_a_preview_tells_when_and_for_how_much(amazon: Amazon, wire: Wire) -> None:
    wire.lay(previews(previewed()))

    [found] = preview(amazon, consignment(unbranded=True), ["STANDARD"])

    assert (found.is_fulfillable, found.missing, found.obstacles) == (True, (), ())
    assert found.fees == (
        Fee("FBAPerUnitFulfillmentFee", Money(Decimal("3.15"), "EUR")),
        Fee("FBATransportationFee", Money(Decimal("1.10"), "EUR")),
    )
    assert found.total == Money(Decimal("4.25"), "EUR")
    assert found.shipments == (
        PlannedShipment(
            units=(("TS-01-FBA", 2),),
            leaves=Window(datetime(2026, 11, 24, 10, tzinfo=UTC), SHIP_AT),
            arrives=Window(datetime(2026, 11, 26, 8, tzinfo=UTC), ARRIVES_AT),
        ),
    )
    assert sent(wire) == {
        "marketplaceId": DE,
        "address": ADDRESS,
        "items": [{"sellerSku": "TS-01-FBA", "sellerFulfillmentOrderItemId": "1", "quantity": 2}],
        "shippingSpeedCategories": ["Standard"],
        "featureConstraints": [{"featureName": "BLANK_BOX", "featureFulfillmentPolicy": "Required"}],
    }


def test_what_stands_in_the_way_is_told_by_speed(amazon: Amazon, wire: Wire) -> None:
    short = previewed(
        isFulfillable=False,
        estimatedFees=None,
        fulfillmentPreviewShipments=None,
        unfulfillablePreviewItems=[
            {
                "sellerSku": "TS-01-FBA",
                "quantity": 2,
                "sellerFulfillmentOrderItemId": "1",
                "itemUnfulfillableReasons": ["ItemQuantityNotAvailable"],
            }
        ],
    )
    slow = previewed(
        shippingSpeedCategory="Expedited",
        isFulfillable=False,
        orderUnfulfillableReasons=["DeliverySLAUnavailable", "InvalidDestinationAddress", "SomethingNew"],
    )
    wire.lay(reply({"payload": {"fulfillmentPreviews": [slow, short]}}))

    found = preview(amazon, consignment(), ["STANDARD", "EXPEDITED", "PRIORITY"])

    assert [each.speed for each in found] == ["STANDARD", "EXPEDITED", "PRIORITY"]
    assert [each.is_fulfillable for each in found] == [False, False, False]
    assert found[0].obstacles == (Obstacle("no_stock", "ItemQuantityNotAvailable", sku="TS-01-FBA"),)
    assert (found[0].missing, found[0].total) == ((("TS-01-FBA", 2),), None)
    assert [obstacle.reason for obstacle in found[1].obstacles] == ["speed", "address", "other"]
    assert found[2].missing == (("TS-01-FBA", 2),)


def test_a_preview_leaves_nothing_unknown(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.ReadTimeout("x"), reply({}), refusal(200, "InvalidInput"))

    for kind in (TryLater, TryLater, AskHuman):
        with pytest.raises(kind) as caught:
            preview(amazon, consignment(), ["STANDARD"])
        assert not isinstance(caught.value, OutcomeUnknown)


@needs_models
def test_amazons_own_examples_are_understood(amazon: Amazon, wire: Wire) -> None:
    [(_, listed)] = examples(BASE, "listAllFulfillmentOrders")
    [(_, estimated)] = examples(BASE, "getFulfillmentPreview")
    [(_, one)] = examples(BASE, "getFulfillmentOrder")
    [(_, followed)] = examples(BASE, "getPackageTrackingDetails")
    wire.lay(reply(listed), reply(estimated), reply(one), reply(followed))

    changes = list_changed(amazon, datetime(2020, 1, 1, tzinfo=UTC))
    [found] = preview(amazon, consignment(), ["STANDARD"])
    order = get_order(amazon, "FBATestOrder-1")
    parcel = tracked(amazon, OutboundPackage("212794778"))

    assert [news.status for news in changes.news] == ["RECEIVED", "COMPLETE"]
    assert (found.is_fulfillable, found.total) == (True, Money(Decimal("19.71"), "USD"))
    assert (order.status, [line.quantity for line in order.lines]) == ("PROCESSING", [1, 3])
    assert (parcel.carrier_code, parcel.status) == ("UPS", "DELIVERED")
    assert parcel.tracking_url == "https://www.swiship.com/track?id=1Z50V7420354708051"
