"""A disk that can be full: a small file system in memory where we may mount one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

MEGABYTES = 400


class SmallDisk:
    """`fill()` leaves no room, `clear()` gives it back. `can_be_full`: something can be mounted here."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.can_be_full = False

    def __enter__(self) -> Self:
        self.home.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "tmpfs", str(self.home)]
        self.can_be_full = subprocess.call(command, stderr=subprocess.DEVNULL) == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.can_be_full:
            subprocess.call(["umount", "-l", str(self.home)])

    def fill(self) -> None:
        if not self.can_be_full:
            return
        try:
            with (self.home / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(1024 * 1024))
        except OSError:
            return  # full

    def clear(self) -> None:
        (self.home / "filler").unlink(missing_ok=True)
