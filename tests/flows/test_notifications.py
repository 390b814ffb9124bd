"""With notifications an order is in the shop within seconds. With bad ones, or none, nothing else differs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.fetching import FETCHED_ONE_BY_ONE
from kogge.amazon.notifications.models import OrderHint, SeenNotification, Subscription
from kogge.backoffice.models import Product
from kogge.engine.models import Due
from kogge.engine.worker import run_due
from kogge.merchants.models import Merchant
from kogge.schedule import OPERATIONS
from kogge.simulator import Simulator
from kogge.simulator.feeds_2021_06_30 import process_feeds
from tests.amazon.queues import Letterbox, make_letterbox, sqs_url
from tests.amazon_models import check_exchange
from tests.flows.conftest import SharedClock, Stage, set_up, total
from tests.flows.fulfillment_stage import FulfillmentStage

__all__ = ["make_letterbox", "sqs_url"]


@pytest.fixture
def letterbox(stage: Stage, amazon: Simulator, make_letterbox: Callable[[Simulator], Letterbox]) -> Letterbox:
    """The connection has subscribed, and its first checks are over."""
    letterbox = make_letterbox(amazon)
    subscribing.begin_all(stage.now)
    work(stage)
    return letterbox


def work(stage: Stage) -> None:
    """One cycle of the worker: all that is due now."""
    run_due(OPERATIONS, clock=stage.clock, sleep=stage.amazon.advance)


def test_an_order_arrives_with_the_next_cycle_of_work(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    searches = amazon.calls["searchOrders"]
    [order] = amazon.place_orders(1, kind="standard")

    letterbox.receive()
    work(stage)

    arrived = stage.shop_orders()[order.order_id]
    assert arrived.total == total(order)
    assert arrived.payment_status == "paid"
    assert amazon.calls["searchOrders"] == searches
    assert stage.now - order.created < timedelta(seconds=10)
    assert letterbox.left == 0
    assert not OrderHint.objects.everyone().exists()


def test_many_at_once_cost_one_search_and_no_flood(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    before = amazon.calls
    bought = amazon.place_orders(FETCHED_ONE_BY_ONE + 5, kind="standard")

    letterbox.receive()
    work(stage)
    assert amazon.calls.get("getOrder", 0) == before.get("getOrder", 0)
    amazon.advance(5 * 60)
    work(stage)
    amazon.advance(60)
    work(stage)

    assert stage.shop_orders().keys() == {order.order_id for order in bought}
    assert amazon.calls["searchOrders"] <= before["searchOrders"] + 2  # one may be the regular one
    assert amazon.calls.get("getOrder", 0) == before.get("getOrder", 0)
    assert not OrderHint.objects.everyone().exists()


def test_duplicates_disorder_and_loss_change_nothing(
    db: None,
    point_at: Callable[[Simulator], None],
    make_letterbox: Callable[[Simulator], Letterbox],
    settings: Any,
) -> None:
    """The same story twice, in two worlds that are made alike: with notifications as bad as can be, and
    without any."""
    with Simulator(quotas="off", seed=7, on_exchange=check_exchange) as amazon:
        stage = set_up(amazon, SharedClock(amazon), point_at)
        letterbox = make_letterbox(amazon)
        subscribing.begin_all(stage.now)
        work(stage)
        amazon.fault("notification", "lose", times=None, every=2)
        amazon.fault("notification", "duplicate", times=None, after=1, every=2)
        amazon.fault("notification", "reorder", times=None, every=3)
        with_them = _live(stage, letterbox.receive)
        assert amazon.world.notices.sent > 15
        assert amazon.calls["getOrder"] > 0
        assert letterbox.left == 0
        assert amazon.violations == []
    Merchant.objects.update(slug="der-erste")
    Due.objects.all().delete()
    settings.KOGGE_SQS_QUEUE_URL = ""

    with Simulator(quotas="off", seed=7, on_exchange=check_exchange) as amazon:
        without = _live(set_up(amazon, SharedClock(amazon), point_at), lambda: 0)
        assert "getOrder" not in amazon.calls

    assert with_them == without
    assert len(without["shop"]) > 5


def _live(stage: Stage, receive: Callable[[], int]) -> dict[str, Any]:
    """Buyers order, Amazon and the merchant change things; what is the case once all is quiet."""
    amazon = stage.amazon
    work(stage)
    for turn in range(2):
        bought = amazon.place_orders(6)
        receive()
        work(stage)
        amazon.advance(11 * 60)
        receive()
        work(stage)
        amazon.release_pending()
        standing = [order for order in bought if order.order_id in stage.shop_orders()]
        amazon.change_order(standing[0].order_id, status="CANCELLED")
        amazon.change_order(standing[-1].order_id, cancellation_request="too late")
        open_order = next(
            order for order in stage.shop_orders().values() if order.external_id == standing[1].order_id
        )
        if open_order.delivery_status == "open":
            stage.ship(open_order, tracking=f"0034{turn}")
        receive()
        work(stage)
    for _ in range(3):
        amazon.advance(11 * 60)
        receive()
        work(stage)
    return {
        "shop": {
            order_id: (
                order.status,
                order.payment_status,
                order.delivery_status,
                order.total,
                sorted((line.title, line.quantity, line.total) for line in order.lines.all()),
            )
            for order_id, order in stage.shop_orders().items()
        },
        "stock": {
            product.code: (product.stock, product.reserved)
            for product in Product.objects.of(stage.merchant).order_by("code")
        },
        "amazon": {
            order.order_id: (order.status, len(order.packages), order.acknowledgement is not None)
            for order in amazon.orders
        },
        "troubles": stage.troubles(),
    }


def test_a_poison_message_does_not_block_the_queue(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    for poison in ("", "{", "[]", '{"NotificationType": 7}', '{"detail": {}}', "\u0000", "["):
        if poison:
            letterbox.put("", poison)
    order = amazon.place_order(kind="standard")

    letterbox.receive()
    work(stage)

    assert order.order_id in stage.shop_orders()
    assert letterbox.left == 0


def test_a_stranger_s_notification_concerns_nobody(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.add_account("A2ANDERSWO00001", "Anderswo", "Atzr|anderswo")
    body = (
        '{"NotificationType":"ORDER_CHANGE","Payload":{"OrderChangeNotification":{"SellerId":"A2ANDERSWO00001",'
        '"AmazonOrderId":"305-1182244-9021001"}},"NotificationMetadata":{"NotificationId":"n-1"}}'
    )
    letterbox.put("", body)

    letterbox.receive()

    assert letterbox.left == 0
    assert not OrderHint.objects.everyone().exists()
    assert SeenNotification.objects.filter(notification_id="n-1").exists()


def test_a_finished_feed_is_heard_of_at_once(stage: Stage, amazon: Simulator, letterbox: Letterbox) -> None:
    order = amazon.place_order(kind="standard")
    letterbox.receive()
    work(stage)
    while not amazon.feeds:
        amazon.advance(60)
        work(stage)
    amazon.advance(16)
    with amazon.world.lock:
        process_feeds(amazon.world)

    letterbox.receive()
    work(stage)

    assert OrderMessage.objects.of(stage.merchant).get(amazon_order_id=order.order_id).state == "accepted"


def test_a_fulfilment_order_is_followed_at_once(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    shop = FulfillmentStage(stage)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.hand_over_all()
    letterbox.receive()
    work(stage)
    handed = shop.fulfillment(order)
    assert handed.look_at > stage.now

    while amazon.fulfilment_order(handed.order_id).is_open:
        amazon.change_fulfilment(handed.order_id, go_on=True)
    letterbox.receive()
    work(stage)

    [parcel] = shop.fresh(order).parcels.all()
    assert parcel.tracking_number
    assert shop.fulfillment(order).state == "done"
    assert stage.now - handed.accepted_at < timedelta(minutes=1)


def test_an_offer_that_amazon_objects_to_is_read_at_once(
    stage: Stage, amazon: Simulator, letterbox: Letterbox
) -> None:
    stage.offer("TS-01")
    stage.agree()
    amazon.advance(20 * 60)
    work(stage)
    assert stage.listing("TS-01").read_at > stage.now + timedelta(hours=1)

    amazon.change_listing("TS-01", issues=[{"code": "1", "message": "No picture", "severity": "WARNING"}])
    letterbox.receive()

    assert stage.listing("TS-01").read_at <= stage.now
    work(stage)
    assert stage.listing("TS-01").read_at > stage.now


def test_without_a_queue_nothing_is_loaded_and_nothing_said(stage: Stage, amazon: Simulator) -> None:
    program = (
        "import django; django.setup(); import sys, kogge.schedule;"
        "from kogge.amazon.notifications.receiving import start_receiving;"
        "assert start_receiving(None) is None;"
        "assert not {'boto3', 'botocore'} & set(sys.modules), 'loaded'"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "kogge.settings"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)
    work(stage)

    assert not {name for name in amazon.calls if "ubscription" in name or "estination" in name}
    assert not Subscription.objects.everyone().exists()
    assert not Due.objects.filter(operation__in=["keep_subscriptions", "fetch_hinted"]).exists()
