"""What the merchant wants done with an order Amazon ships, by a click on its page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import drafting, ending, planning, stock
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.journal.book import close_troubles
from kogge.engine.due import make_due
from kogge.shops.port import OwnLine, OwnOrder, Shop, ShopRefuses

State = FulfillmentOrder.State
Wish = FulfillmentOrder.Wish

# The troubles of an attempt that are settled by the next one.
_SETTLED_BY_ANOTHER = (
    "fulfillment_no_stock",
    "fulfillment_address",
    "fulfillment_refused",
    "fulfillment_returned",
    "fulfillment_stuck",
    "fulfillment_late",
)


class TooLate(Exception):
    """It cannot be done any more, or not now; the sentence is for the merchant."""


@transaction.atomic
def plan_again(
    merchant_id: int,
    shop_order_id: str,
    *,
    by: str,
    now: datetime,
    instead_of: FulfillmentOrder | None = None,
) -> None:
    """Have Amazon ship what is open of a shop order, also after an attempt that failed. Raises `TooLate`.

    `instead_of` is an attempt Amazon has just cancelled: its units lie on the shelf again.
    """
    connection = Connection.objects.of_id(merchant_id).filter(state=Connection.State.ACTIVE).first()
    if connection is None:
        raise TooLate(_("Amazon ist nicht verbunden, oder die Verbindung ist angehalten."))
    shop = shop_of(connection)
    order = _ready(shop, merchant_id, shop_order_id)
    lines = [line for line in order.lines if line.open and line.fulfilled_by in ("", ending.BY)]
    fba = planning.fba_products(merchant_id, [line.product_id for line in lines if line.product_id])
    wanted = [line for line in lines if line.product_id in fba]
    if not wanted:
        raise TooLate(_("In dieser Bestellung ist nichts offen, was Amazon versendet („FBA“ beim Produkt)."))
    there = drafting.take_from_shelves(wanted, _shelves(merchant_id, wanted, instead_of), Counter())
    if not there:
        raise TooLate(
            _("Im Amazon-Lager liegt nicht genug von dieser Ware. Sieh nach, sobald dort Bestand ankommt.")
        )
    try:
        drafts = [
            drafting.hand_to_amazon(shop, order, some, connection_id, now=now)
            for connection_id, some in there.items()
        ]
        _check_none_is_open(merchant_id, shop_order_id)  # two clicks at once: the shop holds the order now
        drafting.write(shop, merchant_id, drafts, now=now, by=by)
    except ShopRefuses as refusal:
        raise TooLate(str(refusal)) from refusal
    _settle(merchant_id, order, by=by, now=now)


@transaction.atomic
def send_now(order: FulfillmentOrder, *, by: str, now: datetime) -> None:
    """Do not wait for the end of the cut-off window. Raises `TooLate`."""
    standing = _locked(order)
    if standing.state != State.PLANNED:
        raise TooLate(_("Der Versandauftrag wartet nicht mehr auf das Ende der Bedenkzeit."))
    standing.hand_over_at = min(standing.hand_over_at, now)
    standing.save(update_fields=["hand_over_at"])
    window = standing.hand_over_at.isoformat()
    ending.note(standing, "fulfillment_planned", now, hand_over_at=window, by=by)
    make_due("hand_over", standing.connection_id, now=now)


@transaction.atomic
def stop(order: FulfillmentOrder, *, by: str, now: datetime) -> None:
    """Inside the cut-off window: Amazon never hears of it, the lines are the merchant's. Raises `TooLate`."""
    standing = FulfillmentOrder.objects.everyone().select_related("connection").get(pk=order.pk)
    if standing.state != State.PLANNED:
        raise TooLate(_too_late(standing))
    try:
        ending.stop(shop_of(standing.connection), standing, "by_merchant", by=by, now=now)
    except ending.Moved:
        standing.refresh_from_db()
        raise TooLate(_too_late(standing)) from None
    except ShopRefuses as refusal:
        raise TooLate(str(refusal)) from refusal


