"""What the buyer pays for each position, worked out from amounts whose meaning Amazon does not state.

Whether prices contain tax and with which sign a discount comes differs between marketplaces and is not
documented. So the order's own arithmetic decides: the reading under which the positions add up to
`grandTotal` is the right one. If none does, the total is the truth and the difference stays visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from kogge.spapi.marketplaces import MARKETPLACES
from kogge.spapi.orders_2026_01_01 import Amount, Order, OrderItem
from kogge.values import CENT, InvalidValue, Money

ZERO = Decimal(0)
REPLACEMENT = "REPLACEMENT_ORIGINAL_ID"


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """The parts of one position. `total` is what the buyer pays for it; `discount` is never positive."""

    unit_price: Money
    goods: Money
    shipping: Money
    gift_wrap: Money
    other: Money
    discount: Money
    tax: Money
    total: Money


@dataclass(frozen=True, slots=True)
class OrderAmounts:
    """The amounts of an order: the lines' totals and `rounding` always add up to `total`.

    `sum_matches` is False when Amazon's parts do not explain Amazon's total; a human must look then.
    `is_stated` is False when Amazon named no total at all: then `total` is only the sum of the parts.
    """

    total: Money
    lines: tuple[LineAmounts, ...]
    rounding: Money
    sum_matches: bool
    is_stated: bool = True


def price(order: Order) -> OrderAmounts:
    """The amounts of an order. Raises `InvalidValue` for mixed, missing or impossible currencies."""
    currency = currency_of(order)
    positions = [_position(item) for item in order.order_items]
    grand_total = order.proceeds.grand_total.amount if order.proceeds and order.proceeds.grand_total else None
    if replaced_order(order) and not grand_total:
        free = [_Split.nothing(position) for position in positions]
        return _settled(ZERO, free, currency, explained=True)
    if grand_total is None:
        return _without_total(positions, currency)
    splits = _explained(positions, grand_total)
    if splits is not None:
        return _settled(grand_total, splits, currency, explained=True)
    return _settled(grand_total, _closest(positions, grand_total), currency, explained=False)


def has_unit_prices(order: Order) -> bool:
    """Whether Amazon names the price of every position, so that a sum can be worked out without PROCEEDS."""
    prices = [item.product.price for item in order.order_items]
    return all(found is not None and found.unit_price is not None for found in prices)


def replaced_order(order: Order) -> str:
    """The order that this one replaces free of charge, or ""."""
    return next(
        (other.order_id for other in order.associated_orders if other.association_type == REPLACEMENT), ""
    )


def currency_of(order: Order) -> str:
    """The one currency of an order. Raises `InvalidValue` when there are several or none is known."""
    named = {amount.currency_code for amount in _amounts(order)}
    if len(named) > 1:
        raise InvalidValue("amounts in several currencies")
    if named:
        return named.pop()
    marketplace = MARKETPLACES.get(order.sales_channel.marketplace_id)
    if marketplace is None:
        raise InvalidValue("no currency")
    return marketplace.currency


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to understand the amounts: is tax on top, and what does a discount's sign mean."""

    tax_on_top: bool
    discount_sign: int  # 0: the prices are already reduced


# Amazon's model promises none of them; prices with tax and negative discounts are met most in Europe.
_READINGS = [_Reading(tax_on_top, sign) for sign in (1, -1, 0) for tax_on_top in (False, True)]


@dataclass(frozen=True, slots=True)
class _Position:
    """The amounts of one item as Amazon gave them. None means that Amazon said nothing."""

    unit_price: Decimal | None
    goods: Decimal | None
    shipping: Decimal
    gift_wrap: Decimal
    other: Decimal
    tax: Decimal
    discount: Decimal
    proceeds: Decimal | None

    def lowered(self) -> _Position:
        """The same with a discount that lowers the price, whatever sign Amazon gave it."""
        return replace(self, discount=-abs(self.discount))

    def total(self, reading: _Reading) -> Decimal | None:
        if self.goods is None:
            return self.proceeds
        return self.goods + self.extras(reading)

    def extras(self, reading: _Reading) -> Decimal:
        total = self.shipping + self.gift_wrap + self.other + reading.discount_sign * self.discount
        return total + self.tax if reading.tax_on_top else total


@dataclass(slots=True)
class _Split:
    """A position's amounts under one reading; `total` is the sum that the buyer pays."""

    position: _Position
    goods: Decimal
    shipping: Decimal
    gift_wrap: Decimal
    other: Decimal
    discount: Decimal
    tax: Decimal
    tax_on_top: bool

    @classmethod
    def under(cls, reading: _Reading, position: _Position, total: Decimal | None) -> _Split:
        """The split whose parts make up `total`; what the parts do not explain is `other`."""
        goods = position.goods
        if goods is None:
            goods = ZERO if total is None else total - position.extras(reading)
        unexplained = ZERO if total is None else total - goods - position.extras(reading)
        discount = reading.discount_sign * position.discount
        return cls(
            position=position,
            goods=goods,
            shipping=position.shipping,
            gift_wrap=position.gift_wrap,
            other=position.other + unexplained + max(discount, ZERO),
            discount=min(discount, ZERO),
            tax=position.tax,
            tax_on_top=reading.tax_on_top,
        )

    @classmethod
    def nothing(cls, position: _Position) -> _Split:
        return cls(position, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, tax_on_top=False)

    def amounts(self, currency: str) -> LineAmounts:
        goods, shipping, gift_wrap, other, discount, tax = (
            _money(part, currency)
            for part in (self.goods, self.shipping, self.gift_wrap, self.other, self.discount, self.tax)
        )
        total = goods + shipping + gift_wrap + other + discount
        return LineAmounts(
            unit_price=_money(self.position.unit_price or ZERO, currency),
            goods=goods,
            shipping=shipping,
            gift_wrap=gift_wrap,
            other=other,
            discount=discount,
            tax=tax,
            total=total + tax if self.tax_on_top else total,
        )


