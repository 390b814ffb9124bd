"""Tables and their values, as PostgreSQL writes them: what is sent is also what both sides are compared by.

A row becomes one line in the text format of PostgreSQL's COPY. Two kinds of values are compared in
another notation than they are sent in: fractions bit by bit, and JSON by what it means, because
PostgreSQL keeps neither blanks nor the order of keys.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.translation import gettext as _

NOTHING = "\\N"
_NOT_PLAIN = re.compile("[\\\\\n\r\t\b\f\v]")
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Write = Callable[[Any], str]


class Unfit(ValueError):
    """A value that SQLite kept and PostgreSQL would not; the text says what is wrong, not the value."""


@dataclass(frozen=True)
class Column:
    """A column: how its values are sent, and how both sides name them when they are compared."""

    name: str
    send: Write
    compare: Write  # of the value as SQLite holds it
    ask: str  # what PostgreSQL is asked for
    understand: Write | None = None  # what PostgreSQL answered, if that must be read first


@dataclass(frozen=True)
class Table:
    """A table of the product."""

    name: str
    key: Column
    columns: tuple[Column, ...]
    counts: bool  # the database counts its keys up
    key_is_text: bool

    @cached_property
    def names(self) -> str:
        return ", ".join(f'"{column.name}"' for column in self.columns)

    @cached_property
    def asked(self) -> str:
        return ", ".join(column.ask for column in self.columns)

    @cached_property
    def compared_otherwise(self) -> tuple[int, ...]:
        """The places of columns that are compared in another notation than they are sent in."""
        return tuple(n for n, column in enumerate(self.columns) if column.compare is not column.send)

    @cached_property
    def understood(self) -> tuple[tuple[int, Write], ...]:
        """The places whose values PostgreSQL's answer must be read of."""
        return tuple((n, column.understand) for n, column in enumerate(self.columns) if column.understand)

    def lines(self, row: Sequence[Any]) -> tuple[bytes, bytes]:
        """A row of SQLite as it is sent, and as it is compared. Raises `UnfitRow`."""
        values = [self._sent(n, value, row) for n, value in enumerate(row)]
        sent = "\t".join(values).encode() + b"\n"
        if not self.compared_otherwise:
            return sent, sent
        for n in self.compared_otherwise:
            if row[n] is not None:
                values[n] = self.columns[n].compare(row[n])
        return sent, "\t".join(values).encode() + b"\n"

    def _sent(self, place: int, value: Any, row: Sequence[Any]) -> str:
        if value is None:
            return NOTHING
        column = self.columns[place]
        try:
            return column.send(value)
        except Unfit as unfit:
            raise UnfitRow(self.name, self.key_of(row), column.name, str(unfit)) from None

    def key_of(self, row: Sequence[Any]) -> Any:
        return row[self.columns.index(self.key)]

    def line_of_target(self, line: bytes) -> bytes:
        """A line of PostgreSQL's answer as it is compared."""
        if not self.understood:
            return line
        values = line[:-1].decode().split("\t")
        for n, understand in self.understood:
            if values[n] != NOTHING:
                values[n] = understand(values[n])
        return "\t".join(values).encode() + b"\n"


class UnfitRow(Exception):
    """A row PostgreSQL would not take: `table`, the row's `key`, the `column` ("" if unknown) and why."""

    def __init__(self, table: str, key: Any, column: str, why: str) -> None:
        super().__init__(f"{table} {key} {column}: {why}")
        self.table, self.key, self.column, self.why = table, key, column, why


def tables() -> list[Table]:
    """Every table of every installed app, in the order of their apps. A new app cannot be forgotten."""
    return [
        _table(model)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]


def _table(model: type[models.Model]) -> Table:
    columns = tuple(_column(one) for one in model._meta.local_concrete_fields)
    key: Any = model._meta.pk
    return Table(
        name=model._meta.db_table,
        key=next(column for column in columns if column.name == key.column),
        columns=columns,
        counts=isinstance(key, models.AutoField | models.BigAutoField | models.SmallAutoField),
        key_is_text=isinstance(_stored_as(key), models.CharField),
    )


