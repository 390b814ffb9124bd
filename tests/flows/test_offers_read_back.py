"""Kogge looks at what Amazon shows: at first contact, after each change, and once more when it differs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.engine.models import Due
from kogge.simulator import Simulator, World
from kogge.simulator.faults import Kind
from kogge.simulator.listings import Listing as AmazonListing
from tests.amazon_models import check_exchange
from tests.flows.conftest import Stage
from tests.flows.offer_stage import Assortment, StandingClock

pytestmark = pytest.mark.django_db


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    """Amazon with its real limits, and with Amazon's models to hold every exchange against."""
    world = World(quotas="amazon", clock=StandingClock())
    with Simulator(world=world, on_exchange=check_exchange) as simulator:
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def shop(stage: Stage) -> Assortment:
    return Assortment(stage)


@pytest.fixture
def sku(shop: Assortment) -> str:
    """One offer that Kogge knows and leads."""
    [sku] = shop.sell_known(1)
    shop.agree()
    shop.pass_time(1)
    return sku


def standing(shop: Assortment, sku: str) -> tuple[str, str]:
    listing = shop.listing(sku)
    return listing.state, listing.reason


class TestFirstContact:
    def test_sixty_offers_take_three_calls_and_nothing_is_said(self, shop: Assortment) -> None:
        shop.sell(60, stock=40)
        shop.amazon.world.calls.clear()

        shop.pass_time(5)

        assert shop.calls("searchListingsItems") == 3
        assert shop.listings(shown_at__isnull=True).count() == 0
        assert {row.shown.quantity for row in shop.listings()} == {40}
        assert set(shop.listings().values_list("differs", flat=True)) == {"q"}
        assert set(shop.amazon.calls) <= {"searchListingsItems", "token"}

    def test_a_sku_is_found_by_its_asin_and_kept(self, shop: Assortment) -> None:
        [sku] = shop.sell(1, by_asin=True)

        shop.pass_time(5)

        assert Offer.objects.of(shop.stage.merchant).get().sku == sku
        assert shop.listing(sku).shown.quantity == 100

    def test_several_skus_of_an_asin_are_the_merchants_choice(self, shop: Assortment) -> None:
        [sku] = shop.sell(1, by_asin=True)
        asin = shop.amazon.listing(sku).asin
        listings = shop.amazon.world.demo.listings
        del listings[sku]
        for other in ("OTHER-1", "OTHER-2"):
            listings[other] = AmazonListing(other, asin, "Artikel", Decimal("20.00"))

        shop.pass_time(5)

        [listing] = shop.listings()
        assert (listing.state, listing.reason) == ("problem", "ambiguous")
        assert listing.details == {"skus": ["OTHER-1", "OTHER-2"]}
        assert shop.stage.troubles() == {"offers_ambiguous"}

    def test_what_amazon_does_not_know_is_told_and_looked_for_daily(self, shop: Assortment) -> None:
        [sku] = shop.sell(1)
        kept = shop.amazon.listing(sku)
        shop.amazon.change_listing(sku, is_gone=True)
        shop.pass_time(5)
        told = standing(shop, sku), shop.stage.troubles()
        shop.amazon.world.demo.listings[sku] = kept

        shop.pass_time(24 * 60 + 5)

        assert told == (("problem", "not_found"), {"offers_not_found"})
        assert standing(shop, sku) == ("ready", "")
        assert shop.stage.troubles() == set()

    def test_an_offer_without_asin_and_sku_costs_no_call(self, shop: Assortment) -> None:
        shop.sell(1)
        Offer.objects.everyone().update(asin="", sku="")
        shop.amazon.world.calls.clear()

        shop.pass_time(5)

        [listing] = shop.listings()
        assert (listing.state, listing.reason) == ("problem", "no_identity")
        assert not shop.amazon.calls

    def test_an_offer_that_amazon_ships_is_known_as_such(self, shop: Assortment) -> None:
        [sku] = shop.sell(1, channel="AMAZON_EU")

        shop.pass_time(5)

        assert shop.listing(sku).channel == "AMAZON_EU"

    @pytest.mark.parametrize("fault", ["429", "503-html", "drop-connection", "bad-json"])
    def test_a_failed_look_is_repeated_and_what_was_seen_is_kept(self, shop: Assortment, fault: Kind) -> None:
        shop.sell(40)
        shop.amazon.world.calls.clear()
        shop.amazon.fault("searchListingsItems", fault, after=1)

        shop.pass_time(5)

        assert shop.calls("searchListingsItems") == 3
        assert not shop.listings(shown_at__isnull=True).exists()

    def test_a_crash_between_two_looks_loses_nothing(
        self, shop: Assortment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.sell(40)
        from kogge.amazon.offers import reading

        store = reading._store

        def crash_second(*arguments: Any) -> None:
            if shop.listings(shown_at__isnull=False).exists():
                raise KeyboardInterrupt
            store(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(reading, "_store", crash_second)
            with pytest.raises(KeyboardInterrupt):
                shop.pass_time(5)
        seen = shop.listings(shown_at__isnull=False).count()
        Due.objects.update(leased_until=None)
        shop.pass_time(5)

        assert seen == 20
        assert not shop.listings(shown_at__isnull=True).exists()


class TestReadingBack:
    def test_what_amazon_shows_as_told_is_live(self, shop: Assortment, sku: str) -> None:
        shop.sell_some([sku], 1)
        shop.pass_time(5)
        told = standing(shop, sku)

        shop.pass_time(15)

        assert told == ("sent", "")
        assert standing(shop, sku) == ("live", "")
        assert shop.calls("patchListingsItem") == 1

    def test_a_difference_is_said_once_more_and_then_a_task(self, shop: Assortment, sku: str) -> None:
        shop.amazon.change_listing(sku, is_frozen=True)
        shop.sell_some([sku], 1)

        shop.pass_time(20)
        patches_then = shop.calls("patchListingsItem")
        shop.pass_time(60)

        assert patches_then == shop.calls("patchListingsItem") == 2
        assert standing(shop, sku) == ("drift", "drift")
        assert shop.listing(sku).details["shown"]["quantity"] == 100
        assert shop.stage.troubles() == {"offers_drift"}

    def test_a_drift_that_is_over_is_live_again(self, shop: Assortment, sku: str) -> None:
        shop.amazon.change_listing(sku, is_frozen=True)
        shop.sell_some([sku], 1)
        shop.pass_time(60)
        shop.amazon.change_listing(sku, is_frozen=False, stock=99)

        shop.pass_time(24 * 60)

        assert standing(shop, sku) == ("live", "")
        assert shop.stage.troubles() == set()

    def test_one_lost_change_is_repeated_and_live(self, shop: Assortment, sku: str) -> None:
        shop.amazon.set(new_patches_lost=True)
        shop.change([sku], price=Decimal("21.00"))
        shop.pass_time(5)
        shop.amazon.set(new_patches_lost=False)

        shop.pass_time(40)

        assert shop.at_amazon(sku)[2] == Decimal("21.00")
        assert standing(shop, sku) == ("live", "")

    def test_units_amazon_counts_down_by_itself_are_not_given_back_at_once(
        self, shop: Assortment, sku: str
    ) -> None:
        shop.change([sku], stock=50)
        shop.pass_time(5)
        shop.amazon.change_listing(sku, stock=49)  # a buyer; the order comes later

        shop.pass_time(14)
        waits = shop.calls("patchListingsItem")
        shop.sell_some([sku], 1)  # here it is
        shop.pass_time(20)

        assert waits == 1
        assert shop.at_amazon(sku)[0] == 49
        assert standing(shop, sku) == ("live", "")

    def test_units_that_stay_missing_are_said_again(self, shop: Assortment, sku: str) -> None:
        shop.change([sku], stock=50)
        shop.pass_time(5)
        shop.amazon.change_listing(sku, stock=49)

        shop.pass_time(60)

        assert shop.at_amazon(sku)[0] == 50
        assert standing(shop, sku) == ("live", "")

    def test_what_kogge_does_not_lead_may_differ(self, shop: Assortment, sku: str) -> None:
        shop.agree(lead_time=False, price=False)
        shop.change([sku], stock=50)
        shop.pass_time(5)
        shop.amazon.change_listing(sku, price=Decimal("33.00"), lead_time_days=9)

        shop.pass_time(40)

        assert shop.at_amazon(sku) == (50, 9, Decimal("33.00"))
        assert standing(shop, sku) == ("live", "")
