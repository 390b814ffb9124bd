"""All that this Amazon knows: sellers, applications, orders, feeds, and what it holds against its clients."""

from __future__ import annotations

import heapq
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from kogge.simulator import credentials
from kogge.simulator.attributes import Patch
from kogge.simulator.catalogue import Article, articles, tea_shop
from kogge.simulator.clock import Clock
from kogge.simulator.faults import Faults
from kogge.simulator.fulfilment_orders import NOTHING, VERSIONS, Elsewhere, Fate, FulfilmentOrder, Halt
from kogge.simulator.listings import Listing, Listings
from kogge.simulator.marketplaces import BY_COUNTRY, Marketplace
from kogge.simulator.notifications import Notices
from kogge.simulator.quotas import Quotas, RateLimiter

ACCESS_TOKEN_LIFE = timedelta(seconds=3600)
OAUTH_CODE_LIFE = timedelta(minutes=5)
PRESIGNED_LIFE = timedelta(minutes=5)

UNSHIPPED = "UNSHIPPED"
PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
SHIPPED = "SHIPPED"
CANCELLED = "CANCELLED"
PENDING = "PENDING"
PENDING_AVAILABILITY = "PENDING_AVAILABILITY"

AMAZON_LOGISTICS = "AMZN_DE"

ZERO = Decimal("0.00")
_TICK = timedelta(milliseconds=1)


@dataclass(slots=True)
class App:
    """A registered application. During a rotation two secrets are valid side by side."""

    client_id: str
    application_id: str
    name: str
    secrets: list[str]
    redirect_uris: list[str] = field(default_factory=list)
    is_draft: bool = False


@dataclass(slots=True)
class Grant:
    """A seller's consent: this refresh token lets that application act for that seller."""

    refresh_token: str
    client_id: str
    seller_id: str
    is_revoked: bool = False


@dataclass(slots=True)
class AccessToken:
    """Of a seller or, with a `scope`, of an application for its grantless operations."""

    grant: Grant
    expires_at: datetime
    scope: str = ""


@dataclass(slots=True)
class OAuthCode:
    """What the consent page hands to the application: good once, for five minutes."""

    client_id: str
    seller_id: str
    redirect_uri: str
    expires_at: datetime


@dataclass(slots=True)
class Event:
    """A line in an order's timeline. `what` is a key of the Seller Central words, `detail` free text."""

    at: datetime
    what: str
    detail: str = ""


@dataclass(slots=True)
class Item:
    """One position. Amounts are for the whole position, except `unit_price`.

    `discount` is positive here; `order.discount_sign` decides how Amazon shows it. `tax` is shown only;
    for net-price orders it is also added to the total.
    """

    item_id: str
    asin: str
    sku: str
    title: str
    quantity: int
    unit_price: Decimal
    shipping: Decimal = ZERO
    gift_wrap: Decimal = ZERO
    discount: Decimal = ZERO
    tax: Decimal = ZERO
    gift_message: str = ""
    gift_wrap_level: str = ""
    condition: str = "NEW"
    promotion_id: str = ""
    fulfilled_elsewhere: int = 0
    from_warehouse: int = 0
    """Units Amazon has set aside for the buyer out of its own warehouse."""
    cancellation_request: str = ""
    cancelled_by: str = ""
    cancel_reason: str = ""

    @property
    def price(self) -> Decimal:
        return self.unit_price * self.quantity


@dataclass(slots=True)
class Package:
    """A parcel the seller has confirmed. `quantities` by order item id."""

    reference_id: str
    carrier_code: str
    carrier_name: str
    shipping_method: str
    tracking_number: str
    ship_date: datetime
    quantities: dict[str, int]
    created: datetime
    edits: int = 0


@dataclass(slots=True)
class Acknowledgement:
    """The seller's `Success`: when, by which feed, under which number of its own."""

    at: datetime
    feed_id: str
    merchant_order_id: str


