"""What Amazon says beforehand it would do with a fulfilment order, kept to be shown on the order's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import msgspec
from django.db import transaction

from kogge.amazon.fba import requests
from kogge.amazon.fba.asking import Desk
from kogge.amazon.fba.ending import locked, note, put_down
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.spapi import fulfillment_outbound
from kogge.spapi.errors import AskHuman, Throttled, TryLater
from kogge.spapi.fulfillment_orders import (
    Consignment,
    Obstacle,
    Preview,
    Speed,
    blocks,
    reason_of,
    without_person,
)
from kogge.values import Address, InvalidValue

PAUSE = timedelta(minutes=2)  # before Amazon is asked again; the order does not wait for it

State = FulfillmentOrder.State


class ForeseenFee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fee by Amazon's name for it. `amount` is None when Amazon's figure is not money."""

    name: str
    amount: Decimal | None = None
    currency: str = ""


class ForeseenObstacle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something in the way: a reason of words.py, and Amazon's own words."""

    reason: str
    message: str = ""
    sku: str = ""


class Foresight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A preview as it is stored. Times are estimates, nothing is promised; empty where Amazon is silent."""

    speed: str
    is_possible: bool
    parcels: int = 0
    fees: tuple[ForeseenFee, ...] = ()
    total: Decimal | None = None
    currency: str = ""
    leaves_from: datetime | None = None
    leaves_to: datetime | None = None
    arrives_from: datetime | None = None
    arrives_to: datetime | None = None
    obstacles: tuple[ForeseenObstacle, ...] = ()
    missing: tuple[tuple[str, int], ...] = ()  # units by SKU that Amazon does not plan to send


def foresight_of(order: FulfillmentOrder) -> Foresight | None:
    """What Amazon said it would do; None until it was asked."""
    if order.preview_json is None:
        return None
    return msgspec.convert(order.preview_json, Foresight)


def preview(desk: Desk, order: FulfillmentOrder) -> bool:
    """Ask what Amazon would do with a planned order, and keep it. What cannot be comes back at once.

    False: it came back, or is not what was planned any more. Raises `TryLater`, `Moved`.
    """
    shop_order = desk.shop.own_order(order.shop_order_id)
    if shop_order is None or requests.difference(order, shop_order):
        _put_off(desk, order)  # the last look before it is sent decides what becomes of it
        return False
    try:
        consignment = requests.consignment(order, shop_order, desk.settings)
        answer = _without_person(_ask(desk, order, consignment), shop_order.address)
    except InvalidValue as error:
        _put_down(desk, order, "other", str(error))
        return False
    except AskHuman as refusal:
        return _refused(desk, order, refusal)
    except Throttled:
        raise
    except TryLater:
        _put_off(desk, order)
        raise
    _keep(desk, order, foresight(answer))
    if why := why_impossible(answer, allow_partial=desk.settings.allow_partial):
        _put_down(desk, order, *why)
        return False
    return True


def why_impossible(preview: Preview, *, allow_partial: bool) -> tuple[str, str] | None:
    """Reason and Amazon's words when this cannot become an order; None when it may be tried.

    An obstacle whose code is not known to make an order impossible leaves the decision to Amazon.
    """
    blocking = [each for each in preview.obstacles if blocks(each) and not (each.sku and allow_partial)]
    if blocking:
        return blocking[0].reason, blocking[0].message
    if preview.missing and not (allow_partial and preview.shipments):
        return "no_stock", ""
    return None


def foresight(preview: Preview) -> Foresight:
    """Amazon's answer as it is kept."""
    leaves = [shipment.leaves for shipment in preview.shipments]
    arrives = [shipment.arrives for shipment in preview.shipments]
    return Foresight(
        speed=preview.speed,
        is_possible=preview.is_fulfillable,
        parcels=len(preview.shipments),
        fees=tuple(
            ForeseenFee(
                name=fee.name,
                amount=fee.amount.amount if fee.amount else None,
                currency=fee.amount.currency if fee.amount else "",
            )
            for fee in preview.fees
        ),
        total=preview.total.amount if preview.total else None,
        currency=preview.total.currency if preview.total else "",
        leaves_from=min((one.earliest for one in leaves if one.earliest), default=None),
        leaves_to=max((one.latest for one in leaves if one.latest), default=None),
        arrives_from=min((one.earliest for one in arrives if one.earliest), default=None),
        arrives_to=max((one.latest for one in arrives if one.latest), default=None),
        obstacles=tuple(map(_obstacle, preview.obstacles)),
        missing=preview.missing,
    )


def _ask(desk: Desk, order: FulfillmentOrder, consignment: Consignment) -> Preview:
    speed = cast("Speed", order.speed)
    answers = desk.ask(
        order, lambda version: fulfillment_outbound.preview(desk.client, version, consignment, (speed,))
    )
    return answers[0] if answers else Preview(speed=speed, is_fulfillable=False)


def _without_person(answer: Preview, address: Address) -> Preview:
    obstacles = (
        replace(obstacle, message=without_person(obstacle.message, address)) for obstacle in answer.obstacles
    )
    return replace(answer, obstacles=tuple(obstacles))


def _refused(desk: Desk, order: FulfillmentOrder, refusal: AskHuman) -> bool:
    """Amazon refuses the question itself. Where its words tell why, the order would be refused as well."""
    reason = reason_of(refusal.code, refusal.message)
    obstacle = ForeseenObstacle(reason=reason, message=refusal.message)
    _keep(desk, order, Foresight(speed=order.speed, is_possible=False, obstacles=(obstacle,)))
    if reason != "other":
        _put_down(desk, order, reason, refusal.message)
    return False


def _keep(desk: Desk, order: FulfillmentOrder, found: Foresight) -> None:
    now = desk.work.now
    with transaction.atomic():
        locked(order, [State.PLANNED])
        order.preview_json, order.previewed_at = msgspec.to_builtins(found), now
        order.leaves_at, order.arrives_at = found.leaves_to, found.arrives_to
        order.not_before = None
        order.save(update_fields=["preview_json", "previewed_at", "leaves_at", "arrives_at", "not_before"])
        note(order, "fulfillment_previewed", now, total=str(found.total or ""), currency=found.currency)
        desk.work.keep()


def _put_off(desk: Desk, order: FulfillmentOrder) -> None:
    rows = FulfillmentOrder.objects.everyone().filter(pk=order.pk, state=State.PLANNED)
    rows.update(not_before=desk.work.now + PAUSE)


def _put_down(desk: Desk, order: FulfillmentOrder, reason: str, message: str) -> None:
    details: dict[str, object] = {"message": message} if message else {}
    with transaction.atomic():
        put_down(desk.shop, order, State.RETURNED, reason, details, now=desk.work.now)
        desk.work.keep()


def _obstacle(obstacle: Obstacle) -> ForeseenObstacle:
    return ForeseenObstacle(reason=obstacle.reason, message=obstacle.message, sku=obstacle.sku)
