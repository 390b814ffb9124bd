"""The remote shop a merchant works in, what of it is what in the copy, and what it must be told."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from kogge.backoffice.models import Order, OrderLine, Parcel, Product
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager


class RemoteShop(models.Model):
    """How a merchant's shop is reached. Paused, it is neither asked nor told anything; errands wait."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Verbunden")
        PAUSED = "paused", _("Angehalten")

    class Way(models.TextChoices):
        APP = "app", _("Als App registriert")
        SHOP_KEY = "shop_key", _("Mit dem Schlüssel des Shops")

    class OrderItems(models.TextChoices):
        NESTED = "nested", _("In der Bestellung, als „items“")
        ATTRIBUTES = "attributes", _("In der Bestellung, als „items_attributes“")
        SEPARATE = "separate", _("Einzeln nach der Bestellung")

    class Payment(models.TextChoices):
        STATUS = "status", _("Bezahlstatus der Bestellung")
        RECORD = "record", _("Eigene Zahlung zur Bestellung")

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, related_name="remote_shop")
    system = models.CharField(max_length=20, default="versacommerce")  # a key of connecting.SYSTEMS
    url = models.CharField(_("Adresse des Shops"), max_length=200)  # https://mein-shop.versacommerce.de
    way = models.CharField(max_length=10, choices=Way.choices)
    api_key = models.CharField(max_length=80, default="")  # the app's public key; empty with a shop key
    sealed_secrets = models.BinaryField(null=True)  # app secret and token, or the shop key, as sealed JSON
    sealed_hint = models.BinaryField(null=True)  # the secret word in the webhook's address
    hint_digest = models.CharField(max_length=64, default="", db_index=True)
    name = models.CharField(max_length=200, default="")
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    pause_reason = models.CharField(max_length=40, default="")  # a `Reason`, or "by_merchant"
    paused_at = models.DateTimeField(null=True)
    may_write_orders = models.BooleanField(null=True)  # None: not known yet
    connected_at = models.DateTimeField()
    products_read_at = models.DateTimeField(null=True)
    orders_read_at = models.DateTimeField(null=True)
    # How far back the last reading of orders went without a gap; orders placed before this are all known.
    orders_read_until = models.DateTimeField(null=True)
    orders_swept_at = models.DateTimeField(null=True)  # when all orders of the last weeks were read
    orders_unreadable = models.JSONField(default=list)  # numbers of orders that make no sense; "" without one
    last_error = models.TextField(default="")
    # What the real API leaves open; the handbook tells how to find out on a real shop.
    order_items = models.CharField(max_length=12, choices=OrderItems.choices, default=OrderItems.NESTED)
    payment = models.CharField(max_length=10, choices=Payment.choices, default=Payment.STATUS)
    orders_take_stock = models.BooleanField(default=True)  # the shop counts down for orders that we write
    cancelling_gives_back = models.BooleanField(default=True)  # the shop gives stock back on cancelling
    handing_over_gives_back = models.BooleanField(default=True)  # we raise the stock when Amazon ships it
    signature_required = models.BooleanField(default=True)  # of the way back from registering
    writes_email = models.BooleanField(default=True)  # the buyer's relay address; without it no mails
    # Products of the last full reading that are not in the copy, and of the first of them a key of
    # `words.PRODUCT_TROUBLE` and which it is.
    products_left_out = models.PositiveIntegerField(default=0)
    products_trouble = models.JSONField(default=list)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class RegistrationAttempt(models.Model):
    """An owner on the way to the shop's registration page: bound to the session, good once, for an hour."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    session_digest = models.CharField(max_length=64)
    system = models.CharField(max_length=20)
    url = models.CharField(max_length=200)
    api_key = models.CharField(max_length=80)
    sealed_secret = models.BinaryField()
    signature_required = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class RemoteProductLink(models.Model):
    """Which product of the copy is which of the shop, and what the shop said last."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="remote")
    remote_id = models.CharField(max_length=40)
    seen_stock = models.IntegerField(null=True)  # as last read; None: the shop does not count it
    stock_read_at = models.DateTimeField(null=True)  # when that reading began; an older one comes too late
    seen_at = models.DateTimeField()
    is_gone = models.BooleanField(default=False)
    # What stood about Amazon at the shop's product when it was read or written last, as `ChannelFields`;
    # None: never looked. `fields_written` names the errands that write it.
    seen_fields = models.JSONField(null=True)
    fields_written = models.PositiveIntegerField(default=0)
    fields_trouble = models.CharField(max_length=500, default="")  # what of it cannot be taken in

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "remote_id"], name="remote_product_once")]


