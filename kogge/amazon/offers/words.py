"""Why an offer stands as it does, in plain words; Amazon's own message and code always follow.

A reason or code that has no words here stays visible as it is: nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kogge.amazon.journal.words import error_in_words
from kogge.amazon.offers.models import HeldPrice, Listing, Values, values
from kogge.formats.money import money
from kogge.spapi.marketplaces import MARKETPLACES

Text = str | Promise

# What Amazon's codes mean for a merchant.
CODES: Mapping[str, Text] = {
    "90220": _("Amazon fehlt eine Pflichtangabe zu diesem Artikel."),
    "4000001": _("Die Angaben haben nicht den Aufbau, den Amazon erwartet."),
    "4000003": _("Amazon erlaubt einen der gesendeten Werte hier nicht."),
    "8541": _("Die Angaben passen nicht zu dem Artikel, den Amazon unter dieser ASIN führt."),
    "8542": _("Die GTIN gehört bei Amazon zu einem anderen Artikel als diese ASIN."),
    "8560": _("Amazon findet zu den Angaben keinen passenden Artikel im Katalog."),
    "8572": _("Amazon erkennt die GTIN nicht an."),
    "5461": _("Diesen Artikel darfst du bei Amazon nur mit einer Freigabe anbieten."),
    "5665": _("Diese Marke darfst du bei Amazon nur mit einer Freigabe anbieten."),
    "13013": _("Amazon kennt diese SKU nicht."),
    "99022": _("Eine Angabe, die Amazon zusammen mit einer anderen verlangt, fehlt."),
    "99010": _("Eine Angabe, die Amazon für diese Art von Artikel verlangt, fehlt."),
}

CATEGORIES: Mapping[str, Text] = {
    "QUALIFICATION_REQUIRED": _("Diesen Artikel darfst du bei Amazon nur mit einer Freigabe anbieten."),
    "MISSING_ATTRIBUTE": _("Amazon fehlt eine Pflichtangabe zu diesem Artikel."),
    "INVALID_PRICE": _("Amazon hält den Preis für falsch und zeigt das Angebot deshalb nicht."),
    "INVALID_ATTRIBUTE": _("Amazon nimmt einen der Werte so nicht an."),
    "MISSING_IMAGE": _("Amazon fehlt ein Bild des Artikels."),
    "INVALID_IMAGE": _("Amazon beanstandet ein Bild des Artikels."),
    "DUPLICATE": _("Diesen Artikel gibt es bei Amazon schon."),
}

# The reasons of `Listing.reason` that need nothing but the listing's own words.
REASONS: Mapping[str, Text] = {
    "not_found": _("Amazon kennt unter dieser SKU oder ASIN kein Angebot von dir."),
    "no_identity": _("Trage ASIN oder Amazon-SKU ein, damit Kogge das Angebot bei Amazon findet."),
    "lead_time_too_long": _("Die Lieferzeit ist länger als 30 Tage. Mehr nimmt Amazon nicht an."),
}

# Amazon's attributes, as people call them.
ATTRIBUTES: Mapping[str, Text] = {
    "fulfillment_availability": _("Warenbestand und Lieferzeit"),
    "purchasable_offer": _("Preis"),
    "condition_type": _("Zustand"),
    "merchant_suggested_asin": "ASIN",
    "externally_assigned_product_identifier": "GTIN",
}

_HELD_BACK: Mapping[str, Text] = {
    "jump": _(
        "Der Preis bei %(place)s würde von %(shown)s auf %(price)s springen. Bestätige ihn, wenn er stimmt."
    ),
    "below_minimum": _(
        "Der Preis %(price)s liegt unter deinem Mindestpreis bei %(place)s (%(limit)s). "
        "Bestätige ihn, wenn er stimmt."
    ),
    "above_maximum": _(
        "Der Preis %(price)s liegt über deinem Höchstpreis bei %(place)s (%(limit)s). "
        "Bestätige ihn, wenn er stimmt."
    ),
}
_HELD_OTHERWISE = _("Der Preis %(price)s bei %(place)s wartet auf deine Bestätigung.")


def sentence(listing: Listing) -> str:
    """Why the listing stands as it does; empty when there is nothing to say."""
    if listing.reason in REASONS:
        return str(REASONS[listing.reason])
    tell = _TELLING.get(listing.reason)
    return tell(listing) if tell else listing.reason


def issue_sentence(
    code: str,
    message: str,
    *,
    categories: Collection[str] = (),
    attribute_names: Collection[str] = (),
) -> str:
    """One of Amazon's issues: our words where we have any, then Amazon's own message and code."""
    ours = CODES.get(code) or next((CATEGORIES[one] for one in categories if one in CATEGORIES), "")
    named = ", ".join(str(ATTRIBUTES.get(name, name)) for name in attribute_names)
    amazons = gettext("Amazon: „%(message)s“ (%(code)s)") % {"message": message, "code": code}
    about = gettext("Es geht um: %(names)s.") % {"names": named} if named else ""
    return " ".join(filter(None, (str(ours), about, amazons if message else f"Amazon: {code}")))


def held_sentence(held: Mapping[str, HeldPrice]) -> str:
    """Which prices wait for the merchant's word, and why."""
    return " ".join(
        str(_HELD_BACK.get(one.why, _HELD_OTHERWISE))
        % {
            "place": place(marketplace_id),
            "price": amount(one.price, marketplace_id),
            "shown": amount(one.shown, marketplace_id),
            "limit": amount(one.limit, marketplace_id),
        }
        for marketplace_id, one in sorted(held.items())
    )


