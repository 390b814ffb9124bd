"""Produkte exportieren: every product as a CSV file, sent while it is written."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone, translation

from kogge.backoffice.product_export import Notation, exported
from kogge.merchants.access import MerchantRequest, reader

BYTE_ORDER_MARK = "\ufeff"  # or spreadsheets take UTF-8 for something else


@reader
def product_export(request: MerchantRequest) -> HttpResponseBase:
    """In the notation of the reader's language."""
    is_german = (translation.get_language() or "").startswith("de")
    lines = exported(request.merchant, Notation.GERMAN if is_german else Notation.PLAIN)
    name = f"{request.merchant.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_marked(lines), content_type="text/csv; charset=utf-8", headers=headers)


def _marked(lines: Iterator[str]) -> Iterator[str]:
    yield BYTE_ORDER_MARK
    yield from lines
