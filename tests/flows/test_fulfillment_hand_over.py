"""Shop orders on their way to Amazon: planned once, previewed, handed over exactly once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.amazon.fba import creating, drafting, speeds, wishes
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder
from kogge.amazon.fba.previewing import foresight_of
from kogge.backoffice import stock as ledger
from kogge.backoffice.refusal import Refusal
from kogge.simulator import fulfilment
from kogge.spapi import fba_inventory_v1, fulfillment_outbound
from kogge.spapi.errors import AskHuman
from kogge.spapi.fulfillment_orders import OrderRefused
from tests.flows.conftest import GERMANY, Stage
from tests.flows.fulfillment_stage import CUT_OFF, LEIPZIG, FulfillmentStage

BOTH = pytest.mark.parametrize("version", ["2026-07-04", "2020-07-01"])
CREATE = {"2026-07-04": "outboundCreateOrder", "2020-07-01": "createFulfillmentOrder"}
PREVIEW = {"2026-07-04": "outboundGetOrderPreview", "2020-07-01": "getFulfillmentPreview"}
CANCEL = {"2026-07-04": "outboundCancelOrder", "2020-07-01": "cancelFulfillmentOrder"}
KINDS = ["timeout", "timeout-after", "drop-connection", "drop-after", "500", "503-html", "bad-json"]


@pytest.fixture
def shop(stage: Stage) -> FulfillmentStage:
    return FulfillmentStage(stage)


def forgive(shop: FulfillmentStage, words: str) -> None:
    """A strict Amazon holds this one question against us, which is what the story is about."""
    [violation] = shop.amazon.violations
    assert words in violation
    shop.amazon.violations.clear()


# --- the straight way ------------------------------------------------------------------------------


@BOTH
def test_a_paid_order_becomes_one_order_at_amazon(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20, sku="TS-01-FBA")

    order = shop.order({"TS-01": 2}, shipping_method="Standardversand")
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01-FBA", 2)]
    assert (sent.version, sent.speed, sent.policy) == (version, "STANDARD", "FILL_OR_KILL")
    assert sent.address["name"] == "Max Beispiel"
    assert sent.address["postalCode"] == "04109"
    assert sent.marketplace.id == GERMANY
    if version == "2020-07-01":  # the newer one knows no other number for a parcel
        assert sent.display_id == str(order.number)
    ours = shop.fulfillment(order)
    assert (ours.state, ours.version, ours.order_id) == ("handed", version, sent.order_id)
    assert ours.order_id == f"{shop.settings.prefix}-{order.number}-1"
    assert ours.look_at == ours.accepted_at + timedelta(minutes=1)
    assert shop.lines(order)["TS-01"].fulfilled_by == "amazon"
    assert shop.stage.stock("TS-01") == (100, 0)  # the shop's own stock has nothing to do with it
    assert shop.told(order) == [
        "fulfillment_planned",
        "fulfillment_previewed",
        "fulfillment_sent",
        "fulfillment_accepted",
    ]
    assert shop.troubles() == set()


def test_an_order_costs_one_preview_and_one_create_and_the_stock_is_asked_for_all(
    shop: FulfillmentStage,
) -> None:
    shop.keep("TS-01", units=50)
    shop.keep("TS-02", units=50)
    for _number in range(5):
        shop.order({"TS-01": 1, "TS-02": 1})

    shop.hand_over_all()

    assert len(shop.amazon.fulfilment_orders) == 5
    assert shop.calls("outboundGetOrderPreview") == 5
    assert shop.calls("outboundCreateOrder") == 5
    assert shop.calls("getInventorySummaries") == 1
    assert shop.calls("outboundListOrders") == 1  # which version the account may use
    assert shop.calls("outboundGetOrder") == 0


def test_of_a_mixed_order_only_amazons_lines_go_to_amazon(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)

    order = shop.order({"TS-01": 2, "TK-GUSS-09": 1})
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01", 2)]
    assert shop.lines(order)["TK-GUSS-09"].fulfilled_by == ""
    assert shop.stage.stock("TK-GUSS-09") == (99, 0)


def test_what_the_merchant_packs_already_does_not_keep_the_rest_from_amazon(shop: FulfillmentStage) -> None:
    from kogge.backoffice import dispatch

    shop.keep("TS-01", units=20)
    shop.keep("TS-02", units=0)
    order = shop.order({"TS-01": 1, "TS-02": 1}, paid=False)  # of the second one Amazon has none yet
    dispatch.start_packing(shop.fresh(order), actor="anna", now=shop.now)
    shop.shelve("TS-02", 5)
    shop.know("TS-02", 5)

    shop.pay(order)
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01", 1)]
    assert shop.lines(order)["TS-02"].fulfilled_by == ""


def test_an_order_without_any_fba_product_is_none_of_amazons(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)

    shop.order({"TK-GUSS-09": 1})
    shop.hand_over_all()

    assert shop.fulfillments() == []
    assert shop.amazon.fulfilment_orders == []


def test_an_unpaid_order_waits_for_the_money(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 1}, paid=False)
    shop.hand_over_all()
    assert shop.fulfillments() == []

    shop.pay(order)
    shop.hand_over_all()

    assert len(shop.amazon.fulfilment_orders) == 1


def test_an_unpaid_order_is_edited_freely_and_goes_as_it_is_then(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 3}, paid=False)
    edit(shop, order, quantities={1: 2}, address=replace(LEIPZIG, line1="Nebenweg 3"))
    shop.plan()

    shop.pay(order)
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [line.quantity for line in sent.lines] == [2]
    assert sent.address["addressLine1"] == "Nebenweg 3"


def test_an_order_that_was_edited_goes_to_amazon_by_a_click_with_its_new_address(
    shop: FulfillmentStage,
) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 3})
    shop.plan()
    edit(shop, order, quantities={1: 2}, address=replace(LEIPZIG, line1="Nebenweg 3"))

    wishes.plan_again(shop.merchant.pk, str(order.pk), by="anna", now=shop.now)
    shop.hand_over(minutes=CUT_OFF)

    [sent] = shop.amazon.fulfilment_orders
    assert [line.quantity for line in sent.lines] == [2]
    assert sent.address["addressLine1"] == "Nebenweg 3"
    assert ledger.audit(shop.merchant.pk) == []


def test_an_order_at_amazon_cannot_be_edited_or_sent_by_the_merchant(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 3})
    shop.hand_over_all()

    with pytest.raises(Refusal, match="Storniere zuerst den Auftrag bei Amazon"):
        edit(shop, order, quantities={1: 2})
    with pytest.raises(Refusal, match="Storniere zuerst den Auftrag bei Amazon"):
        send_self(shop, order)
    with pytest.raises(wishes.TooLate, match="offenen Versandauftrag"):
        wishes.plan_again(shop.merchant.pk, str(order.pk), by="anna", now=shop.now)


def test_what_was_ordered_before_is_history(shop: FulfillmentStage) -> None:
    shop.order({"TS-01": 1})  # nothing of the merchant's was read yet
    shop.keep("TS-01", units=20)

    shop.hand_over_all()

    assert shop.fulfillments() == []


def test_an_order_placed_right_after_the_tick_is_planned_even_if_nothing_ran_between(
    shop: FulfillmentStage,
) -> None:
    shop.keep("TS-01", units=20)

    shop.order({"TS-01": 1})
    shop.plan()

    assert [one.state for one in shop.fulfillments()] == ["planned"]


def test_fifty_orders_are_planned_with_as_many_questions_as_five(
    shop: FulfillmentStage,
) -> None:
    """What the shop does with each order is the shop's; ours is asked and written for all at once."""
    shop.keep("TS-01", units=2000)
    asked = []
    for orders in (1, 5, 50):  # the first writes down what is the same for all
        for number in range(orders):
            shop.order({"TS-01": 1}, shipping_method="Standardversand" if number % 5 else "Brieftaube")
        with CaptureQueriesContext(connection) as seen:
            shop.plan()
        sql = [query["sql"] for query in seen if '"amazon_' in query["sql"]]
        # Without what is written: SQLite takes only some rows at once.
        asked.append([text for text in sql if not text.startswith("INSERT")])

    assert len(shop.fulfillments()) == 56
    assert 0 < len(asked[2]) == len(asked[1])


