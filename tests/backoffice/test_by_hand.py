from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kogge.backoffice import orders, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.models import Order
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.people import read_people
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.shops.port import Reservation
from tests.backoffice.shop import ERIKA, NOW, ListeningChannel, in_stock, product, state

ANNA = "anna@example.org"


def create(merchant: Merchant, *lines: ManualLine, **facts: Any) -> Order:
    return create_by_hand(merchant, ManualOrder(lines=lines, **facts), actor=ANNA, now=NOW)


def test_an_order_by_article_number_takes_title_price_and_stock_from_the_product(merchant: Merchant) -> None:
    tea = product(merchant, counted=10, price="11.90")

    order = create(merchant, ManualLine(2, code="TEE-1"), buyer_name="Erika", address=ERIKA)

    line = order.lines.get()
    assert (line.title, line.unit_price, line.total, line.tax) == (
        "Tee TEE-1",
        Decimal("11.90"),
        Decimal("23.80"),
        Decimal("3.80"),
    )
    assert state(order) == ("open", "open", "open")
    assert (order.channel, order.number, order.total) == ("manual", 10001, Decimal("23.80"))
    assert in_stock(tea) == (8, 0)
    assert read_people(order).shipping == ERIKA
    assert stock.audit(merchant.pk) == []


def test_the_delivery_is_paid_once_and_the_lines_add_up(merchant: Merchant) -> None:
    order = create(
        merchant,
        ManualLine(1, title="Gravur", unit_price=Decimal("4.50")),
        ManualLine(1, title="Karte", unit_price=Decimal("2.00")),
        shipping=Decimal("4.90"),
        paid=True,
    )

    assert order.total == Decimal("11.40")
    assert [line.total for line in order.lines.all()] == [Decimal("9.40"), Decimal("2.00")]
    assert state(order)[1] == "paid"


def test_orders_by_hand_are_all_different(merchant: Merchant) -> None:
    line = ManualLine(1, title="Karte", unit_price=Decimal(2))

    assert [create(merchant, line).number, create(merchant, line).number] == [10001, 10002]


@pytest.mark.parametrize(
    ("line", "facts", "part"),
    [
        (ManualLine(1, code="WEG"), {}, "Position 1: Ein Produkt mit der Artikelnummer WEG gibt es nicht."),
        (ManualLine(1), {}, "Gib eine Artikelnummer oder einen Titel an"),
        (ManualLine(1, title="Karte"), {}, "Gib einen Preis an"),
        (ManualLine(0, code="TEE-1"), {}, "0 ist keine Stückzahl"),
        (ManualLine(1, code="TEE-1", unit_price=Decimal("1.999")), {}, "mehr als zwei Nachkommastellen"),
        (ManualLine(1, code="TEE-1", unit_price=Decimal("1e99")), {}, "mehr als zwei Nachkommastellen"),
        (ManualLine(1, code="TEE-1", unit_price=Decimal("NaN")), {}, "mehr als zwei Nachkommastellen"),
        (ManualLine(1, code="TEE-1"), {"currency": "Euro"}, "Die Währung"),
        (ManualLine(1, code="TEE-1"), {"currency": "CHF"}, "Der Preis steht in EUR, die Bestellung in CHF"),
        (ManualLine(1, code="TEE-1"), {"shipping": Decimal(-1)}, "Versandkosten können nicht negativ sein"),
        (ManualLine(10**7, code="TEE-1"), {}, "keine sinnvolle Stückzahl"),
    ],
)
def test_what_makes_no_order_is_refused_in_a_sentence(
    merchant: Merchant, line: ManualLine, facts: dict[str, Any], part: str
) -> None:
    product(merchant, counted=5)

    with pytest.raises(Refusal) as refused:
        create(merchant, line, **facts)

    assert part in refused.value.sentence
    assert not Order.objects.of(merchant).exists()


def test_an_order_without_lines_is_refused(merchant: Merchant) -> None:
    with pytest.raises(Refusal, match="mindestens eine Position"):
        create(merchant)


