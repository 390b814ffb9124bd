"""Fulfillment Outbound API 2026-07-04: what the shop sells, Amazon ships. The newer of two versions.

Some of Amazon's operation ids (getOrder, cancelOrder) belong to the Orders API as well, so in faults and
counts ours begin with "outbound": `outboundGetOrder`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec

from kogge.simulator import fulfilment
from kogge.simulator import fulfilment_rules as rules
from kogge.simulator.clock import iso
from kogge.simulator.fulfilment_orders import (
    COMPLETE_PARTIALLED,
    NEW_VERSION,
    PLANNING,
    RECEIVED,
    FulfilmentLine,
    FulfilmentOrder,
    Parcel,
    Shipment,
)
from kogge.simulator.fulfilment_rules import REQUIRED, Preview
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Response, invalid_input, json_response

VERSION = NEW_VERSION

PAGE = 50
EACHES = "EACHES"

_STATUSES = {
    "NEW": "PROCESSING", RECEIVED: "PROCESSING", PLANNING: "PROCESSING",
    COMPLETE_PARTIALLED: "COMPLETE_PARTIAL",
}  # fmt: skip
_NOT = "NotRequired"


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
    email: str | None = None


class ProductIdentifier(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    amazon_sku: str


class Product(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    product_identifier: ProductIdentifier
    per_unit_declared_value: dict[str, str] | None = None


class Amount(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    unit: str = EACHES


class PreviewLine(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    product: Product
    amount: Amount


class OrderLine(PreviewLine, rename="camel", kw_only=True, forbid_unknown_fields=True):
    line_item_id: str
    fulfillment_configuration: dict[str, Any] | None = None


class Slip(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    template_name: str = ""
    template_attributes: dict[str, str] = {}


class PreviewPackaging(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    packaging_option: Literal["UNBRANDED", "ANY"] = "ANY"
    overbox: Literal["REQUIRED", "NOT_REQUIRED"] = "NOT_REQUIRED"


class Packaging(PreviewPackaging, rename="camel", kw_only=True, forbid_unknown_fields=True):
    packing_slip: Slip | None = None


class PreviewServices(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    packaging: PreviewPackaging = msgspec.field(default_factory=PreviewPackaging)
    additional: dict[str, str] = {}


class Services(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    packaging: Packaging = msgspec.field(default_factory=Packaging)
    delivery: dict[str, Any] = {}
    additional: dict[str, str] = {}


class ServiceLevel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    service_tiers: list[str] = []
    delivery_interval: dict[str, str] | None = None


class PreviewServiceLevel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    service_tiers: list[str] = []


class PreviewConfiguration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    service_level: PreviewServiceLevel = msgspec.field(default_factory=PreviewServiceLevel)
    services: PreviewServices = msgspec.field(default_factory=PreviewServices)


class Configuration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    service_level: ServiceLevel = msgspec.field(default_factory=ServiceLevel)
    action: Literal["SHIP", "HOLD"] = "SHIP"
    policy: Literal["FILL_OR_KILL", "FILL_ALL", "FILL_ALL_AVAILABLE"] = "FILL_OR_KILL"
    services: Services = msgspec.field(default_factory=Services)


class Origin(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    country_code: str


class Destination(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    delivery_address: Address
    delivery_notes: str | None = None
    drop_off_location: dict[str, Any] | None = None


class PreviewDestination(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    delivery_address: Address


Channel = Annotated[str, msgspec.Meta(max_length=40)]


class PreviewRequest(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    line_items: list[PreviewLine]
    destination: PreviewDestination
    channel: Channel = ""
    origin: Origin | None = None
    fulfillment_configuration: PreviewConfiguration = msgspec.field(default_factory=PreviewConfiguration)
    exclude_estimated_fees: bool = False
    include_payment_on_delivery: bool = False


class CreateRequest(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    order_id: str
    line_items: list[OrderLine]
    destination: Destination
    channel: Channel = ""
    origin: Origin | None = None
    fulfillment_configuration: Configuration = msgspec.field(default_factory=Configuration)
    payment_information: dict[str, Any] | None = None


class NewAction(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["SHIP", "HOLD"]


class UpdateRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    fulfillment_configuration: NewAction


def get_order_preview(call: Call) -> Response:
    """What would be sent when and for how much, with an offer for each service tier."""
    rules.require_version(call, VERSION)
    body = rules.decoded(call, PreviewRequest)
    place = rules.marketplace_of(call.account, country=_country(body.origin))
    lines = [_line(str(number), each) for number, each in enumerate(body.line_items, start=1)]
    address = _address(body.destination.delivery_address)
    services = body.fulfillment_configuration.services
    features = _features(services)
    rules.check_lines(call.account, lines)
    rules.check_address(address)
    rules.check_features(call.world, features)
    tiers = body.fulfillment_configuration.service_level.service_tiers or list(rules.SPEEDS_HERE)
    if wrong := set(tiers) - set(rules.SPEEDS):
        raise invalid_input(f"Invalid value in serviceTiers: {min(wrong)}")
    previews = [
        rules.preview(call.world, call.account, lines, address=address, speed=tier, features=features)
        for tier in tiers
    ]
    currency = "" if body.exclude_estimated_fees else place.currency
    return json_response(200, _previewed(previews, lines, currency, services.packaging.packaging_option))


def create_order(call: Call) -> Response:
    """Take an order: 200 with all of it, or 202 when Amazon looks at it later."""
    rules.require_version(call, VERSION)
    body = rules.decoded(call, CreateRequest)
    if body.payment_information is not None:
        raise invalid_input("paymentInformation is only available in India")
    configuration = body.fulfillment_configuration
    tiers = configuration.service_level.service_tiers or ["STANDARD"]
    if configuration.service_level.delivery_interval is not None:
        raise invalid_input("deliveryInterval is only available in Japan")
    if configuration.services.delivery:
        raise invalid_input("Delivery settings are only available in India")
    slip = configuration.services.packaging.packing_slip
    printed = slip.template_attributes if slip else {}
    order = FulfilmentOrder(
        order_id=body.order_id,
        seller_id=call.account.seller_id,
        marketplace=rules.marketplace_of(call.account, country=_country(body.origin)),
        version=VERSION,
        received=call.now,
        lines=[_line(each.line_item_id, each) for each in body.line_items],
        address=_address(body.destination.delivery_address),
        speed=tiers[0],
        action=configuration.action,
        policy=configuration.policy,
        features=_features(configuration.services),
        display_id=printed.get("orderId", ""),
        display_date=printed.get("orderTime", ""),
        display_comment=printed.get("orderText", ""),
        channel=body.channel,
    )
    is_accepted = call.world.settings.new_fulfilments_accepted
    fulfilment.create(call.world, call.account, order, is_accepted=is_accepted)
    if is_accepted:
        return json_response(202, {"orderId": order.order_id, "status": _status(order)})
    return json_response(200, {"order": _order(order, call.now, with_shipments=True)})


def get_order(call: Call) -> Response:
    rules.require_version(call, VERSION)
    parameters = _parameters(call, frozenset({"shipments"}))
    order = _find(call)
    with_shipments = _with_shipments(parameters)
    return json_response(200, {"order": _order(order, call.now, with_shipments=with_shipments)})


def list_orders(call: Call) -> Response:
    """The orders whose status has changed since a moment."""
    rules.require_version(call, VERSION)
    parameters = _parameters(call, frozenset({"updatedAfter", "pageToken", "shipments"}))
    with_shipments = _with_shipments(parameters)
    position = _position(call, parameters)
    end = position.start + PAGE
    shown = position.orders[position.start : end]
    document: dict[str, object] = {
        "orders": [_order(order, call.now, with_shipments=with_shipments) for order in shown]
    }
    if end < len(position.orders):
        token = uuid.uuid4().hex
        call.world.pages[token] = _Position(position.seller_id, position.query, position.orders, end)
        document["pagination"] = {"nextToken": token}
    return json_response(200, document)


def update_order(call: Call) -> Response:
    """Let an order go that was on hold."""
    rules.require_version(call, VERSION)
    order = _find(call)
    body = rules.decoded(call, UpdateRequest)
    fulfilment.release(call.world, order, body.fulfillment_configuration.action)
    return json_response(202, {})


def cancel_order(call: Call) -> Response:
    """202: whether it comes to anything is to be read from the order."""
    rules.require_version(call, VERSION)
    fulfilment.cancel(call.world, _find(call))
    return json_response(202, {})


_BASE = f"/fulfillment/outbound/{VERSION}"
ROUTES = [
    Route("POST", f"{_BASE}/previews", "outboundGetOrderPreview", get_order_preview),
    Route("POST", f"{_BASE}/orders", "outboundCreateOrder", create_order),
    Route("GET", f"{_BASE}/orders", "outboundListOrders", list_orders),
    Route("GET", f"{_BASE}/orders/{{orderId}}", "outboundGetOrder", get_order),
    Route("PUT", f"{_BASE}/orders/{{orderId}}", "outboundUpdateOrder", update_order),
    Route("PUT", f"{_BASE}/orders/{{orderId}}/cancel", "outboundCancelOrder", cancel_order),
]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins in what a list has found."""

    seller_id: str
    query: frozenset[tuple[str, str]]
    orders: list[FulfilmentOrder]
    start: int


