"""Changing an order the shop took itself: where it goes, how it is sent, how much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import people, stock
from kogge.backoffice.channels import channel_title
from kogge.backoffice.fulfilment import ask_to_let_go, return_to_merchant
from kogge.backoffice.history import hold, tell_channel, write_down
from kogge.backoffice.models import Order, OrderEvent, OrderLine
from kogge.backoffice.progress import PROGRESS, open_units, settle
from kogge.backoffice.refusal import Refusal
from kogge.merchants.vault import CannotOpen
from kogge.values import Address, plain_text

LONGEST_METHOD = 40


@transaction.atomic
def change_order(
    order: Order,
    *,
    address: Address | None = None,
    shipping_method: str | None = None,
    quantities: Mapping[int, int] | None = None,
    actor: str,
    now: datetime,
) -> bool:
    """Change an own order that is not shipped yet; whether anything is different now. Raises `Refusal`.

    `quantities` are new total units by line position: fewer than before, never below what was shipped. What
    is None, or not named, stays. A channel that is to ship something of the order is asked first; what it
    lets go of is the merchant's. The amounts stay: paying back is the merchant's.
    """
    lines = hold(order)
    if refused := why_not_change(order, lines):
        raise Refusal(refused)
    moved = _moved(order, address)
    new_method = None if shipping_method is None else plain_text(shipping_method, LONGEST_METHOD).strip()
    if new_method == order.service_level:
        new_method = None
    fewer = fewer_units(order, lines, quantities or {})
    if moved is None and new_method is None and not fewer:
        return False
    held_by = ask_to_let_go(order, lines, why="changed", now=now)
    if moved is not None:
        order.sealed_people = people.seal_people(order.merchant_id, moved)
        people.index_words_afresh(order.merchant_id, {order.pk: moved})
    if new_method is not None:
        order.service_level = new_method
    cancel_units(order, fewer, actor=actor, now=now)
    settle(order, lines, packing=order.delivery_status == Order.Delivery.PACKING)
    order.changed_at = now
    order.save(update_fields=["sealed_people", "service_level", *PROGRESS, "changed_at"])
    parts = {"address": moved, "shipping_method": new_method, "quantities": fewer or None}
    write_down(
        order,
        OrderEvent.Kind.CHANGED,
        actor=actor,
        now=now,
        parts=[name for name, new in parts.items() if new is not None],
        quantities={str(line.position): line.quantity - line.cancelled for line in lines if line in fewer},
    )
    for name in held_by:
        return_to_merchant(order, lines, lines, by=name, actor=actor, now=now)
    tell_channel(order, now=now)
    return True


def why_not_change(order: Order, lines: Sequence[OrderLine]) -> str | None:
    """Why nothing of the order may be changed, in a sentence; None if something may."""
    number = order.number
    if not order.is_own:
        return _("Bestellung {number} kommt von {channel} und lässt sich hier nicht ändern.").format(
            number=number, channel=channel_title(order.channel)
        )
    if order.status == Order.Status.CANCELLED:
        return _("Bestellung {number} ist storniert und lässt sich nicht mehr ändern.").format(number=number)
    if not any(open_units(line) for line in lines):
        return _("Bestellung {number} ist schon vollständig versendet.").format(number=number)
    return None


def cancel_units(order: Order, units: Mapping[OrderLine, int], *, actor: str, now: datetime) -> None:
    """Units that nobody wants any more; those of the shop's own stock are given back. The shop is locked."""
    for line, cancelled in units.items():
        line.cancelled += cancelled
    OrderLine.objects.everyone().bulk_update(units, ["cancelled"])
    if order.moves_stock:
        mine = [line for line in units if line.product_id and not line.fulfilled_by]
        given = [stock.give_back(line, units[line]) for line in mine]
        stock.move(order.merchant_id, given, actor=actor, now=now)


def _moved(order: Order, address: Address | None) -> people.People | None:
    """The people of the order with another address; None if it stays. Raises `Refusal`."""
    if address is None:
        return None
    try:
        known = people.read_people(order)
    except CannotOpen as closed:
        raise Refusal(
            _("Die Adresse von Bestellung {number} lässt sich nicht öffnen: ein Schlüssel fehlt.").format(
                number=order.number
            )
        ) from closed
    if address == known.shipping:
        return None
    if order.people_forgotten_at:
        raise Refusal(
            _("Die Adresse von Bestellung {number} ist gelöscht und bleibt es.").format(number=order.number)
        )
    return replace(known, shipping=address)


def fewer_units(
    order: Order, lines: Sequence[OrderLine], quantities: Mapping[int, int]
) -> dict[OrderLine, int]:
    """How many units of which lines fall away; `quantities` are new totals by position. Raises `Refusal`."""
    by_position = {line.position: line for line in lines}
    fewer: dict[OrderLine, int] = {}
    for position, units in quantities.items():
        if position not in by_position:
            raise Refusal(_("Eine Position {position} hat diese Bestellung nicht.").format(position=position))
        line = by_position[position]
        ordered = line.quantity - line.cancelled
        if not line.shipped <= units <= ordered:
            raise Refusal(
                _("Position {position} kann zwischen {least} und {most} Stück haben, nicht {units}.").format(
                    position=position, least=line.shipped, most=ordered, units=units
                )
            )
        if units < ordered:
            fewer[line] = ordered - units
    if fewer and all(line.quantity - line.cancelled == fewer.get(line, 0) for line in lines):
        raise Refusal(
            _("Von Bestellung {number} bliebe nichts übrig. Storniere sie stattdessen.").format(
                number=order.number
            )
        )
    return fewer
