"""Pages of very many orders: what they count, how far one can leaf, and what a search leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kogge.backoffice import search
from kogge.backoffice.counting import Count, counted
from kogge.backoffice.models import Order
from kogge.backoffice.pages import order_list, paging
from kogge.merchants.models import Merchant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(ben: User, signed_in: Callable[..., Client]) -> Client:
    """Ben's."""
    return signed_in(ben)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?state=open",
        "?channel=amazon",
        "?since=2026-01-01",
        "?q=muster",
        "?q=erika+muster",
        "?q=muster&since=2026-01-01",
    ],
)
def test_lists_and_searches_take_the_same_number_of_queries_for_few_and_many(
    browser: Client,
    many_orders: Callable[[int], list[Order]],
    monkeypatch: pytest.MonkeyPatch,
    query: str,
) -> None:
    for module in (search, order_list):
        monkeypatch.setattr(module, "MOST_FOUND", 20)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert browser.get(reverse("orders") + query).status_code == 200
        return len(caught)

    many_orders(2)
    queries()
    few = queries()
    many_orders(58)

    assert queries() == few


def test_counts_say_when_they_ended_early(merchant: Merchant, many_orders: Callable[[int], Any]) -> None:
    many_orders(3)
    mine = Order.objects.of(merchant)

    counts = counted(merchant, [(mine, 3), (mine, 2), (mine.none(), 2), (mine.filter(status="open"), 9)])

    assert counts == [Count(3), Count(2, or_more=True), Count(0), Count(3)]
    assert [str(count) for count in counts] == ["3", "über 2", "0", "3"]


def test_a_tab_with_very_many_orders_says_so(
    browser: Client, many_orders: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many_orders(3)
    monkeypatch.setattr(order_list, "MOST_DONE", 2)

    assert _counts(browser, "") == ["über 2", "3", "0", "3", "0", "0", "0"]


def test_of_a_filter_that_leaves_too_many_only_that_is_said(
    browser: Client, many_orders: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many_orders(3)
    exact = _counts(browser, "?channel=amazon")
    monkeypatch.setattr(order_list, "MOST_FOUND", 2)

    assert exact == ["3", "3", "0", "3", "0", "0", "0"]
    assert _counts(browser, "?channel=amazon") == ["über 2"]


def test_a_word_that_is_everywhere_finds_the_newest_and_says_so(
    browser: Client, many_orders: Callable[[int], list[Order]], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = many_orders(4)
    for module in (search, order_list):
        monkeypatch.setattr(module, "MOST_FOUND", 2)

    found, dated = (
        browser.get(reverse("orders") + query).content.decode()
        for query in ("?q=muster", "?q=muster&since=2026-01-01")
    )

    assert "sehr viele Bestellungen" in found
    assert [str(order.number) in found for order in orders] == [False, True, True, True]
    assert "sehr viele Bestellungen" not in dated
    assert all(str(order.number) in dated for order in orders)


def test_what_words_and_a_period_find_together_is_counted_less_far(
    browser: Client, many_orders: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many_orders(3)
    monkeypatch.setattr(order_list, "MOST_OF_BOTH", 2)

    assert _counts(browser, "?q=muster&since=2026-01-01") == ["über 2"]
    assert _counts(browser, "?since=2026-01-01") == ["3", "3", "0", "3", "0", "0", "0"]


def test_leafing_ends_where_it_is_no_help_any_more(
    browser: Client, many_orders: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many_orders(5)
    monkeypatch.setattr(order_list, "PAGE_SIZE", 2)
    monkeypatch.setattr(paging, "MOST_PAGES", 2)

    first, last = (browser.get(f"{reverse('orders')}?page={page}").content.decode() for page in (1, 999))

    assert 'rel="next"' in first
    assert "Grenze die Suche ein" not in first
    assert 'rel="next"' not in last
    assert "Grenze die Suche ein" in last


def _counts(browser: Client, query: str) -> list[str]:
    page = browser.get(reverse("orders") + query).content.decode()
    tabs = page.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    return re.findall(r'<span class="count[^>]*>([^<]+)</span>', tabs)
