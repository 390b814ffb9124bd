"""What the merchant asks for many offers at once costs as many statements for many as for few."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import JournalEntry
from kogge.amazon.offers import wishes
from kogge.amazon.offers.models import Agreement, Listing
from kogge.merchants.models import Merchant
from tests.amazon.pages import offering
from tests.amazon.pages.offering import DE, NOW

pytestmark = pytest.mark.django_db

HELD = {DE: {"price": "30.00", "shown": "10.00", "why": "jump"}}


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    account = offering.connect(merchant, "A2SELLEREXAMPLE")
    Agreement.objects.everyone().create(connection=account)
    return account


def waiting(account: Connection, *codes: str) -> list[int]:
    """Listings whose price waits for a word."""
    products = [offering.product(account.merchant, code) for code in codes]
    rows = [
        offering.listing(account, one, "problem", reason="price_held", differs="ph", held_json=HELD)
        for one in products
    ]
    return [row.pk for row in rows]


def test_all_prices_that_wait_are_confirmed_and_planned(account: Connection) -> None:
    ids = waiting(account, "A", "B")
    other = offering.listing(account, offering.product(account.merchant, "C"), "live")

    confirmed = wishes.confirm_prices(Listing.objects.of(account.merchant), by="anna@example.org", now=NOW)

    rows = Listing.objects.of(account.merchant).in_bulk(ids)
    other.refresh_from_db()
    assert confirmed == 2
    assert [row.confirmed for row in rows.values()] == [{DE: Decimal("30.00")}] * 2
    assert {row.plan_at for row in rows.values()} == {NOW}
    assert (other.confirmed, other.plan_at) == ({}, None)
    assert JournalEntry.objects.everyone().filter(kind="offer_price_confirmed").count() == 2


def test_confirming_many_prices_costs_no_more_statements(account: Connection) -> None:
    def statements(*codes: str) -> int:
        rows = Listing.objects.of(account.merchant).filter(pk__in=waiting(account, *codes))
        with CaptureQueriesContext(database) as queries:
            assert wishes.confirm_prices(rows, by="anna@example.org", now=NOW) == len(codes)
        return len(queries)

    statements("A")  # the first makes the due row

    assert statements("B", "C") == statements(*(f"D{n}" for n in range(20)))


def test_a_retry_takes_each_listing_once(account: Connection) -> None:
    ids = waiting(account, "A", "B")

    tried = [wishes.retry(account, now=NOW), wishes.retry(account, now=NOW)]

    assert tried == [2, 0]
    assert set(Listing.objects.of(account.merchant).values_list("is_unsure", "plan_at")) == {(True, NOW)}
    assert wishes.retry(account, reasons=["not_found"], now=NOW) == 0
    assert len(ids) == 2
