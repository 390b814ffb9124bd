"""Both sides agree: the adapter speaks to the built-in shop's own API, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.test import Client

from kogge.backoffice import dispatch
from kogge.backoffice.api import keys
from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant
from kogge.shops.remote import ChannelFields, Reason, ShopAccessLost, Standing
from kogge.shops.versacommerce import Pace, Settings, VersaCommerceShop, open_http
from kogge.values import Address, Tracking

from .conftest import ERIKA, ORDER_ID, PLACED, Seconds, a_line, an_order, euro

pytestmark = pytest.mark.django_db

SINCE = PLACED - timedelta(hours=1)
Open = Callable[..., VersaCommerceShop]


@pytest.fixture
def becher(merchant: Merchant) -> Product:
    return Product.objects.everyone().create(
        merchant=merchant,
        code="BECHER-ROT",
        title="Kaffeebecher rot",
        price="12.90",
        stock=25,
        vat_rate="19",
        changed_at=PLACED,
    )


def _answer(request: httpx2.Request) -> httpx2.Response:
    """The built-in shop's answer, within the test's transaction."""
    headers = {name: text for name, text in request.headers.items() if name not in {"host", "content-length"}}
    kind = headers.pop("content-type", "application/octet-stream")
    path = request.url.raw_path.decode()
    found = Client(headers=headers).generic(request.method, path, request.content, content_type=kind)
    return httpx2.Response(found.status_code, headers=dict(found.headers), content=b"".join(found))


@pytest.fixture
def reach(merchant: Merchant, seconds: Seconds) -> Iterator[Open]:
    http = open_http(httpx2.MockTransport(_answer))

    def reach(*, orders: bool = True, **ways: Any) -> VersaCommerceShop:
        made = keys.make_shop_key(merchant, name="Kogge", may_write=True, may_write_orders=orders, now=PLACED)
        settings = replace(Settings("http://localhost", made.user, made.password), **ways)
        return VersaCommerceShop(settings, http, pace=Pace(clock=seconds, sleep=seconds.sleep))

    yield reach
    http.close()


def test_who_it_is_and_what_we_may(reach: Open, merchant: Merchant) -> None:
    shop, reader = reach(), reach(orders=False)

    assert shop.identify().currency == "EUR"
    assert (shop.may_write_orders(), reader.may_write_orders()) == (True, False)
    with pytest.raises(ShopAccessLost) as caught:
        reader.create_order(an_order(), {})
    assert caught.value.reason == Reason.NOT_UNLOCKED
    with pytest.raises(ShopAccessLost) as caught:
        reach(password="falsch").identify()
    assert caught.value.reason == Reason.KEY_REFUSED


@pytest.mark.parametrize("payment", ["status", "record"])
@pytest.mark.parametrize("items", ["nested", "attributes", "separate"])
def test_an_order_in_every_way(reach: Open, becher: Product, items: str, payment: str) -> None:
    shop = reach(order_items=items, payment=payment)
    free = a_line("10.00", 3, "3.33", code="FREI", title="Freies", shipping="3.99", discount="-1.00")
    order = an_order(a_line(), free)

    written = shop.create_order(order, {1: str(becher.pk)})
    shop.complete_order(written, order, {1: str(becher.pk)})

    [stored] = Order.objects.everyone()
    assert (stored.total, stored.payment_status) == (order.total.amount, Order.Payment.PAID)
    [found] = shop.find_orders([ORDER_ID], since=SINCE)[ORDER_ID]
    assert (found.order_id, found.standing, found.is_paid, found.is_own) == (
        str(stored.pk),
        Standing.OPEN,
        True,
        False,
    )
    assert [(line.code, line.title, line.quantity, line.unit_price) for line in found.lines] == [
        ("BECHER-ROT", "Kaffeebecher rot", 2, euro("12.90")),
        ("FREI", "Freies", 3, euro("3.33")),
        ("", "Rundungsdifferenz", 1, euro("0.01")),
    ]
    assert (found.address, found.total, found.shipping) == (ERIKA, order.total, euro("3.99"))
    becher.refresh_from_db()
    assert becher.stock == 23


def test_people_status_and_parcels(reach: Open, becher: Product) -> None:
    shop = reach()
    order = an_order(a_line(), a_line("5.00", 1, "5.00", code="TEE", title="Tee"))
    written = shop.create_order(order, {1: str(becher.pk)})
    key = written.order_id

    shop.change_address(key, Address(line1="Am Deich 7", phone="0491"), buyer_name="", email="neu@example.de")
    shop.cancel_order(key)
    shop.reopen_order(key)
    first, second = (line.line_id for line in written.lines)
    parcel = shop.add_parcel(key, Tracking("DHL", "0034"), {first: 1}, is_all=False)
    shop.correct_parcel(parcel.parcel_id, Tracking("DPD", "0911"))

    assert parcel.quantities == {first: 1}
    [seen] = shop.parcels(key)
    assert (seen.parcel_id, seen.tracking, seen.is_sent) == (parcel.parcel_id, Tracking("DPD", "0911"), True)
    assert seen.quantities == {first: 1}
    now = shop.order(key)
    assert now is not None
    assert (now.address.line1, now.address.city, now.email) == ("Am Deich 7", "Hannover", "neu@example.de")
    assert (now.parcel_count, [line.is_sent for line in now.lines]) == (1, [False, False])
    shop.add_parcel(key, Tracking("DHL", "2"), {first: 1, second: 1}, is_all=True)
    done = shop.order(key)
    assert done is not None
    assert (done.standing, all(line.is_sent for line in done.lines)) == (Standing.CLOSED, True)

    shop.forget_people(key)
    forgotten = shop.order(key)
    assert forgotten is not None
    assert "Erika" not in f"{forgotten.address}{forgotten.buyer_name}"


def test_what_the_merchant_does_is_seen(reach: Open, merchant: Merchant, becher: Product) -> None:
    shop = reach()
    key = shop.create_order(an_order(), {1: str(becher.pk)}).order_id
    stored = Order.objects.everyone().get()

    dispatch.start_packing(stored, actor="Wiebke", now=PLACED)
    packing = shop.orders().orders[0]
    dispatch.ship(stored, carrier="DHL", tracking_number="0034", quantities=None, actor="Wiebke", now=PLACED)
    shipped = shop.orders().orders[0]

    assert (packing.order_id, packing.is_packing, shipped.is_packing) == (key, True, False)
    assert (shipped.standing, [line.is_sent for line in shipped.lines]) == (Standing.CLOSED, [True])
    [parcel] = shop.parcels(key)
    assert (parcel.tracking, parcel.quantities) == (Tracking("DHL", "0034"), {shipped.lines[0].line_id: 2})


def test_products_stock_and_channel_fields(reach: Open, becher: Product) -> None:
    shop = reach()
    fields = ChannelFields(enabled=True, asin="B00EXAMPLE", stock="5", fba=False)

    shop.set_stock(str(becher.pk), 7)
    shop.write_channel_fields(str(becher.pk), fields)
    shop.mark_fulfilled_by(shop.create_order(an_order(a_line(code="FREI")), {}).order_id, "amazon", {"1"})

    [[product]] = shop.products()
    assert (product.product_id, product.code, product.stock) == (str(becher.pk), "BECHER-ROT", 7)
    assert (product.price, product.vat_rate, product.active) == (euro("12.90"), "19.0", True)
    assert shop.product(product.product_id) == product
    assert shop.product("99999") is None
    assert shop.channel_fields() == {str(becher.pk): fields}
    shop.write_channel_fields(str(becher.pk), replace(fields, stock=None))
    assert shop.channel_fields() == {str(becher.pk): replace(fields, stock=None)}
