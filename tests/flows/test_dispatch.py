"""Dispatch: parcels reach Amazon with the right numbers; what is shipped cannot be cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kogge.amazon.orders.cancelling import refuse_cancel
from kogge.amazon.orders.confirm import retry_confirmation
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.backoffice import dispatch
from kogge.backoffice.models import Order
from tests.flows.conftest import Stage

ANNA = "anna@example.org"


def confirm_all(stage: Stage) -> None:
    """Parcels go out as fast as Amazon's bucket allows."""
    for _turn in range(60):
        outcome = stage.run("confirm_shipments")
        if not outcome.waiting:
            return
        stage.amazon.advance((outcome.next_due - stage.now).total_seconds())
    raise AssertionError("parcels still wait")


def test_twenty_orders_leave_in_whole_and_partial_parcels(stage: Stage) -> None:
    bought = stage.buy(20, kind="standard", quantity=3)
    stage.check()
    orders = stage.shop_orders()
    for number, one in enumerate(bought):
        order = orders[one.order_id]
        if number % 2:
            stage.ship(order, tracking=f"A{number}", quantities={1: 1}, carrier="Hermes")
            order.refresh_from_db()
            stage.ship(order, tracking=f"B{number}", quantities={1: 2}, carrier="Stadtbote")
        else:
            stage.ship(order, tracking=f"A{number}")
    confirm_all(stage)
    stage.settle()
    stage.check()

    for number, one in enumerate(bought):
        item = one.items[0].item_id
        told = [
            (package.reference_id, package.carrier_code, package.carrier_name, package.tracking_number)
            for package in one.packages.values()
        ]
        if number % 2:
            assert told == [
                ("1", "Hermes Logistik Gruppe", "", f"A{number}"),
                ("2", "Other", "Stadtbote", f"B{number}"),
            ]
            assert [dict(package.quantities) for package in one.packages.values()] == [{item: 1}, {item: 2}]
        else:
            assert told == [("1", "DHL", "", f"A{number}")]
            assert [dict(package.quantities) for package in one.packages.values()] == [{item: 3}]
    assert {order.status for order in stage.amazon_orders().values()} == {"SHIPPED"}
    states = ShipmentConfirmation.objects.of(stage.merchant).values_list("state", flat=True)
    assert set(states) == {"confirmed"}
    assert len(states) == 30
    assert stage.troubles() == {"unknown_carrier"}


