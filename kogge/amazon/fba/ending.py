"""How a fulfilment order ends, and that what Amazon does not ship is the merchant's again, saying so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder
from kogge.amazon.journal.book import Entry, open_trouble, record
from kogge.shops.port import Shop

State = FulfillmentOrder.State

BY = "amazon"  # what a line's `fulfilled_by` says of us

# Reasons that are the merchant's own doing: nobody need be told.
MERCHANTS_DOING = {"by_merchant", "edited", "cancelled", "shipped", "not_paid", "fba_off"}

# What a human is asked, by reason; for any other one that Amazon refused (promise 7).
_TROUBLES = {
    "no_stock": "fulfillment_no_stock",
    "address": "fulfillment_address",
    "unfulfillable": "fulfillment_returned",
    "invalid": "fulfillment_returned",
    "partial": "fulfillment_returned",
    "cancelled_by_amazon": "fulfillment_returned",
    "disconnected": "fulfillment_returned",
}


class Moved(Exception):
    """The fulfilment order is not in the state any more in which it was read: nothing was changed."""


@transaction.atomic
def put_down(
    shop: Shop,
    order: FulfillmentOrder,
    state: str,
    reason: str,
    details: Mapping[str, object] | None = None,
    *,
    now: datetime,
    kind: str = "fulfillment_returned",
) -> None:
    """Give all its lines back with a trouble that says why, and close it. Raises `Moved`.

    The shop is asked first, then the row is locked: everybody locks in this order.
    """
    lines = list(order.lines.values_list("line_id", flat=True))
    give_back(shop, order, lines, reason=reason, now=now, **(details or {}))
    close(order, state, reason, details, now=now, kind=kind)


@transaction.atomic
def stop(shop: Shop, order: FulfillmentOrder, reason: str, *, by: str, now: datetime) -> None:
    """As the merchant wished, before Amazon heard of it. Raises `Moved`."""
    put_down(shop, order, State.STOPPED, reason, {"by": by}, now=now, kind="fulfillment_stopped")


def give_back(
    shop: Shop,
    order: FulfillmentOrder,
    line_ids: Collection[str],
    *,
    reason: str,
    now: datetime,
    **details: object,
) -> None:
    """Let the merchant ship what is open of these lines, and open a trouble of this reason (fba/words.py).

    Inside a transaction that called the shop first; changes the lines, not the order's state. What the
    merchant did is no trouble.
    """
    shop.take_back(order.shop_order_id, line_ids, BY, now=now)
    return_lines(order, line_ids)
    if reason not in MERCHANTS_DOING:
        kind = _TROUBLES.get(reason, "fulfillment_refused")
        ask_human(order, kind, now, {"reason": reason, **details})


def return_lines(order: FulfillmentOrder, line_ids: Collection[str] | None = None) -> None:
    """What was not shipped of these lines, or of all, is Amazon's no more."""
    lines = FulfillmentLine.objects.everyone().filter(fulfillment_order=order)
    if line_ids is not None:
        lines = lines.filter(line_id__in=line_ids)
    lines.update(returned=F("quantity") - F("shipped"))


def close(
    order: FulfillmentOrder,
    state: str,
    reason: str,
    details: Mapping[str, object] | None = None,
    *,
    now: datetime,
    kind: str,
) -> None:
    """Write down how it ended, unless it moved meanwhile (`Moved`). Inside a transaction."""
    locked(order, [order.state])
    order.state, order.reason, order.finished_at = state, reason, now
    order.details = dict(details or {})
    order.not_before, order.look_at = None, None
    order.save(update_fields=["state", "reason", "details", "finished_at", "not_before", "look_at"])
    note(order, kind, now, reason=reason, **order.details)


def locked(order: FulfillmentOrder, states: Collection[str]) -> FulfillmentOrder:
    """The row as it stands, locked. Raises `Moved` when it is in none of these states."""
    rows = FulfillmentOrder.objects.everyone().select_for_update()
    standing = rows.filter(pk=order.pk, state__in=states).first()
    if standing is None:
        raise Moved(order.order_id)
    return standing


def note(order: FulfillmentOrder, kind: str, now: datetime, **details: object) -> None:
    """Write into the journal what happened to it."""
    said = {"number": order.shop_number, **details}
    record([Entry(order.connection_id, kind, now, order.order_id, said)])


def ask_human(
    order: FulfillmentOrder, kind: str, now: datetime, details: Mapping[str, object], *, key: str = ""
) -> None:
    """Open a trouble of the order, or meet it again; `key` where an order can have several of a kind."""
    open_trouble(
        order.connection_id,
        kind,
        key or trouble_key(order, kind),
        now=now,
        amazon_order_id=order.order_id,
        **{"number": order.shop_number, "order": order.shop_order_id, **details},
    )


def trouble_key(order: FulfillmentOrder, kind: str) -> str:
    """The key of the one trouble of this kind the order can have."""
    return f"{kind}:{order.order_id}"
