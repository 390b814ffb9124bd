"""The demo seller and its private application. Invented, public, and worth nothing outside the simulator."""

from __future__ import annotations

CLIENT_ID = "amzn1.application-oa2-client.kogge-simulator"
CLIENT_SECRET = "amzn1.oa2-cs.v1.kogge-simulator-secret"  # noqa: S105
REFRESH_TOKEN = "Atzr|kogge-simulator-refresh-token"  # noqa: S105
APPLICATION_ID = "amzn1.sellerapps.app.00000000-4b6f-6767-6500-000000000001"
SELLER_ID = "A2KOGGEDEMO0001"
STORE_NAME = "Teehaus Muster"


def crowd_seller_id(number: int) -> str:
    """The seller id of one of the crowd (see `World.add_crowd`), from 1."""
    return f"A2CROWD{number:07d}"


def crowd_refresh_token(number: int) -> str:
    """With which the demo application acts for one of the crowd."""
    return f"Atzr|kogge-simulator-crowd-{number:07d}"
