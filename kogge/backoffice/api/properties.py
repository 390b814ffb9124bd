"""What is said of a product in pairs, "Farbe: rot", and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from msgspec import UNSET, Struct, UnsetType

from kogge.backoffice import pictures
from kogge.backoffice.api.models import ProductExtras, ProductProperty
from kogge.backoffice.api.products import (
    IMAGE_IDS,
    LONGEST_KEY,
    LONGEST_VALUE,
    ImageOut,
    PropertyOut,
    images_of,
    product_of,
    property_document,
)
from kogge.backoffice.api.resource import Caller, Invalid, Missing, Query
from kogge.backoffice.models import Product

_SMALL = 2**31


class PropertyIn(Struct, kw_only=True):
    """A property to write."""

    key: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    position: int | UnsetType | None = UNSET
    is_visible: bool | UnsetType | None = UNSET


class Properties:
    """The properties of one product; a key is there once and is written again by POST."""

    name: ClassVar[str] = "properties"
    singular: ClassVar[str] = "property"
    output: ClassVar[type[Struct]] = PropertyOut
    input: ClassVar[type[Struct] | None] = PropertyIn
    is_order_side: ClassVar[bool] = False
    parents: ClassVar[Sequence[str]] = ("products", "variants")
    top_level: ClassVar[bool] = False

    def list(self, caller: Caller, query: Query) -> Sequence[Struct]:
        found = self._found(caller, query)[query.offset : query.offset + query.limit]
        return [property_document(each) for each in found]

    def count(self, caller: Caller, query: Query) -> int:
        return self._found(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        return property_document(self._one(caller, pk, query))

    def create(self, caller: Caller, document: Struct, query: Query) -> Struct:
        assert isinstance(document, PropertyIn)
        product = _above(caller, query)
        if not document.key:
            raise Invalid({"key": [_("Das Feld ist leer.")]})
        known = self._found(caller, query).filter(key=document.key).first()
        return _save(known or ProductProperty(merchant=caller.merchant, product=product), document)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> Struct:
        assert isinstance(document, PropertyIn)
        found = self._one(caller, pk, query)
        others = self._found(caller, query).exclude(pk=pk)
        if document.key and others.filter(key=document.key).exists():
            raise Invalid({"key": [_("Diese Eigenschaft gibt es schon.")]})
        return _save(found, document)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        self._one(caller, pk, query).delete()

    def _found(self, caller: Caller, query: Query) -> QuerySet[ProductProperty]:
        product = _above(caller, query)
        return ProductProperty.objects.of(caller.merchant).filter(product=product).order_by("position", "id")

    def _one(self, caller: Caller, pk: int, query: Query) -> ProductProperty:
        found = self._found(caller, query).filter(pk=pk).first()
        if found is None:
            raise Missing
        return found


class ProductImages:
    """The pictures of one product: the shop's own, and addresses that were kept."""

    name: ClassVar[str] = "product_images"
    singular: ClassVar[str] = "product_image"
    output: ClassVar[type[Struct]] = ImageOut
    input: ClassVar[type[Struct] | None] = None
    is_order_side: ClassVar[bool] = False
    parents: ClassVar[Sequence[str]] = ("products", "variants")
    top_level: ClassVar[bool] = False

    def list(self, caller: Caller, query: Query) -> Sequence[Struct]:
        return images_of(caller, _above(caller, query))[query.offset : query.offset + query.limit]

    def count(self, caller: Caller, query: Query) -> int:
        return len(images_of(caller, _above(caller, query)))

    def show(self, caller: Caller, pk: int, query: Query) -> Struct:
        for image in images_of(caller, _above(caller, query)):
            if image.id == pk:
                return image
        raise Missing

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        self.show(caller, pk, query)
        product, number = _above(caller, query), pk % IMAGE_IDS
        if not number:
            pictures.remove_picture(product)
            return
        extras = ProductExtras.objects.of(caller.merchant).get(product=product)
        for part in ("url", "description"):
            extras.fields.pop(f"image_{part}_{number}", None)
        extras.save()


def _above(caller: Caller, query: Query) -> Product:
    """The product in front of the address. Raises `Missing`."""
    if query.parent is None:
        raise Missing
    return product_of(caller, query.parent[1])


def _save(found: ProductProperty, document: PropertyIn) -> Struct:
    if isinstance(document.key, str):
        found.key = document.key
    if not isinstance(document.value, UnsetType):
        found.value = document.value or ""
    if not isinstance(document.position, UnsetType):
        found.position = document.position
    if isinstance(document.is_visible, bool):
        found.is_visible = document.is_visible
    errors = {
        "key": not 0 < len(found.key) <= LONGEST_KEY,
        "value": len(found.value) > LONGEST_VALUE,
        "position": not -_SMALL <= (found.position or 0) < _SMALL,
    }
    if wrong := [name for name, is_wrong in errors.items() if is_wrong]:
        raise Invalid({name: [_("Der Wert ist leer, zu lang oder zu groß.")] for name in wrong})
    found.save()
    return property_document(found)
