"""Produkte importieren: look at what a CSV file would do, then do it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django import forms
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice import product_files
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import ProductFile
from kogge.backoffice.pages.order_acts import REFUSED
from kogge.backoffice.product_csv import MOST_ERRORS, READERS
from kogge.merchants.access import MerchantRequest, staff

LARGEST_FILE = 25_000_000  # bytes
ENCODINGS = ("utf-8-sig", "cp1252")  # what spreadsheets write

State = ProductFile.State


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
            raise forms.ValidationError(_("Die Datei ist größer als 25 MB. Teile sie auf."))
        raw: bytes = upload.read()
        for encoding in ENCODINGS:
            try:
                return raw.decode(encoding).replace("\0", "")
            except UnicodeDecodeError:
                continue
        raise forms.ValidationError(_("Die Datei ist kein Text. Speichere sie als CSV (UTF-8)."))


@staff
def product_import(request: MerchantRequest) -> HttpResponseBase:
    """Take a file in; what it would do is shown on its own page, before anything is written."""
    if request.method != "POST":
        return _choose(request, FileForm())
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _choose(request, form, status=REFUSED)
    file = product_files.keep_file(
        request.merchant,
        name=form["file"].data.name,
        text=form.cleaned_data["file"],
        actor=request.user.email,
        now=timezone.now(),
    )
    return redirect("product_file", file.pk)


@staff
def product_file(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """How a file stands: its check, the preview, the writing, the result, or what is wrong with it."""
    file = get_object_or_404(ProductFile.objects.of(request.merchant).defer("packed"), pk=pk)
    if request.method == "POST":
        return _act(request, file)
    if file.state == State.REFUSED:
        return _choose(request, FileForm(), file.outcome)
    template = "backoffice/_product_file.html" if request.htmx else "backoffice/product_file.html"
    context = {
        "file": file,
        "is_working": _is_working(file),
        "percent": _percent(file),
        "left_out": _left_out(file.outcome),
    }
    return render(request, template, context)


def _act(request: MerchantRequest, file: ProductFile) -> HttpResponseBase:
    """Agree to what was shown, or take the file back."""
    if "confirmed" in request.POST:
        product_files.agree(ProductFile.objects.of(request.merchant).get(pk=file.pk), now=timezone.now())
        return redirect("product_file", file.pk)
    if "forget" in request.POST:
        product_files.forget(file)
        return redirect("product_import")
    raise Http404


def _is_working(file: ProductFile) -> bool:
    return file.state in {State.CHECKING, State.WRITING}


def _percent(file: ProductFile) -> int:
    return min(100, 100 * file.rows_done // max(1, file.rows))


def _left_out(outcome: dict[str, Any]) -> int:
    """Lines that do something, but are not among the first that are shown."""
    doing: int = outcome.get("created", 0) + outcome.get("updated", 0)
    return max(0, doing - len(outcome.get("rows", [])))


def _choose(
    request: MerchantRequest, form: FileForm, wrong: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponseBase:
    """Choose a file; above it what was wrong with the last one."""
    found = wrong or {}
    used = [channel.columns_in_use(request.merchant) for channel in CHANNELS.values()]
    context = {
        "form": form,
        "errors": found.get("errors", []),
        "most_errors": MOST_ERRORS,
        "refusal": found.get("sentence", ""),
        "written": found.get("written", 0),
        "columns": [*READERS, *chain.from_iterable(used)],
    }
    return render(request, "backoffice/product_import.html", context, status=status)
