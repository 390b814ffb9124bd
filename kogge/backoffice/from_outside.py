"""Orders another program writes into the shop over its API: the shop's own, or from a channel of its own.

An order may come whole, or without its positions: then a line in their place carries the amount, and gives
it up position by position as they follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import people, placing, stock
from kogge.backoffice.by_hand import FREE_LINE_VAT, refuse_what_is_not_there, tax_within
from kogge.backoffice.changing import cancel_units, fewer_units
from kogge.backoffice.channels import CHANNELS, channel_title
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Product
from kogge.backoffice.orders import cancel
from kogge.backoffice.people import People
from kogge.backoffice.progress import PROGRESS, anything_shipped, open_units, settle
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.shops.port import NewLine, NewOrder
from kogge.values import CENT, Address, InvalidValue, Money, plain_text

CHANNEL = "api"  # of orders that another program brings from somewhere else
OWN_CHANNEL = "shop"
MOST_TAX = Decimal(99)  # per cent
REST = "rest"  # `OrderLine.external_id` of the line that stands for positions still to come


@dataclass(frozen=True, slots=True)
class OutsideLine:
    """A position: of a product of the shop, or a free one with title and price. Prices are gross.

    `discount` is what the buyer pays less for all units; `tax_rate` in per cent, None: the product's.
    """

    quantity: int
    code: str = ""
    product_id: int | None = None
    title: str = ""
    unit_price: Decimal | None = None
    discount: Decimal = Decimal(0)
    tax_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OutsideOrder:
    """An order as another program writes it. With an `origin` it is from there, else the shop's own.

    `goods` and `total` are checked against the parts; without lines they say what is to come.
    """

    lines: tuple[OutsideLine, ...]
    people: People = field(default_factory=People, repr=False)
    origin: str = ""
    paid: bool = False
    shipping: Decimal = Decimal(0)
    payment_cost: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    tax_on_top: Decimal | None = None  # prices are net, and this is all of the tax; None: they are gross
    goods: Decimal | None = None
    total: Decimal | None = None
    shipping_method: str = ""
    currency: str = "EUR"
    payment_method: str = ""
    locale: str = "de"
    note: str = ""
    placed_at: datetime | None = None


@transaction.atomic
def place_from_outside(merchant: Merchant, outside: OutsideOrder, *, actor: str, now: datetime) -> Order:
    """Place an order; its stock is counted down. Said twice, there are two. Raises `Refusal`.

    The shop's own orders sell only what is there; what a channel sold has been sold.
    """
    counter = stock.lock_shop(merchant.pk)
    products = _products(merchant.pk, outside.lines)
    try:
        new = _new_order(outside, products, now)
    except InvalidValue as wrong:
        raise Refusal(_("Ein Betrag ist zu groß oder hat mehr als zwei Nachkommastellen.")) from wrong
    if reason := placing.refusal(new):
        raise Refusal(reason)
    if new.channel == OWN_CHANNEL:
        refuse_what_is_not_there(merchant, new, _by_code(products))
    [order] = placing.insert(counter, [new], paid=outside.paid, actor=actor, now=now)
    if outside.people.billing:
        order.sealed_people = people.seal_people(merchant.pk, outside.people)
        order.save(update_fields=["sealed_people"])
    return order


@transaction.atomic
def add_line(order: Order, outside: OutsideLine, *, actor: str, now: datetime) -> OrderLine:
    """One more position of an order of which nothing was shipped yet. Raises `Refusal`.

    While a line stands for positions to come, the new one is paid out of its amount.
    """
    lines = hold(order)
    if refused := _why_not_add(order, lines):
        raise Refusal(refused)
    line = _one_more(order, outside, max((line.position for line in lines), default=0) + 1)
    for rest in lines:
        if rest.external_id == REST:
            _pay_out_of(rest, line)
    line.save(force_insert=True)
    if line.product_id and order.moves_stock and not line.fulfilled_by:
        stock.move(order.merchant_id, [stock.take(line, line.quantity)], actor=actor, now=now)
    kept = list(order.lines.all())
    order.total = sum((each.total for each in kept), Decimal()) + order.rounding
    settle(order, kept, packing=order.delivery_status == Order.Delivery.PACKING)
    order.changed_at = now
    order.save(update_fields=["total", *PROGRESS, "changed_at"])
    write_down(order, OrderEvent.Kind.CHANGED, actor=actor, now=now, parts=["lines"], position=line.position)
    tell_channel(order, now=now)
    return line


@transaction.atomic
def cancel_some(order: Order, quantities: Mapping[int, int], *, actor: str, now: datetime) -> None:
    """Fewer units of an order from outside: new totals by line position. Raises `Refusal`.

    The shop's own orders are changed by `changing.change_order`.
    """
    lines = hold(order)
    if refused := _why_not_touch(order):
        raise Refusal(refused)
    fewer = fewer_units(order, lines, quantities)
    if not fewer:
        return
    cancel_units(order, fewer, actor=actor, now=now)
    settle(order, lines, packing=order.delivery_status == Order.Delivery.PACKING)
    order.changed_at = now
    order.save(update_fields=[*PROGRESS, "changed_at"])
    left = {str(line.position): line.quantity - line.cancelled for line in fewer}
    write_down(order, OrderEvent.Kind.CHANGED, actor=actor, now=now, parts=["quantities"], quantities=left)


@transaction.atomic
def complete_people(order: Order, told: People, *, actor: str, now: datetime) -> bool:
    """Take over what is known now about the people of an order from outside; whether anything is new.

    Never loses what is known; who was forgotten stays forgotten. Raises `Refusal`.
    """
    hold(order)
    if refused := _why_not_touch(order):
        raise Refusal(refused)
    known = people.people_of(order)
    if order.people_forgotten_at or (order.sealed_people and not known):
        raise Refusal(
            _("Die Adresse von Bestellung {number} ist gelöscht und bleibt es.").format(number=order.number)
        )
    now_known = replace(
        known,
        buyer_name=told.buyer_name or known.buyer_name,
        email=told.email or known.email,
        company=told.company or known.company,
        shipping=_known_better(told.shipping, known.shipping),
        billing=_known_better(told.billing, known.billing),
    )
    if now_known == known:
        return False
    order.sealed_people = people.seal_people(order.merchant_id, now_known)
    order.notify_buyer = order.notify_buyer or bool(now_known.email)
    order.changed_at = now
    order.save(update_fields=["sealed_people", "notify_buyer", "changed_at"])
    people.index_words_afresh(order.merchant_id, {order.pk: now_known})
    write_down(order, OrderEvent.Kind.CHANGED, actor=actor, now=now, parts=["address"])
    return True


@transaction.atomic
def write_note(order: Order, note: str, *, actor: str, now: datetime) -> None:
    """Replace the merchant's note at an order."""
    hold(order)
    note = plain_text(note, placing.LONGEST_NOTE)
    if note == order.note:
        return
    order.note, order.changed_at = note, now
    order.save(update_fields=["note", "changed_at"])
    write_down(order, OrderEvent.Kind.CHANGED, actor=actor, now=now, parts=["note"])


