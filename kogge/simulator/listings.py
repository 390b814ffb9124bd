"""The seller's offers as Amazon keeps them: by SKU, each with its attributes."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kogge.simulator.attributes import (
    AMAZON_CHANNELS,
    AVAILABILITY,
    MERCHANT,
    OFFER,
    Attributes,
    Entry,
    Issue,
    Patch,
    amount,
    beyond_limits,
    patched,
    price_value,
    sale_value,
    writes_merchant_availability,
)
from kogge.simulator.marketplaces import BY_COUNTRY, MARKETPLACES

HOME = BY_COUNTRY["DE"].id
"""Where an offer is when nothing else is said."""

LONG_AGO = datetime(2025, 3, 3, 8, tzinfo=UTC)
CENT = Decimal("0.01")
OUT_OF_LIMITS = "18155"


class Listing:
    """One offer. `attributes` hold all that a seller can say of it; stock, price and so on are read from
    there. `prices` are those of marketplaces other than Germany."""

    __slots__ = (
        "accepted", "asin", "attributes", "changed", "created", "gtin", "image", "is_frozen", "issues",
        "product_type", "sku", "title",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  (a row of an assortment)
        self,
        sku: str,
        asin: str,
        title: str,
        price: Decimal,
        gtin: str = "",
        stock: int = 100,
        lead_time_days: int = 1,
        *,
        channel: str = MERCHANT,
        sale_price: Decimal | None = None,
        business_price: Decimal | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        prices: Mapping[str, Decimal] | None = None,
        product_type: str = "KITCHEN",
        image: str = "",
    ) -> None:
        self.sku = sku
        self.asin = asin
        self.title = title
        self.gtin = gtin
        self.product_type = product_type
        self.image = image
        self.issues: list[Issue] = []
        """Errors among them make Amazon refuse every change."""
        self.is_frozen = False
        """Changes are accepted and never come to anything."""
        self.accepted = 0
        self.created = self.changed = LONG_AGO
        all_prices = {HOME: price, **(prices or {})}
        self.attributes: Attributes = _named(title, asin, all_prices) | {
            AVAILABILITY: [_availability(channel, stock, lead_time_days)],
            OFFER: [_offer(place, "ALL", each) for place, each in all_prices.items()],
        }
        self.set_price("minimum_seller_allowed_price", min_price)
        self.set_price("maximum_seller_allowed_price", max_price)
        self.set_price("discounted_price", sale_price)
        if business_price is not None:
            self.set_business_price(business_price)

    @classmethod
    def created_by(
        cls, sku: str, asin: str, title: str, product_type: str, attributes: Attributes
    ) -> Listing:
        """A listing that a seller has put."""
        listing = cls(sku, asin, title, Decimal(0), product_type=product_type)
        listing.attributes = attributes
        return listing

    def copy(self) -> Listing:
        """The same offer for another world. The attributes are never changed in place, so they are shared."""
        twin = Listing.created_by(self.sku, self.asin, self.title, self.product_type, self.attributes)
        twin.gtin, twin.image = self.gtin, self.image
        twin.issues, twin.is_frozen = list(self.issues), self.is_frozen
        return twin

    def __repr__(self) -> str:
        return f"<Listing {self.sku}>"

    @property
    def stock(self) -> int:
        """Units of the merchant on sale."""
        return int(self.entry(AVAILABILITY, fulfillment_channel_code=MERCHANT).get("quantity", 0))

    @stock.setter
    def stock(self, units: int) -> None:
        self._set_availability("quantity", units)

    @property
    def lead_time_days(self) -> int:
        entry = self.entry(AVAILABILITY, fulfillment_channel_code=MERCHANT)
        return int(entry.get("lead_time_to_ship_max_days", 1))

    @lead_time_days.setter
    def lead_time_days(self, days: int) -> None:
        self._set_availability("lead_time_to_ship_max_days", days)

    @property
    def price(self) -> Decimal:
        """The consumers' price in Germany, or wherever there is one."""
        return self.price_in(HOME) or next(
            (price for place in self.marketplace_ids if (price := self.price_in(place))), Decimal("0.00")
        )

    @price.setter
    def price(self, price: Decimal) -> None:
        self.set_price("our_price", price)

    @property
    def channel(self) -> str:
        """`DEFAULT`, or Amazon's code where Amazon fulfils."""
        codes = [
            str(entry.get("fulfillment_channel_code")) for entry in self.attributes.get(AVAILABILITY, ())
        ]
        return next((code for code in codes if code in AMAZON_CHANNELS), codes[0] if codes else "")

    @channel.setter
    def channel(self, code: str) -> None:
        self._put(AVAILABILITY, [_availability(code, self.stock, self.lead_time_days)])

    @property
    def is_fba(self) -> bool:
        return self.channel in AMAZON_CHANNELS

    @property
    def marketplace_ids(self) -> list[str]:
        """Where the listing exists."""
        entries = (entry for found in self.attributes.values() for entry in found)
        return list(dict.fromkeys(entry["marketplace_id"] for entry in entries if "marketplace_id" in entry))

    def price_in(self, marketplace_id: str, name: str = "our_price", audience: str = "ALL") -> Decimal | None:
        found = amount(self.entry(OFFER, marketplace_id=marketplace_id, audience=audience), name)
        return found.quantize(CENT) if found is not None else None

    def entry(self, name: str, **selectors: str) -> Entry:
        """The entry of an attribute that these selectors name; empty when there is none."""
        for entry in self.attributes.get(name, ()):
            if all(entry.get(selector) == value for selector, value in selectors.items()):
                return entry
        return {}

    def set_price(self, name: str, price: Decimal | None, marketplace_id: str = HOME) -> None:
        """Any of the prices for consumers in one marketplace; None takes it away."""
        entry = dict(self.entry(OFFER, marketplace_id=marketplace_id, audience="ALL"))
        if price is None:
            entry.pop(name, None)
        else:
            entry |= {} if entry else _offer(marketplace_id, "ALL", price)
            entry[name] = sale_value(price) if name == "discounted_price" else price_value(price)
        if entry:
            self._put_offer(entry)

    def set_business_price(self, price: Decimal | None, marketplace_id: str = HOME) -> None:
        if price is not None:
            self._put_offer(_offer(marketplace_id, "B2B", price))
            return
        others = [
            entry
            for entry in self.attributes.get(OFFER, ())
            if (entry["marketplace_id"], entry["audience"]) != (marketplace_id, "B2B")
        ]
        self._put(OFFER, others)

    def patched(
        self, patches: Sequence[Patch], marketplace_ids: Collection[str]
    ) -> tuple[Attributes, list[Issue]]:
        """The attributes after these patches, or what is wrong with them.

        Whoever says how many units the merchant has makes an offer the merchant's, whatever it was before.
        """
        attributes, issues = patched(self.attributes, patches, marketplace_ids)
        if not issues and self.is_fba and writes_merchant_availability(patches):
            own = [
                entry for entry in attributes[AVAILABILITY] if entry["fulfillment_channel_code"] == MERCHANT
            ]
            attributes = {**attributes, AVAILABILITY: own}
        return attributes, issues

    def all_issues(self, marketplace_ids: Collection[str]) -> list[Issue]:
        """What was put onto the listing, and what its prices bring about."""
        placed = [
            issue
            for issue in self.issues
            if not issue.marketplace_ids or not set(issue.marketplace_ids).isdisjoint(marketplace_ids)
        ]
        return placed + [
            _out_of_limits(entry["marketplace_id"])
            for entry in self.attributes.get(OFFER, ())
            if entry["marketplace_id"] in marketplace_ids and beyond_limits(entry)
        ]

    def status_in(self, marketplace_id: str, *, has_units: bool) -> list[str]:
        """`has_units`: whether Amazon's warehouse has some, for an offer that Amazon fulfils."""
        is_priced = self.price_in(marketplace_id) is not None
        is_refused = any(issue.severity == "ERROR" for issue in self.all_issues([marketplace_id]))
        is_there = has_units if self.is_fba else self._is_in_stock()
        return ["BUYABLE", "DISCOVERABLE"] if is_priced and is_there and not is_refused else ["DISCOVERABLE"]

    def _is_in_stock(self) -> bool:
        entry = self.entry(AVAILABILITY, fulfillment_channel_code=MERCHANT)
        return self.stock > 0 or entry.get("is_inventory_available") is True

    def _set_availability(self, field: str, value: int) -> None:
        if not self.entry(AVAILABILITY, fulfillment_channel_code=MERCHANT):
            return
        entries = [
            {**entry, field: value} if entry["fulfillment_channel_code"] == MERCHANT else entry
            for entry in self.attributes[AVAILABILITY]
        ]
        self._put(AVAILABILITY, entries)

    def _put_offer(self, entry: Entry) -> None:
        same = (entry["marketplace_id"], entry["audience"])
        others = [
            each
            for each in self.attributes.get(OFFER, ())
            if (each["marketplace_id"], each["audience"]) != same
        ]
        self._put(OFFER, [*others, entry])

    def _put(self, name: str, entries: list[Entry]) -> None:
        self.attributes = {**self.attributes, name: entries}


