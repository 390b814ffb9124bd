import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogge.spapi import Amazon, AskHuman, ListingsItem, NotFound, OutcomeUnknown, Patch, TryLater
from kogge.spapi.client import encoder
from kogge.spapi.listings_items_2021_08_01 import (
    find_by_asin,
    find_by_sku,
    get_item,
    patch_item,
    put_offer,
)
from kogge.values import InvalidValue
from tests.amazon_models import check_response, needs_models

from .conftest import Wire, examples, refusal, reply, web_page

SELLER = "A2SELLEREXAMPLE"
DE = "A1PA6795UKMFR9"
FR = "A13V1IB3VIYZZH"
ITEMS = f"/listings/2021-08-01/items/{SELLER}"

TEAPOT: dict[str, Any] = {
    "sku": "TK-12-WEISS",
    "summaries": [
        {
            "marketplaceId": DE,
            "asin": "B00EXAMPL1",
            "productType": "KITCHEN",
            "conditionType": "new_new",
            "status": ["BUYABLE", "DISCOVERABLE"],
            "itemName": "Teekanne 1,2 l",
            "createdDate": "2025-02-03T10:00:00Z",
            "lastUpdatedDate": "2026-11-20T09:12:00Z",
            "mainImage": {"link": "https://images.example/1.jpg", "height": 500, "width": 500},
        }
    ],
    "offers": [
        {"marketplaceId": DE, "offerType": "B2B", "price": {"currencyCode": "EUR", "amount": "18.00"}},
        {"marketplaceId": DE, "offerType": "B2C", "price": {"currencyCode": "EUR", "amount": "20.00"}},
    ],
    "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 14}],
    "attributes": {
        "fulfillment_availability": [
            {"fulfillment_channel_code": "DEFAULT", "quantity": 14, "lead_time_to_ship_max_days": 3}
        ]
    },
    "issues": [
        {"code": "18027", "message": "A watermark.", "severity": "WARNING", "categories": ["INVALID_IMAGE"]}
    ],
}

ACCEPTED = {"sku": "TK-12-WEISS", "status": "ACCEPTED", "submissionId": "f1dc2914", "issues": []}
INVALID = {
    "sku": "TK-12-WEISS",
    "status": "INVALID",
    "submissionId": "0d8a2f7e",
    "issues": [
        {
            "code": "90220",
            "message": "A required value is missing.",
            "severity": "ERROR",
            "attributeNames": ["purchasable_offer"],
            "categories": ["MISSING_ATTRIBUTE"],
            "marketplaceIds": [DE],
        }
    ],
}
QUANTITY = Patch(
    "merge", "fulfillment_availability", [{"fulfillment_channel_code": "DEFAULT", "quantity": 12}]
)


def page(*items: dict[str, Any], token: str | None = None) -> httpx2.Response:
    body: dict[str, Any] = {"numberOfResults": len(items), "items": list(items)}
    if token:
        body["pagination"] = {"nextToken": token}
    return reply(body)


def without_issues(submission: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in submission.items() if name != "issues"}


def test_a_listing_is_read_with_everything_we_use(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(TEAPOT))

    item = get_item(amazon, SELLER, "TK-12-WEISS", [DE, FR])

    [summary] = item.summaries
    assert (item.sku, summary.asin, summary.condition) == ("TK-12-WEISS", "B00EXAMPL1", "new_new")
    assert (summary.title, summary.image_url) == ("Teekanne 1,2 l", "https://images.example/1.jpg")
    assert item.availability == {"DEFAULT": 14}
    assert item.prices == {DE: Decimal("20.00")}
    assert item.attributes == TEAPOT["attributes"]
    assert [(issue.code, issue.severity, issue.categories) for issue in item.issues] == [
        ("18027", "WARNING", ("INVALID_IMAGE",))
    ]
    assert dict(wire.sent[0].url.params) == {
        "marketplaceIds": f"{DE},{FR}",
        "includedData": "summaries,attributes,issues,offers,fulfillmentAvailability",
        "issueLocale": "de_DE",
    }


@pytest.mark.parametrize(
    ("sku", "quoted"),
    [("A/1", "A%2F1"), ("A 1", "A%201"), ("Ä?#%", "%C3%84%3F%23%25"), ("..", "%2E%2E")],
)
def test_a_sku_is_quoted_in_the_path(amazon: Amazon, wire: Wire, sku: str, quoted: str) -> None:
    wire.lay(reply(TEAPOT | {"sku": sku}))

    get_item(amazon, SELLER, sku, [DE])

    assert wire.sent[0].url.raw_path.decode().split("?")[0] == f"{ITEMS}/{quoted}"


