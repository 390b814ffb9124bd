import gzip
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from kogge.spapi import Amazon, AskHuman, NotFound, OutcomeUnknown, TryLater
from kogge.spapi.feeds_2021_06_30 import (
    MAX_UPLOAD_BYTES,
    cancel_feed,
    create_document,
    create_feed,
    find_feeds,
    get_feed,
    result_document,
    upload,
)
from kogge.spapi.transport import DOCUMENT_PATIENCE
from kogge.values import InvalidValue
from tests.amazon_models import needs_models

from .conftest import Wire, examples, refusal, reply

ACKNOWLEDGEMENT = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
XML = "text/xml; charset=UTF-8"
STORE = "https://store.example/doc?X-Amz-Expires=300"
SINCE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REPORT = b"<AmazonEnvelope/>"


def feed(**changes: Any) -> dict[str, Any]:
    return {
        "feedId": "51234020777",
        "feedType": ACKNOWLEDGEMENT,
        "createdTime": "2026-11-23T08:20:04+00:00",
        "processingStatus": "IN_QUEUE",
    } | changes


def document(**changes: Any) -> httpx2.Response:
    return reply({"feedDocumentId": "doc-1", "url": STORE} | changes)


def test_a_document_gets_an_id_an_address_and_amazons_time(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"feedDocumentId": "doc-1", "url": STORE}, 201))

    created = create_document(amazon, XML)

    assert created == ("doc-1", STORE, datetime(2026, 11, 23, 9, 0, 5, tzinfo=UTC))
    assert json.loads(wire.sent[0].content) == {"contentType": XML}


def test_a_lost_document_has_no_consequence(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.ReadTimeout("x"))

    with pytest.raises(TryLater) as caught:
        create_document(amazon, XML)

    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("url", ["", "http://store.example/doc", "file:///etc/passwd", "javascript:1"])
def test_a_document_with_an_unsafe_address_is_not_used(amazon: Amazon, wire: Wire, url: str) -> None:
    wire.lay(document(url=url), document(url=url))

    with pytest.raises(TryLater):
        create_document(amazon, XML)
    with pytest.raises(TryLater):
        result_document(amazon, "doc-1")


def test_the_upload_carries_its_type_and_nothing_of_the_api(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.Response(200))

    upload(amazon, STORE, XML, b"<a/>")

    sent = wire.sent[0]
    assert (sent.method, str(sent.url), sent.content) == ("PUT", STORE, b"<a/>")
    assert sent.headers["content-type"] == XML
    assert [name for name in sent.headers if name.startswith(("x-amz", "authorization", "cookie"))] == []
    assert sent.extensions["timeout"]["read"] == 60.0


def test_a_refused_upload_may_be_tried_with_a_new_document(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.Response(403, content=b"<Error><Code>AccessDenied</Code></Error>"))

    with pytest.raises(TryLater) as caught:
        upload(amazon, STORE, XML, b"<a/>")

    assert caught.value.status == 403
    assert caught.value.operation == "uploadFeedDocument"


def test_a_document_above_ten_mebibytes_is_not_sent(amazon: Amazon, wire: Wire) -> None:
    with pytest.raises(InvalidValue):
        upload(amazon, STORE, XML, b" " * (MAX_UPLOAD_BYTES + 1))

    assert wire.sent == []


def test_a_feed_is_created(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"feedId": "51234020777"}, 202))

    feed_id = create_feed(amazon, ACKNOWLEDGEMENT, ("A1PA6795UKMFR9",), "doc-1")

    assert feed_id == "51234020777"
    assert json.loads(wire.sent[0].content) == {
        "feedType": ACKNOWLEDGEMENT,
        "marketplaceIds": ["A1PA6795UKMFR9"],
        "inputFeedDocumentId": "doc-1",
    }


@pytest.mark.parametrize("count", [0, 26])
def test_a_feed_goes_to_one_to_25_marketplaces(amazon: Amazon, count: int) -> None:
    with pytest.raises(InvalidValue):
        create_feed(amazon, ACKNOWLEDGEMENT, ("A1PA6795UKMFR9",) * count, "doc-1")


@pytest.mark.parametrize(
    "answer",
    [reply(None, 202), reply({"feed": "?"}, 202), httpx2.ReadTimeout("x"), reply(None, 500)],
    ids=str,
)
def test_a_feed_whose_answer_got_lost_may_exist(amazon: Amazon, wire: Wire, answer: httpx2.Response) -> None:
    wire.lay(answer)

    with pytest.raises(OutcomeUnknown):
        create_feed(amazon, ACKNOWLEDGEMENT, ("A1PA6795UKMFR9",), "doc-1")


def test_feeds_are_found_page_by_page(amazon: Amazon, wire: Wire) -> None:
    wire.lay(
        reply({"feeds": [feed(feedId="1")], "nextToken": "page 2"}),
        reply({"feeds": [feed(feedId="2", processingStatus="SOMETHING_NEW")]}),
    )

    found = find_feeds(amazon, ACKNOWLEDGEMENT, SINCE)

    assert [each.feed_id for each in found] == ["1", "2"]
    assert found[1].processing_status == "SOMETHING_NEW"
    assert found[0].created_time == datetime(2026, 11, 23, 8, 20, 4, tzinfo=UTC)
    assert dict(wire.sent[0].url.params) == {
        "feedTypes": ACKNOWLEDGEMENT,
        "pageSize": "100",
        "createdSince": "2026-11-23T08:00:00.000Z",
    }
    assert dict(wire.sent[1].url.params) == {"nextToken": "page 2"}


