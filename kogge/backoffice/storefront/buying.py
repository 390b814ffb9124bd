"""Buying: a checkout becomes an order of the shop, exactly once, with its mail in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kogge.backoffice import by_hand, stock
from kogge.backoffice.mail import queue_confirmation_mail
from kogge.backoffice.models import Order
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.storefront import opening
from kogge.backoffice.storefront.cart import Cart
from kogge.backoffice.storefront.checkout import INVOICE, PREPAYMENT, Checkout
from kogge.backoffice.storefront.confirmation import confirmation
from kogge.backoffice.storefront.models import Purchase, Storefront
from kogge.backoffice.storefront.quoting import Quote, quote

CHANNEL = "shop"
ACTOR = "Online-Shop"
WINDOW = timedelta(hours=1)
ORDERS_PER_ADDRESS = 20  # in the window; an office behind one address orders less
# Stored in the order, in the words the merchant uses for orders entered by hand.
PAYMENT_METHODS = {PREPAYMENT: "Vorkasse", INVOICE: "Rechnung"}


class Changed(Refusal):
    """What would be ordered is not what the buyer saw: show it again."""


class TooManyOrders(Refusal):
    """From this network address came too many orders within an hour."""


@dataclass(frozen=True, slots=True, repr=False)
class Click:
    """A click on the button that buys: the checkout's token, what was shown, where the click comes from."""

    token: str
    seen: str
    address: str


def buy(storefront: Storefront, cart: Cart, click: Click, *, now: datetime) -> Order:
    """Place the order of a cart, or answer the one that this checkout became already.

    Raises `Changed` when cart, prices or stock are no longer what the buyer saw, `TooManyOrders`, `Refusal`.
    """
    with transaction.atomic():
        stock.lock_shop(storefront.merchant_id)
        if before := _placed_before(storefront, click.token):
            return before
        _count(storefront, click, now)
        typed, wanted = _agreed(storefront, cart, click)
        order = _place(storefront, typed, wanted, now)
        Purchase.objects.everyone().create(
            merchant_id=storefront.merchant_id,
            token=click.token,
            order=order,
            at=now,
            address=fingerprint(click.address),
        )
        queue_confirmation_mail(order, confirmation(storefront, order, typed, wanted), now)
    return order


def fingerprint(address: str) -> str:
    """A network address as a purchase remembers it: recognised again, never read."""
    return salted_hmac("kogge.storefront.address", address, algorithm="sha256").hexdigest()[:32]


def quoted(storefront: Storefront, cart: Cart) -> tuple[Checkout | None, Quote | None, list[str]]:
    """The checkout as it stands: what was typed, what it costs, and what changed in the cart meanwhile."""
    typed = cart.checkout
    lines, told = cart.look()
    options = {option.pk: option for option in opening.options_of(storefront.merchant)}
    option = options.get(typed.shipping_option) if typed else None
    is_possible = typed and typed.payment in payments(storefront) and typed.country in countries(storefront)
    if not (lines and option and is_possible):
        return None, None, told
    return typed, quote(lines, option), told


def payments(storefront: Storefront) -> list[str]:
    """The ways to pay that the storefront takes."""
    taken = {PREPAYMENT: storefront.takes_prepayment, INVOICE: storefront.takes_invoice}
    return [payment for payment, is_taken in taken.items() if is_taken]


def countries(storefront: Storefront) -> list[str]:
    """Where the storefront delivers."""
    return [country for country in opening.COUNTRIES if country in storefront.countries.split(",")]


def _placed_before(storefront: Storefront, token: str) -> Order | None:
    purchase = Purchase.objects.of(storefront.merchant).filter(token=token).select_related("order").first()
    return purchase.order if purchase else None


def _count(storefront: Storefront, click: Click, now: datetime) -> None:
    mine = Purchase.objects.of(storefront.merchant)
    mine.filter(address__gt="", at__lte=now - WINDOW).update(address="")
    if mine.filter(address=fingerprint(click.address)).count() >= ORDERS_PER_ADDRESS:
        raise TooManyOrders(_("Von hier kamen gerade sehr viele Bestellungen. Versuch es in einer Stunde."))


def _agreed(storefront: Storefront, cart: Cart, click: Click) -> tuple[Checkout, Quote]:
    """What was typed and what it costs, if the buyer saw exactly that. Raises `Changed`."""
    typed, wanted, told = quoted(storefront, cart)
    if told or not (typed and wanted) or click.seen != wanted.digest(typed):
        raise Changed(
            " ".join(told) or _("Dein Warenkorb hat sich geändert. Bitte prüfe die Bestellung noch einmal.")
        )
    return typed, wanted


def _place(storefront: Storefront, typed: Checkout, wanted: Quote, now: datetime) -> Order:
    """Raises `Changed` when a warehouse does not ship what it seemed to have."""
    try:
        return by_hand.create_by_hand(storefront.merchant, _manual(typed, wanted), actor=ACTOR, now=now)
    except by_hand.TooFew as short:
        [title] = [line.article.title for line in wanted.lines if line.article.product.pk == short.product_id]
        raise Changed(
            _("Von %(title)s ist nicht mehr genug da. Bitte bestelle weniger davon.") % {"title": title}
        ) from short


def _manual(typed: Checkout, wanted: Quote) -> by_hand.ManualOrder:
    return by_hand.ManualOrder(
        lines=tuple(
            by_hand.ManualLine(
                line.units, line.article.product.code, line.article.title, line.article.price.amount
            )
            for line in wanted.lines
        ),
        buyer_name=typed.name,
        email=typed.email,
        company=typed.company,
        address=typed.address,
        shipping=wanted.shipping,
        shipping_method=wanted.option.title,
        payment_method=PAYMENT_METHODS[typed.payment],
        locale=get_language() or "de",
        channel=CHANNEL,
    )
