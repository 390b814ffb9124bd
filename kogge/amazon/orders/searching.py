"""Walking through a query for orders, page by page, so that any interruption can be taken up again.

The exact text of the query and the next page's token are stored with every page: Amazon refuses a token
when anything else in the query differs (reference 5.1). When a data set is broken at Amazon, the query
goes on without it and the orders are completed later (reference 5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from kogge.amazon.connections.accounts import ConnectedAmazon
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.book import close_troubles, open_trouble
from kogge.amazon.journal.models import Run
from kogge.amazon.orders import intake, runs
from kogge.amazon.orders.intake import Asked
from kogge.amazon.orders.models import OrderCursor
from kogge.amazon.orders.placing import ALL_DATA_SETS, waiting_for_prices
from kogge.amazon.orders.taking_in import Figures, take_in
from kogge.engine.work import LeaseLost, Work
from kogge.shops.port import Shop
from kogge.spapi.errors import AskHuman, Throttled, TryLater
from kogge.spapi.orders_2026_01_01 import OrderPage, OrderQuery, search_orders

TOKEN_LIFE = timedelta(hours=24)
SMALLER_SET_FOR = timedelta(hours=1)
BROKEN_KEY = "data_set_broken"

# Which data set to do without first; who ordered and where it goes are given up last.
FIRST_TO_GO = ("CANCELLATION", "PROCEEDS", "FULFILLMENT", "BUYER", "RECIPIENT")

# Without FULFILLMENT nobody tells the status, so each is asked for alone: the filter is the status.
STATUSES_ONE_BY_ONE = (
    intake.UNSHIPPED,
    intake.PARTIALLY_SHIPPED,
    intake.SHIPPED,
    intake.PENDING,
    intake.CANCELLED,
)


@dataclass(slots=True)
class Search:
    """One query and where it stands. `begin` makes the query anew for the data sets that can be had;
    `finished` answers what else the cursor learns when the last page is stored."""

    connection: Connection
    shop: Shop
    client: ConnectedAmazon
    work: Work
    run: Run
    cursor: OrderCursor
    begin: Callable[[tuple[str, ...]], OrderQuery]
    finished: Callable[[str], dict[str, Any]]
    data_sets: tuple[str, ...] = ALL_DATA_SETS
    may_degrade: bool = True
    _has_begun: bool = False  # the query is not stored yet; the cursor still stands where the last one ended

    def walk(self) -> Iterator[Figures]:
        """Store page after page and yield what each brought. Raises `AmazonError`, `QueryRefused`."""
        query: OrderQuery | None
        query, token = self._stored()
        has_started_over = False
        while query is not None:
            try:
                query, page = self._page(query, token)
            except AskHuman as refusal:
                if not token or has_started_over:
                    self._forget()
                    raise runs.QueryRefused(str(refusal)) from refusal
                # The token is of no use any more: nothing is lost by starting over, the watermark stands.
                has_started_over = True
                query, token = self._begin(), ""
                self.work.keep()
                continue
            figures, query, token = self._take_in(query, token, page)
            yield figures
            if query is not None:
                self.work.keep()

    def is_under_way(self) -> bool:
        """Whether an earlier run left a query unfinished."""
        return bool(self.cursor.query)

    # --- asking ---------------------------------------------------------------------------------

    def _stored(self) -> tuple[OrderQuery, str]:
        """The query that was interrupted, or a fresh one.

        A fresh one is stored with its first page: whoever is interrupted before has lost nothing.
        """
        cursor = self.cursor
        if cursor.query and cursor.token_from and self.work.now - cursor.token_from < TOKEN_LIFE:
            return OrderQuery.loads(cursor.query), cursor.page_token
        return self._begin(), ""

    def _begin(self) -> OrderQuery:
        """A query that begins. The bound of an older one says nothing about it."""
        self._has_begun = True
        return self._for_one_status(self.begin(self._wanted()))

    def _wanted(self) -> tuple[str, ...]:
        """For an hour only what works; but while orders wait for their prices everything is tried first."""
        if not self.may_degrade or self.data_sets != ALL_DATA_SETS or not self._is_degraded():
            return self.data_sets
        return self.data_sets if waiting_for_prices(self.connection).exists() else self._working()

    def _is_degraded(self) -> bool:
        until = self.connection.data_sets_until
        return until is not None and self.work.now < until

    def _working(self) -> tuple[str, ...]:
        return tuple(filter(None, self.connection.working_data_sets.split(",")))

    def _for_one_status(self, query: OrderQuery) -> OrderQuery:
        if "FULFILLMENT" in query.included_data:
            return query
        return replace(query, fulfillment_statuses=STATUSES_ONE_BY_ONE[:1])

    def _page(self, query: OrderQuery, token: str) -> tuple[OrderQuery, OrderPage]:
        try:
            page = self._ask(query, token)
        except AskHuman as refusal:
            if token or not self.may_degrade or refusal.status != 400 or not query.included_data:
                raise
            return self._with_less(query, refusal)
        if self.may_degrade and set(query.included_data) == set(ALL_DATA_SETS):
            self._whole_again()
        return query, page

    def _ask(self, query: OrderQuery, token: str) -> OrderPage:
        """One page. What fails on the way is tried once more at once; a limit is not."""
        try:
            return search_orders(self.client, query, token or None)
        except Throttled:
            raise
        except TryLater:
            self.work.keep()
            return search_orders(self.client, query, token or None)
        finally:
            self.run.calls = self.client.calls["searchOrders"]

    def _with_less(self, query: OrderQuery, refusal: AskHuman) -> tuple[OrderQuery, OrderPage]:
        """The same query without the data set that Amazon cannot serve now; raises if it is not that."""
        smaller_sets = list(_smaller_sets(query.included_data, str(refusal)))
        if self._is_degraded() and set(self._working()) < set(query.included_data):
            smaller_sets.insert(0, self._working())  # it worked lately: no call is wasted on finding it
        for smaller in dict.fromkeys(smaller_sets):
            attempt = self._for_one_status(self.begin(smaller))
            try:
                page = self._ask(attempt, "")
            except AskHuman:
                continue
            self._do_without(attempt)
            self._has_begun = True
            return attempt, page
        raise refusal

    def _do_without(self, query: OrderQuery) -> None:
        """Remember for an hour what works, and since when orders have to be completed.

        Within the hour nothing prolongs it: after it, what can be had is found anew.
        """
        connection = self.connection
        if not self._is_degraded() or query.included_data != self._working():
            connection.working_data_sets = ",".join(query.included_data)
            connection.data_sets_until = self.work.now + SMALLER_SET_FOR
            connection.save(update_fields=["working_data_sets", "data_sets_until"])
        if not self.cursor.incomplete_since:
            self.cursor.incomplete_since = str(query.last_updated_after or "")
            self.cursor.save(update_fields=["incomplete_since"])
        self.tell_missing()

    def tell_missing(self) -> None:
        """Say which data sets Amazon does not deliver now, and how many orders wait for their prices."""
        if self.connection.data_sets_until is None:
            return
        missing = [name for name in ALL_DATA_SETS if name not in self._working()]
        details: dict[str, Any] = {"data_sets": missing}
        if "PROCEEDS" in missing:
            waiting = waiting_for_prices(self.connection).count()
            details |= {"case": "no_prices", "count": waiting or None}
        open_trouble(self.connection.pk, BROKEN_KEY, BROKEN_KEY, now=self.work.now, **details)

    def _whole_again(self) -> None:
        connection = self.connection
        if connection.data_sets_until is None:
            return
        connection.working_data_sets, connection.data_sets_until = "", None
        connection.save(update_fields=["working_data_sets", "data_sets_until"])
        close_troubles(connection.pk, [BROKEN_KEY], now=self.work.now)

    # --- storing --------------------------------------------------------------------------------

    def _take_in(
        self, query: OrderQuery, token: str, page: OrderPage
    ) -> tuple[Figures, OrderQuery | None, str]:
        """Store a page and how far we are, in one transaction. Answers what to ask next; None: nothing."""
        following, next_token = _next(query, page)
        bound = page.upper_bound if self._has_begun else self.cursor.upper_bound or page.upper_bound
        state = self._next_state(query, following, next_token, bound, page)
        if page.orders or following is not None:
            runs.show(self.run)

        def advance() -> None:
            self.work.keep()
            _move(self.cursor, state)

        asked = Asked(
            data_sets=query.included_data,
            fulfilled_by=query.fulfilled_by[0],
            status=query.fulfillment_statuses[0] if query.fulfillment_statuses else "",
        )
        figures = take_in(self.connection, self.shop, page.orders, asked, now=self.work.now, finish=advance)
        for name, value in state.items():
            setattr(self.cursor, name, value)
        self._has_begun = False
        self.run.pages += 1
        self.run.watermark = self.cursor.watermark
        runs.count(self.run, figures)
        return figures, following, next_token

    def _next_state(
        self, query: OrderQuery, following: OrderQuery | None, token: str, bound: str, page: OrderPage
    ) -> dict[str, Any]:
        state: dict[str, Any] = {}
        if page.served_at is not None:
            state["clock_ahead_s"] = round((page.served_at - self.work.now).total_seconds())
        if following is not None:
            return state | {
                "query": following.dumps(),
                "page_token": token,
                "upper_bound": bound,
                "token_from": self.work.now,
            }
        if set(query.included_data) >= set(self.data_sets):
            state["incomplete_since"] = ""
        state["covers"] = ",".join(query.marketplace_ids)
        done = {
            "query": "",
            "page_token": "",
            "upper_bound": "",
            "token_from": None,
            "finished_at": self.work.now,
        }
        return state | done | self.finished(bound)

    def _forget(self) -> None:
        """A query that Amazon refuses is of no use later; the next run makes it anew."""
        self.cursor.query = self.cursor.page_token = ""
        self.cursor.save(update_fields=["query", "page_token"])


def open_cursor(connection: Connection, kind: str) -> OrderCursor:
    """Where the connection's query of this kind stands."""
    found = OrderCursor.objects.everyone().filter(connection=connection, kind=kind).first()
    return found or OrderCursor.objects.everyone().get_or_create(connection=connection, kind=kind)[0]


