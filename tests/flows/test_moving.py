"""From SQLite to PostgreSQL with one command: all of it, proved, and again after whatever came in between."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from kogge.moving import mark, presence, rows
from kogge.moving.moving import Moved, move, take_up_the_end
from kogge.moving.refusal import MoveRefused
from kogge.moving.source import Source
from kogge.moving.target import Target
from kogge.simulator import Simulator
from tests.flows.conftest import ROOT

pytestmark = [
    pytest.mark.skipif(
        database.vendor != "postgresql", reason="moves to PostgreSQL; runs where the tests do"
    ),
    pytest.mark.django_db,
]

JSONB = 3802  # the number of the type
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@dataclass
class Server:
    """The server the tests run on, and databases of our own there."""

    names: list[str]

    def url(self, name: str) -> str:
        at = database.settings_dict
        user = f"{at['USER']}:{at['PASSWORD']}" if at["PASSWORD"] else at["USER"]
        return f"postgres://{user}@{at['HOST']}:{at['PORT'] or 5432}/{name}"

    def create(self, template: str = "template0") -> str:
        """A new database; its address."""
        name = f"{self._prefix()}{len(self.names)}"
        self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._do(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.names.append(name)
        return self.url(name)

    def drop_all(self) -> None:
        for name in self.names:
            self._do(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _prefix(self) -> str:
        return f"{os.environ.get('KOGGE_TEST_DATABASE', 'test_kogge')}_{WORKER}_move_"

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as server:
            server.execute(statement)


@dataclass
class Embedded:
    """A Kogge of the past on SQLite, with all it knows; and the Amazon it sells at."""

    path: Path
    environment: dict[str, str]
    connection: int
    orders: int
    amazon: Simulator

    def kogge(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run("kogge.cli", *arguments, environment=self.environment | environment)

    def source(self) -> Source:
        return Source(self.path)

    def change(self, *statements: str) -> None:
        """Somebody works with SQLite."""
        with closing(sqlite3.connect(self.path)) as old, old:
            for statement in statements:
                old.execute(statement)

    def ask(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as old:
            return old.execute(query).fetchall()


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server([])
    yield server
    server.drop_all()


@pytest.fixture(scope="module")
def up_to_date(server: Server, django_db_setup: None) -> str:
    """A database that is up to date and holds nothing: a copy of the one the tests run on."""
    database.close()  # nobody may be connected to what is copied
    return server.create(template=database.settings_dict["NAME"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A shop as it was left, to be copied."""
    home = tmp_path_factory.mktemp("embedded")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("KOGGE_", "DATABASE_URL", "LC_"))}
    with Simulator(quotas="off") as amazon:
        environment = kept | {
            "KOGGE_DATA_DIR": str(home),
            "KOGGE_AMAZON_API_URL": amazon.api_url,
            "KOGGE_AMAZON_LWA_URL": amazon.lwa_url,
            "LANG": "de_DE.UTF-8",
        }
        amazon.place_orders(40, kind="multi", age_s=300)
        filled = run("tests.embedded_shop", "fill", environment=environment)
        assert filled.returncode == 0, filled.stderr
        told = json.loads(filled.stdout)
        yield Embedded(home / "kogge.sqlite3", environment, told["connection"], told["orders"], amazon)


@pytest.fixture
def old(first: Embedded, tmp_path: Path) -> Embedded:
    """The shop, for this test alone."""
    home = shutil.copytree(first.path.parent, tmp_path / "data")
    environment = first.environment | {"KOGGE_DATA_DIR": str(home)}
    return Embedded(home / "kogge.sqlite3", environment, first.connection, first.orders, first.amazon)


@pytest.fixture
def url(up_to_date: str) -> Iterator[str]:
    """The same for each test, whatever it leaves."""
    yield up_to_date
    with closing(Target(up_to_date)) as target, target.db.transaction():
        for table in rows.tables():
            target.db.execute(f'DELETE FROM "{table.name}"')
        if target.moving():
            target.finish([], {})
            target.open()


class Interrupted(Exception):
    """What happens while rows are on their way."""


