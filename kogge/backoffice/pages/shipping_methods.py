"""Shipping methods to choose from: the usual two, and those the merchant used lately."""

from __future__ import annotations

from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant

# The shop's own words, stored as they are: a channel that ships is told its own word for each of them.
USUAL = ("Standardversand", "Expressversand")
LOOKED_BACK = 500  # orders


def suggestions(merchant: Merchant) -> list[str]:
    """The usual shipping methods and those of the latest own orders, each once."""
    latest = Order.objects.of(merchant).order_by("-placed_at", "-id").values_list("channel", "service_level")
    used = [method for channel, method in latest[:LOOKED_BACK] if method and channel not in CHANNELS]
    return list(dict.fromkeys([*USUAL, *used]))
