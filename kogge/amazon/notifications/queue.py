"""The queue that Amazon puts its notifications into: SQS, in the installation's own AWS account.

The library for it takes a good deal of memory, so it is loaded only where a queue is configured.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kogge.spapi.transport import safe_url
from kogge.values import InvalidValue

LONG_POLL = 20  # seconds; the most that SQS allows
BATCH = 10  # the most that SQS hands over at once

_PATH = re.compile(r"/(?P<account>[0-9]{12})/(?P<name>[A-Za-z0-9_-]{1,80})")
_HOST = re.compile(r"sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the queue is, and its name in Amazon's eyes."""

    url: str
    region: str
    arn: str


@dataclass(frozen=True, slots=True)
class Message:
    """A text from the queue. `received` counts how often it was handed over, to whomever."""

    body: str = field(repr=False)
    receipt: str = field(repr=False)
    received: int = 1


def configured() -> Address | None:
    """The installation's queue; None: it has none. Raises `ImproperlyConfigured` for an address that is none.

    The region is in the address of every queue at AWS; `KOGGE_SQS_REGION` says it for others.
    """
    url: str = settings.KOGGE_SQS_QUEUE_URL
    if not url:
        return None
    parts = urlsplit(_safe("KOGGE_SQS_QUEUE_URL"))
    if settings.KOGGE_SQS_ENDPOINT_URL:
        _safe("KOGGE_SQS_ENDPOINT_URL")
    path, host = _PATH.fullmatch(parts.path), _HOST.fullmatch(parts.hostname or "")
    region = settings.KOGGE_SQS_REGION or (host and host["region"])
    if path is None or not region:
        raise ImproperlyConfigured(
            "KOGGE_SQS_QUEUE_URL: the address of a standard queue is needed, such as "
            "https://sqs.eu-west-1.amazonaws.com/123456789012/kogge"
        )
    return Address(url, region, f"arn:aws:sqs:{region}:{path['account']}:{path['name']}")


def _safe(setting: str) -> str:
    """The address in a setting: https, or http on this machine."""
    try:
        return safe_url(getattr(settings, setting))
    except InvalidValue as error:
        raise ImproperlyConfigured(f"{setting}: {error}") from None


class Queue:
    """The queue, ready to be read. AWS credentials come from where AWS's own tools look for them."""

    def __init__(self, address: Address) -> None:
        import boto3
        from botocore.config import Config

        logging.getLogger("botocore").setLevel(logging.WARNING)  # names the file with the credentials
        self._url = address.url
        self._client: Any = boto3.client(
            "sqs",
            region_name=address.region,
            endpoint_url=settings.KOGGE_SQS_ENDPOINT_URL or None,
            config=Config(connect_timeout=5, read_timeout=LONG_POLL + 10, retries={"total_max_attempts": 2}),
        )

    def receive(self, wait: int = LONG_POLL) -> list[Message]:
        """Up to ten messages; waits up to `wait` seconds for the first. Others do not see them for a while.

        Raises what the library raises.
        """
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=wait,
            AttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                told["Body"],
                told["ReceiptHandle"],
                int(told.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for told in answer.get("Messages", [])
        ]

    def delete(self, messages: Collection[Message]) -> None:
        """Up to ten messages are done. One that cannot be deleted comes again, which is harmless."""
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": message.receipt}
                for number, message in enumerate(messages)
            ]
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
