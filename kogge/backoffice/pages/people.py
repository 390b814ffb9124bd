"""The people of an order, for the pages."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kogge.backoffice.models import Order
from kogge.backoffice.people import people_of


def buyer_of(order: Order) -> str:
    """Who bought, in a few words."""
    people = people_of(order)
    if name := people.buyer_name or people.shipping.name or people.company or people.shipping.company:
        return name
    return _("Daten gelöscht") if order.people_forgotten_at else ""
