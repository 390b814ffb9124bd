"""How each errand is told: what to look at first, what to say, what to note of the answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kogge.backoffice.models import Order, OrderEvent, OrderLine, ParcelItem
from kogge.backoffice.people import People, people_of
from kogge.backoffice.progress import open_units
from kogge.remote import adopting, products, telling
from kogge.remote.counting import count
from kogge.remote.models import (
    OPEN,
    Errand,
    RemoteLineLink,
    RemoteOrderLink,
    RemoteParcelLink,
    RemoteProductLink,
    RemoteShop,
)
from kogge.shops.port import NewLine, NewOrder
from kogge.shops.remote import RemoteLine, RemoteOrder, RemoteParcel, RemoteSystem, Standing, pages
from kogge.values import Money, Tracking

MARGIN = timedelta(hours=1)  # the shop's clock is not ours

Kind = Errand.Kind
Note = Callable[[datetime], None]


class Stuck(Exception):
    """Nobody but the merchant can know what happened; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to say. Answers what to note, in the transaction that ends the errand."""

    say: Callable[[], Note]
    seen_stock: int | None = None  # of MOVE_STOCK: to tell later whether it happened


@dataclass
class Desk:
    """What one run works with. The shop's newest orders are looked through once."""

    shop: RemoteShop
    system: RemoteSystem
    _newest: Mapping[str, Sequence[RemoteOrder]] | None = field(default=None, repr=False)
    _unnamed: Sequence[RemoteOrder] = field(default=(), repr=False)
    _searched: Mapping[str, Sequence[RemoteOrder]] | None = field(default=None, repr=False)

    def written(self, channel_order_id: str) -> Sequence[RemoteOrder]:
        """The orders over there that carry this number of a channel's, the oldest first."""
        if self._newest is None:
            self._newest = self._list(self._since())
        return self._newest.get(channel_order_id, ())

    def searched(self, channel_order_id: str) -> Sequence[RemoteOrder]:
        """The same by more than the note, which may be lost: many questions, for those tried before."""
        if self._searched is None:
            tried = self._to_write().filter(attempts__gt=0)
            ids = set(tried.values_list("order__external_id", flat=True))
            self._searched = self.system.find_orders(ids, since=self._since())
        return self._searched.get(channel_order_id, ())

    def alike(self, new: NewOrder) -> Sequence[RemoteOrder]:
        """The oldest order that carries no number, is nobody's, and is otherwise the one we tried to write.

        A shop may keep neither note nor origin, and the answer may be lost before the metafield is written.
        """
        ids = [each.order_id for each in self._unnamed]
        links = RemoteOrderLink.objects.of_id(self.shop.merchant_id).filter(remote_id__in=ids)
        taken = set(links.values_list("remote_id", flat=True))
        found = [each for each in self._unnamed if each.order_id not in taken and _is_like(each, new)]
        return found[:1]

    def _to_write(self) -> QuerySet[Errand]:
        return Errand.objects.of_id(self.shop.merchant_id).filter(
            OPEN, kind__in=(Kind.CREATE_ORDER, Kind.REOPEN_ORDER)
        )

    def _since(self) -> datetime:
        pairs = self._to_write().values_list("created_at", "order__placed_at")
        return min((date for pair in pairs for date in pair), default=self.shop.connected_at) - MARGIN

    def _list(self, since: datetime) -> Mapping[str, Sequence[RemoteOrder]]:
        known: dict[str, RemoteOrder] = {}
        for page in pages(self.system, lambda page: page.reaches(since)):
            known |= {each.order_id: each for each in page.orders}
        found: dict[str, list[RemoteOrder]] = defaultdict(list)
        for each in sorted(
            known.values(), key=lambda each: (each.placed_at, len(each.order_id), each.order_id)
        ):
            found[each.channel_order_id].append(each)
        self._unnamed = found.pop("", ())
        return found


