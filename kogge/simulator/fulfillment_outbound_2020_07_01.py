"""Fulfillment Outbound API 2020-07-01: what the shop sells, Amazon ships. The older of two versions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec

from kogge.simulator import fulfilment
from kogge.simulator import fulfilment_rules as rules
from kogge.simulator.clock import iso, parse_iso
from kogge.simulator.fulfilment_orders import (
    FILL_ALL,
    FILL_ALL_AVAILABLE,
    FILL_OR_KILL,
    HOLD,
    OLD,
    SHIP,
    FulfilmentLine,
    FulfilmentOrder,
    Parcel,
    Shipment,
)
from kogge.simulator.fulfilment_rules import Preview
from kogge.simulator.marketplaces import Marketplace
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Response, invalid_input, json_response, not_found
from kogge.simulator.world import AMAZON_LOGISTICS

VERSION = OLD

PAGE = 50

Speed = Literal["Standard", "Expedited", "Priority", "ScheduledDelivery"]
Policy = Literal["FillOrKill", "FillAll", "FillAllAvailable"]
Action = Literal["Ship", "Hold"]

_SPEEDS = {
    "Standard": "STANDARD", "Expedited": "EXPEDITED", "Priority": "PRIORITY",
    "ScheduledDelivery": "SCHEDULED",
}  # fmt: skip
_POLICIES = {"FillOrKill": FILL_OR_KILL, "FillAll": FILL_ALL, "FillAllAvailable": FILL_ALL_AVAILABLE}
_ACTIONS = {"Ship": SHIP, "Hold": HOLD}
_SPELLED = {ours: theirs for names in (_SPEEDS, _POLICIES, _ACTIONS) for theirs, ours in names.items()}
_STATUSES = {
    "NEW": "New", "RECEIVED": "Received", "PLANNING": "Planning", "PROCESSING": "Processing",
    "CANCELLED": "Cancelled", "COMPLETE": "Complete", "COMPLETE_PARTIALLED": "CompletePartialled",
    "UNFULFILLABLE": "Unfulfillable", "INVALID": "Invalid",
}  # fmt: skip
_CARRIER_NAMES = {AMAZON_LOGISTICS: "Amazon Logistics"}


class Address(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    address_line1: str
    postal_code: str
    country_code: str
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    phone: str | None = None


class Feature(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    feature_name: str
    feature_fulfillment_policy: Literal["Required", "NotRequired"]


Money = dict[str, str]


class PreviewItem(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    seller_sku: str
    quantity: int
    seller_fulfillment_order_item_id: str
    per_unit_declared_value: Money | None = None


class OrderItem(PreviewItem, rename="camel", kw_only=True, forbid_unknown_fields=True):
    gift_message: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    displayable_comment: Annotated[str, msgspec.Meta(max_length=250)] | None = None
    fulfillment_network_sku: str | None = None
    per_unit_price: Money | None = None
    per_unit_tax: Money | None = None


class PreviewRequest(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    address: Address
    items: list[PreviewItem]
    marketplace_id: str = ""
    shipping_speed_categories: list[Speed] = []
    include_cod_fulfillment_preview: bool = msgspec.field(default=False, name="includeCODFulfillmentPreview")
    include_delivery_windows: bool = False
    feature_constraints: list[Feature] = []


class CreateRequest(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    seller_fulfillment_order_id: str
    displayable_order_id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    displayable_order_date: str
    displayable_order_comment: Annotated[str, msgspec.Meta(max_length=750)]
    shipping_speed_category: Speed
    destination_address: Address
    items: list[OrderItem]
    marketplace_id: str = ""
    fulfillment_action: Action = "Ship"
    fulfillment_policy: Policy = "FillOrKill"
    ship_from_country_code: str = ""
    notification_emails: list[Annotated[str, msgspec.Meta(max_length=64)]] = []
    feature_constraints: list[Feature] = []
    delivery_window: Any = None
    delivery_preferences: Any = None
    cod_settings: Any = None
    payment_information: Any = None


class UpdateRequest(msgspec.Struct, rename="camel", kw_only=True):
    fulfillment_action: Action | None = None


def get_fulfillment_preview(call: Call) -> Response:
    """What would be sent when and at which fees, one preview for each speed."""
    rules.require_version(call, VERSION)
    body = rules.decoded(call, PreviewRequest)
    place = rules.marketplace_of(call.account, marketplace_id=body.marketplace_id)
    lines, address = _lines(body.items), _address(body.address)
    features = _features(body.feature_constraints)
    rules.check_lines(call.account, lines)
    rules.check_address(address)
    rules.check_features(call.world, features)
    previews = []
    for name in body.shipping_speed_categories or ("Standard", "Expedited"):
        found = rules.preview(
            call.world, call.account, lines, address=address, speed=_SPEEDS[name], features=features
        )
        previews.append(_preview(found, lines, place, features))
    return json_response(200, {"payload": {"fulfillmentPreviews": previews}})


def create_fulfillment_order(call: Call) -> Response:
    """Take an order. The answer says nothing more than that."""
    rules.require_version(call, VERSION)
    body = rules.decoded(call, CreateRequest)
    for name in ("delivery_window", "delivery_preferences", "cod_settings", "payment_information"):
        if getattr(body, name) is not None:
            raise invalid_input(f"{name} is not available in this marketplace")
    place = rules.marketplace_of(call.account, marketplace_id=body.marketplace_id)
    if body.ship_from_country_code:
        rules.marketplace_of(call.account, country=body.ship_from_country_code)
    try:
        parse_iso(body.displayable_order_date)
    except ValueError:
        raise invalid_input("displayableOrderDate is not an ISO 8601 date-time") from None
    order = FulfilmentOrder(
        order_id=body.seller_fulfillment_order_id,
        seller_id=call.account.seller_id,
        marketplace=place,
        version=VERSION,
        received=call.now,
        lines=_lines(body.items),
        address=_address(body.destination_address),
        speed=_SPEEDS[body.shipping_speed_category],
        action=_ACTIONS[body.fulfillment_action],
        policy=_POLICIES[body.fulfillment_policy],
        features=_features(body.feature_constraints),
        display_id=_display_id(body.displayable_order_id),
        display_date=body.displayable_order_date,
        display_comment=body.displayable_order_comment,
        emails=body.notification_emails,
    )
    fulfilment.create(call.world, call.account, order)
    return json_response(200, {})


def get_fulfillment_order(call: Call) -> Response:
    rules.require_version(call, VERSION)
    order = _order(call)
    shipments = [_shipment(order, shipment, call.now) for shipment in order.told_shipments]
    payload = {
        "fulfillmentOrder": _head(order),
        "fulfillmentOrderItems": [_item(order, line) for line in order.lines],
        "fulfillmentShipments": shipments,
        "returnItems": [],
        "returnAuthorizations": [],
    }
    return json_response(200, {"payload": payload})


def list_all_fulfillment_orders(call: Call) -> Response:
    """The orders whose status has changed since a moment, without their items."""
    rules.require_version(call, VERSION)
    parameters = call.request.parameters()
    if unknown := parameters.keys() - {"queryStartDate", "nextToken"}:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    position = _position(call, parameters)
    end = position.start + PAGE
    payload: dict[str, object] = {
        "fulfillmentOrders": [_head(order) for order in position.orders[position.start : end]]
    }
    if end < len(position.orders):
        token = uuid.uuid4().hex
        call.world.pages[token] = _Position(position.seller_id, position.started, position.orders, end)
        payload["nextToken"] = token
    return json_response(200, {"payload": payload})


def update_fulfillment_order(call: Call) -> Response:
    """Let an order go that was on hold. Nothing else of it can be changed here."""
    rules.require_version(call, VERSION)
    order = _order(call)
    changes = rules.decoded(call, dict[str, Any])
    body = rules.decoded(call, UpdateRequest)
    if changes.keys() - {"fulfillmentAction"} or body.fulfillment_action is None:
        raise invalid_input("Only fulfillmentAction can be updated")
    fulfilment.release(call.world, order, _ACTIONS[body.fulfillment_action])
    return json_response(200, {})


def cancel_fulfillment_order(call: Call) -> Response:
    rules.require_version(call, VERSION)
    fulfilment.cancel(call.world, _order(call))
    return json_response(200, {})


def get_package_tracking_details(call: Call) -> Response:
    """Where one parcel is."""
    rules.require_version(call, VERSION)
    number = call.request.parameters().get("packageNumber", "")
    if not number.isdecimal() or call.request.parameters().keys() != {"packageNumber"}:
        raise invalid_input("packageNumber is missing or not a number")
    for order in call.account.fulfilment_orders.values():
        for shipment in order.told_shipments:
            for parcel in shipment.parcels:
                if parcel.number == int(number) and shipment.is_shipped:
                    return json_response(200, {"payload": _tracking(order, shipment, parcel, call.now)})
    raise not_found("No package with this number was found for the seller")


_BASE = f"/fba/outbound/{VERSION}"
_ORDERS = f"{_BASE}/fulfillmentOrders"
_ONE = f"{_ORDERS}/{{sellerFulfillmentOrderId}}"
ROUTES = [
    Route("POST", f"{_ORDERS}/preview", "getFulfillmentPreview", get_fulfillment_preview),
    Route("POST", _ORDERS, "createFulfillmentOrder", create_fulfillment_order),
    Route("GET", _ORDERS, "listAllFulfillmentOrders", list_all_fulfillment_orders),
    Route("GET", _ONE, "getFulfillmentOrder", get_fulfillment_order),
    Route("PUT", _ONE, "updateFulfillmentOrder", update_fulfillment_order),
    Route("PUT", f"{_ONE}/cancel", "cancelFulfillmentOrder", cancel_fulfillment_order),
    Route("GET", f"{_BASE}/tracking", "getPackageTrackingDetails", get_package_tracking_details),
]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins in what a list has found."""

    seller_id: str
    started: str
    orders: list[FulfilmentOrder]
    start: int


