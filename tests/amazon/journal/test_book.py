from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Entry, Matter, close_troubles, open_trouble, open_troubles, record
from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.merchants.models import Merchant

NOW = datetime(2026, 11, 23, 9, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ORDER = "305-1182244-9021001"

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller() -> Connection:
    merchant = Merchant.objects.create(slug="nordlicht", name="Nordlicht", created_at=NOW)
    return Connection.objects.everyone().create(
        merchant=merchant, region="eu", seller_id="A1", client_id="c", sealed_credentials=b"",
        connected_at=NOW, start_from=NOW,
    )  # fmt: skip


def open_keys(seller: Connection) -> list[str]:
    return list(seller.troubles.filter(closed_at=None).order_by("key").values_list("key", flat=True))


def test_many_entries_are_written_with_one_statement(
    seller: Connection, django_assert_num_queries: Any
) -> None:
    entries = [Entry(seller.pk, "imported", NOW, ORDER, {"number": str(number)}) for number in range(50)]

    with django_assert_num_queries(1):
        record(entries)

    assert JournalEntry.objects.of(seller.merchant).count() == 50


def test_nothing_to_record_asks_nothing(seller: Connection, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        record([])


def test_the_same_matter_is_one_open_trouble_however_often_it_is_met(seller: Connection) -> None:
    open_trouble(seller.pk, "sum_differs", "sum:1", now=NOW, amazon_order_id=ORDER, total="10.00")

    open_trouble(seller.pk, "sum_differs", "sum:1", now=LATER, amazon_order_id=ORDER, total="12.00")

    trouble = seller.troubles.get()
    assert (trouble.opened_at, trouble.last_met_at) == (NOW, LATER)
    assert trouble.details == {"total": "12.00"}


def test_a_matter_met_again_after_it_was_closed_is_a_new_trouble(seller: Connection) -> None:
    open_trouble(seller.pk, "feed_failed", "feed:1", now=NOW)
    close_troubles(seller.pk, ["feed:1"], now=NOW, by="anna@example.com")

    open_trouble(seller.pk, "feed_failed", "feed:1", now=LATER)

    assert seller.troubles.count() == 2
    assert open_keys(seller) == ["feed:1"]


def test_many_matters_cost_a_constant_number_of_statements(
    seller: Connection, django_assert_max_num_queries: Any
) -> None:
    open_troubles(
        seller.pk, [Matter("assign_product", f"sku:{number}") for number in range(0, 100, 2)], now=NOW
    )

    with django_assert_max_num_queries(5):
        open_troubles(
            seller.pk, [Matter("assign_product", f"sku:{number}") for number in range(100)], now=LATER
        )

    assert len(open_keys(seller)) == 100


def test_a_matter_another_worker_opened_meanwhile_is_no_error(
    seller: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_trouble(seller.pk, "unknown_status", "status:X", now=NOW)
    monkeypatch.setattr(
        "kogge.amazon.journal.book._meet_again", lambda *_, **__: set()
    )  # it was not there yet

    open_trouble(seller.pk, "unknown_status", "status:X", now=LATER)

    assert open_keys(seller) == ["status:X"]


def test_closing_names_the_person_and_counts_only_what_was_open(seller: Connection) -> None:
    open_troubles(seller.pk, [Matter("feed_stuck", "a"), Matter("feed_stuck", "b")], now=NOW)
    close_troubles(seller.pk, ["a"], now=NOW)

    closed = close_troubles(seller.pk, ["a", "b", "never-heard-of"], now=LATER, by="anna@example.com")

    assert closed == 1
    assert Trouble.objects.of(seller.merchant).get(key="b").closed_by == "anna@example.com"
    assert open_keys(seller) == []


def test_troubles_of_one_connection_do_not_touch_those_of_another(seller: Connection) -> None:
    other = Connection.objects.everyone().create(
        merchant=seller.merchant, region="na", seller_id="A2", client_id="c", sealed_credentials=b"",
        connected_at=NOW, start_from=NOW,
    )  # fmt: skip
    open_trouble(seller.pk, "feed_stuck", "a", now=NOW)
    open_trouble(other.pk, "feed_stuck", "a", now=NOW)

    close_troubles(other.pk, ["a"], now=LATER)

    assert open_keys(seller) == ["a"]
