"""Postausgang: every mail to a buyer, what it says and whether it left."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from kogge.backoffice.mail import read_message
from kogge.backoffice.models import Mail
from kogge.merchants.access import MerchantRequest, reader

PAGE_SIZE = 50


@reader
def outbox(request: MerchantRequest) -> HttpResponse:
    """The mails, newest first."""
    mails = Mail.objects.of(request.merchant).select_related("order", "parcel").order_by("-id")
    page = Paginator(mails, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "backoffice/outbox.html", {"page": page})


@reader
def mail(request: MerchantRequest, pk: int) -> HttpResponse:
    """One mail as the buyer reads it; empty once the buyer's data was deleted."""
    found = get_object_or_404(Mail.objects.of(request.merchant).select_related("order", "parcel"), pk=pk)
    return render(request, "backoffice/mail.html", {"mail": found, "message": read_message(found)})