@transaction.atomic
def remove(order: Order, *, actor: str, now: datetime) -> None:
    """Cancel what is open and delete the order with its log. Raises `Refusal`.

    Its movements of stock stay in the ledger. What was shipped in part, or came over a channel, is history
    that somebody else counts on.
    """
    lines = hold(order)
    if order.channel in CHANNELS:
        raise Refusal(
            _("Bestellung {number} kommt von {channel} und lässt sich nicht löschen.").format(
                number=order.number, channel=channel_title(order.channel)
            )
        )
    if anything_shipped(lines):
        raise Refusal(
            _("Bestellung {number} ist schon versendet und lässt sich nicht löschen.").format(
                number=order.number
            )
        )
    if any(open_units(line) for line in lines):
        cancel(order, "other", actor=actor, now=now)
    order.delete()


def _known_better(told: Address, known: Address) -> Address:
    """An address with a street replaces another; one without only completes it."""
    return told if told.line1 else told.completed_by(known)


def _why_not_add(order: Order, lines: Sequence[OrderLine]) -> str:
    number = order.number
    if order.channel in CHANNELS:
        return _("Bestellung {number} kommt von {channel} und lässt sich hier nicht ändern.").format(
            number=number, channel=channel_title(order.channel)
        )
    if order.status == Order.Status.CANCELLED:
        return _("Bestellung {number} ist storniert und lässt sich nicht mehr ändern.").format(number=number)
    if anything_shipped(lines):
        return _("Bestellung {number} ist schon versendet, ganz oder teilweise.").format(number=number)
    if len(lines) >= placing.MOST_LINES:
        return _("Die Bestellung hat keine Positionen, oder viel zu viele.")
    return ""


def _why_not_touch(order: Order) -> str:
    """Only what another program wrote is changed here."""
    if order.channel != CHANNEL:
        return _("Bestellung {number} kommt von {channel} und lässt sich hier nicht ändern.").format(
            number=order.number, channel=channel_title(order.channel)
        )
    return ""


def _products(merchant_id: int, lines: Sequence[OutsideLine]) -> dict[int, Product]:
    """The products the lines name, by key or by article number."""
    mine = Product.objects.of_id(merchant_id)
    keys = {line.product_id for line in lines if line.product_id}
    codes = {line.code for line in lines if line.code}
    return {product.pk: product for product in (*mine.filter(pk__in=keys), *mine.filter(code__in=codes))}


