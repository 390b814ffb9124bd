"""Which lines of which shop orders Amazon is to ship: rows, in the cursor's transaction.

What happened before the merchant let Amazon ship anything is history and never handed over: the cursor
begins at the end, and what was ordered before the first FBA tick stays with the merchant (`wake`). An order
is planned by itself once; later attempts take a click (wishes.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from kogge.amazon.catalog.finding import fba_offers
from kogge.amazon.connections.accounts import DISCONNECTED, shop_of
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba import drafting, stock
from kogge.amazon.fba.drafting import Draft
from kogge.amazon.fba.ending import BY, Moved, put_down
from kogge.amazon.fba.models import FulfillmentLine, FulfillmentOrder, OwnOrderCursor
from kogge.amazon.journal.book import Matter, open_troubles
from kogge.engine.due import make_due
from kogge.engine.work import LeaseLost, Outcome, Work
from kogge.shops.port import OwnLine, OwnOrder, OwnOrderPage, Shop, ShopRefuses, ShopUnavailable

PAGE = 50  # orders that are planned in one transaction
SAFETY_NET = timedelta(minutes=10)  # the shop makes this due by itself, at once
WITHOUT_OFFERS = timedelta(days=1)

# The troubles of lines that never came into a fulfilment order.
_KINDS = {
    "no_stock": "fulfillment_no_stock",
    "too_many": "fulfillment_refused",
    "disconnected": "fulfillment_returned",
}

State = FulfillmentOrder.State


def wake(merchant_id: int, *, now: datetime) -> None:
    """Begin to plan the merchant's own orders, or look at them now; inside the transaction of the change.

    Called when a connection is made or an FBA tick is set: what is ordered from now on can go to Amazon.
    """
    connection = Connection.objects.of_id(merchant_id).order_by("pk").first()
    if connection is not None:
        _cursor(merchant_id, shop_of(connection), now=now)
    planned = FulfillmentOrder.objects.of_id(merchant_id).filter(state=State.PLANNED)
    if fba_offers(merchant_id).exists() or planned.exists():
        make_due("plan_fulfillment", merchant_id, now=now)


def has_begun(merchant_id: int) -> bool:
    """Whether own orders placed now will be planned. If not, nothing of them may be left to Amazon."""
    return OwnOrderCursor.objects.of_id(merchant_id).exists()


def plan_fulfillment(work: Work) -> Outcome:
    """Read what happened to the merchant's own orders and plan a fulfilment order for each that is paid."""
    connections = list(Connection.objects.of_id(work.subject).select_related("merchant").order_by("pk"))
    if not connections:
        return Outcome(work.now + WITHOUT_OFFERS)
    shop = shop_of(connections[0])
    done = _give_back_disconnected(connections, shop, work)
    standing = [each for each in connections if each.pause_reason != DISCONNECTED]
    # While all are paused nobody knows what lies at Amazon: the orders wait to be planned.
    if not standing or any(each.state == Connection.State.ACTIVE for each in standing):
        try:
            done += _read_own_orders(shop, work, is_connected=bool(standing))
        except ShopUnavailable as error:
            return Outcome(work.now + SAFETY_NET, done=done, error=str(error))
    return Outcome(work.now + _until_next(work.subject), done=done)


# --- reading -------------------------------------------------------------------------------------


class _Overtaken(Exception):
    """The merchant had an order planned by a click while its page was planned: the page is read again."""


def _read_own_orders(shop: Shop, work: Work, *, is_connected: bool) -> int:
    cursor = _cursor(work.subject, shop, now=work.now)
    done, more = 0, True
    while more:
        page = shop.own_orders(cursor.cursor, PAGE)
        if page.cursor != cursor.cursor:
            try:
                done += _take_in(shop, cursor, page, work, is_connected=is_connected)
            except _Overtaken:
                continue
        more = page.more
    return done


def _cursor(merchant_id: int, shop: Shop, *, now: datetime) -> OwnOrderCursor:
    """Where the reading stands, and since when Amazon ships: from the first FBA tick to the last."""
    rows = OwnOrderCursor.objects.everyone()
    found = rows.filter(merchant_id=merchant_id).first()
    if found is None:
        end = shop.own_orders_end()
        found, _created = rows.get_or_create(merchant_id=merchant_id, defaults={"cursor": end})
    begun_at = (found.begun_at or now) if fba_offers(merchant_id).exists() else None
    if begun_at != found.begun_at:
        found.begun_at = begun_at
        found.save(update_fields=["begun_at"])
    return found


