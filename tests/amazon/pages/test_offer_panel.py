from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from kogge.amazon.catalog.models import Offer, OfferPrice
from kogge.amazon.connections.accounts import BY_MERCHANT, pause
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.latency import Suggestion
from kogge.amazon.offers.models import Agreement, HeldPrice, Listing, Values, stored
from kogge.amazon.pages import offer_panel
from kogge.amazon.pages.offer_forms import OfferForm, Place
from kogge.backoffice.models import Product
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from tests.amazon.account import DE, FR
from tests.amazon.pages.shipping import shelve

pytestmark = pytest.mark.django_db

GB = "A1F83G8C2ARO7P"
ASIN = "B0TEE00001"


@pytest.fixture
def tea(merchant: Merchant) -> Product:
    """Assam, twelve packets, 14,90 €, out of the house within three days."""
    return Product.objects.everyone().create(
        merchant=merchant,
        code="TEE-1",
        title="Assam, lose",
        gtin="4006381333931",
        price=Decimal("14.90"),
        stock=12,
        lead_time_days=3,
        changed_at=timezone.now(),
    )


def body(response: Any) -> str:
    return str(response.content.decode())


def save(browser: Client, product: Product, **typed: str) -> Any:
    return browser.post(f"/produkte/{product.pk}/amazon/", {"enabled": "on", **typed}, follow=True)


def page_of(browser: Client, product: Product) -> str:
    return body(browser.get(f"/produkte/{product.pk}/"))


def offer_of(product: Product) -> Offer:
    return Offer.objects.everyone().get(product_id=str(product.pk))


def offered(product: Product, **values: Any) -> Offer:
    known: dict[str, Any] = {"asin": ASIN, "sku": "TEE-1"}
    return Offer.objects.everyone().create(
        merchant=product.merchant, product_id=str(product.pk), **(known | values)
    )


def listed(connection: Connection, offer: Offer, **values: Any) -> Listing:
    known: dict[str, Any] = {"channel": "DEFAULT", "shown_at": timezone.now(), "sku": offer.sku}
    listing, _created = Listing.objects.everyone().update_or_create(
        connection=connection,
        product_id=offer.product_id,
        defaults={"merchant_id": offer.merchant_id, "offer": offer, **(known | values)},
    )
    return listing


def agreed(connection: Connection, leader: str = "kogge") -> None:
    Agreement.objects.everyone().update_or_create(
        connection=connection, defaults={"quantity": leader, "lead_time": leader, "price": leader}
    )


def due_at(operation: str, connection: Connection) -> Any:
    return Due.objects.get(operation=operation, subject=connection.pk).due_at


# --- what is typed -------------------------------------------------------------------------------


def test_everything_in_the_box_is_kept(staff: Client, tea: Product, connection: Connection) -> None:
    shelve(connection, "TEE-AMZ", 4)

    page = save(
        staff,
        tea,
        asin="b0tee00001",
        sku="TEE-AMZ",
        stock="1.000",
        lead_time_days="5",
        price="1.299,50",
        buffer="2",
        fba="on",
        **{f"price_{DE}": "16,90", f"price_{FR}": ""},
    )

    assert "Die Angaben für Amazon sind gespeichert." in body(page)
    offer = offer_of(tea)
    assert (offer.enabled, offer.asin, offer.sku, offer.fba) == (True, ASIN, "TEE-AMZ", True)
    assert (offer.stock, offer.lead_time_days, offer.price, offer.buffer) == (1000, 5, Decimal("1299.50"), 2)
    prices = OfferPrice.objects.everyone().filter(offer=offer)
    assert dict(prices.values_list("marketplace_id", "price")) == {DE: Decimal("16.90")}


