"""The one door to a shop's API: who we are, how often, what is tried again, and what an answer means.

| answer | becomes |
| --- | --- |
| 2xx with a JSON document, or nothing after a write | the document |
| 401, a login page, the way to one | `ShopAccessLost` |
| 403 | `ShopAccessLost`: to a write, that writing is not unlocked |
| 404 | None to a read, `ShopRefuses` to a write |
| 422 and what else the shop will not do | `ShopRefuses` with the shop's own sentences |
| 429, 5xx, no answer, a web page, half an answer | tried again if it only reads; then `ShopUnavailable` |

A write is sent again only when the shop surely did not look at it: without a connection, or at 429.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import defusedxml
import httpx2
import msgspec
from defusedxml.ElementTree import fromstring

from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, ShopAccessLost
from kogge.shops.versacommerce.transport import (
    Answer,
    Broken,
    Call,
    Pace,
    Patience,
    exchange,
    open_http,
    safe_base,
    user_agent,
)
from kogge.values import InvalidValue, plain_text

TRIES = 4
FIRST_PAUSE = 0.5  # seconds; doubled with every try
SENTENCES_LIMIT = 500

_PASSING = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 527, 529, 530}
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder()


class NotAnApi(ShopUnavailable):
    """A web page came instead of a document: maintenance, somebody in between, or no shop at all."""


class Missing(ShopRefuses):
    """What was to be changed is not there."""


@dataclass(frozen=True, slots=True)
class Access:
    """How one shop is reached. Raises `InvalidValue`; its repr shows only where."""

    base_url: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    token: str = field(default="", repr=False)
    contact: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", safe_base(self.base_url))
        if not (self.token.isascii() and (self.token.isprintable())):
            raise InvalidValue("a token that does not fit into a request")

    def headers(self) -> dict[str, str]:
        words = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        token = {"X-Versacommerce-API-Token": self.token} if self.token else {}
        return {
            "Accept": "application/json",
            "Authorization": f"Basic {words}",
            "User-Agent": user_agent(self.contact),
            **token,
        }


class Client:
    """Speaks to one shop. Without `http` it opens its own client and closes it.

    `pace` is shared by all who speak to the same shop; its clock and its sleep are used for retrying, too.
    """

    def __init__(
        self,
        access: Access,
        http: httpx2.Client | None = None,
        *,
        pace: Pace | None = None,
        patience: Patience | None = None,
        now: Callable[[], datetime] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.access = access
        self._owns_http = http is None
        self._http = http or open_http()
        self._pace = pace or Pace()
        self._patience = patience or Patience()
        self._now = now or _utc_now
        self._jitter = jitter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<shop at {self.access.base_url}>"

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def read(self, path: str, *params: tuple[str, str]) -> object | None:
        """A document as it came; None if there is no such record."""
        answer = self._answer("GET", path, params)
        if answer.status == 404:
            return None
        if error := _refusal(answer, writes=False):
            raise error
        found = _document(answer)
        if found is None:  # "null" is neither a record nor the word that there is none
            raise ShopUnavailable("the answer says nothing")
        return found

    def write(self, method: str, path: str, document: Mapping[str, object] | None = None) -> Written:
        """Change something. Raises `ShopUnavailable` also when the shop may have done it."""
        body = None if document is None else _encoder.encode(document)
        answer = self._answer(method, path, (), body)
        if error := _refusal(answer, writes=True):
            raise error
        location = urlsplit(answer.headers.get("location", "")).path
        if not answer.content.strip():
            return Written(None, _id_in(location))
        # Done is done, even if what it says about it cannot be read.
        try:
            return Written(_decoder.decode(answer.content), _id_in(location))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Written(None, _id_in(location))

    def probe(self, method: str, path: str, document: Mapping[str, object]) -> int:
        """The status of a harmless write, whatever it is. Raises `ShopAccessLost` for a wrong key."""
        answer = self._answer(method, path, (), _encoder.encode(document))
        if answer.is_login or answer.status == 401:
            raise _refusal(answer, writes=True) or ShopAccessLost(Reason.KEY_REFUSED)
        if answer.succeeded and answer.is_web_page:
            raise NotAnApi("a web page came instead of an answer")
        return answer.status

    def _answer(
        self, method: str, path: str, params: tuple[tuple[str, str], ...], body: bytes | None = None
    ) -> Answer:
        """An answer that settles something. Raises `ShopUnavailable` if there was none in all tries."""
        headers = self.access.headers()
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        call = Call(method, f"{self.access.base_url}/api/{path}.json", params, headers, body)
        began = self._pace.clock()
        for pause in self._pauses():
            self._pace.wait()
            outcome = exchange(self._http, call, self._patience)
            trouble = _trouble(outcome, reads=method == "GET")
            if trouble is None and isinstance(outcome, Answer):
                return outcome
            wait = max(pause, self._asked_to_wait(outcome))
            left = self._patience.retrying - (self._pace.clock() - began)
            if not pause or not _may_repeat(method, outcome) or wait > left:
                break
            self._pace.sleep(wait)
        raise trouble or ShopUnavailable("no answer")

    def _pauses(self) -> Iterator[float]:
        """How long to wait after each try: longer every time, not all at once; 0 after the last."""
        for attempt in range(TRIES - 1):
            yield FIRST_PAUSE * 2**attempt * (1 + self._jitter())
        yield 0

    def _asked_to_wait(self, outcome: Answer | Broken) -> float:
        return (outcome.retry_after(self._now()) or 0) if isinstance(outcome, Answer) else 0


@dataclass(frozen=True, slots=True, repr=False)
class Written:
    """What a write answered: the record, if it says so, and its id from the address of the new one."""

    document: object | None
    location_id: str


def _trouble(outcome: Answer | Broken, *, reads: bool) -> ShopUnavailable | None:
    """Why this settles nothing."""
    if isinstance(outcome, Broken):
        return ShopUnavailable(outcome.explanation)
    if outcome.status in _PASSING or outcome.status >= 500:
        return ShopUnavailable(f"the shop is out of order or busy (HTTP {outcome.status})")
    if reads and outcome.succeeded and not outcome.is_web_page and not _is_readable(outcome):
        return ShopUnavailable("the answer is incomplete or unreadable")
    return None


def _may_repeat(method: str, outcome: Answer | Broken) -> bool:
    if method == "GET":
        return True
    if isinstance(outcome, Broken):
        return not outcome.was_sent
    return outcome.status == 429


def _refusal(answer: Answer, *, writes: bool) -> Exception | None:
    """What an answer means that is not what was asked for."""
    if lost := _access_lost(answer, writes=writes):
        return ShopAccessLost(lost)
    if answer.succeeded and not answer.is_web_page:
        return None
    if answer.succeeded or answer.status == 403:
        return NotAnApi(f"a web page came instead of an answer (HTTP {answer.status})")
    if 300 <= answer.status < 400:
        return NotAnApi(f"the shop sends us elsewhere (HTTP {answer.status})")
    kind = Missing if answer.status == 404 else ShopRefuses
    return kind(_sentences(answer) or f"HTTP {answer.status}")


def _access_lost(answer: Answer, *, writes: bool) -> Reason | None:
    if answer.status == 401:
        return Reason.KEY_REFUSED
    if answer.is_login:
        return Reason.NO_SHOP
    if answer.status == 403 and writes:
        return Reason.NOT_UNLOCKED
    if answer.status == 403 and not answer.is_web_page:
        return Reason.KEY_REFUSED  # a web page comes from a guard in front of the shop, not from the shop
    return None


def _is_readable(answer: Answer) -> bool:
    try:
        _decoder.decode(answer.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _document(answer: Answer) -> object:
    found: object = _decoder.decode(answer.content)
    return found


def _sentences(answer: Answer) -> str:
    """Why the shop refuses, in its own words, without mail addresses and not too long."""
    if answer.is_web_page:
        return ""
    try:
        found = list(_words_of(_decoder.decode(answer.content)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _words_of_xml(answer.content)
    text = "; ".join(dict.fromkeys(filter(None, found)))
    return plain_text(" ".join(_MAIL.sub("[…]", text).split()), SENTENCES_LIMIT)


def _words_of(value: object, name: str = "") -> Iterator[str]:
    """{"errors": {"code": ["…"]}}, {"errors": ["…"]}, {"error": "…"}: each was seen somewhere."""
    if isinstance(value, str):
        yield f"{name}: {value}" if name else value
    elif isinstance(value, list):
        for each in value:
            yield from _words_of(each, name)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _words_of(each, "" if key in {"errors", "error", "base", "message"} else str(key))


def _words_of_xml(content: bytes) -> list[str]:
    try:
        root = fromstring(content)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError):
        return []
    return [(each.text or "").strip() for each in root.iter() if each.tag == "error"]


def _id_in(path: str) -> str:
    """The last part of the address of a record: /api/orders/90210.json."""
    found = re.search(r"/(\d{1,20})(?:\.\w+)?/?$", path)
    return found.group(1) if found else ""


def _utc_now() -> datetime:
    return datetime.now(UTC)
