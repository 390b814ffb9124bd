"""Reading the shop's products into the copy, and the Amazon fields both ways."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.amazon.catalog.models import Offer
from kogge.amazon.offers.keeping import keep_offer
from kogge.backoffice.models import Product
from kogge.engine.due import Lease
from kogge.engine.models import Due
from kogge.engine.work import Outcome, Work
from kogge.merchants.models import Merchant
from kogge.remote import connecting
from kogge.remote.access import Access
from kogge.remote.models import Errand, RemoteProductLink, RemoteShop
from kogge.remote.products import read_shop_products, write_fields
from kogge.shops.port import ShopUnavailable
from kogge.shops.remote import ChannelFields
from kogge.values import Money
from tests.remote.small_shop import REFUSED, SmallShop

pytestmark = pytest.mark.django_db
GTIN = "4006381333931"


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, merchant: Merchant, clock: Any) -> SmallShop:
    shop = SmallShop()
    monkeypatch.setitem(connecting.SYSTEMS, "versacommerce", lambda _row: shop)
    connecting.connect(merchant, Access("mein-shop", shop_key="k" * 40), now=clock.now)
    return shop


def read(merchant: Merchant, clock: Any) -> Outcome:
    """One reading by a worker that holds the lease."""
    row = Due.objects.get(operation="read_shop_products", subject=merchant.pk)
    Due.objects.filter(pk=row.pk).update(leased_by="w", fence=1)
    lease = Lease(row.pk, row.operation, merchant.pk, "w", 1, row.wakes, row.attempts)
    return read_shop_products(Work(row.operation, merchant.pk, clock, lease))


def shelf(merchant: Merchant) -> dict[str, tuple[Any, ...]]:
    return {
        product.code: (product.title, product.price, product.stock, product.active)
        for product in Product.objects.of(merchant)
    }


def test_products_come_over_change_and_go(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    Product.objects.everyone().create(
        merchant=merchant, code="SENCHA", title="Alt", price=1, changed_at=clock.now
    )
    there.page_size = 2
    there.put("1", "SENCHA", gtin=GTIN, lead_time_days=4, vat_rate="7.0", description="Grün")
    there.put("2", "", title="Dose")
    there.put("4", "KANNE-ROT", parent_id="3", option="rot")
    there.put("3", "KANNE", stock=None, active=False)
    there.put("5", "SENCHA", title="Doppelt")
    there.put("6", "TASSE", gtin="4006381333932", title="", price=None)
    there.put("7", "TASSE-2", gtin="4006381333932", title="")

    outcome = read(merchant, clock)

    nine = Decimal("9.90")
    assert shelf(merchant) == {
        "SENCHA": ("Tee SENCHA", nine, 5, True),
        "#2": ("Dose", nine, 5, True),
        "KANNE": ("Tee KANNE", nine, 0, False),
        "KANNE-ROT": ("Tee KANNE-ROT", nine, 5, True),
        "TASSE-2": ("TASSE-2", nine, 5, True),
    }
    sencha = Product.objects.of(merchant).get(code="SENCHA")
    assert (sencha.gtin, sencha.lead_time_days, sencha.vat_rate) == (GTIN, 4, Decimal("7.00"))
    rot = Product.objects.of(merchant).select_related("parent").get(code="KANNE-ROT")
    assert rot.parent is not None
    assert (rot.parent.code, rot.option) == ("KANNE", "rot")
    shop = RemoteShop.objects.of(merchant).get()
    assert (outcome.done, outcome.failed, shop.products_left_out) == (5, 3, 3)
    assert shop.products_trouble == [
        ["double_code", "SENCHA"],
        ["no_price", "TASSE"],
        ["wrong_gtin", "TASSE-2"],
    ]

    clock.advance(minutes=10)
    there.put("1", "SENCHA-NEU", price=Money.parse("8.00", "EUR"))
    there.shelf["4"] = replace(there.shelf["4"], price=None)
    del there.shelf["2"]
    there.slipped = {"7"}
    read(merchant, clock)

    assert shelf(merchant) == {
        "SENCHA-NEU": ("Tee SENCHA-NEU", Decimal("8.00"), 5, True),
        "#2": ("Dose", nine, 5, False),  # gone, for the shop says so by id
        "KANNE": ("Tee KANNE", nine, 0, False),
        "KANNE-ROT": ("Tee KANNE-ROT", nine, 5, False),  # not sold without a price
        "TASSE-2": ("TASSE-2", nine, 5, True),  # slipped between two pages only
        "SENCHA": ("Doppelt", nine, 5, True),  # its number is free now
    }
    assert Product.objects.of(merchant).get(code="SENCHA-NEU").pk == sencha.pk
    assert list(RemoteProductLink.objects.of(merchant).filter(is_gone=True).values_list("remote_id")) == [
        ("2",)
    ]


def test_a_page_costs_the_same_however_long_it_is(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    def cost(count: int) -> int:
        for number in range(count):
            there.put(str(number), f"T-{number}", stock=number)
        read(merchant, clock)  # some of it is new: not what is measured
        clock.advance(minutes=10)
        for number in range(count):
            there.put(str(number), f"T-{number}", stock=number + 1, price=Money.parse("7.70", "EUR"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read(merchant, clock)
        clock.advance(minutes=10)
        there.shelf.clear()
        for number in range(count):
            there.put(str(number), f"T-{number}", stock=number, price=Money.parse("6.60", "EUR"))
        return len(queries)

    assert cost(3) == cost(40)
    assert Product.objects.of(merchant).count() == 40


def test_amazon_fields_go_both_ways_and_rest(merchant: Merchant, there: SmallShop, clock: Any) -> None:
    from kogge.amazon.connections.models import Connection

    Connection.objects.everyone().create(
        merchant=merchant, region="eu", seller_id="A2SELLER", connected_at=clock.now, start_from=clock.now
    )
    there.put("1", "SENCHA")
    there.put("2", "OOLONG", asin="B00EXAMPL2")
    there.put("3", "ASSAM")
    there.fields["1"] = ChannelFields(enabled=True, asin="B00EXAMPL1", price="12.50")
    there.fields["3"] = ChannelFields(enabled=True, asin="B00EXAMPL3", price="billig")
    read(merchant, clock)

    def offers() -> dict[str, tuple[Any, ...]]:
        codes = dict(Product.objects.of(merchant).values_list("pk", "code"))
        return {
            codes[int(offer.product_id)]: (offer.enabled, offer.asin, offer.price, offer.fba)
            for offer in Offer.objects.of(merchant)
        }

    taken = {
        "SENCHA": (True, "B00EXAMPL1", Decimal("12.50"), False),
        "OOLONG": (False, "B00EXAMPL2", None, False),
    }
    assert offers() == taken
    wrong = RemoteProductLink.objects.of(merchant).exclude(fields_trouble="").get()
    assert (wrong.remote_id, "billig" in wrong.fields_trouble) == ("3", True)
    assert told(merchant) == []

    # Kogge changes: one errand, however often; it writes what is right then, and the next reading rests.
    sencha = str(Product.objects.of(merchant).get(code="SENCHA").pk)
    keep_offer(merchant, sencha, {"price": Decimal("13.00")}, now=clock.now)
    keep_offer(merchant, sencha, {"price": Decimal("13.50"), "fba": True}, now=clock.now)
    assert told(merchant) == ["SENCHA"]
    write_fields(there, Errand.objects.of(merchant).get())  # type: ignore[arg-type]
    Errand.objects.of(merchant).update(state="done")
    assert there.fields["1"] == ChannelFields(True, "B00EXAMPL1", None, None, "13.50", True)
    clock.advance(minutes=10)
    read(merchant, clock)
    assert offers()["SENCHA"] == (True, "B00EXAMPL1", Decimal("13.50"), True)
    assert told(merchant) == []

    # The shop changes, and takes something away: the offer follows, and nothing is said back.
    there.fields["1"] = ChannelFields(True, "B00EXAMPL1", fba=False)
    clock.advance(minutes=10)
    read(merchant, clock)
    assert offers()["SENCHA"] == (True, "B00EXAMPL1", None, False)
    assert told(merchant) == []

    # A later change makes another errand.
    keep_offer(merchant, sencha, {"stock": 2}, now=clock.now)
    assert told(merchant) == ["SENCHA"]


def told(merchant: Merchant) -> list[str]:
    waiting = Errand.objects.of(merchant).filter(kind="write_fields", state="waiting")
    return list(waiting.order_by("pk").values_list("product__code", flat=True))


def test_a_shop_that_is_down_is_asked_later_and_one_that_shuts_us_out_pauses(
    merchant: Merchant, there: SmallShop, clock: Any
) -> None:
    there.down = ShopUnavailable("HTTP 503")
    outcome = read(merchant, clock)
    assert (outcome.error, (outcome.next_due - clock.now).total_seconds()) == ("HTTP 503", 60)

    there.down = REFUSED
    read(merchant, clock)
    shop = RemoteShop.objects.of(merchant).get()
    assert (shop.state, shop.pause_reason) == ("paused", "key_refused")
    there.down = AssertionError("a paused shop is not asked")
    assert read(merchant, clock).error == ""
