"""Orders, their items, payments and shipments as documents; a page of orders in a fixed number of statements.

Sums are gross. Discounts stand at the order: `item_total` + `shipping_cost` + `payment_cost` is the
`subtotal`, less `discount_total` the `total`. Both parts of a discount, of items and of the order, are in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import timezone
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api.models import Metafield, OrderExtras
from kogge.backoffice.api.order_fields import CENT, AddressOut, currency_word
from kogge.backoffice.api.sendings import Sending, sendings_of
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.progress import anything_shipped, open_units

STANDARD, REDUCED = Decimal(19), Decimal(7)
HIGHEST_REDUCED = Decimal(12)  # what is above is a standard rate, in whatever year
STATUS = {
    Order.Status.OPEN: "open",
    Order.Status.IN_PROGRESS: "in_progress",
    Order.Status.CLOSED: "closed",
    Order.Status.CANCELLED: "canceled",
    Order.Status.RETURNED: "returned",
}
PAYMENT_STATUS = {
    Order.Payment.OPEN: "not_paid",
    Order.Payment.PAID: "paid",
    Order.Payment.REFUNDED: "refunded",
}
ITEMS_STATUS = {
    Order.Delivery.OPEN: "undelivered",
    Order.Delivery.PACKING: "packed",
    Order.Delivery.PARTIALLY_SHIPPED: "partially_delivered",
    Order.Delivery.SHIPPED: "delivered",
    Order.Delivery.CANCELLED: "canceled",
}
# How people pay: the API's categories, and what the shop calls them. The place in it is the id.
PAYMENT_METHODS = {
    "custom": "Eigene Zahlart",
    "bank_deposit": "Vorkasse",
    "invoice": "Rechnung",
    "cod": "Bezahlung bei Lieferung",
    "money_order": "Lastschrift",
    "cc": "Kreditkarte",
    "paypal": "PayPal",
    "sofortueberweisung": "Sofortüberweisung",
}
OTHER_WORDS = {
    "prepayment": "bank_deposit",
    "vorauskasse": "bank_deposit",
    "überweisung": "bank_deposit",
    "money_transfer": "bank_deposit",
    "direct_debit": "money_order",
    "nachnahme": "cod",
    "credit_card": "cc",
}


class ItemOut(Struct, kw_only=True):
    """A position. Within a shipment, `quantity` is what is in it."""

    id: int
    order_id: int
    product_id: int | None
    shipment_id: int | None
    shipping_address_id: int | None
    code: str
    title: str
    subtitle: str | None = None
    category: str | None = None
    vendor: str | None = None
    options: dict[str, str] | None = None
    quantity: int
    editable_quantity: int
    price: Decimal
    extra_price: Decimal = Decimal(0)
    discount: Decimal
    discount_amount: Decimal
    discount_price: Decimal
    discount_type: str = "money"
    line_price: Decimal
    line_tax: Decimal
    line_weight: Decimal = Decimal(0)
    tax_category: str
    tax_rate: Decimal
    weight: Decimal = Decimal(0)
    shipping_type: str | None
    editable_shipping_type: str | None
    status: str
    current_status_on: date | None = None


class PaymentOut(Struct, kw_only=True):
    """The payment of an order that is paid. It has the order's id."""

    id: int
    order_id: int
    order_code: str
    amount: Decimal
    category: str
    comment: str | None
    currency: str | None = None
    trans_id: str | None
    is_captured: bool
    captured_at: datetime
    captureable: bool = False
    created_at: datetime


class ShipmentOut(Struct, kw_only=True):
    """What is being packed, or was sent. It keeps its id on the way."""

    id: int
    order_id: int
    carrier_name: str | None
    tracking_code: str | None
    tracking_url: str | None
    status: str
    partial_delivery: bool
    fulfilled_by: str | None
    pickup_on: date | None
    pickup_at: datetime | None = None
    created_at: date


class CustomerOut(Struct, kw_only=True):
    """Who buys: somebody written down, or whoever placed an order."""

    id: int
    email: str
    firstname: str
    lastname: str
    active: bool = True
    registered: bool
    accepts_newsletter: bool = False
    birthday: str | None = None
    option_01: str | None = None
    option_02: str | None = None
    option_03: str | None = None
    option_04: str | None = None
    shop_id: int
    created_on: date
    updated_on: date
    billing_address: AddressOut | UnsetType = UNSET


class MetafieldPart(Struct, kw_only=True):
    """What an app keeps at an order."""

    id: int
    namespace: str
    key: str
    value: str
    value_type: int
    description: str
    position: int
    metafieldable_type: str
    metafieldable_id: int


