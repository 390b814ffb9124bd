from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders.models import AmazonOrder, OrderCursor
from kogge.amazon.pages.standing import freshness
from kogge.engine import due
from kogge.engine.models import Due
from kogge.simulator import CLIENT_SECRET, REFRESH_TOKEN, STORE_NAME

HOME = "/apps/amazon/"
pytestmark = pytest.mark.django_db


def body(response: Any) -> str:
    return str(response.content.decode())


def run(connection: Connection, **other: Any) -> Run:
    values = {"kind": Run.Kind.CHECK, "state": Run.State.DONE, "started_at": timezone.now()}
    return Run.objects.everyone().create(connection=connection, **(values | other))


def test_without_a_connection_the_page_says_what_to_do_next(owner: Client, reader: Client) -> None:
    assert "/apps/amazon/verbinden/" in body(owner.get(HOME))
    assert "/apps/amazon/verbinden/" not in body(reader.get(HOME))
    assert "Noch kein Amazon-Konto verbunden" in body(reader.get(HOME))


def test_a_connection_shows_how_it_stands(owner: Client, connection: Connection) -> None:
    run(connection, finished_at=timezone.now(), seen=20, new=19, calls=1)
    Due.objects.update(due_at=timezone.now() + timedelta(minutes=9))

    page = body(owner.get(HOME))

    for part in (
        STORE_NAME,
        "Verbunden",
        "Amazon.de",
        "Amazon.fr",
        "frisch",
        "Jetzt prüfen",
        connection.seller_id,
    ):
        assert part in page


@pytest.mark.parametrize(
    ("minutes", "word", "tone"),
    [(5, "frisch", "green"), (20, "verspätet", "amber"), (90, "überfällig", "red")],
)
def test_the_age_of_the_last_check_is_told_in_colour_and_word(
    connection: Connection, minutes: int, word: str, tone: str
) -> None:
    now = timezone.now()
    last = run(connection, finished_at=now - timedelta(minutes=minutes))

    told = freshness(last, now)

    assert (told.text, told.tone) == (word, tone)


def test_a_failed_check_does_not_count_as_fresh(owner: Client, connection: Connection) -> None:
    run(connection, state=Run.State.FAILED, finished_at=timezone.now(), reason="Amazon antwortet nicht")

    page = body(owner.get(HOME))

    assert "noch keine Prüfung" in page
    assert "Amazon antwortet nicht" in page


def test_new_orders_are_counted_since_the_last_look(owner: Client, connection: Connection) -> None:
    owner.get(HOME)
    AmazonOrder.objects.everyone().create(
        connection=connection,
        order_id="305-1182244-9021001",
        intake=AmazonOrder.Intake.PLACED,
        shop_order_id="1",
        first_seen_at=timezone.now(),
    )

    first, second = owner.get(HOME), owner.get(HOME)

    assert first.context["cards"][0]["standing"].new == 1
    assert second.context["cards"][0]["standing"].new == 0


def test_check_now_makes_the_check_due(staff: Client, connection: Connection) -> None:
    Due.objects.update(due_at=timezone.now() + timedelta(hours=1))

    page = staff.post(f"{HOME}{connection.pk}/pruefen/", follow=True)

    assert page.redirect_chain == [(HOME, 302)]
    assert Due.objects.get(operation="check_orders", subject=connection.pk).due_at <= timezone.now()
    assert "beginnt gleich" in body(page)


def test_check_now_with_htmx_answers_the_card_that_looks_again(staff: Client, connection: Connection) -> None:
    page = staff.post(f"{HOME}{connection.pk}/pruefen/", headers={"HX-Request": "true"})

    assert "every 2s" in body(page)
    assert "<html" not in body(page)


def test_the_card_slows_down_when_the_check_is_over(staff: Client, connection: Connection) -> None:
    Due.objects.update(due_at=timezone.now() + timedelta(minutes=9))

    page = staff.get(f"{HOME}{connection.pk}/stand/", {"since": connection.connected_at.isoformat()})

    assert "every 20s" in body(page)


@pytest.mark.parametrize("since", ["", "yesterday", "2026-13-01T00:00:00+00:00", "2026-11-23T09:00:00"])
def test_a_since_that_is_no_moment_harms_nothing(staff: Client, connection: Connection, since: str) -> None:
    assert staff.get(f"{HOME}{connection.pk}/stand/", {"since": since}).status_code == 200