def test_emptied_fields_mean_the_products_own_values_again(
    staff: Client, tea: Product, connection: Connection
) -> None:
    save(staff, tea, asin=ASIN, stock="4", price="9,90", **{f"price_{FR}": "12,00"})

    save(staff, tea, asin=ASIN, stock="", price="", **{f"price_{FR}": ""})

    offer = offer_of(tea)
    assert (offer.stock, offer.price, offer.prices.count()) == (None, None, 0)


def test_the_products_own_values_stand_pale_in_empty_fields(
    staff: Client, tea: Product, connection: Connection
) -> None:
    Agreement.objects.everyone().update_or_create(connection=connection, defaults={"buffer": 7})
    Product.objects.everyone().filter(pk=tea.pk).update(reserved=2)

    page = page_of(staff, tea)

    for own in ("10", "3", "14,90", "7"):
        assert f'placeholder="{own}"' in page


def test_in_english_prices_are_read_and_shown_with_a_point(
    staff: Client, tea: Product, connection: Connection
) -> None:
    staff.cookies["django_language"] = "en"

    page = save(staff, tea, price="1,299.50")

    assert offer_of(tea).price == Decimal("1299.50")
    assert 'placeholder="14.90"' in body(page)
    assert "Safety stock" in body(page)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("asin=B0-FALSCH", "ist keine ASIN"),
        ("stock=-1", "Zahl ab 0"),
        ("stock=viele", "Zahl ab 0"),
        ("lead_time_days=31", "von 0 bis 30"),
        ("price=9,999", "zwei Nachkommastellen"),
        ("price=0", "Preis über 0"),
        (f"price_{FR}=billig", "Preis über 0"),
    ],
)
def test_what_is_wrong_is_named_at_its_field_and_nothing_typed_is_lost(
    staff: Client, tea: Product, connection: Connection, typed: str, sentence: str
) -> None:
    field, _equals, value = typed.partition("=")

    answer = save(staff, tea, **({"sku": "GETIPPT-7"} | {field: value}))

    page = body(answer)
    assert answer.status_code == 422
    assert f'value="{value}"' in page
    assert 'value="GETIPPT-7"' in page
    error = page.index(f'id="amazon_{field}_error"')
    assert sentence in page[error : error + 600]
    assert page.count(" autofocus") == 1  # the page opens there
    assert "Produktdaten" in page  # still the product's page
    assert not Offer.objects.everyone().exists()


def test_a_sku_belongs_to_one_product(staff: Client, tea: Product, merchant: Merchant) -> None:
    Offer.objects.everyone().create(merchant=merchant, product_id="999", sku="TEE-1")

    answer = save(staff, tea, sku="TEE-1")

    assert "gehört schon zu einem anderen Produkt" in body(answer)
    assert not Offer.objects.everyone().filter(product_id=str(tea.pk)).exists()


def test_an_address_of_amazon_is_understood_as_its_asin(staff: Client, tea: Product) -> None:
    save(staff, tea, asin="https://www.amazon.de/Assam-lose-250-g/dp/B0TEE00001?th=1")

    assert offer_of(tea).asin == ASIN


def test_a_new_asin_takes_the_sku_of_the_old_one_with_it(staff: Client, tea: Product) -> None:
    offered(tea)

    save(staff, tea, asin="B0TEE00002", sku="TEE-1")

    assert (offer_of(tea).asin, offer_of(tea).sku) == ("B0TEE00002", "")


def test_a_sku_typed_with_a_new_asin_stays(staff: Client, tea: Product) -> None:
    offered(tea)

    save(staff, tea, asin="B0TEE00002", sku="TEE-2")

    assert offer_of(tea).sku == "TEE-2"


def test_an_asin_added_to_a_sku_leaves_it(staff: Client, tea: Product) -> None:
    offered(tea, asin="")

    save(staff, tea, asin=ASIN, sku="TEE-1")

    assert offer_of(tea).sku == "TEE-1"


def test_an_empty_box_makes_no_offer(staff: Client, tea: Product) -> None:
    staff.post(f"/produkte/{tea.pk}/amazon/", {})

    assert not Offer.objects.everyone().exists()


