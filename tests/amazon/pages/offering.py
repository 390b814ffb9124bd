"""Products of Teehaus Muster and how they stand at Amazon, written straight into the database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.models import Agreement, HeldPrice, Listing, Values, stored
from kogge.backoffice.models import Product
from kogge.merchants.models import Merchant

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DE = "A1PA6795UKMFR9"


def connect(merchant: Merchant, seller_id: str, **values: Any) -> Connection:
    """A seller account, without asking Amazon."""
    return Connection.objects.everyone().create(
        merchant=merchant,
        region="eu",
        seller_id=seller_id,
        client_id="",
        sealed_credentials=b"",
        connected_at=NOW,
        start_from=NOW,
        **values,
    )


def product(merchant: Merchant, code: str, **values: Any) -> Product:
    """A product; by default five of it for 10 euros."""
    plain: dict[str, Any] = {"title": f"Tee {code}", "price": "10.00", "stock": 5, "changed_at": NOW}
    return Product.objects.everyone().create(merchant=merchant, code=code, **(plain | values))


def offer(found: Product, **values: Any) -> Offer:
    """The product's offer."""
    plain: dict[str, Any] = {"enabled": True, "sku": f"SKU-{found.code}", "asin": ""}
    return Offer.objects.everyone().create(
        merchant=found.merchant, product_id=str(found.pk), **(plain | values)
    )


def listing(connection: Connection, found: Product, state: str, **values: Any) -> Listing:
    """How the product stands at a seller account; its offer is made where there is none."""
    own = Offer.objects.of(found.merchant).filter(product_id=str(found.pk)).first() or offer(found)
    plain: dict[str, Any] = {"channel": "DEFAULT", "shown_at": NOW, "read_at": None}
    return Listing.objects.everyone().create(
        merchant=found.merchant,
        connection=connection,
        offer=own,
        product_id=str(found.pk),
        state=state,
        **(plain | values),
    )


def said(quantity: int | None = None, days: int | None = None, price: str = "") -> object:
    """Values as a JSON column keeps them, the price at Amazon.de."""
    return stored(Values(quantity, days, {DE: Decimal(price)} if price else {}))


def held(price: str, shown: str, why: str = "jump", limit: str = "") -> object:
    """A price at Amazon.de that waits for a word, as the column keeps it."""
    return stored({DE: HeldPrice(Decimal(price), Decimal(shown), why, Decimal(limit) if limit else None)})


def differing(connection: Connection, found: Product, **values: Any) -> Listing:
    """A listing that was read and shows 7 where the shop has 5, and 9.00 where it wants 10.00."""
    plain: dict[str, Any] = {
        "wanted_json": said(5, 2, "10.00"),
        "shown_json": said(7, 2, "9.00"),
        "differs": "qp",
    }
    return listing(connection, found, Listing.State.READY, **(plain | values))


def agreed(connection: Connection, *, quantity: str = "", lead_time: str = "", price: str = "") -> Agreement:
    """Who leads, as if said before; empty words: nothing was said yet, but all offers are enrolled."""
    agreement, _created = Agreement.objects.everyone().update_or_create(
        connection=connection,
        defaults={
            "quantity": quantity,
            "lead_time": lead_time,
            "price": price,
            "enrolled_to": None,
            "agreed_at": NOW if quantity else None,
        },
    )
    return agreement
