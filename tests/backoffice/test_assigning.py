"""Saying on the order page which product a free line is."""

from __future__ import annotations

import pytest

from kogge.backoffice import orders
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from tests.backoffice.shop import NOW, ListeningChannel, in_stock, new_line, new_order, product, stored

ANNA = "anna@example.org"


@pytest.mark.django_db
def test_the_channel_hears_which_product_a_line_is(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea = product(merchant, counted=10)
    orders.place(merchant.pk, [new_order("305-0000001-0000001", new_line("7", quantity=2))], now=NOW)
    line = stored(merchant).lines.get()

    orders.assign_product(line, tea, actor=ANNA, now=NOW)
    orders.assign_product(line, tea, actor=ANNA, now=NOW)

    assert in_stock(tea) == (8, 0)
    assert amazon.assigned == [("7", tea.code, ANNA)]


@pytest.mark.django_db
def test_a_line_keeps_the_product_it_has(merchant: Merchant, amazon: ListeningChannel) -> None:
    tea, coffee = product(merchant, "TEE", counted=10), product(merchant, "KAFFEE", counted=10)
    orders.place(merchant.pk, [new_order()], now=NOW)
    line = stored(merchant).lines.get()
    orders.assign_product(line, tea, actor=ANNA, now=NOW)

    with pytest.raises(Refusal):
        orders.assign_product(line, coffee, actor=ANNA, now=NOW)

    assert in_stock(tea) == (9, 0)
    assert in_stock(coffee) == (10, 0)
