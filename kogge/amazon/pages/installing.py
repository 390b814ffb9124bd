"""What comes before the app's pages, said in one place, and what switching it off or letting it go means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.amazon.catalog.finding import fba_offers
from kogge.amazon.connections import accounts
from kogge.amazon.fba import planning
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.orders.models import ShipmentConfirmation
from kogge.amazon.orders.purge import forget_everybody
from kogge.amazon.pages.models import Draft
from kogge.backoffice import installing
from kogge.backoffice.channels import Access, Consequence
from kogge.merchants.models import Merchant

APP = "/apps/amazon/"

# Pages that ask Amazon, or let a connection go on: of no use while the channel is off.
_CONNECTING = ("amazon_connect", "amazon_consent", "amazon_credentials", "amazon_resume")

UNTOLD = (
    ShipmentConfirmation.State.WAITING,
    ShipmentConfirmation.State.SENDING,
    ShipmentConfirmation.State.REJECTED,
)

Answer = Callable[[HttpRequest], HttpResponseBase]


class RegisteredFirst:
    """Middleware: the app's pages open once it is installed and registered; until then they lead there.

    Who is not signed in, or works for nobody, is answered by the page itself.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """Where to go instead; None: to the page."""
        merchant: Merchant | None = getattr(request, "merchant", None)
        if merchant is None or not request.path.startswith(APP):
            return None
        installation = installing.find(merchant, accounts.CHANNEL)
        if installation is None:
            messages.info(request, _("Amazon ist noch nicht aktiviert: Aktiviere zuerst den Verkaufskanal."))
            return redirect("channels")
        if installation.registered_at is None:
            return redirect("app_register", accounts.CHANNEL)
        if installation.deactivated_at is not None and _connects(request):
            messages.warning(
                request,
                _("Der Verkaufskanal Amazon ist deaktiviert. Aktiviere ihn zuerst unter „Verkaufskanäle“."),
            )
            return redirect("channels")
        return None


def access() -> Access:
    """What Amazon is good for, and what the app reads and writes."""
    return Access(
        purpose=_(
            "Bestellungen von Amazon kommen von selbst in den Shop. Versand, Trackingdaten und Stornos gehen "
            "von selbst zurück. Bestand, Lieferzeit und Preise deiner Angebote bleiben auf dem Stand des "
            "Shops, und Amazon kann Bestellungen deines Shops aus seinem Lager versenden."
        ),
        needs=_(
            "Du musst bereits bei Amazon verkaufen: mit einem Verkäuferkonto im Verkaufstarif "
            "„Professionell“. Kogge legt kein Konto bei Amazon an."
        ),
        reads=[
            _("Produkte mit Artikelnummer, Bestand, Preis und Lieferzeit, um deine Angebote zu pflegen"),
            _("Bestellungen, die über Amazon kamen, mit Versand, Storno und Rücksendung, um sie zu melden"),
            _(
                "Eigene Bestellungen des Shops, deren Produkte Amazon versenden soll: bezahlte Positionen "
                "und Lieferadresse"
            ),
        ],
        writes=[
            _(
                "Neue Bestellungen mit Adresse und Bezahlstatus, und was bei Amazon danach mit ihnen "
                "geschieht"
            ),
            _("Lagerbewegungen: Reservierung, Entnahme und Rückgabe für Bestellungen von Amazon"),
            _("Pakete mit Trackingnummer bei den Bestellungen, die Amazon versendet"),
            _("Die Löschung personenbezogener Daten, spätestens 30 Tage nach der Lieferung"),
        ],
    )


def when_deactivated(merchant: Merchant) -> list[Consequence]:
    """No traffic: what waits here, what waits at Amazon, and that nothing is lost."""
    return [
        Consequence(
            "ban",
            _(
                "Kogge fragt Amazon nichts mehr und meldet Amazon nichts mehr. Neue Bestellungen bleiben bei "
                "Amazon und kommen erst nach dem Aktivieren in den Shop; versende oder storniere dringende "
                "bis dahin in Seller Central."
            ),
        ),
        Consequence("shopping-cart", _open_orders(merchant)),
        *_untold(merchant),
        Consequence(
            "packages",
            _(
                "Deine Angebote bleiben bei Amazon zu kaufen, mit Bestand und Preis wie zuletzt gemeldet. "
                "Verkaufst du die Ware inzwischen anderswo, droht Überverkauf: Pausiere die Angebote in "
                "Seller Central."
            ),
        ),
        *_at_amazon(merchant),
        *_own_orders(merchant),
        Consequence(
            "history",
            _(
                "Bestellungen, Verlauf und Einstellungen bleiben. Nach dem Aktivieren holt Kogge von dort an "
                "nach, wo es aufgehört hat: keine Bestellung fehlt, keine Meldung geht doppelt."
            ),
        ),
        Consequence("eraser", _("Personenbezogene Daten werden weiterhin fristgerecht gelöscht.")),
    ]


