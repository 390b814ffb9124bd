"""Reading a file of products: every cell is understood, or named with its line and column.

Cells are text until here. What a channel's columns mean is the channel's matter; they are handed on
as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from stdnum import ean
from stdnum.exceptions import ValidationError as WrongNumber

from kogge.backoffice import stock
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.refusal import Refusal
from kogge.values import InvalidValue, Money, plain_text

CURRENCY = "EUR"
LONGEST_CODE = 80
LONGEST_TITLE = 500
LONGEST_OPTION = 100
LONGEST_DESCRIPTION = 20_000
LONGEST_LEAD_TIME = 365
LONGEST_CELL = 30_000  # cut there; every text is refused that is longer than its column allows
VAT_RATES = (Decimal(19), Decimal(7), Decimal(0))
MOST_ERRORS = 100  # more do not help the reader
OFTEN = 1_000  # rows between two words on the progress
YES, NO = {"yes", "ja"}, {"no", "nein"}

# A spreadsheet takes a cell that begins like this for a formula, and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")

# Told now and then: what is being done ("reading", "checking", "writing"), how much of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a line of the file, and in which column; the first line has number 1."""

    line: int
    sentence: str
    column: str = ""

    def __str__(self) -> str:
        if not self.column:
            return _("Zeile {line}: {sentence}").format(line=self.line, sentence=self.sentence)
        return _("Zeile {line}, Spalte {column}: {sentence}").format(
            line=self.line, column=self.column, sentence=self.sentence
        )


class ImportRefused(Refusal):
    """A file of which nothing was written; its first errors, one a line."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        self.errors = sorted(errors, key=lambda error: error.line)[:MOST_ERRORS]
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(slots=True)
class Errors:
    """Collects what is wrong until it is enough."""

    found: list[RowError] = field(default_factory=list)

    def add(self, line: int, sentence: str, column: str = "") -> None:
        self.found.append(RowError(line, sentence, column))
        if len(self.found) >= MOST_ERRORS:
            self.refuse()

    def refuse(self) -> None:
        """Raises `ImportRefused` if there is anything."""
        if self.found:
            raise ImportRefused(self.found)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file. A column that is not among `values` says nothing: the product keeps what it has."""

    line: int
    code: str
    values: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, str]]

    @property
    def parent(self) -> str:
        """The article number of the main product, if the line names one."""
        return str(self.values.get("parent", ""))


def silent(phase: str, done: int, total: int) -> None:
    """Progress nobody asked for."""


def read_rows(csv_text: str, progress: Progress = silent) -> list[Row]:
    """The lines of a file, main products before variants. Raises `ImportRefused` with every wrong line."""
    errors, rows = Errors(), []
    lines_of: dict[str, int] = {}
    total = csv_text.count("\n")
    for line, cells in _table(csv_text, errors):
        if line % OFTEN == 0:
            progress("reading", min(line, total), total)
        row = _row(line, cells, errors)
        if first := lines_of.setdefault(row.code, line) if row.code else 0:
            if first != line:
                sentence = _("Die Artikelnummer {code} steht schon in Zeile {line}.")
                errors.add(line, sentence.format(code=row.code, line=first), "code")
            rows.append(row)
    _check_variants(rows, errors)
    errors.refuse()
    if not rows:
        raise Refusal(_("Die Datei enthält keine Produkte."))
    return sorted(rows, key=lambda row: bool(row.parent))


def decimal_from(text: str) -> Decimal:
    """An amount in German (1.234,56 €) or plain (1234.56) notation. Raises `InvalidValue`."""
    bare = text.replace("€", "").replace("\u00a0", "").strip()
    plain = bare.replace(".", "").replace(",", ".") if "," in bare else bare
    if not _AMOUNT.fullmatch(plain):  # Decimal takes "1e3", too
        raise InvalidValue(f"not an amount: {text[:40]!r}")
    return Money.parse(plain, CURRENCY).amount


def yes_or_no(text: str) -> bool:
    """`yes`/`no`, `ja`/`nein`, in any case. Raises `InvalidValue`."""
    word = text.strip().casefold()
    if word not in YES | NO:
        raise InvalidValue(f"neither yes nor no: {text[:40]!r}")
    return word in YES


