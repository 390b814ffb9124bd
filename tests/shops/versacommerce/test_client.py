"""What an answer means, what is tried again, how fast, and that no secret gets out."""

import logging
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, ShopAccessLost
from kogge.shops.versacommerce import Settings, VersaCommerceShop
from kogge.values import InvalidValue

from .conftest import NOW, SETTINGS, Seconds, Wire, reply, web_page

PRODUCT = {"product": {"id": 4711, "code": "BECHER-ROT", "title": "Becher", "price": "12.9", "stock": 3}}
LOGIN = '<html><form action="/admin/login"><input type="password" name="p"></form></html>'


def read(shop: VersaCommerceShop) -> object:
    return shop.product("4711")


def write(shop: VersaCommerceShop) -> None:
    shop.set_stock("4711", 3)


def lost(reason: Reason) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, ShopAccessLost) and error.reason == reason


def refused(text: str) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, ShopRefuses) and str(error) == text


def unavailable(error: BaseException) -> bool:
    return isinstance(error, ShopUnavailable)


def test_every_call_says_who_we_are(connect: Callable[..., VersaCommerceShop], wire: Wire) -> None:
    wire.lay(reply(PRODUCT), reply())
    settings = Settings("https://mein-shop.versacommerce.de/", "demo_key", "90079b86b3f990a946d0b96a7bee7102")
    shop = connect(wire, settings)

    read(shop)
    write(shop)

    first, second = wire.sent
    assert str(first.url) == "https://mein-shop.versacommerce.de/api/products/4711.json"
    assert first.headers["authorization"] == (
        "Basic ZGVtb19rZXk6OTAwNzliODZiM2Y5OTBhOTQ2ZDBiOTZhN2JlZTcxMDI="  # the reference's second vector
    )
    assert first.headers["accept"] == "application/json"
    assert first.headers["user-agent"].startswith("Kogge/")
    assert "x-versacommerce-api-token" not in first.headers
    assert second.headers["content-type"] == "application/json; charset=utf-8"
    assert (second.method, second.content) == ("PUT", b'{"product":{"stock":3}}')


def test_token_and_contact_are_sent_along(connect: Callable[..., VersaCommerceShop], wire: Wire) -> None:
    wire.lay(reply(PRODUCT))

    read(connect(wire, Settings("http://127.0.0.1:8001", "k", "p", "tok", contact="technik@example.de\n(x)")))

    assert wire.sent[0].headers["x-versacommerce-api-token"] == "tok"
    assert wire.sent[0].headers["user-agent"].endswith(" (technik@example.dex)")


@pytest.mark.parametrize(
    "address",
    [
        "http://mein-shop.versacommerce.de",
        "ftp://mein-shop.de",
        "https://u:p@shop.de",
        "mein-shop",
        "https://[",
        "",
    ],
)
def test_a_password_goes_over_https_only(address: str) -> None:
    with pytest.raises(InvalidValue):
        VersaCommerceShop(Settings(address, "k", "p"))


@pytest.mark.parametrize(
    ("answer", "to_a_read", "to_a_write"),
    [
        (reply(None, 401), lost(Reason.KEY_REFUSED), lost(Reason.KEY_REFUSED)),
        (web_page(401, LOGIN), lost(Reason.KEY_REFUSED), lost(Reason.KEY_REFUSED)),
        (reply(None, 403), lost(Reason.KEY_REFUSED), lost(Reason.NOT_UNLOCKED)),
        (web_page(403), unavailable, lost(Reason.NOT_UNLOCKED)),
        (web_page(200, LOGIN), lost(Reason.NO_SHOP), lost(Reason.NO_SHOP)),
        (reply(None, 302, location="https://x.de/admin/login"), lost(Reason.NO_SHOP), lost(Reason.NO_SHOP)),
        (reply(None, 301, location="https://www.x.de/"), unavailable, unavailable),
        (web_page(200), unavailable, unavailable),
        (web_page(404), None, refused("HTTP 404")),
        (reply({"errors": {"code": ["muss ausgefüllt werden"]}}, 422),)
        + (refused("code: muss ausgefüllt werden"),) * 2,
        (reply({"errors": {"base": ["Zu viel.", "Nein."], "x": ["a"]}}, 422),)
        + (refused("Zu viel.; Nein.; x: a"),) * 2,
        (reply({"error": "von e@x.de gesperrt"}, 409),) + (refused("von […] gesperrt"),) * 2,
        (
            httpx2.Response(422, content=b"<errors><error>Code can't be blank</error></errors>"),
            refused("Code can't be blank"),
            refused("Code can't be blank"),
        ),
        (reply(None, 405), refused("HTTP 405"), refused("HTTP 405")),
    ],
)
def test_what_an_answer_means(
    shop: VersaCommerceShop, wire: Wire, answer: httpx2.Response, to_a_read: Any, to_a_write: Any
) -> None:
    for act, expected in ((read, to_a_read), (write, to_a_write)):
        wire.lay(httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content))
        if expected is None:
            assert read(shop) is None
            continue
        with pytest.raises((ShopAccessLost, ShopRefuses, ShopUnavailable)) as caught:
            act(shop)
        assert expected(caught.value), caught.value
    assert len(wire.sent) == 2  # none of them is tried again


