"""Own orders that a channel ships: what merchant, customer and stock see of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from kogge.backoffice import dispatch, fulfilment, orders, returns, stock
from kogge.backoffice.builtin_shop import BuiltinShop
from kogge.backoffice.mail import read_message
from kogge.backoffice.models import Order, OrderLine, Parcel, Product
from kogge.backoffice.orders import ManualLine, ManualOrder, create_by_hand
from kogge.backoffice.people import read_people
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.search import OrderFilter, find_orders
from kogge.merchants.models import Merchant
from kogge.shops.port import FulfilledParcel
from kogge.values import Address, Tracking
from tests.backoffice.shop import ERIKA, NOW, ListeningChannel, in_stock, new_order, product, state

ANNA = "anna@example.org"
LATER = NOW + timedelta(hours=3)
MAX = Address(name="Max Neu", line1="Feldweg 1", postal_code="80331", city="München", country="DE")


@pytest.fixture
def tea(merchant: Merchant) -> Product:
    return product(merchant, "TEE-1", counted=10)


@pytest.fixture
def order(merchant: Merchant, amazon: ListeningChannel, tea: Product) -> Order:
    """Three of what the channel ships and one of what the merchant ships, paid."""
    product(merchant, "KANNE", counted=10)
    amazon.warehouse = {tea.pk: 5}
    return sell(merchant, ManualLine(3, code="TEE-1"), ManualLine(1, code="KANNE"))


def sell(merchant: Merchant, *lines: ManualLine, **facts: Any) -> Order:
    told = {
        "buyer_name": "Erika Muster",
        "email": "erika@example.org",
        "address": ERIKA,
        "paid": True,
        **facts,
    }
    return create_by_hand(merchant, ManualOrder(lines, **told), actor=ANNA, now=NOW)


def ship(order: Order, quantities: dict[int, int] | None = None) -> Parcel:
    return dispatch.ship(
        order, carrier="DHL", tracking_number="T", quantities=quantities, actor=ANNA, now=NOW
    )


def arrive(order: Order, quantities: dict[str, int], key: str = "s1-p1", **facts: Any) -> Parcel:
    """The channel's parcel becomes known."""
    told = {"tracking": Tracking("DHL", "T1"), "tracking_url": "", "sent_at": NOW, **facts}
    fulfilment.record_parcel(
        order, FulfilledParcel(key, quantities=quantities, **told), by="amazon", now=LATER
    )
    return order.parcels.get(key=key)


def change(order: Order, **what: Any) -> bool:
    return orders.change_order(order, **what, actor=ANNA, now=LATER)


def kinds(order: Order) -> list[str]:
    return list(order.events.values_list("kind", flat=True))


def shippers(order: Order) -> list[str]:
    return list(order.lines.values_list("fulfilled_by", flat=True))


# --- dispatch -------------------------------------------------------------------------------------


def test_the_merchants_parcel_holds_only_what_the_merchant_ships(
    order: Order, amazon: ListeningChannel
) -> None:
    parcel = ship(order)

    assert {item.line.position for item in parcel.items.all()} == {2}
    order.refresh_from_db()
    assert order.fulfiller == "amazon"
    assert amazon.woken == [], "it is no order of the channel"
    assert len(amazon.own_woken) == 2


def test_what_a_channel_ships_is_refused_in_a_sentence(order: Order) -> None:
    with pytest.raises(Refusal, match="Position 1 versendet Amazon, sie kann nicht in deine Sendung"):
        ship(order, {1: 1, 2: 1})
    ship(order, {1: 0, 2: 1})

    for act in (lambda: ship(order), lambda: dispatch.start_packing(order, actor=ANNA, now=NOW)):
        with pytest.raises(Refusal, match="Was von Bestellung 10001 noch offen ist, versendet Amazon"):
            act()


def test_packing_ends_when_all_that_is_open_is_with_the_channel(order: Order) -> None:
    dispatch.start_packing(order, actor=ANNA, now=NOW)

    arrive(order, {"1": 1})
    still = state(order)[2]
    ship(order)
    fulfilment.hand_over(order, [1], by="amazon", now=NOW)

    assert still == "packing"
    assert state(order) == ("in_progress", "paid", "partially_shipped")


def test_the_merchant_ships_after_all_what_the_channel_lets_go(
    order: Order, tea: Product, amazon: ListeningChannel
) -> None:
    amazon.keeps = "Storniere zuerst den Auftrag bei Amazon."
    with pytest.raises(Refusal, match="Storniere zuerst"):
        fulfilment.ship_self(order, actor=ANNA, now=LATER)
    amazon.keeps = ""

    fulfilment.ship_self(order, actor=ANNA, now=LATER)

    assert amazon.released == [(order.number, "shipped")] * 2
    assert in_stock(tea) == (7, 0)
    assert {item.line.position: item.quantity for item in ship(order).items.all()} == {1: 3, 2: 1}
    with pytest.raises(Refusal, match="nichts zurückzuholen"):
        fulfilment.ship_self(order, actor=ANNA, now=LATER)


