"""From a built feed to an open one: document, upload, create. Every state is stored before its step.

Creating a feed is the one request that must not be repeated blindly. Its row says CREATING before it
is sent, with Amazon's own clock; whoever finds such a row looks at Amazon first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from kogge.amazon.feeds.finishing import finish
from kogge.amazon.feeds.kinds import Document, FeedKind
from kogge.amazon.feeds.models import Feed
from kogge.amazon.feeds.rounds import Round
from kogge.spapi import feeds_2021_06_30 as amazon_feeds
from kogge.spapi.errors import AmazonError, AskHuman, FixSettings, OutcomeUnknown, TryLater

# A request that was cut off may still be on its way to Amazon: wait before looking for its effect.
LOOK_AFTER = timedelta(minutes=1)
FIRST_POLL = timedelta(minutes=1)
# Without a clock in Amazon's answer: how far our clock may be ahead of Amazon's.
CLOCK_DOUBT = timedelta(minutes=15)

NOT_HANDED_OVER = (Feed.State.BUILT, Feed.State.CREATING)


def hand_over_unfinished(turn: Round, kind: FeedKind) -> None:
    """Take up feeds that an earlier round did not get to Amazon, or does not know about."""
    for feed in _not_handed_over(turn.connection.pk).filter(feed_type=kind.feed_type):
        if feed.state == Feed.State.BUILT or _is_certainly_missing(turn, kind, feed):
            hand_over(turn, kind, feed)


def hand_over(turn: Round, kind: FeedKind, feed: Feed) -> None:
    """Bring a built feed to Amazon. Raises the errors of the Amazon client; the row says how far it got."""
    document = kind.document(turn, feed)
    if document is None:
        feed.delete()  # every message in it turned out to be needless or impossible
        return
    try:
        _bring(turn, kind, feed, document)
    except AmazonError:
        kind.not_through(feed)
        raise


def next_look(connection_id: int, now: datetime) -> datetime | None:
    """When the next feed that is not at Amazon wants attention."""
    times = [
        (feed.submitted_at or now) + LOOK_AFTER if feed.state == Feed.State.CREATING else now + LOOK_AFTER
        for feed in _not_handed_over(connection_id)
    ]
    return min(times, default=None)


def _bring(turn: Round, kind: FeedKind, feed: Feed, document: Document) -> None:
    if not _upload(turn, feed, document):
        return
    try:
        feed_id = amazon_feeds.create_feed(
            turn.client, feed.feed_type, tuple(feed.marketplace_ids), feed.document_id
        )
    except OutcomeUnknown:
        raise
    except (TryLater, FixSettings):
        _back_to_built(feed)  # it surely did not arrive
        raise
    except AskHuman as refusal:
        kind.refused(turn, feed, str(refusal))
        finish(turn, feed, "")
        return
    _opened(turn, kind, feed, feed_id)


def _upload(turn: Round, feed: Feed, document: Document) -> bool:
    """Have the document at Amazon and the row say CREATING. False: another worker is at it."""
    document_id, url, served_at = amazon_feeds.create_document(turn.client, document.content_type)
    amazon_feeds.upload(turn.client, url, document.content_type, document.content)
    turn.work.keep()
    feed.document_id = document_id
    feed.marketplace_ids = sorted(document.marketplace_ids)
    feed.created_since = served_at or turn.now - CLOCK_DOUBT
    feed.submitted_at = turn.now
    claimed = _row(feed, Feed.State.BUILT).update(
        state=Feed.State.CREATING,
        document_id=feed.document_id,
        marketplace_ids=feed.marketplace_ids,
        created_since=feed.created_since,
        submitted_at=feed.submitted_at,
    )
    feed.state = Feed.State.CREATING
    return bool(claimed)


def _is_certainly_missing(turn: Round, kind: FeedKind, feed: Feed) -> bool:
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
    lost = [
        there
        for there in found
        if there.feed_id not in known
        and (there.marketplace_ids is None or sorted(there.marketplace_ids) == feed.marketplace_ids)
    ]
    if lost:
        _opened(turn, kind, feed, min(lost, key=lambda there: there.created_time).feed_id)
        return False
    _back_to_built(feed)
    return True


def _opened(turn: Round, kind: FeedKind, feed: Feed, feed_id: str) -> None:
    """Amazon has the feed. The time counts from the answer, so that distances are never too short."""
    now = turn.now
    opened = _row(feed, Feed.State.CREATING).update(
        state=Feed.State.OPEN, feed_id=feed_id, submitted_at=now, polls=0, next_poll_at=now + FIRST_POLL
    )
    if opened:
        kind.opened(turn, feed)


def _back_to_built(feed: Feed) -> None:
    """Nothing reached Amazon, so this creation does not count for the distance between feeds."""
    _row(feed, Feed.State.CREATING).update(state=Feed.State.BUILT, submitted_at=None, created_since=None)
    feed.state = Feed.State.BUILT


def _row(feed: Feed, state: str) -> QuerySet[Feed]:
    """The feed's row as long as it is in this state: only one worker takes each step."""
    return Feed.objects.everyone().filter(pk=feed.pk, state=state)


def _not_handed_over(connection_id: int) -> QuerySet[Feed]:
    rows = Feed.objects.everyone().filter(connection_id=connection_id, state__in=NOT_HANDED_OVER)
    return rows.order_by("created_at", "id")
