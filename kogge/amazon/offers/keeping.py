"""What the merchant says about a product's offer, kept, and noted for Amazon in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from kogge.amazon.catalog.models import Offer, OfferPrice
from kogge.amazon.offers.changes import offers_changed
from kogge.merchants.models import Merchant


@transaction.atomic
def keep_offer(
    merchant: Merchant,
    product_id: str,
    values: Mapping[str, object],
    prices: Mapping[str, Decimal | None] | None = None,
    *,
    now: datetime,
) -> Offer | None:
    """Set these fields of the product's offer, and these prices of single marketplaces (None: none).

    SKUs that were found by the old ASIN go with it, unless they are said anew. None when there was no
    offer and nothing makes one necessary.
    """
    stored = Offer.objects.of(merchant).select_for_update().filter(product_id=product_id).first()
    if stored is None and not any(value not in (None, "", False) for value in values.values()):
        return None
    offer = stored or Offer(merchant=merchant, product_id=product_id, enabled=False)
    asin_before, sku_before, fba_sku_before = offer.asin, offer.sku, offer.fba_sku
    for name, value in values.items():
        setattr(offer, name, value)
    if asin_before and offer.asin and asin_before != offer.asin:
        offer.sku = "" if offer.sku == sku_before else offer.sku
        offer.fba_sku = "" if offer.fba_sku == fba_sku_before else offer.fba_sku
    offer.changed_at = now
    offer.save()
    _keep_prices(offer, prices or {})
    offers_changed(merchant.pk, [product_id], now=now)
    return offer


def _keep_prices(offer: Offer, prices: Mapping[str, Decimal | None]) -> None:
    for marketplace_id, price in prices.items():
        if price is None:
            offer.prices.filter(marketplace_id=marketplace_id).delete()
        else:
            OfferPrice.objects.everyone().update_or_create(
                offer=offer, marketplace_id=marketplace_id, defaults={"price": price}
            )
