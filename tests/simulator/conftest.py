"""A simulated Amazon without sockets, and a small client for it whose every exchange is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

import msgspec
import pytest

from kogge.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    SELLER_ID,
    Amazon,
    Order,
    Request,
    Response,
    World,
)
from kogge.simulator.control import Controls
from kogge.simulator.quotas import Quotas
from tests.amazon_models import check_exchange

ORDERS = "/orders/2026-01-01/orders"
FEEDS = "/feeds/2021-06-30"
LONG_AGO = "2026-01-01T00:00:00Z"


class Seller(Controls):
    """Calls a simulated Amazon as the demo seller's application, and holds its control plane."""

    def __init__(self, quotas: Quotas = "off", refresh_token: str = REFRESH_TOKEN) -> None:
        super().__init__(World(quotas=quotas))
        self.amazon = Amazon(self.world, check_exchange)
        self.refresh_token = refresh_token
        self.access_token = ""

    def send(self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Response:
        """A request as it is; header names with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.amazon.handle(Request(method, path, query, {"host": "127.0.0.1:1", **named}, body))

    def token(self, **form: str) -> Response:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        } | form
        body = urlencode(fields).encode()
        return self.send(
            "POST", "/auth/o2/token", body=body, content_type="application/x-www-form-urlencoded"
        )

    def call(
        self, method: str, path: str, parameters: dict[str, Any] | None = None, body: Any = None
    ) -> Response:
        """An SP-API call with a valid access token."""
        if not self.access_token:
            self.access_token = self.token().json()["access_token"]
        query = urlencode(parameters or {}, quote_via=quote)
        content = b"" if body is None else msgspec.json.encode(body)
        return self.send(
            method,
            path,
            query,
            content,
            user_agent="tests/1 (Language=Python)",
            x_amz_access_token=self.access_token,
        )

    def search(self, **parameters: Any) -> Response:
        """searchOrders; by default everything updated this year."""
        if not {"createdAfter", "lastUpdatedAfter"} & parameters.keys():
            parameters["lastUpdatedAfter"] = LONG_AGO
        return self.call("GET", ORDERS, parameters)

    def get_order(self, order: Order, *included: str) -> dict[str, Any]:
        """The order as getOrder shows it with the given data sets."""
        parameters = {"includedData": ",".join(included)} if included else {}
        shown: dict[str, Any] = self.call("GET", f"{ORDERS}/{order.order_id}", parameters).json()["order"]
        return shown

    def confirm(self, order: Order, **changes: Any) -> Response:
        """confirmShipment for everything in the order; `changes` go into the package."""
        package = {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "trackingNumber": "00340434161094021501",
            "shipDate": self.world.now().isoformat(),
            "orderItems": [{"orderItemId": item.item_id, "quantity": item.quantity} for item in order.items],
        } | changes
        body = {"marketplaceId": order.marketplace.id, "packageDetail": package}
        return self.call("POST", f"/orders/v0/orders/{order.order_id}/shipmentConfirmation", body=body)

    def upload(self, content: bytes, content_type: str = "text/xml; charset=UTF-8") -> str:
        """A feed document with this content; its id."""
        created = self.call("POST", f"{FEEDS}/documents", body={"contentType": content_type}).json()
        url = urlsplit(created["url"])
        self.send("PUT", url.path, url.query, content, content_type=content_type)
        return str(created["feedDocumentId"])

    def feed(self, content: bytes) -> str:
        """An order acknowledgement feed; its id."""
        return self._feed("POST_ORDER_ACKNOWLEDGEMENT_DATA", self.upload(content))

    def listings_feed(self, content: bytes) -> str:
        """A feed of changed offers; its id."""
        return self._feed("JSON_LISTINGS_FEED", self.upload(content, "application/json; charset=UTF-8"))

    def _feed(self, feed_type: str, document_id: str) -> str:
        body = {
            "feedType": feed_type,
            "marketplaceIds": ["A1PA6795UKMFR9"],
            "inputFeedDocumentId": document_id,
        }
        return str(self.call("POST", f"{FEEDS}/feeds", body=body).json()["feedId"])

    def get_feed(self, feed_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("GET", f"{FEEDS}/feeds/{feed_id}").json()
        return shown

    def report(self, feed_id: str) -> str:
        """Wait for the feed and read its report."""
        self.set(gzip_reports=False)
        self.advance(60)
        document = self.get_feed(feed_id)["resultFeedDocumentId"]
        url = urlsplit(self.call("GET", f"{FEEDS}/documents/{document}").json()["url"])
        return self.send("GET", url.path, url.query).body.decode()


def envelope(*messages: str, seller_id: str = SELLER_ID) -> bytes:
    """An acknowledgement feed around bodies of `OrderAcknowledgement`."""
    numbered = "".join(
        f"<Message><MessageID>{number}</MessageID><OrderAcknowledgement>{message}</OrderAcknowledgement></Message>"
        for number, message in enumerate(messages, start=1)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><AmazonEnvelope>'
        f"<Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>{seller_id}</MerchantIdentifier></Header>"
        f"<MessageType>OrderAcknowledgement</MessageType>{numbered}</AmazonEnvelope>"
    ).encode()


def success(order: Order, number: str = "") -> str:
    own = f"<MerchantOrderID>{escape(number)}</MerchantOrderID>" if number else ""
    items = "".join(
        f"<Item><AmazonOrderItemCode>{item.item_id}</AmazonOrderItemCode></Item>" for item in order.items
    )
    return f"<AmazonOrderID>{order.order_id}</AmazonOrderID>{own}<StatusCode>Success</StatusCode>{items}"


def failure(order: Order, reason: str = "NoInventory", items: int | None = None) -> str:
    """A cancellation of all items, or only of the first few."""
    listed = "".join(
        f"<Item><AmazonOrderItemCode>{item.item_id}</AmazonOrderItemCode><CancelReason>{reason}</CancelReason></Item>"
        for item in order.items[:items]
    )
    return f"<AmazonOrderID>{order.order_id}</AmazonOrderID><StatusCode>Failure</StatusCode>{listed}"


@pytest.fixture
def seller() -> Seller:
    return Seller()


@pytest.fixture
def seller_with_quotas() -> Seller:
    return Seller(quotas="amazon")


MakeOrders = Callable[..., list[Order]]


@pytest.fixture
def settled(seller: Seller) -> MakeOrders:
    """Place orders and let the two minutes pass until searches show them."""

    def place(count: int = 1, **wish: Any) -> list[Order]:
        orders = seller.place_orders(count, **wish)
        seller.advance(121)
        return orders

    return place
