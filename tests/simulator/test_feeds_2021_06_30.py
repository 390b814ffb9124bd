"""Feeds: documents behind presigned URLs, the life of a feed, lists."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest

from tests.simulator.conftest import FEEDS, Seller, envelope, success

TYPE = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
XML = "text/xml; charset=UTF-8"


def presigned(seller: Seller) -> tuple[str, str, str]:
    """A new document: id, path and query of its upload URL."""
    created = seller.call("POST", f"{FEEDS}/documents", body={"contentType": XML}).json()
    url = urlsplit(created["url"])
    return created["feedDocumentId"], url.path, url.query


def test_a_feed_waits_runs_and_is_done(seller: Seller) -> None:
    feed_id = seller.feed(envelope(success(seller.place_order(kind="standard"))))

    states = []
    for seconds in (6, 5, 6):
        states.append(seller.get_feed(feed_id)["processingStatus"])
        seller.advance(seconds)
    done = seller.get_feed(feed_id)

    assert states == ["IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS"]
    assert done["processingStatus"] == "DONE"
    assert done["resultFeedDocumentId"]


def test_feeds_are_processed_one_after_the_other(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    first, second = seller.feed(envelope(success(order))), seller.feed(envelope(success(order)))

    seller.advance(16)

    assert seller.get_feed(first)["processingStatus"] == "DONE"
    assert seller.get_feed(second)["processingStatus"] == "IN_PROGRESS"


def test_a_stuck_feed_stays_until_it_is_freed(seller: Seller) -> None:
    seller.set(new_feeds_stuck_in="IN_PROGRESS")
    feed_id = seller.feed(envelope(success(seller.place_order(kind="standard"))))
    seller.advance(3 * 3600)
    seller.access_token = ""
    stuck = seller.get_feed(feed_id)["processingStatus"]
    seller.change_feed(feed_id, stuck_in="")

    freed = seller.get_feed(feed_id)["processingStatus"]

    assert (stuck, freed) == ("IN_PROGRESS", "DONE")


def test_only_a_waiting_feed_can_be_cancelled(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    feed_id = seller.feed(envelope(success(order)))

    cancelled = seller.call("DELETE", f"{FEEDS}/feeds/{feed_id}")
    seller.advance(60)
    again = seller.call("DELETE", f"{FEEDS}/feeds/{feed_id}")

    assert (cancelled.status, again.status) == (200, 400)
    assert seller.get_feed(feed_id)["processingStatus"] == "CANCELLED"
    assert order.acknowledgement is None


def test_reports_come_compressed_or_not(seller: Seller) -> None:
    seller.set(gzip_reports=True)
    feed_id = seller.feed(envelope(success(seller.place_order(kind="standard"))))
    seller.advance(60)
    document_id = seller.get_feed(feed_id)["resultFeedDocumentId"]

    document = seller.call("GET", f"{FEEDS}/documents/{document_id}").json()

    url = urlsplit(document["url"])
    content = seller.send("GET", url.path, url.query).body
    assert document["compressionAlgorithm"] == "GZIP"
    assert b"<MessagesSuccessful>1</MessagesSuccessful>" in gzip.decompress(content)


def test_a_presigned_url_lives_for_five_minutes(seller: Seller) -> None:
    _, path, query = presigned(seller)
    seller.advance(301)

    response = seller.send("PUT", path, query, b"<x/>", content_type=XML)

    assert response.status == 403
    assert b"expired" in response.body


@pytest.mark.parametrize("header", ["x_amz_access_token", "authorization", "x_amz_date"])
def test_a_presigned_url_wants_no_api_headers(seller: Seller, header: str) -> None:
    _, path, query = presigned(seller)

    response = seller.send("PUT", path, query, b"<x/>", content_type=XML, **{header: "secret"})

    assert response.status == 400
    assert "secret" not in seller.violations[0]


def test_an_upload_must_have_the_announced_content_type_and_the_signature(seller: Seller) -> None:
    _, path, query = presigned(seller)

    other_type = seller.send("PUT", path, query, b"<x/>", content_type="text/xml")
    unsigned = seller.send("PUT", path, "", b"<x/>", content_type=XML)

    assert (other_type.status, unsigned.status) == (403, 403)


def test_a_feed_needs_an_uploaded_document_and_stores_of_the_account(seller: Seller) -> None:
    empty, _, _ = presigned(seller)
    full = seller.upload(b"<x/>")

    def create(document_id: str, marketplace: str = "A1PA6795UKMFR9", kind: str = TYPE) -> int:
        body = {"feedType": kind, "marketplaceIds": [marketplace], "inputFeedDocumentId": document_id}
        return seller.call("POST", f"{FEEDS}/feeds", body=body).status

    assert create(empty) == 400
    assert create(full, marketplace="ATVPDKIKX0DER") == 400
    assert create(full, kind="POST_ANYTHING") == 400
    assert create(full) == 202


def test_retired_feed_types_end_fatal(seller: Seller) -> None:
    body = {
        "feedType": "POST_INVENTORY_AVAILABILITY_DATA",
        "marketplaceIds": ["A1PA6795UKMFR9"],
        "inputFeedDocumentId": seller.upload(b"<x/>"),
    }
    feed_id = seller.call("POST", f"{FEEDS}/feeds", body=body).json()["feedId"]
    seller.advance(60)

    assert seller.get_feed(feed_id)["processingStatus"] == "FATAL"


def test_two_feeds_of_a_type_within_two_minutes_are_held_against_the_client(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    seller.feed(envelope(success(order)))
    seller.advance(130)
    seller.feed(envelope(success(order)))
    patient = list(seller.violations)

    seller.feed(envelope(success(order)))

    assert patient == []
    assert len(seller.violations) == 1


def test_a_second_feed_while_one_is_open_is_held_against_the_client(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    seller.set(new_feeds_stuck_in="IN_QUEUE")
    seller.feed(envelope(success(order)))
    seller.advance(130)

    seller.feed(envelope(success(order)))

    assert "another one is open" in seller.violations[0]


def test_get_feeds_filters_and_pages(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    ids = []
    for _ in range(3):
        ids.append(seller.feed(envelope(success(order))))
        seller.advance(130)

    first = seller.call("GET", f"{FEEDS}/feeds", {"feedTypes": TYPE, "pageSize": 2}).json()
    second = seller.call("GET", f"{FEEDS}/feeds", {"nextToken": first["nextToken"]}).json()
    none = seller.call("GET", f"{FEEDS}/feeds", {"feedTypes": TYPE, "processingStatuses": "IN_QUEUE"}).json()

    assert [feed["feedId"] for feed in first["feeds"] + second["feeds"]] == ids[::-1]
    assert none == {"feeds": []}
    assert "nextToken" not in second


def test_next_token_must_come_alone(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    for _ in range(2):
        seller.feed(envelope(success(order)))
    token = seller.call("GET", f"{FEEDS}/feeds", {"feedTypes": TYPE, "pageSize": 1}).json()["nextToken"]

    together = seller.call("GET", f"{FEEDS}/feeds", {"feedTypes": TYPE, "nextToken": token})

    assert together.status == 400


def test_feeds_created_since_a_moment_are_found(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    seller.feed(envelope(success(order)))
    seller.advance(600)
    since = seller.world.now().isoformat()
    late = seller.feed(envelope(success(order)))

    found = seller.call("GET", f"{FEEDS}/feeds", {"feedTypes": TYPE, "createdSince": since}).json()["feeds"]

    assert [feed["feedId"] for feed in found] == [late]
