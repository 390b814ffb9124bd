"""Handing shop orders to Amazon: preview, last look, create; and cancelling what the merchant wants back.

A row says that Amazon is asked before it is asked, and its id is the key against shipping twice: whatever
happens between the two, the next run looks for the order at Amazon before it asks again. From then on only
Amazon's answer decides; the merchant can stop it no more without Amazon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Min, Q, QuerySet

from kogge.amazon.connections.accounts import amazon_client, next_turn
from kogge.amazon.connections.consequences import Failures, amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import cancelling, creating, previewing
from kogge.amazon.fba.asking import Desk
from kogge.amazon.fba.ending import Moved
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.engine.work import Outcome, Work
from kogge.shops.port import ShopUnavailable
from kogge.spapi.errors import Throttled, TryLater

SAFETY_NET = timedelta(hours=6)  # what is planned, edited or cancelled makes this due, in its transaction
WITHOUT_SHOP = timedelta(minutes=5)  # until a shop is asked again that does not answer
SOON = timedelta(seconds=5)  # before which no run follows another by itself

State = FulfillmentOrder.State


@amazon_operation
def hand_over(connection: Connection, work: Work) -> Outcome:
    """Everything Amazon must be told about the connection's fulfilment orders now."""
    tally = _Tally()
    following = _next(connection, work.now)
    if following <= work.now:
        with amazon_client(connection, work.clock, work.rank) as client:
            try:
                _tell_all(Desk(connection, client, work), tally)
            except ShopUnavailable as error:
                return Outcome(
                    work.now + WITHOUT_SHOP, done=tally.done, failed=tally.failed, error=str(error)
                )
        following = _next(connection, work.now)
    next_due = max(following, work.now + SOON)
    return Outcome(next_due, done=tally.done, failed=tally.failed, waiting=tally.failed > 0)


def _tell_all(desk: Desk, tally: _Tally) -> None:
    """What Amazon may have heard already comes first: nothing else is known of it."""
    connection, work = desk.connection, desk.work
    tally.each(desk, creating.take_up, _due(connection, State.SENDING, work.now))
    tally.each(desk, cancelling.cancel, _due(connection, State.HANDED, work.now).exclude(wish=""))
    unseen = _due(connection, State.PLANNED, work.now).filter(previewed_at=None)
    tally.each(desk, previewing.preview, unseen)
    for batch in creating.batches(connection, work):
        tally.each(desk, creating.send, creating.with_enough(desk, batch))


@dataclass
class _Tally:
    """How a run goes; `failures` may be Amazon's."""

    done: int = 0
    failed: int = 0
    failures: Failures = field(default_factory=Failures)

    def each(
        self, desk: Desk, step: Callable[[Desk, FulfillmentOrder], bool], orders: Iterable[FulfillmentOrder]
    ) -> None:
        """One order after the other; a sick one does not keep the others from their turn.

        Raises `Throttled`, and any `TryLater` that is the last of too many.
        """
        for order in list(orders):
            desk.work.keep()
            try:
                self.done += step(desk, order)
                self.failures.over()
            except Moved:
                continue  # the merchant was faster
            except Throttled:
                raise
            except TryLater as error:
                self.failed += 1
                self.failures.met(error)


def _due(connection: Connection, state: str, now: datetime) -> QuerySet[FulfillmentOrder]:
    rows = FulfillmentOrder.objects.everyone().filter(connection=connection, state=state)
    ready = rows.filter(Q(not_before=None) | Q(not_before__lte=now))
    return ready.select_related("connection").order_by("hand_over_at", "pk")


def _next(connection: Connection, now: datetime) -> datetime:
    """When there is something to tell Amazon next; now if there is already."""
    rows = FulfillmentOrder.objects.everyone().filter(connection=connection)
    asked = Q(state=State.SENDING) | (Q(state=State.HANDED) & ~Q(wish=""))
    begun = rows.filter(asked | Q(state=State.PLANNED, previewed_at=None))
    if begun.filter(not_before=None).exists():
        return now
    planned = rows.filter(state=State.PLANNED).aggregate(at=Min("hand_over_at"))["at"]
    times = (begun.aggregate(at=Min("not_before"))["at"], planned)
    return min((at for at in times if at), default=next_turn(connection.pk, "hand_over", SAFETY_NET, now))
