"""A VersaCommerce shop as a `RemoteSystem`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx2

from kogge.shops.port import NewOrder, ShopRefuses, ShopUnavailable
from kogge.shops.remote import (
    ChannelFields,
    Page,
    Reason,
    RemoteOrder,
    RemoteParcel,
    RemoteProduct,
    ShopAccessLost,
    ShopIdentity,
    Standing,
)
from kogge.shops.versacommerce import metafields, writing
from kogge.shops.versacommerce.addresses import (
    GONE,
    address_from,
    forgotten_fields,
    known_fields,
    normal_form,
)
from kogge.shops.versacommerce.client import Access, Client, Missing, NotAnApi, Written
from kogge.shops.versacommerce.metafields import Metafield, metafield_document, read_metafield
from kogge.shops.versacommerce.orders import SENT, read_lines, read_order, read_parcel
from kogge.shops.versacommerce.products import needs_reduced_rate, percent, read_product
from kogge.shops.versacommerce.reading import Document, is_list, records, unwrapped
from kogge.shops.versacommerce.transport import Pace
from kogge.values import Address, Tracking

MOST_AT_ONCE = 250
# A page shorter than what the shop gives unasked is the last one, however it understands our limit.
LAST_PAGE_BELOW = 150
OVERLAP = 5  # records of a page that come again with the next: some may be deleted in between
MOST_PAGES = 400
ASKED_SINGLY = 20  # orders whose metafields are asked for one by one
CLOCKS_DIFFER = timedelta(hours=3)  # also covers moments without an offset
NO_ORDER = "0"  # an id no record ever has

NESTED, ATTRIBUTES, SEPARATE = "nested", "attributes", "separate"
STATUS, RECORD = "status", "record"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one shop is reached, and what is assumed of it where nobody knows (`RemoteShop` keeps the same).

    `user` and `password` are an app's key and `registering.password(secret, token)`, or the word "api" and
    the shop's own key. The repr shows no secret.
    """

    base_url: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    token: str = field(default="", repr=False)
    currency: str = "EUR"
    order_items: str = NESTED  # or ATTRIBUTES, SEPARATE
    payment: str = STATUS  # or RECORD
    orders_take_stock: bool = True
    writes_email: bool = True
    contact: str = field(default="", repr=False)  # for the User-Agent: where to reach us