def _position(call: Call, parameters: dict[str, str]) -> _Position:
    query = frozenset((name, text) for name, text in parameters.items() if name != "pageToken")
    if "pageToken" not in parameters:
        after = rules.since(parameters.get("updatedAfter", ""), call.now)
        return _Position(call.account.seller_id, query, rules.updated_since(call, after), 0)
    position = call.world.pages.get(parameters["pageToken"])
    if not isinstance(position, _Position) or position.seller_id != call.account.seller_id:
        raise invalid_input("pageToken is not valid")
    if position.query != query:
        raise invalid_input("pageToken does not match the other parameters")
    return position


def _parameters(call: Call, known: frozenset[str]) -> dict[str, str]:
    parameters = call.request.parameters()
    if unknown := parameters.keys() - known:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    return parameters


def _with_shipments(parameters: dict[str, str]) -> bool:
    wish = parameters.get("shipments", "INCLUDE")
    if wish not in ("INCLUDE", "EXCLUDE"):
        raise invalid_input("Invalid value in shipments")
    return wish == "INCLUDE"


def _find(call: Call) -> FulfilmentOrder:
    return rules.find(call, unquote(call.path["orderId"]))


def _country(origin: Origin | None) -> str:
    return origin.country_code if origin else ""


def _line(line_id: str, line: PreviewLine) -> FulfilmentLine:
    if line.amount.unit != EACHES:
        raise invalid_input("Invalid value in unit")
    try:
        units = Decimal(line.amount.value)
    except InvalidOperation:
        raise invalid_input("The value of an amount is not a number") from None
    if not units.is_finite() or units != units.to_integral_value():
        raise invalid_input("The value of an amount is not a whole number")
    return FulfilmentLine(line_id, line.product.product_identifier.amazon_sku, int(units))


