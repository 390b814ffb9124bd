"""Fulfilment orders in words common to both versions of the Fulfillment Outbound API.

What we ask for is checked here, once; what Amazon tells is put into one vocabulary, that of the newer
version. Words neither version documents stay as Amazon spells them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from kogge.spapi.errors import AmazonError, AskHuman
from kogge.spapi.marketplaces import marketplace
from kogge.spapi.transport import Answer
from kogge.values import Address, InvalidValue, Money, aware, plain_text

MOST_LINES = 100
MOST_UNITS = 250
TEXT_LIMIT = 1000

Speed = Literal["STANDARD", "EXPEDITED", "PRIORITY"]
Policy = Literal["FILL_OR_KILL", "FILL_ALL", "FILL_ALL_AVAILABLE"]

# Why Amazon will not or cannot, as far as its codes and words tell; "other" keeps Amazon's sentence.
Reason = Literal["no_stock", "unknown_sku", "address", "speed", "packaging", "other"]

# Only 2020-07-01 tells the first three apart; 2026-07-04 calls all four PROCESSING.
STATUSES = (
    "NEW", "RECEIVED", "PLANNING", "PROCESSING",
    "COMPLETE", "COMPLETE_PARTIAL", "CANCELLED", "UNFULFILLABLE", "INVALID",
)  # fmt: skip
FINAL_STATUSES = frozenset({"COMPLETE", "COMPLETE_PARTIAL", "CANCELLED", "UNFULFILLABLE", "INVALID"})

_SPEEDS = ("STANDARD", "EXPEDITED", "PRIORITY")
_POLICIES = ("FILL_OR_KILL", "FILL_ALL", "FILL_ALL_AVAILABLE")
_WORD = re.compile(r"\w+")
_ORDER_ID = re.compile(r"[A-Z0-9-]{1,40}")
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Line:
    """Units of a SKU at Amazon. `unit_value` is what one is worth, needed where parcels pass customs."""

    line_id: str
    sku: str
    quantity: int
    unit_value: Money | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.line_id) <= 50 or not 1 <= len(self.sku) <= 50:
            raise InvalidValue("a line needs an id and a SKU of 1 to 50 characters each")
        if not 1 <= self.quantity <= MOST_UNITS:
            raise InvalidValue(f"a line has 1 to {MOST_UNITS} units, not {self.quantity}")


@dataclass(frozen=True, slots=True)
class Consignment:
    """What is to go where, out of the warehouses that serve a marketplace.

    `unbranded` asks for packaging without Amazon's name; not every account and SKU may have it, and then
    Amazon refuses the order. The repr shows no address.
    """

    marketplace_id: str
    destination: Address
    lines: tuple[Line, ...]
    unbranded: bool = False

    def __post_init__(self) -> None:
        marketplace(self.marketplace_id)
        _check_address(self.destination)
        if not 1 <= len(self.lines) <= MOST_LINES:
            raise InvalidValue(f"a fulfilment order has 1 to {MOST_LINES} lines, not {len(self.lines)}")
        if (units := sum(line.quantity for line in self.lines)) > MOST_UNITS:
            raise InvalidValue(f"a fulfilment order has at most {MOST_UNITS} units, not {units}")
        if len({line.line_id for line in self.lines}) < len(self.lines):
            raise InvalidValue("each line of a fulfilment order needs an id of its own")

    @property
    def country(self) -> str:
        """Where it must come from: British and continental stock are separate."""
        return marketplace(self.marketplace_id).country

    def __repr__(self) -> str:
        return f"<Consignment of {len(self.lines)} lines from {self.country}>"


@dataclass(frozen=True, slots=True)
class FulfillmentRequest:
    """An order Amazon shall ship. Raises `InvalidValue` for what Amazon would refuse.

    `order_id` is unique per seller for ever and thereby the key against shipping twice. `display_id`,
    `ordered_at` and `comment` may be printed for the customer (2020-07-01 demands them all).
    """

    order_id: str
    display_id: str
    ordered_at: datetime
    comment: str
    consignment: Consignment
    speed: Speed = "STANDARD"
    policy: Policy = "FILL_OR_KILL"

    def __post_init__(self) -> None:
        if not _ORDER_ID.fullmatch(self.order_id):
            raise InvalidValue(
                f"a fulfilment order id has 1 to 40 of A-Z, 0-9 and -, not {self.order_id[:60]!r}"
            )
        if not _is_displayable(self.display_id):
            raise InvalidValue(f"not an order id that can be printed: {self.display_id[:60]!r}")
        if not self.comment.strip() or len(self.comment) > 750:
            raise InvalidValue("a fulfilment order needs a comment of 1 to 750 characters")
        if self.speed not in _SPEEDS or self.policy not in _POLICIES:
            raise InvalidValue(f"not a speed or policy: {self.speed!r}, {self.policy!r}")
        aware(self.ordered_at)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stands in the way, in Amazon's words. `sku`: of one SKU only, `speed`: of one only."""

    reason: Reason
    code: str
    message: str = ""
    sku: str = ""
    speed: str = ""


