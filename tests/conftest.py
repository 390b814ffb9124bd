"""The world of the tests: an own data directory, no network but loopback, a clock, and a cast."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

# Before the settings are read: nothing a test does may touch the data of whoever runs it.
_DATA = tempfile.TemporaryDirectory(prefix="kogge-tests-", ignore_cleanup_errors=True)
os.environ["KOGGE_DATA_DIR"] = _DATA.name
for _name in (
    "KOGGE_SECRET_KEY", "KOGGE_KEYS", "KOGGE_ALLOWED_HOSTS", "KOGGE_EMAIL_URL",
    "KOGGE_METRICS_TOKEN", "KOGGE_LOG_FORMAT",
):  # fmt: skip
    os.environ.pop(_name, None)
for _name in ("KOGGE_SQS_QUEUE_URL", "KOGGE_SQS_REGION", "KOGGE_SQS_ENDPOINT_URL"):
    os.environ.pop(_name, None)
for _name in ("KOGGE_AMAZON_API_URL", "KOGGE_AMAZON_LWA_URL", "KOGGE_AMAZON_CONSENT_URL"):
    os.environ.pop(_name, None)

PASSWORD = "Sieben-Fässer-Tee"
_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}
_connect = socket.socket.connect


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> Iterator[None]:
    """A test that talks to the world fails instead."""

    def connect(self: socket.socket, address: Any) -> None:
        if (
            self.family in {socket.AF_INET, socket.AF_INET6}
            and address[0] not in _LOOPBACK | _database_hosts()
        ):
            raise RuntimeError(f"a test wanted to reach {address[0]}")
        _connect(self, address)

    socket.socket.connect = connect  # type: ignore[assignment,method-assign]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Tests run on a file where the database is SQLite: threads and processes share it then.

    `KOGGE_TEST_DATABASE` names the test database of PostgreSQL, for several people at one server.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(Path(_DATA.name) / f"test-{worker}.sqlite3")
        return
    # Nothing a test stores must outlive a power cut.
    database.setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=off"
    if os.environ.get("KOGGE_TEST_DATABASE"):
        database["TEST"]["NAME"] = f"{os.environ['KOGGE_TEST_DATABASE']}_{worker}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A process that a test killed can leave a session behind, and PostgreSQL drops no database in use."""
    yield
    from django.db import connection

    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """Hashing a password is slow on purpose, and not what most tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _german() -> Iterator[None]:
    """German is the source language; a test of another one says so itself."""
    from django.utils import translation

    with translation.override("de"):
        yield


@dataclass
class Clock:
    """A clock that stands still until a test sets it. Call it to read it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 9, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Let time pass: `clock.advance(minutes=10)`."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Monday morning, 23 November 2026, 09:12 UTC, until the test advances it."""
    return Clock()


@pytest.fixture
def merchant(db: None, clock: Clock) -> Any:
    """Teehaus Muster, where Anna, Ben and Rita work."""
    from kogge.merchants.models import Merchant

    return Merchant.objects.create(slug="teehaus-muster", name="Teehaus Muster", created_at=clock.now)


@pytest.fixture
def other_merchant(db: None, clock: Clock) -> Any:
    """Another business, which must see nothing of the first: Mallory's."""
    from kogge.merchants.models import Merchant

    return Merchant.objects.create(slug="anderswo", name="Anderswo", created_at=clock.now)


@pytest.fixture
def hire(clock: Clock) -> Callable[..., Any]:
    """Give somebody an account: `hire(merchant, "anna", Role.OWNER)`, password `PASSWORD`."""
    from kogge.merchants.accounts import add_user

    def hire(merchant: Any, name: str, role: Any) -> Any:
        return add_user(
            merchant,
            email=f"{name}@example.org",
            name=name.title(),
            password=PASSWORD,
            role=role,
            now=clock.now,
        )

    return hire


@pytest.fixture
def anna(merchant: Any, hire: Callable[..., Any]) -> Any:
    """Owns Teehaus Muster."""
    return hire(merchant, "anna", "owner")


@pytest.fixture
def ben(merchant: Any, hire: Callable[..., Any]) -> Any:
    """Works for Teehaus Muster."""
    return hire(merchant, "ben", "staff")


@pytest.fixture
def rita(merchant: Any, hire: Callable[..., Any]) -> Any:
    """May only look at Teehaus Muster."""
    return hire(merchant, "rita", "reader")


@pytest.fixture
def mallory(other_merchant: Any, hire: Callable[..., Any]) -> Any:
    """Owns Anderswo and must be kept out of Teehaus Muster."""
    return hire(other_merchant, "mallory", "owner")


def _database_hosts() -> set[str]:
    from django.conf import settings

    host = settings.DATABASES["default"].get("HOST", "")
    return {str(host)} if host else set()
