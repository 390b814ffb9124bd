"""Webhooks: whoever wants to know hears of orders and products, and whoever is silent holds nothing up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from defusedxml.ElementTree import fromstring

from kogge.backoffice import placing
from kogge.backoffice.api.models import Webhook
from kogge.backoffice.api.telling import TELL_WEBHOOKS, tell_webhooks
from kogge.backoffice.models import Order, Product
from kogge.backoffice.orders import cancel
from kogge.engine.due import claim_one
from kogge.engine.models import Due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant
from tests.backoffice import shop
from tests.backoffice.api.client import ApiClient, api_client
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


class Listener(ThreadingHTTPServer):
    """Notes what it is told and answers as it is told to."""

    heard: list[dict[str, str]]
    answer = 200


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            server.heard.append({name: values[0] for name, values in parse_qs(body).items()})
            self.send_response(server.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = Listener(("127.0.0.1", 0), Handler)
    server.heard = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(merchant: Merchant, amazon: Any) -> ApiClient:
    return api_client(merchant)


@pytest.fixture
def tell(merchant: Merchant) -> Callable[[datetime], Outcome]:
    def run(now: datetime) -> Outcome:
        lease = claim_one(TELL_WEBHOOKS, merchant.pk, "test", now=now)
        assert lease is not None
        outcome = tell_webhooks(Work(TELL_WEBHOOKS, merchant.pk, lambda: now, lease))
        Due.objects.update(leased_until=None, leased_by="")
        return outcome

    return run


def test_orders_and_products_are_told_once_with_what_they_are_now(
    api: ApiClient, merchant: Merchant, listener: Listener, tell: Any, clock: Clock
) -> None:
    tea = shop.product(merchant, counted=5)
    assert not Due.objects.filter(operation=TELL_WEBHOOKS).exists()  # nobody wants to know
    url = f"http://127.0.0.1:{listener.server_port}/hook"
    made = api.post("webhooks.json", {"webhook": {"url": url}})
    assert (made.status, made.json["webhook"]["state"]) == (201, "active")
    Webhook.objects.everyone().update(told_products_until=shop.NOW)
    placing.place(
        merchant.pk, [shop.new_order("305-1", shop.new_line(product=tea))], now=clock.advance(minutes=1)
    )
    order = shop.stored(merchant, "305-1")
    assert Due.objects.get(operation=TELL_WEBHOOKS).subject == merchant.pk

    assert tell(clock()).done == 2
    heard = {message["subject"]: message for message in listener.heard}
    assert set(heard) == {f"create order: {order.pk}", f"update product: {tea.pk}"}
    message = heard[f"create order: {order.pk}"]
    assert {name: message[name] for name in ("from", "to", "shop_id", "domain")} == {
        "from": "testserver",
        "to": url,
        "shop_id": str(merchant.pk),
        "domain": "testserver",
    }
    body = fromstring(message["body"])
    assert (body.tag, body.findtext("id"), body.findtext("items/item/code")) == (
        "order",
        str(order.pk),
        tea.code,
    )
    assert tell(clock()).done == 0  # nothing is new

    cancel(order, "other", actor="anna@example.org", now=clock.advance(minutes=1))
    cup = api.post("products.json", {"product": {"code": "TASSE", "title": "Tasse", "price": "5"}})
    other = api.post("orders.json", {"order": {"item_total": "5", "origin_name": "Otto"}}).json["order"]["id"]
    api.delete(f"orders/{other}.json")
    gone = shop.product(merchant, "WEG")
    api.delete(f"products/{gone.pk}.json")
    listener.heard.clear()
    tell(clock.advance(days=3650))
    subjects = {message["subject"] for message in listener.heard}
    assert subjects >= {f"update order: {order.pk}", f"create product: {cup.json['product']['id']}"}
    assert not any(f"create order: {other}" in subject for subject in subjects)


def test_deletions_are_told(api: ApiClient, merchant: Merchant, listener: Listener, tell: Any) -> None:
    api.post("webhooks.json", {"webhook": {"url": f"http://127.0.0.1:{listener.server_port}/"}})
    order = api.post("orders.json", {"order": {"item_total": "5", "origin_name": "Otto"}}).json["order"]["id"]
    api.delete(f"orders/{order}.json")
    tea = shop.product(merchant, "WEG")
    api.delete(f"products/{tea.pk}.json")
    tell(shop.NOW)
    assert {message["subject"] for message in listener.heard} == {
        f"delete order: {order}",
        f"delete product: {tea.pk}",
    }


def test_whoever_is_silent_is_tried_again_and_given_up_after_a_day(
    api: ApiClient, merchant: Merchant, listener: Listener, tell: Any, clock: Clock
) -> None:
    nobody = api.post("webhooks.json", {"webhook": {"url": "https://no..body/"}}).json["webhook"]["id"]
    url = f"http://127.0.0.1:{listener.server_port}/hook"
    pk = api.post("webhooks.json", {"webhook": {"url": url}}).json["webhook"]["id"]
    placing.place(merchant.pk, [shop.new_order("305-1")], now=clock())
    listener.answer = 302
    outcome = tell(clock())
    assert (outcome.failed, outcome.error, outcome.next_due) == (2, "", clock() + timedelta(minutes=1))
    assert (len(listener.heard), api.delete(f"webhooks/{nobody}.json").status) == (1, 200)
    assert tell(clock.advance(seconds=30)).failed == 0  # not yet
    tell(clock.advance(minutes=1))
    failing = api.get(f"webhooks/{pk}.json").json["webhook"]
    assert (failing["state"], failing["failures"], failing["last_error"]) == (
        "failing",
        2,
        "Die Antwort war 302.",
    )
    tell(clock.advance(days=1))
    assert api.get(f"webhooks/{pk}.json").json["webhook"]["state"] == "given_up"
    told = len(listener.heard)
    tell(clock.advance(days=1))
    assert len(listener.heard) == told
    again = api.post("webhooks.json", {"webhook": {"url": url}}).json["webhook"]
    assert (again["id"], again["state"], again["failures"]) == (pk, "active", 0)
    assert Order.objects.of(merchant).count() == 1

    listener.answer = 200
    Webhook.objects.everyone().update(told_products_until=clock())
    clock.advance(minutes=1)
    mine = Product.objects.everyone().bulk_create(
        Product(merchant=merchant, code=f"T-{n}", title="Tasse", price=1, changed_at=clock())
        for n in range(60)
    )
    listener.heard.clear()
    for _turn in range(3):  # a file changes many products in one moment; none of them is skipped
        tell(clock())
    heard = {message["subject"] for message in listener.heard}
    assert {f"create product: {cup.pk}" for cup in mine} <= heard

    refused = ["http://example.org/", "https://user:pass@example.org/", "ftp://127.0.0.1/", "x", "http://[/"]
    assert {api.post("webhooks.json", {"webhook": {"url": each}}).status for each in refused} == {422}
    assert api.delete(f"webhooks/{pk}.json").status == 200
    assert api.get("webhooks.json").json == []


def test_nobody_is_told_inside_the_network_kogge_stands_in(
    api: ApiClient, merchant: Merchant, tell: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others reach Kogge, the address a merchant writes must not lead back into its network."""
    settings.KOGGE_SHOPS_ON_LOOPBACK = False
    assert api.post("webhooks.json", {"webhook": {"url": "http://127.0.0.1/"}}).status == 422
    names = {"10.0.0.5": "10.0.0.5", "inside.example": "169.254.169.254", "v6.example": "::ffff:192.168.0.1"}
    resolved = iter(names.values())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", (next(resolved), 443))])
    for name in names:
        assert api.post("webhooks.json", {"webhook": {"url": f"https://{name}/"}}).status == 201
    placing.place(merchant.pk, [shop.new_order("305-1")], now=shop.NOW)
    assert tell(shop.NOW).failed == len(names)
    errors = {each["webhook"]["last_error"] for each in api.get("webhooks.json").json}
    assert errors == {"Die Adresse führt in ein privates Netz."}
