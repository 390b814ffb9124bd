"""Log lines for people, or as JSON for machines, and what each line is about.

`about(operation=…, connection=…)` names what the lines written within it are about; the JSON lines carry
it in fields of their own. A line never holds a person's data or a secret: of an exception its kind and where
it came from are kept, its text is not, because a text can hold anything.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

# All that a line may carry beside its message; anything else given as `extra` stays out.
FIELDS = (
    "operation",  # of the schedule
    "connection",
    "merchant",
    "run",  # row of the due table and its fence: one lease
    "call",  # a partner's operation
    "method",
    "route",  # the name of the address, never the address itself
    "status",  # of HTTP
    "duration_ms",
    "request_id",  # Amazon's, or the one our answer carries
    "user",  # id
)

_about: ContextVar[dict[str, Any]] = ContextVar("kogge_about", default={})  # noqa: B039  (never changed)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Lines written within are about this too. Only `FIELDS`; values are ids, names of ours and numbers."""
    token = _about.set(_about.get() | fields)
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        said = _about.get() | {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        line |= {name: said[name] for name in FIELDS if said.get(name) is not None}
        if record.exc_info and record.exc_info[0]:
            line["error"] = _kinds(record.exc_info[1])
            line["where"] = _where(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def settings(form: str, level: str) -> dict[str, Any]:
    """Django's `LOGGING`. `form` is "plain" or "json"; anything else ends the program with a sentence."""
    if form not in {"plain", "json"}:
        raise SystemExit(f"KOGGE_LOG_FORMAT: plain or json, not {form!r}")
    chosen: Literal["plain", "json"] = "json" if form == "json" else "plain"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
            "json": {"()": JsonLines},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": chosen}},
        "root": {"handlers": ["stderr"], "level": level},
        # The HTTP client's own log lines carry whole URLs; ours (kogge.spapi) carry none.
        "loggers": {
            **{name: {"level": "WARNING"} for name in ("httpx2", "httpcore2", "fontTools", "fpdf")},
            "procrastinate": {"level": "WARNING"},  # several lines for every message, and ours say the same
            # A line for every run and every page: for machines.
            **{
                name: {"level": "INFO" if chosen == "json" else "WARNING"}
                for name in ("kogge.engine.observing", "kogge.web")
            },
        },
    }


def _message(record: logging.LogRecord) -> str:
    """Django ends its lines about requests with the path, which can hold anything, a webhook's secret too."""
    if record.name.startswith(("django.request", "django.security")) and isinstance(record.args, tuple):
        return str(record.msg) % (*record.args[:-1], "…") if record.args else str(record.msg)
    return record.getMessage()


def _kinds(error: BaseException | None) -> str:
    """The exception's kind and those it came from, newest first."""
    kinds: list[str] = []
    while error is not None and len(kinds) < 10:
        kinds.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or error.__context__
    return " < ".join(kinds)


def _where(trace: TracebackType | None) -> list[str]:
    """File, line and function of each step, without the source text or values."""
    return [f"{step.filename}:{step.lineno} {step.name}" for step in traceback.extract_tb(trace)]