def _take_in(
    shop: Shop, cursor: OwnOrderCursor, page: OwnOrderPage, work: Work, *, is_connected: bool
) -> int:
    """Plan a page. The shop's rows are locked first, and the rows of what is due last."""
    with transaction.atomic():
        planner = _Planner.of(cursor, shop, page.orders, now=work.now, is_connected=is_connected)
        for order in page.orders:
            planner.look_at(order)
        planner.write()
        standing = OwnOrderCursor.objects.everyone().filter(pk=cursor.pk, cursor=cursor.cursor)
        if not standing.update(cursor=page.cursor):
            raise LeaseLost(f"own orders of merchant {work.subject} were read by somebody else")
        work.keep()
    cursor.cursor = page.cursor
    return len(planner.drafts)


@dataclass
class _Planner:
    """One page of own orders: what is known of their products, shelves and earlier attempts, and what is
    planned of them, to be written all at once."""

    merchant_id: int
    shop: Shop
    now: datetime
    fba: Collection[str]  # the products Amazon ships
    shelves: Mapping[str, stock.Shelf]
    known: Collection[str]  # shop orders that had a fulfilment order, however it ended
    fallback: int  # the connection that tells what no shelf belongs to
    begun_at: datetime | None
    is_connected: bool
    taken: Counter[tuple[int, str]] = field(default_factory=Counter)  # by this page
    drafts: list[Draft] = field(default_factory=list)
    left: list[tuple[OwnOrder, str]] = field(default_factory=list)  # in no fulfilment order, and why not

    @classmethod
    def of(
        cls,
        cursor: OwnOrderCursor,
        shop: Shop,
        orders: Sequence[OwnOrder],
        *,
        now: datetime,
        is_connected: bool,
    ) -> _Planner:
        merchant_id = cursor.merchant_id
        product_ids = {line.product_id for order in orders for line in order.lines if line.product_id}
        connections = Connection.objects.of_id(merchant_id).order_by("state", "pk")  # active ones first
        return cls(
            merchant_id=merchant_id,
            shop=shop,
            now=now,
            fba=fba_products(merchant_id, product_ids),
            shelves=stock.shelves(merchant_id, product_ids) if product_ids else {},
            known=drafting.had_attempts(merchant_id, {order.order_id for order in orders}),
            fallback=connections.values_list("pk", flat=True)[0],
            begun_at=cursor.begun_at,
            is_connected=is_connected,
        )

    def look_at(self, order: OwnOrder) -> None:
        """Plan the order if it is ready."""
        if not order.is_paid or order.is_cancelled:
            return
        before = Counter(self.taken), len(self.drafts), len(self.left)
        try:
            with transaction.atomic():
                if order.order_id in self.known:
                    self._plan_anew(order)
                else:
                    self._plan(order)
        except ShopRefuses:  # it changed since it was read: that comes with the next page
            self.taken, drafts, left = before
            del self.drafts[drafts:], self.left[left:]

    def write(self) -> None:
        """Write down what was planned. Raises `_Overtaken`."""
        # Only since the orders were read for this page does the shop hold them.
        if drafting.had_attempts(self.merchant_id, {draft.order.order_id for draft in self.drafts}):
            raise _Overtaken
        rows = drafting.write(self.shop, self.merchant_id, self.drafts, now=self.now)
        self._ask_human({row.shop_order_id: row for row in reversed(rows)})

    def _plan(self, order: OwnOrder) -> None:
        waiting = [line for line in order.lines if line.open]
        if not self.is_connected:
            self._let_go(order, waiting, "disconnected")
            return
        self._let_go(order, [line for line in waiting if line.product_id not in self.fba], "fba_off")
        wanted = [line for line in waiting if line.product_id in self.fba and self._may_go(order, line)]
        there = drafting.take_from_shelves(wanted, self.shelves, self.taken)
        for connection_id, lines in there.items():
            draft = drafting.hand_to_amazon(self.shop, order, lines, connection_id, now=self.now)
            self.drafts.append(draft)
        gone = {line.line_id for lines in there.values() for line in lines}
        if missing := [line for line in wanted if line.line_id not in gone]:
            self._keep_here(order, missing, is_some_gone=bool(gone))

    def _may_go(self, order: OwnOrder, line: OwnLine) -> bool:
        """What was left to the merchant goes to Amazon only as long as nobody began to ship the order."""
        if line.fulfilled_by == BY:
            return True
        is_history = self.begun_at is None or order.placed_at < self.begun_at
        has_begun = order.is_packing or any(each.open < each.quantity for each in order.lines)
        return not is_history and not has_begun

    def _let_go(self, order: OwnOrder, lines: Iterable[OwnLine], reason: str) -> None:
        """Lines that were left to Amazon when they were ordered, and that it will not ship any more."""
        marked = [line.line_id for line in lines if line.fulfilled_by == BY]
        if not marked:
            return
        self.shop.take_back(order.order_id, marked, BY, now=self.now)
        if reason == "disconnected":
            self.left.append((order, reason))

    def _keep_here(self, order: OwnOrder, lines: Sequence[OwnLine], *, is_some_gone: bool) -> None:
        """Not enough at Amazon, or too much at once: the lines are the merchant's, and a human hears of it.

        Where nothing of the order goes to Amazon, that was its attempt: it is not tried again by itself,
        for the merchant may have packed it by then.
        """
        self.shop.take_back(order.order_id, [line.line_id for line in lines], BY, now=self.now)
        is_there = all(drafting.has_enough(self.shelves, self.taken, line) for line in lines)
        reason = "too_many" if is_there else "no_stock"
        shelf = self.shelves.get(lines[0].product_id or "")
        if shelf is not None and not is_some_gone:
            self.drafts.append(Draft(shelf.connection_id, order, lines, why_not=reason))
        else:
            self.left.append((order, reason))

    def _ask_human(self, rows: Mapping[str, FulfillmentOrder]) -> None:
        """The troubles of lines that are in no fulfilment order; named by the one beside them if any."""
        matters: dict[int, list[Matter]] = defaultdict(list)
        for order, reason in self.left:
            kind, row = _KINDS[reason], rows.get(order.order_id)
            order_id = row.order_id if row else ""
            details = {"number": order.number, "order": order.order_id, "reason": reason}
            matter = Matter(kind, f"{kind}:{order_id or order.number}", order_id, details)
            matters[row.connection_id if row else self.fallback].append(matter)
        for connection_id, some in matters.items():
            open_troubles(connection_id, some, now=self.now)

    def _plan_anew(self, order: OwnOrder) -> None:
        """Nothing: later attempts take a click. But no line may wait for Amazon that nobody hands over."""
        marked = [line.line_id for line in order.lines if line.open and line.fulfilled_by == BY]
        stray = set(marked) - _held(self.merchant_id, order.order_id)
        if stray:
            self.shop.take_back(order.order_id, sorted(stray), BY, now=self.now)
            if stray & _held(self.merchant_id, order.order_id):
                raise ShopRefuses("a fulfilment order took the lines meanwhile")


