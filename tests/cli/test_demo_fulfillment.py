"""The demo's shop orders: what lies at Amazon, which products it ships, and when customers come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder, FulfillmentSettings, OwnOrderCursor
from kogge.backoffice.models import Order
from kogge.cli.demo_fulfillment import FBA_SKUS, ORDERS, UNITS, ShopOrders, set_up, tick
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.simulator import Simulator, tea_shop
from tests.amazon.pages.offering import NOW, connect, offer, product


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    """The products of the three orders, and their offers."""
    found = connect(merchant, "A1", store_name="Teehaus")
    for code in {code for wanted in ORDERS for code in wanted.lines}:
        offer(product(merchant, code, stock=100), sku=code)
    return found


def known(account: Connection) -> None:
    """Kogge has read what lies at Amazon."""
    for sku, units in UNITS.items():
        FbaStock.objects.everyone().create(connection=account, sku=sku, fulfillable=units, read_at=NOW)


def test_both_products_lie_at_amazon_one_under_a_sku_of_its_own() -> None:
    amazon = Simulator()
    set_up(amazon)
    listings = amazon.world.demo.listings

    assert amazon.world.demo.fba_stock == UNITS
    assert [sku for code, sku in FBA_SKUS.items() if sku != code] == ["TD-500-FBA"]
    assert listings["TD-500-FBA"].asin == listings["TD-500"].asin
    assert (listings["TD-500-FBA"].is_fba, listings["TD-500"].is_fba) == (True, False)


def test_the_orders_show_mixed_pure_and_too_much() -> None:
    """Own stock is there for all of it: the third order is the merchant's to send."""
    stock = {each.sku: each.stock for each in tea_shop()}
    mixed, pure, too_much = [set(wanted.lines) <= FBA_SKUS.keys() for wanted in ORDERS]
    units = {code: sum(wanted.lines.get(code, 0) for wanted in ORDERS) for code in stock}

    assert (mixed, pure, too_much) == (False, True, True)
    assert ORDERS[2].lines["TD-500"] > UNITS["TD-500-FBA"]
    assert all(units[code] <= stock[code] for code in stock)


@pytest.mark.django_db
def test_the_tick_is_there_and_the_window_is_short(account: Connection) -> None:
    tick(account, now=NOW)

    ticked = Offer.objects.of(account.merchant).filter(fba=True)
    assert {each.sku: each.sku_in_warehouse for each in ticked} == FBA_SKUS
    assert FulfillmentSettings.objects.everyone().get(connection=account).cut_off_minutes == 1
    assert OwnOrderCursor.objects.of(account.merchant).exists()


@pytest.mark.django_db
def test_customers_come_one_by_one_once_the_stock_is_known(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1000.0]
    monkeypatch.setattr("kogge.cli.demo_fulfillment.time.monotonic", lambda: moment[0])
    tick(account, now=NOW)
    customers = ShopOrders(account)

    def ordered(after: float) -> int:
        moment[0] += after
        customers.go_on(now=NOW)
        return Order.objects.of(account.merchant).count()

    assert ordered(60) == 0
    known(account)
    assert [ordered(each) for each in (1, 1, 20, 20, 20, 20)] == [1, 1, 2, 3, 3, 3]
    orders = Order.objects.of(account.merchant).order_by("number")
    assert {order.payment_status for order in orders} == {"paid"}


@pytest.mark.django_db
def test_amazon_is_asked_sooner_than_in_half_an_hour(account: Connection) -> None:
    plain: dict[str, Any] = {
        "merchant": account.merchant, "connection": account, "attempt": 1, "origin": "A1PA6795UKMFR9",
        "speed": "STANDARD", "created_at": NOW, "hand_over_at": NOW, "state": "handed",
    }  # fmt: skip
    rows = FulfillmentOrder.objects.everyone()
    later = rows.create(
        shop_order_id="1", shop_number="1", order_id="K-1-1", look_at=NOW + timedelta(minutes=5), **plain
    )
    done = rows.create(shop_order_id="2", shop_number="2", order_id="K-2-1", look_at=None, **plain)

    ShopOrders(account).look_soon(now=NOW)

    later.refresh_from_db()
    done.refresh_from_db()
    assert (later.look_at, done.look_at) == (NOW, None)
    assert Due.objects.get(operation="follow_fulfillment", subject=account.pk).due_at <= NOW
