"""Products: the list, the page, the stock, the import."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kogge.backoffice import stock
from kogge.backoffice.models import Product, StockEntry
from kogge.merchants.models import Merchant, User
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

CSV = """code;title;price;stock;amazon;asin
TASSE;Tasse „Moin“;12,90;40;ja;B0CUP00001
TEE-1;Grüner Tee;8,50;;;
"""


@pytest.fixture
def browser(ben: User, signed_in: Callable[..., Client]) -> Client:
    """Ben's."""
    return signed_in(ben)


@pytest.fixture
def tea(merchant: Merchant) -> Product:
    """Seven packets of tea."""
    return shop.product(merchant, "TEE-1", counted=7)


def test_the_list_finds_products(browser: Client, merchant: Merchant, tea: Product) -> None:
    shop.product(merchant, "TASSE")

    every = browser.get(reverse("products")).content.decode()
    found = browser.get(reverse("products") + "?q=tass").content.decode()
    nothing = browser.get(reverse("products") + "?q=Kaffee").content.decode()

    assert "TEE-1" in every
    assert "TASSE" in every
    assert "TASSE" in found
    assert "TEE-1" not in found
    assert "Kein Produkt passt dazu" in nothing


def test_the_list_takes_the_same_number_of_queries_for_few_and_many(
    browser: Client, merchant: Merchant
) -> None:
    shop.product(merchant, "TEE-0")
    browser.get(reverse("products"))
    few = _queries(browser)

    for number in range(1, 20):
        shop.product(merchant, f"TEE-{number}")

    assert _queries(browser) == few


def test_a_product_is_created_and_changed(browser: Client, merchant: Merchant) -> None:
    typed = {"title": "Kandis", "code": "K-1", "price": "1.002,50", "vat_rate": "7,00", "lead_time_days": 3}

    browser.post(reverse("product_new"), {**typed, "active": "on", "gtin": "4006381333931"})
    made = Product.objects.of(merchant).get()
    browser.post(reverse("product", args=[made.pk]), {**typed, "title": "Kandis, braun"})

    found = Product.objects.of(merchant).get()
    assert (made.code, made.price, made.vat_rate, made.active) == (
        "K-1",
        Decimal("1002.50"),
        Decimal(7),
        True,
    )
    assert (found.title, found.active, found.gtin, found.stock) == ("Kandis, braun", False, "", 0)
    assert found.changed_at > made.changed_at


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"code": "TEE-1"}, "Diese Artikelnummer gibt es schon."),
        ({"gtin": "4006381333930"}, "4006381333930 ist keine gültige GTIN."),
        ({"price": "-1"}, "größer oder gleich 0"),
        ({"price": "umsonst"}, "Bitte eine Zahl eingeben."),
        ({"lead_time_days": "1000"}, "kleiner oder gleich 365"),
        ({"title": ""}, "Dieses Feld ist zwingend erforderlich."),
    ],
)
def test_a_product_that_cannot_be_is_refused_in_words(
    browser: Client, merchant: Merchant, tea: Product, typed: dict[str, Any], complaint: str
) -> None:
    good = {"title": "Kandis", "code": "K-1", "price": "2,50", "vat_rate": "7", "lead_time_days": 3}

    answer = browser.post(reverse("product_new"), {**good, **typed})

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert Product.objects.of(merchant).get() == tea


def test_a_product_keeps_its_own_item_number(browser: Client, tea: Product) -> None:
    same = {"title": "Neuer Titel", "code": "TEE-1", "price": "9,90", "vat_rate": "19", "lead_time_days": 2}

    answer = browser.post(reverse("product", args=[tea.pk]), same)

    assert answer.status_code == 302