def moved(old: Embedded, url: str, progress: Callable[[str, int], None] | None = None) -> list[Moved]:
    with closing(Target(url)) as target:
        return move(
            old.source(),
            target,
            migrate=lambda: None,
            now=datetime.now(UTC),
            progress=progress or (lambda _table, _rows: None),
        )


def differences(old: Embedded, url: str) -> list[str]:
    """Values that differ, read with neither the move's nor Django's help."""
    found = []
    with psycopg.connect(url) as new:
        for table in rows.tables():
            query = f'SELECT {table.names} FROM "{table.name}"'
            cursor = new.execute(query)
            is_json = [column.type_code == JSONB for column in cursor.description or ()]
            key = table.columns.index(table.key)
            there = sorted(cursor.fetchall(), key=lambda row: row[key])
            here = sorted(old.ask(query), key=lambda row: row[key])
            if len(here) != len(there):
                found.append(f"{table.name}: {len(here)} and {len(there)} rows")
            for before, after in zip(here, there, strict=False):
                same = map(are_same, before, after, is_json)
                found += [f"{table.name} {before[key]}"] * (not all(same))
    return found


def are_same(before: Any, after: Any, is_json: bool) -> bool:
    if before is None:
        return after is None
    if is_json:
        return bool(json.loads(before) == after)
    match after:
        case datetime():
            return datetime.fromisoformat(before).replace(tzinfo=UTC) == after
        case date():
            return date.fromisoformat(before) == after
        case Decimal():
            return Decimal(str(before)) == after
    return bool(before == after)


