"""Who may use the shop's API, and what the API keeps that the shop itself has no use for."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.backoffice.models import Order, Product
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class ApiKey(models.Model):
    """What somebody outside signs in with: the shop's own key, or an app that the merchant registers.

    An app has a public key and a secret; its token comes when the merchant agrees. The password it sends is
    computed from both (`access.py`). A shop key is its own password; the user is the word "api".
    """

    class Kind(models.TextChoices):
        APP = "app", _("App")
        SHOP = "shop", _("Schlüssel des Shops")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    name = models.CharField(_("Name"), max_length=100)
    key = models.CharField(max_length=40, unique=True)  # public, of an app; of a shop key its fingerprint
    sealed_secret = models.BinaryField()  # of an app; empty of a shop key, whose fingerprint is enough
    token = models.CharField(max_length=16, default="")  # empty: the merchant has not agreed yet
    redirect_url = models.CharField(_("Rücksprungadresse"), max_length=500, blank=True)
    may_write = models.BooleanField(_("Darf schreiben"), default=False)
    # Orders, payments, shipments, customers and addresses are unlocked apart from the rest.
    may_write_orders = models.BooleanField(_("Darf Bestellungen schreiben"), default=False)
    created_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class Metafield(models.Model):
    """A value an app keeps at a product, an order, a customer or the shop; written again, it is replaced."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    owner_type = models.CharField(max_length=20)  # "Product", "Order", "Customer", "Shop"
    owner_id = models.BigIntegerField()
    namespace = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    value = models.TextField(blank=True)
    value_type = models.PositiveSmallIntegerField(default=0)
    description = models.CharField(max_length=500, blank=True)
    position = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "owner_type", "owner_id", "namespace", "key"], name="metafield_once"
            )
        ]


class ProductExtras(models.Model):
    """Fields of the API that the shop does not use itself: kept and given back as they were written."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="extras")
    fields = models.JSONField(default=dict)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("product__merchant")


class ProductProperty(models.Model):
    """Something an app or the merchant says of a product, "Farbe: rot"; the shop itself has no use for it."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="properties")
    key = models.CharField(max_length=100)
    value = models.CharField(max_length=1000, blank=True)
    position = models.IntegerField(null=True)
    is_visible = models.BooleanField(default=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["product", "key"], name="property_once")]


class OrderExtras(models.Model):
    """The same of an order; also who wrote it (`source`)."""

    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="extras")
    fields = models.JSONField(default=dict)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("order__merchant")


class Customer(models.Model):
    """Somebody an app wrote down as a customer. Who only ordered needs no row: see `people.py`."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    sealed_person = models.BinaryField()
    email_fingerprint = models.BinaryField(max_length=8)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "email_fingerprint"], name="customer_once")
        ]


class Gone(models.Model):
    """A product or an order that was deleted, until every webhook was told."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10)  # "product", "order"
    record_id = models.BigIntegerField()
    at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class Webhook(models.Model):
    """An address that is told when something changes. A hint, not a message: whoever gets it reads again."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    url = models.CharField(_("Adresse"), max_length=500)
    shop_url = models.CharField(max_length=500, default="")  # where the shop was reached when it was written
    created_at = models.DateTimeField()
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    last_error = models.TextField(default="")
    last_told_at = models.DateTimeField(null=True)
    # What has been told: the shop's event log behind this id, and products changed after this moment.
    told_event = models.BigIntegerField(default=0)
    told_products_until = models.DateTimeField(null=True)
    told_products_to = models.BigIntegerField(default=0)  # of those of that moment itself, up to this id
    told_product = models.BigIntegerField(default=0)  # the newest product it knows of
    told_gone = models.BigIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)  # told nothing any more, until it is written anew

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "url"], name="webhook_once", condition=~Q(url=""))
        ]

    @property
    def state(self) -> str:
        """active, failing or given_up."""
        if self.given_up_at:
            return "given_up"
        return "failing" if self.failures else "active"