class RemoteOrderLink(models.Model):
    """Which order of the copy is which of the shop. Without `remote_id` it is still to be written there."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="remote")
    remote_id = models.CharField(max_length=40, default="")
    number = models.CharField(max_length=40, default="")  # the order number people read over there
    written_at = models.DateTimeField(null=True)  # when it was certain that the shop has it
    read_at = models.DateTimeField(null=True)
    seen = models.CharField(max_length=32, default="")  # a digest of how it was shown last
    parcels_read_at = models.DateTimeField(null=True)  # None: to be read again
    is_cancelled = models.BooleanField(default=False)  # over there, as last seen; told to the copy once
    # When the shop was last seen to count its stock differently for the order (`RemoteLineLink.taken`).
    taken_at = models.DateTimeField(null=True)
    is_settled = models.BooleanField(
        default=False
    )  # closed, cancelled or gone: no longer looked at by itself
    trouble = models.TextField(default="")  # what of it Kogge cannot follow, in a sentence
    closed_trouble = models.TextField(default="")  # what of that the merchant has seen to: not said again

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "remote_id"], name="remote_order_once", condition=~Q(remote_id="")
            )
        ]
        indexes = [
            models.Index(
                fields=["merchant", "read_at"], name="remote_orders_open", condition=Q(is_settled=False)
            ),
            models.Index(fields=["merchant", "taken_at"], name="remote_orders_taken"),
        ]


class RemoteLineLink(models.Model):
    """Which line of the copy is which item of the shop's order."""

    link = models.ForeignKey(RemoteOrderLink, on_delete=models.CASCADE, related_name="lines")
    line = models.OneToOneField(OrderLine, on_delete=models.CASCADE, related_name="remote")
    remote_id = models.CharField(max_length=40)
    taken = models.PositiveIntegerField(default=0)  # units by which the shop itself counted its stock down

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("link__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "remote_id"], name="remote_line_once")]


class RemoteParcelLink(models.Model):
    """Which parcel of the copy is which shipment of the shop; None: its units left before we heard of it."""

    link = models.ForeignKey(RemoteOrderLink, on_delete=models.CASCADE, related_name="parcels")
    parcel = models.OneToOneField(Parcel, null=True, on_delete=models.CASCADE, related_name="remote")
    remote_id = models.CharField(max_length=40)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("link__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "remote_id"], name="remote_parcel_once")]


class Errand(models.Model):
    """Something the remote shop must be told: a row before it is a request (promise 3).

    Errands about one order are done in the order of their ids. `key` makes each at most once.
    """

    class Kind(models.TextChoices):
        CREATE_ORDER = "create_order", _("Bestellung anlegen")
        CHANGE_PEOPLE = "change_people", _("Adresse ergänzen")
        CANCEL_ORDER = "cancel_order", _("Bestellung stornieren")
        REOPEN_ORDER = "reopen_order", _("Stornierung zurücknehmen")
        ADD_PARCEL = "add_parcel", _("Sendung eintragen")
        CORRECT_PARCEL = "correct_parcel", _("Trackingdaten korrigieren")
        MARK_FULFILLED = "mark_fulfilled", _("Versand durch Amazon vermerken")
        MOVE_STOCK = "move_stock", _("Bestand ändern")
        WRITE_FIELDS = "write_fields", _("Amazon-Felder schreiben")
        FORGET_PEOPLE = "forget_people", _("Personenbezogene Daten löschen")

    class State(models.TextChoices):
        WAITING = "waiting", _("Wartet")
        SENDING = "sending", _("Wird übertragen")  # committed before the request: it may have happened
        DONE = "done", _("Erledigt")
        STUCK = "stuck", _("Braucht dich")  # the shop refused it; a human decides

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=160)
    order = models.ForeignKey(Order, null=True, on_delete=models.CASCADE, related_name="errands")
    product = models.ForeignKey(Product, null=True, on_delete=models.CASCADE, related_name="errands")
    parcel = models.ForeignKey(Parcel, null=True, on_delete=models.CASCADE, related_name="errands")
    units = models.IntegerField(default=0)  # of MOVE_STOCK: what is added to the shop's stock
    seen_stock = models.IntegerField(null=True)  # of MOVE_STOCK: what the shop had when it was told
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    last_error = models.TextField(default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "key"], name="errand_once")]
        indexes = [
            models.Index(
                fields=["merchant", "not_before", "id"], name="errands_to_run", condition=~Q(state="done")
            ),
            models.Index(fields=["merchant", "done_at"], name="errands_done", condition=Q(state="done")),
        ]


# Errands that are not done. The word is a literal: else SQLite does not see that the index of them fits.
OPEN = ~Q(state=Func(template="'done'", output_field=models.CharField()))
