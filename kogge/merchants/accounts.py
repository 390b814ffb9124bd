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
    """Why an account is not given or changed, as a sentence.

    `field` is the value to correct: name, email, password or role.
    """

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
    """Create an account for somebody who works for the merchant. Raises `AccountRefused`.

    An address that has an account already is refused: whoever types it must neither get hold of another
    merchant's account nor learn for whom it works.
    """
    email = email.strip().lower()
    user = User(email=email, name=name.strip(), language=language, created_at=now)
    _check(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            Membership.objects.create(merchant=merchant, user=user, role=role)
    except IntegrityError:
        raise AccountRefused("email", _taken(merchant, email)) from None
    return user


@transaction.atomic
def change_role(merchant: Merchant, user: User, role: Role) -> None:
    """Let a member of the merchant do more or less from the next request on.

    Raises `AccountRefused` for the last owner, `Membership.DoesNotExist` for whoever is no member (any more).
    """
    membership = _locked_membership(merchant, user)
    if role != Role.OWNER:
        _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])


@transaction.atomic
def remove_member(merchant: Merchant, user: User) -> None:
    """Take away a member's access; it ends with the next request.

    An account that works for nobody any more is deleted, so that nothing is kept of the person and the
    address can be used again. Raises `AccountRefused` for the last owner, `Membership.DoesNotExist` for
    whoever is no member (any more).
    """
    membership = _locked_membership(merchant, user)
    _keep_an_owner(membership)
    # Two merchants may let go of the same person at once; the later one deletes the account.
    account = User.objects.select_for_update().get(pk=user.pk)
    membership.delete()
    if not account.memberships.exists():
        account.delete()


def change_password(user: User, password: str) -> None:
    """Set a new password. Raises `AccountRefused`."""
    _check(user, password)
    user.set_password(password)
    user.save(update_fields=["password"])


def _taken(merchant: Merchant, email: str) -> str:
    if merchant.memberships.filter(user__email=email).exists():
        return _("Mit dieser E-Mail-Adresse arbeitet schon jemand bei dir.")
    return _("Für diese E-Mail-Adresse gibt es schon einen Zugang. Nimm eine andere.")


def _locked_membership(merchant: Merchant, user: User) -> Membership:
    """The membership, read after everybody else who changes the merchant's members has finished."""
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    return Membership.objects.get(merchant=merchant, user=user)


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(merchant=membership.merchant_id, role=Role.OWNER).exclude(
        pk=membership.pk
    )
    if membership.role == Role.OWNER and not others.exists():
        raise AccountRefused(
            "role",
            _("Der Shop braucht eine Inhaberin oder einen Inhaber. Gib erst jemand anderem diese Rolle."),
        )


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
