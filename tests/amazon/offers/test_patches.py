"""One leaf changes, everything else is said again as it was read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kogge.amazon.offers.models import Values
from kogge.amazon.offers.patches import patches_for, said_by
from kogge.amazon.offers.showing import channel_of, shown_values
from kogge.spapi.listings_items_2021_08_01 import AttributeEntry, ListingsItem, Patch

DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


def offer(place: str, audience: str | None, price: str, **other: object) -> AttributeEntry:
    named = {} if audience is None else {"audience": audience}
    schedule = [{"schedule": [{"value_with_tax": Decimal(price)}]}]
    return {"marketplace_id": place, "currency": "EUR", **named, "our_price": schedule, **other}


SALE = [{"schedule": [{"value_with_tax": Decimal("8"), "start_at": "2026-11-20"}]}]
ITEM = ListingsItem(
    "TEE-1",
    availability={"DEFAULT": 14},
    prices={DE: Decimal("8.00")},
    attributes={
        "fulfillment_availability": [
            {
                "fulfillment_channel_code": "DEFAULT",
                "quantity": 14,
                "lead_time_to_ship_max_days": 1,
                "restock_date": "2026-12-01",
            }
        ],
        "purchasable_offer": [
            offer(DE, "ALL", "10", discounted_price=SALE, minimum_seller_allowed_price=SALE),
            offer(DE, "B2B", "9.50", quantity_discount_plan=[{"levels": 3}]),
            offer(FR, None, "11", end_at="2027-01-01"),
        ],
    },
)


def test_units_alone_are_merged() -> None:
    entry = {"fulfillment_channel_code": "DEFAULT", "quantity": 5}
    assert patches_for(Values(5), ITEM) == [Patch("merge", "fulfillment_availability", [entry])]


@pytest.mark.parametrize(("said", "units"), [(Values(None, 4), 14), (Values(3, 4), 3)])
def test_days_keep_everything_else_of_the_entry(said: Values, units: int) -> None:
    [patch] = patches_for(said, ITEM)
    assert patch.op == "replace"
    assert list(patch.value) == [
        {
            "fulfillment_channel_code": "DEFAULT",
            "quantity": units,
            "lead_time_to_ship_max_days": 4,
            "restock_date": "2026-12-01",
        }
    ]


def test_a_price_keeps_sale_limits_and_the_business_price() -> None:
    [patch] = patches_for(Values(prices={DE: Decimal("12.00")}), ITEM)
    assert (patch.op, patch.attribute) == ("replace", "purchasable_offer")
    business = ITEM.attributes["purchasable_offer"][1]
    public = offer(DE, "ALL", "12", discounted_price=SALE, minimum_seller_allowed_price=SALE)
    assert list(patch.value) == [public, business]


def test_an_entry_without_an_audience_is_for_everybody() -> None:
    [patch] = patches_for(Values(prices={FR: Decimal("12.00")}), ITEM)
    assert list(patch.value) == [offer(FR, None, "12", end_at="2027-01-01")]


def test_what_was_read_is_not_changed_itself() -> None:
    before = repr(ITEM)
    patches_for(Values(1, 2, {DE: Decimal(3), FR: Decimal(4)}), ITEM)
    assert repr(ITEM) == before


def test_a_marketplace_without_an_offer_gets_none() -> None:
    said = Values(prices={"APJ6JRA9NG5V4": Decimal("12.00"), FR: Decimal("12.00")})
    patches = patches_for(said, ITEM)
    assert said_by(patches, said) == Values(prices={FR: Decimal("12.00")})
    assert patches_for(Values(prices={"APJ6JRA9NG5V4": Decimal(1)}), ITEM) == []


@pytest.mark.parametrize(("most", "units"), [(0, 0), (20, 14), (None, 14)])
def test_days_never_bring_back_units_that_were_sold_meanwhile(most: int | None, units: int) -> None:
    [patch] = patches_for(Values(None, 4), ITEM, most=most)
    assert patch.value[0]["quantity"] == units


def test_the_regular_price_counts_and_not_the_sale() -> None:
    assert shown_values(ITEM) == Values(14, 1, {DE: Decimal("10.00"), FR: Decimal("11.00")})


@pytest.mark.parametrize(
    ("codes", "channel"),
    [
        (["DEFAULT"], "DEFAULT"),
        (["AMAZON_EU"], "AMAZON_EU"),
        (["DEFAULT", "AMAZON_EU"], "AMAZON_EU"),
        ([], "NONE"),
    ],
)
def test_who_ships_it(codes: list[str], channel: str) -> None:
    assert channel_of(ListingsItem("TEE-1", availability=dict.fromkeys(codes, 1))) == channel
