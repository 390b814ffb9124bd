"""Feeds API 2021-06-30: document, upload, feed, status, result.

https://developer-docs.amazon.com/sp-api/docs/feeds-api-v2021-06-30-use-case-guide
Creating a feed is the one write that must not be repeated blindly: after `OutcomeUnknown` look for
it with `find_feeds` first.
"""

from __future__ import annotations

import io
import zlib
from datetime import datetime
from gzip import GzipFile
from typing import Annotated
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, NotFound, TryLater
from kogge.spapi.orders_2026_01_01 import amazon_time
from kogge.spapi.transport import DOCUMENT_PATIENCE, USER_AGENT, Answer, Call, safe_url
from kogge.values import InvalidValue

VERSION = "2021-06-30"
MAX_UPLOAD_BYTES = 10 * 1024 * 1024
PAGE_SIZE = 100

_FEEDS = f"/feeds/{VERSION}/feeds"
_DOCUMENTS = f"/feeds/{VERSION}/documents"
_GZIP_MAGIC = b"\x1f\x8b"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class FeedInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A feed at Amazon.

    `processing_status` is IN_QUEUE, IN_PROGRESS, DONE, CANCELLED, FATAL or something new; DONE only
    says that there is a report, not that every message was accepted.
    """

    feed_id: str
    feed_type: str
    created_time: Moment
    processing_status: str
    marketplace_ids: tuple[str, ...] | None = None
    processing_start_time: Moment | None = None
    processing_end_time: Moment | None = None
    result_document_id: str | None = msgspec.field(default=None, name="resultFeedDocumentId")


def create_document(client: Amazon, content_type: str) -> tuple[str, str, datetime | None]:
    """A place to upload to: document id, presigned address (good for 5 minutes), Amazon's clock."""
    answer = client.write(
        "createFeedDocument", "POST", _DOCUMENTS, {"contentType": content_type}, repeatable=True
    )
    document = answer.read(_document)
    return document.feed_document_id, _presigned(answer, document.url), answer.served_at


def upload(client: Amazon, url: str, content_type: str, content: bytes) -> None:
    """Send a document to its presigned address; `content_type` as named when it was created.

    Raises `TryLater`; then create a new document, for the address may have expired.
    """
    if len(content) > MAX_UPLOAD_BYTES:
        raise InvalidValue(f"a feed may have 10 MiB, not {len(content)} bytes")
    headers = {"Content-Type": content_type, "User-Agent": USER_AGENT}
    client.transfer(
        Call("uploadFeedDocument", "PUT", url, headers=headers, body=content, patience=DOCUMENT_PATIENCE)
    )


def create_feed(client: Amazon, feed_type: str, marketplace_ids: tuple[str, ...], document_id: str) -> str:
    """Have an uploaded document processed; returns the feed id, unique per seller.

    Raises `OutcomeUnknown` when the feed may exist: look with `find_feeds` before creating another.
    """
    if not 1 <= len(marketplace_ids) <= 25:
        raise InvalidValue(f"a feed goes to 1 to 25 marketplaces, not {len(marketplace_ids)}")
    answer = client.write(
        "createFeed",
        "POST",
        _FEEDS,
        {
            "feedType": feed_type,
            "marketplaceIds": list(marketplace_ids),
            "inputFeedDocumentId": document_id,
        },
    )
    return answer.read(_created).feed_id


def find_feeds(client: Amazon, feed_type: str, created_since: datetime) -> list[FeedInfo]:
    """All feeds of a type that Amazon received since then; each page costs one of 80 calls an hour."""
    params: tuple[tuple[str, str], ...] = (
        ("feedTypes", feed_type),
        ("pageSize", str(PAGE_SIZE)),
        ("createdSince", amazon_time(created_since)),
    )
    found: list[FeedInfo] = []
    while True:
        answer = client.get("getFeeds", _FEEDS, params)
        page = answer.read(_feeds)
        found += page.feeds
        if not page.next_token:
            return found
        next_page = (("nextToken", page.next_token),)  # Amazon refuses any other parameter beside it
        if next_page == params:
            raise answer.trouble("the next page is the same page again")
        params = next_page


def get_feed(client: Amazon, feed_id: str) -> FeedInfo:
    """How far a feed is. A feed that Amazon does not know (yet: that passes after seconds) is `TryLater`."""
    try:
        return client.get("getFeed", f"{_FEEDS}/{quote(feed_id, safe='')}").read(_feed)
    except NotFound as error:
        raise _not_there_yet(error) from None


def cancel_feed(client: Amazon, feed_id: str) -> None:
    """Withdraw a feed; Amazon only allows it while the feed is IN_QUEUE."""
    client.write("cancelFeed", "DELETE", f"{_FEEDS}/{quote(feed_id, safe='')}")


def result_document(client: Amazon, document_id: str) -> bytes:
    """The report of a finished feed, unpacked. Raises `TryLater`; `AskHuman` for an unknown compression."""
    try:
        answer = client.get("getFeedDocument", f"{_DOCUMENTS}/{quote(document_id, safe='')}")
    except NotFound as error:
        raise _not_there_yet(error) from None
    document = answer.read(_document)
    report = client.transfer(
        Call(
            "downloadFeedDocument",
            "GET",
            _presigned(answer, document.url),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            patience=DOCUMENT_PATIENCE,
        )
    )
    content = _unpacked(report, document.compression_algorithm)
    if not content:
        raise report.trouble("the report is empty")
    return content


class _Document(msgspec.Struct, rename="camel"):
    feed_document_id: str
    url: str
    compression_algorithm: str | None = None


class _Created(msgspec.Struct, rename="camel"):
    feed_id: str


class _Feeds(msgspec.Struct, rename="camel"):
    feeds: list[FeedInfo]
    next_token: str | None = None


_document = msgspec.json.Decoder(_Document)
_created = msgspec.json.Decoder(_Created)
_feeds = msgspec.json.Decoder(_Feeds)
_feed = msgspec.json.Decoder(FeedInfo)


def _presigned(answer: Answer, url: str) -> str:
    try:
        return safe_url(url)
    except InvalidValue:
        raise answer.trouble("the answer names no usable address of the document") from None


def _not_there_yet(error: NotFound) -> TryLater:
    return TryLater(
        "Amazon does not know it yet",
        operation=error.operation,
        request_id=error.request_id,
        status=error.status,
    )


def _unpacked(report: Answer, algorithm: str | None) -> bytes:
    """The HTTP layer has already unpacked what was announced by Content-Encoding, so the bytes decide."""
    if algorithm not in (None, "", "GZIP"):
        raise AskHuman(
            f"the report is compressed with {algorithm}",
            operation=report.operation,
            code="UnknownCompression",
        )
    if not report.content.startswith(_GZIP_MAGIC):
        return report.content
    limit = DOCUMENT_PATIENCE.max_bytes
    try:
        with GzipFile(fileobj=io.BytesIO(report.content)) as packed:
            content = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise report.trouble("the report was cut off") from None
    if len(content) > limit:
        raise report.trouble("the report is too large")
    return content
