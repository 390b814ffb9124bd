"""What must be done and by when, and how much of a partner's limits is left."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Due(models.Model):
    """One operation for one subject: when it is due and who works on it now.

    `subject` is the id of what the operation serves (a connection or a merchant, by operation).
    """

    operation = models.CharField(max_length=40)
    subject = models.BigIntegerField()
    due_at = models.DateTimeField()
    # Counts wishes to run at once; a wish that arrives while the operation runs is not lost.
    wakes = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=120, default="")
    # Grows with every lease: a worker that lost its lease can tell, and is told.
    fence = models.BigIntegerField(default=0)
    # The last run left something behind that has to wait: for a partner's limits or for a new attempt.
    waiting = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)  # runs in a row that ended with an error
    last_error = models.TextField(default="")
    started_at = models.DateTimeField(null=True)
    was_due_at = models.DateTimeField(null=True)  # what the run that started last was due at
    finished_at = models.DateTimeField(null=True)
    # Leases in a row that ran out unfinished: the work may be what ends the workers.
    deaths = models.PositiveSmallIntegerField(default=0)
    bugs = models.PositiveSmallIntegerField(default=0)  # runs in a row that met an error nobody expected
    # A dead letter: nobody starts it any more until a human wants it tried again.
    parked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["operation", "subject"], name="due_once")]
        indexes = [
            models.Index(fields=["due_at", "id"], name="due_next", condition=Q(parked_at__isnull=True)),
            models.Index(fields=["leased_until"], name="due_leased", condition=Q(leased_until__isnull=False)),
            models.Index(fields=["parked_at"], name="due_parked", condition=Q(parked_at__isnull=False)),
        ]


class Bucket(models.Model):
    """The token bucket of one partner operation for one subject, shared by all workers."""

    subject = models.BigIntegerField()
    operation = models.CharField(max_length=40)
    tokens = models.FloatField()
    rate = models.FloatField()  # tokens a second
    burst = models.PositiveIntegerField()
    refusals = models.SmallIntegerField(default=0)  # less the good answers since
    calls = models.BigIntegerField(default=0)  # all that were ever made
    throttled = models.BigIntegerField(default=0)  # all of them the partner refused for their number
    paused_until = models.FloatField(default=0.0)  # POSIX seconds; after a refusal
    # Seconds since 1970: the only notation of time both databases calculate with alike.
    counted_at = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "operation"], name="one_bucket")]
