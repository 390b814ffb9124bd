"""Kogge's settings on a machine whose clock is wrong, or in a world where more time has passed.

`FAULTS_SKEW`: seconds by which this machine's clock is ahead. `FAULTS_WORLD`: seconds by which the whole
world, the database's clock too, is later than it really is. The product has no such settings: settings are
read first, and the time sources are replaced here before anything else has imported them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from kogge.engine import clock
from kogge.settings import *  # noqa: F403

WORLD = timedelta(seconds=float(os.environ.get("FAULTS_WORLD", "0")))
SKEW = timedelta(seconds=float(os.environ.get("FAULTS_SKEW", "0")))

_ask = clock._ask


def _now() -> datetime:
    return datetime.now(UTC) + WORLD + SKEW


def _later() -> tuple[datetime, float]:
    moment, asked_at = _ask()
    return moment + WORLD, asked_at


timezone.now = _now
clock.utc_now = _now
clock._ask = _later
