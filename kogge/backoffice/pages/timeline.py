"""What happened to an order, shop and channel together, in plain sentences, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice.channels import CHANNELS, channel_of
from kogge.backoffice.models import Mail, Order, OrderEvent
from kogge.backoffice.orders import CANCEL_REASONS

Details = Mapping[str, Any]


@dataclass(frozen=True)
class Happening:
    """A line of the timeline."""

    at: datetime
    sentence: str
    icon: str
    tone: str
    actor: str = ""


def timeline_of(order: Order) -> list[Happening]:
    """Everything that happened to an order. Two queries, and those of the channels concerned."""
    told = [_happening(event) for event in order.events.order_by("id")]
    own = channel_of(order)
    # Of the shop's own orders every channel may have something to tell: it may have shipped them.
    for channel in [own] if own else CHANNELS.values():
        told += [
            Happening(entry.at, entry.sentence, entry.icon, entry.tone) for entry in channel.timeline(order)
        ]
    # Reversed before sorting: of two things at the same moment the later one is told first.
    told.reverse()
    return sorted(told, key=lambda happening: happening.at, reverse=True)


def _happening(event: OrderEvent) -> Happening:
    icon, tone, sentence = _TOLD[event.kind]
    actor = _actor(event.actor)
    return Happening(event.at, sentence({**event.details, "actor": actor}), icon, tone, actor)


def _actor(actor: str) -> str:
    channel = CHANNELS.get(actor)
    return channel.title if channel else actor


def _placed(_details: Details) -> str:
    return _("Die Bestellung ist eingegangen.")


def _paid(_details: Details) -> str:
    return _("Als bezahlt gekennzeichnet.")


def _packing(_details: Details) -> str:
    return _("Die Sendung wird gepackt.")


def _packing_reset(_details: Details) -> str:
    return _("Der Packstatus wurde zurückgesetzt.")


def _parcel_sent(details: Details) -> str:
    told = [_sent(details)]
    for position, units in details.get("uncounted", {}).items():
        more = ngettext(
            "Von Position %(position)s ist %(units)s Stück mehr darin, als offen war.",
            "Von Position %(position)s sind %(units)s Stück mehr darin, als offen waren.",
            units,
        )
        told.append(more % {"position": position, "units": units})
    return " ".join(told)


def _sent(details: Details) -> str:
    if not details.get("carrier"):
        return _("Sendung %(number)s versendet, noch ohne Trackingnummer.") % _parcel(details)
    if details.get("tracking_number"):
        return _(
            "Sendung %(number)s mit %(carrier)s versendet, Trackingnummer %(tracking_number)s."
        ) % _parcel(details)
    return _("Sendung %(number)s mit %(carrier)s versendet, ohne Trackingnummer.") % _parcel(details)


def _tracking_corrected(details: Details) -> str:
    return _("Trackingdaten von Sendung %(number)s korrigiert: %(carrier)s %(tracking_number)s.") % _parcel(
        details
    )


def _parcel(details: Details) -> Details:
    return {name: details.get(name, "") for name in ("number", "carrier", "tracking_number")}


def _cancelled(details: Details) -> str:
    if details.get("by") == "buyer":
        return _("Der Käufer hat die Bestellung storniert.")
    if details.get("by") not in {"merchant", "", None}:
        return _("Der Verkaufskanal hat die Bestellung storniert.")
    reason = details.get("reason", "")
    return _("Storniert. Grund: %(reason)s.") % {"reason": CANCEL_REASONS.get(reason, reason)}


def _reinstated(_details: Details) -> str:
    return _("Der Verkaufskanal hat die Stornierung nicht ausgeführt: Die Bestellung gilt wieder.")


def _returned(details: Details) -> str:
    units = sum(details.get("quantities", {}).values())
    came = ngettext("Retoure erfasst: %(units)s Stück.", "Retoure erfasst: %(units)s Stück.", units) % {
        "units": units
    }
    stored = _("Wieder eingelagert.") if details.get("restock") else _("Nicht wieder eingelagert.")
    return f"{came} {stored}"


def _mail_sent(details: Details) -> str:
    if details.get("mail") == Mail.Kind.CONFIRMATION:
        return _("Die Bestellbestätigung ging per E-Mail an den Käufer.")
    return _("Die Versandbestätigung ging per E-Mail an den Käufer.")


def _mail_failed(details: Details) -> str:
    told = _("Die Versandbestätigung konnte nicht gesendet werden.")
    if details.get("mail") == Mail.Kind.CONFIRMATION:
        told = _("Die Bestellbestätigung konnte nicht gesendet werden.")
    return f"{told} ({details['reason']})" if details.get("reason") else told


def _product_assigned(details: Details) -> str:
    return _("Position %(position)s: Produkt %(code)s zugeordnet.") % {
        "position": details.get("position", ""),
        "code": details.get("code", ""),
    }


def _people_forgotten(_details: Details) -> str:
    return _("Name, Adresse und E-Mail-Adresse des Käufers wurden gelöscht.")


def _handed_over(details: Details) -> str:
    positions = details.get("positions", [])
    told = ngettext(
        "%(channel)s versendet Position %(positions)s.",
        "%(channel)s versendet die Positionen %(positions)s.",
        len(positions),
    )
    return told % {"channel": details["actor"], "positions": ", ".join(map(str, positions))}


def _taken_back(details: Details) -> str:
    positions = details.get("positions", [])
    told = ngettext(
        "Position %(positions)s versendest du wieder selbst.",
        "Die Positionen %(positions)s versendest du wieder selbst.",
        len(positions),
    )
    return told % {"positions": ", ".join(map(str, positions))}


def _changed(details: Details) -> str:
    parts = details.get("parts", [])
    told = [_PARTS[part]() for part in parts if part in _PARTS]
    for position, units in details.get("quantities", {}).items():
        told.append(
            ngettext(
                "Position %(position)s hat jetzt %(units)s Stück.",
                "Position %(position)s hat jetzt %(units)s Stück.",
                units,
            )
            % {"position": position, "units": units}
        )
    return " ".join(told) or _("Die Bestellung wurde geändert.")


def _changed_by_channel(details: Details) -> str:
    """One sentence a change; a change without a sentence is at least said to have happened."""
    told = [
        sentence for name, tell in _CHANGES.items() if name in details and (sentence := tell(details[name]))
    ]
    return " ".join(told) or _("Der Verkaufskanal hat die Bestellung geändert.")


def _moment(text: object) -> str:
    at = parse_datetime(str(text))
    return date_format(localtime(at), "DATETIME_FORMAT") if at else str(text)


def _address(what: object) -> str:
    return (
        _("Die Lieferadresse ist eingetroffen.")
        if what == "arrived"
        else _("Die Lieferadresse hat sich geändert.")
    )


_PARTS: Mapping[str, Callable[[], str]] = {
    "address": lambda: _("Die Lieferadresse wurde geändert."),
    "shipping_method": lambda: _("Die Versandart wurde geändert."),
    "payment": lambda: _("Die Zahlung wurde erstattet."),
}

_CHANGES: Mapping[str, Callable[[Any], str]] = {
    "ship_by": lambda at: _("Neuer Versandtermin: bis %(at)s.") % {"at": _moment(at)},
    "deliver_by": lambda at: _("Neuer Liefertermin: bis %(at)s.") % {"at": _moment(at)},
    "address": _address,
    "buyer": lambda _what: _("Die Angaben zum Käufer haben sich geändert."),
    "shipped": lambda _units: _("Der Verkaufskanal meldet versendete Stück."),
    "cancelled": lambda _units: _("Der Verkaufskanal hat Stück storniert."),
}

Kind = OrderEvent.Kind
_TOLD: Mapping[str, tuple[str, str, Callable[[Details], str]]] = {
    Kind.PLACED: ("shopping-cart", "blue", _placed),
    Kind.PAID: ("cash", "green", _paid),
    Kind.PACKING: ("package", "amber", _packing),
    Kind.PACKING_RESET: ("arrow-back-up", "gray", _packing_reset),
    Kind.PARCEL_SENT: ("truck-delivery", "green", _parcel_sent),
    Kind.TRACKING_CORRECTED: ("pencil", "gray", _tracking_corrected),
    Kind.CANCELLED: ("ban", "red", _cancelled),
    Kind.REINSTATED: ("arrow-back-up", "amber", _reinstated),
    Kind.RETURNED: ("truck-return", "violet", _returned),
    Kind.MAIL_SENT: ("mail", "green", _mail_sent),
    Kind.MAIL_FAILED: ("mail-x", "red", _mail_failed),
    Kind.CHANGED_BY_CHANNEL: ("refresh", "gray", _changed_by_channel),
    Kind.PRODUCT_ASSIGNED: ("link", "gray", _product_assigned),
    Kind.PEOPLE_FORGOTTEN: ("eraser", "gray", _people_forgotten),
    Kind.CHANGED: ("pencil", "gray", _changed),
    Kind.HANDED_OVER: ("truck", "violet", _handed_over),
    Kind.TAKEN_BACK: ("arrow-back-up", "amber", _taken_back),
}