def fba_products(merchant_id: int, product_ids: Collection[str]) -> set[str]:
    """Those of the products that Amazon ships."""
    offers = fba_offers(merchant_id).filter(product_id__in=product_ids)
    return set(offers.values_list("product_id", flat=True))


def _held(merchant_id: int, shop_order_id: str) -> set[str]:
    """The lines of a shop order that an open fulfilment order holds."""
    rows = FulfillmentLine.objects.of_id(merchant_id).filter(
        fulfillment_order__shop_order_id=shop_order_id,
        fulfillment_order__state__in=FulfillmentOrder.OPEN_STATES,
    )
    return set(rows.values_list("line_id", flat=True))


# --- connections that are gone -------------------------------------------------------------------


def _give_back_disconnected(connections: Sequence[Connection], shop: Shop, work: Work) -> int:
    """What was planned for a connection that was disconnected is the merchant's again."""
    gone = [connection.pk for connection in connections if connection.pause_reason == DISCONNECTED]
    rows = FulfillmentOrder.objects.of_id(work.subject).filter(connection__in=gone, state=State.PLANNED)
    done = 0
    for planned in list(rows.order_by("pk")) if gone else []:
        with suppress(Moved), transaction.atomic():
            put_down(shop, planned, State.RETURNED, "disconnected", now=work.now)
            work.keep()
            done += 1
    return done


def _until_next(merchant_id: int) -> timedelta:
    return SAFETY_NET if fba_offers(merchant_id).exists() else WITHOUT_OFFERS
