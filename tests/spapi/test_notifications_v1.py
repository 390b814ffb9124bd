"""Notifications v1: destinations and subscriptions on the wire, and what notifications say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from kogge import simulator
from kogge.simulator import Simulator
from kogge.spapi import Amazon, AskHuman, Credentials, Endpoints, FixSettings, NotFound, TryLater
from kogge.spapi import notifications_v1 as notifications
from kogge.spapi.notifications_v1 import (
    ORDER_CHANGE,
    PAYLOAD_VERSIONS,
    Destination,
    FeedFinished,
    FulfillmentChanged,
    IssuesChanged,
    Notification,
    OrderChanged,
    OtherKind,
    Subscription,
    Unreadable,
    read,
)
from tests.amazon.queues import SCHEMA_OF, SCHEMAS, fits_its_schema
from tests.amazon_models import check_exchange

from .conftest import SECRETS, Buckets, Clock, Memory, Wire, refusal, reply

needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="Amazon's notification schemas are not beside this repository"
)

ARN = "arn:aws:sqs:eu-west-1:123456789012:kogge"
QUEUE = {"destinationId": "d-1", "name": "kogge", "resource": {"sqs": {"arn": ARN}}}
BUS = {
    "destinationId": "d-2",
    "name": "bus",
    "resource": {"eventBridge": {"name": "bus", "region": "eu-west-1", "accountId": "123456789012"}},
}


@pytest.fixture
def application(http: httpx2.Client, buckets: Buckets, memory: Memory, clock: Clock) -> Amazon:
    """What the seller's application may do by itself."""
    credentials = notifications.grantless(SECRETS)
    return Amazon(credentials, Endpoints.for_region("eu"), buckets, memory, http, clock=clock)


def subscribed(**more: Any) -> dict[str, Any]:
    return {"payload": {"subscriptionId": "s-1", "payloadVersion": "1.0", "destinationId": "d-1"} | more}


