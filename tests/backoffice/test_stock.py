from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kogge.backoffice import dispatch, fulfilment, orders, returns, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Product, StockEntry
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.placing import place
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.shops.port import FulfilledParcel, LineState, OrderUpdate, Placed, Reservation
from kogge.values import Tracking
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, new_line, new_order, product, stored

ANNA = "anna@example.org"
ACTS = (
    "count",
    "reserve",
    "release",
    "place",
    "ship some",
    "ship all",
    "cancel",
    "reinstate",
    "cancel some there",
    "ship some there",
    "cancel there",
    "return",
)
OWN_ACTS = (
    "count",
    "sell",
    "sell unpaid",
    "pay",
    "hand over",
    "take back",
    "ship self",
    "parcel",
    "ship some",
    "ship all",
    "cancel",
    "reinstate",
    "change",
    "return",
)


def test_the_counted_stock_is_the_stock(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)

    stock.correct_stock(tea, 3, actor=ANNA, now=NOW)
    stock.correct_stock(tea, 3, actor=ANNA, now=NOW)

    entries = StockEntry.objects.of(merchant).order_by("id").values_list("kind", "stock_change", "actor")
    assert list(entries) == [("correction", 5, ANNA), ("correction", -2, ANNA)]
    assert in_stock(tea) == (3, 0)


def test_what_a_channel_sells_beyond_the_stock_is_oversold(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)

    place(merchant.pk, [new_order("305-1", new_line(product=tea, quantity=3))], now=NOW)

    assert _columns(tea) == (0, 0, 2)
    assert _owed(merchant, "305-1") == 2
    assert stock.audit(merchant.pk) == []


def test_what_comes_in_covers_the_oldest_orders_first(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=1)
    for external_id in ("305-1", "305-2", "305-3"):
        place(merchant.pk, [new_order(external_id, new_line(product=tea, quantity=2))], now=NOW)

    stock.correct_stock(tea, 4, actor=ANNA, now=NOW)

    assert [_owed(merchant, external_id) for external_id in ("305-1", "305-2", "305-3")] == [0, 0, 1]
    assert _columns(tea) == (0, 0, 1)
    entries = StockEntry.objects.of(merchant).order_by("id")
    assert list(entries.values_list("kind", "stock_change", "oversold_change"))[-4:] == [
        ("correction", 4, 0),
        ("cover", -1, -1),
        ("cover", -2, -2),
        ("cover", -1, -1),
    ]
    assert stock.audit(merchant.pk) == []


def test_an_order_does_not_take_what_is_held_back_for_another(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=2)
    shop = BuiltinShop(merchant.pk)
    shop.reserve([Reservation("amazon:305-1:1", str(tea.pk), 2)], now=NOW)

    place(merchant.pk, [new_order("305-2", new_line("1", product=tea))], now=NOW)
    meanwhile = _columns(tea)
    shop.release(["amazon:305-1:1"], now=NOW)

    assert meanwhile == (2, 2, 1)
    assert _columns(tea) == (1, 0, 0), "what was held back covers the order"
    assert _owed(merchant, "305-2") == 0


def test_a_cancelled_order_no_longer_waits_for_stock(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=1)
    place(merchant.pk, [new_order("305-1", new_line("1", product=tea, quantity=4))], now=NOW)

    two_left = OrderUpdate("amazon", "305-1", lines={"1": LineState(4, 0, 2)})
    BuiltinShop(merchant.pk).update_orders([two_left], now=NOW)
    partly = (*_columns(tea), _owed(merchant, "305-1"))
    orders.cancel(stored(merchant, "305-1"), "no_inventory", actor=ANNA, now=NOW)
    cancelled = (*_columns(tea), _owed(merchant, "305-1"))
    orders.reinstate(stored(merchant, "305-1"), actor=ANNA, now=NOW)

    assert partly == (0, 0, 1, 1)
    assert cancelled == (1, 0, 0, 0)
    assert (*_columns(tea), _owed(merchant, "305-1")) == (0, 0, 1, 1)
    assert stock.audit(merchant.pk) == []


