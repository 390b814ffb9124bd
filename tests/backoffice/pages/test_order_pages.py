"""The order list and the order page: what they show, and that every button does what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from kogge.backoffice import dispatch, orders, placing, stock
from kogge.backoffice.models import Mail, Order, Parcel, Product
from kogge.merchants.models import Merchant, User
from kogge.values import Address
from tests.backoffice import shop
from tests.backoffice.pages.talking_channel import UNKNOWN_CARRIER, WARNING

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(ben: User, signed_in: Callable[..., Client]) -> Client:
    """Ben's."""
    return signed_in(ben)


# --- the list -------------------------------------------------------------------------------------


def test_the_list_shows_what_one_needs_to_work_orders_off(browser: Client, order: Order) -> None:
    shown = _text(browser, reverse("orders"))

    for words in (str(order.number), "Erika Muster", "Amazon.de", "Bezahlt", "Offen", "29,75 €"):
        assert words in shown


def test_the_list_takes_the_same_number_of_queries_for_few_and_many(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    many_orders(3)
    browser.get(reverse("orders"))
    few = _queries(browser, reverse("orders"))

    many_orders(40)
    many = _queries(browser, reverse("orders"))

    assert many == few
    assert few <= 12


def test_the_overview_takes_the_same_number_of_queries_for_few_and_many(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    many_orders(2)
    browser.get("/")
    few = _queries(browser, "/")

    many_orders(20)

    assert _queries(browser, "/") == few


def test_the_order_page_takes_the_same_number_of_queries_for_few_and_many_lines(
    browser: Client, merchant: Merchant
) -> None:
    lines = [shop.new_line(str(number), quantity=5) for number in range(1, 26)]
    placing.place(
        merchant.pk, [shop.new_order("small", lines[0]), shop.new_order("large", *lines)], now=shop.NOW
    )
    small, large = (shop.stored(merchant, name) for name in ("small", "large"))
    for found in (small, large):
        for _parcel in range(2):
            dispatch.ship(
                found, carrier="DHL", tracking_number="1", quantities={1: 1}, actor="ben", now=shop.NOW
            )
    browser.get(_address(small))

    assert _queries(browser, _address(large)) == _queries(browser, _address(small))


def test_tabs_count_and_show_their_orders(browser: Client, many_orders: Callable[[int], list[Order]]) -> None:
    fresh, cancelled, sent, packing = many_orders(4)
    orders.cancel(cancelled, "no_inventory", actor="ben", now=shop.NOW)
    dispatch.ship(sent, carrier="DHL", tracking_number="", quantities=None, actor="ben", now=shop.NOW)
    dispatch.start_packing(packing, actor="ben", now=shop.NOW)

    shown = {tab: _numbers(browser, f"{reverse('orders')}?state={tab}") for tab in _TABS}
    counts = re.findall(
        r'<span class="count[^>]*>(\d+)</span>', browser.get(reverse("orders")).content.decode()
    )

    expected = {
        "": [packing, sent, cancelled, fresh],
        "open": [fresh],
        "in_progress": [packing],
        "to_ship": [fresh, packing],
        "late": [],
        "shipped": [sent],
        "cancelled": [cancelled],
    }
    assert shown == {tab: [found.number for found in those] for tab, those in expected.items()}
    assert counts == [str(len(those)) for those in expected.values()]


_TABS = ("", "open", "in_progress", "to_ship", "late", "shipped", "cancelled")


def test_oversold_orders_are_flagged_counted_and_found(browser: Client, merchant: Merchant) -> None:
    tea = shop.product(merchant, "TEE-1", counted=3)
    page = [shop.new_order(f"305-{n}", shop.new_line(product=tea, quantity=2)) for n in range(3)]
    placing.place(merchant.pk, page, now=shop.NOW)
    enough, half, nothing = (shop.stored(merchant, f"305-{n}") for n in range(3))

    overview, everything = _text(browser, "/"), _text(browser, reverse("orders"))
    flagged = _numbers(browser, f"{reverse('orders')}?oversold=1")
    stock.correct_stock(tea, 3, actor="anna@example.org", now=shop.NOW)

    assert flagged == [nothing.number, half.number]
    assert "2 Bestellungen sind überverkauft" in overview
    assert everything.count("Stück überverkauft") == 2
    assert "überverkauft" not in _text(browser, "/").lower()
    assert "Stück überverkauft" not in _text(browser, _address(enough))


def test_the_order_page_says_how_many_units_are_missing(browser: Client, merchant: Merchant) -> None:
    tea = shop.product(merchant, "TEE-1", counted=1)
    placing.place(
        merchant.pk, [shop.new_order("305-1", shop.new_line(product=tea, quantity=4))], now=shop.NOW
    )

    assert "3 Stück überverkauft" in _text(browser, _address(shop.stored(merchant, "305-1")))


def test_an_order_by_hand_beyond_the_stock_is_refused_with_what_was_typed(
    browser: Client, merchant: Merchant
) -> None:
    shop.product(merchant, "TEE-1", counted=1)
    typed = {**_head(), "rows": 3, "line1-quantity": "2", "line1-code": "TEE-1"}

    answer = browser.post(reverse("order_new"), typed)

    assert answer.status_code == 422
    assert "willst du 2 Stück verkaufen. Verfügbar: 1." in answer.content.decode()
    assert not Order.objects.of(merchant).exists()


def test_late_orders_are_told_apart_from_those_due_today(browser: Client, merchant: Merchant) -> None:
    now = timezone.localtime()
    tonight = now.replace(hour=23, minute=59, second=59, microsecond=0)
    new = [
        shop.new_order("late", ship_by=now - timedelta(days=2, hours=1)),
        shop.new_order("today", ship_by=tonight),
        shop.new_order("later", ship_by=now + timedelta(days=3)),
    ]
    placing.place(merchant.pk, new, now=shop.NOW)

    shown = _text(browser, reverse("orders"))
    late = _numbers(browser, f"{reverse('orders')}?state=late")

    assert "überfällig seit 2 Tagen" in shown
    assert "heute bis 23:59 Uhr" in shown
    assert late == [shop.stored(merchant, "late").number]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=Anneliese", True),
        ("q=305-0000009-0000001", True),
        ("q=SKU-FREI", True),
        ("q=Niemand", False),
        ("channel=amazon", True),
        ("channel=manual", False),
        ("since=2026-11-23&until=2026-11-23", True),
        ("since=2026-11-24", False),
        ("until=2026-11-22", False),
        ("since=kaputt&until=2026-99-99", True),
        ("page=999&state=gibtsnicht", True),
    ],
)
def test_the_list_filters_and_searches(browser: Client, merchant: Merchant, query: str, found: bool) -> None:
    new = shop.new_order("305-0000009-0000001", buyer_name="Anneliese Berg", shipping_address=Address())
    placing.place(merchant.pk, [new], now=shop.NOW)

    numbers = _numbers(browser, f"{reverse('orders')}?{query}")

    assert bool(numbers) is found


