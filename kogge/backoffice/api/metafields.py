"""Metafields: what an app keeps at a product, an order, a customer or the shop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice.api.models import Metafield
from kogge.backoffice.api.people import is_customer
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query, number_from
from kogge.backoffice.models import Order, Product

LONGEST_VALUE = 20_000
_SMALL = 2**31
_KINDS = 2**15  # value types

# Whether the merchant has an owner of this type with this id; the shop's own id is the merchant's.
OWNERS: dict[str, Callable[[Caller, int], bool]] = {
    "Product": lambda caller, pk: Product.objects.of(caller.merchant).filter(pk=pk).exists(),
    "Order": lambda caller, pk: Order.objects.of(caller.merchant).filter(pk=pk).exists(),
    "Customer": is_customer,
    "Shop": lambda caller, pk: caller.merchant.pk == pk,
}


class MetafieldIn(Struct, kw_only=True):
    """A metafield to write."""

    metafieldable_type: str | UnsetType | None = UNSET
    metafieldable_id: int | UnsetType | None = UNSET
    namespace: str | UnsetType | None = UNSET
    key: str | UnsetType | None = UNSET
    value: str | int | float | bool | UnsetType | None = UNSET
    value_type: int | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    position: int | UnsetType | None = UNSET


class MetafieldOut(Struct, kw_only=True):
    """A metafield."""

    id: int
    shop_id: int
    metafieldable_type: str
    metafieldable_id: int
    namespace: str
    key: str
    value: str
    value_type: int
    description: str
    position: int
    created_at: datetime
    updated_at: datetime


class Metafields:
    """Written again for the same owner, namespace and key, a metafield is replaced."""

    name: ClassVar[str] = "metafields"
    singular: ClassVar[str] = "metafield"
    output: ClassVar[type[Struct]] = MetafieldOut
    input: ClassVar[type[Struct] | None] = MetafieldIn
    is_order_side: ClassVar[bool] = False
    filters: ClassVar[Sequence[str]] = ("metafieldable_type", "metafieldable_id", "namespace", "key", "value")

    def list(self, caller: Caller, query: Query) -> Sequence[Struct]:
        found = self._found(caller, query).order_by("id")[query.offset : query.offset + query.limit]
        return [_document(each) for each in found]

    def count(self, caller: Caller, query: Query) -> int:
        return self._found(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        return _document(_one(caller, pk))

    def create(self, caller: Caller, document: Struct, query: Query) -> Struct:
        assert isinstance(document, MetafieldIn)
        owner = _owner(caller, document)
        if wrong := [name for name in ("namespace", "key") if not getattr(document, name)]:
            raise Invalid({name: [_("Das Feld ist leer.")] for name in wrong})
        known = (
            Metafield.objects.of(caller.merchant)
            .filter(owner_type=owner[0], owner_id=owner[1], namespace=document.namespace, key=document.key)
            .first()
        )
        new = Metafield(
            merchant=caller.merchant, owner_type=owner[0], owner_id=owner[1], created_at=caller.now
        )
        return _save(caller, known or new, document)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> Struct:
        """The owner stays, whatever the document says."""
        assert isinstance(document, MetafieldIn)
        found = _one(caller, pk)
        _save(caller, found, document)
        return _document(found)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        _one(caller, pk).delete()

    def _found(self, caller: Caller, query: Query) -> QuerySet[Metafield]:
        found = Metafield.objects.of(caller.merchant)
        for name in ("namespace", "key", "value"):
            if name in query.filters:
                found = found.filter(**{name: query.filters[name]})
        if "metafieldable_type" in query.filters:
            found = found.filter(owner_type=query.filters["metafieldable_type"])
        if "metafieldable_id" in query.filters:
            found = found.filter(owner_id=number_from(query.filters["metafieldable_id"]) or 0)
        return found


def _one(caller: Caller, pk: int) -> Metafield:
    found = Metafield.objects.of(caller.merchant).filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def _owner(caller: Caller, document: MetafieldIn) -> tuple[str, int]:
    """Type and id of the owner, who is the merchant's. Raises `Invalid`."""
    kind, pk = document.metafieldable_type, document.metafieldable_id
    if not isinstance(kind, str) or kind not in OWNERS:
        raise Invalid({"metafieldable_type": [_("Diese Art von Eigentümer gibt es nicht.")]})
    if kind == "Shop" and not isinstance(pk, int):
        pk = caller.merchant.pk
    if not isinstance(pk, int) or not OWNERS[kind](caller, pk):
        raise Invalid({"metafieldable_id": [_("Diesen Eigentümer gibt es nicht.")]})
    return kind, pk


def _save(caller: Caller, found: Metafield, document: MetafieldIn) -> Struct:
    for name in ("namespace", "key", "value", "description"):
        value = getattr(document, name)
        if value is not UNSET:
            setattr(found, name, _text(value))
    for name in ("value_type", "position"):
        value = getattr(document, name)
        if isinstance(value, int):
            setattr(found, name, value)
    errors = {
        "namespace": not 0 < len(found.namespace) <= 100,
        "key": not 0 < len(found.key) <= 100,
        "value": len(found.value) > LONGEST_VALUE,
        "description": len(found.description) > 500,
        "value_type": not 0 <= found.value_type < _KINDS,
        "position": not -_SMALL <= found.position < _SMALL,
    }
    if wrong := [name for name, is_wrong in errors.items() if is_wrong]:
        raise Invalid({name: [_("Der Wert ist leer, zu lang oder zu groß.")] for name in wrong})
    if _is_taken(found):
        raise Invalid({"key": [_("Dieses Metafeld gibt es schon.")]})
    found.updated_at = caller.now
    found.save()
    return _document(found)


def _is_taken(found: Metafield) -> bool:
    same = Metafield.objects.of_id(found.merchant_id).filter(
        owner_type=found.owner_type, owner_id=found.owner_id, namespace=found.namespace, key=found.key
    )
    return same.exclude(pk=found.pk).exists()


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    return str(value)


def _document(found: Metafield) -> MetafieldOut:
    return MetafieldOut(
        id=found.pk,
        shop_id=found.merchant_id,
        metafieldable_type=found.owner_type,
        metafieldable_id=found.owner_id,
        namespace=found.namespace,
        key=found.key,
        value=found.value,
        value_type=found.value_type,
        description=found.description,
        position=found.position,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
