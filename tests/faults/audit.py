"""What must hold once everything has come to rest, by Amazon's books and by the shop's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from defusedxml.ElementTree import fromstring
from django.db.models import F, Sum

from kogge.amazon.catalog.models import Offer
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, OrderLine, Product
from kogge.engine.models import Due
from tests.faults.merchant import Merchant
from tests.flows.conftest import Stage, total

STOCK = 100_000  # of each product, counted before the storm


def importable(stage: Stage) -> list[Any]:
    """What buyers bought at Amazon; Amazon lists the shop's own orders that it ships as well."""
    return [order for order in stage.amazon.orders if order.channel == "AMAZON"]


def is_at_rest(stage: Stage) -> bool:
    """Nothing is left to be told, and all that was bought has arrived."""
    placed = Order.objects.of(stage.merchant).filter(channel="amazon").count()
    return placed >= len(importable(stage)) and not _untold()


def complaints(stage: Stage, anna: Merchant, own_orders: set[int]) -> Iterator[str]:
    """Every broken promise, as a sentence."""
    bought = {order.order_id: order for order in importable(stage)}
    shop = Order.objects.of(stage.merchant).filter(channel="amazon")
    arrived = list(shop.prefetch_related("lines", "parcels__items"))
    yield from _once(bought, arrived)
    for order in arrived:
        if order.external_id in bought:
            yield from _alike(order, bought[order.external_id])
    yield from _clicks(arrived, anna)
    yield from _messages(stage)
    yield from _stock(stage)
    yield from _fulfilment(stage, own_orders)
    yield from _engine()
    yield from (f"Amazon holds against us: {word}" for word in stage.amazon.violations[:10])


def _once(bought: dict[str, Any], arrived: list[Any]) -> Iterator[str]:
    counted = Counter(order.external_id for order in arrived)
    yield from (f"{key} arrived {counted[key]} times" for key in bought if counted[key] != 1)
    yield from (f"{key} was never bought" for key in counted.keys() - bought.keys())


def _alike(order: Any, amazon: Any) -> Iterator[str]:
    name = f"order {order.number} ({order.external_id})"
    parts = sum((line.total for line in order.lines.all()), order.rounding)
    if order.total != total(amazon):
        yield f"{name}: {order.total} in the shop, {total(amazon)} at Amazon"
    if parts != order.total:
        yield f"{name}: its parts make {parts}, its total is {order.total}"
    told = Counter(event.what for event in amazon.timeline)
    is_cancelled = order.status == "cancelled"
    if is_cancelled != (amazon.status == "CANCELLED"):
        yield f"{name}: {order.status} in the shop, {amazon.status} at Amazon"
    if told["cancelled"] > 1 or told["acknowledged"] > 1:
        yield f"{name}: told more than once: {dict(told)}"
    if not is_cancelled and amazon.acknowledgement is None:
        yield f"{name}: never acknowledged"
    here = {
        str(parcel.number): (parcel.tracking_number, sum(item.quantity for item in parcel.items.all()))
        for parcel in order.parcels.all()
    }
    there = {
        package.reference_id: (package.tracking_number, sum(package.quantities.values()))
        for package in amazon.packages.values()
    }
    if here != there:
        yield f"{name}: parcels {here} in the shop, {there} at Amazon"
    if told["package_confirmed"] != len(there) or len(_parcels_told(amazon)) != len(there):
        yield f"{name}: parcels told in several ways: {_parcels_told(amazon)}"


def repeated(stage: Stage) -> int:
    """How often Amazon was told once more, in the same words, of a parcel it knew: an answer was lost."""
    events = [event for order in stage.amazon.orders for event in order.timeline]
    return sum(event.what == "package_changed" for event in events)


def _parcels_told(amazon: Any) -> set[str]:
    return {event.detail for event in amazon.timeline if event.what.startswith("package_")}


