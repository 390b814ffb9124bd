"""What comes later: another marketplace, another account, another SKU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections import accounts
from kogge.amazon.offers import outcomes
from kogge.amazon.offers.keeping import keep_offer
from kogge.amazon.offers.models import Listing
from kogge.simulator import Simulator, World, credentials
from kogge.simulator.listings import Listing as AmazonListing
from tests.flows.conftest import FRANCE, GERMANY, ITALY, SharedClock, Stage, set_up
from tests.flows.offer_stage import Assortment, StandingClock

pytestmark = pytest.mark.django_db


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(world=World(quotas="off", clock=StandingClock())) as simulator:
        yield simulator
        assert simulator.violations == []


@pytest.fixture
def shop(
    db: None, amazon: Simulator, clock: SharedClock, point_at: Callable[[Simulator], None]
) -> Assortment:
    return Assortment(set_up(amazon, clock, point_at))


def test_a_marketplace_that_is_added_later_gets_its_prices(shop: Assortment) -> None:
    accounts.set_marketplaces(shop.stage.connection, [GERMANY, ITALY], now=shop.stage.now)
    skus = shop.sell(3, prices={FRANCE: Decimal("22.00")})
    shop.first_contact()
    shop.agree()
    shop.pass_time(60)
    before = {shop.amazon.listing(sku).price_in(FRANCE) for sku in skus}

    accounts.set_marketplaces(shop.stage.connection, [GERMANY, ITALY, FRANCE], now=shop.stage.now)
    shop.pass_time(1)

    assert before == {Decimal("22.00")}
    assert {shop.amazon.listing(sku).price_in(FRANCE) for sku in skus} == {Decimal("20.00")}
    shop.pass_time(40)
    assert shop.states() == {"live"}


def test_an_account_where_the_product_has_another_sku_is_told_nothing_and_says_so(shop: Assortment) -> None:
    [sku] = shop.sell(1)
    other = shop.amazon.add_account("A2OTHER", "Zweitladen", "Atzr|other")
    other.listings["ANDERS-1"] = AmazonListing(
        "ANDERS-1", "B00OTHER01", "Anders", price=Decimal("33.00"), stock=3
    )
    second = accounts.connect(
        shop.stage.merchant,
        region="eu",
        seller_id="A2OTHER",
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token="Atzr|other",
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        start_from=None,
        now=shop.stage.now,
    )
    theirs = Assortment(Stage(shop.stage.amazon, shop.stage.clock, shop.stage.merchant, second))
    for each in (shop, theirs):
        each.pass_time(5)
        each.agree()
        each.pass_time(5)

    shop.change([sku], stock=4, price=Decimal("21.00"))
    for each in (shop, theirs):
        each.pass_time(60)

    standing = {
        row.connection_id: (row.state, row.reason)
        for row in Listing.objects.of(shop.stage.merchant).filter(offer__sku=sku)
    }
    assert standing == {shop.stage.connection.pk: ("live", ""), second.pk: ("problem", "not_found")}
    assert shop.at_amazon(sku) == (4, 2, Decimal("21.00"))
    assert (other.listings["ANDERS-1"].stock, other.listings["ANDERS-1"].price) == (3, Decimal("33.00"))
    assert sku not in other.listings


def test_a_restriction_is_a_task(shop: Assortment) -> None:
    [sku] = shop.sell(1)
    shop.listings().update(state="problem", reason="restricted")

    outcomes.refresh_alarms(shop.stage.connection.pk, now=shop.stage.now)

    assert shop.listing(sku).reason == "restricted"
    assert shop.stage.troubles() == {"offers_refused"}


def test_an_offer_that_was_gone_is_told_everything_when_it_is_there_again(shop: Assortment) -> None:
    [sku] = shop.sell_known(1)
    shop.agree()
    shop.change([sku], stock=5)
    shop.pass_time(60 * 2)
    kept = shop.amazon.listing(sku)
    shop.amazon.change_listing(sku, is_gone=True)
    shop.change([sku], price=Decimal("21.00"))
    shop.pass_time(5)
    lost = shop.listing(sku).reason
    kept.stock, kept.price = 100, Decimal("20.00")  # somebody made it anew
    shop.amazon.set_listings([kept])

    shop.pass_time(24 * 60 - 2)  # the daily look was three minutes ago

    assert lost == "not_found"
    assert shop.at_amazon(sku) == (5, 2, Decimal("21.00"))
    shop.pass_time(40)
    assert (shop.listing(sku).state, shop.listing(sku).reason) == ("live", "")


def test_an_offer_that_is_right_at_first_contact_is_looked_at_daily(shop: Assortment) -> None:
    [sku] = shop.sell(1)
    shop.first_contact()
    shop.agree()
    shop.pass_time(5)
    shop.amazon.change_listing(sku, stock=300)  # in Seller Central, and Kogge was never to say anything

    shop.pass_time(25 * 60)

    assert shop.at_amazon(sku)[0] == 100


def test_a_sku_named_while_amazon_is_asked_for_the_asin_is_looked_for_at_once(
    shop: Assortment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.amazon.offers import changes, reading

    [sku] = shop.sell(1, by_asin=True)
    twin = AmazonListing("ANDERS-2", shop.amazon.listing(sku).asin, "Zwilling", price=Decimal("20.00"))
    third = AmazonListing("ANDERS-3", twin.asin, "Drilling", price=Decimal("20.00"))
    del shop.amazon.world.demo.listings[sku]
    shop.amazon.set_listings([twin, third])
    look = reading._look

    def and_meanwhile(*asked: object) -> object:
        answer = look(*asked)  # type: ignore[arg-type]
        if Offer.objects.of(shop.stage.merchant).filter(sku="").update(sku="ANDERS-2"):
            product_id = Offer.objects.of(shop.stage.merchant).get().product_id
            changes.offers_changed(shop.stage.merchant.pk, [product_id], now=shop.stage.now)
        return answer

    monkeypatch.setattr(reading, "_look", and_meanwhile)
    shop.pass_time(5)

    [listing] = shop.listings()
    assert (listing.state, listing.reason, listing.shown.quantity) == ("ready", "", 100)


class TestFarewell:
    """The merchant names another SKU or ASIN: the old offer must not go on selling what Kogge told it."""

    @pytest.fixture
    def sku(self, shop: Assortment) -> str:
        [sku] = shop.sell(1)
        twin = shop.amazon.listing(sku)
        shop.amazon.set_listings([AmazonListing("NEU-1", twin.asin, "Artikel", price=twin.price, stock=1)])
        shop.first_contact()
        shop.agree()
        shop.change([sku], stock=40)
        shop.pass_time(30)
        return sku

    def rename(self, shop: Assortment, old: str, new: str, **values: object) -> None:
        offer = Offer.objects.of(shop.stage.merchant).get(sku=old)
        keep_offer(shop.stage.merchant, offer.product_id, {"sku": new, **values}, now=shop.stage.now)

    def test_the_old_sku_is_sold_out_and_the_new_one_has_the_units(self, shop: Assortment, sku: str) -> None:
        self.rename(shop, sku, "NEU-1")
        shop.pass_time(5)

        assert [shop.at_amazon(one)[0] for one in (sku, "NEU-1")] == [0, 40]
        patches = shop.calls("patchListingsItem")
        shop.amazon.change_listing(sku, stock=5)  # the merchant sells it by hand
        shop.pass_time(24 * 60)
        assert shop.at_amazon(sku)[0] == 5
        assert shop.calls("patchListingsItem") == patches

    def test_a_sku_that_is_named_again_at_once_keeps_its_units(self, shop: Assortment, sku: str) -> None:
        self.rename(shop, sku, "NEU-1")
        shop.pass_time(0.1)
        self.rename(shop, "NEU-1", sku)
        shop.pass_time(30)

        assert [shop.at_amazon(one)[0] for one in (sku, "NEU-1")] == [40, 0]

    def test_a_corrected_asin_that_finds_the_same_sku_is_no_farewell(
        self, shop: Assortment, sku: str
    ) -> None:
        del shop.amazon.world.demo.listings["NEU-1"]
        offer = Offer.objects.of(shop.stage.merchant).get(sku=sku)
        asin = offer.asin
        Offer.objects.everyone().filter(pk=offer.pk).update(asin="B00TYPO001")
        patches = shop.calls("patchListingsItem")
        keep_offer(shop.stage.merchant, offer.product_id, {"asin": asin}, now=shop.stage.now)
        shop.pass_time(30)

        assert shop.listing(sku).state == "live"
        assert shop.calls("patchListingsItem") == patches

    def test_it_is_said_once_amazon_answers_and_never_of_amazons_own_units(
        self, shop: Assortment, sku: str
    ) -> None:
        shop.amazon.fault("patchListingsItem", "drop-connection", times=3)
        self.rename(shop, sku, "NEU-1")
        shop.pass_time(30)
        assert shop.at_amazon(sku)[0] == 0

        shop.amazon.change_listing("NEU-1", channel="AMAZON_EU")
        self.rename(shop, "NEU-1", sku)
        shop.pass_time(30)
        assert shop.amazon.listing("NEU-1").is_fba
        assert shop.at_amazon(sku)[0] == 40

    def test_nothing_is_told_of_units_that_amazon_leads(self, shop: Assortment, sku: str) -> None:
        shop.agree(quantity=False)
        self.rename(shop, sku, "NEU-1")
        shop.pass_time(30)

        assert [shop.at_amazon(one)[0] for one in (sku, "NEU-1")] == [40, 1]
