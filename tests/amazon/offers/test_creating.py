"""An offer that Amazon does not have yet: looked at, wished for, created once and never over another."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kogge.amazon.catalog.models import Offer, OfferPrice
from kogge.amazon.connections.accounts import amazon_client
from kogge.amazon.connections.models import ConnectionMarketplace
from kogge.amazon.journal.models import JournalEntry
from kogge.amazon.offers import changes, creating, planning
from kogge.amazon.offers.creating import CannotBeCreated, Preview, check, want
from kogge.amazon.offers.models import Listing, Values
from kogge.backoffice.models import Product
from kogge.simulator.listings import Listing as AmazonListing
from tests.amazon.account import DE, FR
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db

POT = "B0KOGGE104"  # in the catalogue, offered by nobody
NEEDS_APPROVAL = "B0KOGGE103"


@pytest.fixture
def new(shelf: Shelf) -> Shelf:
    """TEE-1 with an ASIN, unknown at Amazon; everything is agreed."""
    put(shelf)
    shelf.agree()
    return shelf


def put(shelf: Shelf, code: str = "TEE-1", **offer: Any) -> None:
    shelf.put(code, price="21.50", units=12, days=3, is_listed=False, offer={"sku": "", "asin": POT} | offer)


def listing(shelf: Shelf, code: str = "TEE-1") -> Listing:
    rows = Listing.objects.of(shelf.merchant).select_related("offer")
    return rows.get(product_id=str(shelf.products[code].pk))


def look(shelf: Shelf, own_sku: str = "") -> Preview:
    with amazon_client(shelf.connection, shelf.amazon.world.now) as client:
        return check(shelf.connection, client, listing(shelf), own_sku=own_sku)


def wish(shelf: Shelf, own_sku: str = "TEE-1", code: str = "TEE-1") -> None:
    want(listing(shelf, code), own_sku, now=shelf.now)


def change_offer(shelf: Shelf, **values: Any) -> None:
    Offer.objects.of(shelf.merchant).filter(product_id=str(shelf.products["TEE-1"].pk)).update(**values)


def test_a_look_tells_what_would_be_created_and_changes_nothing(new: Shelf) -> None:
    preview = look(new)

    assert preview.may_be_created
    assert (preview.sku, preview.marketplace.marketplace_id) == ("TEE-1", DE)
    assert preview.values == Values(12, 3, {DE: Decimal("21.50")})
    assert "TEE-1" not in new.account.listings
    assert not listing(new).is_wanted_new


def test_the_merchants_own_sku_comes_before_the_article_number(new: Shelf) -> None:
    assert look(new, " EIGEN/1 ").sku == "EIGEN/1"
    change_offer(new, sku="VORHER")
    assert look(new).sku == "VORHER"


@pytest.mark.parametrize(
    ("values", "obstacle"),
    [({"enabled": False}, "off"), ({"fba": True}, "fba"), ({"asin": ""}, "no_asin")],
)
def test_what_speaks_against_it_is_said_without_asking_amazon(
    new: Shelf, values: dict[str, Any], obstacle: str
) -> None:
    change_offer(new, **values)
    before = dict(new.amazon.calls)

    preview = look(new)

    assert (preview.obstacle, preview.may_be_created) == (obstacle, False)
    assert dict(new.amazon.calls) == before


def test_a_price_in_another_currency_is_none(new: Shelf) -> None:
    Product.objects.of(new.merchant).update(currency="USD")

    assert look(new).obstacle == "no_price"


@pytest.mark.parametrize("own_sku", ["x" * 41, "a\x00b"])
def test_a_sku_that_amazon_would_not_take_is_none(new: Shelf, own_sku: str) -> None:
    assert look(new, own_sku).obstacle == "no_sku"
    with pytest.raises(CannotBeCreated):
        wish(new, own_sku)


def test_an_article_number_that_is_too_long_is_no_sku(new: Shelf) -> None:
    Product.objects.of(new.merchant).update(code="x" * 41)

    preview = look(new)

    assert (preview.sku, preview.obstacle) == ("", "no_sku")


def test_the_sku_of_another_product_is_not_taken(new: Shelf) -> None:
    new.put("TEE-2")

    assert look(new, "TEE-2").obstacle == "sku_of_other"
    with pytest.raises(CannotBeCreated) as caught:
        wish(new, "TEE-2")
    assert caught.value.obstacle == "sku_of_other"
    assert listing(new).offer.sku == ""


@pytest.mark.parametrize(
    "leaders", [{"quantity": "amazon"}, {"price": "amazon"}, {"quantity": "amazon", "price": "amazon"}]
)
def test_nothing_is_created_that_kogge_does_not_lead(shelf: Shelf, leaders: dict[str, str]) -> None:
    put(shelf)
    assert look(shelf).obstacle == "not_agreed"
    shelf.agree(**leaders)

    assert look(shelf).obstacle == "not_agreed"
    wish(shelf)
    shelf.run("send_offers")
    assert "TEE-1" not in shelf.account.listings


def test_a_sku_that_exists_anywhere_is_never_created(new: Shelf) -> None:
    """A PUT would replace the whole listing, prices in other marketplaces included."""
    there = AmazonListing("TEE-1", POT, "Teekanne", Decimal("30.00"), prices={FR: Decimal("31.00")})
    there.attributes = {
        name: [entry for entry in entries if entry.get("marketplace_id") != DE]
        for name, entries in there.attributes.items()
    }
    new.account.listings["TEE-1"] = there
    ConnectionMarketplace.objects.everyone().filter(marketplace_id=FR).update(active=False)

    assert look(new).obstacle == "exists"


def test_what_amazon_forbids_is_told_with_the_way_to_a_permission(new: Shelf) -> None:
    change_offer(new, asin=NEEDS_APPROVAL)

    preview = look(new)

    assert not preview.may_be_created
    assert [one.code for one in preview.restrictions] == ["APPROVAL_REQUIRED"]
    assert preview.restrictions[0].url.startswith("https://sellercentral.amazon.de/")


def test_what_amazon_would_refuse_is_told_before(new: Shelf) -> None:
    wrong_currency(new)

    preview = look(new)

    assert not preview.may_be_created
    assert [one.severity for one in preview.issues] == ["ERROR"]


def wrong_currency(shelf: Shelf) -> None:
    """Amazon refuses a price in a currency that its marketplace does not have."""
    ConnectionMarketplace.objects.everyone().filter(marketplace_id=DE).update(currency="PLN")
    offer = listing(shelf).offer
    OfferPrice.objects.everyone().create(offer=offer, marketplace_id=DE, price=Decimal("90.00"))


def test_the_wish_is_fulfilled_within_the_next_round(new: Shelf) -> None:
    wish(new)
    assert "TEE-1" not in new.account.listings

    new.run("send_offers")

    there = new.there("TEE-1")
    assert (there.asin, there.stock, there.lead_time_days) == (POT, 12, 3)
    assert there.attributes["condition_type"] == [{"value": "new_new", "marketplace_id": DE}]
    [offer] = there.attributes["purchasable_offer"]
    assert (offer["marketplace_id"], offer["currency"], offer["audience"]) == (DE, "EUR", "ALL")
    assert offer["our_price"] == [{"schedule": [{"value_with_tax": 21.5}]}]
    known = listing(new)
    assert (known.state, known.reason, known.channel, known.is_wanted_new) == ("sent", "", "DEFAULT", False)
    assert known.accepted == Values(12, 3, {DE: Decimal("21.50")})
    assert known.offer.sku == "TEE-1"
    rows = JournalEntry.objects.of(new.merchant).filter(kind__startswith="offer_")
    assert list(rows.order_by("id").values_list("kind", flat=True)) == ["offer_wanted", "offer_created"]


def test_a_created_offer_is_an_offer_like_any_other(new: Shelf) -> None:
    wish(new)
    new.run("send_offers")
    new.amazon.advance(15 * 60)
    new.run("read_offers")
    assert listing(new).state == "live"

    new.count("TEE-1", 0)
    new.run("send_offers")

    assert new.there("TEE-1").stock == 0
    assert new.said() == {"putListingsItem": 1, "patchListingsItem": 1}


def test_it_is_created_with_what_is_there_when_it_is_created(new: Shelf) -> None:
    wish(new)
    new.count("TEE-1", 5)

    new.run("send_offers")

    assert new.there("TEE-1").stock == 5


def test_days_that_amazon_leads_are_not_said(shelf: Shelf) -> None:
    put(shelf)
    shelf.agree(lead_time="amazon")
    assert look(shelf).values.lead_time_days is None
    wish(shelf)

    shelf.run("send_offers")

    [entry] = shelf.there("TEE-1").attributes["fulfillment_availability"]
    assert entry == {"fulfillment_channel_code": "DEFAULT", "quantity": 12}


def test_a_sku_that_came_up_meanwhile_is_linked_and_not_replaced(new: Shelf) -> None:
    wish(new)
    there = AmazonListing("TEE-1", POT, "Teekanne", Decimal("21.50"), sale_price=Decimal("19.00"), stock=12)
    new.account.listings["TEE-1"] = there

    new.run("send_offers")
    new.run("read_offers")

    known = listing(new)
    assert new.said() == {}
    assert (known.is_wanted_new, known.sku, known.channel) == (False, "TEE-1", "DEFAULT")
    assert known.shown.quantity == 12


def test_a_sku_that_turns_out_to_be_another_article_is_not_taken_for_it(new: Shelf) -> None:
    """Else the stock of this product would be said of that one."""
    wish(new)
    new.account.listings["TEE-1"] = AmazonListing("TEE-1", "B0ANDERE01", "Becher", Decimal("8.00"))

    new.run("send_offers")
    new.run("read_offers")
    new.run("send_offers")

    known = listing(new)
    assert new.said() == {}
    assert (known.offer.sku, known.state, known.reason) == ("", "problem", "not_found")


def test_a_restriction_that_came_up_meanwhile_is_told(new: Shelf) -> None:
    change_offer(new, asin=NEEDS_APPROVAL)
    wish(new)

    new.run("send_offers")

    known = listing(new)
    assert (known.state, known.reason, known.is_wanted_new) == ("problem", "restricted", False)
    assert known.details["restrictions"][0]["code"] == "APPROVAL_REQUIRED"
    assert new.said() == {}


def test_a_refusal_is_told_in_amazons_words_and_not_repeated(new: Shelf) -> None:
    wrong_currency(new)
    wish(new)

    new.run("send_offers")
    new.run("send_offers")

    known = listing(new)
    assert (known.state, known.reason, known.is_wanted_new) == ("problem", "create_refused", False)
    assert known.details["issues"][0]["severity"] == "ERROR"
    assert new.said() == {"putListingsItem": 1}
    assert new.troubles() == {"offers_refused": 1}


def test_after_a_lost_answer_nothing_is_created_twice(new: Shelf) -> None:
    new.amazon.fault("putListingsItem", "drop-after")
    wish(new)

    outcome = new.run("send_offers")
    new.run("send_offers")

    assert listing(new).is_wanted_new
    assert timedelta(minutes=14) < outcome.next_due - new.now <= timedelta(minutes=15)
    new.amazon.advance(15 * 60)
    new.run("send_offers")
    new.run("read_offers")
    new.run("send_offers")
    known = listing(new)
    assert (known.is_wanted_new, known.state) == (False, "live")
    assert new.said() == {"putListingsItem": 1}


def test_a_crash_after_amazon_accepted_creates_nothing_twice(
    new: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_anything: object) -> None:
        raise KeyboardInterrupt

    wish(new)
    work = new.work()
    with monkeypatch.context() as patch, amazon_client(new.connection, new.amazon.world.now) as client:
        planning.plan(new.connection, work)
        patch.setattr(creating, "_created", crash)
        with pytest.raises(KeyboardInterrupt):
            creating.create_wanted(new.connection, client, work)
        patch.undo()
        creating.create_wanted(new.connection, client, work)

    assert new.said() == {"putListingsItem": 1}
    assert not listing(new).is_wanted_new


def test_one_that_fails_does_not_hold_up_the_next(new: Shelf) -> None:
    put(new, "TEE-2", asin="B0KOGGE105")
    new.amazon.fault("getListingsItem", "500")
    wish(new)
    wish(new, "TEE-2", code="TEE-2")

    new.run("send_offers")

    assert list(new.account.listings) == ["TEE-2"]
    new.amazon.advance(60)
    new.run("send_offers")
    assert set(new.account.listings) == {"TEE-1", "TEE-2"}


def test_a_used_up_quota_waits_and_keeps_the_wish(new: Shelf) -> None:
    new.amazon.fault("putListingsItem", "429")
    wish(new)

    outcome = new.run("send_offers")

    known = listing(new)
    assert outcome.waiting
    assert (known.is_wanted_new, known.attempts, known.sending_json) == (True, 0, None)
    new.amazon.advance((outcome.next_due - new.now).total_seconds())
    new.run("send_offers")
    assert "TEE-1" in new.account.listings


@pytest.mark.parametrize("values", [{"enabled": False}, {"fba": True}, {"asin": ""}])
def test_a_wish_that_fits_no_more_is_dropped(new: Shelf, values: dict[str, Any]) -> None:
    wish(new)
    new.change_offer("TEE-1", **values)

    new.run("send_offers")

    assert new.said() == {}
    assert not listing(new).is_wanted_new


def test_many_wishes_are_fulfilled_a_few_at_a_time(new: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sold out meanwhile is told between them."""
    monkeypatch.setattr(creating, "AT_ONCE", 1)
    put(new, "TEE-2", asin="B0KOGGE105")
    wish(new)
    wish(new, "TEE-2", code="TEE-2")

    outcome = new.run("send_offers")

    assert list(new.account.listings) == ["TEE-1"]
    assert outcome.waiting
    assert outcome.next_due <= new.now + changes.BATCHING
    assert not new.run("send_offers").waiting
    assert set(new.account.listings) == {"TEE-1", "TEE-2"}


def test_wishing_costs_the_same_among_many(new: Shelf, django_assert_max_num_queries: Any) -> None:
    """The wishes have an index of their own: no look at every listing, no statement for each."""
    work = new.work()
    with amazon_client(new.connection, new.amazon.world.now) as client, django_assert_max_num_queries(3):
        assert creating.create_wanted(new.connection, client, work) == 0
