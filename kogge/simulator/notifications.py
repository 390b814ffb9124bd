"""Notifications: who wants to hear of what, and how this Amazon tells them.

The simulator knows no queue: whoever wants notifications delivered gives it a `deliver(queue_arn, body)`.
Faults of the operation `notification` spoil the way: `lose`, `duplicate` and `reorder`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from kogge.simulator.clock import iso
from kogge.simulator.faults import NOTIFICATION

if TYPE_CHECKING:
    from kogge.simulator.fulfilment_orders import FulfilmentOrder
    from kogge.simulator.listings import Listing
    from kogge.simulator.world import Feed, Order, World

ORDER_CHANGE = "ORDER_CHANGE"
FEED_PROCESSING_FINISHED = "FEED_PROCESSING_FINISHED"
FULFILLMENT_ORDER_STATUS = "FULFILLMENT_ORDER_STATUS"
LISTINGS_ITEM_ISSUES_CHANGE = "LISTINGS_ITEM_ISSUES_CHANGE"

VERSIONS = {
    ORDER_CHANGE: "1.0",
    FEED_PROCESSING_FINISHED: "2020-09-04",
    FULFILLMENT_ORDER_STATUS: "1.0",
    LISTINGS_ITEM_ISSUES_CHANGE: "2023-12-13",
}

# Notifications spell statuses as the older Orders API did.
_ORDER_STATUSES = {
    "PENDING_AVAILABILITY": "PendingAvailability",
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Canceled",
    "UNFULFILLABLE": "Unfulfillable",
}
_NOT_TOLD = {"acknowledged", "address_changed"}
_DUPLICATES = 5

Deliver = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Destination:
    """A queue of an application."""

    destination_id: str
    client_id: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """An application hears of one type about one seller."""

    subscription_id: str
    client_id: str
    seller_id: str
    kind: str
    payload_version: str
    destination_id: str


@dataclass(slots=True)
class Notices:
    """All destinations and subscriptions, and what is on its way. Guarded by the world's lock."""

    world: World = field(repr=False)
    deliver: Deliver | None = None
    destinations: dict[str, Destination] = field(default_factory=dict)
    subscriptions: dict[tuple[str, str, str], Subscription] = field(default_factory=dict)
    """By application, seller and type."""
    held: list[tuple[str, str]] = field(default_factory=list)
    """Kept back, to arrive after what is younger."""
    sent: int = 0

    def order_changed(self, order: Order) -> None:
        """An order was placed, or something about it changed that Amazon tells of."""
        what = order.timeline[-1].what if order.timeline else ""
        if order.channel == "AMAZON" and what not in _NOT_TOLD:
            self._tell(order.seller_id, ORDER_CHANGE, lambda: _order_change(order))

    def feed_finished(self, feed: Feed) -> None:
        """A feed is DONE, CANCELLED or FATAL."""
        self._tell(feed.seller_id, FEED_PROCESSING_FINISHED, lambda: _feed_finished(feed))

    def fulfilment_changed(self, order: FulfilmentOrder) -> None:
        """A fulfilment order has another status, or a shipment of it left."""
        self._tell(order.seller_id, FULFILLMENT_ORDER_STATUS, lambda: _fulfilment(order))

    def issues_changed(self, seller_id: str, listing: Listing) -> None:
        """Amazon has other objections to an offer than before."""
        self._tell(seller_id, LISTINGS_ITEM_ISSUES_CHANGE, lambda: _issues(seller_id, listing))

    def deliver_held(self) -> None:
        """What was kept back arrives, the youngest first."""
        held, self.held = self.held, []
        for arn, body in reversed(held):
            self._hand_over(arn, body)

    def _tell(self, seller_id: str, kind: str, payload: Callable[[], dict[str, Any]]) -> None:
        if self.deliver is None:
            return
        for client_id in self.world.apps:
            if subscription := self.subscriptions.get((client_id, seller_id, kind)):
                self._send(subscription, payload())

    def _send(self, subscription: Subscription, payload: dict[str, Any]) -> None:
        destination = self.destinations[subscription.destination_id]
        body = msgspec.json.encode(self._envelope(subscription, payload)).decode()
        faults = {fault.kind for fault in self.world.faults.due(NOTIFICATION)}
        if "lose" in faults:
            return
        self.held += [(destination.arn, body)] * (_DUPLICATES if "duplicate" in faults else 1)
        if "reorder" not in faults:
            self.deliver_held()

    def _hand_over(self, arn: str, body: str) -> None:
        if self.deliver is not None:
            self.deliver(arn, body)
            self.sent += 1

    def _envelope(self, subscription: Subscription, payload: dict[str, Any]) -> dict[str, Any]:
        now = iso(self.world.now())
        application = self.world.apps[subscription.client_id].application_id
        envelope = {
            "NotificationVersion": subscription.payload_version,
            "NotificationType": subscription.kind,
            "PayloadVersion": subscription.payload_version,
            "EventTime": now,
            "Payload": payload,
            "NotificationMetadata": {
                "ApplicationId": application,
                "SubscriptionId": subscription.subscription_id,
                "PublishTime": now,
                "NotificationId": str(uuid.uuid4()),
            },
        }
        return _camel(envelope) if subscription.kind == FEED_PROCESSING_FINISHED else envelope


