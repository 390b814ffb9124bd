"""Notifications API v1: destinations of an application, subscriptions of a seller."""

from __future__ import annotations

import re
import uuid
from typing import TypeVar

import msgspec

from kogge.simulator.notifications import VERSIONS, Destination, Subscription
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Refusal, Response, invalid_input, json_response, not_found

VERSION = "v1"
SCOPE = "sellingpartnerapi::notifications"

_ARN = re.compile(r"arn:aws:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")  # no FIFO queue

_Body = TypeVar("_Body", bound=msgspec.Struct)


def get_destinations(call: Call) -> Response:
    """All destinations of the application."""
    mine = [each for each in call.world.notices.destinations.values() if each.client_id == call.client_id]
    return json_response(200, {"payload": [_destination(each) for each in mine]})


def create_destination(call: Call) -> Response:
    """A queue more; one that is known already is a conflict."""
    wanted = _body(call, _NewDestination)
    arn = wanted.resource_specification.sqs.arn
    if not _ARN.fullmatch(arn):
        raise invalid_input("The arn is not that of a standard queue")
    destinations = call.world.notices.destinations
    if any((each.client_id, each.arn) == (call.client_id, arn) for each in destinations.values()):
        raise Refusal(409, "Conflict", "A destination with this resource exists already.")
    created = Destination(str(uuid.uuid4()), call.client_id, wanted.name, arn)
    destinations[created.destination_id] = created
    return json_response(200, {"payload": _destination(created)})


def delete_destination(call: Call) -> Response:
    """Forget a queue that no subscription needs."""
    notices = call.world.notices
    destination = notices.destinations.get(call.path["destinationId"])
    if destination is None or destination.client_id != call.client_id:
        raise not_found("The destination does not exist.")
    if any(each.destination_id == destination.destination_id for each in notices.subscriptions.values()):
        raise Refusal(409, "Conflict", "The destination is still in use.")
    del notices.destinations[destination.destination_id]
    return json_response(200, {})


def create_subscription(call: Call) -> Response:
    """The seller's notifications of a type go to a destination from now on."""
    kind = _kind(call)
    wanted = _body(call, _NewSubscription)
    notices = call.world.notices
    if wanted.payload_version != VERSIONS[kind]:
        raise invalid_input(f"Payload version {wanted.payload_version} is not supported for {kind}")
    if kind in call.world.settings.not_by_queue:
        raise Refusal(400, "InvalidInput", f"{kind} is not supported for destinations of this kind.")
    destination = notices.destinations.get(wanted.destination_id)
    if destination is None or destination.client_id != call.client_id:
        raise Refusal(400, "InvalidInput", "The destination does not exist.")
    if _found(call, kind) is not None:
        raise Refusal(409, "Conflict", "A subscription of this type exists already.")
    created = Subscription(
        str(uuid.uuid4()),
        call.client_id,
        call.account.seller_id,
        kind,
        wanted.payload_version,
        destination.destination_id,
    )
    notices.subscriptions[call.client_id, call.account.seller_id, kind] = created
    return json_response(200, {"payload": _subscription(created)})


def get_subscription(call: Call) -> Response:
    """The seller's subscription of a type."""
    kind = _kind(call)
    parameters = call.request.parameters()
    if unknown := parameters.keys() - {"payloadVersion"}:
        raise invalid_input(f"Unknown parameter: {sorted(unknown)[0]}")
    found = _found(call, kind)
    if found is None or parameters.get("payloadVersion", found.payload_version) != found.payload_version:
        raise not_found("The subscription does not exist.")
    return json_response(200, {"payload": _subscription(found)})


def delete_subscription_by_id(call: Call) -> Response:
    """End a subscription, of whichever seller of the application."""
    subscriptions = call.world.notices.subscriptions
    named = (call.path["subscriptionId"], call.client_id, _kind(call))
    for key, each in subscriptions.items():
        if (each.subscription_id, each.client_id, each.kind) == named:
            del subscriptions[key]
            return json_response(200, {})
    raise not_found("The subscription does not exist.")


_BASE = f"/notifications/{VERSION}"
_OF_A_TYPE = f"{_BASE}/subscriptions/{{notificationType}}"

ROUTES = [
    Route("GET", f"{_BASE}/destinations", "getDestinations", get_destinations, SCOPE),
    Route("POST", f"{_BASE}/destinations", "createDestination", create_destination, SCOPE),
    Route(
        "DELETE", f"{_BASE}/destinations/{{destinationId}}", "deleteDestination", delete_destination, SCOPE
    ),
    Route("POST", _OF_A_TYPE, "createSubscription", create_subscription),
    Route("GET", _OF_A_TYPE, "getSubscription", get_subscription),
    Route(
        "DELETE",
        f"{_OF_A_TYPE}/{{subscriptionId}}",
        "deleteSubscriptionById",
        delete_subscription_by_id,
        SCOPE,
    ),
]


class _Sqs(msgspec.Struct, forbid_unknown_fields=True):
    arn: str


class _Specification(msgspec.Struct, forbid_unknown_fields=True):
    sqs: _Sqs


class _NewDestination(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str
    resource_specification: _Specification


class _NewSubscription(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    destination_id: str
    payload_version: str


def _body(call: Call, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(call.request.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise invalid_input("The body does not fit the model", str(error)) from None


def _kind(call: Call) -> str:
    kind = call.path["notificationType"]
    if kind not in VERSIONS:
        raise invalid_input(f"Unknown notification type {kind}")
    return kind


def _found(call: Call, kind: str) -> Subscription | None:
    return call.world.notices.subscriptions.get((call.client_id, call.account.seller_id, kind))


def _destination(destination: Destination) -> dict[str, object]:
    return {
        "destinationId": destination.destination_id,
        "name": destination.name,
        "resource": {"sqs": {"arn": destination.arn}},
    }


def _subscription(subscription: Subscription) -> dict[str, object]:
    return {
        "subscriptionId": subscription.subscription_id,
        "payloadVersion": subscription.payload_version,
        "destinationId": subscription.destination_id,
    }
