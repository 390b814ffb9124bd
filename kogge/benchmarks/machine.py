"""Facts about the machine a figure was measured on, without which the figure says nothing."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys
from pathlib import Path

import django

from kogge.benchmarks.databases import ask

SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


def facts(database: str = "sqlite") -> dict[str, object]:
    """Processor, memory and versions; of PostgreSQL also what decides how long a commit takes."""
    found: dict[str, object] = {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "machine": platform.machine(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "python": platform.python_version(),
        "django": django.get_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if database == "postgres":
        found["postgresql"] = {name: ask(f"SHOW {name}")[0][0] for name in SETTINGS}
    return found


def peak_memory_mb() -> int:
    """The largest resident size of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024


def cpu_seconds(pid: int, called: str = "") -> float | None:
    """The processor time a process of this machine used so far; None where nobody tells.

    Also None when the process has another name than `called`: then it is not the one that is meant.
    """
    try:
        name, _, numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    if called and not name.endswith(f"({called}"):
        return None
    fields = numbers.split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> int | None:
    """The resident size of a process of this machine, in MiB; None where nobody tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
