from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.keeping import keep_offer
from kogge.amazon.offers.models import Agreement, Listing
from kogge.backoffice.models import Product
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.schedule import OPERATIONS
from kogge.simulator import Simulator
from tests.amazon.account import run

pytestmark = pytest.mark.django_db

# Articles of the simulator's catalogue that nobody sells yet.
POT = "B0KOGGE104"
TEA_OF_A_BRAND = "B0KOGGE106"  # needs Amazon's approval
COFFEE = "B0KOGGE114"  # closed to everybody


@pytest.fixture
def pot(merchant: Merchant) -> Product:
    return Product.objects.everyone().create(
        merchant=merchant,
        code="KANNE-1",
        title="Teekanne Leuchtturm",
        price=Decimal("44.90"),
        stock=6,
        lead_time_days=2,
        changed_at=timezone.now(),
    )


def offer(product: Product, asin: str = POT, **values: object) -> Offer:
    now = timezone.now()
    kept = keep_offer(product.merchant, str(product.pk), {"enabled": True, "asin": asin, **values}, now=now)
    assert kept is not None
    return kept


def agree(connection: Connection, **other: str) -> None:
    leaders = {"quantity": "kogge", "lead_time": "kogge", "price": "kogge"} | other
    Agreement.objects.everyone().update_or_create(connection=connection, defaults=leaders)


def body(response: Any) -> str:
    return str(response.content.decode())


def address(product: Product) -> str:
    return f"/produkte/{product.pk}/amazon/anlegen/"


def look(browser: Client, product: Product, **query: str) -> str:
    return body(browser.get(address(product), query))


def listing_of(product: Product) -> Listing:
    return Listing.objects.everyone().get(product_id=str(product.pk))


BUTTON = "Angebot bei Amazon anlegen"


def test_the_preview_shows_what_would_be_created_and_creates_nothing(
    staff: Client, pot: Product, connection: Connection, amazon: Simulator
) -> None:
    agree(connection)
    offer(pot)

    page = look(staff, pot)

    for part in (POT, "Leuchtturm", "KANNE-1", "44,90\u00a0€", "Neu", "2 Tage", BUTTON, f"/images/{POT}.png"):
        assert part in page
    with pytest.raises(KeyError):
        amazon.listing("KANNE-1")
    assert not listing_of(pot).is_wanted_new


def test_the_merchants_word_is_kept_and_worked_on_at_once(
    staff: Client, pot: Product, connection: Connection
) -> None:
    agree(connection)
    offer(pot)

    answer = staff.post(address(pot), {"sku": "KANNE-1"}, follow=True)

    assert "Kogge legt das Angebot jetzt bei Amazon an." in body(answer)
    listing = listing_of(pot)
    assert listing.is_wanted_new
    assert Offer.objects.everyone().get(pk=listing.offer_id).sku == "KANNE-1"
    assert Due.objects.get(operation="send_offers", subject=connection.pk).due_at <= timezone.now()


def test_what_was_asked_for_is_there_at_amazon_a_moment_later(
    staff: Client, pot: Product, connection: Connection, amazon: Simulator
) -> None:
    agree(connection)
    offer(pot)
    staff.post(address(pot), {"sku": "KANNE-1"})

    run(OPERATIONS["send_offers"], "send_offers", connection.pk, timezone.now)

    created = amazon.listing("KANNE-1")
    assert (created.asin, created.stock, created.price) == (POT, 6, Decimal("44.90"))
    assert not listing_of(pot).is_wanted_new


def test_the_merchant_may_name_the_sku(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot)

    page = look(staff, pot, sku="LEUCHT-44")

    assert 'name="sku" value="LEUCHT-44"' in page
    assert BUTTON in page


@pytest.mark.parametrize("leaders", [{}, {"quantity": "amazon"}, {"price": "amazon"}])
def test_without_the_agreement_nothing_is_created(
    staff: Client, pot: Product, connection: Connection, leaders: dict[str, str]
) -> None:
    if leaders:
        agree(connection, **leaders)
    offer(pot)

    page = look(staff, pot)

    assert f"/apps/amazon/{connection.pk}/abgleich/" in page
    assert BUTTON not in page
    answer = staff.post(address(pot), {"sku": "KANNE-1"}, follow=True)
    assert "Sag zuerst im Abgleich" in body(answer)
    assert not listing_of(pot).is_wanted_new


def test_amazons_approval_is_asked_for_at_amazon(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot, TEA_OF_A_BRAND)

    page = look(staff, pot)

    assert "You need approval to list products of this brand" in page
    assert "https://sellercentral.amazon.de/hz/approvalrequest" in page
    assert BUTTON not in page


def test_a_closed_article_has_no_way_in(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot, COFFEE)

    page = look(staff, pot)

    assert "Amazon erlaubt dir nicht" in page
    assert "approvalrequest" not in page
    assert BUTTON not in page


def test_a_sku_that_amazon_has_is_linked_instead(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot)

    page = look(staff, pot, sku="TA-CHAWAN")

    assert "gibt es bei dir auf Amazon schon" in page
    assert BUTTON not in page
    staff.post(address(pot), {"sku": "TA-CHAWAN", "link": "1"})
    assert Offer.objects.everyone().get(product_id=str(pot.pk)).sku == "TA-CHAWAN"
    assert not listing_of(pot).is_wanted_new


@pytest.mark.parametrize("act", [{}, {"link": "1"}])
def test_a_sku_of_another_product_is_refused(
    staff: Client, pot: Product, connection: Connection, merchant: Merchant, act: dict[str, str]
) -> None:
    agree(connection)
    offer(pot)
    Offer.objects.everyone().create(merchant=merchant, product_id="999", sku="VERGEBEN")

    assert "gehört schon zu einem anderen Produkt" in look(staff, pot, sku="VERGEBEN")
    staff.post(address(pot), {"sku": "VERGEBEN", **act})

    assert Offer.objects.everyone().get(product_id=str(pot.pk)).sku == ""
    assert not listing_of(pot).is_wanted_new


def test_fba_offers_begin_in_seller_central(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot, fba=True)

    page = look(staff, pot)

    assert "FBA-Angebote legst du in Seller Central an" in page
    assert BUTTON not in page


def test_without_an_asin_the_search_comes_first(staff: Client, pot: Product, connection: Connection) -> None:
    assert staff.get(address(pot))["Location"] == f"/produkte/{pot.pk}/amazon/suchen/"


def test_an_unticked_offer_is_not_created(staff: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    keep_offer(pot.merchant, str(pot.pk), {"enabled": False, "asin": POT}, now=timezone.now())

    assert "Setze zuerst beim Produkt den Haken" in look(staff, pot)


@pytest.mark.parametrize("operation", ["getListingsRestrictions", "putListingsItem", "getListingsItem"])
def test_an_amazon_that_does_not_answer_is_said_so(
    staff: Client, pot: Product, connection: Connection, amazon: Simulator, operation: str
) -> None:
    agree(connection)
    offer(pot)
    amazon.fault(operation, "500", times=9)

    page = look(staff, pot)

    assert "Amazon antwortet gerade nicht" in page
    assert BUTTON not in page


def test_readers_may_neither_look_nor_create(reader: Client, pot: Product, connection: Connection) -> None:
    agree(connection)
    offer(pot)

    assert reader.get(address(pot)).status_code == 403
    assert reader.post(address(pot), {"sku": "KANNE-1"}).status_code == 403
    assert not listing_of(pot).is_wanted_new
