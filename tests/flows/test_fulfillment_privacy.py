"""Whatever Amazon says about an order it ships, nobody's name or address is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps

from kogge.amazon.fba import wishes
from kogge.spapi import fulfillment_outbound
from kogge.spapi.errors import AskHuman, OutcomeUnknown
from kogge.spapi.fulfillment_orders import FulfillmentOrder, NotCancellable, Obstacle, OrderRefused
from tests.flows.conftest import Stage
from tests.flows.fulfillment_stage import CUT_OFF, FulfillmentStage

GOSSIP = "Cannot ship to MAX Beispiel, Musterallee 12, 04109 Leipzig (+493410000000): too far"
PERSONAL = ("max", "beispiel", "musterallee", "04109", "leipzig", "0000000")


def refusal() -> AskHuman:
    return AskHuman(GOSSIP, operation="outboundSomething", code="InvalidInput", status=400)


def in_create(*_arguments: Any) -> None:
    raise OrderRefused(refusal())


def in_a_lost_create(*_arguments: Any) -> None:
    raise OutcomeUnknown(GOSSIP, operation="outboundCreateOrder", status=500)


def in_cancel(_client: Any, _version: str, order_id: str) -> None:
    raise NotCancellable(refusal(), FulfillmentOrder(order_id, "PROCESSING", picking_begun=False))


def in_any(*_arguments: Any) -> None:
    raise refusal()


def in_an_obstacle(real: Callable[..., Any]) -> Callable[..., Any]:
    def preview(*arguments: Any) -> Any:
        [answer] = real(*arguments)
        obstacle = Obstacle("address", "InvalidDestinationAddress", GOSSIP)
        return (replace(answer, obstacles=(obstacle,)),)

    return preview


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("preview", in_any),
        ("preview", in_an_obstacle(fulfillment_outbound.preview)),
        ("create", in_create),
        ("create", in_a_lost_create),
        ("cancel", in_cancel),
        ("get", in_any),
    ],
)
def test_nothing_personal_is_kept_of_what_amazon_says(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str, says: Callable[..., Any]
) -> None:
    shop = FulfillmentStage(stage)
    shop.keep("TS-01", units=20)
    order = shop.order({"TS-01": 2})
    shop.plan()
    shop.amazon.set(new_fulfilments_stuck_in="RECEIVED")
    if name in ("cancel", "get"):
        shop.hand_over(minutes=CUT_OFF)
        wishes.ask_to_cancel(shop.fulfillment(order), "ship_self", by="anna", now=shop.now)
    monkeypatch.setattr(fulfillment_outbound, name, says)

    shop.hand_over(minutes=CUT_OFF)
    shop.follow(minutes=26 * 60)

    kept = everything_kept()
    assert "too far" in kept  # the rest of the sentence is
    assert [word for word in PERSONAL if word in kept] == []


def everything_kept() -> str:
    """All that the Amazon app and the engine have in the database."""
    models: list[Any] = [
        model
        for config in apps.get_app_configs()
        if config.name.startswith(("kogge.amazon", "kogge.engine"))
        for model in config.get_models()
    ]
    rows = (getattr(model.objects, "everyone", model.objects.all)() for model in models)
    return "\n".join(str(row).casefold() for some in rows for row in some.values())