def _address(address: Address) -> dict[str, str]:
    given: dict[str, str | None] = msgspec.to_builtins(address)
    return {name: text for name, text in given.items() if text is not None}


def _features(services: Services | PreviewServices) -> dict[str, str]:
    """The services in the words of 2020-07-01."""
    if unknown := services.additional.keys() - {"blockAMZL"}:
        raise invalid_input(f"Unknown additional service: {min(unknown)}")
    block = services.additional.get("blockAMZL", "false").lower()
    if block not in ("true", "false"):
        raise invalid_input("Invalid value in blockAMZL")
    wanted = {
        "BLANK_BOX": services.packaging.packaging_option == "UNBRANDED",
        "OVERBOX": services.packaging.overbox == "REQUIRED",
        "BLOCK_AMZL": block == "true",
        "PACKING_SLIP": isinstance(services, Services) and services.packaging.packing_slip is not None,
    }
    return {name: REQUIRED for name, is_wanted in wanted.items() if is_wanted}


def _amount(units: int) -> dict[str, str]:
    return {"unit": EACHES, "value": str(units)}


def _identifier(sku: str) -> dict[str, str]:
    return {"amazonSku": sku}


def _previewed(
    previews: list[Preview], lines: list[FulfilmentLine], currency: str, packaging_option: str
) -> dict[str, object]:
    """One planned shipment with the offers for it, and what stands against the order."""
    first = previews[0]
    skus = {line.line_id: line.sku for line in lines}
    offered = [found for found in previews if not found.reasons]
    shipments = []
    if first.ready and offered:
        shipments.append(
            {
                "estimatedShippingWeight": {"unit": "KG", "value": first.weight},
                "items": [
                    {"productIdentifier": _identifier(skus[line_id]), "amount": _amount(units)}
                    for line_id, units in first.ready.items()
                ],
                "offers": [_offer(found, currency, packaging_option) for found in offered],
            }
        )
    constraints = [
        _constraint(rules.QUANTITY, {"amazonSku": skus[line_id], "missing": str(units)})
        for line_id, units in first.short.items()
    ]
    reasons = dict.fromkeys((reason, found.speed) for found in previews for reason in found.reasons)
    constraints += [_constraint(reason, {"serviceTier": speed}) for reason, speed in reasons]
    return {"plannedShipments": shipments, "constraints": constraints}


_MESSAGES = {
    rules.QUANTITY: "There is not enough of an item.",
    rules.ADDRESS: "Amazon cannot deliver to this address.",
    rules.SPEED: "The service tier is not available.",
}


def _constraint(code: str, details: dict[str, str]) -> dict[str, object]:
    return {
        "type": "ValidationError",
        "code": code,
        "message": _MESSAGES[code],
        "details": [{"type": name, "value": value} for name, value in details.items()],
    }


