"""Asking Amazon while somebody waits for the page: where, with what patience, and what its refusal means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import ConnectedAmazon, amazon_client
from kogge.amazon.connections.models import Connection, ConnectionMarketplace
from kogge.amazon.pages import own
from kogge.amazon.pages.offer_standing import active
from kogge.merchants.access import MerchantRequest, may
from kogge.merchants.models import Role
from kogge.spapi.errors import AmazonError, FixSettings, Throttled, TryLater

T = TypeVar("T")

SHORT_WAIT = 10  # seconds


class NoAnswer(Exception):
    """Amazon did not answer; the sentence is for the merchant.

    `again_in`: after so many seconds the page may ask by itself; None where a human is needed first.
    """

    def __init__(self, sentence: str, again_in: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.again_in = again_in


@dataclass(frozen=True, slots=True)
class Place:
    """Where Amazon is asked: an account and one of its marketplaces."""

    connection: Connection
    marketplace: ConnectionMarketplace

    @property
    def key(self) -> str:
        """The word for it in addresses."""
        return f"{self.connection.pk}-{self.marketplace.marketplace_id}"

    @property
    def label(self) -> str:
        """What people read: the marketplace, and whose account it is."""
        return f"{self.marketplace.name} · {self.connection.store_name or self.connection.seller_id}"

    @property
    def marketplace_ids(self) -> list[str]:
        """All marketplaces of the account that are in use."""
        return [place.marketplace_id for place in active(self.connection)]


def places(request: MerchantRequest, currency: str) -> list[Place]:
    """Where the merchant can be answered now: of accounts at work, marketplaces in this currency first."""
    if not may(request.role, Role.STAFF):
        raise PermissionDenied(_("Dafür fehlt dir das Recht. Frag die Inhaberin oder den Inhaber."))
    connections = own.active_connections(request.merchant.pk).prefetch_related("marketplaces").order_by("pk")
    found = [Place(connection, place) for connection in connections for place in active(connection)]
    return sorted(found, key=lambda place: (place.marketplace.currency != currency, place.marketplace.pk))


def chosen(request: MerchantRequest, known: list[Place]) -> Place:
    """The place named in the address or form, else the first. Raises `NoAnswer` when there is none."""
    key = request.POST.get("konto") or request.GET.get("konto", "")
    found = next((place for place in known if place.key == key), None) or next(iter(known), None)
    if found is None:
        raise NoAnswer(_("Gerade ist kein Amazon-Konto verbunden, das Kogge fragen könnte."))
    return found


def ask(place: Place, question: Callable[[ConnectedAmazon], T]) -> T:
    """Amazon's answer. Raises `NoAnswer` for everything that stands in its way."""
    try:
        with amazon_client(place.connection, timezone.now) as client:
            return question(client)
    except AmazonError as error:
        raise NoAnswer(why(error, role="Product Listing"), _again_in(error)) from error


def _again_in(error: AmazonError) -> int | None:
    """Short waits only: who waits longer has gone on to something else."""
    wait = _seconds(error) if isinstance(error, Throttled) else None
    return wait if wait is not None and wait <= SHORT_WAIT else None


def _seconds(error: Throttled) -> int:
    return max(1, math.ceil(error.retry_after or 5))


def locale() -> str:
    """The language in which Amazon is to word its messages."""
    return "de_DE" if (get_language() or "de").startswith("de") else "en_GB"


def why(error: AmazonError, *, role: str) -> str:
    """What stands in the way of an answer, for the merchant; `role` is what the question needs at Amazon."""
    if isinstance(error, Throttled):
        wait = _seconds(error)
        return ngettext(
            "Amazon erlaubt gerade keine weitere Frage. Versuche es in %(seconds)s Sekunde noch einmal.",
            "Amazon erlaubt gerade keine weitere Frage. Versuche es in %(seconds)s Sekunden noch einmal.",
            wait,
        ) % {"seconds": wait}
    if isinstance(error, TryLater):
        return _("Amazon antwortet gerade nicht. Versuche es in einer Minute noch einmal.")
    if isinstance(error, FixSettings):
        return _(
            "Amazon lässt Kogge nicht nachsehen. Prüfe unter Apps › Amazon die Zugangsdaten, und bei "
            "deiner App die Rolle „%(role)s“."
        ) % {"role": role}
    return _("Amazon lehnt die Frage ab: %s") % error