def when_uninstalled(merchant: Merchant) -> list[Consequence]:
    """What is gone for good, and what stays to be read."""
    return [
        Consequence(
            "key",
            _(
                "Alle Zugangsdaten zu Amazon werden gelöscht. Zum Verbinden brauchst du sie dann erneut. "
                "Widerrufe die Autorisierung der App auch in Seller Central."
            ),
        ),
        Consequence(
            "user",
            _(
                "Namen, Adressen und Mails aller Bestellungen von Amazon werden gelöscht. Bestellnummern, "
                "Positionen, Beträge, Lagerbewegungen und Verlauf bleiben."
            ),
        ),
        Consequence(
            "ban",
            _(
                "Es kommen keine Bestellungen mehr an, und Amazon erfährt nichts mehr. Was bei Amazon noch "
                "offen ist, wickelst du in Seller Central ab."
            ),
        ),
        *_untold(merchant),
        *_at_amazon(merchant),
        Consequence(
            "packages",
            _("Deine Angebote bleiben bei Amazon, wie sie sind. Pflege sie dann in Seller Central."),
        ),
        Consequence(
            "plug-connected",
            _(
                "Installierst du die App wieder und verbindest dasselbe Konto, geht es dort weiter, wo es "
                "aufhörte; keine Bestellung kommt doppelt."
            ),
        ),
    ]


def deactivate(merchant: Merchant, *, now: datetime) -> None:
    """Stop all connections that are at work."""
    accounts.switch_off(merchant, now=now)


def activate(merchant: Merchant, *, now: datetime) -> None:
    """Take up again what was stopped, and plan the own orders that waited."""
    accounts.switch_on(merchant, now=now)
    planning.wake(merchant.pk, now=now)


@transaction.atomic
def uninstall(merchant: Merchant, *, now: datetime) -> None:
    """Forget credentials, also half entered ones, and the people of all orders."""
    accounts.forget_all(merchant, now=now)
    Draft.objects.of(merchant).delete()
    forget_everybody(merchant, now=now)


def _connects(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and str(match.url_name).startswith(_CONNECTING)


def _open_orders(merchant: Merchant) -> str:
    count = installing.open_orders(merchant, accounts.CHANNEL).count()
    if not count:
        return _("Gerade ist keine Bestellung von Amazon offen. Was im Shop ist, bleibt dort.")
    sentence = ngettext(
        "%(count)s offene Bestellung von Amazon bleibt im Shop, und du kannst sie versenden. Amazon erfährt "
        "Versand und Stornierung aber erst nach dem Aktivieren: Ist der Versandtermin dann vorbei, zählt "
        "die Bestellung als verspätet, und Amazon kann sie stornieren.",
        "%(count)s offene Bestellungen von Amazon bleiben im Shop, und du kannst sie versenden. Amazon "
        "erfährt Versand und Stornierung aber erst nach dem Aktivieren: Ist der Versandtermin dann vorbei, "
        "zählen die Bestellungen als verspätet, und Amazon kann sie stornieren.",
        count,
    )
    return sentence % {"count": count}


def _untold(merchant: Merchant) -> list[Consequence]:
    count = ShipmentConfirmation.objects.of(merchant).filter(state__in=UNTOLD).count()
    if not count:
        return []
    sentence = ngettext(
        "%(count)s Versand ist Amazon noch nicht bestätigt. Warte damit einen Augenblick, oder bestätige ihn "
        "in Seller Central.",
        "%(count)s Sendungen sind Amazon noch nicht bestätigt. Warte damit einen Augenblick, oder bestätige "
        "sie in Seller Central.",
        count,
    )
    return [Consequence("truck", sentence % {"count": count})]


def _own_orders(merchant: Merchant) -> list[Consequence]:
    if not fba_offers(merchant.pk).exists():
        return []
    sentence = _(
        "Eigene Bestellungen mit Produkten, die Amazon versendet, bleiben bis zum Aktivieren bei dir. Was "
        "bis dahin niemand packt oder versendet, kann danach an Amazon gehen."
    )
    return [Consequence("package", sentence)]


def _at_amazon(merchant: Merchant) -> list[Consequence]:
    """Orders of the shop that Amazon ships: those it has, and those it does not have yet."""
    rows = FulfillmentOrder.objects.of(merchant)
    handed = rows.filter(state__in=[FulfillmentOrder.State.SENDING, FulfillmentOrder.State.HANDED]).count()
    planned = rows.filter(state=FulfillmentOrder.State.PLANNED).count()
    found = []
    if handed:
        sentence = ngettext(
            "%(count)s Bestellung deines Shops ist zum Versand bei Amazon und geht dort weiter. Paket und "
            "Trackingnummer siehst du solange nur in Seller Central.",
            "%(count)s Bestellungen deines Shops sind zum Versand bei Amazon und gehen dort weiter. Pakete "
            "und Trackingnummern siehst du solange nur in Seller Central.",
            handed,
        )
        found.append(Consequence("truck-delivery", sentence % {"count": handed}))
    if planned:
        sentence = ngettext(
            "%(count)s Bestellung deines Shops sollte bald an Amazon gehen und wird nicht übergeben. Du "
            "kannst sie selbst versenden.",
            "%(count)s Bestellungen deines Shops sollten bald an Amazon gehen und werden nicht übergeben. "
            "Du kannst sie selbst versenden.",
            planned,
        )
        found.append(Consequence("hourglass", sentence % {"count": planned}))
    return found
