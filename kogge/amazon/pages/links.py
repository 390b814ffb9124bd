"""Where a person sees an order at Amazon."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from django.conf import settings

from kogge.spapi.marketplaces import seller_central_order_url
from kogge.values import InvalidValue


def order_at_amazon(marketplace_id: str, order_id: str) -> str:
    """The order in Seller Central, or in the simulator's when the installation talks to that one.

    Empty when Amazon's id or marketplace is not known well enough to make an address of it.
    """
    try:
        address = seller_central_order_url(marketplace_id, order_id)
    except InvalidValue:
        return ""
    if not settings.KOGGE_AMAZON_CONSENT_URL:
        return address
    own = urlsplit(settings.KOGGE_AMAZON_CONSENT_URL)
    return f"{own.scheme}://{own.netloc}/seller-central/orders/{quote(order_id)}"
