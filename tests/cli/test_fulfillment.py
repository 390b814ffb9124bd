"""`kogge fulfillment`: what Amazon ships, what lies in its warehouses, and the merchant's word on it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import planning, wishes
from kogge.amazon.fba.models import FbaStock, FulfillmentOrder, FulfillmentPackage
from kogge.amazon.fba.preferences import settings_of
from kogge.backoffice.by_hand import ManualLine, ManualOrder, create_by_hand
from kogge.cli.fulfillment import fulfillment
from kogge.engine.worker import run_due
from kogge.merchants.models import Merchant
from kogge.schedule import OPERATIONS
from kogge.values import Address
from tests.amazon.pages.offering import DE, NOW, connect, offer, product

pytestmark = pytest.mark.django_db

PLANNED, HANDED, DONE = (
    FulfillmentOrder.State.PLANNED,
    FulfillmentOrder.State.HANDED,
    FulfillmentOrder.State.DONE,
)

LEIPZIG = Address(
    name="Max Beispiel", line1="Musterallee 12", postal_code="04109", city="Leipzig", country="DE"
)


@pytest.fixture
def account(merchant: Merchant) -> Connection:
    return connect(merchant, "A1", store_name="Teehaus")


def kogge(*arguments: str, merchant: str = "teehaus-muster") -> Result:
    return CliRunner().invoke(fulfillment, [*arguments, "--merchant", merchant, "--json"])


def answered(*arguments: str) -> Any:
    result = kogge(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def fulfilment(account: Connection, number: int, state: str = PLANNED, **values: Any) -> FulfillmentOrder:
    """Two tins of tea of a shop order."""
    plain: dict[str, Any] = {
        "shop_order_id": str(number), "attempt": 1, "order_id": f"KTEST-{number}-1", "origin": DE,
        "speed": "STANDARD", "created_at": NOW, "hand_over_at": NOW + timedelta(minutes=5),
    }  # fmt: skip
    order = FulfillmentOrder.objects.everyone().create(
        merchant=account.merchant,
        connection=account,
        shop_number=str(number),
        state=state,
        **(plain | values),
    )
    order.lines.create(line_id="1", product_id="1", sku="TEE-FBA", title="Tee", quantity=2)
    return order


def stock(account: Connection, sku: str, **values: Any) -> FbaStock:
    return FbaStock.objects.everyone().create(connection=account, sku=sku, read_at=NOW, **values)


def test_the_list_says_how_far_amazon_is(account: Connection) -> None:
    order = fulfilment(account, 10240, DONE, amazon_status="COMPLETE")
    FulfillmentPackage.objects.everyone().create(
        fulfillment_order=order, key="Uk1-1", carrier="DHL", tracking_number="0034", status="IN_TRANSIT",
        left_at=NOW, first_seen_at=NOW,
    )  # fmt: skip
    fulfilment(account, 10241)

    newest, oldest = answered("list")

    assert (newest["order"], newest["state"], newest["parcels"]) == ("10241", "planned", [])
    assert newest["hand_over_at"] == (NOW + timedelta(minutes=5)).isoformat()
    assert oldest == {
        "order": "10240",
        "fulfillment_order": "KTEST-10240-1",
        "state": "done",
        "amazon_status": "COMPLETE",
        "reason": "",
        "hand_over_at": (NOW + timedelta(minutes=5)).isoformat(),
        "lines": [{"sku": "TEE-FBA", "title": "Tee", "quantity": 2, "shipped": 0, "returned": 0}],
        "parcels": [
            {
                "carrier": "DHL",
                "tracking_number": "0034",
                "status": "IN_TRANSIT",
                "left_at": NOW.isoformat(),
                "arrives_at": None,
            }
        ],
    }


def test_many_are_listed_with_as_many_statements_as_few(account: Connection) -> None:
    def statements(*numbers: int) -> int:
        for number in numbers:
            fulfilment(account, number)
        with CaptureQueriesContext(database) as queries:
            answered("list")
        return len(queries)

    assert statements(1) == statements(2, 3, 4)
    assert len(answered("list", "--limit", "2")) == 2


def test_a_merchant_sees_only_their_own(account: Connection, other_merchant: Merchant) -> None:
    fulfilment(account, 10240)
    stock(account, "TEE-FBA", fulfillable=7)

    for what in ("list", "stock"):
        assert json.loads(kogge(what, merchant=other_merchant.slug).stdout) == []
    assert "10240" in kogge("stop", "10240", merchant=other_merchant.slug).stderr


def test_the_stock_names_the_product_of_each_sku(merchant: Merchant, account: Connection) -> None:
    """The SKU in the warehouse counts; a figure Amazon left out stays unknown."""
    tea = product(merchant, "TEE")
    offer(tea, sku="TEE", fba=True, fba_sku="TEE-FBA")
    offer(product(merchant, "KANNE"), sku="KANNE")
    stock(account, "TEE-FBA", asin="B0TEE", fulfillable=7, reserved=2, in_transfer=1, inbound=20)
    stock(account, "KANNE")
    stock(account, "ALT")
    stock(connect(merchant, "A2", pause_reason=DISCONNECTED), "WEG", fulfillable=3)

    found = {row["sku"]: row for row in answered("stock")}

    assert found.keys() == {"TEE-FBA", "KANNE", "ALT"}
    assert found["TEE-FBA"] == {
        "sku": "TEE-FBA",
        "asin": "B0TEE",
        "product": "TEE",
        "fulfillable": 7,
        "reserved": 2,
        "in_transfer": 1,
        "inbound": 20,
        "unfulfillable": None,
        "read_at": NOW.isoformat(),
    }
    assert (found["KANNE"]["product"], found["ALT"]["product"]) == ("KANNE", None)
    assert found["KANNE"]["fulfillable"] is None


def test_people_read_lines(account: Connection) -> None:
    fulfilment(account, 10240)
    stock(account, "TEE-FBA")
    merchant = account.merchant.slug

    orders = CliRunner().invoke(fulfillment, ["list", "--merchant", merchant])
    shelf = CliRunner().invoke(fulfillment, ["stock", "--merchant", merchant])

    assert "10240  KTEST-10240-1  Geht bald an Amazon  23.11." in orders.stdout
    assert shelf.stdout == "TEE-FBA  –  –  ?\n"


def test_what_is_open_is_stopped_and_nothing_else(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(wishes, "stop", lambda order, **_: stopped.append(order.order_id))
    fulfilment(account, 10240, FulfillmentOrder.State.STOPPED)
    fulfilment(account, 10240, attempt=2, order_id="KTEST-10240-2")
    fulfilment(account, 10241)

    found = answered("stop", "10240")

    assert stopped == ["KTEST-10240-2"]
    assert [order["fulfillment_order"] for order in found] == ["KTEST-10240-2", "KTEST-10240-1"]


@pytest.mark.parametrize(
    ("arguments", "wish"),
    [
        ([], ("ship_self", "")),
        (["--then", "resend"], ("resend", "")),
        (["--then", "cancel-order", "--reason", "buyer_cancelled"], ("cancel_order", "buyer_cancelled")),
    ],
)
def test_a_cancellation_says_what_comes_then(
    account: Connection, monkeypatch: pytest.MonkeyPatch, arguments: list[str], wish: tuple[str, str]
) -> None:
    wished: list[tuple[str, str]] = []
    monkeypatch.setattr(
        wishes, "ask_to_cancel", lambda _order, wish, *, reason, **_: wished.append((wish, reason))
    )
    fulfilment(account, 10240, HANDED)

    answered("cancel", "10240", *arguments)

    assert wished == [wish]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("stop", "10240"), "keinen offenen Auftrag"),
        (("cancel", "10240"), "keinen offenen Auftrag"),
        (("cancel", "10240", "--then", "cancel-order"), "--reason"),
        (("plan", "10999"), "10999"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    account: Connection, arguments: tuple[str, ...], word: str
) -> None:
    fulfilment(account, 10240, DONE)

    result = kogge(*arguments)

    assert result.exit_code == 1
    assert word in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_planned_order_is_stopped_and_planned_again(merchant: Merchant, account: Connection) -> None:
    """All the way through: the shop's order, its lines, and the second attempt by the merchant's word."""
    tea = product(merchant, "TEE", stock=5)
    offer(tea, sku="TEE", fba=True, fba_sku="TEE-FBA")
    account.marketplaces.create(
        marketplace_id=DE, name="Amazon.de", country="DE", currency="EUR", active=True
    )
    settings_of(account)
    stock(account, "TEE-FBA", fulfillable=7)
    planning.wake(merchant.pk, now=NOW)
    shop_order = create_by_hand(
        merchant,
        ManualOrder(lines=(ManualLine(2, "TEE"),), buyer_name="Max", address=LEIPZIG, paid=True),
        actor="anna",
        now=NOW,
    )
    run_due({"plan_fulfillment": OPERATIONS["plan_fulfillment"]}, clock=lambda: NOW)
    number = str(shop_order.number)

    [planned] = answered("list")
    too_early = kogge("plan", number)
    [stopped] = answered("stop", number)
    tea.refresh_from_db()
    own = tea.stock
    again, _before = answered("plan", number)

    assert (planned["order"], planned["state"]) == (number, "planned")
    assert isinstance(too_early.exception, wishes.TooLate)
    assert (stopped["state"], stopped["reason"]) == ("stopped", "by_merchant")
    assert own == 3, "what Amazon does not ship takes the own stock"
    assert (again["state"], again["fulfillment_order"][-2:]) == ("planned", "-2")
    assert isinstance(kogge("cancel", number).exception, wishes.TooLate)
