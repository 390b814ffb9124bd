"""How far Amazon is with shop orders: parcels, tracking and ends, told to the shop once and in time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import FulfillmentStage

NEWER, OLDER = "2026-07-04", "2020-07-01"


@pytest.fixture(params=[NEWER, OLDER])
def version(request: Any, amazon: Simulator) -> str:
    """Both versions tell the same story."""
    amazon.set_outbound_versions(request.param)
    return str(request.param)


@pytest.fixture
def shop(stage: Stage) -> FulfillmentStage:
    shop = FulfillmentStage(stage)
    shop.keep("TS-01", units=20)
    return shop


def handed(shop: FulfillmentStage, lines: dict[str, int] | None = None) -> Any:
    """A paid order that Amazon has taken."""
    order = shop.order(lines or {"TS-01": 2})
    shop.hand_over_all()
    assert shop.fulfillment(order).state == "handed"
    return order


def world(shop: FulfillmentStage, order: Any) -> dict[str, Any]:
    """What the shop, our books and the human's list say of an order."""
    found, fresh = shop.fulfillment(order), shop.fresh(order)
    return {
        "state": found.state,
        "reason": found.reason,
        "lines": {line.line_id: (line.quantity, line.shipped, line.returned) for line in found.lines.all()},
        "shop": {
            line.code: (line.shipped, line.fulfilled_by if line.shipped < line.quantity else "")
            for line in fresh.lines.all()
        },
        "parcels": [
            (bool(parcel.tracking_number), {item.line.code: item.quantity for item in parcel.items.all()})
            for parcel in fresh.parcels.all()
        ],
        "delivery": fresh.delivery_status,
        "troubles": shop.troubles(),
    }


def parcels(shop: FulfillmentStage, order: Any) -> list[Any]:
    return list(shop.fresh(order).parcels.all())


def follow_until(shop: FulfillmentStage, *, minutes: float) -> None:
    """Time passes, and Amazon is asked whenever that is due."""
    end = shop.now + timedelta(minutes=minutes)
    while True:
        moment = next_look(shop)
        if moment is None or moment > end:
            break
        shop.amazon.advance(max(0.0, (moment - shop.now).total_seconds()))
        shop.follow()
    shop.amazon.advance(max(0.0, (end - shop.now).total_seconds()))


def next_look(shop: FulfillmentStage) -> datetime | None:
    from kogge.engine.models import Due

    rows = Due.objects.filter(operation="follow_fulfillment", subject=shop.connection.pk)
    due: datetime | None = rows.values_list("due_at", flat=True).first()
    return due


def test_an_order_is_received_picked_shipped_and_delivered(shop: FulfillmentStage, version: str) -> None:
    order = handed(shop)
    assert shop.fulfillment(order).version == version

    follow_until(shop, minutes=16)

    assert world(shop, order) == {
        "state": "done",
        "reason": "",
        "lines": {"1": (2, 2, 0)},
        "shop": {"TS-01": (2, "")},
        "parcels": [(True, {"TS-01": 2})],
        "delivery": "shipped",
        "troubles": set(),
    }
    told = shop.told(order)
    assert told.count("fulfillment_parcel") == 1
    assert told[-1] == "fulfillment_parcel"
    assert shop.stage.stock("TS-01") == (100, 0)

    follow_until(shop, minutes=3 * 24 * 60)

    found = shop.fulfillment(order)
    assert [package.status for package in found.packages.all()] == ["DELIVERED"]
    assert found.look_at is None
    assert len(parcels(shop, order)) == 1


def test_two_packages_are_two_parcels_and_every_unit_counts_once(
    shop: FulfillmentStage, version: str
) -> None:
    order = handed(shop, {"TS-01": 12})

    follow_until(shop, minutes=60)

    assert world(shop, order)["parcels"] == [(True, {"TS-01": 10}), (True, {"TS-01": 2})]
    packages = shop.fulfillment(order).packages.all()
    assert [package.quantities for package in packages] == [{"1": 10}, {"1": 2}]
    assert world(shop, order)["lines"] == {"1": (12, 12, 0)}
    assert len({parcel.tracking_number for parcel in parcels(shop, order)}) == 2


