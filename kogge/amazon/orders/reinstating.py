"""What the merchant cancelled in the shop and Amazon does not cancel: the order stands again in the shop.

Its stock was given back when it was cancelled; often the goods have left meanwhile, in Seller Central.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.messages import SETTLED, trouble_key
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.book import open_trouble
from kogge.amazon.orders import intake
from kogge.amazon.orders.models import AmazonOrder
from kogge.engine.work import Work
from kogge.shops.port import LineState, OrderUpdate, Shop, ShopRefuses


def reinstate_orders(connection: Connection, shop: Shop, work: Work) -> int:
    """Let every order stand again whose cancellation was rejected since the last time; how many.

    An order that Amazon shows as cancelled after all, or is asked again to cancel, stays cancelled.
    """
    messages = _cancellations(connection)
    rejected = list(untold(connection).order_by("id"))
    for message in rejected:
        order = AmazonOrder.objects.everyone().get(connection=connection, order_id=message.amazon_order_id)
        again = messages.filter(amazon_order_id=order.order_id).exclude(state__in=SETTLED)
        with transaction.atomic():
            work.keep()
            if order.status != intake.CANCELLED and not again.exists():
                _reinstate(shop, order, message, work)
            OrderMessage.objects.everyone().filter(pk=message.pk).update(told_shop=True)
    return len(rejected)


def untold(connection: Connection) -> QuerySet[OrderMessage]:
    """Cancellations Amazon rejected of which the shop does not know yet."""
    return _cancellations(connection).filter(state=OrderMessage.State.REJECTED, told_shop=False)


def _cancellations(connection: Connection) -> QuerySet[OrderMessage]:
    return OrderMessage.objects.everyone().filter(connection=connection, kind=OrderMessage.Kind.CANCEL)


def _reinstate(shop: Shop, order: AmazonOrder, message: OrderMessage, work: Work) -> None:
    try:
        shop.reinstate(intake.CHANNEL, order.order_id, now=work.now)
    except ShopRefuses as refusal:
        open_trouble(
            order.connection_id,
            "cancel_refused",
            trouble_key(message.kind, order.order_id),
            now=work.now,
            amazon_order_id=order.order_id,
            reason=f"{message.last_error} {refusal}",
            message=message.pk,
        )
        return
    shop.update_orders([_as_known(order)], now=work.now)


def _as_known(order: AmazonOrder) -> OrderUpdate:
    """What a check brought while the order was cancelled in the shop, so that the shop could not follow."""
    lines = {item.item_id: LineState(item.quantity, item.fulfilled, 0) for item in order.items.all()}
    return OrderUpdate(intake.CHANNEL, order.order_id, lines=lines)
