"""Writing the products into a file that the import reads again without changing anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Product
from kogge.backoffice.product_csv import READERS, guarded
from kogge.merchants.models import Merchant

BATCH = 500


class Notation(Enum):
    """How amounts are written, and what stands between two cells."""

    PLAIN = (",", ".")
    GERMAN = (";", ",")

    @property
    def delimiter(self) -> str:
        return self.value[0]

    def amount(self, plain: str) -> str:
        return plain.replace(".", self.value[1])


def exported(merchant: Merchant, notation: Notation) -> Iterator[str]:
    """The lines of the file, the column names first; a constant number of queries for some hundred."""
    columns = [*READERS, *(name for found in CHANNELS.values() for name in found.columns_in_use(merchant))]
    yield _line(columns, notation)
    for cells in exported_cells(merchant):
        yield _line([_written(column, cells.get(column, ""), notation) for column in columns], notation)


def exported_cells(merchant: Merchant) -> Iterator[dict[str, str]]:
    """The cells of every product by column, by article number."""
    last = ""
    mine = Product.objects.of(merchant).order_by("code").select_related("parent")
    while products := list(mine.filter(code__gt=last)[:BATCH]):
        last = products[-1].code
        said = _channel_cells(merchant, [product.pk for product in products])
        yield from ({**_cells(product), **said.get(product.pk, {})} for product in products)


def _channel_cells(merchant: Merchant, product_ids: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for channel in CHANNELS.values():
        for product_id, cells in channel.exported_products(merchant, product_ids).items():
            found.setdefault(product_id, {}).update(cells)
    return found


def _cells(product: Product) -> dict[str, str]:
    return {
        "code": product.code,
        "title": product.title,
        "gtin": product.gtin,
        "price": f"{product.price:.2f}",
        "stock": str(product.stock),
        "lead_time_days": str(product.lead_time_days),
        "vat_rate": f"{product.vat_rate:.2f}".removesuffix(".00"),
        "description": product.description,
        "active": _yes(product.active),
        "parent": product.parent.code if product.parent else "",
        "option": product.option,
        "may_oversell": _yes(product.may_oversell),
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _written(column: str, cell: str, notation: Notation) -> str:
    """Only amounts depend on the notation; every other text is kept from being a formula."""
    if "price" in column or column == "vat_rate":
        return notation.amount(cell)
    return guarded(cell)


def _line(cells: Sequence[str], notation: Notation) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=notation.delimiter).writerow(cells)
    return line.getvalue()
