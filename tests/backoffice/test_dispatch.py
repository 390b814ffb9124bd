from __future__ import annotations

import pytest

from kogge.backoffice import dispatch, orders, returns, stock
from kogge.backoffice.models import Mail, Order, OrderEvent, Parcel
from kogge.backoffice.placing import place
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from tests.backoffice.shop import (
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


@pytest.fixture
def order(merchant: Merchant, amazon: ListeningChannel) -> Order:
    """Two of one thing and one of another, paid."""
    place(merchant.pk, [new_order("305-1", new_line("1", quantity=2), new_line("2"))], now=NOW)
    return stored(merchant, "305-1")


def ship(
    order: Order, number: str = "T1", quantities: dict[int, int] | None = None, carrier: str = "DHL"
) -> Parcel:
    return dispatch.ship(
        order, carrier=carrier, tracking_number=number, quantities=quantities, actor=ANNA, now=NOW
    )


def kinds(order: Order) -> list[str]:
    return list(order.events.values_list("kind", flat=True))


def test_the_whole_order_leaves_in_one_parcel_and_is_closed(order: Order, amazon: ListeningChannel) -> None:
    parcel = ship(order)

    assert state(order) == ("closed", "paid", "shipped")
    assert parcel.number == 1
    assert {item.line.position: item.quantity for item in parcel.items.all()} == {1: 2, 2: 1}
    assert amazon.woken == [order.merchant_id]


def test_parcels_leave_one_after_the_other_until_nothing_is_open(order: Order) -> None:
    first = ship(order, "T1", {1: 1})
    between = state(order)
    second = ship(order, "T2", {1: 1, 2: 1})

    assert between == ("in_progress", "paid", "partially_shipped")
    assert state(order) == ("closed", "paid", "shipped")
    assert (first.number, second.number) == (1, 2)


def test_the_rest_leaves_when_no_quantities_are_named(order: Order) -> None:
    ship(order, "T1", {1: 1})

    second = ship(order, "T2")

    assert {item.line.position: item.quantity for item in second.items.all()} == {1: 1, 2: 1}


@pytest.mark.parametrize(
    ("quantities", "carrier", "sentence"),
    [
        ({1: 3}, "DHL", "Von Position 1 sind nur noch 2 Stück zu versenden, nicht 3."),
        ({3: 1}, "DHL", "Eine Position 3 hat diese Bestellung nicht."),
        ({1: 0}, "DHL", "In dieser Sendung ist nichts enthalten."),
        ({1: -1}, "DHL", "-1 ist keine Stückzahl."),
        (None, " ", "Bitte gib an, mit wem du versendest."),
        (None, "D" * 81, "Versender oder Trackingnummer sind zu lang."),
    ],
)
def test_a_parcel_that_makes_no_sense_is_refused_and_changes_nothing(
    order: Order, quantities: dict[int, int] | None, carrier: str, sentence: str
) -> None:
    with pytest.raises(Refusal) as refused:
        ship(order, "T1", quantities, carrier)

    assert refused.value.sentence == sentence
    assert state(order) == ("open", "paid", "open")
    assert not order.parcels.exists()


def test_what_is_shipped_is_not_shipped_again(order: Order) -> None:
    ship(order)

    with pytest.raises(Refusal, match="schon vollständig versendet"):
        ship(order)


def test_what_is_cancelled_is_not_shipped(order: Order) -> None:
    orders.cancel(order, "no_inventory", actor=ANNA, now=NOW)

    with pytest.raises(Refusal, match="storniert und wird nicht versendet"):
        ship(order)


def test_the_channel_may_refuse_the_dispatch(order: Order, amazon: ListeningChannel) -> None:
    amazon.refuses = "Amazon versendet selbst."

    with pytest.raises(Refusal, match="Amazon versendet selbst"):
        ship(order)


def test_packing_begins_and_is_taken_back(order: Order) -> None:
    dispatch.start_packing(order, actor=ANNA, now=NOW)
    packing = state(order)
    dispatch.reset_packing(order, actor=ANNA, now=NOW)

    assert packing == ("in_progress", "paid", "packing")
    assert state(order) == ("open", "paid", "open")
    assert kinds(order) == ["placed", "packing", "packing_reset"]


def test_an_order_that_was_packed_and_left_in_part_is_partially_shipped(order: Order) -> None:
    ship(order, "T1", {1: 1})
    dispatch.start_packing(order, actor=ANNA, now=NOW)
    dispatch.reset_packing(order, actor=ANNA, now=NOW)

    assert state(order) == ("in_progress", "paid", "partially_shipped")


def test_there_is_nothing_to_pack_after_the_dispatch(order: Order) -> None:
    ship(order)

    with pytest.raises(Refusal, match="nichts zu packen"):
        dispatch.start_packing(order, actor=ANNA, now=NOW)


def test_corrected_tracking_is_told_once(order: Order, amazon: ListeningChannel) -> None:
    parcel = ship(order)

    for _ in range(2):
        dispatch.correct_tracking(parcel, carrier="DPD", tracking_number=" T2 ", actor=ANNA, now=NOW)

    assert (parcel.carrier, parcel.tracking_number) == ("DPD", "T2")
    assert kinds(order) == ["placed", "parcel_sent", "tracking_corrected"]
    assert len(amazon.woken) == 2


def test_an_unpaid_order_is_closed_when_it_is_paid(order: Order) -> None:
    Order.objects.everyone().update(payment_status="open")
    ship(order)
    shipped = state(order)

    orders.mark_paid(order, actor=ANNA, now=NOW)

    assert shipped == ("in_progress", "open", "shipped")
    assert state(order) == ("closed", "paid", "shipped")
    with pytest.raises(Refusal, match="schon bezahlt"):
        orders.mark_paid(order, actor=ANNA, now=NOW)


def test_cancelling_gives_the_stock_back_and_tells_the_channel(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=10)
    place(merchant.pk, [new_order("305-2", new_line(quantity=4, product=tea))], now=NOW)
    order = stored(merchant, "305-2")

    orders.cancel(order, "no_inventory", actor=ANNA, now=NOW)

    assert state(order) == ("cancelled", "refunded", "cancelled")
    assert order.cancel_reason == "no_inventory"
    assert in_stock(tea) == (10, 0)
    assert amazon.woken == [merchant.pk]
    assert stock.audit(merchant.pk) == []


@pytest.mark.parametrize("quantities", [{1: 1}, None], ids=["in part", "whole"])
def test_what_was_shipped_is_not_cancelled(order: Order, quantities: dict[int, int] | None) -> None:
    ship(order, "T1", quantities)
    before = state(order)

    with pytest.raises(Refusal, match="lässt sich nicht mehr stornieren"):
        orders.cancel(order, "other", actor=ANNA, now=NOW)

    assert state(order) == before


def test_nothing_is_cancelled_twice_or_for_an_unknown_reason(order: Order) -> None:
    with pytest.raises(Refusal, match="kein Stornogrund"):
        orders.cancel(order, "bad weather", actor=ANNA, now=NOW)
    orders.cancel(order, "other", actor=ANNA, now=NOW)

    with pytest.raises(Refusal, match="schon storniert"):
        orders.cancel(order, "other", actor=ANNA, now=NOW)

    assert kinds(order) == ["placed", "cancelled"]


def test_the_channel_may_refuse_the_cancellation(order: Order, amazon: ListeningChannel) -> None:
    amazon.refuses = "Bei Amazon schon versendet."

    with pytest.raises(Refusal, match="Bei Amazon schon versendet"):
        orders.cancel(order, "other", actor=ANNA, now=NOW)

    assert state(order) == ("open", "paid", "open")


def test_an_order_that_is_packed_may_be_cancelled_by_the_merchant(order: Order) -> None:
    dispatch.start_packing(order, actor=ANNA, now=NOW)

    orders.cancel(order, "buyer_cancelled", actor=ANNA, now=NOW)

    assert state(order)[2] == "cancelled"


@pytest.mark.parametrize(("restock", "left"), [(True, 10), (False, 6)])
def test_returned_goods_come_back_into_stock_if_they_can_be_sold(
    merchant: Merchant, amazon: ListeningChannel, restock: bool, left: int
) -> None:
    tea = product(merchant, counted=10)
    place(merchant.pk, [new_order("305-2", new_line(quantity=4, product=tea))], now=NOW)
    order = stored(merchant, "305-2")
    ship(order)

    returns.record_return(order, {1: 1}, restock=restock, actor=ANNA, now=NOW)
    between = state(order)
    returns.record_return(order, {1: 3}, restock=restock, actor=ANNA, now=NOW)

    assert between[0] == "closed"
    assert state(order)[0] == "returned"
    assert in_stock(tea) == (left, 0)
    assert stock.audit(merchant.pk) == []


def test_no_more_comes_back_than_left(order: Order) -> None:
    with pytest.raises(Refusal, match="noch nicht versendet"):
        returns.record_return(order, {1: 1}, restock=True, actor=ANNA, now=NOW)
    ship(order, "T1", {1: 1})

    with pytest.raises(Refusal, match="höchstens 1 Stück"):
        returns.record_return(order, {1: 2}, restock=True, actor=ANNA, now=NOW)


def test_every_act_names_who_did_it(order: Order) -> None:
    ship(order)

    event = OrderEvent.objects.of_id(order.merchant_id).get(kind="parcel_sent")

    assert (event.actor, event.at) == (ANNA, NOW)


def test_one_mail_waits_for_each_parcel(order: Order) -> None:
    ship(order, "T1", {1: 2})
    ship(order, "T2")

    assert Mail.objects.of_id(order.merchant_id).filter(state="waiting").count() == 2
