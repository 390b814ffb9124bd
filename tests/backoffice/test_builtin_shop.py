"""The built-in shop keeps the promises of the Shop port."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice import dispatch, orders, placing, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.people import read_people
from kogge.merchants.models import Merchant
from kogge.shops.port import Placed, Refused, Reservation, Shop
from kogge.values import Address
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, new_line, new_order, product, state, stored
from tests.backoffice.shop_promises import ONE, TWO, ShopPromises

ANNA = "anna@example.org"


class TestBuiltinShop(ShopPromises):
    @pytest.fixture
    def shop(self, merchant: Merchant, amazon: ListeningChannel) -> Any:
        self.merchant = merchant
        yield BuiltinShop(merchant.pk)
        assert stock.audit(merchant.pk) == []

    def product_id(self, code: str, counted: int) -> str:
        return str(product(self.merchant, code, counted=counted).pk)

    def stock(self, product_id: str) -> tuple[int, int]:
        return in_stock(Product.objects.of(self.merchant).get(pk=product_id))

    def states(self, external_id: str) -> tuple[str, str, str]:
        return state(stored(self.merchant, external_id))

    def address(self, external_id: str) -> Address:
        return read_people(stored(self.merchant, external_id)).shipping

    def start_packing(self, external_id: str) -> None:
        dispatch.start_packing(stored(self.merchant, external_id), actor=ANNA, now=NOW)

    def ship(self, external_id: str, number: str, quantities: dict[int, int] | None = None) -> None:
        dispatch.ship(
            stored(self.merchant, external_id),
            carrier="DHL",
            tracking_number=number,
            quantities=quantities,
            actor=ANNA,
            now=NOW,
        )

    def correct_tracking(self, external_id: str, number: str) -> None:
        parcel = stored(self.merchant, external_id).parcels.get(number=1)
        dispatch.correct_tracking(parcel, carrier="DHL", tracking_number=number, actor=ANNA, now=NOW)

    def cancel(self, external_id: str, reason: str) -> None:
        orders.cancel(stored(self.merchant, external_id), reason, actor=ANNA, now=NOW)


def test_a_page_is_placed_in_as_many_statements_whatever_its_lines_and_products(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    teas = [product(merchant, f"TEE-{i}", counted=99) for i in range(20)]
    small = [new_order("305-1", new_line("1", product=teas[0]))]
    large = [new_order(f"306-{i}", *(new_line(str(n), product=teas[n]) for n in range(2))) for i in range(10)]

    with CaptureQueriesContext(connection) as for_small:
        placing.place(merchant.pk, small, now=NOW)
    with CaptureQueriesContext(connection) as for_large:
        placing.place(merchant.pk, large, now=NOW)

    assert len(for_large) <= len(for_small)


def test_an_order_the_database_refuses_is_found_and_the_others_are_placed(
    merchant: Merchant,
    amazon: ListeningChannel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tea = product(merchant, counted=10)
    real = placing._line_row

    def sick(order: Order, *arguments: Any) -> OrderLine:
        line = real(order, *arguments)
        line.position = None if order.external_id == TWO else line.position  # type: ignore[assignment]
        return line

    monkeypatch.setattr(placing, "_line_row", sick)
    page = [new_order(external_id, new_line(product=tea)) for external_id in (ONE, TWO, "305-3")]

    answers = placing.place(merchant.pk, page, now=NOW)

    assert [type(answer) for answer in answers] == [Placed, Refused, Placed]
    assert [answer.number for answer in answers if isinstance(answer, Placed)] == ["10001", "10002"]
    assert in_stock(tea) == (8, 0)
    assert f"order {TWO} cannot be stored" in caplog.text
    assert "Erika" not in caplog.text


def test_a_product_of_another_merchant_is_no_product(
    merchant: Merchant, other_merchant: Merchant, amazon: ListeningChannel
) -> None:
    theirs = product(other_merchant, counted=5)

    placing.place(merchant.pk, [new_order(ONE, new_line(product=theirs))], now=NOW)
    BuiltinShop(merchant.pk).reserve([Reservation("r", str(theirs.pk), 2)], now=NOW)

    assert stored(merchant, ONE).lines.get().product_id is None
    assert in_stock(theirs) == (5, 0)


def test_nothing_personal_is_readable_in_the_database(merchant: Merchant, amazon: ListeningChannel) -> None:
    placing.place(merchant.pk, [new_order(ONE)], now=NOW)

    order = stored(merchant, ONE)

    row = str(Order.objects.of(merchant).values().get()) + str(bytes(order.sealed_people or b""))
    assert all(word not in row for word in ("Erika", "Beispielweg", "x1y2z3"))
    assert read_people(order).buyer_name == "Erika Muster"


def test_values_of_many_products_are_read_in_one_statement(
    merchant: Merchant, django_assert_num_queries: Any
) -> None:
    keys = [str(product(merchant, f"TEE-{i}", counted=i).pk) for i in range(20)]
    shop = BuiltinShop(merchant.pk)

    with django_assert_num_queries(1):
        values = shop.product_values(keys)

    assert [values[key].available for key in keys] == list(range(20))


def test_values_are_those_of_this_merchant(merchant: Merchant, other_merchant: Merchant) -> None:
    theirs = product(other_merchant, counted=5)

    assert BuiltinShop(merchant.pk).product_values([str(theirs.pk)]) == {}


def test_the_shop_is_a_shop() -> None:
    shop: Shop = BuiltinShop(1)

    assert shop.shares_transaction