def step_of(desk: Desk, errand: Errand) -> Step | None:
    """What is to be said for an errand now; None if nothing is, or it happened already.

    Only looks. Raises `Stuck` and whatever the shop's system raises.
    """
    if errand.kind == Kind.MOVE_STOCK:
        return _move_stock(desk, errand)
    if errand.kind == Kind.WRITE_FIELDS:
        return Step(lambda: _then_nothing(lambda: products.write_fields(desk.system, errand)))
    links = RemoteOrderLink.objects.of_id(errand.merchant_id).select_related("order")
    link = links.filter(order=errand.order_id).first()
    if link is None or not (link.remote_id or errand.kind in {Kind.CREATE_ORDER, Kind.REOPEN_ORDER}):
        return None  # never written: it was over before, or the merchant wrote it by hand
    return _ABOUT_ORDERS[errand.kind](desk, errand, link)


def _then_nothing(say: Callable[[], None]) -> Note:
    say()
    return lambda _now: None


# --- the order --------------------------------------------------------------------------------


def _create(desk: Desk, errand: Errand, link: RemoteOrderLink) -> Step | None:
    """Write the order, unless it is there: by our own table, or by the channel's number over there."""
    order = link.order
    lines = list(order.lines.all())
    new, product_ids = _new_order(desk, order, lines)
    there = _there(desk, errand, link, new)
    known = there[0] if there else None
    if known is None and order.status == Order.Status.CANCELLED:
        return None

    def say() -> Note:
        if known is None:
            remote = desk.system.create_order(new, product_ids)
        else:
            remote = desk.system.complete_order(known, new, product_ids)
        return _note_written(desk, link, lines, remote, [*_missing(new, remote), *_doubles(there)])

    return Step(say)


def _there(desk: Desk, errand: Errand, link: RemoteOrderLink, new: NewOrder) -> Sequence[RemoteOrder]:
    """The order as the shop has it, the oldest first if it has it more than once."""
    if link.remote_id:
        found = desk.system.order(link.remote_id)
        return [found] if found else []
    there = desk.written(new.external_id)
    if there or not errand.attempts:
        return there
    return desk.searched(new.external_id) or desk.alike(new)


def _is_like(remote: RemoteOrder, new: NewOrder) -> bool:
    """Whether an order over there has the goods, the sum and the buyer of one we tried to write."""
    missing = Counter((line.code or line.title, line.quantity) for line in new.lines)
    missing -= Counter((line.code or line.title, line.quantity) for line in remote.lines)
    wanted, there = new.shipping_address, remote.address
    is_going_there = not there or (there.name, there.postal_code, there.city) == (
        wanted.name,
        wanted.postal_code,
        wanted.city,
    )
    # Who buys in the shop itself leaves an address of their own.
    is_theirs = remote.email.casefold() in {"", new.email.casefold()}
    return remote.total == new.total and not missing and is_going_there and is_theirs


def _missing(new: NewOrder, remote: RemoteOrder) -> list[str]:
    """What of an order did not arrive, in sentences: without them nobody would look."""
    if remote.standing in {Standing.CANCELLED, Standing.RETURNED}:
        return []
    said = []
    if new.shipping_address and not remote.address:
        said.append(
            _(
                "Im Shop steht die Lieferadresse nicht in der Bestellung. Prüfe unter „Wie dein Shop sich "
                "verhält“, wie er Positionen annimmt."
            )
        )
    if not remote.lines:
        said.append(
            _(
                "Im Shop hat die Bestellung keine Positionen. Prüfe unter „Wie dein Shop sich verhält“, wie "
                "er sie annimmt."
            )
        )
    if remote.total != new.total and "total" not in remote.doubts:
        said.append(
            _("Im Shop hat die Bestellung die Summe {there}, hier {here}.").format(
                there=remote.total, here=new.total
            )
        )
    return said


def _doubles(there: Sequence[RemoteOrder]) -> list[str]:
    return [
        _("Im Shop steht diese Bestellung zweimal, auch als {number}.").format(number=each.number)
        for each in there[1:]
    ]


def _note_written(
    desk: Desk,
    link: RemoteOrderLink,
    lines: Sequence[OrderLine],
    remote: RemoteOrder,
    troubles: Sequence[str],
) -> Note:
    def note(now: datetime) -> None:
        adopting.release(desk.shop, remote, by=link, now=now)
        link.remote_id, link.number, link.written_at = remote.order_id, remote.number[:40], now
        link.trouble = "\n".join(filter(None, [*troubles, telling.units_cancelled(link.order)]))
        link.save(update_fields=["remote_id", "number", "written_at", "trouble"])
        link_lines(link, lines, remote.lines)
        count(desk.shop, link, remote, is_own=False, now=now)

    return note


