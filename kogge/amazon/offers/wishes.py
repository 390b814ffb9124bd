"""What the merchant asks for many offers at once: sell them or not, say them again, look again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.offers import agreeing, changes
from kogge.amazon.offers.models import Listing

# Of a whole catalogue, so many at once; asked again, the next ones.
MOST_AT_ONCE = 10_000

# What is settled by looking for the offer at Amazon again, not by saying its values again.
_TO_BE_FOUND = ("not_found", "ambiguous", "no_identity")


def sell(merchant_id: int, product_ids: Collection[str], *, now: datetime) -> int:
    """Tick Amazon for these products; how many were not ticked before."""
    return sum(_tick(merchant_id, batch, now) for batch in changes.batches(sorted(product_ids)))


def stop_selling(merchant_id: int, product_ids: Collection[str], *, now: datetime) -> int:
    """Untick Amazon for these products: Amazon is told that nothing is left; how many were ticked before."""
    return sum(_untick(merchant_id, batch, now) for batch in changes.batches(sorted(product_ids)))


def say_again(listings: QuerySet[Listing], *, now: datetime) -> int:
    """Have these listings said anew, all that Kogge leads; those that wait for that already are left."""
    rows = _not_said_anyway(listings.exclude(state=Listing.State.OFF))
    return _say_all_again(list(rows.values_list("pk", flat=True)[:MOST_AT_ONCE]), now)


def look_again(listings: QuerySet[Listing], *, now: datetime) -> int:
    """Have these listings read at Amazon now; those whose turn it is already are left."""
    rows = listings.exclude(state=Listing.State.OFF).filter(Q(read_at__isnull=True) | Q(read_at__gt=now))
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    for batch in changes.batches(ids):
        _look_again(batch, now)
    return len(ids)


def confirm_prices(listings: QuerySet[Listing], *, by: str, now: datetime) -> int:
    """The merchant means all prices of these listings that wait for a word; how many those are."""
    rows = listings.filter(differs__contains="h").order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:MOST_AT_ONCE])
    return sum(agreeing.confirm_held_prices(batch, by=by, now=now) for batch in changes.batches(ids))


def retry(connection: Connection, *, reasons: Collection[str] = (), now: datetime) -> int:
    """Try again what has a problem or differs, or only what does for these reasons; how many offers."""
    wrong = Listing.objects.of_id(connection.merchant_id).filter(
        connection=connection, state__in=[Listing.State.PROBLEM, Listing.State.DRIFT]
    )
    if reasons:
        wrong = wrong.filter(reason__in=reasons)
    return _say_all_again(list(_not_said_anyway(wrong).values_list("pk", flat=True)), now)


def _tick(merchant_id: int, product_ids: Sequence[str], now: datetime) -> int:
    with transaction.atomic():
        known = _known(merchant_id, product_ids)
        fresh = [product_id for product_id in product_ids if product_id not in known]
        Offer.objects.everyone().bulk_create(
            [
                Offer(merchant_id=merchant_id, product_id=product_id, enabled=True, changed_at=now)
                for product_id in fresh
            ],
            ignore_conflicts=True,
        )
        return len(fresh) + _turn(merchant_id, known, True, now, fresh)


def _untick(merchant_id: int, product_ids: Sequence[str], now: datetime) -> int:
    with transaction.atomic():
        return _turn(merchant_id, _known(merchant_id, product_ids), False, now, ())


def _known(merchant_id: int, product_ids: Sequence[str]) -> dict[str, bool]:
    """Which of the products have an offer, and whether it is ticked."""
    rows = Offer.objects.of_id(merchant_id).filter(product_id__in=product_ids)
    return dict(rows.values_list("product_id", "enabled"))


def _turn(merchant_id: int, known: dict[str, bool], enabled: bool, now: datetime, also: Sequence[str]) -> int:
    """Turn the offers that are not so yet; those and `also` have changed. How many were turned."""
    turned = [product_id for product_id, is_enabled in known.items() if is_enabled is not enabled]
    rows = Offer.objects.of_id(merchant_id).filter(product_id__in=turned)
    rows.update(enabled=enabled, changed_at=now)
    if turned or also:
        changes.offers_changed(merchant_id, [*turned, *also], now=now)
    return len(turned)


def _not_said_anyway(listings: QuerySet[Listing]) -> QuerySet[Listing]:
    return listings.exclude(is_unsure=True, plan_at__isnull=False).order_by("pk")


def _say_all_again(ids: Sequence[int], now: datetime) -> int:
    for batch in changes.batches(ids):
        _say_again(batch, now)
    return len(ids)


def _say_again(ids: Sequence[int], now: datetime) -> None:
    with transaction.atomic():
        again = {"is_unsure": True, "was_resent": False, "attempts": 0, "not_before": None}
        changes.wake(changes.note(ids, now=now, **again), at=now)
        lost = Listing.objects.everyone().filter(pk__in=ids, reason__in=_TO_BE_FOUND)
        _look_again(list(lost.values_list("pk", flat=True)), now)


def _look_again(ids: Sequence[int], now: datetime) -> None:
    with transaction.atomic():
        rows = Listing.objects.everyone().filter(pk__in=ids)
        locked = rows.order_by("pk").select_for_update().values_list("connection_id", flat=True)
        concerned = set(locked)
        rows.update(read_at=now)
        changes.wake_reading(concerned, now=now)
