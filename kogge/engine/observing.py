"""What this process does, counted and named: each run for Prometheus and the log, and that the worker lives.

A run is one handler for one lease. The counts are this process's own; what must survive it is in the due
table.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from kogge import logs

logger = logging.getLogger(__name__)

RUNS = Counter("kogge_runs", "Runs of this process, by how they ended", ["operation", "outcome"])
RUN_SECONDS = Histogram(
    "kogge_run_seconds",
    "How long the runs of this process took",
    ["operation"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)

# The worker looks for work twice a second, and waits five seconds for a database that does not answer.
ALIVE_SECONDS = 30.0
READY_SECONDS = 30.0


@dataclass(slots=True)
class Run:
    """How a run ended, in one word: done, failed, or lost (somebody else has, or will have, the work)."""

    outcome: str = "lost"


@contextmanager
def run(operation: str, subject: int, *, serves: str, lease: str) -> Iterator[Run]:
    """Around one run: counts it, and has its log lines say what they are about.

    `serves` is "connection" or "merchant", what `subject` is the id of; `lease` names the lease.
    """
    begun = time.monotonic()
    told = Run()
    with logs.about(operation=operation, run=lease, **{serves: subject}):
        try:
            yield told
        finally:
            took = time.monotonic() - begun
            RUNS.labels(operation, told.outcome).inc()
            RUN_SECONDS.labels(operation).observe(took)
            logger.info(
                "%s %d %s", operation, subject, told.outcome, extra={"duration_ms": round(took * 1000)}
            )


class Pulse:
    """Whether the worker's loop turns, and when the database last answered it; for health checks."""

    def __init__(self) -> None:
        self._turned_at = self._answered_at = float("-inf")

    def turned(self) -> None:
        """The loop goes round."""
        self._turned_at = time.monotonic()

    def answered(self) -> None:
        """The database answered."""
        self._answered_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return time.monotonic() - self._turned_at < ALIVE_SECONDS

    @property
    def is_ready(self) -> bool:
        return self.is_alive and time.monotonic() - self._answered_at < READY_SECONDS


PULSE = Pulse()  # of this process's worker
