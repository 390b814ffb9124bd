"""Notifications API v1: where Amazon sends its notifications, which ones, and what they say.

https://developer-docs.amazon.com/sp-api/docs/notifications-api-v1-use-case-guide
Destinations belong to an application: these calls, and ending a subscription, are grantless and need a
client made of `grantless(credentials)`. Subscriptions are made with the seller's own client.

Amazon delivers at least once and in no order, and some never. So a notification is a hint where to look,
and never a fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from kogge.spapi.auth import Credentials
from kogge.spapi.client import Amazon
from kogge.spapi.transport import Answer

VERSION = "v1"
SCOPE = "sellingpartnerapi::notifications"

ORDER_CHANGE = "ORDER_CHANGE"
FEED_PROCESSING_FINISHED = "FEED_PROCESSING_FINISHED"
FULFILLMENT_ORDER_STATUS = "FULFILLMENT_ORDER_STATUS"
LISTINGS_ITEM_ISSUES_CHANGE = "LISTINGS_ITEM_ISSUES_CHANGE"

PAYLOAD_VERSIONS = {
    ORDER_CHANGE: "1.0",
    FEED_PROCESSING_FINISHED: "2020-09-04",
    FULFILLMENT_ORDER_STATUS: "1.0",
    LISTINGS_ITEM_ISSUES_CHANGE: "2023-12-13",
}

AMAZONS_AWS_ACCOUNT = "437568002678"  # sends the notifications: the queue's policy must let it

# Amazon says "orders that Amazon ships" in the words of its older API here.
SHIPPED_BY_AMAZON = "AFN"

_DESTINATIONS = f"/notifications/{VERSION}/destinations"
_SUBSCRIPTIONS = f"/notifications/{VERSION}/subscriptions"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Destination:
    """A queue that an application has told Amazon about. `queue_arn` is "" for other destinations."""

    destination_id: str
    queue_arn: str


class Subscription(msgspec.Struct, frozen=True, rename="camel"):
    """A seller's notifications of one type, and where they go."""

    subscription_id: str
    destination_id: str
    payload_version: str


class Notification(msgspec.Struct, frozen=True):
    """What all notifications have in common. `changed_at` is Amazon's time of what happened."""

    notification_id: str
    subscription_id: str
    seller_id: str  # "" where Amazon does not name it
    changed_at: datetime | None


class OrderChanged(Notification, frozen=True):
    """An order is new, or something about it changed."""

    order_id: str
    is_shipped_by_amazon: bool


class FeedFinished(Notification, frozen=True):
    """A feed has come to its end, whichever: there may be a report."""

    feed_id: str


class FulfillmentChanged(Notification, frozen=True):
    """Something happened to a shop order that Amazon ships. `order_id` is the seller's name of it."""

    order_id: str


class IssuesChanged(Notification, frozen=True):
    """Amazon has more, or fewer, objections to an offer."""

    sku: str


class OtherKind(Notification, frozen=True):
    """A notification of a type nobody asked for."""

    kind: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No notification of Amazon's, or none as Amazon describes it. `explanation` quotes nothing of it."""

    explanation: str


def grantless(credentials: Credentials) -> Credentials:
    """What the application of these credentials may do without any seller."""
    return Credentials(credentials.client_id, credentials.client_secret, "", scope=SCOPE)


def create_destination(client: Amazon, name: str, queue_arn: str) -> Destination:
    """Tell Amazon of a queue (grantless). `AskHuman` 409: it knows the queue already, see `destinations`."""
    body = {"name": name, "resourceSpecification": {"sqs": {"arn": queue_arn}}}
    # Done twice it is a conflict and no second destination.
    answer = client.write("createDestination", "POST", _DESTINATIONS, body, repeatable=True)
    return _destination(_payload(answer, _created_destination))


def destinations(client: Amazon) -> list[Destination]:
    """All destinations of the application (grantless)."""
    answer = client.get("getDestinations", _DESTINATIONS)
    return [_destination(each) for each in _payload(answer, _destinations)]


def delete_destination(client: Amazon, destination_id: str) -> None:
    """Have Amazon forget a queue (grantless)."""
    path = f"{_DESTINATIONS}/{quote(destination_id, safe='')}"
    client.write("deleteDestination", "DELETE", path, repeatable=True)


def create_subscription(client: Amazon, kind: str, destination_id: str) -> Subscription:
    """Have the seller's notifications of a type sent to a destination.

    `AskHuman` 409: the seller has a subscription of this type with this application, see
    `get_subscription`. `FixSettings`: the application lacks the role that the type needs.
    """
    body = {"payloadVersion": PAYLOAD_VERSIONS[kind], "destinationId": destination_id}
    answer = client.write("createSubscription", "POST", f"{_SUBSCRIPTIONS}/{kind}", body, repeatable=True)
    subscription: Subscription = _payload(answer, _subscription)
    return subscription


def get_subscription(client: Amazon, kind: str) -> Subscription:
    """The seller's subscription of a type with this application. Raises `NotFound` when there is none."""
    params = (("payloadVersion", PAYLOAD_VERSIONS[kind]),)
    answer = client.get("getSubscription", f"{_SUBSCRIPTIONS}/{kind}", params)
    subscription: Subscription = _payload(answer, _subscription)
    return subscription


