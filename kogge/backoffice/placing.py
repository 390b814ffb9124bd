"""Placing orders: each exactly once, a whole page in a fixed number of statements.

A page of orders is the unit that must be fast: rows are built first and written table by table.
An order that makes the database refuse the page is found by placing one at a time (promise 4).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from kogge import bulk
from kogge.backoffice import people, stock
from kogge.backoffice.channels import CHANNELS, tell_own_orders_changed
from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import OWN_CHANNELS, Order, OrderEvent, OrderLine, Product, ShopCounter
from kogge.backoffice.people import People
from kogge.backoffice.progress import open_units, settle
from kogge.shops.port import NewLine, NewOrder, Placed, Refused
from kogge.values import plain_text

logger = logging.getLogger(__name__)

MOST_UNITS = 1_000_000  # of one line; more is a misunderstanding, not an order
MOST_LINES = 10_000
LONGEST_ID = 80
LONGEST_NOTE = 10_000

# What a row that cannot be stored raises. Connection failures are not among them: those go up.
SICK_ORDER = (DatabaseError, ValueError, TypeError, ArithmeticError)


def place(merchant_id: int, orders: Sequence[NewOrder], *, now: datetime) -> list[Placed | Refused]:
    """Place orders, each once by (channel, external id); the answers come in the order of the orders.

    Takes the stock of lines with a product and gives back what was reserved for them.
    """
    with transaction.atomic():
        counter = stock.lock_shop(merchant_id)
        answers = _placed_before(merchant_id, orders)
        fresh: dict[tuple[str, str], NewOrder] = {}
        for new in orders:
            key = (new.channel, new.external_id)
            if key in answers or key in fresh:
                continue
            if reason := refusal(new):
                answers[key] = Refused(new.external_id, reason)
            else:
                fresh[key] = new
        for new, answer in zip(
            fresh.values(), _insert_safely(counter, list(fresh.values()), now), strict=True
        ):
            answers[new.channel, new.external_id] = answer
    return [answers[new.channel, new.external_id] for new in orders]


def insert(
    counter: ShopCounter, orders: Sequence[NewOrder], *, paid: bool, actor: str, now: datetime
) -> list[Order]:
    """Write new orders with everything that belongs to them. The shop is locked by `counter`.

    What a channel ships of the shop's own orders takes none of the shop's stock.
    """
    merchant_id = counter.merchant_id
    products = _own_products(merchant_id, orders)
    found = [people_in(new) for new in orders]
    rows = [
        order_row(merchant_id, counter.next_number + offset, new, who, paid=paid, now=now)
        for offset, (new, who) in enumerate(zip(orders, found, strict=True))
    ]
    lines_of = [
        _line_rows(order, new, products, shippers(merchant_id, new, products))
        for order, new in zip(rows, orders, strict=True)
    ]
    for order, of_it in zip(rows, lines_of, strict=True):
        settle(order, of_it)
    bulk.insert(rows)
    lines = [line for of_it in lines_of for line in of_it]
    bulk.insert(lines)
    people.index_words(merchant_id, {order.pk: who for order, who in zip(rows, found, strict=True)})
    bulk.insert(
        OrderEvent(
            merchant_id=merchant_id,
            order_id=order.pk,
            channel=order.channel,
            kind=OrderEvent.Kind.PLACED,
            at=now,
            actor=actor,
        )
        for order in rows
    )
    _move_stock(merchant_id, rows, orders, lines, actor=actor, now=now)
    if any(order.is_own for order in rows):
        tell_own_orders_changed(merchant_id, now=now)
    tell_listeners(merchant_id, now=now)
    _count_on(counter, len(rows))
    return rows


def shippers(merchant_id: int, new: NewOrder, products: Collection[int]) -> dict[int, str]:
    """Which of the shop's products in an own order a channel ships out of its warehouse: its name by product.

    The same question under the same lock of the shop has the same answer, so that it can be asked ahead.
    """
    if new.channel not in OWN_CHANNELS:
        return {}
    wanted = Counter[int]()
    for line in new.lines:
        key = product_key(line.product_id)
        if key and key in products and not line.shipped:
            wanted[key] += line.quantity - line.cancelled
    found: dict[int, str] = {}
    for channel in CHANNELS.values():
        left = {key: units for key, units in wanted.items() if units and key not in found}
        if left:
            found |= dict.fromkeys(channel.ships(merchant_id, left), channel.name)
    return found


def reservation_key(channel: str, external_id: str, line: str) -> str:
    """The key under which a channel reserves a line before its order is placed."""
    return f"{channel}:{external_id}:{line}"


def product_key(product_id: str | None) -> int | None:
    """The shop's own product key; a key of another shop can never be one."""
    return int(product_id) if product_id and product_id.isdecimal() and len(product_id) < 19 else None


