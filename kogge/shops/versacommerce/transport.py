"""One HTTP exchange with a shop: bounded in time and size, logged in one line, failures put into values.

httpx2's exceptions hold the request and thereby the password, so none gets further than here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from kogge import __version__
from kogge.values import plain_text, web_address

MEBIBYTE = 1024 * 1024
PER_SECOND = 2.0  # the shop's limit is not published; this is far under any that is plausible
ROUNDING = 1e-6  # seconds; what floating point makes of a wait that is over

logger = logging.getLogger("kogge.shops.versacommerce")

# httpx2 logs whole addresses, and the one of registering holds a key.
logging.getLogger("httpx2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how much we take from a shop: seconds for each step, for one exchange, for all tries."""

    connect: float = 5.0
    read: float = 20.0
    exchange: float = 40.0
    retrying: float = 20.0
    max_bytes: int = 32 * MEBIBYTE

    def timeout(self) -> httpx2.Timeout:
        return httpx2.Timeout(self.read, connect=self.connect)


class Turns(Protocol):
    """Who may ask one shop when: shared by all that speak to it."""

    def take(self) -> float:
        """Take the right to one request: 0.0, else the seconds until there may be one."""


class EvenTurns:
    """At most so many requests a second, by one process: for a shop that no other process speaks to."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        with self._lock:
            wait = self._next - self._clock()
            if wait > ROUNDING:
                return wait
            self._next += self._interval - min(wait, 0.0)
            return 0.0


class Pace:
    """How fast one shop is asked: each request waits for its turn.

    Whose `turns` are shared by all processes waits for theirs, too; without, this process alone counts.
    """

    def __init__(
        self,
        per_second: float = PER_SECOND,
        *,
        turns: Turns | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self._turns = turns or EvenTurns(per_second, clock)

    def wait(self) -> None:
        """Wait for one's turn."""
        while (seconds := self._turns.take()) > 0:
            self.sleep(seconds)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back, whole. Its repr shows no content."""

    status: int
    headers: httpx2.Headers
    content: bytes

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_web_page(self) -> bool:
        kind = self.headers.get("content-type", "").lower()
        start = self.content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return kind.startswith("text/html") or start.startswith((b"<!doctype html", b"<html"))

    @property
    def is_login(self) -> bool:
        """A page to sign in at, or the way to one: this is not how an API answers."""
        if 300 <= self.status < 400:
            path = urlsplit(self.headers.get("location", "")).path.lower()
            return any(word in path for word in ("login", "signin", "sign_in", "session", "auth"))
        return self.is_web_page and b'type="password"' in self.content.replace(b"'", b'"').lower()

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the shop asks us to wait, given as seconds or as a moment."""
        text = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(text)
        except ValueError:
            seconds = _seconds_until(text, now)
        return seconds if 0 <= seconds < float("inf") else None

    def __repr__(self) -> str:
        return f"<Answer HTTP {self.status}, {len(self.content)} bytes>"


@dataclass(frozen=True, slots=True)
class Broken:
    """An exchange that led to no answer. `was_sent`: the shop may have acted on it."""

    explanation: str
    was_sent: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be made. What may be secret or personal stays out of its repr."""

    method: str
    url: str = field(repr=False)
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def open_http(transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """An HTTP client fit for shops: keep-alive, no redirects (they would carry the password), no cookies."""
    return httpx2.Client(
        transport=transport,
        headers={"Accept-Encoding": "gzip"},
        limits=httpx2.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=30.0),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


def user_agent(contact: str = "") -> str:
    """VersaCommerce asks for a name and an address to write to."""
    plain = "".join(sign for sign in contact if sign.isascii() and sign.isprintable() and sign not in "()")
    return f"Kogge/{__version__}" + (f" ({plain[:120]})" if plain else "")


def exchange(http: httpx2.Client, call: Call, patience: Patience) -> Answer | Broken:
    """Send and receive once, whatever the status of the answer."""
    began = time.monotonic()
    outcome = _attempt(http, call, patience, began)
    took = round((time.monotonic() - began) * 1000)
    what = f"{call.method} {plain_text(urlsplit(call.url).path, 120)}"
    if isinstance(outcome, Answer):
        logger.info("%s %d %d ms", what, outcome.status, took)
    else:
        logger.info("%s no answer (%s) %d ms", what, outcome.explanation, took)
    return outcome


def safe_base(url: str) -> str:
    """A shop's address: https, or http on this machine; without a path. Raises `InvalidValue`."""
    parts = web_address(url.strip())
    host, port = parts.hostname or "", parts.port
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}" + (f":{port}" if port else "")


def _attempt(http: httpx2.Client, call: Call, patience: Patience, began: float) -> Answer | Broken:
    try:
        request = http.build_request(
            call.method,
            call.url,
            params=call.params or None,
            headers=call.headers,
            content=call.body,
            timeout=patience.timeout(),
        )
        return _receive(http, request, patience, began + patience.exchange)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError):
        return Broken("no connection", was_sent=False)
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeError):
        return Broken("the request could not be written down", was_sent=False)
    except httpx2.TimeoutException:
        return Broken("no answer in time", was_sent=True)
    except (httpx2.HTTPError, httpx2.StreamError):
        return Broken("the connection broke off", was_sent=True)


def _receive(
    http: httpx2.Client, request: httpx2.Request, patience: Patience, deadline: float
) -> Answer | Broken:
    response = http.send(request, stream=True, follow_redirects=False)
    try:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > patience.max_bytes:
                return Broken("the answer is too large", was_sent=True)
            if time.monotonic() > deadline:
                return Broken("no complete answer in time", was_sent=True)
    finally:
        response.close()
    return Answer(response.status_code, response.headers, bytes(content))


def _seconds_until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return -1
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