def link_lines(link: RemoteOrderLink, lines: Sequence[OrderLine], items: Sequence[RemoteLine]) -> None:
    """Note which line is which item: what is surest first, so that no extra is taken for a line."""
    left = list(items)
    known = set(link.lines.values_list("line_id", flat=True))
    found = {}
    for is_same in _LIKENESSES:
        for line in lines:
            item = (
                next((each for each in left if is_same(line, each)), None) if line.pk not in found else None
            )
            if item is not None:
                left.remove(item)
                found[line.pk] = RemoteLineLink(link=link, line=line, remote_id=item.line_id)
    fresh = [each for pk, each in found.items() if pk not in known]
    RemoteLineLink.objects.everyone().bulk_create(fresh, ignore_conflicts=True)


def _has_units(line: OrderLine, item: RemoteLine) -> bool:
    return item.quantity in {line.quantity, line.quantity - line.cancelled}


def _has_code(line: OrderLine, item: RemoteLine) -> bool:
    return bool(line.code) and line.code == item.code


def _has_title(line: OrderLine, item: RemoteLine) -> bool:
    return not item.code and " ".join(line.title.split()) == " ".join(item.title.split())


_LIKENESSES: Sequence[Callable[[OrderLine, RemoteLine], bool]] = (
    lambda line, item: _has_code(line, item) and _has_units(line, item),
    lambda line, item: _has_title(line, item) and _has_units(line, item),
    _has_code,
    _has_title,
    # A shop that writes titles of its own: the price a piece then tells goods from the order's extras.
    lambda line, item: _has_units(line, item) and item.unit_price.amount == line.unit_price,
)


def _new_order(desk: Desk, order: Order, lines: Sequence[OrderLine]) -> tuple[NewOrder, Mapping[int, str]]:
    """The order as the copy has it now, as it was ordered; and the shop's products by position from 1."""
    people = people_of(order)
    known = dict(
        RemoteProductLink.objects.of_id(order.merchant_id)
        .filter(product__in=[line.product_id for line in lines if line.product_id], is_gone=False)
        .values_list("product_id", "remote_id")
    )
    new = NewOrder(
        channel=order.channel,
        external_id=order.external_id,
        placed_at=order.placed_at,
        origin=order.origin,
        payment_method=order.payment_method,
        total=Money(order.total, order.currency),
        lines=tuple(_new_line(order, line) for line in lines),
        rounding=Money(order.rounding, order.currency),
        buyer_name=people.buyer_name,
        email=_email(desk, order, people),
        company=people.company,
        purchase_order_number=people.purchase_order_number,
        shipping_address=people.shipping,
        locale=order.locale,
        ship_by=order.ship_by,
        deliver_by=order.deliver_by,
        service_level=order.service_level,
        programmes=tuple(order.programmes.split(",")) if order.programmes else (),
        notify_buyer=order.notify_buyer,
        moves_stock=order.moves_stock,
        note=order.note,
    )
    product_ids = {
        position: known[line.product_id]
        for position, line in enumerate(lines, start=1)
        if line.product_id in known and line.product_id
    }
    return new, product_ids


def _new_line(order: Order, line: OrderLine) -> NewLine:
    return NewLine(
        external_id=line.external_id,
        code=line.code,
        title=line.title,
        quantity=line.quantity,
        unit_price=Money(line.unit_price, order.currency),
        goods=Money(line.goods, order.currency),
        shipping=Money(line.shipping, order.currency),
        gift_wrap=Money(line.gift_wrap, order.currency),
        other=Money(line.other, order.currency),
        discount=Money(line.discount, order.currency),
        tax=Money(line.tax, order.currency),
        total=Money(line.total, order.currency),
        product_id=str(line.product_id) if line.product_id else None,
        channel_product_id=line.channel_product_id,
        gift_text=people_of(order).gift_texts.get(line.position, ""),
        shipped=line.shipped,
        cancelled=line.cancelled,
    )


def _email(desk: Desk, order: Order, people: People) -> str:
    """The buyer's address, if the shop is to have it: it mails whoever it knows the address of."""
    return people.email if desk.shop.writes_email and order.notify_buyer else ""


