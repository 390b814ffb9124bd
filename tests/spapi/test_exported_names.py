"""The public door of the package: adding to it or taking from it is a decision."""

from kogge import spapi


def test_exactly_these_names_are_public() -> None:
    assert set(spapi.__all__) == {
        "AccessToken", "Amazon", "AmazonError", "AskHuman", "CANCEL_REASONS", "Credentials", "Endpoints",
        "FeedInfo", "FeedReport", "FixSettings", "Grant", "Limiter", "MARKETPLACES", "Marketplace",
        "MessageResult", "NotFound", "Order", "OrderItem", "OrderMessage", "OrderPage", "OrderQuery",
        "OrderUnreadable", "OutcomeUnknown", "PUBLISHED_LIMITS", "Participation", "REGIONS", "Region",
        "ReportUnreadable", "Shipment", "Throttled", "TokenCache", "TokenSource", "TryLater", "consent_url",
        "exchange_code", "feeds_2021_06_30", "marketplace", "open_http", "order_feed", "orders_2026_01_01",
        "orders_v0", "read_order", "sellers_v1", "seller_central_order_url",
    }  # fmt: skip


def test_every_public_name_exists() -> None:
    missing = [name for name in spapi.__all__ if not hasattr(spapi, name)]

    assert missing == []


def test_every_section_says_its_version() -> None:
    sections = [spapi.orders_2026_01_01, spapi.orders_v0, spapi.feeds_2021_06_30, spapi.sellers_v1]

    assert [section.VERSION for section in sections] == ["2026-01-01", "v0", "2021-06-30", "v1"]
