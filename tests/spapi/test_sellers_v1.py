from typing import Any

import pytest

from kogge.spapi import Amazon, Participation, TryLater
from kogge.spapi.sellers_v1 import marketplace_participations
from tests.amazon_models import needs_models

from .conftest import Wire, examples, reply


def entry(marketplace_id: str, **participation: Any) -> dict[str, Any]:
    return {
        "marketplace": {
            "id": marketplace_id,
            "name": "Amazon.de",
            "countryCode": "DE",
            "defaultCurrencyCode": "EUR",
        },
        "participation": {"isParticipating": True, "hasSuspendedListings": False} | participation,
        "storeName": "Teehaus Muster",
    }


def test_the_marketplaces_of_the_account_are_listed(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": [entry("A1PA6795UKMFR9", hasSuspendedListings=True)]}))

    found = marketplace_participations(amazon)

    assert found == [
        Participation("A1PA6795UKMFR9", "Amazon.de", "DE", "EUR", "Teehaus Muster", True, suspended=True)
    ]
    assert wire.sent[0].url.path == "/sellers/v1/marketplaceParticipations"


def test_pseudo_marketplaces_are_left_out_and_the_others_kept(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"payload": [entry("A1ZFFQZ3HTUKT9"), entry("APJ6JRA9NG5V4", isParticipating=False)]}))

    found = marketplace_participations(amazon)

    assert [(each.marketplace_id, each.participating) for each in found] == [("APJ6JRA9NG5V4", False)]


def test_what_amazon_leaves_out_is_known_from_the_table(amazon: Amazon, wire: Wire) -> None:
    bare = {
        "marketplace": {"id": "A1C3SOZRARQ6R3"},
        "participation": {"isParticipating": True},
        "storeName": None,
    }
    wire.lay(reply({"payload": [bare]}))

    [found] = marketplace_participations(amazon)

    assert (found.name, found.country, found.currency, found.store_name) == ("Amazon.pl", "PL", "PLN", "")


def test_an_answer_without_payload_is_no_empty_list(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply({"participations": []}))

    with pytest.raises(TryLater):
        marketplace_participations(amazon)


@needs_models
def test_every_example_of_amazon_is_taken_in(amazon: Amazon, wire: Wire) -> None:
    answers = [answer for _, answer in examples("/sellers/", "getMarketplaceParticipations")]

    for answer in answers:
        wire.lay(reply(answer))
        assert marketplace_participations(amazon)

    assert answers
