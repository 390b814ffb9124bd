"""Every act on an order that is shared with a channel, in every state: done, or refused in words.

Position 1 is the channel's (two teas), position 2 the merchant's (three cups), position 3 a free line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from kogge.backoffice import dispatch, fulfilment, orders, returns, stock
from kogge.backoffice.by_hand import ManualLine, ManualOrder
from kogge.backoffice.models import Order, Product
from kogge.backoffice.pages import bulk
from kogge.backoffice.people import people_of
from kogge.merchants.models import Merchant, User
from kogge.shops.port import FulfilledParcel
from kogge.values import Tracking
from tests.backoffice import shop

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"actor": "ben@example.org", "now": shop.NOW}
State = Callable[[Order, Any], None]
KEEPS = "Amazon hat die Bestellung schon."


@pytest.fixture
def order(merchant: Merchant, channel: Any) -> Order:
    """Unpaid."""
    tea, cup = shop.product(merchant, "MATE-1", counted=1), shop.product(merchant, "TASSE", counted=5)
    shop.product(merchant, "GRAVUR", counted=1)
    channel.warehouse[tea.pk] = 31
    lines = (
        ManualLine(2, tea.code),
        ManualLine(3, cup.code),
        ManualLine(1, title="Gravur", unit_price=Decimal("4.50")),
    )
    new = ManualOrder(lines, buyer_name="Erika Muster", email="erika@example.org", address=shop.ERIKA)
    return orders.create_by_hand(merchant, new, **BY)


# --- states ---------------------------------------------------------------------------------------


def unpaid(order: Order, channel: Any) -> None:
    pass


def paid(order: Order, channel: Any) -> None:
    orders.mark_paid(order, **BY)


def held(order: Order, channel: Any) -> None:
    """The channel was about to ship and lets go."""
    paid(order, channel)
    channel.holds = True


def kept(order: Order, channel: Any) -> None:
    """The channel has it and keeps it."""
    paid(order, channel)
    channel.keeps = KEEPS


def packing(order: Order, channel: Any) -> None:
    paid(order, channel)
    dispatch.start_packing(order, **BY)


def merchant_sent(order: Order, channel: Any) -> None:
    """All that is the merchant's."""
    paid(order, channel)
    send(order, None)


def merchant_sent_part(order: Order, channel: Any) -> None:
    paid(order, channel)
    send(order, {2: 1})


def channel_sent(order: Order, channel: Any) -> None:
    """All that is the channel's."""
    paid(order, channel)
    arrive(order, {"1": 2})


def channel_sent_part(order: Order, channel: Any) -> None:
    paid(order, channel)
    arrive(order, {"1": 1})


def all_sent(order: Order, channel: Any) -> None:
    merchant_sent(order, channel)
    arrive(order, {"1": 2})


def given_back(order: Order, channel: Any) -> None:
    """The channel sent one and gave the other one back: one tea is the merchant's."""
    channel_sent_part(order, channel)
    fulfilment.take_back(order, {1}, by="amazon", now=shop.NOW)


def cancelled(order: Order, channel: Any) -> None:
    paid(order, channel)
    orders.cancel(order, "other", **BY)


def returned(order: Order, channel: Any) -> None:
    all_sent(order, channel)
    returns.record_return(order, {1: 2, 2: 3, 3: 1}, restock=True, **BY)


def forgotten(order: Order, channel: Any) -> None:
    paid(order, channel)
    Order.objects.everyone().filter(pk=order.pk).update(sealed_people=None, people_forgotten_at=shop.NOW)


def lost_key(order: Order, channel: Any) -> None:
    paid(order, channel)
    Order.objects.everyone().filter(pk=order.pk).update(sealed_people=b"lost")


def send(order: Order, quantities: dict[int, int] | None) -> None:
    dispatch.ship(order, carrier="DHL", tracking_number="1", quantities=quantities, **BY)


def arrive(order: Order, quantities: dict[str, int]) -> None:
    told = FulfilledParcel("shipment-1", Tracking("Amazon", "TBA1"), "", shop.NOW, quantities)
    fulfilment.record_parcel(order, told, by="amazon", now=shop.NOW)


# --- acts -----------------------------------------------------------------------------------------

MAX = {
    "name": "Max Neu",
    "line1": "Feldweg 1",
    "postal_code": "80331",
    "city": "München",
    "country": "DE",
}
TRACKING = {"carrier": "DHL", "tracking_number": "2"}

