"""What the merchant does over there happens in the copy, and what the shop sold is there, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice.models import Order, OrderEvent
from kogge.backoffice.people import read_people
from kogge.remote import orders
from kogge.remote.models import Errand, RemoteOrderLink
from kogge.remote.saying import link_lines
from kogge.shops.port import OrderCancelled, ParcelSent, ShopUnavailable
from kogge.shops.remote import Page, RemoteParcel
from kogge.values import Money, Tracking
from tests.backoffice.shop import ERIKA, ListeningChannel, new_line, new_order
from tests.conftest import Clock
from tests.remote.stage import Stage

pytestmark = pytest.mark.django_db

ONE, TWO = "305-0000001-0000001", "305-0000002-0000002"


def place(stage: Stage, external_id: str = ONE, *units: int) -> Any:
    """A channel's order over there, of one free line for each number of units."""
    lines = [new_line(str(at), quantity=count) for at, count in enumerate(units or (1,), start=1)]
    stage.shop.place_orders([new_order(external_id, *lines)], now=stage.clock())
    stage.settle()
    return stage.there.order_of(external_id)


def test_what_the_shop_sold_is_in_the_copy_to_the_cent(stage: Stage, amazon: ListeningChannel) -> None:
    tea, pot = stage.put("TEE-1", 10), stage.put("KANNE", 10)
    amazon.warehouse[pot.pk] = 5
    sale = stage.there.sell((stage.remote_id(tea), 2), (stage.remote_id(pot), 1), address=ERIKA, paid=False)
    sale.total = Money.parse("27.20", "EUR")  # three at 9.90, and a voucher

    stage.settle()

    order = stage.copy_of(sale)
    lines = list(order.lines.values_list("code", "quantity", "discount", "total", "fulfilled_by"))
    assert lines == [
        ("TEE-1", 2, Decimal("-2.50"), Decimal("17.30"), ""),
        ("KANNE", 1, Decimal(0), Decimal("9.90"), "amazon"),
    ]
    assert (order.total, order.rounding, order.payment_status) == (Decimal("27.20"), Decimal(0), "open")
    assert (order.channel, order.external_id) == ("shop", f"305-118-{sale.order_id}")
    assert read_people(order).shipping == ERIKA
    assert sale.items[1].marked == "amazon"
    assert [stage.there_in_stock(each) for each in (tea, pot)] == [8, 10], "Amazon ships the pot"
    assert amazon.own_woken
    stage.audit()


def test_what_was_over_before_the_connection_stays_over_there(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 10)
    over, waiting = (stage.there.sell((stage.remote_id(tea), 1), address=ERIKA) for _ in range(2))
    for sale in (over, waiting):
        sale.placed_at = clock() - timedelta(days=3)
    stage.there.ship(over, "DHL", "T0")

    stage.settle()

    assert [link.remote_id for link in RemoteOrderLink.objects.of(stage.merchant)] == [waiting.order_id]


def test_a_cancellation_that_is_refused_here_is_said_once(stage: Stage, amazon: ListeningChannel) -> None:
    sale = place(stage)
    amazon.refuses = "Amazon hat die Bestellung schon versendet."

    stage.there.cancel(sale)
    stage.settle()

    assert stage.copy_of(sale).status == "open"
    assert stage.link(sale).trouble == amazon.refuses
    orders.close_trouble(stage.link(sale))
    orders.look_at(stage.merchant.pk, sale.order_id, now=stage.clock())
    amazon.refuses = None
    stage.read()
    assert (stage.copy_of(sale).status, stage.link(sale).trouble) == ("open", "")
    assert stage.shop.order_changes("amazon", "", 9).changes == []


def test_a_cancelled_order_is_told_to_the_channel_and_a_reopened_one_to_the_merchant(stage: Stage) -> None:
    sale = place(stage)
    stage.there.cancel(sale)
    stage.settle()
    [told] = stage.shop.order_changes("amazon", "", 9).changes
    sale.is_cancelled = False

    stage.settle()

    assert isinstance(told, OrderCancelled)
    assert stage.copy_of(sale).status == "cancelled"
    assert (
        "bleibt sie storniert" in stage.link(sale).trouble or "ist sie storniert" in stage.link(sale).trouble
    )


