"""An own order that Amazon ships, as its page shows it, and what can be done there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone, translation

from kogge.amazon.connections.accounts import BY_MERCHANT, pause
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.addresses import STOPS, WARNS
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.previewing import ForeseenFee, Foresight
from kogge.amazon.fba.words import FINDINGS, LOOKS
from kogge.amazon.journal.book import Entry, open_trouble, record
from kogge.amazon.journal.words import FULFILLMENT_STATUS
from kogge.amazon.pages.fulfilment_panel import is_changing
from kogge.backoffice.models import Order, Product
from kogge.engine.models import Due
from kogge.spapi.fulfillment_orders import STATUSES
from tests.amazon.pages.offering import offer, product
from tests.amazon.pages.shipping import fulfilment, own_order, parcel, shelve

pytestmark = pytest.mark.django_db

State = FulfillmentOrder.State


@pytest.fixture
def tea(connection: Connection) -> Product:
    """A product Amazon ships."""
    tea = product(connection.merchant, "TEE-1")
    offer(tea, fba=True, fba_sku="SKU-TEE-1")
    return tea


@pytest.fixture
def order(connection: Connection, tea: Product) -> Order:
    return own_order(connection.merchant, tea)


def soon(minutes: float = 4.5) -> Any:
    return timezone.now() + timedelta(minutes=minutes)


def page_of(browser: Client, order: Order) -> str:
    return str(browser.get(f"/bestellungen/{order.number}/").content.decode())


def test_inside_the_cut_off_window_it_can_be_sent_or_stopped(
    staff: Client, connection: Connection, order: Order
) -> None:
    planned = fulfilment(connection, order, hand_over_at=soon())

    page = page_of(staff, order)

    assert "Geht bald an Amazon" in page
    assert "Uhr an Amazon, in 4 Minuten." in page
    assert f"/apps/amazon/versand/{planned.pk}/uebergeben/" in page
    assert f"/apps/amazon/versand/{planned.pk}/anhalten/" in page
    assert "Auftrag stornieren" not in page


def test_readers_see_it_without_buttons(reader: Client, connection: Connection, order: Order) -> None:
    fulfilment(connection, order, hand_over_at=soon())

    page = page_of(reader, order)

    assert "Geht bald an Amazon" in page
    assert "/uebergeben/" not in page


def test_the_preview_names_each_fee_and_the_dates_as_estimates(
    staff: Client, connection: Connection, order: Order
) -> None:
    foreseen = Foresight(
        speed="STANDARD",
        is_possible=True,
        fees=(
            ForeseenFee(name="FBAPerUnitFulfillmentFee", amount=Decimal("3.20"), currency="EUR"),
            ForeseenFee(name="FBATransportationFee", amount=Decimal("1.05"), currency="EUR"),
        ),
        total=Decimal("4.25"),
        currency="EUR",
        leaves_to=timezone.now() + timedelta(days=1),
        arrives_to=timezone.now() + timedelta(days=2),
    )
    fulfilment(connection, order, hand_over_at=soon(), preview_json=msgspec.to_builtins(foreseen))

    page = page_of(staff, order)

    assert "Versandgebühr je Stück" in page
    assert "Gebühren voraussichtlich" in page
    assert "3,20" in page
    assert "4,25" in page
    assert "Versand voraussichtlich" in page
    assert "Zustellung voraussichtlich" in page


def test_findings_of_the_address_are_sentences(staff: Client, connection: Connection, order: Order) -> None:
    fulfilment(connection, order, hand_over_at=soon(), findings=["no_house_number", "no_phone"])

    page = page_of(staff, order)

    assert "Die Hausnummer scheint zu fehlen." in page
    assert "Ohne Telefonnummer kann der Zusteller nicht nachfragen." in page


def test_every_finding_state_and_status_has_words() -> None:
    assert {*STOPS, *WARNS} == set(FINDINGS)
    assert set(LOOKS) == set(State)
    assert set(STATUSES) == set(FULFILLMENT_STATUS)


def test_parcels_show_their_way_and_tracking(staff: Client, connection: Connection, order: Order) -> None:
    done = fulfilment(connection, order, State.DONE, amazon_status="COMPLETE")
    parcel(done, status="OUT_FOR_DELIVERY")
    parcel(done, tracking_number="", tracking_url="", status="")

    page = page_of(staff, order)

    assert "Amazon hat alles versendet." in page
    assert 'href="https://www.example.org/verfolgen"' in page
    assert "wird heute zugestellt" in page
    assert "noch ohne Trackingnummer" in page


def test_the_outcome_of_a_hand_over_may_be_uncertain(
    staff: Client, connection: Connection, order: Order
) -> None:
    fulfilment(connection, order, State.SENDING, last_error="timed out", not_before=soon())

    page = page_of(staff, order)

    assert "ist ungewiss: Kogge sieht erst nach, nichts geht doppelt. Nächster Versuch um" in page
    assert "Gleich lässt er sich stornieren." in page


def test_earlier_attempts_are_folded(staff: Client, connection: Connection, order: Order) -> None:
    fulfilment(connection, order, State.RETURNED, reason="no_stock")
    fulfilment(connection, order, State.HANDED, amazon_status="PLANNING")

    page = page_of(staff, order)

    assert "1 früherer Auftrag" in page
    assert "Amazon hat die Bestellung: wird bei Amazon eingeplant." in page
    assert "sie ist wieder bei dir: zu wenig Bestand im Amazon-Lager." in page


def test_an_unpaid_order_waits(staff: Client, connection: Connection, tea: Product) -> None:
    unpaid = own_order(connection.merchant, tea, payment_status=Order.Payment.OPEN)

    assert "Wartet auf Zahlung." in page_of(staff, unpaid)


def test_a_paused_connection_says_so(staff: Client, connection: Connection, order: Order) -> None:
    fulfilment(connection, order, State.HANDED)
    pause(connection.pk, BY_MERCHANT, now=timezone.now())

    assert "Solange übergibt Kogge nichts" in page_of(staff, order)


def test_what_is_open_can_be_handed_over_by_a_click(
    staff: Client, connection: Connection, order: Order
) -> None:
    shelve(connection, "SKU-TEE-1", 9)
    fulfilment(connection, order, State.STOPPED, reason="by_merchant")
    order.lines.update(fulfilled_by="")

    page = page_of(staff, order)
    answer = staff.post(f"/bestellungen/{order.number}/amazon/versenden/", follow=True)

    assert "Amazon-Lager: 9 frei" in page
    assert "Durch Amazon versenden" in page
    assert "ist für den Versand durch Amazon vorgemerkt." in str(answer.content.decode())
    assert FulfillmentOrder.objects.of(connection.merchant).filter(state=State.PLANNED).count() == 1


def test_what_comes_back_at_once_says_why(staff: Client, connection: Connection, order: Order) -> None:
    shelve(connection, "SKU-TEE-1", 9)
    fulfilment(connection, order, State.STOPPED, reason="by_merchant")
    Order.objects.everyone().filter(pk=order.pk).update(sealed_people=None)

    answer = staff.post(f"/bestellungen/{order.number}/amazon/versenden/", follow=True)

    assert "die Lieferadresse passt für Amazon nicht." in str(answer.content.decode())
    assert "vorgemerkt" not in str(answer.content.decode()).split("<main")[1].split("columns")[0]


def test_without_enough_stock_it_says_why_not(staff: Client, connection: Connection, order: Order) -> None:
    shelve(connection, "SKU-TEE-1", 1)
    fulfilment(connection, order, State.RETURNED, reason="no_stock")
    order.lines.update(fulfilled_by="")

    page = page_of(staff, order)

    assert "Im Amazon-Lager ist nur 1 frei." in page
    assert "/amazon/versenden/" not in page


def test_stopping_it_leaves_the_lines_with_the_merchant(
    staff: Client, connection: Connection, order: Order
) -> None:
    planned = fulfilment(connection, order, hand_over_at=soon())

    answer = staff.post(f"/apps/amazon/versand/{planned.pk}/anhalten/", follow=True)

    assert "Angehalten: Die Bestellung geht nicht an Amazon." in str(answer.content.decode())
    planned.refresh_from_db()
    assert planned.state == State.STOPPED
    assert order.lines.get().fulfilled_by == ""


def test_sending_it_now_makes_the_hand_over_due(staff: Client, connection: Connection, order: Order) -> None:
    planned = fulfilment(connection, order, hand_over_at=soon(60))

    staff.post(f"/apps/amazon/versand/{planned.pk}/uebergeben/")

    planned.refresh_from_db()
    assert planned.hand_over_at <= timezone.now()
    assert Due.objects.get(operation="hand_over", subject=connection.pk).due_at <= timezone.now()


def test_what_comes_too_late_is_a_sentence(staff: Client, connection: Connection, order: Order) -> None:
    handed = fulfilment(connection, order, State.HANDED)

    answer = staff.post(f"/apps/amazon/versand/{handed.pk}/anhalten/", follow=True)

    handed.refresh_from_db()
    assert handed.state == State.HANDED
    assert 'class="notice tone-red' in str(answer.content.decode())


def test_cancelling_asks_what_for(staff: Client, connection: Connection, order: Order) -> None:
    handed = fulfilment(connection, order, State.HANDED, accepted_at=timezone.now())
    url = f"/bestellungen/amazon/{handed.pk}/stornieren/"

    page = str(staff.get(f"{url}?danach=resend").content.decode())
    answer = staff.post(url, {"wish": "cancel_order", "reason": "buyer_cancelled"}, follow=True)

    assert 'value="resend" required checked' in page
    assert "Die Bestellung wird auch im Shop storniert." in page
    assert "Amazon wird gebeten, den Auftrag zu stornieren." in str(answer.content.decode())
    handed.refresh_from_db()
    assert (handed.wish, handed.wish_reason) == ("cancel_order", "buyer_cancelled")


def test_once_amazon_packs_the_page_says_why_not(staff: Client, connection: Connection, order: Order) -> None:
    handed = fulfilment(connection, order, State.HANDED, picking_begun=True)

    page = str(staff.get(f"/bestellungen/amazon/{handed.pk}/stornieren/").content.decode())

    assert "Amazon packt schon und storniert nicht mehr." in page
    assert '<form method="post">' not in page
    assert "Amazon packt schon und storniert nicht mehr." in page_of(staff, order)


def test_a_wish_that_is_none_is_asked_again(staff: Client, connection: Connection, order: Order) -> None:
    handed = fulfilment(connection, order, State.HANDED)

    answer = staff.post(f"/bestellungen/amazon/{handed.pk}/stornieren/", {"wish": "burn"})

    assert answer.status_code == 422
    handed.refresh_from_db()
    assert handed.wish == ""


def test_troubles_stand_on_the_order_with_their_buttons(
    staff: Client, connection: Connection, order: Order
) -> None:
    stuck = fulfilment(connection, order, State.HANDED)
    open_trouble(
        connection.pk,
        "fulfillment_stuck",
        f"fulfillment_stuck:{stuck.order_id}",
        now=timezone.now(),
        amazon_order_id=stuck.order_id,
        number=str(order.number),
    )

    on_order = page_of(staff, order)
    among_all = str(staff.get("/apps/amazon/aufgaben/").content.decode())

    for page in (on_order, among_all):
        assert f"Bestellung {order.number} hängt bei Amazon seit mehr als einem Tag." in page
        assert f"/bestellungen/amazon/{stuck.pk}/stornieren/?danach=resend" in page
        assert f"/bestellungen/amazon/{stuck.pk}/stornieren/?danach=ship_self" in page
    assert f'href="/bestellungen/{order.number}/"' in among_all
    assert "1 Bestellung hängt beim Versand durch Amazon." in str(staff.get("/").content.decode())


def test_the_timeline_tells_what_happened_at_amazon(
    staff: Client, connection: Connection, order: Order
) -> None:
    handed = fulfilment(connection, order, State.HANDED)
    details = {"number": str(order.number), "status": "PLANNING"}
    record([Entry(connection.pk, "fulfillment_status", timezone.now(), handed.order_id, details)])

    assert "Versand durch Amazon: wird bei Amazon eingeplant." in page_of(staff, order)


def test_the_timeline_tells_each_parcel_once(staff: Client, connection: Connection, order: Order) -> None:
    """The shop has recorded it and tells of it; the journal's entry is for Amazon's side alone."""
    handed = fulfilment(connection, order, "handed")
    entries = [
        Entry(connection.pk, "fulfillment_accepted", timezone.now(), handed.order_id),
        Entry(connection.pk, "fulfillment_parcel", timezone.now(), handed.order_id, {"carrier": "DHL"}),
    ]
    record(entries)

    page = page_of(staff, order)

    assert "Amazon hat die Bestellung zum Versand angenommen." in page
    assert "Amazon hat ein Paket versendet" not in page


@pytest.mark.parametrize(
    ("state", "values", "changes"),
    [
        ("planned", {"hand_over_at": timedelta(minutes=2)}, True),
        ("planned", {"hand_over_at": timedelta(hours=8)}, False),
        ("sending", {}, True),
        ("handed", {}, False),
        ("handed", {"wish": "ship_self"}, True),
        ("handed", {"accepted_at": -timedelta(minutes=2)}, True),
        ("handed", {"status_changed_at": -timedelta(minutes=2)}, True),
        ("handed", {"status_changed_at": -timedelta(minutes=4)}, False),
        ("done", {"finished_at": -timedelta(minutes=1)}, True),
        ("done", {"finished_at": -timedelta(days=1)}, False),
    ],
)
def test_the_page_looks_again_only_while_something_is_about_to_change(
    connection: Connection, order: Order, state: str, values: dict[str, Any], changes: bool
) -> None:
    now = timezone.now()
    moments = {name: now + value if isinstance(value, timedelta) else value for name, value in values.items()}

    found = fulfilment(connection, order, state, **({"created_at": now - timedelta(hours=2)} | moments))

    assert is_changing(found, now) is changes


def test_the_page_is_there_in_english(staff: Client, connection: Connection, order: Order) -> None:
    fulfilment(connection, order, hand_over_at=soon(), findings=["po_box"])

    with translation.override("en"):
        page = str(staff.get(f"/bestellungen/{order.number}/", HTTP_ACCEPT_LANGUAGE="en").content.decode())

    assert "Fulfilment by Amazon" in page
    assert "PO box: Amazon often does not deliver there." in page


def test_an_order_without_fba_has_no_such_panel(staff: Client, connection: Connection) -> None:
    plain = own_order(connection.merchant, product(connection.merchant, "KANNE"))
    plain.lines.update(fulfilled_by="")

    assert "versand-durch-amazon" not in page_of(staff, plain)
