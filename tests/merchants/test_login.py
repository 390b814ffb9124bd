"""Signing in, and the brake on guessing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import RequestFactory

from kogge.merchants import login
from kogge.merchants.login import SignInForm, Throttle, TooManyAttempts, client_address
from kogge.merchants.models import LoginAttempt, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("typed", ["anna@example.org", " Anna@Example.ORG "])
def test_the_right_password_signs_in_however_the_address_is_typed(anna: User, typed: str) -> None:
    assert sign_in(typed, PASSWORD) == anna


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@example.org", "falsch"),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("anna@example.org", ""),
    ],
)
def test_everything_else_does_not(anna: User, email: str, password: str) -> None:
    assert sign_in(email, password) is None


def test_an_account_that_was_closed_does_not_sign_in(anna: User) -> None:
    anna.is_active = False
    anna.save()

    assert sign_in("anna@example.org", PASSWORD) is None
    assert login.ThrottledBackend().get_user(anna.pk) is None


def test_after_five_failures_even_the_right_password_has_to_wait(anna: User) -> None:
    fail(login.ATTEMPTS_PER_EMAIL)

    assert sign_in("anna@example.org", PASSWORD) is None


def test_four_failures_are_forgiven_by_the_right_password(anna: User) -> None:
    fail(login.ATTEMPTS_PER_EMAIL - 1)

    assert sign_in("anna@example.org", PASSWORD) == anna
    assert not LoginAttempt.objects.exists()


def test_failures_from_one_address_count_whoever_they_are_for(anna: User) -> None:
    for number in range(login.ATTEMPTS_PER_ADDRESS):
        sign_in(f"{number}@example.org", "falsch")

    assert sign_in("anna@example.org", PASSWORD) is None
    assert sign_in("anna@example.org", PASSWORD, address="192.0.2.7") == anna


def test_after_a_quarter_of_an_hour_the_next_attempt_is_allowed(clock: Any) -> None:
    throttle = Throttle("anna@example.org", "192.0.2.1")
    for _attempt in range(login.ATTEMPTS_PER_EMAIL):
        throttle.count(now=clock.now)
        clock.advance(minutes=1)

    with pytest.raises(TooManyAttempts) as blocked:
        throttle.count(now=clock.now)
    assert blocked.value.until - clock.now == timedelta(minutes=10)

    clock.now = blocked.value.until
    throttle.count(now=clock.now)


def test_the_form_says_when_to_try_again(anna: User) -> None:
    fail(login.ATTEMPTS_PER_EMAIL)
    form = SignInForm(request(), data={"username": "anna@example.org", "password": PASSWORD})

    assert not form.is_valid()
    assert "Versuch es um" in str(form.errors)


def test_the_form_says_the_same_for_a_wrong_password_and_an_unknown_address(anna: User) -> None:
    messages = [
        str(SignInForm(request(), data={"username": email, "password": "falsch"}).errors)
        for email in ("anna@example.org", "nobody@example.org")
    ]

    assert messages[0].replace("anna", "nobody") == messages[1]
    assert messages[0]


def test_the_attempts_name_nobody(anna: User) -> None:
    fail(1)

    row = LoginAttempt.objects.get()
    assert "anna" not in row.email
    assert "127" not in row.address


def test_old_attempts_are_thrown_away(clock: Any) -> None:
    Throttle("a@example.org", "192.0.2.1").count(now=clock.now)

    Throttle("b@example.org", "192.0.2.2").count(now=clock.advance(minutes=16))

    assert LoginAttempt.objects.count() == 1


def test_behind_our_proxy_the_address_is_what_the_proxy_saw(settings: Any) -> None:
    forged = request(HTTP_X_FORWARDED_FOR="10.0.0.1, 192.0.2.9")
    assert client_address(forged) == "127.0.0.1"

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client_address(forged) == "192.0.2.9"


def request(**headers: Any) -> Any:
    return RequestFactory().post("/anmelden/", **headers)


def sign_in(email: str, password: str, address: str = "127.0.0.1") -> Any:
    return authenticate(request(REMOTE_ADDR=address), username=email, password=password)


def fail(times: int) -> None:
    for _attempt in range(times):
        assert sign_in("anna@example.org", "falsch") is None
    assert LoginAttempt.objects.filter(at__gt=datetime.now(UTC) - login.WINDOW).count() == times
