"""Whatever goes wrong at Amazon or on the way: nothing is lost, nothing comes twice, stock moves once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kogge.amazon.journal.models import Run, Trouble
from kogge.amazon.journal.sentences import ask
from kogge.amazon.orders.models import AmazonOrder, OrderCursor
from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, StockEntry
from kogge.engine.models import Due
from kogge.simulator import Simulator
from tests.flows.conftest import Stage, importable, total


def recover(stage: Stage, *, most: int = 12) -> Any:
    """Check again, as the clock does it, until a check is done."""
    for _turn in range(most):
        run = stage.check()
        if run.state == "done":
            return run
        stage.amazon.advance(600)
    raise AssertionError(f"no check succeeds: {run.state} {run.reason}")


def assert_all_arrived(stage: Stage, bought: list[Any]) -> None:
    """Each importable order once and to the cent, and each sold unit taken from the stock once."""
    wanted = importable(bought)
    arrived = list(Order.objects.of(stage.merchant).filter(channel="amazon"))
    assert Counter(order.external_id for order in arrived) == Counter(order.order_id for order in wanted)
    totals = {order.order_id: total(order) for order in wanted}
    assert {order.external_id: order.total for order in arrived} == totals
    assert ledger.audit(stage.merchant.pk) == []
    sold: Counter[str] = Counter()
    for order in wanted:
        left_before = order.status == "SHIPPED" and order.updated < stage.connection.connected_at
        for item in () if left_before else order.items:
            sold[item.sku] += item.quantity
    taken = StockEntry.objects.of(stage.merchant).filter(kind="take").select_related("product")
    booked: Counter[str] = Counter()
    for entry in taken:
        booked[entry.product.code] -= entry.stock_change
    listed = set(stage.amazon.world.demo.listings)
    assert booked == Counter({sku: units for sku, units in sold.items() if sku in listed})


@pytest.mark.parametrize(
    "kind",
    [
        "500",
        "503-html",
        "drop-connection",
        "drop-after",
        "bad-json",
        "200-html",
        "200-empty",
        "truncated-page",
    ],
)
def test_a_page_that_fails_twice_is_asked_again_later(stage: Stage, kind: Any) -> None:
    bought = stage.buy(250, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", kind, times=2, after=1)

    failed = stage.check()
    done = recover(stage)

    assert (failed.state, failed.pages, done.state) == ("failed", 1, "done")
    assert_all_arrived(stage, bought)


def test_a_failed_page_does_not_move_the_watermark(stage: Stage) -> None:
    stage.buy(150, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", "500", times=2, after=1)

    stage.check()

    cursor = OrderCursor.objects.of(stage.merchant).get(kind="check")
    assert cursor.watermark == ""
    assert cursor.page_token


def test_a_storm_of_429_only_delays(stage: Stage) -> None:
    bought = stage.buy(350, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", "429", times=3, after=1)

    waiting = stage.check()
    recover(stage)

    assert waiting.state == "waiting"
    assert waiting.next_try_at is not None
    assert_all_arrived(stage, bought)
    assert stage.amazon.calls["searchOrders"] <= 10


def test_an_interrupted_query_goes_on_where_it_stopped(stage: Stage) -> None:
    stage.buy(250, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", "429", times=1, after=2)
    stage.check()
    stage.amazon.advance(600)

    resumed = stage.check()

    assert resumed.seen >= 50
    assert resumed.new == 50


def test_a_token_that_amazon_forgot_starts_the_query_again(stage: Stage) -> None:
    bought = stage.buy(250, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", "429", times=1, after=1)
    stage.check()
    stage.amazon.world.pages.clear()
    stage.amazon.advance(600)

    run = stage.check()

    assert run.state == "done"
    assert_all_arrived(stage, bought)
    stage.amazon.violations.clear()  # asking with the forgotten token was the point


def test_a_query_whose_second_page_is_always_refused_ends_with_a_sentence(stage: Stage) -> None:
    class Forgetful(dict[str, Any]):
        def __setitem__(self, token: str, page: Any) -> None: ...

    stage.buy(150, kind="standard", age_s=300)
    stage.amazon.world.pages = Forgetful()

    run = stage.check()

    assert (run.state, run.new) == ("failed", 100)
    assert run.reason
    assert stage.amazon.calls["searchOrders"] == 4
    stage.amazon.violations.clear()  # asking with the forgotten token was the point


def test_an_order_on_two_pages_counts_once(stage: Stage) -> None:
    bought = stage.buy(250, kind="standard", age_s=300)
    stage.amazon.fault("searchOrders", "order-twice", times=None)

    stage.check()

    assert_all_arrived(stage, bought)


@pytest.mark.parametrize(
    "poison",
    [
        {"patch": {"orderItems": [{"orderItemId": "1", "quantityOrdered": "many"}]}},
        {"patch": {"proceeds": {"grandTotal": {"amount": "NaN"}}}},
        {"patch": {"createdTime": "gestern"}},
        {"patch": {"orderItems": []}},
        {"raw": {"orderId": 17}},
        {"raw": "not an order"},
        {"raw": None},
    ],
)
def test_a_poison_order_does_not_block_the_others(stage: Stage, poison: dict[str, Any]) -> None:
    bought = stage.buy(120, kind="standard", age_s=300)
    sick = bought.pop(60)
    stage.amazon.change_order(sick.order_id, **poison)
    stage.settle()

    run = stage.check()

    assert (run.state, run.failed, run.new) == ("done", 1, 119)
    assert_all_arrived(stage, bought)
    assert stage.troubles() == {"unreadable_order"}
    assert AmazonOrder.objects.of(stage.merchant).get(intake="unreadable").sealed_raw is not None


def test_a_poison_order_that_heals_is_taken_in(stage: Stage) -> None:
    [bought] = stage.buy(1, kind="standard")
    stage.amazon.change_order(bought.order_id, patch={"orderItems": None})
    stage.settle()
    stage.check()
    sick = AmazonOrder.objects.of(stage.merchant).get().intake
    stage.amazon.change_order(bought.order_id, patch=None)
    stage.settle()

    stage.check()

    assert sick == "unreadable"
    assert_all_arrived(stage, [bought])
    assert stage.troubles() == set()


@pytest.mark.parametrize("data_set", ["FULFILLMENT", "PROCEEDS", "CANCELLATION", "BUYER", "RECIPIENT"])
def test_a_broken_data_set_delays_at_most_what_it_tells(stage: Stage, data_set: str) -> None:
    bought = stage.buy(130, age_s=300)
    fault = stage.amazon.fault("searchOrders", "400-includedData", times=None, data_set=data_set)

    degraded = stage.check()
    in_the_meantime = len(stage.shop_orders())
    shown = stage.troubles()
    stage.amazon.world.faults.open.remove(fault)
    stage.amazon.advance(3700)
    stage.check()

    assert degraded.state == "done"
    assert in_the_meantime == (0 if data_set == "PROCEEDS" else len(importable(bought)))
    assert "data_set_broken" in shown
    assert_all_arrived(stage, bought)
    assert "data_set_broken" not in stage.troubles()
    addressed = AmazonOrder.objects.of(stage.merchant).filter(has_address=True)
    expected = {order.order_id for order in importable(bought) if order.address}
    assert set(addressed.values_list("order_id", flat=True)) == expected


def break_prices(stage: Stage) -> Any:
    return stage.amazon.fault("searchOrders", "400-includedData", times=None, data_set="PROCEEDS")


def in_words(stage: Stage, kind: str) -> str:
    trouble = Trouble.objects.of(stage.merchant).get(kind=kind, closed_at__isnull=True)
    return ask(trouble.kind, trouble.details).sentence


def test_orders_that_wait_for_their_prices_are_told(stage: Stage) -> None:
    stage.buy(3, kind="standard")
    break_prices(stage)

    run = stage.check()

    assert (run.state, run.new, run.reason) == ("done", 0, "3 Bestellungen warten auf ihre Preise.")
    assert "Bestellungen warten auf ihre Preise: 3." in in_words(stage, "data_set_broken")


def test_prices_are_asked_for_with_every_check_while_orders_wait_for_them(stage: Stage) -> None:
    bought = stage.buy(3, kind="standard")
    fault = break_prices(stage)
    stage.check()
    stage.amazon.advance(600)
    still_broken = stage.check()
    stage.amazon.world.faults.open.remove(fault)
    stage.amazon.advance(600)

    healed = stage.check()

    assert still_broken.calls == 2
    assert (healed.calls, healed.new, healed.reason) == (1, 3, "")
    assert_all_arrived(stage, bought)
    assert stage.troubles() == set()


def test_what_else_can_be_had_is_found_anew_after_an_hour_although_orders_wait(stage: Stage) -> None:
    bought = stage.buy(3, kind="standard")
    buyer = stage.amazon.fault("searchOrders", "400-includedData", times=None, data_set="BUYER")
    prices = break_prices(stage)
    stage.check()
    stage.amazon.world.faults.open.remove(prices)
    for _turn in range(7):
        stage.amazon.advance(600)
        stage.check()
    working = stage.connection.__class__.objects.everyone().get(pk=stage.connection.pk).working_data_sets

    stage.amazon.world.faults.open.remove(buyer)
    stage.amazon.advance(600)
    stage.check()

    assert working == "RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT"
    assert_all_arrived(stage, bought)


def test_after_six_hours_an_order_comes_with_the_sum_of_its_unit_prices_and_flagged(stage: Stage) -> None:
    [bought] = stage.buy(1, kind="standard")
    units = sum(item.unit_price * item.quantity for item in bought.items)
    fault = break_prices(stage)
    stage.check()
    stage.amazon.advance(5 * 3600)
    too_early = stage.check()
    stage.amazon.advance(3600)

    run = stage.check()

    placed = stage.shop_orders()[bought.order_id]
    assert (too_early.new, run.new, run.reason) == (0, 1, "")
    assert placed.total == units != total(bought)
    assert not stage.amazon_orders()[bought.order_id].sum_matches
    assert "Amazon nennt keine Summe." in in_words(stage, "sum_differs")
    stage.amazon.world.faults.open.remove(fault)
    stage.amazon.advance(3700)
    stage.check()
    assert "Amazon nennt als Gesamtbetrag" in in_words(stage, "sum_differs")
    assert list(stage.shop_orders()) == [bought.order_id]


def test_a_total_that_turns_out_to_fit_settles_the_matter(stage: Stage) -> None:
    [bought] = stage.buy(1, kind="standard")
    for item in bought.items:
        item.shipping = Decimal(0)
    fault = break_prices(stage)
    stage.check()
    stage.amazon.advance(7 * 3600)
    stage.check()
    flagged = stage.troubles()
    stage.amazon.world.faults.open.remove(fault)
    stage.amazon.advance(3700)

    stage.check()

    assert "sum_differs" in flagged
    assert stage.troubles() == set()
    assert_all_arrived(stage, [bought])


def test_an_order_that_has_to_leave_soon_does_not_wait_for_its_total(stage: Stage) -> None:
    urgent, patient = stage.buy(2, kind="standard")
    urgent.ship_by = (stage.now, stage.now + timedelta(hours=11))
    patient.ship_by = (stage.now, stage.now + timedelta(hours=13))
    break_prices(stage)

    run = stage.check()

    assert list(stage.shop_orders()) == [urgent.order_id]
    assert run.reason == "1 Bestellung wartet auf ihre Preise."


def test_an_order_without_unit_prices_waits_on(stage: Stage) -> None:
    [bought] = stage.buy(1, kind="standard")
    items = [{"orderItemId": "1", "quantityOrdered": 1, "product": {"asin": "B000000001"}}]
    stage.amazon.change_order(bought.order_id, patch={"orderItems": items})
    stage.settle()
    break_prices(stage)
    stage.check()
    stage.amazon.advance(7 * 3600)

    run = stage.check()

    assert stage.shop_orders() == {}
    assert run.reason == "1 Bestellung wartet auf ihre Preise."


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_does_no_harm(stage: Stage, minutes: int) -> None:
    stage.clock.skew = timedelta(minutes=minutes)
    first = stage.buy(20, kind="standard")
    stage.check()
    second = stage.buy(20, kind="standard")
    stage.check()
    stage.ship(stage.shop_orders()[first[0].order_id], tracking="A1")
    stage.run("confirm_shipments")

    assert_all_arrived(stage, [*first, *second])
    assert first[0].packages["1"].tracking_number == "A1"


def test_a_start_date_of_a_wrong_clock_loses_nothing(
    db: None, amazon: Simulator, clock: Any, point_at: Any
) -> None:
    from tests.flows.conftest import set_up

    clock.skew = timedelta(minutes=10)
    stage = set_up(amazon, clock, point_at)
    stage.connection.start_from = stage.now
    stage.connection.save()
    bought = stage.buy(3, kind="standard")

    stage.check()

    assert_all_arrived(stage, bought)


def test_two_checks_at_once_take_each_order_in_once(open_stage: Stage) -> None:
    stage = open_stage
    bought = stage.buy(250, kind="standard", age_s=300)
    errors: list[Exception] = []

    def check_without_asking() -> None:
        """As if both held the lease: the worst that can happen."""
        from django.db import OperationalError, connections

        from kogge.amazon.orders.check import check_orders
        from kogge.engine.due import Lease
        from kogge.engine.work import LeaseLost, Work

        row = Due.objects.get(operation="check_orders", subject=stage.connection.pk)
        lease = Lease(row.pk, row.operation, row.subject, row.leased_by, row.fence, row.wakes, 0)
        try:
            check_orders(Work("check_orders", stage.connection.pk, stage.clock, lease))
        except (LeaseLost, OperationalError):
            pass  # overtaken by the other one
        except Exception as error:  # noqa: BLE001  (shown by the assertion below)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=check_without_asking) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Due.objects.update(leased_until=None)
    recover(stage)

    assert errors == []
    assert_all_arrived(stage, bought)


def test_a_run_that_died_is_closed_by_the_next(stage: Stage) -> None:
    stage.buy(3, kind="standard")
    died = Run.objects.everyone().create(connection=stage.connection, kind="check", started_at=stage.now)

    stage.check()

    died.refresh_from_db()
    assert died.state == "failed"
    assert died.finished_at is not None


def test_a_worker_that_was_overtaken_stores_nothing(stage: Stage) -> None:
    from kogge.amazon.orders.check import check_orders
    from kogge.engine import due
    from kogge.engine.work import LeaseLost, Work

    stage.buy(5, kind="standard")
    lease = due.claim_one("check_orders", stage.connection.pk, "somewhere:1:1", now=stage.now)
    assert lease is not None
    stage.amazon.fault("searchOrders", "slow", seconds=0)
    work = Work("check_orders", stage.connection.pk, stage.clock, lease)
    Due.objects.filter(pk=lease.due_id).update(fence=lease.fence + 1)

    with pytest.raises(LeaseLost):
        check_orders(work)

    assert stage.shop_orders() == {}
    assert OrderCursor.objects.of(stage.merchant).get(kind="check").watermark == ""


def test_a_shop_elsewhere_gets_its_orders_after_they_are_stored(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.backoffice.builtin_shop import BuiltinShop
    from kogge.shops.port import ShopUnavailable

    bought = stage.buy(120, kind="standard", age_s=300)
    monkeypatch.setattr(BuiltinShop, "shares_transaction", False)
    with monkeypatch.context() as broken:

        def unavailable(*_: Any, **__: Any) -> Any:
            raise ShopUnavailable

        broken.setattr(BuiltinShop, "place_orders", unavailable)
        outcome = stage.run("check_orders")
    waiting = AmazonOrder.objects.of(stage.merchant).filter(intake="to_place").count()

    stage.check()

    assert outcome.error == "Der Shop antwortet gerade nicht."
    assert waiting == 120
    assert_all_arrived(stage, bought)
    assert not AmazonOrder.objects.of(stage.merchant).filter(sealed_raw__isnull=False).exists()
