"""The one door to the Selling Partner API: tokens, limits, headers, one retry, errors.

The section modules (orders_2026_01_01, feeds_2021_06_30, …) know paths and fields; what holds for
every call lives here. https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import httpx2
import msgspec

from kogge.spapi.auth import Credentials, TokenCache, TokenSource
from kogge.spapi.errors import AmazonError, AskHuman, FixSettings, NotFound, Reason, Throttled
from kogge.spapi.marketplaces import REGIONS
from kogge.spapi.transport import USER_AGENT, Answer, Call, exchange, open_http, positive_number, safe_url
from kogge.values import InvalidValue

LWA_URL = "https://api.amazon.com/auth/o2/token"

PUBLISHED_LIMITS: dict[str, tuple[float, int]] = {
    # operation: (tokens per second, size of the bucket); a start, the rate header corrects it
    "searchOrders": (0.0056, 20),
    "getOrder": (0.5, 30),
    "confirmShipment": (2.0, 10),
    "createFeedDocument": (0.5, 15),
    "createFeed": (0.0083, 15),
    "getFeed": (2.0, 15),
    "cancelFeed": (2.0, 15),
    "getFeeds": (0.0222, 10),
    "getFeedDocument": (0.0222, 10),
    "getMarketplaceParticipations": (0.016, 15),
    "getListingsItem": (5.0, 10),
    "patchListingsItem": (5.0, 5),
    "putListingsItem": (5.0, 10),
    "searchListingsItems": (5.0, 5),
    "getListingsRestrictions": (5.0, 10),
    "searchCatalogItems": (2.0, 2),
    "getCatalogItem": (2.0, 2),
    "getInventorySummaries": (2.0, 2),
    "getFulfillmentPreview": (2.0, 30),
    "createFulfillmentOrder": (2.0, 30),
    "getFulfillmentOrder": (2.0, 30),
    "listAllFulfillmentOrders": (2.0, 30),
    "cancelFulfillmentOrder": (2.0, 30),
    "getPackageTrackingDetails": (2.0, 30),
    # Amazon's own ids of these lack "outbound": some belong to the Orders API as well
    "outboundGetOrderPreview": (2.0, 30),
    "outboundCreateOrder": (2.0, 30),
    "outboundGetOrder": (2.0, 30),
    "outboundListOrders": (2.0, 30),
    "outboundCancelOrder": (2.0, 30),
    # Of an application, not of a seller, are those about destinations and deleteSubscriptionById.
    "createDestination": (1.0, 5),
    "getDestinations": (1.0, 5),
    "deleteDestination": (1.0, 5),
    "createSubscription": (1.0, 5),
    "getSubscription": (1.0, 5),
    "deleteSubscriptionById": (1.0, 5),
}

# Numbers that were read as Decimal go back as the same numbers; text would be another value to Amazon.
encoder = msgspec.json.Encoder(decimal_format="number")


class Limiter(Protocol):
    """The token buckets of one connection, shared by all its processes (promise 10)."""

    def take(self, operation: str) -> None:
        """Take a token before the call. Raises `Throttled` with the seconds to wait when there is none."""

    def learn(self, operation: str, rate: float) -> None:
        """Adopt the rate (tokens per second) that Amazon named."""

    def emptied(self, operation: str, retry_after: float | None) -> float:
        """Amazon says the bucket is empty; returns the seconds to wait."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The three places a connection speaks to: the API, the token endpoint (whole URL), the consent host."""

    api_url: str
    lwa_url: str
    consent_url: str

    def __post_init__(self) -> None:
        for name in ("api_url", "lwa_url", "consent_url"):
            try:
                object.__setattr__(self, name, safe_url(getattr(self, name)).rstrip("/"))
            except InvalidValue as error:
                raise InvalidValue(f"{name}: {error}") from None

    @classmethod
    def for_region(cls, region: str, overrides: Mapping[str, str | None] | None = None) -> Self:
        """Amazon's hosts of a region (eu, na, fe); `overrides` replaces single ones by field name.

        Raises `InvalidValue` for an unknown region or field, and for plain http beyond this machine.
        """
        if region not in REGIONS:
            raise InvalidValue(f"not an Amazon region: {region[:20]!r}; known are {', '.join(REGIONS)}")
        urls = {
            "api_url": REGIONS[region].api_url,
            "lwa_url": LWA_URL,
            "consent_url": REGIONS[region].consent_url,
        }
        given = {name: url for name, url in (overrides or {}).items() if url}
        if unknown := given.keys() - urls.keys():
            raise InvalidValue(f"no such Amazon endpoint: {', '.join(sorted(unknown))}")
        return cls(**(urls | given))