def test_an_unknown_sku_is_not_found(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NOT_FOUND"))

    with pytest.raises(NotFound):
        get_item(amazon, SELLER, "TK-13", [DE])


def test_what_amazon_leaves_out_is_empty(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"sku": "TK-12-WEISS"}))

    assert get_item(amazon, SELLER, "TK-12-WEISS", [DE]) == ListingsItem("TK-12-WEISS")


def test_what_amazon_ships_has_no_units_and_no_asin_is_no_hindrance(amazon: Amazon, wire: Wire) -> None:
    summary = {"marketplaceId": DE, "productType": "KITCHEN", "status": []}
    availability = [{"fulfillmentChannelCode": "AMAZON_EU"}]
    wire.lay(reply({"sku": "F-1", "summaries": [summary], "fulfillmentAvailability": availability}))

    item = get_item(amazon, SELLER, "F-1", [DE])

    assert item.availability == {"AMAZON_EU": None}
    assert (item.summaries[0].asin, item.summaries[0].title, item.summaries[0].image_url) == ("", "", "")


@pytest.mark.parametrize(
    ("amount", "price"),
    [
        ("20.00", Decimal("20.00")),
        (20.1, Decimal("20.1")),
        (20, Decimal(20)),
        ("NaN", None),
        ("viel", None),
        (None, None),
        (True, None),
    ],
)
def test_one_odd_price_does_not_hide_the_listing(
    amazon: Amazon, wire: Wire, amount: object, price: Decimal | None
) -> None:
    offer = {"marketplaceId": DE, "offerType": "B2C", "price": {"currencyCode": "EUR", "amount": amount}}
    wire.lay(reply({"sku": "TK", "offers": [offer]}))

    assert get_item(amazon, SELLER, "TK", [DE]).prices.get(DE) == price


def test_the_price_for_a_chosen_audience_is_not_the_price(amazon: Amazon, wire: Wire) -> None:
    def offer(amount: str, audience: str) -> dict[str, Any]:
        price = {"currencyCode": "EUR", "amount": amount}
        return {
            "marketplaceId": DE, "offerType": "B2C", "price": price, "audience": {"value": audience}
        }  # fmt: skip

    wire.lay(reply({"sku": "TK", "offers": [offer("20.00", "ALL"), offer("12.00", "DE_STUDENTS")]}))

    assert get_item(amazon, SELLER, "TK", [DE]).prices == {DE: Decimal("20.00")}


def test_an_address_that_is_none_is_not_shown(amazon: Amazon, wire: Wire) -> None:
    summary = TEAPOT["summaries"][0] | {"mainImage": {"link": "javascript:alert(1)"}}
    wire.lay(reply(TEAPOT | {"summaries": [summary]}))

    assert get_item(amazon, SELLER, "TK-12-WEISS", [DE]).summaries[0].image_url == ""


def test_twenty_skus_cost_one_call_and_unknown_ones_are_missing(
    amazon: Amazon, wire: Wire, buckets: Any
) -> None:
    skus = [f"TK-{number}" for number in range(20)]
    wire.lay(page(*({"sku": sku} for sku in skus[:-1])))

    found = find_by_sku(amazon, SELLER, skus, [DE])

    assert list(found) == skus[:-1]
    assert buckets.taken == ["searchListingsItems"]
    params = wire.sent[0].url.params
    assert (params["identifiersType"], params["pageSize"]) == ("SKU", "20")
    assert params["identifiers"].split(",") == skus


