"""Own orders that a channel ships out of its own warehouse: on every page of the shop they appear on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kogge.backoffice import fulfilment, orders
from kogge.backoffice.by_hand import ManualLine, ManualOrder
from kogge.backoffice.models import Order, Parcel, Product
from kogge.backoffice.people import read_people
from kogge.backoffice.templatetags.shop_tags import tracking_page
from kogge.merchants.models import Merchant, User
from kogge.shops.port import FulfilledParcel
from kogge.values import Address, Tracking
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

Browse = Callable[..., Client]
HAS_IT = "Amazon hat die Bestellung schon. Storniere zuerst den Auftrag bei Amazon."


@pytest.fixture
def browser(ben: User, signed_in: Browse) -> Client:
    """Ben's."""
    return signed_in(ben)


@pytest.fixture
def tea(merchant: Merchant, channel: Any) -> Product:
    """A tea of which 31 lie in the channel's warehouse and none in the shop's."""
    made = shop.product(merchant, "MATE-1")
    channel.warehouse[made.pk] = 31
    return made


@pytest.fixture
def theirs(merchant: Merchant, tea: Product) -> Order:
    """A paid order of two teas that the channel ships."""
    return _by_hand(merchant, ManualLine(2, tea.code))


@pytest.fixture
def shared(merchant: Merchant, tea: Product) -> Order:
    """A paid order: the channel ships position 1, the merchant position 2."""
    cup = shop.product(merchant, "TASSE", counted=5)
    return _by_hand(merchant, ManualLine(2, tea.code), ManualLine(3, cup.code))


# --- the order page -------------------------------------------------------------------------------


def test_what_a_channel_ships_asks_nothing_of_the_merchant(browser: Client, theirs: Order) -> None:
    page = browser.get(_url(theirs)).content.decode()

    shown = _words(page)
    assert "Diese Bestellung versendet Amazon. Du musst nichts packen" in shown
    assert shown.count("Versand durch Amazon") == 2  # the order's badge and the line's
    assert f"Versandauftrag zu {theirs.number}" in shown
    assert "Amazon weiß Bescheid." in shown
    assert "Gepackt" not in shown
    for button in ("Sendung packen", "Als versendet kennzeichnen", "Doch selbst versenden"):
        assert button not in shown


