"""What of the merchant's FBA products can still be ordered out of Amazon's warehouse.

What the app knows of the shelf, less what the shop has sold from it and nobody planned yet: an order that
waits for its payment, or was paid a moment ago.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from django.db.models import CharField, Exists, F, OuterRef, Sum
from django.db.models.functions import Cast

from kogge.amazon.fba import stock
from kogge.amazon.fba.ending import BY
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder
from kogge.backoffice.models import LEFT_TO_CHANNEL, OrderLine


def shelves(merchant_id: int, product_ids: Collection[int]) -> dict[int, stock.Shelf]:
    """Where the FBA products among these lie, and what of it is free. A constant number of statements."""
    found = stock.shelves(merchant_id, [str(product_id) for product_id in product_ids])
    places = {int(product_id): shelf for product_id, shelf in found.items()}
    sold = _sold(merchant_id, places) if places else {}
    return {product_id: _less(shelf, sold.get(product_id, 0)) for product_id, shelf in places.items()}


def _less(shelf: stock.Shelf, units: int) -> stock.Shelf:
    return shelf if shelf.free is None else replace(shelf, free=max(0, shelf.free - units))


def _sold(merchant_id: int, product_ids: Collection[int]) -> Mapping[int | None, int]:
    """Open units left to Amazon that are in no open fulfilment order, by product."""
    planned = FulfillmentLine.objects.of_id(merchant_id).filter(
        line_id=Cast(OuterRef("position"), CharField()),
        fulfillment_order__shop_order_id=Cast(OuterRef("order_id"), CharField()),
        fulfillment_order__state__in=FulfillmentOrder.OPEN_STATES,
    )
    lines = OrderLine.objects.of_id(merchant_id).filter(
        LEFT_TO_CHANNEL, ~Exists(planned), fulfilled_by=BY, product__in=product_ids
    )
    units = Sum(F("quantity") - F("shipped") - F("cancelled"))
    return dict(
        lines.order_by().values("product_id").annotate(units=units).values_list("product_id", "units")
    )
