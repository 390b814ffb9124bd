"""Money: whatever Amazon means by its amounts, the lines and the rounding add up to the total."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogge.amazon.orders.amounts import OrderAmounts, has_unit_prices, price
from kogge.spapi.orders_2026_01_01 import Order, read_order
from kogge.values import InvalidValue, Money

EUR = "EUR"
CENTS = st.decimals(min_value=0, max_value=5000, places=2)
ODD = st.decimals(min_value=-5000, max_value=5000, places=4)


def amount(value: Any, currency: str = EUR) -> dict[str, str]:
    return {"amount": str(value), "currencyCode": currency}


def an_item(quantity: int = 1, unit_price: Any = None, stated: Any = None, **parts: Any) -> dict[str, Any]:
    """An item with the breakdowns named: `an_item(2, ITEM="40.00", SHIPPING="4.90")`."""
    item: dict[str, Any] = {"orderItemId": "?", "quantityOrdered": quantity, "product": {}}
    if unit_price is not None:
        item["product"]["price"] = {"unitPrice": amount(unit_price)}
    if parts or stated is not None:
        item["proceeds"] = {
            "breakdowns": [{"type": kind, "subtotal": amount(value)} for kind, value in parts.items()]
        }
    if stated is not None:
        item["proceeds"]["proceedsTotal"] = amount(stated)
    return item


def an_order(*items: dict[str, Any], total: Any = None, **more: Any) -> Order:
    for number, item in enumerate(items):
        item["orderItemId"] = str(number)
    order: dict[str, Any] = {
        "orderId": "305-1182244-9021001",
        "createdTime": "2026-11-23T07:41:12.000Z",
        "lastUpdatedTime": "2026-11-23T08:02:45.120Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "orderItems": list(items),
    } | more
    if total is not None:
        order["proceeds"] = {"grandTotal": amount(total)}
    return read_order(msgspec.json.encode(order))


def totals(found: OrderAmounts) -> list[str]:
    return [str(line.total) for line in found.lines]


def adds_up(found: OrderAmounts) -> bool:
    lines = Money.sum((line.total for line in found.lines), found.total.currency)
    return lines + found.rounding == found.total


def test_gross_prices_contain_the_tax() -> None:
    order = an_order(
        an_item(2, ITEM="40.00", SHIPPING="4.90", TAX="7.17"), an_item(ITEM="9.98", TAX="1.59"), total="54.88"
    )

    found = price(order)

    assert totals(found) == ["44.90", "9.98"]
    assert found.sum_matches
    assert str(found.lines[0].tax) == "7.17"


def test_net_prices_have_the_tax_on_top() -> None:
    found = price(an_order(an_item(ITEM="39.99", TAX="10.00"), total="49.99"))

    assert totals(found) == ["49.99"]
    assert (str(found.lines[0].goods), str(found.lines[0].tax)) == ("39.99", "10.00")
    assert found.sum_matches


@pytest.mark.parametrize("discount", ["-5.00", "5.00"])
def test_a_discount_reduces_whatever_its_sign(discount: str) -> None:
    found = price(an_order(an_item(ITEM="40.00", DISCOUNT=discount), an_item(ITEM="1.00"), total="36.00"))

    assert totals(found) == ["35.00", "1.00"]
    assert str(found.lines[0].discount) == "-5.00"
    assert found.sum_matches


def test_a_discount_that_is_in_the_price_already_is_not_taken_off_again() -> None:
    found = price(an_order(an_item(ITEM="40.00", DISCOUNT="-5.00"), total="40.00"))

    assert totals(found) == ["40.00"]
    assert found.sum_matches


def test_without_breakdowns_the_unit_price_counts() -> None:
    found = price(an_order(an_item(3, unit_price="9.99"), total="29.97"))

    assert totals(found) == ["29.97"]
    assert found.sum_matches


def test_the_items_own_total_explains_what_its_parts_do_not() -> None:
    order = an_order(an_item(2, unit_price="20.00", stated="44.90"), an_item(stated="9.98"), total="54.88")

    found = price(order)

    assert totals(found) == ["44.90", "9.98"]
    assert str(found.lines[0].other) == "4.90"
    assert found.sum_matches


def test_a_position_without_any_amount_costs_the_rest() -> None:
    found = price(an_order(an_item(ITEM="10.00"), an_item(2), total="34.50"))

    assert totals(found) == ["10.00", "24.50"]
    assert found.sum_matches


def test_what_nothing_explains_becomes_visible_rounding() -> None:
    found = price(an_order(an_item(ITEM="10.00"), an_item(ITEM="5.00"), total="17.77"))

    assert totals(found) == ["10.00", "5.00"]
    assert str(found.rounding) == "2.77"
    assert not found.sum_matches


def test_no_total_at_all_is_flagged() -> None:
    found = price(an_order(an_item(2, unit_price="10.00")))

    assert str(found.total) == "20.00"
    assert not found.sum_matches


@pytest.mark.parametrize("sign", ["", "-"])
def test_without_a_total_a_discount_lowers_the_price_whatever_its_sign(sign: str) -> None:
    found = price(an_order(an_item(ITEM="20.00", SHIPPING="3.99", DISCOUNT=f"{sign}5.49")))

    assert str(found.total) == "18.50"
    assert str(found.lines[0].discount) == "-5.49"
    assert (found.is_stated, found.sum_matches) == (False, False)


@pytest.mark.parametrize("sign", ["", "-"])
def test_beside_a_position_without_amounts_a_discount_lowers_the_price(sign: str) -> None:
    found = price(an_order(an_item(ITEM="20.00", DISCOUNT=f"{sign}5.00"), an_item(2), total="40.00"))

    assert totals(found) == ["15.00", "25.00"]
    assert found.sum_matches


@pytest.mark.parametrize(("second", "is_known"), [("4.99", True), (None, False)])
def test_unit_prices_count_only_when_every_position_has_one(second: str | None, is_known: bool) -> None:
    order = an_order(an_item(2, unit_price="10.00"), an_item(unit_price=second))

    assert has_unit_prices(order) is is_known


@pytest.mark.parametrize("total", ["0.00", None])
def test_a_replacement_costs_nothing(total: str | None) -> None:
    original = [{"orderId": "305-1111111-1111111", "associationType": "REPLACEMENT_ORIGINAL_ID"}]

    found = price(an_order(an_item(2, unit_price="20.00"), total=total, associatedOrders=original))

    assert totals(found) == ["0.00"]
    assert str(found.total) == "0.00"
    assert found.sum_matches


def test_detail_that_names_only_the_tax_leaves_the_price_to_the_item() -> None:
    found = price(an_order(an_item(2, unit_price="10.00", TAX="3.19"), total="20.00"))

    assert totals(found) == ["20.00"]
    assert str(found.lines[0].tax) == "3.19"
    assert found.sum_matches


def test_yen_has_no_decimals() -> None:
    yen = {"amount": "19940", "currencyCode": "JPY"}
    item = {
        "orderItemId": "1",
        "quantityOrdered": 1,
        "proceeds": {"breakdowns": [{"type": "ITEM", "subtotal": yen}]},
    }

    found = price(an_order(item, proceeds={"grandTotal": yen}))

    assert found.total == Money(Decimal(19940), "JPY")
    assert found.sum_matches


@pytest.mark.parametrize(("written", "meant"), [("19.9", "19.90"), ("19.990", "19.99"), ("1e1", "10.00")])
def test_amounts_may_be_written_oddly(written: str, meant: str) -> None:
    found = price(an_order(an_item(ITEM=written), total=written))

    assert str(found.total) == meant
    assert found.sum_matches


def test_fractions_of_a_cent_are_rounded_and_the_difference_is_shown() -> None:
    found = price(an_order(an_item(ITEM="0.004"), an_item(ITEM="0.004"), total="0.008"))

    assert str(found.total) == "0.01"
    assert str(found.rounding) == "0.01"
    assert not found.sum_matches


def test_amounts_in_several_currencies_are_not_understood() -> None:
    order = an_order(an_item(ITEM="10.00"), proceeds={"grandTotal": amount("10.00", "SEK")})

    with pytest.raises(InvalidValue, match="currencies"):
        price(order)


@st.composite
def honest_orders(draw: st.DrawFn) -> tuple[Order, list[Decimal]]:
    """Orders of an Amazon that is consistent in one of the ways that are possible, and the lines' totals."""
    is_net, sign = draw(st.booleans()), draw(st.sampled_from([1, -1]))
    items, expected = [], []
    for _ in range(draw(st.integers(1, 5))):
        goods, shipping, wrap, discount, tax = (draw(CENTS) for _ in range(5))
        discount = min(discount, goods)
        parts = {
            "ITEM": goods,
            "SHIPPING": shipping,
            "GIFT_WRAP": wrap,
            "DISCOUNT": sign * discount,
            "TAX": tax,
        }
        total = goods + shipping + wrap - discount + (tax if is_net else 0)
        items.append(an_item(draw(st.integers(1, 9)), stated=total, **parts))
        expected.append(total)
    return an_order(*items, total=sum(expected)), expected


