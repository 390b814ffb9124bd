"""The built-in shop behind the Shop port: what a channel app sees of the back office."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from kogge.backoffice import following, fulfilment, orders, people, placing, stock
from kogge.backoffice.models import OWN_CHANNELS, Order, OrderEvent, OrderLine
from kogge.backoffice.models import Product as StoredProduct
from kogge.backoffice.progress import open_units
from kogge.backoffice.refusal import Refusal
from kogge.shops.port import (
    ChangePage,
    FulfilledParcel,
    NewOrder,
    OrderCancelled,
    OrderChange,
    OrderReturned,
    OrderUpdate,
    OwnLine,
    OwnOrder,
    OwnOrderPage,
    ParcelSent,
    Placed,
    Product,
    ProductValues,
    Refused,
    Reservation,
    ShopRefuses,
    Updated,
)
from kogge.values import Money, Tracking

Kind = OrderEvent.Kind

# What the merchant does and a channel must hear of. Everything else in the log stays in the house.
CHANGES = (Kind.PARCEL_SENT, Kind.TRACKING_CORRECTED, Kind.CANCELLED, Kind.RETURNED)

# After these a channel looks at an own order again. That it was handed over or taken back it knows.
OWN_CHANGES = (
    Kind.PLACED,
    Kind.PAID,
    Kind.CANCELLED,
    Kind.CHANGED,
    Kind.PARCEL_SENT,
    Kind.PRODUCT_ASSIGNED,
)


@dataclass(frozen=True, slots=True)
class BuiltinShop:
    """The Shop port for a merchant who works in Kogge itself. See `kogge.shops.port.Shop`."""

    shares_transaction: ClassVar[bool] = True

    merchant_id: int

    def health(self) -> str:
        """It is as well as our own database."""
        return ""

    def find_products(self, codes: Collection[str]) -> Mapping[str, Product]:
        """The products with these article numbers."""
        found = StoredProduct.objects.of_id(self.merchant_id).filter(code__in=codes)
        return {
            code: Product(str(pk), code, title)
            for pk, code, title in found.values_list("pk", "code", "title")
        }

    def products(self, product_ids: Collection[str]) -> Mapping[str, Product]:
        """The products with these keys."""
        keys = [key for product_id in product_ids if (key := placing.product_key(product_id))]
        found = StoredProduct.objects.of_id(self.merchant_id).filter(pk__in=keys)
        return {
            str(pk): Product(str(pk), code, title)
            for pk, code, title in found.values_list("pk", "code", "title")
        }

    def product_values(self, product_ids: Collection[str]) -> Mapping[str, ProductValues]:
        """What may be offered of these products now."""
        keys = [key for product_id in product_ids if (key := placing.product_key(product_id))]
        found = StoredProduct.objects.of_id(self.merchant_id).filter(pk__in=keys)
        return {
            str(product.pk): ProductValues(
                str(product.pk),
                product.code,
                product.title,
                product.gtin,
                Money(product.price, product.currency),
                product.available,
                product.reserved,
                product.lead_time_days,
                product.active,
            )
            for product in found.defer("description")
        }

    def place_orders(self, orders: Sequence[NewOrder], *, now: datetime) -> Sequence[Placed | Refused]:
        """Place orders, each once."""
        return placing.place(self.merchant_id, orders, now=now)

    def update_orders(self, updates: Sequence[OrderUpdate], *, now: datetime) -> Sequence[Updated]:
        """Follow what happened at the channel."""
        return following.update_orders(self.merchant_id, updates, now=now)

    @transaction.atomic
    def reserve(self, reservations: Sequence[Reservation], *, now: datetime) -> None:
        """Hold stock back. For an order that is placed later, name it by `placing.reservation_key`."""
        stock.lock_shop(self.merchant_id)
        known = self.products([reservation.product_id for reservation in reservations])
        held = [
            stock.reserve(reservation.key, int(reservation.product_id), reservation.quantity)
            for reservation in reservations
            if reservation.product_id in known and reservation.quantity > 0
        ]
        stock.move(self.merchant_id, held, actor=_CHANNEL, now=now)

    @transaction.atomic
    def release(self, keys: Collection[str], *, now: datetime) -> None:
        """Give back reservations."""
        stock.lock_shop(self.merchant_id)
        stock.record(self.merchant_id, stock.releases(self.merchant_id, keys), actor=_CHANNEL, now=now)

    def assign_product(
        self, channel: str, external_id: str, line: str, product_id: str, *, now: datetime
    ) -> None:
        """Tell which product a free line is. Raises `ShopRefuses`."""
        product = (
            StoredProduct.objects.of_id(self.merchant_id)
            .filter(pk=placing.product_key(product_id) or 0)
            .first()
        )
        found = (
            OrderLine.objects.of_id(self.merchant_id)
            .select_related("order")
            .filter(order__channel=channel, order__external_id=external_id, external_id=line)
            .first()
        )
        if product is None or found is None:
            raise ShopRefuses(_("Dieses Produkt oder diese Position gibt es im Shop nicht mehr."))
        try:
            orders.assign_product(found, product, actor=channel, now=now)
        except Refusal as refused:
            raise ShopRefuses(refused.sentence) from refused

    def reinstate(self, channel: str, external_id: str, *, now: datetime) -> None:
        """Let an order stand again whose cancellation the channel refused. Raises `ShopRefuses`."""
        order = Order.objects.of_id(self.merchant_id).filter(channel=channel, external_id=external_id).first()
        if order is None:
            raise ShopRefuses(_("Diese Bestellung gibt es im Shop nicht mehr."))
        orders.reinstate(order, actor=channel, now=now)

    def order_changes(self, channel: str, after: str, limit: int) -> ChangePage:
        """What the merchant did with the channel's orders, in the order it happened.

        Nothing is left out: events are written under the shop's lock, so a smaller id is never
        committed after a larger one.
        """
        events = list(
            OrderEvent.objects.of_id(self.merchant_id)
            .filter(channel=channel, kind__in=CHANGES, id__gt=int(after or 0))
            .order_by("id")
            .values_list("id", "kind", "at", "details", "order__external_id")[: limit + 1]
        )
        page = events[:limit]
        changes = [
            change
            for _id, kind, at, details, external_id in page
            if (change := _change(kind, at, details, external_id))
        ]
        cursor = str(page[-1][0]) if page else after
        return ChangePage(changes, cursor, more=len(events) > limit)

    def forget_people(self, channel: str, external_ids: Collection[str], *, now: datetime) -> int:
        """Blank the personal data of these orders."""
        known = Order.objects.of_id(self.merchant_id).filter(channel=channel, external_id__in=external_ids)
        ids = list(known.values_list("pk", flat=True))
        return people.forget_people(self.merchant_id, ids, actor=channel, now=now)

    def channel_fields_changed(self, channel: str, product_ids: Collection[str], *, now: datetime) -> None:
        """The box "Kanäle" is the channel's own: there is no second place to follow."""

    def own_orders(self, after: str, limit: int) -> OwnOrderPage:
        """Own orders to which something happened since `after`; see `order_changes` why none is left out."""
        events = list(
            OrderEvent.objects.of_id(self.merchant_id)
            .filter(channel__in=OWN_CHANNELS, kind__in=OWN_CHANGES, id__gt=int(after or 0))
            .order_by("id")
            .values_list("id", "order_id")[: limit + 1]
        )
        page = events[:limit]
        found = Order.objects.of_id(self.merchant_id).in_bulk({order_id for _id, order_id in page})
        lines = self._lines(found)
        # In the order in which something happened to them first.
        each = dict.fromkeys(order_id for _id, order_id in page)
        cursor = str(page[-1][0]) if page else after
        return OwnOrderPage(
            [_own_order(found[order_id], lines[order_id]) for order_id in each if order_id in found],
            cursor,
            more=len(events) > limit,
        )

    def own_orders_end(self) -> str:
        """The cursor behind everything that happened so far."""
        own = OrderEvent.objects.of_id(self.merchant_id).filter(channel__in=OWN_CHANNELS)
        return str(own.aggregate(last=Max("id"))["last"] or 0)

    def own_order(self, order_id: str) -> OwnOrder | None:
        """One own order as it stands now."""
        order = self._own(order_id)
        return _own_order(order, list(order.lines.all())) if order else None

    @transaction.atomic
    def hand_over(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> OwnOrder:
        """Give the open units of these lines to the fulfiller `by`. Raises `ShopRefuses`."""
        order = self._own_or_refuse(order_id)
        with _refusing():
            fulfilment.hand_over(order, _positions(line_ids), by=by, now=now)
        return _own_order(order, list(order.lines.all()))

    def take_back(self, order_id: str, line_ids: Collection[str], by: str, *, now: datetime) -> None:
        """What is still open of these lines is the merchant's again."""
        if order := self._own(order_id):
            fulfilment.take_back(order, _positions(line_ids), by=by, now=now)

    def record_parcel(self, order_id: str, parcel: FulfilledParcel, by: str, *, now: datetime) -> bool:
        """Write a fulfiller's parcel into the order and mail the customer. Raises `ShopRefuses`."""
        order = self._own_or_refuse(order_id)
        with _refusing():
            return fulfilment.record_parcel(order, parcel, by=by, now=now)

    @transaction.atomic
    def cancel_own_order(self, order_id: str, reason: str, by: str, *, now: datetime) -> None:
        """Cancel an own order whose fulfiller let go. Raises `ShopRefuses`."""
        order = self._own_or_refuse(order_id)
        stock.lock_shop(self.merchant_id)
        order.refresh_from_db()
        if order.status == Order.Status.CANCELLED:
            return
        with _refusing():
            orders.cancel(order, reason, actor=by, now=now, let_go=by)

    def _own(self, order_id: str) -> Order | None:
        mine = Order.objects.of_id(self.merchant_id).filter(channel__in=OWN_CHANNELS)
        return mine.filter(pk=int(order_id) if order_id.isdecimal() and len(order_id) < 19 else 0).first()

    def _own_or_refuse(self, order_id: str) -> Order:
        order = self._own(order_id)
        if order is None:
            raise ShopRefuses(_("Diese Bestellung gibt es im Shop nicht mehr."))
        return order

    def _lines(self, order_ids: Collection[int]) -> Mapping[int, list[OrderLine]]:
        lines: dict[int, list[OrderLine]] = {order_id: [] for order_id in order_ids}
        found = OrderLine.objects.of_id(self.merchant_id).filter(order_id__in=order_ids)
        for line in found.order_by("order_id", "position"):
            lines[line.order_id].append(line)
        return lines


_CHANNEL = "channel"  # who reserves: the port does not say which of the channels asks


@contextmanager
def _refusing() -> Iterator[None]:
    """The back office's refusals are the port's."""
    try:
        yield
    except Refusal as refused:
        raise ShopRefuses(refused.sentence) from refused


def _positions(line_ids: Collection[str]) -> set[int]:
    """A line is named by its position in the order. What no line can be called is no position: 0."""
    return {int(name) if name.isdecimal() and len(name) < 6 else 0 for name in line_ids}


def _own_order(order: Order, lines: Sequence[OrderLine]) -> OwnOrder:
    return OwnOrder(
        str(order.pk),
        str(order.number),
        order.placed_at,
        is_paid=order.payment_status == Order.Payment.PAID,
        is_cancelled=order.status == Order.Status.CANCELLED,
        shipping_method=order.service_level,
        address=people.people_of(order).shipping,
        lines=tuple(
            OwnLine(
                line_id=str(line.position),
                product_id=str(line.product_id) if line.product_id else None,
                code=line.code,
                title=line.title,
                quantity=line.quantity,
                open=open_units(line),
                unit_price=Money(line.unit_price, order.currency),
                fulfilled_by=line.fulfilled_by,
            )
            for line in lines
        ),
        locale=order.locale,
        is_packing=order.delivery_status == Order.Delivery.PACKING,
    )


def _change(kind: str, at: datetime, details: Mapping[str, Any], external_id: str) -> OrderChange | None:
    match kind:
        case Kind.PARCEL_SENT | Kind.TRACKING_CORRECTED:
            return _parcel_sent(details, external_id)
        case Kind.RETURNED:
            return OrderReturned(external_id, at)
    if details.get("by") != "merchant":
        return None  # the channel cancelled it: it knows
    return OrderCancelled(external_id, str(details["reason"]), at)


def _parcel_sent(details: Mapping[str, Any], external_id: str) -> ParcelSent:
    return ParcelSent(
        external_id,
        parcel=details["number"],
        tracking=Tracking(details["carrier"], details["tracking_number"]),
        sent_at=datetime.fromisoformat(details["sent_at"]),
        quantities=details["quantities"],
    )
