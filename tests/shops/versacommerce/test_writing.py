"""Orders and addresses as the shop's documents: nothing lost, and the parts add up to the cent."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogge.shops.versacommerce.addresses import (
    address_fields,
    address_from,
    known_fields,
    normal_form,
    split_street,
)
from kogge.shops.versacommerce.reading import Document
from kogge.shops.versacommerce.writing import (
    Item,
    items_of,
    note_of,
    note_without_people,
    order_fields,
    sums_of,
)
from kogge.values import Address

from .conftest import ORDER_ID, a_line, an_order, euro


@pytest.mark.parametrize(
    ("line", "country", "split"),
    [
        ("Hauptstr. 5", "DE", ("Hauptstr.", "5")),
        ("Hauptstr. 5 a", "DE", ("Hauptstr.", "5 a")),
        ("Musterweg 12-14", "DE", ("Musterweg", "12-14")),
        ("Musterweg 12 - 14", "AT", ("Musterweg", "12 - 14")),
        ("Am Deich 3a/2", "DE", ("Am Deich", "3a/2")),
        ("Straße des 17. Juni 135", "DE", ("Straße des 17. Juni", "135")),
        ("Packstation 145", "DE", ("Packstation", "145")),
        ("Q7 24", "DE", ("Q7", "24")),
        ("Lindenallee", "DE", ("Lindenallee", "")),
        ("Hauptstr. 5 Hinterhaus", "DE", ("Hauptstr. 5 Hinterhaus", "")),
        ("Hauptstr.5", "DE", ("Hauptstr.5", "")),
        ("12 rue de l'Exemple", "FR", ("12 rue de l'Exemple", "")),
        ("rue du 8 mai 1945", "FR", ("rue du 8 mai 1945", "")),
        ("12 12", "DE", ("12 12", "")),
        ("", "DE", ("", "")),
    ],
)
def test_a_house_number_is_split_off_where_it_is_one(line: str, country: str, split: tuple[str, str]) -> None:
    assert split_street(line, country) == split


_LINES = st.one_of(
    st.text(alphabet="Aßz5 0-./,\u00a0\n'·", max_size=12),
    st.sampled_from(
        ["", "Hauptstr. 5 a", "Musterweg 12-14", "Packstation 145", "c/o Meier", "3. Etage", "4", "5 6"]
    ),
)
_ADDRESSES = st.builds(
    Address,
    name=_LINES,
    company=_LINES,
    line1=_LINES,
    line2=_LINES,
    line3=_LINES,
    postal_code=st.sampled_from(["", "01067", "1010", "K1A 0B1"]),
    city=_LINES,
    state=st.sampled_from(["", "unbekannt", "Bayern"]),
    country=st.sampled_from(["", "DE", "AT", "FR", "GB"]),
    phone=_LINES,
    is_pickup_point=st.booleans(),
)


@given(_ADDRESSES)
def test_an_address_loses_nothing_on_its_way_there_and_back(address: Address) -> None:
    back = address_from(Document(address_fields(address)))

    assert back == normal_form(address)
    assert normal_form(back) == back
    for part in ("name", "company", "city", "phone", "postal_code", "country"):
        assert getattr(back, part) == " ".join(getattr(address, part).split())
    written, read = (
        "".join(f"{each.line1}{each.line2}{each.line3}".replace("·", "").split()) for each in (address, back)
    )
    assert read == written


def test_what_is_empty_overwrites_nothing() -> None:
    assert known_fields(Address(city="Emden")) == {"city": "Emden"}
    assert known_fields(Address(line1="Am Deich")) == {
        "street": "Am Deich",
        "streetnumber": "",
        "extension": "",
    }
    assert known_fields(Address()) == {}


_CENTS = st.integers(min_value=0, max_value=99_999).map(lambda cents: str(Decimal(cents).scaleb(-2)))


@st.composite
def _lines(draw: Any) -> Any:
    quantity = draw(st.integers(min_value=0, max_value=7))
    return a_line(
        draw(_CENTS),
        quantity,
        draw(_CENTS),
        shipping=draw(st.sampled_from(["0.00", "3.99"])),
        gift_wrap=draw(st.sampled_from(["0.00", "2.49"])),
        other=draw(st.sampled_from(["0.00", "0.01", "-1.00"])),
        discount=draw(st.sampled_from(["0.00", "-2.00", "-0.03"])),
        tax=draw(_CENTS),
        net=draw(st.booleans()),
        cancelled=draw(st.integers(min_value=0, max_value=quantity)),
    )


@given(st.lists(_lines(), min_size=1, max_size=4), st.sampled_from(["0.00", "0.01", "-0.02"]))
def test_the_parts_of_a_document_add_up(lines: Any, rounding: str) -> None:
    order = an_order(*lines, rounding=rounding)
    items = items_of(order, {1: "4711"})
    found = order_fields(order, items, is_paid=True, with_email=True)
    number = {name: Decimal(str(found.get(name, 0))) for name in _SUMS}

    assert sum(Decimal(str(item.fields()["line_price"])) for item in items) == number["item_total"]
    assert all(item.quantity * item.price == item.line_price for item in items)
    assert number["item_total"] + number["shipping_cost"] + number["payment_cost"] == number["subtotal"]
    tax = 0 if found["prices_include_tax"] else number["standard_tax_amount"] + number["reduced_tax_amount"]
    assert number["subtotal"] - number["discount_total"] + tax == number["total"] == order.total.amount
    assert sums_of(order, items).total == order.total.amount
    units = sum(line.quantity - line.cancelled for line in lines) or sum(line.quantity for line in lines)
    assert sum(item.quantity for item in items if item.code) == units


_SUMS = (
    "item_total",
    "shipping_cost",
    "payment_cost",
    "subtotal",
    "discount_total",
    "total",
    "standard_tax_amount",
    "reduced_tax_amount",
)


def test_an_order_as_the_shop_gets_it() -> None:
    order = an_order(
        a_line(
            "10.00",
            3,
            "3.33",
            shipping="3.99",
            gift_wrap="2.00",
            discount="-1.00",
            tax="2.39",
            gift_text="Alles\nGute",
        ),
        a_line("4.28", 1, "4.28", code="BUCH", title="Buch", tax="0.28"),
        a_line("5.00", 2, "5.00", code="WEG", title="Weg", cancelled=2, other="0.50"),
        rounding="0.01",
        purchase_order_number="PO 7",
        note="Ersatz",
    )
    items = items_of(order, {1: "4711"})
    found = order_fields(order, items, is_paid=True, with_email=True)

    assert [item.fields() for item in items] == [
        {
            "title": "Kaffeebecher rot",
            "quantity": 3,
            "price": "3.33",
            "line_price": "9.99",
            "code": "BECHER-ROT",
            "product_id": 4711,
            "tax_rate": "19.0",
            "tax_category": "standard",
        },
        {
            "title": "Buch",
            "quantity": 1,
            "price": "4.28",
            "line_price": "4.28",
            "code": "BUCH",
            "tax_rate": "7.0",
            "tax_category": "reduced",
        },
        {"title": "Geschenkverpackung", "quantity": 1, "price": "2.00", "line_price": "2.00"},
        {"title": "Weitere Kosten", "quantity": 1, "price": "5.50", "line_price": "5.50"},
        {"title": "Rundungsdifferenz", "quantity": 1, "price": "0.02", "line_price": "0.02"},
    ]
    address = {
        "firstname": "Erika",
        "lastname": "Muster",
        "company": "",
        "street": "Hauptstr.",
        "streetnumber": "5 a",
        "extension": "",
        "zipcode": "30159",
        "city": "Hannover",
        "state": "",
        "country": "DE",
        "phone": "",
    }
    assert found == {
        "status": "open",
        "payment_type": "custom",
        "payment_status": "paid",
        "source": "amazon",
        "origin_name": "Amazon",
        "currency": "€",
        "prices_include_tax": True,
        "item_total": "21.79",
        "shipping_cost": "3.99",
        "payment_cost": "0.00",
        "discount_total": "1.00",
        "subtotal": "25.78",
        "total": "24.78",
        "standard_tax_amount": "2.39",
        "standard_tax_total": "14.99",
        "standard_tax_rate": "19.0",
        "reduced_tax_amount": "0.28",
        "reduced_tax_total": "4.28",
        "reduced_tax_rate": "7.0",
        "checkout_locale": "de",
        "customer_email": "abc123@marketplace.amazon.de",
        "shipping_address": address | {"category": "shipping"},
        "billing_address": address,
        "note": f"Amazon-Bestellung: {ORDER_ID}\nGekauft bei Amazon.de\nBestellnummer des Kunden: PO 7\n"
        "Geschenktext: Alles Gute\n"
        "Beim Kauf schon storniert: 2 × Weg\nErsatz",
    }


def test_a_net_order_says_so() -> None:
    order = an_order(a_line("10.00", 1, "10.00", tax="1.90", net=True))
    found = order_fields(order, items_of(order, {}), is_paid=False, with_email=False)

    assert (found["prices_include_tax"], found["standard_tax_amount"], found["total"]) == (
        False,
        "1.90",
        "11.90",
    )
    assert "customer_email" not in found
    assert "payment_status" not in found


def test_an_order_that_is_wholly_cancelled_keeps_its_lines() -> None:
    order = an_order(a_line(cancelled=2))

    assert items_of(order, {}) == [Item("Kaffeebecher rot", 2, Decimal("12.90"), "BECHER-ROT")]


def test_a_gift_goes_to_somebody_else_than_the_bill() -> None:
    order = an_order(buyer_name="Max Beispiel", company="Tee GmbH")
    found = order_fields(order, items_of(order, {}), is_paid=True, with_email=True)
    bill = address_from(Document(found["billing_address"]))  # type: ignore[arg-type]
    parcel = address_from(Document(found["shipping_address"]))  # type: ignore[arg-type]

    assert (bill.name, bill.company, bill.city) == ("Max Beispiel", "Tee GmbH", "Hannover")
    assert (parcel.name, parcel.company) == ("Erika Muster", "")


def test_a_note_without_its_people_keeps_what_others_wrote() -> None:
    note = note_of(an_order(a_line(gift_text="Für Oma"), purchase_order_number="7")) + "\nFach 3, eilig"

    assert note_without_people(note).splitlines() == [
        f"Amazon-Bestellung: {ORDER_ID}",
        "Gekauft bei Amazon.de",
        "Fach 3, eilig",
    ]
    assert euro("0.00") == an_order().rounding
