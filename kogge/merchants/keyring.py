"""The keys of an installation. Apart from the vault, because the settings need it before Django is up."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field

KEY_LENGTH = 32


@dataclass(frozen=True)
class KeyRing:
    """The keys of an installation, newest first."""

    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read keys as written in `KOGGE_KEYS`: URL-safe base64, 32 bytes each, comma separated."""
        keys = tuple(base64.urlsafe_b64decode(part.strip()) for part in text.split(",") if part.strip())
        if not keys or any(len(key) != KEY_LENGTH for key in keys):
            raise ValueError("KOGGE_KEYS: every key must be 32 bytes in URL-safe base64")
        return cls(keys)

    @staticmethod
    def new_key() -> str:
        """A fresh key in the notation of `KOGGE_KEYS`."""
        return base64.urlsafe_b64encode(os.urandom(KEY_LENGTH)).decode()
