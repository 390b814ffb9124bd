"""What a strict look at the offers once found wrong: Amazon shows late, sellers act in Seller Central."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kogge.amazon.offers import wishes
from kogge.backoffice.product_import import import_products
from tests.flows.conftest import Stage
from tests.flows.offer_stage import Assortment

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(stage: Stage) -> Assortment:
    shop = Assortment(stage)
    shop.sell(1)
    shop.first_contact()
    shop.agree()
    shop.pass_time(1)
    return shop


SKU = "ART-00000"


def look_again(shop: Assortment) -> None:
    wishes.look_again(shop.listings(), now=shop.stage.now)
    # An unticked offer is looked at only because it was told something.
    shop.listings(state="off").update(read_at=shop.stage.now)
    shop.wake("read_offers")


def untick(shop: Assortment) -> None:
    wishes.stop_selling(shop.stage.merchant.pk, [shop.listing(SKU).product_id], now=shop.stage.now)


def test_a_new_lead_time_does_not_bring_sold_units_back(shop: Assortment) -> None:
    shop.amazon.set(listing_delay_s=600)
    shop.change([SKU], stock=0)
    shop.pass_time(0.1)
    shop.change([SKU], lead_time_days=3)
    shop.pass_time(0.1)
    shop.pass_time(11)
    assert shop.at_amazon(SKU)[:2] == (0, 3)


class TestPriceGuard:
    def test_it_goes_by_what_amazon_accepted_until_that_shows(self, shop: Assortment) -> None:
        shop.amazon.set(listing_delay_s=600)
        shop.change([SKU], price=Decimal("29.00"))
        shop.pass_time(0.1)
        shop.change([SKU], price=Decimal("42.00"))  # 45 % more than 29, 110 % more than the 20 that show
        shop.pass_time(0.1)
        shop.pass_time(11)
        assert shop.at_amazon(SKU)[2] == Decimal("42.00")

    def test_a_fall_by_half_is_held_although_the_old_price_still_shows(self, shop: Assortment) -> None:
        shop.amazon.set(listing_delay_s=600)
        shop.change([SKU], price=Decimal("29.00"))
        shop.pass_time(0.1)
        shop.change([SKU], price=Decimal("12.00"))
        shop.pass_time(12)
        assert shop.at_amazon(SKU)[2] == Decimal("29.00")
        assert shop.listing(SKU).reason == "price_held"

    def test_a_price_that_fits_again_is_let_go(self, shop: Assortment) -> None:
        shop.change([SKU], price=Decimal("42.00"))
        shop.pass_time(1)
        held = shop.listing(SKU).reason
        shop.amazon.change_listing(SKU, price=Decimal("35.00"))
        look_again(shop)
        shop.pass_time(1)
        assert held == "price_held"
        assert shop.at_amazon(SKU)[2] == Decimal("42.00")


def test_what_a_seller_does_with_an_unticked_offer_is_left_alone(shop: Assortment) -> None:
    untick(shop)
    shop.pass_time(1)
    told = shop.at_amazon(SKU)[0]
    shop.pass_time(20)
    shop.amazon.change_listing(SKU, stock=4)
    look_again(shop)
    shop.pass_time(60)
    assert told == 0
    assert shop.at_amazon(SKU)[0] == 4


def test_an_offer_that_does_not_show_yet_is_told_as_soon_as_it_does(shop: Assortment) -> None:
    """Amazon accepted it a moment ago, and does not know it when the last piece is sold."""
    shop.change([SKU], stock=50)
    shop.pass_time(0.1)
    known = shop.amazon.world.demo.listings
    hidden = known.pop(SKU)
    shop.change([SKU], stock=0)
    shop.pass_time(1)
    reason = shop.listing(SKU).reason
    known[SKU] = hidden
    shop.pass_time(6)
    assert reason == ""
    assert shop.at_amazon(SKU)[0] == 0


def test_a_file_empties_an_override_and_amazon_hears_of_the_shops_own_stock(shop: Assortment) -> None:
    merchant, now = shop.stage.merchant, shop.stage.now
    import_products(merchant, f"code,amazon_stock\n{SKU},3", actor="anna@example.org", now=now)
    shop.pass_time(1)
    overridden = shop.at_amazon(SKU)[0]
    import_products(merchant, f"code,amazon_stock\n{SKU},", actor="anna@example.org", now=now)
    shop.pass_time(1)
    assert overridden == 3
    assert shop.at_amazon(SKU)[0] == 100


class TestMany:
    @pytest.fixture(autouse=True)
    def _few_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kogge.amazon.offers.sending.MOST_BY_PATCH", 10)

    def test_what_arrives_in_portions_is_one_feed(self, shop: Assortment) -> None:
        skus = shop.sell(60, prefix="MANY")
        shop.pass_time(2)
        for start in range(0, 60, 20):
            shop.change(skus[start : start + 20], stock=7)
            shop.pass_time(0.1)
        shop.pass_time(5)
        assert len(shop.listings_feeds()) == 1
        assert {shop.at_amazon(sku)[0] for sku in skus} == {7}

    def test_what_is_in_a_feed_that_hangs_is_said_otherwise(self, shop: Assortment) -> None:
        skus = shop.sell(30, prefix="MANY")
        shop.pass_time(2)
        shop.amazon.set(new_feeds_stuck_in="IN_PROGRESS")
        shop.change(skus, stock=7)
        shop.pass_time(130)
        while_it_hangs = {shop.at_amazon(sku)[0] for sku in skus}
        [feed] = shop.listings_feeds()
        shop.change(skus, stock=6)
        shop.pass_time(5)
        shop.amazon.set(new_feeds_stuck_in="")
        shop.amazon.change_feed(feed.feed_id, stuck_in="")
        shop.pass_time(60)
        assert while_it_hangs == {7}
        assert {shop.at_amazon(sku)[0] for sku in skus} == {6}
