"""What a human must look at while Amazon ships: it hangs, it is late, or it is not what was asked for.

Each alarm is raised once: a matter the merchant closed is not opened again by the next look.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from kogge.amazon.fba.ending import ask_human, trouble_key
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.parcels import LOST, Books, sent_units
from kogge.amazon.journal.book import close_troubles
from kogge.amazon.journal.models import Trouble
from kogge.spapi import fulfillment_orders as amazon
from kogge.spapi.marketplaces import marketplace

STUCK_AFTER = timedelta(days=1)
MISSING_AFTER = timedelta(hours=1)  # an order that was just taken may not show yet
UNREADABLE_AFTER = timedelta(days=1)

_BEFORE_PICKING = {"NEW", "RECEIVED", "PLANNING"}


def judge(books: Books, told: amazon.FulfillmentOrder, *, now: datetime) -> None:
    """Raise what is wrong by this answer, and close what is over."""
    order = books.order
    is_over = order.finished_at is not None
    has_left = any(shipment.is_shipped for shipment in told.shipments)
    here = {
        "stuck": not is_over and _is_stuck(order, told, now),
        "late": not is_over and not has_left and order.leaves_at is not None and order.leaves_at < now,
        "unknown_status": told.status not in amazon.STATUSES,
        "missing": False,
        "unreadable": False,
        "shop_refuses": False,
    }
    details = {
        "late": {"leaves_at": order.leaves_at.isoformat() if order.leaves_at else ""},
        "unknown_status": {"status": order.amazon_status},
    }
    for alarm, is_raised in here.items():
        if is_raised:
            _once(order, f"fulfillment_{alarm}", now, **details.get(alarm, {}))
    over = [trouble_key(order, f"fulfillment_{alarm}") for alarm, is_raised in here.items() if not is_raised]
    close_troubles(order.connection_id, over, now=now)
    _look_at_country(order, told, now)
    _look_at_units(books, told, now)
    _look_at_parcels(books, now)


def missing(order: FulfillmentOrder, *, now: datetime) -> None:
    """Amazon says there is no such order; right after it took it, that may be."""
    if now >= (order.accepted_at or order.created_at) + MISSING_AFTER:
        _once(order, "fulfillment_missing", now)


def unreadable(order: FulfillmentOrder, error: str, *, now: datetime) -> None:
    """Amazon's answer about this order could not be had for a long time."""
    if now >= (order.looked_at or order.accepted_at or order.created_at) + UNREADABLE_AFTER:
        _once(order, "fulfillment_unreadable", now, message=error)


def shop_refuses(order: FulfillmentOrder, sentence: str, *, now: datetime) -> None:
    """The shop will not take what Amazon did: somebody has to look at both."""
    _once(order, "fulfillment_shop_refuses", now, message=sentence)


def _is_stuck(order: FulfillmentOrder, told: amazon.FulfillmentOrder, now: datetime) -> bool:
    """Nothing leaves; or Amazon calls it over, and something of it is still to leave."""
    since = order.status_changed_at if told.is_final else order.received_at or order.accepted_at
    if since is None or now < since + STUCK_AFTER:
        return False
    has_begun = told.status not in _BEFORE_PICKING and (told.status != "PROCESSING" or bool(told.shipments))
    return told.is_final or not has_begun


def _look_at_country(order: FulfillmentOrder, told: amazon.FulfillmentOrder, now: datetime) -> None:
    wanted = marketplace(order.origin).country
    if told.country and told.country != wanted:
        _once(order, "fulfillment_wrong_country", now, country=told.country, wanted=wanted)


def _look_at_units(books: Books, told: amazon.FulfillmentOrder, now: datetime) -> None:
    """Amazon sent what was not ordered, or what the merchant has back and may send as well."""
    order = books.order
    ours = {line.line_id: line.quantity - line.returned for line in books.lines}
    if any(units > ours.get(line_id, 0) for line_id, units in sent_units(told).items()):
        key = trouble_key(order, "fulfillment_unclear:beyond")
        _once(order, "fulfillment_unclear", now, key=key, case="beyond")


def _look_at_parcels(books: Books, now: datetime) -> None:
    """A parcel that does not arrive: the customer waits, and only the merchant can help."""
    order = books.order
    for package in books.packages.values():
        key = f"fulfillment_parcel_lost:{order.order_id}:{package.key}"[:160]
        if package.status in LOST:
            _once(
                order,
                "fulfillment_parcel_lost",
                now,
                key=key,
                status=package.status,
                carrier=package.carrier,
                tracking_number=package.tracking_number,
            )
        else:
            close_troubles(order.connection_id, [key], now=now)


def _once(order: FulfillmentOrder, kind: str, now: datetime, *, key: str = "", **details: object) -> None:
    name = key or trouble_key(order, kind)
    if not Trouble.objects.everyone().filter(connection=order.connection_id, key=name).exists():
        ask_human(order, kind, now, details, key=name)
