"""Random but repeatable orders of every kind Amazon knows, and the thread that brings them in the demo."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

import msgspec

from kogge.simulator import buyers, credentials
from kogge.simulator.clock import Clock
from kogge.simulator.listings import Listing
from kogge.simulator.marketplaces import BY_COUNTRY, MARKETPLACES, Marketplace
from kogge.simulator.quotas import Quotas
from kogge.simulator.world import (
    CANCELLED,
    PARTIALLY_SHIPPED,
    PENDING,
    PENDING_AVAILABILITY,
    SHIPPED,
    UNSHIPPED,
    ZERO,
    Account,
    Event,
    Item,
    Order,
    World,
)

CENT = Decimal("0.01")
FREE_SHIPPING_FROM = Decimal("29.00")
SHIPPING_FEE = Decimal("4.90")
GIFT_WRAP_FEE = Decimal("2.50")
PENDING_TIME = timedelta(minutes=3)
"""How long a demo order stays pending."""


_ORDER_FIELDS = (
    "fulfilled_by", "service_level", "channel", "programs", "buyer_name", "buyer_email", "replaces",
)  # fmt: skip


def wire_name(name: str) -> str:
    """`gift_message` → `giftMessage` as Amazon spells; seconds keep their `_s`."""
    if name.endswith("_s"):
        return name
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


class WishedLine(msgspec.Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """One position as ordered through the control plane. What is not said is chosen from the listings."""

    sku: str | None = None
    asin: str | None = None
    title: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    shipping: Decimal | None = None
    gift_wrap: Decimal | None = None
    discount: Decimal | None = None
    gift_message: str | None = None


class Wish(WishedLine, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """An order as wanted: a kind and whatever should differ from it. Line fields shape the first line.

    Where a price is said, shipping costs nothing unless that is said too.
    """

    kind: str = "mixed"
    order_id: str | None = None
    seller_id: str = credentials.SELLER_ID
    status: str | None = None
    marketplace_id: str | None = None
    fulfilled_by: str | None = None
    service_level: str | None = None
    channel: str | None = None
    programs: list[str] | None = None
    buyer_name: str | None = None
    buyer_email: str | None = None
    address: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET
    lines: list[WishedLine] | None = None
    replaces: str | None = None
    age_s: float = 0


class UnknownWish(ValueError):
    """The wish names a kind, seller or marketplace that does not exist."""


def place(world: World, wish: Wish) -> Order:
    """Let a buyer order what is wished for. Raises `UnknownWish`."""
    account = world.accounts.get(wish.seller_id)
    if account is None:
        raise UnknownWish(f"no seller {wish.seller_id}")
    kind = _mixed_kind(world.random) if wish.kind == "mixed" else wish.kind
    shape = KINDS.get(kind)
    if shape is None:
        raise UnknownWish(f"no kind {kind!r}; there are: mixed, {', '.join(KINDS)}")
    order = _standard(world, account, wish, lines=2 + world.random.randrange(3) if kind == "multi" else 1)
    if order.order_id in account.orders:
        raise UnknownWish(f"order {order.order_id} exists already")
    shape(order, world.random)
    _override(order, wish, world.random)
    _price_taxes(order)
    _sell(account, order)
    account.orders[order.order_id] = order
    order.on_change = world.notices.order_changed
    order.on_change(order)
    return order


def _mixed_kind(random: Random) -> str:
    return random.choices(list(MIX), list(MIX.values()))[0]


def _standard(world: World, account: Account, wish: Wish, *, lines: int) -> Order:
    """A plain German order: address, buyer, one line or a few, prices with tax."""
    random = world.random
    created = world.now() - timedelta(seconds=wish.age_s)
    marketplace = _marketplace(wish)
    articles = _articles(account, random, wish, len(wish.lines) if wish.lines else lines)
    order = Order(
        order_id=wish.order_id or _order_id(random),
        seller_id=account.seller_id,
        marketplace=marketplace,
        created=created,
        updated=created,
        status=UNSHIPPED,
        items=[_item(world, listing, _quantity(wish, random)) for listing in articles],
        shows_tax=random.random() < 0.3,
    )
    buyers.introduce(order, marketplace.country, random)
    order.ship_by = (_midnight(created, 0), _midnight(created, 2))
    order.deliver_by = (_midnight(created, 3), _midnight(created, 5))
    order.timeline.append(Event(created, "placed"))
    _charge_shipping(order)
    return order


def _marketplace(wish: Wish) -> Marketplace:
    if wish.marketplace_id is None:
        return BY_COUNTRY["DE"]
    if wish.marketplace_id not in MARKETPLACES:
        raise UnknownWish(f"no marketplace {wish.marketplace_id}")
    return MARKETPLACES[wish.marketplace_id]


def _articles(account: Account, random: Random, wish: Wish, count: int) -> list[Listing]:
    """What is ordered: the articles named in the wish, for the rest some that are on sale."""
    on_sale = _on_sale(account, wish)
    articles = random.sample(on_sale, count) if count <= len(on_sale) else random.choices(on_sale, k=count)
    for index, line in enumerate(wish.lines or [wish]):
        if line.sku is not None:
            articles[index] = account.listings.get(line.sku) or _unlisted(line.sku)
    return articles


def _on_sale(account: Account, wish: Wish) -> list[Listing]:
    listings = list(account.listings.values())
    if wish.kind == "fba" and account.fba_stock:
        in_stock = {sku for sku, quantity in account.fba_stock.items() if quantity > 0}
        on_sale = [listing for listing in listings if listing.sku in in_stock]
    else:
        on_sale = [listing for listing in listings if listing.stock > 4]
    return on_sale or listings or [_unlisted("UNBEKANNT-1")]


def _unlisted(sku: str) -> Listing:
    """An article the seller has no listing for."""
    return Listing(sku, "B0UNLISTED", f"Artikel {sku}", Decimal("9.99"))


def _order_id(random: Random) -> str:
    return f"{random.randint(302, 306)}-{random.randrange(10**7):07d}-{random.randrange(10**7):07d}"


def _quantity(wish: Wish, random: Random) -> int:
    """Mostly one. Always one where the wish says what is ordered, but not how much of it."""
    is_named = wish.lines is not None or wish.sku is not None or wish.price is not None
    return 1 if is_named or random.random() < 0.8 else random.randint(2, 4)


def _item(world: World, listing: Listing, quantity: int) -> Item:
    return Item(
        item_id=str(40_500_000_000_000 + world.number()),
        asin=listing.asin,
        sku=listing.sku,
        title=listing.title,
        quantity=quantity,
        unit_price=listing.price,
    )


def _midnight(moment: datetime, days: int) -> datetime:
    """The last second of the day, `days` days later, as Amazon's windows end in Germany in winter."""
    return moment.replace(hour=22, minute=59, second=59, microsecond=0) + timedelta(days=days)