def test_what_was_shipped_without_counted_stock_is_settled(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)
    place(merchant.pk, [new_order("305-1", new_line("1", product=tea, quantity=3))], now=NOW)

    _ship(stored(merchant, "305-1"), {1: 1})
    one_left_the_house = (*_columns(tea), _owed(merchant, "305-1"))
    _ship(stored(merchant, "305-1"), None)
    returns.record_return(stored(merchant, "305-1"), {1: 3}, restock=True, actor=ANNA, now=NOW)

    assert one_left_the_house == (0, 0, 2, 2)
    assert (*_columns(tea), _owed(merchant, "305-1")) == (3, 0, 0, 0)
    uncounted = StockEntry.objects.of(merchant).get(kind="uncounted")
    assert (uncounted.stock_change, uncounted.oversold_change) == (0, -2)
    assert stock.audit(merchant.pk) == []


def test_what_was_shipped_at_the_channel_is_settled_too(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=1)
    place(merchant.pk, [new_order("305-1", new_line("1", product=tea, quantity=3))], now=NOW)

    shipped = OrderUpdate("amazon", "305-1", lines={"1": LineState(3, 3, 0)})
    BuiltinShop(merchant.pk).update_orders([shipped, shipped], now=NOW)

    assert (*_columns(tea), _owed(merchant, "305-1")) == (0, 0, 0, 0)
    assert stock.audit(merchant.pk) == []


def test_a_parcel_leaves_from_the_shelf_even_if_the_goods_were_held_back(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=2)
    BuiltinShop(merchant.pk).reserve([Reservation("amazon:305-1:1", str(tea.pk), 2)], now=NOW)
    place(merchant.pk, [new_order("305-2", new_line("1", product=tea))], now=NOW)

    _ship(stored(merchant, "305-2"), None)

    assert _columns(tea) == (1, 2, 0)
    assert tea.available == 0
    assert stock.audit(merchant.pk) == []


def test_units_that_left_before_the_shop_heard_of_them_are_owed_to_nobody(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)

    place(merchant.pk, [new_order("305-1", new_line("1", product=tea, quantity=5, shipped=3))], now=NOW)

    assert (*_columns(tea), _owed(merchant, "305-1")) == (0, 0, 2, 2)


def test_a_line_that_gets_its_product_later_is_oversold_then(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)
    place(merchant.pk, [new_order("305-1", new_line("1", quantity=3))], now=NOW)

    orders.assign_product(stored(merchant, "305-1").lines.get(), tea, actor=ANNA, now=NOW)

    assert (*_columns(tea), _owed(merchant, "305-1")) == (0, 0, 2, 2)


