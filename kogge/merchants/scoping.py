"""A merchant sees only their own: every query names its merchant, or says why it may not.

`Model.objects` of a scoped model answers nothing until one of three words was said:
`of(merchant)`, `of_id(merchant_id)`, or `everyone()` for background work that serves all merchants.
Forgetting it raises `UnscopedQuery` instead of leaking (promise 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models

if TYPE_CHECKING:
    from kogge.merchants.models import Merchant

M = TypeVar("M", bound=models.Model)


class UnscopedQuery(RuntimeError):
    """A query that names no merchant: a bug, never an answer."""


class ScopedManager(models.Manager[M]):
    """The manager of everything that belongs to a merchant, reached over `path`."""

    def __init__(self, path: str = "merchant") -> None:
        super().__init__()
        self.path = path

    def of(self, merchant: Merchant) -> models.QuerySet[M]:
        """What belongs to this merchant."""
        return self.of_id(merchant.pk)

    def of_id(self, merchant_id: int) -> models.QuerySet[M]:
        """What belongs to the merchant with this id."""
        return self.everyone().filter(**{f"{self.path}_id": merchant_id})

    def everyone(self) -> models.QuerySet[M]:
        """What belongs to anybody: for background work that was handed ids by the due table."""
        return super().get_queryset()

    def get_queryset(self) -> models.QuerySet[M]:
        # A related manager (order.lines) is fenced by its instance already.
        instance: Any = getattr(self, "instance", None)
        if instance is None:
            raise UnscopedQuery(f"{self.model.__name__}: say of(merchant) or everyone()")
        return super().get_queryset()