def _column(one: Any) -> Column:
    quoted = f'"{one.column}"'
    match _stored_as(one):
        case models.FloatField():
            bits = f"encode(float8send({quoted}), 'hex')"
            return Column(one.column, _fraction, _bits, bits)
        case models.JSONField():
            as_text = f"encode(convert_to({quoted}::text, 'UTF8'), 'hex')"
            return Column(one.column, _json, meaning, as_text, _meaning_of_hex)
        case plain:
            write = _writer(plain)
            return Column(one.column, write, write, quoted)


def _writer(stored: Any) -> Write:
    """How values of a field are written that look the same on both sides."""
    for kind, write in _PLAIN.items():
        if isinstance(stored, kind):
            return write
    match stored:
        case models.CharField() | models.TextField():
            return _text(stored.max_length)
        case models.DecimalField():
            return _decimal(stored.max_digits or 0, stored.decimal_places or 0)
    raise NotImplementedError(f"{stored}: say here how {type(stored).__name__} is written")


def _stored_as(one: Any) -> Any:
    """The field whose type a column has: that of the row a foreign key points to."""
    while one.remote_field:
        one = one.target_field
    return one


def _whole(value: Any) -> str:
    if type(value) is not int:
        raise Unfit(_("keine ganze Zahl"))
    return str(value)


def _truth(value: Any) -> str:
    if value not in (0, 1):
        raise Unfit(_("weder ja noch nein"))
    return "t" if value else "f"


def _text(longest: int | None) -> Write:
    def write(value: Any) -> str:
        if not isinstance(value, str):
            raise Unfit(_("kein Text"))
        if longest is not None and len(value) > longest:
            sentence = _("{count} Zeichen, höchstens {most} sind möglich")
            raise Unfit(sentence.format(count=len(value), most=longest))
        if "\0" in value:
            raise Unfit(_("enthält das Zeichen NUL"))
        return _escaped(value)

    return write


def _escaped(value: str) -> str:
    return _NOT_PLAIN.sub(lambda found: _ESCAPED[found[0]], value)


def _moment(value: Any) -> str:
    """SQLite keeps moments as text in UTC; PostgreSQL leaves the noughts at the end of a fraction out."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise Unfit(_("kein Zeitpunkt"))
    return (value.rstrip("0").rstrip(".") if "." in value else value) + "+00"


def _day(value: Any) -> str:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise Unfit(_("kein Tag"))
    return value


def _decimal(digits: int, places: int) -> Write:
    """SQLite keeps decimals as floats; up to 15 digits of them are exact. More of them is never rounded."""
    too_much = 10 ** (digits - places)

    def write(value: Any) -> str:
        if not isinstance(value, int | float):
            raise Unfit(_("keine Zahl"))
        text = f"{value + 0.0:.{places}f}"
        if float(text) != value or abs(value) >= too_much:
            sentence = _("passt nicht in {digits} Stellen, davon {places} hinter dem Komma")
            raise Unfit(sentence.format(digits=digits, places=places))
        return text

    return write


def _bits(value: Any) -> str:
    return struct.pack(">d", value).hex()


def _fraction(value: Any) -> str:
    if not isinstance(value, int | float):
        raise Unfit(_("keine Zahl"))
    return repr(float(value))


def _bytes(value: Any) -> str:
    if not isinstance(value, bytes):
        raise Unfit(_("keine Bytes"))
    return f"\\\\x{value.hex()}"


def between(key: str, low: Any, high: Any, *, mark: str) -> tuple[str, list[Any]]:
    """The condition for keys above `low` up to `high`, and its values; None is no bound.

    `key` is how the column stands in a statement, `mark` how the driver wants a value marked.
    """
    bounds = [(f"{key} > {mark}", low), (f"{key} <= {mark}", high)]
    wanted = [(words, value) for words, value in bounds if value is not None]
    where = " WHERE " + " AND ".join(words for words, _value in wanted) if wanted else ""
    return where, [value for _words, value in wanted]


def _json(value: Any) -> str:
    try:
        meaning(value)
    except (ValueError, TypeError):
        raise Unfit(_("kein gültiges JSON")) from None
    return _escaped(value)


def _meaning_of_hex(value: str) -> str:
    return meaning(bytes.fromhex(value).decode())


def meaning(text: str) -> str:
    """JSON in one notation: keys in order, 1.0 as 1."""
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


_PLAIN: dict[Any, Write] = {
    models.BooleanField: _truth,
    models.IntegerField: _whole,
    models.DateTimeField: _moment,  # before the field of days, of which it is one
    models.DateField: _day,
    models.BinaryField: _bytes,
}