def test_the_pages_of_the_list_keep_the_filter(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    placed = many_orders(60)

    first = browser.get(reverse("orders") + "?channel=amazon").content.decode()
    second = _numbers(browser, reverse("orders") + "?channel=amazon&page=2")

    assert "?channel=amazon&amp;page=2" in first
    assert second == [found.number for found in reversed(placed[:10])]


def test_an_open_list_hears_of_new_orders(
    browser: Client, order: Order, many_orders: Callable[[int], list[Order]]
) -> None:
    polled = re.search(r'hx-get="([^"]*neue/[^"]*)"', browser.get(reverse("orders")).content.decode())
    assert polled

    before = browser.get(polled[1]).content.decode()
    many_orders(3)
    after = browser.get(polled[1]).content.decode()

    assert "neue Bestellung" not in before
    assert "3 neue Bestellungen" in after
    assert polled[1] in after  # and asks on


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40])
def test_asking_for_new_orders_with_nonsense_breaks_nothing(
    browser: Client, order: Order, after: str
) -> None:
    assert browser.get(f"{reverse('orders_fresh')}?after={after}").status_code == 200


@pytest.mark.parametrize("number", ["0", "9" * 30])
def test_order_numbers_beyond_all_bounds_are_not_found(browser: Client, order: Order, number: str) -> None:
    assert browser.get(f"/bestellungen/{number}/").status_code == 404


