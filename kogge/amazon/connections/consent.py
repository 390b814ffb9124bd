"""The way to Amazon's consent page and back (reference 3.2).

The state is random, bound to the browser's session, good once and for ten minutes; only its digest
is stored. What comes back is a refresh token to connect with.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.connections import explaining
from kogge.amazon.connections.accounts import NotNow, WrongSetting, endpoints, shared_http
from kogge.amazon.connections.models import ConsentAttempt
from kogge.merchants import vault
from kogge.merchants.models import Merchant
from kogge.spapi import auth
from kogge.spapi.errors import AskHuman, FixSettings, TryLater
from kogge.spapi.marketplaces import REGIONS

STATE_BYTES = 32
STATE_LIFE = timedelta(minutes=10)
CLIENT_SECRET = "consent.client_secret"  # noqa: S105 (the name of a column)

_APPLICATION_ID = re.compile(r"amzn1\.sp\.solution\.[0-9A-Za-z-]+|amzn1\.sellerapps\.app\.[0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Grant:
    """What the seller's consent brought: everything `connect` needs but the choice of marketplaces."""

    region: str
    seller_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    consented_on: date


def begin(
    merchant: Merchant,
    *,
    session_key: str,
    region: str,
    application_id: str,
    client_id: str,
    client_secret: str,
    redirect_uri: str | None = None,
    is_draft: bool = False,
    now: datetime,
) -> str:
    """The address of Amazon's consent page for this merchant's browser. Raises `WrongSetting`.

    `is_draft`: the app is not published at Amazon yet. `redirect_uri` only when several are registered.
    """
    _check(session_key, region, application_id, client_id, client_secret)
    state = secrets.token_urlsafe(STATE_BYTES)
    ConsentAttempt.objects.everyone().filter(expires_at__lt=now).delete()
    ConsentAttempt.objects.everyone().create(
        merchant=merchant,
        state_digest=_digest(state),
        session_digest=_digest(session_key),
        region=region,
        application_id=application_id.strip(),
        client_id=client_id.strip(),
        sealed_client_secret=vault.seal(merchant.pk, CLIENT_SECRET, client_secret.strip().encode()),
        redirect_uri=redirect_uri or "",
        created_at=now,
        expires_at=now + STATE_LIFE,
    )
    base = endpoints(region).consent_url
    return auth.consent_url(base, application_id.strip(), state, redirect_uri, beta=is_draft)


def finish(
    merchant: Merchant, *, session_key: str, state: str, selling_partner_id: str, code: str, now: datetime
) -> Grant:
    """Turn what Amazon's page sent back into a grant. Raises `WrongSetting` or `NotNow`.

    The attempt is used up by the first try, whatever comes of it.
    """
    attempt = _use(merchant, session_key, state, now)
    if not code or not selling_partner_id:
        raise WrongSetting("consent", _("Amazon hat keine Zustimmung mitgeschickt. Beginne noch einmal."))
    client_secret = vault.unseal(merchant.pk, CLIENT_SECRET, bytes(attempt.sealed_client_secret)).decode()
    try:
        granted = auth.exchange_code(
            shared_http(),
            endpoints(attempt.region).lwa_url,
            code=code,
            client_id=attempt.client_id,
            client_secret=client_secret,
            redirect_uri=attempt.redirect_uri or None,
            now=now,
        )
    except FixSettings as refusal:
        raise _refused(refusal) from None
    except (TryLater, AskHuman) as error:
        raise NotNow(
            _("Amazon antwortet gerade nicht. Beginne in einigen Minuten noch einmal. (%s)") % error
        ) from None
    return Grant(
        region=attempt.region,
        seller_id=selling_partner_id.strip(),
        client_id=attempt.client_id,
        client_secret=client_secret,
        refresh_token=granted.refresh_token,
        consented_on=timezone.localdate(now),
    )


def _use(merchant: Merchant, session_key: str, state: str, now: datetime) -> ConsentAttempt:
    """The attempt this state belongs to, used up by one conditional update: a state is good once."""
    digest = _digest(state)
    attempts = ConsentAttempt.objects.of(merchant).filter(
        state_digest=digest, session_digest=_digest(session_key)
    )
    if not attempts.filter(used_at__isnull=True, expires_at__gt=now).update(used_at=now):
        raise WrongSetting(
            "consent",
            _(
                "Diese Zustimmung gehört nicht zu deiner Sitzung, wurde schon verwendet oder ist älter "
                "als zehn Minuten. Beginne noch einmal."
            ),
        )
    return attempts.get()


def _check(session_key: str, region: str, application_id: str, client_id: str, client_secret: str) -> None:
    if not session_key:
        raise WrongSetting("consent", _("Deine Sitzung ist abgelaufen. Melde dich neu an."))
    if region not in REGIONS:
        raise WrongSetting("region", explaining.unknown_region())
    if not _APPLICATION_ID.fullmatch(application_id.strip()):
        raise WrongSetting(
            "application_id",
            _(
                "Die App-ID beginnt mit „amzn1.sellerapps.app.“ oder „amzn1.sp.solution.“. Du findest "
                "sie im Solution Provider Portal in der Liste deiner Apps."
            ),
        )
    if not client_id.strip():
        raise WrongSetting("client_id", explaining.where_to_find("client_id"))
    if not client_secret.strip():
        raise WrongSetting("client_secret", explaining.where_to_find("client_secret"))


def _refused(refusal: FixSettings) -> WrongSetting:
    if refusal.reason == "invalid_grant":
        return WrongSetting(
            "consent",
            _(
                "Amazons Code war abgelaufen (er gilt fünf Minuten) oder schon verwendet. Beginne noch "
                "einmal."
            ),
        )
    return WrongSetting(*explaining.refusal(refusal.reason))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
