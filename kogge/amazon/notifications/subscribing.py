"""The operation `keep_subscriptions`: Amazon sends a connection's notifications to the installation's queue.

Looked after daily: whatever was deleted at Amazon is made again. A type that Amazon denies or refuses is
left out and shown; the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from kogge.amazon.connections.accounts import OneToken, amazon_client, endpoints, shared_http
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.credentials import NoCredentials, credentials_of
from kogge.amazon.connections.limits import BucketLimiter
from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications.models import Destination, OrderHint, Subscription, Switch
from kogge.amazon.notifications.queue import Address, configured
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import Clock, Outcome, Work
from kogge.spapi import notifications_v1 as amazon
from kogge.spapi.client import Amazon
from kogge.spapi.errors import AmazonError, AskHuman, FixSettings, NotFound

logger = logging.getLogger(__name__)

OPERATION = "keep_subscriptions"
FETCH = "fetch_hinted"
NAME = "kogge"  # of the queue, in Amazon's list

DAILY = timedelta(days=1)
WHEN_ALL_REFUSED = timedelta(hours=1)
BEGUN_AT_ONCE = 500

State = Subscription.State

# The application lacks a role; the rest of the account's work is not concerned.
_DENIES_A_TYPE = {"access_denied", "unauthorized"}


def is_on(connection: Connection) -> bool:
    """Whether the merchant wants notifications for the connection, if the installation has a queue."""
    return not Switch.objects.everyone().filter(connection=connection, is_on=False).exists()


def switch(connection: Connection, *, on: bool, now: datetime) -> None:
    """Have notifications for the connection or not. Without a queue nothing comes of it yet."""
    with transaction.atomic():
        Switch.objects.everyone().update_or_create(connection=connection, defaults={"is_on": on})
        if configured() is not None:
            due.make_due(OPERATION, connection.pk, now=now)


def begin(connection_id: int, now: datetime) -> None:
    """See to a connection's subscriptions soon, if the installation has a queue."""
    if settings.KOGGE_SQS_QUEUE_URL:
        due.make_due(OPERATION, connection_id, now=now)


def begin_all(now: datetime) -> None:
    """See to all connections that nobody has looked after yet: the queue came later than they."""
    active = Connection.objects.everyone().filter(state=Connection.State.ACTIVE)
    known = Due.objects.filter(operation=OPERATION).values("subject")
    left = list(active.exclude(pk__in=known).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(left), BEGUN_AT_ONCE):
        with transaction.atomic():
            due.make_due(OPERATION, left[start : start + BEGUN_AT_ONCE], now=now)


def keep_subscriptions(work: Work) -> Outcome:
    """Subscribe, or end what nobody wants any more: paused, switched off, or no queue any more."""
    connection = Connection.objects.everyone().filter(pk=work.subject).first()
    if connection is None:
        return Outcome(work.now + DAILY)
    is_active = connection.state == Connection.State.ACTIVE
    if is_active and settings.KOGGE_SQS_QUEUE_URL and is_on(connection):
        return _keep(work)
    ended = end(connection, work.clock)
    return Outcome(work.now + (DAILY if ended else WHEN_ALL_REFUSED))


def end(connection: Connection, clock: Clock) -> bool:
    """Have Amazon send no more, as far as it can be reached. False: it is worth another try.

    What comes all the same is ignored, so nothing depends on it.
    """
    rows = Subscription.objects.everyone().filter(connection=connection)
    active = list(rows.filter(state=State.ACTIVE).order_by("kind"))
    has_ended = True
    if active:
        try:
            with _application(connection, clock) as application:
                for row in active:
                    _end_one(application, row.kind, row.subscription_id)
                    row.delete()
        except NoCredentials:
            logger.info("connection %d: its subscriptions are left to Amazon", connection.pk)
        except AmazonError as error:
            logger.info("connection %d: a subscription is not ended yet: %s", connection.pk, error)
            has_ended = False
    if has_ended:
        rows.delete()
    OrderHint.objects.everyone().filter(connection=connection).delete()
    return has_ended


@amazon_operation
def _keep(connection: Connection, work: Work) -> Outcome:
    address = configured()
    assert address is not None
    try:
        destination_id = _destination(connection, address, work)
        with amazon_client(connection, work.clock, work.rank) as client:
            desk = _Desk(connection, client, address, work, destination_id)
            active = [kind for kind in amazon.PAYLOAD_VERSIONS if _keep_one(desk, kind)]
    except (FixSettings, AskHuman) as error:
        if isinstance(error, FixSettings) and error.reason not in _DENIES_A_TYPE:
            raise
        for kind in amazon.PAYLOAD_VERSIONS:  # not the queue itself can be made known
            _left_out(connection, kind, error, work.now)
        active = []
    return Outcome(work.now + (DAILY if active else WHEN_ALL_REFUSED), done=len(active))


