"""Placing what had to wait: for a remote shop, for missing prices, or for a human's "try again"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from kogge.amazon.connections.accounts import amazon_client, shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.orders import intake
from kogge.amazon.orders.amounts import has_unit_prices
from kogge.amazon.orders.changes import Change, waiting_change
from kogge.amazon.orders.intake import Asked, Sick
from kogge.amazon.orders.models import AmazonOrder
from kogge.amazon.orders.taking_in import RAW_COLUMN, Figures, Page, take_in
from kogge.merchants.vault import unseal
from kogge.shops.port import Shop
from kogge.spapi.errors import AmazonError
from kogge.spapi.orders_2026_01_01 import get_order
from kogge.values import InvalidValue

ALL_DATA_SETS = ("BUYER", "RECIPIENT", "PROCEEDS", "CANCELLATION", "FULFILLMENT")
PAGE = 100

# How long an order waits for its total, and how near its latest dispatch may come meanwhile.
PATIENCE = timedelta(hours=6)
TIME_TO_SHIP = timedelta(hours=12)

Intake = AmazonOrder.Intake


def place_waiting(connection: Connection, shop: Shop, *, now: datetime) -> Figures:
    """Place all orders whose prices are known and that are not in the shop yet.

    Orders stored without PROCEEDS go on waiting: a shop order with a wrong sum is worse than a late one.
    """
    return _place_all(
        connection, shop, waiting_orders(connection).filter(data_sets__contains="PROCEEDS"), now
    )


def place_without_total(connection: Connection, shop: Shop, *, now: datetime) -> Figures:
    """Place orders that cannot wait for PROCEEDS any longer, with the sum of their unit prices.

    Amazon then named no total: they are flagged, and a human compares. What has no unit price waits on.
    """
    to_ship = Q(status__in=[intake.UNSHIPPED, intake.PARTIALLY_SHIPPED], ship_by__lt=now + TIME_TO_SHIP)
    pressing = Q(first_seen_at__lte=now - PATIENCE) | to_ship
    return _place_all(connection, shop, waiting_for_prices(connection).filter(pressing), now)


def waiting_for_prices(connection: Connection) -> QuerySet[AmazonOrder]:
    """Orders that Amazon showed without PROCEEDS and that are not in the shop for that reason."""
    return waiting_orders(connection).exclude(data_sets__contains="PROCEEDS")


def waiting_orders(connection: Connection) -> QuerySet[AmazonOrder]:
    """Orders that are not in the shop yet and are to be."""
    return AmazonOrder.objects.everyone().filter(
        connection=connection, intake=Intake.TO_PLACE, sealed_raw__isnull=False
    )


def retry_placing(order: AmazonOrder, *, now: datetime) -> bool:
    """Offer an order to the shop again that it refused. True when it is in the shop now."""
    if order.intake not in (Intake.REFUSED, Intake.TO_PLACE) or order.sealed_raw is None:
        return order.intake == Intake.PLACED
    connection = order.connection
    _place(connection, shop_of(connection), [order], now)
    order.refresh_from_db()
    return order.intake == Intake.PLACED


def retry_unreadable(order: AmazonOrder, *, now: datetime) -> bool:
    """Read an order again, as Amazon shows it now or else as it was received. True when it could be read."""
    connection = order.connection
    raw = _fetched(order, now) or _kept(order)
    if raw is None:
        return False
    take_in(connection, shop_of(connection), [raw], Asked(ALL_DATA_SETS), now=now)
    order.refresh_from_db()
    return order.intake != Intake.UNREADABLE


def _place_all(connection: Connection, shop: Shop, orders: QuerySet[AmazonOrder], now: datetime) -> Figures:
    figures = Figures()
    pages = orders.prefetch_related("items").order_by("pk")
    last = 0
    while rows := list(pages.filter(pk__gt=last)[:PAGE]):
        figures.add(_place(connection, shop, rows, now))
        last = rows[-1].pk
    return figures


def _place(connection: Connection, shop: Shop, rows: Sequence[AmazonOrder], now: datetime) -> Figures:
    changes: list[Change] = []
    unfit: list[Sick] = []
    for row in rows:
        found = _change(connection, row, now)
        if isinstance(found, Sick):
            unfit.append(found)
        elif found is not None:
            changes.append(found)
    with transaction.atomic():
        figures = Page(connection, shop, now).place_again(changes)
        if unfit:
            figures.add(Page(connection, shop, now).store(unfit))
    return figures


def _change(connection: Connection, row: AmazonOrder, now: datetime) -> Change | Sick | None:
    """What places the order; None when nothing tells its price."""
    raw = _kept(row) or b""
    asked = Asked(tuple(row.data_sets.split(",")), row.fulfilled_by or intake.MERCHANT, row.status)
    incoming = intake.understand(raw, asked)
    if isinstance(incoming, Sick):
        return intake.sick(raw, incoming.reason, row.order_id)
    if not asked.knows("PROCEEDS") and not has_unit_prices(incoming.order):
        return None
    try:
        return waiting_change(connection, incoming, row, now=now)
    except InvalidValue as error:
        return intake.sick(raw, str(error), row.order_id)


def _kept(row: AmazonOrder) -> bytes | None:
    if row.sealed_raw is None:
        return None
    return unseal(row.connection.merchant_id, RAW_COLUMN, bytes(row.sealed_raw))


def _fetched(order: AmazonOrder, now: datetime) -> bytes | None:
    """The order as Amazon shows it now; None when it cannot be asked for."""
    connection = order.connection
    if order.order_id.startswith("?") or connection.state != Connection.State.ACTIVE:
        return None
    try:
        with amazon_client(connection, lambda: now) as client:
            return get_order(client, order.order_id, ALL_DATA_SETS)
    except AmazonError:
        return None  # what was received before is read again instead
