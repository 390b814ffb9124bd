"""Seller Central: pages on which a person sees what Amazon knows, and plays the buyer. German and English."""

from __future__ import annotations

import html
from collections.abc import Iterable
from urllib.parse import quote

from kogge.simulator import seller_central_fulfilment as fulfilment
from kogge.simulator import seller_central_offers as offers
from kogge.simulator import seller_central_parts as parts
from kogge.simulator.control import Change, apply_change
from kogge.simulator.order_document import grand_total
from kogge.simulator.seller_central_parts import BASE, PAGE_SIZE
from kogge.simulator.seller_central_words import WORDS, Words
from kogge.simulator.wire import Request, Response, redirect
from kogge.simulator.world import (
    CANCELLED,
    PENDING,
    PENDING_AVAILABILITY,
    SHIPPED,
    UNSHIPPED,
    Event,
    Feed,
    Item,
    Order,
    Package,
    World,
)

_SYMBOLS = {
    "PENDING": "◔",
    "PENDING_AVAILABILITY": "◔",
    "UNSHIPPED": "●",
    "PARTIALLY_SHIPPED": "◐",
    "SHIPPED": "✔",
    "CANCELLED": "✕",
    "UNFULFILLABLE": "✕",
}
_AREAS = {"offers": offers.answer, "fulfilment": fulfilment.answer}
_ADDRESS_LINES = ("name", "companyName", "addressLine1", "addressLine2", "addressLine3")


def answer(world: World, request: Request) -> Response:
    """A page of Seller Central, or a button pressed on one."""
    words = WORDS[_language(request)]
    steps = request.path.removeprefix(BASE).strip("/").split("/")
    match (request.method, *steps):
        case ("GET", ""):
            return parts.page(words, words.orders, _order_list(world, request, words))
        case ("GET", "feeds"):
            return parts.page(words, words.feeds, _feed_list(world, words))
        case ("GET", "orders", order_id) if order := world.find_order(order_id):
            return parts.page(words, order.order_id, _order_page(order, words))
        case ("POST", "orders", order_id, act) if order := world.find_order(order_id):
            return _press(world, order, act)
        case (_, "offers" | "fulfilment" as area, *steps_on):
            return _AREAS[area](world, request, steps_on, words)
        case _:
            return parts.not_found(words)


def _language(request: Request) -> str:
    """The first of our languages the browser asks for; German otherwise."""
    for wish in request.headers.get("accept-language", "").lower().split(","):
        language = wish.strip()[:2]
        if language in WORDS:
            return language
    return "de"


# What the buttons do. Each is only offered, and only taken, in the states named beside it.
_ACTS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "release": (Change(status=UNSHIPPED), (PENDING, PENDING_AVAILABILITY)),
    "ask-to-cancel": (Change(cancellation_request="Ordered by mistake"), (UNSHIPPED,)),
    "withdraw-request": (Change(cancellation_request=""), (UNSHIPPED,)),
    "buyer-cancels": (
        Change(status=CANCELLED, cancelled_by="BUYER", cancel_reason="Cancelled by buyer"),
        (PENDING, PENDING_AVAILABILITY, UNSHIPPED),
    ),
    "amazon-cancels": (
        Change(status=CANCELLED, cancelled_by="AMAZON", cancel_reason="Payment declined"),
        (PENDING, PENDING_AVAILABILITY, UNSHIPPED),
    ),
    "ship": (Change(status=SHIPPED), (UNSHIPPED, "PARTIALLY_SHIPPED")),
}


def _press(world: World, order: Order, act: str) -> Response:
    if act in _open_acts(order):
        apply_change(world, order, _ACTS[act][0])
    return redirect(f"{BASE}/orders/{quote(order.order_id)}")


def _open_acts(order: Order) -> list[str]:
    if order.channel == "NON_AMAZON":
        return []  # it follows its fulfilment order
    has_asked = any(item.cancellation_request for item in order.items)
    pointless = "ask-to-cancel" if has_asked else "withdraw-request"
    return [act for act, (_, states) in _ACTS.items() if order.status in states and act != pointless]


