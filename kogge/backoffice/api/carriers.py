"""`/api/carriers`: the carriers the shop knows. What the delivery costs is the order's business."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from kogge.backoffice.api.resource import Caller, Missing, Query
from kogge.backoffice.carriers import TRACKING_PAGES
from kogge.backoffice.models import Product

AT_HOME = "DE"  # clients add the surcharge of a country to the price, so one must be there


class CarrierOut(Struct, kw_only=True):
    """A carrier. `delivery_countries` are surcharges by country."""

    id: int
    name: str
    price: Decimal = Decimal(0)
    delivery_countries: dict[str, Decimal]


class Carriers:
    """In the order the shop names them; the place is the id."""

    name: ClassVar[str] = "carriers"
    singular: ClassVar[str] = "carrier"
    output: ClassVar[type[Struct]] = CarrierOut
    input: ClassVar[type[Struct] | None] = None
    is_order_side: ClassVar[bool] = False
    parents: ClassVar[tuple[str, ...]] = ("products",)

    def list(self, caller: Caller, query: Query) -> Sequence[CarrierOut]:
        return self._known(caller, query)[query.offset : query.offset + query.limit]

    def count(self, caller: Caller, query: Query) -> int:
        return len(self._known(caller, query))

    def show(self, caller: Caller, pk: int, query: Query) -> CarrierOut:
        for carrier in self._known(caller, query):
            if carrier.id == pk:
                return carrier
        raise Missing

    @staticmethod
    def _known(caller: Caller, query: Query) -> Sequence[CarrierOut]:
        products = Product.objects.of(caller.merchant)
        if query.parent and not products.filter(pk=query.parent[1]).exists():
            raise Missing
        return [
            CarrierOut(id=place, name=name, delivery_countries={AT_HOME: Decimal(0)})
            for place, name in enumerate(TRACKING_PAGES, start=1)
        ]
