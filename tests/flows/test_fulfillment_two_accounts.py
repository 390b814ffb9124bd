"""A merchant with two seller accounts: each ships what lies on its own shelf, and keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kogge.amazon.connections.accounts import connect, pause
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder
from kogge.backoffice import stock as ledger
from kogge.simulator import Simulator, credentials
from tests.amazon_models import check_exchange
from tests.flows.conftest import GERMANY, Stage
from tests.flows.fulfillment_stage import CUT_OFF, FulfillmentStage

OTHER, TOKEN = "A2OTHERACCOUNT", "Atzr|another-account"


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off", on_exchange=check_exchange) as simulator:
        simulator.add_account(OTHER, "Teehaus zwei", TOKEN)
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def shop(stage: Stage) -> FulfillmentStage:
    return FulfillmentStage(stage)


@pytest.fixture
def other(shop: FulfillmentStage) -> Any:
    """The second connection."""
    return connect(
        shop.merchant,
        region="eu",
        seller_id=OTHER,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=TOKEN,
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        start_from=None,
        now=shop.now,
    )


def keep_there(shop: FulfillmentStage, other: Any, code: str, *, units: int) -> None:
    """So many units lie with the second account, which Kogge has read; none with the first."""
    shop.keep(code, units=0)
    shop.amazon.set_fba_stock({code: units}, seller_id=OTHER)
    FbaStock.objects.everyone().update_or_create(
        connection=other, sku=code, defaults={"fulfillable": units, "read_at": shop.now}
    )


def work(shop: FulfillmentStage, connection: Any) -> None:
    shop.run("hand_over", connection.pk)
    shop.run("follow_fulfillment", connection.pk)


def test_one_order_from_two_shelves_is_an_order_at_each(shop: FulfillmentStage, other: Any) -> None:
    shop.keep("TS-01", units=20)
    keep_there(shop, other, "TS-02", units=5)
    order = shop.order({"TS-01": 2, "TS-02": 1})
    shop.plan()

    for minutes in (0, CUT_OFF, 20, 20):
        shop.amazon.advance(minutes * 60)
        for connection in (shop.connection, other):
            work(shop, connection)

    sent = {
        one.seller_id: {line.sku: line.quantity for line in one.lines}
        for one in shop.amazon.fulfilment_orders
    }
    assert sent == {credentials.SELLER_ID: {"TS-01": 2}, OTHER: {"TS-02": 1}}
    ours = FulfillmentOrder.objects.of(shop.merchant).order_by("attempt")
    assert [(one.connection_id, one.attempt, one.state) for one in ours] == [
        (shop.connection.pk, 1, "done"),
        (other.pk, 2, "done"),
    ]
    fresh = shop.fresh(order)
    assert {line.code: line.shipped for line in fresh.lines.all()} == {"TS-01": 2, "TS-02": 1}
    assert fresh.delivery_status == "shipped"
    assert fresh.parcels.count() == 2
    assert shop.troubles() == set()


def test_what_one_account_does_not_ship_returns_without_the_others(
    shop: FulfillmentStage, other: Any
) -> None:
    shop.keep("TS-01", units=20)
    keep_there(shop, other, "TS-02", units=5)
    order = shop.order({"TS-01": 2, "TS-02": 1})
    shop.plan()
    shop.amazon.set_fba_stock({"TS-02": 0}, seller_id=OTHER)

    for minutes in (0, CUT_OFF, 20, 20):
        shop.amazon.advance(minutes * 60)
        for connection in (shop.connection, other):
            work(shop, connection)

    lines = shop.lines(order)
    assert (lines["TS-01"].shipped, lines["TS-02"].shipped, lines["TS-02"].fulfilled_by) == (2, 0, "")
    assert [one.seller_id for one in shop.amazon.fulfilment_orders] == [credentials.SELLER_ID]
    assert shop.troubles() == {"fulfillment_no_stock"}
    assert ledger.audit(shop.merchant.pk) == []


def test_the_account_that_has_most_of_it_ships(shop: FulfillmentStage, other: Any) -> None:
    keep_there(shop, other, "TS-01", units=5)
    shop.shelve("TS-01", 3)
    shop.know("TS-01", 3)

    shop.order({"TS-01": 4})
    shop.plan()

    assert [one.connection_id for one in shop.fulfillments()] == [other.pk]


def test_a_paused_account_does_not_hold_up_the_other(shop: FulfillmentStage, other: Any) -> None:
    shop.keep("TS-01", units=20)
    keep_there(shop, other, "TS-02", units=5)
    pause(other.pk, "by_merchant", now=shop.now)

    order = shop.order({"TS-01": 2, "TS-02": 1})
    shop.hand_over_all()

    lines = shop.lines(order)
    assert (lines["TS-01"].fulfilled_by, lines["TS-02"].fulfilled_by) == ("amazon", "")
    assert [one.seller_id for one in shop.amazon.fulfilment_orders] == [credentials.SELLER_ID]
