"""Connecting a shop elsewhere: as an app or with its key, pausing, renewing, cutting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kogge.backoffice import orders as shop_orders
from kogge.backoffice.by_hand import ManualLine, ManualOrder
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.remote import connecting
from kogge.remote.access import Access, secrets_of
from kogge.remote.connecting import NotNow, WrongSetting
from kogge.remote.models import RemoteShop
from kogge.shops.port import ShopUnavailable
from kogge.shops.versacommerce import registering
from tests.remote.small_shop import REFUSED, SmallShop

KEY = "0123456789abcdef0123456789abcdef01234567"
SECRET = "76543210fedcba9876543210fedcba9876543210"
pytestmark = pytest.mark.django_db


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> SmallShop:
    shop = SmallShop()

    def build(row: RemoteShop) -> SmallShop:
        shop.asked.append(row)
        return shop

    monkeypatch.setitem(connecting.SYSTEMS, "versacommerce", build)
    return shop


def way_back(secret: str, at: Any, **parts: str) -> dict[str, str]:
    """What the shop's registration sends along, signed."""
    answer = {"shop": "mein-shop.versacommerce.de", "t": "a1b2c3d4", "timestamp": str(int(at.timestamp()))}
    answer |= parts
    return answer | {"signature": registering.signature(answer, secret)}


def begin(merchant: Merchant, clock: Any, **more: Any) -> str:
    values = {"session_key": "s1", "url": "Mein-Shop", "api_key": KEY, "secret": SECRET} | more
    return connecting.begin(merchant, **values, now=clock.now)


def test_an_owner_registers_the_app_and_the_work_begins(
    merchant: Merchant, other_merchant: Merchant, there: SmallShop, clock: Any
) -> None:
    address = urlsplit(begin(merchant, clock))
    assert address.geturl().startswith("https://mein-shop.versacommerce.de/api/auth?")
    assert parse_qs(address.query) == {"api_key": [KEY]}

    clock.advance(minutes=5)
    answer = way_back(SECRET, clock.now)
    with pytest.raises(WrongSetting):  # neither another session nor another merchant
        connecting.finish(merchant, session_key="s2", answer=answer, now=clock.now)
    with pytest.raises(WrongSetting):
        connecting.finish(other_merchant, session_key="s1", answer=answer, now=clock.now)
    shop = connecting.finish(merchant, session_key="s1", answer=answer, now=clock.now)

    shop.refresh_from_db()
    merchant.refresh_from_db()
    assert (shop.name, shop.state, shop.way, shop.may_write_orders) == ("Mein Shop", "active", "app", True)
    assert secrets_of(shop) == Access("https://mein-shop.versacommerce.de", KEY, SECRET, "a1b2c3d4")
    assert SECRET.encode() not in bytes(shop.sealed_secrets or b"")
    assert merchant.works_in == "versacommerce"
    due = Due.objects.filter(subject=merchant.pk, due_at__lte=clock.now).values_list("operation", flat=True)
    assert set(due) >= set(connecting.OPERATIONS)
    assert connecting.shop_hinted(connecting.hint_word(shop)) == shop
    with pytest.raises(WrongSetting):  # the attempt was good once
        connecting.finish(merchant, session_key="s1", answer=answer, now=clock.now)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"signature": "0" * 32}, (True, False)),
        ({"signature": "0" * 32}, (False, False)),  # a wrong one is wrong, demanded or not
        ({"signature": ""}, (True, False)),
        ({"signature": ""}, (False, True)),
        ({"timestamp": "1000000000"}, (True, False)),
        ({"shop": "boeser-shop.versacommerce.de"}, (True, False)),
        ({"t": ""}, (True, False)),
        ({}, (True, True)),
    ],
)
def test_what_comes_back_must_be_the_shops_word(
    merchant: Merchant, there: SmallShop, clock: Any, answer: dict[str, str], verdict: tuple[bool, bool]
) -> None:
    required, is_taken = verdict
    begin(merchant, clock, signature_required=required)
    sent = way_back(SECRET, clock.now)
    if "signature" in answer:
        sent |= answer
    else:
        sent = way_back(SECRET, clock.now, **answer)

    try:
        connecting.finish(merchant, session_key="s1", answer=sent, now=clock.now)
        taken = True
    except WrongSetting:
        taken = False

    assert taken is is_taken
    assert RemoteShop.objects.of(merchant).exists() is is_taken


