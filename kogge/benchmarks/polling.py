"""Idle sellers by the ten thousand: is everybody asked for in time, and what does it cost?

Amazon is the simulator with its quotas, everything on one machine. All connections are as connecting and
the first check leave them, and nothing is ever ordered. Two figures come of it: how late the checks are
while they are polled as usual, and how much more two workers do than one when all are due at once and
Amazon takes its time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from statistics import quantiles
from typing import Any

import django
import msgspec
import psycopg

from kogge.benchmarks.databases import NoServer
from kogge.benchmarks.machine import cpu_seconds
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import RunningSimulator, fresh_installation, running_simulator
from kogge.simulator import credentials

CHECK = "check_orders"
PERIOD = timedelta(minutes=10)  # of the check; within two of them everybody must have had a turn
MINUTES = 22.0  # everybody has two turns
WARM_UP = timedelta(minutes=2)  # the workers work off what became due until then
SAMPLE_EVERY = 2.0  # seconds; nobody has two turns within that

SCALING_CONNECTIONS = 1_000  # of which each is due at once, for one worker and for two
SLOW_AMAZON = 0.4  # seconds an answer takes then
LONGEST = 600.0  # seconds they may take

TEMPLATE_EMAIL = "bench@example.com"


@dataclass(frozen=True)
class Seeded:
    """What the seeding process reports."""

    connections: int
    seconds: float
    statements_per_check: int
    statements_per_read_shop: int


@dataclass
class Lateness:
    """How long after it was due each run of an operation began, in seconds."""

    of: dict[str, list[float]] = field(default_factory=dict)
    _seen: dict[tuple[str, int], datetime] = field(default_factory=dict)

    def sample(self, database: psycopg.Connection[Any], since: datetime) -> None:
        """Note the runs begun after `since` that are not noted yet."""
        rows = database.execute(
            "SELECT operation, subject, started_at, EXTRACT(EPOCH FROM started_at - was_due_at)::float8"
            " FROM engine_due WHERE started_at > %s AND was_due_at IS NOT NULL",
            [max([since, *self._seen.values()]) - timedelta(seconds=30) if self._seen else since],
        )
        for operation, subject, started, late in rows:
            if started > since and self._seen.get((operation, subject)) != started:
                self._seen[operation, subject] = started
                self.of.setdefault(operation, []).append(max(late, 0.0))


def idle_polling(
    connections: int, database: str, *, minutes: float = MINUTES, workers: int = 1, latency_ms: float = 0
) -> Figures:
    """Poll `connections` idle sellers for `minutes`, then measure how two workers compare with one."""
    if database != "postgres":
        raise NoServer("poll: --database postgres")
    with _installation(connections) as (simulator, environment, seeded):
        simulator.control("POST", "settings", {"latency_s": latency_ms / 1000})
        polled = _poll(simulator, environment, minutes, workers)
    return {
        "connections": connections,
        "seeded": msgspec.to_builtins(seeded),
        **polled,
        **scaling(min(connections, SCALING_CONNECTIONS)),
    }


def scaling(connections: int = SCALING_CONNECTIONS) -> Figures:
    """Checks a second of one and of two workers while Amazon answers slowly, and their ratio."""
    rates = {}
    for workers in (1, 2):
        with _installation(connections) as (simulator, environment, _seeded):
            simulator.control("POST", "settings", {"latency_s": SLOW_AMAZON})
            rates[workers] = _rush(environment, connections, workers)
            _say(f"{workers} worker(s): {rates[workers]:.1f} checks a second at a slow Amazon")
    return {
        "slow_amazon_s": SLOW_AMAZON,
        "checks_per_second_one_worker": round(rates[1], 1),
        "checks_per_second_two_workers": round(rates[2], 1),
        "two_workers_to_one": round(rates[2] / rates[1], 2),
    }


@contextmanager
def _installation(connections: int) -> Iterator[tuple[RunningSimulator, dict[str, str], Seeded]]:
    """So many connected sellers on a database of their own, and their Amazon."""
    with running_simulator(quotas="amazon") as simulator:
        simulator.control("POST", "crowd", {"count": connections})
        with fresh_installation(simulator, "postgres") as environment:
            program = f"from kogge.benchmarks.polling import seed; seed({connections})"
            answer = subprocess.run(
                [sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.PIPE
            )
            seeded = msgspec.json.decode(answer.stdout, type=Seeded)
            _say(f"{connections} connections in {seeded.seconds} s")
            yield simulator, environment, seeded


@contextmanager
def _working(environment: Mapping[str, str], workers: int) -> Iterator[list[int]]:
    """So many `kogge worker` processes that are up; their process ids."""
    command = [sys.executable, "-m", "kogge.cli", "worker", "--json"]
    running = [
        subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE) for _number in range(workers)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()  # each says its name when it begins
    try:
        yield [process.pid for process in running]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=60)


def _poll(
    simulator: RunningSimulator, environment: Mapping[str, str], minutes: float, workers: int
) -> dict[str, object]:
    lateness = Lateness()
    with (
        psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database,
        _working(environment, workers) as pids,
    ):
        warm_up = min(WARM_UP, timedelta(minutes=minutes) / 4)
        time.sleep(warm_up.total_seconds())
        began = datetime.now(UTC)
        until = time.monotonic() + minutes * 60 - warm_up.total_seconds()
        cpu = _cpu(database, simulator, pids)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(SAMPLE_EVERY, left))
            lateness.sample(database, began)
        seconds = (datetime.now(UTC) - began).total_seconds()
        used = {name: after - cpu[name] for name, after in _cpu(database, simulator, pids).items()}
        memory = [_peak_memory_mb(pid) for pid in pids]
        starved = _starved(database, lateness)
    state = simulator.control("GET", "state")
    assert isinstance(state, dict)
    checks = lateness.of.get(CHECK, [])
    runs = sum(map(len, lateness.of.values()))
    return {
        "minutes": minutes,
        "workers": workers,
        "lateness_s": _percentiles(checks),
        "lateness_of_all_s": _percentiles([late for each in lateness.of.values() for late in each]),
        "checks_per_second": round(len(checks) / seconds, 1),
        "runs_per_second": round(runs / seconds, 1),
        "runs": {name: len(each) for name, each in sorted(lateness.of.items())},
        "starved": starved,
        "peak_memory_mb_per_worker": max(memory),
        "cores_used": {name: round(each / seconds, 3) for name, each in used.items()},
        "cpu_ms_per_run": {name: round(1000 * each / max(runs, 1), 2) for name, each in used.items()},
        "throttled_by_amazon": sum(state["refused"].values()),
        "held_against_us": len(state["violations"]),
        "calls_to_amazon": state["calls"],
    }


def _rush(environment: Mapping[str, str], connections: int, workers: int) -> float:
    """Checks a second when all are due at once: from the first that began to the last that ended.

    The workers are up by then, and nothing else is due.
    """
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:
        database.execute(
            "UPDATE engine_due SET due_at = now() + interval '1 day', started_at = NULL, finished_at = NULL"
        )
        with _working(environment, workers):
            database.execute("UPDATE engine_due SET due_at = now() WHERE operation = %s", [CHECK])
            until = time.monotonic() + LONGEST
            while time.monotonic() < until:
                time.sleep(0.25)
                [row] = database.execute(
                    "SELECT count(finished_at),"
                    " EXTRACT(EPOCH FROM max(finished_at) - min(started_at))::float8"
                    " FROM engine_due WHERE operation = %s",
                    [CHECK],
                )
                if row[0] >= connections:
                    return float(row[0] / row[1])
    raise RuntimeError(f"{connections} checks were not done within {LONGEST:.0f} s")


def _starved(database: psycopg.Connection[Any], lateness: Lateness) -> int:
    """Turns that came, or still wait, more than a period late: nothing for two periods."""
    [row] = database.execute(
        "SELECT count(*) FROM engine_due WHERE operation = %s AND due_at < now() - %s", [CHECK, PERIOD]
    )
    return int(row[0]) + sum(late > PERIOD.total_seconds() for late in lateness.of.get(CHECK, []))


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 3),
        "p95": round(cuts[94], 3),
        "p99": round(cuts[98], 3),
        "max": round(max(values), 3),
    }


def _cpu(
    database: psycopg.Connection[Any], simulator: RunningSimulator, workers: Sequence[int]
) -> dict[str, float]:
    """Seconds of processor time used so far by each party; without those that nobody tells of."""
    used = {
        "workers": [cpu_seconds(pid) for pid in workers],
        "simulator": [cpu_seconds(simulator.pid)],
        "postgres": [_server_cpu_seconds(database.info.backend_pid)],
    }
    return {
        name: sum(each for each in times if each is not None)
        for name, times in used.items()
        if None not in times
    }


def _server_cpu_seconds(backend: int) -> float | None:
    """Of a PostgreSQL on this machine: the postmaster's own, that of all its processes, gone ones too."""
    name = _stat(backend)
    if name is None or not name[0].startswith("postgres"):
        return None
    postmaster = int(name[1][1])
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or (found := _stat(int(entry.name))) is None:
            continue
        fields = found[1]
        if int(entry.name) == postmaster:
            total += sum(map(int, fields[11:15]))  # with those of the children that have ended
        elif int(fields[1]) == postmaster:
            total += int(fields[11]) + int(fields[12])
    return total / tick


