"""Looking around in the storefront, and setting it up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse

from kogge.backoffice import pictures
from kogge.backoffice.models import Product
from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.assortment import Article
from kogge.backoffice.storefront.models import ShippingOption, Storefront
from kogge.merchants.models import Merchant, User
from tests.backoffice import shop
from tests.backoffice.shop import ListeningChannel, product
from tests.backoffice.storefront.visitor import Visitor, words

pytestmark = pytest.mark.django_db


def variant(main: Product, code: str, option: str, *, counted: int, price: str = "9.90") -> Product:
    made = product(main.merchant, code, counted=counted, price=price)
    made.parent, made.option = main, option
    made.save(update_fields=["parent", "option"])
    return made


def test_the_list_shows_what_is_for_sale(
    merchant: Merchant, other_merchant: Merchant, visitor: Visitor, channel: ListeningChannel
) -> None:
    main = product(merchant, "SHIRT")
    small = variant(main, "SHIRT-S", "Größe S", counted=3)
    variant(main, "SHIRT-M", "Größe M", counted=0, price="11.90")
    at_amazon = product(merchant, "KANNE", counted=0)
    channel.warehouse[at_amazon.pk] = 40
    product(merchant, "LEER", counted=0)
    hidden = product(merchant, "ALT", counted=9)
    hidden.active = False
    hidden.save(update_fields=["active"])
    product(other_merchant, "FREMD", counted=9)
    unpriced = product(merchant, "OHNE", counted=9, price="0.00")

    listed = visitor.see("")
    listed_are = [code in listed for code in ("SHIRT", "KANNE", "LEER", "ALT", "FREMD", "OHNE")]
    assert listed_are == [True, True, True, False, False, False]
    assert "2 Ausführungen ab 9,90 €" in listed
    assert "Tee LEER 9,90 € ausverkauft" in listed
    assert "Tee KANNE 9,90 € auf Lager" in listed
    assert "Tee SHIRT" in visitor.see("", q="größe S")
    assert "Tee KANNE" not in visitor.see("", q="größe S")
    assert "Dazu haben wir nichts gefunden." in visitor.see("", q="kaffee\0")

    shown = visitor.see("product", main.pk)
    assert "inkl. 19 % MwSt., zzgl. Versandkosten" in shown
    assert "Lieferzeit: 3 bis 4 Werktage" in shown
    assert "Größe S 9,90 € nur noch 3" in shown
    Product.objects.of(merchant).filter(pk=small.pk).update(vat_rate=7, lead_time_days=8)
    differing = visitor.see("product", main.pk)
    assert "Preise inkl. MwSt., zzgl. Versandkosten." in differing
    assert "Lieferzeit: 3 bis 10 Werktage" in differing
    assert visitor.browser.get(visitor.url("product", small.pk))["Location"] == visitor.url(
        "product", main.pk
    )
    for pk in (hidden.pk, unpriced.pk, 0, 2**70):
        assert visitor.browser.get(visitor.url("product", pk)).status_code == 404
    assert "Tee SHIRT-S, Größe S liegt jetzt im Warenkorb." in visitor.put(small)
    assert "Dieser Artikel wird nicht mehr angeboten." in visitor.put(main)
    assert "Dieser Artikel wird nicht mehr angeboten." in visitor.put(hidden)
    assert "Dieser Artikel wird nicht mehr angeboten." in visitor.put(unpriced)


def test_an_article_is_named_with_its_variant_once() -> None:
    named = [("T-Shirt", "S"), ("T-Shirt, S", "S"), ("Tee, 100 g", "100 g"), ("Tee", "")]

    titles = [Article(Product(title=title, option=option), 1).title for title, option in named]

    assert titles == ["T-Shirt, S", "T-Shirt, S", "Tee, 100 g", "Tee"]


def test_the_cart_takes_what_is_there(merchant: Merchant, visitor: Visitor) -> None:
    tea, cup = product(merchant, counted=5), product(merchant, "TASSE", counted=0)
    key = f"units_{tea.pk}"

    assert "Mehr als 5 Stück von Tee TEE-1 gehen gerade nicht." in visitor.put(tea, 7)
    assert "Tee TASSE ist ausverkauft." in visitor.put(cup)
    for wrong in (0, -1, 1000, "x", "", "9" * 40):
        assert "Die Menge muss zwischen 1 und 999 liegen." in visitor.put(tea, wrong)
    assert "9,90 € 29,70 €" in visitor.change(**{key: 3})
    assert "Die Menge muss zwischen 1 und 999 liegen." in visitor.change(**{key: "viele"})
    assert "Mehr als 5 Stück" in visitor.change(**{key: 9})
    cup.may_oversell = True
    cup.save(update_fields=["may_oversell"])
    assert "Tee TASSE liegt jetzt im Warenkorb." in visitor.put(cup, 999)
    assert "kostenlos" in visitor.see("cart")
    visitor.change(remove=cup.pk)
    Product.objects.of(merchant).filter(pk=tea.pk).update(active=False)
    assert "Ein Artikel in deinem Warenkorb wird nicht mehr angeboten." in visitor.see("cart")
    assert "nicht mehr angeboten" not in visitor.see("cart")  # it is said once
    assert "Dein Warenkorb ist leer." in visitor.check_out()


def test_the_checkout_says_what_is_wrong(merchant: Merchant, visitor: Visitor) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"postal_code": "2009"}, "Die Postleitzahl hat 5 Ziffern."),
        ({"postal_code": "٢٠٠٩٥"}, "Die Postleitzahl hat 5 Ziffern."),
        ({"postal_code": "10115", "country": "AT"}, "Die Postleitzahl hat 4 Ziffern."),
        ({"country": "FR"}, "Bitte eine gültige Auswahl treffen."),
        ({"email": "erika"}, "Bitte gültige E-Mail-Adresse eingeben."),
        ({"name": ""}, "Dieses Feld ist zwingend erforderlich."),
        ({"shipping_option": "0"}, "Bitte eine gültige Auswahl treffen."),
        ({"payment": "credit"}, "Bitte eine gültige Auswahl treffen."),
    ]
    visitor.put(product(merchant, counted=5))

    for changed, told in wrong:
        assert told in visitor.check_out(422, **changed), changed
    assert visitor.browser.get(visitor.url("summary"))["Location"] == visitor.url("checkout")


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_is_well_made(merchant: Merchant, storefront: Storefront, language: str) -> None:
    tea = product(merchant, counted=5)
    pictures.store_picture(tea, shop.drawn())
    visitor = Visitor(merchant, language)
    visitor.put(tea)
    visitor.check_out()
    pages = ["", "cart", "checkout", "summary"]
    urls = [visitor.url(page) for page in pages] + [visitor.url("product", tea.pk)]
    urls += [visitor.url("info", page) for page in ("versand", "impressum", "agb", "datenschutz", "widerruf")]

    for url in urls:
        answer = visitor.browser.get(url)
        page: Any = lxml.html.fromstring(answer.content.decode())
        ids = [str(name) for name in page.xpath("//@id")]
        labelled = {label.get("for") for label in page.xpath("//label[normalize-space()]")}
        assert (answer.status_code, page.get("lang"), len(page.xpath("//h1"))) == (200, language, 1), url
        assert sorted(ids) == sorted(set(ids)), url
        assert not page.xpath("//script | //style | //@style"), url
        assert all(link.text_content().strip() for link in page.xpath("//a")), url
        for control in page.xpath("//input[not(@type='hidden')] | //select"):
            assert control.get("id") in labelled or control.get("aria-label"), url
        assert all(
            form.xpath(".//input[@name='csrfmiddlewaretoken']")
            for form in page.forms
            if form.method == "POST"
        )
        assert "no-store" in answer["Cache-Control"], url
        legal = {str(link).split("/")[-2] for link in page.xpath("//footer//a/@href")}
        assert legal == {"versand", "widerruf", "agb", "datenschutz", "impressum"}, url
    assert visitor.browser.get(visitor.url("picture", tea.image))["Content-Type"] == "image/webp"
    assert visitor.browser.get(visitor.url("info", "nichts")).status_code == 404


def test_a_closed_storefront_is_not_there(
    merchant: Merchant, storefront: Storefront, anna: User, mallory: User, client: Client
) -> None:
    tea = product(merchant, counted=5)
    pictures.store_picture(tea, shop.drawn())
    visitor = Visitor(merchant)
    urls = [visitor.url(page) for page in ("", "cart", "checkout", "summary")]
    urls += [visitor.url("product", tea.pk), visitor.url("info", "impressum"), visitor.url("thanks", 1)]
    urls += [visitor.url("picture", tea.image)]

    opening.set_open(merchant, is_open=False)
    closed = {client.get(url).status_code for url in urls}
    client.force_login(mallory, backend="kogge.merchants.login.ThrottledBackend")
    to_mallory = words(client.get(urls[0]), 404)
    client.force_login(anna, backend="kogge.merchants.login.ThrottledBackend")
    to_anna = words(client.get(urls[0]), 404)
    opening.set_open(merchant, is_open=True)
    Merchant.objects.filter(pk=merchant.pk).update(works_in="versacommerce")

    assert (closed, {client.get(url).status_code for url in urls}) == ({404}, {404})
    assert ("geschlossen" in to_mallory, "geschlossen" in to_anna) == (False, True)
    assert client.get("/laden/gibt-es-nicht/").status_code == 404
    settings = words(client.get(reverse("storefront_settings")))
    assert "Verkauft wird in deinem Shop" in settings
    client.post(reverse("storefront_settings"), {"open": "1"})


def test_the_owner_sets_it_up_and_opens_it(merchant: Merchant, anna: User, client: Client) -> None:
    client.force_login(anna, backend="kogge.merchants.login.ThrottledBackend")
    page, options = reverse("storefront_settings"), reverse("storefront_shipping")

    refused = words(client.post(page, {"open": "1"}, follow=True))
    assert "Das Impressum fehlt." in refused
    assert "Für Vorkasse fehlt die Bankverbindung." in refused
    assert "Lege mindestens eine Versandart mit ihrem Preis an." in refused
    new = {"option-title": "Standardversand", "option-price": "4,90", "option-extra_days": "2"}
    assert client.post(options, new).status_code == 302
    assert "Diese Versandart gibt es schon." in words(client.post(options, new), 422)
    wrong = {**new, "option-title": "Geschenk", "option-price": "-1"}
    assert "Dieser Wert muss größer oder gleich 0 sein." in words(client.post(options, wrong), 422)
    texts = {
        "imprint": "Anna",
        "privacy": "Ja",
        "withdrawal": "Ja",
        "takes_invoice": "on",
        "deliver_to": ["DE"],
    }
    assert client.post(page, texts).status_code == 302
    assert "Der Laden ist geöffnet." in words(client.post(page, {"open": "1"}, follow=True))
    assert "Das Impressum fehlt." in words(client.post(page, {**texts, "imprint": " "}), 422)
    option = ShippingOption.objects.of(merchant).get()
    assert (option.price, opening.storefront_of(merchant).imprint) == (Decimal("4.90"), "Anna")
    kept = words(client.post(options, {"option": option.pk, "remove": "1"}, follow=True))
    assert "Ein geöffneter Laden braucht mindestens eine Versandart." in kept
    change = {"option": option.pk, f"option{option.pk}-title": "Post", f"option{option.pk}-price": "5,50"}
    client.post(options, {**change, f"option{option.pk}-extra_days": "3"})
    option.refresh_from_db()
    assert (option.title, option.price, option.extra_days) == ("Post", Decimal("5.50"), 3)
    assert "Der Laden ist geschlossen." in words(client.post(page, {"close": "1"}, follow=True))


def test_nobody_changes_the_options_of_another_merchant(
    merchant: Merchant, storefront: Storefront, mallory: User, client: Client
) -> None:
    client.force_login(mallory, backend="kogge.merchants.login.ThrottledBackend")
    option = merchant.shipping_options.first()
    assert option

    client.post(reverse("storefront_shipping"), {"option": option.pk, "remove": "1"})

    assert merchant.shipping_options.count() == 2
