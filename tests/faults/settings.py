"""Kogge's settings on a machine whose clock is wrong, or in a world where more time has passed.

`FAULTS_SKEW`: seconds by which this machine's clock is ahead. `FAULTS_WORLD`: seconds by which the whole
world, the database's clock too, is later than it really is. `FAULTS_MACHINE`: the name of the machine: with
two names two processes here cannot see that the other one is dead. The product has no such settings: settings
are read first, and its sources are replaced here before anything else has imported them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from kogge.engine import clock, owner
from kogge.settings import *  # noqa: F403

WORLD = timedelta(seconds=float(os.environ.get("FAULTS_WORLD", "0")))
SKEW = timedelta(seconds=float(os.environ.get("FAULTS_SKEW", "0")))

_ask = clock._ask


def _now() -> datetime:
    return datetime.now(UTC) + WORLD + SKEW


def _later() -> tuple[datetime, float]:
    moment, asked_at = _ask()
    return moment + WORLD, asked_at


def _now_of_the_database() -> Combinable:
    return ExpressionWrapper(Now() + Value(WORLD), output_field=DateTimeField())


timezone.now = _now
clock.utc_now = _now
clock._ask = _later
clock.Now = _now_of_the_database  # type: ignore[attr-defined, assignment]
if machine := os.environ.get("FAULTS_MACHINE"):
    owner._machine = lambda: machine  # type: ignore[assignment]