def _position(call: Call, parameters: dict[str, str]) -> _Position:
    started = parameters.get("queryStartDate", "")
    if "nextToken" not in parameters:
        after = rules.since(started, call.now)
        found = rules.updated_since(call, after)
        return _Position(call.account.seller_id, started, found, 0)
    position = call.world.pages.get(parameters["nextToken"])
    if not isinstance(position, _Position) or position.seller_id != call.account.seller_id:
        raise invalid_input("nextToken is not valid")
    if started and started != position.started:
        raise invalid_input("nextToken does not match queryStartDate")
    return position


def _order(call: Call) -> FulfilmentOrder:
    return rules.find(call, unquote(call.path["sellerFulfillmentOrderId"]))


def _lines(items: list[PreviewItem] | list[OrderItem]) -> list[FulfilmentLine]:
    return [
        FulfilmentLine(item.seller_fulfillment_order_item_id, item.seller_sku, item.quantity)
        for item in items
    ]


def _address(address: Address) -> dict[str, str]:
    given: dict[str, str | None] = msgspec.to_builtins(address)
    return {name: text for name, text in given.items() if text is not None}


def _display_id(text: str) -> str:
    """White space around it is removed."""
    if not text.strip() or "  " in text or not text.isprintable() or any(ord(sign) > 255 for sign in text):
        raise invalid_input("displayableOrderId must be ISO 8859-1 without two spaces in a row")
    return text.strip()


