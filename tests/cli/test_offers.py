"""`kogge offers`: how offers stand, the dry run, who leads, and another try."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.models import Agreement, Listing
from kogge.cli import offers as command
from kogge.cli.amazon import status
from kogge.cli.offers import offers
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.pages.offering import DE, NOW, agreed, connect, differing, held, listing, product, said

pytestmark = pytest.mark.django_db

ALL_KOGGE = ("--quantity", "kogge", "--lead-time", "kogge", "--price", "kogge")


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    found = connect(merchant, "A1", store_name="Teehaus")
    agreed(found)
    return found


def kogge(*arguments: str) -> Result:
    return CliRunner().invoke(offers, [*arguments, "--json"])


def answered(*arguments: str) -> Any:
    result = kogge(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_list_says_how_each_offer_stands(merchant: Merchant, account: Connection) -> None:
    second = connect(merchant, "A2")
    tea = product(merchant, "TEE")
    listing(
        account, tea, Listing.State.PROBLEM, reason="not_found",
        wanted_json=said(5, 2, "10.00"), accepted_json=said(4), shown_json=said(3, 2, "9.00"),
    )  # fmt: skip
    listing(second, tea, Listing.State.LIVE)

    [found] = answered("list", "--merchant", merchant.slug)

    assert (found["code"], found["state"], found["reason"]) == ("TEE", "problem", "not_found")
    assert "kein Angebot" in found["sentence"]
    assert found["connection"] == account.pk
    assert found["wanted"] == {"quantity": 5, "lead_time_days": 2, "prices": {DE: "10.00"}}
    assert found["accepted"] == {"quantity": 4, "lead_time_days": None, "prices": {}}
    assert found["shown"]["prices"] == {DE: "9.00"}


def test_many_offers_are_listed_with_as_many_statements_as_few(
    merchant: Merchant, account: Connection
) -> None:
    def statements(*codes: str) -> int:
        for code in codes:
            listing(account, product(merchant, code), Listing.State.LIVE)
        with CaptureQueriesContext(database) as queries:
            answered("list", "--merchant", merchant.slug)
        return len(queries)

    assert statements("A") == statements("B", "C", "D")


def test_the_preview_shows_what_would_change(merchant: Merchant, account: Connection) -> None:
    differing(account, product(merchant, "TEE"))
    listing(account, product(merchant, "SAME"), Listing.State.READY)

    found = answered("preview", str(account.pk))

    figures = {
        "complete": True,
        "listings": 2,
        "unread": 0,
        "quantity": 1,
        "lead_time": 0,
        "price": 1,
        "held": 0,
    }
    assert {name: found[name] for name in figures} == figures
    quantity, price = found["differences"]
    assert (quantity["field"], quantity["amazon"], quantity["shop"]) == ("quantity", 7, 5)
    assert (price["field"], price["marketplace"], price["amazon"], price["shop"]) == (
        "price",
        DE,
        "9.00",
        "10.00",
    )
    assert price["sku"] == "SKU-TEE"
    assert not Listing.objects.of(merchant).exclude(priority=None).exists()


def test_the_preview_shows_the_first_thousand_and_all_on_demand(
    merchant: Merchant, account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST_SHOWN", 3)
    monkeypatch.setattr(command, "BATCH", 2)
    for number in range(5):
        differing(account, product(merchant, f"T{number}"))

    assert len(answered("preview", str(account.pk))["differences"]) == 3
    assert len(answered("preview", str(account.pk), "--all")["differences"]) == 10


def test_agreeing_is_kept_and_has_it_sent(merchant: Merchant, account: Connection) -> None:
    differing(account, product(merchant, "TEE"))

    found = answered(
        "agree", str(account.pk), "--quantity", "kogge", "--lead-time", "amazon", "--price", "kogge"
    )

    agreement = Agreement.objects.everyone().get(connection=account)
    assert (agreement.quantity, agreement.lead_time, agreement.price) == ("kogge", "amazon", "kogge")
    assert (found["quantity"], found["confirmed"]) == ("kogge", 0)
    assert Due.objects.filter(operation="send_offers", subject=account.pk).exists()


def test_prices_that_wait_are_confirmed_only_on_demand(merchant: Merchant, account: Connection) -> None:
    for code in ("T1", "T2"):
        differing(account, product(merchant, code), differs="ph", held_json=held("10.00", "2.00"))

    answered("agree", str(account.pk), *ALL_KOGGE)
    assert not Listing.objects.of(merchant).exclude(confirmed_json={}).exists()

    assert answered("agree", str(account.pk), *ALL_KOGGE, "--confirm-prices")["confirmed"] == 2
    assert Listing.objects.of(merchant).exclude(confirmed_json={}).count() == 2


def test_nothing_is_agreed_to_before_everything_was_read(merchant: Merchant, account: Connection) -> None:
    listing(account, product(merchant, "TEE"), Listing.State.READY, shown_at=None, channel="")

    result = kogge("agree", str(account.pk), *ALL_KOGGE)

    assert result.exit_code == 1
    assert "noch an" in result.stderr
    assert Agreement.objects.everyone().get(connection=account).agreed_at is None


def test_a_word_that_is_none_is_refused(account: Connection) -> None:
    result = kogge("agree", str(account.pk), "--quantity", "me", "--lead-time", "kogge", "--price", "kogge")

    assert result.exit_code != 0
    assert Agreement.objects.everyone().get(connection=account).quantity == ""


def test_retrying_is_for_what_has_a_problem_or_differs(merchant: Merchant, account: Connection) -> None:
    for code, state in (("T1", "problem"), ("T2", "drift"), ("T3", "live")):
        listing(account, product(merchant, code), state, reason="invalid" if state == "problem" else "")

    assert answered("retry", str(account.pk)) == {"retried": 2}
    assert Listing.objects.of(merchant).filter(is_unsure=True, plan_at__isnull=False).count() == 2
    assert answered("retry", str(account.pk)) == {"retried": 0}  # they wait already


@pytest.mark.parametrize("arguments", [("preview", "99"), ("retry", "99"), ("agree", "99", *ALL_KOGGE)])
def test_an_unknown_connection_is_named(arguments: tuple[str, ...]) -> None:
    result = kogge(*arguments)

    assert result.exit_code == 1
    assert "99" in result.stderr


def test_the_status_of_a_connection_counts_its_offers(merchant: Merchant, account: Connection) -> None:
    listing(account, product(merchant, "T1"), Listing.State.LIVE)
    listing(account, product(merchant, "T2"), Listing.State.PROBLEM, reason="invalid")

    found = status(account, now=NOW)

    assert found["offers"] == {"ready": 0, "sent": 0, "live": 1, "problem": 1, "drift": 0}
    assert found["agreement"]["quantity"] == "undecided"
