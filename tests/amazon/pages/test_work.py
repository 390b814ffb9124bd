"""The page "Hintergrundarbeit": what runs by itself, when it runs next, what is left of Amazon's limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kogge.amazon.connections import accounts, limits
from kogge.amazon.connections.limits import BucketLimiter
from kogge.amazon.connections.models import Connection
from kogge.amazon.pages.work_words import OF_CONNECTION, OF_MERCHANT, USES
from kogge.engine import buckets, due
from kogge.engine.models import Due
from kogge.engine.work import CONNECTION, MERCHANT, Rank
from kogge.merchants.models import Merchant
from kogge.schedule import OPERATIONS

HOME = "/einstellungen/hintergrundarbeit/"
pytestmark = pytest.mark.django_db


def body(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def check(connection: Connection) -> Due:
    """The check for orders: nothing else is due."""
    Due.objects.update(due_at=timezone.now() + timedelta(days=1))
    return Due.objects.get(operation="check_orders", subject=connection.pk)


def stands(row: Due, **facts: Any) -> None:
    Due.objects.filter(pk=row.pk).update(**facts)


def test_every_operation_has_its_sentence() -> None:
    assert OF_CONNECTION.keys() == {name for name, each in OPERATIONS.items() if each.serves == CONNECTION}
    assert OF_MERCHANT.keys() == {name for name, each in OPERATIONS.items() if each.serves == MERCHANT}


def test_what_an_operation_waits_for_is_judged_by_its_own_rank() -> None:
    """`send_feeds` and `send_offers` ask for the less pressing part of their work at a lower one."""
    inside = {"send_feeds": Rank.CANCEL_AND_DISPATCH, "send_offers": Rank.OFFERS}

    assert {name: inside.get(name, OPERATIONS[name].rank) for name in USES} == {
        name: rank for name, (_calls, rank) in USES.items()
    }


def test_the_page_says_what_runs_when(reader: Client, check: Due) -> None:
    now = timezone.now()
    stands(check, due_at=now - timedelta(seconds=1))
    assert "beginnt gleich" in body(reader.get(HOME))

    stands(check, leased_until=now + timedelta(seconds=40), started_at=now - timedelta(minutes=3))
    assert "läuft seit 3 Minuten" in body(reader.get(HOME))

    stands(check, leased_by=due.QUEUE)
    assert "beginnt gleich" in body(reader.get(HOME))

    stands(check, leased_until=None, leased_by="", due_at=now + timedelta(days=2))
    assert "nächster Lauf am" in body(reader.get(HOME))


def test_a_failed_run_names_its_error_and_the_next_attempt(reader: Client, check: Due) -> None:
    error = "searchOrders failed: Amazon could not be reached"
    stands(check, attempts=2, last_error=error, due_at=timezone.now() + timedelta(days=2))

    page = body(reader.get(HOME))

    assert "fehlgeschlagen, nächster Versuch am" in page
    assert "„Bestellungen suchen“ ist gescheitert: Amazon ist nicht erreichbar" in page


def test_what_waits_for_amazons_limit_says_until_when(reader: Client, check: Due) -> None:
    now = timezone.now()
    stands(check, waiting=True, due_at=now + timedelta(days=2))
    assert "wartet, weiter am" in body(reader.get(HOME))

    for _call in range(20):
        BucketLimiter(check.subject, lambda: now).take("searchOrders")

    assert "wartet auf Amazons Limit, weiter am" in body(reader.get(HOME))


def test_limits_are_told_in_words_with_all_calls(reader: Client, check: Due) -> None:
    now = timezone.now()
    for _call in range(3):
        BucketLimiter(check.subject, lambda: now).take("searchOrders")
    BucketLimiter(check.subject, lambda: now).emptied("getOrder", None)

    page = body(reader.get(HOME))

    assert "Noch 17 von 20, eine weitere in 3 Minuten" in page
    assert "Bestellung ansehen" in page


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (buckets.Level("x", 20, 20, 0.0056), "Noch 20 von 20"),
        (buckets.Level("x", 4.5, 5, 0.1), "Noch 4 von 5, eine weitere in 5 Sekunden"),
        (buckets.Level("x", 0, 5, 0.1, paused=90), "Noch 0 von 5; Amazon bittet um eine Pause von 2 Minuten"),
    ],
)
def test_a_limit_in_words(level: buckets.Level, words: str) -> None:
    from kogge.amazon.pages.work import budget_in_words

    assert budget_in_words(level) == words


def test_a_dead_letter_is_on_top_and_is_taken_up_again(reader: Client, staff: Client, check: Due) -> None:
    stands(check, parked_at=timezone.now(), deaths=3, due_at=timezone.now() + timedelta(days=1))
    page = body(reader.get(HOME))
    assert "angehalten nach 3 Abbrüchen" in page
    assert page.index("Hier geht es nicht weiter") < page.index("Was Kogge tut")
    assert "Noch einmal versuchen" not in page

    assert "Noch einmal versuchen" in body(staff.get(HOME))
    staff.post(reverse("amazon_work_run", args=[check.pk]))

    check.refresh_from_db()
    assert (check.parked_at, check.deaths) == (None, 0)
    assert check.due_at <= timezone.now()


def test_a_button_makes_an_operation_due_with_and_without_javascript(staff: Client, check: Due) -> None:
    url = reverse("amazon_work_run", args=[check.pk])

    plain = staff.post(url, follow=True)
    part = staff.post(url, headers={"hx-request": "true"})

    assert "„Nach Bestellungen fragen“ ist gleich an der Reihe." in body(plain)
    assert "<html" not in body(part)
    check.refresh_from_db()
    assert check.due_at <= timezone.now()


def test_a_paused_connection_rests_and_cannot_be_pushed(staff: Client, check: Due) -> None:
    accounts.pause(check.subject, accounts.BY_MERCHANT, now=timezone.now())
    Due.objects.update(due_at=timezone.now() + timedelta(days=1))

    assert "ruht, die Verbindung ist angehalten" in body(staff.get(HOME))
    staff.post(reverse("amazon_work_run", args=[check.pk]))

    check.refresh_from_db()
    assert check.due_at > timezone.now()


def test_a_merchant_sees_and_pushes_only_their_own(
    stranger: Client, other_merchant: Merchant, check: Due
) -> None:
    """Ids of merchants and of connections can be equal: the kind of the operation tells them apart."""
    due.schedule("send_mails", other_merchant.pk, at=timezone.now() + timedelta(days=1))
    Due.objects.filter(pk=check.pk).update(subject=other_merchant.pk)
    limits.BucketLimiter(other_merchant.pk, timezone.now).take("searchOrders")

    page = body(stranger.get(HOME))

    assert "Mails senden" in page
    assert "Nach Bestellungen fragen" not in page
    assert "Noch 19 von 20" not in page
    assert stranger.post(reverse("amazon_work_run", args=[check.pk])).status_code == 404


def test_the_page_costs_the_same_with_two_connections(
    owner: Client, connection: Connection, check: Due, django_assert_max_num_queries: Any
) -> None:
    connection.pk, connection.seller_id = None, "AZWEITERVERKAEUFER"
    connection.save(force_insert=True)
    for operation in ("check_orders", "send_feeds", "send_offers"):
        due.schedule(operation, connection.pk, at=timezone.now() + timedelta(days=1))

    with django_assert_max_num_queries(16):
        owner.get(HOME)


def test_the_page_is_there_in_english(owner: Client, check: Due) -> None:
    owner.cookies["django_language"] = "en"

    page = body(owner.get(HOME))

    assert "Background work" in page
    assert "Run now" in page
    for german in ("Hintergrundarbeit", "nächster Lauf", "Jetzt ausführen", "zuletzt", "Anfragen"):
        assert german not in page.replace("hintergrundarbeit", "")


def test_the_page_is_found_from_the_settings_and_from_the_app(owner: Client, connection: Connection) -> None:
    assert HOME in body(owner.get("/einstellungen/"))
    assert HOME in body(owner.get("/apps/amazon/"))
