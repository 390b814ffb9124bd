"""The receiver goes on whatever happens, and deletes a message only once its hints are stored."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications import hints, receiving
from kogge.amazon.notifications.models import OrderHint, SeenNotification
from kogge.amazon.notifications.queue import Message, Queue, configured
from kogge.amazon.notifications.receiving import Receiver, start_receiving, take
from kogge.engine.models import Due
from kogge.simulator import SELLER_ID, Simulator
from tests.amazon.queues import Letterbox

pytestmark = pytest.mark.django_db

BODY = (
    '{"NotificationType":"ORDER_CHANGE","EventTime":"2026-11-23T09:00:00Z","Payload":{"OrderChangeNotification":'
    '{"SellerId":"%s","AmazonOrderId":"%s","Summary":{"DestinationPostalCode":"20095"}}},'
    '"NotificationMetadata":{"NotificationId":"%s"}}'
)


def told(number: int, received: int = 1) -> Message:
    body = BODY % (SELLER_ID, f"305-1182244-902100{number}", f"n-{number}")
    return Message(body, f"receipt-{number}", received)


def test_a_message_stays_until_its_hints_are_stored(
    connection: Connection, amazon: Simulator, letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    letterbox.put("", told(1).body)

    def busy(*_arguments: Any, **_more: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(hints, "make_due", busy)
        with pytest.raises(OperationalError):
            letterbox.receive()
    assert letterbox.left == 1
    assert not SeenNotification.objects.exists()


def test_what_was_stored_before_a_crash_is_not_worked_on_twice(
    connection: Connection, amazon: Simulator
) -> None:
    now = amazon.world.now()
    take([told(1)], now=now)
    OrderHint.objects.everyone().all().delete()  # it was fetched meanwhile

    done = take([told(1)], now=now + timedelta(seconds=40))

    assert done == [told(1)]
    assert not OrderHint.objects.everyone().exists()


def test_what_comes_again_much_later_is_worked_on_again(connection: Connection, amazon: Simulator) -> None:
    now = amazon.world.now()
    take([told(1)], now=now)
    OrderHint.objects.everyone().all().delete()
    hints.forget_old(now + timedelta(hours=2))

    take([told(1)], now=now + timedelta(hours=2))

    assert OrderHint.objects.everyone().exists()


def test_one_that_cannot_be_worked_on_holds_up_nobody(
    connection: Connection, amazon: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = hints.take

    def stumble(told: Any, *, now: Any) -> None:
        if any(each.notification_id == "n-2" for each in told):
            raise ValueError("unexpected")
        real(told, now=now)

    monkeypatch.setattr(hints, "take", stumble)

    done = take([told(1), told(2), told(3)], now=amazon.world.now())

    assert done == [told(1), told(3)]
    assert OrderHint.objects.everyone().count() == 2
    assert take([told(2, received=5)], now=amazon.world.now()) == [told(2, received=5)]


def test_many_are_one_wish_in_a_constant_number_of_statements(
    connection: Connection, amazon: Simulator, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(14):
        take([told(number) for number in range(1, 10)], now=amazon.world.now())

    due = Due.objects.get(operation="fetch_hinted", subject=connection.pk)
    assert due.wakes <= 1


def test_nothing_personal_is_logged(
    connection: Connection, amazon: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        take([told(1), Message('{"DestinationPostalCode":"20095"', "r")], now=amazon.world.now())

    assert "is no notification" in caplog.text
    assert "20095" not in caplog.text


class Silent:
    """A queue that cannot be read, and ends the receiver after the third try."""

    def __init__(self) -> None:
        self.tries = 0
        self.receiver: Receiver | None = None

    def receive(self, wait: int = 20) -> list[Message]:
        from botocore.exceptions import ClientError

        assert self.receiver is not None
        self.tries += 1
        if self.tries == 3:
            self.receiver.stop()
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "secret words"}}, "ReceiveMessage")


def test_a_queue_that_cannot_be_read_is_tried_again(
    amazon: Simulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiving, "AFTER_A_FAILURE", 0)
    monkeypatch.setattr(connections, "close_all", lambda: None)  # it is the test's own, too
    queue = Silent()
    receiver = Receiver(queue, amazon.world.now)  # type: ignore[arg-type]
    queue.receiver = receiver

    receiver.run()

    assert queue.tries == 3
    assert "ClientError AccessDenied" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        (
            "https://sqs.eu-west-1.amazonaws.com/123456789012/kogge",
            "arn:aws:sqs:eu-west-1:123456789012:kogge",
        ),
        (
            "https://sqs.us-east-1.amazonaws.com/123456789012/a_b-1",
            "arn:aws:sqs:us-east-1:123456789012:a_b-1",
        ),
    ],
)
def test_the_address_tells_region_and_name(settings: Any, url: str, arn: str) -> None:
    settings.KOGGE_SQS_QUEUE_URL = url

    found = configured()

    assert found is not None
    assert found.arn == arn


@pytest.mark.parametrize(
    "url",
    [
        "kogge",
        "http://sqs.eu-west-1.amazonaws.com/123456789012/kogge",
        "https://sqs.eu-west-1.amazonaws.com/kogge",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/kogge.fifo",
        "https://example.org/123456789012/kogge",
    ],
)
def test_an_address_that_is_none_is_refused(settings: Any, url: str) -> None:
    settings.KOGGE_SQS_QUEUE_URL = url

    with pytest.raises(ImproperlyConfigured, match="KOGGE_SQS_QUEUE_URL"):
        configured()


def test_without_a_queue_nobody_receives(amazon: Simulator) -> None:
    assert start_receiving(amazon.world.now) is None


def test_what_a_message_says_stays_out_of_its_repr(letterbox: Letterbox) -> None:
    letterbox.put("", "{}")
    address = configured()
    assert address is not None

    [message] = Queue(address).receive(wait=0)

    assert message.received == 1
    assert "{}" not in repr(message)
