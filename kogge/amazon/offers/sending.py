"""The operation `send_offers`: what changed in the shop, told to Amazon within seconds.

Sold out goes first and always by patch, unless it is so much that a feed is faster. Few others go by
patch as well, many in one feed. Everything is repeatable: what was said without an answer is said again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Max, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client
from kogge.amazon.connections.consequences import Failures, amazon_operation, patiently
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import (
    bulk,
    changes,
    creating,
    farewells,
    outcomes,
    patches,
    planning,
    reading,
    showing,
)
from kogge.amazon.offers.models import Listing, Values, stored
from kogge.engine.work import Outcome, Rank, Work
from kogge.spapi.errors import AskHuman, NotFound, Throttled, TryLater
from kogge.spapi.listings_items_2021_08_01 import (
    MOST_IDENTIFIERS,
    Issue,
    ListingsItem,
    Patch,
    Submission,
    patch_item,
)

SAFETY_NET = timedelta(hours=1)
MOST_BY_PATCH = 1_000  # 200 seconds at five a second; a feed is faster for more
QUIET = timedelta(seconds=10)  # without another change, before a feed is built
LONGEST_WAIT = timedelta(minutes=2)  # for that
MOST_TIMES = 3  # that a listing is said in one run: what was refused in parts is said in parts
PLANNED_AT_ONCE = 5_000  # then what is sold out gets its turn

Priority = Listing.Priority


@dataclass
class Tally:
    """What came of the patches; `failures` may be Amazon's."""

    done: int = 0
    failed: int = 0
    failures: Failures = field(default_factory=Failures)


@amazon_operation
def send_offers(connection: Connection, work: Work) -> Outcome:
    """Plan what changed, then say it: sold out first; few by patch, many by feed."""
    tally = Tally()
    try:
        is_complete = _plan(connection, work)
        if _has_work(connection, work.now):
            with amazon_client(connection, work.clock, work.rank) as client:
                creating.create_wanted(connection, client, work)
                run = _Sender(connection, client, work, tally)
                _say_all(run, is_complete=is_complete)
                farewells.say(connection, client, run.agreement, work)
    finally:
        outcomes.refresh_alarms(connection.pk, now=work.now)
        reading.read_when_due(connection.pk)
    return _outcome(connection, work, tally, is_complete)


class _Sender:
    """One run: what it needs, and how it goes."""

    def __init__(self, connection: Connection, client: ConnectedAmazon, work: Work, tally: Tally) -> None:
        self.connection = connection
        self.client = client
        self.work = work
        self.tally = tally
        self.agreement = planning.agreement_of(connection)
        self.places = list(planning.active_marketplaces(connection))
        self._said: Counter[int] = Counter()

    def may_say(self, listing: Listing) -> bool:
        """Whatever Amazon answers, one listing never keeps the others from their turn."""
        self._said[listing.pk] += 1
        return self._said[listing.pk] <= MOST_TIMES


def _plan(connection: Connection, work: Work) -> bool:
    """Plan a good portion of what changed. False: some is left for the next turn, right after this one."""
    everybody = planning.enrol(connection, work, most=PLANNED_AT_ONCE)
    again = planning.replan(connection, work, most=PLANNED_AT_ONCE)
    planned = planning.plan(connection, work, most=PLANNED_AT_ONCE)
    return everybody and again and planned < PLANNED_AT_ONCE


def _say_all(run: _Sender, *, is_complete: bool) -> None:
    """All that waits. What is not sold out waits for the plan to be complete: it may be worth a feed."""
    may_feed = is_complete
    while True:
        now = run.work.now
        sold_out = _count(_waiting(run.connection, now).filter(priority=Priority.SOLD_OUT))
        others = _count(_waiting(run.connection, now).filter(priority=Priority.NORMAL)) if is_complete else 0
        if may_feed and _is_for_feed(sold_out, others):
            may_feed = False
            if bulk.may_feed(run.connection, run.work):
                if not _is_quiet(run.connection, now):
                    return
                bulk.build_feed(run.connection, run.agreement, run.work)
                continue
        if not (sold_out or others):
            return
        some = [each for each in _next(run.connection, now, with_others=is_complete) if run.may_say(each)]
        if not some:
            return
        _say_some(run, some)
        if _is_overdue(run):
            return


