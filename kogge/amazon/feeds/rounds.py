"""One round of sending: for whom, through which client, by whose clock, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kogge.amazon.connections.accounts import ConnectedAmazon
from kogge.amazon.connections.models import Connection
from kogge.engine.work import Work


@dataclass(slots=True)
class Round:
    """Handed from step to step. `accepted` and `rejected` count the messages Amazon decided on."""

    connection: Connection
    client: ConnectedAmazon
    work: Work
    accepted: int = 0
    rejected: int = 0

    @property
    def now(self) -> datetime:
        return self.work.now
