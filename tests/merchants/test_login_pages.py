"""Signing in and out, changing the password, choosing language and merchant: over HTTP, as people do it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from kogge.merchants.login import ATTEMPTS_PER_EMAIL
from kogge.merchants.models import Membership, Merchant, Role, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEW = "Neun-Kisten-Kandis"


@pytest.fixture
def browser(anna: User) -> Client:
    """Anna's, signed in through the page."""
    client = Client()
    assert _sign_in(client, "anna@example.org", PASSWORD) == 302
    return client


def test_signing_in_leads_to_where_one_wanted_to_go(client: Client, anna: User) -> None:
    asked = client.get(reverse("orders") + "?state=late")
    answer = client.post(asked["Location"], {"username": "Anna@Example.org ", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, reverse("orders") + "?state=late")


def test_the_way_back_survives_the_form(client: Client, anna: User) -> None:
    wanted = reverse("orders") + "?state=late"

    page = client.get(reverse("login"), {"next": wanted}).content.decode()
    answer = client.post(
        reverse("login"), {"username": "anna@example.org", "password": PASSWORD, "next": wanted}
    )

    assert f'name="next" value="{wanted}"' in page
    assert answer["Location"] == wanted


def test_signing_in_leads_to_no_other_site(client: Client, anna: User) -> None:
    typed = {"username": "anna@example.org", "password": PASSWORD, "next": "https://boese.example/"}

    assert client.post(reverse("login"), typed)["Location"] == reverse("overview")


@pytest.mark.parametrize("email", ["anna@example.org", "niemand@example.org"])
def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    client: Client, anna: User, email: str
) -> None:
    answer = client.post(reverse("login"), {"username": email, "password": "falsch"})

    assert answer.status_code == 200
    assert "E-Mail-Adresse oder Passwort stimmt nicht." in answer.content.decode()


def test_too_many_attempts_are_said_in_words(client: Client, anna: User) -> None:
    for _attempt in range(ATTEMPTS_PER_EMAIL):
        _sign_in(client, "anna@example.org", "falsch")

    answer = client.post(reverse("login"), {"username": "anna@example.org", "password": PASSWORD})

    assert answer.status_code == 200
    assert "Zu viele Anmeldeversuche. Versuch es um" in answer.content.decode()


def test_signing_out_needs_a_click_and_ends_everything(browser: Client) -> None:
    by_link = browser.get(reverse("logout")).status_code
    answer = browser.post(reverse("logout"))

    assert by_link == 405
    assert (answer.status_code, answer["Location"]) == (302, reverse("login"))
    assert browser.get("/").status_code == 302


def test_a_signed_in_person_is_not_asked_again(browser: Client) -> None:
    assert browser.get(reverse("login"))["Location"] == reverse("overview")


def test_the_password_is_changed_and_one_stays_signed_in(browser: Client) -> None:
    answer = browser.post(reverse("password_change"), _passwords(PASSWORD, NEW), follow=True)

    assert "Dein Passwort ist geändert." in answer.content.decode()
    assert browser.get("/").status_code == 200
    assert _sign_in(Client(), "anna@example.org", NEW) == 302
    assert _sign_in(Client(), "anna@example.org", PASSWORD) == 200


@pytest.mark.parametrize(
    ("old", "new", "again", "complaint"),
    [
        ("falsch", NEW, NEW, "war falsch"),
        (PASSWORD, "kurz", "kurz", "12 Zeichen"),
        (PASSWORD, NEW, NEW + "x", "nicht identisch"),
    ],
)
def test_a_password_that_will_not_do_is_refused_in_words(
    browser: Client, old: str, new: str, again: str, complaint: str
) -> None:
    answer = browser.post(reverse("password_change"), _passwords(old, new, again))

    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert _sign_in(Client(), "anna@example.org", PASSWORD) == 302


def test_the_language_is_remembered_for_browser_and_person(browser: Client, anna: User) -> None:
    german = browser.get("/").content.decode()
    answer = browser.post(reverse("language"), {"language": "en", "next": "/produkte/?q=tee"})
    english = browser.get("/").content.decode()

    anna.refresh_from_db()
    assert answer["Location"] == "/produkte/?q=tee"
    assert '<html lang="de">' in german
    assert '<html lang="en">' in english
    assert anna.language == "en"


@pytest.mark.parametrize("wanted", ["https://boese.example/", "//boese.example", "javascript:alert(1)", ""])
def test_choosing_a_language_leads_to_no_other_site(client: Client, db: None, wanted: str) -> None:
    answer = client.post(reverse("language"), {"language": "en", "next": wanted})

    assert answer["Location"] == reverse("overview")


def test_a_language_there_is_not_changes_nothing(client: Client, db: None) -> None:
    answer = client.post(reverse("language"), {"language": "tlh"})

    assert not answer.cookies


def test_choosing_a_language_by_link_is_not_possible(client: Client, db: None) -> None:
    assert client.get(reverse("language"), {"language": "en"}).status_code == 405


def test_who_works_for_several_merchants_switches_in_the_menu(
    browser: Client, anna: User, other_merchant: Merchant
) -> None:
    Membership.objects.create(merchant=other_merchant, user=anna, role=Role.READER)
    menu = browser.get("/produkte/").content.decode()

    answer = browser.post(reverse("merchant"), {"merchant": "anderswo"}, follow=True)

    there = answer.content.decode()
    assert '<button name="merchant" value="anderswo">' in menu
    assert answer.redirect_chain == [(reverse("overview"), 302)]
    assert "Du arbeitest jetzt für Anderswo." in there
    assert "<strong>Anderswo</strong>" in there
    assert '<button name="merchant" value="teehaus-muster">' in there


def test_who_works_for_one_merchant_is_not_asked(browser: Client, other_merchant: Merchant) -> None:
    assert reverse("merchant") not in browser.get("/").content.decode()


@pytest.mark.parametrize("wanted", ["anderswo", "gibt-es-nicht", ""])
def test_nobody_switches_to_a_merchant_of_others_nor_learns_of_it(
    browser: Client, other_merchant: Merchant, wanted: str
) -> None:
    answer = browser.post(reverse("merchant"), {"merchant": wanted})

    assert answer.status_code == 404
    assert "<strong>Teehaus Muster</strong>" in browser.get("/").content.decode()


def test_switching_by_link_is_not_possible(browser: Client) -> None:
    assert browser.get(reverse("merchant")).status_code == 405


@pytest.mark.usefixtures("_compiled_translations")
@pytest.mark.parametrize(("wish", "headline"), [("de", "Anmelden"), ("en", "Sign in"), ("fr", "Anmelden")])
def test_the_login_speaks_the_language_of_the_browser(
    client: Client, db: None, wish: str, headline: str
) -> None:
    page = client.get(reverse("login"), headers={"Accept-Language": wish}).content.decode()

    assert f"<h1>{headline}</h1>" in page


@pytest.fixture
def _compiled_translations() -> None:
    """Also right after cloning, before anything was built."""
    from django.utils.translation.reloader import translation_file_changed

    from build_translations import catalogues, compile_catalogue

    for source in catalogues():
        compile_catalogue(source)
    translation_file_changed(None, Path("django.mo"))


def _sign_in(client: Client, email: str, password: str) -> int:
    return client.post(reverse("login"), {"username": email, "password": password}).status_code


def _passwords(old: str, new: str, again: str | None = None) -> dict[str, str]:
    return {"old_password": old, "new_password1": new, "new_password2": again if again is not None else new}
