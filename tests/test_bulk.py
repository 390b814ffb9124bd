"""Rows written at once are the rows one would have written one by one, whatever they hold."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from kogge import bulk
from kogge.backoffice.models import Order, OrderEvent, OrderLine, OrderWord, Product
from tests.backoffice.shop import NOW

WORDS = ["", "Tee", "a\tb", 'with "quotes"', "{brace,comma}", "back\\slash", "NULL", "Straße ☕", "it's %s"]


def order(merchant: Any, number: int, **more: Any) -> Order:
    facts: dict[str, Any] = {
        "merchant_id": merchant.pk,
        "number": number,
        "channel": "amazon",
        "external_id": f"A-{number}",
        "placed_at": NOW + timedelta(microseconds=number),
        "created_at": NOW,
        "changed_at": NOW,
        "currency": "EUR",
        "total": Decimal("9.90"),
    }
    return Order(**facts | more)


def line(of: Order, position: int, **more: Any) -> OrderLine:
    facts: dict[str, Any] = {
        "unit_price": Decimal("1.10"),
        "goods": Decimal("1.10"),
        "total": Decimal("1.10"),
    }
    return OrderLine(
        merchant_id=of.merchant_id, order=of, position=position, title="Tee", quantity=1, **facts | more
    )


def test_what_is_read_back_is_what_was_written(merchant: Any) -> None:
    rows = [
        order(
            merchant,
            number,
            note=word,
            # Of several types on purpose: a word of the enumeration and a word, whole numbers and amounts.
            status=Order.Status.OPEN if number % 2 else "closed",
            rounding=number if number % 2 else Decimal("-0.01"),
            ship_by=NOW if number % 3 else None,
            sealed_people=bytes([number, 0, 255]) if number % 4 else None,
            notify_buyer=bool(number % 2),
        )
        for number, word in enumerate(WORDS, start=1)
    ]

    bulk.insert(rows)

    for row in rows:
        found = Order.objects.of(merchant).get(pk=row.pk)
        assert {field.attname: getattr(found, field.attname) for field in Order._meta.concrete_fields} == {
            field.attname: getattr(row, field.attname) for field in Order._meta.concrete_fields
        }
        assert not row._state.adding


def test_rows_learn_the_keys_of_parents_that_had_none(merchant: Any) -> None:
    orders = [order(merchant, 1), order(merchant, 2)]
    lines = [line(of, position) for of in orders for position in (1, 2)]

    bulk.insert(orders)
    bulk.insert(lines)
    bulk.insert(OrderWord(merchant=merchant, order=of, fingerprint=b"\x00\xff\\x") for of in orders)

    assert [(line.order_id, line.pk is not None) for line in lines] == [
        (of.pk, True) for of in orders for _position in (1, 2)
    ]
    assert {bytes(word.fingerprint) for word in OrderWord.objects.of(merchant)} == {b"\x00\xff\\x"}


def test_documents_are_kept(merchant: Any) -> None:
    bulk.insert([of := order(merchant, 1)])
    documents: list[Any] = [{}, {"carrier": 'DHL "Paket"', "quantities": {"1": 2}}, {"list": [1, None, "ä"]}]

    bulk.insert(
        OrderEvent(
            merchant=merchant, order=of, kind=OrderEvent.Kind.PLACED, at=NOW, channel="x", details=document
        )
        for document in documents
    )

    assert [event.details for event in of.events.all()] == documents


def test_rows_that_are_all_alike_are_all_written(merchant: Any) -> None:
    bulk.insert([of := order(merchant, 1)])
    alike: dict[str, Any] = {"merchant": merchant, "order": of, "kind": "paid", "at": NOW, "channel": "x"}

    bulk.insert(OrderEvent(**alike) for _number in range(3))
    bulk.insert([])

    assert of.events.count() == 3


def test_known_rows_are_changed_or_left(merchant: Any) -> None:
    first = [Product(merchant=merchant, code=code, title="old", price=1, changed_at=NOW) for code in "ab"]
    bulk.insert(first)
    again = [Product(merchant=merchant, code=code, title="new", price=2, changed_at=NOW) for code in "bc"]

    bulk.insert(again, unique_fields=("merchant", "code"), update_fields=("title",))
    bulk.insert(
        [Product(merchant=merchant, code="a", title="ignored", price=3, changed_at=NOW)],
        ignore_conflicts=True,
    )

    found = Product.objects.of(merchant).order_by("code").values_list("pk", "code", "title", "price")
    assert list(found) == [
        (first[0].pk, "a", "old", Decimal(1)),
        (first[1].pk, "b", "new", Decimal(1)),
        (again[1].pk, "c", "new", Decimal(2)),
    ]
    assert again[0].pk == first[1].pk


def test_what_cannot_be_stored_is_refused_and_never_cut(merchant: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert([order(merchant, 1), order(merchant, 1)])
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError), transaction.atomic():
            bulk.insert([order(merchant, 1), order(merchant, 2, currency="EURO")])
    assert not Order.objects.of(merchant).exists()


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite takes so many values in one statement"
)
def test_a_page_is_one_statement(merchant: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        bulk.insert(order(merchant, number, note=str(number)) for number in range(1, 501))

    assert len(captured) == 1