@dataclass(frozen=True, slots=True)
class Fee:
    """`amount` is None when Amazon's figure is not money to the cent."""

    name: str
    amount: Money | None


@dataclass(frozen=True, slots=True)
class Window:
    """Between when and when; estimates."""

    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedShipment:
    """One parcel or more that Amazon would send together: units by SKU, and when."""

    units: tuple[tuple[str, int], ...]
    leaves: Window
    arrives: Window


@dataclass(frozen=True, slots=True)
class Preview:
    """What Amazon would do with a consignment at one speed. Nothing in it is promised.

    `missing` are the units by SKU that Amazon does not plan to send, whether it says why or not. `total` is
    the sum of the estimated fees, None when Amazon names none or one cannot be read.
    """

    speed: str
    is_fulfillable: bool
    missing: tuple[tuple[str, int], ...] = ()
    shipments: tuple[PlannedShipment, ...] = ()
    fees: tuple[Fee, ...] = ()
    total: Money | None = None
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """A line at Amazon. `quantity` is what was ordered; `cancelled` and `unfulfillable` will not come.

    `leaves_at` and `arrives_at` are estimates that may move, told by 2020-07-01 only.
    """

    line_id: str
    sku: str
    quantity: int
    cancelled: int = 0
    unfulfillable: int = 0
    leaves_at: datetime | None = None
    arrives_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PackedLine:
    """Units of a line in a shipment or package."""

    line_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OutboundPackage:
    """A parcel. `carrier_code` and `tracking_number` are what the customer can follow it by.

    `status` is PROCESSING, IN_TRANSIT, DELAYED, OUT_FOR_DELIVERY, DELIVERED, UNDELIVERABLE, EXPIRED, a word
    of 2020-07-01 like RETURNED or AVAILABLE_FOR_PICKUP, or "" as long as nobody said. `arrives_at` is an
    estimate. `items` may be empty when Amazon does not say what is in which parcel.
    """

    package_id: str
    carrier_code: str = ""
    tracking_number: str = ""
    amazon_tracking_number: str = ""
    tracking_url: str = ""
    status: str = ""
    arrives_at: datetime | None = None
    items: tuple[PackedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundShipment:
    """What leaves one warehouse together. `status` is PROCESSING, SHIPPED, CANCELLED or something new.

    `left_at` is when it left, once SHIPPED; before, it is an estimate, as `arrives_at` always is.
    """

    shipment_id: str
    status: str
    facility: str = ""
    left_at: datetime | None = None
    arrives_at: datetime | None = None
    items: tuple[PackedLine, ...] = ()
    packages: tuple[OutboundPackage, ...] = ()

    @property
    def is_shipped(self) -> bool:
        return self.status == "SHIPPED"


@dataclass(frozen=True, slots=True)
class FulfillmentOrder:
    """An order as Amazon tells it. `status` is one of STATUSES or something new.

    `picking_begun`: units are taken from the shelves, so Amazon no longer cancels. `country` is where it is
    placed, "" when Amazon does not say it in a way we can read.
    """

    order_id: str
    status: str
    picking_begun: bool
    country: str = ""
    received_at: datetime | None = None
    status_changed_at: datetime | None = None
    lines: tuple[OrderedLine, ...] = ()
    shipments: tuple[OutboundShipment, ...] = ()

    @property
    def is_final(self) -> bool:
        """Nothing more will happen to it but the way of its parcels."""
        return self.status in FINAL_STATUSES

    @property
    def may_be_cancelled(self) -> bool:
        """Whether asking makes sense; only what is read afterwards is true."""
        return not self.is_final and not self.picking_begun

    @property
    def packages(self) -> tuple[OutboundPackage, ...]:
        """All parcels that left."""
        return tuple(
            package for shipment in self.shipments if shipment.is_shipped for package in shipment.packages
        )

    def shipped_units(self, line_id: str) -> int:
        """How many units of a line left the warehouses."""
        return sum(
            item.quantity
            for shipment in self.shipments
            if shipment.is_shipped
            for item in shipment.items
            if item.line_id == line_id
        )

    def holds(self, request: FulfillmentRequest) -> bool:
        """Whether it is the order that `request` asks for: its id, lines, SKUs and quantities."""
        wanted = [(line.line_id, line.sku, line.quantity) for line in request.consignment.lines]
        known = [(line.line_id, line.sku, line.quantity) for line in self.lines]
        return self.order_id == request.order_id and Counter(wanted) == Counter(known)


@dataclass(frozen=True, slots=True)
class News:
    """That something happened to an order: read it."""

    order_id: str
    status: str
    status_changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Orders that changed; `unreadable` counts entries without a readable id."""

    news: tuple[News, ...]
    unreadable: int = 0


class OrderRefused(AskHuman):
    """Amazon refuses to take an order and has none of this id. `reason` sorts Amazon's words."""

    def __init__(self, refusal: AskHuman) -> None:
        super().__init__(
            refusal.message,
            operation=refusal.operation,
            code=refusal.code,
            request_id=refusal.request_id,
            status=refusal.status,
        )
        self.reason = reason_of(refusal.code, refusal.message)


class NotCancellable(AskHuman):
    """Amazon refuses to cancel; `order` is how it stood when it was read right after."""

    def __init__(self, refusal: AskHuman, order: FulfillmentOrder) -> None:
        super().__init__(
            refusal.message,
            operation=refusal.operation,
            code=refusal.code,
            request_id=refusal.request_id,
            status=refusal.status,
        )
        self.order = order


class EncodableAddress(msgspec.Struct, rename="camel", omit_defaults=True):
    """An address as it goes over the wire, the same in both versions."""

    name: str
    address_line1: str
    postal_code: str
    country_code: str
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    state_or_region: str = ""
    phone: str = ""


class Problem(msgspec.Struct):
    """An error inside an answer of success, which older sections of the API have."""

    code: str = ""
    message: str | None = None
    details: str | None = None


def encodable_address(address: Address) -> EncodableAddress:
    """The address in Amazon's form, which has no field for a company: that becomes a line, or the name.

    Every part is one line without blanks around it, however it was typed or pasted.
    """
    name, company = _one_line(address.name), _one_line(address.company)
    lines = [*street_lines(address), *([company] if name and company else [])]
    lines += [""] * (3 - len(lines))
    return EncodableAddress(
        name=name or company,
        address_line1=lines[0],
        address_line2=lines[1],
        address_line3=", ".join(filter(None, lines[2:])),
        postal_code=_one_line(address.postal_code),
        country_code=address.country,
        city="" if address.country == "JP" else _one_line(address.city),
        state_or_region=_one_line(address.state),
        phone=_one_line(address.phone),
    )


def street_lines(address: Address) -> list[str]:
    """Where the parcel goes within the city, as it goes over the wire; without lines that are empty."""
    parts = (address.line1, address.line2, address.line3)
    return [line for part in parts if (line := _one_line(part))]


def without_person(text: str, address: Address) -> str:
    """Amazon's words without any word of the address: it may repeat what it was asked, and they are kept."""
    words: set[str] = set()
    for field in fields(address):
        part = getattr(address, field.name)
        found = _WORD.findall(part.casefold()) if isinstance(part, str) and field.name != "country" else []
        words |= {*found, "".join(found)}
    personal = {word for word in words if len(word) >= 3 or any(map(str.isdigit, word))}
    return _WORD.sub(lambda word: "…" if word[0].casefold() in personal else word[0], text)


def forget_person(error: AmazonError, address: Address | None) -> None:
    """`without_person` for what an error says, before it is stored or shown; all of it if nobody knows the
    address any more."""
    error.explanation = without_person(error.explanation, address) if address else ""
    error.args = (error.explanation,)
    if isinstance(error, AskHuman):
        error.message = error.explanation


def all_changes(
    read_page: Callable[[str], tuple[Answer, Sequence[msgspec.Raw], str | None]],
    read_news: Callable[[msgspec.Raw], News],
) -> Changes:
    """All pages of changed orders; `read_page` answers what is at a token ("" for the first) and the next.

    One odd order must not hide the others.
    """
    news: list[News] = []
    unreadable = 0
    seen: set[str] = set()
    token: str | None = ""
    while token is not None:
        seen.add(token)
        answer, entries, following = read_page(token)
        for entry in entries:
            try:
                news.append(read_news(entry))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                unreadable += 1
        token = following or None
        if token in seen:
            raise answer.trouble("the next page is a page that was read already")
    return Changes(tuple(news), unreadable)


def raise_problems(answer: Answer, problems: Sequence[Problem] | None) -> None:
    """Amazon may say no in an answer of success (models#767). Raises `AskHuman`, or `TryLater` for a failure
    of its own (`OutcomeUnknown` after a write)."""
    if not problems:
        return
    first = problems[0]
    text = "; ".join(dict.fromkeys(filter(None, (first.message, first.details))))
    if first.code in ("InternalFailure", "InternalError", "ServiceUnavailable"):
        raise answer.trouble(text or first.code)
    raise AskHuman(
        text,
        operation=answer.operation,
        code=first.code,
        request_id=answer.request_id,
        status=answer.status,
    )


def canonical_status(word: str) -> str:
    """Amazon's word for an order's state in the newer version's spelling; unknown ones as they came."""
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()
    spelled = {"COMPLETE_PARTIALLED": "COMPLETE_PARTIAL", "COMPLETEPARTIALLED": "COMPLETE_PARTIAL"}.get(
        spelled, spelled
    )
    return spelled if spelled in STATUSES else plain_text(word, TEXT_LIMIT)


def reason_of(code: str, message: str) -> Reason:
    """Sort a refusal. Amazon documents few codes, so its words decide where the code does not."""
    if code in _REASON_OF_CODE:
        return _REASON_OF_CODE[code]
    return next((reason for reason, words in _REASON_BY_WORDS if words.search(message)), "other")


def blocks(obstacle: Obstacle) -> bool:
    """Whether Amazon's code for it is known to make an order impossible."""
    return obstacle.code in _REASON_OF_CODE


def missing(lines: Iterable[Line], shipments: Iterable[PlannedShipment]) -> tuple[tuple[str, int], ...]:
    """The units by SKU that are asked for and not planned for."""
    asked: Counter[str] = Counter()
    for line in lines:
        asked[line.sku] += line.quantity
    for shipment in shipments:
        for sku, units in shipment.units:
            asked[sku] -= units
    return tuple((+asked).items())


def total_of(fees: Sequence[Fee]) -> Money | None:
    """The sum, or None when there is nothing to add or something that does not add up."""
    amounts = [fee.amount for fee in fees if fee.amount is not None]
    if not amounts or len(amounts) < len(fees) or len({amount.currency for amount in amounts}) > 1:
        return None
    return Money.sum(amounts, amounts[0].currency)


def fee(name: str, amount: str, currency: str) -> Fee:
    """A fee as Amazon names it."""
    try:
        return Fee(plain_text(name, TEXT_LIMIT), Money.parse(amount, currency))
    except InvalidValue:
        return Fee(plain_text(name, TEXT_LIMIT), None)


def whole_units(text: str) -> int:
    """Amazon's decimal text ("2", "1.0") as a number of units. Raises `InvalidValue`."""
    try:
        units = Decimal(text)
    except InvalidOperation:
        raise InvalidValue("not a number of units") from None
    if not units.is_finite() or units != units.to_integral_value() or not 0 <= units <= 1_000_000:
        raise InvalidValue("not a number of units")
    return int(units)


def moment_or_none(text: str | None) -> datetime | None:
    """A time as Amazon writes it; None for one that is missing or none: it must not hide the rest."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


_REASON_OF_CODE: dict[str, Reason] = {
    "ItemQuantityNotAvailable": "no_stock",
    "InvalidDestinationAddress": "address",
    "DeliverySLAUnavailable": "speed",
}

# Only for what people read: no step may depend on more than "Amazon refused".
_REASON_BY_WORDS: tuple[tuple[Reason, re.Pattern[str]], ...] = (
    ("packaging", re.compile(r"packag|blank.?box|unbranded", re.IGNORECASE)),
    ("no_stock", re.compile(r"inventory|stock\b|not enough|quantity.{0,9}not ?available", re.IGNORECASE)),
    ("unknown_sku", re.compile(r"\b(?:seller|amazon)?sku\b", re.IGNORECASE)),
    ("address", re.compile(r"address|postal|countrycode|country code", re.IGNORECASE)),
    ("speed", re.compile(r"shipping ?speed|service ?tier", re.IGNORECASE)),
)


def _one_line(text: str) -> str:
    """Words with one blank between them: no line breaks, no tabs, no other control characters."""
    words = (plain_text(word, TEXT_LIMIT) for word in text.split())
    return " ".join(filter(None, words))


def _check_address(address: Address) -> None:
    """What every address needs. The texts name the part, never what stands in it."""
    sent = encodable_address(address)
    if not sent.name:
        raise InvalidValue("the address has no name")
    if not street_lines(address):
        raise InvalidValue("the address has no street")
    if not sent.postal_code:
        raise InvalidValue("the address has no postal code")
    if not _COUNTRY.fullmatch(address.country):
        raise InvalidValue("the address has no country of two letters")
    if not sent.city and address.country != "JP":
        raise InvalidValue("the address has no city")


def _is_displayable(text: str) -> bool:
    """What the model of 2020-07-01 says of a display id."""
    fits = 1 <= len(text) <= 40 and text == text.strip() and "  " not in text and text.isprintable()
    return fits and all(ord(letter) < 256 for letter in text)
