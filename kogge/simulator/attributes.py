"""What the attributes of a listing may hold, and what the four operations of a patch do to them.

An attribute is a list of entries. Some fields of an entry are its selectors: they say which entry is meant.
Everything here makes new lists and leaves the given ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from kogge.simulator.clock import parse_iso
from kogge.simulator.marketplaces import MARKETPLACES

Entry = dict[str, Any]
Attributes = Mapping[str, Sequence[Entry]]

AVAILABILITY = "fulfillment_availability"
OFFER = "purchasable_offer"
MERCHANT = "DEFAULT"
AMAZON_CHANNELS = frozenset({"AMAZON_EU", "AMAZON_NA", "AMAZON_JP"})

LONGEST_LEAD_TIME = 30
HIGHEST_QUANTITY = 99_999_999

# Codes as Amazon uses them
WRONG_SHAPE = "4000001"
WRONG_PATH = "4000003"
MISSING = "90220"
WRONG_VALUE = "90111"
UNKNOWN_ATTRIBUTE = "90000900"

_PRICES = ("our_price", "minimum_seller_allowed_price", "maximum_seller_allowed_price")
_OFFER_FIELDS = frozenset({
    "marketplace_id", "currency", "audience", *_PRICES, "discounted_price", "start_at", "end_at",
    "quantity_discount_plan", "map_price",
})  # fmt: skip
_AVAILABILITY_FIELDS = frozenset({
    "fulfillment_channel_code", "quantity", "lead_time_to_ship_max_days", "restock_date",
    "is_inventory_available", "marketplace_id",
})  # fmt: skip
# Attributes of the form [{"value": …, "marketplace_id": …}]
_SIMPLE = frozenset({
    "condition_type", "merchant_suggested_asin", "item_name", "merchant_shipping_group",
    "max_order_quantity",
})  # fmt: skip
_CONDITIONS = frozenset({
    "new_new", "new_open_box", "new_oem", "refurbished_refurbished", "used_like_new", "used_very_good",
    "used_good", "used_acceptable", "collectible_like_new", "collectible_very_good", "collectible_good",
    "collectible_acceptable", "club_club",
})  # fmt: skip
KNOWN = frozenset({AVAILABILITY, OFFER, *_SIMPLE})


class Issue(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What Amazon says about a listing or a change."""

    code: str
    message: str
    severity: Literal["ERROR", "WARNING", "INFO"] = "ERROR"
    attribute_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ("INVALID_ATTRIBUTE",)
    marketplace_ids: tuple[str, ...] = ()


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    """One operation. `path` is `/attributes/` and the name of an attribute, nothing deeper."""

    op: Literal["add", "replace", "merge", "delete"]
    path: str
    value: list[Entry] = []

    @property
    def attribute(self) -> str:
        return self.path.removeprefix("/attributes/")


def patched(
    attributes: Attributes, patches: Sequence[Patch], marketplace_ids: Collection[str]
) -> tuple[Attributes, list[Issue]]:
    """The attributes after the patches, and what is wrong with these. With errors nothing has changed."""
    changed = dict(attributes)
    for patch in patches:
        issues = list(_wrong(patch, marketplace_ids))
        if issues:
            return attributes, issues
        name = patch.attribute
        entries = _carried_out(patch, changed.get(name, ()), marketplace_ids)
        issues = list(_incomplete(name, entries))
        if issues:
            return attributes, issues
        changed[name] = entries
        if not entries:
            del changed[name]
    return changed, []


def writes_merchant_availability(patches: Sequence[Patch]) -> bool:
    """A patch says how many units the seller itself has: this makes it a merchant's offer."""
    return any(
        patch.attribute == AVAILABILITY
        and patch.op != "delete"
        and any(entry.get("fulfillment_channel_code") == MERCHANT for entry in patch.value)
        for patch in patches
    )


def amount(entry: Entry | None, name: str = "our_price") -> Decimal | None:
    """The first price of this name in an entry of `purchasable_offer`."""
    prices = (entry or {}).get(name)
    return Decimal(str(prices[0]["schedule"][0]["value_with_tax"])) if prices else None


def price_value(price: Decimal) -> list[Entry]:
    """A price in the nesting Amazon wants."""
    return [{"schedule": [{"value_with_tax": float(price)}]}]


def sale_value(price: Decimal) -> list[Entry]:
    """A sale price: it needs its days. These are long."""
    days = {"start_at": "2026-01-01T00:00:00Z", "end_at": "2027-12-31T23:59:59Z"}
    return [{"schedule": [{**days, "value_with_tax": float(price)}]}]


def beyond_limits(entry: Entry) -> bool:
    """The price lies outside of the limits the seller has set: Amazon takes the offer off sale."""
    price = amount(entry)
    lowest, highest = (amount(entry, name) for name in _PRICES[1:])
    return price is not None and (
        (lowest is not None and price < lowest) or (highest is not None and price > highest)
    )


