"""Whether this process answers at all, and whether it may get traffic: for supervisors and load balancers.

Both are answered before anything else looks at the request: load balancers ask by an address of their own
in the header Host, without TLS and without a cookie. The answers repeat nothing of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from kogge.moving import mark

Answer = Callable[[HttpRequest], HttpResponseBase]

_found_up_to_date = Event()


class HealthFirst:
    """Answers health checks ahead of all other middleware: any Host, no redirect, no session."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/health/live":
            return live(request)
        if request.path_info == "/health/ready":
            return ready(request)
        return self.get_response(request)


def live(_request: HttpRequest) -> HttpResponse:
    """Always "ok"; asks no database, so that a slow database never gets processes killed."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(_request: HttpRequest) -> HttpResponse:
    """200 while this process can serve pages, 503 and a word why while it cannot."""
    why = _what_is_missing()
    return JsonResponse({"ready": not why, "missing": why}, status=503 if why else 200)


def _what_is_missing() -> str:
    """ "database", "migrations" or "moved"; empty when nothing is."""
    try:
        connection.ensure_connection()
        if mark.why_not_here():
            return "moved"
        return "" if _is_up_to_date() else "migrations"
    except (DatabaseError, OSError):
        return "database"


def _is_up_to_date() -> bool:
    """Looked up until it is true: a database that is up to date with this program stays so."""
    if not _found_up_to_date.is_set():
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _found_up_to_date.set()
    return _found_up_to_date.is_set()
