"""Amazon on a socket: HTTP/1.1 with keep-alive on one loopback port. `Simulator` is the way in."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from kogge.simulator import lwa
from kogge.simulator.amazon import Amazon, OnExchange
from kogge.simulator.control import Controls
from kogge.simulator.generate import Drip
from kogge.simulator.listings import Listing
from kogge.simulator.quotas import Quotas
from kogge.simulator.wire import Request, Response
from kogge.simulator.world import World

LOOPBACK = "127.0.0.1"

GZIP_FROM = 1024
"""Bytes from which an answer is compressed for clients that accept it."""
GZIP_LEVEL = 1
_AS_STORED = ("/download/", "/images/")
"""What comes as it is: presigned downloads, and pictures, which are compressed already."""


class Simulator(Controls):
    """A running Amazon: `with Simulator(quotas="off") as amazon: … amazon.url`.

    `world` is what it knows; all methods of `Controls` mirror the control plane. Errors raised by
    `on_exchange` are raised when the `with` block ends, as the client must not see them.
    """

    def __init__(
        self,
        *,
        quotas: Quotas = "amazon",
        seed: int = 1,
        port: int = 0,
        listings: list[Listing] | None = None,
        world: World | None = None,
        orders_per_minute: float = 0,
        on_exchange: OnExchange | None = None,
    ) -> None:
        super().__init__(world or World(quotas=quotas, seed=seed, listings=listings))
        self.on_exchange = on_exchange
        self.errors: list[Exception] = []
        self._port = port
        self._drip = Drip(self.world, orders_per_minute) if orders_per_minute else None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen on the port (0: a free one) and answer in a thread."""
        self._server = _Server((LOOPBACK, self._port), Amazon(self.world, self._exchanged))
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        if self._drip:
            self._drip.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections."""
        if self._drip:
            self._drip.stop()
        if self._server and self._thread:
            self._server.stop()
            self._thread.join()
            self._server = self._thread = None

    def wait(self) -> None:
        """Block until stopped or interrupted."""
        while self._thread and self._thread.is_alive():
            self._thread.join(1)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def api_url(self) -> str:
        return self.url

    @property
    def lwa_url(self) -> str:
        return self.url + lwa.TOKEN_PATH

    @property
    def consent_url(self) -> str:
        return self.url + lwa.CONSENT_PATH

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self.errors:
            raise self.errors[0]

    def _exchanged(self, request: Request, response: Response) -> None:
        if self.on_exchange is None:
            return
        try:
            self.on_exchange(request, response)
        except Exception as error:  # noqa: BLE001  (kept and raised at the end, see __exit__)
            self.errors.append(error)


def serve(
    *,
    port: int = 0,
    quotas: Quotas = "amazon",
    seed: int = 1,
    orders_per_minute: float = 0,
    world: World | None = None,
) -> None:
    """Run until interrupted."""
    simulator = Simulator(
        port=port, quotas=quotas, seed=seed, orders_per_minute=orders_per_minute, world=world
    )
    simulator.start()
    try:
        simulator.wait()
    except KeyboardInterrupt:
        pass
    finally:
        simulator.stop()


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping does not wait for idle keep-alive clients."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], amazon: Amazon) -> None:
        super().__init__(address, _Handler)
        self.amazon = amazon
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()

    def opened(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            for connection in self._connections:
                _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is its own business; anything else is shown as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        try:
            super().finish()
        except OSError:
            return  # the client or a fault has closed the line before everything was written

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: what happened is in `GET /_control/state`."""

    def _exchange(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or "transfer-encoding" in headers:
            self.send_error(411)
            return
        body = self.rfile.read(int(length)) if length != "0" else b""
        response = self.server.amazon.handle(Request(self.command, path, query, headers, body))
        self._send(response, headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _exchange  # noqa: N815

    def _send(self, response: Response, asked: Mapping[str, str]) -> None:
        if response.delay_s and self.server.stopping.wait(response.delay_s):
            self.close_connection = True
            return
        if response.is_dropped:
            self.close_connection = True
            _hang_up(self.connection)
            return
        body = self._compressed(response, asked)
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if response.is_truncated:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            _hang_up(self.connection)
            return
        self.wfile.write(body)

    def _compressed(self, response: Response, asked: Mapping[str, str]) -> bytes:
        is_wanted = "gzip" in asked.get("accept-encoding", "")
        if not is_wanted or len(response.body) < GZIP_FROM or "Content-Encoding" in response.headers:
            return response.body
        if self.path.startswith(_AS_STORED):
            return response.body
        response.headers["Content-Encoding"] = "gzip"
        return gzip.compress(response.body, GZIP_LEVEL)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed by the other side
