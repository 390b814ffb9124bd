"""`/api/shipping_addresses` and `/api/billing_addresses`: where orders go, and who pays for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from kogge.backoffice.api import order_writing
from kogge.backoffice.api.order_fields import AddressIn, AddressOut
from kogge.backoffice.api.order_writing import OrderIn
from kogge.backoffice.api.orders import one_order
from kogge.backoffice.api.people import (
    CustomerIn,
    Customers,
    both_kinds,
    page_of_people,
    people_of_order,
    person_behind,
)
from kogge.backoffice.api.resource import Caller, Query


class _Addresses:
    """What is written goes to the order, by the same way as with the order itself."""

    singular: ClassVar[str] = "address"
    output: ClassVar[type[Struct]] = AddressOut
    input: ClassVar[type[Struct] | None] = AddressIn
    is_order_side: ClassVar[bool] = True
    filters: ClassVar[tuple[str, ...]] = ("customer_id", "order_id")
    place: ClassVar[int]

    def list(self, caller: Caller, query: Query) -> Sequence[AddressOut]:
        rows, orders = both_kinds(caller, query)
        return [known[self.place] for known in page_of_people(rows, orders, query)]  # type: ignore[misc]

    def count(self, caller: Caller, query: Query) -> int:
        rows, orders = both_kinds(caller, query)
        return rows.count() + orders.count()

    def show(self, caller: Caller, pk: int, query: Query) -> AddressOut:
        if pk % 2:
            return person_behind(caller, pk)[self.place]  # type: ignore[return-value]
        return people_of_order(one_order(caller, pk // 2), None)[self.place]  # type: ignore[return-value]

    def update(self, caller: Caller, pk: int, document: Struct, query: Query) -> AddressOut:
        assert isinstance(document, AddressIn)
        if pk % 2:
            customer = CustomerIn(billing_address=document)
            Customers().update(caller, pk, customer, query)
        else:
            order_writing.change(caller, one_order(caller, pk // 2), self._of_order(document))
        return self.show(caller, pk, query)

    @staticmethod
    def _of_order(address: AddressIn) -> OrderIn:
        raise NotImplementedError


class ShippingAddresses(_Addresses):
    """`/api/shipping_addresses`."""

    name: ClassVar[str] = "shipping_addresses"
    place: ClassVar[int] = 1

    @staticmethod
    def _of_order(address: AddressIn) -> OrderIn:
        return OrderIn(shipping_address=address)


class BillingAddresses(_Addresses):
    """`/api/billing_addresses`."""

    name: ClassVar[str] = "billing_addresses"
    place: ClassVar[int] = 2

    @staticmethod
    def _of_order(address: AddressIn) -> OrderIn:
        return OrderIn(billing_address=address)
