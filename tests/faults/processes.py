"""Kogge's own processes, which are killed at any moment, and started again after a while."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kogge.cli.processes import WITH_PARENT

ROOT = Path(__file__).parents[2]


@dataclass
class Victim:
    """One command of Kogge in a session of its own, so that nothing of it outlives a kill."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    kills: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, **more: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kogge.cli", *self.arguments],
                env={
                    **os.environ,
                    **self.environment,
                    **more,
                    WITH_PARENT: "1",
                    "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
                },
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def children(self) -> list[int]:
        """The processes it started itself: of `kogge up` the web server and the worker."""
        if not self.is_running or self.process is None:
            return []
        pid = self.process.pid
        with suppress(OSError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill_child(self, dice: random.Random) -> None:
        """kill -9 of one process it started."""
        if children := self.children():
            self.kills += 1
            with suppress(ProcessLookupError):
                os.killpg(dice.choice(children), signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its machine stands still; afterwards it goes on and does not know that time has passed."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, with everything it started."""
        if self.process is None:
            return
        self.kills += self.is_running
        for pid in [*self.children(), self.process.pid]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self.process = None