@transaction.atomic
def ask_to_cancel(order: FulfillmentOrder, wish: str, *, reason: str = "", by: str, now: datetime) -> None:
    """Have Amazon asked to cancel; `wish` says what then (`FulfillmentOrder.Wish`). Raises `TooLate`.

    `reason` is the shop's word for why the shop order is cancelled, with `Wish.CANCEL_ORDER`.
    """
    standing = _locked(order)
    if refused := why_not_cancel(standing):
        raise TooLate(refused)
    standing.wish, standing.wish_reason = Wish(wish).value, reason[:30]
    standing.wished_at, standing.wished_by = now, by[:200]
    standing.not_before, standing.attempts = None, 0
    standing.save(update_fields=["wish", "wish_reason", "wished_at", "wished_by", "not_before", "attempts"])
    ending.note(standing, "fulfillment_cancel_asked", now, wish=standing.wish, by=by)
    make_due("hand_over", standing.connection_id, now=now)


def why_not_cancel(order: FulfillmentOrder) -> str:
    """Why Amazon cannot be asked to cancel now, in a sentence; empty when it can."""
    if order.state == State.PLANNED:
        return _("Der Versandauftrag ist noch nicht bei Amazon. Halte ihn an, statt ihn zu stornieren.")
    if order.state == State.SENDING:
        return _("Der Auftrag wird gerade übergeben. Gleich lässt er sich stornieren.")
    if order.state != State.HANDED:
        return _("Der Auftrag ist abgeschlossen: %(state)s.") % {"state": order.get_state_display()}
    if order.picking_begun:
        return _("Amazon packt schon und storniert nicht mehr. Kommt die Ware zurück, erfasse eine Retoure.")
    return ""


def _ready(shop: Shop, merchant_id: int, shop_order_id: str) -> OwnOrder:
    order = shop.own_order(shop_order_id)
    if order is None:
        raise TooLate(_("Diese Bestellung gibt es nicht."))
    if order.is_cancelled:
        raise TooLate(_("Die Bestellung ist storniert."))
    if not order.is_paid:
        raise TooLate(_("Die Bestellung ist noch nicht bezahlt. Amazon versendet nur, was bezahlt ist."))
    _check_none_is_open(merchant_id, shop_order_id)
    return order


def _check_none_is_open(merchant_id: int, shop_order_id: str) -> None:
    rows = FulfillmentOrder.objects.of_id(merchant_id).filter(shop_order_id=shop_order_id)
    if rows.filter(state__in=FulfillmentOrder.OPEN_STATES).exists():
        raise TooLate(_("Für diese Bestellung gibt es schon einen offenen Versandauftrag."))


def _put_back(shelf: stock.Shelf, cancelled: FulfillmentOrder | None) -> int:
    """The units of a cancelled attempt that the figure of the shelf, read since, does not know yet."""
    if cancelled is None or cancelled.accepted_at is None or shelf.read_at is None:
        return 0
    if cancelled.connection_id != shelf.connection_id or shelf.read_at < cancelled.accepted_at:
        return 0
    return sum(line.quantity - line.shipped for line in cancelled.lines.all() if line.sku == shelf.sku)


def _shelves(
    merchant_id: int, lines: list[OwnLine], cancelled: FulfillmentOrder | None
) -> dict[str, stock.Shelf]:
    """Where the lines' products lie, by product, with the units of a cancelled attempt put back."""
    found = stock.shelves(merchant_id, {line.product_id for line in lines if line.product_id})
    return {
        product_id: shelf
        if shelf.free is None
        else replace(shelf, free=shelf.free + _put_back(shelf, cancelled))
        for product_id, shelf in found.items()
    }


def _settle(merchant_id: int, order: OwnOrder, *, by: str, now: datetime) -> None:
    """Earlier attempts need no looking at any more."""
    rows = FulfillmentOrder.objects.of_id(merchant_id).filter(shop_order_id=order.order_id)
    for connection_id, order_id in rows.values_list("connection_id", "order_id"):
        keys = [f"{kind}:{order_id}" for kind in _SETTLED_BY_ANOTHER if order_id]
        close_troubles(connection_id, keys, now=now, by=by)


def _locked(order: FulfillmentOrder) -> FulfillmentOrder:
    return FulfillmentOrder.objects.everyone().select_for_update().get(pk=order.pk)


def _too_late(order: FulfillmentOrder) -> str:
    if order.state in (State.SENDING, State.HANDED):
        return _("Der Versandauftrag ist schon bei Amazon. Du kannst ihn dort stornieren lassen.")
    return _("Dieser Versandauftrag ist schon abgeschlossen.")
