"""An order as Amazon's Orders API 2026-01-01 shows it, with exactly the data sets that were asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from kogge.simulator.clock import iso
from kogge.simulator.world import (
    PARTIALLY_SHIPPED,
    PENDING,
    PENDING_AVAILABILITY,
    SHIPPED,
    UNSHIPPED,
    ZERO,
    Item,
    Order,
    Package,
)

Json = dict[str, Any]

DELIVERY_TIME = timedelta(days=2)
"""A confirmed parcel counts as delivered after this long."""

_ADDRESS_STATUSES = (UNSHIPPED, PARTIALLY_SHIPPED, SHIPPED)

_encoder = msgspec.json.Encoder()


def render(order: Order, included: frozenset[str], now: datetime) -> msgspec.Raw:
    """The order as JSON. Rendered once until it changes; what depends on the time is part of the key."""
    key = (
        included,
        _phone_is_gone(order, now),
        tuple(_package_state(p, now) for p in order.packages.values()),
    )
    if key not in order.rendered:
        order.rendered[key] = msgspec.Raw(_encoder.encode(_shown(order, included, now)))
    return order.rendered[key]


def everything(order: Order, now: datetime) -> msgspec.Raw:
    """The order with all data sets."""
    every = "BUYER RECIPIENT PROCEEDS CANCELLATION FULFILLMENT PACKAGES PROMOTION TAX PAYMENT"
    return render(order, frozenset(every.split()), now)


def totals(order: Order, items: Iterable[Item]) -> dict[str, Decimal]:
    """The amounts by Amazon's categories, as shown: zero ones are left out, discounts carry their sign."""
    items = list(items)
    amounts = {
        "ITEM": sum((item.price for item in items), ZERO),
        "SHIPPING": sum((item.shipping for item in items), ZERO),
        "GIFT_WRAP": sum((item.gift_wrap for item in items), ZERO),
        "TAX": sum((item.tax for item in items), ZERO) if order.is_net or order.shows_tax else ZERO,
        "DISCOUNT": order.discount_sign * sum((item.discount for item in items), ZERO),
    }
    return {name: amount for name, amount in amounts.items() if amount or name == "ITEM"}


def grand_total(order: Order, items: Iterable[Item]) -> Decimal:
    """What the buyer pays: prices, shipping, wrapping, less discounts, plus tax where prices are net."""
    total = ZERO
    for item in items:
        total += item.price + item.shipping + item.gift_wrap - item.discount
        if order.is_net:
            total += item.tax
    return total


def _shown(order: Order, included: frozenset[str], now: datetime) -> object:
    if order.raw is not None:
        return order.raw
    document = _document(order, included, now)
    return merge(document, order.patch) if order.patch is not None else document


def merge(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396): objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _document(order: Order, included: frozenset[str], now: datetime) -> Json:
    document: Json = {
        "orderId": order.order_id,
        "createdTime": iso(order.created),
        "lastUpdatedTime": iso(order.updated),
        "salesChannel": _sales_channel(order),
        "orderItems": [_item(order, item, included) for item in order.items],
    }
    if order.acknowledgement and order.acknowledgement.merchant_order_id:
        alias = {"aliasId": order.acknowledgement.merchant_order_id, "aliasType": "SELLER_ORDER_ID"}
        document["orderAliases"] = [alias]
    if order.programs:
        document["programs"] = order.programs
    if order.replaces:
        association = {"orderId": order.replaces, "associationType": "REPLACEMENT_ORIGINAL_ID"}
        document["associatedOrders"] = [association]
    document |= _order_sets(order, included, now)
    return document


def _order_sets(order: Order, included: frozenset[str], now: datetime) -> Json:
    """What the asked data sets add to the order itself. Sets without content add nothing."""
    is_personal = order.fulfilled_by == "MERCHANT" and order.status in _ADDRESS_STATUSES
    sets: Json = {}
    if "BUYER" in included and is_personal and (buyer := _buyer(order)):
        sets["buyer"] = buyer
    if "RECIPIENT" in included and is_personal and (recipient := _recipient(order, now)):
        sets["recipient"] = recipient
    if "PROCEEDS" in included and _has_prices(order):
        sets["proceeds"] = _order_proceeds(order)
    if "PAYMENT" in included and _has_prices(order) and not order.is_sparse:
        sets["payment"] = {"paymentExecutions": [{"paymentMethod": "Standard"}]}
    if "TAX" in included and "AMAZON_BUSINESS" in order.programs and is_personal:
        sets["tax"] = {"taxInvoicing": {"buyerInvoicePreference": "BUSINESS"}}
    if "FULFILLMENT" in included:
        sets["fulfillment"] = _fulfillment(order)
    if "PACKAGES" in included and order.packages:
        sets["packages"] = [_package(package, now) for package in order.packages.values()]
    return sets


def _sales_channel(order: Order) -> Json:
    channel: Json = {"channelName": order.channel, "marketplaceId": order.marketplace.id}
    if not order.is_sparse:
        channel["marketplaceName"] = order.marketplace.name if order.channel == "AMAZON" else "Non-Amazon"
    return channel


def _buyer(order: Order) -> Json:
    return _filled(
        {
            "buyerName": order.buyer_name,
            "buyerEmail": order.buyer_email,
            "buyerCompanyName": order.buyer_company,
            "buyerPurchaseOrderNumber": order.purchase_order_number,
        }
    )


