"""Sellers API v1: where the seller sells. A connection test and the source of the marketplace list.

https://developer-docs.amazon.com/sp-api/docs/sellers-api
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kogge.spapi.client import Amazon
from kogge.spapi.marketplaces import MARKETPLACES

VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Participation:
    """The seller in one marketplace; `suspended` says that Amazon hides the seller's offers there."""

    marketplace_id: str
    name: str
    country: str
    currency: str
    store_name: str
    participating: bool
    suspended: bool


def marketplace_participations(client: Amazon) -> list[Participation]:
    """All real marketplaces of the account, also those it does not take part in. Raises `AmazonError`.

    Costs one of 57 calls an hour: for connecting and once a day, not for health checks.
    """
    answer = client.get("getMarketplaceParticipations", f"/sellers/{VERSION}/marketplaceParticipations")
    return [
        _participation(entry)
        for entry in answer.read(_answer).payload
        if entry.marketplace.id in MARKETPLACES
    ]


class _Marketplace(msgspec.Struct, rename="camel"):
    id: str
    name: str | None = None
    country_code: str | None = None
    default_currency_code: str | None = None


class _Status(msgspec.Struct, rename="camel"):
    is_participating: bool
    has_suspended_listings: bool | None = None


class _Entry(msgspec.Struct, rename="camel"):
    marketplace: _Marketplace
    participation: _Status
    store_name: str | None = None


class _Answer(msgspec.Struct):
    payload: list[_Entry]


_answer = msgspec.json.Decoder(_Answer)


def _participation(entry: _Entry) -> Participation:
    known = MARKETPLACES[entry.marketplace.id]
    return Participation(
        marketplace_id=known.id,
        name=entry.marketplace.name or known.name,
        country=entry.marketplace.country_code or known.country,
        currency=entry.marketplace.default_currency_code or known.currency,
        store_name=entry.store_name or "",
        participating=entry.participation.is_participating,
        suspended=bool(entry.participation.has_suspended_listings),
    )
