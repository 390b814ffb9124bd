"""Orders over the API: written from outside, read as they stand, changed by what differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kogge.backoffice import dispatch, placing, stock
from kogge.backoffice.api.models import Customer
from kogge.backoffice.models import Mail, Order, OrderEvent, Product
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.people import forget_people, people_of
from kogge.merchants.models import Merchant
from kogge.values import Address
from tests.backoffice import shop
from tests.backoffice.api.client import ApiClient, api_client

pytestmark = pytest.mark.django_db

ERIKA = {
    "firstname": "Erika",
    "lastname": "Muster",
    "street": "Beispielweg",
    "streetnumber": "7 b",
    "extension": "Hinterhaus",
    "zipcode": 20095,
    "city": "Hamburg",
    "country": "DE",
}


@pytest.fixture
def api(merchant: Merchant, amazon: Any) -> ApiClient:
    return api_client(merchant)


def from_amazon(tea: Product, **more: object) -> dict[str, object]:
    """An order as another program brings it from Amazon."""
    return {
        "customer_email": "abc@marketplace.amazon.de",
        "source": "amazon",
        "origin_name": "Amazon",
        "payment_status": "paid",
        "currency": "€",
        "shipping_cost": "3.99",
        "item_total": "25.80",
        "discount_total": "1.00",
        "total": "33.79",
        "note": "Amazon-Bestellung: 305-1",
        "created_at": "2026-11-22T08:00:00+01:00",
        "items": [
            {"product_id": tea.pk, "quantity": 2, "price": "12.9", "tax_category": "reduced"},
            {"title": "Gravur", "quantity": "1", "price": "5.00", "tax_rate": "19.0", "discount_amount": 0},
        ],
        "shipping_address": ERIKA,
        "unheard_of": {"a": 1},
    } | more


def test_an_order_from_a_channel_of_its_own_lives_its_life(
    api: ApiClient, merchant: Merchant, amazon: Any
) -> None:
    tea = shop.product(merchant, counted=1)
    made = api.post("orders.json", {"order": from_amazon(tea, item_total="30.8")})
    assert made.status == 201, made.json
    order = Order.objects.of(merchant).get()
    assert made.headers["Location"] == f"http://testserver/api/orders/{order.pk}.json"
    assert (order.channel, order.origin, order.is_own, order.notify_buyer) == ("api", "Amazon", False, True)
    assert (shop.in_stock(tea), stock.audit(merchant.pk)) == ((0, 0), [])  # what was sold has been sold
    document = made.json["order"]
    expected = {
        "code": str(order.number),
        "status": "open",
        "payment_status": "paid",
        "items_status": "undelivered",
        "payment_type": "custom",
        "source": "amazon",
        "origin_name": "Amazon",
        "currency": "€",
        "prices_include_tax": True,
        "item_total": "30.8",
        "shipping_cost": "3.99",
        "payment_cost": "0.0",
        "discount_total": "1.0",
        "subtotal": "34.79",
        "total": "33.79",
        "reduced_tax_total": "28.79",
        "reduced_tax_amount": "1.88",
        "standard_tax_total": "5.0",
        "standard_tax_amount": "0.8",
        "customer_email": "abc@marketplace.amazon.de",
        "customer_id": 2 * order.pk,
        "items_count": 2,
        "payments_count": 1,
        "shipments_count": 0,
        "note": "Amazon-Bestellung: 305-1",
        "created_at": "2026-11-22T08:00:00+01:00",
    }
    assert {name: document[name] for name in expected} == expected
    shown = {name: document["shipping_address"][name] for name in ERIKA}
    assert shown == ERIKA | {"zipcode": "20095"}
    assert (people_of(order).shipping.line1, document["customer"]["lastname"]) == (
        "Beispielweg 7 b",
        "Muster",
    )

    # The whole document comes back with one thing changed; a better address replaces, an empty one does not.
    moved = document | {
        "note": "Bitte klingeln",
        "shipping_address": document["shipping_address"] | {"street": "Neuer Weg", "extension": ""},
        "billing_address": document["billing_address"] | {"city": "", "street": None},
    }
    changed = api.put(f"orders/{order.pk}.json", {"order": moved})
    assert (changed.status, changed.json["order"]["note"]) == (200, "Bitte klingeln")
    order.refresh_from_db()
    where = people_of(order).shipping
    assert (where.line1, where.line2, where.city) == ("Neuer Weg 7 b", "", "Hamburg")
    events = list(order.events.values_list("kind", flat=True))
    assert events == ["placed", "changed", "changed"]

    for _twice in range(2):
        assert api.put(f"orders/{order.pk}.json", {"order": {"status": "canceled"}}).status == 200
    assert (shop.in_stock(tea), shop.state(order)[0]) == ((1, 0), "cancelled")
    for _twice in range(2):
        reopened = api.put(f"orders/{order.pk}.json", {"order": {"status": "open"}})
        assert (reopened.status, reopened.json["order"]["status"]) == (200, "open")
    assert (shop.in_stock(tea), stock.audit(merchant.pk)) == ((0, 0), [])
    refused = {
        "status": api.put(f"orders/{order.pk}.json", {"order": {"status": "closed"}}).status,
        "paid back": api.put(f"orders/{order.pk}.json", {"order": {"payment_status": "refunded"}}).status,
        "sums": api.post("orders.json", {"order": from_amazon(tea, item_total="30.8", total="33.78")}).status,
        "no such product": api.post("orders.json", {"order": {"items": [{"product_id": 999}]}}).status,
    }
    assert refused == dict.fromkeys(refused, 422)

    # How the program that brought the person blanks it.
    blank = dict.fromkeys(("firstname", "street", "streetnumber", "extension", "zipcode", "city"), "")
    for kind in ("shipping_addresses", "billing_addresses"):
        answer = api.put(f"{kind}/{2 * order.pk}.json", {"address": blank | {"lastname": "gelöscht"}})
        assert (answer.status, answer.json["address"]["city"]) == (200, "")
    order.refresh_from_db()
    assert (order.sealed_people, order.people_forgotten_at is not None) == (None, True)

    assert api.delete(f"orders/{order.pk}.json").status == 200
    gone = (api.get(f"orders/{order.pk}.json").status, Order.objects.of(merchant).count())
    assert (gone, shop.in_stock(tea), stock.audit(merchant.pk)) == ((404, 0), (1, 0), [])


def test_positions_and_payment_may_follow_one_by_one(api: ApiClient, merchant: Merchant) -> None:
    """As the gem begins: an address for mails and an amount. A free line holds the place of the positions."""
    tea = shop.product(merchant, counted=5, price="12.90")
    made = api.post("orders.json", {"order": {"customer_email": "erika@example.org", "item_total": "30.80"}})
    order = Order.objects.of(merchant).get()
    assert (made.status, order.channel, order.total) == (201, "shop", Decimal("30.80"))
    first = api.post(f"orders/{order.pk}/items.json", {"item": {"code": tea.code, "quantity": 2}})
    second = api.post("items.json", {"item": {"order_id": order.pk, "title": "Gravur", "price": 5}})
    assert (first.status, second.status) == (201, 201)
    assert first.json["item"]["line_price"] == "25.8"
    items = api.get(f"orders/{order.pk}/items.json").json
    told = [(each["item"]["code"], each["item"]["quantity"], each["item"]["price"]) for each in items]
    assert told == [(tea.code, 2, "12.9"), ("", 1, "5.0")]
    order.refresh_from_db()
    assert (order.total, shop.in_stock(tea), stock.audit(merchant.pk)) == (Decimal("30.80"), (3, 0), [])
    # What the shop sells itself must be there.
    assert (
        api.post(f"orders/{order.pk}/items.json", {"item": {"code": tea.code, "quantity": 9}}).status == 422
    )

    part = api.post(f"orders/{order.pk}/payments.json", {"payment": {"amount": "10.00"}})
    paid = api.post(
        "payments.json", {"payment": {"order_id": order.pk, "amount": 30.8, "comment": "Überweisung 7"}}
    )
    again = api.post(f"orders/{order.pk}/payments.json", {"payment": {}})
    assert (part.status, paid.status, again.status) == (422, 201, 422)
    [payment] = api.get(f"orders/{order.pk}/payments.json").json
    assert {
        name: payment["payment"][name] for name in ("id", "amount", "comment", "is_captured", "order_code")
    } == {
        "id": order.pk,
        "amount": "30.8",
        "comment": "Überweisung 7",
        "is_captured": True,
        "order_code": str(order.number),
    }

    less = api.put(f"items/{first.json['item']['id']}.json", {"item": first.json["item"] | {"quantity": 1}})
    none = api.put(f"items/{second.json['item']['id']}.json", {"item": {"status": "canceled"}})
    assert (less.json["item"]["quantity"], less.json["item"]["line_price"]) == (1, "12.9")
    assert (none.json["item"]["status"], none.json["item"]["line_price"]) == ("canceled", "0.0")
    assert api.put(f"items/{first.json['item']['id']}.json", {"item": {"quantity": 3}}).status == 422
    assert (shop.in_stock(tea), stock.audit(merchant.pk)) == ((4, 0), [])
    last = api.put(f"items/{first.json['item']['id']}.json", {"item": {"status": "canceled"}})
    assert (last.status, shop.state(order)[0], shop.in_stock(tea)) == (200, "cancelled", (5, 0))
    methods = [each["payment_method"]["name"] for each in api.get("payment_methods.json").json]
    assert {"bank_deposit", "invoice", "cod", "paypal", "custom"} <= set(methods)


def test_net_prices_keep_their_total(api: ApiClient, merchant: Merchant) -> None:
    net = {
        "origin_name": "Amazon",
        "prices_include_tax": False,
        "standard_tax_amount": "1.91",
        "shipping_cost": "0.05",
        "total": "11.96",
        "items": [{"title": "Tasse", "price": "10.01"}, {"title": "Rundungsdifferenz", "price": "-0.01"}],
    }
    made = api.post("orders.json", {"order": net})
    assert made.status == 201, made.json
    order = Order.objects.of(merchant).get()
    lines = [(line.total, line.tax) for line in order.lines.all()]
    assert (order.total, sum(total for total, _tax in lines)) == (Decimal("11.96"), Decimal("11.96"))
    assert sum(tax for _total, tax in lines) == Decimal("1.91")


def test_an_order_of_amazon_goes_the_way_of_the_pages(
    api: ApiClient, merchant: Merchant, amazon: Any
) -> None:
    tea = shop.product(merchant, counted=5)
    line = shop.new_line("11", quantity=2, product=tea, tax=shop.euro("3.16"))
    placing.place(merchant.pk, [shop.new_order("305-1", line)], now=shop.NOW)
    order = shop.stored(merchant, "305-1")
    document = api.get(f"orders/{order.pk}.json?include=items,payments").json["order"]
    assert (document["origin_name"], document["source"], document["external_id"]) == (
        "Amazon",
        "amazon",
        "305-1",
    )
    assert document["payments"][0]["comment"] == "Amazon 305-1"
    assert (document["items"][0]["tax_rate"], document["items"][0]["tax_category"]) == ("19.0", "standard")
    for form in ("json", "xml"):  # what comes back as it was read changes nothing
        whole = api.get(f"orders/{order.pk}.{form}?include=items,payments").body
        assert api.put(f"orders/{order.pk}.{form}", whole).status == 200
    assert order.events.count() == 1

    elsewhere = document["shipping_address"] | {"street": "Anderswo"}
    assert api.put(f"orders/{order.pk}.json", {"order": {"shipping_address": elsewhere}}).status == 422
    assert api.post(f"orders/{order.pk}/items.json", {"item": {"title": "Mehr", "price": 1}}).status == 422
    assert api.delete(f"orders/{order.pk}.json").status == 422
    amazon.refuses = "Amazon sagt nein."
    refused = api.put(f"orders/{order.pk}.json", {"order": {"status": "canceled"}})
    assert (refused.status, refused.json["errors"]["base"]) == (422, ["Amazon sagt nein."])
    amazon.refuses, amazon.woken = None, []
    cancelled = api.put(f"orders/{order.pk}.json", {"order": {"status": "cancelled"}})
    assert (cancelled.json["order"]["status"], amazon.woken) == ("canceled", [merchant.pk])
    assert shop.in_stock(tea) == (5, 0)
    assert api.put(f"orders/{order.pk}.json", {"order": {"status": "open"}}).status == 422


def test_lists_are_filtered_sorted_and_cost_the_same_for_many(
    api: ApiClient, merchant: Merchant, other_merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    tea = shop.product(merchant, counted=500)
    orders = [
        shop.new_order(f"305-{n}", shop.new_line("1", product=tea), shop.new_line("2"), placed_at=shop.NOW)
        for n in range(60)
    ]
    placing.place(merchant.pk, orders, now=shop.NOW)
    own = create_by_hand(
        merchant,
        ManualOrder(lines=(ManualLine(1, code=tea.code),), address=Address(name="Ben", line1="Weg 1")),
        actor="anna@example.org",
        now=shop.NOW.replace(hour=10),
    )
    dispatch.ship(
        own, carrier="DHL", tracking_number="1", quantities=None, actor="anna@example.org", now=shop.NOW
    )
    include = "include[]=items&include[]=payments&include[]=shipments&include[]=metafields"
    with django_assert_max_num_queries(16):
        many = api.get(f"orders.json?limit=250&{include}").json
    assert (len(many), many[0]["order"]["code"]) == (61, str(own.number))
    assert [shipment["tracking_code"] for shipment in many[0]["order"]["shipments"]] == ["1"]
    assert many[0]["order"]["items"][0]["shipment_id"] == many[0]["order"]["shipments"][0]["id"]

    def codes(query: str) -> list[str]:
        return [each["order"]["code"] for each in api.get(f"orders.json?{query}").json]

    assert codes("order=created_at ASC&limit=1") == ["10001"]
    assert codes("limit=2&offset=60") == ["10001"]
    assert (
        codes(f"code={own.number}")
        == codes("payment_status=not_paid")
        == codes("created_at=2026-11-23T10:12:00Z")
    )
    assert codes("status=in_progress") == [str(own.number)]
    assert codes(f"customer_id={2 * own.pk}") == [str(own.number)]
    assert len(codes("origin_name=Amazon&limit=250")) == 60
    assert codes("code=x") == codes("status=nonsense") == codes("customer_id=99999999999999999999") == []
    assert api.get("orders/count.json").json == {"count": 61}
    assert api.get("orders/count.json?status=open").json == {"count": 60}
    with django_assert_max_num_queries(12):
        assert len(api.get("items.json?limit=250").json) == 121
    counts = [api.get(f"{name}/count.json").json["count"] for name in ("items", "payments", "customers")]
    assert counts == [121, 60, 61]

    # Of all of this another merchant's client sees nothing.
    stranger = api_client(other_merchant)
    item, event = own.lines.get().pk, OrderEvent.objects.of(merchant).last()
    assert event is not None
    shipment = many[0]["order"]["shipments"][0]["id"]
    paths = [
        f"orders/{own.pk}",
        f"orders/{own.pk}/items",
        f"orders/{own.pk}/payments",
        f"orders/{own.pk}/shipments",
        f"orders/{own.pk}/events",
        f"items/{item}",
        f"payments/{many[-1]['order']['id']}",
        f"shipments/{shipment}",
        f"shipments/{shipment}/items",
        f"customers/{2 * own.pk}",
        f"shipping_addresses/{2 * own.pk}",
        f"billing_addresses/{2 * own.pk}",
        f"events/{event.pk}",
    ]
    assert {api.get(f"{path}.json").status for path in paths} == {200}
    assert {stranger.get(f"{path}.json").status for path in paths} == {404}
    writes = [stranger.put(f"{path}.json", {}).status for path in paths if path.count("/") == 1]
    assert set(writes) <= {404, 405}
    assert stranger.post(f"orders/{own.pk}/shipments.json", {"status": "delivered"}).status == 404
    assert stranger.post("payments.json", {"order_id": own.pk}).status == 422
    assert {stranger.get(f"{name}.json").json == [] for name in ("orders", "items", "events")} == {True}


def test_customers_are_who_ordered_and_who_was_written_down(api: ApiClient, merchant: Merchant) -> None:
    anna = {"email": "Anna@example.org", "firstname": "Anna", "lastname": "Müller", "active": True}
    made = api.post("customers.json", {"customer": anna | {"billing_address": ERIKA}})
    pk = made.json["customer"]["id"]
    assert (made.status, pk % 2, b"Anna" in bytes(Customer.objects.of(merchant).get().sealed_person)) == (
        201,
        1,
        False,
    )
    assert api.post("customers.json", {"customer": {"email": "anna@EXAMPLE.org"}}).status == 422
    assert api.post("customers.json", {"customer": {"firstname": "Ohne"}}).status == 422
    api.put(f"customers/{pk}.json", {"customer": {"lastname": "Meier"}})
    known = api.get(f"customers/{pk}.json?include=billing_address").json["customer"]
    assert (known["lastname"], known["billing_address"]["streetnumber"]) == ("Meier", "7 b")

    api.post("orders.json", {"order": {"customer_email": "anna@example.org", "item_total": 5}})
    api.post("orders.json", {"order": {"customer_email": "ben@example.org", "item_total": 5}})
    hers, his = Order.objects.of(merchant).order_by("id")
    listed = [each["customer"]["id"] for each in api.get("customers.json").json]
    assert listed == [pk, 2 * his.pk]
    assert [each["order"]["id"] for each in api.get(f"orders.json?customer_id={pk}").json] == [hers.pk]
    found = api.get("customers.json?email=ANNA@example.org").json
    assert [each["customer"]["id"] for each in found] == [pk]
    assert api.delete(f"customers/{2 * his.pk}.json").status == 422
    field = {
        "metafieldable_type": "Customer",
        "metafieldable_id": pk,
        "namespace": "x",
        "key": "y",
        "value": 1,
    }
    assert api.post("metafields.json", {"metafield": field}).status == 201

    forget_people(merchant.pk, [hers.pk, his.pk], actor="Kogge", now=shop.NOW)
    assert (api.get(f"customers/{pk}.json").status, api.get("customers/count.json").json["count"]) == (404, 0)


def test_nothing_that_is_sent_breaks_anything(api: ApiClient, merchant: Merchant) -> None:
    tea = shop.product(merchant, counted=3)
    create_by_hand(
        merchant, ManualOrder(lines=(ManualLine(1, code=tea.code),)), actor="anna@example.org", now=shop.NOW
    )
    order = Order.objects.of(merchant).get()
    line = order.lines.get()
    huge = ["1e999999999", "1e-999999999", 10**30, 1e300]
    odd: list[Any] = ["\0", "x" * 5000, *huge, -1, "NaN", "0.001", True, [], {}, ""]
    facts = (
        "status",
        "payment_status",
        "created_at",
        "total",
        "item_total",
        "customer_id",
        "currency",
        "note",
    )
    for turn, value in enumerate(odd):
        item = {"title": value, "quantity": value, "price": value, "tax_rate": value, "product_id": value}
        fact, other = facts[turn % len(facts)], facts[(turn + 3) % len(facts)]
        address = {"shipping_address": {"zipcode": value, "street": value}, "billing_address": value}
        posted: list[tuple[str, object]] = [
            ("orders.json", {"order": {"items": [item | {"price": "1"}], fact: value}}),
            ("orders.json", {"order": {"item_total": 1, other: value, "items": value}}),
            ("orders.json", {"order": {"item_total": value, "origin_name": value, **address}}),
            (f"orders/{order.pk}/items.json", {"item": {"title": "x", "price": value}}),
            (f"orders/{order.pk}/shipments.json", {"status": "delivered", "items": [{"id": value}]}),
            (f"orders/{order.pk}/payments.json", {"amount": value, "is_captured": False}),
            ("customers.json", {"customer": {"email": value, "billing_address": value}}),
            ("webhooks.json", {"webhook": {"url": value}}),
        ]
        put = [
            (f"orders/{order.pk}.json", {fact: value} | address),
            (f"items/{line.pk}.json", {"status": value, "quantity": value}),
            (f"shipping_addresses/{2 * order.pk}.json", {"street": value, "country": value}),
        ]
        answers = [api.post(*each) for each in posted] + [api.put(*each) for each in put]
        assert {answer.status for answer in answers} <= {200, 201, 400, 422}, value
    words = ["status", "code", "customer_id", "created_at", "order_id", "after", "email", "product_id"]
    for name in ("orders", "items", "payments", "shipments", "customers", "events", "billing_addresses"):
        for word in ("-1", "99999999999999999999999", "٣", "0001-01-01", "2026-99-99"):
            query = "&".join(f"{each}={word}" for each in words)
            assert api.get(f"{name}.json?{query}&order=;drop").status in {200, 422}
    assert stock.audit(merchant.pk) == []
    assert Mail.objects.of(merchant).count() <= 1


def test_a_request_is_done_whole_or_not_at_all(api: ApiClient, merchant: Merchant, amazon: Any) -> None:
    tea = shop.product(merchant, counted=9)
    lines = [{"product_id": tea.pk, "quantity": 3, "price": "5"}, {"title": "Gravur", "price": "5"}]
    order = api.post("orders.json", {"order": {"origin_name": "Otto", "items": lines}}).json["order"]
    path = f"orders/{order['id']}.json"
    first, second = [each["item"] for each in api.get(f"orders/{order['id']}/items.json").json]

    # Rails' way with positions: with an id it is one that is there.
    fewer = {"0": {"id": first["id"], "quantity": 2}, "1": {"title": "Schleife", "price": "1"}}
    assert api.put(path, {"order": {"items_attributes": fewer}}).status == 200
    items = [each["item"]["quantity"] for each in api.get(f"orders/{order['id']}/items.json").json]
    assert (items, shop.in_stock(tea)) == ([2, 1, 1], (7, 0))

    before = api.get(f"{path}?include=items").json
    for impossible in (
        {"status": "closed"},
        {"items_attributes": [{"id": second["id"], "quantity": 0}, {"id": 999_999}]},
        {"payment_status": "paid", "status": "returned"},
    ):
        assert api.put(path, {"order": {"note": "halb", **impossible}}).status == 422, impossible
    unknown = {"customer_id": 999_999, "items": lines}
    assert api.post("orders.json", {"order": unknown}).json["errors"] == {
        "customer_id": ["Diesen Kunden gibt es nicht."]
    }
    minus = {"status": "packing", "items": [{"id": first["id"], "quantity": -1}]}
    assert api.post(f"orders/{order['id']}/shipments.json", {"shipment": minus}).status == 422
    assert api.get(f"{path}?include=items").json == before
    assert (shop.in_stock(tea), stock.audit(merchant.pk)) == ((7, 0), [])

    # Nothing is judged before the shop is locked: two clients may send the same parcel at once.
    pk = api.post(f"orders/{order['id']}/shipments.json", {}).json["shipment"]["id"]
    part = {"status": "delivered", "carrier_name": "DHL", "items": [{"id": first["id"], "quantity": 1}]}
    with CaptureQueriesContext(connection) as asked:
        assert api.put(f"shipments/{pk}.json", {"shipment": part}).status == 200
    of_the_shop = [query["sql"] for query in asked if "backoffice_" in query["sql"]]
    assert "backoffice_shopcounter" in of_the_shop[0]


def test_who_is_forgotten_leaves_nothing_in_the_api(api: ApiClient, merchant: Merchant) -> None:
    customer = api.post("customers.json", {"customer": {"email": "erika@example.org"}}).json["customer"]["id"]
    kept = {"metafieldable_type": "Customer", "metafieldable_id": customer, "namespace": "a", "key": "b"}
    assert api.post("metafields.json", {"metafield": kept | {"value": "Erika"}}).status == 201
    new = {"customer_id": customer, "item_total": "5", "shipping_address": ERIKA}
    order = api.post("orders.json", {"order": new}).json["order"]
    assert order["customer_id"] == customer
    api.post("payments.json", {"payment": {"order_id": order["id"], "comment": "Erika Muster, Konto 7"}})
    forget_people(merchant.pk, [order["id"]], actor="uhr", now=shop.NOW)
    assert api.get(f"customers/{customer}.json").status == 404
    whole = api.get(f"orders/{order['id']}.json?include=items,payments,shipments,metafields").body
    left = (
        whole + api.get("metafields.json").body + api.get("events.json").body + api.get("customers.json").body
    )
    assert [word for word in (b"Erika", b"erika", b"Muster", b"Hamburg") if word in left] == []
    assert api.get(f"orders/{order['id']}.json").json["order"]["customer_id"] == 2 * order["id"]
