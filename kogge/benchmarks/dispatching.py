"""How soon Amazon hears of a parcel after the click, while orders come in at a hundred a second.

Web server, worker, Amazon (the simulator with its limits) and the people who click are processes of their
own. People click "Als versendet kennzeichnen" as a browser without JavaScript does; each click is measured
from the moment its request is sent until the confirmation arrives at Amazon, by Amazon's own clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

import django
import msgspec

from kogge.benchmarks.machine import cpu_seconds
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import (
    RunningSimulator,
    free_port,
    fresh_installation,
    running_simulator,
    wait_for,
)
from kogge.cli.tea_house import open_tea_house
from kogge.simulator import credentials, tea_shop

SELLERS = 10
CLICKS_PER_SECOND = 5.0  # by all sellers together; Amazon takes two a second of each
ORDERS_PER_SECOND = 100.0
# Every seller is looked after this often; with as many orders in each check as 300 sellers every ten
# minutes would bring at this rate.
SECONDS_BETWEEN_CHECKS = 20.0
VISIBLE_AFTER = 125  # seconds: Amazon shows an order two minutes later, and so long ago these were placed
WARM_UP = 10.0
IN_TIME = 5.0
SETTLING = 300.0  # seconds at most until all that was just connected is looked after
PATIENCE = 60.0  # for the last parcels, after the last click
PLENTY = 10_000_000
PASSWORD = "bench-bench-bench"


def clicks_told(clicks: int, database: str) -> Figures:
    """So many clicks at a steady rate, while orders are being imported."""
    port = free_port()
    with (
        running_simulator(quotas="amazon") as simulator,
        fresh_installation(simulator, database) as environment,
    ):
        # The checks come so often only to bring a large shop's orders with a few sellers. Each of them asks
        # once more for the last five minutes, which are fifteen checks then: thirty pages.
        quota = {"operation": "searchOrders", "rate": 5.0, "burst": 20}
        simulator.control("POST", "quotas", quota)
        simulator.control("POST", "crowd", {"count": SELLERS})
        _run("seed()", environment)
        with _running(["web", "--port", str(port)], environment) as web:
            wait_for(port, 30)
            with _running(["worker"], environment) as worker:
                pids = {"web": web, "worker": worker, "simulator": simulator.pid}
                figures = _run(f"drive({port}, {clicks}, {pids})", environment)
        state: Any = simulator.control("GET", "state")
    return {
        **figures,
        "refused_for_limits": sum(state["refused"].values()),
        "broken_rules": len(state["violations"]),
    }


def _run(call: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures a function of this module prints in a process of the installation."""
    code = f"from kogge.benchmarks import dispatching; dispatching.{call}"
    answer = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = msgspec.json.decode(answer.stdout.splitlines()[-1])
    return figures


