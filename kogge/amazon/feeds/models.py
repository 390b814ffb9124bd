"""Feeds: many messages to Amazon in one document, answered one by one."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import OutboundAct
from kogge.merchants.scoping import ScopedManager


class Feed(models.Model):
    """One feed on its way: built, created at Amazon, processed, its report read.

    Each state is stored before the step that follows it, so a crash anywhere leaves a row that says
    what may have happened.
    """

    class State(models.TextChoices):
        BUILT = "built", _("Zusammengestellt")
        CREATING = "creating", _("Wird übergeben")  # createFeed was called, its answer not seen yet
        OPEN = "open", _("Bei Amazon in Arbeit")
        DONE = "done", _("Verarbeitet")
        FAILED = "failed", _("Abgebrochen")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="feeds")
    feed_type = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILT)
    created_at = models.DateTimeField()
    document_id = models.CharField(max_length=200, default="")
    marketplace_ids = models.JSONField(default=list)  # sorted; to recognise the feed at Amazon
    message_count = models.PositiveIntegerField(default=0)  # of the document, where the kind says so
    created_since = models.DateTimeField(null=True)  # Amazon's clock just before createFeed
    feed_id = models.CharField(max_length=60, default="")
    submitted_at = models.DateTimeField(null=True)  # createFeed was called; once it answered: then
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True)
    processing_status = models.CharField(max_length=20, default="")  # Amazon's own word
    result_document_id = models.CharField(max_length=200, default="")
    stuck_at = models.DateTimeField(null=True)  # when the alarm was raised that it takes too long
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "feed_id"], condition=~Q(feed_id=""), name="feed_id_once"
            )
        ]
        indexes = [models.Index(fields=["connection", "feed_type", "-created_at"], name="feeds_newest")]


UNDER_WAY = (Feed.State.BUILT, Feed.State.CREATING, Feed.State.OPEN)


class FeedPart(models.Model):
    """Some messages of a feed, encoded before the feed is complete because each takes a look at Amazon.

    So preparing a large feed can wait for Amazon's limits, or be cut off, and goes on where it was.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="parts", db_index=False)
    upto = models.PositiveIntegerField()  # the largest message number that was dealt with
    messages = models.TextField()  # one encoded message a line
    numbers = models.JSONField()  # the message number of each line
    size = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("feed__connection__merchant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "upto"], name="feed_part_once")]


class OrderMessage(OutboundAct):
    """An order acknowledged or cancelled at Amazon, in a feed.

    At most one message of an order is on its way, and a feed says one thing about an order:
    contradicting messages are impossible. A cancellation may wait beside an acknowledgement that is
    on its way; it goes out when that has its answer.
    """

    class Kind(models.TextChoices):
        ACKNOWLEDGE = "acknowledge", _("Bestätigung des Eingangs")
        CANCEL = "cancel", _("Stornierung")

    connection = models.ForeignKey(
        Connection,
        on_delete=models.CASCADE,
        related_name="order_messages",
        db_index=False,  # covered below
    )
    amazon_order_id = models.CharField(max_length=20)
    marketplace_id = models.CharField(max_length=20)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    reason = models.CharField(max_length=30, default="")  # contract's word, only for CANCEL
    merchant_order_id = models.CharField(max_length=40, default="")
    item_ids = models.JSONField(default=list)  # Amazon's order item ids, all of the order
    feed = models.ForeignKey(Feed, null=True, on_delete=models.SET_NULL, related_name="messages")
    message_no = models.PositiveIntegerField(null=True)
    # CANCEL: when the order was last read at Amazon, before it goes into a feed and until it shows there.
    checked_at = models.DateTimeField(null=True)
    checks = models.PositiveIntegerField(default=0)  # how often it was looked for after Amazon accepted
    accepted_at = models.DateTimeField(null=True)
    told_shop = models.BooleanField(default=False)  # CANCEL: the shop knows that it was rejected

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "amazon_order_id"],
                condition=Q(state="sending"),
                name="one_message_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["connection", "amazon_order_id", "kind"],
                condition=~Q(state__in=["rejected", "dropped"]),
                name="one_message_of_a_kind",
            ),
            models.UniqueConstraint(fields=["feed", "message_no"], name="message_no_once"),
            models.UniqueConstraint(fields=["feed", "amazon_order_id"], name="one_word_on_an_order_a_feed"),
        ]
        indexes = [
            models.Index(fields=["connection", "kind", "state", "not_before"], name="messages_waiting"),
            models.Index(fields=["connection", "amazon_order_id"], name="messages_of_order"),
            # Counted for all connections at once; few messages are ever in it.
            models.Index(
                fields=["state"],
                name="messages_unsettled",
                condition=Q(state__in=["waiting", "sending", "rejected"]),
            ),
        ]