@dataclass(slots=True)
class _Desk:
    """One look after a connection's subscriptions: for whom, with whose client, to which queue."""

    connection: Connection
    client: Amazon
    address: Address
    work: Work
    destination_id: str


def _keep_one(desk: _Desk, kind: str) -> bool:
    """Whether Amazon sends this type to us now. Raises `TryLater`, and `FixSettings` for the account."""
    desk.work.keep()
    try:
        found = _subscribed(desk, kind)
    except (FixSettings, AskHuman) as error:
        if isinstance(error, FixSettings) and error.reason not in _DENIES_A_TYPE:
            raise
        _left_out(desk.connection, kind, error, desk.work.now)
        return False
    _store(desk.connection, kind, desk.work.now, state=State.ACTIVE, subscription_id=found.subscription_id)
    return True


def _subscribed(desk: _Desk, kind: str) -> amazon.Subscription:
    try:
        return _subscribe(desk, kind)
    except AskHuman:
        # Perhaps Amazon does not know the queue any more; then the same again with the one it is told of.
        known = _destination(desk.connection, desk.address, desk.work, look=True)
        if known == desk.destination_id:
            raise
        desk.destination_id = known
        return _subscribe(desk, kind)


def _subscribe(desk: _Desk, kind: str) -> amazon.Subscription:
    """The subscription there is, if it leads to our queue, or a new one."""
    try:
        found = amazon.get_subscription(desk.client, kind)
    except NotFound:
        return amazon.create_subscription(desk.client, kind, desk.destination_id)
    if found.destination_id == desk.destination_id:
        return found
    with _application(desk.connection, desk.work.clock) as application:
        _end_one(application, kind, found.subscription_id)
    return amazon.create_subscription(desk.client, kind, desk.destination_id)


def _end_one(application: Amazon, kind: str, subscription_id: str) -> None:
    try:
        amazon.delete_subscription(application, kind, subscription_id)
    except NotFound:
        return  # somebody was faster


def _destination(connection: Connection, address: Address, work: Work, *, look: bool = False) -> str:
    """Amazon's id of our queue, made known to it if it is not. With `look` Amazon is asked in any case."""
    row = _destination_row(connection)
    is_fresh = row.looked_at is not None and work.now - row.looked_at < DAILY
    if row.destination_id and row.queue_arn == address.arn and is_fresh and not look:
        return row.destination_id
    with _application(connection, work.clock) as application:
        destination_id = _known(application, address) or _make_known(application, address)
    Destination.objects.filter(pk=row.pk).update(
        destination_id=destination_id, queue_arn=address.arn, looked_at=work.now
    )
    return destination_id


def _known(application: Amazon, address: Address) -> str:
    return next(
        (each.destination_id for each in amazon.destinations(application) if each.queue_arn == address.arn),
        "",
    )


def _make_known(application: Amazon, address: Address) -> str:
    try:
        return amazon.create_destination(application, NAME, address.arn).destination_id
    except AskHuman as refusal:
        # Another connection of the same application may have been faster.
        if refusal.status == 409 and (known := _known(application, address)):
            return known
        raise


def _destination_row(connection: Connection) -> Destination:
    row, _created = Destination.objects.get_or_create(
        client_id=connection.client_id, region=connection.region
    )
    return row


@contextmanager
def _application(connection: Connection, clock: Clock) -> Iterator[Amazon]:
    """A client for what the connection's application may do by itself. Raises `NoCredentials`."""
    credentials = amazon.grantless(credentials_of(connection))
    limits = BucketLimiter(-_destination_row(connection).pk, clock)
    hosts = endpoints(connection.region)
    with Amazon(credentials, hosts, limits, OneToken(), http=shared_http(), clock=clock) as client:
        yield client


def _left_out(connection: Connection, kind: str, error: FixSettings | AskHuman, now: datetime) -> None:
    state = State.LEFT_OUT if isinstance(error, FixSettings) else State.REFUSED
    _store(connection, kind, now, state=state, reason=str(error))


def _store(
    connection: Connection,
    kind: str,
    now: datetime,
    *,
    state: str,
    subscription_id: str = "",
    reason: str = "",
) -> None:
    values = {"state": state, "subscription_id": subscription_id[:100], "reason": reason}
    rows = Subscription.objects.everyone()
    same = rows.filter(connection=connection, kind=kind, state=state)
    if not same.update(**values):
        rows.update_or_create(connection=connection, kind=kind, defaults={**values, "since": now})
