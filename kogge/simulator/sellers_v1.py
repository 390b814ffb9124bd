"""Sellers API v1: in which stores the seller takes part."""

from __future__ import annotations

from kogge.simulator.marketplaces import NON_AMAZON_DE, Marketplace
from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Response, invalid_input, json_response

VERSION = "v1"


def get_marketplace_participations(call: Call) -> Response:
    """All stores of the account, those without participation and the pseudo-marketplace included."""
    if call.request.query:
        raise invalid_input("getMarketplaceParticipations takes no parameters")
    account = call.account
    payload = [_participation(marketplace, account.store_name, True) for marketplace in account.marketplaces]
    payload += [_participation(place, account.store_name, False) for place in account.not_participating]
    payload.append(_participation(NON_AMAZON_DE, account.store_name, True))
    return json_response(200, {"payload": payload})


ROUTES = [
    Route(
        "GET",
        f"/sellers/{VERSION}/marketplaceParticipations",
        "getMarketplaceParticipations",
        get_marketplace_participations,
    )
]


def _participation(marketplace: Marketplace, store_name: str, is_participating: bool) -> dict[str, object]:
    return {
        "marketplace": {
            "id": marketplace.id,
            "name": marketplace.name,
            "countryCode": marketplace.country,
            "defaultCurrencyCode": marketplace.currency,
            "defaultLanguageCode": marketplace.language,
            "domainName": marketplace.domain,
        },
        "participation": {"isParticipating": is_participating, "hasSuspendedListings": False},
        "storeName": store_name,
    }