@dataclass(slots=True)
class Order:
    """One order as Amazon keeps it."""

    order_id: str
    seller_id: str
    marketplace: Marketplace
    created: datetime
    updated: datetime
    status: str
    items: list[Item]
    fulfilled_by: str = "MERCHANT"
    service_level: str = "STANDARD"
    channel: str = "AMAZON"
    programs: list[str] = field(default_factory=list)
    buyer_name: str = ""
    buyer_email: str = ""
    buyer_company: str = ""
    purchase_order_number: str = ""
    address: dict[str, str] | None = None
    delivery_note: str = ""
    ship_by: tuple[datetime, datetime] | None = None
    deliver_by: tuple[datetime, datetime] | None = None
    replaces: str = ""
    is_net: bool = False
    shows_tax: bool = False
    discount_sign: int = -1
    is_sparse: bool = False
    """Leave out whatever Amazon's model allows to be missing."""
    acknowledgement: Acknowledgement | None = None
    packages: dict[str, Package] = field(default_factory=dict)
    cancelled_by: str = ""
    timeline: list[Event] = field(default_factory=list)
    patch: dict[str, Any] | None = None
    """Merged into the answer (JSON merge patch): poison for clients."""
    raw: msgspec.Raw | None = None
    """Sent in place of the whole order."""
    on_change: Callable[[Order], None] | None = field(default=None, repr=False)
    rendered: dict[object, msgspec.Raw] = field(default_factory=dict, repr=False)

    def touch(self, at: datetime, what: str, detail: str = "") -> None:
        """Note a change: the last-updated time moves, always forward, and the timeline grows."""
        self.updated = max(at, self.updated + _TICK)
        self.timeline.append(Event(at, what, detail))
        self.rendered.clear()
        if self.on_change is not None:
            self.on_change(self)

    def item(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.item_id == item_id), None)

    def fulfilled(self, item: Item, *, without_package: str = "") -> int:
        """Units of `item` that have left, by parcels and otherwise."""
        in_parcels = sum(
            package.quantities.get(item.item_id, 0)
            for package in self.packages.values()
            if package.reference_id != without_package
        )
        return item.fulfilled_elsewhere + in_parcels

    @property
    def is_shipped_in_part(self) -> bool:
        return any(self.fulfilled(item) for item in self.items)

    def settle_status(self) -> None:
        """Let the status follow the quantities that have left."""
        if self.status not in (UNSHIPPED, PARTIALLY_SHIPPED, SHIPPED):
            return
        if all(self.fulfilled(item) >= item.quantity for item in self.items):
            self.status = SHIPPED
        else:
            self.status = PARTIALLY_SHIPPED if self.is_shipped_in_part else UNSHIPPED

    def ship_all(self) -> None:
        """Everything that is open leaves outside of this API."""
        for item in self.items:
            item.fulfilled_elsewhere += item.quantity - self.fulfilled(item)

    def cancel(self, by: str, reason: str, at: datetime) -> None:
        """The whole order is called off by `BUYER`, `MERCHANT` or `AMAZON`."""
        self.status = CANCELLED
        self.cancelled_by = by
        for item in self.items:
            item.cancelled_by = by
            item.cancel_reason = reason
        self.touch(at, "cancelled", f"{by}: {reason}")


@dataclass(slots=True)
class Document:
    """A file behind presigned URLs. `key` is the unguessable part of the current URL."""

    document_id: str
    seller_id: str
    content_type: str
    key: str
    expires_at: datetime
    content: bytes | None = None
    is_result: bool = False
    is_gzip: bool = False
    as_content_encoding: bool = False


