from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from kogge.spapi import Amazon, AskHuman, FixSettings, Throttled, TryLater
from kogge.spapi.fba_inventory_v1 import FbaStock, all_stock, stock_of
from kogge.values import InvalidValue
from tests.amazon_models import MODELS, check_response

from .conftest import Buckets, Wire, refusal, reply, web_page

DE = "A1PA6795UKMFR9"
SUMMARIES = "/fba/inventory/v1/summaries"

TEAPOT: dict[str, Any] = {
    "asin": "B00EXAMPL2",
    "fnSku": "X000EXAMPLE",
    "sellerSku": "TS-01-FBA",
    "condition": "NewItem",
    "totalQuantity": 40,
    "lastUpdatedTime": "2026-11-23T05:10:00Z",
    "inventoryDetails": {
        "fulfillableQuantity": 31,
        "inboundWorkingQuantity": 2,
        "inboundShippedQuantity": 5,
        "inboundReceivingQuantity": 1,
        "reservedQuantity": {"totalReservedQuantity": 4, "pendingTransshipmentQuantity": 3},
        "unfulfillableQuantity": {"totalUnfulfillableQuantity": 2},
    },
}


def page(*summaries: Any, token: str | None = None) -> httpx2.Response:
    granularity = {"granularityType": "Marketplace", "granularityId": DE}
    body: dict[str, Any] = {"payload": {"granularity": granularity, "inventorySummaries": list(summaries)}}
    if token:
        body["pagination"] = {"nextToken": token}
    return reply(body)


def fitting(answer: httpx2.Response) -> httpx2.Response:
    """The answer, after it was found to fit Amazon's model."""
    if MODELS.is_dir():
        check_response("GET", SUMMARIES, answer.status_code, answer.content)
    return answer


def test_stock_is_read_with_everything_we_use(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting(page(TEAPOT)))

    answer = all_stock(amazon, DE)

    assert answer.stocks == (
        FbaStock(
            sku="TS-01-FBA",
            asin="B00EXAMPL2",
            fn_sku="X000EXAMPLE",
            condition="NewItem",
            fulfillable=31,
            reserved=4,
            in_transfer=3,
            inbound=8,
            unfulfillable=2,
            total=40,
            changed_at=datetime(2026, 11, 23, 5, 10, tzinfo=UTC),
        ),
    )
    assert (answer.unreadable, answer.is_refused) == (0, False)
    assert dict(wire.sent[0].url.params) == {
        "details": "true",
        "granularityType": "Marketplace",
        "granularityId": DE,
        "marketplaceIds": DE,
    }


def test_what_amazon_leaves_out_is_not_zero(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting(page({"sellerSku": "A", "inventoryDetails": {}}, {"sellerSku": "B"})))

    assert all_stock(amazon, DE).stocks == (FbaStock("A"), FbaStock("B"))


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23T05:10:00", None])
def test_an_odd_time_does_not_hide_the_stock(amazon: Amazon, wire: Wire, time: str | None) -> None:
    wire.lay(page(TEAPOT | {"lastUpdatedTime": time}))

    [stock] = all_stock(amazon, DE).stocks

    assert (stock.fulfillable, stock.changed_at) == (31, None)


