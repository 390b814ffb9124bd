"""The stock ledger: every movement is an entry, and the columns of a product are its sums.

A movement has a key and happens at most once. Whoever moves stock holds the shop's lock
(`lock_shop`), so entries and columns change together and writers cannot block each other.

Stock never falls below zero. A movement says what is wanted; what is there decides what happens:

- a reservation holds back what is available, and no more,
- an order takes what is there and not held back for others; the rest of it is oversold,
- what comes in goes to the oversold lines first, the oldest first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from kogge import bulk
from kogge.backoffice.channels import tell_products_changed
from kogge.backoffice.models import OVERSOLD, OrderLine, Product, ShopCounter, StockEntry
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal

MOST_KEYS = 500  # keys asked for in one statement
LONGEST_KEY = 120
MOST_STOCK = 10_000_000

Kind = StockEntry.Kind
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of a product's stock, of what is held back of it and of what is owed, named by `key`."""

    key: str
    kind: str
    product_id: int
    stock: int = 0
    reserved: int = 0
    oversold: int = 0
    line: OrderLine | None = None


@dataclass(slots=True)
class Balance:
    """The columns of a product while movements are fitted into them."""

    stock: int
    reserved: int
    oversold: int

    @property
    def free(self) -> int:
        """What an order may take."""
        return max(0, self.stock - self.reserved)

    def add(self, movement: Movement) -> None:
        self.stock += movement.stock
        self.reserved += movement.reserved
        self.oversold += movement.oversold


def lock_shop(merchant_id: int) -> ShopCounter:
    """Hold the shop's lock until the transaction ends. First statement of everything that writes."""
    locked = ShopCounter.objects.select_for_update()
    counter = locked.filter(pk=merchant_id).first()
    if counter is None:
        ShopCounter.objects.bulk_create([ShopCounter(merchant_id=merchant_id)], ignore_conflicts=True)
        counter = locked.get(pk=merchant_id)
    return counter


# --- what can be wanted -----------------------------------------------------------------------


def reserve(key: str, product_id: int, quantity: int) -> Movement:
    """Hold `quantity` back for an order that is not placed yet."""
    return Movement(_key("reserve", key), Kind.RESERVE, product_id, reserved=quantity)


def take(line: OrderLine, units: int) -> Movement:
    """The units a line sells. The product is part of the key: a line takes from one product once."""
    key = f"take:{line.order_id}:{line.position}:{line.product_id}"
    return Movement(key, Kind.TAKE, _product_of(line), stock=-units, line=line)


def give_back(line: OrderLine, units: int) -> Movement:
    """Units that will not be shipped after all. `line.cancelled` must count them already."""
    # With what was reinstated the count only grows, so units cancelled again are given back again.
    key = f"give_back:{line.order_id}:{line.position}:{line.cancelled + line.reinstated}"
    return Movement(key, Kind.GIVE_BACK, _product_of(line), stock=units, line=line)


def take_again(line: OrderLine, units: int) -> Movement:
    """Units whose cancellation was taken back. `line.reinstated` must count them already."""
    key = f"take_again:{line.order_id}:{line.position}:{line.reinstated}"
    return Movement(key, Kind.TAKE, _product_of(line), stock=-units, line=line)


def settle_shipped(line: OrderLine) -> Movement:
    """What left the house although no stock was counted for it. `line.shipped` must count it already."""
    key = f"shipped:{line.order_id}:{line.position}:{line.shipped}"
    return Movement(key, Kind.SHIPPED_UNCOUNTED, _product_of(line), line=line)


def hand_over(line: OrderLine, units: int) -> Movement:
    """Units that a channel ships out of its own warehouse. `line.handovers` must count it already."""
    key = f"hand_over:{line.order_id}:{line.position}:{line.handovers}"
    return Movement(key, Kind.HANDED_OVER, _product_of(line), stock=units, line=line)


def take_back(line: OrderLine, units: int) -> Movement:
    """Units that the merchant ships after all. `line.handovers` must count it already."""
    key = f"take_back:{line.order_id}:{line.position}:{line.handovers}"
    return Movement(key, Kind.TAKEN_BACK, _product_of(line), stock=-units, line=line)


def bring_back(line: OrderLine, units: int) -> Movement:
    """Returned units that can be sold again. `line.returned` must count them already."""
    key = f"return:{line.order_id}:{line.position}:{line.returned}"
    return Movement(key, Kind.RETURN, _product_of(line), stock=units, line=line)


