"""Bought in the shop: an ordinary order, placed once, with its mail, out of the stock that is there."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from kogge.backoffice import orders, stock
from kogge.backoffice.mail import read_message
from kogge.backoffice.models import Mail, Order, OrderEvent, Product
from kogge.backoffice.people import read_people
from kogge.backoffice.storefront import buying
from kogge.backoffice.storefront.models import Purchase, Storefront
from kogge.merchants.models import Merchant
from tests.backoffice.shop import ListeningChannel, in_stock, product, state
from tests.backoffice.storefront.visitor import Visitor, words

pytestmark = pytest.mark.django_db


def placed(merchant: Merchant) -> list[Order]:
    return list(Order.objects.of(merchant).order_by("number"))


def vat(product: Product, rate: str) -> Product:
    product.vat_rate = Decimal(rate)
    product.save(update_fields=["vat_rate"])
    return product


def test_a_guest_buys_tea(merchant: Merchant, visitor: Visitor, storefront: Storefront) -> None:
    tea = vat(product(merchant, "TEE-1", counted=10, price="9.90"), "7")
    cup = product(merchant, "TASSE", counted=3, price="12.00")

    assert "Tee TEE-1 liegt jetzt im Warenkorb." in visitor.put(tea, 2)
    visitor.put(cup)
    summary = visitor.check_out()

    # Goods, total, sending and VAT stand right above the button that says what it does.
    told = summary[summary.index("Warenwert") :]
    assert told.startswith(
        "Warenwert 31,80 € Versand (Standardversand) 4,90 € Gesamtbetrag 36,70 € "
        "darin 19 % MwSt. 1,92 € darin 7 % MwSt. 1,62 € Zahlungspflichtig bestellen"
    )
    thanks = visitor.buy()

    [order] = placed(merchant)
    people = read_people(order)
    assert (order.channel, order.external_id, order.payment_method, order.service_level) == (
        "shop",
        "",
        "Vorkasse",
        "Standardversand",
    )
    assert state(order) == ("open", "open", "open")
    assert [(line.code, line.quantity, line.shipping, line.total) for line in order.lines.all()] == [
        ("TEE-1", 2, Decimal("4.90"), Decimal("24.70")),
        ("TASSE", 1, Decimal(0), Decimal("12.00")),
    ]
    assert (order.total, sum(line.tax for line in order.lines.all())) == (Decimal("36.70"), Decimal("3.54"))
    assert (people.buyer_name, people.email, people.shipping.city) == (
        "Erika Muster",
        "erika@example.org",
        "Hamburg",
    )
    assert (in_stock(tea), in_stock(cup), stock.audit(merchant.pk)) == ((8, 0), (2, 0), [])
    assert thanks["Location"] == visitor.url("thanks", order.number)
    assert f"Deine Bestellnummer ist {order.number}." in words(visitor.browser.get(thanks["Location"]))
    assert "Dein Warenkorb ist leer." in visitor.see("cart")
    # Nobody else sees it, and nothing of the buyer stays in the session.
    assert Visitor(merchant).browser.get(thanks["Location"]).status_code == 404
    assert set(visitor.browser.session["storefront"][str(merchant.pk)]) == {"ordered"}
    order.delete()  # as the API can
    assert visitor.browser.get(thanks["Location"]).status_code == 404


@pytest.mark.parametrize(("language", "amount"), [("de", "24,70\xa0€"), ("en", "€24.70")])
def test_the_buyer_gets_a_confirmation_with_all_that_is_needed(
    merchant: Merchant, storefront: Storefront, language: str, amount: str
) -> None:
    visitor = Visitor(merchant, language)
    visitor.put(product(merchant, counted=10), 2)
    visitor.check_out()
    visitor.buy()

    [order], [mail] = placed(merchant), Mail.objects.of(merchant)
    message = read_message(mail)
    assert message
    assert (mail.kind, mail.order, mail.parcel, mail.state) == ("confirmation", order, None, "waiting")
    assert (message.to, order.locale) == ("erika@example.org", language)
    for text in (message.subject, message.text, message.html):
        assert str(order.number) in text
    for said in ("Tee TEE-1", amount, "Beispielweg 7", storefront.bank_account, "19 %", "Standardversand"):
        assert said in message.text, said
        assert said in message.html, said
    for said in (storefront.imprint, storefront.withdrawal, storefront.terms):
        assert said in message.text, said
        assert said in message.html, said
    assert b"erika" not in bytes(mail.sealed_message or b"").lower()


def test_however_often_the_button_is_clicked_it_is_one_order(merchant: Merchant, visitor: Visitor) -> None:
    tea = product(merchant, counted=10)
    visitor.put(tea)
    visitor.check_out()
    button = visitor.button()
    cart_of_the_second_tab = dict(visitor.browser.session["storefront"])

    first = visitor.buy(button)
    again = visitor.buy(button)  # the button goes back, or the page is loaded again
    session = visitor.browser.session  # a double click: the second request still sees the full cart
    session["storefront"] = cart_of_the_second_tab
    session.save()
    at_once = visitor.buy(button)

    assert first["Location"] == again["Location"] == at_once["Location"]
    assert (len(placed(merchant)), Purchase.objects.of(merchant).count(), in_stock(tea)) == (1, 1, (9, 0))
    assert Mail.objects.of(merchant).count() == 1

    stranger = Visitor(merchant)
    assert stranger.buy(button)["Location"] == stranger.url("cart")
    visitor.put(tea)
    visitor.check_out()
    visitor.buy()
    assert [order.number for order in placed(merchant)] == [10001, 10002]


@pytest.mark.parametrize("what", ["price", "cart", "shipping", "sold", "address"])
def test_only_what_was_seen_is_ordered(merchant: Merchant, visitor: Visitor, what: str) -> None:
    tea = product(merchant, counted=10)
    visitor.put(tea, 4)
    visitor.check_out()
    button = visitor.button()

    if what == "price":
        Product.objects.of(merchant).update(price=Decimal("10.90"))
    elif what == "cart":
        visitor.change(**{f"units_{tea.pk}": 5})
    elif what == "shipping":
        merchant.shipping_options.update(price=Decimal("5.90"))
    elif what == "sold":
        stock.correct_stock(tea, 3, actor="anna", now=timezone.now())
    else:
        visitor.check_out(line1="Anderswo 1")
    refused = words(visitor.buy(button), 422)

    assert placed(merchant) == []
    told = {
        "price": "Der Preis von Tee TEE-1 hat sich geändert: 10,90 € statt 9,90 €.",
        "sold": "Von Tee TEE-1 sind nur noch 3 Stück da; so viele sind jetzt im Warenkorb.",
    }.get(what, "Dein Warenkorb hat sich geändert. Bitte prüfe die Bestellung noch einmal.")
    assert told in refused
    visitor.buy()  # seen once more, and agreed
    assert len(placed(merchant)) == 1


def test_the_last_piece_is_sold_to_one_of_two(merchant: Merchant, storefront: Storefront) -> None:
    tea = product(merchant, counted=1)
    both = [Visitor(merchant), Visitor(merchant)]
    for each in both:
        each.put(tea)
        each.check_out()
    buttons = [each.button() for each in both]

    answers = [each.buy(button) for each, button in zip(both, buttons, strict=True)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[1]["Location"] == both[1].url("checkout")  # there is nothing left to order
    assert "Tee TEE-1 ist ausverkauft und nicht mehr im Warenkorb." in both[1].see("cart")
    assert (len(placed(merchant)), in_stock(tea)) == (1, (0, 0))


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment(merchant: Merchant, visitor: Visitor) -> None:
    tea = product(merchant, counted=5)
    visitor.put(tea)
    visitor.check_out()
    button = visitor.button()
    cookies = visitor.browser.cookies.output(header="", sep=";")
    answers: list[Any] = []

    def click() -> None:
        twin = Visitor(merchant)
        twin.browser.cookies.load(cookies)
        answers.append(twin.buy(button).headers.get("Location"))
        connection.close()

    threads = [threading.Thread(target=click) for _click in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [visitor.url("thanks", 10001)] * 4
    assert (len(placed(merchant)), in_stock(tea)) == (1, (4, 0))


def test_what_lies_in_a_channels_warehouse_is_sold_and_left_to_it(
    merchant: Merchant, visitor: Visitor, channel: ListeningChannel
) -> None:
    tea = product(merchant, counted=1)
    channel.warehouse[tea.pk] = 8
    visitor.put(tea, 6)
    visitor.check_out()
    visitor.buy()

    [order] = placed(merchant)
    assert (order.fulfiller, in_stock(tea)) == ("amazon", (1, 0))
    channel.own_woken.clear()
    orders.mark_paid(order, actor="anna", now=timezone.now())
    assert channel.own_woken == [merchant.pk]

    channel.ships_pool = False  # it has them, and will not send them
    visitor.put(tea, 6)
    visitor.check_out()
    assert "Von Tee TEE-1 ist nicht mehr genug da." in words(visitor.buy(), 422)
    channel.sells_pool = False  # the merchant keeps it for the channel
    assert "Von Tee TEE-1 ist nur noch 1 Stück da" in visitor.see("cart")
    assert len(placed(merchant)) == 1


def test_without_agreeing_to_the_terms_nothing_is_ordered(merchant: Merchant, visitor: Visitor) -> None:
    visitor.put(product(merchant, counted=10))
    visitor.check_out()
    button = visitor.button()
    del button["terms"]

    assert "Bitte bestätige, dass du den AGB zustimmst." in words(visitor.buy(button), 422)
    assert placed(merchant) == []


def test_too_many_orders_from_one_place_have_to_wait(
    merchant: Merchant, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buying, "ORDERS_PER_ADDRESS", 1)
    tea = product(merchant, counted=10)
    for _order in range(2):
        visitor.put(tea)
        visitor.check_out()
        answer = visitor.buy()

    assert "Von hier kamen gerade sehr viele Bestellungen." in words(answer, 429)
    Purchase.objects.of(merchant).update(at=timezone.now() - buying.WINDOW)
    assert visitor.buy().status_code == 302
    assert sorted(Purchase.objects.of(merchant).values_list("address", flat=True))[0] == ""


def test_the_order_page_tells_which_mail_was_sent(merchant: Merchant, visitor: Visitor) -> None:
    from kogge.backoffice.mail import _note_success
    from kogge.backoffice.pages.timeline import _TOLD

    visitor.put(product(merchant, counted=10))
    visitor.check_out(payment="invoice", shipping_option=visitor.option("Expressversand"))
    visitor.buy()
    [order], [mail] = placed(merchant), Mail.objects.of(merchant)
    _note_success(mail, timezone.now())

    event = OrderEvent.objects.of(merchant).get(kind=OrderEvent.Kind.MAIL_SENT)
    assert "Bestellbestätigung" in _TOLD[event.kind][2](event.details)
    assert (order.payment_method, order.service_level, order.total) == (
        "Rechnung",
        "Expressversand",
        Decimal("19.80"),
    )
