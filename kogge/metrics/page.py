"""`/metrics` of the web server."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from kogge.metrics.figures import DatabaseFigures

# Of the database only: each web process would count for itself, and any of them may answer.
_registry = CollectorRegistry()
_registry.register(DatabaseFigures(timezone.now))


def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who shows `KOGGE_METRICS_TOKEN`. Nobody knows that there is such a page otherwise.

    Where a request comes from proves nothing behind a proxy, so loopback opens nothing either.
    """
    if not _may_read(request):
        raise Http404
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    wanted = settings.KOGGE_METRICS_TOKEN
    shown = request.headers.get("Authorization", "")
    return bool(wanted) and hmac.compare_digest(shown.encode(), f"Bearer {wanted}".encode())
