"""The public door of the package: adding to it or taking from it is a decision."""

from kogge import spapi


def test_exactly_these_names_are_public() -> None:
    assert set(spapi.__all__) == {
        "AccessToken", "Amazon", "AmazonError", "AskHuman", "CANCEL_REASONS", "CatalogItem", "Credentials",
        "Endpoints", "FeedInfo", "FeedReport", "FixSettings", "Grant", "Issue", "Limiter", "ListingMessage",
        "ListingsItem", "ListingsReport", "MARKETPLACES", "Marketplace", "MessageResult", "NotFound",
        "Order", "OrderItem", "OrderMessage", "OrderPage", "OrderQuery", "OrderUnreadable",
        "OutcomeUnknown", "PUBLISHED_LIMITS", "Participation", "Patch", "REGIONS", "Region",
        "ReportUnreadable", "Restriction", "Shipment", "Submission", "Summary", "Throttled", "TokenCache",
        "TokenSource", "TryLater", "catalog_items_2022_04_01", "consent_url", "exchange_code",
        "fba_inventory_v1", "feeds_2021_06_30", "fulfillment_orders", "fulfillment_outbound",
        "fulfillment_outbound_2020_07_01", "fulfillment_outbound_2026_07_04", "listings_feed",
        "listings_items_2021_08_01",
        "listings_restrictions_2021_08_01", "marketplace", "notifications_v1", "open_http", "order_feed",
        "orders_2026_01_01",
        "orders_v0", "read_order", "seller_central_order_url", "sellers_v1",
    }  # fmt: skip


def test_every_public_name_exists() -> None:
    missing = [name for name in spapi.__all__ if not hasattr(spapi, name)]

    assert missing == []


def test_every_section_says_its_version() -> None:
    sections = {
        spapi.orders_2026_01_01: "2026-01-01",
        spapi.orders_v0: "v0",
        spapi.feeds_2021_06_30: "2021-06-30",
        spapi.sellers_v1: "v1",
        spapi.notifications_v1: "v1",
        spapi.listings_items_2021_08_01: "2021-08-01",
        spapi.listings_restrictions_2021_08_01: "2021-08-01",
        spapi.catalog_items_2022_04_01: "2022-04-01",
        spapi.fba_inventory_v1: "v1",
        spapi.fulfillment_outbound_2020_07_01: "2020-07-01",
        spapi.fulfillment_outbound_2026_07_04: "2026-07-04",
    }

    assert {section: section.VERSION for section in sections} == sections
