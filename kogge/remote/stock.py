"""The copy's stock follows the shop: what the shop said, less what it had not counted when it was read.

The shop counts its stock down by itself for what it sells and for orders that are written there; the copy for
what lies on the merchant's shelf. Where both differ (Amazon ships it, a free line got a product) an errand
moves the stock over there by the difference.

Three numbers of an order and a product say all of it:

    taken    units by which the shop itself counted its stock down for the order
    moved    units we added over there for it, by errands
    wanted   units the copy has taken from the shelf for it

At rest `taken - moved == wanted`. What is missing to that is what the shop has still to count. Nobody knows
the moment at which a shop counts within a request of ours: an order whose numbers changed after a reading
began is counted the way that leaves less to sell, until the next reading.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.db.models import F, Q, Sum

from kogge.backoffice import stock as ledger
from kogge.backoffice.models import OrderLine, ParcelItem, Product
from kogge.backoffice.progress import open_units
from kogge.engine.due import make_due
from kogge.engine.work import Work
from kogge.remote.models import Errand, RemoteLineLink, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.remote.words import SYSTEM, word
from kogge.shops.remote import RemoteSystem

RUN_ERRANDS = "run_errands"
MOST_REREAD = 50  # products that are read one by one; the rest waits for the reading of all

Kind = Errand.Kind
State = Errand.State
Key = tuple[int, int]  # an order and a product

# After these the shop counts an order differently.
RECOUNTED = (Kind.CREATE_ORDER, Kind.CANCEL_ORDER, Kind.REOPEN_ORDER)


def settle(
    merchant_id: int, read: Mapping[int, int | None], *, read_begun_at: datetime, now: datetime
) -> None:
    """Set the copy's stock of these products (by their keys in the copy) to what the shop said.

    `read_begun_at` is when the shop was asked: the question, not the answer. A reading that began before one
    that is settled already is late and changes nothing. What the shop does not count (None) keeps its stock.
    """
    with transaction.atomic():
        ledger.lock_shop(merchant_id)
        told = _fresh(merchant_id, read, read_begun_at)
        if not told:
            return
        uncounted = _uncounted(merchant_id, told, read_begun_at)
        counted = {product_id: said for product_id, said in told.items() if said is not None}
        _set(merchant_id, {pk: said + uncounted.get(pk, 0) for pk, said in counted.items()}, now)


def reread(shop: RemoteShop, system: RemoteSystem, product_ids: Iterable[int], work: Work) -> None:
    """Read some products of the shop now and settle their stock, after something happened to them."""
    links = RemoteProductLink.objects.of_id(shop.merchant_id).filter(
        product__in=set(product_ids), is_gone=False
    )
    for link in links.order_by("pk")[:MOST_REREAD]:
        work.keep()
        begun_at = work.now
        found = system.product(link.remote_id)
        if found is not None:
            settle(shop.merchant_id, {link.product_id: found.stock}, read_begun_at=begun_at, now=work.now)


def square(merchant_id: int, order_ids: Collection[int], *, now: datetime) -> None:
    """Have the shop's stock moved to where the copy has it, for orders that changed. The shop is locked.

    Orders that are still to be written, cancelled or reopened over there are squared when that is done.
    """
    settled = RemoteOrderLink.objects.of_id(merchant_id).filter(order__in=order_ids, written_at__isnull=False)
    pending = Errand.objects.of_id(merchant_id).filter(order__in=order_ids, kind__in=RECOUNTED)
    ids = set(settled.values_list("order_id", flat=True))
    ids -= set(pending.exclude(state=State.DONE).values_list("order_id", flat=True))
    if not ids:
        return
    taken, wanted = _taken(merchant_id, ids), _wanted(merchant_id, ids)
    moved, moves = _moved(merchant_id, ids)
    linked = set(
        RemoteProductLink.objects.of_id(merchant_id)
        .filter(product__in={product_id for _order, product_id in {*taken, *wanted}})
        .values_list("product_id", flat=True)
    )
    errands = [
        Errand(
            merchant_id=merchant_id,
            kind=Kind.MOVE_STOCK,
            key=f"move:{key[0]}:{key[1]}:{moves[key] + 1}",
            order_id=key[0],
            product_id=key[1],
            units=units,
            not_before=now,
            created_at=now,
        )
        for key in sorted({*taken, *wanted, *moved})
        if key[1] in linked and (units := taken[key] - moved[key] - wanted[key])
    ]
    if errands:
        Errand.objects.everyone().bulk_create(errands, ignore_conflicts=True)
        make_due(RUN_ERRANDS, merchant_id, now=now)


def nets(merchant_id: int, order_ids: Collection[int]) -> dict[int, int]:
    """What is there of the products of these orders, less what is owed. To be handed to `hold_down`."""
    lines = OrderLine.objects.of_id(merchant_id).filter(order__in=order_ids, product__isnull=False)
    return _nets(merchant_id, set(lines.values_list("product_id", flat=True)))


def hold_down(merchant_id: int, before: Mapping[int, int], *, now: datetime) -> None:
    """Let nothing come in by what was read of orders: only a reading of the stock itself adds to it.

    Otherwise what the shop gave back would count twice, once read as stock, once as a cancellation. The shop
    is locked.
    """
    after = _nets(merchant_id, before)
    _set(merchant_id, {pk: min(net, before[pk]) for pk, net in after.items()}, now)


# --- what the shop has not counted ------------------------------------------------------------


def _uncounted(merchant_id: int, product_ids: Collection[int], begun_at: datetime) -> Mapping[int, int]:
    """By product: what is to be added to what the shop said. Negative as long as anything is uncertain."""
    errands = Errand.objects.of_id(merchant_id).filter(kind__in=(*RECOUNTED, Kind.MOVE_STOCK))
    ids = set(errands.exclude(state=State.DONE).values_list("order_id", flat=True))
    ids |= set(errands.filter(state=State.DONE, done_at__gt=begun_at).values_list("order_id", flat=True))
    links = RemoteOrderLink.objects.of_id(merchant_id)
    ids |= set(links.filter(taken_at__gt=begun_at).values_list("order_id", flat=True))
    ids.discard(None)
    if not ids:
        return {}
    unsure = set(errands.filter(kind__in=RECOUNTED, state=State.SENDING).values_list("order_id", flat=True))
    unsure |= set(links.filter(taken_at__gt=begun_at).values_list("order_id", flat=True))
    taken, wanted = _taken(merchant_id, ids), _wanted(merchant_id, ids)
    moved = _moved_for_sure(merchant_id, ids, begun_at)
    missing: dict[int, int] = defaultdict(int)
    for key in {*taken, *wanted, *moved}:
        order_id, product_id = key
        if product_id in product_ids:
            counted = 0 if order_id in unsure else taken[key]
            missing[product_id] += counted - moved[key] - wanted[key]
    return missing


def _taken(merchant_id: int, order_ids: Collection[int]) -> Mapping[Key, int]:
    rows = RemoteLineLink.objects.of_id(merchant_id).filter(link__order__in=order_ids, taken__gt=0)
    found: dict[Key, int] = defaultdict(int)
    for order_id, product_id, taken in rows.values_list("line__order_id", "line__product_id", "taken"):
        if product_id:
            found[order_id, product_id] += taken
    return found


def _wanted(merchant_id: int, order_ids: Collection[int]) -> Mapping[Key, int]:
    """What is taken from the merchant's own shelf: not what a channel ships, or shipped."""
    lines = list(
        OrderLine.objects.of_id(merchant_id)
        .select_related("order")
        .filter(order__in=order_ids, product__isnull=False, order__moves_stock=True)
    )
    elsewhere = _left_elsewhere(merchant_id, lines)
    found: dict[Key, int] = defaultdict(int)
    for line in lines:
        found[line.order_id, line.product_id or 0] += line.quantity - line.cancelled - elsewhere[line.pk]
    return found