@pytest.mark.parametrize(
    "trouble",
    [
        reply(None, 429),
        reply(None, 500),
        web_page(503),
        httpx2.ConnectError(""),
        httpx2.ReadTimeout(""),
        httpx2.RemoteProtocolError(""),
        httpx2.Response(200, content=b'{"product": {"id": 47'),
        httpx2.Response(200, content=b""),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(200, content=b'{"a": "\xff"}'),
    ],
)
def test_reads_are_tried_again_with_growing_pauses(
    shop: VersaCommerceShop, wire: Wire, seconds: Seconds, trouble: httpx2.Response | Exception
) -> None:
    wire.lay(trouble, reply(PRODUCT))
    assert read(shop) is not None

    wire.lay(*[_again(trouble) for _ in range(4)])
    with pytest.raises(ShopUnavailable):
        read(shop)

    assert len(wire.sent) == 6
    assert 0.5 <= seconds.slept[0] <= 1
    assert seconds.at - 1000 < 20


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (reply(None, 500), 1),
        (httpx2.ReadTimeout(""), 1),
        (httpx2.RemoteProtocolError(""), 1),
        (httpx2.ConnectError(""), 4),  # it never arrived
        (reply(None, 429), 4),  # it was turned away at the door
    ],
)
def test_writes_are_never_repeated_blindly(
    shop: VersaCommerceShop, wire: Wire, trouble: httpx2.Response | Exception, tries: int
) -> None:
    wire.lay(*[_again(trouble) for _ in range(4)])

    with pytest.raises(ShopUnavailable):
        write(shop)

    assert len(wire.sent) == tries


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("7", 7.0), (f"{NOW + timedelta(seconds=9):%a, %d %b %Y %H:%M:%S GMT}", 9.0)],
)
def test_a_pause_the_shop_asks_for_is_kept(
    shop: VersaCommerceShop, wire: Wire, seconds: Seconds, asked: str, waits: float
) -> None:
    wire.lay(reply(None, 429, retry_after=asked), reply(PRODUCT))

    read(shop)

    assert seconds.slept == [waits]


def test_nobody_waits_longer_than_the_patience_for_one_call(
    shop: VersaCommerceShop, wire: Wire, seconds: Seconds
) -> None:
    wire.lay(reply(None, 429, retry_after="300"))

    with pytest.raises(ShopUnavailable):
        read(shop)

    assert (len(wire.sent), seconds.slept) == (1, [])


def test_two_requests_a_second(shop: VersaCommerceShop, wire: Wire, seconds: Seconds) -> None:
    wire.lay(*[reply(PRODUCT) for _ in range(5)])

    for _ in range(5):
        read(shop)

    assert seconds.at - 1000 == 2.0


def test_an_answer_without_end_is_cut(connect: Callable[..., VersaCommerceShop]) -> None:
    def endless(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=(b"x" * 2**20 for _ in range(40)))

    with pytest.raises(ShopUnavailable, match="too large"):
        read(connect(endless))


@pytest.mark.parametrize("status", [200, 401, 403, 422, 500])
def test_no_secret_gets_out(
    shop: VersaCommerceShop, wire: Wire, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="kogge")
    wire.lay(*[reply({"shop": {"id": 1, "name": "Laden", "api_key": "geheim1"}}, status) for _ in range(4)])

    try:
        told = repr(shop.identify())
    except (ShopAccessLost, ShopRefuses, ShopUnavailable) as error:
        told = "".join(traceback.format_exception(error))

    told += caplog.text + repr(shop) + repr(SETTINGS) + repr(shop._client) + repr(shop._client.access)
    for secret in ("pass-word", "demo_key", "a1b2c3d4", "cGFzcy13b3Jk", "Basic"):
        assert secret not in told
    assert "GET /api/shop.json" in caplog.text
    if status == 200:
        assert "geheim1" not in told


def _again(laid: httpx2.Response | Exception) -> httpx2.Response | Exception:
    if isinstance(laid, Exception):
        return laid
    return httpx2.Response(laid.status_code, headers=laid.headers, content=laid.content)
