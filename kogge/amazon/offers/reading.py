"""The operation `read_offers`: what Amazon shows, at first contact and after each change.

Twenty listings a call, and each call's findings are stored at once; a round that has to wait for
Amazon's limits goes on where it was. The state of the rows says how far it is: `read_at` is due, or
`shown_at` is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from kogge.amazon.catalog import matching
from kogge.amazon.catalog.finding import owners
from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client, shop_of
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import changes, outcomes, showing
from kogge.amazon.offers.models import Listing, Values, stored
from kogge.amazon.offers.planning import (
    LOOK_AGAIN,
    LOOK_DAILY,
    active_marketplaces,
    hold_prices,
    write,
)
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.spapi import listings_items_2021_08_01 as amazon_listings
from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman
from kogge.spapi.listings_items_2021_08_01 import MOST_IDENTIFIERS, ListingsItem

NOTHING_TO_DO = timedelta(days=1)  # who wants a listing read makes the operation due
FETCHED_AT_ONCE = 10 * MOST_IDENTIFIERS

State = Listing.State

READ = (
    *showing.FIELDS,
    "accepted_json",
    "held_json",
    "differs",
    "state",
    "reason",
    "details",
    "plan_at",
    "read_at",
    "was_resent",
    "is_unsure",
)

# What is over once the listing is found and shows what it was told. Other problems stay.
_SETTLED_BY_A_LOOK = ("", "not_found", "ambiguous", "no_identity", "drift", "unsure")


@dataclass(frozen=True, slots=True)
class Found:
    """What Amazon has for a listing: its item, or several SKUs of which none is certainly it."""

    item: ListingsItem | None = None
    candidates: Sequence[str] = ()


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Reading:
    """One round: for whom, through which client, and what holds for all listings."""

    connection: Connection
    client: ConnectedAmazon
    work: Work
    marketplace_ids: Sequence[str]


@amazon_operation
def read_offers(connection: Connection, work: Work) -> Outcome:
    """Read the listings whose time has come, twenty a call; find SKUs by ASIN; compare with what was told."""
    seen = 0
    with amazon_client(connection, work.clock, work.rank) as client:
        marketplace_ids = list(active_marketplaces(connection))
        reading = Reading(connection, client, work, marketplace_ids)
        while waiting := list(_waiting(connection.pk, work.now)[:FETCHED_AT_ONCE]):
            for some in _calls(waiting):
                work.keep()
                _store(reading, some, _look(reading, some))
                seen += len(some)
    if seen:
        outcomes.refresh_alarms(connection.pk, now=work.now)
    return Outcome(_next(connection.pk) or work.now + NOTHING_TO_DO, done=seen)


def read_when_due(connection_id: int) -> None:
    """Have `read_offers` run when the next listing is to be read."""
    if (at := _next(connection_id)) is not None:
        due.schedule("read_offers", connection_id, at=at)


def find(
    client: Amazon, seller_id: str, skus: Sequence[str], marketplace_ids: Sequence[str]
) -> dict[str, ListingsItem]:
    """Up to twenty SKUs at Amazon; what it does not know is missing, and so is what it will not answer for:
    one odd SKU does not hold up the others."""
    if not skus:
        return {}
    try:
        return amazon_listings.find_by_sku(client, seller_id, skus, marketplace_ids)
    except AskHuman:
        if len(skus) == 1:
            return {}
    return {
        key: item for sku in skus for key, item in find(client, seller_id, [sku], marketplace_ids).items()
    }


def _waiting(connection_id: int, now: datetime) -> QuerySet[Listing]:
    rows = Listing.objects.everyone().filter(connection_id=connection_id, read_at__lte=now)
    return rows.select_related("offer").order_by("read_at", "pk")


def _next(connection_id: int) -> datetime | None:
    rows = Listing.objects.everyone().filter(connection_id=connection_id, read_at__isnull=False)
    at: datetime | None = rows.aggregate(at=Min("read_at"))["at"]
    return at


def _calls(waiting: Sequence[Listing]) -> Iterator[list[Listing]]:
    """Those that one call can answer together: by SKU, by ASIN, and those that name neither."""
    by_sku = [listing for listing in waiting if listing.offer.sku]
    by_asin = [listing for listing in waiting if not listing.offer.sku and listing.offer.asin]
    by_nothing = [listing for listing in waiting if not (listing.offer.sku or listing.offer.asin)]
    for kind in (by_sku, by_asin, by_nothing):
        for start in range(0, len(kind), MOST_IDENTIFIERS):
            yield kind[start : start + MOST_IDENTIFIERS]


def _look(reading: Reading, listings: Sequence[Listing]) -> dict[int, Found]:
    """What Amazon has for each, by key."""
    skus = [listing.offer.sku for listing in listings if listing.offer.sku]
    if skus:
        items = find(reading.client, reading.connection.seller_id, skus, reading.marketplace_ids)
        return {listing.pk: Found(items.get(listing.offer.sku)) for listing in listings}
    if not listings[0].offer.asin:
        return {listing.pk: NOTHING for listing in listings}
    return _ask_by_asin(reading, listings)


def _ask_by_asin(reading: Reading, listings: Sequence[Listing]) -> dict[int, Found]:
    """Amazon's SKUs on these ASINs, without those that belong to other products already."""
    items = amazon_listings.find_by_asin(
        reading.client,
        reading.connection.seller_id,
        sorted({listing.offer.asin for listing in listings}),
        reading.marketplace_ids,
    )
    products = shop_of(reading.connection).products([listing.product_id for listing in listings])
    taken = owners(reading.connection.merchant_id, [item.sku for item in items])
    found = {}
    for listing in listings:
        free = [item for item in items if not taken.get(item.sku, set()) - {listing.product_id}]
        here = [item for item in free if _is_on(item, listing.offer.asin)]
        product = products.get(listing.product_id)
        item = matching.choose(here, product.code if product else "")
        found[listing.pk] = Found(item, [] if item else sorted(item.sku for item in here))
        if item is not None:
            taken[item.sku] = {listing.product_id}  # two products on one ASIN are two SKUs
    return found


