"""How a connection stands: its last and next check, what is new, what is left of Amazon's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections import limits
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.journal.models import Run
from kogge.amazon.journal.words import OPERATION, PAUSE_REASON, word
from kogge.amazon.offers.models import Agreement
from kogge.amazon.orders.backfill import progress_of
from kogge.amazon.orders.models import AmazonOrder
from kogge.amazon.pages import states
from kogge.backoffice.channels import Badge
from kogge.engine.buckets import Level
from kogge.engine.models import Due

CHECK = "check_orders"

# Checks run every ten minutes: after fifteen one was missed, after an hour something is wrong.
FRESH = timedelta(minutes=15)
LATE = timedelta(hours=1)

RUNS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest answer of Amazon is, as colour, icon and word."""

    tone: str
    icon: str
    text: str | Promise


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of one of Amazon's limits: `left` of `burst` calls, `share` in per cent."""

    operation: str
    left: int
    burst: int
    share: int
    tone: str

    @property
    def title(self) -> str:
        """The operation in plain words."""
        return word(OPERATION, self.operation)


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far back the earlier orders have been taken in."""

    percent: int
    reached: datetime


@dataclass(frozen=True, slots=True)
class Offers:
    """The connection's offers: who leads what, and how many are in which state."""

    agreement: Agreement
    states: Sequence[tuple[str, Badge, int]]

    @property
    def waits(self) -> bool:
        """Whether nothing is sent yet, for want of the merchant's word."""
        return self.agreement.agreed_at is None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything the card of a connection shows."""

    connection: Connection
    marketplaces: list[ConnectionMarketplace]
    last_check: Run | None
    runs: list[Run]
    next_check: datetime | None
    checking: bool  # asked for or under way
    running: bool  # a worker has it in hands
    freshness: Freshness
    new: int
    since: datetime
    budgets: list[Budget]
    backfill: Backfill | None
    open_troubles: int

    @property
    def paused(self) -> bool:
        return self.connection.state == Connection.State.PAUSED

    @property
    def disconnected(self) -> bool:
        return self.paused and self.connection.pause_reason == "disconnected"

    @property
    def channel_off(self) -> bool:
        return self.paused and self.connection.pause_reason == "channel_off"

    @property
    def pause_reason(self) -> str:
        return word(PAUSE_REASON, self.connection.pause_reason)


def standing(connection: Connection, *, since: datetime | None, now: datetime) -> Standing:
    """How the connection stands now; `since` is the last look of a person, None means none yet."""
    runs = list(connection.runs.order_by("-started_at")[:RUNS_SHOWN])
    last = _last_finished_check(connection)
    due = Due.objects.filter(operation=CHECK, subject=connection.pk).first()
    looked = since or connection.connected_at
    return Standing(
        connection=connection,
        marketplaces=list(connection.marketplaces.filter(active=True).order_by("country")),
        last_check=last,
        runs=runs,
        next_check=due.due_at if due else None,
        checking=bool(due and (due.leased_until or due.due_at <= now)) and not is_paused(connection),
        running=bool(due and due.leased_until),
        freshness=freshness(last, now),
        new=_new_orders(connection, looked),
        since=looked,
        budgets=[_budget(level) for level in limits.budget(connection.pk, now)],
        backfill=_backfill(connection),
        open_troubles=connection.troubles.filter(closed_at=None).count(),
    )


def offers_of(connection: Connection) -> Offers:
    """Who leads the values of the connection's offers, and how the offers stand."""
    agreement = Agreement.objects.everyone().filter(connection=connection).first()
    return Offers(
        agreement=agreement or Agreement(connection=connection),
        states=[
            (state, states.badge(state), count) for state, count in states.listed(connection).items() if count
        ],
    )


def is_paused(connection: Connection) -> bool:
    """A paused connection neither asks nor tells Amazon anything."""
    return connection.state == Connection.State.PAUSED


def freshness(last: Run | None, now: datetime) -> Freshness:
    """Colour, icon and word for the age of the last check that got through."""
    if last is None or last.finished_at is None:
        return Freshness("gray", "hourglass", _("noch keine Prüfung"))
    age = now - last.finished_at
    if age <= FRESH:
        return Freshness("green", "circle-check", _("frisch"))
    if age <= LATE:
        return Freshness("amber", "clock", _("verspätet"))
    return Freshness("red", "alert-triangle", _("überfällig"))


def _last_finished_check(connection: Connection) -> Run | None:
    done = connection.runs.filter(kind=Run.Kind.CHECK, state=Run.State.DONE)
    return done.order_by(F("finished_at").desc(nulls_last=True)).first()


def _new_orders(connection: Connection, since: datetime) -> int:
    return (
        AmazonOrder.objects.of_id(connection.merchant_id)
        .filter(connection=connection, intake=AmazonOrder.Intake.PLACED, first_seen_at__gt=since)
        .count()
    )


def _budget(level: Level) -> Budget:
    left = level.left
    share = round(100 * level.tokens / level.burst) if level.burst else 0
    tone = "green" if share >= 50 else "amber" if left >= 1 else "red"
    return Budget(level.operation, left, level.burst, share, tone)


def _backfill(connection: Connection) -> Backfill | None:
    progress = progress_of(connection)
    if progress is None or progress.share >= 1:
        return None
    return Backfill(min(99, round(100 * progress.share)), progress.reached)
