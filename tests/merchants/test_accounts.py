"""Merchants and accounts: created whole, or refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.merchants.accounts import AccountRefused, add_user, change_password, create_merchant
from kogge.merchants.models import Membership, Merchant, Role, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_merchant_comes_with_an_owner_who_can_sign_in(clock: Any) -> None:
    merchant = create_merchant(name="Teehaus", email=" Anna@Example.ORG ", password=PASSWORD, now=clock.now)

    membership = Membership.objects.get(merchant=merchant)
    assert (membership.role, membership.user.email) == (Role.OWNER, "anna@example.org")
    assert membership.user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Teehaus Müller & Söhne", "teehaus-mueller-soehne"),
        ("Straße", "strasse"),
        ("茶", "shop"),
        ("Tee" * 60, ("tee" * 60)[:40]),
    ],
)
def test_the_short_name_comes_from_the_name(name: str, slug: str, clock: Any) -> None:
    assert create_merchant(name=name, email="anna@example.org", password=PASSWORD, now=clock.now).slug == slug


def test_short_names_are_unique(clock: Any) -> None:
    slugs = [
        create_merchant(name="Teehaus", email=f"{number}@example.org", password=PASSWORD, now=clock.now).slug
        for number in range(3)
    ]

    assert slugs == ["teehaus", "teehaus-2", "teehaus-3"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "  "}, "name"),
        ({"email": "anna"}, "email"),
        ({"password": "elf zeichen"}, "password"),
        ({"password": "qwerty123456"}, "password"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(change: dict[str, str], field: str, clock: Any) -> None:
    values = {"name": "Teehaus", "email": "anna@example.org", "password": PASSWORD, **change}

    with pytest.raises(AccountRefused) as refused:
        create_merchant(**values, now=clock.now)

    assert refused.value.field == field
    assert not Merchant.objects.exists()
    assert not User.objects.exists()


def test_an_address_that_has_an_account_is_refused_whatever_its_case(
    merchant: Merchant, anna: User, clock: Any
) -> None:
    with pytest.raises(AccountRefused, match="schon einen Zugang"):
        add_user(merchant, email="ANNA@example.org", password=PASSWORD, role=Role.STAFF, now=clock.now)

    assert User.objects.count() == 1


def test_a_password_is_changed_only_for_a_good_one(anna: User) -> None:
    with pytest.raises(AccountRefused):
        change_password(anna, "kurz")
    change_password(anna, "Ein langes neues Wort")

    anna.refresh_from_db()
    assert anna.check_password("Ein langes neues Wort")
