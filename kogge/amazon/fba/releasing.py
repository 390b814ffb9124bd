"""Letting go of a shop order that the merchant is about to change, inside the shop's transaction."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import drafting, ending, speeds
from kogge.amazon.fba.drafting import Draft
from kogge.amazon.fba.models import FulfillmentOrder

State = FulfillmentOrder.State

# What the shop calls it -> a reason of words.py.
REASONS = {"changed": "edited", "cancelled": "cancelled", "shipped": "shipped"}


class Handed(Exception):
    """Amazon has the order already, or may have it; the sentence is for the merchant."""


def release(merchant_id: int, shop_order_id: str, *, why: str, by: str, now: datetime) -> bool:
    """Stop what is planned; whether anything was. Raises `Handed`.

    `why` is "changed", "cancelled" or "shipped". The shop moves the lines itself. Locks the fulfilment order
    after the shop, as everybody does.
    """
    rows = FulfillmentOrder.objects.of_id(merchant_id).filter(
        shop_order_id=shop_order_id, state__in=FulfillmentOrder.OPEN_STATES
    )
    standing = list(rows.order_by("pk").select_for_update())
    if not standing and why == "shipped":
        standing = _never_planned(merchant_id, shop_order_id, now=now)
    for order in standing:
        if order.state != State.PLANNED:
            raise Handed(_refusal(order))
    for order in standing:
        reason = REASONS.get(why, why)
        ending.close(order, State.STOPPED, reason, {"by": by}, now=now, kind="fulfillment_stopped")
        ending.return_lines(order)
    return bool(standing)


def _never_planned(merchant_id: int, shop_order_id: str, *, now: datetime) -> list[FulfillmentOrder]:
    """A row to stop, for lines that were left to Amazon and never planned: without it they would go there by
    themselves as soon as they are paid, while the merchant packs them."""
    connection = Connection.objects.of_id(merchant_id).order_by("state", "pk").first()
    if connection is None or drafting.had_attempts(merchant_id, [shop_order_id]):
        return []
    order = shop_of(connection).own_order(shop_order_id)
    lines = [line for line in order.lines if line.open and line.fulfilled_by == ending.BY] if order else []
    if order is None or not lines:
        return []
    drafts = [Draft(connection.pk, order, lines)]
    return drafting.insert(merchant_id, drafts, speeds.table(merchant_id), now=now)


def _refusal(order: FulfillmentOrder) -> str:
    if order.state == State.SENDING:
        return _(
            "Der Versandauftrag wird gerade an Amazon übergeben. Warte eine Minute. "
            "Hat Amazon ihn angenommen, storniere zuerst den Auftrag bei Amazon."
        )
    if order.wish:
        return _("Amazon ist schon gebeten, den Versandauftrag zu stornieren. Warte, bis Amazon antwortet.")
    return _(
        "Amazon hat den Versandauftrag schon. Storniere zuerst den Auftrag bei Amazon "
        "(Bestellung → „Versand durch Amazon“ → „Auftrag stornieren“)."
    )