def _recipient(order: Order, now: datetime) -> Json:
    if order.address is None:
        return {}
    address = dict(order.address)
    if _phone_is_gone(order, now):
        address.pop("phone", None)
    recipient: Json = {"deliveryAddress": address}
    if order.delivery_note:
        recipient["deliveryPreference"] = {"addressInstruction": order.delivery_note}
    return recipient


def _phone_is_gone(order: Order, now: datetime) -> bool:
    """Amazon hides the phone number of shipped orders after the latest delivery date."""
    return order.status == SHIPPED and order.deliver_by is not None and now > order.deliver_by[1]


def _has_prices(order: Order) -> bool:
    return order.status not in (PENDING, PENDING_AVAILABILITY)


def _order_proceeds(order: Order) -> Json:
    proceeds: Json = {"grandTotal": _money(order, grand_total(order, order.items))}
    if not order.is_sparse:
        proceeds["breakdowns"] = [
            {"type": kind, "subtotal": _money(order, amount)}
            for kind, amount in totals(order, order.items).items()
        ]
    return proceeds


def _fulfillment(order: Order) -> Json:
    fulfillment: Json = {"fulfillmentStatus": order.status, "fulfilledBy": order.fulfilled_by}
    if order.is_sparse:
        return fulfillment
    fulfillment["fulfillmentServiceLevel"] = order.service_level
    if order.ship_by:
        fulfillment["shipByWindow"] = _window(order.ship_by)
    if order.deliver_by:
        fulfillment["deliverByWindow"] = _window(order.deliver_by)
    return fulfillment


def _item(order: Order, item: Item, included: frozenset[str]) -> Json:
    document: Json = {
        "orderItemId": item.item_id,
        "quantityOrdered": item.quantity,
        "product": _product(order, item),
    }
    if "PROCEEDS" in included and _has_prices(order) and not order.is_sparse:
        document["proceeds"] = _item_proceeds(order, item)
    if "PROMOTION" in included and item.promotion_id:
        document["promotion"] = {"breakdowns": [{"promotionId": item.promotion_id}]}
    if "CANCELLATION" in included and (cancellation := _cancellation(item)):
        document["cancellation"] = cancellation
    if "FULFILLMENT" in included:
        document["fulfillment"] = _item_fulfillment(order, item)
    if "TAX" in included and item.tax and not order.is_sparse:
        document["tax"] = {"taxCollections": [{"responsibleParty": "Merchant"}]}
    return document


def _product(order: Order, item: Item) -> Json:
    product = _filled({"asin": item.asin, "title": item.title, "sellerSku": item.sku})
    if order.is_sparse:
        product.pop("title", None)
        return product
    product["condition"] = {"conditionType": item.condition, "conditionSubtype": item.condition}
    if _has_prices(order):
        product["price"] = {"unitPrice": _money(order, item.unit_price)}
        if "AMAZON_BUSINESS" in order.programs:
            product["price"]["priceDesignation"] = "BUSINESS_PRICE"
    return product


def _item_proceeds(order: Order, item: Item) -> Json:
    breakdowns = []
    for kind, amount in totals(order, [item]).items():
        breakdown: Json = {"type": kind, "subtotal": _money(order, amount)}
        if kind in ("TAX", "DISCOUNT"):
            breakdown["detailedBreakdowns"] = [{"subtype": "ITEM", "value": _money(order, amount)}]
        breakdowns.append(breakdown)
    return {"proceedsTotal": _money(order, grand_total(order, [item])), "breakdowns": breakdowns}


def _cancellation(item: Item) -> Json:
    cancellation: Json = {}
    if item.cancellation_request:
        cancellation["cancellationRequest"] = {
            "requester": "BUYER",
            "cancelReason": item.cancellation_request,
        }
    if item.cancelled_by:
        execution = {"cancelledBy": item.cancelled_by, "cancelReason": item.cancel_reason}
        cancellation["cancellationExecution"] = _filled(execution)
    return cancellation


def _item_fulfillment(order: Order, item: Item) -> Json:
    fulfilled = order.fulfilled(item)
    still_open = 0 if item.cancelled_by else item.quantity - fulfilled
    fulfillment: Json = {"quantityFulfilled": fulfilled, "quantityUnfulfilled": still_open}
    if item.gift_message or item.gift_wrap_level:
        gift = _filled({"giftMessage": item.gift_message, "giftWrapLevel": item.gift_wrap_level})
        fulfillment["packing"] = {"giftOption": gift}
    return fulfillment


def _package(package: Package, now: datetime) -> Json:
    return {
        **_filled(
            {
                "packageReferenceId": package.reference_id,
                "carrier": package.carrier_name or package.carrier_code,
                "shippingService": package.shipping_method,
                "trackingNumber": package.tracking_number,
            }
        ),
        "createdTime": iso(package.created),
        "shipTime": iso(package.ship_date),
        "packageStatus": {"status": _package_state(package, now)},
        "packageItems": [
            {"orderItemId": item_id, "quantity": quantity} for item_id, quantity in package.quantities.items()
        ],
    }


def _package_state(package: Package, now: datetime) -> str:
    return "DELIVERED" if now >= package.created + DELIVERY_TIME else "SHIPPED"


def _window(window: tuple[datetime, datetime]) -> Json:
    return {"earliestDateTime": iso(window[0]), "latestDateTime": iso(window[1])}


def _money(order: Order, amount: Decimal) -> Json:
    return {"amount": f"{amount:.2f}", "currencyCode": order.marketplace.currency}


def _filled(values: dict[str, str]) -> Json:
    return {name: value for name, value in values.items() if value}
