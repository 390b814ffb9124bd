"""Whatever becomes of the orders Amazon ships: in the end every unit was sent once, or is the merchant's, or
was cancelled, and whatever did not go the straight way is explained."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from kogge.amazon.fba import wishes
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.backoffice import dispatch
from kogge.backoffice import stock as ledger
from kogge.backoffice.models import OrderLine
from kogge.backoffice.refusal import Refusal
from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import FulfillmentStage

ORDERS = 25
DAYS = 3
FAULTS = ("429", "500", "503-html", "timeout", "timeout-after", "drop-connection", "drop-after", "bad-json")
CALLS = {
    "2026-07-04": (
        "outboundGetOrderPreview",
        "outboundCreateOrder",
        "outboundGetOrder",
        "outboundCancelOrder",
    ),
    "2020-07-01": (
        "getFulfillmentPreview",
        "createFulfillmentOrder",
        "getFulfillmentOrder",
        "cancelFulfillmentOrder",
        "getPackageTrackingDetails",
    ),
}
ENDS = {"done", "partial", "cancelled", "returned", "stopped"}

# Endings nobody need be told of: it was sent, or the merchant's own doing.
QUIET = {"", "by_merchant", "edited", "cancelled", "shipped", "not_paid"}


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off") as simulator:
        yield simulator
        assert simulator.violations == []


class Fates:
    """The dice, and what may become of an order."""

    def __init__(self, shop: FulfillmentStage, seed: int) -> None:
        self.shop = shop
        self.dice = random.Random(seed)
        self.version = self.dice.choice(sorted(CALLS))
        shop.amazon.set_outbound_versions(self.version)
        self.orders: list[Any] = []

    def order(self) -> None:
        """Somebody orders; what Amazon makes of it is decided now."""
        shop, dice = self.shop, self.dice
        lines = {code: dice.randint(1, 12) for code in dice.sample(["TS-01", "TS-02"], dice.randint(1, 2))}
        shop.amazon.set(
            new_fulfilments_fate=dice.choice(["", "", "", "", "PARTIAL", "UNFULFILLABLE", "INVALID"]),
            new_fulfilments_stuck_in=dice.choice(["", "", "", "", "RECEIVED", "PLANNING"]),
            fulfilment_split=dice.random() < 0.3,
            fulfilment_tracking_delay_s=dice.choice([0.0, 0.0, 1800.0, 4 * 3600.0]),
            fulfilment_hidden_s=dice.choice([0.0, 0.0, 90.0]),
        )
        with suppress(Refusal):
            self.orders.append(shop.order(lines, paid=dice.random() < 0.9))

    def break_something(self) -> None:
        operation = self.dice.choice(CALLS[self.version])
        self.shop.amazon.fault(operation, self.dice.choice(FAULTS), seconds=0.02)

    def meddle(self) -> None:
        """The merchant, or somebody in the warehouse, does something with an order."""
        if not self.orders:
            return
        order = self.dice.choice(self.orders)
        acts = [self._cancel, self._stop, self._pay, self._take_back, self._again, self._unstick, self._lose]
        with suppress(Refusal, wishes.TooLate):
            self.dice.choice(acts)(order)

    def work(self, minutes: float) -> None:
        self.shop.amazon.advance(minutes * 60)
        self.shop.plan()
        self.shop.hand_over()
        self.shop.follow()

    def come_to_rest(self) -> None:
        """Nothing breaks any more, and nothing hangs."""
        self.shop.amazon.clear_faults()
        self.shop.amazon.set(new_fulfilments_stuck_in="", new_fulfilments_fate="", fulfilment_hidden_s=0)
        for order in self.orders:
            self._unstick(order)
        for _step in range(8):
            self.work(30)
        for _day in range(DAYS):
            self.work(24 * 60)

    def _cancel(self, order: Any) -> None:
        self.shop.cancel(order)

    def _stop(self, order: Any) -> None:
        if found := self.shop.fulfillment(order):
            wishes.stop(found, by="anna", now=self.shop.now)

    def _pay(self, order: Any) -> None:
        if self.shop.fresh(order).payment_status == "open":
            self.shop.pay(order)

    def _take_back(self, order: Any) -> None:
        if found := self.shop.fulfillment(order):
            wish = self.dice.choice(FulfillmentOrder.Wish.values)
            wishes.ask_to_cancel(found, wish, reason="buyer_cancelled", by="anna", now=self.shop.now)

    def _again(self, order: Any) -> None:
        wishes.plan_again(self.shop.merchant.pk, str(order.pk), by="anna", now=self.shop.now)

    def _unstick(self, order: Any) -> None:
        if self.shop.at_amazon(order) is not None:
            self.shop.amazon.change_fulfilment(self.shop.fulfillment(order).order_id, stuck_in="")

    def _lose(self, order: Any) -> None:
        """Units cannot be found when they are picked."""
        if (there := self.shop.at_amazon(order)) is not None:
            self.shop.amazon.change_fulfilment(there.order_id, lost={there.lines[0].line_id: 1})


@pytest.mark.parametrize("seed", range(2))
def test_every_unit_is_accounted_for(stage: Stage, seed: int) -> None:
    shop = FulfillmentStage(stage)
    shop.keep("TS-01", units=120)
    shop.keep("TS-02", units=60)
    fates = Fates(shop, seed)
    while len(fates.orders) < ORDERS:
        fates.order()
        if fates.dice.random() < 0.5:
            fates.break_something()
        if fates.dice.random() < 0.4:
            fates.meddle()
        fates.work(fates.dice.choice([1, 3, 6, 30]))
        account_for(shop)

    fates.come_to_rest()

    account_for(shop)
    assert ledger.audit(shop.merchant.pk) == []
    explain(shop)
    for order in fates.orders:
        send_the_rest(shop, order)
    account_for(shop)
    assert ledger.audit(shop.merchant.pk) == []


def account_for(shop: FulfillmentStage) -> None:
    """What the shop calls sent by Amazon, Amazon has sent, and no unit is in two places."""
    left = {
        (one.order_id, line.line_id): line.shipped
        for one in shop.amazon.fulfilment_orders
        for line in one.lines
    }
    counted = {
        (order.order_id, line.line_id): line.shipped
        for order in shop.fulfillments()
        for line in order.lines.all()
    }
    assert {key: units for key, units in counted.items() if units > left.get(key, 0)} == {}
    by_amazon: dict[tuple[str, str], int] = {}
    for order in shop.fulfillments():
        for line in order.lines.all():
            key = (order.shop_order_id, line.line_id)
            by_amazon[key] = by_amazon.get(key, 0) + line.shipped
    for line in OrderLine.objects.of(shop.merchant).prefetch_related("parcel_items__parcel"):
        units = {"amazon": 0, "": 0}
        for item in line.parcel_items.all():
            units[item.parcel.fulfilled_by] += item.quantity
        opened = line.quantity - line.shipped - line.cancelled
        assert opened >= 0
        assert units["amazon"] + units[""] == line.shipped
        assert units["amazon"] == by_amazon.get((str(line.order_id), str(line.position)), 0)


def explain(shop: FulfillmentStage) -> None:
    """All orders are over; what Amazon sent is in the shop; what went wrong, a human was told."""
    told = set(Trouble.objects.of(shop.merchant).values_list("amazon_order_id", flat=True))
    journal = set(JournalEntry.objects.of(shop.merchant).values_list("amazon_order_id", flat=True))
    for order in shop.fulfillments():
        assert order.state in ENDS, (order.order_id, order.state, order.last_error)
        assert order.order_id in journal
        if order.reason not in QUIET:
            assert order.order_id in told, (order.order_id, order.reason)
    sent = {one.order_id: one for one in shop.amazon.fulfilment_orders}
    for order in shop.fulfillments():
        there = sent.pop(order.order_id, None)
        shipped = {line.line_id: line.shipped for line in there.lines} if there else {}
        for line in order.lines.all():
            assert line.shipped == shipped.get(line.line_id, 0)
            assert line.shipped + line.returned == line.quantity
    assert sent == {}  # Amazon ships nothing we do not know of
    waiting = OrderLine.objects.of(shop.merchant).filter(fulfilled_by="amazon", order__payment_status="paid")
    assert [line for line in waiting if line.quantity > line.shipped + line.cancelled] == []


def send_the_rest(shop: FulfillmentStage, order: Any) -> None:
    """The merchant ships whatever Amazon did not: afterwards nothing of a paid order is open."""
    fresh = shop.fresh(order)
    rest = {
        line.position: line.quantity - line.shipped - line.cancelled
        for line in fresh.lines.all()
        if line.quantity > line.shipped + line.cancelled
    }
    if rest and fresh.payment_status == "paid" and fresh.status != "cancelled":
        dispatch.ship(fresh, carrier="DHL", tracking_number="", quantities=rest, actor="anna", now=shop.now)
        assert shop.fresh(order).delivery_status == "shipped"
