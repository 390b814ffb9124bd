"""A wire instead of a shop, and a small shop behind it that forgets what it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from kogge.shops.port import NewLine, NewOrder
from kogge.shops.versacommerce import Pace, Settings, VersaCommerceShop, open_http
from kogge.values import Address, Money

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLACED = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ORDER_ID = "305-1182244-9021001"
SETTINGS = Settings("https://mein-shop.versacommerce.de", "demo_key", "pass-word", "a1b2c3d4")
ERIKA = Address(
    name="Erika Muster", line1="Hauptstr. 5 a", postal_code="30159", city="Hannover", country="DE"
)

Laid = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


@dataclass
class Seconds:
    """Seconds that pass by sleeping only."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@dataclass
class Wire:
    """Answers from what was laid, in order; the last answer of all stays."""

    laid: list[Laid] = field(default_factory=list)
    sent: list[httpx2.Request] = field(default_factory=list)

    def lay(self, *answers: Laid) -> None:
        self.laid += answers

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        answer = self.laid.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.sent]


def reply(body: Any = None, status: int = 200, **headers: str) -> httpx2.Response:
    content = b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx2.Response(status, headers={"content-type": "application/json"} | named, content=content)


def web_page(status: int = 200, text: str = "<!DOCTYPE html><p>Wartung</p>") -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": "text/html"}, content=text.encode())


@dataclass
class LittleShop:
    """A shop as the reference describes it, as far as orders go. `ignores`: fields it does not take."""

    ignores: set[str] = field(default_factory=set)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    payments: list[dict[str, Any]] = field(default_factory=list)
    shipments: dict[int, dict[str, Any]] = field(default_factory=dict)
    metafields: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    cut_after: int = 10**6  # requests until nothing answers any more
    _next: int = 100

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(f"{request.method} {request.url.path.removeprefix('/api/').removesuffix('.json')}")
        if len(self.sent) > self.cut_after:
            raise httpx2.ReadTimeout("")
        method, *path = self.sent[-1].replace(" ", "/").split("/")
        body = json.loads(request.content) if request.content else {}
        return self.answer(method, path, body, request.url.params)

    def answer(  # noqa: PLR0911 (one for each address)
        self, method: str, path: list[str], body: Any, params: Any
    ) -> httpx2.Response:
        match method, path:
            case "GET", ["orders"]:
                newest = sorted(self.orders.values(), key=lambda order: order["id"], reverse=True)
                start = int(params["offset"])
                return reply([{"order": self.shown(order)} for order in newest[start : start + 250]])
            case "POST", ["orders"]:
                order: dict[str, Any] = {
                    "id": self.new_id(),
                    "created_at": PLACED.isoformat(),
                    "code": "305-118-224",
                }
                self.orders[order["id"]] = order
                self.take(order, body["order"])
                return reply(None, 201, location=f"/api/orders/{order['id']}.json")
            case "GET", ["orders", key] if int(key) in self.orders:
                return reply({"order": self.shown(self.orders[int(key)])})
            case "PUT", ["orders", key] if int(key) in self.orders:
                self.take(self.orders[int(key)], body["order"])
                return reply()
            case "GET", ["orders", key, "items"]:
                return reply([{"item": item} for item in self.of(self.items, key)])
            case "POST", ["orders", key, "items"]:
                return reply({"item": self.new_item(int(key), body["item"])}, 201)
            case "GET", ["orders", key, "payments"]:
                return reply([{"payment": each} for each in self.payments])
            case "POST", ["orders", key, "payments"]:
                self.payments.append(body["payment"])
                return reply(body, 201)
            case "GET", ["orders", key, "shipments"]:
                return reply([{"shipment": each} for each in self.of(self.shipments, key)])
            case "POST", ["orders", key, "shipments"]:
                shipment = {"id": self.new_id(), **body["shipment"]}
                self.shipments[shipment["id"]] = shipment
                return reply({"shipment": shipment}, 201)
            case "PUT", ["shipments", key]:
                self.shipments[int(key)] |= body["shipment"]
                return reply()
            case "PUT", ["items", key] if "items" not in self.ignores:
                self.items[int(key)] |= body["item"]
                return reply()
            case "PUT", [("shipping_addresses" | "billing_addresses") as kind, key]:
                name = "shipping_address" if kind == "shipping_addresses" else "billing_address"
                order = next(order for order in self.orders.values() if str(order[name]["id"]) == key)
                order[name] |= body["address"]
                return reply()
            case "GET", ["metafields"]:
                return reply([{"metafield": each} for each in self.metafields.values()])
            case "POST", ["metafields"]:
                sent = body["metafield"]
                known = ("metafieldable_type", "metafieldable_id", "namespace", "key")
                owner = tuple(sent[name] for name in known)
                self.metafields[owner] = self.metafields.get(owner, {"id": self.new_id()}) | sent
                return reply({"metafield": sent}, 201)
            case "DELETE", ["metafields", key]:
                self.metafields = {o: m for o, m in self.metafields.items() if str(m["id"]) != key}
                return reply()
        return reply({"errors": {"base": ["gibt es nicht"]}}, 404)

    def take(self, order: dict[str, Any], sent: dict[str, Any]) -> None:
        wanted = {name: value for name, value in sent.items() if name not in self.ignores}
        for name in ("items", "items_attributes"):
            for item in wanted.pop(name, []):
                self.new_item(order["id"], item)
        for name in ("shipping_address", "billing_address"):
            for said in (name, f"{name}_attributes"):
                if said in wanted:
                    wanted[name] = {"id": self.new_id()} | wanted.pop(said)
        order |= wanted

    def shown(self, order: dict[str, Any]) -> dict[str, Any]:
        items = [{"item": item} for item in self.of(self.items, order["id"])]
        return order | {"items": items, "items_count": len(items)}

    def of(self, rows: dict[int, dict[str, Any]], key: Any) -> list[dict[str, Any]]:
        return [row for row in rows.values() if str(row["order_id"]) == str(key)]

    def new_item(self, order_id: int, sent: dict[str, Any]) -> dict[str, Any]:
        item = sent | {
            "id": self.new_id(),
            "order_id": order_id,
            "status": "undelivered",
            "shipment_id": None,
        }
        self.items[item["id"]] = item
        return item

    def new_id(self) -> int:
        self._next += 1
        return self._next


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def a_line(goods: str = "25.80", quantity: int = 2, price: str = "12.90", **more: Any) -> NewLine:
    """A line of which only the goods cost something, unless more is said."""
    parts: dict[str, Any] = {
        name: euro(more.pop(name, "0.00")) for name in ("shipping", "gift_wrap", "other", "discount", "tax")
    }
    total = Money.sum([euro(goods), *(part for name, part in parts.items() if name != "tax")], "EUR")
    facts: dict[str, Any] = {"external_id": "1", "code": "BECHER-ROT", "title": "Kaffeebecher rot"} | more
    on_top = parts["tax"] if facts.pop("net", False) else euro("0.00")
    return NewLine(
        quantity=quantity,
        unit_price=euro(price),
        goods=euro(goods),
        total=total + on_top,
        **parts,
        **facts,
    )


