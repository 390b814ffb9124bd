"""The only code that speaks to Amazon. What is not exported here is nobody else's business.

Calls are functions of the section modules, with the client first:

    from kogge.spapi import Amazon, orders_2026_01_01 as orders
    page = orders.search_orders(amazon, orders.OrderQuery(last_updated_after=since))
"""

from kogge.spapi import (
    catalog_items_2022_04_01,
    fba_inventory_v1,
    feeds_2021_06_30,
    fulfillment_orders,
    fulfillment_outbound,
    fulfillment_outbound_2020_07_01,
    fulfillment_outbound_2026_07_04,
    listings_feed,
    listings_items_2021_08_01,
    listings_restrictions_2021_08_01,
    notifications_v1,
    order_feed,
    orders_2026_01_01,
    orders_v0,
    sellers_v1,
)
from kogge.spapi.auth import (
    AccessToken,
    Credentials,
    Grant,
    TokenCache,
    TokenSource,
    consent_url,
    exchange_code,
)
from kogge.spapi.catalog_items_2022_04_01 import CatalogItem
from kogge.spapi.client import PUBLISHED_LIMITS, Amazon, Endpoints, Limiter
from kogge.spapi.errors import (
    AmazonError,
    AskHuman,
    FixSettings,
    NotFound,
    OutcomeUnknown,
    Throttled,
    TryLater,
)
from kogge.spapi.feeds_2021_06_30 import FeedInfo
from kogge.spapi.listings_feed import ListingMessage, ListingsReport
from kogge.spapi.listings_items_2021_08_01 import Issue, ListingsItem, Patch, Submission, Summary
from kogge.spapi.listings_restrictions_2021_08_01 import Restriction
from kogge.spapi.marketplaces import (
    MARKETPLACES,
    REGIONS,
    Marketplace,
    Region,
    marketplace,
    seller_central_order_url,
)
from kogge.spapi.order_feed import (
    CANCEL_REASONS,
    FeedReport,
    MessageResult,
    OrderMessage,
    ReportUnreadable,
)
from kogge.spapi.orders_2026_01_01 import Order, OrderItem, OrderPage, OrderQuery, OrderUnreadable, read_order
from kogge.spapi.orders_v0 import Shipment
from kogge.spapi.sellers_v1 import Participation
from kogge.spapi.transport import open_http

__all__ = [
    "CANCEL_REASONS",
    "MARKETPLACES",
    "PUBLISHED_LIMITS",
    "REGIONS",
    "AccessToken",
    "Amazon",
    "AmazonError",
    "AskHuman",
    "CatalogItem",
    "Credentials",
    "Endpoints",
    "FeedInfo",
    "FeedReport",
    "FixSettings",
    "Grant",
    "Issue",
    "Limiter",
    "ListingMessage",
    "ListingsItem",
    "ListingsReport",
    "Marketplace",
    "MessageResult",
    "NotFound",
    "Order",
    "OrderItem",
    "OrderMessage",
    "OrderPage",
    "OrderQuery",
    "OrderUnreadable",
    "OutcomeUnknown",
    "Participation",
    "Patch",
    "Region",
    "ReportUnreadable",
    "Restriction",
    "Shipment",
    "Submission",
    "Summary",
    "Throttled",
    "TokenCache",
    "TokenSource",
    "TryLater",
    "catalog_items_2022_04_01",
    "consent_url",
    "exchange_code",
    "fba_inventory_v1",
    "feeds_2021_06_30",
    "fulfillment_orders",
    "fulfillment_outbound",
    "fulfillment_outbound_2020_07_01",
    "fulfillment_outbound_2026_07_04",
    "listings_feed",
    "listings_items_2021_08_01",
    "listings_restrictions_2021_08_01",
    "marketplace",
    "notifications_v1",
    "open_http",
    "order_feed",
    "orders_2026_01_01",
    "orders_v0",
    "read_order",
    "seller_central_order_url",
    "sellers_v1",
]
