import gzip
import logging
import traceback
from collections.abc import Callable, Iterator

import httpx2
import pytest

from kogge.spapi import (
    PUBLISHED_LIMITS,
    Amazon,
    AskHuman,
    Endpoints,
    FixSettings,
    NotFound,
    OutcomeUnknown,
    Throttled,
    TryLater,
    feeds_2021_06_30,
    orders_2026_01_01,
    sellers_v1,
    transport,
)

from .conftest import SECRETS, Buckets, Clock, Memory, Wire, refusal, reply, web_page

ORDER = {"order": {"orderId": "305-1182244-9021001"}}


def read(amazon: Amazon) -> bytes:
    return orders_2026_01_01.get_order(amazon, "305-1182244-9021001")


def write(amazon: Amazon) -> str:
    return feeds_2021_06_30.create_feed(
        amazon, "POST_ORDER_ACKNOWLEDGEMENT_DATA", ("A1PA6795UKMFR9",), "doc-1"
    )


def test_every_call_carries_token_time_and_name(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ORDER))

    read(amazon)

    headers = wire.sent[0].headers
    assert headers["x-amz-access-token"] == "Atza|token1"
    assert headers["x-amz-date"] == "20261123T090000Z"
    assert headers["user-agent"].startswith("Kogge/")
    assert "Language=Python/" in headers["user-agent"]
    assert headers["accept-encoding"] == "gzip"


def test_every_call_is_bounded_in_time(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ORDER))

    read(amazon)

    assert wire.sent[0].extensions["timeout"] == {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}


def test_a_token_is_taken_from_the_bucket_before_each_call(
    amazon: Amazon, wire: Wire, buckets: Buckets
) -> None:
    wire.lay(reply(ORDER))
    buckets.empty = {"createFeed"}

    read(amazon)
    with pytest.raises(Throttled) as caught:
        write(amazon)

    assert buckets.taken == ["getOrder"]
    assert len(wire.sent) == 1
    assert (caught.value.status, caught.value.retry_after) == (None, 7.0)


def test_the_rate_that_amazon_names_is_learned(amazon: Amazon, wire: Wire, buckets: Buckets) -> None:
    wire.lay(
        reply(ORDER, x_amzn_ratelimit_limit="0.75"),
        refusal(400, "InvalidInput", x_amzn_ratelimit_limit="1.5"),
        reply(ORDER, x_amzn_ratelimit_limit="inf"),
    )

    read(amazon)
    with pytest.raises(AskHuman):
        write(amazon)
    read(amazon)

    assert buckets.rates == {"getOrder": 0.75, "createFeed": 1.5}


@pytest.mark.parametrize(("status", "code"), [(429, "QuotaExceeded"), (400, "QuotaExceeded")])
def test_a_refusal_for_want_of_a_token_is_no_good_answer_to_learn_from(
    amazon: Amazon, wire: Wire, buckets: Buckets, status: int, code: str
) -> None:
    wire.lay(refusal(status, code, x_amzn_ratelimit_limit="0.75"))

    with pytest.raises(Throttled):
        read(amazon)

    assert buckets.rates == {}
    assert [operation for operation, _asked in buckets.emptied_by_amazon] == ["getOrder"]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (refusal(429, "QuotaExceeded"), None),
        (refusal(429, "QuotaExceeded", retry_after="9"), 9.0),
        (web_page(429), None),
        (refusal(403, "QuotaExceeded"), None),
    ],
)
def test_too_many_requests_empty_the_bucket(
    amazon: Amazon, wire: Wire, buckets: Buckets, answer: httpx2.Response, asked: float | None
) -> None:
    wire.lay(answer)

    with pytest.raises(Throttled) as caught:
        read(amazon)

    assert buckets.emptied_by_amazon == [("getOrder", asked)]
    assert caught.value.retry_after == (asked or 180.0)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_every_operation_called_has_a_published_limit(amazon: Amazon, wire: Wire, buckets: Buckets) -> None:
    wire.lay(reply(ORDER), reply({"feedId": "1"}, 202), reply({"payload": []}))

    read(amazon)
    write(amazon)
    sellers_v1.marketplace_participations(amazon)

    assert set(buckets.taken) <= PUBLISHED_LIMITS.keys()
    assert PUBLISHED_LIMITS["searchOrders"] == (0.0056, 20)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_replaced_and_the_call_repeated_once(
    amazon: Amazon, wire: Wire, buckets: Buckets, status: int
) -> None:
    wire.lay(refusal(status, "Unauthorized"), reply(ORDER))

    read(amazon)

    assert [sent.headers["x-amz-access-token"] for sent in wire.sent] == ["Atza|token1", "Atza|token2"]
    assert buckets.taken == ["getOrder", "getOrder"]


def test_a_call_refused_with_a_fresh_token_is_for_the_settings(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(403, "Unauthorized"), refusal(403, "Unauthorized", "Access is denied"))

    with pytest.raises(FixSettings, match="Access is denied") as caught:
        read(amazon)

    assert caught.value.reason == "unauthorized"
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [("Access denied", "access_denied"), ("This seller is not in this region", "wrong_region")],
)
def test_denied_access_is_not_repeated(amazon: Amazon, wire: Wire, message: str, reason: str) -> None:
    wire.lay(refusal(403, "AccessDenied", message))

    with pytest.raises(FixSettings) as caught:
        read(amazon)

    assert caught.value.reason == reason
    assert (caught.value.status, caught.value.request_id) == (403, "req-1")
    assert len(wire.token_requests) == 1