def _offer(found: Preview, currency: str, packaging_option: str) -> dict[str, object]:
    offer: dict[str, object] = {
        "fulfillmentConfiguration": {
            "serviceLevel": {
                "serviceTier": found.speed,
                "deliveryInterval": _interval(found.arrive),
                "shipInterval": _interval(found.ship),
            },
            "services": {"packaging": {"packagingOption": packaging_option}},
        }
    }
    if currency:
        total = {"currencyCode": currency, "amount": f"{found.fee:.2f}"}
        rollup = [{"type": "MCFTransportationFee", "value": total}]
        offer["estimatedPrice"] = {"rollupPrices": rollup, "totalPrice": total}
    return offer


def _interval(times: Iterable[datetime]) -> dict[str, str]:
    return dict(zip(("startTime", "endTime"), map(iso, times), strict=True))


def _status(order: FulfilmentOrder) -> str:
    return _STATUSES.get(order.status, order.status)


def _order(order: FulfilmentOrder, now: datetime, *, with_shipments: bool) -> dict[str, object]:
    document: dict[str, object] = {
        "orderId": order.order_id,
        "receiveTime": iso(order.received),
        "status": _status(order),
        "statusUpdateTime": iso(order.since),
        "origin": {"countryCode": order.marketplace.country},
        "destination": {"deliveryAddress": order.address},
        "fulfillmentConfiguration": {
            "serviceLevel": {"serviceTiers": [order.speed]},
            "action": order.action,
            "policy": order.policy,
            "services": _services(order),
        },
        "lineItems": [_line_item(line) for line in order.lines],
    }
    if order.channel:
        document["channel"] = order.channel
    if with_shipments:
        document["shipments"] = [_shipment(order, shipment, now) for shipment in order.told_shipments]
    return document


def _services(order: FulfilmentOrder) -> dict[str, object]:
    required = {name for name, policy in order.features.items() if policy != _NOT}
    packaging: dict[str, object] = {
        "packagingOption": "UNBRANDED" if "BLANK_BOX" in required else "ANY",
        "overbox": "REQUIRED" if "OVERBOX" in required else "NOT_REQUIRED",
    }
    if "PACKING_SLIP" in required:
        printed = {
            "orderId": order.display_id,
            "orderTime": order.display_date,
            "orderText": order.display_comment,
        }
        packaging["packingSlip"] = {
            "templateAttributes": {name: text for name, text in printed.items() if text}
        }
    additional = {"blockAMZL": "true"} if "BLOCK_AMZL" in required else {}
    return {"packaging": packaging, "additional": additional}


def _line_item(line: FulfilmentLine) -> dict[str, object]:
    return {
        "lineItemId": line.line_id,
        "product": {"productIdentifier": _identifier(line.sku)},
        "amount": _amount(line.quantity),
        "cancelledAmount": _amount(line.cancelled),
        "unfulfillableAmount": _amount(line.unfulfillable),
    }


def _shipment(order: FulfilmentOrder, shipment: Shipment, now: datetime) -> dict[str, object]:
    return {
        "amazonShipmentId": shipment.shipment_id,
        "amazonFacility": {"facilityId": shipment.facility},
        "status": "SHIPPED" if shipment.is_shipped else "PROCESSING",
        "shipTime": iso(shipment.ships_at),
        "deliveryTime": iso(shipment.arrives_at),
        "serviceLevel": {"serviceTier": order.speed},
        "items": [
            {
                "productIdentifier": _identifier(order.line(line_id).sku),
                "lineItemId": line_id,
                "amount": _amount(quantity),
                "packageId": str(parcel.number),
            }
            for parcel, line_id, quantity in shipment.quantities()
        ],
        "packages": [_package(order, shipment, parcel, now) for parcel in shipment.parcels],
    }


def _package(order: FulfilmentOrder, shipment: Shipment, parcel: Parcel, now: datetime) -> dict[str, object]:
    package: dict[str, object] = {
        "packageId": str(parcel.number),
        "status": fulfilment.whereabouts(order, shipment, now),
        "deliveryTime": iso(shipment.arrives_at),
    }
    if not shipment.is_shipped:
        return package
    carrier = {"carrierCode": parcel.carrier}
    if now >= parcel.tracked_from:
        carrier["trackingNumber"] = parcel.tracking_number
        carrier["trackingUrl"] = f"https://carrier.example/t/{parcel.tracking_number}"
    amazon = {
        "trackingNumber": parcel.amazon_tracking_number,
        "trackingUrl": f"https://www.swiship.de/track?id={parcel.amazon_tracking_number}",
    }
    return package | {"tracking": {"carrier": carrier, "amazon": amazon}}
