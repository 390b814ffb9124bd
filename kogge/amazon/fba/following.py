"""How far Amazon is with the shop orders it ships: states, parcels and tracking into the shop.

Each order is asked for by itself: a new tracking number counts as no change at Amazon, so no list of changes
would tell it. One order that cannot be read never keeps the others from being looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet

from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client, next_turn
from kogge.amazon.connections.consequences import Failures, amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import alarms, parcels, settling
from kogge.amazon.fba.asking import Desk
from kogge.amazon.fba.ending import note
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder, FulfillmentPackage
from kogge.amazon.fba.parcels import Books
from kogge.engine.work import Outcome, Work
from kogge.shops.port import Shop, ShopRefuses, ShopUnavailable
from kogge.spapi import fulfillment_orders as amazon
from kogge.spapi import fulfillment_outbound as outbound
from kogge.spapi.errors import AskHuman, NotFound, Throttled, TryLater

FIRST_LOOKS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15))  # after Amazon took the order
LOOK_EVERY = timedelta(minutes=25)  # tracking is in the shop within half an hour
LOOK_AT_THE_WAY = timedelta(hours=6)
LONGEST_WAY = timedelta(days=14)
AFTER_A_FAILURE = timedelta(minutes=5)
WHEN_THE_SHOP_REFUSES = timedelta(hours=6)
SAFETY_NET = timedelta(hours=1)
NOTHING_TO_FOLLOW = timedelta(hours=6)  # an order Amazon took schedules its first look, in its transaction

State = FulfillmentOrder.State

_STORED = (
    "state",
    "reason",
    "amazon_status",
    "picking_begun",
    "received_at",
    "status_changed_at",
    "leaves_at",
    "arrives_at",
    "looked_at",
    "looks",
    "look_at",
    "last_error",
    "finished_at",
    "wish",
)


class _Changed(Exception):
    """Somebody else changed the order while Amazon was asked: it is looked at again."""


@amazon_operation
def follow_fulfillment(connection: Connection, work: Work) -> Outcome:
    """Look at every fulfilment order whose time has come."""
    ready = _waiting(connection).filter(look_at__lte=work.now).order_by("look_at", "pk")
    keys = list(ready.values_list("pk", flat=True))
    done = 0
    if keys:
        with amazon_client(connection, work.clock, work.rank) as client:
            try:
                done = _follow(Desk(connection, client, work), keys)
            except ShopUnavailable as error:
                return Outcome(work.now + AFTER_A_FAILURE, error=str(error))
    return Outcome(_next(connection, work.now), done=done, failed=len(keys) - done)


def take_in(shop: Shop, key: int, told: amazon.FulfillmentOrder, *, work: Work) -> None:
    """Store what Amazon answered about a fulfilment order, and let the shop follow. Not inside a transaction.

    The shop comes first, then the rows: whoever changed them meanwhile wins, and nothing is stored.
    """
    with transaction.atomic():
        order = FulfillmentOrder.objects.everyone().select_related("connection").get(pk=key)
        books, seen = Books.of(order), _version(order)
        counted = {line.pk: (line.shipped, line.returned) for line in books.lines}
        now = work.now
        _note_state(order, told, now)
        new = parcels.record(shop, books, told, now=now)
        ending = settling.ending(shop, books, told, now=now) if order.state == State.HANDED else None
        _lock(order, seen)
        _store_parcels(books, counted, new, now)
        if ending is not None:
            settling.settle(shop, books, ending, now=now)
        order.looks, order.looked_at, order.last_error = order.looks + 1, now, ""
        order.look_at = next_look(books, now)
        alarms.judge(books, told, now=now)
        order.save(update_fields=_STORED)
        if ending is not None:
            settling.go_on(order, ending, now=now)
        work.keep()


def next_look(books: Books, now: datetime) -> datetime | None:
    """When Amazon is to be asked again; None when there is nothing more to hear."""
    order = books.order
    if order.finished_at is None:
        first = (order.accepted_at + after for after in FIRST_LOOKS) if order.accepted_at else ()
        return min([now + LOOK_EVERY, *(moment for moment in first if moment > now)])
    is_way_over = all(package.status in parcels.AT_THE_END for package in books.packages.values())
    if is_way_over or now >= order.finished_at + LONGEST_WAY:
        return None
    is_tracked = all(package.tracking_number for package in books.packages.values())
    return now + (LOOK_AT_THE_WAY if is_tracked else LOOK_EVERY)


def _follow(desk: Desk, keys: Sequence[int]) -> int:
    """How many orders were read. Raises `TryLater` when it is Amazon that fails, not an order."""
    work, failures = desk.work, Failures()
    done = 0
    for key in keys:
        work.keep()
        try:
            done += _follow_one(desk, key)
            failures.over()
        except Throttled:
            raise
        except TryLater as error:
            _not_read(key, error, work.now)
            failures.met(error)
    return done


def _follow_one(desk: Desk, key: int) -> bool:
    """Whether the order was read. Raises `TryLater`, `ShopUnavailable`."""
    order = FulfillmentOrder.objects.everyone().prefetch_related("packages").get(pk=key)
    work = desk.work
    try:
        told = desk.ask_about(order, lambda version: _look(desk.client, version, order))
        take_in(desk.shop, key, told, work=work)
    except NotFound:
        _missing(order, work)
        return False
    except AskHuman as error:
        _not_read(key, error, work.now)
        return False
    except ShopRefuses as error:
        _shop_refuses(order, error, work.now)
        return False
    except _Changed:
        return False  # its time is still there: the next run looks at it
    return True


def _look(client: ConnectedAmazon, version: str, order: FulfillmentOrder) -> amazon.FulfillmentOrder:
    """The order as Amazon tells it, with its parcels' way (which costs the older version a call each)."""
    told = outbound.get(client, version, order.order_id)
    if version != outbound.OLDER:
        return told
    shipments = [
        replace(shipment, packages=tuple(_tracked(client, order, shipment)))
        if shipment.is_shipped
        else shipment
        for shipment in told.shipments
    ]
    return replace(told, shipments=tuple(shipments))


