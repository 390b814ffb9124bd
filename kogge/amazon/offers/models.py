"""How each offer stands at one seller account: what Amazon should show, was told, and shows."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.catalog.models import Offer
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.models import Feed
from kogge.merchants.models import Merchant
from kogge.merchants.scoping import ScopedManager

MERCHANT_FULFILLED = "DEFAULT"  # Amazon's channel code of what the seller ships


class Values(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values of an offer: units, days until dispatch, gross price by marketplace in its currency.

    None, and a marketplace that is missing: no value, nothing is said about it.
    """

    quantity: int | None = None
    lead_time_days: int | None = None
    prices: dict[str, Decimal] = {}

    def __bool__(self) -> bool:
        return self != Values()

    def merged(self, newer: Values) -> Values:
        """These values, and the newer ones where there are any."""
        return Values(
            self.quantity if newer.quantity is None else newer.quantity,
            self.lead_time_days if newer.lead_time_days is None else newer.lead_time_days,
            {**self.prices, **newer.prices},
        )

    def different_from(self, known: Values) -> Values:
        """Those of these values that are not known already."""
        return Values(
            None if self.quantity == known.quantity else self.quantity,
            None if self.lead_time_days == known.lead_time_days else self.lead_time_days,
            {place: price for place, price in self.prices.items() if known.prices.get(place) != price},
        )

    def equal_to(self, other: Values) -> Values:
        """Those of these values that the other has as well."""
        return self.different_from(self.different_from(other))

    def not_named_in(self, other: Values) -> Values:
        """Those of these values about which the other says nothing."""
        return Values(
            self.quantity if other.quantity is None else None,
            self.lead_time_days if other.lead_time_days is None else None,
            {place: price for place, price in self.prices.items() if place not in other.prices},
        )


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The least and the highest price that Amazon allows the seller's own offer in a marketplace."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None


class HeldPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A price that waits for the merchant's word. `why` is "jump", "below_minimum" or "above_maximum"."""

    price: Decimal
    shown: Decimal | None
    why: str
    limit: Decimal | None = None  # Amazon's minimum or maximum for this offer


class Agreement(models.Model):
    """Who leads which value of a connection's offers. Nothing is sent for a value before that is said."""

    class Leader(models.TextChoices):
        UNDECIDED = "", _("Noch nicht entschieden")
        KOGGE = "kogge", _("Kogge führt")
        AMAZON = "amazon", _("Amazon führt")

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, primary_key=True, related_name="agreement"
    )
    quantity = models.CharField(max_length=10, choices=Leader.choices, default="", blank=True)
    lead_time = models.CharField(max_length=10, choices=Leader.choices, default="", blank=True)
    price = models.CharField(max_length=10, choices=Leader.choices, default="", blank=True)
    agreed_at = models.DateTimeField(null=True)
    agreed_by = models.CharField(max_length=200, default="")
    buffer = models.PositiveIntegerField(_("Sicherheitsbestand"), default=0)  # for offers without their own
    # Offers that were there before the connection: enrolled up to this one, None when all are.
    enrolled_to = models.BigIntegerField(null=True, default=0)
    # After a word that concerns all listings: planned anew up to this one, None when all are.
    replanned_to = models.BigIntegerField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")


