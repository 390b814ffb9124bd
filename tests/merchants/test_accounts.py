"""Merchants, accounts and members: created whole, or refused with a sentence; an owner always stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from kogge.merchants.accounts import (
    AccountRefused,
    add_user,
    change_password,
    change_role,
    create_merchant,
    remove_member,
)
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


@pytest.mark.parametrize(
    ("colleague", "sentence"), [(True, "schon jemand bei dir"), (False, "Nimm eine andere")]
)
def test_an_address_that_has_an_account_is_refused_whatever_its_case(
    colleague: bool, sentence: str, merchant: Merchant, other_merchant: Merchant, anna: User
) -> None:
    employer = merchant if colleague else other_merchant

    with pytest.raises(AccountRefused, match=sentence) as refused:
        add_user(
            employer,
            email="ANNA@example.org",
            password="Ein anderes Wort",
            role=Role.STAFF,
            now=anna.created_at,
        )

    anna.refresh_from_db()
    assert refused.value.field == "email"
    assert anna.check_password(PASSWORD)
    assert _roles() == {("teehaus-muster", "anna@example.org", Role.OWNER)}


def test_a_role_is_changed_for_this_merchant_only(
    merchant: Merchant, other_merchant: Merchant, anna: User, ben: User
) -> None:
    Membership.objects.create(merchant=other_merchant, user=ben, role=Role.READER)

    change_role(merchant, ben, Role.OWNER)

    assert _roles() == {
        ("teehaus-muster", "anna@example.org", Role.OWNER),
        ("teehaus-muster", "ben@example.org", Role.OWNER),
        ("anderswo", "ben@example.org", Role.READER),
    }


def test_who_is_removed_and_works_for_nobody_else_leaves_nothing_behind(
    merchant: Merchant, anna: User, ben: User, clock: Any
) -> None:
    remove_member(merchant, ben)

    assert list(User.objects.values_list("email", flat=True)) == ["anna@example.org"]
    again = add_user(merchant, email=ben.email, password=PASSWORD, role=Role.READER, now=clock.now)
    assert again.pk != ben.pk


def test_who_is_removed_keeps_the_work_for_others(
    merchant: Merchant, other_merchant: Merchant, anna: User, ben: User
) -> None:
    Membership.objects.create(merchant=other_merchant, user=ben, role=Role.READER)

    remove_member(merchant, ben)

    assert _roles() == {
        ("teehaus-muster", "anna@example.org", Role.OWNER),
        ("anderswo", "ben@example.org", Role.READER),
    }


@pytest.mark.parametrize("role", [Role.STAFF, Role.READER, None])
def test_the_last_owner_stays_whoever_owns_other_merchants(
    role: Role | None, merchant: Merchant, anna: User, ben: User, mallory: User
) -> None:
    with pytest.raises(AccountRefused, match="braucht eine Inhaberin") as refused:
        change_role(merchant, anna, role) if role else remove_member(merchant, anna)

    assert refused.value.field == "role"
    assert ("teehaus-muster", "anna@example.org", Role.OWNER) in _roles()


def test_the_only_owner_may_be_made_owner_again(merchant: Merchant, anna: User) -> None:
    change_role(merchant, anna, Role.OWNER)

    assert _roles() == {("teehaus-muster", "anna@example.org", Role.OWNER)}


@pytest.mark.parametrize(
    "act", [remove_member, lambda merchant, user: change_role(merchant, user, Role.READER)]
)
def test_of_two_owners_one_may_go(
    act: Callable[[Merchant, User], None], merchant: Merchant, anna: User, hire: Any
) -> None:
    olga = hire(merchant, "olga", Role.OWNER)

    act(merchant, anna)

    with pytest.raises(AccountRefused):
        act(merchant, olga)


def test_nobody_is_changed_by_a_merchant_they_do_not_work_for(
    merchant: Merchant, other_merchant: Merchant, anna: User, mallory: User
) -> None:
    before = _roles()

    with pytest.raises(Membership.DoesNotExist):
        remove_member(other_merchant, anna)
    with pytest.raises(Membership.DoesNotExist):
        change_role(other_merchant, anna, Role.READER)

    assert _roles() == before


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_one(
    merchant: Merchant, anna: User, hire: Any
) -> None:
    olga = hire(merchant, "olga", Role.OWNER)
    start = Barrier(2, timeout=10)

    def remove(user: User) -> bool:
        try:
            start.wait()
            remove_member(merchant, user)
        except AccountRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as both:
        removed = list(both.map(remove, [anna, olga]))

    assert sorted(removed) == [False, True]
    assert Membership.objects.filter(merchant=merchant, role=Role.OWNER).count() == 1


def test_a_password_is_changed_only_for_a_good_one(anna: User) -> None:
    with pytest.raises(AccountRefused):
        change_password(anna, "kurz")
    change_password(anna, "Ein langes neues Wort")

    anna.refresh_from_db()
    assert anna.check_password("Ein langes neues Wort")


def _roles() -> set[tuple[str, str, str]]:
    """Who works for whom as what."""
    return set(Membership.objects.values_list("merchant__slug", "user__email", "role"))
