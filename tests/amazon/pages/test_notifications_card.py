"""The card "Benachrichtigungen" on the settings page, its switch, and the same by command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kogge.amazon.connections.models import Connection
from kogge.amazon.notifications.models import Subscription, Switch
from kogge.cli.amazon_notifications import notifications
from kogge.engine.models import Due

pytestmark = pytest.mark.django_db

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/kogge"


@pytest.fixture
def has_queue(settings: Any) -> None:
    settings.KOGGE_SQS_QUEUE_URL = QUEUE


def card(client: Client) -> str:
    return client.get(reverse("amazon")).content.decode().split("<h2>Benachrichtigungen</h2>")[1]


def switch(client: Client, connection: Connection, wanted: str) -> int:
    url = reverse("amazon_notifications", args=[connection.pk])
    return client.post(url, {"notifications": wanted}).status_code


def test_without_a_queue_the_card_says_what_it_would_bring(owner: Client, connection: Connection) -> None:
    shown = card(owner)

    assert "nicht eingerichtet" in shown
    assert "Amazon verbinden" in shown
    assert "Benachrichtigungen ausschalten" not in shown


def test_each_type_says_how_it_stands(owner: Client, connection: Connection, has_queue: None) -> None:
    now = timezone.now()
    rows = Subscription.objects.everyone()
    rows.create(connection=connection, kind="ORDER_CHANGE", state="active", since=now, received_at=now)
    rows.create(
        connection=connection,
        kind="LISTINGS_ITEM_ISSUES_CHANGE",
        state="left_out",
        since=now,
        reason="Amazon does not accept the connection at createSubscription (access_denied): no.",
    )

    shown = card(owner)

    assert "Aktiv seit" in shown
    assert "Rolle fehlt" in shown
    assert "Amazon nimmt die Verbindung nicht an" in shown
    assert "wird eingerichtet" in shown


def test_the_owner_switches_them_off_and_on(owner: Client, connection: Connection, has_queue: None) -> None:
    assert switch(owner, connection, "no") == 302
    assert Switch.objects.everyone().get(connection=connection).is_on is False
    assert Due.objects.filter(operation="keep_subscriptions", subject=connection.pk).exists()
    assert "ausgeschaltet" in card(owner)

    assert switch(owner, connection, "yes") == 302
    assert Switch.objects.everyone().get(connection=connection).is_on is True


def test_the_command_says_and_does_the_same(connection: Connection, has_queue: None) -> None:
    off = CliRunner().invoke(notifications, [str(connection.pk), "--off", "--json"])
    shown = CliRunner().invoke(notifications, [str(connection.pk)])
    on = CliRunner().invoke(notifications, [str(connection.pk), "--on", "--json"])

    assert json.loads(off.output)["on"] is False
    assert "ausgeschaltet" in shown.output
    document = json.loads(on.output)
    assert (document["configured"], document["on"], len(document["types"])) == (True, True, 4)
