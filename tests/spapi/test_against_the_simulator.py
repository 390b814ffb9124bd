"""The client against the small Amazon that speaks real HTTP: the whole way of an order, and its faults."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from kogge import simulator
from kogge.simulator import Simulator
from kogge.simulator.faults import Kind
from kogge.spapi import (
    Amazon,
    AskHuman,
    Credentials,
    Endpoints,
    FixSettings,
    OrderMessage,
    OrderQuery,
    OutcomeUnknown,
    Shipment,
    TryLater,
    feeds_2021_06_30,
    order_feed,
    orders_2026_01_01,
    orders_v0,
    read_order,
    sellers_v1,
)
from tests.amazon_models import check_exchange

from .conftest import Buckets, Memory

GERMANY = "A1PA6795UKMFR9"
ITS_NAMES = Credentials(simulator.CLIENT_ID, simulator.CLIENT_SECRET, simulator.REFRESH_TOKEN)


@pytest.fixture
def world() -> Iterator[Simulator]:
    with Simulator(quotas="off", seed=1, on_exchange=check_exchange) as running:
        yield running


@pytest.fixture
def seller(world: Simulator, buckets: Buckets) -> Iterator[Amazon]:
    urls = {"api_url": world.api_url, "lwa_url": world.lwa_url, "consent_url": world.consent_url}
    with Amazon(ITS_NAMES, Endpoints.for_region("eu", urls), buckets, Memory()) as client:
        yield client


def query() -> OrderQuery:
    return OrderQuery(
        created_after=datetime.now(UTC) - timedelta(days=30),
        marketplace_ids=(GERMANY,),
        fulfilled_by=("MERCHANT",),
        included_data=("BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT"),
    )


def test_an_order_is_found_acknowledged_and_shipped(world: Simulator, seller: Amazon) -> None:
    world.place_order()
    world.advance(300)

    page = orders_2026_01_01.search_orders(seller, query())
    order = read_order(page.orders[0])
    report = acknowledge(world, seller, order.order_id)
    orders_v0.confirm_shipment(
        seller,
        order.order_id,
        Shipment(
            marketplace_id=GERMANY,
            package_reference_id="1",
            carrier_code="DHL",
            tracking_number="00340434161094021501",
            ship_date=page.served_at or datetime.now(UTC),
            items=tuple((item.order_item_id, item.quantity_ordered) for item in order.order_items),
        ),
    )
    world.advance(600)
    shipped = read_order(orders_2026_01_01.get_order(seller, order.order_id, ("FULFILLMENT",)))

    assert report.accepted(1)
    assert shipped.fulfillment is not None
    assert shipped.fulfillment.fulfillment_status == "SHIPPED"


def test_the_account_tells_where_it_sells(seller: Amazon) -> None:
    participations = sellers_v1.marketplace_participations(seller)

    assert GERMANY in {each.marketplace_id for each in participations}


def test_a_revoked_authorisation_is_for_the_settings(world: Simulator, seller: Amazon) -> None:
    world.revoke()

    with pytest.raises(FixSettings) as caught:
        orders_2026_01_01.search_orders(seller, query())

    assert caught.value.reason == "invalid_grant"


@pytest.mark.parametrize(
    ("fault", "consequence"),
    [
        ("429", TryLater),
        ("500", TryLater),
        ("503-html", TryLater),
        ("drop-connection", TryLater),
        ("bad-json", TryLater),
        ("truncated-page", TryLater),
        ("200-html", TryLater),
        ("200-empty", TryLater),
        ("403-denied", FixSettings),
        ("400-includedData", AskHuman),
    ],
)
def test_a_fault_has_its_consequence_and_passes(
    world: Simulator, seller: Amazon, fault: Kind, consequence: type[Exception]
) -> None:
    world.place_orders(5)
    world.advance(300)
    world.fault("searchOrders", fault)

    with pytest.raises(consequence):
        orders_2026_01_01.search_orders(seller, query())

    assert orders_2026_01_01.search_orders(seller, query()).orders


def test_a_feed_whose_answer_got_lost_is_found_and_not_sent_twice(world: Simulator, seller: Amazon) -> None:
    order = world.place_order()
    world.fault("createFeed", "drop-after")

    with pytest.raises(OutcomeUnknown):
        acknowledge(world, seller, order.order_id)
    found = feeds_2021_06_30.find_feeds(seller, order_feed.FEED_TYPE, datetime.now(UTC) - timedelta(hours=1))

    assert [each.feed_type for each in found] == [order_feed.FEED_TYPE]


def acknowledge(world: Simulator, seller: Amazon, order_id: str) -> order_feed.FeedReport:
    content = order_feed.build(simulator.SELLER_ID, [OrderMessage(1, order_id, "S-1", "Success")])
    document_id, url, _ = feeds_2021_06_30.create_document(seller, order_feed.CONTENT_TYPE)
    feeds_2021_06_30.upload(seller, url, order_feed.CONTENT_TYPE, content)
    feed_id = feeds_2021_06_30.create_feed(seller, order_feed.FEED_TYPE, (GERMANY,), document_id)
    world.advance(3600)
    finished = feeds_2021_06_30.get_feed(seller, feed_id)
    return order_feed.parse_report(
        feeds_2021_06_30.result_document(seller, finished.result_document_id or "")
    )