def test_an_unpaid_one_waits_for_the_money_and_can_be_taken_back(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    order = _by_hand(merchant, ManualLine(2, tea.code), paid=False)

    waiting = _text(browser, _url(order))
    back = _act(browser, order, "ship-self")

    assert "Diese Bestellung versendet Amazon, sobald sie bezahlt ist." in waiting
    assert f"Bestellung {order.number} versendest du jetzt selbst." in back
    assert "Position 1 versendest du wieder selbst." in back
    assert "Versand durch Amazon" not in back
    assert "2 Stück überverkauft" in back
    assert "Sendung packen" in back


def test_what_the_channel_has_cannot_be_taken_back_by_a_click(
    browser: Client, channel: Any, theirs: Order
) -> None:
    channel.keeps = HAS_IT

    refused = _act(browser, theirs, "ship-self")

    assert HAS_IT in refused
    assert [line.fulfilled_by for line in theirs.lines.all()] == ["amazon"]


def test_of_a_shared_order_the_merchant_sends_the_own_lines_only(
    browser: Client, merchant: Merchant, shared: Order
) -> None:
    before = _text(browser, _url(shared))
    _act(browser, shared, "pack")
    form = browser.get(_url(shared)).content.decode()
    _act(browser, shared, "ship", carrier="DHL", tracking_number="0034", units_2=3)
    _sent_by_amazon(shared, {"1": 2}, url="https://track.example.org/TBA1")
    page = browser.get(_url(shared)).content.decode()

    shown = _words(page)
    assert (
        "Einen Teil dieser Bestellung versendet Amazon. Du versendest nur die übrigen Positionen." in before
    )
    assert ('name="units_1"' in form, 'name="units_2"' in form) == (False, True)
    assert "Sendung 1 mit DHL Versand durch dich 3 × Tee TASSE" in shown
    assert "Sendung 2 mit Amazon Versand durch Amazon 2 × Tee MATE-1" in shown
    assert 'href="https://track.example.org/TBA1"' in page
    assert page.count("Trackingdaten korrigieren") == 1
    assert shop.state(shared) == ("closed", "paid", "shipped")


def test_a_parcel_without_a_carrier_is_told_without_one(browser: Client, theirs: Order) -> None:
    parcel = FulfilledParcel("s1", Tracking("", ""), "", shop.NOW, {"1": 2})
    fulfilment.record_parcel(theirs, parcel, by="amazon", now=shop.NOW)

    shown = _text(browser, _url(theirs))

    assert "Sendung 1 versendet, noch ohne Trackingnummer." in shown
    assert "Sendung 1 Versand durch Amazon 2 × Tee MATE-1 ohne Trackingnummer" in shown


def test_what_the_channel_sent_first_is_not_yet_packed_by_the_merchant(
    browser: Client, shared: Order
) -> None:
    _sent_by_amazon(shared, {"1": 2})

    page = browser.get(_url(shared)).content.decode()

    assert '<li class="now" aria-current="step">Gepackt' in page
    assert "Packzettel drucken" in page
    assert "Einen Teil dieser Bestellung versendet" not in page


def test_what_the_channel_sent_does_not_go_into_the_own_stock_by_itself(
    browser: Client, theirs: Order
) -> None:
    _sent_by_amazon(theirs, {"1": 2})

    page = browser.get(reverse("order_act", args=[theirs.number, "return"])).content.decode()
    back = _act(browser, theirs, "return", units_1=1)

    assert "Was Amazon versendet hat, geht meist dorthin zurück" in page
    assert "checked" not in page
    assert "Retoure erfasst: 1 Stück. Nicht wieder eingelagert." in back
    assert "Packzettel drucken" not in back


def test_only_addresses_of_the_web_become_links() -> None:
    def page(url: str) -> str:
        return tracking_page(Parcel(carrier="DHL", tracking_number="0034", tracking_url=url))

    assert page("https://track.example.org/1") == "https://track.example.org/1"
    assert page("javascript:alert(1)").startswith("https://www.dhl.de/")
    assert page("").startswith("https://www.dhl.de/")


def test_the_timeline_says_who_ships_and_what_changed(browser: Client, shared: Order) -> None:
    fulfilment.take_back(shared, [1], by="amazon", now=shop.NOW)
    fulfilment.hand_over(shared, [1, 2], by="amazon", now=shop.NOW)
    fulfilment.take_back(shared, [1, 2], by="amazon", now=shop.NOW)
    orders.change_order(
        shared,
        address=replace(shop.ERIKA, city="Bremen"),
        shipping_method="Express",
        quantities={2: 1},
        actor="ben",
        now=shop.NOW,
    )

    shown = _text(browser, _url(shared))

    for sentence in (
        "Position 1 versendest du wieder selbst.",
        "Amazon versendet die Positionen 1, 2.",
        "Die Positionen 1, 2 versendest du wieder selbst.",
        "Die Lieferadresse wurde geändert. Die Versandart wurde geändert. Position 2 hat jetzt 1 Stück.",
    ):
        assert sentence in shown


def test_units_beyond_those_that_were_open_are_told(browser: Client, theirs: Order) -> None:
    _sent_by_amazon(theirs, {"1": 5})

    assert "Von Position 1 sind 3 Stück mehr darin, als offen waren." in _text(browser, _url(theirs))


def test_a_busy_channel_keeps_the_page_warm(browser: Client, channel: Any, theirs: Order) -> None:
    rest = browser.get(_url(theirs)).content.decode()
    channel.busy = True
    warm = browser.get(_url(theirs)).content.decode()

    live = reverse("order_live", args=[theirs.number])
    assert live not in rest
    assert f'hx-get="{live}?parcels=1"' in warm


def test_lines_and_parcels_are_drawn_anew_where_nothing_can_be_typed(
    browser: Client, channel: Any, theirs: Order, shared: Order
) -> None:
    channel.busy = True
    _sent_by_amazon(theirs, {"1": 2})
    live = browser.get(reverse("order_live", args=[theirs.number]) + "?parcels=1").content.decode()
    typing = browser.get(_url(shared)).content.decode()
    plain = browser.get(reverse("order_live", args=[shared.number])).content.decode()

    for part in ("bestellabwicklung", "order-actions", "order-lines", "order-panel", "order-states"):
        assert re.search(rf'id="{part}"[^>]* hx-swap-oob="true"', live), part
    assert "Sendung 1 mit Amazon" in _words(live)
    assert "?parcels=1" not in typing
    assert 'id="bestellabwicklung"' not in plain
    assert re.search(r'id="order-lines"[^>]* hx-swap-oob="true"', plain), "nothing is typed into lines"


def test_lines_that_ask_for_a_product_are_left_alone(browser: Client, merchant: Merchant) -> None:
    engraved = _by_hand(merchant, ManualLine(1, title="Gravur", unit_price=Decimal("4.50")))

    live = browser.get(reverse("order_live", args=[engraved.number])).content.decode()

    assert 'id="order-lines"' not in live


def test_the_acts_above_the_page_follow_what_can_be_done(browser: Client, theirs: Order) -> None:
    live = reverse("order_live", args=[theirs.number])
    before = browser.get(live).content.decode()
    _sent_by_amazon(theirs, {"1": 2})
    after = browser.get(live).content.decode()

    acts = ("act-edit", "act-slip", "act-cancel", "act-return")
    assert [act for act in acts if f'id="{act}"' in before] == ["act-edit", "act-cancel"]
    assert [act for act in acts if f'id="{act}"' in after] == ["act-return"]


def test_the_order_page_takes_the_same_number_of_queries_for_few_and_many_of_a_channels_lines(
    browser: Client, merchant: Merchant, channel: Any
) -> None:
    made = [shop.product(merchant, f"TEE-{number}") for number in range(20)]
    channel.warehouse |= {tea.pk: 31 for tea in made}
    few = _by_hand(merchant, ManualLine(1, "TEE-0"))
    many = _by_hand(merchant, *(ManualLine(1, tea.code) for tea in made))
    browser.get(_url(few))

    assert _queries(browser, _url(few)) == _queries(browser, _url(many))


# --- editing --------------------------------------------------------------------------------------


def test_an_order_is_changed(browser: Client, shared: Order) -> None:
    form = browser.get(_edit(shared)).content.decode()
    answer = browser.post(
        _edit(shared),
        {**_address(), "units_1": "", "units_2": 1, "shipping_method": "Nachtexpress"},
        follow=True,
    )

    shown = _words(answer.content.decode())
    shared.refresh_from_db()
    assert 'value="Erika Muster"' in form
    assert "Diese Bestellung soll Amazon versenden." in form
    assert "Hat Amazon sie schon, storniere dort zuerst den Auftrag." in form
    assert answer.redirect_chain == [(_url(shared), 302)]
    assert f"Bestellung {shared.number} ist geändert." in shown
    assert "Die Übergabe an Amazon ist angehalten" not in shown
    assert read_people(shared).shipping.city == "Bremen"
    assert read_people(shared).shipping.line3 == "Hinterhaus"
    assert shared.service_level == "Nachtexpress"
    assert [line.quantity - line.cancelled for line in shared.lines.all()] == [2, 1]
    assert 'value="Nachtexpress"' in browser.get(_edit(shared)).content.decode()


def test_a_change_that_stopped_a_handover_says_so(browser: Client, channel: Any, theirs: Order) -> None:
    channel.holds = True

    answer = browser.post(_edit(theirs), {**_address(), "units_1": 2}, follow=True)

    shown = _words(answer.content.decode())
    assert "Die Übergabe an Amazon ist angehalten." in shown
    assert "Sendung packen" in shown


def test_what_the_channel_has_is_not_changed_and_what_was_typed_stays(
    browser: Client, channel: Any, theirs: Order
) -> None:
    channel.keeps = HAS_IT

    answer = browser.post(_edit(theirs), {**_address(), "units_1": 1})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert HAS_IT in page
    assert 'value="Bremen"' in page
    assert read_people(theirs).shipping.city == "Hamburg"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"units_1": 0}, "bliebe nichts übrig"),
        ({"units_1": 3}, "kleiner oder gleich 2"),
        ({"city": ""}, "Dieses Feld ist zwingend erforderlich."),
        ({"shipping_method": "x" * 41}, "höchstens 40 Zeichen"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_words(
    browser: Client, theirs: Order, typed: dict[str, Any], complaint: str
) -> None:
    answer = browser.post(_edit(theirs), {**_address(), **typed})

    assert answer.status_code == 422
    assert complaint in _words(answer.content.decode())


def test_saving_without_a_change_says_that_nothing_changed(
    browser: Client, channel: Any, theirs: Order
) -> None:
    known = replace(shop.ERIKA, line1="Beispielweg 7 ")
    orders.change_order(theirs, address=known, actor="ben", now=shop.NOW)
    channel.keeps = HAS_IT
    same = {**_address(), "line1": "Beispielweg 7", "line3": "", "postal_code": "20095", "city": "Hamburg"}

    answer = browser.post(_edit(theirs), {**same, "units_1": 2}, follow=True)

    assert "Es war nichts zu ändern." in answer.content.decode()


def test_what_never_was_known_need_not_be_filled_in(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    new = ManualOrder((ManualLine(2, tea.code),), address=Address(city="Hamburg"))
    bare = orders.create_by_hand(merchant, new, actor="ben", now=shop.NOW)

    browser.post(_edit(bare), {"city": "Hamburg", "shipping_method": "Express", "units_1": 1})
    emptied = browser.post(_edit(bare), {"city": "", "shipping_method": "Express", "units_1": 1})

    bare.refresh_from_db()
    assert (bare.service_level, bare.lines.get().cancelled) == ("Express", 1)
    assert read_people(bare).shipping == Address(city="Hamburg")
    assert (emptied.status_code, "zwingend erforderlich" in emptied.content.decode()) == (422, True)


@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "lost key"])
def test_without_an_address_the_rest_of_an_order_is_changed(
    browser: Client, theirs: Order, forgotten: bool
) -> None:
    lost = {"sealed_people": None, "people_forgotten_at": shop.NOW} if forgotten else {"sealed_people": b"?"}
    Order.objects.everyone().filter(pk=theirs.pk).update(**lost)

    form = browser.get(_edit(theirs)).content.decode()
    browser.post(_edit(theirs), {"units_1": 1})
    moved = browser.post(_edit(theirs), {**_address(), "units_1": 1})

    assert ("Lieferadresse" in form) != forgotten
    assert theirs.lines.get().cancelled == 1
    assert moved.status_code == 422
    assert ("ist gelöscht" if forgotten else "lässt sich nicht öffnen") in moved.content.decode()


