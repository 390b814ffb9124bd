"""From Amazon's words to ours: an order as Amazon tells it becomes rows and an order for the shop.

Pure translation: nothing here asks the database or the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kogge.amazon.orders.amounts import OrderAmounts, replaced_order
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.shops.port import LineState, NewLine, NewOrder, OrderUpdate
from kogge.spapi.marketplaces import MARKETPLACES
from kogge.spapi.orders_2026_01_01 import Buyer, Order, OrderItem, OrderUnreadable, TimeWindow, read_order
from kogge.values import Address, InvalidValue, amazon_order_id, plain_text

CHANNEL = "amazon"
PAYMENT_METHOD = "Amazon"

PENDING = "PENDING"
UNSHIPPED = "UNSHIPPED"
PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
SHIPPED = "SHIPPED"
CANCELLED = "CANCELLED"

IMPORTABLE = frozenset({UNSHIPPED, PARTIALLY_SHIPPED, SHIPPED})
NOT_YET = frozenset({PENDING, "PENDING_AVAILABILITY"})
KNOWN_STATUSES = IMPORTABLE | NOT_YET | {CANCELLED, "UNFULFILLABLE"}

MERCHANT = "MERCHANT"
NON_AMAZON = "NON_AMAZON"  # Multi-Channel orders, often the shop's own ones coming back

# Amazon's data protection policy: personal data at most this long after delivery.
KEPT_AFTER_DELIVERY = timedelta(days=30)

CANCELLED_BY = {"BUYER": "buyer", "MERCHANT": "merchant"}  # everybody else is "channel"

_MAX_QUANTITY = 1_000_000
_GERMAN_SPEAKING = {"DE", "AT", "CH", "LI"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asked for: it is the only witness for what the answer leaves out.

    `status` is set when the query was for one status alone, because the data set that tells it is broken.
    """

    data_sets: tuple[str, ...]
    fulfilled_by: str = MERCHANT
    status: str = ""

    def knows(self, data_set: str) -> bool:
        return data_set in self.data_sets


@dataclass(frozen=True, slots=True)
class Terms:
    """What the connection decides about orders that become shop orders."""

    notify_buyer: bool
    connected_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Incoming:
    """One order that was understood."""

    order: Order
    raw: bytes
    asked: Asked
    order_id: str
    status: str
    fulfilled_by: str

    def __repr__(self) -> str:
        return f"<Incoming {self.order_id} {self.status}>"


@dataclass(frozen=True, slots=True, repr=False)
class Sick:
    """One order that could not be understood. `order_id` is "?" and a digest when even that is unreadable."""

    raw: bytes
    order_id: str
    reason: str

    def __repr__(self) -> str:
        return f"<Sick {self.order_id}>"


def understand(raw: bytes, asked: Asked) -> Incoming | Sick:
    """Read one order; what is wrong with it is told by `Sick`, never raised."""
    try:
        order = read_order(raw)
        order_id = amazon_order_id(order.order_id)
        _check_items(order.order_items)
    except OrderUnreadable as error:
        return sick(raw, str(error), error.order_id)
    except InvalidValue as error:
        return sick(raw, str(error), order.order_id)
    fulfillment = order.fulfillment
    return Incoming(
        order=order,
        raw=raw,
        asked=asked,
        order_id=order_id,
        status=plain_text(fulfillment.fulfillment_status, 40) if fulfillment else asked.status,
        fulfilled_by=plain_text((fulfillment and fulfillment.fulfilled_by) or asked.fulfilled_by, 20),
    )


def sick(raw: bytes, reason: str, order_id: str | None = None) -> Sick:
    """An order that cannot be taken in, under its own id or, without a readable one, under a digest."""
    try:
        known_as = amazon_order_id(order_id or "")
    except InvalidValue:
        known_as = "?" + hashlib.sha256(raw).hexdigest()[:32]
    return Sick(raw, known_as, plain_text(reason, 500))


def order_row(
    incoming: Incoming, connection_id: int, amounts: OrderAmounts | None, *, now: datetime
) -> AmazonOrder:
    """What Amazon said about an order, not yet decided what becomes of it."""
    order, fulfillment = incoming.order, incoming.order.fulfillment
    ship_by = _latest(fulfillment.ship_by_window) if fulfillment else None
    deliver_by = _latest(fulfillment.deliver_by_window) if fulfillment else None
    return AmazonOrder(
        connection_id=connection_id,
        order_id=incoming.order_id,
        marketplace_id=plain_text(order.sales_channel.marketplace_id, 20),
        status=incoming.status,
        fulfilled_by=incoming.fulfilled_by,
        created_at=order.created_time,
        updated_at=order.last_updated_time,
        first_seen_at=now,
        data_sets=",".join(incoming.asked.data_sets),
        service_level=plain_text(fulfillment.fulfillment_service_level, 40) if fulfillment else "",
        programs=plain_text(",".join(order.programs), 200),
        ship_by=ship_by,
        deliver_by=deliver_by,
        has_address=bool(shipping_address(order)),
        currency=amounts.total.currency if amounts else "",
        total=amounts.total.amount if amounts else None,
        sum_matches=amounts.sum_matches if amounts else True,
        replaces=plain_text(replaced_order(order), 20),
        cancel_requested=any(_is_cancel_requested(item) for item in order.order_items),
        cancelled_by=_cancelled_by(order) if incoming.status == CANCELLED else "",
        purge_at=purge_moment(deliver_by or ship_by or order.last_updated_time),
    )


