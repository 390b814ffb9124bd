"""Three kinds of failure, three consequences, said once for all work that talks to Amazon.

Try later: back off, and say when the next try is. Fix the settings: the connection pauses, or the one
operation waits that Amazon denies. Ask a human is the business of the step that met it: it knows the
order; one that reaches this place is a bug and raises on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import TypeVar

from django.db import transaction

from kogge.amazon.connections import accounts, news
from kogge.amazon.connections.models import Connection
from kogge.engine.work import Handler, Outcome, Work
from kogge.spapi.errors import FixSettings, Throttled, TryLater

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15))
MOST_FAILURES = 3  # in a row: Amazon is down, the other items need not find out one by one
WHEN_PAUSED = timedelta(days=1)  # resuming makes everything due at once
WHEN_DENIED = timedelta(hours=1)

# Amazon refuses this operation, not the account: a role is missing, so the others run on (reference 4.2).
_DENIES_ONE_OPERATION = {"access_denied", "unauthorized"}

AmazonOperation = Callable[[Connection, Work], Outcome]
Answer = TypeVar("Answer")


def amazon_operation(operation: AmazonOperation) -> Handler:
    """Make a handler of an operation on a connection. A paused connection causes no traffic at all."""

    @wraps(operation)
    def handler(work: Work) -> Outcome:
        connection = Connection.objects.everyone().select_related("merchant").filter(pk=work.subject).first()
        if connection is None or connection.state != Connection.State.ACTIVE:
            return Outcome(work.now + WHEN_PAUSED)
        try:
            outcome = operation(connection, work)
        except TryLater as error:
            return try_later(work, error)
        except FixSettings as error:
            return _fix_settings(connection, work, error)
        _settle_denial(connection, work)
        return outcome

    return handler


class Failures:
    """How often in a row Amazon failed while a run works on one item after the other."""

    def __init__(self) -> None:
        self._count = 0

    def met(self, error: TryLater) -> None:
        """Go on with the next item, unless it was the last of too many: then it is raised."""
        self._count += 1
        if self._count >= MOST_FAILURES:
            raise error

    def over(self) -> None:
        """Amazon answered."""
        self._count = 0


def patiently(work: Work, question: Callable[[], Answer]) -> Answer:
    """Ask, after a short wait where our own count of Amazon's limit asks for one. Raises `AmazonError`."""
    while True:
        try:
            return question()
        except Throttled as limit:
            if limit.status is not None or not work.pause(limit.retry_after or 0.0):
                raise


def try_later(work: Work, error: TryLater) -> Outcome:
    """When to come back after this error. Waiting for a limit is no failed attempt."""
    if isinstance(error, Throttled) and error.retry_after is not None:
        return Outcome(work.now + timedelta(seconds=error.retry_after), waiting=True)
    return Outcome(next_try(work, error), error=str(error), waiting=True)


def next_try(work: Work, error: TryLater) -> datetime:
    """The back-off 1, 2, 5, 10, 15 minutes by failed attempts, never before the time Amazon named."""
    pause = BACK_OFF[min(work.lease.attempts, len(BACK_OFF) - 1)]
    return work.now + max(pause, timedelta(seconds=error.retry_after or 0))


def _fix_settings(connection: Connection, work: Work, error: FixSettings) -> Outcome:
    if error.reason in _DENIES_ONE_OPERATION:
        return _wait_denied(connection, work, error)
    accounts.pause(connection.pk, error.reason, now=work.now)
    return Outcome(work.now + WHEN_PAUSED, error=str(error))


def _wait_denied(connection: Connection, work: Work, error: FixSettings) -> Outcome:
    details = {"reason": error.reason, "operation": error.operation}
    with transaction.atomic():
        _change_denied(connection, lambda denied: denied | {work.operation})
        news.trouble_met.send(
            None,
            connection_id=connection.pk,
            kind="settings",
            key=f"settings:{work.operation}",
            now=work.now,
            details=details,
        )
    return Outcome(work.now + WHEN_DENIED, error=str(error))


def _settle_denial(connection: Connection, work: Work) -> None:
    """The operation went through: what was denied before is granted now."""
    if work.operation not in connection.denied_operations.split(","):
        return
    with transaction.atomic():
        _change_denied(connection, lambda denied: denied - {work.operation})
        keys = [f"settings:{work.operation}"]
        news.trouble_settled.send(None, connection_id=connection.pk, keys=keys, now=work.now)


def _change_denied(connection: Connection, change: Callable[[set[str]], set[str]]) -> None:
    """On the locked row: another operation of the connection may be denied at this moment."""
    row = Connection.objects.everyone().select_for_update().get(pk=connection.pk)
    denied = change(set(filter(None, row.denied_operations.split(","))))
    row.denied_operations = ",".join(sorted(denied))
    row.save(update_fields=["denied_operations"])
