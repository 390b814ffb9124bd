"""Einstellungen › Shop, and what the back office still does for a merchant who works elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client
from django.urls import reverse

from kogge.backoffice import placing
from kogge.backoffice.models import Order, Product
from kogge.cli.remote_shop import shop as shop_command
from kogge.cli.shop import orders as orders_command
from kogge.engine.models import Due
from kogge.merchants.models import Merchant, User
from kogge.remote import connecting
from kogge.remote.access import Access
from kogge.remote.models import Errand, RegistrationAttempt, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.shops.versacommerce import registering
from kogge.urls import urlpatterns
from tests.backoffice import shop
from tests.remote.small_shop import SmallShop

pytestmark = pytest.mark.django_db
KEY, SECRET = "0123456789abcdef0123456789abcdef01234567", "7" * 40
OVER_THERE = "https://mein-shop.versacommerce.de/admin/sales/orders/90210"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> SmallShop:
    small = SmallShop()
    monkeypatch.setitem(connecting.SYSTEMS, "versacommerce", lambda _row: small)
    return small


@pytest.fixture
def connected(there: SmallShop, merchant: Merchant, clock: Any) -> RemoteShop:
    return connecting.connect(merchant, Access("mein-shop", shop_key=KEY), now=clock.now)


@pytest.fixture
def order(connected: RemoteShop, merchant: Merchant, clock: Any) -> Order:
    """An order from Amazon that is in the shop, of a product that is there, too."""
    tea = shop.product(merchant, counted=5)
    RemoteProductLink.objects.everyone().create(
        merchant=merchant, product=tea, remote_id="4711", seen_at=clock.now, stock_read_at=clock.now
    )
    placing.place(merchant.pk, [shop.new_order("303-1", lines=[shop.new_line(product=tea)])], now=shop.NOW)
    placed = shop.stored(merchant, "303-1")
    RemoteOrderLink.objects.everyone().create(
        merchant=merchant, order=placed, remote_id="90210", number="305-118", written_at=clock.now
    )
    return placed


def browser(user: User, language: str = "de") -> Client:
    client = Client()
    client.force_login(user, backend="kogge.merchants.login.ThrottledBackend")
    client.cookies["django_language"] = language
    return client


def test_an_owner_connects_as_an_app_and_nothing_secret_is_shown(
    anna: User, merchant: Merchant, there: SmallShop
) -> None:
    there.unlocked = False
    page = browser(anna)
    assert reverse("remote_connect") in page.get(reverse("remote_shop")).content.decode()
    typed = {"url": "mein-shop", "api_key": KEY, "secret": "kurz?", "signature_required": "on"}

    refused = page.post(reverse("remote_connect"), typed)
    assert refused.status_code == 422
    assert "kurz?" not in refused.content.decode()
    answer = page.post(reverse("remote_connect"), typed | {"secret": SECRET}, follow=True)
    text = answer.content.decode()
    assert f'href="https://mein-shop.versacommerce.de/api/auth?api_key={KEY}"' in text
    assert "http://testserver/einstellungen/shop/angemeldet/" in text
    assert SECRET not in text

    started = RegistrationAttempt.objects.of(merchant).get().created_at
    back = {"shop": "mein-shop.versacommerce.de", "t": "a1b2c3d4", "timestamp": str(int(started.timestamp()))}
    back["signature"] = registering.signature(back, SECRET)
    answer = page.get(reverse("remote_registered"), back)
    assert (answer["Location"], answer["Referrer-Policy"], answer["Cache-Control"]) == (
        reverse("remote_shop"),
        "no-referrer",
        "no-store",
    )
    text = page.get(reverse("remote_shop")).content.decode()
    row = RemoteShop.objects.of(merchant).get()
    assert connecting.hint_word(row) in text
    assert "Bestellungen schreiben freischalten" in text
    assert SECRET not in text
    assert "a1b2c3d4" not in text

    there.unlocked = True
    page.post(reverse("remote_test"))
    row.refresh_from_db()
    assert row.may_write_orders is True


def test_its_pages_in_both_languages_for_everybody(
    anna: User, ben: User, rita: User, connected: RemoteShop, order: Order
) -> None:
    Errand.objects.everyone().create(
        merchant=order.merchant,
        kind="cancel_order",
        key="cancel:1",
        order=order,
        state="stuck",
        last_error="Der Shop sagt nein.",
        not_before=connected.connected_at,
        created_at=connected.connected_at,
    )
    pages = ("remote_shop", "remote_state", "remote_cut")
    for user in (anna, ben, rita):
        for language, word in (("de", "Noch einmal"), ("en", "Once more")):
            seen = {name: browser(user, language).get(reverse(name)) for name in pages}
            assert {answer.status_code for answer in seen.values()} == {200}
            text = seen["remote_shop"].content.decode()
            assert "Der Shop sagt nein." in text
            assert (f">{word}" in text.replace("</svg>", ">")) is (user != rita)
            assert (connecting.hint_word(connected) in text) is (user == anna)
    for name in ("remote_connect", "remote_connect_key"):
        assert browser(anna, "en").get(reverse(name)).status_code == 200
        assert browser(ben).get(reverse(name)).status_code == 403


def test_others_find_nothing_and_readers_change_nothing(
    rita: User, mallory: User, order: Order, clock: Any
) -> None:
    errand = Errand.objects.everyone().create(
        merchant=order.merchant,
        kind="cancel_order",
        key="c",
        state="stuck",
        not_before=clock.now,
        created_at=clock.now,
    )
    named = [str(pattern.name) for pattern in urlpatterns if str(pattern.name).startswith("remote_")]
    link = RemoteOrderLink.objects.of(order.merchant).get(order=order)
    RemoteOrderLink.objects.everyone().update(trouble="Sieh nach.")
    acts = [reverse(name) for name in named if name not in {"remote_errand", "remote_trouble", "remote_hook"}]
    acts.append(reverse("remote_trouble", args=[link.pk]))
    acts += [reverse("remote_errand", args=[errand.pk, act]) for act in ("noch-einmal", "erledigt")]
    row, before = RemoteShop.objects.of(order.merchant), dict(Due.objects.values_list("operation", "wakes"))
    known = row.values().get()

    for url in acts:
        assert Client().post(url).status_code in {302, 405}
        assert browser(rita).post(url).status_code in {403, 405}
        assert browser(mallory).post(url).status_code in {302, 404, 405, 422}

    errand.refresh_from_db()
    link.refresh_from_db()
    assert link.trouble == "Sieh nach."
    assert (errand.state, row.values().get()) == ("stuck", known)
    assert dict(Due.objects.values_list("operation", "wakes")) == before
    text = browser(mallory).get(reverse("remote_shop")).content.decode()
    assert "Mein Shop" not in text


def test_acting_on_the_page(anna: User, connected: RemoteShop, order: Order, clock: Any) -> None:
    errand = Errand.objects.everyone().create(
        merchant=order.merchant,
        kind="forget_people",
        key="f",
        order=order,
        state="stuck",
        not_before=clock.now,
        created_at=clock.now,
    )
    page = browser(anna)
    assert "braucht deine Entscheidung" in page.get(reverse("orders")).content.decode()
    page.post(reverse("remote_errand", args=[errand.pk, "erledigt"]))
    errand.refresh_from_db()
    assert errand.state == "done"
    page.post(reverse("remote_switches"), {"order_items": "separate", "payment": "record"})
    page.post(reverse("remote_pause"))
    connected.refresh_from_db()
    assert (connected.order_items, connected.payment, connected.orders_take_stock) == (
        "separate",
        "record",
        False,
    )
    assert (connected.state, connected.pause_reason) == ("paused", "by_merchant")
    assert "angehalten" in page.get(reverse("orders")).content.decode()
    page.post(reverse("remote_resume"))
    connected.refresh_from_db()
    assert connected.state == "active"
    page.post(reverse("remote_cut"), {"works_here": "yes"})
    connected.refresh_from_db()
    order.merchant.refresh_from_db()
    assert (connected.sealed_secrets, order.merchant.works_in) == (None, "")
    assert reverse("remote_connect") in page.get(reverse("remote_shop")).content.decode()


def test_orders_and_products_are_worked_on_over_there(
    anna: User, merchant: Merchant, order: Order, clock: Any
) -> None:
    page, tea = browser(anna), Product.objects.of(merchant).get()
    before = (list(Order.objects.of(merchant).values()), list(Product.objects.of(merchant).values()))
    looking = page.get(reverse("order", args=[order.number])).content.decode()
    assert OVER_THERE in looking
    assert "305-118" in looking
    for act in ("ship", "pack", "cancel", "tracking", "paid"):
        url = reverse("order_act", args=[order.number, act])
        assert f'"{url}"' not in looking
        answer = page.post(url, {"carrier": "DHL", "reason": "other"}, follow=True)
        assert answer.redirect_chain == [(reverse("order", args=[order.number]), 302)]
        assert "Dieser Händler arbeitet in VersaCommerce." in answer.content.decode()
    for name in ("order_new", "orders_ship", "product_new", "product_import"):
        assert f'"{reverse(name)}"' not in page.get(reverse("orders")).content.decode()
        assert f'"{reverse(name)}"' not in page.get(reverse("products")).content.decode()
        assert page.get(reverse(name)).status_code == 302
        assert page.post(reverse(name), {"title": "X", "code": "X", "price": "1"}).status_code == 302
    assert page.post(reverse("orders_bulk"), {"orders": order.number, "do": "pack"}).status_code == 302
    product_page = page.get(reverse("product", args=[tea.pk])).content.decode()
    assert "https://mein-shop.versacommerce.de/admin/catalog/products/4711/edit" in product_page
    for name, value in (
        ("product", {"title": "Neu"}),
        ("product_stock", {"counted": 9}),
        ("product_picture", {}),
    ):
        answer = page.post(reverse(name, args=[tea.pk]), value, follow=True)
        assert "Dieser Händler arbeitet in VersaCommerce." in answer.content.decode()
    assert f'action="{reverse("product_stock", args=[tea.pk])}"' not in product_page
    assert f'action="{reverse("amazon_offer", args=[tea.pk])}"' in product_page  # the box "Kanäle" works
    assert 'name="amazon-price"' in product_page or "Speichern" in product_page
    assert "VersaCommerce berücksichtigt bei diesem Produkt keinen Bestand." in product_page
    assert "noch kein Bild" not in product_page
    overview = page.get(reverse("overview")).content.decode()
    assert "Du arbeitest in VersaCommerce" in overview
    assert "Produkte anlegen" not in overview
    assert f'"{reverse("storefront_settings")}"' not in page.get(reverse("settings")).content.decode()
    assert (list(Order.objects.of(merchant).values()), list(Product.objects.of(merchant).values())) == before

    # An order from before is not known over there: it is finished here.
    RemoteOrderLink.objects.of(merchant).delete()
    answer = page.post(reverse("order_act", args=[order.number, "pack"]), follow=True)
    assert "wird gepackt" in answer.content.decode()


def test_the_command_line(
    merchant: Merchant, there: SmallShop, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str, group: Any = shop_command) -> Any:
        return CliRunner().invoke(group, [*words, "--merchant", merchant.slug, "--json"])

    monkeypatch.setenv("THE_KEY", KEY)
    assert run("connect", "--url", "mein-shop").exit_code == 1
    assert run("connect", "--url", "?", "--shop-key-env", "THE_KEY").output.startswith("Error: --url")
    answer = json.loads(run("connect", "--url", "mein-shop", "--shop-key-env", "THE_KEY").output)
    assert answer == {
        "shop": "Mein Shop",
        "url": "https://mein-shop.versacommerce.de",
        "may_write_orders": True,
    }
    Errand.objects.everyone().create(
        merchant=merchant,
        kind="forget_people",
        key="f",
        state="stuck",
        not_before=clock.now,
        created_at=clock.now,
    )
    [row] = json.loads(run("errands").output)
    assert (row["kind"], row["state"]) == ("forget_people", "stuck")
    status = json.loads(run("status").output)
    assert (status["state"], status["errands"]["stuck"]) == ("active", 1)
    assert json.loads(run("errands", "--retry", str(row["id"])).output)[0]["state"] == "waiting"
    assert set(json.loads(run("read").output)["due"]) == set(connecting.OPERATIONS)
    refused = run("create", __file__, group=orders_command)
    assert "arbeitet in VersaCommerce" in str(refused.exception or refused.output)