def test_unticking_keeps_what_was_typed(staff: Client, tea: Product) -> None:
    offered(tea, stock=4)

    staff.post(f"/produkte/{tea.pk}/amazon/", {"asin": ASIN, "sku": "TEE-1", "stock": "4"})

    offer = offer_of(tea)
    assert (offer.enabled, offer.sku, offer.stock) == (False, "TEE-1", 4)


def test_a_saved_offer_is_looked_up_at_amazon_at_once(
    staff: Client, tea: Product, connection: Connection
) -> None:
    save(staff, tea, asin=ASIN)

    listing = Listing.objects.everyone().get(connection=connection, product_id=str(tea.pk))
    assert listing.read_at is not None
    assert listing.read_at <= timezone.now()
    assert due_at("read_offers", connection) <= timezone.now() + timedelta(seconds=5)


# --- the suggested buffer ------------------------------------------------------------------------


@pytest.fixture
def suggest(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, timedelta], None]:
    """Let the suggestion be two units, from sales per hour and a latency."""

    def suggest(per_hour: str, latency: timedelta) -> None:
        known = Suggestion(2, Decimal(per_hour), latency)
        monkeypatch.setattr(offer_panel, "suggested_buffer", lambda *_asked: known)

    return suggest


def test_a_buffer_is_suggested_with_what_it_is_computed_from(
    staff: Client, tea: Product, connection: Connection, suggest: Callable[[str, timedelta], None]
) -> None:
    suggest("0.4", timedelta(minutes=7))
    told = "Vorschlag: 2 (0,4 Verkäufe je Stunde, Amazon weiß es nach 7 Minuten)"
    assert told in page_of(staff, tea)

    suggest("0.4", timedelta(seconds=3))
    assert "Amazon weiß es nach 3 Sekunden)" in page_of(staff, tea)

    suggest("0.01", timedelta(0))  # nothing was measured yet
    assert "Vorschlag: 2 (weniger als 0,1 Verkäufe je Stunde)" in page_of(staff, tea)


def test_the_suggested_buffer_is_taken_with_everything_else_that_was_typed(
    staff: Client, tea: Product, connection: Connection
) -> None:
    save(staff, tea, asin=ASIN, stock="4", buffer="9", suggested="2")

    assert (offer_of(tea).buffer, offer_of(tea).stock) == (2, 4)


def test_nothing_is_suggested_for_what_nobody_buys(
    staff: Client, tea: Product, connection: Connection
) -> None:
    assert "Vorschlag" not in page_of(staff, tea)


# --- which prices can be told apart --------------------------------------------------------------


def names(product: Product, *places: Place) -> list[str]:
    form = OfferForm(None, product=product, offer=None, places=places)
    return [bound.name for bound in form.prices()]


def test_one_marketplace_in_the_shops_currency_needs_one_price(tea: Product) -> None:
    assert names(tea, Place(DE, "Amazon.de", "EUR")) == []


def test_another_currency_has_a_price_of_its_own(tea: Product) -> None:
    assert names(tea, Place(GB, "Amazon.co.uk", "GBP")) == [f"price_{GB}"]


def test_several_marketplaces_have_a_price_each(tea: Product) -> None:
    places = (Place(DE, "Amazon.de", "EUR"), Place(GB, "Amazon.co.uk", "GBP"))
    form = OfferForm(None, product=tea, offer=None, places=places)

    german, british = form.prices()

    assert (german.label, british.label) == ("Amazon.de (€)", "Amazon.co.uk (£)")
    assert german.field.widget.attrs["placeholder"] == "14,90"
    assert "placeholder" not in british.field.widget.attrs  # nothing is sent there without a price


# --- who may -------------------------------------------------------------------------------------