def test_everything_moves_with_one_command_and_work_goes_on_there(old: Embedded, server: Server) -> None:
    url = server.create()

    done = old.kogge("move-to", url, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"] == sum(one["rows"] for one in told["tables"].values())
    assert {name: one["rows"] for name, one in told["tables"].items()} == {
        table.name: old.ask(f'SELECT count(*) FROM "{table.name}"')[0][0] for table in rows.tables()
    }
    assert old.orders == 40
    assert differences(old, url) == []
    assert "KOGGE_KEYS" in " ".join(told["next"])
    refused = old.kogge("work", "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "umgezogen" in refused.stderr
    assert url.rpartition("/")[2] in refused.stderr

    old.amazon.place_orders(1, kind="standard", age_s=150)
    checked = old.kogge("amazon", "check", str(old.connection), "--json", DATABASE_URL=url)

    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["new"] == 1  # 41 were seen, 40 known; and ids count on
    with psycopg.connect(url) as new:
        assert new.execute("SELECT count(*) FROM amazon_orders_amazonorder").fetchone() == (41,)


def test_killed_again_and_again_it_goes_on_and_copies_nothing_twice(old: Embedded, url: str) -> None:
    ended = run("tests.embedded_shop", "kill", url, "30", "300", "900", environment=old.environment)

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["ends"] == [9, 9, 9]
    assert 0 < told["copied"] < told["rows"] / 2
    assert differences(old, url) == []


def test_what_changed_in_the_old_database_meanwhile_is_moved_as_it_is_now(
    old: Embedded, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kogge.moving.source.CHUNK_ROWS", 10)
    total = sum(old.ask(f'SELECT count(*) FROM "{table.name}"')[0][0] for table in rows.tables())
    interrupt_at(total + 20, old, url)
    (low, code), *_between, (high, other) = old.ask("SELECT id, code FROM backoffice_product ORDER BY id")
    old.change(
        "UPDATE backoffice_product SET code = '' || id || '-' || id",
        f"UPDATE backoffice_product SET code = '{other}', title = 'Tee \t\\N' WHERE id = {low}",
        f"UPDATE backoffice_product SET code = '{code}', price = 0.1 WHERE id = {high}",
        "DELETE FROM backoffice_orderword WHERE id % 3 = 0",
        "INSERT INTO backoffice_orderword (merchant_id, order_id, fingerprint)"
        " SELECT merchant_id, order_id, x'00ff' FROM backoffice_orderword LIMIT 1",
    )

    result = {one.table: one for one in moved(old, url)}

    assert differences(old, url) == []
    assert result["backoffice_product"].copied > 0
    assert result["backoffice_stockentry"].copied == 0


def interrupt_at(count: int, old: Embedded, url: str) -> None:
    seen = 0

    def progress(_table: str, rows: int) -> None:
        nonlocal seen
        seen += rows
        if seen >= count:
            raise Interrupted

    with pytest.raises(Interrupted):
        moved(old, url, progress)


def test_nobody_works_on_a_database_that_is_not_complete(
    old: Embedded, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(100, old, url)
    there = database.copy()
    there.settings_dict["NAME"] = url.rpartition("/")[2]
    monkeypatch.setattr(mark, "connection", there)

    assert "nicht zu Ende" in mark.why_not_here()

    moved(old, url)
    assert mark.why_not_here() == ""
    there.close()


def test_a_connection_that_breaks_is_said_and_the_move_taken_up(old: Embedded, url: str) -> None:
    def cut(_table: str, _rows: int) -> None:
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(MoveRefused, match="Verbindung"):
        moved(old, url, cut)
    moved(old, url)

    assert differences(old, url) == []


def test_a_move_killed_right_before_its_end_only_needs_its_end(
    old: Embedded, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "open", lambda _self: (_ for _ in ()).throw(Interrupted))
    with pytest.raises(Interrupted):
        moved(old, url)
    monkeypatch.undo()

    with closing(Target(url)) as target, closing(old.source()) as source:
        assert take_up_the_end(source, target)
        assert target.moving() == ""

    with pytest.raises(MoveRefused, match="schon nach"):
        moved(old, url)


def test_a_database_with_other_data_is_refused_and_left_alone(old: Embedded, url: str) -> None:
    with psycopg.connect(url) as new:
        new.execute("CREATE TABLE somebodys (id int)")
    with pytest.raises(MoveRefused, match="somebodys"):
        moved(old, url)
    with psycopg.connect(url) as new:
        new.execute("DROP TABLE somebodys")
        new.execute("INSERT INTO auth_group (name) VALUES ('x')")
    with pytest.raises(MoveRefused, match="auth_group"):
        moved(old, url)

    with psycopg.connect(url) as new:
        assert new.execute("SELECT to_regclass(%s)", [mark.TABLE]).fetchone() == (None,)


def test_nothing_moves_while_somebody_works(old: Embedded, url: str) -> None:
    assert presence.come_in(old.path.parent)
    with pytest.raises(MoveRefused, match="läuft hier noch"):
        moved(old, url)
    presence.leave()

    soon = datetime.now(UTC) + timedelta(seconds=50)
    old.change(
        f"UPDATE engine_due SET leased_by = 'elsewhere:1:1', leased_until = '{soon:%Y-%m-%d %H:%M:%S.%f}'"
    )
    with pytest.raises(MoveRefused, match="wird gerade gearbeitet"):
        moved(old, url)

    assert mark.moved_to(old.path) == ""


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("backoffice_product SET title = 'Tee' || char(0)", "backoffice_product 1 title: enthält"),
        (
            "backoffice_product SET title = printf('%.*c', 9999, 'x')",
            "backoffice_product 1 title: 9999 Zeichen",
        ),
        ("backoffice_product SET price = 19.999", "backoffice_product 1 price: passt nicht"),
        ("backoffice_product SET stock = 99999999999", "backoffice_product 1 stock: "),
        ('backoffice_orderevent SET details = \'{"a": "\\u0000"}\'', "backoffice_orderevent 1 details: "),
        ("backoffice_order SET placed_at = 'gestern'", "backoffice_order 1 placed_at: kein Zeitpunkt"),
    ],
)
def test_a_value_postgresql_does_not_take_is_named_and_nothing_is_lost(
    old: Embedded, url: str, change: str, place: str
) -> None:
    old.change("PRAGMA ignore_check_constraints = on", f"UPDATE {change} WHERE id = 1")
    before = old.ask("SELECT * FROM backoffice_product")

    with pytest.raises(MoveRefused) as refused:
        moved(old, url)

    assert place in str(refused.value)
    assert old.ask("SELECT * FROM backoffice_product") == before
    assert mark.moved_to(old.path) == ""


def test_the_way_back_is_a_word(old: Embedded, url: str) -> None:
    moved(old, url)
    assert mark.moved_to(old.path)

    assert mark.unmark(old.path)
    assert mark.moved_to(old.path) == ""
    assert not mark.unmark(old.path)