class Listings(UserDict[str, Listing]):
    """The listings of a seller by SKU, found by ASIN and by GTIN without looking at all of them."""

    def __init__(self, listings: Mapping[str, Listing] | None = None) -> None:
        self._by_asin: dict[str, dict[str, Listing]] = {}
        self._by_gtin: dict[str, dict[str, Listing]] = {}
        super().__init__(listings or {})

    def __setitem__(self, sku: str, listing: Listing) -> None:
        self._forget(sku)
        self.data[sku] = listing
        self._by_asin.setdefault(listing.asin, {})[sku] = listing
        self._by_gtin.setdefault(listing.gtin, {})[sku] = listing

    def __delitem__(self, sku: str) -> None:
        self._forget(sku)
        del self.data[sku]

    def __ior__(self, other: Any) -> Listings:  # type: ignore[override,misc]
        self.update(other)
        return self

    def with_asin(self, asin: str) -> list[Listing]:
        return list(self._by_asin.get(asin, {}).values())

    def with_gtin(self, gtin: str) -> list[Listing]:
        return list(self._by_gtin.get(gtin, {}).values()) if gtin else []

    def _forget(self, sku: str) -> None:
        if listing := self.data.get(sku):
            self._by_asin.get(listing.asin, {}).pop(sku, None)
            self._by_gtin.get(listing.gtin, {}).pop(sku, None)