def test_an_empty_list_draws_itself_when_the_first_order_comes(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    polled = re.search(r'hx-get="([^"]*neue/[^"]*)"', browser.get(reverse("orders")).content.decode())
    assert polled
    many_orders(1)

    answer = browser.get(polled[1].replace("&amp;", "&"))

    assert answer["HX-Refresh"] == "true"


def test_ticked_orders_are_packed_together_and_the_filter_stays(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    placed = many_orders(3)
    orders.cancel(placed[2], "other", actor="ben", now=shop.NOW)

    answer = browser.post(
        reverse("orders_bulk"),
        {"do": "pack", "orders": [found.number for found in placed], "query": "state=open"},
        follow=True,
    )

    assert answer.redirect_chain == [(reverse("orders") + "?state=open", 302)]
    assert [shop.state(found)[2] for found in placed] == ["packing", "packing", "cancelled"]
    assert "2 Bestellungen werden gepackt." in answer.content.decode()
    assert f"Bei Bestellung {placed[2].number} ist nichts zu packen." in answer.content.decode()


def test_ticked_orders_are_shipped_together_and_what_fails_keeps_what_was_typed(
    browser: Client, many_orders: Callable[[int], list[Order]]
) -> None:
    good, without_carrier, cancelled = many_orders(3)
    orders.cancel(cancelled, "other", actor="ben", now=shop.NOW)
    numbers = [found.number for found in (good, without_carrier, cancelled)]
    chosen = browser.post(reverse("orders_bulk"), {"do": "ship", "orders": numbers})
    typed = {
        f"{good.number}-carrier": "DHL",
        f"{good.number}-tracking_number": "00340001",
        f"{without_carrier.number}-carrier": "",
        f"{without_carrier.number}-tracking_number": "ABC-77",
        f"{cancelled.number}-carrier": "GLS",
    }

    answer = browser.post(chosen["Location"], {"orders": numbers, **typed})

    shown = answer.content.decode()
    assert answer.status_code == 422
    assert [shop.state(found)[2] for found in (good, without_carrier)] == ["shipped", "open"]
    assert Parcel.objects.everyone().get().tracking_number == "00340001"
    assert 'value="ABC-77"' in shown
    assert f"Bestellung {cancelled.number} ist storniert und wird nicht versendet." in shown
    assert f'value="{good.number}"' not in shown


def test_nothing_ticked_is_said(browser: Client) -> None:
    answer = browser.post(reverse("orders_bulk"), {"do": "pack"}, follow=True)

    assert "Wähle zuerst Bestellungen aus." in answer.content.decode()


# --- the order page -------------------------------------------------------------------------------


def test_the_order_page_shows_all_there_is_to_know(browser: Client, order: Order) -> None:
    shown = _text(browser, _address(order))

    for words in (
        "Tee TEE-1",
        "Artikelnummer TEE-1",
        "ASIN B00TEE0001",
        "Alles Gute!",
        "Versand 4,95 €",
        "Gesamt 29,75 €",
        "Erika Muster",
        "Beispielweg 7",
        "20095 Hamburg Deutschland",
        "x1y2z3@marketplace.amazon.de",
        "Kanal: 305-0000001-0000001",
        "Amazon weiß Bescheid.",
        "Die Bestellung ist eingegangen.",
        "23.11.2026, 10:12 Uhr",
    ):
        assert words in shown


def test_the_order_page_in_english(ben: User, signed_in: Callable[..., Client], order: Order) -> None:
    shown = _text(signed_in(ben, "en"), _address(order))

    for words in (
        "Item number TEE-1",
        "€29.75",
        "23 Nov 2026, 10:12",
        "The order came in.",
        "Paid",
        "Hamburg Germany",
    ):
        assert words in shown


def test_the_life_of_an_order_can_be_clicked_through(
    browser: Client, merchant: Merchant, order: Order
) -> None:
    tea = Product.objects.of(merchant).get()

    packed = _act(browser, order, "pack")
    reset = _act(browser, order, "reset-packing")
    _act(browser, order, "pack")
    part = _act(browser, order, "ship", carrier="DHL", tracking_number="0034-1", units_1=1, units_2=0)
    middle = shop.state(order)
    rest = _act(browser, order, "ship", carrier="DHL", tracking_number="", units_1=1, units_2=1)
    fixed = _act(browser, order, "tracking", parcel=2, carrier="GLS", tracking_number="G-2")
    back = _act(browser, order, "return", units_1=1, units_2="", restock="on")

    assert "wird gepackt" in packed
    assert "Der Packstatus von Bestellung" in reset
    assert "Sendung 1 mit DHL versendet, Trackingnummer 0034-1." in part
    assert middle == ("in_progress", "paid", "partially_shipped")
    assert "Sendung 2 mit DHL versendet, ohne Trackingnummer." in rest
    assert "Trackingdaten von Sendung 2 korrigiert: GLS G-2." in fixed
    assert "Retoure erfasst: 1 Stück. Wieder eingelagert." in back
    assert shop.state(order) == ("closed", "paid", "shipped")
    assert shop.in_stock(tea) == (9, 0)
    assert Mail.objects.of(merchant).count() == 2


def test_what_was_typed_survives_a_refusal(browser: Client, order: Order, channel: Any) -> None:
    _act(browser, order, "pack")
    channel.refuses = "Amazon sagt nein."

    answer = browser.post(
        _address(order, "ship"), {"carrier": "Hermes", "tracking_number": "H-99", "units_1": 1, "units_2": 0}
    )

    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "Amazon sagt nein." in shown
    assert 'value="Hermes"' in shown
    assert 'value="H-99"' in shown
    assert not Parcel.objects.everyone().exists()


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"carrier": "", "units_1": 1}, "Dieses Feld ist zwingend erforderlich."),
        ({"carrier": "DHL", "units_1": 3}, "kleiner oder gleich 2"),
        ({"carrier": "DHL", "units_1": -1}, "größer oder gleich 0"),
        ({"carrier": "DHL", "units_1": 0, "units_2": 0}, "In dieser Sendung ist nichts enthalten."),
        ({"carrier": "X" * 81, "units_1": 1}, "höchstens 80 Zeichen"),
    ],
)
def test_a_parcel_that_cannot_be_is_refused_in_words(
    browser: Client, order: Order, typed: dict[str, Any], complaint: str
) -> None:
    answer = browser.post(_address(order, "ship"), typed)

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert shop.state(order)[2] == "open"


