"""Where a seller may sell: Amazon's answer, kept to the marketplaces we know."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.spapi.marketplaces import MARKETPLACES
from kogge.spapi.sellers_v1 import Participation


def usable(participations: Sequence[Participation], region: str) -> list[Participation]:
    """Those the seller takes part in and that are on the allow-list for the region.

    Amazon also reports pseudo-marketplaces for orders from elsewhere (reference 15).
    """
    return [
        found
        for found in participations
        if found.participating
        and found.marketplace_id in MARKETPLACES
        and MARKETPLACES[found.marketplace_id].region == region
    ]


def store(
    connection: Connection, participations: Sequence[Participation], chosen: Collection[str]
) -> set[str]:
    """Write down the account's marketplaces and choose among them; those that were not active before."""
    ConnectionMarketplace.objects.everyone().bulk_create(
        [_row(connection, found) for found in participations],
        update_conflicts=True,
        unique_fields=["connection", "marketplace_id"],
        update_fields=["name", "country", "currency", "store_name"],
    )
    return choose(connection, chosen)


def choose(connection: Connection, chosen: Collection[str]) -> set[str]:
    """Make exactly these marketplaces active; those that were not before."""
    rows = ConnectionMarketplace.objects.everyone().filter(connection=connection)
    before = set(rows.filter(active=True).values_list("marketplace_id", flat=True))
    rows.exclude(marketplace_id__in=chosen).update(active=False)
    rows.filter(marketplace_id__in=chosen).update(active=True)
    return set(chosen) - before


def _row(connection: Connection, found: Participation) -> ConnectionMarketplace:
    known = MARKETPLACES[found.marketplace_id]
    return ConnectionMarketplace(
        connection=connection,
        marketplace_id=found.marketplace_id,
        name=known.name,
        country=known.country,
        currency=known.currency,
        store_name=found.store_name[:200],
    )