def marketplaces(connection: Connection) -> tuple[str, ...]:
    """The marketplaces that are asked for orders, always in the same order."""
    active = connection.marketplaces.filter(active=True).order_by("marketplace_id")
    return tuple(active.values_list("marketplace_id", flat=True))


def covers(cursor: OrderCursor, marketplace_ids: Collection[str]) -> bool:
    """Whether what the cursor knows holds for all these marketplaces."""
    return set(marketplace_ids) <= set(cursor.covers.split(","))


def moment(bound: str) -> datetime:
    """A bound as Amazon wrote it, as a time."""
    return datetime.fromisoformat(bound.replace("Z", "+00:00"))


def _next(query: OrderQuery, page: OrderPage) -> tuple[OrderQuery | None, str]:
    if page.next_token:
        return query, page.next_token
    if "FULFILLMENT" not in query.included_data and query.fulfillment_statuses:
        here = STATUSES_ONE_BY_ONE.index(query.fulfillment_statuses[0])
        if here + 1 < len(STATUSES_ONE_BY_ONE):
            return replace(query, fulfillment_statuses=(STATUSES_ONE_BY_ONE[here + 1],)), ""
    return None, ""


def _move(cursor: OrderCursor, state: dict[str, Any]) -> None:
    """Move the cursor from where we stood. Somebody else moved it meanwhile: then our page does not count."""
    standing = OrderCursor.objects.everyone().filter(
        pk=cursor.pk, watermark=cursor.watermark, query=cursor.query, page_token=cursor.page_token
    )
    if not standing.update(**state):
        raise LeaseLost(f"the cursor of {cursor.kind} {cursor.connection_id} was moved by somebody else")


def _smaller_sets(data_sets: Sequence[str], words: str) -> Iterator[tuple[str, ...]]:
    """What to try instead, the likeliest first: without the one Amazon names, without any one, with none."""
    suspects = [name for name in FIRST_TO_GO if name in data_sets]
    suspects.sort(key=lambda name: name not in words)
    for suspect in suspects:
        yield tuple(name for name in data_sets if name != suspect)
    for count in range(2, len(suspects) + 1):
        gone = [name for name in FIRST_TO_GO if name in data_sets][:count]
        yield tuple(name for name in data_sets if name not in gone)
