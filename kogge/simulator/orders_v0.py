"""Orders API v0: only confirmShipment, which has no successor in 2026-01-01 yet."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

import msgspec

from kogge.simulator.clock import parse_iso
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Refusal, Response, invalid_input, not_found
from kogge.simulator.world import PARTIALLY_SHIPPED, SHIPPED, UNSHIPPED, Order, Package

VERSION = "v0"

CLOCK_TOLERANCE = timedelta(seconds=1)
_SHIPPABLE = (UNSHIPPED, PARTIALLY_SHIPPED, SHIPPED)


class ConfirmedItem(msgspec.Struct, rename="camel", kw_only=True):
    order_item_id: str
    quantity: int
    transparency_codes: list[str] = []


class PackageDetail(msgspec.Struct, rename="camel", kw_only=True):
    package_reference_id: str
    carrier_code: str
    tracking_number: str
    ship_date: str
    order_items: list[ConfirmedItem]
    carrier_name: str = ""
    shipping_method: str = ""
    ship_from_supply_source_id: str = ""


class ConfirmShipmentRequest(msgspec.Struct, rename="camel", kw_only=True):
    marketplace_id: str
    package_detail: PackageDetail
    cod_collection_method: str = ""


def confirm_shipment(call: Call) -> Response:
    """Take in one parcel. The same reference id again changes that parcel. 204 without a body."""
    try:
        body = msgspec.json.decode(call.request.body, type=ConfirmShipmentRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_input(
            "Request has missing or invalid parameters and cannot be parsed.", str(error)
        ) from None
    order = call.account.orders.get(call.path["orderId"])
    if order is None:
        raise not_found("The order was not found")
    _check_order(order, body)
    _check_package(call.now, body.package_detail)
    quantities = _checked_quantities(order, body.package_detail)
    _keep(order, body.package_detail, quantities, call.now)
    return Response(204)


ROUTES = [
    Route(
        "POST",
        f"/orders/{VERSION}/orders/{{orderId}}/shipmentConfirmation",
        "confirmShipment",
        confirm_shipment,
    )
]


def _check_order(order: Order, body: ConfirmShipmentRequest) -> None:
    if body.cod_collection_method:
        raise invalid_input("codCollectionMethod is only supported in Japan")
    if body.marketplace_id != order.marketplace.id:
        raise invalid_input("marketplaceId is not the one of the order")
    if order.fulfilled_by != "MERCHANT":
        raise invalid_input("The order is fulfilled by Amazon")
    if "FBM_SHIP_PLUS" in order.programs:
        raise invalid_input("Orders of the programme FBM_SHIP_PLUS cannot be confirmed")
    if order.status not in _SHIPPABLE:
        # It may have been cancelled between the client's last look and this call: no fault of the client.
        raise Refusal(400, "InvalidInput", f"An order in status {order.status} cannot be confirmed")


def _check_package(now: datetime, package: PackageDetail) -> None:
    if not re.fullmatch(r"[0-9]+", package.package_reference_id) or int(package.package_reference_id) < 1:
        raise invalid_input("packageReferenceId must be a positive number in a string")
    if not package.carrier_code.strip() or not package.tracking_number.strip():
        raise invalid_input("carrierCode and trackingNumber must not be empty")
    if package.carrier_code.lower() == "other" and not package.carrier_name.strip():
        raise invalid_input("carrierName is required when carrierCode is Other")
    try:
        ship_date = parse_iso(package.ship_date)
    except ValueError:
        raise invalid_input("shipDate is not an ISO 8601 date-time") from None
    if ship_date > now + CLOCK_TOLERANCE:
        raise invalid_input("shipDate is in the future")


def _checked_quantities(order: Order, package: PackageDetail) -> Counter[str]:
    quantities: Counter[str] = Counter()
    for confirmed in package.order_items:
        if order.item(confirmed.order_item_id) is None:
            raise invalid_input(f"The order has no item {confirmed.order_item_id}")
        if confirmed.quantity < 1:
            raise invalid_input("quantity must be at least 1")
        quantities[confirmed.order_item_id] += confirmed.quantity
    if not quantities:
        raise invalid_input("orderItems is empty")
    for item in order.items:
        already = order.fulfilled(item, without_package=package.package_reference_id)
        if already + quantities[item.item_id] > item.quantity:
            raise invalid_input(f"More units than are open of item {item.item_id}")
    return quantities


def _keep(order: Order, package: PackageDetail, quantities: Counter[str], now: datetime) -> None:
    known = order.packages.get(package.package_reference_id)
    order.packages[package.package_reference_id] = Package(
        reference_id=package.package_reference_id,
        carrier_code=package.carrier_code,
        carrier_name=package.carrier_name,
        shipping_method=package.shipping_method,
        tracking_number=package.tracking_number,
        ship_date=parse_iso(package.ship_date),
        quantities=+quantities,
        created=known.created if known else now,
        edits=known.edits + 1 if known else 0,
    )
    order.settle_status()
    carrier = package.carrier_name or package.carrier_code
    what = "package_changed" if known else "package_confirmed"
    order.touch(now, what, f"{package.package_reference_id}: {carrier} {package.tracking_number}")
