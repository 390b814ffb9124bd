"""The whole life of an order: bought, reserved, paid, taken in, acknowledged, shipped, seen as shipped."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.backoffice import orders as shop
from kogge.backoffice.models import Order
from kogge.engine.models import Due
from tests.flows.conftest import Stage, total

ANNA = "anna@example.org"


def history(stage: Stage, order_id: str) -> list[str]:
    entries = JournalEntry.objects.of(stage.merchant).filter(amazon_order_id=order_id)
    return list(entries.order_by("pk").values_list("kind", flat=True))


def finish_feeds(stage: Stage) -> None:
    """Messages go out, Amazon works on them, reports are read."""
    for _turn in range(6):
        stage.run("send_feeds")
        stage.amazon.advance(1300)


def shop_order(stage: Stage, order_id: str) -> Any:
    return Order.objects.of(stage.merchant).get(external_id=order_id)


def test_an_order_lives_from_payment_to_delivery(stage: Stage) -> None:
    [bought] = stage.buy(kind="pending", sku="TK-12-WEISS", asin="B00EXAMPL1", quantity=2)
    code = bought.items[0].sku
    stage.check()
    while_pending = stage.stock(code), len(stage.shop_orders())
    stage.amazon.release_pending()
    stage.settle()
    stage.check()
    order = shop_order(stage, bought.order_id)
    finish_feeds(stage)
    stage.ship(order, tracking="00340434161094021501")
    stage.run("confirm_shipments")
    stage.settle()
    stage.check()

    assert while_pending == ((100, 2), 0)
    assert stage.stock(code) == (98, 0)
    assert order.total == total(bought)
    assert bought.acknowledgement.merchant_order_id == str(order.number)
    assert [
        (package.reference_id, package.carrier_code, package.tracking_number, dict(package.quantities))
        for package in bought.packages.values()
    ] == [("1", "DHL", "00340434161094021501", {bought.items[0].item_id: 2})]
    assert stage.amazon_orders()[bought.order_id].status == "SHIPPED"
    assert ShipmentConfirmation.objects.of(stage.merchant).get().state == "confirmed"
    assert shop_order(stage, bought.order_id).delivery_status == "shipped"
    told = history(stage, bought.order_id)
    assert [kind for kind in told if not kind.startswith("acknowledge")] == [
        "reserved",
        "imported",
        "shipment_queued",
        "shipment_confirmed",
        "shipped_at_amazon",
    ]
    assert stage.troubles() == set()


def test_a_pending_order_that_is_cancelled_gives_its_stock_back(stage: Stage) -> None:
    [bought] = stage.buy(kind="pending")
    stage.check()
    stage.amazon.change_order(bought.order_id, status="CANCELLED", cancelled_by="BUYER")
    stage.settle()

    stage.check()

    assert stage.shop_orders() == {}
    assert stage.stock(bought.items[0].sku) == (100, 0)
    assert stage.amazon_orders()[bought.order_id].intake == "ignored"


def test_a_buyers_cancellation_reaches_the_shop_and_the_stock(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    stage.check()
    stage.amazon.change_order(bought.order_id, status="CANCELLED", cancelled_by="BUYER")
    stage.settle()

    stage.check()

    assert shop_order(stage, bought.order_id).status == "cancelled"
    assert stage.stock(bought.items[0].sku) == (100, 0)
    assert "cancelled_at_amazon" in history(stage, bought.order_id)


def test_a_cancellation_of_something_packed_asks_a_human(stage: Stage) -> None:
    from kogge.backoffice import dispatch

    [bought] = stage.buy(kind="standard")
    stage.check()
    order = shop_order(stage, bought.order_id)
    dispatch.start_packing(order, actor="anna@example.org", now=stage.now)
    stage.amazon.change_order(bought.order_id, status="CANCELLED", cancelled_by="BUYER")
    stage.settle()

    stage.check()

    assert "cancelled_after_packing" in stage.troubles()
    assert shop_order(stage, bought.order_id).status != "cancelled"


def test_the_merchant_cancels_and_amazon_shows_it(stage: Stage) -> None:
    bought = stage.buy(5, kind="standard")
    stage.check()
    for order in stage.shop_orders().values():
        shop.cancel(order, "no_inventory", actor="anna@example.org", now=stage.now)
    stage.run("read_shop")
    finish_feeds(stage)
    stage.check()

    assert {(order.status, order.cancelled_by) for order in bought} == {("CANCELLED", "MERCHANT")}
    assert {order.status for order in stage.amazon_orders().values()} == {"CANCELLED"}
    assert {order.status for order in stage.shop_orders().values()} == {"cancelled"}
    assert all(stage.stock(order.items[0].sku)[1] == 0 for order in bought)
    assert all("cancel_confirmed" in history(stage, order.order_id) for order in bought)
    assert all(order.acknowledgement is None for order in bought)
    assert stage.troubles() == set()


@pytest.mark.parametrize("shipped", [3, 2], ids=["whole", "in part"])
@pytest.mark.parametrize("seen", ["before the refusal", "after the refusal"])
def test_an_order_shipped_before_its_cancellation_reached_amazon_stands_again(
    stage: Stage, seen: str, shipped: int
) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    stage.check()
    shop.cancel(shop_order(stage, bought.order_id), "no_inventory", actor=ANNA, now=stage.now)
    stage.run("read_shop")
    stage.amazon.change_order(bought.order_id, quantity_fulfilled=shipped)
    if seen == "before the refusal":
        stage.settle()
        stage.check()
    stage.run("send_feeds")
    wakes = Due.objects.get(operation="read_shop", subject=stage.connection.pk).due_at
    refused_at = stage.now
    stage.run("read_shop")
    stage.run("read_shop")
    stage.settle()
    stage.check()

    order = shop_order(stage, bought.order_id)
    assert wakes <= refused_at
    assert order.delivery_status == ("shipped" if shipped == 3 else "partially_shipped")
    assert order.payment_status == "paid"
    assert order.lines.get().shipped == shipped
    assert stage.stock(bought.items[0].sku) == (97, 0)
    assert stage.troubles() == {"cancel_refused"}
    assert OrderMessage.objects.of(stage.merchant).filter(kind="cancel").count() == 1


def test_an_order_cancelled_at_amazon_while_our_cancellation_was_under_way_stays_cancelled(
    stage: Stage,
) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    stage.check()
    shop.cancel(shop_order(stage, bought.order_id), "no_inventory", actor=ANNA, now=stage.now)
    stage.run("read_shop")
    stage.run("send_feeds")
    stage.amazon.change_order(bought.order_id, status="CANCELLED", cancelled_by="BUYER")
    stage.settle()
    stage.check()
    finish_feeds(stage)

    stage.run("read_shop")

    assert shop_order(stage, bought.order_id).status == "cancelled"
    assert stage.stock(bought.items[0].sku) == (100, 0)


def test_an_order_that_cannot_stand_again_says_so(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    order = shop_order(stage, bought.order_id)
    shop.cancel(order, "no_inventory", actor=ANNA, now=stage.now)
    stage.run("read_shop")
    stage.amazon.change_order(bought.order_id, status="SHIPPED")
    stage.run("send_feeds")
    order.delete()

    stage.run("read_shop")

    trouble = Trouble.objects.of(stage.merchant).get()
    assert trouble.kind == "cancel_refused"
    assert str(trouble.details["reason"]).endswith("Diese Bestellung gibt es im Shop nicht mehr.")


def test_an_address_that_arrives_later_is_kept(stage: Stage) -> None:
    from kogge.backoffice.people import read_people

    [bought] = stage.buy(kind="no_address")
    stage.check()
    before = read_people(shop_order(stage, bought.order_id)).shipping
    address = {"name": "Erika Muster", "addressLine1": "Beispielweg 7", "city": "Hamburg"}
    stage.amazon.change_order(bought.order_id, address=address)
    stage.settle()
    stage.check()
    stage.amazon.change_order(bought.order_id, address=None, quantity_fulfilled=0)
    stage.settle()
    stage.check()

    after = read_people(shop_order(stage, bought.order_id)).shipping
    assert not before
    assert (after.name, after.line1, after.city) == ("Erika Muster", "Beispielweg 7", "Hamburg")
    assert "address_arrived" in history(stage, bought.order_id)


def test_units_that_left_elsewhere_are_not_shipped_again(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard", quantity=3)
    stage.check()
    stage.amazon.change_order(bought.order_id, quantity_fulfilled=3)
    stage.settle()

    stage.check()

    order = shop_order(stage, bought.order_id)
    assert order.delivery_status == "shipped"
    assert stage.stock(bought.items[0].sku) == (97, 0)
    assert stage.amazon.calls.get("confirmShipment", 0) == 0


def test_an_order_seen_first_as_shipped_is_shipped_in_the_shop_and_not_told_to_amazon(stage: Stage) -> None:
    [bought] = stage.buy(kind="shipped")

    stage.check()

    assert shop_order(stage, bought.order_id).delivery_status == "shipped"
    assert stage.amazon.calls.get("confirmShipment", 0) == 0


def test_a_buyers_wish_to_cancel_is_shown_and_changes_nothing(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.check()
    stage.amazon.change_order(bought.order_id, cancellation_request="Doch nicht")
    stage.settle()

    stage.check()

    assert shop_order(stage, bought.order_id).status == "open"
    assert stage.amazon_orders()[bought.order_id].cancel_requested
    assert stage.troubles() == {"cancel_requested"}
