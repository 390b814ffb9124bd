"""FBA Inventory API v1: what Amazon holds of each SKU, in pages whose tokens live half a minute."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from kogge.simulator.clock import iso, parse_iso
from kogge.simulator.listings import LONG_AGO
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Refusal, Response, invalid_input, json_response
from kogge.simulator.world import Account

VERSION = "v1"

PAGE = 50
MOST_SKUS = 50
TOKEN_LIFE = timedelta(seconds=30)
LONGEST_AGO = timedelta(days=548)
"""Eighteen months."""

_PARAMETERS = frozenset({
    "details", "granularityType", "granularityId", "startDateTime", "sellerSkus", "sellerSku", "nextToken",
    "marketplaceIds",
})  # fmt: skip


def get_inventory_summaries(call: Call) -> Response:
    """All SKUs, those named, or those whose stock has changed since a moment."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - _PARAMETERS:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    place = _marketplace(call, parameters)
    has_details = _flag(parameters, "details")
    wanted = _wanted(parameters)
    after = _after(call, parameters)
    skus = fba_skus(call.account)
    if not skus:
        # Reported of accounts without any SKU at Amazon. No fault of the client: nothing told it before.
        raise Refusal(400, "InvalidInput", "Invalid request, please check your input.")
    if "nextToken" in parameters:
        position = _position(call, parameters)
    else:
        position = _Position(call.account.seller_id, _query(parameters), _found(call, skus, wanted, after))
    end = position.start + PAGE
    reserved, ordered = _reserved(call.account) if has_details else (Counter[str](), Counter[str]())
    summaries = [
        _summary(call.account, sku, (reserved[sku], ordered[sku]), has_details=has_details)
        for sku in position.skus[position.start : end]
    ]
    document: dict[str, object] = {
        "payload": {
            "granularity": {"granularityType": "Marketplace", "granularityId": place},
            "inventorySummaries": summaries,
        }
    }
    if end < len(position.skus):
        document["pagination"] = {"nextToken": _remember(call, position, end)}
    return json_response(200, document)


ROUTES = [
    Route("GET", f"/fba/inventory/{VERSION}/summaries", "getInventorySummaries", get_inventory_summaries)
]


