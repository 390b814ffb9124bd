"""`kogge up` and `kogge demo` as processes: they come up, end cleanly, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kogge.cli.processes import free_port, is_free, is_up

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")

SECONDS = 60


class Running:
    """A `kogge` command that runs until the test ends it."""

    def __init__(self, arguments: list[str], data: Path) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KOGGE_", "DATABASE_URL"))
        }
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kogge.cli", *arguments, "--port", str(self.port), "--json"],
            env={**kept, "KOGGE_DATA_DIR": str(data), "LANG": "de_DE.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def first_answer(self) -> dict[str, str]:
        """The JSON document printed once the server is up."""
        assert self.process.stdout is not None
        watch = threading.Timer(SECONDS, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        document: dict[str, str] = json.loads(line)
        return document

    def children(self) -> dict[str, int]:
        """Our children by the command they run."""
        found = {}
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in pids:
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if words[2:3] == ["kogge.cli"]:  # else it has only just been forked, or is a zombie
                found[words[3]] = int(pid)
        return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(list(arguments), tmp_path / "data"))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


def test_up_serves_works_and_ends_cleanly(start: Callable[..., Running]) -> None:
    up = start("up")

    assert up.first_answer() == {"url": f"http://127.0.0.1:{up.port}/"}
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/anmelden/", timeout=10) as page:
        assert page.status == 200
        assert "Content-Security-Policy" in page.headers
    children = up.children()
    assert set(children) == {"web", "worker"}

    up.process.send_signal(signal.SIGTERM)

    assert up.process.wait(SECONDS) == 0
    assert not any(lives(pid) for pid in children.values())
    assert is_free(up.port)


def test_a_worker_that_dies_is_started_again(start: Callable[..., Running]) -> None:
    up = start("up")
    up.first_answer()
    first = up.children()["worker"]

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: up.children().get("worker", first) != first)
    assert is_up(f"http://127.0.0.1:{up.port}/health/live")


def test_nothing_keeps_running_when_the_command_is_killed(start: Callable[..., Running]) -> None:
    up = start("up")
    up.first_answer()
    children = up.children()

    up.process.kill()

    wait_until(lambda: not any(lives(pid) for pid in children.values()))
    wait_until(lambda: is_free(up.port))


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = subprocess.run(
            [sys.executable, "-m", "kogge.cli", "web", "--port", str(port)],
            env={**os.environ, "KOGGE_DATA_DIR": str(tmp_path), "LANG": "de_DE.UTF-8", "LC_ALL": ""},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    assert refused.returncode == 1
    assert refused.stderr == f"Port {port} ist belegt. Wähle mit --port einen anderen.\n"


def test_the_simulator_says_how_to_reach_it_and_ends_when_told(start: Callable[..., Running]) -> None:
    simulator = start("simulator", "--quotas", "off")

    addresses = simulator.first_answer()

    assert addresses["KOGGE_AMAZON_API_URL"] == f"http://127.0.0.1:{simulator.port}"
    assert is_up(addresses["KOGGE_AMAZON_API_URL"])
    simulator.process.send_signal(signal.SIGTERM)
    assert simulator.process.wait(SECONDS) == 0


def test_the_demo_opens_with_a_way_in_and_orders_arrive(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    demo = start("demo")

    shown = demo.first_answer()

    assert shown["email"] == "demo@kogge.example"
    assert len(shown["password"]) >= 12
    assert is_up(shown["amazon"])
    wait_until(lambda: orders(tmp_path / "data") >= 5)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(SECONDS) == 0


def orders(data: Path) -> int:
    with closing(sqlite3.connect(data / "kogge.sqlite3")) as database:
        count: int = database.execute("select count(*) from backoffice_order").fetchone()[0]
        return count


def lives(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX"


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look several times a second; other processes decide when."""
    look = threading.Event()
    for _look in range(SECONDS * 5):
        if is_so():
            return
        look.wait(0.2)
    raise AssertionError("it did not happen in time")