def _features(constraints: list[Feature]) -> dict[str, str]:
    return {each.feature_name: each.feature_fulfillment_policy for each in constraints}


def _constraints(features: dict[str, str]) -> list[dict[str, str]]:
    return [{"featureName": name, "featureFulfillmentPolicy": policy} for name, policy in features.items()]


def _preview(
    found: Preview,
    lines: list[FulfilmentLine],
    place: Marketplace,
    features: dict[str, str],
) -> dict[str, object]:
    skus = {line.line_id: line.sku for line in lines}
    document: dict[str, object] = {
        "marketplaceId": place.id,
        "shippingSpeedCategory": _SPELLED[found.speed],
        "isFulfillable": found.is_fulfillable,
        "isCODCapable": False,
        "featureConstraints": _constraints(features),
        "unfulfillablePreviewItems": [
            {
                "sellerSku": skus[line_id],
                "quantity": quantity,
                "sellerFulfillmentOrderItemId": line_id,
                "itemUnfulfillableReasons": [rules.QUANTITY],
            }
            for line_id, quantity in found.short.items()
        ],
        "orderUnfulfillableReasons": found.reasons,
    }
    if found.reasons or not found.ready:
        return document
    fees = {
        "FBAPerUnitFulfillmentFee": found.unit_fee,
        "FBAPerOrderFulfillmentFee": found.order_fee,
        "FBATransportationFee": found.transport_fee,
    }
    return document | {
        "estimatedShippingWeight": {"unit": "KILOGRAMS", "value": found.weight},
        "estimatedFees": [
            {"name": name, "amount": {"currencyCode": place.currency, "value": f"{fee:.2f}"}}
            for name, fee in fees.items()
        ],
        "fulfillmentPreviewShipments": [
            {
                "earliestShipDate": iso(found.ship[0]),
                "latestShipDate": iso(found.ship[1]),
                "earliestArrivalDate": iso(found.arrive[0]),
                "latestArrivalDate": iso(found.arrive[1]),
                "fulfillmentPreviewItems": [
                    {
                        "sellerSku": skus[line_id],
                        "quantity": quantity,
                        "sellerFulfillmentOrderItemId": line_id,
                    }
                    for line_id, quantity in found.ready.items()
                ],
            }
        ],
    }


