"""Goods that come back after dispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import stock
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal


@transaction.atomic
def record_return(
    order: Order, quantities: Mapping[int, int], *, restock: bool, actor: str, now: datetime
) -> None:
    """Note what came back, by line position; with `restock` it can be sold again. Raises `Refusal`."""
    lines = hold(order)
    returned = _returned(order, lines, quantities)
    for line in returned:
        line.returned += quantities[line.position]
    OrderLine.objects.everyone().bulk_update(returned, ["returned"])
    if restock and order.moves_stock:
        back = [stock.bring_back(line, quantities[line.position]) for line in returned if line.product_id]
        stock.move(order.merchant_id, back, actor=actor, now=now)
    if all(line.returned == line.shipped and not open_units(line) for line in lines):
        order.status = Order.Status.RETURNED
    order.changed_at = now
    order.save(update_fields=["status", "changed_at"])
    units = {str(line.position): quantities[line.position] for line in returned}
    write_down(order, OrderEvent.Kind.RETURNED, actor=actor, now=now, quantities=units, restock=restock)
    tell_channel(order, now=now)


def _returned(order: Order, lines: Sequence[OrderLine], quantities: Mapping[int, int]) -> list[OrderLine]:
    by_position = {line.position: line for line in lines}
    if not any(line.shipped for line in lines):
        raise Refusal(_("Bestellung {number} ist noch nicht versendet.").format(number=order.number))
    for position, units in quantities.items():
        if position not in by_position:
            raise Refusal(_("Eine Position {position} hat diese Bestellung nicht.").format(position=position))
        out = by_position[position].shipped - by_position[position].returned
        if not 0 <= units <= out:
            raise Refusal(
                _("Von Position {position} können höchstens {out} Stück zurückkommen, nicht {units}.").format(
                    position=position, out=out, units=units
                )
            )
    returned = [by_position[position] for position, units in quantities.items() if units]
    if not returned:
        raise Refusal(_("Bitte gib an, was zurückgekommen ist."))
    return returned
