"""Who asks: HTTP Basic with an app's computed password or a shop key, and how often they may.

An app sends its public key and md5(secret + token); MD5 is the shape clients know, not our choice. What
protects is that secret and token are random and long, and that nothing goes over the net in the clear.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.http import HttpRequest

from kogge.backoffice.api.models import ApiKey
from kogge.merchants.login import client_address
from kogge.merchants.vault import CannotOpen, seal, unseal

SHOP_USER = "api"
COLUMN = "api_key_secret"
TOKEN_HEADER = "X-Versacommerce-API-Token"  # noqa: S105
MOST_REQUESTS = 500
WINDOW = 10  # seconds
_MOST_CALLERS = 10_000
_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_HEADER = 1_000


# --- who ----------------------------------------------------------------------------------------


def caller_key(request: HttpRequest) -> ApiKey | None:
    """The key that the request signs in with; None if there is none, or it is wrong, or revoked."""
    user, password = credentials(request)
    if not user or not password:
        return None
    found = _shop_key(password) if user == SHOP_USER else _app_key(user, password)
    if found is None or found.revoked_at or found.registered_at is None:
        return None
    sent = request.headers.get(TOKEN_HEADER, "")
    if sent and found.token and not _same(sent, found.token):
        return None
    return found


def credentials(request: HttpRequest) -> tuple[str, str]:
    """User and password of the header; empty if it is missing or cannot be read."""
    kind, _space, packed = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic" or len(packed) > _LONGEST_HEADER:
        return "", ""
    try:
        user, _colon, password = base64.b64decode(packed.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return ("", "") if "\0" in user + password else (user, password)


def note_use(key: ApiKey, *, now: datetime) -> None:
    """When the key was used last, to the minute: a request must not cost a write."""
    if key.used_at is None or now - key.used_at >= _NOTED_EVERY:
        key.used_at = now
        ApiKey.objects.of_id(key.merchant_id).filter(pk=key.pk).update(used_at=now)


def password_of(secret: str, token: str) -> str:
    """What an app sends as its password."""
    return hashlib.md5((secret + token).encode(), usedforsecurity=False).hexdigest()


def secret_of(key: ApiKey) -> str:
    """An app's secret. Raises `CannotOpen`."""
    return unseal(key.merchant_id, COLUMN, bytes(key.sealed_secret)).decode()


def sealed(merchant_id: int, secret: str) -> bytes:
    """A secret as the column keeps it."""
    return seal(merchant_id, COLUMN, secret.encode())


def fingerprint(shop_key: str) -> str:
    """What a shop key is found by. It is random and long: nobody computes it back."""
    return hashlib.sha256(shop_key.encode()).hexdigest()[:40]


def new_secret() -> str:
    """40 hexadecimal digits, like every key of this API."""
    return secrets.token_hex(20)


def new_token() -> str:
    """What the shop gives an app when the merchant agrees."""
    return secrets.token_hex(8)


def _shop_key(password: str) -> ApiKey | None:
    shop_keys = ApiKey.objects.everyone().select_related("merchant").filter(kind=ApiKey.Kind.SHOP)
    return shop_keys.filter(key=fingerprint(password)).first()


def _app_key(user: str, password: str) -> ApiKey | None:
    apps = ApiKey.objects.everyone().select_related("merchant").filter(kind=ApiKey.Kind.APP)
    found = apps.filter(key=user).exclude(token="").first()
    if found is None:
        return None
    try:
        right = password_of(secret_of(found), found.token)
    except CannotOpen:
        return None
    return found if _same(password.lower(), right) else None


def _same(sent: str, right: str) -> bool:
    return hmac.compare_digest(sent.encode(), right.encode())


# --- how often ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Limiter:
    """Counts requests in this process's memory: a brake on a client run wild, not an account.

    Each process of the web server counts for itself, so that a request costs no write.
    """

    most: int = MOST_REQUESTS
    window: float = WINDOW
    _counted: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, user: str, address: str, *, at: float | None = None) -> int:
        """Count a request; after how many seconds to come again, 0 if it may go on."""
        at = monotonic() if at is None else at
        with self._lock:
            if len(self._counted) > _MOST_CALLERS:
                self._forget(at)
            began, count = self._counted.get((user, address), (at, 0))
            if at - began >= self.window:
                began, count = at, 0
            self._counted[user, address] = (began, count + 1)
        return 0 if count < self.most else int(began + self.window - at) + 1

    def _forget(self, at: float) -> None:
        """Whoever was not counted in this window is forgotten; in an emergency everybody."""
        fresh = {who: seen for who, seen in self._counted.items() if at - seen[0] < self.window}
        self._counted = fresh if len(fresh) <= _MOST_CALLERS else {}


LIMITER = Limiter()


def seconds_to_wait(request: HttpRequest) -> int:
    """0 if the caller may go on. All shop keys have the same user: each counts for itself."""
    user, password = credentials(request)
    caller = fingerprint(password) if user == SHOP_USER else user[:40]
    return LIMITER.wait(caller, client_address(request))
