"""The end of a feed: no poll any more, and the alarm that feeds of its type hang is over."""

from __future__ import annotations

from django.db import transaction

from kogge.amazon.feeds.models import Feed
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import close_troubles


def finish(turn: Round, feed: Feed, status: str) -> bool:
    """Close a feed with Amazon's last word about it; empty when Amazon did not take it. Once."""
    state = Feed.State.DONE if status == "DONE" else Feed.State.FAILED
    rows = Feed.objects.everyone().filter(pk=feed.pk, state=feed.state)
    with transaction.atomic():
        finished = rows.update(state=state, processing_status=status, finished_at=turn.now, next_poll_at=None)
        feed.state = state
        if finished and status not in ("", "CANCELLED"):
            close_troubles(turn.connection.pk, [stuck_key(feed)], now=turn.now)
    return bool(finished)


def stuck_key(feed: Feed) -> str:
    """The key of the trouble that feeds of this type do not move."""
    return f"feed_stuck:{feed.feed_type}"
