"""The database that everything goes to: an empty PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from kogge.moving.mark import TABLE
from kogge.moving.refusal import MoveRefused
from kogge.moving.rows import Table, UnfitRow, between
from kogge.moving.source import Chunk, Seal

OLDEST = 14  # major version of the server
CONNECT_SECONDS = 10
# A move that was killed holds its lock until the server notices that nobody is there.
PATIENCE = "15s"
LOCK = 0x6B6F676765  # "kogge"

# What `kogge migrate` itself writes into an empty database.
OF_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}
OF_THE_QUEUE = "procrastinate_"

_PLACE = re.compile(r"COPY \w+, line (\d+)(?:, column (\w+))?")


class Target:
    """One connection to the new database, and the only move into it."""

    def __init__(self, url: str) -> None:
        try:
            self.db = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        except psycopg.Error as failed:
            reason = str(failed).strip().splitlines()[:1] or [type(failed).__name__]
            raise MoveRefused(
                _("Die neue Datenbank antwortet nicht: {reason}").format(reason=reason[0])
            ) from None
        self.place = f"{self.db.info.host}/{self.db.info.dbname}"
        self._greet()

    def close(self) -> None:
        self.db.close()

    def _greet(self) -> None:
        """The notation both sides are compared in, and nobody else who moves something here."""
        if self.db.info.server_version < OLDEST * 10_000:
            raise MoveRefused(_("PostgreSQL {oldest} oder neuer ist nötig.").format(oldest=OLDEST))
        if self.db.info.parameter_status("server_encoding") != "UTF8":
            raise MoveRefused(_("Die neue Datenbank muss die Kodierung UTF8 haben."))
        self.db.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'")
        # Rows on their way need not outlive a power cut one by one; the last commit waits for the disk.
        self.db.execute("SET synchronous_commit = off")
        try:
            self.db.execute(f"SET lock_timeout = '{PATIENCE}'")
            self.db.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            self.db.execute("RESET lock_timeout")
        except psycopg.errors.LockNotAvailable:
            raise MoveRefused(_("In diese Datenbank zieht gerade schon jemand um.")) from None

    # --- before -------------------------------------------------------------------------------

    def moving(self) -> str:
        """Which source is being moved here, by its name; empty if none is."""
        if TABLE not in self._tables():
            return ""
        row = self.db.execute(f"SELECT id FROM {TABLE}").fetchone()  # noqa: S608
        return str(row[0]) if row else ""

    def begin(self, identity: str, known: Sequence[Table]) -> None:
        """Say that this source comes here. Raises `MoveRefused` when something else is here."""
        there = self.moving()
        if there and there != identity:
            raise MoveRefused(
                _("In diese Datenbank begann der Umzug einer anderen Installation. Nimm eine leere.")
            )
        foreign = self._foreign_tables({table.name for table in known})
        if not there:
            foreign += self._filled({table.name for table in known} - OF_MIGRATIONS)
        if foreign:
            raise MoveRefused(
                _("Die neue Datenbank ist nicht leer ({tables}). Nimm eine leere.").format(
                    tables=", ".join(foreign[:5])
                )
            )
        if not there:
            with self.db.transaction():
                self.db.execute(f"CREATE TABLE {TABLE} (id text PRIMARY KEY, foreign_keys jsonb NOT NULL)")
                self.db.execute(f"INSERT INTO {TABLE} VALUES (%s, '[]')", [identity])  # noqa: S608

    def migrations(self) -> set[tuple[str, str]]:
        """What was applied, as (app, name)."""
        return set(self.db.execute("SELECT app, name FROM django_migrations"))

    def set_foreign_keys_aside(self) -> None:
        """Rows may come in any order then. What was set aside is written down, in the same transaction."""
        with self.db.transaction():
            found = self.db.execute(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
                " AND NOT starts_with(conrelid::regclass::text, %s) ORDER BY 1, 2",
                [OF_THE_QUEUE],
            ).fetchall()
            self.db.execute(
                f"UPDATE {TABLE} SET foreign_keys = foreign_keys || %s::jsonb",  # noqa: S608
                [json.dumps(found)],
            )
            for table, name, _definition in found:
                drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                self.db.execute(drop.format(sql.SQL(table), sql.Identifier(name)))

    # --- rows ---------------------------------------------------------------------------------

    def has_rows(self, table: Table) -> bool:
        return self._has_rows(table.name)

    def seal(self, table: Table, low: Any = None, high: Any = None) -> Seal:
        """What is here of a range of keys, read as a stream."""
        rows, hasher = 0, hashlib.blake2b(digest_size=16)
        where, values = self._range(table, low, high)
        order = self._key(table)
        query = f'COPY (SELECT {table.asked} FROM "{table.name}"{where} ORDER BY {order}) TO STDOUT'  # noqa: S608
        with self.db.cursor() as cursor, cursor.copy(query, values) as answer:
            for line in answer:
                rows += 1
                hasher.update(table.line_of_target(bytes(line)))
        return Seal(low, high, rows, hasher.digest())

    def remove(self, table: Table, ranges: Sequence[Seal]) -> None:
        """Take away what is in these ranges, all of it at once."""
        with self.db.transaction():
            for each in ranges:
                where, values = self._range(table, each.low, each.high)
                self.db.execute(f'DELETE FROM "{table.name}"{where}', values)  # noqa: S608

    def add(self, table: Table, chunk: Chunk) -> None:
        """Write the rows, all or none. Raises `UnfitRow` for one PostgreSQL does not take."""
        if not chunk.lines:
            return
        try:
            into = f'COPY "{table.name}" ({table.names}) FROM STDIN'
            with self.db.cursor() as cursor, cursor.copy(into) as copy:
                copy.write(b"".join(chunk.lines))
        except (psycopg.DataError, psycopg.IntegrityError) as refused:
            raise _unfit(table, chunk, refused) from None

    # --- after --------------------------------------------------------------------------------

    def finish(self, tables: Sequence[Table], highest: dict[str, int]) -> None:
        """Put the foreign keys back, which proves them, and let the keys count on."""
        with self.db.transaction():
            row = self.db.execute(f"SELECT foreign_keys FROM {TABLE}").fetchone()  # noqa: S608
            for table, name, definition in row[0] if row else []:
                add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
                parts = (sql.SQL(table), sql.Identifier(name), sql.SQL(definition))
                try:
                    self.db.execute(add.format(*parts))
                except psycopg.errors.ForeignKeyViolation as orphan:
                    raise MoveRefused(
                        _("{table}: Eine Zeile verweist auf etwas, das es nicht gibt ({detail}).").format(
                            table=table, detail=orphan.diag.message_detail or name
                        )
                    ) from None
            self.db.execute(f"UPDATE {TABLE} SET foreign_keys = '[]'")  # noqa: S608
            for each in tables:
                if each.counts and highest[each.name]:
                    counter = "SELECT setval(pg_get_serial_sequence(%s, %s), %s)"
                    self.db.execute(counter, [f'"{each.name}"', each.key.name, highest[each.name]])
        self.db.execute("ANALYZE")
        # This commit waits until it, and all before it, is on the disk.
        self.db.execute("SET synchronous_commit = on")
        self.db.execute(f"UPDATE {TABLE} SET id = id")  # noqa: S608

    def open(self) -> None:
        """All is here and the old database is marked: Kogge may begin."""
        self.db.execute(f"DROP TABLE IF EXISTS {TABLE}")

    # --- looking ------------------------------------------------------------------------------

    def _range(self, table: Table, low: Any, high: Any) -> tuple[str, list[Any]]:
        return between(self._key(table), low, high, mark="%s")

    @staticmethod
    def _key(table: Table) -> str:
        """Text in the order of its bytes, as SQLite has it."""
        return f'"{table.key.name}"' + (' COLLATE "C"' if table.key_is_text else "")

    def _tables(self) -> list[str]:
        rows = self.db.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        return [str(name) for (name,) in rows]

    def _foreign_tables(self, known: set[str]) -> list[str]:
        ours = known | OF_MIGRATIONS | {TABLE}
        return [name for name in self._tables() if name not in ours and not name.startswith(OF_THE_QUEUE)]

    def _filled(self, names: set[str]) -> list[str]:
        return [name for name in self._tables() if name in names and self._has_rows(name)]

    def _has_rows(self, name: str) -> bool:
        row = self.db.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone()  # noqa: S608
        return bool(row and row[0])


def _unfit(table: Table, chunk: Chunk, refused: psycopg.Error) -> UnfitRow:
    """Which row and column the server means. Its own words may hold the value: only the kind is kept."""
    place = _PLACE.search(refused.diag.context or "")
    key = chunk.keys[int(place[1]) - 1] if place else "?"
    column = (place[2] if place else "") or refused.diag.column_name or refused.diag.constraint_name or ""
    return UnfitRow(table.name, key, column, refused.diag.message_primary or type(refused).__name__)
