"""A shop elsewhere, and a channel that only listens in the place of Amazon, for those who ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from kogge.merchants.models import Merchant
from tests.backoffice.shop import ListeningChannel
from tests.conftest import Clock
from tests.remote.shop_over_there import ShopOverThere
from tests.remote.stage import Stage, connect


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> ListeningChannel:
    """The channel of the orders, listening."""
    from kogge.backoffice.channels import CHANNELS

    channel: Any = ListeningChannel()
    monkeypatch.setitem(CHANNELS, "amazon", channel)
    return channel  # type: ignore[no-any-return]


@pytest.fixture
def stage(
    merchant: Merchant, amazon: ListeningChannel, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Stage:
    """Teehaus Muster works in a shop over there."""
    there = ShopOverThere(clock)
    connect(merchant, there, monkeypatch, clock)
    return Stage(merchant, there, clock)
