"""How fast orders are taken in, with everything a real import writes, and whether that stays so.

Amazon is the simulator in a process of its own, without quotas; so one core belongs to the import.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import django

from kogge.benchmarks.machine import facts, peak_memory_mb
from kogge.benchmarks.world import fresh_installation, running_simulator

# Growth: how many are stored at first, how many are measured, and the steps of filling up in between.
FEW, SAMPLE, CHUNK = 1_000, 5_000, 10_000


def orders_per_second(orders: int) -> dict[str, object]:
    """Take in `orders` orders on an empty installation."""
    [part] = _import_in_parts(orders, [orders])
    return {"scenario": "import", **part, "machine": facts()}


def rate_as_the_shop_grows(orders: int) -> dict[str, object]:
    """The rate with a thousand orders stored, and with `orders`; their ratio holds on any machine."""
    filling = max(0, orders - FEW - SAMPLE)
    chunks = [min(CHUNK, filling - start) for start in range(0, filling, CHUNK)]
    parts = _import_in_parts(FEW + SAMPLE + filling + SAMPLE, [FEW, SAMPLE, *chunks, SAMPLE])
    few, many = parts[1], parts[-1]
    return {
        "scenario": "growth",
        "with_few_stored": few,
        "with_many_stored": many,
        "stored": sum(int(str(part["orders"])) for part in parts[:-1]),
        "many_to_few": round(_rate(many) / _rate(few), 3),
        "machine": facts(),
    }


def _rate(part: dict[str, object]) -> float:
    return float(str(part["cpu_orders_per_second"]))


def _import_in_parts(orders: int, sizes: list[int]) -> list[dict[str, object]]:
    """Each part is ordered, then taken in by the same process, which reports after each."""
    with running_simulator() as simulator, fresh_installation(simulator) as environment:
        command = [sys.executable, "-c", "from kogge.benchmarks.importing import serve; serve()"]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            parts = []
            for size in sizes:
                simulator.place_orders(size, status="UNSHIPPED")
                simulator.control("POST", "time", {"advance_s": 600})  # visible after two minutes
                process.stdin.write("go\n")
                process.stdin.flush()
                parts.append(json.loads(process.stdout.readline()))
                taken_in = sum(int(str(part["orders"])) for part in parts)
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
        part = {
            "orders": taken_in,
            "seconds": round(seconds, 3),
            "cpu_seconds": round(cpu, 3),
            "orders_per_second": round(taken_in / seconds, 1),
            "cpu_orders_per_second": round(taken_in / cpu, 1),
            "peak_memory_mb": peak_memory_mb(),
        }
        print(json.dumps(part), flush=True)


def _connected_check() -> Callable[[], int]:
    """An installation connected to the simulator; calling the answer takes in what is there."""
    from django.core.management import call_command

    from kogge.amazon.connections.accounts import connect
    from kogge.amazon.journal.models import Run
    from kogge.amazon.orders.check import check_orders
    from kogge.backoffice.products import import_products
    from kogge.engine import due
    from kogge.engine.owner import this_process
    from kogge.engine.worker import perform
    from kogge.merchants.accounts import create_merchant
    from kogge.simulator import credentials, tea_shop

    def now() -> datetime:
        return datetime.now(UTC)

    call_command("migrate", verbosity=0)
    merchant = create_merchant(
        name="Bench", email="bench@example.com", password="bench-bench-bench", now=now()
    )
    lines = ["code,title,gtin,price,stock,lead_time_days,amazon,asin,amazon_sku"]
    lines += [
        f'{item.sku},"{item.title}",{item.gtin},{item.price},100000,2,yes,{item.asin},{item.sku}'
        for item in tea_shop()
    ]
    import_products(merchant, "\n".join(lines), actor="bench", now=now())
    connection = connect(
        merchant,
        region="eu",
        seller_id=credentials.SELLER_ID,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.REFRESH_TOKEN,
        marketplace_ids=["A1PA6795UKMFR9"],
        dispatch_mail=False,
        start_from=None,
        now=now(),
    )

    def check() -> int:
        due.make_due("check_orders", connection.pk, now=now())
        lease = due.claim_one("check_orders", connection.pk, this_process(), now=now())
        assert lease is not None
        perform(check_orders, lease, now)
        run = Run.objects.of(merchant).latest("pk")
        if run.state != Run.State.DONE:
            raise RuntimeError(f"the check ended {run.state}: {run.reason}")
        return run.new

    return check
