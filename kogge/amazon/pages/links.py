"""Where a person sees an order or an article at Amazon."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from django.conf import settings

from kogge.spapi.marketplaces import MARKETPLACES, seller_central_order_url
from kogge.values import InvalidValue


def order_at_amazon(marketplace_id: str, order_id: str) -> str:
    """The order in Seller Central, or in the simulator's when the installation talks to that one.

    Empty when Amazon's id or marketplace is not known well enough to make an address of it.
    """
    try:
        address = seller_central_order_url(marketplace_id, order_id)
    except InvalidValue:
        return ""
    simulator = _simulator()
    return f"{simulator}/seller-central/orders/{quote(order_id)}" if simulator else address


def article_at_amazon(marketplace_id: str, asin: str) -> str:
    """The article's page in the marketplace; empty for an unknown one. The simulator has no such pages."""
    known = MARKETPLACES.get(marketplace_id)
    if known is None or _simulator():
        return ""
    return f"https://www.{known.domain}/dp/{quote(asin)}"


def offer_at_amazon(marketplace_id: str, asin: str, *, seller_id: str, sku: str) -> str:
    """Where the offer is seen: on the article's page, or in the simulator's Seller Central."""
    simulator = _simulator()
    if not simulator:
        return article_at_amazon(marketplace_id, asin) if asin else ""
    return f"{simulator}/seller-central/offers/{quote(seller_id)}/{quote(sku, safe='')}" if sku else ""


def _simulator() -> str:
    """The origin of the simulator this installation takes for Amazon; empty when it is the real one."""
    if not settings.KOGGE_AMAZON_CONSENT_URL:
        return ""
    own = urlsplit(settings.KOGGE_AMAZON_CONSENT_URL)
    return f"{own.scheme}://{own.netloc}"
