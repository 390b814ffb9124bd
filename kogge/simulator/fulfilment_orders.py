"""What Amazon keeps of the orders it ships for a shop, and of the units in its warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from kogge.simulator.marketplaces import Marketplace

OLD = "2020-07-01"
NEW_VERSION = "2026-07-04"
VERSIONS = (OLD, NEW_VERSION)

NEW = "NEW"
RECEIVED = "RECEIVED"
PLANNING = "PLANNING"
PROCESSING = "PROCESSING"
COMPLETE = "COMPLETE"
COMPLETE_PARTIALLED = "COMPLETE_PARTIALLED"
CANCELLED = "CANCELLED"
UNFULFILLABLE = "UNFULFILLABLE"
INVALID = "INVALID"

OPEN = (NEW, RECEIVED, PLANNING, PROCESSING)
CANCELLABLE = (NEW, RECEIVED, PLANNING)

SHIP = "SHIP"
HOLD = "HOLD"

FILL_OR_KILL = "FILL_OR_KILL"
FILL_ALL = "FILL_ALL"
FILL_ALL_AVAILABLE = "FILL_ALL_AVAILABLE"

Fate = Literal["", "INVALID", "UNFULFILLABLE", "PARTIAL"]
Mishap = Literal["", "DELAYED", "UNDELIVERABLE"]
Units = Annotated[int, msgspec.Meta(ge=0)]
Halt = Literal["", "NEW", "RECEIVED", "PLANNING", "PROCESSING"]


@dataclass(slots=True)
class FulfilmentLine:
    """One position. `reserved` units lie ready in a warehouse; `lost` ones turn out to be missing when
    they are picked."""

    line_id: str
    sku: str
    quantity: int
    reserved: int = 0
    shipped: int = 0
    cancelled: int = 0
    unfulfillable: int = 0
    lost: int = 0

    @property
    def missing(self) -> int:
        """Units of which nobody knows yet where they are to come from."""
        return self.quantity - self.reserved - self.shipped - self.cancelled - self.unfulfillable


@dataclass(slots=True)
class Parcel:
    """A package of a shipment. Amazon's own number is there at once, the carrier's perhaps later."""

    number: int
    carrier: str
    tracking_number: str
    amazon_tracking_number: str
    tracked_from: datetime
    quantities: dict[str, int]
    """Units by line id."""


@dataclass(slots=True)
class Shipment:
    """What leaves one warehouse together at one time."""

    shipment_id: str
    facility: str
    ships_at: datetime
    arrives_at: datetime
    parcels: list[Parcel]
    is_shipped: bool = False

    def quantities(self) -> Iterator[tuple[Parcel, str, int]]:
        """Each parcel with each line in it."""
        for parcel in self.parcels:
            for line_id, quantity in parcel.quantities.items():
                yield parcel, line_id, quantity


@dataclass(slots=True)
class FulfilmentOrder:
    """An order of the shop that Amazon ships. Both versions of the API see the same ones.

    `speed`, `action` and `policy` are spelled as in 2026-07-04. `promised` are the estimates given at the
    start: they stay what they were, also when it takes longer.
    """

    order_id: str
    seller_id: str
    marketplace: Marketplace
    version: str
    received: datetime
    lines: list[FulfilmentLine]
    address: dict[str, str]
    speed: str = "STANDARD"
    action: str = SHIP
    policy: str = FILL_OR_KILL
    features: dict[str, str] = field(default_factory=dict)
    display_id: str = ""
    display_date: str = ""
    display_comment: str = ""
    channel: str = ""
    emails: list[str] = field(default_factory=list)
    status: str = NEW
    since: datetime = field(init=False)
    counted_from: datetime = field(init=False)
    """When its stay in the status began to count: later than `since` for one that was on hold."""
    promised_ship: datetime = field(init=False)
    promised_arrival: datetime = field(init=False)
    shipments: list[Shipment] = field(default_factory=list)
    echo_id: str = ""
    """The order of channel NON_AMAZON that shows it among the seller's orders."""
    stuck_in: Halt = ""
    fate: Fate = ""
    mishap: Mishap = ""
    """What happens to its parcels on their way."""
    reason: str = ""
    """Why it ended badly. Amazon's API has no field for it."""
    is_waiting: bool = False
    """Planned, but some of its units have not come yet."""
    is_hidden: bool = False
    """Whoever asks for it hears that there is no such order."""
    is_silent: bool = False
    """What was sent is not told."""
    history: list[tuple[datetime, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.since = self.counted_from = self.received
        self.promised_ship = self.promised_arrival = self.received
        self.display_id = self.display_id or self.order_id
        self.history.append((self.received, self.status, ""))

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def told_shipments(self) -> list[Shipment]:
        """Those the API shows."""
        return [] if self.is_silent else self.shipments

    def line(self, line_id: str) -> FulfilmentLine:
        """Raises `KeyError`."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise KeyError(line_id)

    def become(self, status: str, at: datetime, reason: str = "") -> None:
        self.status = status
        self.since = self.counted_from = max(at, self.since)
        self.reason = reason or self.reason
        self.is_waiting = False
        self.history.append((self.since, status, reason))

    def is_like(self, other: FulfilmentOrder) -> bool:
        """Both ask for the same to be sent to the same place."""
        return self.address == other.address and [
            (line.line_id, line.sku, line.quantity) for line in self.lines
        ] == [(line.line_id, line.sku, line.quantity) for line in other.lines]


class Elsewhere(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Units of a SKU in Amazon's hands that cannot be picked.

    Those `in_transfer` between two warehouses can be promised all the same: the order then waits for them.
    """

    in_transfer: Units = 0
    fc_processing: Units = 0
    inbound_working: Units = 0
    inbound_shipped: Units = 0
    inbound_receiving: Units = 0
    unfulfillable: Units = 0
    researching: Units = 0

    @property
    def inbound(self) -> int:
        return self.inbound_working + self.inbound_shipped + self.inbound_receiving

    @property
    def total(self) -> int:
        return self.in_transfer + self.fc_processing + self.inbound + self.unfulfillable + self.researching


NOTHING = Elsewhere()
