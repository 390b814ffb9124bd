"""Every look at Amazon's orders leaves a Run: when, how many calls, what it found, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from kogge.amazon.connections.consequences import try_later
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders.taking_in import Figures
from kogge.engine.work import Outcome, Work
from kogge.spapi.errors import AmazonError, Throttled, TryLater

# Amazon does not take the query as it is; asking again soon would only use up the quota.
WHEN_REFUSED = timedelta(hours=1)

_FIGURES = ["calls", "pages", "seen", "new", "updated", "failed", "watermark"]


class QueryRefused(Exception):
    """Amazon does not take a query for orders, whatever is left out of it. The text is Amazon's."""


@contextmanager
def recorded(connection: Connection, kind: str, work: Work) -> Iterator[Run]:
    """A run from start to end. What ends it early is written down and raised on."""
    _close_abandoned(connection, kind, work.now)
    run = Run.objects.everyone().create(connection=connection, kind=kind, started_at=work.now)
    try:
        yield run
    except TryLater as error:
        state = Run.State.WAITING if isinstance(error, Throttled) else Run.State.FAILED
        end(run, state, work.now, reason=str(error), next_try_at=try_later(work, error).next_due)
        raise
    except QueryRefused as error:
        end(run, Run.State.FAILED, work.now, reason=str(error), next_try_at=work.now + WHEN_REFUSED)
        raise
    except AmazonError as error:
        end(run, Run.State.FAILED, work.now, reason=str(error))
        raise
    except Exception as error:
        end(run, Run.State.FAILED, work.now, reason=type(error).__name__)
        raise
    if run.state == Run.State.RUNNING:
        end(run, Run.State.DONE, work.now, reason=run.reason)


def end(
    run: Run, state: str, now: datetime, *, reason: str = "", next_try_at: datetime | None = None
) -> None:
    """Close a run with its figures."""
    run.state, run.finished_at, run.reason, run.next_try_at = state, now, reason, next_try_at
    run.save(update_fields=["state", "finished_at", "reason", "next_try_at", *_FIGURES])


def refused(work: Work, error: QueryRefused, figures: Figures) -> Outcome:
    """The outcome of a query that Amazon does not take."""
    return Outcome(work.now + WHEN_REFUSED, done=figures.new, failed=figures.failed, error=str(error))


def count(run: Run, figures: Figures) -> None:
    """Add what one page brought, and let everybody see it."""
    run.seen += figures.seen
    run.new += figures.new
    run.updated += figures.updated
    run.failed += figures.failed
    run.save(update_fields=_FIGURES)


def _close_abandoned(connection: Connection, kind: str, now: datetime) -> None:
    """A run that still seems to go on, although we hold the lease, died with its process."""
    Run.objects.everyone().filter(connection=connection, kind=kind, state=Run.State.RUNNING).update(
        state=Run.State.FAILED,
        finished_at=now,
        reason=_("Die Prüfung wurde unterbrochen; die nächste setzt sie fort."),
    )
