"""kill -9 of the worker while it hands shop orders to Amazon: each arrives there, and only once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.fba.models import FulfillmentOrder
from kogge.backoffice import stock as ledger
from kogge.engine.models import Due
from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import FulfillmentStage

ORDERS = 16
PATIENCE = 30  # seconds until the worker must have got somewhere
PREVIEW = {"2026-07-04": "outboundGetOrderPreview", "2020-07-01": "getFulfillmentPreview"}
CREATE = {"2026-07-04": "outboundCreateOrder", "2020-07-01": "createFulfillmentOrder"}


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off") as simulator:
        yield simulator
        cut_off = "Input data was truncated"  # what a client says that dies while it speaks
        assert [wrong for wrong in simulator.violations if cut_off not in wrong] == []


@pytest.mark.parametrize("version", ["2026-07-04", "2020-07-01"])
def test_a_worker_that_is_killed_again_and_again_hands_each_order_over_once(
    open_stage: Stage, kogge: Any, version: str
) -> None:
    """Some of the answers it lives to see are lost as well, after Amazon took the order."""
    shop = FulfillmentStage(open_stage)
    shop.amazon.set_outbound_versions(version)
    shop.keep("TS-01", units=200)
    orders = [shop.order({"TS-01": 1 + number % 4}) for number in range(ORDERS)]
    Due.objects.all().delete()  # nothing else is the story
    dice = random.Random(2026)
    shop.plan()
    shop.amazon.fault(CREATE[version], "timeout-after", times=2, after=2, seconds=0.05)
    for step in (PREVIEW[version], CREATE[version], CREATE[version], "getInventorySummaries"):
        kill(shop, kogge, step, dice)

    for _try in range(4):
        shop.hand_over(minutes=20)

    wanted = {shop.fulfillment(order).order_id: 1 + number % 4 for number, order in enumerate(orders)}
    arrived = {sent.order_id: sent.units for sent in shop.amazon.fulfilment_orders}
    assert arrived == wanted
    assert {one.state for one in shop.fulfillments()} == {"handed"}
    assert ledger.audit(shop.merchant.pk) == []


def kill(shop: FulfillmentStage, kogge: Any, operation: str, dice: random.Random) -> None:
    """Start the worker, and end it a random moment after it has begun to call this operation.

    The worker's clock is the real one and does not wait for the cut-off window, nor for the hour for which is
    given up what ended its worker three times.
    """
    rows = FulfillmentOrder.objects.of(shop.merchant)
    if operation not in PREVIEW.values():
        rows.filter(state="planned").update(hand_over_at=shop.now - timedelta(minutes=1))
    rows.update(not_before=None)
    Due.objects.update_or_create(
        operation="hand_over",
        subject=shop.connection.pk,
        defaults={"due_at": shop.now - timedelta(days=1), "deaths": 0, "parked_at": None},
    )
    before = shop.calls(operation)
    process = kogge("worker", "--json")
    try:
        deadline = time.monotonic() + PATIENCE
        while shop.calls(operation) == before and rows.filter(state="planned").exists():
            assert time.monotonic() < deadline, f"the worker did not call {operation}"
            time.sleep(0.002)
        time.sleep(dice.uniform(0.0, 0.15))
    finally:
        process.kill()
        process.communicate()
