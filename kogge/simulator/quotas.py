"""Token buckets per account, application and operation, filled with Amazon's published defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Quotas = Literal["amazon", "off"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` tokens a second, at most `burst` of them saved up."""

    rate: float
    burst: int


# developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits-in-the-sp-api and the pages per API
PUBLISHED = {
    "searchOrders": Plan(0.0056, 20),
    "getOrder": Plan(0.5, 30),
    "confirmShipment": Plan(2, 10),
    "createFeedDocument": Plan(0.5, 15),
    "createFeed": Plan(0.0083, 15),
    "getFeed": Plan(2, 15),
    "cancelFeed": Plan(2, 15),
    "getFeeds": Plan(0.0222, 10),
    "getFeedDocument": Plan(0.0222, 10),
    "getMarketplaceParticipations": Plan(0.016, 15),
    "getListingsItem": Plan(5, 10),
    "searchListingsItems": Plan(5, 5),
    "patchListingsItem": Plan(5, 5),
    "putListingsItem": Plan(5, 10),
    "deleteListingsItem": Plan(5, 5),
    "getListingsRestrictions": Plan(5, 10),
    "searchCatalogItems": Plan(2, 2),
    "getCatalogItem": Plan(2, 2),
    "getInventorySummaries": Plan(2, 2),
    # Fulfillment Outbound 2020-07-01, then 2026-07-04
    "getFulfillmentPreview": Plan(2, 30),
    "createFulfillmentOrder": Plan(2, 30),
    "getFulfillmentOrder": Plan(2, 30),
    "listAllFulfillmentOrders": Plan(2, 30),
    "updateFulfillmentOrder": Plan(2, 30),
    "cancelFulfillmentOrder": Plan(2, 30),
    "getPackageTrackingDetails": Plan(2, 30),
    "outboundGetOrderPreview": Plan(2, 30),
    "outboundCreateOrder": Plan(2, 30),
    "outboundGetOrder": Plan(2, 30),
    "outboundListOrders": Plan(2, 30),
    "outboundUpdateOrder": Plan(2, 30),
    "outboundCancelOrder": Plan(2, 30),
    "createDestination": Plan(1, 5),
    "getDestinations": Plan(1, 5),
    "deleteDestination": Plan(1, 5),
    "createSubscription": Plan(1, 5),
    "getSubscription": Plan(1, 5),
    "deleteSubscriptionById": Plan(1, 5),
}

# What the rate header says when quotas are off: a client that learns from it is not held back.
UNLIMITED = Plan(1000, 1000)


class Bucket:
    """One bucket. Full at the start, refilled by the virtual clock."""

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.plan = plan
        self._tokens = float(plan.burst)
        self._filled_at = now

    def take(self, now: datetime) -> bool:
        """Take one token if there is one."""
        passed = (now - self._filled_at).total_seconds()
        self._tokens = min(self.plan.burst, self._tokens + max(0.0, passed) * self.plan.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimiter:
    """All buckets of one Amazon."""

    def __init__(self, quotas: Quotas) -> None:
        self._plans = dict(PUBLISHED) if quotas == "amazon" else {}
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def plan(self, operation: str) -> Plan:
        return self._plans.get(operation, UNLIMITED)

    def set_plan(self, operation: str, plan: Plan) -> None:
        """Give an operation its own rate and burst, as Amazon does with dynamic plans. Buckets start full."""
        self._plans[operation] = plan
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[2] != operation}

    def take(self, seller_id: str, client_id: str, operation: str, now: datetime) -> bool:
        """One call of `operation`. False means 429. Operations without a plan are free."""
        plan = self._plans.get(operation)
        if plan is None:
            return True
        key = (seller_id, client_id, operation)
        bucket = self._buckets.setdefault(key, Bucket(plan, now))
        return bucket.take(now)
