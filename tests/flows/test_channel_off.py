"""The merchant switches the channel off for some days, and on again; or lets go of the app."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.connections.accounts import CHANNEL, WrongSetting
from kogge.amazon.connections.models import Connection, ConsentAttempt
from kogge.amazon.journal.models import JournalEntry
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.backoffice import dispatch, installing, orders
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Installation, Mail, Order, StockEntry
from kogge.backoffice.people import read_people
from kogge.backoffice.refusal import Refusal
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.worker import run_due
from kogge.schedule import OPERATIONS
from kogge.simulator import credentials
from tests.flows.conftest import GERMANY, Stage
from tests.flows.fulfillment_stage import FulfillmentStage

DAY = 24 * 3600
HOUR = 3600
MOST_STEPS = 8
SKU = "TS-01"


def work(stage: Stage, *, hours: float = 0) -> None:
    """Time passes in steps, and the worker does whatever is due; what waits a moment is waited for."""
    steps = min(max(1, int(hours)), MOST_STEPS)
    for _step in range(steps):
        stage.amazon.advance(hours * HOUR / steps)
        for _turn in range(4):
            run_due(OPERATIONS, clock=stage.clock, sleep=stage.amazon.advance)
            stage.amazon.advance(30)


def fresh(stage: Stage, bought: Any) -> Order:
    return Order.objects.of(stage.merchant).get(external_id=bought.order_id)


def switch_off(stage: Stage) -> None:
    installing.deactivate(stage.merchant, CHANNEL, now=stage.now)


def connect_again(stage: Stage) -> Connection:
    return accounts.connect(
        stage.merchant,
        region="eu",
        seller_id=credentials.SELLER_ID,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.REFRESH_TOKEN,
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        start_from=None,
        now=stage.now,
    )


def test_while_off_nothing_is_asked_or_told_and_afterwards_nothing_is_missing_or_doubled(
    stage: Stage,
) -> None:
    """Two days off: one order shipped, one cancelled, own orders taken, new ones bought at Amazon."""
    shop = FulfillmentStage(stage)
    shop.keep(SKU, units=10)
    sent, dropped = stage.buy(2, kind="standard", marketplace_id=GERMANY)
    due_to_be_forgotten = stage.buy(1, kind="standard", marketplace_id=GERMANY)[0]
    handed = shop.order({SKU: 1})
    work(stage, hours=2)
    before = shop.at_amazon(handed)
    AmazonOrder.objects.of(stage.merchant).filter(order_id=due_to_be_forgotten.order_id).update(
        purge_at=stage.now
    )
    switch_off(stage)
    calls = dict(stage.amazon.calls)

    dispatch.ship(
        fresh(stage, sent),
        carrier="DHL",
        tracking_number="0034-1",
        quantities=None,
        actor="anna",
        now=stage.now,
    )
    orders.cancel(fresh(stage, dropped), "no_inventory", actor="anna", now=stage.now)
    stage.count(SKU, 7)
    mine = shop.order({SKU: 1})
    missed = stage.buy(3, kind="standard", marketplace_id=GERMANY)
    work(stage, hours=48)

    assert before is not None
    assert dict(stage.amazon.calls) == calls, "no call at all"
    assert [line.fulfilled_by for line in mine.lines.all()] == [""], "it is the merchant's to ship"
    assert {order.order_id for order in missed}.isdisjoint(stage.shop_orders())
    assert stage.amazon.order(sent.order_id).packages == {}
    assert AmazonOrder.objects.of(stage.merchant).get(order_id=due_to_be_forgotten.order_id).purged_at
    with pytest.raises(WrongSetting):
        accounts.resume(stage.connection, stage.now)
    with pytest.raises(WrongSetting):
        connect_again(stage)
    assert dict(stage.amazon.calls) == calls, "not even to test the credentials"

    installing.activate(stage.merchant, CHANNEL, now=stage.now)
    work(stage, hours=3)

    assert {order.order_id for order in missed} <= stage.shop_orders().keys()
    assert Order.objects.of(stage.merchant).filter(channel="amazon").count() == 6
    [parcel] = stage.amazon.order(sent.order_id).packages.values()
    assert parcel.tracking_number == "0034-1"
    assert ShipmentConfirmation.objects.of(stage.merchant).count() == 1
    assert fresh(stage, dropped).delivery_status == Order.Delivery.CANCELLED
    assert stage.amazon.order(dropped.order_id).status == "CANCELLED"
    assert JournalEntry.objects.everyone().filter(kind="resumed").count() == 1
    assert len(stage.amazon.fulfilment_orders) == len({o.order_id for o in stage.amazon.fulfilment_orders})
    assert stage.amazon.violations == []


def test_a_connection_that_was_paused_before_stays_so(stage: Stage) -> None:
    accounts.pause(stage.connection.pk, accounts.BY_MERCHANT, now=stage.now)

    switch_off(stage)
    installing.activate(stage.merchant, CHANNEL, now=stage.now)

    stage.connection.refresh_from_db()
    assert (stage.connection.state, stage.connection.pause_reason) == ("paused", "by_merchant")


def test_work_in_hand_loses_its_lease_when_the_channel_is_switched_off(stage: Stage) -> None:
    lease = due.claim_one("check_orders", stage.connection.pk, "somebody", now=stage.now)

    switch_off(stage)

    assert lease is not None
    assert not due.renew(lease, now=stage.now)
    assert sorted(Due.objects.filter(subject=stage.connection.pk).values_list("operation", flat=True)) == [
        "purge_people",
        "watch_expiry",
    ]


def test_uninstalling_forgets_secrets_and_people_and_keeps_the_books(stage: Stage) -> None:
    bought = stage.buy(3, kind="standard", marketplace_id=GERMANY)
    [pending] = stage.buy(1, kind="pending", marketplace_id=GERMANY)
    work(stage)
    ConsentAttempt.objects.everyone().create(
        merchant=stage.merchant, state_digest="s", session_digest="s", region="eu", application_id="a",
        client_id="c", sealed_client_secret=b"secret", created_at=stage.now, expires_at=stage.now,
    )  # fmt: skip
    orders_before = list(
        Order.objects.of(stage.merchant).order_by("pk").values("number", "total", "external_id")
    )
    ledger = StockEntry.objects.of(stage.merchant).count()
    held = stage.stock(pending.items[0].sku)[1]

    with pytest.raises(Refusal) as refused:
        installing.uninstall(stage.merchant, CHANNEL, even_open=False, now=stage.now)
    installing.uninstall(stage.merchant, CHANNEL, even_open=True, now=stage.now)
    calls = dict(stage.amazon.calls)
    work(stage, hours=25)

    connection = Connection.objects.of(stage.merchant).get()
    assert "3 Bestellungen sind noch zu versenden" in str(refused.value)
    assert not Installation.objects.of(stage.merchant).exists()
    assert (bytes(connection.sealed_credentials), connection.client_id) == (b"", "")
    assert connection.sealed_access_token is None
    assert not ConsentAttempt.objects.of(stage.merchant).exists()
    assert (
        not AmazonOrder.objects.of(stage.merchant).exclude(sealed_raw=None, purged_at__isnull=False).exists()
    )
    assert not any(read_people(order).shipping for order in stage.shop_orders().values())
    assert not Mail.objects.of(stage.merchant).exclude(sealed_message=None).exists()
    assert dict(stage.amazon.calls) == calls
    assert (
        list(Order.objects.of(stage.merchant).order_by("pk").values("number", "total", "external_id"))
        == orders_before
    )
    assert StockEntry.objects.of(stage.merchant).count() >= ledger
    assert held > 0
    assert stage.stock(pending.items[0].sku)[1] == 0, "nothing is held for what may never come"
    assert CHANNELS[CHANNEL].notices(stage.merchant) == []

    again = connect_again(stage)
    [late] = stage.buy(1, kind="standard", marketplace_id=GERMANY)
    work(stage, hours=1)

    assert again.pk == connection.pk
    assert Installation.objects.of(stage.merchant).get().registered_at is not None
    known = [order.order_id for order in bought]
    found = list(Order.objects.of(stage.merchant).values_list("external_id", flat=True))
    assert sorted(set(found)) == sorted(found)
    assert {*known, late.order_id} <= set(found)
    assert not any(read_people(stage.shop_orders()[order_id]).shipping for order_id in known)
