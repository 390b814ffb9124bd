"""Telling Amazon, and so the buyer, that a parcel left: the most urgent first, within seconds of the click.

A parcel's number is the shop's parcel counter, so telling it again is an edit of the same parcel.
Therefore every failure may simply be repeated (reference 8).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client, next_turn
from kogge.amazon.connections.carriers import carrier_at_amazon, is_mapped
from kogge.amazon.connections.consequences import BACK_OFF, Failures, amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Entry, close_troubles, open_trouble, record
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import intake
from kogge.amazon.orders.models import OrderCursor, ShipmentConfirmation
from kogge.amazon.orders.shop_changes import rejected_key
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.spapi.errors import AskHuman, FixSettings, Throttled, TryLater
from kogge.spapi.orders_v0 import Shipment, confirm_shipment
from kogge.values import InvalidValue

SAFETY_NET = timedelta(hours=1)
NOTHING_TO_TELL = timedelta(hours=6)  # a parcel makes this due, in the transaction that stores it
CLOCK_PRECISION = timedelta(seconds=2)  # Amazon's time is known from an HTTP header, to the second

State = ShipmentConfirmation.State


class CannotTell(Exception):
    """A parcel that Amazon would refuse; the sentence says what is missing."""


@amazon_operation
def confirm_shipments(connection: Connection, work: Work) -> Outcome:
    """Tell Amazon every parcel that waits. Raises `Throttled` when the quota is used up, and the like."""
    _take_up_interrupted(connection)
    done = failed = 0
    failures = Failures()
    with amazon_client(connection, work.clock, work.rank) as client:
        while (parcel := _most_urgent(connection, work.now)) is not None:
            work.keep()
            try:
                accepted = _tell(client, parcel, work.now)
            except Throttled:
                raise
            except TryLater as error:
                failures.met(error)
                continue
            failures.over()
            done, failed = done + accepted, failed + (not accepted)
    waiting = _waiting(connection).order_by("not_before").values_list("not_before", flat=True).first()
    if waiting is None:
        return Outcome(
            next_turn(connection.pk, work.operation, NOTHING_TO_TELL, work.now), done=done, failed=failed
        )
    return Outcome(min(waiting, work.now + SAFETY_NET), done=done, failed=failed, waiting=True)


def retry_confirmation(confirmation_id: int, *, now: datetime) -> bool:
    """Tell a parcel again that Amazon rejected. False: it is not rejected."""
    with transaction.atomic():
        rejected = ShipmentConfirmation.objects.everyone().filter(pk=confirmation_id, state=State.REJECTED)
        if not rejected.update(state=State.WAITING, not_before=now, attempts=0, edition=F("edition") + 1):
            return False
        parcel = ShipmentConfirmation.objects.everyone().select_related("order").get(pk=confirmation_id)
        close_troubles(parcel.connection_id, [rejected_key(parcel.order.order_id, parcel.parcel)], now=now)
        make_due("confirm_shipments", parcel.connection_id, now=now)
    return True


def _take_up_interrupted(connection: Connection) -> None:
    """Parcels whose answer was never seen, because the process died. We hold the lease: nobody sends them."""
    ShipmentConfirmation.objects.everyone().filter(connection=connection, state=State.SENDING).update(
        state=State.WAITING
    )


def _waiting(connection: Connection) -> QuerySet[ShipmentConfirmation]:
    return ShipmentConfirmation.objects.everyone().filter(connection=connection, state=State.WAITING)


def _most_urgent(connection: Connection, now: datetime) -> ShipmentConfirmation | None:
    ready = _waiting(connection).filter(not_before__lte=now).select_related("order", "connection")
    return ready.order_by(F("ship_by").asc(nulls_last=True), "order_id", "parcel").first()


def _tell(client: ConnectedAmazon, parcel: ShipmentConfirmation, now: datetime) -> bool:
    """Send one parcel. False: Amazon (or we) found that it cannot be confirmed like this."""
    if parcel.order.status == intake.CANCELLED:
        _move(parcel, State.DROPPED)  # the check has asked a human already to hold the parcel back
        return False
    try:
        shipment = _shipment(parcel, now)
    except CannotTell as error:
        _rejected(parcel, str(error), now)
        return False
    _move(parcel, State.SENDING, attempts=parcel.attempts + 1, sent_at=now)
    try:
        confirm_shipment(client, parcel.order.order_id, shipment)
    except (Throttled, FixSettings):
        _move(parcel, State.WAITING, attempts=parcel.attempts)
        raise
    except TryLater as error:
        _try_later(parcel, error, now)
        raise
    except AskHuman as error:
        _rejected(parcel, str(error), now)
        return False
    _accepted(parcel, now)
    return True


def _shipment(parcel: ShipmentConfirmation, now: datetime) -> Shipment:
    if not parcel.tracking_number:
        # Amazon demands a number also for untracked mail (reference 8).
        raise CannotTell(_("Amazon verlangt eine Trackingnummer. Trage sie bei der Sendung nach."))
    carrier = carrier_at_amazon(parcel.connection.merchant_id, parcel.carrier)
    _check_carrier(parcel, now)
    try:
        return Shipment(
            marketplace_id=parcel.order.marketplace_id,
            package_reference_id=str(parcel.parcel),
            carrier_code=carrier.code,
            carrier_name=carrier.name,
            shipping_method=carrier.method,
            tracking_number=parcel.tracking_number,
            ship_date=_ship_date(parcel),
            items=tuple(parcel.quantities.items()),
        )
    except InvalidValue as error:
        raise CannotTell(str(error)) from error


def _check_carrier(parcel: ShipmentConfirmation, now: datetime) -> None:
    """A carrier Amazon does not know goes out as "Other", and visibly so (promise 7)."""
    key = f"unknown_carrier:{parcel.carrier}"
    if is_mapped(parcel.connection.merchant_id, parcel.carrier):
        close_troubles(parcel.connection_id, [key], now=now)
    else:
        open_trouble(parcel.connection_id, "unknown_carrier", key, now=now, carrier=parcel.carrier)


def _ship_date(parcel: ShipmentConfirmation) -> datetime:
    """When the parcel left, by Amazon's clock: neither in its future nor before the order."""
    cursor = (
        OrderCursor.objects.everyone().filter(connection=parcel.connection_id, kind=Run.Kind.CHECK).first()
    )
    ahead = timedelta(seconds=cursor.clock_ahead_s if cursor else 0)
    shipped_at = parcel.shipped_at + ahead - CLOCK_PRECISION
    return max(shipped_at, parcel.order.created_at) if parcel.order.created_at else shipped_at


