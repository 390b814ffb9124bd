"""What is queued for Amazon: once, never contradicting, never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.building import build
from kogge.amazon.feeds.messages import queue_acknowledgements, queue_cancellation, send_again
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.account import DE, START

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(merchant: Merchant) -> Connection:
    """A connection nobody talks through."""
    return Connection.objects.everyone().create(
        merchant=merchant,
        region="eu",
        seller_id="A2SELLEREXAMPLE",
        client_id="amzn1.application-oa2-client.0000",
        sealed_credentials=b"sealed",
        connected_at=START,
        start_from=START,
    )


def order_id(number: int) -> str:
    return f"305-0000000-{number:07d}"


def acknowledge(connection: Connection, *numbers: int) -> int:
    orders = [(order_id(number), DE, f"SHOP-{number}", [f"item-{number}"]) for number in numbers]
    return queue_acknowledgements(connection.pk, orders, now=START)


def cancel(connection: Connection, number: int, reason: str = "other") -> bool:
    return queue_cancellation(
        connection.pk, order_id(number), marketplace_id=DE, item_ids=["item"], reason=reason, now=START
    )


def waiting() -> list[tuple[str, str]]:
    rows = OrderMessage.objects.everyone().order_by("id")
    return list(rows.values_list("kind", "state"))


def test_acknowledging_a_page_costs_the_same_number_of_queries_as_one_order(
    connection: Connection, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(10):
        queued = acknowledge(connection, *range(100))

    assert queued == 100
    assert OrderMessage.objects.everyone().count() == 100


def test_what_is_queued_already_is_not_queued_again(connection: Connection) -> None:
    acknowledge(connection, 1, 2)

    assert acknowledge(connection, 2, 3) == 1
    assert len(waiting()) == 3


def test_queueing_nothing_wakes_nobody(connection: Connection) -> None:
    assert queue_acknowledgements(connection.pk, [], now=START) == 0
    assert not Due.objects.exists()


def test_a_cancellation_drops_the_waiting_acknowledgement_or_neither_happens(connection: Connection) -> None:
    acknowledge(connection, 1)

    def fail_after_cancelling() -> None:
        with transaction.atomic():
            cancel(connection, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_cancelling()
    rolled_back = waiting()
    cancel(connection, 1)

    assert rolled_back == [("acknowledge", "waiting")]
    assert waiting() == [("acknowledge", "dropped"), ("cancel", "waiting")]


def test_an_acknowledgement_and_a_cancellation_never_share_a_feed(connection: Connection) -> None:
    cancel(connection, 1)
    # As two workers could leave it behind that queued at the same moment.
    OrderMessage.objects.everyone().create(
        connection=connection,
        amazon_order_id=order_id(1),
        marketplace_id=DE,
        kind="acknowledge",
        not_before=START,
        created_at=START,
    )

    feed = build(connection.pk, now=START)

    assert feed is not None
    assert [message.kind for message in feed.messages.all()] == ["cancel"]
    assert waiting() == [("cancel", "sending"), ("acknowledge", "dropped")]


def test_the_database_refuses_two_messages_about_an_order_on_their_way(connection: Connection) -> None:
    acknowledge(connection, 1)
    build(connection.pk, now=START)
    cancel(connection, 1)

    with pytest.raises(IntegrityError), transaction.atomic():
        OrderMessage.objects.everyone().filter(kind="cancel").update(state="sending")

    assert waiting() == [("acknowledge", "sending"), ("cancel", "waiting")]


def test_a_second_feed_is_not_built_while_one_is_being_handed_over(connection: Connection) -> None:
    acknowledge(connection, 1)
    build(connection.pk, now=START)
    acknowledge(connection, 2)

    assert build(connection.pk, now=START) is None
    assert Feed.objects.everyone().count() == 1


def test_messages_of_a_feed_are_numbered_cancellations_first(connection: Connection) -> None:
    acknowledge(connection, 1, 2)
    cancel(connection, 3)

    feed = build(connection.pk, now=START)

    assert feed is not None
    numbered = feed.messages.order_by("message_no").values_list("message_no", "kind")
    assert list(numbered) == [(1, "cancel"), (2, "acknowledge"), (3, "acknowledge")]


def test_what_failed_before_goes_out_one_marketplace_at_a_time(connection: Connection) -> None:
    acknowledge(connection, 1, 2)
    OrderMessage.objects.everyone().filter(amazon_order_id=order_id(2)).update(
        marketplace_id="A13V1IB3VIYZZH"
    )
    OrderMessage.objects.everyone().update(attempts=1)

    feed = build(connection.pk, now=START)

    assert feed is not None
    assert [message.marketplace_id for message in feed.messages.all()] == [DE]


def test_an_unknown_reason_or_missing_items_are_a_bug(connection: Connection) -> None:
    with pytest.raises(ValueError, match="reason"):
        cancel(connection, 1, reason="because")
    with pytest.raises(ValueError, match="items"):
        queue_cancellation(
            connection.pk, order_id(1), marketplace_id=DE, item_ids=[], reason="other", now=START
        )


def test_sending_again_leaves_what_is_on_its_way(connection: Connection) -> None:
    acknowledge(connection, 1)
    OrderMessage.objects.everyone().update(state="rejected")
    [rejected] = OrderMessage.objects.everyone()
    acknowledge(connection, 1)

    again = send_again(connection.pk, message=rejected.pk, actor="anna@example.org", now=START)

    assert again == 0
    assert waiting() == [("acknowledge", "rejected"), ("acknowledge", "waiting")]