def test_a_click_while_the_page_is_planned_is_no_second_order(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.backoffice.builtin_shop import BuiltinShop

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 1})
    real, clicks = BuiltinShop.own_orders, [order]

    def click_meanwhile(self: Any, after: str, limit: int) -> Any:
        page = real(self, after, limit)
        known = drafting.had_attempts

        def had_attempts(*arguments: Any) -> Any:
            found = known(*arguments)
            if clicks:
                wishes.plan_again(shop.merchant.pk, str(clicks.pop().pk), by="anna", now=shop.now)
            return found

        monkeypatch.setattr(drafting, "had_attempts", had_attempts)
        return page

    with monkeypatch.context() as patch:
        patch.setattr(BuiltinShop, "own_orders", click_meanwhile)
        shop.plan()

    assert [one.state for one in shop.fulfillments()] == ["planned"]


def test_planning_twice_plans_once(shop: FulfillmentStage) -> None:
    from kogge.amazon.fba.models import OwnOrderCursor

    shop.keep("TS-01", units=20)
    shop.order({"TS-01": 1})
    shop.plan()

    OwnOrderCursor.objects.of(shop.merchant).update(cursor="")
    shop.plan()

    assert len(shop.fulfillments()) == 1


# --- speed, address, preview -----------------------------------------------------------------------


