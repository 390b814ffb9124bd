"""Facts about the machine a figure was measured on, without which the figure says nothing."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import sys


def facts() -> dict[str, object]:
    """Processor count, Python and SQLite versions."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def peak_memory_mb() -> int:
    """The largest resident size of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024