def test_one_odd_entry_does_not_hide_the_others(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sellerSku": "A", "inventoryDetails": []}, {"asin": "B00EXAMPL9"}, "?", TEAPOT))

    answer = all_stock(amazon, DE)

    assert [stock.sku for stock in answer.stocks] == ["A", "TS-01-FBA"]
    assert answer.stocks[0].fulfillable is None
    assert answer.unreadable == 2


def test_all_pages_are_read_and_each_repeats_the_question(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sellerSku": "A"}, token="t1"), page({"sellerSku": "B"}, token="t2"), page())

    answer = all_stock(amazon, DE, changed_since=datetime(2026, 11, 22, tzinfo=UTC))

    assert [stock.sku for stock in answer.stocks] == ["A", "B"]
    assert [request.url.params.get("nextToken") for request in wire.sent] == [None, "t1", "t2"]
    assert {request.url.params["startDateTime"] for request in wire.sent} == {"2026-11-22T00:00:00.000Z"}


def test_between_pages_we_wait_for_the_bucket_because_their_tokens_are_short_lived(
    amazon: Amazon, wire: Wire, buckets: Buckets
) -> None:
    def empty_once(request: httpx2.Request) -> httpx2.Response:
        buckets.empty = {"getInventorySummaries"}
        return page({"sellerSku": "A"}, token="t1")

    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        buckets.empty = set()

    wire.lay(empty_once, page({"sellerSku": "B"}))

    assert len(all_stock(amazon, DE, wait=wait).stocks) == 2
    assert waited == [7.0]


def test_patience_ends_before_the_token_does(amazon: Amazon, buckets: Buckets) -> None:
    buckets.empty = {"getInventorySummaries"}
    waited: list[float] = []

    with pytest.raises(Throttled):
        all_stock(amazon, DE, wait=waited.append)
    assert waited == [7.0]


def test_a_page_that_is_lost_is_no_shorter_list(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(TEAPOT, token="t1"), refusal(400, "InvalidInput", "nextToken has expired"))

    with pytest.raises(TryLater, match="has expired"):
        all_stock(amazon, DE)


def test_pages_that_go_round_in_a_circle_end(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page(token="t1"), page(token="t2"), page(token="t1"))

    with pytest.raises(TryLater):
        all_stock(amazon, DE)


@pytest.mark.parametrize("status", [400, 200])
def test_an_account_that_never_used_fba_is_refused_and_that_is_told(
    amazon: Amazon, wire: Wire, status: int
) -> None:
    wire.lay(fitting(refusal(status, "InvalidInput", "Invalid request, please check your input.")))

    answer = all_stock(amazon, DE)

    assert (answer.stocks, answer.is_refused) == ((), True)


def test_an_empty_list_is_no_refusal(amazon: Amazon, wire: Wire) -> None:
    wire.lay(fitting(page()))

    answer = all_stock(amazon, DE)

    assert (answer.stocks, answer.is_refused) == ((), False)


@pytest.mark.parametrize(
    ("answer", "consequence"),
    [
        (refusal(400, "SomethingNew"), AskHuman),
        (refusal(200, "SomethingNew"), AskHuman),
        (refusal(200, "InternalFailure"), TryLater),
        (refusal(403, "AccessDenied"), FixSettings),
        (reply({}), TryLater),
        (web_page(200), TryLater),
    ],
)
def test_other_failures_are_no_empty_list(
    amazon: Amazon, wire: Wire, answer: httpx2.Response, consequence: type[Exception]
) -> None:
    wire.lay(answer)

    with pytest.raises(consequence):
        all_stock(amazon, DE)


def test_chosen_skus_cost_one_call_and_unknown_ones_are_missing(
    amazon: Amazon, wire: Wire, buckets: Buckets
) -> None:
    wire.lay(fitting(page(TEAPOT, {"sellerSku": "nobody asked"})))

    found = stock_of(amazon, DE, ["TS-01-FBA", "TS-02-FBA"])

    assert list(found) == ["TS-01-FBA"]
    assert wire.sent[0].url.params["sellerSkus"] == "TS-01-FBA,TS-02-FBA"
    assert buckets.taken == ["getInventorySummaries"]


def test_a_sku_is_quoted_without_a_plus_for_a_blank(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page())

    stock_of(amazon, DE, ["TEE 1+2/ä&"])

    assert b"sellerSkus=TEE%201%2B2%2F%C3%A4%26" in wire.sent[0].url.raw_path


def test_a_sku_with_a_comma_is_asked_for_alone(amazon: Amazon, wire: Wire) -> None:
    wire.lay(page({"sellerSku": "A"}), page({"sellerSku": "B,1"}))

    found = stock_of(amazon, DE, ["A", "B,1"])

    assert set(found) == {"A", "B,1"}
    assert wire.sent[0].url.params["sellerSkus"] == "A"
    assert wire.sent[1].url.params["sellerSku"] == "B,1"
    assert "sellerSkus" not in wire.sent[1].url.params


def test_asking_for_nothing_asks_nothing(amazon: Amazon, wire: Wire) -> None:
    assert stock_of(amazon, DE, []) == {}
    assert wire.sent == []


def test_more_than_fifty_at_once_are_refused(amazon: Amazon) -> None:
    with pytest.raises(InvalidValue):
        stock_of(amazon, DE, [str(number) for number in range(51)])
