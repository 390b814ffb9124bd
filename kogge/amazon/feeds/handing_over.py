"""From a built feed to an open one: check, document, upload, create. Every state is stored before its step.

Creating a feed is the one request that must not be repeated blindly. Its row says CREATING before it
is sent, with Amazon's own clock; whoever finds such a row looks at Amazon first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from kogge.amazon.feeds.building import NOT_HANDED_OVER, marketplaces_of
from kogge.amazon.feeds.cancelling import check_cancellations, forget_checks
from kogge.amazon.feeds.messages import Kind, State
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.feeds.outcomes import fail, reject, take_out
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, record
from kogge.spapi import feeds_2021_06_30 as amazon_feeds
from kogge.spapi import order_feed
from kogge.spapi.errors import AmazonError, AskHuman, FixSettings, OutcomeUnknown, TryLater
from kogge.values import InvalidValue

# A request that was cut off may still be on its way to Amazon: wait before looking for its effect.
LOOK_AFTER = timedelta(minutes=1)
FIRST_POLL = timedelta(minutes=1)
# Without a clock in Amazon's answer: how far our clock may be ahead of Amazon's.
CLOCK_DOUBT = timedelta(minutes=15)


def hand_over_unfinished(turn: Round) -> None:
    """Take up feeds that an earlier round did not get to Amazon, or does not know about."""
    for feed in _not_handed_over(turn.connection.pk):
        if feed.state == Feed.State.BUILT or _is_certainly_missing(turn, feed):
            hand_over(turn, feed)


def hand_over(turn: Round, feed: Feed) -> None:
    """Bring a built feed to Amazon. Raises the errors of the Amazon client; the row says how far it got."""
    check_cancellations(turn, feed)
    messages = _sayable(turn, feed)
    if not messages:
        feed.delete()  # every message in it turned out to be needless or impossible
        return
    try:
        _bring(turn, feed, messages)
    except AmazonError:
        forget_checks(feed)
        raise


def next_look(connection_id: int, now: datetime) -> datetime | None:
    """When the next feed that is not at Amazon wants attention."""
    times = [
        (feed.submitted_at or now) + LOOK_AFTER if feed.state == Feed.State.CREATING else now + LOOK_AFTER
        for feed in _not_handed_over(connection_id)
    ]
    return min(times, default=None)


def _bring(turn: Round, feed: Feed, messages: dict[OrderMessage, order_feed.OrderMessage]) -> None:
    if not _upload(turn, feed, messages):
        return
    try:
        feed_id = amazon_feeds.create_feed(
            turn.client, feed.feed_type, marketplaces_of(messages), feed.document_id
        )
    except OutcomeUnknown:
        raise
    except (TryLater, FixSettings):
        _back_to_built(feed)  # it surely did not arrive
        raise
    except AskHuman as refusal:
        fail(turn, feed, str(refusal))
        return
    _opened(turn, feed, feed_id)


def _sayable(turn: Round, feed: Feed) -> dict[OrderMessage, order_feed.OrderMessage]:
    """The feed's messages in Amazon's words. One that cannot be said does not spoil the others."""
    words: dict[OrderMessage, order_feed.OrderMessage] = {}
    for message in feed.messages.order_by("message_no"):
        try:
            words[message] = _for_amazon(message)
        except InvalidValue as error:
            take_out(message)
            reject(turn, message, str(error))
    return words


def _upload(turn: Round, feed: Feed, messages: dict[OrderMessage, order_feed.OrderMessage]) -> bool:
    """Have the document at Amazon and the row say CREATING. False: another worker is at it."""
    content = order_feed.build(turn.connection.seller_id, list(messages.values()))
    document_id, url, served_at = amazon_feeds.create_document(turn.client, order_feed.CONTENT_TYPE)
    amazon_feeds.upload(turn.client, url, order_feed.CONTENT_TYPE, content)
    turn.work.keep()
    feed.document_id = document_id
    feed.created_since = served_at or turn.now - CLOCK_DOUBT
    feed.submitted_at = turn.now
    claimed = _row(feed, Feed.State.BUILT).update(
        state=Feed.State.CREATING,
        document_id=feed.document_id,
        created_since=feed.created_since,
        submitted_at=feed.submitted_at,
    )
    feed.state = Feed.State.CREATING
    return bool(claimed)


def _is_certainly_missing(turn: Round, feed: Feed) -> bool:
    """Whether a feed whose creation was not answered has to be created again.

    Amazon's list is asked first: an unknown feed of the type, no older than the request, is ours.
    """
    if feed.submitted_at is not None and turn.now < feed.submitted_at + LOOK_AFTER:
        return False
    since = feed.created_since or turn.now - CLOCK_DOUBT
    found = amazon_feeds.find_feeds(turn.client, feed.feed_type, since)
    known = set(
        Feed.objects.everyone()
        .filter(connection=turn.connection, feed_id__in=[there.feed_id for there in found])
        .values_list("feed_id", flat=True)
    )
    ours = marketplaces_of(feed.messages.all())
    lost = [
        there
        for there in found
        if there.feed_id not in known
        and (there.marketplace_ids is None or tuple(sorted(there.marketplace_ids)) == ours)
    ]
    if lost:
        _opened(turn, feed, min(lost, key=lambda there: there.created_time).feed_id)
        return False
    _back_to_built(feed)
    return True


def _opened(turn: Round, feed: Feed, feed_id: str) -> None:
    """Amazon has the feed. The time counts from the answer, so that distances are never too short."""
    now = turn.now
    opened = _row(feed, Feed.State.CREATING).update(
        state=Feed.State.OPEN, feed_id=feed_id, submitted_at=now, polls=0, next_poll_at=now + FIRST_POLL
    )
    if not opened:
        return
    feed.messages.update(sent_at=now)
    cancelled = feed.messages.filter(kind=Kind.CANCEL, state=State.SENDING)
    order_ids = cancelled.values_list("amazon_order_id", flat=True)
    record([Entry(turn.connection.pk, "cancel_sent", now, order_id) for order_id in order_ids])


def _back_to_built(feed: Feed) -> None:
    """Nothing reached Amazon, so this creation does not count for the distance between feeds."""
    _row(feed, Feed.State.CREATING).update(state=Feed.State.BUILT, submitted_at=None, created_since=None)
    feed.state = Feed.State.BUILT


def _row(feed: Feed, state: str) -> QuerySet[Feed]:
    """The feed's row as long as it is in this state: only one worker takes each step."""
    return Feed.objects.everyone().filter(pk=feed.pk, state=state)


def _not_handed_over(connection_id: int) -> list[Feed]:
    rows = Feed.objects.everyone().filter(connection_id=connection_id, state__in=NOT_HANDED_OVER)
    return list(rows.order_by("created_at", "id"))


def _for_amazon(message: OrderMessage) -> order_feed.OrderMessage:
    reason = message.reason if message.kind == Kind.CANCEL else None
    assert message.message_no is not None
    return order_feed.OrderMessage(
        message_id=message.message_no,
        amazon_order_id=message.amazon_order_id,
        merchant_order_id=message.merchant_order_id or None,
        status="Success" if reason is None else "Failure",
        items=tuple((item_id, None, reason) for item_id in message.item_ids),
    )
