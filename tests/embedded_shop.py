"""Shops on SQLite in a process of its own, for tests that themselves run on PostgreSQL.

    python -m tests.embedded_shop fill          a tea house with orders of the Amazon the environment names
    python -m tests.embedded_shop kill URL N…   move it, killed after N rows, again and again, then whole

Where it is says KOGGE_DATA_DIR. Answers one JSON document.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def fill() -> dict[str, Any]:
    """What people and Amazon do in the first hour: products, orders, a parcel, a cancellation."""
    from kogge.amazon.orders.models import AmazonOrder
    from kogge.backoffice import dispatch
    from kogge.backoffice.models import Order
    from kogge.cli.run import bring_up_to_date
    from kogge.cli.tea_house import open_tea_house
    from kogge.engine.worker import run_due
    from kogge.schedule import OPERATIONS
    from kogge.simulator import tea_shop

    bring_up_to_date()
    now = datetime.now(UTC)
    connection = open_tea_house(
        tea_shop(),
        email="anna@example.org",
        password="Sieben-Fässer-Tee",
        marketplace_ids=["A1PA6795UKMFR9"],
        dispatch_mail=True,
        now=now,
    )
    run_due(OPERATIONS, limit=12)
    order = Order.objects.of(connection.merchant).filter(status="open", payment_status="paid").first()
    assert order is not None
    dispatch.ship(
        order, carrier="DHL", tracking_number="00340434161094000001", quantities=None, actor="anna", now=now
    )
    return {"connection": connection.pk, "orders": AmazonOrder.objects.everyone().count()}


def kill(url: str, *after: int) -> dict[str, Any]:
    """Move with kill -9 after so many rows, each time in a new process; then once more to its end."""
    from kogge.moving import mark, source

    source.CHUNK_ROWS = 10
    path = Path(os.environ["KOGGE_DATA_DIR"]) / "kogge.sqlite3"
    ends = [_in_a_child(path, url, rows) for rows in after]
    moved = _move(path, url, None)
    assert mark.moved_to(path)
    return {"ends": ends, "rows": sum(one.rows for one in moved), "copied": sum(one.copied for one in moved)}


def _in_a_child(path: Path, url: str, rows: int) -> int:
    child = os.fork()
    if not child:
        _move(path, url, rows)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def _move(path: Path, url: str, dies_after: int | None) -> Any:
    from kogge.moving.moving import move
    from kogge.moving.source import Source
    from kogge.moving.target import Target

    seen = 0

    def progress(_table: str, rows: int) -> None:
        nonlocal seen
        seen += rows
        if dies_after is not None and seen >= dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with closing(Target(url)) as target:
        return move(Source(path), target, migrate=lambda: None, now=datetime.now(UTC), progress=progress)


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "kogge.settings"
    django.setup()
    match sys.argv[1:]:
        case ["fill"]:
            answer = fill()
        case ["kill", url, *after]:
            answer = kill(url, *map(int, after))
        case other:
            raise SystemExit(f"{other}: see above")
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
