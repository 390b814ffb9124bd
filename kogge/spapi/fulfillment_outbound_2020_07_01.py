"""Fulfillment Outbound API 2020-07-01: Amazon ships what the shop sold. The older of two live versions.

https://developer-docs.amazon.com/sp-api/docs/fulfillment-outbound-api-v2020-07-01-use-case-guide
Use it through `fulfillment_outbound`. Its answers of success may hold errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, unquote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, NotFound
from kogge.spapi.fulfillment_orders import (
    TEXT_LIMIT,
    Changes,
    Consignment,
    EncodableAddress,
    FulfillmentOrder,
    FulfillmentRequest,
    Line,
    News,
    Obstacle,
    OrderedLine,
    OutboundPackage,
    OutboundShipment,
    PackedLine,
    PlannedShipment,
    Policy,
    Preview,
    Problem,
    Speed,
    Window,
    all_changes,
    canonical_status,
    encodable_address,
    fee,
    missing,
    moment_or_none,
    raise_problems,
    reason_of,
    total_of,
)
from kogge.spapi.marketplaces import MARKETPLACES
from kogge.spapi.orders_2026_01_01 import amazon_time
from kogge.spapi.transport import Answer, web_link
from kogge.values import plain_text

VERSION = "2020-07-01"

_BASE = f"/fba/outbound/{VERSION}"
_ORDERS = f"{_BASE}/fulfillmentOrders"

_SPEED: dict[Speed, str] = {"STANDARD": "Standard", "EXPEDITED": "Expedited", "PRIORITY": "Priority"}
_POLICY: dict[Policy, str] = {
    "FILL_OR_KILL": "FillOrKill",
    "FILL_ALL": "FillAll",
    "FILL_ALL_AVAILABLE": "FillAllAvailable",
}
_SHIPMENT_STATUS = {
    "PENDING": "PROCESSING",
    "CANCELLED_BY_FULFILLER": "CANCELLED",
    "CANCELLED_BY_SELLER": "CANCELLED",
}
# An unknown order may be a bad request to this version, told only in words (docs#1383).
_SAYS_UNKNOWN = re.compile(r"not (?:be )?found|not exist|no such", re.IGNORECASE)
_PACKAGE_NUMBER = re.compile(r"[1-9][0-9]*")
_BEFORE_PICKING = frozenset({"NEW", "RECEIVED", "PLANNING"})


def preview(client: Amazon, consignment: Consignment, speeds: Sequence[Speed]) -> tuple[Preview, ...]:
    """What Amazon would do with it at each of these speeds. Raises `AmazonError`; changes nothing."""
    body = _PreviewRequest(
        marketplace_id=consignment.marketplace_id,
        address=encodable_address(consignment.destination),
        items=list(map(_item, consignment.lines)),
        shipping_speed_categories=[_SPEED[speed] for speed in speeds],
        feature_constraints=_features(consignment),
    )
    answer = client.write("getFulfillmentPreview", "POST", f"{_ORDERS}/preview", body, repeatable=True)
    read = answer.read(_previews)
    raise_problems(answer, read.errors)
    if read.payload is None:
        raise answer.trouble("the answer is incomplete or unreadable")
    found = {each.shipping_speed_category: each for each in read.payload.fulfillment_previews or ()}
    return tuple(_preview(speed, consignment, found.get(_SPEED[speed])) for speed in speeds)


def create_order(client: Amazon, request: FulfillmentRequest) -> None:
    """Have an order shipped. Raises `OutcomeUnknown` when it may exist: read before repeating."""
    consignment = request.consignment
    body = _CreateRequest(
        marketplace_id=consignment.marketplace_id,
        seller_fulfillment_order_id=request.order_id,
        displayable_order_id=request.display_id,
        displayable_order_date=amazon_time(request.ordered_at),
        displayable_order_comment=request.comment,
        shipping_speed_category=_SPEED[request.speed],
        destination_address=encodable_address(consignment.destination),
        items=list(map(_item, consignment.lines)),
        fulfillment_action="Ship",
        fulfillment_policy=_POLICY[request.policy],
        feature_constraints=_features(consignment),
    )
    answer = client.write("createFulfillmentOrder", "POST", _ORDERS, body)
    raise_problems(answer, answer.read(_done).errors)


def get_order(client: Amazon, order_id: str) -> FulfillmentOrder:
    """One order with its shipments, packages and tracking numbers. Raises `NotFound`."""
    try:
        answer = client.get("getFulfillmentOrder", _path(order_id))
        read = answer.read(_one)
        raise_problems(answer, read.errors)
    except AskHuman as error:
        if not isinstance(error, NotFound) and _SAYS_UNKNOWN.search(error.message):
            raise _not_found(error) from None
        raise
    if read.payload is None:
        raise answer.trouble("the answer is incomplete or unreadable")
    return _order(answer, read.payload, order_id)


def list_changed(client: Amazon, since: datetime) -> Changes:
    """All orders whose status changed since then, whoever created them; only what is needed to read them."""

    def page(token: str) -> tuple[Answer, Sequence[msgspec.Raw], str | None]:
        params = ("nextToken", token) if token else ("queryStartDate", amazon_time(since))
        answer = client.get("listAllFulfillmentOrders", _ORDERS, (params,))
        read = answer.read(_page)
        raise_problems(answer, read.errors)
        if read.payload is None:
            raise answer.trouble("the answer is incomplete or unreadable")
        return answer, read.payload.fulfillment_orders or (), read.payload.next_token

    return all_changes(page, _news)


def cancel_order(client: Amazon, order_id: str) -> None:
    """Ask Amazon to stop. Accepted is not cancelled: read the order afterwards. May be repeated."""
    answer = client.write("cancelFulfillmentOrder", "PUT", f"{_path(order_id)}/cancel")
    raise_problems(answer, answer.read(_done).errors)


def tracked(client: Amazon, package: OutboundPackage) -> OutboundPackage:
    """The package with its state, a link for the customer and the latest estimate, which the order lacks.

    As it was, when Amazon knows nothing of it yet.
    """
    if not _PACKAGE_NUMBER.fullmatch(package.package_id):  # 0 is no package yet
        return package
    try:
        answer = client.get(
            "getPackageTrackingDetails", f"{_BASE}/tracking", (("packageNumber", package.package_id),)
        )
    except NotFound:
        return package
    read = answer.read(_tracking)
    raise_problems(answer, read.errors)
    if read.payload is None:
        return package
    return OutboundPackage(
        package_id=package.package_id,
        carrier_code=package.carrier_code or plain_text(read.payload.carrier_code or "", TEXT_LIMIT),
        tracking_number=package.tracking_number or plain_text(read.payload.tracking_number or "", TEXT_LIMIT),
        amazon_tracking_number=package.amazon_tracking_number,
        tracking_url=_link(read.payload.customer_tracking_link or ""),
        status=plain_text(read.payload.current_status or "", TEXT_LIMIT),
        arrives_at=moment_or_none(read.payload.estimated_arrival_date) or package.arrives_at,
        items=package.items,
    )


class _Money(msgspec.Struct, rename="camel"):
    currency_code: str
    value: str


class _Item(msgspec.Struct, rename="camel", omit_defaults=True):
    seller_sku: str
    seller_fulfillment_order_item_id: str
    quantity: int
    per_unit_declared_value: _Money | None = None


class _Feature(msgspec.Struct, rename="camel"):
    feature_name: str
    feature_fulfillment_policy: str


class _PreviewRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    marketplace_id: str
    address: EncodableAddress
    items: list[_Item]
    shipping_speed_categories: list[str]
    feature_constraints: list[_Feature] = []


class _CreateRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    marketplace_id: str
    seller_fulfillment_order_id: str
    displayable_order_id: str
    displayable_order_date: str
    displayable_order_comment: str
    shipping_speed_category: str
    destination_address: EncodableAddress
    items: list[_Item]
    fulfillment_action: str
    fulfillment_policy: str
    feature_constraints: list[_Feature] = []


class _FeeRead(msgspec.Struct):
    name: str
    amount: _Money


class _PreviewItem(msgspec.Struct, rename="camel"):
    seller_sku: str
    quantity: int


class _PreviewShipment(msgspec.Struct, rename="camel"):
    fulfillment_preview_items: list[_PreviewItem]
    earliest_ship_date: str | None = None
    latest_ship_date: str | None = None
    earliest_arrival_date: str | None = None
    latest_arrival_date: str | None = None


class _UnfulfillableItem(msgspec.Struct, rename="camel"):
    seller_sku: str
    item_unfulfillable_reasons: list[str] | None = None


class _PreviewRead(msgspec.Struct, rename="camel"):
    shipping_speed_category: str
    is_fulfillable: bool
    estimated_fees: list[_FeeRead] | None = None
    fulfillment_preview_shipments: list[_PreviewShipment] | None = None
    unfulfillable_preview_items: list[_UnfulfillableItem] | None = None
    order_unfulfillable_reasons: list[str] | None = None


class _PreviewsPayload(msgspec.Struct, rename="camel"):
    fulfillment_previews: list[_PreviewRead] | None = None


class _Previews(msgspec.Struct):
    payload: _PreviewsPayload | None = None
    errors: list[Problem] | None = None


class _Done(msgspec.Struct):
    errors: list[Problem] | None = None


class _Listed(msgspec.Struct, rename="camel"):
    seller_fulfillment_order_id: str
    fulfillment_order_status: str | None = None
    status_updated_date: str | None = None


class _Order(_Listed, rename="camel"):
    marketplace_id: str | None = None  # required in the model, missing on the wire (docs#1507)
    received_date: str | None = None


class _OrderItem(msgspec.Struct, rename="camel"):
    seller_sku: str
    seller_fulfillment_order_item_id: str
    quantity: int
    cancelled_quantity: int | None = None
    unfulfillable_quantity: int | None = None
    estimated_ship_date: str | None = None
    estimated_arrival_date: str | None = None


class _ShipmentItem(msgspec.Struct, rename="camel"):
    seller_sku: str
    seller_fulfillment_order_item_id: str
    quantity: int
    package_number: int | None = None


class _Package(msgspec.Struct, rename="camel"):
    package_number: int
    carrier_code: str | None = None
    tracking_number: str | None = None
    amazon_fulfillment_tracking_number: str | None = None
    estimated_arrival_date: str | None = None


class _Shipment(msgspec.Struct, rename="camel"):
    amazon_shipment_id: str
    fulfillment_shipment_status: str
    fulfillment_shipment_item: list[_ShipmentItem]
    fulfillment_center_id: str | None = None
    shipping_date: str | None = None
    estimated_arrival_date: str | None = None
    fulfillment_shipment_package: list[_Package] | None = None


class _OnePayload(msgspec.Struct, rename="camel"):
    fulfillment_order: _Order
    fulfillment_order_items: list[_OrderItem]
    fulfillment_shipments: list[_Shipment] | None = None


class _One(msgspec.Struct):
    payload: _OnePayload | None = None
    errors: list[Problem] | None = None


class _PagePayload(msgspec.Struct, rename="camel"):
    fulfillment_orders: list[msgspec.Raw] | None = None
    next_token: str | None = None


class _Page(msgspec.Struct):
    payload: _PagePayload | None = None
    errors: list[Problem] | None = None


class _TrackingPayload(msgspec.Struct, rename="camel"):
    carrier_code: str | None = None
    tracking_number: str | None = None
    customer_tracking_link: str | None = None
    current_status: str | None = None
    estimated_arrival_date: str | None = None


class _Tracking(msgspec.Struct):
    payload: _TrackingPayload | None = None
    errors: list[Problem] | None = None


_previews = msgspec.json.Decoder(_Previews)
_done = msgspec.json.Decoder(_Done)
_one = msgspec.json.Decoder(_One)
_page = msgspec.json.Decoder(_Page)
_listed = msgspec.json.Decoder(_Listed)
_tracking = msgspec.json.Decoder(_Tracking)


def _path(order_id: str) -> str:
    return f"{_ORDERS}/{quote(order_id, safe='')}"


def _not_found(error: AskHuman) -> NotFound:
    return NotFound(
        error.message,
        operation=error.operation,
        code=error.code,
        request_id=error.request_id,
        status=error.status,
    )


def _item(line: Line) -> _Item:
    value = line.unit_value
    return _Item(
        seller_sku=line.sku,
        seller_fulfillment_order_item_id=line.line_id,
        quantity=line.quantity,
        per_unit_declared_value=_Money(value.currency, str(value)) if value else None,
    )


def _features(consignment: Consignment) -> list[_Feature]:
    return [_Feature("BLANK_BOX", "Required")] if consignment.unbranded else []


def _preview(speed: str, consignment: Consignment, read: _PreviewRead | None) -> Preview:
    if read is None:  # Amazon says nothing of this speed
        return Preview(speed, is_fulfillable=False, missing=missing(consignment.lines, ()))
    shipments = tuple(map(_planned, read.fulfillment_preview_shipments or ()))
    fees = tuple(
        fee(each.name, each.amount.value, each.amount.currency_code) for each in read.estimated_fees or ()
    )
    return Preview(
        speed=speed,
        is_fulfillable=read.is_fulfillable,
        missing=missing(consignment.lines, shipments),
        shipments=shipments,
        fees=fees,
        total=total_of(fees),
        obstacles=(
            *(_obstacle(code) for code in read.order_unfulfillable_reasons or ()),
            *(
                _obstacle(code, item.seller_sku)
                for item in read.unfulfillable_preview_items or ()
                for code in item.item_unfulfillable_reasons or ()
            ),
        ),
    )


def _planned(read: _PreviewShipment) -> PlannedShipment:
    return PlannedShipment(
        units=tuple((item.seller_sku, item.quantity) for item in read.fulfillment_preview_items),
        leaves=Window(moment_or_none(read.earliest_ship_date), moment_or_none(read.latest_ship_date)),
        arrives=Window(moment_or_none(read.earliest_arrival_date), moment_or_none(read.latest_arrival_date)),
    )


def _obstacle(code: str, sku: str = "") -> Obstacle:
    """This version gives a code and no sentence."""
    return Obstacle(reason_of(code, code), plain_text(code, TEXT_LIMIT), sku=sku)


def _order(answer: Answer, read: _OnePayload, order_id: str) -> FulfillmentOrder:
    head = read.fulfillment_order
    if head.seller_fulfillment_order_id != order_id:
        raise answer.trouble("the answer is about another order")
    status = canonical_status(head.fulfillment_order_status or "")
    known = MARKETPLACES.get(head.marketplace_id or "")  # Amazon's inner numbers occur too (models#5374)
    return FulfillmentOrder(
        order_id=order_id,
        status=status,
        picking_begun=status not in _BEFORE_PICKING,
        country=known.country if known else "",
        received_at=moment_or_none(head.received_date),
        status_changed_at=moment_or_none(head.status_updated_date),
        lines=tuple(map(_line, read.fulfillment_order_items)),
        shipments=tuple(map(_shipment, read.fulfillment_shipments or ())),
    )


def _line(read: _OrderItem) -> OrderedLine:
    return OrderedLine(
        line_id=read.seller_fulfillment_order_item_id,
        sku=read.seller_sku,
        quantity=read.quantity,
        cancelled=read.cancelled_quantity or 0,
        unfulfillable=read.unfulfillable_quantity or 0,
        leaves_at=moment_or_none(read.estimated_ship_date),
        arrives_at=moment_or_none(read.estimated_arrival_date),
    )


def _shipment(read: _Shipment) -> OutboundShipment:
    word = plain_text(read.fulfillment_shipment_status, TEXT_LIMIT)
    packages = read.fulfillment_shipment_package or []
    return OutboundShipment(
        shipment_id=read.amazon_shipment_id,
        status=_SHIPMENT_STATUS.get(word, word),
        facility=read.fulfillment_center_id or "",
        left_at=moment_or_none(read.shipping_date),
        arrives_at=moment_or_none(read.estimated_arrival_date),
        items=tuple(map(_packed, read.fulfillment_shipment_item)),
        packages=tuple(
            _package(package, read.fulfillment_shipment_item, is_only_one=len(packages) == 1)
            for package in packages
        ),
    )


def _package(read: _Package, items: Sequence[_ShipmentItem], *, is_only_one: bool) -> OutboundPackage:
    """An item names its package; what names none (or 0) can only be in the only one."""
    nowhere = (None, 0) if is_only_one else ()
    inside = (item for item in items if item.package_number in (read.package_number, *nowhere))
    return OutboundPackage(
        package_id=str(read.package_number),
        carrier_code=plain_text(read.carrier_code or "", TEXT_LIMIT),
        tracking_number=plain_text(read.tracking_number or "", TEXT_LIMIT),
        amazon_tracking_number=plain_text(read.amazon_fulfillment_tracking_number or "", TEXT_LIMIT),
        arrives_at=moment_or_none(read.estimated_arrival_date),
        items=tuple(map(_packed, inside)),
    )


def _packed(item: _ShipmentItem) -> PackedLine:
    return PackedLine(item.seller_fulfillment_order_item_id, item.seller_sku, item.quantity)


def _news(raw: msgspec.Raw) -> News:
    read = _listed.decode(raw)
    return News(
        read.seller_fulfillment_order_id,
        canonical_status(read.fulfillment_order_status or ""),
        moment_or_none(read.status_updated_date),
    )


def _link(text: str) -> str:
    """Amazon's own example comes percent-encoded as a whole, with a line break at its end."""
    return web_link((unquote(text) if "://" not in text else text).strip())
