"""What strangers may send: nothing of it breaks anything, and what comes out is what clients read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api import formats
from kogge.backoffice.api.formats import Format, Unreadable
from kogge.backoffice.api.resource import Invalid
from kogge.merchants.models import Merchant
from tests.backoffice.api.client import ApiClient, api_client


class Item(Struct):
    code: str
    price: Decimal


class Order(Struct):
    id: int
    total: Decimal
    paid: bool
    at: datetime
    on: date
    note: str | None
    items: list[Item]
    options: dict[str, str]
    left_out: int | UnsetType = UNSET


ORDER = Order(
    7,
    Decimal("12.90"),
    True,
    datetime(2013, 10, 15, 9, 22, 2, 5, tzinfo=UTC),
    date(2026, 11, 24),
    None,
    [Item("A & <B>\x01", Decimal(100))],
    {"Größe (cm)": "5"},
)


def test_json_is_wrapped_and_amounts_are_texts() -> None:
    assert formats.written("order", ORDER, Format.JSON).decode() == (
        '{"order":{"id":7,"total":"12.9","paid":true,"at":"2013-10-15T11:22:02+02:00","on":"2026-11-24",'
        '"note":null,"items":[{"code":"A & <B>\\u0001","price":"100.0"}],"options":{"Größe (cm)":"5"}}}'
    )


def test_xml_is_dasherized_and_typed() -> None:
    body = formats.written_list("orders", "order", [ORDER], Format.XML).decode()

    assert body.partition("\n")[2] == (
        '<orders type="array"><order><id type="integer">7</id><total type="decimal">12.9</total>'
        '<paid type="boolean">true</paid><at type="datetime">2013-10-15T11:22:02+02:00</at>'
        '<on type="date">2026-11-24</on><note nil="true" /><items type="array"><item>'
        '<code>A &amp; &lt;B&gt;</code><price type="decimal">100.0</price></item></items>'
        "<options><Größe--cm->5</Größe--cm-></options></order></orders>"
    )
    assert formats.written_list("orders", "order", [], Format.XML).endswith(b'<orders type="array" />')
    assert [formats.singular(word) for word in ("properties", "addresses", "carriers")] == [
        "property",
        "address",
        "carrier",
    ]


class Sent(Struct):
    code: str | UnsetType | None = UNSET
    stock: int | UnsetType | None = UNSET
    price: Decimal | UnsetType | None = UNSET
    active: bool | UnsetType | None = UNSET
    items: list[dict[str, Any]] | UnsetType | None = UNSET


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (
            '{"thing": {"code": "", "stock": "3", "price": 1.5, "active": true, "items": [{"a": "1"}]}}',
            "json",
        ),
        (
            '{"code": "", "stock": 3, "price": "1.5", "active": "true", "items": [{"a": "1"}], "id": [9]}',
            "json",
        ),
        (
            '<thing><code/><stock type="integer">3</stock><price>1.5</price><active>1</active>'
            '<items type="array"><item><a>1</a></item></items><x-y><z/></x-y></thing>',
            "xml",
        ),
        (
            "<thing><code></code><stock>3</stock><price>1.5</price><active>true</active>"
            "<items><item><a>1</a></item></items></thing>",
            "xml",
        ),
    ],
)
def test_documents_are_read_as_clients_write_them(body: str, form: str) -> None:
    found = formats.read_document(body.encode(), Format(form), "thing", Sent)

    assert found == Sent("", 3, Decimal("1.5"), True, [{"a": "1"}])


def test_blank_is_nothing_where_no_text_is_expected() -> None:
    body = b'<thing><code nil="true"/><stock></stock><price/></thing>'

    assert formats.read_document(body, Format.XML, "thing", Sent) == Sent(None, None, None)


BOMB = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><product><title>&b;</title></product>'
UNREADABLE = {
    "json": [b"", b"{", b"[1]", b"7", b'"\xff"', b'{"product": "x"', b"[" * 100_000, b'{"title": "\\ud800"}'],
    "xml": [
        b"",
        b"<",
        b"text",
        BOMB.encode(),
        b'<?xml version="1.0" encoding="klingon"?><product/>',
        b'<?xml version="1.0" encoding="utf-8"?><product>\xff</product>',
        b"<product>\0</product>",
        b"<a>" * 1000 + b"</a>" * 1000,
    ],
}
INVALID = {
    "json": [
        b'{"price": 1e400}',
        b'{"price": "1e999999"}',
        b'{"price": "Infinity"}',
        b'{"stock": 99999999999999999999999}',
        b'{"title": "a\\u0000b"}',
        b'{"title": ["x"]}',
        b'{"product": {"title": {}}}',
    ],
    "xml": [b"<product><price>1e999999</price></product>", b"<product><title><x/></title></product>"],
}


@pytest.mark.django_db
def test_nothing_that_is_sent_breaks_anything(merchant: Merchant) -> None:
    api = api_client(merchant)

    unreadable = {
        (form, body[:60]): api.post(f"products.{form}", body).status
        for form, bodies in UNREADABLE.items()
        for body in bodies
    }
    invalid = {
        (form, body): api.post(f"products.{form}", body).status
        for form, bodies in INVALID.items()
        for body in bodies
    }

    assert unreadable == dict.fromkeys(unreadable, 400)
    assert set(invalid.values()) <= {400, 422}, invalid
    assert api.post("products.json", b'{"title": "' + b"x" * 3_000_000).status == 413


@pytest.mark.django_db
def test_addresses_that_lead_nowhere(merchant: Merchant) -> None:
    api = api_client(merchant)
    nowhere = [
        "",
        "nothing.json",
        "products/x.json",
        f"products/{2**63}.json",
        "products/-1.xml",
        "products/1/shop.json",
        "products/1/variants/count/9.json",
        "products/%00.json",
        "products/%0A/variants.json",
        "shop/1.json",
        "wishes/1/variants.xml",
        "pictures/../../keys",
    ]

    answers = {path: api.get(path) for path in nowhere}

    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(nowhere, 404)
    assert all(b"errors" in answer.body for answer in answers.values())
    assert api.get("products.json?code=%00").status == 422
    wrong = api.browser.patch("/api/products.json")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, POST, HEAD")
    assert api.browser.head("/api/products.json").status_code == 200


@pytest.mark.django_db
def test_without_an_extension_the_client_says_what_it_reads(merchant: Merchant) -> None:
    api: ApiClient = api_client(merchant)

    kinds = [
        api.get("products", accept=accept).headers["Content-Type"].partition(";")[0]
        for accept in ("application/xml", "application/json", "text/html,application/xml", "*/*")
    ]

    assert kinds == ["application/xml", "application/json", "application/json", "application/json"]


def test_what_no_column_holds_is_refused_wherever_it_stands() -> None:
    with pytest.raises(Invalid):
        formats.read_document(b'{"items": [{"a": {"b": "\\u0000"}}]}', Format.JSON, "thing", Sent)
    deep = b'{"items": [' + b'{"a":' * 50 + b"1" + b"}" * 50 + b"]}"
    with pytest.raises(Unreadable):
        formats.read_document(deep, Format.JSON, "thing", Sent)
