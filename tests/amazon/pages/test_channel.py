from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.book import Entry, open_trouble, record
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Order, Product
from kogge.engine.models import Due

ID = "305-1182244-9021001"
pytestmark = pytest.mark.django_db


@pytest.fixture
def order(merchant: Any, connection: Connection) -> Order:
    """A shop order that came from Amazon."""
    now = timezone.now()
    made = Order.objects.everyone().create(
        merchant=merchant, number=10001, channel="amazon", external_id=ID, origin="Amazon.de",
        payment_status="paid", placed_at=now, created_at=now, changed_at=now, currency="EUR", total="23.90",
    )  # fmt: skip
    AmazonOrder.objects.everyone().create(
        connection=connection, order_id=ID, intake="placed", marketplace_id="A1PA6795UKMFR9",
        status="UNSHIPPED", first_seen_at=now, ship_by=now + timedelta(days=1),
        service_level="EXPEDITED", programs="PRIME,NEW_ONE",
        shop_order_id=str(made.pk), shop_order_number="10001",
    )  # fmt: skip
    return made


@pytest.fixture
def tea(merchant: Any) -> Product:
    return Product.objects.everyone().create(
        merchant=merchant, code="DA-FF-250", title="Darjeeling", price="12.90", changed_at=timezone.now()
    )


def body(response: Any) -> str:
    return str(response.content.decode())


def told(order: Order, **values: Any) -> ShipmentConfirmation:
    now = timezone.now()
    found = AmazonOrder.objects.everyone().get()
    given = {
        "parcel": 1,
        "carrier": "DHL",
        "tracking_number": "0034043",
        "shipped_at": now,
        "not_before": now,
    }
    return ShipmentConfirmation.objects.everyone().create(
        connection=found.connection, order=found, created_at=now, **(given | values)
    )


def test_the_order_page_shows_the_side_at_amazon(reader: Client, order: Order) -> None:
    page = body(reader.get("/bestellungen/10001/"))

    for part in (
        ID,
        f"/seller-central/orders/{ID}",
        "noch nicht versendet",
        "Express",
        "Prime",
        "NEW_ONE",
        "Amazon.de",
    ):
        assert part in page


def test_an_unknown_status_stays_visible(reader: Client, order: Order) -> None:
    AmazonOrder.objects.everyone().update(status="ON_HOLD")

    assert "ON_HOLD" in body(reader.get("/bestellungen/10001/"))


@pytest.mark.parametrize(
    ("state", "word"),
    [("waiting", "vorgemerkt"), ("sending", "unterwegs"), ("accepted", "von Amazon angenommen"),
     ("confirmed", "bei Amazon sichtbar"), ("rejected", "von Amazon abgelehnt"), ("dropped", "entfallen")],
)  # fmt: skip
def test_each_parcel_tells_what_amazon_knows_of_it(
    reader: Client, order: Order, state: str, word: str
) -> None:
    told(order, state=state, last_error="ship date in the future")

    page = body(reader.get("/bestellungen/10001/"))

    for part in ("Sendung 1", "0034043", word, "ship date in the future"):
        assert part in page


def test_acknowledgement_and_cancellation_are_told(
    reader: Client, order: Order, connection: Connection
) -> None:
    now = timezone.now()
    for kind, state in (("acknowledge", "accepted"), ("cancel", "waiting")):
        OrderMessage.objects.everyone().create(
            connection=connection, amazon_order_id=ID, kind=kind, state=state, not_before=now, created_at=now
        )

    page = body(reader.get("/bestellungen/10001/"))

    assert "Eingangsbestätigung" in page
    assert "Stornierung" in page


def test_the_page_looks_again_while_something_is_under_way(rf: Any, order: Order) -> None:
    parcel = told(order, state="waiting")
    busy = CHANNELS["amazon"].order_panel(order, rf.get("/"))
    parcel.state = "confirmed"
    parcel.save()
    settled = CHANNELS["amazon"].order_panel(order, rf.get("/"))

    assert busy is not None
    assert settled is not None
    assert (busy.context["busy"], settled.context["busy"]) == (True, False)


def test_the_buyers_wish_to_cancel_leads_to_the_cancel_page(staff: Client, order: Order) -> None:
    AmazonOrder.objects.everyone().update(cancel_requested=True)

    page = body(staff.get("/bestellungen/10001/"))

    assert "Der Käufer bittet darum" in page
    assert "/bestellungen/10001/cancel/" in page


def test_open_troubles_of_the_order_have_their_buttons_there(
    staff: Client, reader: Client, order: Order, connection: Connection
) -> None:
    open_trouble(connection.pk, "sum_differs", "sum", now=timezone.now(), amazon_order_id=ID)
    open_trouble(connection.pk, "feed_stuck", "feed", now=timezone.now())

    page = body(staff.get("/bestellungen/10001/"))

    assert "weicht vom Gesamtbetrag" in page
    assert f"/apps/amazon/aufgaben/{connection.troubles.get(kind='sum_differs').pk}/erledigt/" in page
    assert "zwei Stunden" not in page
    assert "erledigt/" not in body(reader.get("/bestellungen/10001/"))


@pytest.mark.parametrize("part", ["", "aktuell/"])
def test_a_button_in_the_panel_leads_back_to_the_order_page(
    staff: Client, order: Order, connection: Connection, part: str
) -> None:
    open_trouble(connection.pk, "sum_differs", "sum", now=timezone.now(), amazon_order_id=ID)

    page = body(staff.get(f"/bestellungen/10001/{part}"))

    assert 'name="next" value="/bestellungen/10001/"' in page


