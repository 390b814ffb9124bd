"""What Amazon should show: from product and overrides, and what waits for a word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import OfferPrice
from kogge.amazon.offers import agreeing, changes, planning
from kogge.amazon.offers.models import Agreement, Listing, Values
from kogge.backoffice.models import Product
from tests.amazon.account import DE, FR
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db

BOTH = {DE: Decimal("10.00"), FR: Decimal("10.00")}


@pytest.fixture
def seen(shelf: Shelf) -> Shelf:
    """One product, read at Amazon and agreed: nothing differs."""
    shelf.put(listed={"prices": {FR: Decimal("10.00")}})
    shelf.agree()
    return shelf


def wanted(shelf: Shelf, code: str = "TEE-1") -> Values:
    shelf.plan()
    return shelf.listing(code).wanted


def test_without_overrides_it_is_the_products_own(seen: Shelf) -> None:
    assert wanted(seen) == Values(10, 2, BOTH)


@pytest.mark.parametrize(
    ("product", "offer", "units"),
    [
        ({"stock": 10, "reserved": 3}, {}, 7),
        ({"stock": 2, "reserved": 3}, {}, 0),
        ({"stock": 10}, {"buffer": 4}, 6),
        ({"stock": 3}, {"buffer": 4}, 0),
        ({"stock": 10, "reserved": 3}, {"stock": 50}, 47),
        ({"stock": 0}, {"stock": 50}, 50),
        ({"stock": 10, "reserved": 3}, {"stock": 2}, 0),
        ({"stock": 0, "oversold": 2}, {}, 0),
        ({"stock": 10, "active": False}, {"stock": 50}, 0),
    ],
)
def test_units(seen: Shelf, product: dict[str, Any], offer: dict[str, Any], units: int) -> None:
    seen.change_offer("TEE-1", **(offer or {"fba": False}))
    seen.change("TEE-1", **product)
    assert wanted(seen).quantity == units


def test_the_buffer_of_the_connection_holds_where_the_offer_has_none(seen: Shelf) -> None:
    seen.put("TEE-2", offer={"buffer": 0})
    seen.run("read_offers")
    agreeing.set_buffer(seen.connection, 3, now=seen.now)
    seen.run("send_offers")
    assert (seen.there("TEE-1").stock, seen.there("TEE-2").stock) == (7, 10)


def test_a_product_that_is_gone_has_none_left(seen: Shelf) -> None:
    product = seen.products["TEE-1"]
    key = str(product.pk)
    Product.objects.of(seen.merchant).filter(pk=product.pk).delete()
    changes.products_changed(seen.merchant.pk, [key], now=seen.now)
    assert wanted(seen) == Values(0)


def test_an_unticked_offer_that_was_never_told_stays_untold(shelf: Shelf) -> None:
    shelf.put(listed={"stock": 4})
    shelf.run("read_offers")
    shelf.change_offer("TEE-1", enabled=False)
    shelf.agree()
    assert shelf.listing().wanted == Values()
    assert (shelf.listing().state, shelf.there().stock) == ("off", 4)


@pytest.mark.parametrize(("own", "days", "reason"), [(5, 5, ""), (30, 30, ""), (None, 2, "")])
def test_days(seen: Shelf, own: int | None, days: int, reason: str) -> None:
    seen.change_offer("TEE-1", lead_time_days=own)
    assert wanted(seen).lead_time_days == days
    assert seen.listing().reason == reason


def test_a_lead_time_amazon_does_not_take_is_a_problem_and_not_told(seen: Shelf) -> None:
    seen.change("TEE-1", lead_time_days=31, stock=9)
    seen.run("send_offers")
    assert (seen.there().lead_time_days, seen.there().stock) == (2, 9)
    seen.change("TEE-1", lead_time_days=31)
    seen.plan()
    assert (seen.listing().state, seen.listing().reason) == ("problem", "lead_time_too_long")
    seen.change("TEE-1", lead_time_days=30)
    seen.plan()
    assert seen.listing().reason == ""


def test_prices_by_marketplace(seen: Shelf) -> None:
    offer = seen.listing().offer
    OfferPrice.objects.everyone().create(offer=offer, marketplace_id=FR, price=Decimal("12.00"))
    seen.change_offer("TEE-1", price=Decimal("11.00"))
    assert wanted(seen).prices == {DE: Decimal("11.00"), FR: Decimal("12.00")}


def test_a_price_is_never_converted(seen: Shelf) -> None:
    seen.connection.marketplaces.filter(marketplace_id=FR).update(currency="SEK")
    seen.change("TEE-1", price=Decimal("10.50"))
    assert wanted(seen).prices == {DE: Decimal("10.50")}


def test_where_the_sku_has_no_offer_no_price_is_told(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.change("TEE-1", price=Decimal("11.00"))
    shelf.run("send_offers")
    assert shelf.there().price_in(DE) == Decimal("11.00")
    assert shelf.there().price_in(FR) is None


@pytest.mark.parametrize(
    ("price", "why"),
    [("15.00", ""), ("15.01", "jump"), ("5.00", ""), ("4.99", "jump"), ("6.49", "below_minimum"),
     ("14.51", "above_maximum")],
)  # fmt: skip
def test_a_price_that_may_be_a_mistake_waits_and_the_stock_does_not(
    shelf: Shelf, price: str, why: str
) -> None:
    limits = {"min_price": Decimal("6.50")} if why == "below_minimum" else {}
    limits |= {"max_price": Decimal("14.50")} if why == "above_maximum" else {}
    shelf.put(listed=limits)
    shelf.agree()
    shelf.change("TEE-1", price=Decimal(price), stock=4)
    shelf.run("send_offers")

    assert shelf.there().stock == 4
    assert shelf.there().price == Decimal("10.00" if why else price)
    assert [held.why for held in shelf.listing().held.values()] == ([why] if why else [])
    if not why:
        return
    assert (shelf.listing().state, shelf.listing().reason) == ("problem", "price_held")
    assert shelf.troubles() == {"offers_price_held": 1}
    assert not agreeing.confirm_price(shelf.listing(), DE, Decimal("1.00"), by="anna", now=shelf.now)
    assert agreeing.confirm_price(shelf.listing(), DE, Decimal(price), by="anna", now=shelf.now)
    shelf.run("send_offers")
    assert shelf.there().price == Decimal(price)
    assert shelf.troubles() == {}


def test_amazon_raised_the_limit_meanwhile_and_the_fresh_look_sees_it(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.there().set_price("minimum_seller_allowed_price", Decimal("9.50"))
    shelf.change("TEE-1", price=Decimal("9.00"))
    shelf.run("send_offers")
    assert shelf.there().price == Decimal("10.00")
    assert shelf.listing().reason == "price_held"


def test_another_sku_means_that_nothing_is_known_any_more(seen: Shelf) -> None:
    seen.count("TEE-1", 7)
    seen.run("send_offers")
    seen.account.listings["NEU"] = seen.there().copy()
    seen.account.listings["NEU"].sku = "NEU"
    seen.account.listings["NEU"].stock = 3
    seen.change_offer("TEE-1", sku="NEU")
    seen.plan()
    assert seen.listing("NEU").accepted == Values()
    seen.run("read_offers")
    seen.run("send_offers")
    assert seen.there("NEU").stock == 7


def test_a_value_given_back_to_amazon_is_compared_with_what_it_shows_later(seen: Shelf) -> None:
    seen.count("TEE-1", 7)
    seen.run("send_offers")
    seen.agree(quantity="amazon")
    assert seen.listing().accepted.quantity is None
    seen.there().stock = 20  # by hand, at Amazon
    seen.amazon.advance(3600)
    seen.run("read_offers")
    seen.agree()
    assert seen.there().stock == 7


def test_one_change_costs_the_same_however_many_offers_there_are(seen: Shelf) -> None:
    def statements() -> int:
        seen.count("TEE-1", 100 - seen.listing().wanted.quantity)  # type: ignore[operator]
        with CaptureQueriesContext(database) as queries:
            assert seen.plan() == 1
        return len(queries)

    few = statements()
    for number in range(30):
        seen.put(f"MEHR-{number}", is_listed=False)
    Listing.objects.of(seen.merchant).update(plan_at=None)
    assert statements() == few


@pytest.mark.parametrize(
    "rows",
    [
        {"plan_at__isnull": False, "order": ("plan_at", "pk")},
        {"priority__isnull": False, "order": ("priority", "pk")},
        {"read_at__isnull": False, "order": ("read_at", "pk")},
    ],
)
def test_what_is_to_be_done_is_found_by_index(seen: Shelf, rows: dict[str, Any]) -> None:
    order = rows.pop("order")
    waiting = Listing.objects.everyone().filter(connection=seen.connection, **rows).order_by(*order)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "listing_" in waiting.values_list("pk", flat=True)[:20].explain()


def test_an_agreement_is_fresh_where_there_is_none(shelf: Shelf) -> None:
    agreement = planning.agreement_of(shelf.connection)
    assert (agreement.quantity, agreement.lead_time, agreement.price) == ("", "", "")
    assert planning.agreement_of(shelf.connection) == agreement
    assert Agreement.objects.of(shelf.merchant).count() == 1
