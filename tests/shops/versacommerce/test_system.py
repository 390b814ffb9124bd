"""What is told to the shop and looked up in it, against a little shop that may ignore or forget."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import ChannelFields, Reason, RemoteOrder, ShopAccessLost, Standing
from kogge.shops.versacommerce import VersaCommerceShop
from kogge.values import Address, Money, Tracking

from .conftest import ORDER_ID, PLACED, SETTINGS, LittleShop, Wire, a_line, an_order, reply, web_page

Connect = Callable[..., VersaCommerceShop]
SINCE = PLACED - timedelta(hours=1)


def found(shop: VersaCommerceShop) -> RemoteOrder:
    [order] = shop.find_orders([ORDER_ID], since=SINCE)[ORDER_ID]
    return order


SECOND = a_line("5.00", 1, "5.00", external_id="2", code="TEE", title="Tee")


@pytest.mark.parametrize("payment", ["status", "record"])
@pytest.mark.parametrize("items", ["nested", "attributes", "separate"])
def test_an_order_is_written_whole_in_every_way(
    connect: Connect, little: LittleShop, items: str, payment: str
) -> None:
    shop = connect(little, replace(SETTINGS, order_items=items, payment=payment))
    order = an_order(a_line(), SECOND)

    written = shop.create_order(order, {1: "4711"})

    assert (written.channel_order_id, written.is_own, written.standing) == (ORDER_ID, False, Standing.OPEN)
    assert [(line.product_id, line.code, line.quantity) for line in written.lines] == [
        ("4711", "BECHER-ROT", 2),
        ("", "TEE", 1),
    ]
    assert (written.is_paid, len(little.payments)) == ((True, 0) if payment == "status" else (False, 1))
    kept = {owner[1:]: each["value"] for owner, each in little.metafields.items()}
    key = int(written.order_id)
    assert kept == {(key, "amazon", "order_id"): ORDER_ID, (key, "amazon", "marketplace"): "Amazon.de"}
    assert found(shop) == shop.order(written.order_id)


@pytest.mark.parametrize("ways", [("nested", "status"), ("attributes", "record"), ("separate", "record")])
@pytest.mark.parametrize("cut_after", range(1, 10))
def test_cut_anywhere_it_is_found_and_completed_without_a_second_one(
    connect: Connect, little: LittleShop, ways: tuple[str, str], cut_after: int
) -> None:
    shop = connect(little, replace(SETTINGS, order_items=ways[0], payment=ways[1]))
    order = an_order(a_line(), SECOND)
    little.cut_after = cut_after
    try:
        shop.create_order(order, {1: "4711"})
    except ShopUnavailable:
        little.cut_after = 10**6
        shop.complete_order(found(shop), order, {1: "4711"})
    little.cut_after = 10**6
    there = found(shop)
    told = len([call for call in little.sent if not call.startswith("GET")])
    shop.complete_order(there, order, {1: "4711"})

    assert (len(little.orders), len(little.items), len(little.metafields)) == (1, 2, 2)
    assert len(little.payments) == (ways[1] == "record")
    assert len([call for call in little.sent if not call.startswith("GET")]) == told  # nothing was missing


def test_items_that_the_shop_does_not_take_with_the_order_are_added(
    connect: Connect, little: LittleShop
) -> None:
    little.ignores = {"items", "note", "source", "origin_name"}
    shop = connect(little)

    written = shop.create_order(an_order(), {1: "4711"})

    assert [line.quantity for line in written.lines] == [2]
    there = found(shop)  # by metafield
    assert (there.order_id, there.channel_order_id, there.is_own) == (written.order_id, ORDER_ID, False)


def test_many_are_looked_for_at_once_and_doubles_are_told(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    ids = [f"305-0000000-{n:07}" for n in range(3)]
    for external_id in (*ids[:2], ids[1]):
        shop.create_order(an_order(external_id=external_id), {})
    for n in range(30):
        little.orders[n] = {"id": n, "created_at": PLACED.isoformat(), "status": "open", "total": "1.0"}
    little.sent.clear()

    there = shop.find_orders(ids, since=SINCE)

    assert [len(there[each]) for each in ids] == [1, 2, 0]
    assert there[ids[1]][0].order_id < there[ids[1]][1].order_id
    assert little.sent == ["GET orders", "GET metafields"]
    assert shop.find_orders(ids[:1], since=PLACED + timedelta(hours=4)) == {ids[0]: []}


def test_looking_stops_where_orders_are_older(connect: Connect) -> None:
    asked = []

    def answer(request: Any) -> Any:
        asked.append(int(request.url.params["offset"]))
        numbers = range(asked[-1], asked[-1] + 250)
        page = [
            {
                "id": 9000 - n,
                "created_at": (PLACED - timedelta(hours=n)).isoformat(),
                "total": "1",
                "status": "open",
                "note": f"Amazon-Bestellung: {n}",
            }
            for n in numbers
        ]
        return reply(page)

    there = connect(answer).find_orders(["300", "600"], since=PLACED - timedelta(hours=400))

    assert (len(there["300"]), len(there["600"]), asked[:2]) == (1, 0, [0, 245])


def test_goods_that_left_before_are_not_counted_again(connect: Connect, little: LittleShop) -> None:
    gone = an_order(moves_stock=False)

    [free] = connect(little).create_order(gone, {1: "4711"}).lines
    [linked] = (
        connect(little, replace(SETTINGS, orders_take_stock=False)).create_order(gone, {1: "4711"}).lines
    )

    assert (free.product_id, free.code, linked.product_id, linked.code) == ("", "", "4711", "BECHER-ROT")


def test_an_order_in_another_currency_is_refused_before_it_is_written(
    connect: Connect, little: LittleShop
) -> None:
    order = an_order()
    foreign = replace(order, total=Money(order.total.amount, "SEK"))

    with pytest.raises(ShopRefuses, match="SEK"):
        connect(little).create_order(foreign, {})

    assert little.sent == []


def test_the_mail_address_stays_out_where_that_is_wished(connect: Connect, little: LittleShop) -> None:
    connect(little).create_order(an_order(notify_buyer=False), {})
    shop = connect(little, replace(SETTINGS, writes_email=False))
    written = shop.create_order(an_order(), {})
    shop.change_address(written.order_id, Address(), buyer_name="", email="a@b.de")

    assert "marketplace.amazon.de" not in str(little.orders)
    assert "a@b.de" not in str(little.orders)


def test_what_is_known_later_is_added_and_overwrites_nothing(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    written = shop.create_order(an_order(), {})

    shop.change_address(
        written.order_id, Address(line1="Am Deich 7", phone="0491"), buyer_name="", email="n@x.de"
    )

    now = shop.order(written.order_id)
    assert now is not None
    assert (now.address.line1, now.address.city, now.address.phone) == ("Am Deich 7", "Hannover", "0491")
    assert (now.buyer_name, now.email) == ("Erika Muster", "n@x.de")


def test_a_change_the_shop_does_not_take_is_said(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    written = shop.create_order(an_order(), {})
    little.ignores = {"status", "shipping_address"}
    little.orders[int(written.order_id)]["shipping_address"].pop("id")

    with pytest.raises(ShopRefuses):
        shop.cancel_order(written.order_id)
    with pytest.raises(ShopRefuses):
        shop.change_address(written.order_id, Address(line1="Neu 1"), buyer_name="", email="")
    with pytest.raises(ShopRefuses):
        shop.forget_people(written.order_id)


def test_cancel_and_reopen_change_only_what_is_otherwise(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    key = shop.create_order(an_order(), {}).order_id
    little.sent.clear()
    seen = []
    for act in (shop.reopen_order, shop.cancel_order, shop.cancel_order, shop.reopen_order):
        act(key)
        found = shop.order(key)
        seen.append(found.standing if found else None)

    assert seen == ["open", "cancelled", "cancelled", "open"]
    assert [call for call in little.sent if call.startswith("PUT")] == [f"PUT orders/{key}"] * 2
    with pytest.raises(ShopRefuses):
        shop.cancel_order("4")


def test_a_cancelled_order_is_not_filled_up(connect: Connect, little: LittleShop) -> None:
    shop = connect(little, replace(SETTINGS, order_items="separate"))
    little.cut_after = 1
    with pytest.raises(ShopUnavailable):
        shop.create_order(an_order(), {})
    little.cut_after = 10**6
    [order] = little.orders.values()
    order |= {"status": "canceled", "payment_status": "not_paid"}
    there = found(shop)

    shop.complete_order(there, an_order(), {})

    assert (little.items, order["payment_status"], len(little.metafields)) == ({}, "not_paid", 2)


def test_people_are_forgotten_and_the_rest_stays(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    key = shop.create_order(an_order(a_line(gift_text="Für Oma Käthe")), {}).order_id

    shop.forget_people(key)
    shop.forget_people(key)
    shop.forget_people("4")

    [order] = little.orders.values()
    for private in ("Erika", "Muster", "Hauptstr", "30159", "Hannover", "marketplace.amazon.de", "Käthe"):
        assert private not in str(order)
    assert order["shipping_address"]["country"] == "DE"
    assert ORDER_ID in order["note"]


def test_a_parcel_that_left_elsewhere(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    written = shop.create_order(an_order(a_line(), SECOND), {})
    first, second = (line.line_id for line in written.lines)
    key = written.order_id

    parcel = shop.add_parcel(key, Tracking("DHL", "0034"), {first: 2, second: 0}, is_all=False)
    shop.correct_parcel(parcel.parcel_id, Tracking("DPD", "0911"))

    assert parcel.quantities == {first: 2}
    [seen] = shop.parcels(key)
    assert (seen.tracking, seen.is_sent, seen.quantities) == (Tracking("DPD", "0911"), True, {first: 2})
    now = shop.order(key)
    assert now is not None
    assert [(line.is_sent, line.parcel_id) for line in now.lines] == [(True, parcel.parcel_id), (False, "")]
    assert now.parcel_count == 1


def test_a_parcel_stands_also_where_items_are_for_reading_only(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    written = shop.create_order(an_order(), {})
    little.ignores = {"items"}

    parcel = shop.add_parcel(
        written.order_id, Tracking("DHL", "1"), {written.lines[0].line_id: 2}, is_all=True
    )

    assert (len(little.shipments), parcel.quantities) == (1, {})


def test_who_ships_is_noted_once(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)

    for _ in range(2):
        shop.mark_fulfilled_by("100", "amazon", {"8", "7"})

    assert [call for call in little.sent if call.startswith("POST")] == ["POST metafields"]
    [field] = little.metafields.values()
    assert (field["key"], field["value"], field["metafieldable_type"]) == ("fulfilled_lines", "7,8", "Order")


def test_channel_fields_are_what_was_written_last(connect: Connect, little: LittleShop) -> None:
    shop = connect(little)
    fields = ChannelFields(enabled=True, asin="B00EXAMPLE", stock="5", price="9.90", fba=False)
    for wanted in (fields, fields, replace(fields, stock=None, fba=True)):
        shop.write_channel_fields("4711", wanted)
        assert shop.channel_fields() == {"4711": wanted}

    changes = [call.split("/")[0] for call in little.sent if not call.startswith("GET")]
    assert changes == ["POST metafields"] * 6 + ["DELETE metafields"]


@pytest.mark.parametrize(
    ("status", "may"),
    [(404, True), (400, True), (422, True), (200, True), (403, False), (405, False)],
)
def test_whether_orders_may_be_written_is_found_out_at_an_order_that_cannot_be(
    shop: VersaCommerceShop, wire: Wire, status: int, may: bool
) -> None:
    wire.lay(reply(None, status))

    assert shop.may_write_orders() is may
    assert wire.calls == ["PUT /api/orders/0.json"]


def test_a_probe_with_a_wrong_key_or_at_no_shop(shop: VersaCommerceShop, wire: Wire) -> None:
    wire.lay(reply(None, 401), web_page(200), web_page(200), reply(None, 404))

    with pytest.raises(ShopAccessLost) as caught:
        shop.may_write_orders()
    assert caught.value.reason == Reason.KEY_REFUSED
    with pytest.raises(ShopUnavailable):
        shop.may_write_orders()
    for _ in range(2):
        with pytest.raises(ShopAccessLost) as caught:
            shop.identify()
        assert caught.value.reason == Reason.NO_SHOP


def test_lists_that_are_gone_are_not_empty(shop: VersaCommerceShop, wire: Wire) -> None:
    wire.lay(reply(None, 404), reply(None, 404), reply(None, 404))

    with pytest.raises(ShopAccessLost):
        shop.orders()
    with pytest.raises(ShopAccessLost):
        list(shop.products())
    assert shop.order("7") is None


@pytest.mark.parametrize("body", [{"error": "busy"}, {}, "orders", 7, False])
def test_what_is_no_list_and_no_record_says_nothing(shop: VersaCommerceShop, wire: Wire, body: Any) -> None:
    for act in (
        shop.orders,
        lambda: list(shop.products()),
        lambda: shop.order("7"),
        lambda: shop.product("7"),
    ):
        wire.lay(reply(body))
        with pytest.raises(ShopUnavailable):
            act()
    wire.lay(reply([]), reply([]))
    assert (shop.orders().orders, list(shop.products())) == ([], [])
