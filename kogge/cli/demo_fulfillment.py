"""The demo's shop orders that Amazon ships: two products lie in its warehouse, and three orders come.

The first is for something at Amazon and something in the own storeroom, the second for what lies at Amazon
only, the third for more than Amazon has: it stays with the merchant. So that people see them travel, the
cut-off window is one minute, and Amazon needs minutes where it would need days.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from kogge.cli.demo_offers import SENT_BY_AMAZON
from kogge.simulator import Listing, Simulator

if TYPE_CHECKING:
    from datetime import datetime

    from kogge.amazon.connections.models import Connection

# Amazon keeps the thermos under the SKU of its only offer; the tin has one offer for each way of sending.
_TIN, _TIN_AT_AMAZON = "TD-500", "TD-500-FBA"
FBA_SKUS = {SENT_BY_AMAZON: SENT_BY_AMAZON, _TIN: _TIN_AT_AMAZON}
UNITS = {SENT_BY_AMAZON: 24, _TIN_AT_AMAZON: 12}
_OWN = "KR-PFEFF-100"

CUT_OFF_MINUTES = 1
AT_AMAZON_S = {
    "fulfilment_received_s": 20,
    "fulfilment_planning_s": 20,
    "fulfilment_processing_s": 40,
    "fulfilment_delivery_s": 120,
}
PAUSE_SECONDS = 20.0


class Wanted(NamedTuple):
    """An order of the shop: who, where to, and units by article number."""

    name: str
    street: str
    postal_code: str
    city: str
    lines: dict[str, int]


ORDERS = (
    Wanted("Greta Vogt", "Deichstraße 7", "26721", "Emden", {_TIN: 1, _OWN: 2}),
    Wanted("Jan Petersen", "Holstenwall 12", "20355", "Hamburg", {SENT_BY_AMAZON: 2, _TIN: 1}),
    Wanted("Café Ankerplatz", "Am Sandtorkai 30", "20457", "Hamburg", {_TIN: 25}),
)


def set_up(amazon: Simulator) -> None:
    """Put the goods into Amazon's warehouse, and let Amazon be quick."""
    tin = amazon.listing(_TIN)
    at_amazon = Listing(
        _TIN_AT_AMAZON, tin.asin, tin.title, tin.price, tin.gtin, stock=0, channel="AMAZON_EU"
    )
    amazon.set_listings([at_amazon])
    amazon.set_fba_stock(UNITS)
    amazon.set(**AT_AMAZON_S)


def tick(connection: Connection, *, now: datetime) -> None:
    """The merchant has Amazon ship both products. Needs Django to be set up."""
    from kogge.amazon.catalog.models import Offer
    from kogge.amazon.fba import planning
    from kogge.amazon.fba.preferences import settings_of
    from kogge.amazon.offers import changes
    from kogge.backoffice.models import Product

    settings = settings_of(connection)
    settings.cut_off_minutes = CUT_OFF_MINUTES
    settings.save(update_fields=["cut_off_minutes"])
    products = Product.objects.of_id(connection.merchant_id).filter(code__in=FBA_SKUS)
    for pk, code in products.values_list("pk", "code"):
        offer = Offer.objects.of_id(connection.merchant_id).get(product_id=str(pk))
        offer.fba, offer.fba_sku = True, FBA_SKUS[code]
        offer.save(update_fields=["fba", "fba_sku"])
    changes.offers_changed(connection.merchant_id, [str(each.pk) for each in products], now=now)
    planning.wake(connection.merchant_id, now=now)


class ShopOrders:
    """Customers who order in the shop, one after the other, as soon as the stock at Amazon is known."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.to_come = list(ORDERS)
        self.next_order = time.monotonic()

    def go_on(self, *, now: datetime) -> None:
        """Place the next order if it is time for it."""
        if self.to_come and time.monotonic() >= self.next_order and self._is_ready():
            self.next_order = time.monotonic() + PAUSE_SECONDS
            self._place(self.to_come[0], now)
            del self.to_come[0]

    def look_soon(self, *, now: datetime) -> None:
        """Have Amazon asked how far it is, sooner than after minutes and half hours."""
        from kogge.amazon.fba.models import FulfillmentOrder
        from kogge.engine import due

        mine = FulfillmentOrder.objects.of_id(self.connection.merchant_id)
        if mine.filter(look_at__gt=now).update(look_at=now):
            due.make_due("follow_fulfillment", self.connection.pk, now=now)

    def _is_ready(self) -> bool:
        from kogge.amazon.fba.models import FbaStock

        known = FbaStock.objects.of_id(self.connection.merchant_id).filter(sku__in=UNITS, fulfillable__gt=0)
        return known.count() == len(UNITS)

    def _place(self, wanted: Wanted, now: datetime) -> None:
        from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
        from kogge.values import Address

        order = ManualOrder(
            lines=tuple(ManualLine(units, code) for code, units in wanted.lines.items()),
            buyer_name=wanted.name,
            email="kunde@kogge.example",
            address=Address(
                name=wanted.name,
                line1=wanted.street,
                postal_code=wanted.postal_code,
                city=wanted.city,
                country="DE",
                phone="+49 40 0000000",
            ),
            paid=True,
            shipping=Decimal("4.90"),
            payment_method="Vorkasse",
        )
        create_by_hand(self.connection.merchant, order, actor="demo", now=now)