def purge_moment(delivered_by: datetime) -> datetime:
    """When the personal data of an order must be gone."""
    try:
        return delivered_by + KEPT_AFTER_DELIVERY
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def item_rows(incoming: Incoming) -> list[AmazonOrderItem]:
    """The positions of an order, not yet tied to its row or to products."""
    return [
        AmazonOrderItem(
            position=position,
            item_id=item.order_item_id,
            asin=plain_text(item.product.asin.strip(), 20),
            sku=plain_text(item.product.seller_sku.strip(), 80),
            title=_title(item),
            quantity=item.quantity_ordered,
            fulfilled=units_shipped(item, incoming.status),
        )
        for position, item in enumerate(incoming.order.order_items, start=1)
    ]


def new_order(
    incoming: Incoming,
    amounts: OrderAmounts,
    products: Mapping[str, str],
    terms: Terms,
    *,
    with_people: bool = True,
) -> NewOrder:
    """The order for the shop. `products` names the shop's product by Amazon's item id, where one is known."""
    order, fulfillment = incoming.order, incoming.order.fulfillment
    marketplace = MARKETPLACES.get(order.sales_channel.marketplace_id)
    replaced = replaced_order(order)
    who = _people(order) if with_people else _Who()
    return NewOrder(
        channel=CHANNEL,
        external_id=incoming.order_id,
        placed_at=order.created_time,
        origin=_origin(order),
        payment_method=PAYMENT_METHOD,
        total=amounts.total,
        lines=tuple(_lines(incoming, amounts, products, with_gift_text=with_people)),
        rounding=amounts.rounding,
        ship_by=_latest(fulfillment.ship_by_window) if fulfillment else None,
        deliver_by=_latest(fulfillment.deliver_by_window) if fulfillment else None,
        service_level=plain_text(fulfillment.fulfillment_service_level, 40) if fulfillment else "",
        programmes=order.programs,
        locale=_locale(order, marketplace.country if marketplace else ""),
        notify_buyer=terms.notify_buyer,
        moves_stock=moves_stock(incoming, terms),
        note=f"Ersatz für die Amazon-Bestellung {plain_text(replaced, 20)}" if replaced else "",
        buyer_name=who.buyer_name,
        email=who.email,
        company=who.company,
        purchase_order_number=who.purchase_order_number,
        shipping_address=who.shipping_address,
    )


def _origin(order: Order) -> str:
    """Where it was bought, for people: "Amazon.de"."""
    known = MARKETPLACES.get(order.sales_channel.marketplace_id)
    return plain_text(order.sales_channel.marketplace_name, 100) or (known.name if known else "Amazon")


def moves_stock(incoming: Incoming, terms: Terms) -> bool:
    """Goods that left before Kogge began to count are not in the stock it counts."""
    return incoming.status != SHIPPED or incoming.order.last_updated_time >= terms.connected_at


def order_update(incoming: Incoming, *, with_people: bool) -> OrderUpdate:
    """What the shop should know now about an order it has."""
    fulfillment = incoming.order.fulfillment
    buyer = incoming.order.buyer if with_people else None
    return OrderUpdate(
        channel=CHANNEL,
        external_id=incoming.order_id,
        shipping_address=shipping_address(incoming.order) if with_people else Address(),
        buyer_name=plain_text(buyer.buyer_name, 200) if buyer else "",
        email=plain_text(buyer.buyer_email, 200) if buyer else "",
        ship_by=_latest(fulfillment.ship_by_window) if fulfillment else None,
        deliver_by=_latest(fulfillment.deliver_by_window) if fulfillment else None,
        lines={
            item.order_item_id: LineState(
                quantity=item.quantity_ordered,
                shipped=units_shipped(item, incoming.status),
                cancelled=units_cancelled(item, incoming.status),
            )
            for item in incoming.order.order_items
        },
        cancelled_by=_cancelled_by(incoming.order) if incoming.status == CANCELLED else "",
    )


