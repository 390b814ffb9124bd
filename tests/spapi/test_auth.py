import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs

import httpx2
import pytest

from kogge.spapi import AccessToken, FixSettings, Throttled, TokenSource, TryLater, consent_url, exchange_code
from kogge.values import InvalidValue

from .conftest import NOW, SECRETS, Memory, Wire, reply, web_page

LWA = "https://api.amazon.com/auth/o2/token"


@pytest.fixture
def tokens(http: httpx2.Client, memory: Memory) -> TokenSource:
    return TokenSource(SECRETS, memory, http, LWA)


def test_a_token_is_fetched_once_and_then_remembered(tokens: TokenSource, wire: Wire, memory: Memory) -> None:
    first = tokens.access_token(NOW)
    second = tokens.access_token(NOW + timedelta(minutes=54))

    assert (first, second) == ("Atza|token1", "Atza|token1")
    assert memory.token == AccessToken("Atza|token1", NOW + timedelta(hours=1))
    assert parse_qs(wire.token_requests[0].content.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [SECRETS.refresh_token],
        "client_id": [SECRETS.client_id],
        "client_secret": [SECRETS.client_secret],
    }


def test_a_token_is_refreshed_five_minutes_before_it_ends(tokens: TokenSource) -> None:
    tokens.access_token(NOW)

    assert tokens.access_token(NOW + timedelta(minutes=55)) == "Atza|token2"


def test_a_token_near_its_end_is_good_enough_while_amazon_is_down(tokens: TokenSource, wire: Wire) -> None:
    tokens.access_token(NOW)
    wire.tokens = [web_page(503), web_page(503)]

    still_good = tokens.access_token(NOW + timedelta(minutes=58))

    assert still_good == "Atza|token1"
    with pytest.raises(TryLater):
        tokens.access_token(NOW + timedelta(minutes=61))


def test_many_threads_and_sources_of_one_connection_fetch_one_token(http: httpx2.Client, wire: Wire) -> None:
    memory = Memory()
    sources = [TokenSource(SECRETS, memory, http, LWA) for _ in range(8)]
    everybody_asks = threading.Barrier(8)
    somebody_else_fetches = threading.Event()

    def slow_answer(request: httpx2.Request) -> httpx2.Response:
        if len(wire.token_requests) > 1:
            somebody_else_fetches.set()
        somebody_else_fetches.wait(0.1)
        return reply({"access_token": "Atza|shared", "expires_in": 3600})

    def ask(source: TokenSource) -> str:
        everybody_asks.wait(5)
        return source.access_token(NOW)

    wire.tokens = [slow_answer] * 8
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(ask, sources))

    assert given == ["Atza|shared"] * 8
    assert len(wire.token_requests) == 1


def test_a_refused_token_is_replaced(tokens: TokenSource) -> None:
    tokens.access_token(NOW)

    assert tokens.access_token(NOW, force_new=True) == "Atza|token2"


def test_a_refused_token_that_somebody_else_replaced_is_not_fetched_again(
    tokens: TokenSource, memory: Memory, wire: Wire
) -> None:
    tokens.access_token(NOW)
    memory.store(AccessToken("Atza|fromelsewhere", NOW + timedelta(hours=1)))

    token = tokens.access_token(NOW, force_new=True)

    assert token == "Atza|fromelsewhere"
    assert len(wire.token_requests) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("invalid_grant", "invalid_grant"),
        ("invalid_client", "invalid_client"),
        ("unauthorized_client", "unauthorized_client"),
        ("access_denied", "access_denied"),
        ("invalid_scope", "lwa_refused"),
    ],
)
def test_refused_credentials_are_for_the_settings(
    tokens: TokenSource, wire: Wire, error: str, reason: str
) -> None:
    wire.tokens = [reply({"error": error, "error_description": "The request is bad"}, 400)]

    with pytest.raises(FixSettings, match="The request is bad") as caught:
        tokens.access_token(NOW)

    assert caught.value.reason == reason
    assert caught.value.request_id == "req-1"


@pytest.mark.parametrize(
    "answer",
    [
        reply(None, 500),
        reply(None, 200),
        reply({"token_type": "bearer"}),
        reply({"access_token": "", "expires_in": 3600}),
        reply({"access_token": "with blank", "expires_in": 3600}),
        reply({"access_token": "Atza|x", "expires_in": 0}),
        reply({"error": "temporarily_unavailable"}, 400),
        reply({"unexpected": 1}, 400),
        reply(None, 302, location="https://elsewhere.example"),
        web_page(200),
        web_page(401),
        httpx2.ConnectError("no route"),
        httpx2.ReadTimeout("slow"),
    ],
    ids=str,
)
def test_anything_but_a_clear_word_means_try_later(
    tokens: TokenSource, wire: Wire, memory: Memory, answer: httpx2.Response
) -> None:
    wire.tokens = [answer]

    with pytest.raises(TryLater):
        tokens.access_token(NOW)

    assert memory.token is None


def test_too_many_token_requests_are_throttled(tokens: TokenSource, wire: Wire) -> None:
    wire.tokens = [reply({"error": "slow_down"}, 429, retry_after="12")]

    with pytest.raises(Throttled) as caught:
        tokens.access_token(NOW)

    assert caught.value.retry_after == 12.0


def test_the_code_of_the_consent_becomes_a_refresh_token(http: httpx2.Client, wire: Wire) -> None:
    wire.tokens = [reply({"access_token": "Atza|a", "refresh_token": "Atzr|r", "expires_in": 3600})]

    grant = exchange_code(
        http, LWA, code="c0de", client_id="id", client_secret="s", redirect_uri="https://me.example/", now=NOW
    )

    assert grant.refresh_token == "Atzr|r"
    assert grant.access_token == AccessToken("Atza|a", NOW + timedelta(hours=1))
    assert parse_qs(wire.token_requests[0].content.decode()) == {
        "grant_type": ["authorization_code"],
        "code": ["c0de"],
        "client_id": ["id"],
        "client_secret": ["s"],
        "redirect_uri": ["https://me.example/"],
    }


def test_a_consent_without_refresh_token_is_no_consent(http: httpx2.Client, wire: Wire) -> None:
    wire.tokens = [reply({"access_token": "Atza|a", "expires_in": 3600})]

    with pytest.raises(TryLater, match="no refresh token"):
        exchange_code(http, LWA, code="c0de", client_id="id", client_secret="s")


def test_the_consent_page_is_told_application_state_and_draft() -> None:
    base = "https://sellercentral-europe.amazon.com"

    plain = consent_url(base, "amzn1.sellerapps.app.1", "st&ate")
    draft = consent_url(base + "/", "amzn1.sellerapps.app.1", "s", "https://me.example/back", beta=True)

    assert plain == f"{base}/apps/authorize/consent?application_id=amzn1.sellerapps.app.1&state=st%26ate"
    assert draft.endswith("&state=s&redirect_uri=https%3A%2F%2Fme.example%2Fback&version=beta")


def test_a_consent_without_state_is_refused() -> None:
    with pytest.raises(InvalidValue):
        consent_url("https://sellercentral-europe.amazon.com", "amzn1.sellerapps.app.1", "")
