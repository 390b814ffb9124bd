"""What Amazon said about each order, how far each query has got, and the parcels told to Amazon."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import OutboundAct, Run
from kogge.merchants.scoping import ScopedManager


class OrderCursor(models.Model):
    """How far a query for orders has got. It moves only in the transaction that stores the orders."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    kind = models.CharField(max_length=10, choices=Run.Kind.choices)
    # The upper bound Amazon echoed on the first page of the last finished query; "" before the first.
    watermark = models.CharField(max_length=40, default="")
    # A query under way: its exact text, the next page's token, the bound its first page echoed.
    query = models.TextField(default="")
    page_token = models.TextField(default="")
    upper_bound = models.CharField(max_length=40, default="")
    token_from = models.DateTimeField(null=True)  # tokens live 24 h
    finished_at = models.DateTimeField(null=True)
    # Where the first query with a smaller data set began: once Amazon is whole again, all orders
    # since then are asked for again and completed.
    incomplete_since = models.CharField(max_length=40, default="")
    # The marketplaces that the watermark speaks for: one that is added later is asked from the beginning.
    covers = models.CharField(max_length=600, default="")
    # Seconds by which Amazon's clock was ahead of ours at the last answer.
    clock_ahead_s = models.IntegerField(default=0)
    # Backfill only: the slice under way (`slice_from`, `slice_until`) of everything up to `until`.
    # The newest slice comes first, because newer orders matter more.
    slice_from = models.DateTimeField(null=True)
    slice_until = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind"], name="one_cursor_a_query")]


class AmazonOrder(models.Model):
    """An order as Amazon tells it. Personal data live in the shop; here only sealed, while waiting."""

    class Intake(models.TextChoices):
        RESERVED = "reserved", _("Wartet auf Zahlungsfreigabe bei Amazon")
        TO_PLACE = "to_place", _("Wird in den Shop übernommen")
        PLACED = "placed", _("Im Shop")
        REFUSED = "refused", _("Vom Shop abgelehnt")
        IGNORED = "ignored", _("Nicht zu übernehmen")  # FBA, cancelled before it was taken in
        UNREADABLE = "unreadable", _("Nicht lesbar")

    # Keys without an index of their own are the first of a unique constraint or index below.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="orders", db_index=False
    )
    # Amazon's id; of an unreadable order without one: "?" and a digest of what was received.
    order_id = models.CharField(max_length=40)
    intake = models.CharField(max_length=12, choices=Intake.choices)
    marketplace_id = models.CharField(max_length=20, default="")
    status = models.CharField(max_length=40, default="")  # Amazon's own word, also unknown ones
    fulfilled_by = models.CharField(max_length=20, default="")
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)  # Amazon's lastUpdatedTime
    first_seen_at = models.DateTimeField()
    data_sets = models.CharField(max_length=120, default="")  # what was asked for when it was stored
    service_level = models.CharField(max_length=40, default="")
    programs = models.CharField(max_length=200, default="")
    ship_by = models.DateTimeField(null=True)
    deliver_by = models.DateTimeField(null=True)
    has_address = models.BooleanField(default=False)  # Amazon told where the parcel goes
    currency = models.CharField(max_length=3, default="")
    total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    sum_matches = models.BooleanField(default=True)  # promise 5; False is flagged and Trouble
    replaces = models.CharField(max_length=20, default="")  # original order of a free replacement
    cancel_requested = models.BooleanField(default=False)  # the buyer asks; nothing is cancelled yet
    cancelled_by = models.CharField(max_length=20, default="")
    shop_order_id = models.CharField(max_length=40, default="")
    shop_order_number = models.CharField(max_length=40, default="")
    # The order as received, sealed: kept only while it waits to be placed or cannot be read.
    sealed_raw = models.BinaryField(null=True)
    purge_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "order_id"], name="amazon_order_once"),
            models.CheckConstraint(
                condition=~Q(intake="placed") | ~Q(shop_order_id=""), name="placed_names_the_shop_order"
            ),
        ]
        indexes = [
            # What waits, was refused or cannot be read keeps its raw text; nothing else does.
            models.Index(
                fields=["connection", "intake"],
                condition=Q(sealed_raw__isnull=False),
                name="orders_not_placed",
            ),
            models.Index(
                fields=["connection", "purge_at"], condition=Q(purged_at__isnull=True), name="orders_to_purge"
            ),
            models.Index(fields=["connection", "created_at"], name="amazon_orders_by_day"),
        ]


class AmazonOrderItem(models.Model):
    """A position of an Amazon order: its ids and quantities, needed to ship and to cancel."""

    order = models.ForeignKey(AmazonOrder, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveSmallIntegerField()
    item_id = models.CharField(max_length=40)
    asin = models.CharField(max_length=20, default="")
    sku = models.CharField(max_length=80, default="")
    title = models.CharField(max_length=500, default="")
    quantity = models.PositiveIntegerField()
    fulfilled = models.PositiveIntegerField(default=0)
    product_id = models.CharField(max_length=40, default="")  # the shop's product; "" while unknown

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("order__connection__merchant")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["order", "item_id"], name="amazon_item_once")]


class ShipmentConfirmation(OutboundAct):
    """A parcel Amazon must hear of. Its number is the shop's parcel counter: a retry is an edit."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="confirmations")
    order = models.ForeignKey(AmazonOrder, on_delete=models.CASCADE, related_name="confirmations")
    parcel = models.PositiveSmallIntegerField()
    carrier = models.CharField(max_length=80)  # as the shop spells it; mapped when it is sent
    tracking_number = models.CharField(max_length=100)
    shipped_at = models.DateTimeField()
    quantities = models.JSONField(default=dict)  # Amazon's item id -> units
    ship_by = models.DateTimeField(null=True)  # the order's deadline: the most urgent go first
    # Grows when the merchant corrects the parcel, so that an older request cannot count as this one.
    edition = models.PositiveSmallIntegerField(default=1)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "parcel"], name="parcel_told_once")]
        indexes = [
            models.Index(fields=["connection", "state", "ship_by"], name="confirmations_waiting"),
            # Counted for all connections at once; few parcels are ever in it.
            models.Index(
                fields=["state"],
                name="confirmations_unsettled",
                condition=Q(state__in=["waiting", "sending", "rejected"]),
            ),
        ]


class ShopCursor(models.Model):
    """How far the shop's list of changes has been read."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="shop_cursor")
    cursor = models.CharField(max_length=80, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")
