"""Amazon sends a connection's notifications as long as somebody wants them, and as far as it may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Trouble
from kogge.amazon.notifications import subscribing
from kogge.amazon.notifications.models import Destination, Subscription
from kogge.amazon.notifications.standing import standing
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.simulator import CLIENT_ID, Simulator
from kogge.spapi.notifications_v1 import PAYLOAD_VERSIONS
from tests.amazon.account import connect, run
from tests.amazon.queues import Letterbox

pytestmark = pytest.mark.django_db

ALL = set(PAYLOAD_VERSIONS)


def keep(connection: Connection, amazon: Simulator) -> Any:
    """One look after the subscriptions; what Amazon allows has refilled since the last."""
    amazon.advance(10)
    return run(subscribing.keep_subscriptions, subscribing.OPERATION, connection.pk, amazon.world.now)


def at_amazon(amazon: Simulator) -> set[str]:
    """The types that Amazon would send, of whichever seller."""
    return {kind for _client, _seller, kind in amazon.world.notices.subscriptions}


def states(connection: Connection) -> dict[str, str]:
    rows = Subscription.objects.everyone().filter(connection=connection)
    return dict(rows.values_list("kind", "state"))


def test_all_types_are_subscribed_to_once(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    keep(connection, amazon)
    keep(connection, amazon)

    assert at_amazon(amazon) == ALL
    assert states(connection) == dict.fromkeys(ALL, "active")
    assert amazon.calls["createDestination"] == 1
    assert amazon.calls["createSubscription"] == len(ALL)
    assert amazon.violations == []


def test_two_sellers_of_one_application_share_the_destination(
    connection: Connection, amazon: Simulator, letterbox: Letterbox, other_merchant: Merchant
) -> None:
    amazon.add_account("A2ANDERSWO00001", "Anderswo", "Atzr|anderswo")
    other = connect(
        other_merchant, amazon.world.now(), seller_id="A2ANDERSWO00001", refresh_token="Atzr|anderswo"
    )

    keep(connection, amazon)
    keep(other, amazon)

    assert Destination.objects.get().client_id == CLIENT_ID
    assert amazon.calls["createDestination"] == 1
    assert len(amazon.world.notices.subscriptions) == 2 * len(ALL)


def test_a_connection_made_before_the_queue_is_seen_to(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    assert not Due.objects.filter(operation=subscribing.OPERATION).exists()

    subscribing.begin_all(amazon.world.now())

    assert Due.objects.filter(operation=subscribing.OPERATION, subject=connection.pk).exists()


def test_a_type_amazon_denies_is_left_out_and_the_others_go_on(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.fault("createSubscription", "403-denied")

    keep(connection, amazon)

    assert sorted(states(connection).values()) == ["active", "active", "active", "left_out"]
    assert len(at_amazon(amazon)) == len(ALL) - 1
    assert not Trouble.objects.everyone().exists()
    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE


def test_a_type_amazon_does_not_send_to_queues_is_left_out(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.set(not_by_queue=("LISTINGS_ITEM_ISSUES_CHANGE",))

    keep(connection, amazon)

    [left_out] = [each for each in standing(connection).types if each.state != "active"]
    assert (left_out.kind, left_out.state) == ("LISTINGS_ITEM_ISSUES_CHANGE", "refused")
    assert "not supported" in left_out.reason


def test_a_role_missing_for_all_of_it_disturbs_nothing_else(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.fault("getDestinations", "403-denied")

    keep(connection, amazon)

    assert states(connection) == dict.fromkeys(ALL, "left_out")
    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE


@pytest.mark.parametrize("forgotten", ["subscriptions", "everything"])
def test_what_was_deleted_at_amazon_is_made_again(
    connection: Connection, amazon: Simulator, letterbox: Letterbox, forgotten: str
) -> None:
    keep(connection, amazon)
    amazon.world.notices.subscriptions.clear()
    if forgotten == "everything":
        amazon.world.notices.destinations.clear()

    keep(connection, amazon)
    keep(connection, amazon)  # finding out costs more than Amazon allows at once

    assert at_amazon(amazon) == ALL
    assert states(connection) == dict.fromkeys(ALL, "active")


def test_another_queue_takes_the_place_of_the_old_one(
    connection: Connection, amazon: Simulator, make_letterbox: Any
) -> None:
    make_letterbox(amazon)
    keep(connection, amazon)
    make_letterbox(amazon)

    keep(connection, amazon)

    newest = list(amazon.world.notices.destinations)[-1]
    assert {each.destination_id for each in amazon.world.notices.subscriptions.values()} == {newest}


def test_amazon_out_of_order_is_tried_again(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    amazon.fault("createSubscription", "500", times=1)

    outcome = keep(connection, amazon)
    assert outcome.next_due - amazon.world.now() <= timedelta(minutes=2)
    keep(connection, amazon)

    assert states(connection) == dict.fromkeys(ALL, "active")


def test_switched_off_amazon_sends_no_more_and_on_again(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    keep(connection, amazon)

    subscribing.switch(connection, on=False, now=amazon.world.now())
    keep(connection, amazon)
    assert at_amazon(amazon) == set()
    assert states(connection) == {}
    subscribing.switch(connection, on=True, now=amazon.world.now())
    keep(connection, amazon)

    assert at_amazon(amazon) == ALL


def test_a_pause_ends_the_subscriptions_and_resuming_begins_them(
    connection: Connection, amazon: Simulator, letterbox: Letterbox
) -> None:
    keep(connection, amazon)

    accounts.pause(connection.pk, accounts.BY_MERCHANT, now=amazon.world.now())
    keep(connection, amazon)
    assert at_amazon(amazon) == set()
    connection.refresh_from_db()
    accounts.resume(connection, amazon.world.now())
    keep(connection, amazon)

    assert at_amazon(amazon) == ALL


@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_cut_connection_leaves_nothing_behind(
    connection: Connection, amazon: Simulator, letterbox: Letterbox, is_reachable: bool
) -> None:
    keep(connection, amazon)
    if not is_reachable:
        amazon.fault("deleteSubscriptionById", "500", times=None)

    accounts.disconnect(connection, amazon.world.now())

    assert at_amazon(amazon) == (set() if is_reachable else ALL)
    assert states(connection) == {}
    operations = [subscribing.OPERATION, subscribing.FETCH]
    assert not Due.objects.filter(operation__in=operations, subject=connection.pk).exists()


def test_without_a_queue_the_cut_is_silent(connection: Connection, amazon: Simulator) -> None:
    before = amazon.calls

    accounts.disconnect(connection, amazon.world.now())

    assert amazon.calls == before
