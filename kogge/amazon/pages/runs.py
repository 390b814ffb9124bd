"""The list "Prüfungen": every check with its figures."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from kogge.amazon.journal.models import Run
from kogge.merchants.access import MerchantRequest, reader

PAGE = 50


@require_GET
@reader
def runs(request: MerchantRequest) -> HttpResponse:
    """All runs of the merchant's connections, newest first, optionally of one kind."""
    found = Run.objects.of(request.merchant).select_related("connection").order_by("-started_at", "-pk")
    kind = request.GET.get("kind", "")
    if kind in Run.Kind.values:
        found = found.filter(kind=kind)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(request, "amazon/runs.html", {"page": page, "kinds": Run.Kind.choices, "kind": kind})
