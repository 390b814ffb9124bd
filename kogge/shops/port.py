"""The Shop port: what a channel app may ask of a shop, built-in or remote.

Every adapter keeps the same promises; one test-suite holds them to it:
- `place_orders` is idempotent by (channel, external id): asked twice, it answers the same order.
- One order that cannot be placed never hinders the others.
- Known personal data is never overwritten by empty.
- Changes come in the order they happened, each at least once, none left out.
- Open units of the shop's own orders are with the merchant or with a fulfiller, never with both.
- Whatever changes something can be said again: the second time has no effect of its own.

A shop that answers over a network may fail after it did what it was asked (`ShopUnavailable`). So it is told
first and our own rows follow: said again, nothing happens twice, and at worst the shop is ahead of us for a
while. Where `shares_transaction` holds, one transaction covers both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from kogge.values import Address, Money, Tracking


class ShopUnavailable(Exception):
    """The shop does not answer now: try later. Whether it did what it was asked is unknown; say it again."""


class ShopRefuses(Exception):
    """The shop understood and will not do it; the sentence is for the merchant: ask a human."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the channel needs to know it. `product_id` is the shop's own key."""

    product_id: str
    code: str
    title: str


@dataclass(frozen=True, slots=True)
class ProductValues:
    """What a channel may offer of a product now. `available` is what can be sold, never negative.

    `reserved` units are held back for orders that are not placed yet; `available` is without them.
    `lead_time_days` are working days until it leaves the house; None when the shop does not say.
    """

    product_id: str
    code: str
    title: str
    gtin: str
    price: Money
    available: int
    reserved: int
    lead_time_days: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line of an order. `total` is the sum of its parts; parts that do not apply are zero."""

    external_id: str
    code: str
    title: str
    quantity: int
    unit_price: Money
    goods: Money
    shipping: Money
    gift_wrap: Money
    other: Money
    discount: Money  # negative or zero: what the buyer pays less
    tax: Money  # the tax in (gross) or on top of (net) the parts, for information
    total: Money  # what the buyer pays for this line
    product_id: str | None = None
    channel_product_id: str = ""  # the channel's name for the article: Amazon's ASIN
    gift_text: str = ""
    shipped: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be placed in the shop: paid, since the channel collects the money."""

    channel: str
    external_id: str
    placed_at: datetime
    origin: str  # where it was bought, for people: "Amazon.de"
    payment_method: str
    total: Money
    lines: tuple[NewLine, ...]
    rounding: Money  # what is missing between the lines and `total`; zero unless the order is flagged
    buyer_name: str = ""
    email: str = ""
    company: str = ""
    purchase_order_number: str = ""
    shipping_address: Address = field(default_factory=Address)
    locale: str = "de"
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    service_level: str = ""
    programmes: tuple[str, ...] = ()
    notify_buyer: bool = False
    moves_stock: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class LineState:
    """How much of a line was shipped or cancelled at the channel, in total so far."""

    quantity: int
    shipped: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """What the channel says now about an order the shop has. Empty means unknown, not deleted."""

    channel: str
    external_id: str
    shipping_address: Address = field(default_factory=Address)
    buyer_name: str = ""
    email: str = ""
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    lines: Mapping[str, LineState] = field(default_factory=dict)
    cancelled_by: str = ""  # "buyer", "channel", "merchant"; empty while the order stands


@dataclass(frozen=True, slots=True)
class Placed:
    """An order the shop has. `created` is False when it had it before."""

    external_id: str
    order_id: str
    number: str
    created: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """An order the shop did not take, and why, in a plain sentence."""

    external_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did. `conflict` says in a word what the shop could not follow."""

    external_id: str
    changed: bool
    conflict: str = ""  # "already_packed", "already_shipped"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Stock held back for an order that is not placed yet; `key` makes it idempotent."""

    key: str
    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ParcelSent:
    """A parcel left the shop, or its tracking was corrected (same parcel number)."""

    external_id: str
    parcel: int
    tracking: Tracking
    sent_at: datetime
    quantities: Mapping[str, int]  # external line id -> units inside


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The merchant cancelled the order in the shop. `reason` is one of the contract's words."""

    external_id: str
    reason: str
    cancelled_at: datetime


@dataclass(frozen=True, slots=True)
class OrderReturned:
    """Goods came back after dispatch."""

    external_id: str
    returned_at: datetime


OrderChange = ParcelSent | OrderCancelled | OrderReturned


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line of an order the shop took itself. `open` units are neither shipped nor cancelled.

    `fulfilled_by` names the channel that ships them; empty: the merchant does.
    """

    line_id: str
    product_id: str | None
    code: str
    title: str
    quantity: int
    open: int
    unit_price: Money
    fulfilled_by: str = ""


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order the shop took itself (storefront, by hand, by its API), as it stands now.

    An order that was paid back is neither paid nor, if goods had left before, cancelled.

    `shipping_method` is the shop's own word for how it is to be sent. The repr shows no person.
    """

    order_id: str
    number: str
    placed_at: datetime
    is_paid: bool
    is_cancelled: bool
    shipping_method: str
    address: Address = field(repr=False)
    lines: tuple[OwnLine, ...]
    locale: str = "de"
    is_packing: bool = False  # the merchant has begun to pack what is theirs