@dataclass(slots=True)
class Feed:
    """A feed and how far it is. `stuck_in` keeps it for ever in that status."""

    feed_id: str
    seller_id: str
    feed_type: str
    marketplace_ids: list[str]
    document_id: str
    created: datetime
    status: str = "IN_QUEUE"
    stuck_in: str = ""
    fate: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    result_document_id: str = ""

    @property
    def is_open(self) -> bool:
        return self.status in ("IN_QUEUE", "IN_PROGRESS")


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the control plane can turn. Times in seconds of the virtual clock."""

    feed_queue_s: float = 5.0
    feed_process_s: float = 10.0
    new_feeds_stuck_in: str = ""
    new_feeds_fate: str = ""
    """`FATAL` or `CANCELLED`: how the feeds created from now on end. Empty: as their content deserves."""
    gzip_reports: bool | None = None
    """None: every second report is compressed."""
    listing_delay_s: float = 0.0
    """How long an accepted change of an offer takes until it is one."""
    new_patches_lost: bool = False
    """From now on changes of offers are accepted and never come to anything."""

    not_by_queue: tuple[str, ...] = ()
    """Types of notifications that Amazon does not send to queues of the seller's."""

    latency_s: float = 0.0
    """How long every answer of the API and of the sign-in takes, in real seconds. Others are answered
    meanwhile."""

    fulfilment_new_s: float = 0.0
    fulfilment_received_s: float = 60.0
    fulfilment_planning_s: float = 120.0
    fulfilment_processing_s: float = 180.0
    """How long a fulfilment order stays in each status."""
    fulfilment_delivery_s: float = 172_800.0
    """From the warehouse to the customer; half of it for expedited orders."""
    fulfilment_tracking_delay_s: float = 0.0
    """How long after a parcel has left its carrier's number is known."""
    fulfilment_split: bool = False
    """Each position comes from another warehouse and leaves one processing time after the one before."""
    fulfilment_carriers: tuple[str, ...] = ("DHL", AMAZON_LOGISTICS)
    """They take turns."""
    fulfilment_echo: bool = True
    """Fulfilment orders appear among the orders, as orders of the channel NON_AMAZON."""
    new_fulfilments_stuck_in: Halt = ""
    new_fulfilments_fate: Fate = ""
    """How fulfilment orders created from now on end. Empty: as stock and address deserve."""
    new_fulfilments_accepted: bool = False
    """2026-07-04 answers 202 to new orders and looks at their SKUs later."""
    stock_gone_before_create: bool = False
    """A new fulfilment order finds the shelves empty, whatever its preview has said."""
    refuse_without_stock: bool = False
    """Refuse a new fulfilment order that lacks units with 400. Otherwise it becomes unfulfillable."""
    undeliverable_postal_codes: tuple[str, ...] = ("00000",)
    """A preview says so; an order sent there all the same becomes invalid."""
    outbound_features: tuple[str, ...] = ("BLOCK_AMZL", "PACKING_SLIP")
    """What sellers may require of fulfilment. Blank boxes are not for everybody."""
    fulfilment_cancels_lost: bool = False
    """Cancellations are accepted and never come to anything."""
    fulfilment_hidden_s: float = 0.0
    """How long an order that was taken is not found by those who ask for it. Its id is taken at once."""
    fulfilment_placed_in: str = ""
    """The country new orders are placed in, whatever origin they name; empty: the one they name."""


@dataclass(slots=True)
class Account:
    """A seller: its stores, offers, orders and feeds."""

    seller_id: str
    store_name: str
    marketplaces: list[Marketplace]
    not_participating: list[Marketplace] = field(default_factory=list)
    listings: Listings = field(default_factory=Listings)
    fba_stock: dict[str, int] = field(default_factory=dict)
    """Units that can be picked, of each SKU Amazon has ever had in its warehouses."""
    fba_elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    fba_changed: dict[str, datetime] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    fulfilment_orders: dict[str, FulfilmentOrder] = field(default_factory=dict)
    outbound_versions: tuple[str, ...] = VERSIONS
    """Of the API for fulfilment orders: the ones this seller may use."""

    def serves(self, marketplace_id: str) -> bool:
        return any(marketplace.id == marketplace_id for marketplace in self.marketplaces)

    def elsewhere(self, sku: str) -> Elsewhere:
        return self.fba_elsewhere.get(sku, NOTHING)

    def move_fba_stock(self, sku: str, units: int, at: datetime) -> None:
        """More or, with a negative number, fewer units that can be picked; never below zero."""
        self.fba_stock[sku] = max(0, self.fba_stock.get(sku, 0) + units)
        self.fba_changed[sku] = max(at, self.fba_changed.get(sku, at))


