"""Taking an order the remote shop took itself into the copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from kogge.backoffice import orders, placing
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.stock import lock_shop
from kogge.remote import stock
from kogge.remote.counting import count
from kogge.remote.models import RemoteLineLink, RemoteOrderLink, RemoteProductLink, RemoteShop
from kogge.remote.telling import tell_shipper
from kogge.remote.words import SYSTEM, word
from kogge.shops.port import NewLine, NewOrder, ShopRefuses
from kogge.shops.remote import RemoteLine, RemoteOrder, Standing
from kogge.values import Money

CHANNEL = "shop"


def adopt(shop: RemoteShop, remote: RemoteOrder, *, actor: str, now: datetime) -> RemoteOrderLink:
    """Place it in the copy as an own order, inside a transaction. Raises `ShopRefuses`.

    The shop has counted its stock already, the copy counts it now; how that is evened out says `stock`.
    """
    counter = lock_shop(shop.merchant_id)
    new = _new_order(remote, _products(shop, remote))
    if reason := placing.refusal(new):
        raise ShopRefuses(reason)
    [order] = placing.insert(counter, [new], paid=remote.is_paid, actor=actor, now=now)
    link = RemoteOrderLink.objects.everyone().create(
        merchant_id=shop.merchant_id,
        order=order,
        remote_id=remote.order_id,
        number=remote.number[:40],
        written_at=now,
        taken_at=now,
        is_cancelled=remote.standing == Standing.CANCELLED,
    )
    RemoteLineLink.objects.everyone().bulk_create(
        RemoteLineLink(link=link, line=line, remote_id=item.line_id)
        for line, item in zip(order.lines.all(), remote.lines, strict=True)
    )
    count(shop, link, remote, is_own=True, now=now)
    if any(line.fulfilled_by for line in order.lines.all()):
        tell_shipper(order, now=now)
    return link


def release(shop: RemoteShop, remote: RemoteOrder, *, by: RemoteOrderLink, now: datetime) -> None:
    """Let go of an order that was taken for the shop's own and is the one of `by`. The copy is locked.

    Raises `Refusal` where a channel ships it already, or where it is another channel's order.
    """
    links = RemoteOrderLink.objects.of_id(shop.merchant_id).filter(remote_id=remote.order_id)
    wrong = links.exclude(pk=by.pk).select_related("order").first()
    if wrong is None:
        return
    if not wrong.order.is_own:
        raise Refusal(
            _("Im Shop steht unter dieser Nummer schon eine andere Bestellung eines Verkaufskanals.")
        )
    orders.cancel(wrong.order, "other", actor=word(SYSTEM, shop.system), now=now)
    wrong.lines.update(taken=0)
    links.filter(pk=wrong.pk).update(remote_id="", is_cancelled=True, is_settled=True, taken_at=now)
    stock.square(shop.merchant_id, [wrong.order_id], now=now)


def is_wanted(shop: RemoteShop, remote: RemoteOrder) -> bool:
    """What was over before the connection is history and stays over there."""
    is_open = remote.standing in {Standing.OPEN, Standing.IN_PROGRESS}
    return remote.is_own and bool(remote.lines) and (is_open or remote.placed_at >= shop.connected_at)


def _products(shop: RemoteShop, remote: RemoteOrder) -> Mapping[str, str]:
    ids = {line.product_id for line in remote.lines if line.product_id}
    links = RemoteProductLink.objects.of_id(shop.merchant_id).filter(remote_id__in=ids)
    return {key: str(product_id) for key, product_id in links.values_list("remote_id", "product_id")}


def _new_order(remote: RemoteOrder, products: Mapping[str, str]) -> NewOrder:
    zero = Money.zero(remote.currency)
    lines = [_new_line(remote, item, products) for item in remote.lines]
    missing = remote.total - Money.sum([line.total for line in lines], remote.currency)
    # What belongs to no line: the delivery, the cost of paying, a voucher.
    shipping = remote.shipping if remote.shipping.amount <= missing.amount else zero
    rest = missing - shipping
    first = lines[0]
    lines[0] = _with(first, shipping=shipping, rest=rest)
    return NewOrder(
        channel=CHANNEL,
        external_id=remote.number or remote.order_id,
        placed_at=remote.placed_at,
        origin="",
        payment_method=remote.payment_method,
        total=remote.total,
        lines=tuple(lines),
        rounding=zero,
        buyer_name=remote.buyer_name,
        email=remote.email,
        shipping_address=remote.address,
        locale=remote.locale or "de",
        service_level=remote.shipping_method,
        notify_buyer=False,  # the shop does that itself
        note=remote.note,
    )


def _new_line(remote: RemoteOrder, item: RemoteLine, products: Mapping[str, str]) -> NewLine:
    zero = Money.zero(remote.currency)
    is_over = item.is_cancelled or remote.standing == Standing.CANCELLED
    # What has left is gone before a channel could be asked to ship it.
    is_gone = not is_over and (item.is_sent or remote.standing in {Standing.CLOSED, Standing.RETURNED})
    return NewLine(
        external_id="",
        code=item.code,
        title=item.title or item.code,
        quantity=item.quantity,
        unit_price=item.unit_price,
        goods=item.total,
        shipping=zero,
        gift_wrap=zero,
        other=zero,
        discount=zero,
        tax=zero,
        total=item.total,
        product_id=products.get(item.product_id),
        shipped=item.quantity if is_gone else 0,
        cancelled=item.quantity if is_over else 0,
    )


def _with(line: NewLine, *, shipping: Money, rest: Money) -> NewLine:
    zero = Money.zero(shipping.currency)
    is_less = rest.amount < 0
    return replace(
        line,
        shipping=shipping,
        other=zero if is_less else rest,
        discount=rest if is_less else zero,
        total=line.total + shipping + rest,
    )
