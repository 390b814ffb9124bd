"""How fast orders are taken in, with everything a real import writes, and whether that stays so.

Amazon is the simulator in a process of its own, without quotas; so one core belongs to the import.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import django
import msgspec

from kogge.benchmarks.machine import facts, peak_memory_mb
from kogge.benchmarks.world import fresh_installation, running_simulator
from kogge.cli.tea_house import open_tea_house
from kogge.simulator import tea_shop

PLENTY = 100_000  # in stock, so that no product runs out

# Growth: how many are stored at first, how many are measured, and the steps of filling up in between.
FEW, SAMPLE, CHUNK = 1_000, 5_000, 10_000


@dataclass(frozen=True)
class Part:
    """What the measured process reports after taking in a part of the orders."""

    orders: int
    seconds: float
    cpu_seconds: float
    orders_per_second: float
    cpu_orders_per_second: float
    peak_memory_mb: int


def orders_per_second(orders: int) -> dict[str, object]:
    """Take in `orders` orders on an empty installation."""
    [part] = _import_in_parts(orders, [orders])
    return {"scenario": "import", **asdict(part), "machine": facts()}


def rate_as_the_shop_grows(orders: int) -> dict[str, object]:
    """The rate with a thousand orders stored, and with `orders`; their ratio holds on any machine."""
    filling = max(0, orders - FEW - SAMPLE)
    chunks = [min(CHUNK, filling - start) for start in range(0, filling, CHUNK)]
    parts = _import_in_parts(FEW + SAMPLE + filling + SAMPLE, [FEW, SAMPLE, *chunks, SAMPLE])
    few, many = parts[1], parts[-1]
    return {
        "scenario": "growth",
        "with_few_stored": asdict(few),
        "with_many_stored": asdict(many),
        "stored": sum(part.orders for part in parts[:-1]),
        "many_to_few": round(many.cpu_orders_per_second / few.cpu_orders_per_second, 3),
        "machine": facts(),
    }


def _import_in_parts(orders: int, sizes: list[int]) -> list[Part]:
    """Each part is ordered, then taken in by the same process, which reports after each."""
    with running_simulator() as simulator, fresh_installation(simulator) as environment:
        command = [sys.executable, "-c", "from kogge.benchmarks.importing import serve; serve()"]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            parts: list[Part] = []
            for size in sizes:
                simulator.place_orders(size, status="UNSHIPPED")
                simulator.control("POST", "time", {"advance_s": 600})  # visible after two minutes
                process.stdin.write("go\n")
                process.stdin.flush()
                parts.append(msgspec.json.decode(process.stdout.readline(), type=Part))
                taken_in = sum(part.orders for part in parts)
                print(f"{taken_in} / {orders}", file=sys.stderr)
            process.stdin.close()
    return parts


def serve() -> None:
    """The measured process: connect once, then take in what is there for each line on stdin."""
    django.setup()
    check = _connected_check()
    for _line in sys.stdin:
        started, cpu_started = time.perf_counter(), time.process_time()
        taken_in = check()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        part = Part(
            orders=taken_in,
            seconds=round(seconds, 3),
            cpu_seconds=round(cpu, 3),
            orders_per_second=round(taken_in / seconds, 1),
            cpu_orders_per_second=round(taken_in / cpu, 1),
            peak_memory_mb=peak_memory_mb(),
        )
        print(msgspec.json.encode(part).decode(), flush=True)


def _connected_check() -> Callable[[], int]:
    """An installation connected to the simulator; calling the answer takes in what is there."""
    from django.core.management import call_command

    from kogge.amazon.journal.models import Run
    from kogge.amazon.orders.check import check_orders
    from kogge.engine import due
    from kogge.engine.owner import this_process
    from kogge.engine.worker import perform

    def now() -> datetime:
        return datetime.now(UTC)

    call_command("migrate", verbosity=0)
    plenty = tea_shop()
    for listing in plenty:
        listing.stock = PLENTY
    connection = open_tea_house(
        plenty,
        email="bench@example.com",
        password="bench-bench-bench",
        marketplace_ids=["A1PA6795UKMFR9"],
        dispatch_mail=False,
        now=now(),
    )

    def check() -> int:
        due.make_due("check_orders", connection.pk, now=now())
        lease = due.claim_one("check_orders", connection.pk, this_process(), now=now())
        assert lease is not None
        perform(check_orders, lease, now)
        run = Run.objects.of(connection.merchant).latest("pk")
        if run.state != Run.State.DONE:
            raise RuntimeError(f"the check ended {run.state}: {run.reason}")
        return run.new

    return check