class VersaCommerceShop:
    """One shop. Give all of one shop the same `pace`; without `http` it opens its own client and closes it.

    Raises `InvalidValue` when it is made for an address that is not https (or http on this machine).
    """

    def __init__(
        self,
        settings: Settings,
        http: httpx2.Client | None = None,
        *,
        pace: Pace | None = None,
        now: Callable[[], datetime] | None = None,
        client: Client | None = None,
    ) -> None:
        access = Access(settings.base_url, settings.user, settings.password, settings.token, settings.contact)
        self.settings = settings
        self._now = now or _utc_now
        self._client = client or Client(access, http, pace=pace, now=self._now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<VersaCommerce shop at {self.settings.base_url}>"

    def close(self) -> None:
        self._client.close()

    # --- the shop itself ----------------------------------------------------------------------

    def identify(self) -> ShopIdentity:
        try:
            document = self._shop()
        except NotAnApi:
            raise ShopAccessLost(Reason.NO_SHOP) from None
        host = document.text("main_domain_alias", 200) or document.text("domain", 200)
        return ShopIdentity(
            name=document.text("name", 200),
            host=host or self.settings.base_url.partition("://")[2],
            currency=document.currency("currency_code", self.settings.currency),
            prices_include_tax=document.flag("price_includes_tax") is not False,
        )

    def may_write_orders(self) -> bool:
        """Change an order that cannot exist. Who may not write is told so (403) before anything is looked
        for; who may, hears that there is no such order (404) or that nothing was to be changed (400, 422).

        A metafield would prove nothing: those may be written without being unlocked. Should a shop look for
        the order first, this says yes too early, and the first order's own 403 says no.
        """
        status = self._client.probe("PUT", f"orders/{NO_ORDER}", {"order": {}})
        return status not in (403, 405)

    def _shop(self) -> Document:
        """The shop's record. It holds the shop's own key: read single fields, keep and log none of it."""
        found = self._client.read("shop")
        document = unwrapped(found, "shop")
        if not document.has("id") and not document.has("name"):
            raise NotAnApi("the address answers, but not as a shop")
        return document

    # --- products -----------------------------------------------------------------------------

    def products(self) -> Iterator[Sequence[RemoteProduct]]:
        """A product without a price, or one that cannot be sold, is there all the same, and says so."""
        reduced = ""
        for page in self._pages("products", "product", ("show_variants", "true")):
            if not reduced and any(needs_reduced_rate(document) for document in page):
                reduced = self._reduced_rate()
            found = (read_product(document, self.settings.currency, reduced) for document in page)
            yield [product for product in found if product is not None]

    def product(self, product_id: str) -> RemoteProduct | None:
        document = self._record(f"products/{product_id}", "product", "variant")
        if document is None:
            return None
        reduced = self._reduced_rate() if needs_reduced_rate(document) else ""
        product = read_product(document, self.settings.currency, reduced)
        if product is None:
            raise ShopUnavailable("the product that came cannot be read")
        return product

    def set_stock(self, product_id: str, stock: int) -> None:
        self._client.write("PUT", f"products/{product_id}", {"product": {"stock": stock}})

    def _reduced_rate(self) -> str:
        rate = self._shop().decimal("reduced_tax_rate")
        return percent(rate) if rate is not None and 0 < rate < 100 else ""

    def channel_fields(self) -> Mapping[str, ChannelFields]:
        values: dict[str, dict[str, str]] = {}
        for found in self._metafields(metafields.PRODUCT):
            values.setdefault(found.owner_id, {})[found.key] = found.value
        return {owner: metafields.channel_fields(found) for owner, found in values.items()}

    def write_channel_fields(self, product_id: str, fields: ChannelFields) -> None:
        """What is None now and stands there is deleted; what stands there already is not written again."""
        before = {found.key: found for found in self._metafields(metafields.PRODUCT, product_id)}
        wanted = metafields.channel_values(fields)
        for key, value in wanted.items():
            if key not in before or before[key].value != value:
                self._write_metafield(metafields.PRODUCT, product_id, key, value)
        for key in metafields.CHANNEL_KEYS:
            if key in before and key not in wanted:
                self._delete_metafield(before[key])

    # --- reading orders -----------------------------------------------------------------------

    def orders(self, offset: int = 0) -> Page:
        documents = self._list(
            "orders",
            "order",
            ("limit", str(MOST_AT_ONCE)),
            ("offset", str(offset)),
            ("include", "items"),
            ("order", "created_at DESC"),
        )
        if documents is None:
            raise ShopAccessLost(Reason.NO_SHOP)
        orders, unreadable = self._read_orders(documents)
        # A shop that ignores the offset would send the same page for ever.
        is_last = len(documents) < LAST_PAGE_BELOW or offset > MOST_PAGES * MOST_AT_ONCE
        return Page(orders, None if is_last else offset + len(documents) - OVERLAP, unreadable)

    def order(self, order_id: str) -> RemoteOrder | None:
        document = self._record(f"orders/{order_id}", "order", params=(("include", "items"),))
        if document is None:
            return None
        order = read_order(document, self.settings.currency, self._now())
        if order is None:
            raise ShopUnavailable("the order that came cannot be read")
        if order.lines or "items" in order.doubts or document.whole("items_count") == 0:
            return order
        return self._with_lines(order)

    def parcels(self, order_id: str) -> Sequence[RemoteParcel]:
        documents = self._list(f"orders/{order_id}/shipments", "shipment") or []
        parcels = [parcel for parcel in map(read_parcel, documents) if parcel is not None]
        if not parcels:
            return []
        inside = {parcel.parcel_id: self._items_of_parcel(parcel.parcel_id) for parcel in parcels}
        if not all(inside.values()):
            lines = self._item_documents(order_id)
            inside = {found: units or _inside(found, lines) for found, units in inside.items()}
        return [replace(parcel, quantities=inside[parcel.parcel_id]) for parcel in parcels]

    def find_orders(
        self, channel_order_ids: Collection[str], *, since: datetime
    ) -> Mapping[str, Sequence[RemoteOrder]]:
        """By note first; if an id is missing, by the metafields of orders with none of our lines."""
        found: dict[str, list[RemoteOrder]] = {channel_id: [] for channel_id in channel_order_ids}
        unnamed: list[RemoteOrder] = []
        for order in self._orders_since(since - CLOCKS_DIFFER):
            if order.channel_order_id in found:
                found[order.channel_order_id].append(order)
            elif not order.channel_order_id:
                unnamed.append(order)
        if not all(found.values()):
            for order, known_as in self._named_by_metafield(unnamed):
                if known_as in found:
                    found[known_as].append(replace(order, channel_order_id=known_as, is_own=False))
        return {channel_id: sorted(orders, key=_by_age) for channel_id, orders in found.items()}

    def _named_by_metafield(self, orders: Sequence[RemoteOrder]) -> Iterator[tuple[RemoteOrder, str]]:
        """The channel's order ids that metafields tell; of many orders the whole list is read instead."""
        if len(orders) <= ASKED_SINGLY:
            for order in orders:
                yield order, self._metafield(metafields.ORDER, order.order_id, metafields.ORDER_ID)
            return
        by_id = {order.order_id: order for order in orders}
        for found in self._metafields(metafields.ORDER):
            if found.key == metafields.ORDER_ID and found.owner_id in by_id:
                yield by_id[found.owner_id], found.value

    def _orders_since(self, since: datetime) -> Iterator[RemoteOrder]:
        """Orders placed since then, each once. That the rest is older is believed only of a sorted list."""
        seen: set[str] = set()
        offset: int | None = 0
        for _page in range(MOST_PAGES):
            if offset is None:
                return
            page = self.orders(offset)
            new = [order for order in page.orders if order.order_id not in seen]
            if not new and not page.unreadable:
                return
            seen.update(order.order_id for order in new)
            yield from (order for order in new if order.placed_at >= since)
            if page.reaches(since):
                return
            offset = page.next_offset

    def _read_orders(self, documents: Sequence[Document]) -> tuple[list[RemoteOrder], list[str]]:
        """Those that can be read at all, and the ids of the others: one sick order hides no other."""
        orders: list[RemoteOrder] = []
        unreadable: list[str] = []
        for document in documents:
            fallback = orders[-1].placed_at if orders else self._now()
            order = read_order(document, self.settings.currency, fallback)
            if order is None:
                unreadable.append(document.text("code", 40))
            else:
                orders.append(order)
        return orders, unreadable

    def _with_lines(self, order: RemoteOrder) -> RemoteOrder:
        """The order with its lines, where the shop did not send them along."""
        documents = self._item_documents(order.order_id)
        lines = read_lines(documents, order.currency)
        if len(lines) < len(documents):
            order = replace(order, doubts=(*order.doubts, "items"), standing=Standing.UNKNOWN)
        return replace(order, lines=tuple(lines))

    def _item_documents(self, order_id: str) -> list[Document]:
        return self._list(f"orders/{order_id}/items", "item") or []

    def _items_of_parcel(self, parcel_id: str) -> Mapping[str, int]:
        return _quantities(self._list(f"shipments/{parcel_id}/items", "item") or [])

    # --- writing orders -----------------------------------------------------------------------

    def create_order(self, order: NewOrder, product_ids: Mapping[int, str]) -> RemoteOrder:
        """Raises `ShopRefuses` for another currency than the shop's: it would take the number for its own."""
        if order.total.currency != self.settings.currency:
            raise ShopRefuses(
                f"Die Bestellung ist in {order.total.currency}, der Shop rechnet in {self.settings.currency}."
            )
        items = self._items(order, product_ids)
        fields = writing.order_fields(
            order,
            items,
            is_paid=self.settings.payment == STATUS,
            with_email=self.settings.writes_email and order.notify_buyer,
        )
        if self.settings.order_items == NESTED:
            fields["items"] = [item.fields() for item in items]
        elif self.settings.order_items == ATTRIBUTES:
            fields["items_attributes"] = [item.fields() for item in items]
            fields = writing.as_attributes(fields)
        written = self._client.write("POST", "orders", {"order": fields})
        order_id = _id_of(written, "order")
        if not order_id:
            raise ShopUnavailable("the shop took the order and does not say under which id")
        created = self.order(order_id)
        if created is None:
            raise ShopUnavailable("the shop took the order and does not show it yet")
        return self._completed(created, order, product_ids)

    def complete_order(
        self, remote: RemoteOrder, order: NewOrder, product_ids: Mapping[int, str]
    ) -> RemoteOrder:
        """Looks what is there before anything is added, so it may be said again and again."""
        return self._completed(self._again(remote.order_id), order, product_ids)

    def _completed(
        self, current: RemoteOrder, order: NewOrder, product_ids: Mapping[int, str]
    ) -> RemoteOrder:
        stands = current.standing not in (Standing.CANCELLED, Standing.RETURNED)
        wanted = self._items(order, product_ids) if stands else []
        missing = writing.missing_items(wanted, current.lines)
        for item in missing:
            document = {"item": item.fields() | {"order_id": _key(current.order_id)}}
            self._client.write("POST", f"orders/{current.order_id}/items", document)
        has_people = stands and self._bring_people(current, order)
        is_owed = stands and not current.is_paid and not current.is_refunded
        has_paid = is_owed and self._pay(current, order)
        values = {metafields.ORDER_ID: order.external_id, metafields.MARKETPLACE: order.origin}
        known = {found.key: found.value for found in self._metafields(metafields.ORDER, current.order_id)}
        for key, value in values.items():
            if value and known.get(key) != value:
                self._write_metafield(metafields.ORDER, current.order_id, key, value)
        if missing or has_paid or has_people:
            current = self._again(current.order_id)
        return replace(current, channel_order_id=order.external_id, is_own=False)

    def change_address(self, order_id: str, address: Address, *, buyer_name: str, email: str) -> None:
        fields: dict[str, object] = {}
        if email and self.settings.writes_email:
            fields["customer_email"] = email
        shipping = known_fields(address)
        billing = known_fields(writing.billing_address(address, buyer_name))
        self._write_people(order_id, fields, shipping, billing)
        street = normal_form(address).line1
        if street and _address_of(self._needed(order_id)).line1.casefold() != street.casefold():
            raise ShopRefuses("Der Shop hat die neue Adresse nicht übernommen.")

    def cancel_order(self, order_id: str) -> None:
        if self._again(order_id).standing is Standing.CANCELLED:
            return
        self._client.write("PUT", f"orders/{order_id}", {"order": {"status": "canceled"}})
        if self._again(order_id).standing is not Standing.CANCELLED:
            raise ShopRefuses("Der Shop hat die Stornierung nicht übernommen.")

    def reopen_order(self, order_id: str) -> None:
        if self._again(order_id).standing is not Standing.CANCELLED:
            return
        self._client.write("PUT", f"orders/{order_id}", {"order": {"status": "open"}})
        if self._again(order_id).standing is Standing.CANCELLED:
            raise ShopRefuses("Der Shop lässt eine stornierte Bestellung nicht wieder aufleben.")

    def forget_people(self, order_id: str) -> None:
        """Raises `ShopRefuses` when the shop keeps what it should forget; an order that is gone is fine."""
        document = self._record(f"orders/{order_id}", "order")
        if document is None:
            return
        fields: dict[str, object] = {}
        note = document.text("note", 20_000)
        if writing.note_without_people(note) != note:
            fields["note"] = writing.note_without_people(note)
        if document.has("customer_email"):
            fields["customer_email"] = ""
        self._write_people(order_id, fields, forgotten_fields(), forgotten_fields())
        after = self._needed(order_id)
        for name in ("shipping_address", "billing_address"):
            left = address_from(after.one(name))
            if left.line1 or left.name not in ("", GONE) or after.one(name).has("email"):
                raise ShopRefuses("Der Shop hat die Daten des Käufers nicht gelöscht.")
        if after.has("customer_email"):
            raise ShopRefuses("Der Shop hat die Mailadresse des Käufers nicht gelöscht.")

    def mark_fulfilled_by(self, order_id: str, channel: str, line_ids: Collection[str]) -> None:
        value = ",".join(sorted(line_ids))
        if self._metafield(metafields.ORDER, order_id, metafields.FULFILLED, channel) != value:
            self._write_metafield(metafields.ORDER, order_id, metafields.FULFILLED, value, channel)

    def _items(self, order: NewOrder, product_ids: Mapping[int, str]) -> list[writing.Item]:
        """Free items where the goods left the shop's stock before and the shop would count them again."""
        linked = order.moves_stock or not self.settings.orders_take_stock
        return writing.items_of(order, product_ids, linked=linked)

    def _bring_people(self, current: RemoteOrder, order: NewOrder) -> bool:
        """Write the address where the shop did not take it with the order; whether it had to be."""
        if current.address or not order.shipping_address:
            return False
        billing = writing.billing_address(order.shipping_address, order.buyer_name, order.company)
        with suppress(
            ShopRefuses
        ):  # the order stands; that its address is missing is seen in what is read back
            shipping = known_fields(order.shipping_address)
            self._write_people(current.order_id, {}, shipping, known_fields(billing))
        return True

    def _pay(self, current: RemoteOrder, order: NewOrder) -> bool:
        """Record that the channel collected the money; whether anything had to be said."""
        path = f"orders/{current.order_id}"
        if self.settings.payment == STATUS:
            self._client.write("PUT", path, {"order": {"payment_status": "paid"}})
            return True
        comment = f"{order.payment_method} {order.external_id}".strip()
        known = self._list(f"{path}/payments", "payment") or []
        if any(payment.text("comment") == comment for payment in known):
            return False
        payment = {
            "order_id": _key(current.order_id),
            "amount": writing.amount(order.total.amount),
            "category": "custom",
            "comment": comment,
            "is_captured": True,
        }
        self._client.write("POST", f"{path}/payments", {"payment": payment})
        return True

    def _write_people(
        self,
        order_id: str,
        fields: dict[str, object],
        shipping: dict[str, object],
        billing: dict[str, object],
    ) -> None:
        """Addresses have ids of their own; where the shop does not tell them, they go with the order."""
        document = self._needed(order_id)
        for name, resource, wanted in (
            ("shipping_address", "shipping_addresses", shipping),
            ("billing_address", "billing_addresses", billing),
        ):
            address_id = document.one(name).id()
            if not wanted:
                continue
            if address_id:
                self._client.write("PUT", f"{resource}/{address_id}", {"address": wanted})
            else:
                fields[name] = wanted
        if fields and self.settings.order_items == ATTRIBUTES:
            fields = writing.as_attributes(fields)
        if fields:
            self._client.write("PUT", f"orders/{order_id}", {"order": fields})

    # --- parcels ------------------------------------------------------------------------------

    def add_parcel(
        self, order_id: str, tracking: Tracking, quantities: Mapping[str, int], *, is_all: bool
    ) -> RemoteParcel:
        """What is inside is said with the shipment, and again at its items where the shop did not take it.

        There an item is in one shipment or in none: of a line that goes out in parts nothing can be said.
        """
        inside = {line_id: count for line_id, count in quantities.items() if count > 0}
        shipment: dict[str, object] = {
            "order_id": _key(order_id),
            "carrier_name": tracking.carrier,
            "tracking_code": tracking.number,
            "status": SENT,
            "partial_delivery": not is_all,
        }
        if self.settings.order_items != SEPARATE:
            name = "items" if self.settings.order_items == NESTED else "items_attributes"
            shipment[name] = [{"id": _key(line_id), "quantity": count} for line_id, count in inside.items()]
        written = self._client.write("POST", f"orders/{order_id}/shipments", {"shipment": shipment})
        parcel_id = _id_of(written, "shipment")
        if not parcel_id:
            raise ShopUnavailable("the shop took the shipment and does not say under which id")
        told = self._items_of_parcel(parcel_id)
        if told != inside:
            told = self._pack(order_id, parcel_id, inside)
        return RemoteParcel(parcel_id, tracking, is_sent=True, quantities=told)

    def correct_parcel(self, parcel_id: str, tracking: Tracking) -> None:
        shipment = {"carrier_name": tracking.carrier, "tracking_code": tracking.number}
        self._client.write("PUT", f"shipments/{parcel_id}", {"shipment": shipment})

    def _pack(self, order_id: str, parcel_id: str, quantities: Mapping[str, int]) -> Mapping[str, int]:
        """Say which lines are inside. Items may well be for reading only; the shipment stands without it."""
        whole = {
            line_id: count
            for line_id, count in _quantities(self._item_documents(order_id)).items()
            if quantities.get(line_id) == count
        }
        told: dict[str, int] = {}
        for line_id, count in whole.items():
            item = {"shipment_id": _key(parcel_id), "status": SENT}
            try:
                self._client.write("PUT", f"items/{line_id}", {"item": item})
            except ShopRefuses:
                break
            except ShopAccessLost as lost:
                if lost.reason != Reason.NOT_UNLOCKED:
                    raise
                break
            told[line_id] = count
        return told

    # --- metafields ---------------------------------------------------------------------------

    def _metafields(self, owner_type: str, owner_id: str = "") -> Iterator[Metafield]:
        """Ours at one owner, or at all of a type. Nobody knows which filters the shop follows."""
        params = [("metafieldable_type", owner_type)]
        if owner_id:
            params.append(("metafieldable_id", owner_id))
        for page in self._pages("metafields", "metafield", *params):
            for found in map(read_metafield, page):
                if found is None or found.owner_type != owner_type or found.namespace != metafields.NAMESPACE:
                    continue
                if not owner_id or found.owner_id == owner_id:
                    yield found

    def _metafield(
        self, owner_type: str, owner_id: str, key: str, namespace: str = metafields.NAMESPACE
    ) -> str:
        params = (("metafieldable_type", owner_type), ("metafieldable_id", owner_id))
        for page in self._pages("metafields", "metafield", *params):
            for found in map(read_metafield, page):
                if found and found.is_at(owner_type, owner_id) and found.is_called(namespace, key):
                    return found.value
        return ""

    def _write_metafield(
        self, owner_type: str, owner_id: str, key: str, value: str, namespace: str = metafields.NAMESPACE
    ) -> None:
        document = metafield_document(owner_type, owner_id, key, value, namespace)
        self._client.write("POST", "metafields", document)

    def _delete_metafield(self, metafield: Metafield) -> None:
        with suppress(Missing):  # that is what was wanted
            self._client.write("DELETE", f"metafields/{metafield.metafield_id}")

    # --- asking -------------------------------------------------------------------------------

    def _pages(self, path: str, singular: str, *params: tuple[str, str]) -> Iterator[list[Document]]:
        """All records of a list, each once, page by page, also where the shop sends all of them at once."""
        seen: set[str] = set()
        offset = 0
        for _page in range(MOST_PAGES):
            asked = (("limit", str(MOST_AT_ONCE)), ("offset", str(offset)), *params)
            found = self._list(path, singular, *asked)
            if found is None and path == "products":
                raise ShopAccessLost(Reason.NO_SHOP)  # not: no products
            page = found or []
            new = [document for document in page if document.id() and document.id() not in seen]
            if new:
                yield new
            seen.update(document.id() for document in new)
            if not new or len(page) < LAST_PAGE_BELOW:
                return
            offset += len(page) - OVERLAP

    def _list(self, path: str, singular: str, *params: tuple[str, str]) -> list[Document] | None:
        """The records of a list; None if there is no such list. What is no list is not an empty one."""
        found = self._client.read(path, *params)
        if found is not None and not is_list(found):
            raise ShopUnavailable("something else came instead of a list")
        return None if found is None else records(found, singular)

    def _record(
        self, path: str, singular: str, *others: str, params: tuple[tuple[str, str], ...] = ()
    ) -> Document | None:
        found = self._client.read(path, *params)
        return None if found is None else unwrapped(found, singular, *others)

    def _needed(self, order_id: str) -> Document:
        document = self._record(f"orders/{order_id}", "order")
        if document is None:
            raise Missing("Die Bestellung gibt es im Shop nicht mehr.")
        return document

    def _again(self, order_id: str) -> RemoteOrder:
        """The order as it stands now. Raises `ShopRefuses` if it is gone."""
        order = self.order(order_id)
        if order is None:
            raise Missing("Die Bestellung gibt es im Shop nicht mehr.")
        return order


def _inside(parcel_id: str, lines: Sequence[Document]) -> Mapping[str, int]:
    return _quantities([line for line in lines if line.id("shipment_id") == parcel_id])


def _quantities(items: Sequence[Document]) -> Mapping[str, int]:
    found = {item.id(): item.whole("quantity") for item in items}
    return {line_id: count for line_id, count in found.items() if line_id and count and count > 0}


def _address_of(order: Document) -> Address:
    return address_from(order.one("shipping_address"))


def _id_of(written: Written, name: str) -> str:
    document = unwrapped(written.document, name) if written.document is not None else Document({})
    return document.id() or written.location_id


def _key(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _by_age(order: RemoteOrder) -> tuple[datetime, int, str]:
    return (order.placed_at, len(order.order_id), order.order_id)


def _utc_now() -> datetime:
    return datetime.now(UTC)
