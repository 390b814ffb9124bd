"""Login with Amazon: access tokens for an hour, refreshed early, and the consent of the seller.

https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import httpx2
import msgspec

from kogge.spapi.errors import FixSettings, Reason, Throttled, TryLater
from kogge.spapi.transport import USER_AGENT, Answer, Call, exchange
from kogge.values import InvalidValue

REFRESH_EARLY = timedelta(minutes=5)
OPERATION = "lwaToken"

_PASSING_TROUBLE = {"server_error", "temporarily_unavailable", "slow_down"}
_REASONS: dict[str, Reason] = {
    "invalid_client": "invalid_client",
    "invalid_grant": "invalid_grant",
    "unauthorized_client": "unauthorized_client",
    "access_denied": "access_denied",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the seller's authorisation consists of. Its repr shows none of it."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    # Of an application that acts for no seller, so without refresh token: the `Amazon` made of these
    # credentials can make the grantless calls of this scope, and no other.
    scope: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Good for calls until `expires_at` (UTC)."""

    token: str = field(repr=False)
    expires_at: datetime

    def lasts(self, now: datetime, margin: timedelta = timedelta(0)) -> bool:
        return self.expires_at - margin > now


@dataclass(frozen=True, slots=True)
class Grant:
    """The fruit of a consent: a refresh token to keep, and a first access token."""

    refresh_token: str = field(repr=False)
    access_token: AccessToken


class TokenCache(Protocol):
    """Where the access token of one connection survives between processes.

    The first `load` may answer what was known when the cache was made; every further one looks.
    """

    def load(self) -> AccessToken | None: ...

    def store(self, token: AccessToken) -> None: ...


class TokenSource:
    """Hands out access tokens of one connection; however many threads ask, one fetches."""

    def __init__(
        self, credentials: Credentials, cache: TokenCache, http: httpx2.Client, lwa_url: str
    ) -> None:
        self._credentials = credentials
        self._cache = cache
        self._http = http
        self._lwa_url = lwa_url
        self._lock = _lock_for(credentials)
        self._given = ""

    def access_token(self, now: datetime, *, force_new: bool = False) -> str:
        """A token that Amazon should accept now. `force_new` says that the one given last was refused.

        Raises `FixSettings` when the credentials are not good any more, `TryLater` when Amazon does
        not answer.
        """
        with self._lock:
            refused = self._given if force_new else ""
            for _look in range(2):  # another process may have stored a newer one meanwhile
                known = self._cache.load()
                if known and known.token != refused and known.lasts(now, REFRESH_EARLY):
                    self._given = known.token
                    return known.token
            token = self._fetch_or_keep(now, known, force_new)
            self._given = token.token
            return token.token

    def _fetch_or_keep(self, now: datetime, known: AccessToken | None, force_new: bool) -> AccessToken:
        try:
            token = refresh(self._http, self._lwa_url, self._credentials, now)
        except TryLater:
            if known and not force_new and known.lasts(now):
                return known  # refreshing early is a comfort, not a condition
            raise
        self._cache.store(token)
        return token


def refresh(http: httpx2.Client, lwa_url: str, credentials: Credentials, now: datetime) -> AccessToken:
    """Ask Amazon for a new access token. Raises `FixSettings` or `TryLater`."""
    call = _form(
        lwa_url,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        **_grant(credentials),
    )
    answer = _ask(http, call)
    return _access_token(answer, answer.read(_tokens), now)


def _grant(credentials: Credentials) -> dict[str, str]:
    if credentials.scope:
        return {"grant_type": "client_credentials", "scope": credentials.scope}
    return {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}


def exchange_code(
    http: httpx2.Client,
    lwa_url: str,
    *,
    code: str,
    client_id: str,
    client_secret: str,
    redirect_uri: str | None = None,
    now: datetime | None = None,
) -> Grant:
    """Turn the code of the consent page, good for five minutes, into a refresh token.

    `redirect_uri` must be repeated if the consent page was given one. Raises `FixSettings` or `TryLater`.
    """
    call = _form(
        lwa_url,
        grant_type="authorization_code",
        code=code,
        client_id=client_id,
        client_secret=client_secret,
        redirect_uri=redirect_uri,
    )
    answer = _ask(http, call)
    tokens = answer.read(_tokens)
    if not _is_token(tokens.refresh_token):
        raise answer.trouble("the answer holds no refresh token")
    return Grant(
        tokens.refresh_token, _access_token(answer, tokens, now or answer.served_at or datetime.now(UTC))
    )


def consent_url(
    base: str, application_id: str, state: str, redirect_uri: str | None = None, beta: bool = False
) -> str:
    """Where the seller agrees. `beta` is needed as long as the application is a draft at Amazon."""
    if not application_id or not state:
        raise InvalidValue("the consent page needs an application id and a state")
    query = {"application_id": application_id, "state": state}
    if redirect_uri:
        query["redirect_uri"] = redirect_uri
    if beta:
        query["version"] = "beta"
    return f"{base.rstrip('/')}/apps/authorize/consent?{urlencode(query)}"


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: int
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "<tokens>"


class _Refusal(msgspec.Struct):
    error: str
    error_description: str = ""


_tokens = msgspec.json.Decoder(_Tokens)
_refusal = msgspec.json.Decoder(_Refusal)

_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_locks_guard = threading.Lock()


def _lock_for(credentials: Credentials) -> threading.Lock:
    """One lock for all token sources of a connection, found by a fingerprint instead of the secret."""
    words = f"{credentials.client_id}\n{credentials.refresh_token}\n{credentials.scope}"
    fingerprint = hashlib.sha256(words.encode()).hexdigest()
    with _locks_guard:
        return _locks.setdefault(fingerprint, threading.Lock())


def _form(lwa_url: str, **fields: str | None) -> Call:
    return Call(
        OPERATION,
        "POST",
        lwa_url,
        headers={
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "User-Agent": USER_AGENT,
        },
        body=urlencode({name: text for name, text in fields.items() if text is not None}).encode(),
    )


def _ask(http: httpx2.Client, call: Call) -> Answer:
    answer = exchange(http, call)
    if answer.status == 429:
        raise Throttled(
            operation=OPERATION, request_id=answer.request_id, status=429, retry_after=answer.retry_after
        )
    if answer.is_html or not (answer.succeeded or 400 <= answer.status < 500):
        raise answer.trouble("Login with Amazon is out of order")
    if not answer.succeeded:
        raise _refused(answer)
    return answer


def _refused(answer: Answer) -> FixSettings | TryLater:
    refusal = answer.read(_refusal)
    if refusal.error in _PASSING_TROUBLE:
        return answer.trouble(refusal.error_description)
    return FixSettings(
        refusal.error_description or refusal.error,
        operation=OPERATION,
        reason=_REASONS.get(refusal.error, "lwa_refused"),
        request_id=answer.request_id,
        status=answer.status,
    )


def _access_token(answer: Answer, tokens: _Tokens, now: datetime) -> AccessToken:
    if not _is_token(tokens.access_token) or tokens.expires_in <= 0:
        raise answer.trouble("the answer holds no usable access token")
    return AccessToken(tokens.access_token, now + timedelta(seconds=tokens.expires_in))


def _is_token(text: str) -> bool:
    """Fit for an HTTP header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
