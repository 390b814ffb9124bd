"""Several commands as one: a web server and a worker that start, and end, together.

Children read their standard input: when it closes, their parent is gone (killed, perhaps) and they
stop by themselves. So nothing is left running that would hold the port or work unseen.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.error import HTTPError, URLError

WITH_PARENT = "KOGGE_ENDS_WITH_PARENT"
LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.2
# How long children may finish what they have in hand before they are killed.
GRACE_SECONDS = 30.0
RESTART_PAUSE_SECONDS = 1.0


@dataclass
class Child:
    """A command of ours that runs as a process of its own."""

    arguments: list[str]
    restarts: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603  (our own interpreter and command)
            [sys.executable, "-m", "kogge.cli", *self.arguments],
            stdin=subprocess.PIPE,
            env={**os.environ, WITH_PARENT: "1"},
            start_new_session=True,  # Ctrl-C reaches the parent only, which ends its children in order
        )

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self, deadline: float) -> None:
        """Wait for the process that was told to end; kill it when the time is over."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()


class Household:
    """Runs children until one that may not end ends, or until SIGINT or SIGTERM."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.stopping = threading.Event()

    def run(
        self, *, url: str, when_up: Callable[[], None], now_and_then: Callable[[], None] | None = None
    ) -> bool:
        """False: a child ended that should not have.

        `when_up` is called once `url` answers, `now_and_then` five times a second from then on.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: self.stopping.set())
        try:
            for child in self.children:
                child.start()
            return self._watch(url, when_up, now_and_then or (lambda: None))
        finally:
            self._stop_children()

    def _watch(self, url: str, when_up: Callable[[], None], now_and_then: Callable[[], None]) -> bool:
        running = False
        while not self.stopping.wait(LOOK_SECONDS):
            if running:
                now_and_then()
            elif running := is_up(url):
                when_up()
            if not self._all_run():
                return False
        return True

    def _all_run(self) -> bool:
        """Start again what may be started again; False when another one has ended."""
        for child in self.children:
            if not child.has_ended:
                continue
            if not child.restarts:
                return False
            if not self.stopping.wait(RESTART_PAUSE_SECONDS):
                child.start()
        return True

    def _stop_children(self) -> None:
        for child in self.children:
            if child.process and not child.has_ended:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            child.stop(deadline)


def call_when_parent_is_gone(stop: Callable[[], None]) -> None:
    """In a child of a `Household`: call `stop` once the parent is no more."""
    if not is_a_child():
        return

    def wait_for_the_end() -> None:
        while os.read(0, 1024):
            pass
        stop()

    threading.Thread(target=wait_for_the_end, name="parent", daemon=True).start()


def is_a_child() -> bool:
    """Whether this process was started by a `Household`."""
    return bool(os.environ.get(WITH_PARENT))


def is_free(port: int) -> bool:
    """Whether somebody may listen on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_up(url: str) -> bool:
    """Whether a server answers at `url`, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (our own address)
            return True
    except HTTPError:
        return True
    except (URLError, OSError):
        return False
