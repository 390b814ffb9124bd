"""Every kind of journal entry and of trouble as a plain sentence, told to the merchant.

A kind that has no sentence here is shown by its own name with all its details: nothing is dropped.
Each sentence lists the details it needs as `%(name)s`; when one is missing, the shorter form is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kogge.amazon.journal.words import in_words

Text = str | Promise

GREEN, YELLOW, RED, BLUE, GRAY = "green", "yellow", "red", "blue", "gray"

Words = TypeVar("Words")

_BLANK = re.compile(r"%\((\w+)\)s")


class Button(StrEnum):
    """What a merchant can press at a trouble."""

    RETRY = "retry"
    ASSIGN = "assign"
    AMAZON = "amazon"
    SETTINGS = "settings"
    CARRIERS = "carriers"
    CANCEL = "cancel"
    OFFERS = "offers"
    PRICES = "prices"
    ORDER = "order"
    RESEND = "resend"
    SHIP_SELF = "ship_self"
    SPEEDS = "speeds"
    SHELF = "shelf"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Telling:
    """How a kind of journal entry is told. `short` is told when a detail of `text` is missing."""

    text: Text
    icon: str
    tone: str
    short: Text = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a kind of trouble asks for: what is the matter, what to do, and the buttons for it."""

    text: Text
    advice: Text
    buttons: tuple[Button, ...]
    tone: str = YELLOW
    short: Text = ""
    one: Text = ""  # the sentence where the detail "count" is 1


@dataclass(frozen=True, slots=True)
class Told:
    """A finished sentence in the reader's language."""

    sentence: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A finished trouble in the reader's language."""

    sentence: str
    advice: str
    buttons: tuple[Button, ...]
    tone: str


def tell(kind: str, details: Mapping[str, object]) -> Told:
    """The sentence of a journal entry; an unknown kind tells its name and details.

    A detail "case", or else "reason", chooses the words "kind:case" where there are any.
    """
    telling = _chosen(JOURNAL, kind, details)
    if telling is None:
        return Told(_unknown(kind, details), "help-circle", YELLOW)
    return Told(_filled(telling.text, telling.short, details), telling.icon, telling.tone)


def ask(kind: str, details: Mapping[str, object]) -> Asked:
    """The sentence, advice and buttons of a trouble; an unknown kind can be marked as done.

    A detail "case", or else "reason", chooses the words "kind:case" where there are any.
    """
    request = _chosen(TROUBLES, kind, details)
    if request is None:
        advice = gettext("Sieh dir die Bestellung an und kennzeichne die Aufgabe danach als erledigt.")
        return Asked(_unknown(kind, details), advice, (Button.DONE,), YELLOW)
    text = request.one if request.one and details.get("count") == 1 else request.text
    sentence = _filled(text, request.short, details)
    return Asked(sentence, str(request.advice), request.buttons, request.tone)


def _chosen(table: Mapping[str, Words], kind: str, details: Mapping[str, object]) -> Words | None:
    return table.get(f"{kind}:{details.get('case') or details.get('reason')}") or table.get(kind)


def _filled(text: Text, short: Text, details: Mapping[str, object]) -> str:
    sentence = str(text)
    blanks = _BLANK.findall(sentence)
    present = {name: in_words(name, details[name]) for name in blanks if details.get(name) not in (None, "")}
    if len(present) < len(set(blanks)) and short:
        return _filled(short, "", details)
    return sentence % {name: present.get(name, "–") for name in blanks} if blanks else sentence


def _unknown(kind: str, details: Mapping[str, object]) -> str:
    listed = ", ".join(f"{name}: {in_words(name, value)}" for name, value in details.items())
    return f"{kind} ({listed})" if listed else kind


