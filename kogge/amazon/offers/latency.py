"""How long Amazon takes to know, and what buffer that calls for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Avg, F, Sum

from kogge.amazon.offers.models import Listing
from kogge.backoffice.models import OrderLine

NEWEST = 100
SOLD_WITHIN = timedelta(days=30)
# An order at Amazon shows to searches after two minutes and is asked for every ten.
UNTIL_WE_KNOW = timedelta(minutes=12)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """So many units are sold before both sides know; with what it is computed from."""

    units: int
    sales_per_hour: Decimal
    latency: timedelta


def measured_latency(connection_id: int) -> timedelta | None:
    """From the change in the shop to Amazon's "accepted": the mean of the last hundred; None before any."""
    newest = (
        Listing.objects.everyone()
        .filter(connection=connection_id, accepted_at__isnull=False, latency__isnull=False)
        .order_by("-accepted_at")[:NEWEST]
    )
    seconds: float | None = newest.aggregate(mean=Avg("latency"))["mean"]
    return None if seconds is None else timedelta(seconds=seconds)


def sales_per_hour(merchant_id: int, product_id: str, now: datetime) -> Decimal:
    """Units sold in the last thirty days, here and at Amazon, by the hour."""
    lines = OrderLine.objects.of_id(merchant_id).filter(
        product_id=int(product_id), order__placed_at__gt=now - SOLD_WITHIN
    )
    units: int = lines.aggregate(units=Sum(F("quantity") - F("cancelled")))["units"] or 0
    return Decimal(units) / Decimal(SOLD_WITHIN / _HOUR)


def suggested_buffer(connection_id: int, merchant_id: int, product_id: str, now: datetime) -> Suggestion:
    """What is sold, at the usual pace, until a sale on one side is known on the other."""
    latency = measured_latency(connection_id) or timedelta(0)
    rate = sales_per_hour(merchant_id, product_id, now)
    units = math.ceil(rate * Decimal((latency + UNTIL_WE_KNOW) / _HOUR))
    return Suggestion(units, rate, latency)