def _by_code(products: Mapping[int, Product]) -> dict[str, Product]:
    return {product.code: product for product in products.values()}


def _product_of(line: OutsideLine, products: Mapping[int, Product]) -> Product | None:
    if line.product_id:
        if line.product_id not in products:
            raise Refusal(_("Dieses Produkt gibt es nicht."))
        return products[line.product_id]
    return _by_code(products).get(line.code) if line.code else None


def _new_order(outside: OutsideOrder, products: Mapping[int, Product], now: datetime) -> NewOrder:
    if len(outside.currency) != 3 or not (outside.currency.isascii() and outside.currency.isupper()):
        raise Refusal(
            _("Die Währung {currency} ist kein Kürzel wie EUR.").format(currency=outside.currency[:20])
        )
    lines = _new_lines(outside, products)
    total = Money.sum([line.total for line in lines], outside.currency)
    _check_sums(outside, lines, total)
    who = outside.people
    return NewOrder(
        channel=CHANNEL if outside.origin else OWN_CHANNEL,
        external_id="",
        placed_at=outside.placed_at or now,
        origin=outside.origin,
        payment_method=outside.payment_method,
        total=total,
        lines=lines,
        rounding=Money.zero(outside.currency),
        buyer_name=who.buyer_name,
        email=who.email,
        company=who.company,
        shipping_address=who.shipping,
        service_level=outside.shipping_method,
        locale=outside.locale,
        notify_buyer=bool(who.email),
        note=outside.note,
    )


def _new_lines(outside: OutsideOrder, products: Mapping[int, Product]) -> tuple[NewLine, ...]:
    """Delivery and payment are paid once: the first line carries them. The discount goes down the lines."""
    if min(outside.shipping, outside.payment_cost, outside.discount) < 0:
        raise Refusal(_("Kosten und Nachlässe können nicht negativ sein."))
    lines, off = [], outside.discount
    for position, line in enumerate(outside.lines or (_rest(outside),), start=1):
        product = _product_of(line, products)
        price = _price(line, product, outside.currency)
        costs = (outside.shipping, outside.payment_cost) if position == 1 else (Decimal(0), Decimal(0))
        less = min(off, max(Decimal(0), price.times(line.quantity).amount - line.discount + sum(costs)))
        off -= less
        new = _new_line(replace(line, discount=line.discount + less), product, price, *costs)
        lines.append(new if outside.lines else replace(new, external_id=REST))
    if off:
        raise Refusal(_("Der Nachlass ist höher als die Summe der Bestellung."))
    return tuple(lines if outside.tax_on_top is None else _taxed(lines, outside.tax_on_top))


def _taxed(lines: Sequence[NewLine], tax: Decimal) -> list[NewLine]:
    """Net lines with their shares of the tax on top; the last one takes what rounding leaves."""
    currency = lines[0].total.currency
    net = Money.sum([line.total for line in lines], currency)
    left = Money(tax, currency)
    taxed: list[NewLine] = []
    for line in lines:
        is_last = len(taxed) == len(lines) - 1
        cents = int(line.total.amount * 100), int(net.amount * 100)
        share = left if is_last or not cents[1] else Money(tax, currency).share(*cents)
        left = left - share
        taxed.append(replace(line, tax=share, total=line.total + share))
    return taxed


def _rest(outside: OutsideOrder) -> OutsideLine:
    """The line that stands for positions still to come."""
    goods = outside.goods
    if goods is None and outside.total is not None:
        goods = outside.total - outside.shipping - outside.payment_cost + outside.discount
        goods -= outside.tax_on_top or Decimal(0)
    return OutsideLine(1, title=_("Ohne einzelne Positionen"), unit_price=goods or Decimal(0))


def _new_line(
    line: OutsideLine,
    product: Product | None,
    price: Money,
    shipping: Decimal = Decimal(0),
    payment_cost: Decimal = Decimal(0),
) -> NewLine:
    currency = price.currency
    goods, discount = price.times(line.quantity), -Money(line.discount, currency)
    costs = Money(shipping, currency), Money(payment_cost, currency)
    total = Money.sum((goods, discount, *costs), currency)
    rate = line.tax_rate
    if rate is None:
        rate = product.vat_rate if product else FREE_LINE_VAT
    return NewLine(
        external_id="",
        code=product.code if product else line.code,
        title=_title(line, product),
        quantity=line.quantity,
        unit_price=price,
        goods=goods,
        shipping=costs[0],
        gift_wrap=Money.zero(currency),
        other=costs[1],
        discount=discount,
        tax=tax_within(total, rate),
        total=total,
        product_id=str(product.pk) if product else None,
    )


def _title(line: OutsideLine, product: Product | None) -> str:
    return line.title or (product.title if product else line.code)


