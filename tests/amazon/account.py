"""The demo seller of the simulator, connected for Teehaus Muster, and its work run by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from kogge.amazon.connections import accounts
from kogge.amazon.connections.models import Connection
from kogge.amazon.feeds.sending import send_feeds
from kogge.amazon.journal.models import JournalEntry, Trouble
from kogge.engine import due
from kogge.engine.work import Handler, Outcome, Work
from kogge.merchants.models import Merchant
from kogge.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SELLER_ID, Clock, Order, Simulator, World

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DE = "A1PA6795UKMFR9"
FR = "A13V1IB3VIYZZH"
SECRETS = (CLIENT_SECRET, REFRESH_TOKEN, "Atza|")


@pytest.fixture
def amazon(settings: Any) -> Iterator[Simulator]:
    """A running simulator that this installation takes for Amazon; its clock starts on Monday, 9:00 UTC."""
    world = World(quotas="amazon", clock=Clock(START))
    with Simulator(world=world) as simulator:
        settings.KOGGE_AMAZON_API_URL = simulator.api_url
        settings.KOGGE_AMAZON_LWA_URL = simulator.lwa_url
        settings.KOGGE_AMAZON_CONSENT_URL = simulator.url
        yield simulator


def connect(merchant: Merchant, now: datetime, **other: Any) -> Connection:
    """Connect the demo seller; `other` replaces single values."""
    values: dict[str, Any] = {
        "region": "eu",
        "seller_id": SELLER_ID,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
        "marketplace_ids": [DE, FR],
        "dispatch_mail": False,
        "start_from": None,
    }
    return accounts.connect(merchant, **(values | other), now=now)


@pytest.fixture
def connection(amazon: Simulator, merchant: Merchant) -> Connection:
    """Teehaus Muster's connection to the demo seller, selling in Germany and France."""
    return connect(merchant, amazon.world.now())


def work_on(operation: str, subject: int, clock: Callable[[], datetime]) -> Work:
    """The work a handler is given, whether it is due or not."""
    lease = due.claim_one(operation, subject, "tests", now=clock())
    assert lease is not None
    return Work(operation, subject, clock, lease)


def run(handler: Handler, operation: str, subject: int, clock: Callable[[], datetime]) -> Outcome:
    """One cycle of an operation, finished as the worker would."""
    work = work_on(operation, subject, clock)
    outcome = handler(work)
    due.finish(
        work.lease, now=clock(), next_due=outcome.next_due, error=outcome.error, waiting=outcome.waiting
    )
    return outcome


@dataclass
class Post:
    """The connection's feeds, sent round by round."""

    amazon: Simulator
    connection: Connection

    @property
    def now(self) -> datetime:
        return self.amazon.world.now()

    def buy(self, **wish: Any) -> Order:
        """A buyer orders, by default something plain that is ready to be shipped from Germany."""
        plain: dict[str, Any] = {"kind": "standard", "marketplace_id": DE}
        return self.amazon.place_order(**(plain | wish))

    def send(self) -> Outcome:
        """One round of `send_feeds`."""
        return run(send_feeds, "send_feeds", self.connection.pk, self.amazon.world.now)

    def send_after(self, *, minutes: float) -> Outcome:
        """Let time pass, then one round."""
        self.amazon.advance(minutes * 60)
        return self.send()

    def troubles(self) -> list[str]:
        """The kinds of all open troubles."""
        rows = Trouble.objects.everyone().filter(connection=self.connection, closed_at__isnull=True)
        return sorted(rows.values_list("kind", flat=True))

    def told(self, amazon_order_id: str) -> list[str]:
        """The kinds of what the journal tells about an order."""
        rows = JournalEntry.objects.everyone().filter(amazon_order_id=amazon_order_id)
        return list(rows.order_by("id").values_list("kind", flat=True))


@pytest.fixture
def post(amazon: Simulator, connection: Connection) -> Post:
    """The connection's feeds, sent round by round."""
    return Post(amazon, connection)
