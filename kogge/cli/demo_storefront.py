"""The demo's storefront: open, with two ways of sending that Amazon knows, and sample texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from kogge.merchants.models import Merchant

STANDARD, EXPRESS = "Standardversand", "Expressversand"

_IMPRINT = """{name}
Musterstraße 1
20095 Hamburg

E-Mail: demo@kogge.example
Vertreten durch: Anna Muster

Dies ist ein Beispiel. Hier wird nichts wirklich verkauft."""
_PRIVACY = """Dies ist ein Beispiel.

Wir speichern deinen Namen, deine Anschrift und deine E-Mail-Adresse, um deine Bestellung zu liefern. \
Der Warenkorb liegt in deiner Sitzung und vergeht mit ihr."""
_WITHDRAWAL = """Dies ist ein Beispiel.

Du kannst deine Bestellung binnen vierzehn Tagen ohne Angabe von Gründen widerrufen. Die Frist beginnt, \
wenn du die Ware bekommen hast. Schreib uns dazu eine E-Mail an demo@kogge.example."""
_TERMS = """Dies ist ein Beispiel.

Der Vertrag kommt mit unserer Bestellbestätigung zustande. \
Bis zur Bezahlung bleibt die Ware unser Eigentum."""
_BANK_ACCOUNT = """{name}
IBAN DE02 1203 0000 0000 2020 51
Beispielbank"""


def open_storefront(merchant: Merchant, *, now: datetime) -> str:
    """Open it; its path. Needs Django to be set up."""
    from django.urls import reverse

    from kogge.amazon.fba import speeds
    from kogge.amazon.fba.models import ShippingSpeed
    from kogge.backoffice.storefront import opening
    from kogge.backoffice.storefront.models import ShippingOption, Storefront

    for position, (title, price, free_from, days) in enumerate(
        [(STANDARD, "4.90", Decimal("49.00"), 2), (EXPRESS, "9.90", None, 1)]
    ):
        ShippingOption.objects.everyone().create(
            merchant=merchant,
            title=title,
            price=Decimal(price),
            free_from=free_from,
            extra_days=days,
            position=position,
        )
    speeds.save(merchant.pk, speeds.Mapping(EXPRESS, ShippingSpeed.Speed.EXPEDITED), now=now)
    opening.save(
        Storefront(
            merchant=merchant,
            is_open=True,
            imprint=_IMPRINT.format(name=merchant.name),
            privacy=_PRIVACY,
            withdrawal=_WITHDRAWAL,
            terms=_TERMS,
            bank_account=_BANK_ACCOUNT.format(name=merchant.name),
            takes_invoice=True,
            countries="DE,AT",
        )
    )
    return reverse("storefront", args=[merchant.slug])