def test_an_attempt_is_good_for_an_hour(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    begin(merchant, clock)
    clock.advance(minutes=61)

    with pytest.raises(WrongSetting):
        connecting.finish(merchant, session_key="s1", answer=way_back(SECRET, clock.now), now=clock.now)


def test_what_does_not_work_changes_nothing(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    by_key = Access("mein-shop.versacommerce.de", shop_key=KEY)
    there.down = REFUSED
    with pytest.raises(WrongSetting, match="Schlüssel und Passwort"):
        connecting.connect(merchant, by_key, now=clock.now)
    there.down = ShopUnavailable("HTTP 503")
    with pytest.raises(NotNow, match="503"):
        connecting.connect(merchant, by_key, now=clock.now)

    merchant.refresh_from_db()
    assert merchant.works_in == ""
    assert not RemoteShop.objects.of(merchant).exists()


@pytest.mark.parametrize(
    "typed", ["", "http://", "10.0.0.1", "a b", "https://user@mein-shop.de", "ftp://x.de"]
)
def test_what_is_no_address_of_a_shop(typed: str) -> None:
    with pytest.raises(WrongSetting):
        connecting.shop_url(typed)


def test_this_machine_is_a_shop_only_where_nobody_else_comes(settings: Any) -> None:
    assert connecting.shop_url("http://127.0.0.1:8123") == "http://127.0.0.1:8123"
    settings.KOGGE_SHOPS_ON_LOOPBACK = False
    with pytest.raises(WrongSetting):
        connecting.shop_url("http://127.0.0.1:8123")
    with pytest.raises(WrongSetting):
        connecting.shop_url("https://localhost")


def test_a_shop_in_use_is_not_turned_into_a_copy(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    line = ManualLine(1, "", "Gravur", Decimal("4.50"))
    shop_orders.create_by_hand(merchant, ManualOrder(lines=(line,)), actor="anna", now=clock.now)

    with pytest.raises(WrongSetting, match="eigene Bestellungen"):
        connecting.connect(merchant, Access("mein-shop", shop_key=KEY), now=clock.now)
    assert there.asked == []


def test_pausing_renewing_and_cutting(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    there.unlocked = False
    shop = connecting.connect(merchant, Access("mein-shop", shop_key=KEY), now=clock.now)
    assert shop.may_write_orders is False
    hint = connecting.hint_word(shop)

    connecting.pause(merchant.pk, "key_refused", now=clock.now)
    connecting.pause(merchant.pk, "by_merchant", now=clock.now)
    shop.refresh_from_db()
    assert shop.pause_reason == "key_refused"
    assert connecting.active_shop(merchant.pk) is None

    there.unlocked = True
    shop = connecting.connect(merchant, Access("mein-shop", KEY, SECRET, "a1b2c3d4"), now=clock.now)
    assert (shop.state, shop.pause_reason, shop.way, shop.may_write_orders) == ("active", "", "app", True)
    assert connecting.hint_word(shop) == hint  # what was entered over there goes on

    connecting.cut(shop, works_here=False, now=clock.now)
    shop.refresh_from_db()
    merchant.refresh_from_db()
    assert (shop.sealed_secrets, shop.state, merchant.works_in) == (None, "paused", "versacommerce")
    assert not Due.objects.filter(operation__in=connecting.OPERATIONS).exists()
    with pytest.raises(WrongSetting):
        connecting.resume(shop, now=clock.now)
    connecting.cut(shop, works_here=True, now=clock.now)
    merchant.refresh_from_db()
    assert merchant.works_in == ""