def _stat(pid: int) -> tuple[str, list[str]] | None:
    """The name of a process of this machine and the fields behind it; None for one that is gone."""
    try:
        name, _, fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    return name.partition("(")[2], fields.split()


def _peak_memory_mb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- seeding, in a process of its own ----------------------------------------------------------------


def seed(count: int) -> None:
    """Connect one seller as people do and let everything that is due be done; then make the others alike."""
    django.setup()
    from django.core.management import call_command

    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    template = _template()
    _statements_of_all(template)
    statements = _statements_of_all(template)
    for first in range(2, count + 1, 1_000):
        _copy(template, range(first, min(first + 1_000, count + 1)))
    _analyze()
    seeded = Seeded(
        connections=count,
        seconds=round(time.perf_counter() - started, 1),
        statements_per_check=statements[CHECK],
        statements_per_read_shop=statements["read_shop"],
    )
    sys.stdout.buffer.write(msgspec.json.encode(seeded))


def _template() -> Any:
    from kogge.amazon.connections.accounts import connect
    from kogge.merchants.accounts import create_merchant

    now = datetime.now(UTC)
    merchant = create_merchant(name="Bench", email=TEMPLATE_EMAIL, password="bench-bench-bench", now=now)
    return connect(
        merchant,
        region="eu",
        seller_id=credentials.crowd_seller_id(1),
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.crowd_refresh_token(1),
        marketplace_ids=["A1PA6795UKMFR9"],
        dispatch_mail=False,
        start_from=None,
        now=now,
    )


