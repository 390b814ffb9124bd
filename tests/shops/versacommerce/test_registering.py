"""Becoming an app of a shop: addresses, the password, the signature of the way back."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from kogge.shops.port import ShopUnavailable
from kogge.shops.versacommerce import open_http, registering
from kogge.values import InvalidValue

from .conftest import Wire, reply, web_page

SECRET = "0123456789abcdef0123456789abcdef01234567"
SIGNED_AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BACK = {"shop": "mein-shop.versacommerce.de", "t": "a1b2c3d4", "timestamp": "1795420800"}
SIGNED = BACK | {"signature": "0ed9663acdc5c8f06643144ba3e1ac93"}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("mein-shop", "https://mein-shop.versacommerce.de"),
        (" Mein-Shop ", "https://mein-shop.versacommerce.de"),
        ("mein-shop.versacommerce.de", "https://mein-shop.versacommerce.de"),
        ("https://mein-shop.versacommerce.de/admin/orders?page=2#x", "https://mein-shop.versacommerce.de"),
        ("http://www.mein-shop.de/", "https://www.mein-shop.de"),
        ("HTTPS://WWW.Mein-Shop.DE.", "https://www.mein-shop.de"),
        ("www.müller-tee.de", "https://www.xn--mller-tee-q9a.de"),
        ("shop.example:8443", "https://shop.example:8443"),
        ("http://127.0.0.1:8001/laden", "http://127.0.0.1:8001"),
        ("localhost:8001", "http://localhost:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_what_people_type_becomes_an_address(typed: str, address: str) -> None:
    assert registering.shop_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "mein shop",
        "10.0.0.5",
        "https://169.254.169.254/x",
        "ftp://a.de",
        "a..de",
        "u:p@a.de",
        "a.de:x",
        "javascript://a.de",
        "-a",
        "[fe80::1]",
        "//",
        "a.de:99999",
    ],
)
def test_what_is_no_shop_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        registering.shop_address(typed)


def test_the_owner_agrees_at_the_shop() -> None:
    address = registering.auth_address("https://mein-shop.versacommerce.de", "key&1")

    assert address == "https://mein-shop.versacommerce.de/api/auth?api_key=key%261"


@pytest.mark.parametrize(
    ("secret", "token", "password"),
    [
        ("c1f0ea1fe65be873c8a62a10485cc58b250ab74e", "66f3a04b", "dccd1e9d50d45133f14d6effc727020c"),
        (SECRET, "a1b2c3d4", "90079b86b3f990a946d0b96a7bee7102"),
    ],
)
def test_the_password_is_made_of_secret_and_token(secret: str, token: str, password: str) -> None:
    assert registering.password(secret, token) == password


@pytest.mark.parametrize(
    ("parameters", "signature"),
    [
        (BACK, "0ed9663acdc5c8f06643144ba3e1ac93"),
        (BACK | {"locale": "de"}, "252f509ed70adaa00d5fb5751f73d11e"),
        (BACK | {"action": "finalize", "controller": "sessions"}, "0ed9663acdc5c8f06643144ba3e1ac93"),
    ],
)
def test_all_parameters_are_signed(parameters: dict[str, str], signature: str) -> None:
    assert registering.signature(parameters, SECRET) == signature
    assert registering.is_signed(parameters | {"signature": signature}, SECRET, now=SIGNED_AT)


@pytest.mark.parametrize(
    ("change", "later"),
    [
        ({"t": "a1b2c3d5"}, timedelta()),
        ({"extra": "1"}, timedelta()),
        ({"signature": ""}, timedelta()),
        ({"signature": "ä" * 32}, timedelta()),
        ({}, timedelta(hours=24, seconds=1)),
        ({}, timedelta(hours=-1, seconds=-1)),
    ],
)
def test_what_is_not_the_shops_word_of_today_is_not_believed(
    change: dict[str, str], later: timedelta
) -> None:
    assert registering.is_signed(SIGNED, SECRET, now=SIGNED_AT + timedelta(hours=24))
    assert registering.is_signed(SIGNED, SECRET, now=SIGNED_AT - timedelta(hours=1))
    assert not registering.is_signed(SIGNED | change, SECRET, now=SIGNED_AT + later)
    assert not registering.is_signed(SIGNED, SECRET[::-1], now=SIGNED_AT)


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "9" * 30, "²", "gestern"])
def test_a_timestamp_that_is_none_is_not_fresh(timestamp: str) -> None:
    parameters = BACK | {"timestamp": timestamp}
    signed = parameters | {"signature": registering.signature(parameters, SECRET)}

    assert not registering.is_signed(signed, SECRET, now=SIGNED_AT)


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        (httpx2.Response(200, content=b"<?xml version='1.0'?><token>66f3a04b</token>"), "66f3a04b"),
        (httpx2.Response(200, content=b"<hash><token>66f3a04b</token></hash>"), "66f3a04b"),
        (httpx2.Response(200, content=b"<hash/>"), None),
        (httpx2.Response(200, content=b""), None),
        (reply(None, 404), None),
        (reply(None, 401), None),
        (web_page(200), ShopUnavailable),
        (reply(None, 500), ShopUnavailable),
        (httpx2.ConnectError(""), ShopUnavailable),
        (httpx2.Response(200, content=b"<token>66"), ShopUnavailable),
        (httpx2.Response(200, content=b"<!DOCTYPE t [<!ENTITY e 'x'>]><token>&e;</token>"), ShopUnavailable),
    ],
)
def test_the_token_without_a_browser(wire: Wire, answer: httpx2.Response, token: object) -> None:
    wire.lay(answer)
    with open_http(httpx2.MockTransport(wire)) as http:
        if token is ShopUnavailable:
            with pytest.raises(ShopUnavailable):
                registering.request_token(http, "https://mein-shop.versacommerce.de", "k1")
        else:
            assert registering.request_token(http, "https://mein-shop.versacommerce.de", "k1") == token

    assert str(wire.sent[0].url) == "https://mein-shop.versacommerce.de/api/auth.xml?api_key=k1"
    assert "authorization" not in wire.sent[0].headers
