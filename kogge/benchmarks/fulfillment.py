"""What it costs to have Amazon ship the shop's own orders, and how soon their tracking is in the shop.

Time is Amazon's virtual clock: hours pass at once, so the limits are Amazon's own. Amazon runs in the
measured process, on the same cores; the wall time is therefore that of both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import django
import msgspec

from kogge.benchmarks.machine import peak_memory_mb
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import fresh_installation
from kogge.simulator import Simulator, tea_shop

GERMANY = "A1PA6795UKMFR9"
PLENTY = 100_000
KINDS = 10  # products in Amazon's warehouse
OWN = "KR-PFEFF-100"  # what the shop sends by itself
LONGEST = timedelta(days=3)

OPERATIONS = ("read_fba_stock", "plan_fulfillment", "hand_over", "follow_fulfillment")
_OUTBOUND = ("outbound", "getFulfillment", "createFulfillment", "cancelFulfillment", "getPackageTracking")


def shop_orders_shipped(orders: int, database: str) -> Figures:
    """`orders` paid orders at once, until the tracking of each is in the shop."""
    with fresh_installation(database=database) as environment:
        command = [sys.executable, "-c", f"from kogge.benchmarks.fulfillment import run; run({orders})"]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = msgspec.json.decode(answer.stdout.splitlines()[-1], type=dict[str, Any])
    return {"orders": orders, **figures}


def run(orders: int) -> None:
    """The measured process: prints its figures as JSON."""
    with Simulator(quotas="amazon", listings=_plenty()) as amazon:
        os.environ |= {
            "KOGGE_AMAZON_API_URL": amazon.api_url,
            "KOGGE_AMAZON_LWA_URL": amazon.lwa_url,
            "KOGGE_AMAZON_CONSENT_URL": amazon.consent_url,
        }
        django.setup()
        figures = _measured(amazon, orders)
    print(msgspec.json.encode({**figures, "peak_memory_mb": peak_memory_mb()}).decode())


def _plenty() -> list[Any]:
    listings = tea_shop()
    for listing in listings:
        listing.stock = PLENTY
    return listings


def _measured(amazon: Simulator, orders: int) -> dict[str, object]:
    clock = amazon.world.now
    connection = _warehouse(amazon)
    paid_at = {str(number): at for number, at in _customers(connection, orders, clock)}
    before = Counter(amazon.calls)
    started, cpu_started, simulated = time.perf_counter(), time.process_time(), clock()
    _work(amazon, ["plan_fulfillment"])
    planning, cpu_planning = time.perf_counter() - started, time.process_time() - cpu_started
    _until_tracked(amazon, connection, orders)
    wall = time.perf_counter() - started
    calls = {name: count - before[name] for name, count in amazon.calls.items() if count > before[name]}
    outbound = sum(count for name, count in calls.items() if name.startswith(_OUTBOUND))
    return {
        **_at_amazon(amazon, set(paid_at)),
        "calls": calls,
        "calls_per_order": round(outbound / orders, 2),
        "refused_for_limits": sum(amazon.world.refused.values()),
        "broken_rules": len(amazon.violations),
        **_delays(connection, paid_at),
        "simulated_seconds": round((clock() - simulated).total_seconds()),
        "wall_seconds": round(wall, 2),
        "cpu_seconds": round(time.process_time() - cpu_started, 2),
        "planned_per_second": round(orders / planning, 1),
        "planned_per_cpu_second": round(orders / cpu_planning, 1),
    }


def _warehouse(amazon: Simulator) -> Any:
    """A shop whose first products lie at Amazon, which Kogge knows, and whose history is read."""
    from django.core.management import call_command

    from kogge.amazon.catalog.models import Offer
    from kogge.amazon.fba import planning
    from kogge.cli.tea_house import open_tea_house
    from kogge.engine import due

    call_command("migrate", verbosity=0)
    listings, now = _plenty(), amazon.world.now()
    connection = open_tea_house(
        listings,
        email="bench@example.com",
        password="bench-bench-bench",
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        now=now,
    )
    at_amazon = [listing.sku for listing in listings[:KINDS]]
    amazon.set_fba_stock(dict.fromkeys(at_amazon, PLENTY))
    Offer.objects.of_id(connection.merchant_id).filter(sku__in=at_amazon).update(fba=True)
    due.make_due("read_fba_stock", connection.pk, now=now)
    planning.wake(connection.merchant_id, now=now)
    _work(amazon, OPERATIONS)
    return connection


def _customers(connection: Any, orders: int, clock: Callable[[], datetime]) -> list[tuple[int, datetime]]:
    """Paid orders: number and moment. Each has a product at Amazon, some two, some one of the shop's own."""
    from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
    from kogge.values import Address

    skus = [listing.sku for listing in tea_shop()[:KINDS]]
    address = Address(
        name="Max Beispiel", line1="Musterallee 12", postal_code="04109", city="Leipzig", country="DE"
    )
    placed = []
    for index in range(orders):
        lines = [ManualLine(1 + index % 3, skus[index % KINDS])]
        if index % 2:
            lines.append(ManualLine(1, skus[(index + 1) % KINDS]))
        if index % 4 == 0:
            lines.append(ManualLine(1, OWN))
        manual = ManualOrder(lines=tuple(lines), buyer_name="Max Beispiel", address=address, paid=True)
        order = create_by_hand(connection.merchant, manual, actor="bench", now=clock())
        placed.append((order.number, clock()))
    return placed


