"""The parcels Amazon sent, written into the shop: each once, its tracking as often as it is corrected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kogge.amazon.fba.ending import BY
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder, FulfillmentPackage
from kogge.shops.port import FulfilledParcel, Shop
from kogge.spapi import fulfillment_orders as amazon
from kogge.values import Tracking, plain_text

WAITS_FOR_NUMBER = timedelta(hours=2)  # then the customer hears of a parcel without one

# Nothing more will be heard of such a parcel.
ARRIVED = frozenset({"DELIVERED"})
LOST = frozenset({"UNDELIVERABLE", "RETURNED"})
AT_THE_END = ARRIVED | LOST | {"EXPIRED"}

_LONGEST_KEY = 120

# Amazon's codes are names of carriers, often with a country behind: as shops spell them, whose links to
# follow a parcel go by the name. Amazon's own fleet is what people know it by.
_CARRIERS = {"DHL": "DHL", "DPD": "DPD", "GLS": "GLS", "UPS": "UPS", "HERMES": "Hermes", "FEDEX": "FedEx"}
_AMAZONS_FLEET = re.compile(r"(AMZN|AMZL)(?![A-Z])", re.IGNORECASE)
_WITH_COUNTRY = re.compile(r"([A-Z]+)([ _-][A-Z]{2})?", re.IGNORECASE)


@dataclass(slots=True)
class Books:
    """A fulfilment order with its lines and packages, as read; changed in memory first, then stored."""

    order: FulfillmentOrder
    lines: list[FulfillmentLine]
    packages: dict[str, FulfillmentPackage]

    @classmethod
    def of(cls, order: FulfillmentOrder) -> Books:
        packages = {package.key: package for package in order.packages.all()}
        return cls(order, list(order.lines.all()), packages)

    @property
    def is_waiting(self) -> bool:
        """Whether a parcel that left is not in the shop yet."""
        return any(package.recorded_at is None for package in self.packages.values())


def record(
    shop: Shop, books: Books, told: amazon.FulfillmentOrder, *, now: datetime
) -> list[FulfillmentPackage]:
    """Write the parcels that left into the shop; those that are new there.

    The shop keeps them by key, so doing it twice is doing it once. Raises `ShopRefuses`.
    """
    left = _left_units(books, told)
    recorded = []
    for shipment in told.shipments:
        if shipment.is_shipped:
            for key, package, units in _parcels(shipment, books.packages):
                if _record_one(shop, books, _Seen(key, shipment, package, units), left, now):
                    recorded.append(books.packages[key])
    return recorded


def record_rest(shop: Shop, books: Books, units: Mapping[str, int], *, now: datetime) -> None:
    """Amazon calls it complete and names no parcel for these units: they left, nobody knows how."""
    key = f"{books.order.order_id}:rest"
    sent_at = books.order.status_changed_at or now
    row = FulfillmentPackage(
        fulfillment_order=books.order,
        key=key,
        left_at=sent_at,
        first_seen_at=now,
        recorded_at=now,
        quantities=dict(units),
    )
    books.packages[key] = row
    shop.record_parcel(books.order.shop_order_id, _for_shop(row, units), BY, now=now)
    _count(books, units)


def carrier_name(code: str) -> str:
    """A carrier as people know it; one nobody here knows as Amazon spells it."""
    if _AMAZONS_FLEET.match(code):
        return "Amazon Logistics"
    known = _WITH_COUNTRY.fullmatch(code.strip())
    return _CARRIERS.get(known[1].upper(), code) if known else code


def shipped_units(shipment: amazon.OutboundShipment) -> Counter[str]:
    """Units by line id: what the shipment says, or else its packages."""
    units = _units(shipment.items)
    return units or _units([item for package in shipment.packages for item in package.items])


def sent_units(told: amazon.FulfillmentOrder) -> Counter[str]:
    """Units by line id that left Amazon's warehouses."""
    sent: Counter[str] = Counter()
    for shipment in told.shipments:
        if shipment.is_shipped:
            sent += shipped_units(shipment)
    return sent


