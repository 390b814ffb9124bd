"""getInventorySummaries: which SKUs, which units, which pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import Seller
from tests.simulator.outbound import GERMANY, create_new

SUMMARIES = "/fba/inventory/v1/summaries"


def ask(seller: Seller, **parameters: Any) -> Any:
    given = {
        "granularityType": "Marketplace",
        "granularityId": GERMANY,
        "marketplaceIds": GERMANY,
        "details": "true",
    } | parameters
    return seller.call("GET", SUMMARIES, {name: value for name, value in given.items() if value is not None})


def summaries(seller: Seller, **parameters: Any) -> dict[str, Any]:
    """By SKU."""
    found = ask(seller, **parameters).json()["payload"]["inventorySummaries"]
    return {each["sellerSku"]: each for each in found}


def test_the_units_of_a_sku_are_told_apart(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 31})
    seller.set_fba_elsewhere("TS-01", in_transfer=3, inbound_shipped=5, unfulfillable=1, researching=2)
    seller.place_order(kind="fba", sku="TS-01", quantity=2, status="UNSHIPPED")
    create_new(seller, quantity=4)

    shown = summaries(seller)["TS-01"]

    details = shown["inventoryDetails"]
    assert details["fulfillableQuantity"] == 25
    assert details["reservedQuantity"] == {
        "totalReservedQuantity": 9,
        "pendingCustomerOrderQuantity": 6,
        "pendingTransshipmentQuantity": 3,
        "fcProcessingQuantity": 0,
    }
    assert details["inboundShippedQuantity"] == 5
    assert details["unfulfillableQuantity"] == {"totalUnfulfillableQuantity": 1}
    assert details["researchingQuantity"]["totalResearchingQuantity"] == 2
    assert shown["totalQuantity"] == 25 + 9 + 5 + 1 + 2
    assert (shown["asin"], shown["condition"]) == ("B0KOGGE008", "NewItem")
    assert shown["fnSku"].startswith("X00")


def test_what_buyers_order_on_amazon_leaves_the_warehouse(seller: Seller) -> None:
    """Set aside while the order is open, gone once it is sent, back when nobody gets it."""
    seller.set_fba_stock({"TS-01": 10})
    sent = seller.place_order(kind="fba", sku="TS-01", quantity=3, status="UNSHIPPED")
    cancelled = seller.place_order(kind="fba", sku="TS-01", quantity=2, status="PENDING")

    def figures() -> tuple[int, int]:
        details = summaries(seller)["TS-01"]["inventoryDetails"]
        return details["fulfillableQuantity"], details["reservedQuantity"]["totalReservedQuantity"]

    assert figures() == (5, 5)
    seller.change_order(cancelled.order_id, status="CANCELLED")
    assert figures() == (7, 3)
    seller.change_order(sent.order_id, status="SHIPPED")
    assert figures() == (7, 0)


def test_buyers_get_no_more_than_there_is(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 1})
    order = seller.place_order(kind="fba", sku="TS-01", quantity=3, status="UNSHIPPED")

    seller.change_order(order.order_id, status="CANCELLED")
    seller.change_order(order.order_id, status="CANCELLED")

    assert seller.world.demo.fba_stock == {"TS-01": 1}


def test_an_order_that_comes_cancelled_takes_nothing(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 4})

    seller.place_order(kind="fba", sku="TS-01", quantity=3, status="CANCELLED")

    assert seller.world.demo.fba_stock == {"TS-01": 4}


def test_without_details_there_is_only_a_total(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 3})

    shown = summaries(seller, details=None)["TS-01"]

    assert shown["totalQuantity"] == 3
    assert "inventoryDetails" not in shown


def test_an_offer_set_to_amazon_is_there_before_its_first_unit(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 3})
    seller.change_listing("TE-ZANGE", channel="AMAZON_EU")

    assert summaries(seller)["TE-ZANGE"]["inventoryDetails"]["fulfillableQuantity"] == 0


def test_skus_can_be_named(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 1, "TS-02": 2, "TE-ZANGE": 3})

    assert summaries(seller, sellerSkus="TS-02,TE-ZANGE,NEU").keys() == {"TS-02", "TE-ZANGE"}
    assert summaries(seller, sellerSku="TS-01").keys() == {"TS-01"}
    assert summaries(seller, sellerSkus="NEU") == {}


def test_only_what_has_changed_since(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 10, "TS-02": 10, "TE-ZANGE": 10, "TF-100": 10})
    seller.advance(60)
    moment = seller.world.now().isoformat().replace("+00:00", "Z")
    seller.set_fba_stock({"TS-02": 9})
    seller.set_fba_elsewhere("TF-100", inbound_working=4)
    create_new(seller, sku="TS-01")

    found = summaries(seller, startDateTime=moment, sellerSkus="TE-ZANGE")

    assert found.keys() == {"TS-01", "TS-02"}
    assert found["TS-02"]["lastUpdatedTime"] >= moment[:19]


def many(seller: Seller) -> None:
    seller.set_fba_stock({f"FBA-{number:03d}": number for number in range(120)})


def test_pages_hold_fifty_skus(seller: Seller) -> None:
    many(seller)
    seen: list[str] = []
    token = None
    sizes = []

    while True:
        answer = ask(seller, nextToken=token).json()
        page = [each["sellerSku"] for each in answer["payload"]["inventorySummaries"]]
        sizes.append(len(page))
        seen += page
        token = answer.get("pagination", {}).get("nextToken")
        if token is None:
            break

    assert sizes == [50, 50, 20]
    assert seen == sorted(seller.world.demo.fba_stock)


def test_a_token_lives_half_a_minute(seller: Seller) -> None:
    many(seller)
    token = ask(seller).json()["pagination"]["nextToken"]

    seller.advance(31)

    assert ask(seller, nextToken=token).status == 400
    assert seller.violations == []


@pytest.mark.parametrize("change", [{"sellerSkus": "FBA-001"}, {"details": "false"}])
def test_a_token_belongs_to_its_query(seller: Seller, change: dict[str, str]) -> None:
    many(seller)
    token = ask(seller).json()["pagination"]["nextToken"]

    assert ask(seller, nextToken=token, **change).status == 400
    assert ask(seller, nextToken="unknown").status == 400


def test_an_account_without_a_sku_at_amazon_gets_an_error(seller: Seller) -> None:
    answer = ask(seller)

    assert answer.status == 400
    assert answer.json()["errors"][0]["code"] == "InvalidInput"
    assert seller.violations == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"granularityType": None},
        {"granularityType": "Country"},
        {"granularityId": None},
        {"marketplaceIds": None},
        {"marketplaceIds": f"{GERMANY},A13V1IB3VIYZZH"},
        {"granularityId": "A13V1IB3VIYZZH"},
        {"granularityId": "ATVPDKIKX0DER", "marketplaceIds": "ATVPDKIKX0DER"},
        {"details": "yes"},
        {"startDateTime": "yesterday"},
        {"startDateTime": "2020-01-01T00:00:00Z"},
        {"sellerSkus": ",".join(f"SKU-{number}" for number in range(51))},
        {"sellerSkus": "TS-01,,TS-02"},
        {"warehouse": "LEJ1"},
    ],
)
def test_wrong_questions_are_refused(seller: Seller, wrong: dict[str, Any]) -> None:
    seller.set_fba_stock({"TS-01": 1})

    assert ask(seller, **wrong).status == 400
    assert len(seller.violations) == 1


def test_two_calls_a_second_and_no_more(seller_with_quotas: Seller) -> None:
    seller_with_quotas.set_fba_stock({"TS-01": 1})

    statuses = [ask(seller_with_quotas).status for _ in range(3)]

    assert statuses == [200, 200, 429]
