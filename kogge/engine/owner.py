"""Who holds a lease: a process, named so that others on its machine can tell whether it still lives."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache
from pathlib import Path


def this_process() -> str:
    """The name of this process: machine:pid:start time, unique even when pids are used again."""
    return f"{_machine()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the process surely lives no more. Processes of other machines are taken for alive."""
    machine, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if machine != _machine() or not pid.isdigit():
        return False
    return _start_time(int(pid)) != started


@cache
def _machine() -> str:
    """Host, boot and, for containers that share both, the namespace pids are counted in."""
    host = socket.gethostname().replace(":", "-")[:60]
    boot = _read(Path("/proc/sys/kernel/random/boot_id"))[:8]
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return "-".join(part for part in (host, boot, namespace) if part)


def _start_time(pid: int) -> str:
    """When a process started, in ticks since boot; empty for one that is gone or a zombie."""
    if not Path("/proc/self/stat").exists():
        return "alive" if _answers(pid) else ""
    # The second field is the program's name in brackets and may hold anything, blanks too.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if not fields or fields[0] in "ZX":
        return ""
    return fields[19]


def _answers(pid: int) -> bool:
    if sys.platform == "win32":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
