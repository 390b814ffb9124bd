"""What the merchant did with an order over there is done to the copy, as if they had clicked it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from hashlib import blake2b

from django.utils.translation import gettext as _

from kogge.backoffice import dispatch, orders, returns
from kogge.backoffice.channels import channel_title
from kogge.backoffice.models import Order, OrderLine, Parcel
from kogge.backoffice.people import people_of
from kogge.backoffice.progress import open_units, own_units
from kogge.backoffice.refusal import Refusal
from kogge.remote import stock
from kogge.remote.counting import count
from kogge.remote.models import RemoteOrderLink, RemoteParcelLink, RemoteShop
from kogge.remote.telling import BY_FULFILLER, telling
from kogge.shops.remote import RemoteLine, RemoteOrder, RemoteParcel, Standing
from kogge.values import plain_text

Delivery = Order.Delivery
OVER = {Standing.CLOSED, Standing.CANCELLED, Standing.RETURNED}


def follow(
    shop: RemoteShop,
    link: RemoteOrderLink,
    remote: RemoteOrder,
    parcels: Sequence[RemoteParcel] | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Do to the copy what is different over there, in one transaction. `parcels` None: not read this time.

    What the copy refuses (Amazon has sent it already) is told the merchant, once.
    """
    with telling(link.merchant_id, now=now, of=BY_FULFILLER):
        link.refresh_from_db()
        order = Order.objects.of_id(link.merchant_id).get(pk=link.order_id)
        before = stock.nets(link.merchant_id, [order.pk])
        follower = _Follower(shop, link, order, remote, parcels, actor, now)
        follower.run()
        count(shop, link, remote, is_own=order.is_own, now=now)
        stock.hold_down(link.merchant_id, before, now=now)
        stock.square(link.merchant_id, [order.pk], now=now)
        follower.note()


def has_parcels_to_read(link: RemoteOrderLink, remote: RemoteOrder) -> bool:
    """Whether the shop's parcels may say something new: they are a question of their own."""
    if not remote.parcel_count:
        return False
    if link.parcels_read_at is None:
        return True
    known = set(link.parcels.values_list("remote_id", flat=True))
    named = {line.parcel_id for line in remote.lines if line.parcel_id}
    return remote.parcel_count > len(known) or not named <= known