def test_a_revoked_authorisation_shows_when_the_token_is_replaced(amazon: Amazon, wire: Wire) -> None:
    fresh = reply({"access_token": "Atza|token1", "expires_in": 3600})
    wire.tokens = [fresh, reply({"error": "invalid_grant"}, 400)]
    wire.lay(refusal(403, "Unauthorized"))

    with pytest.raises(FixSettings) as caught:
        read(amazon)

    assert caught.value.reason == "invalid_grant"


def test_a_refused_request_is_for_a_human_in_amazons_words(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(400, "InvalidInput", "includedData is wrong"))

    with pytest.raises(AskHuman) as caught:
        read(amazon)

    error = caught.value
    assert (error.code, error.message, error.status) == ("InvalidInput", "includedData is wrong", 400)
    assert (error.operation, error.request_id) == ("getOrder", "req-1")


def test_what_amazon_does_not_know_is_not_found(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NotFound"))

    with pytest.raises(NotFound):
        read(amazon)


def test_a_refusal_in_json_without_reasons_is_still_a_refusal(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"message": "too large"}, 413))

    with pytest.raises(AskHuman) as caught:
        read(amazon)

    assert caught.value.code == "413"


def cut_off() -> httpx2.Response:
    return httpx2.Response(200, headers={"content-length": "500"}, content=b'{"order": {}}')


def wrongly_packed() -> httpx2.Response:
    stream = iter([b"not gzip at all"])
    return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=stream)


UNSETTLED: dict[str, Callable[[], httpx2.Response]] = {
    "a web page with 200": web_page,
    "a web page with 400": lambda: web_page(400),
    "a web page with 403": lambda: web_page(403),
    "a web page with 503": lambda: web_page(503),
    "nothing with 200": lambda: reply(None),
    "nothing with 400": lambda: reply(None, 400),
    "no JSON": lambda: httpx2.Response(200, content=b'{"order": {"orderId"'),
    "no UTF-8": lambda: httpx2.Response(200, content=b'{"\xff\xfe": 1}'),
    "JSON without the mandatory key": lambda: reply({"unexpected": True}),
    "null in place of the mandatory key": lambda: reply({"order": None, "feedId": None}),
    "errors with 200": lambda: reply({"errors": [{"code": "InternalFailure"}]}),
    "cut off": cut_off,
    "wrongly packed": wrongly_packed,
    "a redirect": lambda: reply(None, 302, location="https://elsewhere.example/"),
    "an internal failure": lambda: refusal(500, "InternalFailure"),
    "an outage": lambda: refusal(503, "ServiceUnavailable"),
    "a gateway's time-out": lambda: reply(None, 504),
}


@pytest.mark.parametrize("answer", UNSETTLED.values(), ids=UNSETTLED.keys())
def test_an_answer_that_settles_nothing_is_never_success(
    amazon: Amazon, wire: Wire, answer: Callable[[], httpx2.Response]
) -> None:
    wire.lay(answer(), answer())

    with pytest.raises(TryLater) as reading:
        read(amazon)
    with pytest.raises(OutcomeUnknown):
        write(amazon)

    assert type(reading.value) is TryLater
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("x"),
        httpx2.ConnectTimeout("x"),
        httpx2.PoolTimeout("x"),
        httpx2.LocalProtocolError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_write_that_did_not_arrive_may_be_repeated(amazon: Amazon, wire: Wire, failure: Exception) -> None:
    wire.lay(failure)

    with pytest.raises(TryLater) as caught:
        write(amazon)

    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ReadTimeout("x"),
        httpx2.WriteTimeout("x"),
        httpx2.ReadError("x"),
        httpx2.WriteError("x"),
        httpx2.RemoteProtocolError("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_write_whose_answer_got_lost_has_an_unknown_outcome(
    amazon: Amazon, wire: Wire, failure: Exception
) -> None:
    wire.lay(failure, failure)

    with pytest.raises(OutcomeUnknown):
        write(amazon)
    with pytest.raises(TryLater) as reading:
        read(amazon)

    assert not isinstance(reading.value, OutcomeUnknown)


def test_an_endless_answer_is_given_up(amazon: Amazon, wire: Wire) -> None:
    def without_end() -> Iterator[bytes]:
        while True:
            yield b" " * 1024 * 1024

    wire.lay(httpx2.Response(200, content=without_end()))

    with pytest.raises(TryLater, match="too large"):
        read(amazon)