def test_the_shipping_method_decides_the_speed(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    speeds.save(shop.merchant.pk, speeds.Mapping("Expressversand", "EXPEDITED"), now=shop.now)

    order = shop.order({"TS-01": 1}, shipping_method="expressversand")
    shop.hand_over_all()

    assert shop.at_amazon(order).speed == "EXPEDITED"
    assert shop.troubles() == set()


def test_an_unknown_shipping_method_goes_at_the_standard_speed_and_says_so(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)

    order = shop.order({"TS-01": 1}, shipping_method="Brieftaube")
    shop.hand_over_all()

    assert shop.at_amazon(order).speed == "STANDARD"
    assert shop.troubles() == {"unknown_shipping_method"}
    speeds.save(shop.merchant.pk, speeds.Mapping("Brieftaube", "EXPEDITED"), now=shop.now)
    assert shop.troubles() == set()


def test_an_impossible_address_never_reaches_amazon(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)

    order = shop.order({"TS-01": 1}, to={"postal_code": "4109"})
    shop.hand_over_all()

    failed = shop.fulfillment(order)
    assert (failed.state, failed.reason, failed.findings) == ("returned", "address", ["postal_code"])
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.stage.stock("TS-01") == (99, 0)
    assert shop.troubles() == {"fulfillment_address"}
    assert shop.calls("outboundGetOrderPreview") == 0


def test_a_preview_is_kept_with_fees_and_dates(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)

    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()

    seen = foresight_of(shop.fulfillment(order))
    assert seen is not None
    assert seen.is_possible
    assert seen.total is not None
    assert seen.total > 0
    assert sum(fee.amount or 0 for fee in seen.fees) == seen.total
    assert seen.currency == "EUR"
    assert seen.leaves_to is not None
    assert seen.arrives_to is not None
    assert seen.leaves_to < seen.arrives_to
    assert shop.amazon.fulfilment_orders == []  # the cut-off window


@BOTH
def test_what_the_preview_finds_impossible_comes_back_at_once(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.amazon.set(undeliverable_postal_codes=("04109",))

    shop.plan()
    shop.hand_over()

    failed = shop.fulfillment(order)
    assert (failed.state, failed.reason) == ("returned", "address")
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.troubles() == {"fulfillment_address"}


def test_a_preview_that_fails_does_not_keep_the_order(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    shop.order({"TS-01": 2})
    shop.amazon.fault("outboundGetOrderPreview", "500", times=None)

    shop.hand_over_all()

    assert [one.state for one in shop.fulfillments()] == ["handed"]


# --- inside the cut-off window ---------------------------------------------------------------------


def edit(shop: FulfillmentStage, order: Any, **change: Any) -> None:
    """The merchant edits the order in the shop."""
    from kogge.backoffice.changing import change_order

    change_order(shop.fresh(order), **change, actor="anna@example.org", now=shop.now)


def send_self(shop: FulfillmentStage, order: Any) -> None:
    """The merchant takes the order back to ship it."""
    from kogge.backoffice.fulfilment import ship_self

    ship_self(shop.fresh(order), actor="anna@example.org", now=shop.now)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda shop, order: shop.cancel(order), "cancelled"),
        (lambda shop, order: edit(shop, order, quantities={1: 1}), "edited"),
        (lambda shop, order: edit(shop, order, address=replace(LEIPZIG, line1="Nebenweg 3")), "edited"),
        (send_self, "shipped"),
        (
            lambda shop, order: wishes.stop(shop.fulfillment(order), by="anna", now=shop.now),
            "by_merchant",
        ),
    ],
    ids=["cancelled", "fewer", "moved", "shipped", "stopped"],
)
def test_what_is_stopped_in_the_window_never_reaches_amazon(
    shop: FulfillmentStage, act: Callable[[Any, Any], None], reason: str
) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()

    act(shop, order)
    shop.hand_over(minutes=CUT_OFF)
    shop.plan()
    shop.hand_over(minutes=CUT_OFF)

    stopped = shop.fulfillment(order)
    assert (stopped.state, stopped.reason, stopped.attempt) == ("stopped", reason, 1)
    assert shop.fresh(order).fulfiller == ""
    assert shop.amazon.fulfilment_orders == []
    assert shop.troubles() == set()
    assert ledger.audit(shop.merchant.pk) == []


def test_what_the_merchant_takes_before_it_is_paid_stays_with_the_merchant(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2}, paid=False)
    assert shop.lines(order)["TS-01"].fulfilled_by == "amazon"
    send_self(shop, order)

    shop.pay(order)
    shop.hand_over_all()

    [stopped] = shop.fulfillments()
    assert (stopped.state, stopped.reason, stopped.attempt) == ("stopped", "shipped", 1)
    assert [(line.sku, line.quantity, line.returned) for line in stopped.lines.all()] == [("TS-01", 2, 2)]
    assert shop.told(order) == ["fulfillment_stopped"]
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.amazon.fulfilment_orders == []
    assert ledger.audit(shop.merchant.pk) == []

    wishes.plan_again(shop.merchant.pk, str(order.pk), by="anna", now=shop.now)
    shop.hand_over(minutes=CUT_OFF)
    assert shop.fulfillment(order).state == "handed"


