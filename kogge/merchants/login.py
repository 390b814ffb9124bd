"""Signing in, with a brake on guessing passwords.

Every attempt is a row before the password is looked at, so guessing in parallel is counted too; a
success deletes the attempts for its e-mail address. Rows name nobody: they hold keyed fingerprints.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.merchants.models import LoginAttempt, User

WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_EMAIL = 5
ATTEMPTS_PER_ADDRESS = 20


class TooManyAttempts(PermissionDenied):
    """No password is looked at until the time named; Django asks no other backend."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many attempts to sign in")
        self.until = until

    @property
    def sentence(self) -> str:
        """What to tell the person, in their language."""
        time = date_format(timezone.localtime(self.until), "TIME_FORMAT")
        return _("Zu viele Anmeldeversuche. Versuch es um {time} Uhr wieder.").format(time=time)


class Throttle:
    """How many attempts one e-mail address and one network address have left."""

    def __init__(self, email: str, address: str) -> None:
        self.email = _fingerprint("email", email.strip().lower())
        self.address = _fingerprint("address", address)

    def count(self, *, now: datetime) -> None:
        """Count an attempt. Raises `TooManyAttempts` when there were enough already."""
        until = self.blocked_until(now=now)
        if until is not None:
            raise TooManyAttempts(until)
        LoginAttempt.objects.create(email=self.email, address=self.address, at=now)
        LoginAttempt.objects.filter(at__lte=now - WINDOW).delete()

    def blocked_until(self, *, now: datetime) -> datetime | None:
        """When the next attempt is allowed; None: now."""
        limits = [
            ({"email": self.email}, ATTEMPTS_PER_EMAIL),
            ({"address": self.address}, ATTEMPTS_PER_ADDRESS),
        ]
        free_again = []
        for who, limit in limits:
            times = LoginAttempt.objects.filter(at__gt=now - WINDOW, **who).order_by("-at")
            attempts = list(times.values_list("at", flat=True)[:limit])
            if len(attempts) == limit:
                free_again.append(attempts[-1] + WINDOW)
        return max(free_again, default=None)

    def forgive(self) -> None:
        """The person showed that they know the password."""
        LoginAttempt.objects.filter(email=self.email).delete()


class ThrottledBackend(BaseBackend):
    """Finds the user by e-mail address and password; the same answer and effort for unknown ones."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_more: Any,
    ) -> User | None:
        """Raises `TooManyAttempts`, which `authenticate()` of Django turns into "no"."""
        if not username or password is None:
            return None
        throttle = Throttle(username, client_address(request))
        throttle.count(now=datetime.now(UTC))
        user = User.objects.filter(email=username.strip().lower()).first()
        if user is None:
            User().set_password(password)  # takes as long as checking a password does
            return None
        if not user.check_password(password) or not user.is_active:
            return None
        throttle.forgive()
        return user

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


class SignInForm(AuthenticationForm):
    """E-mail address and password. Says so when there were too many attempts."""

    username = forms.EmailField(
        label=gettext_lazy("E-Mail-Adresse"),
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username") or ""
        until = Throttle(email, client_address(self.request)).blocked_until(now=datetime.now(UTC))
        if until is not None:
            raise forms.ValidationError(TooManyAttempts(until).sentence)
        return super().clean()


def client_address(request: HttpRequest | None) -> str:
    """Where a request comes from; behind our own proxy, what that proxy saw (the last entry)."""
    if request is None:
        return ""
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _fingerprint(kind: str, word: str) -> str:
    return salted_hmac("kogge.login." + kind, word, algorithm="sha256").hexdigest()[:32]
