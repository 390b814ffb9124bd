"""Orders that notifications named are fetched one by one; whatever stands in the way, the check comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.fetching import fetch_hinted
from kogge.amazon.notifications.models import OrderHint
from kogge.amazon.orders.check import check_orders
from kogge.amazon.orders.models import AmazonOrder
from kogge.backoffice.models import Order
from kogge.engine.models import Due
from kogge.simulator import Simulator
from tests.amazon.account import DE, run
from tests.amazon.queues import Letterbox

pytestmark = pytest.mark.django_db

ITALY = "APJ6JRA9NG5V4"


@pytest.fixture(autouse=True)
def _subscribed(connection: Connection, amazon: Simulator, letterbox: Letterbox) -> None:
    run(check_orders, "check_orders", connection.pk, amazon.world.now)
    run(subscribing.keep_subscriptions, subscribing.OPERATION, connection.pk, amazon.world.now)


def fetch(connection: Connection, amazon: Simulator) -> Any:
    return run(fetch_hinted, "fetch_hinted", connection.pk, amazon.world.now)


def check(connection: Connection, amazon: Simulator) -> Any:
    return run(check_orders, "check_orders", connection.pk, amazon.world.now)


def hints() -> int:
    return OrderHint.objects.everyone().count()


def arrived() -> set[str]:
    return set(Order.objects.everyone().filter(channel="amazon").values_list("external_id", flat=True))


def buy(amazon: Simulator, **wish: Any) -> Any:
    return amazon.place_order(**({"kind": "standard", "marketplace_id": DE} | wish))


def test_the_same_change_is_one_hint_and_one_order(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.fault("notification", "duplicate", times=None)
    order = buy(amazon)
    amazon.change_order(order.order_id, cancellation_request="too late")
    assert letterbox.receive() == 10
    assert hints() == 1

    fetch(connection, amazon)
    amazon.advance(11 * 60)
    check(connection, amazon)

    assert arrived() == {order.order_id}
    assert AmazonOrder.objects.everyone().get().cancel_requested
    assert amazon.calls["getOrder"] == 1


def test_a_hint_that_the_check_was_faster_than_costs_no_call(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    order = buy(amazon)
    letterbox.receive()
    amazon.advance(11 * 60)
    check(connection, amazon)

    fetch(connection, amazon)

    assert arrived() == {order.order_id}
    assert "getOrder" not in amazon.calls
    assert hints() == 0


def test_a_marketplace_that_is_not_asked_for_stays_outside(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    buy(amazon, marketplace_id=ITALY)
    letterbox.receive()

    fetch(connection, amazon)

    assert not AmazonOrder.objects.everyone().exists()
    assert hints() == 0


def test_orders_that_amazon_ships_cause_no_call(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    buy(amazon, kind="fba")

    letterbox.receive()

    assert hints() == 0


def test_an_order_amazon_does_not_show_is_asked_for_a_few_times(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    order = buy(amazon)
    del amazon.world.demo.orders[order.order_id]
    letterbox.receive()

    for _turn in range(5):
        fetch(connection, amazon)

    assert amazon.calls["getOrder"] == 3
    assert hints() == 0


def test_amazon_out_of_order_costs_nothing_but_time(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    first, second = buy(amazon), buy(amazon)
    letterbox.receive()
    amazon.fault("getOrder", "500", after=1)

    fetch(connection, amazon)
    assert arrived() == {first.order_id}
    assert hints() == 1
    fetch(connection, amazon)

    assert arrived() == {first.order_id, second.order_id}
    assert hints() == 0


def test_a_sick_order_becomes_a_matter_for_people_as_with_the_check(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    sick, sound = buy(amazon), buy(amazon)
    amazon.change_order(sick.order_id, patch={"orderItems": "none"})
    letterbox.receive()

    fetch(connection, amazon)

    assert arrived() == {sound.order_id}
    assert AmazonOrder.objects.everyone().get(order_id=sick.order_id).intake == "unreadable"
    assert hints() == 0


def test_many_call_the_next_search_and_not_too_often(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    for _order in range(20):
        buy(amazon)
    letterbox.receive()
    now = amazon.world.now()
    Due.objects.filter(operation="check_orders").update(due_at=now + timedelta(minutes=9))

    fetch(connection, amazon)

    called_for = Due.objects.get(operation="check_orders", subject=connection.pk).due_at
    assert timedelta(minutes=2) < called_for - now <= timedelta(minutes=5)
    assert "getOrder" not in amazon.calls


def test_a_paused_connection_hears_nothing(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    Connection.objects.everyone().update(state=Connection.State.PAUSED)
    buy(amazon)

    letterbox.receive()

    assert letterbox.left == 0
    assert hints() == 0