def test_a_corrected_tracking_number_edits_the_same_parcel(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    parcel = stage.ship(stage.shop_orders()[bought.order_id], tracking="FALSCH")
    stage.run("confirm_shipments")
    dispatch.correct_tracking(parcel, carrier="DHL", tracking_number="RICHTIG", actor=ANNA, now=stage.now)
    stage.run("read_shop")
    stage.run("confirm_shipments")

    [package] = bought.packages.values()
    assert (package.tracking_number, package.edits) == ("RICHTIG", 1)


def test_a_shipped_order_cannot_be_cancelled(stage: Stage) -> None:
    shipped_here, shipped_there, open_order = stage.buy(3, kind="standard")
    stage.check()
    stage.ship(stage.shop_orders()[shipped_here.order_id], tracking="A1")
    stage.run("confirm_shipments")
    stage.amazon.change_order(shipped_there.order_id, status="SHIPPED")

    refusals = [
        refuse_cancel(stage.merchant.pk, order.order_id, stage.now)
        for order in (shipped_here, shipped_there, open_order)
    ]

    assert refusals[0] is not None
    assert refusals[1] is not None, "Amazon is asked, not only our own books"
    assert refusals[2] is None


def test_what_amazon_refuses_is_shown_and_can_be_repeated(stage: Stage) -> None:
    [bought] = stage.buy(kind="ship_plus")
    stage.check()
    stage.ship(stage.shop_orders()[bought.order_id], tracking="A1")
    stage.run("confirm_shipments")
    rejected = ShipmentConfirmation.objects.of(stage.merchant).get()
    shown = stage.troubles()
    bought.programs.clear()
    stage.amazon.violations.clear()

    repeated = retry_confirmation(rejected.pk, now=stage.now)
    stage.run("confirm_shipments")

    assert rejected.state == "rejected"
    assert "FBM_SHIP_PLUS" in rejected.last_error
    assert shown == {"shipment_rejected"}
    assert repeated
    assert len(bought.packages) == 1
    assert stage.troubles() == set()


def test_a_parcel_without_a_number_waits_for_one(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    parcel = stage.ship(stage.shop_orders()[bought.order_id], tracking="")
    stage.run("confirm_shipments")
    without_number = stage.troubles()
    dispatch.correct_tracking(parcel, carrier="DHL", tracking_number="A1", actor=ANNA, now=stage.now)
    stage.run("read_shop")
    stage.run("confirm_shipments")

    assert without_number == {"shipment_rejected"}
    assert len(bought.packages) == 1
    assert stage.troubles() == set()


@pytest.mark.parametrize("seen_first", ["unshipped", "shipped in part"])
def test_the_rest_of_an_order_shipped_in_part_in_seller_central_is_told_to_amazon(
    stage: Stage, seen_first: str
) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    if seen_first == "unshipped":
        stage.check()
    stage.amazon.change_order(bought.order_id, quantity_fulfilled=2)
    stage.settle()
    stage.check()

    stage.ship(stage.shop_orders()[bought.order_id], tracking="REST")
    stage.run("confirm_shipments")

    [package] = bought.packages.values()
    assert (package.tracking_number, dict(package.quantities)) == ("REST", {bought.items[0].item_id: 1})
    assert bought.status == "SHIPPED"
    assert stage.troubles() == set()


def test_a_second_parcel_is_told_though_the_answer_to_the_first_got_lost_until_it_showed(
    stage: Stage,
) -> None:
    [bought] = stage.buy(kind="standard", quantity=2)
    stage.check()
    order = stage.shop_orders()[bought.order_id]
    stage.ship(order, tracking="A1", quantities={1: 1})
    stage.amazon.fault("confirmShipment", "drop-after")
    stage.run("confirm_shipments")
    stage.settle()
    stage.check()
    stage.run("confirm_shipments")
    order.refresh_from_db()

    stage.ship(order, tracking="A2", quantities={1: 1})
    stage.run("confirm_shipments")

    assert [package.tracking_number for package in bought.packages.values()] == ["A1", "A2"]


def test_a_parcel_of_an_order_shipped_in_seller_central_meanwhile_is_not_told_again(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    stage.check()
    order = stage.shop_orders()[bought.order_id]
    dispatch.ship(order, carrier="DHL", tracking_number="A1", quantities=None, actor=ANNA, now=stage.now)
    stage.amazon.change_order(bought.order_id, quantity_fulfilled=3)
    stage.settle()
    stage.check()

    stage.run("read_shop")
    stage.run("confirm_shipments")

    assert bought.packages == {}
    assert stage.troubles() == set()


@pytest.mark.parametrize("read", ["before the check", "after the check", "and refused by Amazon"])
def test_a_parcel_of_an_order_cancelled_at_amazon_is_one_trouble(stage: Stage, read: str) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    order = stage.shop_orders()[bought.order_id]
    stage.amazon.change_order(bought.order_id, status="CANCELLED", cancelled_by="BUYER")
    dispatch.ship(order, carrier="DHL", tracking_number="A1", quantities=None, actor=ANNA, now=stage.now)
    if read != "after the check":
        stage.run("read_shop")
    if read == "and refused by Amazon":
        stage.run("confirm_shipments")
        stage.amazon.violations.clear()
    stage.settle()
    stage.check()

    stage.run("read_shop")
    stage.run("confirm_shipments")

    assert stage.troubles() == {"cancelled_after_packing"}
    assert ShipmentConfirmation.objects.of(stage.merchant).get().state == "dropped"


def test_an_answer_that_got_lost_is_no_second_parcel(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    stage.ship(stage.shop_orders()[bought.order_id], tracking="A1")
    stage.amazon.fault("confirmShipment", "drop-after")
    stage.run("confirm_shipments")
    waiting = ShipmentConfirmation.objects.of(stage.merchant).get()
    stage.amazon.advance(90)
    stage.run("confirm_shipments")

    assert waiting.state == "waiting"
    assert [(package.reference_id, package.edits) for package in bought.packages.values()] == [("1", 1)]
    assert ShipmentConfirmation.objects.of(stage.merchant).get().state == "accepted"


def test_a_parcel_amazon_does_not_hear_of_in_time_alarms(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    stage.ship(stage.shop_orders()[bought.order_id], tracking="A1")
    stage.amazon.fault("confirmShipment", "500", times=None)
    stage.run("confirm_shipments")
    stage.amazon.advance(timedelta(days=3).total_seconds())

    stage.check()

    assert stage.troubles() == {"shipment_late"}


def test_a_cancellation_in_the_shop_before_the_acknowledgement_sends_only_the_cancellation(
    stage: Stage,
) -> None:
    from kogge.amazon.feeds.models import OrderMessage
    from kogge.backoffice import orders

    [bought] = stage.buy(kind="standard")
    stage.check()
    order = Order.objects.of(stage.merchant).get(external_id=bought.order_id)
    orders.cancel(order, "buyer_cancelled", actor=ANNA, now=stage.now)

    stage.run("read_shop")

    messages = OrderMessage.objects.of(stage.merchant).order_by("pk")
    assert [(message.kind, message.state) for message in messages] == [
        ("acknowledge", "dropped"),
        ("cancel", "waiting"),
    ]
