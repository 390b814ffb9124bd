"""Many changed offers in one feed: JSON_LISTINGS_FEED.

First all that waits is put into a feed, in the database alone, so that ten thousand changes are one
feed. Then `send_feeds` prepares its messages from a look at Amazon, twenty listings a call: what is said
by replacing needs it, and units must never go to an offer that Amazon ships. That takes minutes and may
be interrupted anywhere; what is prepared is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds import parts
from kogge.amazon.feeds.kinds import Document, FeedKind
from kogge.amazon.feeds.models import UNDER_WAY, Feed
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.offers import changes, outcomes, showing
from kogge.amazon.offers.models import Agreement, Listing, Values, stored
from kogge.amazon.offers.patches import patches_for, said_by
from kogge.amazon.offers.planning import (
    active_marketplaces,
    agreement_of,
    hold_prices,
    may_be_said,
    unsaid,
    write,
)
from kogge.amazon.offers.reading import find, read_when_due
from kogge.engine import due
from kogge.engine.work import Rank, Work
from kogge.spapi import listings_feed
from kogge.spapi.listings_feed import MAX_BYTES, MAX_MESSAGES, ListingMessage, ListingsReport
from kogge.spapi.listings_items_2021_08_01 import MOST_IDENTIFIERS, Issue, ListingsItem, Patch
from kogge.spapi.order_feed import ReportUnreadable

DISTANCE = timedelta(minutes=20)  # between two feeds of a type (reference 9)
ENVELOPE = 1_000  # bytes around the messages

_PREPARED = (
    *showing.FIELDS,
    "feed",
    "message_no",
    "sending_json",
    "sending_since",
    "held_json",
    "differs",
    "plan_at",
)


def may_feed(connection: Connection, work: Work) -> bool:
    """Whether a listings feed may go out now: none is under way, and the last one is long enough ago.

    One that hangs at Amazon for hours does not count as under way.
    """
    feeds = Feed.objects.everyone().filter(connection=connection, feed_type=listings_feed.FEED_TYPE)
    if feeds.filter(state__in=UNDER_WAY, stuck_at__isnull=True).exists():
        return False
    last: datetime | None = feeds.aggregate(at=Max("submitted_at"))["at"]
    return last is None or last + DISTANCE <= work.now


def build_feed(connection: Connection, agreement: Agreement, work: Work) -> Feed | None:
    """Put all waiting listings (up to Amazon's limits) into one feed and have `send_feeds` hand it over.

    What each says is stored batch by batch, and then all of it becomes a feed in one statement: before
    that, the listings simply wait.
    """
    since = work.now
    for some in changes.batches(_in_order(connection.pk, since)):
        _say(connection.pk, agreement, dict(some), since, work)
    with transaction.atomic():
        feed = Feed.objects.everyone().create(
            connection=connection, feed_type=listings_feed.FEED_TYPE, created_at=since
        )
        said = _waiting(connection.pk, since).filter(sending_since=since, message_no__isnull=False)
        feed.message_count = said.update(feed=feed, priority=None)
        feed.save(update_fields=["message_count"])
        work.keep()
        if feed.message_count:
            due.make_due("send_feeds", connection.pk, now=since)
            return feed
        feed.delete()
    return None


class ListingsFeed(FeedKind):
    """JSON_LISTINGS_FEED for the feed machine: see `feeds.kinds.FeedKind`."""

    feed_type = listings_feed.FEED_TYPE
    rank = Rank.OFFERS

    def document(self, turn: Round, feed: Feed) -> Document | None:
        """All that is still to be said, from fresh attributes where attributes are replaced."""
        marketplace_ids = list(active_marketplaces(turn.connection))
        _prepare(_Preparing(turn, feed, agreement_of(turn.connection), marketplace_ids))
        _take_out(turn, feed.listings.filter(is_overtaken=True))
        inside = {number for number in feed.listings.values_list("message_no", flat=True) if number}
        messages = parts.together(feed, inside)
        if not messages:
            return None
        feed.message_count = len(messages)
        feed.save(update_fields=["message_count"])
        content = listings_feed.document(turn.connection.seller_id, messages)
        return Document(content, listings_feed.CONTENT_TYPE, marketplace_ids)

    def opened(self, turn: Round, feed: Feed) -> None:
        """The prepared messages have served."""
        parts.forget(feed)

    def stuck(self, turn: Round, feed: Feed) -> None:
        """Have its values said otherwise, and once more when Amazon is through with it after all."""
        rows = feed.listings.filter(is_overtaken=False)
        plan_at = Coalesce(F("plan_at"), Value(turn.now))
        if rows.update(is_overtaken=True, sending_json=None, plan_at=plan_at):
            changes.wake([turn.connection.pk], at=turn.now)

    def settled(self, turn: Round, feed: Feed, status: str, report: bytes | None) -> None:
        """Every listing that is still inside gets its verdict; without a report none is certain."""
        if status == "CANCELLED":
            _take_out(turn, feed.listings.all())
            return
        verdicts = _Verdicts(turn, feed, status, _read(report))
        _settle(turn, feed, verdicts.give)

    def refused(self, turn: Round, feed: Feed, reason: str) -> None:
        """Nothing of it reached Amazon: it is said again after a while."""
        _settle(turn, feed, lambda some: outcomes.unsure(some, reason, now=turn.now))


@dataclass(frozen=True, slots=True)
class _Preparing:
    """Making a feed's messages in one round."""

    turn: Round
    feed: Feed
    agreement: Agreement
    marketplace_ids: Sequence[str]


class _Verdicts:
    """What the report says of each listing. Amazon lists what failed; the rest is accepted if all failures
    are listed, and else uncertain."""

    def __init__(self, turn: Round, feed: Feed, status: str, report: ListingsReport | None) -> None:
        self._turn = turn
        self._status = status
        self._report = report
        self._is_complete = report is not None and report.is_complete(feed.message_count)

    def give(self, listings: Sequence[Listing]) -> None:
        """Note the verdicts of these listings."""
        now = self._turn.now
        errors = {listing.pk: self._errors(listing) for listing in listings}
        refused = [(listing, errors[listing.pk]) for listing in listings if errors[listing.pk]]
        others = [listing for listing in listings if not errors[listing.pk]]
        outcomes.refused(refused, now=now)
        self._turn.rejected += len(refused)
        if self._is_complete:
            outcomes.accepted([(listing, listing.sending) for listing in others], now=now)
            self._turn.accepted += len(others)
        else:
            outcomes.unsure(others, self._status, now=now)

    def _errors(self, listing: Listing) -> Sequence[Issue]:
        return self._report.refused(listing.message_no or 0) if self._report else ()


def _waiting(connection_id: int, now: datetime) -> QuerySet[Listing]:
    rows = Listing.objects.everyone().filter(
        Q(not_before__isnull=True) | Q(not_before__lte=now),
        connection_id=connection_id,
        priority__isnull=False,
        feed__isnull=True,
    )
    return rows.exclude(offer__sku="")


def _in_order(connection_id: int, now: datetime) -> list[tuple[int, int]]:
    """The keys of what goes into the feed with their message numbers: what is sold out comes first."""
    keys = _waiting(connection_id, now).order_by("priority", "pk").values_list("pk", flat=True)
    return list(zip(keys[:MAX_MESSAGES], count(1), strict=False))


def _say(
    connection_id: int, agreement: Agreement, numbers: Mapping[int, int], since: datetime, work: Work
) -> None:
    """Store what these listings say and their numbers, on rows as they are now."""
    with transaction.atomic():
        rows = _waiting(connection_id, since).filter(pk__in=numbers).select_related("offer").order_by("pk")
        listings = []
        for listing in rows.select_for_update(of=("self",)):
            if said := unsaid(listing, agreement):
                listing.sending_json, listing.sending_since = stored(said), since
                listing.message_no = numbers[listing.pk]
                listings.append(listing)
        write(listings, ("sending_json", "sending_since", "message_no"))
        work.keep()


def _prepare(preparing: _Preparing) -> None:
    """Prepare the messages from where an earlier round stopped. Raises `Throttled` and the like."""
    turn, feed = preparing.turn, preparing.feed
    upto, size = parts.prepared(feed, now=turn.now)
    while some := _next_listings(feed, upto):
        turn.work.keep()
        items = _look(preparing, some)
        with transaction.atomic():
            messages = _messages(preparing, some, items)
            size += parts.size_of(messages)
            if size > MAX_BYTES - ENVELOPE:
                transaction.set_rollback(True)
                break
            upto = some[-1].message_no or upto
            parts.keep(feed, upto, messages, now=turn.now)
            turn.work.keep()
    # What does not fit any more waits for the next feed.
    _take_out(turn, feed.listings.filter(message_no__gt=upto))


def _next_listings(feed: Feed, upto: int) -> list[Listing]:
    """The next ones by number, as many as one look can answer for."""
    rows = feed.listings.filter(message_no__gt=upto).select_related("offer")
    return list(rows.order_by("message_no")[:MOST_IDENTIFIERS])


def _look(preparing: _Preparing, listings: Sequence[Listing]) -> dict[int, ListingsItem | None]:
    """What Amazon has for these listings, by key."""
    skus = [listing.offer.sku for listing in listings]
    connection = preparing.turn.connection
    found = find(preparing.turn.client, connection.seller_id, skus, preparing.marketplace_ids)
    return {listing.pk: found.get(listing.offer.sku) for listing in listings}


def _messages(
    preparing: _Preparing, some: Sequence[Listing], items: Mapping[int, ListingsItem | None]
) -> dict[int, bytes]:
    """The messages of these listings by number, made on rows as they are now. Others leave the feed."""
    now = preparing.turn.now
    rows = preparing.feed.listings.filter(pk__in=[listing.pk for listing in some], is_overtaken=False)
    locked = list(rows.select_related("offer").order_by("pk").select_for_update(of=("self",)))
    lost = [listing for listing in locked if items[listing.pk] is None]
    messages = {}
    for listing in locked:
        item = items[listing.pk]
        number = listing.message_no or 0
        if patches := _patches(preparing, listing, item, now) if item else []:
            messages[number] = listings_feed.encoded(ListingMessage(number, listing.offer.sku, patches))
        else:
            _leave(listing)
    write(locked, _PREPARED)
    outcomes.not_found(lost, now=now)
    return dict(sorted(messages.items()))


def _patches(preparing: _Preparing, listing: Listing, item: ListingsItem, now: datetime) -> list[Patch]:
    """How the listing's values are said, of those that may still be said after this look."""
    showing.take_in(listing, item, now=now)
    hold_prices(listing)
    allowed = may_be_said(listing, preparing.agreement)
    sayable = listing.sending.equal_to(allowed)
    patches = patches_for(sayable, item, most=allowed.quantity) if sayable else []
    said = said_by(patches, sayable) if patches else Values()
    if said != listing.sending:
        listing.sending_json = stored(said)
        listing.plan_at = listing.plan_at or now
    return patches


def _leave(listing: Listing) -> None:
    """Nothing of it is said by the feed."""
    listing.feed = listing.message_no = None
    listing.sending_json = listing.sending_since = None


def _take_out(turn: Round, listings: QuerySet[Listing]) -> None:
    """They were not said by the feed; what is to be said now is computed anew."""
    with transaction.atomic():
        taken = listings.update(
            feed=None,
            message_no=None,
            sending_json=None,
            sending_since=None,
            is_overtaken=False,
            plan_at=Coalesce(F("plan_at"), Value(turn.now)),
        )
        if taken:
            changes.wake([turn.connection.pk], at=turn.now)
        turn.work.keep()


def _settle(turn: Round, feed: Feed, give: Callable[[Sequence[Listing]], None]) -> None:
    """Have every listing that is still inside leave the feed with its verdict, batch by batch."""
    keys = list(feed.listings.order_by("pk").values_list("pk", flat=True))
    for some in changes.batches(keys):
        with transaction.atomic():
            rows = feed.listings.filter(pk__in=some).select_related("offer").order_by("pk")
            give(list(rows.select_for_update(of=("self",))))
            turn.work.keep()
    with transaction.atomic():
        outcomes.refresh_alarms(turn.connection.pk, now=turn.now)
        read_when_due(turn.connection.pk)
        changes.wake([turn.connection.pk], at=turn.now)  # what waited for the end of the feed


def _read(report: bytes | None) -> ListingsReport | None:
    try:
        return None if report is None else listings_feed.parse_report(report)
    except ReportUnreadable:
        return None
