"""A shop to play with: the simulator's tea shop as a merchant, connected to the simulated Amazon."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SELLER_ID, STORE_NAME, Listing

if TYPE_CHECKING:
    from kogge.amazon.connections.models import Connection

VAT, VAT_ON_FOOD = 19, 7  # per cent, in Germany
COLUMNS = (
    "code", "title", "gtin", "price", "stock", "lead_time_days", "vat_rate", "amazon", "asin", "amazon_sku",
)  # fmt: skip


def open_tea_house(
    listings: Sequence[Listing],
    *,
    email: str,
    password: str,
    marketplace_ids: Sequence[str],
    dispatch_mail: bool,
    now: datetime,
    not_on_amazon: Collection[str] = (),
    seller_id: str = SELLER_ID,
    refresh_token: str = REFRESH_TOKEN,
) -> Connection:
    """A new merchant with these articles as products, connected to Amazon. Needs Django to be set up.

    All of them are on Amazon but those with the SKUs `not_on_amazon`. The seller is the demo's, or another
    one that the simulator knows.
    """
    from kogge.amazon.connections.accounts import connect
    from kogge.backoffice.product_import import import_products
    from kogge.merchants.accounts import create_merchant

    merchant = create_merchant(name=STORE_NAME, email=email, password=password, now=now)
    import_products(merchant, _as_csv(listings, not_on_amazon), actor=email, now=now)
    return connect(
        merchant,
        region="eu",
        seller_id=seller_id,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=refresh_token,
        marketplace_ids=list(marketplace_ids),
        dispatch_mail=dispatch_mail,
        start_from=None,
        now=now,
    )


def _as_csv(listings: Sequence[Listing], not_on_amazon: Collection[str]) -> str:
    """The assortment in the columns of `kogge products import`."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for listing in listings:
        offer = ["no", "", ""] if listing.sku in not_on_amazon else ["yes", listing.asin, listing.sku]
        goods = [
            listing.sku,
            listing.title,
            listing.gtin,
            listing.price,
            listing.stock,
            listing.lead_time_days,
            VAT_ON_FOOD if listing.product_type == "TEA" else VAT,
        ]
        table.writerow([*goods, *offer])
    return text.getvalue()
