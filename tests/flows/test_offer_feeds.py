"""Many changed offers reach Amazon in as few feeds as possible, and nothing that was set there is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from kogge.amazon.feeds.models import Feed, FeedPart
from kogge.engine.models import Due
from kogge.simulator import Simulator, World
from kogge.simulator.faults import Kind
from tests.amazon_models import check_exchange
from tests.flows.conftest import GERMANY, Stage
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
def led(shop: Assortment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Thirty offers that Amazon shows as the shop has them, led by Kogge; more than ten make a feed."""
    monkeypatch.setattr("kogge.amazon.offers.sending.MOST_BY_PATCH", 10)
    skus = shop.sell_known(30)
    start(shop)
    return skus


def start(shop: Assortment) -> None:
    """The merchant's word, and from now on calls are counted."""
    shop.agree()
    shop.pass_time(1)
    shop.amazon.world.calls.clear()


class TestMany:
    """Over a thousand offers; their requests are not compared with Amazon's models, which takes longer."""

    @pytest.fixture
    def amazon(self) -> Iterator[Simulator]:
        with Simulator(world=World(quotas="amazon", clock=StandingClock())) as simulator:
            yield simulator
            assert simulator.violations == []

    def test_more_than_a_thousand_changed_stocks_are_one_feed(self, shop: Assortment) -> None:
        skus = shop.sell_known(1200)
        start(shop)

        shop.sell_some(skus, 7)
        shop.pass_time(10)

        [feed] = shop.listings_feeds()
        assert feed.status == "DONE"
        assert {shop.at_amazon(sku)[0] for sku in skus} == {93}
        assert shop.states() == {"sent"}
        assert shop.calls("patchListingsItem") == 0
        assert shop.calls("searchListingsItems") == 60
        assert shop.calls("createFeed") == shop.calls("getFeedDocument") == 1