def test_one_position_less_is_an_own_orders_change_and_a_channels_trouble(stage: Stage) -> None:
    tea = stage.put("TEE-1", 10)
    own = stage.there.sell((stage.remote_id(tea), 2), (stage.remote_id(tea), 1), address=ERIKA)
    channels = place(stage, ONE, 2, 1)
    for sale in (own, channels):
        sale.items[0].is_cancelled = True
    stage.there.count(stage.remote_id(tea), 2)

    stage.settle()

    assert list(stage.copy_of(own).lines.values_list("quantity", "cancelled")) == [(2, 2), (1, 0)]
    assert list(stage.copy_of(channels).lines.values_list("quantity", "cancelled")) == [(2, 0), (1, 0)]
    assert "Position 1" in stage.link(channels).trouble
    stage.audit()


def test_parcels_without_a_carrier_or_contents_are_not_made_up(stage: Stage) -> None:
    whole, part = place(stage, ONE, 2), place(stage, TWO, 2, 1)
    for sale in (whole, part):
        sale.parcels.append(RemoteParcel(f"s{sale.order_id}", Tracking("", "T1"), is_sent=True))
    stage.settle()
    assert stage.copy_of(whole).delivery_status == stage.copy_of(part).delivery_status == "open"
    assert "Was darin ist" in stage.link(part).trouble

    whole.method = "DPD Classic"
    whole.parcels = [replace(whole.parcels[0], quantities={whole.items[0].line_id: 2})]
    stage.settle()

    parcel = stage.copy_of(whole).parcels.get()
    assert (parcel.carrier, parcel.tracking_number) == ("DPD Classic", "T1")
    assert not stage.copy_of(whole).mails.exists(), "the shop over there mails"


def test_returns_refunds_and_payments_are_followed(stage: Stage) -> None:
    tea = stage.put("TEE-1", 10)
    sale = stage.there.sell((stage.remote_id(tea), 2), address=ERIKA, paid=False)
    stage.settle()
    sale.is_paid = True
    stage.there.ship(sale, "DHL", "T1")
    stage.settle()
    sale.is_returned = sale.is_refunded = True
    stage.there.count(stage.remote_id(tea), 1)  # one of them can be sold again

    stage.settle()

    order = stage.copy_of(sale)
    assert (order.status, order.payment_status, order.lines.get().returned) == ("returned", "refunded", 2)
    told = [kind for kind in order.events.values_list("kind", flat=True) if kind != OrderEvent.Kind.CHANGED]
    assert told == ["placed", "paid", "parcel_sent", "returned"]
    assert set(order.events.values_list("actor", flat=True)) == {"VersaCommerce"}
    stage.audit()


def test_what_was_cancelled_over_there_is_never_said_to_be_sent(stage: Stage) -> None:
    sale = place(stage, ONE, 2, 1)
    sale.items[1].is_cancelled = True
    stage.there.ship(sale, "DHL", "T1", {1: 2})
    sale.is_closed = True

    stage.settle()

    assert list(stage.copy_of(sale).lines.values_list("shipped", "cancelled")) == [(2, 0), (0, 0)]
    assert "Position 2" in stage.link(sale).trouble
    [told] = stage.shop.order_changes("amazon", "", 9).changes
    assert isinstance(told, ParcelSent)


def test_an_order_we_may_have_written_is_not_taken_for_the_shops_own(stage: Stage, clock: Clock) -> None:
    """A shop may keep none of our words, and the answer to the order may be lost, too."""
    stage.there.faults = [("create_order", "after", ShopUnavailable("Der Shop antwortet nicht."))]
    stage.shop.place_orders([new_order(ONE)], now=clock())
    stage.tell()
    sale = stage.there.order_of(ONE)
    sale.channel_order_id = ""

    clock.advance(minutes=5)
    stage.read()

    assert stage.sold() == set()
    assert stage.row.orders_read_until == sale.placed_at, "it is looked at again"
    sale.channel_order_id = ONE
    stage.settle()
    assert stage.link(sale).order.external_id == ONE
    assert Order.objects.of(stage.merchant).count() == 1


def test_an_order_that_was_taken_for_the_shops_own_is_given_back(stage: Stage, clock: Clock) -> None:
    tea = stage.put("TEE-1", 10)
    sale = stage.there.sell((stage.remote_id(tea), 1), address=ERIKA)
    stage.settle()
    wrong = stage.copy_of(sale)
    line = replace(new_line("1"), product_id=str(tea.pk))
    stage.shop.place_orders([new_order(ONE, line), new_order(TWO)], now=clock())
    sale.channel_order_id = ONE  # its metafield was found after all

    stage.tell()

    wrong.refresh_from_db()
    assert (wrong.status, stage.link(sale).order.external_id) == ("cancelled", ONE)
    assert stage.there.order_of(TWO), "the others go on"
    stage.settle()
    assert (stage.errands(), stage.here_net(tea)) == ([], 9)
    stage.audit()


