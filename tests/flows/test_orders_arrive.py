"""Orders arrive: each importable one exactly once, paid, to the cent, with few calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.orders.models import AmazonOrder
from kogge.amazon.orders.taking_in import Page
from kogge.backoffice.people import read_people
from kogge.cli import amazon_check
from kogge.engine import due
from tests.flows.conftest import Stage, importable, total


def test_mixed_orders_arrive_once_and_to_the_cent(stage: Stage) -> None:
    bought = stage.buy(250, age_s=300)

    run = stage.check()

    wanted = {order.order_id: order for order in importable(bought)}
    arrived = stage.shop_orders()
    assert run.state == "done"
    assert arrived.keys() == wanted.keys()
    assert {order_id: order.total for order_id, order in arrived.items()} == {
        order_id: total(order) for order_id, order in wanted.items()
    }
    for order in arrived.values():
        assert sum(line.total for line in order.lines.all()) + order.rounding == order.total
        assert order.payment_status == "paid"
    assert run.calls <= 5
    assert run.new == len(wanted)


def test_every_line_is_to_the_cent(stage: Stage) -> None:
    from kogge.simulator.order_document import grand_total

    bought = [
        order
        for kind in ("multi", "net", "discount", "gift", "business", "foreign", "replacement", "unknown_sku")
        for order in stage.buy(5, kind=kind)
    ]

    stage.check()

    arrived = stage.shop_orders()
    for order in bought:
        lines = arrived[order.order_id].lines.all()
        assert {line.external_id: line.total for line in lines} == {
            item.item_id: grand_total(order, [item]) for item in order.items
        }
        assert arrived[order.order_id].rounding == 0


def test_the_buyer_reaches_the_shop_as_amazon_spells_it(stage: Stage) -> None:
    bought = stage.buy(10, kind="nasty")

    stage.check()

    arrived = stage.shop_orders()
    for order in bought:
        people = read_people(arrived[order.order_id])
        assert people.shipping.city == (order.address or {}).get("city", "")
        assert people.email == order.buyer_email


def test_every_imported_order_is_to_be_acknowledged(stage: Stage) -> None:
    bought = stage.buy(100)

    stage.check()

    messages = OrderMessage.objects.of(stage.merchant).filter(kind="acknowledge", state="waiting")
    assert {message.amazon_order_id for message in messages} == {
        order.order_id for order in importable(bought)
    }
    numbers = {order.external_id: str(order.number) for order in stage.shop_orders().values()}
    assert {message.amazon_order_id: message.merchant_order_id for message in messages} == numbers


def test_a_second_check_changes_nothing(stage: Stage) -> None:
    stage.buy(60)
    stage.check()
    before = {order.pk: order.changed_at for order in stage.shop_orders().values()}

    again = stage.check()

    assert (again.new, again.updated, again.failed) == (0, 0, 0)
    assert {order.pk: order.changed_at for order in stage.shop_orders().values()} == before


def test_the_overlap_finds_orders_that_amazon_shows_late(stage: Stage) -> None:
    stage.buy(kind="standard")
    first = stage.check()
    late = stage.amazon.place_order(kind="standard", age_s=240)  # older than the watermark just stored

    stage.amazon.advance(30)
    stage.check()

    assert first.watermark
    assert late.order_id in stage.shop_orders()


def test_a_page_needs_less_than_one_statement_for_each_further_order(stage: Stage) -> None:
    def statements(count: int) -> int:
        stage.buy(count, kind="multi")
        with CaptureQueriesContext(database) as captured:
            stage.check()
        return len(captured)

    statements(3)
    few = statements(10)
    many = statements(90)

    # SQLite takes 999 values in a statement, and stock changes are grouped by amount.
    assert many - few < 90 - 10


def test_an_order_the_database_refuses_does_not_block_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = stage.buy(20, kind="standard")
    poison = bought[7].order_id
    write = Page._write

    def refuse_one(self: Page, changes: Any, sick_rows: Any) -> None:
        if any(change.row.order_id == poison for change in changes):
            raise ValueError("integer out of range")
        write(self, changes, sick_rows)

    monkeypatch.setattr(Page, "_write", refuse_one)

    run = stage.check()

    assert (run.state, run.new, run.failed) == ("done", 19, 1)
    assert stage.shop_orders().keys() == {order.order_id for order in bought} - {poison}
    assert AmazonOrder.objects.of(stage.merchant).get(order_id=poison).intake == "unreadable"


def test_the_command_answers_with_one_document(open_stage: Stage) -> None:
    open_stage.buy(30, kind="standard", age_s=300)

    result = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])

    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(answer) == {
        "run",
        "state",
        "calls",
        "seen",
        "new",
        "updated",
        "failed",
        "checked_at",
        "watermark",
    }
    assert (answer["state"], answer["seen"], answer["new"], answer["calls"]) == ("done", 30, 30, 1)


def test_the_command_says_waiting_while_another_process_checks(
    open_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr(amazon_check, "PATIENCE", timedelta(seconds=0))
    due.claim_one("check_orders", open_stage.connection.pk, "somewhere:1:1", now=open_stage.now)

    result = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])

    assert json.loads(result.stdout)["state"] == "waiting"
    assert result.exit_code == 0
    assert result.stderr.strip() == "Eine andere Prüfung läuft noch."


def test_the_command_says_that_orders_wait_for_their_prices(open_stage: Stage) -> None:
    open_stage.buy(2, kind="standard", age_s=300)
    open_stage.amazon.fault("searchOrders", "400-includedData", times=None, data_set="PROCEEDS")

    result = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["state"], answer["new"]) == (0, "done", 0)
    assert result.stderr.strip().endswith("2 Bestellungen warten auf ihre Preise.")


def test_the_command_says_why_it_waits_and_how_far_it_had_got(open_stage: Stage) -> None:
    open_stage.buy(3, kind="standard", age_s=300)
    done = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])
    open_stage.amazon.fault("searchOrders", "429")

    result = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["state"]) == (0, "waiting")
    assert answer["watermark"] == json.loads(done.stdout)["watermark"] != ""
    assert result.stderr.strip()


def test_the_command_fails_with_a_sentence(open_stage: Stage) -> None:
    open_stage.amazon.fault("searchOrders", "503-html", times=None)

    result = CliRunner().invoke(amazon_check.check, [str(open_stage.connection.pk), "--json"])
    unknown = CliRunner().invoke(amazon_check.check, ["4711", "--json"])

    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "failed"
    assert result.stderr.count("\n") == 1
    assert "Bestellungen suchen" in result.stderr
    assert unknown.exit_code == 1
    assert "4711" in unknown.output


def test_the_benchmark_compares_the_import_with_what_writes_the_same(stage: Stage) -> None:
    from kogge.benchmarks import one_by_one, raw

    stage.buy(20, kind="multi")
    before = raw.rows_by_table()
    with transaction.atomic():
        stage.check()
        imported = raw.rows_by_table()
        written_again = raw.write_again(lambda: None).rows
        transaction.set_rollback(True)
    assert raw.rows_by_table() == before

    taken_in = one_by_one.take_in(stage.connection, 20)

    assert taken_in == 20
    assert raw.rows_by_table() == imported
    assert written_again == sum(imported.values())
