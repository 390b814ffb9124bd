"""The storm: everybody works, and everything that can break breaks, at random moments."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kogge.cli.processes import LOOPBACK, free_port, is_up
from kogge.simulator import Simulator
from tests.faults.cluster import Cluster
from tests.faults.disk import SmallDisk
from tests.faults.processes import Victim
from tests.faults.proxy import Line

ROUND_SECONDS = 40.0  # of storm, then more than twenty minutes pass at once: Amazon takes a feed so often
ROUND_LATER = 1300.0
CLOCKS_APART = 600  # seconds between the two workers
AMAZON_FAULTS = [
    *("429", "500", "503-html", "drop-connection", "drop-after"),
    *("timeout-after", "slow", "bad-json", "200-empty"),
]
ARTICLES = 8
OPEN = ("open", "in_progress")
STARTING_SECONDS = 90.0
# Between so many troubles it is quiet for so long: what only ever falls over proves nothing.
TROUBLES_IN_A_ROW = 6
QUIET_SECONDS = 8.0
# Nearly every order comes before the storm is over, and has something happen to it.
PLACING_SHARE = 0.8


class Storm:
    """One database, one Amazon, all of Kogge's processes, and a merchant who clicks."""

    def __init__(
        self, database: str, disk: SmallDisk, home: Path, dice: random.Random, *, orders: int
    ) -> None:
        self.disk, self.home, self.dice, self.orders = disk, home, dice, orders
        self.counts: Counter[str] = Counter()
        self.takeovers: dict[str, float] = {}
        self._broken: list[str] = []
        self.amazon = Simulator(quotas="off", seed=1).start()
        self.amazon.set(feed_process_s=5)
        self.lines = {"amazon": Line(int(self.amazon.url.rsplit(":", 1)[1]), dice)}
        self.cluster = self._cluster() if database == "postgres" else None
        self._prepare()
        self.victims = self._victims()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for victim in self.victims:
            victim.kill()
        if self.cluster:
            self.cluster.kill()
        self.amazon.stop()

    # --- the storm -------------------------------------------------------------------------------

    def blow(self, seconds: float) -> None:
        """Rounds of storm; between them everything dies at once and time passes."""
        self._began = time.monotonic()
        self._seconds = seconds
        until = self._began + seconds
        rounds = 0
        while time.monotonic() < until:
            rounds += 1
            end = min(time.monotonic() + ROUND_SECONDS, until)
            self._start_all()
            over = threading.Event()
            trouble = threading.Thread(target=self._make_trouble, args=(over,))
            trouble.start()
            try:
                while time.monotonic() < end:
                    self._go_on()
                    time.sleep(0.1)
            finally:
                over.set()
                trouble.join()
                self._heal()
                for victim in self.victims:
                    victim.kill()
            self.amazon.advance(ROUND_LATER)
        self.counts["rounds"] = rounds

    def _start_all(self) -> None:
        for number, victim in enumerate(self.victims):
            victim.start(**self.times(number))
        began = time.monotonic()
        while not is_up(f"{self.url}/health/live"):
            assert time.monotonic() - began < STARTING_SECONDS, "the web server does not come up"
            time.sleep(0.2)

    def times(self, number: int) -> dict[str, str]:
        """The world's time, and for one of two workers a clock that is ten minutes ahead."""
        is_ahead = self.cluster is not None and number == len(self.victims) - 1
        return {"FAULTS_WORLD": str(self._world()), "FAULTS_SKEW": str(CLOCKS_APART if is_ahead else 0)}

    def _world(self) -> float:
        return (self.amazon.world.now() - datetime.now(UTC)).total_seconds()

    def _make_trouble(self, over: threading.Event) -> None:
        kinds = [*[self._kill_process] * 4, self._trouble_on_a_line, self._trouble_at_amazon]
        kinds += [self._kill_database] if self.cluster else []
        kinds += [self._fill_disk] if self.disk.can_be_full else []
        troubles = 0
        while not over.wait(self.dice.uniform(0.2, 2.0)):
            troubles += 1
            if troubles % TROUBLES_IN_A_ROW:
                self.dice.choice(kinds)()
            else:
                over.wait(QUIET_SECONDS)
            for number, victim in enumerate(self.victims):
                if not victim.is_running:
                    victim.start(**self.times(number))

    def _kill_process(self) -> None:
        victim = self.dice.choice(self.victims)
        if len(self.victims) == 1 and self.dice.random() < 0.7:
            victim.kill_child(self.dice)
        else:
            victim.kill()
        self.counts["kills"] += 1

    def _kill_database(self) -> None:
        if self.cluster:
            self.cluster.kill()
            time.sleep(self.dice.uniform(0, 1.5))
            self.cluster.start()
            self.counts["database_kills"] += 1

    def _trouble_on_a_line(self) -> None:
        self.dice.choice(list(self.lines.values())).trouble()
        self.counts["network_faults"] += 1

    def _trouble_at_amazon(self) -> None:
        kind: Any = self.dice.choice(AMAZON_FAULTS)
        self.amazon.fault("*", kind, times=self.dice.randrange(1, 4), seconds=1.0)
        self.counts["amazon_faults"] += 1

    def _fill_disk(self) -> None:
        self.disk.fill()
        time.sleep(self.dice.uniform(0.5, 2))
        self.disk.clear()
        self.counts["full_disks"] += 1
        if self.cluster and not self.cluster.is_up:  # it stops when it cannot write its log
            self.cluster.kill()
            self.cluster.start()

    def _heal(self) -> None:
        self.disk.clear()
        for line in self.lines.values():
            line.heal()
        self.amazon.clear_faults()
        if self.cluster and not self.cluster.is_up:
            self.cluster.start()

    # --- what people do --------------------------------------------------------------------------

    def _go_on(self) -> None:
        from django.db import DatabaseError, InterfaceError, connection

        self._buy()
        try:
            self.coroner.look(self.stage.now)
            self.check_soon()
            self._click()
            self._order_in_the_shop()
        except (DatabaseError, InterfaceError):
            connection.close()

    def _buy(self) -> None:
        """Buyers order, the more the longer the storm lasts."""
        gone = (time.monotonic() - self._began) / (self._seconds * PLACING_SHARE)
        missing = int(self.orders * min(gone, 1)) - len(self.amazon.orders)
        for _order in range(missing):
            several = self.dice.random() < 0.3
            self.amazon.place_order(
                kind="multi" if several else "standard", quantity=self.dice.randint(1, 3), age_s=300
            )

    def check_soon(self) -> None:
        """Amazon is asked for orders."""
        from kogge.engine import due

        due.make_due("check_orders", self.stage.connection.pk, now=self.stage.now)

    def _click(self) -> None:
        """Anna sends some orders, whole or in two parcels, and cancels some; if the page comes up at all."""
        from kogge.backoffice.models import Order

        if not is_up(f"{self.url}/health/live"):
            return
        to_send = Order.objects.of(self.stage.merchant).filter(
            channel="amazon", delivery_status__in=("open", "partially_shipped"), status__in=OPEN
        )
        for order in to_send.order_by("?")[:6].prefetch_related("lines", "parcels"):
            known, number = self.anna.shipped.get(order.number), order.number
            if number in self.anna.cancelled or (not known and self.dice.random() < 0.1):
                self.anna.cancel(number)
            else:
                self._send(order)

    def _send(self, order: Any) -> None:
        """The next parcel: of several lines the first one goes alone."""
        units = {line.position: line.quantity for line in order.lines.all()}
        parts = [units]
        if len(units) > 1:
            first = min(units)
            parts = [
                {first: units[first]},
                {place: count for place, count in units.items() if place != first},
            ]
        sent = len(order.parcels.all())
        if sent < len(parts):
            self.anna.ship(order.number, sent + 1, parts[sent])

    def _order_in_the_shop(self) -> None:
        if self.dice.random() < 0.05:
            self.own_orders.add(self.shop.order({"MATE-1": 1}).pk)

    # --- the calm --------------------------------------------------------------------------------

    def calm(self) -> None:
        """No trouble any more: time passes, all that falls due is done, and a human retries dead letters."""
        from tests.faults.audit import is_at_rest

        self._heal()
        url = self.stage_url
        for _turn in range(14):
            self.retry_dead_letters()
            self.check_soon()
            worker = Victim(
                "calm",
                ["work", "--until-idle", "--timeout", "45"],
                self._environment(url),
                self.home / "calm.log",
            )
            worker.start(FAULTS_WORLD=str(self._world()))
            assert worker.process is not None
            worker.process.wait(90)
            self.amazon.advance(ROUND_LATER)
            if _turn > 3 and is_at_rest(self.stage):
                break

    def lose_machines(self) -> None:
        """How long work lies that a machine had in hand which is gone; there is one alone with SQLite."""
        from tests.faults.takeover import Takeover

        if self.cluster:
            takeover = Takeover(self)
            takeover.measure()
            self.amazon.advance(ROUND_LATER)  # what the last of them held is free
            self.takeovers = takeover.seconds
            self._broken += takeover.complaints()

    def retry_dead_letters(self) -> None:
        """What a human does on the page of the work."""
        from kogge.engine import due

        self.coroner.look(self.stage.now)
        retried = due.retry([row.pk for row in due.parked()], now=self.stage.now)
        self.counts["dead_letters_retried"] += retried

    def figures(self) -> dict[str, object]:
        """What was endured, for the last line."""
        from tests.faults.audit import repeated

        return {
            **self.counts,
            **self.coroner.counts,
            "dead_letters": dict(self.coroner.parked),
            "seconds_until_another_goes_on": self.takeovers,
            "orders": len(self.amazon.orders),
            "parcels_surely_sent": sum(sum(sent.values()) for sent in self.anna.shipped.values()),
            "parcels_unsure": sum(
                not is_sure for sent in self.anna.shipped.values() for is_sure in sent.values()
            ),
            "parcels_told_again": repeated(self.stage),
            "answers": dict(self.anna.answers),
            "cancelled": len(self.anna.cancelled),
            "own_orders": len(self.own_orders),
            "feeds": len(self.amazon.feeds),
            "disk_can_be_full": self.disk.can_be_full,
        }

    def complaints(self) -> list[str]:
        """Every broken promise."""
        from tests.faults.audit import complaints

        return [
            *self._broken,
            *self.coroner.complaints[:5],
            *complaints(self.stage, self.anna, self.own_orders),
        ]

    # --- before the storm ------------------------------------------------------------------------

    def _cluster(self) -> Cluster:
        cluster = Cluster(self._room("cluster"))
        cluster.start()
        self.lines["database"] = Line(cluster.port, self.dice)
        return cluster

    def _room(self, name: str) -> Path:
        room = self.disk.home / name
        room.mkdir(mode=0o755)
        for parent in self.disk.home.parents[:1]:
            parent.chmod(0o755)  # the database's own user has to get there
        return room

    def _prepare(self) -> None:
        """Teehaus Muster with its offers and its stock at Amazon, set up in fair weather."""
        self.data = self._room("data")
        self.stage_url = self.cluster.url if self.cluster else ""
        os.environ.update(self._environment(self.stage_url), KOGGE_LOG_LEVEL="ERROR")
        os.environ["DJANGO_SETTINGS_MODULE"] = "kogge.settings"
        import django

        django.setup()
        from django.core.management import call_command

        from kogge.merchants.accounts import add_user
        from kogge.merchants.models import Role
        from tests.conftest import PASSWORD
        from tests.faults.deaths import Coroner
        from tests.faults.merchant import Merchant
        from tests.flows.conftest import SharedClock, set_up
        from tests.flows.fulfillment_stage import FulfillmentStage

        call_command("migrate", verbosity=0)
        clock = SharedClock(self.amazon)
        self.stage = set_up(self.amazon, clock, lambda _amazon: None, furnish=_furnish)
        add_user(
            self.stage.merchant,
            email="anna@example.org",
            name="Anna",
            password=PASSWORD,
            role=Role.OWNER,
            now=clock(),
        )
        self.stage.offer(*list(self.amazon.world.demo.listings)[:ARTICLES])
        self.stage.agree()
        self.shop = FulfillmentStage(self.stage)
        self.shop.keep("MATE-1", units=100_000)
        self.own_orders: set[int] = set()
        self.coroner = Coroner()
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self.anna = Merchant(self.url, self.dice)

    def _environment(self, database: str) -> dict[str, str]:
        amazon = f"http://{LOOPBACK}:{self.lines['amazon'].port}"
        return {
            "DATABASE_URL": database,
            "KOGGE_DATA_DIR": str(self.data),
            "KOGGE_AMAZON_API_URL": self.amazon.api_url.replace(self.amazon.url, amazon),
            "KOGGE_AMAZON_LWA_URL": self.amazon.lwa_url.replace(self.amazon.url, amazon),
            "KOGGE_LOG_LEVEL": "INFO",
        }

    def _victims(self) -> list[Victim]:
        port = self.url.rsplit(":", 1)[1]
        if self.cluster is None:
            return [Victim("up", ["up", "--port", port], self._environment(""), self.home / "up.log")]
        through_the_line = self.cluster.url.replace(str(self.cluster.port), str(self.lines["database"].port))
        environment = self._environment(through_the_line)
        return [
            Victim("web", ["web", "--port", port], environment, self.home / "web.log"),
            Victim("worker 1", ["worker"], environment, self.home / "worker1.log"),
            Victim("worker 2", ["worker"], environment, self.home / "worker2.log"),
        ]


def _furnish(merchant: Any, amazon: Simulator, now: datetime) -> None:
    """Plenty of everything, so that chance decides nothing; and one article that only Amazon has."""
    from decimal import Decimal

    from kogge.backoffice import stock
    from kogge.backoffice.models import Product, StockEntry
    from tests.faults.audit import STOCK

    listed = list(amazon.world.demo.listings.values())
    products = Product.objects.everyone().bulk_create(
        Product(merchant=merchant, code=one.sku, title=one.title, price=one.price, changed_at=now)
        for one in listed
    )
    Product.objects.everyone().create(
        merchant=merchant, code="MATE-1", title="Mate", price=Decimal("9.90"), changed_at=now
    )
    stock.lock_shop(merchant.pk)
    counted = [
        stock.Movement(f"correction:{one.code}", StockEntry.Kind.CORRECTION, one.pk, stock=STOCK)
        for one in products
    ]
    stock.record(merchant.pk, counted, actor="anna@example.org", now=now)
