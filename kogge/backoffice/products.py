"""Products, and how a file of them is read: every row is checked before the first one is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _
from stdnum import ean
from stdnum.exceptions import ValidationError as WrongNumber

from kogge.backoffice import stock
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.values import InvalidValue, Money, plain_text

OWN_COLUMNS = ("code", "title", "gtin", "price", "stock", "lead_time_days")
# The columns of each channel; the channel itself knows what they mean.
CHANNEL_COLUMNS = {
    "amazon": (
        "amazon",
        "asin",
        "amazon_sku",
        "amazon_stock",
        "amazon_lead_time_days",
        "amazon_price",
        "fba",
    )
}
CURRENCY = "EUR"
LONGEST_CODE = 80
LONGEST_TITLE = 500
LONGEST_LEAD_TIME = 365
MOST_AT_ONCE = 500
MOST_ERRORS = 100  # more do not help the reader
YES, NO = {"yes", "ja"}, {"no", "nein"}


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a line of the file; the first line has number 1."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return _("Zeile {line}: {sentence}").format(line=self.line, sentence=self.sentence)


class ImportRefused(Refusal):
    """A file that was not read; nothing of it was written."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(" ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Imported:
    """How many products were created and how many were there before."""

    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file. None is what the file does not say: a known product keeps what it has."""

    line: int
    code: str
    title: str | None = None
    gtin: str | None = None
    price: Decimal | None = None
    stock: int | None = None
    lead_time_days: int | None = None
    channels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def import_products(merchant: Merchant, csv_text: str, *, actor: str, now: datetime) -> Imported:
    """Read products from CSV (`;` or `,`): new article numbers are created, known ones updated.

    Raises `ImportRefused` with every wrong line; then nothing was written.
    """
    rows = _read(csv_text)
    with transaction.atomic():
        stock.lock_shop(merchant.pk)
        known = _known(merchant, rows)
        _refuse_if(_check_new(row) for row in rows if row.code not in known)
        products, created = _write(merchant, rows, known, now)
        _set_stock(merchant, rows, products, actor, now)
        _hand_to_channels(merchant, rows, products, now)
    return Imported(created=created, updated=len(rows) - created)


def decimal_from(text: str) -> Decimal:
    """An amount in German (1.234,56 €) or plain (1234.56) notation. Raises `InvalidValue`."""
    bare = text.replace("€", "").replace("\u00a0", "").strip()
    plain = bare.replace(".", "").replace(",", ".") if "," in bare else bare
    return Money.parse(plain, CURRENCY).amount


def yes_or_no(text: str) -> bool:
    """`yes`/`no`, `ja`/`nein`, in any case. Raises `InvalidValue`."""
    word = text.strip().casefold()
    if word not in YES | NO:
        raise InvalidValue(f"neither yes nor no: {text[:40]!r}")
    return word in YES


def canonical_gtin(text: str) -> str:
    """A GTIN (EAN, UPC) with its check digit right. Raises `Refusal`."""
    try:
        return str(ean.validate(text))
    except WrongNumber:
        raise Refusal(_("{gtin} ist keine gültige GTIN.").format(gtin=text[:40])) from None


def _read(csv_text: str) -> list[Row]:
    table = _table(csv_text)
    rows: list[Row] = []
    errors: list[RowError] = []
    lines_of: dict[str, int] = {}
    for line, cells in table:
        try:
            row = _row(line, cells)
        except Refusal as wrong:
            errors.append(RowError(line, wrong.sentence))
            continue
        if first := lines_of.get(row.code):
            sentence = _("Die Artikelnummer {code} steht schon in Zeile {line}.")
            errors.append(RowError(line, sentence.format(code=row.code, line=first)))
        lines_of[row.code] = line
        rows.append(row)
    _refuse_if(errors)
    if not rows:
        raise Refusal(_("Die Datei enthält keine Produkte."))
    return rows


def _table(csv_text: str) -> list[tuple[int, dict[str, str]]]:
    """The cells of every line that is not empty, by column, with the number of the line."""
    text = csv_text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=";" if header.count(";") > header.count(",") else ",",
        strict=True,
    )
    try:
        columns = [column.strip().casefold() for column in next(reader, [])]
        _check_columns(columns)
        return [
            (reader.line_num, _cells(reader.line_num, columns, cells))
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise ImportRefused([RowError(reader.line_num, _("Das ist kein lesbares CSV."))]) from error


def _check_columns(columns: Sequence[str]) -> None:
    allowed = (*OWN_COLUMNS, *(column for some in CHANNEL_COLUMNS.values() for column in some))
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


def _cells(line: int, columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) > len(columns):
        raise ImportRefused([RowError(line, _("Die Zeile hat mehr Spalten als die erste."))])
    return {column: plain_text(cell, 10_000).strip() for column, cell in zip(columns, cells, strict=False)}


def _row(line: int, cells: Mapping[str, str]) -> Row:
    code, title = cells.get("code", ""), cells.get("title", "")
    if not code:
        raise Refusal(_("Die Artikelnummer fehlt."))
    if len(code) > LONGEST_CODE:
        raise Refusal(_("Die Artikelnummer ist länger als {limit} Zeichen.").format(limit=LONGEST_CODE))
    if len(title) > LONGEST_TITLE:
        raise Refusal(_("Der Titel ist länger als {limit} Zeichen.").format(limit=LONGEST_TITLE))
    gtin = cells.get("gtin", "")
    return Row(
        line=line,
        code=code,
        title=title or None,
        gtin=canonical_gtin(gtin) if gtin else None,
        price=_price(cells.get("price", "")),
        stock=_whole(cells.get("stock", ""), "stock", stock.MOST_STOCK),
        lead_time_days=_whole(cells.get("lead_time_days", ""), "lead_time_days", LONGEST_LEAD_TIME),
        channels=_channel_cells(cells),
    )


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        price = decimal_from(text)
    except InvalidValue:
        raise Refusal(_("{text} ist kein Preis.").format(text=text[:40])) from None
    if price < 0:
        raise Refusal(_("Ein Preis kann nicht negativ sein."))
    return price


def _whole(text: str, column: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > most:
        raise Refusal(
            _("{text} in Spalte {column} ist keine ganze Zahl von 0 bis {most}.").format(
                text=text[:40], column=column, most=most
            )
        )
    return int(text)


def _channel_cells(cells: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The cells of every channel the line says something about."""
    said = {}
    for channel, columns in CHANNEL_COLUMNS.items():
        own = {column: cells.get(column, "") for column in columns}
        if any(own.values()):
            if channel not in CHANNELS:
                raise Refusal(_("Den Verkaufskanal {channel} gibt es hier nicht.").format(channel=channel))
            said[channel] = own
    return said


