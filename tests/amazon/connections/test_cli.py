"""`kogge amazon connect|status` and `kogge offers list`: contracts that scripts build on."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kogge.amazon.catalog.offers import import_offers
from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.backoffice.models import Product
from kogge.cli.amazon import amazon as amazon_group
from kogge.cli.offers import offers
from kogge.merchants.models import Merchant
from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SELLER_ID, STORE_NAME, Simulator
from tests.amazon.account import DE, FR, START, Post

pytestmark = pytest.mark.django_db

CONNECT = [
    "connect", "--merchant", "teehaus-muster", "--region", "eu", "--marketplace", DE, "--marketplace", FR,
    "--seller-id", SELLER_ID, "--client-id", CLIENT_ID, "--client-secret-env", "SECRET",
    "--refresh-token-env", "TOKEN", "--dispatch-mail", "yes", "--json",
]  # fmt: skip


def kogge(command: Any, *arguments: str, secret: str = CLIENT_SECRET) -> Result:
    return CliRunner().invoke(command, list(arguments), env={"SECRET": secret, "TOKEN": REFRESH_TOKEN})


def test_connecting_prints_the_connection_as_one_json_document(amazon: Simulator, merchant: Merchant) -> None:
    result = kogge(amazon_group, *CONNECT)

    connection = Connection.objects.of(merchant).get()
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"connection": connection.pk}
    assert connection.dispatch_mail
    assert connection.marketplaces.filter(active=True).count() == 2


def test_a_start_date_can_be_named(amazon: Simulator, merchant: Merchant) -> None:
    kogge(amazon_group, *CONNECT, "--start-from", "2026-11-01")

    start = Connection.objects.of(merchant).get().start_from
    assert start.isoformat() == "2026-10-31T23:00:00+00:00"  # midnight in Berlin


def test_a_wrong_value_is_one_sentence_on_stderr_that_names_the_option(
    amazon: Simulator, merchant: Merchant
) -> None:
    result = kogge(amazon_group, *CONNECT, secret="amzn1.oa2-cs.v1.wrong")

    assert result.exit_code != 0
    assert result.stdout == ""
    assert "--client-secret-env" in result.stderr
    assert "amzn1.oa2-cs.v1.wrong" not in result.stderr


def test_a_missing_variable_is_named(amazon: Simulator, merchant: Merchant) -> None:
    result = kogge(amazon_group, *CONNECT, secret="")

    assert result.exit_code != 0
    assert "SECRET" in result.stderr


def test_the_status_tells_how_a_connection_stands(post: Post) -> None:
    accounts.pause(post.connection.pk, "invalid_grant", now=post.now)

    result = kogge(amazon_group, "status", str(post.connection.pk), "--json")

    standing = json.loads(result.stdout)
    assert standing["connection"] == post.connection.pk
    assert (standing["state"], standing["pause_reason"]) == ("paused", "invalid_grant")
    assert standing["store_name"] == STORE_NAME
    assert [place["id"] for place in standing["marketplaces"] if place["active"]] == [DE, FR]
    assert standing["last_check"] is None
    assert [trouble["kind"] for trouble in standing["troubles"]] == ["settings"]
    assert CLIENT_SECRET not in result.stdout


def test_the_status_tells_the_budget_and_the_next_check(post: Post) -> None:
    with accounts.amazon_client(post.connection, post.amazon.world.now) as client:
        client.get("getMarketplaceParticipations", "/sellers/v1/marketplaceParticipations")

    standing = json.loads(kogge(amazon_group, "status", str(post.connection.pk), "--json").stdout)

    [level] = standing["budget"]
    assert (level["operation"], level["burst"], level["rate"]) == ("getMarketplaceParticipations", 15, 0.016)
    assert (level["used"] + level["left"], level["calls"], level["throttled"]) == (15, 1, 0)
    assert {"next_at", "paused_until"} <= level.keys()
    assert standing["next_check_at"] is not None


def test_the_status_reads_well_without_json(post: Post) -> None:
    result = kogge(amazon_group, "status", str(post.connection.pk))

    assert result.stdout.startswith(f"{STORE_NAME}: Verbunden\n")


def test_an_unknown_connection_is_an_error(db: None) -> None:
    result = kogge(amazon_group, "status", "4711", "--json")

    assert result.exit_code != 0
    assert "4711" in result.stderr


def test_offers_are_listed_with_their_article_numbers(merchant: Merchant, other_merchant: Merchant) -> None:
    for owner in (merchant, other_merchant):
        product = Product.objects.everyone().create(
            merchant=owner, code="TEE", title="Tee", price=Decimal("9.90"), changed_at=START
        )
        import_offers(owner, {str(product.pk): {"asin": "B0TEEHAUS1", "amazon_price": "12.5"}}, START)

    result = kogge(offers, "list", "--merchant", "teehaus-muster", "--json")

    [listed] = json.loads(result.stdout)
    expected = {
        "code": "TEE", "title": "Tee", "enabled": True, "asin": "B0TEEHAUS1", "sku": "", "stock": None,
        "lead_time_days": None, "price": "12.50", "fba": False, "state": "off", "reason": "",
    }  # fmt: skip
    assert {key: listed[key] for key in expected} == expected