def releases(merchant_id: int, keys: Iterable[str]) -> list[Movement]:
    """What gives back the reservations among `keys` that still hold something. The shop is locked."""
    reserved = {_key("reserve", key): _key("release", key) for key in keys}
    entries = StockEntry.objects.of_id(merchant_id)
    held = [
        found
        for some in _in_parts(list(reserved))
        for found in entries.filter(key__in=some).values_list("key", "product_id", "reserved_change")
        if found[2]
    ]
    released = _known_keys(merchant_id, [reserved[key] for key, _product, _units in held])
    return [
        Movement(reserved[key], Kind.RELEASE, product_id, reserved=-units)
        for key, product_id, units in held
        if reserved[key] not in released
    ]


# --- how it happens ---------------------------------------------------------------------------


def move(merchant_id: int, movements: Sequence[Movement], *, actor: str, now: datetime) -> int:
    """Carry out what has not happened yet; how many movements that were. The shop is locked."""
    unique = {movement.key: movement for movement in movements}
    for key in _known_keys(merchant_id, unique):
        del unique[key]
    record(merchant_id, unique.values(), actor=actor, now=now)
    return len(unique)


def record(merchant_id: int, movements: Collection[Movement], *, actor: str, now: datetime) -> None:
    """Carry out movements whose keys are known to be new, in their order. The shop is locked.

    As many statements for a page of orders as for one.
    """
    if not movements:
        return
    balances = _balances(merchant_id, {movement.product_id for movement in movements})
    happened = [fitted for movement in movements for fitted in _fit(movement, balances[movement.product_id])]
    _save_oversold({movement.line for movement in happened if movement.line and movement.oversold})
    happened += _cover(merchant_id, balances)
    bulk.insert(
        StockEntry(
            merchant_id=merchant_id,
            product_id=movement.product_id,
            key=movement.key,
            kind=movement.kind,
            stock_change=movement.stock,
            reserved_change=movement.reserved,
            oversold_change=movement.oversold,
            line_id=movement.line.pk if movement.line else None,
            at=now,
            actor=actor,
        )
        for movement in happened
    )
    _add_to_products(merchant_id, happened, now)


@transaction.atomic
def correct_stock(product: Product, counted: int, *, actor: str, now: datetime) -> None:
    """Set the stock of a product to what was counted; oversold lines take theirs from it at once.

    Raises `Refusal`.
    """
    if counted < 0:
        raise Refusal(_("Ein Warenbestand kann nicht negativ sein."))
    if counted > MOST_STOCK:
        raise Refusal(_("Der Warenbestand {count} ist zu groß.").format(count=counted))
    lock_shop(product.merchant_id)
    columns = ["stock", "reserved", "oversold", "changed_at"]
    product.refresh_from_db(fields=columns)
    if difference := counted - product.stock:
        movement = Movement(f"correction:{uuid4()}", Kind.CORRECTION, product.pk, stock=difference)
        record(product.merchant_id, [movement], actor=actor, now=now)
        product.refresh_from_db(fields=columns)


def audit(merchant_id: int) -> list[str]:
    """Where a product's columns differ from the sums of its ledger; an empty list is as it must be.

    What is oversold must also be what the lines of its orders wait for.
    """
    nothing = (0, 0, 0)
    sums = {
        product_id: (stock, reserved, oversold)
        for product_id, stock, reserved, oversold in StockEntry.objects.of_id(merchant_id)
        .values("product_id")
        .annotate(stock=Sum("stock_change"), reserved=Sum("reserved_change"), owed=Sum("oversold_change"))
        .values_list("product_id", "stock", "reserved", "owed")
    }
    waiting = dict(
        OrderLine.objects.of_id(merchant_id)
        .filter(OVERSOLD, product__isnull=False)
        .order_by()
        .values_list("product_id")
        .annotate(Sum("oversold"))
    )
    columns = Product.objects.of_id(merchant_id).values_list("pk", "code", "stock", "reserved", "oversold")
    return [
        f"{code}: stock {stock}, ledger {sums.get(pk, nothing)[0]}; "
        f"reserved {reserved}, ledger {sums.get(pk, nothing)[1]}; "
        f"oversold {oversold}, ledger {sums.get(pk, nothing)[2]}, orders {waiting.get(pk, 0)}"
        for pk, code, stock, reserved, oversold in columns.order_by("pk")
        if (stock, reserved, oversold) != sums.get(pk, nothing) or oversold != waiting.get(pk, 0)
    ]