def test_the_channels_hear_once_a_step_which_products_changed(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    teas = [product(merchant, f"TEE-{i}", counted=2) for i in range(3)]
    page = [new_order(f"305-{i}", new_line("1", product=tea)) for i, tea in enumerate(teas)]
    amazon.changed.clear()

    place(merchant.pk, page, now=NOW)
    place(merchant.pk, page, now=NOW)

    assert amazon.changed == [{tea.pk for tea in teas}]


def test_a_negative_count_is_refused(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)

    with pytest.raises(Refusal, match="nicht negativ"):
        stock.correct_stock(tea, -1, actor=ANNA, now=NOW)

    assert _columns(tea) == (5, 0, 0)


def test_an_impossible_count_is_refused(merchant: Merchant) -> None:
    with pytest.raises(Refusal):
        stock.correct_stock(product(merchant), 10**9, actor=ANNA, now=NOW)


def test_a_column_that_was_written_past_the_ledger_is_found(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)
    Product.objects.of(merchant).update(stock=4, reserved=1)

    assert stock.audit(merchant.pk) == [
        "TEE-1: stock 4, ledger 5; reserved 1, ledger 0; oversold 0, ledger 0, orders 0"
    ]
    assert tea.code == "TEE-1"


def test_lines_that_wait_for_more_than_the_product_owes_are_found(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=0)
    place(merchant.pk, [new_order("305-1", new_line("1", product=tea, quantity=3))], now=NOW)
    OrderLine.objects.of(merchant).update(oversold=2)

    assert stock.audit(merchant.pk) == [
        "TEE-1: stock 0, ledger 0; reserved 0, ledger 0; oversold 3, ledger 3, orders 2"
    ]


def test_products_that_change_alike_change_in_one_statement(
    merchant: Merchant, amazon: ListeningChannel, django_assert_num_queries: Callable[..., Any]
) -> None:
    teas = [product(merchant, f"TEE-{i}") for i in range(9)]
    movements = [stock.Movement(f"m{tea.pk}", StockEntry.Kind.IMPORT, tea.pk, stock=2) for tea in teas]

    with django_assert_num_queries(4):  # one of them asks whether a webhook wants to know
        stock.record(merchant.pk, movements, actor=ANNA, now=NOW)

    assert stock.audit(merchant.pk) == []


def test_long_names_make_keys_that_differ(merchant: Merchant) -> None:
    tea = product(merchant, counted=9)
    shop = BuiltinShop(merchant.pk)
    names = ["x" * 300 + "1", "x" * 300 + "2"]

    shop.reserve([Reservation(name, str(tea.pk), 1) for name in names], now=NOW)
    shop.release(names[:1], now=NOW)

    assert in_stock(tea) == (9, 1)


def test_what_is_handed_over_covers_others_first_and_what_comes_back_is_owed(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=2)
    Product.objects.of(merchant).update(may_oversell=True)
    manual = ManualOrder((ManualLine(3, code="TEE-1"),), paid=True)
    one, two = (create_by_hand(merchant, manual, actor=ANNA, now=NOW) for _ in range(2))

    fulfilment.hand_over(one, [1], by="amazon", now=NOW)
    handed = (_columns(tea), one.lines.get().oversold, two.lines.get().oversold)
    fulfilment.take_back(one, [1], by="amazon", now=NOW)

    assert handed == ((0, 0, 1), 0, 1)
    assert (_columns(tea), one.lines.get().oversold) == ((0, 0, 4), 3)
    kinds = (
        StockEntry.objects.of(merchant).order_by("id").values_list("kind", "stock_change", "oversold_change")
    )
    assert list(kinds)[-3:] == [("handed_over", 2, -1), ("cover", -2, -2), ("taken_back", 0, 3)]
    assert stock.audit(merchant.pk) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 3), st.integers(1, 4)), max_size=16),
    counted=st.integers(0, 6),
    twice=st.booleans(),
)
def test_whatever_happens_no_unit_is_lost_and_nothing_becomes_negative(
    merchant: Merchant,
    amazon: ListeningChannel,
    acts: list[tuple[str, int, int]],
    counted: int,
    twice: bool,
) -> None:
    Order.objects.of(merchant).delete()
    Product.objects.of(merchant).delete()
    tea = product(merchant, counted=counted)

    for act, which, units in acts:
        for _ in range(2 if twice else 1):
            _do(act, merchant, tea, which, units)
        held, reserved, owed = _columns(tea)
        assert stock.audit(merchant.pk) == []
        assert min(held, reserved, owed) >= 0
        assert not (owed and held > reserved), "nobody waits for what lies there free"
        _assert_no_unit_is_lost(merchant, tea, held, owed)


def _assert_no_unit_is_lost(merchant: Merchant, tea: Product, held: int, owed: int) -> None:
    """What was counted is in stock or was sold; what was sold beyond it is owed or left uncounted."""
    lines = OrderLine.objects.of(merchant).filter(product=tea)
    sold = sum(line.quantity - line.cancelled - line.returned - _shipped_elsewhere(line) for line in lines)
    entries = StockEntry.objects.of(merchant).filter(product=tea)
    brought = sum(entry.stock_change for entry in entries.filter(kind__in=["correction", "import"]))
    uncounted = -sum(entry.oversold_change for entry in entries.filter(kind="uncounted"))
    assert held == brought - sold + owed + uncounted
    assert all(line.oversold <= line.quantity - line.shipped - line.cancelled for line in lines)