class Listing(models.Model):
    """An offer at one connection. What is to be done next is in `plan_at`, `priority` and `read_at`.

    `plan_at`: something changed, what Amazon should show has to be computed again.
    `priority`: values wait to be sent. `read_at`: Amazon is to be asked what it shows.
    """

    class State(models.TextChoices):
        OFF = "off", _("Nicht bei Amazon")
        READY = "ready", _("Bereit")
        SENT = "sent", _("Gesendet")
        LIVE = "live", _("Live")
        PROBLEM = "problem", _("Problem")
        DRIFT = "drift", _("Abweichung")

    class Priority(models.IntegerChoices):
        SOLD_OUT = 0  # nothing is left: Amazon must hear of it before all else
        NORMAL = 1

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, db_index=False)  # covered below
    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="listings",
        db_index=False,  # covered below
    )
    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="listings")
    product_id = models.CharField(max_length=40)  # the offer's, for changes that name the product
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    reason = models.CharField(max_length=30, default="")  # a key of offers/words.py; empty: nothing to say
    details = models.JSONField(default=dict)  # fills the reason's sentence: Amazon's issues and the like

    # The SKU that all of what follows is about; with another one, nothing of it is known any more.
    sku = models.CharField(max_length=40, default="")
    # What Amazon said about the listing when it was last read.
    channel = models.CharField(max_length=20, default="")  # DEFAULT, AMAZON_EU …; empty: never read
    shown_at = models.DateTimeField(null=True)

    # `Values` as JSON each: should be, last accepted, on its way, seen at Amazon.
    wanted_json = models.JSONField(null=True)
    accepted_json = models.JSONField(null=True)
    sending_json = models.JSONField(null=True)
    shown_json = models.JSONField(null=True)
    refused_json = models.JSONField(null=True)  # what Amazon refused: not said again until it changes
    # Which values differ from what Amazon shows: "q", "l", "p", and "h" for a held price, in this order.
    differs = models.CharField(max_length=4, default="")
    limits_json = models.JSONField(default=dict)  # marketplace -> Limits, as Amazon named them
    held_json = models.JSONField(default=dict)  # prices that wait for a word: marketplace -> HeldPrice
    confirmed_json = models.JSONField(default=dict)  # prices the merchant confirmed: marketplace -> text

    plan_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)  # since when the oldest untold change waits
    priority = models.PositiveSmallIntegerField(null=True, choices=Priority.choices)
    not_before = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(default="")
    sending_since = models.DateTimeField(null=True)
    feed = models.ForeignKey(Feed, null=True, on_delete=models.SET_NULL, related_name="listings")
    message_no = models.PositiveIntegerField(null=True)
    is_overtaken = models.BooleanField(default=False)  # patched while a feed with older values is under way
    is_unsure = models.BooleanField(default=False)  # what Amazon has is not known: say all of it again
    accepted_at = models.DateTimeField(null=True)
    latency = models.FloatField(null=True)  # seconds from the change in the shop to Amazon's "accepted"
    read_at = models.DateTimeField(null=True)
    was_resent = models.BooleanField(default=False)  # a difference was found and sent once more
    is_wanted_new = models.BooleanField(default=False)  # the merchant wants this offer created at Amazon

    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "product_id"], name="one_listing_a_product"),
            models.UniqueConstraint(fields=["feed", "message_no"], name="listing_message_no_once"),
            models.CheckConstraint(
                condition=Q(feed__isnull=True) | Q(message_no__isnull=False), name="listing_in_feed_numbered"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "product_id"], name="listing_product"),
            models.Index(fields=["connection", "state", "id"], name="listing_state"),
            models.Index(
                fields=["connection", "plan_at"], name="listing_plan", condition=Q(plan_at__isnull=False)
            ),
            models.Index(
                fields=["connection", "priority", "id"],
                name="listing_send",
                condition=Q(priority__isnull=False),
            ),
            models.Index(
                fields=["connection", "read_at"], name="listing_read", condition=Q(read_at__isnull=False)
            ),
            models.Index(
                fields=["connection", "id", "differs"], name="listing_differs", condition=~Q(differs="")
            ),
            models.Index(fields=["connection", "id"], name="listing_order"),
            models.Index(fields=["connection", "reason"], name="listing_reason", condition=~Q(reason="")),
            models.Index(
                fields=["connection", "state"], name="listing_unread", condition=Q(shown_at__isnull=True)
            ),
            models.Index(fields=["connection"], name="listing_new", condition=Q(is_wanted_new=True)),
            models.Index(fields=["connection", "-accepted_at"], name="listing_newest"),
        ]

    @property
    def wanted(self) -> Values:
        """What Amazon should show."""
        return values(self.wanted_json)

    @property
    def accepted(self) -> Values:
        """What Amazon accepted last, of the values it was ever told."""
        return values(self.accepted_json)

    @property
    def sending(self) -> Values:
        """What is on its way."""
        return values(self.sending_json)

    @property
    def shown(self) -> Values:
        """What Amazon showed when it was last read."""
        return values(self.shown_json)

    @property
    def refused(self) -> Values:
        """What Amazon refused and was not changed since."""
        return values(self.refused_json)

    @property
    def limits(self) -> dict[str, Limits]:
        """Amazon's limits for the price, by marketplace."""
        return msgspec.convert(self.limits_json, dict[str, Limits], strict=False)

    @property
    def held(self) -> dict[str, HeldPrice]:
        """The prices that wait for the merchant's word, by marketplace."""
        return msgspec.convert(self.held_json, dict[str, HeldPrice], strict=False)

    @property
    def confirmed(self) -> dict[str, Decimal]:
        """The prices the merchant confirmed, by marketplace."""
        return msgspec.convert(self.confirmed_json, dict[str, Decimal], strict=False)

    @property
    def is_merchant_fulfilled(self) -> bool:
        """Whether the seller ships it: only then Amazon may be told units and days (reference 10.2).

        A product Amazon ships for the shop may have an offer of the merchant's beside it, with another SKU.
        """
        return self.channel == MERCHANT_FULFILLED and not self.offer.is_kept_by_amazon


class Farewell(models.Model):
    """A SKU of a connection that no product has any more, while Amazon still offers what Kogge told it."""

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="farewells",
        db_index=False,  # covered below
    )
    sku = models.CharField(max_length=40)
    not_before = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "sku"], name="one_farewell")]


def values(stored: object) -> Values:
    """Read what a JSON column holds."""
    return Values() if stored is None else msgspec.convert(stored, Values, strict=False)


def stored(said: object) -> object:
    """What a JSON column keeps of `Values`, prices to confirm and the like."""
    return msgspec.to_builtins(said)
