"""In a real browser: without scripts every act works; with scripts nothing breaks the page's own policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kogge.backoffice import dispatch, placing
from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant, User
from tests.backoffice import shop
from tests.conftest import PASSWORD

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]

# By how many pixels the page, or a table in it, is wider than its place.
TOO_WIDE = """Math.max(
    document.documentElement.scrollWidth - innerWidth,
    ...[...document.querySelectorAll('table')].map(
        table => table.scrollWidth - table.parentElement.clientWidth
    ),
)"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        # The driver keeps an event loop running in this thread; Django must not take us for async code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def theirs(merchant: Merchant, order: Order, channel: Any) -> Order:
    """An order of the shop's own that the channel ships out of its warehouse."""
    tea = Product.objects.of(merchant).get()
    channel.warehouse[tea.pk] = 31
    new = shop.new_order("own", shop.new_line(quantity=2, product=tea), channel="manual")
    placing.place(merchant.pk, [new], now=shop.NOW)
    return shop.stored(merchant, "own")


def test_an_order_is_changed_without_scripts(
    chromium: Browser, live_server: Any, ben: User, channel: Any, theirs: Order
) -> None:
    channel.holds = True
    page = chromium.new_context(java_script_enabled=False, locale="de").new_page()
    _sign_in(page, live_server.url)

    page.goto(f"{live_server.url}/bestellungen/{theirs.number}/")
    page.get_by_role("link", name="Bearbeiten", exact=True).click()
    page.get_by_label("Ort", exact=True).fill("Bremen")
    page.get_by_label("Tee TEE-1").fill("1")
    page.keyboard.press("Enter")

    page.get_by_text("Die Übergabe an Amazon ist angehalten.").wait_for()
    assert page.get_by_role("button", name="Sendung packen").is_visible()


def test_who_works_with_the_keyboard_keeps_the_place_when_a_page_is_drawn_anew(
    chromium: Browser, live_server: Any, ben: User, channel: Any, theirs: Order
) -> None:
    channel.busy = True
    page = chromium.new_context(locale="de").new_page()
    _sign_in(page, live_server.url)

    page.goto(f"{live_server.url}/bestellungen/{theirs.number}/")
    for place, part in (("act-cancel", "order-actions"), ("line-1", "order-lines")):
        page.locator(f"#{place}").focus()
        page.evaluate("part => document.getElementById(part).dataset.old = 1", part)
        page.wait_for_function("part => !document.getElementById(part).dataset.old", arg=part)

        assert page.evaluate("document.activeElement.id") == place


def test_an_order_is_worked_off_without_scripts(
    chromium: Browser, live_server: Any, ben: User, order: Order
) -> None:
    page = chromium.new_context(java_script_enabled=False, locale="de").new_page()
    _sign_in(page, live_server.url)

    page.get_by_role("link", name="Alle Bestellungen").click()
    page.get_by_role("link", name=str(order.number), exact=True).click()
    page.get_by_role("button", name="Sendung packen").click()
    page.get_by_label("Versender").first.fill("DHL")
    page.get_by_label("Trackingnummer").first.fill("00340434161094027318")
    page.get_by_role("button", name="Als versendet kennzeichnen").click()

    assert page.get_by_text("ist als versendet gekennzeichnet").is_visible()
    assert shop.state(order) == ("closed", "paid", "shipped")


def test_scripts_keep_to_the_policy_and_tick_all_boxes(
    chromium: Browser, live_server: Any, ben: User, merchant: Merchant, order: Order
) -> None:
    page = chromium.new_context(locale="de").new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    _sign_in(page, live_server.url)

    for path in ("/", f"/bestellungen/{order.number}/", "/produkte/", "/einstellungen/", "/bestellungen/"):
        page.goto(live_server.url + path)
    page.get_by_label("Alle auf dieser Seite").check()

    assert page.get_by_label(f"Bestellung {order.number} auswählen").is_checked()
    assert complaints == []


def test_an_open_list_shows_by_itself_that_orders_came(
    chromium: Browser, live_server: Any, ben: User, merchant: Merchant, order: Order
) -> None:
    context = chromium.new_context(locale="de")
    page = context.new_page()
    page.clock.install()
    _sign_in(page, live_server.url)
    page.goto(live_server.url + "/bestellungen/")
    placing.place(merchant.pk, [shop.new_order("305-0000009-0000009")], now=shop.NOW)

    page.clock.fast_forward(11_000)

    page.get_by_role("link", name="1 neue Bestellung anzeigen").wait_for()
    page.get_by_role("link", name="1 neue Bestellung anzeigen").click()
    assert page.get_by_role("link", name=str(order.number + 1), exact=True).is_visible()


@pytest.mark.usefixtures("ben")
def test_no_page_is_wider_than_its_window(
    chromium: Browser, live_server: Any, merchant: Merchant, theirs: Order
) -> None:
    order = shop.stored(merchant)
    late = shop.new_order(
        "305-9999999-9999999", shop.new_line(quantity=2, price="99999.99"), ship_by=shop.NOW
    )
    placing.place(merchant.pk, [late], now=shop.NOW)
    wide = shop.stored(merchant, "305-9999999-9999999")
    dispatch.ship(wide, carrier="DHL", tracking_number="0" * 40, quantities={1: 1}, actor="ben", now=shop.NOW)
    page = chromium.new_context().new_page()
    _sign_in(page, live_server.url)

    for path in (
        "/",
        "/bestellungen/",
        f"/bestellungen/{order.number}/",
        f"/bestellungen/{theirs.number}/",
        f"/bestellungen/{theirs.number}/bearbeiten/",
        "/bestellungen/anlegen/",
        "/produkte/",
        "/produkte/1/",
        "/verkaufskanaele/",
        "/erweiterungen/apps/",
        "/erweiterungen/apps/amazon/registrieren/",
    ):
        page.goto(live_server.url + path)
        for width in (390, 768, 880, 1024, 1280, 1366, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            widest = page.evaluate(TOO_WIDE)
            assert widest <= 0, (path, width)


def _sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#id_username", "ben@example.org")
    page.fill("#id_password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(address + "/")
