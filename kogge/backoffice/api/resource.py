"""What a resource of the API is: read and written as typed documents, in whatever format was asked for.

`views.py` is the one way in. It finds the resource and the caller, reads paging and body, calls one method
here and writes the answer as JSON or XML; whatever is written there is written in one transaction, that of
the order side with the shop locked. A resource translates between its documents and the shop, and
makes one call of the shop for whatever is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from kogge.backoffice.api.models import ApiKey
from kogge.merchants.models import Merchant

DEFAULT_LIMIT = 150
MOST = 250  # values above are taken as this


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and when. Everything a resource reads or writes is this merchant's."""

    merchant: Merchant
    key: ApiKey
    now: datetime
    base_url: str = ""  # "https://shop.example", for addresses inside documents


@dataclass(frozen=True, slots=True)
class Query:
    """What of a list is wanted. `parent` is the resource's name and id in front, as in orders/7/items."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    include: frozenset[str] = frozenset()
    order: str = ""  # "created_at DESC"
    filters: Mapping[str, str] = field(default_factory=dict)
    parent: tuple[str, int] | None = None


class Missing(Exception):
    """There is no such record, or it is another merchant's: 404 either way."""


class Invalid(Exception):
    """The document cannot be taken: 422. `errors` are sentences by field; "base" for the whole."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(str(dict(errors)))
        self.errors = errors


def number_from(text: str) -> int | None:
    """An id out of an address or a filter; None if it is none that the database could hold."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    number = int(text)
    return number if number < 2**63 else None


class Resource(Protocol):
    """One resource. A method that a resource does not have is answered with 405.

    It may also say, where the defaults (in brackets) do not fit:

    - `parents`: the names of the resources it is found under; `()`. Others are answered with 404.
    - `top_level`: whether it has an address of its own, too; `True`.
    - `singleton`: there is one a merchant, without list, count and id in the address; `False`. `pk` is 0.
    - `has_count`: whether `count` has an address; `True`.
    - `filters`, `includes`: the parameters it understands, for the description; `()`.
    - `actions`: further addresses that are read: "categories" of the list (called with caller and query),
      ":id/tax_for_country" of one record (called with caller, id and query), each with a method that gives
      a document or a list of them; `{}`.
    """

    name: ClassVar[str]  # "orders", as in the address
    singular: ClassVar[str]  # "order", the document's root
    output: ClassVar[type[msgspec.Struct]]  # for the answer and its description
    input: ClassVar[type[msgspec.Struct] | None]  # of POST and PUT; None: read only
    is_order_side: ClassVar[bool]  # writing needs the unlocked right to write orders

    def list(self, caller: Caller, query: Query) -> Sequence[msgspec.Struct]: ...

    def count(self, caller: Caller, query: Query) -> int: ...

    def show(self, caller: Caller, pk: int, query: Query) -> msgspec.Struct: ...

    def create(self, caller: Caller, document: msgspec.Struct, query: Query) -> msgspec.Struct: ...

    def update(self, caller: Caller, pk: int, document: msgspec.Struct, query: Query) -> msgspec.Struct: ...

    def delete(self, caller: Caller, pk: int, query: Query) -> None: ...
