"""Multi-Channel Fulfillment in whichever version of the API the account may use.

    version = probe(amazon, now)                      once, and remembered by the connection
    create(amazon, version, request)                  OutcomeUnknown: find() before repeating
    order = get(amazon, version, request.order_id)

Reference: fulfillment_outbound_2026_07_04 and fulfillment_outbound_2020_07_01, which know the wire; the words
they share are in fulfillment_orders. An order belongs to the version that created it: nothing says that the
other one finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

from kogge.spapi import fulfillment_outbound_2020_07_01, fulfillment_outbound_2026_07_04
from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, FixSettings, NotFound
from kogge.spapi.fulfillment_orders import (
    Changes,
    Consignment,
    FulfillmentOrder,
    FulfillmentRequest,
    NotCancellable,
    OrderRefused,
    OutboundPackage,
    Preview,
    Speed,
)
from kogge.values import InvalidValue

Version = Literal["2026-07-04", "2020-07-01"]

NEWER: Version = "2026-07-04"
OLDER: Version = "2020-07-01"

_ENOUGH_TO_PROBE = timedelta(minutes=5)


class _Section(Protocol):
    """What a version can do."""

    def preview(
        self, client: Amazon, consignment: Consignment, speeds: Sequence[Speed]
    ) -> tuple[Preview, ...]: ...
    def create_order(self, client: Amazon, request: FulfillmentRequest) -> None: ...
    def get_order(self, client: Amazon, order_id: str) -> FulfillmentOrder: ...
    def list_changed(self, client: Amazon, since: datetime) -> Changes: ...
    def cancel_order(self, client: Amazon, order_id: str) -> None: ...


_SECTIONS: dict[str, _Section] = {
    fulfillment_outbound_2026_07_04.VERSION: fulfillment_outbound_2026_07_04,
    fulfillment_outbound_2020_07_01.VERSION: fulfillment_outbound_2020_07_01,
}


def probe(client: Amazon, now: datetime) -> Version:
    """The version this account may use, the newer one first. One or two cheap reads.

    Raises `FixSettings` when Amazon denies both (a role is missing, or no Multi-Channel Fulfillment), and
    whatever else went wrong: a failure that says nothing about the version must not decide it.
    """
    since = now - _ENOUGH_TO_PROBE
    try:
        fulfillment_outbound_2026_07_04.list_changed(client, since)
        return NEWER
    except NotFound:
        pass
    except FixSettings as error:
        if error.status != 403 or error.reason == "wrong_region":
            raise
    fulfillment_outbound_2020_07_01.list_changed(client, since)
    return OLDER


def preview(
    client: Amazon, version: str, consignment: Consignment, speeds: Sequence[Speed] = ("STANDARD",)
) -> tuple[Preview, ...]:
    """What Amazon would do with it, one answer a speed in the order asked: stock, dates, fees.

    Raises `AskHuman` when Amazon refuses the question (an address, a SKU that is none), see `reason_of`.
    """
    if not speeds:
        raise InvalidValue("a preview needs at least one speed")
    return _section(version).preview(client, consignment, speeds)


def create(client: Amazon, version: str, request: FulfillmentRequest) -> FulfillmentOrder | None:
    """Have Amazon ship. None: Amazon took the order; read it a minute later, for it may still turn invalid.

    When Amazon refuses, the order is looked up, because it does not say plainly that an id is taken: one
    that was there already is returned (compare with `holds`), else `OrderRefused` is raised. With status 404
    that may mean this version is not there any more: probe again. Raises `OutcomeUnknown` when it may have
    taken effect: `find` it before repeating.
    """
    try:
        _section(version).create_order(client, request)
        return None
    except AskHuman as error:
        refusal = error
    order = find(client, version, request.order_id)
    if order is None:
        raise OrderRefused(refusal)
    return order


def get(client: Amazon, version: str, order_id: str) -> FulfillmentOrder:
    """How far an order is. Raises `NotFound`, `TryLater` for an answer that cannot be understood."""
    return _section(version).get_order(client, order_id)


def find(client: Amazon, version: str, order_id: str) -> FulfillmentOrder | None:
    """The order, or None if Amazon has none of this id (yet: one just sent may show a little later)."""
    try:
        return get(client, version, order_id)
    except NotFound:
        return None


def list_since(client: Amazon, version: str, since: datetime) -> Changes:
    """Which orders changed, all pages; also those somebody else created. A new tracking number or a parcel's
    progress need not count as a change: read the open orders one by one as well."""
    return _section(version).list_changed(client, since)


def cancel(client: Amazon, version: str, order_id: str) -> None:
    """Ask Amazon to stop. Accepted is not cancelled: believe only what `get` says afterwards.

    May be repeated after any failure. Raises `NotCancellable` with the order as it stands when Amazon
    refuses; an order that is cancelled already is no failure. Raises `NotFound`.
    """
    try:
        return _section(version).cancel_order(client, order_id)
    except NotFound:
        raise
    except AskHuman as error:
        refusal = error
    order = get(client, version, order_id)
    if order.status != "CANCELLED":
        raise NotCancellable(refusal, order)
    return None


def tracked(client: Amazon, version: str, package: OutboundPackage) -> OutboundPackage:
    """The package with all Amazon tells of its way: state, link, estimate. 2026-07-04 told it with the order
    already; 2020-07-01 costs a call."""
    if version == OLDER:
        return fulfillment_outbound_2020_07_01.tracked(client, package)
    return package


def _section(version: str) -> _Section:
    try:
        return _SECTIONS[version]
    except KeyError:
        raise InvalidValue(f"not a version of Fulfillment Outbound: {version[:20]!r}") from None
