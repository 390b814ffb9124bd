"""A wire instead of Amazon: what was sent can be read, what comes back is laid ready."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from kogge.spapi import AccessToken, Amazon, Credentials, Endpoints, Throttled, open_http
from tests.amazon_models import MODELS, check_request, operations

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRETS = Credentials(
    client_id="amzn1.application-oa2-client.0000",
    client_secret="amzn1.oa2-cs.v1.verysecret",
    refresh_token="Atzr|refreshsecret",
)
DATE = "Mon, 23 Nov 2026 09:00:05 GMT"

Laid = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


@dataclass
class Wire:
    """Answers API requests from `laid`, in order, and token requests from `tokens` or with a fresh one."""

    laid: list[Laid] = field(default_factory=list)
    tokens: list[Laid] = field(default_factory=list)
    sent: list[httpx2.Request] = field(default_factory=list)
    token_requests: list[httpx2.Request] = field(default_factory=list)

    def lay(self, *answers: Laid) -> None:
        self.laid += answers

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/auth/o2/token":
            self.token_requests.append(request)
            fresh = {"access_token": f"Atza|token{len(self.token_requests)}", "expires_in": 3600}
            return answer_with(self.tokens.pop(0) if self.tokens else reply(fresh), request)
        self.sent.append(request)
        if request.url.host == "sellingpartnerapi-eu.amazon.com":
            allowed_by_amazon(request)
        return answer_with(self.laid.pop(0), request)


@dataclass
class Buckets:
    """A limiter that allows everything but what is in `empty`, and remembers what it heard."""

    empty: set[str] = field(default_factory=set)
    taken: list[str] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    emptied_by_amazon: list[tuple[str, float | None]] = field(default_factory=list)

    def take(self, operation: str) -> None:
        if operation in self.empty:
            raise Throttled(operation=operation, retry_after=7.0)
        self.taken.append(operation)

    def learn(self, operation: str, rate: float) -> None:
        self.rates[operation] = rate

    def emptied(self, operation: str, retry_after: float | None) -> float:
        self.emptied_by_amazon.append((operation, retry_after))
        return retry_after or 180.0


@dataclass
class Memory:
    """A token cache in memory."""

    token: AccessToken | None = None

    def load(self) -> AccessToken | None:
        return self.token

    def store(self, token: AccessToken) -> None:
        self.token = token


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> None:
        self.now += timedelta(**time)


def reply(body: Any = None, status: int = 200, **headers: str) -> httpx2.Response:
    """An answer of Amazon as JSON, with a request id and Amazon's clock."""
    content = b"" if body is None else json.dumps(body).encode()
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    known = {"content-type": "application/json", "x-amzn-requestid": "req-1", "date": DATE}
    return httpx2.Response(status, headers=known | given, content=content)


def refusal(status: int, code: str, message: str = "Amazon says no", **headers: str) -> httpx2.Response:
    return reply({"errors": [{"code": code, "message": message, "details": ""}]}, status, **headers)


def web_page(status: int = 200) -> httpx2.Response:
    page = b"<!DOCTYPE html><html><body>Service Unavailable</body></html>"
    return httpx2.Response(status, headers={"content-type": "text/html"}, content=page)


def allowed_by_amazon(request: httpx2.Request) -> None:
    """Every request we build must be one that Amazon's model allows, where the models are present."""
    if MODELS.is_dir():
        url = request.url
        check_request(
            request.method, url.raw_path.decode().split("?")[0], url.query.decode(), request.content
        )


def examples(path: str, operation: str, status: str = "200") -> Iterator[tuple[dict[str, Any], Any]]:
    """Amazon's own examples of an operation below a path: the parameters and the answer to them."""
    [found] = [each for each in operations() if each.name == operation and each.path.startswith(path)]
    answer = found.specification["responses"][status]
    for block in answer.get("x-amzn-api-sandbox", {}).get("static", []):
        yield block["request"].get("parameters", {}), block["response"]
    if plain := answer.get("examples"):
        yield {}, plain.get("application/json", plain)


def answer_with(laid: Laid, request: httpx2.Request) -> httpx2.Response:
    if isinstance(laid, Exception):
        raise laid
    return laid if isinstance(laid, httpx2.Response) else laid(request)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def buckets() -> Buckets:
    return Buckets()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(wire: Wire) -> Iterator[httpx2.Client]:
    with open_http(httpx2.MockTransport(wire)) as client:
        yield client


@pytest.fixture
def amazon(http: httpx2.Client, buckets: Buckets, memory: Memory, clock: Clock) -> Amazon:
    return Amazon(SECRETS, Endpoints.for_region("eu"), buckets, memory, http, clock=clock)