def _work(amazon: Simulator, operations: Any) -> None:
    """Do what is due of these; what waits shortly for a limit lets virtual time pass."""
    from kogge import schedule
    from kogge.engine.worker import run_due

    handlers = {name: schedule.OPERATIONS[name] for name in operations}
    run_due(handlers, clock=amazon.world.now, sleep=amazon.advance)


def _until_tracked(amazon: Simulator, connection: Any, orders: int) -> None:
    """Let time pass from one thing that is due to the next."""
    from django.db.models import Min

    from kogge.engine.models import Due

    clock = amazon.world.now
    until, tracked = clock() + LONGEST, 0
    while clock() < until:
        _work(amazon, OPERATIONS)
        if (found := len(_tracked(connection))) > tracked:
            tracked = found
            print(f"{tracked} / {orders}", file=sys.stderr)
        if tracked >= orders:
            return
        following = Due.objects.filter(operation__in=OPERATIONS).aggregate(at=Min("due_at"))["at"]
        pause = (following - clock()).total_seconds() if following else 0
        amazon.advance(max(1.0, pause))
    print("not everything was tracked in time", file=sys.stderr)


def _tracked(connection: Any) -> dict[str, tuple[datetime, datetime]]:
    """By shop order: when its first parcel left Amazon, and when its tracking was in the shop."""
    from kogge.amazon.fba.models import FulfillmentPackage

    rows = FulfillmentPackage.objects.of_id(connection.merchant_id).filter(recorded_at__isnull=False)
    rows = rows.exclude(tracking_number="").select_related("fulfillment_order")
    found: dict[str, tuple[datetime, datetime]] = {}
    for row in rows.order_by("-recorded_at"):
        assert row.recorded_at is not None
        found[row.fulfillment_order.shop_number] = (row.left_at or row.recorded_at, row.recorded_at)
    return found


def _at_amazon(amazon: Simulator, numbers: set[str]) -> dict[str, object]:
    """By Amazon's own books: their ids are prefix, shop number and attempt."""
    made = Counter(order.order_id.split("-")[1] for order in amazon.fulfilment_orders)
    return {
        "made": sum(made.values()),
        "doubled": sum(count - 1 for count in made.values()),
        "lost": len(numbers - made.keys()),
        "unknown": len(made.keys() - numbers),
    }


def _delays(connection: Any, paid_at: dict[str, datetime]) -> dict[str, object]:
    """Simulated seconds from paid, and from the moment Amazon sent it, to the tracking in the shop."""
    tracked = _tracked(connection)
    since_paid = [(told - paid_at[number]).total_seconds() for number, (_left, told) in tracked.items()]
    since_left = [(told - left).total_seconds() for left, told in tracked.values()]
    return {
        "tracked": len(tracked),
        "paid_to_tracking_s": _spread(since_paid),
        "sent_to_tracking_s": _spread(since_left),
    }


def _spread(seconds: list[float]) -> dict[str, int]:
    return {"median": round(median(seconds)), "max": round(max(seconds))} if seconds else {}