def test_readers_see_the_box_and_cannot_change_it(
    reader: Client, tea: Product, connection: Connection
) -> None:
    offered(tea)

    page = page_of(reader, tea)

    assert ASIN in page
    assert "ASIN suchen" not in page
    assert reader.post(f"/produkte/{tea.pk}/amazon/", {"asin": "B0TEE00009"}).status_code == 403
    assert offer_of(tea).asin == ASIN


@pytest.mark.parametrize("path", ["", "stand/", "suchen/", "sku/", "anlegen/", "1/senden/"])
def test_strangers_find_nothing(stranger: Client, tea: Product, path: str) -> None:
    offered(tea)
    address = f"/produkte/{tea.pk}/amazon/{path}"

    assert stranger.get(address).status_code in (404, 405)
    if path != "stand/":
        assert stranger.post(address, {"asin": "B0TEE00009"}).status_code == 404
    assert offer_of(tea).asin == ASIN


def test_without_a_connection_values_are_kept_and_the_way_is_shown(staff: Client, tea: Product) -> None:
    page = body(save(staff, tea, asin=ASIN, stock="3"))

    assert "Noch ist kein Amazon-Konto verbunden" in page
    assert "/apps/amazon/verbinden/" in page
    assert offer_of(tea).stock == 3


# --- how it stands -------------------------------------------------------------------------------


def test_the_box_compares_what_should_be_was_told_and_is_shown(
    staff: Client, tea: Product, connection: Connection
) -> None:
    agreed(connection)
    said = Values(12, 3, {DE: Decimal("14.90")})
    shown = Values(9, 3, {DE: Decimal("14.90")})
    listed(
        connection,
        offered(tea),
        state=Listing.State.SENT,
        wanted_json=stored(said),
        accepted_json=stored(said),
        shown_json=stored(shown),
        accepted_at=timezone.now() - timedelta(seconds=5),
    )

    page = page_of(staff, tea)

    assert "Gesendet" in page
    assert "14,90\u00a0€" in page
    assert page.count("weicht ab:") == 1
    assert "Von Amazon angenommen: gerade eben." in page


def test_what_was_read_before_amazon_was_told_is_no_difference(
    staff: Client, tea: Product, connection: Connection
) -> None:
    now = timezone.now()
    listed(
        connection,
        offered(tea),
        wanted_json=stored(Values(12)),
        accepted_json=stored(Values(12)),
        shown_json=stored(Values(9)),
        accepted_at=now,
        shown_at=now - timedelta(minutes=1),
    )

    assert "weicht ab:" not in page_of(staff, tea)


def test_amazon_ships_fba_so_only_prices_are_compared(
    staff: Client, tea: Product, connection: Connection
) -> None:
    prices = stored(Values(None, None, {DE: Decimal("14.90")}))
    listed(connection, offered(tea, fba=True), wanted_json=prices, shown_json=prices, channel="AMAZON_EU")

    page = page_of(staff, tea)

    assert '<th scope="row">Preis</th>' in page
    assert '<th scope="row">Bestand</th>' not in page


def test_an_offer_of_the_merchants_own_beside_the_fba_sku_is_compared_in_full(
    staff: Client, tea: Product, connection: Connection
) -> None:
    stock = stored(Values(12, 3, {DE: Decimal("14.90")}))
    offer = offered(tea, fba=True, sku="TEE", fba_sku="TEE-FBA")
    listed(connection, offer, wanted_json=stock, shown_json=stock, channel="DEFAULT")

    page = page_of(staff, tea)

    assert '<th scope="row">Bestand</th>' in page
    assert '<th scope="row">Lieferzeit</th>' in page


def test_the_offer_can_be_seen_at_amazon(
    staff: Client, tea: Product, connection: Connection, settings: Any
) -> None:
    listed(connection, offered(tea, sku="TEE/1"))
    simulator = settings.KOGGE_AMAZON_CONSENT_URL
    assert f"{simulator}/seller-central/offers/{connection.seller_id}/TEE%2F1" in page_of(staff, tea)

    settings.KOGGE_AMAZON_CONSENT_URL = ""

    assert f"https://www.amazon.de/dp/{ASIN}" in page_of(staff, tea)


