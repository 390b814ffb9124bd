"""The move itself: copy what is not there yet, prove that both sides are the same, change over.

Nobody can write to the old database meanwhile. Killed at any point it is taken up by running it again:
what is there already is compared chunk by chunk and only copied anew where it differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from django.utils.translation import gettext as _

from kogge.moving import presence
from kogge.moving.mark import moved_to
from kogge.moving.refusal import MoveRefused
from kogge.moving.rows import Table, UnfitRow
from kogge.moving.rows import tables as all_tables
from kogge.moving.source import Chunk, Seal, Source
from kogge.moving.target import Target

# The server's words for a bad value can be long; so can a list of bad rows.
MOST_PROBLEMS = 10

# Called with a table's name and how many rows more were looked at.
Progress = Callable[[str, int], None]


def _unseen(_table: str, _rows: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Moved:
    """What is the same on both sides now."""

    table: str
    rows: int
    copied: int  # the others were there already
    checksum: str


def move(
    source: Source,
    target: Target,
    *,
    migrate: Callable[[], None],
    now: datetime,
    begin: Callable[[int], None] = lambda _total: None,
    progress: Progress = _unseen,
) -> list[Moved]:
    """Move everything. Raises `MoveRefused`; nothing is lost then, and it can be run again.

    `migrate` brings the target up to date. `begin` hears how often `progress` will hear of a row: of each
    twice, when it is copied and when it is proved.
    """
    if not presence.be_alone(source.path.parent):
        raise MoveRefused(
            _("Kogge läuft hier noch: Beende „kogge up“, „kogge web“ und „kogge worker“ zuerst.")
        )
    try:
        return _move(source, target, migrate, now, begin=begin, progress=progress)
    except psycopg.errors.InsufficientPrivilege:
        raise MoveRefused(
            _("Der Benutzer darf in der neuen Datenbank nichts anlegen: Mach ihn zu ihrem Eigentümer.")
        ) from None
    except psycopg.OperationalError as lost:
        raise MoveRefused(
            _(
                "Die Verbindung zur neuen Datenbank ging verloren ({kind}). Starte den Umzug noch einmal."
            ).format(kind=type(lost).__name__)
        ) from lost
    finally:
        source.close()
        presence.leave()


def _move(
    source: Source,
    target: Target,
    migrate: Callable[[], None],
    now: datetime,
    *,
    begin: Callable[[int], None],
    progress: Progress,
) -> list[Moved]:
    tables = all_tables()
    _refuse_moved(source)
    target.begin(source.identity(target.place), tables)
    migrate()
    source.hold(now)
    _same_migrations(source, target, tables)
    begin(2 * sum(source.count(table) for table in tables))
    target.set_foreign_keys_aside()
    copied = {table.name: _copy(source, target, table, progress) for table in tables}
    proved = [_prove(target, table, *copied[table.name], progress) for table in tables]
    target.finish(tables, {table.name: source.highest_key(table) for table in tables if table.counts})
    source.mark_as_moved(now)
    target.open()
    return proved


def take_up_the_end(source: Source, target: Target) -> bool:
    """Open the target if the last move was killed after all was moved; whether that was so."""
    identity = source.identity(target.place)
    if not moved_to(source.path) or target.moving() != identity:
        return False
    target.open()
    return True


def _refuse_moved(source: Source) -> None:
    place = moved_to(source.path)
    if place:
        raise MoveRefused(
            _(
                "Diese Datenbank ist schon nach {target} umgezogen. Soll sie wieder gelten: "
                "kogge move-to --undo-mark"
            ).format(target=place)
        )


def _same_migrations(source: Source, target: Target, tables: Sequence[Table]) -> None:
    """Both sides must have the same columns."""
    there = target.migrations()
    queue = {one for one in there if one[0] == "procrastinate"}
    if source.migrations() != there - queue:
        raise MoveRefused(
            _("Die alte Datenbank ist nicht auf dem Stand. Führe dort zuerst „kogge migrate“ aus.")
        )
    unknown = source.unknown_tables({table.name for table in tables})
    if unknown:
        raise MoveRefused(
            _("In der alten Datenbank sind Tabellen, die Kogge nicht kennt: {tables}").format(
                tables=", ".join(f"{name} ({rows})" for name, rows in unknown.items())
            )
        )


def _copy(source: Source, target: Target, table: Table, progress: Progress) -> tuple[list[Seal], int]:
    """Make the target's rows those of the source; what the source holds, and how many rows were copied."""
    if not target.has_rows(table):
        seals = [_write(target, table, chunk, progress) for chunk in source.chunks(table)]
        return seals, sum(seal.rows for seal in seals)
    seals, different = [], []
    for chunk in source.chunks(table):
        _refuse_unfit(chunk)
        seals.append(seal := chunk.seal())
        if target.seal(table, seal.low, seal.high) != seal:
            different.append(seal)
        progress(table.name, seal.rows)
    # All that differs goes before anything comes: a value that must be unique may have changed its row.
    target.remove(table, different)
    for seal in different:
        for chunk in source.chunks(table, seal.low, seal.high):
            _write(target, table, chunk, _unseen)
    return seals, sum(seal.rows for seal in different)


def _write(target: Target, table: Table, chunk: Chunk, progress: Progress) -> Seal:
    _refuse_unfit(chunk)
    try:
        target.add(table, chunk)
    except UnfitRow as unfit:
        raise MoveRefused(_sentence([unfit])) from None
    seal = chunk.seal()
    progress(table.name, seal.rows)
    return seal


def _refuse_unfit(chunk: Chunk) -> None:
    if chunk.unfit:
        raise MoveRefused(_sentence(chunk.unfit))


def _sentence(unfit: Sequence[UnfitRow]) -> str:
    """Names table, id and column of each; the values themselves may be personal data."""
    places = [f"{one.table} {one.key} {one.column}: {one.why}" for one in unfit[:MOST_PROBLEMS]]
    return _(
        "Das kann die neue Datenbank nicht aufnehmen (Tabelle, Nummer, Spalte): {places}. "
        "Ändere es in der alten und starte den Umzug noch einmal; dort fehlt nichts."
    ).format(places="; ".join(places))


def _prove(target: Target, table: Table, seals: Sequence[Seal], copied: int, progress: Progress) -> Moved:
    """Read the target once more, whole: the number of rows and every value must be the source's."""
    together = hashlib.blake2b(digest_size=16)
    for seal in seals:
        if target.seal(table, seal.low, seal.high) != seal:
            raise MoveRefused(
                _("{table}: Nach dem Kopieren sind beide Seiten verschieden. Starte den Umzug neu.").format(
                    table=table.name
                )
            )
        together.update(seal.digest)
        progress(table.name, seal.rows)
    return Moved(table.name, sum(seal.rows for seal in seals), copied, together.hexdigest())
