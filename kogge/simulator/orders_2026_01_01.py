"""Orders API 2026-01-01: searchOrders and getOrder, with Amazon's rules for bounds, pages and data sets."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from kogge.simulator.clock import iso, parse_iso
from kogge.simulator.order_document import render
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Request, Response, invalid_input, json_response, not_found
from kogge.simulator.world import Order

VERSION = "2026-01-01"

DATA_SETS = frozenset({
    "BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES",
    "TAX", "PAYMENT", "FULFILLMENT_ORDERS",
})  # fmt: skip
STATUSES = frozenset({
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED",
    "UNFULFILLABLE",
})  # fmt: skip

SETTLING_TIME = timedelta(minutes=2)
"""Amazon shows nothing younger than this in a search."""
HISTORY = timedelta(days=2 * 365)
PAGE_TOKEN_LIFE = timedelta(hours=24)
MAX_PAGE = 100
MAX_MARKETPLACES = 50

_PARAMETERS = frozenset({
    "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses",
    "marketplaceIds", "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData",
})  # fmt: skip
_FREE_BETWEEN_PAGES = frozenset({"maxResultsPerPage", "includedData", "paginationToken"})
_ORDER_ID = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")


def search_orders(call: Call) -> Response:
    """One page of the orders between two moments, oldest first."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - _PARAMETERS:
        raise invalid_input(f"Unknown parameter: {sorted(unknown)[0]}")
    included = _included_data(call, parameters)
    size = _page_size(parameters)
    position = (
        _next_page(call, parameters) if "paginationToken" in parameters else _first_page(call, parameters)
    )
    return _page(call, position, size, included)


def get_order(call: Call) -> Response:
    """One order by its id."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - {"includedData"}:
        raise invalid_input(f"Unknown parameter: {sorted(unknown)[0]}")
    order_id = call.path["orderId"]
    if not _ORDER_ID.fullmatch(order_id):
        raise invalid_input("orderId is not an Amazon order id")
    included = _included_data(call, parameters)
    order = call.account.orders.get(order_id)
    if order is None:
        raise not_found(f"Order {order_id} was not found")
    response = json_response(200, {"order": render(order, included, call.now)})
    _mark_poison(response, [order])
    return response


ROUTES = [
    Route("GET", f"/orders/{VERSION}/orders", "searchOrders", search_orders),
    Route("GET", f"/orders/{VERSION}/orders/{{orderId}}", "getOrder", get_order),
]


@dataclass(frozen=True, slots=True)
class Search:
    """What one query asks for. Stays the same over all its pages."""

    raw_parameters: frozenset[tuple[str, str]]
    by_creation: bool
    after: datetime
    before: datetime
    marketplace_ids: frozenset[str]
    statuses: frozenset[str]
    fulfilled_by: frozenset[str]

    def moment(self, order: Order) -> datetime:
        return order.created if self.by_creation else order.updated

    def fits(self, order: Order) -> bool:
        return (
            self.after <= self.moment(order) <= self.before
            and (not self.marketplace_ids or order.marketplace.id in self.marketplace_ids)
            and (not self.statuses or order.status in self.statuses)
            and (not self.fulfilled_by or order.fulfilled_by in self.fulfilled_by)
        )


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Where a page begins. `orders` is what the query found when it was asked first."""

    search: Search
    orders: list[Order]
    start: int
    expires_at: datetime
    seller_id: str


def _first_page(call: Call, parameters: dict[str, str]) -> PagePosition:
    search = _search(call, parameters)
    found = sorted(
        (order for order in call.account.orders.values() if search.fits(order)),
        key=lambda order: (search.moment(order), order.order_id),
    )
    return PagePosition(search, found, 0, call.now + PAGE_TOKEN_LIFE, call.account.seller_id)


def _next_page(call: Call, parameters: dict[str, str]) -> PagePosition:
    position = call.world.pages.get(parameters["paginationToken"])
    if not isinstance(position, PagePosition) or position.seller_id != call.account.seller_id:
        raise invalid_input("paginationToken is not valid")
    if position.search.raw_parameters != _repeated_parameters(call.request):
        raise invalid_input("paginationToken does not match the other parameters")
    if call.now > position.expires_at:
        raise invalid_input("paginationToken has expired")
    return position


