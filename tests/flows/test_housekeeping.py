"""What runs beside the checks: comparing, FBA orders, forgetting people, second tries, products to assign."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.amazon.orders.assigning import assign_product
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.orders.panel import amazon_side
from kogge.amazon.orders.placing import retry_placing, retry_unreadable
from kogge.amazon.orders.purge import purge_report
from kogge.backoffice.models import Order, Product
from kogge.shops.port import Refused
from tests.flows.conftest import Stage


def test_the_comparison_finds_nothing_when_nothing_is_missing(stage: Stage) -> None:
    stage.buy(40, age_s=600)
    stage.check()

    outcome = stage.run("compare_orders")

    assert outcome.failed == 0
    assert stage.runs("compare")[-1].seen > 30
    assert "missing_orders" not in stage.troubles()


def test_the_comparison_takes_in_what_is_missing_and_says_so(stage: Stage) -> None:
    bought = stage.buy(5, kind="standard", age_s=600)
    stage.check()
    lost = AmazonOrder.objects.of(stage.merchant).get(order_id=bought[2].order_id)
    Order.objects.of(stage.merchant).filter(external_id=lost.order_id).delete()
    lost.delete()

    outcome = stage.run("compare_orders")

    assert outcome.failed == 1
    assert bought[2].order_id in stage.shop_orders()
    trouble = Trouble.objects.of(stage.merchant).get(kind="missing_orders")
    assert trouble.details == {"count": 1}


def test_what_comes_into_sight_late_is_not_called_missing(stage: Stage) -> None:
    stage.check()
    [late] = stage.buy(kind="standard", age_s=240)

    outcome = stage.run("compare_orders")

    assert late.order_id in stage.shop_orders()
    assert outcome.failed == 0
    assert "missing_orders" not in stage.troubles()


def test_orders_that_amazon_ships_are_kept_for_information_only(stage: Stage) -> None:
    [fba] = stage.buy(kind="fba")

    stage.check()
    stage.run("check_fba_orders")

    assert stage.shop_orders() == {}
    row = stage.amazon_orders()[fba.order_id]
    assert (row.intake, row.fulfilled_by) == ("ignored", "AMAZON")
    assert stage.stock(fba.items[0].sku) == (100, 0)


def test_orders_from_elsewhere_are_left_out(stage: Stage) -> None:
    stage.buy(kind="non_amazon")

    stage.check()
    stage.run("check_fba_orders")

    assert stage.amazon_orders() == {}


def test_an_unknown_status_stays_visible(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.amazon.change_order(
        bought.order_id,
        patch={"fulfillment": {"fulfillmentStatus": "ON_THE_MOON", "fulfilledBy": "MERCHANT"}},
    )
    stage.settle()
    stage.check()
    shown = stage.troubles(), len(stage.shop_orders())
    stage.amazon.change_order(bought.order_id, patch=None)
    stage.settle()

    stage.check()

    assert shown == ({"unknown_status"}, 0)
    assert len(stage.shop_orders()) == 1
    assert stage.troubles() == set()


def test_assigning_a_product_once_settles_every_line_of_its_sku(stage: Stage) -> None:
    wish: dict[str, Any] = {"kind": "standard", "sku": "FREMD-1", "asin": "B0FREMD001", "quantity": 2}
    first, second = stage.buy(2, **wish)
    [pending] = stage.buy(1, **wish | {"kind": "pending"})
    stage.check()
    free_lines = stage.troubles()
    product = Product.objects.of(stage.merchant).order_by("pk")[0]
    item = AmazonOrderItem.objects.of(stage.merchant).get(order__order_id=second.order_id)

    settled = assign_product(item, str(product.pk), stage.now)
    stage.buy(1, **wish)
    stage.check()

    assert free_lines == {"assign_product"}
    assert settled == 3
    assert stage.stock(product.code) == (100 - 2 - 2 - 2, 2)
    assert stage.troubles() == set()
    assert {order.order_id for order in (first, second, pending)} <= stage.amazon_orders().keys()


def test_people_are_forgotten_in_time_and_stay_forgotten(stage: Stage) -> None:
    from kogge.backoffice.people import read_people

    [bought] = stage.buy(kind="gift")
    stage.check()
    known = read_people(stage.shop_orders()[bought.order_id])
    deadline = stage.amazon_orders()[bought.order_id].purge_at
    stage.amazon.advance((deadline - stage.now).total_seconds() + 60)
    overdue = purge_report(stage.connection, now=stage.now)

    outcome = stage.run("purge_people")
    stage.amazon.change_order(bought.order_id, status="SHIPPED")
    stage.settle()
    stage.check()

    assert known.buyer_name
    assert deadline == bought.deliver_by[1] + timedelta(days=30)
    assert (overdue.overdue, outcome.done) == (1, 1)
    forgotten = read_people(stage.shop_orders()[bought.order_id])
    assert not forgotten.shipping
    assert (forgotten.buyer_name, forgotten.email, forgotten.gift_texts) == ("", "", {})
    report = purge_report(stage.connection, now=stage.now)
    assert (report.purged, report.overdue) == (1, 0)
    assert JournalEntry.objects.of(stage.merchant).filter(kind="purged").count() == 1


def test_people_are_forgotten_also_when_the_connection_is_cut(stage: Stage) -> None:
    from kogge.amazon.connections.accounts import disconnect
    from kogge.backoffice.people import read_people

    [bought] = stage.buy(kind="standard")
    stage.check()
    disconnect(stage.connection, stage.now)
    stage.amazon.advance(90 * 24 * 3600)

    stage.run("purge_people")

    assert not read_people(stage.shop_orders()[bought.order_id]).shipping


def test_what_the_shop_refuses_can_be_offered_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from kogge.backoffice.builtin_shop import BuiltinShop

    [bought] = stage.buy(kind="standard")
    with monkeypatch.context() as refusing:
        refusing.setattr(
            BuiltinShop,
            "place_orders",
            lambda self, orders, *, now: [Refused(order.external_id, "Nicht heute.") for order in orders],
        )
        run = stage.check()
    refused = stage.amazon_orders()[bought.order_id]
    was, shown = refused.intake, stage.troubles()

    placed = retry_placing(refused, now=stage.now)

    assert (run.failed, was) == (1, "refused")
    assert shown == {"refused_by_shop"}
    assert placed
    assert bought.order_id in stage.shop_orders()
    assert stage.troubles() == set()
    assert stage.amazon_orders()[bought.order_id].sealed_raw is None


def test_an_unreadable_order_can_be_read_again_by_hand(stage: Stage) -> None:
    [bought] = stage.buy(kind="standard")
    stage.amazon.change_order(bought.order_id, patch={"orderItems": []})
    stage.settle()
    stage.check()
    sick = stage.amazon_orders()[bought.order_id]
    still_sick = retry_unreadable(sick, now=stage.now)
    bought.patch = None
    bought.rendered.clear()

    healed = retry_unreadable(sick, now=stage.now)

    assert not still_sick
    assert healed
    assert bought.order_id in stage.shop_orders()
    assert stage.troubles() == set()


def test_the_amazon_side_of_an_order_tells_everything_about_it(stage: Stage, other_merchant: Any) -> None:
    [bought] = stage.buy(kind="cancel_request")
    stage.check()
    stage.ship(stage.shop_orders()[bought.order_id], tracking="A1")

    side = amazon_side(stage.merchant.pk, bought.order_id)

    assert side is not None
    assert side.order.status == "UNSHIPPED"
    assert [item.item_id for item in side.items] == [item.item_id for item in bought.items]
    assert [(message.kind, message.state) for message in side.messages] == [("acknowledge", "waiting")]
    assert [parcel.tracking_number for parcel in side.confirmations] == ["A1"]
    assert [trouble.kind for trouble in side.troubles] == ["cancel_requested"]
    assert bought.order_id in side.seller_central_url
    assert amazon_side(other_merchant.pk, bought.order_id) is None