def _shipped_elsewhere(line: OrderLine) -> int:
    """Units that a channel shipped, or is to ship, out of its own warehouse."""
    left = line.parcel_items.exclude(parcel__fulfilled_by="").aggregate(units=Sum("quantity"))["units"] or 0
    return left + (line.quantity - line.shipped - line.cancelled if line.fulfilled_by else 0)


def _do(act: str, merchant: Merchant, tea: Product, which: int, units: int) -> None:
    """One act of merchant or channel; what is refused changes nothing."""
    shop = BuiltinShop(merchant.pk)
    external_id = f"305-{tea.pk}-{which}"
    key = f"amazon:{external_id}:1"
    order = Order.objects.of(merchant).filter(external_id=external_id).first()
    match act:
        case "count":
            stock.correct_stock(tea, units, actor=ANNA, now=NOW)
        case "reserve":
            shop.reserve([Reservation(key, str(tea.pk), units)], now=NOW)
        case "release":
            shop.release([key], now=NOW)
        case "place":
            line = new_line("1", product=tea, quantity=units)
            place(merchant.pk, [new_order(external_id, line)], now=NOW)
    if order is None:
        return
    with contextlib.suppress(Refusal):
        _act_on(act, order, shop, units)


def _act_on(act: str, order: Order, shop: BuiltinShop, units: int) -> None:
    quantity = order.lines.get().quantity
    match act:
        case "ship some":
            _ship(order, {1: units})
        case "ship all":
            _ship(order, None)
        case "cancel":
            orders.cancel(order, "other", actor=ANNA, now=NOW)
        case "reinstate":
            orders.reinstate(order, actor=ANNA, now=NOW)
        case "cancel some there":
            lines = {"1": LineState(quantity, 0, min(units, quantity))}
            shop.update_orders([OrderUpdate("amazon", order.external_id, lines=lines)], now=NOW)
        case "ship some there":
            lines = {"1": LineState(quantity, min(units, quantity), 0)}
            shop.update_orders([OrderUpdate("amazon", order.external_id, lines=lines)], now=NOW)
        case "cancel there":
            shop.update_orders([OrderUpdate("amazon", order.external_id, cancelled_by="buyer")], now=NOW)
        case "return":
            returns.record_return(order, {1: units}, restock=True, actor=ANNA, now=NOW)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(OWN_ACTS), st.integers(0, 2), st.integers(1, 2), st.integers(0, 4)),
        max_size=20,
    ),
    counted=st.integers(0, 6),
    there=st.integers(0, 4),
    holds=st.booleans(),
    twice=st.booleans(),
)
def test_whoever_ships_own_orders_no_unit_is_lost(
    merchant: Merchant,
    amazon: ListeningChannel,
    *,
    acts: list[tuple[str, int, int, int]],
    counted: int,
    there: int,
    holds: bool,
    twice: bool,
) -> None:
    Order.objects.of(merchant).delete()
    Product.objects.of(merchant).delete()
    tea = product(merchant, counted=counted)
    Product.objects.of(merchant).update(may_oversell=True)
    amazon.warehouse, amazon.holds = {tea.pk: there}, holds

    for act, which, position, units in [("sell", 0, 2, 3), *acts]:
        for _ in range(2 if twice else 1):
            with contextlib.suppress(Refusal):
                _do_own(act, tea, which, position=position, units=units)
        held, reserved, owed = _columns(tea)
        assert stock.audit(merchant.pk) == []
        assert min(held, reserved, owed) >= 0
        assert not (owed and held), "nobody waits for what lies there free"
        _assert_no_unit_is_lost(merchant, tea, held, owed)
        _assert_states_follow(merchant)


