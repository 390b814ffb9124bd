"""What the feed machine must know of a type of feed. The machine brings documents to Amazon and reports
back; what is inside them is the business of the flow that owns the type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from kogge.amazon.feeds.models import Feed
from kogge.amazon.feeds.rounds import Round
from kogge.engine.work import Rank

Step = Callable[[Round], None]


@dataclass(frozen=True, slots=True)
class Document:
    """A feed in Amazon's words and the marketplaces it is for."""

    content: bytes
    content_type: str
    marketplace_ids: Sequence[str]


class FeedKind(ABC):
    """A type of feed. All calls happen inside `send_feeds`; what they raise holds up this type only."""

    feed_type: ClassVar[str]
    # What of Amazon's limits it leaves to more pressing kinds.
    rank: ClassVar[Rank] = Rank.CANCEL_AND_DISPATCH
    # What is done each round beside bringing feeds to Amazon and asking about them, in this order.
    steps: Sequence[Step] = ()

    @abstractmethod
    def document(self, turn: Round, feed: Feed) -> Document | None:
        """The document, made for this attempt; None when nothing is left to be said (the feed is deleted)."""

    @abstractmethod
    def settled(self, turn: Round, feed: Feed, status: str, report: bytes | None) -> None:
        """Amazon is through (`status` DONE, CANCELLED or FATAL): a verdict for all that is still inside.

        `report` is None when Amazon made none; bytes that cannot be read decide nothing. Afterwards the
        machine closes the feed; a round that is cut off in between gives the verdicts again.
        """

    @abstractmethod
    def refused(self, turn: Round, feed: Feed, reason: str) -> None:
        """Amazon did not take the feed at all."""

    def not_through(self, feed: Feed) -> None:
        """The feed did not get to Amazon this time; it is tried again."""
        return

    def opened(self, turn: Round, feed: Feed) -> None:
        """Amazon has the feed."""
        return

    def stuck(self, turn: Round, feed: Feed) -> None:
        """The feed hangs at Amazon; called in the transaction that raises the alarm, at every poll."""
        return

    def is_urgent(self, connection_id: int) -> bool:
        """Whether something waits for the end of an open feed, so that it is asked about each minute."""
        return False

    def next_step(self, connection_id: int) -> datetime | None:
        """When one of `steps` has something to do; None while nothing waits."""
        return None

    def has_unsettled(self, connection_id: int) -> bool:
        """Whether something waits, beside feeds that are on their way."""
        return False


# The types in use, by Amazon's name. Each flow adds its own when Django starts (`apps.py`).
KINDS: dict[str, FeedKind] = {}
