"""Files of products on their way in: what the worker does with the large ones, and what it survives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from kogge.backoffice import product_files, product_import
from kogge.backoffice.models import Product, ProductFile, StockEntry
from kogge.backoffice.product_files import OPERATION, State, agree, forget, import_products, keep_file
from kogge.backoffice.product_import import Imported, write_rows
from kogge.backoffice.stock import correct_stock
from kogge.engine.worker import run_due
from kogge.merchants.models import Merchant
from kogge.schedule import OPERATIONS
from tests.conftest import Clock

FILE = "code;title;price;stock\nTEE-1;Assam;8,90;5\nTEE-2;Darjeeling;9,90;\n"
HANDLERS = {OPERATION: import_products}


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_files, "AT_ONCE", 0)


def keep(merchant: Merchant, clock: Clock, text: str = FILE) -> ProductFile:
    return keep_file(merchant, name="tee.csv", text=text, actor="ben@example.org", now=clock.now)


def work(clock: Clock) -> None:
    run_due(HANDLERS, clock=clock, limit=1)


def test_the_worker_does_it() -> None:
    assert OPERATIONS[OPERATION].handler is import_products


def test_a_large_file_is_checked_and_written_by_the_worker(merchant: Merchant, clock: Clock) -> None:
    file = keep(merchant, clock)
    states = [file.state]

    work(clock)
    file.refresh_from_db()
    states.append(file.state)
    checked, products_then = file.outcome, Product.objects.of(merchant).count()
    agree(file, now=clock.now)
    states.append(file.state)
    work(clock)
    file.refresh_from_db()

    assert [*states, file.state] == [State.CHECKING, State.CHECKED, State.WRITING, State.DONE]
    assert products_then == 0
    assert (checked["created"], checked["rows"][0]["changes"][0]) == (2, ["price", None, "8.90"])
    assert (file.outcome, file.packed) == ({"created": 2, "updated": 0, "unchanged": 0}, None)
    assert StockEntry.objects.of(merchant).get().actor == "ben@example.org"


def test_wrong_lines_are_told_in_the_language_of_the_reader(merchant: Merchant, clock: Clock) -> None:
    with translation.override("en"):
        file = keep(merchant, clock, "code,title,price\nTEE-1,Assam,dear\n")

    work(clock)

    file.refresh_from_db()
    assert (file.state, file.packed) == (State.REFUSED, None)
    assert file.outcome["errors"] == [{"line": 2, "column": "price", "sentence": "dear is not a price."}]


def test_what_became_wrong_since_the_check_refuses_the_file(merchant: Merchant, clock: Clock) -> None:
    Product.objects.everyone().create(
        merchant=merchant, code="MAIN", title="x", price=1, changed_at=clock.now
    )
    file = keep(merchant, clock, "code,title,price,parent\nA,A,1,\nB,B,1,MAIN\n")
    work(clock)
    Product.objects.of(merchant).delete()

    file.refresh_from_db()
    agree(file, now=clock.now)
    work(clock)

    file.refresh_from_db()
    assert file.state == State.REFUSED
    assert not Product.objects.of(merchant).exists()


def test_a_crash_while_writing_leaves_nothing_and_is_made_up_for(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keep(merchant, clock)
    work(clock)
    file.refresh_from_db()
    agree(file, now=clock.now)
    with monkeypatch.context() as broken:
        broken.setattr("kogge.backoffice.product_import._hand_to_channels", _break)
        work(clock)
    after_the_crash = (Product.objects.of(merchant).count(), StockEntry.objects.of(merchant).count())

    clock.advance(hours=1)
    work(clock)

    file.refresh_from_db()
    assert after_the_crash == (0, 0)
    assert (file.state, Product.objects.of(merchant).count()) == (State.DONE, 2)


def test_a_crash_between_two_batches_goes_on_where_it_was(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_import, "BATCH", 1)
    file = keep(merchant, clock, FILE + "TEE-3;Sencha;7,90;3\n")
    work(clock)
    file.refresh_from_db()
    agree(file, now=clock.now)
    turns = iter([write_rows, _break])

    def write(*args: Any, **more: Any) -> Any:
        return next(turns)(*args, **more)

    with monkeypatch.context() as broken:
        broken.setattr("kogge.backoffice.product_files.write_rows", write)
        work(clock)
    file.refresh_from_db()
    after_the_crash = (file.state, file.rows_done, Product.objects.of(merchant).count())
    first = Product.objects.of(merchant).get()
    correct_stock(first, 1, actor="anna@example.org", now=clock.now)

    clock.advance(hours=1)
    work(clock)

    file.refresh_from_db()
    first.refresh_from_db()
    assert after_the_crash == (State.WRITING, 1, 1)
    assert (file.state, file.outcome) == (State.DONE, {"created": 3, "updated": 0, "unchanged": 0})
    assert (file.rows_done, file.rows) == (3, 3)
    assert first.stock == 1  # what happened since is not undone
    assert StockEntry.objects.of(merchant).filter(kind="import").count() == 2


def test_what_becomes_wrong_while_writing_is_told_with_what_is_written(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_import, "BATCH", 1)
    file = keep(merchant, clock, "code;title;price;parent\nMAIN;A;1;\nSMALL;B;1;MAIN\n")
    work(clock)
    file.refresh_from_db()
    agree(file, now=clock.now)

    def write(*args: Any, **more: Any) -> Imported:
        imported = write_rows(*args, **more)
        Product.objects.of(merchant).delete()
        return imported

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("kogge.backoffice.product_files.write_rows", write)
        work(clock)

    file.refresh_from_db()
    assert (file.state, file.packed, file.outcome["written"]) == (State.REFUSED, None, 1)
    assert [error["line"] for error in file.outcome["errors"]] == [3]


def test_a_small_file_whose_browser_was_cut_short_is_taken_up_by_the_worker(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_files, "AT_ONCE", 1_000)
    file = keep(merchant, clock)
    with monkeypatch.context() as broken:
        broken.setattr("kogge.backoffice.product_files.write_rows", _break)
        with pytest.raises(RuntimeError):
            agree(file, now=clock.now)

    clock.advance(minutes=1)
    work(clock)

    file.refresh_from_db()
    assert (file.state, Product.objects.of(merchant).count()) == (State.DONE, 2)


def test_a_file_taken_back_while_it_is_written_is_not_written(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keep(merchant, clock)
    work(clock)
    file.refresh_from_db()
    agree(file, now=clock.now)

    def take_back(*_args: Any) -> list[int]:
        forget(file)
        return []

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("kogge.backoffice.product_import._hand_to_channels", take_back)
        work(clock)

    assert not Product.objects.of(merchant).exists()


def test_a_second_click_writes_nothing_twice(merchant: Merchant, clock: Clock) -> None:
    file = keep(merchant, clock)
    work(clock)
    file.refresh_from_db()
    agree(file, now=clock.now)
    work(clock)

    agree(file, now=clock.now)
    work(clock)

    file.refresh_from_db()
    assert file.state == State.DONE
    assert StockEntry.objects.of(merchant).count() == 1


def test_how_far_the_check_is_can_be_seen(
    merchant: Merchant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(merchant, clock)
    seen = []
    settle = product_files._settle

    def look(one: ProductFile, state: str, outcome: dict[str, Any], **columns: Any) -> None:
        seen.append(ProductFile.objects.of(merchant).values_list("rows_done", "rows").get())
        settle(one, state, outcome, **columns)

    monkeypatch.setattr(product_files, "_settle", look)
    work(clock)

    assert seen == [(2, 2)]


def test_files_are_forgotten_after_a_day(merchant: Merchant, other_merchant: Merchant, clock: Clock) -> None:
    keep(merchant, clock)
    work(clock)
    clock.advance(hours=12)
    young = keep(other_merchant, clock)

    clock.now += timedelta(hours=12)
    run_due(HANDLERS, clock=clock)

    assert list(ProductFile.objects.everyone()) == [young]


def _break(*_args: Any, **_more: Any) -> Any:
    raise RuntimeError("power cut")
