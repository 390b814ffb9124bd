"""What follows when Amazon does not do what it is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.connections.consequences import amazon_operation
from kogge.amazon.connections.models import Connection
from kogge.engine.work import Outcome, Work
from kogge.spapi.errors import AmazonError, AskHuman, FixSettings, Throttled, TryLater
from tests.amazon.account import Post, run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def perform(post: Post, *errors: AmazonError, operation: str = "check_orders") -> list[Outcome]:
    """Run an operation that meets these errors, one after the other, and then succeeds."""
    to_come = list(errors)

    @amazon_operation
    def work_or_fail(connection: Connection, work: Work) -> Outcome:
        if to_come:
            raise to_come.pop(0)
        return Outcome(work.now + DAY, done=1)

    return [
        run(work_or_fail, operation, post.connection.pk, post.amazon.world.now)
        for _run in range(len(errors) + 1)
    ]


def denied(reason: str) -> FixSettings:
    return FixSettings("no", operation="searchOrders", reason=reason)  # type: ignore[arg-type]


def test_failed_attempts_are_repeated_after_1_2_5_10_and_15_minutes(post: Post) -> None:
    began = post.now

    *failed, worked = perform(post, *(TryLater(operation="getOrder") for _time in range(6)))

    pauses = [round((outcome.next_due - began).total_seconds() / 60) for outcome in failed]
    assert pauses == [1, 2, 5, 10, 15, 15]
    assert all("getOrder" in outcome.error for outcome in failed)
    assert worked.error == ""


def test_amazons_own_wish_to_wait_longer_is_kept(post: Post) -> None:
    [outcome, _] = perform(post, TryLater(operation="getOrder", retry_after=3600))

    assert outcome.next_due - post.now > timedelta(minutes=59)


def test_waiting_for_a_limit_is_no_failed_attempt(post: Post) -> None:
    [outcome, _] = perform(post, Throttled(operation="searchOrders", retry_after=120))

    assert outcome.error == ""
    assert outcome.waiting
    assert timedelta(seconds=115) < outcome.next_due - post.now <= timedelta(seconds=120)


def test_revoked_access_pauses_the_connection_and_asks_for_help(post: Post) -> None:
    [outcome, after] = perform(post, denied("invalid_grant"))

    post.connection.refresh_from_db()
    assert post.connection.state == Connection.State.PAUSED
    assert outcome.error
    assert after.done == 0
    assert post.troubles() == ["settings"]


def test_a_denied_operation_waits_alone_until_it_is_granted(post: Post) -> None:
    [outcome, elsewhere] = perform(post, denied("access_denied"))
    post.connection.refresh_from_db()
    between = (post.connection.state, post.connection.denied_operations, elsewhere.done)

    assert outcome.next_due - post.now > timedelta(minutes=59)
    # The second run of the same operation went through: it is granted now.
    assert between == (Connection.State.ACTIVE, "", 1)
    assert post.troubles() == []


def test_another_operation_does_not_settle_what_is_denied(post: Post) -> None:
    to_come = [denied("access_denied")]

    @amazon_operation
    def confirm(connection: Connection, work: Work) -> Outcome:
        raise to_come.pop()

    run(confirm, "confirm_shipments", post.connection.pk, post.amazon.world.now)
    perform(post, operation="check_orders")

    post.connection.refresh_from_db()
    assert post.connection.denied_operations == "confirm_shipments"
    assert post.troubles() == ["settings"]


def test_a_refusal_nobody_dealt_with_is_a_bug(post: Post) -> None:
    with pytest.raises(AskHuman):
        perform(post, AskHuman("no such thing", operation="getOrder", code="InvalidInput"))


def test_a_paused_connection_does_nothing_until_it_is_resumed(post: Post) -> None:
    accounts.pause(post.connection.pk, "by_merchant", now=post.now)

    [paused] = perform(post)
    accounts.resume(post.connection, post.now)
    [resumed] = perform(post)

    assert paused.done == 0
    assert resumed.done == 1
    assert post.troubles() == []


def test_a_connection_that_is_gone_does_nothing(post: Post) -> None:
    gone = post.connection.pk
    post.connection.delete()

    @amazon_operation
    def never(connection: Connection, work: Work) -> Outcome:
        raise AssertionError

    assert run(never, "check_orders", gone, post.amazon.world.now).done == 0
