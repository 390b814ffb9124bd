"""What a client writes about an order, carried out by the functions the pages use.

Clients send back the whole order as they hold it. So only what differs from the order as it stands is a
wish; a wish that the shop cannot follow is refused with its sentence, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice import dispatch, from_outside, orders, people, returns
from kogge.backoffice.api import people as customers
from kogge.backoffice.api.models import OrderExtras
from kogge.backoffice.api.order_documents import (
    PAYMENT_METHODS,
    PAYMENT_STATUS,
    REDUCED,
    STANDARD,
    STATUS,
    noted_shipment,
    page_of,
)
from kogge.backoffice.api.order_fields import (
    AddressIn,
    Flag,
    Number,
    Word,
    address_in,
    amount,
    currency_code,
    flag,
    moment,
    number,
    record,
    said,
    text,
    whole,
)
from kogge.backoffice.api.resource import Caller, Invalid, Missing
from kogge.backoffice.from_outside import OutsideLine, OutsideOrder
from kogge.backoffice.models import Order, OrderLine
from kogge.backoffice.people import People
from kogge.backoffice.placing import LONGEST_NOTE
from kogge.backoffice.progress import open_units
from kogge.values import Address

MOST_ITEMS = 1_000  # in one document
TAX_RATES = {"standard": STANDARD, "reduced": REDUCED, "free": Decimal(0)}
BUYER_CANCELLED = "buyer_cancelled"  # the API has no field for why


class ItemIn(Struct, kw_only=True):
    """A position as a client writes it: of a product (`product_id` or `code`), or with title and price."""

    id: Number = UNSET
    order_id: Number = UNSET
    product_id: Number = UNSET
    code: Word = UNSET
    title: Word = UNSET
    quantity: Number = UNSET
    price: Number = UNSET
    discount: Number = UNSET
    discount_amount: Number = UNSET
    tax_category: Word = UNSET
    tax_rate: Number = UNSET
    status: Word = UNSET
    shipment_id: Number = UNSET


class PaymentIn(Struct, kw_only=True):
    """A payment as a client writes it. The shop knows only the payment of a whole order."""

    order_id: Number = UNSET
    amount: Number = UNSET
    category: Word = UNSET
    comment: Word = UNSET
    trans_id: Word = UNSET
    is_captured: Flag = UNSET


Items = list[ItemIn] | dict[str, ItemIn] | None | UnsetType
Payments = list[PaymentIn] | dict[str, PaymentIn] | None | UnsetType
MaybeAddress = AddressIn | None | UnsetType


class OrderIn(Struct, kw_only=True):
    """An order as a client writes it. With `origin_name` or `source` it was sold somewhere else."""

    status: Word = UNSET
    payment_status: Word = UNSET
    payment_type: Word = UNSET
    source: Word = UNSET
    origin_name: Word = UNSET
    currency: Word = UNSET
    item_total: Number = UNSET
    shipping_cost: Number = UNSET
    payment_cost: Number = UNSET
    discount_total: Number = UNSET
    prices_include_tax: Flag = UNSET
    standard_tax_amount: Number = UNSET
    reduced_tax_amount: Number = UNSET
    total: Number = UNSET
    shipping_type: Word = UNSET
    customer_id: Number = UNSET
    customer_email: Word = UNSET
    checkout_locale: Word = UNSET
    note: Word = UNSET
    created_at: Word = UNSET
    shipping_address: MaybeAddress = UNSET
    shipping_address_attributes: MaybeAddress = UNSET
    billing_address: MaybeAddress = UNSET
    billing_address_attributes: MaybeAddress = UNSET
    items: Items = UNSET
    items_attributes: Items = UNSET
    payments: Payments = UNSET


def place(caller: Caller, sent: OrderIn) -> Order:
    """Place the order; the caller's transaction covers what is kept about it. Raises `Refusal`, `Invalid`."""
    status = text(sent.status)
    if status not in {"", "open", "in_progress"}:
        raise Invalid({"status": [_("Eine neue Bestellung ist offen.")]})
    origin = text(sent.origin_name, longest=100) or text(sent.source, longest=100)
    who, customer = _people_of_new(caller, sent)
    payments = listed("payments", sent.payments)
    outside = OutsideOrder(
        lines=tuple(outside_line(item) for item in _items(sent)),
        people=who,
        origin=origin,
        paid=_pays(sent) or bool(payments),
        shipping=amount("shipping_cost", sent.shipping_cost) or Decimal(0),
        payment_cost=amount("payment_cost", sent.payment_cost) or Decimal(0),
        discount=abs(amount("discount_total", sent.discount_total) or Decimal(0)),
        tax_on_top=_tax_on_top(sent),
        goods=amount("item_total", sent.item_total),
        total=amount("total", sent.total),
        shipping_method=text(sent.shipping_type, longest=40),
        currency=currency_code("currency", sent.currency),
        payment_method=_payment_method(sent, origin),
        locale=text(sent.checkout_locale, "de", 5),
        note=text(sent.note, longest=LONGEST_NOTE),
        placed_at=moment("created_at", sent.created_at),
    )
    order = from_outside.place_from_outside(caller.merchant, outside, actor=actor(caller), now=caller.now)
    check_payments(order.total, payments)
    kept = {
        "source": text(sent.source, longest=100),
        "customer": customer,
        "payment": payment_facts(payments),
    }
    if kept := {name: value for name, value in kept.items() if value}:
        OrderExtras.objects.everyone().create(order=order, fields=kept)
    return order


