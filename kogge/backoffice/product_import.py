"""Taking over a file of products: all of it is checked first, then it is written in batches.

The preview and the import plan each row with the same words; only the import writes. A batch is a
transaction of its own: a whole file in one would keep everybody else from writing for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.utils.translation import gettext as _

from kogge.backoffice import stock
from kogge.backoffice.channels import CHANNELS, tell_products_changed
from kogge.backoffice.models import Product, StockEntry
from kogge.backoffice.product_csv import CURRENCY, Errors, Progress, Row, is_a_variant, read_rows, silent
from kogge.merchants.models import Merchant

BATCH = 2_000  # rows in one transaction
MOST_AT_ONCE = 500  # words or rows in one statement
ROWS_SHOWN = 20
PAUSE = 0.1  # seconds

# What a line may say of a product itself; stock and main product are taken over in their own way.
FIELDS = (
    "title",
    "gtin",
    "price",
    "lead_time_days",
    "vat_rate",
    "description",
    "active",
    "option",
    "may_oversell",
)
# Of these a channel wants to hear.
TOLD = {"price", "lead_time_days", "active", "stock"}

Change = tuple[Any, Any]  # what was, what will be


@dataclass(frozen=True, slots=True)
class Imported:
    """How many products were created, how many changed, and how many the file left as they were."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, more: Imported) -> Imported:
        return Imported(
            self.created + more.created, self.updated + more.updated, self.unchanged + more.unchanged
        )


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What a line would do. `changes` are (column, old, new); of a new product all that it gets."""

    line: int
    code: str
    title: str
    is_new: bool
    changes: Sequence[tuple[str, Any, Any]]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file would do, and its first lines that do something."""

    created: int
    updated: int
    unchanged: int
    rows: Sequence[PreviewRow]


@dataclass(slots=True)
class Plan:
    """A line and its product, which has the line's values already, and what that changes."""

    row: Row
    product: Product
    is_new: bool
    changes: dict[str, Change] = field(default_factory=dict)

    @property
    def key(self) -> int:
        """The product; one that is not there yet is named by its line."""
        return self.product.pk or -self.row.line


@dataclass(frozen=True, slots=True)
class Counting:
    """Whose stock was counted, under which name, by whom and when."""

    merchant: Merchant
    name: str
    actor: str
    now: datetime

    def key(self, product: Product) -> str:
        return f"import:{self.name}:{product.pk}"

    def entry(self, product: Product, difference: int) -> StockEntry:
        """What the ledger says of it."""
        return StockEntry(
            merchant=self.merchant,
            product=product,
            key=self.key(product),
            kind=StockEntry.Kind.IMPORT,
            stock_change=difference,
            at=self.now,
            actor=self.actor,
        )


def import_products(
    merchant: Merchant, csv_text: str, *, actor: str, now: datetime, progress: Progress = silent
) -> Imported:
    """Read products from CSV: new article numbers are created, known ones updated.

    Raises `ImportRefused` with the wrong lines; then nothing was written, but for the batches before a
    change in the shop that made a line wrong meanwhile.
    """
    rows = checked_rows(merchant, csv_text, progress)
    imported, done = Imported(), 0
    for batch in batches_to_write(rows):
        imported += write_rows(merchant, batch, actor=actor, now=now)
        done += len(batch)
        progress("writing", done, len(rows))
    return imported


def preview_products(merchant: Merchant, csv_text: str, progress: Progress = silent) -> Preview:
    """What `import_products` would do now; writes nothing. Raises `ImportRefused` as it would."""
    return _preview(merchant, read_rows(csv_text, progress), progress)


def checked_rows(merchant: Merchant, csv_text: str, progress: Progress = silent) -> list[Row]:
    """The lines of a file that can be written, in their order. Raises `ImportRefused` with the wrong ones."""
    rows = read_rows(csv_text, progress)
    _preview(merchant, rows, progress)
    return rows


