"""The receiver: takes notifications from the queue and makes due what they hint at.

It runs as a thread beside the worker, on as many machines as there are workers. A message is deleted only
once its hints are committed, so a crash anywhere means that it comes again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connections, transaction

from kogge.amazon.notifications import hints, subscribing
from kogge.amazon.notifications.queue import LONG_POLL, Message, Queue, configured
from kogge.engine.work import Clock
from kogge.spapi.notifications_v1 import Notification, OtherKind, Unreadable, read

logger = logging.getLogger(__name__)

AFTER_A_FAILURE = 10.0  # seconds
LOOKS_AROUND = timedelta(minutes=10)
# A message that fails whenever it is handed over is given up: polling does without it.
MOST_DELIVERIES = 5


class Receiver:
    """Reads the queue until it is told to stop."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self.queue = queue
        self.clock = clock
        self.stopping = threading.Event()
        self._looked_around_at: datetime | None = None

    def run(self) -> None:
        """Receive until `stop()`; nothing that goes wrong ends it."""
        while not self.stopping.is_set():
            try:
                self.look_around()
                connections.close_all()  # nobody needs one while the queue is silent
                self.turn()
            except (OperationalError, InterfaceError) as error:
                self._wait_after("the database does not answer (%s)", error)
            except Exception as error:
                if not _comes_from_aws(error):
                    logger.exception("the receiver of notifications stumbled and goes on")
                self._wait_after("notifications cannot be received (%s)", error)
            finally:
                connections.close_all()

    def stop(self) -> None:
        self.stopping.set()

    def turn(self, wait: int = LONG_POLL) -> int:
        """Work on what is in the queue, waiting up to `wait` seconds for it; how many messages came."""
        messages = self.queue.receive(wait)
        if messages:
            self.queue.delete(take(messages, now=self.clock()))
        return len(messages)

    def look_around(self) -> None:
        """Now and then: what is older than anybody repeats is forgotten; nobody was left unsubscribed."""
        now = self.clock()
        if self._looked_around_at is None or now - self._looked_around_at >= LOOKS_AROUND:
            hints.forget_old(now)
            subscribing.begin_all(now)
            self._looked_around_at = now

    def _wait_after(self, sentence: str, error: Exception) -> None:
        logger.warning(sentence, _name(error))
        self.stopping.wait(AFTER_A_FAILURE)


def start_receiving(clock: Clock) -> Receiver | None:
    """Receive in a thread of this process from now on; None where no queue is configured.

    The thread ends with the process: what it has in hand then comes again.
    """
    address = configured()
    if address is None:
        return None
    receiver = Receiver(Queue(address), clock)
    threading.Thread(target=receiver.run, name="notifications", daemon=True).start()
    return receiver


def take(messages: Sequence[Message], *, now: datetime) -> list[Message]:
    """Store what the messages hint at; answers those that are done with.

    One that cannot be worked on never holds up the others. Raises what is wrong with the database.
    """
    readable: list[tuple[Message, Notification]] = []
    unread: list[Message] = []
    for message in messages:
        told = read(message.body.encode("utf-8", "replace"))
        if isinstance(told, Unreadable):
            logger.warning("a message in the queue is no notification: %s", told.explanation)
            unread.append(message)
        elif isinstance(told, OtherKind):
            unread.append(message)
        else:
            readable.append((message, told))
    return unread + _taken(readable, now)


def _taken(readable: Sequence[tuple[Message, Notification]], now: datetime) -> list[Message]:
    """All at once or, when that fails, one by one."""
    try:
        with transaction.atomic():
            hints.take([told for _message, told in readable], now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("notifications cannot be worked on: %d at once", len(readable))
        if len(readable) > 1:
            return [message for one in readable for message in _taken([one], now)]
        return [message for message, _told in readable if message.received >= MOST_DELIVERIES]
    return [message for message, _told in readable]


def _comes_from_aws(error: Exception) -> bool:
    return type(error).__module__.startswith("botocore")


def _name(error: Exception) -> str:
    """AWS's own code where there is one, such as AccessDenied."""
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    return f"{type(error).__name__} {code}".strip()