def test_a_cancelled_order_by_hand_stays_paid_until_the_merchant_pays_back(merchant: Merchant) -> None:
    order = create(merchant, ManualLine(1, title="Karte", unit_price=Decimal(2)), paid=True)

    orders.cancel(order, "no_inventory", actor=ANNA, now=NOW)

    assert state(order) == ("cancelled", "paid", "cancelled")


def test_more_than_there_is_is_not_sold(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)

    with pytest.raises(Refusal) as refused:
        create(merchant, ManualLine(4, code="TEE-1"), ManualLine(2, code="TEE-1"))

    assert refused.value.sentence == (
        "Von Tee TEE-1 (TEE-1) willst du 6 Stück verkaufen. Verfügbar: 5. "
        "Korrigiere den Warenbestand oder lass beim Produkt „Überverkauf“ zu."
    )
    assert in_stock(tea) == (5, 0)
    assert not Order.objects.of(merchant).exists()


def test_what_is_held_back_for_a_channel_is_not_sold(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)
    BuiltinShop(merchant.pk).reserve([Reservation("amazon:305-1:1", str(tea.pk), 3)], now=NOW)

    with pytest.raises(Refusal, match="Verfügbar: 2"):
        create(merchant, ManualLine(3, code="TEE-1"))
    create(merchant, ManualLine(2, code="TEE-1"))

    assert in_stock(tea) == (3, 3)


def test_a_product_that_may_be_oversold_is_sold_and_flagged(merchant: Merchant) -> None:
    tea = product(merchant, counted=5)
    tea.may_oversell = True
    tea.save()

    order = create(merchant, ManualLine(7, code="TEE-1"))

    assert order.lines.get().oversold == 2
    assert in_stock(tea) == (0, 0)
    assert stock.audit(merchant.pk) == []


def test_the_way_it_is_sent_is_kept(merchant: Merchant) -> None:
    line = ManualLine(1, title="Karte", unit_price=Decimal(2))

    assert create(merchant, line, shipping_method="Express").service_level == "Express"


def test_what_lies_in_a_channels_warehouse_is_sold_from_there(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea, pot = product(merchant, counted=1), product(merchant, "KANNE", counted=5)
    amazon.warehouse = {tea.pk: 3}

    order = create(
        merchant, ManualLine(2, code="TEE-1"), ManualLine(1, code="TEE-1"), ManualLine(1, code="KANNE")
    )

    assert [line.fulfilled_by for line in order.lines.all()] == ["amazon", "amazon", ""]
    assert order.fulfiller == ""
    assert (in_stock(tea), in_stock(pot)) == ((1, 0), (4, 0))
    assert amazon.own_woken == [merchant.pk]
    assert stock.audit(merchant.pk) == []


def test_an_order_that_a_channel_ships_whole_is_its_own_from_the_start(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    amazon.warehouse = {product(merchant).pk: 3}

    assert create(merchant, ManualLine(3, code="TEE-1")).fulfiller == "amazon"


@pytest.mark.parametrize(
    ("wanted", "counts", "ships"),
    [(4, True, True), (3, False, True), (3, True, False)],
    ids=["more than either has", "not to be sold from there", "not shipped from there"],
)
def test_more_than_lies_in_one_place_is_not_sold(
    merchant: Merchant, amazon: ListeningChannel, wanted: int, counts: bool, ships: bool
) -> None:
    tea = product(merchant, counted=2)
    amazon.warehouse, amazon.sells_pool, amazon.ships_pool = {tea.pk: 3}, counts, ships

    with pytest.raises(Refusal) as refused:
        create(merchant, ManualLine(wanted, code="TEE-1"))

    assert "Verfügbar: 2 (Amazon-Lager: 3)." in refused.value.sentence
    assert in_stock(tea) == (2, 0)


def test_what_the_warehouse_has_not_is_sold_from_the_own_stock(
    merchant: Merchant, amazon: ListeningChannel
) -> None:
    tea = product(merchant, counted=9)
    amazon.warehouse = {tea.pk: 3}

    order = create(merchant, ManualLine(4, code="TEE-1"))

    assert (order.lines.get().fulfilled_by, in_stock(tea)) == ("", (5, 0))
