"""From notifications to work that is due. They are hints: what they say is asked of Amazon once more.

However many come, an operation is due once. And whatever a hint asks for, the operation's own limits hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.feeds.models import Feed
from kogge.amazon.notifications.models import OrderHint, SeenNotification, Subscription
from kogge.amazon.offers.models import Listing
from kogge.amazon.offers.planning import LOOK_AGAIN
from kogge.engine.due import make_due
from kogge.spapi.notifications_v1 import (
    FEED_PROCESSING_FINISHED,
    FULFILLMENT_ORDER_STATUS,
    LISTINGS_ITEM_ISSUES_CHANGE,
    ORDER_CHANGE,
    FeedFinished,
    FulfillmentChanged,
    IssuesChanged,
    Notification,
    OrderChanged,
)
from kogge.values import InvalidValue, amazon_order_id, plain_text

# Amazon and the queue repeat within minutes. What comes again later is worked on again, which is harmless.
REMEMBERED = timedelta(hours=1)
SHOWN_EVERY = timedelta(seconds=10)  # how exactly pages tell when the last notification came

Concerned = Sequence[tuple[int, Notification]]


def take(told: Collection[Notification], *, now: datetime) -> None:
    """Make due what these notifications hint at. Belongs in a transaction; with its commit they are done."""
    fresh = _unseen(told, now)
    concerned = _concerned(fresh)
    for kind, (shape, translate) in _TRANSLATED.items():
        some = [(pk, notification) for pk, notification in concerned if isinstance(notification, shape)]
        if some:
            translate(some, now)
            _note_received({pk for pk, _notification in some}, kind, now)


def forget_old(now: datetime) -> None:
    """Nobody delivers what is this old once more."""
    SeenNotification.objects.filter(seen_at__lt=now - REMEMBERED).delete()


def _unseen(told: Collection[Notification], now: datetime) -> list[Notification]:
    by_id = {plain_text(each.notification_id, 100): each for each in told}
    recent = SeenNotification.objects.filter(notification_id__in=by_id, seen_at__gt=now - REMEMBERED)
    seen = set(recent.values_list("notification_id", flat=True))
    fresh = sorted(name for name in by_id if name not in seen)  # receivers that meet must not cross
    SeenNotification.objects.bulk_create(
        [SeenNotification(notification_id=name, seen_at=now) for name in fresh], ignore_conflicts=True
    )
    return [by_id[name] for name in fresh]


def _concerned(told: Collection[Notification]) -> list[tuple[int, Notification]]:
    """Each notification with the connections it is about, by subscription or else by the seller's name.

    A stranger's, and what nobody wants to hear of now, concerns none.
    """
    listening = (
        Connection.objects.everyone()
        .filter(state=Connection.State.ACTIVE)
        .exclude(notification_switch__is_on=False)
    )
    subscriptions = {plain_text(each.subscription_id, 100) for each in told} - {""}
    subscribed = listening.filter(subscriptions__subscription_id__in=subscriptions)
    by_subscription = dict(subscribed.values_list("subscriptions__subscription_id", "pk"))
    by_name = [each for each in told if each.subscription_id not in by_subscription]
    by_seller = _by_seller(listening, {plain_text(each.seller_id, 40) for each in by_name} - {""})
    found = []
    for each in told:
        pk = by_subscription.get(each.subscription_id)
        pks = by_seller.get(each.seller_id, []) if pk is None else [pk]
        found += [(pk, each) for pk in pks]
    return found


def _by_seller(listening: QuerySet[Connection], sellers: Collection[str]) -> dict[str, list[int]]:
    """Rarely needed, and then all connections are looked through."""
    found: dict[str, list[int]] = {}
    if sellers:
        for pk, seller in listening.filter(seller_id__in=sellers).values_list("pk", "seller_id"):
            found.setdefault(seller, []).append(pk)
    return found


def _orders(told: Concerned, now: datetime) -> None:
    """The orders named are to be fetched. Those that Amazon ships itself are only for information."""
    hints: dict[tuple[int, str], OrderHint] = {}
    for pk, notification in told:
        if not isinstance(notification, OrderChanged) or notification.is_shipped_by_amazon:
            continue
        try:
            order_id = amazon_order_id(notification.order_id)
        except InvalidValue:
            continue  # the regular check would not find such an order either
        hints[pk, order_id] = OrderHint(
            connection_id=pk,
            order_id=order_id,
            notification_id=plain_text(notification.notification_id, 100),
            changed_at=notification.changed_at or now,
        )
    if not hints:
        return
    OrderHint.objects.everyone().bulk_create(
        [hints[key] for key in sorted(hints)],
        update_conflicts=True,
        unique_fields=("connection", "order_id"),
        update_fields=["notification_id", "changed_at", "tries"],
    )
    make_due("fetch_hinted", {pk for pk, _order_id in hints}, now=now)


def _feeds(told: Concerned, now: datetime) -> None:
    named = Q()
    for pk, notification in told:
        if isinstance(notification, FeedFinished):
            named |= Q(connection_id=pk, feed_id=plain_text(notification.feed_id, 60))
    feeds = Feed.objects.everyone().filter(named, state=Feed.State.OPEN, next_poll_at__gt=now)
    if concerned := set(feeds.values_list("connection_id", flat=True)):
        feeds.update(next_poll_at=now)
        make_due("send_feeds", concerned, now=now)


def _fulfillment(told: Concerned, now: datetime) -> None:
    named = Q()
    for pk, notification in told:
        if isinstance(notification, FulfillmentChanged):
            named |= Q(connection_id=pk, order_id=plain_text(notification.order_id, 40))
    orders = FulfillmentOrder.objects.everyone().filter(named, look_at__gt=now)
    if concerned := set(orders.values_list("connection_id", flat=True)):
        orders.update(look_at=now)
        make_due("follow_fulfillment", concerned, now=now)


def _issues(told: Concerned, now: datetime) -> None:
    """Only what rests is looked at early: what was just told Amazon must have its time to show."""
    named = Q()
    for pk, notification in told:
        if isinstance(notification, IssuesChanged):
            named |= Q(connection_id=pk, offer__sku=plain_text(notification.sku, 40))
    resting = Listing.objects.everyone().filter(named, read_at__gt=now + LOOK_AGAIN)
    found = list(resting.values_list("pk", "connection_id"))
    if found:
        Listing.objects.everyone().filter(pk__in=[pk for pk, _connection in found]).update(read_at=now)
        make_due("read_offers", {connection for _pk, connection in found}, now=now)


def _note_received(connection_ids: Collection[int], kind: str, now: datetime) -> None:
    rows = Subscription.objects.everyone().filter(connection_id__in=connection_ids, kind=kind)
    rows.filter(Q(received_at=None) | Q(received_at__lt=now - SHOWN_EVERY)).update(received_at=now)


_TRANSLATED: dict[str, tuple[type[Notification], Callable[[Concerned, datetime], None]]] = {
    ORDER_CHANGE: (OrderChanged, _orders),
    FEED_PROCESSING_FINISHED: (FeedFinished, _feeds),
    FULFILLMENT_ORDER_STATUS: (FulfillmentChanged, _fulfillment),
    LISTINGS_ITEM_ISSUES_CHANGE: (IssuesChanged, _issues),
}