class OrderOut(Struct, kw_only=True):
    """An order with its people. What is nested beyond that was asked for by `include`."""

    id: int
    code: str
    status: str
    payment_status: str
    items_status: str
    payment_type: str
    source: str | None
    origin_name: str | None
    external_id: str | None
    currency: str
    prices_include_tax: bool = True
    item_total: Decimal
    shipping_cost: Decimal
    payment_cost: Decimal
    discount_total: Decimal
    coupon_value: Decimal = Decimal(0)
    subtotal: Decimal
    total: Decimal
    standard_tax_rate: Decimal
    standard_tax_amount: Decimal
    standard_tax_total: Decimal
    reduced_tax_rate: Decimal
    reduced_tax_amount: Decimal
    reduced_tax_total: Decimal
    payment_tax_rate: Decimal = STANDARD
    customer_id: int
    customer_email: str
    items_count: int
    payments_count: int
    shipments_count: int
    weight_total: Decimal = Decimal(0)
    shipping_type: str | None
    note: str | None
    coupon_code: str | None = None
    referrer: str | None = None
    checkout_locale: str
    external_invoicing_id: str | None = None
    bank_account_name: str | None = None
    bank_account_number: str | None = None
    bank_account_bank_name: str | None = None
    bank_account_bank_code: str | None = None
    created_at: datetime
    shop_id: int
    shipping_address: AddressOut
    billing_address: AddressOut
    customer: CustomerOut
    items: list[ItemOut] | UnsetType = UNSET
    payments: list[PaymentOut] | UnsetType = UNSET
    shipments: list[ShipmentOut] | UnsetType = UNSET
    metafields: list[MetafieldPart] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Page:
    """Orders of one merchant with all that their documents are made of."""

    orders: Sequence[Order]
    lines: Mapping[int, Sequence[OrderLine]]  # by order
    sendings: Mapping[int, Sequence[Sending]]  # by order
    extras: Mapping[int, dict[str, Any]]  # by order
    vat: Mapping[int, Decimal]  # by product


def page_of(orders: Sequence[Order]) -> Page:
    """Read what belongs to these orders, in a fixed number of statements."""
    if not orders:
        return Page([], {}, {}, {}, {})
    merchant_id, keys = orders[0].merchant_id, [order.pk for order in orders]
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.of_id(merchant_id).filter(order__in=keys).order_by("position"):
        lines[line.order_id].append(line)
    extras = OrderExtras.objects.of_id(merchant_id).filter(order__in=keys).values_list("order", "fields")
    products = {line.product_id for some in lines.values() for line in some if line.product_id}
    vat = Product.objects.of_id(merchant_id).filter(pk__in=products).values_list("pk", "vat_rate")
    page = Page(orders, lines, sendings_of(orders, lines), dict(extras), dict(vat))
    for sendings in page.sendings.values():
        for sending in sendings:
            if sending.parcel is None:
                _as_noted(page, sending)
    return page


def _as_noted(page: Page, sending: Sending) -> None:
    """What is inside a shipment that is being packed, if a client said so, or will."""
    noted = noted_shipment(page.extras.get(sending.order.pk, {}), sending.id)
    quantities = noted.get("quantities", {})
    if noted.get("follows") or quantities:
        lines = page.lines.get(sending.order.pk, ())
        sending.units = {line.pk: units for line in lines if (units := quantities.get(str(line.position)))}


def item_documents(page: Page, order: Order, sending: Sending | None = None) -> list[ItemOut]:
    """The items of an order, or of one of its shipments."""
    sent_in: dict[int, Sending] = {}
    for each in page.sendings.get(order.pk, ()):
        for line_id in each.units:
            sent_in.setdefault(line_id, each)
    if sending is None:
        return [_item(page, order, line, sent_in.get(line.pk)) for line in page.lines.get(order.pk, ())]
    inside = (line for line in page.lines.get(order.pk, ()) if line.pk in sending.units)
    return [_item(page, order, line, sending, sending.units[line.pk]) for line in inside]


def payment_documents(order: Order, extras: Mapping[str, Any]) -> list[PaymentOut]:
    """The payment of an order that is paid; the shop knows no partial ones."""
    told = extras.get("payment") or {}
    if order.payment_status == Order.Payment.OPEN:
        return []
    channel = CHANNELS.get(order.channel)
    return [
        PaymentOut(
            id=order.pk,
            order_id=order.pk,
            order_code=str(order.number),
            amount=order.total,
            category=payment_category(order.payment_method),
            comment=told.get("comment")
            or (f"{channel.title} {order.external_id}" if channel else order.payment_method or None),
            trans_id=told.get("trans_id") or order.external_id or None,
            is_captured=True,
            captured_at=order.placed_at,
            created_at=order.placed_at,
        )
    ]


