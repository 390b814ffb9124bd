"""Benutzer: the owner adds colleagues, changes their role and removes them; nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse

from kogge.merchants.models import Membership, Merchant, Role, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SignedIn = Callable[..., Client]

CARLA = {"name": "Carla", "email": " Carla@Example.org", "role": "staff", "password": PASSWORD}


def test_a_colleague_is_added_and_can_sign_in_at_once(anna: User, signed_in: SignedIn) -> None:
    answer = signed_in(anna).post(reverse("member_new"), CARLA, follow=True)
    carla = Client()
    carla.post(reverse("login"), {"username": "carla@example.org", "password": PASSWORD})

    assert answer.redirect_chain == [(reverse("settings"), 302)]
    assert "carla@example.org kann sich jetzt anmelden." in _text(answer)
    assert _roles() == {"anna@example.org": "owner", "carla@example.org": "staff"}
    assert "Teehaus Muster" in _text(carla.get("/"))


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"password": "elf zeichen"}, "password", "mindestens 12 Zeichen"),
        ({"password": "qwerty123456"}, "password", "zu üblich"),
        ({"email": "carla"}, "email", "gültige E-Mail-Adresse"),
        ({"email": "anna@example.org"}, "email", "arbeitet schon jemand bei dir"),
        ({"email": "MALLORY@example.org"}, "email", "gibt es schon einen Zugang. Nimm eine andere."),
        ({"role": "admin"}, "role", "keine gültige Auswahl"),
        ({"name": " "}, "name", "zwingend erforderlich"),
    ],
)
@pytest.mark.usefixtures("mallory")
def test_what_will_not_do_is_refused_in_words_beside_its_field(
    change: dict[str, str], field: str, sentence: str, anna: User, signed_in: SignedIn
) -> None:
    before = _everybody()

    answer = signed_in(anna).post(reverse("member_new"), CARLA | change)

    page: Any = lxml.html.fromstring(answer.content.decode())
    complaint = page.get_element_by_id(f"id_{field}_error")
    assert answer.status_code == 422
    assert sentence in complaint.text_content()
    assert _everybody() == before


def test_a_new_role_counts_at_the_next_request(anna: User, ben: User, signed_in: SignedIn) -> None:
    browser = signed_in(ben)
    before = browser.post(reverse("order_new")).status_code

    answer = signed_in(anna).post(_page("member", ben), {"role": "reader"}, follow=True)

    assert "Die Rolle von ben@example.org ist geändert." in _text(answer)
    assert _roles()["ben@example.org"] == "reader"
    assert (before, browser.post(reverse("order_new")).status_code) == (200, 403)


def test_the_present_role_is_chosen_when_the_page_opens(anna: User, ben: User, signed_in: SignedIn) -> None:
    page: Any = lxml.html.fromstring(signed_in(anna).get(_page("member", ben)).content.decode())

    assert page.xpath("//select[@name='role']/option[@selected]/@value") == ["staff"]


def test_removing_asks_first_and_names_the_consequence(anna: User, ben: User, signed_in: SignedIn) -> None:
    page = _text(signed_in(anna).get(_page("member_remove", ben)))

    assert "ben@example.org" in page
    assert "Die Person sieht ab dem nächsten Klick nichts mehr von Teehaus Muster" in page
    assert "ben@example.org" in _roles()


def test_who_is_removed_is_out_at_the_next_request(anna: User, ben: User, signed_in: SignedIn) -> None:
    browser = signed_in(ben)
    inside = browser.get("/").status_code

    answer = signed_in(anna).post(_page("member_remove", ben), follow=True)

    outside = browser.get("/")
    assert "ben@example.org hat keinen Zugang mehr." in _text(answer)
    assert (inside, outside.status_code) == (200, 302)
    assert outside["Location"].startswith(reverse("login"))


def test_who_is_removed_and_works_elsewhere_goes_on_there(
    anna: User, ben: User, other_merchant: Merchant, signed_in: SignedIn
) -> None:
    Membership.objects.create(merchant=other_merchant, user=ben, role=Role.READER)
    browser = signed_in(ben)

    signed_in(anna).post(reverse("member_remove", args=[_key(ben, "teehaus-muster")]))

    page = _text(browser.get("/"))
    assert "Anderswo" in page
    assert "Teehaus" not in page


@pytest.mark.parametrize(("page", "typed"), [("member", {"role": "staff"}), ("member_remove", {})])
def test_the_last_owner_stays_and_is_told_why(
    page: str, typed: dict[str, str], anna: User, ben: User, signed_in: SignedIn
) -> None:
    browser = signed_in(anna)

    answer = browser.post(_page(page, anna), typed)

    assert answer.status_code == 422
    assert "Der Shop braucht eine Inhaberin oder einen Inhaber." in _text(answer)
    assert _roles()["anna@example.org"] == "owner"


def test_an_owner_may_leave_when_another_stays(anna: User, ben: User, signed_in: SignedIn) -> None:
    browser = signed_in(anna)
    browser.post(_page("member", ben), {"role": "owner"})
    warning = _text(browser.get(_page("member_remove", anna)))

    browser.post(_page("member_remove", anna))

    assert "Das bist du selbst" in warning
    assert _roles() == {"ben@example.org": "owner"}
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize("name", ["ben", "rita"])
def test_only_the_owner_is_offered_to_change_who_works_here(
    name: str, anna: User, signed_in: SignedIn, request: Any
) -> None:
    other = signed_in(request.getfixturevalue(name))

    offered = [
        [
            address in _text(browser.get(reverse("settings")))
            for address in (reverse("member_new"), _page("member", anna))
        ]
        for browser in (signed_in(anna), other)
    ]

    assert offered == [[True, True], [False, False]]


def test_an_act_without_its_token_is_refused(anna: User, ben: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna, backend="kogge.merchants.login.ThrottledBackend")

    answers = [
        browser.post(reverse("member_new"), CARLA).status_code,
        browser.post(_page("member", ben), {"role": "owner"}).status_code,
        browser.post(_page("member_remove", ben)).status_code,
        browser.post(reverse("merchant"), {"merchant": "teehaus-muster"}).status_code,
    ]

    assert answers == [403] * 4
    assert _roles() == {"anna@example.org": "owner", "ben@example.org": "staff"}


def test_the_pages_speak_english(anna: User, ben: User, signed_in: SignedIn) -> None:
    browser = signed_in(anna, "en")

    assert "Add user" in _text(browser.get(reverse("member_new")))
    assert "Remove access" in _text(browser.get(_page("member", ben)))
    assert "The shop needs an owner." in _text(browser.post(_page("member_remove", anna)))


def _page(name: str, user: User) -> str:
    return reverse(name, args=[_key(user, "teehaus-muster")])


def _key(user: User, merchant: str) -> int:
    return Membership.objects.get(user=user, merchant__slug=merchant).pk


def _roles() -> dict[str, str]:
    """Who works for Teehaus Muster as what."""
    members = Membership.objects.filter(merchant__slug="teehaus-muster")
    return dict(members.values_list("user__email", "role"))


def _everybody() -> list[tuple[str, str]]:
    return list(User.objects.order_by("email").values_list("email", "password"))


def _text(answer: Any) -> str:
    return str(answer.content.decode())
