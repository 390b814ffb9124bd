"""Large feeds whose messages each take a look at Amazon: prepared part by part, kept, put together.

So preparing can wait for Amazon's limits or be cut off, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Max, Min, Sum

from kogge.amazon.feeds.models import Feed, FeedPart

# What was read of Amazon for the messages is as old as this at most when the feed goes out.
KEEPS = timedelta(minutes=15)


def prepared(feed: Feed, *, now: datetime) -> tuple[int, int]:
    """Up to which number the feed's messages are prepared, and their size. What went stale is forgotten."""
    known = feed.parts.aggregate(oldest=Min("made_at"), upto=Max("upto"), size=Sum("size"))
    if known["oldest"] is not None and known["oldest"] + KEEPS < now:
        forget(feed)
        return 0, 0
    return known["upto"] or 0, known["size"] or 0


def keep(feed: Feed, upto: int, messages: Mapping[int, bytes], *, now: datetime) -> None:
    """Keep encoded messages by number. `upto` counts those that turned out to be needless, too."""
    FeedPart.objects.everyone().create(
        feed=feed,
        upto=upto,
        messages=b"\n".join(messages.values()).decode(),
        numbers=list(messages),
        size=size_of(messages),
        made_at=now,
    )


def size_of(messages: Mapping[int, bytes]) -> int:
    """What these messages add to the document, with what stands between them."""
    return sum(len(message) + 1 for message in messages.values())


def together(feed: Feed, wanted: Collection[int]) -> list[bytes]:
    """The prepared messages with these numbers, in order."""
    found: list[bytes] = []
    for part in feed.parts.order_by("upto"):
        lines = zip(part.numbers, part.messages.encode().split(b"\n"), strict=False)
        found += [line for number, line in lines if number in wanted]
    return found


def forget(feed: Feed) -> None:
    """The feed is at Amazon, or its messages have to be prepared anew."""
    feed.parts.all().delete()
