"""The copy's stock follows the shop's, whatever happens between the question and the answer.

Each row of the table is a story of one product of which 10 lie on the shelf: what happens before the shop is
asked for its stock, while it is, and before the answer is taken in. However it goes, what is offered is never
more than there is, and after the next reading it is exactly that.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, Product
from kogge.remote import stock
from kogge.remote.models import RemoteShop
from kogge.shops.port import OrderUpdate, ShopUnavailable
from tests.backoffice.shop import ERIKA, ListeningChannel, new_line, new_order
from tests.conftest import Clock
from tests.remote.shop_over_there import Sale
from tests.remote.stage import Stage

pytestmark = pytest.mark.django_db

ONE, TWO = "305-0000001-0000001", "305-0000002-0000002"


class Story:
    """Verbs for one product. `truly` is what lies on the shelf and belongs to nobody."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self.stage = stage
        self.clock = clock
        self.tea = stage.put("TEE-1", 10)
        self.truly = 10
        self.sales: list[Sale] = []

    def sell_at_channel(self, order: str = ONE, units: int = 3) -> None:
        line = replace(new_line("1", quantity=units), product_id=str(self.tea.pk))
        self.stage.shop.place_orders([new_order(order, line)], now=self.clock())
        self.truly -= units

    def sell_there(self) -> None:
        self.sales.append(self.stage.there.sell((self.stage.remote_id(self.tea), 2), address=ERIKA))
        self.truly -= 2

    def cancel_there(self) -> None:
        self.stage.there.cancel(self.sales[-1])
        self.truly += 2

    def cancel_at_channel(self) -> None:
        self.stage.shop.update_orders([OrderUpdate("amazon", ONE, cancelled_by="buyer")], now=self.clock())
        self.truly += 3

    def hand_over(self) -> None:
        key = str(self.stage.copy_of(self.sales[-1]).pk)
        self.stage.shop.hand_over(key, ["1"], "amazon", now=self.clock())
        self.truly += 2

    def take_back(self) -> None:
        key = str(self.stage.copy_of(self.sales[-1]).pk)
        self.stage.shop.take_back(key, ["1"], "amazon", now=self.clock())
        self.truly -= 2

    def tell(self) -> None:
        self.stage.tell()

    def lose_an_answer(self) -> None:
        for method in ("create_order", "cancel_order", "set_stock"):
            self.stage.there.faults.append((method, "after", ShopUnavailable("Der Shop antwortet nicht.")))
        self.stage.tell()
        self.stage.there.faults.clear()

    def read_orders(self) -> None:
        self.stage.read()


Acts = str  # words of `Story`, one after the other

# before the question; between question and answer; between answer and taking it in
STORIES: dict[str, tuple[Acts, Acts, Acts]] = {
    "nothing happens": ("", "", ""),
    "sold at the channel, told before": ("sell_at_channel tell", "", ""),
    "sold at the channel, told while asked": ("sell_at_channel", "tell", ""),
    "sold at the channel, told after the answer": ("sell_at_channel", "", "tell"),
    "sold at the channel while asked": ("", "sell_at_channel", "tell"),
    "sold at the channel after the answer": ("", "", "sell_at_channel tell"),
    "the answer to the order is lost": ("sell_at_channel lose_an_answer", "", ""),
    "the answer is lost while asked": ("sell_at_channel", "lose_an_answer", ""),
    "cancelled before it is told": ("sell_at_channel cancel_at_channel", "", ""),
    "cancelled, told before": ("sell_at_channel tell cancel_at_channel tell", "", ""),
    "cancelled, told while asked": ("sell_at_channel tell cancel_at_channel", "tell", ""),
    "cancelled, told after the answer": ("sell_at_channel tell cancel_at_channel", "", "tell"),
    "the answer to the cancellation is lost": (
        "sell_at_channel tell cancel_at_channel lose_an_answer",
        "",
        "",
    ),
    "sold there, read before": ("sell_there read_orders", "", ""),
    "sold there, not read yet": ("sell_there", "", ""),
    "sold there, read while asked": ("sell_there", "read_orders", ""),
    "sold there, read after the answer": ("sell_there", "", "read_orders"),
    "sold there after the answer, read": ("", "", "sell_there read_orders"),
    "sold there after the answer": ("", "", "sell_there"),
    "cancelled there, read before": ("sell_there read_orders cancel_there read_orders", "", ""),
    "cancelled there, not read yet": ("sell_there read_orders cancel_there", "", ""),
    "cancelled there, read after the answer": ("sell_there read_orders cancel_there", "", "read_orders"),
    "cancelled there after the answer": ("sell_there read_orders", "", "cancel_there read_orders"),
    "given to Amazon, told before": ("sell_there read_orders hand_over tell", "", ""),
    "given to Amazon, told while asked": ("sell_there read_orders hand_over", "tell", ""),
    "given to Amazon, told after the answer": ("sell_there read_orders hand_over", "", "tell"),
    "given to Amazon, the answer is lost": ("sell_there read_orders hand_over lose_an_answer", "", ""),
    "given and taken back, told between": ("sell_there read_orders hand_over tell take_back", "tell", ""),
    "given and taken back at once": ("sell_there read_orders hand_over take_back", "", "tell"),
    "given to Amazon, cancelled there": (
        "sell_there read_orders hand_over tell",
        "",
        "cancel_given read_orders",
    ),
}


