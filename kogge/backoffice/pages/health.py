"""Whether this process answers at all: for supervisors and load balancers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def live(_request: HttpRequest) -> HttpResponse:
    """Always "ok"; asks no database, so that a slow database never gets processes killed."""
    return HttpResponse("ok\n", content_type="text/plain")
