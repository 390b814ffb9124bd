"""Keys of the API: made by the owner, agreed to, shown once, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice.api import access
from kogge.backoffice.api.models import ApiKey, Webhook
from kogge.backoffice.api.resource import Caller, Invalid, Query
from kogge.backoffice.api.webhooks import WebhookIn, Webhooks
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.values import is_loopback

MOST_KEYS = 100  # of a merchant
LONGEST_NAME = 100
LONGEST_URL = 500
_NOT_IN_A_HOST = set(";,'\"\\<>")  # the host also goes into a header (`registering.py`)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown once. Never kept in the clear, never logged."""

    key: ApiKey
    secret: str = ""  # of an app

    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"<Shown {self.key.pk}>"


def make_app(
    merchant: Merchant,
    *,
    name: str,
    redirect_url: str,
    may_write: bool,
    may_write_orders: bool,
    now: datetime,
) -> Shown:
    """An app that the merchant may agree to. Raises `Refusal`."""
    secret = access.new_secret()
    key = _new(
        merchant, ApiKey.Kind.APP, name, may_write=may_write, may_write_orders=may_write_orders, now=now
    )
    key.redirect_url = checked_url(redirect_url) if redirect_url else ""
    key.key, key.sealed_secret = access.new_secret(), access.sealed(merchant.pk, secret)
    key.save()
    return Shown(key, secret)


def make_shop_key(
    merchant: Merchant, *, name: str, may_write: bool, may_write_orders: bool, now: datetime
) -> Shown:
    """A key that can be used at once. Raises `Refusal`."""
    secret = access.new_secret()
    key = _new(
        merchant, ApiKey.Kind.SHOP, name, may_write=may_write, may_write_orders=may_write_orders, now=now
    )
    key.key, key.sealed_secret = access.fingerprint(secret), b""
    key.registered_at = now
    key.save()
    return Shown(key, user=access.SHOP_USER, password=secret)


@transaction.atomic
def register(key: ApiKey, *, now: datetime) -> Shown:
    """The merchant agrees: the app gets its token. Agreed to before, it keeps the one it has.

    Raises `Refusal` for a revoked app.
    """
    found = ApiKey.objects.of_id(key.merchant_id).select_for_update().get(pk=key.pk)
    if found.revoked_at:
        raise Refusal(_("„{name}“ ist widerrufen.").format(name=found.name))
    if not found.token:
        found.token, found.registered_at = access.new_token(), now
        found.save(update_fields=["token", "registered_at"])
    secret = access.secret_of(found)
    return Shown(found, user=found.key, password=access.password_of(secret, found.token))


def revoke(key: ApiKey, *, now: datetime) -> None:
    """From now on the key opens nothing; for good."""
    ApiKey.objects.of_id(key.merchant_id).filter(pk=key.pk, revoked_at=None).update(revoked_at=now, token="")


def way_back(shown: Shown, *, host: str, now: datetime) -> str:
    """Where the browser goes when the merchant has agreed: the app's address, with token and signature."""
    parts = urlsplit(shown.key.redirect_url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    parameters |= {"t": shown.key.token, "shop": host, "timestamp": str(int(now.timestamp()))}
    parameters.pop("signature", None)
    signed = {**parameters, "signature": signature(access.secret_of(shown.key), parameters)}
    return urlunsplit(parts._replace(query=urlencode(signed)))


def signature(secret: str, parameters: Mapping[str, str]) -> str:
    """md5 of the secret and the sorted pairs, without anything between them."""
    joined = "".join(sorted(f"{name}={value}" for name, value in parameters.items()))
    return hashlib.md5((secret + joined).encode(), usedforsecurity=False).hexdigest()


def checked_url(url: str) -> str:
    """An address a browser may be sent to: https, or http on this machine. Raises `Refusal`."""
    wrong = Refusal(_("Gib eine vollständige Adresse mit https:// an."))
    if len(url) > LONGEST_URL or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise wrong
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.username or parts.fragment or set(parts.netloc) & _NOT_IN_A_HOST:
        raise wrong
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise wrong
    return url


def add_webhook(merchant: Merchant, url: str, *, base_url: str, now: datetime) -> Webhook:
    """Tell this address of changes, as if an app had asked for it. Raises `Refusal`."""
    caller = Caller(merchant, ApiKey(merchant=merchant), now, base_url)
    try:
        Webhooks().create(caller, WebhookIn(url=url), Query())
    except Invalid as invalid:
        raise Refusal(" ".join(sentence for each in invalid.errors.values() for sentence in each)) from None
    return Webhook.objects.of(merchant).get(url=url)


def _new(
    merchant: Merchant,
    kind: ApiKey.Kind,
    name: str,
    *,
    may_write: bool,
    may_write_orders: bool,
    now: datetime,
) -> ApiKey:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Refusal(_("Gib einen Namen mit höchstens {most} Zeichen an.").format(most=LONGEST_NAME))
    if ApiKey.objects.of(merchant).filter(revoked_at=None).count() >= MOST_KEYS:
        raise Refusal(
            _("Mehr als {most} Schlüssel gehen nicht. Widerrufe zuerst einen.").format(most=MOST_KEYS)
        )
    return ApiKey(
        merchant=merchant,
        kind=kind,
        name=name,
        may_write=may_write or may_write_orders,
        may_write_orders=may_write_orders,
        created_at=now,
    )
