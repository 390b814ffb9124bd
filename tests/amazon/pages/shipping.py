"""Own orders of Teehaus Muster that Amazon ships, written straight into the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FbaStock, FulfillmentLine, FulfillmentOrder, FulfillmentPackage
from kogge.amazon.fba.preferences import settings_of
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.backoffice.people import People, seal_people
from kogge.merchants.models import Merchant
from kogge.values import Address
from tests.amazon.pages.offering import DE, NOW

State = FulfillmentOrder.State

LEIPZIG = Address(
    name="Max Beispiel",
    line1="Musterallee 12",
    postal_code="04109",
    city="Leipzig",
    country="DE",
    phone="+49 341 0000000",
)


def own_order(merchant: Merchant, product: Product, *, units: int = 2, **values: Any) -> Order:
    """A paid order the shop took itself, with one line that Amazon ships."""
    number = Order.objects.of(merchant).count() + 20_001
    plain: dict[str, Any] = {
        "channel": "manual",
        "number": number,
        "payment_status": Order.Payment.PAID,
        "placed_at": NOW,
        "created_at": NOW,
        "changed_at": NOW,
        "currency": "EUR",
        "total": "20.00",
        "sealed_people": seal_people(merchant.pk, People(buyer_name=LEIPZIG.name, shipping=LEIPZIG)),
    }
    order = Order.objects.everyone().create(merchant=merchant, **(plain | values))
    OrderLine.objects.everyone().create(
        merchant=merchant,
        order=order,
        position=1,
        product=product,
        code=product.code,
        title=product.title,
        quantity=units,
        fulfilled_by="amazon",
        unit_price="10.00",
        goods="20.00",
        total="20.00",
    )
    return order


def fulfilment(
    connection: Connection, order: Order, state: str = State.PLANNED, **values: Any
) -> FulfillmentOrder:
    """The order's fulfilment order; planned a minute ago, to be handed over in four."""
    earlier = FulfillmentOrder.objects.of(order.merchant).filter(shop_order_id=str(order.pk)).count()
    plain: dict[str, Any] = {
        "attempt": earlier + 1,
        "order_id": f"KTESTING-{order.number}-{earlier + 1}",
        "origin": DE,
        "speed": "STANDARD",
        "created_at": NOW,
        "hand_over_at": NOW + timedelta(minutes=5),
    }
    found = FulfillmentOrder.objects.everyone().create(
        merchant=order.merchant,
        connection=connection,
        shop_order_id=str(order.pk),
        shop_number=str(order.number),
        state=state,
        **(plain | values),
    )
    for line in order.lines.all():
        FulfillmentLine.objects.everyone().create(
            fulfillment_order=found,
            line_id=str(line.position),
            product_id=str(line.product_id),
            sku=f"SKU-{line.code}",
            title=line.title,
            quantity=line.quantity,
        )
    return found


def parcel(found: FulfillmentOrder, **values: Any) -> FulfillmentPackage:
    """A parcel of it that is on its way."""
    plain: dict[str, Any] = {
        "key": f"S1-{found.packages.count() + 1}",
        "carrier": "DHL",
        "tracking_number": "00340434161094000001",
        "tracking_url": "https://www.example.org/verfolgen",
        "status": "IN_TRANSIT",
        "first_seen_at": NOW,
        "recorded_at": NOW,
    }
    return FulfillmentPackage.objects.everyone().create(fulfillment_order=found, **(plain | values))


def shelve(connection: Connection, sku: str, units: int | None, **values: Any) -> FbaStock:
    """So many units lie at Amazon, as was read a moment ago."""
    settings = settings_of(connection)
    settings.stock_read_at = settings.stock_known_to = NOW
    settings.save(update_fields=["stock_read_at", "stock_known_to"])
    plain: dict[str, Any] = {"fulfillable": units, "read_at": NOW}
    return FbaStock.objects.everyone().create(connection=connection, sku=sku, **(plain | values))
