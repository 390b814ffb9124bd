"""Orders API v0: only the confirmation of a shipment, which has no successor yet.

https://developer-docs.amazon.com/sp-api/docs/confirm-the-shipment-status
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.orders_2026_01_01 import amazon_time
from kogge.values import InvalidValue, aware

VERSION = "v0"
OTHER_CARRIER = "Other"


@dataclass(frozen=True, slots=True)
class Shipment:
    """One parcel on its way. Raises `InvalidValue` for what Amazon would refuse.

    `package_reference_id` counts the parcels of the order from "1"; the same number again edits
    that parcel, so a retry does no harm. `carrier_name` is only for the carrier code Other.
    """

    marketplace_id: str
    package_reference_id: str
    carrier_code: str
    tracking_number: str
    ship_date: datetime
    items: tuple[tuple[str, int], ...]
    carrier_name: str | None = None
    shipping_method: str | None = None

    def __post_init__(self) -> None:
        number = self.package_reference_id
        if not (isinstance(number, str) and number.isascii() and number.isdigit() and int(number) > 0):
            raise InvalidValue(f"not a package number: {number!r}")
        if not self.carrier_code or (self.carrier_code == OTHER_CARRIER and not self.carrier_name):
            raise InvalidValue("a shipment needs a carrier, and the carrier code Other a name")
        if not self.tracking_number:
            raise InvalidValue("a shipment needs a tracking number")
        if not self.items or any(quantity < 1 for _item, quantity in self.items):
            raise InvalidValue("a shipment needs items, each at least once")
        aware(self.ship_date)


def confirm_shipment(client: Amazon, order_id: str, shipment: Shipment) -> None:
    """Tell Amazon and thereby the buyer that a parcel left. Raises `AmazonError`.

    May be repeated after any failure, `OutcomeUnknown` included.
    """
    path = f"/orders/{VERSION}/orders/{quote(order_id, safe='')}/shipmentConfirmation"
    client.write("confirmShipment", "POST", path, _request(shipment))


class _Item(msgspec.Struct, rename="camel"):
    order_item_id: str
    quantity: int


class _PackageDetail(msgspec.Struct, rename="camel", omit_defaults=True):
    package_reference_id: str
    carrier_code: str
    tracking_number: str
    ship_date: str
    order_items: list[_Item]
    carrier_name: str | None = None
    shipping_method: str | None = None


class _ConfirmShipment(msgspec.Struct, rename="camel"):
    marketplace_id: str
    package_detail: _PackageDetail


def _request(shipment: Shipment) -> _ConfirmShipment:
    return _ConfirmShipment(
        marketplace_id=shipment.marketplace_id,
        package_detail=_PackageDetail(
            package_reference_id=shipment.package_reference_id,
            carrier_code=shipment.carrier_code,
            carrier_name=shipment.carrier_name if shipment.carrier_code == OTHER_CARRIER else None,
            shipping_method=shipment.shipping_method or None,
            tracking_number=shipment.tracking_number,
            ship_date=amazon_time(shipment.ship_date),
            order_items=[_Item(item, quantity) for item, quantity in shipment.items],
        ),
    )