def test_orders_of_a_channel_and_sent_ones_are_not_edited(
    browser: Client, order: Order, theirs: Order
) -> None:
    _sent_by_amazon(theirs, {"1": 2})

    for each, sentence in ((order, "lässt sich hier nicht ändern"), (theirs, "schon vollständig versendet")):
        answer = browser.get(_edit(each), follow=True)
        page = answer.content.decode()

        assert answer.redirect_chain == [(_url(each), 302)]
        assert sentence in page
        assert _edit(each) not in page


def test_the_page_to_cancel_says_what_becomes_of_the_handover(
    browser: Client, channel: Any, theirs: Order
) -> None:
    url = reverse("order_act", args=[theirs.number, "cancel"])
    asked = _text(browser, url)
    channel.keeps = HAS_IT
    refused = browser.post(url, {"reason": "other"})

    assert "Diese Bestellung soll Amazon versenden. Hat Amazon sie noch nicht, wird sie angehalten." in asked
    assert refused.status_code == 422
    assert HAS_IT in refused.content.decode()


# --- the list, the overview, many at once -----------------------------------------------------------


def test_the_list_tells_who_ships_and_counts_only_the_merchants_work(
    browser: Client, theirs: Order, shared: Order
) -> None:
    every = _text(browser, reverse("orders"))
    to_ship = _text(browser, reverse("orders") + "?state=to_ship")
    by_amazon = browser.get(reverse("orders") + "?state=fulfiller").content.decode()
    overview = _text(browser, reverse("overview"))

    assert "Zu versenden 1 Überfällig 0 Durch Amazon 1 " in every
    assert every.count("Versand durch Amazon") == 1
    assert str(theirs.number) not in to_ship.partition("Summe")[2]
    assert re.findall(r'name="orders" value="(\d+)"', by_amazon) == [str(theirs.number)]
    assert "Zu versenden 1 " in overview


