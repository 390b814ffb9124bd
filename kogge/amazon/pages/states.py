"""How products stand at Amazon, in words, counts and filters. Every product is in exactly one state.

A product with offers at several seller accounts is in the worst of their states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast

from kogge.amazon.connections.models import Connection
from kogge.amazon.offers.models import Listing
from kogge.amazon.pages import own
from kogge.backoffice.channels import Badge
from kogge.backoffice.models import Product

State = Listing.State

# What needs a human comes first; what is not on Amazon at all does not count against the rest.
WORST_FIRST = (State.PROBLEM, State.DRIFT, State.READY, State.SENT, State.LIVE)

# In the order of an offer's life, as people read it.
SHOWN = (State.OFF, State.READY, State.SENT, State.LIVE, State.PROBLEM, State.DRIFT)

_LOOKS: Mapping[str, tuple[str, str]] = {
    State.OFF: ("gray", "circle-dashed"),
    State.READY: ("blue", "clock"),
    State.SENT: ("blue", "send"),
    State.LIVE: ("green", "circle-check"),
    State.PROBLEM: ("red", "alert-triangle"),
    State.DRIFT: ("amber", "alert-circle"),
}


def choices() -> Sequence[tuple[str, str]]:
    """The states: the word in addresses, the word people read."""
    return [(state.value, str(state.label)) for state in SHOWN]


def badge(state: str) -> Badge:
    """A state with its tone and icon."""
    tone, icon = _LOOKS[state]
    return Badge(tone, icon, str(State(state).label))


def narrow(
    merchant_id: int, products: QuerySet[Product], state: str, *, connection: Connection | None = None
) -> QuerySet[Product]:
    """Those of the products that are in this state; at one connection, or the worst of all.

    A word that is no state narrows nothing down.
    """
    if state not in SHOWN:
        return products
    listings = _standing_at(merchant_id, connection).filter(product_id=_product_id())
    if state == State.OFF:
        return products.filter(~Exists(listings.exclude(state=State.OFF)))
    worse = WORST_FIRST[: WORST_FIRST.index(State(state))]
    found = products.filter(Exists(listings.filter(state=state)))
    return found.filter(~Exists(listings.filter(state__in=worse))) if worse else found


def badges(merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Badge]:
    """How each product stands; those that are not on Amazon are missing."""
    rows = _standing_at(merchant_id).exclude(state=State.OFF)
    found: dict[int, set[str]] = {}
    for product_id, state in rows.filter(product_id__in=[str(one) for one in product_ids]).values_list(
        "product_id", "state"
    ):
        found.setdefault(int(product_id), set()).add(state)
    return {
        product_id: badge(next(state for state in WORST_FIRST if state in met))
        for product_id, met in found.items()
    }


def counts(merchant_id: int, *, connection: Connection | None = None) -> dict[str, int]:
    """How many products are in each state. The figures add up to the number of products."""
    rows = _standing_at(merchant_id, connection).exclude(state=State.OFF)
    found = _at_one(rows) if connection is not None else _worst(rows)
    products = Product.objects.of_id(merchant_id).count()
    found[State.OFF] = max(0, products - sum(found.values()))
    return {state.value: found.get(state, 0) for state in SHOWN}


def listed(connection: Connection) -> dict[str, int]:
    """How many offers of a connection are in each state, without counting the shop's products."""
    rows = _standing_at(connection.merchant_id, connection).exclude(state=State.OFF)
    found = _at_one(rows)
    return {state.value: found.get(state, 0) for state in SHOWN if state != State.OFF}


def _at_one(rows: QuerySet[Listing]) -> dict[str, int]:
    """A product has one listing at a connection, so listings are products: one look into the index."""
    return dict(rows.order_by().values_list("state").annotate(Count("pk")))


def _worst(rows: QuerySet[Listing]) -> dict[str, int]:
    """Each product once, in the worst of its states."""
    ranks = Case(
        *(When(state=state, then=Value(rank)) for rank, state in enumerate(WORST_FIRST)),
        output_field=IntegerField(),
    )
    worst = rows.order_by().values("product_id").annotate(rank=Min(ranks))
    # Django cannot group the groups; every state is counted in the same statement instead.
    names = {
        f"of_{state.value}": Count("rank", filter=Q(rank=rank)) for rank, state in enumerate(WORST_FIRST)
    }
    found = worst.aggregate(**names)
    return {state: found[f"of_{state.value}"] for state in WORST_FIRST}


def _standing_at(merchant_id: int, connection: Connection | None = None) -> QuerySet[Listing]:
    """The listings that count: those of connections that were not cut."""
    rows = Listing.objects.of_id(merchant_id)
    if connection is not None:
        return rows.filter(connection=connection)
    return rows.filter(connection__in=own.standing_connections(merchant_id).values("pk"))


def _product_id() -> Cast:
    """The product's key as the listing keeps it. Cast on the product's side, so that the index serves."""
    return Cast(OuterRef("pk"), CharField(max_length=40))