def drift_sentence(listing: Listing) -> str:
    """What the shop says, what Amazon was told last, and what Amazon shows, value by value."""
    wanted, accepted, shown = (
        values(listing.details[name]) if listing.details.get(name) else known
        for name, known in (
            ("wanted", listing.wanted),
            ("accepted", listing.accepted),
            ("shown", listing.shown),
        )
    )
    found = list(_drifts(wanted, accepted, shown))
    first = gettext("Amazon zeigt andere Werte als gesendet, auch nach dem zweiten Senden.")
    return " ".join([first, *found])


def place(marketplace_id: str) -> str:
    """The name of a marketplace; one we do not know is its own word."""
    known = MARKETPLACES.get(marketplace_id)
    return known.name if known else marketplace_id


def amount(price: Decimal | None, marketplace_id: str) -> str:
    """A price in the currency of its marketplace."""
    known = MARKETPLACES.get(marketplace_id)
    return money(price, known.currency if known else "")


def _refused(listing: Listing) -> str:
    said = [one for one in _listed(listing.details, "issues") if one.get("severity", "ERROR") == "ERROR"]
    if not said:
        return gettext("Amazon hat die Werte abgelehnt, ohne einen Grund zu nennen.")
    return " ".join(
        issue_sentence(
            str(one.get("code", "")),
            str(one.get("message", "")),
            categories=one.get("categories", ()),
            attribute_names=one.get("attribute_names", ()),
        )
        for one in said
    )


def _restricted(listing: Listing) -> str:
    ours = gettext("Amazon erlaubt dir nicht, diesen Artikel anzubieten.")
    said = [
        gettext("Amazon: „%(message)s“ (%(code)s)")
        % {"message": one.get("message", ""), "code": one.get("code", "")}
        for one in _listed(listing.details, "restrictions")
    ]
    return " ".join([ours, *said])


def _ambiguous(listing: Listing) -> str:
    ours = gettext("Zu dieser ASIN hast du mehrere SKUs bei Amazon. Wähle beim Produkt die richtige aus.")
    skus = ", ".join(str(sku) for sku in listing.details.get("skus", ()))
    return f"{ours} ({skus})" if skus else ours


def _unsure(listing: Listing) -> str:
    ours = gettext(
        "Ob Amazon die Werte angenommen hat, ist auch nach mehreren Versuchen ungewiss. Kogge sendet weiter."
    )
    reason = error_in_words(str(listing.details.get("reason", "")))
    return f"{ours} ({reason})" if reason else ours


def _held(listing: Listing) -> str:
    return held_sentence(listing.held)


def _listed(details: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [one for one in details.get(name, ()) if isinstance(one, Mapping)]


def _drifts(wanted: Values, accepted: Values, shown: Values) -> Iterator[str]:
    if accepted.quantity is not None and shown.quantity != accepted.quantity:
        yield _drift(gettext("Warenbestand"), wanted.quantity, accepted.quantity, shown.quantity)
    if accepted.lead_time_days is not None and shown.lead_time_days != accepted.lead_time_days:
        days = (wanted.lead_time_days, accepted.lead_time_days, shown.lead_time_days)
        yield _drift(gettext("Lieferzeit in Tagen"), *days)
    for marketplace_id, told in sorted(accepted.prices.items()):
        seen = shown.prices.get(marketplace_id)
        if seen != told:
            name = gettext("Preis bei %(place)s") % {"place": place(marketplace_id)}
            prices = (wanted.prices.get(marketplace_id), told, seen)
            yield _drift(name, *(amount(price, marketplace_id) for price in prices))


def _drift(name: str, wanted: object, accepted: object, shown: object) -> str:
    told = {"name": name, "wanted": wanted, "accepted": accepted, "shown": shown}
    plain = {key: "–" if value is None else value for key, value in told.items()}
    return (
        gettext("%(name)s: im Shop %(wanted)s, zuletzt gesendet %(accepted)s, bei Amazon %(shown)s.") % plain
    )


_TELLING: Mapping[str, Callable[[Listing], str]] = {
    "invalid": _refused,
    "create_refused": _refused,
    "restricted": _restricted,
    "ambiguous": _ambiguous,
    "price_held": _held,
    "drift": drift_sentence,
    "unsure": _unsure,
}
