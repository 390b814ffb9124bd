"""What a cart costs: goods, sending, the VAT within; and when it arrives. The order has the same sums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from kogge.backoffice.by_hand import tax_within
from kogge.backoffice.storefront.assortment import CURRENCY, Article
from kogge.backoffice.storefront.cart import CartLine
from kogge.backoffice.storefront.checkout import Checkout
from kogge.backoffice.storefront.models import ShippingOption
from kogge.values import Money


@dataclass(frozen=True, slots=True)
class Quote:
    """A cart with its sums. The first line carries the sending, as it does in the order."""

    lines: Sequence[CartLine]
    option: ShippingOption

    @property
    def goods(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal())

    @property
    def shipping(self) -> Decimal:
        return shipping_costs(self.option, self.goods)

    @property
    def total(self) -> Decimal:
        return self.goods + self.shipping

    @property
    def taxes(self) -> Mapping[Decimal, Decimal]:
        """The VAT within the total by its rate."""
        found: dict[Decimal, Decimal] = {}
        for position, line in enumerate(self.lines):
            rate = line.article.product.vat_rate
            gross = line.total + (self.shipping if position == 0 else Decimal())
            found[rate] = found.get(rate, Decimal()) + tax_within(Money(gross, CURRENCY), rate).amount
        return dict(sorted(found.items(), reverse=True))

    @property
    def days(self) -> int:
        """Working days until everything arrived."""
        return max(line.article.product.lead_time_days for line in self.lines) + self.option.extra_days

    def digest(self, typed: Checkout) -> str:
        """What the buyer saw, as a fingerprint: what they order must be the same."""
        goods = [
            (line.article.product.pk, line.article.title, line.units, str(line.total)) for line in self.lines
        ]
        seen = (goods, self.option.title, str(self.shipping), self.days, typed)
        return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()


def quote(lines: Sequence[CartLine], option: ShippingOption) -> Quote:
    """The most valuable line comes first: the sending is taxed as what most of the money is for."""
    return Quote(sorted(lines, key=lambda line: -line.total), option)


def shipping_costs(option: ShippingOption, goods: Decimal) -> Decimal:
    """What an option costs for goods of this value."""
    is_free = option.free_from is not None and goods >= option.free_from
    return Decimal("0.00") if is_free else option.price


def delivery_days(articles: Sequence[Article], options: Sequence[ShippingOption]) -> tuple[int, int]:
    """Working days until one of these articles arrives: at best, and at worst."""
    lead_times = [article.product.lead_time_days for article in articles]
    extra = [option.extra_days for option in options] or [0]
    return min(lead_times) + min(extra), max(lead_times) + max(extra)
