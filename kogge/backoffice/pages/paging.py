"""Pages of lists that are too long to be counted each time somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
MOST_PAGES = 1_000  # who leafs further wants another search


@dataclass(frozen=True)
class Slice(Generic[M]):
    """A page of which only is known whether another one follows. Drawn by `_pages.html`.

    `is_last_shown`: more follows, but nobody leafs that far; another search finds it.
    """

    number: int
    object_list: Sequence[M]
    has_next: bool
    is_last_shown: bool = False

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def has_other_pages(self) -> bool:
        return self.has_next or self.has_previous

    @property
    def previous_page_number(self) -> int:
        return self.number - 1

    @property
    def next_page_number(self) -> int:
        return self.number + 1


def slice_of(found: QuerySet[M], number: str | None, size: int) -> Slice[M]:
    """The page with this number out of an address; what cannot be read or is beyond the end is the first."""
    page = int(number) if number and number.isascii() and number.isdecimal() and len(number) < 9 else 1
    page = min(max(page, 1), MOST_PAGES)
    start = (page - 1) * size
    rows = list(found[start : start + size + 1])
    if page > 1 and not rows:
        return slice_of(found, None, size)  # from an old bookmark: there are fewer now
    follows, is_last = len(rows) > size, page == MOST_PAGES
    return Slice(page, rows[:size], has_next=follows and not is_last, is_last_shown=follows and is_last)
