"""Catalog Items API 2022-04-01: which ASIN is which article.

https://developer-docs.amazon.com/sp-api/docs/catalog-items-api-v2022-04-01-reference
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.transport import web_link
from kogge.values import InvalidValue, plain_text

VERSION = "2022-04-01"
MOST_WORDS = 20  # of one search
PAGE_SIZE = 20  # the most Amazon gives

_ITEMS = f"/catalog/{VERSION}/items"
_INCLUDED = "identifiers,images,productTypes,summaries"
_TEXT_LIMIT = 1000
_GTIN_TYPES = {8: "EAN", 12: "UPC", 13: "EAN", 14: "GTIN"}
_GTINS = {"EAN", "UPC", "GTIN", "JAN", "ISBN"}


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """An article of Amazon's catalogue in one marketplace. Empty texts are unknown."""

    asin: str
    title: str
    brand: str
    image_url: str
    gtins: tuple[str, ...]
    product_type: str


def find_by_gtin(client: Amazon, gtin: str, marketplace_id: str) -> list[CatalogItem]:
    """The articles with this EAN, UPC or GTIN; several are normal."""
    if not (gtin.isascii() and gtin.isdecimal() and len(gtin) in _GTIN_TYPES):
        raise InvalidValue(f"not a GTIN: {gtin[:20]!r}")
    wanted = (("identifiersType", _GTIN_TYPES[len(gtin)]), ("identifiers", gtin))
    return _search(client, wanted, marketplace_id, PAGE_SIZE)


def find_by_words(client: Amazon, words: str, marketplace_id: str, *, limit: int = 10) -> list[CatalogItem]:
    """The articles that fit these words best; words beyond the twentieth are left out."""
    keywords = words.replace(",", " ").split()[:MOST_WORDS]
    if not keywords:
        raise InvalidValue("a search needs at least one word")
    return _search(client, (("keywords", ",".join(keywords)),), marketplace_id, min(limit, PAGE_SIZE))


def get_catalog_item(client: Amazon, asin: str, marketplace_id: str) -> CatalogItem:
    """One article. Raises `NotFound`."""
    params = (("marketplaceIds", marketplace_id), ("includedData", _INCLUDED))
    answer = client.get("getCatalogItem", f"{_ITEMS}/{quote(asin, safe='')}", params)
    return _catalog_item(answer.read(_one), marketplace_id)


class _Summary(msgspec.Struct, rename="camel"):
    marketplace_id: str
    item_name: str | None = None
    brand: str | None = None


class _Identifier(msgspec.Struct, rename="camel"):
    identifier_type: str
    identifier: str


class _Identifiers(msgspec.Struct, rename="camel"):
    marketplace_id: str
    identifiers: list[_Identifier]


class _Image(msgspec.Struct):
    link: str
    variant: str | None = None


class _Images(msgspec.Struct, rename="camel"):
    marketplace_id: str
    images: list[_Image]


class _ProductType(msgspec.Struct, rename="camel"):
    marketplace_id: str = ""
    product_type: str | None = None


class _Item(msgspec.Struct, rename="camel"):
    asin: str
    summaries: list[_Summary] | None = None
    identifiers: list[_Identifiers] | None = None
    images: list[_Images] | None = None
    product_types: list[_ProductType] | None = None


class _Page(msgspec.Struct):
    items: list[_Item]


class _InMarketplace(Protocol):
    marketplace_id: str


_one = msgspec.json.Decoder(_Item)
_page = msgspec.json.Decoder(_Page)

T = TypeVar("T", bound=_InMarketplace)


def _search(
    client: Amazon, wanted: tuple[tuple[str, str], ...], marketplace_id: str, size: int
) -> list[CatalogItem]:
    """The first page only: a human looks through it."""
    params = (
        ("marketplaceIds", marketplace_id),
        *wanted,
        ("includedData", _INCLUDED),
        ("pageSize", str(size)),
    )
    page = client.get("searchCatalogItems", _ITEMS, params).read(_page)
    return [_catalog_item(item, marketplace_id) for item in page.items]


def _catalog_item(read: _Item, marketplace_id: str) -> CatalogItem:
    summary = _of(marketplace_id, read.summaries)
    identifiers = _of(marketplace_id, read.identifiers)
    images = _of(marketplace_id, read.images)
    product_type = _of(marketplace_id, read.product_types)
    return CatalogItem(
        asin=read.asin,
        title=plain_text((summary and summary.item_name) or "", _TEXT_LIMIT),
        brand=plain_text((summary and summary.brand) or "", _TEXT_LIMIT),
        image_url=_main_image(images.images) if images else "",
        gtins=tuple(
            each.identifier
            for each in (identifiers.identifiers if identifiers else ())
            if each.identifier_type in _GTINS
        ),
        product_type=(product_type and product_type.product_type) or "",
    )


def _of(marketplace_id: str, entries: Iterable[T] | None) -> T | None:
    return next((entry for entry in entries or () if entry.marketplace_id == marketplace_id), None)


def _main_image(images: Iterable[_Image]) -> str:
    return next((web_link(image.link) for image in images if image.variant == "MAIN"), "")