def refusal(new: NewOrder) -> str:
    """Why an order makes no sense, in a sentence; empty if it does."""
    if not 0 < len(new.lines) <= MOST_LINES:
        return _("Die Bestellung hat keine Positionen, oder viel zu viele.")
    if len(new.external_id) > LONGEST_ID:
        return _("Die Bestellnummer des Verkaufskanals ist zu lang.")
    for line in new.lines:
        if reason := _line_refusal(line, new.total.currency):
            return reason
    if new.rounding.currency != new.total.currency:
        return _("Die Beträge der Bestellung stehen in verschiedenen Währungen.")
    lines_total = sum((line.total.amount for line in new.lines), Decimal())
    if lines_total + new.rounding.amount != new.total.amount:
        return _("Die Positionen ergeben {lines}, die Bestellung aber {total}.").format(
            lines=lines_total + new.rounding.amount, total=new.total
        )
    return ""


def _line_refusal(line: NewLine, currency: str) -> str:
    if not 0 <= line.quantity <= MOST_UNITS:
        return _("{count} ist keine sinnvolle Stückzahl ({title}).").format(
            count=line.quantity, title=line.title[:60]
        )
    if line.shipped < 0 or line.cancelled < 0 or line.shipped + line.cancelled > line.quantity:
        return _("Von {title} sind mehr Stück versendet oder storniert als bestellt.").format(
            title=line.title[:60]
        )
    parts = (line.goods, line.shipping, line.gift_wrap, line.other, line.discount)
    for part in (*parts, line.unit_price, line.tax, line.total):
        if part.currency != currency:
            return _("Die Beträge der Bestellung stehen in verschiedenen Währungen.")
    total = sum((part.amount for part in parts), Decimal())
    # Prices are gross (tax inside) or net (tax on top); the channel has decided which.
    if line.total.amount not in (total, total + line.tax.amount):
        return _("Die Bestandteile von {title} ergeben nicht {total}.").format(
            title=line.title[:60], total=line.total
        )
    return ""


def _placed_before(merchant_id: int, orders: Sequence[NewOrder]) -> dict[tuple[str, str], Placed | Refused]:
    known = Order.objects.of_id(merchant_id).filter(
        channel__in={new.channel for new in orders}, external_id__in=[new.external_id for new in orders]
    )
    return {
        (channel, external_id): Placed(external_id, str(pk), str(number), created=False)
        for channel, external_id, pk, number in known.values_list("channel", "external_id", "pk", "number")
    }


def _insert_safely(counter: ShopCounter, orders: list[NewOrder], now: datetime) -> list[Placed | Refused]:
    """All at once; if one makes that impossible, one at a time without it."""
    if not orders:
        return []
    try:
        return _insert_from_channel(counter, orders, now)
    except (OperationalError, InterfaceError):
        raise
    except SICK_ORDER:
        if len(orders) > 1:
            return [answer for new in orders for answer in _insert_safely(counter, [new], now)]
        logger.exception("order %s cannot be stored", orders[0].external_id)
        return [Refused(orders[0].external_id, _("Die Bestellung lässt sich nicht speichern."))]


def _insert_from_channel(
    counter: ShopCounter, orders: list[NewOrder], now: datetime
) -> list[Placed | Refused]:
    with transaction.atomic():
        rows = insert(counter, orders, paid=True, actor=orders[0].channel, now=now)
    return [Placed(row.external_id, str(row.pk), str(row.number), created=True) for row in rows]


