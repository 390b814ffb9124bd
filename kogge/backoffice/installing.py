"""The app of a channel at a merchant's shop: installed, registered, switched off and on, uninstalled.

Activating a channel installs its app; the owner then registers it, once, by agreeing to what it reads and
writes. Every act locks the shop first, as everything that writes, so that two of them never meet half-way.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kogge.backoffice import stock
from kogge.backoffice.channels import CHANNELS
from kogge.backoffice.models import Installation, Order
from kogge.backoffice.refusal import Refusal
from kogge.backoffice.search import TO_SHIP
from kogge.merchants.models import Merchant


def find(merchant: Merchant, channel: str) -> Installation | None:
    """The channel's app at this merchant's shop; None while it is not installed."""
    return Installation.objects.of(merchant).filter(channel=channel).first()


def is_off(merchant_id: int, channel: str) -> bool:
    """Whether the merchant has switched the channel off."""
    rows = Installation.objects.of_id(merchant_id).filter(channel=channel)
    return rows.exclude(deactivated_at=None).exists()


@transaction.atomic
def activate(merchant: Merchant, channel: str, *, now: datetime) -> Installation:
    """Install the channel's app, or let a channel that was switched off go on where it stopped."""
    installation = _install(merchant, channel, now=now)
    if installation.deactivated_at is not None:
        installation.deactivated_at = None
        installation.save(update_fields=["deactivated_at"])
        CHANNELS[channel].activate(merchant, now=now)
    return installation


@transaction.atomic
def register(merchant: Merchant, channel: str, *, by: str, now: datetime) -> Installation:
    """The owner agrees to what the app reads and writes. Who did so first stays written down.

    Raises `Refusal` when the app is not installed.
    """
    installation = _installed(merchant, channel)
    if installation.registered_at is None:
        installation.registered_at, installation.registered_by = now, by
        installation.save(update_fields=["registered_at", "registered_by"])
    return installation


@transaction.atomic
def set_up(merchant: Merchant, channel: str, *, by: str, now: datetime) -> Installation:
    """Install and register the app in one go, for whoever connects it without the pages.

    Raises `Refusal` while the channel is switched off.
    """
    _install(merchant, channel, now=now)
    installation = register(merchant, channel, by=by, now=now)
    if installation.deactivated_at is not None:
        raise Refusal(_("Der Verkaufskanal ist deaktiviert. Aktiviere ihn zuerst unter „Verkaufskanäle“."))
    return installation


@transaction.atomic
def deactivate(merchant: Merchant, channel: str, *, now: datetime) -> Installation:
    """Switch the channel off: no traffic any more, everything stays. Raises `Refusal` when not installed."""
    installation = _installed(merchant, channel)
    if installation.deactivated_at is None:
        installation.deactivated_at = now
        installation.save(update_fields=["deactivated_at"])
        CHANNELS[channel].deactivate(merchant, now=now)
    return installation


@transaction.atomic
def uninstall(merchant: Merchant, channel: str, *, even_open: bool, now: datetime) -> None:
    """Let go of the app: its credentials and the personal data that came with it are forgotten.

    What must still be shipped needs its address: without `even_open` this raises `Refusal` while orders of
    the channel are open. It also does when the app is not installed.
    """
    installation = _installed(merchant, channel)
    count = open_orders(merchant, channel).count()
    if count and not even_open:
        sentence = ngettext(
            "%(count)s Bestellung ist noch zu versenden und braucht ihre Adresse. Versende oder storniere "
            "sie zuerst, oder bestätige, dass auch ihre Adresse gelöscht wird.",
            "%(count)s Bestellungen sind noch zu versenden und brauchen ihre Adressen. Versende oder "
            "storniere sie zuerst, oder bestätige, dass auch ihre Adressen gelöscht werden.",
            count,
        )
        raise Refusal(sentence % {"count": count})
    CHANNELS[channel].uninstall(merchant, now=now)
    installation.delete()


def open_orders(merchant: Merchant, channel: str) -> QuerySet[Order]:
    """The channel's orders that the merchant still has to ship, in full or in part."""
    return Order.objects.of(merchant).filter(TO_SHIP, channel=channel)


def _install(merchant: Merchant, channel: str, *, now: datetime) -> Installation:
    """The installation, made if there is none; the shop is locked."""
    stock.lock_shop(merchant.pk)
    installation, _created = Installation.objects.everyone().get_or_create(
        merchant=merchant, channel=channel, defaults={"installed_at": now}
    )
    return installation


def _installed(merchant: Merchant, channel: str) -> Installation:
    """The installation; the shop is locked. Raises `Refusal`."""
    stock.lock_shop(merchant.pk)
    installation = find(merchant, channel)
    if installation is None:
        raise Refusal(_("Diese App ist nicht installiert."))
    return installation