def _camel(envelope: dict[str, Any]) -> dict[str, Any]:
    """Feeds are told of with other names than all else; the payload is spelled so already."""
    spelled = {name[0].lower() + name[1:]: value for name, value in envelope.items()}
    metadata = spelled["notificationMetadata"]
    spelled["notificationMetadata"] = {name[0].lower() + name[1:]: text for name, text in metadata.items()}
    return spelled


def _order_change(order: Order) -> dict[str, Any]:
    wishes_to_cancel = any(item.cancellation_request for item in order.items)
    return {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": order.seller_id,
            "AmazonOrderId": order.order_id,
            "OrderChangeType": "BuyerRequestedChange" if wishes_to_cancel else "OrderStatusChange",
            "OrderChangeTrigger": {"TimeOfOrderChange": iso(order.updated), "ChangeReason": ""},
            "Summary": {
                "MarketplaceId": order.marketplace.id,
                "OrderStatus": _ORDER_STATUSES.get(order.status, "InvoiceUnconfirmed"),
                "PurchaseDate": iso(order.created),
                "DestinationPostalCode": (order.address or {}).get("postalCode"),
                "FulfillmentType": "AFN" if order.fulfilled_by == "AMAZON" else "MFN",
                "OrderType": "Preorder" if "PREORDER" in order.programs else "StandardOrder",
                "OrderItems": [
                    {
                        "OrderItemId": item.item_id,
                        "SellerSKU": item.sku,
                        "SupplySourceId": None,
                        "Quantity": item.quantity,
                    }
                    for item in order.items
                ],
            },
        }
    }


def _feed_finished(feed: Feed) -> dict[str, Any]:
    told = {
        "sellerId": feed.seller_id,
        "accountId": f"amzn1.merchant.o.{feed.seller_id}",
        "feedId": feed.feed_id,
        "feedType": feed.feed_type,
        "processingStatus": feed.status,
    }
    if feed.result_document_id:
        told["resultFeedDocumentId"] = feed.result_document_id
    return {"feedProcessingFinishedNotification": told}


def _fulfilment(order: FulfilmentOrder) -> dict[str, Any]:
    """Of the parcels no more than the schema wants: who hears of it asks for the order."""
    return {
        "FulfillmentOrderStatusNotification": {
            "SellerId": order.seller_id,
            "EventType": "Order",
            "StatusUpdatedDateTime": iso(order.since),
            "SellerFulfillmentOrderId": order.order_id,
            "FulfillmentOrderStatus": order.status,
            "FulfillmentShipment": {
                "FulfillmentShipmentStatus": "SHIPPED" if any(s.is_shipped for s in order.shipments) else "",
                "AmazonShipmentId": "",
                "EstimatedArrivalDateTime": iso(order.promised_arrival),
                "info": {"PackageNumber": 0, "CarrierCode": "", "TrackingNumber": ""},
                "FulfillmentShipmentPackages": [],
            },
            "FulfillmentReturnItem": {"ReceivedDateTime": "", "ReturnedQuantity": 0, "SellerSKU": ""},
        }
    }


def _issues(seller_id: str, listing: Listing) -> dict[str, Any]:
    severities = {issue.severity for issue in listing.issues} & {"ERROR", "WARNING"}
    return {
        "SellerId": seller_id,
        "MarketplaceId": "A1PA6795UKMFR9",
        "Asin": listing.asin,
        "Sku": listing.sku,
        "Severities": sorted(severities) or ["NONE"],
        "EnforcementActions": [],
    }
