"""Who works on an embedded database just now: a lock on a file, which ends with the process.

Everything that may write holds it together with others; a move holds it alone. So neither begins while
the other goes on, and nothing is left behind by a process that was killed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_held: list[int] = []


def come_in(directory: Path) -> bool:
    """Be one of those who work with the database in this directory, until the process ends.

    False: a move is going on.
    """
    return bool(_held) or _take(directory, "LOCK_SH")


def be_alone(directory: Path) -> bool:
    """Be the only one who works with the database in this directory. False: others do."""
    return _take(directory, "LOCK_EX")


def leave() -> None:
    """Let others work with it again."""
    while _held:
        os.close(_held.pop())


def _take(directory: Path, kind: str) -> bool:
    if sys.platform == "win32":
        return True  # the lock of SQLite itself and the leases have to do
    descriptor = os.open(directory / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, getattr(fcntl, kind) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