def _left_elsewhere(merchant_id: int, lines: Collection[OrderLine]) -> Mapping[int, int]:
    """Units that a channel ships out of its own warehouse, or did, by line."""
    elsewhere: dict[int, int] = defaultdict(int)
    shop = RemoteShop.objects.of_id(merchant_id).first()
    if shop is not None and not shop.handing_over_gives_back:
        return elsewhere  # the merchant wants the shop to count these like all others
    parcels = ParcelItem.objects.of_id(merchant_id).filter(line__in=[line.pk for line in lines])
    sent = parcels.exclude(parcel__fulfilled_by="").values_list("line_id").annotate(Sum("quantity"))
    elsewhere.update(sent)
    for line in lines:
        if line.fulfilled_by:
            elsewhere[line.pk] += open_units(line)
    return elsewhere


def _moved(merchant_id: int, order_ids: Collection[int]) -> tuple[Mapping[Key, int], Mapping[Key, int]]:
    """What we added or are about to add over there, and by how many errands."""
    units: dict[Key, int] = defaultdict(int)
    count: dict[Key, int] = defaultdict(int)
    for order_id, product_id, added in _moves(merchant_id, order_ids).values_list(
        "order_id", "product_id", "units"
    ):
        units[order_id, product_id] += added
        count[order_id, product_id] += 1
    return units, count