def whole_number(text: str, most: int) -> int:
    """A number from 0 to `most`. Raises `InvalidValue`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > most:
        raise InvalidValue(f"not a whole number up to {most}: {text[:40]!r}")
    return int(text)


def canonical_gtin(text: str) -> str:
    """A GTIN (EAN, UPC) with its check digit right. Raises `Refusal`."""
    try:
        return str(ean.validate(text))
    except WrongNumber:
        raise Refusal(_("{gtin} ist keine gültige GTIN.").format(gtin=text[:40])) from None


def guarded(text: str) -> str:
    """A cell no spreadsheet takes for a formula; `unguarded` gives the text back."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def unguarded(text: str) -> str:
    """The text of a cell as it was before `guarded`."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _table(csv_text: str, errors: Errors) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells of every line that is not empty, by column, with the number of the line."""
    text = csv_text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        columns = [column.strip().casefold() for column in next(reader, [])]
        _check_columns(columns)
        for cells in reader:
            if not any(cells) or not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                errors.add(reader.line_num, _("Die Zeile hat mehr Spalten als die erste."))
            yield reader.line_num, dict(zip(columns, map(_cell, cells), strict=False))
    except csv.Error:
        errors.add(reader.line_num, _("Das ist kein lesbares CSV."))


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _check_columns(columns: Sequence[str]) -> None:
    allowed = [*READERS, *(column for channel in CHANNELS.values() for column in channel.product_columns())]
    if "code" not in columns:
        raise Refusal(_("In der ersten Zeile fehlt die Spalte „code“ (Artikelnummer)."))
    if unknown := [column for column in columns if column not in allowed]:
        raise Refusal(
            _("Unbekannte Spalten: {unknown}. Möglich sind: {allowed}.").format(
                unknown=", ".join(unknown), allowed=", ".join(allowed)
            )
        )
    if len(set(columns)) < len(columns):
        raise Refusal(_("In der ersten Zeile steht eine Spalte doppelt."))


def _cell(text: str) -> str:
    return unguarded(plain_text(text, LONGEST_CELL).strip()) if text else text


def _row(line: int, cells: Mapping[str, str], errors: Errors) -> Row:
    values: dict[str, Any] = {}
    for column, text in cells.items():
        if text and (read := READERS.get(column)):
            try:
                values[column] = read(text)
            except Refusal as refusal:
                errors.add(line, refusal.sentence, column)
    if not cells.get("code"):
        errors.add(line, _("Die Artikelnummer fehlt."), "code")
    return Row(line, values.pop("code", ""), values, _channel_cells(cells))


def _channel_cells(cells: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The cells of every channel that has columns here. Empty ones say something as well: no value."""
    said = {}
    for name, channel in CHANNELS.items():
        own = {column: cells[column] for column in channel.product_columns() if column in cells}
        if own:
            said[name] = own
    return said


def _check_variants(rows: Sequence[Row], errors: Errors) -> None:
    """A variant belongs to a main product, which is no variant itself."""
    variants = {row.code for row in rows if row.parent}
    for row in rows:
        if row.parent == row.code:
            errors.add(row.line, _("Ein Produkt kann nicht seine eigene Variante sein."), "parent")
        elif row.parent in variants:
            errors.add(row.line, is_a_variant(row.parent), "parent")


def is_a_variant(code: str) -> str:
    """Why a product cannot be a main product."""
    return _("{code} ist selbst eine Variante und kann keine Varianten haben.").format(code=code)


def _text(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > most:
            raise Refusal(_("Der Text ist länger als {limit} Zeichen.").format(limit=most))
        return text

    return read


def _price(text: str) -> Decimal:
    try:
        price = decimal_from(text)
    except InvalidValue:
        raise Refusal(_("{text} ist kein Preis.").format(text=text[:40])) from None
    if price < 0:
        raise Refusal(_("Ein Preis kann nicht negativ sein."))
    return price


def _vat_rate(text: str) -> Decimal:
    try:
        rate = decimal_from(text.removesuffix("%"))
    except InvalidValue:
        rate = None
    if rate not in VAT_RATES:
        raise Refusal(_("{text} ist kein MwSt.-Satz: Möglich sind 19, 7 und 0.").format(text=text[:40]))
    return rate


def _whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return whole_number(text, most)
        except InvalidValue:
            sentence = _("{text} ist keine ganze Zahl von 0 bis {most}.")
            raise Refusal(sentence.format(text=text[:40], most=most)) from None

    return read


def _yes(text: str) -> bool:
    try:
        return yes_or_no(text)
    except InvalidValue:
        raise Refusal(_("{text} ist weder ja noch nein.").format(text=text[:40])) from None


# The shop's own columns in the order of an export, and how each is read.
READERS: dict[str, Callable[[str], Any]] = {
    "code": _text(LONGEST_CODE),
    "title": _text(LONGEST_TITLE),
    "gtin": canonical_gtin,
    "price": _price,
    "stock": _whole(stock.MOST_STOCK),
    "lead_time_days": _whole(LONGEST_LEAD_TIME),
    "vat_rate": _vat_rate,
    "description": _text(LONGEST_DESCRIPTION),
    "active": _yes,
    "parent": _text(LONGEST_CODE),
    "option": _text(LONGEST_OPTION),
    "may_oversell": _yes,
}
