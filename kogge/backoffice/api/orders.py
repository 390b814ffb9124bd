"""`/api/orders`: the shop's orders, whoever they came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from django.db.models import Q, QuerySet
from msgspec import Struct

from kogge.backoffice import from_outside
from kogge.backoffice.api import order_writing
from kogge.backoffice.api.models import Gone, Metafield
from kogge.backoffice.api.order_documents import (
    PAYMENT_STATUS,
    STATUS,
    OrderOut,
    metafields_of,
    order_document,
    page_of,
)
from kogge.backoffice.api.order_fields import moment
from kogge.backoffice.api.order_writing import OrderIn
from kogge.backoffice.api.people import orders_of_customer, people_documents
from kogge.backoffice.api.resource import Caller, Missing, Query, number_from
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.listening import tell_listeners
from kogge.backoffice.models import OWN_CHANNELS, Order

NEWEST_FIRST = ("-placed_at", "-id")
SORTED_BY = {"created_at": ("placed_at", "id"), "id": ("id",), "code": ("number",), "total": ("total", "id")}


class Orders:
    """Written by the same functions as by the pages, so channels hear of it in the same way."""

    name: ClassVar[str] = "orders"
    singular: ClassVar[str] = "order"
    output: ClassVar[type[Struct]] = OrderOut
    input: ClassVar[type[Struct] | None] = OrderIn
    is_order_side: ClassVar[bool] = True
    filters: ClassVar[tuple[str, ...]] = (
        "status",
        "payment_status",
        "code",
        "customer_id",
        "created_at",
        "origin_name",
    )
    includes: ClassVar[tuple[str, ...]] = ("items", "payments", "shipments", "metafields", "billing_address")

    def list(self, caller: Caller, query: Query) -> Sequence[OrderOut]:
        found = _filtered(Order.objects.of(caller.merchant), query).order_by(*_sorted_by(query.order))
        return order_documents(caller.merchant.pk, found[query.offset : query.offset + query.limit], query)

    def count(self, caller: Caller, query: Query) -> int:
        return _filtered(Order.objects.of(caller.merchant), query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> OrderOut:
        return _document(caller, one_order(caller, pk), query)

    def create(self, caller: Caller, document: Struct, query: Query) -> OrderOut:
        assert isinstance(document, OrderIn)
        return _document(caller, order_writing.place(caller, document), query)

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> OrderOut:
        assert isinstance(document, OrderIn)
        order_writing.change(caller, one_order(caller, pk), document)
        return _document(caller, one_order(caller, pk), query)

    def delete(self, caller: Caller, pk: int, query: Query) -> None:
        from_outside.remove(one_order(caller, pk), actor=order_writing.actor(caller), now=caller.now)
        Metafield.objects.of(caller.merchant).filter(owner_type="Order", owner_id=pk).delete()
        Gone.objects.everyone().create(merchant=caller.merchant, kind="order", record_id=pk, at=caller.now)
        tell_listeners(caller.merchant.pk, now=caller.now)


def one_order(caller: Caller, pk: int) -> Order:
    """The caller's order with this id. Raises `Missing`."""
    found = Order.objects.of(caller.merchant).select_related("merchant").filter(pk=pk).first()
    if found is None:
        raise Missing
    return found


def order_documents(merchant_id: int, found: QuerySet[Order], query: Query) -> list[OrderOut]:
    """Orders with all that was asked for, in a fixed number of statements."""
    orders = list(found)
    page = page_of(orders)
    people = people_documents(merchant_id, orders, page.extras)
    documents = [order_document(page, order, people[order.pk], query.include) for order in orders]
    if "metafields" in query.include and orders:
        kept = metafields_of(merchant_id, [order.pk for order in orders])
        for document in documents:
            document.metafields = kept.get(document.id, [])
    return documents


def _document(caller: Caller, order: Order, query: Query) -> OrderOut:
    mine = Order.objects.of(caller.merchant).filter(pk=order.pk)
    return order_documents(caller.merchant.pk, mine, query)[0]


def _sorted_by(order: str) -> tuple[str, ...]:
    """created_at DESC; what is not understood is as if nobody had said it."""
    column, _blank, direction = order.strip().partition(" ")
    if column not in SORTED_BY:
        return NEWEST_FIRST
    sign = "-" if direction.strip().upper() == "DESC" else ""
    return tuple(f"{sign}{each}" for each in SORTED_BY[column])


def _filtered(orders: QuerySet[Order], query: Query) -> QuerySet[Order]:
    """Equality of columns; a value that no order can have finds none."""
    wanted = query.filters
    if status := wanted.get("status"):
        status = "canceled" if status == "cancelled" else status
        orders = orders.filter(status__in=[known for known, word in STATUS.items() if word == status])
    if payment := wanted.get("payment_status"):
        orders = orders.filter(
            payment_status__in=[known for known, word in PAYMENT_STATUS.items() if word == payment]
        )
    if code := wanted.get("code"):
        number = number_from(code)
        orders = orders.none() if number is None else orders.filter(number=number)
    if customer := wanted.get("customer_id"):
        number = number_from(customer)
        orders = orders.none() if number is None else orders_of_customer(orders, number)
    if origin := wanted.get("origin_name"):
        channels = [channel.name for channel in CHANNELS.values() if channel.title == origin]
        orders = orders.filter(Q(origin=origin) | Q(channel__in=channels)).exclude(channel__in=OWN_CHANNELS)
    if created := wanted.get("created_at"):
        since = moment("created_at", created)
        length = timedelta(days=1) if len(created.strip()) == len("2026-11-23") else timedelta(seconds=1)
        if since:
            orders = orders.filter(placed_at__gte=since, placed_at__lt=since + length)
    return orders