def _tracked(
    client: ConnectedAmazon, order: FulfillmentOrder, shipment: amazon.OutboundShipment
) -> Iterator[amazon.OutboundPackage]:
    """A parcel's way is worth less than its number: what cannot be read now is read the next time."""
    known = {package.key: package.status for package in order.packages.all()}
    for package in shipment.packages:
        if known.get(parcels.key_of(shipment, package.package_id)) in parcels.AT_THE_END:
            yield package
            continue
        try:
            yield outbound.tracked(client, outbound.OLDER, package)
        except (TryLater, AskHuman):
            yield package


def _note_state(order: FulfillmentOrder, told: amazon.FulfillmentOrder, now: datetime) -> None:
    is_new = told.status != order.amazon_status
    order.amazon_status = told.status[:40]
    order.picking_begun = told.picking_begun
    order.received_at = told.received_at or order.received_at
    if is_new or told.status_changed_at:
        order.status_changed_at = told.status_changed_at or now
    leaves = [line.leaves_at for line in told.lines if line.leaves_at]
    arrives = [line.arrives_at for line in told.lines if line.arrives_at]
    arrives += [shipment.arrives_at for shipment in told.shipments if shipment.arrives_at]
    order.leaves_at = max(leaves, default=order.leaves_at)
    order.arrives_at = max(arrives, default=order.arrives_at)
    if is_new and order.amazon_status:
        note(order, "fulfillment_status", now, status=order.amazon_status)


def _version(order: FulfillmentOrder) -> tuple[object, ...]:
    """What nobody else may have changed meanwhile."""
    return order.state, order.looks, order.look_at, order.wish, order.wish_reason, order.wished_at


def _lock(order: FulfillmentOrder, seen: tuple[object, ...]) -> None:
    rows = FulfillmentOrder.objects.everyone().filter(pk=order.pk).select_for_update()
    if _version(rows.get()) != seen:
        raise _Changed(order.order_id)


def _store_parcels(
    books: Books,
    counted: Mapping[int, tuple[int, int]],
    new: list[FulfillmentPackage],
    now: datetime,
) -> None:
    for package in books.packages.values():
        package.save()
    for line in books.lines:
        shipped, returned = counted[line.pk]
        if line.shipped != shipped:
            row = FulfillmentLine.objects.everyone().filter(pk=line.pk, shipped=shipped, returned=returned)
            if not row.update(shipped=line.shipped):
                raise _Changed(books.order.order_id)
    for package in new:
        number = package.tracking_number
        note(books.order, "fulfillment_parcel", now, carrier=package.carrier, tracking_number=number)


def _missing(order: FulfillmentOrder, work: Work) -> None:
    """Amazon knows no such order (yet). It is never created anew by itself: it could ship twice."""
    with transaction.atomic():
        alarms.missing(order, now=work.now)
        _look_again(order.pk, work.now + (LOOK_EVERY if order.looks > len(FIRST_LOOKS) else AFTER_A_FAILURE))
        work.keep()


def _not_read(key: int, error: TryLater | AskHuman, now: datetime) -> None:
    with transaction.atomic():
        order = FulfillmentOrder.objects.everyone().get(pk=key)
        alarms.unreadable(order, str(error), now=now)
        rows = FulfillmentOrder.objects.everyone().filter(pk=key)
        rows.update(last_error=str(error))
        wait = max(AFTER_A_FAILURE, timedelta(seconds=getattr(error, "retry_after", None) or 0))
        _look_again(key, now + wait)


def _shop_refuses(order: FulfillmentOrder, error: ShopRefuses, now: datetime) -> None:
    with transaction.atomic():
        alarms.shop_refuses(order, str(error), now=now)
        _look_again(order.pk, now + WHEN_THE_SHOP_REFUSES)


def _look_again(key: int, at: datetime) -> None:
    rows = FulfillmentOrder.objects.everyone().filter(pk=key, look_at__isnull=False)
    rows.update(look_at=at)


def _waiting(connection: Connection) -> QuerySet[FulfillmentOrder]:
    return FulfillmentOrder.objects.everyone().filter(connection=connection, look_at__isnull=False)


def _next(connection: Connection, now: datetime) -> datetime:
    first: datetime | None = _waiting(connection).aggregate(at=Min("look_at"))["at"]
    if first is None:
        return next_turn(connection.pk, "follow_fulfillment", NOTHING_TO_FOLLOW, now)
    return min(first, now + SAFETY_NET)
