"""kill -9 at random moments: the next check goes on, and the world is as if nothing had happened."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import Any

from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, OrderLine, StockEntry
from tests.flows.conftest import Stage, importable, total

KILLS = 5


def test_a_check_that_is_killed_again_and_again_loses_and_doubles_nothing(
    open_stage: Stage, kogge: Any
) -> None:
    stage = open_stage
    bought = stage.buy(600, kind="standard", age_s=300)
    dice = random.Random(2026)
    for _kill in range(KILLS):
        process = kogge("amazon", "check", str(stage.connection.pk), "--json")
        wait_for_work(stage)
        time.sleep(dice.uniform(0.0, 0.4))
        process.kill()
        process.communicate()

    process = kogge("amazon", "check", str(stage.connection.pk), "--json")
    answer, complaint = process.communicate(timeout=90)

    assert process.returncode == 0, complaint
    assert json.loads(answer)["state"] == "done"
    wanted = {order.order_id: total(order) for order in importable(bought)}
    arrived = list(Order.objects.of(stage.merchant).filter(channel="amazon"))
    assert Counter(order.external_id for order in arrived) == Counter(wanted.keys())
    assert {order.external_id: order.total for order in arrived} == wanted
    assert ledger.audit(stage.merchant.pk) == []
    lines = OrderLine.objects.of(stage.merchant).exclude(product=None).count()
    assert StockEntry.objects.of(stage.merchant).filter(kind="take").count() == lines


def wait_for_work(stage: Stage) -> None:
    """Until the program has begun to ask Amazon."""
    before = stage.amazon.calls.get("searchOrders", 0)
    deadline = time.monotonic() + 20
    while stage.amazon.calls.get("searchOrders", 0) == before and time.monotonic() < deadline:
        time.sleep(0.01)
