"""The front gate: headers, quotas, faults, and what is held against clients."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from kogge.simulator import Amazon, Request, Response
from kogge.simulator.faults import Kind
from tests.simulator.conftest import LONG_AGO, ORDERS, MakeOrders, Seller

BEFORE: list[tuple[Kind, int]] = [("429", 429), ("500", 500), ("503-html", 503), ("403-denied", 403)]


def test_every_answer_has_a_request_id_and_amazons_date(seller: Seller) -> None:
    seller.advance(86400)

    response = seller.search()

    date = parsedate_to_datetime(response.headers["Date"])
    assert abs((date - seller.world.now()).total_seconds()) < 2
    assert response.headers["x-amzn-RequestId"] != seller.search().headers["x-amzn-RequestId"]


def test_the_rate_header_is_on_answers_and_refusals_but_not_on_429_and_5xx(
    seller_with_quotas: Seller,
) -> None:
    seller = seller_with_quotas
    found = seller.search()
    refused = seller.search(includedData="NONSENSE")
    seller.fault("searchOrders", "500")
    broken = seller.search()
    seller.set_quota("searchOrders", 0.1, 1)
    seller.search()
    throttled = seller.search()

    assert found.headers["x-amzn-RateLimit-Limit"] == "0.0056"
    assert refused.headers["x-amzn-RateLimit-Limit"] == "0.0056"
    assert (broken.status, throttled.status) == (500, 429)
    assert "x-amzn-RateLimit-Limit" not in broken.headers | throttled.headers


def test_the_bucket_gives_its_burst_and_refills_by_the_virtual_clock(seller_with_quotas: Seller) -> None:
    seller = seller_with_quotas
    burst = [seller.search().status for _ in range(21)]
    seller.advance(179)

    refilled = [seller.search().status for _ in range(2)]

    assert burst == [200] * 20 + [429]
    assert refilled == [200, 429]
    assert len(seller.violations) == 2
    assert seller.world.refused["searchOrders"] == 2


def test_each_seller_has_buckets_of_its_own(seller_with_quotas: Seller) -> None:
    seller = seller_with_quotas
    seller.set_quota("searchOrders", 0.001, 1)
    seller.search()
    seller.add_account("A2OTHER", "Other", "Atzr|other")
    seller.refresh_token, seller.access_token = "Atzr|other", ""

    assert seller.search().status == 200


def test_without_quotas_nothing_is_throttled_and_the_header_says_so(seller: Seller) -> None:
    answers = [seller.search() for _ in range(50)]

    assert {answer.status for answer in answers} == {200}
    assert float(answers[0].headers["x-amzn-RateLimit-Limit"]) >= 500


def test_a_call_without_user_agent_is_refused(seller: Seller) -> None:
    seller.search()

    response = seller.send(
        "GET", ORDERS, f"lastUpdatedAfter={LONG_AGO}", x_amz_access_token=seller.access_token
    )

    assert response.status == 400
    assert "user-agent" in seller.violations[0]


def test_an_unknown_path_is_not_found_and_held_against_the_client(seller: Seller) -> None:
    response = Amazon(seller.world).handle(Request("GET", "/_controls/x"))

    assert response.status == 404
    assert "unknown operation" in seller.violations[0]


@pytest.mark.parametrize(("kind", "status"), BEFORE)
def test_a_fault_strikes_after_some_calls_as_often_as_ordered(
    seller: Seller, kind: Kind, status: int
) -> None:
    seller.fault("searchOrders", kind, times=2, after=1)

    answers = [seller.search().status for _ in range(4)]

    assert answers == [200, status, status, 200]
    assert seller.violations == []


def test_a_fault_strikes_only_its_operation_unless_it_is_for_all(seller: Seller) -> None:
    order = seller.place_order()
    seller.fault("getOrder", "500")
    other = seller.search()
    seller.clear_faults()
    seller.fault("*", "500", times=None)

    assert other.status == 200
    assert seller.search().status == 500
    assert seller.call("GET", f"{ORDERS}/{order.order_id}").status == 500


def test_a_timeout_before_has_no_effect_and_one_after_has(seller: Seller) -> None:
    first, second = seller.place_orders(2, kind="standard")
    seller.fault("confirmShipment", "timeout", seconds=3)
    before = seller.confirm(first)
    seller.fault("confirmShipment", "timeout-after", seconds=3)

    after = seller.confirm(second)

    assert (before.delay_s, before.is_dropped, first.status) == (3, True, "UNSHIPPED")
    assert (after.delay_s, after.is_dropped, second.status) == (3, True, "SHIPPED")


def test_spoiled_answers_are_marked_and_the_work_is_done(seller: Seller, settled: MakeOrders) -> None:
    settled(3)
    spoiled: dict[str, Response] = {}
    for kind in ("bad-json", "200-html", "200-empty", "truncated-page", "slow", "drop-after"):
        seller.fault("searchOrders", kind)
        spoiled[kind] = seller.search()

    assert {kind: answer.fault for kind, answer in spoiled.items()} == {kind: kind for kind in spoiled}
    assert spoiled["bad-json"].body.startswith(b'{"orders":[')
    assert spoiled["200-html"].body.startswith(b"<html>")
    assert spoiled["200-empty"].body == b""
    assert spoiled["truncated-page"].is_truncated
    assert spoiled["slow"].delay_s > 0
    assert spoiled["drop-after"].is_dropped


def test_a_broken_data_set_fails_only_queries_that_ask_for_it(seller: Seller) -> None:
    seller.fault("searchOrders", "400-includedData", times=2, data_set="FULFILLMENT")

    asked = ["BUYER", "BUYER,FULFILLMENT", "FULFILLMENT", "FULFILLMENT"]
    answers = [seller.search(includedData=data_sets).status for data_sets in asked]

    assert answers == [200, 400, 400, 200]
    assert seller.violations == []


def test_an_order_can_come_twice_on_neighbouring_pages(seller: Seller, settled: MakeOrders) -> None:
    settled(4)
    first = seller.search(maxResultsPerPage=2).json()
    seller.fault("searchOrders", "order-twice")

    second = seller.search(maxResultsPerPage=2, paginationToken=first["pagination"]["nextToken"]).json()
    third = seller.search(maxResultsPerPage=2, paginationToken=second["pagination"]["nextToken"]).json()

    assert second["orders"][0]["orderId"] == first["orders"][-1]["orderId"]
    assert len({order["orderId"] for page in (first, second, third) for order in page["orders"]}) == 4


def test_faults_reach_tokens_and_uploads_too(seller: Seller) -> None:
    seller.fault("token", "503-html")

    assert seller.token().status == 503
    assert seller.token().status == 200


def test_calls_are_counted_by_operation(seller: Seller) -> None:
    seller.search()
    seller.search(includedData="NONSENSE")

    assert seller.calls == {"token": 1, "searchOrders": 2}


def test_the_sellers_stores_are_listed_with_those_it_does_not_use(seller: Seller) -> None:
    payload = seller.call("GET", "/sellers/v1/marketplaceParticipations").json()["payload"]

    participating = {
        each["marketplace"]["name"] for each in payload if each["participation"]["isParticipating"]
    }
    assert participating == {"Amazon.de", "Amazon.fr", "Amazon.it", "Non-Amazon DE"}
    assert {each["storeName"] for each in payload} == {"Teehaus Muster"}
    assert len(payload) == 6
