from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from kogge.backoffice import dispatch, orders, search, stock
from kogge.backoffice.people import search_words
from kogge.backoffice.placing import place
from kogge.backoffice.search import OrderFilter, find_orders, oversold_lines
from kogge.merchants.models import Merchant
from kogge.values import Address
from tests.backoffice.shop import NOW, ListeningChannel, new_line, new_order, product, stored

DAY = timedelta(days=1)


@pytest.fixture
def shop(merchant: Merchant, other_merchant: Merchant, amazon: ListeningChannel) -> Merchant:
    """Three orders: Erika's, Jürgen's late one, and one of a company; the same for somebody else."""
    for owner in (merchant, other_merchant):
        place(
            owner.pk,
            [
                new_order("305-1182244-9021001", new_line(code="TEE-1"), ship_by=NOW + DAY),
                new_order(
                    "028-7654321-1234567",
                    new_line(code="KANNE"),
                    buyer_name="Jürgen Groß-Gerau",
                    shipping_address=Address(),
                    placed_at=NOW - DAY,
                    ship_by=NOW - DAY,
                ),
                new_order(
                    "w-77",
                    channel="elsewhere",
                    buyer_name="",
                    company="Teekontor GmbH",
                    placed_at=NOW - 2 * DAY,
                ),
            ],
            now=NOW,
        )
    return merchant


def found(merchant: Merchant, words: str = "", **wanted: Any) -> list[str]:
    """The first letters of what is found."""
    chosen = OrderFilter(words=words, **wanted)
    return [order.external_id[:3] for order in find_orders(merchant, chosen, now=NOW)]


def test_without_wishes_all_orders_come_newest_first(shop: Merchant) -> None:
    assert found(shop) == ["305", "028", "w-7"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("10001", ["305"]),
        ("305-1182244-9021001", ["305"]),
        ("305-1182", ["305"]),
        ("KANNE", ["028"]),
        ("muster", ["305", "w-7"]),
        ("Erika MUSTER", ["305", "w-7"]),
        ("Erika KANNE", []),
        ("juergen", ["028"]),
        ("Jürgen", ["028"]),
        ("gross-gerau", ["028"]),
        ("Gerau 10002", ["028"]),
        ("teekontor", ["w-7"]),
        ("nobody", []),
        ("99999999999999999999999", []),
        ("%", []),
        ("²", []),
    ],
)
def test_orders_are_found_by_what_people_remember(shop: Merchant, words: str, expected: list[str]) -> None:
    assert found(shop, words) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "open"}, ["305"]),
        ({"state": "closed"}, ["028"]),
        ({"state": "cancelled"}, ["w-7"]),
        ({"state": "to_ship"}, ["305"]),
        ({"state": "unpaid"}, []),
        ({"channel": "elsewhere"}, ["w-7"]),
        ({"since": NOW - DAY}, ["305", "028"]),
        ({"until": NOW - DAY}, ["w-7"]),
    ],
)
def test_orders_are_filtered(shop: Merchant, wanted: dict[str, Any], expected: list[str]) -> None:
    dispatch.ship(
        stored(shop, "028-7654321-1234567"),
        carrier="DHL",
        tracking_number="T",
        quantities=None,
        actor="anna",
        now=NOW,
    )
    orders.cancel(stored(shop, "w-77"), "other", actor="anna", now=NOW)

    assert found(shop, **wanted) == expected


