"""The database that is left: an SQLite file nobody else may write to meanwhile."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from kogge.engine.owner import is_dead
from kogge.moving.mark import TABLE
from kogge.moving.refusal import MoveRefused
from kogge.moving.rows import Table, UnfitRow, between

CHUNK_ROWS = 5000
CHUNK_BYTES = 4 * 1024 * 1024
BUSY_SECONDS = 10.0


@dataclass(frozen=True)
class Seal:
    """What the rows with keys above `low` up to `high` are; None is no bound."""

    low: Any
    high: Any
    rows: int
    digest: bytes


@dataclass
class Chunk:
    """Some rows of a table in the order of their keys: few enough to hold in memory."""

    low: Any
    high: Any = None
    lines: list[bytes] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)
    unfit: list[UnfitRow] = field(default_factory=list)
    size: int = 0
    hasher: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def add(self, table: Table, row: tuple[Any, ...]) -> None:
        self.keys.append(table.key_of(row))
        try:
            sent, compared = table.lines(row)
        except UnfitRow as unfit:
            self.unfit.append(unfit)
            return
        self.lines.append(sent)
        self.size += len(sent)
        self.hasher.update(compared)

    @property
    def is_full(self) -> bool:
        return len(self.keys) >= CHUNK_ROWS or self.size >= CHUNK_BYTES

    def seal(self) -> Seal:
        return Seal(self.low, self.high, len(self.keys), self.hasher.digest())


class Source:
    """The SQLite file. From `hold` on nobody writes to it until `close`."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MoveRefused(_("Hier gibt es keine Datenbank: {path}").format(path=path))
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)

    def close(self) -> None:
        """Let go. What was not marked as moved by then is as it was."""
        self.db.close()

    def identity(self, target: str) -> str:
        """A name of this database by which a target knows it again."""
        with _sentence_when_busy():
            self.db.execute("BEGIN IMMEDIATE")
        self.db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (id text, target text, moved_at text)")
        if not self.db.execute(f"SELECT id FROM {TABLE}").fetchone():  # noqa: S608
            self.db.execute(f"INSERT INTO {TABLE} (id) VALUES (?)", [str(uuid.uuid4())])  # noqa: S608
        self.db.execute(f"UPDATE {TABLE} SET target = ? WHERE moved_at IS NULL", [target])  # noqa: S608
        self.db.execute("COMMIT")
        return str(self.db.execute(f"SELECT id FROM {TABLE}").fetchone()[0])  # noqa: S608

    def hold(self, now: datetime) -> None:
        """Keep everybody from writing. Raises `MoveRefused` while somebody works."""
        with _sentence_when_busy():
            self.db.execute("BEGIN IMMEDIATE")
        leased = self.db.execute(
            "SELECT DISTINCT leased_by FROM engine_due WHERE leased_until > ?",
            [now.strftime("%Y-%m-%d %H:%M:%S.%f")],
        )
        if any(not is_dead(owner) for (owner,) in leased):
            raise MoveRefused(
                _("Hier wird gerade gearbeitet. Beende Kogge überall, wo es läuft, und warte eine Minute.")
            )

    def mark_as_moved(self, now: datetime) -> None:
        """From now on Kogge refuses to work on this file."""
        self.db.execute(f"UPDATE {TABLE} SET moved_at = ?", [now.isoformat()])  # noqa: S608
        self.db.execute("COMMIT")

    def migrations(self) -> set[tuple[str, str]]:
        """What was applied, as (app, name)."""
        return {(app, name) for app, name in self.db.execute("SELECT app, name FROM django_migrations")}

    def count(self, table: Table) -> int:
        return int(self.db.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0])  # noqa: S608

    def highest_key(self, table: Table) -> int:
        """The highest key that was ever given in a table that counts."""
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table.name]).fetchone()
        return int(row[0]) if row else 0

    def unknown_tables(self, known: set[str]) -> dict[str, int]:
        """Tables that hold rows and that no part of Kogge knows, by the number of their rows."""
        names = self.db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        counts = {
            name: int(self.db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608
            for (name,) in names
            if name not in known | {TABLE, "django_migrations"}
        }
        return {name: count for name, count in counts.items() if count}

    def chunks(self, table: Table, low: Any = None, high: Any = None) -> Iterator[Chunk]:
        """The rows with keys above `low` up to `high` in the order of their keys; never nothing.

        Together the chunks cover the whole range, also where the source has no rows.
        """
        key = f'"{table.key.name}"'
        where, values = between(key, low, high, mark="?")
        query = f'SELECT {table.names} FROM "{table.name}"{where} ORDER BY {key}'  # noqa: S608
        chunk = Chunk(low)
        try:
            for row in self.db.execute(query, values):
                if chunk.is_full:
                    chunk.high = chunk.keys[-1]
                    yield chunk
                    chunk = Chunk(chunk.high)
                chunk.add(table, row)
        except sqlite3.DatabaseError as broken:
            after = chunk.keys[-1] if chunk.keys else chunk.low
            raise MoveRefused(
                _("{table}, nach {key}: SQLite kann die Zeile nicht lesen ({error}).").format(
                    table=table.name, key=after, error=broken
                )
            ) from None
        chunk.high = high
        yield chunk


@contextmanager
def _sentence_when_busy() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError:
        raise MoveRefused(
            _("Jemand schreibt gerade in die Datenbank. Beende Kogge überall, wo es läuft.")
        ) from None