def _is_on(item: ListingsItem, asin: str) -> bool:
    return any(summary.asin == asin for summary in item.summaries)


def _store(reading: Reading, asked: Sequence[Listing], found: Mapping[int, Found]) -> None:
    """Note what was found on rows as they are now: they may have changed while Amazon was asked."""
    now = reading.work.now
    questions = {listing.pk: _question(listing) for listing in asked}
    with transaction.atomic():
        rows = Listing.objects.everyone().filter(pk__in=found).select_related("offer").order_by("pk")
        listings = list(rows.select_for_update(of=("self",)))
        for listing in listings:
            if _question(listing) == questions[listing.pk]:
                _store_one(listing, found[listing.pk], now)
        write(listings, READ)
        reading.work.keep()
    # Not inside: sending makes reading due in a transaction of its own, and two that hold what is due of
    # each other block each other. Lost with a crash, the rows are planned with the next turn all the same.
    if any(listing.plan_at is not None for listing in listings):
        changes.wake([reading.connection.pk], at=now + changes.BATCHING)


def _question(listing: Listing) -> tuple[object, ...]:
    """What Amazon is asked about a listing. With another question the answer is none."""
    return listing.read_at, listing.offer.sku, listing.offer.asin


def _store_one(listing: Listing, found: Found, now: datetime) -> None:
    listing.read_at = None
    item = found.item
    if item is not None and not listing.offer.sku:
        _learn_sku(listing.offer, item.sku)
    if listing.sku and listing.sku != listing.offer.sku:
        listing.plan_at = listing.plan_at or now  # the merchant named another one: planning forgets the old
    elif item is None or item.sku != listing.offer.sku:
        _missed(listing, found.candidates, now)
    else:
        _seen(listing, item, now)


def _learn_sku(offer: Offer, sku: str) -> None:
    """Found by its ASIN, once; from now on the SKU names it."""
    if Offer.objects.everyone().filter(pk=offer.pk, sku="").update(sku=sku):
        offer.sku = sku
    else:
        offer.refresh_from_db(fields=["sku", "asin"])