def test_a_carrier_the_channel_does_not_know_is_warned_about(browser: Client, order: Order) -> None:
    shown = _act(browser, order, "ship", carrier="Bollerwagen", tracking_number="1", units_1=2, units_2=1)

    assert UNKNOWN_CARRIER in shown
    assert shop.state(order)[2] == "shipped"


def test_cancelling_names_its_consequence_and_needs_a_reason(browser: Client, order: Order) -> None:
    page = browser.get(_address(order, "cancel")).content.decode()
    without_reason = browser.post(_address(order, "cancel"), {"reason": ""})
    before = shop.state(order)[0]
    done = _act(browser, order, "cancel", reason="no_inventory")

    assert WARNING in page
    assert (without_reason.status_code, before) == (422, "open")
    assert "Wähle einen Grund." in without_reason.content.decode()
    assert "Storniert. Grund: Nicht auf Lager." in done
    assert shop.state(order)[0] == "cancelled"


def test_a_shipped_order_cannot_be_cancelled(browser: Client, order: Order) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="1", quantities={1: 1}, actor="ben", now=shop.NOW)

    page = browser.get(_address(order)).content.decode()
    answer = browser.post(_address(order, "cancel"), {"reason": "other"})

    assert _address(order, "cancel") not in page
    assert answer.status_code == 422
    assert "lässt sich nicht mehr stornieren" in answer.content.decode()
    assert shop.state(order)[0] == "in_progress"