def test_all_pages_are_read(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sku": "A"}, token="t1"), page({"sku": "B"}, token="t2"), page({"sku": "C"}))

    found = find_by_asin(amazon, SELLER, ["B00EXAMPL1"], [DE])

    assert [item.sku for item in found] == ["A", "B", "C"]
    assert [request.url.params.get("pageToken") for request in wire.sent] == [None, "t1", "t2"]
    assert {request.url.params["identifiersType"] for request in wire.sent} == {"ASIN"}
    assert {request.url.params["identifiers"] for request in wire.sent} == {"B00EXAMPL1"}


def test_pages_that_go_round_in_a_circle_end(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(token="t1"), page(token="t2"), page(token="t1"))

    with pytest.raises(TryLater):
        find_by_asin(amazon, SELLER, ["B00EXAMPL1"], [DE])


def test_a_sku_with_a_comma_is_asked_for_alone(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sku": "A"}), reply({"sku": "B,1"}))

    found = find_by_sku(amazon, SELLER, ["A", "B,1"], [DE])

    assert set(found) == {"A", "B,1"}
    assert wire.sent[0].url.params["identifiers"] == "A"
    assert wire.sent[1].url.raw_path.decode().startswith(f"{ITEMS}/B%2C1?")


def test_an_unknown_sku_with_a_comma_is_missing(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(404, "NOT_FOUND"))

    assert find_by_sku(amazon, SELLER, ["B,1"], [DE]) == {}


def test_a_listing_nobody_asked_for_is_not_handed_out(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sku": "a"}, {"sku": "A"}))

    assert list(find_by_sku(amazon, SELLER, ["A"], [DE])) == ["A"]


def test_asking_for_nothing_asks_nothing(amazon: Amazon, wire: Wire) -> None:
    assert find_by_sku(amazon, SELLER, [], [DE]) == {}
    assert find_by_asin(amazon, SELLER, [], [DE]) == []
    assert wire.sent == []


def test_more_than_twenty_at_once_are_refused(amazon: Amazon) -> None:
    with pytest.raises(InvalidValue):
        find_by_sku(amazon, SELLER, [str(number) for number in range(21)], [DE])
    with pytest.raises(InvalidValue):
        find_by_asin(amazon, SELLER, [f"B{number:09}" for number in range(21)], [DE])


def test_a_change_is_sent_and_accepted(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ACCEPTED))

    submission = patch_item(amazon, SELLER, "TK-12-WEISS", [DE, FR], [QUANTITY])

    assert submission.is_accepted
    assert (submission.submission_id, submission.issues) == ("f1dc2914", ())
    assert wire.sent[0].method == "PATCH"
    assert dict(wire.sent[0].url.params) == {"marketplaceIds": f"{DE},{FR}", "issueLocale": "de_DE"}
    assert json.loads(wire.sent[0].content) == {
        "productType": "PRODUCT",
        "patches": [
            {
                "op": "merge",
                "path": "/attributes/fulfillment_availability",
                "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 12}],
            }
        ],
    }


def test_a_refusal_comes_with_amazons_issues(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(INVALID))

    submission = patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY])

    assert not submission.is_accepted
    [issue] = submission.issues
    assert (issue.code, issue.severity) == ("90220", "ERROR")
    assert issue.attribute_names == ("purchasable_offer",)
    assert (issue.categories, issue.marketplace_ids) == (("MISSING_ATTRIBUTE",), (DE,))


def test_a_word_we_do_not_know_is_no_acceptance(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ACCEPTED | {"status": "POSTPONED"}))

    assert not patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY]).is_accepted


def test_issues_may_be_left_out(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(without_issues(ACCEPTED)))

    assert patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY]).issues == ()


def test_a_change_without_patches_is_none(amazon: Amazon) -> None:
    with pytest.raises(InvalidValue):
        patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [])


@pytest.mark.parametrize("status", [404, 400])
def test_a_change_of_an_unknown_sku_is_not_found(amazon: Amazon, wire: Wire, status: int) -> None:
    wire.lay(refusal(status, "NOT_FOUND", "SKU 'TK-13' not found"))

    with pytest.raises(NotFound):
        patch_item(amazon, SELLER, "TK-13", [DE], [QUANTITY])


def test_a_bad_request_is_not_taken_for_a_missing_listing(amazon: Amazon, wire: Wire) -> None:
    wire.lay(refusal(400, "INVALID_INPUT"))

    with pytest.raises(AskHuman) as caught:
        patch_item(amazon, SELLER, "TK-13", [DE], [QUANTITY])
    assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize("lost", [httpx2.ReadTimeout("x"), web_page(502), reply({"half": 1})])
def test_a_change_without_an_answer_may_have_taken_effect(amazon: Amazon, wire: Wire, lost: Any) -> None:
    wire.lay(lost)

    with pytest.raises(OutcomeUnknown):
        patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY])


def test_a_preview_asks_and_changes_nothing(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ACCEPTED | {"status": "VALID"}), httpx2.ReadTimeout("x"))

    assert patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY], preview=True).is_accepted
    assert wire.sent[0].url.params["mode"] == "VALIDATION_PREVIEW"
    with pytest.raises(TryLater) as caught:
        patch_item(amazon, SELLER, "TK-12-WEISS", [DE], [QUANTITY], preview=True)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_an_offer_is_created_in_one_marketplace(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(ACCEPTED), reply(ACCEPTED | {"status": "VALID"}))
    attributes = {"condition_type": [{"value": "new_new", "marketplace_id": DE}]}

    put_offer(amazon, SELLER, "TK-12-WEISS", DE, attributes)
    put_offer(amazon, SELLER, "TK-12-WEISS", DE, attributes, preview=True)

    assert wire.sent[0].method == "PUT"
    assert dict(wire.sent[0].url.params) == {"marketplaceIds": DE, "issueLocale": "de_DE"}
    assert wire.sent[1].url.params["mode"] == "VALIDATION_PREVIEW"
    assert json.loads(wire.sent[0].content) == {
        "productType": "PRODUCT",
        "requirements": "LISTING_OFFER_ONLY",
        "attributes": attributes,
    }


