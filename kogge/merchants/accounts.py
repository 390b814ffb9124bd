"""Merchants and the accounts of the people who work for them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from kogge.merchants.models import Membership, Merchant, Role, User

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


class AccountRefused(Exception):
    """Why there is no account, as a sentence; `field` is the value to correct: name, email, password."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def create_merchant(*, name: str, email: str, password: str, now: datetime) -> Merchant:
    """Create a merchant and the account of its owner. Raises `AccountRefused`."""
    name = name.strip()
    if not name:
        raise AccountRefused("name", _("Der Händler braucht einen Namen."))
    with transaction.atomic():
        merchant = _with_free_slug(name, now)
        add_user(merchant, email=email, password=password, role=Role.OWNER, now=now)
    return merchant


def add_user(
    merchant: Merchant,
    *,
    email: str,
    password: str,
    role: Role,
    now: datetime,
    name: str = "",
    language: str = "de",
) -> User:
    """Create an account for somebody who works for the merchant. Raises `AccountRefused`."""
    email = email.strip().lower()
    user = User(email=email, name=name, language=language, created_at=now)
    _check(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            Membership.objects.create(merchant=merchant, user=user, role=role)
    except IntegrityError:
        raise AccountRefused("email", _("Für diese E-Mail-Adresse gibt es schon einen Zugang.")) from None
    return user


def change_password(user: User, password: str) -> None:
    """Set a new password. Raises `AccountRefused`."""
    _check(user, password)
    user.set_password(password)
    user.save(update_fields=["password"])


def _check(user: User, password: str) -> None:
    try:
        validate_email(user.email)
    except ValidationError:
        raise AccountRefused("email", _("Das ist keine E-Mail-Adresse.")) from None
    try:
        validate_password(password, user)
    except ValidationError as refused:
        raise AccountRefused("password", " ".join(refused.messages)) from None


def _with_free_slug(name: str, now: datetime) -> Merchant:
    stem = slugify(name.translate(_UMLAUTS))[:40].strip("-") or "shop"
    taken = set(Merchant.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    slug = next(candidate for candidate in (stem, *numbered) if candidate not in taken)
    return Merchant.objects.create(slug=slug, name=name, created_at=now)