# The pages they are sent to, and what is typed there.
ACTS: dict[str, tuple[str, dict[str, Any]]] = {
    "pay": ("paid", {}),
    "pack": ("pack", {}),
    "reset-packing": ("reset-packing", {}),
    "ship-cup": ("ship", {**TRACKING, "units_2": 1}),
    "ship-tea": ("ship", {**TRACKING, "units_1": 1}),
    "ship-self": ("ship-self", {}),
    "tracking": ("tracking", {**TRACKING, "parcel": 1}),
    "assign": ("assign", {"position": 3, "code": "GRAVUR"}),
    "cancel": ("cancel", {"reason": "other"}),
    "return-tea": ("return", {"units_1": 1, "restock": "on"}),
    "return-cup": ("return", {"units_2": 1, "restock": "on"}),
    "edit-address": ("edit", MAX),
    "edit-tea": ("edit", {"units_1": 1}),
    "edit-cup": ("edit", {"units_2": 2}),
    "pack-many": ("orders_bulk", {"do": "pack"}),
    "ship-many": ("orders_ship", {"10001-carrier": "DHL"}),
}

# What is done in each state; everything else is refused.
DONE: dict[State, str] = {
    unpaid: "pay pack ship-cup ship-self assign cancel edit-address edit-tea edit-cup pack-many ship-many",
    paid: "pack ship-cup ship-self assign cancel edit-address edit-tea edit-cup pack-many ship-many",
    held: "pack ship-cup ship-self assign cancel edit-address edit-tea edit-cup pack-many ship-many",
    kept: "pack ship-cup assign pack-many ship-many",
    packing: "pack reset-packing ship-cup ship-self assign cancel edit-address edit-tea "
    "edit-cup pack-many ship-many",
    merchant_sent: "ship-self tracking assign return-cup edit-address edit-tea",
    merchant_sent_part: "pack ship-cup ship-self tracking assign return-cup edit-address edit-tea "
    "edit-cup pack-many ship-many",
    channel_sent: "pack ship-cup assign return-tea edit-address edit-cup pack-many ship-many",
    channel_sent_part: "pack ship-cup ship-self assign return-tea edit-address edit-tea edit-cup "
    "pack-many ship-many",
    all_sent: "tracking assign return-tea return-cup",
    given_back: "pack ship-cup ship-tea assign return-tea edit-address edit-tea edit-cup pack-many ship-many",
    cancelled: "assign",
    returned: "tracking assign",
    forgotten: "pack ship-cup ship-self assign cancel edit-tea edit-cup pack-many ship-many",
    lost_key: "pack ship-cup ship-self assign cancel edit-tea edit-cup pack-many ship-many",
}


@pytest.mark.parametrize("state", DONE, ids=lambda state: state.__name__)
def test_every_act_in_every_state(
    ben: User, signed_in: Callable[..., Client], channel: Any, order: Order, state: State
) -> None:
    state(order, channel)

    browser = signed_in(ben)
    done = [act for act in ACTS if _is_done(browser, order, act)]

    assert done == DONE[state].split()


def _is_done(browser: Client, order: Order, act: str) -> bool:
    """Whether it was; it is tried and taken back."""
    before = _world(order)
    with transaction.atomic():
        done, told = _outcome(_post(browser, order, act))
        assert told, "every answer says something"
        assert done or _world(order) == before, "what is refused leaves everything as it was"
        assert stock.audit(order.merchant_id) == []
        assert browser.get(reverse("order", args=[order.number])).status_code == 200
        transaction.set_rollback(True)
    return done


def _post(browser: Client, order: Order, act: str) -> Any:
    page, typed = ACTS[act]
    if page == "edit":
        known = asdict(people_of(order).shipping)
        return browser.post(reverse("order_edit", args=[order.number]), {**known, **typed}, follow=True)
    if page.startswith("orders_"):
        return browser.post(reverse(page), {**typed, "orders": [order.number]}, follow=True)
    return browser.post(reverse("order_act", args=[order.number, page]), typed, follow=True)


def _outcome(answer: Any) -> tuple[bool, list[str]]:
    """Whether it was done, and all that was said about it."""
    if answer.status_code == 404:
        return False, ["There is no such thing."]
    assert answer.status_code in {200, 422}
    told = list(answer.context["messages"])
    refusals = [answer.context.get("refusal"), *_errors(answer.context.get("form"))]
    refusals += [
        parcel.refusal for parcel in answer.context.get("parcels") or () if isinstance(parcel, bulk.Parcel)
    ]
    done = any(message.level_tag == "success" for message in told)
    return done, [*map(str, told), *filter(None, refusals)]


def _errors(form: Any) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors] if form else []


def _world(order: Order) -> Any:
    """All that an act could change of the order and the stock."""
    order.refresh_from_db()
    mine = order.merchant_id
    return (
        Order.objects.of_id(mine).values().get(pk=order.pk),
        list(order.lines.values()),
        list(order.parcels.values()),
        list(order.events.values_list("kind")),
        list(Product.objects.of_id(mine).values_list("code", "stock", "reserved", "oversold")),
    )