def test_a_marketplace_without_the_offer_is_not_compared(
    staff: Client, tea: Product, connection: Connection
) -> None:
    wanted = Values(12, 3, {DE: Decimal("14.90"), FR: Decimal("15.90")})
    shown = Values(12, 3, {DE: Decimal("14.90")})
    listed(connection, offered(tea), wanted_json=stored(wanted), shown_json=stored(shown))

    assert "15,90" not in page_of(staff, tea)


def test_before_the_agreement_the_box_says_that_nothing_is_sent(
    staff: Client, tea: Product, connection: Connection
) -> None:
    listed(connection, offered(tea))

    assert "Noch sendet Kogge nichts" in page_of(staff, tea)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"plan_at": timedelta(0)}, "Wird in wenigen Sekunden gesendet."),
        ({"priority": 1, "not_before": timedelta(hours=1)}, "Wird um "),
        ({"priority": 1, "sending_since": timedelta(0)}, "Wird gerade gesendet."),
        ({"read_at": timedelta(0)}, "Kogge sieht in wenigen Sekunden bei Amazon nach."),
        ({"read_at": timedelta(minutes=15)}, "Kogge sieht um "),
        ({"read_at": timedelta(days=1)}, "Kogge sieht am "),
    ],
)
def test_the_box_says_what_happens_next(
    staff: Client, tea: Product, connection: Connection, values: dict[str, Any], sentence: str
) -> None:
    agreed(connection)
    now = timezone.now()
    moments = {name: now + value if isinstance(value, timedelta) else value for name, value in values.items()}
    listed(connection, offered(tea), **({"plan_at": None, "read_at": None} | moments))

    assert sentence in page_of(staff, tea)


def test_a_refused_offer_shows_amazons_reason(staff: Client, tea: Product, connection: Connection) -> None:
    issue = {"code": "8541", "message": "The SKU conflicts.", "severity": "ERROR"}
    state = Listing.State.PROBLEM
    listed(connection, offered(tea), state=state, reason="invalid", details={"issues": [issue]})

    page = page_of(staff, tea)

    assert "passen nicht zu dem Artikel" in page
    assert "The SKU conflicts." in page


def test_several_skus_lead_to_the_page_to_pick_one(
    staff: Client, tea: Product, connection: Connection
) -> None:
    problem = {"state": Listing.State.PROBLEM, "reason": "ambiguous", "details": {"skus": ["A", "B"]}}
    listed(connection, offered(tea, sku=""), **problem)

    assert f"/produkte/{tea.pk}/amazon/sku/" in page_of(staff, tea)


def test_a_missing_offer_leads_to_the_page_that_creates_it(
    staff: Client, tea: Product, connection: Connection
) -> None:
    listed(connection, offered(tea, sku=""), state=Listing.State.PROBLEM, reason="not_found")

    assert f"/produkte/{tea.pk}/amazon/anlegen/" in page_of(staff, tea)


def test_the_part_that_changes_is_asked_for_while_something_is_under_way(
    staff: Client, tea: Product, connection: Connection
) -> None:
    agreed(connection)
    listing = listed(connection, offered(tea), plan_at=timezone.now())
    address = f"/produkte/{tea.pk}/amazon/stand/"
    assert f'hx-get="{address}"' in body(staff.get(address))

    Listing.objects.everyone().filter(pk=listing.pk).update(plan_at=None, priority=None, read_at=None)

    assert "hx-get" not in body(staff.get(address))


