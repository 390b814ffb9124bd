"""`/api/items`: the positions of orders, also under their order or shipment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from msgspec import Struct

from kogge.backoffice import from_outside
from kogge.backoffice.api import order_writing
from kogge.backoffice.api.order_documents import ItemOut, item_documents, page_of
from kogge.backoffice.api.order_fields import record
from kogge.backoffice.api.order_writing import ItemIn
from kogge.backoffice.api.orders import one_order
from kogge.backoffice.api.resource import DEFAULT_LIMIT, Caller, Invalid, Missing, Query, number_from
from kogge.backoffice.api.sendings import order_of_sending
from kogge.backoffice.models import Order, OrderLine


class Items:
    """Within a shipment, the quantity of an item is what is in it."""

    name: ClassVar[str] = "items"
    singular: ClassVar[str] = "item"
    output: ClassVar[type[Struct]] = ItemOut
    input: ClassVar[type[Struct] | None] = ItemIn
    is_order_side: ClassVar[bool] = True
    parents: ClassVar[tuple[str, ...]] = ("orders", "shipments")
    filters: ClassVar[tuple[str, ...]] = ("order_id", "product_id", "code")

    def list(self, caller: Caller, query: Query) -> Sequence[ItemOut]:
        if query.parent:
            return part_of(_nested(caller, query), query)
        lines = list(_filtered(caller, query).order_by("-id")[query.offset : query.offset + query.limit])
        orders = {line.order_id for line in lines}
        page = page_of(list(Order.objects.of(caller.merchant).filter(pk__in=orders)))
        documents = {item.id: item for order in page.orders for item in item_documents(page, order)}
        return [documents[line.pk] for line in lines]

    def count(self, caller: Caller, query: Query) -> int:
        return len(_nested(caller, query)) if query.parent else _filtered(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> ItemOut:
        if query.parent:
            found = (item for item in _nested(caller, query) if item.id == pk)
            if (item := next(found, None)) is None:
                raise Missing
            return item
        return _document(caller, _one_line(caller, pk))

    def create(self, caller: Caller, document: Struct, query: Query) -> ItemOut:
        assert isinstance(document, ItemIn)
        order = parent_order(caller, query, record("order_id", document.order_id))
        new = order_writing.outside_line(document)
        line = from_outside.add_line(order, new, actor=order_writing.actor(caller), now=caller.now)
        return _document(caller, line)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> ItemOut:
        assert isinstance(document, ItemIn)
        self.show(caller, pk, query)
        order_writing.change_item(caller, _one_line(caller, pk), document)
        return _document(caller, _one_line(caller, pk))


def parent_order(caller: Caller, query: Query, order_id: int | None) -> Order:
    """The order in the address, or else in the document. Raises `Missing` and `Invalid`."""
    if query.parent:
        if query.parent[0] != "orders":
            raise Missing
        return one_order(caller, query.parent[1])
    if order_id is None:
        raise Invalid({"order_id": [_("muss ausgefüllt werden")]})
    try:
        return one_order(caller, order_id)
    except Missing as unknown:
        raise Invalid({"order_id": [_("Diese Bestellung gibt es nicht.")]}) from unknown


def part_of(documents: Sequence[ItemOut], query: Query) -> Sequence[ItemOut]:
    """All of them, unless the client asks for a part: whoever asks for an order's items wants all."""
    if query.limit == DEFAULT_LIMIT and not query.offset:
        return documents
    return documents[query.offset : query.offset + query.limit]


def _nested(caller: Caller, query: Query) -> list[ItemOut]:
    assert query.parent is not None
    name, pk = query.parent
    if name == "orders":
        page = page_of([one_order(caller, pk)])
        return item_documents(page, page.orders[0])
    order = order_of_sending(caller.merchant.pk, pk)
    if order is None:
        raise Missing
    page = page_of([order])
    for sending in page.sendings[order.pk]:
        if sending.id == pk:
            return item_documents(page, order, sending)
    raise Missing


def _filtered(caller: Caller, query: Query) -> QuerySet[OrderLine]:
    lines = OrderLine.objects.of(caller.merchant)
    for name, column in (("order_id", "order"), ("product_id", "product")):
        if wanted := query.filters.get(name):
            number = number_from(wanted)
            lines = lines.none() if number is None else lines.filter(**{column: number})
    if code := query.filters.get("code"):
        lines = lines.filter(code=code)
    return lines


def _one_line(caller: Caller, pk: int) -> OrderLine:
    found = OrderLine.objects.of(caller.merchant).select_related("order__merchant").filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def _document(caller: Caller, line: OrderLine) -> ItemOut:
    order = one_order(caller, line.order_id)
    return next(item for item in item_documents(page_of([order]), order) if item.id == line.pk)