def _is_for_feed(sold_out: int, others: int) -> bool:
    """Many others wait until the few that are sold out are told."""
    if sold_out > MOST_BY_PATCH:
        return True
    return sold_out == 0 and others > MOST_BY_PATCH


def _is_quiet(connection: Connection, now: datetime) -> bool:
    """Whether nothing more is coming: a large import arrives in portions, and shall be one feed."""
    changed = _waiting(connection, now).aggregate(first=Min("changed_at"), last=Max("changed_at"))
    if changed["last"] is None:
        return True
    return bool(changed["last"] + QUIET <= now or changed["first"] + LONGEST_WAIT <= now)


def _say_some(run: _Sender, listings: Sequence[Listing]) -> None:
    """Say up to twenty listings, after one look at all of them.

    Without the look, units could go to an offer that Amazon ships since yesterday, and take it away from
    Amazon's warehouse (reference 10.2).
    """
    run.work.keep()
    items = _look(run, listings)
    lost = [listing for listing in listings if listing.offer.sku not in items]
    if lost:
        outcomes.not_found(lost, now=run.work.now)
    gone = {listing.pk for listing in lost}
    for listing in listings:
        if listing.priority != Priority.SOLD_OUT and _is_overdue(run):
            return
        if listing.pk not in gone:
            run.work.keep()
            _say(run, listing, items[listing.offer.sku])


def _is_overdue(run: _Sender) -> bool:
    """Whether something that changed waits for its plan: it may be sold out, and then comes first."""
    since = run.work.now - changes.BATCHING
    return Listing.objects.everyone().filter(connection=run.connection, plan_at__lt=since).exists()


def _look(run: _Sender, listings: Sequence[Listing]) -> dict[str, ListingsItem]:
    """Read these listings now, and note what Amazon shows: the plan may look different by it."""
    skus = [listing.offer.sku for listing in listings]
    found = reading.find(run.client, run.connection.seller_id, skus, run.places)
    seen = [listing for listing in listings if listing.offer.sku in found]
    for listing in seen:
        showing.take_in(listing, found[listing.offer.sku], now=run.work.now)
        planning.hold_prices(listing)
        said = planning.unsaid(listing, run.agreement)
        is_too_slow = listing.reason == "lead_time_too_long"
        planning.judge(listing, run.agreement, said, is_too_slow=is_too_slow)
        Listing.objects.everyone().filter(pk=listing.pk).update(
            **{name: getattr(listing, name) for name in (*showing.FIELDS, "held_json", "differs", "state")},
            reason=listing.reason,
            details=listing.details,
            priority=planning.priority_of(said),
        )
    return found


def _say(run: _Sender, listing: Listing, item: ListingsItem) -> None:
    """Say one listing: a row before it is a request, and its answer stored at once."""
    wanted = planning.unsaid(listing, run.agreement)
    most = planning.may_be_said(listing, run.agreement).quantity
    said_patches = patches.patches_for(wanted, item, most=most)
    said = patches.said_by(said_patches, wanted)
    overtaking = listing.feed_id is not None
    if not said:
        Listing.objects.everyone().filter(pk=listing.pk).update(priority=None)
        return
    _mark(listing, said, run.work.now)
    try:
        answer = _patch(run, listing, said, said_patches)
    except Throttled:
        _unmark(listing)
        raise
    except NotFound:
        run.tally.failed += 1
        outcomes.not_found([listing], now=run.work.now, overtaking=overtaking)
    except TryLater as error:
        _not_answered(run, listing, error, overtaking)
    except AskHuman as error:
        run.tally.failed += 1
        issue = Issue(error.code, error.message, "ERROR")
        outcomes.refused([(listing, [issue])], now=run.work.now, overtaking=overtaking)
    else:
        run.tally.failures.over()
        if answer.is_accepted:
            run.tally.done += 1
            outcomes.accepted([(listing, said)], now=run.work.now, overtaking=overtaking)
        else:
            run.tally.failed += 1
            outcomes.refused([(listing, answer.issues)], now=run.work.now, overtaking=overtaking)