def _check_new(row: Row) -> RowError | None:
    if row.title is None:
        return RowError(row.line, _("Das neue Produkt {code} braucht einen Titel.").format(code=row.code))
    if row.price is None:
        return RowError(row.line, _("Das neue Produkt {code} braucht einen Preis.").format(code=row.code))
    return None


def _refuse_if(found: Iterable[RowError | None]) -> None:
    if errors := [error for error in found if error]:
        raise ImportRefused(errors[:MOST_ERRORS])


def _known(merchant: Merchant, rows: Sequence[Row]) -> dict[str, Product]:
    mine = Product.objects.of(merchant)
    return {
        product.code: product
        for start in range(0, len(rows), MOST_AT_ONCE)
        for product in mine.filter(code__in=[row.code for row in rows[start : start + MOST_AT_ONCE]])
    }


def _write(
    merchant: Merchant, rows: Sequence[Row], known: Mapping[str, Product], now: datetime
) -> tuple[dict[str, Product], int]:
    fresh = {row.code: _new_product(merchant, row, now) for row in rows if row.code not in known}
    everyone = Product.objects.everyone()
    everyone.bulk_create(fresh.values(), batch_size=MOST_AT_ONCE)
    changed = [known[row.code] for row in rows if row.code in known and _change(known[row.code], row, now)]
    # An upsert by key: eight times as fast as `bulk_update` and its CASE for every cell.
    everyone.bulk_create(
        changed,
        batch_size=MOST_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["title", "gtin", "price", "lead_time_days", "changed_at"],
    )
    return {**known, **fresh}, len(fresh)


def _new_product(merchant: Merchant, row: Row, now: datetime) -> Product:
    product = Product(merchant=merchant, code=row.code, currency=CURRENCY)
    _change(product, row, now)
    return product


def _change(product: Product, row: Row, now: datetime) -> bool:
    """Take over what the line says; True if that changes the product."""
    before = (product.title, product.gtin, product.price, product.lead_time_days)
    product.title = row.title if row.title is not None else product.title
    product.gtin = row.gtin if row.gtin is not None else product.gtin
    product.price = row.price if row.price is not None else product.price
    if row.lead_time_days is not None:
        product.lead_time_days = row.lead_time_days
    if before == (product.title, product.gtin, product.price, product.lead_time_days):
        return False
    product.changed_at = now
    return True


def _set_stock(
    merchant: Merchant, rows: Sequence[Row], products: Mapping[str, Product], actor: str, now: datetime
) -> None:
    """The file says what was counted; the ledger notes the difference."""
    name = uuid4().hex
    counted = [
        stock.Movement(f"import:{name}:{product.pk}", StockEntry.Kind.IMPORT, product.pk, stock=difference)
        for row in rows
        if row.stock is not None
        and (product := products[row.code])
        and (difference := row.stock - product.stock)
    ]
    stock.record(merchant.pk, counted, actor=actor, now=now)


def _hand_to_channels(
    merchant: Merchant, rows: Sequence[Row], products: Mapping[str, Product], now: datetime
) -> None:
    errors = []
    for row in rows:
        for channel, cells in row.channels.items():
            try:
                CHANNELS[channel].import_product(merchant, products[row.code].pk, cells, now=now)
            except Refusal as refused:
                errors.append(RowError(row.line, refused.sentence))
    _refuse_if(errors)
