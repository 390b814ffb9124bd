"""The secrets of a connection at rest: sealed in its row, open only while a client is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from django.db.models import QuerySet

from kogge.amazon.connections.models import Connection
from kogge.merchants import vault
from kogge.spapi.auth import AccessToken, Credentials

CREDENTIALS = "connection.credentials"
ACCESS_TOKEN = "connection.access_token"  # noqa: S105 (the name of a column)


class NoCredentials(Exception):
    """The connection was cut: there is nothing left to sign in with."""


def sealed_credentials(merchant_id: int, *, client_secret: str, refresh_token: str) -> bytes:
    """The two secrets as they are stored."""
    words = {"client_secret": client_secret, "refresh_token": refresh_token}
    return vault.seal(merchant_id, CREDENTIALS, msgspec.json.encode(words))


def credentials_of(connection: Connection) -> Credentials:
    """The connection's credentials in the clear. Raises `NoCredentials` after it was cut."""
    if not connection.sealed_credentials:
        raise NoCredentials(f"connection {connection.pk} has no credentials")
    opened = vault.unseal(connection.merchant_id, CREDENTIALS, bytes(connection.sealed_credentials))
    words: Mapping[str, str] = msgspec.json.decode(opened, type=dict[str, str])
    return Credentials(connection.client_id, words["client_secret"], words["refresh_token"])


class SealedTokenCache:
    """spapi's token cache in the connection's row: all processes share one access token."""

    def __init__(self, connection: Connection) -> None:
        self._connection_id = connection.pk
        self._merchant_id = connection.merchant_id
        self._credentials = bytes(connection.sealed_credentials)
        self._in_hand = self._opened(connection.sealed_access_token, connection.access_token_expires_at)

    def load(self) -> AccessToken | None:
        """The stored token, fresh or not: at first the one in the connection's row as it was handed in."""
        known, self._in_hand = self._in_hand, None
        return known or self._stored()

    def _stored(self) -> AccessToken | None:
        row = (
            self._row()
            .filter(sealed_access_token__isnull=False, access_token_expires_at__isnull=False)
            .values_list("sealed_access_token", "access_token_expires_at")
            .first()
        )
        return self._opened(*row) if row else None

    def _opened(self, sealed: bytes | memoryview | None, expires_at: datetime | None) -> AccessToken | None:
        if sealed is None or expires_at is None:
            return None
        return AccessToken(vault.unseal(self._merchant_id, ACCESS_TOKEN, bytes(sealed)).decode(), expires_at)

    def store(self, token: AccessToken) -> None:
        """Keep a token for all; one that belongs to replaced credentials is not kept."""
        expires_at: datetime = token.expires_at
        self._row().filter(sealed_credentials=self._credentials).update(
            sealed_access_token=vault.seal(self._merchant_id, ACCESS_TOKEN, token.token.encode()),
            access_token_expires_at=expires_at,
        )

    def _row(self) -> QuerySet[Connection]:
        return Connection.objects.everyone().filter(pk=self._connection_id)