def batches_to_write(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The lines for `write_rows`, with time between them in which others can write."""
    for number, batch in enumerate(_batches(rows)):
        if number and connection.vendor == "sqlite":
            time.sleep(PAUSE)  # SQLite has no queue: whoever waits looks ten times a second if it is free
        yield batch


@transaction.atomic
def write_rows(merchant: Merchant, batch: Sequence[Row], *, actor: str, now: datetime) -> Imported:
    """Write one of the batches of checked lines, all of it or nothing.

    Raises `ImportRefused` when the shop has changed since, so that a line became wrong.
    """
    stock.lock_shop(merchant.pk)
    errors = Errors()
    plans = _plans(merchant, batch, set(), errors, is_locked=True)
    errors.refuse()
    _write(plans, now)
    _set_stock(plans, Counting(merchant, uuid4().hex, actor, now))
    _tell(merchant, plans, now)
    created = sum(plan.is_new for plan in plans)
    touched = {plan.product.pk for plan in plans if plan.changes or plan.is_new}
    touched |= _hand_to_channels(merchant, plans, now)
    return Imported(created, len(touched) - created, len(batch) - len(touched))


def _preview(merchant: Merchant, rows: Sequence[Row], progress: Progress) -> Preview:
    errors, created, touched = Errors(), 0, set[int]()
    keys: dict[int, Row] = {}
    shown: dict[int, PreviewRow] = {}
    in_file, done = {row.code for row in rows}, 0
    for batch in _batches(rows):
        plans = _plans(merchant, batch, in_file, errors, is_locked=False)
        done += len(batch)
        progress("checking", done, len(rows))
        created += sum(plan.is_new for plan in plans)
        touched |= {plan.key for plan in plans if plan.changes}
        keys |= {plan.key: plan.row for plan in plans if plan.row.channels}
        some = (plan for plan in plans if plan.changes and len(shown) < ROWS_SHOWN)
        shown |= {plan.key: _preview_row(plan) for plan in some}
    errors.refuse()
    said = _ask_channels(merchant, keys, errors)
    errors.refuse()
    touched |= set(said)
    shown_rows = _with_channels(shown, keys, said)
    return Preview(created, len(touched) - created, len(rows) - len(touched), shown_rows)


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Main products and variants apart, so that the main products are there when variants name them."""
    for _is_variant, some in groupby(rows, lambda row: bool(row.parent)):
        alike = list(some)
        yield from (alike[start : start + BATCH] for start in range(0, len(alike), BATCH))


def _plans(
    merchant: Merchant, batch: Sequence[Row], to_come: Collection[str], errors: Errors, *, is_locked: bool
) -> list[Plan]:
    """What each line does. Main products that are `to_come` need not be there yet."""
    known = _known(merchant, [row.code for row in batch], is_locked=is_locked)
    plans = [_plan(merchant, row, known.get(row.code), errors) for row in batch]
    if batch[0].parent:
        _plan_parents(merchant, plans, to_come, errors)
    return plans


def _known(merchant: Merchant, codes: Sequence[str], *, is_locked: bool) -> dict[str, Product]:
    mine = Product.objects.of(merchant)
    if is_locked:  # nobody changes them meanwhile: they are written back as they are read here
        mine = mine.select_for_update()
    return {
        product.code: product
        for start in range(0, len(codes), MOST_AT_ONCE)
        for product in mine.filter(code__in=codes[start : start + MOST_AT_ONCE])
    }


def _plan(merchant: Merchant, row: Row, known: Product | None, errors: Errors) -> Plan:
    plan = Plan(row, known or Product(merchant=merchant, code=row.code, currency=CURRENCY), known is None)
    if plan.is_new and "title" not in row.values:
        errors.add(row.line, _("Das neue Produkt {code} braucht einen Titel.").format(code=row.code), "title")
    if plan.is_new and "price" not in row.values:
        errors.add(row.line, _("Das neue Produkt {code} braucht einen Preis.").format(code=row.code), "price")
    for name in (*FIELDS, "stock"):
        if name in row.values:
            _take_over(plan, name)
    return plan


def _take_over(plan: Plan, name: str) -> None:
    """Stock of a product that owes units to buyers is left to the ledger, which covers them first."""
    old, new = getattr(plan.product, name), plan.row.values[name]
    if old == new and not plan.is_new:
        return
    plan.changes[name] = (None if plan.is_new else old, new)
    if name != "stock" or not plan.product.oversold:
        setattr(plan.product, name, new)


def _plan_parents(
    merchant: Merchant, plans: Sequence[Plan], to_come: Collection[str], errors: Errors
) -> None:
    wanted = sorted({plan.row.parent for plan in plans if plan.row.parent})
    mains = _known(merchant, wanted, is_locked=False)
    codes = _codes_of_parents(plans)
    with_variants = set(
        Product.objects.of(merchant)
        .filter(parent__in=[plan.product.pk for plan in plans if plan.row.parent and not plan.is_new])
        .values_list("parent_id", flat=True)
    )
    for plan in plans:
        if code := plan.row.parent:
            main = mains.get(code)
            if main is None and code not in to_come:
                errors.add(
                    plan.row.line, _("Das Hauptprodukt {code} gibt es nicht.").format(code=code), "parent"
                )
            elif main is not None and main.parent_id:
                errors.add(plan.row.line, is_a_variant(code), "parent")
            elif plan.product.pk in with_variants:
                sentence = _("{code} hat selbst Varianten und kann keine Variante werden.")
                errors.add(plan.row.line, sentence.format(code=plan.row.code), "parent")
            elif (old := codes.get(plan.product.parent_id or 0, "")) != code:
                plan.changes["parent"] = (old, code)
                plan.product.parent = main


def _codes_of_parents(plans: Sequence[Plan]) -> dict[int, str]:
    ids = {plan.product.parent_id for plan in plans if plan.product.parent_id}
    return dict(Product.objects.everyone().filter(pk__in=ids).values_list("pk", "code"))


def _write(plans: Sequence[Plan], now: datetime) -> None:
    new = [plan.product for plan in plans if plan.is_new]
    changed = [plan.product for plan in plans if plan.changes and not plan.is_new]
    for product in (*new, *changed):
        product.changed_at = now
    everyone = Product.objects.everyone()
    everyone.bulk_create(new, batch_size=MOST_AT_ONCE)
    # An upsert by key: eight times as fast as `bulk_update` and its CASE for every cell.
    everyone.bulk_create(
        changed,
        batch_size=MOST_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*FIELDS, "stock", "parent", "changed_at"],
    )


