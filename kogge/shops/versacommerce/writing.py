"""A channel's order as the shop's document. Its parts add up to the total, to the cent.

Gross prices:  items + shipping - discount = total
Net prices:    items + shipping - discount + tax = total

Items are goods at a price a piece. What does not come out even at a price a piece, and what else was paid
for, stands in items of its own behind the goods, so that no price is bent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from kogge.shops.port import NewLine, NewOrder
from kogge.shops.remote import RemoteLine
from kogge.shops.versacommerce.addresses import address_fields
from kogge.shops.versacommerce.orders import NOTE_LINE
from kogge.shops.versacommerce.products import percent
from kogge.values import CENT, Address

Fields = dict[str, object]

GIFT_WRAP = "Geschenkverpackung"
OTHER_COSTS = "Weitere Kosten"
ODD_CENTS = "Rundungsdifferenz"
GIFT_TEXT = "Geschenktext: "
PURCHASE_ORDER = "Bestellnummer des Kunden: "
NOT_SENT = "Beim Kauf schon storniert: "
PEOPLES_LINES = (GIFT_TEXT, PURCHASE_ORDER)  # what of a note is about the buyer

NOTHING = Decimal("0.00")
_SIGNS = {"EUR": "€"}  # the shop writes a sign where others write three letters
_ADDRESSES = {"shipping_address", "billing_address"}
_REDUCED_BELOW = 15  # per cent; a rate is one or the other to the shop, in every country
_RATES = [Decimal(rate) / 2 for rate in range(55)]  # 0 to 27 per cent, by halves


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the document. Without `product_id` it is a free one."""

    title: str
    quantity: int
    price: Decimal
    code: str = ""
    product_id: str = ""
    tax_rate: Decimal | None = None

    @property
    def line_price(self) -> Decimal:
        return self.price * self.quantity

    def fields(self) -> Fields:
        found: Fields = {
            "title": self.title,
            "quantity": self.quantity,
            "price": amount(self.price),
            "line_price": amount(self.line_price),
        }
        if self.code:
            found["code"] = self.code
        if self.product_id:
            found["product_id"] = int(self.product_id) if self.product_id.isdigit() else self.product_id
        if self.tax_rate is not None:
            found |= {"tax_rate": percent(self.tax_rate), "tax_category": _category(self.tax_rate)}
        return found


@dataclass(frozen=True, slots=True)
class Sums:
    """What the order comes to."""

    items: Decimal
    shipping: Decimal
    discount: Decimal  # positive: what is paid less
    tax_on_top: Decimal  # zero with gross prices
    total: Decimal


def order_fields(
    order: NewOrder,
    items: Sequence[Item],
    *,
    is_paid: bool,
    with_email: bool,
) -> Fields:
    """The order's own fields with its addresses, without its items."""
    sums = sums_of(order, items)
    subtotal = sums.items + sums.shipping
    found: Fields = {
        "status": "open",
        "payment_type": "custom",
        "source": order.channel,
        "origin_name": order.channel.capitalize(),
        "currency": _SIGNS.get(order.total.currency, order.total.currency),
        "prices_include_tax": not sums.tax_on_top,
        "item_total": amount(sums.items),
        "shipping_cost": amount(sums.shipping),
        "payment_cost": amount(NOTHING),
        "discount_total": amount(sums.discount),
        "subtotal": amount(subtotal),
        "total": amount(sums.total),
        **_taxes(order, is_net=bool(sums.tax_on_top)),
        "note": note_of(order),
        "checkout_locale": order.locale,
    }
    if is_paid:
        found["payment_status"] = "paid"
    return found | people_fields(
        order.shipping_address, order.buyer_name, order.email if with_email else "", order.company
    )


def people_fields(address: Address, buyer_name: str, email: str, company: str = "") -> Fields:
    """Who ordered and where it goes. The channel tells no address for the bill: it is the parcel's, with the
    buyer's name; without any address there is none."""
    found: Fields = {}
    if email:
        found["customer_email"] = email
    if address:
        found["shipping_address"] = address_fields(address) | {"category": "shipping"}
        found["billing_address"] = address_fields(billing_address(address, buyer_name, company))
    elif buyer_name or company:
        found["billing_address"] = address_fields(Address(name=buyer_name, company=company))
    return found


def as_attributes(fields: Mapping[str, object]) -> Fields:
    """The same with its addresses named as Rails names them where records are written with their owner."""
    return {f"{name}_attributes" if name in _ADDRESSES else name: value for name, value in fields.items()}


def billing_address(address: Address, buyer_name: str, company: str = "") -> Address:
    """The address of the bill: the parcel's with the buyer's name and company."""
    return Address(name=buyer_name, company=company).completed_by(address)


def items_of(order: NewOrder, product_ids: Mapping[int, str], *, linked: bool = True) -> list[Item]:
    """The items of an order: its goods by position, then what else was paid for.

    `product_ids` are the shop's products by position from 1; a line without one becomes a free item, and
    unless `linked` all do, also without the number by which the shop might know the product. Units that are
    cancelled already are not packed and so are not among them.
    """
    goods: list[Item] = []
    other = sum((line.other.amount for line in order.lines), NOTHING)
    for position, line in enumerate(order.lines, 1):
        units = units_to_send(order, line)
        if not units:
            other += line.goods.amount  # nothing of it is sent, something of it was paid
            continue
        goods.append(
            Item(
                line.title,
                units,
                _unit_price(line, units),
                line.code if linked else "",
                product_ids.get(position, "") if linked else "",
                _tax_rate(line),
            )
        )
    gift_wrap = sum((line.gift_wrap.amount for line in order.lines), NOTHING)
    extras = [Item(GIFT_WRAP, 1, gift_wrap), Item(OTHER_COSTS, 1, other)]
    items = goods + [extra for extra in extras if extra.price]
    odd = order.total.amount - sums_of(order, items).total
    return items + ([Item(ODD_CENTS, 1, odd)] if odd else [])


