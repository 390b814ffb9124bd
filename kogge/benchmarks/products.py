"""How fast a file of products is taken over: created, counted anew, and written into a file again.

Each row has stock and Amazon's columns, and a seller account is connected. Measured in a process of its
own on an empty installation.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django
import msgspec

from kogge.benchmarks.machine import peak_memory_mb
from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import fresh_installation

COLUMNS = "code;title;gtin;price;stock;lead_time_days;amazon;asin;amazon_sku;amazon_stock;amazon_price;fba"


def products_per_second(rows: int, database: str) -> Figures:
    """Import `rows` new products, import them again with other stock, export them."""
    with fresh_installation(database=database) as environment:
        command = [sys.executable, "-c", f"from kogge.benchmarks.products import run; run({rows})"]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = msgspec.json.decode(answer.stdout, type=dict[str, float])
    return {"rows": rows, **figures}


def run(rows: int) -> None:
    """The measured process: prints its figures as JSON."""
    django.setup()
    from datetime import UTC, datetime

    from django.core.management import call_command

    from kogge.amazon.connections.models import Connection
    from kogge.backoffice.product_export import Notation, exported
    from kogge.backoffice.product_import import import_products
    from kogge.merchants.models import Merchant

    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    merchant = Merchant.objects.create(slug="bench", name="Bench", created_at=now)
    Connection.objects.everyone().create(
        merchant=merchant,
        region="eu",
        seller_id="BENCH",
        sealed_credentials=b"",
        connected_at=now,
        start_from=now,
    )
    figures: dict[str, object] = {}
    for step, stock in (("create", 0), ("update", 1), ("unchanged", 1)):
        text = "\n".join(_lines(rows, stock))
        with _measured(step, rows, figures):
            import_products(merchant, text, actor="bench", now=now)
    with _measured("export", rows, figures):
        for _line in exported(merchant, Notation.PLAIN):
            pass
    print(msgspec.json.encode({**figures, "peak_memory_mb": peak_memory_mb()}).decode())


def _lines(rows: int, more: int) -> Iterator[str]:
    yield COLUMNS
    for number in range(rows):
        counted = number % 9973 + more
        yield (
            f"ART-{number:07d};Ein Produkt mit der Nummer {number};;{number % 500 + 1},90;{counted};3;"
            f"ja;B{number:09d};SKU-{number:07d};{counted + 1};{number % 500 + 2},95;nein"
        )


@contextmanager
def _measured(step: str, rows: int, figures: dict[str, object]) -> Iterator[None]:
    started, cpu_started = time.perf_counter(), time.process_time()
    yield
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    print(f"{step}: {rows} / {seconds:.1f} s", file=sys.stderr)
    figures |= {
        f"{step}_seconds": round(seconds, 2),
        f"{step}_cpu_seconds": round(cpu, 2),
        f"{step}_rows_per_second": round(rows / seconds, 1),
    }
