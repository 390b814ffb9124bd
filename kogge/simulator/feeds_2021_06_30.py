"""Feeds API 2021-06-30: documents behind presigned URLs and feeds that take their time."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

import msgspec

from kogge.simulator import listings_feed, order_feed
from kogge.simulator.clock import parse_iso
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import (
    Refusal,
    Request,
    Response,
    invalid_input,
    json_response,
    not_found,
    xml_error,
)
from kogge.simulator.world import PRESIGNED_LIFE, Account, Document, Feed, World

VERSION = "2021-06-30"

MAX_BYTES = 10 * 1024 * 1024
RETENTION = timedelta(days=90)
REPORT_RETENTION = timedelta(days=28)
MIN_DISTANCE = timedelta(minutes=2)
STUCK_AFTER = timedelta(hours=2)

ACKNOWLEDGEMENT = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
LISTINGS = "JSON_LISTINGS_FEED"
_SERVED = {ACKNOWLEDGEMENT: "text/xml", LISTINGS: "application/json"}
MOST_LISTINGS_FEEDS = 5
LISTINGS_FEEDS_SPAN = timedelta(minutes=5)
# Retired by Amazon: accepted, then FATAL (since 31 Jul 2025).
_RETIRED = {
    "POST_PRODUCT_DATA", "POST_INVENTORY_AVAILABILITY_DATA", "POST_PRODUCT_PRICING_DATA",
    "POST_PRODUCT_OVERRIDES_DATA", "POST_PRODUCT_IMAGE_DATA", "POST_PRODUCT_RELATIONSHIP_DATA",
    "POST_FLAT_FILE_INVLOADER_DATA", "POST_FLAT_FILE_LISTINGS_DATA",
    "POST_FLAT_FILE_PRICEANDQUANTITYONLY_UPDATE_DATA",
}  # fmt: skip
_STATUSES = {"CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE"}
_FILTERS = {"feedTypes", "marketplaceIds", "pageSize", "processingStatuses", "createdSince", "createdUntil"}


_Body = TypeVar("_Body")


class CreateFeedDocumentSpecification(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    content_type: str


class CreateFeedSpecification(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    feed_type: str
    marketplace_ids: list[str]
    input_feed_document_id: str
    feed_options: dict[str, str] = {}


def create_feed_document(call: Call) -> Response:
    """A place to upload to, for five minutes."""
    body = _decoded(call.request, CreateFeedDocumentSpecification)
    if not body.content_type.strip():
        raise invalid_input("contentType is empty")
    document = _new_document(call.world, call.account.seller_id, body.content_type, call.now)
    url = _presigned(call.request, "upload", document)
    return json_response(201, {"feedDocumentId": document.document_id, "url": url})


def create_feed(call: Call) -> Response:
    """Queue an uploaded document for processing."""
    body = _decoded(call.request, CreateFeedSpecification)
    if body.feed_type not in _SERVED.keys() | _RETIRED:
        raise invalid_input(f"Invalid feed type: {body.feed_type}")
    if not 1 <= len(body.marketplace_ids) <= 25:
        raise invalid_input("marketplaceIds must hold 1 to 25 ids")
    for marketplace_id in body.marketplace_ids:
        if not call.account.serves(marketplace_id):
            raise invalid_input(f"Invalid marketplace: {marketplace_id}")
    document = call.world.documents.get(body.input_feed_document_id)
    if document is None or document.seller_id != call.account.seller_id or document.content is None:
        raise invalid_input("Nothing was uploaded under inputFeedDocumentId")
    if not document.content_type.startswith(_SERVED.get(body.feed_type, "")):
        raise invalid_input(f"{body.feed_type} is not of the content type {document.content_type}")
    _hold_haste_against_client(call, body.feed_type)
    settings = call.world.settings
    feed = Feed(
        feed_id=str(50_000_000_000 + call.world.number()),
        seller_id=call.account.seller_id,
        feed_type=body.feed_type,
        marketplace_ids=body.marketplace_ids,
        document_id=document.document_id,
        created=call.now,
        stuck_in=settings.new_feeds_stuck_in,
        fate=settings.new_feeds_fate,
    )
    call.account.feeds[feed.feed_id] = feed
    call.world.feeding[call.account.seller_id] = call.account
    return json_response(202, {"feedId": feed.feed_id})


def get_feed(call: Call) -> Response:
    return json_response(200, _feed_document(_feed(call)))


def cancel_feed(call: Call) -> Response:
    """Withdraw a feed that has not started."""
    feed = _feed(call)
    if feed.status != "IN_QUEUE":
        # It may have started between the client's last look and this call: no fault of the client.
        raise Refusal(400, "InvalidInput", "Only feeds IN_QUEUE can be cancelled")
    feed.status = "CANCELLED"
    feed.ended = call.now
    call.world.notices.feed_finished(feed)
    return Response(200)


def get_feeds(call: Call) -> Response:
    """The account's feeds, youngest first. `nextToken` must come alone."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - _FILTERS - {"nextToken"}:
        raise invalid_input(f"Unknown parameter: {sorted(unknown)[0]}")
    if "nextToken" in parameters:
        return _continued(call, parameters)
    if not parameters.get("feedTypes"):
        raise invalid_input("Either feedTypes or nextToken is required")
    found = [feed for feed in call.account.feeds.values() if _fits(feed, parameters, call.now)]
    found.sort(key=lambda feed: (feed.created, feed.feed_id), reverse=True)
    return _page(call, found, _page_size(parameters))