def _change_people(desk: Desk, _errand: Errand, link: RemoteOrderLink) -> Step | None:
    people = people_of(link.order)
    if not people:
        return None
    email = _email(desk, link.order, people)
    return Step(
        lambda: _then_nothing(
            lambda: desk.system.change_address(
                link.remote_id, people.shipping, buyer_name=people.buyer_name, email=email
            )
        )
    )


def _cancel(desk: Desk, _errand: Errand, link: RemoteOrderLink) -> Step | None:
    def note(now: datetime) -> None:
        link.is_cancelled, link.taken_at = True, now
        link.save(update_fields=["is_cancelled", "taken_at"])
        if desk.shop.cancelling_gives_back:
            link.lines.update(taken=0)

    def say() -> Note:
        desk.system.cancel_order(link.remote_id)
        return note

    return Step(say)


def _reopen(desk: Desk, errand: Errand, link: RemoteOrderLink) -> Step | None:
    """Let it stand again; one that was cancelled before it was written is written now."""
    if not link.remote_id:
        return _create(desk, errand, link)

    def say() -> Note:
        desk.system.reopen_order(link.remote_id)
        remote = desk.system.order(link.remote_id)

        def note(now: datetime) -> None:
            link.is_cancelled, link.is_settled, link.taken_at = False, False, now
            link.save(update_fields=["is_cancelled", "is_settled", "taken_at"])
            if remote is not None:
                count(desk.shop, link, remote, is_own=link.order.is_own, now=now)

        return note

    return Step(say)


def _forget_people(desk: Desk, _errand: Errand, link: RemoteOrderLink) -> Step | None:
    return Step(lambda: _then_nothing(lambda: desk.system.forget_people(link.remote_id)))


# --- parcels ----------------------------------------------------------------------------------


def _add_parcel(desk: Desk, errand: Errand, link: RemoteOrderLink) -> Step | None:
    """A fulfiller's parcel, unless it is there already."""
    parcel = errand.parcel
    if parcel is None:
        return _add_what_left(desk, link)
    if link.parcels.filter(parcel=parcel).exists():
        return None
    items = dict(
        ParcelItem.objects.of_id(link.merchant_id).filter(parcel=parcel).values_list("line_id", "quantity")
    )
    quantities = _by_remote(link, items)
    tracking = Tracking(parcel.carrier, parcel.tracking_number)
    there = _like(
        desk.system.parcels(link.remote_id), link, tracking, quantities, is_retry=bool(errand.attempts)
    )
    if there is not None:
        return Step(lambda: _note_parcel(link, there, parcel.pk))
    lines = list(link.order.lines.all())
    is_all = all(items.get(line.pk, 0) == line.quantity - line.cancelled for line in lines)
    return Step(
        lambda: _note_parcel(
            link, desk.system.add_parcel(link.remote_id, tracking, quantities, is_all=is_all), parcel.pk
        )
    )


def _like(
    there: Sequence[RemoteParcel],
    link: RemoteOrderLink,
    tracking: Tracking,
    quantities: Mapping[str, int],
    *,
    is_retry: bool,
) -> RemoteParcel | None:
    """The shipment over there that is this parcel: the same number; without one, what a lost answer left."""
    known = set(link.parcels.values_list("remote_id", flat=True))
    for each in there:
        if each.parcel_id in known:
            continue
        if tracking.number and each.tracking.number == tracking.number:
            return each
        if is_retry and not tracking.number and dict(each.quantities) == dict(quantities):
            return each
    return None


def _add_what_left(desk: Desk, link: RemoteOrderLink) -> Step | None:
    """Units that left elsewhere (the merchant sent them past the shop), as far as no shipment has them."""
    lines = {each.line_id: each for each in link.lines.select_related("line")}
    sent: Counter[str] = Counter()
    there = desk.system.parcels(link.remote_id)
    for parcel in there:
        sent.update(parcel.quantities)
    left = {
        each.remote_id: units
        for each in lines.values()
        if (units := each.line.shipped - sent[each.remote_id]) > 0
    }
    if not left or any(not parcel.quantities for parcel in there):
        return None
    is_all = not any(open_units(each.line) for each in lines.values()) and not sent
    return Step(
        lambda: _note_parcel(
            link, desk.system.add_parcel(link.remote_id, Tracking("", ""), left, is_all=is_all), None
        )
    )


