"""What became of the messages about orders in a feed: accepted, rejected, or to be said again."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from kogge.amazon.feeds.messages import Kind, State, trouble_key
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, Matter, close_troubles, open_troubles, record
from kogge.engine.due import make_due
from kogge.spapi.order_feed import FeedReport, MessageResult

MAX_ATTEMPTS = 3

_ACCEPTED_ENTRY = {Kind.ACKNOWLEDGE.value: "acknowledged"}
_REJECTED_ENTRY = {Kind.ACKNOWLEDGE.value: "acknowledge_rejected", Kind.CANCEL.value: "cancel_rejected"}
_REJECTED_TROUBLE = {Kind.ACKNOWLEDGE.value: "acknowledge_rejected", Kind.CANCEL.value: "cancel_refused"}


def settle(turn: Round, feed: Feed, *, status: str, report: FeedReport | None) -> None:
    """Amazon is through with the feed: give every message its verdict, all in one transaction.

    Amazon lists what failed, not what worked. A finished feed without a report has no failures; an
    aborted one without a report decides nothing.
    """
    is_done = status == "DONE"
    with transaction.atomic():
        turn.work.keep()  # only one worker gives the verdicts
        verdicts = _Verdicts()
        for message in feed.messages.filter(state=State.SENDING).order_by("message_no"):
            verdicts.add(message, report, is_done=is_done)
        _accept(turn, verdicts.accepted)
        _reject(turn, verdicts.rejected)
        _say_again(turn, feed, verdicts.open, reason=status)


def fail(turn: Round, feed: Feed, reason: str) -> None:
    """Amazon did not take the feed at all."""
    with transaction.atomic():
        turn.work.keep()
        _say_again(turn, feed, list(feed.messages.filter(state=State.SENDING)), reason=reason)


def reject(turn: Round, message: OrderMessage, reason: str) -> None:
    """Amazon will not do this one; a human must know."""
    with transaction.atomic():
        _reject(turn, [(message, MessageResult("", reason))])


def take_out(message: OrderMessage) -> None:
    """What is settled already does not go into the feed; its number stays unused."""
    message.feed, message.message_no = None, None
    message.save(update_fields=["feed", "message_no"])


class _Verdicts:
    """The messages of a feed, sorted by what the report says about them."""

    def __init__(self) -> None:
        self.accepted: list[OrderMessage] = []
        self.rejected: list[tuple[OrderMessage, MessageResult]] = []
        self.open: list[OrderMessage] = []

    def add(self, message: OrderMessage, report: FeedReport | None, *, is_done: bool) -> None:
        number = message.message_no or 0
        if report is not None and number in report.errors:
            self.rejected.append((message, report.errors[number]))
        elif (report is None and is_done) or (report is not None and report.accepted(number)):
            self.accepted.append(message)
        else:
            self.open.append(message)


def _accept(turn: Round, messages: Collection[OrderMessage]) -> None:
    rows = OrderMessage.objects.everyone().filter(pk__in=[message.pk for message in messages])
    rows.update(state=State.ACCEPTED, accepted_at=turn.now, not_before=turn.now, last_error="")
    record(
        [
            Entry(turn.connection.pk, _ACCEPTED_ENTRY[message.kind], turn.now, message.amazon_order_id)
            for message in messages
            if message.kind in _ACCEPTED_ENTRY  # a cancellation is told when it shows at Amazon
        ]
    )
    keys = [trouble_key(message.kind, message.amazon_order_id) for message in messages]
    close_troubles(turn.connection.pk, keys, now=turn.now)
    turn.accepted += len(messages)


def _reject(turn: Round, rejected: Collection[tuple[OrderMessage, MessageResult]]) -> None:
    for message, result in rejected:
        message.state, message.last_error = State.REJECTED, _reason(result)
    messages = [message for message, _result in rejected]
    OrderMessage.objects.everyone().bulk_update(messages, ["state", "last_error"], batch_size=200)
    record([_rejected_entry(turn, message) for message in messages])
    open_troubles(turn.connection.pk, [_rejected_matter(message) for message in messages], now=turn.now)
    _let_stand(turn, messages)
    turn.rejected += len(messages)


def _say_again(turn: Round, feed: Feed, messages: Collection[OrderMessage], *, reason: str) -> None:
    """Amazon decided nothing: a fresh attempt, a third time a human. A cancellation is checked anew."""
    if not messages:
        return
    given_up = [message for message in messages if message.attempts + 1 >= MAX_ATTEMPTS]
    pks = [message.pk for message in messages]
    rows = OrderMessage.objects.everyone().filter(pk__in=pks, state=State.SENDING)
    rows.filter(pk__in=[message.pk for message in given_up]).update(
        state=State.REJECTED, attempts=F("attempts") + 1, last_error=reason
    )
    rows.update(
        state=State.WAITING,
        attempts=F("attempts") + 1,
        last_error=reason,
        not_before=turn.now,
        feed=None,
        message_no=None,
        checked_at=None,
    )
    if given_up:
        details = {"feed": feed.pk, "feed_id": feed.feed_id, "reason": reason, "messages": len(given_up)}
        matter = Matter("feed_failed", f"feed_failed:{feed.pk}", _only_order(given_up), details)
        open_troubles(turn.connection.pk, [matter], now=turn.now)
        _let_stand(turn, given_up)
        turn.rejected += len(given_up)


def _let_stand(turn: Round, rejected: Collection[OrderMessage]) -> None:
    """Orders that are not cancelled after all stand again in the shop (see `orders.reinstating`), soon."""
    if any(message.kind == Kind.CANCEL for message in rejected):
        make_due("read_shop", turn.connection.pk, now=turn.now)


def _only_order(messages: Collection[OrderMessage]) -> str:
    order_ids = {message.amazon_order_id for message in messages}
    return next(iter(order_ids)) if len(order_ids) == 1 else ""


def _rejected_entry(turn: Round, message: OrderMessage) -> Entry:
    details = {"reason": message.last_error}
    return Entry(
        turn.connection.pk, _REJECTED_ENTRY[message.kind], turn.now, message.amazon_order_id, details
    )


def _rejected_matter(message: OrderMessage) -> Matter:
    key = trouble_key(message.kind, message.amazon_order_id)
    details = {"reason": message.last_error, "message": message.pk}
    return Matter(_REJECTED_TROUBLE[message.kind], key, message.amazon_order_id, details)


def _reason(result: MessageResult) -> str:
    return f"{result.description} ({result.code})" if result.code else result.description