class TestOneFeed:
    def test_changed_prices_and_lead_times_replace_nothing_else(
        self, shop: Assortment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kogge.amazon.offers.sending.MOST_BY_PATCH", 10)
        set_there = {
            "sale_price": Decimal("15.00"),
            "business_price": Decimal("18.00"),
            "min_price": Decimal("10.00"),
        }
        skus = shop.sell_known(50, **set_there)
        start(shop)

        shop.change(skus, price=Decimal("22.00"), lead_time_days=4)
        shop.pass_time(5)

        [_feed] = shop.listings_feeds()
        assert shop.calls("searchListingsItems") == 3
        assert shop.calls("patchListingsItem") == 0
        for sku in skus:
            listing = shop.amazon.listing(sku)
            assert shop.at_amazon(sku) == (100, 4, Decimal("22.00"))
            assert listing.price_in(GERMANY, audience="B2B") == Decimal("18.00")
            assert listing.price_in(GERMANY, "minimum_seller_allowed_price") == Decimal("10.00")
            assert listing.entry("purchasable_offer", audience="ALL")["discounted_price"]
        assert shop.states() == {"sent"}
        assert not FeedPart.objects.everyone().exists()

    def test_stocks_and_prices_of_one_import_share_a_feed(self, shop: Assortment, led: list[str]) -> None:
        shop.change(led[:25], stock=40)
        shop.change(led[20:], price=Decimal("21.00"))
        shop.pass_time(5)

        [_feed] = shop.listings_feeds()
        assert shop.calls("searchListingsItems") == 2
        assert [shop.at_amazon(led[number]) for number in (0, 22, 29)] == [
            (40, 2, Decimal("20.00")),
            (40, 2, Decimal("21.00")),
            (100, 2, Decimal("21.00")),
        ]

    def test_a_feed_is_read_back_and_then_live(self, shop: Assortment, led: list[str]) -> None:
        shop.sell_some(led, 1)
        shop.pass_time(5)
        sent = shop.states()

        shop.pass_time(20)

        assert sent == {"sent"}
        assert shop.states() == {"live"}
        assert shop.calls("searchListingsItems") == 4

    def test_the_next_feed_waits_twenty_minutes_and_patches_go_on(
        self, shop: Assortment, led: list[str]
    ) -> None:
        shop.sell_some(led, 1)
        shop.pass_time(3)

        shop.sell_some(led, 1)
        shop.pass_time(3)

        assert len(shop.listings_feeds()) == 1
        assert shop.calls("patchListingsItem") == 30
        assert {shop.at_amazon(sku)[0] for sku in led} == {98}
        shop.pass_time(20)
        shop.sell_some(led, 1)
        shop.pass_time(3)
        assert len(shop.listings_feeds()) == 2

    def test_what_is_too_much_for_a_feed_waits_for_the_next(
        self, shop: Assortment, led: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kogge.amazon.offers.bulk.MOST_IDENTIFIERS", 5)
        monkeypatch.setattr("kogge.amazon.offers.bulk.MAX_BYTES", 5_000)
        shop.sell_some(led, 1)

        shop.pass_time(3)

        assert 10 < Feed.objects.everyone().get().message_count < 25
        shop.pass_time(3)
        assert {shop.at_amazon(sku)[0] for sku in led} == {99}


class TestVerdicts:
    def test_only_what_amazon_refuses_is_a_problem(self, shop: Assortment, led: list[str]) -> None:
        issue = {"code": "90220", "message": "A required value is missing.", "severity": "ERROR"}
        shop.amazon.change_listing(led[3], issues=[issue])

        shop.sell_some(led, 1)
        shop.pass_time(5)

        refused = shop.listing(led[3])
        assert (refused.state, refused.reason) == ("problem", "invalid")
        assert refused.details["issues"][0]["code"] == "90220"
        assert shop.listings(state="sent").count() == 29
        assert shop.stage.troubles() == {"offers_refused"}
        assert shop.calls("patchListingsItem") == 0

    def test_a_price_that_jumps_is_left_out_and_the_rest_goes(self, shop: Assortment, led: list[str]) -> None:
        shop.change(led[:15], price=Decimal("21.00"))
        shop.amazon.change_listing(led[2], price=Decimal("60.00"))  # meanwhile, at Amazon
        shop.pass_time(5)

        held = shop.listing(led[2])
        assert (held.state, held.reason) == ("problem", "price_held")
        assert shop.at_amazon(led[2])[2] == Decimal("60.00")
        assert shop.at_amazon(led[1])[2] == Decimal("21.00")

    def test_an_offer_that_amazon_ships_now_gets_no_units(self, shop: Assortment, led: list[str]) -> None:
        shop.amazon.change_listing(led[5], channel="AMAZON_EU")

        shop.change(led, stock=40, price=Decimal("21.00"))
        shop.pass_time(5)

        assert shop.amazon.listing(led[5]).channel == "AMAZON_EU"
        assert shop.at_amazon(led[5])[2] == Decimal("21.00")
        assert shop.at_amazon(led[6])[0] == 40

    def test_an_offer_that_is_gone_is_told_and_spoils_nothing(self, shop: Assortment, led: list[str]) -> None:
        shop.amazon.change_listing(led[5], is_gone=True)

        shop.change(led, price=Decimal("21.00"))
        shop.pass_time(5)

        assert shop.listing(led[5]).reason == "not_found"
        assert shop.listings(state="sent").count() == 29
        assert shop.stage.troubles() == {"offers_not_found"}

    @pytest.mark.parametrize("fate", ["FATAL", "CANCELLED"])
    def test_an_aborted_feed_is_said_again(self, shop: Assortment, led: list[str], fate: str) -> None:
        shop.amazon.set(new_feeds_fate=fate)
        shop.sell_some(led, 1)
        shop.pass_time(2)
        shop.amazon.set(new_feeds_fate="")

        shop.pass_time(8)

        assert {shop.at_amazon(sku)[0] for sku in led} == {99}
        assert shop.states() == {"sent"}
        assert shop.stage.troubles() == set()

    def test_a_report_nobody_can_read_decides_nothing(
        self, shop: Assortment, led: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unreadable = b'{"header": {}, "issues": ['
        monkeypatch.setattr(
            "kogge.spapi.feeds_2021_06_30.result_document", lambda _client, _document_id: unreadable
        )
        shop.sell_some(led, 1)

        shop.pass_time(1.5)

        assert shop.listings(is_unsure=True).count() == 30
        assert not shop.listings(accepted_at__isnull=False).exists()
        shop.pass_time(10)
        assert shop.states() == {"sent"}

    def test_a_change_while_the_feed_is_under_way_wins(self, shop: Assortment, led: list[str]) -> None:
        shop.amazon.set(feed_process_s=300)
        shop.sell_some(led, 1)
        shop.pass_time(1)

        shop.change(led[:2], stock=0)
        shop.pass_time(0.2)
        patched = [shop.at_amazon(sku)[0] for sku in led[:3]]
        shop.pass_time(20)

        assert patched == [0, 0, 100]
        assert [shop.at_amazon(sku)[0] for sku in led[:3]] == [0, 0, 99]
        assert shop.states() == {"sent"}
        shop.pass_time(20)
        assert shop.states() == {"live"}


class TestAccidents:
    @pytest.mark.parametrize(
        ("operation", "fault"),
        [
            ("searchListingsItems", "429"),
            ("searchListingsItems", "bad-json"),
            ("createFeedDocument", "drop-connection"),
            ("upload", "503-html"),
            ("createFeed", "429"),
            ("getFeed", "bad-json"),
            ("getFeedDocument", "503-html"),
        ],
    )
    def test_whatever_step_fails_it_is_one_feed_and_all_arrives(
        self, shop: Assortment, led: list[str], operation: str, fault: Kind
    ) -> None:
        shop.change(led, price=Decimal("21.00"))
        shop.amazon.fault(operation, fault)

        shop.pass_time(15)

        [_feed] = shop.listings_feeds()
        assert {shop.at_amazon(sku)[2] for sku in led} == {Decimal("21.00")}
        assert shop.states() == {"sent"}
        assert shop.stage.troubles() == set()

    @pytest.mark.parametrize("fault", ["drop-after", "bad-json"])
    def test_a_feed_whose_creation_was_not_answered_is_found(
        self, shop: Assortment, led: list[str], fault: Kind
    ) -> None:
        shop.sell_some(led, 1)
        shop.amazon.fault("createFeed", fault)

        shop.pass_time(8)

        assert len(shop.listings_feeds()) == 1
        assert shop.states() == {"sent"}

    @pytest.mark.parametrize(
        "step",
        [
            "kogge.amazon.offers.bulk._prepare",
            "kogge.amazon.feeds.parts.together",
            "kogge.amazon.feeds.handing_over._opened",
            "kogge.amazon.feeds.polling.finish",
            "kogge.amazon.offers.bulk._Verdicts.give",
        ],
    )
    def test_a_crash_before_any_step_loses_nothing_and_makes_no_second_feed(
        self, shop: Assortment, led: list[str], monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        shop.change(led, price=Decimal("21.00"))

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(step, crash)
            with pytest.raises(KeyboardInterrupt):
                shop.pass_time(5)
        Due.objects.update(leased_until=None)
        shop.pass_time(10)

        assert len(shop.listings_feeds()) == 1
        assert {shop.at_amazon(sku)[2] for sku in led} == {Decimal("21.00")}
        assert shop.states() == {"sent"}

    def test_a_crash_while_the_feed_is_built_leaves_the_listings_waiting(
        self, shop: Assortment, led: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.sell_some(led, 1)

        def crash(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Feed.objects.everyone().__class__, "create", crash)
            with pytest.raises(KeyboardInterrupt):
                shop.pass_time(5)
        Due.objects.update(leased_until=None)
        waiting = shop.listings(priority__isnull=False, feed__isnull=True).count()
        shop.wake("send_offers")
        shop.pass_time(5)

        assert waiting == 30
        assert len(shop.listings_feeds()) == 1
        assert {shop.at_amazon(sku)[0] for sku in led} == {99}

    def test_preparing_goes_on_where_a_limit_stopped_it(self, shop: Assortment, led: list[str]) -> None:
        shop.amazon.fault("searchListingsItems", "429", after=1)
        shop.change(led, price=Decimal("21.00"))

        shop.pass_time(10)

        assert shop.calls("searchListingsItems") == 3  # answered, refused, answered
        assert {shop.at_amazon(sku)[2] for sku in led} == {Decimal("21.00")}

    def test_what_was_prepared_long_ago_is_looked_at_again(self, shop: Assortment, led: list[str]) -> None:
        shop.change(led, price=Decimal("21.00"))
        shop.amazon.fault("createFeedDocument", "503-html", times=None)
        shop.pass_time(2)
        FeedPart.objects.everyone().update(made_at=shop.stage.now - timedelta(minutes=16))
        shop.amazon.change_listing(led[0], sale_price=Decimal("12.00"))
        shop.amazon.clear_faults()

        shop.pass_time(10)

        listing = shop.amazon.listing(led[0])
        assert listing.price == Decimal("21.00")
        assert listing.entry("purchasable_offer", audience="ALL")["discounted_price"]

    def test_a_feed_that_hangs_is_alarmed_and_the_listings_are_said_another_way(
        self, shop: Assortment, led: list[str]
    ) -> None:
        shop.amazon.set(new_feeds_stuck_in="IN_QUEUE")
        shop.sell_some(led, 1)
        shop.pass_time(110)
        shop.amazon.set(new_feeds_stuck_in="")
        before = shop.stage.troubles()

        shop.pass_time(30)

        assert before == set()
        assert [feed.status for feed in shop.listings_feeds()] == ["CANCELLED", "DONE"]
        assert {shop.at_amazon(sku)[0] for sku in led} == {99}

    def test_a_feed_of_listings_holds_up_no_cancellation(self, shop: Assortment, led: list[str]) -> None:
        from kogge.amazon.feeds.messages import queue_cancellation

        [order] = shop.stage.buy(kind="standard", marketplace_id=GERMANY)
        shop.change(led, price=Decimal("21.00"))
        shop.pass_time(0.1)
        shop.amazon.fault("searchListingsItems", "503-html", times=None)
        queue_cancellation(
            shop.stage.connection.pk,
            order.order_id,
            marketplace_id=order.marketplace.id,
            item_ids=[item.item_id for item in order.items],
            reason="no_inventory",
            now=shop.stage.now,
        )

        shop.pass_time(2)

        assert shop.amazon.order(order.order_id).status == "CANCELLED"

    def test_a_feed_under_way_counts_as_waiting(self, shop: Assortment, led: list[str]) -> None:
        shop.sell_some(led, 1)
        shop.stage.amazon.advance(12)
        shop.stage.run("send_offers")

        under_way = shop.stage.run("send_feeds")
        shop.amazon.advance(60)
        settled = shop.stage.run("send_feeds")

        assert under_way.waiting
        assert under_way.next_due - shop.stage.now < timedelta(minutes=2)
        assert not settled.waiting
        assert settled.done == 30
