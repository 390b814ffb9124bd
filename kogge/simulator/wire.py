"""Requests and answers as plain values, so that the whole of Amazon is one function between the two."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One HTTP request. Header names are lower case; `query` is the raw text behind the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<{self.method} {self.path}>"

    def form(self) -> dict[str, str]:
        """The fields of a form-encoded body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def parameters(self) -> dict[str, str]:
        """The query parameters, decoded; of repeated ones the values joined by a comma, as in a list."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found[name] = f"{found[name]},{value}" if name in found else value
        return found


@dataclass(slots=True, repr=False)
class Response:
    """One HTTP answer, and what goes wrong with it on the way when a fault was ordered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """Which ordered fault or poison shaped this answer; empty for an honest one."""
    delay_s: float = 0.0
    """Real seconds the line stays silent before the answer."""
    is_dropped: bool = False
    """The connection closes without an answer."""
    is_truncated: bool = False
    """The connection closes in the middle of the body."""

    def __repr__(self) -> str:
        return f"<Response {self.status}{' ' + self.fault if self.fault else ''}>"

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Refusal(Exception):
    """Amazon says no: an error body as SP-API sends it. `is_violation`: a strict Amazon would hold it
    against the client."""

    def __init__(
        self, status: int, code: str, message: str, details: str = "", *, is_violation: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.is_violation = is_violation

    def response(self) -> Response:
        error = {"code": self.code, "message": self.message, "details": self.details}
        return json_response(self.status, {"errors": [error]})


def invalid_input(message: str, details: str = "") -> Refusal:
    """400: the client sent something Amazon's model or rules do not allow."""
    return Refusal(400, "InvalidInput", message, details, is_violation=True)


def not_found(message: str) -> Refusal:
    return Refusal(404, "NotFound", message)


def unauthorized(details: str) -> Refusal:
    return Refusal(403, "Unauthorized", "Access to requested resource is denied.", details)


def quota_exceeded() -> Refusal:
    """429: the token bucket is empty. A client that keeps Amazon's limits never sees it."""
    message = "You exceeded your quota for the requested resource."
    return Refusal(429, "QuotaExceeded", message, is_violation=True)


def json_response(status: int, document: object) -> Response:
    return Response(status, _encoder.encode(document), {"Content-Type": JSON})


def html_response(status: int, page: str) -> Response:
    return Response(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def redirect(location: str, status: int = 303) -> Response:
    return Response(status, b"", {"Location": location, "Referrer-Policy": "no-referrer"})


def xml_error(status: int, code: str, message: str) -> Response:
    """An error as the storage behind presigned URLs words it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{html.escape(message)}</Message></Error>"
    )
    return Response(status, body.encode(), {"Content-Type": "application/xml"})
