"""A worker's own small HTTP server: `/metrics`, `/health/live` and `/health/ready`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.db import connections
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from kogge.engine.observing import PULSE, Pulse
from kogge.metrics.figures import DatabaseFigures

TEXT = "text/plain; charset=utf-8"
PATIENCE_SECONDS = 10


class WorkerServer:
    """Serves from a thread of its own until the process ends or `close()`.

    Raises `OSError` when the address is taken. Who can reach the address can read the figures: it is
    loopback unless somebody chose otherwise.
    """

    def __init__(self, host: str, port: int, *, clock: Callable[[], datetime], pulse: Pulse = PULSE) -> None:
        database = CollectorRegistry()
        database.register(DatabaseFigures(clock))

        class Handler(BaseHTTPRequestHandler):
            server_version = "kogge"
            timeout = PATIENCE_SECONDS

            def do_GET(self) -> None:
                status, content_type, body = _answer(self.path.partition("?")[0], database, pulse)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """A probe every few seconds is no news."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(path: str, database: CollectorRegistry, pulse: Pulse) -> tuple[int, str, bytes]:
    if path == "/health/live":
        return _health(pulse.is_alive, "the worker's loop stands still")
    if path == "/health/ready":
        return _health(pulse.is_ready, "the database does not answer")
    if path != "/metrics":
        return 404, TEXT, b"not found\n"
    try:
        return 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY) + generate_latest(database)
    finally:
        connections.close_all()  # this thread's


def _health(is_well: bool, trouble: str) -> tuple[int, str, bytes]:
    return (200, TEXT, b"ok\n") if is_well else (503, TEXT, f"{trouble}\n".encode())
