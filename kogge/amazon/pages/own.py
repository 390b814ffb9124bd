"""What a merchant may reach by an id in an address: their own, or nothing (404)."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from kogge.amazon.connections.accounts import DISCONNECTED
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Trouble
from kogge.engine import due
from kogge.merchants.access import MerchantRequest, may
from kogge.merchants.models import Merchant, Role


def connections(merchant: Merchant) -> QuerySet[Connection]:
    """The merchant's connections, those at work first."""
    return Connection.objects.of(merchant).order_by("state", "pk")


def active_connections(merchant_id: int) -> QuerySet[Connection]:
    """The merchant's connections that are at work."""
    return Connection.objects.of_id(merchant_id).filter(state=Connection.State.ACTIVE)


def standing_connections(merchant_id: int) -> QuerySet[Connection]:
    """The merchant's connections that are at work or will be again: not those that were cut."""
    return Connection.objects.of_id(merchant_id).exclude(pause_reason=DISCONNECTED)


def connection(request: MerchantRequest, pk: int) -> Connection:
    """One connection of the merchant."""
    return get_object_or_404(Connection.objects.of(request.merchant), pk=pk)


def trouble(request: MerchantRequest, pk: int) -> Trouble:
    """One trouble of the merchant."""
    return get_object_or_404(Trouble.objects.of(request.merchant).select_related("connection"), pk=pk)


def owners_only(request: MerchantRequest) -> None:
    """For pages that are of no use, or not meant, for anybody but the owner, also to look at."""
    if not may(request.role, Role.OWNER):
        raise PermissionDenied(_("Nur Inhaber dürfen die Verbindung zu Amazon einrichten."))


def check_now(merchant_id: int, *, now: datetime) -> None:
    """Have all active connections of the merchant ask Amazon for orders at once."""
    due.make_due("check_orders", list(active_connections(merchant_id).values_list("pk", flat=True)), now=now)
