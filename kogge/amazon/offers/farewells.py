"""SKUs that are not a product's any more: Amazon is told once that nothing is left of them.

Without that, the last number of units Kogge told would be sold for ever, and no sale would count it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Min, Q, QuerySet

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.consequences import BACK_OFF
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.models import UNDER_WAY, Feed
from kogge.amazon.offers import showing
from kogge.amazon.offers.models import MERCHANT_FULFILLED, Agreement, Farewell, Listing, Values
from kogge.amazon.offers.patches import patches_for
from kogge.engine.work import Work
from kogge.spapi import listings_feed
from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, NotFound, Throttled, TryLater
from kogge.spapi.listings_items_2021_08_01 import ListingsItem, get_item, patch_item

# The SKU that was dropped with an ASIN may be found again by the new one.
PATIENCE = timedelta(minutes=1)
FEED_ENDS = timedelta(minutes=5)  # about; Amazon may process its older number of units after ours
WHEN_REFUSED = timedelta(days=1)
AT_ONCE = 50  # then what is sold out gets its turn


def owe(listings: Iterable[Listing], *, now: datetime) -> None:
    """These listings have another SKU now; what Kogge told about the old one has to end."""
    left = [listing for listing in listings if _is_told(listing)]
    Farewell.objects.everyone().bulk_create(
        [
            Farewell(connection_id=listing.connection_id, sku=listing.sku, not_before=now + PATIENCE)
            for listing in left
        ],
        ignore_conflicts=True,
    )


def say(connection: Connection, client: Amazon, agreement: Agreement, work: Work) -> None:
    """Tell Amazon, for SKUs that no offer has taken up again."""
    for farewell in (
        _waiting(connection).filter(not_before__lte=work.now).order_by("not_before", "pk")[:AT_ONCE]
    ):
        work.keep()
        if agreement.quantity != Agreement.Leader.KOGGE or _is_in_use(connection, farewell.sku):
            farewell.delete()
        elif _is_in_a_feed(connection):
            _wait(farewell, work.now + FEED_ENDS)
        else:
            _say_one(connection, client, farewell, work)


def next_farewell(connection: Connection) -> datetime | None:
    """When the next one is to be said; None when none is owed."""
    at: datetime | None = _waiting(connection).aggregate(at=Min("not_before"))["at"]
    return at


def _say_one(connection: Connection, client: Amazon, farewell: Farewell, work: Work) -> None:
    places = list(
        connection.marketplaces.filter(active=True).order_by("pk").values_list("marketplace_id", flat=True)
    )
    try:
        item = get_item(client, connection.seller_id, farewell.sku, places)
        is_done = showing.channel_of(item) != MERCHANT_FULFILLED or _patch(
            connection, client, farewell.sku, item, places
        )
    except Throttled:
        raise
    except NotFound:
        is_done = True
    except TryLater as error:
        pause = BACK_OFF[min(farewell.attempts, len(BACK_OFF) - 1)]
        _wait(farewell, work.now + max(pause, timedelta(seconds=error.retry_after or 0)))
        return
    except AskHuman:
        is_done = False
    if is_done:
        farewell.delete()
    else:
        _wait(farewell, work.now + WHEN_REFUSED)


def _patch(
    connection: Connection, client: Amazon, sku: str, item: ListingsItem, places: Sequence[str]
) -> bool:
    shown = showing.shown_values(item)
    offered = [place for place in places if place in shown.prices] or places
    answer = patch_item(client, connection.seller_id, sku, offered[:1], patches_for(Values(0), item))
    return answer.is_accepted


def _is_told(listing: Listing) -> bool:
    """Whether Amazon has units from Kogge, as far as it is known."""
    is_ours = listing.channel == MERCHANT_FULFILLED
    return is_ours and bool(listing.accepted.quantity or listing.sending.quantity)


def _is_in_use(connection: Connection, sku: str) -> bool:
    offers = Offer.objects.of_id(connection.merchant_id).filter(Q(sku=sku) | Q(fba_sku=sku), enabled=True)
    return offers.exists()


def _is_in_a_feed(connection: Connection) -> bool:
    feeds = Feed.objects.everyone().filter(connection=connection, feed_type=listings_feed.FEED_TYPE)
    return feeds.filter(state__in=UNDER_WAY, stuck_at__isnull=True).exists()


def _wait(farewell: Farewell, until: datetime) -> None:
    farewell.attempts = min(farewell.attempts + 1, 1_000)
    farewell.not_before = until
    farewell.save(update_fields=["attempts", "not_before"])


def _waiting(connection: Connection) -> QuerySet[Farewell]:
    return Farewell.objects.everyone().filter(connection=connection)
