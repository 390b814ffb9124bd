"""Acknowledging and cancelling by feed, against a strict Amazon over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.feeds.messages import queue_acknowledgements, queue_cancellation, send_again
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.journal.models import Trouble
from kogge.engine.models import Due
from kogge.engine.work import LeaseLost
from kogge.simulator import Order
from kogge.simulator.faults import Kind
from kogge.spapi import feeds_2021_06_30 as amazon_feeds
from tests.amazon.account import DE, FR, Post, connect

pytestmark = pytest.mark.django_db


def acknowledge(post: Post, *orders: Order) -> None:
    queue_acknowledgements(post.connection.pk, [_for_acknowledging(order) for order in orders], now=post.now)


def cancel(post: Post, order: Order, reason: str = "no_inventory") -> bool:
    return queue_cancellation(
        post.connection.pk,
        order.order_id,
        marketplace_id=order.marketplace.id,
        item_ids=[item.item_id for item in order.items],
        reason=reason,
        now=post.now,
    )


def states(post: Post, order: Order | None = None) -> list[str]:
    rows = OrderMessage.objects.everyone().filter(connection=post.connection)
    if order is not None:
        rows = rows.filter(amazon_order_id=order.order_id)
    return list(rows.order_by("id").values_list("state", flat=True))


def _for_acknowledging(order: Order) -> tuple[str, str, str, Sequence[str]]:
    number = f"SHOP-{order.order_id[-4:]}"
    return order.order_id, order.marketplace.id, number, [item.item_id for item in order.items]


class TestAcknowledging:
    def test_orders_of_several_marketplaces_go_out_in_one_feed_and_are_acknowledged(self, post: Post) -> None:
        german, french = post.buy(), post.buy(marketplace_id=FR)
        acknowledge(post, german, french)

        sent = post.send()
        read = post.send_after(minutes=1)

        [feed] = post.amazon.feeds
        assert sorted(feed.marketplace_ids) == sorted([DE, FR])
        assert states(post) == ["accepted", "accepted"]
        for order in (german, french):
            shown = post.amazon.order(order.order_id).acknowledgement
            assert shown is not None
            assert shown.merchant_order_id == f"SHOP-{order.order_id[-4:]}"
            assert post.told(order.order_id) == ["acknowledge_queued", "acknowledged"]
        assert sent.waiting
        assert not read.waiting
        assert read.done == 2
        assert post.amazon.violations == []

    def test_the_first_feed_goes_at_once_and_the_next_one_twenty_minutes_later(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        post.send_after(minutes=1)
        acknowledge(post, post.buy(), post.buy())

        early = post.send_after(minutes=15)
        feeds_then = len(post.amazon.feeds)
        post.send_after(minutes=5)

        assert feeds_then == 1
        assert timedelta(minutes=3) < early.next_due - post.now + timedelta(minutes=5) < timedelta(minutes=5)
        assert len(post.amazon.feeds) == 2
        assert post.amazon.violations == []

    def test_queueing_twice_acknowledges_once(self, post: Post) -> None:
        order = post.buy()

        acknowledge(post, order)
        acknowledge(post, order)
        post.send()
        acknowledge(post, order)

        assert states(post) == ["sending"]

    def test_queueing_makes_the_operation_due_at_once(self, post: Post) -> None:
        post.send()
        waited_until = Due.objects.get(operation="send_feeds").due_at

        acknowledge(post, post.buy())

        assert waited_until > post.now + timedelta(hours=1)
        assert Due.objects.get(operation="send_feeds").due_at <= post.now

    def test_only_the_message_amazon_rejects_is_rejected(self, post: Post) -> None:
        good, bad = post.buy(), post.buy()
        acknowledge(post, good, bad)
        post.amazon.change_order(bad.order_id, status="CANCELLED", cancelled_by="BUYER")

        post.send()
        read = post.send_after(minutes=1)

        assert states(post, good) == ["accepted"]
        assert states(post, bad) == ["rejected"]
        assert (read.done, read.failed) == (1, 1)
        trouble = Trouble.objects.everyone().get()
        assert trouble.kind == "acknowledge_rejected"
        assert trouble.amazon_order_id == bad.order_id
        assert "cancelled" in str(trouble.details["reason"])
        assert post.told(bad.order_id)[-1] == "acknowledge_rejected"

    def test_success_without_a_report_is_success(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        [feed] = post.amazon.feeds
        post.amazon.change_feed(feed.feed_id, fate="DONE")

        post.send_after(minutes=1)

        assert states(post) == ["accepted"]

    def test_a_feed_holds_at_most_a_thousand_messages(
        self, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kogge.amazon.feeds.building.MAX_MESSAGES", 2)
        acknowledge(post, post.buy(), post.buy(), post.buy())

        post.send()
        post.send_after(minutes=1)
        post.send_after(minutes=20)
        post.send_after(minutes=1)

        assert [feed.messages.count() for feed in Feed.objects.everyone().order_by("id")] == [2, 1]
        assert states(post) == ["accepted"] * 3


class TestCancelling:
    def test_a_cancellation_goes_out_at_once_and_counts_when_amazon_shows_it(self, post: Post) -> None:
        order = post.buy()

        cancel(post, order)
        sent = post.send()
        accepted = post.send_after(minutes=1)

        assert sent.waiting
        assert post.amazon.order(order.order_id).status == "CANCELLED"
        assert states(post, order) == ["confirmed"]
        assert post.told(order.order_id) == ["cancel_queued", "cancel_sent", "cancel_confirmed"]
        assert not accepted.waiting
        assert post.troubles() == []
        assert post.amazon.violations == []

    def test_all_items_are_cancelled_with_amazons_word_for_the_reason(self, post: Post) -> None:
        order = post.buy(lines=[{}, {"quantity": 2}, {}])

        cancel(post, order, "address_undeliverable")
        post.send()
        post.send_after(minutes=1)

        reasons = {item.cancel_reason for item in post.amazon.order(order.order_id).items}
        assert reasons == {"ShippingAddressUndeliverable"}

    @pytest.mark.parametrize("left", [{"status": "SHIPPED"}, {"quantity_fulfilled": 1}])
    def test_an_order_of_which_anything_was_shipped_is_not_cancelled(
        self, post: Post, left: dict[str, object]
    ) -> None:
        order = post.buy(lines=[{"quantity": 2}, {}])
        cancel(post, order)
        post.amazon.change_order(order.order_id, **left)

        outcome = post.send()

        assert post.amazon.feeds == []
        assert states(post, order) == ["rejected"]
        assert post.troubles() == ["cancel_refused"]
        assert post.told(order.order_id) == ["cancel_queued", "cancel_rejected"]
        assert outcome.failed == 1

    def test_units_that_have_left_count_more_than_the_status(self, post: Post) -> None:
        order = post.buy(lines=[{"quantity": 2}])
        cancel(post, order)
        says_unshipped = {"fulfillment": {"fulfillmentStatus": "UNSHIPPED"}}
        post.amazon.change_order(order.order_id, quantity_fulfilled=1, patch=says_unshipped)

        post.send()

        assert post.amazon.feeds == []
        assert states(post, order) == ["rejected"]

    def test_an_order_that_is_cancelled_already_needs_no_feed(self, post: Post) -> None:
        order = post.buy()
        cancel(post, order)
        post.amazon.change_order(order.order_id, status="CANCELLED", cancelled_by="BUYER")

        post.send()

        assert post.amazon.feeds == []
        assert states(post, order) == ["confirmed"]
        assert post.troubles() == []

    def test_a_pending_order_waits_until_it_is_released(self, post: Post) -> None:
        order = post.buy(status="PENDING")
        cancel(post, order)

        waiting = post.send()
        post.amazon.change_order(order.order_id, status="UNSHIPPED")
        post.send_after(minutes=10)
        post.send_after(minutes=1)

        assert waiting.waiting
        assert states(post, order) == ["confirmed"]

    def test_a_waiting_acknowledgement_of_the_order_is_dropped(self, post: Post) -> None:
        order = post.buy()
        acknowledge(post, order)

        cancel(post, order)
        post.send()
        post.send_after(minutes=1)

        assert states(post, order) == ["dropped", "confirmed"]
        assert post.amazon.order(order.order_id).acknowledgement is None
        assert post.amazon.violations == []

    def test_an_acknowledgement_after_the_cancellation_is_not_queued(self, post: Post) -> None:
        order = post.buy()
        cancel(post, order)

        acknowledge(post, order)

        assert states(post, order) == ["waiting"]

    def test_a_cancellation_waits_for_an_acknowledgement_on_its_way_and_is_not_lost(self, post: Post) -> None:
        order = post.buy()
        acknowledge(post, order)
        post.send()

        cancel(post, order)
        post.send()
        between = states(post, order)
        post.send_after(minutes=2)
        post.send_after(minutes=1)

        assert between == ["sending", "waiting"]
        assert states(post, order) == ["accepted", "confirmed"]
        assert post.amazon.violations == []

    def test_a_feed_a_cancellation_waits_for_is_asked_about_at_once(self, post: Post) -> None:
        order = post.buy()
        acknowledge(post, order)
        post.send()
        post.amazon.advance(30)

        cancel(post, order)
        post.send()

        assert states(post, order) == ["accepted", "waiting"]

    def test_cancellations_keep_two_minutes_distance(self, post: Post) -> None:
        first, second = post.buy(), post.buy()
        cancel(post, first)
        post.send()
        cancel(post, second)

        early = post.send_after(minutes=1)
        feeds_then = len(post.amazon.feeds)
        post.send_after(minutes=1)

        assert feeds_then == 1
        assert early.next_due <= post.now
        assert len(post.amazon.feeds) == 2
        assert post.amazon.violations == []

    def test_acknowledgements_ride_along_with_a_cancellation(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        post.send_after(minutes=1)
        acknowledge(post, post.buy())
        cancel(post, post.buy())

        post.send_after(minutes=2)

        assert Feed.objects.everyone().latest("id").messages.count() == 2

    def test_queueing_a_cancellation_twice_cancels_once(self, post: Post) -> None:
        order = post.buy()

        assert cancel(post, order)
        assert not cancel(post, order)
        assert states(post, order) == ["waiting"]

    def test_a_cancellation_amazon_rejects_is_a_matter_for_people_and_can_be_sent_again(
        self, post: Post
    ) -> None:
        order = post.buy()
        cancel(post, order)
        post.send()
        post.amazon.change_order(order.order_id, quantity_fulfilled=1)
        post.send_after(minutes=1)
        rejected = OrderMessage.objects.everyone().get()
        kinds = post.troubles()

        again = send_again(post.connection.pk, message=rejected.pk, actor="anna@example.org", now=post.now)

        assert rejected.state == "rejected"
        assert kinds == ["cancel_refused"]
        assert again == 1
        assert states(post, order) == ["rejected", "waiting"]
        assert post.troubles() == []

    def test_what_amazon_accepts_but_does_not_show_is_looked_for_and_alarmed_after_two_hours(
        self, post: Post
    ) -> None:
        order = post.buy()
        cancel(post, order)
        post.send()
        [feed] = post.amazon.feeds
        post.amazon.change_feed(feed.feed_id, fate="DONE")  # a success without effect

        post.send_after(minutes=1)
        early = post.troubles()
        for minutes in (1, 5, 15, 30, 60, 60):
            post.send_after(minutes=minutes)
        late = post.troubles()
        post.amazon.change_order(order.order_id, status="CANCELLED", cancelled_by="MERCHANT")
        post.send_after(minutes=60)

        assert early == []
        assert late == ["cancel_not_visible"]
        assert states(post, order) == ["confirmed"]
        assert post.troubles() == []


class TestAccidents:
    @pytest.mark.parametrize("fault", ["drop-after", "200-empty", "bad-json", "200-html"])
    def test_a_feed_whose_creation_was_not_answered_is_found_and_not_sent_twice(
        self, post: Post, fault: Kind
    ) -> None:
        acknowledge(post, post.buy())
        post.amazon.fault("createFeed", fault)

        lost = post.send()
        state_between = Feed.objects.everyone().get().state
        post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert lost.error
        assert state_between == "creating"
        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]
        assert post.amazon.violations == []

    def test_a_crash_right_after_the_feed_was_created_leads_to_one_feed(
        self, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acknowledge(post, post.buy())

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("kogge.amazon.feeds.handing_over._opened", crash)
            with pytest.raises(KeyboardInterrupt):
                post.send()
        Due.objects.update(leased_until=None)
        post.send()
        post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]

    def test_two_workers_at_once_hand_over_one_feed(
        self, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acknowledge(post, post.buy())
        create_feed = amazon_feeds.create_feed
        overtaken: list[bool] = []

        def be_overtaken(*arguments: Any) -> str:
            if not overtaken:
                overtaken.append(True)
                Due.objects.update(leased_until=None)  # the lease ran out while the upload took its time
                post.send()
            return create_feed(*arguments)

        monkeypatch.setattr(amazon_feeds, "create_feed", be_overtaken)
        with pytest.raises(LeaseLost):
            post.send()
        post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]

    def test_a_creation_that_never_arrived_is_repeated(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.fault("createFeed", "drop-connection")

        post.send()
        post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]

    @pytest.mark.parametrize("operation", ["createFeedDocument", "upload", "createFeed"])
    def test_an_amazon_that_is_busy_is_asked_again(self, post: Post, operation: str) -> None:
        acknowledge(post, post.buy())
        post.amazon.fault(operation, "500")

        outcome = post.send()
        post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert outcome.next_due > post.now - timedelta(minutes=2)
        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]

    def test_a_used_up_quota_is_waited_for(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.fault("createFeed", "429")

        throttled = post.send()
        between = Feed.objects.everyone().get()
        post.send_after(minutes=2.1)
        post.send_after(minutes=1)

        assert throttled.error == ""
        assert throttled.waiting
        assert (between.state, between.submitted_at) == ("built", None)  # it surely did not arrive
        assert "getFeeds" not in post.amazon.calls
        assert len(post.amazon.feeds) == 1
        assert states(post) == ["accepted"]

    def test_an_aborted_feed_is_said_again_three_times_and_then_shown_to_people(self, post: Post) -> None:
        order = post.buy()
        acknowledge(post, order)
        post.amazon.set(new_feeds_fate="FATAL")

        for _attempt in range(3):
            post.send()
            post.send_after(minutes=1)
            post.amazon.advance(20 * 60)

        assert len(post.amazon.feeds) == 3
        assert states(post) == ["rejected"]
        assert post.troubles() == ["feed_failed"]
        failed = Trouble.objects.everyone().get()
        post.amazon.set(new_feeds_fate="")
        send_again(post.connection.pk, feed=failed.details["feed"], actor="anna@example.org", now=post.now)
        post.send()
        post.send_after(minutes=1)
        assert states(post) == ["rejected", "accepted"]
        assert post.troubles() == []

    def test_an_aborted_cancellation_is_checked_anew_before_it_is_said_again(self, post: Post) -> None:
        order = post.buy()
        cancel(post, order)
        post.amazon.set(new_feeds_fate="FATAL")
        post.send()
        post.amazon.change_order(order.order_id, status="SHIPPED")

        post.send_after(minutes=1)
        post.send_after(minutes=2)

        assert len(post.amazon.feeds) == 1
        assert states(post, order) == ["rejected"]
        assert post.troubles() == ["cancel_refused"]

    def test_a_feed_that_hangs_in_the_queue_is_alarmed_withdrawn_and_rebuilt(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.set(new_feeds_stuck_in="IN_QUEUE")
        post.send()
        post.send_after(minutes=110)
        before = post.troubles()
        post.amazon.set(new_feeds_stuck_in="")

        post.send_after(minutes=10)
        alarmed = post.troubles()
        post.send_after(minutes=1)

        assert before == []
        assert alarmed == ["feed_stuck"]
        assert [feed.status for feed in post.amazon.feeds] == ["CANCELLED", "DONE"]
        assert states(post) == ["accepted"]
        assert post.troubles() == []
        assert post.amazon.violations == []

    def test_a_feed_that_hangs_while_it_runs_is_alarmed_once_and_holds_up_no_cancellation(
        self, post: Post
    ) -> None:
        order, other = post.buy(), post.buy()
        acknowledge(post, order, other)
        post.amazon.set(new_feeds_stuck_in="IN_PROGRESS")
        post.send()
        post.amazon.set(new_feeds_stuck_in="")
        post.send_after(minutes=60)
        cancel(post, order)

        post.send()
        waits = states(post, order)
        post.send_after(minutes=61)
        post.send_after(minutes=10)

        assert waits == ["sending", "waiting"]
        assert states(post, order) == ["dropped", "sending"]
        assert states(post, other) == ["sending"]
        assert post.troubles() == ["feed_stuck"]
        assert post.told("").count("feed_stuck") == 1
        [hanging, _cancelling] = post.amazon.feeds
        post.amazon.change_feed(hanging.feed_id, stuck_in="")
        post.send_after(minutes=10)
        assert post.troubles() == []
        assert states(post, order) == ["dropped", "confirmed"]

    def test_open_feeds_are_polled_after_one_two_five_and_then_ten_minutes(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.set(new_feeds_stuck_in="IN_PROGRESS")

        pauses = []
        outcome = post.send()
        for _poll in range(5):
            pauses.append(round((outcome.next_due - post.now).total_seconds() / 60))
            outcome = post.send_after(minutes=pauses[-1] + 0.01)

        assert pauses == [1, 2, 5, 10, 10]

    def test_a_report_that_cannot_be_fetched_now_is_fetched_later(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        post.amazon.fault("download", "503-html")

        held_up = post.send_after(minutes=1)
        post.send_after(minutes=1)

        assert held_up.error
        assert states(post) == ["accepted"]

    def test_a_cancellation_waits_for_an_open_feed_but_not_for_one_that_hangs(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        order = post.buy()
        cancel(post, order)
        post.amazon.fault("getFeed", "503-html", times=None)

        post.send_after(minutes=2)
        before = len(post.amazon.feeds)
        for _hour in range(3):
            post.send_after(minutes=60)

        assert before == 1
        assert len(post.amazon.feeds) == 2
        assert post.amazon.violations == []

    @pytest.mark.parametrize("step", ["createFeedDocument", "upload", "createFeed"])
    def test_an_order_shipped_while_its_cancellation_is_held_up_is_not_cancelled(
        self, post: Post, step: str
    ) -> None:
        order = post.buy()
        cancel(post, order)
        post.amazon.fault(step, "503-html")
        post.send()
        post.amazon.change_order(order.order_id, status="SHIPPED")

        post.send_after(minutes=1)

        assert states(post, order) == ["rejected"]
        assert post.amazon.order(order.order_id).status == "SHIPPED"
        assert post.amazon.violations == []

    def test_no_more_cancellations_go_out_at_once_than_can_be_looked_at_at_once(self, post: Post) -> None:
        for _order in range(33):
            cancel(post, post.buy())

        post.send()

        assert sorted(set(states(post))) == ["sending", "waiting"]
        assert states(post).count("sending") == 30

    def test_a_cancellation_goes_out_as_soon_as_the_open_feed_is_answered(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.send()
        order = post.buy()
        cancel(post, order)

        post.send_after(minutes=2)

        assert len(post.amazon.feeds) == 2
        assert post.amazon.violations == []

    def test_a_message_that_cannot_be_said_does_not_spoil_the_others(self, post: Post) -> None:
        good, sick = post.buy(), post.buy()
        acknowledge(post, good, sick)
        OrderMessage.objects.everyone().filter(amazon_order_id=sick.order_id).update(item_ids=["1", "1"])

        post.send()
        post.send_after(minutes=1)

        assert states(post, good) == ["accepted"]
        assert states(post, sick) == ["rejected"]
        assert post.troubles() == ["acknowledge_rejected"]

    def test_a_cancellation_amazon_does_not_know_is_a_matter_for_people(self, post: Post) -> None:
        order = post.buy()
        cancel(post, order)
        del post.amazon.world.demo.orders[order.order_id]

        post.send()

        assert states(post, order) == ["rejected"]
        assert post.troubles() == ["cancel_refused"]

    def test_a_paused_connection_sends_nothing(self, post: Post) -> None:
        acknowledge(post, post.buy())
        accounts.pause(post.connection.pk, "invalid_grant", now=post.now)
        calls = dict(post.amazon.calls)

        post.send()

        assert post.amazon.calls == calls

    def test_a_revoked_consent_pauses_the_connection(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.revoke()

        outcome = post.send()

        post.connection.refresh_from_db()
        assert outcome.error
        assert post.connection.state == "paused"
        assert post.connection.pause_reason == "invalid_grant"
        assert post.troubles() == ["settings"]
        assert states(post) == ["sending"]

    def test_after_new_credentials_what_waited_goes_out(self, post: Post) -> None:
        acknowledge(post, post.buy())
        post.amazon.revoke()
        post.send()
        post.amazon.world.grant(post.connection.client_id, post.connection.seller_id, "Atzr|renewed")

        connect(post.connection.merchant, post.now, refresh_token="Atzr|renewed")
        post.connection.refresh_from_db()
        post.send()
        post.send_after(minutes=1)

        assert states(post) == ["accepted"]
        assert post.troubles() == []

    def test_with_nothing_to_do_no_call_is_made(self, post: Post) -> None:
        calls = dict(post.amazon.calls)

        outcome = post.send()

        assert post.amazon.calls == calls
        assert outcome.next_due - post.now > timedelta(hours=23)
        assert not outcome.waiting
