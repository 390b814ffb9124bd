"""What can go wrong with Amazon: three kinds of failure, three consequences.

    AmazonError
    ├── TryLater            back off and repeat; nothing is wrong with us
    │   ├── Throttled       a quota is used up, Amazon's or our own bucket
    │   └── OutcomeUnknown  a write was sent and not answered: look before repeating
    ├── AskHuman            Amazon refuses this one request; repeating it changes nothing
    │   └── NotFound
    └── FixSettings         Amazon refuses us; the connection pauses until somebody acts

Every error prints itself as one sentence with Amazon's request id, and never holds a token, a body
or an address: it may be stored, logged and shown.
"""

from __future__ import annotations

import re
from typing import Literal

from kogge.values import plain_text

MESSAGE_LIMIT = 300

Reason = Literal[
    "invalid_client",  # client id or secret wrong, or the secret was rotated
    "invalid_grant",  # refresh token revoked or expired: the seller has to authorise again
    "unauthorized_client",  # the application may not use this grant
    "access_denied",  # a role is missing or the seller is not eligible
    "unauthorized",  # Amazon refuses even a token made a moment ago
    "wrong_region",  # Amazon says that the account lives in another region
    "lwa_refused",  # Login with Amazon refuses for a reason not listed here
]

_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_TOKEN = re.compile(r"Atz[a-z]\|\S+|amzn1\.(?:oa2|application-oa2)\S+|[A-Za-z0-9+/=_|.\-]{48,}")


class AmazonError(Exception):
    """Anything that went wrong between us and Amazon.

    `operation` is Amazon's operation id, `status` the HTTP status if there was an answer.
    """

    def __init__(
        self,
        explanation: str = "",
        *,
        operation: str,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        self.operation = operation
        self.request_id = request_id
        self.status = status
        self.explanation = harmless(explanation)
        super().__init__(self.explanation)

    def __str__(self) -> str:
        return f"{self.sentence()}{self._evidence()}."

    def sentence(self) -> str:
        return f"{self.operation} failed: {self.explanation}"

    def _evidence(self) -> str:
        """What Amazon's support asks for."""
        known = [
            f"HTTP {self.status}" if self.status is not None else "",
            f"request id {harmless(self.request_id)}" if self.request_id else "",
        ]
        text = ", ".join(filter(None, known))
        return f" ({text})" if text else ""


class TryLater(AmazonError):
    """Amazon or the way there is out of order. `retry_after` is in seconds when somebody named a time."""

    def __init__(
        self,
        explanation: str = "Amazon could not be reached",
        *,
        operation: str,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(explanation, operation=operation, request_id=request_id, status=status)
        self.retry_after = retry_after


class Throttled(TryLater):
    """The quota of this operation is used up. Without `status` it was our own bucket: nothing was sent."""

    def sentence(self) -> str:
        wait = "" if self.retry_after is None else f"; next try in {self.retry_after:.0f} s"
        return f"{self.operation} has to wait: the quota is used up{wait}"


class OutcomeUnknown(TryLater):
    """A write reached Amazon, or may have, and its answer did not reach us: it may have taken effect."""

    def sentence(self) -> str:
        return f"{self.operation} may or may not have taken effect: {self.explanation}"


class AskHuman(AmazonError):
    """Amazon refuses this request; `code` and `message` are Amazon's words."""

    def __init__(
        self,
        message: str = "",
        *,
        operation: str,
        code: str = "",
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id, status=status)
        self.code = harmless(code)
        self.message = self.explanation

    def sentence(self) -> str:
        words = ": ".join(filter(None, (self.code, self.message)))
        return f"Amazon refused {self.operation}: {words or 'no reason given'}"


class NotFound(AskHuman):
    """Amazon does not know what was asked for."""


class FixSettings(AmazonError):
    """Amazon refuses the connection itself: credentials, authorisation, roles or region."""

    def __init__(
        self,
        message: str = "",
        *,
        operation: str,
        reason: Reason,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id, status=status)
        self.reason: Reason = reason

    def sentence(self) -> str:
        words = f": {self.explanation}" if self.explanation else ""
        return f"Amazon does not accept the connection at {self.operation} ({self.reason}){words}"


def harmless(text: str) -> str:
    """Amazon's words without mail addresses, tokens and control characters, on one line, not too long."""
    without_secrets = _TOKEN.sub("[…]", _MAIL.sub("[…]", text))
    return plain_text(" ".join(without_secrets.split()), MESSAGE_LIMIT).rstrip(". ")