def test_a_free_line_can_be_given_its_product(browser: Client, merchant: Merchant, order: Order) -> None:
    cup = shop.product(merchant, "TASSE", counted=5)

    unknown = _act(browser, order, "assign", position=2, code="GIBTSNICHT")
    known = _act(browser, order, "assign", position=2, code="TASSE")

    assert "Ein Produkt mit der Artikelnummer GIBTSNICHT gibt es nicht." in unknown
    assert "Position 2: Produkt TASSE zugeordnet." in known
    assert shop.in_stock(cup) == (4, 0)


def test_an_act_that_comes_too_late_is_answered_with_a_sentence(browser: Client, order: Order) -> None:
    shown = _act(browser, order, "reset-packing")

    assert f"Bestellung {order.number} wird gerade nicht gepackt." in shown


def test_acts_that_do_not_exist_are_not_found(browser: Client, order: Order) -> None:
    assert browser.post(_address(order, "verschenken")).status_code == 404


def test_the_page_asks_again_only_while_something_is_on_its_way(
    browser: Client, merchant: Merchant, order: Order
) -> None:
    quiet = browser.get(_address(order)).content.decode()
    dispatch.ship(order, carrier="DHL", tracking_number="1", quantities=None, actor="ben", now=timezone.now())
    lively = browser.get(_address(order)).content.decode()
    part = browser.get(reverse("order_live", args=[order.number])).content.decode()

    assert "hx-trigger" not in quiet.split('id="order-timeline"')[1]
    assert f'hx-get="{reverse("order_live", args=[order.number])}"' in lively
    assert part.count("hx-swap-oob") == 4
    assert "<html" not in part


def test_an_order_whose_cancellation_was_refused_says_that_it_stands_again(
    browser: Client, order: Order
) -> None:
    orders.cancel(order, "no_inventory", actor="anna@example.org", now=shop.NOW)
    orders.reinstate(order, actor="amazon", now=shop.NOW)

    shown = _text(browser, _address(order))

    assert "Der Verkaufskanal hat die Stornierung nicht ausgeführt: Die Bestellung gilt wieder." in shown


def test_a_forgotten_buyer_is_said_to_be_forgotten(browser: Client, merchant: Merchant, order: Order) -> None:
    from kogge.backoffice.people import forget_people

    forget_people(merchant.pk, [order.pk], actor="Kogge", now=shop.NOW)

    shown = _text(browser, _address(order))

    assert "Die Daten des Käufers wurden am 23.11.2026 gelöscht." in shown
    assert "Erika" not in shown


def test_people_that_cannot_be_opened_do_not_break_the_pages(browser: Client, order: Order) -> None:
    Order.objects.everyone().update(sealed_people=b"\x01nonsense")

    assert browser.get(_address(order)).status_code == 200
    assert browser.get(reverse("orders")).status_code == 200


