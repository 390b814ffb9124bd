"""Keeping the tested credentials between the steps of connecting: sealed here, referenced by the session."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta

import msgspec
from django.db import transaction
from django.db.models import Min
from django.http import HttpRequest

from kogge.amazon.pages.models import Draft
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.merchants import vault
from kogge.merchants.models import Merchant
from kogge.spapi.sellers_v1 import Participation

LIFE = timedelta(minutes=30)

_SESSION_KEY = "amazon_draft"
_COLUMN = "draft.settings"


class Settings(msgspec.Struct, frozen=True):
    """Tested credentials and where the seller may sell. Holds secrets: its repr names none."""

    region: str
    seller_id: str
    client_id: str
    client_secret: str
    refresh_token: str
    participations: list[Participation]
    is_private_app: bool = True
    consented_on: date | None = None

    def __repr__(self) -> str:
        return f"Settings(region={self.region!r}, seller_id={self.seller_id!r})"

    @property
    def store_name(self) -> str:
        """The name of the seller's shop at Amazon, as far as Amazon tells it."""
        return next((found.store_name for found in self.participations if found.store_name), "")


def keep(request: HttpRequest, merchant: Merchant, settings: Settings, *, now: datetime) -> None:
    """Seal the settings for this session, and see to it that they do not outlive it."""
    reference = secrets.token_urlsafe(32)
    with transaction.atomic():
        Draft.objects.everyone().create(
            merchant=merchant,
            reference_digest=_digest(reference),
            sealed_settings=vault.seal(merchant.pk, _COLUMN, msgspec.json.encode(settings)),
            expires_at=now + LIFE,
        )
        due.schedule("forget_drafts", merchant.pk, at=now + LIFE)
    request.session[_SESSION_KEY] = reference


def find(request: HttpRequest, merchant: Merchant, *, now: datetime) -> Settings | None:
    """What this session has entered, unless it is too long ago."""
    reference = request.session.get(_SESSION_KEY, "")
    draft = Draft.objects.of(merchant).filter(reference_digest=_digest(reference), expires_at__gt=now).first()
    if draft is None:
        return None
    return msgspec.json.decode(
        vault.unseal(merchant.pk, _COLUMN, bytes(draft.sealed_settings)), type=Settings
    )


def forget(request: HttpRequest, merchant: Merchant) -> None:
    """The connection stands: nothing is kept of the steps to it."""
    reference = request.session.pop(_SESSION_KEY, "")
    Draft.objects.of(merchant).filter(reference_digest=_digest(reference)).delete()


def forget_drafts(work: Work) -> Outcome:
    """Delete the drafts of a merchant that nobody finished in time; `keep` makes it due when one expires."""
    drafts = Draft.objects.of_id(work.subject)
    deleted, _each = drafts.filter(expires_at__lte=work.now).delete()
    next_expiry = drafts.aggregate(next=Min("expires_at"))["next"]
    return Outcome(next_expiry or work.now + timedelta(days=1), done=deleted)


def _digest(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()
