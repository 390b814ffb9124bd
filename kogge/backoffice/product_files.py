"""Files of products between upload and shop: checked, shown, agreed to, written.

Small files are dealt with at once, while the browser waits; large ones by the worker. Both go the
same way: one row that says how far it is. A check writes nothing to the shop. What is written is noted
in the row in the same transaction, so after a crash the writing goes on where it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import translation

from kogge.backoffice.models import ProductFile
from kogge.backoffice.product_csv import ImportRefused, Progress, Row
from kogge.backoffice.product_import import (
    Imported,
    batches_to_write,
    checked_rows,
    preview_products,
    write_rows,
)
from kogge.backoffice.refusal import Refusal
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant

State = ProductFile.State

OPERATION = "import_products"
LIFE = timedelta(days=1)
AT_ONCE = 1_000  # lines a browser waits for
RESCUE = timedelta(minutes=1)  # after so long the worker looks whether the browser's turn was cut short


class FileGone(Exception):
    """The merchant took the file back while it was worked on, or somebody else works on it."""


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
    checked = _same(file).filter(state=State.CHECKED)
    agreed = checked.update(state=State.WRITING, rows_done=0, outcome=asdict(Imported()))
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
    if file.rows > AT_ONCE:
        due.make_due(OPERATION, file.merchant_id, now=now)
        return
    due.schedule(OPERATION, file.merchant_id, at=now + RESCUE)
    _work_on(file, now, None)


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
            _settle(file, State.REFUSED, _complaints(file, refusal), packed=None)


def _check(file: ProductFile, work: Work | None) -> None:
    preview = preview_products(file.merchant, _text(file), _noting(file, work))
    _settle(file, State.CHECKED, _plain(asdict(preview)))


def _write(file: ProductFile, now: datetime, work: Work | None) -> None:
    """All of the file is checked once more; then what is not written yet is written."""
    rows = checked_rows(file.merchant, _text(file), _keeping(work))
    for batch in batches_to_write(rows[file.rows_done :]):
        _write_batch(file, batch, len(rows), now, work)
    _settle(file, State.DONE, file.outcome, packed=None)


@transaction.atomic
def _write_batch(
    file: ProductFile, batch: Sequence[Row], rows: int, now: datetime, work: Work | None
) -> None:
    """Some rows of the file and the note that they are written, or nothing of both."""
    imported = write_rows(file.merchant, batch, actor=file.actor, now=now)
    if work is not None:
        work.keep()
    here = _same(file).filter(state=State.WRITING, rows_done=file.rows_done)
    file.rows_done += len(batch)
    file.outcome = asdict(Imported(**file.outcome) + imported)
    if not here.update(rows_done=file.rows_done, rows=rows, outcome=file.outcome):
        raise FileGone


def _text(file: ProductFile) -> str:
    assert file.packed is not None, "only files that are done with have lost their text"
    return zlib.decompress(bytes(file.packed)).decode()


def _noting(file: ProductFile, work: Work | None) -> Progress:
    """Notes how far the check is."""
    keep = _keeping(work)

    def note(phase: str, done: int, total: int) -> None:
        keep(phase, done, total)
        if work is None or phase != "checking":
            return
        if not _same(file).update(rows_done=done, rows=total):
            raise FileGone

    return note


def _keeping(work: Work | None) -> Progress:
    """Keeps the worker's lease."""

    def keep(_phase: str, _done: int, _total: int) -> None:
        if work is not None:
            work.keep()

    return keep


def _settle(file: ProductFile, state: str, outcome: dict[str, Any], **columns: Any) -> None:
    settled = _same(file).filter(state=file.state)
    if not settled.update(state=state, outcome=outcome, **columns):
        raise FileGone
    file.refresh_from_db()


def _same(file: ProductFile) -> Any:
    return ProductFile.objects.of_id(file.merchant_id).filter(pk=file.pk)


def _complaints(file: ProductFile, refusal: Refusal) -> dict[str, Any]:
    """What is wrong; and how many rows were written before it became so, by a change in the shop."""
    written = {"written": file.rows_done} if file.state == State.WRITING else {}
    if isinstance(refusal, ImportRefused):
        return {"errors": [asdict(error) for error in refusal.errors], **written}
    return {"sentence": refusal.sentence, **written}


def _plain(value: Any) -> Any:
    """The value in JSON's types; amounts with two decimals."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return f"{value:.2f}" if isinstance(value, Decimal) else value