def change(caller: Caller, order: Order, sent: OrderIn) -> None:
    """Do what differs from the order as it stands. Raises `Refusal` and `Invalid`."""
    _change_people(caller, order, sent)
    if said(sent.note):
        from_outside.write_note(
            order, text(sent.note, longest=LONGEST_NOTE), actor=actor(caller), now=caller.now
        )
    for item in listed("items_attributes", sent.items_attributes):
        _change_or_add_item(caller, order, item)
    _change_payment(caller, order, text(sent.payment_status))
    _change_status(caller, order, text(sent.status))


def check_payments(total: Decimal, payments: Sequence[PaymentIn]) -> None:
    """A payment that was only announced is none, and a part of the total is not enough. Raises `Invalid`."""
    if any(flag(payment.is_captured) is False for payment in payments):
        raise Invalid({"is_captured": [_("Nur eine Zahlung, die eingegangen ist, kann erfasst werden.")]})
    amounts = [amount("amount", payment.amount) for payment in payments]
    paid = sum((each for each in amounts if each is not None), Decimal())
    if payments and None not in amounts and paid < total:
        raise Invalid(
            {"amount": [_("Bezahlt ist eine Bestellung nur ganz; offen sind {total}.").format(total=total)]}
        )


def payment_facts(payments: Sequence[PaymentIn]) -> dict[str, str]:
    """What a client says of a payment that the shop has no column for."""
    facts: dict[str, str] = {}
    for payment in payments:
        told = {"comment": text(payment.comment), "trans_id": text(payment.trans_id)}
        facts |= {name: word for name, word in told.items() if word}
    return facts


def outside_line(item: ItemIn) -> OutsideLine:
    """The position a client describes. Raises `Invalid`."""
    rate = number("tax_rate", item.tax_rate)
    category = text(item.tax_category)
    if rate is None and category:
        if category not in TAX_RATES:
            raise Invalid({"tax_category": [_("Diese Steuerklasse gibt es nicht.")]})
        rate = TAX_RATES[category]
    quantity = whole("quantity", item.quantity)
    off = amount("discount_amount", item.discount_amount)
    if off is None:
        off = amount("discount", item.discount)
    return OutsideLine(
        quantity=1 if quantity is None else quantity,
        code=text(item.code, longest=80),
        product_id=record("product_id", item.product_id),
        title=text(item.title, longest=500),
        unit_price=amount("price", item.price),
        discount=abs(off or Decimal(0)),
        tax_rate=rate,
    )


def change_item(caller: Caller, line: OrderLine, sent: ItemIn) -> None:
    """Fewer units of a position, or none. Raises `Refusal` and `Invalid`."""
    left = line.quantity - line.cancelled
    shown = "canceled" if not left else "undelivered" if open_units(line) else "delivered"
    status = text(sent.status).replace("cancelled", "canceled")
    wanted = whole("quantity", sent.quantity)
    if shown == "canceled" and status in {"", "canceled"}:
        return
    shipment = record("shipment_id", sent.shipment_id)
    if status == "delivered" and shipment and open_units(line):
        _send_with(caller, line, shipment)
        return
    if status == "canceled":
        wanted = 0
    elif status not in {"", shown}:
        raise Invalid({"status": [_("Dieser Status folgt aus den Sendungen der Bestellung.")]})
    if wanted is None or wanted == left:
        return
    if wanted > left:
        raise Invalid({"quantity": [_("Mehr Stück als bestellt: lege dafür eine neue Position an.")]})
    _reduce(caller, line, wanted)


