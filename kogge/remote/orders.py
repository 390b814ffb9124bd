"""Reading the shop's orders: what was done with the channels' orders, and what the shop sold itself.

The shop has no log of changes. Its newest orders are read page by page, as deep as anything can have changed
that concerns us; single ones that lie far back are asked for by their id. Once a day all of the last weeks
are read: returns, and corrections of what was over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from kogge.backoffice.models import OrderLine
from kogge.backoffice.placing import SICK_ORDER
from kogge.backoffice.stock import lock_shop
from kogge.engine.due import make_due
from kogge.engine.work import Outcome, Work
from kogge.remote import connecting, stock
from kogge.remote.adopting import adopt, is_wanted
from kogge.remote.consequences import remote_operation
from kogge.remote.errands import COURSE
from kogge.remote.following import digest, follow, has_parcels_to_read
from kogge.remote.models import OPEN, Errand, RemoteOrderLink, RemoteShop
from kogge.remote.saying import MARGIN
from kogge.remote.words import SYSTEM, word
from kogge.shops.port import ShopRefuses
from kogge.shops.remote import Page, RemoteOrder, RemoteSystem, pages

logger = logging.getLogger(__name__)

State = Errand.State

EVERY = timedelta(minutes=3)
OVERLAP = timedelta(minutes=15)  # the shop's clock is not ours, and orders may appear late
SWEEP_EVERY = timedelta(days=1)
SWEEP = timedelta(days=60)
WORTH_A_PAGE = 20  # open orders further back: more of them are read by the page, fewer one by one
MOST_SINGLE = 100
MOST_DEEP = 8  # pages that are read beyond what can be new, for open orders further back
PARCELS_AGAIN = timedelta(hours=6)
PARCELS_FOR = timedelta(days=14)
# What left lately is corrected most.
YOUNG_PARCELS_AGAIN = timedelta(hours=1)
YOUNG = timedelta(days=3)
SHOWN = 20  # orders that cannot be read, by their numbers


@remote_operation
def read_shop_orders(shop: RemoteShop, work: Work) -> Outcome:
    """Read what changed, and do it to the copy: each order in a transaction of its own."""
    reading = _Reading(shop, connecting.system_of(shop), work)
    reading.run()
    return Outcome(work.now + EVERY, done=reading.done, failed=reading.failed)


def look_at(merchant_id: int, named: str, *, now: datetime) -> None:
    """Somebody hinted at the order of this id or number: look at it and its parcels now, if it is known.

    Inside a transaction.
    """
    if named:
        links = RemoteOrderLink.objects.of_id(merchant_id).filter(written_at__isnull=False)
        hinted = links.filter(Q(remote_id=named) | Q(number=named))
        hinted.update(parcels_read_at=None, is_settled=False)
    make_due(connecting.READ_ORDERS, merchant_id, now=now)


def close_trouble(link: RemoteOrderLink) -> None:
    """The merchant has seen to it: the same is not said again."""
    rows = RemoteOrderLink.objects.of_id(link.merchant_id).filter(pk=link.pk, trouble=link.trouble)
    rows.update(trouble="", closed_trouble=link.trouble)


class _Reading:
    """One reading: what it works with, and what it met."""

    def __init__(self, shop: RemoteShop, system: RemoteSystem, work: Work) -> None:
        self.shop = shop
        self.system = system
        self.work = work
        self.actor = word(SYSTEM, shop.system)
        self.began_at = work.now
        self.done = self.failed = 0
        self.seen: set[str] = set()
        self.unchanged: list[int] = []
        self.touched: set[int] = set()  # products whose stock the shop counts differently now
        self.newest: datetime | None = shop.orders_read_until
        self.held_back: datetime | None = None  # the oldest that may be ours: seen again the next time
        self.unreadable: dict[str, None] = {}
        self.open = self._open()

    def run(self) -> None:
        swept_at = self.shop.orders_swept_at
        is_sweep = swept_at is None or swept_at <= self.began_at - SWEEP_EVERY
        self._read_pages(is_sweep=is_sweep)
        self._read_single()
        mine = RemoteOrderLink.objects.of_id(self.shop.merchant_id)
        mine.filter(pk__in=self.unchanged).update(read_at=self.began_at)
        self._note(is_sweep=is_sweep)
        if not self.failed:
            connecting.note_error(self.shop, "")
        stock.reread(self.shop, self.system, self.touched, self.work)

    def _note(self, *, is_sweep: bool) -> None:
        until = self.newest
        if until and self.held_back:
            until = min(until, self.held_back)
        # What one page does not show the next full look through the list says again.
        before = [] if is_sweep else self.shop.orders_unreadable
        shop = RemoteShop.objects.of_id(self.shop.merchant_id)
        shop.update(
            orders_read_at=self.began_at,
            orders_read_until=until,
            orders_unreadable=list(self.unreadable | dict.fromkeys(before))[:SHOWN],
        )
        if is_sweep:
            shop.update(orders_swept_at=self.began_at)

    # --- what to ask ---

    def _read_pages(self, *, is_sweep: bool) -> None:
        horizon = self._horizon(is_sweep=is_sweep)
        deep: list[Page] = []

        def is_enough(page: Page) -> bool:
            if page.reaches(horizon):
                deep.append(page)
            is_worth_it = len(self.open.keys() - self.seen) > WORTH_A_PAGE and len(deep) <= MOST_DEEP
            return bool(deep) and not is_worth_it

        asked_at = self.work.now
        for page in pages(self.system, is_enough):
            self._take_page(page.orders, asked_at)
            self.unreadable |= dict.fromkeys(page.unreadable)
            asked_at = self.work.now

    def _horizon(self, *, is_sweep: bool) -> datetime:
        """Orders placed before this are known; they need not be looked through."""
        if is_sweep or self.shop.orders_read_until is None:
            return self.began_at - SWEEP
        return self.shop.orders_read_until - OVERLAP

    def _read_single(self) -> None:
        """Known orders that are not over and lie further back, the longest unread first."""
        unseen = [remote_id for remote_id in self.open if remote_id not in self.seen]
        for remote_id in unseen[:MOST_SINGLE]:
            self.work.keep()
            asked_at = self.work.now
            remote = self.system.order(remote_id)
            if remote is not None:
                self._take_page([remote], asked_at)
            else:
                self._gone(self.open[remote_id])

    def _open(self) -> dict[str, int]:
        """What the shop has of ours and is not over."""
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id).filter(is_settled=False)
        written = links.filter(written_at__isnull=False).order_by("read_at", "pk")
        return dict(written.values_list("remote_id", "pk"))

    # --- one order ---

    def _take_page(self, remotes: Sequence[RemoteOrder], asked_at: datetime) -> None:
        self.work.keep()
        fresh = [remote for remote in remotes if remote.order_id not in self.seen]
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id).select_related("order")
        known = {
            link.remote_id: link for link in links.filter(remote_id__in=[each.order_id for each in fresh])
        }
        # The oldest first, as they were bought: numbers of the copy go up with them.
        for remote in reversed(fresh):
            link = known.get(remote.order_id)
            if link is None or not self._is_unchanged(link, remote):
                self._take(remote, link, asked_at)
            else:
                self.unchanged.append(link.pk)
            self.newest = max(self.newest or remote.placed_at, remote.placed_at)
            self.seen.add(remote.order_id)

    def _is_unchanged(self, link: RemoteOrderLink, remote: RemoteOrder) -> bool:
        """What could not be followed is tried again; it may be possible now."""
        return link.seen == digest(remote) and not link.trouble and not self._are_parcels_due(link, remote)

    def _take(self, remote: RemoteOrder, link: RemoteOrderLink | None, asked_at: datetime) -> None:
        """What goes wrong with one order never blocks the others."""
        try:
            self._take_in(remote, link or self._begin(remote), asked_at)
        except (OperationalError, InterfaceError):
            raise
        except (*SICK_ORDER, LookupError, AttributeError, ShopRefuses) as problem:
            self.failed += 1
            logger.exception("order %s of the shop cannot be followed", remote.order_id)
            self._say(remote, problem)

    def _take_in(self, remote: RemoteOrder, link: RemoteOrderLink | None, asked_at: datetime) -> None:
        if link is None or not link.written_at or self._is_our_own_doing(link, asked_at):
            return  # none of ours; or older than what we told: the next reading is newer
        is_asked = has_parcels_to_read(link, remote) or self._are_parcels_due(link, remote)
        parcels = self.system.parcels(remote.order_id) if is_asked else None
        with transaction.atomic():
            follow(self.shop, link, remote, parcels, actor=self.actor, now=self.work.now)
            self.work.keep()
        self.done += 1
        if link.taken_at and link.taken_at >= asked_at:
            self._touch(link)

    def _begin(self, remote: RemoteOrder) -> RemoteOrderLink | None:
        """An order that is not known: the shop sold it, or we wrote it and did not hear that it was done."""
        if remote.channel_order_id:
            self._recognise(remote)
            return None
        if not is_wanted(self.shop, remote) or self._is_written_meanwhile(remote):
            return None
        if self._may_be_ours(remote):
            self.held_back = min(self.held_back or remote.placed_at, remote.placed_at)
            return None
        with transaction.atomic():
            link = adopt(self.shop, remote, actor=self.actor, now=self.work.now)
            self.work.keep()
        self._touch(link)
        return link

    def _recognise(self, remote: RemoteOrder) -> None:
        """An order we wrote without hearing that it was done; or a second one, which a human must see."""
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id)
        ours = links.filter(order__external_id=remote.channel_order_id).first()
        if ours is None or ours.remote_id == remote.order_id:  # written since the page was looked up
            return
        if not ours.remote_id:
            self._have_completed(ours, remote)
            return
        said = _("Im Shop steht diese Bestellung zweimal, auch als {number}.").format(number=remote.number)
        links.filter(pk=ours.pk).exclude(closed_trouble=said).update(trouble=said)

    @transaction.atomic
    def _have_completed(self, ours: RemoteOrderLink, remote: RemoteOrder) -> None:
        """Also where the merchant wrote it by hand, or where it stood still."""
        lock_shop(self.shop.merchant_id)
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id).filter(pk=ours.pk, remote_id="")
        if links.update(remote_id=remote.order_id, number=remote.number[:40]):
            told = Errand.objects.of_id(self.shop.merchant_id).filter(order=ours.order_id)
            over = told.filter(kind=Errand.Kind.CREATE_ORDER, state__in=(State.DONE, State.STUCK))
            over.update(state=State.WAITING, done_at=None, not_before=self.work.now)
            make_due(connecting.RUN_ERRANDS, self.shop.merchant_id, now=self.work.now)
            self.work.keep()

    def _is_written_meanwhile(self, remote: RemoteOrder) -> bool:
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id)
        return links.filter(remote_id=remote.order_id).exists()

    def _may_be_ours(self, remote: RemoteOrder) -> bool:
        """Whether it looks like an order we tried to write: a shop may lose all that would tell."""
        tried = Errand.objects.of_id(self.shop.merchant_id).filter(
            OPEN,
            kind__in=(Errand.Kind.CREATE_ORDER, Errand.Kind.REOPEN_ORDER),
            sent_at__isnull=False,
            created_at__lte=remote.placed_at + MARGIN,
            order__remote__remote_id="",
            order__total=remote.total.amount,
        )
        return tried.exists()

    def _is_our_own_doing(self, link: RemoteOrderLink, asked_at: datetime) -> bool:
        told = Errand.objects.of_id(self.shop.merchant_id).filter(order=link.order_id, kind__in=COURSE)
        return told.filter(Q(state=State.SENDING) | Q(state=State.DONE, done_at__gt=asked_at)).exists()

    def _are_parcels_due(self, link: RemoteOrderLink, remote: RemoteOrder) -> bool:
        """Tracking data may be corrected without a sign at the order."""
        if not remote.parcel_count or link.parcels_read_at is None:
            return bool(remote.parcel_count)
        age = self.began_at - remote.placed_at
        again = YOUNG_PARCELS_AGAIN if age < YOUNG else PARCELS_AGAIN
        return age < PARCELS_FOR and link.parcels_read_at <= self.began_at - again

    def _gone(self, link_id: int) -> None:
        said = _("Im Shop gibt es diese Bestellung nicht mehr.")
        with transaction.atomic():
            rows = RemoteOrderLink.objects.of_id(self.shop.merchant_id).filter(pk=link_id)
            rows.update(is_settled=True, read_at=self.work.now, trouble=said)
            self.work.keep()

    def _say(self, remote: RemoteOrder, problem: Exception) -> None:
        refusal = str(problem) if isinstance(problem, ShopRefuses) else ""
        said = refusal or _(
            "Kogge kann diese Bestellung nicht lesen. Der Grund steht im Protokoll des Servers."
        )
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id).filter(remote_id=remote.order_id)
        if not links.exclude(closed_trouble=said).update(trouble=said, read_at=self.work.now):
            connecting.note_error(
                self.shop, _("Bestellung {number}: {reason}").format(number=remote.number, reason=said)
            )

    def _touch(self, link: RemoteOrderLink) -> None:
        lines = OrderLine.objects.of_id(self.shop.merchant_id).filter(order=link.order_id)
        self.touched |= {pk for pk in lines.values_list("product_id", flat=True) if pk}
