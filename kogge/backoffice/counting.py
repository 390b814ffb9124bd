"""Counts for pages that are drawn while somebody waits: exact as far as counting goes fast, else "über"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from kogge.merchants.models import Merchant


@dataclass(frozen=True)
class Count:
    """So many, or more than so many."""

    number: int
    or_more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        number = str(number_format(self.number, force_grouping=self.or_more))
        return _("über %(number)s") % {"number": number} if self.or_more else number


class _Rows(Subquery):
    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()
    empty_result_set_value = 0


def up_to(most: int, found: int) -> Count:
    """What was found when nobody looked further than `most` + 1."""
    return Count(most, or_more=True) if found > most else Count(found)


def counted(merchant: Merchant, wanted: Sequence[tuple[QuerySet[Any], int]]) -> list[Count]:
    """How many rows each of the merchant's queries has, counted no further than its number; one query."""
    rows = [_Rows(query.order_by().values("pk")[: most + 1]) for query, most in wanted]
    numbers = Merchant.objects.filter(pk=merchant.pk).values_list(*rows).get()
    return [up_to(most, number) for (_query, most), number in zip(wanted, numbers, strict=True)]