def key_of(shipment: amazon.OutboundShipment, package_id: str) -> str:
    """A parcel's name for ever, here and in the shop."""
    return plain_text(f"{shipment.shipment_id}:{package_id}", _LONGEST_KEY)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A parcel as Amazon tells it now; without a package as long as Amazon names none."""

    key: str
    shipment: amazon.OutboundShipment
    package: amazon.OutboundPackage
    units: Mapping[str, int]


def _parcels(
    shipment: amazon.OutboundShipment, known: Mapping[str, FulfillmentPackage]
) -> Iterator[tuple[str, amazon.OutboundPackage, Mapping[str, int]]]:
    """Each package with its name and units. What no package is said to hold is in the first one.

    A shipment that names no package is a parcel all the same, and the first that it names later is that one.
    """
    nameless = key_of(shipment, "")
    packages = shipment.packages or (amazon.OutboundPackage(""),)
    rest = shipped_units(shipment)
    for package in packages:
        rest -= _units(package.items)
    for index, package in enumerate(packages):
        key = nameless if index == 0 and nameless in known else key_of(shipment, package.package_id)
        yield key, package, _units(package.items) + (rest if index == 0 else Counter())


def _record_one(shop: Shop, books: Books, seen: _Seen, left: Counter[str], now: datetime) -> bool:
    row = books.packages.setdefault(
        seen.key,
        FulfillmentPackage(fulfillment_order=books.order, key=seen.key, first_seen_at=now),
    )
    is_corrected = _update(row, seen)
    order_id = books.order.shop_order_id
    if row.recorded_at is not None:
        if is_corrected:
            shop.record_parcel(order_id, _for_shop(row, {}), BY, now=now)
        return False
    if not row.tracking_number and now < (row.left_at or row.first_seen_at) + WAITS_FOR_NUMBER:
        return False
    units = {line_id: min(count, left[line_id]) for line_id, count in seen.units.items()}
    units = {line_id: count for line_id, count in units.items() if count > 0}
    shop.record_parcel(order_id, _for_shop(row, units), BY, now=now)
    left.subtract(units)
    _count(books, units)
    row.recorded_at, row.quantities = now, units
    return True


def _update(row: FulfillmentPackage, seen: _Seen) -> bool:
    """Take over what is told; what is known never becomes empty. Whether what the customer sees changed."""
    package = seen.package
    before = (row.carrier, row.tracking_number, row.tracking_url)
    row.carrier = carrier_name(plain_text(package.carrier_code, 80)) or row.carrier
    row.tracking_number = plain_text(package.tracking_number, 100) or row.tracking_number
    row.status = plain_text(package.status, 40) or row.status
    if 0 < len(package.tracking_url) <= 500:
        row.tracking_url = plain_text(package.tracking_url, 500)
    row.left_at = seen.shipment.left_at or row.left_at
    row.arrives_at = package.arrives_at or seen.shipment.arrives_at or row.arrives_at
    return (row.carrier, row.tracking_number, row.tracking_url) != before


def _for_shop(row: FulfillmentPackage, units: Mapping[str, int]) -> FulfilledParcel:
    return FulfilledParcel(
        key=row.key,
        tracking=Tracking(row.carrier, row.tracking_number),
        tracking_url=row.tracking_url,
        sent_at=row.left_at or row.first_seen_at,
        quantities=dict(units),
    )


def _left_units(books: Books, told: amazon.FulfillmentOrder) -> Counter[str]:
    """How many units of each line may still be counted: those Amazon sent and the shop does not know."""
    sent = sent_units(told)
    return Counter({
        line.line_id: min(sent[line.line_id], line.quantity - line.returned) - line.shipped
        for line in books.lines
    })  # fmt: skip


def _count(books: Books, units: Mapping[str, int]) -> None:
    for line in books.lines:
        line.shipped += units.get(line.line_id, 0)


def _units(items: Sequence[amazon.PackedLine]) -> Counter[str]:
    units: Counter[str] = Counter()
    for item in items:
        units[item.line_id] += item.quantity
    return +units