def test_a_page_with_many_accounts_costs_no_more_queries(
    staff: Client, tea: Product, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    listed(connection, offered(tea))
    for number in range(5):
        other = Connection.objects.everyone().create(
            merchant=tea.merchant,
            region="eu",
            seller_id=f"A{number}ANOTHER",
            connected_at=timezone.now(),
            start_from=timezone.now(),
        )
        listed(other, offer_of(tea))

    with django_assert_max_num_queries(14):
        page = body(staff.get(f"/produkte/{tea.pk}/amazon/stand/"))

    assert page.count("offer-account") == 6


# --- the buttons ---------------------------------------------------------------------------------


def test_sending_again_says_everything_anew(staff: Client, tea: Product, connection: Connection) -> None:
    agreed(connection)
    listing = listed(connection, offered(tea), plan_at=None, was_resent=True, state=Listing.State.DRIFT)

    staff.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/senden/")

    listing.refresh_from_db()
    assert (listing.is_unsure, listing.was_resent) == (True, False)
    assert listing.plan_at is not None
    assert due_at("send_offers", connection) <= timezone.now() + timedelta(seconds=5)


def test_looking_again_asks_amazon_at_once(staff: Client, tea: Product, connection: Connection) -> None:
    listing = listed(connection, offered(tea), read_at=timezone.now() + timedelta(days=1))

    staff.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/pruefen/")

    listing.refresh_from_db()
    assert listing.read_at is not None
    assert listing.read_at <= timezone.now()


def held(connection: Connection, tea: Product) -> Listing:
    agreed(connection)
    price = HeldPrice(price=Decimal("49.00"), shown=Decimal("14.90"), why="jump")
    return listed(
        connection,
        offered(tea, price=Decimal("49.00")),
        state=Listing.State.PROBLEM,
        reason="price_held",
        held_json=stored({DE: price}),
        shown_json=stored(Values(12, 3, {DE: Decimal("14.90")})),
        wanted_json=stored(Values(12, 3, {DE: Decimal("49.00")})),
    )


def test_a_held_price_is_confirmed_as_it_stands_beside_the_button(
    staff: Client, tea: Product, connection: Connection
) -> None:
    listing = held(connection, tea)
    page = page_of(staff, tea)
    assert "14,90\u00a0€" in page
    assert "49,00\u00a0€" in page
    assert 'name="price" value="49.00"' in page

    staff.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/preis/", {"marketplace": DE, "price": "49.00"})

    listing.refresh_from_db()
    assert listing.confirmed == {DE: Decimal("49.00")}


@pytest.mark.parametrize("price", ["48.00", "", "viel", "NaN"])
def test_another_price_than_the_one_that_waits_is_not_confirmed(
    staff: Client, tea: Product, connection: Connection, price: str
) -> None:
    listing = held(connection, tea)

    answer = staff.post(
        f"/produkte/{tea.pk}/amazon/{connection.pk}/preis/",
        {"marketplace": DE, "price": price},
        follow=True,
    )

    listing.refresh_from_db()
    assert listing.confirmed == {}
    assert "hat sich inzwischen geändert" in body(answer)


def test_a_paused_connection_is_not_asked(staff: Client, tea: Product, connection: Connection) -> None:
    listing = listed(connection, offered(tea), read_at=None)
    pause(connection.pk, BY_MERCHANT, now=timezone.now())

    page = body(staff.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/pruefen/", follow=True))

    listing.refresh_from_db()
    assert listing.read_at is None
    assert "angehalten" in page
    assert "Erneut prüfen" not in page


def test_an_act_nobody_knows_is_not_there(staff: Client, tea: Product, connection: Connection) -> None:
    listed(connection, offered(tea))

    answer = staff.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/verschenken/")

    assert answer.status_code == 404


def test_readers_may_not_act(reader: Client, tea: Product, connection: Connection) -> None:
    listed(connection, offered(tea))

    answer = reader.post(f"/produkte/{tea.pk}/amazon/{connection.pk}/senden/")

    assert answer.status_code == 403
    with translation.override("de"):
        assert "Erneut senden" not in page_of(reader, tea)
