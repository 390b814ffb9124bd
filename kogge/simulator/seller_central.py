"""Seller Central: pages on which a person sees what Amazon knows, and plays the buyer. German and English."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote, urlencode

from kogge.simulator.control import Change, apply_change
from kogge.simulator.lwa import content_security_policy
from kogge.simulator.order_document import grand_total
from kogge.simulator.seller_central_words import WORDS, Words
from kogge.simulator.wire import Request, Response, html_response, redirect
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

BASE = "/seller-central"
PAGE_SIZE = 50

_SYMBOLS = {
    "PENDING": "◔",
    "PENDING_AVAILABILITY": "◔",
    "UNSHIPPED": "●",
    "PARTIALLY_SHIPPED": "◐",
    "SHIPPED": "✔",
    "CANCELLED": "✕",
    "UNFULFILLABLE": "✕",
}
_ADDRESS_LINES = ("name", "companyName", "addressLine1", "addressLine2", "addressLine3")
_CONTROL_CHARACTERS = dict.fromkeys([*range(9), *range(11, 32), 127], "�")


def answer(world: World, request: Request) -> Response:
    """A page of Seller Central, or a button pressed on one."""
    words = WORDS[_language(request)]
    steps = request.path.removeprefix(BASE).strip("/").split("/")
    match (request.method, *steps):
        case ("GET", ""):
            return _page(words, words.orders, _order_list(world, request, words))
        case ("GET", "feeds"):
            return _page(words, words.feeds, _feed_list(world, words))
        case ("GET", "orders", order_id) if order := world.find_order(order_id):
            return _page(words, order.order_id, _order_page(order, words))
        case ("POST", "orders", order_id, act) if order := world.find_order(order_id):
            return _press(world, order, act)
        case _:
            return _page(words, words.not_found, f"<p>{words.not_found}</p>", status=404)


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
    table = _table(heads, rows) if rows else f"<p>{words.no_orders}</p>"
    return _filters(world, status, words) + table + _pager(number, len(orders), status, words)


def _filters(world: World, chosen: str, words: Words) -> str:
    counts: dict[str, int] = {}
    for account in world.accounts.values():
        for order in account.orders.values():
            counts[order.status] = counts.get(order.status, 0) + 1
    links = [_link(BASE, f"{words.all} {sum(counts.values())}", is_current=not chosen)]
    links += [
        _link(f"{BASE}?status={status}", f"{words.states[status]} {count}", is_current=status == chosen)
        for status, count in counts.items()
    ]
    return f'<nav class="filters" aria-label="{words.state}">{"".join(links)}</nav>'


def _order_row(order: Order, words: Words) -> list[str]:
    address = order.address or {}
    recipient = ", ".join(filter(None, (address.get("name", ""), address.get("city", ""))))
    return [
        _time(order.created, words),
        f'<a class="id" href="{BASE}/orders/{quote(order.order_id)}">{_text(order.order_id)}</a>'
        f"<br><small>{_text(order.marketplace.name)}</small>",
        "<br>".join(f"{item.quantity} × {_text(item.title or item.sku, 60)}" for item in order.items),
        _text(recipient, 60) or "–",
        _amount(grand_total(order, order.items), order.marketplace.currency, words),
        _state(order, words),
        _known(order, words),
    ]


def _known(order: Order, words: Words) -> str:
    """What the seller has told Amazon so far."""
    facts = []
    if order.acknowledgement:
        facts.append(f"✔ {words.acknowledged}")
    facts += [f"▣ {_text(package.tracking_number)}" for package in order.packages.values()]
    if any(item.cancellation_request for item in order.items) and order.status != CANCELLED:
        facts.append(f"⚠ {words.events['cancellation_requested']}")
    return "<br>".join(facts) or "–"


def _pager(number: int, count: int, status: str, words: Words) -> str:
    def to(page: int, label: str) -> str:
        query = urlencode({"page": page, **({"status": status} if status else {})})
        return _link(f"{BASE}?{query}", label)

    earlier = to(number - 1, words.previous) if number > 1 else ""
    later = to(number + 1, words.next) if number * PAGE_SIZE < count else ""
    return f'<nav class="filters">{earlier}{later}</nav>' if earlier or later else ""


def _order_page(order: Order, words: Words) -> str:
    return "".join(
        (
            f'<p class="lead">{_state(order, words)} {_cancelled_by(order, words)}</p>',
            _buttons(order, words),
            '<div class="columns">',
            _section(words.ship_to, _address(order)),
            _section(words.order, _facts(_order_facts(order, words))),
            "</div>",
            _section(words.items, _items(order, words)),
            _section(words.packages, _packages(order, words)),
            _section(words.timeline, _timeline(order.timeline, words)),
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
    return "<br>".join(_text(line) for line in lines if line)


def _order_facts(order: Order, words: Words) -> list[tuple[str, str]]:
    acknowledged = order.acknowledgement
    facts = [
        (words.placed, _time(order.created, words)),
        (words.updated, _time(order.updated, words)),
        (words.marketplace, f"{_text(order.marketplace.name)} · {order.channel}"),
        (words.fulfilled_by, order.fulfilled_by),
        (words.service, order.service_level),
        (words.programs, ", ".join(order.programs) or "–"),
        (words.buyer, f"{_text(order.buyer_name)} {_text(order.buyer_email)}"),
        (words.total, _amount(grand_total(order, order.items), order.marketplace.currency, words)),
    ]
    if order.ship_by:
        facts.append((words.ship_by, _time(order.ship_by[1], words)))
    if acknowledged:
        own_number = f" · {_text(acknowledged.merchant_order_id)}" if acknowledged.merchant_order_id else ""
        facts.append((words.acknowledged, _time(acknowledged.at, words) + own_number))
    if order.replaces:
        facts.append((words.replaces, _text(order.replaces)))
    return facts


def _items(order: Order, words: Words) -> str:
    heads = (words.article, words.quantity, words.shipped, words.total, words.note)
    return _table(heads, [_item_row(order, item, words) for item in order.items])


def _item_row(order: Order, item: Item, words: Words) -> list[str]:
    notes = [item.gift_message and f"🎁 {item.gift_message}"]
    notes.append(item.cancellation_request and f"⚠ {item.cancellation_request}")
    notes.append(item.cancelled_by and f"✕ {item.cancelled_by} {item.cancel_reason}")
    ids = " · ".join(filter(None, (item.sku, item.asin, item.item_id)))
    return [
        f"{_text(item.title or '–', 200)}<br><small>{_text(ids)}</small>",
        str(item.quantity),
        str(order.fulfilled(item)),
        _amount(grand_total(order, [item]), order.marketplace.currency, words),
        "<br>".join(_text(note, 300) for note in notes if note) or "–",
    ]


def _packages(order: Order, words: Words) -> str:
    if not order.packages:
        return f"<p>{words.no_packages}</p>"
    heads = ("#", words.carrier, words.tracking, words.shipped_at, words.quantity)
    return _table(heads, [_package_row(package, words) for package in order.packages.values()])


def _package_row(package: Package, words: Words) -> list[str]:
    carrier = package.carrier_name or package.carrier_code
    return [
        _text(package.reference_id),
        _text(" · ".join(filter(None, (carrier, package.shipping_method)))),
        _text(package.tracking_number),
        _time(package.ship_date, words),
        str(sum(package.quantities.values())),
    ]


def _timeline(events: Iterable[Event], words: Words) -> str:
    lines = (
        f"<li>{_time(event.at, words)} <strong>{words.events[event.what]}</strong> {_text(event.detail)}</li>"
        for event in events
    )
    return f"<ol>{''.join(lines)}</ol>"


def _feed_list(world: World, words: Words) -> str:
    feeds = [feed for account in world.accounts.values() for feed in account.feeds.values()]
    heads = (words.placed, "Feed", words.kind, words.state, words.finished)
    rows = [_feed_row(feed, words) for feed in reversed(feeds)]
    table = _table(heads, rows) if rows else f"<p>{words.no_feeds}</p>"
    held = "".join(f"<li>{_text(text, 300)}</li>" for text in reversed(world.violations))
    return table + _section(words.violations, f"<ol>{held}</ol>" if held else f"<p>{words.no_violations}</p>")


def _feed_row(feed: Feed, words: Words) -> list[str]:
    ended = _time(feed.ended, words) if feed.ended else "–"
    return [_time(feed.created, words), _text(feed.feed_id), _text(feed.feed_type), feed.status, ended]


def _state(order: Order, words: Words) -> str:
    symbol = _SYMBOLS.get(order.status, "?")
    label = words.states.get(order.status) or _text(order.status)
    return f'<span class="state {html.escape(order.status.lower())}">{symbol} {label}</span>'


def _cancelled_by(order: Order, words: Words) -> str:
    return f"{words.cancelled_by} {_text(order.cancelled_by)}" if order.cancelled_by else ""


def _amount(amount: Decimal, currency: str, words: Words) -> str:
    text = f"{amount:,.2f}"
    if words.decimal_comma:
        text = text.translate(str.maketrans(",.", ".,"))
    return f'<span class="amount">{text} {currency}</span>'


def _time(moment: datetime, words: Words) -> str:
    """UTC, as Amazon counts."""
    return f'<time datetime="{moment.isoformat()}">{moment.strftime(words.time_format)}</time>'


def _text(text: str, limit: int = 500) -> str:
    """Any text, harmless in HTML: escaped, of bounded length, its writing direction kept to itself."""
    if not text:
        return ""
    shortened = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"<bdi>{html.escape(shortened.translate(_CONTROL_CHARACTERS))}</bdi>"


def _link(target: str, label: str, *, is_current: bool = False) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<a href="{html.escape(target)}"{current}>{label}</a>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in facts)}</dl>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _page(words: Words, title: str, body: str, *, status: int = 200) -> Response:
    menu = _link(BASE, words.orders) + _link(f"{BASE}/feeds", words.feeds)
    page = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title} · Seller Central</title>'
        f"<style>{_STYLE}</style></head><body>"
        f"<header><strong>Seller Central <small>Simulator</small></strong><nav>{menu}</nav></header>"
        f"<main><h1>{title}</h1>{body}</main></body></html>"
    )
    response = html_response(status, page)
    response.headers["Content-Security-Policy"] = content_security_policy("'self'")
    response.headers["Vary"] = "Accept-Language"
    return response


_STYLE = """
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;color:#0f1111;background:#f3f4f4;margin:0}
header{background:#0b2b33;color:#fff;display:flex;gap:2rem;align-items:baseline;padding:.75rem 1.5rem}
header small{font-weight:400;color:#d5e3e6}header a{color:#fff;margin-right:1.25rem}
main{max-width:80rem;margin:0 auto;padding:1rem 1.5rem 4rem}h1{font-size:1.5rem;margin:.5rem 0 1rem}
h2{font-size:1rem;margin:0 0 .5rem}a{color:#0a6470}small,dt{color:#565959}
section,.table{background:#fff;border:1px solid #d5d9d9;border-radius:8px;margin-bottom:1rem}
section{padding:1rem}section .table{border:0;margin:0}.table{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .75rem}
th{color:#565959;font-weight:600;border-bottom:1px solid #d5d9d9}tr+tr td{border-top:1px solid #eaeded}
td{overflow-wrap:anywhere}time{white-space:nowrap;font-variant-numeric:tabular-nums}
.id,.amount{white-space:nowrap}.filters{margin:0 0 1rem;display:flex;flex-wrap:wrap;gap:.5rem}
.filters a{background:#fff;border:1px solid #d5d9d9;border-radius:99px;padding:.15rem .75rem}
.filters a{text-decoration:none}
.filters a[aria-current]{background:#0b2b33;color:#fff}
.state{display:inline-block;border-radius:6px;padding:.05rem .5rem;background:#e7e9ec;white-space:nowrap}
.unshipped,.partially_shipped{background:#ffe9b3}.shipped{background:#cdeccd}.cancelled{background:#f8d0cc}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
dd{margin:0;overflow-wrap:anywhere}
.acts form{display:inline-block;margin:0 .5rem .25rem 0}ol{margin:0;padding-left:1.25rem}
button{font:inherit;padding:.35rem .9rem;border-radius:8px;border:1px solid #888c8c;background:#fff}
button:hover{background:#f0f2f2}:focus-visible{outline:2px solid #0a6470;outline-offset:2px}
"""
