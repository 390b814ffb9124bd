"""Many offers changed in one document."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from kogge.simulator import SELLER_ID, Listing
from kogge.simulator.listings import Listings
from tests.amazon_models import MODELS, needs_models
from tests.simulator.conftest import FEEDS, Seller
from tests.simulator.test_listings_items_2021_08_01 import availability, entry, offer

SCHEMAS = MODELS.parent / "schemas/feeds"
PRICE = Decimal("4.95")


def message(number: int, sku: str, *patches: dict[str, Any], **changes: Any) -> dict[str, Any]:
    told = {
        "messageId": number,
        "sku": sku,
        "operationType": "PATCH",
        "productType": "PRODUCT",
        "patches": list(patches) or [availability(quantity=number)],
    } | changes
    return {name: value for name, value in told.items() if value is not None}


def document(*messages: dict[str, Any], **header: Any) -> bytes:
    said = {"sellerId": SELLER_ID, "version": "2.0", "issueLocale": "de_DE"} | header
    return msgspec.json.encode({"header": said, "messages": messages})


def report(seller: Seller, content: bytes) -> dict[str, Any]:
    """Send a feed, wait for it and read its report."""
    found: dict[str, Any] = json.loads(seller.report(seller.listings_feed(content)))
    return found


def test_a_feed_changes_many_offers_and_reports(seller: Seller) -> None:
    both = message(2, "TS-02", availability(quantity=5), offer(entry(15.5)))

    told = report(seller, document(message(1, "TS-01"), both))

    assert told["summary"] == {
        "errors": 0,
        "warnings": 0,
        "messagesProcessed": 2,
        "messagesAccepted": 2,
        "messagesInvalid": 0,
    }
    assert told["issues"] == []
    assert (seller.listing("TS-01").stock, seller.listing("TS-02").stock) == (1, 5)
    assert str(seller.listing("TS-02").price) == "15.50"
    assert seller.violations == []


def test_a_wrong_message_is_named_and_the_others_go_on(seller: Seller) -> None:
    wrong = message(2, "TS-02", offer(entry()))
    wrong["patches"][0]["op"] = "replace"

    told = report(seller, document(message(1, "TS-01"), wrong, message(3, "NEU"), message(4, "TE-ZANGE")))

    named = [(issue["messageId"], issue["sku"], issue["code"]) for issue in told["issues"]]
    assert named == [(2, "TS-02", "90220"), (3, "NEU", "8541")]
    assert told["issues"][0]["attributeName"] == "purchasable_offer.our_price"
    assert (told["summary"]["messagesAccepted"], told["summary"]["messagesInvalid"]) == (2, 2)
    assert seller.listing("TE-ZANGE").stock == 4


@needs_models
def test_feeds_and_reports_are_of_the_form_amazon_publishes(seller: Seller) -> None:
    feed = document(message(1, "TS-01"), message(2, "NEU"))

    told = report(seller, feed)

    jsonschema.validate(json.loads(feed), json.loads(_schema("listings-feed-schema-v2.json")))
    jsonschema.validate(told, json.loads(_schema("listings-feed-processing-report-schema-v2.json")))


def _schema(name: str) -> str:
    return Path(SCHEMAS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [
        b"<xml/>",
        document(),
        document(message(1, "TS-01"), sellerId="A2SOMEONE"),
        document(message(1, "TS-01"), version="1.0"),
        document(message(1, "TS-01"), colour="red"),
        document(message(1, "TS-01"), message(1, "TS-02")),
        document(message(0, "TS-01")),
        document(message(1, "TS-01", colour="red")),
        document(message(1, "TS-01", operationType="REPLACE")),
    ],
)
def test_a_feed_that_cannot_be_read_changes_nothing(seller: Seller, content: bytes) -> None:
    feed_id = seller.listings_feed(content)
    seller.advance(60)

    assert seller.get_feed(feed_id)["processingStatus"] == "FATAL"
    assert seller.listing("TS-01").stock == 140
    assert "listings feed not processable" in seller.violations[0]


def test_more_than_25000_messages_are_too_many(seller: Seller) -> None:
    feed_id = seller.listings_feed(document(*(message(n, f"M-{n}") for n in range(1, 25_002))))
    seller.advance(60)

    assert seller.get_feed(feed_id)["processingStatus"] == "FATAL"


@pytest.mark.parametrize(
    "wrong",
    [
        {"productType": None},
        {"patches": None},
        {"attributes": {"item_name": [{"value": "Tee"}]}},
        {"operationType": "DELETE"},
        {"operationType": "PARTIAL_UPDATE"},
        {"sku": ""},
    ],
)
def test_a_message_without_what_its_operation_needs_is_held_against_the_client(
    seller: Seller, wrong: dict[str, Any]
) -> None:
    told = report(seller, document(message(1, **{"sku": "TS-01", **wrong})))

    assert told["summary"]["messagesInvalid"] == 1
    assert "listings feed message 1" in seller.violations[0]


def test_a_partial_update_replaces_whole_attributes(seller: Seller) -> None:
    seller.change_listing("TS-01", lead_time_days=4)
    attributes = {"fulfillment_availability": [{"fulfillment_channel_code": "DEFAULT", "quantity": 6}]}
    partial = message(1, "TS-01", operationType="PARTIAL_UPDATE", patches=None, attributes=attributes)

    report(seller, document(partial))

    assert (seller.listing("TS-01").stock, seller.listing("TS-01").lead_time_days) == (6, 1)


def test_a_sku_twice_in_a_feed_is_held_against_the_client(seller: Seller) -> None:
    report(seller, document(message(1, "TS-01"), message(2, "TS-01")))

    assert seller.listing("TS-01").stock == 2
    assert "SKU TS-01 in several messages" in seller.violations[0]


def test_six_feeds_in_five_minutes_are_held_against_the_client(seller: Seller) -> None:
    seller.set(feed_queue_s=0, feed_process_s=0)
    for number in range(1, 7):
        seller.listings_feed(document(message(number, "TS-01")))

    held = [text for text in seller.violations if "more than five feeds" in text]
    assert len(held) == 1


def test_a_listings_feed_does_not_hurry_an_order_feed(seller: Seller) -> None:
    seller.listings_feed(document(message(1, "TS-01")))
    seller.feed(b"<AmazonEnvelope/>")

    assert seller.violations == []


def test_a_feed_of_another_content_type_is_refused(seller: Seller) -> None:
    body = {
        "feedType": "JSON_LISTINGS_FEED",
        "marketplaceIds": ["A1PA6795UKMFR9"],
        "inputFeedDocumentId": seller.upload(document(message(1, "TS-01"))),
    }

    assert seller.call("POST", f"{FEEDS}/feeds", body=body).status == 400


def test_a_great_feed_is_carried_out(seller: Seller) -> None:
    skus = [f"M-{number:05d}" for number in range(1, 10_001)]
    great = [Listing(sku, f"B0{number:08d}", "Tee", PRICE) for number, sku in enumerate(skus)]
    seller.set_listings(great)

    told = report(seller, document(*(message(n, sku) for n, sku in enumerate(skus, start=1))))

    assert told["summary"]["messagesAccepted"] == 10_000
    assert seller.listing("M-10000").stock == 10_000


def test_listings_are_found_by_what_they_hold_now() -> None:
    listings = Listings({"A": Listing("A", "B01", "Tee", PRICE, "1")})

    listings["A"] = Listing("A", "B02", "Tee", PRICE, "2")
    listings |= {"C": Listing("C", "B02", "Tee", PRICE, "2")}
    del listings["A"]

    assert [each.sku for each in listings.with_asin("B02")] == ["C"]
    assert [each.sku for each in listings.with_gtin("2")] == ["C"]
    assert listings.with_asin("B01") == listings.with_gtin("1") == []
