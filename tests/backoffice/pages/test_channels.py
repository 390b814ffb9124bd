"""Verkaufskanäle and Apps: from "Aktivieren" to a registered app, off and on again, and gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kogge.backoffice import installing
from kogge.backoffice.models import Installation, Order
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant, User
from tests.backoffice.pages.talking_channel import TalkingChannel

pytestmark = pytest.mark.django_db

SignedIn = Callable[..., Client]


def body(answer: Any) -> str:
    return str(answer.content.decode())


def act(name: str) -> str:
    return reverse(name, args=["amazon"])


@pytest.fixture
def newcomer(mallory: User, signed_in: SignedIn) -> Client:
    """The browser of an owner at whose shop nothing is installed."""
    return signed_in(mallory)


def test_activating_installs_the_app_and_registering_is_asked_for_once(
    newcomer: Client, other_merchant: Merchant
) -> None:
    before = body(newcomer.get(reverse("channels")))
    none = body(newcomer.get(reverse("apps")))
    listed = newcomer.post(act("channel_activate"), follow=True)
    asked = body(newcomer.get(act("app_register")))
    registered = newcomer.post(act("app_register"))
    again = body(newcomer.get(act("app_register")))
    newcomer.post(act("app_register"))

    assert "Du verkaufst schon dort." in before
    assert "Keine App installiert" in none
    assert listed.redirect_chain == [(reverse("apps"), 302)]
    assert "Noch nicht registriert" in body(listed)
    assert "Öffne jetzt ihre Einstellungen" in body(listed)
    for part in ("für den Shop Anderswo", "Du verkaufst schon dort.", "Produkte", "Bestellungen"):
        assert part in asked
    assert registered["Location"] == "/apps/amazon/"
    assert "durch Mallory" in again
    assert "App registrieren" not in again
    [installation] = Installation.objects.of(other_merchant)
    assert installation.registered_by == "Mallory"


def test_the_registration_names_the_remote_shop(newcomer: Client, other_merchant: Merchant) -> None:
    from kogge.remote.models import RemoteShop

    other_merchant.works_in = "versacommerce"
    other_merchant.save()
    RemoteShop.objects.everyone().create(
        merchant=other_merchant,
        url="https://anderswo.example",
        way="shop_key",
        name="Anderswos Laden",
        connected_at=timezone.now(),
    )
    newcomer.post(act("channel_activate"))

    assert "Anderswos Laden (https://anderswo.example)" in body(newcomer.get(act("app_register")))


def test_switching_off_names_the_consequences_and_can_be_taken_back(
    anna: User, signed_in: SignedIn, channel: TalkingChannel, merchant: Merchant
) -> None:
    owner = signed_in(anna)

    asked = body(owner.get(act("channel_deactivate")))
    off = body(owner.post(act("channel_deactivate"), follow=True))
    owner.post(act("channel_deactivate"))  # clicked twice
    is_off = installing.is_off(merchant.pk, "amazon")
    steps = body(owner.get(reverse("overview")))
    on = body(owner.post(act("channel_activate"), follow=True))

    assert "Nichts geht mehr hinaus." in asked
    assert "Deaktiviert seit" in off
    assert is_off
    assert f'<a class="btn btn-primary" href="{reverse("channels")}">Aktivieren' in steps
    assert "ist aktiv und holt nach" in on
    assert channel.switched == ["off", "on"]


def test_staff_and_readers_see_how_it_stands_and_who_can_act(
    ben: User, rita: User, signed_in: SignedIn, merchant: Merchant
) -> None:
    Installation.objects.of(merchant).update(registered_at=None)

    for user in (ben, rita):
        browser = signed_in(user)
        assert "Noch nicht registriert" in body(browser.get(reverse("channels")))
        assert "Das können nur Inhaber" in body(browser.get(act("app_register")))
        for name in ("channel_activate", "channel_deactivate", "app_register", "app_uninstall"):
            assert browser.post(act(name)).status_code == 403, name


def test_uninstalling_is_confirmed_and_refused_while_orders_wait_for_their_parcel(
    anna: User, signed_in: SignedIn, channel: TalkingChannel, order: Order, merchant: Merchant
) -> None:
    owner = signed_in(anna)

    asked = body(owner.get(act("app_uninstall")))
    unsure = owner.post(act("app_uninstall"), {"even_open": "yes"})
    refused = owner.post(act("app_uninstall"), {"sure": "yes"})
    still = Installation.objects.of(merchant).exists()
    done = owner.post(act("app_uninstall"), {"sure": "yes", "even_open": "yes"}, follow=True)

    assert "Die Zugangsdaten sind weg." in asked
    assert "1 Bestellung ist noch zu versenden" in asked
    assert (unsure.status_code, refused.status_code) == (422, 422)
    assert "Bestätige zuerst" in body(unsure)
    assert "braucht ihre Adresse" in body(refused)
    assert still
    assert "Keine App installiert" in body(done)
    assert channel.switched == ["gone"]


def test_what_is_not_installed_can_be_neither_registered_nor_switched(other_merchant: Merchant) -> None:
    now = timezone.now()

    with pytest.raises(Refusal):
        installing.register(other_merchant, "amazon", by="Mallory", now=now)
    with pytest.raises(Refusal):
        installing.deactivate(other_merchant, "amazon", now=now)
    with pytest.raises(Refusal):
        installing.uninstall(other_merchant, "amazon", even_open=True, now=now)


def test_a_channel_that_does_not_exist_is_not_there(anna: User, signed_in: SignedIn) -> None:
    assert signed_in(anna).post(reverse("channel_activate", args=["ebay"])).status_code == 404
