"""Asking Amazon how far open feeds are: often at first, then every ten minutes; an alarm after two hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from kogge.amazon.feeds.messages import Kind, State
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.feeds.outcomes import settle, stuck_key
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, open_trouble, record
from kogge.spapi import feeds_2021_06_30 as amazon_feeds
from kogge.spapi.errors import AskHuman
from kogge.spapi.feeds_2021_06_30 import FeedInfo
from kogge.spapi.order_feed import FeedReport, ReportUnreadable, parse_report

POLLS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
STUCK_AFTER = timedelta(hours=2)

_FINISHED = {"DONE", "FATAL", "CANCELLED"}


def poll_open(turn: Round) -> None:
    """Ask about every open feed whose time has come."""
    for feed in _open(turn.connection.pk).filter(next_poll_at__lte=turn.now).order_by("next_poll_at", "id"):
        turn.work.keep()
        _poll(turn, feed)


def next_poll(connection_id: int) -> datetime | None:
    """When the next open feed is to be asked about."""
    at: datetime | None = _open(connection_id).aggregate(at=Min("next_poll_at"))["at"]
    return at


def _poll(turn: Round, feed: Feed) -> None:
    is_stuck = feed.submitted_at is not None and turn.now - feed.submitted_at >= STUCK_AFTER
    if is_stuck:
        _raise_alarm(turn, feed)
    info = amazon_feeds.get_feed(turn.client, feed.feed_id)
    if is_stuck and info.processing_status == "IN_QUEUE":
        info = _withdraw(turn, feed, info)
    if info.processing_status in _FINISHED:
        settle(turn, feed, status=info.processing_status, report=_report(turn, info))
        return
    pause = POLLS[0] if _waiting_cancellations(turn).exists() else POLLS[min(feed.polls + 1, len(POLLS) - 1)]
    _open(turn.connection.pk).filter(pk=feed.pk).update(
        polls=feed.polls + 1,
        next_poll_at=turn.now + pause,
        processing_status=info.processing_status[:20],
    )


def _waiting_cancellations(turn: Round) -> QuerySet[OrderMessage]:
    messages = OrderMessage.objects.everyone().filter(connection=turn.connection)
    return messages.filter(kind=Kind.CANCEL, state=State.WAITING)


def _report(turn: Round, info: FeedInfo) -> FeedReport | None:
    """The feed's report; None when Amazon made none. An unreadable one decides nothing about any message."""
    if not info.result_document_id:
        return None
    try:
        return parse_report(amazon_feeds.result_document(turn.client, info.result_document_id))
    except (ReportUnreadable, AskHuman):
        return FeedReport(processed=0, successful=0, status="Unreadable")


def _raise_alarm(turn: Round, feed: Feed) -> None:
    with transaction.atomic():
        if _open(turn.connection.pk).filter(pk=feed.pk, stuck_at__isnull=True).update(stuck_at=turn.now):
            details = {"feed_id": feed.feed_id}
            record([Entry(turn.connection.pk, "feed_stuck", turn.now, details=details)])
        _set_cancellations_free(turn, feed)
        open_trouble(
            turn.connection.pk,
            "feed_stuck",
            stuck_key(feed),
            now=turn.now,
            feed=feed.pk,
            feed_id=feed.feed_id,
        )


def _set_cancellations_free(turn: Round, feed: Feed) -> None:
    """No cancellation waits for hours for the answer to an acknowledgement, which has no effect any more.

    The feed with the acknowledgement was handed over before; Amazon processes them one after the other.
    """
    waiting = _waiting_cancellations(turn)
    feed.messages.filter(
        kind=Kind.ACKNOWLEDGE,
        state=State.SENDING,
        amazon_order_id__in=waiting.values_list("amazon_order_id", flat=True),
    ).update(state=State.DROPPED)


def _withdraw(turn: Round, feed: Feed, info: FeedInfo) -> FeedInfo:
    """Take a feed back that has not started, so that a fresh one can be built."""
    try:
        amazon_feeds.cancel_feed(turn.client, feed.feed_id)
    except AskHuman:
        return info  # it has started at this moment: the next poll tells
    return amazon_feeds.get_feed(turn.client, feed.feed_id)


def _open(connection_id: int) -> QuerySet[Feed]:
    return Feed.objects.everyone().filter(connection_id=connection_id, state=Feed.State.OPEN)
