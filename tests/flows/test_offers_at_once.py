"""The shop sells and imports while Kogge tells and reads the same offers: nobody blocks anybody, nothing is
lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from django.db import connections

from kogge.amazon.offers import wishes
from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.models import Product
from kogge.backoffice.product_files import agree, keep_file
from kogge.backoffice.refusal import Refusal
from kogge.engine.models import Due
from kogge.engine.worker import run_due
from kogge.schedule import OPERATIONS
from kogge.simulator import Simulator
from tests.flows.conftest import Stage
from tests.flows.offer_stage import Assortment

OFFERS = 40
ROUNDS = 8


@pytest.fixture
def amazon() -> Iterator[Simulator]:
    with Simulator(quotas="off") as simulator:
        yield simulator
        assert simulator.violations == []


def test_sales_imports_telling_and_reading_at_the_same_time(
    open_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Assortment(open_stage)
    skus = shop.sell_known(OFFERS)
    shop.agree()
    Due.objects.all().delete()
    crew = Crew()

    crew.start(lambda: sell(shop, skus, 1))
    crew.start(lambda: sell(shop, skus, 2))
    crew.start(lambda: import_files(shop, skus))
    crew.start(lambda: work(shop, "send_offers", crew))
    crew.start(lambda: look_and_work(shop, crew))
    crew.join()
    assert [record.getMessage() for record in caplog.records if record.name == "kogge.engine.worker"] == []
    shop.wake("send_offers")
    shop.pass_time(60)

    products = Product.objects.of(shop.stage.merchant).filter(code__in=skus)
    assert {sku: shop.at_amazon(sku)[::2] for sku in skus} == {
        product.code: (product.available, product.price) for product in products
    }
    assert shop.states() == {"live"}
    assert any(product.available != 100 for product in products)


class Crew:
    """Threads that begin together; what one of them raises fails the test."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.begin = threading.Barrier(5)
        self.busy = 3  # those who change the shop
        self._threads: list[threading.Thread] = []

    def start(self, act: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._run, args=(act, len(self._threads) < self.busy), daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=60)
        assert self.errors == []
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, act: Callable[[], None], changes_the_shop: bool) -> None:
        try:
            self.begin.wait(timeout=20)
            act()
        except BaseException as error:  # noqa: BLE001  (told in `join`)
            self.errors.append(error)
        finally:
            self.busy -= changes_the_shop
            connections.close_all()


def sell(shop: Assortment, skus: list[str], seed: int) -> None:
    """Orders of several articles each, in any order."""
    dice = random.Random(seed)
    for _order in range(3 * ROUNDS):
        lines = tuple(ManualLine(dice.randint(1, 3), code=sku) for sku in dice.sample(skus, 6))
        with suppress(Refusal):
            create_by_hand(shop.stage.merchant, ManualOrder(lines), actor="anna", now=shop.stage.now)


def import_files(shop: Assortment, skus: list[str]) -> None:
    """A supplier's list again and again: stocks and prices of everything."""
    dice = random.Random(3)
    for _file in range(ROUNDS):
        rows = [f"{sku};{dice.randint(18, 24)},50;{dice.choice([0, 7, 30])}" for sku in skus]
        text = "\n".join(["code;price;stock", *rows, ""])
        file = keep_file(shop.stage.merchant, name="liste.csv", text=text, actor="ben", now=shop.stage.now)
        agree(file, now=shop.stage.now)
        file.refresh_from_db()
        assert file.state == "done", file.outcome


def work(shop: Assortment, operation: str, crew: Crew) -> None:
    """The worker, until the shop has come to rest."""
    while crew.busy:
        shop.wake(operation)
        run_due({operation: OPERATIONS[operation]}, clock=shop.stage.clock, limit=1)


def look_and_work(shop: Assortment, crew: Crew) -> None:
    """The merchant has everything looked at again and again."""
    while crew.busy:
        wishes.look_again(shop.listings(), now=shop.stage.now)
        run_due({"read_offers": OPERATIONS["read_offers"]}, clock=shop.stage.clock, limit=1)
