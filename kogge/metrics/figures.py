"""What the database knows about how Kogge is doing, as Prometheus wants it.

Everything here is read when it is asked for, so it is the same at every process and survives restarts; it
is kept for a few seconds, so that several readers cost one. No label names a seller, an order or a person.

The latencies are histograms of what happened lately (`WINDOW`, at most `NEWEST` rows, found by their ids
without an index of their own), not of all time: a worker that dies takes nothing with it, and
`histogram_quantile` works on them as they are, without `rate`. Import latency reaches from the purchase at
Amazon to the order in the shop, and leaves out what was bought before the account was connected; confirm
latency reaches from the click on "dispatched" to the request that Amazon accepted.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count, F, Min, Model, Q, Sum
from prometheus_client.core import CounterMetricFamily, GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kogge.amazon.connections.models import Connection
from kogge.amazon.fba.models import FulfillmentOrder
from kogge.amazon.feeds.models import OrderMessage
from kogge.amazon.journal.models import Run, Trouble
from kogge.amazon.offers.models import Listing
from kogge.amazon.orders.models import AmazonOrder, ShipmentConfirmation
from kogge.backoffice.models import Mail
from kogge.engine.due import QUEUE
from kogge.engine.models import Bucket, Due
from kogge.remote.models import Errand
from kogge.values import aware

logger = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
WINDOW = timedelta(hours=1)
NEWEST = 2000
STARTED_LATELY = timedelta(minutes=10)

LATENESS = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
IMPORT = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
CONFIRM = (0.5, 1, 2, 5, 10, 30, 60, 300, 3600)

# Acts that are settled, and so most of all, are left out: the partial indexes on `state` hold the others.
OPEN_ACTS = ("waiting", "sending", "rejected")

Figures = list[Metric]


class DatabaseFigures(Collector):
    """Reads the figures when Prometheus asks, at most once in `KEPT_SECONDS`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Figures = []
        self._read_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All figures; only that the database does not answer, when it does not."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._kept = _read_safely(aware(self._clock()))
                self._read_at = time.monotonic()
            figures = self._kept
        yield from figures


def read(now: datetime) -> Figures:
    """Every figure of the database at `now`."""
    return [
        *_queue(now),
        _lateness(now),
        *_calls(),
        _import_latency(now),
        _confirm_latency(now),
        _troubles(),
        _acts(),
        _check_runs(now),
        _by_state("kogge_mails", "Mails to buyers that are not sent", Mail, ("waiting", "failed")),
        _by_state(
            "kogge_errands", "Errands for remote shops not done", Errand, ("waiting", "sending", "stuck")
        ),
        _by_state("kogge_connections", "Amazon accounts", Connection, ("active", "paused")),
    ]


def _read_safely(now: datetime) -> Figures:
    up = GaugeMetricFamily("kogge_database_up", "Whether the database answered (1) or not (0)")
    took = GaugeMetricFamily("kogge_figures_read_seconds", "How long reading the figures took")
    began = time.monotonic()
    try:
        figures = read(now)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the figures cannot be read: %s", type(error).__name__)
        connection.close()  # the next reader opens a fresh one
        up.add_metric([], 0)
        return [up]
    up.add_metric([], 1)
    took.add_metric([], time.monotonic() - began)
    return [up, took, *figures]


def _queue(now: datetime) -> Figures:
    """The due table in one pass."""
    # What waits in the workers' queue is nobody's yet.
    is_begun = Q(leased_until__gt=now) & ~Q(leased_by=QUEUE)
    is_waiting = ~is_begun & Q(due_at__lte=now, parked_at__isnull=True)
    rows = Due.objects.values("operation").annotate(
        due=Count("pk", filter=is_waiting),
        since=Min("due_at", filter=is_waiting),
        running=Count("pk", filter=is_begun),
        failing=Count("pk", filter=Q(attempts__gt=0)),
        parked=Count("pk", filter=Q(parked_at__isnull=False)),
    )
    due = _by_operation("kogge_queue_due", "Work that is due and not begun")
    age = _by_operation("kogge_queue_age_seconds", "How long the oldest of it has been due")
    running = _by_operation("kogge_queue_running", "Work that somebody has in hand")
    failing = _by_operation("kogge_queue_failing", "Work whose last run ended with an error")
    parked = _by_operation("kogge_dead_letters", "Work that was given up and waits for a human")
    for row in rows.order_by("operation"):
        name = [row["operation"]]
        due.add_metric(name, row["due"])
        age.add_metric(name, _seconds(now, row["since"]) if row["since"] else 0.0)
        running.add_metric(name, row["running"])
        failing.add_metric(name, row["failing"])
        parked.add_metric(name, row["parked"])
    return [due, age, running, failing, parked]


def _by_operation(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=["operation"])


def _lateness(now: datetime) -> Metric:
    lately = Due.objects.filter(started_at__gte=now - STARTED_LATELY, was_due_at__isnull=False)
    started = lately.order_by("-started_at")[:NEWEST]
    late: dict[str, list[float]] = defaultdict(list)
    for operation, due_at, started_at in started.values_list("operation", "was_due_at", "started_at"):
        if started_at and due_at:
            late[operation].append(_seconds(started_at, due_at))
    family = GaugeHistogramMetricFamily(
        "kogge_lateness_seconds", "How late work of the last ten minutes began", labels=["operation"]
    )
    for operation, seconds in sorted(late.items()):
        family.add_metric([operation], *_histogram(seconds, LATENESS))
    return family