@given(honest_orders())
def test_a_consistent_order_is_explained_line_by_line(case: tuple[Order, list[Decimal]]) -> None:
    order, expected = case

    found = price(order)

    assert [line.total.amount for line in found.lines] == expected
    assert found.sum_matches
    assert found.rounding.amount == 0


@st.composite
def any_orders(draw: st.DrawFn) -> Order:
    """Orders that need not make any sense."""
    items = []
    for _ in range(draw(st.integers(1, 4))):
        kinds = draw(
            st.sets(st.sampled_from(["ITEM", "SHIPPING", "COD_FEE", "OTHER", "TAX", "DISCOUNT", "NEW"]))
        )
        items.append(
            an_item(
                draw(st.integers(0, 5)),
                unit_price=draw(st.none() | ODD),
                stated=draw(st.none() | ODD),
                **{kind: draw(ODD) for kind in kinds},
            )
        )
    return an_order(*items, total=draw(st.none() | ODD))


@given(any_orders())
def test_lines_and_rounding_always_make_the_total(order: Order) -> None:
    found = price(order)

    assert adds_up(found)
    assert found.sum_matches <= (found.rounding.amount == 0)
    for line in found.lines:
        gross = line.goods + line.shipping + line.gift_wrap + line.other + line.discount
        assert line.total in (gross, gross + line.tax)
        assert line.discount.amount <= 0
