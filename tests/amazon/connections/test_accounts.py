"""Connecting a seller account, pausing it, cutting it."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kogge.amazon.connections import accounts, news
from kogge.amazon.connections.accounts import NotNow, WrongSetting, amazon_client, check_credentials
from kogge.amazon.connections.credentials import credentials_of
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.journal.models import JournalEntry
from kogge.engine.models import Due
from kogge.merchants.models import Merchant
from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, STORE_NAME, Simulator
from kogge.spapi.errors import Throttled
from kogge.spapi.sellers_v1 import marketplace_participations
from tests.amazon.account import DE, FR, SECRETS, Post, connect

ES = "A1RKKUPIHCS9HS"

pytestmark = pytest.mark.django_db


def test_a_connection_keeps_the_store_and_the_marketplaces_it_may_sell_in(
    amazon: Simulator, merchant: Merchant
) -> None:
    connection = connect(merchant, amazon.world.now(), marketplace_ids=[DE])

    places = ConnectionMarketplace.objects.of(merchant).values_list("marketplace_id", "active")
    assert connection.store_name == STORE_NAME
    assert connection.state == Connection.State.ACTIVE
    assert dict(places) == {DE: True, FR: False, "APJ6JRA9NG5V4": False}


def test_every_operation_of_a_new_connection_is_scheduled_and_the_check_at_once(
    amazon: Simulator, merchant: Merchant
) -> None:
    now = amazon.world.now()

    connection = connect(merchant, now)

    rows = {row.operation: row.due_at for row in Due.objects.filter(subject=connection.pk)}
    assert rows.keys() == accounts.OPERATIONS.keys()
    assert rows["check_orders"] <= now
    assert now < rows["compare_orders"] < now + timedelta(days=1)


def test_orders_of_the_last_thirty_days_are_taken_in_unless_a_start_is_chosen(
    amazon: Simulator, merchant: Merchant
) -> None:
    now = amazon.world.now()

    connection = connect(merchant, now)

    assert connection.start_from == now - timedelta(days=30)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("region", {"region": "mars"}),
        ("seller_id", {"seller_id": "Teehaus Muster"}),
        ("seller_id", {"seller_id": ""}),
        ("client_id", {"client_id": " "}),
        ("client_secret", {"client_secret": ""}),
        ("client_secret", {"client_secret": "amzn1.oa2-cs.v1.wrong"}),
        ("client_secret", {"client_id": "amzn1.application-oa2-client.unknown"}),
        ("refresh_token", {"refresh_token": ""}),
        ("refresh_token", {"refresh_token": "Atzr|wrong"}),
        ("refresh_token", {"refresh_token": "Atza|an-access-token"}),
        ("region", {"region": "na", "marketplace_ids": ["ATVPDKIKX0DER"]}),
        ("marketplace_ids", {"marketplace_ids": [ES]}),
        ("marketplace_ids", {"marketplace_ids": []}),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_stored(
    amazon: Simulator, merchant: Merchant, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(WrongSetting) as refused:
        connect(merchant, amazon.world.now(), **wrong)

    assert refused.value.field == field
    assert len(refused.value.sentence) > 20
    assert not Connection.objects.of(merchant).exists()
    assert not Due.objects.exists()


def test_a_start_in_the_future_or_beyond_two_years_is_refused(amazon: Simulator, merchant: Merchant) -> None:
    now = amazon.world.now()

    for start in (now + timedelta(hours=1), now - timedelta(days=800)):
        with pytest.raises(WrongSetting) as refused:
            connect(merchant, now, start_from=start)
        assert refused.value.field == "start_from"


def test_a_missing_role_is_named_as_such(amazon: Simulator, merchant: Merchant) -> None:
    amazon.fault("getMarketplaceParticipations", "403-denied")

    with pytest.raises(WrongSetting) as refused:
        connect(merchant, amazon.world.now())

    assert refused.value.field == "roles"
    assert "Direct-to-Consumer" in refused.value.sentence


def test_an_amazon_that_is_out_of_order_says_nothing_about_the_values(
    amazon: Simulator, merchant: Merchant
) -> None:
    amazon.fault("getMarketplaceParticipations", "503-html")

    with pytest.raises(NotNow):
        connect(merchant, amazon.world.now())

    assert not Connection.objects.of(merchant).exists()


def test_the_same_account_again_gets_new_credentials_and_goes_on(post: Post, merchant: Merchant) -> None:
    post.amazon.rotate_secret("amzn1.oa2-cs.v1.second", keep_old=False)
    accounts.pause(post.connection.pk, "invalid_client", now=post.now)

    again = connect(merchant, post.now, client_secret="amzn1.oa2-cs.v1.second")

    assert again.pk == post.connection.pk
    assert again.state == Connection.State.ACTIVE
    assert again.start_from == post.connection.start_from
    assert credentials_of(again).client_secret == "amzn1.oa2-cs.v1.second"
    assert post.troubles() == []


def test_two_merchants_may_connect_the_same_account_without_seeing_each_other(
    connection: Connection, other_merchant: Merchant, amazon: Simulator
) -> None:
    theirs = connect(other_merchant, amazon.world.now())

    assert theirs.pk != connection.pk
    assert list(Connection.objects.of(other_merchant)) == [theirs]


def test_the_secrets_are_sealed_and_stay_out_of_reprs_and_logs(
    amazon: Simulator, merchant: Merchant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    connection = connect(merchant, amazon.world.now())
    with amazon_client(connection, amazon.world.now) as client:
        marketplace_participations(client)
    connection.refresh_from_db()

    stored = bytes(connection.sealed_credentials) + bytes(connection.sealed_access_token or b"")
    shown = caplog.text + repr(client) + repr(connection) + repr(credentials_of(connection))
    for secret in SECRETS:
        assert secret.encode() not in stored
        assert secret not in shown


def test_an_error_about_the_credentials_holds_none_of_them(amazon: Simulator, merchant: Merchant) -> None:
    with pytest.raises(WrongSetting) as refused:
        connect(merchant, amazon.world.now(), refresh_token="Atzr|very-secret-and-wrong")

    shown = f"{refused.value!r} {refused.value} {refused.value.__context__!r} {refused.value.__context__}"
    assert "very-secret" not in shown


def test_one_access_token_serves_all_clients_of_a_connection(
    amazon: Simulator, connection: Connection
) -> None:
    before = amazon.calls["token"]

    for _client in range(3):
        with amazon_client(connection, amazon.world.now) as client:
            marketplace_participations(client)

    assert amazon.calls["token"] == before + 1


def test_the_client_counts_its_calls(amazon: Simulator, connection: Connection) -> None:
    with amazon_client(connection, amazon.world.now) as client:
        marketplace_participations(client)

    assert client.calls["getMarketplaceParticipations"] == 1


def test_the_limits_of_amazon_are_kept_before_amazon_enforces_them(
    amazon: Simulator, connection: Connection
) -> None:
    # The bucket holds 15; one was spent on testing the credentials, before there was a connection.
    with amazon_client(connection, amazon.world.now) as client:
        for _call in range(14):
            marketplace_participations(client)
    amazon.set_quota("getMarketplaceParticipations", rate=0.016, burst=100)
    with amazon_client(connection, amazon.world.now) as client:
        marketplace_participations(client)

        with pytest.raises(Throttled) as held_back:
            marketplace_participations(client)

    assert held_back.value.status is None
    assert 55 < (held_back.value.retry_after or 0) < 63


def test_pausing_tells_the_journal_and_asks_for_help_once(post: Post) -> None:
    for _time in range(2):
        accounts.pause(post.connection.pk, "invalid_grant", now=post.now)

    post.connection.refresh_from_db()
    told = JournalEntry.objects.everyone().filter(kind="paused")
    assert post.connection.pause_reason == "invalid_grant"
    assert post.connection.sealed_access_token is None
    assert told.count() == 1
    assert post.troubles() == ["settings"]


def test_resuming_makes_the_work_due_at_once_and_closes_the_trouble(post: Post) -> None:
    accounts.pause(post.connection.pk, "invalid_grant", now=post.now)
    Due.objects.update(due_at=post.now + timedelta(days=1))

    accounts.resume(post.connection, post.now)

    assert post.connection.state == Connection.State.ACTIVE
    assert Due.objects.get(operation="check_orders").due_at <= post.now
    assert post.troubles() == []


def test_cutting_a_connection_forgets_the_secrets_and_keeps_the_duty_to_purge(post: Post) -> None:
    accounts.disconnect(post.connection, post.now)

    assert bytes(post.connection.sealed_credentials) == b""
    assert post.connection.pause_reason == "disconnected"
    assert [row.operation for row in Due.objects.all()] == ["purge_people"]
    with pytest.raises(WrongSetting):
        accounts.resume(post.connection, post.now)


def test_a_cut_connection_can_be_connected_again(post: Post, merchant: Merchant) -> None:
    accounts.disconnect(post.connection, post.now)

    again = connect(merchant, post.now)

    assert again.pk == post.connection.pk
    assert again.state == Connection.State.ACTIVE
    assert Due.objects.filter(operation="check_orders", subject=again.pk).exists()


def test_other_marketplaces_can_be_chosen_later(post: Post) -> None:
    accounts.set_marketplaces(post.connection, [FR], now=post.now)

    active = post.connection.marketplaces.filter(active=True)
    assert [place.marketplace_id for place in active] == [FR]
    with pytest.raises(WrongSetting):
        accounts.set_marketplaces(post.connection, [ES], now=post.now)


def test_a_secret_lives_180_days_and_a_public_apps_consent_365(amazon: Simulator, merchant: Merchant) -> None:
    consented = date(2026, 11, 20)

    connection = connect(merchant, amazon.world.now(), is_private_app=False, consented_on=consented)

    assert connection.secret_expires_on == date(2026, 11, 23) + timedelta(days=180)
    assert connection.consent_expires_on == consented + timedelta(days=365)


def test_entering_the_same_secret_again_does_not_make_it_younger(post: Post, merchant: Merchant) -> None:
    first = post.connection.secret_expires_on
    post.amazon.advance(100 * 24 * 3600)

    again = connect(merchant, post.now, marketplace_ids=[DE])
    post.amazon.rotate_secret("amzn1.oa2-cs.v1.second", keep_old=True)
    rotated = connect(merchant, post.now, client_secret="amzn1.oa2-cs.v1.second")

    assert again.secret_expires_on == first
    assert rotated.secret_expires_on == date(2026, 11, 23) + timedelta(days=280)


def test_marketplaces_that_are_added_later_are_announced(post: Post) -> None:
    heard: list[list[str]] = []

    def listen(sender: object, *, marketplace_ids: list[str], **_: object) -> None:
        heard.append(marketplace_ids)

    news.marketplaces_added.connect(listen)
    try:
        accounts.set_marketplaces(post.connection, [DE], now=post.now)
        accounts.set_marketplaces(post.connection, [DE, FR], now=post.now)
    finally:
        news.marketplaces_added.disconnect(listen)

    assert heard == [[FR]]


def test_checking_credentials_lists_the_marketplaces_on_the_allow_list(amazon: Simulator, db: None) -> None:
    found = check_credentials(
        region="eu",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=REFRESH_TOKEN,
        now=amazon.world.now(),
    )

    assert {place.marketplace_id for place in found} == {DE, FR, "APJ6JRA9NG5V4"}
    assert {place.store_name for place in found} == {STORE_NAME}


def test_a_connection_has_its_own_moment_within_a_period() -> None:
    moments = {accounts.share_of(number, "check_orders", timedelta(minutes=10)) for number in range(200)}

    assert len(moments) == 200
    assert min(moments) < timedelta(minutes=1)
    assert max(moments) > timedelta(minutes=9)


def test_turns_keep_to_the_own_moment_and_come_within_a_period() -> None:
    period, now = timedelta(minutes=10), datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

    turns = [accounts.next_turn(number, "check_orders", period, now) for number in range(200)]

    assert all(now < turn <= now + period for turn in turns)
    assert max(turns) - min(turns) > timedelta(minutes=9)  # however many were due at once
    for number, turn in enumerate(turns):
        assert accounts.next_turn(number, "check_orders", period, turn) == turn + period
        late = turn + timedelta(seconds=40)
        assert accounts.next_turn(number, "check_orders", period, late) == turn + period
