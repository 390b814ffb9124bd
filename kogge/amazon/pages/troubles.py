"""The list "Aufgaben": what a human must look at, over all connections, and what was settled."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from kogge.amazon.journal.book import close_troubles
from kogge.amazon.journal.models import Trouble
from kogge.amazon.journal.sentences import Button
from kogge.amazon.pages import own
from kogge.amazon.pages.buttons import ACTS, shown
from kogge.amazon.pages.retrying import CannotRetry, retry
from kogge.merchants.access import MerchantRequest, may, reader, staff
from kogge.merchants.models import Role

PAGE = 50
CLOSED = "erledigt"


@require_GET
@reader
def troubles(request: MerchantRequest) -> HttpResponse:
    """Open troubles, the oldest first; or the settled ones, the latest first."""
    mine = Trouble.objects.of(request.merchant).select_related("connection")
    is_open = mine.filter(closed_at=None)
    closed = request.GET.get("stand") == CLOSED
    found = (
        mine.exclude(closed_at=None).order_by("-closed_at", "-pk")
        if closed
        else is_open.order_by("opened_at", "pk")
    )
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "closed": closed,
        "open_count": is_open.count(),
        "page": page,
        "troubles": shown(request.merchant, list(page.object_list), may_act=may(request.role, Role.STAFF)),
    }
    return render(request, "amazon/troubles.html", context)


@require_POST
@staff
def act(request: MerchantRequest, pk: int, act: str) -> HttpResponseBase:
    """Carry out the button of a trouble that does something at once."""
    trouble = own.trouble(request, pk)
    now = timezone.now()
    if act == ACTS[Button.DONE]:
        close_troubles(trouble.connection_id, [trouble.key], now=now, by=request.user.email)
        messages.success(request, _("Die Aufgabe ist als erledigt gekennzeichnet."))
    elif act == ACTS[Button.RETRY]:
        try:
            messages.success(request, retry(trouble, actor=request.user.email, now=now))
        except CannotRetry as failure:
            messages.error(request, str(failure))
    else:
        raise Http404
    return redirect(_back(request))


def _back(request: MerchantRequest) -> str:
    """The page the button was on."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else "amazon_troubles"
