import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from kogge.spapi import ListingMessage, Patch, ReportUnreadable
from kogge.spapi.listings_feed import MAX_BYTES, MAX_MESSAGES, document, encoded, parse_report
from kogge.values import InvalidValue
from tests.amazon_models import MODELS

SCHEMAS = MODELS.parent / "schemas" / "feeds"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="Amazon's feed schemas are not beside this repository"
)

SELLER = "A2SELLEREXAMPLE"
QUANTITY = Patch(
    "merge", "fulfillment_availability", [{"fulfillment_channel_code": "DEFAULT", "quantity": 12}]
)
PRICE = Patch(
    "replace",
    "purchasable_offer",
    [
        {
            "marketplace_id": "A1PA6795UKMFR9",
            "currency": "EUR",
            "audience": "ALL",
            "our_price": [{"schedule": [{"value_with_tax": Decimal("9.90")}]}],
        }
    ],
)
ERROR = {
    "messageId": 2,
    "sku": "TS-01",
    "code": "90220",
    "severity": "ERROR",
    "message": "A required value is missing.",
    "attributeName": "purchasable_offer",
}
WARNING = ERROR | {"messageId": 1, "severity": "WARNING"}


def schema(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMAS / name).read_text(encoding="utf-8")))


def report(*issues: dict[str, Any], processed: int, invalid: int) -> bytes:
    return json.dumps(
        {
            "header": {"sellerId": SELLER, "version": "2.0", "feedId": "51234020999"},
            "issues": issues,
            "summary": {
                "errors": invalid,
                "warnings": 0,
                "messagesProcessed": processed,
                "messagesAccepted": processed - invalid,
                "messagesInvalid": invalid,
            },
        }
    ).encode()


def two_messages() -> list[bytes]:
    return [encoded(ListingMessage(1, "TK 12/ä", [QUANTITY])), encoded(ListingMessage(2, "TS-01", [PRICE]))]


def test_a_feed_says_who_and_what() -> None:
    found = json.loads(document(SELLER, two_messages(), locale="en_GB"))

    assert found["header"] == {"sellerId": SELLER, "version": "2.0", "issueLocale": "en_GB"}
    assert found["messages"][0] == {
        "messageId": 1,
        "sku": "TK 12/ä",
        "operationType": "PATCH",
        "productType": "PRODUCT",
        "patches": [
            {
                "op": "merge",
                "path": "/attributes/fulfillment_availability",
                "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 12}],
            }
        ],
    }


def test_a_price_is_a_number_as_it_was_written() -> None:
    assert b'"value_with_tax":9.90' in document(SELLER, two_messages())


@needs_schemas
def test_amazon_would_take_the_feed() -> None:
    found = json.loads(document(SELLER, two_messages()))

    schema("listings-feed-schema-v2.json").validate(found)
    for message in found["messages"]:
        schema("listings-feed-message-schema-v2.json").validate(message)


def test_a_feed_has_at_least_one_and_at_most_as_many_messages_as_amazon_takes() -> None:
    message = encoded(ListingMessage(1, "A", [QUANTITY]))

    with pytest.raises(InvalidValue):
        document(SELLER, [])
    with pytest.raises(InvalidValue):
        document(SELLER, [message] * (MAX_MESSAGES + 1))
    assert document(SELLER, [message] * MAX_MESSAGES)


def test_a_feed_that_is_too_large_is_refused() -> None:
    half = b'"%s"' % (b"x" * (MAX_BYTES // 2))

    with pytest.raises(InvalidValue):
        document(SELLER, [half, half])


@pytest.mark.parametrize(
    ("number", "sku", "patches"), [(0, "A", [QUANTITY]), (1, "", [QUANTITY]), (1, "A", [])]
)
def test_a_message_that_says_nothing_is_none(number: int, sku: str, patches: list[Patch]) -> None:
    with pytest.raises(InvalidValue):
        ListingMessage(number, sku, patches)


def test_the_report_names_the_refused_and_the_others_were_accepted() -> None:
    found = parse_report(report(WARNING, ERROR, processed=2, invalid=1))

    assert (found.processed, found.accepted, found.invalid) == (2, 1, 1)
    assert found.refused(1) == ()
    [issue] = found.refused(2)
    assert (issue.code, issue.severity) == ("90220", "ERROR")
    assert issue.attribute_names == ("purchasable_offer",)
    assert found.issues[1][0].severity == "WARNING"
    assert found.is_complete(2)


def test_all_errors_of_a_message_are_kept() -> None:
    found = parse_report(report(ERROR, ERROR | {"code": "99022"}, processed=2, invalid=1))

    assert [issue.code for issue in found.refused(2)] == ["90220", "99022"]


def test_a_message_that_is_refused_without_being_named_makes_the_others_uncertain() -> None:
    found = parse_report(report(ERROR, processed=3, invalid=2))

    assert not found.is_complete(3)


def test_a_report_about_fewer_messages_than_were_sent_leaves_the_others_uncertain() -> None:
    assert not parse_report(report(processed=2, invalid=0)).is_complete(3)


def test_an_error_of_the_whole_feed_leaves_nothing_certain() -> None:
    whole = {name: value for name, value in ERROR.items() if name not in ("messageId", "sku")}
    found = parse_report(report(whole, processed=2, invalid=0))

    assert [issue.code for issue in found.refused(0)] == ["90220"]
    assert not found.is_complete(2)


@pytest.mark.parametrize("content", [b"", b"<xml/>", b"{}", b'{"summary": {}}', b"\xff\xfe{", b"[1]"])
def test_what_is_no_report_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        parse_report(content)


@needs_schemas
def test_amazons_own_report_is_understood() -> None:
    example = Path(SCHEMAS / "listings-feed-processing-report-schema-v2.example.json").read_bytes()

    found = parse_report(example)

    assert (found.processed, found.accepted, found.invalid) == (4, 2, 2)
    assert len(found.refused(4)) == 2
    assert found.is_complete(4)


@needs_schemas
def test_our_sample_reports_are_ones_amazon_could_send() -> None:
    sample = json.loads(report(WARNING, ERROR, processed=2, invalid=1))

    schema("listings-feed-processing-report-schema-v2.json").validate(sample)