def shipment_documents(page: Page, order: Order) -> list[ShipmentOut]:
    """The shipments of an order, the oldest first."""
    return [shipment_document(page, each) for each in page.sendings.get(order.pk, ())]


def shipment_document(page: Page, sending: Sending) -> ShipmentOut:
    order, parcel = sending.order, sending.parcel
    all_units = {line.pk: line.quantity - line.cancelled for line in page.lines.get(order.pk, ())}
    is_all = sending.units == {pk: units for pk, units in all_units.items() if units}
    noted = {} if parcel else noted_shipment(page.extras.get(order.pk, {}), sending.id)
    return ShipmentOut(
        id=sending.id,
        order_id=order.pk,
        carrier_name=(parcel.carrier if parcel else noted.get("carrier_name")) or None,
        tracking_code=(parcel.tracking_number if parcel else noted.get("tracking_code")) or None,
        tracking_url=(parcel.tracking_url if parcel else "") or None,
        status="delivered" if parcel else "packing",
        partial_delivery=not is_all,
        fulfilled_by=(parcel.fulfilled_by if parcel else "") or None,
        pickup_on=_day(parcel.sent_at) if parcel else None,
        created_at=_day(sending.began_at),
    )


def noted_shipment(extras: Mapping[str, Any], sending_id: int) -> dict[str, Any]:
    """What a client wrote about a shipment that is still being packed."""
    noted = extras.get("shipment", {})
    return noted if noted.get("id") == sending_id else {}


def metafields_of(merchant_id: int, orders: Collection[int]) -> dict[int, list[MetafieldPart]]:
    """What apps keep at these orders."""
    found: dict[int, list[MetafieldPart]] = defaultdict(list)
    kept = Metafield.objects.of_id(merchant_id).filter(owner_type="Order", owner_id__in=orders)
    for each in kept.order_by("id"):
        found[each.owner_id].append(
            MetafieldPart(
                id=each.pk,
                namespace=each.namespace,
                key=each.key,
                value=each.value,
                value_type=each.value_type,
                description=each.description,
                position=each.position,
                metafieldable_type=each.owner_type,
                metafieldable_id=each.owner_id,
            )
        )
    return found


def payment_category(method: str) -> str:
    """The API's category for how an order is paid."""
    folded = method.strip().casefold()
    if folded in PAYMENT_METHODS:
        return folded
    by_title = {title.casefold(): name for name, title in PAYMENT_METHODS.items()}
    return by_title.get(folded) or OTHER_WORDS.get(folded, "custom")


def order_document(
    page: Page, order: Order, people: tuple[CustomerOut, AddressOut, AddressOut], include: Collection[str]
) -> OrderOut:
    """One order of the page; `people` are customer, shipping and billing address."""
    customer, shipping_address, billing_address = people
    lines = page.lines.get(order.pk, ())
    sums = _Sums(page, lines)
    channel = CHANNELS.get(order.channel)
    extras = page.extras.get(order.pk, {})
    return OrderOut(
        id=order.pk,
        code=str(order.number),
        status=STATUS[Order.Status(order.status)],
        payment_status=PAYMENT_STATUS[Order.Payment(order.payment_status)],
        items_status=ITEMS_STATUS[Order.Delivery(order.delivery_status)],
        payment_type=payment_category(order.payment_method),
        source=extras.get("source") or (order.channel if channel else None),
        origin_name=channel.title if channel else order.origin or None,
        external_id=order.external_id or None,
        currency=currency_word(order.currency),
        item_total=sums.items,
        shipping_cost=sums.shipping,
        payment_cost=sums.payment,
        discount_total=sums.discount,
        subtotal=sums.items + sums.shipping + sums.payment,
        total=order.total,
        standard_tax_rate=sums.rates["standard"],
        standard_tax_amount=sums.taxes["standard"],
        standard_tax_total=sums.gross["standard"],
        reduced_tax_rate=sums.rates["reduced"],
        reduced_tax_amount=sums.taxes["reduced"],
        reduced_tax_total=sums.gross["reduced"],
        customer_id=customer.id,
        customer_email=customer.email,
        items_count=len(lines),
        payments_count=int(order.payment_status != Order.Payment.OPEN),
        shipments_count=len(page.sendings.get(order.pk, ())),
        shipping_type=order.service_level or None,
        note=order.note or None,
        checkout_locale=order.locale,
        created_at=order.placed_at,
        shop_id=order.merchant_id,
        shipping_address=shipping_address,
        billing_address=billing_address,
        customer=customer,
        items=item_documents(page, order) if "items" in include else UNSET,
        payments=payment_documents(order, extras) if "payments" in include else UNSET,
        shipments=shipment_documents(page, order) if "shipments" in include else UNSET,
    )


