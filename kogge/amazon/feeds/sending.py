"""The operation `send_feeds`: everything Amazon is told by feed, one round at a time.

A round takes up what an earlier one left, asks about open feeds and does each kind's own steps: building
the next feed, or looking whether accepted cancellations show. A step that has to wait does not hold up
the others, and nothing here ever holds up dispatch: confirming shipments is an operation of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from kogge.amazon.connections.accounts import amazon_client
from kogge.amazon.connections.consequences import amazon_operation, try_later
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.handing_over import hand_over_unfinished, next_look
from kogge.amazon.feeds.kinds import KINDS, FeedKind, Step
from kogge.amazon.feeds.models import UNDER_WAY, Feed
from kogge.amazon.feeds.polling import next_poll, poll_open
from kogge.amazon.feeds.rounds import Round
from kogge.engine.work import Outcome, Work
from kogge.spapi.errors import AskHuman, TryLater

NOTHING_TO_DO = timedelta(days=1)  # a queued message makes the operation due at once


@amazon_operation
def send_feeds(connection: Connection, work: Work) -> Outcome:
    """One round. Due again when the next feed, poll or look is."""
    with amazon_client(connection, work.clock, work.rank) as client:
        turn = Round(connection, client, work)
        held_up = [
            error
            for kind in KINDS.values()
            for step in _steps(kind)
            if (error := _attempt(kind, step, turn)) is not None
        ]
    for error in held_up:
        if not isinstance(error, TryLater):
            raise error  # nobody expected Amazon to refuse this; the other steps were taken all the same
    return _outcome(turn, [error for error in held_up if isinstance(error, TryLater)])


def _steps(kind: FeedKind) -> Iterator[Step]:
    yield partial(hand_over_unfinished, kind=kind)
    yield partial(poll_open, kind=kind)
    yield from kind.steps


def _attempt(kind: FeedKind, step: Step, turn: Round) -> TryLater | AskHuman | None:
    """What holds up one kind does not hold up the next; the less pressing leave tokens to the others."""
    turn.work.keep()
    try:
        with turn.client.ranked(kind.rank):
            step(turn)
    except (TryLater, AskHuman) as error:
        return error
    return None


def _outcome(turn: Round, held_up: list[TryLater]) -> Outcome:
    """The earliest of all that is to come. What was held up counts by when it may be tried again."""
    waits = [try_later(turn.work, error) for error in held_up]
    times = [at for at in _times(turn) if at > turn.now or not waits]
    return Outcome(
        min([*times, *(wait.next_due for wait in waits)], default=turn.now + NOTHING_TO_DO),
        done=turn.accepted,
        failed=turn.rejected,
        error=next((wait.error for wait in waits if wait.error), ""),
        waiting=_has_unsettled(turn.connection.pk),
    )


def _times(turn: Round) -> list[datetime]:
    connection_id = turn.connection.pk
    times = [next_look(connection_id, turn.now), next_poll(connection_id)]
    times += [kind.next_step(connection_id) for kind in KINDS.values()]
    return [at for at in times if at is not None]


def _has_unsettled(connection_id: int) -> bool:
    """Feeds are on their way, or what a kind has to say waits for its turn."""
    under_way = Feed.objects.everyone().filter(connection_id=connection_id, state__in=UNDER_WAY)
    return under_way.exists() or any(kind.has_unsettled(connection_id) for kind in KINDS.values())
