"""To Amazon's consent page and back, with a browser that is played by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from kogge.amazon.connections import accounts, consent
from kogge.amazon.connections.accounts import NotNow, WrongSetting
from kogge.amazon.connections.models import ConsentAttempt
from kogge.merchants.models import Merchant
from kogge.simulator import APPLICATION_ID, CLIENT_ID, CLIENT_SECRET, SELLER_ID, Simulator
from tests.amazon.account import DE

SESSION = "anna's session"
RETURN = "http://127.0.0.1:8000/apps/amazon/zustimmung/"

pytestmark = pytest.mark.django_db


def begin(amazon: Simulator, merchant: Merchant, **other: str) -> str:
    values: dict[str, Any] = {
        "region": "eu",
        "application_id": APPLICATION_ID,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    return consent.begin(
        merchant, session_key=SESSION, redirect_uri=RETURN, now=amazon.world.now(), **(values | other)
    )


def agree(amazon: Simulator, url: str) -> dict[str, str]:
    """The seller agrees on Amazon's page; what the browser brings back."""
    amazon.world.apps[CLIENT_ID].redirect_uris = [RETURN]
    fields = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    answer = httpx2.post(url.partition("?")[0], data={**fields, "seller_id": SELLER_ID, "decision": "agree"})
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == RETURN
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def finish(
    amazon: Simulator, merchant: Merchant, back: dict[str, str], session: str = SESSION
) -> consent.Grant:
    return consent.finish(
        merchant,
        session_key=session,
        state=back["state"],
        selling_partner_id=back["selling_partner_id"],
        code=back["spapi_oauth_code"],
        now=amazon.world.now(),
    )


def test_a_consent_leads_to_a_connection(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))

    grant = finish(amazon, merchant, back)
    connection = accounts.connect(
        merchant,
        region=grant.region,
        seller_id=grant.seller_id,
        client_id=grant.client_id,
        client_secret=grant.client_secret,
        refresh_token=grant.refresh_token,
        marketplace_ids=[DE],
        dispatch_mail=True,
        start_from=None,
        is_private_app=False,
        consented_on=grant.consented_on,
        now=amazon.world.now(),
    )

    assert connection.seller_id == SELLER_ID
    assert connection.consent_expires_on == date(2026, 11, 23) + timedelta(days=365)


def test_the_state_is_stored_only_as_a_digest_and_the_secret_sealed(
    amazon: Simulator, merchant: Merchant
) -> None:
    url = begin(amazon, merchant)

    [state] = parse_qs(urlsplit(url).query)["state"]
    attempt = ConsentAttempt.objects.of(merchant).get()
    assert len(state) >= 43
    assert state not in attempt.state_digest
    assert CLIENT_SECRET.encode() not in bytes(attempt.sealed_client_secret)
    assert CLIENT_SECRET not in url


def test_a_consent_is_good_once(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))
    finish(amazon, merchant, back)
    asked = amazon.calls["token"]

    with pytest.raises(WrongSetting) as refused:
        finish(amazon, merchant, back)

    assert refused.value.field == "consent"
    assert amazon.calls["token"] == asked


def test_a_consent_belongs_to_the_session_that_asked_for_it(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))

    with pytest.raises(WrongSetting):
        finish(amazon, merchant, back, session="mallory's session")

    assert finish(amazon, merchant, back).seller_id == SELLER_ID


def test_a_consent_belongs_to_the_merchant_who_asked_for_it(
    amazon: Simulator, merchant: Merchant, other_merchant: Merchant
) -> None:
    back = agree(amazon, begin(amazon, merchant))

    with pytest.raises(WrongSetting):
        finish(amazon, other_merchant, back)


def test_a_consent_expires_after_ten_minutes(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))
    amazon.advance(601)

    with pytest.raises(WrongSetting):
        finish(amazon, merchant, back)


def test_an_invented_state_is_refused(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))

    with pytest.raises(WrongSetting):
        finish(amazon, merchant, {**back, "state": "invented"})


def test_a_code_older_than_five_minutes_is_named_as_such(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))
    amazon.advance(301)

    with pytest.raises(WrongSetting) as refused:
        finish(amazon, merchant, back)

    assert "fünf Minuten" in refused.value.sentence


def test_an_amazon_out_of_order_is_told_apart_from_a_refusal(amazon: Simulator, merchant: Merchant) -> None:
    back = agree(amazon, begin(amazon, merchant))
    amazon.fault("token", "503-html")

    with pytest.raises(NotNow):
        finish(amazon, merchant, back)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("region", {"region": "mars"}),
        ("application_id", {"application_id": CLIENT_ID}),
        ("client_id", {"client_id": ""}),
        ("client_secret", {"client_secret": " "}),
    ],
)
def test_wrong_values_are_named_before_the_browser_leaves(
    amazon: Simulator, merchant: Merchant, field: str, wrong: dict[str, str]
) -> None:
    with pytest.raises(WrongSetting) as refused:
        begin(amazon, merchant, **wrong)

    assert refused.value.field == field


def test_old_attempts_are_swept_away(amazon: Simulator, merchant: Merchant) -> None:
    begin(amazon, merchant)
    amazon.advance(3600)

    begin(amazon, merchant)

    assert ConsentAttempt.objects.of(merchant).count() == 1


def test_a_grant_shows_no_secret(amazon: Simulator, merchant: Merchant) -> None:
    grant = finish(amazon, merchant, agree(amazon, begin(amazon, merchant)))

    assert grant.refresh_token not in repr(grant)
    assert CLIENT_SECRET not in repr(grant)
