"""Every product is in exactly one state at Amazon, wherever it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.models import Listing
from kogge.amazon.pages import states
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant
from tests.amazon.pages.offering import connect, listing, offer, product

pytestmark = pytest.mark.django_db

State = Listing.State
ALL = [state for state, _text in states.choices()]


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    return connect(merchant, "A1")


def codes(merchant: Merchant, state: str, connection: Connection | None = None) -> set[str]:
    products = Product.objects.of(merchant)
    found = states.narrow(merchant.pk, products, state, connection=connection)
    return set(found.values_list("code", flat=True))


def test_the_states_have_a_word_each_and_not_on_amazon_is_one_of_them() -> None:
    assert ALL == ["off", "ready", "sent", "live", "problem", "drift"]
    assert len({text for _state, text in states.choices()}) == 6
    assert len({(states.badge(state).tone, states.badge(state).icon) for state in ALL}) == 6


@pytest.mark.parametrize("one_account", [True, False])
def test_counts_and_filters_agree_and_add_up(
    merchant: Merchant, account: Connection, one_account: bool
) -> None:
    for number, state in enumerate([State.READY, State.LIVE, State.LIVE, State.PROBLEM, State.OFF]):
        listing(account, product(merchant, f"T{number}"), state)
    product(merchant, "WITHOUT")
    offer(product(merchant, "TICKED-BUT-NOT-ENROLLED"))
    connection = account if one_account else None

    counts = states.counts(merchant.pk, connection=connection)

    assert counts == {"off": 3, "ready": 1, "sent": 0, "live": 2, "problem": 1, "drift": 0}
    assert {state: len(codes(merchant, state, connection)) for state in ALL} == counts
    assert sum(counts.values()) == Product.objects.of(merchant).count()


def test_with_several_accounts_the_worst_state_counts(merchant: Merchant, account: Connection) -> None:
    second = connect(merchant, "A2")
    sick, fine, half = (product(merchant, code) for code in ("SICK", "FINE", "HALF"))
    for connection, one, state in (
        (account, sick, State.LIVE),
        (second, sick, State.PROBLEM),
        (account, fine, State.LIVE),
        (second, fine, State.LIVE),
        (account, half, State.OFF),
        (second, half, State.SENT),
    ):
        listing(connection, one, state)

    assert codes(merchant, "problem") == {"SICK"}
    assert codes(merchant, "live") == {"FINE"}
    assert codes(merchant, "sent") == {"HALF"}
    assert states.counts(merchant.pk) == {
        "off": 0, "ready": 0, "sent": 1, "live": 1, "problem": 1, "drift": 0
    }  # fmt: skip
    assert codes(merchant, "live", account) == {"SICK", "FINE"}
    badges = states.badges(merchant.pk, [sick.pk, fine.pk, half.pk])
    assert {pk: badge.text for pk, badge in badges.items()} == {
        sick.pk: "Problem",
        fine.pk: "Live",
        half.pk: "Gesendet",
    }


def test_an_account_that_was_cut_counts_no_more(merchant: Merchant) -> None:
    cut = connect(merchant, "A3", state="paused", pause_reason="disconnected")
    tea = product(merchant, "TEE")
    listing(cut, tea, State.LIVE)

    assert codes(merchant, "off") == {"TEE"}
    assert states.counts(merchant.pk)["live"] == 0
    assert states.badges(merchant.pk, [tea.pk]) == {}


def test_offers_of_another_merchant_are_not_mine(
    merchant: Merchant, other_merchant: Merchant, account: Connection
) -> None:
    tea = product(merchant, "TEE")
    theirs = listing(connect(other_merchant, "B1"), product(other_merchant, "TEE"), State.LIVE)
    # The key of a product says nothing about whose it is.
    Listing.objects.everyone().filter(pk=theirs.pk).update(product_id=str(tea.pk))

    assert codes(merchant, "off") == {"TEE"}
    assert states.badges(merchant.pk, [tea.pk]) == {}
    assert sum(states.counts(merchant.pk).values()) == 1


def test_a_word_that_is_no_state_narrows_nothing(merchant: Merchant) -> None:
    product(merchant, "TEE")

    assert codes(merchant, "nonsense") == {"TEE"}


def test_many_products_cost_no_more_queries(
    merchant: Merchant, account: Connection, django_assert_num_queries: Any
) -> None:
    made = [product(merchant, f"T{number}") for number in range(12)]
    for one in made:
        listing(account, one, State.LIVE)

    with django_assert_num_queries(1):
        states.badges(merchant.pk, [one.pk for one in made])
    with django_assert_num_queries(2):
        states.counts(merchant.pk)
    with django_assert_num_queries(1):
        assert len(codes(merchant, "live")) == 12