def _patch(run: _Sender, listing: Listing, said: Values, said_patches: Sequence[Patch]) -> Submission:
    """Patch the listing, after a short wait where our own count of Amazon's limit asks for one."""
    seller_id, sku, places = run.connection.seller_id, listing.offer.sku, _places(run, listing, said)
    with run.client.ranked(_rank_of(listing)):
        return patiently(run.work, lambda: patch_item(run.client, seller_id, sku, places, said_patches))


def _rank_of(listing: Listing) -> Rank:
    return Rank.STOCK_TO_ZERO if listing.priority == Priority.SOLD_OUT else Rank.OFFERS


def _not_answered(run: _Sender, listing: Listing, error: TryLater, overtaking: bool) -> None:
    """It may have taken effect. Saying it again does no harm, so that is what happens, later."""
    outcomes.unsure([listing], str(error), now=run.work.now, overtaking=overtaking)
    run.tally.failures.met(error)


def _mark(listing: Listing, said: Values, now: datetime) -> None:
    """On its way. Beside a feed only that: what the feed says of the listing must stay known."""
    row = Listing.objects.everyone().filter(pk=listing.pk)
    if listing.feed_id is not None:
        row.update(is_overtaken=True, sending_since=now)
        listing.is_overtaken = True
    else:
        listing.sending_json = stored(said)
        row.update(sending_json=listing.sending_json, sending_since=now)


def _unmark(listing: Listing) -> None:
    """It did not leave the house. An overtaken feed stays so: saying it all once more does no harm."""
    row = Listing.objects.everyone().filter(pk=listing.pk)
    if listing.feed_id is None:
        row.update(sending_json=None, sending_since=None)


def _places(run: _Sender, listing: Listing, said: Values) -> list[str]:
    """The marketplaces of the prices; stock and lead time are the SKU's: one where it is offered will do."""
    if said.prices:
        return sorted(said.prices)
    known = [place for place in run.places if place in listing.shown.prices]
    return (known or run.places)[:1]


def _waiting(connection: Connection, now: datetime) -> QuerySet[Listing]:
    mine: QuerySet[Listing] = Listing.objects.everyone().filter(connection=connection)
    return mine.filter(Q(not_before=None) | Q(not_before__lte=now), priority__isnull=False)


def _next(connection: Connection, now: datetime, *, with_others: bool) -> list[Listing]:
    waiting = _waiting(connection, now)
    if not with_others:
        waiting = waiting.filter(priority=Priority.SOLD_OUT)
    waiting = waiting.filter(sku=F("offer__sku"))  # with another one, planning comes first
    return list(waiting.select_related("offer").order_by("priority", "pk")[:MOST_IDENTIFIERS])


def _count(waiting: QuerySet[Listing]) -> int:
    """How many wait, counted only as far as it matters."""
    return waiting.order_by()[: MOST_BY_PATCH + 1].count()


def _has_work(connection: Connection, now: datetime) -> bool:
    new = Listing.objects.everyone().filter(connection=connection, is_wanted_new=True)
    farewell = farewells.next_farewell(connection)
    return _waiting(connection, now).exists() or new.exists() or (farewell is not None and farewell <= now)


def _outcome(connection: Connection, work: Work, tally: Tally, is_complete: bool) -> Outcome:
    waiting = Listing.objects.everyone().filter(connection=connection, priority__isnull=False)
    soon = work.now + changes.BATCHING
    times = (
        waiting.aggregate(at=Min(Coalesce("not_before", Value(soon))))["at"],
        creating.next_creation(connection, now=work.now),
        farewells.next_farewell(connection),
    )
    at: datetime | None = min((time for time in times if time), default=None)
    next_due = work.now + SAFETY_NET if at is None else min(max(at, soon), work.now + SAFETY_NET)
    return Outcome(
        next_due if is_complete else work.now,
        done=tally.done,
        failed=tally.failed,
        waiting=at is not None or not is_complete,
    )
