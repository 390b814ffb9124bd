"""What can be done with an order, apart from dispatching it: the door to its neighbours too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice import stock
from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.changing import cancel_units, change_order
from kogge.backoffice.channels import channel_of
from kogge.backoffice.fulfilment import ask_to_let_go
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine, Product
from kogge.backoffice.placing import place
from kogge.backoffice.progress import PROGRESS, anything_shipped, open_units, settle
from kogge.backoffice.refusal import Refusal

__all__ = [
    "CANCEL_REASONS",
    "ManualLine",
    "ManualOrder",
    "assign_product",
    "cancel",
    "cancel_open_units",
    "change_order",
    "create_by_hand",
    "mark_paid",
    "mark_refunded",
    "place",
    "reinstate",
    "why_not_cancel",
]

CANCEL_REASONS = {
    "no_inventory": gettext_lazy("Nicht auf Lager"),
    "buyer_cancelled": gettext_lazy("Vom Käufer storniert"),
    "address_undeliverable": gettext_lazy("Adresse nicht zustellbar"),
    "customer_exchange": gettext_lazy("Umtausch"),
    "other": gettext_lazy("Anderer Grund"),
}


@transaction.atomic
def mark_paid(order: Order, *, actor: str, now: datetime) -> None:
    """Note that the money has arrived. Raises `Refusal`."""
    lines = hold(order)
    if order.payment_status != Order.Payment.OPEN:
        raise Refusal(_("Bestellung {number} ist schon bezahlt.").format(number=order.number))
    if order.status == Order.Status.CANCELLED:
        raise Refusal(_("Bestellung {number} ist storniert.").format(number=order.number))
    order.payment_status = Order.Payment.PAID
    settle(order, lines, packing=order.delivery_status == Order.Delivery.PACKING)
    order.changed_at = now
    order.save(update_fields=["payment_status", *PROGRESS, "changed_at"])
    write_down(order, OrderEvent.Kind.PAID, actor=actor, now=now)
    tell_channel(order, now=now)


@transaction.atomic
def mark_refunded(order: Order, *, actor: str, now: datetime) -> None:
    """Note that the money of an own order was paid back. Said twice, it happens once."""
    hold(order)
    if order.payment_status != Order.Payment.PAID:
        return
    order.payment_status = Order.Payment.REFUNDED
    order.changed_at = now
    order.save(update_fields=["payment_status", "changed_at"])
    write_down(order, OrderEvent.Kind.CHANGED, actor=actor, now=now, parts=["payment"])
    tell_channel(order, now=now)


@transaction.atomic
def cancel(order: Order, reason: str, *, actor: str, now: datetime, let_go: str = "") -> None:
    """Cancel the whole order, give its stock back and tell the channel. Raises `Refusal`.

    `reason` is one of `CANCEL_REASONS`. Nothing that was shipped even in part can be cancelled
    (promise 6): that would be a return. A channel that ships it is asked first, unless it is `let_go`.
    """
    lines = hold(order)
    if refused := why_not_cancel(order, lines, reason, now=now):
        raise Refusal(refused)
    ask_to_let_go(order, lines, why="cancelled", now=now, let_go=let_go)
    order.cancel_reason = reason
    # What `line.reinstated` will be if this cancellation is taken back, by position.
    undone = {str(line.position): line.reinstated + open_units(line) for line in lines}
    cancel_open_units(order, lines, actor=actor, now=now)
    write_down(
        order, OrderEvent.Kind.CANCELLED, actor=actor, now=now, by="merchant", reason=reason, undone=undone
    )
    tell_channel(order, now=now)


@transaction.atomic
def reinstate(order: Order, *, actor: str, now: datetime) -> None:
    """Take the merchant's last cancellation back: the channel refused it, so the order stands again.

    Exactly the units it cancelled wait again, and their stock is taken again. Said twice, it happens once.
    """
    lines = hold(order)
    cancelled = order.events.filter(kind=OrderEvent.Kind.CANCELLED, details__by="merchant").last()
    undone = cancelled.details["undone"] if cancelled else {}
    units = {line: undone.get(str(line.position), 0) - line.reinstated for line in lines}
    back = [line for line in lines if units[line] > 0]
    if not back:
        return
    for line in back:
        line.reinstated += units[line]
        line.cancelled -= units[line]
    OrderLine.objects.everyone().bulk_update(back, ["cancelled", "reinstated"])
    if order.moves_stock:
        mine = [line for line in back if line.product_id and not line.fulfilled_by]
        taken = [stock.take_again(line, units[line]) for line in mine]
        stock.move(order.merchant_id, taken, actor=actor, now=now)
    settle(order, lines)
    if order.payment_status == Order.Payment.REFUNDED:
        order.payment_status = Order.Payment.PAID
    order.cancel_reason, order.changed_at = "", now
    order.save(update_fields=[*PROGRESS, "payment_status", "cancel_reason", "changed_at"])
    write_down(order, OrderEvent.Kind.REINSTATED, actor=actor, now=now)


def why_not_cancel(order: Order, lines: Sequence[OrderLine], reason: str, *, now: datetime) -> str | None:
    """Why the order may not be cancelled, in a sentence; None if it may."""
    number = order.number
    if reason not in CANCEL_REASONS:
        return _("{reason} ist kein Stornogrund. Möglich sind: {reasons}.").format(
            reason=reason, reasons=", ".join(CANCEL_REASONS)
        )
    if order.status == Order.Status.CANCELLED:
        return _("Bestellung {number} ist schon storniert.").format(number=number)
    if anything_shipped(lines):
        return _(
            "Bestellung {number} ist schon versendet, ganz oder teilweise, und lässt sich nicht mehr "
            "stornieren. Erfasse eine Retoure, wenn die Ware zurückkommt."
        ).format(number=number)
    channel = channel_of(order)
    return channel.refuse_cancel(order, now=now) if channel else None


def cancel_open_units(order: Order, lines: Sequence[OrderLine], *, actor: str, now: datetime) -> None:
    """Cancel all units that wait; those of the shop's own stock are given back. The shop is locked."""
    waiting = {line: units for line in lines if (units := open_units(line))}
    cancel_units(order, waiting, actor=actor, now=now)
    settle(order, lines)
    if order.payment_status == Order.Payment.PAID and channel_of(order):
        order.payment_status = Order.Payment.REFUNDED  # who collected the money gives it back
    order.changed_at = now
    order.save(update_fields=[*PROGRESS, "payment_status", "cancel_reason", "changed_at"])


@transaction.atomic
def assign_product(line: OrderLine, product: Product, *, actor: str, now: datetime) -> None:
    """Say which product a free line is; its stock moves now. Raises `Refusal`.

    Said twice, it happens once.
    """
    if product.merchant_id != line.merchant_id:
        raise Refusal(_("Dieses Produkt gibt es nicht."))
    order = line.order
    stock.lock_shop(line.merchant_id)
    line.refresh_from_db()
    if line.product_id == product.pk:
        return
    if line.product_id:
        raise Refusal(_("Dieser Position ist schon ein Produkt zugeordnet."))
    line.product = product
    line.save(update_fields=["product"])
    units = line.quantity - line.cancelled
    if order.moves_stock and units and not line.fulfilled_by:
        stock.move(line.merchant_id, [stock.take(line, units)], actor=actor, now=now)
    write_down(
        order,
        OrderEvent.Kind.PRODUCT_ASSIGNED,
        actor=actor,
        now=now,
        position=line.position,
        code=product.code,
    )
    if channel := channel_of(order):
        channel.product_assigned(line, product, actor=actor, now=now)
    elif order.is_own:
        tell_channel(order, now=now)
