"""Asking Amazon how far open feeds are: often at first, then every ten minutes; an alarm after two hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from kogge.amazon.feeds.finishing import finish, stuck_key
from kogge.amazon.feeds.kinds import FeedKind
from kogge.amazon.feeds.models import Feed
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, open_trouble, record
from kogge.spapi import feeds_2021_06_30 as amazon_feeds
from kogge.spapi.errors import AskHuman
from kogge.spapi.feeds_2021_06_30 import FeedInfo

POLLS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
STUCK_AFTER = timedelta(hours=2)

_FINISHED = {"DONE", "FATAL", "CANCELLED"}
_UNREADABLE = b""  # Amazon made a report, but in a form nobody can unpack


def poll_open(turn: Round, kind: FeedKind) -> None:
    """Ask about every open feed whose time has come."""
    feeds = _open(turn.connection.pk).filter(feed_type=kind.feed_type, next_poll_at__lte=turn.now)
    for feed in feeds.order_by("next_poll_at", "id"):
        turn.work.keep()
        _poll(turn, kind, feed)


def next_poll(connection_id: int) -> datetime | None:
    """When the next open feed is to be asked about."""
    at: datetime | None = _open(connection_id).aggregate(at=Min("next_poll_at"))["at"]
    return at


def _poll(turn: Round, kind: FeedKind, feed: Feed) -> None:
    is_stuck = feed.submitted_at is not None and turn.now - feed.submitted_at >= STUCK_AFTER
    if is_stuck:
        _raise_alarm(turn, kind, feed)
    info = amazon_feeds.get_feed(turn.client, feed.feed_id)
    if is_stuck and info.processing_status == "IN_QUEUE":
        info = _withdraw(turn, feed, info)
    if info.processing_status in _FINISHED:
        kind.settled(turn, feed, info.processing_status, _report(turn, info))
        finish(turn, feed, info.processing_status)
        return
    is_urgent = kind.is_urgent(turn.connection.pk)
    pause = POLLS[0] if is_urgent else POLLS[min(feed.polls + 1, len(POLLS) - 1)]
    _open(turn.connection.pk).filter(pk=feed.pk).update(
        polls=feed.polls + 1,
        next_poll_at=turn.now + pause,
        processing_status=info.processing_status[:20],
    )


def _report(turn: Round, info: FeedInfo) -> bytes | None:
    """The feed's report; None when Amazon made none."""
    if not info.result_document_id:
        return None
    try:
        return amazon_feeds.result_document(turn.client, info.result_document_id)
    except AskHuman:
        return _UNREADABLE


def _raise_alarm(turn: Round, kind: FeedKind, feed: Feed) -> None:
    with transaction.atomic():
        if _open(turn.connection.pk).filter(pk=feed.pk, stuck_at__isnull=True).update(stuck_at=turn.now):
            details = {"feed_id": feed.feed_id}
            record([Entry(turn.connection.pk, "feed_stuck", turn.now, details=details)])
        kind.stuck(turn, feed)
        open_trouble(
            turn.connection.pk,
            "feed_stuck",
            stuck_key(feed),
            now=turn.now,
            feed=feed.pk,
            feed_id=feed.feed_id,
        )


def _withdraw(turn: Round, feed: Feed, info: FeedInfo) -> FeedInfo:
    """Take a feed back that has not started, so that a fresh one can be built."""
    try:
        amazon_feeds.cancel_feed(turn.client, feed.feed_id)
    except AskHuman:
        return info  # it has started at this moment: the next poll tells
    return amazon_feeds.get_feed(turn.client, feed.feed_id)


def _open(connection_id: int) -> QuerySet[Feed]:
    return Feed.objects.everyone().filter(connection_id=connection_id, state=Feed.State.OPEN)
