"""A product Amazon ships for the shop: its SKU there is never told units, its own offer still is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.offers.keeping import keep_offer
from kogge.simulator.listings import Listing as AmazonListing
from tests.amazon.offers.conftest import Shelf


def twin(shelf: Shelf, sku: str = "TEE-1-FBA", *, of: str = "TEE-1") -> AmazonListing:
    """The same article in Amazon's warehouse."""
    asin = shelf.account.listings[of].asin
    listing = AmazonListing(sku, asin, "Tee", price=Decimal("10.00"), channel="AMAZON_EU")
    shelf.account.listings[sku] = listing
    return listing


def test_the_own_offer_of_an_fba_product_is_told_units(shelf: Shelf) -> None:
    shelf.put(offer={"fba": True, "fba_sku": "TEE-1-FBA"})
    kept = twin(shelf)
    shelf.agree()

    shelf.count("TEE-1", 4)
    shelf.run("send_offers")

    assert shelf.there("TEE-1").stock == 4
    assert kept.is_fba
    assert [path for path in asked_about(shelf) if "FBA" in path] == []


@pytest.mark.parametrize("fba_sku", ["", "TEE-1"])
def test_the_sku_in_the_warehouse_is_never_told_units_whatever_its_channel(
    shelf: Shelf, fba_sku: str
) -> None:
    shelf.put(offer={"fba": True, "fba_sku": fba_sku})
    shelf.agree()

    shelf.count("TEE-1", 4)
    shelf.change("TEE-1", lead_time_days=5)
    shelf.run("send_offers")

    assert (shelf.there().stock, shelf.there().lead_time_days) == (10, 2)
    assert not shelf.listing().is_merchant_fulfilled


def test_naming_another_sku_for_the_warehouse_gives_the_own_offer_its_units_back(shelf: Shelf) -> None:
    shelf.put(offer={"fba": True})
    shelf.agree()
    shelf.count("TEE-1", 4)
    shelf.run("send_offers")
    assert shelf.there().stock == 10

    keep_offer(shelf.merchant, str(shelf.products["TEE-1"].pk), {"fba_sku": "TEE-1-FBA"}, now=shelf.now)
    shelf.run("read_offers")
    shelf.run("send_offers")

    assert shelf.there().stock == 4


@pytest.mark.parametrize(("values", "kept"), [({}, ""), ({"fba_sku": "NEU-FBA"}, "NEU-FBA")])
def test_another_asin_takes_the_sku_in_the_warehouse_away(
    shelf: Shelf, values: dict[str, Any], kept: str
) -> None:
    product = shelf.put(offer={"asin": "B0TEE00001", "fba_sku": "TEE-1-FBA"})

    keep_offer(shelf.merchant, str(product.pk), {"asin": "B0TEE00002", **values}, now=shelf.now)

    offer = Offer.objects.of(shelf.merchant).get()
    assert (offer.sku, offer.fba_sku) == ("", kept)


def test_found_by_its_asin_the_own_offer_is_not_the_one_in_the_warehouse(shelf: Shelf) -> None:
    shelf.put()
    asin = shelf.there().asin
    twin(shelf)
    Offer.objects.of(shelf.merchant).update(sku="", asin=asin, fba=True, fba_sku="TEE-1-FBA")

    shelf.run("read_offers")

    assert Offer.objects.of(shelf.merchant).get().sku == "TEE-1"


def test_what_another_product_keeps_in_the_warehouse_is_not_found_by_the_asin(shelf: Shelf) -> None:
    shelf.put()
    asin = shelf.there().asin
    twin(shelf)
    del shelf.account.listings["TEE-1"]
    Offer.objects.of(shelf.merchant).update(sku="", asin=asin)
    Offer.objects.everyone().create(
        merchant=shelf.merchant, product_id="777", enabled=False, fba_sku="TEE-1-FBA"
    )

    shelf.run("read_offers")

    assert Offer.objects.of(shelf.merchant).exclude(product_id="777").get().sku == ""


def asked_about(shelf: Shelf) -> list[str]:
    """The SKUs that Kogge's books know listings of."""
    from kogge.amazon.offers.models import Listing

    return list(Listing.objects.of(shelf.merchant).values_list("sku", flat=True))
