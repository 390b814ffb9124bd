"""The Amazon side of a shop order, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.models import Trouble
from kogge.amazon.orders.models import AmazonOrder, AmazonOrderItem, ShipmentConfirmation
from kogge.spapi.marketplaces import seller_central_order_url
from kogge.values import InvalidValue


@dataclass(frozen=True, slots=True)
class AmazonSide:
    """What is known about an order at Amazon, and what Amazon was told."""

    order: AmazonOrder
    items: list[AmazonOrderItem]
    messages: list[OrderMessage]
    confirmations: list[ShipmentConfirmation]
    troubles: list[Trouble]  # the open ones
    seller_central_url: str  # empty when the marketplace is not known


def amazon_side(merchant_id: int, external_id: str) -> AmazonSide | None:
    """The Amazon side of the shop order with this channel id; None when there is none."""
    order = (
        AmazonOrder.objects.of_id(merchant_id)
        .select_related("connection")
        .filter(order_id=external_id)
        .first()
    )
    if order is None:
        return None
    messages = OrderMessage.objects.of_id(merchant_id).filter(
        connection=order.connection_id, amazon_order_id=external_id
    )
    troubles = Trouble.objects.of_id(merchant_id).filter(
        connection=order.connection_id, amazon_order_id=external_id, closed_at__isnull=True
    )
    return AmazonSide(
        order=order,
        items=list(order.items.all()),
        messages=list(messages.order_by("pk")),
        confirmations=list(order.confirmations.order_by("parcel")),
        troubles=list(troubles.order_by("opened_at")),
        seller_central_url=_seller_central_url(order),
    )


def _seller_central_url(order: AmazonOrder) -> str:
    try:
        return seller_central_order_url(order.marketplace_id, order.order_id)
    except InvalidValue:
        return ""
