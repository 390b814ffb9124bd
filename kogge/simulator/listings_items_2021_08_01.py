"""Listings Items API 2021-08-01: offers read, searched, changed, created and deleted, SKU by SKU."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec

from kogge.simulator import submissions
from kogge.simulator.attributes import AVAILABILITY, Entry, Issue, Patch, amount
from kogge.simulator.catalogue import image_document
from kogge.simulator.clock import iso, parse_iso
from kogge.simulator.listings import Listing, offers_of
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Refusal, Response, invalid_input, json_response, not_found
from kogge.simulator.world import Account

VERSION = "2021-08-01"

MOST_IDENTIFIERS = 20
MOST_RESULTS = 1000
"""A search without identifiers ends here."""
MAX_PAGE = 20

DATA_SETS = frozenset({
    "summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships",
    "productTypes",
})  # fmt: skip
_GET = frozenset({"marketplaceIds", "issueLocale", "includedData"})
_CHANGE = _GET | {"mode"}
_SEARCH = _GET | {
    "identifiers", "identifiersType", "createdAfter", "createdBefore", "lastUpdatedAfter",
    "lastUpdatedBefore", "withIssueSeverity", "withStatus", "withoutStatus", "sortBy", "sortOrder",
    "pageSize", "pageToken",
}  # fmt: skip
_AUDIENCES = {"ALL": ("B2C", "Sell on Amazon"), "B2B": ("B2B", "Amazon Business")}
_SORT_KEYS: dict[str, Callable[[Listing], Any]] = {
    "sku": lambda listing: listing.sku,
    "createdDate": lambda listing: (listing.created, listing.sku),
    "lastUpdatedDate": lambda listing: (listing.changed, listing.sku),
}

_Body = TypeVar("_Body")


class PatchRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    product_type: str
    patches: list[Patch]


class PutRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    product_type: str
    attributes: dict[str, list[Entry]]
    requirements: Literal["LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"] = "LISTING"


def get_listings_item(call: Call) -> Response:
    """One SKU in the marketplaces named."""
    parameters = _parameters(call, _GET)
    places = _marketplaces(call, parameters)
    listing = _listing(call, places)
    included = _included(parameters, DATA_SETS)
    return json_response(200, _item(call, listing, places, included))


def search_listings_items(call: Call) -> Response:
    """The seller's SKUs, by identifiers or all of them, in pages."""
    parameters = _parameters(call, _SEARCH)
    places = _marketplaces(call, parameters)
    included = _included(parameters, DATA_SETS)
    size = _page_size(parameters)
    if "pageToken" in parameters:
        position = _position(call, parameters)
    else:
        found = _found(call, parameters, places)
        position = _Position(_query(parameters), found, 0, call.account.seller_id)
    return _page(call, position, size, places, included)


def patch_listings_item(call: Call) -> Response:
    """Change attributes. The answer is 200 whether Amazon takes it or not."""
    parameters = _parameters(call, _CHANGE)
    places = _marketplaces(call, parameters)
    is_preview = _is_preview(parameters)
    listing = _listing(call, places)
    body = _decoded(call, PatchRequest)
    if not body.patches:
        raise invalid_input("patches is empty")
    issues = submissions.patch(
        call.world,
        call.account,
        listing,
        body.patches,
        product_type=body.product_type,
        marketplace_ids=places,
        is_preview=is_preview,
    )
    return _submission(listing.sku, issues, places, is_preview=is_preview)


def put_listings_item(call: Call) -> Response:
    """Create an offer, or replace one with all that belongs to it."""
    parameters = _parameters(call, _CHANGE)
    places = _marketplaces(call, parameters, most=1)
    is_preview = _is_preview(parameters)
    body = _decoded(call, PutRequest)
    sku = _sku(call)
    issues = submissions.put(
        call.world,
        call.account,
        sku,
        body.attributes,
        product_type=body.product_type,
        requirements=body.requirements,
        marketplace_id=places[0],
        is_preview=is_preview,
    )
    return _submission(sku, issues, places, is_preview=is_preview)