def _carried_out(patch: Patch, entries: Sequence[Entry], marketplace_ids: Collection[str]) -> list[Entry]:
    name = patch.attribute
    kept = {_key(name, entry): entry for entry in entries}
    if patch.op == "delete":
        gone = {_key(name, entry) for entry in patch.value}
        if not gone:
            return [entry for entry in entries if not _is_named(name, entry, marketplace_ids)]
        return [entry for key, entry in kept.items() if key not in gone]
    if patch.op == "replace" and name != AVAILABILITY:
        # What the call's marketplaces had and what is not carried along is lost: B2B prices, sale prices.
        kept = {key: entry for key, entry in kept.items() if not _is_named(name, entry, marketplace_ids)}
    for given in patch.value:
        key = _key(name, given)
        entry = {**_without_rival(kept.get(key, {}), given), **given} if patch.op == "merge" else dict(given)
        if name == OFFER:
            entry.setdefault("audience", "ALL")
        kept[key] = entry
    return list(kept.values())


def _key(name: str, entry: Entry) -> tuple[Any, ...]:
    if name == AVAILABILITY:
        return (entry.get("fulfillment_channel_code"),)
    if name == OFFER:
        return entry.get("marketplace_id"), entry.get("currency"), entry.get("audience", "ALL")
    return (entry.get("marketplace_id"), entry.get("language_tag", "de_DE") if name == "item_name" else "")


def _is_named(name: str, entry: Entry, marketplace_ids: Collection[str]) -> bool:
    return name == AVAILABILITY or entry.get("marketplace_id") in marketplace_ids


def _without_rival(entry: Entry, given: Entry) -> Entry:
    """A quantity and the mere word that there is some exclude each other: the newer one counts."""
    rivals = {"quantity": "is_inventory_available", "is_inventory_available": "quantity"}
    gone = {rivals[field] for field in given if field in rivals}
    return {field: value for field, value in entry.items() if field not in gone}


def _wrong(patch: Patch, marketplace_ids: Collection[str]) -> Iterator[Issue]:
    name = patch.attribute
    if not patch.path.startswith("/attributes/") or "/" in name or not name:
        yield Issue(code=WRONG_PATH, message=f"The path '{patch.path}' does not name a top-level attribute.")
    elif name not in KNOWN:
        yield _issue(UNKNOWN_ATTRIBUTE, f"The attribute '{name}' is not known for this product type.", name)
    elif patch.op != "delete" and not patch.value:
        yield _missing(name, f"'{name}' has no value.")
    else:
        for entry in patch.value:
            yield from _wrong_entry(name, entry, marketplace_ids, is_deletion=patch.op == "delete")
        if len({_key(name, entry) for entry in patch.value}) < len(patch.value):
            yield _issue(WRONG_VALUE, f"'{name}' holds two entries with the same selectors.", name)


def _wrong_entry(
    name: str, entry: Entry, marketplace_ids: Collection[str], *, is_deletion: bool
) -> Iterator[Issue]:
    if name == AVAILABILITY:
        yield from _wrong_availability(entry, is_deletion=is_deletion)
        return
    yield from _wrong_marketplace(name, entry, marketplace_ids)
    if name == OFFER:
        yield from _wrong_offer(entry)
    elif not is_deletion:
        yield from _wrong_simple(name, entry)


def _wrong_marketplace(name: str, entry: Entry, marketplace_ids: Collection[str]) -> Iterator[Issue]:
    place = entry.get("marketplace_id")
    if place is None:
        yield _missing(name, f"'marketplace_id' is required in '{name}' but not supplied.")
    elif place not in marketplace_ids:
        yield _issue(WRONG_VALUE, f"'{name}' names a marketplace that the request does not.", name)


def _wrong_simple(name: str, entry: Entry) -> Iterator[Issue]:
    if strangers := entry.keys() - {"value", "marketplace_id", "language_tag"}:
        yield _shape(name, f"'{min(strangers)}' is not a field of '{name}'.")
    if not entry.get("value"):
        yield _missing(name, f"'value' is required in '{name}' but not supplied.")
    elif name == "condition_type" and entry["value"] not in _CONDITIONS:
        yield _issue(WRONG_VALUE, "'condition_type' is not one of the allowed values.", name)


def _wrong_availability(entry: Entry, *, is_deletion: bool) -> Iterator[Issue]:
    if strangers := entry.keys() - _AVAILABILITY_FIELDS:
        yield _shape(AVAILABILITY, f"'{min(strangers)}' is not a field of '{AVAILABILITY}'.")
    channel = entry.get("fulfillment_channel_code")
    if channel is None:
        yield _missing(AVAILABILITY, "'fulfillment_channel_code' is required but not supplied.")
    elif channel != MERCHANT and channel not in AMAZON_CHANNELS:
        yield _issue(WRONG_VALUE, "'fulfillment_channel_code' is not an allowed value.", AVAILABILITY)
    elif channel != MERCHANT and "quantity" in entry:
        yield _issue(WRONG_VALUE, "'quantity' is counted by Amazon in this channel.", AVAILABILITY)
    if is_deletion:
        return
    yield from _wrong_number(entry, "quantity", HIGHEST_QUANTITY)
    yield from _wrong_number(entry, "lead_time_to_ship_max_days", LONGEST_LEAD_TIME)
    if not isinstance(entry.get("is_inventory_available", True), bool):
        yield _shape(AVAILABILITY, "'is_inventory_available' is not a boolean.")
    if "is_inventory_available" in entry and "quantity" in entry:
        yield _issue(WRONG_VALUE, "'is_inventory_available' excludes 'quantity'.", AVAILABILITY)
    if "restock_date" in entry and not _is_read_by(date.fromisoformat, str(entry["restock_date"])[:10]):
        yield _issue(WRONG_VALUE, "'restock_date' is not a date.", AVAILABILITY)


