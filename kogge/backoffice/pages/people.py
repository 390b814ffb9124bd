"""The people of an order for a page that must be drawn even when their document cannot be opened."""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _

from kogge.backoffice.models import Order
from kogge.backoffice.people import People, read_people
from kogge.merchants.vault import CannotOpen

logger = logging.getLogger(__name__)


def people_of(order: Order) -> People:
    """The people of an order; nobody, and a line in the log, when a key of the ring is missing."""
    try:
        return read_people(order)
    except CannotOpen:
        logger.exception("order %s: the people cannot be opened with the present keys", order.pk)
        return People()


def buyer_of(order: Order) -> str:
    """Who bought, in a few words."""
    people = people_of(order)
    if name := people.buyer_name or people.shipping.name or people.company or people.shipping.company:
        return name
    return _("Daten gelöscht") if order.people_forgotten_at else ""
