"""A shop that has Amazon ship, in both versions of the API."""

from __future__ import annotations

from typing import Any

from kogge.simulator import Response
from tests.simulator.conftest import Seller

OLD = "/fba/outbound/2020-07-01"
NEW = "/fulfillment/outbound/2026-07-04"
GERMANY = "A1PA6795UKMFR9"
ADDRESS = {
    "name": "Max Beispiel",
    "addressLine1": "Musterallee 12",
    "addressLine2": "2. OG",
    "city": "Leipzig",
    "postalCode": "04109",
    "countryCode": "DE",
    "phone": "+49 341 0000000",
}


def old_body(order_id: str = "SHOP-1", *, sku: str = "TS-01", quantity: int = 2, **changes: Any) -> Any:
    """A request of 2020-07-01; changes replace fields, None takes one away."""
    body = {
        "marketplaceId": GERMANY,
        "sellerFulfillmentOrderId": order_id,
        "displayableOrderId": "10240",
        "displayableOrderDate": "2026-11-23T08:25:00Z",
        "displayableOrderComment": "Vielen Dank!",
        "shippingSpeedCategory": "Standard",
        "fulfillmentAction": "Ship",
        "fulfillmentPolicy": "FillOrKill",
        "destinationAddress": ADDRESS,
        "items": [old_item(sku, quantity)],
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def old_item(sku: str, quantity: int, item_id: str = "1") -> Any:
    return {"sellerSku": sku, "sellerFulfillmentOrderItemId": item_id, "quantity": quantity}


def new_body(
    order_id: str = "SHOP-1",
    *,
    sku: str = "TS-01",
    quantity: int = 2,
    configuration: Any = None,
    **changes: Any,
) -> Any:
    """A request of 2026-07-04; changes replace fields, those of `configuration` fields in it."""
    body = {
        "orderId": order_id,
        "channel": "SHOP",
        "origin": {"countryCode": "DE"},
        "fulfillmentConfiguration": {
            "serviceLevel": {"serviceTiers": ["STANDARD"]},
            "action": "SHIP",
            "policy": "FILL_OR_KILL",
            "services": {"packaging": {"packagingOption": "ANY"}},
            **(configuration or {}),
        },
        "destination": {"deliveryAddress": ADDRESS},
        "lineItems": [new_line(sku, quantity)],
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def new_line(sku: str, quantity: int, line_id: str = "1") -> Any:
    return {
        "lineItemId": line_id,
        "product": {"productIdentifier": {"amazonSku": sku}},
        "amount": {"unit": "EACHES", "value": str(quantity)},
    }


def create_old(seller: Seller, *body: str, **changes: Any) -> Response:
    return seller.call("POST", f"{OLD}/fulfillmentOrders", body=old_body(*body, **changes))


def create_new(seller: Seller, *body: str, **changes: Any) -> Response:
    return seller.call("POST", f"{NEW}/orders", body=new_body(*body, **changes))


def read_old(seller: Seller, order_id: str = "SHOP-1") -> dict[str, Any]:
    answer: dict[str, Any] = seller.call("GET", f"{OLD}/fulfillmentOrders/{order_id}").json()["payload"]
    return answer


def read_new(seller: Seller, order_id: str = "SHOP-1") -> dict[str, Any]:
    answer: dict[str, Any] = seller.call("GET", f"{NEW}/orders/{order_id}").json()["order"]
    return answer


def status(seller: Seller, order_id: str = "SHOP-1") -> tuple[str, str]:
    """As the two versions word it."""
    old = read_old(seller, order_id)["fulfillmentOrder"]["fulfillmentOrderStatus"]
    return str(old), str(read_new(seller, order_id)["status"])


def wait(seller: Seller, seconds: float) -> None:
    """Longer than an access token lives."""
    seller.advance(seconds)
    seller.access_token = ""