def test_partial_shipments_arrive_as_they_leave(shop: FulfillmentStage, version: str) -> None:
    shop.keep("TS-02", units=5)
    shop.amazon.set(fulfilment_split=True, fulfilment_processing_s=3600)
    order = handed(shop, {"TS-01": 2, "TS-02": 1})

    follow_until(shop, minutes=90)

    first = world(shop, order)
    assert first["state"] == "handed"
    assert first["shop"] == {"TS-01": (2, ""), "TS-02": (0, "amazon")}
    assert first["delivery"] == "partially_shipped"

    follow_until(shop, minutes=120)

    last = world(shop, order)
    assert (last["state"], last["delivery"]) == ("done", "shipped")
    assert last["parcels"] == [(True, {"TS-01": 2}), (True, {"TS-02": 1})]


def test_a_number_that_comes_later_is_waited_for(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set(fulfilment_tracking_delay_s=3600)
    order = handed(shop)

    follow_until(shop, minutes=50)
    assert world(shop, order)["parcels"] == []
    assert world(shop, order)["state"] == "handed"

    follow_until(shop, minutes=45)
    assert world(shop, order)["parcels"] == [(True, {"TS-01": 2})]
    assert world(shop, order)["state"] == "done"


def test_a_parcel_without_a_number_for_two_hours_is_told_and_corrected_later(
    shop: FulfillmentStage, version: str
) -> None:
    shop.amazon.set(fulfilment_tracking_delay_s=5 * 3600)
    order = handed(shop)

    follow_until(shop, minutes=160)
    assert world(shop, order)["parcels"] == [(False, {"TS-01": 2})]

    follow_until(shop, minutes=220)
    after = world(shop, order)
    assert after["parcels"] == [(True, {"TS-01": 2})]
    assert after["lines"] == {"1": (2, 2, 0)}


def test_tracking_that_amazon_corrects_is_corrected(shop: FulfillmentStage, version: str) -> None:
    order = handed(shop)
    follow_until(shop, minutes=20)
    parcel = shop.at_amazon(order).shipments[0].parcels[0]

    parcel.tracking_number, parcel.carrier = "00340434161090000001", "DHL"
    follow_until(shop, minutes=7 * 60)

    (kept,) = parcels(shop, order)
    assert (kept.carrier, kept.tracking_number) == ("DHL", "00340434161090000001")
    assert world(shop, order)["lines"] == {"1": (2, 2, 0)}


def test_amazons_own_fleet_has_a_name_customers_know(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set(fulfilment_carriers=("AMZN_DE",))
    order = handed(shop)

    follow_until(shop, minutes=20)

    assert [parcel.carrier for parcel in parcels(shop, order)] == ["Amazon Logistics"]


@pytest.mark.parametrize("seed", range(4))
def test_tracking_is_in_the_shop_within_half_an_hour(shop: FulfillmentStage, seed: int) -> None:
    rng = random.Random(seed)
    shop.amazon.set(
        fulfilment_processing_s=rng.uniform(60, 20 * 3600),
        fulfilment_tracking_delay_s=rng.choice([0, rng.uniform(0, 4 * 3600)]),
    )
    order = handed(shop)

    while not any(parcel.tracking_number for parcel in parcels(shop, order)):
        moment = next_look(shop)
        assert moment is not None
        assert shop.now < shop.fulfillment(order).accepted_at + timedelta(days=2)
        shop.amazon.advance(max(1.0, (moment - shop.now).total_seconds()))
        shop.follow()

    known_at = shop.at_amazon(order).shipments[0].parcels[0].tracked_from
    assert timedelta(0) <= shop.now - known_at <= timedelta(minutes=30)


@pytest.mark.parametrize(
    ("fate", "state", "reason"),
    [("UNFULFILLABLE", "returned", "unfulfillable"), ("INVALID", "returned", "invalid")],
)
def test_what_amazon_does_not_ship_returns(
    shop: FulfillmentStage, version: str, fate: str, state: str, reason: str
) -> None:
    shop.amazon.set(new_fulfilments_fate=fate)
    order = handed(shop)
    assert shop.stage.stock("TS-01") == (100, 0)

    follow_until(shop, minutes=20)

    assert world(shop, order) == {
        "state": state,
        "reason": reason,
        "lines": {"1": (2, 0, 2)},
        "shop": {"TS-01": (0, "")},
        "parcels": [],
        "delivery": "open",
        "troubles": {"fulfillment_returned"},
    }
    assert shop.stage.stock("TS-01") == (98, 0)
    assert shop.fulfillment(order).look_at is None
    assert shop.told(order)[-1] == "fulfillment_returned"


def test_the_shop_is_locked_before_our_rows(shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everybody does: else a click of the merchant's and a look at Amazon could block each other."""
    from kogge.amazon.fba import following
    from kogge.backoffice.builtin_shop import BuiltinShop

    calls: list[str] = []
    for module, name in ((BuiltinShop, "take_back"), (following, "_lock")):
        real = getattr(module, name)

        def noting(*args: Any, name: str = name, real: Any = real, **more: Any) -> Any:
            calls.append(name)
            return real(*args, **more)

        monkeypatch.setattr(module, name, noting)
    shop.amazon.set(new_fulfilments_fate="UNFULFILLABLE")
    order = handed(shop)
    calls.clear()
    shop.follow(minutes=20)

    assert world(shop, order)["state"] == "returned"
    assert calls[:2] == ["take_back", "_lock"]


def test_the_rest_of_what_amazon_ships_in_part_returns(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set(new_fulfilments_fate="PARTIAL")
    order = handed(shop, {"TS-01": 3})

    follow_until(shop, minutes=20)

    assert world(shop, order) == {
        "state": "partial",
        "reason": "partial",
        "lines": {"1": (3, 2, 1)},
        "shop": {"TS-01": (2, "")},
        "parcels": [(True, {"TS-01": 2})],
        "delivery": "partially_shipped",
        "troubles": {"fulfillment_returned"},
    }
    assert shop.stage.stock("TS-01") == (99, 0)


def test_an_order_cancelled_in_seller_central_returns(shop: FulfillmentStage, version: str) -> None:
    order = handed(shop)
    cancel_at_amazon(shop, order)

    follow_until(shop, minutes=5)

    after = world(shop, order)
    assert (after["state"], after["reason"]) == ("cancelled", "cancelled_by_amazon")
    assert after["troubles"] == {"fulfillment_returned"}
    assert shop.stage.stock("TS-01") == (98, 0)


def cancel_at_amazon(shop: FulfillmentStage, order: Any) -> None:
    from kogge.simulator import fulfilment

    with shop.amazon.world.lock:
        fulfilment.cancel(shop.amazon.world, shop.at_amazon(order))


# --- what the merchant wished --------------------------------------------------------------------


def wish(shop: FulfillmentStage, order: Any, word: str, reason: str = "") -> None:
    from kogge.amazon.fba import wishes

    wishes.ask_to_cancel(shop.fulfillment(order), word, reason=reason, by="anna@example.org", now=shop.now)
    shop.hand_over()


def test_the_merchant_gets_back_what_amazon_cancels(shop: FulfillmentStage, version: str) -> None:
    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    order = handed(shop)
    wish(shop, order, "ship_self")

    shop.follow()

    after = world(shop, order)
    assert (after["state"], after["reason"], after["troubles"]) == ("cancelled", "by_merchant", set())
    assert after["shop"] == {"TS-01": (0, "")}
    assert shop.told(order)[-1] == "fulfillment_cancelled"
    assert shop.stage.stock("TS-01") == (98, 0)


def test_the_shop_order_is_cancelled_once_amazon_let_go(shop: FulfillmentStage) -> None:
    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    order = handed(shop)
    wish(shop, order, "cancel_order", "buyer_cancelled")
    assert shop.fresh(order).status != "cancelled"

    shop.follow()

    assert shop.fresh(order).status == "cancelled"
    assert world(shop, order)["state"] == "cancelled"
    assert shop.troubles() == set()
    assert shop.stage.stock("TS-01") == (100, 0)


def test_resending_is_a_new_attempt_with_a_new_window(shop: FulfillmentStage) -> None:
    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    order = handed(shop)
    first = shop.fulfillment(order)
    wish(shop, order, "resend")

    shop.follow()

    second = shop.fulfillment(order)
    assert (first.attempt, second.attempt, second.state) == (1, 2, "planned")
    assert second.hand_over_at > shop.now
    first.refresh_from_db()
    assert first.state == "cancelled"

    shop.amazon.set(new_fulfilments_stuck_in="")
    shop.hand_over()
    shop.hand_over(minutes=6)
    follow_until(shop, minutes=20)
    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == set()


def test_a_wish_that_comes_too_late_is_told(shop: FulfillmentStage) -> None:
    shop.amazon.set(fulfilment_cancels_lost=True)
    order = handed(shop)
    wish(shop, order, "ship_self")

    follow_until(shop, minutes=30)

    after = world(shop, order)
    assert (after["state"], after["shop"]) == ("done", {"TS-01": (2, "")})
    assert after["troubles"] == {"fulfillment_cancel_refused"}
    assert shop.fulfillment(order).wish == ""


# --- alarms --------------------------------------------------------------------------------------


def test_an_order_that_hangs_is_told_after_a_day_and_closes_by_itself(
    shop: FulfillmentStage, version: str
) -> None:
    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    order = handed(shop)

    follow_until(shop, minutes=23 * 60)
    assert "fulfillment_stuck" not in shop.troubles()
    follow_until(shop, minutes=2 * 60)
    assert shop.troubles() >= {"fulfillment_stuck", "fulfillment_late"}

    shop.amazon.change_fulfilment(shop.fulfillment(order).order_id, go_on=True)
    follow_until(shop, minutes=60)
    assert shop.troubles() == set()
    assert world(shop, order)["state"] == "done"


def test_an_alarm_that_was_closed_stays_closed(shop: FulfillmentStage) -> None:
    from kogge.amazon.journal.models import Trouble

    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    handed(shop)
    follow_until(shop, minutes=26 * 60)
    Trouble.objects.of(shop.merchant).update(closed_at=shop.now, closed_by="anna@example.org")

    follow_until(shop, minutes=2 * 60)

    assert shop.troubles() == set()


def test_a_parcel_that_is_lost_on_its_way_is_told(shop: FulfillmentStage, version: str) -> None:
    order = handed(shop)
    follow_until(shop, minutes=20)

    shop.amazon.change_fulfilment(shop.fulfillment(order).order_id, mishap="UNDELIVERABLE")
    follow_until(shop, minutes=7 * 60)

    assert shop.troubles() == {"fulfillment_parcel_lost"}
    assert shop.fulfillment(order).look_at is None


# --- answers that are odd ------------------------------------------------------------------------


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`says(change)`: Amazon's answers about orders are changed on their way."""
    from kogge.spapi import fulfillment_outbound

    real = fulfillment_outbound.get

    def says(change: Any) -> None:
        def get(client: Any, version: str, order_id: str) -> Any:
            return change(real(client, version, order_id))

        monkeypatch.setattr(fulfillment_outbound, "get", get)

    return says


def test_another_country_is_told(shop: FulfillmentStage, says: Any) -> None:
    from dataclasses import replace

    handed(shop)
    says(lambda told: replace(told, country="GB"))

    shop.follow(minutes=2)

    assert shop.troubles() == {"fulfillment_wrong_country"}


def test_an_unknown_status_stays_open_and_is_never_guessed(shop: FulfillmentStage, says: Any) -> None:
    from dataclasses import replace

    order = handed(shop)
    says(lambda told: replace(told, status="ABDUCTED", shipments=()))
    follow_until(shop, minutes=60)

    assert world(shop, order)["state"] == "handed"
    assert shop.troubles() == {"fulfillment_unknown_status"}

    says(lambda told: told)
    follow_until(shop, minutes=30)
    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == set()


def test_complete_without_parcels_is_never_given_back(shop: FulfillmentStage, says: Any) -> None:
    from dataclasses import replace

    order = handed(shop)
    says(lambda told: replace(told, shipments=()))

    follow_until(shop, minutes=60)
    assert world(shop, order)["state"] == "handed"

    follow_until(shop, minutes=120)
    after = world(shop, order)
    assert (after["state"], after["lines"]) == ("done", {"1": (2, 2, 0)})
    assert after["parcels"] == [(False, {"TS-01": 2})]
    assert after["troubles"] == {"fulfillment_unclear"}

    says(lambda told: told)  # the parcel shows up after all: its units are not counted again
    follow_until(shop, minutes=60)
    assert world(shop, order)["lines"] == {"1": (2, 2, 0)}
    assert world(shop, order)["parcels"] == [(False, {"TS-01": 2}), (True, {})]


def partly(told: Any, *, rest: str) -> Any:
    """Amazon calls it complete in part, one unit has left, and the shipment of the other is still `rest`."""
    from dataclasses import replace

    [shipment] = told.shipments
    one = tuple(replace(item, quantity=1) for item in shipment.items)
    package = replace(shipment.packages[0], items=one)
    gone = replace(shipment, items=one, packages=(package,))
    return replace(
        told,
        status="COMPLETE_PARTIAL",
        shipments=(gone, replace(gone, shipment_id="later", status=rest, packages=())),
    )


def test_what_may_still_leave_is_not_given_back(shop: FulfillmentStage, says: Any) -> None:
    order = handed(shop)
    says(lambda told: partly(told, rest="PROCESSING") if told.shipments else told)

    follow_until(shop, minutes=3 * 60)
    assert world(shop, order)["state"] == "handed"
    assert world(shop, order)["shop"] == {"TS-01": (1, "amazon")}
    assert shop.troubles() == set()
    follow_until(shop, minutes=24 * 60)
    assert shop.troubles() == {"fulfillment_stuck"}

    says(lambda told: partly(told, rest="SHIPPED"))
    follow_until(shop, minutes=4 * 60)
    after = world(shop, order)
    assert (after["state"], after["lines"], after["troubles"]) == ("done", {"1": (2, 2, 0)}, set())


def test_what_will_not_leave_is_given_back(shop: FulfillmentStage, says: Any) -> None:
    order = handed(shop)
    says(lambda told: partly(told, rest="CANCELLED") if told.shipments else told)

    follow_until(shop, minutes=60)

    after = world(shop, order)
    assert (after["state"], after["lines"]) == ("partial", {"1": (2, 1, 1)})
    assert after["shop"] == {"TS-01": (1, "")}
    assert after["troubles"] == {"fulfillment_returned"}


def test_a_unit_that_leaves_after_it_was_given_back_is_told(shop: FulfillmentStage, says: Any) -> None:
    order = handed(shop)
    says(lambda told: partly(told, rest="CANCELLED") if told.shipments else told)
    follow_until(shop, minutes=60)

    says(lambda told: partly(told, rest="SHIPPED"))
    follow_until(shop, minutes=7 * 60)

    assert world(shop, order)["lines"] == {"1": (2, 1, 1)}
    assert world(shop, order)["troubles"] == {"fulfillment_returned", "fulfillment_unclear"}


@pytest.mark.parametrize("odd", [{"quantity": 3}, {"line_id": "77"}], ids=["more", "never ordered"])
def test_units_that_were_not_ordered_are_told(shop: FulfillmentStage, says: Any, odd: dict[str, Any]) -> None:
    from dataclasses import replace

    def more(told: Any) -> Any:
        shipments = tuple(
            replace(
                each,
                items=(*each.items, replace(each.items[0], **odd)),
                packages=tuple(replace(package, items=()) for package in each.packages),
            )
            for each in told.shipments
        )
        return replace(told, shipments=shipments)

    order = handed(shop)
    says(more)
    follow_until(shop, minutes=60)

    assert world(shop, order)["lines"] == {"1": (2, 2, 0)}
    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == {"fulfillment_unclear"}


def test_a_shipment_that_names_its_packages_later_is_one_parcel(shop: FulfillmentStage, says: Any) -> None:
    from dataclasses import replace

    def nameless(told: Any) -> Any:
        return replace(told, shipments=tuple(replace(each, packages=()) for each in told.shipments))

    order = handed(shop)
    says(nameless)
    follow_until(shop, minutes=150)
    assert world(shop, order)["parcels"] == [(False, {"TS-01": 2})]

    says(lambda told: told)
    follow_until(shop, minutes=60)
    assert world(shop, order)["parcels"] == [(True, {"TS-01": 2})]


def test_packages_that_do_not_say_what_is_in_them(shop: FulfillmentStage, says: Any) -> None:
    from dataclasses import replace

    def silent(told: Any) -> Any:
        return replace(
            told,
            shipments=tuple(
                replace(each, packages=tuple(replace(package, items=()) for package in each.packages))
                for each in told.shipments
            ),
        )

    order = handed(shop, {"TS-01": 12})
    says(silent)
    follow_until(shop, minutes=30)

    assert world(shop, order)["parcels"] == [(True, {"TS-01": 12}), (True, {})]
    assert world(shop, order)["delivery"] == "shipped"


def test_an_order_amazon_does_not_find_is_not_created_again(shop: FulfillmentStage, version: str) -> None:
    order = handed(shop)
    known = shop.amazon.world.demo.fulfilment_orders
    kept = known.pop(shop.fulfillment(order).order_id)

    follow_until(shop, minutes=50)
    assert shop.troubles() == set()
    follow_until(shop, minutes=60)

    assert world(shop, order)["state"] == "handed"
    assert shop.troubles() == {"fulfillment_missing"}
    assert known == {}

    known[kept.order_id] = kept
    follow_until(shop, minutes=60)
    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == set()


def test_one_sick_order_never_blocks_the_others(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.spapi import fulfillment_outbound
    from kogge.spapi.errors import TryLater

    sick, healthy = shop.order({"TS-01": 1}), shop.order({"TS-01": 1})
    shop.hand_over_all()
    its_id, real = shop.fulfillment(sick).order_id, fulfillment_outbound.get

    def get(client: Any, version: str, order_id: str) -> Any:
        if order_id == its_id:
            raise TryLater("the answer is incomplete or unreadable", operation="getFulfillmentOrder")
        return real(client, version, order_id)

    monkeypatch.setattr(fulfillment_outbound, "get", get)
    follow_until(shop, minutes=60)

    assert world(shop, healthy)["state"] == "done"
    assert world(shop, sick)["state"] == "handed"
    assert shop.fulfillment(sick).last_error != ""

    follow_until(shop, minutes=25 * 60)
    assert shop.troubles() == {"fulfillment_unreadable"}


def test_bad_json_for_an_order_is_read_again(shop: FulfillmentStage) -> None:
    order = handed(shop)
    shop.amazon.fault("getOrder", "bad-json", times=2)

    follow_until(shop, minutes=30)

    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == set()


def test_a_worker_that_dies_between_shop_and_books_tells_the_parcel_once(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.amazon.fba import alarms

    order = handed(shop)
    shop.amazon.advance(1200)

    def die(*_args: Any, **_more: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(alarms, "judge", die)
        with pytest.raises(MemoryError):
            shop.follow()
    release_lease(shop)
    assert world(shop, order)["parcels"] == []

    shop.follow()
    assert world(shop, order)["parcels"] == [(True, {"TS-01": 2})]


def test_a_parcel_the_shop_has_already_is_counted_in_our_books(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop with a database of its own keeps the parcel when our transaction is lost."""
    from kogge.backoffice.builtin_shop import BuiltinShop

    order, told = handed(shop), []
    real = BuiltinShop.record_parcel

    def twice(self: Any, order_id: str, parcel: Any, by: str, *, now: datetime) -> bool:
        real(self, order_id, parcel, by, now=now)
        told.append(real(self, order_id, parcel, by, now=now))
        return bool(told[-1])

    monkeypatch.setattr(BuiltinShop, "record_parcel", twice)
    follow_until(shop, minutes=20)

    assert told == [False]
    assert world(shop, order)["lines"] == {"1": (2, 2, 0)}
    assert world(shop, order)["parcels"] == [(True, {"TS-01": 2})]
    assert world(shop, order)["state"] == "done"


def release_lease(shop: FulfillmentStage) -> None:
    from kogge.engine.models import Due

    Due.objects.filter(operation="follow_fulfillment").update(leased_until=None, leased_by="")


def test_a_change_meanwhile_is_not_overwritten(shop: FulfillmentStage, says: Any) -> None:
    from kogge.amazon.fba import wishes

    shop.amazon.set(new_fulfilments_stuck_in="PLANNING")
    order = handed(shop)
    asked: list[Any] = []

    def meddle(told: Any) -> Any:
        if not asked:
            asked.append(told)
            wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna@example.org", now=shop.now)
        return told

    says(meddle)
    shop.follow(minutes=2)
    assert shop.fulfillment(order).wish == "ship_self"

    shop.hand_over()
    follow_until(shop, minutes=5)
    assert world(shop, order)["state"] == "cancelled"


def test_a_shop_that_refuses_a_parcel_asks_a_human(
    shop: FulfillmentStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kogge.backoffice.builtin_shop import BuiltinShop
    from kogge.shops.port import ShopRefuses

    def refuse(*_args: Any, **_more: Any) -> bool:
        raise ShopRefuses("Diese Bestellung gibt es im Shop nicht mehr.")

    order = handed(shop)
    with monkeypatch.context() as patch:
        patch.setattr(BuiltinShop, "record_parcel", refuse)
        follow_until(shop, minutes=30)
    assert shop.troubles() == {"fulfillment_shop_refuses"}
    assert world(shop, order)["state"] == "handed"

    follow_until(shop, minutes=7 * 60)
    assert world(shop, order)["state"] == "done"
    assert shop.troubles() == set()


def test_what_amazon_ships_for_the_shop_is_never_taken_in_as_an_order(shop: FulfillmentStage) -> None:
    order = handed(shop)
    follow_until(shop, minutes=20)
    shop.stage.settle()

    shop.stage.check()
    shop.stage.run("check_fba_orders")

    echoes = [one for one in shop.amazon.orders if one.order_id.startswith("S02-")]
    assert len(echoes) == 1
    assert shop.stage.amazon_orders() == {}
    assert shop.stage.shop_orders() == {}
    assert len(parcels(shop, order)) == 1
