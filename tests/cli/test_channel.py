"""`kogge amazon deactivate` and `activate`: the channel off and on from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from kogge.amazon.connections.models import Connection
from kogge.backoffice import installing
from kogge.backoffice.refusal import Refusal
from kogge.cli.amazon import amazon
from kogge.merchants.models import Merchant
from tests.amazon.pages.offering import connect

pytestmark = pytest.mark.django_db


def answered(act: str, merchant: Merchant) -> Any:
    result = CliRunner().invoke(amazon, [act, "--merchant", merchant.slug, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_channel_is_switched_off_and_on(merchant: Merchant) -> None:
    connection = connect(merchant, "A1")
    Connection.objects.of(merchant).update(sealed_credentials=b"sealed")
    with pytest.raises(Refusal):
        answered("deactivate", merchant)
    installing.set_up(merchant, "amazon", by="Anna", now=merchant.created_at)

    off = answered("deactivate", merchant)
    paused = Connection.objects.of(merchant).get()
    on = answered("activate", merchant)

    assert (off["active"], on["active"]) == (False, True)
    assert (paused.state, paused.pause_reason) == ("paused", "channel_off")
    connection.refresh_from_db()
    assert connection.state == "active"