def test_a_list_of_feeds_that_leads_to_itself_is_not_followed(amazon: Amazon, wire: Wire) -> None:
    wire.lay(*[reply({"feeds": [], "nextToken": "again"}) for _ in range(2)])

    with pytest.raises(TryLater, match="same page"):
        find_feeds(amazon, ACKNOWLEDGEMENT, SINCE)


def test_a_finished_feed_names_its_report(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(feed(processingStatus="DONE", resultFeedDocumentId="doc-2", marketplaceIds=None)))

    found = get_feed(amazon, "51234020777")

    assert (found.processing_status, found.result_document_id) == ("DONE", "doc-2")


def test_a_fresh_feed_that_amazon_does_not_know_yet_is_asked_for_again(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NotFound"), refusal(404, "NotFound"))

    with pytest.raises(TryLater, match="does not know it yet"):
        get_feed(amazon, "51234020777")
    with pytest.raises(TryLater, match="does not know it yet"):
        result_document(amazon, "doc-2")


def test_a_feed_is_withdrawn(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(None, 200), refusal(400, "InvalidInput"), refusal(404, "NotFound"))

    cancel_feed(amazon, "51234020777")

    assert (wire.sent[0].method, wire.sent[0].url.path) == ("DELETE", "/feeds/2021-06-30/feeds/51234020777")
    with pytest.raises(AskHuman):
        cancel_feed(amazon, "51234020777")
    with pytest.raises(NotFound):
        cancel_feed(amazon, "51234020778")


def announced_as_packed() -> httpx2.Response:
    return httpx2.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(REPORT))


@pytest.mark.parametrize(
    ("algorithm", "stored"),
    [
        ({}, httpx2.Response(200, content=REPORT)),
        ({"compressionAlgorithm": None}, httpx2.Response(200, content=REPORT)),
        ({"compressionAlgorithm": "GZIP"}, httpx2.Response(200, content=gzip.compress(REPORT))),
        ({"compressionAlgorithm": "GZIP"}, announced_as_packed()),
        ({}, announced_as_packed()),
    ],
    ids=["plain", "null", "packed", "packed and announced", "announced only"],
)
def test_a_report_is_unpacked_however_it_comes(
    amazon: Amazon, wire: Wire, algorithm: dict[str, Any], stored: httpx2.Response
) -> None:
    wire.lay(document(**algorithm), stored)

    content = result_document(amazon, "doc-2")

    assert content == REPORT
    assert "x-amz-access-token" not in wire.sent[1].headers


@pytest.mark.parametrize(
    "stored",
    [
        httpx2.Response(200),
        httpx2.Response(200, content=gzip.compress(b"")),
        httpx2.Response(200, content=gzip.compress(REPORT)[:-4]),
        httpx2.Response(200, content=gzip.compress(b" " * (DOCUMENT_PATIENCE.max_bytes + 1))),
        httpx2.Response(403, content=b"<Error/>"),
    ],
    ids=["empty", "packed nothing", "cut off", "a bomb", "expired"],
)
def test_a_report_that_is_not_whole_is_fetched_again(
    amazon: Amazon, wire: Wire, stored: httpx2.Response
) -> None:
    wire.lay(document(compressionAlgorithm="GZIP"), stored)

    with pytest.raises(TryLater):
        result_document(amazon, "doc-2")


def test_an_unknown_compression_is_for_a_human(amazon: Amazon, wire: Wire) -> None:
    wire.lay(document(compressionAlgorithm="BROTLI"), httpx2.Response(200, content=REPORT))

    with pytest.raises(AskHuman, match="BROTLI"):
        result_document(amazon, "doc-2")


@needs_models
def test_every_example_of_amazon_is_taken_in(amazon: Amazon, wire: Wire) -> None:
    taken = 0

    for _, answer in examples("/feeds/", "getFeeds"):
        wire.lay(reply(answer), reply({"feeds": []}))
        taken += len(find_feeds(amazon, "POST_PRODUCT_DATA", SINCE))
        wire.laid.clear()
    for _, answer in examples("/feeds/", "createFeed", "202"):
        wire.lay(reply(answer, 202))
        taken += bool(create_feed(amazon, ACKNOWLEDGEMENT, ("A1PA6795UKMFR9",), "doc-1"))
    for _, answer in examples("/feeds/", "getFeed"):
        wire.lay(reply(answer))
        taken += bool(get_feed(amazon, "feedId1").processing_status)
    for _, answer in examples("/feeds/", "createFeedDocument", "201"):
        wire.lay(reply(answer, 201))
        taken += bool(create_document(amazon, XML))
    for _, answer in examples("/feeds/", "getFeedDocument"):
        wire.lay(reply(answer), httpx2.Response(200, content=REPORT))
        taken += bool(result_document(amazon, "0356cf79"))

    assert taken >= 5
