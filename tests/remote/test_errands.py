"""What the remote shop must be told is told once, whatever fails in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice.models import Product
from kogge.engine.models import Due
from kogge.engine.work import LeaseLost
from kogge.remote import errands
from kogge.remote.models import Errand, RemoteOrderLink, RemoteShop
from kogge.shops.port import FulfilledParcel, LineState, OrderUpdate, ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, ShopAccessLost
from kogge.values import Address, Tracking
from tests.backoffice.shop import ERIKA, NOW, new_line, new_order, product
from tests.conftest import Clock
from tests.remote.stage import Stage

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = (f"305-000000{n}-000000{n}" for n in (1, 2, 3))
DOWN = ShopUnavailable("Der Shop antwortet nicht.")


class Killed(BaseException):
    """The process ends here."""


def place(stage: Stage, *lines: tuple[str, Product, int], **more: Any) -> None:
    """Orders of a channel, each of some units of a product."""
    new = [
        new_order(external_id, replace(new_line("1", quantity=units), product_id=str(tea.pk)), **more)
        for external_id, tea, units in lines
    ]
    stage.shop.place_orders(new, now=stage.clock())


def story(stage: Stage) -> None:
    """Everything that is ever told, in three orders; what fails is tried again later."""
    shop, tea = stage.shop, stage.put("TEE-1", 20)
    place(stage, (ONE, tea, 3), (TWO, tea, 2), shipping_address=Address(city="Hamburg"))
    patiently(stage)
    shop.update_orders([OrderUpdate("amazon", ONE, shipping_address=ERIKA)], now=stage.clock())
    shop.update_orders([OrderUpdate("amazon", TWO, cancelled_by="buyer")], now=stage.clock())
    patiently(stage)
    sale = stage.there.sell((stage.remote_id(tea), 4), address=ERIKA)
    patiently(stage)
    key = str(stage.copy_of(sale).pk)
    shop.hand_over(key, ["1"], "amazon", now=stage.clock())
    parcel = FulfilledParcel("p1", Tracking("DHL", "T1"), "", stage.clock(), {"1": 4})
    shop.record_parcel(key, parcel, "amazon", now=stage.clock())
    patiently(stage)
    shop.record_parcel(key, replace(parcel, tracking=Tracking("DPD", "T2")), "amazon", now=stage.clock())
    stage.there.cancel(stage.there.order_of(ONE))
    patiently(stage)
    shop.reinstate("amazon", ONE, now=stage.clock())
    shop.forget_people("amazon", [TWO], now=stage.clock())
    patiently(stage)


def patiently(stage: Stage) -> None:
    """Cycle after cycle, a process being started anew when it was killed, until nothing waits."""
    clock: Any = stage.clock
    for _attempt in range(6):
        for work in (stage.tell, stage.read, stage.tell, stage.read_products):
            clock.advance(seconds=1)
            try:
                work()
            except Killed:
                Due.objects.update(leased_until=None, leased_by="")
        clock.advance(minutes=20)
        if not stage.errands():
            break


def world(stage: Stage) -> object:
    """What there is in the end, over there and here."""
    there = stage.there
    sales = [
        (sale.channel_order_id, sale.states(), sale.address.city, [each.tracking for each in sale.parcels])
        for sale in there.sales.values()
    ]
    stock = [each.stock for each in there.shelf.values()]
    here = sorted(Product.objects.of(stage.merchant).values_list("stock", "oversold"))
    return sorted(sales, key=lambda each: each[0]), stock, here


TOLD = (
    "create_order",
    "change_address",
    "cancel_order",
    "reopen_order",
    "add_parcel",
    "correct_parcel",
    "mark_fulfilled_by",
    "set_stock",
    "forget_people",
)


@pytest.mark.parametrize(
    ("when", "failure"), [("after", DOWN), ("before", Killed()), ("after", Killed())], ids=str
)
def test_each_thing_is_done_once_though_every_one_of_them_fails_once(
    stage: Stage, when: str, failure: BaseException
) -> None:
    stage.there.faults = [(method, when, failure) for method in TOLD]

    story(stage)

    assert stage.there.faults == []
    assert stage.errands() == []
    stage.audit()
    assert world(stage) == (
        [
            ("", ("closed", "paid", "shipped"), "Hamburg", [Tracking("DPD", "T2")]),
            (ONE, ("open", "paid", "open"), "Hamburg", []),
            (TWO, ("cancelled", "paid", "cancelled"), "", []),
        ],
        [17],
        [(17, 0)],
    )


def test_the_shop_is_looked_through_before_the_first_attempt_too(stage: Stage) -> None:
    """An older copy of our database may be back in place: the shop has an order we know nothing of."""
    place(stage, (ONE, stage.put("TEE-1", 5), 1))
    stage.tell()
    RemoteOrderLink.objects.of(stage.merchant).update(remote_id="", written_at=None)
    Errand.objects.of(stage.merchant).update(state="waiting", attempts=0, not_before=NOW)

    stage.tell()

    assert len(stage.there.sales) == 1
    assert stage.link(stage.there.order_of(ONE)).written_at


@pytest.mark.parametrize("is_taken_for_ours", [True, False])
def test_a_shop_that_keeps_no_number_is_asked_for_an_order_that_looks_the_same(
    stage: Stage, clock: Clock, is_taken_for_ours: bool
) -> None:
    tea = stage.put("TEE-1", 20)
    stage.there.faults = [("create_order", "after", DOWN)]
    place(stage, (ONE, tea, 3), shipping_address=ERIKA, notify_buyer=True)
    stage.tell()
    [lost] = stage.there.sales.values()
    lost.channel_order_id = ""
    lost.email = "" if is_taken_for_ours else "erika@example.org"  # who buys in the shop leaves an own one

    patiently(stage)

    written = RemoteOrderLink.objects.of(stage.merchant).get(order__external_id=ONE)
    assert (written.remote_id == lost.order_id) is is_taken_for_ours
    assert len(stage.there.sales) == (1 if is_taken_for_ours else 2)
    assert stage.errands() == []


def test_a_change_of_stock_of_which_nobody_knows_waits_for_a_human(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 20)
    place(stage, (ONE, tea, 3), (TWO, tea, 2))
    patiently(stage)
    cancel = OrderUpdate("amazon", ONE, lines={"1": _units(3, cancelled=1)})
    stage.shop.update_orders([cancel], now=clock())
    stage.there.faults = [("set_stock", "after", DOWN)]
    stage.tell()
    stage.there.count(stage.remote_id(tea), -4)  # somebody buys before we look again
    clock.advance(minutes=1)

    stage.tell()

    [errand] = Errand.objects.of(stage.merchant).exclude(state="done")
    assert (errand.kind, errand.state) == ("move_stock", "stuck")
    assert "von 15 auf 16" in errand.last_error
    assert "steht dort 12" in errand.last_error
    stage.read_products()
    assert stage.here_net(tea) == 12, "what nobody knows is not offered"
    place(stage, (THREE, tea, 1))
    stage.tell()
    assert stage.there.order_of(THREE), "the others go on"
    assert errands.dismiss(errand, now=clock())
    assert not errands.dismiss(errand, now=clock())
    clock.advance(minutes=1)
    stage.read_products()
    stage.audit()


def test_an_order_the_shop_refuses_waits_and_hinders_no_other(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 20)
    place(stage, (ONE, tea, 3), notify_buyer=False)
    place(stage, (TWO, tea, 2))
    stage.there.faults = [("create_order", "before", ShopRefuses("code: muss ausgefüllt werden"))]
    stage.shop.update_orders([OrderUpdate("amazon", ONE, shipping_address=Address(line2="Hof"))], now=clock())

    outcome = stage.tell()

    [stuck, waiting] = Errand.objects.of(stage.merchant).exclude(state="done").order_by("id")
    assert (stuck.state, stuck.last_error) == ("stuck", "code: muss ausgefüllt werden")
    assert (waiting.kind, waiting.state) == ("change_people", "waiting")
    assert (outcome.done, outcome.failed) == (1, 1)
    assert [sale.channel_order_id for sale in stage.there.sales.values()] == [TWO]
    assert errands.retry(stuck, now=clock())
    patiently(stage)
    assert stage.there.order_of(ONE).address.line2 == "Hof"
    assert stage.there.order_of(TWO).email
    assert not stage.there.order_of(ONE).email  # or the shop would mail who wants no mail
    stage.audit()


def test_orders_wait_while_writing_is_not_unlocked_and_reading_goes_on(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 20)
    place(stage, (ONE, tea, 3), (TWO, tea, 2))
    stage.there.unlocked = False
    stage.there.faults = [("create_order", "before", ShopAccessLost(Reason.NOT_UNLOCKED))]

    stage.tell()
    sale = stage.there.sell((stage.remote_id(tea), 1), address=ERIKA)
    stage.read()
    clock.advance(minutes=1)
    stage.read_products()

    assert (stage.row.state, stage.row.may_write_orders) == (RemoteShop.State.ACTIVE, False)
    assert "freigeschaltet" in stage.shop.health()
    assert stage.errands() == [("create_order", "waiting")] * 2
    assert stage.there.calls["create_order"] == 1
    assert stage.copy_of(sale).is_own
    assert stage.here_net(tea) == 20 - 3 - 2 - 1
    stage.there.unlocked = True
    patiently(stage)
    assert {each.channel_order_id for each in stage.there.sales.values()} == {ONE, TWO, ""}
    stage.audit()


def test_a_shop_that_lets_nobody_in_is_paused_and_nothing_is_lost(stage: Stage) -> None:
    place(stage, (ONE, stage.put("TEE-1", 5), 1))
    stage.there.faults = [("create_order", "before", ShopAccessLost(Reason.KEY_REFUSED))]

    stage.tell()

    assert (stage.row.state, stage.row.pause_reason) == ("paused", "key_refused")
    assert "Schlüssel" in stage.shop.health()
    assert stage.errands() == [("create_order", "waiting")]
    stage.tell()
    assert stage.there.calls["create_order"] == 1


def test_a_shop_that_is_down_is_left_in_peace_and_told_everything_later(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 20)
    place(stage, *((f"305-0000000-000000{n}", tea, 1) for n in range(6)))
    stage.there.down = True

    outcome = stage.tell()

    assert stage.there.calls["orders"] == errands.MOST_FAILURES
    assert (outcome.error, outcome.done) == ("Der Shop antwortet nicht.", 0)
    assert clock() < outcome.next_due <= clock() + errands.BACK_OFF[0]
    stage.there.down = False
    patiently(stage)
    assert len(stage.there.sales) == 6
    assert stage.row.last_error == ""
    stage.audit()


def test_a_worker_that_was_overtaken_writes_nothing_down(stage: Stage) -> None:
    place(stage, (ONE, stage.put("TEE-1", 5), 1))
    stage.there.during["create_order"] = lambda: _overtake("run_errands")

    with pytest.raises(LeaseLost):
        stage.tell()

    assert stage.errands() == [("create_order", "sending")]
    assert not stage.link_of(ONE).remote_id
    Due.objects.update(leased_until=None, leased_by="")
    patiently(stage)
    assert len(stage.there.sales) == 1


def test_a_page_of_orders_is_told_in_as_many_statements_as_one(stage: Stage) -> None:
    def statements(*ids: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            stage.shop.place_orders([new_order(each) for each in ids], now=NOW)
        return len(asked)

    statements(TWO)  # the first one of all makes the row of what is due

    assert statements(*(f"306-{n}" for n in range(10))) <= statements(ONE)


def test_products_that_are_not_in_the_shop_move_nothing_there(stage: Stage) -> None:
    mine = product(stage.merchant, "NUR-HIER", counted=3)

    place(stage, (ONE, mine, 2))
    patiently(stage)

    [item] = stage.there.order_of(ONE).items
    assert (item.product_id, item.quantity) == ("", 2)
    assert stage.there.calls["set_stock"] == 0


def _units(quantity: int, *, cancelled: int) -> LineState:
    return LineState(quantity, 0, cancelled)


def _overtake(operation: str) -> None:
    """Another worker takes the lease over."""
    row = Due.objects.get(operation=operation)
    Due.objects.filter(pk=row.pk).update(fence=row.fence + 1, leased_by="somebody")