def _own_products(merchant_id: int, orders: Sequence[NewOrder]) -> frozenset[int]:
    """The lines' products that are this merchant's and still there; other lines become free lines."""
    wanted = {key for new in orders for line in new.lines if (key := product_key(line.product_id))}
    if not wanted:
        return frozenset()
    return frozenset(Product.objects.of_id(merchant_id).filter(pk__in=wanted).values_list("pk", flat=True))


def people_in(new: NewOrder) -> People:
    """Who ordered and who receives."""
    return People(
        buyer_name=new.buyer_name,
        email=new.email,
        company=new.company,
        purchase_order_number=new.purchase_order_number,
        shipping=new.shipping_address,
        gift_texts={position: line.gift_text for position, line in enumerate(new.lines, 1) if line.gift_text},
    )


def order_row(
    merchant_id: int, number: int, new: NewOrder, who: People, *, paid: bool, now: datetime
) -> Order:
    """The row of an order without its lines, which decide how far it is."""
    return Order(
        merchant_id=merchant_id,
        number=number,
        channel=new.channel,
        origin=plain_text(new.origin, 100),
        external_id=new.external_id,
        payment_status=Order.Payment.PAID if paid else Order.Payment.OPEN,
        placed_at=new.placed_at,
        created_at=now,
        changed_at=now,
        currency=new.total.currency,
        total=new.total.amount,
        rounding=new.rounding.amount,
        payment_method=plain_text(new.payment_method, 80),
        ship_by=new.ship_by,
        deliver_by=new.deliver_by,
        service_level=plain_text(new.service_level, 40),
        programmes=plain_text(",".join(new.programmes), 200),
        locale=new.locale[:5],
        notify_buyer=new.notify_buyer,
        moves_stock=new.moves_stock,
        note=plain_text(new.note, LONGEST_NOTE),
        sealed_people=people.seal_people(merchant_id, who),
    )


def _line_rows(
    order: Order, new: NewOrder, products: frozenset[int], shipped_by: Mapping[int, str]
) -> list[OrderLine]:
    lines = [line_row(order, position, line, products) for position, line in enumerate(new.lines, start=1)]
    for line in lines:
        if line.product_id and open_units(line) and not line.shipped:
            line.fulfilled_by = shipped_by.get(line.product_id, "")
    return lines


def line_row(order: Order, position: int, line: NewLine, products: Collection[int]) -> OrderLine:
    """The row of a line; without its product if that is none of `products`."""
    product_id = product_key(line.product_id)
    return OrderLine(
        merchant_id=order.merchant_id,
        order=order,  # not its key: it gets that when it is written, before its lines are
        position=position,
        product_id=product_id if product_id in products else None,
        external_id=line.external_id,
        code=plain_text(line.code, 80),
        channel_product_id=line.channel_product_id,
        title=plain_text(line.title, 500),
        quantity=line.quantity,
        shipped=line.shipped,
        cancelled=line.cancelled,
        unit_price=line.unit_price.amount,
        goods=line.goods.amount,
        shipping=line.shipping.amount,
        gift_wrap=line.gift_wrap.amount,
        other=line.other.amount,
        discount=line.discount.amount,
        tax=line.tax.amount,
        total=line.total.amount,
    )


def _move_stock(
    merchant_id: int,
    rows: Sequence[Order],
    orders: Sequence[NewOrder],
    lines: Sequence[OrderLine],
    *,
    actor: str,
    now: datetime,
) -> None:
    released = stock.releases(
        merchant_id,
        [
            reservation_key(new.channel, new.external_id, line.external_id)
            for new in orders
            if new.external_id
            for line in new.lines
        ],
    )
    counting = {order.pk for order in rows if order.moves_stock}
    taken = [
        stock.take(line, units)
        for line in lines
        if line.product_id and line.order_id in counting and not line.fulfilled_by
        if (units := line.quantity - line.cancelled)
    ]
    stock.record(merchant_id, [*released, *taken], actor=actor, now=now)


def _count_on(counter: ShopCounter, count: int) -> None:
    """Give out the numbers, last of all: if the page fails before, they are still there."""
    following = counter.next_number + count
    ShopCounter.objects.filter(pk=counter.pk).update(next_number=following)
    counter.next_number = following
