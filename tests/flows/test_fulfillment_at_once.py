"""The merchant changes, cancels or takes an order in the moment it goes to Amazon: one of the two wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from kogge.amazon.fba import wishes
from kogge.backoffice import stock as ledger
from kogge.backoffice.changing import change_order
from kogge.backoffice.fulfilment import ship_self
from kogge.backoffice.refusal import Refusal
from kogge.engine.models import Due
from kogge.engine.worker import run_due
from kogge.schedule import OPERATIONS
from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import FulfillmentStage

ROUNDS = 6
LATER = 0.006  # seconds that the merchant acts later from round to round
PATIENCE = 20  # seconds; nothing here takes as long

Act = Callable[[FulfillmentStage, Any], None]


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off") as simulator:
        yield simulator
        assert simulator.violations == []


def edit(shop: FulfillmentStage, order: Any) -> None:
    change_order(shop.fresh(order), quantities={1: 1}, actor="anna@example.org", now=shop.now)


def cancel(shop: FulfillmentStage, order: Any) -> None:
    shop.cancel(order)


def take(shop: FulfillmentStage, order: Any) -> None:
    ship_self(shop.fresh(order), actor="anna@example.org", now=shop.now)


def stop(shop: FulfillmentStage, order: Any) -> None:
    wishes.stop(shop.fulfillment(order), by="anna@example.org", now=shop.now)


@pytest.mark.parametrize("act", [edit, cancel, take, stop])
def test_merchant_and_worker_at_once(open_stage: Stage, caplog: pytest.LogCaptureFixture, act: Act) -> None:
    shop = FulfillmentStage(open_stage)
    shop.keep("TS-01", units=100)
    for number in range(ROUNDS):
        order = shop.order({"TS-01": 2})
        shop.plan()
        shop.hand_over()
        Due.objects.all().delete()
        wishes.send_now(shop.fulfillment(order), by="anna@example.org", now=shop.now)

        was_done = race(shop, lambda order=order: act(shop, order), number * LATER)  # type: ignore[misc]
        shop.hand_over(minutes=2)  # whatever was left half done

        found = shop.fulfillment(order)
        assert (shop.at_amazon(order) is None) == was_done
        assert found.state == ("stopped" if was_done else "handed")
        waiting = [line for line in shop.lines(order).values() if line.quantity > line.cancelled]
        open_with = {line.fulfilled_by for line in waiting}
        assert open_with == ({"amazon"} if not was_done else set() if act is cancel else {""})
    assert ledger.audit(shop.merchant.pk) == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def race(shop: FulfillmentStage, act: Callable[[], None], head_start: float) -> bool:
    """The worker hands over while the merchant acts, a moment later; whether the merchant was in time."""
    begin, answers = threading.Barrier(2), list[object]()

    def merchant() -> None:
        try:
            begin.wait(PATIENCE)
            time.sleep(head_start)
            act()
            answers.append(True)
        except (Refusal, wishes.TooLate):
            answers.append(False)
        except BaseException as error:  # noqa: BLE001  (told below)
            answers.append(error)
        finally:
            connections.close_all()

    def worker() -> None:
        try:
            begin.wait(PATIENCE)
            run_due({"hand_over": OPERATIONS["hand_over"]}, clock=shop.stage.clock, limit=1)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=who, daemon=True) for who in (merchant, worker)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    [answer] = answers
    assert isinstance(answer, bool), answer
    return answer
