"""Webhooks: whatever arrives makes Kogge look, and nothing more."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from kogge.backoffice import placing
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.remote import connecting
from kogge.remote.access import Access
from kogge.remote.models import RemoteOrderLink
from tests.backoffice import shop
from tests.remote.small_shop import SmallShop

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
ORDER = "<?xml version='1.0'?><order><id type='integer'>7</id></order>"
BOTH = {"read_shop_orders", "read_shop_products"}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, merchant: Merchant, clock: Any) -> str:
    monkeypatch.setitem(connecting.SYSTEMS, "versacommerce", lambda _row: SmallShop())
    connected = connecting.connect(merchant, Access("mein-shop", shop_key="k" * 40), now=clock.now)
    Due.objects.all().delete()
    return f"/hook/{connecting.hint_word(connected)}"


def multipart(subject: str) -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="subject"\r\n\r\n{subject}\r\n--x--\r\n'.encode()


@pytest.mark.parametrize(
    ("body", "kind", "looked_at"),
    [
        (
            urlencode({"from": "x", "subject": "update order: 90210", "body": ORDER}),
            FORM,
            {"read_shop_orders"},
        ),
        (urlencode({"subject": "create product: 4"}), FORM, {"read_shop_products"}),
        (multipart("delete product: 4"), "multipart/form-data; boundary=x", {"read_shop_products"}),
        (b"--broken", "multipart/form-data; boundary=x", BOTH),
        (b'{"subject": "update order: 1"}', "application/json", {"read_shop_orders"}),
        (b'{"subject', "application/json", BOTH),
        (ORDER, "application/xml", {"read_shop_orders"}),
        (b"\xff\x00" * 50, "application/octet-stream", BOTH),
        (b"", FORM, BOTH),
    ],
)
def test_whatever_form_it_has(address: str, body: Any, kind: str, looked_at: set[str]) -> None:
    client = Client(enforce_csrf_checks=True)
    for _again in range(3):
        answer = client.post(address, body, content_type=kind)
        assert (answer.status_code, answer.content) == (200, b"ok")

    assert set(Due.objects.values_list("operation", flat=True)) == looked_at


@pytest.mark.parametrize("named", ["90210", "305-118", "11"])
def test_an_order_that_is_known_is_looked_at_with_its_parcels(
    address: str, merchant: Merchant, clock: Any, named: str
) -> None:
    placing.place(merchant.pk, [shop.new_order("303-1")], now=clock.now)
    link = RemoteOrderLink.objects.everyone().create(
        merchant=merchant,
        order=shop.stored(merchant, "303-1"),
        remote_id="90210",
        number="305-118",
        written_at=clock.now,
        parcels_read_at=clock.now,
        is_settled=True,
    )

    Client().post(address, {"subject": f"update order: {named}"})

    link.refresh_from_db()
    assert (link.parcels_read_at is None, link.is_settled) == (
        (False, True) if named == "11" else (True, False)
    )


def test_nobody_learns_anything_from_it(address: str, merchant: Merchant, clock: Any) -> None:
    client = Client()
    asked = [client.get(address), client.post("/hook/geraten", {"subject": "create order: 1"})]
    connecting.pause(merchant.pk, "by_merchant", now=clock.now)
    asked.append(client.post(address, {"subject": "create order: 1"}))
    asked.append(client.post(address, b"<x>" * 1_000_000, content_type="application/xml"))

    assert [(answer.status_code, answer.content) for answer in asked] == [(200, b"ok")] * 4
    assert not Due.objects.exists()
