"""All that is logged while orders come, are acknowledged, shipped and fail: as JSON, and about nobody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from kogge import logs
from kogge.engine import due
from kogge.engine.work import Outcome, Work
from kogge.engine.worker import run_due
from kogge.metrics.figures import read
from kogge.schedule import OPERATIONS
from kogge.simulator import credentials
from tests.conftest import PASSWORD
from tests.flows.conftest import Stage

TRACKING = "00340434161094021501"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that anybody logs at any level, as it would be written."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logs.JsonLines())
    root = logging.getLogger()
    quiet = [name for name in logging.root.manager.loggerDict if name.startswith(("kogge", "django.request"))]
    before = {name: logging.getLogger(name).level for name in ["", *quiet]}
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def people(orders: list[Any]) -> set[str]:
    """Every word about the buyers: names, addresses, telephone, mail."""
    words: set[str] = set()
    for order in orders:
        words |= {order.buyer_name, order.buyer_email, order.delivery_note}
        words |= {
            text for name, text in (order.address or {}).items() if name not in {"countryCode", "addressType"}
        }
    return {word for word in words if len(word) > 3}


def test_a_story_in_the_log_names_nobody_and_no_secret(
    stage: Stage, written: io.StringIO, hire: Callable[..., Any]
) -> None:
    anna = hire(stage.merchant, "anna", "owner")
    bought = [*stage.buy(12), *stage.buy(status="UNSHIPPED", kind="standard")]
    browser = Client()
    browser.post("/anmelden/", {"username": "anna@example.org", "password": "falsch-" + PASSWORD})
    browser.post("/anmelden/", {"username": "anna@example.org", "password": PASSWORD})

    for _turn in range(4):
        run_due(OPERATIONS, clock=stage.clock)
        stage.amazon.advance(700)
    order = stage.shop_orders()[bought[-1].order_id]
    stage.ship(order, tracking=TRACKING)
    due.make_due("stumble", 1, now=stage.now)

    def stumble(work: Work) -> Outcome:
        raise RuntimeError(f"{bought[0].buyer_name} {bought[0].buyer_email}")

    run_due({**OPERATIONS, "stumble": stumble}, clock=stage.clock)
    browser.get(f"/bestellungen/{order.number}/")
    browser.get("/bestellungen/", {"q": bought[0].buyer_name})
    browser.get(f"/{bought[0].buyer_name}")

    text = written.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    secrets = {
        credentials.CLIENT_SECRET,
        credentials.REFRESH_TOKEN,
        "Atza|",
        PASSWORD,
        anna.email,
        browser.cookies["sessionid"].value,
        browser.cookies["csrftoken"].value,
        TRACKING,
    }
    shown = json.dumps(lines, ensure_ascii=False)
    assert {word for word in people(bought) | secrets if word in shown} == set()
    calls = [line for line in lines if line.get("call") == "searchOrders"]
    assert "check_orders" in {line["operation"] for line in calls}
    assert {line["connection"] for line in calls} == {stage.connection.pk}
    assert {"duration_ms", "request_id", "run", "status"} <= calls[0].keys()
    pages = [line for line in lines if line["logger"] == "kogge.web"]
    assert {"login", "order", "orders", "-"} <= {line["route"] for line in pages}
    assert {line.get("user") for line in pages} >= {anna.pk}
    [stumbled] = [line for line in lines if line.get("operation") == "stumble" and "error" in line]
    assert stumbled["error"] == "builtins.RuntimeError"
    assert stumbled["where"][-1].endswith(" stumble")
    assert read(stage.now)  # the figures of a shop with a history


def test_a_line_says_only_what_it_may() -> None:
    record = logging.LogRecord("kogge.x", logging.INFO, "x.py", 1, "told %s", ("all",), None)
    record.call = "getOrder"
    record.buyer = "Erika"

    with logs.about(operation="check_orders", connection=7, nonsense="Erika"):
        line = json.loads(logs.JsonLines().format(record))

    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "kogge.x",
        "message": "told all",
        "operation": "check_orders",
        "connection": 7,
        "call": "getOrder",
    }


def test_an_unknown_form_ends_the_program_with_a_sentence() -> None:
    with pytest.raises(SystemExit, match="KOGGE_LOG_FORMAT"):
        logs.settings("xml", "INFO")
