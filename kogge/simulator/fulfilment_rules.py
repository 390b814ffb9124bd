"""Which fulfilment orders Amazon takes, and what it says of one beforehand. The same in both versions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from kogge.simulator.fulfilment_orders import FulfilmentLine, FulfilmentOrder
from kogge.simulator.marketplaces import Marketplace
from kogge.simulator.routing import Call
from kogge.simulator.wire import Refusal, invalid_input, not_found
from kogge.simulator.world import Account, World

LONGEST_ID = 40
LONGEST_LINE_ID = 50
LONGEST_SKU = 50
MOST_LINES = 100
MOST_UNITS = 250

_ID = re.compile(r"[A-Z0-9-]{1,40}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_WEIGHT_OF_A_UNIT = Decimal("0.4")

# As the predecessor of these APIs documented them; the models are silent.
_ADDRESS_LIMITS = {
    "name": 50, "addressLine1": 180, "addressLine2": 60, "addressLine3": 60, "city": 50,
    "districtOrCounty": 150, "stateOrRegion": 150, "postalCode": 20, "countryCode": 2, "phone": 20,
    "email": 64,
}  # fmt: skip
_NEEDED = ("name", "addressLine1", "city", "postalCode", "countryCode")

SPEEDS = ("STANDARD", "EXPEDITED", "PRIORITY", "SCHEDULED")
SPEEDS_HERE = ("STANDARD", "EXPEDITED")
"""In Europe. `PRIORITY` is for Canada, India and Mexico, `SCHEDULED` for Japan."""

FEATURES = ("BLANK_BOX", "BLOCK_AMZL", "OVERBOX", "PACKING_SLIP", "SIGNATURE_CONFIRMATION")
REQUIRED = "Required"

QUANTITY = "ItemQuantityNotAvailable"
ADDRESS = "InvalidDestinationAddress"
SPEED = "DeliverySLAUnavailable"

_PER_ORDER = {"STANDARD": Decimal("2.90"), "EXPEDITED": Decimal("5.40")}
_PER_UNIT = Decimal("1.15")
_TRANSPORT = {"STANDARD": Decimal("0.95"), "EXPEDITED": Decimal("2.10")}
_WITHOUT_AMAZON_LOGISTICS = Decimal("1.05")
CENT = Decimal("0.01")

_Body = TypeVar("_Body")


def require_version(call: Call, version: str) -> None:
    """Not every account has both versions."""
    if version not in call.account.outbound_versions:
        raise Refusal(
            403, "AccessDenied", "Access to requested resource is denied.", f"Fulfillment Outbound {version}"
        )


def decoded(call: Call, kind: type[_Body]) -> _Body:
    """The body of a request as the version's model has it."""
    if not call.request.headers.get("content-type", "application/json").startswith("application/json"):
        raise Refusal(415, "InvalidInput", "The content type must be application/json", is_violation=True)
    try:
        return msgspec.json.decode(call.request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_input(f"The request body is not valid: {error}") from None


def find(call: Call, order_id: str) -> FulfilmentOrder:
    """The seller's order of that id."""
    if len(order_id) > LONGEST_ID:
        raise invalid_input(f"The order id is longer than {LONGEST_ID} characters")
    order = call.account.fulfilment_orders.get(order_id)
    if order is None or not is_visible(call.world, order):
        raise not_found("No fulfillment order with this id was found for the seller")
    return order


def marketplace_of(account: Account, *, marketplace_id: str = "", country: str = "") -> Marketplace:
    """Where an order is placed: the seller's first store unless one is named."""
    if not (marketplace_id or country):
        return account.marketplaces[0]
    for place in account.marketplaces:
        if marketplace_id in (place.id, "") and country in (place.country, ""):
            return place
    raise invalid_input(f"The seller has no inventory for {marketplace_id or country}")


def check_lines(account: Account, lines: list[FulfilmentLine], *, are_skus_known: bool = True) -> None:
    if not 1 <= len(lines) <= MOST_LINES:
        raise invalid_input(f"An order has between 1 and {MOST_LINES} items")
    if len({line.line_id for line in lines}) < len(lines):
        raise invalid_input("Two items have the same id")
    for line in lines:
        if not 1 <= len(line.line_id) <= LONGEST_LINE_ID:
            raise invalid_input(f"An item id has between 1 and {LONGEST_LINE_ID} characters")
        if not 1 <= len(line.sku) <= LONGEST_SKU:
            raise invalid_input(f"A SKU has between 1 and {LONGEST_SKU} characters")
        if line.quantity < 1:
            raise invalid_input("A quantity is at least 1")
        if are_skus_known and line.sku not in account.fba_stock:
            raise invalid_input(f"the SellerSKU for Item Id: {line.line_id} is invalid.")
    if sum(line.quantity for line in lines) > MOST_UNITS:
        raise invalid_input(f"An order has at most {MOST_UNITS} units")


def check_address(address: dict[str, str]) -> None:
    for name in _NEEDED:
        if not address.get(name, "").strip():
            raise invalid_input(f"The destination address has no {name}")
    for name, text in address.items():
        if len(text) > _ADDRESS_LIMITS[name]:
            raise invalid_input(f"{name} is longer than {_ADDRESS_LIMITS[name]} characters")
    if not _COUNTRY.fullmatch(address["countryCode"]):
        raise invalid_input("countryCode is not in ISO 3166-1 alpha-2 format")


def check_speed(speed: str) -> None:
    if speed not in SPEEDS:
        raise invalid_input(f"Invalid value for the speed: {speed}")
    if speed not in SPEEDS_HERE:
        raise invalid_input(f"{speed} is not available in this marketplace")


def check_features(world: World, features: dict[str, str]) -> None:
    for name, policy in features.items():
        if name not in FEATURES:
            raise invalid_input(f"Unknown feature: {name}")
        if policy == REQUIRED and name not in world.settings.outbound_features:
            raise invalid_input(f"The seller is not eligible for the feature {name}")


def since(text: str, now: datetime) -> datetime:
    """From when on orders are listed: the last 36 hours unless something else is said."""
    if not text:
        return now - timedelta(hours=36)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid_input("The date is not an ISO 8601 date-time")
    return moment


def is_visible(world: World, order: FulfilmentOrder) -> bool:
    hidden_for = timedelta(seconds=world.settings.fulfilment_hidden_s)
    return not order.is_hidden and world.now() >= order.received + hidden_for


def updated_since(call: Call, after: datetime) -> list[FulfilmentOrder]:
    """Orders whose status has changed since then, in the order of that."""
    known = call.account.fulfilment_orders.values()
    orders = [order for order in known if order.since >= after and is_visible(call.world, order)]
    return sorted(orders, key=lambda order: (order.since, order.order_id))


def check_new(world: World, account: Account, order: FulfilmentOrder, *, is_accepted: bool = False) -> None:
    """All that is looked at before an order is taken. `is_accepted`: SKUs are looked at later."""
    if not _ID.fullmatch(order.order_id):
        raise invalid_input(f"The order id must be of A-Z, 0-9 and hyphens, at most {LONGEST_ID} characters")
    check_lines(account, order.lines, are_skus_known=not is_accepted)
    check_address(order.address)
    check_speed(order.speed)
    check_features(world, order.features)
    if known := account.fulfilment_orders.get(order.order_id):
        # A request that was believed lost may come late: asking for the same again is no fault.
        message = f"A fulfillment order with the id {order.order_id} exists already"
        raise Refusal(400, "InvalidInput", message, is_violation=not known.is_like(order))


@dataclass(slots=True)
class Preview:
    """What would become of an order sent at one speed. Times are estimates."""

    speed: str
    ready: dict[str, int]
    """Units by line id that would be sent."""
    short: dict[str, int]
    ship: tuple[datetime, datetime]
    arrive: tuple[datetime, datetime]
    transport_fee: Decimal
    unit_fee: Decimal
    order_fee: Decimal
    reasons: list[str] = field(default_factory=list)

    @property
    def is_fulfillable(self) -> bool:
        return not self.reasons and not self.short

    @property
    def fee(self) -> Decimal:
        return self.transport_fee + self.unit_fee + self.order_fee

    @property
    def weight(self) -> str:
        return f"{_WEIGHT_OF_A_UNIT * sum(self.ready.values()):.1f}"


def preview(
    world: World,
    account: Account,
    lines: list[FulfilmentLine],
    *,
    address: dict[str, str],
    speed: str,
    features: dict[str, str],
) -> Preview:
    """Nothing is reserved by asking."""
    ready, short = divided(account, lines)
    ship = world.now() + until_shipped(world)
    arrive = ship + transit(world, speed)
    reasons = []
    if address["postalCode"] in world.settings.undeliverable_postal_codes:
        reasons.append(ADDRESS)
    if speed not in SPEEDS_HERE:
        reasons.append(SPEED)
    units = sum(ready.values())
    factor = _WITHOUT_AMAZON_LOGISTICS if features.get("BLOCK_AMZL") == REQUIRED else Decimal(1)
    return Preview(
        speed=speed,
        ready=ready,
        short=short,
        ship=(ship, ship + timedelta(hours=12)),
        arrive=(arrive, arrive + timedelta(hours=12)),
        transport_fee=(_TRANSPORT.get(speed, Decimal(0)) * units * factor).quantize(CENT),
        unit_fee=(_PER_UNIT * units).quantize(CENT),
        order_fee=_PER_ORDER.get(speed, Decimal(0)),
        reasons=reasons,
    )


def divided(account: Account, lines: list[FulfilmentLine]) -> tuple[dict[str, int], dict[str, int]]:
    """What could be promised and what could not, by line id. Units in transfer are promised too."""
    left = {
        line.sku: account.fba_stock.get(line.sku, 0) + account.elsewhere(line.sku).in_transfer
        for line in lines
    }
    ready: dict[str, int] = {}
    short: dict[str, int] = {}
    for line in lines:
        promised = min(line.quantity, left[line.sku])
        left[line.sku] -= promised
        if promised:
            ready[line.line_id] = promised
        if promised < line.quantity:
            short[line.line_id] = line.quantity - promised
    return ready, short


def until_shipped(world: World) -> timedelta:
    settings = world.settings
    return timedelta(
        seconds=settings.fulfilment_new_s
        + settings.fulfilment_received_s
        + settings.fulfilment_planning_s
        + settings.fulfilment_processing_s
    )


def transit(world: World, speed: str) -> timedelta:
    seconds = world.settings.fulfilment_delivery_s
    return timedelta(seconds=seconds if speed == "STANDARD" else seconds / 2)
