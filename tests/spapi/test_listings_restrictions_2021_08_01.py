from typing import Any

import pytest

from kogge.spapi import Amazon, Restriction, TryLater
from kogge.spapi.listings_restrictions_2021_08_01 import restrictions

from .conftest import Wire, reply

SELLER = "A2SELLEREXAMPLE"
DE = "A1PA6795UKMFR9"


def reason(**changes: Any) -> dict[str, Any]:
    return {
        "message": "You need approval to list in this brand.",
        "reasonCode": "APPROVAL_REQUIRED",
        "links": [
            {
                "resource": "https://sellercentral.example/hz/approvalrequest?asin=B00EXAMPL1",
                "verb": "GET",
                "title": "Request Approval via Seller Central.",
                "type": "text/html",
            }
        ],
    } | changes


def restricted(*reasons: dict[str, Any]) -> dict[str, Any]:
    return {"marketplaceId": DE, "conditionType": "new_new", "reasons": list(reasons)}


def test_nothing_stands_in_the_way(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"restrictions": []}))

    assert restrictions(amazon, SELLER, "B00EXAMPL1", DE, locale="en_GB") == []
    assert wire.sent[0].url.path == "/listings/2021-08-01/restrictions"
    assert dict(wire.sent[0].url.params) == {
        "asin": "B00EXAMPL1",
        "sellerId": SELLER,
        "marketplaceIds": DE,
        "conditionType": "new_new",
        "reasonLocale": "en_GB",
    }


def test_every_reason_is_told_with_the_way_out(amazon: Amazon, wire: Wire) -> None:
    other = reason(message="Not eligible.", reasonCode="NOT_ELIGIBLE", links=[])
    wire.lay(reply({"restrictions": [restricted(reason(), other)]}))

    assert restrictions(amazon, SELLER, "B00EXAMPL1", DE) == [
        Restriction(
            "APPROVAL_REQUIRED",
            "You need approval to list in this brand.",
            "https://sellercentral.example/hz/approvalrequest?asin=B00EXAMPL1",
        ),
        Restriction("NOT_ELIGIBLE", "Not eligible.", ""),
    ]


def test_a_restriction_without_a_reason_is_one_all_the_same(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"restrictions": [restricted()]}))

    assert restrictions(amazon, SELLER, "B00EXAMPL1", DE) == [Restriction("", "", "")]


def test_a_link_that_is_none_is_not_shown(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"restrictions": [restricted(reason(links=[{"resource": "javascript:alert(1)"}]))]}))

    assert restrictions(amazon, SELLER, "B00EXAMPL1", DE)[0].url == ""


def test_an_answer_without_the_list_is_not_taken_for_a_permission(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({}))

    with pytest.raises(TryLater):
        restrictions(amazon, SELLER, "B00EXAMPL1", DE)