def _page(call: Call, position: PagePosition, size: int, included: frozenset[str]) -> Response:
    """Render one page. Orders that changed since the first page no longer fit and are left out, as they
    would be in a database asked anew: they belong to a later query."""
    start = position.start
    if call.fault("order-twice") and start:
        start -= 1
    shown: list[Order] = []
    end = start
    while end < len(position.orders) and len(shown) < size:
        if position.search.fits(position.orders[end]):
            shown.append(position.orders[end])
        end += 1
    document: dict[str, object] = {"orders": [render(order, included, call.now) for order in shown]}
    if any(position.search.fits(order) for order in position.orders[end:]):
        document["pagination"] = {"nextToken": _remember(call, position, end)}
    bound = "createdBefore" if position.search.by_creation else "lastUpdatedBefore"
    document[bound] = iso(position.search.before)
    response = json_response(200, document)
    _mark_poison(response, shown)
    return response


def _remember(call: Call, position: PagePosition, start: int) -> str:
    token = uuid.uuid4().hex + uuid.uuid4().hex
    expires_at = call.now + PAGE_TOKEN_LIFE
    call.world.pages[token] = PagePosition(
        position.search, position.orders, start, expires_at, position.seller_id
    )
    return token


def _search(call: Call, parameters: dict[str, str]) -> Search:
    by_creation, after, before = _bounds(call, parameters)
    return Search(
        raw_parameters=_repeated_parameters(call.request),
        by_creation=by_creation,
        after=max(after, call.now - HISTORY),
        before=before,
        marketplace_ids=_marketplaces(call, parameters),
        statuses=_values(parameters, "fulfillmentStatuses", STATUSES),
        fulfilled_by=_values(parameters, "fulfilledBy", frozenset({"MERCHANT", "AMAZON"})),
    )


def _bounds(call: Call, parameters: dict[str, str]) -> tuple[bool, datetime, datetime]:
    by_creation = "createdAfter" in parameters
    if by_creation == ("lastUpdatedAfter" in parameters):
        raise invalid_input("Exactly one of createdAfter and lastUpdatedAfter must be given")
    stranger = "lastUpdatedBefore" if by_creation else "createdBefore"
    if stranger in parameters:
        raise invalid_input(f"{stranger} needs its partner")
    kind = "created" if by_creation else "lastUpdated"
    after = _moment(parameters, f"{kind}After")
    newest = call.now - SETTLING_TIME
    if f"{kind}Before" not in parameters:
        return by_creation, after, newest
    before = _moment(parameters, f"{kind}Before")
    if before > newest:
        raise invalid_input(f"{kind}Before must be at least two minutes before the time of the request")
    if before < after:
        raise invalid_input(f"{kind}Before must not be before {kind}After")
    return by_creation, after, before


def _moment(parameters: dict[str, str], name: str) -> datetime:
    try:
        return parse_iso(parameters[name])
    except ValueError:
        raise invalid_input(f"{name} is not an ISO 8601 date-time") from None


def _marketplaces(call: Call, parameters: dict[str, str]) -> frozenset[str]:
    ids = frozenset(_list(parameters, "marketplaceIds"))
    if len(ids) > MAX_MARKETPLACES:
        raise invalid_input("marketplaceIds holds more than 50 values")
    for marketplace_id in ids:
        if not call.account.serves(marketplace_id):
            raise invalid_input(f"Invalid marketplace: {marketplace_id}")
    return ids


def _values(parameters: dict[str, str], name: str, allowed: frozenset[str]) -> frozenset[str]:
    values = frozenset(_list(parameters, name))
    if wrong := values - allowed:
        raise invalid_input(f"Invalid value in {name}: {sorted(wrong)[0]}")
    return values


def _list(parameters: dict[str, str], name: str) -> list[str]:
    if name not in parameters:
        return []
    values = parameters[name].split(",")
    if "" in values:
        raise invalid_input(f"{name} holds an empty value")
    return values


def _included_data(call: Call, parameters: dict[str, str]) -> frozenset[str]:
    included = _values(parameters, "includedData", DATA_SETS)
    broken = call.fault("400-includedData")
    if broken and broken.data_set in included:
        refusal = invalid_input("Invalid Input", f"includedData {broken.data_set}")
        refusal.is_violation = False
        raise refusal
    return included


def _page_size(parameters: dict[str, str]) -> int:
    text = parameters.get("maxResultsPerPage", str(MAX_PAGE))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise invalid_input("maxResultsPerPage must be between 1 and 100")
    return int(text)


def _repeated_parameters(request: Request) -> frozenset[tuple[str, str]]:
    """What must not change between pages, as it was written: a date in another notation is another date."""
    pairs = (pair.partition("=") for pair in request.query.split("&") if pair)
    return frozenset((name, value) for name, _, value in pairs if name not in _FREE_BETWEEN_PAGES)


def _mark_poison(response: Response, orders: list[Order]) -> None:
    if any(order.patch is not None or order.raw is not None for order in orders):
        response.fault = "poison"
