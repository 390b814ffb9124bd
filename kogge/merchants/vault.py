"""Secrets and personal data at rest: AES-256-GCM, a ring of keys, bound to merchant and column.

A sealed value is `version | key id | nonce | ciphertext`. The additional data ("merchant:column")
makes a value useless anywhere but in its own place, so rows cannot be swapped between merchants.
The first key of the ring seals; every key opens, so keys can be added and retired one by one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from kogge.merchants.keyring import KeyRing

VERSION = b"\x01"
KEY_ID_LENGTH = 4
NONCE_LENGTH = 12


class CannotOpen(Exception):
    """A sealed value that no key of the ring opens in this place."""


def seal(merchant_id: int, column: str, secret: bytes) -> bytes:
    """Encrypt `secret` for one merchant and one column."""
    key = _ring().keys[0]
    nonce = os.urandom(NONCE_LENGTH)
    sealed = _cipher(key).encrypt(nonce, secret, _place(merchant_id, column))
    return VERSION + _key_id(key) + nonce + sealed


def unseal(merchant_id: int, column: str, sealed: bytes) -> bytes:
    """Decrypt what `seal` made for the same merchant and column. Raises `CannotOpen` otherwise."""
    sealed = bytes(sealed)
    key_id = sealed[1 : 1 + KEY_ID_LENGTH]
    nonce = sealed[1 + KEY_ID_LENGTH : 1 + KEY_ID_LENGTH + NONCE_LENGTH]
    body = sealed[1 + KEY_ID_LENGTH + NONCE_LENGTH :]
    for key in _ring().keys:
        if _key_id(key) == key_id:
            try:
                return _cipher(key).decrypt(nonce, body, _place(merchant_id, column))
            except InvalidTag:
                break
    raise CannotOpen(f"{column} of merchant {merchant_id} cannot be opened with the present keys")


def has_key_of(sealed: bytes) -> bool:
    """Whether the key that sealed this is at hand; opening it can fail for other reasons still."""
    key_id = bytes(sealed)[1 : 1 + KEY_ID_LENGTH]
    return any(_key_id(key) == key_id for key in _ring().keys)


def blind_index(merchant_id: int, word: str) -> bytes:
    """A keyed fingerprint of a word, so that encrypted names can be found without being readable.

    Uses the oldest key: it must stay the same while keys are added in front of it.
    """
    key = hashlib.blake2b(_ring().keys[-1], person=b"kogge-words", digest_size=32).digest()
    return hmac.digest(key, f"{merchant_id}:{word}".encode(), "sha256")[:8]


def _place(merchant_id: int, column: str) -> bytes:
    return f"{merchant_id}:{column}".encode()


@cache
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


@cache
def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"kogge-key-id" + key).digest()[:KEY_ID_LENGTH]


def _ring() -> KeyRing:
    ring: KeyRing = settings.KOGGE_KEY_RING
    return ring
