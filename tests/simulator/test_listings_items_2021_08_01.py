"""Offers: what is shown of them, and what becomes of changes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from kogge.simulator import SELLER_ID, Response
from tests.simulator.conftest import Seller

ITEMS = f"/listings/2021-08-01/items/{SELLER_ID}"
DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
EVERYTHING = "summaries,attributes,issues,offers,fulfillmentAvailability,productTypes"


def get(seller: Seller, sku: str, *, places: str = DE, included: str = EVERYTHING) -> Response:
    parameters = {"marketplaceIds": places, "includedData": included}
    return seller.call("GET", f"{ITEMS}/{quote(sku, safe='')}", parameters)


def shown(seller: Seller, sku: str = "TS-01", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = get(seller, sku, **more).json()
    return answer


def search(seller: Seller, **parameters: Any) -> Response:
    return seller.call("GET", ITEMS, {"marketplaceIds": DE, **parameters})


def change(
    seller: Seller,
    *patches: dict[str, Any],
    sku: str = "TS-01",
    places: str = DE,
    product_type: str = "PRODUCT",
    **more: str,
) -> dict[str, Any]:
    body = {"productType": product_type, "patches": list(patches)}
    parameters = {"marketplaceIds": places, **more}
    answer: dict[str, Any] = seller.call("PATCH", f"{ITEMS}/{quote(sku, safe='')}", parameters, body).json()
    return answer


def availability(op: str = "merge", *, channel: str = "DEFAULT", **fields: Any) -> dict[str, Any]:
    value = [{"fulfillment_channel_code": channel, **fields}]
    return {"op": op, "path": "/attributes/fulfillment_availability", "value": value}


def entry(price: Any = None, *, audience: str = "ALL", place: str = DE, **fields: Any) -> dict[str, Any]:
    selectors = {"marketplace_id": place, "currency": "EUR", "audience": audience}
    priced = {} if price is None else {"our_price": [{"schedule": [{"value_with_tax": price}]}]}
    return {**selectors, **priced, **fields}


def offer(*entries: dict[str, Any], op: str = "merge") -> dict[str, Any]:
    return {"op": op, "path": "/attributes/purchasable_offer", "value": list(entries)}


def codes(answer: dict[str, Any]) -> tuple[str, list[str]]:
    return answer["status"], [issue["code"] for issue in answer["issues"]]


def test_an_offer_shows_all_that_was_asked_for(seller: Seller) -> None:
    item = shown(seller)

    summary = item["summaries"][0]
    assert item["sku"] == "TS-01"
    assert (summary["asin"], summary["itemName"]) == ("B0KOGGE008", "Teesieb aus Edelstahl, fein")
    assert summary["status"] == ["BUYABLE", "DISCOVERABLE"]
    assert summary["mainImage"]["link"] == "http://127.0.0.1:1/images/B0KOGGE008.png"
    assert item["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 140}]
    assert item["offers"][0]["price"] == {"currencyCode": "EUR", "amount": "9.98"}
    assert item["attributes"]["fulfillment_availability"][0]["lead_time_to_ship_max_days"] == 1
    assert item["issues"] == []


def test_only_what_was_asked_for_is_shown(seller: Seller) -> None:
    assert shown(seller, included="offers").keys() == {"sku", "offers"}
    assert seller.call("GET", f"{ITEMS}/TS-01", {"marketplaceIds": DE}).json().keys() == {"sku", "summaries"}


def test_an_unknown_sku_is_not_found(seller: Seller) -> None:
    patch = {"productType": "PRODUCT", "patches": [availability(quantity=1)]}

    answers = [
        get(seller, "NEU"),
        get(seller, "TS-01", places=FR),
        seller.call("PATCH", f"{ITEMS}/NEU", {"marketplaceIds": DE}, patch),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert seller.violations == []


def test_a_sku_may_hold_any_sign(seller: Seller) -> None:
    seller.change_listing("TS-01", stock=1)
    listing = seller.listing("TS-01").copy()
    listing.sku = "Tee/Sieb Ä 1"
    seller.set_listings([listing])

    answer = change(seller, availability(quantity=7), sku="Tee/Sieb Ä 1")

    assert answer["sku"] == "Tee/Sieb Ä 1"
    assert seller.listing("Tee/Sieb Ä 1").stock == 7


def test_merge_changes_the_quantity_and_nothing_else(seller: Seller) -> None:
    seller.change_listing("TS-01", lead_time_days=4)

    assert codes(change(seller, availability(quantity=3))) == ("ACCEPTED", [])

    listing = seller.listing("TS-01")
    assert (listing.stock, listing.lead_time_days, listing.accepted) == (3, 4, 1)


def test_replace_loses_what_it_does_not_carry_along(seller: Seller) -> None:
    seller.change_listing("TS-01", lead_time_days=4)

    change(seller, availability("replace", quantity=3))

    assert shown(seller)["attributes"]["fulfillment_availability"] == [
        {"fulfillment_channel_code": "DEFAULT", "quantity": 3}
    ]


def test_merging_a_price_keeps_sale_business_and_limits(seller: Seller) -> None:
    seller.change_listing("TS-01", sale_price="8.50", business_price="9.00", min_price="5", max_price="20")

    assert codes(change(seller, offer(entry(11.5)))) == ("ACCEPTED", [])

    listing = seller.listing("TS-01")
    names = ("our_price", "discounted_price", "minimum_seller_allowed_price", "maximum_seller_allowed_price")
    assert [str(listing.price_in(DE, name)) for name in names] == ["11.50", "8.50", "5.00", "20.00"]
    assert str(listing.price_in(DE, audience="B2B")) == "9.00"


def test_replacing_a_price_loses_business_and_sale_prices_of_that_marketplace_only(seller: Seller) -> None:
    seller.change_listing("TS-01", sale_price="8.50", business_price="9.00")
    seller.change_listing("TS-01", marketplace_id=FR, price="10.98")

    change(seller, offer(entry(11.5), op="replace"), places=DE)

    offers = seller.listing("TS-01").attributes["purchasable_offer"]
    assert [(each["marketplace_id"], each["audience"]) for each in offers] == [(FR, "ALL"), (DE, "ALL")]
    assert "discounted_price" not in offers[1]


def test_a_price_in_another_marketplace_needs_that_marketplace_in_the_call(seller: Seller) -> None:
    refused = change(seller, offer(entry(9, place=FR)), places=DE)
    accepted = change(seller, offer(entry(9, place=FR)), places=f"{DE},{FR}")

    assert (refused["status"], accepted["status"]) == ("INVALID", "ACCEPTED")
    assert len(shown(seller, places=f"{DE},{FR}")["offers"]) == 2


def test_delete_takes_one_entry_or_all(seller: Seller) -> None:
    seller.change_listing("TS-01", business_price="9.00")
    business = offer({"marketplace_id": DE, "currency": "EUR", "audience": "B2B"}, op="delete")

    change(seller, business)
    left = len(shown(seller)["offers"])
    change(seller, {"op": "delete", "path": "/attributes/purchasable_offer"})

    assert (left, shown(seller)["offers"]) == (1, [])
    assert shown(seller)["summaries"][0]["status"] == ["DISCOVERABLE"]


def test_add_writes_an_entry_beside_the_others(seller: Seller) -> None:
    change(seller, offer(entry(8.88, audience="B2B"), op="add"))

    assert [each["offerType"] for each in shown(seller)["offers"]] == ["B2C", "B2B"]


DEEP = {"op": "merge", "path": "/attributes/purchasable_offer/0", "value": [entry(5)]}
STRANGE = {"op": "merge", "path": "/attributes/colour_of_tea", "value": [{"value": "green"}]}
NO_CHANNEL = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": [{"quantity": 3}]}
FLAT_PRICE = entry(our_price=[{"value_with_tax": 5}])
NO_CURRENCY = {"marketplace_id": DE, "our_price": [{"schedule": [{"value_with_tax": 5}]}]}


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        (DEEP, "4000003"),
        (STRANGE, "90000900"),
        (NO_CHANNEL, "90220"),
        (availability(quantity=-1), "90111"),
        (availability(quantity=1.5), "4000001"),
        (availability(quantity="3"), "4000001"),
        (availability(quantity=True), "4000001"),
        (availability(lead_time_to_ship_max_days=31), "90111"),
        (availability(quantity=1, is_inventory_available=True), "90111"),
        (availability(channel="AMAZON_EU", quantity=1), "90111"),
        (availability(channel="MOON"), "90111"),
        (availability(colour="red"), "4000001"),
        (availability("replace", lead_time_to_ship_max_days=2), "90220"),
        ({"op": "merge", "path": "/attributes/fulfillment_availability", "value": []}, "90220"),
        (offer(entry(0)), "90111"),
        (offer(entry(-1)), "90111"),
        (offer(entry(1.005)), "90111"),
        (offer(entry("9.99")), "4000001"),
        (offer(FLAT_PRICE), "4000001"),
        (offer(entry(value_with_tax=5)), "4000001"),
        (offer(NO_CURRENCY), "90220"),
        (offer({**entry(5), "currency": "SEK"}), "90111"),
        (offer(entry(5, audience="FRIENDS")), "90111"),
        (offer(entry(audience="B2B")), "90220"),
        (offer(entry(5), entry(6)), "90111"),
        (offer(entry(5, discounted_price=[{"schedule": [{"value_with_tax": 4}]}])), "90220"),
        (offer(entry(), op="replace"), "90220"),
    ],
)
def test_a_change_that_is_not_right_is_refused_and_changes_nothing(
    seller: Seller, patch: dict[str, Any], code: str
) -> None:
    before = shown(seller)

    assert codes(change(seller, patch)) == ("INVALID", [code])

    assert shown(seller) == before


def test_one_wrong_patch_refuses_the_others_with_it(seller: Seller) -> None:
    assert change(seller, availability(quantity=3), offer(entry(-1)))["status"] == "INVALID"
    assert seller.listing("TS-01").stock == 140


def test_the_product_type_must_be_the_listings_or_product(seller: Seller) -> None:
    answers = [change(seller, availability(quantity=3), product_type=kind) for kind in ("KITCHEN", "SHOES")]

    assert [answer["status"] for answer in answers] == ["ACCEPTED", "INVALID"]


def test_a_price_beyond_the_sellers_limits_takes_the_offer_off_sale(seller: Seller) -> None:
    seller.change_listing("TS-01", min_price="8", max_price="12")

    assert change(seller, offer(entry(12.01)))["status"] == "ACCEPTED"

    item = shown(seller)
    assert item["summaries"][0]["status"] == ["DISCOVERABLE"]
    assert [(issue["severity"], issue["attributeNames"]) for issue in item["issues"]] == [
        ("ERROR", ["purchasable_offer"])
    ]


def test_nothing_left_is_not_buyable(seller: Seller) -> None:
    change(seller, availability(quantity=0))

    assert shown(seller)["summaries"][0]["status"] == ["DISCOVERABLE"]


def test_a_preview_changes_nothing(seller: Seller) -> None:
    good = change(seller, availability(quantity=3), mode="VALIDATION_PREVIEW")
    bad = change(seller, availability(quantity=-3), mode="VALIDATION_PREVIEW")

    assert (good["status"], bad["status"]) == ("VALID", "INVALID")
    assert (seller.listing("TS-01").stock, seller.listing("TS-01").accepted) == (140, 0)


def test_a_merchant_quantity_makes_an_fba_offer_the_merchants_and_is_held_against_the_client(
    seller: Seller,
) -> None:
    seller.change_listing("TS-01", channel="AMAZON_EU")
    before = shown(seller)["fulfillmentAvailability"]

    assert change(seller, availability(quantity=3))["status"] == "ACCEPTED"

    assert before == [{"fulfillmentChannelCode": "AMAZON_EU"}]
    assert shown(seller)["fulfillmentAvailability"] == [{"fulfillmentChannelCode": "DEFAULT", "quantity": 3}]
    assert "merchant quantity for an FBA SKU" in seller.violations[0]


def test_a_price_for_an_fba_offer_is_nothing_special(seller: Seller) -> None:
    seller.change_listing("TS-01", channel="AMAZON_EU")

    assert change(seller, offer(entry(8)))["status"] == "ACCEPTED"
    assert (seller.listing("TS-01").channel, seller.violations) == ("AMAZON_EU", [])


def test_changes_show_after_a_while_and_in_their_order(seller: Seller) -> None:
    seller.set(listing_delay_s=600)
    change(seller, availability(quantity=3))
    change(seller, availability(quantity=4))

    early = seller.listing("TS-01").stock
    seller.advance(601)

    assert (early, seller.listing("TS-01").stock) == (140, 4)


def test_changes_can_be_lost(seller: Seller) -> None:
    seller.change_listing("TS-01", is_frozen=True)
    answers = [change(seller, availability(quantity=3))]
    seller.set(new_patches_lost=True)
    answers.append(change(seller, availability(quantity=3), sku="TS-02"))

    assert [answer["status"] for answer in answers] == ["ACCEPTED", "ACCEPTED"]
    assert (seller.listing("TS-01").stock, seller.listing("TS-02").stock) == (140, 85)


def test_an_offer_with_an_error_refuses_every_change(seller: Seller) -> None:
    issue = {"code": "18027", "message": "The main image has a watermark.", "severity": "ERROR"}
    seller.change_listing("TS-01", issues=[issue])

    refused = change(seller, availability(quantity=3))
    seller.change_listing("TS-01", issues=[])

    assert codes(refused) == ("INVALID", ["18027"])
    assert refused["issues"][0]["marketplaceIds"] == [DE]
    assert change(seller, availability(quantity=3))["status"] == "ACCEPTED"


def test_a_warning_refuses_nothing(seller: Seller) -> None:
    issue = {"code": "18448", "message": "Attributes are incomplete.", "severity": "WARNING"}
    seller.change_listing("TS-01", issues=[issue])

    assert change(seller, availability(quantity=3))["status"] == "ACCEPTED"
    assert [each["code"] for each in shown(seller)["issues"]] == ["18448"]
    assert "BUYABLE" in shown(seller)["summaries"][0]["status"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        (f"{ITEMS}/TS-01", {}),
        (f"{ITEMS}/TS-01", {"marketplaceIds": "ATVPDKIKX0DER"}),
        (f"{ITEMS}/TS-01", {"marketplaceIds": DE, "includedData": "prices"}),
        (f"{ITEMS}/TS-01", {"marketplaceIds": DE, "colour": "red"}),
        (ITEMS, {"marketplaceIds": DE, "identifiers": "TS-01"}),
        (ITEMS, {"marketplaceIds": DE, "identifiersType": "SKU"}),
        (ITEMS, {"marketplaceIds": DE, "pageSize": "21"}),
        (ITEMS, {"marketplaceIds": DE, "pageToken": "nonsense"}),
        (ITEMS, {"marketplaceIds": DE, "createdAfter": "yesterday"}),
        (ITEMS, {"marketplaceIds": DE, "sortBy": "colour"}),
        (ITEMS, {"marketplaceIds": DE, "identifiersType": "SKU", "identifiers": ",".join("X" * 21)}),
    ],
)  # fmt: skip
def test_a_question_amazon_does_not_understand_is_held_against_the_client(
    seller: Seller, path: str, parameters: dict[str, str]
) -> None:
    assert seller.call("GET", path, parameters).status == 400
    assert len(seller.violations) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"productType": "PRODUCT", "patches": []},
        {"productType": "PRODUCT", "patches": [{**availability(quantity=1), "mode": "fast"}]},
        {"productType": "PRODUCT", "patches": [availability("increase", quantity=1)]},
        {"productType": "PRODUCT", "patches": [availability(quantity=1)], "sku": "TS-01"},
    ],
)
def test_a_body_of_another_form_is_held_against_the_client(seller: Seller, body: dict[str, Any]) -> None:
    assert seller.call("PATCH", f"{ITEMS}/TS-01", {"marketplaceIds": DE}, body).status == 400
    assert len(seller.violations) == 1


def test_offers_of_another_seller_are_out_of_reach(seller: Seller) -> None:
    path = "/listings/2021-08-01/items/A2SOMEONE/TS-01"

    assert seller.call("GET", path, {"marketplaceIds": DE}).status == 403


def test_offers_are_found_by_sku_asin_and_gtin(seller: Seller) -> None:
    gtin = seller.listing("TS-01").gtin
    questions = {"SKU": "TS-01,NEU,TS-02", "ASIN": "B0KOGGE008", "EAN": gtin}

    found = {
        kind: [item["sku"] for item in search(seller, identifiersType=kind, identifiers=text).json()["items"]]
        for kind, text in questions.items()
    }

    assert {kind: sorted(skus) for kind, skus in found.items()} == {
        "SKU": ["TS-01", "TS-02"],
        "ASIN": ["TS-01"],
        "EAN": ["TS-01"],
    }


def test_an_asin_has_as_many_skus_as_the_seller_likes_in_pages(seller: Seller) -> None:
    twins = [{"sku": f"TS-01-{number}", "asin": "B0KOGGE008", "title": "Teesieb"} for number in range(25)]
    seller.send("POST", "/_control/listings", body=msgspec.json.encode(twins))
    question = {"identifiersType": "ASIN", "identifiers": "B0KOGGE008", "pageSize": "20"}

    first = search(seller, **question).json()
    second = search(seller, **question, pageToken=first["pagination"]["nextToken"]).json()

    skus = {item["sku"] for item in first["items"] + second["items"]}
    assert (first["numberOfResults"], len(first["items"]), len(second["items"])) == (26, 20, 6)
    assert len(skus) == 26
    assert second["pagination"].keys() == {"previousToken"}


def test_a_page_token_belongs_to_its_question(seller: Seller) -> None:
    token = search(seller, sortBy="sku").json()["pagination"]["nextToken"]

    assert search(seller, sortBy="createdDate", pageToken=token).status == 400


def test_a_search_without_identifiers_ends_at_a_thousand(seller: Seller) -> None:
    many = [{"sku": f"M-{number}", "asin": f"B0M{number:07d}"} for number in range(1200)]
    seller.send("POST", "/_control/listings", body=msgspec.json.encode(many))

    assert search(seller).json()["numberOfResults"] == 1000


def test_searches_filter_by_status_issue_and_time(seller: Seller) -> None:
    seller.change_listing("TS-01", min_price="8", max_price="9")
    seller.advance(1)
    now = seller.world.now().isoformat()
    seller.change_listing("TS-02", stock=2)

    sold_out = search(seller, withoutStatus="BUYABLE").json()
    broken = search(seller, withIssueSeverity="ERROR").json()
    fresh = search(seller, lastUpdatedAfter=now.replace("+00:00", "Z")).json()

    assert [item["sku"] for item in sold_out["items"]] == ["TS-01"]
    assert broken["numberOfResults"] == 1
    assert [item["sku"] for item in fresh["items"]] == ["TS-02"]


def put(seller: Seller, sku: str, asin: str, *, leave_out: str = "", **more: str) -> dict[str, Any]:
    attributes = {
        "merchant_suggested_asin": [{"value": asin, "marketplace_id": DE}],
        "condition_type": [{"value": "new_new", "marketplace_id": DE}],
        "fulfillment_availability": [
            {"fulfillment_channel_code": "DEFAULT", "quantity": 12, "lead_time_to_ship_max_days": 2}
        ],
        "purchasable_offer": [entry(21.5)],
    }
    attributes.pop(leave_out, None)
    body = {"productType": "PRODUCT", "requirements": "LISTING_OFFER_ONLY", "attributes": attributes}
    path = f"{ITEMS}/{quote(sku, safe='')}"
    answer: dict[str, Any] = seller.call("PUT", path, {"marketplaceIds": DE, **more}, body).json()
    return answer


def test_an_offer_is_created(seller: Seller) -> None:
    preview = put(seller, "NEU", "B0KOGGE104", mode="VALIDATION_PREVIEW")
    before = get(seller, "NEU").status

    assert (preview["status"], before, put(seller, "NEU", "B0KOGGE104")["status"]) == (
        "VALID",
        404,
        "ACCEPTED",
    )

    item = shown(seller, "NEU")
    assert item["summaries"][0]["itemName"].startswith("Teekanne „Leuchtturm“")
    assert (seller.listing("NEU").stock, seller.listing("NEU").lead_time_days) == (12, 2)
    assert seller.violations == []


@pytest.mark.parametrize("name", ["merchant_suggested_asin", "condition_type", "purchasable_offer"])
def test_an_offer_without_something_it_needs_is_not_created(seller: Seller, name: str) -> None:
    assert codes(put(seller, "NEU", "B0KOGGE104", leave_out=name)) == ("INVALID", ["90220"])


def test_an_offer_on_an_unknown_or_restricted_article_is_not_created(seller: Seller) -> None:
    assert put(seller, "NEU", "B0NOTHING0")["status"] == "INVALID"
    assert codes(put(seller, "NEU", "B0KOGGE103")) == ("INVALID", ["5665"])
    assert get(seller, "NEU").status == 404


def test_putting_over_an_existing_offer_is_held_against_the_client(seller: Seller) -> None:
    put(seller, "TS-01", "B0KOGGE104")

    assert "PUT replaces the existing listing TS-01" in seller.violations[0]


def test_an_offer_is_deleted(seller: Seller) -> None:
    answer = seller.call("DELETE", f"{ITEMS}/TS-01", {"marketplaceIds": DE})

    assert (answer.json()["status"], get(seller, "TS-01").status) == ("ACCEPTED", 404)


def test_buyers_count_the_units_down_and_their_change_of_mind_does_not_count_them_up(seller: Seller) -> None:
    order = seller.place_order(sku="TS-01", quantity=3)
    seller.change_order(order.order_id, status="CANCELLED", cancelled_by="BUYER")
    after_cancelling = seller.listing("TS-01").stock
    seller.change_listing("TS-01", stock=1)
    seller.place_order(sku="TS-01", quantity=3)

    assert (after_cancelling, seller.listing("TS-01").stock) == (137, 0)


def test_amazons_limits_hold(seller_with_quotas: Seller) -> None:
    statuses = [get(seller_with_quotas, "TS-01").status for _ in range(15)]
    patched = [
        seller_with_quotas.call(
            "PATCH",
            f"{ITEMS}/TS-01",
            {"marketplaceIds": DE},
            {"productType": "PRODUCT", "patches": [availability(quantity=1)]},
        ).status
        for _ in range(7)
    ]

    assert (statuses[:10], statuses[-1]) == ([200] * 10, 429)
    assert (patched[:5], patched[-1]) == ([200] * 5, 429)
