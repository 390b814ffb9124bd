"""What the remote shop must be told: rows, done in order, each at most once.

A row says that it is being sent before it is sent. If the answer is lost, nobody knows whether it happened:
the next attempt looks first. What was done over there is noted in the transaction that ends the errand.

Errands that tell an order's course (placed, cancelled, sent) are done one after the other; the rest of them
only waits until the order is there. One that the shop refuses waits for a human and stops only its order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DataError, IntegrityError, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from kogge.backoffice.refusal import Refusal
from kogge.backoffice.stock import lock_shop
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.remote import connecting, stock
from kogge.remote.consequences import remote_operation
from kogge.remote.models import OPEN, Errand, RemoteShop
from kogge.remote.saying import Desk, Stuck, step_of
from kogge.remote.words import PAUSED_BECAUSE, word
from kogge.shops.port import ShopRefuses, ShopUnavailable
from kogge.shops.remote import Reason, RemoteSystem, ShopAccessLost

logger = logging.getLogger(__name__)

BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600, 1200, 1800))
IDLE = timedelta(minutes=10)  # the copy makes this due by itself, at once
WHEN_DENIED = timedelta(hours=1)
MOST_FAILURES = 3  # in a row: the shop is down, the other errands need not find out one by one
MOST_AT_ONCE = 500
BATCH = 50

Kind = Errand.Kind
State = Errand.State

# What tells the course of an order, and so must be told in its order.
COURSE = (
    Kind.CREATE_ORDER,
    Kind.CHANGE_PEOPLE,
    Kind.CANCEL_ORDER,
    Kind.REOPEN_ORDER,
    Kind.ADD_PARCEL,
    Kind.CORRECT_PARCEL,
)
# What writes to orders, which a shop may not have unlocked.
WRITES_ORDERS = (*COURSE, Kind.FORGET_PEOPLE, Kind.MARK_FULFILLED)

# What a bug raises. That the database is away is not among them: that goes up.
SICK_ERRAND = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    IntegrityError,
    DataError,
)


@remote_operation
def run_errands(shop: RemoteShop, work: Work) -> Outcome:
    """Tell the shop what waits, the oldest first."""
    return _Round(shop, connecting.system_of(shop), work).run()


def retry(errand: Errand, *, now: datetime) -> bool:
    """Do an errand again that the shop refused, or of which nobody knows; False if it is not stuck."""
    return _unstick(errand, now, state=State.WAITING, not_before=now, seen_stock=None)


def dismiss(errand: Errand, *, now: datetime) -> bool:
    """Leave it: the merchant has seen to it over there. False if it is not stuck."""
    return _unstick(errand, now, state=State.DONE, done_at=now)


@transaction.atomic
def _unstick(errand: Errand, now: datetime, **columns: object) -> bool:
    lock_shop(errand.merchant_id)
    stuck = Errand.objects.of_id(errand.merchant_id).filter(pk=errand.pk, state=State.STUCK)
    if not stuck.update(**columns):
        return False
    make_due(connecting.RUN_ERRANDS, errand.merchant_id, now=now)
    errand.refresh_from_db()
    return True


def runnable(merchant_id: int, *, now: datetime, writes_orders: bool = True) -> QuerySet[Errand]:
    """What can be told now, the oldest first."""
    rows = Errand.objects.of_id(merchant_id)
    before = rows.filter(OPEN, order=OuterRef("order"), id__lt=OuterRef("id"))
    held_up = Q(kind__in=COURSE) & Exists(before.filter(kind__in=COURSE))
    not_there = Exists(before.filter(kind=Kind.CREATE_ORDER))
    # A product's stock is overwritten: while nobody knows whether one was, the next would hide it.
    unsure = rows.filter(OPEN, kind=Kind.MOVE_STOCK, state=State.SENDING, product=OuterRef("product"))
    hidden = Q(kind=Kind.MOVE_STOCK) & Exists(unsure.exclude(pk=OuterRef("pk")))
    found = rows.filter(OPEN, not_before__lte=now).exclude(state=State.STUCK)
    if not writes_orders:
        found = found.exclude(kind__in=WRITES_ORDERS)
    return (
        found.filter(~held_up, ~not_there, ~hidden)
        .select_related("order", "product", "parcel")
        .order_by("id")
    )


class _Round:
    """One run: what it works with, and how it went."""

    def __init__(self, shop: RemoteShop, system: RemoteSystem, work: Work) -> None:
        self.shop = shop
        self.work = work
        self.desk = Desk(shop, system)
        self.done = self.failed = self.in_a_row = 0

    def run(self) -> Outcome:
        self._ask_to_write()
        tried: set[int] = set()
        while batch := self._next(tried):
            for errand in batch:
                tried.add(errand.pk)
                if self._is_denied() and errand.kind in WRITES_ORDERS:
                    continue
                if problem := self._try(errand):
                    connecting.note_error(self.shop, problem)
                    return Outcome(self._next_due(), self.done, self.failed, error=problem, waiting=True)
            if len(tried) >= MOST_AT_ONCE:
                return Outcome(self.work.now, self.done, self.failed)
        if self.done and not self.failed:
            connecting.note_error(self.shop, "")
        return Outcome(self._next_due(), self.done, self.failed, waiting=self._is_denied())

    def _next(self, tried: set[int]) -> list[Errand]:
        rows = runnable(self.shop.merchant_id, now=self.work.now, writes_orders=not self._is_denied())
        return list(rows.exclude(pk__in=tried)[:BATCH])

    def _is_denied(self) -> bool:
        return self.shop.may_write_orders is False

    def _ask_to_write(self) -> None:
        """Whether the shop was unlocked meanwhile, if something waits for that."""
        waiting = Errand.objects.of_id(self.shop.merchant_id).filter(OPEN, kind__in=WRITES_ORDERS)
        if self._is_denied() and waiting.exists() and self.desk.system.may_write_orders():
            connecting.note_writing(self.shop, may_write=True)

    def _try(self, errand: Errand) -> str:
        """One attempt. A sentence if the shop is down and the others need not try."""
        try:
            self._do(errand)
        except ShopUnavailable as error:
            self._later(errand, str(error))
            self.in_a_row += 1
            return str(error) if self.in_a_row >= MOST_FAILURES else ""
        except Stuck as stuck:
            self._stick(errand, str(stuck))
        except ShopRefuses as refusal:
            self._stick(errand, str(refusal))
        except Refusal as refusal:
            self._stick(errand, refusal.sentence)
        except ShopAccessLost as lost:
            self._denied(errand, lost)
        except SICK_ERRAND:
            logger.exception("errand %d (%s) met a bug", errand.pk, errand.kind)
            self._later(errand, _("Das ist Kogges Fehler. Er steht im Protokoll des Servers."))
        else:
            self.done += 1
        self.in_a_row = 0
        return ""

    def _do(self, errand: Errand) -> None:
        step = step_of(self.desk, errand)
        if step is None:
            self._finish(errand, lambda _now: None)
            return
        self._say_that_it_is_sent(errand, step.seen_stock)
        try:
            note = step.say()
        except (ShopRefuses, ShopAccessLost):
            # The shop said no: this time it certainly did not happen.
            self._save(errand, state=State.WAITING, seen_stock=None)
            raise
        self._finish(errand, note)

    def _say_that_it_is_sent(self, errand: Errand, seen_stock: int | None) -> None:
        """Before the request; what kills the process is tried ever more rarely."""
        now = self.work.now
        self._save(
            errand,
            state=State.SENDING,
            attempts=errand.attempts + 1,
            sent_at=now,
            not_before=now + back_off(errand.attempts),
            seen_stock=seen_stock,
        )

    def _finish(self, errand: Errand, note: Callable[[datetime], None]) -> None:
        with transaction.atomic():
            lock_shop(errand.merchant_id)
            now = self.work.now
            note(now)
            self._save(errand, state=State.DONE, done_at=now, last_error="")
            if errand.kind in stock.RECOUNTED and errand.order_id:
                stock.square(errand.merchant_id, [errand.order_id], now=now)
            self.work.keep()

    def _later(self, errand: Errand, sentence: str) -> None:
        """Try again, as it is: what was being sent may have happened."""
        self.failed += 1
        attempts = errand.attempts if errand.state == State.SENDING else errand.attempts + 1
        not_before = self.work.now + back_off(max(0, attempts - 1))
        self._save(errand, attempts=attempts, not_before=not_before, last_error=sentence)

    def _stick(self, errand: Errand, sentence: str) -> None:
        self.failed += 1
        self._save(errand, state=State.STUCK, last_error=sentence)

    def _denied(self, errand: Errand, lost: ShopAccessLost) -> None:
        """The errand waits; without a way into the shop at all, so does everything."""
        self.failed += 1
        self._save(errand, last_error=word(PAUSED_BECAUSE, lost.reason))
        if lost.reason != Reason.NOT_UNLOCKED:
            raise lost
        if errand.kind in WRITES_ORDERS:
            connecting.note_writing(self.shop, may_write=False)
        else:
            self._save(errand, not_before=self.work.now + WHEN_DENIED)

    def _save(self, errand: Errand, **columns: object) -> None:
        with transaction.atomic():
            for name, value in columns.items():
                setattr(errand, name, value)
            errand.save(update_fields=list(columns))
            self.work.keep()

    def _next_due(self) -> datetime:
        now = self.work.now
        rows = Errand.objects.of_id(self.shop.merchant_id).filter(OPEN).exclude(state=State.STUCK)
        if self._is_denied():
            rows = rows.exclude(kind__in=WRITES_ORDERS)
        first = rows.filter(not_before__gt=now).aggregate(first=Min("not_before"))["first"]
        return min(first or now + IDLE, now + IDLE)


def back_off(attempts: int) -> timedelta:
    """How long after so many attempts before it the next one is made."""
    return BACK_OFF[min(attempts, len(BACK_OFF) - 1)]
