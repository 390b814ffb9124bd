"""An order, its lines and its shipments, read out of the shop's documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from kogge.shops.remote import RemoteLine, RemoteOrder, RemoteParcel, Standing
from kogge.shops.versacommerce.addresses import address_from
from kogge.shops.versacommerce.reading import Document
from kogge.values import Money, Tracking

NOTE_LINE = "Amazon-Bestellung: "  # in front of the order id, on a line of its own

STANDINGS = {
    "open": Standing.OPEN,
    "in_progress": Standing.IN_PROGRESS,
    "closed": Standing.CLOSED,
    "canceled": Standing.CANCELLED,
    "cancelled": Standing.CANCELLED,
    "returned": Standing.RETURNED,
}
TIMES = {"created_at", "created_on"}
CANCELLED = {"canceled", "cancelled"}
SENT = "delivered"  # handed to the carrier, not arrived: a closed order is "sent and paid"
PACKING = {"packed", "packing"}
OWN_NAMES = {"", "online_shop", "onlineshop", "shop", "storefront", "website", "webshop"}
MARKETPLACES = {"amazon", "ebay", "otto", "kaufland", "real", "hood", "etsy", "zalando", "rakuten", "idealo"}

# Amazon's buyers are written to by such an address; nobody else has one.
_RELAY = re.compile(r"@(?:[\w-]+\.)*marketplace\.amazon\.", re.IGNORECASE)
_CHANNEL_ORDER = re.compile(rf"^{re.escape(NOTE_LINE)}(\S{{1,60}})[ \t]*\r?$", re.MULTILINE)


def read_order(document: Document, shop_currency: str, fallback: datetime) -> RemoteOrder | None:
    """The order as the shop shows it; None if it has no id.

    What cannot be read is named in `doubts`, and the standing is then UNKNOWN, so that nobody acts on the
    rest. Only the time of placing has a substitute, `fallback`: that of the order before it in the list.
    """
    order_id = document.id()
    if not order_id:
        return None
    currency = document.currency("currency", shop_currency)
    order = _facts(document, order_id, currency, fallback)
    lines, doubts = _lines(document, currency)
    if not document.has("total"):
        doubts.append("total")
    doubts += [name for name in document.doubts if name not in doubts]
    order = replace(order, lines=lines, doubts=tuple(doubts))
    if set(doubts) - TIMES:
        return replace(order, standing=Standing.UNKNOWN)
    return _with_sent_lines(order, document.word("items_status"))


def read_parcel(document: Document) -> RemoteParcel | None:
    """A shipment without what is inside; None if it has no id."""
    parcel_id = document.id()
    if not parcel_id:
        return None
    first, *more = tracking_codes(document.text("tracking_code", 500)) or [""]
    tracking = Tracking(document.text("carrier_name", 100), first)
    is_sent = document.word("status") == SENT
    return RemoteParcel(parcel_id, tracking, is_sent, more_numbers=tuple(more))


def tracking_codes(text: str) -> list[str]:
    """The single codes where a field holds several; the first is the parcel's own."""
    return [code.strip() for code in re.split(r"[,;]", text) if code.strip()]


def read_lines(documents: Sequence[Document], currency: str) -> list[RemoteLine]:
    """The lines that can be read."""
    return [line for line in (_line(document, currency) for document in documents) if line is not None]


def channel_order_id(note: str) -> str:
    """The channel's order id we wrote into the note; only a line of ours counts, not what customers say."""
    found = _CHANNEL_ORDER.search(note)
    return found.group(1) if found else ""


def _facts(document: Document, order_id: str, currency: str, fallback: datetime) -> RemoteOrder:
    status, paid = document.word("status"), document.word("payment_status")
    standing = STANDINGS.get(status, Standing.UNKNOWN)
    note = document.text("note", 20_000)
    address = document.one("shipping_address") or document.one("address")
    shipping, billing = address_from(address), address_from(document.one("billing_address"))
    known_as = channel_order_id(note)
    email = document.text("customer_email", 200) or document.one("customer").text("email", 200)
    return RemoteOrder(
        order_id=order_id,
        number=document.text("code", 40) or order_id,
        channel_order_id=known_as,
        is_own=not known_as and not _RELAY.search(email) and _is_own(document),
        standing=standing,
        status=document.text("status", 80),
        is_paid=paid == "paid" or standing is Standing.CLOSED,
        is_refunded=paid == "refunded",
        is_packing=_is_packing(document),
        placed_at=document.moment("created_at") or document.moment("created_on") or fallback,
        currency=currency,
        total=document.money("total", currency) or Money.zero(currency),
        shipping=document.money("shipping_cost", currency) or Money.zero(currency),
        shipping_method=_shipping_method(document),
        payment_method=document.text("payment_type", 80),
        locale=document.text("checkout_locale", 10) or "de",
        note=note,
        buyer_name=billing.name or shipping.name,
        email=email,
        address=shipping or billing,
        parcel_count=document.whole("shipments_count") or _parcels_seen(document),
    )


def _is_own(document: Document) -> bool:
    """Sold by the shop itself: no other origin is named, and no marketplace as the source."""
    source = document.word("source")
    return document.word("origin_name") in OWN_NAMES and not any(
        source.startswith(name) for name in MARKETPLACES
    )


def _is_packing(document: Document) -> bool:
    """Goods are packed. The order's own "in progress" says less: being paid may be enough for it."""
    return document.word("items_status") in PACKING


def _parcels_seen(document: Document) -> int:
    """How many shipments the lines name, where the order does not count them."""
    return len({found for item in document.many("items", "item") if (found := item.id("shipment_id"))})


def _shipping_method(document: Document) -> str:
    names = (
        item.text("editable_shipping_type", 100) or item.text("shipping_type", 100)
        for item in document.many("items", "item")
    )
    return ", ".join(dict.fromkeys(filter(None, names)))[:200]


def _lines(document: Document, currency: str) -> tuple[tuple[RemoteLine, ...], list[str]]:
    """The lines, and whether some could not be read."""
    documents = document.many("items", "item")
    lines = tuple(read_lines(documents, currency))
    return lines, (["items"] if len(lines) < len(documents) else [])


def _line(document: Document, currency: str) -> RemoteLine | None:
    line_id = document.id()
    quantity = document.whole("quantity")
    if quantity is None:
        quantity = document.whole("editable_quantity")
    if not line_id or quantity is None or quantity < 0:
        return None
    unit_price = document.money("price", currency)
    total = document.money("line_price", currency)
    if unit_price is None and total is None:
        return None
    status = document.word("status")
    return RemoteLine(
        line_id=line_id,
        product_id=document.id("product_id"),
        code=document.text("code", 80),
        title=document.text("title"),
        quantity=quantity,
        unit_price=unit_price or (total.share(1, quantity) if total and quantity else Money.zero(currency)),
        total=total if total is not None else (unit_price or Money.zero(currency)).times(quantity),
        is_cancelled=status in CANCELLED,
        parcel_id=document.id("shipment_id"),
        is_sent=status == SENT,
    )


def _with_sent_lines(order: RemoteOrder, items_status: str) -> RemoteOrder:
    """A closed order is sent and paid, and so are the lines of one whose goods are all delivered."""
    if order.standing is not Standing.CLOSED and items_status != SENT:
        return order
    lines = [line if line.is_cancelled else replace(line, is_sent=True) for line in order.lines]
    return replace(order, lines=tuple(lines))
