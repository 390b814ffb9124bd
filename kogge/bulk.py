"""Writing many new rows of one table at once, for pages of orders: what must be fast on PostgreSQL.

There a page of rows is one statement over columns: what differs goes as an array, what is the same in all
rows once. `bulk_create` prepares every value of every row by itself, which costs more than storing it, and
falls back to one placeholder a value where a table holds JSON or bytes. On SQLite `bulk_create` does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class _Column:
    attribute: str
    name: str  # quoted
    type: str
    value: Callable[[Any], Any] | None  # makes values of a column alike that may be of several types
    is_json: bool
    parent: str  # what the row it refers to is called; empty: the column refers to none


def insert(
    rows: Iterable[M],
    *,
    unique_fields: Sequence[str] = (),
    update_fields: Sequence[str] = (),
    ignore_conflicts: bool = False,
) -> None:
    """Insert rows of one model without keys; each has its key afterwards, and its parents' keys.

    A row that is there already by its `unique_fields` gets the `update_fields` instead. With
    `ignore_conflicts` it is left as it is; then no row has a key afterwards.
    Raises `django.db.DatabaseError`.
    """
    written = list(rows)
    if not written:
        return
    if connection.vendor != "postgresql":
        type(written[0])._base_manager.bulk_create(
            written,
            ignore_conflicts=ignore_conflicts,
            update_conflicts=bool(update_fields),
            unique_fields=unique_fields or None,
            update_fields=update_fields or None,
        )
        return
    model = type(written[0])
    columns = _columns(model)
    for column in columns:
        if column.parent:
            _take_parents_key(written, column)
    conflict = "ON CONFLICT DO NOTHING" if ignore_conflicts else _update(model, unique_fields, update_fields)
    statement, parameters = _statement(model, columns, written)
    wants_keys = not ignore_conflicts
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} {conflict} {'RETURNING id' if wants_keys else ''}", parameters)
        keys = cursor.fetchall() if wants_keys else []
    for row, (key,) in zip(written, keys, strict=wants_keys):
        row.pk = key
    for row in written:
        row._state.adding, row._state.db = False, connection.alias


def _statement(
    model: type[models.Model], columns: Sequence[_Column], rows: Sequence[models.Model]
) -> tuple[str, list[Any]]:
    """The statement up to its rows, and the values: those that differ first, a list for each column."""
    contents = zip(*map(itemgetter(*(column.attribute for column in columns)), map(vars, rows)), strict=True)
    same: list[tuple[_Column, Any]] = []
    differing: list[tuple[_Column, list[Any]]] = []
    for column, content in zip(columns, contents, strict=True):
        values = _alike(column, content)
        if values.count(values[0]) == len(values):
            same.append((column, values[0]))
        else:
            differing.append((column, values))
    if not differing:  # rows that are all alike: their number must still come from somewhere
        differing.append((same[0][0], [same.pop(0)[1]] * len(rows)))
    names = [column.name for column, _values in [*differing, *same]]
    arrays = [f"%s::{column.type}[]" for column, _values in differing]
    chosen = [column.name for column, _values in differing] + [f"%s::{column.type}" for column, _ in same]
    # Nothing in the text comes from outside: names and types of columns, in the order of the values.
    source = f"unnest({', '.join(arrays)}) AS new ({', '.join(names[: len(differing)])})"
    target = f'INSERT INTO "{model._meta.db_table}" ({", ".join(names)})'
    statement = f"{target} SELECT {', '.join(chosen)} FROM {source}"  # noqa: S608
    return statement, [*(value for _column, value in same), *(values for _column, values in differing)]


def _update(model: type[models.Model], unique_fields: Sequence[str], update_fields: Sequence[str]) -> str:
    if not update_fields:
        return ""
    unique, updated = (
        [f'"{model._meta.get_field(name).column}"' for name in names]  # type: ignore[union-attr]
        for names in (unique_fields, update_fields)
    )
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in updated)
    return f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {changes}"


def _take_parents_key(rows: Sequence[models.Model], column: _Column) -> None:
    """A row made before its parent had a key learns it now."""
    for row in rows:
        if vars(row)[column.attribute] is None:
            parent = row._state.fields_cache.get(column.parent)
            if parent is not None:
                setattr(row, column.attribute, parent.pk)


def _alike(column: _Column, content: tuple[Any, ...]) -> list[Any]:
    """The values as the driver wants them: all of one type (an enumeration's word is a word)."""
    several = column.is_json or len({*map(type, content)} - {type(None)}) > 1
    if not several or column.value is None:
        return list(content)
    return [None if value is None else column.value(value) for value in content]


def _value(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    match field:
        case models.JSONField():
            return json.dumps
        case models.CharField() | models.TextField():
            return str
        case models.DecimalField():
            return Decimal
        case models.BinaryField():
            return bytes
    return None


@cache
def _columns(model: type[models.Model]) -> list[_Column]:
    return [
        _Column(
            attribute=field.attname,
            name=f'"{field.column}"',
            # Without its length: a value that is too long is refused and not cut off.
            type=str(field.db_type(connection)).partition("(")[0],
            value=_value(field),
            is_json=isinstance(field, models.JSONField),
            parent=field.name if field.is_relation else "",
        )
        for field in model._meta.concrete_fields
        if not field.primary_key
    ]
