"""One Amazon seller account in one region, the marketplaces under it, and the secrets to reach it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class Connection(models.Model):
    """A seller account in a region. Paused connections send nothing and ask nothing."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Verbunden")
        PAUSED = "paused", _("Angehalten")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="connections")
    region = models.CharField(max_length=2)  # eu, na, fe
    seller_id = models.CharField(_("Händler-ID"), max_length=40)
    client_id = models.CharField(max_length=120)
    sealed_credentials = models.BinaryField()  # client secret and refresh token as sealed JSON
    sealed_access_token = models.BinaryField(null=True)
    access_token_expires_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    # Why it is paused: a word of spapi's FixSettings ("invalid_grant" …), "by_merchant", "channel_off"
    # or "disconnected".
    pause_reason = models.CharField(max_length=40, default="")
    paused_at = models.DateTimeField(null=True)
    # Operations Amazon denies (a role is missing), comma separated: they alone wait, the others run on.
    denied_operations = models.CharField(max_length=400, default="")
    store_name = models.CharField(max_length=200, default="")
    dispatch_mail = models.BooleanField(_("Versandbestätigung an Amazon-Käufer senden"), default=False)
    is_private_app = models.BooleanField(default=True)
    connected_at = models.DateTimeField()
    start_from = models.DateTimeField()  # orders from this moment on are taken in
    consent_expires_on = models.DateField(null=True)  # public apps: 365 days after consent
    secret_expires_on = models.DateField(null=True)  # client secrets live 180 days
    working_data_sets = models.CharField(max_length=200, default="")  # degraded set, comma separated
    data_sets_until = models.DateTimeField(null=True)  # when to try the full set again
    orders_seen_at = models.DateTimeField(null=True)  # last look of a person, for "new since"

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "region", "seller_id"], name="seller_account_once")
        ]


class ConnectionMarketplace(models.Model):
    """A marketplace the account takes part in; only active ones are asked for orders."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="marketplaces")
    marketplace_id = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    store_name = models.CharField(max_length=200, default="")
    active = models.BooleanField(default=False)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "marketplace_id"], name="marketplace_once")
        ]


class ConsentAttempt(models.Model):
    """A merchant on the way to Amazon's consent page: state bound to the session, single use."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    state_digest = models.CharField(max_length=64, unique=True)
    session_digest = models.CharField(max_length=64)
    region = models.CharField(max_length=2)
    application_id = models.CharField(max_length=120)
    client_id = models.CharField(max_length=120)
    sealed_client_secret = models.BinaryField()
    redirect_uri = models.CharField(max_length=500, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class CarrierCode(models.Model):
    """How a carrier of the shop is spelled at Amazon. Empty code means Amazon's "Other" + name."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    shop_carrier = models.CharField(_("Versender im Shop"), max_length=80)
    carrier_code = models.CharField(_("Code bei Amazon"), max_length=80)
    shipping_method = models.CharField(_("Versandart bei Amazon"), max_length=80, blank=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "shop_carrier"], name="carrier_once")]