def test_what_cannot_be_read_is_shown_and_a_page_that_comes_again_is_the_last(stage: Stage) -> None:
    sale = place(stage)
    page = Page([stage.there.shown(sale)], 1, ["305-7", ""])
    stage.there.orders = lambda offset=0: page  # type: ignore[method-assign]

    stage.read()

    assert stage.row.orders_unreadable == ["305-7", ""]


def test_an_order_written_while_a_page_is_taken_in_is_not_its_own_double(stage: Stage, clock: Clock) -> None:
    older = place(stage, TWO)
    stage.there.faults = [("create_order", "after", ShopUnavailable("Der Shop antwortet nicht."))]
    stage.shop.place_orders([new_order(ONE)], now=clock())
    stage.tell()
    stage.there.ship(older, "DHL", "T1")

    def tell() -> None:
        clock.advance(minutes=1)
        stage.tell()

    stage.there.during["parcels"] = tell
    stage.read()

    link = stage.link(stage.there.order_of(ONE))
    assert (bool(link.written_at), link.trouble) == (True, "")


def test_an_extra_of_an_order_is_not_taken_for_one_of_its_lines(stage: Stage) -> None:
    sale = place(stage)
    link = stage.link(sale)
    link.lines.all().delete()
    [item] = stage.there.shown(sale).lines
    odd = replace(
        item, line_id="1", title="Rundungsdifferenz", code="", unit_price=Money.parse("0.01", "EUR")
    )

    link_lines(link, list(link.order.lines.all()), [odd, replace(item, quantity=4)])

    assert link.lines.get().remote_id == item.line_id


def test_a_second_copy_of_an_order_over_there_is_seen(stage: Stage) -> None:
    sale = place(stage)
    stage.there.sales["99999"] = replace(sale, order_id="99999")

    stage.read()

    assert "305-118-99999" in stage.link(sale).trouble
    RemoteOrderLink.objects.of(stage.merchant).update(remote_id="", written_at=None, trouble="")
    Errand.objects.of(stage.merchant).update(state="waiting", not_before=stage.clock())
    stage.tell()
    assert "305-118-99999" in stage.link(sale).trouble, "and by who looks before writing"
    assert len(stage.there.sales) == 2
    assert Order.objects.of(stage.merchant).count() == 1


def test_an_order_whose_writing_was_not_heard_of_is_recognised(stage: Stage) -> None:
    sale = place(stage)
    links = RemoteOrderLink.objects.of(stage.merchant)
    links.update(remote_id="", written_at=None)

    stage.read()

    assert links.get().remote_id == sale.order_id
    assert stage.is_due("run_errands")


def test_one_sick_order_hinders_no_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    tea = stage.put("TEE-1", 10)
    sick, sound = (stage.there.sell((stage.remote_id(tea), 1), address=ERIKA) for _ in range(2))
    sick.items[0].quantity = -1

    outcome = stage.read()

    assert (outcome.done, outcome.failed) == (1, 1)
    assert stage.copy_of(sound)
    assert sick.order_id in stage.row.last_error
    assert "Erika" not in caplog.text


def test_orders_far_back_are_asked_for_one_by_one_and_a_gone_one_is_said(stage: Stage, clock: Clock) -> None:
    stage.there.page_size = 2
    far, gone = place(stage, ONE), place(stage, TWO)
    for number in range(4):
        clock.advance(hours=1)
        place(stage, f"306-{number}")
    for sale in (far, gone):
        sale.placed_at = clock() - timedelta(days=9)
    stage.there.ship(far, "DHL", "T9")
    link = stage.link(gone)
    del stage.there.sales[gone.order_id]
    stage.there.calls.clear()

    stage.read()

    assert stage.copy_of(far).delivery_status == "shipped"
    assert (stage.there.calls["orders"], stage.there.calls["order"]) == (1, 4)
    link.refresh_from_db()
    assert link.is_settled
    assert link.trouble


def test_orders_that_did_not_change_cost_next_to_nothing(stage: Stage) -> None:
    def statements() -> int:
        stage.read()
        with CaptureQueriesContext(connection) as asked:
            stage.read()
        return len(asked)

    place(stage)
    few = statements()
    stage.shop.place_orders([new_order(f"306-{n}") for n in range(9)], now=stage.clock())
    stage.settle()

    assert statements() <= few