def get_feed_document(call: Call) -> Response:
    """Where to download a document, for five minutes."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - {"enableContentEncodingUrlHeader"}:
        raise invalid_input(f"Unknown parameter: {sorted(unknown)[0]}")
    document = call.world.documents.get(call.path["feedDocumentId"])
    if document is None or document.seller_id != call.account.seller_id or document.content is None:
        raise not_found("The document was not found")
    document.key = uuid.uuid4().hex
    document.expires_at = call.now + PRESIGNED_LIFE
    document.as_content_encoding = parameters.get("enableContentEncodingUrlHeader") == "true"
    answer = {"feedDocumentId": document.document_id, "url": _presigned(call.request, "download", document)}
    if document.is_gzip:
        answer["compressionAlgorithm"] = "GZIP"
    return json_response(200, answer)


_BASE = f"/feeds/{VERSION}"
ROUTES = [
    Route("POST", f"{_BASE}/documents", "createFeedDocument", create_feed_document),
    Route("GET", f"{_BASE}/documents/{{feedDocumentId}}", "getFeedDocument", get_feed_document),
    Route("POST", f"{_BASE}/feeds", "createFeed", create_feed),
    Route("GET", f"{_BASE}/feeds", "getFeeds", get_feeds),
    Route("GET", f"{_BASE}/feeds/{{feedId}}", "getFeed", get_feed),
    Route("DELETE", f"{_BASE}/feeds/{{feedId}}", "cancelFeed", cancel_feed),
]


def upload(world: World, request: Request) -> Response:
    """PUT to a presigned URL: the storage checks age, signature and content type, and no SP-API header."""
    document, refusal = _presigned_document(world, request)
    if document is None:
        return refusal
    if request.headers.get("content-type", "") != document.content_type:
        world.violation("upload with another Content-Type than announced")
        return xml_error(403, "SignatureDoesNotMatch", "The request signature does not match")
    if len(request.body) > MAX_BYTES:
        world.violation("upload of more than 10 MiB")
        return xml_error(400, "EntityTooLarge", "The upload exceeds the maximum allowed size")
    document.content = request.body
    return Response(200)


def download(world: World, request: Request) -> Response:
    """GET of a presigned URL."""
    document, refusal = _presigned_document(world, request)
    if document is None or document.content is None:
        return refusal
    headers = {"Content-Type": document.content_type}
    if document.is_gzip and document.as_content_encoding:
        headers["Content-Encoding"] = "gzip"
    return Response(200, document.content, headers)


def process_feeds(world: World) -> None:
    """Let all feeds get as far as the clock allows: one after the other for each seller."""
    for account in world.feeding.values():
        _process_account(world, account, world.now())


def _process_account(world: World, account: Account, now: datetime) -> None:
    free_from: datetime | None = None
    for feed in account.feeds.values():
        if not feed.is_open:
            if feed.ended and feed.status != "CANCELLED" and (free_from is None or feed.ended > free_from):
                free_from = feed.ended
            continue
        if not _advance(world, account, feed, free_from, now):
            return
        free_from = feed.ended


def _advance(world: World, account: Account, feed: Feed, free_from: datetime | None, now: datetime) -> bool:
    """Move one feed on. True when it is finished and the next may start."""
    if feed.started is None:
        start = feed.created + timedelta(seconds=world.settings.feed_queue_s)
        start = max(start, free_from) if free_from else start
        if feed.stuck_in == "IN_QUEUE" or start > now:
            return False
        feed.started, feed.status = start, "IN_PROGRESS"
    end = feed.started + timedelta(seconds=world.settings.feed_process_s)
    if feed.stuck_in == "IN_PROGRESS" or end > now:
        return False
    feed.ended = end
    _finish(world, account, feed, end)
    world.notices.feed_finished(feed)
    return True


def _finish(world: World, account: Account, feed: Feed, end: datetime) -> None:
    content = world.documents[feed.document_id].content or b""
    if feed.fate or feed.feed_type in _RETIRED:
        feed.status = feed.fate or "FATAL"
        return
    if feed.feed_type == LISTINGS:
        outcome = listings_feed.apply(world, account, feed, content)
    else:
        outcome = order_feed.apply(world, account, feed.feed_id, content, end)
    feed.status = "FATAL" if outcome.is_fatal else "DONE"
    document = _new_document(world, account.seller_id, f"{_SERVED[feed.feed_type]}; charset=UTF-8", end)
    wants_gzip = world.settings.gzip_reports
    document.is_gzip = wants_gzip if wants_gzip is not None else int(feed.feed_id) % 2 == 0
    document.content = gzip.compress(outcome.report) if document.is_gzip else outcome.report
    document.is_result = True
    feed.result_document_id = document.document_id


def _hold_haste_against_client(call: Call, feed_type: str) -> None:
    """Amazon's best practices: no second feed of a type right after, or while one is open. One that hangs
    for hours does not count."""
    for feed in call.account.feeds.values():
        if feed.feed_type != feed_type or feed.status == "CANCELLED":
            continue
        age = call.now - feed.created
        if age < MIN_DISTANCE:
            call.world.violation(f"two feeds {feed_type} within two minutes")
        elif feed.is_open and age < STUCK_AFTER:
            call.world.violation(f"feed {feed_type} while another one is open")
    if feed_type == LISTINGS:
        _hold_number_against_client(call)


def _hold_number_against_client(call: Call) -> None:
    """Of listings feeds Amazon takes five in five minutes for each seller."""
    recent = sum(
        feed.feed_type == LISTINGS and call.now - feed.created < LISTINGS_FEEDS_SPAN
        for feed in call.account.feeds.values()
    )
    if recent >= MOST_LISTINGS_FEEDS:
        call.world.violation(f"more than five feeds {LISTINGS} within five minutes")


def _feed(call: Call) -> Feed:
    feed = call.account.feeds.get(call.path["feedId"])
    if feed is None or call.now - feed.created > RETENTION:
        raise not_found("The feed was not found")
    return feed


def _feed_document(feed: Feed) -> dict[str, object]:
    document: dict[str, object] = {
        "feedId": feed.feed_id,
        "feedType": feed.feed_type,
        "marketplaceIds": feed.marketplace_ids,
        "createdTime": feed.created.isoformat(timespec="seconds"),
        "processingStatus": feed.status,
    }
    if feed.started:
        document["processingStartTime"] = feed.started.isoformat(timespec="seconds")
    if feed.ended and feed.status != "CANCELLED":
        document["processingEndTime"] = feed.ended.isoformat(timespec="seconds")
    if feed.result_document_id:
        document["resultFeedDocumentId"] = feed.result_document_id
    return document


def _fits(feed: Feed, parameters: dict[str, str], now: datetime) -> bool:
    since = _moment(parameters, "createdSince") or now - RETENTION
    until = _moment(parameters, "createdUntil") or now
    types = _list(parameters, "feedTypes", 10)
    statuses = _list(parameters, "processingStatuses", len(_STATUSES))
    marketplaces = _list(parameters, "marketplaceIds", 10)
    if not _STATUSES.issuperset(statuses):
        raise invalid_input("Invalid processingStatuses")
    return (
        max(since, now - RETENTION) <= feed.created <= until
        and feed.feed_type in types
        and (not statuses or feed.status in statuses)
        and (not marketplaces or not set(marketplaces).isdisjoint(feed.marketplace_ids))
    )


def _list(parameters: dict[str, str], name: str, limit: int) -> list[str]:
    values = parameters[name].split(",") if name in parameters else []
    if len(values) > limit:
        raise invalid_input(f"{name} holds too many values")
    return values


def _moment(parameters: dict[str, str], name: str) -> datetime | None:
    try:
        return parse_iso(parameters[name]) if name in parameters else None
    except ValueError:
        raise invalid_input(f"{name} is not an ISO 8601 date-time") from None


def _page_size(parameters: dict[str, str]) -> int:
    text = parameters.get("pageSize", "10")
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise invalid_input("pageSize must be between 1 and 100")
    return int(text)


def _continued(call: Call, parameters: dict[str, str]) -> Response:
    if len(parameters) > 1:
        raise invalid_input("nextToken must be the only parameter")
    rest = call.world.pages.get(f"{call.account.seller_id}:{parameters['nextToken']}")
    if rest is None:
        raise invalid_input("nextToken is not valid")
    found, size = rest
    return _page(call, found, size)


def _page(call: Call, found: list[Feed], size: int) -> Response:
    document: dict[str, object] = {"feeds": [_feed_document(feed) for feed in found[:size]]}
    if len(found) > size:
        token = uuid.uuid4().hex
        call.world.pages[f"{call.account.seller_id}:{token}"] = (found[size:], size)
        document["nextToken"] = token
    return json_response(200, document)


def _new_document(world: World, seller_id: str, content_type: str, now: datetime) -> Document:
    document_id = f"amzn1.tortuga.4.eu.{uuid.uuid4()}.T{world.number():012d}"
    document = Document(document_id, seller_id, content_type, uuid.uuid4().hex, now + PRESIGNED_LIFE)
    world.documents[document_id] = document
    return document


def _presigned(request: Request, verb: str, document: Document) -> str:
    host = request.headers.get("host", "127.0.0.1")
    seconds = int(PRESIGNED_LIFE.total_seconds())
    path = f"/{verb}/{quote(document.document_id)}"
    return f"http://{host}{path}?X-Amz-Expires={seconds}&X-Amz-Signature={document.key}"


def _presigned_document(world: World, request: Request) -> tuple[Document | None, Response]:
    """The document of a presigned URL, or the storage's refusal."""
    document = world.documents.get(request.path.rpartition("/")[2])
    if document is None or request.parameters().get("X-Amz-Signature") != document.key:
        return None, xml_error(403, "AccessDenied", "Access Denied")
    if world.now() > document.expires_at:
        return None, xml_error(403, "AccessDenied", "Request has expired")
    strangers = _sp_api_headers(request.headers)
    if strangers:
        world.violation(f"presigned URL called with header {strangers[0]}")
        return None, xml_error(400, "InvalidArgument", f"Unexpected header {strangers[0]}")
    return document, xml_error(404, "NoSuchKey", "The specified key does not exist.")


def _sp_api_headers(names: Iterable[str]) -> list[str]:
    forbidden = ("x-amz-access-token", "x-amz-date", "authorization", "x-amz-security-token")
    return [name for name in names if name in forbidden]


def _decoded(request: Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_input("The body does not fit the model", str(error)) from None
