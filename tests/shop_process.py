"""A shop in another house: Kogge's web server in a process of its own, with its own data, over real HTTP.

It can be killed and started again. `Owner` is who works there, by the shop's own API.

    python -m tests.shop_process prepare 3 1    in the shop's process: three merchants, one of them locked
    python -m tests.shop_process unlock KEY     an app may write orders now
    python -m tests.shop_process audit          where a ledger over there does not add up
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from kogge.cli.processes import LOOPBACK, WITH_PARENT, free_port
from kogge.values import Address

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]
MERCHANTS = 80  # each test works with one of its own
PATIENCE = 60  # seconds until a server must have come up, on a machine with much else to do
# The API's words for how an order stands, in the shop's own.
STATUS = {"canceled": "cancelled"}
PAYMENT = {"not_paid": "open"}
DELIVERY = {
    "undelivered": "open",
    "packed": "packing",
    "partially_delivered": "partially_shipped",
    "delivered": "shipped",
    "canceled": "cancelled",
}


@dataclass(frozen=True)
class Keys:
    """What opens a shop: the app's, and its owner's own."""

    merchant_id: int
    api_key: str
    secret: str
    token: str
    user: str
    password: str


@dataclass
class ShopProcess:
    """The server and its data. Ends with the tests, also if those are killed."""

    data: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _killing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self, count: int, *, locked: int = 0) -> list[Keys]:
        """A database and so many merchants in it; the app may not write orders of the last `locked`."""
        return [Keys(**keys) for keys in json.loads(self._task("prepare", str(count), str(locked)))]

    def unlock(self, keys: Keys) -> None:
        """The app may write orders from now on, by a right the merchant gave it."""
        self._task("unlock", keys.api_key)

    def audit(self) -> list[str]:
        """Where the ledgers over there do not add up."""
        return list(json.loads(self._task("audit")))

    def start(self) -> None:
        """Comes up in its own time: `come_up` waits for it."""
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kogge.cli", "web", "--port", str(self.port), "--workers", "1"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment() | {WITH_PARENT: "1"},
                start_new_session=True,
            )

    def come_up(self) -> None:
        """Answer, however often that needs a start."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_up():
            assert time.monotonic() < deadline, (self.data / "server.log").read_text()[-2000:]
            process = self.process
            if process is None:
                self.start()
            elif process.poll() is not None:
                self.kill()
            time.sleep(0.02)

    def is_up(self) -> bool:
        if self.process is None:
            return False
        try:
            return httpx2.get(f"{self.url}/health/live", timeout=5).status_code < 500
        except httpx2.HTTPError:
            return False

    def kill(self) -> None:
        """kill -9, the server and whoever answers for it; one after the other, whoever asks for it."""
        with self._killing:
            if self.process is None:
                return
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if self.process.stdin:
                self.process.stdin.close()
            self.process = None

    def copied_to(self, data: Path) -> ShopProcess:
        """Another shop with the same people in it. This one does not run."""
        shutil.copytree(self.data, data)
        return ShopProcess(data)

    def mails(self, order_id: str) -> int:
        """How many dispatch mails there are about an order: the one thing the API does not tell."""
        with closing(sqlite3.connect(self.data / "kogge.sqlite3")) as database:
            [count] = database.execute(
                "SELECT count(*) FROM backoffice_mail WHERE order_id = ?", (int(order_id),)
            ).fetchone()
        return int(count)

    def _task(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.shop_process", *arguments],
            env=self._environment(),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            cwd=ROOT,
            timeout=PATIENCE,
        ).stdout

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("KOGGE_")}
        ours.pop("DATABASE_URL", None)
        return ours | {"KOGGE_DATA_DIR": str(self.data), "DJANGO_SETTINGS_MODULE": "kogge.settings"}


def furnished_shop(factory: pytest.TempPathFactory) -> tuple[ShopProcess, list[Keys]]:
    """A shop with many merchants in it, made once for all processes that test: to be copied, not started.

    The app may not write the orders of the last one.
    """
    home = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        home = home.parent  # the folder of the whole run
    shop, told = ShopProcess(home / "shop"), home / "shop.json"
    try:
        shop.data.mkdir()
    except FileExistsError:  # another process makes it
        deadline = time.monotonic() + PATIENCE
        while not told.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    else:
        making = told.with_suffix(".part")
        making.write_text(json.dumps([vars(keys) for keys in shop.prepare(MERCHANTS, locked=1)]))
        making.rename(told)
    return shop, [Keys(**keys) for keys in json.loads(told.read_text())]