def _calls() -> Figures:
    made = CounterMetricFamily("kogge_calls", "Calls to partners", labels=["operation"])
    throttled = CounterMetricFamily(
        "kogge_throttled", "Calls a partner refused for their number (HTTP 429)", labels=["operation"]
    )
    sums = Bucket.objects.values("operation").annotate(Sum("calls"), Sum("throttled")).order_by("operation")
    for row in sums:
        made.add_metric([row["operation"]], row["calls__sum"])
        throttled.add_metric([row["operation"]], row["throttled__sum"])
    return [made, throttled]


def _import_latency(now: datetime) -> Metric:
    newest = AmazonOrder.objects.everyone().order_by("-pk").values("pk")[:NEWEST]
    arrived = AmazonOrder.objects.everyone().filter(
        pk__in=newest,
        intake=AmazonOrder.Intake.PLACED,
        first_seen_at__gte=now - WINDOW,
        created_at__gte=F("connection__connected_at"),
    )
    pairs = arrived.values_list("first_seen_at", "created_at")
    return _latency("kogge_import_latency_seconds", "From purchase to the order in the shop", pairs, IMPORT)


def _confirm_latency(now: datetime) -> Metric:
    newest = ShipmentConfirmation.objects.everyone().order_by("-pk").values("pk")[:NEWEST]
    told = ShipmentConfirmation.objects.everyone().filter(
        pk__in=newest, state__in=("accepted", "confirmed"), sent_at__gte=now - WINDOW
    )
    pairs = told.values_list("sent_at", "shipped_at")
    return _latency("kogge_confirm_latency_seconds", "From the dispatch click to Amazon", pairs, CONFIRM)


def _troubles() -> Metric:
    family = GaugeMetricFamily("kogge_troubles_open", "What humans have to look at", labels=["kind"])
    unsettled = Trouble.objects.everyone().filter(closed_at__isnull=True)
    for row in unsettled.values("kind").annotate(count=Count("pk")).order_by("kind"):
        family.add_metric([row["kind"]], row["count"])
    return family


def _acts() -> Metric:
    family = GaugeMetricFamily(
        "kogge_acts", "What Amazon is still to be told, or refused", labels=["act", "state"]
    )
    for (kind, state), count in _count(OrderMessage, ("kind", "state"), "state", OPEN_ACTS):
        family.add_metric([kind, state], count)
    for (state,), count in _count(ShipmentConfirmation, ("state",), "state", OPEN_ACTS):
        family.add_metric(["confirm", state], count)
    for (state,), count in _count(FulfillmentOrder, ("state",), "state", ("planned", "sending", "handed")):
        family.add_metric(["fulfill", state], count)
    offers = Listing.objects.everyone().filter(priority__isnull=False).count()
    family.add_metric(["offer", "waiting"], offers)
    return family


def _check_runs(now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "kogge_check_runs", "Checks for orders begun in the last hour", labels=["kind", "state"]
    )
    newest = Run.objects.everyone().order_by("-pk").values("pk")[:NEWEST]
    begun = Run.objects.everyone().filter(pk__in=newest, started_at__gte=now - WINDOW)
    for row in begun.values("kind", "state").annotate(count=Count("pk")).order_by("kind", "state"):
        family.add_metric([row["kind"], row["state"]], row["count"])
    return family


def _by_state(name: str, meaning: str, model: type[Model], states: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=["state"])
    counted = {state: count for (state,), count in _count(model, ("state",), "state", states)}
    for state in states:
        family.add_metric([state], counted.get(state, 0))
    return family


def _count(
    model: type[Model], columns: Sequence[str], of: str, among: Sequence[str]
) -> list[tuple[tuple[str, ...], int]]:
    """Rows by `columns`, of those whose column `of` is one of `among`.

    The words are literals of ours in the text: else SQLite does not see that a partial index fits.
    """
    words = ", ".join(f"'{word}'" for word in among)
    names = ", ".join(f'"{column}"' for column in columns)
    # Every name and word in it stands in this module.
    statement = (
        f'SELECT {names}, COUNT(*) FROM "{model._meta.db_table}" '  # noqa: S608
        f'WHERE "{of}" IN ({words}) GROUP BY {names} ORDER BY {names}'
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [(tuple(row[:-1]), row[-1]) for row in cursor.fetchall()]


def _latency(
    name: str, meaning: str, pairs: Iterable[tuple[datetime | None, datetime | None]], bounds: Sequence[float]
) -> Metric:
    seconds = [_seconds(until, since) for until, since in pairs if until and since]
    return GaugeHistogramMetricFamily(name, meaning, *_histogram(seconds, bounds))


def _histogram(seconds: Sequence[float], bounds: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    """How many were at most each bound, and the sum."""
    counts = [0] * (len(bounds) + 1)
    for value in seconds:
        counts[bisect_left(bounds, value)] += 1
    so_far, buckets = 0, []
    for bound, count in zip([*map(float, bounds), "+Inf"], counts, strict=True):
        so_far += count
        buckets.append((str(bound), float(so_far)))
    return buckets, sum(seconds)


def _seconds(until: datetime, since: datetime) -> float:
    """Never negative: the clocks of two machines may differ."""
    return max((until - since).total_seconds(), 0.0)