@dataclass
class _Follower:
    """One order, here and over there."""

    shop: RemoteShop
    link: RemoteOrderLink
    order: Order
    remote: RemoteOrder
    parcels: Sequence[RemoteParcel] | None
    actor: str
    now: datetime
    troubles: list[str] = field(default_factory=list)

    def run(self) -> None:
        if self.remote.doubts and self.remote.standing == Standing.UNKNOWN:
            self.troubles.append(self._unread())
            return
        own = (self._payment, self._place_and_method, self._units)
        others = (self._units_of_channel,)
        shared = (self._parcels, self._rest, self._cancellation, self._return, self._packing, self._unknown)
        for step in (*(own if self.order.is_own else others), *shared):
            self._try(step)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Refusal as refusal:
            self.troubles.append(refusal.sentence)
        self.order.refresh_from_db()

    # --- the shop's own orders ---

    def _payment(self) -> None:
        is_standing = self.order.status != Order.Status.CANCELLED
        if self.remote.is_paid and self.order.payment_status == Order.Payment.OPEN and is_standing:
            orders.mark_paid(self.order, actor=self.actor, now=self.now)
        if self.remote.is_refunded:
            orders.mark_refunded(self.order, actor=self.actor, now=self.now)

    def _place_and_method(self) -> None:
        if not self._can_change():
            return
        known = people_of(self.order)
        address = self.remote.address
        is_moved = bool(address) and address != known.shipping and not self.order.people_forgotten_at
        method = plain_text(self.remote.shipping_method, 40).strip()
        if is_moved or (method and method != self.order.service_level):
            orders.change_order(
                self.order,
                address=address if is_moved else None,
                shipping_method=method or None,
                actor=self.actor,
                now=self.now,
            )

    def _units(self) -> None:
        if not self._can_change():
            return
        items = self._items()
        fewer: dict[int, int] = {}
        for line in self._lines():
            left, known = self._units_there(line, items), line.quantity - line.cancelled
            if left > known and line.position in items:
                self.troubles.append(self._more(line, left))
            elif left < known:
                fewer[line.position] = max(left, line.shipped)
        if len(items) < len(self.remote.lines):
            self.troubles.append(
                _("Im Shop kam eine Position dazu. Kogge kann sie nicht übernehmen und versendet sie nicht.")
            )
        if fewer and not self._is_all_gone(fewer):
            orders.change_order(self.order, quantities=fewer, actor=self.actor, now=self.now)
        elif fewer:
            orders.cancel(self.order, "other", actor=self.actor, now=self.now)

    def _is_all_gone(self, fewer: Mapping[int, int]) -> bool:
        return not any(fewer.get(line.position, line.quantity - line.cancelled) for line in self._lines())

    def _more(self, line: OrderLine, units: int) -> str:
        return _("Position {position} hat im Shop jetzt {units} Stück, hier bleiben es {known}.").format(
            position=line.position, units=units, known=line.quantity - line.cancelled
        )

    def _can_change(self) -> bool:
        is_standing = self.remote.standing not in {Standing.CANCELLED, Standing.RETURNED}
        is_open = any(open_units(line) for line in self._lines())
        return is_standing and is_open and self.order.status != Order.Status.CANCELLED

    # --- a channel's orders ---

    def _units_of_channel(self) -> None:
        """A buyer's order elsewhere cannot be changed by the seller, only cancelled as a whole."""
        if self.remote.standing == Standing.CANCELLED:
            return
        items = self._items()
        for line in self._lines():
            left = self._units_there(line, items)
            if left < line.quantity - line.cancelled and open_units(line):
                self.troubles.append(
                    _(
                        "Position {position} wurde im Shop storniert oder verringert. Bei {channel} lässt "
                        "sich nur die ganze Bestellung stornieren."
                    ).format(position=line.position, channel=channel_title(self.order.channel))
                )

    # --- dispatch ---

    def _packing(self) -> None:
        state = self.order.delivery_status
        is_mine = any(own_units(line) for line in self._lines())
        if self.remote.is_packing and state in {Delivery.OPEN, Delivery.PARTIALLY_SHIPPED} and is_mine:
            dispatch.start_packing(self.order, actor=self.actor, now=self.now)
        elif not self.remote.is_packing and state == Delivery.PACKING:
            dispatch.reset_packing(self.order, actor=self.actor, now=self.now)

    def _parcels(self) -> None:
        known = {each.remote_id: each for each in self.link.parcels.select_related("parcel")}
        for parcel in self.parcels or ():
            if not parcel.is_sent:
                continue
            if parcel.parcel_id not in known:
                self._try(lambda parcel=parcel: self._sent(parcel))  # type: ignore[misc]
            elif told := known[parcel.parcel_id].parcel:
                self._try(lambda told=told, parcel=parcel: self._correct(told, parcel))  # type: ignore[misc]

    def _sent(self, parcel: RemoteParcel) -> None:
        units = self._inside(parcel)
        if units is None:
            raise Refusal(
                _("Im Shop ging eine Sendung ab. Was darin ist, steht dort nicht: Trag die Positionen ein.")
            )
        elsewhere = [line.position for line in self._lines() if line.fulfilled_by and open_units(line)]
        mine = {position: count for position, count in self._capped(units).items() if count}
        sent = self._ship(mine, parcel) if mine else None
        RemoteParcelLink.objects.everyone().create(link=self.link, parcel=sent, remote_id=parcel.parcel_id)
        for position in elsewhere:
            if units.get(position):
                line = self.order.lines.get(position=position)
                self.troubles.append(
                    _(
                        "Position {position} versendet {channel}, sie liegt im Shop aber in einer Sendung."
                    ).format(position=position, channel=channel_title(line.fulfilled_by))
                )

    def _ship(self, units: Mapping[int, int], parcel: RemoteParcel) -> Parcel:
        return dispatch.ship(
            self.order,
            carrier=self._carrier(parcel.tracking.carrier),
            tracking_number=parcel.tracking.number[: dispatch.LONGEST_NUMBER],
            quantities=units,
            actor=self.actor,
            now=self.now,
        )

    def _correct(self, told: Parcel, parcel: RemoteParcel) -> None:
        """New tracking data; what is known never becomes empty."""
        if told.fulfilled_by:
            return
        dispatch.correct_tracking(
            told,
            carrier=plain_text(parcel.tracking.carrier, dispatch.LONGEST_CARRIER).strip() or told.carrier,
            tracking_number=parcel.tracking.number[: dispatch.LONGEST_NUMBER] or told.tracking_number,
            actor=self.actor,
            now=self.now,
        )

    def _inside(self, parcel: RemoteParcel) -> dict[int, int] | None:
        """Units by position; None if nobody says."""
        positions = {each.remote_id: each.line.position for each in self.link.lines.select_related("line")}
        if parcel.quantities:
            found = {positions[key]: units for key, units in parcel.quantities.items() if key in positions}
            return found or None
        packed = [
            item for item in self.remote.lines if item.parcel_id == parcel.parcel_id and not item.is_cancelled
        ]
        if packed:
            return {positions[item.line_id]: item.quantity for item in packed if item.line_id in positions}
        return self._mine() if self._is_all_sent() else None

    def _capped(self, units: Mapping[int, int]) -> dict[int, int]:
        left = self._mine()
        return {position: min(count, left.get(position, 0)) for position, count in units.items()}

    def _mine(self) -> dict[int, int]:
        """Units the merchant can still have sent, by position: never what was cancelled over there."""
        items = self._items()
        return {
            line.position: max(0, min(own_units(line), self._units_there(line, items) - line.shipped))
            for line in self._lines()
        }

    def _carrier(self, said: str) -> str:
        """The shop's word for it: of the parcel, else of the order; what is unknown says that it is."""
        words = (said, self.remote.shipping_method, self.order.service_level)
        found = next((word for text in words if (word := plain_text(text, 80).strip())), "")
        return found[: dispatch.LONGEST_CARRIER] or _("Versender unbekannt")

    def _rest(self) -> None:
        """The shop says that all has left: what no parcel holds has, too."""
        left = {position: units for position, units in self._mine().items() if units}
        if left and self._is_all_sent():
            dispatch.ship(
                self.order,
                carrier=self._carrier(""),
                tracking_number="",
                quantities=left,
                actor=self.actor,
                now=self.now,
            )

    def _is_all_sent(self) -> bool:
        if self.remote.standing in {Standing.CLOSED, Standing.RETURNED}:
            return True
        items = [item for item in self.remote.lines if not item.is_cancelled]
        return bool(items) and all(item.is_sent for item in items)

    # --- the end ---

    def _cancellation(self) -> None:
        is_cancelled = self.remote.standing == Standing.CANCELLED
        was_cancelled, self.link.is_cancelled = self.link.is_cancelled, is_cancelled
        if is_cancelled and not was_cancelled and self.order.status != Order.Status.CANCELLED:
            orders.cancel(self.order, "other", actor=self.actor, now=self.now)
        if was_cancelled and not is_cancelled and self.order.status == Order.Status.CANCELLED:
            if not self.order.is_own:
                raise Refusal(
                    _(
                        "Im Shop wurde die Bestellung wieder geöffnet. Bei {channel} ist sie storniert."
                    ).format(channel=channel_title(self.order.channel))
                )
            orders.reinstate(self.order, actor=self.actor, now=self.now)

    def _return(self) -> None:
        if self.remote.standing != Standing.RETURNED:
            return
        back = {line.position: line.shipped - line.returned for line in self._lines()}
        if any(back.values()):
            # What can be sold again the shop counts itself.
            returns.record_return(self.order, back, restock=False, actor=self.actor, now=self.now)

    def _unknown(self) -> None:
        if self.remote.standing == Standing.UNKNOWN:
            raise Refusal(
                _("Der Shop nennt den Zustand „{status}“, den Kogge nicht kennt.").format(
                    status=self.remote.status[:60]
                )
            )

    def _unread(self) -> str:
        return _("Im Shop steht an dieser Bestellung etwas, das Kogge nicht lesen kann: {fields}.").format(
            fields=", ".join(self.remote.doubts)[:200]
        )

    # --- what both sides have ---

    def _lines(self) -> list[OrderLine]:
        return list(self.order.lines.all())

    def _items(self) -> dict[int, RemoteLine]:
        positions = {each.remote_id: each.line.position for each in self.link.lines.select_related("line")}
        return {positions[item.line_id]: item for item in self.remote.lines if item.line_id in positions}

    def _units_there(self, line: OrderLine, items: Mapping[int, RemoteLine]) -> int:
        """Units of a line the shop's order is still about; of a line that is none of its, all."""
        item = items.get(line.position)
        if item is not None:
            return 0 if item.is_cancelled else item.quantity
        was_there = self.link.lines.filter(line=line).exists()
        return 0 if was_there and self.remote.lines else line.quantity

    def note(self) -> None:
        """How it was seen, and what of it could not be followed: that is said until somebody closes it."""
        link = self.link
        said = "\n".join(dict.fromkeys(self.troubles))
        if said and said != link.closed_trouble:
            link.trouble = said
        link.number = self.remote.number[:40] or link.number
        link.seen, link.read_at = digest(self.remote), self.now
        if self.parcels is not None:
            is_all_told = all(parcel.is_sent for parcel in self.parcels)
            link.parcels_read_at = self.now if is_all_told else None
        is_open = any(open_units(line) for line in self._lines())
        link.is_settled = self.remote.standing in OVER and not is_open
        link.save()


def digest(remote: RemoteOrder) -> str:
    """The same for an order that is shown the same."""
    return blake2b(repr(astuple(remote)).encode(), digest_size=16).hexdigest()
