"""Amazon's and our own codes in plain words. A code without a word here stays visible as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from django.utils import formats, timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, str | Promise]

_MONEY = re.compile(r"(-?\d+\.\d\d) ([A-Z]{3})")
_TIME = re.compile(r"\d{4}-\d\d-\d\d")

# Amazon's fulfilment statuses of Orders 2026-01-01.
STATUS: Words = {
    "PENDING_AVAILABILITY": _("vorbestellt, noch nicht lieferbar"),
    "PENDING": _("Zahlung noch nicht freigegeben"),
    "UNSHIPPED": _("noch nicht versendet"),
    "PARTIALLY_SHIPPED": _("teilweise versendet"),
    "SHIPPED": _("versendet"),
    "CANCELLED": _("storniert"),
    "UNFULFILLABLE": _("nicht lieferbar"),
}

CANCELLED_BY: Words = {
    "buyer": _("Käufer"),
    "BUYER": _("Käufer"),
    "merchant": _("dich"),
    "MERCHANT": _("dich"),
    "SELLER": _("dich"),
    "channel": _("Amazon"),
    "AMAZON": _("Amazon"),
}

# Why a connection is paused: a word of the Amazon client, or the merchant's own wish.
PAUSE_REASON: Words = {
    "by_merchant": _("von dir angehalten"),
    "channel_off": _("der Verkaufskanal ist deaktiviert"),
    "disconnected": _("von dir getrennt"),
    "invalid_client": _("Client-ID oder Client Secret stimmen nicht mehr"),
    "invalid_grant": _("der Refresh-Token ist abgelaufen oder widerrufen"),
    "unauthorized_client": _("deine Amazon-App darf diesen Zugang nicht nutzen"),
    "access_denied": _("deiner Amazon-App fehlt eine Berechtigung (Rolle)"),
    "unauthorized": _("Amazon verweigert den Zugriff trotz neuer Anmeldung"),
    "wrong_region": _("das Verkäuferkonto gehört zu einer anderen Region"),
    "lwa_refused": _("Login with Amazon lehnt die Anmeldung ab"),
}

# The contract's reasons to cancel.
CANCEL_REASON: Words = {
    "no_inventory": _("nicht mehr vorrätig"),
    "buyer_cancelled": _("Käufer hat storniert"),
    "address_undeliverable": _("Adresse nicht belieferbar"),
    "customer_exchange": _("Umtausch"),
    "other": _("anderer Grund"),
}

PROGRAMMES: Words = {
    "AMAZON_BAZAAR": "Amazon Bazaar",
    "AMAZON_BUSINESS": _("Amazon Business"),
    "AMAZON_EASY_SHIP": "Amazon Easy Ship",
    "AMAZON_HAUL": "Amazon Haul",
    "DELIVERY_BY_AMAZON": _("Zustellung durch Amazon"),
    "FBM_SHIP_PLUS": "FBM Ship+",
    "INVOICE_BY_AMAZON": _("Rechnung durch Amazon"),
    "IN_STORE_PICK_UP": _("Abholung im Laden"),
    "PREMIUM": _("Premium-Versand"),
    "PREORDER": _("Vorbestellung"),
    "PRIME": _("Prime"),
}

SERVICE_LEVEL: Words = {
    "STANDARD": _("Standard"),
    "EXPEDITED": _("Express"),
    "FREE_ECONOMY": _("Economy, kostenlos"),
    "NEXT_DAY": _("nächster Tag"),
    "PRIORITY": _("Priority"),
    "SAME_DAY": _("am selben Tag"),
    "SECOND_DAY": _("zweiter Tag"),
    "SCHEDULED": _("zum Wunschtermin"),
}

# How far Amazon is with a shop order it ships: the words of kogge/spapi/fulfillment_orders.py.
FULFILLMENT_STATUS: Words = {
    "NEW": _("neu bei Amazon"),
    "RECEIVED": _("bei Amazon eingegangen"),
    "PLANNING": _("wird bei Amazon eingeplant"),
    "PROCESSING": _("wird im Amazon-Lager bearbeitet"),
    "COMPLETE": _("vollständig versendet"),
    "COMPLETE_PARTIAL": _("teilweise versendet, der Rest kommt nicht"),
    "CANCELLED": _("storniert"),
    "UNFULFILLABLE": _("nicht lieferbar"),
    "INVALID": _("von Amazon für ungültig erklärt"),
}

# The way of a parcel, of both versions of the API.
PACKAGE_STATUS: Words = {
    "PROCESSING": _("wird gepackt"),
    "IN_TRANSIT": _("unterwegs"),
    "DELAYED": _("verspätet unterwegs"),
    "OUT_FOR_DELIVERY": _("wird heute zugestellt"),
    "AVAILABLE_FOR_PICKUP": _("liegt zur Abholung bereit"),
    "DELIVERED": _("zugestellt"),
    "UNDELIVERABLE": _("nicht zustellbar"),
    "RETURNING": _("auf dem Rückweg"),
    "RETURNED": _("zurück bei Amazon"),
    "CUSTOMER_ACTION": _("der Kunde muss etwas tun"),
    "DELIVERY_ATTEMPTED": _("Zustellung vergeblich versucht"),
    "EXPIRED": _("wird nicht mehr verfolgt"),
    "UNKNOWN": _("Stand unbekannt"),
}

# Why Amazon does not ship a shop order, or not all of it.
FULFILLMENT_REASON: Words = {
    "no_stock": _("zu wenig Bestand im Amazon-Lager"),
    "address": _("die Lieferadresse passt für Amazon nicht"),
    "speed": _("diese Geschwindigkeit bietet Amazon hier nicht an"),
    "unknown_sku": _("Amazon kennt die FBA-SKU nicht"),
    "packaging": _("neutrale Verpackung ist für diese Ware nicht möglich"),
    "too_late": _("Amazon packt schon"),
    "too_many": _("mehr, als Amazon in einem Auftrag annimmt"),
    "other": _("anderer Grund"),
    "by_merchant": _("von dir angehalten"),
    "edited": _("die Bestellung wurde geändert"),
    "cancelled": _("die Bestellung wurde storniert"),
    "shipped": _("du versendest sie selbst"),
    "not_paid": _("die Bestellung ist nicht mehr bezahlt"),
    "fba_off": _("der Haken „FBA“ wurde beim Produkt entfernt"),
    "disconnected": _("die Verbindung zu Amazon ist getrennt"),
    "unfulfillable": _("Amazon kann nicht liefern"),
    "invalid": _("Amazon hat den Auftrag für ungültig erklärt"),
    "partial": _("Amazon liefert nur einen Teil"),
    "cancelled_by_amazon": _("Amazon hat den Auftrag storniert"),
    "id_taken": _("Amazon kennt unter dieser Nummer schon einen anderen Auftrag"),
    "unclear": _("Amazon sagt nicht, was versendet wurde"),
}

# Who leads a value of the offers: the words of `offers.models.Agreement.Leader`.
LEADER: Words = {"kogge": "Kogge", "amazon": "Amazon"}

# Amazon's operations, as people call them.
OPERATION: Words = {
    "searchOrders": _("Bestellungen suchen"),
    "getOrder": _("Bestellung ansehen"),
    "confirmShipment": _("Versand melden"),
    "createFeedDocument": _("Feed vorbereiten"),
    "createFeed": _("Feed übergeben"),
    "getFeeds": _("Feeds suchen"),
    "getFeed": _("Feed abfragen"),
    "getFeedDocument": _("Feed-Bericht lesen"),
    "getMarketplaceParticipations": _("Marktplätze abfragen"),
    "getListingsItem": _("Angebot ansehen"),
    "searchListingsItems": _("Angebote suchen"),
    "patchListingsItem": _("Angebot ändern"),
    "putListingsItem": _("Angebot anlegen"),
    "getListingsRestrictions": _("Verkaufsbeschränkungen prüfen"),
    "searchCatalogItems": _("Katalog durchsuchen"),
    "getCatalogItem": _("Katalogeintrag ansehen"),
    "getInventorySummaries": _("Bestand im Amazon-Lager lesen"),
    "getFulfillmentPreview": _("Versand durch Amazon vorab berechnen"),
    "outboundGetOrderPreview": _("Versand durch Amazon vorab berechnen"),
    "createFulfillmentOrder": _("Bestellung zum Versand übergeben"),
    "outboundCreateOrder": _("Bestellung zum Versand übergeben"),
    "getFulfillmentOrder": _("Versandauftrag ansehen"),
    "outboundGetOrder": _("Versandauftrag ansehen"),
    "listAllFulfillmentOrders": _("Versandaufträge suchen"),
    "outboundListOrders": _("Versandaufträge suchen"),
    "cancelFulfillmentOrder": _("Versandauftrag stornieren"),
    "outboundCancelOrder": _("Versandauftrag stornieren"),
    "getPackageTrackingDetails": _("Sendung verfolgen"),
    "createDestination": _("Warteschlange anmelden"),
    "getDestinations": _("Warteschlangen ansehen"),
    "deleteDestination": _("Warteschlange abmelden"),
    "createSubscription": _("Benachrichtigung bestellen"),
    "getSubscription": _("Benachrichtigung ansehen"),
    "deleteSubscriptionById": _("Benachrichtigung abbestellen"),
}

# How the Amazon client words its errors (kogge/spapi/errors.py), which knows no languages.
_ERRORS: tuple[tuple[re.Pattern[str], str | Promise], ...] = (
    (
        re.compile(r"(?P<operation>\w+) has to wait: the quota is used up.*", re.DOTALL),
        _("„%(operation)s“ wartet: Das Kontingent bei Amazon ist für den Augenblick verbraucht."),
    ),
    (
        re.compile(r"(?P<operation>\w+) may or may not have taken effect: (?P<rest>.*)", re.DOTALL),
        _("Ob „%(operation)s“ bei Amazon angekommen ist, ist ungewiss: %(rest)s"),
    ),
    (
        re.compile(r"Amazon refused (?P<operation>\w+): (?P<rest>.*)", re.DOTALL),
        _("Amazon lehnt „%(operation)s“ ab: %(rest)s"),
    ),
    (
        re.compile(
            r"Amazon does not accept the connection at \w+ \((?P<reason>\w+)\)(?P<rest>.*)", re.DOTALL
        ),
        _("Amazon nimmt die Verbindung nicht an: %(reason)s%(rest)s"),
    ),
    (
        re.compile(r"(?P<operation>\w+) failed: Amazon could not be reached(?P<rest>.*)", re.DOTALL),
        _("„%(operation)s“ ist gescheitert: Amazon ist nicht erreichbar%(rest)s"),
    ),
    (
        re.compile(r"(?P<operation>\w+) failed: (?P<rest>.*)", re.DOTALL),
        _("„%(operation)s“ ist gescheitert: %(rest)s"),
    ),
)

# Which table tells the values of a detail of this name.
_BY_NAME: Mapping[str, tuple[Words, ...]] = {
    "status": (STATUS, FULFILLMENT_STATUS, PACKAGE_STATUS),
    "operation": (OPERATION,),
    "by": (CANCELLED_BY,),
    "cancelled_by": (CANCELLED_BY,),
    "reason": (PAUSE_REASON, CANCEL_REASON, FULFILLMENT_REASON),
    "quantity": (LEADER,),
    "lead_time": (LEADER,),
    "price": (LEADER,),
}


def in_words(name: str, value: object) -> str:
    """The value of the detail `name` as people read it: codes as words, dates in their own format."""
    text = _joined(value)
    for words in _BY_NAME.get(name, ()):
        if text in words:
            return str(words[text])
    if name == "reason":
        return error_in_words(text)
    if money := _MONEY.fullmatch(text):
        return f"{formats.number_format(money[1], 2, force_grouping=True)} {money[2]}"
    return _as_time(text) if _TIME.match(text) else text


def error_in_words(text: str) -> str:
    """An error of the Amazon client in the reader's language; Amazon's own words in it stay as they are."""
    for pattern, sentence in _ERRORS:
        if found := pattern.fullmatch(text):
            return str(sentence) % {name: in_words(name, part) for name, part in found.groupdict().items()}
    return text


def word(words: Words, code: str) -> str:
    """The word for a code; an unknown code is its own word."""
    return str(words.get(code, code))


def _joined(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)


def _as_time(text: str) -> str:
    try:
        moment: datetime | date | None = parse_datetime(text) if len(text) > 10 else parse_date(text)
    except ValueError:
        return text
    if isinstance(moment, datetime):
        local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
        return str(formats.date_format(local, "DATETIME_FORMAT"))
    return str(formats.date_format(moment, "DATE_FORMAT")) if moment else text
