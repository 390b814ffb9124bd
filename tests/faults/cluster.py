"""A PostgreSQL of our own on a small disk of its own: killed, started again, with no room left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from kogge.cli.processes import LOOPBACK, free_port

OWNER = "postgres" if os.getuid() == 0 else None  # it refuses to run as root


class Cluster:
    """`initdb` in `home`, which the server's user may enter."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._bin = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        if OWNER:
            shutil.chown(home, OWNER)
        self._run(
            "initdb", "-D", str(self._data), "-U", "root", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )

    @property
    def url(self) -> str:
        return f"postgres://root@{LOOPBACK}:{self.port}/postgres"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def start(self) -> None:
        """Answers when it is up; recovers first, if it was killed."""
        options = (
            f"-p {self.port} -k {self.home} -c max_connections=120 -c max_wal_size=64MB -c min_wal_size=32MB"
        )
        deadline = time.monotonic() + 60
        while True:
            with suppress(subprocess.CalledProcessError):
                self._run(
                    "pg_ctl",
                    "-D",
                    str(self._data),
                    "-w",
                    "-l",
                    str(self.home / "log"),
                    "-o",
                    options,
                    "start",
                )
                return
            assert time.monotonic() < deadline, (self.home / "log").read_text()[-2000:]
            time.sleep(0.2)

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and end."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.02)

    @property
    def is_up(self) -> bool:
        try:
            self._run("pg_isready", "-h", LOOPBACK, "-p", str(self.port), "-t", "2")
        except subprocess.CalledProcessError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            user=OWNER,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
