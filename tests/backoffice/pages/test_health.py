"""What load balancers ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from kogge.backoffice.pages import health
from kogge.moving import mark

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """As in a process that has not looked yet."""
    health._found_up_to_date.clear()
    yield
    health._found_up_to_date.clear()


def ask(client: Client, path: str = "/health/ready") -> tuple[int, dict[str, Any]]:
    answer = client.get(path)
    return answer.status_code, answer.json()


def test_ready_looks_for_migrations_once_and_then_asks_little(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    assert ask(client) == (200, {"ready": True, "missing": ""})
    with django_assert_max_num_queries(1):
        assert ask(client) == (200, {"ready": True, "missing": ""})


def test_any_host_may_ask_by_plain_http_and_gets_no_cookie(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path, headers={"host": "10.0.0.7:8000"})

        assert answer.status_code == 200
        assert not answer.cookies
        assert b"10.0.0.7" not in answer.content
    assert client.get("/anmelden/", headers={"host": "10.0.0.7:8000"}).status_code == 400


def test_a_database_that_does_not_answer_is_said_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OperationalError('connection to "10.0.0.9" failed: password')

    monkeypatch.setattr(mark, "why_not_here", fail)

    assert ask(client) == (503, {"ready": False, "missing": "database"})


def test_missing_migrations_and_a_move_keep_traffic_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.migrations.executor import MigrationExecutor

    with monkeypatch.context() as behind:
        behind.setattr(MigrationExecutor, "migration_plan", lambda *_args: ["one"])
        assert ask(client) == (503, {"ready": False, "missing": "migrations"})
    assert ask(client)[0] == 200

    monkeypatch.setattr(mark, "why_not_here", lambda: "umgezogen")
    assert ask(client) == (503, {"ready": False, "missing": "moved"})
