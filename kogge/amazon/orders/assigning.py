"""Naming the product behind a SKU that Kogge did not know, once for all orders that wait for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from kogge.amazon.catalog.finding import link_sku
from kogge.amazon.connections.accounts import shop_of
from kogge.amazon.journal.book import close_troubles
from kogge.amazon.orders import intake
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.orders.taking_in import reservation_key, unassigned_key
from kogge.shops.port import Reservation, Shop

Intake = AmazonOrder.Intake


def assign_product(item: AmazonOrderItem, product_id: str, now: datetime, *, by: str = "") -> int:
    """Remember which product the item's SKU is and tell the shop, for every line that waits for it.

    The stock of placed orders moves now, that of pending ones is reserved. How many lines that were.
    Raises `ShopRefuses` with a sentence, and then nothing has changed.
    """
    connection = item.order.connection
    shop = shop_of(connection)
    with transaction.atomic():
        if item.sku:
            link_sku(connection, item.sku, product_id, now)
        waiting = list(_waiting_lines(item))
        for line in waiting:
            _assign(shop, line, product_id, now)
        AmazonOrderItem.objects.everyone().filter(pk__in=[line.pk for line in waiting]).update(
            product_id=product_id
        )
        key = unassigned_key(item.sku, item.asin, item.order.order_id, item.item_id)
        close_troubles(connection.pk, [key], now=now, by=by)
    return len(waiting)


def _waiting_lines(item: AmazonOrderItem) -> QuerySet[AmazonOrderItem]:
    lines = AmazonOrderItem.objects.everyone().filter(
        order__connection_id=item.order.connection_id, product_id="", order__fulfilled_by=intake.MERCHANT
    )
    lines = lines.exclude(order__intake__in=[Intake.IGNORED, Intake.UNREADABLE]).select_related("order")
    if item.sku:
        return lines.filter(sku=item.sku)
    return lines.filter(sku="", asin=item.asin) if item.asin else lines.filter(pk=item.pk)


def _assign(shop: Shop, line: AmazonOrderItem, product_id: str, now: datetime) -> None:
    order = line.order
    if order.intake == Intake.PLACED:
        shop.assign_product(intake.CHANNEL, order.order_id, line.item_id, product_id, now=now)
    elif order.status == intake.PENDING:
        key = reservation_key(order.order_id, line.item_id)
        shop.reserve([Reservation(key, product_id, line.quantity)], now=now)
