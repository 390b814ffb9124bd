"""The packing slip: what is on the paper, and that no name of this world breaks it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from kogge.backoffice import dispatch, fulfilment, placing
from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant, User
from kogge.shops.port import FulfilledParcel
from kogge.values import Tracking
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

NASTY = (
    "Łukasz Wiśniewski",
    "Σωκράτης Παπαδόπουλος",
    "Анна Каренина",
    "محمد بن سلمان",
    "דוד בן־גוריון",
    "王小明 株式会社",
    "🎁🎄 Weihnachtsmann 👨‍👩‍👧",
    "a\u0301\u0327\u0489 Zalgo\u0363\u0364",
    "\u202eumgedreht\u202c \ufeff\u200b\u2028",
    "Ein" + "sehr" * 80 + "langesWort",
    "<b>fett</b> **stern** __unter__ %s {x}",
)


@pytest.fixture
def browser(rita: User, signed_in: Callable[..., Client]) -> Client:
    """Rita's: printing needs no rights."""
    return signed_in(rita)


def test_everything_a_packer_needs_is_on_the_paper(browser: Client, order: Order) -> None:
    [page] = _pages(browser, reverse("packing_slip", args=[order.number]))

    for words in (
        "Teehaus Muster",
        f"Packzettel zu Bestellung {order.number}",
        "Amazon.de 305-0000001-0000001",
        "Erika Muster",
        "Beispielweg 7",
        "20095 Hamburg",
        "TEE-1",
        "2 ×",
        "Tee TEE-1",
        "Geschenknachricht: Alles Gute!",
        "1 ×",
        "Ein freier Artikel",
    ):
        assert words in page


def test_only_what_is_left_to_pack_is_on_the_paper(browser: Client, order: Order) -> None:
    dispatch.ship(
        order, carrier="DHL", tracking_number="1", quantities={1: 1, 2: 1}, actor="ben", now=shop.NOW
    )

    [page] = _pages(browser, reverse("packing_slip", args=[order.number]))

    assert "1 ×" in page
    assert "Ein freier Artikel" not in page


def test_what_a_channel_ships_is_not_on_the_paper_but_said(
    browser: Client, merchant: Merchant, channel: Any
) -> None:
    tea, cup = shop.product(merchant, "TEE-1"), shop.product(merchant, "TASSE", counted=5)
    channel.warehouse[tea.pk] = 31
    lines = (shop.new_line("1", product=tea), shop.new_line("2", product=cup))
    new = [
        shop.new_order("shared", *lines, channel="manual"),
        shop.new_order("theirs", lines[0], channel="manual"),
        shop.new_order("mine", lines[1], channel="manual"),
    ]
    placing.place(merchant.pk, new, now=shop.NOW)

    shared, theirs, mine = _pages(
        browser, reverse("packing_slips") + "?orders=10001&orders=10002&orders=10003"
    )

    assert ("TASSE" in shared, "TEE-1" in shared) == (True, False)
    assert "Die übrigen Artikel dieser Bestellung kommen getrennt: Versand durch Amazon." in shared
    assert "Diese Bestellung versendet Amazon. Hier ist nichts zu packen." in theirs
    assert "TEE-1" not in theirs
    assert "Versand durch" not in mine


def test_a_slip_printed_again_holds_what_the_merchant_sent(
    browser: Client, merchant: Merchant, channel: Any
) -> None:
    tea, cup = shop.product(merchant, "TEE-1"), shop.product(merchant, "TASSE", counted=5)
    channel.warehouse[tea.pk] = 31
    lines = (shop.new_line("1", product=tea), shop.new_line("2", quantity=3, product=cup))
    placing.place(merchant.pk, [shop.new_order("shared", *lines, channel="manual")], now=shop.NOW)
    order = shop.stored(merchant, "shared")
    dispatch.ship(order, carrier="DHL", tracking_number="1", quantities=None, actor="ben", now=shop.NOW)
    parcel = FulfilledParcel("s-1", Tracking("Amazon", "TBA1"), "", shop.NOW, {"1": 1})
    fulfilment.record_parcel(order, parcel, by="amazon", now=shop.NOW)

    [page] = _pages(browser, reverse("packing_slip", args=[order.number]))

    assert "TASSE 3 ×" in page
    assert "TEE-1" not in page


