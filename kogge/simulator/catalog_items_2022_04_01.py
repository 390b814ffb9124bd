"""Catalog Items API 2022-04-01: which ASIN is which article."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from kogge.simulator.catalogue import Article, image_document
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Response, invalid_input, json_response, not_found

VERSION = "2022-04-01"

MOST_IDENTIFIERS = 20
MOST_KEYWORDS = 20
MAX_PAGE = 20

_DATA_SETS = {
    "attributes", "classifications", "dimensions", "identifiers", "images", "productTypes", "relationships",
    "salesRanks", "summaries", "vendorDetails",
}  # fmt: skip
_GET = {"marketplaceIds", "includedData", "locale"}
_SEARCH = _GET | {
    "identifiers", "identifiersType", "sellerId", "keywords", "brandNames", "keywordsLocale", "pageSize",
    "pageToken",
}  # fmt: skip


def search_catalog_items(call: Call) -> Response:
    """The articles with these identifiers, or those that fit the keywords."""
    parameters = _parameters(call, _SEARCH)
    place = _marketplace(call, parameters)
    included = _included(parameters)
    size = _page_size(parameters)
    if ("identifiers" in parameters) == ("keywords" in parameters):
        raise invalid_input("Exactly one of identifiers and keywords must be given")
    start = _start(call, parameters)
    found = _identified(call, parameters) if "identifiers" in parameters else _described(call, parameters)
    document: dict[str, object] = {
        "numberOfResults": len(found),
        "items": [_item(call, article, place, included) for article in found[start : start + size]],
    }
    if start + size < len(found):
        document["pagination"] = {"nextToken": _remember(call, parameters, start + size)}
    return json_response(200, document)


def get_catalog_item(call: Call) -> Response:
    parameters = _parameters(call, _GET)
    place = _marketplace(call, parameters)
    article = call.world.find_article(call.path["asin"])
    if article is None:
        raise not_found("Requested item is not found in the marketplace")
    return json_response(200, _item(call, article, place, _included(parameters)))


_BASE = f"/catalog/{VERSION}/items"
ROUTES = [
    Route("GET", _BASE, "searchCatalogItems", search_catalog_items),
    Route("GET", f"{_BASE}/{{asin}}", "getCatalogItem", get_catalog_item),
]


@dataclass(frozen=True, slots=True)
class _Position:
    query: tuple[str, str]
    start: int
    seller_id: str


def _item(call: Call, article: Article, place: str, included: set[str]) -> dict[str, object]:
    parts: dict[str, object] = {
        "summaries": [
            {
                "marketplaceId": place,
                "itemName": article.title,
                "brand": article.brand,
                "itemClassification": "BASE_PRODUCT",
            }
        ],
        "identifiers": [{"marketplaceId": place, "identifiers": _identifiers(article)}],
        "images": [
            {
                "marketplaceId": place,
                "images": [{"variant": "MAIN", **image_document(call.request, article.asin)}],
            }
        ],
        "productTypes": [{"marketplaceId": place, "productType": article.product_type}],
        "attributes": {"item_name": [{"value": article.title, "marketplace_id": place}]},
    }
    return {"asin": article.asin} | {name: part for name, part in parts.items() if name in included}


def _identifiers(article: Article) -> list[dict[str, str]]:
    return [{"identifierType": "EAN", "identifier": article.gtin}] if article.gtin else []


def _identified(call: Call, parameters: dict[str, str]) -> list[Article]:
    if "brandNames" in parameters:
        raise invalid_input("brandNames needs keywords")
    identifiers = parameters["identifiers"].split(",")
    if "" in identifiers or len(identifiers) > MOST_IDENTIFIERS:
        raise invalid_input("identifiers must hold 1 to 20 values")
    match parameters.get("identifiersType"):
        case "ASIN":
            found = [article for asin in identifiers if (article := call.world.find_article(asin))]
        case "EAN" | "GTIN" | "UPC" | "JAN" | "ISBN" | "MINSAN":
            found = [each for gtin in identifiers for each in call.world.articles_with_gtin(gtin)]
        case "SKU":
            found = _with_skus(call, parameters, identifiers)
        case _:
            raise invalid_input("identifiersType is missing or not an allowed value")
    return list({article.asin: article for article in found}.values())


def _with_skus(call: Call, parameters: dict[str, str], skus: list[str]) -> list[Article]:
    if parameters.get("sellerId") != call.account.seller_id:
        raise invalid_input("identifiersType SKU needs the sellerId")
    listings = call.account.listings
    return [call.world.article(listings[sku].asin) for sku in skus if sku in listings and listings[sku].asin]


def _described(call: Call, parameters: dict[str, str]) -> list[Article]:
    """The articles whose title or brand holds all the words."""
    keywords = parameters["keywords"].split(",")
    if len(keywords) > MOST_KEYWORDS:
        raise invalid_input("keywords holds more than 20 values")
    words = re.findall(r"\w+", " ".join(keywords).lower())
    brands = set(parameters["brandNames"].split(",")) if "brandNames" in parameters else None
    return [
        article
        for article in call.world.all_articles()
        if words
        and all(word in f"{article.title} {article.brand}".lower() for word in words)
        and (brands is None or article.brand in brands)
    ]


def _start(call: Call, parameters: dict[str, str]) -> int:
    if "pageToken" not in parameters:
        return 0
    position = call.world.pages.get(parameters["pageToken"])
    if not isinstance(position, _Position) or position.seller_id != call.account.seller_id:
        raise invalid_input("pageToken is not valid")
    if position.query != _query(parameters):
        raise invalid_input("pageToken does not match the other parameters")
    return position.start


def _remember(call: Call, parameters: dict[str, str], start: int) -> str:
    token = uuid.uuid4().hex
    call.world.pages[token] = _Position(_query(parameters), start, call.account.seller_id)
    return token


def _query(parameters: dict[str, str]) -> tuple[str, str]:
    return parameters.get("identifiers", ""), parameters.get("keywords", "")


def _parameters(call: Call, known: set[str]) -> dict[str, str]:
    parameters = call.request.parameters()
    if unknown := parameters.keys() - known:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    return parameters


def _marketplace(call: Call, parameters: dict[str, str]) -> str:
    place = parameters.get("marketplaceIds", "")
    if not call.account.serves(place):
        raise invalid_input(f"Invalid marketplace: {place or 'none'}; it must be exactly one")
    return place


def _included(parameters: dict[str, str]) -> set[str]:
    included = set(parameters.get("includedData", "summaries").split(","))
    if wrong := included - _DATA_SETS:
        raise invalid_input(f"Invalid value in includedData: {min(wrong)}")
    return included


def _page_size(parameters: dict[str, str]) -> int:
    text = parameters.get("pageSize", "10")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAGE:
        raise invalid_input("pageSize must be between 1 and 20")
    return int(text)
