"""One HTTP exchange: bounded in time and size, logged in one line, its failures put into our words.

httpx2's exceptions hold the request and thereby tokens, so none of them gets further than here,
not even as the context of ours: failures travel as values until all secrets are out of sight.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpx2
import msgspec

from kogge import __version__
from kogge.spapi.errors import OutcomeUnknown, TryLater
from kogge.values import InvalidValue, web_address

USER_AGENT = (
    f"Kogge/{__version__} (Language=Python/{platform.python_version()}; Platform={platform.system()})"
)

MEBIBYTE = 1024 * 1024
MOST_AT_ONCE = 64  # connections of a process, all kept alive: more than a worker has threads

logger = logging.getLogger("kogge.spapi")

# httpx2 logs whole addresses, and presigned ones are as good as a password.
logging.getLogger("httpx2").setLevel(logging.WARNING)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how much we take from the other side: seconds for each step and in all, bytes."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0
    max_bytes: int = 32 * MEBIBYTE

    def timeout(self) -> httpx2.Timeout:
        return httpx2.Timeout(self.read, connect=self.connect)


API_PATIENCE = Patience()
DOCUMENT_PATIENCE = Patience(read=60.0, total=300.0, max_bytes=64 * MEBIBYTE)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back, whole. Knows enough to complain about itself; its repr shows no content."""

    operation: str
    status: int
    headers: httpx2.Headers
    content: bytes
    writes: bool

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id")

    @property
    def served_at(self) -> datetime | None:
        """Amazon's clock when it answered."""
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds Amazon asks us to wait, when it says so."""
        return positive_number(self.headers.get("retry-after"))

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        kind = self.headers.get("content-type", "").lower()
        return kind.startswith("text/html") or self.content[:512].lstrip().lower().startswith(
            (b"<!doctype html", b"<html")
        )

    def read(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The content as the decoder's type. Raises `TryLater` or `OutcomeUnknown` if it is not that."""
        try:
            return decoder.decode(self.content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass  # their texts may quote the content
        raise self.trouble(
            "the answer is empty" if not self.content else "the answer is incomplete or unreadable"
        )

    def trouble(self, explanation: str) -> TryLater:
        """The error for an answer that settles nothing. A write that got so far may have taken effect."""
        kind = OutcomeUnknown if self.writes else TryLater
        return kind(
            explanation,
            operation=self.operation,
            request_id=self.request_id,
            status=self.status,
            retry_after=self.retry_after,
        )

    def __repr__(self) -> str:
        return f"<Answer {self.operation} HTTP {self.status}, {len(self.content)} bytes>"


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be made. Everything that may be secret or personal stays out of its repr.

    `writes` says that doing it twice, or believing it undone, would matter.
    """

    operation: str
    method: str
    url: str = field(repr=False)
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    writes: bool = False
    patience: Patience = API_PATIENCE


@dataclass(frozen=True, slots=True)
class _Broken:
    """An exchange that did not lead to an answer."""

    explanation: str
    was_sent: bool


def open_http(transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """An HTTP client fit for Amazon: keep-alive, no redirects, no cookies carried from seller to seller."""
    return httpx2.Client(
        transport=transport,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        timeout=API_PATIENCE.timeout(),
        limits=httpx2.Limits(
            max_connections=MOST_AT_ONCE, max_keepalive_connections=MOST_AT_ONCE, keepalive_expiry=60.0
        ),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


def exchange(http: httpx2.Client, call: Call) -> Answer:
    """Send and receive once, whatever the status of the answer.

    Raises `TryLater` when nothing arrived at Amazon or the call only reads, `OutcomeUnknown` when a
    write was sent and the answer got lost.
    """
    began = time.monotonic()
    outcome = _attempt(http, call, began)
    took = round((time.monotonic() - began) * 1000)
    if isinstance(outcome, Answer):
        said = {"call": call.operation, "status": outcome.status, "request_id": outcome.request_id}
        said["duration_ms"] = took
        logger.info(
            "%s %d %d ms %s", call.operation, outcome.status, took, outcome.request_id or "-", extra=said
        )
        return outcome
    logger.info(
        "%s no answer %d ms -", call.operation, took, extra={"call": call.operation, "duration_ms": took}
    )
    kind = OutcomeUnknown if call.writes and outcome.was_sent else TryLater
    raise kind(outcome.explanation, operation=call.operation)


def safe_url(url: str) -> str:
    """An absolute https address, or http on this machine. Raises `InvalidValue` for anything else."""
    web_address(url)
    return url


def web_link(url: str) -> str:
    """An address from an answer that may be put on a page, or "": script addresses and the like are not."""
    try:
        return safe_url(url)
    except InvalidValue:
        return ""


def positive_number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def _attempt(http: httpx2.Client, call: Call, began: float) -> Answer | _Broken:
    try:
        request = http.build_request(
            call.method,
            call.url,
            params=call.params or None,
            headers=call.headers,
            content=call.body,
            timeout=call.patience.timeout(),
        )
        return _receive(http, request, call, began + call.patience.total)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError):
        return _Broken("no connection", was_sent=False)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeEncodeError):
        return _Broken("the request could not be written down", was_sent=False)
    except httpx2.TimeoutException:
        return _Broken("no answer in time", was_sent=True)
    except (httpx2.HTTPError, httpx2.StreamError):
        return _Broken("the connection broke off", was_sent=True)


def _receive(http: httpx2.Client, request: httpx2.Request, call: Call, deadline: float) -> Answer | _Broken:
    response = http.send(request, stream=True, follow_redirects=False)
    try:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > call.patience.max_bytes:
                return _Broken("the answer is too large", was_sent=True)
            if time.monotonic() > deadline:
                return _Broken("no complete answer in time", was_sent=True)
    finally:
        response.close()
    if _is_cut_off(response.headers, content):
        return _Broken("the answer was cut off", was_sent=True)
    return Answer(call.operation, response.status_code, response.headers, bytes(content), call.writes)


def _is_cut_off(headers: httpx2.Headers, content: bytearray) -> bool:
    """Packed content is not measured: its length announces other bytes, and cut off it is unreadable."""
    announced = headers.get("content-length", "")
    return "content-encoding" not in headers and announced.isdigit() and int(announced) != len(content)
