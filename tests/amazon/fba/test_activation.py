"""When FBA may be ticked, and which SKU in Amazon's warehouse a product is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import check_offers, import_offers
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import activation, stock
from kogge.amazon.fba.models import FbaStock, FulfillmentSettings
from kogge.amazon.fba.preferences import settings_of
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator
from tests.amazon.account import START, amazon, connection, run

__all__ = ["amazon", "connection"]

ASIN = "B0TEEHAUS1"


def lies(connection: Connection, sku: str, units: int | None, asin: str = ASIN) -> None:
    """Amazon was asked, and has so much of it."""
    settings_of(connection)
    FulfillmentSettings.objects.everyone().update(stock_known_to=START, stock_read_at=START)
    FbaStock.objects.everyone().create(
        connection=connection, sku=sku, asin=asin, fulfillable=units, read_at=START
    )


def offer(merchant: Merchant, product_id: str = "1", **values: Any) -> Offer:
    given = {"asin": ASIN} | values
    return Offer.objects.everyone().create(merchant=merchant, product_id=product_id, **given)


def why_not(merchant: Merchant, found: Offer, sku: str = "") -> str:
    return activation.may_tick(merchant.pk, found, sku).why_not


def test_it_may_be_ticked_once_there_is_stock(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-FBA", 31)

    standing = activation.may_tick(merchant.pk, offer(merchant))

    assert standing.may_tick
    assert (standing.sku, standing.fulfillable, standing.read_at) == ("TEE-FBA", 31, START)
    assert [candidate.sku for candidate in standing.candidates] == ["TEE-FBA"]


@pytest.mark.parametrize("units", [0, None])
def test_not_without_stock_that_can_be_shipped(
    connection: Connection, merchant: Merchant, units: int | None
) -> None:
    lies(connection, "TEE-FBA", units)

    standing = activation.may_tick(merchant.pk, offer(merchant))

    assert (standing.why_not, standing.sku, standing.fulfillable) == ("no_stock", "TEE-FBA", units)


def test_not_before_amazon_was_asked(connection: Connection, merchant: Merchant) -> None:
    found = offer(merchant)
    assert why_not(merchant, found) == "not_read"

    settings_of(connection)
    FulfillmentSettings.objects.everyone().update(stock_problem="denied")
    assert why_not(merchant, found) == "denied"

    Connection.objects.everyone().update(state="paused")
    assert why_not(merchant, found) == "not_connected"


def test_several_skus_of_the_article_have_to_be_told_apart(
    connection: Connection, merchant: Merchant
) -> None:
    lies(connection, "TEE-FBA", 31)
    lies(connection, "TEE-FBA-2", 5)
    found = offer(merchant)

    standing = activation.may_tick(merchant.pk, found)
    assert standing.why_not == "ambiguous"
    assert [candidate.sku for candidate in standing.candidates] == ["TEE-FBA", "TEE-FBA-2"]

    picked = activation.may_tick(merchant.pk, found, "TEE-FBA-2")
    assert (picked.why_not, picked.sku, picked.fulfillable) == ("", "TEE-FBA-2", 5)


def test_the_same_sku_comes_before_the_same_article(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-1", 2)
    lies(connection, "TEE-FBA", 31)

    assert activation.may_tick(merchant.pk, offer(merchant, sku="TEE-1")).sku == "TEE-1"


def test_what_does_not_fit_is_refused(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-FBA", 31)
    lies(connection, "KANNE-FBA", 31, asin="B0KANNE001")
    lies(connection, "TASSE-FBA", 31)
    offer(merchant, "2", asin="", fba_sku="TASSE-FBA")
    found = offer(merchant)

    assert why_not(merchant, found, "GIBT-ES-NICHT") == "nothing"
    assert why_not(merchant, found, "KANNE-FBA") == "other_asin"
    assert why_not(merchant, found, "TASSE-FBA") == "sku_of_other"
    assert activation.may_tick(merchant.pk, found).sku == "TEE-FBA"  # the other one is taken


def test_stock_of_another_merchant_counts_for_nothing(
    connection: Connection, merchant: Merchant, other_merchant: Merchant
) -> None:
    lies(connection, "TEE-FBA", 31)

    assert why_not(other_merchant, offer(other_merchant)) == "not_connected"


def test_blank_skus_are_filled_where_exactly_one_fits(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-FBA", 31)
    lies(connection, "KANNE-1", 0, asin="B0KANNE001")
    lies(connection, "TASSE-A", 1, asin="B0TASSE001")
    lies(connection, "TASSE-B", 1, asin="B0TASSE001")
    lies(connection, "DOSE-FBA", 1, asin="B0DOSE0001")
    offer(merchant, "1", sku="TEE-1")
    offer(merchant, "2", asin="", sku="KANNE-1")
    offer(merchant, "3", asin="B0TASSE001")
    offer(merchant, "4", asin="B0DOSE0001")
    offer(merchant, "5", asin="B0DOSE0001")
    offer(merchant, "6", asin="B0TASSE001", fba_sku="TYPED")

    with transaction.atomic():
        filled = activation.name_in_warehouse(connection, now=START + timedelta(hours=1))

    skus = dict(Offer.objects.of(merchant).values_list("product_id", "fba_sku"))
    assert skus == {"1": "TEE-FBA", "2": "KANNE-1", "3": "", "4": "", "5": "", "6": "TYPED"}
    assert filled == 2


def test_reading_the_stock_fills_them(amazon: Simulator, connection: Connection, merchant: Merchant) -> None:
    amazon.world.demo.fba_stock.clear()
    amazon.world.demo.listings["TEE-FBA"] = next(iter(amazon.world.demo.listings.values()))
    article = amazon.world.demo.listings["TEE-FBA"].asin
    amazon.set_fba_stock({"TEE-FBA": 3})
    offer(merchant, asin=article)

    run(stock.read_fba_stock, "read_fba_stock", connection.pk, amazon.world.now)

    assert Offer.objects.of(merchant).get().fba_sku == "TEE-FBA"


def test_a_file_may_tick_what_lies_there(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-FBA", 31)
    lies(connection, "LEER-FBA", 0, asin="B0LEER0001")
    rows = {
        "1": {"asin": ASIN, "fba": "ja"},
        "2": {"asin": "B0LEER0001", "fba": "ja"},
        "3": {"asin": "B0FREMD001", "fba": "ja"},
        "4": {"asin": "B0FREMD001", "fba": "nein"},
        "-1": {"asin": "B0FREMD001", "fba": "ja"},
    }

    refused = check_offers(merchant, rows, ask_shelf=activation.refusals).refused

    assert refused.keys() == {"2", "3", "-1"}
    assert "LEER-FBA" in refused["2"]
    assert "Amazon-Lager" in refused["3"]


def test_a_file_before_the_first_look_is_taken(connection: Connection, merchant: Merchant) -> None:
    rows = {"1": {"asin": ASIN, "fba": "ja"}}

    assert check_offers(merchant, rows, ask_shelf=activation.refusals).refused == {}


def test_a_tick_that_is_there_stays_when_the_stock_runs_out(
    connection: Connection, merchant: Merchant
) -> None:
    lies(connection, "TEE-FBA", 0)
    import_offers(merchant, {"1": {"asin": ASIN, "fba": "ja"}}, START)

    again = {"1": {"asin": ASIN, "fba": "ja", "amazon_stock": "3"}}
    assert check_offers(merchant, again, ask_shelf=activation.refusals).refused == {}


def test_a_large_file_costs_as_much_as_a_small_one(connection: Connection, merchant: Merchant) -> None:
    lies(connection, "TEE-FBA", 31)

    def statements(count: int) -> int:
        offers = [Offer(merchant=merchant, product_id=str(n), asin=f"B0{n:08d}") for n in range(count)]
        with CaptureQueriesContext(database) as queries:
            activation.refusals(merchant.pk, offers)
        return len(queries)

    assert statements(300) == statements(2)