def shipping_address(order: Order) -> Address:
    """Where the parcel goes; empty when Amazon does not tell (yet)."""
    found = order.recipient.delivery_address if order.recipient else None
    if found is None:
        return Address()
    district = found.district_or_county if found.district_or_county != found.city else ""
    return Address(
        name=plain_text(found.name, 200),
        company=plain_text(found.company_name, 200),
        line1=plain_text(found.address_line1, 200),
        line2=plain_text(found.address_line2, 200),
        line3=plain_text(found.address_line3 or district, 200),
        postal_code=plain_text(found.postal_code, 40),
        city=plain_text(found.city or found.municipality, 200),
        state=plain_text(found.state_or_region, 100),
        country=plain_text(found.country_code, 2),
        phone=plain_text(found.phone, 60),
        is_pickup_point=found.address_type == "PICKUP_POINT",
    )


def units_shipped(item: OrderItem, status: str) -> int:
    """Units of an item that left, as far as Amazon tells; never more than were ordered."""
    told = item.fulfillment.quantity_fulfilled if item.fulfillment else None
    if told is None:
        told = item.quantity_ordered if status == SHIPPED else 0
    return max(0, min(told, item.quantity_ordered))


def units_cancelled(item: OrderItem, status: str) -> int:
    """Units of an item that will never leave, because the item or the whole order is cancelled."""
    is_cancelled = status == CANCELLED or bool(item.cancellation and item.cancellation.cancellation_execution)
    return item.quantity_ordered - units_shipped(item, status) if is_cancelled else 0


def _check_items(items: Sequence[OrderItem]) -> None:
    ids = [item.order_item_id for item in items]
    if len(set(ids)) != len(ids):
        raise InvalidValue("two items with the same id")
    if any(not item_id or len(item_id) > 40 or plain_text(item_id, 40) != item_id for item_id in ids):
        raise InvalidValue("an item without a usable id")
    if any(not 0 <= item.quantity_ordered <= _MAX_QUANTITY for item in items):
        raise InvalidValue("an impossible quantity")
    if not items:
        raise InvalidValue("an order without items")


def _lines(
    incoming: Incoming, amounts: OrderAmounts, products: Mapping[str, str], *, with_gift_text: bool
) -> Iterable[NewLine]:
    for item, parts in zip(incoming.order.order_items, amounts.lines, strict=True):
        if not item.quantity_ordered and not parts.total.amount:
            continue  # Amazon keeps positions whose last unit was cancelled
        yield NewLine(
            external_id=item.order_item_id,
            code=plain_text(item.product.seller_sku.strip(), 80),
            title=_title(item),
            quantity=item.quantity_ordered,
            unit_price=parts.unit_price,
            goods=parts.goods,
            shipping=parts.shipping,
            gift_wrap=parts.gift_wrap,
            other=parts.other,
            discount=parts.discount,
            tax=parts.tax,
            total=parts.total,
            product_id=products.get(item.order_item_id),
            channel_product_id=plain_text(item.product.asin.strip(), 20),
            gift_text=_gift_text(item) if with_gift_text else "",
            shipped=units_shipped(item, incoming.status),
            cancelled=units_cancelled(item, incoming.status),
        )


@dataclass(frozen=True, slots=True)
class _Who:
    """Who ordered and where it goes."""

    buyer_name: str = ""
    email: str = ""
    company: str = ""
    purchase_order_number: str = ""
    shipping_address: Address = field(default_factory=Address)


def _people(order: Order) -> _Who:
    buyer = order.buyer or Buyer()
    address = shipping_address(order)
    return _Who(
        buyer_name=plain_text(buyer.buyer_name, 200) or address.name,
        email=plain_text(buyer.buyer_email, 200),
        company=plain_text(buyer.buyer_company_name, 200),
        purchase_order_number=plain_text(buyer.buyer_purchase_order_number, 100),
        shipping_address=address,
    )


def _title(item: OrderItem) -> str:
    product = item.product
    return plain_text(product.title.strip() or product.seller_sku or product.asin or item.order_item_id, 500)


def _gift_text(item: OrderItem) -> str:
    packing = item.fulfillment.packing if item.fulfillment else None
    return plain_text(packing.gift_option.gift_message, 2000) if packing and packing.gift_option else ""


def _is_cancel_requested(item: OrderItem) -> bool:
    asked = item.cancellation.cancellation_request if item.cancellation else None
    return asked is not None and asked.requester in ("", "BUYER")


def _cancelled_by(order: Order) -> str:
    words = [
        item.cancellation.cancellation_execution.cancelled_by
        for item in order.order_items
        if item.cancellation and item.cancellation.cancellation_execution
    ]
    return CANCELLED_BY.get(words[0], "channel") if words else "channel"


def _latest(window: TimeWindow | None) -> datetime | None:
    return window.latest if window else None


def _locale(order: Order, marketplace_country: str) -> str:
    country = shipping_address(order).country or marketplace_country
    return "de" if country in _GERMAN_SPEAKING or marketplace_country == "DE" else "en"