def _wrong_number(entry: Entry, field: str, highest: int) -> Iterator[Issue]:
    value = entry.get(field, 0)
    if type(value) is not int:
        yield _shape(AVAILABILITY, f"'{field}' is not an integer.")
    elif not 0 <= value <= highest:
        yield _issue(WRONG_VALUE, f"'{field}' must lie between 0 and {highest}.", AVAILABILITY)


def _wrong_offer(entry: Entry) -> Iterator[Issue]:
    if strangers := entry.keys() - _OFFER_FIELDS:
        yield _shape(OFFER, f"'{min(strangers)}' is not a field of '{OFFER}'.")
    marketplace = MARKETPLACES.get(str(entry.get("marketplace_id")))
    if "currency" not in entry:
        yield _missing(OFFER, f"'currency' is required in '{OFFER}' but not supplied.")
    elif marketplace is not None and entry["currency"] != marketplace.currency:
        yield _issue(WRONG_VALUE, f"The currency of this marketplace is {marketplace.currency}.", OFFER)
    if entry.get("audience", "ALL") not in ("ALL", "B2B"):
        yield _issue(WRONG_VALUE, "'audience' is not one of the allowed values.", OFFER)
    for field in (*_PRICES, "discounted_price", "map_price"):
        if field in entry:
            yield from _wrong_price(field, entry[field])
    for field in ("start_at", "end_at"):
        if field in entry and not _is_moment_in_value(entry[field]):
            yield _shape(OFFER, f"'{field}' is not of the form {{'value': date-time}}.")


def _wrong_price(field: str, prices: object) -> Iterator[Issue]:
    match prices:
        case [{"schedule": [{"value_with_tax": _}, *_] as schedule, **others}] if not others:
            for step in schedule:
                yield from _wrong_step(field, step)
        case _:
            yield _shape(f"{OFFER}.{field}", f"'{field}' is not nested as [{{schedule: [{{…}}]}}].")


def _wrong_step(field: str, step: object) -> Iterator[Issue]:
    name = f"{OFFER}.{field}"
    if not isinstance(step, dict) or step.keys() - {"value_with_tax", "start_at", "end_at"}:
        yield _shape(name, f"'{field}' holds a field that is not known.")
        return
    value = step.get("value_with_tax")
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _shape(name, "'value_with_tax' is not a number.")
    elif not 0 < value < 10_000_000 or Decimal(str(value)) != round(Decimal(str(value)), 2):
        yield _issue(WRONG_VALUE, "'value_with_tax' is not a price above zero with two decimals.", name)
    days = [step.get("start_at"), step.get("end_at")]
    if field == "discounted_price" and not all(days):
        yield _missing(name, "A sale price needs 'start_at' and 'end_at'.")
    if not all(_is_read_by(_day_or_moment, str(day)) for day in days if day is not None):
        yield _issue(WRONG_VALUE, f"'{field}' holds a date that is none.", name)


def _incomplete(name: str, entries: Sequence[Entry]) -> Iterator[Issue]:
    """What an entry needs is there once all is said, whether it was said now or earlier."""
    for entry in entries:
        if name == OFFER and "our_price" not in entry:
            yield _missing(f"{OFFER}.our_price", "'our_price' is required but not supplied.")
        if (
            name == AVAILABILITY
            and entry.get("fulfillment_channel_code") == MERCHANT
            and not {"quantity", "is_inventory_available"} & entry.keys()
        ):
            yield _missing(AVAILABILITY, "'quantity' is required but not supplied.")


def _is_moment_in_value(value: object) -> bool:
    match value:
        case {"value": str(text)}:
            return _is_read_by(_day_or_moment, text)
        case _:
            return False


def _day_or_moment(text: str) -> object:
    return parse_iso(text) if "T" in text else date.fromisoformat(text)


def _is_read_by(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _shape(name: str, message: str) -> Issue:
    return _issue(WRONG_SHAPE, message, name)


def _missing(name: str, message: str) -> Issue:
    return Issue(code=MISSING, message=message, attribute_names=(name,), categories=("MISSING_ATTRIBUTE",))


def _issue(code: str, message: str, name: str) -> Issue:
    return Issue(code=code, message=message, attribute_names=(name,))
