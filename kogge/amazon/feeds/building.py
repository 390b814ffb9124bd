"""Which messages about orders go out next, and when: few feeds for what can wait, at once for the rest.

Amazon asks for no more than one feed of a type in 20 minutes and processes a seller's feeds one after
the other (reference 6, 9). A cancellation does not wait for that, only for two minutes' distance; and for
a feed that is still open, since Amazon would not look at the next one before. A feed that hangs holds up
no cancellation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from kogge.amazon.feeds.messages import SETTLED, Kind, State
from kogge.amazon.feeds.models import UNDER_WAY, Feed, OrderMessage
from kogge.spapi.order_feed import FEED_TYPE, MAX_MESSAGES

DISTANCE = timedelta(minutes=20)
URGENT_DISTANCE = timedelta(minutes=2)
# Each is looked at right before it goes out; more than Amazon allows in one go would go stale meanwhile.
MAX_CANCELLATIONS = 30


def build(connection_id: int, *, now: datetime) -> Feed | None:
    """Put what may go out now into a feed: numbered, marked as on its way, in one transaction."""
    with transaction.atomic():
        if _is_working(connection_id):
            return None
        _drop_contradicted(connection_id)
        chosen = _one_marketplace_after_a_failure(_ready(connection_id, now))
        if not chosen:
            return None
        feed = Feed.objects.everyone().create(
            connection_id=connection_id, feed_type=FEED_TYPE, created_at=now
        )
        for number, message in enumerate(chosen, start=1):
            message.state, message.feed, message.message_no = State.SENDING, feed, number
        fields = ["state", "feed", "message_no"]
        OrderMessage.objects.everyone().bulk_update(chosen, fields, batch_size=200)
    return feed


def next_build(connection_id: int) -> datetime | None:
    """When the next feed may be built; None while nothing waits or an unfinished feed decides about that."""
    if _is_working(connection_id):
        return None
    urgent = _first(_cancellations(connection_id), _free_from(connection_id, URGENT_DISTANCE))
    if _unfinished(connection_id).exists():
        return urgent
    patient = _first(_acknowledgements(connection_id), _free_from(connection_id, DISTANCE))
    return min(filter(None, (urgent, patient)), default=None)


def _ready(connection_id: int, now: datetime) -> list[OrderMessage]:
    """Cancellations first; acknowledgements ride along when an urgent feed goes out anyway."""
    urgent: list[OrderMessage] = []
    if _is_free(connection_id, URGENT_DISTANCE, now):
        urgent = _locked(_cancellations(connection_id), now)[:MAX_CANCELLATIONS]
    may_acknowledge = urgent or _is_free(connection_id, DISTANCE, now)
    if not may_acknowledge or _unfinished(connection_id).exists():
        return urgent
    return (urgent + _locked(_acknowledgements(connection_id), now))[:MAX_MESSAGES]


def _one_marketplace_after_a_failure(messages: list[OrderMessage]) -> list[OrderMessage]:
    """Whether Amazon takes several marketplaces in one feed is not documented: what failed goes apart."""
    if not any(message.attempts for message in messages):
        return messages
    return [message for message in messages if message.marketplace_id == messages[0].marketplace_id]


def _locked(messages: QuerySet[OrderMessage], now: datetime) -> list[OrderMessage]:
    waiting = messages.filter(not_before__lte=now).order_by("created_at", "id")
    return list(waiting.select_for_update()[:MAX_MESSAGES])


def _cancellations(connection_id: int) -> QuerySet[OrderMessage]:
    """Waiting cancellations that nothing about the same order stands in the way of."""
    on_its_way = _of(connection_id).filter(amazon_order_id=OuterRef("amazon_order_id"), state=State.SENDING)
    return _of(connection_id).filter(~Exists(on_its_way), kind=Kind.CANCEL, state=State.WAITING)


def _acknowledgements(connection_id: int) -> QuerySet[OrderMessage]:
    return _of(connection_id).filter(kind=Kind.ACKNOWLEDGE, state=State.WAITING)


def _drop_contradicted(connection_id: int) -> None:
    """An order that is to be cancelled is not acknowledged any more, however the two met."""
    cancelled = (
        _of(connection_id)
        .filter(amazon_order_id=OuterRef("amazon_order_id"), kind=Kind.CANCEL)
        .exclude(state__in=SETTLED)
    )
    _acknowledgements(connection_id).filter(Exists(cancelled)).update(state=State.DROPPED)


def _first(messages: QuerySet[OrderMessage], free_from: datetime | None) -> datetime | None:
    waits: datetime | None = messages.aggregate(at=Min("not_before"))["at"]
    return max(waits, free_from) if waits and free_from else waits


def _is_free(connection_id: int, distance: timedelta, now: datetime) -> bool:
    free_from = _free_from(connection_id, distance)
    return free_from is None or free_from <= now


def _free_from(connection_id: int, distance: timedelta) -> datetime | None:
    """When the distance to the last feed of the type is kept; None when there was none."""
    feeds = Feed.objects.everyone().filter(connection_id=connection_id, feed_type=FEED_TYPE)
    last: datetime | None = feeds.aggregate(at=Max("submitted_at"))["at"]
    return last + distance if last else None


def _unfinished(connection_id: int) -> QuerySet[Feed]:
    return Feed.objects.everyone().filter(
        connection_id=connection_id, feed_type=FEED_TYPE, state__in=UNDER_WAY
    )


def _is_working(connection_id: int) -> bool:
    """A feed is on its way to Amazon or in its hands, and does not hang."""
    return _unfinished(connection_id).filter(stuck_at__isnull=True).exists()


def _of(connection_id: int) -> QuerySet[OrderMessage]:
    return OrderMessage.objects.everyone().filter(connection_id=connection_id)
