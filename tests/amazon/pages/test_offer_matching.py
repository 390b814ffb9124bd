from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import BY_MERCHANT, pause
from kogge.amazon.connections.models import Connection
from kogge.amazon.pages import pictures
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator
from kogge.simulator.listings import Listing as SoldThere

pytestmark = pytest.mark.django_db

# A bowl the demo seller has on B0KOGGE020; two other pages of the catalogue carry the same GTIN.
BOWL, OTHER_BOWL, SET_OF_BOWLS = "B0KOGGE020", "B0KOGGE101", "B0KOGGE102"
UNSOLD = "B0KOGGE104"  # a pot nobody sells yet


@pytest.fixture
def bowl(merchant: Merchant, amazon: Simulator) -> Product:
    return Product.objects.everyone().create(
        merchant=merchant,
        code="SCHALE-1",
        title="Matcha-Schale, handgetöpfert",
        gtin=amazon.listing("TA-CHAWAN").gtin,
        price=Decimal("32.00"),
        stock=5,
        changed_at=timezone.now(),
    )


def body(response: Any) -> str:
    return str(response.content.decode())


def search(browser: Client, product: Product, **query: str) -> str:
    return body(browser.get(f"/produkte/{product.pk}/amazon/suchen/", query))


def pick(browser: Client, product: Product, asin: str) -> Any:
    return browser.post(f"/produkte/{product.pk}/amazon/suchen/", {"asin": asin})


def offer_of(product: Product) -> Offer:
    return Offer.objects.everyone().get(product_id=str(product.pk))


def sell_also(amazon: Simulator, sku: str, **other: Any) -> None:
    """The seller has one more SKU on the bowl."""
    amazon.set_listings([SoldThere(sku, BOWL, "Matcha-Schale", Decimal("29.90"), **other)])


def test_the_products_gtin_is_searched_first_and_its_matches_are_marked(
    staff: Client, bowl: Product, connection: Connection
) -> None:
    page = search(staff, bowl)

    assert all(asin in page for asin in (BOWL, OTHER_BOWL, SET_OF_BOWLS))
    assert page.count("GTIN stimmt überein") == 3
    assert "Töpferei Deich" in page
    assert f"/images/{BOWL}.png" in page


def test_words_find_articles_with_another_gtin(staff: Client, bowl: Product, connection: Connection) -> None:
    page = search(staff, bowl, q="Leuchtturm Porzellan")

    assert UNSOLD in page
    assert "GTIN stimmt überein" not in page


def test_an_asin_finds_its_article(staff: Client, bowl: Product, connection: Connection) -> None:
    page = search(staff, bowl, q=UNSOLD.lower())

    assert "Leuchtturm" in page
    assert BOWL not in page


def test_ten_letters_can_also_be_a_word(staff: Client, bowl: Product, connection: Connection) -> None:
    assert UNSOLD in search(staff, bowl, q="Leuchtturm")


def test_a_gtin_amazon_does_not_know_leads_to_the_title(
    staff: Client, bowl: Product, connection: Connection
) -> None:
    Product.objects.everyone().filter(pk=bowl.pk).update(gtin="4006381333931")

    page = search(staff, bowl)

    assert "Amazon kennt dazu keinen Artikel" in page
    assert "Nach dem Titel suchen" in page


def test_what_was_typed_is_shown_as_text(staff: Client, bowl: Product, connection: Connection) -> None:
    page = search(staff, bowl, q="<script>alert(1)</script>")

    assert "<script>alert" not in page


def test_the_only_sku_on_the_picked_asin_is_kept(
    staff: Client, bowl: Product, connection: Connection
) -> None:
    answer = pick(staff, bowl, BOWL)

    assert answer["Location"] == f"/produkte/{bowl.pk}/"
    offer = offer_of(bowl)
    assert (offer.enabled, offer.asin, offer.sku) == (True, BOWL, "TA-CHAWAN")


def test_of_several_skus_the_merchant_picks(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator
) -> None:
    sell_also(amazon, "SCHALE-FBA", channel="AMAZON_EU")

    answer = pick(staff, bowl, BOWL)

    address = f"/produkte/{bowl.pk}/amazon/sku/"
    assert answer["Location"] == address
    page = body(staff.get(address))
    assert all(part in page for part in ("TA-CHAWAN", "SCHALE-FBA", "Amazon (FBA)", "32,00\u00a0€", "Neu"))
    staff.post(address, {"sku": "SCHALE-FBA"})
    assert offer_of(bowl).sku == "SCHALE-FBA"


