"""The control plane lets tests and people play buyer, seller and Amazon.

As methods of `Controls` (and so of `Simulator`), and as JSON under `/_control/`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from kogge.simulator import credentials, fulfilment
from kogge.simulator.attributes import MERCHANT, Issue
from kogge.simulator.clock import iso
from kogge.simulator.faults import Fault, Kind
from kogge.simulator.fba_inventory_v1 import fba_skus
from kogge.simulator.fulfilment_orders import (
    VERSIONS,
    Elsewhere,
    Fate,
    FulfilmentOrder,
    Halt,
    Mishap,
    Shipment,
    Units,
)
from kogge.simulator.generate import UnknownWish, Wish, place, release_pending, wire_name
from kogge.simulator.listings import HOME, Listing
from kogge.simulator.marketplaces import MARKETPLACES
from kogge.simulator.notifications import Deliver
from kogge.simulator.order_document import everything, grand_total
from kogge.simulator.quotas import Plan
from kogge.simulator.wire import Request, Response, json_response
from kogge.simulator.world import (
    CANCELLED,
    PENDING,
    PENDING_AVAILABILITY,
    SHIPPED,
    Account,
    Feed,
    Item,
    Order,
    Package,
    Settings,
    World,
)


class Change(msgspec.Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """What happens to an order at Amazon without the API: all given parts, in this order."""

    status: str | None = None
    cancelled_by: str = "AMAZON"
    cancel_reason: str = ""
    address: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET
    quantity_fulfilled: int | dict[str, int] | None = None
    """Units that left otherwise, per item id or for every item."""
    cancellation_request: str | None = None
    """The buyer's reason; an empty text withdraws the request."""
    patch: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    raw: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ListingChange(msgspec.Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """What happens to an offer at Amazon without the API, as by hand in Seller Central: all given parts.

    A price of `null` is taken away; `marketplaceId` says where the prices hold. With an error among the
    `issues` Amazon refuses every change through the API; `isFrozen` lets it accept and forget them.
    """

    seller_id: str = credentials.SELLER_ID
    marketplace_id: str = HOME
    stock: int | None = None
    lead_time_days: int | None = None
    price: Decimal | None = None
    sale_price: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    business_price: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    min_price: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    max_price: Decimal | msgspec.UnsetType | None = msgspec.UNSET
    channel: str | None = None
    issues: list[Issue] | None = None
    is_frozen: bool | None = None
    is_gone: bool = False


class FulfilmentChange(msgspec.Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """What happens to a fulfilment order at Amazon: all given parts.

    `lost`: units, by item id, that turn out to be missing when they are picked. `goOn` takes the next step
    at once, whatever has kept the order.
    """

    fate: Fate | None = None
    stuck_in: Halt | None = None
    lost: dict[str, Units] = {}
    mishap: Mishap | None = None
    """What happens to its parcels on their way."""
    is_hidden: bool | None = None
    """Amazon says that there is no such order. Its id stays taken."""
    is_silent: bool | None = None
    """Amazon does not tell what it sent, whatever the status says."""
    go_on: bool = False


_OTHER_PRICES = {
    "sale_price": "discounted_price",
    "min_price": "minimum_seller_allowed_price",
    "max_price": "maximum_seller_allowed_price",
}


class Controls:
    """Everything the control plane can do, as methods. All are safe to call while requests are answered."""

    def __init__(self, world: World) -> None:
        self.world = world

    def place_orders(self, count: int = 1, **wish: Any) -> list[Order]:
        """Let buyers order now. `wish`: any field of `Wish`, e.g. `kind="gift"`, `sku="TS-01"`.

        Searches show them two minutes later (`advance(121)`), or at once when `age_s` dates them back.
        """
        parsed = msgspec.convert({wire_name(name): value for name, value in wish.items()}, Wish, strict=False)
        with self.world.lock:
            return [place(self.world, parsed) for _ in range(count)]

    def place_order(self, **wish: Any) -> Order:
        return self.place_orders(1, **wish)[0]

    def change_order(self, order_id: str, **change: Any) -> Order:
        """Something happens to an order at Amazon: any field of `Change`, e.g. `status="UNSHIPPED"`.

        Raises `KeyError` for an order nobody placed.
        """
        if "raw" in change:
            change["raw"] = msgspec.Raw(msgspec.json.encode(change["raw"]))
        parsed = msgspec.convert({wire_name(name): value for name, value in change.items()}, Change)
        return self._change(order_id, parsed)

    def _change(self, order_id: str, change: Change) -> Order:
        with self.world.lock:
            order = self.world.find_order(order_id)
            if order is None:
                raise KeyError(order_id)
            apply_change(self.world, order, change)
            return order

    def release_pending(self) -> list[Order]:
        """Payment of all pending orders goes through."""
        with self.world.lock:
            return release_pending(self.world)

    def order(self, order_id: str) -> Order:
        """What Amazon knows about an order. Raises `KeyError`."""
        found = self.world.find_order(order_id)
        if found is None:
            raise KeyError(order_id)
        return found

    @property
    def orders(self) -> list[Order]:
        """All orders of all sellers, as placed."""
        with self.world.lock:
            return [order for account in self.world.accounts.values() for order in account.orders.values()]

    @property
    def feeds(self) -> list[Feed]:
        with self.world.lock:
            return [feed for account in self.world.accounts.values() for feed in account.feeds.values()]

    @property
    def violations(self) -> list[str]:
        """What a strict Amazon would hold against its client."""
        return self.world.violations

    @property
    def calls(self) -> dict[str, int]:
        """How often each operation was called, refused calls included."""
        return dict(self.world.calls)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        with self.world.lock:
            self.world.clock.advance(seconds)
            self.world.carry_out_late_changes()
            fulfilment.proceed(self.world)
            self.world.notices.deliver_held()

    def fault(
        self, operation: str, kind: Kind, *, times: int | None = 1, after: int = 0, **more: Any
    ) -> Fault:
        """Order trouble; see `Fault`."""
        fault = Fault(operation=operation, kind=kind, times=times, after=after, **more)
        with self.world.lock:
            self.world.faults.open.append(fault)
        return fault

    def deliver_notifications(self, deliver: Deliver | None) -> None:
        """Who brings notifications to a queue: called with its ARN and the text. None: nobody, none is sent.

        What comes of the faults `lose`, `duplicate` and `reorder` of the operation `notification` is
        decided before.
        """
        with self.world.lock:
            self.world.notices.deliver = deliver

    def clear_faults(self) -> None:
        with self.world.lock:
            self.world.faults.open.clear()

    def set(self, **settings: Any) -> None:
        """Turn the knobs of `Settings`, e.g. `feed_process_s=0`."""
        with self.world.lock:
            current = msgspec.to_builtins(self.world.settings)
            self.world.settings = msgspec.convert({**current, **settings}, Settings)

    def set_quota(self, operation: str, rate: float, burst: int) -> None:
        with self.world.lock:
            self.world.limiter.set_plan(operation, Plan(rate, burst))

    def set_listings(self, listings: list[Listing], *, seller_id: str = credentials.SELLER_ID) -> None:
        """Add or replace offers."""
        with self.world.lock:
            self.world.accounts[seller_id].listings.update({listing.sku: listing for listing in listings})

    def listing(self, sku: str, *, seller_id: str = credentials.SELLER_ID) -> Listing:
        """An offer as Amazon keeps it. Raises `KeyError`."""
        return self.world.accounts[seller_id].listings[sku]

    def change_listing(self, sku: str, **change: Any) -> Listing:
        """Something happens to an offer at Amazon: any field of `ListingChange`, e.g. `stock=3`.

        Raises `KeyError` for an unknown SKU.
        """
        parsed = msgspec.convert(
            {wire_name(name): value for name, value in change.items()}, ListingChange, strict=False
        )
        return self._change_listing(sku, parsed)

    def _change_listing(self, sku: str, change: ListingChange) -> Listing:
        with self.world.lock:
            listings = self.world.accounts[change.seller_id].listings
            listing = listings[sku]
            apply_listing_change(self.world, listing, change)
            if change.is_gone:
                del listings[sku]
            return listing

    def set_fba_stock(self, stock: dict[str, int], *, seller_id: str = credentials.SELLER_ID) -> None:
        """Units in Amazon's warehouses, by SKU: those that can be picked."""
        with self.world.lock:
            account, now = self.world.accounts[seller_id], self.world.now()
            for sku, units in stock.items():
                account.move_fba_stock(sku, units - account.fba_stock.get(sku, 0), now)
            fulfilment.proceed(self.world)

    def set_fba_elsewhere(
        self, sku: str, *, seller_id: str = credentials.SELLER_ID, **units: int
    ) -> Elsewhere:
        """Units in Amazon's hands that cannot be picked: any field of `Elsewhere`, e.g. `in_transfer=2`."""
        parsed = msgspec.convert({wire_name(name): each for name, each in units.items()}, Elsewhere)
        self._set_fba_elsewhere({sku: parsed}, seller_id)
        return parsed

    def _set_fba_elsewhere(self, units: dict[str, Elsewhere], seller_id: str) -> None:
        """A snapshot of changes: what only concerns units on their way to Amazon is none."""
        with self.world.lock:
            account, now = self.world.accounts[seller_id], self.world.now()
            for sku, elsewhere in units.items():
                before = account.elsewhere(sku)
                account.fba_elsewhere[sku] = elsewhere
                account.fba_stock.setdefault(sku, 0)
                if elsewhere.total - elsewhere.inbound != before.total - before.inbound:
                    account.fba_changed[sku] = now
            fulfilment.proceed(self.world)

    def set_outbound_versions(self, *versions: str, seller_id: str = credentials.SELLER_ID) -> None:
        """Which versions of the API for fulfilment orders the seller may use; 403 for the others.

        Raises `ValueError` for one that does not exist.
        """
        if unknown := set(versions) - set(VERSIONS):
            raise ValueError(f"no version {min(unknown)}; there are: {', '.join(VERSIONS)}")
        with self.world.lock:
            self.world.accounts[seller_id].outbound_versions = versions

    @property
    def fulfilment_orders(self) -> list[FulfilmentOrder]:
        """What Amazon ships for shops, of all sellers, as created."""
        with self.world.lock:
            accounts = self.world.accounts.values()
            return [order for account in accounts for order in account.fulfilment_orders.values()]

    def fulfilment_order(self, order_id: str) -> FulfilmentOrder:
        """Raises `KeyError`."""
        for order in self.fulfilment_orders:
            if order.order_id == order_id:
                return order
        raise KeyError(order_id)

    def change_fulfilment(self, order_id: str, **change: Any) -> FulfilmentOrder:
        """Something happens to a fulfilment order: any field of `FulfilmentChange`, e.g. `go_on=True`.

        Raises `KeyError` for an order or item that does not exist.
        """
        parsed = msgspec.convert({wire_name(name): each for name, each in change.items()}, FulfilmentChange)
        with self.world.lock:
            order = self.fulfilment_order(order_id)
            apply_fulfilment_change(self.world, order, parsed)
            return order

    def change_feed(self, feed_id: str, *, stuck_in: str | None = None, fate: str | None = None) -> Feed:
        """Let a feed hang in a status, go on (`stuck_in=""`), or end badly. Raises `KeyError`."""
        with self.world.lock:
            feed = next((feed for feed in self.feeds if feed.feed_id == feed_id), None)
            if feed is None:
                raise KeyError(feed_id)
            feed.stuck_in = feed.stuck_in if stuck_in is None else stuck_in
            feed.fate = feed.fate if fate is None else fate
            return feed

    def revoke(self, refresh_token: str = credentials.REFRESH_TOKEN) -> None:
        """The seller withdraws consent."""
        with self.world.lock:
            self.world.revoke(refresh_token)

    def rotate_secret(
        self, new: str, *, client_id: str = credentials.CLIENT_ID, keep_old: bool = False
    ) -> None:
        with self.world.lock:
            self.world.rotate_secret(client_id, new, keep_old=keep_old)

    def add_account(self, seller_id: str, store_name: str, refresh_token: str) -> Account:
        """Another seller, with consent already given."""
        with self.world.lock:
            return self.world.add_account(seller_id, store_name, refresh_token)

    def add_crowd(self, count: int) -> None:
        """Many more sellers with nothing to sell, see `World.add_crowd`."""
        with self.world.lock:
            self.world.add_crowd(count)

    def reset(self) -> None:
        """Back to the empty world; the clock goes on."""
        with self.world.lock:
            self.world.reset()

    def state(self) -> dict[str, Any]:
        """All that Amazon knows, as JSON values."""
        with self.world.lock:
            return _state(self.world)


def apply_change(world: World, order: Order, change: Change) -> None:
    """Carry out a change and move the order's last-updated time."""
    now = world.now()
    if change.cancellation_request is not None:
        for item in order.items:
            item.cancellation_request = change.cancellation_request
        order.touch(now, "cancellation_requested", change.cancellation_request)
    if not isinstance(change.address, msgspec.UnsetType):
        order.address = change.address
        order.touch(now, "address_changed")
    if change.quantity_fulfilled is not None:
        _fulfil_elsewhere(order, change.quantity_fulfilled)
        order.touch(now, "shipped_elsewhere")
    if change.status is not None:
        _change_status(world, order, change)
    if not isinstance(change.patch, msgspec.UnsetType):
        order.patch = change.patch
        order.touch(now, "poisoned")
    if not isinstance(change.raw, msgspec.UnsetType):
        order.raw = msgspec.Raw(bytes(change.raw))
        order.touch(now, "poisoned")


def apply_listing_change(world: World, listing: Listing, change: ListingChange) -> None:
    """Carry out a change of an offer. Raises `ValueError` for a marketplace that is none."""
    _require_marketplace(change.marketplace_id)
    if change.channel is not None:
        listing.channel = change.channel
    if change.stock is not None:
        listing.stock = change.stock
    if change.lead_time_days is not None:
        listing.lead_time_days = change.lead_time_days
    if change.price is not None:
        listing.set_price("our_price", change.price, change.marketplace_id)
    for field, name in _OTHER_PRICES.items():
        price = getattr(change, field)
        if not isinstance(price, msgspec.UnsetType):
            listing.set_price(name, price, change.marketplace_id)
    if not isinstance(change.business_price, msgspec.UnsetType):
        listing.set_business_price(change.business_price, change.marketplace_id)
    if change.issues is not None:
        listing.issues = change.issues
        world.notices.issues_changed(change.seller_id, listing)
    if change.is_frozen is not None:
        listing.is_frozen = change.is_frozen
    listing.changed = world.now()


def apply_fulfilment_change(world: World, order: FulfilmentOrder, change: FulfilmentChange) -> None:
    """Raises `KeyError` for an item the order does not have."""
    for line_id, units in change.lost.items():
        order.line(line_id).lost = units
    if change.fate is not None:
        order.fate = change.fate
    if change.stuck_in is not None:
        order.stuck_in = change.stuck_in
    if change.mishap is not None:
        order.mishap = change.mishap
    if change.is_hidden is not None:
        order.is_hidden = change.is_hidden
    if change.is_silent is not None:
        order.is_silent = change.is_silent
    if change.go_on:
        fulfilment.go_on(world, order)
    fulfilment.proceed(world)


def _require_marketplace(marketplace_id: str) -> None:
    if marketplace_id not in MARKETPLACES:
        raise ValueError(f"no marketplace {marketplace_id}")


def _fulfil_elsewhere(order: Order, quantities: int | dict[str, int]) -> None:
    for item in order.items:
        quantity = quantities if isinstance(quantities, int) else quantities.get(item.item_id)
        if quantity is not None:
            item.fulfilled_elsewhere = min(quantity, item.quantity)
    order.settle_status()


def _change_status(world: World, order: Order, change: Change) -> None:
    now = world.now()
    was_pending = order.status in (PENDING, PENDING_AVAILABILITY)
    if change.status == CANCELLED:
        _put_back(world, order)
        order.cancel(change.cancelled_by, change.cancel_reason, now)
        return
    order.status = str(change.status)
    if order.status == SHIPPED:
        order.ship_all()
        order.touch(now, "shipped_elsewhere")
        for item in order.items:
            if item.from_warehouse:
                world.accounts[order.seller_id].move_fba_stock(item.sku, 0, now)
    else:
        order.touch(now, "released" if was_pending else "status_changed", order.status)


def _put_back(world: World, order: Order) -> None:
    """Units that Amazon had set aside and nobody gets can be sold again."""
    account = world.accounts[order.seller_id]
    for item in order.items:
        if units := max(0, item.from_warehouse - order.fulfilled(item)):
            account.move_fba_stock(item.sku, units, world.now())
        item.from_warehouse = 0


def answer(world: World, request: Request) -> Response:
    """A request to the control plane."""
    controls = Controls(world)
    command = request.path.removeprefix("/_control/")
    name, _, argument = command.partition("/")
    handler = _COMMANDS.get((request.method, name))
    if handler is None:
        return json_response(404, {"error": f"no command {request.method} {command}"})
    try:
        return json_response(200, handler(controls, argument, request.body or b"{}"))
    except KeyError as error:
        return json_response(404, {"error": f"not found: {error.args[0]}"})
    except (msgspec.DecodeError, UnknownWish, ValueError) as error:
        return json_response(400, {"error": str(error)})


class _WishedOrders(Wish, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    count: int = 1


def _post_orders(controls: Controls, order_id: str, body: bytes) -> object:
    world = controls.world
    if order_id:
        change = msgspec.json.decode(body, type=Change)
        return {"order": _order_state(controls._change(order_id, change), world)}
    wish = msgspec.json.decode(body, type=_WishedOrders)
    orders = [place(world, wish) for _ in range(wish.count)]
    return {"orders": [_order_state(order, world) for order in orders]}


def _get_orders(controls: Controls, order_id: str, _body: bytes) -> object:
    return _order_state(controls.order(order_id), controls.world)


class _PostedTime(msgspec.Struct, forbid_unknown_fields=True):
    advance_s: float


def _post_time(controls: Controls, _argument: str, body: bytes) -> object:
    controls.advance(msgspec.json.decode(body, type=_PostedTime).advance_s)
    return {"now": iso(controls.world.now())}


def _post_faults(controls: Controls, _argument: str, body: bytes) -> object:
    controls.world.faults.open += msgspec.json.decode(body, type=list[Fault])
    return {"faults": controls.world.faults.open}


def _delete_faults(controls: Controls, _argument: str, _body: bytes) -> object:
    controls.clear_faults()
    return {"faults": []}


class _PostedListing(msgspec.Struct, rename=wire_name, forbid_unknown_fields=True, kw_only=True):
    sku: str
    asin: str = ""
    title: str = ""
    price: Decimal = Decimal("9.99")
    gtin: str = ""
    stock: int = 100
    lead_time_days: int = 1
    channel: str = MERCHANT
    sale_price: Decimal | None = None
    business_price: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    prices: dict[str, Decimal] = {}
    """Of marketplaces other than Germany, by their ids."""
    product_type: str = "KITCHEN"
    image: str = ""


def _post_listings(controls: Controls, argument: str, body: bytes) -> object:
    """A list of offers to keep, for the seller named or for the demo's; or a change of the SKU named."""
    if body.lstrip().startswith(b"{"):
        change = msgspec.json.decode(body, type=ListingChange)
        return {"listing": _listing_state(controls._change_listing(unquote(argument), change))}
    posted = msgspec.json.decode(body, type=list[_PostedListing])
    for marketplace_id in {each for listing in posted for each in listing.prices}:
        _require_marketplace(marketplace_id)
    listings = [Listing(**msgspec.structs.asdict(listing)) for listing in posted]
    controls.set_listings(listings, seller_id=argument or credentials.SELLER_ID)
    return {"listings": [_listing_state(listing) for listing in listings]}


def _post_fba_stock(controls: Controls, argument: str, body: bytes) -> object:
    stock = msgspec.json.decode(body, type=dict[str, Units])
    seller_id = argument or credentials.SELLER_ID
    controls.set_fba_stock(stock, seller_id=seller_id)
    return {"fbaStock": controls.world.accounts[seller_id].fba_stock}


def _post_fba_inventory(controls: Controls, argument: str, body: bytes) -> object:
    units = msgspec.json.decode(body, type=dict[str, Elsewhere])
    seller_id = argument or credentials.SELLER_ID
    controls._set_fba_elsewhere(units, seller_id)
    return {"fbaInventory": _inventory_state(controls.world.accounts[seller_id])}


def _post_outbound_versions(controls: Controls, argument: str, body: bytes) -> object:
    versions = msgspec.json.decode(body, type=list[str])
    controls.set_outbound_versions(*versions, seller_id=argument or credentials.SELLER_ID)
    return {"outboundVersions": versions}


def _post_fulfilment_orders(controls: Controls, order_id: str, body: bytes) -> object:
    change = msgspec.json.decode(body, type=FulfilmentChange)
    order = controls.fulfilment_order(order_id)
    apply_fulfilment_change(controls.world, order, change)
    return {"fulfillmentOrder": _fulfilment_state(order)}


def _get_fulfilment_orders(controls: Controls, order_id: str, _body: bytes) -> object:
    if order_id:
        return _fulfilment_state(controls.fulfilment_order(order_id))
    return {"fulfillmentOrders": [_fulfilment_state(order) for order in controls.fulfilment_orders]}


def _post_settings(controls: Controls, _argument: str, body: bytes) -> object:
    controls.set(**msgspec.json.decode(body, type=dict[str, Any]))
    return controls.world.settings


class _PostedQuota(msgspec.Struct, forbid_unknown_fields=True):
    operation: str
    rate: float
    burst: int


def _post_quotas(controls: Controls, _argument: str, body: bytes) -> object:
    quota = msgspec.json.decode(body, type=_PostedQuota)
    controls.set_quota(quota.operation, quota.rate, quota.burst)
    return quota


class _PostedFeedChange(msgspec.Struct, rename=wire_name, forbid_unknown_fields=True):
    stuck_in: str | None = None
    fate: str | None = None


def _post_feeds(controls: Controls, feed_id: str, body: bytes) -> object:
    change = msgspec.json.decode(body, type=_PostedFeedChange)
    return _feed_state(controls.change_feed(feed_id, stuck_in=change.stuck_in, fate=change.fate))


class _PostedRevocation(msgspec.Struct, rename=wire_name, forbid_unknown_fields=True):
    refresh_token: str = credentials.REFRESH_TOKEN


def _post_revoke(controls: Controls, _argument: str, body: bytes) -> object:
    controls.revoke(msgspec.json.decode(body, type=_PostedRevocation).refresh_token)
    return {"revoked": True}


class _PostedSecret(msgspec.Struct, rename=wire_name, forbid_unknown_fields=True):
    new_secret: str
    client_id: str = credentials.CLIENT_ID
    keep_old: bool = False


def _post_secrets(controls: Controls, _argument: str, body: bytes) -> object:
    posted = msgspec.json.decode(body, type=_PostedSecret)
    controls.rotate_secret(posted.new_secret, client_id=posted.client_id, keep_old=posted.keep_old)
    return {"rotated": True}


class _PostedAccount(msgspec.Struct, rename=wire_name, forbid_unknown_fields=True):
    seller_id: str
    store_name: str
    refresh_token: str


def _post_accounts(controls: Controls, _argument: str, body: bytes) -> object:
    posted = msgspec.json.decode(body, type=_PostedAccount)
    controls.add_account(posted.seller_id, posted.store_name, posted.refresh_token)
    return posted


class _PostedCrowd(msgspec.Struct, forbid_unknown_fields=True):
    count: int


def _post_crowd(controls: Controls, _argument: str, body: bytes) -> object:
    posted = msgspec.json.decode(body, type=_PostedCrowd)
    controls.add_crowd(posted.count)
    return posted


def _post_reset(controls: Controls, _argument: str, _body: bytes) -> object:
    controls.reset()
    return {"reset": True}


def _get_state(controls: Controls, _argument: str, _body: bytes) -> object:
    return controls.state()


_COMMANDS: dict[tuple[str, str], Callable[[Controls, str, bytes], object]] = {
    ("POST", "orders"): _post_orders,
    ("GET", "orders"): _get_orders,
    ("POST", "time"): _post_time,
    ("POST", "faults"): _post_faults,
    ("DELETE", "faults"): _delete_faults,
    ("POST", "listings"): _post_listings,
    ("POST", "fba-stock"): _post_fba_stock,
    ("POST", "fba-inventory"): _post_fba_inventory,
    ("POST", "outbound-versions"): _post_outbound_versions,
    ("POST", "fulfillment-orders"): _post_fulfilment_orders,
    ("GET", "fulfillment-orders"): _get_fulfilment_orders,
    ("POST", "settings"): _post_settings,
    ("POST", "quotas"): _post_quotas,
    ("POST", "feeds"): _post_feeds,
    ("POST", "revoke"): _post_revoke,
    ("POST", "secrets"): _post_secrets,
    ("POST", "accounts"): _post_accounts,
    ("POST", "crowd"): _post_crowd,
    ("POST", "reset"): _post_reset,
    ("GET", "state"): _get_state,
}


def _state(world: World) -> dict[str, Any]:
    accounts = world.accounts.values()
    return {
        "now": iso(world.now()),
        "orders": [_order_state(order, world) for account in accounts for order in account.orders.values()],
        "feeds": [_feed_state(feed) for account in accounts for feed in account.feeds.values()],
        "calls": dict(world.calls),
        "refused": dict(world.refused),
        "violations": world.violations,
        "listings": [_listing_state(listing) for listing in world.demo.listings.values()],
        "fbaStock": world.demo.fba_stock,
        "fbaInventory": _inventory_state(world.demo),
        "fulfillmentOrders": [
            _fulfilment_state(order) for account in accounts for order in account.fulfilment_orders.values()
        ],
        "faults": world.faults.open,
        "settings": world.settings,
    }


def _order_state(order: Order, world: World) -> dict[str, Any]:
    acknowledged = order.acknowledgement
    return {
        "orderId": order.order_id,
        "sellerId": order.seller_id,
        "marketplaceId": order.marketplace.id,
        "channel": order.channel,
        "status": order.status,
        "fulfilledBy": order.fulfilled_by,
        "createdTime": iso(order.created),
        "lastUpdatedTime": iso(order.updated),
        "total": f"{grand_total(order, order.items):.2f}",
        "currency": order.marketplace.currency,
        "acknowledged": acknowledged
        and {
            "at": iso(acknowledged.at),
            "feedId": acknowledged.feed_id,
            "merchantOrderId": acknowledged.merchant_order_id,
        },
        "cancelledBy": order.cancelled_by,
        "items": [_item_state(order, item) for item in order.items],
        "packages": [_package_state(package) for package in order.packages.values()],
        "timeline": [
            {"at": iso(event.at), "what": event.what, "detail": event.detail} for event in order.timeline
        ],
        "order": everything(order, world.now()),
    }


def _item_state(order: Order, item: Item) -> dict[str, Any]:
    return {
        "orderItemId": item.item_id,
        "sku": item.sku,
        "asin": item.asin,
        "title": item.title,
        "quantity": item.quantity,
        "fulfilled": order.fulfilled(item),
        "total": f"{grand_total(order, [item]):.2f}",
        "cancelReason": item.cancel_reason,
    }


def _package_state(package: Package) -> dict[str, Any]:
    return {
        "packageReferenceId": package.reference_id,
        "carrierCode": package.carrier_code,
        "carrierName": package.carrier_name,
        "shippingMethod": package.shipping_method,
        "trackingNumber": package.tracking_number,
        "shipDate": iso(package.ship_date),
        "items": package.quantities,
        "edits": package.edits,
    }


def _listing_state(listing: Listing) -> dict[str, Any]:
    return {
        "sku": listing.sku,
        "asin": listing.asin,
        "title": listing.title,
        "price": f"{listing.price:.2f}",
        "gtin": listing.gtin,
        "stock": listing.stock,
        "lead_time_days": listing.lead_time_days,
        "channel": listing.channel,
        "attributes": listing.attributes,
        "issues": listing.all_issues(listing.marketplace_ids),
        "patches": listing.accepted,
        "changed": iso(listing.changed),
    }


def _inventory_state(account: Account) -> dict[str, Any]:
    """Of each SKU: what can be picked, what lies ready for fulfilment orders, and the rest."""
    reserved: Counter[str] = Counter()
    for order in account.fulfilment_orders.values():
        for line in order.lines:
            reserved[line.sku] += line.reserved
    return {
        sku: {
            "fulfillable": account.fba_stock.get(sku, 0),
            "reserved": reserved[sku],
            **msgspec.to_builtins(account.elsewhere(sku)),
        }
        for sku in fba_skus(account)
    }


def _fulfilment_state(order: FulfilmentOrder) -> dict[str, Any]:
    return {
        "orderId": order.order_id,
        "sellerId": order.seller_id,
        "marketplaceId": order.marketplace.id,
        "version": order.version,
        "status": order.status,
        "reason": order.reason,
        "stuckIn": order.stuck_in,
        "fate": order.fate,
        "mishap": order.mishap,
        "receivedTime": iso(order.received),
        "statusTime": iso(order.since),
        "estimatedShipTime": iso(order.promised_ship),
        "speed": order.speed,
        "action": order.action,
        "policy": order.policy,
        "features": order.features,
        "displayableOrderId": order.display_id,
        "address": order.address,
        "echoOrderId": order.echo_id,
        "items": [
            {
                "itemId": line.line_id,
                "sku": line.sku,
                "quantity": line.quantity,
                "reserved": line.reserved,
                "shipped": line.shipped,
                "cancelled": line.cancelled,
                "unfulfillable": line.unfulfillable,
            }
            for line in order.lines
        ],
        "shipments": [_shipment_state(shipment) for shipment in order.shipments],
        "history": [{"at": iso(at), "status": status, "reason": why} for at, status, why in order.history],
    }


def _shipment_state(shipment: Shipment) -> dict[str, Any]:
    return {
        "shipmentId": shipment.shipment_id,
        "isShipped": shipment.is_shipped,
        "shipTime": iso(shipment.ships_at),
        "packages": [
            {
                "packageNumber": parcel.number,
                "carrierCode": parcel.carrier,
                "trackingNumber": parcel.tracking_number,
                "items": parcel.quantities,
            }
            for parcel in shipment.parcels
        ],
    }


def _feed_state(feed: Feed) -> dict[str, Any]:
    return {
        "feedId": feed.feed_id,
        "sellerId": feed.seller_id,
        "feedType": feed.feed_type,
        "marketplaceIds": feed.marketplace_ids,
        "status": feed.status,
        "createdTime": iso(feed.created),
        "processingEndTime": feed.ended and iso(feed.ended),
        "stuckIn": feed.stuck_in,
    }