def _note_parcel(link: RemoteOrderLink, remote: RemoteParcel, parcel_id: int | None) -> Note:
    def note(_now: datetime) -> None:
        RemoteParcelLink.objects.everyone().bulk_create(
            [RemoteParcelLink(link=link, parcel_id=parcel_id, remote_id=remote.parcel_id)],
            ignore_conflicts=True,
        )

    return note


def _by_remote(link: RemoteOrderLink, items: Mapping[int, int]) -> dict[str, int]:
    known = dict(link.lines.values_list("line_id", "remote_id"))
    return {known[line_id]: units for line_id, units in items.items() if line_id in known}


def _correct_parcel(desk: Desk, errand: Errand, _link: RemoteOrderLink) -> Step | None:
    known = RemoteParcelLink.objects.of_id(errand.merchant_id).filter(parcel=errand.parcel_id).first()
    parcel = errand.parcel
    if known is None or parcel is None:
        return None
    tracking = Tracking(parcel.carrier, parcel.tracking_number)
    return Step(lambda: _then_nothing(lambda: desk.system.correct_parcel(known.remote_id, tracking)))


def _mark_fulfilled(desk: Desk, _errand: Errand, link: RemoteOrderLink) -> Step | None:
    """Which lines a channel ships, as it stands now; none once all came back."""
    order = link.order
    given = order.events.filter(kind__in=(OrderEvent.Kind.HANDED_OVER, OrderEvent.Kind.PLACED)).last()
    lines = [line for line in order.lines.all() if line.fulfilled_by]
    channel = lines[0].fulfilled_by if lines else given.actor if given else ""
    if not channel:
        return None
    ids: Collection[str] = _by_remote(link, {line.pk: 1 for line in lines}).keys()
    return Step(lambda: _then_nothing(lambda: desk.system.mark_fulfilled_by(link.remote_id, channel, ids)))


# --- stock ------------------------------------------------------------------------------------


def _move_stock(desk: Desk, errand: Errand) -> Step | None:
    """There is no increment: read, remember what was read, write the sum."""
    link = RemoteProductLink.objects.of_id(errand.merchant_id).filter(product=errand.product_id).first()
    found = desk.system.product(link.remote_id) if link is not None and not link.is_gone else None
    if link is None or found is None or found.stock is None:
        return None
    if errand.state == Errand.State.SENDING and errand.seen_stock is not None:
        if found.stock == _sum(errand.seen_stock, errand.units):
            return None
        if found.stock != errand.seen_stock:
            raise Stuck(_unsure(errand, errand.seen_stock, found.stock))
    wanted = _sum(found.stock, errand.units)
    return Step(
        lambda: _then_nothing(lambda: desk.system.set_stock(link.remote_id, wanted)), seen_stock=found.stock
    )


def _sum(stock: int, units: int) -> int:
    return max(0, stock + units)


def _unsure(errand: Errand, before: int, found: int) -> str:
    return _(
        "Der Bestand von {code} sollte im Shop von {before} auf {wanted} geändert werden, die Antwort ging "
        "verloren. Jetzt steht dort {found}: Entweder wurde inzwischen verkauft oder der Bestand von Hand "
        "geändert. Zähle nach und trage den Bestand im Shop richtig ein, dann erledige diesen Auftrag."
    ).format(
        code=errand.product.code if errand.product else "",
        before=before,
        wanted=_sum(before, errand.units),
        found=found,
    )


_ABOUT_ORDERS: Mapping[str, Callable[[Desk, Errand, RemoteOrderLink], Step | None]] = {
    Kind.CREATE_ORDER: _create,
    Kind.CHANGE_PEOPLE: _change_people,
    Kind.CANCEL_ORDER: _cancel,
    Kind.REOPEN_ORDER: _reopen,
    Kind.ADD_PARCEL: _add_parcel,
    Kind.CORRECT_PARCEL: _correct_parcel,
    Kind.MARK_FULFILLED: _mark_fulfilled,
    Kind.FORGET_PEOPLE: _forget_people,
}