@pytest.mark.parametrize("takes_stock", [True, False], ids=["the shop counts", "the shop does not count"])
def test_what_is_offered_is_never_too_much_and_in_the_end_exact(
    stage: Stage, amazon: ListeningChannel, clock: Clock, subtests: pytest.Subtests, *, takes_stock: bool
) -> None:
    stage.there.takes_stock = takes_stock
    RemoteShop.objects.of(stage.merchant).update(orders_take_stock=takes_stock)
    for name, acts in STORIES.items():
        if not takes_stock and "sell_at_channel" not in " ".join(acts):
            continue  # what the shop sells it counts in any case
        with subtests.test(name):
            _tell_story(Story(stage, clock), *acts)
        _forget_everything(stage)
    amazon.warehouse.clear()


def _tell_story(story: Story, before: Acts, during: Acts, after: Acts) -> None:
    stage, clock = story.stage, story.clock

    def act(words: Acts) -> None:
        for name in words.split():
            clock.advance(seconds=5)
            if name == "cancel_given":
                stage.there.cancel(story.sales[-1])  # the goods are Amazon's
            else:
                getattr(story, name)()
            clock.advance(seconds=5)

    act(before)
    asked_at = clock()
    clock.advance(seconds=1)
    said = stage.there_in_stock(story.tea)
    act(during)
    said = min(said, stage.there_in_stock(story.tea)) if during else said
    act(after)
    clock.advance(seconds=1)
    stock.settle(stage.merchant.pk, {story.tea.pk: said}, read_begun_at=asked_at, now=clock())

    assert stage.here_net(story.tea) <= story.truly + _unread(story)
    for _turn in range(3):
        clock.advance(minutes=31)
        stage.tell()
        stage.read()
        stage.read_products()
        if (stage.errands(), stage.here_net(story.tea)) == ([], story.truly):
            break
    assert (stage.errands(), stage.here_net(story.tea)) == ([], story.truly)
    stage.audit()
    assert stage.there_in_stock(story.tea) == story.truly


def _unread(story: Story) -> int:
    """What was sold over there and not read: nobody here can know of it."""
    known = story.stage.sold()
    return sum(2 for sale in story.sales if sale.order_id not in known and not sale.is_cancelled)


def _forget_everything(stage: Stage) -> None:
    Order.objects.of(stage.merchant).delete()
    Product.objects.of(stage.merchant).delete()
    stage.there.sales.clear()
    stage.there.shelf.clear()
    stage.there.faults.clear()


def test_an_older_reading_comes_too_late(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 10)
    asked_at = clock()
    clock.advance(minutes=1)
    stage.there.count(stage.remote_id(tea), -4)
    stage.read_products()

    stock.settle(stage.merchant.pk, {tea.pk: 10}, read_begun_at=asked_at, now=clock())

    assert stage.here_net(tea) == 6


def test_what_the_shop_does_not_count_keeps_its_stock(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 10)

    clock.advance(minutes=1)
    stock.settle(stage.merchant.pk, {tea.pk: None}, read_begun_at=clock(), now=clock())

    assert stage.here_net(tea) == 10
    assert ledger.audit(stage.merchant.pk) == []


def test_what_the_shop_gave_back_counts_once_though_it_goes_down_meanwhile(
    stage: Stage, clock: Clock
) -> None:
    story = Story(stage, clock)
    story.sell_there()
    story.read_orders()
    story.cancel_there()
    clock.advance(minutes=1)
    stage.read_products()
    stage.there.faults = [("product", "before", ShopUnavailable("Der Shop antwortet nicht."))]

    stage.read()

    assert stage.copy_of(story.sales[0]).status == "cancelled"
    assert stage.here_net(story.tea) == 10
    assert stage.there.faults == []


@pytest.mark.parametrize("takes_stock", [True, False], ids=["the shop counts", "the shop does not count"])
def test_a_switch_that_was_wrong_and_is_put_right_counts_old_orders_once(
    stage: Stage, clock: Clock, *, takes_stock: bool
) -> None:
    switch = RemoteShop.objects.of(stage.merchant)
    switch.update(orders_take_stock=not takes_stock)
    stage.there.takes_stock = takes_stock
    story = Story(stage, clock)
    story.sell_at_channel()
    _some_time(story)
    assert stage.there_in_stock(story.tea) == (4 if takes_stock else 10)  # counted twice, or never

    switch.update(orders_take_stock=takes_stock)
    story.sell_at_channel(TWO, units=2)
    _some_time(story)
    assert stage.here_net(story.tea) == stage.there_in_stock(story.tea) == (2 if takes_stock else 8)
    stage.there.order_of(ONE).is_packing = True
    _some_time(story)

    assert stage.errands() == []
    assert stage.here_net(story.tea) == stage.there_in_stock(story.tea) == story.truly == 5
    stage.audit()


def _some_time(story: Story) -> None:
    for _turn in range(3):
        story.clock.advance(minutes=31)
        story.stage.tell()
        story.stage.read()
        story.stage.read_products()
