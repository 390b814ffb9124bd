"""What lies in Amazon's warehouses: read, kept, and counted for what may be promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import stock
from kogge.amazon.fba.models import FbaStock, FulfillmentLine, FulfillmentOrder, FulfillmentSettings
from kogge.amazon.journal.models import Trouble
from kogge.engine.models import Due
from kogge.engine.work import Outcome
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator
from kogge.spapi import fba_inventory_v1
from kogge.spapi.errors import Throttled
from tests.amazon.account import DE, amazon, connection, run, work_on

__all__ = ["amazon", "connection"]


@dataclass
class Warehouse:
    """Amazon's warehouse and what Kogge's books say of it."""

    amazon: Simulator
    merchant: Merchant
    connection: Connection

    @property
    def now(self) -> datetime:
        return self.amazon.world.now()

    def fill(self, **units: int) -> None:
        self.amazon.set_fba_stock({sku.replace("_", "-"): count for sku, count in units.items()})

    def read(self) -> Outcome:
        return run(stock.read_fba_stock, "read_fba_stock", self.connection.pk, self.amazon.world.now)

    def offer(self, product_id: str = "1", **values: Any) -> Offer:
        given = {"fba": True, "fba_sku": "TEE-FBA"} | values
        return Offer.objects.everyone().create(merchant=self.merchant, product_id=product_id, **given)

    def books(self) -> dict[str, int | None]:
        rows = FbaStock.objects.of(self.merchant)
        return dict(rows.order_by("sku").values_list("sku", "fulfillable"))

    @property
    def settings(self) -> FulfillmentSettings:
        return FulfillmentSettings.objects.of(self.merchant).get()

    def free(self, product_id: str = "1") -> int | None:
        return stock.shelves(self.merchant.pk, [product_id])[product_id].free

    def order(self, state: str, quantity: int, *, accepted_at: datetime | None = None, **line: Any) -> None:
        number = FulfillmentOrder.objects.of(self.merchant).count() + 1
        order = FulfillmentOrder.objects.everyone().create(
            merchant=self.merchant,
            connection=self.connection,
            shop_order_id=str(number),
            shop_number=f"100{number}",
            attempt=1,
            order_id=f"KAAAAAAA-100{number}-1",
            origin=DE,
            speed="STANDARD",
            state=state,
            created_at=self.now,
            hand_over_at=self.now,
            accepted_at=accepted_at,
        )
        FulfillmentLine.objects.everyone().create(
            fulfillment_order=order,
            line_id="1",
            product_id="1",
            sku="TEE-FBA",
            quantity=quantity,
            **line,
        )

    def troubles(self) -> list[str]:
        rows = Trouble.objects.of(self.merchant).filter(closed_at__isnull=True)
        return sorted(rows.values_list("kind", flat=True))


@pytest.fixture
def warehouse(amazon: Simulator, merchant: Merchant, connection: Connection) -> Warehouse:
    amazon.world.demo.fba_stock.clear()
    amazon.world.demo.listings.clear()
    return Warehouse(amazon, merchant, connection)


def test_the_first_look_takes_all_of_it(warehouse: Warehouse) -> None:
    warehouse.fill(TEE_FBA=31, KANNE_FBA=0)
    warehouse.amazon.set_fba_elsewhere("TEE-FBA", in_transfer=2, inbound_shipped=5, unfulfillable=1)

    outcome = warehouse.read()

    row = FbaStock.objects.of(warehouse.merchant).get(sku="TEE-FBA")
    figures = (row.fulfillable, row.reserved, row.in_transfer, row.inbound, row.unfulfillable, row.total)
    assert figures == (31, 2, 2, 5, 1, 39)
    assert warehouse.books() == {"KANNE-FBA": 0, "TEE-FBA": 31}
    assert outcome.done == 2
    assert warehouse.settings.stock_read_at == warehouse.settings.stock_known_to
    assert warehouse.settings.stock_problem == ""


def test_all_of_it_once_a_day_and_changes_in_between(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=31)
    begin, reads, snapshots = warehouse.now, 0, set()

    while warehouse.now < begin + timedelta(days=3):
        outcome = warehouse.read()
        reads += 1
        snapshots.add(warehouse.settings.stock_read_at)
        assert timedelta(0) < outcome.next_due - warehouse.now <= timedelta(minutes=30)
        warehouse.amazon.advance((outcome.next_due - warehouse.now).total_seconds())

    assert len(snapshots) == 4  # the first look, and three days
    assert 144 <= reads <= 148


def test_changes_are_asked_with_some_overlap(warehouse: Warehouse, monkeypatch: Any) -> None:
    monkeypatch.setattr(stock, "share_of", lambda *_whose: timedelta(0))  # all of it at midnight
    warehouse.offer()
    warehouse.fill(TEE_FBA=31)
    warehouse.read()
    known_to = warehouse.settings.stock_known_to
    real, asked = fba_inventory_v1.all_stock, []

    def all_stock(*args: Any, changed_since: datetime | None, **more: Any) -> Any:
        asked.append(changed_since)
        return real(*args, changed_since=changed_since, **more)

    monkeypatch.setattr(fba_inventory_v1, "all_stock", all_stock)
    warehouse.amazon.advance(1800)
    warehouse.read()

    assert known_to is not None
    assert asked == [known_to - stock.OVERLAP]


def test_a_merchant_without_anything_there_is_asked_for_once_a_day(warehouse: Warehouse) -> None:
    outcome = warehouse.read()

    assert warehouse.settings.stock_problem == "refused"  # Amazon's way of saying "nothing"
    assert warehouse.troubles() == []
    assert timedelta(minutes=30) < outcome.next_due - warehouse.now <= timedelta(days=1)


def test_what_is_missing_from_all_of_it_is_gone(warehouse: Warehouse) -> None:
    warehouse.fill(TEE_FBA=31, KANNE_FBA=3)
    warehouse.read()
    del warehouse.amazon.world.demo.fba_stock["TEE-FBA"]

    warehouse.amazon.advance(86_400)
    warehouse.read()

    assert warehouse.books() == {"KANNE-FBA": 3, "TEE-FBA": 0}


def test_what_is_missing_among_changes_is_not(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=31, KANNE_FBA=3)
    warehouse.read()

    warehouse.amazon.advance(1200)
    warehouse.fill(KANNE_FBA=2)
    warehouse.read()

    assert warehouse.books() == {"KANNE-FBA": 2, "TEE-FBA": 31}


def test_a_refusal_is_no_proof_of_zero(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=31)
    warehouse.read()
    kept = dict(warehouse.amazon.world.demo.fba_stock)
    warehouse.amazon.world.demo.fba_stock.clear()

    warehouse.amazon.advance(1800)
    warehouse.read()

    assert warehouse.books() == {"TEE-FBA": 31}
    assert warehouse.settings.stock_problem == "refused"
    assert warehouse.troubles() == ["fba_stock_refused"]

    warehouse.amazon.world.demo.fba_stock.update(kept)
    warehouse.amazon.advance(1800)
    warehouse.read()

    assert warehouse.settings.stock_problem == ""
    assert warehouse.troubles() == []


def test_a_denial_concerns_only_who_ships_with_amazon(warehouse: Warehouse) -> None:
    warehouse.amazon.fault("getInventorySummaries", "403-denied", times=None)

    quiet = warehouse.read()

    assert (quiet.error, warehouse.troubles()) == ("", [])
    assert quiet.next_due - warehouse.now > timedelta(hours=23)
    assert warehouse.settings.stock_problem == "denied"

    warehouse.offer()
    warehouse.amazon.advance(60)
    loud = warehouse.read()

    assert loud.error
    assert warehouse.troubles() == ["settings"]
    warehouse.connection.refresh_from_db()
    assert warehouse.connection.state == Connection.State.ACTIVE

    warehouse.amazon.clear_faults()
    warehouse.amazon.advance(60)
    warehouse.fill(TEE_FBA=31)
    warehouse.read()

    assert warehouse.troubles() == []
    assert warehouse.free() == 31


def test_many_pages_wait_for_amazons_limits_without_sleeping(warehouse: Warehouse) -> None:
    warehouse.fill(**{f"SKU_{number:03d}": number for number in range(240)})
    work = work_on("read_fba_stock", warehouse.connection.pk, warehouse.amazon.world.now)
    patient = type(work)(work.operation, work.subject, work.clock, work.lease, warehouse.amazon.advance)

    outcome = stock.read_fba_stock(patient)

    assert outcome.done == 240
    assert len(warehouse.books()) == 240
    assert warehouse.amazon.violations == []


def test_who_may_not_wait_comes_back(warehouse: Warehouse) -> None:
    warehouse.fill(**{f"SKU_{number:03d}": number for number in range(240)})

    outcome = warehouse.read()

    assert (outcome.waiting, outcome.error) == (True, "")
    assert warehouse.books() == {}


def test_figures_amazon_leaves_out_are_none(warehouse: Warehouse) -> None:
    warehouse.offer()
    with transaction.atomic():
        stock.store_stock(
            warehouse.connection, [fba_inventory_v1.FbaStock("TEE-FBA")], ["TEE-FBA"], now=warehouse.now
        )

    assert warehouse.books() == {"TEE-FBA": None}
    assert warehouse.free() is None


def test_what_cannot_be_stored_hinders_nothing(warehouse: Warehouse) -> None:
    odd = [
        fba_inventory_v1.FbaStock("X" * 51, fulfillable=1),
        fba_inventory_v1.FbaStock("TEE-FBA", asin="B" * 30, condition="\x00", fulfillable=-4, total=2**40),
    ]
    with transaction.atomic():
        stock.store_stock(warehouse.connection, odd, [], now=warehouse.now)

    assert warehouse.books() == {"TEE-FBA": None}


def test_an_older_answer_does_not_overwrite_a_newer_one(warehouse: Warehouse) -> None:
    before = warehouse.now
    newer, older = (fba_inventory_v1.FbaStock("TEE-FBA", fulfillable=units) for units in (3, 9))
    with transaction.atomic():
        stock.store_stock(warehouse.connection, [newer], [], now=before + timedelta(seconds=5))
        stock.store_stock(warehouse.connection, [older], ["TEE-FBA"], now=before)
        stock.store_stock(warehouse.connection, [], ["TEE-FBA"], now=before)

    assert warehouse.books() == {"TEE-FBA": 3}


def test_looking_now_asks_for_the_named_ones_only(warehouse: Warehouse) -> None:
    warehouse.fill(TEE_FBA=31, KANNE_FBA=3)

    found = stock.look_up(
        warehouse.connection, ["TEE-FBA", "", "UNBEKANNT"], clock=warehouse.amazon.world.now
    )

    assert list(found) == ["TEE-FBA"]
    assert warehouse.books() == {"TEE-FBA": 31, "UNBEKANNT": 0}
    assert warehouse.amazon.calls["getInventorySummaries"] == 1


def test_looking_now_says_when_it_has_to_wait(warehouse: Warehouse) -> None:
    warehouse.fill(TEE_FBA=31)
    clock = warehouse.amazon.world.now
    warehouse.amazon.fault("getInventorySummaries", "429", times=None)

    with pytest.raises(Throttled):
        stock.look_up(warehouse.connection, ["TEE-FBA"], clock=clock)


def test_other_warehouses_are_read_anew(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=31)
    warehouse.read()

    with transaction.atomic():
        stock.read_anew(warehouse.connection, now=warehouse.now)

    assert warehouse.free() is None
    assert Due.objects.get(operation="read_fba_stock").due_at <= warehouse.now
    warehouse.amazon.advance(60)
    warehouse.read()
    assert warehouse.free() == 31


def test_free_is_what_amazon_has_less_what_it_does_not_know_yet(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=31)
    warehouse.read()
    read_at = FbaStock.objects.of(warehouse.merchant).get().read_at

    warehouse.order("planned", 2)
    warehouse.order("sending", 3)
    warehouse.order("handed", 4, accepted_at=read_at + timedelta(seconds=1))
    warehouse.order("handed", 5, accepted_at=read_at - timedelta(seconds=1))  # Amazon's figure knows it
    warehouse.order("done", 1, accepted_at=read_at + timedelta(seconds=1), shipped=1)
    warehouse.order("stopped", 7)
    warehouse.order("returned", 8, accepted_at=read_at + timedelta(seconds=1), returned=8)

    assert warehouse.free() == 31 - 2 - 3 - 4 - 1


def test_a_shelf_is_never_less_than_empty(warehouse: Warehouse) -> None:
    warehouse.offer()
    warehouse.fill(TEE_FBA=1)
    warehouse.read()
    warehouse.order("planned", 2)

    assert warehouse.free() == 0


def test_a_sku_that_was_never_read_is_unknown_and_one_that_is_missing_is_none(warehouse: Warehouse) -> None:
    warehouse.offer()
    assert warehouse.free() is None

    warehouse.fill(KANNE_FBA=3)
    warehouse.read()
    assert warehouse.free() == 0


def test_only_ticked_products_of_standing_connections_have_a_shelf(warehouse: Warehouse) -> None:
    warehouse.offer("1")
    warehouse.offer("2", fba=False, fba_sku="")
    warehouse.offer("3", enabled=False, fba_sku="KANNE-FBA")
    warehouse.fill(TEE_FBA=31)
    warehouse.read()

    shelf = stock.shelves(warehouse.merchant.pk, ["1", "2", "3", "4"])
    assert {key: (place.sku, place.free) for key, place in shelf.items()} == {"1": ("TEE-FBA", 31)}

    Connection.objects.everyone().update(state="paused")
    assert stock.shelves(warehouse.merchant.pk, ["1"]) == {}


def test_shelves_cost_the_same_for_many_products(warehouse: Warehouse) -> None:
    for number in range(40):
        warehouse.offer(str(number), fba_sku=f"SKU-{number:03d}")
    warehouse.fill(**{f"SKU_{number:03d}": 2 for number in range(40)})
    warehouse.read()

    with CaptureQueriesContext(database) as few:
        stock.shelves(warehouse.merchant.pk, ["1"])
    with CaptureQueriesContext(database) as many:
        stock.shelves(warehouse.merchant.pk, [str(number) for number in range(40)])

    assert len(few) == len(many) == 4
