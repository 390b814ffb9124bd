"""A world to measure in: a simulator in a process of its own, and a data directory that is thrown away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from urllib.parse import urlencode

from kogge.benchmarks.databases import throw_away_database
from kogge.simulator import credentials
from kogge.simulator.quotas import Quotas

BATCH = 2_000  # orders created by one control request


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator in another process, reached over its control plane."""

    port: int
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that point Kogge at this simulator."""
        return {
            "KOGGE_AMAZON_API_URL": self.url,
            "KOGGE_AMAZON_LWA_URL": f"{self.url}/auth/o2/token",
            "KOGGE_AMAZON_CONSENT_URL": self.url,
        }

    def place_orders(self, count: int, **overrides: object) -> None:
        """Let buyers order `count` times."""
        for start in range(0, count, BATCH):
            self.control("POST", "orders", {"count": min(BATCH, count - start), **overrides})

    def order_ids(self) -> list[str]:
        state = self.control("GET", "state")
        assert isinstance(state, dict)
        orders = state["orders"]
        return [order["orderId"] for order in (orders.values() if isinstance(orders, dict) else orders)]

    def access_token(self) -> str:
        """A token as the demo seller's application gets it."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.REFRESH_TOKEN,
            "client_id": credentials.CLIENT_ID,
            "client_secret": credentials.CLIENT_SECRET,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._request("POST", "/auth/o2/token", urlencode(form), headers)
        assert isinstance(answer, dict)
        return str(answer["access_token"])

    def control(self, method: str, path: str, body: object = None) -> object:
        text = None if body is None else json.dumps(body)
        return self._request(method, f"/_control/{path}", text, {"Content-Type": "application/json"})

    def _request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> object:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"the simulator answered {answer.status} to {method} {path}")
            return json.loads(text) if text else None
        finally:
            connection.close()


@contextmanager
def running_simulator(orders: int = 0, quotas: Quotas = "off") -> Iterator[RunningSimulator]:
    """A simulator, mostly without quotas, holding `orders` orders that are ready to ship."""
    simulator = RunningSimulator(free_port())
    program = f"from kogge.simulator import serve; serve(port={simulator.port}, quotas='{quotas}', seed=1)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        wait_for(simulator.port)
        if orders:
            simulator.place_orders(orders, status="UNSHIPPED")
            simulator.control("POST", "time", {"advance_s": 600})  # orders are visible after two minutes
        yield replace(simulator, pid=process.pid)
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def fresh_installation(
    simulator: RunningSimulator | None = None, database: str = "sqlite"
) -> Iterator[dict[str, str]]:
    """The environment of an empty installation, connected to nothing but the simulator.

    `database` is "sqlite" or "postgres". Raises `NoServer` when no PostgreSQL answers.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KOGGE_")}
    kept.pop("DATABASE_URL", None)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kogge-bench-"))
        if database == "postgres":
            kept["DATABASE_URL"] = stack.enter_context(throw_away_database())
        yield {
            **kept,
            **(simulator.environment() if simulator else {}),
            "KOGGE_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "kogge.settings",
            "KOGGE_LOG_LEVEL": "WARNING",
        }


def free_port() -> int:
    """A port of this machine nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, seconds: float = 15) -> None:
    """Until somebody listens on the port. Raises `RuntimeError` after so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")
