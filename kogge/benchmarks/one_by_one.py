"""The reference: the same orders taken in one by one, row by row, as an ordinary Django program would.

It writes every row the real import writes for an order, with the same reading of Amazon's words, the same
prices and sealed people; only the way to the database differs: `get_or_create`, one order a transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import amazon_client
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.amazon.orders import intake
from kogge.amazon.orders.amounts import price
from kogge.amazon.orders.check import first_since
from kogge.amazon.orders.intake import Asked, Incoming
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem
from kogge.amazon.orders.placing import ALL_DATA_SETS
from kogge.amazon.orders.searching import marketplaces
from kogge.amazon.orders.taking_in import terms_of, unassigned_key
from kogge.backoffice import people, placing, stock
from kogge.backoffice.models import Order, OrderEvent, OrderLine, OrderWord, Product, ShopCounter, StockEntry
from kogge.backoffice.progress import settle
from kogge.engine.due import make_due
from kogge.engine.worker import utc_now
from kogge.shops.port import NewOrder
from kogge.spapi.orders_2026_01_01 import OrderQuery, search_orders

M = TypeVar("M", bound=models.Model)


def take_in(connection: Connection, orders: int) -> int:
    """Take at least so many orders in, page by page as Amazon shows them; how many there were."""
    query = OrderQuery(
        last_updated_after=first_since(connection, utc_now()),
        marketplace_ids=marketplaces(connection),
        fulfilled_by=(intake.MERCHANT,),
        included_data=ALL_DATA_SETS,
    )
    taken_in, token = 0, None
    with amazon_client(connection, utc_now) as client:
        while taken_in < orders:
            page = search_orders(client, query, token)
            for raw in page.orders:
                understood = intake.understand(raw, Asked(ALL_DATA_SETS))
                assert isinstance(understood, Incoming)
                with transaction.atomic():
                    _take_in_one(connection, understood, utc_now())
                taken_in += 1
            token = page.next_token
            if not token:
                break
    return taken_in


def _take_in_one(connection: Connection, incoming: Incoming, now: datetime) -> None:
    amounts = price(incoming.order)
    row = _kept(intake.order_row(incoming, connection.pk, amounts, now=now), "connection_id", "order_id")
    products = {}
    for item in intake.item_rows(incoming):
        item.order, item.product_id = row, _product_id(connection.merchant_id, item)
        products[_kept(item, "order_id", "item_id").item_id] = item.product_id
        if not item.product_id:
            _ask_for_product(connection, row, item, now)
    new = intake.new_order(incoming, amounts, products, terms_of(connection))
    order = _place(connection, new, now)
    row.intake = AmazonOrder.Intake.PLACED
    row.shop_order_id, row.shop_order_number = str(order.pk), str(order.number)
    row.save()
    message = OrderMessage(
        connection=connection,
        amazon_order_id=row.order_id,
        marketplace_id=row.marketplace_id,
        kind=OrderMessage.Kind.ACKNOWLEDGE,
        merchant_order_id=str(order.number),
        item_ids=list(products),
        not_before=now,
        created_at=now,
    )
    _kept(message, "connection_id", "amazon_order_id", "kind")
    for kind in ("imported", "acknowledge_queued"):
        details = {"number": str(order.number), "status": row.status} if kind == "imported" else {}
        JournalEntry.objects.everyone().create(
            connection=connection, amazon_order_id=row.order_id, at=now, kind=kind, details=details
        )
    make_due("send_feeds", connection.pk, now=now)


def _product_id(merchant_id: int, item: AmazonOrderItem) -> str:
    """The shop's product, by its offer or else by its article number; empty if there is none."""
    offer = Offer.objects.of_id(merchant_id).filter(sku=item.sku).first()
    if offer:
        return offer.product_id
    product = Product.objects.of_id(merchant_id).filter(code=item.sku).first()
    return str(product.pk) if product else ""


def _place(connection: Connection, new: NewOrder, now: datetime) -> Order:
    """The order of the shop with all that belongs to it."""
    merchant_id = connection.merchant_id
    counter = ShopCounter.objects.select_for_update().get(pk=merchant_id)
    known = {int(line.product_id) for line in new.lines if line.product_id}
    who = placing.people_in(new)
    order = placing.order_row(merchant_id, counter.next_number, new, who, paid=True, now=now)
    lines = [placing.line_row(order, position, line, known) for position, line in enumerate(new.lines, 1)]
    settle(order, lines)
    order = _kept(order, "merchant_id", "channel", "external_id")
    counter.next_number += 1
    counter.save()
    for fingerprint in people.fingerprints(merchant_id, people.words_of(who)):
        _kept(
            OrderWord(merchant_id=merchant_id, order=order, fingerprint=fingerprint),
            "order_id",
            "fingerprint",
        )
    OrderEvent.objects.everyone().create(
        merchant_id=merchant_id,
        order=order,
        channel=order.channel,
        kind="placed",
        at=now,
        actor=order.channel,
    )
    for line in lines:
        line.order = order
        _sell(_kept(line, "order_id", "position"), order.channel, now)
    return order


def _sell(line: OrderLine, channel: str, now: datetime) -> None:
    """The units of a line leave the stock, and the ledger says so."""
    if line.product_id is None:
        return
    Product.objects.of_id(line.merchant_id).filter(pk=line.product_id).update(
        stock=F("stock") - line.quantity, changed_at=now
    )
    movement = stock.take(line, line.quantity)
    entry = StockEntry(
        merchant_id=line.merchant_id,
        product_id=line.product_id,
        key=movement.key,
        kind=movement.kind,
        stock_change=movement.stock,
        line=line,
        at=now,
        actor=channel,
    )
    _kept(entry, "merchant_id", "key")


def _ask_for_product(connection: Connection, row: AmazonOrder, item: AmazonOrderItem, now: datetime) -> None:
    trouble = Trouble(
        connection=connection,
        kind="assign_product",
        key=unassigned_key(item.sku, item.asin, row.order_id, item.item_id),
        amazon_order_id=row.order_id,
        details={"sku": item.sku, "asin": item.asin, "title": item.title, "item_id": item.item_id},
        opened_at=now,
        last_met_at=now,
    )
    _kept(trouble, "connection_id", "key")


def _kept(instance: M, *key: str) -> M:
    """`get_or_create` by the columns of `key`, with the other columns as they stand in `instance`."""
    columns = {field.attname: getattr(instance, field.attname) for field in _columns(type(instance))}
    wanted = {name: columns.pop(name) for name in key}
    manager: Any = type(instance)._default_manager
    found: M = manager.everyone().get_or_create(**wanted, defaults=columns)[0]
    return found


def _columns(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]
