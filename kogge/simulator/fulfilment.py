"""Multi-Channel Fulfillment: Amazon ships from its warehouses what a shop has sold.

How the orders live on the virtual clock, and what happens to the units meanwhile. A version of the API only
reads requests and writes answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from kogge.simulator.fulfilment_orders import (
    CANCELLABLE,
    CANCELLED,
    COMPLETE,
    COMPLETE_PARTIALLED,
    FILL_ALL,
    FILL_OR_KILL,
    HOLD,
    INVALID,
    NEW,
    PLANNING,
    PROCESSING,
    RECEIVED,
    SHIP,
    UNFULFILLABLE,
    FulfilmentLine,
    FulfilmentOrder,
    Parcel,
    Shipment,
)
from kogge.simulator.fulfilment_rules import REQUIRED, check_new, divided, transit, until_shipped
from kogge.simulator.marketplaces import BY_COUNTRY
from kogge.simulator.wire import Refusal
from kogge.simulator.world import (
    AMAZON_LOGISTICS,
    PARTIALLY_SHIPPED,
    SHIPPED,
    UNSHIPPED,
    Account,
    Event,
    Item,
    Order,
    World,
)

LONGEST_HOLD = timedelta(days=14)
LONGEST_FILLING = timedelta(hours=24)
"""How long `FILL_ALL` waits for units that are not there."""
UNITS_IN_A_PARCEL = 10

_FACILITIES = ("LEJ1", "DUS2", "HAM2", "BER3")


def create(world: World, account: Account, order: FulfilmentOrder, *, is_accepted: bool = False) -> None:
    """Take an order and reserve its units."""
    check_new(world, account, order, is_accepted=is_accepted)
    settings = world.settings
    if settings.stock_gone_before_create:
        for sku in {line.sku for line in order.lines} & account.fba_stock.keys():
            account.move_fba_stock(sku, -account.fba_stock[sku], order.received)
    if settings.refuse_without_stock and (short := divided(account, order.lines)[1]):
        raise Refusal(400, "InvalidInput", f"There is not enough inventory for Item Id: {min(short)}.")
    if settings.fulfilment_placed_in:
        order.marketplace = BY_COUNTRY[settings.fulfilment_placed_in]
    order.stuck_in = settings.new_fulfilments_stuck_in
    order.fate = settings.new_fulfilments_fate
    if any(line.sku not in account.fba_stock for line in order.lines):
        order.fate, order.reason = "INVALID", "SKU"
    else:
        _reserve(account, order, order.received)
    order.promised_ship = order.received + until_shipped(world)
    order.promised_arrival = order.promised_ship + transit(world, order.speed)
    account.fulfilment_orders[order.order_id] = order
    world.open_fulfilment.append(order)
    if settings.fulfilment_echo:
        _echo(world, account, order)
    proceed(world)


def cancel(world: World, order: FulfilmentOrder) -> None:
    """Stop an order that nobody has begun to pick."""
    if order.status not in CANCELLABLE:
        # It may have gone on since the client last looked: no fault of the client.
        raise Refusal(400, "InvalidInput", f"An order in status {order.status} cannot be cancelled")
    if not world.settings.fulfilment_cancels_lost:
        _cancel(world, order, world.now(), "SELLER")


def release(world: World, order: FulfilmentOrder, action: str) -> None:
    """Let a held order go, or leave it on hold."""
    if order.action != HOLD or order.status not in CANCELLABLE:
        raise Refusal(400, "InvalidInput", "The order is not on hold")
    if action == SHIP:
        order.action = SHIP
        order.counted_from = world.now()
        proceed(world)


def proceed(world: World) -> None:
    """Let all orders get as far as the clock allows."""
    now = world.now()
    for order in world.open_fulfilment:
        while order.is_open and order.stuck_in != order.status and _STEPS[order.status](world, order, now):
            pass
    world.open_fulfilment = [order for order in world.open_fulfilment if order.is_open]
    world.fulfilment_seen = now


def go_on(world: World, order: FulfilmentOrder) -> None:
    """Let an order take its next step now, whatever has kept it."""
    if not order.is_open:
        return
    now = world.now()
    order.stuck_in, order.action = "", SHIP
    order.counted_from = min(order.counted_from, now - _stay(world, order))
    for shipment in [each for each in order.shipments if not each.is_shipped][:1]:
        shipment.arrives_at -= shipment.ships_at - now
        shipment.ships_at = now
        for parcel in shipment.parcels:
            parcel.tracked_from = min(parcel.tracked_from, now)
    proceed(world)


def _stay(world: World, order: FulfilmentOrder) -> timedelta:
    """How long an order is to be in the status it is in."""
    settings = world.settings
    seconds = {
        NEW: settings.fulfilment_new_s,
        RECEIVED: settings.fulfilment_received_s,
        PLANNING: settings.fulfilment_planning_s,
        PROCESSING: settings.fulfilment_processing_s,
    }
    return timedelta(seconds=seconds[order.status])


def _moment(world: World, order: FulfilmentOrder) -> datetime:
    """When the stay ends. A client that lists what has changed must never find a change in the past."""
    return max(order.counted_from + _stay(world, order), world.fulfilment_seen)


def _new(world: World, order: FulfilmentOrder, now: datetime) -> bool:
    if (at := _moment(world, order)) > now:
        return False
    order.become(RECEIVED, at)
    world.notices.fulfilment_changed(order)
    return True


def _received(world: World, order: FulfilmentOrder, now: datetime) -> bool:
    if order.action == HOLD:
        end = order.received + LONGEST_HOLD
        if now < end:
            return False
        _cancel(world, order, max(end, world.fulfilment_seen), "HOLD")
    elif (at := _moment(world, order)) > now:
        return False
    elif order.fate == "INVALID" or _is_undeliverable(world, order):
        _end(world, order, INVALID, at, order.reason or "ADDRESS")
    else:
        order.become(PLANNING, at)
        world.notices.fulfilment_changed(order)
    return True


def _is_undeliverable(world: World, order: FulfilmentOrder) -> bool:
    return order.address["postalCode"] in world.settings.undeliverable_postal_codes


def _planning(world: World, order: FulfilmentOrder, now: datetime) -> bool:
    """Find the units. What is in transfer is waited for without end."""
    at = now if order.is_waiting else _moment(world, order)
    if at > now:
        return False
    account = world.accounts[order.seller_id]
    if order.fate == "UNFULFILLABLE":
        _end(world, order, UNFULFILLABLE, at, "STOCK")
        return True
    _reserve(account, order, at)
    short = [line for line in order.lines if line.missing]
    if any(account.elsewhere(line.sku).in_transfer for line in short) or (
        short and order.policy == FILL_ALL and now < order.received + LONGEST_FILLING
    ):
        order.is_waiting = True
        return False
    if short and (order.policy == FILL_OR_KILL or not any(line.reserved for line in order.lines)):
        _end(world, order, UNFULFILLABLE, at, "STOCK")
        return True
    for line in short:
        line.unfulfillable += line.missing
    order.become(PROCESSING, at)
    _pack(world, order)
    world.notices.fulfilment_changed(order)
    return True


def _processing(world: World, order: FulfilmentOrder, now: datetime) -> bool:
    """Shipments leave as they become ready; after the last one the order is done."""
    waiting = [shipment for shipment in order.shipments if not shipment.is_shipped]
    if waiting:
        first = min(waiting, key=lambda shipment: shipment.ships_at)
        at = max(first.ships_at, world.fulfilment_seen)
        if at > now:
            return False
        _send(world, order, first, at)
        if len(waiting) > 1:
            return True
    elif (at := _moment(world, order)) > now:
        return False
    if not any(line.shipped for line in order.lines):
        _end(world, order, UNFULFILLABLE, at, "STOCK")
    elif any(line.shipped < line.quantity for line in order.lines):
        _end(world, order, COMPLETE_PARTIALLED, at, "STOCK")
    else:
        _end(world, order, COMPLETE, at)
    return True


_STEPS = {NEW: _new, RECEIVED: _received, PLANNING: _planning, PROCESSING: _processing}


def _reserve(account: Account, order: FulfilmentOrder, at: datetime) -> None:
    for line in order.lines:
        taken = min(line.missing, account.fba_stock.get(line.sku, 0))
        if taken > 0:
            account.move_fba_stock(line.sku, -taken, at)
            line.reserved += taken


def _pack(world: World, order: FulfilmentOrder) -> None:
    """Plan the shipments. Units that cannot be found are missing from now on."""
    if order.fate == "PARTIAL" and not any(line.lost for line in order.lines):
        order.lines[-1].lost = 1
    for line in order.lines:
        lost = min(line.lost, line.reserved)
        line.reserved -= lost
        line.unfulfillable += lost
    found = [line for line in order.lines if line.reserved]
    loads = [[line] for line in found] if world.settings.fulfilment_split else [found] if found else []
    pause = timedelta(seconds=world.settings.fulfilment_processing_s)
    for index, load in enumerate(loads):
        ships_at = order.since + pause * (index + 1)
        number = world.number()
        order.shipments.append(
            Shipment(
                shipment_id=f"Uk{number:08d}",
                facility=_FACILITIES[index % len(_FACILITIES)],
                ships_at=ships_at,
                arrives_at=ships_at + transit(world, order.speed),
                parcels=[_parcel(world, order, ships_at, box) for box in _boxes(load)],
            )
        )


def _boxes(lines: list[FulfilmentLine]) -> Iterator[dict[str, int]]:
    """The units in parcels of at most ten."""
    box: dict[str, int] = {}
    room = UNITS_IN_A_PARCEL
    for line in lines:
        left = line.reserved
        while left:
            taken = min(left, room)
            box[line.line_id] = taken
            left, room = left - taken, room - taken
            if not room:
                yield box
                box, room = {}, UNITS_IN_A_PARCEL
    if box:
        yield box


def _parcel(world: World, order: FulfilmentOrder, ships_at: datetime, box: dict[str, int]) -> Parcel:
    number = world.number()
    carriers = world.settings.fulfilment_carriers
    if order.features.get("BLOCK_AMZL") == REQUIRED:
        carriers = tuple(carrier for carrier in carriers if carrier != AMAZON_LOGISTICS) or ("DHL",)
    carrier = carriers[number % len(carriers)]
    own = f"DE{4_000_000_000 + number}"
    return Parcel(
        number=340_000_000 + number,
        carrier=carrier,
        tracking_number=own if carrier == AMAZON_LOGISTICS else f"0034043416109{4_000_000 + number:07d}",
        amazon_tracking_number=own,
        tracked_from=ships_at + timedelta(seconds=world.settings.fulfilment_tracking_delay_s),
        quantities=box,
    )


def _send(world: World, order: FulfilmentOrder, shipment: Shipment, at: datetime) -> None:
    shipment.is_shipped, shipment.ships_at = True, at
    account = world.accounts[order.seller_id]
    for _, line_id, quantity in shipment.quantities():
        line = order.line(line_id)
        line.reserved -= quantity
        line.shipped += quantity
        account.move_fba_stock(line.sku, 0, at)
    _update_echo(world, order, at)
    world.notices.fulfilment_changed(order)


def _cancel(world: World, order: FulfilmentOrder, at: datetime, reason: str) -> None:
    for line in order.lines:
        line.cancelled = line.quantity
    _end(world, order, CANCELLED, at, reason)


def _end(world: World, order: FulfilmentOrder, status: str, at: datetime, reason: str = "") -> None:
    """A last status. What is still reserved goes back onto the shelves."""
    account = world.accounts[order.seller_id]
    for line in order.lines:
        if line.reserved:
            account.move_fba_stock(line.sku, line.reserved, at)
            line.reserved = 0
        if status in (UNFULFILLABLE, INVALID):
            line.unfulfillable = line.quantity
    order.become(status, at, reason)
    _update_echo(world, order, at)
    world.notices.fulfilment_changed(order)


def whereabouts(order: FulfilmentOrder, shipment: Shipment, now: datetime) -> str:
    """Of a shipment's parcels, in words that both versions know: the last hours are the delivery's."""
    if not shipment.is_shipped:
        return "PROCESSING"
    if order.mishap:
        return order.mishap
    if now >= shipment.arrives_at:
        return "DELIVERED"
    way = shipment.arrives_at - shipment.ships_at
    return "OUT_FOR_DELIVERY" if now >= shipment.arrives_at - way / 8 else "IN_TRANSIT"


def _echo(world: World, account: Account, order: FulfilmentOrder) -> None:
    """Amazon's order list shows what it ships for a shop as well, as sold on the channel NON_AMAZON."""
    number = world.number()
    order.echo_id = f"S02-{number % 10**7:07d}-{number * 7919 % 10**7:07d}"
    items = [_echoed(world, account, line) for line in order.lines]
    account.orders[order.echo_id] = Order(
        order_id=order.echo_id,
        seller_id=account.seller_id,
        marketplace=order.marketplace,
        created=order.received,
        updated=order.received,
        status=UNSHIPPED,
        items=items,
        fulfilled_by="AMAZON",
        channel="NON_AMAZON",
        timeline=[Event(order.received, "placed", order.order_id)],
    )


def _echoed(world: World, account: Account, line: FulfilmentLine) -> Item:
    listing = account.listings.get(line.sku)
    return Item(
        item_id=str(40_500_000_000_000 + world.number()),
        asin=listing.asin if listing else "",
        sku=line.sku,
        title=listing.title if listing else line.sku,
        quantity=line.quantity,
        unit_price=Decimal("0.00"),
    )


def _update_echo(world: World, order: FulfilmentOrder, at: datetime) -> None:
    echo = world.accounts[order.seller_id].orders.get(order.echo_id)
    if echo is None:
        return
    for item, line in zip(echo.items, order.lines, strict=True):
        item.fulfilled_elsewhere = line.shipped
    if order.status == CANCELLED:
        echo.cancel("MERCHANT", order.order_id, at)
    elif order.status in (UNFULFILLABLE, INVALID):
        echo.status = UNFULFILLABLE
        echo.touch(at, "status_changed", echo.status)
    else:
        echo.status = PARTIALLY_SHIPPED if order.is_open else SHIPPED
        echo.touch(at, "shipped_elsewhere", order.order_id)
