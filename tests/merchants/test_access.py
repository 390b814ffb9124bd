"""Who may look and who may act, tried with views of our own and the real middleware."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from kogge.merchants.access import MerchantRequest, may, owner, owner_only, reader, staff, work_for
from kogge.merchants.models import Membership, Merchant, Role, User


def _who(request: MerchantRequest) -> HttpResponse:
    return HttpResponse(f"{request.merchant.slug} {request.role} {request.user.name}")


def _switch(request: MerchantRequest, slug: str) -> HttpResponse:
    work_for(request, Merchant.objects.get(slug=slug))
    return HttpResponse()


def _language(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Role.STAFF.label))


urlpatterns = [
    path("read/", reader(_who)),
    path("staff/", staff(_who)),
    path("owner/", owner(_who)),
    path("owner-only/", owner_only(_who)),
    path("switch/<slug:slug>/", reader(_switch)),
    path("language/", _language),
    path("anmelden/", _language, name="login"),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.parametrize("url", ["/read/", "/staff/", "/owner/", "/owner-only/"])
def test_strangers_are_sent_to_the_login_page_and_back(client: Client, url: str) -> None:
    answer = client.get(url + "?page=2")

    assert answer.status_code == 302
    assert answer["Location"] == f"/anmelden/?next={url}%3Fpage%3D2"


def test_a_part_of_a_page_sends_the_whole_page_to_the_login(client: Client) -> None:
    answer = client.get(
        "/read/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/bestellungen/?seite=3"}
    )

    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/anmelden/?next=/bestellungen/%3Fseite%3D3"


@pytest.mark.parametrize("name", ["anna", "ben", "rita"])
@pytest.mark.parametrize("url", ["/read/", "/staff/", "/owner/"])
def test_everybody_who_works_there_may_look(client: Client, name: str, url: str, request: Any) -> None:
    client.force_login(request.getfixturevalue(name))

    answer = client.get(url)

    assert answer.status_code == 200
    assert answer.content.decode().startswith("teehaus-muster ")


@pytest.mark.parametrize(
    ("name", "url", "status"),
    [
        ("anna", "/read/", 200),
        ("anna", "/staff/", 200),
        ("anna", "/owner/", 200),
        ("ben", "/read/", 200),
        ("ben", "/staff/", 200),
        ("ben", "/owner/", 403),
        ("rita", "/read/", 200),
        ("rita", "/staff/", 403),
        ("rita", "/owner/", 403),
    ],
)
def test_acting_needs_the_role(client: Client, name: str, url: str, status: int, request: Any) -> None:
    client.force_login(request.getfixturevalue(name))

    assert [act(url).status_code for act in (client.post, client.put, client.delete)] == [status] * 3


@pytest.mark.parametrize(("name", "status"), [("anna", 200), ("ben", 403), ("rita", 403)])
def test_some_pages_are_the_owners_alone(client: Client, name: str, status: int, request: Any) -> None:
    client.force_login(request.getfixturevalue(name))

    assert [act("/owner-only/").status_code for act in (client.get, client.post)] == [status] * 2


def test_an_account_without_a_merchant_sees_nothing(client: Client, anna: User) -> None:
    Membership.objects.all().delete()
    client.force_login(anna)

    assert client.get("/read/").status_code == 403


def test_mallory_sees_her_own_merchant_only(client: Client, merchant: Merchant, mallory: User) -> None:
    client.force_login(mallory)
    assert client.get("/read/").content == b"anderswo owner Mallory"

    assert client.post("/switch/teehaus-muster/").status_code == 403
    assert client.get("/read/").content == b"anderswo owner Mallory"


def test_a_forged_session_opens_no_other_merchant(client: Client, merchant: Merchant, mallory: User) -> None:
    client.force_login(mallory)
    session = client.session
    session["merchant"] = merchant.pk
    session.save()

    assert client.get("/read/").content == b"anderswo owner Mallory"


def test_who_works_for_two_merchants_can_switch(client: Client, anna: User, other_merchant: Merchant) -> None:
    Membership.objects.create(user=anna, merchant=other_merchant, role=Role.READER)
    client.force_login(anna)
    assert client.get("/read/").content == b"teehaus-muster owner Anna"

    client.post("/switch/anderswo/")

    assert client.get("/read/").content == b"anderswo reader Anna"
    assert client.post("/staff/").status_code == 403


def test_a_role_taken_away_counts_at_once(client: Client, anna: User) -> None:
    client.force_login(anna)
    Membership.objects.update(role=Role.READER)

    assert client.post("/owner/").status_code == 403


def test_a_higher_role_includes_the_lower_ones() -> None:
    assert [[may(have, need) for need in Role] for have in Role] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
    ]


@pytest.mark.parametrize(
    ("accepted", "cookie", "language"),
    [("", "", "de"), ("en-GB,en;q=0.8", "", "en"), ("fr", "", "de"), ("en", "de", "de"), ("de", "en", "en")],
)
def test_the_language_is_the_chosen_one_else_the_browsers_else_german(
    client: Client, accepted: str, cookie: str, language: str
) -> None:
    if cookie:
        client.cookies["django_language"] = cookie

    answer = client.get("/language/", headers={"Accept-Language": accepted})

    assert answer["Content-Language"] == language
    assert {"Accept-Language", "Cookie"} <= {word.strip() for word in answer["Vary"].split(",")}


def test_pages_may_load_from_here_only_and_forms_may_lead_to_amazons_consent(client: Client) -> None:
    policy = client.get("/language/")["Content-Security-Policy"]

    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "unsafe" not in policy
    assert rules["frame-ancestors"] == "'none'"
    assert "https://sellercentral-europe.amazon.com" in rules["form-action"].split()
