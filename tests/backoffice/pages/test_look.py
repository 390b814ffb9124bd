"""What people rely on who do not see, do not use a mouse, or have switched scripts off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from kogge.backoffice import dispatch
from kogge.backoffice.models import Mail, Order, Product
from kogge.backoffice.pages import channels, states
from kogge.backoffice.templatetags import shop_tags
from kogge.merchants.models import User
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

BACKOFFICE = Path(shop_tags.__file__).parents[1]
STATIC = BACKOFFICE / "static"
TEMPLATES = [*BACKOFFICE.rglob("*.html"), *(BACKOFFICE.parent / "merchants").rglob("*.html")]
CSS = (STATIC / "kogge/kogge.css").read_text()
COLOURS = ("gray", "blue", "green", "amber", "red", "violet")
READABLE = 4.5  # contrast of text, WCAG 2.2 AA

Page = Any  # lxml has no types for its HTML elements


@pytest.fixture(params=["de", "en"])
def pages(
    request: Any, order: Order, anna: User, ben: User, signed_in: Callable[..., Client]
) -> dict[str, Page]:
    """Every page with something on it, parsed."""
    dispatch.start_packing(order, actor="ben", now=shop.NOW)
    dispatch.ship(order, carrier="DHL", tracking_number="0034", quantities={1: 1}, actor="ben", now=shop.NOW)
    dispatch.start_packing(order, actor="ben", now=shop.NOW)
    browser = signed_in(ben, request.param)
    merchant = order.merchant
    addresses = _addresses(order, Product.objects.of(merchant).get(), Mail.objects.of(merchant).get())
    found = {url: lxml.html.fromstring(browser.get(url).content.decode()) for url in addresses}
    owner = signed_in(anna, request.param)
    for url in _owner_addresses(ben):
        found[url] = lxml.html.fromstring(owner.get(url).content.decode())
    found["refused member"] = lxml.html.fromstring(owner.post(reverse("member_new")).content.decode())
    refused = browser.post(reverse("order_act", args=[order.number, "ship"]), {"units_1": 9})
    stranger = Client(headers={"Accept-Language": request.param})
    found["refused"] = lxml.html.fromstring(refused.content.decode())
    found["login"] = lxml.html.fromstring(stranger.get(reverse("login")).content.decode())
    found["404"] = lxml.html.fromstring(browser.get("/nirgends/").content.decode())
    assert all(page.get("lang") == request.param for page in found.values())
    return found


def test_every_page_has_one_headline_and_a_title_of_its_own(pages: dict[str, Page]) -> None:
    titles = [page.findtext(".//title") for page in pages.values()]

    assert {url: len(page.xpath("//h1")) for url, page in pages.items()} == dict.fromkeys(pages, 1)
    assert all(len(page.xpath("//main")) == 1 for page in pages.values())
    assert len(set(titles)) >= len(titles) - 2  # the two pages that refuse have the title of the asked one


def test_every_control_has_a_label(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        labelled = {label.get("for") for label in page.xpath("//label[normalize-space()]")}
        for control in page.xpath("//input[not(@type='hidden')] | //select | //textarea"):
            named = (
                control.get("id") in labelled or control.get("aria-label") or control.xpath("ancestor::label")
            )
            assert named, f"{url}: {lxml.html.tostring(control)!r}"


def test_every_link_and_button_says_what_it_does(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        for control in page.xpath("//a | //button | //summary"):
            assert control.text_content().strip() or control.get("aria-label"), (
                f"{url}: {lxml.html.tostring(control)!r}"
            )


def test_names_on_a_page_are_unique_and_references_lead_somewhere(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        names = [str(name) for name in page.xpath("//@id")]
        assert sorted(names) == sorted(set(names)), url
        for attribute in ("for", "aria-labelledby", "aria-describedby", "list"):
            for reference in page.xpath(f"//@{attribute}"):
                assert reference in names, f"{url}: {attribute}={reference}"


def test_every_table_names_its_columns(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        for table in page.xpath("//table"):
            heads = table.xpath("./thead/tr/th[@scope='col']")
            assert heads, url
            assert all(head.text_content().strip() for head in heads), url


def test_one_can_jump_to_the_content(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        if url in {"login", "404"}:
            continue
        first = page.xpath("//body//a")[0]
        assert (first.get("href"), page.get_element_by_id("inhalt").tag) == ("#inhalt", "main"), url


def test_pages_bring_no_scripts_or_styles_of_their_own(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        assert not page.xpath("//style | //script[not(@src)] | //@style"), url
        assert not page.xpath("//@*[starts-with(name(), 'on')]"), url
        sources = page.xpath("//script/@src | //link[@rel='stylesheet']/@href | //img/@src")
        assert all(str(source).startswith("/static/") for source in sources), url


def test_the_browser_is_told_to_load_nothing_from_elsewhere(
    ben: User, signed_in: Callable[..., Client]
) -> None:
    policy = signed_in(ben).get("/")["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_every_post_form_carries_its_token(pages: dict[str, Page]) -> None:
    for url, page in pages.items():
        for form in page.xpath("//form[translate(@method, 'POST', 'post')='post']"):
            assert form.xpath(".//input[@name='csrfmiddlewaretoken']"), url


@pytest.mark.parametrize(
    ("passed", "german", "english"),
    [
        (timedelta(seconds=-3), "gerade eben", "just now"),
        (timedelta(seconds=50), "gerade eben", "just now"),
        (timedelta(seconds=70), "vor 1 Minute", "1 minute ago"),
        (timedelta(hours=3), "vor 3 Stunden", "3 hours ago"),
    ],
)
def test_how_long_ago_is_said_in_words(passed: timedelta, german: str, english: str) -> None:
    at = timezone.now() - passed

    with translation.override("en"):
        assert shop_tags.ago(at) == english
    assert shop_tags.ago(at) == german


@pytest.mark.parametrize("colour", COLOURS)
def test_states_can_be_read(colour: str) -> None:
    assert _contrast(_colour(f"k-{colour}-soft"), _colour(f"k-{colour}-text")) >= READABLE
    assert _contrast(_colour("k-card"), _colour(f"k-{colour}-text")) >= READABLE


@pytest.mark.parametrize(
    ("ground", "text"),
    [
        ("k-card", "k-text"),
        ("k-card", "k-quiet"),
        ("k-ground", "k-quiet"),
        ("k-card", "k-primary"),
        ("k-ground", "k-primary"),
        ("k-primary", "k-card"),
        ("k-primary-dark", "k-card"),
        ("k-mast", "k-mast-text"),
        ("k-mast", "k-sail"),
    ],
)
def test_texts_can_be_read(ground: str, text: str) -> None:
    assert _contrast(_colour(ground), _colour(text)) >= READABLE


def test_every_state_has_its_colour_and_its_icon() -> None:
    sets = (states.STATUS, states.PAYMENT, states.DELIVERY, states.MAIL)
    choices = (Order.Status, Order.Payment, Order.Delivery, Mail.State)

    assert [set(looks) for looks in sets] == [set(choice.values) for choice in choices]
    assert {tone for looks in sets for tone, _icon in looks.values()} <= set(COLOURS)
    assert set(shop_tags.TONES.values()) <= set(COLOURS)


@pytest.mark.parametrize(("language", "words"), [("de", "Von Hand"), ("en", "By hand")])
def test_the_source_is_said_in_the_language_of_who_reads(language: str, words: str) -> None:
    with translation.override(language):
        assert shop_tags.source(Order(channel="manual", origin=""))["name"] == words
        assert shop_tags.source(Order(channel="amazon", origin="Amazon.de"))["name"] == "Amazon.de"


def test_every_icon_is_in_the_sprite_and_no_other() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "kogge/icons.svg").read_text()))
    used = set(_icons_of_templates()) | _icons_of_code()

    assert used - drawn == set()
    assert drawn - used == set()


def test_every_icon_on_a_page_is_drawn(pages: dict[str, Page]) -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "kogge/icons.svg").read_text()))

    shown = {str(use).partition("#")[2] for page in pages.values() for use in page.xpath("//use/@href")}

    assert shown - drawn == set()


def test_what_came_from_others_carries_its_licence() -> None:
    folders = [path for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    for folder in (*folders, BACKOFFICE / "pages/fonts"):
        assert (folder / "LICENSE").stat().st_size > 500, folder


def _addresses(order: Order, product: Product, mail: Mail) -> list[str]:
    plain = ("overview", "orders", "order_new", "products", "product_new", "product_import")
    more = ("channels", "apps", "settings", "storefront_settings", "outbox", "password_change")
    return [
        *map(reverse, (*plain, *more)),
        reverse("orders_ship") + f"?orders={order.number}",
        reverse("order", args=[order.number]),
        reverse("order_act", args=[order.number, "cancel"]),
        reverse("order_act", args=[order.number, "return"]),
        reverse("product", args=[product.pk]),
        reverse("mail", args=[mail.pk]),
        reverse("app_register", args=["amazon"]),
    ]


def _owner_addresses(colleague: User) -> list[str]:
    key = colleague.memberships.get().pk
    return [
        reverse("channel_deactivate", args=["amazon"]),
        reverse("app_uninstall", args=["amazon"]),
        reverse("member_new"),
        reverse("member", args=[key]),
        reverse("member_remove", args=[key]),
    ]


def _colour(name: str) -> tuple[int, ...]:
    found = re.search(rf"--{name}: #([0-9a-f]{{6}});", CSS)
    assert found, name
    return tuple(bytes.fromhex(found[1]))


def _contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """How far two colours are apart, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, ...]) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _icons_of_templates() -> Iterator[str]:
    everywhere = [*TEMPLATES, *(BACKOFFICE.parent / "amazon").rglob("*.html")]
    for template in everywhere:
        text = template.read_text()
        yield from re.findall(r'{% icon "([^"]+)"', text)
        yield from re.findall(r'{% badge \S+ "([^"]+)"', text)


