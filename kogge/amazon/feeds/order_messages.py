"""POST_ORDER_ACKNOWLEDGEMENT_DATA: orders acknowledged and cancelled, as a type of feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from kogge.amazon.feeds.building import build, next_build
from kogge.amazon.feeds.cancelling import (
    check_cancellations,
    forget_checks,
    next_verification,
    verify_cancellations,
)
from kogge.amazon.feeds.handing_over import hand_over
from kogge.amazon.feeds.kinds import Document, FeedKind, Step
from kogge.amazon.feeds.messages import Kind, State
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.feeds.outcomes import fail, reject, settle, take_out
from kogge.amazon.feeds.rounds import Round
from kogge.amazon.journal.book import Entry, record
from kogge.spapi import order_feed
from kogge.spapi.order_feed import FeedReport, ReportUnreadable, parse_report
from kogge.values import InvalidValue


def build_next(turn: Round) -> None:
    """Build the next feed, if one may go out now, and bring it to Amazon."""
    if (feed := build(turn.connection.pk, now=turn.now)) is not None:
        hand_over(turn, OrderMessages(), feed)


class OrderMessages(FeedKind):
    """Messages about orders. A cancellation is looked at right before it goes out, and until it shows."""

    feed_type = order_feed.FEED_TYPE
    steps: Sequence[Step] = (build_next, verify_cancellations)

    def document(self, turn: Round, feed: Feed) -> Document | None:
        """The feed's messages in Amazon's words, of those cancellations that are still possible."""
        check_cancellations(turn, feed)
        words = _sayable(turn, feed)
        if not words:
            return None
        content = order_feed.build(turn.connection.seller_id, list(words.values()))
        return Document(content, order_feed.CONTENT_TYPE, _marketplaces_of(words))

    def not_through(self, feed: Feed) -> None:
        """What the last look said of the orders may not be true at the next attempt."""
        forget_checks(feed)

    def opened(self, turn: Round, feed: Feed) -> None:
        """The journal tells of cancellations on their way."""
        feed.messages.update(sent_at=turn.now)
        cancelled = feed.messages.filter(kind=Kind.CANCEL, state=State.SENDING)
        order_ids = cancelled.values_list("amazon_order_id", flat=True)
        record([Entry(turn.connection.pk, "cancel_sent", turn.now, order_id) for order_id in order_ids])

    def stuck(self, turn: Round, feed: Feed) -> None:
        """No cancellation waits for hours for the answer to an acknowledgement, which has no effect any more.

        The feed with the acknowledgement was handed over before; Amazon processes them one after the other.
        """
        waiting = _waiting_cancellations(turn.connection.pk).values_list("amazon_order_id", flat=True)
        feed.messages.filter(kind=Kind.ACKNOWLEDGE, state=State.SENDING, amazon_order_id__in=waiting).update(
            state=State.DROPPED
        )

    def is_urgent(self, connection_id: int) -> bool:
        """A cancellation waits for the answer to what was said about its order before."""
        return _waiting_cancellations(connection_id).exists()

    def settled(self, turn: Round, feed: Feed, status: str, report: bytes | None) -> None:
        """Every message gets its verdict; an unreadable report decides nothing about any."""
        settle(turn, feed, status=status, report=_read(report))

    def refused(self, turn: Round, feed: Feed, reason: str) -> None:
        """They are said again."""
        fail(turn, feed, reason)

    def next_step(self, connection_id: int) -> datetime | None:
        """When the next feed may be built, or an accepted cancellation is to be looked for."""
        return min(filter(None, (next_build(connection_id), next_verification(connection_id))), default=None)

    def has_unsettled(self, connection_id: int) -> bool:
        """Messages wait or are on their way, or accepted cancellations do not show yet."""
        unsettled = Q(state__in=(State.WAITING, State.SENDING)) | Q(state=State.ACCEPTED, kind=Kind.CANCEL)
        return OrderMessage.objects.everyone().filter(unsettled, connection_id=connection_id).exists()


def _sayable(turn: Round, feed: Feed) -> dict[OrderMessage, order_feed.OrderMessage]:
    """The feed's messages in Amazon's words. One that cannot be said does not spoil the others."""
    words: dict[OrderMessage, order_feed.OrderMessage] = {}
    for message in feed.messages.order_by("message_no"):
        try:
            words[message] = _for_amazon(message)
        except InvalidValue as error:
            take_out(message)
            reject(turn, message, str(error))
    return words


def _for_amazon(message: OrderMessage) -> order_feed.OrderMessage:
    reason = message.reason if message.kind == Kind.CANCEL else None
    assert message.message_no is not None
    return order_feed.OrderMessage(
        message_id=message.message_no,
        amazon_order_id=message.amazon_order_id,
        merchant_order_id=message.merchant_order_id or None,
        status="Success" if reason is None else "Failure",
        items=tuple((item_id, None, reason) for item_id in message.item_ids),
    )


def _marketplaces_of(messages: Iterable[OrderMessage]) -> tuple[str, ...]:
    """The marketplaces of the orders inside."""
    return tuple(sorted({message.marketplace_id for message in messages}))


def _read(report: bytes | None) -> FeedReport | None:
    try:
        return None if report is None else parse_report(report)
    except ReportUnreadable:
        return FeedReport(processed=0, successful=0, status="Unreadable")


def _waiting_cancellations(connection_id: int) -> QuerySet[OrderMessage]:
    messages = OrderMessage.objects.everyone().filter(connection_id=connection_id)
    return messages.filter(kind=Kind.CANCEL, state=State.WAITING)