def _statements_of_all(template: Any) -> dict[str, int]:
    """Do everything that is scheduled for the connection once; how many statements each took."""
    from django.db import connection

    from kogge.engine import due
    from kogge.engine.models import Due
    from kogge.engine.worker import perform, utc_now
    from kogge.schedule import OPERATIONS

    counts: dict[str, int] = {}
    for operation in Due.objects.filter(subject=template.pk).values_list("operation", flat=True):
        lease = due.claim_one(operation, template.pk, "bench", now=utc_now())
        assert lease is not None
        connection.queries_log.clear()
        connection.force_debug_cursor = True
        perform(OPERATIONS[operation], lease, utc_now)
        connection.force_debug_cursor = False
        counts[operation] = len(connection.queries_log)
    return counts


def _copy(template: Any, numbers: Sequence[int]) -> None:
    """More merchants with a connection, with everything the template's has; each with its own seller."""
    from django.apps import apps

    from kogge.amazon.connections.credentials import sealed_credentials
    from kogge.amazon.connections.models import Connection
    from kogge.engine.models import Bucket
    from kogge.merchants.models import Membership, Merchant

    merchants = Merchant.objects.bulk_create([_alike(template.merchant) for _number in numbers])
    fresh = [
        _alike(
            template,
            merchant_id=merchant.pk,
            seller_id=credentials.crowd_seller_id(number),
            sealed_credentials=sealed_credentials(
                merchant.pk,
                client_secret=credentials.CLIENT_SECRET,
                refresh_token=credentials.crowd_refresh_token(number),
            ),
            sealed_access_token=None,
            access_token_expires_at=None,
        )
        for number, merchant in zip(numbers, merchants, strict=True)
    ]
    connections = Connection.objects.everyone().bulk_create(fresh)
    for model in apps.get_models():
        if model in (Connection, Membership):
            continue
        for name, its_own in (("merchant_id", template.merchant_id), ("connection_id", template.pk)):
            if any(each.attname == name for each in model._meta.concrete_fields):
                rows = list(model._base_manager.filter(**{name: its_own}))
                owners = merchants if name == "merchant_id" else connections
                model._base_manager.bulk_create(
                    [_alike(row, **{name: owner.pk}) for row in rows for owner in owners]
                )
    buckets = list(Bucket.objects.filter(subject=template.pk))
    Bucket.objects.bulk_create(
        [_alike(row, subject=one.pk) for row in buckets for one in connections], ignore_conflicts=True
    )
    _copy_due(template, connections)


def _copy_due(template: Any, connections: Sequence[Any]) -> None:
    """Each connection's turns, spread over the time the template waits for its own."""
    from kogge.amazon.connections.accounts import next_turn
    from kogge.amazon.fba.stock import ALL_EVERY
    from kogge.amazon.orders.check import INTERVAL
    from kogge.amazon.orders.fba import INTERVAL as FBA_INTERVAL
    from kogge.amazon.orders.shop_changes import SAFETY_NET
    from kogge.engine.models import Due

    now = datetime.now(UTC)
    periods = {
        CHECK: INTERVAL,
        "check_fba_orders": FBA_INTERVAL,
        "read_shop": SAFETY_NET,
        "read_fba_stock": ALL_EVERY,
        "watch_expiry": ALL_EVERY,
    }
    rows = list(Due.objects.filter(subject=template.pk))
    Due.objects.bulk_create(
        [
            _alike(
                row,
                subject=one.pk,
                due_at=next_turn(one.pk, row.operation, periods.get(row.operation, row.due_at - now), now),
                started_at=None,
                was_due_at=None,
            )
            for row in rows
            for one in connections
        ]
    )


def _alike(row: Any, **changes: object) -> Any:
    """Another row like this one; a name that must be unique is drawn anew."""
    kind = type(row)
    fields = [each for each in kind._meta.concrete_fields if not each.primary_key]
    values = {each.attname: getattr(row, each.attname) for each in fields}
    names = [each for each in fields if each.unique and each.max_length]
    drawn = {each.attname: token_hex(each.max_length // 2)[:16].upper() for each in names}
    return kind(**values | drawn | changes)


def _analyze() -> None:
    """What autovacuum would have done by the time there are so many."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