def test_a_slip_printed_again_holds_what_the_merchant_sent_of_a_line(
    browser: Client, merchant: Merchant, channel: Any
) -> None:
    tea = shop.product(merchant, "TEE-1", counted=5)
    line = shop.new_line("1", quantity=3, product=tea)
    placing.place(merchant.pk, [shop.new_order("half", line, channel="manual")], now=shop.NOW)
    order = shop.stored(merchant, "half")
    dispatch.ship(order, carrier="DHL", tracking_number="1", quantities={1: 2}, actor="ben", now=shop.NOW)
    fulfilment.hand_over(order, [1], by="amazon", now=shop.NOW)

    [before] = _pages(browser, reverse("packing_slip", args=[order.number]))
    parcel = FulfilledParcel("s-1", Tracking("Amazon", "TBA1"), "", shop.NOW, {"1": 1})
    fulfilment.record_parcel(order, parcel, by="amazon", now=shop.NOW)
    [after] = _pages(browser, reverse("packing_slip", args=[order.number]))

    assert ("TEE-1 2 ×" in before, "TEE-1 2 ×" in after) == (True, True)
    assert "Hier ist nichts zu packen" not in before + after
    assert "Packzettel drucken" in browser.get(reverse("order", args=[order.number])).content.decode()


def test_the_paper_speaks_the_language_of_the_packer(
    rita: User, signed_in: Callable[..., Client], order: Order
) -> None:
    [page] = _pages(signed_in(rita, "en"), reverse("packing_slip", args=[order.number]))

    assert f"Packing slip for order {order.number}" in page


@pytest.mark.parametrize("text", NASTY)
def test_no_text_breaks_the_paper_or_reaches_the_log(
    browser: Client, merchant: Merchant, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = replace(shop.ERIKA, name=text, company=text, line1=text)
    line = shop.new_line(title=text, gift_text=text, code=text[:40])
    placing.place(
        merchant.pk, [shop.new_order("nasty", line, shipping_address=address, note=text)], now=shop.NOW
    )

    with caplog.at_level(logging.WARNING):
        pages = _pages(browser, reverse("packing_slip", args=[shop.stored(merchant, "nasty").number]))

    assert "20095 Hamburg" in pages[0]
    assert not caplog.records


def test_greek_and_cyrillic_names_stay_readable(browser: Client, merchant: Merchant) -> None:
    address = replace(shop.ERIKA, name="Σωκράτης", company="Анна")
    placing.place(merchant.pk, [shop.new_order("greek", shipping_address=address)], now=shop.NOW)

    [page] = _pages(browser, reverse("packing_slip", args=[shop.stored(merchant, "greek").number]))

    assert "Σωκράτης" in page
    assert "Анна" in page


def test_a_long_order_runs_over_several_sheets_that_can_be_told_apart(
    browser: Client, merchant: Merchant
) -> None:
    lines = [shop.new_line(str(number), title=f"Artikel {number} " + "lang " * 20) for number in range(1, 61)]
    placing.place(merchant.pk, [shop.new_order("long", *lines)], now=shop.NOW)
    order = shop.stored(merchant, "long")

    pages = _pages(browser, reverse("packing_slip", args=[order.number]))

    assert len(pages) > 1
    assert all(f"Bestellung {order.number} · Seite {number}" in page for number, page in enumerate(pages, 1))
    assert all(f"Artikel {number} " in " ".join(pages) for number in range(1, 61))


def test_a_single_text_longer_than_a_sheet_still_prints(browser: Client, merchant: Merchant) -> None:
    line = shop.new_line(gift_text="Grüße " * 2000)
    placing.place(merchant.pk, [shop.new_order("huge", line)], now=shop.NOW)

    pages = _pages(browser, reverse("packing_slip", args=[shop.stored(merchant, "huge").number]))

    assert len(pages) > 1


def test_the_slips_of_many_orders_come_as_one_file(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    placed = many_orders(5)
    query = "&".join(f"orders={order.number}" for order in placed[:3])

    pages = _pages(browser, f"{reverse('packing_slips')}?{query}")

    assert [f"Bestellung {order.number} " in page for order, page in zip(placed, pages, strict=False)] == [
        True
    ] * 3
    assert len(pages) == 3


@pytest.mark.parametrize("query", ["", "?orders=999", "?orders=abc&orders=-1&orders=99999999999999999999999"])
def test_slips_of_orders_that_do_not_exist_are_not_found(browser: Client, query: str) -> None:
    assert browser.get(reverse("packing_slips") + query).status_code == 404


def _pages(browser: Client, url: str) -> list[str]:
    answer = browser.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(answer.content)).pages]