def test_a_created_offer_without_an_answer_may_exist(amazon: Amazon, wire: Wire) -> None:
    wire.lay(httpx2.ReadTimeout("x"))

    with pytest.raises(OutcomeUnknown):
        put_offer(amazon, SELLER, "TK-12-WEISS", DE, {})


ATTRIBUTES = """{
    "purchasable_offer": [{"our_price": [{"schedule": [{"value_with_tax": 21.5}]}], "end_at": null}],
    "odd": [{"a": 0.30000000000000004, "b": 12345678901234.99, "c": 1.10, "d": 1e-7, "e": -0.0, "f": 2E+3}],
    "plain": [{"i": 7, "big": 123456789012345678901234567890, "yes": true, "deep": {"x": {"y": [1, 2.50]}}}]
}"""


def sent_back(amazon: Amazon, wire: Wire, attributes: str) -> str:
    """The attributes of a listing after they were read and put into patches unchanged."""
    wire.lay(httpx2.Response(200, content=f'{{"sku": "TK", "attributes": {attributes}}}'), reply(ACCEPTED))
    item = get_item(amazon, SELLER, "TK", [DE])
    patches = [Patch("replace", name, entries) for name, entries in item.attributes.items()]
    patch_item(amazon, SELLER, "TK", [DE], patches)
    sent = json.loads(wire.sent[-1].content, parse_float=str, parse_int=str)["patches"]
    return json.dumps({patch["path"].removeprefix("/attributes/"): patch["value"] for patch in sent})


def test_what_is_sent_back_is_exactly_what_was_read(amazon: Amazon, wire: Wire) -> None:
    """Amazon's numbers must not pass through a binary fraction: 1.10 stays 1.10."""
    sent = json.loads(sent_back(amazon, wire, ATTRIBUTES))

    read = json.loads(ATTRIBUTES, parse_float=str, parse_int=str)
    assert sent["purchasable_offer"] == read["purchasable_offer"]
    assert sent["plain"] == read["plain"]
    numbers = zip(sent["odd"][0].values(), read["odd"][0].values(), strict=True)
    assert [Decimal(ours) - Decimal(amazons) for ours, amazons in numbers] == [0] * 6


@given(number=st.decimals(allow_nan=False, allow_infinity=False) | st.integers() | st.floats(0, 1e15))
def test_every_number_survives_reading_and_writing(number: Decimal | int | float) -> None:
    from kogge.spapi.listings_items_2021_08_01 import _one

    text = json.dumps(number) if isinstance(number, float) else str(number)
    item = _one.decode(f'{{"sku": "A", "attributes": {{"a": [{{"n": {text}}}]}}}}'.encode())

    again = json.loads(encoder.encode(item.attributes), parse_float=Decimal, parse_int=Decimal)

    assert again["a"][0]["n"] == Decimal(text)


def test_attributes_of_another_build_are_left_out(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"sku": "TK", "attributes": {"text": "x", "words": ["x"], "good": [{"value": 1}]}}))

    assert get_item(amazon, SELLER, "TK", [DE]).attributes == {"good": [{"value": 1}]}


@needs_models
def test_our_sample_is_one_that_amazon_could_send() -> None:
    check_response("GET", f"{ITEMS}/TK-12-WEISS", 200, TEAPOT)
    check_response("PATCH", f"{ITEMS}/TK-12-WEISS", 200, INVALID)


@needs_models
def test_amazons_own_examples_are_understood(amazon: Amazon, wire: Wire) -> None:
    path = "/listings/2021-08-01/items"
    for _given, body in examples(path, "getListingsItem"):
        wire.lay(reply(body))
        assert get_item(amazon, SELLER, body["sku"], [DE]).summaries
    for _given, body in examples(path, "searchListingsItems"):
        wire.lay(reply(body), reply(body | {"pagination": {}}))
        assert find_by_asin(amazon, SELLER, ["B00EXAMPL1"], [DE])
    for _given, body in examples(path, "patchListingsItem"):
        wire.lay(reply(body))
        submission = patch_item(amazon, SELLER, "TK", [DE], [QUANTITY])
        assert submission.is_accepted is (body["status"] != "INVALID")
        assert len(submission.issues) == len(body.get("issues", ()))
    for _given, body in examples(path, "putListingsItem"):
        wire.lay(reply(body))
        assert put_offer(amazon, SELLER, "TK", DE, {}).status == body["status"]
