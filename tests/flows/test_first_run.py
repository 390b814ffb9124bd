"""The first run: everything since the start date, also when that lies two years back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.connections import limits
from kogge.amazon.orders.backfill import is_finished, progress_of
from kogge.amazon.orders.models import AmazonOrder
from tests.flows.conftest import FRANCE, GERMANY, Stage

DAY = 24 * 3600


def from_days_ago(stage: Stage, days: int) -> None:
    stage.connection.start_from = stage.now - timedelta(days=days)
    stage.connection.save(update_fields=["start_from"])


def buy_by_age(stage: Stage, *days: float) -> list[str]:
    bought = [stage.amazon.place_order(kind="standard", age_s=age * DAY) for age in days]
    return [order.order_id for order in bought]


def test_orders_since_the_start_date_come_older_ones_do_not(stage: Stage) -> None:
    from_days_ago(stage, 10)
    wanted = buy_by_age(stage, 1, 5, 9.9)
    buy_by_age(stage, 10.2, 25)

    stage.check()

    assert stage.shop_orders().keys() == set(wanted)
    assert is_finished(stage.connection)


def test_a_start_long_ago_is_fetched_in_slices_beside_the_check(stage: Stage) -> None:
    from_days_ago(stage, 400)
    recent = buy_by_age(stage, 1, 20, 30)
    earlier = buy_by_age(stage, 31.5, 60, 90, 200, 399)
    buy_by_age(stage, 402)

    stage.check()
    after_the_check = set(stage.shop_orders())
    before = progress_of(stage.connection)
    stage.run("backfill_orders")

    assert after_the_check == set(recent)
    assert before is not None
    assert before.share == 0.0
    assert stage.shop_orders().keys() == {*recent, *earlier}
    assert is_finished(stage.connection)
    progress = progress_of(stage.connection)
    assert progress is not None
    assert progress.share == 1.0


def test_delivered_history_comes_without_its_people(stage: Stage) -> None:
    from kogge.backoffice.people import read_people

    from_days_ago(stage, 300)
    shipped = stage.amazon.place_order(kind="shipped", age_s=200 * DAY)
    stage.check()

    stage.run("backfill_orders")

    order = stage.shop_orders()[shipped.order_id]
    assert order.delivery_status == "shipped"
    assert not read_people(order).shipping
    assert read_people(order).buyer_name == ""
    assert stage.stock(shipped.items[0].sku) == (100, 0)
    assert AmazonOrder.objects.of(stage.merchant).get().purged_at is not None


def test_a_marketplace_that_is_added_later_brings_its_orders(stage: Stage) -> None:
    from kogge.amazon.connections.accounts import set_marketplaces

    set_marketplaces(stage.connection, [GERMANY], now=stage.now)
    from_days_ago(stage, 100)
    german = stage.amazon.place_order(kind="standard", age_s=2 * DAY)
    french = [
        stage.amazon.place_order(kind="standard", marketplace_id=FRANCE, age_s=age * DAY) for age in (2, 50)
    ]
    stage.check()
    stage.run("backfill_orders")
    before = set(stage.shop_orders())
    set_marketplaces(stage.connection, [GERMANY, FRANCE], now=stage.now)

    stage.check()
    stage.run("backfill_orders")

    assert before == {german.order_id}
    assert stage.shop_orders().keys() == {german.order_id, *(order.order_id for order in french)}


def test_a_query_that_amazon_refuses_is_made_anew_next_time(stage: Stage) -> None:
    stage.buy(3, kind="standard")
    real = stage.connection.marketplaces.exclude(marketplace_id="NIRGENDWO")
    real.update(active=False)
    nowhere = stage.connection.marketplaces.create(
        marketplace_id="NIRGENDWO", name="Nirgendwo", country="XX", currency="EUR", active=True
    )
    refused = stage.check()
    stage.amazon.violations.clear()  # asking for a marketplace that does not exist was the point
    real.update(active=True)
    nowhere.delete()

    accepted = stage.check()

    assert refused.state == "failed"
    assert "Invalid marketplace" in refused.reason
    assert (accepted.state, accepted.new) == ("done", 3)


class TestWithAmazonsQuotas:
    @pytest.fixture
    def quotas(self) -> str:
        return "amazon"

    def test_polling_keeps_tokens_when_much_history_is_fetched(self, stage: Stage) -> None:
        from_days_ago(stage, 729)
        wanted = buy_by_age(stage, *range(40, 720, 40))

        stage.check()
        stopped = stage.run("backfill_orders")
        levels = {level.operation: level for level in limits.budget(stage.connection.pk, stage.now)}
        for _turn in range(20):
            if is_finished(stage.connection):
                break
            stage.amazon.advance(1800)
            stage.run("backfill_orders")

        assert stopped.waiting
        assert levels["searchOrders"].tokens >= 4
        assert stage.shop_orders().keys() == set(wanted)
        assert stage.amazon.world.refused.get("searchOrders", 0) == 0

    def test_a_backlog_of_a_thousand_orders_needs_few_calls_and_no_429(self, stage: Stage) -> None:
        stage.buy(1000, kind="standard", age_s=300)

        run = stage.check()

        assert (run.state, run.new) == ("done", 1000)
        assert run.calls == 10
        assert stage.amazon.world.refused.get("searchOrders", 0) == 0

    def test_when_the_quota_is_used_up_the_rest_comes_later(self, stage: Stage) -> None:
        stage.amazon.place_orders(2150, kind="standard", age_s=300)

        runs: list[Any] = [stage.check()]
        while runs[-1].state == "waiting":
            stage.amazon.advance(600)
            runs.append(stage.check())

        assert runs[0].state == "waiting"
        assert runs[-1].state == "done"
        assert sum(run.new for run in runs) == 2150
        assert stage.amazon.world.refused.get("searchOrders", 0) == 0
