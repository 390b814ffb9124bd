"""What a merchant does about shipping by Amazon, click by click, while worker and Amazon do their part."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import connect, disconnect
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.backoffice.models import Product
from kogge.backoffice.product_import import import_products
from kogge.backoffice.refusal import Refusal
from kogge.engine.worker import run_due
from kogge.merchants.accounts import add_user
from kogge.merchants.models import Role
from kogge.schedule import OPERATIONS
from kogge.simulator import credentials
from tests.flows.conftest import GERMANY, Stage
from tests.flows.fulfillment_stage import CUT_OFF, FulfillmentStage

SHIPPING = ("read_fba_stock", "plan_fulfillment", "hand_over", "follow_fulfillment", "read_shop")
SKU = "TS-01"

State = FulfillmentOrder.State


@pytest.fixture
def shop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> FulfillmentStage:
    """The pages read Amazon's clock, as everybody on the stage."""
    monkeypatch.setattr("django.utils.timezone.now", stage.clock)
    return FulfillmentStage(stage)


@pytest.fixture
def ben(shop: FulfillmentStage) -> Client:
    """Ben's browser: he works for Teehaus Muster."""
    user = add_user(
        shop.merchant,
        email="ben@example.org",
        name="Ben",
        password="Sieben-Fässer-Tee",
        role=Role.STAFF,
        now=shop.now,
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def work(shop: FulfillmentStage, *, minutes: float = 0) -> None:
    """Time passes, and the worker does what is due for it."""
    shop.amazon.advance(minutes * 60)
    due = {name: OPERATIONS[name] for name in SHIPPING}
    run_due(due, clock=shop.stage.clock, sleep=shop.amazon.advance)


def page(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def tick(browser: Client, shop: FulfillmentStage, **typed: str) -> Any:
    """Tick FBA in the box "Kanäle" of the tea."""
    wanted = {"enabled": "on", "sku": SKU, "fba": "on", "fba_sku": SKU}
    return browser.post(f"/produkte/{shop.product(SKU).pk}/amazon/", wanted | typed)


def import_ticked(shop: FulfillmentStage) -> None:
    """The merchant ticks FBA by a product file."""
    file = f"code,amazon,amazon_sku,fba\n{SKU},yes,{SKU},yes\n"
    import_products(shop.merchant, file, actor="anna", now=shop.now)


# --- the first tick (judgement F2) ---------------------------------------------------------------


def arrive(shop: FulfillmentStage) -> None:
    """One unit lay at Amazon when Kogge read it; nine more have come since."""
    shop.shelve(SKU, 1)
    shop.read_stock()
    shop.shelve(SKU, 10)


def is_handed_over(shop: FulfillmentStage) -> bool:
    """Whether the first order, of two, goes to Amazon; Kogge must have read the stock anew for it."""
    work(shop)
    wanted = shop.order({SKU: 2})
    work(shop)
    work(shop, minutes=CUT_OFF)
    found = shop.fulfillment(wanted)
    return found is not None and found.state == State.HANDED and shop.at_amazon(wanted) is not None


def test_the_first_paid_order_after_an_import_with_fba_is_handed_over(shop: FulfillmentStage) -> None:
    arrive(shop)

    import_ticked(shop)

    assert is_handed_over(shop)


def test_the_first_paid_order_after_a_tick_on_the_page_is_handed_over(
    shop: FulfillmentStage, ben: Client
) -> None:
    arrive(shop)

    assert tick(ben, shop).status_code == 302

    assert is_handed_over(shop)


def test_ticks_from_before_the_connection_count_from_the_connection_on(stage: Stage) -> None:
    """The connection is cut, products are ticked by a file, and the same account is connected again."""
    shop = FulfillmentStage(stage)
    disconnect(shop.connection, shop.now)
    import_ticked(shop)
    shop.shelve(SKU, 10)
    stage.connection = connect(
        shop.merchant,
        region="eu",
        seller_id=credentials.SELLER_ID,
        client_id=credentials.CLIENT_ID,
        client_secret=credentials.CLIENT_SECRET,
        refresh_token=credentials.REFRESH_TOKEN,
        marketplace_ids=[GERMANY],
        dispatch_mail=False,
        start_from=None,
        now=shop.now,
    )
    work(shop, minutes=24 * 60)

    assert is_handed_over(shop)


# --- stories -------------------------------------------------------------------------------------


@pytest.fixture
def ticked(shop: FulfillmentStage, ben: Client) -> FulfillmentStage:
    """Ten lie at Amazon, Ben has looked and ticked FBA."""
    shop.shelve(SKU, 10)
    shop.read_stock()
    tick(ben, shop)
    work(shop)
    return shop


def test_planned_and_stopped(ticked: FulfillmentStage, ben: Client) -> None:
    wanted = ticked.order({SKU: 2})
    work(ticked)
    planned = ticked.fulfillment(wanted)

    before = page(ben, f"/bestellungen/{wanted.number}/")
    ben.post(f"/apps/amazon/versand/{planned.pk}/anhalten/")
    work(ticked, minutes=2 * CUT_OFF)
    after = page(ben, f"/bestellungen/{wanted.number}/")

    assert "Geht bald an Amazon" in before
    assert "Gebühren voraussichtlich" in before
    assert "Durch Amazon versenden" not in before
    assert "Die Bestellung ging nicht an Amazon" in after
    assert "Durch Amazon versenden" in after
    assert ticked.amazon.fulfilment_orders == []
    assert ticked.stage.stock(SKU) == (98, 0), "the lines take own stock again"


def test_handed_over_and_shipped(ticked: FulfillmentStage, ben: Client) -> None:
    wanted = ticked.order({SKU: 2})
    work(ticked)
    ben.post(f"/apps/amazon/versand/{ticked.fulfillment(wanted).pk}/uebergeben/")
    work(ticked)
    handed = page(ben, f"/bestellungen/{wanted.number}/")
    for _look in range(4):
        work(ticked, minutes=15)
    shipped = page(ben, f"/bestellungen/{wanted.number}/")

    [sent] = ticked.at_amazon(wanted).shipments
    number = sent.parcels[0].tracking_number
    assert "Bei Amazon" in handed
    assert "Auftrag stornieren" in handed
    assert "Von Amazon versendet" in shipped
    assert number in shipped
    assert shipped.count(f"Trackingnummer {number}.") == 1
    assert "Amazon hat ein Paket versendet" not in shipped, "the shop tells of its parcels itself"
    assert ticked.fresh(wanted).delivery_status == "shipped"
    assert ticked.stage.stock(SKU) == (100, 0), "Amazon's units are not the shop's"


def test_goods_found_a_moment_ago_can_be_ticked_before_the_worker_read_all(
    shop: FulfillmentStage, ben: Client
) -> None:
    tea = shop.product(SKU)
    shop.shelve(SKU, 3)
    typed = {"enabled": "on", "sku": SKU, "fba": "on", "fba_sku": SKU}

    looked = ben.post(f"/produkte/{tea.pk}/amazon/lager/", typed).content.decode()
    ben.post(f"/produkte/{tea.pk}/amazon/", typed)

    assert "3 Stück bei Amazon versandfähig" in looked
    assert Offer.objects.of(shop.merchant).get().fba


def test_what_is_sold_and_not_planned_yet_is_not_sold_again(shop: FulfillmentStage, ben: Client) -> None:
    """Judgement F4: five lie there, two are sold and wait for the worker, so four more are too many."""
    tea = shop.keep(SKU, units=5)
    Product.objects.of(shop.merchant).update(stock=0)
    paid, unpaid = shop.order({SKU: 1}), shop.order({SKU: 1}, paid=False)

    box = page(ben, f"/produkte/{tea.pk}/")

    with pytest.raises(Refusal):
        shop.order({SKU: 4})
    taken = shop.order({SKU: 3})

    assert "5 Stück bei Amazon versandfähig" in box
    assert "davon 3 frei" in box
    for each in (paid, unpaid, taken):
        assert shop.lines(each)[SKU].fulfilled_by == "amazon"
    work(shop)  # planned lines are in the fulfilment orders, and counted once
    assert "davon 0 frei" in page(ben, f"/produkte/{tea.pk}/")
