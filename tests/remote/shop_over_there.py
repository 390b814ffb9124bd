"""A shop in another house, in memory: its own orders, stock and parcels. It can be down and lose answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from kogge.shops.port import NewOrder, ShopRefuses, ShopUnavailable
from kogge.shops.remote import (
    ChannelFields,
    Page,
    RemoteLine,
    RemoteOrder,
    RemoteParcel,
    RemoteProduct,
    ShopIdentity,
    Standing,
)
from kogge.values import Address, Money, Tracking

T = TypeVar("T")


@dataclass
class Item:
    """A line of an order over there. `sent` and `marked` are ours to see only by what the API says."""

    line_id: str
    product_id: str
    code: str
    title: str
    quantity: int
    price: Decimal
    is_cancelled: bool = False
    marked: str = ""  # the channel that ships it, as noted at the order


@dataclass
class Sale:
    """An order over there."""

    order_id: str
    placed_at: datetime
    items: list[Item]
    total: Money
    address: Address = field(default_factory=Address)
    channel_order_id: str = ""
    email: str = ""
    is_paid: bool = True
    is_refunded: bool = False
    is_packing: bool = False
    is_cancelled: bool = False
    is_returned: bool = False
    is_closed: bool = False  # said so, whatever has left
    method: str = ""
    parcels: list[RemoteParcel] = field(default_factory=list)

    def sent(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for parcel in self.parcels:
            found.update(parcel.quantities)
        return found

    def open(self) -> dict[str, int]:
        sent = self.sent()
        left = (
            {}
            if self.is_cancelled
            else {each.line_id: each.quantity for each in self.items if not each.is_cancelled}
        )
        return {key: units - sent[key] for key, units in left.items() if units > sent[key]}

    def states(self) -> tuple[str, str, str]:
        """Status, payment and delivery, in the copy's words."""
        payment = "refunded" if self.is_refunded else "paid" if self.is_paid else "open"
        if self.is_cancelled:
            return "cancelled", payment, "cancelled"
        if self.is_closed or not self.open():
            return "closed" if self.is_paid else "in_progress", payment, "shipped"
        if self.is_packing:
            return "in_progress", payment, "packing"
        if self.parcels:
            return "in_progress", payment, "partially_shipped"
        return "open", payment, "open"

    def mails(self) -> int:
        """The shop mails what left, once; one more parcel of the same only if it can be followed."""
        return sum(bool(parcel.quantities or parcel.tracking.number) for parcel in self.parcels)


