"""Three kinds of failure, three consequences, said once for all work that talks to Amazon.

Try later: back off, and say when the next try is. Fix the settings: the connection pauses, or the one
operation waits that Amazon denies. Ask a human is the business of the step that met it: it knows the
order; one that reaches this place is a bug and raises on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from django.db import transaction

from kogge.amazon.connections import accounts, news
from kogge.amazon.connections.models import Connection
from kogge.engine.work import Handler, Outcome, Work
from kogge.spapi.errors import FixSettings, Throttled, TryLater

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15))
WHEN_PAUSED = timedelta(days=1)  # resuming makes everything due at once
WHEN_DENIED = timedelta(hours=1)

# Amazon refuses this operation, not the account: a role is missing, so the others run on (reference 4.2).
_DENIES_ONE_OPERATION = {"access_denied", "unauthorized"}

AmazonOperation = Callable[[Connection, Work], Outcome]


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
