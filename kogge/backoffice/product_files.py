"""Files of products between upload and shop: checked, shown, agreed to, written.

Small files are dealt with at once, while the browser waits; large ones by the worker. Both go the
same way: one row that says how far it is. A check writes nothing to the shop; the writing is one
transaction, so a crash anywhere leaves the file waiting and the shop as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import translation

from kogge.backoffice.models import ProductFile
from kogge.backoffice.product_csv import ImportRefused, Progress
from kogge.backoffice.products import import_products as write_products
from kogge.backoffice.products import preview_products
from kogge.backoffice.refusal import Refusal
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant

State = ProductFile.State

OPERATION = "import_products"
LIFE = timedelta(days=1)
AT_ONCE = 1_000  # lines a browser waits for
STEP = 5_000  # rows between two notes of the progress


class FileGone(Exception):
    """The merchant took the file back while it was worked on."""


def keep_file(merchant: Merchant, *, name: str, text: str, actor: str, now: datetime) -> ProductFile:
    """Take a file in and check it: now if it is small, else as soon as the worker has time."""
    file = ProductFile.objects.everyone().create(
        merchant=merchant,
        name=name[:200],
        packed=zlib.compress(text.encode(), level=1),
        actor=actor,
        language=translation.get_language() or "de",
        rows=text.count("\n"),
        uploaded_at=now,
    )
    due.schedule(OPERATION, merchant.pk, at=now + LIFE)  # to forget it
    _go_on(file, now)
    return file


def agree(file: ProductFile, *, now: datetime) -> None:
    """The merchant has seen what the file does and wants it; a second click does nothing."""
    agreed = _same(file).filter(state=State.CHECKED).update(state=State.WRITING, rows_done=0)
    file.refresh_from_db()
    if agreed:
        _go_on(file, now)


def forget(file: ProductFile) -> None:
    """Take a file back; what is written already stays."""
    _same(file).delete()


def import_products(work: Work) -> Outcome:
    """Check or write the merchant's next large file, and forget the old ones."""
    files = ProductFile.objects.of_id(work.subject)
    files.filter(uploaded_at__lte=work.now - LIFE).delete()
    waiting = files.filter(state__in=[State.CHECKING, State.WRITING]).order_by("uploaded_at", "pk")
    file = waiting.first()
    if file is not None:
        _work_on(file, work.now, work)
    more = waiting.exists()
    return Outcome(work.now if more else work.now + LIFE, done=int(file is not None))


def _go_on(file: ProductFile, now: datetime) -> None:
    if file.rows <= AT_ONCE:
        _work_on(file, now, None)
    else:
        due.make_due(OPERATION, file.merchant_id, now=now)


def _work_on(file: ProductFile, now: datetime, work: Work | None) -> None:
    """Check or write, and note what came of it, in the words of who uploaded it."""
    try:
        with translation.override(file.language):
            if file.state == State.CHECKING:
                _check(file, work)
            else:
                _write(file, now, work)
    except FileGone:
        return
    except Refusal as refusal:
        with suppress(FileGone):
            _settle(file, State.REFUSED, _complaints(refusal), packed=None)


def _check(file: ProductFile, work: Work | None) -> None:
    preview = preview_products(file.merchant, _text(file), _noting(file, work))
    _settle(file, State.CHECKED, _plain(asdict(preview)))


@transaction.atomic
def _write(file: ProductFile, now: datetime, work: Work | None) -> None:
    """All of the file and the note that it is done, or nothing of both."""
    imported = write_products(
        file.merchant, _text(file), actor=file.actor, now=now, progress=_noting(file, work)
    )
    _settle(file, State.DONE, asdict(imported), packed=None)


def _text(file: ProductFile) -> str:
    assert file.packed is not None, "only files that are done with have lost their text"
    return zlib.decompress(bytes(file.packed)).decode()


def _noting(file: ProductFile, work: Work | None) -> Progress:
    """Notes how far it is, now and then. What the worker notes while it writes is seen with the end."""

    def note(phase: str, done: int, total: int) -> None:
        if work is None or done % STEP:
            return
        work.keep()
        if phase != "reading" and not _same(file).update(rows_done=done, rows=total):
            raise FileGone

    return note


def _settle(file: ProductFile, state: str, outcome: dict[str, Any], **columns: Any) -> None:
    settled = _same(file).filter(state=file.state)
    if not settled.update(state=state, outcome=outcome, **columns):
        raise FileGone
    file.refresh_from_db()


def _same(file: ProductFile) -> Any:
    return ProductFile.objects.of_id(file.merchant_id).filter(pk=file.pk)


def _complaints(refusal: Refusal) -> dict[str, Any]:
    if isinstance(refusal, ImportRefused):
        return {"errors": [asdict(error) for error in refusal.errors]}
    return {"sentence": refusal.sentence}


def _plain(value: Any) -> Any:
    """The value in JSON's types; amounts with two decimals."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return f"{value:.2f}" if isinstance(value, Decimal) else value