def an_order(*lines: NewLine, rounding: str = "0.00", **more: Any) -> NewOrder:
    chosen = lines or (a_line(),)
    facts: dict[str, Any] = {
        "channel": "amazon",
        "external_id": ORDER_ID,
        "placed_at": PLACED,
        "origin": "Amazon.de",
        "payment_method": "Amazon",
        "total": Money.sum([line.total for line in chosen], "EUR") + euro(rounding),
        "lines": chosen,
        "rounding": euro(rounding),
        "buyer_name": "Erika Muster",
        "email": "abc123@marketplace.amazon.de",
        "shipping_address": ERIKA,
        "notify_buyer": True,
    }
    return NewOrder(**(facts | more))


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def little() -> LittleShop:
    return LittleShop()


@pytest.fixture
def connect(seconds: Seconds) -> Iterator[Callable[..., VersaCommerceShop]]:
    """A shop adapter over whatever answers."""
    opened = []

    def open_one(answers: Any, settings: Settings = SETTINGS) -> VersaCommerceShop:
        http = open_http(httpx2.MockTransport(answers))
        opened.append(http)
        pace = Pace(clock=seconds, sleep=seconds.sleep)
        return VersaCommerceShop(settings, http, pace=pace, now=lambda: NOW)

    yield open_one
    for http in opened:
        http.close()


@pytest.fixture
def shop(connect: Callable[..., VersaCommerceShop], wire: Wire) -> VersaCommerceShop:
    return connect(wire)