def _missed(listing: Listing, candidates: Sequence[str], now: datetime) -> None:
    """Amazon shows no such offer, or several: a matter for people. Looked for again every day."""
    if listing.is_wanted_new:
        return  # it is being created
    if listing.accepted_at is not None and now - listing.accepted_at < outcomes.SHOWS_WITHIN:
        listing.read_at = listing.read_at or now + LOOK_AGAIN
        return
    if listing.state != State.OFF:
        listing.state, listing.details = State.PROBLEM, {"skus": list(candidates)} if candidates else {}
        listing.reason = "ambiguous" if candidates else _why_missing(listing.offer)
    if listing.reason != "no_identity":
        listing.read_at = listing.read_at or now + LOOK_DAILY


def _why_missing(offer: Offer) -> str:
    return "not_found" if offer.sku or offer.asin else "no_identity"


def _seen(listing: Listing, item: ListingsItem, now: datetime) -> None:
    before, channel, held = listing.shown, listing.channel, listing.held
    showing.take_in(listing, item, now=now)
    hold_prices(listing)
    new_places = listing.shown.prices.keys() - before.prices.keys() - listing.accepted.prices.keys()
    if listing.held != held or new_places:
        listing.plan_at = listing.plan_at or now
    if listing.accepted_json is None or listing.channel != channel:
        _found(listing, now)
    elif _is_changing(listing):
        listing.read_at = now + LOOK_AGAIN  # it is compared when it was told
    else:
        _compare(listing, before, now)


def _found(listing: Listing, now: datetime) -> None:
    """First contact, or it was gone, or somebody else ships it now: what should be said is computed anew.

    Whatever an offer was told before it was gone, the one that is there now may never have heard of it.
    """
    listing.plan_at = listing.plan_at or now
    listing.is_unsure = listing.is_unsure or listing.accepted_json is not None
    if listing.state == State.PROBLEM and listing.reason in _SETTLED_BY_A_LOOK:
        listing.state, listing.reason, listing.details = State.READY, "", {}


def _is_changing(listing: Listing) -> bool:
    """Something is to be said or on its way."""
    return (
        listing.plan_at is not None
        or listing.priority is not None
        or listing.sending_json is not None
        or listing.feed_id is not None
    )


def _compare(listing: Listing, before: Values, now: datetime) -> None:
    """Does Amazon show what it accepted? A difference is said once more, then a human is asked."""
    different = _told(listing).different_from(listing.shown)
    if not different and listing.state == State.OFF:
        listing.was_resent = False
        listing.accepted_json = None  # Amazon shows that nothing is left; what comes later is not ours
    elif not different:
        listing.was_resent = False
        listing.read_at = now + LOOK_DAILY  # others change offers, too
        if listing.reason in _SETTLED_BY_A_LOOK:
            listing.state, listing.reason, listing.details = State.LIVE, "", {}
    elif different == Values(different.quantity) and _was_counted_down(listing, before):
        listing.read_at = now + LOOK_AGAIN
    elif not listing.was_resent:
        listing.was_resent = listing.is_unsure = True
        listing.plan_at = now
    else:
        _drifted(listing, now)


def _told(listing: Listing) -> Values:
    """What Amazon accepted and should still show; units and days only of what the seller ships."""
    accepted = listing.accepted.equal_to(listing.wanted)
    return accepted if listing.is_merchant_fulfilled else Values(prices=accepted.prices)


def _was_counted_down(listing: Listing, before: Values) -> bool:
    """Amazon takes off what a buyer orders, before we see the order: fewer than told, and moving."""
    told, shown = listing.accepted.quantity, listing.shown.quantity
    return told is not None and shown is not None and shown < told and shown != before.quantity


def _drifted(listing: Listing, now: datetime) -> None:
    if listing.state != State.OFF:
        listing.state = State.DRIFT
    listing.reason = "drift"
    listing.details = {
        "wanted": stored(listing.wanted),
        "accepted": stored(listing.accepted),
        "shown": stored(listing.shown),
    }
    listing.read_at = now + LOOK_DAILY
