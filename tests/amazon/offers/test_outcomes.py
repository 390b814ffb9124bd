"""Each answer on its own row, the alarms counted, and a feed that was overtaken said again."""

from __future__ import annotations

import pytest

from kogge.amazon.feeds.models import Feed
from kogge.amazon.offers import outcomes, planning
from kogge.amazon.offers.latency import measured_latency, suggested_buffer
from kogge.amazon.offers.models import Listing, Values, stored
from kogge.spapi.listings_items_2021_08_01 import Issue
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db

REFUSAL = Issue("90220", "Ein Wert fehlt.", "ERROR", ("fulfillment_availability",), ("MISSING_ATTRIBUTE",))


@pytest.fixture
def told(shelf: Shelf) -> Shelf:
    """An agreed offer that changed to 7 and waits to be told."""
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 7)
    shelf.plan()
    return shelf


def in_feed(shelf: Shelf, quantity: int) -> Listing:
    feed = Feed.objects.everyone().create(
        connection=shelf.connection, feed_type="JSON_LISTINGS_FEED", created_at=shelf.now, state="open"
    )
    Listing.objects.of(shelf.merchant).update(
        feed=feed, message_no=1, sending_json=stored(Values(quantity)), priority=None
    )
    return shelf.listing()


def test_a_change_that_came_meanwhile_is_still_planned_and_timed(told: Shelf) -> None:
    listing = told.listing()
    told.amazon.advance(5)
    told.count("TEE-1", 6)
    outcomes.accepted([(listing, Values(7))], now=told.now)
    after = told.listing()
    assert after.plan_at is not None
    assert after.changed_at == after.plan_at
    assert after.latency is not None
    assert after.latency >= 5
    assert after.accepted.quantity == 7


def test_refused_is_not_said_again_until_it_changes(told: Shelf) -> None:
    outcomes.refused([(told.listing(), [REFUSAL])], now=told.now)
    outcomes.refresh_alarms(told.connection.pk, now=told.now)
    assert told.listing().priority is None
    assert told.troubles() == {"offers_refused": 1}

    planning.plan_again([told.listing().pk], now=told.now)
    told.plan()
    assert (told.listing().priority, told.listing().state) == (None, "problem")

    told.count("TEE-1", 6)
    told.run("send_offers")
    assert told.there().stock == 6
    assert (told.listing().state, told.listing().reason, told.troubles()) == ("sent", "", {})


def test_refused_and_changed_back_is_no_problem_any_more(told: Shelf) -> None:
    outcomes.refused([(told.listing(), [REFUSAL])], now=told.now)
    told.count("TEE-1", 10)
    told.plan()
    assert told.listing().reason == ""
    assert told.listing().priority is None


def test_the_merchant_may_have_it_said_again_as_it_is(told: Shelf) -> None:
    outcomes.refused([(told.listing(), [REFUSAL])], now=told.now)
    Listing.objects.of(told.merchant).update(is_unsure=True, plan_at=told.now)
    told.run("send_offers")
    assert told.there().stock == 7


def test_a_change_while_a_feed_is_under_way_is_patched_at_once(told: Shelf) -> None:
    in_feed(told, 7)
    told.count("TEE-1", 7)
    told.plan()
    assert told.listing().priority is None  # the feed says it

    told.count("TEE-1", 0)
    told.run("send_offers")
    listing = told.listing()
    assert told.there().stock == 0
    assert (listing.is_overtaken, listing.feed_id is not None, listing.sending) == (True, True, Values(7))
    assert listing.priority is None

    told.there().stock = 7  # the feed's older value comes late
    outcomes.accepted([(listing, listing.sending)], now=told.now)
    listing = told.listing()
    assert (listing.feed_id, listing.is_overtaken, listing.is_unsure) == (None, False, True)
    assert listing.accepted.quantity == 0
    told.run("send_offers")
    assert told.there().stock == 0
    assert not told.listing().is_unsure


def test_a_feed_s_verdict_frees_the_listing(told: Shelf) -> None:
    listing = in_feed(told, 7)
    outcomes.accepted([(listing, listing.sending)], now=told.now)
    listing = told.listing()
    assert (listing.feed_id, listing.message_no, listing.sending_json) == (None, None, None)
    assert (listing.accepted.quantity, listing.state) == (7, "sent")


def test_an_offer_that_is_off_stays_off(told: Shelf) -> None:
    told.change_offer("TEE-1", enabled=False)
    told.plan()
    outcomes.not_found([told.listing()], now=told.now)
    assert told.listing().state == "off"


def test_latency_is_measured_and_a_buffer_suggested(told: Shelf) -> None:
    assert measured_latency(told.connection.pk) is None
    assert suggested_buffer(told.connection.pk, told.merchant.pk, "1", told.now).units == 0
    told.amazon.advance(4)
    told.run("send_offers")
    latency = measured_latency(told.connection.pk)
    assert latency is not None
    assert latency.total_seconds() >= 4