def delete_subscription(client: Amazon, kind: str, subscription_id: str) -> None:
    """End a subscription (grantless). Raises `NotFound` when there is no such subscription any more."""
    path = f"{_SUBSCRIPTIONS}/{kind}/{quote(subscription_id, safe='')}"
    client.write("deleteSubscriptionById", "DELETE", path, repeatable=True)


def read(body: bytes) -> Notification | Unreadable:
    """Understand a notification. Nothing is raised: who reads a queue must get past what is in it.

    Amazon spells the names in two ways, by type, and its own example of one type does not fit its schema.
    So names count without their case, and only what is needed must be there. What came by way of an event
    bus is inside an envelope of the bus.
    """
    try:
        told = _anything.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Unreadable("it is not JSON")
    if isinstance(told, dict) and isinstance(told.get("detail"), dict):
        told = told["detail"]
    try:
        envelope = msgspec.convert(_lower(told), _Envelope)
        return _understood(envelope)
    except (msgspec.ValidationError, RecursionError):
        return Unreadable("it is not what Amazon describes")


class _Sqs(msgspec.Struct):
    arn: str


class _Resource(msgspec.Struct):
    sqs: _Sqs | None = None


class _Destination(msgspec.Struct, rename="camel"):
    destination_id: str
    resource: _Resource


class _CreatedDestination(msgspec.Struct):
    payload: _Destination | None = None


class _Destinations(msgspec.Struct):
    payload: list[_Destination] | None = None


class _Subscribed(msgspec.Struct):
    payload: Subscription | None = None


_created_destination = msgspec.json.Decoder(_CreatedDestination)
_destinations = msgspec.json.Decoder(_Destinations)
_subscription = msgspec.json.Decoder(_Subscribed)
_anything = msgspec.json.Decoder()


def _payload(answer: Answer, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The model lets the payload be absent; an answer of success without one settles nothing."""
    payload = answer.read(decoder).payload
    if payload is None:
        raise answer.trouble("the answer is empty")
    return payload


def _destination(told: _Destination) -> Destination:
    return Destination(told.destination_id, told.resource.sqs.arn if told.resource.sqs else "")


# --- what notifications say: names in lower case, and of the content only what is used -------------


class _Metadata(msgspec.Struct):
    notificationid: str
    subscriptionid: str = ""


class _Envelope(msgspec.Struct):
    notificationtype: str
    notificationmetadata: _Metadata
    payload: dict[str, Any]
    eventtime: str | None = None


class _Summary(msgspec.Struct):
    fulfillmenttype: str | None = None


class _Order(msgspec.Struct):
    sellerid: str
    amazonorderid: str
    summary: _Summary = msgspec.field(default_factory=_Summary)


class _Feed(msgspec.Struct):
    feedid: str
    sellerid: str = ""


class _Fulfillment(msgspec.Struct):
    sellerid: str
    sellerfulfillmentorderid: str


class _Issues(msgspec.Struct):
    sellerid: str
    sku: str


def _understood(envelope: _Envelope) -> Notification:
    payload, common = envelope.payload, _common(envelope)
    match envelope.notificationtype:
        case "ORDER_CHANGE":
            order = msgspec.convert(payload.get("orderchangenotification"), _Order)
            by_amazon = order.summary.fulfillmenttype == SHIPPED_BY_AMAZON
            return OrderChanged(
                **common,
                seller_id=order.sellerid,
                order_id=order.amazonorderid,
                is_shipped_by_amazon=by_amazon,
            )
        case "FEED_PROCESSING_FINISHED":
            feed = msgspec.convert(payload.get("feedprocessingfinishednotification"), _Feed)
            return FeedFinished(**common, seller_id=feed.sellerid, feed_id=feed.feedid)
        case "FULFILLMENT_ORDER_STATUS":
            told = msgspec.convert(payload.get("fulfillmentorderstatusnotification"), _Fulfillment)
            return FulfillmentChanged(
                **common, seller_id=told.sellerid, order_id=told.sellerfulfillmentorderid
            )
        case "LISTINGS_ITEM_ISSUES_CHANGE":
            issues = msgspec.convert(payload, _Issues)
            return IssuesChanged(**common, seller_id=issues.sellerid, sku=issues.sku)
        case kind:
            return OtherKind(**common, seller_id="", kind=kind)


def _common(envelope: _Envelope) -> dict[str, Any]:
    metadata = envelope.notificationmetadata
    return {
        "notification_id": metadata.notificationid,
        "subscription_id": metadata.subscriptionid,
        "changed_at": _moment(envelope.eventtime),
    }


def _moment(text: str | None) -> datetime | None:
    """A time that cannot be read is not known; the hint is as good without."""
    try:
        return msgspec.convert(text, Moment)
    except msgspec.ValidationError:
        return None


def _lower(value: Any) -> Any:
    """The same with all names in lower case."""
    if isinstance(value, Mapping):
        return {name.lower(): _lower(each) for name, each in value.items()}
    return [_lower(each) for each in value] if isinstance(value, list) else value
