"""What Amazon said it would do with an order, as people read it. Nothing of it is promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.fba.previewing import ForeseenFee, ForeseenObstacle, foresight_of
from kogge.amazon.fba.words import FEES
from kogge.amazon.journal.words import FULFILLMENT_REASON, word
from kogge.backoffice.templatetags.shop_tags import day
from kogge.formats.money import money


@dataclass(frozen=True, slots=True)
class Fee:
    """A part of the costs; `amount` is empty when Amazon's figure is not money to the cent."""

    name: str
    amount: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A preview: fees and their sum, the days it leaves and arrives, and what stands in the way."""

    fees: Sequence[Fee]
    total: str
    leaves: str
    arrives: str
    obstacles: Sequence[str]
    parcels: int


def foreseen(order: FulfillmentOrder) -> Foreseen | None:
    """The order's preview; None until Amazon was asked."""
    told = foresight_of(order)
    if told is None:
        return None
    return Foreseen(
        fees=[_fee(fee) for fee in told.fees],
        total=_amount(told.total, told.currency),
        leaves=_span(told.leaves_from, told.leaves_to),
        arrives=_span(told.arrives_from, told.arrives_to),
        obstacles=list(dict.fromkeys(map(_obstacle, told.obstacles))),
        parcels=told.parcels,
    )


def _fee(fee: ForeseenFee) -> Fee:
    return Fee(word(FEES, fee.name), _amount(fee.amount, fee.currency))


def _amount(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else str(money(amount, currency))


def _obstacle(obstacle: ForeseenObstacle) -> str:
    reason = obstacle.message if obstacle.reason == "other" else ""
    text = reason or word(FULFILLMENT_REASON, obstacle.reason)
    return f"{text} ({obstacle.sku})" if obstacle.sku else text


def _span(earliest: datetime | None, latest: datetime | None) -> str:
    """One day, or from one to another; empty while Amazon named none."""
    first, last = earliest or latest, latest or earliest
    if first is None or last is None:
        return ""
    if timezone.localdate(first) == timezone.localdate(last):
        return day(last)
    return _("%(first)s bis %(last)s") % {"first": day(first), "last": day(last)}
