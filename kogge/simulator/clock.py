"""Amazon's clock: real time plus an offset, so that tests and the demo can let hours pass at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Virtual time. Moves by itself, can be pushed forward, never goes back."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = start - datetime.now(UTC) if start else timedelta()

    def now(self) -> datetime:
        """The current moment in UTC, cut to milliseconds as Amazon's times are."""
        moment = datetime.now(UTC) + self._offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Raises `ValueError` for a negative number."""
        if seconds < 0:
            raise ValueError("Amazon's clock does not go back")
        self._offset += timedelta(seconds=seconds)


def iso(moment: datetime) -> str:
    """A time as the Orders API writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 time with a zone. Raises `ValueError` for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"not an ISO 8601 time with a zone: {text!r}")
    return moment.astimezone(UTC)
