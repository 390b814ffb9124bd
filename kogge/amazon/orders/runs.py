"""Every look at Amazon's orders leaves a Run: when, how many calls, what it found, how it ended.

Most looks find nothing. Such a one is added to the run before it, if that found nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from kogge.amazon.connections.consequences import try_later
from kogge.amazon.connections.models import Connection
from kogge.amazon.journal.models import Run
from kogge.amazon.orders.taking_in import Figures
from kogge.engine.work import Outcome, Stopping, Work
from kogge.spapi.errors import AmazonError, Throttled, TryLater

# Amazon does not take the query as it is; asking again soon would only use up the quota.
WHEN_REFUSED = timedelta(hours=1)

QUIET_FOR = timedelta(days=1)  # the longest that one run speaks of
KEPT_FOR = timedelta(days=30)

_FIGURES = ["calls", "pages", "seen", "new", "updated", "failed", "watermark"]


class QueryRefused(Exception):
    """Amazon does not take a query for orders, whatever is left out of it. The text is Amazon's."""


@contextmanager
def recorded(connection: Connection, kind: str, work: Work, *, apart: bool = False) -> Iterator[Run]:
    """A run from start to end. What ends it early is written down and raised on.

    Its row appears with the first thing that is stored, or at the end. With `apart` it gets one of its own
    even if it finds nothing: for somebody who waits for this look.
    """
    run = Run(connection=connection, kind=kind, started_at=work.now)
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
    except Stopping:
        end(run, Run.State.WAITING, work.now, next_try_at=work.now)
        raise
    except Exception as error:
        end(run, Run.State.FAILED, work.now, reason=type(error).__name__)
        raise
    if run.state == Run.State.RUNNING and (apart or not _add_to_quiet(run, work.now)):
        end(run, Run.State.DONE, work.now, reason=run.reason)


def show(run: Run) -> None:
    """Let everybody see that it goes on. What it stores afterwards is never without a run."""
    if run._state.adding:
        _close_abandoned(run.connection, run.kind, run.started_at)
        run.save(force_insert=True)


def end(
    run: Run, state: str, now: datetime, *, reason: str = "", next_try_at: datetime | None = None
) -> None:
    """Close a run with its figures."""
    run.state, run.finished_at, run.reason, run.next_try_at = state, now, reason, next_try_at
    if run._state.adding:
        show(run)
    else:
        run.save(update_fields=["state", "finished_at", "reason", "next_try_at", *_FIGURES])


def forget_old(connection: Connection, now: datetime) -> None:
    """Delete what is too old to tell anybody anything."""
    Run.objects.everyone().filter(connection=connection, started_at__lt=now - KEPT_FOR).delete()


def refused(work: Work, error: QueryRefused, figures: Figures) -> Outcome:
    """The outcome of a query that Amazon does not take."""
    return Outcome(work.now + WHEN_REFUSED, done=figures.new, failed=figures.failed, error=str(error))


def count(run: Run, figures: Figures) -> None:
    """Add what one page brought, and let everybody see it."""
    run.seen += figures.seen
    run.new += figures.new
    run.updated += figures.updated
    run.failed += figures.failed
    if not run._state.adding:
        run.save(update_fields=_FIGURES)


def _add_to_quiet(run: Run, now: datetime) -> bool:
    """Count a look that found nothing on the run before it. False: there is something to tell of it, or the
    run before found something or is too long ago."""
    if not run._state.adding or run.seen or run.new or run.updated or run.failed or run.reason:
        return False
    runs = Run.objects.everyone()
    before = runs.filter(connection=run.connection, kind=run.kind).order_by("-started_at", "-pk")
    quiet = runs.filter(
        Q(since__isnull=True) | Q(since__gt=now - QUIET_FOR),
        started_at__gt=now - QUIET_FOR,
        pk=before.values("pk")[:1],
        state=Run.State.DONE,
        seen=0,
        new=0,
        updated=0,
        failed=0,
        reason="",
    )
    return bool(
        quiet.update(
            since=Coalesce(F("since"), F("started_at")),
            looks=F("looks") + 1,
            calls=F("calls") + run.calls,
            pages=F("pages") + run.pages,
            started_at=run.started_at,
            finished_at=now,
            watermark=run.watermark,
        )
    )


def _close_abandoned(connection: Connection, kind: str, now: datetime) -> None:
    """A run that still seems to go on, although we hold the lease, died with its process."""
    Run.objects.everyone().filter(connection=connection, kind=kind, state=Run.State.RUNNING).update(
        state=Run.State.FAILED,
        finished_at=now,
        reason=_("Die Prüfung wurde unterbrochen; die nächste setzt sie fort."),
    )
