"""Fulfillment Outbound API 2026-07-04: Amazon ships what the shop sold. The newer of two live versions.

https://developer-docs.amazon.com/sp-api/docs/fulfillment-outbound-migration-guide
Use it through `fulfillment_outbound`. Some of Amazon's operation ids (getOrder, cancelOrder) belong to the
Orders API as well, with other limits, so ours begin with "outbound".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.fulfillment_orders import (
    TEXT_LIMIT,
    Changes,
    Consignment,
    EncodableAddress,
    Fee,
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
    Preview,
    Speed,
    Window,
    all_changes,
    blocks,
    canonical_status,
    encodable_address,
    fee,
    missing,
    moment_or_none,
    reason_of,
    total_of,
    whole_units,
)
from kogge.spapi.orders_2026_01_01 import amazon_time
from kogge.spapi.transport import Answer, web_link
from kogge.values import InvalidValue, plain_text

VERSION = "2026-07-04"
CHANNEL = "SHOP"

_BASE = f"/fulfillment/outbound/{VERSION}"
_ORDERS = f"{_BASE}/orders"
_EACHES = "EACHES"


def preview(client: Amazon, consignment: Consignment, speeds: Sequence[Speed]) -> tuple[Preview, ...]:
    """What Amazon would do with it at each of these speeds. Raises `AmazonError`; changes nothing."""
    body = _PreviewRequest(
        origin=_Origin(consignment.country),
        destination=_Destination(encodable_address(consignment.destination)),
        fulfillment_configuration=_Configuration(
            service_level=_ServiceLevel(list(speeds)), services=_services(consignment)
        ),
        line_items=[_PreviewLine(_product(line), _Amount(str(line.quantity))) for line in consignment.lines],
        channel=CHANNEL,
    )
    answer = client.write("outboundGetOrderPreview", "POST", f"{_BASE}/previews", body, repeatable=True)
    read = answer.read(_preview)
    return tuple(_preview_at(answer, speed, consignment, read) for speed in speeds)


def create_order(client: Amazon, request: FulfillmentRequest) -> None:
    """Have an order shipped. Raises `OutcomeUnknown` when it may exist: read before repeating.

    Amazon answers with the order, or, when it looks at it later, only with its id. Of both only the id is
    believed: how the order stands is read with `get_order`.
    """
    consignment = request.consignment
    body = _CreateRequest(
        order_id=request.order_id,
        channel=CHANNEL,
        origin=_Origin(consignment.country),
        fulfillment_configuration=_Configuration(
            service_level=_ServiceLevel([request.speed]),
            action="SHIP",
            policy=request.policy,
            services=_services(consignment),
        ),
        destination=_Destination(encodable_address(consignment.destination)),
        line_items=[
            _CreateLine(line.line_id, _product(line), _Amount(str(line.quantity)))
            for line in consignment.lines
        ],
    )
    answer = client.write("outboundCreateOrder", "POST", _ORDERS, body)
    read = answer.read(_created)
    if (read.order or read).order_id != request.order_id:
        raise answer.trouble("the answer does not say that this order was accepted")


def get_order(client: Amazon, order_id: str) -> FulfillmentOrder:
    """One order with its shipments, packages and tracking. Raises `NotFound`."""
    answer = client.get("outboundGetOrder", _path(order_id), (("shipments", "INCLUDE"),))
    return _order(answer, answer.read(_one).order, order_id)


def list_changed(client: Amazon, since: datetime) -> Changes:
    """All orders that changed since then, whoever created them; only what is needed to read them."""

    def page(token: str) -> tuple[Answer, Sequence[msgspec.Raw], str | None]:
        params = (("updatedAfter", amazon_time(since)), ("shipments", "EXCLUDE"))
        page_of = (("pageToken", token),) if token else ()
        answer = client.get("outboundListOrders", _ORDERS, (*params, *page_of))
        read = answer.read(_page)
        return answer, read.orders, read.pagination.next_token if read.pagination else None

    return all_changes(page, _news)


def cancel_order(client: Amazon, order_id: str) -> None:
    """Ask Amazon to stop. Accepted is not cancelled: read the order afterwards. May be repeated."""
    client.write("outboundCancelOrder", "PUT", f"{_path(order_id)}/cancel")


class _Origin(msgspec.Struct, rename="camel"):
    country_code: str


class _Destination(msgspec.Struct, rename="camel"):
    delivery_address: EncodableAddress


class _ServiceLevel(msgspec.Struct, rename="camel"):
    service_tiers: list[Speed]


class _Packaging(msgspec.Struct, rename="camel"):
    packaging_option: str


class _Services(msgspec.Struct):
    packaging: _Packaging


class _Configuration(msgspec.Struct, rename="camel", omit_defaults=True):
    service_level: _ServiceLevel
    services: _Services
    action: str = ""
    policy: str = ""


class _Identifier(msgspec.Struct, rename="camel"):
    amazon_sku: str


class _Money(msgspec.Struct, rename="camel"):
    currency_code: str
    amount: str


class _Product(msgspec.Struct, rename="camel", omit_defaults=True):
    product_identifier: _Identifier
    per_unit_declared_value: _Money | None = None


class _Amount(msgspec.Struct):
    value: str
    unit: str = _EACHES


class _PreviewLine(msgspec.Struct):
    product: _Product
    amount: _Amount


class _CreateLine(msgspec.Struct, rename="camel"):
    line_item_id: str
    product: _Product
    amount: _Amount


class _PreviewRequest(msgspec.Struct, rename="camel"):
    origin: _Origin
    destination: _Destination
    fulfillment_configuration: _Configuration
    line_items: list[_PreviewLine]
    channel: str


class _CreateRequest(msgspec.Struct, rename="camel"):
    order_id: str
    channel: str
    origin: _Origin
    fulfillment_configuration: _Configuration
    destination: _Destination
    line_items: list[_CreateLine]


class _Interval(msgspec.Struct, rename="camel"):
    start_time: str | None = None
    end_time: str | None = None


class _OfferLevel(msgspec.Struct, rename="camel"):
    service_tier: str | None = None
    delivery_interval: _Interval | None = None
    ship_interval: _Interval | None = None


class _OfferConfiguration(msgspec.Struct, rename="camel"):
    service_level: _OfferLevel | None = None


class _RollupPrice(msgspec.Struct):
    type: str
    value: _Money


class _EstimatedPrice(msgspec.Struct, rename="camel"):
    rollup_prices: list[_RollupPrice] | None = None
    total_price: _Money | None = None


class _Offer(msgspec.Struct, rename="camel"):
    fulfillment_configuration: _OfferConfiguration | None = None
    estimated_price: _EstimatedPrice | None = None


class _PlannedItem(msgspec.Struct, rename="camel"):
    product_identifier: _Identifier
    amount: _Amount


class _Planned(msgspec.Struct):
    items: list[_PlannedItem]
    offers: list[_Offer] | None = None


class _ConstraintDetail(msgspec.Struct):
    type: str = ""
    value: str = ""


class _Constraint(msgspec.Struct):
    code: str = ""
    message: str | None = None
    details: list[_ConstraintDetail] | None = None


class _Preview(msgspec.Struct, rename="camel"):
    planned_shipments: list[_Planned]
    constraints: list[_Constraint] | None = None


class _OriginRead(msgspec.Struct, rename="camel"):
    country_code: str | None = None


class _LineItem(msgspec.Struct, rename="camel"):
    line_item_id: str
    product: _Product
    amount: _Amount
    cancelled_amount: _Amount | None = None
    unfulfillable_amount: _Amount | None = None


class _ShipmentItem(msgspec.Struct, rename="camel"):
    line_item_id: str
    product_identifier: _Identifier
    amount: _Amount
    package_id: str | None = None
    shipment_item_id: str | None = None


class _CarrierTracking(msgspec.Struct, rename="camel"):
    carrier_code: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None


class _AmazonTracking(msgspec.Struct, rename="camel"):
    tracking_number: str | None = None
    tracking_url: str | None = None


class _Tracking(msgspec.Struct):
    carrier: _CarrierTracking | None = None
    amazon: _AmazonTracking | None = None


class _Package(msgspec.Struct, rename="camel"):
    package_id: str
    status: str | None = None
    delivery_time: str | None = None
    tracking: _Tracking | None = None
    shipment_item_ids: list[str] | None = None


class _Facility(msgspec.Struct, rename="camel"):
    facility_id: str = ""


class _Shipment(msgspec.Struct, rename="camel"):
    amazon_shipment_id: str
    status: str
    items: list[_ShipmentItem]
    amazon_facility: _Facility | None = None
    ship_time: str | None = None
    delivery_time: str | None = None
    packages: list[_Package] | None = None


class _Order(msgspec.Struct, rename="camel"):
    order_id: str
    line_items: list[_LineItem]
    status: str | None = None
    origin: _OriginRead | None = None
    receive_time: str | None = None
    status_update_time: str | None = None
    shipments: list[_Shipment] | None = None


class _One(msgspec.Struct):
    order: _Order


class _OrderId(msgspec.Struct, rename="camel"):
    order_id: str | None = None


class _Created(_OrderId):
    order: _OrderId | None = None


class _Listed(msgspec.Struct, rename="camel"):
    order_id: str
    status: str | None = None
    status_update_time: str | None = None


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class _Page(msgspec.Struct):
    orders: list[msgspec.Raw]
    pagination: _Pagination | None = None


_preview = msgspec.json.Decoder(_Preview)
_created = msgspec.json.Decoder(_Created)
_one = msgspec.json.Decoder(_One)
_page = msgspec.json.Decoder(_Page)
_listed = msgspec.json.Decoder(_Listed)


def _path(order_id: str) -> str:
    return f"{_ORDERS}/{quote(order_id, safe='')}"


def _product(line: Line) -> _Product:
    value = line.unit_value
    return _Product(_Identifier(line.sku), _Money(value.currency, str(value)) if value else None)


def _services(consignment: Consignment) -> _Services:
    return _Services(_Packaging("UNBRANDED" if consignment.unbranded else "ANY"))


def _preview_at(answer: Answer, speed: str, consignment: Consignment, read: _Preview) -> Preview:
    """Amazon previews shipment by shipment; an order needs an offer for each of them."""
    offers = [_offer_at(speed, planned) for planned in read.planned_shipments]
    try:
        shipments = tuple(map(_planned, read.planned_shipments, offers))
    except InvalidValue:
        raise answer.trouble("the answer is incomplete or unreadable") from None
    prices = [offer.estimated_price for offer in offers if offer and offer.estimated_price]
    totals = [_fee("total", price.total_price) for price in prices if price.total_price]
    obstacles = tuple(filter(lambda each: each.speed in ("", speed), map(_obstacle, read.constraints or ())))
    not_planned = missing(consignment.lines, shipments)
    return Preview(
        speed=speed,
        is_fulfillable=None not in offers and not not_planned and not any(map(blocks, obstacles)),
        missing=not_planned,
        shipments=shipments,
        fees=tuple(_fee(each.type, each.value) for price in prices for each in price.rollup_prices or ()),
        total=total_of(totals) if len(totals) == len(offers) else None,
        obstacles=obstacles,
    )


def _offer_at(speed: str, planned: _Planned) -> _Offer | None:
    return next((offer for offer in planned.offers or () if _level(offer).service_tier == speed), None)


def _level(offer: _Offer | None) -> _OfferLevel:
    configuration = offer.fulfillment_configuration if offer else None
    return (configuration.service_level if configuration else None) or _OfferLevel()


def _planned(planned: _Planned, offer: _Offer | None) -> PlannedShipment:
    level = _level(offer)
    return PlannedShipment(
        units=tuple((item.product_identifier.amazon_sku, _units(item.amount)) for item in planned.items),
        leaves=_window(level.ship_interval),
        arrives=_window(level.delivery_interval),
    )


def _window(interval: _Interval | None) -> Window:
    read = interval or _Interval()
    return Window(moment_or_none(read.start_time), moment_or_none(read.end_time))


def _fee(name: str, value: _Money) -> Fee:
    return fee(name, value.amount, value.currency_code)


def _obstacle(constraint: _Constraint) -> Obstacle:
    details = {detail.type: detail.value for detail in constraint.details or ()}
    message = plain_text(constraint.message or "", TEXT_LIMIT)
    return Obstacle(
        reason=reason_of(constraint.code, message),
        code=plain_text(constraint.code, TEXT_LIMIT),
        message=message,
        sku=details.get("amazonSku", ""),
        speed=details.get("serviceTier", ""),
    )


def _order(answer: Answer, read: _Order, order_id: str) -> FulfillmentOrder:
    if read.order_id != order_id:
        raise answer.trouble("the answer is about another order")
    try:
        lines = tuple(map(_line, read.line_items))
        shipments = tuple(map(_shipment, read.shipments or ()))
    except InvalidValue:
        raise answer.trouble("the answer is incomplete or unreadable") from None
    return FulfillmentOrder(
        order_id=read.order_id,
        status=canonical_status(read.status or ""),
        # PROCESSING is all this version says; that picking has begun shows in a shipment.
        picking_begun=any(shipment.status != "CANCELLED" for shipment in shipments),
        country=(read.origin.country_code if read.origin else None) or "",
        received_at=moment_or_none(read.receive_time),
        status_changed_at=moment_or_none(read.status_update_time),
        lines=lines,
        shipments=shipments,
    )


def _line(read: _LineItem) -> OrderedLine:
    return OrderedLine(
        line_id=read.line_item_id,
        sku=read.product.product_identifier.amazon_sku,
        quantity=_units(read.amount),
        cancelled=_units(read.cancelled_amount) if read.cancelled_amount else 0,
        unfulfillable=_units(read.unfulfillable_amount) if read.unfulfillable_amount else 0,
    )


def _shipment(read: _Shipment) -> OutboundShipment:
    packages = read.packages or []
    return OutboundShipment(
        shipment_id=read.amazon_shipment_id,
        status=plain_text(read.status, TEXT_LIMIT),
        facility=read.amazon_facility.facility_id if read.amazon_facility else "",
        left_at=moment_or_none(read.ship_time),
        arrives_at=moment_or_none(read.delivery_time),
        items=tuple(map(_packed, read.items)),
        packages=tuple(_package(package, read.items, is_only_one=len(packages) == 1) for package in packages),
    )


def _package(read: _Package, items: Sequence[_ShipmentItem], *, is_only_one: bool) -> OutboundPackage:
    """An item names its package, or the package its items; what nobody names can only be in the only one."""
    named = read.shipment_item_ids or []
    inside = [
        item
        for item in items
        if item.package_id == read.package_id
        or item.shipment_item_id in named
        or (is_only_one and item.package_id is None and not named)
    ]
    carrier = (read.tracking.carrier if read.tracking else None) or _CarrierTracking()
    amazon = (read.tracking.amazon if read.tracking else None) or _AmazonTracking()
    return OutboundPackage(
        package_id=read.package_id,
        carrier_code=plain_text(carrier.carrier_code or "", TEXT_LIMIT),
        tracking_number=plain_text(carrier.tracking_number or "", TEXT_LIMIT),
        amazon_tracking_number=plain_text(amazon.tracking_number or "", TEXT_LIMIT),
        tracking_url=web_link(carrier.tracking_url or amazon.tracking_url or ""),
        status=plain_text(read.status or "", TEXT_LIMIT),
        arrives_at=moment_or_none(read.delivery_time),
        items=tuple(map(_packed, inside)),
    )


def _packed(item: _ShipmentItem) -> PackedLine:
    return PackedLine(item.line_item_id, item.product_identifier.amazon_sku, _units(item.amount))


def _units(amount: _Amount) -> int:
    """Raises `InvalidValue` for anything but a whole number of units."""
    if amount.unit != _EACHES:
        raise InvalidValue("not counted in units")
    return whole_units(amount.value)


def _news(raw: msgspec.Raw) -> News:
    read = _listed.decode(raw)
    return News(read.order_id, canonical_status(read.status or ""), moment_or_none(read.status_update_time))
