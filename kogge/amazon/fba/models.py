"""What lies in Amazon's warehouses, and the shop orders Amazon ships from there."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager

CUT_OFF_MINUTES = 5
LONGEST_CUT_OFF_MINUTES = 24 * 60


class FulfillmentSettings(models.Model):
    """How a connection has Amazon ship shop orders, and what it learned about the account.

    `prefix` begins the ids of all its fulfilment orders: Amazon never forgets an id, so a shop that starts
    its numbers anew must not meet its old orders.
    """

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, primary_key=True, related_name="fulfillment_settings"
    )
    prefix = models.CharField(max_length=8, unique=True)  # K and seven of A-Z2-7
    version = models.CharField(max_length=10, default="")  # of Fulfillment Outbound; empty: not probed yet
    # The marketplace whose warehouses ship; empty: the first active one. Continental and British stock
    # are apart, so one of them has to be chosen.
    origin = models.CharField(max_length=20, default="", blank=True)
    cut_off_minutes = models.PositiveSmallIntegerField(_("Bedenkzeit in Minuten"), default=CUT_OFF_MINUTES)
    allow_partial = models.BooleanField(_("Teillieferungen erlauben"), default=False)
    unbranded = models.BooleanField(_("Neutrale Verpackung"), default=False)
    comment = models.CharField(_("Text auf dem Lieferschein"), max_length=300, default="", blank=True)
    shop_sells_stock = models.BooleanField(_("Bestand im Amazon-Lager im Shop verkaufen"), default=True)
    # Reading the stock: when all of it was read, up to when its changes are known, and what came of it.
    stock_read_at = models.DateTimeField(null=True)
    stock_known_to = models.DateTimeField(null=True)
    stock_problem = models.CharField(max_length=20, default="")  # "refused", "denied"; empty: it can be read

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cut_off_minutes__lte=LONGEST_CUT_OFF_MINUTES), name="cut_off_at_most_a_day"
            )
        ]


class FbaStock(models.Model):
    """A SKU in Amazon's warehouses, as it was last read. None: Amazon left the figure out.

    `fulfillable` units can be shipped; those `in_transfer` between warehouses cannot (models#5260).
    """

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="fba_stock",
        db_index=False,  # covered below
    )
    sku = models.CharField(max_length=50)
    asin = models.CharField(max_length=20, default="")
    fn_sku = models.CharField(max_length=40, default="")
    condition = models.CharField(max_length=40, default="")
    fulfillable = models.PositiveIntegerField(null=True)
    reserved = models.PositiveIntegerField(null=True)
    in_transfer = models.PositiveIntegerField(null=True)
    inbound = models.PositiveIntegerField(null=True)
    unfulfillable = models.PositiveIntegerField(null=True)
    total = models.PositiveIntegerField(null=True)
    changed_at = models.DateTimeField(null=True)  # as Amazon says
    read_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "sku"], name="fba_sku_once")]
        indexes = [models.Index(fields=["connection", "asin"], name="fba_stock_asin")]


class ShippingSpeed(models.Model):
    """Which of Amazon's speeds a shipping method of the shop means."""

    class Speed(models.TextChoices):
        STANDARD = "STANDARD", _("Standard")
        EXPEDITED = "EXPEDITED", _("Express")
        PRIORITY = "PRIORITY", _("Priorität")

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE)
    shop_method = models.CharField(_("Versandart im Shop"), max_length=40)
    speed = models.CharField(_("Geschwindigkeit bei Amazon"), max_length=10, choices=Speed.choices)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "shop_method"], name="shipping_method_once")
        ]


class OwnOrderCursor(models.Model):
    """How far a merchant's own orders have been read."""

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, primary_key=True)
    cursor = models.CharField(max_length=80, default="")
    # Since when Amazon ships anything for the merchant; None while it ships nothing. Earlier orders are
    # the merchant's to ship.
    begun_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()