def _moved_for_sure(merchant_id: int, order_ids: Collection[int], begun_at: datetime) -> Mapping[Key, int]:
    """What we added over there before a reading began; in doubt, whatever leaves less to sell."""
    counted = Q(state=State.DONE, done_at__lte=begun_at)
    unsure = Q(state=State.SENDING) | Q(state=State.DONE) | Q(state=State.STUCK, seen_stock__isnull=False)
    unsure &= Q(units__gt=0)
    moves = _moves(merchant_id, order_ids).filter(counted | unsure)
    found: dict[Key, int] = defaultdict(int)
    for order_id, product_id, added in moves.values_list("order_id", "product_id", "units"):
        found[order_id, product_id] += added
    return found


def _moves(merchant_id: int, order_ids: Collection[int]):  # type: ignore[no-untyped-def]
    return Errand.objects.of_id(merchant_id).filter(
        kind=Kind.MOVE_STOCK, order__in=order_ids, product__isnull=False
    )


# --- the copy's ledger ------------------------------------------------------------------------


def _fresh(merchant_id: int, read: Mapping[int, int | None], begun_at: datetime) -> Mapping[int, int | None]:
    """What was not read later already; noted as read."""
    links = RemoteProductLink.objects.of_id(merchant_id).filter(product__in=list(read))
    fresh = [link for link in links if link.stock_read_at is None or link.stock_read_at <= begun_at]
    for link in fresh:
        link.seen_stock, link.stock_read_at = read[link.product_id], begun_at
    # An upsert by key: eight times as fast as `bulk_update` and its CASE for every cell.
    RemoteProductLink.objects.everyone().bulk_create(
        fresh,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["seen_stock", "stock_read_at"],
    )
    return {link.product_id: link.seen_stock for link in fresh}


def _nets(merchant_id: int, product_ids: Iterable[int]) -> dict[int, int]:
    rows = Product.objects.of_id(merchant_id).filter(pk__in=list(product_ids))
    return dict(rows.values_list("pk", F("stock") - F("oversold")))


def _set(merchant_id: int, wanted: Mapping[int, int], now: datetime) -> None:
    """Have so many in the ledger, less what is owed; stock never falls below zero. The shop is locked."""
    rows = Product.objects.of_id(merchant_id).filter(pk__in=list(wanted))
    changes = {
        pk: max(-there, min(wanted[pk], ledger.MOST_STOCK) - (there - owed))
        for pk, there, owed in rows.values_list("pk", "stock", "oversold")
    }
    moves = [
        ledger.Movement(f"told:{uuid4()}", ledger.Kind.CORRECTION, pk, stock=change)
        for pk, change in sorted(changes.items())
        if change
    ]
    ledger.record(merchant_id, moves, actor=_name(merchant_id), now=now)


def _name(merchant_id: int) -> str:
    """Who says so, for people."""
    shop = RemoteShop.objects.of_id(merchant_id).first()
    return word(SYSTEM, shop.system) if shop else ""
