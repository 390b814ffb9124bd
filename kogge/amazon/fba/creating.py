"""Having Amazon ship an order, exactly once: last look at stock and shop, row, request, answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import transaction

from kogge.amazon.catalog.finding import fba_offers
from kogge.amazon.connections.consequences import BACK_OFF
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import addresses, requests, stock
from kogge.amazon.fba.asking import Desk
from kogge.amazon.fba.ending import (
    MERCHANTS_DOING,
    Moved,
    ask_human,
    locked,
    note,
    put_down,
    stop,
    trouble_key,
)
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.journal.book import close_troubles
from kogge.engine.due import schedule
from kogge.engine.work import Work
from kogge.shops.port import OwnOrder
from kogge.spapi import fba_inventory_v1, fulfillment_outbound
from kogge.spapi.errors import AskHuman, FixSettings, Throttled, TryLater
from kogge.spapi.fulfillment_orders import FulfillmentOrder as AmazonsOrder
from kogge.spapi.fulfillment_orders import FulfillmentRequest, OrderRefused
from kogge.values import InvalidValue

FIRST_LOOK = timedelta(minutes=1)  # Amazon takes an order before it has looked at it

# How long a request whose answer was lost may still take effect at Amazon. A refusal of the same id before
# that proves nothing: it may be refused because it is there already, and not be shown yet.
LATE = timedelta(minutes=15)
_PLENTY = 10**9  # units, where Amazon leaves the figure out

UNCLEAR_AFTER = 4  # times it was asked without an answer; then a human is told

_SAYS_TAKEN = re.compile(r"exist|duplicate|already", re.IGNORECASE)

_CREATE = {"createFulfillmentOrder", "outboundCreateOrder"}

State = FulfillmentOrder.State


# --- the last look at Amazon's shelf ---------------------------------------------------------------


def batches(connection: Connection, work: Work) -> Iterator[list[FulfillmentOrder]]:
    """The orders whose cut-off window is over, in portions of which one question asks for all SKUs."""
    seen: set[int] = set()
    while True:
        rows = FulfillmentOrder.objects.everyone().filter(
            connection=connection, state=State.PLANNED, hand_over_at__lte=work.now
        )
        ready = rows.exclude(pk__in=seen).select_related("connection").prefetch_related("lines")
        batch = _portion(list(ready.order_by("hand_over_at", "pk")[: fba_inventory_v1.MOST_SKUS]))
        if not batch:
            return
        seen |= {order.pk for order in batch}
        yield batch


def with_enough(desk: Desk, batch: Sequence[FulfillmentOrder]) -> Iterator[FulfillmentOrder]:
    """Those of a batch for which enough lies at Amazon now, one after the other; the others come back.

    Amazon counts units on their way between its warehouses as orderable, and then the order hangs: so the
    preview alone is not enough (models#5260).
    """
    origin = batch[0].origin
    skus = sorted({line.sku for order in batch for line in order.lines.all()})
    left = _look(desk, origin, skus)
    for order in batch:
        units = _units(order)
        has_all = all(left[sku] >= wanted for sku, wanted in units.items())
        if has_all or (desk.settings.allow_partial and any(left[sku] >= 1 for sku in units)):
            left.subtract(units)
            yield order
        else:
            with suppress(Moved):
                _put_down(desk, order, "no_stock")


def _portion(orders: Sequence[FulfillmentOrder]) -> list[FulfillmentOrder]:
    """The first of them, of one origin, as long as their SKUs fit into one question."""
    portion: list[FulfillmentOrder] = []
    skus: set[str] = set()
    for order in orders:
        wanted = skus | set(_units(order))
        if portion and (len(wanted) > fba_inventory_v1.MOST_SKUS or order.origin != portion[0].origin):
            break
        portion.append(order)
        skus = wanted
    return portion


def _look(desk: Desk, origin: str, skus: Sequence[str]) -> Counter[str]:
    """What lies there now, and is kept. Where Amazon does not say, plenty does: the order itself decides."""
    started = desk.work.now
    found: dict[str, fba_inventory_v1.FbaStock] = {}
    for first in range(0, len(skus), fba_inventory_v1.MOST_SKUS):
        some = skus[first : first + fba_inventory_v1.MOST_SKUS]
        try:
            found |= fba_inventory_v1.stock_of(desk.client, origin, some, wait=stock.waiting(desk.work))
        except AskHuman:
            return Counter(dict.fromkeys(skus, _PLENTY))
    with transaction.atomic():
        stock.store_stock(desk.connection, found.values(), skus, now=started)
    unknown = fba_inventory_v1.FbaStock("", fulfillable=0)
    left: Counter[str] = Counter()
    for sku in skus:
        units = found.get(sku, unknown).fulfillable
        left[sku] = _PLENTY if units is None else units
    return left


def _units(order: FulfillmentOrder) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in order.lines.all():
        units[line.sku] += line.quantity
    return units


# --- asking ----------------------------------------------------------------------------------------


def send(desk: Desk, order: FulfillmentOrder) -> bool:
    """Hand one order over. False: it was put down, or Amazon refused it. Raises `TryLater`, `Moved`."""
    _ = desk.version  # probing asks Amazon, so it must not wait until the row is locked
    request = _claim(desk, order)
    return request is not None and _create(desk, order, request)


def take_up(desk: Desk, order: FulfillmentOrder) -> bool:
    """Amazon was asked, the answer never seen: look for the order, and ask again only if it is not there."""
    shop_order = desk.shop.own_order(order.shop_order_id)
    try:
        request = requests.request(order, shop_order, desk.settings) if shop_order else None
    except InvalidValue:
        request = None
    try:
        found = desk.ask_about(
            order, lambda version: fulfillment_outbound.find(desk.client, version, order.order_id)
        )
    except (TryLater, AskHuman) as error:
        _unknown(desk, order, str(error))
        if isinstance(error, TryLater):
            raise
        return False
    if found is not None:
        return _adopt(desk, order, found, request)
    if request is None:
        _unknown(desk, order, "the shop does not have the order any more")
        return False
    _move(desk, order, attempts=order.attempts + 1)
    return _create(desk, order, request)


def _claim(desk: Desk, order: FulfillmentOrder) -> FulfillmentRequest | None:
    """Decide, on the locked row, that Amazon is asked now: whoever edits the order has to ask us first."""
    with transaction.atomic():
        standing = locked(order, [State.PLANNED])
        if standing.hand_over_at > desk.work.now:
            raise Moved(order.order_id)
        shop_order = desk.shop.own_order(order.shop_order_id)
        reason, details = _why_not(order, shop_order)
        if not reason and shop_order is not None:
            try:
                request = requests.request(order, shop_order, desk.settings)
            except InvalidValue as error:
                reason, details = "other", {"message": str(error)}
        if not reason:
            _begin(desk, order)
            return request
    if reason == "cancelled":
        stop(desk.shop, order, reason, by="", now=desk.work.now)
    else:
        _put_down(desk, order, reason, details)
    return None


def _why_not(order: FulfillmentOrder, shop_order: OwnOrder | None) -> tuple[str, dict[str, object]]:
    if reason := requests.difference(order, shop_order):
        return reason, {}
    products = {line.product_id for line in requests.lines_of(order)}
    if fba_offers(order.merchant_id).filter(product_id__in=products).count() < len(products):
        return "fba_off", {}
    found = addresses.findings(shop_order.address) if shop_order else []
    return ("address", {"findings": found}) if addresses.stops(found) else ("", {})


def _begin(desk: Desk, order: FulfillmentOrder) -> None:
    now = desk.work.now
    _set(order, state=State.SENDING, version=desk.version, attempts=1, sent_at=now, not_before=None)
    note(order, "fulfillment_sent", now)
    desk.work.keep()


def _create(desk: Desk, order: FulfillmentOrder, request: FulfillmentRequest) -> bool:
    def ask(version: str) -> AmazonsOrder | None:
        if version != order.version:
            _move(desk, order, version=version)
        return fulfillment_outbound.create(desk.client, version, request)

    try:
        found = desk.ask(order, ask)
    except Throttled as error:
        # Amazon did not take the request, unless it was the look afterwards that has to wait.
        if error.operation in _CREATE:
            _not_sent(desk, order)
        else:
            _unknown(desk, order, str(error))
        raise
    except TryLater as error:
        _unknown(desk, order, str(error))
        raise
    except FixSettings:
        _not_sent(desk, order)
        raise
    except OrderRefused as refusal:
        _refused(desk, order, refusal)
        return False
    except AskHuman as error:
        _unknown(desk, order, str(error))  # the request was refused, and then the look as well
        return False
    if found is not None:
        return _adopt(desk, order, found, request)
    _accepted(desk, order)
    return True


# --- what came of it -------------------------------------------------------------------------------


def _adopt(
    desk: Desk, order: FulfillmentOrder, found: AmazonsOrder, request: FulfillmentRequest | None
) -> bool:
    """Amazon has an order of this id: ours, if it is what we asked for."""
    if request is None or found.holds(request):
        _accepted(desk, order)
        return True
    if not found.lines:
        _unknown(desk, order, "Amazon does not say yet what is in the order")
        return False
    _put_down(desk, order, "id_taken", kind="fulfillment_refused")
    return False


def _accepted(desk: Desk, order: FulfillmentOrder) -> None:
    now = desk.work.now
    with transaction.atomic():
        locked(order, [State.SENDING])
        _set(
            order,
            state=State.HANDED,
            accepted_at=now,
            not_before=None,
            last_error="",
            attempts=0,
            look_at=now + FIRST_LOOK,
        )
        note(order, "fulfillment_accepted", now)
        close_troubles(order.connection_id, [trouble_key(order, "fulfillment_unclear")], now=now)
        desk.work.keep()
        schedule("follow_fulfillment", order.connection_id, at=now + FIRST_LOOK)


def _not_sent(desk: Desk, order: FulfillmentOrder) -> None:
    """This request did not arrive. If it was the only one, the merchant may still change their mind."""
    if order.attempts <= 1:
        _move(desk, order, state=State.PLANNED, attempts=0, sent_at=None)
    else:
        _move(desk, order, attempts=order.attempts - 1)


def _unknown(desk: Desk, order: FulfillmentOrder, why: str) -> None:
    """It may have taken effect: nobody but Amazon can say, so it is asked again later."""
    now = desk.work.now
    pause = BACK_OFF[min(max(order.attempts, 1), len(BACK_OFF)) - 1]
    with transaction.atomic():
        locked(order, [State.SENDING])
        _set(order, not_before=now + pause, last_error=why)
        if order.attempts >= UNCLEAR_AFTER:
            ask_human(order, "fulfillment_unclear", now, {"case": "sending"})
        desk.work.keep()


def _refused(desk: Desk, order: FulfillmentOrder, refusal: OrderRefused) -> None:
    """Only a first request that is refused proves that nothing is there."""
    is_early = order.sent_at is not None and desk.work.now < order.sent_at + LATE
    if order.attempts > 1 and (is_early or _SAYS_TAKEN.search(refusal.message)):
        _unknown(desk, order, str(refusal))
        return
    _put_down(desk, order, refusal.reason, {"message": refusal.message}, kind="fulfillment_refused")


def _put_down(
    desk: Desk,
    order: FulfillmentOrder,
    reason: str,
    details: Mapping[str, object] | None = None,
    *,
    kind: str = "fulfillment_returned",
) -> None:
    now = desk.work.now
    state = State.STOPPED if reason in MERCHANTS_DOING else State.RETURNED
    with transaction.atomic():
        put_down(desk.shop, order, state, reason, details, now=now, kind=kind)
        close_troubles(order.connection_id, [trouble_key(order, "fulfillment_unclear")], now=now)
        desk.work.keep()


def _move(desk: Desk, order: FulfillmentOrder, **values: object) -> None:
    """Change a row that only we may change while it is being sent. Raises `Moved`."""
    with transaction.atomic():
        locked(order, [State.SENDING])
        _set(order, **values)
        desk.work.keep()


def _set(order: FulfillmentOrder, **values: object) -> None:
    for name, value in values.items():
        setattr(order, name, value)
    order.save(update_fields=list(values))
