"""How far an order is: its two states follow from its lines and its payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from kogge.backoffice.models import Order


class Units(Protocol):
    """Anything that counts the units of a line: a stored line or one about to be."""

    @property
    def quantity(self) -> int: ...
    @property
    def shipped(self) -> int: ...
    @property
    def cancelled(self) -> int: ...


def settle(order: Order, lines: Sequence[Units], *, packing: bool = False) -> None:
    """Set the delivery status from the lines, and the status from everything. Does not save."""
    order.delivery_status = _delivery(lines, packing=packing)
    order.status = _status(order)


def open_units(line: Units) -> int:
    """Units of a line that wait to be shipped."""
    return line.quantity - line.shipped - line.cancelled


def anything_shipped(lines: Iterable[Units]) -> bool:
    """After this, nothing may be cancelled any more (promise 6)."""
    return any(line.shipped for line in lines)


def _delivery(lines: Sequence[Units], *, packing: bool) -> Order.Delivery:
    waiting = any(open_units(line) for line in lines)
    if not waiting:
        return Order.Delivery.SHIPPED if anything_shipped(lines) else Order.Delivery.CANCELLED
    if packing:
        return Order.Delivery.PACKING
    return Order.Delivery.PARTIALLY_SHIPPED if anything_shipped(lines) else Order.Delivery.OPEN


def _status(order: Order) -> Order.Status:
    if order.status == Order.Status.RETURNED:
        return Order.Status.RETURNED
    match order.delivery_status:
        case Order.Delivery.CANCELLED:
            return Order.Status.CANCELLED
        case Order.Delivery.SHIPPED if order.payment_status != Order.Payment.OPEN:
            return Order.Status.CLOSED
        case Order.Delivery.OPEN:
            return Order.Status.OPEN
    return Order.Status.IN_PROGRESS