@contextmanager
def _running(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
    """A command of Kogge in a process of its own; its process id."""
    command = [sys.executable, "-m", "kogge.cli", *arguments]
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


# --- what is there before -----------------------------------------------------------------------


def seed() -> None:
    """Merchants with products and a connected seller account each."""
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    articles = tea_shop()
    for article in articles:
        article.stock = PLENTY
    simulator = _simulator()
    for number in range(1, SELLERS + 1):
        simulator.control(
            "POST", f"listings/{credentials.crowd_seller_id(number)}", [_posted(one) for one in articles]
        )
        open_tea_house(
            articles,
            email=_email(number),
            password=PASSWORD,
            marketplace_ids=["A1PA6795UKMFR9"],
            dispatch_mail=False,
            now=datetime.now(UTC),
            seller_id=credentials.crowd_seller_id(number),
            refresh_token=credentials.crowd_refresh_token(number),
        )
    print("{}")


def _simulator() -> RunningSimulator:
    """The one our environment names."""
    return RunningSimulator(int(os.environ["KOGGE_AMAZON_API_URL"].rpartition(":")[2]))


def _posted(article: Any) -> dict[str, Any]:
    return {
        "sku": article.sku,
        "asin": article.asin,
        "title": article.title,
        "price": str(article.price),
        "stock": article.stock,
    }


def _email(number: int) -> str:
    return f"bench{number}@example.com"


# --- the people and the buyers ------------------------------------------------------------------


@dataclass
class Click:
    """One parcel: the request that sends it, when it was sent and answered, and what Amazon then knew."""

    amazon_order_id: str
    person: Person
    path: str
    form: dict[str, str]
    sent_at: float = 0.0
    answered_after: float = 0.0
    status: int = 0
    told_after: float | None = None
    times_told: int = 0


@dataclass
class Person:
    """A browser without JavaScript: it keeps cookies and fills in forms."""

    port: int
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def sign_in(self, email: str) -> None:
        form = self.form_at("/anmelden/", "/anmelden/")
        status = self.post("/anmelden/", form | {"username": email, "password": PASSWORD})
        if status != 302:
            raise RuntimeError(f"signing in was answered {status}")

    def form_at(self, path: str, action: str) -> dict[str, str]:
        """The fields of the form on a page that leads to `action`, as they stand."""
        _status, text = self._ask("GET", path)
        page = _Forms()
        page.feed(text)
        for found, fields in page.forms:
            if (found or path).partition("#")[0] == action:
                return fields
        raise RuntimeError(f"{path} has no form for {action}")

    def post(self, path: str, form: Mapping[str, str]) -> int:
        return self._ask("POST", path, urlencode(form))[0]

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for value in answer.headers.get_all("Set-Cookie", []):
                self.cookies.load(value)
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class _Forms(HTMLParser):
    """The forms of a page: where they lead, and what their fields hold."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((found.get("action", ""), {}))
        elif tag == "input" and self.forms and found.get("name"):
            self.forms[-1][1][found["name"]] = found.get("value", "")


class _Buyers(threading.Thread):
    """Orders at Amazon, and a check of the seller who got them: one seller after the other, for ever."""

    def __init__(self, simulator: RunningSimulator, connections: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self.simulator = simulator
        self.connections = connections
        self.finished = threading.Event()
        self.placed = 0

    def run(self) -> None:
        pause = SECONDS_BETWEEN_CHECKS / len(self.connections)
        count = round(ORDERS_PER_SECOND * pause)
        due = time.monotonic()
        turn = 0
        while not self.finished.wait(max(0.0, due - time.monotonic())):
            number = turn % len(self.connections)
            _place(self.simulator, number + 1, count)
            _check([self.connections[number]])
            self.placed += count
            turn, due = turn + 1, due + pause


def drive(port: int, clicks: int, pids: Mapping[str, int]) -> None:
    """Import what is to be sent, then click while orders come in; prints the figures as JSON."""
    django.setup()
    from kogge.amazon.connections.models import Connection
    from kogge.backoffice.models import Order

    simulator = _simulator()
    connections = list(Connection.objects.everyone().order_by("pk").values_list("pk", flat=True))
    prepared = _prepared(simulator, port, clicks, connections)
    _say(f"{len(prepared)} parcels are packed")
    buyers = _Buyers(simulator, connections)
    buyers.start()
    time.sleep(WARM_UP)
    cpu = {name: _family_cpu(pid) for name, pid in pids.items()}
    began, orders = time.monotonic(), Order.objects.everyone().count()
    _click_all(prepared)
    seconds, imported = time.monotonic() - began, Order.objects.everyone().count() - orders
    used = {name: round((_family_cpu(pid) - cpu[name]) / seconds, 2) for name, pid in pids.items()}
    buyers.finished.set()
    buyers.join()
    missing = _missing(connections, len(connections) * -(-clicks // len(connections)) + buyers.placed)
    _look_at_amazon(simulator, prepared)
    print(
        msgspec.json.encode(
            {
                "clicks": len(prepared),
                "sellers": len(connections),
                "seconds": round(seconds, 1),
                "clicks_per_second": round(len(prepared) / seconds, 2),
                "imported_per_second": round(imported / seconds, 1),
                "never_imported": missing,
                **_told(prepared),
                "cores_used": used,
            }
        ).decode()
    )


def _missing(connections: Sequence[int], bought: int) -> int:
    """How many of the orders that were bought are not in the shops, after one more check of everybody."""
    from kogge.backoffice.models import Order

    _check(connections)
    until = time.monotonic() + PATIENCE
    while (missing := bought - Order.objects.everyone().count()) and time.monotonic() < until:
        time.sleep(0.5)
    return missing


def _prepared(simulator: RunningSimulator, port: int, clicks: int, connections: Sequence[int]) -> list[Click]:
    """Orders that are in the shop and packed, their forms filled in, one seller after the other."""
    from kogge.amazon.connections.models import Connection
    from kogge.backoffice.models import Order

    each = -(-clicks // len(connections))
    for number in range(1, len(connections) + 1):
        _place(simulator, number, each)
    _check(connections)
    merchants = dict(Connection.objects.everyone().values_list("pk", "merchant_id"))
    _wait_until(lambda: Order.objects.everyone().count() >= each * len(connections), SETTLING)
    # What a freshly connected seller brings along is not what is measured.
    _wait_until(lambda: not _pressing().exists(), SETTLING)
    prepared: list[list[Click]] = []
    for number, connection in enumerate(connections, start=1):
        person = Person(port)
        person.sign_in(_email(number))
        open_orders = Order.objects.of_id(merchants[connection]).order_by("number")
        prepared.append(
            [_packed(person, order) for order in open_orders.values_list("number", "external_id")[:each]]
        )
    return [click for turn in zip(*prepared, strict=True) for click in turn][:clicks]


def _packed(person: Person, order: tuple[int, str]) -> Click:
    number, amazon_order_id = order
    page, ship = f"/bestellungen/{number}/", f"/bestellungen/{number}/ship/"
    person.post(f"{page}pack/", person.form_at(page, f"{page}pack/"))
    form = person.form_at(page, ship)
    return Click(
        amazon_order_id, person, ship, form | {"carrier": "DHL", "tracking_number": f"JD{number:018d}"}
    )


def _click_all(prepared: Sequence[Click]) -> None:
    """One after the other at a steady rate, however long the answers take."""
    began = time.monotonic()
    with ThreadPoolExecutor(32) as people:
        for index, click in enumerate(prepared):
            time.sleep(max(0.0, began + index / CLICKS_PER_SECOND - time.monotonic()))
            people.submit(_send, click)


def _send(click: Click) -> None:
    click.sent_at = time.time()
    click.status = click.person.post(click.path, click.form)
    click.answered_after = time.time() - click.sent_at


def _look_at_amazon(simulator: RunningSimulator, prepared: Sequence[Click]) -> None:
    """When each confirmation arrived, and how often. Waits for the last ones."""
    until = time.monotonic() + PATIENCE
    for click in prepared:
        while True:
            order: Any = simulator.control("GET", f"orders/{click.amazon_order_id}")
            told = [event for event in order["timeline"] if event["what"].startswith("package_")]
            if told or time.monotonic() > until:
                break
            time.sleep(0.5)
        click.times_told = len(told)
        if told:
            click.told_after = datetime.fromisoformat(told[0]["at"]).timestamp() - click.sent_at


def _told(prepared: Sequence[Click]) -> dict[str, Any]:
    told = [click.told_after for click in prepared if click.told_after is not None]
    return {
        "share_within_5_s": round(sum(late <= IN_TIME for late in told) / len(prepared), 5),
        "click_to_amazon_s": _percentiles(told),
        "answer_to_click_s": _percentiles([click.answered_after for click in prepared]),
        "refused_clicks": sum(click.status != 302 for click in prepared),
        "lost": sum(click.times_told == 0 for click in prepared),
        "doubled": sum(click.times_told > 1 for click in prepared),
    }


def _place(simulator: RunningSimulator, number: int, count: int) -> None:
    """Orders of one seller that Amazon shows already."""
    simulator.place_orders(
        count,
        sellerId=credentials.crowd_seller_id(number),
        kind="standard",
        status="UNSHIPPED",
        age_s=VISIBLE_AFTER,
    )


def _check(connections: Sequence[int]) -> None:
    from kogge.engine.due import make_due
    from kogge.engine.worker import utc_now

    make_due("check_orders", connections, now=utc_now())


def _pressing() -> Any:
    """What is due of orders, cancellations and dispatch."""
    from kogge.engine.models import Due
    from kogge.engine.work import Rank
    from kogge.engine.worker import utc_now
    from kogge.schedule import OPERATIONS

    names = [name for name, operation in OPERATIONS.items() if operation.rank <= Rank.ORDERS]
    return Due.objects.filter(operation__in=names, due_at__lte=utc_now())


def _wait_until(condition: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"not everything was there after {seconds:.0f} s")
        time.sleep(0.25)


def _family_cpu(pid: int) -> float:
    """Processor seconds of a process and of those it started."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return sum(cpu_seconds(one) or 0.0 for one in [pid, *map(int, children.stdout.split())])


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = quantiles(values, n=100, method="inclusive")
    found = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}
    return {name: round(value, 3) for name, value in found.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