def _explained(positions: Sequence[_Position], grand_total: Decimal) -> list[_Split] | None:
    """The splits that add up to the total, best evidence first; None when nothing adds up."""
    fitting = [reading for reading in _READINGS if _sum(positions, reading) == grand_total]
    for reading in sorted(fitting, key=lambda one: not _agrees_with_items(positions, one)):
        return [_Split.under(reading, position, position.total(reading)) for position in positions]
    stated = [position.proceeds for position in positions]
    if None not in stated and sum(filter(None, stated), ZERO) == grand_total:
        return [_Split.under(_nearest(position), position, position.proceeds) for position in positions]
    return _with_the_rest(positions, grand_total)


def _sum(positions: Sequence[_Position], reading: _Reading) -> Decimal | None:
    totals = [position.total(reading) for position in positions]
    known = [total for total in totals if total is not None]
    return sum(known, ZERO) if len(known) == len(totals) else None


def _agrees_with_items(positions: Sequence[_Position], reading: _Reading) -> bool:
    return all(position.proceeds in (None, position.total(reading)) for position in positions)


def _nearest(position: _Position) -> _Reading:
    """The reading that leaves least of the item's own total unexplained."""
    stated = position.proceeds or ZERO
    return min(_READINGS, key=lambda reading: abs((position.total(reading) or ZERO) - stated))


def _with_the_rest(positions: Sequence[_Position], grand_total: Decimal) -> list[_Split] | None:
    """One position without any amount costs what the others leave of the total."""
    reading = _READINGS[0]
    positions = [position.lowered() for position in positions]
    totals = [position.total(reading) for position in positions]
    rest = grand_total - sum((total for total in totals if total is not None), ZERO)
    if totals.count(None) != 1 or rest < 0:
        return None
    return [
        _Split.under(reading, position, rest if total is None else total)
        for position, total in zip(positions, totals, strict=True)
    ]


def _closest(positions: Sequence[_Position], grand_total: Decimal) -> list[_Split]:
    def gap(reading: _Reading) -> Decimal:
        return abs(sum((position.total(reading) or ZERO for position in positions), ZERO) - grand_total)

    reading = min(_READINGS, key=gap)
    return [_Split.under(reading, position, position.total(reading)) for position in positions]


def _without_total(positions: Sequence[_Position], currency: str) -> OrderAmounts:
    """Amazon named no total: the positions' own amounts, flagged, because nothing proves them."""
    reading = _READINGS[0]
    positions = [position.lowered() for position in positions]
    splits = [
        _Split.under(
            reading, position, position.total(reading) if position.proceeds is None else position.proceeds
        )
        for position in positions
    ]
    lines = tuple(split.amounts(currency) for split in splits)
    total = Money.sum((line.total for line in lines), currency)
    nothing = Money.zero(currency)
    return OrderAmounts(total=total, lines=lines, rounding=nothing, sum_matches=False, is_stated=False)


def _settled(total: Decimal, splits: Sequence[_Split], currency: str, *, explained: bool) -> OrderAmounts:
    lines = tuple(split.amounts(currency) for split in splits)
    paid = _money(total, currency)
    rounding = paid - Money.sum((line.total for line in lines), currency)
    return OrderAmounts(
        total=paid, lines=lines, rounding=rounding, sum_matches=explained and not rounding.amount
    )


def _position(item: OrderItem) -> _Position:
    found: dict[str, Decimal] = {}
    if item.proceeds:
        for part in item.proceeds.breakdowns:
            found[part.type] = found.get(part.type, ZERO) + part.subtotal.amount
    unit_price = item.product.price.unit_price if item.product.price else None
    goods = found.pop("ITEM", None)
    if goods is None and unit_price is not None:
        goods = unit_price.amount * item.quantity_ordered
    stated = item.proceeds.proceeds_total if item.proceeds else None
    return _Position(
        unit_price=unit_price.amount if unit_price else _each(goods, item.quantity_ordered),
        goods=goods,
        shipping=found.pop("SHIPPING", ZERO),
        gift_wrap=found.pop("GIFT_WRAP", ZERO),
        tax=found.pop("TAX", ZERO),
        discount=found.pop("DISCOUNT", ZERO),
        other=sum(found.values(), ZERO),  # COD_FEE, OTHER and whatever Amazon adds
        proceeds=stated.amount if stated else None,
    )


def _each(goods: Decimal | None, quantity: int) -> Decimal | None:
    return goods / quantity if goods is not None and quantity > 0 else None


def _amounts(order: Order) -> Iterator[Amount]:
    if order.proceeds and order.proceeds.grand_total:
        yield order.proceeds.grand_total
    for item in order.order_items:
        if item.product.price and item.product.price.unit_price:
            yield item.product.price.unit_price
        if item.proceeds:
            yield from (part.subtotal for part in item.proceeds.breakdowns)
            if item.proceeds.proceeds_total:
                yield item.proceeds.proceeds_total


def _money(amount: Decimal, currency: str) -> Money:
    return Money(amount.quantize(CENT, ROUND_HALF_UP), currency)