def test_handing_over_and_taking_back_are_told_in_the_log_without_people(
    order: Order, merchant: Merchant
) -> None:
    fulfilment.take_back(order, [1, 2], by="amazon", now=NOW)
    fulfilment.hand_over(order, [2, 1], by="amazon", now=NOW)

    assert kinds(order) == ["placed", "taken_back", "handed_over"]
    assert [event.details.get("positions") for event in order.events.all()] == [None, [1], [1, 2]]
    assert order.fulfiller == "amazon"


# --- parcels and mails ----------------------------------------------------------------------------


def test_the_customer_is_told_of_the_channels_parcel_and_that_a_rest_follows(order: Order) -> None:
    parcel = arrive(order, {"1": 3}, tracking_url="https://track.example/?id=T1&x=2")

    message = read_message(order.mails.get())
    assert message is not None
    assert message.to == "erika@example.org"
    assert "ein Teil deiner Bestellung 10001 ist unterwegs" in message.text
    assert "3 × Tee TEE-1" in message.text
    assert "Der Rest deiner Bestellung folgt" in message.text
    assert "Sendung verfolgen: https://track.example/?id=T1&x=2\n" in message.text
    assert 'href="https://track.example/?id=T1&amp;x=2"' in message.html
    assert (parcel.fulfilled_by, parcel.number, parcel.sent_at) == ("amazon", 1, NOW)
    assert order.events.last().details["quantities"] == {}  # type: ignore[union-attr]


def test_the_last_parcel_speaks_of_no_rest(order: Order) -> None:
    ship(order)
    arrive(order, {"1": 3})

    message = read_message(order.mails.last())  # type: ignore[arg-type]
    assert message is not None
    assert "Rest" not in message.text + message.html


def test_one_more_parcel_of_the_same_goods_is_called_so(order: Order) -> None:
    arrive(order, {"1": 3})
    parcel = arrive(order, {}, key="s1-p2", tracking=Tracking("", "T2"))

    message = read_message(order.mails.get(parcel=parcel))
    assert message is not None
    assert "ein weiteres Paket zu deiner Bestellung 10001 ist unterwegs" in message.text
    assert "In dieser Sendung" not in message.text + message.html
    assert "Versendet mit" not in message.text + message.html
    assert "ist unterwegs.\n\nDer Rest deiner Bestellung folgt" in message.text
    assert "Sendung.\n\nTrackingnummer: T2\n\nViele Grüße" in message.text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//host", "https://", "http://[", "ftp://x/y", "h" * 501]
)
def test_the_customer_is_only_sent_to_web_pages(order: Order, url: str) -> None:
    parcel = arrive(order, {"1": 3}, tracking_url=url)

    message = read_message(order.mails.get())
    assert message is not None
    assert parcel.tracking_url == ""
    assert "Sendung verfolgen: https://www.dhl.de/" in message.text


def test_a_parcel_to_somebody_whose_key_is_lost_is_recorded_and_the_missing_mail_told(order: Order) -> None:
    Order.objects.of_id(order.merchant_id).update(sealed_people=b"lost")

    arrive(order, {"1": 3}, tracking=Tracking("", ""))
    arrive(order, {"1": 3}, tracking=Tracking("DPD", "T9"))

    assert order.parcels.get().tracking_number == "T9"
    assert not order.mails.exists()
    assert kinds(order)[1:3] == ["parcel_sent", "mail_failed"]


def test_a_correction_leaves_a_mail_alone_whose_people_cannot_be_opened(order: Order) -> None:
    arrive(order, {"1": 3}, tracking=Tracking("DHL", "T1"))
    Order.objects.of_id(order.merchant_id).update(sealed_people=b"lost")

    arrive(order, {"1": 3}, tracking=Tracking("DPD", "T9"))

    message = read_message(order.mails.get())
    assert message is not None
    assert (message.to, "T1" in message.text) == ("erika@example.org", True)


def test_a_correction_reaches_a_mail_that_waits_and_the_log_once(order: Order) -> None:
    arrive(order, {"1": 3}, tracking=Tracking("", ""))
    for _ in range(2):
        arrive(order, {"1": 3}, tracking=Tracking("DPD", "T9"))

    message = read_message(order.mails.get())
    assert message is not None
    assert "Trackingnummer: T9" in message.text
    assert kinds(order) == ["placed", "parcel_sent", "tracking_corrected"]


