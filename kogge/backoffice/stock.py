"""The stock ledger: every movement is an entry, and the columns of a product are its sums.

A movement has a key and happens at most once. Whoever moves stock holds the shop's lock
(`lock_shop`), so entries and columns change together and writers cannot block each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Sum
from django.utils.translation import gettext as _

from kogge.backoffice.models import OrderLine, Product, ShopCounter, StockEntry
from kogge.backoffice.refusal import Refusal

MOST_KEYS = 500  # keys asked for in one statement
LONGEST_KEY = 120
MOST_STOCK = 10_000_000

Kind = StockEntry.Kind
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of a product's stock and of what is held back of it, named by `key`."""

    key: str
    kind: str
    product_id: int
    stock: int = 0
    reserved: int = 0
    line_id: int | None = None


def lock_shop(merchant_id: int) -> ShopCounter:
    """Hold the shop's lock until the transaction ends. First statement of everything that writes."""
    locked = ShopCounter.objects.select_for_update()
    counter = locked.filter(pk=merchant_id).first()
    if counter is None:
        ShopCounter.objects.bulk_create([ShopCounter(merchant_id=merchant_id)], ignore_conflicts=True)
        counter = locked.get(pk=merchant_id)
    return counter


def reserve(key: str, product_id: int, quantity: int) -> Movement:
    """Hold `quantity` back for an order that is not placed yet."""
    return Movement(_key("reserve", key), Kind.RESERVE, product_id, reserved=quantity)


def take(line: OrderLine, units: int) -> Movement:
    """The units a line sells. The product is part of the key: a line takes from one product once."""
    key = f"take:{line.order_id}:{line.position}:{line.product_id}"
    return Movement(key, Kind.TAKE, _product_of(line), stock=-units, line_id=line.pk)


def give_back(line: OrderLine, units: int) -> Movement:
    """Units that will not be shipped after all. `line.cancelled` must count them already."""
    # With what was reinstated the count only grows, so units cancelled again are given back again.
    key = f"give_back:{line.order_id}:{line.position}:{line.cancelled + line.reinstated}"
    return Movement(key, Kind.GIVE_BACK, _product_of(line), stock=units, line_id=line.pk)


def take_again(line: OrderLine, units: int) -> Movement:
    """Units whose cancellation was taken back. `line.reinstated` must count them already."""
    key = f"take_again:{line.order_id}:{line.position}:{line.reinstated}"
    return Movement(key, Kind.TAKE, _product_of(line), stock=-units, line_id=line.pk)


def bring_back(line: OrderLine, units: int) -> Movement:
    """Returned units that can be sold again. `line.returned` must count them already."""
    key = f"return:{line.order_id}:{line.position}:{line.returned}"
    return Movement(key, Kind.RETURN, _product_of(line), stock=units, line_id=line.pk)


def move(merchant_id: int, movements: Sequence[Movement], *, actor: str, now: datetime) -> int:
    """Carry out what has not happened yet; how many movements that were. The shop is locked."""
    unique = {movement.key: movement for movement in movements}
    for key in _known_keys(merchant_id, unique):
        del unique[key]
    record(merchant_id, unique.values(), actor=actor, now=now)
    return len(unique)


def record(merchant_id: int, movements: Collection[Movement], *, actor: str, now: datetime) -> None:
    """Carry out movements whose keys are known to be new. The shop is locked."""
    if not movements:
        return
    StockEntry.objects.everyone().bulk_create(
        StockEntry(
            merchant_id=merchant_id,
            product_id=movement.product_id,
            key=movement.key,
            kind=movement.kind,
            stock_change=movement.stock,
            reserved_change=movement.reserved,
            line_id=movement.line_id,
            at=now,
            actor=actor,
        )
        for movement in movements
    )
    _add_to_products(merchant_id, movements, now)


def releases(merchant_id: int, keys: Iterable[str]) -> list[Movement]:
    """What gives back the reservations among `keys` that still hold something. The shop is locked."""
    reserved = {_key("reserve", key): _key("release", key) for key in keys}
    entries = StockEntry.objects.of_id(merchant_id)
    held = [
        found
        for some in _in_parts(list(reserved))
        for found in entries.filter(key__in=some).values_list("key", "product_id", "reserved_change")
    ]
    released = _known_keys(merchant_id, [reserved[key] for key, _product, _units in held])
    return [
        Movement(reserved[key], Kind.RELEASE, product_id, reserved=-units)
        for key, product_id, units in held
        if reserved[key] not in released
    ]


@transaction.atomic
def correct_stock(product: Product, counted: int, *, actor: str, now: datetime) -> None:
    """Set the stock of a product to what was counted. Raises `Refusal`."""
    if abs(counted) > MOST_STOCK:
        raise Refusal(_("Der Warenbestand {count} ist zu groß.").format(count=counted))
    lock_shop(product.merchant_id)
    product.refresh_from_db(fields=["stock", "reserved"])
    if difference := counted - product.stock:
        movement = Movement(f"correction:{uuid4()}", Kind.CORRECTION, product.pk, stock=difference)
        record(product.merchant_id, [movement], actor=actor, now=now)
        product.refresh_from_db(fields=["stock", "changed_at"])


def audit(merchant_id: int) -> list[str]:
    """Where a product's columns differ from the sums of its ledger; an empty list is as it must be."""
    sums = {
        product_id: (stock, reserved)
        for product_id, stock, reserved in StockEntry.objects.of_id(merchant_id)
        .values("product_id")
        .annotate(stock=Sum("stock_change"), reserved=Sum("reserved_change"))
        .values_list("product_id", "stock", "reserved")
    }
    columns = Product.objects.of_id(merchant_id).values_list("pk", "code", "stock", "reserved")
    return [
        f"{code}: stock {stock}, ledger {sums.get(pk, (0, 0))[0]}; "
        f"reserved {reserved}, ledger {sums.get(pk, (0, 0))[1]}"
        for pk, code, stock, reserved in columns.order_by("pk")
        if (stock, reserved) != sums.get(pk, (0, 0))
    ]


def _add_to_products(merchant_id: int, movements: Iterable[Movement], now: datetime) -> None:
    """Few statements for many products: those that change by the same amount change together."""
    changes: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for movement in movements:
        stock, reserved = changes[movement.product_id]
        changes[movement.product_id] = (stock + movement.stock, reserved + movement.reserved)
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for product_id, change in sorted(changes.items()):
        alike[change].append(product_id)
    for (stock, reserved), product_ids in alike.items():
        for some in _in_parts(product_ids):
            Product.objects.of_id(merchant_id).filter(pk__in=some).update(
                stock=F("stock") + stock, reserved=F("reserved") + reserved, changed_at=now
            )


def _known_keys(merchant_id: int, keys: Iterable[str]) -> set[str]:
    entries = StockEntry.objects.of_id(merchant_id)
    return {
        key
        for some in _in_parts(list(keys))
        for key in entries.filter(key__in=some).values_list("key", flat=True)
    }


def _in_parts(things: Sequence[T]) -> Iterable[Sequence[T]]:
    return (things[start : start + MOST_KEYS] for start in range(0, len(things), MOST_KEYS))


def _key(kind: str, name: str) -> str:
    """The key of a movement named from outside; long names are kept by their hash."""
    key = f"{kind}:{name}"
    if len(key) <= LONGEST_KEY:
        return key
    return f"{kind}:{blake2b(name.encode(), digest_size=32).hexdigest()}"


def _product_of(line: OrderLine) -> int:
    assert line.product_id is not None, "only lines with a product move stock"
    return line.product_id