class Amazon:
    """One seller account at Amazon. Give it to the functions of the section modules.

    `clock` returns the aware time now. `on_call` hears the operation of every request that is sent,
    retries and document transfers included. Without `http` it opens its own client and closes it.
    """

    def __init__(
        self,
        credentials: Credentials,
        endpoints: Endpoints,
        limiter: Limiter,
        token_cache: TokenCache,
        http: httpx2.Client | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        on_call: Callable[[str], None] | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.on_call = on_call
        self._owns_http = http is None
        self._http = http or open_http()
        self._limiter = limiter
        self._clock = clock or _utc_now
        self._tokens = TokenSource(credentials, token_cache, self._http, endpoints.lwa_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Amazon at {self.endpoints.api_url}>"

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def get(self, operation: str, path: str, params: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Read something. Raises `AmazonError`; returns only answers with a status of success."""
        return self._settled(operation, "GET", path, params=params)

    def write(
        self,
        operation: str,
        method: str,
        path: str,
        body: object = None,
        *,
        params: tuple[tuple[str, str], ...] = (),
        repeatable: bool = False,
    ) -> Answer:
        """Change something. `repeatable` marks writes without effect of their own, safe to send again.

        Raises `OutcomeUnknown` for the others when it cannot be known whether Amazon acted on it.
        """
        content = None if body is None else encoder.encode(body)
        return self._settled(operation, method, path, params=params, body=content, writes=not repeatable)

    def transfer(self, call: Call) -> Answer:
        """Send or fetch a document at a presigned address: no token, no bucket, no SP-API header."""
        self._count(call.operation)
        answer = exchange(self._http, call)
        if not answer.succeeded:
            raise answer.trouble("the document store refused")
        return answer

    def _settled(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: tuple[tuple[str, str], ...] = (),
        body: bytes | None = None,
        writes: bool = False,
    ) -> Answer:
        def once(*, force_new: bool) -> Answer:
            call = Call(
                operation,
                method,
                self.endpoints.api_url + path,
                params,
                self._headers(force_new=force_new, has_body=body is not None),
                body,
                writes,
            )
            self._limiter.take(operation)
            self._count(operation)
            return exchange(self._http, call)

        answer = once(force_new=False)
        if _refuses_the_token(answer):
            answer = once(force_new=True)
        error = self._error(answer)
        rate = positive_number(answer.headers.get("x-amzn-ratelimit-limit"))
        # A refusal for want of a token is no good answer, after which the limiter would be bolder again.
        if rate and not isinstance(error, Throttled):
            self._limiter.learn(operation, rate)
        if error is not None:
            raise error
        return answer

    def _headers(self, *, force_new: bool, has_body: bool) -> dict[str, str]:
        now = self._clock()
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "x-amz-access-token": self._tokens.access_token(now, force_new=force_new),
            "x-amz-date": now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        if has_body:
            headers["Content-Type"] = "application/json"
        return headers

    def _count(self, operation: str) -> None:
        if self.on_call is not None:
            self.on_call(operation)

    def _error(self, answer: Answer) -> AmazonError | None:
        """The error that an answer stands for. What lies between us and Amazon speaks HTML, so that is never
        Amazon's word, whatever the status."""
        refusal = _refusal(answer)
        if answer.status == 429 or refusal.code == "QuotaExceeded":
            return self._throttled(answer)
        if answer.is_html:
            return answer.trouble("the answer is a web page and not Amazon's")
        if answer.succeeded:
            return None
        if answer.status >= 500 or answer.status < 400 or not refusal.is_amazons:
            return answer.trouble(refusal.text or "Amazon is out of order")
        if answer.status in (401, 403):
            return _denied(answer, refusal)
        # Changing a listing that does not exist is a bad request to Amazon, with the same code as a 404.
        is_missing = answer.status == 404 or refusal.code in ("NOT_FOUND", "NotFound")
        kind = NotFound if is_missing else AskHuman
        return kind(
            refusal.text,
            operation=answer.operation,
            code=refusal.code or str(answer.status),
            request_id=answer.request_id,
            status=answer.status,
        )

    def _throttled(self, answer: Answer) -> Throttled:
        return Throttled(
            operation=answer.operation,
            request_id=answer.request_id,
            status=answer.status,
            retry_after=self._limiter.emptied(answer.operation, answer.retry_after),
        )


class _Problem(msgspec.Struct):
    code: str = ""
    message: str | None = None
    details: str | None = None


class _ErrorList(msgspec.Struct):
    errors: list[_Problem] = []


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Amazon's reason, as far as the answer names one. `is_amazons`: the answer is JSON at all."""

    code: str = ""
    text: str = ""
    is_amazons: bool = False


_error_list = msgspec.json.Decoder(_ErrorList)


def _refusal(answer: Answer) -> _Refusal:
    if answer.succeeded:
        return _Refusal()
    try:
        problems = _error_list.decode(answer.content).errors
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Refusal()
    if not problems:
        return _Refusal(is_amazons=True)
    first = problems[0]
    words = dict.fromkeys(filter(None, (first.message, first.details)))
    return _Refusal(first.code, "; ".join(words), is_amazons=True)


def _refuses_the_token(answer: Answer) -> bool:
    if answer.status not in (401, 403) or answer.is_html:
        return False
    refusal = _refusal(answer)
    return refusal.is_amazons and refusal.code not in ("AccessDenied", "QuotaExceeded")


def _denied(answer: Answer, refusal: _Refusal) -> FixSettings:
    """Amazon uses AccessDenied for a missing role, an ineligible seller and a wrong region alike;
    only its sentence tells them apart."""
    reason: Reason = "access_denied" if refusal.code == "AccessDenied" else "unauthorized"
    if "region" in refusal.text.lower():
        reason = "wrong_region"
    return FixSettings(
        refusal.text,
        operation=answer.operation,
        reason=reason,
        request_id=answer.request_id,
        status=answer.status,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