def offers_of(listing: Listing, marketplace_ids: Collection[str]) -> Iterator[Entry]:
    """The entries of `purchasable_offer` in these marketplaces."""
    return (
        entry for entry in listing.attributes.get(OFFER, ()) if entry["marketplace_id"] in marketplace_ids
    )


def _named(title: str, asin: str, marketplace_ids: Collection[str]) -> dict[str, list[Entry]]:
    places = [MARKETPLACES[place] for place in marketplace_ids]
    names = {
        "item_name": [
            {"value": title, "language_tag": place.language, "marketplace_id": place.id} for place in places
        ],
        "condition_type": [{"value": "new_new", "marketplace_id": place.id} for place in places],
    }
    if asin:
        names["merchant_suggested_asin"] = [{"value": asin, "marketplace_id": place.id} for place in places]
    return names


def _availability(channel: str, stock: int, lead_time_days: int) -> Entry:
    if channel != MERCHANT:
        return {"fulfillment_channel_code": channel}
    return {
        "fulfillment_channel_code": MERCHANT,
        "quantity": stock,
        "lead_time_to_ship_max_days": lead_time_days,
    }


def _offer(marketplace_id: str, audience: str, price: Decimal) -> Entry:
    currency = MARKETPLACES[marketplace_id].currency
    return {
        "marketplace_id": marketplace_id,
        "currency": currency,
        "audience": audience,
        "our_price": price_value(price),
    }


def _out_of_limits(marketplace_id: str) -> Issue:
    return Issue(
        code=OUT_OF_LIMITS,
        message="The price is outside of the minimum and maximum price you have set. The offer is inactive.",
        attribute_names=(OFFER,),
        categories=("INVALID_PRICE",),
        marketplace_ids=(marketplace_id,),
    )