JOURNAL: dict[str, Telling] = {
    "seen": Telling(
        _("Bei Amazon gefunden. Zustand dort: %(status)s."), "eye", GRAY, short=_("Bei Amazon gefunden.")
    ),
    "reserved": Telling(_("Warenbestand reserviert, bis Amazon die Zahlung freigibt."), "lock", GRAY),
    "released": Telling(_("Reservierung des Warenbestands aufgehoben."), "unlink", GRAY),
    "imported": Telling(
        _("Als Bestellung %(number)s in den Shop übernommen."),
        "download",
        GREEN,
        short=_("In den Shop übernommen."),
    ),
    "updated": Telling(
        _("Amazon hat die Bestellung geändert. Zustand dort: %(status)s."),
        "refresh",
        GRAY,
        short=_("Amazon hat die Bestellung geändert."),
    ),
    "address_arrived": Telling(_("Amazon hat die Lieferadresse übermittelt."), "map-pin", BLUE),
    "acknowledge_queued": Telling(_("Die Eingangsbestätigung an Amazon ist vorgemerkt."), "clock", GRAY),
    "acknowledged": Telling(_("Amazon hat die Eingangsbestätigung angenommen."), "check", GREEN),
    "acknowledge_rejected": Telling(
        _("Amazon hat die Eingangsbestätigung abgelehnt: %(reason)s"),
        "alert-triangle",
        YELLOW,
        short=_("Amazon hat die Eingangsbestätigung abgelehnt."),
    ),
    "shipment_queued": Telling(
        _("Sendung %(parcel)s (%(carrier)s %(tracking_number)s) wird Amazon gemeldet."),
        "clock",
        GRAY,
        short=_("Der Versand wird Amazon gemeldet."),
    ),
    "shipment_confirmed": Telling(
        _("Amazon hat den Versand von Sendung %(parcel)s bestätigt."),
        "truck-delivery",
        GREEN,
        short=_("Amazon hat den Versand bestätigt."),
    ),
    "shipment_rejected": Telling(
        _("Amazon hat die Meldung von Sendung %(parcel)s abgelehnt: %(reason)s"),
        "alert-triangle",
        RED,
        short=_("Amazon hat die Versandmeldung abgelehnt."),
    ),
    "shipment_waits": Telling(
        _("Die Meldung von Sendung %(parcel)s wartet: %(reason)s"),
        "clock",
        YELLOW,
        short=_("Die Versandmeldung an Amazon wartet."),
    ),
    "cancel_queued": Telling(
        _("Stornierung vorgemerkt, sie geht gleich an Amazon. Grund: %(reason)s."),
        "clock",
        YELLOW,
        short=_("Stornierung vorgemerkt, sie geht gleich an Amazon."),
    ),
    "cancel_sent": Telling(_("Stornierung an Amazon übergeben, die Antwort steht noch aus."), "send", YELLOW),
    "cancel_confirmed": Telling(_("Amazon zeigt die Bestellung als storniert."), "circle-x", GREEN),
    "cancel_rejected": Telling(
        _("Amazon hat die Stornierung abgelehnt: %(reason)s"),
        "alert-triangle",
        RED,
        short=_("Amazon hat die Stornierung abgelehnt."),
    ),
    "cancelled_at_amazon": Telling(
        _("Bei Amazon storniert durch: %(by)s."), "circle-x", RED, short=_("Bei Amazon storniert.")
    ),
    "cancel_requested": Telling(_("Der Käufer bittet um Stornierung."), "question-mark", YELLOW),
    "shipped_at_amazon": Telling(_("Bei Amazon als versendet gekennzeichnet."), "truck-delivery", BLUE),
    "purged": Telling(_("Personenbezogene Daten fristgerecht gelöscht."), "eraser", GRAY),
    "feed_stuck": Telling(
        _("Amazon verarbeitet den Feed %(feed_id)s ungewöhnlich lange."),
        "alert-triangle",
        YELLOW,
        short=_("Amazon verarbeitet einen Feed ungewöhnlich lange."),
    ),
    "paused": Telling(
        _("Amazon-Verbindung angehalten: %(reason)s."),
        "player-pause",
        RED,
        short=_("Amazon-Verbindung angehalten."),
    ),
    "resumed": Telling(_("Amazon-Verbindung läuft wieder."), "player-play", GREEN),
    "connected": Telling(
        _("Mit Amazon verbunden: %(store_name)s."), "plug-connected", GREEN, short=_("Mit Amazon verbunden.")
    ),
    "offer_wanted": Telling(
        _("Das Angebot %(sku)s soll bei Amazon angelegt werden."),
        "plus",
        BLUE,
        short=_("Ein Angebot soll bei Amazon angelegt werden."),
    ),
    "offer_created": Telling(
        _("Amazon hat das neue Angebot %(sku)s angenommen."),
        "circle-check",
        GREEN,
        short=_("Amazon hat ein neues Angebot angenommen."),
    ),
    "offers_agreed": Telling(
        _("Festgelegt, wer führt: Warenbestand %(quantity)s, Lieferzeit %(lead_time)s, Preis %(price)s."),
        "checklist",
        BLUE,
        short=_("Festgelegt, wer Warenbestand, Lieferzeit und Preis führt."),
    ),
    "offer_price_confirmed": Telling(
        _("Preis %(price)s bestätigt von %(by)s."), "cash", BLUE, short=_("Ein Preis ist bestätigt.")
    ),
    "fulfillment_planned": Telling(
        _("Versand durch Amazon vorgemerkt. Kogge übergibt die Bestellung am %(hand_over_at)s."),
        "clock",
        BLUE,
        short=_("Versand durch Amazon vorgemerkt."),
    ),
    "fulfillment_previewed": Telling(_("Amazon hat Versand und Gebühren vorab berechnet."), "cash", GRAY),
    "fulfillment_stopped": Telling(
        _("Versand durch Amazon angehalten, bevor die Bestellung übergeben war: %(reason)s."),
        "player-pause",
        YELLOW,
        short=_("Versand durch Amazon angehalten, bevor die Bestellung übergeben war."),
    ),
    "fulfillment_sent": Telling(_("Die Bestellung wird Amazon zum Versand übergeben."), "send", BLUE),
    "fulfillment_accepted": Telling(_("Amazon hat die Bestellung zum Versand angenommen."), "check", GREEN),
    "fulfillment_status": Telling(
        _("Versand durch Amazon: %(status)s."),
        "package",
        BLUE,
        short=_("Beim Versand durch Amazon geht es weiter."),
    ),
    "fulfillment_parcel": Telling(
        _("Amazon hat ein Paket versendet: %(carrier)s %(tracking_number)s."),
        "truck-delivery",
        GREEN,
        short=_("Amazon hat ein Paket versendet."),
    ),
    "fulfillment_returned": Telling(
        _("Was Amazon nicht versendet, ist wieder bei dir: %(reason)s."),
        "arrow-back-up",
        RED,
        short=_("Was Amazon nicht versendet, ist wieder bei dir."),
    ),
    "fulfillment_returned:no_stock": Telling(
        _("Im Amazon-Lager liegt nicht genug: Was Amazon nicht versendet, ist wieder bei dir."),
        "arrow-back-up",
        YELLOW,
    ),
    "fulfillment_returned:other": Telling(
        _("Was Amazon nicht versendet, ist wieder bei dir. Amazon schreibt: %(message)s."),
        "arrow-back-up",
        RED,
        short=_("Was Amazon nicht versendet, ist wieder bei dir."),
    ),
    "fulfillment_cancel_asked": Telling(
        _("Amazon wird gebeten, den Versandauftrag zu stornieren."), "circle-x", YELLOW
    ),
    "fulfillment_cancelled": Telling(_("Amazon hat den Versandauftrag storniert."), "circle-x", GREEN),
    "fulfillment_cancel_refused": Telling(
        _("Amazon storniert den Versandauftrag nicht mehr: %(reason)s."),
        "alert-triangle",
        RED,
        short=_("Amazon storniert den Versandauftrag nicht mehr."),
    ),
    "fulfillment_refused": Telling(
        _("Amazon hat den Versandauftrag abgelehnt: %(reason)s."),
        "alert-triangle",
        RED,
        short=_("Amazon hat den Versandauftrag abgelehnt."),
    ),
    "fulfillment_refused:other": Telling(
        _("Amazon hat den Versandauftrag abgelehnt. Amazon schreibt: %(message)s."),
        "alert-triangle",
        RED,
        short=_("Amazon hat den Versandauftrag abgelehnt."),
    ),
}

