"""Shipments over the API: from the first handle to the parcel, by one id."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from kogge.backoffice import dispatch, fulfilment, placing
from kogge.backoffice.models import Mail, Order, Parcel
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand, mark_paid
from kogge.merchants.models import Merchant
from kogge.shops.port import FulfilledParcel
from kogge.values import Address, Tracking
from tests.backoffice import shop
from tests.backoffice.api.client import ApiClient, api_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(merchant: Merchant, amazon: Any) -> ApiClient:
    return api_client(merchant)


def listed(api: ApiClient, path: str) -> list[tuple[Any, ...]]:
    """Id, status, carrier, number and whether it is a part, of each shipment."""
    names = ("id", "status", "carrier_name", "tracking_code", "partial_delivery")
    return [tuple(each["shipment"][name] for name in names) for each in api.get(path).json]


def test_a_shipment_keeps_its_id_from_packing_to_the_parcel(
    api: ApiClient, merchant: Merchant, amazon: Any
) -> None:
    tea, cup = shop.product(merchant, counted=5), shop.product(merchant, "TASSE", counted=5)
    lines = shop.new_line("11", quantity=3, product=tea), shop.new_line("12", product=cup)
    placing.place(merchant.pk, [shop.new_order("305-1", *lines)], now=shop.NOW)
    order = shop.stored(merchant, "305-1")
    first, second = order.lines.all()

    made = api.post(f"orders/{order.pk}/shipments.json", {"shipment": {"status": "packing"}})
    pk = made.json["shipment"]["id"]
    assert (made.status, made.json["shipment"]["status"], shop.state(order)[2]) == (201, "packing", "packing")
    again = api.post("shipments.json", {"shipment": {"order_id": order.pk}})
    assert again.json["shipment"]["id"] == pk
    assert api.get(f"orders/{order.pk}.json").json["order"]["items_status"] == "packed"
    noted = api.put(f"shipments/{pk}.json", {"shipment": {"carrier_name": "DHL", "tracking_code": "0034"}})
    assert noted.json["shipment"] == made.json["shipment"] | {"carrier_name": "DHL", "tracking_code": "0034"}

    part = {"items": [{"id": first.pk, "quantity": 2}], "status": "delivered"}
    sent = api.put(f"shipments/{pk}.json", {"shipment": noted.json["shipment"] | part})
    assert sent.status == 200, sent.json
    assert listed(api, f"orders/{order.pk}/shipments.json") == [(pk, "delivered", "DHL", "0034", True)]
    inside = api.get(f"shipments/{pk}/items.json").json
    assert [(each["item"]["id"], each["item"]["quantity"], each["item"]["status"]) for each in inside] == [
        (first.pk, 2, "delivered")
    ]
    assert (amazon.woken, Mail.objects.of(merchant).count()) == ([merchant.pk], 1)
    items = [each["item"] for each in api.get(f"orders/{order.pk}/items.json").json]
    assert [(item["status"], item["shipment_id"]) for item in items] == [
        ("undelivered", pk),
        ("undelivered", None),
    ]

    corrected = api.put(f"shipments/{pk}.json", {"shipment": {"tracking_code": "0035"}})
    assert corrected.json["shipment"]["tracking_code"] == Parcel.objects.of(merchant).get().tracking_number
    refused = {
        "cancelling": api.put(f"orders/{order.pk}.json", {"order": {"status": "canceled"}}).status,
        "deleting": api.delete(f"shipments/{pk}.json").status,
        "back": api.put(f"shipments/{pk}.json", {"shipment": {"status": "packing"}}).status,
        "no carrier": api.post(f"orders/{order.pk}/shipments.json", {"status": "delivered"}).status,
        "too many": api.post(
            f"orders/{order.pk}/shipments.json",
            {"status": "delivered", "carrier_name": "GLS", "items": [{"id": second.pk, "quantity": 2}]},
        ).status,
        "no word": api.post(f"orders/{order.pk}/shipments.json", {"status": "lost"}).status,
    }
    assert refused == dict.fromkeys(refused, 422)

    # What is packed next can be laid aside again, and the rest goes in one.
    aside = api.post(f"orders/{order.pk}/shipments.json", {}).json["shipment"]["id"]
    assert api.delete(f"shipments/{aside}.json").status == 200
    assert api.get(f"shipments/{aside}.json").status == 404
    rest = {"status": "delivered", "carrier_name": "GLS", "tracking_code": "9"}
    last = api.post(
        "shipments.xml",
        f"<shipment><order-id>{order.pk}</order-id>"
        "<status>delivered</status><carrier-name>GLS</carrier-name>"
        "<tracking-code>9</tracking-code></shipment>",
    )
    assert (last.status, last.xml.findtext("carrier-name")) == (201, rest["carrier_name"])
    assert shop.state(order) == ("closed", "paid", "shipped")
    assert [row[1:] for row in listed(api, "shipments.json")] == [
        ("delivered", "GLS", "9", True),
        ("delivered", "DHL", "0035", True),
    ]
    assert api.get("shipments/count.json").json == {"count": 2}
    units = [
        (each["item"]["code"], each["item"]["quantity"])
        for each in api.get(f"shipments/{last.xml.findtext('id')}/items.json").json
    ]
    assert units == [("TEE-1", 1), ("TASSE", 1)]

    returned = api.put(f"orders/{order.pk}.json", {"order": {"status": "returned"}})
    assert (returned.json["order"]["status"], shop.in_stock(tea)) == ("returned", (2, 0))


def test_what_the_pages_and_a_fulfiller_send_is_there_too(
    api: ApiClient, merchant: Merchant, amazon: Any
) -> None:
    tea, cup = shop.product(merchant, counted=5), shop.product(merchant, "TASSE")
    amazon.warehouse = {cup.pk: 9}
    order = create_by_hand(
        merchant,
        ManualOrder(
            lines=(ManualLine(2, code=tea.code), ManualLine(1, code=cup.code)),
            address=Address(name="Ben", line1="Weg 1"),
        ),
        actor="anna@example.org",
        now=shop.NOW,
    )
    mark_paid(order, actor="anna@example.org", now=shop.NOW)
    dispatch.start_packing(order, actor="anna@example.org", now=shop.NOW)
    [packing] = listed(api, "shipments.json")
    assert packing[1:] == ("packing", None, None, True)  # what Amazon ships is not packed here
    parcel = FulfilledParcel("amzn-1", Tracking("DHL", "77"), "https://example.org/77", shop.NOW, {"2": 1})
    fulfilment.record_parcel(order, parcel, by="amazon", now=shop.NOW)
    dispatch.ship(
        order, carrier="GLS", tracking_number="9", quantities=None, actor="anna@example.org", now=shop.NOW
    )
    found = listed(api, f"orders/{order.pk}/shipments.json")
    assert [row[1:] for row in found] == [("delivered", "DHL", "77", True), ("delivered", "GLS", "9", True)]
    assert found[1][0] == packing[0]
    by_amazon = api.get(f"shipments/{found[0][0]}.json").json["shipment"]
    assert (by_amazon["fulfilled_by"], by_amazon["tracking_url"]) == ("amazon", "https://example.org/77")
    same = api.put(f"shipments/{found[0][0]}.json", {"shipment": by_amazon})
    other = api.put(f"shipments/{found[0][0]}.json", {"shipment": {"tracking_code": "78"}})
    assert (same.status, other.status) == (200, 422)
    kinds = [each["event"]["kind"] for each in api.get(f"events.json?order_id={order.pk}").json]
    assert kinds == ["placed", "paid", "packing", "parcel_sent", "parcel_sent"]
    assert b"anna@" not in api.get("events.json").body
    carriers = {each["carrier"]["name"]: each["carrier"]["id"] for each in api.get("carriers.json").json}
    assert api.get(f"carriers/{carriers['DHL']}.json").json["carrier"]["name"] == "DHL"
    assert api.get(f"products/{tea.pk}/carriers.json").status == 200
    assert Order.objects.of(merchant).count() == 1


def test_what_is_in_a_part_may_be_told_item_by_item(api: ApiClient, merchant: Merchant) -> None:
    """As the API of VersaCommerce has it: the shipment first, then each item says where it is."""
    lines = [{"title": f"Tasse {n}", "price": "5", "quantity": 2} for n in range(3)]
    order = api.post("orders.json", {"order": {"origin_name": "Otto", "items": lines}}).json["order"]["id"]
    items = [each["item"]["id"] for each in api.get(f"orders/{order}/items.json").json]
    first = {"status": "delivered", "carrier_name": "DHL", "tracking_code": "1", "partial_delivery": True}
    pk = api.post(f"orders/{order}/shipments.json", {"shipment": first}).json["shipment"]["id"]
    assert api.get(f"shipments/{pk}/items.json").json == []
    for item in items[:2]:
        inside = {"item": {"shipment_id": pk, "status": "delivered"}}
        for _twice in range(2):
            assert api.put(f"items/{item}.json", inside).json["item"]["shipment_id"] == pk
    assert api.put(f"items/{items[2]}.json", {"status": "delivered", "shipment_id": 1}).status == 422
    assert listed(api, "shipments.json") == [(pk, "delivered", "DHL", "1", True)]
    assert [each["item"]["id"] for each in api.get(f"shipments/{pk}/items.json").json] == items[:2]
    assert shop.state(Order.objects.of(merchant).get()) == ("in_progress", "open", "partially_shipped")


def test_a_client_that_forgets_the_prefix_is_served_as_well(api: ApiClient, client: Client) -> None:
    """The Ruby client asks without /api once it has followed an association from order to shipments."""
    for name in ("items", "payments", "shipments"):
        unsigned, signed = client.get(f"/{name}.xml"), api.browser.get(f"/{name}.xml")
        assert (unsigned.status_code, signed.status_code) == (401, 200)
