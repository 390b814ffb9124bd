"""Which product of the shop is which article at Amazon."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager

LONGEST_LEAD_TIME = 30  # days; Amazon accepts no longer handling times


class Offer(models.Model):
    """A product of the shop on Amazon: the box "Kanäle". Empty overrides mean the product's own value."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    product_id = models.CharField(max_length=40)  # the shop's own key of the product
    enabled = models.BooleanField(_("Amazon"), default=True)
    asin = models.CharField(_("ASIN"), max_length=10, blank=True)
    sku = models.CharField(_("Amazon-SKU"), max_length=40, blank=True)
    stock = models.PositiveIntegerField(_("Abweichender Warenbestand"), null=True, blank=True)
    lead_time_days = models.PositiveSmallIntegerField(
        _("Abweichende Lieferzeitangabe"), null=True, blank=True
    )
    price = models.DecimalField(
        _("Abweichender Preis"), max_digits=14, decimal_places=2, null=True, blank=True
    )
    # Units Amazon is not told of, against selling the last piece twice; empty: the connection's own buffer.
    buffer = models.PositiveIntegerField(_("Sicherheitsbestand"), null=True, blank=True)
    # Shop orders for the product are handed to Amazon, which ships them out of its warehouse.
    fba = models.BooleanField(_("FBA"), default=False)
    # The SKU under which Amazon keeps it there, often another one than the merchant's own offer has.
    fba_sku = models.CharField(_("FBA-SKU"), max_length=50, blank=True)
    changed_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "product_id"], name="one_offer_a_product")]
        indexes = [
            models.Index(fields=["merchant", "asin"], name="offer_asin"),
            models.Index(fields=["merchant", "sku"], name="offer_sku"),
            models.Index(fields=["merchant", "product_id"], name="offer_fba", condition=Q(fba=True)),
        ]

    @property
    def sku_in_warehouse(self) -> str:
        """The SKU to name when Amazon shall ship the product; empty while none is known."""
        return self.fba_sku or self.sku

    @property
    def is_kept_by_amazon(self) -> bool:
        """Whether the offer's own SKU is the one Amazon ships from its warehouse, and so counts itself."""
        return self.fba and self.sku == self.sku_in_warehouse


class OfferPrice(models.Model):
    """The overriding price of an offer in one marketplace, in that marketplace's currency."""

    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="prices")
    marketplace_id = models.CharField(max_length=20)
    price = models.DecimalField(_("Abweichender Preis"), max_digits=14, decimal_places=2)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("offer__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["offer", "marketplace_id"], name="one_price_a_marketplace")
        ]


class SkuLink(models.Model):
    """What a seller SKU was found to be: learned from a merchant's "Produkt zuordnen"."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    sku = models.CharField(max_length=80)
    product_id = models.CharField(max_length=40)
    linked_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "sku"], name="sku_linked_once")]