def _charge_shipping(order: Order) -> None:
    if sum((item.price for item in order.items), ZERO) < FREE_SHIPPING_FROM:
        order.items[0].shipping = SHIPPING_FEE


def _price_taxes(order: Order) -> None:
    """Tax of each line: contained in gross prices, on top of net ones. Rounded to the cent per line."""
    vat = Decimal(order.marketplace.vat_percent)
    for item in order.items:
        amount = item.price + item.shipping + item.gift_wrap - item.discount
        share = vat / 100 if order.is_net else vat / (100 + vat)
        item.tax = (amount * share).quantize(CENT, ROUND_HALF_UP)


def _sell(account: Account, order: Order) -> None:
    """Amazon counts down what is on offer when an order is placed."""
    if order.status == CANCELLED:
        return
    if order.fulfilled_by == "AMAZON":
        for item in order.items:
            item.from_warehouse = min(item.quantity, account.fba_stock.get(item.sku, 0))
            if item.from_warehouse:
                account.move_fba_stock(item.sku, -item.from_warehouse, order.created)
        return
    for item in order.items:
        if item.sku in account.listings:
            listing = account.listings[item.sku]
            listing.stock = max(0, listing.stock - item.quantity)


def _override(order: Order, wish: Wish, random: Random) -> None:
    """Apply what was said explicitly over what the kind has made."""
    for item, line in zip(order.items, wish.lines or [wish], strict=False):
        _override_line(item, line)
    for name in (
        "fulfilled_by",
        "service_level",
        "channel",
        "programs",
        "buyer_name",
        "buyer_email",
        "replaces",
    ):
        if (value := getattr(wish, name)) is not None:
            setattr(order, name, value)
    if not isinstance(wish.address, msgspec.UnsetType):
        order.address = wish.address
    if wish.status is not None:
        _into_status(order, wish.status, random)


def _override_line(item: Item, line: WishedLine) -> None:
    if line.sku is not None:
        item.sku = line.sku
    for name in ("asin", "title", "quantity", "shipping", "gift_wrap", "discount", "gift_message"):
        if (value := getattr(line, name)) is not None:
            setattr(item, name, value)
    if line.price is not None:
        item.unit_price = line.price.quantize(CENT)
        item.shipping = line.shipping or ZERO


