"""A queue like AWS's own, on this machine, and a small Amazon that puts its notifications into it."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft7Validator

from kogge.amazon.notifications.queue import Queue, configured
from kogge.amazon.notifications.receiving import Receiver
from kogge.simulator import Simulator
from tests.amazon_models import MODELS

REGION = "eu-west-1"

SCHEMAS = MODELS.parent / "schemas" / "notifications"
SCHEMA_OF = {
    "ORDER_CHANGE": "OrderChangeNotification.json",
    "FEED_PROCESSING_FINISHED": "FeedProcessingFinishedNotification.json",
    "FULFILLMENT_ORDER_STATUS": "FulfillmentOrderStatusNotification.json",
    "LISTINGS_ITEM_ISSUES_CHANGE": "ListingsItemIssuesChangeNotification_2023-12-13.json",
}


@pytest.fixture(scope="session")
def sqs_url() -> Iterator[str]:
    """The queue server, one for all tests of a process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@dataclass
class Letterbox:
    """The installation's queue: Amazon puts notifications in, the receiver takes them out."""

    url: str
    client: Any
    clock: Callable[[], Any]

    def put(self, _arn: str, body: str) -> None:
        """Whatever anybody sends."""
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def deliver(self, arn: str, body: str) -> None:
        """For `Simulator.deliver_notifications`: what Amazon sends fits Amazon's schemas."""
        fits_its_schema(body)
        self.put(arn, body)

    def receive(self) -> int:
        """What a receiver takes out until nothing is left; how many messages that were."""
        address = configured()
        assert address is not None
        receiver = Receiver(Queue(address), self.clock)
        total = 0
        while came := receiver.turn(wait=0):
            total += came
        return total

    @property
    def left(self) -> int:
        """Messages that are in the queue, or were handed over and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture
def make_letterbox(
    sqs_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Simulator], Letterbox]]:
    """Give the installation a queue, and have this Amazon bring notifications to it."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("sqs", region_name=REGION, endpoint_url=sqs_url)
    made: list[str] = []

    def make(amazon: Simulator) -> Letterbox:
        url = client.create_queue(QueueName=f"kogge-{uuid.uuid4().hex}")["QueueUrl"]
        made.append(url)
        settings.KOGGE_SQS_QUEUE_URL = url
        settings.KOGGE_SQS_REGION = REGION
        settings.KOGGE_SQS_ENDPOINT_URL = sqs_url
        letterbox = Letterbox(url, client, amazon.world.now)
        amazon.deliver_notifications(letterbox.deliver)
        return letterbox

    yield make
    for url in made:
        client.delete_queue(QueueUrl=url)
    client.close()


def fits_its_schema(body: str) -> None:
    """A notification is as Amazon describes it, where Amazon's schemas are present."""
    document = json.loads(body)
    kind = document.get("NotificationType") or document["notificationType"]
    if SCHEMAS.is_dir():
        errors = [f"{error.json_path}: {error.message}" for error in _schema(kind).iter_errors(document)]
        assert errors == []


@cache
def _schema(kind: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMAS / SCHEMA_OF[kind]).read_text()))


__all__ = ["Letterbox", "fits_its_schema", "make_letterbox", "sqs_url"]
