"""The shop's tests run without Amazon: a channel that only listens takes its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backoffice.shop import ListeningChannel


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> ListeningChannel:
    """The channel of the orders, listening."""
    from kogge.backoffice.channels import CHANNELS

    channel: Any = ListeningChannel()
    monkeypatch.setitem(CHANNELS, "amazon", channel)
    return channel  # type: ignore[no-any-return]