def delete_listings_item(call: Call) -> Response:
    parameters = _parameters(call, frozenset({"marketplaceIds", "issueLocale"}))
    places = _marketplaces(call, parameters, most=1)
    listing = _listing(call, places)
    submissions.delete(call.world, call.account, listing, places[0])
    return _submission(listing.sku, [], places, is_preview=False)


_BASE = f"/listings/{VERSION}/items/{{sellerId}}"
ROUTES = [
    Route("GET", _BASE, "searchListingsItems", search_listings_items),
    Route("GET", f"{_BASE}/{{sku}}", "getListingsItem", get_listings_item),
    Route("PATCH", f"{_BASE}/{{sku}}", "patchListingsItem", patch_listings_item),
    Route("PUT", f"{_BASE}/{{sku}}", "putListingsItem", put_listings_item),
    Route("DELETE", f"{_BASE}/{{sku}}", "deleteListingsItem", delete_listings_item),
]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins in what a search has found."""

    query: frozenset[tuple[str, str]]
    skus: list[str]
    start: int
    seller_id: str


def _item(call: Call, listing: Listing, places: Sequence[str], included: frozenset[str]) -> dict[str, object]:
    """The parts that were asked for, in the marketplaces that were named."""
    there = [place for place in places if place in listing.marketplace_ids]
    item: dict[str, object] = {"sku": listing.sku}
    for data_set in sorted(included & _PARTS.keys()):
        item[data_set] = _PARTS[data_set](call, listing, there)
    return item


def _summaries(call: Call, listing: Listing, places: Sequence[str]) -> object:
    has_units = call.account.fba_stock.get(listing.sku, 1) > 0
    return [
        {
            "marketplaceId": place,
            **({"asin": listing.asin} if listing.asin else {}),
            "productType": listing.product_type,
            "conditionType": listing.entry("condition_type", marketplace_id=place).get("value", "new_new"),
            "status": listing.status_in(place, has_units=has_units),
            "itemName": listing.title,
            "createdDate": iso(listing.created),
            "lastUpdatedDate": iso(listing.changed),
            "mainImage": image_document(call.request, listing.asin, listing.image),
        }
        for place in places
    ]


def _attributes(_call: Call, listing: Listing, places: Sequence[str]) -> object:
    shown = {
        name: [entry for entry in entries if entry.get("marketplace_id", None) in (None, *places)]
        for name, entries in listing.attributes.items()
    }
    return {name: entries for name, entries in shown.items() if entries}


def _offers(_call: Call, listing: Listing, places: Sequence[str]) -> object:
    return [_offer(entry) for entry in offers_of(listing, places)]


def _offer(entry: Entry) -> dict[str, object]:
    kind, name = _AUDIENCES[entry["audience"]]
    return {
        "marketplaceId": entry["marketplace_id"],
        "offerType": kind,
        "price": {"currencyCode": entry["currency"], "amount": f"{amount(entry):.2f}"},
        "audience": {"value": entry["audience"], "displayName": name},
    }


def _availability(_call: Call, listing: Listing, _places: Sequence[str]) -> object:
    return [
        {
            "fulfillmentChannelCode": entry["fulfillment_channel_code"],
            **({"quantity": entry["quantity"]} if "quantity" in entry else {}),
        }
        for entry in listing.attributes.get(AVAILABILITY, ())
    ]


def _product_types(_call: Call, listing: Listing, places: Sequence[str]) -> object:
    return [{"marketplaceId": place, "productType": listing.product_type} for place in places]


_PARTS: dict[str, Callable[[Call, Listing, Sequence[str]], object]] = {
    "summaries": _summaries,
    "attributes": _attributes,
    "issues": lambda _call, listing, places: listing.all_issues(places),
    "offers": _offers,
    "fulfillmentAvailability": _availability,
    "relationships": lambda _call, _listing, _places: [],
    "productTypes": _product_types,
}


def _found(call: Call, parameters: dict[str, str], places: Sequence[str]) -> list[str]:
    """The SKUs that fit, in the order asked for."""
    fits = _filter(call, parameters, places)
    key = _SORT_KEYS[_choice(parameters, "sortBy", tuple(_SORT_KEYS), "lastUpdatedDate")]
    is_descending = _choice(parameters, "sortOrder", ("ASC", "DESC"), "DESC") == "DESC"
    listings = filter(fits, _identified(call.account, parameters))
    pick = heapq.nlargest if is_descending else heapq.nsmallest
    return [listing.sku for listing in pick(MOST_RESULTS, listings, key)]


def _identified(account: Account, parameters: dict[str, str]) -> Iterable[Listing]:
    if "identifiers" not in parameters:
        if "identifiersType" in parameters:
            raise invalid_input("identifiersType needs identifiers")
        return account.listings.values()
    wanted = _list(parameters, "identifiers")
    if len(wanted) > MOST_IDENTIFIERS:
        raise invalid_input("identifiers holds more than 20 values")
    match parameters.get("identifiersType"):
        case "SKU":
            found = [account.listings[sku] for sku in wanted if sku in account.listings]
        case "ASIN":
            found = [listing for asin in wanted for listing in account.listings.with_asin(asin)]
        case "EAN" | "GTIN" | "UPC" | "JAN" | "ISBN":
            found = [listing for gtin in wanted for listing in account.listings.with_gtin(gtin)]
        case "FNSKU" | "MINSAN":
            found = []
        case _:
            raise invalid_input("identifiersType is missing or not an allowed value")
    return {listing.sku: listing for listing in found}.values()


def _filter(call: Call, parameters: dict[str, str], places: Sequence[str]) -> Callable[[Listing], bool]:
    created = _span(parameters, "created")
    changed = _span(parameters, "lastUpdated")
    severities = _values(parameters, "withIssueSeverity", frozenset({"ERROR", "WARNING"}))
    with_status = _values(parameters, "withStatus", frozenset({"BUYABLE", "DISCOVERABLE"}))
    without = _values(parameters, "withoutStatus", frozenset({"BUYABLE", "DISCOVERABLE"}))

    def fits(listing: Listing) -> bool:
        return (
            not set(places).isdisjoint(listing.marketplace_ids)
            and created[0] <= listing.created <= created[1]
            and changed[0] <= listing.changed <= changed[1]
            and (not severities or not severities.isdisjoint(i.severity for i in listing.all_issues(places)))
            and (not (with_status or without) or _has_status(call, listing, places, with_status, without))
        )

    return fits


def _has_status(
    call: Call, listing: Listing, places: Sequence[str], wanted: frozenset[str], unwanted: frozenset[str]
) -> bool:
    has_units = call.account.fba_stock.get(listing.sku, 1) > 0
    status = {each for place in places for each in listing.status_in(place, has_units=has_units)}
    return wanted <= status and unwanted.isdisjoint(status)


def _span(parameters: dict[str, str], kind: str) -> tuple[datetime, datetime]:
    earliest, latest = "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"
    try:
        return (
            parse_iso(parameters.get(f"{kind}After", earliest)),
            parse_iso(parameters.get(f"{kind}Before", latest)),
        )
    except ValueError:
        raise invalid_input(f"{kind}After or {kind}Before is not an ISO 8601 date-time") from None


def _position(call: Call, parameters: dict[str, str]) -> _Position:
    position = call.world.pages.get(parameters["pageToken"])
    if not isinstance(position, _Position) or position.seller_id != call.account.seller_id:
        raise invalid_input("pageToken is not valid")
    if position.query != _query(parameters):
        raise invalid_input("pageToken does not match the other parameters")
    return position


def _query(parameters: dict[str, str]) -> frozenset[tuple[str, str]]:
    """What must not change between pages."""
    free = {"pageToken", "pageSize", "includedData", "issueLocale"}
    return frozenset((name, value) for name, value in parameters.items() if name not in free)


def _page(
    call: Call, position: _Position, size: int, places: Sequence[str], included: frozenset[str]
) -> Response:
    end = position.start + size
    listings = call.account.listings
    shown = [listings[sku] for sku in position.skus[position.start : end] if sku in listings]
    document: dict[str, object] = {
        "numberOfResults": len(position.skus),
        "items": [_item(call, listing, places, included) for listing in shown],
    }
    pagination = {}
    if end < len(position.skus):
        pagination["nextToken"] = _remember(call, position, end)
    if position.start > 0:
        pagination["previousToken"] = _remember(call, position, max(0, position.start - size))
    if pagination:
        document["pagination"] = pagination
    return json_response(200, document)


def _remember(call: Call, position: _Position, start: int) -> str:
    token = uuid.uuid4().hex + uuid.uuid4().hex
    call.world.pages[token] = _Position(position.query, position.skus, start, position.seller_id)
    return token


def _submission(sku: str, issues: Sequence[Issue], places: Sequence[str], *, is_preview: bool) -> Response:
    is_refused = any(issue.severity == "ERROR" for issue in issues)
    good = "VALID" if is_preview else "ACCEPTED"
    answer = {
        "sku": sku,
        "status": "INVALID" if is_refused else good,
        "submissionId": uuid.uuid4().hex,
        "issues": [
            issue if issue.marketplace_ids else msgspec.structs.replace(issue, marketplace_ids=tuple(places))
            for issue in issues
        ],
    }
    return json_response(200, answer)


def _parameters(call: Call, known: frozenset[str]) -> dict[str, str]:
    if unquote(call.path["sellerId"]) != call.account.seller_id:
        raise Refusal(403, "Unauthorized", "sellerId is not the seller's", is_violation=True)
    parameters = call.request.parameters()
    if unknown := parameters.keys() - known:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    return parameters


def _marketplaces(call: Call, parameters: dict[str, str], *, most: int = 0) -> list[str]:
    places = _list(parameters, "marketplaceIds")
    if not places:
        raise invalid_input("marketplaceIds is missing")
    if most and len(places) > most:
        raise invalid_input("marketplaceIds holds too many values")
    for place in places:
        if not call.account.serves(place):
            raise invalid_input(f"Invalid marketplace: {place}")
    return places


def _sku(call: Call) -> str:
    return unquote(call.path["sku"])


def _listing(call: Call, places: Sequence[str]) -> Listing:
    listing = call.account.listings.get(_sku(call))
    if listing is None or set(places).isdisjoint(listing.marketplace_ids):
        raise not_found("SKU not found in the marketplaces named")
    return listing


def _included(parameters: dict[str, str], allowed: frozenset[str]) -> frozenset[str]:
    return _values(parameters, "includedData", allowed) or frozenset({"summaries"})


def _values(parameters: dict[str, str], name: str, allowed: frozenset[str]) -> frozenset[str]:
    values = frozenset(_list(parameters, name))
    if wrong := values - allowed:
        raise invalid_input(f"Invalid value in {name}: {min(wrong)}")
    return values


def _list(parameters: dict[str, str], name: str) -> list[str]:
    if name not in parameters:
        return []
    values = parameters[name].split(",")
    if "" in values:
        raise invalid_input(f"{name} holds an empty value")
    return values


def _choice(parameters: dict[str, str], name: str, allowed: Sequence[str], default: str) -> str:
    value = parameters.get(name, default)
    if value not in allowed:
        raise invalid_input(f"Invalid value in {name}: {value}")
    return value


def _is_preview(parameters: dict[str, str]) -> bool:
    _values(parameters, "includedData", frozenset({"identifiers", "issues"}))
    if parameters.get("mode", "VALIDATION_PREVIEW") != "VALIDATION_PREVIEW":
        raise invalid_input("Invalid value in mode")
    return "mode" in parameters


def _page_size(parameters: dict[str, str]) -> int:
    text = parameters.get("pageSize", "10")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAGE:
        raise invalid_input("pageSize must be between 1 and 20")
    return int(text)


def _decoded(call: Call, kind: type[_Body]) -> _Body:
    if not call.request.headers.get("content-type", "application/json").startswith("application/json"):
        raise Refusal(415, "InvalidInput", "The content type must be application/json", is_violation=True)
    try:
        return msgspec.json.decode(call.request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_input(f"The request body is not valid: {error}") from None