def units_to_send(order: NewOrder, line: NewLine) -> int:
    """Units of a line that the order is still about; all of them where the whole order is cancelled."""
    if all(each.cancelled >= each.quantity for each in order.lines):
        return line.quantity
    return max(0, line.quantity - line.cancelled)


def sums_of(order: NewOrder, items: Sequence[Item]) -> Sums:
    """What these items and the order's other costs come to."""
    of_items = sum((item.line_price for item in items), NOTHING)
    shipping = sum((line.shipping.amount for line in order.lines), NOTHING)
    discount = max(NOTHING, -sum((line.discount.amount for line in order.lines), NOTHING))
    tax = sum((_tax_on_top(line) for line in order.lines), NOTHING)
    return Sums(of_items, shipping, discount, tax, of_items + shipping - discount + tax)


def note_of(order: NewOrder) -> str:
    """What people read at the order; the first line is how it is found again."""
    gone = [
        f"{line.cancelled} × {line.title}" for line in order.lines if line.cancelled and line.cancelled > 0
    ]
    lines = [
        f"{NOTE_LINE}{order.external_id}",
        f"Gekauft bei {order.origin}" if order.origin else "",
        f"{PURCHASE_ORDER}{order.purchase_order_number}" if order.purchase_order_number else "",
        *(f"{GIFT_TEXT}{line.gift_text}" for line in order.lines if line.gift_text),
        f"{NOT_SENT}{', '.join(gone)}" if gone else "",
        order.note,
    ]
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def note_without_people(note: str) -> str:
    """The note without what we wrote about the buyer; what the merchant wrote stays."""
    return "\n".join(line for line in note.splitlines() if not line.startswith(PEOPLES_LINES))


def missing_items(items: Sequence[Item], present: Sequence[RemoteLine]) -> list[Item]:
    """Which items the shop's order lacks. One that is there in another quantity was changed by somebody."""
    left = list(present)
    missing = []
    for item in items:
        found = _find(item, left)
        if found is None:
            missing.append(item)
        else:
            left.remove(found)
    return missing


def _find(item: Item, lines: Sequence[RemoteLine]) -> RemoteLine | None:
    same = [line for line in lines if _is_same(item, line)]
    exact = [line for line in same if line.quantity == item.quantity]
    return next(iter([*exact, *same]), None)


def _is_same(item: Item, line: RemoteLine) -> bool:
    if item.product_id and line.product_id:
        return item.product_id == line.product_id
    if item.code and line.code:
        return item.code == line.code
    return item.title == line.title


def amount(number: Decimal) -> str:
    """A decimal as the API writes it."""
    return f"{number:.2f}"


def _unit_price(line: NewLine, units: int) -> Decimal:
    """The price a piece; what does not divide evenly is left over for a line of its own."""
    if line.unit_price.amount * units == line.goods.amount:
        return line.unit_price.amount
    return (line.goods.amount / units).quantize(CENT, ROUND_DOWN)


def _tax_on_top(line: NewLine) -> Decimal:
    parts = (line.goods, line.shipping, line.gift_wrap, line.other, line.discount)
    above = line.total.amount - sum((part.amount for part in parts), NOTHING)
    return above if above and above == line.tax.amount else NOTHING


def _tax_rate(line: NewLine) -> Decimal | None:
    """The only rate that makes this tax of this total; None if none or several do."""
    if line.total.amount <= 0 or line.tax.amount <= 0:
        return None
    net = line.total.amount - line.tax.amount
    fitting = [rate for rate in _RATES if (net * rate / 100).quantize(CENT, ROUND_HALF_UP) == line.tax.amount]
    whole = [rate for rate in fitting if rate == rate.to_integral_value()]
    return next((found[0] for found in (fitting, whole) if len(found) == 1), None)


def _taxes(order: NewOrder, *, is_net: bool) -> Fields:
    """The tax in or on top of the order, by the shop's two rates; the sums under each rate are gross."""
    found: Fields = {}
    for category in ("standard", "reduced"):
        lines = [line for line in order.lines if _category(_tax_rate(line)) == category and line.tax.amount]
        if not lines:
            continue
        found[f"{category}_tax_amount"] = amount(
            sum((_tax_on_top(line) if is_net else line.tax.amount for line in lines), NOTHING)
        )
        found[f"{category}_tax_total"] = amount(sum((line.total.amount for line in lines), NOTHING))
        rates = {_tax_rate(line) for line in lines} - {None}
        if len(rates) == 1 and (rate := rates.pop()) is not None:
            found[f"{category}_tax_rate"] = percent(rate)
    return found


def _category(rate: Decimal | None) -> str:
    """What is not known to be reduced is standard."""
    return "reduced" if rate is not None and rate < _REDUCED_BELOW else "standard"
