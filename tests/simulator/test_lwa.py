"""Login with Amazon: tokens, their life, the errors, and the consent page."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from kogge.simulator import APPLICATION_ID, CLIENT_ID, REFRESH_TOKEN, SELLER_ID, Response
from tests.simulator.conftest import ORDERS, Seller

CALLBACK = "http://127.0.0.1:8000/amazon/callback"


def consent(seller: Seller, method: str = "GET", **changes: str) -> Response:
    fields = {"application_id": APPLICATION_ID, "state": "s-1", "redirect_uri": CALLBACK} | changes
    if method == "GET":
        return seller.send("GET", "/apps/authorize/consent", urlencode(fields))
    fields = {"decision": "agree", "seller_id": SELLER_ID} | fields
    return seller.send("POST", "/apps/authorize/consent", body=urlencode(fields).encode())


def agreed(seller: Seller) -> str:
    """The code of a given consent."""
    answer = parse_qs(urlsplit(consent(seller, "POST").headers["Location"]).query)
    return answer["spapi_oauth_code"][0]


def test_a_refresh_token_gives_an_access_token_for_an_hour(seller: Seller) -> None:
    answer = seller.token()

    assert answer.status == 200
    assert answer.json().keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 3600


def test_an_access_token_expires_by_the_virtual_clock(seller: Seller) -> None:
    seller.search()
    seller.advance(3599)
    alive = seller.search()
    seller.advance(2)

    expired = seller.search()

    assert (alive.status, expired.status) == (200, 403)
    assert expired.json()["errors"][0]["code"] == "Unauthorized"


@pytest.mark.parametrize("token", ["", "Atza|made-up"])
def test_calls_without_a_valid_access_token_are_unauthorised(seller: Seller, token: str) -> None:
    response = seller.send("GET", ORDERS, user_agent="tests", x_amz_access_token=token)

    assert response.status == 403
    assert response.json()["errors"][0]["code"] == "Unauthorized"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "amzn1.application-oa2-client.unknown"}, 401, "invalid_client"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"refresh_token": "Atzr|wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "AN-wrong"}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
    ],
)
def test_errors_are_worded_as_by_lwa(
    seller: Seller, changes: dict[str, str], status: int, error: str
) -> None:
    answer = seller.token(**changes)

    assert answer.status == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == error


def test_a_refresh_token_works_only_for_the_application_it_was_given_to(seller: Seller) -> None:
    app = seller.world.apps[CLIENT_ID]
    seller.world.apps["other"] = type(app)("other", "amzn1.sellerapps.app.other", "Other", ["other-secret"])

    answer = seller.token(client_id="other", client_secret="other-secret")

    assert answer.json()["error"] == "unauthorized_client"


def test_a_withdrawn_consent_ends_refresh_and_access_tokens(seller: Seller) -> None:
    seller.search()

    seller.revoke()

    assert seller.search().status == 403
    assert seller.token().json()["error"] == "invalid_grant"


def test_a_rotated_secret_can_live_beside_the_old_one(seller: Seller) -> None:
    seller.rotate_secret("new-1", keep_old=True)
    both = (seller.token().status, seller.token(client_secret="new-1").status)

    seller.rotate_secret("new-2")

    assert both == (200, 200)
    assert (seller.token().status, seller.token(client_secret="new-2").status) == (401, 200)


def test_the_consent_page_says_who_asks(seller: Seller) -> None:
    page = consent(seller)

    assert page.status == 200
    assert "Kogge" in page.body.decode()
    assert "Teehaus Muster" in page.body.decode()
    assert "http://127.0.0.1:8000" in page.headers["Content-Security-Policy"]


def test_agreeing_leads_back_with_a_code_that_gives_a_refresh_token(seller: Seller) -> None:
    location = urlsplit(consent(seller, "POST").headers["Location"])
    answer = parse_qs(location.query)

    tokens = seller.token(
        grant_type="authorization_code", code=answer["spapi_oauth_code"][0], redirect_uri=CALLBACK
    ).json()

    assert location.geturl().startswith(CALLBACK + "?")
    assert (answer["state"], answer["selling_partner_id"]) == (["s-1"], [SELLER_ID])
    assert tokens["refresh_token"] != REFRESH_TOKEN
    assert seller.token(refresh_token=tokens["refresh_token"]).status == 200


def test_a_code_works_once_and_for_five_minutes(seller: Seller) -> None:
    used, old = agreed(seller), agreed(seller)
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}

    first, second = seller.token(code=used, **form), seller.token(code=used, **form)
    seller.advance(301)
    late = seller.token(code=old, **form)

    assert first.status == 200
    assert (second.json()["error"], late.json()["error"]) == ("invalid_grant", "invalid_grant")


def test_a_code_is_bound_to_its_redirect_address(seller: Seller) -> None:
    answer = seller.token(
        grant_type="authorization_code", code=agreed(seller), redirect_uri="http://127.0.0.1:8000/other"
    )

    assert answer.json()["error"] == "invalid_grant"


def test_declining_leads_back_without_a_code(seller: Seller) -> None:
    answer = parse_qs(urlsplit(consent(seller, "POST", decision="decline").headers["Location"]).query)

    assert answer == {"state": ["s-1"], "error": ["access_denied"]}


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "http://shop.example/callback",
        "javascript:alert(1)",
        "ftp://127.0.0.1/",
        "https://a;b/",
        "https://",
    ],
)
def test_only_https_or_loopback_addresses_are_led_back_to(seller: Seller, redirect_uri: str) -> None:
    assert consent(seller, redirect_uri=redirect_uri).status == 400
    assert consent(seller, redirect_uri="https://shop.example/callback").status == 200


def test_a_draft_application_needs_version_beta(seller: Seller) -> None:
    seller.world.apps[CLIENT_ID].is_draft = True

    assert consent(seller).status == 400
    assert consent(seller, version="beta").status == 200


def test_registered_addresses_are_the_only_ones(seller: Seller) -> None:
    seller.world.apps[CLIENT_ID].redirect_uris = [CALLBACK]

    assert consent(seller, redirect_uri="https://shop.example/callback").status == 400
    assert consent(seller, redirect_uri="").status == 200


def test_what_the_client_sent_appears_escaped_on_the_page(seller: Seller) -> None:
    page = consent(seller, state='"><script>alert(1)</script>')

    assert b"<script>" not in page.body


def test_a_form_from_another_site_is_refused(seller: Seller) -> None:
    response = seller.send("POST", "/apps/authorize/consent", origin="https://evil.example")

    assert response.status == 403
