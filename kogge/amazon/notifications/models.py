"""Which notifications Amazon sends, and the hints they gave. Without a queue all of this stays empty."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.merchants.scoping import ScopedManager


class Destination(models.Model):
    """The installation's queue as an application of Amazon's knows it.

    It belongs to the application, not to a merchant: sellers who came by the same one share it. So do they
    the limits of its calls, which are counted under the negative of this row's key.
    """

    client_id = models.CharField(max_length=120)
    region = models.CharField(max_length=2)
    queue_arn = models.CharField(max_length=300)
    destination_id = models.CharField(max_length=100, default="")  # Amazon's; "" while it is not known
    looked_at = models.DateTimeField(null=True)  # when Amazon last said that it is there

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client_id", "region"], name="destination_once")]


class Switch(models.Model):
    """Whether a connection is to have notifications; without a row it is."""

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, primary_key=True, related_name="notification_switch"
    )
    is_on = models.BooleanField(default=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")


class Subscription(models.Model):
    """One type of notification for one connection, and what came of asking for it."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Aktiv")
        LEFT_OUT = "left_out", _("Rolle fehlt")  # Amazon denies it to the application: the others go on
        REFUSED = "refused", _("Von Amazon abgelehnt")

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="subscriptions",
        db_index=False,  # covered below
    )
    kind = models.CharField(max_length=60)  # Amazon's name of the type
    state = models.CharField(max_length=10, choices=State.choices)
    subscription_id = models.CharField(max_length=100, default="", db_index=True)
    reason = models.TextField(default="")  # Amazon's words, where it is not active
    since = models.DateTimeField()
    received_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind"], name="subscription_once")]


class OrderHint(models.Model):
    """An order that Amazon said has changed, until it is taken in or the regular check has been there."""

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="order_hints",
        db_index=False,  # covered below
    )
    order_id = models.CharField(max_length=40)
    # Which notification said so: while the order is fetched, another one may say so again.
    notification_id = models.CharField(max_length=100)
    changed_at = models.DateTimeField()  # Amazon's time
    tries = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "order_id"], name="order_hint_once")]
        indexes = [models.Index(fields=["connection", "changed_at"], name="order_hints_oldest")]


class SeenNotification(models.Model):
    """A notification that was worked on lately: Amazon and the queue both deliver some twice."""

    notification_id = models.CharField(max_length=100, primary_key=True)
    seen_at = models.DateTimeField(db_index=True)
