"""Listings Restrictions API 2021-08-01: whether the seller may offer an article at all.

https://developer-docs.amazon.com/sp-api/docs/listings-restrictions-api-v2021-08-01-reference
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.transport import web_link
from kogge.values import plain_text

VERSION = "2021-08-01"

_TEXT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Restriction:
    """Why the seller may not offer it, in Amazon's words; `url` is where to ask for permission."""

    code: str
    message: str
    url: str


def restrictions(
    client: Amazon,
    seller_id: str,
    asin: str,
    marketplace_id: str,
    *,
    condition: str = "new_new",
    locale: str = "de_DE",
) -> list[Restriction]:
    """What stands in the way of an offer on this ASIN; an empty list: nothing."""
    params = (
        ("asin", asin),
        ("sellerId", seller_id),
        ("marketplaceIds", marketplace_id),
        ("conditionType", condition),
        ("reasonLocale", locale),
    )
    answer = client.get("getListingsRestrictions", f"/listings/{VERSION}/restrictions", params)
    # A restriction without a reason forbids no less.
    return [
        _restriction(reason)
        for restriction in answer.read(_answer).restrictions
        for reason in restriction.reasons or [_Reason()]
    ]


class _Link(msgspec.Struct):
    resource: str = ""


class _Reason(msgspec.Struct, rename="camel"):
    message: str | None = None
    reason_code: str | None = None
    links: list[_Link] | None = None


class _Restriction(msgspec.Struct):
    reasons: list[_Reason] | None = None


class _Answer(msgspec.Struct):
    restrictions: list[_Restriction]


_answer = msgspec.json.Decoder(_Answer)


def _restriction(reason: _Reason) -> Restriction:
    links = (web_link(link.resource) for link in reason.links or ())
    return Restriction(
        code=plain_text(reason.reason_code or "", _TEXT_LIMIT),
        message=plain_text(reason.message or "", _TEXT_LIMIT),
        url=next(filter(None, links), ""),
    )