def _do_own(act: str, tea: Product, which: int, *, position: int, units: int) -> None:
    """One act with an own order of two lines of the same product; what is refused changes nothing."""
    merchant = tea.merchant
    if act == "count":
        stock.correct_stock(tea, units, actor=ANNA, now=NOW)
    if act in {"sell", "sell unpaid"}:
        lines = (ManualLine(position, code="TEE-1"), ManualLine(max(1, units), code="TEE-1"))
        create_by_hand(merchant, ManualOrder(lines, paid=act == "sell"), actor=ANNA, now=NOW)
    order = Order.objects.of(merchant).order_by("-number")[which : which + 1].first()
    if order is None:
        return
    match act:
        case "pay":
            orders.mark_paid(order, actor=ANNA, now=NOW)
        case "hand over":
            fulfilment.hand_over(order, [position], by="amazon", now=NOW)
        case "take back":
            fulfilment.take_back(order, [position], by="amazon", now=NOW)
        case "ship self":
            fulfilment.ship_self(order, actor=ANNA, now=NOW)
        case "parcel":
            told = {str(position): units} if units else {}
            parcel = FulfilledParcel(f"{position}-{units}", Tracking("DHL", "T"), "", NOW, told)
            fulfilment.record_parcel(order, parcel, by="amazon", now=NOW)
        case "ship some":
            _ship(order, {position: units})
        case "ship all":
            _ship(order, None)
        case "cancel":
            orders.cancel(order, "other", actor=ANNA, now=NOW)
        case "reinstate":
            orders.reinstate(order, actor=ANNA, now=NOW)
        case "change":
            orders.change_order(order, quantities={position: units}, actor=ANNA, now=NOW)
        case "return":
            returns.record_return(order, {position: units}, restock=True, actor=ANNA, now=NOW)


def _assert_states_follow(merchant: Merchant) -> None:
    for order in Order.objects.of(merchant).prefetch_related("lines"):
        waiting = [line for line in order.lines.all() if line.quantity > line.shipped + line.cancelled]
        assert (order.fulfiller == "amazon") == (
            bool(waiting) and all(line.fulfilled_by == "amazon" for line in waiting)
        )
        assert (order.delivery_status in {"shipped", "cancelled"}) == (not waiting)


def _ship(order: Order, quantities: dict[int, int] | None) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="T", quantities=quantities, actor=ANNA, now=NOW)


def _columns(tea: Product) -> tuple[int, int, int]:
    """Stock, reserved and oversold, freshly read."""
    tea.refresh_from_db()
    return tea.stock, tea.reserved, tea.oversold


def _owed(merchant: Merchant, external_id: str) -> int:
    return sum(line.oversold for line in stored(merchant, external_id).lines.all())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("may_oversell", "sold", "owed"), [(False, 10, 0), (True, 20, 10)])
def test_twenty_sales_at_once_of_ten_in_stock(
    merchant: Merchant, amazon: ListeningChannel, may_oversell: bool, sold: int, owed: int
) -> None:
    tea = product(merchant, counted=10)
    Product.objects.of(merchant).update(may_oversell=may_oversell)
    results: list[list[object]] = []

    def sell() -> list[object]:
        manual = ManualOrder(lines=(ManualLine(1, code="TEE-1"),))
        return _outcome(lambda: create_by_hand(merchant, manual, actor=ANNA, now=NOW))

    _at_once([sell] * 20, results)

    assert sorted(results, key=str) == [["done"]] * sold + [["refused"]] * (20 - sold)
    assert _columns(tea) == (0, 0, owed)
    assert OrderLine.objects.of(merchant).filter(oversold=1).count() == owed
    assert stock.audit(merchant.pk) == []


@pytest.mark.django_db(transaction=True)
def test_twenty_orders_of_a_channel_at_once_all_arrive_and_ten_are_oversold(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=10)
    answers: list[list[object]] = []

    def sell(number: int) -> Callable[[], list[object]]:
        return lambda: list(place(merchant.pk, [new_order(f"305-{number}", new_line(product=tea))], now=NOW))

    _at_once([sell(number) for number in range(20)], answers)

    assert [type(answer) for some in answers for answer in some] == [Placed] * 20
    assert _columns(tea) == (0, 0, 10)
    assert OrderLine.objects.of(merchant).filter(oversold=1).count() == 10
    assert stock.audit(merchant.pk) == []