def listed(name: str, sent: Any) -> Sequence[Any]:
    """A list, or what Rails makes of one in a form: an object with numbers as keys. Raises `Invalid`."""
    if not said(sent):
        return []
    found = list(sent.values()) if isinstance(sent, dict) else list(sent)
    if len(found) > MOST_ITEMS:
        raise Invalid({name: [_("Das sind zu viele auf einmal.")]})
    return found


def actor(caller: Caller) -> str:
    """Who did it, for the log of the order."""
    return caller.key.name


def _change_or_add_item(caller: Caller, order: Order, item: ItemIn) -> None:
    """Rails' way to write positions with their order: with an id it is one that is there."""
    pk = record("items_attributes", item.id)
    if pk is None:
        from_outside.add_line(order, outside_line(item), actor=actor(caller), now=caller.now)
    elif line := order.lines.filter(pk=pk).first():
        change_item(caller, line, item)
    else:
        raise Invalid({"items_attributes": [_("Diese Position hat die Bestellung nicht.")]})


def _send_with(caller: Caller, line: OrderLine, shipment: int) -> None:
    """What is open of a position goes in this shipment; one that is still being packed leaves with it."""
    page = page_of([line.order])
    sending = next((each for each in page.sendings[line.order_id] if each.id == shipment), None)
    if sending is None:
        raise Invalid({"shipment_id": [_("Diese Sendung hat die Bestellung nicht.")]})
    units, by, now = {line.position: open_units(line)}, actor(caller), caller.now
    if sending.parcel:
        dispatch.add_to_parcel(sending.parcel, units, actor=by, now=now)
        return
    noted = noted_shipment(page.extras.get(line.order_id, {}), shipment)
    dispatch.ship(
        line.order,
        carrier=noted.get("carrier_name", ""),
        tracking_number=noted.get("tracking_code", ""),
        quantities=units,
        actor=by,
        now=now,
    )


def _reduce(caller: Caller, line: OrderLine, units: int) -> None:
    order, by, now = line.order, actor(caller), caller.now
    others = order.lines.exclude(pk=line.pk)
    if not units and not any(other.quantity > other.cancelled for other in others):
        orders.cancel(order, BUYER_CANCELLED, actor=by, now=now)
    elif order.channel == from_outside.CHANNEL:
        from_outside.cancel_some(order, {line.position: units}, actor=by, now=now)
    else:
        orders.change_order(order, quantities={line.position: units}, actor=by, now=now)


def _items(sent: OrderIn) -> Sequence[ItemIn]:
    return listed("items", sent.items) or listed("items_attributes", sent.items_attributes)


def _pays(sent: OrderIn) -> bool:
    status = text(sent.payment_status)
    if status not in {"", *PAYMENT_STATUS.values()} or status == "refunded":
        raise Invalid({"payment_status": [_("Eine neue Bestellung ist bezahlt oder nicht.")]})
    return status == "paid"


def _tax_on_top(sent: OrderIn) -> Decimal | None:
    """All of the tax of an order with net prices; None with gross ones, as the shop's own are."""
    if flag(sent.prices_include_tax) is not False:
        return None
    standard = amount("standard_tax_amount", sent.standard_tax_amount) or Decimal(0)
    return standard + (amount("reduced_tax_amount", sent.reduced_tax_amount) or Decimal(0))


def _payment_method(sent: OrderIn, origin: str) -> str:
    """What the order page says of it: the title of a category, or whatever was written."""
    method = text(sent.payment_type, longest=80)
    if method == "custom" and origin:
        return origin[:80]
    return PAYMENT_METHODS.get(method, method)


def _people_of_new(caller: Caller, sent: OrderIn) -> tuple[People, int | None]:
    """The people of a new order, and the row of its customer if it has one."""
    email = text(sent.customer_email, longest=254)
    customer = record("customer_id", sent.customer_id)
    try:
        row = customers.customer_row(caller.merchant.pk, customer) if customer else None
    except Missing as unknown:
        raise Invalid({"customer_id": [_("Diesen Kunden gibt es nicht.")]}) from unknown
    row = row or customers.customer_with_email(caller.merchant.pk, email)
    shipping = address_in(_first(sent.shipping_address, sent.shipping_address_attributes), Address())
    billing = address_in(_first(sent.billing_address, sent.billing_address_attributes), Address())
    shipping = shipping or billing
    return People(
        buyer_name=billing.name or shipping.name,
        email=email,
        company=billing.company or shipping.company,
        shipping=shipping,
        billing=billing if billing != shipping else Address(),
    ), row