def test_a_sku_that_is_not_on_the_list_is_not_taken(
    staff: Client, bowl: Product, connection: Connection
) -> None:
    pick(staff, bowl, BOWL)

    answer = staff.post(f"/produkte/{bowl.pk}/amazon/sku/", {"sku": "ERFUNDEN"}, follow=True)

    assert "gibt es bei Amazon auf dieser ASIN nicht mehr" in body(answer)
    assert offer_of(bowl).sku == "TA-CHAWAN"


def test_a_sku_of_another_product_is_not_taken(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator, merchant: Merchant
) -> None:
    Offer.objects.everyone().create(merchant=merchant, product_id="999", sku="TA-CHAWAN")

    answer = staff.post(f"/produkte/{bowl.pk}/amazon/suchen/", {"asin": BOWL}, follow=True)

    assert "gehört schon zu einem anderen Produkt" in body(answer)
    assert offer_of(bowl).sku == ""


def test_an_asin_nobody_sells_yet_leads_to_a_new_offer(
    staff: Client, bowl: Product, connection: Connection
) -> None:
    answer = pick(staff, bowl, UNSOLD)

    assert answer["Location"] == f"/produkte/{bowl.pk}/amazon/anlegen/"
    assert offer_of(bowl).asin == UNSOLD


@pytest.mark.parametrize("kind", ["500", "drop-connection", "429"])
def test_an_amazon_that_does_not_answer_is_no_dead_end(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator, kind: Any
) -> None:
    amazon.fault("searchCatalogItems", kind, times=9)

    page = search(staff, bowl)

    assert "Amazon antwortet gerade nicht" in page or "Amazon erlaubt gerade keine weitere Frage" in page
    assert bowl.gtin in page  # the search box holds what was looked for


def test_after_a_429_the_page_asks_again_by_itself(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator
) -> None:
    amazon.fault("searchCatalogItems", "429", times=9)

    page = search(staff, bowl)

    assert '<meta http-equiv="refresh" content="' in page
    assert "fragt gleich von selbst noch einmal" in page


def test_a_picked_asin_is_kept_even_when_amazon_stops_answering(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator
) -> None:
    amazon.fault("searchListingsItems", "500", times=9)

    answer = staff.post(f"/produkte/{bowl.pk}/amazon/suchen/", {"asin": BOWL}, follow=True)

    assert "Die SKU ermittelt Kogge dann von selbst." in body(answer)
    assert (offer_of(bowl).asin, offer_of(bowl).sku) == (BOWL, "")


@pytest.mark.parametrize("asin", ["", "B0", "../../etc"])
def test_only_an_asin_can_be_picked(staff: Client, bowl: Product, connection: Connection, asin: str) -> None:
    answer = staff.post(f"/produkte/{bowl.pk}/amazon/suchen/", {"asin": asin}, follow=True)

    assert "Wähle einen Artikel aus der Liste." in body(answer)
    assert not Offer.objects.everyone().exists()


def test_a_paused_account_is_not_asked(
    staff: Client, bowl: Product, connection: Connection, amazon: Simulator
) -> None:
    pause(connection.pk, BY_MERCHANT, now=timezone.now())

    page = search(staff, bowl)

    assert "kein Amazon-Konto verbunden" in page
    assert "searchCatalogItems" not in amazon.calls


def test_readers_may_not_search(reader: Client, bowl: Product, connection: Connection) -> None:
    assert reader.get(f"/produkte/{bowl.pk}/amazon/suchen/").status_code == 403


def test_only_the_search_may_load_pictures_of_amazon(
    staff: Client, bowl: Product, connection: Connection, settings: Any
) -> None:
    search_page = staff.get(f"/produkte/{bowl.pk}/amazon/suchen/")
    product_page = staff.get(f"/produkte/{bowl.pk}/")

    assert "https://m.media-amazon.com" in search_page["Content-Security-Policy"]
    assert settings.KOGGE_AMAZON_API_URL in search_page["Content-Security-Policy"]
    assert "img-src 'self' data:;" in product_page["Content-Security-Policy"]


def test_without_a_simulator_only_amazons_picture_hosts_are_allowed(settings: Any) -> None:
    settings.KOGGE_AMAZON_API_URL = ""

    assert pictures.shown("https://m.media-amazon.com/images/I/71.jpg")
    for other in ("http://m.media-amazon.com/1.jpg", "https://evil.example/m.media-amazon.com", "", "x"):
        assert pictures.shown(other) == ""
