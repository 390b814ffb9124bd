"""How a shop order that Amazon ships stands, in plain words: states, parcels, findings of the address."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.journal.words import FULFILLMENT_REASON, FULFILLMENT_STATUS, PACKAGE_STATUS, Words, word

State = FulfillmentOrder.State
Wish = FulfillmentOrder.Wish

# Each state as a badge: tone and icon. The word is the state's own.
LOOKS: Mapping[str, tuple[str, str]] = {
    State.PLANNED: ("blue", "clock"),
    State.SENDING: ("blue", "send"),
    State.HANDED: ("blue", "package"),
    State.DONE: ("green", "truck-delivery"),
    State.PARTIAL: ("amber", "truck"),
    State.CANCELLED: ("gray", "circle-x"),
    State.RETURNED: ("red", "arrow-back-up"),
    State.STOPPED: ("gray", "player-pause"),
}

# The way of a parcel as tone and icon.
_PACKAGE_LOOKS: Mapping[str, tuple[str, str]] = {
    "PROCESSING": ("gray", "package"),
    "IN_TRANSIT": ("blue", "truck"),
    "DELAYED": ("amber", "clock"),
    "OUT_FOR_DELIVERY": ("blue", "truck-delivery"),
    "AVAILABLE_FOR_PICKUP": ("blue", "map-pin"),
    "DELIVERED": ("green", "circle-check"),
    "UNDELIVERABLE": ("red", "alert-triangle"),
    "RETURNING": ("amber", "truck-return"),
    "RETURNED": ("red", "truck-return"),
    "CUSTOMER_ACTION": ("amber", "user"),
    "DELIVERY_ATTEMPTED": ("amber", "clock"),
    "EXPIRED": ("gray", "eye-off"),
    "UNKNOWN": ("gray", "help-circle"),
}

# What Amazon asks for a shipment; other names of fees stay as Amazon spells them.
FEES: Words = {
    "FBAPerUnitFulfillmentFee": gettext_lazy("Versandgebühr je Stück"),
    "FBAPerOrderFulfillmentFee": gettext_lazy("Versandgebühr je Bestellung"),
    "FBATransportationFee": gettext_lazy("Transportgebühr"),
    "MCFTransportationFee": gettext_lazy("Transportgebühr"),
    "FBAFulfillmentCODFee": gettext_lazy("Nachnahmegebühr"),
}

# What stands out in an address (fba/addresses.py); no sentence names what is in it.
FINDINGS: Words = {
    "no_name": gettext_lazy("Der Name des Empfängers fehlt."),
    "no_street": gettext_lazy("Die Straße fehlt."),
    "no_postal_code": gettext_lazy("Die Postleitzahl fehlt."),
    "no_city": gettext_lazy("Der Ort fehlt."),
    "no_country": gettext_lazy("Das Land fehlt."),
    "postal_code": gettext_lazy("Die Postleitzahl kann in diesem Land nicht stimmen."),
    "name_long": gettext_lazy("Der Name ist länger als 50 Zeichen. Mehr nimmt Amazon nicht an."),
    "line1_long": gettext_lazy(
        "Die erste Adresszeile ist länger als 180 Zeichen. Mehr nimmt Amazon nicht an."
    ),
    "line2_long": gettext_lazy(
        "Die zweite Adresszeile ist länger als 60 Zeichen. Mehr nimmt Amazon nicht an."
    ),
    "line3_long": gettext_lazy(
        "Die dritte Adresszeile ist länger als 60 Zeichen. Mehr nimmt Amazon nicht an."
    ),
    "city_long": gettext_lazy("Der Ort ist länger als 50 Zeichen. Mehr nimmt Amazon nicht an."),
    "postal_code_long": gettext_lazy(
        "Die Postleitzahl ist länger als 20 Zeichen. Mehr nimmt Amazon nicht an."
    ),
    "phone_long": gettext_lazy("Die Telefonnummer ist länger als 20 Zeichen. Mehr nimmt Amazon nicht an."),
    "pickup_point": gettext_lazy("Packstation oder Abholstelle: Amazon beliefert sie oft nicht."),
    "po_box": gettext_lazy("Postfach: Amazon beliefert es oft nicht."),
    "no_house_number": gettext_lazy("Die Hausnummer scheint zu fehlen."),
    "no_phone": gettext_lazy("Ohne Telefonnummer kann der Zusteller nicht nachfragen."),
}


def package_badge(status: str) -> tuple[str, str, str]:
    """Tone, icon and word of a parcel's way; as long as nobody said, it has left."""
    if not status:
        return ("blue", "truck", _("versendet"))
    tone, icon = _PACKAGE_LOOKS.get(status, ("amber", "help-circle"))
    return (tone, icon, word(PACKAGE_STATUS, status))


def reason(order: FulfillmentOrder) -> str:
    """Why the order is where it is, to stand after a colon; Amazon's own sentence where it has no word."""
    message = order.details.get("message")
    if order.reason == "other" and message:
        return str(message)
    return word(FULFILLMENT_REASON, order.reason)


def status(order: FulfillmentOrder) -> str:
    """How far Amazon says it is; empty as long as it said nothing."""
    return word(FULFILLMENT_STATUS, order.amazon_status)


def consequence(wish: str) -> str | Promise:
    """What becomes of the order once Amazon has cancelled."""
    return {
        Wish.SHIP_SELF: gettext_lazy("Die Positionen sind dann wieder bei dir, und du versendest sie."),
        Wish.CANCEL_ORDER: gettext_lazy("Die Bestellung wird auch im Shop storniert."),
        Wish.RESEND: gettext_lazy(
            "Kogge übergibt die Bestellung danach noch einmal, mit neuer Nummer und neuer Bedenkzeit."
        ),
    }[Wish(wish)]


def finding(key: str) -> str:
    """What is the matter with an address, in a sentence that names no person."""
    return word(FINDINGS, key)