def fba_skus(account: Account) -> list[str]:
    """The SKUs Amazon has had in its warehouses, or that are set to be sent by Amazon."""
    by_amazon = (listing.sku for listing in account.listings.values() if listing.is_fba)
    return sorted({*account.fba_stock, *account.fba_elsewhere, *by_amazon})


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins in what a query has found."""

    seller_id: str
    query: frozenset[tuple[str, str]]
    skus: list[str]
    start: int = 0
    expires_at: datetime | None = None


def _position(call: Call, parameters: dict[str, str]) -> _Position:
    position = call.world.pages.get(parameters["nextToken"])
    if not isinstance(position, _Position) or position.seller_id != call.account.seller_id:
        raise invalid_input("nextToken is not valid")
    if position.query != _query(parameters):
        raise invalid_input("nextToken does not match the other parameters")
    if position.expires_at is None or call.now > position.expires_at:
        raise Refusal(400, "InvalidInput", "nextToken has expired")
    return position


def _remember(call: Call, position: _Position, start: int) -> str:
    token = uuid.uuid4().hex
    expires_at = call.now + TOKEN_LIFE
    call.world.pages[token] = _Position(position.seller_id, position.query, position.skus, start, expires_at)
    return token


def _query(parameters: dict[str, str]) -> frozenset[tuple[str, str]]:
    """What must not change between pages."""
    return frozenset((name, text) for name, text in parameters.items() if name != "nextToken")


def _marketplace(call: Call, parameters: dict[str, str]) -> str:
    if parameters.get("granularityType") != "Marketplace":
        raise invalid_input("granularityType is missing or not Marketplace")
    place = parameters.get("granularityId", "")
    named = parameters.get("marketplaceIds", "")
    if not place or not named:
        raise invalid_input("granularityId and marketplaceIds are needed")
    if named != place:
        raise invalid_input("marketplaceIds takes one marketplace, that of granularityId")
    if not call.account.serves(place):
        raise invalid_input(f"Invalid marketplace: {place}")
    return place


def _flag(parameters: dict[str, str], name: str) -> bool:
    text = parameters.get(name, "false")
    if text not in ("true", "false"):
        raise invalid_input(f"{name} must be true or false")
    return text == "true"


def _wanted(parameters: dict[str, str]) -> list[str]:
    """The SKUs named. With several ways of naming them the list counts."""
    if "sellerSkus" in parameters:
        skus = parameters["sellerSkus"].split(",")
        if len(skus) > MOST_SKUS or "" in skus:
            raise invalid_input(f"sellerSkus takes between 1 and {MOST_SKUS} SKUs")
        return skus
    return [parameters["sellerSku"]] if parameters.get("sellerSku") else []


def _after(call: Call, parameters: dict[str, str]) -> datetime | None:
    if "startDateTime" not in parameters:
        return None
    try:
        after = parse_iso(parameters["startDateTime"])
    except ValueError:
        raise invalid_input("startDateTime is not an ISO 8601 date-time") from None
    if after < call.now - LONGEST_AGO:
        raise invalid_input("startDateTime is more than 18 months ago")
    return after


def _found(call: Call, skus: list[str], wanted: list[str], after: datetime | None) -> list[str]:
    """With a moment named, Amazon does not look at the SKUs named."""
    if after is not None:
        changed = call.account.fba_changed
        return [sku for sku in skus if changed.get(sku, LONG_AGO) >= after]
    return sorted(set(skus) & set(wanted)) if wanted else skus


def _reserved(account: Account) -> tuple[Counter[str], Counter[str]]:
    """Units by SKU that lie ready for fulfilment orders, and for orders placed on Amazon."""
    reserved: Counter[str] = Counter()
    for order in account.fulfilment_orders.values():
        for line in order.lines:
            reserved[line.sku] += line.reserved
    ordered: Counter[str] = Counter()
    for sold in account.orders.values():
        for item in sold.items:
            ordered[item.sku] += max(0, item.from_warehouse - sold.fulfilled(item))
    return reserved, ordered


def _summary(account: Account, sku: str, held: tuple[int, int], *, has_details: bool) -> dict[str, object]:
    listing = account.listings.get(sku)
    fulfillable = account.fba_stock.get(sku, 0)
    elsewhere = account.elsewhere(sku)
    reserved = sum(held) + elsewhere.in_transfer + elsewhere.fc_processing
    summary: dict[str, object] = {
        "asin": listing.asin if listing else "",
        "fnSku": fn_sku(sku),
        "sellerSku": sku,
        "condition": "NewItem",
        "lastUpdatedTime": iso(account.fba_changed.get(sku, LONG_AGO)),
        "productName": listing.title if listing else "",
        "totalQuantity": fulfillable + sum(held) + elsewhere.total,
        "stores": [],
    }
    if not has_details:
        return summary
    return summary | {
        "inventoryDetails": {
            "fulfillableQuantity": fulfillable,
            "inboundWorkingQuantity": elsewhere.inbound_working,
            "inboundShippedQuantity": elsewhere.inbound_shipped,
            "inboundReceivingQuantity": elsewhere.inbound_receiving,
            "reservedQuantity": {
                "totalReservedQuantity": reserved,
                "pendingCustomerOrderQuantity": sum(held),
                "pendingTransshipmentQuantity": elsewhere.in_transfer,
                "fcProcessingQuantity": elsewhere.fc_processing,
            },
            "researchingQuantity": {
                "totalResearchingQuantity": elsewhere.researching,
                "researchingQuantityBreakdown": [],
            },
            "unfulfillableQuantity": {"totalUnfulfillableQuantity": elsewhere.unfulfillable},
        }
    }


def fn_sku(sku: str) -> str:
    """Amazon's own label for a SKU."""
    return f"X00{uuid.uuid5(uuid.NAMESPACE_OID, sku).hex[:7].upper()}"