def _balances(merchant_id: int, product_ids: Collection[int]) -> Mapping[int, Balance]:
    products = Product.objects.of_id(merchant_id)
    return {
        pk: Balance(stock, reserved, oversold)
        for some in _in_parts(sorted(product_ids))
        for pk, stock, reserved, oversold in products.filter(pk__in=some).values_list(
            "pk", "stock", "reserved", "oversold"
        )
    }


def _fit(movement: Movement, balance: Balance) -> Iterator[Movement]:
    """What of a movement happens to a product as it is now; balance and line follow."""
    for fitted in _fitted(movement, balance):
        balance.add(fitted)
        if fitted.line and fitted.oversold:
            fitted.line.oversold += fitted.oversold
        yield fitted


def _fitted(movement: Movement, balance: Balance) -> Sequence[Movement]:
    line = movement.line
    match movement.kind:
        case Kind.TAKE | Kind.TAKEN_BACK if line and -movement.stock > balance.free:
            missing = -movement.stock - balance.free
            # Units that left before the shop heard of them are owed to nobody.
            owed = min(missing, max(0, open_units(line) - line.oversold))
            return [replace(movement, stock=-balance.free, oversold=owed)]
        case Kind.RESERVE:
            available = max(0, balance.free - balance.oversold)
            return [replace(movement, reserved=min(movement.reserved, available))]
        case Kind.GIVE_BACK | Kind.HANDED_OVER if line:
            owed = min(movement.stock, line.oversold)
            return [replace(movement, stock=movement.stock - owed, oversold=-owed)]
        case Kind.SHIPPED_UNCOUNTED if line:
            return _left_the_house(movement, line, balance)
    return [movement]


def _left_the_house(movement: Movement, line: OrderLine, balance: Balance) -> Sequence[Movement]:
    """Units that were owed and left: from what is on the shelf, even if it was held back for others."""
    left = max(0, line.oversold - open_units(line))
    from_shelf = min(left, balance.stock)
    uncounted = left - from_shelf
    parts = [_covering(line, from_shelf)] if from_shelf else []
    return [*parts, replace(movement, oversold=-uncounted)] if uncounted else parts


def _cover(merchant_id: int, balances: Mapping[int, Balance]) -> list[Movement]:
    """Give what came in to the lines that wait for it, the oldest first."""
    coverable = [pk for pk, balance in sorted(balances.items()) if balance.oversold and balance.free]
    waiting = OrderLine.objects.of_id(merchant_id).filter(OVERSOLD).order_by("id")
    covered: list[Movement] = []
    for some in _in_parts(coverable):
        for line in waiting.filter(product_id__in=some):
            balance = balances[_product_of(line)]
            if units := min(line.oversold, balance.free):
                covered += _fit(_covering(line, units), balance)
    _save_oversold({movement.line for movement in covered if movement.line})
    return covered


def _covering(line: OrderLine, units: int) -> Movement:
    """What makes it happen has a key; this only follows from it."""
    key = f"cover:{uuid4()}"
    return Movement(key, Kind.COVER, _product_of(line), stock=-units, oversold=-units, line=line)


def _save_oversold(lines: Collection[OrderLine]) -> None:
    """Only what is owed: the rest of the line belongs to whoever called."""
    OrderLine.objects.everyone().bulk_update(lines, ["oversold"], batch_size=MOST_KEYS)


def _add_to_products(merchant_id: int, movements: Iterable[Movement], now: datetime) -> None:
    """One statement for all the products of a page, each by its own amounts."""
    changes: dict[int, Balance] = defaultdict(lambda: Balance(0, 0, 0))
    for movement in movements:
        changes[movement.product_id].add(movement)
    amounts = [
        (product_id, change.stock, change.reserved, change.oversold)
        for product_id, change in sorted(changes.items())
        if change != Balance(0, 0, 0)
    ]
    moment = Product._meta.get_field("changed_at").get_db_prep_value(now, connection)
    for some in _in_parts(amounts):
        with connection.cursor() as cursor:
            rows = ", ".join(["(%s, %s, %s, %s)"] * len(some))
            cursor.execute(
                _ADD.format(rows=rows), [moment, *(number for row in some for number in row), merchant_id]
            )
    if amounts:
        tell_products_changed(merchant_id, [product_id for product_id, *_amounts in amounts], now=now)


# Both databases call the columns of a list of values column1, column2, …
_ADD = """
    UPDATE backoffice_product
    SET stock = stock + change.column2, reserved = reserved + change.column3,
        oversold = oversold + change.column4, changed_at = %s
    FROM (VALUES {rows}) AS change
    WHERE id = change.column1 AND merchant_id = %s
"""


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
