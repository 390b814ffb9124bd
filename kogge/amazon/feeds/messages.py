"""What Amazon is to be told about orders: acknowledged or cancelled. A row before it is a request.

Kept at all times: one live message of a kind for an order, and never an acknowledgement that waits
beside a cancellation. A cancellation is never lost; it waits at most for an answer that is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from kogge import bulk
from kogge.amazon.feeds.models import Feed, OrderMessage
from kogge.amazon.journal.book import Entry, close_troubles, record
from kogge.engine.due import make_due
from kogge.spapi.order_feed import CANCEL_REASONS, FEED_TYPE

State = OrderMessage.State
Kind = OrderMessage.Kind

# A message in one of these states is settled: another one of its kind may follow.
SETTLED = (State.REJECTED, State.DROPPED)

Acknowledgement = tuple[str, str, str, Sequence[str]]  # Amazon's order id, marketplace, own number, item ids


def queue_acknowledgements(connection_id: int, orders: Iterable[Acknowledgement], *, now: datetime) -> int:
    """Have Amazon told that these orders were taken in; how many are new.

    Idempotent, and a constant number of statements. An order that is to be cancelled is not
    acknowledged any more. Belongs inside the transaction that takes the orders in.
    """
    wanted = {order[0]: order for order in orders}
    if not wanted:
        return 0
    with transaction.atomic():
        told = set(
            _live(connection_id)
            .filter(amazon_order_id__in=list(wanted))
            .values_list("amazon_order_id", flat=True)
        )
        fresh = [order_id for order_id in wanted if order_id not in told]
        bulk.insert(
            (_acknowledgement(connection_id, wanted[order_id], now) for order_id in fresh),
            ignore_conflicts=True,
        )
        record([Entry(connection_id, "acknowledge_queued", now, order_id) for order_id in fresh])
        if fresh:
            make_due("send_feeds", connection_id, now=now)
    return len(fresh)


def queue_cancellation(
    connection_id: int,
    amazon_order_id: str,
    *,
    marketplace_id: str,
    item_ids: Sequence[str],
    reason: str,
    now: datetime,
) -> bool:
    """Have Amazon cancel the whole order for one of the contract's reasons. False: it is under way already.

    A waiting acknowledgement of the order is dropped in the same transaction; one that is on its way
    is waited for. `item_ids` must be all items of the order: Amazon knows no partial cancellation.
    """
    if reason not in CANCEL_REASONS:
        raise ValueError(f"not a reason to cancel: {reason!r}")
    if not item_ids:
        raise ValueError(f"cancelling {amazon_order_id} needs all its items")
    with transaction.atomic():
        if _live(connection_id).filter(amazon_order_id=amazon_order_id, kind=Kind.CANCEL).exists():
            return False
        drop_acknowledgements(connection_id, [amazon_order_id])
        _ask_soon(connection_id, now)
        OrderMessage.objects.everyone().create(
            connection_id=connection_id,
            amazon_order_id=amazon_order_id,
            marketplace_id=marketplace_id,
            kind=Kind.CANCEL,
            reason=reason,
            item_ids=list(item_ids),
            not_before=now,
            created_at=now,
        )
        record([Entry(connection_id, "cancel_queued", now, amazon_order_id, {"reason": reason})])
        close_troubles(connection_id, [trouble_key(Kind.CANCEL, amazon_order_id)], now=now)
        make_due("send_feeds", connection_id, now=now)
    return True


def send_again(connection_id: int, *, feed: int = 0, message: int = 0, actor: str, now: datetime) -> int:
    """A person wants rejected messages sent once more: one, or all of a feed; how many are queued again.

    Both keys are in the trouble's details. What meanwhile has a message of its kind on its way, or is to
    be cancelled, is left.
    """
    rejected = OrderMessage.objects.everyone().filter(connection_id=connection_id, state=State.REJECTED)
    wanted = rejected.filter(feed_id=feed) if feed else rejected.filter(pk=message)
    with transaction.atomic():
        fresh = [_fresh_copy(old, now) for old in wanted.order_by("id") if not _is_said(old)]
        OrderMessage.objects.everyone().bulk_create(fresh, ignore_conflicts=True)
        keys = [trouble_key(again.kind, again.amazon_order_id) for again in fresh]
        keys += [f"feed_failed:{feed}"] if feed else []
        close_troubles(connection_id, keys, now=now, by=actor)
        make_due("send_feeds", connection_id, now=now)
    return len(fresh)


def drop_acknowledgements(connection_id: int, amazon_order_ids: Iterable[str]) -> int:
    """Forget acknowledgements that wait for orders that need none any more; how many."""
    return (
        OrderMessage.objects.everyone()
        .filter(
            connection_id=connection_id,
            amazon_order_id__in=list(amazon_order_ids),
            kind=Kind.ACKNOWLEDGE,
            state=State.WAITING,
        )
        .update(state=State.DROPPED)
    )


def trouble_key(kind: str, amazon_order_id: str) -> str:
    """The key of the trouble a message can have."""
    return f"message:{kind}:{amazon_order_id}"


def _live(connection_id: int) -> QuerySet[OrderMessage]:
    """Messages that wait, are on their way or took effect: nothing of their kind is to be said again."""
    return OrderMessage.objects.everyone().filter(connection_id=connection_id).exclude(state__in=SETTLED)


def _ask_soon(connection_id: int, now: datetime) -> None:
    """A feed whose end a cancellation waits for is asked about at once, not when its turn comes."""
    feeds = Feed.objects.everyone().filter(connection_id=connection_id, feed_type=FEED_TYPE)
    feeds.filter(state=Feed.State.OPEN).update(next_poll_at=now)


def _is_said(message: OrderMessage) -> bool:
    same_order = _live(message.connection_id).filter(amazon_order_id=message.amazon_order_id)
    return same_order.filter(kind__in={message.kind, Kind.CANCEL}).exists()


def _fresh_copy(message: OrderMessage, now: datetime) -> OrderMessage:
    return OrderMessage(
        connection_id=message.connection_id,
        amazon_order_id=message.amazon_order_id,
        marketplace_id=message.marketplace_id,
        kind=message.kind,
        reason=message.reason,
        merchant_order_id=message.merchant_order_id,
        item_ids=message.item_ids,
        not_before=now,
        created_at=now,
    )


def _acknowledgement(connection_id: int, order: Acknowledgement, now: datetime) -> OrderMessage:
    order_id, marketplace_id, merchant_order_id, item_ids = order
    return OrderMessage(
        connection_id=connection_id,
        amazon_order_id=order_id,
        marketplace_id=marketplace_id,
        kind=Kind.ACKNOWLEDGE,
        merchant_order_id=merchant_order_id,
        item_ids=list(item_ids),
        not_before=now,
        created_at=now,
    )