def test_a_check_is_not_asked_of_a_paused_connection(staff: Client, connection: Connection) -> None:
    Connection.objects.everyone().update(state="paused", pause_reason="by_merchant")
    Due.objects.all().delete()

    page = staff.post(f"{HOME}{connection.pk}/pruefen/", follow=True)

    assert "angehalten" in body(page)
    assert not Due.objects.filter(operation="check_orders").exists()


def test_a_paused_connection_says_why_and_what_to_do_on_every_page(
    owner: Client, connection: Connection
) -> None:
    Connection.objects.everyone().update(state="paused", pause_reason="invalid_grant")

    for address in (HOME, "/apps/amazon/aufgaben/"):
        page = body(owner.get(address))
        assert "Refresh-Token ist abgelaufen oder widerrufen" in page
        assert f"/apps/amazon/{connection.pk}/zugangsdaten/" in page


def test_pausing_and_resuming(owner: Client, connection: Connection) -> None:
    owner.post(f"{HOME}{connection.pk}/anhalten/")
    connection.refresh_from_db()
    paused = connection.state
    owner.post(f"{HOME}{connection.pk}/fortsetzen/")
    connection.refresh_from_db()

    assert (paused, connection.state) == ("paused", "active")


def test_the_dispatch_mail_is_off_and_warned_about(owner: Client, connection: Connection) -> None:
    page = body(owner.get(HOME))
    owner.post(f"{HOME}{connection.pk}/versandbestaetigung/", {"dispatch_mail": "yes"})

    connection.refresh_from_db()
    assert "riskiert eine Verwarnung" in page
    assert connection.dispatch_mail is True


def test_marketplaces_are_chosen(owner: Client, connection: Connection) -> None:
    page = owner.post(f"{HOME}{connection.pk}/marktplaetze/", {"marketplace_ids": ["A13V1IB3VIYZZH"]})

    active = connection.marketplaces.filter(active=True).values_list("marketplace_id", flat=True)
    assert page.headers["Location"] == HOME
    assert list(active) == ["A13V1IB3VIYZZH"]


def test_no_marketplace_at_all_is_refused_with_a_sentence(owner: Client, connection: Connection) -> None:
    page = owner.post(f"{HOME}{connection.pk}/marktplaetze/", {})

    assert "mindestens einen Marktplatz" in body(page)


def test_disconnecting_names_the_consequence_first(owner: Client, connection: Connection) -> None:
    page = body(owner.get(f"{HOME}{connection.pk}/trennen/"))
    connection.refresh_from_db()
    before = bytes(connection.sealed_credentials)
    owner.post(f"{HOME}{connection.pk}/trennen/")
    connection.refresh_from_db()

    assert "Es kommen keine Amazon-Bestellungen mehr an" in page
    assert before != b""
    assert bytes(connection.sealed_credentials) == b""
    assert "getrennt" in body(owner.get(HOME))


def test_earlier_orders_show_how_far_back_they_are(owner: Client, connection: Connection) -> None:
    now = timezone.now()
    Connection.objects.everyone().update(start_from=now - timedelta(days=400))
    cursor, _made = OrderCursor.objects.everyone().get_or_create(
        connection=connection, kind=Run.Kind.BACKFILL
    )
    cursor.until, cursor.slice_until = now, now - timedelta(days=100)
    cursor.save()

    page = body(owner.get(HOME))

    assert "25 %, zurück bis" in page
    assert 'width="25"' in page


def test_what_expires_is_announced(owner: Client, connection: Connection) -> None:
    Connection.objects.everyone().update(secret_expires_on=timezone.localdate() + timedelta(days=20))

    page = body(owner.get(HOME))

    assert "Client Secret deiner Amazon-App läuft" in page


@pytest.mark.parametrize(
    "act", ["versandbestaetigung", "marktplaetze", "zugangsdaten", "anhalten", "fortsetzen", "trennen"]
)
def test_only_the_owner_changes_the_connection(
    staff: Client, reader: Client, connection: Connection, act: str
) -> None:
    assert staff.post(f"{HOME}{connection.pk}/{act}/").status_code == 403
    assert reader.post(f"{HOME}{connection.pk}/{act}/").status_code == 403


