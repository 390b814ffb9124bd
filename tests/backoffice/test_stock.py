from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kogge.backoffice import dispatch, orders, returns, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.models import Order, OrderEvent, Product, StockEntry
from kogge.backoffice.placing import place
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.shops.port import LineState, OrderUpdate, Placed, Reservation
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, new_line, new_order, product, stored

ANNA = "anna@example.org"
ACTS = (
    "reserve",
    "release",
    "place",
    "ship one",
    "ship all",
    "cancel",
    "cancel two there",
    "cancel there",
    "return",
)


def test_the_counted_stock_is_the_stock(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)

    stock.correct_stock(tea, 3, actor=ANNA, now=NOW)
    stock.correct_stock(tea, 3, actor=ANNA, now=NOW)

    entries = StockEntry.objects.of(merchant).order_by("id").values_list("kind", "stock_change", "actor")
    assert list(entries) == [("correction", 5, ANNA), ("correction", -2, ANNA)]
    assert in_stock(tea) == (3, 0)


def test_stock_may_become_negative_when_a_channel_sells_more(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)

    place(merchant.pk, [new_order("305-1", new_line(product=tea, quantity=3))], now=NOW)

    assert in_stock(tea) == (-2, 0)


def test_an_impossible_count_is_refused(merchant: Merchant) -> None:
    with pytest.raises(Refusal):
        stock.correct_stock(product(merchant), 10**9, actor=ANNA, now=NOW)


def test_a_column_that_was_written_past_the_ledger_is_found(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)
    Product.objects.of(merchant).update(stock=4, reserved=1)

    assert stock.audit(merchant.pk) == ["TEE-1: stock 4, ledger 5; reserved 1, ledger 0"]
    assert tea.code == "TEE-1"


def test_products_that_change_alike_change_in_one_statement(
    merchant: Merchant, django_assert_num_queries: Callable[..., Any]
) -> None:
    teas = [product(merchant, f"TEE-{i}") for i in range(9)]
    movements = [stock.Movement(f"m{tea.pk}", StockEntry.Kind.TAKE, tea.pk, stock=-1) for tea in teas]

    with django_assert_num_queries(2):
        stock.record(merchant.pk, movements, actor=ANNA, now=NOW)

    assert stock.audit(merchant.pk) == []


def test_long_names_make_keys_that_differ(merchant: Merchant) -> None:
    tea = product(merchant, counted=9)
    shop = BuiltinShop(merchant.pk)
    names = ["x" * 300 + "1", "x" * 300 + "2"]

    shop.reserve([Reservation(name, str(tea.pk), 1) for name in names], now=NOW)
    shop.release(names[:1], now=NOW)

    assert in_stock(tea) == (9, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=12), quantity=st.integers(1, 4), twice=st.booleans())
def test_whatever_happens_the_ledger_and_the_columns_agree(
    merchant: Merchant, amazon: ListeningChannel, acts: list[str], quantity: int, twice: bool
) -> None:
    Order.objects.of(merchant).delete()
    Product.objects.of(merchant).delete()
    tea = product(merchant, counted=10)

    for act in acts:
        for _ in range(2 if twice else 1):
            _do(act, merchant, tea, quantity)
        assert stock.audit(merchant.pk) == []

    held, reserved = in_stock(tea)
    assert reserved in {0, quantity}
    assert 10 - quantity <= held <= 10
    line = Order.objects.of(merchant).values_list(
        "lines__quantity", "lines__shipped", "lines__cancelled", "lines__returned"
    )
    if line:
        ordered, _shipped, cancelled, returned = line[0]
        assert held == 10 - ordered + cancelled + returned


def _do(act: str, merchant: Merchant, tea: Product, quantity: int) -> None:
    """One act of merchant or channel; what is refused changes nothing."""
    shop = BuiltinShop(merchant.pk)
    key = f"amazon:305-{tea.pk}:1"
    external_id = f"305-{tea.pk}"
    order = Order.objects.of(merchant).filter(external_id=external_id).first()
    match act:
        case "reserve":
            shop.reserve([Reservation(key, str(tea.pk), quantity)], now=NOW)
        case "release":
            shop.release([key], now=NOW)
        case "place":
            place(
                merchant.pk, [new_order(external_id, new_line("1", product=tea, quantity=quantity))], now=NOW
            )
    if order is None:
        return
    with contextlib.suppress(Refusal):
        _act_on(act, order, shop, quantity)


def _act_on(act: str, order: Order, shop: BuiltinShop, quantity: int) -> None:
    tracking = {"carrier": "DHL", "tracking_number": "T", "actor": ANNA, "now": NOW}
    match act:
        case "ship one":
            dispatch.ship(order, quantities={1: 1}, **tracking)  # type: ignore[arg-type]
        case "ship all":
            dispatch.ship(order, quantities=None, **tracking)  # type: ignore[arg-type]
        case "cancel":
            orders.cancel(order, "other", actor=ANNA, now=NOW)
        case "cancel two there":
            lines = {"1": LineState(quantity, 0, 2)}
            shop.update_orders([OrderUpdate("amazon", order.external_id, lines=lines)], now=NOW)
        case "cancel there":
            shop.update_orders([OrderUpdate("amazon", order.external_id, cancelled_by="buyer")], now=NOW)
        case "return":
            returns.record_return(order, {1: 1}, restock=True, actor=ANNA, now=NOW)


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