def test_the_merchant_does_not_correct_what_the_channel_says(order: Order) -> None:
    parcel = arrive(order, {"1": 3})

    with pytest.raises(Refusal, match="Diese Sendung kommt von Amazon"):
        dispatch.correct_tracking(parcel, carrier="DPD", tracking_number="X", actor=ANNA, now=LATER)


def test_units_the_channel_did_not_have_are_kept_in_the_log(order: Order) -> None:
    arrive(order, {"1": 4, "2": 1})

    assert order.events.last().details["uncounted"] == {"1": 1, "2": 1}  # type: ignore[union-attr]
    assert [line.shipped for line in order.lines.all()] == [3, 0]


@pytest.mark.parametrize(
    ("key", "quantities"), [("", {"1": 1}), ("k" * 121, {"1": 1}), ("k", {"1": -1}), ("k", {"x": 1})]
)
def test_a_parcel_that_makes_no_sense_is_refused(order: Order, key: str, quantities: dict[str, int]) -> None:
    with pytest.raises(Refusal):
        arrive(order, quantities, key=key)

    assert not order.parcels.exists()


def test_goods_the_channel_shipped_may_come_back_into_the_own_stock(
    order: Order, merchant: Merchant, tea: Product
) -> None:
    arrive(order, {"1": 3})

    returns.record_return(order, {1: 2}, restock=True, actor=ANNA, now=LATER)

    assert in_stock(tea) == (12, 0)
    assert stock.audit(merchant.pk) == []


def test_the_database_refuses_what_no_fulfiller_can_be(order: Order, merchant: Merchant) -> None:
    parcel = arrive(order, {"1": 3})
    BuiltinShop(merchant.pk).place_orders([new_order("305-1")], now=NOW)

    wrong: list[tuple[QuerySet[Any], dict[str, object]]] = [
        (Order.objects.of(merchant).filter(external_id="305-1"), {"fulfiller": "amazon"}),
        (Parcel.objects.of(merchant).filter(pk=parcel.pk), {"key": ""}),
        (OrderLine.objects.of(merchant).filter(order=order, position=1), {"oversold": 1}),
    ]
    for rows, columns in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**columns)


# --- paying, cancelling ---------------------------------------------------------------------------


def test_payment_wakes_who_could_ship(merchant: Merchant, amazon: ListeningChannel, tea: Product) -> None:
    unpaid = sell(merchant, ManualLine(1, code="TEE-1"), paid=False)
    amazon.own_woken.clear()

    orders.mark_paid(unpaid, actor=ANNA, now=NOW)

    assert amazon.own_woken == [merchant.pk]


def test_cancelling_asks_the_channel_and_moves_only_own_stock(
    order: Order, merchant: Merchant, tea: Product, amazon: ListeningChannel
) -> None:
    amazon.holds = True

    orders.cancel(order, "other", actor=ANNA, now=LATER)

    assert amazon.released == [(order.number, "cancelled")]
    assert state(order) == ("cancelled", "paid", "cancelled")
    assert order.fulfiller == ""
    assert in_stock(tea) == (10, 0)
    assert in_stock(Product.objects.of(merchant).get(code="KANNE")) == (10, 0)
    assert kinds(order) == ["placed", "cancelled"]


def test_what_the_channel_keeps_is_not_cancelled(order: Order, amazon: ListeningChannel) -> None:
    amazon.keeps = "Amazon hat den Auftrag schon."

    with pytest.raises(Refusal, match="Amazon hat den Auftrag schon"):
        orders.cancel(order, "other", actor=ANNA, now=LATER)

    assert state(order) == ("open", "paid", "open")


def test_who_let_go_is_not_asked_again(order: Order, amazon: ListeningChannel) -> None:
    amazon.keeps = "Noch nicht."

    BuiltinShop(order.merchant_id).cancel_own_order(str(order.pk), "other", "amazon", now=LATER)

    assert (state(order)[0], amazon.released) == ("cancelled", [])


def test_a_channel_that_ships_nothing_of_it_is_not_asked(
    merchant: Merchant, amazon: ListeningChannel, tea: Product
) -> None:
    mine = sell(merchant, ManualLine(1, code="TEE-1"))

    orders.cancel(mine, "other", actor=ANNA, now=LATER)

    assert amazon.released == []


# --- changing -------------------------------------------------------------------------------------


