"""Codes about a remote shop in plain words. A code without a word here stays visible as it is."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.shops.remote import Reason

Words = Mapping[str, str | Promise]

BY_MERCHANT = "by_merchant"
CUT = "cut"

SYSTEM: Words = {"versacommerce": "VersaCommerce"}

# Why a shop is paused: a `Reason`, or the merchant's own wish.
PAUSED_BECAUSE: Words = {
    BY_MERCHANT: _("von dir angehalten"),
    CUT: _("von dir getrennt"),
    Reason.KEY_REFUSED: _("der Shop nimmt Schlüssel und Passwort nicht mehr an"),
    Reason.NOT_UNLOCKED: _("VersaCommerce hat das Schreiben von Bestellungen noch nicht freigeschaltet"),
    Reason.NO_SHOP: _("unter der Adresse antwortet kein Shop"),
}

# What to do about it.
WHAT_TO_DO: Words = {
    BY_MERCHANT: _("Setze die Verbindung fort, wenn du so weit bist."),
    CUT: _("Verbinde den Shop neu."),
    Reason.KEY_REFUSED: _(
        "Entweder wurde die App im Shop entfernt, oder Schlüssel oder Secret haben sich geändert. "
        "Erneuere den Zugang."
    ),
    Reason.NOT_UNLOCKED: _("Bitte den Support von VersaCommerce darum."),
    Reason.NO_SHOP: _("Prüfe, ob der Shop umgezogen ist, und erneuere den Zugang mit der neuen Adresse."),
}


# Why a product of the shop is not, or not as it stands there, in the copy.
PRODUCT_TROUBLE: Words = {
    "long_code": _("%(product)s: Die Artikelnummer ist länger als 80 Zeichen."),
    "no_price": _("%(product)s: Der Preis ist nicht zu lesen."),
    "double_code": _("%(product)s: Diese Artikelnummer haben im Shop zwei Produkte."),
    "wrong_gtin": _("%(product)s: Die GTIN im Shop stimmt nicht, Kogge lässt sie weg."),
}


def word(words: Words, code: str) -> str:
    """The code in plain words."""
    return str(words.get(code, code))