def test_a_cancellation_that_amazon_would_have_to_hear_of_is_refused_with_what_to_do(
    shop: FulfillmentStage,
) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()

    with pytest.raises(Refusal, match="Storniere zuerst den Auftrag bei Amazon"):
        shop.cancel(order)

    assert shop.fulfillment(order).state == "handed"


def test_the_merchant_need_not_wait_for_the_window(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()

    wishes.send_now(shop.fulfillment(order), by="anna", now=shop.now)
    shop.hand_over()

    assert shop.fulfillment(order).state == "handed"
    with pytest.raises(wishes.TooLate):
        wishes.stop(shop.fulfillment(order), by="anna", now=shop.now)


def test_the_merchant_may_be_faster_than_the_run_that_hands_over(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()
    look = fba_inventory_v1.stock_of

    def stop_meanwhile(*arguments: Any, **named: Any) -> Any:
        wishes.stop(shop.fulfillment(order), by="anna", now=shop.now)
        return look(*arguments, **named)

    monkeypatch.setattr(fba_inventory_v1, "stock_of", stop_meanwhile)
    shop.hand_over(minutes=CUT_OFF)

    assert shop.fulfillment(order).state == "stopped"
    assert shop.amazon.fulfilment_orders == []


def test_an_order_that_changed_without_a_word_is_stopped_by_the_last_look(shop: FulfillmentStage) -> None:
    """A shop elsewhere may not ask us before it changes an order."""
    from kogge.amazon.connections.accounts import shop_of

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()
    shop_of(shop.connection).take_back(str(order.pk), ["1"], "amazon", now=shop.now)

    shop.hand_over(minutes=CUT_OFF)

    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("stopped", "edited")
    assert shop.amazon.fulfilment_orders == []
    assert ledger.audit(shop.merchant.pk) == []


def test_a_stopped_order_can_be_handed_over_by_a_click(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    wishes.stop(shop.fulfillment(order), by="anna", now=shop.now)

    wishes.plan_again(shop.merchant.pk, str(order.pk), by="anna", now=shop.now)
    shop.hand_over(minutes=CUT_OFF)

    assert [one.state for one in shop.fulfillments()] == ["stopped", "handed"]
    [sent] = shop.amazon.fulfilment_orders
    assert sent.order_id == f"{shop.settings.prefix}-{order.number}-2"


def test_a_tick_taken_away_in_the_window_stops_the_order(shop: FulfillmentStage) -> None:
    from kogge.amazon.catalog.models import Offer

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    Offer.objects.of(shop.merchant).update(fba=False)

    shop.hand_over(minutes=CUT_OFF)

    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("stopped", "fba_off")
    assert shop.lines(order)["TS-01"].fulfilled_by == ""


# --- stock -----------------------------------------------------------------------------------------


def test_without_stock_at_amazon_the_order_stays_with_the_merchant_and_says_so(
    shop: FulfillmentStage,
) -> None:
    shop.keep("TS-01", units=1)

    order = shop.order({"TS-01": 2})
    shop.hand_over_all()

    assert shop.amazon.fulfilment_orders == []
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.stage.stock("TS-01") == (98, 0)
    assert shop.troubles() == {"fulfillment_no_stock"}


def test_stock_that_vanished_after_planning_is_seen_before_sending(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=5)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()
    shop.shelve("TS-01", 1)

    shop.hand_over(minutes=CUT_OFF)

    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("returned", "no_stock")
    assert shop.calls("outboundCreateOrder") == 0
    assert shop.stage.stock("TS-01") == (98, 0)
    assert shop.troubles() == {"fulfillment_no_stock"}
    assert FbaStock.objects.of(shop.merchant).get(sku="TS-01").fulfillable == 1


def test_units_in_transfer_are_not_sold_although_the_preview_promises_them(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=5)
    order = shop.order({"TS-01": 2})
    shop.shelve("TS-01", 0)
    shop.amazon.set_fba_elsewhere("TS-01", in_transfer=5)

    shop.hand_over_all()

    assert shop.fulfillment(order).reason == "no_stock"
    assert shop.amazon.fulfilment_orders == []


def test_more_than_amazon_takes_in_one_order_stays_with_the_merchant(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=300)
    shop.keep("TS-02", units=300)

    order = shop.order({"TS-01": 200, "TS-02": 60})
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01", 200)]
    assert shop.lines(order)["TS-02"].fulfilled_by == ""
    assert shop.troubles() == {"fulfillment_refused"}


def test_only_the_lines_of_which_enough_is_there_go_to_amazon(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=5)
    shop.keep("TS-02", units=1)

    order = shop.order({"TS-01": 2, "TS-02": 2})
    shop.hand_over_all()

    [sent] = shop.amazon.fulfilment_orders
    assert [(line.sku, line.quantity) for line in sent.lines] == [("TS-01", 2)]
    assert shop.lines(order)["TS-02"].fulfilled_by == ""
    assert shop.stage.stock("TS-02") == (98, 0)
    assert shop.troubles() == {"fulfillment_no_stock"}


def test_two_orders_want_the_last_unit_and_one_gets_it(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=2)
    first, second = shop.order({"TS-01": 1}), shop.order({"TS-01": 1})
    shop.plan()
    shop.hand_over()
    shop.shelve("TS-01", 1)

    shop.hand_over(minutes=CUT_OFF)

    assert [shop.fulfillment(order).state for order in (first, second)] == ["handed", "returned"]
    assert len(shop.amazon.fulfilment_orders) == 1


@BOTH
def test_stock_gone_at_the_last_moment_is_refused_and_comes_back(
    shop: FulfillmentStage, version: str
) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=5)
    order = shop.order({"TS-01": 2})
    shop.amazon.set(stock_gone_before_create=True, refuse_without_stock=True)

    shop.hand_over_all()

    refused = shop.fulfillment(order)
    assert (refused.state, refused.reason) == ("returned", "no_stock")
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.told(order)[-1] == "fulfillment_refused"


def test_neutral_packaging_that_amazon_refuses_comes_back_with_its_reason(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=5)
    shop.prefer(unbranded=True)
    order = shop.order({"TS-01": 2})

    shop.hand_over_all()

    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("returned", "packaging")
    assert shop.troubles() == {"fulfillment_refused"}
    forgive(shop, "not eligible")


def test_partial_deliveries_are_a_setting(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=5)
    shop.prefer(allow_partial=True)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.shelve("TS-01", 1)

    shop.hand_over(minutes=CUT_OFF)

    assert shop.at_amazon(order).policy == "FILL_ALL_AVAILABLE"


@pytest.mark.parametrize(
    "sentence",
    ["The order was cancelled: duplicate payment", "Cancel the hold first", "We would rather not", ""],
)
def test_whatever_the_refusal_the_merchant_hears_of_it(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch, sentence: str
) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OrderRefused(AskHuman(sentence, operation="outboundCreateOrder", status=400))

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    monkeypatch.setattr(fulfillment_outbound, "create", refuse)

    shop.hand_over_all()

    failed = shop.fulfillment(order)
    assert (failed.state, failed.reason) == ("returned", "other")
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.troubles() == {"fulfillment_refused"}


# --- which version ---------------------------------------------------------------------------------


def test_the_version_is_probed_once_and_remembered(shop: FulfillmentStage) -> None:
    shop.amazon.set_outbound_versions("2020-07-01")
    shop.keep("TS-01", units=20)
    shop.order({"TS-01": 1})
    shop.hand_over_all()
    shop.order({"TS-01": 1})
    shop.hand_over_all()

    assert shop.settings.version == "2020-07-01"
    assert shop.calls("outboundListOrders") == 1
    assert shop.calls("listAllFulfillmentOrders") == 1
    assert len(shop.amazon.fulfilment_orders) == 2


@pytest.mark.parametrize(("before", "after"), [("2026-07-04", "2020-07-01"), ("2020-07-01", "2026-07-04")])
def test_a_version_that_goes_away_is_replaced_by_the_other(
    shop: FulfillmentStage, before: str, after: str
) -> None:
    shop.amazon.set_outbound_versions(before)
    shop.keep("TS-01", units=20)
    shop.order({"TS-01": 1})
    shop.plan()
    shop.hand_over()
    shop.amazon.set_outbound_versions(after)

    shop.hand_over(minutes=CUT_OFF)

    [ours] = shop.fulfillments()
    assert (ours.state, ours.version) == ("handed", after)
    assert shop.settings.version == after
    assert shop.amazon.fulfilment_orders[0].version == after


@pytest.mark.parametrize(("before", "after"), [("2026-07-04", "2020-07-01"), ("2020-07-01", "2026-07-04")])
@pytest.mark.parametrize("was_seen_elsewhere", [False, True], ids=["seen-here", "seen-elsewhere"])
def test_an_order_whose_version_goes_away_is_followed_and_cancelled_in_the_other(
    shop: FulfillmentStage, before: str, after: str, was_seen_elsewhere: bool
) -> None:
    shop.amazon.set_outbound_versions(before)
    shop.amazon.set(new_fulfilments_stuck_in="RECEIVED")
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    shop.amazon.set_outbound_versions(after)
    if was_seen_elsewhere:  # another order's turn found out already
        shop.prefer(version=after)

    shop.follow(minutes=2)
    assert (shop.fulfillment(order).state, shop.fulfillment(order).looks) == ("handed", 1)
    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()
    shop.follow()

    assert (shop.fulfillment(order).state, shop.fulfillment(order).version) == ("cancelled", after)
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.troubles() == set()


def test_an_order_the_other_version_does_not_know_is_told(shop: FulfillmentStage) -> None:
    shop.amazon.set_outbound_versions("2020-07-01")
    shop.keep("TS-01", units=20)
    shop.order({"TS-01": 2})
    shop.hand_over_all()
    shop.amazon.set_outbound_versions("2026-07-04")
    shop.amazon.world.demo.fulfilment_orders.clear()

    shop.follow(minutes=2)
    shop.follow(minutes=90)

    assert shop.troubles() == {"fulfillment_missing"}


def test_without_any_version_nothing_is_lost_and_the_settings_ask_for_help(shop: FulfillmentStage) -> None:
    shop.amazon.set_outbound_versions()
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 1})

    shop.hand_over_all()
    assert shop.fulfillment(order).state == "planned"
    assert shop.troubles() == {"settings"}

    shop.amazon.set_outbound_versions("2026-07-04")
    shop.hand_over(minutes=60)
    assert shop.fulfillment(order).state == "handed"
    assert shop.troubles() == set()


