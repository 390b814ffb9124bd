"""What Prometheus reads: of the database, from any process, to whom it may be shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import CollectorRegistry

from kogge.engine import due
from kogge.engine.models import Bucket, Due
from kogge.metrics import figures, page
from kogge.metrics.figures import DatabaseFigures

SECOND = timedelta(seconds=1)


def registry(clock: Any) -> CollectorRegistry:
    """Freshly read, whatever others read before."""
    made = CollectorRegistry()
    made.register(DatabaseFigures(clock))
    return made


def test_the_queue_is_seen_by_operation(db: None, clock: Any) -> None:
    due.schedule("check_orders", 1, at=clock.now - 90 * SECOND)
    due.schedule("check_orders", 2, at=clock.now - 30 * SECOND)
    due.schedule("check_orders", 3, at=clock.now + 30 * SECOND)
    due.schedule("send_feeds", 1, at=clock.now - 900 * SECOND)
    Due.objects.filter(operation="send_feeds").update(parked_at=clock.now, attempts=3)
    due.claim_one("read_shop", 1, "somebody", now=clock.now)

    seen = registry(clock).get_sample_value

    assert seen("kogge_queue_due", {"operation": "check_orders"}) == 2
    assert seen("kogge_queue_age_seconds", {"operation": "check_orders"}) == 90
    assert seen("kogge_queue_running", {"operation": "read_shop"}) == 1
    assert seen("kogge_queue_due", {"operation": "send_feeds"}) == 0
    assert seen("kogge_dead_letters", {"operation": "send_feeds"}) == 1
    assert seen("kogge_queue_failing", {"operation": "send_feeds"}) == 1


def test_work_that_waits_in_the_queue_of_the_workers_has_not_begun(db: None, clock: Any) -> None:
    due.schedule("check_orders", 1, at=clock.now - 40 * SECOND)
    due.claim(due.QUEUE, now=clock.now, limit=1)

    seen = registry(clock).get_sample_value

    assert seen("kogge_queue_age_seconds", {"operation": "check_orders"}) == 40
    assert seen("kogge_queue_running", {"operation": "check_orders"}) == 0


def test_lateness_is_that_of_the_runs_of_the_last_ten_minutes(db: None, clock: Any) -> None:
    for subject, late, ago in [(1, 0, 1), (2, 4, 1), (3, 40, 1), (4, 999, 3600)]:
        started = clock.now - ago * SECOND
        Due.objects.create(
            operation="check_orders",
            subject=subject,
            due_at=clock.now + 600 * SECOND,
            started_at=started,
            was_due_at=started - late * SECOND,
        )

    def at_most(bound: str) -> float | None:
        labels = {"operation": "check_orders", "le": bound}
        return registry(clock).get_sample_value("kogge_lateness_seconds_bucket", labels)

    assert [at_most(bound) for bound in ("1.0", "5.0", "30.0", "60.0", "+Inf")] == [1, 2, 2, 3, 3]


def test_calls_are_summed_over_all_accounts(db: None, clock: Any) -> None:
    for subject in (1, 2):
        Bucket.objects.create(
            subject=subject,
            operation="getOrder",
            tokens=1,
            rate=1,
            burst=1,
            counted_at=0,
            calls=7,
            throttled=2,
        )

    seen = registry(clock).get_sample_value

    assert seen("kogge_calls_total", {"operation": "getOrder"}) == 14
    assert seen("kogge_throttled_total", {"operation": "getOrder"}) == 4


def test_a_database_that_does_not_answer_is_a_figure(
    db: None, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(figures, "read", broken)
    monkeypatch.setattr(connection, "close", lambda: None)

    assert registry(clock).get_sample_value("kogge_database_up") == 0


def test_several_readers_within_seconds_cost_one_reading(db: None, clock: Any) -> None:
    collector = DatabaseFigures(clock)
    list(collector.collect())

    with CaptureQueriesContext(connection) as queries:
        list(collector.collect())

    assert len(queries) == 0


def test_the_number_of_queries_does_not_grow(db: None, clock: Any) -> None:
    with CaptureQueriesContext(connection) as with_few:
        figures.read(clock.now)
    due.make_due("check_orders", list(range(50)), now=clock.now)
    with CaptureQueriesContext(connection) as with_many:
        figures.read(clock.now)

    assert len(with_few) == len(with_many) < 20


@pytest.mark.parametrize(
    ("token", "shown"), [("", ""), ("", "Bearer "), ("wort", ""), ("wort", "Bearer falsch"), ("wort", "wort")]
)
def test_the_page_does_not_exist_for_whoever_has_no_token(
    db: None, settings: Any, token: str, shown: str
) -> None:
    settings.KOGGE_METRICS_TOKEN = token

    answer = Client().get("/metrics", headers={"Authorization": shown})

    assert answer.status_code == 404


def test_the_page_with_the_token(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    settings.KOGGE_METRICS_TOKEN = "wört"
    monkeypatch.setattr(page, "_registry", registry(clock))

    answer = Client().get("/metrics", headers={"Authorization": "Bearer wört"})

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert b"kogge_database_up 1.0" in answer.content
