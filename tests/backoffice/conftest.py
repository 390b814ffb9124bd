"""The shop's tests run without Amazon: a channel that only listens takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.backoffice.shop import ListeningChannel


@pytest.fixture(autouse=True)
def _own_pictures(settings: Any, tmp_path: Path) -> None:
    """Each test keeps its pictures in a folder of its own."""
    settings.DATA_DIR = tmp_path


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> ListeningChannel:
    """The channel of the orders, listening."""
    from kogge.backoffice.channels import CHANNELS

    channel: Any = ListeningChannel()
    monkeypatch.setitem(CHANNELS, "amazon", channel)
    return channel  # type: ignore[no-any-return]
