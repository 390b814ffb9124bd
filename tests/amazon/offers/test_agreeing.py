"""The dry run: what would change, and that nothing does before the merchant's word."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.journal.models import JournalEntry
from kogge.amazon.offers import agreeing
from kogge.amazon.offers.agreeing import Difference
from kogge.amazon.offers.models import Listing
from tests.amazon.account import DE
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db


def look(shelf: Shelf) -> None:
    shelf.run("read_offers")
    shelf.run("send_offers")


def test_all_that_would_change_is_shown(shelf: Shelf) -> None:
    shelf.put("TEE-1")
    shelf.put("TEE-2", listed={"stock": 3, "lead_time_days": 5})
    shelf.put("TEE-3", price="30.00", listed={"price": Decimal("10.00")})
    assert agreeing.standing(shelf.connection).unread == 3
    look(shelf)

    standing = agreeing.standing(shelf.connection)
    assert standing == agreeing.Standing(listings=3, unread=0, quantity=1, lead_time=1, price=1, held=1)
    assert standing.is_complete
    keys = {code: shelf.listing(code) for code in ("TEE-2", "TEE-3")}

    def difference(
        code: str, field: str, shop: int | Decimal, amazon: int | Decimal, place: str = ""
    ) -> Difference:
        offer = keys[code].offer
        return Difference(
            keys[code].pk,
            offer.product_id,
            code,
            "",
            field,
            place,
            shop,
            amazon,
            is_held=bool(place),
        )

    assert agreeing.differences(shelf.connection) == [
        difference("TEE-2", "quantity", 10, 3),
        difference("TEE-2", "lead_time", 2, 5),
        difference("TEE-3", "price", Decimal("30.00"), Decimal("10.00"), DE),
    ]
    rest = agreeing.differences(shelf.connection, after=keys["TEE-2"].pk, limit=1)
    assert {row.sku for row in rest} == {"TEE-3"}
    assert shelf.said() == {}


def test_offers_from_before_the_connection_count_as_unread_until_they_are_enrolled(shelf: Shelf) -> None:
    shelf.put()
    Listing.objects.of(shelf.merchant).delete()
    standing = agreeing.standing(shelf.connection)
    assert (standing.listings, standing.unread) == (1, 1)
    shelf.run("send_offers")
    look(shelf)
    assert agreeing.standing(shelf.connection).is_complete


def test_what_amazon_does_not_have_does_not_keep_the_look_open(shelf: Shelf) -> None:
    shelf.put(is_listed=False)
    look(shelf)
    assert agreeing.standing(shelf.connection).is_complete


def test_the_word_is_kept_and_all_are_planned_by_it(shelf: Shelf) -> None:
    shelf.put("TEE-1")
    shelf.put("TEE-2", listed={"stock": 3})
    shelf.agree(price="amazon")
    assert shelf.there("TEE-2").stock == 10
    assert shelf.listing("TEE-1").state == "live"
    assert shelf.listing("TEE-2").state == "sent"
    entry = JournalEntry.objects.of(shelf.merchant).get(kind="offers_agreed")
    assert entry.details == {
        "quantity": "kogge",
        "lead_time": "kogge",
        "price": "amazon",
        "by": "anna@example.org",
    }


@pytest.mark.parametrize("word", ["", "nobody"])
def test_a_word_that_is_none_changes_nothing(shelf: Shelf, word: str) -> None:
    with pytest.raises(ValueError, match="lead"):
        agreeing.agree(
            shelf.connection, quantity=word, lead_time="kogge", price="kogge", by="anna", now=shelf.now
        )
    assert not JournalEntry.objects.of(shelf.merchant).filter(kind="offers_agreed").exists()


def test_a_held_price_waits_for_a_word_of_its_own(shelf: Shelf) -> None:
    shelf.put(price="30.00", listed={"price": Decimal("10.00"), "stock": 1})
    shelf.agree()
    assert (shelf.there().stock, shelf.there().price) == (10, Decimal("10.00"))
    assert agreeing.confirm_price(shelf.listing(), DE, Decimal("30.00"), by="anna", now=shelf.now)
    shelf.run("send_offers")
    assert shelf.there().price == Decimal("30.00")
    assert JournalEntry.objects.of(shelf.merchant).filter(kind="offer_price_confirmed").count() == 1


def test_an_offer_ticked_after_the_word_is_read_before_it_is_told(shelf: Shelf) -> None:
    shelf.agree()
    shelf.put(listed={"stock": 3})
    shelf.run("send_offers")
    assert shelf.said() == {}
    shelf.run("read_offers")
    shelf.run("send_offers")
    assert shelf.there().stock == 10
    assert Offer.objects.of(shelf.merchant).count() == 1
