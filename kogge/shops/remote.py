"""A shop in another house: what its system must be able to say and do, and the words for it.

The Shop port (`port.py`) is what a channel app asks of a shop. A remote shop answers over a network, slowly,
with gaps, and knows neither reservations nor a log of changes. So Kogge keeps a copy of it in the tables of
the built-in shop (`kogge.remote`), reads what changed there, and tells it what the channel did, by errands.
This module is the seam between the two: the reading and telling of `kogge.remote` on this side, one adapter
a system of shops (`versacommerce/`) on that side. Adapters parse leniently, and hold no state.

Every method may raise `ShopUnavailable` (try later: what it did is unknown), `ShopRefuses` (ask a human)
and `ShopAccessLost` (fix the settings).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kogge.shops.port import NewOrder
from kogge.values import Address, Money, Tracking


class ShopAccessLost(Exception):
    """The shop does not let us in any more, or not to this: a setting must be fixed.

    `reason` is a word of `Reason`; the page says it as a sentence with what to do.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Reason(StrEnum):
    """Why a shop does not let us in."""

    KEY_REFUSED = "key_refused"  # 401: wrong key or password, or the app was uninstalled
    NOT_UNLOCKED = "not_unlocked"  # 403 to a write: VersaCommerce has not unlocked writing for the app
    NO_SHOP = "no_shop"  # the address answers, but not as a shop's API


class Standing(StrEnum):
    """How far an order is in the shop, in the words all systems are read into."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    UNKNOWN = "unknown"  # a word nobody knows: stays as it is and is shown (promise 7)


@dataclass(frozen=True, slots=True)
class ShopIdentity:
    """Which shop answers."""

    name: str
    host: str  # where people reach it
    currency: str
    prices_include_tax: bool


@dataclass(frozen=True, slots=True)
class RemoteProduct:
    """A product, or a variant, as the shop shows it now. `stock` None: the shop does not count it."""

    product_id: str
    code: str
    title: str
    gtin: str
    price: Money | None  # None: not to be read; the product is not offered then
    stock: int | None
    lead_time_days: int | None
    active: bool
    vat_rate: str = ""  # a per cent number as text, "19.0"; empty: the shop's standard rate
    description: str = ""
    image_url: str = ""
    parent_id: str = ""
    option: str = ""  # of a variant: "Größe M, rot"
    asin: str = ""  # the product's own number field, if the shop fills it


@dataclass(frozen=True, slots=True)
class ChannelFields:
    """What the merchant wrote about Amazon at the shop's product; None: nothing is written there.

    Kept as product metafields `amazon/…`; Kogge's offers page shows and writes the same.
    """

    enabled: bool | None = None
    asin: str | None = None
    stock: str | None = None
    lead_time: str | None = None
    price: str | None = None
    fba: bool | None = None


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line of an order of the shop."""

    line_id: str
    product_id: str
    code: str
    title: str
    quantity: int
    unit_price: Money
    total: Money
    is_cancelled: bool
    parcel_id: str  # the shipment it was packed into; empty: not yet
    is_sent: bool = False  # the line itself says it has left


@dataclass(frozen=True, slots=True)
class RemoteParcel:
    """A shipment of an order. `quantities` by line id; empty: the shop does not say which."""

    parcel_id: str
    tracking: Tracking
    is_sent: bool
    quantities: Mapping[str, int] = field(default_factory=dict)
    more_numbers: tuple[str, ...] = ()  # further numbers in the same field; the first is in `tracking`


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as the shop shows it now. The repr shows no person."""

    order_id: str
    number: str
    channel_order_id: str  # the order id we wrote with it (note line or metafield); empty: none
    is_own: bool  # sold by the shop itself, over no channel
    standing: Standing
    status: str  # the shop's own word, for what is unknown
    is_paid: bool
    is_refunded: bool
    is_packing: bool
    placed_at: datetime
    currency: str
    total: Money
    shipping: Money
    shipping_method: str
    payment_method: str
    locale: str
    note: str = field(repr=False)
    buyer_name: str = field(repr=False)
    email: str = field(repr=False)
    address: Address = field(repr=False)
    lines: tuple[RemoteLine, ...] = ()
    parcel_count: int = 0  # more than zero: `parcels` of the system are worth a question
    # Fields that could not be read; `standing` is then UNKNOWN, except where only the time is missing.
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, newest first. `next_offset` None: that was the last one.

    Pages overlap a little, so that an order deleted meanwhile hides no other: one may come twice.
    """

    orders: Sequence[RemoteOrder]
    next_offset: int | None
    unreadable: Sequence[str] = ()  # ids of those that make no sense at all; "" where not even the id does

    def reaches(self, since: datetime) -> bool:
        """Whether all further pages are older than that: believed only of a list sorted as we asked."""
        times = [order.placed_at for order in self.orders]
        return bool(times) and times[-1] < since and times == sorted(times, reverse=True)