@dataclass(order=True, slots=True)
class LateChange:
    """A change of an offer that Amazon has accepted and not yet carried out."""

    due: datetime
    number: int
    account: Account = field(compare=False)
    sku: str = field(compare=False)
    patches: Sequence[Patch] = field(default=(), compare=False)
    marketplace_ids: Sequence[str] = field(default=(), compare=False)
    new_listing: Listing | None = field(default=None, compare=False)

    def carry_out(self) -> None:
        if self.new_listing is not None:
            self.account.listings[self.sku] = self.new_listing
        elif listing := self.account.listings.get(self.sku):
            attributes, _issues = listing.patched(self.patches, self.marketplace_ids)
            listing.attributes, listing.changed = attributes, self.due


class World:
    """The whole state, guarded by one lock. Starts with the demo seller, its app and its consent."""

    def __init__(
        self,
        *,
        quotas: Quotas = "amazon",
        seed: int = 1,
        listings: list[Listing] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self.quotas: Quotas = quotas
        self._seed = seed
        self._listings = listings if listings is not None else tea_shop()
        self._articles = {article.asin: article for article in articles()}
        self.notices = Notices(self)
        self.reset()

    def reset(self) -> None:
        """Forget everything and begin anew; only the clock keeps its time."""
        self.random = random.Random(self._seed)  # noqa: S311
        self.limiter = RateLimiter(self.quotas)
        self.faults = Faults()
        self.settings = Settings()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.violations: list[str] = []
        self.apps: dict[str, App] = {}
        self.grants: dict[str, Grant] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.oauth_codes: dict[str, OAuthCode] = {}
        self.accounts: dict[str, Account] = {}
        self.feeding: dict[str, Account] = {}
        """The sellers that have ever sent a feed: nobody else's have to be looked after."""
        self.documents: dict[str, Document] = {}
        self.notices = Notices(self, self.notices.deliver)
        self.open_fulfilment: list[FulfilmentOrder] = []
        self.fulfilment_seen = self.now()
        """Until when fulfilment orders have been brought: nothing happens to them before that any more."""
        self.pages: dict[str, Any] = {}
        self._late_changes: list[LateChange] = []
        self._last_number = 0
        self._register_demo()

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def demo(self) -> Account:
        """The seller most tests and the demo use."""
        return self.accounts[credentials.SELLER_ID]

    def add_account(
        self, seller_id: str, store_name: str, refresh_token: str, client_id: str = ""
    ) -> Account:
        """Another seller who has already consented to the demo app (or to `client_id`)."""
        countries = [BY_COUNTRY[country] for country in ("DE", "FR", "IT")]
        account = Account(seller_id, store_name, countries, [BY_COUNTRY["ES"], BY_COUNTRY["GB"]])
        account.listings = Listings({listing.sku: listing.copy() for listing in self._listings})
        self.accounts[seller_id] = account
        self.grant(client_id or credentials.CLIENT_ID, seller_id, refresh_token)
        return account

    def add_crowd(self, count: int) -> None:
        """So many further sellers with nothing to sell, who have consented to the demo app: they are called
        `credentials.crowd_seller_id` and come in with `credentials.crowd_refresh_token`."""
        countries = [BY_COUNTRY[country] for country in ("DE", "FR", "IT")]
        for number in range(1, count + 1):
            seller_id = credentials.crowd_seller_id(number)
            self.accounts[seller_id] = Account(seller_id, seller_id, countries)
            self.grant(credentials.CLIENT_ID, seller_id, credentials.crowd_refresh_token(number))

    def grant(self, client_id: str, seller_id: str, refresh_token: str = "") -> Grant:
        """The seller consents: a refresh token for the application."""
        token = refresh_token or self.token("Atzr")
        self.grants[token] = Grant(token, client_id, seller_id)
        return self.grants[token]

    def revoke(self, refresh_token: str) -> None:
        """The seller withdraws consent: the refresh token and all access tokens from it stop working."""
        grant = self.grants[refresh_token]
        grant.is_revoked = True
        self.access_tokens = {
            text: token for text, token in self.access_tokens.items() if token.grant is not grant
        }

    def rotate_secret(self, client_id: str, new_secret: str, *, keep_old: bool) -> None:
        """Give the app a new secret; with `keep_old` the last one stays valid beside it."""
        app = self.apps[client_id]
        app.secrets = [new_secret, *(app.secrets[:1] if keep_old else [])]

    def find_order(self, order_id: str) -> Order | None:
        """The order of whichever seller."""
        return next(
            (account.orders[order_id] for account in self.accounts.values() if order_id in account.orders),
            None,
        )

    def find_article(self, asin: str) -> Article | None:
        """An article of the catalogue; what somebody offers is one as well."""
        if article := self._articles.get(asin):
            return article
        offered = (found for account in self.accounts.values() for found in account.listings.with_asin(asin))
        listing = next(offered, None)
        return _article_of(listing) if listing else None

    def article(self, asin: str) -> Article:
        """Raises `KeyError`."""
        found = self.find_article(asin)
        if found is None:
            raise KeyError(asin)
        return found

    def articles_with_gtin(self, gtin: str) -> list[Article]:
        """Several are normal."""
        found = {article.asin: article for article in self._articles.values() if article.gtin == gtin}
        for account in self.accounts.values():
            for listing in account.listings.with_gtin(gtin):
                found.setdefault(listing.asin, self.article(listing.asin))
        return list(found.values())

    def all_articles(self) -> Iterator[Article]:
        """The catalogue, and what is offered beyond it."""
        yield from self._articles.values()
        seen = set(self._articles)
        for account in self.accounts.values():
            for listing in account.listings.values():
                if listing.asin and listing.asin not in seen:
                    seen.add(listing.asin)
                    yield _article_of(listing)

    def change_listing_later(
        self, account: Account, sku: str, patches: Sequence[Patch], marketplace_ids: Sequence[str]
    ) -> None:
        """Carry out an accepted change, at once if nothing else was set."""
        self._later(account, sku, patches=patches, marketplace_ids=marketplace_ids)

    def put_listing_later(self, account: Account, listing: Listing) -> None:
        self._later(account, listing.sku, new_listing=listing)

    def _later(self, account: Account, sku: str, **change: Any) -> None:
        due = self.now() + timedelta(seconds=self.settings.listing_delay_s)
        heapq.heappush(self._late_changes, LateChange(due, self.number(), account, sku, **change))
        self.carry_out_late_changes()

    def carry_out_late_changes(self) -> None:
        """Let the accepted changes of offers get as far as the clock allows."""
        now = self.now()
        while self._late_changes and self._late_changes[0].due <= now:
            heapq.heappop(self._late_changes).carry_out()

    def violation(self, text: str) -> None:
        """Keep something a strict Amazon would hold against its client."""
        self.violations.append(f"{self.now().isoformat(timespec='seconds')} {text}")

    def number(self) -> int:
        """A number no other thing in this world has."""
        self._last_number += 1
        return self._last_number

    def token(self, prefix: str) -> str:
        return f"{prefix}|{uuid.uuid4().hex}{uuid.uuid4().hex}"

    def _register_demo(self) -> None:
        self.apps[credentials.CLIENT_ID] = App(
            credentials.CLIENT_ID, credentials.APPLICATION_ID, "Kogge", [credentials.CLIENT_SECRET]
        )
        self.add_account(credentials.SELLER_ID, credentials.STORE_NAME, credentials.REFRESH_TOKEN)


def _article_of(listing: Listing) -> Article:
    return Article(listing.asin, listing.title, listing.gtin, product_type=listing.product_type)
