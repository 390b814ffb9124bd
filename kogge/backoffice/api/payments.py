"""`/api/payments` and `/api/payment_methods`: whether an order is paid, and how one can pay.

The shop knows only whether the whole order is paid. So an order has one payment or none, and the payment has
the order's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from django.db.models import QuerySet
from msgspec import Struct

from kogge.backoffice import orders as shop
from kogge.backoffice.api import order_writing
from kogge.backoffice.api.items import parent_order
from kogge.backoffice.api.models import OrderExtras
from kogge.backoffice.api.order_documents import PAYMENT_METHODS, PaymentOut, payment_documents
from kogge.backoffice.api.order_fields import record
from kogge.backoffice.api.order_writing import PaymentIn
from kogge.backoffice.api.orders import one_order
from kogge.backoffice.api.resource import Caller, Missing, Query, number_from
from kogge.backoffice.models import Order


class PaymentMethodOut(Struct, kw_only=True):
    """A way to pay."""

    id: int
    name: str
    title: str
    description: str | None = None
    gateway: str | None = None
    cost: Decimal = Decimal(0)
    active: bool = True
    registered_customer_only: bool = False


class Payments:
    """Recording a payment is marking its order as paid."""

    name: ClassVar[str] = "payments"
    singular: ClassVar[str] = "payment"
    output: ClassVar[type[Struct]] = PaymentOut
    input: ClassVar[type[Struct] | None] = PaymentIn
    is_order_side: ClassVar[bool] = True
    parents: ClassVar[tuple[str, ...]] = ("orders",)
    filters: ClassVar[tuple[str, ...]] = ("order_id",)

    def list(self, caller: Caller, query: Query) -> Sequence[PaymentOut]:
        found = _paid(caller, query).order_by("-id")[query.offset : query.offset + query.limit]
        return _documents(list(found))

    def count(self, caller: Caller, query: Query) -> int:
        return _paid(caller, query).count()

    def show(self, caller: Caller, pk: int, query: Query) -> PaymentOut:
        order = _paid(caller, query).filter(pk=pk).first()
        if order is None:
            raise Missing
        return _documents([order])[0]

    def create(self, caller: Caller, document: Struct, query: Query) -> PaymentOut:
        assert isinstance(document, PaymentIn)
        order = parent_order(caller, query, record("order_id", document.order_id))
        order_writing.check_payments(order.total, [document])
        shop.mark_paid(order, actor=order_writing.actor(caller), now=caller.now)
        if facts := order_writing.payment_facts([document]):
            extras, _created = OrderExtras.objects.everyone().get_or_create(order=order)
            extras.fields["payment"] = facts
            extras.save(update_fields=["fields"])
        return _documents([order])[0]


class PaymentMethods:
    """The ways to pay that the API has a word for."""

    name: ClassVar[str] = "payment_methods"
    singular: ClassVar[str] = "payment_method"
    output: ClassVar[type[Struct]] = PaymentMethodOut
    input: ClassVar[type[Struct] | None] = None
    is_order_side: ClassVar[bool] = True
    filters: ClassVar[tuple[str, ...]] = ("name",)

    def list(self, caller: Caller, query: Query) -> Sequence[PaymentMethodOut]:
        name = query.filters.get("name")
        found = [method for method in _methods() if name in {None, method.name}]
        return found[query.offset : query.offset + query.limit]

    def count(self, caller: Caller, query: Query) -> int:
        name = query.filters.get("name")
        return len([method for method in _methods() if name in {None, method.name}])

    def show(self, caller: Caller, pk: int, query: Query) -> PaymentMethodOut:
        for method in _methods():
            if method.id == pk:
                return method
        raise Missing


def _methods() -> Sequence[PaymentMethodOut]:
    return [
        PaymentMethodOut(id=place, name=name, title=title)
        for place, (name, title) in enumerate(PAYMENT_METHODS.items(), start=1)
    ]


def _documents(orders: Sequence[Order]) -> list[PaymentOut]:
    extras = OrderExtras.objects.everyone().filter(order__in=orders).values_list("order", "fields")
    known = dict(extras)
    return [payment for order in orders for payment in payment_documents(order, known.get(order.pk, {}))]


def _paid(caller: Caller, query: Query) -> QuerySet[Order]:
    orders = Order.objects.of(caller.merchant).exclude(payment_status=Order.Payment.OPEN)
    if query.parent:
        return orders.filter(pk=one_order(caller, query.parent[1]).pk)
    if wanted := query.filters.get("order_id"):
        number = number_from(wanted)
        return orders.none() if number is None else orders.filter(pk=number)
    return orders