def _into_status(order: Order, status: str, random: Random) -> None:
    """Whatever the kind has made of it, the order is in this status now, and nothing contradicts it."""
    order.status = status
    order.cancelled_by = ""
    for item in order.items:
        item.fulfilled_elsewhere = 0
        item.cancelled_by = item.cancel_reason = ""
    if status == SHIPPED:
        order.ship_all()
    elif status == PARTIALLY_SHIPPED:
        _partially_shipped(order, random)
    elif status == CANCELLED:
        order.cancel("AMAZON", "", order.created)


def _plain(_order: Order, _random: Random) -> None:
    """Nothing special about it."""


def _pending(order: Order, _random: Random) -> None:
    order.status = PENDING


def _preorder(order: Order, _random: Random) -> None:
    order.status = PENDING_AVAILABILITY
    order.programs = ["PREORDER"]


def _fba(order: Order, random: Random) -> None:
    order.fulfilled_by = "AMAZON"
    order.status = random.choice([PENDING, UNSHIPPED, SHIPPED])
    if order.status == SHIPPED:
        order.ship_all()


def _non_amazon(order: Order, _random: Random) -> None:
    """A Multi-Channel order: Amazon ships what was sold elsewhere."""
    order.channel = "NON_AMAZON"
    order.fulfilled_by = "AMAZON"
    for item in order.items:
        item.unit_price, item.shipping = ZERO, ZERO


def _pickup(order: Order, random: Random) -> None:
    order.address = buyers.pickup_point(order.buyer_name, random)


def _replacement(order: Order, random: Random) -> None:
    """Sent free of charge in place of an earlier order."""
    order.replaces = _order_id(random)
    for item in order.items:
        item.unit_price, item.shipping = ZERO, ZERO


def _unknown_sku(order: Order, random: Random) -> None:
    """Something the shop never heard of, as old offers in Seller Central are."""
    number = random.randrange(10**6)
    item = order.items[0]
    item.sku, item.asin, item.title = (
        f"ALT-{number:06d}",
        f"B0{number:08d}",
        "Teeglas „Altbestand“, Einzelstück",
    )


def _nasty(order: Order, random: Random) -> None:
    """Every text is as unpleasant as JSON allows."""
    order.address = buyers.nasty_address()
    order.buyer_name = buyers.NASTY_TEXTS[0]
    order.delivery_note = buyers.NASTY_TEXTS[1]
    for item in order.items:
        item.title = random.choice(buyers.NASTY_TEXTS)
        item.gift_message = "\n".join(buyers.NASTY_TEXTS)


def _minimal(order: Order, _random: Random) -> None:
    """Only what Amazon's model demands, and a total."""
    order.is_sparse = True
    order.buyer_name = order.buyer_email = ""
    order.address = {name: (order.address or {}).get(name, "") for name in ("name", "city", "countryCode")}
    order.ship_by = order.deliver_by = None
    for item in order.items:
        item.asin = ""


def _business(order: Order, random: Random) -> None:
    order.programs = ["AMAZON_BUSINESS"]
    order.buyer_company = "Kontor am Hafen GmbH & Co. KG"
    order.purchase_order_number = f"EK-{random.randrange(10**5):05d}"
    order.address = {**(order.address or {}), "companyName": order.buyer_company, "addressType": "COMMERCIAL"}


def _prime(order: Order, _random: Random) -> None:
    order.programs = ["PRIME"]
    order.service_level = "NEXT_DAY"
    order.ship_by = (_midnight(order.created, 0), _midnight(order.created, 1))
    order.deliver_by = (_midnight(order.created, 1), _midnight(order.created, 2))
    for item in order.items:
        item.shipping = ZERO


def _net(order: Order, _random: Random) -> None:
    """Prices without tax: the tax comes on top."""
    order.is_net = True


def _discount(order: Order, random: Random) -> None:
    """A coupon. Amazon's sign for it is not documented, so both occur."""
    order.discount_sign = random.choice([-1, 1])
    for item in order.items:
        item.discount = (item.price / 10).quantize(CENT, ROUND_HALF_UP)
        item.promotion_id = "DE Kupon 10 %"


def _gift(order: Order, random: Random) -> None:
    item = order.items[0]
    item.gift_wrap, item.gift_wrap_level = GIFT_WRAP_FEE, "CLASSIC"
    item.gift_message = random.choice(buyers.GIFT_MESSAGES)


