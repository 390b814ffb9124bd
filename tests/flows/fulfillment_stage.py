"""Shop orders that Amazon ships, on the stage: products on Amazon's shelf, own orders, and what is due.

shop = FulfillmentStage(stage)
shop.keep("TS-01", units=20)                     ticked FBA, lies at Amazon, Kogge has read the stock
order = shop.order({"TS-01": 2})                 a paid order of the shop itself
shop.hand_over_all()                             planned, the cut-off window passes, handed to Amazon
shop.at_amazon(order)                            Amazon's own books of it
shop.follow(minutes=2)                           time passes, then Amazon is asked how far it is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kogge.values import Address
from tests.flows.conftest import Stage

CUT_OFF = 5  # minutes, as the settings begin

LEIPZIG = Address(
    name="Max Beispiel",
    line1="Musterallee 12",
    line2="2. OG",
    postal_code="04109",
    city="Leipzig",
    country="DE",
    phone="+49 341 0000000",
)


@dataclass
class FulfillmentStage:
    """Own orders and their way through Amazon's warehouse, with verbs for merchant, Amazon and worker."""

    stage: Stage

    @property
    def amazon(self) -> Any:
        return self.stage.amazon

    @property
    def connection(self) -> Any:
        return self.stage.connection

    @property
    def merchant(self) -> Any:
        return self.stage.merchant

    @property
    def now(self) -> datetime:
        return self.stage.now

    @property
    def settings(self) -> Any:
        """How the connection has Amazon ship; `prefer` changes it."""
        from kogge.amazon.fba.preferences import settings_of

        return settings_of(self.connection)

    def prefer(self, **values: Any) -> None:
        """The merchant changes how Amazon ships: `prefer(allow_partial=True)`."""
        settings = self.settings
        for name, value in values.items():
            setattr(settings, name, value)
        settings.save(update_fields=list(values))

    # --- the shelf -------------------------------------------------------------------------------

    def keep(self, code: str, *, units: int, sku: str = "") -> Any:
        """The product is ticked FBA and so many units lie at Amazon, under `sku` or the article number."""
        from kogge.amazon.catalog.models import Offer
        from kogge.amazon.fba import planning

        product = self.product(code)
        Offer.objects.everyone().update_or_create(
            merchant=self.merchant,
            product_id=str(product.pk),
            defaults={"enabled": True, "fba": True, "sku": code, "fba_sku": sku or code},
        )
        planning.wake(self.merchant.pk, now=self.now)
        self.shelve(sku or code, units)
        self.know(sku or code, units)
        return product

    def shelve(self, sku: str, units: int) -> None:
        """So many units can be picked at Amazon now; Kogge has not heard of it."""
        self.amazon.set_fba_stock({sku: units})

    def know(self, sku: str, units: int | None) -> None:
        """Kogge has read this figure a moment ago."""
        from kogge.amazon.fba.models import FbaStock

        FbaStock.objects.everyone().update_or_create(
            connection=self.connection,
            sku=sku,
            defaults={"asin": f"B0{sku}"[:10], "fulfillable": units, "read_at": self.now},
        )

    def product(self, code: str) -> Any:
        from kogge.backoffice.models import Product

        return Product.objects.of(self.merchant).get(code=code)

    # --- the shop's own orders -------------------------------------------------------------------

    def order(self, lines: Mapping[str, int], *, paid: bool = True, to: Any = None, **wish: Any) -> Any:
        """A customer orders in the shop: units by article number. `to` replaces parts of the address."""
        from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand

        address = replace(LEIPZIG, **to) if isinstance(to, dict) else to or LEIPZIG
        wanted = tuple(ManualLine(quantity, code) for code, quantity in lines.items())
        manual = ManualOrder(
            lines=wanted,
            buyer_name=address.name,
            email="max.beispiel@example.org",
            address=address,
            paid=paid,
            **wish,
        )
        return create_by_hand(self.merchant, manual, actor="anna@example.org", now=self.now)

    def pay(self, order: Any) -> None:
        """The money arrived."""
        from kogge.backoffice.orders import mark_paid

        mark_paid(self.fresh(order), actor="anna@example.org", now=self.now)

    def cancel(self, order: Any, reason: str = "buyer_cancelled") -> None:
        """The merchant cancels the order in the shop."""
        from kogge.backoffice.orders import cancel

        cancel(self.fresh(order), reason, actor="anna@example.org", now=self.now)

    def fresh(self, order: Any) -> Any:
        """The order as the database has it now."""
        from kogge.backoffice.models import Order

        return Order.objects.of(self.merchant).prefetch_related("lines").get(pk=order.pk)

    def lines(self, order: Any) -> dict[str, Any]:
        """The order's lines as they stand, by article number."""
        return {line.code: line for line in self.fresh(order).lines.all()}

    # --- work that is due ------------------------------------------------------------------------

    def run(self, operation: str, subject: int) -> Any:
        """Do one operation now; answers its outcome. What it raises is a bug."""
        from kogge.engine import due
        from kogge.engine.owner import this_process
        from kogge.engine.work import Work
        from kogge.schedule import OPERATIONS

        lease = due.claim_one(operation, subject, this_process(), now=self.now)
        assert lease is not None, f"{operation} is being worked on"
        work = Work(operation, subject, self.stage.clock, lease, sleep=self.amazon.advance)
        outcome = OPERATIONS[operation](work)
        due.finish(
            lease, now=self.now, next_due=outcome.next_due, error=outcome.error, waiting=outcome.waiting
        )
        return outcome

    def plan(self) -> Any:
        """Read what happened to the own orders, and plan."""
        return self.run("plan_fulfillment", self.merchant.pk)

    def hand_over(self, *, minutes: float = 0) -> Any:
        """Time passes, then Amazon is told what it must be told."""
        self.amazon.advance(minutes * 60)
        return self.run("hand_over", self.connection.pk)

    def follow(self, *, minutes: float = 0) -> Any:
        """Time passes, then Amazon is asked how far its orders are."""
        self.amazon.advance(minutes * 60)
        return self.run("follow_fulfillment", self.connection.pk)

    def read_stock(self) -> Any:
        """Read what lies at Amazon."""
        return self.run("read_fba_stock", self.connection.pk)

    def hand_over_all(self) -> Any:
        """Plan, preview, let the cut-off window pass, and hand over."""
        self.plan()
        self.hand_over()
        return self.hand_over(minutes=CUT_OFF)

    # --- what came of it -------------------------------------------------------------------------

    def fulfillment(self, order: Any) -> Any:
        """The newest fulfilment order of a shop order; None if there is none."""
        from kogge.amazon.fba.models import FulfillmentOrder

        rows = FulfillmentOrder.objects.of(self.merchant).filter(shop_order_id=str(order.pk))
        return rows.order_by("-attempt").first()

    def fulfillments(self) -> list[Any]:
        """All fulfilment orders, the oldest first."""
        from kogge.amazon.fba.models import FulfillmentOrder

        return list(FulfillmentOrder.objects.of(self.merchant).order_by("pk"))

    def at_amazon(self, order: Any) -> Any:
        """What Amazon's own books say of the newest fulfilment order; None if Amazon has none."""
        known = {one.order_id: one for one in self.amazon.fulfilment_orders}
        found = self.fulfillment(order)
        return known.get(found.order_id) if found else None

    def calls(self, operation: str) -> int:
        return int(self.amazon.calls.get(operation, 0))

    def troubles(self) -> set[str]:
        """The kinds of the open troubles."""
        return self.stage.troubles()

    def told(self, order: Any) -> list[str]:
        """The kinds of what the journal tells of the newest fulfilment order, in order."""
        from kogge.amazon.journal.models import JournalEntry

        found = self.fulfillment(order)
        rows = JournalEntry.objects.of(self.merchant).filter(amazon_order_id=found.order_id)
        return list(rows.order_by("at", "id").values_list("kind", flat=True))
