"""How far an order is: its states, and who has to ship, follow from its lines and its payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from kogge.backoffice.models import Order

# What `settle` sets; whoever called it saves them together.
PROGRESS = ("status", "delivery_status", "fulfiller")


class Units(Protocol):
    """Anything that counts the units of a line and says who ships them: a stored line or one about to be."""

    @property
    def quantity(self) -> int: ...
    @property
    def shipped(self) -> int: ...
    @property
    def cancelled(self) -> int: ...
    @property
    def fulfilled_by(self) -> str: ...


def settle(order: Order, lines: Sequence[Units], *, packing: bool = False) -> None:
    """Set who ships and the delivery status from the lines, and the status from everything.

    Does not save: see `PROGRESS`.
    """
    order.fulfiller = _fulfiller(lines)
    # Where a channel ships all that is open, there is nothing left to pack.
    order.delivery_status = _delivery(lines, packing=packing and not order.fulfiller)
    order.status = _status(order)


def open_units(line: Units) -> int:
    """Units of a line that wait to be shipped, by whomever."""
    return line.quantity - line.shipped - line.cancelled


def own_units(line: Units) -> int:
    """Units of a line that wait for the merchant to ship them."""
    return 0 if line.fulfilled_by else open_units(line)


def anything_shipped(lines: Iterable[Units]) -> bool:
    """After this, nothing may be cancelled any more (promise 6)."""
    return any(line.shipped for line in lines)


def _fulfiller(lines: Iterable[Units]) -> str:
    """The one channel that ships all that is open; empty if there is none."""
    shippers = {line.fulfilled_by for line in lines if open_units(line)}
    return shippers.pop() if len(shippers) == 1 else ""


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