def _icons_of_code() -> set[str]:
    """Every word in the code that is the name of an icon; those of states and menus are written there."""
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "kogge/icons.svg").read_text()))
    sources = [*BACKOFFICE.rglob("*.py"), *(BACKOFFICE.parent / "amazon").rglob("*.py")]
    words = {word for path in sources for word in re.findall(r'"([a-z0-9-]+)"', path.read_text())}
    looks = [states.STATUS, states.PAYMENT, states.DELIVERY, states.MAIL]
    named = {icon for look in looks for _tone, icon in look.values()} | set(channels.ICONS.values())
    return (words & drawn) | named


@pytest.mark.parametrize(
    ("value", "column", "german", "english"),
    [
        ("12.90", "price", "12,90", "12.90"),
        ("12.90", "amazon_price_fr", "12,90", "12.90"),
        ("yes", "fba", "ja", "yes"),
        (False, "active", "nein", "no"),
        ("no", "title", "no", "no"),
        (None, "gtin", "", ""),
        (0, "stock", "0", "0"),
    ],
)
def test_a_cell_is_shown_as_the_reader_writes_it(
    value: object, column: str, german: str, english: str
) -> None:
    assert shop_tags.cell(value, column) == german
    with translation.override("en"):
        assert shop_tags.cell(value, column) == english
