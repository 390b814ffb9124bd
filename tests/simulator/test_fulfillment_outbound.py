"""Fulfilment orders as both versions see them: how they live, and what happens to the units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kogge.simulator import Response
from kogge.simulator.fulfilment_orders import FulfilmentOrder
from tests.simulator.conftest import Seller
from tests.simulator.outbound import (
    ADDRESS,
    NEW,
    OLD,
    create_new,
    create_old,
    new_line,
    old_item,
    read_new,
    read_old,
    status,
    wait,
)

Create = Callable[..., Response]
both = pytest.mark.parametrize("create", [create_old, create_new], ids=["2020-07-01", "2026-07-04"])


@pytest.fixture(autouse=True)
def stocked(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 10, "TE-ZANGE": 5})


def stock(seller: Seller, sku: str = "TS-01") -> int:
    return seller.world.demo.fba_stock[sku]


def two_lines(create: Create, seller: Seller, **changes: Any) -> Response:
    if create is create_old:
        return create_old(seller, items=[old_item("TS-01", 3), old_item("TE-ZANGE", 2, "2")], **changes)
    return create_new(seller, lineItems=[new_line("TS-01", 3), new_line("TE-ZANGE", 2, "2")], **changes)


@both
def test_an_order_goes_its_way(seller: Seller, create: Create) -> None:
    answer = create(seller)
    seen = [status(seller)]
    for seconds in (60, 120, 180):
        seller.advance(seconds)
        seen.append(status(seller))

    assert answer.status == 200
    assert seen == [
        ("Received", "PROCESSING"),
        ("Planning", "PROCESSING"),
        ("Processing", "PROCESSING"),
        ("Complete", "COMPLETE"),
    ]
    order = seller.fulfilment_order("SHOP-1")
    moments = [at for at, _, _ in order.history]
    assert [status for _, status, _ in order.history] == [
        "NEW", "RECEIVED", "PLANNING", "PROCESSING", "COMPLETE",
    ]  # fmt: skip
    assert (moments[-1] - moments[0]).total_seconds() == 360


def test_a_long_time_passes_at_once(seller: Seller) -> None:
    create_new(seller)

    seller.advance(7200)

    order = seller.fulfilment_order("SHOP-1")
    assert order.status == "COMPLETE"
    assert (order.since - order.received).total_seconds() == 360


def test_units_are_reserved_then_gone(seller: Seller) -> None:
    create_new(seller, quantity=4)
    reserved = seller.fulfilment_order("SHOP-1").lines[0].reserved
    after_creating = stock(seller)

    seller.advance(400)

    line = seller.fulfilment_order("SHOP-1").lines[0]
    assert (after_creating, reserved) == (6, 4)
    assert (stock(seller), line.reserved, line.shipped) == (6, 0, 4)


def test_packages_have_carriers_and_numbers(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 30})
    create_new(seller, quantity=12)
    seller.advance(360)

    old, new = read_old(seller), read_new(seller)

    sent = old["fulfillmentShipments"][0]
    packages = sent["fulfillmentShipmentPackage"]
    assert sent["fulfillmentShipmentStatus"] == "SHIPPED"
    assert len({each["trackingNumber"] for each in packages}) == 2
    assert {each["carrierCode"] for each in packages} == {"DHL", "AMZN_DE"}
    assert [each["quantity"] for each in sent["fulfillmentShipmentItem"]] == [10, 2]
    assert {each["packageNumber"] for each in sent["fulfillmentShipmentItem"]} == {
        each["packageNumber"] for each in packages
    }
    newer = new["shipments"][0]["packages"]
    assert [each["tracking"]["carrier"]["trackingNumber"] for each in newer] == [
        each["trackingNumber"] for each in packages
    ]
    assert {each["status"] for each in newer} == {"IN_TRANSIT"}


def test_a_parcel_reaches_the_customer(seller: Seller) -> None:
    create_new(seller)
    seller.advance(360)
    number = read_old(seller)["fulfillmentShipments"][0]["fulfillmentShipmentPackage"][0]["packageNumber"]

    def whereabouts() -> tuple[str, str]:
        tracked = seller.call("GET", f"{OLD}/tracking", {"packageNumber": number}).json()["payload"]
        return tracked["currentStatus"], read_new(seller)["shipments"][0]["packages"][0]["status"]

    seen = [whereabouts()]
    for hours in (43, 5):
        wait(seller, hours * 3600)
        seen.append(whereabouts())

    assert seen == [(word, word) for word in ("IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED")]


def test_the_carriers_number_may_come_late(seller: Seller) -> None:
    seller.set(fulfilment_tracking_delay_s=600)
    create_new(seller)
    seller.advance(360)
    early = read_old(seller)["fulfillmentShipments"][0]["fulfillmentShipmentPackage"][0]

    seller.advance(600)

    late = read_old(seller)["fulfillmentShipments"][0]["fulfillmentShipmentPackage"][0]
    assert "trackingNumber" not in early
    assert late["trackingNumber"]


@both
def test_positions_from_two_warehouses_leave_one_after_the_other(seller: Seller, create: Create) -> None:
    seller.set(fulfilment_split=True)
    two_lines(create, seller)

    seller.advance(360)
    halfway = read_new(seller)
    seller.advance(180)
    done = read_new(seller)

    assert (halfway["status"], [each["status"] for each in halfway["shipments"]]) == (
        "PROCESSING",
        ["SHIPPED", "PROCESSING"],
    )
    assert (done["status"], [each["status"] for each in done["shipments"]]) == (
        "COMPLETE",
        ["SHIPPED", "SHIPPED"],
    )
    assert len({each["amazonFacility"]["facilityId"] for each in done["shipments"]}) == 2


@both
def test_a_duplicate_is_refused_and_nothing_is_sent_twice(seller: Seller, create: Create) -> None:
    create(seller)

    again = create(seller)

    assert (again.status, again.json()["errors"][0]["code"]) == (400, "InvalidInput")
    assert len(seller.fulfilment_orders) == 1
    assert stock(seller) == 8
    assert seller.violations == []


@both
def test_another_order_under_the_same_id_is_held_against_the_client(seller: Seller, create: Create) -> None:
    create(seller)

    assert create(seller, quantity=3).status == 400
    assert len(seller.violations) == 1


def test_a_duplicate_is_one_across_the_versions(seller: Seller) -> None:
    create_old(seller)

    assert create_new(seller).status == 400


def test_an_answer_lost_after_taking_effect(seller: Seller) -> None:
    seller.fault("createFulfillmentOrder", "timeout-after")
    seller.fault("outboundCreateOrder", "drop-after")

    lost = create_old(seller), create_new(seller, "SHOP-2")

    assert [answer.is_dropped for answer in lost] == [True, True]
    assert read_new(seller, "SHOP-1")["orderId"] == "SHOP-1"
    assert read_old(seller, "SHOP-2")["fulfillmentOrder"]["sellerFulfillmentOrderId"] == "SHOP-2"


@pytest.mark.parametrize("create", [create_old, create_new])
def test_an_order_may_be_taken_and_not_be_found_yet(seller: Seller, create: Create) -> None:
    """Whoever reads before repeating is refused then, and has to read again."""
    seller.set(fulfilment_hidden_s=30)
    create(seller)

    before = seller.call("GET", f"{NEW}/orders/SHOP-1").status
    listed = seller.call("GET", f"{NEW}/orders").json()["orders"]
    again = create(seller).status
    wait(seller, 30)

    assert (before, listed, again) == (404, [], 400)
    assert read_new(seller)["orderId"] == "SHOP-1"
    assert len(seller.fulfilment_orders) == 1


def test_an_order_may_be_lost_from_sight(seller: Seller) -> None:
    create_old(seller)

    seller.change_fulfilment("SHOP-1", is_hidden=True)
    unseen = seller.call("GET", f"{OLD}/fulfillmentOrders/SHOP-1").status, create_new(seller).status
    seller.change_fulfilment("SHOP-1", is_hidden=False)

    assert unseen == (404, 400)
    assert status(seller) == ("Received", "PROCESSING")


def test_amazon_may_not_say_what_it_sent(seller: Seller) -> None:
    create_old(seller)
    seller.change_fulfilment("SHOP-1", is_silent=True)
    wait(seller, 3_600)

    silent = read_old(seller)["fulfillmentShipments"], read_new(seller)["shipments"], status(seller)
    seller.change_fulfilment("SHOP-1", is_silent=False)

    assert silent == ([], [], ("Complete", "COMPLETE"))
    assert len(read_new(seller)["shipments"]) == 1


@pytest.mark.parametrize("create", [create_old, create_new])
def test_the_origin_may_be_ignored(seller: Seller, create: Create) -> None:
    seller.set(fulfilment_placed_in="FR")
    create(seller)

    assert read_new(seller)["origin"] == {"countryCode": "FR"}
    assert read_old(seller)["fulfillmentOrder"]["marketplaceId"] == "A13V1IB3VIYZZH"


def test_an_order_that_never_arrived_is_not_found(seller: Seller) -> None:
    seller.fault("outboundCreateOrder", "timeout")
    create_new(seller)

    assert seller.call("GET", f"{NEW}/orders/SHOP-1").status == 404
    assert seller.call("GET", f"{OLD}/fulfillmentOrders/SHOP-1").status == 404
    assert seller.violations == []


@pytest.mark.parametrize("seconds", [0, 70])
def test_cancelling_while_nobody_picks(seller: Seller, seconds: int) -> None:
    create_old(seller)
    create_old(seller, "SHOP-2")
    seller.advance(seconds)

    old = seller.call("PUT", f"{OLD}/fulfillmentOrders/SHOP-1/cancel")
    new = seller.call("PUT", f"{NEW}/orders/SHOP-2/cancel")

    assert (old.status, new.status) == (200, 202)
    assert status(seller, "SHOP-1") == status(seller, "SHOP-2") == ("Cancelled", "CANCELLED")
    assert read_old(seller)["fulfillmentOrderItems"][0]["cancelledQuantity"] == 2
    assert stock(seller) == 10


@pytest.mark.parametrize("seconds", [180, 400])
def test_cancelling_too_late_is_refused(seller: Seller, seconds: int) -> None:
    create_old(seller)
    seller.advance(seconds)
    before = status(seller)

    old = seller.call("PUT", f"{OLD}/fulfillmentOrders/SHOP-1/cancel")
    new = seller.call("PUT", f"{NEW}/orders/SHOP-1/cancel")

    assert (old.status, new.status) == (400, 400)
    assert status(seller) == before
    assert seller.violations == []


def test_an_accepted_cancellation_may_come_to_nothing(seller: Seller) -> None:
    seller.set(fulfilment_cancels_lost=True)
    create_new(seller)

    answer = seller.call("PUT", f"{NEW}/orders/SHOP-1/cancel")

    assert answer.status == 202
    assert status(seller) == ("Received", "PROCESSING")


@both
def test_without_enough_units_nothing_is_sent(seller: Seller, create: Create) -> None:
    create(seller, quantity=11)
    seller.advance(400)

    assert status(seller) == ("Unfulfillable", "UNFULFILLABLE")
    assert read_old(seller)["fulfillmentOrderItems"][0]["unfulfillableQuantity"] == 11
    assert stock(seller) == 10


def test_what_is_there_is_sent_when_asked_for(seller: Seller) -> None:
    create_old(seller, quantity=12, fulfillmentPolicy="FillAllAvailable")
    seller.advance(400)

    old, new = read_old(seller), read_new(seller)
    assert status(seller) == ("CompletePartialled", "COMPLETE_PARTIAL")
    assert old["fulfillmentOrderItems"][0]["unfulfillableQuantity"] == 2
    assert new["lineItems"][0]["unfulfillableAmount"] == {"unit": "EACHES", "value": "2"}
    assert stock(seller) == 0


def test_with_no_unit_there_is_nothing_to_send_in_part(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 0})
    create_old(seller, fulfillmentPolicy="FillAllAvailable")
    seller.advance(400)

    assert status(seller) == ("Unfulfillable", "UNFULFILLABLE")


def test_an_order_may_wait_for_all_its_units_for_a_day(seller: Seller) -> None:
    waiting = {"policy": "FILL_ALL"}
    create_new(seller, "SHOP-1", quantity=12, configuration=waiting)
    create_new(seller, "SHOP-2", sku="TE-ZANGE", quantity=7, configuration=waiting)
    wait(seller, 3600)
    early = status(seller, "SHOP-1")
    seller.set_fba_stock({"TS-01": 2})
    seller.advance(180)
    filled = status(seller, "SHOP-1")

    wait(seller, 86_400)

    assert early == ("Planning", "PROCESSING")
    assert filled == ("Complete", "COMPLETE")
    assert status(seller, "SHOP-2")[0] == "Processing"
    seller.advance(180)
    assert status(seller, "SHOP-2") == ("CompletePartialled", "COMPLETE_PARTIAL")


def test_stock_gone_between_preview_and_order(seller: Seller) -> None:
    seller.set(stock_gone_before_create=True)

    assert create_new(seller).status == 200
    seller.advance(400)

    assert status(seller) == ("Unfulfillable", "UNFULFILLABLE")
    assert stock(seller) == 0


@both
def test_amazon_may_refuse_at_once_what_it_lacks(seller: Seller, create: Create) -> None:
    seller.set(refuse_without_stock=True)

    refused, taken = create(seller, quantity=11), create(seller, quantity=10)

    assert (refused.status, taken.status) == (400, 200)
    assert seller.violations == []


def test_two_orders_do_not_get_the_same_unit(seller: Seller) -> None:
    create_new(seller, "SHOP-1", quantity=7)
    create_new(seller, "SHOP-2", quantity=7)
    seller.advance(400)

    assert status(seller, "SHOP-1")[1] == "COMPLETE"
    assert status(seller, "SHOP-2")[1] == "UNFULFILLABLE"


def test_units_in_transfer_are_promised_and_then_waited_for(seller: Seller) -> None:
    seller.set_fba_stock({"TS-01": 0})
    seller.set_fba_elsewhere("TS-01", in_transfer=5)
    seller.set(refuse_without_stock=True)

    assert create_new(seller).status == 200
    wait(seller, 3 * 86_400)
    hanging = read_old(seller)
    seller.set_fba_stock({"TS-01": 5})
    seller.set_fba_elsewhere("TS-01", in_transfer=0)
    seller.advance(200)

    assert hanging["fulfillmentOrder"]["fulfillmentOrderStatus"] == "Planning"
    estimated = hanging["fulfillmentOrderItems"][0]["estimatedShipDate"]
    assert estimated < seller.world.now().isoformat()
    assert status(seller) == ("Complete", "COMPLETE")


@pytest.mark.parametrize("halt", ["RECEIVED", "PLANNING", "PROCESSING"])
def test_orders_can_hang_and_go_on(seller: Seller, halt: str) -> None:
    seller.set(new_fulfilments_stuck_in=halt)
    create_new(seller)
    wait(seller, 5 * 86_400)
    hanging = seller.fulfilment_order("SHOP-1").status

    seller.change_fulfilment("SHOP-1", stuck_in="")
    seller.advance(400)

    assert hanging == halt
    assert seller.fulfilment_order("SHOP-1").status == "COMPLETE"


def test_units_missing_when_they_are_picked(seller: Seller) -> None:
    two_lines(create_new, seller)
    seller.change_fulfilment("SHOP-1", lost={"2": 1})
    seller.advance(400)

    shown = read_new(seller)

    assert shown["status"] == "COMPLETE_PARTIAL"
    assert [each["unfulfillableAmount"]["value"] for each in shown["lineItems"]] == ["0", "1"]
    sent = {each["lineItemId"]: each["amount"]["value"] for each in shown["shipments"][0]["items"]}
    assert sent == {"1": "3", "2": "1"}
    assert stock(seller, "TE-ZANGE") == 3


@pytest.mark.parametrize(
    ("fate", "quantity", "expected"),
    [
        ("PARTIAL", 2, ("CompletePartialled", "COMPLETE_PARTIAL")),
        ("PARTIAL", 1, ("Unfulfillable", "UNFULFILLABLE")),
        ("UNFULFILLABLE", 2, ("Unfulfillable", "UNFULFILLABLE")),
        ("INVALID", 2, ("Invalid", "INVALID")),
    ],
)
def test_new_orders_can_be_given_a_fate(
    seller: Seller, fate: str, quantity: int, expected: tuple[str, str]
) -> None:
    seller.set(new_fulfilments_fate=fate)
    create_new(seller, quantity=quantity)
    seller.advance(400)

    assert status(seller) == expected


@both
def test_an_address_nobody_delivers_to(seller: Seller, create: Create) -> None:
    address = ADDRESS | {"postalCode": "00000"}
    place: dict[str, Any] = {"destinationAddress": address}
    if create is create_new:
        place = {"destination": {"deliveryAddress": address}}

    assert create(seller, **place).status == 200
    seller.advance(400)

    assert status(seller) == ("Invalid", "INVALID")
    assert stock(seller) == 10


def test_a_held_order_waits_until_it_is_released(seller: Seller) -> None:
    create_old(seller, "SHOP-1", fulfillmentAction="Hold")
    create_new(seller, "SHOP-2", configuration={"action": "HOLD"})
    wait(seller, 86_400)
    held = status(seller, "SHOP-1"), status(seller, "SHOP-2")

    old = seller.call("PUT", f"{OLD}/fulfillmentOrders/SHOP-1", body={"fulfillmentAction": "Ship"})
    body = {"fulfillmentConfiguration": {"action": "SHIP"}}
    new = seller.call("PUT", f"{NEW}/orders/SHOP-2", body=body)
    seller.advance(360)

    assert held == (("Received", "PROCESSING"),) * 2
    assert (old.status, new.status) == (200, 202)
    assert status(seller, "SHOP-1") == status(seller, "SHOP-2") == ("Complete", "COMPLETE")


def test_a_hold_ends_after_fourteen_days(seller: Seller) -> None:
    create_new(seller, configuration={"action": "HOLD"})
    wait(seller, 14 * 86_400)

    assert status(seller) == ("Cancelled", "CANCELLED")
    assert stock(seller) == 10


def test_only_a_held_order_can_be_released(seller: Seller) -> None:
    create_new(seller)

    old = seller.call("PUT", f"{OLD}/fulfillmentOrders/SHOP-1", body={"fulfillmentAction": "Ship"})
    more = seller.call("PUT", f"{OLD}/fulfillmentOrders/SHOP-1", body={"displayableOrderId": "2"})
    new = seller.call("PUT", f"{NEW}/orders/SHOP-1", body={"fulfillmentConfiguration": {"action": "SHIP"}})

    assert {old.status, more.status, new.status} == {400}


def test_a_version_may_be_closed_to_a_seller(seller: Seller) -> None:
    seller.set_outbound_versions("2020-07-01")

    closed = seller.call("GET", f"{NEW}/orders", {"updatedAfter": "2026-01-01T00:00:00Z"})
    written = create_new(seller)
    open_ = create_old(seller)

    assert (closed.status, written.status, open_.status) == (403, 403, 200)
    assert closed.json()["errors"][0]["code"] == "AccessDenied"
    assert seller.violations == []
    seller.set_outbound_versions("2026-07-04")
    assert seller.call("GET", f"{OLD}/fulfillmentOrders").status == 403


def test_the_order_is_echoed_among_the_sellers_orders(seller: Seller) -> None:
    create_new(seller)
    seller.advance(150)

    found = [
        order
        for order in seller.search(includedData="FULFILLMENT", fulfilledBy="AMAZON").json()["orders"]
        if order["salesChannel"]["channelName"] == "NON_AMAZON"
    ]

    echo = seller.order(seller.fulfilment_order("SHOP-1").echo_id)
    assert [order["orderId"] for order in found] == [echo.order_id]
    assert found[0]["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
    seller.advance(250)
    shown = seller.get_order(echo, "FULFILLMENT", "RECIPIENT")
    assert shown["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert "recipient" not in shown
    assert stock(seller) == 8


@pytest.mark.parametrize(
    ("fate", "expected"), [("INVALID", "UNFULFILLABLE"), ("PARTIAL", "SHIPPED"), ("CANCEL", "CANCELLED")]
)
def test_the_echo_ends_as_the_order_does(seller: Seller, fate: str, expected: str) -> None:
    create_new(seller, quantity=3)
    if fate == "CANCEL":
        seller.call("PUT", f"{NEW}/orders/SHOP-1/cancel")
    else:
        seller.change_fulfilment("SHOP-1", fate=fate)
    seller.advance(400)

    assert seller.order(seller.fulfilment_order("SHOP-1").echo_id).status == expected


def test_the_echo_can_be_switched_off(seller: Seller) -> None:
    seller.set(fulfilment_echo=False)
    create_new(seller)

    assert seller.orders == []


def test_thirty_at_once_then_two_a_second(seller_with_quotas: Seller) -> None:
    statuses = [seller_with_quotas.call("GET", f"{NEW}/orders/X-{number}").status for number in range(31)]

    assert statuses[29:] == [404, 429]


def test_another_seller_sees_none_of_it(seller: Seller) -> None:
    seller.add_account("A2OTHER", "Anderswo", "Atzr|other")
    create_new(seller)
    seller.refresh_token, seller.access_token = "Atzr|other", ""

    assert seller.call("GET", f"{NEW}/orders/SHOP-1").status == 404
    assert seller.call("GET", f"{NEW}/orders").json()["orders"] == []


@pytest.mark.parametrize("mishap", ["DELAYED", "UNDELIVERABLE"])
def test_something_happens_to_a_parcel_on_its_way(seller: Seller, mishap: str) -> None:
    create_new(seller)
    seller.change_fulfilment("SHOP-1", mishap=mishap)
    seller.advance(200)
    before = read_new(seller)["shipments"][0]["packages"][0]["status"]

    seller.advance(200)

    number = seller.fulfilment_order("SHOP-1").shipments[0].parcels[0].number
    tracked = seller.call("GET", f"{OLD}/tracking", {"packageNumber": number}).json()["payload"]
    after = read_new(seller)["shipments"][0]["packages"][0]["status"]
    assert (before, after, tracked["currentStatus"]) == ("PROCESSING", mishap, mishap)


def is_picked(seller: Seller, order: FulfilmentOrder) -> bool:
    """Whether its units have been looked for, by now: what is lost later is lost on the way."""
    seller.call("GET", f"{NEW}/orders/{order.order_id}")
    return any(status == "PROCESSING" for _, status, _ in order.history)


STEPS = st.one_of(
    st.tuples(
        st.just("create"),
        st.integers(1, 6),
        st.sampled_from(["FILL_OR_KILL", "FILL_ALL", "FILL_ALL_AVAILABLE"]),
    ),
    st.tuples(st.just("advance"), st.sampled_from([30, 70, 130, 200, 90_000]), st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 5), st.none()),
    st.tuples(st.just("go on"), st.integers(0, 5), st.none()),
    st.tuples(st.just("lose"), st.integers(0, 5), st.none()),
    st.tuples(st.just("more"), st.integers(1, 4), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_no_unit_appears_or_disappears(steps: list[tuple[str, int, str | None]]) -> None:
    seller = Seller()
    seller.set_fba_stock({"TS-01": 10})
    all_units = 10

    for number, (step, value, policy) in enumerate(steps):
        orders = seller.fulfilment_orders
        seller.access_token = ""
        match step:
            case "create":
                create_new(seller, f"SHOP-{number}", quantity=value, configuration={"policy": policy})
            case "advance":
                seller.advance(value)
            case "cancel" if value < len(orders):
                seller.call("PUT", f"{NEW}/orders/{orders[value].order_id}/cancel")
            case "go on" if value < len(orders):
                seller.change_fulfilment(orders[value].order_id, go_on=True)
            case "lose" if value < len(orders) and not is_picked(seller, orders[value]):
                seller.change_fulfilment(orders[value].order_id, lost={"1": 1})
            case "more":
                all_units += value
                seller.set_fba_stock({"TS-01": stock(seller) + value})

        lines = [order.lines[0] for order in seller.fulfilment_orders]
        picked_and_not_found = sum(
            1 for order in seller.fulfilment_orders if order.lines[0].lost and is_picked(seller, order)
        )
        held = sum(line.reserved + line.shipped for line in lines)
        assert stock(seller) + held + picked_and_not_found == all_units
        assert all(line.missing >= 0 and line.reserved >= 0 for line in lines)
        moments = [[at for at, _, _ in order.history] for order in seller.fulfilment_orders]
        assert all(each == sorted(each) for each in moments)
        assert all(order.is_open or not order.lines[0].missing for order in seller.fulfilment_orders)


def test_nothing_ever_happens_in_the_past(seller: Seller) -> None:
    seller.set(new_fulfilments_stuck_in="RECEIVED")
    create_new(seller, "SHOP-1")
    create_new(seller, "SHOP-2", configuration={"action": "HOLD"})
    seller.advance(3000)
    moment = seller.world.now()

    for order_id in ("SHOP-1", "SHOP-2"):
        seller.change_fulfilment(order_id, stuck_in="")
    seller.call("PUT", f"{NEW}/orders/SHOP-2", body={"fulfillmentConfiguration": {"action": "SHIP"}})
    seller.set(fulfilment_received_s=0, fulfilment_planning_s=0, fulfilment_processing_s=0)
    seller.advance(1)

    orders = seller.fulfilment_orders
    later = [[at for at, status, _ in order.history if status not in ("NEW", "RECEIVED")] for order in orders]
    assert [order.status for order in orders] == ["COMPLETE", "COMPLETE"]
    assert all(at >= moment for moments in later for at in moments)
    assert all(order.shipments[0].ships_at >= moment for order in orders)
    since = {"updatedAfter": moment.isoformat().replace("+00:00", "Z")}
    assert len(seller.call("GET", f"{NEW}/orders", since).json()["orders"]) == 2


def test_taking_the_next_step_does_not_change_when_the_last_one_was(seller: Seller) -> None:
    create_new(seller)
    seller.advance(30)
    seller.change_fulfilment("SHOP-1", go_on=True)

    moments = [at for at, _, _ in seller.fulfilment_order("SHOP-1").history]

    assert moments == sorted(moments)
    assert moments[0] == moments[1]
    assert 30 <= (moments[2] - moments[1]).total_seconds() < 40
