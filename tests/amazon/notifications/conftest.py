"""Everything here talks to a simulator, and to a queue on this machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kogge.amazon.connections.models import Connection
from kogge.simulator import Simulator
from tests.amazon.account import amazon, connection
from tests.amazon.queues import Letterbox, make_letterbox, sqs_url

__all__ = ["amazon", "connection", "make_letterbox", "sqs_url"]


@pytest.fixture
def letterbox(
    amazon: Simulator, connection: Connection, make_letterbox: Callable[[Simulator], Letterbox]
) -> Letterbox:
    """The installation has got a queue after the connection was made."""
    return make_letterbox(amazon)