def _clicks(arrived: list[Any], anna: Merchant) -> Iterator[str]:
    known = {order.number: order for order in arrived}
    for number, sent in anna.shipped.items():
        parcels = Counter(parcel.tracking_number for parcel in known[number].parcels.all())
        for tracking, is_sure in sent.items():
            if parcels[tracking] > 1 or (is_sure and not parcels[tracking]):
                yield f"order {number}: {tracking} was {'surely' if is_sure else 'perhaps'} sent; {parcels}"
        if unknown := parcels.keys() - sent.keys():
            yield f"order {number}: nobody sent {unknown}"
    for number, is_sure in anna.cancelled.items():
        if is_sure and known[number].status != "cancelled":
            yield f"order {number}: the page said it is cancelled; it is {known[number].status}"


def _messages(stage: Stage) -> Iterator[str]:
    """What the feeds said to Amazon: one word of a kind on each order, whatever was killed around it."""
    words: Counter[tuple[str, str]] = Counter()
    for feed in stage.amazon.feeds:
        if feed.feed_type == "POST_ORDER_ACKNOWLEDGEMENT_DATA":
            root = fromstring(stage.amazon.world.documents[feed.document_id].content or b"")
            for word in root.iter("OrderAcknowledgement"):
                words[word.findtext("AmazonOrderID") or "", word.findtext("StatusCode") or ""] += 1
    yield from (f"{order}: told {word} {times} times" for (order, word), times in words.items() if times > 1)


def _stock(stage: Stage) -> Iterator[str]:
    yield from ledger.audit(stage.merchant.pk)
    lines = OrderLine.objects.of(stage.merchant).filter(order__channel="amazon")
    sold = dict(
        lines.exclude(order__status="cancelled")
        .order_by()
        .values_list("product_id")
        .annotate(Sum("quantity"))
    )
    offered = set(Offer.objects.of(stage.merchant).filter(fba=False).values_list("sku", flat=True))
    for product in Product.objects.of(stage.merchant).exclude(code__startswith="MATE"):
        gone = sold.get(product.pk, 0)
        if product.stock != STOCK - gone or product.reserved or product.stock < 0:
            yield f"{product.code}: {product.stock} left, {gone} sold, {product.reserved} reserved"
        if product.code in offered and stage.amazon_listing(product.code).stock != product.stock:
            shown = stage.amazon_listing(product.code).stock
            yield f"{product.code}: Amazon offers {shown}, the shop has {product.stock}"
    if sum(sold.values()) == 0:
        yield "nothing was sold"


def _fulfilment(stage: Stage, own_orders: set[int]) -> Iterator[str]:
    from kogge.amazon.fba.models import FulfillmentOrder

    ours = FulfillmentOrder.objects.of(stage.merchant)
    handed = Counter(ours.values_list("shop_order_id", flat=True))
    known = Counter(order.order_id for order in stage.amazon.fulfilment_orders)
    for number in sorted(own_orders):
        if handed[str(number)] != 1:
            yield f"own order {number}: {handed[str(number)]} fulfilment orders"
    if set(known) != set(ours.values_list("order_id", flat=True)) or max(known.values(), default=1) > 1:
        yield f"Amazon ships {len(known)} orders, the shop knows of {ours.count()}"


def _engine() -> Iterator[str]:
    if leased := list(Due.objects.filter(leased_until__isnull=False).values_list("operation", "leased_by")):
        yield f"leases that nobody gave back: {leased}"
    if parked := list(Due.objects.filter(parked_at__isnull=False).values_list("operation", "last_error")):
        yield f"dead letters: {parked}"
    yield from (f"not told: {act}" for act in _untold()[:5])


def _untold() -> list[str]:
    found = []
    for model in (OrderMessage, ShipmentConfirmation):
        rows = model.objects.everyone().filter(state__in=("waiting", "sending", "rejected"))
        found += [
            f"{model.__name__} {pk} {state} {error}"
            for pk, state, error in rows.annotate(word=F("last_error")).values_list("pk", "state", "word")
        ]
    return found
