"""Products from a file and into one, as the merchant meets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import lxml.html
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kogge.backoffice import product_files
from kogge.backoffice.models import Product, ProductFile
from kogge.backoffice.pages import product_import
from kogge.engine.worker import run_due
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


def test_an_import_is_shown_first_and_written_then(
    browser: Client, merchant: Merchant, tea: Product, channel: Any
) -> None:
    preview = _upload(browser, CSV)
    before = (shop.in_stock(tea), Product.objects.of(merchant).count(), dict(channel.imported))
    done = browser.post(preview.wsgi_request.path, {"confirmed": "1"}, follow=True)

    cup = Product.objects.of(merchant).get(code="TASSE")
    tea.refresh_from_db()
    shown = preview.content.decode()
    assert "Neu: 1, geändert: 1, unverändert: 0. Noch ist nichts geschrieben." in shown
    assert "Tasse „Moin“" in shown
    changes = _text_of(preview, "//tr[td='TEE-1']/td[4]")
    assert changes == "title Tee TEE-1 neu: Grüner Tee price 9,90 neu: 8,50"
    assert before == ((7, 0), 1, {})
    assert "Import fertig. Neu: 1, geändert: 1, unverändert: 0." in done.content.decode()
    assert (cup.price, cup.stock) == (Decimal("12.90"), 40)
    assert (tea.title, tea.stock) == ("Grüner Tee", 7)
    assert channel.imported[cup.pk]["asin"] == "B0CUP00001"


def test_a_large_file_says_how_far_it_is_until_it_is_checked(
    browser: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_files, "AT_ONCE", 1)

    working = _upload(browser, CSV)
    url = working.wsgi_request.path
    part = browser.get(url, headers={"HX-Request": "true"}).content.decode()
    run_due({product_files.OPERATION: product_files.import_products})
    checked = browser.get(url).content.decode()

    assert "Die Datei hat 3 Zeilen." in working.content.decode()
    assert '<noscript><meta http-equiv="refresh"' in working.content.decode()
    assert 'hx-trigger="every 1s"' in part
    assert "<html" not in part
    assert "Die Datei ist in Ordnung" in checked
    assert "hx-trigger" not in checked
    assert not Product.objects.of(merchant).exists()


def test_a_file_can_be_taken_back(browser: Client, merchant: Merchant) -> None:
    url = _upload(browser, CSV).wsgi_request.path

    back = browser.post(url, {"forget": "1"})

    assert back["Location"] == reverse("product_import")
    assert browser.get(url).status_code == 404
    assert not ProductFile.objects.of(merchant).exists()


def test_a_file_without_news_offers_no_import(browser: Client, merchant: Merchant, tea: Product) -> None:
    shown = _upload(browser, f"code;title\nTEE-1;{tea.title}\n").content.decode()

    assert "In der Datei steht nichts, was der Shop nicht schon weiß." in shown
    assert "Jetzt importieren" not in shown


def test_wrong_lines_are_named_and_nothing_is_written(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    wrong = CSV + "NEU;;;;;\n;ohne Nummer;1;;;\nX;Zu teuer;viel;;;\n"

    answer = _upload(browser, wrong)

    shown = answer.content.decode()
    assert "Die Artikelnummer fehlt." in shown
    assert "viel ist kein Preis." in shown
    assert _text_of(answer, "//tr[td='6']/td[2]") == "price"
    assert Product.objects.of(merchant).get() == tea


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Die Datei ist leer."),
        (b"title;price\nTee;1\n", "fehlt die Spalte „code“"),
        (b"code;unsinn\nTEE;1\n", "Unbekannte Spalten: unsinn"),
        (b"code\n" + b"X" * 2_000, "größer als 25 MB"),
        (bytes([0x81, 0x8D, 0x90]) * 9, "Die Datei ist kein Text."),
    ],
)
def test_a_file_that_is_no_product_list_is_refused_in_words(
    browser: Client, content: bytes, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_import, "LARGEST_FILE", 1_000)

    answer = browser.post(
        reverse("product_import"), {"file": SimpleUploadedFile("x.csv", content)}, follow=True
    )

    assert complaint in answer.content.decode()


def test_files_of_old_spreadsheets_keep_their_umlauts(browser: Client) -> None:
    old = SimpleUploadedFile("x.csv", "code;title;price\nK;Käse-Öl;5\n".encode("cp1252"))

    answer = browser.post(reverse("product_import"), {"file": old}, follow=True)

    assert "Käse-Öl" in answer.content.decode()


def test_only_staff_may_agree_and_only_of_the_same_merchant(
    browser: Client, rita: User, mallory: User, signed_in: Callable[..., Client], merchant: Merchant
) -> None:
    url = _upload(browser, CSV).wsgi_request.path

    assert signed_in(rita).get(url).status_code == 200
    assert signed_in(rita).post(url, {"confirmed": "1"}).status_code == 403
    assert signed_in(mallory).get(url).status_code == 404
    assert signed_in(mallory).post(url, {"confirmed": "1"}).status_code == 404
    assert not Product.objects.of(merchant).exists()


@pytest.mark.parametrize(
    ("language", "line"), [("de", "TEE-1;Tee TEE-1;;9,90;7;"), ("en", "TEE-1,Tee TEE-1,,9.90,7,")]
)
def test_the_export_is_written_in_the_notation_of_the_reader(
    language: str, line: str, tea: Product, rita: User, signed_in: Callable[..., Client]
) -> None:
    answer: Any = signed_in(rita, language).get(reverse("product_export"))

    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeffcode")
    assert text.splitlines()[1].startswith(line)
    assert ".csv" in answer["Content-Disposition"]


def test_an_exported_file_goes_through_the_import_without_news(browser: Client, tea: Product) -> None:
    answer: Any = browser.get(reverse("product_export"))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")

    shown = _upload(browser, text).content.decode()

    assert "Neu: 0, geändert: 0, unverändert: 1." in shown


def test_what_became_wrong_while_writing_is_told_with_what_is_written(
    browser: Client, merchant: Merchant
) -> None:
    url = _upload(browser, CSV).wsgi_request.path
    wrong = {"line": 3, "column": "parent", "sentence": "Das Hauptprodukt TEE gibt es nicht."}
    ProductFile.objects.of(merchant).update(state="refused", outcome={"errors": [wrong], "written": 2_000})

    shown = browser.get(url).content.decode()

    assert "2.000 Zeilen sind schon übernommen" in shown or "2000 Zeilen sind schon übernommen" in shown
    assert "Es wurde nichts übernommen" not in shown


def test_an_old_file_is_gone(browser: Client, merchant: Merchant) -> None:
    url = _upload(browser, CSV).wsgi_request.path
    run_due(
        {product_files.OPERATION: product_files.import_products},
        clock=lambda: timezone.now() + timedelta(days=1, minutes=1),
    )

    assert browser.get(url).status_code == 404


def _upload(browser: Client, text: str) -> Any:
    file = SimpleUploadedFile("produkte.csv", text.encode("utf-8-sig"), content_type="text/csv")
    return browser.post(reverse("product_import"), {"file": file}, follow=True)


def _text_of(answer: Any, path: str) -> str:
    page: Any = lxml.html.fromstring(answer.content)
    [cell] = page.xpath(path)
    return " ".join(cell.text_content().split())
