"""From a fresh login to a connected channel, and what stands before the app's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.backoffice import installing, placing
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Installation
from kogge.merchants.models import Merchant
from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SELLER_ID, STORE_NAME, Simulator
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

APP = "/apps/amazon/"


class Journey:
    """Somebody who only clicks what the pages show, without scripts; every click counts."""

    def __init__(self, client: Client, start: str) -> None:
        self.client = client
        self.clicks = 0
        self._show(client.get(start, follow=True))

    def click(self, words: str, **typed: Any) -> None:
        """Click the link or button with these words; `typed` is entered into its form before."""
        self.clicks += 1
        [*buttons] = [b for form in self.page.forms for b in form.xpath(".//button") if _says(b, words)]
        if buttons:
            form = next(buttons[0].iterancestors("form"))
            values = _values(form) | typed
            answer = self.client.post(form.action or self.path, values, follow=True)
        else:
            link = next(a for a in self.page.xpath("//a[@href]") if _says(a, words))
            answer = self.client.get(link.get("href"), follow=True)
        self._show(answer)

    def says(self, words: str) -> bool:
        return words in " ".join(self.page.text_content().split())

    def _show(self, answer: Any) -> None:
        assert answer.status_code == 200
        self.path = answer.request["PATH_INFO"]
        self.page: Any = lxml.html.fromstring(answer.content)


def _says(element: Any, words: str) -> bool:
    return " ".join(element.text_content().split()).startswith(words)


def _values(form: Any) -> dict[str, Any]:
    """What a browser would send of the form as it stands."""
    values: dict[str, Any] = {}
    for name, value in form.form_values():
        values.setdefault(name, []).append(value)
    return values


def test_from_a_fresh_login_to_a_connected_channel_in_eight_clicks(
    merchant: Merchant, anna: Any, amazon: Simulator
) -> None:
    Installation.objects.of(merchant).delete()
    journey = Journey(Client(HTTP_HOST="localhost"), "/")
    needs = "Du musst bereits bei Amazon verkaufen"

    journey.click("Anmelden", username="anna@example.org", password=PASSWORD)
    journey.click("Verkaufskanäle")
    told_before = journey.says(needs)
    journey.click("Aktivieren")
    listed = journey.path, journey.says("Installierte Apps")
    journey.click("Einstellungen Amazon")
    asked = journey.path, journey.says("Registrierung der App für deinen Shop"), journey.says(needs)
    journey.click("App registrieren")
    journey.click("Mit eigener App verbinden")
    journey.click(
        "Verbindung prüfen",
        seller_id=SELLER_ID,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=REFRESH_TOKEN,
    )
    journey.click("Jetzt verbinden")

    assert told_before
    assert listed == (reverse("apps"), True)
    assert asked == (reverse("app_register", args=["amazon"]), True, True)
    assert journey.says(STORE_NAME)
    assert Connection.objects.of(merchant).get().state == "active"
    assert journey.clicks <= 8


def test_before_the_registration_every_page_of_the_app_leads_to_it(
    merchant: Merchant, owner: Client, staff: Client, connection: Connection
) -> None:
    pages = [reverse(name) for name in ("amazon", "amazon_connect", "amazon_offers", "amazon_troubles")]
    pages.append(reverse("amazon_state", args=[connection.pk]))
    window = reverse("app_register", args=["amazon"])

    Installation.objects.of(merchant).update(registered_at=None)
    unregistered = [browser.get(page)["Location"] for browser in (owner, staff) for page in pages]
    acted = owner.post(reverse("amazon_pause", args=[connection.pk]))
    Installation.objects.of(merchant).delete()
    uninstalled = [owner.get(page)["Location"] for page in pages]

    assert set(unregistered) == {window}
    assert acted["Location"] == window
    assert set(uninstalled) == {reverse("channels")}
    connection.refresh_from_db()
    assert connection.state == "active"


def test_while_the_channel_is_off_its_pages_can_be_read_but_nothing_is_connected(
    merchant: Merchant, owner: Client, connection: Connection, amazon: Simulator
) -> None:
    installing.deactivate(merchant, "amazon", now=timezone.now())
    calls = dict(amazon.calls)

    read = owner.get(APP).content.decode()
    notices = CHANNELS["amazon"].notices(merchant)
    ways = ("amazon_connect", "amazon_connect_private", "amazon_connect_consent", "amazon_connect_choose")
    refused = [owner.post(reverse(name))["Location"] for name in (*ways, "amazon_consent")]
    refused += [
        owner.post(reverse(name, args=[connection.pk]))["Location"]
        for name in ("amazon_credentials", "amazon_resume")
    ]

    assert "Der Verkaufskanal Amazon ist deaktiviert" in read
    assert "Zugangsdaten ersetzen" not in read
    assert [notice.tone for notice in notices if "deaktiviert" in notice.sentence] == ["amber"]
    assert set(refused) == {reverse("channels")}
    assert dict(amazon.calls) == calls
    connection.refresh_from_db()
    assert connection.pause_reason == accounts.CHANNEL_OFF


def test_the_consequences_count_what_is_open(
    merchant: Merchant, owner: Client, connection: Connection
) -> None:
    from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
    from tests.amazon.pages.offering import offer, product
    from tests.amazon.pages.shipping import fulfilment, own_order
    from tests.backoffice import shop

    tea = product(merchant, "TEE-1")
    offer(tea, fba=True)
    fulfilment(connection, own_order(merchant, tea), state="handed")
    fulfilment(connection, own_order(merchant, tea), state="planned")
    now = timezone.now()
    placing.place(merchant.pk, [shop.new_order("305-1", shop.new_line())], now=now)
    found = AmazonOrder.objects.everyone().create(
        connection=connection, order_id="305-2", intake="ignored", first_seen_at=now
    )
    ShipmentConfirmation.objects.everyone().create(
        connection=connection, order=found, parcel=1, carrier="DHL", tracking_number="1",
        shipped_at=now, created_at=now, not_before=now + timedelta(minutes=1),
    )  # fmt: skip

    asked = owner.get(reverse("channel_deactivate", args=["amazon"])).content.decode()

    for sentence in (
        "1 offene Bestellung von Amazon bleibt im Shop",
        "1 Versand ist Amazon noch nicht bestätigt",
        "1 Bestellung deines Shops ist zum Versand bei Amazon",
        "1 Bestellung deines Shops sollte bald an Amazon gehen",
        "Was bis dahin niemand packt oder versendet, kann danach an Amazon gehen.",
    ):
        assert sentence in asked, sentence