def test_the_timeline_tells_what_amazon_answered(
    reader: Client, order: Order, connection: Connection
) -> None:
    details = {"parcel": 2, "carrier": "DHL", "tracking_number": "0034043"}
    record([Entry(connection.pk, "shipment_confirmed", timezone.now(), ID, details)])
    record([Entry(connection.pk, "imported", timezone.now(), "305-0000000-0000000", {"number": "99999"})])

    page = body(reader.get("/bestellungen/10001/"))

    assert "Amazon hat den Versand von Sendung 2 bestätigt." in page
    assert "99999" not in page


def test_another_merchants_journal_is_not_told(
    order: Order, other_merchant: Any, connection: Connection
) -> None:
    record([Entry(connection.pk, "imported", timezone.now(), ID, {"number": "10001"})])
    theirs = Order.objects.everyone().get()
    theirs.merchant = other_merchant

    assert CHANNELS["amazon"].timeline(theirs) == []


def test_a_change_in_the_shop_wakes_every_standing_connection_of_the_merchant(
    merchant: Any, other_merchant: Any, connection: Connection
) -> None:
    Due.objects.all().delete()

    CHANNELS["amazon"].shop_changed(merchant.pk, now=timezone.now())
    CHANNELS["amazon"].shop_changed(other_merchant.pk, now=timezone.now())

    assert list(Due.objects.values_list("operation", "subject")) == [("read_shop", connection.pk)]


def test_cancelling_says_that_it_is_final(order: Order) -> None:
    assert "lässt sich bei Amazon nicht rückgängig machen" in CHANNELS["amazon"].cancel_warning(order)


def test_what_amazon_cancelled_is_not_sent(order: Order) -> None:
    before = CHANNELS["amazon"].refuse_ship(order, now=timezone.now())
    AmazonOrder.objects.everyone().update(status="CANCELLED")

    assert before is None
    assert "storniert" in str(CHANNELS["amazon"].refuse_ship(order, now=timezone.now()))


def test_what_was_shipped_cannot_be_cancelled(order: Order) -> None:
    AmazonOrder.objects.everyone().update(status="SHIPPED")

    assert "Retoure" in str(CHANNELS["amazon"].refuse_cancel(order, now=timezone.now()))


def test_a_merchant_without_amazon_gets_no_notices_and_no_warnings(merchant: Any) -> None:
    amazon = CHANNELS["amazon"]

    assert amazon.notices(merchant) == []
    assert amazon.carrier_warning(merchant, "Fahrradkurier") is None
    assert amazon.app_card(merchant).tone == "gray"


def test_the_most_pressing_notice_comes_first(merchant: Any, order: Order, connection: Connection) -> None:
    told(order, state="rejected", ship_by=timezone.now())
    Order.objects.everyone().update(ship_by=timezone.now() - timedelta(hours=1))
    open_trouble(connection.pk, "sum_differs", "sum", now=timezone.now())
    Connection.objects.everyone().update(
        state="paused",
        pause_reason="invalid_grant",
        secret_expires_on=timezone.localdate() + timedelta(days=3),
    )

    notices = CHANNELS["amazon"].notices(merchant)

    assert [notice.tone for notice in notices] == ["red", "red", "red", "red", "amber"]
    assert "Refresh-Token" in notices[0].sentence
    assert "1 Amazon-Bestellung hätte schon versendet" in notices[1].sentence
    assert "1 Versand" in notices[2].sentence
    assert "in 3 Tagen" in notices[3].sentence
    assert "1 Aufgabe " in notices[4].sentence
    assert CHANNELS["amazon"].app_card(merchant).state == "Angehalten"


def test_a_carrier_without_a_code_is_warned_about(merchant: Any, connection: Connection) -> None:
    assert CHANNELS["amazon"].carrier_warning(merchant, "DHL") is None
    assert "Fahrradkurier" in str(CHANNELS["amazon"].carrier_warning(merchant, "Fahrradkurier"))


def test_offers_come_in_with_the_products(merchant: Any, tea: Product) -> None:
    amazon = CHANNELS["amazon"]

    amazon.import_products(merchant, {tea.pk: {"asin": "B00TEE4711", "amazon": "yes"}}, now=timezone.now())

    assert amazon.product_details(merchant, [tea.pk, 999])[tea.pk]["asin"] == "B00TEE4711"
    assert list(amazon.product_details(merchant, [999])) == []
    refused = amazon.check_products(merchant, {tea.pk: {"asin": "zu kurz"}}).refused
    assert "keine ASIN" in refused[tea.pk]


def test_asin_and_sku_are_edited_on_the_product_page(staff: Client, tea: Product, merchant: Any) -> None:
    staff.post(
        f"/produkte/{tea.pk}/amazon/",
        {"enabled": "on", "asin": "b00tee4711", "sku": "TEE-1"},
    )

    offer = Offer.objects.of(merchant).get()
    assert (offer.asin, offer.sku, offer.enabled) == ("B00TEE4711", "TEE-1", True)
    assert "B00TEE4711" in body(staff.get(f"/produkte/{tea.pk}/"))


def test_a_wrong_asin_is_refused_with_a_sentence(staff: Client, tea: Product, merchant: Any) -> None:
    page = staff.post(f"/produkte/{tea.pk}/amazon/", {"asin": "123", "sku": ""}, follow=True)

    assert "keine ASIN" in body(page)
    assert not Offer.objects.of(merchant).exists()


def test_offers_belong_to_their_merchant_and_to_staff(reader: Client, stranger: Client, tea: Product) -> None:
    assert reader.post(f"/produkte/{tea.pk}/amazon/", {"asin": "B00TEE4711"}).status_code == 403
    assert stranger.post(f"/produkte/{tea.pk}/amazon/", {"asin": "B00TEE4711"}).status_code == 404
