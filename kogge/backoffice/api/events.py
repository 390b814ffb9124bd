"""`/api/events`: the shop's log of its orders, to be read on from the last id. Nothing personal is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from msgspec import Struct

from kogge.backoffice.api.orders import one_order
from kogge.backoffice.api.resource import Caller, Missing, Query, number_from
from kogge.backoffice.models import OrderEvent


class EventOut(Struct, kw_only=True):
    """Something that happened to an order."""

    id: int
    kind: str
    order_id: int
    order_code: str
    details: dict[str, Any]
    created_at: datetime


class Events:
    """The oldest first: a reader that remembers the last id misses none."""

    name: ClassVar[str] = "events"
    singular: ClassVar[str] = "event"
    output: ClassVar[type[Struct]] = EventOut
    input: ClassVar[type[Struct] | None] = None
    is_order_side: ClassVar[bool] = True
    parents: ClassVar[tuple[str, ...]] = ("orders",)
    filters: ClassVar[tuple[str, ...]] = ("after", "order_id", "kind")

    def list(self, caller: Caller, query: Query) -> Sequence[EventOut]:
        newest_first = query.order.strip().upper().endswith(" DESC")
        found = _filtered(caller, query).select_related("order").order_by("-id" if newest_first else "id")
        return [_document(event) for event in found[query.offset : query.offset + query.limit]]

    def count(self, caller: Caller, query: Query) -> int:
        return _filtered(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> EventOut:
        event = _filtered(caller, query).select_related("order").filter(pk=pk).first()
        if event is None:
            raise Missing
        return _document(event)


def _filtered(caller: Caller, query: Query) -> QuerySet[OrderEvent]:
    events = OrderEvent.objects.of(caller.merchant)
    if query.parent:
        events = events.filter(order=one_order(caller, query.parent[1]))
    for name, column in (("after", "id__gt"), ("order_id", "order")):
        if wanted := query.filters.get(name):
            number = number_from(wanted)
            events = events.none() if number is None else events.filter(**{column: number})
    if kind := query.filters.get("kind"):
        events = events.filter(kind=kind)
    return events


def _document(event: OrderEvent) -> EventOut:
    return EventOut(
        id=event.pk,
        kind=event.kind,
        order_id=event.order_id,
        order_code=str(event.order.number),
        details=event.details,
        created_at=event.at,
    )