def test_readers_look_but_start_no_check(reader: Client, connection: Connection) -> None:
    assert reader.get(HOME).status_code == 200
    assert "Jetzt prüfen" not in body(reader.get(HOME))
    assert reader.post(f"{HOME}{connection.pk}/pruefen/").status_code == 403


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("get", "stand"),
        ("get", "verbunden"),
        ("get", "marktplaetze"),
        ("get", "zugangsdaten"),
        ("get", "trennen"),
        ("post", "pruefen"),
        ("post", "versandbestaetigung"),
        ("post", "marktplaetze"),
        ("post", "zugangsdaten"),
        ("post", "anhalten"),
        ("post", "fortsetzen"),
        ("post", "trennen"),
    ],
)
def test_another_merchants_connection_does_not_exist(
    stranger: Client, connection: Connection, method: str, act: str
) -> None:
    answer = getattr(stranger, method)(f"{HOME}{connection.pk}/{act}/")

    connection.refresh_from_db()
    assert answer.status_code == 404
    assert connection.state == "active"


@pytest.mark.parametrize("address", [HOME, f"{HOME}pruefungen/", f"{HOME}aufgaben/", f"{HOME}versender/"])
def test_another_merchants_pages_show_nothing_of_it(
    stranger: Client, connection: Connection, trouble: Any, address: str
) -> None:
    run(connection, finished_at=timezone.now(), reason="nur für Anna")

    page = body(stranger.get(address))

    for part in (connection.seller_id, STORE_NAME, trouble.amazon_order_id, "nur für Anna"):
        assert part not in page


def test_nobody_sees_a_page_without_signing_in(client: Client, connection: Connection) -> None:
    for address in (HOME, f"{HOME}aufgaben/", f"{HOME}{connection.pk}/stand/", "/apps/amazon/zustimmung/"):
        assert client.get(address).status_code == 302


def test_no_secret_is_in_any_page(owner: Client, connection: Connection, trouble: Any) -> None:
    addresses = ["", "aufgaben/", "pruefungen/", "versender/", "verbinden/", "verbinden/eigene-app/"]
    addresses += [
        f"{connection.pk}/{part}/"
        for part in ("zugangsdaten", "marktplaetze", "trennen", "verbunden", "stand")
    ]

    for address in addresses:
        page = body(owner.get(HOME + address))
        assert CLIENT_SECRET not in page
        assert REFRESH_TOKEN not in page


def test_the_runs_are_listed_with_their_figures(reader: Client, connection: Connection) -> None:
    run(connection, finished_at=timezone.now(), seen=1234, new=17, updated=3, calls=13, failed=2)
    run(connection, kind=Run.Kind.COMPARE, finished_at=timezone.now(), reason="nächtlich verglichen")

    everything = body(reader.get(f"{HOME}pruefungen/"))
    checks = body(reader.get(f"{HOME}pruefungen/", {"kind": "check"}))

    assert "1.234" in everything
    assert "2 mit Fehlern" in everything
    assert "nächtlich verglichen" in everything
    assert "nächtlich verglichen" not in checks


def test_looks_in_a_row_that_found_nothing_are_one_line(reader: Client, connection: Connection) -> None:
    now = timezone.now()
    run(connection, finished_at=now, looks=12, since=now - timedelta(hours=2), calls=12)

    page = body(reader.get(f"{HOME}pruefungen/"))

    assert "12-mal nachgesehen seit" in page
    assert "nichts Neues" in page


def test_limits_are_shown_as_what_is_left(owner: Client, connection: Connection) -> None:
    from kogge.engine import buckets

    buckets.take(connection.pk, "searchOrders", rate=0.0056, burst=20, now=timezone.now())

    page = body(owner.get(HOME))

    assert "Bestellungen suchen" in page
    assert "noch 19 von 20" in page


def test_pages_are_there_in_english(owner: Client, connection: Connection, trouble: Any) -> None:
    owner.cookies["django_language"] = "en"
    Due.objects.update(due_at=timezone.now() + timedelta(minutes=9))

    page = body(owner.get(HOME)) + body(owner.get(f"{HOME}aufgaben/")) + body(owner.get(f"{HOME}versender/"))

    assert "Check now" in page
    for german in ("Jetzt prüfen", "Letzte Prüfung", "Aufgaben", "Versender", "Verbunden", "Amazon nennt"):
        assert german not in page


def test_a_lease_that_is_held_shows_as_running(owner: Client, connection: Connection) -> None:
    due.claim_one("check_orders", connection.pk, "tests", now=timezone.now())

    assert "läuft gerade" in body(owner.get(HOME))