class RemoteSystem(Protocol):
    """One shop of one system, over its API. Calls nothing twice by itself but reads."""

    def identify(self) -> ShopIdentity:
        """Which shop this is; the test of a new connection."""
        ...

    def may_write_orders(self) -> bool:
        """Whether orders may be written, found out without leaving a trace in the shop's orders."""
        ...

    def products(self) -> Iterator[Sequence[RemoteProduct]]:
        """All products and variants that can be sold, page by page."""
        ...

    def product(self, product_id: str) -> RemoteProduct | None:
        """One product as it is now; None if it is gone."""
        ...

    def channel_fields(self) -> Mapping[str, ChannelFields]:
        """What is written about Amazon at products, by product id."""
        ...

    def write_channel_fields(self, product_id: str, fields: ChannelFields) -> None:
        """Write what Kogge's offers page says about a product into the shop. Said again, it is the same."""
        ...

    def set_stock(self, product_id: str, stock: int) -> None:
        """Overwrite a product's stock: there is no increment (see the caller for how sales are not lost)."""
        ...

    def orders(self, offset: int = 0) -> Page:
        """Orders with lines and addresses, newest first, from `offset` on."""
        ...

    def order(self, order_id: str) -> RemoteOrder | None:
        """One order as it stands now; None if it is gone."""
        ...

    def parcels(self, order_id: str) -> Sequence[RemoteParcel]:
        """The shipments of an order with what is inside."""
        ...

    def find_orders(
        self, channel_order_ids: Collection[str], *, since: datetime
    ) -> Mapping[str, Sequence[RemoteOrder]]:
        """The orders we wrote for a channel's, the oldest first, found by note or metafield among those since
        then, with one look through the list; more than one of an id is one too many.
        """
        ...

    def create_order(self, order: NewOrder, product_ids: Mapping[int, str]) -> RemoteOrder:
        """Write a channel's order, paid. `product_ids` are the shop's products by position from 1.

        Not idempotent: look first (`orders`, `find_orders`).
        """
        ...

    def complete_order(
        self, remote: RemoteOrder, order: NewOrder, product_ids: Mapping[int, str]
    ) -> RemoteOrder:
        """Add what a `create_order` that was cut short did not write: lines, payment, metafields."""
        ...

    def change_address(self, order_id: str, address: Address, *, buyer_name: str, email: str) -> None:
        """Write what became known about the buyer later. Empty parts overwrite nothing."""
        ...

    def cancel_order(self, order_id: str) -> None:
        """Cancel an order; one that is cancelled stays so."""
        ...

    def reopen_order(self, order_id: str) -> None:
        """Let a cancelled order stand again. Raises `ShopRefuses` where the system cannot."""
        ...

    def add_parcel(
        self, order_id: str, tracking: Tracking, quantities: Mapping[str, int], *, is_all: bool
    ) -> RemoteParcel:
        """Record a shipment that left elsewhere (an Amazon warehouse).

        Not idempotent: look first (`parcels`).
        """
        ...

    def correct_parcel(self, parcel_id: str, tracking: Tracking) -> None:
        """Correct carrier and number of a shipment."""
        ...

    def mark_fulfilled_by(self, order_id: str, channel: str, line_ids: Collection[str]) -> None:
        """Note at the order which lines a channel ships, so that nobody packs them twice (metafield)."""
        ...

    def forget_people(self, order_id: str) -> None:
        """Blank what we wrote about the buyer (Amazon's data protection policy)."""
        ...


def pages(system: RemoteSystem, is_enough: Callable[[Page], bool]) -> Iterator[Page]:
    """The shop's orders page by page, the newest first, until it is enough.

    A page that shows nothing new is the last: a shop that ignores the offset sends the same for ever.
    """
    seen: set[str] = set()
    offset: int | None = 0
    while offset is not None:
        page = system.orders(offset)
        shown = {order.order_id for order in page.orders} | set(page.unreadable)
        if shown <= seen:
            return
        seen |= shown
        yield page
        offset = None if is_enough(page) else page.next_offset
