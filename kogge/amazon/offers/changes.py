"""What changed in the shop or in the box "Kanäle", noted in the transaction of the change.

Whoever changes several listings locks them in the order of their keys, so that two who change the same
ones wait for each other and never block each other. The due rows come last, here and in the worker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.accounts import CHANNEL, DISCONNECTED, SHOPS
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.models import Listing
from kogge.engine import due

# Changes that come together are told together.
BATCHING = timedelta(seconds=2)

MOST_AT_ONCE = 500

T = TypeVar("T")


def products_changed(merchant_id: int, product_ids: Collection[str], *, now: datetime) -> None:
    """Stock, price, lead time or "active" of products changed: Amazon hears of it within seconds.

    A constant number of statements, however many offers there are.
    """
    if not product_ids:
        return
    with transaction.atomic():
        concerned = note(_listings(merchant_id, product_ids), now=now)
        wake(concerned, at=now + BATCHING)


def offers_changed(merchant_id: int, product_ids: Collection[str], *, now: datetime) -> None:
    """Offers were ticked, unticked or changed: enrol them at every connection, look and plan; tell the shop.

    Also at a connection that was cut: it asks and sends nothing, and goes on complete when it is
    connected again.
    """
    found = dict(Connection.objects.of_id(merchant_id).values_list("pk", "merchant__works_in"))
    if not product_ids or not found:
        return
    connections = list(found)
    with transaction.atomic():
        for works_in in set(found.values()):
            SHOPS[works_in](merchant_id).channel_fields_changed(CHANNEL, product_ids, now=now)
        for some in batches(sorted(product_ids)):
            enabled = Offer.objects.of_id(merchant_id).filter(product_id__in=some, enabled=True)
            enrol_offers(merchant_id, connections, enabled, now=now)
        concerned = note(_listings(merchant_id, product_ids), now=now, read_at=now)
        wake(concerned, at=now + BATCHING)
        wake_reading(concerned, now=now)


def marketplaces_added(*, connection_id: int, now: datetime, **_: object) -> None:
    """The connection sells in more marketplaces: what Amazon shows there is read, and then priced.

    Adding one is rare, so this may touch all offers of the connection.
    """
    with transaction.atomic():
        rows = Listing.objects.everyone().filter(connection=connection_id).exclude(state=Listing.State.OFF)
        list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
        if rows.update(read_at=now):
            wake_reading([connection_id], now=now)


def enrol_offers(
    merchant_id: int, connections: Collection[int], offers: Iterable[Offer], *, now: datetime
) -> None:
    """Give offers their listing at each of these connections, to be looked up and planned."""
    for some in batches(list(offers)):
        rows = Listing.objects.everyone().filter(offer__in=some)
        enrolled = set(rows.values_list("connection_id", "offer_id"))
        Listing.objects.everyone().bulk_create(
            [
                Listing(
                    merchant_id=merchant_id,
                    connection_id=connection_id,
                    offer=offer,
                    product_id=offer.product_id,
                    plan_at=now,
                    read_at=now,
                )
                for connection_id in connections
                for offer in some
                if (connection_id, offer.pk) not in enrolled
            ],
            ignore_conflicts=True,
        )


def note(keys: Iterable[int], *, now: datetime, **also: object) -> set[int]:
    """Have these listings planned anew; the connections they belong to. Inside a transaction."""
    connections: set[int] = set()
    for some in batches(sorted(keys)):
        rows = Listing.objects.everyone().filter(pk__in=some)
        locked = rows.order_by("pk").select_for_update().values_list("connection_id", flat=True)
        connections |= set(locked)
        rows.update(
            plan_at=Coalesce(F("plan_at"), Value(now)),
            changed_at=Coalesce(F("changed_at"), Value(now)),
            **also,
        )
    return connections


def wake(connections: Collection[int], *, at: datetime) -> None:
    """Have what waits at these connections sent; a connection that was cut stays silent."""
    for connection_id in _standing(connections):
        due.schedule("send_offers", connection_id, at=at)


def wake_reading(connections: Collection[int], *, now: datetime) -> None:
    """Have Amazon asked at once about the listings whose time has come."""
    if standing := _standing(connections):
        due.make_due("read_offers", standing, now=now)


def batches(found: Sequence[T], size: int = MOST_AT_ONCE) -> Iterator[Sequence[T]]:
    """The same in portions: a database takes only so many values in one statement."""
    return (found[start : start + size] for start in range(0, len(found), size))


def _standing(connections: Collection[int]) -> list[int]:
    found = Connection.objects.everyone().filter(pk__in=connections).exclude(pause_reason=DISCONNECTED)
    return sorted(found.values_list("pk", flat=True)) if connections else []


def _listings(merchant_id: int, product_ids: Collection[str]) -> list[int]:
    mine: QuerySet[Listing] = Listing.objects.of_id(merchant_id)
    return [
        key
        for some in batches(sorted(product_ids))
        for key in mine.filter(product_id__in=some).values_list("pk", flat=True)
    ]
