"""The checker itself, tried on Amazon's own examples and on things that must not pass."""

from __future__ import annotations

from typing import Any

import pytest

from tests.amazon_models import (
    MODELS,
    ModelViolation,
    Operation,
    check_request,
    check_response,
    needs_models,
    sandbox_examples,
)
from tests.simulator.outbound import NEW, OLD, new_body, old_body

pytestmark = needs_models

# Examples of Amazon that do not fit Amazon's models.
BROKEN = {"getAccount": "no defaultCurrencyCode", "getOrderItemsBuyerInfo": "shows one item, not the list"}

EXAMPLES = [
    pytest.param(operation, status, example, id=f"{operation.name}-{status}-{number}")
    for number, (operation, status, example) in enumerate(sandbox_examples() if MODELS.is_dir() else ())
    if operation.name not in BROKEN or status != "200"
]

ORDERS = "/orders/2026-01-01/orders"
CONFIRM = "/orders/v0/orders/305-1182244-9021001/shipmentConfirmation"


@pytest.mark.parametrize(("operation", "status", "example"), EXAMPLES)
def test_amazons_own_examples_fit_their_models(operation: Operation, status: str, example: object) -> None:
    check_response(operation.method, operation.path, int(status), example)


@pytest.mark.parametrize(
    "query",
    [
        "lastUpdatedAfter=2026-01-01T00:00:00Z&includedData=BUYER,NONSENSE",
        "lastUpdatedAfter=yesterday",
        "lastUpdatedAfter=2026-01-01T00:00:00Z&maxResultsPerPage=many",
        "createdAfter=2026-01-01T00:00:00Z&orderStatuses=Unshipped",
    ],
)
def test_a_query_outside_of_the_model_is_found(query: str) -> None:
    with pytest.raises(ModelViolation):
        check_request("GET", ORDERS, query)


@pytest.mark.parametrize("body", [b"", b"{}", b"<xml/>", {"marketplaceId": "A1PA6795UKMFR9"}])
def test_a_body_outside_of_the_model_is_found(body: bytes | dict[str, Any]) -> None:
    with pytest.raises(ModelViolation):
        check_request("POST", CONFIRM, "", body)


def test_a_package_number_that_is_no_string_is_found() -> None:
    package = {
        "packageReferenceId": 1,
        "carrierCode": "DHL",
        "trackingNumber": "1",
        "shipDate": "2026-11-24T14:30:00Z",
        "orderItems": [{"orderItemId": "1", "quantity": 1}],
    }
    body: dict[str, Any] = {"marketplaceId": "A1PA6795UKMFR9", "packageDetail": package}

    with pytest.raises(ModelViolation, match="packageReferenceId"):
        check_request("POST", CONFIRM, "", body)
    package["packageReferenceId"] = "1"
    check_request("POST", CONFIRM, "", body)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {"orders": [{}]}), (200, {"orders": [], "lastUpdatedBefore": "now"}), (418, {}), (200, b"<html>")],
)
def test_an_answer_outside_of_the_model_is_found(status: int, body: object) -> None:
    with pytest.raises(ModelViolation):
        check_response("GET", ORDERS, status, body)


def test_an_operation_that_no_model_knows_is_found() -> None:
    with pytest.raises(ModelViolation, match="no operation"):
        check_request("GET", "/orders/2026-01-01/order", "")


LISTING = "/listings/2021-08-01/items/A2SELLER/TS%2F01"
ONE_PLACE = "marketplaceIds=A1PA6795UKMFR9"


@pytest.mark.parametrize(
    "body",
    [
        {"patches": [{"op": "merge", "path": "/attributes/item_name", "value": [{}]}]},
        {"productType": "PRODUCT", "patches": []},
        {"productType": "PRODUCT", "patches": [{"op": "increase", "path": "/attributes/item_name"}]},
        {"productType": "PRODUCT", "patches": [{"op": "add", "path": "/attributes/item_name", "value": {}}]},
    ],
)
def test_a_change_of_an_offer_outside_of_the_model_is_found(body: dict[str, Any]) -> None:
    with pytest.raises(ModelViolation):
        check_request("PATCH", LISTING, ONE_PLACE, body)


@pytest.mark.parametrize("query", ["", f"{ONE_PLACE}&mode=PREVIEW", f"{ONE_PLACE}&includedData=offers"])
def test_a_query_of_a_change_outside_of_the_model_is_found(query: str) -> None:
    body = {"productType": "PRODUCT", "patches": [{"op": "delete", "path": "/attributes/item_name"}]}

    check_request("PATCH", LISTING, ONE_PLACE, body)
    with pytest.raises(ModelViolation):
        check_request("PATCH", LISTING, query, body)


@pytest.mark.parametrize(
    "answer",
    [
        {"sku": "TS/01", "status": "ACCEPTED"},
        {"sku": "TS/01", "status": "DONE", "submissionId": "1"},
        {
            "sku": "TS/01",
            "status": "INVALID",
            "submissionId": "1",
            "issues": [{"code": "1", "message": "No"}],
        },
    ],
)
def test_an_answer_about_an_offer_outside_of_the_model_is_found(answer: dict[str, Any]) -> None:
    with pytest.raises(ModelViolation):
        check_response("PATCH", LISTING, 200, answer)


def test_an_unknown_sku_is_answered_beyond_the_model() -> None:
    check_response("PATCH", LISTING, 404, {"errors": [{"code": "NotFound", "message": "no such SKU"}]})
    with pytest.raises(ModelViolation):
        check_response("PATCH", LISTING, 404, {})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{OLD}/fulfillmentOrders", old_body(shippingSpeedCategory="STANDARD")),
        (f"{OLD}/fulfillmentOrders", old_body(displayableOrderComment=None)),
        (f"{OLD}/fulfillmentOrders", old_body(sellerFulfillmentOrderId="A" * 41)),
        (f"{OLD}/fulfillmentOrders", old_body(displayableOrderDate="today")),
        (f"{NEW}/orders", new_body(destination={})),
        (f"{NEW}/orders", new_body(lineItems=[{"lineItemId": "1", "amount": {"value": 2}}])),
    ],
)
def test_a_fulfilment_order_outside_of_the_model_is_found(path: str, body: dict[str, Any]) -> None:
    with pytest.raises(ModelViolation):
        check_request("POST", path, "", body)


def test_fulfilment_orders_within_the_model_pass() -> None:
    check_request("POST", f"{OLD}/fulfillmentOrders", "", old_body())
    check_request("POST", f"{NEW}/orders", "", new_body())


@pytest.mark.parametrize(
    ("method", "path", "status", "answer"),
    [
        ("POST", f"{NEW}/orders", 200, {"orderId": "SHOP-1", "status": "PROCESSING"}),
        ("POST", f"{NEW}/orders", 202, {"orderId": "SHOP-1"}),
        ("PUT", f"{NEW}/orders/SHOP-1/cancel", 200, {}),
        ("GET", f"{OLD}/fulfillmentOrders/SHOP-1", 200, {"payload": {"fulfillmentOrder": {}}}),
    ],
)
def test_an_answer_about_a_fulfilment_order_outside_of_the_model_is_found(
    method: str, path: str, status: int, answer: dict[str, Any]
) -> None:
    with pytest.raises(ModelViolation):
        check_response(method, path, status, answer)


@pytest.mark.parametrize("query", ["", "granularityType=Country&granularityId=X&marketplaceIds=X"])
def test_a_question_about_stock_outside_of_the_model_is_found(query: str) -> None:
    with pytest.raises(ModelViolation):
        check_request("GET", "/fba/inventory/v1/summaries", query)