def test_who_has_no_such_orders_is_shown_no_tab_for_them(browser: Client, order: Order) -> None:
    assert "Durch Amazon" not in _text(browser, reverse("orders"))
    assert "Durch Amazon 0" in _text(browser, reverse("orders") + "?state=fulfiller")


def test_the_list_takes_the_same_number_of_queries_for_few_and_many(
    browser: Client, merchant: Merchant, theirs: Order
) -> None:
    browser.get(reverse("orders"))
    few = _queries(browser, reverse("orders"))
    for _number in range(12):
        _by_hand(merchant, ManualLine(1, "MATE-1"))

    assert _queries(browser, reverse("orders")) == few


def test_acts_on_many_leave_out_what_a_channel_ships(browser: Client, theirs: Order, shared: Order) -> None:
    chosen = [theirs.number, shared.number]

    packed = browser.post(reverse("orders_bulk"), {"do": "pack", "orders": chosen}, follow=True)
    printed = browser.post(reverse("orders_bulk"), {"do": "print", "orders": chosen})
    sending = _words(browser.get(reverse("orders_ship"), {"orders": chosen}).content.decode())
    none = browser.post(reverse("orders_bulk"), {"do": "print", "orders": [theirs.number]}, follow=True)

    told = f"Bestellung {theirs.number} versendet Amazon. Für dich ist daran nichts zu tun."
    assert told in packed.content.decode()
    assert "1 Bestellung wird gepackt." in packed.content.decode()
    assert (shop.state(theirs)[2], shop.state(shared)[2]) == ("open", "packing")
    assert printed["Location"].endswith(f"?orders={shared.number}")
    assert told in sending
    assert f"{theirs.number} Erika" not in sending
    assert none.redirect_chain == [(reverse("orders"), 302)]
    assert told in none.content.decode()