def test_a_changed_order_is_the_merchants_again_when_the_channel_held_it(
    order: Order, merchant: Merchant, tea: Product, amazon: ListeningChannel
) -> None:
    amazon.holds = True

    changed = change(order, address=MAX, shipping_method="Express", quantities={1: 2, 2: 1})

    assert changed
    assert amazon.released == [(order.number, "changed")]
    assert shippers(order) == ["", ""]
    assert read_people(order).shipping == MAX
    assert (order.service_level, order.fulfiller) == ("Express", "")
    assert [line.cancelled for line in order.lines.all()] == [1, 0]
    assert in_stock(tea) == (8, 0)
    assert kinds(order) == ["placed", "changed", "taken_back"]
    event = order.events.get(kind="changed")
    assert event.details == {"parts": ["address", "shipping_method", "quantities"], "quantities": {"1": 2}}
    assert stock.audit(merchant.pk) == []


def test_a_changed_order_that_the_channel_did_not_hold_yet_stays_with_it(
    order: Order, tea: Product, amazon: ListeningChannel
) -> None:
    change(order, quantities={1: 1})

    assert shippers(order) == ["amazon", ""]
    assert in_stock(tea) == (10, 0)
    assert amazon.own_woken[1:] == [order.merchant_id]


def test_units_the_merchant_does_not_ship_any_more_are_in_stock_again(
    merchant: Merchant, amazon: ListeningChannel, tea: Product
) -> None:
    mine = sell(merchant, ManualLine(5, code="TEE-1"))
    ship(mine, {1: 1})

    for units in (3, 2):
        change(mine, quantities={1: units})

    assert in_stock(tea) == (8, 0)
    assert mine.lines.get().cancelled == 3
    assert stock.audit(merchant.pk) == []


def test_an_order_is_found_by_the_name_it_goes_to_now(order: Order, merchant: Merchant) -> None:
    change(order, address=MAX)

    names = {
        word: find_orders(merchant, OrderFilter(words=word), now=NOW).count() for word in ("Neu", "Erika")
    }
    assert names == {"Neu": 1, "Erika": 1}, "Erika bought it all the same"
    assert "Max" not in str(list(order.events.values()))


def test_nothing_new_is_no_change(order: Order, amazon: ListeningChannel) -> None:
    assert not change(order, address=ERIKA, shipping_method="", quantities={1: 3})

    assert amazon.released == []
    assert kinds(order) == ["placed"]


def test_what_the_channel_keeps_is_not_changed(order: Order, amazon: ListeningChannel) -> None:
    amazon.keeps = "Amazon hat den Auftrag schon."

    with pytest.raises(Refusal, match="Amazon hat den Auftrag schon"):
        change(order, address=MAX, quantities={1: 1})

    order.refresh_from_db()
    assert read_people(order).shipping == ERIKA
    assert [line.cancelled for line in order.lines.all()] == [0, 0]


@pytest.mark.parametrize(
    ("quantities", "sentence"),
    [
        ({1: 4}, "Position 1 kann zwischen 0 und 3 Stück haben, nicht 4"),
        ({1: -1}, "nicht -1"),
        ({7: 1}, "Eine Position 7 hat diese Bestellung nicht"),
        ({1: 0, 2: 0}, "bliebe nichts übrig"),
    ],
)
def test_quantities_that_make_no_sense_are_refused(
    order: Order, quantities: dict[int, int], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        change(order, quantities=quantities)


def test_what_left_the_house_is_not_cut_away(
    merchant: Merchant, amazon: ListeningChannel, tea: Product
) -> None:
    mine = sell(merchant, ManualLine(5, code="TEE-1"))
    ship(mine, {1: 2})

    with pytest.raises(Refusal, match="zwischen 2 und 5"):
        change(mine, quantities={1: 1})
    change(mine, quantities={1: 2})

    assert state(mine) == ("closed", "paid", "shipped")
    with pytest.raises(Refusal, match="schon vollständig versendet"):
        change(mine, address=MAX)


def test_orders_of_a_channel_and_cancelled_ones_are_not_changed(
    order: Order, merchant: Merchant, amazon: ListeningChannel
) -> None:
    BuiltinShop(merchant.pk).place_orders([new_order("305-1")], now=NOW)
    orders.cancel(order, "other", actor=ANNA, now=LATER)

    with pytest.raises(Refusal, match="kommt von Amazon"):
        change(Order.objects.of(merchant).get(external_id="305-1"), address=MAX)
    with pytest.raises(Refusal, match="ist storniert"):
        change(order, address=MAX)


def test_a_forgotten_address_stays_forgotten(order: Order, merchant: Merchant) -> None:
    Order.objects.of(merchant).update(sealed_people=None, people_forgotten_at=NOW)

    with pytest.raises(Refusal, match="ist gelöscht"):
        change(order, address=MAX)
