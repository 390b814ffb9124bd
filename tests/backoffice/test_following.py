from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kogge.backoffice import dispatch, orders, stock
from kogge.backoffice.following import update_orders
from kogge.backoffice.models import Order
from kogge.backoffice.people import read_people
from kogge.backoffice.placing import place
from kogge.backoffice.search import OrderFilter, find_orders
from kogge.merchants.models import Merchant
from kogge.shops.port import LineState, OrderUpdate, Updated
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

ANNA = "anna@example.org"
DAY = timedelta(days=1)


@pytest.fixture
def order(merchant: Merchant, amazon: ListeningChannel) -> Order:
    """Two of one thing and one of another; nothing is known of the buyer yet."""
    lines = (new_line("11", quantity=2), new_line("12"))
    nobody = {"buyer_name": "", "email": "", "shipping_address": Address()}
    place(merchant.pk, [new_order("305-1", *lines, **nobody)], now=NOW)
    return stored(merchant, "305-1")


def follow(order: Order, **said: Any) -> Updated:
    [answer] = update_orders(order.merchant_id, [OrderUpdate("amazon", "305-1", **said)], now=NOW + DAY)
    order.refresh_from_db()
    return answer


def last_event(order: Order) -> tuple[str, str, dict[str, Any]]:
    event = order.events.last()
    assert event is not None
    return event.kind, event.actor, event.details


def test_a_name_that_arrives_can_be_searched_for(merchant: Merchant, order: Order) -> None:
    follow(order, buyer_name="Erika Muster", email="x@marketplace.amazon.de", shipping_address=ERIKA)

    people = read_people(order)
    assert (people.buyer_name, people.email, people.shipping) == (
        "Erika Muster",
        "x@marketplace.amazon.de",
        ERIKA,
    )
    assert find_orders(merchant, OrderFilter(words="muster"), now=NOW).get() == order
    assert last_event(order) == ("changed_by_channel", "amazon", {"address": "arrived", "buyer": "changed"})


def test_the_log_names_what_changed_but_nobody(order: Order) -> None:
    follow(order, shipping_address=ERIKA)
    follow(order, shipping_address=replace(ERIKA, line1="Neue Straße 2"))

    assert read_people(order).shipping == replace(ERIKA, line1="Neue Straße 2")
    assert last_event(order)[2] == {"address": "changed"}


def test_new_windows_are_kept_and_unknown_ones_change_nothing(order: Order) -> None:
    first = follow(order, ship_by=NOW + DAY, deliver_by=NOW + 3 * DAY)
    second = follow(order)

    assert (first.changed, second.changed) == (True, False)
    assert (order.ship_by, order.deliver_by) == (NOW + DAY, NOW + 3 * DAY)
    assert order.changed_at == NOW + DAY


def test_an_order_shipped_elsewhere_is_closed_without_a_parcel(order: Order) -> None:
    follow(order, lines={"11": LineState(2, 2, 0), "12": LineState(1, 1, 0)})

    assert state(order) == ("closed", "paid", "shipped")
    assert not order.parcels.exists()
    assert last_event(order) == ("changed_by_channel", "amazon", {"shipped": {"1": 2, "2": 1}})


def test_what_was_shipped_here_stays_shipped_when_the_channel_knows_less(order: Order) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="T", quantities={1: 2}, actor=ANNA, now=NOW)

    answer = follow(order, lines={"11": LineState(2, 1, 0), "12": LineState(1, 0, 0)})

    assert not answer.changed
    assert order.lines.get(position=1).shipped == 2


def test_lines_the_shop_does_not_know_are_left_out(order: Order) -> None:
    assert not follow(order, lines={"99": LineState(1, 1, 0)}).changed


def test_the_rest_of_an_order_is_closed_when_the_other_units_are_cancelled(order: Order) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="T", quantities={1: 2}, actor=ANNA, now=NOW)

    answer = follow(order, lines={"12": LineState(1, 0, 1)})

    assert answer.conflict == ""
    assert state(order) == ("closed", "paid", "shipped")


def test_units_that_left_already_cannot_be_cancelled_by_the_channel(order: Order) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="T", quantities={1: 2}, actor=ANNA, now=NOW)
    said = {"11": LineState(2, 0, 1)}

    answers = [follow(order, lines=said), follow(order, lines=said)]

    assert [(answer.changed, answer.conflict) for answer in answers] == [(False, "already_shipped")] * 2
    assert order.lines.get(position=1).cancelled == 0


def test_units_of_what_is_being_packed_are_not_cancelled_silently(order: Order) -> None:
    dispatch.start_packing(order, actor=ANNA, now=NOW)

    answer = follow(order, lines={"12": LineState(1, 0, 1)})

    assert answer.conflict == "already_packed"
    assert order.lines.get(position=2).cancelled == 0
    dispatch.reset_packing(order, actor=ANNA, now=NOW)
    assert follow(order, lines={"12": LineState(1, 0, 1)}).conflict == ""
    assert order.lines.get(position=2).cancelled == 1


def test_what_the_merchant_cancelled_stays_cancelled_by_the_merchant(order: Order) -> None:
    orders.cancel(order, "no_inventory", actor=ANNA, now=NOW)

    answer = follow(
        order, cancelled_by="merchant", lines={"11": LineState(2, 0, 2), "12": LineState(1, 0, 1)}
    )

    assert (answer.changed, answer.conflict) == (False, "")
    assert order.cancel_reason == "no_inventory"


def test_a_cancellation_names_who_cancelled(order: Order) -> None:
    follow(order, cancelled_by="buyer")

    assert order.cancel_reason == "buyer_cancelled"
    kind, _actor, details = last_event(order)
    assert (kind, details["by"]) == ("cancelled", "buyer")


def test_the_same_order_twice_in_one_call_is_followed_twice(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=10)
    place(merchant.pk, [new_order("305-1", new_line("1", quantity=5, product=tea))], now=NOW)
    updates = [OrderUpdate("amazon", "305-1", lines={"1": LineState(5, 0, gone)}) for gone in (1, 3, 3)]

    answers = update_orders(merchant.pk, updates, now=NOW)

    assert [answer.changed for answer in answers] == [True, True, False]
    assert in_stock(tea) == (8, 0)
    assert stock.audit(merchant.pk) == []


def test_many_orders_are_followed_in_as_many_statements_as_one(
    merchant: Merchant, amazon: ListeningChannel, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    ids = [f"305-{i}" for i in range(30)]
    place(merchant.pk, [new_order(external_id) for external_id in ids], now=NOW)
    updates = [
        OrderUpdate("amazon", external_id, buyer_name="Max", lines={"1": LineState(1, 1, 0)})
        for external_id in ids
    ]

    with django_assert_max_num_queries(14):
        update_orders(merchant.pk, updates, now=NOW)

    assert Order.objects.of(merchant).filter(status="closed").count() == 30
