"""The exported file: every column, safe to open, and nothing changes when it is read again."""

from __future__ import annotations

import csv
import io

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import values_of
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.product_csv import guarded, unguarded
from kogge.backoffice.product_export import Notation, exported
from kogge.backoffice.product_import import Imported, import_products
from kogge.merchants.models import Merchant
from tests.backoffice.shop import NOW, product

FILE = '''code;title;gtin;price;stock;lead_time_days;vat_rate;description;active;parent;option;may_oversell;\
amazon;asin;amazon_sku;amazon_stock;amazon_price;fba;amazon_buffer;amazon_price_fr;amazon_price_pl
TEE-1;Assam;4006381333931;1.008,90;5;3;7;"Kräftig;
""malzig""";ja;;;nein;ja;B00TEE0001;SKU-1;4;9,95;nein;2;10,50;41,00
TEE-1-M;=1+1;;8,90;0;2;19;;nein;TEE-1;Größe M;ja;nein;;-SKU;;;ja;;;
TEE-2;''=x;;0,00;0;2;0;@wer;ja;;;nein;;;;;;;;;
'''


@pytest.fixture
def filled(merchant: Merchant) -> None:
    """Three products with all there is."""
    import_products(merchant, FILE, actor="anna@example.org", now=NOW)


def state(merchant: Merchant) -> list[object]:
    """All a file of products can change."""
    return [
        list(Product.objects.of(merchant).order_by("pk").values()),
        [values_of(offer) for offer in Offer.objects.of(merchant).order_by("pk")],
        StockEntry.objects.of(merchant).count(),
    ]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("notation", list(Notation))
def test_what_was_exported_changes_nothing_when_it_is_read_again(
    merchant: Merchant, notation: Notation
) -> None:
    before = state(merchant)

    imported = import_products(merchant, "".join(exported(merchant, notation)), actor="x", now=NOW)

    assert imported == Imported(0, 0, 3)
    assert state(merchant) == before


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("notation", list(Notation))
def test_what_was_exported_makes_the_same_products_elsewhere(
    merchant: Merchant, other_merchant: Merchant, notation: Notation
) -> None:
    text = "".join(exported(merchant, notation))

    import_products(other_merchant, text, actor="x", now=NOW)

    assert "".join(exported(other_merchant, notation)) == text


@pytest.mark.usefixtures("filled")
def test_no_cell_is_taken_for_a_formula(merchant: Merchant) -> None:
    table = list(csv.DictReader(io.StringIO("".join(exported(merchant, Notation.GERMAN))), delimiter=";"))

    assert [row["title"] for row in table] == ["Assam", "'=1+1", "''=x"]
    assert [row["amazon_sku"] for row in table] == ["SKU-1", "'-SKU", ""]
    assert table[2]["description"] == "'@wer"
    assert (table[0]["price"], table[0]["amazon_price_fr"]) == ("1008,90", "10,50")
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("text", ["=1", "'=1", "''+1", "'so", "-", "@", "+49", "plain", ""])
def test_guarding_a_cell_can_be_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_only_used_price_columns_are_written(merchant: Merchant) -> None:
    product(merchant, "TEE-1")

    header = next(exported(merchant, Notation.PLAIN))

    assert header.strip().endswith(",fba,amazon_buffer,amazon_fba_sku")


def test_more_products_than_fit_into_one_step_come_once_each(
    merchant: Merchant, other_merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kogge.backoffice.product_export.BATCH", 2)
    for number in range(5):
        product(merchant, f"TEE-{number}")
    product(other_merchant, "FREMD")

    codes = [line.split(",")[0] for line in exported(merchant, Notation.PLAIN)]

    assert codes == ["code", "TEE-0", "TEE-1", "TEE-2", "TEE-3", "TEE-4"]
