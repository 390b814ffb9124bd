"""What is found in an address before Amazon is asked: words, never what stands in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kogge.amazon.fba.addresses import STOPS, WARNS, findings, stops
from kogge.spapi.fulfillment_orders import Consignment, Line, encodable_address
from kogge.values import Address, InvalidValue

LEIPZIG = Address(
    name="Max Beispiel",
    line1="Musterallee 12",
    postal_code="04109",
    city="Leipzig",
    country="DE",
    phone="+49 341 0000000",
)


def test_nothing_is_known_against_a_plain_address() -> None:
    assert findings(LEIPZIG) == []


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({"name": " "}, ["no_name"]),
        ({"name": "", "company": "Teehaus"}, []),
        ({"line1": ""}, ["no_street"]),
        ({"line1": "", "company": "Teehaus 24"}, ["no_street"]),
        ({"line1": "", "line2": "Musterallee 12"}, []),
        ({"postal_code": ""}, ["no_postal_code"]),
        ({"city": ""}, ["no_city"]),
        ({"country": "Deutschland"}, ["no_country"]),
        ({"name": "M" * 51}, ["name_long"]),
        ({"name": "M" * 50}, []),
        ({"line1": "1" * 181}, ["line1_long"]),
        ({"line2": "1" * 61}, ["line2_long"]),
        ({"line2": "Haus 3", "line3": "x" * 40, "company": "y" * 40}, ["line3_long"]),
        ({"city": "L" * 51}, ["city_long"]),
        ({"phone": "0" * 21}, ["phone_long"]),
        ({"country": "XX", "postal_code": "0" * 21}, ["postal_code_long"]),
        ({"line1": "Musterallee"}, ["no_house_number"]),
        ({"phone": ""}, ["no_phone"]),
        ({"line1": "Packstation 145"}, ["pickup_point"]),
        ({"is_pickup_point": True}, ["pickup_point"]),
        ({"line1": "Postfach 12 34"}, ["po_box"]),
        ({"line1": "P.O. Box 7"}, ["po_box"]),
        ({"line1": "Musterallee", "phone": "", "city": ""}, ["no_city", "no_house_number", "no_phone"]),
    ],
)
def test_what_stands_out_is_named(parts: dict[str, object], found: list[str]) -> None:
    assert findings(replace(LEIPZIG, **parts)) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("country", "code", "is_possible"),
    [
        ("DE", "04109", True),
        ("DE", "4109", False),
        ("DE", "D-04109", False),
        ("AT", "1010", True),
        ("AT", "01010", False),
        ("CH", "8001", True),
        ("CH", "0800", False),
        ("FR", "75001", True),
        ("NL", "1012 ab", True),
        ("PL", "00-001", True),
        ("PL", "00001", False),
        ("GB", "SW1A 1AA", True),
        ("GB", "12345", False),
        ("IE", "D02 X285", True),  # nothing is known of it
    ],
)
def test_a_postal_code_has_to_be_possible_in_its_country(
    country: str, code: str, *, is_possible: bool
) -> None:
    found = findings(replace(LEIPZIG, country=country, postal_code=code))

    assert found == ([] if is_possible else ["postal_code"])


@pytest.mark.parametrize("typed", [" 04109", "04109 ", "04109\n", "\t04109", "\x00 04109", "04109\u2028"])
def test_what_is_judged_is_what_goes_over_the_wire(typed: str) -> None:
    address = replace(LEIPZIG, postal_code=typed, name=" Max\nBeispiel ", line1="Musterallee\t12 ")

    assert findings(address) == []
    sent = encodable_address(address)
    assert (sent.postal_code, sent.name, sent.address_line1) == ("04109", "Max Beispiel", "Musterallee 12")


@pytest.mark.parametrize(
    ("part", "typed", "found"),
    [
        ("postal_code", "０４１０９", ["postal_code"]),
        ("postal_code", "٠٤١٠٩", ["postal_code"]),
        ("postal_code", "\x00", ["no_postal_code"]),
        ("name", " \x07", ["no_name"]),
        ("line1", "\x00\n", ["no_street"]),
        ("city", "\x1f ", ["no_city"]),
    ],
)
def test_what_would_arrive_empty_or_in_foreign_digits_is_found(
    part: str, typed: str, found: list[str]
) -> None:
    address = replace(LEIPZIG, **{part: typed})  # type: ignore[arg-type]

    assert findings(address) == found
    if found[0].startswith("no_"):
        with pytest.raises(InvalidValue):
            Consignment("A1PA6795UKMFR9", address, (Line("1", "TS-01", 1),))


def test_only_some_findings_stop_an_order() -> None:
    assert all(stops([word]) for word in STOPS)
    assert not stops(list(WARNS))