def test_an_answer_that_drips_is_given_up(
    amazon: Amazon, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = iter(range(0, 10_000, 20))
    monkeypatch.setattr("kogge.spapi.transport.time.monotonic", lambda: float(next(passed)))
    wire.lay(httpx2.Response(200, content=iter([b" "] * 10)))

    with pytest.raises(TryLater, match="in time"):
        amazon.transfer(transport.Call("downloadFeedDocument", "GET", "https://store.example/"))


def test_an_answer_may_be_packed(amazon: Amazon, wire: Wire) -> None:
    packed = gzip.compress(b'{"order": {"orderId": "1"}}')
    wire.lay(httpx2.Response(200, headers={"content-encoding": "gzip"}, content=packed))

    assert read(amazon) == b'{"orderId": "1"}'


def test_a_run_can_count_its_calls(amazon: Amazon, wire: Wire) -> None:
    calls: list[str] = []
    amazon.on_call = calls.append
    wire.lay(refusal(403, "Unauthorized"), reply(ORDER), httpx2.ConnectError("x"))

    read(amazon)
    with pytest.raises(TryLater):
        write(amazon)

    assert calls == ["getOrder", "getOrder", "createFeed"]


def test_cookies_are_not_carried_from_seller_to_seller(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ORDER, set_cookie="session=1; Path=/"), reply(ORDER))

    read(amazon)
    read(amazon)

    assert "cookie" not in wire.sent[1].headers


def test_a_client_closes_what_it_opened_and_nothing_else(
    http: httpx2.Client, buckets: Buckets, memory: Memory, clock: Clock
) -> None:
    endpoints = Endpoints.for_region("eu")

    with Amazon(SECRETS, endpoints, buckets, memory, http, clock=clock):
        pass
    with Amazon(SECRETS, endpoints, buckets, memory, clock=clock) as own:
        pass

    assert not http.is_closed
    assert own._http.is_closed


def test_a_call_leaves_one_line_in_the_log(
    amazon: Amazon, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.lay(reply(ORDER))
    read(amazon)
    wire.lay(reply(ORDER))
    caplog.clear()

    with caplog.at_level(logging.DEBUG):
        read(amazon)

    lines = [record.getMessage().split() for record in caplog.records if record.name == "kogge.spapi"]
    assert [(line[0], line[1], line[3], line[4]) for line in lines] == [("getOrder", "200", "ms", "req-1")]


BUYER = {"buyerName": "Erika Geheim", "buyerEmail": "geheim@marketplace.amazon.de"}
SECRET_WORDS = ["Atza|", "Atzr|", "verysecret", "refreshsecret", "Erika", "geheim@", "X-Amz-Signature"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.ReadTimeout("Atza|token1"),
        httpx2.LocalProtocolError("Illegal header value b'Atza|token1'"),
        reply({"orders": BUYER}),
        refusal(400, "InvalidInput", "geheim@marketplace.amazon.de sent Atza|token1"),
        refusal(403, "AccessDenied"),
        web_page(503),
        refusal(429, "QuotaExceeded"),
    ],
    ids=["time-out", "illegal header", "unreadable", "refused", "denied", "outage", "throttled"],
)
def test_secrets_and_buyers_stay_out_of_logs_and_tracebacks(
    amazon: Amazon, wire: Wire, caplog: pytest.LogCaptureFixture, answer: httpx2.Response
) -> None:
    query = orders_2026_01_01.OrderQuery(created_after="2026-11-01T00:00:00Z")
    wire.lay(answer)

    with caplog.at_level(logging.DEBUG), pytest.raises(Exception) as caught:
        orders_2026_01_01.search_orders(amazon, query)

    with_locals = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    below_this_test = list(with_locals.format())[2:]
    written = "".join([caplog.text, *traceback.format_exception(caught.value), *below_this_test])
    assert [word for word in SECRET_WORDS if word in written] == []
    assert caught.value.__context__ is None


def test_secrets_stay_out_of_tracebacks_of_refused_credentials(
    amazon: Amazon, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.tokens = [
        reply({"error": "invalid_grant", "error_description": "Atzr|refreshsecret is revoked"}, 400)
    ]

    with caplog.at_level(logging.DEBUG), pytest.raises(FixSettings) as caught:
        read(amazon)

    with_locals = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    written = caplog.text + "".join(list(with_locals.format())[2:])
    assert [word for word in SECRET_WORDS if word in written] == []


def test_an_address_with_a_signature_stays_out_of_the_log(
    amazon: Amazon, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.lay(httpx2.Response(200), httpx2.ReadError("X-Amz-Signature=1"))
    url = "https://store.example/up?X-Amz-Signature=1"

    with caplog.at_level(logging.INFO):
        feeds_2021_06_30.upload(amazon, url, "text/xml", b"<a/>")
        with pytest.raises(TryLater) as caught:
            feeds_2021_06_30.upload(amazon, url, "text/xml", b"<a/>")

    assert "X-Amz-Signature" not in caplog.text + "".join(traceback.format_exception(caught.value))


def test_secrets_stay_out_of_reprs(amazon: Amazon, memory: Memory, wire: Wire) -> None:
    wire.lay(reply(ORDER))
    read(amazon)
    call = transport.Call("getOrder", "GET", "https://x.example/?X-Amz-Signature=1", headers={"a": "Atza|1"})

    shown = " ".join(map(repr, (SECRETS, amazon, amazon._tokens, memory.token, call)))

    assert [word for word in SECRET_WORDS if word in shown] == []
