from typing import Any

import httpx2
import pytest

from kogge.spapi import Amazon, CatalogItem, NotFound
from kogge.spapi.catalog_items_2022_04_01 import find_by_gtin, find_by_words, get_catalog_item
from kogge.values import InvalidValue
from tests.amazon_models import check_response, needs_models

from .conftest import Wire, examples, refusal, reply

DE = "A1PA6795UKMFR9"
FR = "A13V1IB3VIYZZH"
ITEMS = "/catalog/2022-04-01/items"
TEAPOT: dict[str, Any] = {
    "asin": "B00EXAMPL1",
    "identifiers": [
        {
            "marketplaceId": DE,
            "identifiers": [
                {"identifierType": "EAN", "identifier": "4006381333931"},
                {"identifierType": "SKU", "identifier": "TK-12"},
            ],
        }
    ],
    "images": [
        {
            "marketplaceId": DE,
            "images": [
                {"variant": "PT01", "link": "https://images.example/2.jpg", "height": 500, "width": 500},
                {"variant": "MAIN", "link": "https://images.example/1.jpg", "height": 500, "width": 500},
            ],
        }
    ],
    "productTypes": [{"marketplaceId": DE, "productType": "KITCHEN"}],
    "summaries": [
        {"marketplaceId": FR, "itemName": "Théière", "brand": "Exemple"},
        {"marketplaceId": DE, "itemName": "Teekanne 1,2 l", "brand": "Beispiel"},
    ],
}


def page(*items: dict[str, Any]) -> httpx2.Response:
    return reply({"numberOfResults": len(items), "items": list(items)})


def test_an_article_is_found_by_its_gtin(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(TEAPOT, {"asin": "B00EXAMPL2"}))

    teapot, other = find_by_gtin(amazon, "4006381333931", DE)

    assert teapot == CatalogItem(
        asin="B00EXAMPL1",
        title="Teekanne 1,2 l",
        brand="Beispiel",
        image_url="https://images.example/1.jpg",
        gtins=("4006381333931",),
        product_type="KITCHEN",
    )
    assert other == CatalogItem("B00EXAMPL2", "", "", "", (), "")
    params = wire.sent[0].url.params
    assert (params["identifiersType"], params["identifiers"]) == ("EAN", "4006381333931")
    assert params["marketplaceIds"] == DE


@pytest.mark.parametrize(
    ("gtin", "kind"), [("96385074", "EAN"), ("036000291452", "UPC"), ("10614141000415", "GTIN")]
)
def test_the_length_says_which_number_it_is(amazon: Amazon, wire: Wire, gtin: str, kind: str) -> None:
    wire.lay(page())

    assert find_by_gtin(amazon, gtin, DE) == []
    assert wire.sent[0].url.params["identifiersType"] == kind


@pytest.mark.parametrize("gtin", ["", "123", "400638133393X", "４００６３８１３３３９３１", "1,2,3,4,5,6,7"])
def test_what_is_no_gtin_is_not_asked_for(amazon: Amazon, wire: Wire, gtin: str) -> None:
    with pytest.raises(InvalidValue):
        find_by_gtin(amazon, gtin, DE)
    assert wire.sent == []


def test_articles_are_found_by_words(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(TEAPOT))

    [found] = find_by_words(amazon, " Teekanne, 1,2 l  weiß ", DE, limit=50)

    assert found.asin == "B00EXAMPL1"
    params = wire.sent[0].url.params
    assert params["keywords"] == "Teekanne,1,2,l,weiß"
    assert params["pageSize"] == "20"


def test_more_words_than_amazon_takes_are_left_out(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page())

    find_by_words(amazon, "Wort " * 25, DE)

    assert len(wire.sent[0].url.params["keywords"].split(",")) == 20


def test_a_search_without_words_is_none(amazon: Amazon) -> None:
    with pytest.raises(InvalidValue):
        find_by_words(amazon, " , ", DE)


def test_one_article_is_read(amazon: Amazon, wire: Wire) -> None:
    wire.lay(reply(TEAPOT), refusal(404, "NOT_FOUND"))

    assert get_catalog_item(amazon, "B00EXAMPL1", FR).title == "Théière"
    assert wire.sent[0].url.path == f"{ITEMS}/B00EXAMPL1"
    with pytest.raises(NotFound):
        get_catalog_item(amazon, "B00EXAMPL9", DE)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://images.example/1.jpg", "data:text/html,x"])
def test_an_unsafe_picture_is_not_shown(amazon: Amazon, wire: Wire, link: str) -> None:
    images = [{"marketplaceId": DE, "images": [{"variant": "MAIN", "link": link}]}]
    wire.lay(reply(TEAPOT | {"images": images}))

    assert get_catalog_item(amazon, "B00EXAMPL1", DE).image_url == ""


@needs_models
def test_our_sample_is_one_that_amazon_could_send() -> None:
    check_response("GET", f"{ITEMS}/B00EXAMPL1", 200, TEAPOT)


@needs_models
def test_amazons_own_examples_are_understood(amazon: Amazon, wire: Wire) -> None:
    for _given, body in examples(ITEMS, "searchCatalogItems"):
        wire.lay(reply(body))
        assert [item.asin for item in find_by_words(amazon, "tv", "ATVPDKIKX0DER")] == [
            item["asin"] for item in body["items"]
        ]
    for _given, body in examples(ITEMS, "getCatalogItem"):
        wire.lay(reply(body))
        found = get_catalog_item(amazon, body["asin"], "ATVPDKIKX0DER")
        assert found.title
        assert found.image_url
