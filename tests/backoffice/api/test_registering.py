"""How an app gets its token, and the page where the owner keeps all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from kogge.backoffice.api import keys
from kogge.backoffice.api.models import ApiKey, Webhook
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant, User
from tests.backoffice.api.client import NOW, ApiClient

pytestmark = pytest.mark.django_db

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def enter() -> Callable[[User], Client]:
    def enter(user: User) -> Client:
        browser = Client()
        browser.force_login(user, backend="kogge.merchants.login.ThrottledBackend")
        return browser

    return enter


def test_the_signature_is_computed_as_clients_check_it() -> None:
    sent = {"shop": "mein-shop.versacommerce.de", "t": "a1b2c3d4", "timestamp": "1795420800"}

    assert keys.signature(SECRET, sent) == "0ed9663acdc5c8f06643144ba3e1ac93"
    assert keys.signature(SECRET, sent | {"locale": "de"}) == "252f509ed70adaa00d5fb5751f73d11e"


def test_an_app_is_made_agreed_to_used_and_revoked(
    anna: User, merchant: Merchant, enter: Callable[[User], Client], client: Client
) -> None:
    browser = enter(anna)
    typed = {
        "app-name": "Lager",
        "app-redirect_url": "https://app.example/finalize?from=a b",
        "app-may_write": "on",
    }
    shown = browser.post(reverse("api_app_new"), {**typed, "app-redirect_url": "https://app.example/f?x=1"})
    secret, app = _codes(shown)[1], ApiKey.objects.of(merchant).get()
    asked = f"/api/auth?api_key={app.key}"

    assert client.get(asked)["Location"] == f"/anmelden/?next=/api/auth%3Fapi_key%3D{app.key}"
    assert client.get(f"/api/auth.xml?api_key={app.key}").status_code == 404
    page = browser.get(asked)
    assert "„Lager“ registrieren" in page.content.decode()
    assert "form-action 'self' https://app.example" in page["Content-Security-Policy"]
    back = urlsplit(browser.post(asked)["Location"])

    app.refresh_from_db()
    sent = dict(parse_qsl(back.query))
    assert f"{back.scheme}://{back.netloc}{back.path}" == "https://app.example/f"
    assert (sent["t"], sent["shop"], sent["x"]) == (app.token, "testserver", "1")
    assert sent.pop("signature") == keys.signature(secret, sent)
    xml = client.get(f"/api/auth.xml?api_key={app.key}")
    assert f"<token>{app.token}</token>" in xml.content.decode()

    again = browser.post(reverse("api_key_register", args=[app.pk]))
    user, password = _codes(again)
    assert secret not in again.content.decode()
    assert ApiClient(user, password).get("shop.json").status == 200
    assert browser.get(reverse("api_key_revoke", args=[app.pk])).status_code == 200
    browser.post(reverse("api_key_revoke", args=[app.pk]))
    assert ApiClient(user, password).get("shop.json").status == 401
    assert browser.get(asked).status_code == 404
    assert client.get(f"/api/auth.xml?api_key={app.key}").status_code == 404
    assert "Ist widerrufen" in browser.get(reverse("api_keys")).content.decode()


def test_a_shop_key_and_a_webhook(anna: User, merchant: Merchant, enter: Callable[[User], Client]) -> None:
    browser = enter(anna)

    user, password = _codes(browser.post(reverse("api_key_new"), {"key-name": "Skript"}))
    refused = browser.post(reverse("api_webhook_new"), {"hook-url": "http://app.example/"})
    added = browser.post(reverse("api_webhook_new"), {"hook-url": "https://app.example/"})
    [hook] = Webhook.objects.of(merchant)

    assert (user, ApiClient(user, password).get("shop.json").status) == ("api", 200)
    assert (refused.status_code, added.status_code) == (422, 302)
    assert "https://app.example/" in browser.get(reverse("api_keys")).content.decode()
    assert password not in browser.get(reverse("api_keys")).content.decode()
    hook.failures, hook.last_error, hook.given_up_at = 9, "Die Antwort war 500.", NOW
    hook.save()
    page = browser.get(reverse("api_keys")).content.decode()
    assert all(
        words in page for words in ("Aufgegeben", "9 Fehlversuche: Die Antwort war 500.", "Neu beginnen")
    )
    browser.post(reverse("api_webhook_new"), {"hook-url": hook.url})
    hook.refresh_from_db()
    assert (hook.state, hook.failures) == ("active", 0)
    browser.post(reverse("api_webhook_remove", args=[hook.pk]))
    assert not Webhook.objects.of(merchant).exists()


def test_keys_are_the_owners_business_alone(
    anna: User, ben: User, mallory: User, merchant: Merchant, enter: Callable[[User], Client]
) -> None:
    app = keys.make_app(
        merchant, name="Lager", redirect_url="", may_write=False, may_write_orders=False, now=NOW
    ).key
    hook = keys.add_webhook(merchant, "https://app.example/", base_url="https://shop.example", now=NOW)
    of_things = [
        reverse("api_key_register", args=[app.pk]),
        reverse("api_key_revoke", args=[app.pk]),
        reverse("api_webhook_remove", args=[hook.pk]),
        f"/api/auth?api_key={app.key}",
    ]
    pages = [reverse(name) for name in ("api_keys", "api_app_new", "api_key_new", "api_webhook_new")]

    def statuses(browser: Client, urls: list[str]) -> Iterator[int]:
        for url in urls:
            yield from (browser.get(url).status_code, browser.post(url).status_code)

    assert set(statuses(enter(ben), [*of_things, *pages])) == {403}
    assert set(statuses(enter(mallory), of_things)) == {404}
    assert set(statuses(Client(), [*of_things, *pages])) == {302}
    assert ApiKey.objects.of(merchant).get().registered_at is None


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/",
        "ftp://x/",
        "https://",
        "https://a b/",
        "javascript:alert(1)",
        "//x",
        "https://u@x/",
    ],
)
def test_nobody_is_sent_to_an_unsafe_address(url: str) -> None:
    with pytest.raises(Refusal):
        keys.checked_url(url)
    assert keys.checked_url("http://127.0.0.1:8123/finalize") == "http://127.0.0.1:8123/finalize"


def test_the_command_makes_what_a_program_needs(merchant: Merchant) -> None:
    from click.testing import CliRunner

    from kogge.cli.api_keys import api_keys

    def run(*words: str) -> Any:
        import json

        done = CliRunner().invoke(api_keys, [*words, "--merchant", merchant.slug, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    app = run("create", "--name", "A", "--app", "--redirect-url", "https://app.example/", "--write-orders")
    key = run("create", "--name", "B")

    for made in (app, key):
        assert ApiClient(made["user"], made["password"]).get("shop.json").status == 200
    assert set(app) == {"id", "kind", "api_key", "secret", "token", "user", "password"}
    run("revoke", str(app["id"]))
    assert [(each["name"], each["state"], each["may_write"]) for each in run("list")] == [
        ("A", "revoked", True),
        ("B", "active", False),
    ]


def _codes(page: Any) -> list[str]:
    return re.findall(r"<code>([^<]+)</code>", page.content.decode())