class _Sums:
    """The sums of an order out of its lines."""

    def __init__(self, page: Page, lines: Sequence[OrderLine]) -> None:
        nothing = Decimal("0.00")
        self.shipping = sum((line.shipping for line in lines), nothing)
        self.payment = sum((line.other for line in lines), nothing)
        self.discount = -sum((line.discount for line in lines), nothing)
        self.items = sum((_goods(line) for line in lines), nothing)
        self.rates = {"standard": STANDARD, "reduced": REDUCED, "free": nothing}
        self.taxes = dict.fromkeys(self.rates, nothing)
        self.gross = dict.fromkeys(self.rates, nothing)
        for line in lines:
            rate = _tax_rate(page, line)
            category = tax_category(rate)
            self.taxes[category] += line.tax
            self.gross[category] += line.total
            self.rates[category] = rate


def tax_category(rate: Decimal) -> str:
    """standard, reduced or free."""
    if not rate:
        return "free"
    return "standard" if rate > HIGHEST_REDUCED else "reduced"


def _item(
    page: Page, order: Order, line: OrderLine, sending: Sending | None, quantity: int | None = None
) -> ItemOut:
    ordered = line.quantity - line.cancelled
    is_cancelled = ordered == 0 and line.cancelled > 0
    units = line.quantity if is_cancelled else ordered
    if quantity is not None:
        units = quantity
    counted = 0 if is_cancelled else units
    rate = _tax_rate(page, line)
    parcel = sending.parcel if sending else None
    # What the buyer chose says more than who brought it in the end, which stands at the shipment.
    carrier = order.service_level or (parcel.carrier if parcel else "") or None
    discount = _part(-line.discount, counted, line.quantity)
    return ItemOut(
        id=line.pk,
        order_id=line.order_id,
        product_id=line.product_id,
        shipment_id=sending.id if sending else None,
        shipping_address_id=2 * line.order_id,
        code=line.code,
        title=line.title,
        quantity=units,
        editable_quantity=open_units(line),
        price=line.unit_price,
        discount=discount,
        discount_amount=discount,
        discount_price=_part(line.goods + line.discount, 1, line.quantity),
        line_price=_part(_goods(line), counted, line.quantity),
        line_tax=_part(line.tax, counted, line.quantity),
        tax_category=tax_category(rate),
        tax_rate=rate,
        shipping_type=carrier,
        editable_shipping_type=carrier,
        status=_item_status(line, sending, quantity, is_cancelled=is_cancelled),
        current_status_on=_day(parcel.sent_at) if parcel else None,
    )


def _item_status(
    line: OrderLine, sending: Sending | None, quantity: int | None, *, is_cancelled: bool
) -> str:
    if is_cancelled:
        return "canceled"
    if quantity is not None:
        return "delivered" if sending and sending.parcel else "undelivered"
    return "delivered" if anything_shipped([line]) and not open_units(line) else "undelivered"


def _goods(line: OrderLine) -> Decimal:
    """What the goods of a line cost, gross, before any discount."""
    return line.total - line.shipping - line.other - line.discount


def _part(amount: Decimal, units: int, of: int) -> Decimal:
    if units == of:
        return amount
    return (amount * units / of).quantize(CENT, ROUND_HALF_UP) if of else Decimal("0.00")


def _tax_rate(page: Page, line: OrderLine) -> Decimal:
    """The rate that explains the tax of a line; lines keep only the amount."""
    of_product = page.vat.get(line.product_id or 0)
    if not line.tax:
        return of_product if of_product is not None and not line.total else Decimal(0)
    likely = [rate for rate in (of_product, STANDARD, REDUCED) if rate]
    for rate in likely:
        within = (line.total * rate / (100 + rate)).quantize(CENT, ROUND_HALF_UP)
        if abs(within - line.tax) <= CENT:
            return rate
    net = line.total - line.tax
    return (line.tax / net * 100).quantize(Decimal("0.1"), ROUND_HALF_UP) if net > 0 else STANDARD


def _day(moment: datetime) -> date:
    return timezone.localtime(moment).date()