def _first(*sent: MaybeAddress) -> MaybeAddress:
    return next((address for address in sent if said(address)), UNSET)


def _wants_to_forget(order: Order, sent: OrderIn) -> bool:
    """A name in place of a whole address, each part of which is emptied: how clients blank a person."""
    address = _first(
        sent.shipping_address,
        sent.shipping_address_attributes,
        sent.billing_address,
        sent.billing_address_attributes,
    )
    if order.channel != from_outside.CHANNEL or not isinstance(address, AddressIn):
        return False
    parts = (address.street, address.streetnumber, address.zipcode, address.city)
    return all(part == "" for part in parts) and bool(text(address.lastname))


def _change_people(caller: Caller, order: Order, sent: OrderIn) -> None:
    if _wants_to_forget(order, sent):
        people.forget_people(order.merchant_id, [order.pk], actor=actor(caller), now=caller.now)
        return
    known = people.people_of(order)
    shipping = address_in(_first(sent.shipping_address, sent.shipping_address_attributes), known.shipping)
    shown = known.billing or replace(
        known.shipping, name=known.buyer_name or known.shipping.name, company=known.company
    )
    billing = address_in(_first(sent.billing_address, sent.billing_address_attributes), shown)
    email = text(sent.customer_email, known.email, 254)
    told = replace(
        known,
        email=email,
        shipping=shipping,
        billing=known.billing if billing == shown else billing,
        buyer_name=known.buyer_name if billing.name == shown.name else billing.name,
    )
    if told == known:
        return
    if order.channel == from_outside.CHANNEL:
        if not known:
            told = replace(told, buyer_name=told.buyer_name or shipping.name)
        from_outside.complete_people(order, told, actor=actor(caller), now=caller.now)
    elif (told.email, told.billing, told.buyer_name) != (known.email, known.billing, known.buyer_name):
        raise Invalid(
            {"billing_address": [_("An dieser Bestellung lässt sich nur die Lieferadresse ändern.")]}
        )
    else:
        orders.change_order(order, address=shipping, actor=actor(caller), now=caller.now)


def _change_payment(caller: Caller, order: Order, wanted: str) -> None:
    if wanted in {"", PAYMENT_STATUS[Order.Payment(order.payment_status)]}:
        return
    if wanted != "paid":
        raise Invalid(
            {
                "payment_status": [
                    _("Dieser Bezahlstatus lässt sich nicht setzen: {status}.").format(status=wanted)
                ]
            }
        )
    orders.mark_paid(order, actor=actor(caller), now=caller.now)


def _change_status(caller: Caller, order: Order, wanted: str) -> None:
    wanted = "canceled" if wanted == "cancelled" else wanted
    standing = STATUS[Order.Status(order.status)]
    if wanted in {"", standing}:
        return
    act = _ACTS.get((standing, wanted)) or _ACTS.get(("", wanted))
    if act is None:
        raise Invalid(
            {
                "status": [
                    _("Von „{standing}“ zu „{wanted}“ führt hier kein Weg.").format(
                        standing=standing, wanted=wanted
                    )
                ]
            }
        )
    act(caller, order)


def _cancel(caller: Caller, order: Order) -> None:
    orders.cancel(order, BUYER_CANCELLED, actor=actor(caller), now=caller.now)


def _reopen(caller: Caller, order: Order) -> None:
    """Only what another program brought: of the shop's own and of channels, others have let go meanwhile."""
    if order.channel != from_outside.CHANNEL:
        raise Invalid({"status": [_("Diese Stornierung lässt sich nicht zurücknehmen.")]})
    orders.reinstate(order, actor=actor(caller), now=caller.now)


def _return_all(caller: Caller, order: Order) -> None:
    """Everything that was sent came back. Whether it can be sold again nobody said: it is not counted."""
    out = {line.position: line.shipped - line.returned for line in order.lines.all()}
    returns.record_return(
        order,
        {position: units for position, units in out.items() if units},
        restock=False,
        actor=actor(caller),
        now=caller.now,
    )


def _begin(caller: Caller, order: Order) -> None:
    dispatch.start_packing(order, actor=actor(caller), now=caller.now)


# What is done to get from one status to another; without a first one, from any.
_ACTS: Mapping[tuple[str, str], Callable[[Caller, Order], None]] = {
    ("", "canceled"): _cancel,
    ("canceled", "open"): _reopen,
    ("canceled", "in_progress"): _reopen,
    ("open", "in_progress"): _begin,
    ("", "returned"): _return_all,
}
