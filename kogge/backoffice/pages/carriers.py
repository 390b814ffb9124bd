"""Carrier names to choose from: the usual ones, and those the merchant used lately."""

from __future__ import annotations

from kogge.backoffice.carriers import TRACKING_PAGES
from kogge.backoffice.models import Parcel
from kogge.merchants.models import Merchant

LOOKED_BACK = 100  # parcels


def suggestions(merchant: Merchant) -> list[str]:
    """Carrier names, the merchant's latest first, each once."""
    sent = Parcel.objects.of(merchant).exclude(carrier="").order_by("-id")
    latest = sent.values_list("carrier", flat=True)[:LOOKED_BACK]
    return list(dict.fromkeys([*latest, *TRACKING_PAGES]))


def last_used(merchant: Merchant) -> str:
    """The carrier of the latest parcel: the best guess for the next one."""
    sent = Parcel.objects.of(merchant).exclude(carrier="").order_by("-id")
    return sent.values_list("carrier", flat=True).first() or ""
