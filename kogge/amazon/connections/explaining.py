"""Which value of a connection is wrong, and where at Amazon to find the right one, in plain sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _


def where_to_find(field: str) -> str:
    """What is wrong with a missing or broken value, and where it stands."""
    return {
        "client_id": _(
            "Die Client-ID fehlt oder ist unvollständig. Du findest sie im Solution Provider Portal "
            "(früher: Seller Central › Apps und Services › Apps entwickeln) bei deiner App unter "
            "„LWA-Anmeldedaten“; sie beginnt mit „amzn1.application-oa2-client.“."
        ),
        "client_secret": _(
            "Das Client Secret fehlt oder ist unvollständig. Du findest es im Solution Provider Portal "
            "bei deiner App unter „LWA-Anmeldedaten“; es beginnt mit „amzn1.oa2-cs.“."
        ),
        "refresh_token": _(
            "Der Refresh-Token fehlt oder ist unvollständig. Amazon zeigt ihn einmal, wenn du deine App "
            "im Solution Provider Portal unter „App autorisieren“ autorisierst; er beginnt mit „Atzr|“."
        ),
        "seller_id": _(
            "Die Händler-ID besteht aus Großbuchstaben und Ziffern, z. B. A2SELLEREXAMPLE. Du findest "
            "sie in Seller Central unter Einstellungen › Kontoinformationen › Dein Händler-Token "
            "(Merchant Token)."
        ),
    }[field]


def refusal(reason: str) -> tuple[str, str]:
    """Which value Amazon means by its refusal (a reason of spapi's `FixSettings`), and what to do."""
    return {
        "invalid_client": (
            "client_secret",
            _(
                "Amazon kennt diese Client-ID mit diesem Client Secret nicht. Prüfe beide im Solution "
                "Provider Portal bei deiner App unter „LWA-Anmeldedaten“; ein Client Secret läuft nach "
                "180 Tagen ab."
            ),
        ),
        "invalid_grant": (
            "refresh_token",
            _(
                "Amazon nimmt den Refresh-Token nicht an: Er ist falsch, abgelaufen, widerrufen oder "
                "gehört zu einer anderen App. Autorisiere die App im Solution Provider Portal neu und "
                "trage den neuen Token ein."
            ),
        ),
        "unauthorized_client": (
            "client_id",
            _(
                "Diese App darf sich so nicht anmelden. Prüfe im Solution Provider Portal, ob die "
                "Client-ID zu einer SP-API-App gehört."
            ),
        ),
        "access_denied": (
            "roles",
            _(
                "Der App fehlt eine Rolle, oder sie ist für dieses Konto nicht freigegeben. Prüfe im "
                "Solution Provider Portal bei deiner App die Rollen „Inventory and Order Tracking“ und "
                "„Direct-to-Consumer Shipping“ und autorisiere die App danach neu."
            ),
        ),
        "wrong_region": (
            "region",
            _(
                "Dieses Verkäuferkonto gehört zu einer anderen Region. In welcher Region du verkaufst, "
                "siehst du oben in Seller Central am Marktplatz."
            ),
        ),
        "unauthorized": (
            "refresh_token",
            _(
                "Amazon lehnt einen eben ausgestellten Access-Token ab. Autorisiere die App im Solution "
                "Provider Portal neu und trage den neuen Refresh-Token ein."
            ),
        ),
    }.get(
        reason,
        (
            "client_id",
            _(
                "Amazon lehnt die Anmeldung ab. Prüfe Client-ID, Client Secret und Refresh-Token im "
                "Solution Provider Portal bei deiner App."
            ),
        ),
    )


def unknown_region() -> str:
    """Not one of Amazon's three regions."""
    return _("Die Region muss eu, na oder fe sein (Deutschland gehört zu eu).")


def nowhere_in_region() -> str:
    """The account sells nowhere in the chosen region."""
    return _(
        "Dieses Verkäuferkonto nimmt in der Region an keinem Marktplatz teil. Prüfe, ob die Region stimmt."
    )


def not_participating(marketplace_id: str) -> str:
    """A chosen marketplace the account does not sell in."""
    return (
        _(
            "Dein Konto nimmt am Marktplatz %s nicht teil. Welche Marktplätze es gibt, siehst du in "
            "Seller Central oben in der Marktplatz-Auswahl."
        )
        % marketplace_id[:40]
    )


def channel_is_off() -> str:
    """The merchant has switched the whole channel off."""
    return _("Der Verkaufskanal Amazon ist deaktiviert. Aktiviere ihn zuerst unter „Verkaufskanäle“.")


def access_token_instead() -> str:
    """The token that lives for an hour, in place of the one to keep."""
    return _(
        "Das ist ein Access-Token, der nach einer Stunde verfällt. Gebraucht wird der Refresh-Token; er "
        "beginnt mit „Atzr|“."
    )
