"""What the Ruby client puts on the wire, recorded from it: XML by ActiveResource, all it holds at each PUT.

It takes the id of what it made from the Location, the new state of what it changed from the next GET, and an
error for a field from "Title …".
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from django.test import Client

from kogge.backoffice import stock
from kogge.backoffice.models import Order, Parcel
from kogge.merchants.models import Merchant
from tests.backoffice import shop
from tests.backoffice.api.client import ApiClient, api_client

pytestmark = pytest.mark.django_db

SENT_TYPES = {"datetime": "dateTime"}  # how Ruby writes what it read


@pytest.fixture
def api(merchant: Merchant, amazon: Any) -> ApiClient:
    return api_client(merchant)


def held(read: Element) -> Element:
    """What the client holds of a document and sends back: typed; empty text has become nil."""
    element = Element(read.tag, {"type": SENT_TYPES.get(kind, kind)} if (kind := read.get("type")) else {})
    element.extend(held(child) for child in read)
    element.text = read.text
    if not len(read) and not read.text and kind != "array":
        element.attrib = {"nil": "true"}
    return element


def put(api: ApiClient, path: str, document: Element) -> int:
    """As the client sends it; what comes back it does not read."""
    response = api.browser.put(
        path, tostring(document), content_type="application/xml", headers={"Accept": "*/*"}
    )
    return response.status_code


def document(root: str, **fields: str) -> str:
    """A document whose values are all typed as Ruby's are: a float, an integer, or text."""
    element = Element(root)
    for name, value in fields.items():
        kind = "float" if "." in value and value.replace(".", "").isdigit() else ""
        kind = "integer" if value.isdigit() and not value.startswith("0") else kind
        SubElement(element, name.replace("_", "-"), {"type": kind} if kind else {}).text = value
    return tostring(element, encoding="unicode")


def new_order(product_id: int) -> str:
    """An order with its positions and addresses, as recorded."""
    address = (
        "<firstname>Erika</firstname><lastname>Müßter</lastname><street>Hauptstr.</street>"
        "<streetnumber>5</streetnumber><zipcode>01067</zipcode><city>Dresden</city><country>DE</country>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<order>
  <customer-email>erika@example.org</customer-email>
  <shipping-cost type="float">3.99</shipping-cost>
  <note>Bitte klingeln &amp; warten</note>
  <items type="array">
    <item>
      <product-id type="integer">{product_id}</product-id>
      <quantity type="integer">2</quantity>
      <price type="float">9.99</price>
    </item>
    <item>
      <title>Gravur</title>
      <quantity type="integer">1</quantity>
      <price type="float">5.0</price>
    </item>
  </items>
  <shipping-address>{address}</shipping-address>
  <billing-address>{address}</billing-address>
</order>"""


def test_an_order_goes_to_and_fro_as_the_ruby_client_sends_it(api: ApiClient, merchant: Merchant) -> None:
    tea = shop.product(merchant, counted=5)
    made = api.post("orders.xml", new_order(tea.pk))
    pk = made.headers["Location"].rpartition("/")[2].removesuffix(".xml")
    assert (made.status, api.get("orders/count.xml").xml.text) == (201, "1")
    read = api.get(f"orders/{pk}.xml?include=items").xml
    assert (read.findtext("total"), read.findtext("shipping-address/zipcode")) == ("28.97", "01067")

    # One thing is changed, and everything comes back: customer, addresses and positions in it.
    whole = held(read)
    assert [whole.find(name) is not None for name in ("customer", "billing-address", "items/item")] == [
        True
    ] * 3
    note = whole.find("note")
    assert note is not None
    note.text = "geändert"
    assert put(api, f"/api/orders/{pk}.xml", whole) == 200
    order = Order.objects.of(merchant).get()
    assert (order.note, order.lines.count(), str(order.total), shop.in_stock(tea)) == (
        "geändert",
        2,
        "28.97",
        (3, 0),
    )
    assert [event.details["parts"] for event in order.events.filter(kind="changed")] == [["note"]]

    payment = document("payment", order_id=pk, amount="28.97", category="custom", is_captured="true")
    assert api.post("payments.xml", payment).headers["Location"].endswith(f"/api/payments/{pk}.xml")
    parcel = document("shipment", order_id=pk, carrier_name="DHL", tracking_code="0034", status="delivered")
    sent = api.post("shipments.xml", parcel).headers["Location"].rpartition("/api")[2]
    assert shop.state(Order.objects.of(merchant).get()) == ("closed", "paid", "shipped")

    # Once it has followed an association, it asks and writes without /api.
    asked = api.browser.get(sent)
    shipment = held(api.get(sent.removeprefix("/")).xml)
    code = shipment.find("tracking-code")
    assert code is not None
    code.text = "0035"
    assert (asked.status_code, put(api, sent, shipment)) == (200, 200)
    assert Parcel.objects.of(merchant).get().tracking_number == "0035"

    cancelled = held(api.get(f"orders/{pk}.xml").xml)
    status = cancelled.find("status")
    assert status is not None
    status.text = "canceled"
    assert put(api, f"/api/orders/{pk}.xml", cancelled) == 422
    assert (shop.in_stock(tea), stock.audit(merchant.pk)) == ((3, 0), [])


def test_errors_begin_with_the_name_of_their_field(api: ApiClient, client: Client) -> None:
    refused = api.post("products.xml", document("product", title="", code="T-1"))
    assert refused.status == 422
    assert [error.text for error in refused.xml if str(error.text).startswith("Title ")]
    assert api.browser.head("/api/products/987654321.xml").status_code == 404
    assert client.get("/shipments.xml").status_code == 401
