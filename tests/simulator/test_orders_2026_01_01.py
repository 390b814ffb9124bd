"""searchOrders and getOrder: bounds, pages, data sets, personal data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from kogge.simulator.clock import iso, parse_iso
from kogge.simulator.orders_2026_01_01 import DATA_SETS
from tests.simulator.conftest import LONG_AGO, ORDERS, MakeOrders, Seller

ALL = ",".join(sorted(DATA_SETS))


def test_an_order_is_shown_two_minutes_after_its_last_change(seller: Seller) -> None:
    order = seller.place_order(kind="standard")

    fresh = seller.search().json()["orders"]
    seller.advance(121)
    settled = seller.search().json()["orders"]

    assert fresh == []
    assert [each["orderId"] for each in settled] == [order.order_id]


def test_the_upper_bound_used_is_echoed_on_every_page_and_does_not_move(
    seller: Seller, settled: MakeOrders
) -> None:
    settled(5)
    first = seller.search(maxResultsPerPage=2).json()
    seller.advance(600)

    second = seller.search(maxResultsPerPage=2, paginationToken=first["pagination"]["nextToken"]).json()

    assert second["lastUpdatedBefore"] == first["lastUpdatedBefore"]
    age = seller.world.now() - parse_iso(first["lastUpdatedBefore"])
    assert timedelta(seconds=719) < age < timedelta(seconds=725)


def test_a_search_by_creation_echoes_created_before(seller: Seller, settled: MakeOrders) -> None:
    settled()

    page = seller.search(createdAfter=LONG_AGO).json()

    assert "createdBefore" in page
    assert "lastUpdatedBefore" not in page


def test_orders_come_oldest_change_first_and_each_exactly_once(seller: Seller, settled: MakeOrders) -> None:
    orders = settled(23, kind="standard")
    seller.change_order(orders[0].order_id, cancellation_request="please")
    seller.advance(121)
    found: list[dict[str, Any]] = []
    page = seller.search(maxResultsPerPage=5).json()
    found += page["orders"]

    while "pagination" in page:
        page = seller.search(maxResultsPerPage=5, paginationToken=page["pagination"]["nextToken"]).json()
        found += page["orders"]

    times = [each["lastUpdatedTime"] for each in found]
    assert times == sorted(times)
    assert sorted(each["orderId"] for each in found) == sorted(order.order_id for order in orders)
    assert found[-1]["orderId"] == orders[0].order_id


def test_the_last_page_has_no_token_even_when_it_is_full(seller: Seller, settled: MakeOrders) -> None:
    settled(4)

    page = seller.search(maxResultsPerPage=4).json()

    assert len(page["orders"]) == 4
    assert "pagination" not in page


def test_an_order_that_changes_between_pages_leaves_this_query_and_comes_with_the_next(
    seller: Seller, settled: MakeOrders
) -> None:
    late = settled(3, kind="standard")[2]
    first = seller.search(maxResultsPerPage=2).json()
    found = [each["orderId"] for each in first["orders"]]
    late = next(order for order in seller.orders if order.order_id not in found)
    seller.change_order(late.order_id, cancellation_request="please")

    second = seller.search(maxResultsPerPage=2, paginationToken=first["pagination"]["nextToken"]).json()
    seller.advance(121)
    following = seller.search(lastUpdatedAfter=first["lastUpdatedBefore"]).json()

    assert second["orders"] == []
    assert [each["orderId"] for each in following["orders"]] == [late.order_id]


def test_a_page_token_wants_all_other_parameters_unchanged(seller: Seller, settled: MakeOrders) -> None:
    settled(3)
    token = seller.search(maxResultsPerPage=1, marketplaceIds="A1PA6795UKMFR9").json()["pagination"][
        "nextToken"
    ]

    without = seller.search(maxResultsPerPage=1, paginationToken=token)
    other_notation = seller.search(
        maxResultsPerPage=1, marketplaceIds="A1PA6795UKMFR9", lastUpdatedAfter="2026-01-01T00:00:00.000Z",
        paginationToken=token,
    )  # fmt: skip
    other_size_and_data = seller.search(
        maxResultsPerPage=2, marketplaceIds="A1PA6795UKMFR9", includedData="BUYER", paginationToken=token
    )

    assert (without.status, other_notation.status, other_size_and_data.status) == (400, 400, 200)
    assert without.json()["errors"][0]["code"] == "InvalidInput"


def test_a_page_token_lives_for_a_day(seller: Seller, settled: MakeOrders) -> None:
    settled(2)
    token = seller.search(maxResultsPerPage=1).json()["pagination"]["nextToken"]
    seller.advance(24 * 3600 - 60)
    seller.access_token = ""
    in_time = seller.search(maxResultsPerPage=1, paginationToken=token)
    seller.advance(120)
    seller.access_token = ""

    too_late = seller.search(maxResultsPerPage=1, paginationToken=token)

    assert (in_time.status, too_late.status) == (200, 400)


def test_a_page_token_of_another_seller_is_refused(seller: Seller, settled: MakeOrders) -> None:
    settled(2)
    token = seller.search(maxResultsPerPage=1).json()["pagination"]["nextToken"]
    seller.add_account("A2OTHER", "Other", "Atzr|other")
    seller.refresh_token, seller.access_token = "Atzr|other", ""

    response = seller.search(maxResultsPerPage=1, paginationToken=token)

    assert response.status == 400


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"createdAfter": LONG_AGO, "lastUpdatedAfter": LONG_AGO},
        {"createdAfter": LONG_AGO, "lastUpdatedBefore": LONG_AGO},
        {"lastUpdatedBefore": LONG_AGO},
        {"lastUpdatedAfter": "yesterday"},
        {"lastUpdatedAfter": "2026-01-01"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00"},
        {"lastUpdatedAfter": LONG_AGO, "lastUpdatedBefore": "2025-12-31T00:00:00Z"},
        {"lastUpdatedAfter": LONG_AGO, "maxResultsPerPage": "0"},
        {"lastUpdatedAfter": LONG_AGO, "maxResultsPerPage": "101"},
        {"lastUpdatedAfter": LONG_AGO, "maxResultsPerPage": "ten"},
        {"lastUpdatedAfter": LONG_AGO, "includedData": "EVERYTHING"},
        {"lastUpdatedAfter": LONG_AGO, "includedData": ""},
        {"lastUpdatedAfter": LONG_AGO, "fulfillmentStatuses": "Unshipped"},
        {"lastUpdatedAfter": LONG_AGO, "fulfilledBy": "MFN"},
        {"lastUpdatedAfter": LONG_AGO, "marketplaceIds": "ATVPDKIKX0DER"},
        {"lastUpdatedAfter": LONG_AGO, "paginationToken": "made-up"},
        {"lastUpdatedAfter": LONG_AGO, "MarketplaceIds": "A1PA6795UKMFR9"},
    ],
)
def test_invalid_queries_are_refused_and_held_against_the_client(
    seller: Seller, parameters: dict[str, str]
) -> None:
    response = seller.call("GET", ORDERS, parameters)

    assert response.status == 400
    assert response.json()["errors"][0]["code"] == "InvalidInput"
    assert len(seller.violations) == 1


def test_an_upper_bound_less_than_two_minutes_old_is_refused(seller: Seller) -> None:
    now = seller.world.now()

    young = seller.search(lastUpdatedBefore=iso(now - timedelta(seconds=110)))
    old = seller.search(lastUpdatedBefore=iso(now - timedelta(seconds=121)))

    assert (young.status, old.status) == (400, 200)


def test_nothing_older_than_two_years_is_shown(seller: Seller) -> None:
    old = seller.place_order(age_s=3 * 365 * 86400)
    recent = seller.place_order(age_s=86400)

    shown = seller.search(createdAfter="2020-01-01T00:00:00Z").json()["orders"]

    assert [each["orderId"] for each in shown] == [recent.order_id]
    assert seller.get_order(old)["orderId"] == old.order_id


def test_searches_filter_by_store_status_and_who_ships(seller: Seller, settled: MakeOrders) -> None:
    german, french = settled(kind="standard")[0], settled(marketplace_id="A13V1IB3VIYZZH", kind="standard")[0]
    pending, fba = settled(kind="pending")[0], settled(kind="fba", status="SHIPPED")[0]

    def ids(**parameters: str) -> set[str]:
        return {each["orderId"] for each in seller.search(**parameters).json()["orders"]}

    assert ids(marketplaceIds="A13V1IB3VIYZZH") == {french.order_id}
    assert ids(fulfillmentStatuses="PENDING,SHIPPED") == {pending.order_id, fba.order_id}
    assert ids(fulfilledBy="AMAZON") == {fba.order_id}
    assert ids(fulfilledBy="MERCHANT", fulfillmentStatuses="UNSHIPPED") == {german.order_id, french.order_id}


def test_without_data_sets_an_order_shows_only_its_skeleton(seller: Seller) -> None:
    order = seller.place_order(kind="business")

    shown = seller.get_order(order)

    assert shown.keys() == {
        "orderId",
        "createdTime",
        "lastUpdatedTime",
        "programs",
        "salesChannel",
        "orderItems",
    }
    assert shown["orderItems"][0].keys() == {"orderItemId", "quantityOrdered", "product"}


@pytest.mark.parametrize(
    ("data_set", "order_fields", "item_fields"),
    [
        ("BUYER", {"buyer"}, set()),
        ("RECIPIENT", {"recipient"}, set()),
        ("PROCEEDS", {"proceeds"}, {"proceeds"}),
        ("CANCELLATION", set(), {"cancellation"}),
        ("FULFILLMENT", {"fulfillment"}, {"fulfillment"}),
        ("PACKAGES", {"packages"}, set()),
        ("PROMOTION", set(), {"promotion"}),
        ("PAYMENT", {"payment"}, set()),
        ("TAX", set(), {"tax"}),
        ("EXPENSE", set(), set()),
        ("FULFILLMENT_ORDERS", set(), set()),
    ],
)
def test_each_data_set_adds_exactly_its_fields(
    seller: Seller, data_set: str, order_fields: set[str], item_fields: set[str]
) -> None:
    order = seller.place_order(kind="discount")
    seller.change_order(order.order_id, cancellation_request="please")
    seller.confirm(order)
    skeleton = seller.get_order(order)

    shown = seller.get_order(order, data_set)

    assert shown.keys() - skeleton.keys() == order_fields
    assert shown["orderItems"][0].keys() - skeleton["orderItems"][0].keys() == item_fields


@pytest.mark.parametrize("kind", ["pending", "preorder", "cancelled", "fba", "non_amazon"])
def test_personal_data_is_withheld_unless_the_merchant_can_ship(seller: Seller, kind: str) -> None:
    order = seller.place_order(kind=kind)

    shown = seller.get_order(order, "BUYER", "RECIPIENT")

    assert "buyer" not in shown
    assert "recipient" not in shown


def test_personal_data_appears_when_a_pending_order_is_released(seller: Seller) -> None:
    order = seller.place_order(kind="pending")
    before = order.updated
    seller.change_order(order.order_id, status="UNSHIPPED")

    shown = seller.get_order(order, "BUYER", "RECIPIENT", "FULFILLMENT")

    assert shown["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
    assert shown["buyer"]["buyerEmail"].endswith("@marketplace.amazon.de")
    assert shown["recipient"]["deliveryAddress"]["name"]
    assert order.updated > before


def test_pending_orders_have_no_prices(seller: Seller) -> None:
    order = seller.place_order(kind="pending")

    shown = seller.get_order(order, "PROCEEDS")

    assert "proceeds" not in shown
    assert "price" not in shown["orderItems"][0]["product"]


def test_the_phone_number_goes_when_a_shipped_order_is_past_its_latest_delivery(seller: Seller) -> None:
    order = seller.place_order(kind="standard")
    seller.confirm(order)
    at_first = seller.get_order(order, "RECIPIENT")["recipient"]["deliveryAddress"]
    seller.advance(10 * 86400)
    seller.access_token = ""

    later = seller.get_order(order, "RECIPIENT")["recipient"]["deliveryAddress"]

    assert at_first.keys() - later.keys() == {"phone"}


def test_an_unknown_order_is_not_found_and_a_foreign_one_neither(seller: Seller) -> None:
    seller.add_account("A2OTHER", "Other", "Atzr|other")
    foreign = seller.place_order(seller_id="A2OTHER")

    unknown = seller.call("GET", f"{ORDERS}/305-0000000-0000000")
    others = seller.call("GET", f"{ORDERS}/{foreign.order_id}")
    malformed = seller.call("GET", f"{ORDERS}/305")

    assert (unknown.status, others.status, malformed.status) == (404, 404, 400)


def test_commas_may_be_percent_encoded_or_not(seller: Seller, settled: MakeOrders) -> None:
    settled()
    seller.search()
    plain = seller.send(
        "GET", ORDERS, f"lastUpdatedAfter={LONG_AGO}&includedData=BUYER,PROCEEDS",
        user_agent="tests", x_amz_access_token=seller.access_token,
    )  # fmt: skip
    encoded = seller.send(
        "GET", ORDERS, urlencode({"lastUpdatedAfter": LONG_AGO, "includedData": "BUYER,PROCEEDS"}),
        user_agent="tests", x_amz_access_token=seller.access_token,
    )  # fmt: skip

    assert plain.json()["orders"] == encoded.json()["orders"]


def test_a_patch_changes_the_answer_and_raw_replaces_it(seller: Seller) -> None:
    patched, replaced = seller.place_orders(2)
    seller.change_order(
        patched.order_id, patch={"proceeds": {"grandTotal": {"amount": "a lot"}}, "programs": ["NEW"]}
    )
    seller.change_order(replaced.order_id, raw={"orderId": 17})
    seller.advance(121)

    shown = seller.search(includedData="PROCEEDS").json()["orders"]

    assert {"orderId": 17} in shown
    poisoned = next(each for each in shown if each["orderId"] == patched.order_id)
    assert poisoned["proceeds"]["grandTotal"]["amount"] == "a lot"
    assert poisoned["programs"] == ["NEW"]


def test_every_kind_of_order_fits_amazons_model_with_all_data_sets(
    seller: Seller, settled: MakeOrders
) -> None:
    settled(300)

    page = seller.search(includedData=ALL).json()

    assert len(page["orders"]) == 100
