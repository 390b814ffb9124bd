"""What each operation does, in a plain sentence, and which of Amazon's limits it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.engine.work import Rank


@dataclass(frozen=True, slots=True)
class Job:
    """An operation as people call it."""

    title: str | Promise
    sentence: str | Promise


# Whose subject is a connection; in the order they are shown.
OF_CONNECTION: Mapping[str, Job] = {
    "check_orders": Job(
        _("Nach Bestellungen fragen"),
        _("Holt alle zehn Minuten, was bei Amazon neu bestellt oder geändert wurde."),
    ),
    "read_shop": Job(
        _("Änderungen im Shop lesen"),
        _("Sieht nach, was du versendet oder storniert hast und Amazon erfahren muss."),
    ),
    "confirm_shipments": Job(
        _("Versand melden"), _("Sagt Amazon, was du versendet hast, mit der Sendungsnummer.")
    ),
    "send_feeds": Job(
        _("Stornierungen und Sammelmeldungen senden"),
        _("Übergibt Amazon Stornierungen, Bestätigungen und viele Angebote auf einmal, liest die Antwort."),
    ),
    "send_offers": Job(
        _("Angebote abgleichen"),
        _("Meldet Amazon Bestand, Preis und Lieferzeit, sobald sie sich ändern; Ausverkauftes zuerst."),
    ),
    "read_offers": Job(_("Angebote nachlesen"), _("Prüft, ob Amazon zeigt, was Kogge gemeldet hat.")),
    "hand_over": Job(
        _("Bestellungen an Amazon übergeben"),
        _("Beauftragt Amazon nach der Bedenkzeit mit dem Versand aus seinem Lager, oder nimmt es zurück."),
    ),
    "follow_fulfillment": Job(
        _("Versand durch Amazon verfolgen"),
        _("Fragt nach, was Amazon für dich versendet hat, und trägt es im Shop ein."),
    ),
    "read_fba_stock": Job(
        _("Bestand im Amazon-Lager lesen"),
        _("Liest jede halbe Stunde, was sich in Amazons Lager geändert hat, und einmal am Tag alles."),
    ),
    "check_fba_orders": Job(
        _("Nach Verkäufen aus Amazons Lager fragen"),
        _("Holt stündlich die Bestellungen, die Amazon für dich versendet."),
    ),
    "compare_orders": Job(
        _("Nachts vergleichen"),
        _("Vergleicht einmal am Tag, ob jede Bestellung der letzten Tage angekommen ist."),
    ),
    "backfill_orders": Job(
        _("Frühere Bestellungen holen"),
        _("Holt die Bestellungen von vor der Verbindung, ohne die laufenden Prüfungen aufzuhalten."),
    ),
    "fetch_hinted": Job(
        _("Auf Meldungen von Amazon hin nachsehen"),
        _("Holt sofort die Bestellungen, auf die eine Benachrichtigung von Amazon hinweist."),
    ),
    "keep_subscriptions": Job(
        _("Benachrichtigungen bestellen"),
        _("Hält bei Amazon die Benachrichtigungen bestellt, die du eingeschaltet hast."),
    ),
    "purge_people": Job(
        _("Käuferdaten löschen"), _("Löscht einmal am Tag, was Kogge von Käufern nicht länger behalten darf.")
    ),
    "watch_expiry": Job(
        _("Zugang im Blick behalten"),
        _("Erinnert dich rechtzeitig, bevor Zugangsdaten oder Zustimmung ablaufen."),
    ),
}

# Whose subject is a merchant.
OF_MERCHANT: Mapping[str, Job] = {
    "plan_fulfillment": Job(
        _("Versand durch Amazon planen"),
        _("Entscheidet bei bezahlten Bestellungen, was Amazon aus seinem Lager versenden soll."),
    ),
    "send_mails": Job(_("Mails senden"), _("Schickt Versandbestätigungen an deine Käufer.")),
    "read_shop_orders": Job(
        _("Bestellungen deines Shops lesen"),
        _("Holt alle paar Minuten, was sich in deinem Shop an Bestellungen geändert hat."),
    ),
    "read_shop_products": Job(
        _("Produkte deines Shops lesen"),
        _("Holt alle zehn Minuten, was sich in deinem Shop an Produkten und Bestand geändert hat."),
    ),
    "run_errands": Job(
        _("Deinem Shop Bescheid geben"), _("Trägt in deinem Shop ein, was bei Amazon geschehen ist.")
    ),
    "import_products": Job(
        _("Produktdateien übernehmen"), _("Liest große Dateien, die du hochgeladen hast, in Ruhe ein.")
    ),
    "tell_webhooks": Job(
        _("Andere Programme benachrichtigen"),
        _("Sagt den Programmen Bescheid, die von Änderungen erfahren wollen."),
    ),
    "forget_drafts": Job(
        _("Angefangenes vergessen"),
        _("Löscht Verbindungen, deren Einrichtung nicht beendet wurde."),
    ),
}

_SEARCH = ("searchOrders",)
_OFFERS = ("patchListingsItem", "putListingsItem", "searchListingsItems")
_FEEDS = ("createFeed", "createFeedDocument", "getFeed", "getFeeds", "getFeedDocument")

# Which of Amazon's limits an operation may have to wait for, and at which rank it asks.
USES: Mapping[str, tuple[tuple[str, ...], Rank]] = {
    "check_orders": (_SEARCH, Rank.ORDERS),
    "check_fba_orders": (_SEARCH, Rank.ORDERS),
    "compare_orders": (_SEARCH, Rank.BACK_FILL),
    "backfill_orders": (_SEARCH, Rank.BACK_FILL),
    "confirm_shipments": (("confirmShipment",), Rank.CANCEL_AND_DISPATCH),
    "send_feeds": (_FEEDS, Rank.CANCEL_AND_DISPATCH),
    "send_offers": (_OFFERS, Rank.OFFERS),
    "read_offers": (("searchListingsItems",), Rank.OFFERS),
    "read_fba_stock": (("getInventorySummaries",), Rank.OFFERS),
}
