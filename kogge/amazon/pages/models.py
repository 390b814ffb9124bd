"""What a merchant has entered so far while connecting: sealed, short-lived, never sent back to a browser."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class Draft(models.Model):
    """A connection between its first and its last step. The session knows only its reference."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    reference_digest = models.CharField(max_length=64, unique=True)
    sealed_settings = models.BinaryField()
    expires_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()
