"""A database on PostgreSQL that lives as long as a measurement."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

DEFAULT_SERVER = "postgres://root@127.0.0.1:5432/postgres"


class NoServer(Exception):
    """There is no PostgreSQL to measure on; the sentence says what to do."""


def server() -> str:
    """A database on the server to measure on: that of `DATABASE_URL`, else one on this machine."""
    return os.environ.get("DATABASE_URL") or DEFAULT_SERVER


def ask(statement: str, url: str = "") -> list[tuple[object, ...]]:
    """The rows of one statement, outside a transaction. Raises `NoServer`."""
    url = url or server()
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
    except psycopg.OperationalError as error:
        parts = urlsplit(url)
        place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
        raise NoServer(
            f"PostgreSQL antwortet nicht auf {place}. Setze DATABASE_URL=postgres://…, oder miss mit "
            f"--database sqlite. / PostgreSQL does not answer at {place}. Set DATABASE_URL=postgres://…, "
            "or measure with --database sqlite."
        ) from error


@contextmanager
def throw_away_database() -> Iterator[str]:
    """The address of an empty database on the server. Raises `NoServer`."""
    name = f"kogge_bench_{uuid4().hex[:12]}"
    home = server()
    ask(f'CREATE DATABASE "{name}"', home)
    try:
        yield urlunsplit(urlsplit(home)._replace(path=f"/{name}"))
    finally:
        ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', home)
