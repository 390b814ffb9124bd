"""Produkte importieren: look at what a CSV file would do, then do it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.products import CHANNEL_COLUMNS, OWN_COLUMNS, Imported, ImportRefused, import_products
from kogge.backoffice.refusal import Refusal
from kogge.merchants.access import MerchantRequest, staff

LARGEST_FILE = 2_000_000  # bytes; the preview carries the text along
ROWS_SHOWN = 20
ENCODINGS = ("utf-8-sig", "cp1252")  # what spreadsheets write


@dataclass(frozen=True)
class Preview:
    """What the file would do, and its first rows as they are written there."""

    outcome: Imported
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int


class FileForm(forms.Form):
    """The file."""

    file = forms.FileField(
        label=gettext_lazy("CSV-Datei"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
        error_messages={
            "required": gettext_lazy("Wähle eine Datei aus."),
            "empty": gettext_lazy("Die Datei ist leer."),
        },
    )

    def clean_file(self) -> str:
        """The text of the file."""
        upload = self.cleaned_data["file"]
        if upload.size > LARGEST_FILE:
            raise forms.ValidationError(
                _("Die Datei ist größer als 2 MB. Teile sie auf oder nimm „kogge products import“.")
            )
        raw: bytes = upload.read()
        for encoding in ENCODINGS:
            try:
                return raw.decode(encoding).replace("\0", "")
            except UnicodeDecodeError:
                continue
        raise forms.ValidationError(_("Die Datei ist kein Text. Speichere sie als CSV (UTF-8)."))


@staff
def product_import(request: MerchantRequest) -> HttpResponseBase:
    """First the preview, then the writing; wrong lines are named, and nothing of the file is written."""
    if request.method != "POST":
        return _page(request, FileForm())
    if "confirmed" in request.POST:
        return _write(request, request.POST.get("text", ""))
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=REFUSED)
    text = form.cleaned_data["file"]
    try:
        preview = _preview(request, text)
    except Refusal as refusal:
        return _page(request, FileForm(), refusal=refusal, status=REFUSED)
    return render(request, "backoffice/product_import_preview.html", {"preview": preview, "text": text})


def _preview(request: MerchantRequest, text: str) -> Preview:
    """Carry the import out and take it back: a preview by other means would be a promise only."""
    with transaction.atomic():
        outcome = import_products(request.merchant, text, actor=request.user.email, now=timezone.now())
        transaction.set_rollback(True)
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    columns, rows = table[0], table[1:]
    return Preview(outcome, columns, rows[:ROWS_SHOWN], max(0, len(rows) - ROWS_SHOWN))


def _write(request: MerchantRequest, text: str) -> HttpResponseBase:
    try:
        outcome = import_products(request.merchant, text, actor=request.user.email, now=timezone.now())
    except Refusal as refusal:
        return _page(request, FileForm(), refusal=refusal, status=REFUSED)
    messages.success(
        request,
        _("Import fertig: %(created)s neue Produkte, %(updated)s bekannte.")
        % {"created": outcome.created, "updated": outcome.updated},
    )
    return redirect("products")


def _page(
    request: MerchantRequest, form: FileForm, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponseBase:
    context = {
        "form": form,
        "errors": refusal.errors if isinstance(refusal, ImportRefused) else [],
        "refusal": refusal.sentence if refusal and not isinstance(refusal, ImportRefused) else "",
        "columns": [*OWN_COLUMNS, *(column for columns in CHANNEL_COLUMNS.values() for column in columns)],
    }
    return render(request, "backoffice/product_import.html", context, status=status)