def test_a_page_to_send_many_with_nothing_left_leads_back(browser: Client, theirs: Order) -> None:
    answer = browser.get(reverse("orders_ship"), {"orders": [theirs.number]}, follow=True)

    assert answer.redirect_chain == [(reverse("orders"), 302)]
    assert "versendet Amazon" in answer.content.decode()
    assert "Wähle zuerst" not in answer.content.decode()


# --- entering an order ------------------------------------------------------------------------------


def test_the_shipping_method_is_kept_and_offered_again(
    browser: Client, merchant: Merchant, tea: Product, order: Order
) -> None:
    head = {**_address(), "buyer_name": "Hinnerk Holm", "locale": "de", "rows": 3, "paid": "on"}
    line = {"line1-quantity": 2, "line1-code": tea.code}

    browser.post(reverse("order_new"), {**head, **line, "shipping_method": "Fahrradkurier"})
    page = browser.get(reverse("order_new")).content.decode()

    placed = Order.objects.of(merchant).get(channel="manual")
    assert placed.service_level == "Fahrradkurier"
    assert placed.fulfiller == "amazon"
    for method in ("Standardversand", "Expressversand", "Fahrradkurier"):
        assert f'<option value="{method}">' in page
    assert "Versandart Fahrradkurier" in _text(browser, _url(placed))


def test_products_are_offered_with_what_lies_in_the_channels_warehouse(
    browser: Client, merchant: Merchant, tea: Product
) -> None:
    shop.product(merchant, "TASSE", counted=1)

    shown = _text(browser, reverse("order_new"))

    assert "Tee MATE-1 · Amazon-Lager: 31 Stück frei, Stand vor 20 Minuten" in shown
    assert shown.count("Amazon-Lager") == 1


def test_entering_takes_the_same_number_of_queries_for_few_and_many_products(
    browser: Client, merchant: Merchant, channel: Any, tea: Product
) -> None:
    browser.get(reverse("order_new"))
    few = _queries(browser, reverse("order_new"))
    for number in range(20):
        channel.warehouse[shop.product(merchant, f"SORTE-{number}").pk] = 1

    assert _queries(browser, reverse("order_new")) == few


