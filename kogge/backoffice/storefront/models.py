"""The shop's own storefront: whether it is open, what it charges for sending, what the law wants said."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.backoffice.models import Order
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class Storefront(models.Model):
    """A merchant's storefront. Closed until the merchant opens it and has said who they are."""

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, related_name="storefront")
    is_open = models.BooleanField(_("Geöffnet"), default=False)
    imprint = models.TextField(_("Impressum"), blank=True)
    terms = models.TextField(_("AGB"), blank=True)
    privacy = models.TextField(_("Datenschutzerklärung"), blank=True)
    withdrawal = models.TextField(_("Widerrufsbelehrung"), blank=True)
    bank_account = models.TextField(_("Bankverbindung für Vorkasse"), blank=True)
    takes_prepayment = models.BooleanField(_("Vorkasse"), default=True)
    takes_invoice = models.BooleanField(_("Rechnung"), default=False)
    countries = models.CharField(_("Lieferländer"), max_length=40, default="DE")  # codes with commas between

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class ShippingOption(models.Model):
    """A way the storefront sends, with its price. `title` is the shop's word, "Express" (Versandart)."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="shipping_options")
    title = models.CharField(_("Versandart"), max_length=40)
    price = models.DecimalField(_("Versandkosten"), max_digits=8, decimal_places=2)
    free_from = models.DecimalField(
        _("Versandkostenfrei ab"), max_digits=10, decimal_places=2, null=True, blank=True
    )
    extra_days = models.PositiveSmallIntegerField(_("Laufzeit in Werktagen"), default=2)
    position = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "title"], name="shipping_option_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="shipping_costs_nothing_less"),
        ]


class Purchase(models.Model):
    """An order that somebody placed in the storefront. The token of its checkout lets it happen once."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    token = models.CharField(max_length=43)
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="purchase")
    at = models.DateTimeField()
    # A fingerprint of the network address, to count orders of the last hour; the next order after it
    # empties it.
    address = models.CharField(max_length=32, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "token"], name="checkout_ends_once")]
        indexes = [
            models.Index(
                fields=["merchant", "address"], name="purchases_by_address", condition=~Q(address="")
            )
        ]
