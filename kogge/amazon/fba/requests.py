"""A fulfilment order as Amazon is asked for it: from its rows and what the shop says of it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from kogge.amazon.fba.ending import BY
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder, FulfillmentSettings
from kogge.shops.port import OwnOrder
from kogge.spapi.fulfillment_orders import Consignment, FulfillmentRequest, Line, Policy, Speed

# On the packing slip, where the merchant says nothing; for the customer, so in the language of the order.
_THANKS = {
    "de": "Vielen Dank für deine Bestellung!",
    "en": "Thank you for your order!",
    "fr": "Merci pour votre commande !",
    "it": "Grazie per il tuo ordine!",
    "es": "¡Gracias por tu pedido!",
    "nl": "Bedankt voor je bestelling!",
}


def consignment(order: FulfillmentOrder, shop_order: OwnOrder, settings: FulfillmentSettings) -> Consignment:
    """What is to go where. Raises `InvalidValue`, without naming what stands in the address."""
    values = {line.line_id: line.unit_price for line in shop_order.lines}
    return Consignment(
        marketplace_id=order.origin,
        destination=shop_order.address,
        lines=tuple(
            Line(line.line_id, line.sku, line.quantity, values.get(line.line_id)) for line in lines_of(order)
        ),
        unbranded=settings.unbranded,
    )


def request(
    order: FulfillmentOrder, shop_order: OwnOrder, settings: FulfillmentSettings
) -> FulfillmentRequest:
    """The order Amazon shall ship; the same again is the same order. Raises `InvalidValue`."""
    policy: Policy = "FILL_ALL_AVAILABLE" if settings.allow_partial else "FILL_OR_KILL"
    return FulfillmentRequest(
        order_id=order.order_id,
        display_id=_display_id(order),
        ordered_at=shop_order.placed_at,
        comment=settings.comment.strip() or _thanks(shop_order.locale),
        consignment=consignment(order, shop_order, settings),
        speed=cast("Speed", order.speed),
        policy=policy,
    )


def lines_of(order: FulfillmentOrder) -> Sequence[FulfillmentLine]:
    """Its lines, in the order of the shop's."""
    return list(order.lines.all())


def difference(order: FulfillmentOrder, shop_order: OwnOrder | None) -> str:
    """Why the shop order is not any more what was planned, as a reason of words.py; empty if it is."""
    if shop_order is None or shop_order.is_cancelled:
        return "cancelled"
    if not shop_order.is_paid:
        return "not_paid"
    standing = {line.line_id: line for line in shop_order.lines}
    for line in lines_of(order):
        now = standing.get(line.line_id)
        if now is None or now.fulfilled_by != BY:
            return "edited"
        if (now.open, now.product_id) != (line.quantity, line.product_id):
            return "edited"
    return ""


def _display_id(order: FulfillmentOrder) -> str:
    """The shop's number as customers know it, in letters Amazon can print."""
    printable = "".join(letter for letter in order.shop_number if letter.isprintable() and ord(letter) < 256)
    return " ".join(printable.split())[:40].strip() or order.order_id


def _thanks(locale: str) -> str:
    return _THANKS.get(locale[:2].lower(), _THANKS["en"])
