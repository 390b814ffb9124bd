"""How a connection has Amazon ship shop orders, and out of which marketplace's warehouses."""

from __future__ import annotations

import secrets

from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.fba.models import FulfillmentSettings

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def settings_of(connection: Connection) -> FulfillmentSettings:
    """The connection's settings; fresh ones with an unused prefix when there are none yet."""
    found, _created = FulfillmentSettings.objects.everyone().get_or_create(
        connection=connection, defaults={"prefix": _new_prefix()}
    )
    return found


def origin_of(settings: FulfillmentSettings) -> str:
    """The marketplace whose warehouses ship: the chosen one, else the first active one; "" without any."""
    places = ConnectionMarketplace.objects.everyone().filter(connection=settings.connection_id, active=True)
    active = list(places.order_by("pk").values_list("marketplace_id", flat=True))
    if settings.origin in active:
        return settings.origin
    return active[0] if active else ""


def _new_prefix() -> str:
    """35 bits of chance: Amazon never forgets an id, so no shop may ever begin with another's."""
    return "K" + "".join(secrets.choice(_LETTERS) for _ in range(7))