def test_counting_moves_the_stock_through_the_ledger(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    answer = browser.post(reverse("product_stock", args=[tea.pk]), {"counted": 5}, follow=True)

    shown = answer.content.decode()
    entry = StockEntry.objects.of(merchant).latest("id")
    assert (entry.kind, entry.stock_change, entry.actor) == ("correction", -2, "ben@example.org")
    assert shop.in_stock(tea) == (5, 0)
    assert stock.audit(merchant.pk) == []
    assert "Der Warenbestand ist jetzt 5." in shown
    assert "−2" in shown


def test_a_count_that_is_no_number_is_refused_and_kept(browser: Client, tea: Product) -> None:
    answer = browser.post(reverse("product_stock", args=[tea.pk]), {"counted": "viele"})

    assert answer.status_code == 422
    assert 'value="viele"' in answer.content.decode()
    assert shop.in_stock(tea) == (7, 0)


def test_an_import_is_shown_first_and_written_then(
    browser: Client, merchant: Merchant, tea: Product, channel: Any
) -> None:
    preview = _upload(browser, CSV)
    before = (shop.in_stock(tea), Product.objects.of(merchant).count())
    channel.imported.clear()
    done = browser.post(reverse("product_import"), {"confirmed": "1", "text": CSV}, follow=True)

    cup = Product.objects.of(merchant).get(code="TASSE")
    tea.refresh_from_db()
    assert "1 neue Produkte, 1 bekannte. Noch ist nichts geschrieben." in preview.content.decode()
    assert "Tasse „Moin“" in preview.content.decode()
    assert before == ((7, 0), 1)
    assert "Import fertig: 1 neue Produkte, 1 bekannte." in done.content.decode()
    assert (cup.price, cup.stock) == (Decimal("12.90"), 40)
    assert (tea.title, tea.stock) == ("Grüner Tee", 7)
    assert channel.imported[cup.pk]["asin"] == "B0CUP00001"


def test_the_preview_carries_the_whole_file_along(browser: Client, merchant: Merchant) -> None:
    import lxml.html

    page: Any = lxml.html.fromstring(_upload(browser, CSV).content)
    [text] = page.xpath("//textarea[@name='text']")
    browser.post(reverse("product_import"), {"confirmed": "1", "text": text.text})

    assert Product.objects.of(merchant).count() == 2


def test_wrong_lines_are_named_and_nothing_is_written(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    wrong = CSV + "NEU;;;;;\n;ohne Nummer;1;;;\nX;Zu teuer;viel;;;\n"

    answer = _upload(browser, wrong)

    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "Die Artikelnummer fehlt." in shown
    assert "viel ist kein Preis." in shown
    assert Product.objects.of(merchant).get() == tea


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Die Datei ist leer."),
        (b"title;price\nTee;1\n", "fehlt die Spalte „code“"),
        (b"code;unsinn\nTEE;1\n", "Unbekannte Spalten: unsinn"),
        (b"code\n" + b"X" * 2_000_001, "größer als 2 MB"),
        (bytes([0x81, 0x8D, 0x90]) * 9, "Die Datei ist kein Text."),
    ],
)
def test_a_file_that_is_no_product_list_is_refused_in_words(
    browser: Client, content: bytes, complaint: str
) -> None:
    answer = browser.post(reverse("product_import"), {"file": SimpleUploadedFile("x.csv", content)})

    assert answer.status_code == 422
    assert complaint in answer.content.decode()


def test_files_of_old_spreadsheets_keep_their_umlauts(browser: Client) -> None:
    old = "code;title;price\nK;Käse-Öl;5\n".encode("cp1252")

    answer = browser.post(reverse("product_import"), {"file": SimpleUploadedFile("x.csv", old)})

    assert "Käse-Öl" in answer.content.decode()


def _upload(browser: Client, text: str) -> Any:
    file = SimpleUploadedFile("produkte.csv", text.encode("utf-8-sig"), content_type="text/csv")
    return browser.post(reverse("product_import"), {"file": file})


def _queries(browser: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(reverse("products")).status_code == 200
    return len(queries)
