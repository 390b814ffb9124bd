"""Products: the list, the page, the stock, the import."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import lxml.html
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kogge.backoffice import placing, stock
from kogge.backoffice.models import Order, Product, StockEntry
from kogge.backoffice.pictures import small_name
from kogge.merchants.models import Merchant, User
from tests.backoffice import shop

pytestmark = pytest.mark.django_db


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
    typed = {"title": "Kandis", "code": "K-1", "price": "1.002,50", "vat_rate": "7", "lead_time_days": 3}

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
        ({"price": "-1"}, "Gib einen Preis ab 0 mit höchstens zwei Nachkommastellen ein."),
        ({"price": "umsonst"}, "Gib einen Preis ab 0"),
        ({"lead_time_days": "1000"}, "Gib eine ganze Zahl von 0 bis 365 ein."),
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


def test_a_negative_count_is_refused_in_words(browser: Client, tea: Product) -> None:
    answer = browser.post(reverse("product_stock", args=[tea.pk]), {"counted": -1})

    assert answer.status_code == 422
    assert "Gib eine ganze Zahl von 0 bis 10.000.000 ein." in answer.content.decode()
    assert shop.in_stock(tea) == (7, 0)


def test_a_count_says_what_went_to_orders_that_waited(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    _sell(merchant, tea, 9)

    shown = browser.post(reverse("product_stock", args=[tea.pk]), {"counted": 5}, follow=True)

    assert (
        "Der Warenbestand ist jetzt 3. 2 Stück decken überverkaufte Bestellungen." in shown.content.decode()
    )


def test_the_page_shows_every_movement_page_by_page(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    order = _sell(merchant, tea, 9)
    for counted in range(10, 50):
        stock.correct_stock(tea, counted, actor="anna@example.org", now=shop.NOW)

    address = reverse("product", args=[tea.pk])
    first, second = (browser.get(f"{address}?page={page}").content.decode() for page in (1, 2))

    assert StockEntry.objects.of(merchant).count() == 43
    assert (first.count("anna@example.org"), second.count("anna@example.org")) == (30, 12)
    assert f'href="{reverse("order", args=[order.number])}"' in second
    assert "1 bis 30 von 43" in first


def test_the_page_says_what_is_reserved_owed_and_available(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    _sell(merchant, tea, 9)

    page: Any = lxml.html.fromstring(browser.get(reverse("product", args=[tea.pk])).content)

    facts = [e.text_content() for e in page.xpath("//section[@aria-labelledby='stock-title']//dd")]
    assert facts == ["0", "0", "2", "0"]
    assert "2 Stück überverkauft" in page.text_content()


def test_a_variant_is_a_product_of_its_own_under_its_main_product(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    asked = reverse("product_new") + f"?parent={tea.pk}"
    page: Any = lxml.html.fromstring(browser.get(asked).content)
    [fields] = [dict(each.fields) for each in page.forms if "parent_code" in each.fields]
    typed = {name: value or "" for name, value in fields.items() if name != "csrfmiddlewaretoken"}

    browser.post(asked, {**typed, "code": "TEE-1-250", "option": "250 g", "price": "19,90"})
    variant = Product.objects.of(merchant).get(code="TEE-1-250")
    shown = browser.get(reverse("product", args=[tea.pk])).content.decode()
    listed = browser.get(reverse("products")).content.decode()

    assert typed["title"] == tea.title
    assert typed["parent_code"] == "TEE-1"
    assert (variant.parent, variant.option, variant.price) == (tea, "250 g", Decimal("19.90"))
    assert (variant.stock, variant.vat_rate, variant.gtin) == (0, Decimal(19), "")
    assert f'href="{reverse("product", args=[variant.pk])}"' in shown
    assert "250 g" in shown
    assert "Variante von TEE-1" in listed


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"parent_code": "WEG"}, "Ein Produkt mit der Artikelnummer WEG gibt es nicht."),
        ({"parent_code": "TEE-1"}, "Ein Produkt kann nicht seine eigene Variante sein."),
        ({"parent_code": "TASSE-BLAU"}, "ist selbst eine Variante"),
        ({"parent_code": "KANNE"}, "Dieses Produkt hat selbst Varianten."),
        ({"parent_code": "TASSE", "option": ""}, "Sag, was diese Variante unterscheidet."),
    ],
)
def test_main_products_are_checked(
    browser: Client, merchant: Merchant, tea: Product, typed: dict[str, str], complaint: str
) -> None:
    cup, pot = shop.product(merchant, "TASSE"), shop.product(merchant, "KANNE")
    blue, small = shop.product(merchant, "TASSE-BLAU"), shop.product(merchant, "TEE-1-S")
    Product.objects.of(merchant).filter(pk=blue.pk).update(parent=cup)
    if typed["parent_code"] == "KANNE":
        Product.objects.of(merchant).filter(pk=small.pk).update(parent=tea)
    assert pot.pk
    good = {
        "title": "Tee",
        "code": "TEE-1",
        "price": "9,90",
        "vat_rate": "19",
        "lead_time_days": 2,
        "option": "M",
    }

    answer = browser.post(reverse("product", args=[tea.pk]), {**good, **typed})

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    tea.refresh_from_db()
    assert tea.parent is None


def test_another_merchants_product_is_no_main_product(
    browser: Client, merchant: Merchant, other_merchant: Merchant
) -> None:
    theirs = shop.product(other_merchant, "FREMD")

    shown = browser.get(reverse("product_new") + f"?parent={theirs.pk}").content.decode()

    assert "FREMD" not in shown


def test_saving_tells_the_channels(browser: Client, tea: Product, channel: Any) -> None:
    channel.changed.clear()
    typed = {"title": "Tee", "code": "TEE-1", "price": "8,90", "vat_rate": "19", "lead_time_days": 1}

    browser.post(reverse("product", args=[tea.pk]), typed)

    assert channel.changed == [{tea.pk}]


def test_a_picture_is_uploaded_shown_and_removed(browser: Client, merchant: Merchant, tea: Product) -> None:
    address = reverse("product_picture", args=[tea.pk])

    browser.post(address, {"picture": SimpleUploadedFile("tee.png", shop.drawn())})
    tea.refresh_from_db()
    shown = browser.get(reverse("product", args=[tea.pk])).content.decode()
    listed = browser.get(reverse("products")).content.decode()
    file: Any = browser.get(reverse("picture", args=[tea.image]))
    content = file.content
    browser.post(address, {"remove": "1"})

    assert reverse("picture", args=[tea.image]) in shown
    assert reverse("picture", args=[small_name(tea.image)]) in listed
    assert (content[:4], content[8:12]) == (b"RIFF", b"WEBP")
    assert file["Content-Type"] == "image/webp"
    assert "immutable" in file["Cache-Control"]
    assert file["X-Content-Type-Options"] == "nosniff"
    tea.refresh_from_db()
    assert tea.image == ""


@pytest.mark.parametrize("files", [{}, {"picture": b"<svg/>"}, {"picture": b""}])
def test_what_is_no_picture_is_refused_in_words(
    browser: Client, tea: Product, files: dict[str, bytes]
) -> None:
    uploads = {name: SimpleUploadedFile("x.png", content) for name, content in files.items()}

    answer = browser.post(reverse("product_picture", args=[tea.pk]), uploads)

    assert answer.status_code == 422
    assert "invalid-feedback" in answer.content.decode()


@pytest.mark.parametrize("words", ["4006381333931", "4006381-333931", "TEE-1", "tee-1", "B0TEE00001"])
def test_a_number_finds_its_product_and_nothing_like_it(
    browser: Client, merchant: Merchant, tea: Product, channel: Any, words: str
) -> None:
    Product.objects.of(merchant).update(gtin="4006381333931")
    channel.imported[tea.pk] = {"asin": "B0TEE00001"}
    shop.product(merchant, "TEE-10")

    exact = _codes(browser, f"?q={words}")
    wider = _codes(browser, f"?q={words}&titles=1")

    assert exact == ["TEE-1"]
    assert wider == (["TEE-1", "TEE-10"] if words.lower() == "tee-1" else [])


def test_the_list_is_narrowed_by_the_state_at_a_channel(
    browser: Client, merchant: Merchant, tea: Product, channel: Any
) -> None:
    shop.product(merchant, "TASSE")
    channel.imported[tea.pk] = {"asin": "B0TEE00001"}

    assert _codes(browser, "?amazon=live") == ["TEE-1"]
    assert _codes(browser, "?amazon=none") == ["TASSE"]
    assert _codes(browser, "?amazon=unsinn") == ["TASSE", "TEE-1"]
    assert _codes(browser, "?amazon=live&q=tass") == []


def test_a_search_is_leafed_through_without_being_counted(browser: Client, merchant: Merchant) -> None:
    for number in range(60):
        shop.product(merchant, f"TEE-{number:02}")

    with CaptureQueriesContext(connection) as queries:
        first = _codes(browser, "?q=Tee")
    second = _codes(browser, "?q=Tee&page=2")

    assert (len(first), first[0], len(second), second[-1]) == (50, "TEE-00", 10, "TEE-59")
    assert not any("COUNT" in query["sql"] and "LIKE" in query["sql"] for query in queries)
    assert _codes(browser, "?q=Tee&page=unsinn") == first
    assert _codes(browser, "?q=Tee&page=99999999999999999999") == first


def _codes(browser: Client, query: str) -> list[str]:
    """The article numbers the list shows."""
    page: Any = lxml.html.fromstring(browser.get(reverse("products") + query).content)
    return [link.text_content() for link in page.xpath("//td[contains(@class,'headline')]/a")]


def _sell(merchant: Merchant, tea: Product, units: int) -> Order:
    """An order over the channel."""
    placing.place(
        merchant.pk, [shop.new_order("305-1", shop.new_line(product=tea, quantity=units))], now=shop.NOW
    )
    return shop.stored(merchant, "305-1")


def _queries(browser: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(reverse("products")).status_code == 200
    return len(queries)
