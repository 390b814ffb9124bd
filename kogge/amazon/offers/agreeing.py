"""First contact is a dry run: what would change at Amazon, and the merchant's word on who leads what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Count

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import Entry, record
from kogge.amazon.offers import changes, planning
from kogge.amazon.offers.models import Agreement, Listing, stored

Leader = Agreement.Leader


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that Amazon shows otherwise than the shop. `field` is "quantity", "lead_time" or "price"."""

    listing_id: int
    product_id: str
    sku: str
    asin: str
    field: str
    marketplace_id: str  # only of a price
    shop: int | Decimal | None
    amazon: int | Decimal | None
    is_held: bool  # a price that waits for a word of its own


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the first look is and what it found, counted by listing."""

    listings: int
    unread: int
    quantity: int
    lead_time: int
    price: int
    held: int

    @property
    def is_complete(self) -> bool:
        return self.unread == 0


def standing(connection: Connection) -> Standing:
    """The figures of the dry run, by index and not by looking at every listing."""
    mine = Listing.objects.of_id(connection.merchant_id).filter(connection=connection)
    differing = dict(mine.exclude(differs="").order_by().values_list("differs").annotate(Count("pk")))

    def count(letter: str) -> int:
        return sum(number for letters, number in differing.items() if letter in letters)

    unread = mine.filter(shown_at=None, reason="").exclude(state=Listing.State.OFF).count()
    still_to_come = _not_enrolled(connection)
    return Standing(
        listings=mine.exclude(state=Listing.State.OFF).count() + still_to_come,
        unread=unread + still_to_come,
        quantity=count("q"),
        lead_time=count("l"),
        price=count("p"),
        held=count("h"),
    )


def differences(connection: Connection, *, after: int = 0, limit: int = 100) -> list[Difference]:
    """What would change, by listing id from `after` on: all differences of up to `limit` listings."""
    mine = Listing.objects.of_id(connection.merchant_id).filter(connection=connection, pk__gt=after)
    rows = mine.exclude(differs="").select_related("offer").order_by("pk")[:limit]
    return [difference for listing in rows for difference in _differences_of(listing)]


def agree(
    connection: Connection, *, quantity: str, lead_time: str, price: str, by: str, now: datetime
) -> None:
    """Who leads each value (`Agreement.Leader`). What Kogge leads is sent from now on.

    Raises `ValueError` for a word that is none, or for UNDECIDED. A click, however many offers there
    are: all of them are planned anew by the worker, in portions.
    """
    leaders = {"quantity": quantity, "lead_time": lead_time, "price": price}
    if wrong := [word for word in leaders.values() if word not in (Leader.KOGGE, Leader.AMAZON)]:
        raise ValueError(f"nobody can lead a value called {wrong[0]!r}")
    with transaction.atomic():
        planning.agreement_of(connection)
        Agreement.objects.everyone().filter(connection=connection).update(
            **leaders, agreed_at=now, agreed_by=by, replanned_to=0
        )
        record([Entry(connection.pk, "offers_agreed", now, details={**leaders, "by": by})])
        changes.wake([connection.pk], at=now)


def confirm_price(listing: Listing, marketplace_id: str, price: Decimal, *, by: str, now: datetime) -> bool:
    """The merchant means this price. False when it is not the one that waits any more."""
    with transaction.atomic():
        locked = Listing.objects.everyone().select_for_update().get(pk=listing.pk)
        held = locked.held.get(marketplace_id)
        if held is None or held.price != price:
            return False
        _confirm([(locked, {marketplace_id: price})], by, now)
    return True


def confirm_held_prices(listing_ids: Collection[int], *, by: str, now: datetime) -> int:
    """The merchant means all prices of these listings that wait for a word; how many those are."""
    with transaction.atomic():
        rows = Listing.objects.everyone().filter(pk__in=listing_ids).order_by("pk").select_for_update()
        meant = [
            (listing, {place: held.price for place, held in listing.held.items()})
            for listing in rows
            if listing.held_json
        ]
        _confirm(meant, by, now)
    return sum(len(prices) for _listing, prices in meant)


def set_buffer(connection: Connection, units: int, *, now: datetime) -> None:
    """The connection's buffer; every offer without its own is planned anew."""
    with transaction.atomic():
        planning.agreement_of(connection)
        rows = Agreement.objects.everyone().filter(connection=connection).exclude(buffer=units)
        if rows.update(buffer=units, replanned_to=0):
            changes.wake([connection.pk], at=now)


def _confirm(meant: Sequence[tuple[Listing, Mapping[str, Decimal]]], by: str, now: datetime) -> None:
    """Note prices that the merchant means, on locked listings, and have them sent."""
    for listing, prices in meant:
        listing.confirmed_json = stored({**listing.confirmed, **prices})
    planning.write([listing for listing, _prices in meant], ["confirmed_json"])
    record(
        [
            _confirmed(listing, place, price, by, now)
            for listing, prices in meant
            for place, price in prices.items()
        ]
    )
    planning.plan_again([listing.pk for listing, _prices in meant], now=now)


def _confirmed(listing: Listing, marketplace_id: str, price: Decimal, by: str, now: datetime) -> Entry:
    details = {
        "product_id": listing.product_id,
        "marketplace_id": marketplace_id,
        "price": str(price),
        "by": by,
    }
    return Entry(listing.connection_id, "offer_price_confirmed", now, details=details)


def _differences_of(listing: Listing) -> Iterator[Difference]:
    wanted, shown, held = listing.wanted, listing.shown, listing.held
    different = wanted.different_from(shown)
    if different.quantity is not None:
        yield _difference(listing, "quantity", different.quantity, shown.quantity)
    if different.lead_time_days is not None:
        yield _difference(listing, "lead_time", different.lead_time_days, shown.lead_time_days)
    for place, price in sorted(different.prices.items()):
        if place in shown.prices:
            yield _difference(listing, "price", price, shown.prices[place], place, is_held=place in held)


def _difference(
    listing: Listing,
    field: str,
    shop: int | Decimal,
    amazon: int | Decimal | None,
    marketplace_id: str = "",
    *,
    is_held: bool = False,
) -> Difference:
    offer = listing.offer
    return Difference(
        listing.pk,
        listing.product_id,
        offer.sku,
        offer.asin,
        field,
        marketplace_id,
        shop,
        amazon,
        is_held,
    )


def _not_enrolled(connection: Connection) -> int:
    """Offers from before the connection that have no listing yet."""
    agreement = Agreement.objects.of_id(connection.merchant_id).filter(connection=connection).first()
    cursor = 0 if agreement is None else agreement.enrolled_to
    if cursor is None:
        return 0
    listed = Listing.objects.everyone().filter(connection=connection).values("offer_id")
    offers = Offer.objects.of_id(connection.merchant_id).filter(enabled=True, pk__gt=cursor)
    return offers.exclude(pk__in=listed).count()
