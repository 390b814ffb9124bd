"""What changed is told: sold out first, only differences, each answer kept, nothing lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from kogge.amazon.connections import accounts
from kogge.amazon.offers import agreeing, changes, planning, sending
from kogge.amazon.offers.models import Agreement, Listing, Values
from kogge.engine import due
from kogge.engine.models import Due
from kogge.engine.work import LeaseLost
from kogge.spapi import listings_items_2021_08_01
from kogge.spapi.errors import AskHuman
from kogge.spapi.listings_items_2021_08_01 import patch_item
from tests.amazon.account import DE, FR
from tests.amazon.offers.conftest import Shelf

pytestmark = pytest.mark.django_db


def test_a_changed_stock_is_told_by_one_patch_and_nothing_else_is_touched(shelf: Shelf) -> None:
    shelf.put(listed={"sale_price": Decimal("8.00"), "business_price": Decimal("7.50")})
    before = shelf.there().copy()
    shelf.agree()
    shelf.count("TEE-1", 7)
    outcome = shelf.run("send_offers")

    assert (outcome.done, outcome.failed) == (1, 0)
    assert shelf.said() == {"patchListingsItem": 1}
    assert shelf.there().stock == 7
    before.stock = 7
    assert shelf.there().attributes == before.attributes
    listing = shelf.listing()
    assert (listing.state, listing.accepted.quantity, listing.priority) == ("sent", 7, None)
    assert listing.latency is not None
    assert listing.changed_at is None


def test_stock_lead_time_and_price_go_together_and_the_rest_survives(shelf: Shelf) -> None:
    shelf.put(
        listed={
            "sale_price": Decimal("8.00"),
            "business_price": Decimal("7.50"),
            "min_price": Decimal("5.00"),
            "max_price": Decimal("20.00"),
            "prices": {FR: Decimal("11.00")},
        }
    )
    expected = shelf.there().copy()
    shelf.agree(price="amazon")
    agreeing.agree(
        shelf.connection, quantity="kogge", lead_time="kogge", price="kogge", by="anna", now=shelf.now
    )
    shelf.change("TEE-1", price=Decimal("12.00"), lead_time_days=4, stock=3)
    shelf.run("send_offers")

    assert shelf.said() == {"patchListingsItem": 1}
    expected.stock, expected.lead_time_days = 3, 4
    expected.set_price("our_price", Decimal("12.00"), DE)
    expected.set_price("our_price", Decimal("12.00"), FR)
    assert _sorted(shelf.there().attributes) == _sorted(expected.attributes)


@pytest.mark.parametrize("leads", [None, "amazon"])
def test_nothing_is_told_before_kogge_leads_the_value(shelf: Shelf, leads: str | None) -> None:
    shelf.put("TEE-1", listed={"stock": 3, "price": Decimal("9.00"), "lead_time_days": 5})
    shelf.put("TEE-2", units=0, listed={"stock": 8})
    shelf.put("TEE-3", offer={"enabled": False})
    shelf.run("read_offers")
    shelf.run("send_offers")
    if leads:
        shelf.agree(leads, leads, leads)
    for code in ("TEE-1", "TEE-2", "TEE-3"):
        shelf.count(code, 1)
        shelf.change(code, price=Decimal("11.00"), lead_time_days=3)
    shelf.change_offer("TEE-1", enabled=False)
    shelf.amazon.advance(3600)
    for _round in range(3):
        shelf.run("send_offers")
        shelf.run("read_offers")
        shelf.run("send_feeds")

    assert shelf.said() == {}


@pytest.mark.parametrize("field", ["quantity", "lead_time", "price"])
def test_only_the_value_that_kogge_leads_is_told(shelf: Shelf, field: str) -> None:
    shelf.put(listed={"stock": 3, "price": Decimal("9.00"), "lead_time_days": 5})
    leaders = dict.fromkeys(["quantity", "lead_time", "price"], "amazon") | {field: "kogge"}
    shelf.agree(**leaders)

    there = shelf.there()
    expected = {"quantity": 3, "lead_time": 5, "price": Decimal("9.00")}
    expected |= {field: {"quantity": 10, "lead_time": 2, "price": Decimal("10.00")}[field]}
    assert {"quantity": there.stock, "lead_time": there.lead_time_days, "price": there.price} == expected
    assert shelf.said() == {"patchListingsItem": 1}


def test_a_paused_connection_tells_nothing_and_a_resumed_one_the_last_value(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    accounts.pause(shelf.connection.pk, accounts.BY_MERCHANT, now=shelf.now)
    shelf.count("TEE-1", 5)
    shelf.run("send_offers")
    shelf.count("TEE-1", 4)
    shelf.run("send_offers")
    assert shelf.said() == {}

    shelf.connection.refresh_from_db()
    accounts.resume(shelf.connection, shelf.now)
    shelf.run("send_offers")

    assert shelf.said() == {"patchListingsItem": 1}
    assert shelf.there().stock == 4


def test_a_cut_connection_is_not_even_woken(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    accounts.disconnect(shelf.connection, shelf.now)
    shelf.count("TEE-1", 5)
    assert not Due.objects.filter(operation="send_offers", subject=shelf.connection.pk).exists()
    assert shelf.listing().plan_at is not None


def test_back_and_forth_within_the_batch_tells_nothing(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 9)
    shelf.count("TEE-1", 10)
    shelf.run("send_offers")
    assert shelf.said() == {}


def test_what_is_sold_out_goes_first(shelf: Shelf) -> None:
    for number in range(4):
        shelf.put(f"TEE-{number}")
    shelf.agree()
    for number in range(3):
        shelf.count(f"TEE-{number}", 9)
    shelf.count("TEE-3", 0)
    order: list[str] = []
    patched = _watch(order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "patch_item", patched)
        shelf.run("send_offers")
    assert order[0] == "TEE-3"
    assert set(order) == {f"TEE-{number}" for number in range(4)}


def test_a_change_while_the_patch_is_on_its_way_is_told_next(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 7)

    def sell_meanwhile(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(sending, "patch_item", patch_item)
        shelf.count("TEE-1", 6)
        return patch_item(*args, **options)

    monkeypatch.setattr(sending, "patch_item", sell_meanwhile)
    shelf.run("send_offers")
    listing = shelf.listing()
    assert (shelf.there().stock, listing.accepted.quantity) == (7, 7)
    assert listing.plan_at is not None
    assert Due.objects.get(operation="send_offers", subject=shelf.connection.pk).due_at <= shelf.now

    shelf.run("send_offers")
    assert shelf.there().stock == 6


def test_a_death_between_request_and_answer_is_told_again_even_if_the_stock_went_back(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 9)
    shelf.run("send_offers")
    shelf.count("TEE-1", 7)

    class Killed(BaseException):
        pass

    def die(*args: Any, **options: Any) -> Any:
        patch_item(*args, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sending, "patch_item", die)
        with pytest.raises(Killed):
            sending.send_offers(shelf.work())
    assert shelf.there().stock == 7
    assert shelf.listing().sending == Values(7)
    shelf.amazon.advance(61)
    shelf.count("TEE-1", 9)  # what Amazon accepted last, but not what it has

    shelf.run("send_offers")
    assert shelf.there().stock == 9
    assert shelf.listing().sending_json is None


def test_an_overtaken_worker_stores_nothing(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 7)
    work = shelf.work()
    shelf.amazon.advance(due.LEASE.total_seconds() + 1)
    other = shelf.work()
    with pytest.raises(LeaseLost):
        planning.plan(shelf.connection, work)
    assert planning.plan(shelf.connection, other) == 1


def test_a_timeout_is_repeated_and_after_the_third_a_human_is_asked(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 7)
    shelf.amazon.fault("patchListingsItem", "500", times=50)
    for _attempt in range(3):
        shelf.run("send_offers")
        shelf.amazon.advance(3600)
    assert (shelf.listing().state, shelf.listing().reason) == ("problem", "unsure")
    assert shelf.troubles() == {"offers_unsure": 1}

    shelf.amazon.clear_faults()
    shelf.run("send_offers")
    assert shelf.there().stock == 7
    assert (shelf.listing().state, shelf.listing().is_unsure) == ("sent", False)
    assert shelf.troubles() == {}


def test_a_refused_price_does_not_hold_back_the_stock(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.amazon.set_quota("patchListingsItem", 5, 5)
    assert shelf.listing().state == "live"
    issue = {
        "code": "90220",
        "message": "Falsch.",
        "severity": "ERROR",
        "attribute_names": ["purchasable_offer"],
    }
    from kogge.amazon.offers import outcomes
    from kogge.spapi.listings_items_2021_08_01 import Issue

    shelf.change("TEE-1", price=Decimal("11.00"), stock=0)
    shelf.plan()
    listing = shelf.listing()
    assert listing.priority == Listing.Priority.SOLD_OUT
    refusal = Issue("90220", "Falsch.", "ERROR", ("purchasable_offer",))
    outcomes.refused([(listing, [refusal])], now=shelf.now)
    listing = shelf.listing()
    assert (listing.state, listing.reason) == ("problem", "invalid")
    assert listing.details["issues"][0] | issue == listing.details["issues"][0]
    assert planning.unsaid(listing, Agreement.objects.of(shelf.merchant).get()) == Values(0)

    shelf.run("send_offers")
    assert shelf.there().stock == 0
    assert shelf.there().price == Decimal("10.00")


def test_an_offer_of_amazons_warehouse_never_gets_units_or_days(shelf: Shelf) -> None:
    shelf.put(listed={"channel": "AMAZON_EU"}, days=3)
    shelf.agree()
    shelf.count("TEE-1", 0)
    shelf.change("TEE-1", price=Decimal("11.00"), lead_time_days=5)
    shelf.run("send_offers")
    assert shelf.there().is_fba
    assert shelf.there().price == Decimal("11.00")
    assert shelf.said() == {"patchListingsItem": 1}


def test_an_offer_that_moved_to_amazons_warehouse_meanwhile_is_noticed_before_a_price_goes(
    shelf: Shelf,
) -> None:
    shelf.put()
    shelf.agree()
    shelf.there().channel = "AMAZON_EU"
    shelf.change("TEE-1", price=Decimal("11.00"), stock=2)
    shelf.run("send_offers")
    assert shelf.there().is_fba
    assert shelf.there().price == Decimal("11.00")


def test_units_never_go_to_an_offer_that_amazon_ships_since_a_moment_ago(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.there().channel = "AMAZON_EU"
    shelf.count("TEE-1", 8)
    looks = shelf.amazon.calls["searchListingsItems"]
    shelf.run("send_offers")
    assert shelf.amazon.calls["searchListingsItems"] == looks + 1
    assert shelf.there().is_fba
    assert shelf.amazon.calls.get("patchListingsItem", 0) == 0


def test_a_sku_that_amazon_does_not_know_is_a_problem_and_the_others_go_on(shelf: Shelf) -> None:
    shelf.put("TEE-1")
    shelf.put("TEE-2")
    shelf.agree()
    del shelf.account.listings["TEE-1"]
    shelf.count("TEE-1", 9)
    shelf.count("TEE-2", 9)
    shelf.run("send_offers")
    assert (shelf.listing("TEE-1").state, shelf.listing("TEE-1").reason) == ("problem", "not_found")
    assert shelf.there("TEE-2").stock == 9
    assert shelf.troubles() == {"offers_not_found": 1}


def test_an_unticked_offer_is_told_zero_once(shelf: Shelf) -> None:
    shelf.put()
    shelf.agree()
    shelf.count("TEE-1", 8)
    shelf.run("send_offers")
    shelf.change_offer("TEE-1", enabled=False)
    for _round in range(2):
        shelf.run("send_offers")
        shelf.count("TEE-1", 5)
    assert shelf.there().stock == 0
    assert shelf.said() == {"patchListingsItem": 2}
    assert shelf.listing().state == "off"


def test_few_go_by_patch_at_amazons_pace(shelf: Shelf) -> None:
    for number in range(12):
        shelf.put(f"TEE-{number}")
    shelf.agree()
    shelf.amazon.set_quota("patchListingsItem", 5, 5)
    with transaction.atomic():
        for number in range(12):
            shelf.count(f"TEE-{number}", 9)
    rounds = 0
    while any(shelf.there(f"TEE-{number}").stock != 9 for number in range(12)):
        outcome = shelf.run("send_offers")
        shelf.amazon.advance(max(0.0, (outcome.next_due - shelf.now).total_seconds()))
        rounds += 1
        assert rounds < 30
    assert shelf.said() == {"patchListingsItem": 12}


def test_a_second_account_of_the_merchant_has_listings_of_its_own(shelf: Shelf) -> None:
    shelf.put()
    second = Listing.objects.of(shelf.merchant).count()
    shelf.connection.pk = None
    shelf.connection.seller_id = "A2SECOND"
    shelf.connection.save(force_insert=True)
    agreement = planning.agreement_of(shelf.connection)
    assert planning.enrol(shelf.connection, shelf.work())
    assert Listing.objects.of(shelf.merchant).count() == second + 1
    agreement.refresh_from_db()
    assert agreement.enrolled_to is None
    changes.products_changed(shelf.merchant.pk, [str(shelf.products["TEE-1"].pk)], now=shelf.now)
    woken = Due.objects.filter(operation="send_offers", due_at__lte=shelf.now + changes.BATCHING)
    assert woken.count() == 2


def _sorted(attributes: Any) -> dict[str, list[str]]:
    """The order of entries means nothing."""
    return {
        name: sorted(repr(sorted(entry.items())) for entry in entries) for name, entries in attributes.items()
    }


def _watch(order: list[str]) -> Any:
    def patched(client: Any, seller_id: str, sku: str, *args: Any, **options: Any) -> Any:
        order.append(sku)
        return patch_item(client, seller_id, sku, *args, **options)

    return patched


def test_a_sku_that_amazon_will_not_answer_for_does_not_hold_up_the_others(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("TEE-1")
    shelf.put("TEE-2")
    shelf.agree()
    ask = listings_items_2021_08_01.find_by_sku

    def refuse(client: Any, seller_id: str, skus: Any, places: Any) -> Any:
        if "TEE-1" in skus:
            raise AskHuman("an odd SKU", operation="searchListingsItems", code="InvalidInput")
        return ask(client, seller_id, skus, places)

    monkeypatch.setattr(listings_items_2021_08_01, "find_by_sku", refuse)
    shelf.count("TEE-1", 9)
    shelf.count("TEE-2", 9)
    shelf.run("send_offers")

    assert shelf.there("TEE-2").stock == 9
    assert shelf.listing("TEE-1").state == "problem"