@dataclass(frozen=True, slots=True)
class OwnOrderPage:
    """Own orders to which something happened after a cursor, each once, as they stand now."""

    orders: Sequence[OwnOrder]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class FulfilledParcel:
    """A parcel a fulfiller sent. `key` names it for ever; told again, its tracking is corrected.

    `quantities` are units by line id; empty for one more parcel of goods that were told with another.
    """

    key: str
    tracking: Tracking
    tracking_url: str
    sent_at: datetime
    quantities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes after a cursor. `cursor` is stored in the transaction that stores the changes."""

    changes: Sequence[OrderChange]
    cursor: str
    more: bool


class Shop(Protocol):
    """Where the merchant works. Every method may raise `ShopUnavailable`."""

    # True when the shop lives in our own database, so that one transaction can cover both sides.
    shares_transaction: ClassVar[bool]

    def health(self) -> str:
        """What keeps the shop from working now, in a sentence; empty while all is well. Asks nobody."""
        ...

    def find_products(self, codes: Collection[str]) -> Mapping[str, Product]:
        """The products with these article numbers, by article number; unknown ones are missing."""
        ...

    def products(self, product_ids: Collection[str]) -> Mapping[str, Product]:
        """The products with these keys; deleted ones are missing."""
        ...

    def product_values(self, product_ids: Collection[str]) -> Mapping[str, ProductValues]:
        """What may be offered of these products now; deleted ones are missing. Reads, locks nothing."""
        ...

    def place_orders(self, orders: Sequence[NewOrder], *, now: datetime) -> Sequence[Placed | Refused]:
        """Place orders, each exactly once, in the order given. Moves stock for known products."""
        ...

    def update_orders(self, updates: Sequence[OrderUpdate], *, now: datetime) -> Sequence[Updated]:
        """Follow what happened at the channel. Orders the shop does not have are left out."""
        ...

    def reserve(self, reservations: Sequence[Reservation], *, now: datetime) -> None:
        """Hold stock back; a key that is known already does nothing."""
        ...

    def release(self, keys: Collection[str], *, now: datetime) -> None:
        """Give back reservations; unknown or released keys do nothing."""
        ...

    def assign_product(
        self, channel: str, external_id: str, line: str, product_id: str, *, now: datetime
    ) -> None:
        """Tell the shop which product a free line is; its stock moves now."""
        ...

    def reinstate(self, channel: str, external_id: str, *, now: datetime) -> None:
        """The channel refused the merchant's cancellation: the order stands again, paid.

        Exactly the units that were cancelled with it wait again, and their stock is taken again, once;
        an order that stands already is left alone. Not told back as a change of the merchant's.
        Raises `ShopRefuses`.
        """
        ...

    def order_changes(self, channel: str, after: str, limit: int) -> ChangePage:
        """What the merchant did with the channel's orders since `after` ("" = from the beginning)."""
        ...

    def forget_people(self, channel: str, external_ids: Collection[str], *, now: datetime) -> int:
        """Blank the personal data of these orders (Amazon's data protection policy); how many were."""
        ...

    def channel_fields_changed(self, channel: str, product_ids: Collection[str], *, now: datetime) -> None:
        """What the merchant says about these products at the channel (offered or not, its number, stock, lead
        time and price there, shipped by it or not) changed. A shop that shows the same follows in its own
        time; one that does not has nothing to do. Called inside the transaction of the change.
        """
        ...

    # --- the shop's own orders, some of which a channel ships out of its own warehouse -----------

    def own_orders(self, after: str, limit: int) -> OwnOrderPage:
        """Own orders placed, paid, changed, shipped or cancelled since `after`, in the order of it.

        Each is in a page once, as it stands now; one whose people the shop cannot open any more is there
        without an address. Handing over and taking back are the reader's own acts and need not be told; a
        shop that knows no more than when an order was last touched tells them too. "" = from the beginning.
        """
        ...

    def own_orders_end(self) -> str:
        """The cursor behind everything that happened so far; what happens from now on is read after it."""
        ...

    def own_order(self, order_id: str) -> OwnOrder | None:
        """One own order as it stands now; None if the shop has none of this id.

        To be asked right before something final: a remote shop tells of a merchant's change only afterwards.
        """
        ...

    def hand_over(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> OwnOrder:
        """Give the open units of these lines to the fulfiller `by`; the order as it stands then.

        They stop holding the shop's own stock and the merchant cannot ship them. Lines it has already, from
        the placing of the order or before an answer that was lost, stay as they are. Raises `ShopRefuses`
        when the order is not paid, is cancelled, a line has nothing open or is with another fulfiller, or the
        merchant is packing what is not handed over yet; then nothing has changed.
        """
        ...

    def take_back(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> None:
        """What is still open of these lines is the merchant's again and takes the shop's own stock.

        Lines that are not with `by` are left alone, and so are orders the shop does not have: what was taken
        back is not taken back again.
        """
        ...

    def record_parcel(self, order_id: str, parcel: FulfilledParcel, by: str, *, now: datetime) -> bool:
        """Write a fulfiller's parcel into the order and mail the customer; False: it was there already.

        Of a parcel that is there, carrier, number and address are corrected, never emptied. Counts no more
        units as shipped than are open with `by`; the rest is kept in the log. One more parcel of the same
        goods is mailed only if it can be followed. Raises `ShopRefuses` for an unknown order or line.
        """
        ...

    def cancel_own_order(self, order_id: str, reason: str, by: str, *, now: datetime) -> None:
        """Cancel an own order as the merchant wished, when its fulfiller `by` let go of it.

        `reason` is one of the contract's words. The lines need not be taken back before. An order that is
        cancelled stays so. Raises `ShopRefuses` when something of it was shipped.
        """
        ...
