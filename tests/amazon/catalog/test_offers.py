"""Amazon's columns of the product import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import (
    check_offers,
    columns_in_use,
    export_offers,
    import_offers,
    offers_of,
    products_called,
    values_of,
)
from kogge.merchants.models import Merchant
from tests.amazon.account import START

pytestmark = pytest.mark.django_db

FULL = {
    "amazon": "ja",
    "asin": "b0teehaus1",
    "amazon_sku": "TEE-1",
    "amazon_stock": "7",
    "amazon_lead_time_days": "3",
    "amazon_price": "12,50",
    "fba": "nein",
}


def import_offer(merchant: Merchant, product_id: str, row: Mapping[str, str]) -> Offer | None:
    assert check_offers(merchant, {product_id: row}).refused == {}
    import_offers(merchant, {product_id: row}, START)
    return offers_of(merchant.pk, [product_id]).get(product_id)


def refusal(merchant: Merchant, product_id: str, row: Mapping[str, str]) -> str:
    return check_offers(merchant, {product_id: row}).refused[product_id]


def test_a_full_row_becomes_an_offer(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", FULL)

    assert offer is not None
    assert values_of(offer) == {
        "enabled": True,
        "asin": "B0TEEHAUS1",
        "sku": "TEE-1",
        "stock": 7,
        "lead_time_days": 3,
        "price": "12.50",
        "fba": False,
        "fba_sku": "",
        "buffer": None,
        "prices": {},
    }


def test_a_row_without_anything_for_amazon_makes_no_offer(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", {"code": "A", "amazon": "", "asin": ""})

    assert offer is None
    assert not Offer.objects.of(merchant).exists()


def test_an_asin_alone_means_sold_at_amazon(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", {"asin": "B0TEEHAUS1"})

    assert offer is not None
    assert offer.enabled


def test_columns_that_are_missing_leave_the_offer_and_empty_ones_empty_it(merchant: Merchant) -> None:
    import_offer(merchant, "1", FULL)

    import_offer(merchant, "1", {"amazon_stock": "", "amazon_price": "9.99"})

    offer = Offer.objects.of(merchant).get()
    assert (offer.stock, offer.price, offer.asin) == (None, Decimal("9.99"), "B0TEEHAUS1")


def test_importing_twice_changes_nothing(merchant: Merchant) -> None:
    for _time in range(2):
        import_offer(merchant, "1", FULL)

    assert Offer.objects.of(merchant).count() == 1


@pytest.mark.parametrize(
    ("column", "text", "word"),
    [
        ("asin", "too short", "ASIN"),
        ("amazon_sku", "x" * 41, "SKU"),
        ("amazon_stock", "-1", "amazon_stock"),
        ("amazon_stock", "1.5", "amazon_stock"),
        ("amazon_stock", "²", "amazon_stock"),
        ("amazon_lead_time_days", "31", "amazon_lead_time_days"),
        ("amazon_price", "12.345", "amazon_price"),
        ("amazon_price", "0", "amazon_price"),
        ("amazon_price", "NaN", "amazon_price"),
        ("amazon_price", "1e3", "amazon_price"),
        ("amazon_price", "zwölf", "amazon_price"),
        ("fba", "maybe", "fba"),
        ("amazon", "vielleicht", "amazon"),
    ],
)
def test_a_wrong_value_is_named_in_a_sentence(merchant: Merchant, column: str, text: str, word: str) -> None:
    assert word in refusal(merchant, "1", {**FULL, column: text})


def test_a_sku_belongs_to_one_product(merchant: Merchant, other_merchant: Merchant) -> None:
    import_offer(merchant, "1", FULL)
    import_offer(other_merchant, "1", FULL)

    assert "TEE-1" in refusal(merchant, "2", FULL)


@pytest.mark.parametrize(
    ("text", "price"),
    [("12.50", "12.50"), ("12,5", "12.50"), ("1.234,56", "1234.56"), ("1234", "1234.00")],
)
def test_prices_are_read_in_both_notations(merchant: Merchant, text: str, price: str) -> None:
    import_offer(merchant, "1", {"asin": "B0TEEHAUS1", "amazon_price": text})

    assert offers_of(merchant.pk, ["1"])["1"].price == Decimal(price)


def test_many_offers_cost_as_many_statements_as_few(merchant: Merchant) -> None:
    def statements(first: int, count: int, price: str) -> int:
        rows = {
            str(n): {**FULL, "amazon_sku": f"S-{n}", "amazon_price": price}
            for n in range(first, first + count)
        }
        with CaptureQueriesContext(connection) as queries:
            imported = import_offers(merchant, rows, START)
        assert len(imported) == count
        return len(queries)

    assert statements(100, 50, "1.00") == statements(0, 2, "1.00")
    assert statements(100, 50, "2.00") == statements(0, 2, "2.00")


def test_only_what_changes_is_written_and_named(merchant: Merchant) -> None:
    rows = {"1": FULL, "2": {**FULL, "amazon_sku": "TEE-2"}, "3": {"asin": "", "amazon": ""}}
    import_offers(merchant, rows, START)
    rows["2"] = {**rows["2"], "amazon_stock": "8", "amazon_buffer": "1"}

    checked = check_offers(merchant, rows)
    unchanged = offers_of(merchant.pk, ["2"])["2"].stock
    imported = import_offers(merchant, rows, START)

    assert checked.changes == {"2": {"amazon_stock": ("7", "8"), "amazon_buffer": ("", "1")}}
    assert unchanged == 7
    assert imported == ["2"]
    assert offers_of(merchant.pk, ["2"])["2"].buffer == 1


def test_a_sku_twice_in_a_file_is_refused(merchant: Merchant) -> None:
    refused = check_offers(merchant, {"1": FULL, "2": FULL}).refused

    assert list(refused) == ["2"]
    assert "TEE-1" in refused["2"]


def test_two_products_may_exchange_their_skus(merchant: Merchant) -> None:
    import_offers(merchant, {"1": FULL, "2": {**FULL, "amazon_sku": "TEE-2"}}, START)

    swapped = {"1": {"amazon_sku": "TEE-2"}, "2": {"amazon_sku": "TEE-1"}}
    refused = check_offers(merchant, swapped).refused
    for product_id, row in swapped.items():  # not all rows of a file are written at once
        import_offers(merchant, {product_id: row}, START)

    assert refused == {}
    offers = offers_of(merchant.pk, ["1", "2"])
    assert (offers["1"].sku, offers["2"].sku) == ("TEE-2", "TEE-1")


@pytest.mark.parametrize(("row", "sku"), [({}, ""), ({"amazon_sku": "NEU"}, "NEU")])
def test_another_asin_takes_the_sku_of_the_old_one_away(
    merchant: Merchant, row: dict[str, str], sku: str
) -> None:
    import_offers(merchant, {"1": FULL}, START)
    import_offers(merchant, {"1": {"asin": "B0TEEHAUS2", **row}}, START)

    assert offers_of(merchant.pk, ["1"])["1"].sku == sku


@pytest.mark.parametrize("cell", ["", " "])
def test_a_blank_cell_keeps_the_sku_and_so_nobody_else_gets_it(merchant: Merchant, cell: str) -> None:
    import_offers(merchant, {"1": FULL}, START)

    refused = check_offers(merchant, {"2": {"amazon_sku": "TEE-1"}, "1": {"amazon_sku": cell}}).refused

    assert list(refused) == ["2"]


def test_prices_by_country_are_kept_changed_and_emptied(merchant: Merchant) -> None:
    import_offer(merchant, "1", {**FULL, "amazon_price_fr": "13,90", "amazon_price_pl": "59,00"})
    import_offer(merchant, "1", {"amazon_price_fr": "", "amazon_price_it": "14.5"})

    offer = offers_of(merchant.pk, ["1"])["1"]

    assert values_of(offer)["prices"] == {"A1C3SOZRARQ6R3": "59.00", "APJ6JRA9NG5V4": "14.50"}
    assert columns_in_use(merchant.pk)[-2:] == ["amazon_price_it", "amazon_price_pl"]
    assert "amazon_price_fr" in refusal(merchant, "1", {"amazon_price_fr": "viel"})


def test_exported_cells_read_back_change_nothing(merchant: Merchant, other_merchant: Merchant) -> None:
    rows = {
        "1": {**FULL, "amazon_price_fr": "13,90", "amazon_buffer": "0"},
        "2": {"amazon": "no", "fba": "ja"},
    }
    import_offers(merchant, rows, START)
    import_offers(other_merchant, {"3": FULL}, START)

    cells = export_offers(merchant.pk, ["1", "2", "3"])

    assert set(cells) == {"1", "2"}
    assert (cells["1"]["amazon_price"], cells["1"]["amazon_price_fr"]) == ("12.50", "13.90")
    assert import_offers(merchant, cells, START) == []


def test_offers_are_found_by_asin_and_sku(merchant: Merchant, other_merchant: Merchant) -> None:
    import_offers(merchant, {"1": FULL, "2": {"asin": "B0TEEHAUS1"}}, START)
    import_offers(other_merchant, {"3": FULL}, START)

    assert sorted(products_called(merchant.pk, " b0teehaus1 ")) == [1, 2]
    assert products_called(merchant.pk, "TEE-1") == [1]
    assert products_called(merchant.pk, "TEE") == []


FBA = {**FULL, "amazon_fba_sku": "TEE-1-FBA"}


def test_the_sku_in_amazons_warehouse_is_kept_and_exported(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", FBA)

    assert offer is not None
    assert (offer.sku, offer.fba_sku, values_of(offer)["fba_sku"]) == ("TEE-1", "TEE-1-FBA", "TEE-1-FBA")
    assert export_offers(merchant.pk, ["1"])["1"]["amazon_fba_sku"] == "TEE-1-FBA"
    assert import_offers(merchant, {"1": FBA}, START) == []


@pytest.mark.parametrize(("cell", "kept"), [("", "TEE-1-FBA"), ("ANDERS", "ANDERS"), ("TEE-1", "TEE-1")])
def test_a_blank_cell_keeps_the_sku_in_the_warehouse(merchant: Merchant, cell: str, kept: str) -> None:
    import_offer(merchant, "1", FBA)
    import_offer(merchant, "1", {"amazon_fba_sku": cell})

    assert offers_of(merchant.pk, ["1"])["1"].fba_sku == kept


def test_another_asin_takes_the_sku_in_the_warehouse_away_as_well(merchant: Merchant) -> None:
    import_offer(merchant, "1", FBA)
    import_offer(merchant, "1", {"asin": "B0TEEHAUS2"})

    assert offers_of(merchant.pk, ["1"])["1"].fba_sku == ""


@pytest.mark.parametrize(
    "row",
    [{"amazon_fba_sku": "TEE-1"}, {"amazon_fba_sku": "TEE-1-FBA"}, {"amazon_sku": "TEE-1-FBA"}],
)
def test_a_sku_belongs_to_one_product_in_whichever_column(merchant: Merchant, row: dict[str, str]) -> None:
    import_offer(merchant, "1", FBA)

    assert next(iter(row.values())) in refusal(merchant, "2", row)
    assert check_offers(merchant, {"2": row, "3": row}).refused.keys() == {"2", "3"}


def test_a_sku_in_the_warehouse_may_move_within_a_file(merchant: Merchant) -> None:
    import_offer(merchant, "1", FBA)

    moved = {"1": {"amazon_fba_sku": "NEU-FBA"}, "2": {"amazon_fba_sku": "TEE-1-FBA"}}
    assert check_offers(merchant, moved).refused == {}


def test_the_shelf_is_asked_only_about_offers_that_become_fba(merchant: Merchant) -> None:
    import_offers(merchant, {"1": {**FBA, "fba": "ja"}}, START)
    asked: list[list[str]] = []

    def ask(merchant_id: int, offers: Sequence[Offer]) -> dict[str, str]:
        asked.append([offer.product_id for offer in offers])
        return {"2": "Nichts da."}

    rows = {
        "1": {"fba": "ja", "amazon_stock": "3"},
        "2": {"amazon_sku": "TEE-2", "fba": "ja"},
        "3": {"amazon_sku": "TEE-3", "fba": "nein"},
        "4": {"amazon_sku": "TEE-4", "amazon_price": "nichts", "fba": "ja"},
    }
    checked = check_offers(merchant, rows, ask_shelf=ask)

    assert asked == [["2"]]
    assert checked.refused.keys() == {"2", "4"}
    assert checked.refused["2"] == "Nichts da."
    assert checked.changes.keys() == {"1", "3"}


def test_offers_are_found_by_the_sku_in_the_warehouse(merchant: Merchant) -> None:
    import_offer(merchant, "1", FBA)

    assert products_called(merchant.pk, " TEE-1-FBA ") == [1]