# --- products ---------------------------------------------------------------------------------------


def test_the_other_stock_stands_beside_the_own_one(browser: Client, tea: Product, channel: Any) -> None:
    page = _text(browser, reverse("product", args=[tea.pk]))
    listed = _text(browser, reverse("products"))
    channel.sells_pool = False
    unsold = _text(browser, reverse("product", args=[tea.pk]))

    assert "Amazon-Lager: 31 Stück frei, Stand vor 20 Minuten Zählt nicht zum Warenbestand." in page
    assert ("Der Shop verkauft auch davon." in page, "Der Shop verkauft davon nichts." in unsold) == (
        True,
        True,
    )
    assert "0 Amazon-Lager: 31 Stück frei, Stand vor 20 Minuten" in listed


def test_the_other_stock_in_english(ben: User, signed_in: Browse, tea: Product) -> None:
    shown = _text(signed_in(ben, "en"), reverse("product", args=[tea.pk]))

    assert "Amazon-Lager: 31 units free, as of 20 minutes ago Not part of your stock." in shown


def test_a_stock_that_was_never_read_is_no_zero(
    browser: Client, tea: Product, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.backoffice.channels import Pool

    monkeypatch.setattr(channel, "pools", lambda *_asked: {tea.pk: Pool("Amazon-Lager", None, None)})

    assert "Amazon-Lager: Stückzahl noch nicht bekannt" in _text(browser, reverse("products"))


def test_the_product_pages_take_the_same_number_of_queries_for_few_and_many(
    browser: Client, merchant: Merchant, channel: Any, tea: Product
) -> None:
    urls = (reverse("products"), reverse("product", args=[tea.pk]))
    for url in urls:
        browser.get(url)
    few = [_queries(browser, url) for url in urls]
    for number in range(15):
        variant = shop.product(merchant, f"SORTE-{number}")
        Product.objects.of(merchant).filter(pk=variant.pk).update(parent=tea)
        channel.warehouse[variant.pk] = number

    assert [_queries(browser, url) for url in urls] == few
    assert "Amazon-Lager: 14 Stück frei" in _text(browser, urls[1])


# --------------------------------------------------------------------------------------------------


def _by_hand(merchant: Merchant, *lines: ManualLine, paid: bool = True) -> Order:
    manual = ManualOrder(lines, buyer_name="Erika Muster", address=shop.ERIKA, paid=paid)
    order = orders.create_by_hand(merchant, manual, actor="ben@example.org", now=shop.NOW)
    order.refresh_from_db()
    return order


def _sent_by_amazon(order: Order, units: dict[str, int], *, url: str = "") -> None:
    parcel = FulfilledParcel("shipment-1", Tracking("Amazon", "TBA1"), url, shop.NOW, units)
    fulfilment.record_parcel(order, parcel, by="amazon", now=shop.NOW)
    order.refresh_from_db()


def _address() -> dict[str, Any]:
    return {
        "name": "Erika Muster",
        "line1": "Weserweg 2",
        "line3": "Hinterhaus",
        "postal_code": "28195",
        "city": "Bremen",
        "country": "de",
    }


def _act(browser: Client, order: Order, act: str, **typed: Any) -> str:
    """Press a button of the order page; the page that follows."""
    answer = browser.post(reverse("order_act", args=[order.number, act]), typed, follow=True)
    assert answer.status_code == 200, answer.content.decode()
    return _words(answer.content.decode())


def _url(order: Order) -> str:
    return reverse("order", args=[order.number])


def _edit(order: Order) -> str:
    return reverse("order_edit", args=[order.number])


def _text(browser: Client, url: str) -> str:
    return _words(browser.get(url).content.decode())


def _words(page: str) -> str:
    """What a person reads on a page: no tags, single blanks."""
    text = re.sub(r"<[^>]+>", " ", page).replace("&nbsp;", " ").replace("\u00a0", " ")
    return " ".join(text.split()).replace(" .", ".")


def _queries(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)
