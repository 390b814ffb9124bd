"""What happened and what a human must look at; and the shape of every act told to Amazon."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kogge.amazon.connections.models import Connection
from kogge.merchants.scoping import ScopedManager


class Run(models.Model):
    """One check for orders, with its figures.

    Looks in a row that found nothing are one run: its times are those of the last look, its figures
    their sum. So a seller who sells nothing costs a row a day and not one every ten minutes.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Läuft")
        DONE = "done", _("Fertig")
        WAITING = "waiting", _("Wird fortgesetzt")
        FAILED = "failed", _("Fehlgeschlagen")

    class Kind(models.TextChoices):
        CHECK = "check", _("Neue und geänderte Bestellungen")
        BACKFILL = "backfill", _("Frühere Bestellungen")
        FBA = "fba", _("Bestellungen mit Versand durch Amazon")
        COMPARE = "compare", _("Vollständigkeitsprüfung")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CHECK)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    looks = models.PositiveIntegerField(default=1)
    since = models.DateTimeField(null=True)  # when the first of several looks began
    calls = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    reason = models.TextField(default="")
    next_try_at = models.DateTimeField(null=True)
    watermark = models.CharField(max_length=40, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        indexes = [models.Index(fields=["connection", "kind", "-started_at"], name="runs_newest")]

    @property
    def seconds(self) -> int | None:
        """How long it took; None while it runs."""
        if self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds())


class JournalEntry(models.Model):
    """Something that happened between Kogge and Amazon; told as a sentence on the order's page.

    `kind` names the sentence (amazon/journal/sentences.py), `details` fills it. No personal data.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)  # covered below
    amazon_order_id = models.CharField(max_length=40, default="")
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    details = models.JSONField(default=dict)

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["connection", "amazon_order_id", "at"], name="journal_of_order")]


class Trouble(models.Model):
    """Something a human must look at: a plain sentence, what to do, a button.

    `key` names the matter, so that the same matter is one open trouble however often it is met.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="troubles")
    kind = models.CharField(max_length=40)  # names the sentence and the button: journal/sentences.py
    key = models.CharField(max_length=160)
    amazon_order_id = models.CharField(max_length=40, default="")
    details = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    last_met_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=200, default="")

    objects: ClassVar[ScopedManager[Self]] = ScopedManager("connection__merchant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "key"], condition=Q(closed_at__isnull=True), name="open_trouble_once"
            )
        ]
        indexes = [models.Index(fields=["connection", "amazon_order_id"], name="trouble_of_order")]


class OutboundAct(models.Model):
    """Something Amazon must be told: a row before it is a request (promise 3)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Wartet")
        SENDING = "sending", _("Wird gesendet")  # began; the outcome is not known yet
        ACCEPTED = "accepted", _("Von Amazon angenommen")
        CONFIRMED = "confirmed", _("Bei Amazon sichtbar")  # seen in Amazon's own answer afterwards
        REJECTED = "rejected", _("Von Amazon abgelehnt")
        DROPPED = "dropped", _("Entfallen")

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    last_error = models.TextField(default="")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