@dataclass
class Sale:
    """An order over there, as the API shows it."""

    document: Mapping[str, Any]

    @property
    def order_id(self) -> str:
        return str(self.document["id"])

    @property
    def states(self) -> tuple[str, str, str]:
        """Status, payment and delivery, in the shop's own words."""
        status, payment = self.document["status"], self.document["payment_status"]
        delivery = DELIVERY[self.document["items_status"]]
        return STATUS.get(status, status), PAYMENT.get(payment, payment), delivery

    @property
    def address(self) -> Address:
        found = self.document["shipping_address"]
        return Address(
            name=" ".join(filter(None, (found["firstname"], found["lastname"]))),
            line1=" ".join(filter(None, (found["street"], found["streetnumber"]))),
            postal_code=found["zipcode"],
            city=found["city"],
            country=found["country"],
            phone=found["phone"],
        )

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        return list(self.document["items"])

    @property
    def channel_order_id(self) -> str:
        return self.noted("order_id")

    @property
    def marked(self) -> set[str]:
        """The items that Amazon ships, as noted at the order."""
        return set(filter(None, self.noted("fulfilled_lines").split(",")))

    def noted(self, key: str) -> str:
        """What the app wrote about Amazon."""
        kept = self.document["metafields"]
        found = [each["value"] for each in kept if (each["namespace"], each["key"]) == ("amazon", key)]
        assert len(found) < 2, f"{key} is noted twice"
        return str(found[0]) if found else ""


class Owner:
    """Works in the shop over there. `has_acted`: something was done that nobody may have read yet."""

    def __init__(self, shop: ShopProcess, keys: Keys) -> None:
        self.has_acted = False
        self._http = httpx2.Client(
            base_url=f"{shop.url}/api/", auth=(keys.user, keys.password), timeout=PATIENCE
        )

    def close(self) -> None:
        self._http.close()

    # --- products ---

    def put(self, code: str, stock: int, *, price: str = "9.90") -> str:
        product = {"code": code, "title": f"Tee {code}", "price": price, "stock": stock, "active": True}
        return str(self._write("POST", "products", {"product": product})["id"])

    def stock(self, product_id: str) -> int:
        return int(self._read(f"products/{product_id}")["product"]["stock"])

    def count(self, product_id: str, stock: int) -> None:
        """The owner counts what is there."""
        self._write("PUT", f"products/{product_id}", {"product": {"stock": stock}})

    def codes(self) -> dict[str, str]:
        """The ids of all products by their number."""
        found = self._read("products?limit=250")
        return {each["product"]["code"]: str(each["product"]["id"]) for each in found}

    # --- orders ---

    def sell(
        self, *lines: tuple[str, int], address: Address, paid: bool = True, oversell: bool = False
    ) -> Sale:
        """Somebody buys in the shop, by "Express". `oversell`: also what is not there."""
        if oversell:
            self._let_oversell(lines, allowed=True)
        first, _blank, last = address.name.rpartition(" ")
        street, _blank, number = address.line1.rpartition(" ")
        order = {
            "payment_status": "paid" if paid else "not_paid",
            "payment_type": "invoice",
            "shipping_type": "Express",
            "customer_email": "erika@example.org",
            "shipping_address": {
                "firstname": first,
                "lastname": last,
                "street": street,
                "streetnumber": number,
                "zipcode": address.postal_code,
                "city": address.city,
                "country": address.country,
            },
            "items": [{"product_id": int(key), "quantity": quantity} for key, quantity in lines],
        }
        sold = self._write("POST", "orders", {"order": order})
        if oversell:
            self._let_oversell(lines, allowed=False)
        return self.sale(str(sold["id"]))

    def sales(self) -> list[Sale]:
        """All orders, the newest first."""
        found = self._read("orders?limit=250&include=items,metafields")
        return [Sale(each["order"]) for each in found]

    def sale(self, order_id: str) -> Sale:
        return Sale(self._read(f"orders/{order_id}?include=items,metafields")["order"])

    def order_of(self, channel_order_id: str) -> Sale:
        """The one order that Amazon knows by this number."""
        [sale] = [each for each in self.sales() if each.channel_order_id == channel_order_id]
        return sale

    def pay(self, sale: Sale) -> None:
        self._write("PUT", f"orders/{sale.order_id}", {"order": {"payment_status": "paid"}})

    def pack(self, sale: Sale) -> None:
        self._write("PUT", f"orders/{sale.order_id}", {"order": {"status": "in_progress"}})

    def cancel(self, sale: Sale) -> None:
        self._write("PUT", f"orders/{sale.order_id}", {"order": {"status": "canceled"}})

    def move(self, sale: Sale, address: Address) -> None:
        where = {"zipcode": address.postal_code, "city": address.city, "country": address.country}
        self._write("PUT", f"orders/{sale.order_id}", {"order": {"shipping_address": where}})

    def cut(self, sale: Sale, position: int, quantity: int) -> None:
        item = sale.items[position - 1]["id"]
        self._write("PUT", f"items/{item}", {"item": {"quantity": quantity}})

    def ship(self, sale: Sale, number: str, units: Mapping[int, int] | None = None) -> None:
        """With DHL; by position, or all that is not noted as shipped by Amazon."""
        shipment: dict[str, Any] = {"carrier_name": "DHL", "tracking_code": number, "status": "delivered"}
        ids = {at: str(item["id"]) for at, item in enumerate(sale.items, start=1)}
        if units is not None:
            shipment["items"] = [{"id": int(ids[at]), "quantity": count} for at, count in units.items()]
        elif sale.marked:
            shipment["items"] = [{"id": int(key)} for key in ids.values() if key not in sale.marked]
        self._write("POST", f"orders/{sale.order_id}/shipments", {"shipment": shipment})

    def shipments(self, sale: Sale) -> list[Mapping[str, Any]]:
        """What was sent, the oldest first."""
        found = [each["shipment"] for each in self._read(f"orders/{sale.order_id}/shipments")]
        return [each for each in found if each["status"] == "delivered"]

    def parcels(self, sale: Sale) -> list[tuple[str, str, dict[int, int]]]:
        """Carrier, number and units by position."""
        positions = {item["id"]: at for at, item in enumerate(sale.items, start=1)}
        found = []
        for each in self.shipments(sale):
            inside = [item["item"] for item in self._read(f"shipments/{each['id']}/items")]
            units = {positions[item["id"]]: int(item["quantity"]) for item in inside}
            found.append((each["carrier_name"] or "", each["tracking_code"] or "", units))
        return found

    def correct_tracking(self, sale: Sale, number: str) -> None:
        first = self.shipments(sale)[0]["id"]
        self._write("PUT", f"shipments/{first}", {"shipment": {"tracking_code": number}})

    # --- asking ---

    def _let_oversell(self, lines: Sequence[tuple[str, int]], *, allowed: bool) -> None:
        for key, _quantity in lines:
            self._write("PUT", f"products/{key}", {"product": {"considers_stock": not allowed}})

    def _read(self, path: str) -> Any:
        address, _mark, params = path.partition("?")
        answer = self._http.get(f"{address}.json?{params}")
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def _write(self, method: str, path: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._http.request(method, f"{path}.json", json=document)
        assert answer.status_code in (200, 201), (method, path, answer.status_code, answer.text)
        self.has_acted = True
        [found] = answer.json().values()
        return dict(found)


# --- what is done in the shop's own process -------------------------------------------------------


def _prepare(count: int, locked: int) -> list[dict[str, Any]]:
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0)
    with transaction.atomic():
        return [vars(_merchant(number, may_write=number < count - locked)) for number in range(count)]


