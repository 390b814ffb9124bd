"""Which of Amazon's speeds a shipping method of the shop means: the merchant's table, pre-filled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import ShippingSpeed
from kogge.amazon.journal.book import close_troubles
from kogge.values import plain_text

Speed = ShippingSpeed.Speed

LIMIT = 40

# The shop's method -> Amazon's speed.
DEFAULTS: dict[str, str] = {"Standardversand": Speed.STANDARD}

_EXPRESS = re.compile(r"express|eil|overnight|next ?day", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of the table."""

    shop_method: str
    speed: str


def speed_of(merchant_id: int, shop_method: str) -> str | None:
    """The speed a shipping method means; None for one that is not in the table.

    An order that names no method at all goes at the standard speed.
    """
    return speed_in(table(merchant_id), shop_method)


def speed_in(lines: Sequence[Mapping], shop_method: str) -> str | None:
    """`speed_of` in a table that was read already."""
    wanted = _key(shop_method)
    if not wanted:
        return Speed.STANDARD.value
    return next((line.speed for line in lines if _key(line.shop_method) == wanted), None)


def suggestion(shop_method: str) -> str:
    """What a method that is not in the table probably means; the merchant decides."""
    return Speed.EXPEDITED.value if _EXPRESS.search(shop_method) else Speed.STANDARD.value


def table(merchant_id: int) -> list[Mapping]:
    """The merchant's table: the defaults, as far as not edited, and what was added."""
    lines = {_key(method): Mapping(method, str(speed)) for method, speed in DEFAULTS.items()}
    for row in ShippingSpeed.objects.of_id(merchant_id):
        lines[_key(row.shop_method)] = Mapping(row.shop_method, row.speed)
    return sorted(lines.values(), key=lambda line: line.shop_method.casefold())


def save(merchant_id: int, mapping: Mapping, *, now: datetime) -> None:
    """Edit one line of the table, or add it. Upper and lower case are one. Raises `WrongSetting`."""
    method = _clean(mapping.shop_method)
    if not method:
        raise WrongSetting("shop_method", _("Der Name der Versandart fehlt."))
    if mapping.speed not in Speed.values:
        raise WrongSetting("speed", _("Wähle eine Geschwindigkeit von Amazon."))
    with transaction.atomic():
        _rows(merchant_id, method).exclude(shop_method=method).delete()
        ShippingSpeed.objects.everyone().update_or_create(
            merchant_id=merchant_id, shop_method=method, defaults={"speed": mapping.speed}
        )
        for connection_id in Connection.objects.of_id(merchant_id).values_list("pk", flat=True):
            close_troubles(connection_id, [unknown_key(method)], now=now)


def remove(merchant_id: int, shop_method: str) -> None:
    """Take a line out of the table; a default returns to its pre-filled speed."""
    _rows(merchant_id, _clean(shop_method)).delete()


def unknown_key(shop_method: str) -> str:
    """The key of the trouble that a shipping method is not in the table."""
    return f"unknown_shipping_method:{_key(shop_method)}"


def _rows(merchant_id: int, method: str) -> QuerySet[ShippingSpeed]:
    """SQLite compares only ASCII letters in either case, so the comparing is done here."""
    rows = ShippingSpeed.objects.of_id(merchant_id)
    same = [row.pk for row in rows if _key(row.shop_method) == _key(method)]
    return rows.filter(pk__in=same)


def _key(method: str) -> str:
    return _clean(method).casefold()


def _clean(method: str) -> str:
    return plain_text(" ".join(method.split()), LIMIT)
