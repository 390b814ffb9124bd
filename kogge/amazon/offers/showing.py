"""What Amazon shows of a listing, in our words, taken from what was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from kogge.amazon.offers.models import MERCHANT_FULFILLED, Limits, Listing, Values, stored
from kogge.spapi.listings_items_2021_08_01 import AttributeEntry, ListingsItem
from kogge.values import CENT

NO_CHANNEL = "NONE"  # read, but Amazon names nobody who ships it

AVAILABILITY = "fulfillment_availability"
OFFER = "purchasable_offer"
CHANNEL_CODE = "fulfillment_channel_code"


def take_in(listing: Listing, item: ListingsItem, *, now: datetime) -> None:
    """Note on the listing, without saving, what Amazon shows; see `FIELDS` for what changes."""
    listing.sku = item.sku
    listing.channel = channel_of(item)
    listing.shown_json = stored(shown_values(item))
    listing.limits_json = stored(limits_of(item))
    listing.shown_at = now


FIELDS = ("sku", "channel", "shown_json", "limits_json", "shown_at")


def channel_of(item: ListingsItem) -> str:
    """Who ships it. Where Amazon's warehouse is named beside the seller, Amazon ships it (reference 10.5)."""
    codes = {
        *item.availability,
        *(str(entry.get(CHANNEL_CODE)) for entry in _availability(item)),
    }
    by_amazon = sorted(codes - {MERCHANT_FULFILLED})
    if by_amazon:
        return by_amazon[0][:20]
    return MERCHANT_FULFILLED if codes else NO_CHANNEL


def shown_values(item: ListingsItem) -> Values:
    """Units and days of what the seller ships, and the regular price by marketplace.

    The price comes from the attributes: `offers` show the sale price while there is one.
    """
    prices = {**item.prices, **_regular_prices(item)}
    return Values(_quantity(item), _lead_time(item), prices)


def limits_of(item: ListingsItem) -> dict[str, Limits]:
    """The least and the highest price allowed, for the marketplaces that name one."""
    found = {
        str(entry["marketplace_id"]): Limits(
            price_in(entry, "minimum_seller_allowed_price"), price_in(entry, "maximum_seller_allowed_price")
        )
        for entry in public_offers(item)
    }
    return {place: limits for place, limits in found.items() if limits != Limits()}


def public_offers(item: ListingsItem) -> Iterator[AttributeEntry]:
    """The entries of `purchasable_offer` that are for everybody: not those for businesses."""
    for entry in item.attributes.get(OFFER, ()):
        if entry.get("marketplace_id") and is_public(entry):
            yield entry


def is_public(entry: Mapping[str, object]) -> bool:
    """Whether an offer is for everybody; so it is where no audience is named."""
    return entry.get("audience", "ALL") == "ALL"


def own_entry(entries: Sequence[AttributeEntry]) -> AttributeEntry:
    """The entry of `fulfillment_availability` about what the seller ships; empty when there is none."""
    return next((entry for entry in entries if entry.get(CHANNEL_CODE) == MERCHANT_FULFILLED), {})


def price_in(entry: Mapping[str, object], name: str) -> Decimal | None:
    """The first price of a schedule: `our_price`, the minimum, the maximum."""
    part = _first(entry.get(name))
    step = _first(part.get("schedule"))
    value = step.get("value_with_tax")
    try:
        return None if value is None else Decimal(str(value)).quantize(CENT)
    except InvalidOperation:
        return None


def _regular_prices(item: ListingsItem) -> dict[str, Decimal]:
    found = {str(entry["marketplace_id"]): price_in(entry, "our_price") for entry in public_offers(item)}
    return {place: price for place, price in found.items() if price is not None}


def _quantity(item: ListingsItem) -> int | None:
    if item.availability.get(MERCHANT_FULFILLED) is not None:
        return item.availability[MERCHANT_FULFILLED]
    return _whole(own_entry(_availability(item)).get("quantity"))


def _lead_time(item: ListingsItem) -> int | None:
    return _whole(own_entry(_availability(item)).get("lead_time_to_ship_max_days"))


def _availability(item: ListingsItem) -> Sequence[AttributeEntry]:
    return item.attributes.get(AVAILABILITY, ())


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float, Decimal)) else None


def _first(value: object) -> Mapping[str, object]:
    """The first entry of a list of objects, an empty one where there is none."""
    found = value[0] if isinstance(value, list) and value else {}
    return found if isinstance(found, dict) else {}