def _merchant(number: int, *, may_write: bool) -> Keys:
    from kogge.backoffice.api import keys
    from kogge.merchants.models import Merchant

    now = datetime.now(UTC)
    merchant = Merchant.objects.create(slug=f"teehaus-{number}", name=f"Teehaus {number}", created_at=now)
    app, owner = (
        keys.make_app(
            merchant, name=name, redirect_url="", may_write=True, may_write_orders=may_write_orders, now=now
        )
        for name, may_write_orders in (("Kogge", may_write), ("Wiebke", True))
    )
    token, opened = keys.register(app.key, now=now).key.token, keys.register(owner.key, now=now)
    return Keys(merchant.pk, app.key.key, app.secret, token, opened.user, opened.password)


def _audit() -> list[str]:
    from kogge.backoffice import stock
    from kogge.merchants.models import Merchant

    return [complaint for merchant in Merchant.objects.all() for complaint in stock.audit(merchant.pk)]


def _unlock(api_key: str) -> int:
    from kogge.backoffice.api.models import ApiKey

    return ApiKey.objects.everyone().filter(key=api_key).update(may_write_orders=True)


def main(task: str, *arguments: str) -> None:
    import django

    django.setup()
    tasks: dict[str, Callable[..., object]] = {
        "prepare": lambda count, locked: _prepare(int(count), int(locked)),
        "audit": _audit,
        "unlock": _unlock,
    }
    sys.stdout.write(json.dumps(tasks[task](*arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