def test_nasty_words_are_shown_as_words(browser: Client, merchant: Merchant) -> None:
    nasty = "<script>alert('x')</script> & \"Co\" \u202e\u0000 %(count)s {0} {{ x }}"
    new = shop.new_order(
        "nasty", shop.new_line(title=nasty, gift_text=nasty), buyer_name=nasty, origin=nasty[:60]
    )
    placing.place(merchant.pk, [new], now=shop.NOW)

    page = browser.get(_address(shop.stored(merchant, "nasty"))).content.decode()
    rows = browser.get(reverse("orders")).content.decode()

    assert "<script>alert" not in page + rows
    assert "&lt;script&gt;alert" in page
    assert "{{ x }}" in page


# --- an order by hand -----------------------------------------------------------------------------


def test_an_order_is_entered_by_hand_and_paid_later(browser: Client, merchant: Merchant) -> None:
    tea = shop.product(merchant, "TEE-1", counted=10, price="9.90")

    answer = browser.post(
        reverse("order_new"),
        {
            **_head(),
            "rows": 3,
            "line1-quantity": 2,
            "line1-code": "TEE-1",
            "line2-title": "Geschenkkarte",
            "line2-unit_price": "1.025,50",
            "shipping": "4,95",
        },
        follow=True,
    )
    [order] = Order.objects.of(merchant)
    paid = _act(browser, order, "paid")

    assert answer.redirect_chain == [(_address(order), 302)]
    assert order.total == Decimal("1050.25")
    assert "Als bezahlt gekennzeichnet." in paid
    assert shop.state(order)[1] == "paid"
    assert shop.in_stock(tea) == (8, 0)


def test_more_rows_keep_what_was_typed(browser: Client) -> None:
    answer = browser.post(reverse("order_new"), {**_head(), "rows": 3, "line1-title": "Kandis", "more": 1})

    shown = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="Kandis"' in shown
    assert 'value="Hinnerk Holm"' in shown
    assert 'name="line8-code"' in shown


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({}, "Eine Bestellung braucht mindestens eine Position."),
        ({"line1-code": "WEG"}, "Ein Produkt mit der Artikelnummer WEG gibt es nicht."),
        ({"line1-title": "Karte"}, "Position 1: Gib einen Preis an."),
        ({"line1-title": "Karte", "line1-unit_price": "viel"}, "Bitte eine Zahl eingeben."),
        ({"line1-title": "Karte", "line1-unit_price": "5", "email": "keine"}, "E-Mail-Adresse"),
        ({"buyer_name": ""}, "Dieses Feld ist zwingend erforderlich."),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_words(
    browser: Client, merchant: Merchant, typed: dict[str, Any], complaint: str
) -> None:
    answer = browser.post(reverse("order_new"), {**_head(), "rows": 3, **typed})

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert not Order.objects.of(merchant).exists()


def _head() -> dict[str, Any]:
    return {
        "buyer_name": "Hinnerk Holm",
        "line1": "Deichweg 1",
        "postal_code": "25899",
        "city": "Niebüll",
        "country": "de",
        "locale": "de",
    }


def _act(browser: Client, order: Order, act: str, **typed: Any) -> str:
    """Press a button of the order page; the page that follows."""
    answer = browser.post(_address(order, act), typed, follow=True)
    assert answer.status_code == 200, answer.content.decode()
    return _words(answer.content.decode())


def _address(order: Order, act: str = "") -> str:
    return reverse("order_act", args=[order.number, act]) if act else reverse("order", args=[order.number])


def _text(browser: Client, url: str) -> str:
    return _words(browser.get(url).content.decode())


def _words(page: str) -> str:
    """What a person reads on a page: no tags, single blanks."""
    text = re.sub(r"<[^>]+>", " ", page).replace("&nbsp;", " ").replace("\u00a0", " ")
    return " ".join(text.split()).replace(" .", ".")


def _numbers(browser: Client, url: str) -> list[int]:
    """The order numbers of a list, from top to bottom."""
    return [
        int(found) for found in re.findall(r'name="orders" value="(\d+)"', browser.get(url).content.decode())
    ]


def _queries(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)
