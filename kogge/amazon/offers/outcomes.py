"""What Amazon answered about an offer: accepted, refused with its issues, or not known.

Each answer is stored on the locked row, so that a change in the shop at the same moment is kept: it has
set `plan_at`, and what is said next is computed from that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Count

from kogge.amazon.connections.consequences import BACK_OFF
from kogge.amazon.journal.book import Matter, close_troubles, open_troubles
from kogge.amazon.offers import changes, planning
from kogge.amazon.offers.models import Agreement, Listing, Values, stored
from kogge.amazon.offers.showing import AVAILABILITY, OFFER
from kogge.spapi.listings_items_2021_08_01 import Issue

READ_BACK = timedelta(minutes=15)  # Amazon shows a change within minutes
LOOK_FOR_LOST = timedelta(days=1)
# What Amazon accepted a moment ago, a new offer above all, may not show yet: it is not lost.
SHOWS_WITHIN = timedelta(hours=1)
LOOK_FOR_FRESH = timedelta(minutes=5)
MOST_UNSURE = 3  # in a row: then a human is asked

# The open task of each kind of problem, and the reasons that make it.
ALARMS: Mapping[str, tuple[str, ...]] = {
    "offers_refused": ("invalid", "create_refused", "restricted"),
    "offers_not_found": ("not_found",),
    "offers_ambiguous": ("ambiguous",),
    "offers_price_held": ("price_held",),
    "offers_drift": ("drift",),
    "offers_unsure": ("unsure",),
}

State = Listing.State

T = TypeVar("T")

ANSWERED = (
    "accepted_json",
    "refused_json",
    "sending_json",
    "sending_since",
    "state",
    "reason",
    "details",
    "changed_at",
    "plan_at",
    "priority",
    "not_before",
    "attempts",
    "last_error",
    "feed",
    "message_no",
    "is_overtaken",
    "is_unsure",
    "was_resent",
    "accepted_at",
    "latency",
    "read_at",
    "channel",
    "shown_json",
    "differs",
)


def accepted(listings: Sequence[tuple[Listing, Values]], *, now: datetime, overtaking: bool = False) -> None:
    """Amazon accepted these values: it shows them within minutes, so read back in a quarter of an hour.

    `overtaking`: it was a patch while a feed with older values is under way; the feed goes on.
    """
    was_unsure = {listing.pk: listing.is_unsure for listing, _said in listings}

    def accept(listing: Listing, said: Values) -> None:
        listing.accepted_json = stored(listing.accepted.merged(said))
        listing.refused_json = stored(listing.refused.not_named_in(said)) if listing.refused_json else None
        listing.accepted_at = now
        if listing.changed_at:
            listing.latency = max(0.0, (now - listing.changed_at).total_seconds())
        listing.changed_at = listing.plan_at  # a change that came meanwhile waits since then
        listing.was_resent = listing.was_resent and listing.is_unsure
        # Doubt that came up while it was on its way remains.
        listing.is_unsure = listing.is_unsure and not was_unsure[listing.pk]
        listing.attempts, listing.last_error, listing.not_before = 0, "", None
        listing.read_at = now + READ_BACK
        if listing.state != State.OFF and listing.reason not in planning.FOUND_BY_PLANNING:
            listing.state, listing.reason, listing.details = State.SENT, "", {}

    _answer(listings, accept, overtaking)


def refused(
    listings: Sequence[tuple[Listing, Sequence[Issue]]], *, now: datetime, overtaking: bool = False
) -> None:
    """Amazon refused: the listing has a problem, in Amazon's words, until something changes.

    Only what the errors name is kept back; the rest is said on its own.
    """
    agreements = _agreements([listing for listing, _issues in listings])

    def refuse(listing: Listing, issues: Sequence[Issue]) -> None:
        said = Values() if overtaking else listing.sending
        said = said or planning.unsaid(listing, agreements[listing.connection_id])
        listing.refused_json = stored(listing.refused.merged(_blamed(said, issues)))
        listing.is_unsure = False
        listing.changed_at = listing.plan_at
        listing.attempts, listing.last_error, listing.not_before = 0, "", None
        listing.read_at = now + LOOK_FOR_LOST
        _problem(listing, "invalid", {"issues": [_told(issue) for issue in issues]})

    _answer(listings, refuse, overtaking)


def unsure(listings: Collection[Listing], reason: str, *, now: datetime, overtaking: bool = False) -> None:
    """Nobody knows what became of them: they are said again, after the third time a human is asked."""

    def doubt(listing: Listing, reason: str) -> None:
        listing.is_unsure = True
        listing.attempts = min(listing.attempts + 1, 1_000)
        listing.last_error = reason
        listing.not_before = now + BACK_OFF[min(listing.attempts - 1, len(BACK_OFF) - 1)]
        if listing.attempts >= MOST_UNSURE:
            _problem(listing, "unsure", {"reason": reason})

    _answer([(listing, reason) for listing in listings], doubt, overtaking)


def not_found(listings: Collection[Listing], *, now: datetime, overtaking: bool = False) -> None:
    """Amazon has no offer with this SKU: nothing is said until it is found; looked for daily."""

    def lose(listing: Listing, _nothing: None) -> None:
        if listing.accepted_at is not None and now - listing.accepted_at < SHOWS_WITHIN:
            listing.not_before = now + LOOK_FOR_FRESH
            return
        listing.channel, listing.shown_json, listing.differs = "", None, ""
        listing.read_at = now + LOOK_FOR_LOST
        _problem(listing, "not_found", {})

    _answer([(listing, None) for listing in listings], lose, overtaking)


def refresh_alarms(connection_id: int, *, now: datetime) -> None:
    """One open task a kind of problem, with the number of offers that have it; closed when none has."""
    wrong = Listing.objects.everyone().filter(connection=connection_id).exclude(reason="")
    found = dict(wrong.order_by().values_list("reason").annotate(Count("pk")))
    counts = {kind: sum(found.get(reason, 0) for reason in reasons) for kind, reasons in ALARMS.items()}
    close_troubles(connection_id, [kind for kind, count in counts.items() if not count], now=now)
    matters = [Matter(kind, kind, details={"count": count}) for kind, count in counts.items() if count]
    if matters:
        open_troubles(connection_id, matters, now=now)


def _answer(
    listings: Sequence[tuple[Listing, T]], note: Callable[[Listing, T], None], overtaking: bool
) -> None:
    """Note the answers on the locked rows; what waits to be said afterwards follows from them."""
    answers = {listing.pk: answer for listing, answer in listings}
    for some in changes.batches(sorted(answers)):
        with transaction.atomic():
            rows = Listing.objects.everyone().filter(pk__in=some).select_related("offer").order_by("pk")
            locked = list(rows.select_for_update(of=("self",)))
            agreements = _agreements(locked)
            for listing in locked:
                _note_one(listing, answers[listing.pk], note, overtaking)
                _settle(listing, agreements[listing.connection_id])
            planning.write(locked, ANSWERED)


def _note_one(listing: Listing, answer: T, note: Callable[[Listing, T], None], overtaking: bool) -> None:
    """What a feed did to a listing that was patched meanwhile is not known: all of it is said again."""
    if overtaking and listing.feed_id is not None:
        sent_with_feed = listing.sending_json
        note(listing, answer)
        listing.sending_json = sent_with_feed
        return
    if listing.is_overtaken:
        listing.is_unsure = True
    else:
        note(listing, answer)
    listing.feed = listing.message_no = listing.sending_json = None
    listing.is_overtaken = False


def _settle(listing: Listing, agreement: Agreement) -> None:
    """What is left to be said."""
    listing.sending_since = None
    listing.priority = (
        planning.priority_of(planning.unsaid(listing, agreement)) if listing.offer.sku else None
    )


def _problem(listing: Listing, reason: str, details: dict[str, object]) -> None:
    """The listing has a problem. One that is not sold any more stays off."""
    if listing.state != State.OFF:
        listing.state, listing.reason, listing.details = State.PROBLEM, reason, details


def _agreements(listings: Collection[Listing]) -> dict[int, Agreement]:
    connections = {listing.connection_id for listing in listings}
    found = {row.pk: row for row in Agreement.objects.everyone().filter(pk__in=connections)}
    return {key: found.get(key) or Agreement(connection_id=key) for key in connections}


def _blamed(said: Values, issues: Sequence[Issue]) -> Values:
    """Of what was said, what the errors are about; all of it where they name nothing we say."""
    named = {name for issue in issues if issue.severity == "ERROR" for name in issue.attribute_names}
    is_stock, is_price = AVAILABILITY in named, OFFER in named
    if is_stock == is_price:
        return said
    return Values(prices=said.prices) if is_price else Values(said.quantity, said.lead_time_days)


def _told(issue: Issue) -> dict[str, object]:
    return {
        "code": issue.code,
        "message": issue.message,
        "severity": issue.severity,
        "attribute_names": list(issue.attribute_names),
        "categories": list(issue.categories),
    }
