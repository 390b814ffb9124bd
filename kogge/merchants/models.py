"""Merchants, the people who work for them, and what each may do."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class Merchant(models.Model):
    """One business: its users, its shop, its channels."""

    slug = models.SlugField(unique=True)
    name = models.CharField(_("Name"), max_length=200)
    created_at = models.DateTimeField()
    # The system of the shop in another house where the merchant works ("versacommerce"); empty: here.
    works_in = models.CharField(max_length=20, default="", blank=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        """People type their address in any case; it is stored in lower case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in with an e-mail address."""

    email = models.EmailField(_("E-Mail-Adresse"), unique=True)
    name = models.CharField(_("Name"), max_length=200, blank=True)
    language = models.CharField(
        _("Sprache"), max_length=5, default="de", choices=[("de", "Deutsch"), ("en", "English")]
    )
    is_active = models.BooleanField(_("Aktiv"), default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "email"

    objects: ClassVar[UserManager] = UserManager()


class Role(models.TextChoices):
    OWNER = "owner", _("Inhaber")
    STAFF = "staff", _("Mitarbeiter")
    READER = "reader", _("Nur lesen")


class Membership(models.Model):
    """What a user may do for a merchant."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "user"], name="one_role_per_merchant")]


class LoginAttempt(models.Model):
    """An attempt to sign in that did not succeed (yet). Fingerprints only: it names nobody."""

    email = models.CharField(max_length=32)
    address = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["email", "at"], name="attempts_by_email"),
            models.Index(fields=["address", "at"], name="attempts_by_address"),
            models.Index(fields=["at"], name="attempts_by_age"),
        ]
