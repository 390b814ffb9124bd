"""The operation `send_feeds`: everything Amazon is told by feed, one round at a time.

A round takes up what an earlier one left, asks about open feeds, builds the next one, and looks
whether accepted cancellations show. A step that has to wait does not hold up the others, and nothing
here ever holds up dispatch: confirming shipments is an operation of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from kogge.amazon.connections.accounts import amazon_client
from kogge.amazon.connections.consequences import amazon_operation, try_later
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.building import build, next_build
from kogge.amazon.feeds.cancelling import next_verification, verify_cancellations
from kogge.amazon.feeds.handing_over import hand_over, hand_over_unfinished, next_look
from kogge.amazon.feeds.messages import Kind, State
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.feeds.polling import next_poll, poll_open
from kogge.amazon.feeds.rounds import Round
from kogge.engine.work import Outcome, Work
from kogge.spapi.errors import AskHuman, TryLater

NOTHING_TO_DO = timedelta(days=1)  # a queued message makes the operation due at once

Step = Callable[[Round], None]


@amazon_operation
def send_feeds(connection: Connection, work: Work) -> Outcome:
    """One round. Due again when the next feed, poll or look is."""
    with amazon_client(connection, work.clock) as client:
        turn = Round(connection, client, work)
        held_up = [error for step in STEPS if (error := _attempt(step, turn)) is not None]
    for error in held_up:
        if not isinstance(error, TryLater):
            raise error  # nobody expected Amazon to refuse this; the other steps were taken all the same
    return _outcome(turn, [error for error in held_up if isinstance(error, TryLater)])


def build_next(turn: Round) -> None:
    """Build the next feed, if one may go out now, and bring it to Amazon."""
    if (feed := build(turn.connection.pk, now=turn.now)) is not None:
        hand_over(turn, feed)


STEPS: tuple[Step, ...] = (hand_over_unfinished, poll_open, build_next, verify_cancellations)


def _attempt(step: Step, turn: Round) -> TryLater | AskHuman | None:
    turn.work.keep()
    try:
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
    times = (
        next_look(connection_id, turn.now),
        next_poll(connection_id),
        next_build(connection_id),
        next_verification(connection_id),
    )
    return [at for at in times if at is not None]


def _has_unsettled(connection_id: int) -> bool:
    unsettled = Q(state__in=(State.WAITING, State.SENDING)) | Q(state=State.ACCEPTED, kind=Kind.CANCEL)
    return OrderMessage.objects.everyone().filter(unsettled, connection_id=connection_id).exists()