def _accepted(parcel: ShipmentConfirmation, now: datetime) -> None:
    with transaction.atomic():
        if not _move(parcel, State.ACCEPTED, last_error=""):
            return  # the merchant corrected it meanwhile: the correction waits
        order_id = parcel.order.order_id
        settled = [rejected_key(order_id, parcel.parcel), f"shipment_late:{order_id}"]
        close_troubles(parcel.connection_id, settled, now=now)
        _note(parcel, "shipment_confirmed", now)


def _rejected(parcel: ShipmentConfirmation, reason: str, now: datetime) -> None:
    with transaction.atomic():
        if not _move(parcel, State.REJECTED, last_error=reason):
            return
        order_id = parcel.order.order_id
        open_trouble(
            parcel.connection_id,
            "shipment_rejected",
            rejected_key(order_id, parcel.parcel),
            now=now,
            amazon_order_id=order_id,
            parcel=parcel.parcel,
            reason=reason,
            confirmation=parcel.pk,
        )
        _note(parcel, "shipment_rejected", now, reason=reason)


def _try_later(parcel: ShipmentConfirmation, error: TryLater, now: datetime) -> None:
    pause = BACK_OFF[min(parcel.attempts, len(BACK_OFF) - 1)]
    with transaction.atomic():
        _move(parcel, State.WAITING, not_before=now + pause, last_error=str(error))
        if parcel.attempts == 0:
            _note(parcel, "shipment_waits", now, reason=str(error))


def _move(parcel: ShipmentConfirmation, state: str, **values: object) -> int:
    """Change the parcel's state, unless the merchant corrected the parcel since it was read."""
    rows = ShipmentConfirmation.objects.everyone().filter(pk=parcel.pk, edition=parcel.edition)
    return rows.exclude(state=State.DROPPED).update(state=state, **values)


def _note(parcel: ShipmentConfirmation, kind: str, now: datetime, **details: object) -> None:
    known = {"parcel": parcel.parcel, "carrier": parcel.carrier, "tracking_number": parcel.tracking_number}
    record([Entry(parcel.connection_id, kind, now, parcel.order.order_id, known | details)])
