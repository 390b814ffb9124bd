"""The words all sides share: canonical or refused, nothing in between."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogge.values import Address, InvalidValue, Money, amazon_order_id, asin, aware, plain_text, sku

cents = st.decimals(min_value=-10_000_000, max_value=10_000_000, places=2)


@given(cents, cents)
def test_money_adds_up_exactly(one: Decimal, other: Decimal) -> None:
    total = Money(one, "EUR") + Money(other, "EUR")

    assert total.amount == one + other
    assert total - Money(other, "EUR") == Money(one, "EUR")


@given(cents, st.integers(1, 50))
def test_the_shares_of_an_amount_miss_it_by_less_than_a_cent_each(amount: Decimal, whole: int) -> None:
    money = Money(amount, "EUR")

    shares = Money.sum([money.share(1, whole)] * whole, "EUR")

    assert abs((shares - money).amount) <= Decimal("0.005") * whole
    assert money.share(whole, whole) == money


@pytest.mark.parametrize("text", ["1.234", "NaN", "Infinity", "1E+400", "1e99", "zwei", "", "1,50"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Money.parse(text, "EUR")


@pytest.mark.parametrize(
    ("text", "shown"), [("5", "5.00"), ("5.5", "5.50"), ("-0.00", "0.00"), ("1E+2", "100.00")]
)
def test_amounts_have_one_form(text: str, shown: str) -> None:
    assert str(Money.parse(text, "EUR")) == shown


def test_currencies_do_not_mix() -> None:
    with pytest.raises(InvalidValue):
        Money.parse("1", "EUR") + Money.parse("1", "SEK")

    with pytest.raises(InvalidValue):
        Money.parse("1", "eur")


def test_known_parts_of_an_address_outlive_empty_ones() -> None:
    known = Address(name="Erika Muster", line1="Beispielweg 7", city="Hamburg", phone="040 1")
    said_now = Address(name="Erika Beispiel", city="")

    assert said_now.completed_by(known) == Address(
        name="Erika Beispiel", line1="Beispielweg 7", city="Hamburg", phone="040 1"
    )


def test_an_address_is_empty_when_all_its_parts_are() -> None:
    assert not Address()
    assert not Address(is_pickup_point=True)
    assert Address(city="Hamburg")


def test_ids_are_canonical() -> None:
    assert amazon_order_id(" 305-1182244-9021001 ") == "305-1182244-9021001"
    assert asin("b00exampl1") == "B00EXAMPL1"
    assert sku("  TK 12/weiß ") == "TK 12/weiß"


@pytest.mark.parametrize(
    "text", ["", "305-1182244", "305-1182244-90210011", "305_1182244_9021001", "305-118224é-9021001"]
)
def test_what_is_no_order_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        amazon_order_id(text)


@pytest.mark.parametrize("text", ["", "B00", "B00EXAMPL12", "B00-XAMPL1"])
def test_what_is_no_asin_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        asin(text)


@pytest.mark.parametrize("text", ["", "   ", "x" * 41, "a\x00b"])
def test_what_is_no_sku_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        sku(text)


@given(st.text())
def test_plain_text_can_be_stored_and_printed_anywhere(text: str) -> None:
    cleaned = plain_text(text, 50)

    assert len(cleaned) <= 50
    assert "\x00" not in cleaned
    cleaned.encode()
    assert plain_text(cleaned, 50) == cleaned


def test_a_time_without_a_zone_is_refused() -> None:
    assert aware(datetime(2026, 11, 23, tzinfo=UTC)).tzinfo is UTC

    with pytest.raises(InvalidValue):
        aware(datetime(2026, 11, 23))
