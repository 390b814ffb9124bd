"""Articles of the catalogue, their pictures, and who may offer them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
import pytest
from PIL import Image

from kogge.simulator import SELLER_ID
from tests.simulator.conftest import Seller

ITEMS = "/catalog/2022-04-01/items"
RESTRICTIONS = "/listings/2021-08-01/restrictions"
DE = "A1PA6795UKMFR9"
PARTS = "identifiers,images,productTypes,summaries"


def search(seller: Seller, **parameters: str) -> dict[str, Any]:
    asked = {"marketplaceIds": DE, "includedData": PARTS, **parameters}
    answer: dict[str, Any] = seller.call("GET", ITEMS, asked).json()
    return answer


def asins(answer: dict[str, Any]) -> list[str]:
    return [item["asin"] for item in answer["items"]]


def test_an_article_is_found_by_its_gtin(seller: Seller) -> None:
    found = search(seller, identifiers=seller.listing("TS-01").gtin, identifiersType="EAN")

    assert asins(found) == ["B0KOGGE008"]
    assert found["items"][0]["summaries"][0]["itemName"] == "Teesieb aus Edelstahl, fein"
    assert found["items"][0]["images"][0]["images"][0]["link"].endswith("/images/B0KOGGE008.png")


def test_a_gtin_may_belong_to_several_articles(seller: Seller) -> None:
    found = search(seller, identifiers=seller.listing("TA-CHAWAN").gtin, identifiersType="GTIN")

    assert asins(found) == ["B0KOGGE020", "B0KOGGE101", "B0KOGGE102"]


def test_articles_are_found_by_words_in_pages(seller: Seller) -> None:
    first = search(seller, keywords="Teekanne", pageSize="3")
    rest = search(seller, keywords="Teekanne", pageSize="3", pageToken=first["pagination"]["nextToken"])

    assert (first["numberOfResults"], len(first["items"])) == (5, 3)
    assert asins(rest) == ["B0KOGGE004", "B0KOGGE104"]
    assert asins(search(seller, keywords="möwe blau")) == ["B0KOGGE002"]


def test_what_somebody_offers_is_an_article_as_well(seller: Seller) -> None:
    listing = {"sku": "NEU", "asin": "B0FRESH001", "title": "Neuer Tee", "gtin": "4006381333931"}
    seller.send("POST", "/_control/listings", body=msgspec.json.encode([listing]))

    by_gtin = search(seller, identifiers="4006381333931", identifiersType="EAN")
    by_sku = search(seller, identifiers="NEU", identifiersType="SKU", sellerId=SELLER_ID)
    by_word = search(seller, keywords="neuer tee")

    assert asins(by_gtin) == asins(by_sku) == asins(by_word) == ["B0FRESH001"]


def test_an_article_is_shown_by_its_asin(seller: Seller) -> None:
    known = seller.call("GET", f"{ITEMS}/B0KOGGE104", {"marketplaceIds": DE})
    unknown = seller.call("GET", f"{ITEMS}/B0NOTHING0", {"marketplaceIds": DE})

    assert known.json()["summaries"][0]["brand"] == "Deichporzellan"
    assert known.json().keys() == {"asin", "summaries"}
    assert unknown.status == 404


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"identifiers": "1"},
        {"identifiers": "1", "identifiersType": "EAN", "keywords": "Tee"},
        {"identifiers": ",".join("1" * 21), "identifiersType": "EAN"},
        {"keywords": "Tee", "marketplaceIds": f"{DE},A13V1IB3VIYZZH"},
        {"keywords": "Tee", "marketplaceIds": ""},
        {"keywords": "Tee", "includedData": "prices"},
        {"keywords": "Tee", "pageSize": "21"},
        {"keywords": "Tee", "pageToken": "nonsense"},
        {"identifiers": "TS-01", "identifiersType": "SKU"},
    ],
)
def test_a_question_amazon_does_not_understand_is_held_against_the_client(
    seller: Seller, parameters: dict[str, str]
) -> None:
    assert seller.call("GET", ITEMS, {"marketplaceIds": DE, **parameters}).status == 400
    assert len(seller.violations) == 1


def restrictions(seller: Seller, asin: str) -> list[dict[str, Any]]:
    asked = {"asin": asin, "sellerId": SELLER_ID, "marketplaceIds": DE, "conditionType": "new_new"}
    found: list[dict[str, Any]] = seller.call("GET", RESTRICTIONS, asked).json()["restrictions"]
    return found


def test_most_articles_may_be_offered_and_some_only_with_permission(seller: Seller) -> None:
    free, asks, closed, unknown = (
        restrictions(seller, asin) for asin in ("B0KOGGE104", "B0KOGGE103", "B0KOGGE114", "B0NOTHING0")
    )

    reason = asks[0]["reasons"][0]
    assert free == []
    assert (asks[0]["marketplaceId"], reason["reasonCode"]) == (DE, "APPROVAL_REQUIRED")
    assert reason["links"][0]["resource"].startswith("https://sellercentral.amazon.de/")
    assert closed[0]["reasons"][0]["reasonCode"] == "NOT_ELIGIBLE"
    assert unknown[0]["reasons"][0]["reasonCode"] == "ASIN_NOT_FOUND"


@pytest.mark.parametrize("missing", ["asin", "sellerId", "marketplaceIds"])
def test_a_question_about_restrictions_names_article_seller_and_marketplace(
    seller: Seller, missing: str
) -> None:
    asked = {"asin": "B0KOGGE104", "sellerId": SELLER_ID, "marketplaceIds": DE}
    del asked[missing]

    assert seller.call("GET", RESTRICTIONS, asked).status == 400


def test_every_article_has_a_picture_of_its_own_kind(seller: Seller) -> None:
    pot, tin = (seller.send("GET", f"/images/{asin}.png") for asin in ("B0KOGGE001", "B0KOGGE014"))
    again = seller.send("GET", "/images/B0KOGGE001.png")

    with Image.open(BytesIO(pot.body)) as image:
        assert (image.format, image.size) == ("PNG", (500, 500))
    assert pot.headers["Content-Type"] == "image/png"
    assert pot.body == again.body
    assert pot.body != tin.body
    assert seller.send("GET", "/images/B0NOTHING0.png").status == 404