@pytest.mark.django_db(transaction=True)
def test_twenty_reservations_at_once_hold_back_the_ten_that_are_there(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=10)

    def hold(number: int) -> Callable[[], list[object]]:
        def act() -> list[object]:
            BuiltinShop(merchant.pk).reserve([Reservation(f"r{number}", str(tea.pk), 1)], now=NOW)
            return []

        return act

    _at_once([hold(number) for number in range(20)], [])

    assert _columns(tea) == (10, 10, 0)
    assert stock.audit(merchant.pk) == []


@pytest.mark.django_db(transaction=True)
def test_two_importers_at_once_place_every_order_once(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=100)
    page = [new_order(f"305-{i}", new_line(product=tea)) for i in range(20)]
    answers: list[list[object]] = []

    def work() -> list[object]:
        return list(place(merchant.pk, page, now=NOW))

    _at_once([work, work, work], answers)

    created = [answer for some in answers for answer in some if isinstance(answer, Placed) and answer.created]
    assert len(answers) == 3
    assert len(created) == Order.objects.of(merchant).count() == 20
    assert sorted(Order.objects.of(merchant).values_list("number", flat=True)) == list(range(10001, 10021))
    assert in_stock(tea) == (80, 0)
    assert stock.audit(merchant.pk) == []


@pytest.mark.django_db(transaction=True)
def test_shipping_and_cancelling_at_once_has_one_winner(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=10)
    place(merchant.pk, [new_order("305-1", new_line(product=tea, quantity=2))], now=NOW)
    results: list[list[object]] = []

    def ship() -> list[object]:
        order = stored(merchant, "305-1")
        return _outcome(
            lambda: dispatch.ship(
                order, carrier="DHL", tracking_number="T", quantities=None, actor=ANNA, now=NOW
            )
        )

    def cancel() -> list[object]:
        order = stored(merchant, "305-1")
        return _outcome(lambda: orders.cancel(order, "other", actor=ANNA, now=NOW + timedelta(seconds=1)))

    _at_once([ship, cancel], results)

    assert sorted(results, key=str) == [["done"], ["refused"]]
    order = stored(merchant, "305-1")
    assert in_stock(tea) == ((8, 0) if order.delivery_status == "shipped" else (10, 0))
    kinds = OrderEvent.objects.of(merchant).filter(kind__in=["parcel_sent", "cancelled"])
    assert kinds.count() == 1


@pytest.mark.django_db(transaction=True)
def test_shipping_and_handing_over_at_once_has_one_winner(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=10)
    manual = ManualOrder((ManualLine(2, code="TEE-1"),), paid=True)
    key = create_by_hand(merchant, manual, actor=ANNA, now=NOW).pk
    results: list[list[object]] = []

    def ship() -> list[object]:
        return _outcome(lambda: _ship(Order.objects.of(merchant).get(pk=key), None))

    def hand_over() -> list[object]:
        order = Order.objects.of(merchant).get(pk=key)
        return _outcome(lambda: fulfilment.hand_over(order, [1], by="amazon", now=NOW))

    _at_once([ship, hand_over, ship, hand_over], results)

    line = OrderLine.objects.of(merchant).get()
    shipped = line.shipped == 2
    assert (line.fulfilled_by, in_stock(tea)) == (("", (8, 0)) if shipped else ("amazon", (10, 0)))
    # Handing over what is handed over already is nothing new, shipping it twice is refused.
    assert sorted(results, key=str) == [["done"]] * (1 if shipped else 2) + [["refused"]] * (
        3 if shipped else 2
    )
    assert stock.audit(merchant.pk) == []


def _outcome(act: Callable[[], object]) -> list[object]:
    try:
        act()
    except Refusal:
        return ["refused"]
    return ["done"]


def _at_once(acts: list[Callable[[], list[object]]], answers: list[list[object]]) -> None:
    """Run the acts in threads that start together, each with a connection of its own."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], list[object]]) -> None:
        try:
            start.wait()
            answers.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
