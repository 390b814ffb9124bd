"""How fast orders are taken in, with everything a real import writes, and whether that stays so.

Amazon is the simulator in a process of its own, without quotas; so one core belongs to the import. Beside
it, in the same run, the same orders one by one (one_by_one.py) and the same rows by the bare driver (raw.py).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import django
import msgspec

from kogge.benchmarks.machine import cpu_seconds, peak_memory_mb
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import RunningSimulator, fresh_installation, running_simulator
from kogge.cli.tea_house import open_tea_house
from kogge.simulator import tea_shop

PLENTY = 100_000  # in stock, so that no product runs out

# Growth: how many are stored at first, how many are measured, and the steps of filling up in between.
FEW, SAMPLE, CHUNK = 1_000, 5_000, 10_000
# Of one by one only a part is measured: its rate does not depend on how many there are.
ONE_BY_ONE_SHARE, ONE_BY_ONE_LEAST = 10, 200


@dataclass(frozen=True)
class Part:
    """What the measured process reports after taking in a part of the orders.

    `cpu_seconds` are this process's alone, `cpu_orders_per_second` goes by them. Those of the database's
    own process are zero where there is none, and None where they cannot be read.
    """

    orders: int
    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float | None
    orders_per_second: float
    cpu_orders_per_second: float
    with_database_cpu_orders_per_second: float | None
    statements: int
    rows: int
    peak_memory_mb: int


def orders_per_second(orders: int, database: str) -> Figures:
    """Take in `orders` orders on an empty installation, and beside it what that is compared with."""
    with (
        running_simulator() as simulator,
        _measured_process(simulator, database) as ours,
        _measured_process(simulator, database) as theirs,
    ):
        _order(simulator, orders)
        real = ours("import")
        raw = ours("raw")
        reference = theirs(f"one by one {max(ONE_BY_ONE_LEAST, orders // ONE_BY_ONE_SHARE)}")
    _check_same_work(real, reference)
    return {
        **asdict(real),
        "statements_per_100_orders": round(100 * real.statements / real.orders, 1),
        "rows_per_order": round(real.rows / real.orders, 2),
        "one_by_one": _reference(reference),
        "raw_driver": _reference(raw),
        "times_one_by_one": round(real.orders_per_second / reference.orders_per_second, 1),
        "times_one_by_one_cpu": round(_cpu_rate(real) / _cpu_rate(reference), 1),
        "share_of_raw_driver": round(real.orders_per_second / raw.orders_per_second, 2),
    }


def rate_as_the_shop_grows(orders: int, database: str) -> Figures:
    """The rate with a thousand orders stored, and with `orders`; their ratio holds on any machine."""
    filling = max(0, orders - FEW - SAMPLE)
    chunks = [min(CHUNK, filling - start) for start in range(0, filling, CHUNK)]
    parts: list[Part] = []
    with running_simulator() as simulator, _measured_process(simulator, database) as measured:
        for size in [FEW, SAMPLE, *chunks, SAMPLE]:
            _order(simulator, size)
            parts.append(measured("import"))
    few, many = parts[1], parts[-1]
    return {
        "with_few_stored": asdict(few),
        "with_many_stored": asdict(many),
        "stored": sum(part.orders for part in parts[:-1]),
        "many_to_few": round(many.cpu_orders_per_second / few.cpu_orders_per_second, 3),
        "many_to_few_with_database": round(_cpu_rate(many) / _cpu_rate(few), 3),
    }


def _order(simulator: RunningSimulator, orders: int) -> None:
    simulator.place_orders(orders, status="UNSHIPPED")
    simulator.control("POST", "time", {"advance_s": 600})  # visible after two minutes


def _check_same_work(real: Part, reference: Part) -> None:
    """A comparison with something that writes less is none."""
    ours, theirs = real.rows / real.orders, reference.rows / reference.orders
    if theirs < 0.95 * ours:
        raise RuntimeError(f"one by one wrote {theirs:.1f} rows an order, the import {ours:.1f}")


def _reference(part: Part) -> dict[str, float | None]:
    return {
        "orders": part.orders,
        "orders_per_second": part.orders_per_second,
        "cpu_orders_per_second": part.cpu_orders_per_second,
        "with_database_cpu_orders_per_second": part.with_database_cpu_orders_per_second,
        "rows_per_order": round(part.rows / part.orders, 2),
    }


def _cpu_rate(part: Part) -> float:
    """By the processor time of everybody who took part, as far as it can be read."""
    return part.with_database_cpu_orders_per_second or part.cpu_orders_per_second


@contextmanager
def _measured_process(simulator: RunningSimulator, database: str) -> Iterator[Callable[[str], Part]]:
    """A process on an empty installation connected to the simulator; what it is told to do, it measures."""
    command = [sys.executable, "-c", "from kogge.benchmarks.importing import serve; serve()"]
    with (
        fresh_installation(simulator, database) as environment,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        stdout.readline()  # connected

        def measured(what: str) -> Part:
            stdin.write(f"{what}\n")
            stdin.flush()
            part = msgspec.json.decode(stdout.readline(), type=Part)
            print(f"{what}: {part.orders} / {part.seconds} s", file=sys.stderr)
            return part

        yield measured
        stdin.close()


# --- in the measured process --------------------------------------------------------------------


def serve() -> None:
    """Connect once, then do and measure what each line on stdin says: import, raw, one by one N."""
    django.setup()
    from kogge.benchmarks import one_by_one, raw

    check, connection = connected_check()
    print("connected", flush=True)
    taken_in = 0
    for line in sys.stdin:
        what = line.strip()
        before = sum(raw.rows_by_table().values())
        with _measuring() as measured:
            if what == "import":
                orders = taken_in = check()
            elif what == "raw":
                orders, written = taken_in, raw.write_again(database_cpu)
            else:
                orders = one_by_one.take_in(connection, int(what.rpartition(" ")[2]))
        if what == "raw":
            # Reading the rows and making the tables is not part of it.
            rows, measured = written.rows, {**measured, **asdict(written)}
        else:
            rows = sum(raw.rows_by_table().values()) - before
        print(msgspec.json.encode(_part(orders, rows, measured)).decode(), flush=True)


@contextmanager
def _measuring() -> Iterator[dict[str, Any]]:
    """Fills in what the inside took."""
    from django.db import connection

    statements = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    found: dict[str, Any] = {}
    started, cpu_started, database_started = time.perf_counter(), time.process_time(), database_cpu()
    with connection.execute_wrapper(count):
        yield found
    database_ended = database_cpu()
    unknown = database_started is None or database_ended is None
    found |= {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "database_cpu_seconds": None if unknown else (database_ended or 0.0) - (database_started or 0.0),
        "statements": statements,
    }


def database_cpu() -> float | None:
    """Processor time of our connection's process at the server; zero where the database is in ours."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    return cpu_seconds(connection.connection.info.backend_pid, called="postgres")


def _part(orders: int, rows: int, measured: Mapping[str, Any]) -> Part:
    seconds, cpu, database = (measured[f"{name}seconds"] for name in ("", "cpu_", "database_cpu_"))
    return Part(
        orders=orders,
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu, 3),
        database_cpu_seconds=None if database is None else round(database, 3),
        orders_per_second=round(orders / seconds, 1),
        cpu_orders_per_second=round(orders / cpu, 1),
        with_database_cpu_orders_per_second=None if database is None else round(orders / (cpu + database), 1),
        statements=measured["statements"],
        rows=rows,
        peak_memory_mb=peak_memory_mb(),
    )


def connected_check() -> tuple[Callable[[], int], Any]:
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

    return check, connection
