"""What an operation gets and how it is found by its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from kogge.simulator.faults import Fault
from kogge.simulator.wire import Request, Response
from kogge.simulator.world import Account, World


@dataclass(slots=True)
class Call:
    """One authorised call of an operation by an application for a seller."""

    world: World
    account: Account
    request: Request
    operation: str
    now: datetime
    path: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    client_id: str = ""

    def fault(self, kind: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Route:
    """An operation of SP-API: `path` as in Amazon's model, with `{parts}` in braces.

    With a `scope` it is grantless: called by an application with a token of that scope, for no seller.
    """

    method: str
    path: str
    operation: str
    answer: Callable[[Call], Response]
    scope: str = ""

    def match(self, path: str) -> dict[str, str] | None:
        found = _pattern(self.path).fullmatch(path)
        return found.groupdict() if found else None


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(path: str) -> re.Pattern[str]:
    if path not in _patterns:
        _patterns[path] = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    return _patterns[path]