class FulfillmentOrder(models.Model):
    """A shop order, or its FBA lines, that Amazon ships: a row before it is a request (promise 3).

    `order_id` is known to Amazon for ever and thereby the key against shipping twice. The address is not
    kept: it is read from the shop when the order is sent.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("Geht bald an Amazon")  # the merchant can stop it without Amazon
        SENDING = "sending", _("Wird übergeben")  # began; the outcome is not known yet
        HANDED = "handed", _("Bei Amazon")
        DONE = "done", _("Von Amazon versendet")
        PARTIAL = "partial", _("Teilweise von Amazon versendet")  # the rest is the merchant's
        CANCELLED = "cancelled", _("Bei Amazon storniert")
        RETURNED = "returned", _("Zurück bei dir")  # Amazon cannot or will not
        STOPPED = "stopped", _("Nicht übergeben")  # never reached Amazon

    class Wish(models.TextChoices):
        """What the merchant wants once Amazon has cancelled."""

        SHIP_SELF = "ship_self", _("selbst versenden")
        CANCEL_ORDER = "cancel_order", _("die Bestellung stornieren")
        RESEND = "resend", _("neu an Amazon übergeben")

    OPEN_STATES = (State.PLANNED, State.SENDING, State.HANDED)

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="fulfillment_orders",
        db_index=False,  # covered below
    )
    shop_order_id = models.CharField(max_length=40)
    shop_number = models.CharField(max_length=40)
    attempt = models.PositiveSmallIntegerField()  # counts the fulfilment orders of a shop order from 1
    order_id = models.CharField(max_length=40)  # prefix-number-attempt
    version = models.CharField(max_length=10, default="")  # of the API that created it
    origin = models.CharField(max_length=20)  # marketplace
    speed = models.CharField(max_length=10, choices=ShippingSpeed.Speed.choices)
    shipping_method = models.CharField(max_length=40, default="")  # the shop's word
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    reason = models.CharField(max_length=30, default="")  # a key of fba/words.py; empty: nothing to say
    details = models.JSONField(default=dict)  # fills the reason's sentence; no personal data
    created_at = models.DateTimeField()
    hand_over_at = models.DateTimeField()  # end of the cut-off window
    # `Foresight` as JSON: what Amazon said it would do; None until it was asked.
    preview_json = models.JSONField(null=True)
    previewed_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=list)  # of the address: keys of fba/words.py, worst first

    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)  # of the next try, while one failed
    last_error = models.TextField(default="")
    sent_at = models.DateTimeField(null=True)  # when Amazon was first asked to ship
    accepted_at = models.DateTimeField(null=True)

    # What Amazon said last: one of spapi's STATUSES or something new.
    amazon_status = models.CharField(max_length=40, default="")
    picking_begun = models.BooleanField(default=False)
    received_at = models.DateTimeField(null=True)
    status_changed_at = models.DateTimeField(null=True)
    leaves_at = models.DateTimeField(null=True)  # estimates: latest of what the preview or the order says
    arrives_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    looks = models.PositiveIntegerField(default=0)
    look_at = models.DateTimeField(null=True)  # when Amazon is to be asked next; None: no more
    finished_at = models.DateTimeField(null=True)

    wish = models.CharField(max_length=12, choices=Wish.choices, default="")  # empty: no cancelling
    wish_reason = models.CharField(max_length=30, default="")  # why the shop order is to be cancelled
    wished_at = models.DateTimeField(null=True)
    wished_by = models.CharField(max_length=200, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "order_id"], name="fulfillment_order_id_once"),
            models.UniqueConstraint(
                fields=["merchant", "shop_order_id", "attempt"], name="fulfillment_attempt_once"
            ),
            # Never two at once for the same lines of a shop order.
            models.UniqueConstraint(
                fields=["merchant", "shop_order_id", "connection"],
                name="one_open_fulfillment_order",
                condition=Q(state__in=["planned", "sending", "handed"]),
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-created_at", "-id"], name="fulfillment_newest"),
            models.Index(fields=["connection", "state", "hand_over_at"], name="fulfillment_to_send"),
            models.Index(
                fields=["connection", "look_at"],
                name="fulfillment_to_look",
                condition=Q(look_at__isnull=False),
            ),
            models.Index(
                fields=["connection"], name="fulfillment_wishes", condition=~Q(wish="") & Q(state="handed")
            ),
        ]

    @property
    def is_open(self) -> bool:
        """Whether Amazon ships it or is about to."""
        return self.state in self.OPEN_STATES


class FulfillmentLine(models.Model):
    """A line of a shop order in a fulfilment order. The counts are in total so far.

    `shipped` units are in parcels the shop knows; `returned` ones were given back to the merchant.
    """

    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.CASCADE, related_name="lines")
    line_id = models.CharField(max_length=50)  # the shop's, and Amazon's
    product_id = models.CharField(max_length=40)
    sku = models.CharField(max_length=50)  # at Amazon
    title = models.CharField(max_length=500, default="")
    quantity = models.PositiveIntegerField()
    shipped = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("fulfillment_order__merchant")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "line_id"], name="fulfillment_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(quantity__gte=F("shipped") + F("returned")),
                name="fulfillment_line_adds_up",
            ),
        ]


class FulfillmentPackage(models.Model):
    """A parcel Amazon sent. In the shop it is a parcel once `recorded_at` is set."""

    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.CASCADE, related_name="packages")
    key = models.CharField(max_length=120)  # shipment and package, the parcel's name in the shop
    # Units by line id, as counted; empty for one more parcel of goods that were told with another.
    quantities = models.JSONField(default=dict)
    carrier = models.CharField(max_length=80, default="")
    tracking_number = models.CharField(max_length=100, default="")
    tracking_url = models.CharField(max_length=500, default="")
    status = models.CharField(max_length=40, default="")  # Amazon's word
    left_at = models.DateTimeField(null=True)
    arrives_at = models.DateTimeField(null=True)  # an estimate
    first_seen_at = models.DateTimeField()
    recorded_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("fulfillment_order__merchant")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "key"], name="fulfillment_package_once")
        ]
