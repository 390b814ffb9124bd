"""Seller Central's pages about orders that Amazon ships for a shop, and about the units it has for them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote, unquote

from kogge.simulator import seller_central_parts as parts
from kogge.simulator.control import Controls, FulfilmentChange, apply_fulfilment_change
from kogge.simulator.fba_inventory_v1 import fba_skus
from kogge.simulator.fulfilment_orders import HOLD, NEW, PLANNING, RECEIVED, FulfilmentOrder
from kogge.simulator.seller_central_fulfilment_words import WORDS, FulfilmentWords
from kogge.simulator.seller_central_parts import BASE, PAGE_SIZE
from kogge.simulator.seller_central_words import Words
from kogge.simulator.wire import Request, Response, redirect
from kogge.simulator.world import Account, World

HERE = f"{BASE}/fulfilment"
MOST = 10_000_000

_SYMBOLS = {
    "NEW": "◔",
    "RECEIVED": "◔",
    "PLANNING": "◔",
    "PROCESSING": "●",
    "COMPLETE": "✔",
    "COMPLETE_PARTIALLED": "◐",
}
_COLOURS = {"COMPLETE": "shipped", "PROCESSING": "unshipped", "COMPLETE_PARTIALLED": "unshipped"}
_ADDRESS = ("name", "addressLine1", "addressLine2", "addressLine3")


def answer(world: World, request: Request, steps: Sequence[str], words: Words) -> Response:
    """What lies under `/seller-central/fulfilment`."""
    ours = WORDS[words.language]
    match (request.method, *steps):
        case ("GET",):
            return parts.page(words, words.fulfilment, _list(world, request, words, ours))
        case ("POST", "stock", seller_id, sku) if account := world.accounts.get(seller_id):
            return _save_stock(world, request, account, unquote(sku), words)
        case ("GET", seller_id, order_id) if order := _find(world, seller_id, order_id):
            return parts.page(words, order.order_id, _page(order, words, ours))
        case ("POST", seller_id, order_id, act) if order := _find(world, seller_id, order_id):
            return _press(world, order, act)
        case _:
            return parts.not_found(words)


def _find(world: World, seller_id: str, order_id: str) -> FulfilmentOrder | None:
    account = world.accounts.get(seller_id)
    return account.fulfilment_orders.get(unquote(order_id)) if account else None


def _address_of(order: FulfilmentOrder) -> str:
    return f"{HERE}/{quote(order.seller_id)}/{quote(order.order_id)}"


# What the buttons do to orders in the statuses beside them.
_ACTS: dict[str, tuple[FulfilmentChange, tuple[str, ...]]] = {
    "go-on": (FulfilmentChange(go_on=True), (NEW, RECEIVED, PLANNING, "PROCESSING")),
    "let-go": (FulfilmentChange(stuck_in=""), (NEW, RECEIVED, PLANNING, "PROCESSING")),
    "hang": (FulfilmentChange(stuck_in="PLANNING"), (NEW, RECEIVED, PLANNING)),
    "lose-one": (FulfilmentChange(fate="PARTIAL"), (NEW, RECEIVED, PLANNING)),
    "invalid": (FulfilmentChange(fate="INVALID"), (NEW, RECEIVED)),
}


def _open_acts(order: FulfilmentOrder) -> list[str]:
    pointless = {"hang"} if order.stuck_in else {"let-go"}
    if order.fate:
        pointless |= {"lose-one", "invalid"}
    return [act for act, (_, states) in _ACTS.items() if order.status in states and act not in pointless]


def _press(world: World, order: FulfilmentOrder, act: str) -> Response:
    if act in _open_acts(order):
        apply_fulfilment_change(world, order, _ACTS[act][0])
    return redirect(_address_of(order))


def _list(world: World, request: Request, words: Words, ours: FulfilmentWords, *, refusal: str = "") -> str:
    orders = [order for account in world.accounts.values() for order in account.fulfilment_orders.values()]
    orders.reverse()
    page = request.parameters().get("page", "")
    number = int(page) if page.isdecimal() else 1
    shown = orders[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    heads = (ours.received, words.order, words.items, ours.ship_to, words.state, words.tracking)
    rows = [_row(order, words, ours) for order in shown]
    table = parts.table(heads, rows) if rows else f"<p>{ours.no_orders}</p>"
    pager = parts.pager(HERE, {}, number, len(orders), words)
    return refusal + table + pager + parts.section(ours.stock, _stock(world, words, ours))


def _row(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> list[str]:
    numbers = [
        parcel.tracking_number
        for shipment in order.shipments
        if shipment.is_shipped
        for parcel in shipment.parcels
    ]
    return [
        parts.moment(order.received, words),
        f'<a class="id" href="{_address_of(order)}">{parts.text(order.order_id)}</a>'
        f"<br><small>{parts.text(order.display_id)}</small>",
        "<br>".join(f"{line.quantity} × {parts.text(line.sku)}" for line in order.lines),
        parts.text(f"{order.address['name']}, {order.address['city']}", 60),
        _state(order, ours),
        "<br>".join(f'<span class="id">▣ {parts.text(number)}</span>' for number in numbers) or "–",
    ]


def _state(order: FulfilmentOrder, ours: FulfilmentWords) -> str:
    symbol = _SYMBOLS.get(order.status, "✕")
    colour = _COLOURS.get(order.status, "" if order.is_open else "cancelled")
    reason = f" · {ours.reasons.get(order.reason, '')}" if order.reason else ""
    is_stuck = order.is_open and (order.stuck_in == order.status or order.is_waiting)
    hangs = f" · ⚠ {ours.hangs}" if is_stuck else ""
    return f'<span class="state {colour}">{symbol} {ours.states[order.status]}{reason}{hangs}</span>'


def _page(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> str:
    return "".join(
        (
            f'<p class="lead">{_state(order, ours)}</p>',
            _buttons(order, words, ours),
            '<div class="columns">',
            parts.section(ours.ship_to, _address(order)),
            parts.section(words.order, parts.facts(_facts(order, words, ours))),
            "</div>",
            parts.section(words.items, _lines(order, words, ours)),
            parts.section(ours.shipments, _shipments(order, words, ours)),
            parts.section(ours.history, _history(order, words, ours)),
        )
    )


def _buttons(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> str:
    forms = "".join(
        f'<form method="post" action="{_address_of(order)}/{act}"><button>{ours.acts[act]}</button></form>'
        for act in _open_acts(order)
    )
    return f'<section class="acts"><h2>{words.simulate}</h2>{forms or ours.nothing_to_do}</section>'


def _address(order: FulfilmentOrder) -> str:
    address = dict(order.address)
    place = f"{address.pop('postalCode')} {address.pop('city')}"
    lines = [address.pop(name, "") for name in _ADDRESS] + [place, *address.values()]
    return "<br>".join(parts.text(line) for line in lines if line)


def _facts(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> list[tuple[str, str]]:
    held = f" · {ours.hold}" if order.action == HOLD else ""
    echo = f'<a href="{BASE}/orders/{quote(order.echo_id)}">{parts.text(order.echo_id)}</a>'
    features = ", ".join(f"{name} ({policy})" for name, policy in order.features.items())
    return [
        (ours.shop_order, parts.text(order.display_id)),
        (words.note, parts.text(order.display_comment) or "–"),
        (ours.received, parts.moment(order.received, words)),
        (words.marketplace, parts.text(order.marketplace.name)),
        (ours.speed, f"{order.speed}{held}"),
        (ours.policy, order.policy),
        (ours.features, parts.text(features) or "–"),
        (ours.estimated, parts.moment(order.promised_ship, words)),
        (ours.version, order.version),
        (ours.echo, echo if order.echo_id else "–"),
    ]


def _lines(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> str:
    heads = ("SKU", words.quantity, ours.reserved, words.shipped, ours.lost)
    rows = [
        [
            f"{parts.text(line.sku)}<br><small>{parts.text(line.line_id)}</small>",
            str(line.quantity),
            str(line.reserved),
            str(line.shipped),
            str(line.unfulfillable),
        ]
        for line in order.lines
    ]
    return parts.table(heads, rows)


def _shipments(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> str:
    if not order.shipments:
        return f"<p>{ours.no_shipments}</p>"
    heads = (ours.warehouse, ours.leaves, words.carrier, words.tracking, words.quantity)
    rows = [
        [
            parts.text(shipment.facility),
            f"{'✔' if shipment.is_shipped else '◔'} {parts.moment(shipment.ships_at, words)}",
            parts.text(parcel.carrier),
            parts.text(parcel.tracking_number) if shipment.is_shipped else "–",
            str(sum(parcel.quantities.values())),
        ]
        for shipment in order.shipments
        for parcel in shipment.parcels
    ]
    return parts.table(heads, rows)


def _history(order: FulfilmentOrder, words: Words, ours: FulfilmentWords) -> str:
    lines = (
        f"<li>{parts.moment(at, words)} <strong>{ours.states[status]}</strong> "
        f"{ours.reasons.get(reason, '')}</li>"
        for at, status, reason in order.history
    )
    return f"<ol>{''.join(lines)}</ol>"


def _stock(world: World, words: Words, ours: FulfilmentWords) -> str:
    """What there is of each SKU, to be changed by hand."""
    rows = [
        _stock_row(account, sku, words, ours)
        for account in world.accounts.values()
        for sku in fba_skus(account)
    ]
    heads = ("SKU", words.article, ours.fulfillable, ours.reserved, ours.elsewhere)
    return parts.table(heads, rows[:PAGE_SIZE]) if rows else f"<p>{ours.no_stock}</p>"


def _stock_row(account: Account, sku: str, words: Words, ours: FulfilmentWords) -> list[str]:
    listing = account.listings.get(sku)
    reserved = sum(
        line.reserved
        for order in account.fulfilment_orders.values()
        for line in order.lines
        if line.sku == sku
    )
    target = f"{HERE}/stock/{quote(account.seller_id)}/{quote(sku, safe='')}"
    label = escape(f"{ours.fulfillable}: {sku}")
    form = (
        f'<form class="search" method="post" action="{target}">'
        f'<input name="units" value="{account.fba_stock.get(sku, 0)}" inputmode="numeric" size="6" required '
        f'aria-label="{label}"><button>{words.save}</button></form>'
    )
    return [
        parts.text(sku),
        parts.text(listing.title, 60) if listing else "–",
        form,
        str(reserved),
        str(account.elsewhere(sku).total),
    ]


def _save_stock(world: World, request: Request, account: Account, sku: str, words: Words) -> Response:
    """The form was sent. What is not a number is not taken, and the page says so."""
    ours = WORDS[words.language]
    if sku not in fba_skus(account):
        return parts.not_found(words)
    units = request.form().get("units", "").strip()
    if not units.isdecimal() or int(units) >= MOST:
        refusal = f'<p class="error" role="alert">✕ {ours.not_a_number}</p>'
        body = _list(world, request, words, ours, refusal=refusal)
        return parts.page(words, words.fulfilment, body, status=400)
    Controls(world).set_fba_stock({sku: int(units)}, seller_id=account.seller_id)
    return redirect(HERE)