def _set_stock(plans: Sequence[Plan], counting: Counting) -> None:
    """The file says what was counted; the ledger notes the difference.

    The products have their new stock already, all in one statement; only those that owe units to
    buyers go through the ledger, which covers those first.
    """
    entries, owing = [], []
    for plan in plans:
        old, new = plan.changes.get("stock", (0, 0))
        if not (difference := new - (old or 0)):
            continue
        if plan.product.oversold:
            key = counting.key(plan.product)
            owing.append(stock.Movement(key, StockEntry.Kind.IMPORT, plan.product.pk, stock=difference))
        else:
            entries.append(counting.entry(plan.product, difference))
    StockEntry.objects.everyone().bulk_create(entries, batch_size=MOST_AT_ONCE)
    stock.record(counting.merchant.pk, owing, actor=counting.actor, now=counting.now)


def _tell(merchant: Merchant, plans: Sequence[Plan], now: datetime) -> None:
    """New products are on no channel yet; the ledger tells itself of what it moves."""
    told_by_ledger = {
        plan.key for plan in plans if plan.product.oversold and TOLD & plan.changes.keys() == {"stock"}
    }
    changed = [
        plan.key
        for plan in plans
        if not plan.is_new and plan.key not in told_by_ledger and TOLD & plan.changes.keys()
    ]
    if changed:
        tell_products_changed(merchant.pk, changed, now=now)


def _hand_to_channels(merchant: Merchant, plans: Sequence[Plan], now: datetime) -> set[int]:
    """Give each channel its columns; the products that changed there."""
    changed: set[int] = set()
    for name, channel in CHANNELS.items():
        said = {plan.key: plan.row.channels[name] for plan in plans if name in plan.row.channels}
        if said:
            changed |= set(channel.import_products(merchant, said, now=now))
    return changed


def _ask_channels(
    merchant: Merchant, rows: Mapping[int, Row], errors: Errors
) -> dict[int, dict[str, Change]]:
    """What each channel would change, by product."""
    changes: dict[int, dict[str, Change]] = {}
    for name, channel in CHANNELS.items():
        if said := {key: row.channels[name] for key, row in rows.items() if name in row.channels}:
            checked = channel.check_products(merchant, said)
            for key in sorted(checked.refused, key=lambda key: rows[key].line):
                errors.add(rows[key].line, checked.refused[key])
            for key, changed in checked.changes.items():
                changes.setdefault(key, {}).update(changed)
    return changes


def _preview_row(plan: Plan) -> PreviewRow:
    """The title stands beside it anyway, where it does not change."""
    changes = [(name, old, new) for name, (old, new) in plan.changes.items()]
    if plan.is_new:
        changes = [change for change in changes if change[0] != "title"]
    return PreviewRow(plan.row.line, plan.row.code, plan.product.title, plan.is_new, changes)


def _with_channels(
    shown: Mapping[int, PreviewRow], rows: Mapping[int, Row], said: Mapping[int, Mapping[str, Change]]
) -> list[PreviewRow]:
    """The first lines that do something, with what they do at the channels."""
    found = dict(shown)
    for key in {*found, *islice(said, ROWS_SHOWN)} & said.keys():
        row = rows[key]
        known = found.get(key) or PreviewRow(row.line, row.code, row.values.get("title", ""), False, [])
        more = [(name, old, new) for name, (old, new) in said[key].items()]
        found[key] = replace(known, changes=[*known.changes, *more])
    return sorted(found.values(), key=lambda row: row.line)[:ROWS_SHOWN]
