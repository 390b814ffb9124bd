"""Orders the shop takes itself: by telephone, by mail, from a file, in its storefront."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.backoffice import placing, stock
from kogge.backoffice.channels import Pool, pools_of
from kogge.backoffice.models import Order, Product
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from kogge.shops.port import NewLine, NewOrder
from kogge.values import Address, InvalidValue, Money

CHANNEL = "manual"
FREE_LINE_VAT = Decimal(19)  # per cent; products know their own


class TooFew(Refusal):
    """Of a product there is less than is wanted, and it may not be oversold."""

    def __init__(self, sentence: str, product_id: int) -> None:
        super().__init__(sentence)
        self.product_id = product_id


@dataclass(frozen=True, slots=True)
class ManualLine:
    """A line by article number, or a free line with title and price. `unit_price` is gross."""

    quantity: int
    code: str = ""
    title: str = ""
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ManualOrder:
    """An order as the merchant enters it. `shipping` is what the buyer pays for the delivery, gross.

    `shipping_method` is the shop's word for how it is sent, "Express". `channel` is one of `OWN_CHANNELS`.
    """

    lines: tuple[ManualLine, ...]
    buyer_name: str = ""
    email: str = ""
    company: str = ""
    address: Address = field(default_factory=Address)
    paid: bool = False
    shipping: Decimal = Decimal(0)
    shipping_method: str = ""
    currency: str = "EUR"
    payment_method: str = ""
    locale: str = "de"
    notify_buyer: bool = True
    note: str = ""
    channel: str = CHANNEL


@transaction.atomic
def create_by_hand(merchant: Merchant, manual: ManualOrder, *, actor: str, now: datetime) -> Order:
    """Place an order that came over no channel. Raises `Refusal`; it is `TooFew` where stock is short."""
    counter = stock.lock_shop(merchant.pk)
    products = _products(merchant, manual)
    try:
        new = _new_order(manual, products, now)
    except InvalidValue as wrong:
        raise Refusal(_("Ein Betrag ist zu groß oder hat mehr als zwei Nachkommastellen.")) from wrong
    if reason := placing.refusal(new):
        raise Refusal(reason)
    refuse_what_is_not_there(merchant, new, products)
    [order] = placing.insert(counter, [new], paid=manual.paid, actor=actor, now=now)
    return order


def refuse_what_is_not_there(merchant: Merchant, new: NewOrder, products: Mapping[str, Product]) -> None:
    """Unless the merchant lets a product be oversold, only what is there is sold.

    It may lie in a channel's warehouse, if the shop may sell that; one place must have all that is wanted.
    """
    wanted = Counter[str]()
    for line in new.lines:
        wanted[line.code] += line.quantity
    missing = {
        product.pk: product
        for product in products.values()
        if wanted[product.code] > product.available and not product.may_oversell
    }
    if not missing:
        return
    pools = pools_of(merchant.pk, missing)
    shipped_elsewhere = placing.shippers(merchant.pk, new, {product.pk for product in products.values()})
    for pk, product in missing.items():
        pool = pools.get(pk)
        if pk not in shipped_elsewhere or not (pool and pool.counts):
            raise TooFew(_too_few(product, wanted[product.code], pool), pk)


def _too_few(product: Product, wanted: int, pool: Pool | None) -> str:
    there = str(product.available)
    if pool and pool.units is not None:
        there = f"{there} ({pool.title}: {pool.units})"
    return _(
        "Von {title} ({code}) willst du {wanted} Stück verkaufen. Verfügbar: {available}. "
        "Korrigiere den Warenbestand oder lass beim Produkt „Überverkauf“ zu."
    ).format(title=product.title[:60], code=product.code, wanted=wanted, available=there)


def _products(merchant: Merchant, manual: ManualOrder) -> Mapping[str, Product]:
    codes = {line.code for line in manual.lines if line.code}
    return {product.code: product for product in Product.objects.of(merchant).filter(code__in=codes)}


def _new_order(manual: ManualOrder, products: Mapping[str, Product], now: datetime) -> NewOrder:
    if not manual.lines:
        raise Refusal(_("Eine Bestellung braucht mindestens eine Position."))
    if len(manual.currency) != 3 or not (manual.currency.isascii() and manual.currency.isupper()):
        raise Refusal(
            _("Die Währung {currency} ist kein Kürzel wie EUR.").format(currency=manual.currency[:20])
        )
    lines = [
        _new_line(position, line, products, manual) for position, line in enumerate(manual.lines, start=1)
    ]
    return NewOrder(
        channel=manual.channel,
        external_id="",
        placed_at=now,
        origin="",
        payment_method=manual.payment_method,
        total=Money.sum([line.total for line in lines], manual.currency),
        lines=tuple(lines),
        rounding=Money.zero(manual.currency),
        buyer_name=manual.buyer_name,
        email=manual.email,
        company=manual.company,
        shipping_address=manual.address,
        service_level=manual.shipping_method,
        locale=manual.locale,
        notify_buyer=manual.notify_buyer,
        note=manual.note,
    )


def _new_line(
    position: int, line: ManualLine, products: Mapping[str, Product], manual: ManualOrder
) -> NewLine:
    product = products.get(line.code)
    title, price = _title_and_price(position, line, product, manual.currency)
    if line.quantity < 1:
        raise Refusal(
            _("Position {position}: {quantity} ist keine Stückzahl.").format(
                position=position, quantity=line.quantity
            )
        )
    nothing = Money.zero(manual.currency)
    # The delivery is paid once for the order; the first line carries it, so that lines add up to the total.
    shipping = Money.parse(str(manual.shipping), manual.currency) if position == 1 else nothing
    if shipping.amount < 0:
        raise Refusal(_("Versandkosten können nicht negativ sein."))
    goods = price.times(line.quantity)
    total = goods + shipping
    return NewLine(
        external_id="",
        code=line.code,
        title=title,
        quantity=line.quantity,
        unit_price=price,
        goods=goods,
        shipping=shipping,
        gift_wrap=nothing,
        other=nothing,
        discount=nothing,
        tax=tax_within(total, product.vat_rate if product else FREE_LINE_VAT),
        total=total,
        product_id=str(product.pk) if product else None,
    )


def _title_and_price(
    position: int, line: ManualLine, product: Product | None, currency: str
) -> tuple[str, Money]:
    if line.code and product is None and not line.title:
        raise Refusal(
            _("Position {position}: Ein Produkt mit der Artikelnummer {code} gibt es nicht.").format(
                position=position, code=line.code
            )
        )
    title = line.title or (product.title if product else "")
    if not title:
        raise Refusal(
            _("Position {position}: Gib eine Artikelnummer oder einen Titel an.").format(position=position)
        )
    if line.unit_price is not None:
        return title, Money.parse(str(line.unit_price), currency)
    if product is None:
        raise Refusal(_("Position {position}: Gib einen Preis an.").format(position=position))
    if product.currency != currency:
        raise Refusal(
            _("Position {position}: Der Preis steht in {other}, die Bestellung in {currency}.").format(
                position=position, other=product.currency, currency=currency
            )
        )
    return title, Money(product.price, currency)


def tax_within(gross: Money, rate: Decimal) -> Money:
    """The tax inside a gross amount; `rate` in per cent with two decimals."""
    hundredths = int(rate * 100)
    return gross.share(hundredths, 10_000 + hundredths)
