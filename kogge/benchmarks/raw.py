"""The ceiling: the rows a real import wrote, written once more by the bare driver, with no logic at all.

They go into copies of the tables with the same indexes and constraints, one `executemany` a table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, transaction

# What grows with every order; cursors, counters and the due table do not.
TABLES = (
    "amazon_orders_amazonorder",
    "amazon_orders_amazonorderitem",
    "backoffice_order",
    "backoffice_orderline",
    "backoffice_orderword",
    "backoffice_orderevent",
    "backoffice_stockentry",
    "amazon_feeds_ordermessage",
    "amazon_journal_journalentry",
)


def rows_by_table() -> dict[str, int]:
    """How many rows each of the tables has."""
    models = {model._meta.db_table: model for model in apps.get_models()}
    return {table: models[table]._base_manager.count() for table in TABLES}


@dataclass(slots=True)
class Written:
    """How many rows, and what writing them took: seconds, and processor seconds here and at the server."""

    rows: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    database_cpu_seconds: float = 0.0


def write_again(database_cpu: Callable[[], float | None]) -> Written:
    """Write all rows once more; what was written is dropped again."""
    written = Written()
    for table in TABLES:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} ORDER BY id")
            columns = [column[0] for column in cursor.description or ()]
            content = cursor.fetchall()
            _copy_of(table, cursor)
        mark = "%s" if connection.vendor == "postgresql" else "?"
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join([mark] * len(columns))
        driver: Any = connection.connection
        writer = driver.cursor()
        started = time.perf_counter(), time.process_time(), database_cpu() or 0.0
        with transaction.atomic():
            writer.executemany(f"INSERT INTO bench_{table} ({names}) VALUES ({marks})", content)
        written.seconds += time.perf_counter() - started[0]
        written.cpu_seconds += time.process_time() - started[1]
        written.database_cpu_seconds += (database_cpu() or 0.0) - started[2]
        written.rows += len(content)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE bench_{table}")
    return written


def _copy_of(table: str, cursor: Any) -> None:
    """An empty table of the same columns, constraints and indexes, called bench_…"""
    if connection.vendor == "postgresql":
        cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        return
    cursor.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC", [table]
    )
    for (statement,) in cursor.fetchall():
        cursor.execute(
            statement.replace(f'"{table}"', f'"bench_{table}"').replace('INDEX "', 'INDEX "bench_')
        )