def _order_list(world: World, request: Request, words: Words) -> str:
    parameters = request.parameters()
    status = parameters.get("status", "")
    orders = [
        order
        for account in world.accounts.values()
        for order in account.orders.values()
        if not status or order.status == status
    ]
    orders.sort(key=lambda order: order.created, reverse=True)
    number = int(parameters["page"]) if parameters.get("page", "").isdecimal() else 1
    shown = orders[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    heads = (words.placed, words.order, words.items, words.ship_to, words.total, words.state, words.known)
    rows = [_order_row(order, words) for order in shown]
    table = parts.table(heads, rows) if rows else f"<p>{words.no_orders}</p>"
    chosen = {"status": status} if status else {}
    pager = parts.pager(BASE, chosen, number, len(orders), words)
    return _filters(world, status, words) + table + pager


def _filters(world: World, chosen: str, words: Words) -> str:
    counts: dict[str, int] = {}
    for account in world.accounts.values():
        for order in account.orders.values():
            counts[order.status] = counts.get(order.status, 0) + 1
    links = [parts.link(BASE, f"{words.all} {sum(counts.values())}", is_current=not chosen)]
    links += [
        parts.link(f"{BASE}?status={status}", f"{words.states[status]} {count}", is_current=status == chosen)
        for status, count in counts.items()
    ]
    return f'<nav class="filters" aria-label="{words.state}">{"".join(links)}</nav>'


def _order_row(order: Order, words: Words) -> list[str]:
    address = order.address or {}
    recipient = ", ".join(filter(None, (address.get("name", ""), address.get("city", ""))))
    return [
        parts.moment(order.created, words),
        f'<a class="id" href="{BASE}/orders/{quote(order.order_id)}">{parts.text(order.order_id)}</a>'
        f"<br><small>{parts.text(order.marketplace.name)}</small>",
        "<br>".join(f"{item.quantity} × {parts.text(item.title or item.sku, 60)}" for item in order.items),
        parts.text(recipient, 60) or "–",
        parts.amount(grand_total(order, order.items), order.marketplace.currency, words),
        _state(order, words),
        _known(order, words),
    ]


def _known(order: Order, words: Words) -> str:
    """What the seller has told Amazon so far."""
    facts = []
    if order.acknowledgement:
        facts.append(f"✔ {words.acknowledged}")
    facts += [f"▣ {parts.text(package.tracking_number)}" for package in order.packages.values()]
    if any(item.cancellation_request for item in order.items) and order.status != CANCELLED:
        facts.append(f"⚠ {words.events['cancellation_requested']}")
    return "<br>".join(facts) or "–"


def _order_page(order: Order, words: Words) -> str:
    return "".join(
        (
            f'<p class="lead">{_state(order, words)} {_cancelled_by(order, words)}</p>',
            _buttons(order, words),
            '<div class="columns">',
            parts.section(words.ship_to, _address(order)),
            parts.section(words.order, parts.facts(_order_facts(order, words))),
            "</div>",
            parts.section(words.items, _items(order, words)),
            parts.section(words.packages, _packages(order, words)),
            parts.section(words.timeline, _timeline(order.timeline, words)),
        )
    )


def _buttons(order: Order, words: Words) -> str:
    forms = "".join(
        f'<form method="post" action="{BASE}/orders/{quote(order.order_id)}/{act}">'
        f"<button>{words.acts[act]}</button></form>"
        for act in _open_acts(order)
    )
    return f'<section class="acts"><h2>{words.simulate}</h2>{forms or words.nothing_to_do}</section>'


def _address(order: Order) -> str:
    if order.address is None:
        return "–"
    address = dict(order.address)
    place = " ".join(filter(None, (address.pop("postalCode", ""), address.pop("city", ""))))
    lines = [address.pop(name, "") for name in _ADDRESS_LINES] + [place, *address.values()]
    return "<br>".join(parts.text(line) for line in lines if line)


def _order_facts(order: Order, words: Words) -> list[tuple[str, str]]:
    acknowledged = order.acknowledgement
    facts = [
        (words.placed, parts.moment(order.created, words)),
        (words.updated, parts.moment(order.updated, words)),
        (words.marketplace, f"{parts.text(order.marketplace.name)} · {order.channel}"),
        (words.fulfilled_by, order.fulfilled_by),
        (words.service, order.service_level),
        (words.programs, ", ".join(order.programs) or "–"),
        (words.buyer, f"{parts.text(order.buyer_name)} {parts.text(order.buyer_email)}"),
        (words.total, parts.amount(grand_total(order, order.items), order.marketplace.currency, words)),
    ]
    if order.ship_by:
        facts.append((words.ship_by, parts.moment(order.ship_by[1], words)))
    if acknowledged:
        own_number = (
            f" · {parts.text(acknowledged.merchant_order_id)}" if acknowledged.merchant_order_id else ""
        )
        facts.append((words.acknowledged, parts.moment(acknowledged.at, words) + own_number))
    if order.replaces:
        facts.append((words.replaces, parts.text(order.replaces)))
    return facts


def _items(order: Order, words: Words) -> str:
    heads = (words.article, words.quantity, words.shipped, words.total, words.note)
    return parts.table(heads, [_item_row(order, item, words) for item in order.items])


def _item_row(order: Order, item: Item, words: Words) -> list[str]:
    notes = [item.gift_message and f"🎁 {item.gift_message}"]
    notes.append(item.cancellation_request and f"⚠ {item.cancellation_request}")
    notes.append(item.cancelled_by and f"✕ {item.cancelled_by} {item.cancel_reason}")
    ids = " · ".join(filter(None, (item.sku, item.asin, item.item_id)))
    return [
        f"{parts.text(item.title or '–', 200)}<br><small>{parts.text(ids)}</small>",
        str(item.quantity),
        str(order.fulfilled(item)),
        parts.amount(grand_total(order, [item]), order.marketplace.currency, words),
        "<br>".join(parts.text(note, 300) for note in notes if note) or "–",
    ]


def _packages(order: Order, words: Words) -> str:
    if not order.packages:
        return f"<p>{words.no_packages}</p>"
    heads = ("#", words.carrier, words.tracking, words.shipped_at, words.quantity)
    return parts.table(heads, [_package_row(package, words) for package in order.packages.values()])


def _package_row(package: Package, words: Words) -> list[str]:
    carrier = package.carrier_name or package.carrier_code
    return [
        parts.text(package.reference_id),
        parts.text(" · ".join(filter(None, (carrier, package.shipping_method)))),
        parts.text(package.tracking_number),
        parts.moment(package.ship_date, words),
        str(sum(package.quantities.values())),
    ]


def _timeline(events: Iterable[Event], words: Words) -> str:
    lines = (
        f"<li>{parts.moment(event.at, words)} <strong>{words.events[event.what]}</strong> "
        f"{parts.text(event.detail)}</li>"
        for event in events
    )
    return f"<ol>{''.join(lines)}</ol>"


def _feed_list(world: World, words: Words) -> str:
    feeds = [feed for account in world.accounts.values() for feed in account.feeds.values()]
    heads = (words.placed, "Feed", words.kind, words.state, words.finished)
    rows = [_feed_row(feed, words) for feed in reversed(feeds)]
    table = parts.table(heads, rows) if rows else f"<p>{words.no_feeds}</p>"
    held = "".join(f"<li>{parts.text(text, 300)}</li>" for text in reversed(world.violations))
    return table + parts.section(
        words.violations, f"<ol>{held}</ol>" if held else f"<p>{words.no_violations}</p>"
    )


def _feed_row(feed: Feed, words: Words) -> list[str]:
    ended = parts.moment(feed.ended, words) if feed.ended else "–"
    return [
        parts.moment(feed.created, words),
        parts.text(feed.feed_id),
        parts.text(feed.feed_type),
        feed.status,
        ended,
    ]


def _state(order: Order, words: Words) -> str:
    symbol = _SYMBOLS.get(order.status, "?")
    label = words.states.get(order.status) or parts.text(order.status)
    return f'<span class="state {html.escape(order.status.lower())}">{symbol} {label}</span>'


def _cancelled_by(order: Order, words: Words) -> str:
    return f"{words.cancelled_by} {parts.text(order.cancelled_by)}" if order.cancelled_by else ""
