"""How values are said to Amazon: quantity by merge, lead time and price by replacing all that was read.

`merge` changes the units and nothing else. There is no such thing for the other two: `replace` drops
every field that is not said again. So the entries go back as they were read, with one leaf changed, and
sale price, price limits, prices for businesses, the date of restocking and whatever else is set survive
(reference 10.2, 10.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from kogge.amazon.offers.models import MERCHANT_FULFILLED, Values
from kogge.amazon.offers.showing import AVAILABILITY, CHANNEL_CODE, OFFER, is_public, own_entry
from kogge.spapi.listings_items_2021_08_01 import AttributeEntry, ListingsItem, Patch


def patches_for(said: Values, item: ListingsItem, *, most: int | None = None) -> list[Patch]:
    """The patches that say these values, from the item as read a moment ago.

    What the item has no entry for is left out: there is no offer whose price could change. `most`: units
    that may be offered, where Kogge leads them. Amazon shows a change only after minutes, so what was read
    beside a lead time may be an older, larger number, and would be said again.
    """
    patches = []
    if said.lead_time_days is not None:
        patches += _availability(said, item.attributes.get(AVAILABILITY, ()), most)
    elif said.quantity is not None:
        patches.append(
            Patch("merge", AVAILABILITY, [{CHANNEL_CODE: MERCHANT_FULFILLED, "quantity": said.quantity}])
        )
    if said.prices:
        patches += _prices(said.prices, item.attributes.get(OFFER, ()))
    return patches


def said_by(patches: Sequence[Patch], said: Values) -> Values:
    """What of the values the patches really say: of prices only those that had an entry."""
    places = {
        entry.get("marketplace_id") for patch in patches if patch.attribute == OFFER for entry in patch.value
    }
    prices = {place: price for place, price in said.prices.items() if place in places}
    return Values(said.quantity, said.lead_time_days, prices)


def _availability(said: Values, entries: Sequence[AttributeEntry], most: int | None) -> list[Patch]:
    new = {
        **own_entry(entries),
        CHANNEL_CODE: MERCHANT_FULFILLED,
        "lead_time_to_ship_max_days": said.lead_time_days,
    }
    if said.quantity is not None:
        new["quantity"] = said.quantity
        new.pop("is_inventory_available", None)  # excludes a number (reference 10.2)
    elif most is not None and "quantity" in new:
        new["quantity"] = min(new["quantity"], most)
    others = [entry for entry in entries if entry.get(CHANNEL_CODE) != MERCHANT_FULFILLED]
    return [Patch("replace", AVAILABILITY, [new, *others])]


def _prices(prices: Mapping[str, Decimal], entries: Sequence[AttributeEntry]) -> list[Patch]:
    places = {entry.get("marketplace_id") for entry in entries if is_public(entry)} & prices.keys()
    kept = [entry for entry in entries if entry.get("marketplace_id") in places]
    value = [
        _with_price(entry, prices[entry["marketplace_id"]]) if is_public(entry) else entry for entry in kept
    ]
    return [Patch("replace", OFFER, value)] if value else []


def _with_price(entry: AttributeEntry, price: Decimal) -> AttributeEntry:
    """The entry with another regular price: its first schedule's value, and nothing else."""
    ours = list(entry.get("our_price") or [{}])
    schedule = list(ours[0].get("schedule") or [{}])
    schedule[0] = {**schedule[0], "value_with_tax": price}
    ours[0] = {**ours[0], "schedule": schedule}
    return {**entry, "our_price": ours}