# --- what goes wrong on the way --------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_a_create_without_an_answer_is_one_order_in_the_end(
    shop: FulfillmentStage, version: str, kind: str
) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.amazon.fault(CREATE[version], kind, times=2, seconds=0.05)

    shop.hand_over_all()
    for _try in range(4):
        shop.hand_over(minutes=16)

    assert shop.fulfillment(order).state == "handed"
    assert len(shop.amazon.fulfilment_orders) == 1
    assert shop.calls(CREATE[version]) <= 3
    assert shop.troubles() == set()


@BOTH
def test_after_a_lost_answer_only_amazon_decides(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.amazon.fault(CREATE[version], "drop-after")
    shop.hand_over_all()
    assert shop.fulfillment(order).state == "sending"

    with pytest.raises(wishes.TooLate):
        wishes.stop(shop.fulfillment(order), by="anna", now=shop.now)
    with pytest.raises(Refusal):
        shop.cancel(order)
    with pytest.raises(wishes.TooLate):
        wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over(minutes=2)

    assert shop.fulfillment(order).state == "handed"
    assert shop.calls(CREATE[version]) == 1


@BOTH
def test_a_refusal_after_a_lost_answer_is_not_believed_at_once(shop: FulfillmentStage, version: str) -> None:
    """The first request may be on its way still: then the refusal means that the id is taken, by us."""
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.amazon.fault(CREATE[version], "drop-connection")
    shop.hand_over_all()
    shop.amazon.set(stock_gone_before_create=True, refuse_without_stock=True)

    shop.hand_over(minutes=2)
    assert shop.fulfillment(order).state == "sending"
    assert shop.lines(order)["TS-01"].fulfilled_by == "amazon"
    for _try in range(3):
        shop.hand_over(minutes=16)

    assert shop.fulfillment(order).state == "returned"
    assert shop.lines(order)["TS-01"].fulfilled_by == ""


def test_an_order_that_shows_very_late_is_never_given_back(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.amazon.set(fulfilment_hidden_s=3000)
    shop.amazon.fault("outboundCreateOrder", "drop-after")
    shop.hand_over_all()

    for _try in range(2):
        shop.hand_over(minutes=16)
        assert shop.fulfillment(order).state == "sending"
    for _try in range(3):
        shop.hand_over(minutes=16)

    assert shop.fulfillment(order).state == "handed"
    assert len(shop.amazon.fulfilment_orders) == 1
    shop.amazon.violations.clear()  # it was asked for again, with the same id


def test_a_limit_that_is_used_up_leaves_the_order_with_the_merchant_for_now(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()
    shop.amazon.fault("outboundCreateOrder", "429", times=1)

    shop.hand_over(minutes=CUT_OFF)
    assert shop.fulfillment(order).state == "planned"
    shop.hand_over(minutes=2)

    assert shop.fulfillment(order).state == "handed"


def test_an_id_that_names_another_order_at_amazon_is_never_adopted(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    shop.keep("TS-02", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    FulfillmentOrder.objects.of(shop.merchant).delete()  # a database from yesterday's backup
    ours = shop.order({"TS-02": 1})
    shop.plan()
    FulfillmentOrder.objects.of(shop.merchant).update(
        order_id=f"{shop.settings.prefix}-{order.number}-1", attempt=1
    )

    shop.hand_over(minutes=CUT_OFF)

    found = shop.fulfillment(ours)
    assert (found.state, found.reason) == ("returned", "id_taken")
    assert shop.lines(ours)["TS-02"].fulfilled_by == ""
    assert shop.troubles() == {"fulfillment_refused"}
    assert len(shop.amazon.fulfilment_orders) == 1
    forgive(shop, "exists already")


def test_when_amazon_is_down_the_others_need_not_find_out_one_by_one(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    for _number in range(6):
        shop.order({"TS-01": 1})
    shop.plan()
    shop.hand_over()
    shop.amazon.fault("outboundCreateOrder", "500", times=None)

    outcome = shop.hand_over(minutes=CUT_OFF)

    assert outcome.error
    assert shop.calls("outboundCreateOrder") == 3
    assert sorted(one.state for one in shop.fulfillments()) == ["planned"] * 3 + ["sending"] * 3
    shop.amazon.clear_faults()
    shop.hand_over(minutes=2)
    assert {one.state for one in shop.fulfillments()} == {"handed"}
    assert len(shop.amazon.fulfilment_orders) == 6


def test_thirty_orders_with_mishaps_all_arrive_exactly_once(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=100)
    orders = [shop.order({"TS-01": 1 + number % 3}) for number in range(30)]
    for after, kind in enumerate(["drop-after", "500", "drop-connection", "429", "bad-json"]):
        shop.amazon.fault("outboundCreateOrder", kind, times=1, after=4 * after)
        shop.amazon.fault("outboundGetOrderPreview", kind, times=1, after=3 * after)

    shop.hand_over_all()
    for _try in range(6):
        shop.hand_over(minutes=16)

    wanted = {shop.fulfillment(order).order_id: 1 + number % 3 for number, order in enumerate(orders)}
    arrived = {sent.order_id: sent.units for sent in shop.amazon.fulfilment_orders}
    assert arrived == wanted
    assert {one.state for one in shop.fulfillments()} == {"handed"}
    assert shop.troubles() == set()
    assert ledger.audit(shop.merchant.pk) == []


class Died(BaseException):
    """The process is gone, at once and without a word."""


@BOTH
@pytest.mark.parametrize("step", ["before_create", "after_create", "before_store"])
def test_a_worker_that_dies_anywhere_hands_over_exactly_once(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch, version: str, step: str
) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.hand_over()
    with monkeypatch.context() as patch:
        if step == "before_store":
            patch.setattr(creating, "_accepted", _die)
        else:
            _die_around(patch, is_after=step == "after_create")
        with pytest.raises(Died):
            shop.hand_over(minutes=CUT_OFF)

    assert shop.fulfillment(order).state == "sending"
    shop.amazon.advance(120)  # the lease of the dead runs out
    shop.hand_over()

    assert shop.fulfillment(order).state == "handed"
    assert len(shop.amazon.fulfilment_orders) == 1
    assert shop.troubles() == set()


def test_a_worker_that_dies_while_it_plans_plans_again(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    with monkeypatch.context() as patch:
        patch.setattr(drafting, "make_due", _die)
        with pytest.raises(Died):
            shop.plan()

    assert shop.fulfillments() == []
    shop.amazon.advance(120)
    shop.hand_over_all()

    assert shop.fulfillment(order).state == "handed"


def _die(*_arguments: Any, **_named: Any) -> None:
    raise Died


def _die_around(patch: pytest.MonkeyPatch, *, is_after: bool) -> None:
    from kogge.spapi import fulfillment_outbound

    create = fulfillment_outbound.create

    def dying(*arguments: Any) -> Any:
        if is_after:
            create(*arguments)
        raise Died

    patch.setattr(fulfillment_outbound, "create", dying)


# --- cancelling ------------------------------------------------------------------------------------


@BOTH
def test_a_wish_to_cancel_is_told_amazon_and_believed_when_amazon_shows_it(
    shop: FulfillmentStage, version: str
) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()

    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()
    shop.follow()

    assert shop.at_amazon(order).status == "CANCELLED"
    assert shop.fulfillment(order).state == "cancelled"
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.stage.stock("TS-01") == (98, 0)
    assert shop.troubles() == set()
    assert shop.calls(CANCEL[version]) == 1


@BOTH
def test_a_wish_that_comes_too_late_is_refused_and_said(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    for _step in range(3):
        shop.amazon.change_fulfilment(shop.fulfillment(order).order_id, go_on=True)

    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()

    found = shop.fulfillment(order)
    assert (found.state, found.wish) == ("handed", "")
    assert shop.lines(order)["TS-01"].fulfilled_by == "amazon"
    assert "fulfillment_cancel_refused" in shop.troubles()
    assert "fulfillment_cancel_refused" in shop.told(order)


def test_what_waits_in_the_window_is_stopped_and_not_cancelled(shop: FulfillmentStage) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()

    with pytest.raises(wishes.TooLate, match="Halte ihn an"):
        wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)


@BOTH
def test_what_amazon_cancelled_already_is_no_refusal(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    with shop.amazon.world.lock:  # somebody does it in Seller Central
        fulfilment.cancel(shop.amazon.world, shop.at_amazon(order))

    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()
    shop.follow()

    assert shop.fulfillment(order).state == "cancelled"
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.troubles() == set()


@BOTH
@pytest.mark.parametrize("kind", ["drop-after", "500"])
def test_a_cancellation_without_an_answer_is_repeated(
    shop: FulfillmentStage, version: str, kind: str
) -> None:
    shop.amazon.set_outbound_versions(version)
    shop.amazon.set(new_fulfilments_stuck_in="RECEIVED")
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    shop.amazon.fault(CANCEL[version], kind)

    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()
    shop.hand_over(minutes=2)
    shop.follow()

    assert shop.fulfillment(order).state == "cancelled"
    assert shop.lines(order)["TS-01"].fulfilled_by == ""


def test_a_cancellation_that_amazon_forgets_is_asked_again(shop: FulfillmentStage) -> None:
    shop.amazon.set(new_fulfilments_stuck_in="RECEIVED", fulfilment_cancels_lost=True)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    shop.hand_over()
    shop.follow()
    assert (shop.fulfillment(order).state, shop.fulfillment(order).wish) == ("handed", "ship_self")
    assert shop.lines(order)["TS-01"].fulfilled_by == "amazon"

    shop.amazon.set(fulfilment_cancels_lost=False)
    shop.hand_over(minutes=2)
    shop.follow()

    assert shop.fulfillment(order).state == "cancelled"


def test_the_last_units_can_be_handed_over_anew(shop: FulfillmentStage) -> None:
    """What Amazon was last asked says that nothing is there: the order to be cancelled had taken it."""
    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    shop.keep("TS-01", units=1)
    order = shop.order({"TS-01": 1})
    shop.hand_over_all()
    shop.follow(minutes=5)
    shop.know("TS-01", 0)
    shop.amazon.set(new_fulfilments_stuck_in="")
    wishes.ask_to_cancel(shop.fulfillment(order), "resend", by="anna", now=shop.now)

    shop.hand_over()
    shop.follow()
    shop.hand_over(minutes=CUT_OFF)

    assert [one.state for one in shop.fulfillments()] == ["cancelled", "handed"]
    assert shop.troubles() == set()


def test_two_clicks_at_once_are_one_order(shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    wishes.stop(shop.fulfillment(order), by="anna", now=shop.now)
    real, clicks = drafting.hand_to_amazon, ["ben"]

    def hand_to_amazon(*arguments: Any, **named: Any) -> Any:
        if clicks:  # while we wait for the shop's lock
            wishes.plan_again(shop.merchant.pk, str(order.pk), by=clicks.pop(), now=shop.now)
        return real(*arguments, **named)

    monkeypatch.setattr(drafting, "hand_to_amazon", hand_to_amazon)
    with pytest.raises(wishes.TooLate, match="offenen Versandauftrag"):
        wishes.plan_again(shop.merchant.pk, str(order.pk), by="anna", now=shop.now)


# --- connections -----------------------------------------------------------------------------------


def test_while_the_connection_is_paused_the_orders_wait(shop: FulfillmentStage) -> None:
    from kogge.amazon.connections import accounts

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    accounts.pause(shop.connection.pk, "by_merchant", now=shop.now)
    shop.plan()
    shop.hand_over(minutes=CUT_OFF)
    assert shop.fulfillment(order).state == "planned"

    shop.connection.refresh_from_db()
    accounts.resume(shop.connection, shop.now)
    shop.hand_over()

    assert shop.fulfillment(order).state == "handed"


def test_what_was_planned_comes_back_at_once_when_a_paused_connection_is_cut(shop: FulfillmentStage) -> None:
    from kogge.amazon.connections import accounts
    from kogge.engine.models import Due

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    accounts.pause(shop.connection.pk, "by_merchant", now=shop.now)
    shop.plan()
    due = Due.objects.filter(operation="plan_fulfillment", subject=shop.merchant.pk)
    assert due.get().due_at > shop.now

    accounts.disconnect(shop.connection, shop.now)

    assert due.get().due_at <= shop.now
    shop.plan()
    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("returned", "disconnected")


def test_what_was_planned_comes_back_when_the_connection_is_cut(shop: FulfillmentStage) -> None:
    from kogge.amazon.connections import accounts

    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    unpaid = shop.order({"TS-01": 1}, paid=False)
    shop.plan()
    accounts.disconnect(shop.connection, shop.now)

    shop.pay(unpaid)
    shop.plan()

    assert (shop.fulfillment(order).state, shop.fulfillment(order).reason) == ("returned", "disconnected")
    assert shop.lines(order)["TS-01"].fulfilled_by == ""
    assert shop.lines(unpaid)["TS-01"].fulfilled_by == ""
    assert shop.stage.stock("TS-01") == (97, 0)
    assert shop.troubles() == {"fulfillment_returned"}