_AT_AMAZON_TOO = (Button.AMAZON, Button.DONE)

TROUBLES: dict[str, Request] = {
    "assign_product": Request(
        _("Zu „%(title)s“ (SKU %(sku)s) wurde kein Produkt im Shop gefunden."),
        _(
            "Ordne das Produkt zu, damit der Warenbestand stimmt. "
            "Künftige Bestellungen derselben SKU finden es dann von selbst."
        ),
        (Button.ASSIGN, Button.AMAZON, Button.DONE),
        short=_("Zu einer Position der Bestellung wurde kein Produkt im Shop gefunden."),
    ),
    "unreadable_order": Request(
        _("Eine Bestellung von Amazon konnte nicht gelesen werden: %(reason)s"),
        _("Sieh sie bei Amazon an. Nach einem Update von Kogge kannst du es noch einmal versuchen."),
        (Button.RETRY, Button.AMAZON),
        RED,
        short=_("Eine Bestellung von Amazon konnte nicht gelesen werden."),
    ),
    "refused_by_shop": Request(
        _("Der Shop hat die Bestellung nicht angenommen: %(reason)s"),
        _("Behebe die Ursache im Shop und versuche es dann noch einmal."),
        (Button.RETRY, Button.AMAZON),
        RED,
        short=_("Der Shop hat die Bestellung nicht angenommen."),
    ),
    "sum_differs": Request(
        _("Die Positionen ergeben %(sum)s, Amazon nennt als Gesamtbetrag %(total)s."),
        _("Vergleiche die Beträge bei Amazon, bevor du eine Rechnung schreibst."),
        _AT_AMAZON_TOO,
        short=_("Die Summe der Positionen weicht vom Gesamtbetrag bei Amazon ab."),
    ),
    "sum_differs:no_total": Request(
        _("Amazon nennt keine Summe. Die Positionen ergeben %(sum)s."),
        _("Vergleiche die Beträge bei Amazon, bevor du eine Rechnung schreibst."),
        _AT_AMAZON_TOO,
        short=_("Amazon nennt keine Summe für die Bestellung."),
    ),
    "cancelled_after_packing": Request(
        _("Bei Amazon storniert, aber im Shop schon gepackt oder versendet."),
        _(
            "Halte die Sendung zurück, wenn du noch kannst. "
            "Ist sie unterwegs, kläre die Rückgabe mit dem Käufer."
        ),
        _AT_AMAZON_TOO,
        RED,
    ),
    "cancel_refused": Request(
        _("Amazon hat die Stornierung nicht ausgeführt: %(reason)s"),
        _("Sieh nach, ob die Bestellung bei Amazon schon als versendet gilt. Dann bleibt nur die Retoure."),
        (Button.AMAZON, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon hat die Stornierung nicht ausgeführt."),
    ),
    "cancel_not_visible": Request(
        _("Amazon hat die Stornierung angenommen, zeigt die Bestellung aber noch nicht als storniert."),
        _("Sieh bei Amazon nach und storniere dort von Hand, wenn sie noch offen ist."),
        _AT_AMAZON_TOO,
    ),
    "shipment_rejected": Request(
        _("Amazon hat die Versandmeldung von Sendung %(parcel)s abgelehnt: %(reason)s"),
        _("Korrigiere Versender oder Trackingnummer in der Bestellung und melde die Sendung noch einmal."),
        (Button.RETRY, Button.AMAZON),
        RED,
        short=_("Amazon hat eine Versandmeldung abgelehnt."),
    ),
    "shipment_late": Request(
        _("Der Versand ist Amazon noch nicht gemeldet, obwohl er bis %(ship_by)s fällig war."),
        _("Versende die Bestellung oder trage die Trackingdaten ein. Verspätungen zählen bei Amazon."),
        (Button.RETRY, Button.AMAZON, Button.DONE),
        RED,
        short=_("Der Versand ist Amazon noch nicht gemeldet, obwohl er schon fällig war."),
    ),
    "unknown_status": Request(
        _("Amazon nennt einen Zustand, den Kogge nicht kennt: %(status)s."),
        _("Sieh die Bestellung bei Amazon an. Kogge ändert nichts daran, bis der Zustand bekannt ist."),
        (Button.RETRY, Button.AMAZON, Button.DONE),
        short=_("Amazon nennt einen Zustand der Bestellung, den Kogge nicht kennt."),
    ),
    "unknown_carrier": Request(
        _("Für den Versender „%(carrier)s“ ist nicht festgelegt, wie er bei Amazon heißt."),
        _("Trage ihn in der Tabelle der Versender ein, damit Käufer ihre Sendung verfolgen können."),
        (Button.CARRIERS, Button.DONE),
        short=_("Für einen Versender ist nicht festgelegt, wie er bei Amazon heißt."),
    ),
    "feed_stuck": Request(
        _("Amazon verarbeitet den Feed %(feed_id)s seit mehr als zwei Stunden."),
        _("Meist löst sich das von selbst. Versandmeldungen laufen unabhängig davon weiter."),
        (Button.DONE,),
        short=_("Amazon verarbeitet einen Feed seit mehr als zwei Stunden."),
    ),
    "feed_failed": Request(
        _("Amazon hat den Feed %(feed_id)s dreimal abgebrochen (%(messages)s Meldungen): %(reason)s"),
        _("Versuche es noch einmal, oder bearbeite die Bestellungen bei Amazon von Hand."),
        (Button.RETRY, Button.AMAZON, Button.DONE),
        RED,
        short=_("Amazon hat einen Feed dreimal abgebrochen."),
    ),
    "acknowledge_rejected": Request(
        _("Amazon hat die Eingangsbestätigung der Bestellung abgelehnt: %(reason)s"),
        _("Für den Käufer ändert sich nichts. Du kannst die Bestellung wie gewohnt versenden."),
        (Button.RETRY, Button.AMAZON, Button.DONE),
        short=_("Amazon hat die Eingangsbestätigung der Bestellung abgelehnt."),
    ),
    "settings": Request(
        _("Amazon verweigert einen Vorgang (%(operation)s): %(reason)s. Alles andere läuft weiter."),
        _("Prüfe Zugangsdaten und Rollen deiner Amazon-App. Danach holt Kogge alles Versäumte nach."),
        (Button.SETTINGS, Button.RETRY),
        RED,
        short=_("Die Verbindung zu Amazon ist angehalten: %(reason)s."),
    ),
    "data_set_broken": Request(
        _("Amazon liefert zurzeit einen Teil der Angaben nicht: %(data_sets)s."),
        _("Bestellungen kommen weiter an, nur ohne diese Angaben. Kogge fragt regelmäßig wieder danach."),
        (Button.DONE,),
        short=_("Amazon liefert zurzeit einen Teil der Bestellangaben nicht."),
    ),
    "data_set_broken:no_prices": Request(
        _(
            "Amazon liefert zurzeit einen Teil der Angaben nicht: %(data_sets)s. "
            "Bestellungen warten auf ihre Preise: %(count)s."
        ),
        _(
            "Kogge fragt bei jeder Prüfung wieder danach. Nach sechs Stunden, oder wenn der Versand eilt, "
            "kommen sie mit der Summe ihrer Einzelpreise in den Shop, und du vergleichst die Beträge."
        ),
        (Button.DONE,),
        short=_("Bestellungen warten auf ihre Preise. Amazon liefert sie zurzeit nicht."),
    ),
    "missing_orders": Request(
        _("Die Vollständigkeitsprüfung hat %(count)s Bestellungen gefunden, die gefehlt haben."),
        _("Sie werden gerade nachgeholt. Starte die Prüfung erneut, wenn du sichergehen willst."),
        (Button.RETRY, Button.DONE),
        RED,
        short=_("Die Vollständigkeitsprüfung hat Bestellungen gefunden, die gefehlt haben."),
    ),
    "secret_expires": Request(
        _("Das Client Secret deiner Amazon-App läuft am %(expires_on)s ab."),
        _(
            "Erzeuge in Seller Central ein neues und trage es in den Einstellungen ein. "
            "Das alte gilt bis dahin weiter."
        ),
        (Button.SETTINGS,),
        short=_("Das Client Secret deiner Amazon-App läuft bald ab."),
    ),
    "consent_expires": Request(
        _("Deine Zustimmung bei Amazon läuft am %(expires_on)s ab."),
        _(
            "Erneuere sie in den Einstellungen mit einem Klick, "
            "sonst kommen danach keine Bestellungen mehr an."
        ),
        (Button.SETTINGS,),
        short=_("Deine Zustimmung bei Amazon läuft bald ab."),
    ),
    "offers_refused": Request(
        _("Amazon hat die Werte von %(count)s Angeboten abgelehnt."),
        _("Bei jedem Angebot steht, was Amazon daran stört. Behebe es beim Produkt oder in Seller Central."),
        (Button.OFFERS, Button.RETRY),
        RED,
        short=_("Amazon hat Werte von Angeboten abgelehnt."),
        one=_("Amazon hat die Werte eines Angebots abgelehnt."),
    ),
    "offers_not_found": Request(
        _("%(count)s Angebote findet Kogge bei Amazon nicht."),
        _("Prüfe ASIN und Amazon-SKU beim Produkt, oder lege das Angebot bei Amazon an."),
        (Button.OFFERS, Button.RETRY),
        short=_("Amazon kennt einige deiner Angebote nicht."),
        one=_("Ein Angebot findet Kogge bei Amazon nicht."),
    ),
    "offers_ambiguous": Request(
        _("Zu %(count)s Angeboten hast du bei Amazon mehrere SKUs auf derselben ASIN."),
        _("Wähle beim Produkt aus, welche SKU gemeint ist. Bis dahin sendet Kogge dafür nichts."),
        (Button.OFFERS,),
        short=_("Zu einigen ASINs hast du bei Amazon mehrere SKUs."),
        one=_("Zu einem Angebot hast du bei Amazon mehrere SKUs auf derselben ASIN."),
    ),
    "offers_price_held": Request(
        _("Bei %(count)s Angeboten wartet ein Preis auf deine Bestätigung."),
        _("Sie ändern sich um mehr als die Hälfte oder liegen außerhalb deiner Grenzen bei Amazon."),
        (Button.PRICES, Button.OFFERS),
        short=_("Preise von Angeboten warten auf deine Bestätigung."),
        one=_("Bei einem Angebot wartet ein Preis auf deine Bestätigung."),
    ),
    "offers_drift": Request(
        _("Amazon zeigt bei %(count)s Angeboten andere Werte als gesendet."),
        _(
            "Vielleicht ändert sie jemand in Seller Central oder mit einem anderen Werkzeug. "
            "Entscheide im Abgleich, wer führt."
        ),
        (Button.OFFERS, Button.RETRY),
        short=_("Amazon zeigt bei einigen Angeboten andere Werte als gesendet."),
        one=_("Amazon zeigt bei einem Angebot andere Werte als gesendet."),
    ),
    "offers_unsure": Request(
        _("Bei %(count)s Angeboten ist ungewiss, ob Amazon die Werte angenommen hat."),
        _("Kogge versucht es weiter. Sieh bei diesen Angeboten nach, ob Bestand und Preis stimmen."),
        (Button.OFFERS, Button.RETRY),
        short=_("Ob Amazon die Werte einiger Angebote angenommen hat, ist ungewiss."),
        one=_("Bei einem Angebot ist ungewiss, ob Amazon die Werte angenommen hat."),
    ),
    "cancel_requested": Request(
        _("Der Käufer bittet darum, die Bestellung zu stornieren."),
        _("Storniere sie, oder versende sie trotzdem und kennzeichne die Aufgabe als erledigt."),
        (Button.CANCEL, Button.AMAZON, Button.DONE),
    ),
    "fulfillment_no_stock": Request(
        _("Bestellung %(number)s: Im Amazon-Lager liegt nicht genug."),
        _(
            "Diese Positionen sind wieder bei dir. Versende sie selbst, oder übergib sie Amazon, "
            "sobald dort wieder Bestand liegt."
        ),
        (Button.ORDER, Button.RETRY, Button.DONE),
        short=_("Für eine Bestellung liegt im Amazon-Lager nicht genug."),
    ),
    "fulfillment_address": Request(
        _("Bestellung %(number)s: Die Lieferadresse passt für Amazon nicht."),
        _("Berichtige die Adresse in der Bestellung und übergib sie dann, oder versende selbst."),
        (Button.ORDER, Button.RETRY, Button.DONE),
        short=_("Die Lieferadresse einer Bestellung passt für Amazon nicht."),
    ),
    "fulfillment_refused": Request(
        _("Bestellung %(number)s: Amazon hat den Versandauftrag abgelehnt, denn %(reason)s."),
        _("Die Positionen sind wieder bei dir. Versende sie selbst, oder übergib sie noch einmal."),
        (Button.ORDER, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon hat einen Versandauftrag abgelehnt."),
    ),
    "fulfillment_refused:other": Request(
        _("Bestellung %(number)s: Amazon hat den Versandauftrag abgelehnt und schreibt: %(message)s"),
        _("Die Positionen sind wieder bei dir. Versende sie selbst, oder übergib sie noch einmal."),
        (Button.ORDER, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon hat einen Versandauftrag abgelehnt."),
    ),
    "fulfillment_refused:speed": Request(
        _("Bestellung %(number)s: Amazon bietet diese Geschwindigkeit hier nicht an."),
        _(
            "Ordne der Versandart eine andere Geschwindigkeit zu und übergib die Bestellung noch einmal, "
            "oder versende selbst."
        ),
        (Button.SPEEDS, Button.RETRY, Button.ORDER, Button.DONE),
        RED,
        short=_("Amazon bietet die Geschwindigkeit einer Bestellung nicht an."),
    ),
    "fulfillment_refused:packaging": Request(
        _("Bestellung %(number)s: Neutrale Verpackung ist für diese Ware nicht möglich."),
        _(
            "Schalte die neutrale Verpackung unter „Versand durch Amazon“ aus und übergib die Bestellung "
            "noch einmal, oder versende selbst."
        ),
        (Button.SPEEDS, Button.RETRY, Button.ORDER, Button.DONE),
        RED,
        short=_("Neutrale Verpackung ist für eine Bestellung nicht möglich."),
    ),
    "fulfillment_refused:id_taken": Request(
        _("Bestellung %(number)s: Amazon kennt unter dieser Nummer schon einen anderen Auftrag."),
        _(
            "Sieh in Seller Central nach, was dort versendet wird, "
            "bevor du die Bestellung noch einmal übergibst."
        ),
        (Button.ORDER, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon kennt unter der Nummer eines Versandauftrags schon einen anderen."),
    ),
    "fulfillment_returned": Request(
        _("Bestellung %(number)s versendet Amazon nicht oder nicht ganz: %(reason)s."),
        _("Was Amazon nicht versendet, ist wieder bei dir. Versende es selbst, oder übergib es noch einmal."),
        (Button.ORDER, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon versendet eine Bestellung nicht oder nicht ganz."),
    ),
    "fulfillment_returned:other": Request(
        _("Bestellung %(number)s versendet Amazon nicht oder nicht ganz. Amazon schreibt: %(message)s"),
        _("Was Amazon nicht versendet, ist wieder bei dir. Versende es selbst, oder übergib es noch einmal."),
        (Button.ORDER, Button.RETRY, Button.DONE),
        RED,
        short=_("Amazon versendet eine Bestellung nicht oder nicht ganz."),
    ),
    "fulfillment_returned:no_stock": Request(
        _("Bestellung %(number)s: Im Amazon-Lager liegt nicht genug."),
        _(
            "Diese Positionen sind wieder bei dir. Versende sie selbst, oder übergib sie Amazon, "
            "sobald dort wieder Bestand liegt."
        ),
        (Button.ORDER, Button.RETRY, Button.DONE),
        short=_("Für eine Bestellung liegt im Amazon-Lager nicht genug."),
    ),
    "fulfillment_unclear": Request(
        _("Bestellung %(number)s: Amazon nennt sie versendet, sagt aber nicht, was in welchem Paket liegt."),
        _(
            "Kogge hat sie als versendet eingetragen. Sieh in Seller Central nach, ob alles unterwegs ist. "
            "Versende nichts ein zweites Mal, bevor du es weißt."
        ),
        (Button.ORDER, Button.DONE),
        short=_("Bei einem Versandauftrag sagt Amazon nicht, was in welchem Paket liegt."),
    ),
    "fulfillment_unclear:sending": Request(
        _("Bestellung %(number)s: Ob Amazon den Versandauftrag hat, ist seit einer Weile ungewiss."),
        _(
            "Kogge fragt weiter nach und übergibt nie doppelt; die Aufgabe schließt sich dann von selbst. "
            "Versende die Bestellung bis dahin nicht selbst."
        ),
        (Button.ORDER, Button.DONE),
        short=_("Ob Amazon einen Versandauftrag hat, ist seit einer Weile ungewiss."),
    ),
    "fulfillment_unclear:beyond": Request(
        _("Bestellung %(number)s: Amazon hat mehr versendet, als bei Amazon noch offen war."),
        _(
            "Sieh in Seller Central nach, was in den Paketen liegt, "
            "und versende davon nichts ein zweites Mal. "
            "Ist schon beides unterwegs, kläre mit dem Kunden eine Rücksendung."
        ),
        (Button.ORDER, Button.DONE),
        short=_("Amazon hat mehr versendet, als bei Amazon noch offen war."),
    ),
    "fulfillment_unreadable": Request(
        _(
            "Bestellung %(number)s: Amazon gibt seit einem Tag keine lesbare Auskunft "
            "über den Versandauftrag."
        ),
        _(
            "Sieh in Seller Central nach, ob er versendet ist. "
            "Kogge fragt weiter; die Aufgabe schließt sich dann."
        ),
        (Button.ORDER, Button.DONE),
        short=_("Amazon gibt seit einem Tag keine lesbare Auskunft über einen Versandauftrag."),
    ),
    "fulfillment_shop_refuses": Request(
        _("Bestellung %(number)s: Amazon hat versendet, aber der Shop nimmt das Paket nicht an: %(message)s"),
        _("Prüfe die Bestellung im Shop. Kogge versucht es alle sechs Stunden noch einmal."),
        (Button.ORDER, Button.DONE),
        RED,
        short=_("Amazon hat versendet, aber der Shop nimmt das Paket nicht an."),
    ),
    "fulfillment_parcel_lost": Request(
        _(
            "Bestellung %(number)s: Ein Paket von Amazon (%(carrier)s %(tracking_number)s) "
            "kommt nicht an: %(status)s."
        ),
        _(
            "Sprich mit dem Kunden: Ersatz versenden oder erstatten. "
            "Die verlorene Sendung reklamierst du in Seller Central."
        ),
        (Button.ORDER, Button.DONE),
        RED,
        short=_("Ein Paket von Amazon kommt beim Kunden nicht an."),
    ),
    "fulfillment_cancel_refused": Request(
        _("Bestellung %(number)s: Amazon storniert den Versandauftrag nicht mehr, denn %(reason)s."),
        _("Die Ware kommt beim Kunden an. Kläre mit ihm die Rückgabe und erfasse dann eine Retoure."),
        (Button.ORDER, Button.DONE),
        RED,
        short=_("Amazon storniert einen Versandauftrag nicht mehr."),
    ),
    "unknown_shipping_method": Request(
        _("Für die Versandart „%(method)s“ ist nicht festgelegt, wie schnell Amazon versenden soll."),
        _(
            "Bis du es festlegst, gehen Bestellungen damit als „Standard“ an Amazon. "
            "Was schon vorgemerkt oder übergeben ist, bleibt dabei."
        ),
        (Button.SPEEDS, Button.DONE),
        short=_("Für eine Versandart ist nicht festgelegt, wie schnell Amazon versenden soll."),
    ),
    "fba_stock_refused": Request(
        _(
            "Amazon gibt den Bestand im Amazon-Lager nicht mehr heraus. "
            "Kogge rechnet mit dem Stand von %(known_to)s."
        ),
        _(
            "Prüfe in Seller Central, ob dort noch FBA-Bestand steht. Kogge fragt jede halbe Stunde erneut; "
            "die Aufgabe schließt sich dann von selbst."
        ),
        (Button.SHELF, Button.RETRY, Button.DONE),
        short=_("Amazon gibt den Bestand im Amazon-Lager nicht heraus."),
    ),
    "fulfillment_stuck": Request(
        _("Bestellung %(number)s hängt bei Amazon seit mehr als einem Tag."),
        _("Oft hilft es, den Auftrag zu stornieren und neu zu übergeben. Sonst versende selbst."),
        (Button.RESEND, Button.SHIP_SELF, Button.ORDER, Button.DONE),
        RED,
        short=_("Ein Versandauftrag hängt bei Amazon seit mehr als einem Tag."),
    ),
    "fulfillment_late": Request(
        _("Bestellung %(number)s sollte voraussichtlich bis %(leaves_at)s versendet sein und ist es nicht."),
        _(
            "Das Datum war Amazons Schätzung. Du kannst abwarten, den Kunden informieren oder den Auftrag "
            "stornieren, solange Amazon noch nicht packt."
        ),
        (Button.ORDER, Button.SHIP_SELF, Button.DONE),
        RED,
        short=_("Ein Versandauftrag ist später, als Amazon geschätzt hat."),
    ),
    "fulfillment_wrong_country": Request(
        _("Bestellung %(number)s versendet Amazon aus einem anderen Land als gewählt."),
        _("Prüfe unter „Versand durch Amazon“ das Lager und in Seller Central den Auftrag."),
        (Button.ORDER, Button.SPEEDS, Button.DONE),
        short=_("Amazon versendet eine Bestellung aus einem anderen Land als gewählt."),
    ),
    "fulfillment_missing": Request(
        _("Bestellung %(number)s: Amazon findet den Versandauftrag nicht mehr."),
        _(
            "Kogge übergibt ihn nicht von selbst noch einmal, damit nichts doppelt verschickt wird. "
            "Sieh in Seller Central unter „Multi-Channel-Versand“ nach und entscheide dann."
        ),
        (Button.ORDER, Button.DONE),
        RED,
        short=_("Amazon findet einen Versandauftrag nicht mehr."),
    ),
    "fulfillment_unknown_status": Request(
        _("Bestellung %(number)s: Amazon nennt einen Zustand, den Kogge nicht kennt: %(status)s."),
        _("Der Auftrag bleibt offen. Sieh in Seller Central nach, was mit ihm ist."),
        (Button.ORDER, Button.DONE),
        short=_("Amazon nennt für einen Versandauftrag einen Zustand, den Kogge nicht kennt."),
    ),
}