@dataclass
class ShopOverThere:
    """`faults` are met in their order by whoever calls the named method: before it takes effect, or after."""

    now: Callable[[], datetime]
    shelf: dict[str, RemoteProduct] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    faults: list[tuple[str, str, BaseException]] = field(default_factory=list)
    down: bool = False
    unlocked: bool = True
    takes_stock: bool = True
    page_size: int = 250
    calls: Counter[str] = field(default_factory=Counter)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)  # what happens while it is asked

    # --- what the merchant does over there ---

    def put(self, code: str, stock: int | None, *, price: str = "9.90") -> str:
        product_id = str(4700 + len(self.shelf))
        self.shelf[product_id] = RemoteProduct(
            product_id, code, f"Tee {code}", "", Money.parse(price, "EUR"), stock, 2, active=True
        )
        return product_id

    def count(self, product_id: str, units: int) -> None:
        product = self.shelf[product_id]
        self.shelf[product_id] = replace(product, stock=(product.stock or 0) + units)

    def stock(self, product_id: str) -> int:
        return self.shelf[product_id].stock or 0

    def sell(self, *lines: tuple[str, int], address: Address, paid: bool = True) -> Sale:
        """Somebody buys in the shop, by "Express"."""
        items = [self._item(product_id, quantity) for product_id, quantity in lines]
        total = Money(sum((each.price * each.quantity for each in items), Decimal()), "EUR")
        sale = Sale(self._number(), self.now(), items, total, address, is_paid=paid, method="Express")
        self.sales[sale.order_id] = sale
        for product_id, quantity in lines:
            self.count(product_id, -quantity)
        return sale

    def ship(
        self, sale: Sale, carrier: str, number: str, units: Mapping[int, int] | None = None
    ) -> RemoteParcel:
        """By position; everything the merchant has to ship if not said."""
        mine = {each.line_id for each in sale.items if not each.marked}
        left = {key: count for key, count in sale.open().items() if key in mine}
        chosen = left if units is None else {sale.items[at - 1].line_id: count for at, count in units.items()}
        parcel = RemoteParcel(self._number(), Tracking(carrier, number), is_sent=True, quantities=chosen)
        sale.parcels.append(parcel)
        sale.is_packing = False
        return parcel

    def cancel(self, sale: Sale) -> None:
        if sale.parcels:
            raise ShopRefuses("Die Bestellung ist schon versendet.")
        if not sale.is_cancelled:
            for item in sale.items:
                if item.product_id and self._counts(sale) and not item.is_cancelled:
                    self.count(item.product_id, item.quantity)
        sale.is_cancelled, sale.is_packing = True, False

    def cut(self, sale: Sale, position: int, quantity: int) -> None:
        """The merchant writes a smaller quantity into a line; what falls away is on the shelf again."""
        item = sale.items[position - 1]
        self.count(item.product_id, item.quantity - quantity)
        item.quantity = quantity

    def order_of(self, channel_order_id: str) -> Sale:
        [sale] = [each for each in self.sales.values() if each.channel_order_id == channel_order_id]
        return sale

    # --- the API ---

    def identify(self) -> ShopIdentity:
        return ShopIdentity("Teehaus", "www.teehaus.example", "EUR", prices_include_tax=True)

    def may_write_orders(self) -> bool:
        return self.unlocked

    def products(self) -> Iterator[Sequence[RemoteProduct]]:
        yield self._asked("products", lambda: list(self.shelf.values()))

    def product(self, product_id: str) -> RemoteProduct | None:
        return self._asked("product", lambda: self.shelf.get(product_id))

    def channel_fields(self) -> Mapping[str, ChannelFields]:
        return {}

    def write_channel_fields(self, product_id: str, fields: ChannelFields) -> None:
        self._asked("write_channel_fields", lambda: None)

    def set_stock(self, product_id: str, stock: int) -> None:
        def write() -> None:
            self.shelf[product_id] = replace(self.shelf[product_id], stock=stock)

        self._asked("set_stock", write)

    def orders(self, offset: int = 0) -> Page:
        def read() -> Page:
            newest = sorted(
                self.sales.values(), key=lambda each: (each.placed_at, int(each.order_id)), reverse=True
            )
            end = offset + self.page_size
            shown = [self.shown(sale) for sale in newest[offset:end]]
            return Page(shown, end if end < len(newest) else None)

        return self._asked("orders", read)

    def order(self, order_id: str) -> RemoteOrder | None:
        def read() -> RemoteOrder | None:
            sale = self.sales.get(order_id)
            return self.shown(sale) if sale else None

        return self._asked("order", read)

    def parcels(self, order_id: str) -> Sequence[RemoteParcel]:
        return self._asked("parcels", lambda: list(self.sales[order_id].parcels))

    def find_orders(
        self, channel_order_ids: Collection[str], *, since: datetime
    ) -> Mapping[str, Sequence[RemoteOrder]]:
        def read() -> Mapping[str, Sequence[RemoteOrder]]:
            return {
                each: [self.shown(sale) for sale in self.sales.values() if sale.channel_order_id == each]
                for each in channel_order_ids
            }

        return self._asked("find_orders", read)

    def create_order(self, order: NewOrder, product_ids: Mapping[int, str]) -> RemoteOrder:
        def write() -> RemoteOrder:
            items = [
                Item(
                    self._number(),
                    product_ids.get(at, ""),
                    line.code,
                    line.title,
                    line.quantity,
                    line.unit_price.amount,
                )
                for at, line in enumerate(order.lines, start=1)
            ]
            sale = Sale(
                self._number(), self.now(), items, order.total, order.shipping_address, order.external_id
            )
            sale.email = order.email
            self.sales[sale.order_id] = sale
            for item in items:
                if item.product_id and self.takes_stock:
                    self.count(item.product_id, -item.quantity)
            return self.shown(sale)

        return self._asked("create_order", write)

    def complete_order(
        self, remote: RemoteOrder, order: NewOrder, product_ids: Mapping[int, str]
    ) -> RemoteOrder:
        return self._asked("complete_order", lambda: self.shown(self.sales[remote.order_id]))

    def change_address(self, order_id: str, address: Address, *, buyer_name: str, email: str) -> None:
        def write() -> None:
            sale = self.sales[order_id]
            sale.address, sale.email = address.completed_by(sale.address), email or sale.email

        self._asked("change_address", write)

    def cancel_order(self, order_id: str) -> None:
        self._asked("cancel_order", lambda: self.cancel(self.sales[order_id]))

    def reopen_order(self, order_id: str) -> None:
        def write() -> None:
            sale = self.sales[order_id]
            for item in sale.items if sale.is_cancelled and self._counts(sale) else ():
                if item.product_id:
                    self.count(item.product_id, -item.quantity)
            sale.is_cancelled = False

        self._asked("reopen_order", write)

    def add_parcel(
        self, order_id: str, tracking: Tracking, quantities: Mapping[str, int], *, is_all: bool
    ) -> RemoteParcel:
        def write() -> RemoteParcel:
            parcel = RemoteParcel(self._number(), tracking, is_sent=True, quantities=dict(quantities))
            self.sales[order_id].parcels.append(parcel)
            return parcel

        return self._asked("add_parcel", write)

    def correct_parcel(self, parcel_id: str, tracking: Tracking) -> None:
        def write() -> None:
            for sale in self.sales.values():
                sale.parcels = [
                    replace(each, tracking=tracking) if each.parcel_id == parcel_id else each
                    for each in sale.parcels
                ]

        self._asked("correct_parcel", write)

    def mark_fulfilled_by(self, order_id: str, channel: str, line_ids: Collection[str]) -> None:
        def write() -> None:
            for item in self.sales[order_id].items:
                item.marked = channel if item.line_id in line_ids else ""

        self._asked("mark_fulfilled_by", write)

    def forget_people(self, order_id: str) -> None:
        def write() -> None:
            self.sales[order_id].address = Address()

        self._asked("forget_people", write)

    # --- how it answers ---

    def _asked(self, method: str, act: Callable[[], T]) -> T:
        self.calls[method] += 1
        if self.down:
            raise ShopUnavailable("Der Shop antwortet nicht.")
        fault = next((each for each in self.faults if each[0] == method), None)
        if fault is not None:
            self.faults.remove(fault)
        if fault is not None and fault[1] == "before":
            raise fault[2]
        answer = act()
        if method in self.during:
            self.during.pop(method)()
        if fault is not None:
            raise fault[2]
        return answer

    def shown(self, sale: Sale) -> RemoteOrder:
        sent = sale.sent()
        standing = {
            "open": Standing.OPEN,
            "in_progress": Standing.IN_PROGRESS,
            "closed": Standing.CLOSED,
            "cancelled": Standing.CANCELLED,
        }[sale.states()[0]]
        return RemoteOrder(
            order_id=sale.order_id,
            number=f"305-118-{sale.order_id}",
            channel_order_id=sale.channel_order_id,
            is_own=not sale.channel_order_id,
            standing=Standing.RETURNED if sale.is_returned else standing,
            status=standing,
            is_paid=sale.is_paid,
            is_refunded=sale.is_refunded,
            is_packing=sale.is_packing,
            placed_at=sale.placed_at,
            currency="EUR",
            total=sale.total,
            shipping=Money.zero("EUR"),
            shipping_method=sale.method,
            payment_method="Rechnung",
            locale="de",
            note="",
            buyer_name=sale.address.name,
            email=sale.email,
            address=sale.address,
            lines=tuple(
                RemoteLine(
                    line_id=item.line_id,
                    product_id=item.product_id,
                    code=item.code,
                    title=item.title,
                    quantity=item.quantity,
                    unit_price=Money(item.price, "EUR"),
                    total=Money(item.price * item.quantity, "EUR"),
                    is_cancelled=item.is_cancelled,
                    parcel_id="",
                    is_sent=sent[item.line_id] >= item.quantity,
                )
                for item in sale.items
            ),
            parcel_count=len(sale.parcels),
        )

    def _item(self, product_id: str, quantity: int) -> Item:
        product = self.shelf[product_id]
        assert product.price is not None
        return Item(self._number(), product_id, product.code, product.title, quantity, product.price.amount)

    def _counts(self, sale: Sale) -> bool:
        return self.takes_stock or not sale.channel_order_id

    def _number(self) -> str:
        self.calls["number"] += 1
        return str(90000 + self.calls["number"])
