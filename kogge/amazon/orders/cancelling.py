"""May this order still be cancelled? Asked when the merchant clicks; the feed asks again (promise 6)."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import amazon_client
from kogge.amazon.connections.models import Connection
from kogge.amazon.orders import intake
from kogge.amazon.orders.intake import Asked, Incoming
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.spapi.errors import AmazonError
from kogge.spapi.orders_2026_01_01 import get_order

Told = ShipmentConfirmation.State

_SHIPPED = frozenset({intake.SHIPPED, intake.PARTIALLY_SHIPPED})


def refuse_cancel(merchant_id: int, external_id: str, now: datetime) -> str | None:
    """Why the order cannot be cancelled any more, in a sentence; None when nothing speaks against it.

    Asks Amazon itself if it can be reached. If not, the merchant need not wait: before the cancellation
    is sent, its state at Amazon is checked once more.
    """
    order = (
        AmazonOrder.objects.of_id(merchant_id)
        .select_related("connection")
        .filter(order_id=external_id)
        .first()
    )
    if order is None:
        return None
    if order.status in _SHIPPED or _is_shipped_in_part(order):
        return _already_shipped()
    if order.connection.state == Connection.State.ACTIVE and order.status != intake.CANCELLED:
        return _refused_by_amazon(order, now)
    return None


def _is_shipped_in_part(order: AmazonOrder) -> bool:
    told = order.confirmations.filter(state__in=[Told.SENDING, Told.ACCEPTED, Told.CONFIRMED])
    return told.exists() or order.items.filter(fulfilled__gt=0).exists()


def _refused_by_amazon(order: AmazonOrder, now: datetime) -> str | None:
    try:
        with amazon_client(order.connection, lambda: now) as client:
            raw = get_order(client, order.order_id, ("FULFILLMENT",))
    except AmazonError:
        return None
    shown = intake.understand(raw, Asked(("FULFILLMENT",)))
    if not isinstance(shown, Incoming):
        return None
    units = sum(intake.units_shipped(item, shown.status) for item in shown.order.order_items)
    if shown.status in _SHIPPED or units:
        return _already_shipped()
    if shown.status in (intake.UNSHIPPED, intake.CANCELLED):
        return None
    return _("Amazon lässt diese Bestellung zurzeit nicht stornieren (Zustand dort: {status}).").format(
        status=shown.status
    )


def _already_shipped() -> str:
    return _(
        "Die Bestellung ist bei Amazon schon ganz oder teilweise versendet und kann nicht mehr storniert "
        "werden. Kommt die Ware zurück, erfasse eine Retoure."
    )
