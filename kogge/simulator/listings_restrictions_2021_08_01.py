"""Listings Restrictions API 2021-08-01: whether the seller may offer an article at all."""

from __future__ import annotations

from kogge.simulator.routing import Call, Route
from kogge.simulator.wire import Refusal, Response, invalid_input, json_response

VERSION = "2021-08-01"

_PARAMETERS = {"asin", "sellerId", "marketplaceIds", "conditionType", "reasonLocale"}


def get_listings_restrictions(call: Call) -> Response:
    """What stands in the way of an offer in each marketplace. An empty list: nothing."""
    parameters = call.request.parameters()
    if unknown := parameters.keys() - _PARAMETERS:
        raise invalid_input(f"Unknown parameter: {min(unknown)}")
    for name in ("asin", "sellerId", "marketplaceIds"):
        if not parameters.get(name):
            raise invalid_input(f"{name} is missing")
    if parameters["sellerId"] != call.account.seller_id:
        raise Refusal(403, "Unauthorized", "sellerId is not the seller's", is_violation=True)
    places = parameters["marketplaceIds"].split(",")
    for place in places:
        if not call.account.serves(place):
            raise invalid_input(f"Invalid marketplace: {place}")
    reasons = _reasons(call, parameters["asin"])
    condition = {"conditionType": parameters["conditionType"]} if "conditionType" in parameters else {}
    restrictions = [{"marketplaceId": place, **condition, "reasons": reasons} for place in places]
    return json_response(200, {"restrictions": restrictions if reasons else []})


ROUTES = [
    Route("GET", f"/listings/{VERSION}/restrictions", "getListingsRestrictions", get_listings_restrictions)
]


def _reasons(call: Call, asin: str) -> list[dict[str, object]]:
    article = call.world.find_article(asin)
    if article is None:
        return [{"message": "The ASIN does not exist in this marketplace.", "reasonCode": "ASIN_NOT_FOUND"}]
    if not article.restriction:
        return []
    if article.is_closed:
        return [{"message": article.restriction, "reasonCode": "NOT_ELIGIBLE"}]
    link = {
        "resource": f"https://sellercentral.amazon.de/hz/approvalrequest/restrictions/approve?asin={asin}",
        "verb": "GET",
        "title": "Request Approval via Seller Central.",
        "type": "text/html",
    }
    return [{"message": article.restriction, "reasonCode": "APPROVAL_REQUIRED", "links": [link]}]
