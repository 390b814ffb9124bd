"""How the shop's carriers are spelled at Amazon; the spelling decides whether tracking counts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import WrongSetting
from kogge.amazon.connections.models import CarrierCode
from kogge.values import plain_text

OTHER = "Other"
LIMIT = 80

# The shop's name -> Amazon's code (names of the old XSD; no API returns the valid list).
DEFAULTS: dict[str, str] = {
    "DHL": "DHL",
    "Deutsche Post": "Deutsche Post",
    "Hermes": "Hermes Logistik Gruppe",
    "DPD": "DPD",
    "GLS": "GLS",
    "UPS": "UPS",
    "FedEx": "FedEx",
}

# What Amazon is known to accept, to choose from.
AMAZON_CODES = (
    "DHL",
    "Deutsche Post",
    "DPD",
    "GLS",
    "Hermes Logistik Gruppe",
    "UPS",
    "FedEx",
    "TNT",
    "GO!",
    "Chronopost",
    "La Poste",
    "Royal Mail",
    "Yodel",
    "SDA",
    "Poste Italiane",
    OTHER,
)


@dataclass(frozen=True, slots=True)
class AmazonCarrier:
    """What `confirmShipment` is told: `name` only with the code "Other"."""

    code: str
    name: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of the table: a carrier of the shop and its spelling at Amazon. Empty code: "Other" + name."""

    shop_carrier: str
    carrier_code: str
    shipping_method: str = ""


def carrier_at_amazon(merchant_id: int, shop_carrier: str) -> AmazonCarrier:
    """The carrier in Amazon's words; one that is not mapped is "Other" with the shop's name for it."""
    found = _find(merchant_id, shop_carrier)
    if found is None or found.carrier_code in ("", OTHER):
        method = found.shipping_method or None if found else None
        return AmazonCarrier(OTHER, _clean(shop_carrier) or OTHER, method)
    return AmazonCarrier(found.carrier_code, method=found.shipping_method or None)


def is_mapped(merchant_id: int, shop_carrier: str) -> bool:
    """Whether Amazon will know the carrier; if not, the tracking does not count for the merchant."""
    found = _find(merchant_id, shop_carrier)
    return found is not None and found.carrier_code not in ("", OTHER)


def table(merchant_id: int) -> list[Mapping]:
    """The merchant's table: the defaults, as far as not edited, and what was added."""
    stored = {_key(row.shop_carrier): row for row in CarrierCode.objects.of_id(merchant_id)}
    lines = {_key(name): Mapping(name, code) for name, code in DEFAULTS.items()}
    for key, row in stored.items():
        lines[key] = Mapping(row.shop_carrier, row.carrier_code, row.shipping_method)
    return sorted(lines.values(), key=lambda line: line.shop_carrier.casefold())


def save(merchant_id: int, mapping: Mapping) -> None:
    """Edit one line of the table, or add it. Upper and lower case are one. Raises `WrongSetting`."""
    name = _clean(mapping.shop_carrier)
    if not name:
        raise WrongSetting("shop_carrier", _("Der Name des Versenders fehlt."))
    with transaction.atomic():
        rows = CarrierCode.objects.of_id(merchant_id).filter(shop_carrier__iexact=name)
        rows.exclude(shop_carrier=name).delete()
        CarrierCode.objects.everyone().update_or_create(
            merchant_id=merchant_id,
            shop_carrier=name,
            defaults={
                "carrier_code": _clean(mapping.carrier_code),
                "shipping_method": _clean(mapping.shipping_method),
            },
        )


def remove(merchant_id: int, shop_carrier: str) -> None:
    """Take a line out of the table; a default returns to its pre-filled spelling."""
    CarrierCode.objects.of_id(merchant_id).filter(shop_carrier__iexact=_clean(shop_carrier)).delete()


def _find(merchant_id: int, shop_carrier: str) -> Mapping | None:
    key = _key(shop_carrier)
    return next((line for line in table(merchant_id) if _key(line.shop_carrier) == key), None)


def _key(name: str) -> str:
    return _clean(name).casefold()


def _clean(text: str) -> str:
    return plain_text(" ".join(text.split()), LIMIT)
