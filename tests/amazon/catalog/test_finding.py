"""Which product of the shop an article at Amazon is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kogge.amazon.catalog.finding import find_products, link_sku, owners
from kogge.amazon.catalog.models import Offer, SkuLink
from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant
from tests.amazon.account import START

pytestmark = pytest.mark.django_db

ASIN = "B0TEEHAUS1"


def product(merchant: Merchant, code: str) -> str:
    row = Product.objects.everyone().create(
        merchant=merchant, code=code, title=code.title(), price=Decimal("9.90"), changed_at=START
    )
    return str(row.pk)


def offer(merchant: Merchant, product_id: str, **values: str) -> Offer:
    return Offer.objects.everyone().create(merchant=merchant, product_id=product_id, **values)


def find(connection: Connection, sku: str, asin: str) -> str | None:
    return find_products(connection, shop_of(connection), [(sku, asin)])[sku, asin]


def test_what_the_merchant_assigned_comes_before_everything_else(
    connection: Connection, merchant: Merchant
) -> None:
    assigned, by_sku, by_asin = (product(merchant, code) for code in ("ASSIGNED", "B", "SKU-1"))
    offer(merchant, by_sku, sku="SKU-1")
    offer(merchant, by_asin, asin=ASIN)
    link_sku(connection, "SKU-1", assigned, START)

    assert find(connection, "SKU-1", ASIN) == assigned


def test_then_the_sku_of_an_offer_then_its_asin_then_the_article_number(
    connection: Connection, merchant: Merchant
) -> None:
    by_sku, by_asin, by_code = (product(merchant, code) for code in ("A", "B", "SKU-1"))
    steps = [find(connection, "SKU-1", ASIN)]

    offer(merchant, by_asin, asin=ASIN)
    steps.append(find(connection, "SKU-1", ASIN))
    offer(merchant, by_sku, sku="SKU-1")
    steps.append(find(connection, "SKU-1", ASIN))

    assert steps == [by_code, by_asin, by_sku]


def test_an_unknown_article_has_no_product(connection: Connection) -> None:
    assert find(connection, "NEVER-SEEN", ASIN) is None
    assert find(connection, "", "") is None


def test_an_asin_of_two_products_decides_nothing(connection: Connection, merchant: Merchant) -> None:
    offer(merchant, product(merchant, "NEW"), asin=ASIN)
    offer(merchant, product(merchant, "USED"), asin=ASIN)

    assert find(connection, "SKU-1", ASIN) is None


def test_skus_are_told_apart_by_case(connection: Connection, merchant: Merchant) -> None:
    offer(merchant, product(merchant, "A"), sku="sku-1")

    assert find(connection, "SKU-1", "") is None


def test_a_product_that_was_deleted_is_not_found(connection: Connection, merchant: Merchant) -> None:
    link_sku(connection, "SKU-1", "999999", START)
    by_asin = product(merchant, "B")
    offer(merchant, by_asin, asin=ASIN)

    assert find(connection, "SKU-1", ASIN) == by_asin


def test_products_of_another_merchant_are_never_found(
    connection: Connection, other_merchant: Merchant
) -> None:
    theirs = product(other_merchant, "SKU-1")
    offer(other_merchant, theirs, asin=ASIN, sku="SKU-1")

    assert find(connection, "SKU-1", ASIN) is None


def test_assigning_again_replaces_the_link(connection: Connection, merchant: Merchant) -> None:
    first, second = product(merchant, "A"), product(merchant, "B")

    link_sku(connection, "SKU-1", first, START)
    link_sku(connection, "SKU-1", second, START)

    assert SkuLink.objects.of(merchant).count() == 1
    assert find(connection, "SKU-1", "") == second


@pytest.mark.parametrize("count", [1, 100])
def test_a_whole_page_costs_the_same_number_of_queries(
    connection: Connection,
    merchant: Merchant,
    count: int,
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    wanted = [(f"SKU-{number}", f"B0{number:08d}") for number in range(count)]
    offer(merchant, product(merchant, "SKU-0"), asin="B000000000")

    with django_assert_max_num_queries(5):
        found = find_products(connection, shop_of(connection), wanted)

    assert len(found) == count
    assert found["SKU-0", "B000000000"]


def test_the_sku_in_amazons_warehouse_is_the_product(connection: Connection, merchant: Merchant) -> None:
    kept, other = product(merchant, "A"), product(merchant, "B")
    offer(merchant, kept, sku="TEE-1", fba_sku="TEE-1-FBA")
    offer(merchant, other, sku="TEE-2", asin=ASIN)

    assert find(connection, "TEE-1-FBA", ASIN) == kept
    assert find(connection, "TEE-1", "") == kept


def test_the_owners_of_skus_are_found_in_both_fields(merchant: Merchant) -> None:
    offer(merchant, "1", sku="TEE-1", fba_sku="TEE-1")
    offer(merchant, "2", sku="TEE-2", fba_sku="GEMEINSAM")
    offer(merchant, "3", sku="GEMEINSAM")

    assert owners(merchant.pk, ["TEE-1", "GEMEINSAM", "", "NIEMAND"]) == {
        "TEE-1": {"1"},
        "GEMEINSAM": {"2", "3"},
    }
