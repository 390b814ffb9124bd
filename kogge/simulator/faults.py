"""Faults ordered through the control plane: what Amazon does wrong, when, and how often."""

from __future__ import annotations

from typing import Literal

import msgspec

from kogge.simulator.wire import Refusal, Response, quota_exceeded

Kind = Literal[
    "429",
    "500",
    "503-html",
    "403-denied",
    "timeout",
    "timeout-after",
    "drop-connection",
    "drop-after",
    "slow",
    "bad-json",
    "200-html",
    "200-empty",
    "truncated-page",
    "order-twice",
    "400-includedData",
    "lose",
    "duplicate",
    "reorder",
]

NOTIFICATION = "notification"
"""The operation that notifications count as. `lose`, `duplicate` (five times) and `reorder` are theirs."""

_HTML = b"<html><body><h1>Service Unavailable</h1><p>Please try again later.</p></body></html>"

# The effect of these comes after the operation has done its work.
_AFTERWARDS = {"timeout-after", "drop-after", "slow", "bad-json", "200-html", "200-empty", "truncated-page"}
# These are asked for by the operation itself.
_INSIDE = {"order-twice", "400-includedData"}


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One order for trouble.

    `operation` is Amazon's name (`searchOrders`), `token` for LWA, `upload`, `download`, or `*` for any.
    The first `after` calls pass unharmed, then `times` calls fail (`null`: all of them).
    `seconds` is how long `timeout` and `slow` keep silent, in real time. `every` spreads the failing calls:
    with 2 it is every second one. Notifications have faults of their own, see `NOTIFICATION`.
    """

    operation: str
    kind: Kind
    times: int | None = 1
    after: int = 0
    data_set: str = "FULFILLMENT"
    seconds: float | None = None
    every: int = 1

    def fits(self, operation: str) -> bool:
        is_meant = self.operation == operation or (self.operation == "*" and operation != NOTIFICATION)
        return is_meant and self.times != 0

    def strike(self) -> bool:
        """Count one call. True when this one is to fail."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.after = self.every - 1
        return True

    @property
    def is_before(self) -> bool:
        """The operation never runs."""
        return self.kind not in _AFTERWARDS | _INSIDE


class Faults:
    """The open orders for trouble, oldest first."""

    def __init__(self) -> None:
        self.open: list[Fault] = []

    def due(self, operation: str, *, data_sets: frozenset[str] = frozenset()) -> list[Fault]:
        """The faults that strike this call. Only one of each kind, the oldest.

        A fault `400-includedData` counts only the calls that ask for its data set.
        """
        struck: dict[str, Fault] = {}
        for fault in self.open:
            if not fault.fits(operation) or fault.kind in struck:
                continue
            if fault.kind == "400-includedData" and fault.data_set not in data_sets:
                continue
            if fault.strike():
                struck[fault.kind] = fault
        self.open = [fault for fault in self.open if fault.times != 0]
        return list(struck.values())


def instead_of_answer(fault: Fault) -> Response:
    """What the client gets when the operation never ran."""
    match fault.kind:
        case "429":
            response = quota_exceeded().response()
        case "500":
            response = Refusal(500, "InternalFailure", "We encountered an internal error.").response()
        case "403-denied":
            response = Refusal(403, "AccessDenied", "Access to requested resource is denied.").response()
        case "503-html":
            response = Response(503, _HTML, {"Content-Type": "text/html"})
        case "drop-connection":
            response = Response(500, is_dropped=True)
        case _:
            response = Response(504, delay_s=_silence(fault), is_dropped=True)
    response.fault = fault.kind
    return response


def spoil(response: Response, fault: Fault) -> None:
    """Change an honest answer into what the client gets after the operation ran."""
    match fault.kind:
        case "timeout-after":
            response.delay_s, response.is_dropped = _silence(fault), True
        case "drop-after":
            response.is_dropped = True
        case "slow":
            response.delay_s = _silence(fault)
        case "bad-json":
            response.body = response.body[: len(response.body) // 2]
        case "200-html":
            response.status, response.body = 200, _HTML
            response.headers["Content-Type"] = "text/html"
        case "200-empty":
            response.status, response.body = 200, b""
        case "truncated-page":
            response.is_truncated = True
        case _:
            return
    response.fault = fault.kind


def _silence(fault: Fault) -> float:
    if fault.seconds is not None:
        return fault.seconds
    return 2.0 if fault.kind == "slow" else 60.0
