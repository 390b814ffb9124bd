"""FBA Inventory API v1: what lies in Amazon's warehouses, SKU by SKU.

https://developer-docs.amazon.com/sp-api/docs/fbainventory-api-v1-reference
Amazon advises one full snapshot a day and changes in between; changes of inbound units go unnoticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.errors import AskHuman, Throttled, TryLater
from kogge.spapi.fulfillment_orders import Problem, moment_or_none, raise_problems
from kogge.spapi.orders_2026_01_01 import amazon_time
from kogge.spapi.transport import Answer
from kogge.values import InvalidValue

VERSION = "v1"
MOST_SKUS = 50  # of one question
PATIENCE = 10.0  # seconds to wait for the bucket between pages; a page's token lives for 30

_SUMMARIES = f"/fba/inventory/{VERSION}/summaries"

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FbaStock:
    """A SKU in Amazon's warehouses. Figures Amazon leaves out are None, never 0.

    `fulfillable` can be picked, packed and shipped; only that may be sold. `in_transfer` is the part of
    `reserved` on its way between warehouses: orders for it are accepted and then hang (models#5260).
    """

    sku: str
    asin: str = ""
    fn_sku: str = ""
    condition: str = ""
    fulfillable: int | None = None
    reserved: int | None = None
    in_transfer: int | None = None
    inbound: int | None = None
    unfulfillable: int | None = None
    total: int | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StockAnswer:
    """What Amazon told of a marketplace. `unreadable` counts entries without even a SKU.

    `is_refused`: Amazon called the question itself invalid, which it does instead of an empty list for
    accounts without any FBA SKU. Where FBA stock was known before, that is no proof of zero.
    """

    stocks: tuple[FbaStock, ...] = ()
    unreadable: int = 0
    is_refused: bool = False


def all_stock(
    client: Amazon,
    marketplace_id: str,
    *,
    changed_since: datetime | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> StockAnswer:
    """Every FBA SKU of a marketplace, or those that changed since then (at most 18 months ago).

    All pages are read in one go, waiting fractions of a second for the bucket in between: a page's token
    lives for 30 seconds, so there is no coming back later. Raises `TryLater` when a page was lost; then
    nothing was read. Not for use inside a transaction.
    """
    params = _asking_for(marketplace_id)
    if changed_since is not None:
        params += (("startDateTime", amazon_time(changed_since)),)
    return _read(client, params, wait)


def stock_of(
    client: Amazon,
    marketplace_id: str,
    skus: Collection[str],
    *,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, FbaStock]:
    """Up to fifty SKUs in one call; those Amazon keeps no stock of are missing. Waits as `all_stock`.

    A SKU that cannot stand in a list (with a comma) costs a call of its own.
    """
    if len(skus) > MOST_SKUS:
        raise InvalidValue(f"one question takes {MOST_SKUS} SKUs, not {len(skus)}")
    listable = [sku for sku in skus if "," not in sku]
    questions = [("sellerSkus", ",".join(listable))] if listable else []
    questions += [("sellerSku", sku) for sku in dict.fromkeys(skus) if "," in sku]
    answers = [_read(client, (*_asking_for(marketplace_id), question), wait) for question in questions]
    found = {stock.sku: stock for answer in answers for stock in answer.stocks}
    return {sku: stock for sku, stock in found.items() if sku in skus}


class _Reserved(msgspec.Struct, rename="camel"):
    total_reserved_quantity: int | None = None
    pending_transshipment_quantity: int | None = None


class _Unfulfillable(msgspec.Struct, rename="camel"):
    total_unfulfillable_quantity: int | None = None


class _Details(msgspec.Struct, rename="camel"):
    fulfillable_quantity: int | None = None
    inbound_working_quantity: int | None = None
    inbound_shipped_quantity: int | None = None
    inbound_receiving_quantity: int | None = None
    reserved_quantity: _Reserved | None = None
    unfulfillable_quantity: _Unfulfillable | None = None


class _Summary(msgspec.Struct, rename="camel"):
    seller_sku: str
    asin: str | None = None
    fn_sku: str | None = None
    condition: str | None = None
    inventory_details: _Details | None = None
    last_updated_time: str | None = None  # "" for a SKU that never had stock
    total_quantity: int | None = None


class _Sku(msgspec.Struct, rename="camel"):
    seller_sku: str


class _Payload(msgspec.Struct, rename="camel"):
    inventory_summaries: list[msgspec.Raw]


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class _Page(msgspec.Struct):
    payload: _Payload | None = None
    pagination: _Pagination | None = None
    errors: list[Problem] | None = None


_page = msgspec.json.Decoder(_Page)
_summary = msgspec.json.Decoder(_Summary)
_sku = msgspec.json.Decoder(_Sku)


def _asking_for(marketplace_id: str) -> Params:
    return (
        ("details", "true"),
        ("granularityType", "Marketplace"),
        ("granularityId", marketplace_id),
        ("marketplaceIds", marketplace_id),
    )


def _read(client: Amazon, params: Params, wait: Callable[[float], None]) -> StockAnswer:
    stocks: list[FbaStock | None] = []
    seen: set[str] = set()
    token = ""
    while True:
        try:
            page = _one_page(client, params, token, wait)
        except AskHuman as error:
            if token:
                raise _expired(error) from None
            if error.code == "InvalidInput":
                return StockAnswer(is_refused=True)
            raise
        stocks += map(_stock, page.payload.inventory_summaries if page.payload else ())
        token = (page.pagination.next_token if page.pagination else None) or ""
        if not token:
            readable = tuple(stock for stock in stocks if stock is not None)
            return StockAnswer(readable, unreadable=len(stocks) - len(readable))
        if token in seen:
            raise TryLater("the next page is a page that was read already", operation="getInventorySummaries")
        seen.add(token)


def _one_page(client: Amazon, params: Params, token: str, wait: Callable[[float], None]) -> _Page:
    """A blank in a SKU goes as %20: Amazon does not take a plus for one everywhere (models#5374)."""
    asked = (*params, ("nextToken", token)) if token else params
    path = f"{_SUMMARIES}?{urlencode(asked, quote_via=quote, safe='')}"
    answer = _patiently(client, path, wait)
    page = answer.read(_page)
    raise_problems(answer, page.errors)
    if page.payload is None:
        raise answer.trouble("the answer is incomplete or unreadable")
    return page


def _patiently(client: Amazon, path: str, wait: Callable[[float], None]) -> Answer:
    """Ask; if the bucket is empty and fills up soon, wait for it."""
    patience = PATIENCE
    while True:
        try:
            return client.get("getInventorySummaries", path)
        except Throttled as error:
            if error.retry_after is None or error.retry_after > patience:
                raise
            pause = max(error.retry_after, 0.1)
            patience -= pause
            wait(pause)


def _expired(error: AskHuman) -> TryLater:
    return TryLater(
        f"Amazon refused the next page: {error.message}",
        operation=error.operation,
        request_id=error.request_id,
        status=error.status,
    )


def _stock(raw: msgspec.Raw) -> FbaStock | None:
    """One odd entry must not hide the others: of that only the SKU is told. None without a SKU."""
    try:
        read = _summary.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _only_sku(raw)
    details = read.inventory_details or _Details()
    reserved = details.reserved_quantity or _Reserved()
    inbound = (
        details.inbound_working_quantity,
        details.inbound_shipped_quantity,
        details.inbound_receiving_quantity,
    )
    unfulfillable = details.unfulfillable_quantity
    return FbaStock(
        sku=read.seller_sku,
        asin=read.asin or "",
        fn_sku=read.fn_sku or "",
        condition=read.condition or "",
        fulfillable=details.fulfillable_quantity,
        reserved=reserved.total_reserved_quantity,
        in_transfer=reserved.pending_transshipment_quantity,
        inbound=_sum(inbound),
        unfulfillable=unfulfillable.total_unfulfillable_quantity if unfulfillable else None,
        total=read.total_quantity,
        changed_at=moment_or_none(read.last_updated_time),
    )


def _only_sku(raw: msgspec.Raw) -> FbaStock | None:
    try:
        return FbaStock(_sku.decode(raw).seller_sku)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _sum(figures: tuple[int | None, ...]) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