def _head(order: FulfilmentOrder) -> dict[str, object]:
    return {
        "sellerFulfillmentOrderId": order.order_id,
        "marketplaceId": order.marketplace.id,
        "displayableOrderId": order.display_id,
        "displayableOrderDate": order.display_date or iso(order.received),
        "displayableOrderComment": order.display_comment,
        "shippingSpeedCategory": _SPELLED[order.speed],
        "destinationAddress": {name: text for name, text in order.address.items() if name != "email"},
        "fulfillmentAction": _SPELLED[order.action],
        "fulfillmentPolicy": _SPELLED[order.policy],
        "receivedDate": iso(order.received),
        "fulfillmentOrderStatus": _STATUSES[order.status],
        "statusUpdatedDate": iso(order.since),
        "notificationEmails": order.emails,
        "featureConstraints": _constraints(order.features),
    }


def _item(order: FulfilmentOrder, line: FulfilmentLine) -> dict[str, object]:
    item: dict[str, object] = {
        "sellerSku": line.sku,
        "sellerFulfillmentOrderItemId": line.line_id,
        "quantity": line.quantity,
        "cancelledQuantity": line.cancelled,
        "unfulfillableQuantity": line.unfulfillable,
    }
    if line.cancelled or line.unfulfillable == line.quantity:
        return item
    return item | {
        "estimatedShipDate": iso(order.promised_ship),
        "estimatedArrivalDate": iso(order.promised_arrival),
    }


def _shipment(order: FulfilmentOrder, shipment: Shipment, now: datetime) -> dict[str, object]:
    return {
        "amazonShipmentId": shipment.shipment_id,
        "fulfillmentCenterId": shipment.facility,
        "fulfillmentShipmentStatus": "SHIPPED" if shipment.is_shipped else "PENDING",
        "shippingDate": iso(shipment.ships_at),
        "estimatedArrivalDate": iso(shipment.arrives_at),
        "fulfillmentShipmentItem": [
            {
                "sellerSku": order.line(line_id).sku,
                "sellerFulfillmentOrderItemId": line_id,
                "quantity": quantity,
                **({"packageNumber": parcel.number} if shipment.is_shipped else {}),
            }
            for parcel, line_id, quantity in shipment.quantities()
        ],
        "fulfillmentShipmentPackage": [
            _package(shipment, parcel, now) for parcel in shipment.parcels if shipment.is_shipped
        ],
    }


def _package(shipment: Shipment, parcel: Parcel, now: datetime) -> dict[str, object]:
    return {
        "packageNumber": parcel.number,
        "carrierCode": parcel.carrier,
        **({"trackingNumber": parcel.tracking_number} if now >= parcel.tracked_from else {}),
        "amazonFulfillmentTrackingNumber": parcel.amazon_tracking_number,
        "estimatedArrivalDate": iso(shipment.arrives_at),
    }


def _tracking(order: FulfilmentOrder, shipment: Shipment, parcel: Parcel, now: datetime) -> dict[str, object]:
    return {
        "packageNumber": parcel.number,
        "carrierCode": _CARRIER_NAMES.get(parcel.carrier, parcel.carrier),
        **({"trackingNumber": parcel.tracking_number} if now >= parcel.tracked_from else {}),
        "customerTrackingLink": f"https://www.swiship.de/track?id={parcel.amazon_tracking_number}",
        "shipDate": iso(shipment.ships_at),
        "estimatedArrivalDate": iso(shipment.arrives_at),
        "shipToAddress": {
            "city": order.address["city"],
            "state": order.address.get("stateOrRegion", ""),
            "country": order.address["countryCode"],
        },
        "currentStatus": fulfilment.whereabouts(order, shipment, now),
    }
