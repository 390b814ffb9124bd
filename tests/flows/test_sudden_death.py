"""kill -9 at random moments: the next check goes on, and the world is as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection as database

from kogge.backoffice import stock as ledger
from kogge.backoffice.models import Order, OrderLine, StockEntry
from tests.flows.conftest import Stage, importable, total

KILLS = 5
ROOT = Path(__file__).parents[2]


@pytest.fixture
def kogge(open_stage: Stage, tmp_path: Path) -> Any:
    """`kogge(…)` starts the real program on this test's database and Amazon."""
    module = tmp_path / "the_tests_settings.py"
    module.write_text(
        f"from {os.environ.get('DJANGO_SETTINGS_MODULE', 'kogge.settings')} import *\n"
        f"DATABASES['default']['NAME'] = {str(database.settings_dict['NAME'])!r}\n"
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "the_tests_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "KOGGE_DATA_DIR": str(django_settings.DATA_DIR),
        "KOGGE_AMAZON_API_URL": open_stage.amazon.api_url,
        "KOGGE_AMAZON_LWA_URL": open_stage.amazon.lwa_url,
    }

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kogge.cli", *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def test_a_check_that_is_killed_again_and_again_loses_and_doubles_nothing(
    open_stage: Stage, kogge: Any
) -> None:
    stage = open_stage
    bought = stage.buy(600, kind="standard", age_s=300)
    dice = random.Random(2026)
    for _kill in range(KILLS):
        process = kogge("amazon", "check", str(stage.connection.pk), "--json")
        wait_for_work(stage)
        time.sleep(dice.uniform(0.0, 0.4))
        process.kill()
        process.communicate()

    process = kogge("amazon", "check", str(stage.connection.pk), "--json")
    answer, complaint = process.communicate(timeout=90)

    assert process.returncode == 0, complaint
    assert json.loads(answer)["state"] == "done"
    wanted = {order.order_id: total(order) for order in importable(bought)}
    arrived = list(Order.objects.of(stage.merchant).filter(channel="amazon"))
    assert Counter(order.external_id for order in arrived) == Counter(wanted.keys())
    assert {order.external_id: order.total for order in arrived} == wanted
    assert ledger.audit(stage.merchant.pk) == []
    lines = OrderLine.objects.of(stage.merchant).exclude(product=None).count()
    assert StockEntry.objects.of(stage.merchant).filter(kind="take").count() == lines


def wait_for_work(stage: Stage) -> None:
    """Until the program has begun to ask Amazon."""
    before = stage.amazon.calls.get("searchOrders", 0)
    deadline = time.monotonic() + 20
    while stage.amazon.calls.get("searchOrders", 0) == before and time.monotonic() < deadline:
        time.sleep(0.01)
