"""Amazon's columns of the product import."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.catalog.offers import WrongOffer, import_offer, offers_of, values_of
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


def test_a_full_row_becomes_an_offer(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", FULL, START)

    assert offer is not None
    assert values_of(offer) == {
        "enabled": True,
        "asin": "B0TEEHAUS1",
        "sku": "TEE-1",
        "stock": 7,
        "lead_time_days": 3,
        "price": "12.50",
        "fba": False,
    }


def test_a_row_without_anything_for_amazon_makes_no_offer(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", {"code": "A", "amazon": "", "asin": ""}, START)

    assert offer is None
    assert not Offer.objects.of(merchant).exists()


def test_an_asin_alone_means_sold_at_amazon(merchant: Merchant) -> None:
    offer = import_offer(merchant, "1", {"asin": "B0TEEHAUS1"}, START)

    assert offer is not None
    assert offer.enabled


def test_columns_that_are_missing_leave_the_offer_and_empty_ones_empty_it(merchant: Merchant) -> None:
    import_offer(merchant, "1", FULL, START)

    import_offer(merchant, "1", {"amazon_stock": "", "amazon_price": "9.99"}, START)

    offer = Offer.objects.of(merchant).get()
    assert (offer.stock, offer.price, offer.asin) == (None, Decimal("9.99"), "B0TEEHAUS1")


def test_importing_twice_changes_nothing(merchant: Merchant) -> None:
    for _time in range(2):
        import_offer(merchant, "1", FULL, START)

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
        ("amazon_price", "zwölf", "amazon_price"),
        ("fba", "maybe", "fba"),
        ("amazon", "vielleicht", "amazon"),
    ],
)
def test_a_wrong_value_is_named_in_a_sentence(merchant: Merchant, column: str, text: str, word: str) -> None:
    with pytest.raises(WrongOffer, match=word):
        import_offer(merchant, "1", {**FULL, column: text}, START)

    assert not Offer.objects.of(merchant).exists()


def test_a_sku_belongs_to_one_product(merchant: Merchant, other_merchant: Merchant) -> None:
    import_offer(merchant, "1", FULL, START)
    import_offer(other_merchant, "1", FULL, START)

    with pytest.raises(WrongOffer, match="TEE-1"):
        import_offer(merchant, "2", FULL, START)


@pytest.mark.parametrize(
    ("text", "price"),
    [("12.50", "12.50"), ("12,5", "12.50"), ("1.234,56", "1234.56"), ("1234", "1234.00")],
)
def test_prices_are_read_in_both_notations(merchant: Merchant, text: str, price: str) -> None:
    import_offer(merchant, "1", {"asin": "B0TEEHAUS1", "amazon_price": text}, START)

    assert offers_of(merchant.pk, ["1"])["1"].price == Decimal(price)
