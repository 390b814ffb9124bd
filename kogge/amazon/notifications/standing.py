"""How a connection's notifications stand, for pages and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.words import error_in_words
from kogge.amazon.notifications.models import Subscription
from kogge.amazon.notifications.subscribing import is_on
from kogge.spapi import notifications_v1 as amazon

NAMES: dict[str, str | Promise] = {
    amazon.ORDER_CHANGE: _("Bestellungen"),
    amazon.FEED_PROCESSING_FINISHED: _("Berichte zu Meldungen"),
    amazon.FULFILLMENT_ORDER_STATUS: _("Versand durch Amazon"),
    amazon.LISTINGS_ITEM_ISSUES_CHANGE: _("Angebote"),
}


@dataclass(frozen=True, slots=True)
class Type:
    """One type of notification. `state` is "" while Amazon was not asked for it yet."""

    kind: str
    name: str
    state: str
    reason: str
    since: datetime | None
    received_at: datetime | None

    @property
    def shown_reason(self) -> str:
        """Why Amazon does not send it, in the reader's language as far as it is known."""
        return error_in_words(self.reason)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the installation has a queue, whether the merchant wants it, and what Amazon made of it."""

    has_queue: bool
    is_on: bool
    types: Sequence[Type]

    @property
    def since(self) -> datetime | None:
        """Since when Amazon sends anything; None while it does not."""
        active = [each.since for each in self.types if each.state == Subscription.State.ACTIVE and each.since]
        return min(active, default=None)

    @property
    def received_at(self) -> datetime | None:
        """When the last notification came."""
        return max((each.received_at for each in self.types if each.received_at), default=None)


def standing(connection: Connection) -> Standing:
    """How the connection's notifications stand."""
    rows = {row.kind: row for row in Subscription.objects.everyone().filter(connection=connection)}
    return Standing(
        bool(settings.KOGGE_SQS_QUEUE_URL),
        is_on(connection),
        [_type(kind, rows.get(kind)) for kind in NAMES],
    )


def _type(kind: str, row: Subscription | None) -> Type:
    name = str(NAMES[kind])
    if row is None:
        return Type(kind, name, "", "", None, None)
    return Type(kind, name, row.state, row.reason, row.since, row.received_at)
