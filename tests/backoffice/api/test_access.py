"""Who comes in, what they may, how often, and that another merchant's things are not there."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from kogge.backoffice.api import access, keys
from kogge.backoffice.api.models import ApiKey
from kogge.merchants.models import Merchant
from tests.backoffice import shop
from tests.backoffice.api.client import NOW, ApiClient, api_client

pytestmark = pytest.mark.django_db


def test_an_app_signs_in_with_key_and_computed_password(merchant: Merchant) -> None:
    made = keys.make_app(
        merchant, name="Lager", redirect_url="", may_write=False, may_write_orders=False, now=NOW
    )
    early = ApiClient(made.key.key, hashlib.md5(made.secret.encode()).hexdigest())
    assert early.get("shop.json").status == 401  # nobody has agreed yet

    shown = keys.register(made.key, now=NOW)

    password = hashlib.md5((made.secret + shown.key.token).encode()).hexdigest()
    app = ApiClient(made.key.key, password)
    assert (shown.user, shown.password) == (made.key.key, password)
    token = access.TOKEN_HEADER
    statuses = [
        app.get("shop.json").status,
        app.get("shop.json", **{token: shown.key.token}).status,
        app.get("shop.json", **{token: "another"}).status,
        ApiClient(made.key.key, made.secret).get("shop.json").status,
        ApiClient("api", password).get("shop.json").status,
    ]
    assert statuses == [200, 200, 401, 401, 401]
    keys.revoke(shown.key, now=NOW)
    assert app.get("shop.json").status == 401


def test_the_password_is_computed_as_clients_do() -> None:
    vectors = {
        ("c1f0ea1fe65be873c8a62a10485cc58b250ab74e", "66f3a04b"): "dccd1e9d50d45133f14d6effc727020c",
        ("0123456789abcdef0123456789abcdef01234567", "a1b2c3d4"): "90079b86b3f990a946d0b96a7bee7102",
    }

    assert {pair: access.password_of(*pair) for pair in vectors} == vectors


def test_strangers_are_told_how_to_sign_in(merchant: Merchant) -> None:
    broken = "Basic " + base64.b64encode(b"\xff:\xff").decode()
    for header in ("", "Basic", "Basic !!", "Bearer x", broken, "Basic YXBpOgA="):
        browser = Client(headers={"Authorization": header} if header else {})

        xml, json = browser.get("/api/products.xml"), browser.get("/api/products")

        assert (xml.status_code, json.status_code) == (401, 401), header
        assert xml.headers["WWW-Authenticate"] == 'Basic realm="API"'
        assert b"<errors><error>" in xml.content
        assert json.json() == {"errors": {"base": ["Schlüssel oder Passwort stimmt nicht."]}}
        assert not json.cookies


def test_writing_needs_the_right(merchant: Merchant) -> None:
    reader, writer = api_client(merchant, write=False, orders=False), api_client(merchant, orders=False)
    new = {"product": {"title": "Tee", "code": "TEE-1"}}

    assert reader.post("products.json", new).status == 403
    assert reader.get("products.json").status == 200
    assert writer.post("products.json", new).status == 201

    merchant.works_in = "versacommerce"
    merchant.save()
    assert writer.post("products.json", new).status == 403
    assert writer.get("products/count.json").json == {"count": 1}


def test_another_merchants_things_are_not_there(merchant: Merchant, other_merchant: Merchant) -> None:
    tea = shop.product(merchant)
    mine, theirs = api_client(merchant), api_client(other_merchant)
    field = {"metafieldable_type": "Shop", "namespace": "a", "key": "b", "value": "c"}
    kept = mine.post("metafields.json", {"metafield": field}).json["metafield"]["id"]
    mine.post(f"products/{tea.pk}/properties.json", {"key": "Farbe", "value": "rot"})
    things = [f"products/{tea.pk}", f"variants/{tea.pk}", f"metafields/{kept}"]

    for path in things:
        answers = {
            theirs.get(f"{path}.json").status,
            theirs.put(f"{path}.json", {"title": "Meins", "value": "x"}).status,
            theirs.delete(f"{path}.json").status,
        }
        assert answers == {404}, path
    for path in (f"products/{tea.pk}/properties", f"products/{tea.pk}/variants"):
        assert theirs.get(f"{path}.json").status == 404
    assert theirs.get("products.json").json == theirs.get("metafields.json").json == []


def test_the_last_use_is_noted_once_a_minute(merchant: Merchant, django_assert_num_queries: Any) -> None:
    made = keys.make_shop_key(merchant, name="x", may_write=False, may_write_orders=False, now=NOW).key

    access.note_use(made, now=NOW)
    with django_assert_num_queries(0):
        access.note_use(made, now=NOW + timedelta(seconds=59))
    access.note_use(made, now=NOW + timedelta(seconds=60))

    assert ApiKey.objects.of(merchant).get().used_at == NOW + timedelta(seconds=60)


def test_a_client_run_wild_is_told_to_wait(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = access.Limiter(most=2, window=10)
    waits = [limiter.wait("key", "here", at=at) for at in (0.0, 1.0, 2.0, 3.5, 10.0)]
    assert waits == [0, 0, 9, 7, 0]
    assert limiter.wait("key", "there", at=3.0) == 0
    monkeypatch.setattr(access, "LIMITER", access.Limiter(most=1))
    client, another = api_client(merchant), api_client(merchant)

    statuses = [client.get("shop.xml").status, (answer := client.get("shop.xml")).status]

    assert (statuses, another.get("shop.xml").status) == ([200, 429], 200)
    assert 0 < int(answer.headers["Retry-After"]) <= 11