def _price(line: OutsideLine, product: Product | None, currency: str) -> Money:
    """The price of a unit, gross. Raises `Refusal` where line and price make no sense."""
    title = _title(line, product)[:60]
    if not title:
        raise Refusal(_("Gib zu jeder Position ein Produkt oder einen Titel an."))
    if not 1 <= line.quantity <= placing.MOST_UNITS:
        raise Refusal(_("{units} ist keine Stückzahl.").format(units=line.quantity))
    if line.tax_rate is not None and not 0 <= line.tax_rate <= MOST_TAX:
        raise Refusal(_("{rate} % ist kein Steuersatz.").format(rate=line.tax_rate))
    if line.unit_price is not None:
        price = Money(line.unit_price, currency)
    elif product is not None and product.currency == currency:
        price = Money(product.price, currency)
    else:
        raise Refusal(_("Gib zu {title} einen Preis an.").format(title=title))
    if product is not None and price.amount < 0:  # a free line may well be odd cents, or a credit
        raise Refusal(_("Preis und Nachlass von {title} ergeben keinen Sinn.").format(title=title))
    if not 0 <= line.discount <= max(Decimal(0), price.times(line.quantity).amount):
        raise Refusal(_("Preis und Nachlass von {title} ergeben keinen Sinn.").format(title=title))
    return price


def _check_sums(outside: OutsideOrder, lines: Sequence[NewLine], total: Money) -> None:
    """What the order says of its sums must be what its parts say."""
    if outside.total is not None and outside.total != total.amount:
        raise Refusal(
            _("Die Positionen ergeben {lines}, die Bestellung aber {total}.").format(
                lines=total, total=outside.total
            )
        )
    goods = sum((line.goods.amount for line in lines), Decimal())
    reduced = goods - sum((line.discount for line in outside.lines), Decimal())
    if outside.goods is not None and outside.goods not in {goods, reduced}:
        raise Refusal(
            _("Die Positionen ergeben {lines}, die Bestellung aber {total}.").format(
                lines=goods, total=outside.goods
            )
        )


def _one_more(order: Order, outside: OutsideLine, position: int) -> OrderLine:
    """The row of a further line, judged like a new order of this one line. Raises `Refusal`."""
    products = _products(order.merchant_id, [outside])
    try:
        product = _product_of(outside, products)
        new = _new_line(outside, product, _price(outside, product, order.currency))
    except InvalidValue as wrong:
        raise Refusal(_("Ein Betrag ist zu groß oder hat mehr als zwei Nachkommastellen.")) from wrong
    around = _order_around(order, new)
    if reason := placing.refusal(around):
        raise Refusal(reason)
    if order.is_own:
        refuse_what_is_not_there(order.merchant, around, _by_code(products))
    line = placing.line_row(order, position, new, {product.pk} if product else ())
    if product:
        line.fulfilled_by = placing.shippers(order.merchant_id, around, {product.pk}).get(product.pk, "")
    return line


def _order_around(order: Order, line: NewLine) -> NewOrder:
    """An order of this one line, for those who judge whole orders."""
    return NewOrder(
        channel=order.channel,
        external_id="",
        placed_at=order.placed_at,
        origin=order.origin,
        payment_method=order.payment_method,
        total=line.total,
        lines=(line,),
        rounding=Money.zero(order.currency),
    )


def _pay_out_of(rest: OrderLine, line: OrderLine) -> None:
    """The amount of what is still to come gets smaller by the new line; used up, it passes on its costs.

    It may fall below zero on the way: a position that is paid back, cents that do not come out, may follow.
    """
    left, tax = rest.goods - line.goods - line.discount, _tax_on_top(rest)
    if not left or not rest.goods:
        _pass_on(rest, line)
        return
    if tax:
        line.tax = Decimal(0)  # the last one has all of it
    rest.unit_price = rest.goods = left
    rest.total = _parts(rest) + tax
    rest.tax = tax or tax_within(Money(rest.total, rest.order.currency), FREE_LINE_VAT).amount
    rest.save(update_fields=["unit_price", "goods", "tax", "total"])


def _pass_on(rest: OrderLine, line: OrderLine) -> None:
    """Delivery, payment and discount of a line that stood for others go to the last of them."""
    before, tax = line.total, _tax_on_top(rest)
    line.shipping, line.other = rest.shipping, line.other + rest.other
    line.discount += rest.discount
    line.total = _parts(line) + tax
    if tax:
        line.tax = tax
    elif before:
        line.tax = (line.tax * line.total / before).quantize(CENT, ROUND_HALF_UP)
    rest.delete()


def _parts(line: OrderLine) -> Decimal:
    return line.goods + line.shipping + line.gift_wrap + line.other + line.discount


def _tax_on_top(line: OrderLine) -> Decimal:
    """What is paid beyond net prices; nothing where they are gross."""
    return line.total - _parts(line)