def _foreign(order: Order, random: Random) -> None:
    """A buyer in another store of the same account."""
    order.marketplace = BY_COUNTRY[random.choice(["FR", "IT"])]
    buyers.introduce(order, order.marketplace.country, random)


def _austria(order: Order, random: Random) -> None:
    """Austrians buy on amazon.de: Austria has no store of its own."""
    buyers.introduce(order, "AT", random)


def _no_address(order: Order, _random: Random) -> None:
    """Ready to ship, but the address comes later."""
    order.address = None


def _cancel_request(order: Order, _random: Random) -> None:
    """The buyer has asked for a cancellation; nothing is cancelled yet."""
    for item in order.items:
        item.cancellation_request = "Ordered by mistake"


def _cancelled(order: Order, random: Random) -> None:
    order.cancel(random.choice(["BUYER", "AMAZON"]), "Cancelled before shipment", order.created)


def _shipped(order: Order, _random: Random) -> None:
    order.status = SHIPPED
    order.ship_all()


def _partially_shipped(order: Order, _random: Random) -> None:
    order.status = PARTIALLY_SHIPPED
    order.items[0].quantity = max(2, order.items[0].quantity)
    order.items[0].fulfilled_elsewhere = 1


def _ship_plus(order: Order, _random: Random) -> None:
    order.programs = ["FBM_SHIP_PLUS"]


KINDS: dict[str, Callable[[Order, Random], None]] = {
    "standard": _plain,
    "multi": _plain,
    "pending": _pending,
    "preorder": _preorder,
    "fba": _fba,
    "non_amazon": _non_amazon,
    "pickup": _pickup,
    "replacement": _replacement,
    "unknown_sku": _unknown_sku,
    "nasty": _nasty,
    "minimal": _minimal,
    "business": _business,
    "prime": _prime,
    "net": _net,
    "discount": _discount,
    "gift": _gift,
    "foreign": _foreign,
    "austria": _austria,
    "no_address": _no_address,
    "cancel_request": _cancel_request,
    "cancelled": _cancelled,
    "shipped": _shipped,
    "partially_shipped": _partially_shipped,
    "ship_plus": _ship_plus,
}

MIX = {
    "standard": 36, "multi": 14, "pending": 5, "preorder": 1, "fba": 5, "non_amazon": 3, "pickup": 4,
    "replacement": 2, "unknown_sku": 4, "nasty": 3, "minimal": 3, "business": 4, "prime": 4, "net": 2,
    "discount": 5, "gift": 4, "foreign": 5, "austria": 3, "no_address": 1, "cancel_request": 2,
    "cancelled": 2,    "shipped": 2, "partially_shipped": 1,
}  # fmt: skip
"""How often each kind comes among mixed orders."""

_DEMO = [
    "standard", "multi", "standard", "gift", "prime", "standard", "pickup", "multi", "business", "discount",
    "standard", "foreign", "unknown_sku", "standard", "austria", "multi", "cancel_request", "standard",
    "prime", "pending", "fba", "shipped", "partially_shipped", "cancelled", "replacement", "multi", "gift",
    "standard", "foreign", "multi",
]  # fmt: skip


def demo_world(
    now: datetime, *, seed: int = 1, listings: list[Listing] | None = None, quotas: Quotas = "amazon"
) -> World:
    """A world at `now` with thirty orders of the last two days, as a small tea shop would have them."""
    world = World(quotas=quotas, seed=seed, listings=listings, clock=Clock(now))
    for index, kind in enumerate(_DEMO):
        age = timedelta(days=2) * (len(_DEMO) - index) / len(_DEMO)
        place(world, Wish(kind=kind, age_s=age.total_seconds()))
    return world


class Drip:
    """A thread that lets orders arrive at a steady pace and releases pending ones after a while."""

    def __init__(self, world: World, orders_per_minute: float) -> None:
        self._world = world
        self._pause_s = 60 / orders_per_minute
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_s):
            with self._world.lock:
                place(self._world, Wish(kind=self._world.random.choice(_DEMO)))
                release_pending(self._world, older_than=PENDING_TIME)


def release_pending(world: World, *, older_than: timedelta = timedelta()) -> list[Order]:
    """Payment of the pending orders has gone through: they become ready to ship."""
    now = world.now()
    waiting = [
        order
        for account in world.accounts.values()
        for order in account.orders.values()
        if order.status in (PENDING, PENDING_AVAILABILITY) and now - order.created >= older_than
    ]
    for order in waiting:
        order.status = UNSHIPPED
        order.touch(now, "released")
    return waiting
