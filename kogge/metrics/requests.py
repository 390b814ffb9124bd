"""One log line for every web request, in which nothing says who or what it was about."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from kogge import logs

logger = logging.getLogger("kogge.web")

REQUEST_ID = "X-Request-Id"


class RequestLog:
    """The outermost middleware: names each request, and says in one line what became of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        request_id = secrets.token_hex(8)  # never what the browser names: that could be anything
        with logs.about(request_id=request_id, method=_method(request)):
            response = self.get_response(request)
            _say(request, response, began)
        response.headers[REQUEST_ID] = request_id
        return response


def _say(request: HttpRequest, response: HttpResponseBase, began: float) -> None:
    took = round((time.monotonic() - began) * 1000)
    route = _route(request)
    said = {"route": route, "status": response.status_code, "duration_ms": took, "user": _user(request)}
    said["merchant"] = getattr(getattr(request, "merchant", None), "pk", None)
    logger.info("%s %s %d %d ms", _method(request), route, response.status_code, took, extra=said)


def _method(request: HttpRequest) -> str:
    """Whoever asks can invent methods; only known ones are repeated."""
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return request.method if request.method in known else "OTHER"


def _route(request: HttpRequest) -> str:
    """The address's name in `urls.py`; a path can hold order numbers, secrets, anything."""
    match = request.resolver_match
    return (match.view_name if match else "") or "-"


def _user(request: HttpRequest) -> int | None:
    """Asks nothing: who did not need the user does not make the log need it."""
    user = request.__dict__.get("_cached_user")
    key: int | None = getattr(user, "pk", None)
    return key