@pytest.mark.parametrize("most", [1, 500])
def test_words_and_period_hold_both_whether_the_words_find_few_or_very_many(
    shop: Merchant, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(search, "MOST_FOUND", most)

    assert found(shop, "muster", since=NOW - DAY) == ["305"]
    assert found(shop, "muster", until=NOW - DAY) == ["w-7"]
    assert found(shop, "muster erika muster", since=NOW - 3 * DAY, until=NOW + DAY) == ["305", "w-7"]
    assert found(shop, "muster w-77", since=NOW - 3 * DAY) == ["w-7"]
    assert found(shop, "muster KANNE", since=NOW - 3 * DAY) == []
    assert found(shop, "muster", channel="amazon") == ["305"]
    assert found(shop, "muster", late=True) == []


def test_of_very_many_orders_several_words_find_the_newest_taken_in(
    shop: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_FOUND", 0)

    assert found(shop, "Erika Muster") == ["w-7"]


def test_what_a_channel_ships_is_not_the_merchants_to_send(shop: Merchant, amazon: ListeningChannel) -> None:
    tea = product(shop, "TEE-9")
    amazon.warehouse = {tea.pk: 5}
    line, free = new_line(product=tea), new_line()
    placed = {"channel": "shop", "placed_at": NOW - 3 * DAY, "ship_by": NOW - DAY}
    place(shop.pk, [new_order("s-1", line, **placed), new_order("s-2", line, free, **placed)], now=NOW)

    assert found(shop, state="fulfiller") == ["s-1"]
    assert found(shop, state="to_ship") == ["305", "028", "w-7", "s-2"]
    assert found(shop, late=True) == ["028", "s-2"]


def test_late_is_what_should_have_left_and_has_not(shop: Merchant) -> None:
    late = found(shop, late=True)
    dispatch.ship(
        stored(shop, "028-7654321-1234567"),
        carrier="DHL",
        tracking_number="T",
        quantities=None,
        actor="anna",
        now=NOW,
    )

    assert late == ["028"]
    assert found(shop, late=True) == []


def test_a_search_is_one_statement_whatever_is_looked_for_and_two_if_words_are_not_all(
    shop: Merchant, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        found(shop, "Erika Muster 305-1182244-9021001")
    with django_assert_num_queries(1):
        found(shop, state="open", late=True)
    with django_assert_num_queries(2):
        found(shop, "Erika Muster 305-1182244-9021001", state="open", late=True)


def test_results_can_be_counted_cut_and_joined(shop: Merchant) -> None:
    orders = find_orders(shop, OrderFilter(words="muster"), now=NOW)

    assert orders.count() == 2
    assert len(orders.prefetch_related("lines")[:1]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Müller-Lüdenscheid", ["mueller", "luedenscheid"]),
        ("  O'Brien, Seán  ", ["brien", "sean"]),
        ("GROSS Groß", ["gross", "gross"]),
        ("山田太郎", ["山田太郎"]),
        ("", []),
    ],
)
def test_names_are_compared_in_one_form(text: str, words: list[str]) -> None:
    assert search_words(text) == words


def test_oversold_orders_are_found_until_stock_comes_in(shop: Merchant, other_merchant: Merchant) -> None:
    tea, theirs = product(shop, "TEE-9", counted=1), product(other_merchant, "TEE-9")
    place(shop.pk, [new_order("901-1", new_line(product=tea, quantity=3))], now=NOW)
    place(other_merchant.pk, [new_order("902-1", new_line(product=theirs))], now=NOW)

    waiting = found(shop, oversold=True)
    stock.correct_stock(tea, 2, actor="anna@example.org", now=NOW)

    assert waiting == ["901"]
    assert found(shop, oversold=True) == []


@pytest.mark.parametrize(
    ("state", "index"), [("to_ship", "order_to_ship"), ("fulfiller", "order_by_channel")]
)
def test_what_is_to_be_shipped_is_read_out_of_an_index(shop: Merchant, state: str, index: str) -> None:
    if connection.vendor == "postgresql":
        pytest.skip("to PostgreSQL all indexes of a tiny table are alike")

    plan = find_orders(shop, OrderFilter(state=state), now=NOW).order_by("ship_by").explain()

    assert index in plan
    assert ("fulfiller=?" in plan) == (state == "to_ship")


def test_oversold_lines_are_read_out_of_their_own_index(shop: Merchant) -> None:
    if connection.vendor == "postgresql":  # it reads tiny tables whole if it may
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

    assert "line_oversold" in oversold_lines(shop).explain()


@pytest.mark.django_db
def test_sqlite_is_told_what_to_expect_of_indexes_that_there_are() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("it looks for itself")

    with connection.cursor() as cursor:
        cursor.execute("SELECT idx IN (SELECT name FROM sqlite_master) FROM sqlite_stat1")
        told = [is_there for (is_there,) in cursor.fetchall()]

    assert told
    assert all(told)