def test_grantless_calls_ask_for_a_token_of_the_application(application: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": [QUEUE, BUS]}))

    found = notifications.destinations(application)

    assert found == [Destination("d-1", ARN), Destination("d-2", "")]
    form = parse_qs(wire.token_requests[0].content.decode())
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["sellingpartnerapi::notifications"]
    assert "refresh_token" not in form


def test_a_seller_s_calls_go_on_with_the_refresh_token(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(subscribed()))

    notifications.get_subscription(amazon, ORDER_CHANGE)

    form = parse_qs(wire.token_requests[0].content.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert "scope" not in form


def test_a_queue_is_made_known(application: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": QUEUE}))

    assert notifications.create_destination(application, "kogge", ARN) == Destination("d-1", ARN)
    assert json.loads(wire.sent[0].content) == {
        "name": "kogge",
        "resourceSpecification": {"sqs": {"arn": ARN}},
    }


def test_a_queue_that_is_known_is_a_conflict(application: Amazon, wire: Wire) -> None:
    wire.lay(refusal(409, "Conflict"))

    with pytest.raises(AskHuman) as caught:
        notifications.create_destination(application, "kogge", ARN)

    assert caught.value.status == 409


def test_a_queue_is_forgotten(application: Amazon, wire: Wire) -> None:
    wire.lay(reply({}))

    notifications.delete_destination(application, "d-1")

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("DELETE", "/notifications/v1/destinations/d-1")


@pytest.mark.parametrize(("kind", "version"), list(PAYLOAD_VERSIONS.items()))
def test_each_type_is_subscribed_to_in_its_version(
    amazon: Amazon, wire: Wire, kind: str, version: str
) -> None:
    wire.lay(reply(subscribed(payloadVersion=version)))

    found = notifications.create_subscription(amazon, kind, "d-1")

    assert found == Subscription("s-1", "d-1", version)
    assert wire.sent[0].url.path == f"/notifications/v1/subscriptions/{kind}"
    assert json.loads(wire.sent[0].content) == {"payloadVersion": version, "destinationId": "d-1"}


def test_a_subscription_is_ended(application: Amazon, wire: Wire) -> None:
    wire.lay(reply({}))

    notifications.delete_subscription(application, ORDER_CHANGE, "s-1")

    assert wire.sent[0].url.path == "/notifications/v1/subscriptions/ORDER_CHANGE/s-1"


@pytest.mark.parametrize(
    ("answer", "consequence"),
    [
        (refusal(404, "NotFound"), NotFound),
        (refusal(403, "AccessDenied"), FixSettings),
        (refusal(400, "InvalidInput"), AskHuman),
        (reply({}), TryLater),
        (reply({"payload": {"subscriptionId": "s-1"}}), TryLater),
    ],
)
def test_what_can_go_wrong_has_its_consequence(
    amazon: Amazon, wire: Wire, answer: httpx2.Response, consequence: type[Exception]
) -> None:
    wire.lay(answer)

    with pytest.raises(consequence):
        notifications.get_subscription(amazon, ORDER_CHANGE)


def told(kind: str, payload: dict[str, Any], **more: Any) -> bytes:
    metadata = {"NotificationId": "n-1", "SubscriptionId": "s-1"}
    envelope = {"NotificationType": kind, "Payload": payload, "NotificationMetadata": metadata}
    return json.dumps(envelope | more).encode()


ORDER = {"OrderChangeNotification": {"SellerId": "A2", "AmazonOrderId": "305-1182244-9021001"}}


def test_only_what_is_needed_must_be_there() -> None:
    found = read(told("ORDER_CHANGE", ORDER))

    assert found == OrderChanged("n-1", "s-1", "A2", None, "305-1182244-9021001", is_shipped_by_amazon=False)


def test_names_count_without_their_case() -> None:
    body = (
        told("ORDER_CHANGE", ORDER)
        .replace(b"AmazonOrderId", b"amazonOrderID")
        .replace(b"Payload", b"payload")
    )

    assert isinstance(read(body), OrderChanged)


def test_what_came_by_an_event_bus_is_read_too() -> None:
    bus = {
        "source": "aws.partner/sellingpartnerapi.amazon.com",
        "detail": json.loads(told("ORDER_CHANGE", ORDER)),
    }

    assert isinstance(read(json.dumps(bus).encode()), OrderChanged)


def test_another_type_is_told_by_its_name() -> None:
    found = read(told("ANY_OFFER_CHANGED", {}))

    assert isinstance(found, OtherKind)
    assert found.kind == "ANY_OFFER_CHANGED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b"[" * 100_000,
        b'{"detail":' * 2_000 + b"{}" + b"}" * 2_000,
        told("ORDER_CHANGE", {}),
        told("ORDER_CHANGE", {"OrderChangeNotification": None}),
        told("ORDER_CHANGE", {"OrderChangeNotification": {"SellerId": "A2", "AmazonOrderId": 7}}),
        told("FEED_PROCESSING_FINISHED", {"feedProcessingFinishedNotification": {}}),
        told("LISTINGS_ITEM_ISSUES_CHANGE", {"SellerId": "A2"}),
        told("ORDER_CHANGE", ORDER, NotificationMetadata=None),
        told("ORDER_CHANGE", ORDER, Payload="text"),
    ],
    ids=range(16),
)
def test_anything_unreadable_is_a_value(body: bytes) -> None:
    found = read(body)

    assert isinstance(found, Unreadable)
    assert "A2" not in found.explanation


def test_a_time_that_cannot_be_read_spoils_nothing() -> None:
    found = read(told("ORDER_CHANGE", ORDER, EventTime="yesterday"))

    assert isinstance(found, OrderChanged)
    assert found.changed_at is None


@needs_schemas
@pytest.mark.parametrize(("kind", "file"), list(SCHEMA_OF.items()))
def test_every_example_of_amazon_is_understood(kind: str, file: str) -> None:
    examples = json.loads((SCHEMAS / file).read_text())["examples"]
    shapes = {
        "ORDER_CHANGE": OrderChanged,
        "FEED_PROCESSING_FINISHED": FeedFinished,
        "FULFILLMENT_ORDER_STATUS": FulfillmentChanged,
        "LISTINGS_ITEM_ISSUES_CHANGE": IssuesChanged,
    }

    found = [read(json.dumps(example).encode()) for example in examples]

    assert {type(each) for each in found} == {shapes[kind]}
    assert all(isinstance(each, Notification) and each.changed_at for each in found)


# --- the small Amazon ------------------------------------------------------------------------------


@pytest.fixture
def world() -> Iterator[Simulator]:
    with Simulator(quotas="off", seed=1, on_exchange=check_exchange) as running:
        yield running


def client_of(world: Simulator, credentials: Credentials, buckets: Buckets) -> Amazon:
    urls = {"api_url": world.api_url, "lwa_url": world.lwa_url, "consent_url": world.consent_url}
    return Amazon(credentials, Endpoints.for_region("eu", urls), buckets, Memory())


def test_the_small_amazon_sends_what_the_schemas_describe(world: Simulator, buckets: Buckets) -> None:
    names = Credentials(simulator.CLIENT_ID, simulator.CLIENT_SECRET, simulator.REFRESH_TOKEN)
    sent: list[str] = []
    world.deliver_notifications(lambda arn, body: sent.append(body) if arn == ARN else None)
    with (
        client_of(world, names, buckets) as seller,
        client_of(world, notifications.grantless(names), buckets) as application,
    ):
        destination = notifications.create_destination(application, "kogge", ARN)
        made = [
            notifications.create_subscription(seller, kind, destination.destination_id)
            for kind in PAYLOAD_VERSIONS
        ]
        with pytest.raises(AskHuman):
            notifications.create_destination(application, "kogge", ARN)
        with pytest.raises(AskHuman):
            notifications.delete_destination(application, destination.destination_id)
        order = world.place_order(kind="standard")
        world.change_order(order.order_id, status="CANCELLED")
        sku = next(iter(world.world.demo.listings))
        world.change_listing(sku, issues=[])
        for kind, subscription in zip(PAYLOAD_VERSIONS, made, strict=True):
            assert notifications.get_subscription(seller, kind) == subscription
            notifications.delete_subscription(application, kind, subscription.subscription_id)
        world.place_order(kind="standard")
        notifications.delete_destination(application, destination.destination_id)

    found = [read(body.encode()) for body in sent]
    assert [type(each) for each in found] == [OrderChanged, OrderChanged, IssuesChanged]
    assert [each.order_id for each in found if isinstance(each, OrderChanged)] == [order.order_id] * 2
    for body in sent:
        fits_its_schema(body)
    assert world.violations == []


def test_a_seller_s_token_opens_no_grantless_door(world: Simulator, buckets: Buckets) -> None:
    names = Credentials(simulator.CLIENT_ID, simulator.CLIENT_SECRET, simulator.REFRESH_TOKEN)
    with client_of(world, names, buckets) as seller, pytest.raises(FixSettings):
        notifications.destinations(seller)
