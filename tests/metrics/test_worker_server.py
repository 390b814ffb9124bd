"""The worker's own address: figures, and health for load balancers and supervisors."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from kogge.engine import due
from kogge.engine.observing import Pulse
from kogge.engine.work import Outcome, Work
from kogge.engine.worker import run_due
from kogge.metrics.serving import WorkerServer


@pytest.fixture
def pulse() -> Pulse:
    return Pulse()


@pytest.fixture
def server(transactional_db: None, clock: Any, pulse: Pulse) -> Iterator[WorkerServer]:
    server = WorkerServer("127.0.0.1", 0, clock=clock, pulse=pulse)
    yield server
    server.close()


def ask(server: WorkerServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_follows_the_loop_and_the_database(server: WorkerServer, pulse: Pulse) -> None:
    before = ask(server, "/health/live")
    pulse.turned()
    turning = ask(server, "/health/live"), ask(server, "/health/ready")
    pulse.answered()

    assert before == (503, "the worker's loop stands still\n")
    assert turning == ((200, "ok\n"), (503, "the database does not answer\n"))
    assert ask(server, "/health/ready") == (200, "ok\n")
    assert ask(server, "/anything")[0] == 404


def test_figures_of_the_database_and_of_the_process(server: WorkerServer, clock: Any) -> None:
    due.make_due("try_it", 1, now=clock.now)

    def fails(work: Work) -> Outcome:
        return Outcome(work.now, error="so nicht")

    run_due({"try_it": fails}, clock=clock, limit=1)
    status, text = ask(server, "/metrics")

    assert status == 200
    assert "kogge_database_up 1.0" in text
    assert 'kogge_runs_total{operation="try_it",outcome="failed"}' in text
    assert "process_resident_memory_bytes" in text


def test_a_loop_that_stands_still_for_half_a_minute_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 100.0
    monkeypatch.setattr("kogge.engine.observing.time.monotonic", lambda: seconds)
    pulse = Pulse()
    pulse.turned()
    pulse.answered()
    seconds += 29
    shortly_after = pulse.is_alive, pulse.is_ready
    seconds += 2

    assert shortly_after == (True, True)
    assert (pulse.is_alive, pulse.is_ready) == (False, False)
