"""The built-in shop keeps the promises of the Shop port."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice import dispatch, orders, placing, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.people import read_people
from kogge.merchants.models import Merchant
from kogge.shops.port import Placed, Refused, Reservation, Shop, ShopRefuses
from kogge.values import Address
from tests.backoffice.shop import (
    ERIKA,
    NOW,
    ListeningChannel,
    in_stock,
    new_line,
    new_order,
    product,
    state,
    stored,
)
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

    @pytest.fixture(autouse=True)
    def _channel(self, amazon: ListeningChannel) -> None:
        self.amazon = amazon

    def sell(self, *lines: tuple[str, int], paid: bool = True) -> str:
        codes = {str(each.pk): each.code for each in Product.objects.of(self.merchant)}
        manual = ManualOrder(
            tuple(ManualLine(quantity, code=codes[key]) for key, quantity in lines),
            buyer_name="Erika Muster",
            email="erika@example.org",
            address=ERIKA,
            shipping_method="Express",
            paid=paid,
        )
        return str(create_by_hand(self.merchant, manual, actor=ANNA, now=NOW).pk)

    def stand_ready(self, product_id: str, units: int) -> None:
        self.amazon.warehouse[int(product_id)] = units

    def pay(self, order_id: str) -> None:
        orders.mark_paid(self._order_of(order_id), actor=ANNA, now=NOW)

    def pack_own(self, order_id: str) -> None:
        dispatch.start_packing(self._order_of(order_id), actor=ANNA, now=NOW)

    def ship_own(self, order_id: str, quantities: dict[int, int] | None = None) -> None:
        order = self._order_of(order_id)
        dispatch.ship(order, carrier="DHL", tracking_number="T", quantities=quantities, actor=ANNA, now=NOW)

    def change_own(self, order_id: str, address: Address, quantities: dict[int, int]) -> None:
        order = self._order_of(order_id)
        orders.change_order(order, address=address, quantities=quantities, actor=ANNA, now=NOW)

    def cancel_own(self, order_id: str) -> None:
        orders.cancel(self._order_of(order_id), "other", actor=ANNA, now=NOW)

    def own_states(self, order_id: str) -> tuple[str, str, str]:
        return state(self._order_of(order_id))

    def parcels(self, order_id: str) -> list[tuple[str, str, dict[int, int]]]:
        return [
            (
                parcel.carrier,
                parcel.tracking_number,
                {item.line.position: item.quantity for item in parcel.items.all()},
            )
            for parcel in self._order_of(order_id).parcels.all()
        ]

    def mails(self, order_id: str) -> int:
        return self._order_of(order_id).mails.count()

    def _order_of(self, order_id: str) -> Order:
        return Order.objects.of(self.merchant).get(pk=order_id)


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
    real = placing.line_row

    def sick(order: Order, *arguments: Any) -> OrderLine:
        line = real(order, *arguments)
        line.position = None if order.external_id == TWO else line.position  # type: ignore[assignment]
        return line

    monkeypatch.setattr(placing, "line_row", sick)
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


def test_a_page_of_own_orders_is_read_in_three_statements(
    merchant: Merchant, amazon: ListeningChannel, django_assert_num_queries: Any
) -> None:
    product(merchant, counted=99)
    for _ in range(9):
        manual = ManualOrder(
            (ManualLine(1, code="TEE-1"), ManualLine(2, title="Gravur", unit_price=Decimal(1)))
        )
        create_by_hand(merchant, manual, actor=ANNA, now=NOW)

    with django_assert_num_queries(3):
        page = BuiltinShop(merchant.pk).own_orders("", 50)

    assert [len(order.lines) for order in page.orders] == [2] * 9


def test_own_orders_are_read_out_of_their_index(merchant: Merchant) -> None:
    """A shop with a million orders of a channel must not walk through them to find its own."""
    if connection.vendor == "postgresql":  # it reads tiny tables whole if it may
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

    with CaptureQueriesContext(connection) as asked:
        BuiltinShop(merchant.pk).own_orders("5", 10)
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {asked[0]['sql']}")
        plan = str(cursor.fetchall())

    assert "events_of_channel" in plan
    assert "channel=?" in plan or connection.vendor == "postgresql"


def test_a_page_of_own_orders_ends_between_two_events(merchant: Merchant, amazon: ListeningChannel) -> None:
    manual = ManualOrder((ManualLine(1, title="Gravur", unit_price=Decimal(1)),))
    first, second = (create_by_hand(merchant, manual, actor=ANNA, now=NOW) for _ in range(2))
    orders.mark_paid(first, actor=ANNA, now=NOW)
    shop = BuiltinShop(merchant.pk)

    page = shop.own_orders("", 2)
    rest = shop.own_orders(page.cursor, 2)

    assert [order.order_id for order in page.orders] == [str(first.pk), str(second.pk)]
    assert [order.order_id for order in rest.orders] == [str(first.pk)]
    assert (page.more, rest.more, rest.cursor) == (True, False, shop.own_orders_end())


def test_an_order_whose_people_cannot_be_opened_stops_no_page(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    manual = ManualOrder((ManualLine(1, title="Gravur", unit_price=Decimal(1)),), address=ERIKA)
    lost, known = (create_by_hand(merchant, manual, actor=ANNA, now=NOW) for _ in range(2))
    Order.objects.of(merchant).filter(pk=lost.pk).update(sealed_people=b"lost")

    page = BuiltinShop(merchant.pk).own_orders("", 10)

    assert [(order.order_id, order.address) for order in page.orders] == [
        (str(lost.pk), Address()),
        (str(known.pk), ERIKA),
    ]


def test_own_orders_are_those_of_this_merchant(
    merchant: Merchant, other_merchant: Merchant, amazon: ListeningChannel
) -> None:
    manual = ManualOrder((ManualLine(1, title="Gravur", unit_price=Decimal(1)),), paid=True)
    theirs = create_by_hand(other_merchant, manual, actor=ANNA, now=NOW)
    shop = BuiltinShop(merchant.pk)

    assert shop.own_orders("", 10).orders == []
    assert shop.own_orders_end() == "0"
    assert shop.own_order(str(theirs.pk)) is None
    with pytest.raises(ShopRefuses):
        shop.hand_over(str(theirs.pk), ["1"], "amazon", now=NOW)


def test_the_shop_is_a_shop() -> None:
    shop: Shop = BuiltinShop(1)

    assert shop.shares_transaction
