"""Offers, end to end: from the shop's stock to what Amazon shows, and back from what buyers do there."""

from __future__ import annotations

from decimal import Decimal

from tests.flows.conftest import Stage


def first_sku(stage: Stage) -> str:
    return min(stage.amazon.world.demo.listings)


def live(stage: Stage) -> str:
    """One offer that is agreed, told and seen at Amazon."""
    sku = first_sku(stage)
    stage.amazon_listing(sku).price = Decimal("12.00")
    stage.change_price(sku, Decimal("12.00"))
    stage.offer(sku)
    stage.agree()
    stage.amazon.advance(16 * 60)
    stage.run("read_offers")
    assert stage.listing(sku).state == "live"
    return sku


def test_a_correction_in_the_shop_is_at_amazon_and_seen_there(stage: Stage) -> None:
    sku = live(stage)
    stage.count(sku, 7)
    stage.run("send_offers")
    assert stage.amazon_listing(sku).stock == 7
    assert stage.listing(sku).state == "sent"

    stage.amazon.advance(16 * 60)
    stage.run("read_offers")
    assert stage.listing(sku).state == "live"


def test_a_change_by_hand_at_amazon_is_corrected_once_and_then_a_human_is_asked(stage: Stage) -> None:
    sku = live(stage)
    stage.count(sku, 7)
    stage.run("send_offers")
    for _round in range(2):
        stage.amazon_listing(sku).price = Decimal("13.00")
        stage.amazon.advance(16 * 60)
        stage.run("read_offers")
        stage.run("send_offers")
    assert stage.listing(sku).state == "drift"
    assert stage.troubles() == {"offers_drift"}


def test_nothing_is_told_before_the_merchant_agreed(stage: Stage) -> None:
    skus = sorted(stage.amazon.world.demo.listings)[:5]
    before = {sku: stage.amazon_listing(sku).copy().attributes for sku in skus}
    stage.offer(*skus)
    for _round in range(3):
        stage.run("read_offers")
        stage.run("send_offers")
        stage.run("send_feeds")
        for sku in skus:
            stage.count(sku, 0)
        stage.amazon.advance(3600)
    assert {sku: stage.amazon_listing(sku).attributes for sku in skus} == before
    assert not {"patchListingsItem", "putListingsItem", "createFeed"} & stage.amazon.calls.keys()
